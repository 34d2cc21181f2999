package compat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// reads are addresses as files spell them, with ? behind those that may be absent.
func reads(list string) []compat.Read {
	out := []compat.Read{}
	for at := range strings.FieldsSeq(list) {
		name, optional := strings.CutSuffix(at, "?")
		out = append(out, compat.Read{At: strings.TrimPrefix(name, "."), Optional: optional})
	}
	return out
}

func contract(t *testing.T, text, list string, strict bool) *compat.Schema {
	t.Helper()
	k, err := compat.Contract(compile(t, text).Source(), reads(list), strict)
	if err != nil {
		t.Fatalf("Contract(%s, %s) = %v", text, list, err)
	}
	return k
}

func TestContract(t *testing.T) {
	const order = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,
		"required":["id","customer","lines"],
		"properties":{"id":{"type":"string","minLength":1},"note":{"type":"string"},
			"customer":{"type":"object","required":["name","email"],"properties":{"name":{"type":"string"},"email":{"type":"string"}}},
			"channel":{"enum":["WEB","APP"],"x-accord-extensible":true},
			"lines":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/line"}}},
		"$defs":{"line":{"type":"object","required":["sku","price"],"properties":{"sku":{"type":"string"},"price":{"type":"number","minimum":0.5}}}}}`
	const shape = `{"type":"object","oneOf":[
		{"properties":{"kind":{"const":"circle"},"r":{"type":"number"},"x":{"type":"number"}},"required":["kind","r"]},
		{"properties":{"kind":{"const":"box"},"w":{"type":"number"},"x":{"type":"string"}},"required":["kind","w"]}]}`
	const tree = `{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"kids":{"type":"array","items":{"$ref":"#"}}}}`
	for _, c := range []struct {
		schema, reads string
		strict        bool
		takes, leaves []string // events that the contract accepts, and that it does not
	}{
		{order, "", false, []string{`7`, `{}`, `null`}, nil},
		{order, "/id", false, []string{`{"id":"a"}`, `{"id":"a","more":1,"customer":3}`}, []string{`{}`, `{"id":""}`, `{"id":1}`, `[]`}},
		{order, "/id?", false, []string{`{}`, `{"id":"a"}`}, []string{`{"id":1}`}},
		{order, "/id", true, []string{`{"id":"a","note":7}`}, []string{`{"id":"a","more":1}`}},
		{order, "/customer/name", false, []string{`{"customer":{"name":"a"}}`, `{"customer":{"name":"a","email":1}}`}, []string{`{}`, `{"customer":{}}`, `{"customer":{"name":1}}`}},
		{order, "/customer/name /customer/email?", false, []string{`{"customer":{"name":"a"}}`}, []string{`{"customer":{"name":"a","email":1}}`}},
		{order, "/customer", false, []string{`{"customer":{"name":"a","email":"b"}}`}, []string{`{"customer":{"name":"a"}}`}},
		{order, "/channel", false, []string{`{"channel":"KIOSK"}`, `{}`}, []string{`{"channel":1}`}},
		{order, "/lines/*/price", false, []string{`{"lines":[{"price":1}]}`}, []string{`{}`, `{"lines":[]}`, `{"lines":[{"price":0}]}`, `{"lines":[{}]}`}},
		{order, "/lines/0/sku", false, []string{`{"lines":[{"sku":"a"},{"sku":1}]}`}, []string{`{"lines":[{"sku":1}]}`}},
		{order, ".", false, nil, []string{`{"id":"a"}`, `{"id":"a","customer":{"name":"a","email":"b"},"lines":[{"sku":"a","price":1}],"more":1}`}},
		{shape, "/x", false, []string{`{"kind":"box","x":"a"}`, `{"kind":"circle","x":1}`}, []string{`{"kind":"box","x":1}`, `{"kind":"other","x":1}`}},
		{tree, "/kids/*/kids/*/name", false, []string{`{"kids":[{"kids":[{"name":"a"}]}]}`, `{"kids":[{}]}`, `{}`}, []string{`{"kids":[{"kids":[{}]}]}`, `{"kids":[{"kids":7}]}`}},
		{tree, "/kids/*", false, []string{`{"kids":[{"name":"a","kids":[{"name":"b"}]}]}`}, []string{`{"kids":[{"name":"a","kids":[{}]}]}`}},
		{`{"type":"object","additionalProperties":{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}}`, "/*/n", false, []string{`{"a":{"n":1}}`}, []string{`{"a":{"n":"b"}}`, `{"a":{}}`}},
		{`{"properties":{"a":{"type":"string"}},"patternProperties":{"^a":{"minLength":2}}}`, "/a", false, []string{`{"a":"bb"}`}, []string{`{"a":"b"}`, `{"a":1}`}},
		{
			`{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"properties":{"v":{"type":"string"}}},"else":{"properties":{"w":{"type":"null"}}}}`, "/v", false,
			[]string{`{"k":1,"v":"a"}`, `{"k":2,"v":1,"w":1}`},
			[]string{`{"k":1,"v":1}`},
		},
	} {
		k := contract(t, c.schema, c.reads, c.strict).Source()
		for _, event := range c.takes {
			if !k.Valid([]byte(event)) {
				t.Errorf("contract for %q refuses %s", c.reads, event)
			}
		}
		for _, event := range c.leaves {
			if k.Valid([]byte(event)) {
				t.Errorf("contract for %q accepts %s", c.reads, event)
			}
		}
	}
	all, err := compat.Contract(compile(t, order).Source(), nil, false)
	if err != nil || all.Source().Valid([]byte(`{}`)) {
		t.Errorf("Contract without addresses = %v, want everything to be read", err)
	}
}

func TestContractErrors(t *testing.T) {
	s := compile(t, `{"type":"object","properties":{"a":{"type":"string"},"b":true},"additionalProperties":false}`).Source()
	for _, at := range []string{"/c", "/a/b", "a", "/b/c"} {
		_, err := compat.Contract(s, []compat.Read{{At: at}}, false)
		if wrong, ok := errors.AsType[*compat.AddressError](err); !ok || wrong.Address != at {
			t.Errorf("Contract(%q) = %v, want an AddressError that names it", at, err)
		}
	}
	_, err := compat.Contract(s, make([]compat.Read, compat.MaxReads+1), false)
	if limit, ok := errors.AsType[*compat.LimitError](err); !ok || limit.Limit != "MaxReads" {
		t.Errorf("Contract of too many addresses = %v", err)
	}
	// One definition that is read in six ways counts six times.
	var wide strings.Builder
	wide.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"wide":{"properties":{"p":true`)
	for i := range 2_000 {
		fmt.Fprintf(&wide, `,"p%d":{"properties":{"x":{"minimum":1}}}`, i)
	}
	wide.WriteString(`}}},"properties":{"a":{"$ref":"#/$defs/wide"},"b":{"$ref":"#/$defs/wide"},"c":{"$ref":"#/$defs/wide"},"d":{"$ref":"#/$defs/wide"},"e":{"$ref":"#/$defs/wide"},"f":{"$ref":"#/$defs/wide"}}}`)
	_, err = compat.Contract(compile(t, wide.String()).Source(), reads("/a/*/x /b/*/x /c/*/x /d/*/x /e/*/x /f/*/x"), false)
	if limit, ok := errors.AsType[*compat.LimitError](err); !ok || limit.Limit != "MaxContractNodes" {
		t.Errorf("Contract of too many schemas = %v", err)
	}
}

// TestContractWeakens: whatever is read, the contract takes every event of its own version; and who reads less relies
// on no more.
func TestContractWeakens(t *testing.T) {
	var c compat.Checker
	places := []string{"/a", "/b", "/c", "/a/b", "/*", "/*/a", "/0", "/a/*", "/b?", "/a/b/c", "."}
	made, decided := 0, 0
	for seed := range uint64(400) {
		g := &grammar{Rand: rand.New(rand.NewPCG(seed, 11))}
		text := `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"d":{"type":["object","null"],"properties":{"a":{"$ref":"#/$defs/d"}}}},"allOf":[` + g.schema(4) + `]}`
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			continue
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		var list []compat.Read
		for _, at := range places {
			if g.IntN(3) == 0 {
				one := reads(at)
				if _, err := compat.Contract(v, one, false); err == nil {
					list = append(list, one...)
				}
			}
		}
		strict := g.IntN(2) == 0
		k, err := compat.Contract(v, list, strict)
		if err != nil {
			t.Fatalf("seed %d: Contract(%s, %v) = %v", seed, text, list, err)
		}
		made++
		r := c.Contains(context.Background(), s, k, compat.Options{})
		if r.Verdict == compat.Incompatible {
			t.Errorf("seed %d: %s\nread at %v, strict %t, relies on more than it says: %s", seed, text, list, strict, r.Counterexample.Event)
		}
		if r.Verdict == compat.Compatible {
			decided++
		}
		n := 0
		for sample, err := range compat.Examples(s, seed) {
			if err != nil || n == 40 {
				break
			}
			if n++; !k.Source().Valid(sample.Event) {
				t.Errorf("seed %d: %s\nread at %v, strict %t, refuses %s", seed, text, list, strict, sample.Event)
			}
		}
		if len(list) > 1 {
			fewer, err := compat.Contract(v, list[1:], strict)
			if err != nil {
				t.Fatal(err)
			}
			if r := c.Contains(context.Background(), k, fewer, compat.Options{}); r.Verdict == compat.Incompatible {
				t.Errorf("seed %d: %s\nreading %v relies on more than reading %v: %s", seed, text, list[1:], list, r.Counterexample.Event)
			}
		}
	}
	if made < 250 || decided < made*9/10 {
		t.Errorf("%d contracts, %d of them decided", made, decided)
	}
}
