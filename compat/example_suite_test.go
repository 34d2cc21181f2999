package compat_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// TestExamplesOfTheSuite makes examples of every schema of the official test data. All are valid; where none can be made
// the test data has no valid event either; and the first of a stream take every way through a schema.
func TestExamplesOfTheSuite(t *testing.T) {
	cases, remotes := suiteCases(t, suiteFolder(t))
	i, step := 0, 5
	if testing.Short() {
		step = 20
	}
	if *rounds > 1_000 { // asked for at length: every group
		step = 1
	}
	cases = slices.DeleteFunc(cases, func(suiteCase) bool { i++; return i%step != 0 })
	made, empty, covered, all := 0, 0, 0, 0
	var missed, open []string
	for _, sc := range cases {
		doc := validator.Document{Text: sc.schema}
		if strings.Contains(string(sc.schema), "localhost:1234") {
			doc.References = remotes
		}
		v, err := validator.Compile(doc, validator.Limits{})
		if err != nil {
			continue
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(3) {
			event, err := compat.Example(s, seed)
			undecided, isUndecided := errors.AsType[*compat.UndecidedError](err)
			switch {
			case err == nil && !v.Valid(event):
				t.Errorf("%s: Example(%d) = %s is not valid", sc.name, seed, event)
			case errors.Is(err, compat.ErrEmpty):
				empty++
				for _, d := range sc.data {
					if v.Valid(d) {
						t.Errorf("%s: Example(%d) = %v, but %s is valid", sc.name, seed, err, d)
					}
				}
			case isUndecided:
				open = append(open, sc.name+": "+undecided.Error())
			default:
				made++
			}
			if again, _ := compat.Example(s, seed); string(again) != string(event) {
				t.Errorf("%s: Example(%d) = %s, then %s", sc.name, seed, event, again)
			}
		}
		c, a, m := compat.Covered(t, s, 256, 1)
		covered, all = covered+c, all+a
		for _, x := range m {
			missed = append(missed, sc.name+": "+x)
		}
	}
	t.Logf("%d examples, %d empty, %d undecided; %d of %d ways taken", made, empty, len(open), covered, all)
	for _, o := range open {
		t.Errorf("undecided: %s", o)
	}
	for _, m := range missed {
		t.Errorf("missed: %s", m)
	}
}
