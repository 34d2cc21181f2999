package compat_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

func compile(t testing.TB, text string) *compat.Schema {
	t.Helper()
	v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		t.Fatalf("validator.Compile(%s): %v", text, err)
	}
	s, err := compat.Compile(v)
	if err != nil {
		t.Fatalf("compat.Compile(%s): %v", text, err)
	}
	return s
}

// confirm holds a result to its promise: an event that the validator itself tells apart, or a proof that checks.
func confirm(t testing.TB, old, next *compat.Schema, r compat.Result) {
	t.Helper()
	switch r.Verdict {
	case compat.Incompatible:
		e := r.Counterexample.Event
		if !old.Source().Valid(e) || next.Source().Valid(e) {
			t.Errorf("counterexample %s: valid under old %v, under new %v; want true, false", e, old.Source().Valid(e), next.Source().Valid(e))
		}
		if len(r.Counterexample.Violations) == 0 {
			t.Errorf("counterexample %s has no violations", e)
		}
	case compat.Compatible:
		if err := compat.Verify(old, next, r.Proof); err != nil {
			t.Errorf("proof: %v", err)
		}
	case compat.Undecided:
		if r.Reason == "" {
			t.Error("undecided without a reason")
		}
		if r.Reason == compat.ReasonInternal || r.Reason == compat.ReasonDisagreement {
			t.Errorf("undecided (%s): %s", r.Reason, r.Detail)
		}
	}
}

func TestPairs(t *testing.T) {
	a, err := txtar.ParseFile("testdata/pairs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var c compat.Checker
	for _, f := range a.Files {
		t.Run(f.Name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
			old, next := compile(t, lines[0]), compile(t, lines[1])
			for i, sides := range [][2]*compat.Schema{{old, next}, {next, old}} {
				want := lines[2+i]
				r := c.Contains(context.Background(), sides[0], sides[1], compat.Options{})
				confirm(t, sides[0], sides[1], r)
				switch {
				case want == "fits" && r.Verdict != compat.Compatible:
					b, _ := json.Marshal(r)
					t.Errorf("Contains, direction %d = %s, want compatible", i, b)
				case want != "fits" && r.Verdict != compat.Incompatible:
					b, _ := json.Marshal(r)
					t.Errorf("Contains, direction %d = %s, want incompatible", i, b)
				case want != "fits":
					if e := []byte(want); !sides[0].Source().Valid(e) || sides[1].Source().Valid(e) {
						t.Errorf("the pair's own event %s does not break", want)
					}
					t.Logf("%s: %s", want, r.Counterexample.Event)
				}
			}
		})
	}
	_ = os.Stdout
}

func stringMember(t testing.TB, text []byte, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	var s string
	_ = json.Unmarshal(m[name], &s) // absent or no string: ""
	return s
}
