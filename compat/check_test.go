package compat_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/compat"
)

func TestParse(t *testing.T) {
	for _, l := range compat.Levels() {
		got, err := compat.ParseLevel(strings.ToLower(l.String()))
		if got != l || err != nil {
			t.Errorf("ParseLevel(%s) = %v, %v", l, got, err)
		}
	}
	if _, err := compat.ParseLevel("BACKWARDS"); err == nil || !strings.Contains(err.Error(), "FULL_TRANSITIVE") {
		t.Errorf("ParseLevel(BACKWARDS) = %v, want an error that names the levels", err)
	}
	for s, want := range map[string]compat.Policy{
		"": compat.Semantic, "semantic": compat.Semantic, "Semantic_Declared": compat.SemanticDeclared, "SEMANTIC_UPCAST": compat.SemanticUpcast,
		"strict": compat.ConfluentStrict, "LENIENT": compat.ConfluentLenient, "confluent_strict": compat.ConfluentStrict, "CONFLUENT_LENIENT": compat.ConfluentLenient,
	} {
		if p, err := compat.ParsePolicy(s); p != want || err != nil {
			t.Errorf("ParsePolicy(%q) = %v, %v; want %v", s, p, err, want)
		}
	}
	for _, s := range []string{"LOGICAL", "anything", "CONFLUENT_", "CONFLUENT_LOGICAL"} {
		if _, err := compat.ParsePolicy(s); err == nil || !strings.Contains(err.Error(), s) || !strings.Contains(err.Error(), "CONFLUENT_LENIENT") {
			t.Errorf("ParsePolicy(%q) = %v, want an error that names it and the policies", s, err)
		}
	}
	for _, p := range compat.Policies() {
		if got, err := compat.ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("ParsePolicy(%s) = %v, %v", p, got, err)
		}
	}
}

// history is four versions, each with what it asks of x.
func history(t *testing.T) []compat.Version {
	var out []compat.Version
	for i, text := range []string{
		`{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}`,
		`{"type":"object","properties":{"x":{"type":"integer"}}}`,
		`{"type":"object","properties":{"x":{"type":"number"}}}`,
		`{"type":"object","properties":{"x":{"type":["number","null"]}}}`,
	} {
		out = append(out, compat.Version{Number: 10 + i, Schema: compile(t, text)})
	}
	return out
}

func TestLevels(t *testing.T) {
	h := history(t)
	wider := compile(t, `{"type":"object","properties":{"x":{"type":["number","null","boolean"]}}}`)
	same := compile(t, `{"properties":{"x":{"type":["null","number"]}},"type":"object"}`)
	for _, test := range []struct {
		level   compat.Level
		next    *compat.Schema
		want    compat.Verdict
		against []int
	}{
		{compat.None, wider, compat.Compatible, nil},
		{compat.Backward, wider, compat.Compatible, []int{13}},
		{compat.BackwardTransitive, wider, compat.Incompatible, []int{13, 12, 11, 10}},
		{compat.Forward, wider, compat.Incompatible, []int{13}},
		{compat.Forward, same, compat.Compatible, []int{13}},
		{compat.ForwardTransitive, same, compat.Incompatible, []int{13, 12}},
		{compat.Full, same, compat.Compatible, []int{13}},
		{compat.Full, wider, compat.Incompatible, []int{13}},
		{compat.FullTransitive, same, compat.Incompatible, []int{13, 12}},
	} {
		var c compat.Checker
		r := c.Check(context.Background(), test.level, test.next, h, compat.Options{})
		var against []int
		for _, p := range r.Against {
			against = append(against, p.Number)
			if n := len(test.level.Directions()); len(p.Both) != n {
				t.Errorf("Check(%s) against %d has %d results, want %d", test.level, p.Number, len(p.Both), n)
			}
		}
		if r.Verdict != test.want || r.Passes != (test.want == compat.Compatible) || !cmp.Equal(against, test.against) {
			t.Errorf("Check(%s) = %s against %v, want %s against %v", test.level, r.Verdict, against, test.want, test.against)
		}
		if f := r.Failing(); (f == nil) != r.Passes {
			t.Errorf("Check(%s).Failing() = %v, passes %v", test.level, f, r.Passes)
		}
	}
	var c compat.Checker
	if r := c.Check(context.Background(), compat.ForwardTransitive, same, h, compat.Options{All: true}); len(r.Against) != 4 {
		t.Errorf("Check with All looks at %d versions, want 4", len(r.Against))
	}
	if r := c.Check(context.Background(), compat.FullTransitive, same, nil, compat.Options{}); !r.Passes {
		t.Errorf("Check without a history = %s, want compatible", r.Verdict)
	}
}

func TestVersionThatDoesNotCompile(t *testing.T) {
	h := []compat.Version{{Number: 1, Err: errors.New("no such reference")}, {Number: 2, Schema: compile(t, `{}`)}}
	var c compat.Checker
	r := c.Check(context.Background(), compat.BackwardTransitive, compile(t, `{"title":"b"}`), h, compat.Options{})
	if r.Passes || r.Verdict != compat.Undecided {
		t.Fatalf("Check = %s, passes %v; want undecided", r.Verdict, r.Passes)
	}
	f := r.Failing()
	if f.Number != 1 || f.Result.Reason != compat.ReasonNotCompiled || f.Result.Detail != "no such reference" {
		t.Errorf("Failing = version %d, %s (%s)", f.Number, f.Result.Reason, f.Result.Detail)
	}
}

func TestTimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var c compat.Checker
	old, next := compile(t, `{"type":"object"}`), compile(t, `{"type":"object","required":["a"]}`)
	if r := c.Contains(ctx, old, next, compat.Options{}); r.Verdict != compat.Undecided || r.Reason != compat.ReasonTimeout {
		t.Errorf("Contains with an ended context = %s (%s), want undecided (timeout)", r.Verdict, r.Reason)
	}
	if r := c.Contains(context.Background(), old, next, compat.Options{}); r.Verdict != compat.Incompatible {
		t.Errorf("Contains afterwards = %s (%s), want incompatible", r.Verdict, r.Reason)
	}
}

// TestPairingJSON pins the members that API, gate and site print.
func TestPairingJSON(t *testing.T) {
	var c compat.Checker
	old := compile(t, `{"type":"object","properties":{"email":{"type":"string"}}}`)
	next := compile(t, `{"type":"object","properties":{"email":{"type":"string"}},"required":["email"]}`)
	r := c.Check(context.Background(), compat.Backward, next, []compat.Version{{Number: 3, Schema: old}}, compat.Options{})
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(got, &tree); err != nil {
		t.Fatal(err)
	}
	first := tree["against"].([]any)[0].(map[string]any)
	violations := first["counterexample"].(map[string]any)["violations"].([]any)
	if len(violations) != 1 {
		t.Errorf("violations = %v, want one", violations)
	}
	delete(first["counterexample"].(map[string]any), "violations")
	want := map[string]any{
		"passes": false, "verdict": "incompatible", "policy": "SEMANTIC", "level": "BACKWARD",
		"against": []any{map[string]any{
			"version": 3.0, "passes": false, "verdict": "incompatible", "policy": "SEMANTIC",
			"counterexample": map[string]any{"event": map[string]any{}, "direction": "BACKWARD", "origin": "search"},
			"changes": []any{map[string]any{
				"rule": "property-required", "pointer": "/properties/email", "oldPointer": "/properties/email", "addresses": []any{"/email"},
				"from": "", "to": `"email"`, "effect": "breaks", "event": map[string]any{},
			}},
		}},
	}
	if d := cmp.Diff(want, tree); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
}

func TestSamplesComeFirst(t *testing.T) {
	var c compat.Checker
	old, next := compile(t, `{"type":"object"}`), compile(t, `{"type":"object","properties":{"total":{"type":"integer"}}}`)
	sample := []byte(`{"order":"A-17","total":12.5}`)
	r := c.Contains(context.Background(), old, next, compat.Options{Samples: [][]byte{sample}})
	confirm(t, old, next, r)
	if r.Verdict != compat.Incompatible || r.Counterexample.Origin != compat.OriginSample {
		t.Errorf("Contains = %s, origin %v; want a sample", r.Verdict, r.Counterexample)
	}
}

// TestTogether: neither change breaks alone, both do.
func TestTogether(t *testing.T) {
	var c compat.Checker
	old := compile(t, `{"type":"object","properties":{"a":{"type":["string","integer"]}},"additionalProperties":false,"required":["a"]}`)
	next := compile(t, `{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}},"additionalProperties":false,"required":["a"]}`)
	if r := c.Contains(context.Background(), old, next, compat.Options{}); r.Verdict != compat.Compatible {
		t.Errorf("type list as anyOf = %s, want compatible", r.Verdict)
	}
	old = compile(t, `{"anyOf":[{"type":"string","maxLength":1},{"type":"string","minLength":1}]}`)
	next = compile(t, `{"anyOf":[{"type":"string","maxLength":0},{"type":"string","minLength":2}]}`)
	changes := c.Judge(context.Background(), compat.DirectionBackward, old, next, compat.Diff(old, next), compat.Options{})
	for _, x := range changes {
		if x.Effect != compat.EffectTogether {
			t.Errorf("change %s = %s, want together", x.Rule, x.Effect)
		}
	}
	if len(changes) != 2 {
		t.Errorf("Diff = %+v, want two changes", changes)
	}
}
