package validator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/validator"
)

// TestExplain: pointer, address, offset, keyword and words, in document order.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		schema, event string
		want          []string
	}{
		{`{"type":["integer","null"]}`, `"x"`, []string{"|  0 type: must be integer or null, is string"}},
		{`{"const":{"b":1,"a":[]}}`, `1`, []string{`|  0 const: must be {"a":[],"b":1}`}},
		{`{"enum":[1,2,3,4,5,6,"x"]}`, ` 7`, []string{`|  1 enum: must be one of 1, 2, 3, 4, 5 and 2 more`}},
		{`{"minimum":1,"multipleOf":0.01}`, `0.005`, []string{"|  0 minimum: must be at least 1", "|  0 multipleOf: must be a multiple of 0.01"}},
		{`{"exclusiveMaximum":10}`, `1e1`, []string{"|  0 exclusiveMaximum: must be less than 10"}},
		{`{"minLength":1,"pattern":"^[A-Z]{2}$","format":"date-time"}`, `""`, []string{
			"|  0 minLength: must have at least 1 character, has 0", "|  0 pattern: must match ^[A-Z]{2}$", "|  0 format: must be a date-time (RFC 3339)",
		}},
		{`{"minItems":3,"uniqueItems":true,"contains":{"type":"string"}}`, `[1,1.0]`, []string{
			"|  0 minItems: must have at least 3 items, has 2", "|  0 uniqueItems: items 0 and 1 are equal", "|  0 contains: must have at least 1 matching item, has 0",
		}},
		{`{"required":["sku"],"dependencies":{"a":["b"]},"minProperties":4,"properties":{"n":{"type":"integer"}},"additionalProperties":false}`, `{"a":1,"n":"x"}`, []string{
			`|  0 minProperties: must have at least 4 properties, has 2`, `|  0 required: must have "sku"`, `|  0 dependencies: must have "b" because it has "a"`,
			"/a | /a 5 additionalProperties: must not be here", "/n | /n 11 type: must be integer, is string",
		}},
		{`{"patternProperties":{"^x/":{"minimum":1}},"additionalProperties":{"type":"null"}}`, `{"x/~":0,"pin":1}`, []string{
			"/x~1~0 | /~re:^x~1 7 minimum: must be at least 1", "/pin | /~other 15 type: must be null, is integer",
		}},
		{`{"propertyNames":{"maxLength":2}}`, `{"abc":1}`, []string{"/abc | /~other 7 propertyNames: name must have at most 2 characters, has 3"}},
		{`{"items":[{"type":"null"}],"additionalItems":false}`, `[1,2]`, []string{"/0 | /0 1 type: must be null, is integer", "/1 | /* 3 additionalItems: must not be here"}},
		{`{` + draft2020 + `,"properties":{"l":{"items":{"$ref":"#/$defs/p"}}},"$defs":{"p":{"properties":{"q":{"minimum":1}}}}}`, `{"l":[{"q":1},{"q":0}]}`, []string{
			"/l/1/q | /l/*/q 19 minimum: must be at least 1",
		}},
		{`{` + draft2020 + `,"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"a":1,"b":2}`, []string{"/b | /~other 11 unevaluatedProperties: must not be here"}},
		{`{"not":{"type":"integer"}}`, `1`, []string{"|  0 not: must not match this form"}},
		{`{"oneOf":[{"type":"integer"},{"type":"string"},{"minimum":2}]}`, `3`, []string{"|  0 oneOf: must match one of 3 forms, matches forms 1 and 3"}},
		{`{"anyOf":[{"type":"null"},{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["c"]}]}`, `{"a":1,"b":2}`, []string{
			"|  0 anyOf: must match one of 2 forms, matches none", `|  0 required: must have "c"`, "/a | /a 5 type: must be string, is integer", "/b | /b 11 type: must be string, is integer",
		}},
		{`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, []string{`|  0 required: must have "b"`}},
		{kinds, `{"kind":"card","pan":1}`, []string{"/pan | /pan 21 type: must be string, is integer"}},
		{kinds, `{"kind":"cash"}`, []string{`/kind | /kind 8 oneOf: must be one of "card", "iban", "sepa"`}},
		{kinds, `{}`, []string{`|  0 oneOf: must have "kind"`}},
		{`false`, `{}`, []string{"|  0 false: must not be here"}},
		{`{"contentMediaType":"application/json","contentEncoding":"base64"}`, `["e30="]`, nil},
		{`{"items":{"contentMediaType":"application/json","contentEncoding":"base64"}}`, `["e30=","e30","eyJ9"]`, []string{
			"/1 | /* 8 contentEncoding: must be base64", "/2 | /* 14 contentMediaType: must hold JSON",
		}},
	} {
		s := compile(t, c.schema)
		var got []string
		for _, v := range s.Explain([]byte(c.event), 0) {
			place := ""
			if v.Pointer != "" {
				place = v.Pointer + " "
			}
			got = append(got, fmt.Sprintf("%s| %s %d %s: %s", place, v.Address, v.Offset, v.Keyword, v.Message))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Explain(%s) under %s (-want +got):\n%s", c.event, c.schema, diff)
		}
	}
}

const kinds = `{"oneOf":[{"$ref":"#/definitions/card"},{"properties":{"kind":{"enum":["iban","sepa"]}},"required":["kind"]}],
	"definitions":{"card":{"properties":{"kind":{"const":"card"},"pan":{"type":"string"}},"required":["kind","pan"]}}}`

// TestExplainStops: no more than asked for, the first ones in document order, whatever order keywords find them in.
func TestExplainStops(t *testing.T) {
	s := compile(t, `{"allOf":[{"items":{"minimum":0}},{"items":{"type":"integer"}}]}`)
	event := []byte(`[` + strings.TrimSuffix(strings.Repeat(`-0.5,`, 1000), ",") + `]`)
	found := s.Explain(event, 3)
	if len(found) != 3 || found[0].Pointer != "/0" || found[1].Pointer != "/0" || found[2].Pointer != "/1" {
		t.Errorf("Explain(…, 3) = %+v", found)
	}
	if n := len(s.Explain(event, 0)); n != validator.MaxViolations {
		t.Errorf("Explain(…, 0) has %d violations, want %d", n, validator.MaxViolations)
	}
	invalid, ok := s.Check(event).(*validator.InvalidError)
	if !ok || !invalid.More || len(invalid.Violations) != validator.MaxViolations || invalid.Malformed() {
		t.Errorf("Check = %+v", invalid)
	}
	if location := found[0].Location; location != "accord:///schema#/allOf/1/items/type" {
		t.Errorf("Location = %s", location)
	}
}

// TestExplainShowsNoPayload: a canary that stands everywhere in an event is in pointers alone.
func TestExplainShowsNoPayload(t *testing.T) {
	const canary = "s3cr3t"
	for _, schema := range fuzzSchemas {
		s := compile(t, schema)
		for _, event := range []string{
			`"` + canary + `"`, `{"` + canary + `":"` + canary + `"}`, `["` + canary + `",{"` + canary + `":1,"` + canary + `":2}]`, `{"kind":"` + canary + `"}`, `{"k":1,"` + canary + `":{}}`,
		} {
			for _, v := range s.Explain([]byte(event), 0) {
				v.Pointer = ""
				if strings.Contains(fmt.Sprintf("%+v", v), canary) {
					t.Errorf("Explain(%s) under %s shows the payload: %+v", event, schema, v)
				}
			}
			if err := s.Check([]byte(event)); err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("Check(%s) = %v", event, err)
			}
		}
	}
}

// TestNoKeywordShowsPayload: each keyword, and each byte rule, refuses an event made of a canary, a text and a number, and
// shows it in pointers alone.
func TestNoKeywordShowsPayload(t *testing.T) {
	const word, number = "s3cr3t", "8675309"
	long := `"` + word + strings.Repeat("x", validator.MaxEventBytes) + `"`
	named := func(value string) string { return `{"` + word + `":` + value + `}` }
	v2020 := `{` + draft2020 + `,`
	shown := map[string]bool{}
	for _, c := range []struct{ schema, event string }{
		{`{"type":"object"}`, `"` + word + `"`},
		{`{"type":"string"}`, number},
		{`{"const":1}`, `"` + word + `"`},
		{`{"enum":[1]}`, named(number)},
		{`{"minimum":1e9}`, number},
		{`{"exclusiveMinimum":1e9}`, number},
		{`{"maximum":1}`, number},
		{`{"exclusiveMaximum":1}`, number},
		{`{"multipleOf":1000}`, number},
		{`{"minLength":100}`, `"` + word + `"`},
		{`{"maxLength":1}`, `"` + word + `"`},
		{`{"pattern":"^x"}`, `"` + word + `"`},
		{`{"format":"date"}`, `"` + word + `"`},
		{`{"contentEncoding":"base64"}`, `"` + word + `!"`},
		{`{"contentMediaType":"application/json"}`, `"` + word + `"`},
		{`{"contentMediaType":"application/json","contentSchema":{"type":"null"}}`, `"` + number + `"`},
		{`{"not":{}}`, `"` + word + `"`},
		{`{"minItems":3}`, `["` + word + `"]`},
		{`{"maxItems":0}`, `["` + word + `"]`},
		{`{"uniqueItems":true}`, `["` + word + `","` + word + `"]`},
		{`{"uniqueItems":true}`, `[` + named(number) + `,` + named(number) + `]`},
		{`{"contains":{"type":"null"}}`, `["` + word + `",` + number + `]`},
		{v2020 + `"contains":{"type":"string"},"minContains":2}`, `["` + word + `",` + number + `]`},
		{v2020 + `"contains":{"type":"string"},"maxContains":1}`, `["` + word + `","` + word + `2"]`},
		{`{"minProperties":3}`, named(number)},
		{`{"maxProperties":0}`, named(number)},
		{`{"required":["a"]}`, named(number)},
		{v2020 + `"dependentRequired":{"` + word + `":["a"]}}`, named(number)},
		{`{"dependencies":{"` + word + `":["a"]}}`, named(number)},
		{`{"items":[{}],"additionalItems":false}`, `[1,"` + word + `"]`},
		{v2020 + `"prefixItems":[{}],"items":false}`, `[1,"` + word + `"]`},
		{`{"additionalProperties":false}`, named(`"` + word + `"`)},
		{v2020 + `"unevaluatedItems":false}`, `["` + word + `"]`},
		{v2020 + `"unevaluatedProperties":false}`, named(`"` + word + `"`)},
		{`{"properties":{"a":false}}`, `{"a":"` + word + `"}`},
		{`{"propertyNames":{"maxLength":1}}`, named(number)},
		{`{"oneOf":[{"type":"null"},{"type":"array"}]}`, `"` + word + `"`},
		{`{"anyOf":[{"properties":{"k":{"const":"a"}},"required":["k"]},{"properties":{"k":{"const":"b"}},"required":["k"]}]}`, `{"k":"` + word + `"}`},
		{`true`, named(`"` + word)},
		{`true`, "{\"" + word + "\":\"\xff\"}"},
		{`true`, named(`"\ud800"`)},
		{`true`, `{"` + word + `":1,"` + word + `":2}`},
		{`true`, named(number + `e9999`)},
		{`true`, strings.Repeat(`{"`+word+`":`, 100)},
		{`true`, long},
	} {
		s := compile(t, c.schema)
		// Names of the schema may be shown: they are no payload.
		secret := func(text string) bool {
			return strings.Contains(text, number) || strings.Contains(text, word) && !strings.Contains(c.schema, word)
		}
		found := s.Explain([]byte(c.event), 0)
		for _, v := range found {
			shown[v.Keyword] = true
			v.Pointer = ""
			if secret(fmt.Sprintf("%+v", v)) {
				t.Errorf("Explain(%.80s) under %s shows the payload: %+v", c.event, c.schema, v)
			}
		}
		if err := s.Check([]byte(c.event)); err == nil || secret(err.Error()) {
			t.Errorf("Check(%.80s) under %s = %v", c.event, c.schema, err)
		}
	}
	for _, keyword := range append(validator.Keywords(), validator.Faults()...) {
		if !shown[keyword] && keyword != "budget" {
			t.Errorf("no event here is refused by %s", keyword)
		}
	}
}

// TestRecursiveUnions: a union that is asked again and again about the same places costs steps by its bytes.
func TestRecursiveUnions(t *testing.T) {
	for _, schema := range []string{
		`{"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#"}},{"type":"array","maxItems":1,"items":{"$ref":"#"}}]}`,
		`{"oneOf":[{"type":"integer"},{"items":{"$ref":"#"},"type":"array","minItems":1},{"type":"array","minItems":2,"items":{"$ref":"#"}}]}`,
		`{` + draft2020 + `,"$dynamicAnchor":"n","anyOf":[{"type":"integer"},{"type":"array","items":{"$dynamicRef":"#n"}},{"type":"array","maxItems":1,"items":{"$dynamicRef":"#n"}}]}`,
		`{"not":{"anyOf":[{"type":"string"},{"items":{"not":{"$ref":"#"}},"type":"array"},{"items":{"not":{"$ref":"#"}},"type":"array","maxItems":2}]}}`,
	} {
		s := compile(t, schema)
		for leaf, want := range map[string]bool{`1`: true, `"x"`: false} {
			event := []byte(strings.Repeat("[", validator.MaxDepth) + leaf + strings.Repeat("]", validator.MaxDepth))
			if got := s.Valid(event); got != want {
				t.Errorf("Valid(64 deep %s) = %v under %s: %v", leaf, got, schema, s.Check(event))
			}
		}
	}
}

// TestBudget: an event may not ask for more work than its bytes allow, and is refused with that word. Answers are not
// remembered where somebody needs to know what was evaluated.
func TestBudget(t *testing.T) {
	var defs strings.Builder
	for i := range 30 {
		fmt.Fprintf(&defs, `"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	s := compile(t, `{`+draft2020+`,"$ref":"#/$defs/d0","unevaluatedProperties":false,"$defs":{`+defs.String()+`"d30":{"properties":{"a":true}}}}`)
	event := []byte(`{"a":1}`)
	found := s.Explain(event, 0)
	if len(found) != 1 || found[0].Keyword != "budget" || s.Valid(event) {
		t.Fatalf("Explain = %+v, want budget", found)
	}
	if invalid, ok := s.Check(event).(*validator.InvalidError); !ok || invalid.Malformed() {
		t.Error("too much work is not malformed")
	}
	for _, e := range orderEvents(8) {
		if used, allowed := compile(t, orderSchema).Steps(e); used*4 > allowed {
			t.Errorf("an ordinary event of %d bytes costs %d of %d steps", len(e), used, allowed)
		}
	}
}

// TestUnionsByMember: one branch alone is judged only where every branch requires the member with values of its own.
func TestUnionsByMember(t *testing.T) {
	branch := func(values, required string) string {
		return `{"properties":{"k":` + values + `},"required":[` + required + `]}`
	}
	for _, c := range []struct {
		schema, event string
		want          bool
	}{
		{`{"oneOf":[` + branch(`{"const":"a"}`, ``) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{}`, true},
		{`{"oneOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{}`, false},
		{`{"oneOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{"x":{"k":"b"},"\u006b":"\u0061"}`, true},
		{`{"oneOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{"k":1}`, false},
		{`{"oneOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `[]`, false},
		{`{"anyOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `[]`, true},
		{`{"oneOf":[` + branch(`{"enum":["a","b"]}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{"k":"b"}`, false},
		{`{"oneOf":[` + branch(`{"enum":["a","b"]}`, `"k"`) + `,` + branch(`{"const":1}`, `"k"`) + `]}`, `{"k":1}`, true},
		{`{"oneOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{"k":"a","k":"b"}`, false},
		{`{"oneOf":[` + branch(`{"const":"a"}`, `"k"`) + `,` + branch(`{"const":"b"}`, `"k"`) + `]}`, `{"k":"a"`, false},
	} {
		if got := compile(t, c.schema).Valid([]byte(c.event)); got != c.want {
			t.Errorf("Valid(%s) = %v under %s", c.event, got, c.schema)
		}
	}
}
