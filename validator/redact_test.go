package validator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const schema = `{` + draft2020 + `,"type":"object","properties":{
		"id":{"type":"integer"},"open":{},
		"customer":{"$ref":"#/$defs/customer"},
		"email":{"type":"string","x-accord-pii":"contact","x-accord-redact":"hash"},
		"phone":{"type":"string","x-accord-pii":"contact","x-accord-redact":"drop"},
		"tags":{"items":{"type":"string"}},"loose":{"type":"array"},
		"map":{"patternProperties":{"^[a-z]{2}$":{"type":"integer"}},"additionalProperties":{"type":"string"}},
		"either":{"oneOf":[{"type":"string"},{"type":"integer","x-accord-pii":"financial"}]},
		"never":{"not":{"properties":{"a":{"x-accord-pii":"x"},"b":{}}},"properties":{"a":{}}},
		"public":{"x-accord-pii":false}},
		"$defs":{"customer":{"x-accord-pii":"identity","properties":{"name":{"type":"string"},"age":{"type":"integer"}}}}}`
	s := compile(t, schema)
	for event, want := range map[string]string{
		`{"id": 7, "open":[1,{"x":2}], "public":"yes"}`:          `{"id":7,"open":["<number>",{"<name 1>":"<number>"}],"public":"yes"}`,
		`{"customer":{"name":"Ada","age":36,"x":null,"y":true}}`: `{"customer":{"name":"<string>","age":"<number>","<name 1>":"<null>","<name 2>":"<boolean>"}}`,
		`{"email":"a@b.c","phone":"1","id":1}`:                   `{"email":"<string 8d9f62119571>","id":1}`,
		`{"email":"\u0061@b.c"}`:                                 `{"email":"<string 8d9f62119571>"}`,
		`{"tags":["a","b"],"loose":["a"]}`:                       `{"tags":["a","b"],"loose":["<string>"]}`,
		`{"map":{"de":1,"secret name":"x"}}`:                     `{"map":{"<name 1>":1,"<name 2>":"<string>"}}`,
		`{"either":"x"}`:                                         `{"either":"<string>"}`,
		`{"never":{"a":1,"b":2}}`:                                `{"never":{"a":"<number>","<name 1>":"<number>"}}`,
		`"top"`:                                                  `"<string>"`,
		`{"a":1,"a":2}`:                                          `{"malformed":true,"bytes":13,"offset":7}`,
		`nonsense`:                                               `{"malformed":true,"bytes":8,"offset":0}`,
	} {
		got := string(s.Redact([]byte("> "), []byte(event), []byte("key")))
		if got != "> "+want {
			t.Errorf("Redact(%s) = %s, want %s", event, got, want)
		}
	}
	if got := string(s.Redact(nil, []byte(`{"email":"a@b.c"}`), nil)); got != `{"email":"<string>"}` {
		t.Errorf("Redact without a key = %s", got)
	}
}

// TestRedactShowsNoCanary: a value that stands where any schema says it is personal, or that none declares, is never
// shown, in no draft.
func TestRedactShowsNoCanary(t *testing.T) {
	const canary = "s3cr3t-canary"
	pii := `{"type":"string","x-accord-pii":"contact"}`
	event := fmt.Sprintf(`{"v":%[1]q,"l":[%[1]q,{"v":%[1]q}],"o":{"v":%[1]q,"deep":{"v":%[1]q,"x":[%[1]q]}},%[1]q:%[1]q}`, canary)
	in := func(inner string) string {
		return `{"properties":{"v":` + inner + `,"l":{"items":` + inner + `},"o":` + inner + `}}`
	}
	for _, draft := range suiteDrafts {
		for name, schema := range map[string]string{
			"direct": in(pii), "above": `{"x-accord-pii":"identity","properties":{"v":{"type":"string"},"o":{"properties":{"v":{}}}}}`,
			"ref":         in(`{"$ref":"#/definitions/p"}`),
			"beside ref":  in(`{"$ref":"#/definitions/q","x-accord-pii":"contact"}`),
			"allOf":       in(`{"allOf":[{},` + pii + `]}`),
			"anyOf":       in(`{"anyOf":[{"type":"integer"},` + pii + `]}`),
			"oneOf":       in(`{"oneOf":[` + pii + `,{"type":"string","maxLength":1}]}`),
			"not":         in(`{"not":` + pii + `}`),
			"pattern":     `{"patternProperties":{".":` + pii + `}}`,
			"additional":  `{"additionalProperties":` + pii + `}`,
			"undeclared":  `{"properties":{"other":{}}}`,
			"recursive":   `{"properties":{"v":` + pii + `,"o":{"$ref":"#"},"deep":{"$ref":"#"}}}`,
			"nothing":     `{}`,
			"two opinion": `{"allOf":[` + in(`{"type":["string","array","object"]}`) + `,` + in(pii) + `]}`,
		} {
			text := fmt.Sprintf(`{"$schema":%q,"definitions":{"p":%s,"q":{"type":"string"}},%s`, draft.uri, pii, schema[1:])
			text = strings.Replace(text, ",}", "}", 1)
			s := compile(t, text)
			got := s.Redact(nil, []byte(event), []byte("k"))
			if strings.Contains(string(got), canary) {
				t.Errorf("%s, %s: Redact shows the canary: %s", draft.folder, name, got)
			}
			if !json.Valid(got) {
				t.Errorf("%s, %s: Redact = %s, which is no JSON", draft.folder, name, got)
			}
		}
	}
}

// FuzzRedact: whatever the bytes are, the result is JSON.
func FuzzRedact(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x",{"b":null}],"\u0061b":"\ud83d\ude00"}`))
	s := compile(f, `{`+draft2020+`,"type":"object","properties":{"a":{"items":{"type":"integer"}},"c":{"x-accord-pii":"x","x-accord-redact":"drop"}},"patternProperties":{"^a":{"$ref":"#"}}}`)
	f.Fuzz(func(t *testing.T, event []byte) {
		if got := s.Redact(nil, event, []byte("k")); !json.Valid(got) {
			t.Errorf("Redact(%q) = %q, which is no JSON", event, got)
		}
	})
}
