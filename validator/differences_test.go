package validator_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/accordhq/accord/validator"
)

// TestDifferences holds the list of what we judge otherwise than jsonschema v5, on purpose: one file each, with the
// section that it follows. It also fails when the library begins to agree, so that rows go away.
func TestDifferences(t *testing.T) {
	files, err := filepath.Glob("testdata/delta/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/delta: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range archive.Files {
				part[f.Name] = strings.TrimSpace(string(f.Data))
			}
			s := compile(t, part["schema.json"])
			event := []byte(part["event.json"])
			if got := s.Valid(event); got != (part["accord"] == "valid") {
				t.Errorf("Valid(%s) = %v, want %s", event, got, part["accord"])
			}
			if got, asked := s.AskV5(event); !asked || got != (part["v5"] == "valid") {
				t.Errorf("jsonschema v5 says %v (asked %v) of %s, the file says %s", got, asked, event, part["v5"])
			}
			if _, asked := s.Oracle(event); asked {
				t.Error("the oracle was asked about a difference")
			}
		})
	}
}

// TestOracleIsGuarded: what would end or stop the library is not given to it.
func TestOracleIsGuarded(t *testing.T) {
	s := compile(t, `{"type":"integer","minimum":1}`)
	for event, want := range map[string][2]bool{
		`1`: {true, true}, `0`: {false, true}, `1e1000001`: {false, false}, `{"a":1,"a":1}`: {false, false},
		`[` + strings.Repeat(`1,`, validator.MaxOracleBytes) + `1]`: {false, false},
	} {
		if valid, asked := s.Oracle([]byte(event)); [2]bool{valid, asked} != want {
			t.Errorf("Oracle(%.20s) = %v, %v, want %v", event, valid, asked, want)
		}
	}
	deep := compile(t, `{"anyOf":[{"type":"integer"},{"items":{"$ref":"#"}},{"items":{"$ref":"#"}}]}`)
	event := []byte(strings.Repeat("[", 40) + `1` + strings.Repeat("]", 40))
	if _, asked := deep.Oracle(event); asked {
		t.Error("Oracle was asked about an event of 2^40 steps")
	}
}
