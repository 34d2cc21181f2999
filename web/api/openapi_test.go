package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// openAPI is as much of an OpenAPI 3.1 document as the test looks at.
type openAPI struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string   `json:"operationId"`
		Summary     string   `json:"summary"`
		Tags        []string `json:"tags"`
		Parameters  []struct {
			Name, In, Description string
			Required              bool
			Schema                struct{ Type any }
			Example               any
		} `json:"parameters"`
		RequestBody *struct {
			Content map[string]media `json:"content"`
		} `json:"requestBody"`
		Responses map[string]struct {
			Description string           `json:"description"`
			Content     map[string]media `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
	Tags []struct{ Name, Description string } `json:"tags"`
}

type media struct {
	Schema  json.RawMessage `json:"schema"`
	Example json.RawMessage `json:"example"`
}

func TestOpenAPIDocumentIsComplete(t *testing.T) {
	res, err := http.Get("http://" + serve(t) + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 40 {
		t.Fatalf("openapi %q with %d paths", doc.OpenAPI, len(doc.Paths))
	}
	var tags []string
	for _, tag := range doc.Tags {
		tags = append(tags, tag.Name)
	}
	inPath := regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)
	for path, item := range doc.Paths {
		for method, op := range item {
			at := strings.ToUpper(method) + " " + path
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || !slices.Contains(tags, op.Tags[0]) {
				t.Errorf("%s: id %q, summary %q, tags %v", at, op.OperationID, op.Summary, op.Tags)
			}
			var named []string
			for _, p := range op.Parameters {
				if p.In == "path" {
					named = append(named, p.Name)
				}
				if p.Description == "" || p.Schema.Type == nil || p.Required != (p.In == "path") {
					t.Errorf("%s: parameter %+v", at, p)
				}
				if p.In == "path" && p.Example == nil {
					t.Errorf("%s: parameter %s has no example", at, p.Name)
				}
			}
			for _, m := range inPath.FindAllStringSubmatch(path, -1) {
				if !slices.Contains(named, m[1]) {
					t.Errorf("%s: {%s} is no parameter", at, m[1])
				}
			}
			if (method == "post" || method == "put") != (op.RequestBody != nil) {
				t.Errorf("%s: request body %v", at, op.RequestBody)
			}
			if op.RequestBody != nil {
				checkMedia(t, at+" request", op.RequestBody.Content)
			}
			good := 0
			for status, r := range op.Responses {
				if r.Description == "" || status == "default" {
					t.Errorf("%s: answer %s: %+v", at, status, r)
				}
				if strings.HasPrefix(status, "2") {
					good++
					if status != "204" {
						checkMedia(t, at+" answer", r.Content)
					}
				}
			}
			if good != 1 {
				t.Errorf("%s: %d answers of success", at, good)
			}
		}
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`).FindAllSubmatch(text, -1) {
		if doc.Components.Schemas[string(ref[1])] == nil {
			t.Errorf("$ref to %s, which is not there", ref[1])
		}
	}
	if strings.Contains(string(text), "ErrorModel") {
		t.Error("an operation answers with huma's envelope")
	}
}

func checkMedia(t *testing.T, at string, content map[string]media) {
	t.Helper()
	if len(content) == 0 {
		t.Errorf("%s: no media type", at)
	}
	for name, m := range content {
		if len(m.Schema) == 0 || len(m.Example) == 0 {
			t.Errorf("%s: %s: schema %s, example %s", at, name, m.Schema, m.Example)
		}
	}
}

func TestOperationsDrawTheReference(t *testing.T) {
	a := api.New(api.Config{Registry: catalog.New(nil, catalog.Options{}), Metrics: prometheus.NewRegistry()})
	operations := a.Operations()
	if len(operations) < 60 {
		t.Fatalf("%d operations", len(operations))
	}
	for _, o := range operations {
		at := o.Method + " " + o.Path
		switch {
		case o.ID == "" || o.Summary == "" || o.Tag == "" || o.Status == 0:
			t.Errorf("%s: %+v", at, o)
		case strings.Contains(o.Curl, "{") && o.Body == nil || !strings.HasPrefix(o.Curl, "curl "):
			t.Errorf("%s: %s", at, o.Curl)
		case o.Status != 204 && o.Answer == nil:
			t.Errorf("%s has no answer", at)
		}
		for _, c := range []*api.Content{o.Body, o.Answer} {
			if c == nil {
				continue
			}
			if len(c.Types) == 0 || c.Example == "" || !json.Valid(c.Schema) || strings.Contains(string(c.Schema), `"$ref":"#/`) {
				t.Errorf("%s: content %s %s", at, c.Types, c.Schema)
			}
		}
		for _, e := range o.Errors {
			if e.Meaning == "" || e.Status < 400 {
				t.Errorf("%s: %+v", at, e)
			}
		}
	}
}
