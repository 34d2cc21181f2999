package compat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// suiteModule is the last release of jsonschema v5 whose archive carries the official test data.
const suiteModule = "github.com/santhosh-tekuri/jsonschema/v5@v5.2.0"

var drafts = []struct{ folder, schema string }{
	{"draft4", "http://json-schema.org/draft-04/schema#"},
	{"draft6", "http://json-schema.org/draft-06/schema#"},
	{"draft7", "http://json-schema.org/draft-07/schema#"},
	{"draft2019-09", "https://json-schema.org/draft/2019-09/schema"},
	{"draft2020-12", "https://json-schema.org/draft/2020-12/schema"},
}

// suiteFolder is the official test data, from the module cache or through the module proxy.
func suiteFolder(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", suiteModule)
	cmd.Dir = t.TempDir() // outside of this module
	out, err := cmd.Output()
	var m struct{ Dir string }
	if err != nil || json.Unmarshal(out, &m) != nil || m.Dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("left out: JSON-Schema-Test-Suite (%s)", suiteModule)
		}
		t.Skipf("left out: JSON-Schema-Test-Suite (%s)", suiteModule)
	}
	return filepath.Join(m.Dir, "testdata", "JSON-Schema-Test-Suite")
}

type suiteCase struct {
	name   string
	draft  string
	schema json.RawMessage
	data   []json.RawMessage
}

func suiteCases(t *testing.T, root string) (cases []suiteCase, remotes map[string][]byte) {
	t.Helper()
	remotes = map[string][]byte{}
	err := filepath.WalkDir(filepath.Join(root, "remotes"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(filepath.Join(root, "remotes"), p)
		remotes["http://localhost:1234/"+filepath.ToSlash(rel)] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drafts {
		err := filepath.WalkDir(filepath.Join(root, "tests", d.folder), func(p string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			var groups []struct {
				Description string
				Schema      json.RawMessage
				Tests       []struct{ Data json.RawMessage }
			}
			if err := json.Unmarshal(text, &groups); err != nil {
				return err
			}
			for i, g := range groups {
				rel, _ := filepath.Rel(filepath.Join(root, "tests"), p)
				c := suiteCase{name: fmt.Sprintf("%s#%d %s", rel, i, g.Description), draft: d.schema, schema: withDraft(g.Schema, d.schema)}
				for _, x := range g.Tests {
					c.data = append(c.data, x.Data)
				}
				cases = append(cases, c)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return cases, remotes
}

// withDraft writes $schema into a schema object that has none.
func withDraft(text json.RawMessage, draft string) json.RawMessage {
	s := strings.TrimSpace(string(text))
	if !strings.HasPrefix(s, "{") || strings.Contains(s, `"$schema"`) {
		return text
	}
	rest := strings.TrimSpace(s[1:])
	comma := ","
	if rest == "}" {
		comma = ""
	}
	return json.RawMessage(`{"$schema":"` + draft + `"` + comma + rest)
}

type score struct{ right, undecided, wrong int }

// TestContainmentSuite derives questions with known answers from the official test data: {const d} ⊆ S if and only if
// d is valid, S ⊆ not {const d} if and only if it is not; S ⊆ S, S ⊆ true, false ⊆ S, S ∧ T ⊆ S ⊆ S ∨ T. The label is
// the validator's own verdict.
func TestContainmentSuite(t *testing.T) {
	cases, remotes := suiteCases(t, suiteFolder(t))
	if testing.Short() { // every fourth group, so that every file is met
		i := 0
		cases = slices.DeleteFunc(cases, func(suiteCase) bool { i++; return i%4 != 1 })
	}
	ctx := context.Background()
	scores := map[string]*score{}
	var left, open []string
	var c compat.Checker
	build := func(text string) *compat.Schema {
		doc := validator.Document{Text: []byte(text)}
		if strings.Contains(text, "localhost:1234") {
			doc.References = remotes
		}
		v, err := validator.Compile(doc, validator.Limits{})
		if err != nil {
			return nil
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatalf("compat.Compile(%s): %v", text, err)
		}
		return s
	}
	ask := func(kind, name string, old, next *compat.Schema, want bool) {
		if scores[kind] == nil {
			scores[kind] = &score{}
		}
		r := c.Contains(ctx, old, next, compat.Options{})
		confirm(t, old, next, r)
		switch {
		case r.Verdict == compat.Undecided:
			scores[kind].undecided++
			open = append(open, fmt.Sprintf("%s: %s: %s (%s)", kind, name, r.Reason, r.Detail))
		case (r.Verdict == compat.Compatible) == want:
			scores[kind].right++
		default:
			scores[kind].wrong++
			b, _ := json.Marshal(r)
			t.Errorf("%s: %s: Contains = %.300s, want compatible %v", kind, name, b, want)
		}
	}
	previous := map[string]json.RawMessage{}
	for _, sc := range cases {
		s := build(string(sc.schema))
		if s == nil {
			left = append(left, sc.name)
			continue
		}
		constant := func(d json.RawMessage) string {
			if strings.Contains(sc.draft, "draft-04") {
				return `"enum":[` + string(d) + `]`
			}
			return `"const":` + string(d)
		}
		head := `{"$schema":"` + sc.draft + `",`
		for i, d := range sc.data {
			name := fmt.Sprintf("%s [%d]", sc.name, i)
			valid := s.Source().Valid(d)
			one, others := build(head+constant(d)+"}"), build(head+`"not":{`+constant(d)+"}}")
			if one == nil || others == nil {
				left = append(left, name)
				continue
			}
			ask("const d ⊆ S", name, one, s, valid)
			ask("S ⊆ not const d", name, s, others, !valid)
		}
		ask("S ⊆ S", sc.name, s, build(string(sc.schema)), true)
		ask("S ⊆ true", sc.name, s, build("true"), true)
		ask("false ⊆ S", sc.name, build("false"), s, true)
		if strings.Contains(string(sc.schema), `"$ref"`) || strings.Contains(string(sc.schema), `"$id"`) || strings.Contains(string(sc.schema), `"id"`) || strings.Contains(string(sc.schema), `Ref"`) {
			continue // does not keep its meaning inside another schema
		}
		if p, ok := previous[sc.draft]; ok {
			both := build(head + `"allOf":[` + string(sc.schema) + `,` + string(p) + `]}`)
			either := build(head + `"anyOf":[` + string(p) + `,` + string(sc.schema) + `]}`)
			if both != nil && either != nil {
				ask("S ∧ T ⊆ S", sc.name, both, s, true)
				ask("S ⊆ S ∨ T", sc.name, s, either, true)
			}
		}
		previous[sc.draft] = sc.schema
	}
	for _, k := range slices.Sorted(maps.Keys(scores)) {
		t.Logf("%-18s right %5d  undecided %4d  wrong %d", k, scores[k].right, scores[k].undecided, scores[k].wrong)
	}
	t.Logf("left out, does not compile here: %d", len(left))
	for _, o := range open {
		t.Logf("undecided: %s", o)
	}
}
