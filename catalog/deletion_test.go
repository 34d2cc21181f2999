package catalog_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/accordhq/accord/catalog"
)

func TestDeleteSubject(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	_, err := r.DeleteSubject(ctx, name, false)
	wantErr(t, "DeleteSubject of nothing", err, catalog.SubjectNotFound)
	first := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	register(t, r, name, catalog.Registration{Text: `{"type":"object","title":"t"}`})
	set(t, r, name, catalog.Config{Compatibility: catalog.Full})
	_, err = r.DeleteSubject(ctx, name, true)
	wantErr(t, "permanent before soft", err, catalog.SubjectNotDeleted)
	if got, err := r.DeleteSubject(ctx, name, false); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("DeleteSubject = %v, %v", got, err)
	}
	_, err = r.DeleteSubject(ctx, name, false)
	wantErr(t, "soft twice", err, catalog.SubjectDeleted)
	_, err = r.Version(ctx, name, 1, catalog.LiveOnly)
	wantErr(t, "Version of a deleted subject", err, catalog.SubjectNotFound)
	if v, err := r.Version(ctx, name, 1, catalog.WithDeleted); err != nil || v.State != catalog.Deleted {
		t.Errorf("Version with deleted = %+v, %v", v, err)
	}
	if _, err := r.SchemaByID(ctx, "", first.Schema.ID); err != nil {
		t.Errorf("SchemaByID of a deleted version = %v", err)
	}
	_, err = r.Versions(ctx, name, catalog.LiveOnly)
	wantErr(t, "Versions of a deleted subject", err, catalog.SubjectNotFound)
	if got, err := r.Versions(ctx, name, catalog.DeletedOnly); err != nil || len(got) != 2 {
		t.Errorf("Versions, deleted only = %+v, %v", got, err)
	}

	// The same content again: a new number, the same ID; judged against what is live, which is nothing.
	again := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	if again.Number != 3 || again.Schema.ID != first.Schema.ID {
		t.Errorf("registered again = number %d, ID %d, want 3 with ID %d", again.Number, again.Schema.ID, first.Schema.ID)
	}
	if got, err := r.Versions(ctx, name, catalog.WithDeleted); err != nil || len(got) != 2 || got[0].Number != 2 {
		t.Errorf("Versions with deleted = %+v, %v, want 2 and 3: 1 came back as 3", got, err)
	}
	for _, permanent := range []bool{false, true} {
		if _, err := r.DeleteSubject(ctx, name, permanent); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.SchemaByID(ctx, "", first.Schema.ID)
	wantErr(t, "SchemaByID after the last version", err, catalog.SchemaNotFound)
	_, err = r.SchemaByGUID(ctx, first.Schema.GUID)
	wantErr(t, "SchemaByGUID after the last version", err, catalog.SchemaNotFound)
	_, err = r.Config(ctx, name, false)
	wantErr(t, "Config after the last version", err, catalog.NoCompatibility)
	reborn := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	if reborn.Number != 1 || reborn.Schema.ID == first.Schema.ID {
		t.Errorf("grown again = number %d, ID %d, want 1 with a new ID", reborn.Number, reborn.Schema.ID)
	}
}

func TestDeleteVersion(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	_, err := r.DeleteVersion(ctx, name, 1, false)
	wantErr(t, "DeleteVersion in nothing", err, catalog.SubjectNotFound)
	register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	register(t, r, name, catalog.Registration{Text: `{"type":"object","title":"t"}`})
	_, err = r.DeleteVersion(ctx, name, 3, false)
	wantErr(t, "DeleteVersion of nothing", err, catalog.VersionNotFound)
	_, err = r.DeleteVersion(ctx, name, 2, true)
	wantErr(t, "permanent before soft", err, catalog.VersionNotDeleted)
	if n, err := r.DeleteVersion(ctx, name, 2, false); err != nil || n != 2 {
		t.Errorf("DeleteVersion = %d, %v", n, err)
	}
	_, err = r.DeleteVersion(ctx, name, 2, false)
	wantErr(t, "soft twice", err, catalog.VersionDeleted)
	if v, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != 1 {
		t.Errorf("latest = %+v, %v", v, err)
	}
	if got, err := r.Undelete(ctx, name, []int{2}, nil); err != nil || !slices.Equal(got, []int{2}) {
		t.Errorf("Undelete = %v, %v", got, err)
	}
	_, err = r.Undelete(ctx, name, []int{2}, nil)
	wantErr(t, "Undelete of what is live", err, catalog.VersionNotDeleted)
	for _, permanent := range []bool{false, true} {
		if _, err := r.DeleteVersion(ctx, name, 2, permanent); err != nil {
			t.Fatal(err)
		}
	}
	if next := register(t, r, name, catalog.Registration{Text: `{"type":"object","title":"u"}`}); next.Number != 3 {
		t.Errorf("next number = %d, want 3: a number is not given twice", next.Number)
	}
}

// TestUndeleteIsJudged: what contradicts the versions that came in the meantime stays deleted.
func TestUndeleteIsJudged(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	register(t, r, name, catalog.Registration{Text: object(1, "id")})
	register(t, r, name, catalog.Registration{Text: object(0, "id")})
	if _, err := r.DeleteVersion(ctx, name, 2, false); err != nil {
		t.Fatal(err)
	}
	v3 := register(t, r, name, catalog.Registration{Text: `{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"title":"t"}`})
	if v3.Number != 3 {
		t.Fatalf("number %d, want 3", v3.Number)
	}
	_, err := r.Undelete(ctx, name, []int{2}, nil)
	if _, ok := errors.AsType[*catalog.Incompatible](err); !ok {
		t.Errorf("Undelete(2) = %v, want Incompatible: version 3 requires what version 2 left open", err)
	}
}

func TestModes(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	a, b := subject("a"), subject("b")
	register(t, r, a, catalog.Registration{Text: `true`})
	mode := func(scope catalog.Name, m catalog.Mode, force bool) error { return r.SetMode(ctx, scope, m, force) }
	wantErr(t, "SetMode of a word", mode(a, "SOMETIMES", false), catalog.InvalidMode)
	wantErr(t, "FORWARD of a subject", mode(a, catalog.ForwardMode, false), catalog.InvalidMode)
	_, err := r.Mode(ctx, a, false)
	wantErr(t, "Mode of a subject without", err, catalog.NoMode)

	if err := mode(a, "readonly", false); err != nil {
		t.Fatal(err)
	}
	if m, err := r.Mode(ctx, a, false); err != nil || m != catalog.ReadOnlyMode {
		t.Errorf("Mode = %s, %v", m, err)
	}
	_, err = r.Register(ctx, a, catalog.Registration{Text: `{}`})
	wantErr(t, "Register in READONLY", err, catalog.ReadOnly)
	_, err = r.DeleteSubject(ctx, a, false)
	wantErr(t, "DeleteSubject in READONLY", err, catalog.ReadOnly)
	_, err = r.SetConfig(ctx, a, catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}})
	wantErr(t, "SetConfig in READONLY", err, catalog.ReadOnly)
	if old, err := r.DeleteMode(ctx, a, false); err != nil || old != catalog.ReadOnlyMode {
		t.Errorf("DeleteMode = %s, %v", old, err)
	}
	_, err = r.DeleteMode(ctx, a, false)
	wantErr(t, "DeleteMode twice", err, catalog.SubjectNotFound)

	wantErr(t, "IMPORT over a live version", mode(a, catalog.Import, false), catalog.NotEmpty)
	wantErr(t, "IMPORT over everything", mode(catalog.Name{}, catalog.Import, false), catalog.NotEmpty)
	if err := mode(b, catalog.Import, false); err != nil {
		t.Fatal(err)
	}
	_, err = r.Register(ctx, b, catalog.Registration{Text: `{}`})
	wantErr(t, "Register without ID in IMPORT", err, catalog.NotReadWrite)
	imported := register(t, r, b, catalog.Registration{Text: `{"type":7}`, ID: 77, Version: 5})
	if imported.Number != 5 || imported.Schema.ID != 77 || imported.Schema.Broken == "" || imported.Mark == nil {
		t.Errorf("imported = %+v, want version 5, ID 77, kept although it does not compile", imported)
	}
	if again := register(t, r, b, catalog.Registration{Text: `{"type":7}`, ID: 77, Version: 5}); again.New {
		t.Errorf("imported twice = %+v", again)
	}
	_, err = r.Register(ctx, b, catalog.Registration{Text: `{"type":7}`, ID: 78, Version: 5})
	wantErr(t, "import with another ID", err, catalog.IDMismatch)
	_, err = r.Register(ctx, b, catalog.Registration{Text: `{}`, ID: 77, Version: 5})
	wantErr(t, "import with other content", err, catalog.VersionTaken)
	_, err = r.Register(ctx, b, catalog.Registration{Text: `{}`, ID: 77, Version: 6})
	wantErr(t, "import over an ID", err, catalog.IDTaken)
	if err := mode(b, catalog.ReadWrite, false); err != nil {
		t.Fatal(err)
	}
	_, err = r.Register(ctx, b, catalog.Registration{Text: `{}`})
	if _, ok := errors.AsType[*catalog.Incompatible](err); !ok {
		t.Errorf("after a version that does not compile = %v, want Incompatible (undecided)", err)
	}
	set(t, r, b, catalog.Config{Compatibility: catalog.None})
	if next := register(t, r, b, catalog.Registration{Text: `{}`}); next.Number != 6 || next.Schema.ID != 78 {
		t.Errorf("after the import = number %d, ID %d, want 6 and 78", next.Number, next.Schema.ID)
	}
}

func TestConfig(t *testing.T) {
	r, ctx, a := newRegistry(t), t.Context(), subject("a")
	yes := true
	if c, err := r.Config(ctx, catalog.Name{}, false); err != nil || c.Compatibility != catalog.Backward {
		t.Errorf("Config of the default context = %+v, %v", c, err)
	}
	_, err := r.Config(ctx, a, false)
	wantErr(t, "Config of a subject without", err, catalog.NoCompatibility)
	set(t, r, catalog.Name{Context: catalog.GlobalContext}, catalog.Config{Compatibility: catalog.None, CompatibilityGroup: "major"})
	set(t, r, catalog.Name{}, catalog.Config{Compatibility: "full"})
	set(t, r, a, catalog.Config{Normalize: &yes})
	if c, err := r.Config(ctx, a, true); err != nil || c.Compatibility != catalog.Full || c.CompatibilityGroup != "major" || !*c.Normalize {
		t.Errorf("Config of a, inherited field by field = %+v, %v", c, err)
	}
	if c, err := r.Config(ctx, a, false); err != nil || c.Compatibility != "" || !*c.Normalize {
		t.Errorf("Config of a = %+v, %v, want its own alone", c, err)
	}
	if c, err := r.Config(ctx, catalog.Name{Context: ".x", Subject: "a"}, true); err != nil || c.Compatibility != catalog.None {
		t.Errorf("Config in another context = %+v, %v", c, err)
	}
	_, err = r.SetConfig(ctx, a, catalog.Patch{Set: catalog.Config{Compatibility: "SIDEWARD"}})
	wantErr(t, "SetConfig of a word", err, catalog.InvalidCompatibility)
	_, err = r.SetConfig(ctx, a, catalog.Patch{Set: catalog.Config{CompatibilityPolicy: "LOGICAL"}})
	wantErr(t, "SetConfig of a policy", err, catalog.InvalidPolicy)
	if old, err := r.DeleteConfig(ctx, a); err != nil || !*old.Normalize {
		t.Errorf("DeleteConfig = %+v, %v", old, err)
	}
	_, err = r.DeleteConfig(ctx, a)
	wantErr(t, "DeleteConfig twice", err, catalog.SubjectNotFound)

	// A subject that normalizes keeps sorted texts, and finds unsorted ones.
	set(t, r, a, catalog.Config{Normalize: &yes})
	v := register(t, r, a, catalog.Registration{Text: `{"type":"object","title":"t"}`})
	if v.Schema.Text != `{"title":"t","type":"object"}` {
		t.Errorf("normalized = %s", v.Schema.Text)
	}
	if again := register(t, r, a, catalog.Registration{Text: `{"type":"object", "title":"t"}`}); again.New {
		t.Errorf("normalized again = %+v", again)
	}
}

func TestCompatibilityGroup(t *testing.T) {
	r, a := newRegistry(t), subject("a")
	set(t, r, a, catalog.Config{CompatibilityGroup: "major"})
	major := func(n string) *catalog.Metadata { return &catalog.Metadata{Properties: map[string]string{"major": n}} }
	register(t, r, a, catalog.Registration{Text: object(1, "id"), Metadata: major("1")})
	register(t, r, a, catalog.Registration{Text: `{"type":"string"}`, Metadata: major("2")})
	register(t, r, a, catalog.Registration{Text: object(1, "id", "title"), Metadata: major("1"), Force: true})
	_, err := r.Register(t.Context(), a, catalog.Registration{Text: object(2, "id", "title"), Metadata: major("1")})
	if refused, ok := errors.AsType[*catalog.Incompatible](err); !ok || refused.Report.Report.Against[0].Number != 3 {
		t.Errorf("within the group = %v, want Incompatible with version 3", err)
	}
}

func TestContextsAndAliases(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	far := catalog.Name{Context: ".eu", Subject: "a"}
	v := register(t, r, far, catalog.Registration{Text: `{"type":"object"}`})
	if got, err := r.Version(ctx, subject("a"), catalog.Latest, catalog.LiveOnly); err != nil || got.Name != far {
		t.Errorf("a bare name that only another context has = %+v, %v", got, err)
	}
	if found, err := r.Lookup(ctx, subject("a"), catalog.Registration{Text: `{"type":"object"}`}, catalog.LiveOnly); err != nil || found.Schema.ID != v.Schema.ID {
		t.Errorf("Lookup by a bare name = %+v, %v", found, err)
	}
	if here := register(t, r, subject("a"), catalog.Registration{Text: `{"type":"string"}`}); here.Number != 1 || here.Context != "" {
		t.Errorf("registering a bare name = %+v, want the default context", here)
	}
	set(t, r, subject("old"), catalog.Config{Alias: "a"})
	if got := register(t, r, subject("old"), catalog.Registration{Text: `{"type":["string","null"]}`}); got.Name != subject("a") || got.Number != 2 {
		t.Errorf("registering under an alias = %+v", got)
	}
	if got, err := r.Version(ctx, subject("old"), catalog.Latest, catalog.LiveOnly); err != nil || got.Name != subject("a") || got.Number != 2 {
		t.Errorf("Version by an alias = %+v, %v", got, err)
	}
	if c, err := r.Config(ctx, subject("old"), false); err != nil || c.Alias != "a" {
		t.Errorf("Config of an alias = %+v, %v", c, err)
	}
	contexts, err := r.Contexts(ctx)
	if err != nil || !slices.Equal(contexts, []string{"", ".eu"}) {
		t.Errorf("Contexts = %q, %v", contexts, err)
	}
	wantErr(t, "DeleteContext", r.DeleteContext(ctx, ".eu"), catalog.ContextNotEmpty)
	for _, permanent := range []bool{false, true} {
		if _, err := r.DeleteSubject(ctx, far, permanent); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.DeleteContext(ctx, ".eu"); err != nil {
		t.Errorf("DeleteContext = %v", err)
	}
}
