package storetest

import (
	"slices"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
)

func testReferences(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	add(t, s, name("money"), version(`{"m":1}`), version(`{"m":2}`))
	ref := catalog.Reference{Name: "money.json", Subject: "money", Version: 1}
	add(t, s, name("order"), version(`{"$ref":"money.json"}`, ref))
	stored, err := s.Schema(ctx, catalog.Key{ID: 1})
	want := []catalog.Referrer{{ID: 3, Target: catalog.SubjectVersion{Name: name("money"), Version: 1}, Live: true}}
	if diff := cmp.Diff(want, stored.Referrers); err != nil || diff != "" {
		t.Errorf("Referrers = %v (-want +got):\n%s", err, diff)
	}
	wantErr(t, "soft deletion of a target", remove(t, s, name("money"), catalog.Deletion{Versions: []int{1}}), catalog.Referenced)
	wantErr(t, "soft deletion of the target's subject", remove(t, s, name("money"), catalog.Deletion{Versions: []int{1, 2}, Whole: true}), catalog.Referenced)
	if got := places(t, s, name("money")); got != "1:1:live 2:2:live " {
		t.Errorf("after a refused deletion: %s", got)
	}
	for what, bad := range map[string]catalog.Reference{
		"missing subject": {Name: "x", Subject: "nothing", Version: 1},
		"missing version": {Name: "x", Subject: "money", Version: 3},
		"other context":   {Name: "x", Subject: ":.x:money", Version: 1},
	} {
		_, _, err := s.Append(ctx, name("order"), subject(t, s, name("order")).Head, version(`{"x":1}`, bad))
		wantErr(t, "Append with "+what, err, catalog.ReferenceNotFound)
	}
	// A qualified name leads from one context to another.
	add(t, s, catalog.Name{Context: ".x", Subject: "order"}, version(`{"y":1}`, catalog.Reference{Name: "m", Subject: ":.:money", Version: 2}))
	wantErr(t, "soft deletion across contexts", remove(t, s, name("money"), catalog.Deletion{Versions: []int{2}}), catalog.Referenced)

	// The target is deleted between reading and writing.
	add(t, s, name("tax"), version(`{"t":1}`))
	head := subject(t, s, name("bill")).Head
	if err := remove(t, s, name("tax"), catalog.Deletion{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	bill := version(`{"$ref":"t"}`, catalog.Reference{Name: "t", Subject: "tax", Version: 1})
	_, _, err = s.Append(ctx, name("bill"), head, bill)
	wantErr(t, "Append to a deleted target", err, catalog.ReferenceNotFound)
	if err := remove(t, s, name("tax"), catalog.Deletion{Versions: []int{1}, Undelete: true}); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Append(ctx, name("bill"), head, bill)
	wantErr(t, "Append to a target that came back", err, catalog.ErrConflict)

	// What is deleted softly still holds what it refers to against purging, not against soft deletion.
	if err := remove(t, s, name("order"), catalog.Deletion{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if err := remove(t, s, name("money"), catalog.Deletion{Versions: []int{1}}); err != nil {
		t.Errorf("soft deletion of a target whose referrer is deleted = %v", err)
	}
	wantErr(t, "purge of a target", remove(t, s, name("money"), catalog.Deletion{Versions: []int{1}, Permanent: true}), catalog.Referenced)
	wantErr(t, "undeletion before its target", remove(t, s, name("order"), catalog.Deletion{Versions: []int{1}, Undelete: true}), catalog.ReferenceNotFound)
	if err := remove(t, s, name("order"), catalog.Deletion{Versions: []int{1}, Permanent: true}); err != nil {
		t.Fatal(err)
	}
	if err := remove(t, s, name("money"), catalog.Deletion{Versions: []int{1}, Permanent: true}); err != nil {
		t.Errorf("purge after its referrer = %v", err)
	}
	// References inside a subject do not block deleting it whole.
	add(t, s, name("self"), version(`{"s":1}`))
	add(t, s, name("self"), version(`{"s":2}`, catalog.Reference{Name: "s", Subject: "self", Version: 1}))
	wantErr(t, "soft deletion inside a subject", remove(t, s, name("self"), catalog.Deletion{Versions: []int{1}}), catalog.Referenced)
	for _, permanent := range []bool{false, true} {
		if err := remove(t, s, name("self"), catalog.Deletion{Versions: []int{1, 2}, Permanent: permanent, Whole: true}); err != nil {
			t.Errorf("deletion of the whole subject, permanent %t = %v", permanent, err)
		}
	}
}

func testDelete(t *testing.T, s catalog.Store) {
	add(t, s, name("a"), version(`true`), version(`false`), version(`{}`))
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{2, 3}}); err != nil {
		t.Fatal(err)
	}
	if got := places(t, s, name("a")); got != "1:1:live 2:2:deleted 3:3:deleted " {
		t.Errorf("after soft deletion: %s", got)
	}
	if head := subject(t, s, name("a")).Head; head.Number != 3 {
		t.Errorf("Head = %+v, want number 3 still", head)
	}
	wantErr(t, "deleting again", remove(t, s, name("a"), catalog.Deletion{Versions: []int{2}}), catalog.ErrConflict)
	wantErr(t, "deleting nothing", remove(t, s, name("a"), catalog.Deletion{Versions: []int{4}}), catalog.ErrConflict)
	wantErr(t, "purging what is live", remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}, Permanent: true}), catalog.ErrConflict)
	wantErr(t, "a half", remove(t, s, name("a"), catalog.Deletion{Versions: []int{1, 2}}), catalog.ErrConflict)
	if got := places(t, s, name("a")); got != "1:1:live 2:2:deleted 3:3:deleted " {
		t.Errorf("after refused deletions: %s", got)
	}
	stored, err := s.Schema(t.Context(), catalog.Key{ID: 3})
	if err != nil || len(stored.Versions) != 1 || stored.Versions[0].State != catalog.Deleted {
		t.Errorf("Schema of a deleted version = %+v, %v", stored, err)
	}
	if got := add(t, s, name("a"), version(`{"n":4}`))[0].Number; got != 4 {
		t.Errorf("next number = %d, want 4", got)
	}
}

func testPurge(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	add(t, s, name("a"), version(`true`), version(`false`))
	add(t, s, name("b"), version(`true`))
	if _, _, err := s.SetPolicy(ctx, name("a"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}}); err != nil {
		t.Fatal(err)
	}
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1, 2}, Whole: true}); err != nil {
		t.Fatal(err)
	}
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{2}, Permanent: true}); err != nil {
		t.Fatal(err)
	}
	if got := subject(t, s, name("a")); got.Head.Number != 2 || got.Policies.Subject.Config.Compatibility != catalog.Full {
		t.Errorf("with a version left: head %+v, policy %+v", got.Head, got.Policies.Subject)
	}
	_, err := s.Schema(ctx, catalog.Key{ID: 2})
	wantErr(t, "Schema of a purged version", err, catalog.SchemaNotFound)
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}, Permanent: true}); err != nil {
		t.Fatal(err)
	}
	got := subject(t, s, name("a"))
	if got.Head.Number != 0 || got.Versions != nil || got.Policies.Subject.Config != (catalog.Config{}) {
		t.Errorf("after the last purge: %+v", got)
	}
	if _, err := s.Schema(ctx, catalog.Key{ID: 1}); err != nil {
		t.Errorf("Schema that b still carries = %v", err)
	}
	again := add(t, s, name("a"), version(`false`), version(`true`))
	if again[0].Number != 1 || again[0].Schema.ID != 3 || again[1].Schema.ID != 1 {
		t.Errorf("grown again: %+v, want number 1 with a new ID 3, and the ID 1 that b kept", again)
	}
}

func testUndelete(t *testing.T, s catalog.Store) {
	add(t, s, name("a"), version(`true`), version(`false`))
	for _, d := range []catalog.Deletion{{Versions: []int{1, 2}}, {Versions: []int{2}, Undelete: true}} {
		if err := remove(t, s, name("a"), d); err != nil {
			t.Fatal(err)
		}
	}
	if got := places(t, s, name("a")); got != "1:1:deleted 2:2:live " {
		t.Errorf("after undeletion: %s", got)
	}
	wantErr(t, "undeleting what is live", remove(t, s, name("a"), catalog.Deletion{Versions: []int{2}, Undelete: true}), catalog.ErrConflict)
}

func testGone(t *testing.T, s catalog.Store) {
	add(t, s, name("a"), version(`true`), version(`false`))
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1, 2}, Whole: true}); err != nil {
		t.Fatal(err)
	}
	v := add(t, s, name("a"), version(`true`))[0]
	if v.Number != 3 || v.Schema.ID != 1 {
		t.Errorf("registered again: number %d, ID %d, want 3 and 1", v.Number, v.Schema.ID)
	}
	if got := places(t, s, name("a")); got != "1:1:gone 2:2:deleted 3:1:live " {
		t.Errorf("registered again: %s", got)
	}
	stored, err := s.Schema(t.Context(), catalog.Key{ID: 1})
	if err != nil || !slices.Equal(stored.Versions, []catalog.SubjectVersion{{Name: name("a"), Version: 3}}) {
		t.Errorf("places of a schema that came back = %+v, %v", stored.Versions, err)
	}
	for _, d := range []catalog.Deletion{{Versions: []int{3}}, {Versions: []int{2, 3}, Permanent: true, Whole: true}} {
		if err := remove(t, s, name("a"), d); err != nil {
			t.Fatal(err)
		}
	}
	if got := places(t, s, name("a")); got != "" {
		t.Errorf("after purging the rest: %s, want nothing", got)
	}
	_, err = s.Schema(t.Context(), catalog.Key{ID: 1})
	wantErr(t, "Schema", err, catalog.SchemaNotFound)
}
