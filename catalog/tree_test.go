package catalog_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/schemas"
)

func TestReadTreeReferenceFolder(t *testing.T) {
	tree, problems, err := catalog.ReadTree(schemas.FS())
	if err != nil || len(problems) > 0 {
		t.Fatalf("ReadTree(schemas) = %v, %v; want no problem", problems, err)
	}
	f := tree.Subjects["orders.OrderPlaced"]
	if f == nil || len(f.Versions) != 3 || f.Versions[2].Lens == nil || f.Event.Channel != "orders.events" {
		t.Fatalf("orders.OrderPlaced = %+v, want three versions, a lens on v3 and its channel", f)
	}
	refs, err := tree.References(f.Versions[2].Text)
	if err != nil || len(refs) != 1 || refs[0].Subject != "common.Money" || refs[0].Version != 1 {
		t.Errorf("References(v3) = %v, %v; want common.Money 1", refs, err)
	}
	order, err := tree.Order()
	if err != nil {
		t.Fatal(err)
	}
	if order[0].Subject != "common.Money" || len(order) != len(tree.Subjects) {
		t.Errorf("Order() begins with %s and has %d of %d", order[0].Subject, len(order), len(tree.Subjects))
	}
	for _, d := range tree.Documents() {
		if _, err := catalog.DecodeDocument(d.Body); err != nil {
			t.Errorf("document %s %s does not decode again: %v", d.Kind, d.Name, err)
		}
	}
}

const (
	head    = "apiVersion: accord/v1\n"
	anEvent = head + "kind: Event\nname: a.B\n"
)

func TestReadTreeNamesFaults(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"unknown member", "services/a.yaml", head + "kind: Service\nname: a\nsend: []\n", `services/a.yaml:4:1  error  file-form  json: unknown field "send"`},
		{"wrong kind", "services/a.yaml", head + "kind: Servise\nname: a\n", `kind is "Servise"`},
		{"no version of the form", "teams.yaml", "kind: Teams\nteams: []\n", `apiVersion is ""`},
		{"bad YAML", "services/a.yaml", head + "kind: [\n", "services/a.yaml:2"},
		{"duplicate key", "services/a.yaml", head + "kind: Service\nname: a\nname: b\n", `services/a.yaml:4:1  error  file-form  line 4: "name" appears twice`},
		{"alias bomb", "services/a.yaml", head + "kind: Service\na: &a [x]\nb: [" + strings.Repeat("*a,", catalog.MaxAliases+1) + "]\n", "more than 100 aliases"},
		{"bad word", "channels/a.yaml", head + "kind: Channel\nname: a\nkafka: { topic: a }\nenforce: { policy: refuse }\n", "want one of off, observe, mark, reject, divert"},
		{"event without description", "events/a.B/v1.json", "{}", "event.yaml is missing"},
		{"schema is no JSON", "events/a.B/v1.json", "{\n  \"a\": }\n", "events/a.B/v1.json:2:"},
		{"gap", "events/a.B/v3.json", "{}", "version 2 is missing"},
		{"lens without schema", "events/a.B/v2.lens.yaml", "ops: []\n", "a lens without its schema v2.json"},
		{"name and folder differ", "events/a.C/event.yaml", anEvent, `name is "a.B": it must equal the folder's name, "a.C"`},
	} {
		tree := fstest.MapFS{c.file: {Data: []byte(c.text)}, "events/a.B/v1.json": {Data: []byte("{}")}}
		tree[c.file] = &fstest.MapFile{Data: []byte(c.text)}
		if c.name != "event without description" {
			tree["events/a.B/event.yaml"] = &fstest.MapFile{Data: []byte(anEvent)}
		}
		_, problems, err := catalog.ReadTree(tree)
		if err != nil {
			t.Errorf("%s: ReadTree = %v", c.name, err)
		}
		if !strings.Contains(fmt.Sprint(problems), c.want) {
			t.Errorf("%s: ReadTree found %v, want %q", c.name, problems, c.want)
		}
	}
}

func TestReadTreeIsBounded(t *testing.T) {
	large := fstest.MapFS{"events/a.B/v1.json": {Data: make([]byte, catalog.MaxFileBytes+1)}}
	if _, _, err := catalog.ReadTree(large); err == nil || !strings.Contains(err.Error(), "MaxFileBytes") {
		t.Errorf("ReadTree(large file) = %v, want MaxFileBytes named", err)
	}
	high := fstest.MapFS{fmt.Sprintf("events/a.B/v%d.json", catalog.MaxTreeNumbers+1): {Data: []byte("{}")}}
	if _, _, err := catalog.ReadTree(high); err == nil || !strings.Contains(err.Error(), "MaxTreeNumbers") {
		t.Errorf("ReadTree(high number) = %v, want MaxTreeNumbers named", err)
	}
}

func TestOrderFindsCircles(t *testing.T) {
	ref := func(to string) []byte { return []byte(`{"$ref":"https://x/` + to + `/1"}`) }
	tree, _, err := catalog.ReadTree(fstest.MapFS{
		"accord.yaml":        {Data: []byte(head + "kind: Project\nschemaBase: https://x/\n")},
		"shared/a.A/v1.json": {Data: ref("b.B")},
		"shared/b.B/v1.json": {Data: ref("a.A")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Order(); err == nil {
		t.Error("Order() of a circle succeeded")
	}
}

func TestPlaces(t *testing.T) {
	text := "\ufeff{\r\n  \"ä\": [1,\n    {\"b/c\": true}]\n}"
	places, err := catalog.FindPlaces([]byte(text[len("\ufeff"):]))
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]catalog.Place{
		"":              {1, 1},
		"/ä":            {2, 3},
		"/ä/0":          {2, 9},
		"/ä/1":          {3, 5},
		"/ä/1/b~1c":     {3, 6},
		"/ä/1/gone/too": {3, 5},
	} {
		if got := places.Of(pointer); got != want {
			t.Errorf("Of(%q) = %v, want %v", pointer, got, want)
		}
	}
	if _, err := catalog.FindPlaces([]byte("{\n\"a\": x}")); err == nil || !strings.Contains(err.Error(), "line 2 column 6") {
		t.Errorf("FindPlaces(no JSON) = %v, want line 2 column 6", err)
	}
}
