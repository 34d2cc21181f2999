package validator_test

import (
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

func TestCompileAndJudge(t *testing.T) {
	s, err := validator.Compile(validator.Document{
		Text:       []byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["m"],"properties":{"b":{"type":"integer"},"m":{"$ref":"https://x/m/1"}}}`),
		References: map[string][]byte{"https://x/m/1": []byte(`{"$id":"https://x/m/1","$schema":"https://json-schema.org/draft/2020-12/schema","type":"number","minimum":1}`)},
	}, validator.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{
		`{"m":2}`:                  "",
		`{"m":0}`:                  "/m minimum",
		`{}`:                       " required",
		`{"m":1e1000001}`:          "/m number",
		`{"m":2,"m":2}`:            "/m duplicate",
		`{"m":2,"b":"x"}`:          "/b type",
		`{"m":2}x`:                 " syntax",
		"{\"m\":2,\"c\":\"\xff\"}": "/c utf8",
	} {
		got := ""
		if found := s.Explain([]byte(event), 0); found != nil {
			got = found[0].Pointer + " " + found[0].Keyword
		}
		if got != want {
			t.Errorf("Explain(%s) = %q, want %q", event, got, want)
		}
	}
	if n := s.Root(); len(n.Properties) != 2 || n.Properties[0].Name != "b" || n.Properties[1].Schema.Minimum == nil {
		t.Errorf("Root() = %+v", n)
	}
}

func TestReferencesAreClosed(t *testing.T) {
	for _, ref := range []string{"file:///etc/passwd", "http://127.0.0.1:1/x", "other.json"} {
		_, err := validator.Compile(validator.Document{Text: []byte(`{"$ref":"` + ref + `"}`)}, validator.Limits{})
		if err == nil || !strings.Contains(err.Error(), "not among the references") {
			t.Errorf("Compile($ref %s) = %v", ref, err)
		}
	}
}
