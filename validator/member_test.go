package validator_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

func TestMember(t *testing.T) {
	const event = `{"eventType":"order.placed","v":3,"deep":{"a/b":[true,{"m~n":-1.5e3}],"n":null},"esc\u0061ped":"\ud83d\ude00\n\"","o":{},"":"empty", "twice":1,"twice":2}`
	for _, c := range []struct {
		event, pointer, want string
		ok                   bool
	}{
		{event, "/eventType", "order.placed", true},
		{event, "/v", "3", true},
		{event, "/deep/a~1b/0", "true", true},
		{event, "/deep/a~1b/1/m~0n", "-1.5e3", true},
		{event, "/deep/n", "null", true},
		{event, "/escaped", "😀\n\"", true},
		{event, "/", "empty", true},
		{event, "/twice", "1", true},
		{`{"a":{"":{"":1}}}`, "/a//", "1", true},
		{`"alone"`, "", "alone", true},
		{` 7 `, "", "7", true},
		{`[1,2`, "/1", "2", true},
		{`{"a":1,broken`, "/a", "1", true},
		{event, "", "", false},
		{event, "/o", "", false},
		{event, "/deep/a~1b", "", false},
		{event, "/deep/a~1b/2", "", false},
		{event, "/deep/a~1b/00", "", false},
		{event, "/deep/a~1b/-", "", false},
		{event, "/nothing", "", false},
		{event, "/eventType/x", "", false},
		{event, "eventType", "", false},
		{``, "", "", false},
		{``, "/a", "", false},
		{`{"a":"\ud83d"}`, "/a", "", false},
		{`{"a":"` + "\xff" + `"}`, "/a", "", false},
		{`{"a":01}`, "/a", "", false},
		{`{"a":tru}`, "/a", "", false},
		{`{broken,"a":1}`, "/a", "", false},
		{strings.Repeat("[", 1e6), "/0", "", false},
		{`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"a":1}`, "/a", "", false},
	} {
		got, ok := validator.Member([]byte(c.event), c.pointer)
		if string(got) != c.want || ok != c.ok {
			t.Errorf("Member(%.40q, %q) = %q, %v, want %q, %v", c.event, c.pointer, got, ok, c.want, c.ok)
		}
	}
}

// A JSON text that encoding/json reads gives the same string member.
func FuzzMember(f *testing.F) {
	for _, seed := range []string{`{"a":"b"}`, `{"a":"\u00e9\ud83d\ude00"}`, ` { "x" : [ 1 , {} ] , "a" : "" } `, `{"\u0061":"x"}`, `{"a":1}`, `[]`, `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		got, ok := validator.Member(event, "/a")
		var names map[string]json.RawMessage
		var want string
		if json.Unmarshal(event, &names) != nil || json.Unmarshal(names["a"], &want) != nil || names["a"][0] != '"' {
			return
		}
		if strings.ContainsRune(want, '\ufffd') || strings.Count(string(event), `:`) > 1 {
			return // encoding/json replaces what is no Unicode, and takes the last of two equal names
		}
		if !ok || string(got) != want {
			t.Fatalf("Member(%q, /a) = %q, %v, want %q", event, got, ok, want)
		}
	})
}
