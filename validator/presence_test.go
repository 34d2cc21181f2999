package validator_test

import (
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// TestPresent lists declared members and nothing of what an event says beyond them.
func TestPresent(t *testing.T) {
	schema, err := validator.Compile(validator.Document{Text: []byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
		"id":{"type":"string"},"a/b":{},"note":{"type":"string","x-accord-pii":true,"x-accord-redact":"drop"},
		"lines":{"type":"array","items":{"$ref":"#/$defs/line"}},"pair":{"prefixItems":[{"properties":{"x":{}}}]},
		"tags":{"type":"object","additionalProperties":{"type":"object","properties":{"deep":{}}}}},
		"allOf":[{"properties":{"more":{}}}],"not":{"required":["forbidden"],"properties":{"forbidden":{}}},
		"$defs":{"line":{"properties":{"sku":{},"price":{},"sub":{"items":{"$ref":"#/$defs/line"}}}}}}`)}, validator.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{
		`{}`:                          "",
		`7`:                           "",
		`{"id":1,"note":"n","a/b":0}`: "/a~1b /id /note",
		`{"lines":[{"sku":1},{"price":1,"secret":2}]}`:                              "/lines /lines/*/price /lines/*/sku",
		`{"lines":[{"sub":[{"sku":1}]}],"more":1,"forbidden":1}`:                    "/lines /lines/*/sub /lines/*/sub/*/sku /more",
		`{"tags":{"SECRET":{"deep":1}},"SECRET":{"id":1},"pair":[{"x":1},{"x":1}]}`: "/pair /pair/*/x /tags",
	} {
		if got := strings.Join(schema.Present([]byte(event), 1000), " "); got != want {
			t.Errorf("Present(%s) = %q, want %q", event, got, want)
		}
	}
	if got := schema.Present([]byte(`{"id":`), 1000); got != nil {
		t.Errorf("Present of what is not JSON = %q", got)
	}
	if got := schema.Present([]byte(`{"x":1,"y":1,"id":1}`), 2); len(got) != 0 {
		t.Errorf("Present beyond its bound = %q", got)
	}
}
