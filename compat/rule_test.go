package compat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/accordhq/accord/compat"
)

var update = flag.Bool("update", false, "rewrite the want sections of testdata/rules")

// TestRules holds every row of the table to its file: the difference is found, the verdict and the event are right,
// and the judgement of each change is what the file says.
func TestRules(t *testing.T) {
	if *update && os.Getenv("CI") == "true" {
		t.Fatal("-update is not for CI")
	}
	var c compat.Checker
	files, err := filepath.Glob("testdata/rules/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range compat.Rules() {
		path := filepath.Join("testdata", "rules", r.ID+".txtar")
		known[path] = true
		t.Run(r.ID, func(t *testing.T) {
			got := describe(t, &c, r)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("rule %s (-want +got):\n%s", r.ID, d)
			}
		})
	}
	for _, f := range files {
		if !known[f] {
			t.Errorf("%s: no such rule", f)
		}
	}
}

func describe(t *testing.T, c *compat.Checker, r compat.Rule) []byte {
	if r.Meaning == "" || slices.Contains(r.Ways[:], "") {
		t.Errorf("rule %s has no meaning, or not three ways out", r.ID)
	}
	old, next := compile(t, r.Old), compile(t, r.New)
	result := c.Contains(context.Background(), old, next, compat.Options{})
	confirm(t, old, next, result)
	if r.Event != "" && (!old.Source().Valid([]byte(r.Event)) || next.Source().Valid([]byte(r.Event))) {
		t.Errorf("event %s of rule %s does not break", r.Event, r.ID)
	}
	wantVerdict := compat.Compatible
	if r.Event != "" {
		wantVerdict = compat.Incompatible
	}
	if result.Verdict != wantVerdict {
		t.Errorf("Contains(%s, %s) = %s (%s %s), want %s", r.Old, r.New, result.Verdict, result.Reason, result.Detail, wantVerdict)
	}
	changes := compat.Diff(old, next)
	if !slices.ContainsFunc(changes, func(x compat.Change) bool { return x.Rule == r.ID }) {
		t.Errorf("Diff(%s, %s) = %+v, want a change %s", r.Old, r.New, changes, r.ID)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "verdict %s\n", result.Verdict)
	if result.Counterexample != nil {
		fmt.Fprintf(&b, "event %s\n", result.Counterexample.Event)
	}
	for _, direction := range []compat.Direction{compat.DirectionBackward, compat.DirectionForward} {
		for _, x := range c.Judge(context.Background(), direction, old, next, changes, compat.Options{}) {
			line, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %s\n", direction, line)
		}
	}
	a := txtar.Archive{
		Comment: []byte(r.Meaning + "\n"),
		Files: []txtar.File{
			{Name: "old", Data: []byte(r.Old + "\n")},
			{Name: "new", Data: []byte(r.New + "\n")},
			{Name: "want", Data: b.Bytes()},
		},
	}
	return txtar.Format(&a)
}

// TestRuleTable: ids are unique and spelled alike, and no two rules share the smallest example.
func TestRuleTable(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range compat.Rules() {
		if ids[r.ID] || strings.ToLower(r.ID) != r.ID || strings.Contains(r.ID, " ") {
			t.Errorf("rule id %q is not unique or not kebab-case", r.ID)
		}
		ids[r.ID] = true
	}
}

// TestExplain: every rule has its page; the event that its row claims and the one that the checker finds are about the
// same direction.
func TestExplain(t *testing.T) {
	for _, r := range compat.Rules() {
		e, err := compat.Explain(t.Context(), strings.ToUpper(strings.ReplaceAll(r.ID, "-", "_")))
		if err != nil {
			t.Fatalf("Explain(%s): %v", r.ID, err)
		}
		backward := slices.ContainsFunc(e.Breaks, func(b compat.Break) bool { return b.Direction == compat.DirectionBackward })
		if e.ID != r.ID && e.Confluent != r.Confluent || e.ID == r.ID && backward != (r.Event != "") {
			t.Errorf("Explain(%s) = %s, breaks %+v; the row's event is %q", r.ID, e.ID, e.Breaks, r.Event)
		}
	}
	if e, err := compat.Explain(t.Context(), "SUM_TYPE_NARROWED"); err != nil || e.ID != "any-of-branch-removed" || len(e.Refuses) != 2 {
		t.Errorf("Explain(SUM_TYPE_NARROWED) = %+v, %v", e, err)
	}
	if _, err := compat.Explain(t.Context(), "nothing"); err != compat.ErrNoRule {
		t.Errorf("Explain(nothing) = %v, want ErrNoRule", err)
	}
}
