package compat_test

import (
	"bytes"
	"context"
	"encoding/json"
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

func part(t testing.TB, a *txtar.Archive, name string) string {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no section %s", name)
	}
	return strings.TrimSpace(string(a.Files[i].Data))
}

// TestConfluentDifferences holds every type of difference to a file of its name: what is found, and whether STRICT and
// LENIENT let it pass, beside the verdict.
func TestConfluentDifferences(t *testing.T) {
	if *update && os.Getenv("CI") == "true" {
		t.Fatal("-update is not for CI")
	}
	files, err := filepath.Glob("testdata/confluent/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var c compat.Checker
	known := map[string]bool{}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		known[name] = true
		t.Run(name, func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			old, next := compile(t, part(t, a, "old")), compile(t, part(t, a, "new"))
			var b bytes.Buffer
			found := false
			strict, lenient := compat.Confluent(old, next, compat.ConfluentStrict), compat.Confluent(old, next, compat.ConfluentLenient)
			for i, d := range strict {
				word := map[bool]string{true: "passes", false: "refused"}
				fmt.Fprintf(&b, "%s %s strict %s lenient %s\n", d.Type, d.Path, word[d.Allowed], word[lenient[i].Allowed])
				found = found || d.Type == name
			}
			if !found {
				t.Errorf("Confluent(%s, %s) = %+v, want a %s among them", part(t, a, "old"), part(t, a, "new"), strict, name)
			}
			r := c.Contains(context.Background(), old, next, compat.Options{})
			confirm(t, old, next, r)
			fmt.Fprintf(&b, "SEMANTIC %s", r.Verdict)
			if r.Counterexample != nil {
				fmt.Fprintf(&b, " %s", r.Counterexample.Event)
			}
			b.WriteString("\n")
			if *update {
				i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == "want" })
				a.Files[i].Data = b.Bytes()
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(part(t, a, "want")+"\n", b.String()); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		})
	}
	for _, name := range compat.RefusedTypes() {
		if !known[name] && name != "TOO_LARGE_TO_COMPARE" {
			t.Errorf("testdata/confluent/%s.txtar is missing", name)
		}
	}
	for _, r := range compat.Rules() {
		if r.Confluent != "" && !known[r.Confluent] {
			t.Errorf("rule %s names %s, which no file shows", r.ID, r.Confluent)
		}
	}
}

// TestConfluentOnKnownPairs: the first thing that the original refuses in the pairs that checkers get wrong. On the ninth
// pair the original fails with an error.
func TestConfluentOnKnownPairs(t *testing.T) {
	a, err := txtar.ParseFile("testdata/pairs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"01": "", "02": "", "03": "", "04": "", "05": "", "07": "", "08": "", "09": "EXCLUSIVE_MAXIMUM_DECREASED", "10": "", "11": "",
		"12": "COMBINED_TYPE_SUBSCHEMAS_CHANGED", "13": "", "14": "NOT_TYPE_EXTENDED", "15": "", "18": "TYPE_CHANGED", "19": "TYPE_NARROWED",
		"20": "PATTERN_CHANGED", "21": "MAX_LENGTH_ADDED", "22": "TYPE_CHANGED", "23": "ITEM_ADDED_TO_OPEN_CONTENT_MODEL", "24": "TYPE_CHANGED",
		"25": "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
	}
	for _, f := range a.Files {
		number, _, _ := strings.Cut(f.Name, " ")
		refused, ok := want[number]
		if !ok {
			continue
		}
		delete(want, number)
		lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		ds := compat.Confluent(compile(t, lines[0]), compile(t, lines[1]), compat.ConfluentStrict)
		var got []string
		for _, d := range compat.Refused(ds) {
			got = append(got, d.Type)
		}
		if first := strings.Join(got[:min(1, len(got))], ""); first != refused {
			t.Errorf("%s: Confluent refuses %q, want %q; all: %+v", f.Name, got, refused, ds)
		}
	}
	for number := range want {
		t.Errorf("testdata/pairs.txtar has no pair %s", number)
	}
}

// TestConfluentCases: what is particular in how they read a schema.
func TestConfluentCases(t *testing.T) {
	for _, test := range []struct{ name, old, next, want string }{
		{"equal", `{"type":"object","properties":{"a":{}}}`, `{"properties":{"a":{}},"type":"object"}`, ""},
		{"object keywords imply the type", `{"properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, ""},
		{"several kinds are an allOf", `{"type":"string","enum":["a"]}`, `{"type":"string","enum":["a","b"]}`, "ENUM_ARRAY_EXTENDED #/allOf/0/enum"},
		{"a kind less is one branch less", `{"type":"string","enum":["a"]}`, `{"type":"string"}`, "PRODUCT_TYPE_NARROWED #/"},
		{"false takes nothing", `false`, `{"type":"string"}`, ""},
		{"true takes everything", `{"type":"string"}`, `true`, ""},
		{"everything into something", `true`, `{"type":"string"}`, "TYPE_CHANGED #/"},
		{"bytes of Connect", `{"type":"string","connect.type":"bytes"}`, `{"type":"array","connect.type":"bytes"}`, ""},
		{"a union of one", `{"anyOf":[{"type":"integer"}]}`, `{"type":"number"}`, "TYPE_EXTENDED #/"},
		{"into a union of one", `{"type":"integer"}`, `{"oneOf":[{"type":"number"}]}`, "TYPE_EXTENDED #/"},
		{"a union into one of its members", `{"anyOf":[{"type":"string"},{"type":"null"}]}`, `{"type":"string"}`, "TYPE_CHANGED #/"},
		{"duplicates collapse", `{"anyOf":[{"type":"string"},{"type":"string"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, ""},
		{"one is exactly one", `{"allOf":[{"type":"string"}]}`, `{"oneOf":[{"type":"string"},{"type":"null"}]}`, "COMBINED_TYPE_EXTENDED #/; SUM_TYPE_EXTENDED #/"},
		{"all of one is any", `{"allOf":[{"type":"string"},{"minLength":1}]}`, `{"oneOf":[{"type":"string"}]}`, "COMBINED_TYPE_EXTENDED #/; SUM_TYPE_NARROWED #/"},
		{"const null is a value", `{"const":null}`, `{"const":1}`, "ENUM_ARRAY_CHANGED #/const"},
		{"required names that no side lists", `{"type":"object"}`, `{"type":"object","required":["a"]}`, ""},
		{"formats", `{"type":"string","format":"date"}`, `{"type":"string","format":"email"}`, ""},
		{
			"a property behind a reference", `{"definitions":{"A":{"type":"string"}},"properties":{"p":{"$ref":"#/definitions/A"}}}`,
			`{"definitions":{"A":{"type":"integer"}},"properties":{"p":{"$ref":"#/definitions/A"}}}`, "TYPE_CHANGED #/properties/p",
		},
		{
			"a reference to a reference is not followed", `{"definitions":{"A":{"$ref":"#/definitions/B"},"B":{"type":"string"}},"properties":{"p":{"$ref":"#/definitions/A"}}}`,
			`{"definitions":{"A":{"$ref":"#/definitions/B"},"B":{"type":"integer"}},"properties":{"p":{"$ref":"#/definitions/A"}}}`, "",
		},
		{
			"a pattern makes it partly open", `{"type":"object","patternProperties":{"^x-":{}}}`, `{"type":"object","patternProperties":{"^x-":{}},"properties":{"foo":{"type":"string"}}}`,
			"OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/foo",
		},
		{"names are not escaped", `{"type":"object"}`, `{"type":"object","properties":{"a/b":{"type":"string"}}}`, "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a/b"},
		{
			"a recursive type that grows", `{"definitions":{"n":{"type":"object","properties":{"next":{"$ref":"#/definitions/n"}}}},"$ref":"#/definitions/n"}`,
			`{"definitions":{"n":{"type":"object","properties":{"next":{"$ref":"#/definitions/n"},"v":{"type":"string"}}}},"$ref":"#/definitions/n"}`,
			"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/v",
		},
		{"a minimum of nothing counts", `{"type":"string"}`, `{"type":"string","minLength":0}`, "MIN_LENGTH_ADDED #/minLength"},
	} {
		var got []string
		for _, d := range compat.Confluent(compile(t, test.old), compile(t, test.next), compat.ConfluentStrict) {
			got = append(got, d.Type+" "+d.Path)
		}
		if s := strings.Join(got, "; "); s != test.want {
			t.Errorf("%s: Confluent(%s, %s) = %q, want %q", test.name, test.old, test.next, s, test.want)
		}
	}
}

// TestConfluentCycle: a difference that only the second round sees. Each branch of b finds a partner while the pair of
// the roots is taken for compatible, which it is not.
func TestConfluentCycle(t *testing.T) {
	schema := func(v string) string {
		return `{"definitions":{"t":{"type":"object","properties":{"v":` + v + `,"down":{"anyOf":[{"$ref":"#/definitions/t"},{"type":"null"}]}},"additionalProperties":false}},"$ref":"#/definitions/t"}`
	}
	ds := compat.Confluent(compile(t, schema(`{"type":"string"}`)), compile(t, schema(`{"type":"boolean"}`)), compat.ConfluentStrict)
	var got []string
	for _, d := range compat.Refused(ds) {
		got = append(got, d.Type+" "+d.Path)
	}
	want := []string{"TYPE_CHANGED #/properties/v", "COMBINED_TYPE_SUBSCHEMAS_CHANGED #/properties/down"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
}

// TestConfluentBlowUp: twelve types that refer to one another in unions, one of them changed.
func TestConfluentBlowUp(t *testing.T) {
	schema := func(last string) string {
		var b strings.Builder
		b.WriteString(`{"definitions":{`)
		for i := range 12 {
			var refs []string
			for j := range 5 {
				refs = append(refs, fmt.Sprintf(`{"$ref":"#/definitions/t%d"}`, (i+j+1)%12))
			}
			extra := ""
			if i == 11 {
				extra = last
			}
			fmt.Fprintf(&b, `"t%d":{"type":"object","properties":{"kind":{"const":"t%d"},"next":{"oneOf":[%s]}%s},"additionalProperties":false},`, i, i, strings.Join(refs, ","), extra)
		}
		b.WriteString(`"z":{}},"$ref":"#/definitions/t0"}`)
		return b.String()
	}
	old, next := compile(t, schema(`,"v":{"type":"string"}`)), compile(t, schema(`,"v":{"type":"number"}`))
	ds := compat.Confluent(old, next, compat.ConfluentLenient)
	if refused := compat.Refused(ds); len(refused) == 0 || slices.ContainsFunc(refused, func(d compat.Difference) bool { return d.Type == "TOO_LARGE_TO_COMPARE" }) {
		t.Errorf("Confluent refuses %+v, want the changed type and no limit", refused)
	}
	if len(ds) > compat.MaxDifferences {
		t.Errorf("%d differences are listed, more than %d", len(ds), compat.MaxDifferences)
	}
	again, err := json.Marshal(compat.Confluent(old, next, compat.ConfluentLenient))
	if err != nil {
		t.Fatal(err)
	}
	first, err := json.Marshal(ds)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, again) {
		t.Error("two comparisons of the same pair differ")
	}
}
