package validator_test

import (
	"strings"
	"testing"
)

// TestUniqueItems: equal values are equal however they are written, also where another walk has judged them before.
func TestUniqueItems(t *testing.T) {
	for _, schema := range []string{
		`{"items":{"uniqueItems":true}}`,
		`{"items":{"uniqueItems":true,"items":{"type":["string","integer","number","array","object","null","boolean"]}}}`,
		`{"items":{"uniqueItems":true,"items":{"anyOf":[{"type":"null"},{"not":{"const":"x"}}]}}}`,
	} {
		s := compile(t, schema)
		for _, before := range []string{"", `["\u0079"],`} {
			for event, want := range map[string]bool{
				`["a","b","\u0063"]`: true, `["a","\u0061"]`: false, `["\u0061","b","a"]`: false, `["a","b","a"]`: false, `["\n","\u000a"]`: false,
				`[1,2,-1,"1"]`: true, `[1,1.0]`: false, `[10,1e1]`: false, `[0,-0]`: false, `[0.1,1e-1]`: false, `[100000000000000000000,1e20]`: false,
				`[{"a":1,"b":2},{"b":2,"a":1}]`: false, `[{"a":1},{"\u0061":1.0}]`: false, `[{"a":1},{"a":2}]`: true, `[[1],[1.0]]`: false, `[[1,2],[2,1]]`: true,
				`[null,true,false,0,"",[],{}]`: true, `[null,true,true]`: false,
				`["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q"]`: true, `["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","a"]`: false,
			} {
				if got := s.Valid([]byte(`[` + before + event + `]`)); got != want {
					t.Errorf("Valid([%s%s]) = %v under %s", before, event, got, schema)
				}
			}
		}
	}
}

// TestUniqueItemsRemembered: where so many branches were tried that answers are remembered, escapes are still seen.
func TestUniqueItemsRemembered(t *testing.T) {
	s := compile(t, `{"definitions":{"any":{"anyOf":[{"type":"null"},{"type":["string","array"],"items":{"$ref":"#/definitions/any"}}]}},
		"allOf":[{"items":{"$ref":"#/definitions/any"}},{"items":{"uniqueItems":true,"items":{"$ref":"#/definitions/any"}}}]}`)
	many := strings.Repeat(`["x","y"],`, 40)
	for event, want := range map[string]bool{`["a","b"]`: true, `["a","\u0061"]`: false, `[["a"],["\u0061"]]`: false} {
		if got := s.Valid([]byte(`[` + many + event + `]`)); got != want {
			t.Errorf("Valid of %s = %v", event, got)
		}
	}
}
