package catalog_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/validator"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the want sections of the golden files")

func compileView(t testing.TB, text string, refs map[string][]byte) *catalog.View {
	t.Helper()
	s, err := validator.Compile(validator.Document{Text: []byte(text), References: refs}, validator.Limits{})
	if err != nil {
		t.Fatalf("Compile(%s) = %v", text, err)
	}
	return catalog.NewView("test.Event", 1, "", s.Root())
}

// TestViewGolden draws one schema per keyword and draft as Markdown and compares it with the golden file beside it.
func TestViewGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/view/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("golden files: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var schema, want []byte
			refs := map[string][]byte{}
			for _, f := range archive.Files {
				switch f.Name {
				case "schema.json":
					schema = f.Data
				case "want.md":
					want = f.Data
				default:
					refs[f.Name] = f.Data
				}
			}
			v := compileView(t, string(schema), refs)
			var got bytes.Buffer
			if err := v.WriteMarkdown(&got); err != nil {
				t.Fatal(err)
			}
			addresses(&got, v)
			if *update {
				if os.Getenv("CI") == "true" {
					t.Fatal("-update is refused under CI")
				}
				var kept []txtar.File
				for _, f := range archive.Files {
					if f.Name != "want.md" {
						kept = append(kept, f)
					}
				}
				archive.Files = append(kept, txtar.File{Name: "want.md", Data: got.Bytes()})
				if !bytes.Equal(want, got.Bytes()) {
					t.Logf("%s:\n%s", file, cmp.Diff(string(want), got.String()))
				}
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("view of %s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// addresses appends every address, which Markdown does not show.
func addresses(b *bytes.Buffer, v *catalog.View) {
	b.WriteString("\n## Addresses\n\n")
	for n := range v.All {
		fmt.Fprintf(b, "- %q\n", n.Address)
	}
}

// TestViewOfAnySchema draws random schemas: no panic, addresses unique, anchors unique, limits kept, JSON well-formed.
func TestViewOfAnySchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		defs := map[string]any{}
		for _, name := range []string{"a", "b", "c~/ %"} {
			defs[name] = anySchema(t, 3)
		}
		root := anySchema(t, 4)
		object, ok := root.(map[string]any)
		if !ok {
			object = map[string]any{"allOf": []any{root}}
		}
		object["$defs"] = defs
		object["$schema"] = "https://json-schema.org/draft/2020-12/schema"
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		s, err := validator.Compile(validator.Document{Text: text}, validator.Limits{})
		if err != nil {
			t.Skip("does not compile: " + err.Error())
		}
		v := catalog.NewView("test.Any", 1, "", s.Root())
		count := 0
		anchors := map[string]string{}
		for n := range v.All {
			count++
			if v.Find(n.Address) != n {
				t.Fatalf("two places at address %q of %s", n.Address, text)
			}
			if other, ok := anchors[n.AnchorID()]; ok {
				t.Fatalf("addresses %q and %q have one id in %s", other, n.Address, text)
			}
			anchors[n.AnchorID()] = n.Address
			if n.Linked && v.Find(n.RecursiveTo+n.SameAs) == nil {
				t.Fatalf("%q links to %q, which is not there, in %s", n.Address, n.RecursiveTo+n.SameAs, text)
			}
			if n.TypeWords() == "" {
				t.Fatalf("%q has no type words in %s", n.Address, text)
			}
		}
		if count != v.Nodes || count > catalog.MaxViewNodes {
			t.Fatalf("view of %s has %d places and says %d", text, count, v.Nodes)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := v.WriteMarkdown(&b); err != nil {
			t.Fatal(err)
		}
	})
}

// anySchema draws a schema of limited depth; names are chosen to collide with the address syntax.
func anySchema(t *rapid.T, depth int) any {
	if depth == 0 {
		return rapid.SampledFrom([]any{true, false, map[string]any{"type": "string"}, map[string]any{"$ref": "#"}, map[string]any{"$ref": "#/$defs/a"}}).Draw(t, "leaf")
	}
	sub := func() any { return anySchema(t, depth-1) }
	list := func() []any {
		out := []any{}
		for range rapid.IntRange(1, 3).Draw(t, "branches") {
			out = append(out, sub())
		}
		return out
	}
	name := rapid.SampledFrom([]string{"a", "*", "0", "1", "~one:0", "~", "/", "", "a b", "%41", "é", "~other"})
	named := func() map[string]any {
		out := map[string]any{}
		for range rapid.IntRange(1, 3).Draw(t, "members") {
			out[name.Draw(t, "name")] = sub()
		}
		return out
	}
	s := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "keywords") {
		switch rapid.IntRange(0, 18).Draw(t, "keyword") {
		case 0:
			s["properties"] = named()
		case 1:
			s["required"] = []string{name.Draw(t, "required")}
		case 2:
			s["items"] = sub()
		case 3:
			s["prefixItems"] = list()
		case 4:
			s["oneOf"] = list()
		case 5:
			s["anyOf"] = list()
		case 6:
			s["allOf"] = list()
		case 7:
			s["if"], s["then"], s["else"] = sub(), sub(), sub()
		case 8:
			s["not"] = sub()
		case 9:
			s["additionalProperties"] = sub()
		case 10:
			s["patternProperties"] = map[string]any{"^x-[/~ ]": sub(), "y": sub()}
		case 11:
			s["propertyNames"] = sub()
		case 12:
			s["dependentSchemas"] = named()
		case 13:
			s["contains"] = sub()
		case 14:
			s["$ref"] = rapid.SampledFrom([]string{"#", "#/$defs/a", "#/$defs/b", "#/$defs/c~0~1%20%25"}).Draw(t, "ref")
		case 15:
			s["type"] = rapid.SampledFrom([]any{"string", "integer", []string{"object", "null"}, "array"}).Draw(t, "type")
		case 16:
			s["enum"] = []any{1, "a", nil}
		case 17:
			s["unevaluatedProperties"] = sub()
		case 18:
			s["unevaluatedItems"] = sub()
		}
	}
	return s
}

func TestViewTraceSaysSinceWhenAndUntilWhen(t *testing.T) {
	views := []*catalog.View{}
	for i, text := range []string{
		`{"properties":{"a":{},"gone":{}}}`,
		`{"properties":{"a":{},"b":{},"gone":{}}}`,
		`{"properties":{"a":{},"b":{}}}`,
	} {
		s, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, catalog.NewView("test.Event", i+1, "", s.Root()))
	}
	v := views[1]
	v.Trace(views)
	for _, c := range []struct {
		address     string
		since, gone int
	}{{"", 1, 0}, {"/a", 1, 0}, {"/b", 2, 0}, {"/gone", 1, 3}} {
		n := v.Find(c.address)
		if n.Since != c.since || n.Gone != c.gone {
			t.Errorf("Trace at %q = since %d, gone %d, want %d, %d", c.address, n.Since, n.Gone, c.since, c.gone)
		}
	}
}

func TestViewIsCutAndSaysSo(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/d0","$defs":{"d100":{"type":"string"}`)
	for i := range 100 {
		fmt.Fprintf(&b, `,"d%d":{"properties":{"down":{"$ref":"#/$defs/d%d"}}}`, i, i+1)
	}
	b.WriteString(`}}`)
	v := compileView(t, b.String(), nil)
	if v.Nodes != catalog.MaxViewDepth+1 || v.Cut == "" {
		t.Errorf("view has %d places, cut %q; want %d and words", v.Nodes, v.Cut, catalog.MaxViewDepth+1)
	}
}

// TestViewGrowsWithTheSchemaAlone: definitions that refer to two others each, which would be 2^15 places drawn out.
func TestViewGrowsWithTheSchemaAlone(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/d0","$defs":{"d15":{"type":"string"}`)
	for i := range 15 {
		next := fmt.Sprintf("#/$defs/d%d", i+1)
		fmt.Fprintf(&b, `,"d%d":{"properties":{"left":{"$ref":%q,"title":"left"},"right":{"$ref":%q,"title":"right"}}}`, i, next, next)
	}
	b.WriteString(`}}`)
	if v := compileView(t, b.String(), nil); v.Nodes > 500 {
		t.Errorf("view of 31 definitions has %d places", v.Nodes)
	}
}
