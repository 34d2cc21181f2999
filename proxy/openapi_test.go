package proxy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/proxy"
)

// openAPIDocument is as much of an OpenAPI document as the tests read.
type openAPIDocument struct {
	Paths map[string]map[string]struct {
		OperationID string
		RequestBody struct{ Content map[string]openAPIContent }
		Responses   map[string]struct{ Content map[string]openAPIContent }
	}
}

type openAPIContent struct {
	Schema struct {
		Ref string `json:"$ref"`
	}
	Example  json.RawMessage
	Examples map[string]struct{ Value json.RawMessage }
}

func readOpenAPI(t *testing.T) (text []byte, doc openAPIDocument) {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	return text, doc
}

// TestOpenAPIDescribesWhatIsServed holds the document to the table of routes, and its examples to what is really sent.
func TestOpenAPIDescribesWhatIsServed(t *testing.T) {
	s, err := proxy.New(proxy.Config{Brokers: []string{"127.0.0.1:1"}, Schemas: shop("")})
	if err != nil {
		t.Fatal(err)
	}
	_, doc := readOpenAPI(t)
	var described []string
	examples := 0
	read := func(what, schema string, text json.RawMessage) {
		examples++
		if err := proxy.ReadExample(schema, text); err != nil {
			t.Errorf("example of %s: %v\n%s", what, err, text)
		}
	}
	for path, operations := range doc.Paths {
		for method, o := range operations {
			described = append(described, strings.ToUpper(method)+" "+path)
			contents := []openAPIContent{}
			for _, c := range o.RequestBody.Content {
				contents = append(contents, c)
			}
			for _, r := range o.Responses {
				for _, c := range r.Content {
					contents = append(contents, c)
				}
			}
			for _, c := range contents {
				if name := strings.TrimPrefix(c.Schema.Ref, "#/components/schemas/"); c.Example != nil && name != "" {
					read(o.OperationID, name, c.Example)
				}
				for name, x := range c.Examples {
					read(o.OperationID, map[string]string{"topics": "LetterTopics", "letters": "LetterList"}[name], x.Value)
				}
			}
		}
	}
	served := s.Routes()
	slices.Sort(described)
	slices.Sort(served)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("served (-), described (+):\n%s", diff)
	}
	if examples < 7 {
		t.Errorf("%d examples, want one at least for each operation on letters", examples)
	}
}

// TestOpenAPIIsValid asks a validator that others wrote.
func TestOpenAPIIsValid(t *testing.T) {
	python := os.Getenv("ACCORD_TEST_PYTHON")
	if python == "" {
		leftOut(t, "Python clients (ACCORD_TEST_PYTHON)")
	}
	out, err := exec.CommandContext(testContext(t), python, "-m", "openapi_spec_validator", "openapi.json").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	b := embedded(t)
	s, _ := b.gate(t, proxy.Config{Schemas: shop("")})
	text, _ := readOpenAPI(t)
	if got := get(t, front(t, s)+"/openapi.json"); got != string(text) {
		t.Errorf("another document is served: %.200s", got)
	}
}
