package compat_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

func TestFill(t *testing.T) {
	for _, test := range []struct{ schema, event, want string }{
		{`{"properties":{"a":{"default":1}}}`, `{"b":2}`, `{"a":1,"b":2}`},
		{`{"properties":{"a":{"default":1}}}`, `{"a":null}`, `{"a":null}`},
		{`{"properties":{"a":{"default":1}}}`, `[]`, `[]`},
		{`{"properties":{"a":{"type":"string","default":1}}}`, `{}`, `{}`},
		{`{"allOf":[{"properties":{"a":{"default":1}}}],"$ref":"#/allOf/0"}`, `{}`, `{"a":1}`},
		{`{"anyOf":[{"properties":{"a":{"default":1}}}]}`, `{}`, `{}`},
		{`{"properties":{"a":{"default":{},"properties":{"b":{"default":true}}}}}`, `{}`, `{"a":{"b":true}}`},
		{`{"properties":{"a":{"properties":{"b":{"default":true}}}}}`, `{"a":{}}`, `{"a":{"b":true}}`},
		{`{"items":{"properties":{"b":{"default":0}}}}`, `[{},{"b":1},3]`, `[{"b":0},{"b":1},3]`},
		{`{"items":[{"properties":{"b":{"default":0}}}]}`, `[{}]`, `[{}]`},
		{`{"definitions":{"n":{"properties":{"v":{"default":0},"next":{"$ref":"#/definitions/n"}}}},"$ref":"#/definitions/n"}`, `{"next":{}}`, `{"next":{},"v":0}`},
		{`{"patternProperties":{"^a":{"default":1}}}`, `{}`, `{}`},
	} {
		s := compile(t, test.schema)
		got, err := compat.Fill(s, []byte(test.event))
		if err != nil || string(got) != test.want {
			t.Errorf("Fill(%s, %s) = %s, %v; want %s", test.schema, test.event, got, err, test.want)
		}
	}
}

func TestFills(t *testing.T) {
	old := compile(t, `{"properties":{"a":{"properties":{"b":{"type":"boolean"}}}}}`)
	next := compile(t, `{"properties":{"n":{"default":1.50},"a":{"default":{},"properties":{"b":{"default":true}}},"list":{"items":{"properties":{"c/d":{"default":"x"}}}}}}`)
	got, err := compat.Fills(old, next)
	if err != nil {
		t.Fatal(err)
	}
	want := []compat.Filling{
		{Address: "/a", Default: json.RawMessage(`{}`), Declared: true},
		{Address: "/n", Default: json.RawMessage(`1.50`)},
		{Address: "/a/b", Default: json.RawMessage(`true`), Declared: true},
		{Address: "/list/*/c~1d", Default: json.RawMessage(`"x"`)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Fills (-want +got):\n%s", d)
	}
}

// TestUpcastPolicy: what a default makes good, and what it does not.
func TestUpcastPolicy(t *testing.T) {
	var c compat.Checker
	o := `{"type":"object"`
	for _, test := range []struct {
		name, old, next, want string
	}{
		{"required with a default", o + `}`, o + `,"properties":{"a":{"default":"x"}},"required":["a"]}`, "compatible"},
		{"and a type, which old may have sent otherwise", o + `}`, o + `,"properties":{"a":{"type":"string","default":"x"}},"required":["a"]}`, `{"a":null}`},
		{"a default that its schema refuses", o + `}`, o + `,"properties":{"a":{"type":"string","default":1}},"required":["a"]}`, `{}`},
		{"the size counts what is filled", o + `,"maxProperties":2,"properties":{"a":{}}}`, o + `,"maxProperties":2,"properties":{"a":{"default":0}}}`, `{"m0":null,"m1":null}`},
		{"a lower bound is met by what is filled", o + `}`, o + `,"minProperties":1,"properties":{"a":{"default":0}}}`, "compatible"},
		{"a name that is refused cannot be filled", o + `}`, o + `,"properties":{"a":{"default":0}},"propertyNames":{"maxLength":0}}`, `{}`},
		{"what hangs on it is then asked", o + `}`, o + `,"properties":{"a":{"default":0}},"dependencies":{"a":["b"]}}`, `{}`},
		{"in items", `{"type":"array","items":{"type":"object"}}`, `{"type":"array","items":{"type":"object","properties":{"a":{"default":0}},"required":["a"]}}`, "compatible"},
		{"a const of the whole", `{"enum":[{},{"a":0}]}`, `{"properties":{"a":{"default":0}},"const":{"a":0}}`, "compatible"},
		{"under not", `{"const":{}}`, `{"properties":{"a":{"default":0}},"not":{"required":["a"]}}`, `{}`},
		{"unique items that are filled", `{"type":"array","items":{"type":"object"},"uniqueItems":true}`, `{"type":"array","uniqueItems":true,"items":{"properties":{"a":{"default":0}}}}`, "upcast-size"},
	} {
		old, next := compile(t, test.old), compile(t, test.next)
		r := c.Contains(t.Context(), old, next, compat.Options{Policy: compat.SemanticUpcast})
		got := r.Verdict.String()
		switch r.Verdict {
		case compat.Undecided:
			got = string(r.Reason)
		case compat.Compatible:
			if err := compat.Verify(old, next, r.Proof); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			if d := cmp.Diff([]string{compat.AssumeFilled}, r.Proof.Assumptions); d != "" {
				t.Errorf("%s: assumptions (-want +got):\n%s", test.name, d)
			}
		case compat.Incompatible:
			got = string(r.Counterexample.Event)
			filled, err := compat.Fill(next, r.Counterexample.Event)
			if err != nil || !old.Source().Valid(r.Counterexample.Event) || next.Source().Valid(filled) || len(r.Counterexample.Violations) == 0 {
				t.Errorf("%s: %s becomes %s (%v), which does not break", test.name, r.Counterexample.Event, filled, err)
			}
		}
		if got != test.want {
			t.Errorf("%s: SEMANTIC_UPCAST of %s, %s = %s (%s), want %s", test.name, test.old, test.next, got, r.Detail, test.want)
		}
	}
	// On the way down no lens fills: FORWARD asks as SEMANTIC does.
	next := compile(t, o+`,"properties":{"a":{"default":"x"}},"required":["a"]}`)
	h := []compat.Version{{Number: 1, Schema: next}}
	if r := c.Check(t.Context(), compat.Forward, compile(t, o+`}`), h, compat.Options{Policy: compat.SemanticUpcast}); r.Passes {
		t.Error("Check(FORWARD) under SEMANTIC_UPCAST fills on the way down")
	}
}

// TestFillOnRandomSchemas: the question that is asked takes an event exactly when the schema takes it filled; filling
// twice changes nothing more.
func TestFillOnRandomSchemas(t *testing.T) {
	var c compat.Checker
	filled, asked := 0, 0
	for seed := range uint64(1_200) {
		g := &grammar{Rand: rand.New(rand.NewPCG(seed, 23))}
		text := g.document(g.schema(4))
		for _, name := range []string{"a", "b", "c", "ab"} {
			text = strings.ReplaceAll(text, `"properties":{"`+name+`":{"`, `"properties":{"`+name+`":{"default":`+g.value()+`,"`)
		}
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			continue
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		open, err := s.Unfilled()
		if err != nil || open == s {
			continue
		}
		asked++
		for range 60 {
			e := []byte(g.event(4))
			full, err := compat.Fill(s, e)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := compat.Fill(s, full); err != nil || string(again) != string(full) {
				t.Errorf("seed %d: filling %s twice under %s gives %s, then %s", seed, e, text, full, again)
			}
			if string(full) != string(e) {
				filled++
			}
			if got, want := open.Source().Valid(e), v.Valid(full); got != want {
				t.Errorf("seed %d: %s\nasked about %s: %v, filled it is %s: %v", seed, text, e, got, full, want)
			}
		}
		r := c.Contains(context.Background(), s, s, compat.Options{Policy: compat.SemanticUpcast, Budget: compat.Budget{Goals: 2_000}})
		if r.Reason == compat.ReasonDisagreement || r.Reason == compat.ReasonInternal {
			t.Errorf("seed %d: %s with itself: %s (%s)", seed, text, r.Reason, r.Detail)
		}
	}
	if asked < 50 || filled < 500 {
		t.Errorf("%d schemas, %d events filled; want at least 50 and 500", asked, filled)
	}
}
