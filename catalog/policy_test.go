package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/compat"
)

func setPolicy(t *testing.T, r *catalog.Registry, name catalog.Name, level catalog.Level, policy string) {
	t.Helper()
	if _, err := r.SetConfig(context.Background(), name, catalog.Patch{Set: catalog.Config{Compatibility: level, CompatibilityPolicy: policy}}); err != nil {
		t.Fatalf("SetConfig(%s, %s): %v", name, policy, err)
	}
}

// TestConfluentPolicyGates: only a refused rule stands against a schema, in both directions of the mistake, and a version
// keeps what SEMANTIC says otherwise.
func TestConfluentPolicyGates(t *testing.T) {
	r := newRegistry(t)
	name := catalog.Name{Subject: "a"}
	setPolicy(t, r, name, catalog.BackwardTransitive, "strict")
	register(t, r, name, catalog.Registration{Text: `{"type":"object","properties":{"code":{"type":"string","pattern":"^[a-z]{3}$"}}}`})

	_, err := r.Register(t.Context(), name, catalog.Registration{Text: `{"type":"object","properties":{"code":{"type":"string","pattern":"^[a-z]+$"}}}`})
	refused, ok := errors.AsType[*catalog.Incompatible](err)
	if !ok {
		t.Fatalf("Register with a wider pattern under STRICT = %v, want *Incompatible", err)
	}
	failing := refused.Report.Report.Failing()
	if failing == nil || failing.Result.Verdict != compat.Compatible || failing.Result.Counterexample != nil || len(compat.Refused(failing.Rules)) != 1 {
		t.Errorf("failing pairing = %+v, want a refused rule, a proof and no event", failing)
	}
	if s := refused.Report.Summary(); !strings.Contains(s, "PATTERN_CHANGED") {
		t.Errorf("Summary = %q, want the rule", s)
	}

	got := register(t, r, name, catalog.Registration{Text: `{"type":"object","properties":{"code":{"type":"string","pattern":"^[a-z]{3}$","default":"abc"}},"required":["code"]}`})
	want := &catalog.Mark{Policy: "CONFLUENT_STRICT", Verdict: "incompatible", Against: []int{1}}
	if d := cmp.Diff(want, got.Mark); d != "" {
		t.Errorf("mark (-want +got):\n%s", d)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "{}") {
		t.Errorf("warnings = %q, want the event {}", got.Warnings)
	}
	stored, err := r.Version(t.Context(), name, 2, catalog.LiveOnly)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, stored.Mark); d != "" {
		t.Errorf("stored mark (-want +got):\n%s", d)
	}

	// The rules look at all versions: back to what the first said, the second is left behind.
	safe := register(t, r, name, catalog.Registration{Text: `{"type":"object","properties":{"code":{"type":"string","pattern":"^[a-z]{3}$"}}, "title":"third"}`})
	if safe.Mark != nil || len(safe.Warnings) != 0 {
		t.Errorf("mark %+v, warnings %q of a version that all agree about", safe.Mark, safe.Warnings)
	}
}

// TestLenientForward: the sides are swapped before the rules are asked.
func TestLenientForward(t *testing.T) {
	r := newRegistry(t)
	name := catalog.Name{Subject: "a"}
	setPolicy(t, r, name, catalog.Forward, "LENIENT")
	closed := `{"type":"object","properties":{"id":{"type":"string"}},"additionalProperties":false}`
	register(t, r, name, catalog.Registration{Text: closed})
	wider := strings.Replace(closed, `"id":`, `"note":{"type":"string"},"id":`, 1)
	got := register(t, r, name, catalog.Registration{Text: wider})
	if got.Mark == nil || got.Mark.Verdict != "incompatible" {
		t.Errorf("mark = %+v, want that old readers refuse the new member", got.Mark)
	}
	_, err := r.Register(t.Context(), name, catalog.Registration{Text: strings.Replace(wider, `"note":{"type":"string"}`, `"note":{"type":"null"}`, 1)})
	if err == nil || !strings.Contains(err.Error(), "FORWARD") {
		t.Errorf("Register with another type = %v, want a refusal that says FORWARD", err)
	}
	level := catalog.Patch{Set: catalog.Config{CompatibilityPolicy: "LOGICAL"}}
	if _, err := r.SetConfig(t.Context(), name, level); !errors.Is(err, catalog.InvalidPolicy) {
		t.Errorf("SetConfig(LOGICAL) = %v, want InvalidPolicy", err)
	}
}

// TestRawReadersStandAgainstTheUpcastPolicy: also those declared later, and those declared at the moment when the policy
// was set, whom neither check saw: nothing rests on defaults that they do not fill in.
func TestRawReadersStandAgainstTheUpcastPolicy(t *testing.T) {
	store := newStore(t)
	r := catalog.New(store, catalog.Options{})
	name := catalog.Name{Subject: "a"}
	register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	setPolicy(t, r, catalog.Name{}, catalog.Backward, "SEMANTIC_UPCAST") // in scope from the context
	raw := json.RawMessage(`{"apiVersion":"accord/v1","kind":"Service","name":"raw","receives":[{"event":"a","version":1,"decode":"raw"}]}`)
	_, err := r.PutDocument(t.Context(), "Service", "raw", raw, nil)
	if !errors.Is(err, catalog.RawReader) || !strings.Contains(err.Error(), "/receives/0/decode") {
		t.Errorf("PutDocument of a reader that decodes nothing = %v, want a refusal with its place", err)
	}
	if _, err := store.PutDocument(t.Context(), catalog.Document{Kind: "Service", Name: "raw", Body: raw}, nil); err != nil {
		t.Fatal(err)
	}
	next := catalog.Registration{Text: `{"type":"object","required":["n"],"properties":{"n":{"default":1}}}`}
	if _, err := r.Register(t.Context(), name, next); !errors.Is(err, catalog.RawReader) {
		t.Errorf("Register = %v, want RawReader", err)
	}
	register(t, r, name, catalog.Registration{Text: `{"type":["object","null"]}`}) // what needs no defaults is no matter
}

// TestUpcastPolicyWritesTheLens: a required member with a default passes, and the version carries the lens that makes it
// true; without it nothing would fill in what is stored already.
func TestUpcastPolicyWritesTheLens(t *testing.T) {
	r := newRegistry(t)
	name := catalog.Name{Subject: "a"}
	register(t, r, name, catalog.Registration{Text: `{"type":"object","properties":{"to":{"type":"object"},"lines":{"type":"array","items":{"type":"object","properties":{"unit":{"type":"string"}},"additionalProperties":false}}},"additionalProperties":false}`})
	receives(t, r, "raw", `{"event":"a","version":1,"decode":"raw"}`)
	if _, err := r.SetConfig(t.Context(), name, catalog.Patch{Set: catalog.Config{CompatibilityPolicy: "SEMANTIC_UPCAST"}}); !errors.Is(err, catalog.RawReader) || !strings.Contains(err.Error(), "raw") {
		t.Fatalf("SetConfig beside a reader that decodes nothing = %v, want a refusal that names it", err)
	}
	receives(t, r, "raw", `{"event":"a","version":1,"decode":"lens"}`)
	setPolicy(t, r, name, catalog.BackwardTransitive, "semantic_upcast")

	next := `{"type":"object","required":["n"],"properties":{"n":{"type":"integer","default":1},
		"to":{"type":"object","properties":{"country":{"default":"US"}},"required":["country"]},
		"lines":{"type":"array","items":{"type":"object","required":["unit"],"properties":{"unit":{"type":"string","default":"piece"}},"additionalProperties":false}}},"additionalProperties":false}`
	got := register(t, r, name, catalog.Registration{Text: next})
	if got.Lens == nil || got.Mark != nil {
		t.Fatalf("lens %v, mark %v; want a lens that was written", got.Lens, got.Mark)
	}
	casts, err := r.Upcast(t.Context(), name, 1, 2, []json.RawMessage{json.RawMessage(`{"lines":[{},{"unit":"kg"}],"to":{}}`)}, nil)
	if err != nil || casts[0].Err != nil {
		t.Fatalf("Upcast = %+v, %v", casts, err)
	}
	var event any
	if err := json.Unmarshal(casts[0].Event, &event); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"n": 1.0, "to": map[string]any{"country": "US"}, "lines": []any{map[string]any{"unit": "piece"}, map[string]any{"unit": "kg"}}}
	if d := cmp.Diff(any(want), event); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}

	// What is good as it is needs no lens; what no default mends is refused with an event.
	plain := register(t, r, name, catalog.Registration{Text: strings.Replace(next, `"default":1`, `"default":1,"description":"how many"`, 1)})
	if plain.Lens != nil {
		t.Errorf("a version that reads all events as they are has the lens %s", plain.Lens.Lens)
	}
	_, err = r.Register(t.Context(), name, catalog.Registration{Text: strings.Replace(next, `"default":1`, `"title":"n"`, 1)})
	refused, ok := errors.AsType[*catalog.Incompatible](err)
	if !ok || refused.Report.Report.Policy != compat.SemanticUpcast || refused.Report.Report.Failing().Result.Counterexample == nil {
		t.Errorf("Register without the default = %v, want a refusal with an event", err)
	}
}
