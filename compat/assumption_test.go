package compat_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// TestUndeclared: what producers do not send when they send declared members only.
func TestUndeclared(t *testing.T) {
	for _, test := range []struct{ schema, event, want string }{
		{`{"properties":{"a":{}}}`, `{"a":1,"b":2,"c/d":3}`, "/b /c~1d"},
		{`{"properties":{"a":{}}}`, `[{"b":1}]`, ""},
		{`{"type":"object"}`, `{"b":1}`, ""},
		{`{"properties":{"a":{}},"additionalProperties":{"properties":{"x":{}}}}`, `{"b":{"x":1,"y":1}}`, "/b/y"},
		{`{"properties":{"a":{}},"additionalProperties":true}`, `{"b":1}`, ""},
		{`{"properties":{"a":{"properties":{"x":{}}}}}`, `{"a":{"x":1,"y":1}}`, "/a/y"},
		{`{"allOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]}`, `{"a":1,"b":1,"c":1}`, "/c"},
		{`{"oneOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]}`, `{"a":1,"b":1,"c":1}`, "/c"},
		{`{"if":{"properties":{"k":{"const":1}}},"then":{"properties":{"a":{}}},"else":{"properties":{"b":{}}}}`, `{"k":1,"a":1,"b":1,"c":1}`, "/c"},
		{`{"dependencies":{"a":{"properties":{"b":{}}}}}`, `{"a":1,"b":1}`, "/a"},
		{`{"not":{"properties":{"a":{}}}}`, `{"b":1}`, ""},
		{`{"patternProperties":{"^x_":{"properties":{"a":{}}}}}`, `{"x_1":{"a":1,"b":1},"y":1}`, "/x_1/b /y"},
		{`{"properties":{"xa":{"properties":{"p":{}}}},"patternProperties":{"^x":{"properties":{"q":{}}}}}`, `{"xa":{"p":1,"q":1,"r":1},"xb":{"q":1,"r":1}}`, "/xa/r /xb/r"},
		{`{"patternProperties":{"^x":{"properties":{"p":{}}},"^y":{"properties":{"q":{}}}}}`, `{"x":{"q":1},"y":{"p":1}}`, "/x/q /y/p"},
		{`{"items":{"properties":{"a":{}}}}`, `[{"a":1},{"b":1}]`, "/1/b"},
		{`{"items":[{"properties":{"a":{}}}],"additionalItems":{"properties":{"b":{}}}}`, `[{"a":1,"b":1},{"a":1,"b":1},{"b":1}]`, "/0/b /1/a"},
		{`{"definitions":{"n":{"properties":{"next":{"$ref":"#/definitions/n"}}}},"$ref":"#/definitions/n"}`, `{"next":{"next":{"v":1}}}`, "/next/next/v"},
	} {
		s := compile(t, test.schema)
		if got := strings.Join(compat.Undeclared(s, []byte(test.event)), " "); got != test.want {
			t.Errorf("Undeclared(%s, %s) = %q, want %q", test.schema, test.event, got, test.want)
		}
		closed, err := compat.Close(s)
		if err != nil {
			t.Fatalf("Close(%s): %v", test.schema, err)
		}
		if got, want := closed.Source().Valid([]byte(test.event)), test.want == "" && s.Source().Valid([]byte(test.event)); got != want {
			t.Errorf("Close(%s): valid(%s) = %v, want %v", test.schema, test.event, got, want)
		}
	}
}

// TestCloseOnRandomSchemas: Close(s) takes the events of s of which nothing is undeclared, and no others.
func TestCloseOnRandomSchemas(t *testing.T) {
	var c compat.Checker
	closed, left := 0, 0
	for seed := range uint64(400) {
		g := &grammar{Rand: rand.New(rand.NewPCG(seed, 19))}
		text := g.document(g.schema(4))
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			continue
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		k, err := compat.Close(s)
		if err != nil {
			t.Fatalf("seed %d: Close(%s): %v", seed, text, err)
		}
		for range 60 {
			e := []byte(g.event(4))
			if got, want := k.Source().Valid(e), v.Valid(e) && len(compat.Undeclared(s, e)) == 0; got != want {
				t.Errorf("seed %d: Close(%s): valid(%s) = %v, want %v", seed, text, e, got, want)
			}
		}
		if k == s {
			left++
			continue
		}
		closed++
		r := c.Contains(context.Background(), k, s, compat.Options{Budget: compat.Budget{Goals: 2_000}})
		if r.Verdict == compat.Incompatible {
			t.Errorf("seed %d: Close(%s) takes %s, which the schema does not", seed, text, r.Counterexample.Event)
		}
	}
	if closed < 50 || left < 50 {
		t.Errorf("%d schemas were closed, %d left as they are; want both often", closed, left)
	}
}

// TestDeclared: a member may be added to an open object when nobody sends what is not declared; the proof says so.
func TestDeclared(t *testing.T) {
	var c compat.Checker
	old := compile(t, `{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}`)
	next := compile(t, `{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string"}},"required":["id"]}`)
	o := compat.Options{Policy: compat.SemanticDeclared}
	if r := c.Contains(t.Context(), old, next, compat.Options{}); r.Verdict != compat.Incompatible {
		t.Fatalf("SEMANTIC = %s, want incompatible", r.Verdict)
	}
	r := c.Contains(t.Context(), old, next, o)
	confirm(t, old, next, r)
	if r.Verdict != compat.Compatible || r.Policy != compat.SemanticDeclared {
		t.Fatalf("SEMANTIC_DECLARED = %s (%s %s), want compatible", r.Verdict, r.Reason, r.Detail)
	}
	if d := cmp.Diff([]string{compat.AssumeDeclared}, r.Proof.Assumptions); d != "" {
		t.Errorf("assumptions (-want +got):\n%s", d)
	}
	required := compile(t, `{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string"}},"required":["id","note"]}`)
	bad := c.Contains(t.Context(), old, required, o)
	confirm(t, old, required, bad)
	if bad.Verdict != compat.Incompatible || len(compat.Undeclared(old, bad.Counterexample.Event)) > 0 {
		t.Errorf("SEMANTIC_DECLARED of a new required member = %+v, want an event with declared members alone", bad)
	}
	// Forward the new schema is the one that is closed.
	h := []compat.Version{{Number: 1, Schema: next}}
	report := c.Check(t.Context(), compat.Forward, old, h, compat.Options{Policy: compat.SemanticDeclared, Also: true})
	if !report.Passes || report.Against[0].AlsoUnder[compat.Semantic] != compat.Incompatible {
		t.Errorf("Check(FORWARD) = %+v, want that it passes, and not under SEMANTIC", report)
	}
}
