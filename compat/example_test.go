package compat_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

func TestReferenceSchemasHaveExamples(t *testing.T) {
	files, err := filepath.Glob("../schemas/events/*/v*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("schemas: %v, %d files", err, len(files))
	}
	shared := map[string][]byte{}
	refs, _ := filepath.Glob("../schemas/shared/*/v*.json")
	for _, f := range append(refs, files...) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if id := stringMember(t, text, "$id"); id != "" {
			shared[id] = text
		}
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		v, err := validator.Compile(validator.Document{Text: text, References: shared}, validator.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		event, err := compat.Example(s, 0)
		if err != nil || !v.Valid(event) {
			t.Errorf("%s: Example = %s, %v", f, event, err)
		}
		t.Logf("%s: %s", filepath.Base(filepath.Dir(f)), event)
		n := 0
		for sample, err := range compat.Examples(s, 7) {
			if err != nil || !v.Valid(sample.Event) {
				t.Errorf("%s: sample %s (%s) is not valid: %v", f, sample.Event, sample.Why, err)
			}
			if n++; n >= 30 {
				break
			}
		}
		if n < 20 {
			t.Errorf("%s: %d samples, want more", f, n)
		}
	}
}

func TestExampleEmpty(t *testing.T) {
	if _, err := compat.Example(compile(t, `{"type":"integer","minimum":1,"maximum":0}`), 0); !errors.Is(err, compat.ErrEmpty) {
		t.Errorf("Example = %v, want ErrEmpty", err)
	}
}
