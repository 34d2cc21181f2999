package validator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// TestByteRules holds under the schema true: nothing but the bytes is judged, at every depth.
func TestByteRules(t *testing.T) {
	s := compile(t, `true`)
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range 40 {
			b.WriteString(`"n` + strings.Repeat("x", i) + `":0,`)
		}
		return b.String() + last + `:1}`
	}
	for _, c := range []struct{ event, fault, pointer string }{
		{`0`, "", ""},
		{`-0`, "", ""},
		{`1.0e+0`, "", ""},
		{`null`, "", ""},
		{" \t\r\n{} ", "", ""},
		{`"\u0000\ud83d\ude00/\/"`, "", ""},
		{`{"a":1,"A":1,"":{}}`, "", ""},
		{`[[],[{}],""]`, "", ""},
		{"\"\u007f\u2028\U0010ffff\"", "", ""},
		{``, "syntax", ""},
		{` `, "syntax", ""},
		{"\ufeff{}", "syntax", ""},
		{`{} {}`, "syntax", ""},
		{`{}x`, "syntax", ""},
		{`NaN`, "syntax", ""},
		{`-`, "syntax", ""},
		{`+1`, "syntax", ""},
		{`01`, "syntax", ""},
		{`-01`, "syntax", ""},
		{`1.`, "syntax", ""},
		{`.1`, "syntax", ""},
		{`1e`, "syntax", ""},
		{`1e+`, "syntax", ""},
		{`0x1`, "syntax", ""},
		{`1_0`, "syntax", ""},
		{`tru`, "syntax", ""},
		{`trueX`, "syntax", ""},
		{`nul`, "syntax", ""},
		{`'a'`, "syntax", ""},
		{`"`, "syntax", ""},
		{`"a`, "syntax", ""},
		{"\"a\nb\"", "syntax", ""},
		{"\"\x00\"", "syntax", ""},
		{`"\x"`, "syntax", ""},
		{`"\u12g4"`, "syntax", ""},
		{`"\u123`, "syntax", ""},
		{`"\`, "syntax", ""},
		{`[`, "syntax", "/0"},
		{`[1`, "syntax", ""},
		{`[1,`, "syntax", "/1"},
		{`[1,]`, "syntax", "/1"},
		{`[,1]`, "syntax", "/0"},
		{`[1 2]`, "syntax", ""},
		{`]`, "syntax", ""},
		{`[1}`, "syntax", ""},
		{`{`, "syntax", ""},
		{`{"a"`, "syntax", "/a"},
		{`{"a":`, "syntax", "/a"},
		{`{"a":1`, "syntax", ""},
		{`{"a":1,}`, "syntax", ""},
		{`{a:1}`, "syntax", ""},
		{`{"a" 1}`, "syntax", "/a"},
		{`{1:1}`, "syntax", ""},
		{"\"\xff\"", "utf8", ""},
		{"\"\xc0\x80\"", "utf8", ""},
		{"\"\xed\xa0\x80\"", "utf8", ""},
		{"\"\xf4\x90\x80\x80\"", "utf8", ""},
		{"\"\xe2\x82\"", "utf8", ""},
		{"{\"\xff\":1}", "utf8", ""},
		{`"\ud800"`, "surrogate", ""},
		{`"\udc00"`, "surrogate", ""},
		{`"\ud800\ud800"`, "surrogate", ""},
		{`"\ud800x"`, "surrogate", ""},
		{`{"\udfff":1}`, "surrogate", ""},
		{`["\uD83D\u0041"]`, "surrogate", "/0"},
		{`{"a":1,"a":1}`, "duplicate", "/a"},
		{`{"a":1,"\u0061":1}`, "duplicate", "/a"},
		{`[{"b":{"x/y":0,"x\/y":0}}]`, "duplicate", "/0/b/x~1y"},
		{many(`"nn"`), "", ""},
		{many(`"nxxx"`), "duplicate", "/nxxx"},
		{many(`"\u006e"`), "duplicate", "/n"},
		{`1e1000`, "", ""},
		{`1e-1000`, "", ""},
		{`1e1001`, "number", ""},
		{`[1e-1001]`, "number", "/0"},
		{`1e1000001`, "number", ""},
		{`1e99999999999999999999`, "number", ""},
		{`1e0000000001`, "", ""},
		{strings.Repeat("9", validator.MaxNumberText), "", ""},
		{strings.Repeat("9", validator.MaxNumberText+1), "number", ""},
		{nested(validator.MaxDepth), "", ""},
		{nested(validator.MaxDepth + 1), "depth", strings.Repeat("/0", validator.MaxDepth)},
		{strings.Repeat(`{"a":`, 1_000_000), "depth", strings.Repeat("/a", validator.MaxDepth)},
		{`"` + strings.Repeat("x", validator.MaxEventBytes-2) + `"`, "", ""},
		{`"` + strings.Repeat("x", validator.MaxEventBytes-1) + `"`, "size", ""},
	} {
		shown := c.event[:min(len(c.event), 60)]
		found := s.Explain([]byte(c.event), 0)
		if s.Valid([]byte(c.event)) != (c.fault == "") || len(found) > 1 || len(found) == 0 && c.fault != "" {
			t.Errorf("Explain(%q) = %+v, want %q", shown, found, c.fault)
			continue
		}
		if c.fault != "" && (found[0].Keyword != c.fault || found[0].Pointer != c.pointer || found[0].Location != "") {
			t.Errorf("Explain(%q) = %s at %q (location %q), want %s at %q", shown, found[0].Keyword, found[0].Pointer, found[0].Location, c.fault, c.pointer)
		}
	}
}

// TestByteRulesHoldEverywhere: no applicator turns a fault into success, and names are not shown in an address.
func TestByteRulesHoldEverywhere(t *testing.T) {
	s := compile(t, `{"not":{"properties":{"a":{"type":"string"}},"required":["a"]},"additionalProperties":true}`)
	err := s.Check([]byte(`{"secret":[{"b":1,"b":2}]}`))
	invalid, ok := err.(*validator.InvalidError)
	if !ok || !invalid.Malformed() || invalid.Violations[0].Pointer != "/secret/0/b" || invalid.Violations[0].Address != "/~other/*/~other" {
		t.Fatalf("Check = %#v, want a duplicate at /secret/0/b", err)
	}
	if text := err.Error(); text != "/~other/*/~other has this name twice in one object (duplicate)" {
		t.Errorf("Error() = %q", text)
	}
	if s.Check([]byte(`{"a":1}`)) != nil {
		t.Error("a valid event is refused")
	}
}

func TestPosition(t *testing.T) {
	text := []byte("{\n  \"é\": 1,\n}")
	for _, c := range []struct{ offset, line, column int }{{0, 1, 1}, {-5, 1, 1}, {2, 2, 1}, {4, 2, 3}, {7, 2, 5}, {len(text), 3, 2}, {99, 3, 2}} {
		if line, column := validator.Position(text, c.offset); line != c.line || column != c.column {
			t.Errorf("Position(%d) = %d:%d, want %d:%d", c.offset, line, column, c.line, c.column)
		}
	}
}

// TestKnownNamesTwice: a name that the schema knows is found twice like any other, foreseen or not, escaped or not, also
// among more names than a word has bits.
func TestKnownNamesTwice(t *testing.T) {
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, `,"n%d":{}`, i)
	}
	few, wide := compile(t, `{"properties":{"a":{},"b":{}}}`), compile(t, `{"properties":{`+many.String()[1:]+`}}`)
	for range 3 { // the last member's successor is learned from event to event
		for _, c := range []struct {
			schema *validator.Schema
			event  string
			want   bool
		}{
			{few, `{"a":1,"b":2,"c":3}`, true},
			{few, `{"a":1,"a":2}`, false},
			{few, `{"a":1,"a":2,"a":3,"a":4,"padding":"so that names are foreseen"}`, false},
			{few, `{"a":1,"b":2,"\u0061":3}`, false},
			{few, `{"\u0061":1,"b":2,"a":3,"padding":"so that names are foreseen"}`, false},
			{wide, `{"n1":1,"n99":1,"n64":1}`, true},
			{wide, `{"n1":1,"n99":1,"n99":1}`, false},
			{wide, `{"n63":1,"n64":1,"n64":1,"padding":"so that names are foreseen"}`, false},
		} {
			if got := c.schema.Valid([]byte(c.event)); got != c.want {
				t.Errorf("Valid(%s) = %v, want %v", c.event, got, c.want)
			}
		}
	}
}

// TestManyRequired: names beyond the bits of a word are required like the others.
func TestManyRequired(t *testing.T) {
	var names, members []string
	for i := range 150 {
		names, members = append(names, fmt.Sprintf(`"n%d"`, i)), append(members, fmt.Sprintf(`"n%d":%d`, i, i))
	}
	s := compile(t, `{"required":[`+strings.Join(names, ",")+`],"dependencies":{"n149":["other"]}}`)
	for missing := range members {
		event := `{"other":0,` + strings.Join(append(append([]string(nil), members[:missing]...), members[missing+1:]...), ",") + `}`
		if s.Valid([]byte(event)) {
			t.Errorf("n%d is not missed", missing)
		}
	}
	all := strings.Join(members, ",")
	if !s.Valid([]byte(`{"other":0,`+all+`}`)) || s.Valid([]byte(`{`+all+`}`)) {
		t.Error("an event with all names is judged wrongly")
	}
}

// TestBytesBehindAValue: what stands behind a value that is compared with others may be anything.
func TestBytesBehindAValue(t *testing.T) {
	for _, schema := range []string{`{"enum":[1,"a",null,[1],{"a":1}]}`, `{"not":{"const":1}}`, `{"items":{"const":1}}`, `{"uniqueItems":true}`, `{"anyOf":[{"const":1.5},{"multipleOf":3}]}`} {
		s := compile(t, schema)
		for _, value := range []string{`1`, `1.5`, `-`, `"a"`, `null`, `[1`, `[1,1`, `{"a":1`, `{"a":1}`} {
			var texts func(text string, more int)
			texts = func(text string, more int) {
				if s.Valid([]byte(text)) && !keepsByteRules([]byte(text)) {
					t.Errorf("Valid(%q) = true under %s, but the bytes break a rule", text, schema)
				}
				if more > 0 {
					for _, c := range `1-+e.x"\]},: ` {
						texts(text+string(c), more-1)
					}
				}
			}
			texts(value, 3)
		}
	}
}
