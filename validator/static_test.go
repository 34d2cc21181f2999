package validator_test

import "testing"

// TestConditionsByMember: where if only asks for a member with certain strings, the member alone is looked at.
func TestConditionsByMember(t *testing.T) {
	then := `,"then":{"required":["a"]},"else":{"required":["b"]}`
	for _, c := range []struct {
		condition, event string
		want, tried      bool // whether it is valid; whether the condition was judged as a whole
	}{
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"k":"x","a":1}`, true, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"k":"x","b":1}`, false, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"b":1,"\u006b":"\u0079"}`, true, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"b":1}`, true, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"k":["x"],"b":1}`, true, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"k":"x","a":1,"k":"x"}`, false, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `{"k":"x","a":1`, false, false},
		{`{"type":"object","properties":{"k":{"type":"string","enum":["x","y"]}},"required":["k"]}`, `{"k":"y","a":1}`, true, false},
		{`{"properties":{"k":{"const":"x"}},"required":["k"]}`, `[]`, true, true},
		{`{"type":"object","properties":{"k":{"const":"x"}},"required":["k"]}`, `7`, true, true},
		{`{"properties":{"k":{"const":"x"}}}`, `{"a":1}`, true, true},
		{`{"properties":{"k":{"const":1}},"required":["k"]}`, `{"k":1.0,"a":1}`, true, true},
		{`{"properties":{"k":{"enum":["x"],"maxLength":0}},"required":["k"]}`, `{"k":"x","b":1}`, true, true},
		{`{"properties":{"k":{"const":"x"}},"required":["k"],"maxProperties":1}`, `{"k":"x","b":1}`, true, true},
		{`{"properties":{"k":{"const":"x"}},"required":["k","l"]}`, `{"k":"x","b":1}`, true, true},
		{`{"properties":{"k":{"const":"x"}},"required":["k"],"not":{"required":["n"]}}`, `{"k":"x","n":1,"b":1}`, true, true},
	} {
		s := compile(t, `{"if":`+c.condition+then+`}`)
		if got := s.Valid([]byte(c.event)); got != c.want {
			t.Errorf("Valid(%s) = %v under if %s", c.event, got, c.condition)
		}
		if want, asked := s.Oracle([]byte(c.event)); asked && want != c.want {
			t.Errorf("jsonschema v5 says %v of %s under if %s", want, c.event, c.condition)
		}
		if tried := s.Tries([]byte(c.event)) > 0; tried != c.tried {
			t.Errorf("the condition %s is judged as a whole: %v", c.condition, tried)
		}
	}
}

// TestUnionsOfValues: where every branch is but a value, or a few, the value is looked up.
func TestUnionsOfValues(t *testing.T) {
	for _, c := range []struct {
		schema  string
		yes, no []string
		tried   bool
	}{
		{`{"oneOf":[{"const":"a","title":"A"},{"const":1},{"enum":[null,{"x":[1]}]}]}`, []string{`"a"`, `"\u0061"`, `1.0`, `null`, `{"x":[1e0]}`}, []string{`"b"`, `2`, `[]`, `{}`, `"a`}, false},
		{`{"oneOf":[{"enum":["a","b"]},{"enum":["b","c"]}]}`, []string{`"a"`, `"c"`}, []string{`"b"`}, false},
		{`{"anyOf":[{"enum":["a","b"]},{"enum":["b","c"]}]}`, []string{`"a"`, `"b"`, `"c"`}, []string{`"d"`}, false},
		{`{"oneOf":[{"type":"string","const":"a"},{"type":"string","enum":["b"]}]}`, []string{`"a"`, `"b"`}, []string{`1`}, false},
		{`{"oneOf":[{"type":"integer","const":"a"},{"const":"b"}]}`, []string{`"b"`}, []string{`"a"`}, true},
		{`{"oneOf":[{"const":"ab","minLength":3},{"const":"b"}]}`, []string{`"b"`}, []string{`"ab"`}, true},
		{`{"anyOf":[{"const":"a"},{"not":{"const":"b"}}]}`, []string{`"a"`, `"c"`}, []string{`"b"`}, true},
		{`{"type":"string","maxLength":1,"oneOf":[{"const":"a"},{"const":"ab"}]}`, []string{`"a"`}, []string{`"ab"`}, false},
	} {
		s := compile(t, c.schema)
		for k, event := range append(c.yes, c.no...) {
			if got := s.Valid([]byte(event)); got != (k < len(c.yes)) || got != (s.Explain([]byte(event), 0) == nil) {
				t.Errorf("Valid(%s) = %v under %s", event, got, c.schema)
			}
			if tried := s.Tries([]byte(event)) > 0; tried != c.tried {
				t.Errorf("%s is judged branch by branch under %s: %v", event, c.schema, tried)
			}
		}
	}
}

// TestUnevaluatedItemsKnownBeforehand: where prefixItems and items alone evaluate items, none are noted one by one.
func TestUnevaluatedItemsKnownBeforehand(t *testing.T) {
	for _, c := range []struct {
		schema, event string
		want, live    bool
	}{
		{`"prefixItems":[{"type":"string"}],"unevaluatedItems":false`, `["a"]`, true, false},
		{`"prefixItems":[{"type":"string"}],"unevaluatedItems":false`, `["a",1]`, false, false},
		{`"allOf":[{"prefixItems":[true,{"type":"integer"}]}],"prefixItems":[{"type":"string"}],"unevaluatedItems":{"type":"null"}`, `["a",1,null]`, true, false},
		{`"allOf":[{"prefixItems":[true,{"type":"integer"}]}],"prefixItems":[{"type":"string"}],"unevaluatedItems":{"type":"null"}`, `["a",1,2]`, false, false},
		{`"$ref":"#/$defs/d","unevaluatedItems":false,"$defs":{"d":{"items":{"type":"integer"}}}`, `[1,2]`, true, false},
		{`"$ref":"#/$defs/d","unevaluatedItems":false,"$defs":{"d":{"items":{"type":"integer"}}}`, `[1,"a"]`, false, false},
		{`"items":true,"unevaluatedItems":false`, `[1]`, true, false},
		{`"contains":{"type":"string"},"unevaluatedItems":false`, `["a",1]`, false, true},
		{`"anyOf":[{"prefixItems":[true]},{"prefixItems":[true,{"type":"string"}]}],"unevaluatedItems":false`, `[1,"a"]`, true, true},
	} {
		s := compile(t, `{`+draft2020+`,`+c.schema+`}`)
		if got := s.Valid([]byte(c.event)); got != c.want {
			t.Errorf("Valid(%s) = %v under %s", c.event, got, c.schema)
		}
		if want, asked := s.Oracle([]byte(c.event)); asked && want != c.want {
			t.Errorf("jsonschema v5 says %v of %s under %s", want, c.event, c.schema)
		}
		if live := s.Stats().Falls["live"] > 0; live != c.live {
			t.Errorf("items are noted one by one under %s: %v", c.schema, live)
		}
	}
}
