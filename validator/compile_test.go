package validator_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/validator"
)

const draft2020 = `"$schema":"https://json-schema.org/draft/2020-12/schema"`

// TestSchemaErrors: what does not compile says where and why; the text is the same each time.
func TestSchemaErrors(t *testing.T) {
	var wide, values strings.Builder
	for i := range validator.MaxSubschemas {
		fmt.Fprintf(&wide, `,"p%d":true`, i)
	}
	for i := range validator.MaxEnumValues + 1 {
		fmt.Fprintf(&values, `,%d`, i)
	}
	for _, c := range []struct{ schema, pointer, keyword, limit, message string }{
		{``, "", "syntax", "", "is not JSON at line 1, column 1"},
		{"{\n \"a\": 1e }", "/a", "syntax", "", "is not JSON at line 2, column 9"},
		{`{"minimum":1e1000001}`, "/minimum", "number", "MaxNumberText", "has a number of more than"},
		{`{"title":"a","title":"b"}`, "/title", "duplicate", "", "has this name twice"},
		{`[]`, "", "", "", "a schema is an object or a boolean"},
		{`{"$schema":"https://json-schema.org/schema"}`, "/$schema", "$schema", "", "names no draft"},
		{`{"$schema":"https://example.com/mine"}`, "/$schema", "$schema", "", "names no draft"},
		{`{"$schema":7}`, "/$schema", "$schema", "", "names no draft"},
		{`{"type":"strin"}`, "/type", "type", "", "value must be one of"},
		{`{"properties":{"a":{"minLength":-1}}}`, "/properties/a/minLength", "minLength", "", "must be >= 0"},
		{`{"properties":{"a":{"pattern":"(?=x)"}}}`, "/properties/a/pattern", "pattern", "", "is no pattern of RE2"},
		{`{"patternProperties":{"[":true}}`, "/patternProperties/[", "[", "", "is no pattern of RE2: missing closing ]"},
		{`{"$ref":"file:///etc/passwd"}`, "/$ref", "$ref", "", "file:///etc/passwd is not among the references"},
		{`{"properties":{"a":{"$ref":"other.json#/x"}}}`, "/properties/a/$ref", "$ref", "", "other.json is not among the references"},
		{`{"$ref":"#/definitions/gone"}`, "/$ref", "$ref", "", "nothing is found at #/definitions/gone"},
		{`{"allOf":[{"$ref":"#"}]}`, "", "$ref", "", "refers to itself without end"},
		{`{"$ref":"#"}`, "", "$ref", "", "refers to itself without end"},
		{`{"regexProperties":1}`, "/regexProperties", "regexProperties", "", "is no keyword"},
		{`{"maxLength":9007199254740993}`, "/maxLength", "maxLength", "MaxCount", "is over MaxCount"},
		{`{"minLength":1e30}`, "/minLength", "minLength", "MaxCount", "is over MaxCount"},
		{`{"pattern":"` + strings.Repeat("x", validator.MaxRegexBytes+1) + `"}`, "/pattern", "pattern", "MaxRegexBytes", "is over MaxRegexBytes"},
		{`{"enum":[` + values.String()[1:] + `]}`, "/enum", "enum", "MaxEnumValues", "is over MaxEnumValues"},
		{`{"properties":{` + wide.String()[1:] + `}}`, "", "", "MaxSubschemas", "is over MaxSubschemas"},
		{strings.Repeat(`{"not":`, 70) + "true" + strings.Repeat("}", 70), strings.Repeat("/not", 64), "depth", "MaxDepth", "is nested deeper than 64"},
		{`{"title":"` + strings.Repeat("x", validator.MaxSchemaBytes) + `"}`, "", "", "MaxSchemaBytes", "is over MaxSchemaBytes"},
		{`{` + draft2020 + `,"properties":{"a":{"$id":"https://x/a","type":"string"},"b":{"$id":"https://x/a","type":"null"}}}`, "/properties/b/$id", "$id", "", "names a second schema https://x/a"},
	} {
		var first string
		for range 5 {
			_, err := validator.Compile(validator.Document{Text: []byte(c.schema)}, validator.Limits{})
			fault, ok := errors.AsType[*validator.SchemaError](err)
			shown := c.schema[:min(len(c.schema), 80)]
			if !ok {
				t.Errorf("Compile(%s) = %v, want a SchemaError", shown, err)
				break
			}
			if fault.Pointer != c.pointer || fault.Keyword != c.keyword || fault.Limit != c.limit || !strings.Contains(fault.Message, c.message) {
				t.Errorf("Compile(%s) = %+v, want %q %q %q %q", shown, fault, c.pointer, c.keyword, c.limit, c.message)
				break
			}
			if first != "" && err.Error() != first {
				t.Errorf("Compile(%s) says %q, then %q", shown, first, err)
			}
			first = err.Error()
		}
	}
}

// TestLimitsHoldOnTheirOwnSide: what is just inside a limit compiles.
func TestLimitsHoldOnTheirOwnSide(t *testing.T) {
	for _, schema := range []string{
		`{"maxLength":9007199254740992}`,
		`{"pattern":"` + strings.Repeat("x", validator.MaxRegexBytes) + `"}`,
		strings.Repeat(`{"not":`, 63) + "{}" + strings.Repeat("}", 63),
	} {
		compile(t, schema)
	}
	for _, c := range []struct {
		schema string
		inside validator.Limits
		over   validator.Limits
	}{
		{`{"enum":[1,2,3]}`, validator.Limits{EnumValues: 3}, validator.Limits{EnumValues: 2}},
		{`{"allOf":[true,true]}`, validator.Limits{Subschemas: 3}, validator.Limits{Subschemas: 2}},
		{`{"pattern":"abc"}`, validator.Limits{RegexBytes: 3}, validator.Limits{RegexBytes: 2}},
		{`{"not":true}`, validator.Limits{SchemaBytes: 12}, validator.Limits{SchemaBytes: 11}},
	} {
		if _, err := validator.Compile(validator.Document{Text: []byte(c.schema)}, c.inside); err != nil {
			t.Errorf("Compile(%s, %+v) = %v", c.schema, c.inside, err)
		}
		if _, err := validator.Compile(validator.Document{Text: []byte(c.schema)}, c.over); err == nil {
			t.Errorf("Compile(%s, %+v) = nil, want a SchemaError", c.schema, c.over)
		}
	}
	s, err := validator.Compile(validator.Document{Text: []byte(`true`)}, validator.Limits{EventBytes: 4})
	if err != nil || !s.Valid([]byte(`null`)) || s.Valid([]byte(`false`)) {
		t.Errorf("EventBytes 4: err %v, null %v, false %v", err, s.Valid([]byte(`null`)), s.Valid([]byte(`false`)))
	}
}

// TestNothingIsFetched: a $ref to a port of this machine that listens leaves it silent.
func TestNothingIsFetched(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			c.Close()
			close(called)
		}
	}()
	for _, keyword := range []string{`"$ref"`, `"$schema"`} {
		schema := fmt.Sprintf(`{%s:"http://%s/schema.json"}`, keyword, l.Addr())
		if _, err := validator.Compile(validator.Document{Text: []byte(schema)}, validator.Limits{}); err == nil {
			t.Errorf("Compile(%s) = nil, want a SchemaError", schema)
		}
	}
	l.Close()
	<-done
	select {
	case <-called:
		t.Error("the port was called")
	default:
	}
}

// TestReferencesAreFound by name against each document's base, and by $id.
func TestReferencesAreFound(t *testing.T) {
	d := validator.Document{
		Text: []byte(`{"$id":"https://example.com/a/order.json","properties":{"m":{"$ref":"money.json"},"c":{"$ref":"https://example.com/ids/customer"},"d":{"$ref":"common/date.json#/definitions/day"}}}`),
		References: map[string][]byte{
			"money.json":       []byte(`{"$schema":"` + `https://json-schema.org/draft/2020-12/schema` + `","prefixItems":[{"type":"integer"},{"$ref":"common/date.json#/definitions/day"}]}`),
			"customer.json":    []byte(`{"$id":"https://example.com/ids/customer","type":"string"}`),
			"common/date.json": []byte(`{"definitions":{"day":{"format":"date"}}}`),
			"unused.json":      []byte(`{"$schema":"https://example.com/unknown"}`),
		},
	}
	s, err := validator.Compile(d, validator.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]bool{
		`{"m":[1,"2026-02-28"],"c":"x","d":"2026-01-01"}`: true,
		`{"m":["1"]}`:            false,
		`{"m":[1,"2026-02-29"]}`: false,
		`{"c":1}`:                false,
		`{"d":"yesterday"}`:      false,
	} {
		if got := s.Valid([]byte(event)); got != want {
			t.Errorf("Valid(%s) = %v, want %v", event, got, want)
		}
	}
	d.References["https://example.com/ids/customer"] = []byte(`true`)
	if _, err := validator.Compile(d, validator.Limits{}); err == nil || !strings.Contains(err.Error(), "names two different texts") {
		t.Errorf("two texts at one URI: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		schema string
		want   []string
	}{
		{`{"properties":{"a":{"$ref":"#/definitions/x","maxLength":3,"title":"t"}},"definitions":{"x":{}},"prefixItems":[],"x-mine":1}`, []string{
			"/properties/a/maxLength is ignored beside $ref in draft-07", "/prefixItems means nothing in draft-07, it came with 2020-12",
		}},
		{`{` + draft2020 + `,"additionalItems":false,"properties":{"a":{"$id":"a","$schema":"http://json-schema.org/draft-07/schema#"}}}`, []string{
			"/additionalItems means nothing in 2020-12, it went after 2019-09", "/properties/a/$schema is ignored inside a document: its root's $schema holds",
		}},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","const":1,"id":"x"}`, []string{"/const means nothing in draft-04, it came with draft-06"}},
	} {
		var got []string
		for _, w := range compile(t, c.schema).Warnings() {
			got = append(got, w.Pointer+" "+w.Message)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Warnings(%s) (-want +got):\n%s", c.schema, diff)
		}
	}
}

// TestRoot: the tree is neutral to the draft, in document order, with references resolved.
func TestRoot(t *testing.T) {
	root := compile(t, `{`+draft2020+`,"type":["integer","string"],"title":"T","required":["z","a"],
		"properties":{"z":{"$ref":"#/$defs/m"},"a":{"const":{"b":1.0,"a":"\u0041"}},"self":{"$ref":"#"}},
		"enum":[1e0,"x"],"minimum":0.1,"maxLength":3,"format":"nothing","examples":[1, 2],
		"$defs":{"m":{"description":"d","default": 7,"x-accord-pii":true}}}`).Root()
	type view struct {
		Names, Enum, Examples      []string
		Const, Raw, Default, Title string
		Types                      validator.TypeSet
		Self, Asserted             bool
		Length, Items              int64
		Minimum                    string
	}
	got := view{
		Title: root.Title, Types: root.Types, Asserted: root.FormatAsserted, Length: root.MaxLength, Items: root.MaxItems, Minimum: root.Minimum.String(),
		Self: root.Properties[2].Schema == root, Const: string(root.Properties[1].Schema.Const), Raw: string(root.Properties[0].Schema.Raw),
		Default: string(root.Properties[0].Schema.Default),
	}
	for _, p := range root.Properties {
		got.Names = append(got.Names, p.Name)
	}
	for _, v := range root.Enum {
		got.Enum = append(got.Enum, string(v))
	}
	for _, v := range root.Examples {
		got.Examples = append(got.Examples, string(v))
	}
	want := view{
		Names: []string{"z", "a", "self"}, Enum: []string{"1", `"x"`}, Examples: []string{"1", "2"}, Const: `{"a":"A","b":1}`, Title: "T", Default: "7",
		Raw: `{"description":"d","default": 7,"x-accord-pii":true}`, Types: validator.TypeInteger | validator.TypeString, Self: true, Length: 3, Items: -1, Minimum: "1/10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Root (-want +got):\n%s", diff)
	}
	old := compile(t, `{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true,"items":[{"$ref":"#/definitions/x","description":"kept"}],"additionalItems":false,"definitions":{"x":{}}}`).Root()
	beside := old.PrefixItems[0]
	if old.Minimum != nil || old.ExclusiveMinimum == nil || old.Items == nil || *old.Items.Always || beside.Ref == nil || !strings.Contains(string(beside.Raw), "kept") {
		t.Errorf("Root of draft-04 = %+v, items %+v", old, beside)
	}
}

// TestLoopsEnd: schemas that come back to themselves in place only while an event is judged are refused then.
func TestLoopsEnd(t *testing.T) {
	s := compile(t, `{`+draft2020+`,"properties":{"x":{"$ref":"#/$defs/b"}},"if":{"$ref":"#/$defs/b"},"$defs":{"b":{"allOf":[{"$ref":"#"}]}}}`)
	if found := s.Explain([]byte(`{}`), 0); len(found) != 1 || found[0].Keyword != "budget" {
		t.Errorf("Explain = %+v, want budget", found)
	}
}

// TestEmptyNames: a schema under the empty name is itself, not what holds it.
func TestEmptyNames(t *testing.T) {
	s := compile(t, `{`+draft2020+`,"$defs":{"d":true},"dependentSchemas":{"":{"$ref":"#/$defs/d","required":["a"]}}}`)
	if s.Valid([]byte(`{"":1}`)) || !s.Valid([]byte(`{"":1,"a":2}`)) {
		t.Error("what stands beside a $ref under the empty name is not judged")
	}
}

// TestLimitsOfPrograms: what is cheap to write and dear to keep is refused, and so are documents in a long row.
func TestLimitsOfPrograms(t *testing.T) {
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%05x"`, i)
		}
		return b.String()[1:]
	}
	var wide strings.Builder
	for k := range 12 {
		fmt.Fprintf(&wide, `,{"required":[%s,"%d"]}`, names(validator.MaxEnumValues-1), k)
	}
	chain := func(n int) map[string][]byte {
		references := map[string][]byte{}
		for i := range n {
			references[fmt.Sprintf("https://x/%d", i)] = fmt.Appendf(nil, `{"$ref":"https://x/%d"}`, i+1)
		}
		references[fmt.Sprintf("https://x/%d", n)] = []byte(`{"type":"integer"}`)
		return references
	}
	for _, c := range []struct {
		document validator.Document
		limits   validator.Limits
		want     string
	}{
		{validator.Document{Text: []byte(`{"required":[` + names(validator.MaxEnumValues+1) + `]}`)}, validator.Limits{}, "MaxEnumValues"},
		{validator.Document{Text: []byte(`{"dependencies":{"a":[` + names(validator.MaxEnumValues+1) + `]}}`)}, validator.Limits{}, "MaxEnumValues"},
		{validator.Document{Text: []byte(`{"allOf":[` + wide.String()[1:] + `]}`)}, validator.Limits{SchemaBytes: 4 << 20}, "MaxProgramBytes"},
		{validator.Document{Text: []byte(`{"enum":["aaaaaaaaaa","bbbbbbbbbb"]}`)}, validator.Limits{ProgramBytes: 200}, "MaxProgramBytes"},
		{validator.Document{Text: []byte(`{"enum":["aaaaaaaaaa","bbbbbbbbbb"]}`)}, validator.Limits{ProgramBytes: 1000}, ""},
		{validator.Document{Text: []byte(`{"$ref":"https://x/0"}`), References: chain(validator.MaxReferenceDepth - 1)}, validator.Limits{}, ""},
		{validator.Document{Text: []byte(`{"$ref":"https://x/0"}`), References: chain(validator.MaxReferenceDepth)}, validator.Limits{}, "MaxReferenceDepth"},
	} {
		_, err := validator.Compile(c.document, c.limits)
		limit := ""
		if refused, ok := errors.AsType[*validator.SchemaError](err); ok {
			limit = refused.Limit
		}
		if limit != c.want || (err != nil) != (c.want != "") {
			t.Errorf("Compile(%.40s) = %v, want %q", c.document.Text, err, c.want)
		}
	}
}
