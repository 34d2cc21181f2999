// Package storetest is the contract that every catalog.Store keeps, as tests.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Run runs the contract. open returns an empty store for each test, and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) catalog.Store) {
	for name, test := range map[string]func(*testing.T, catalog.Store){
		"append":           testAppend,
		"conflict":         testConflict,
		"identity":         testIdentity,
		"import":           testImport,
		"references":       testReferences,
		"delete":           testDelete,
		"purge":            testPurge,
		"undelete":         testUndelete,
		"gone":             testGone,
		"policy":           testPolicy,
		"policy guards":    testPolicyGuards,
		"lens":             testLens,
		"subject revision": testSubjectRevision,
		"pins":             testPins,
		"probe":            testProbe,
		"lists":            testLists,
		"contexts":         testContexts,
		"changes":          testChanges,
		"audit":            testAudit,
		"tokens":           testTokens,
		"writers":          testWriters,
		"watch":            testWatch,
		"bells":            testBells,
		"documents":        testDocuments,
		"usage":            testUsage,
		"rejections":       testRejections,
		"presence":         testPresence,
		"cancelled":        testCancelled,
		"hostile names":    testHostileNames,
		"swap never fails": testIndependent,
		"transfer":         testTransfer,
		"no transfer":      testTransferRefusals,
		"snapshot":         testSnapshotEnds,
		"archive":          testArchive,
		"large subject":    testLargeSubject,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// version returns a version with a text, and with the references given as subject, number pairs.
func version(text string, refs ...catalog.Reference) catalog.Version {
	s := catalog.Schema{Text: text, References: refs}
	s.GUID = s.GUIDOf()
	return catalog.Version{Schema: s}
}

// add appends to a subject with the head of the moment.
func add(t *testing.T, s catalog.Store, name catalog.Name, versions ...catalog.Version) []catalog.Version {
	t.Helper()
	added, _, err := s.Append(t.Context(), name, subject(t, s, name).Head, versions...)
	if err != nil {
		t.Fatalf("Append(%s) = %v", name, err)
	}
	return added
}

// remove deletes with the head of the moment.
func remove(t *testing.T, s catalog.Store, name catalog.Name, d catalog.Deletion) error {
	t.Helper()
	numbers, _, err := s.Delete(t.Context(), name, subject(t, s, name).Head, d)
	if err == nil && !slices.Equal(numbers, d.Versions) {
		t.Errorf("Delete(%s, %+v) = %v", name, d, numbers)
	}
	return err
}

func subject(t *testing.T, s catalog.Store, name catalog.Name) catalog.Subject {
	t.Helper()
	got, err := s.Subject(t.Context(), name)
	if err != nil {
		t.Fatalf("Subject(%s) = %v", name, err)
	}
	return got
}

// places are the numbers and states of a subject.
func places(t *testing.T, s catalog.Store, name catalog.Name) string {
	t.Helper()
	var out strings.Builder
	for _, v := range subject(t, s, name).Versions {
		out.WriteString(fmt.Sprintf("%d:%d:%s ", v.Number, v.Schema.ID, v.State))
	}
	return out.String()
}

func wantErr(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", call, err, want)
	}
}

func name(s string) catalog.Name { return catalog.Name{Subject: s} }

func testAppend(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada", Reason: "why", Commit: "c0ffee"})
	empty := subject(t, s, name("a"))
	if diff := cmp.Diff(catalog.Subject{Name: name("a")}, empty); diff != "" {
		t.Errorf("Subject of nothing (-want +got):\n%s", diff)
	}
	v := version(`{"title":"é"}`)
	v.Schema.Metadata = &catalog.Metadata{Properties: map[string]string{"k": "v"}, Tags: map[string][]string{"/a": {"PII"}}, Sensitive: []string{"x"}}
	v.Schema.RuleSet = &catalog.RuleSet{Domain: []catalog.Rule{{Name: "r", Expr: "true", Params: map[string]string{"a": "b"}, Disabled: true}}}
	v.Schema.GUID = v.Schema.GUIDOf()
	v.Lens = &catalog.StoredLens{Lens: json.RawMessage(`{"ops":[]}`), Rev: 1}
	v.Mark = &catalog.Mark{Forced: true, Imported: true}
	before := time.Now().Add(-time.Minute)
	added, rev, err := s.Append(ctx, name("a"), empty.Head, v)
	if err != nil || rev == 0 || len(added) != 1 {
		t.Fatalf("Append = %v, %d, %v", added, rev, err)
	}
	got := added[0]
	if got.Number != 1 || got.Schema.ID != 1 || got.By != "ada" || got.Rev != rev || got.At.Before(before) {
		t.Errorf("Append = %+v, want number 1, ID 1, by ada, at revision %d", got, rev)
	}
	read := subject(t, s, name("a"))
	if read.Head != (catalog.Head{Number: 1, Rev: rev}) {
		t.Errorf("Head = %+v, want {1 %d}", read.Head, rev)
	}
	light := got
	light.Schema = catalog.Schema{ID: 1, GUID: v.Schema.GUID}
	if diff := cmp.Diff([]catalog.Version{light}, read.Versions); diff != "" {
		t.Errorf("Subject's versions (-want +got):\n%s", diff)
	}
	stored, err := s.Schema(ctx, catalog.Key{ID: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.StoredSchema{Schema: got.Schema, Versions: []catalog.SubjectVersion{{Name: name("a"), Version: 1}}, MaxID: 1, Lenses: 1, Rev: rev}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Errorf("Schema (-want +got):\n%s", diff)
	}
	if byGUID, err := s.Schema(ctx, catalog.Key{GUID: v.Schema.GUID}); err != nil || !cmp.Equal(want, byGUID) {
		t.Errorf("Schema by GUID = %+v, %v", byGUID, err)
	}
	_, err = s.Schema(ctx, catalog.Key{ID: 2})
	wantErr(t, "Schema(2)", err, catalog.SchemaNotFound)
	_, err = s.Schema(ctx, catalog.Key{Context: ".x", ID: 1})
	wantErr(t, "Schema(.x 1)", err, catalog.SchemaNotFound)
	two := add(t, s, name("a"), version(`true`), version(`false`))
	if two[0].Number != 2 || two[1].Number != 3 || two[1].Schema.ID != 3 || two[1].Rev != two[0].Rev+1 {
		t.Errorf("Append of two = %+v", two)
	}
}

func testConflict(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	old := subject(t, s, name("a")).Head
	add(t, s, name("a"), version(`true`))
	_, _, err := s.Append(ctx, name("a"), old, version(`false`))
	wantErr(t, "Append with an old number", err, catalog.ErrConflict)
	_, _, err = s.Append(ctx, name("b"), catalog.Head{Number: 1, Rev: 100}, version(`false`))
	wantErr(t, "Append with a number from nowhere", err, catalog.ErrConflict)

	for what, change := range map[string]func() error{
		"subject's policy": func() error {
			_, _, err := s.SetPolicy(ctx, name("a"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}})
			return err
		},
		"context's policy": func() error {
			_, _, err := s.SetPolicy(ctx, catalog.Name{}, catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}})
			return err
		},
		"global policy": func() error {
			_, _, err := s.SetPolicy(ctx, catalog.Name{Context: catalog.GlobalContext}, catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}})
			return err
		},
		"soft deletion": func() error { return remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}}) },
		"undeletion":    func() error { return remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}, Undelete: true}) },
		"lens": func() error {
			_, err := s.SetLens(ctx, name("a"), 1, 0, catalog.StoredLens{Lens: json.RawMessage(`{}`), Rev: 1})
			return err
		},
	} {
		if what == "undeletion" {
			if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}}); err != nil && !errors.Is(err, catalog.ErrConflict) {
				t.Fatal(err)
			}
		} else if places(t, s, name("a")) != "1:1:live " {
			if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}, Undelete: true}); err != nil {
				t.Fatal(err)
			}
		}
		head := subject(t, s, name("a")).Head
		if err := change(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		now := places(t, s, name("a"))
		_, _, err := s.Append(ctx, name("a"), head, version(`{}`))
		wantErr(t, "Append after "+what, err, catalog.ErrConflict)
		_, _, err = s.Delete(ctx, name("a"), head, catalog.Deletion{Versions: []int{1}})
		wantErr(t, "Delete after "+what, err, catalog.ErrConflict)
		if got := places(t, s, name("a")); got != now {
			t.Errorf("after the conflict by %s: %s, want %s", what, got, now)
		}
	}
	// Purged and grown again to the same number between reading and writing.
	if places(t, s, name("a")) == "1:1:live " {
		if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}}); err != nil {
			t.Fatal(err)
		}
	}
	head := subject(t, s, name("a")).Head
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}, Permanent: true}); err != nil {
		t.Fatal(err)
	}
	add(t, s, name("a"), version(`{}`))
	if again := subject(t, s, name("a")).Head; again.Number != head.Number {
		t.Fatalf("Head = %+v, want number %d again", again, head.Number)
	}
	_, _, err = s.Append(ctx, name("a"), head, version(`{"a":1}`))
	wantErr(t, "Append after purge and growth", err, catalog.ErrConflict)
}

// testIndependent: what a verdict does not rest on makes no conflict.
func testIndependent(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	add(t, s, name("a"), version(`true`))
	head := subject(t, s, name("a")).Head
	add(t, s, name("b"), version(`true`))
	for _, scope := range []catalog.Name{name("b"), {Context: ".other"}} {
		if _, _, err := s.SetPolicy(ctx, scope, catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.PutDocument(ctx, catalog.Document{Kind: "K", Name: "n", Body: json.RawMessage(`{}`)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Append(ctx, name("a"), head, version(`false`)); err != nil {
		t.Errorf("Append after changes elsewhere = %v", err)
	}
}

func testIdentity(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	a := add(t, s, name("a"), version(`true`))[0]
	b := add(t, s, name("b"), version(`true`))[0]
	if a.Schema.ID != b.Schema.ID {
		t.Errorf("one identity, IDs %d and %d", a.Schema.ID, b.Schema.ID)
	}
	if !b.Schema.At.Equal(a.Schema.At) {
		t.Errorf("the schema's time moved from %s to %s", a.Schema.At, b.Schema.At)
	}
	elsewhere := add(t, s, catalog.Name{Context: ".x", Subject: "a"}, version(`false`), version(`true`))[1]
	if elsewhere.Schema.ID != 2 || elsewhere.Schema.Context != ".x" {
		t.Errorf("in another context ID %d in %q, want 2 in .x", elsewhere.Schema.ID, elsewhere.Schema.Context)
	}
	keys, err := s.SchemasByGUID(ctx, a.Schema.GUID)
	want := []catalog.Key{{ID: 1, GUID: a.Schema.GUID}, {Context: ".x", ID: 2, GUID: a.Schema.GUID}}
	if diff := cmp.Diff(want, keys); err != nil || diff != "" {
		t.Errorf("SchemasByGUID = %v (-want +got):\n%s", err, diff)
	}
	forged := version(`{"forged":true}`)
	forged.Schema.GUID = a.Schema.GUID
	_, _, err = s.Append(ctx, name("c"), catalog.Head{Rev: 1000}, forged)
	wantErr(t, "Append with a colliding GUID", err, catalog.GUIDCollision)
	if subject(t, s, name("c")).Head.Number != 0 {
		t.Error("a refused version left its subject behind")
	}
}

func testImport(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	v := version(`true`)
	v.Schema.ID, v.Number, v.State = 40, 7, catalog.Deleted
	v.Mark = &catalog.Mark{Imported: true}
	twin := version(`true`)
	twin.Schema.ID, twin.Number = 30, 9
	added := add(t, s, name("a"), v, twin)
	if got := places(t, s, name("a")); got != "7:40:deleted 9:30:live " {
		t.Errorf("imported: %s", got)
	}
	if added[1].Number != 9 {
		t.Errorf("Append = %+v", added)
	}
	if got := add(t, s, name("b"), version(`true`))[0].Schema.ID; got != 30 {
		t.Errorf("ID of the twins' identity = %d, want the lower, 30", got)
	}
	if got := add(t, s, name("b"), version(`false`))[0].Schema.ID; got != 41 {
		t.Errorf("next ID = %d, want 41", got)
	}
	head := subject(t, s, name("a")).Head
	other := version(`{}`)
	other.Schema.ID = 40
	_, _, err := s.Append(ctx, name("a"), head, other)
	wantErr(t, "Append with a taken ID", err, catalog.IDTaken)
	again := version(`{}`)
	again.Number = 9
	_, _, err = s.Append(ctx, name("a"), head, again)
	wantErr(t, "Append with a taken number", err, catalog.VersionTaken)
	if got := add(t, s, name("a"), version(`{"next":1}`))[0].Number; got != 10 {
		t.Errorf("next number = %d, want 10", got)
	}
}

func testPolicy(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	yes, mode := true, catalog.Import
	set, rev, err := s.SetPolicy(ctx, name("a"), catalog.Patch{Set: catalog.Config{
		Compatibility: catalog.UpcastableTransitive, CompatibilityPolicy: "STRICT", CompatibilityGroup: "major", Normalize: &yes, Alias: "b",
		DefaultMetadata: &catalog.Metadata{Properties: map[string]string{"k": "v"}}, OverrideRuleSet: &catalog.RuleSet{Domain: []catalog.Rule{{Name: "r"}}},
	}})
	if err != nil || set.Rev != rev || rev == 0 {
		t.Fatalf("SetPolicy = %+v, %d, %v", set, rev, err)
	}
	read, err := s.Policy(ctx, name("a"))
	if diff := cmp.Diff(set, read); err != nil || diff != "" {
		t.Errorf("Policy = %v (-want +got):\n%s", err, diff)
	}
	set, _, err = s.SetPolicy(ctx, name("a"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}, Clear: []string{"alias", "compatibilityGroup", "defaultMetadata", "unknown"}})
	if err != nil {
		t.Fatal(err)
	}
	want := catalog.Config{Compatibility: catalog.None, CompatibilityPolicy: "STRICT", Normalize: &yes, OverrideRuleSet: &catalog.RuleSet{Domain: []catalog.Rule{{Name: "r"}}}}
	if diff := cmp.Diff(want, set.Config); diff != "" {
		t.Errorf("patched (-want +got):\n%s", diff)
	}
	if set, _, err = s.SetPolicy(ctx, name("a"), catalog.Patch{Mode: &mode}); err != nil || set.Mode != mode || set.Config.Compatibility != catalog.None {
		t.Errorf("SetPolicy of a mode = %+v, %v", set, err)
	}
	if read := subject(t, s, name("a")); !cmp.Equal(read.Policies.Subject, set) || read.Head.Number != 0 {
		t.Errorf("Subject with a policy alone = %+v", read)
	}
	none := catalog.Mode("")
	if set, _, err = s.SetPolicy(ctx, name("a"), catalog.Patch{Clear: catalog.ConfigNames[:], Mode: &none}); err != nil || set.Config != (catalog.Config{}) || set.Mode != "" {
		t.Errorf("SetPolicy that forgets all = %+v, %v", set, err)
	}
	if page, err := s.Subjects(ctx, catalog.Query{}); err != nil || len(page) != 0 {
		t.Errorf("Subjects = %+v, %v, want none: a policy makes no subject", page, err)
	}
}

func testPolicyGuards(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	zero := catalog.Rev(0)
	patch := catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}, Expect: &zero}
	set, _, err := s.SetPolicy(ctx, name("a"), patch)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.SetPolicy(ctx, name("a"), patch)
	wantErr(t, "SetPolicy with an old revision", err, catalog.ErrConflict)
	patch.Expect = &set.Rev
	if _, _, err = s.SetPolicy(ctx, name("a"), patch); err != nil {
		t.Errorf("SetPolicy with the revision = %v", err)
	}
	empty := catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}, Empty: true}
	add(t, s, name("b"), version(`true`))
	global := catalog.Name{Context: catalog.GlobalContext}
	for _, scope := range []catalog.Name{name("b"), {}, global} {
		_, _, err := s.SetPolicy(ctx, scope, empty)
		wantErr(t, fmt.Sprintf("SetPolicy of %q while a version is there", scope), err, catalog.NotEmpty)
	}
	for _, scope := range []catalog.Name{name("a"), {Context: ".x"}} {
		if _, _, err := s.SetPolicy(ctx, scope, empty); err != nil {
			t.Errorf("SetPolicy of %q where no version is = %v", scope, err)
		}
	}
	if err := remove(t, s, name("b"), catalog.Deletion{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SetPolicy(ctx, global, empty); err != nil {
		t.Errorf("SetPolicy where only deleted versions are = %v", err)
	}
}

func testLens(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	add(t, s, name("a"), version(`true`))
	lens := catalog.StoredLens{Lens: json.RawMessage(`{"ops":[]}`), Rev: 1, Report: json.RawMessage(`{"up":{}}`)}
	_, err := s.SetLens(ctx, name("a"), 1, 1, lens)
	wantErr(t, "SetLens over none with revision 1", err, catalog.ErrConflict)
	_, err = s.SetLens(ctx, name("a"), 2, 0, lens)
	wantErr(t, "SetLens of no version", err, catalog.VersionNotFound)
	rev, err := s.SetLens(ctx, name("a"), 1, 0, lens)
	if err != nil {
		t.Fatal(err)
	}
	got := subject(t, s, name("a"))
	if got.Head.Rev != rev || !cmp.Equal(got.Versions[0].Lens, &lens) || got.Versions[0].Rev != rev {
		t.Errorf("after SetLens: %+v", got)
	}
	_, err = s.SetLens(ctx, name("a"), 1, 0, lens)
	wantErr(t, "SetLens over one with revision 0", err, catalog.ErrConflict)
	lens.Rev = 2
	if _, err = s.SetLens(ctx, name("a"), 1, 1, lens); err != nil {
		t.Errorf("SetLens with its revision = %v", err)
	}
	again := version(`true`)
	again.Lens = &catalog.StoredLens{Lens: json.RawMessage(`{"ops":[]}`), Rev: 1}
	add(t, s, name("b"), version(`false`), again)
	if stored, err := s.Schema(ctx, catalog.Key{ID: 1}); err != nil || stored.Lenses != 3 {
		t.Errorf("Schema of a version whose lens was set twice, and of one that came with a lens: Lenses = %d, %v, want 3", stored.Lenses, err)
	}
}

func testLists(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	x := ".x"
	for _, n := range []catalog.Name{name("a1"), name("a2"), name("b%_"), name("B"), {Context: x, Subject: "a1"}} {
		add(t, s, n, version(`{"n":"`+n.String()+`"}`), version(`{"m":"`+n.String()+`"}`))
	}
	if err := errors.Join(
		remove(t, s, name("a2"), catalog.Deletion{Versions: []int{1, 2}, Whole: true}),
		remove(t, s, name("B"), catalog.Deletion{Versions: []int{2}}),
	); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SetPolicy(ctx, name("a1"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SetPolicy(ctx, catalog.Name{Context: x}, catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}}); err != nil {
		t.Fatal(err)
	}
	names := func(page []catalog.Subject) (out []string) {
		for _, p := range page {
			out = append(out, p.Name.String())
		}
		return out
	}
	home := ""
	for _, c := range []struct {
		what string
		q    catalog.Query
		want []string
	}{
		{"all", catalog.Query{}, []string{"B", "a1", "b%_", ":.x:a1"}},
		{"with deleted", catalog.Query{Include: catalog.WithDeleted}, []string{"B", "a1", "a2", "b%_", ":.x:a1"}},
		{"deleted only", catalog.Query{Include: catalog.DeletedOnly}, []string{"a2"}},
		{"prefix", catalog.Query{Prefix: "a"}, []string{"a1", ":.x:a1"}},
		{"prefix is no pattern", catalog.Query{Prefix: "b%_"}, []string{"b%_"}},
		{"prefix is no pattern either", catalog.Query{Prefix: "_"}, nil},
		{"context", catalog.Query{Context: &x}, []string{":.x:a1"}},
		{"default context", catalog.Query{Context: &home, Limit: 2}, []string{"B", "a1"}},
		{"next page", catalog.Query{After: name("a1"), Limit: 1}, []string{"b%_"}},
		{"over the end", catalog.Query{After: catalog.Name{Context: x, Subject: "z"}}, nil},
	} {
		page, err := s.Subjects(ctx, c.q)
		if diff := cmp.Diff(c.want, names(page)); err != nil || diff != "" {
			t.Errorf("%s: Subjects(%+v) = %v (-want +got):\n%s", c.what, c.q, err, diff)
		}
		for _, p := range page {
			if p.Versions != nil || p.Latest != nil || p.Head.Number != 2 {
				t.Errorf("%s: %+v, want name and head alone", c.what, p)
			}
		}
	}
	page, err := s.Subjects(ctx, catalog.Query{Expand: catalog.ExpandVersions | catalog.ExpandLatest | catalog.ExpandPolicies})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range page {
		read := subject(t, s, p.Name)
		if diff := cmp.Diff(read.Versions, p.Versions); diff != "" {
			t.Errorf("expanded versions of %s (-Subject +Subjects):\n%s", p.Name, diff)
		}
		if diff := cmp.Diff(read.Policies, p.Policies); diff != "" {
			t.Errorf("expanded policies of %s (-Subject +Subjects):\n%s", p.Name, diff)
		}
		if p.Head != read.Head {
			t.Errorf("head of %s = %+v, want %+v", p.Name, p.Head, read.Head)
		}
		want := 2
		if p.Name == name("B") {
			want = 1
		}
		stored, err := s.Schema(ctx, catalog.Key{Context: p.Context, ID: p.Latest.Schema.ID})
		if p.Latest.Number != want || err != nil || !cmp.Equal(stored.Schema, p.Latest.Schema) {
			t.Errorf("latest of %s = %+v, want number %d with its text", p.Name, p.Latest, want)
		}
	}
	var seen []catalog.Usage
	for i := range catalog.MaxSubjectUsage + 2 {
		at := time.Date(2026, 5, 1, 0, 0, i, 0, time.UTC)
		seen = append(seen, catalog.Usage{Role: catalog.RoleRead, Group: fmt.Sprintf("g%03d", i), Subject: "a1", Version: 1, Records: 1, First: at, Last: at})
	}
	if err := s.AddUsage(ctx, catalog.UsageReport{Sender: catalog.Sender{Instance: "p", Seq: 1}, Seen: seen}); err != nil {
		t.Fatal(err)
	}
	used, err := s.Subjects(ctx, catalog.Query{Expand: catalog.ExpandUsage})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range used {
		var want []catalog.Usage
		if p.Name == name("a1") {
			slices.Reverse(seen)
			want = seen[:catalog.MaxSubjectUsage]
		}
		if diff := cmp.Diff(want, p.Usage); diff != "" {
			t.Errorf("expanded usage of %s (-want +got):\n%s", p.Name, diff)
		}
	}
	full, err := s.Subjects(ctx, catalog.Query{Expand: catalog.ExpandTexts, Include: catalog.WithDeleted})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range full {
		for _, v := range p.Versions {
			if v.Schema.Text == "" || v.Schema.GUID != v.Schema.GUIDOf() {
				t.Errorf("%s version %d came without its text: %+v", p.Name, v.Number, v.Schema)
			}
		}
	}
}

func testContexts(t *testing.T, s catalog.Store) {
	get := func() []string {
		t.Helper()
		got, err := s.Contexts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := get(); !slices.Equal(got, []string{""}) {
		t.Errorf("Contexts of an empty store = %q", got)
	}
	far := catalog.Name{Context: ".far", Subject: "a"}
	add(t, s, far, version(`true`))
	if _, _, err := s.SetPolicy(t.Context(), catalog.Name{Context: ".policy"}, catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}}); err != nil {
		t.Fatal(err)
	}
	if got := get(); !slices.Equal(got, []string{"", ".far"}) {
		t.Errorf("Contexts = %q", got)
	}
	for _, permanent := range []bool{false, true} {
		if err := remove(t, s, far, catalog.Deletion{Versions: []int{1}, Permanent: permanent, Whole: true}); err != nil {
			t.Fatal(err)
		}
	}
	if got := get(); !slices.Equal(got, []string{""}) {
		t.Errorf("Contexts after the last version = %q", got)
	}
	if got := add(t, s, far, version(`true`))[0].Schema.ID; got != 2 {
		t.Errorf("first ID of a context that was empty = %d, want 2: no ID is given again", got)
	}
}

// ignoreTimes leaves out what the store's clock sets.
var ignoreTimes = cmpopts.IgnoreTypes(time.Time{})

func testCancelled(t *testing.T, s catalog.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Subject(ctx, name("a"))
	wantErr(t, "Subject with an ended context", err, context.Canceled)
	_, _, err = s.Append(ctx, name("a"), catalog.Head{}, version(`true`))
	wantErr(t, "Append with an ended context", err, context.Canceled)
	if got := subject(t, s, name("a")); got.Head != (catalog.Head{}) {
		t.Errorf("after cancelled writes: %+v", got)
	}
}

func testHostileNames(t *testing.T, s catalog.Store) {
	for _, hostile := range []string{"'; DROP TABLE versions; --", `"\`, "a/b", "%", "é日本", ":x", "  a "} {
		n := catalog.Name{Context: "." + hostile, Subject: hostile}
		v := add(t, s, n, version(`{"title":"$$ $1 '"}`))[0]
		if v.Number != 1 || v.Schema.ID != 1 {
			t.Errorf("Append(%s) = %+v", n, v)
		}
		page, err := s.Subjects(t.Context(), catalog.Query{Context: &n.Context, Prefix: hostile, Expand: catalog.ExpandLatest})
		if err != nil || len(page) != 1 || page[0].Latest == nil || page[0].Latest.Schema.Text != v.Schema.Text {
			t.Errorf("Subjects(%s) = %+v, %v", n, page, err)
		}
	}
}
