package validator_test

import (
	"errors"
	"testing"

	"github.com/accordhq/accord/validator"
)

// fuzzSchemas touch every keyword, in several drafts.
var fuzzSchemas = []string{
	`true`,
	orderSchema,
	`{"type":["integer","null"],"minimum":-5,"exclusiveMaximum":1e3,"multipleOf":0.25}`,
	`{"type":"array","items":{"type":["number","string","array","object"]},"uniqueItems":true,"minItems":1,"maxItems":6}`,
	`{"enum":[1,1.5,"a",null,[1,{"b":2}],{"x":[],"y":""}]}`,
	`{"minLength":2,"maxLength":4,"pattern":"^[a-zé]+$","not":{"const":"abc"}}`,
	`{` + draft2020 + `,"$ref":"#/$defs/n","unevaluatedProperties":false,"properties":{"v":true},"$defs":{"n":{"anyOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"integer"}},"required":["b"]},{"patternProperties":{"^x":true}}]}}}`,
	`{` + draft2020 + `,"prefixItems":[{"type":"string"}],"contains":{"type":"integer"},"minContains":2,"maxContains":3,"unevaluatedItems":{"type":"boolean"}}`,
	`{` + draft2020 + `,"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["a"]},"else":{"propertyNames":{"maxLength":1}},"dependentRequired":{"c":["d"]},"dependentSchemas":{"e":{"minProperties":2}}}`,
	`{"$schema":"https://json-schema.org/draft/2019-09/schema","allOf":[{"items":[{"type":"integer"},true],"additionalItems":{"type":"string"}},{"anyOf":[{"maxItems":2},{"contains":{"const":"x"}}]}],"unevaluatedItems":false}`,
	`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","properties":{"n":{"type":"number","minimum":0,"exclusiveMinimum":true},"next":{"$ref":"#"}},"additionalProperties":false,"dependencies":{"n":["next"],"next":{"maxProperties":2}}}`,
	`{"oneOf":[{"type":"object","properties":{"kind":{"const":"a"},"v":{"type":"integer"}},"required":["kind"]},{"type":"object","properties":{"kind":{"const":"b"},"v":{"format":"date-time"}},"required":["kind"]},{"type":"string","contentEncoding":"base64","contentMediaType":"application/json"}]}`,
	`{"anyOf":[{"format":"email"},{"format":"uri"},{"format":"ipv6"},{"format":"duration"},{"format":"uri-template"},{"format":"hostname"}]}`,
}

// FuzzValid holds the verdict against jsonschema v5's and the byte rules, and the explanation against the verdict.
func FuzzValid(f *testing.F) {
	var schemas []*validator.Schema
	for _, text := range fuzzSchemas {
		schemas = append(schemas, compile(f, text))
	}
	for _, seed := range []string{
		`null`, `-0.75`, `1e2`, `[1,"a",1.0]`, `[[1],[1.0]]`, `{"x":[],"y":""}`, `[1,{"b":2.0}]`, `"abé"`, `"abc"`, `{"a":"s","v":1}`, `{"b":1,"xa":2}`, `["s",1,2,true]`, `[1,2,3,4]`,
		`{"k":1.0,"a":0}`, `{"c":1,"d":2,"e":3}`, `{"long":1}`, `[1,2,"x"]`, `[1,2,3]`, `{"n":1,"next":{"n":0,"next":{}}}`, `{"kind":"a","v":1}`, `{"kind":"b","v":"2026-01-01T00:00:00Z"}`,
		`"e30="`, `"e30"`, `"P1Y2M"`, `"a@b.c"`, `"http://[::1]/x?y#z"`, `"x{y*,z:3}"`, `{"\u0061":"s","a":1}`, `[1,1.00,10e-1]`, `"\ud83d\ude00a"`, "[\n1 ,\t2\r]", `{"":{"":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	for _, event := range orderEvents(2) {
		f.Add(event)
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		var c comparison
		for i, s := range schemas {
			c.event(t, s, fuzzSchemas[i], event)
		}
	})
}

// FuzzText compiles any text: it is refused with a *SchemaError, or judges as the others do.
func FuzzText(f *testing.F) {
	for i, text := range fuzzSchemas {
		f.Add([]byte(text), []byte(`{"kind":"a","a":[1,"x"],"n":1}`))
		f.Add([]byte(text), orderEvents(len(fuzzSchemas))[i])
	}
	f.Add([]byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}`), []byte(`[[]]`))
	f.Fuzz(func(t *testing.T, text, event []byte) {
		s, err := validator.Compile(validator.Document{Text: text}, validator.Limits{})
		if err != nil {
			if _, ok := errors.AsType[*validator.SchemaError](err); !ok {
				t.Errorf("Compile(%q) = %v", text, err)
			}
			return
		}
		var c comparison
		c.event(t, s, string(text), event)
	})
}
