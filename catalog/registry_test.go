package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/compat"
)

// newStore opens a SQLite store in a folder of the test.
func newStore(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newRegistry returns a registry that listens, on a store of its own.
func newRegistry(t *testing.T) *catalog.Registry {
	t.Helper()
	return listening(t, newStore(t))
}

// listening returns a registry on a store and keeps it listening until the test ends.
func listening(t *testing.T, s catalog.Store) *catalog.Registry {
	t.Helper()
	r := catalog.New(s, catalog.Options{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func subject(s string) catalog.Name { return catalog.Name{Subject: s} }

// object is a schema of an object with string members, the first n of them required.
func object(required int, members ...string) string {
	var properties, names []string
	for i, m := range members {
		properties = append(properties, fmt.Sprintf(`%q:{"type":"string"}`, m))
		if i < required {
			names = append(names, fmt.Sprintf("%q", m))
		}
	}
	return fmt.Sprintf(`{"type":"object","properties":{%s},"required":[%s]}`, strings.Join(properties, ","), strings.Join(names, ","))
}

func register(t *testing.T, r *catalog.Registry, name catalog.Name, reg catalog.Registration) catalog.Registered {
	t.Helper()
	got, err := r.Register(t.Context(), name, reg)
	if err != nil {
		t.Fatalf("Register(%s, %.80s) = %v", name, reg.Text, err)
	}
	return got
}

func set(t *testing.T, r *catalog.Registry, scope catalog.Name, c catalog.Config) {
	t.Helper()
	if _, err := r.SetConfig(t.Context(), scope, catalog.Patch{Set: c}); err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", call, err, want)
	}
}

func TestRegister(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("orders-value")
	first := register(t, r, name, catalog.Registration{Text: object(1, "id")})
	if first.Number != 1 || first.Schema.ID != 1 || !first.New {
		t.Errorf("first = %+v", first)
	}
	again := register(t, r, name, catalog.Registration{Text: "  " + strings.ReplaceAll(object(1, "id"), ",", " , ")})
	if again.Number != 1 || again.New || again.Schema.GUID != first.Schema.GUID {
		t.Errorf("with other white space = %+v, want version 1 again", again)
	}
	_, err := r.Register(ctx, name, catalog.Registration{Text: object(2, "id", "email")})
	refused, ok := errors.AsType[*catalog.Incompatible](err)
	if !ok || refused.Report.Report.Verdict != compat.Incompatible || refused.Report.Report.Against[0].Result.Counterexample == nil {
		t.Fatalf("a new required member: %v, want Incompatible with an event", err)
	}
	if !strings.Contains(err.Error(), "version 1") {
		t.Errorf("error %q does not say against which version", err)
	}
	forced := register(t, r, name, catalog.Registration{Text: object(2, "id", "email"), Force: true})
	if forced.Number != 2 || forced.Mark == nil || !forced.Mark.Forced {
		t.Errorf("forced = %+v, want version 2 with the mark", forced)
	}
	old := register(t, r, name, catalog.Registration{Text: object(1, "id")})
	if old.Number != 1 || old.New {
		t.Errorf("a version that is not the latest, again = %+v", old)
	}
	if v, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != 2 || v.Schema.Text != object(2, "id", "email") {
		t.Errorf("latest = %+v, %v", v, err)
	}
	found, err := r.Lookup(ctx, name, catalog.Registration{Text: object(1, "id")}, catalog.LiveOnly)
	if err != nil || found.Number != 1 {
		t.Errorf("Lookup = %+v, %v", found, err)
	}
	_, err = r.Lookup(ctx, name, catalog.Registration{Text: `{}`}, catalog.LiveOnly)
	wantErr(t, "Lookup of nothing", err, catalog.SchemaNotFound)
	_, err = r.Lookup(ctx, subject("x"), catalog.Registration{Text: `{}`}, catalog.LiveOnly)
	wantErr(t, "Lookup in nothing", err, catalog.SubjectNotFound)
	if s, err := r.SchemaByGUID(ctx, first.Schema.GUID); err != nil || s.ID != 1 {
		t.Errorf("SchemaByGUID = %+v, %v", s, err)
	}
}

func TestRegisterRefuses(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	register(t, r, subject("a"), catalog.Registration{Text: `true`})
	deep := strings.Repeat(`{"not":`, 70) + `{}` + strings.Repeat(`}`, 70)
	for _, c := range []struct {
		what string
		name catalog.Name
		reg  catalog.Registration
		want error
	}{
		{"no name", subject(""), catalog.Registration{Text: `{}`}, catalog.InvalidSubject},
		{"blank name", subject("  "), catalog.Registration{Text: `{}`}, catalog.InvalidSubject},
		{"reserved", subject("__GLOBAL"), catalog.Registration{Text: `{}`}, catalog.InvalidSubject},
		{"empty", subject("b"), catalog.Registration{}, catalog.EmptySchema},
		{"not JSON", subject("b"), catalog.Registration{Text: `{`}, catalog.InvalidSchema},
		{"an array", subject("b"), catalog.Registration{Text: `[]`}, catalog.InvalidSchema},
		{"not a schema", subject("b"), catalog.Registration{Text: `{"type":7}`}, catalog.InvalidSchema},
		{"unknown draft", subject("b"), catalog.Registration{Text: `{"$schema":"http://example.com/none"}`}, catalog.InvalidSchema},
		{"$ref to a file", subject("b"), catalog.Registration{Text: `{"$ref":"file:///etc/passwd"}`}, catalog.InvalidSchema},
		{"$ref to a server", subject("b"), catalog.Registration{Text: `{"$ref":"http://127.0.0.1:1/x"}`}, catalog.InvalidSchema},
		{"$ref without reference", subject("b"), catalog.Registration{Text: `{"$ref":"money.json"}`}, catalog.InvalidSchema},
		{"too deep", subject("b"), catalog.Registration{Text: deep}, catalog.InvalidSchema},
		{"too large", subject("b"), catalog.Registration{Text: `{"title":"` + strings.Repeat("x", catalog.MaxSchemaBytes) + `"}`}, catalog.TooLarge},
		{"reference to nothing", subject("b"), catalog.Registration{Text: `{}`, References: []catalog.Reference{{Name: "x", Subject: "x", Version: 1}}}, catalog.ReferenceNotFound},
		{"number from the future", subject("a"), catalog.Registration{Text: `{}`, Version: 3}, catalog.NotNextVersion},
		{"an ID", subject("a"), catalog.Registration{Text: `{}`, ID: 9}, catalog.NotImport},
		{"rules without a name", subject("a"), catalog.Registration{Text: `{}`, RuleSet: &catalog.RuleSet{Domain: []catalog.Rule{{}}}}, catalog.InvalidRuleSet},
		{"malformed lens", subject("a"), catalog.Registration{Text: `{}`, Lens: []byte(`{"ops":[{"op":"nme"}]}`)}, catalog.InvalidLens},
		{"lens from nowhere", subject("b"), catalog.Registration{Text: `{}`, Lens: []byte(`{"ops":[]}`)}, catalog.InvalidLens},
	} {
		_, err := r.Register(ctx, c.name, c.reg)
		wantErr(t, c.what+": Register", err, c.want)
		if err != nil && strings.Contains(err.Error(), "passwd:") {
			t.Errorf("%s: %q tells about the disk", c.what, err)
		}
	}
	if changes, err := r.Changes(ctx, 0, 0); err != nil || len(changes) != 1 {
		t.Errorf("Changes = %+v, %v, want the first registration alone", changes, err)
	}
}

func TestMetadataIsInherited(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	meta := &catalog.Metadata{Properties: map[string]string{"owner": "ada"}}
	v1 := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`, Metadata: meta})
	v2 := register(t, r, name, catalog.Registration{Text: `{"type":"object","title":"t"}`})
	if v2.Schema.Metadata == nil || v2.Schema.Metadata.Properties["owner"] != "ada" {
		t.Errorf("metadata = %+v, want the latest version's", v2.Schema.Metadata)
	}
	if got := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`}); got.Number != 1 {
		t.Errorf("the first text again = number %d, want 1", got.Number)
	}
	other := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`, Metadata: &catalog.Metadata{Properties: map[string]string{"owner": "bob"}}})
	if other.Number != 3 || other.Schema.ID == v1.Schema.ID {
		t.Errorf("other metadata = %+v, want a new version with a new ID", other)
	}
	empty := register(t, r, name, catalog.Registration{Metadata: &catalog.Metadata{Properties: map[string]string{"owner": "eve"}}})
	if empty.Schema.Text != `{"type":"object"}` || empty.Number != 4 {
		t.Errorf("no text = %+v, want the latest text under a new number", empty)
	}
	set(t, r, name, catalog.Config{
		DefaultMetadata:  &catalog.Metadata{Properties: map[string]string{"team": "t", "owner": "default"}},
		OverrideMetadata: &catalog.Metadata{Properties: map[string]string{"reviewed": "yes"}},
	})
	merged := register(t, r, name, catalog.Registration{Text: `{"type":"object","title":"m"}`, Metadata: meta})
	if got := fmt.Sprint(merged.Schema.Metadata.Properties); got != "map[owner:ada reviewed:yes team:t]" {
		t.Errorf("default, given, override = %s", got)
	}
	asked := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`, Metadata: meta, Version: catalog.Latest})
	if asked.Number != 6 || !asked.New || asked.Schema.Metadata.Properties["confluent:version"] != "6" {
		t.Errorf("asked for a new number = %+v", asked)
	}
	if found, err := r.Lookup(ctx, name, catalog.Registration{Text: `{"type":"object"}`, Metadata: merged.Schema.Metadata}, catalog.LiveOnly); err != nil || found.Number != 6 {
		t.Errorf("Lookup without the property = number %d, %v, want 6", found.Number, err)
	}
}

func TestReferences(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	register(t, r, subject("money"), catalog.Registration{Text: `{"type":"integer"}`})
	order := catalog.Registration{
		Text:       `{"type":"object","properties":{"total":{"$ref":"money.json"}}}`,
		References: []catalog.Reference{{Name: "money.json", Subject: "money", Version: catalog.Latest}},
	}
	v := register(t, r, subject("order"), order)
	if v.Schema.References[0].Version != 1 {
		t.Errorf("references = %+v, want -1 to become 1", v.Schema.References)
	}
	set(t, r, subject("money"), catalog.Config{Compatibility: catalog.None})
	register(t, r, subject("money"), catalog.Registration{Text: `{"type":"string"}`})
	_, err := r.Register(ctx, subject("order"), order)
	if _, ok := errors.AsType[*catalog.Incompatible](err); !ok {
		t.Errorf("the same text over another type = %v, want Incompatible", err)
	}
	for _, c := range []struct {
		what string
		reg  catalog.Registration
	}{
		{"one name, two versions", catalog.Registration{Text: `{}`, References: []catalog.Reference{{Name: "m", Subject: "money", Version: 1}, {Name: "m", Subject: "money", Version: 2}}}},
		{"one name, two versions, further down", catalog.Registration{Text: `{}`, References: []catalog.Reference{{Name: "o", Subject: "order", Version: 1}, {Name: "money.json", Subject: "money", Version: 2}}}},
	} {
		_, err := r.Register(ctx, subject("x"), c.reg)
		wantErr(t, c.what+": Register", err, catalog.InvalidSchema)
	}
	ids, err := r.ReferencedBy(ctx, subject("money"), 1, catalog.LiveOnly)
	if err != nil || !slices.Equal(ids, []int{v.Schema.ID}) {
		t.Errorf("ReferencedBy = %v, %v", ids, err)
	}
	_, err = r.DeleteVersion(ctx, subject("money"), 1, false)
	wantErr(t, "DeleteVersion of what is referred to", err, catalog.Referenced)
	if n, err := r.DeleteVersion(ctx, subject("money"), catalog.Latest, false); err != nil || n != 2 {
		t.Errorf("DeleteVersion(latest) = %d, %v", n, err)
	}
	_, err = r.Register(ctx, subject("x"), catalog.Registration{Text: `{}`, References: []catalog.Reference{{Name: "m", Subject: "money", Version: 2}}})
	wantErr(t, "Register over a deleted reference", err, catalog.ReferenceNotFound)
}

func TestLensOfWhatIsThere(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	set(t, r, name, catalog.Config{Compatibility: catalog.Upcastable})
	register(t, r, name, catalog.Registration{Text: person("name")})
	with := catalog.Registration{Text: person("fullName"), Lens: renamed}
	register(t, r, name, with)
	if again := register(t, r, name, with); again.New || again.Number != 2 {
		t.Errorf("schema and lens again = %+v, want version 2", again)
	}
	with.Lens = []byte(`{"notes":"another","ops":[{"op":"rename","from":"/name","to":"/fullName"}]}`)
	_, err := r.Register(ctx, name, with)
	wantErr(t, "Register of another lens", err, catalog.InvalidLens)
	_, err = r.Register(ctx, name, catalog.Registration{Text: person("name"), Lens: renamed})
	wantErr(t, "Register of a lens for the first version", err, catalog.InvalidLens)
}

// TestLensOverWhatDoesNotCompile: an imported version without a meaning is a gap in the chain, not an obstacle.
func TestLensOverWhatDoesNotCompile(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	if err := r.SetMode(ctx, name, catalog.Import, false); err != nil {
		t.Fatal(err)
	}
	register(t, r, name, catalog.Registration{Text: `{"type":7}`, ID: 5, Version: 1})
	register(t, r, name, catalog.Registration{Text: person("name"), ID: 6, Version: 2})
	if err := r.SetMode(ctx, name, catalog.ReadWrite, false); err != nil {
		t.Fatal(err)
	}
	set(t, r, name, catalog.Config{Compatibility: catalog.Upcastable})
	v := register(t, r, name, catalog.Registration{Text: person("fullName"), Lens: renamed})
	if !strings.Contains(string(v.Lens.Report), `"chain":{"1":"gap","2":"tested"}`) {
		t.Errorf("report = %s", v.Lens.Report)
	}
	_, err := r.Upcast(ctx, name, 1, 3, nil, nil)
	wantErr(t, "Upcast from what does not compile", err, catalog.NoLensPath)
}
