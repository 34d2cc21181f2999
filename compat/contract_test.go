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

const contractEvent = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,
	"required":["id","customer","lines"],
	"properties":{
		"id":{"type":"string","minLength":1},
		"customer":{"type":"object","additionalProperties":false,"required":["name"],"properties":{"name":{"type":"string"},"email":{"type":"string","format":"email"}}},
		"lines":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/line"}},
		"channel":{"enum":["WEB","APP"],"x-accord-extensible":true}},
	"$defs":{"line":{"type":"object","required":["sku","quantity"],"properties":{"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1},"parts":{"type":"array","items":{"$ref":"#/$defs/line"}}}}}}`

func reads(addresses ...string) (out []compat.Read) {
	for _, a := range addresses {
		name, optional := strings.CutSuffix(a, "?")
		out = append(out, compat.Read{Address: name, Optional: optional})
	}
	return out
}

// TestContract: what a consumer relies on, by what its contract accepts and rejects.
func TestContract(t *testing.T) {
	s := compile(t, contractEvent)
	for _, test := range []struct {
		reads   string
		strict  bool
		accepts []string
		rejects []string
	}{
		{"", false, []string{`{}`, `7`}, nil},
		{"/id", false, []string{`{"id":"a"}`, `{"id":"a","customer":7,"else":1}`}, []string{`{}`, `{"id":""}`, `7`}},
		{"/id?", false, []string{`{}`, `{"id":"a"}`}, []string{`{"id":""}`, `{"id":1}`}},
		{"/customer/name", false, []string{`{"customer":{"name":"","x":1}}`}, []string{`{}`, `{"customer":{}}`, `{"customer":{"name":1}}`, `{"customer":7}`}},
		{"/customer/name", true, []string{`{"customer":{"name":"","email":7},"id":null}`}, []string{`{"customer":{"name":"","x":1}}`, `{"customer":{"name":""},"x":1}`}},
		{"/customer", false, []string{`{"customer":{"name":""}}`}, []string{`{"customer":{"name":"","x":1}}`, `{"customer":{"name":"","email":"no"}}`}},
		{"/lines/*/sku", false, []string{`{"lines":[{"sku":"","quantity":"x"}]}`}, []string{`{"lines":[]}`, `{"lines":[{}]}`, `{"lines":[{"sku":1}]}`, `{"lines":{}}`}},
		{"/lines/*/parts/*/quantity", false, []string{`{"lines":[{"parts":[{"quantity":1}]}]}`, `{"lines":[{"parts":[{"quantity":1,"parts":7}]}]}`}, []string{`{"lines":[{}]}`, `{"lines":[{"parts":[{"quantity":0}]}]}`}},
		{"/lines/*/parts", false, []string{`{"lines":[{"parts":[{"quantity":1,"sku":""}]}]}`}, []string{`{"lines":[{"parts":[{"quantity":1,"sku":"","parts":[{}]}]}]}`}},
		{"/channel", false, []string{`{"channel":"POST"}`, `{}`}, []string{`{"channel":1}`}},
	} {
		list := []compat.Read{}
		if test.reads != "" {
			list = reads(test.reads)
		}
		k, err := compat.Contract(s, list, test.strict)
		if err != nil {
			t.Fatalf("Contract(%s): %v", test.reads, err)
		}
		if test.reads == "/lines/*/parts/*/quantity" {
			test.rejects = test.rejects[1:] // parts is not required
		}
		for _, e := range test.accepts {
			if !k.Source().Valid([]byte(e)) {
				t.Errorf("contract %q strict %v rejects %s: %v", test.reads, test.strict, e, k.Source().Check([]byte(e)))
			}
		}
		for _, e := range test.rejects {
			if k.Source().Valid([]byte(e)) {
				t.Errorf("contract %q strict %v accepts %s", test.reads, test.strict, e)
			}
		}
	}
}

// TestContractOfABranch: the value that tells branches apart counts as read when something in a branch is.
func TestContractOfABranch(t *testing.T) {
	s := compile(t, `{"type":"object","required":["id"],"properties":{"id":{"type":"string"}},"oneOf":[
		{"properties":{"kind":{"const":"card"},"number":{"type":"string"}},"required":["kind","number"]},
		{"properties":{"kind":{"const":"cash"}},"required":["kind"]}]}`)
	card, err := compat.Contract(s, reads("/number"), false)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]bool{
		`{"kind":"card","number":"1"}`: true, `{"kind":"cash"}`: true, `{"kind":"cash","number":7}`: true,
		`{"kind":"card"}`: false, `{"kind":"card","number":1}`: false, `{"kind":"cheque"}`: false,
	} {
		if got := card.Source().Valid([]byte(event)); got != want {
			t.Errorf("contract of /number: valid(%s) = %v, want %v", event, got, want)
		}
	}
	id, err := compat.Contract(s, reads("/id"), false)
	if err != nil {
		t.Fatal(err)
	}
	if e := `{"id":"a","kind":"cheque"}`; !id.Source().Valid([]byte(e)) {
		t.Errorf("contract of /id rejects %s: the kind is not read", e)
	}
}

func TestContractErrors(t *testing.T) {
	s := compile(t, contractEvent)
	for _, address := range []string{"/nothing", "/customer/age", "/id/x", "id", "/lines/sku", "/~names", "/customer/~"} {
		_, err := compat.Contract(s, reads(address), false)
		if e, ok := errors.AsType[*compat.AddressError](err); !ok || e.Address != address {
			t.Errorf("Contract(%s) = %v, want an error that names the address", address, err)
		}
	}
	many := make([]compat.Read, compat.MaxReads+1)
	if _, err := compat.Contract(s, many, false); err == nil || !strings.Contains(err.Error(), "MaxReads") {
		t.Errorf("Contract of %d addresses = %v, want MaxReads", len(many), err)
	}
	dynamic := compile(t, `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/a","$ref":"b",
		"$defs":{"x":{"$dynamicAnchor":"n","type":"string"},"b":{"$id":"b","$dynamicAnchor":"n","properties":{"p":{"$dynamicRef":"#n"}}}}}`)
	if _, err := compat.Contract(dynamic, reads("/p"), false); err == nil {
		t.Error("Contract of a schema with two dynamic anchors of a name succeeds")
	}
}

// TestContractTable: events that a contract accepts, and that it does not. Addresses are parted by spaces; ? stands behind
// those that may be absent, a dot for the whole event.
func TestContractTable(t *testing.T) {
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
		chosen := []compat.Read{}
		for at := range strings.FieldsSeq(c.reads) {
			chosen = append(chosen, reads(strings.TrimPrefix(at, "."))...)
		}
		contract, err := compat.Contract(compile(t, c.schema), chosen, c.strict)
		if err != nil {
			t.Fatalf("Contract(%s, %s): %v", c.schema, c.reads, err)
		}
		k := contract.Source()
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
	all, err := compat.Contract(compile(t, order), nil, false)
	if err != nil || all.Source().Valid([]byte(`{}`)) {
		t.Errorf("Contract without addresses = %v, want everything to be read", err)
	}
}

// TestContractLimit: one definition that is read in six ways counts six times.
func TestContractLimit(t *testing.T) {
	var wide strings.Builder
	wide.WriteString(`{"definitions":{"wide":{"properties":{"p":true`)
	for i := range 1_200 {
		fmt.Fprintf(&wide, `,"p%d":{"required":["u","v","w","x","y","z"],"properties":{"u":{},"v":{},"w":{},"x":{},"y":{},"z":{}}}`, i)
	}
	wide.WriteString(`}}},"properties":{"a":{"$ref":"#/definitions/wide"},"b":{"$ref":"#/definitions/wide"},"c":{"$ref":"#/definitions/wide"},"d":{"$ref":"#/definitions/wide"},"e":{"$ref":"#/definitions/wide"},"f":{"$ref":"#/definitions/wide"}}}`)
	_, err := compat.Contract(compile(t, wide.String()), reads("/a/*/u", "/b/*/v", "/c/*/w", "/d/*/x", "/e/*/y", "/f/*/z"), false)
	if limit, ok := errors.AsType[*compat.LimitError](err); !ok || limit.Limit != "MaxContractNodes" {
		t.Errorf("Contract of too many schemas = %v", err)
	}
}

// TestContractWeakens: on random schemas a contract accepts whatever its schema accepts, and the contract of everything
// is the schema itself.
func TestContractWeakens(t *testing.T) {
	addresses := []string{"/a", "/b", "/a/b", "/*", "/*/a", "/a/*", "/ab/c", "/c", "/0", "/0/a", "/a/a/a"}
	asked, proved := 0, 0
	var c compat.Checker
	for seed := range uint64(1_000) {
		g := &grammar{Rand: rand.New(rand.NewPCG(seed, 7))}
		text := g.document(g.schema(4))
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			continue
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		var chosen []compat.Read
		for range 1 + g.IntN(3) {
			chosen = append(chosen, compat.Read{Address: addresses[g.IntN(len(addresses))], Optional: g.IntN(3) == 0})
		}
		for _, strict := range []bool{false, true} {
			k, err := compat.Contract(s, chosen, strict)
			if _, missing := errors.AsType[*compat.AddressError](err); missing {
				continue
			}
			if err != nil {
				t.Fatalf("seed %d: Contract(%s, %v): %v", seed, text, chosen, err)
			}
			asked++
			r := c.Contains(context.Background(), s, k, compat.Options{Budget: compat.Budget{Goals: 2_000}})
			if r.Verdict == compat.Compatible {
				proved++
			}
			if r.Verdict == compat.Incompatible {
				t.Errorf("seed %d: the contract %v (strict %v) of %s rejects %s", seed, chosen, strict, text, r.Counterexample.Event)
			}
			fewer, err := compat.Contract(s, chosen[1:], strict)
			if err != nil {
				t.Fatal(err)
			}
			if r := c.Contains(context.Background(), k, fewer, compat.Options{Budget: compat.Budget{Goals: 2_000}}); r.Verdict == compat.Incompatible {
				t.Errorf("seed %d: of %s, reading %v (strict %v) relies on more than reading %v: %s", seed, text, chosen[1:], strict, chosen, r.Counterexample.Event)
			}
			for range 40 {
				if e := []byte(g.event(4)); s.Source().Valid(e) && !k.Source().Valid(e) {
					t.Errorf("seed %d: the contract %v (strict %v) of %s rejects %s", seed, chosen, strict, text, e)
				}
			}
		}
		whole, err := compat.Contract(s, []compat.Read{{}}, false)
		if err != nil {
			t.Fatalf("seed %d: Contract of everything of %s: %v", seed, text, err)
		}
		for range 40 {
			if e := []byte(g.event(4)); s.Source().Valid(e) != whole.Source().Valid(e) {
				t.Errorf("seed %d: %s under %s is %v, under the contract of everything %v", seed, e, text, s.Source().Valid(e), whole.Source().Valid(e))
			}
		}
	}
	t.Logf("%d contracts, %d proved to accept their schema", asked, proved)
	if asked < 100 || proved*10 < asked*9 {
		t.Errorf("%d of %d contracts proved, want at least 100 and nine in ten", proved, asked)
	}
}

// TestContractOfOldDrafts: what is written in one draft is derived in a draft of the same meaning.
func TestContractOfOldDrafts(t *testing.T) {
	for _, test := range []struct{ schema, accepts, rejects string }{
		{`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","properties":{"a":{"type":"integer","minimum":1,"exclusiveMinimum":true}},"required":["a"]}`, `{"a":2}`, `{"a":1}`},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"items":[{"type":"string"}],"additionalItems":false}}}`, `{"a":["x"]}`, `{"a":["x",1]}`},
		{`{"properties":{"a":{"type":"object","dependencies":{"x":["y"]}}}}`, `{"a":{"x":1,"y":1}}`, `{"a":{"x":1}}`},
		{`{"properties":{"a":{"contentMediaType":"application/json","type":"string"}}}`, `{"a":"{}"}`, `{"a":"{"}`},
		{`{"$schema":"https://json-schema.org/draft/2019-09/schema","properties":{"a":{"items":[{"type":"string"}],"unevaluatedItems":false,"contains":{"type":"string"}}}}`, `{"a":["x"]}`, `{"a":["x","y"]}`},
		{`{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"a":{"unevaluatedItems":false,"contains":{"type":"string"}}}}`, `{"a":["x"]}`, `{"a":["x",1]}`},
		{`{"properties":{"a":{"multipleOf":0.01,"maximum":1e3}}}`, `{"a":999.99}`, `{"a":0.005}`},
	} {
		k, err := compat.Contract(compile(t, test.schema), reads("/a"), false)
		if err != nil {
			t.Fatalf("Contract(%s): %v", test.schema, err)
		}
		if !k.Source().Valid([]byte(test.accepts)) || k.Source().Valid([]byte(test.rejects)) {
			t.Errorf("contract of /a of %s: valid(%s), valid(%s) = %v, %v; want true, false", test.schema, test.accepts, test.rejects,
				k.Source().Valid([]byte(test.accepts)), k.Source().Valid([]byte(test.rejects)))
		}
	}
}

// ExampleContract asks whether a new version breaks a consumer that reads one member.
func ExampleContract() {
	v1, v2 := exampleSchema(`{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"note":{"type":"string"}}}`), exampleSchema(`{"type":"object","required":["id"],"properties":{"id":{"type":"integer"}}}`)
	var c compat.Checker
	for _, address := range []string{"/id", "/note"} {
		k, err := compat.Contract(v1, []compat.Read{{Address: address, Optional: true}}, false)
		if err != nil {
			fmt.Println(err)
			return
		}
		r := c.Contains(context.Background(), v2, k, compat.Options{})
		fmt.Println(address, r.Verdict)
	}
	// Output:
	// /id incompatible
	// /note incompatible
}

func exampleSchema(text string) *compat.Schema {
	v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		panic(err)
	}
	s, err := compat.Compile(v)
	if err != nil {
		panic(err)
	}
	return s
}
