package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// now is the revision of the moment: what a batch rests on when nothing else writes.
func now(t *testing.T, s catalog.Store) catalog.Rev {
	t.Helper()
	rev, err := s.Revision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// moved is a version with everything that an import may bring.
func moved(number, id int, text string, refs ...catalog.Reference) catalog.Moved {
	at := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	m := catalog.Moved{Version: version(text, refs...)}
	m.Number, m.At, m.By = number, at, "grace"
	m.Schema.ID, m.Schema.At, m.Schema.By = id, at.Add(-time.Hour), "ada"
	return m
}

// taken is a snapshot's content.
type taken struct {
	Rev       catalog.Rev
	Contexts  []catalog.ContextIDs
	Links     [][2]catalog.Name
	Heads     map[catalog.Name]int
	Versions  []catalog.Moved
	Policies  map[catalog.Scope]catalog.Policy
	Documents []catalog.Document
}

func take(t *testing.T, s catalog.Store, q catalog.Moving) taken {
	t.Helper()
	got := taken{Heads: map[catalog.Name]int{}, Policies: map[catalog.Scope]catalog.Policy{}}
	ctx := t.Context()
	err := s.Snapshot(ctx, func(view catalog.Snapshot) (err error) {
		if got.Rev, err = view.Revision(ctx); err != nil {
			return err
		}
		return errors.Join(
			view.Contexts(ctx, func(c catalog.ContextIDs) error { got.Contexts = append(got.Contexts, c); return nil }),
			view.Links(ctx, func(from, to catalog.Name) error {
				got.Links = append(got.Links, [2]catalog.Name{from, to})
				return nil
			}),
			view.Versions(ctx, q, func(head int, v catalog.Moved) error {
				got.Heads[v.Name] = head
				got.Versions = append(got.Versions, v)
				return nil
			}),
			view.Policies(ctx, func(scope catalog.Scope, p catalog.Policy) error { got.Policies[scope] = p; return nil }),
			view.Documents(ctx, func(d catalog.Document) error { got.Documents = append(got.Documents, d); return nil }),
		)
	})
	if err != nil {
		t.Fatalf("Snapshot = %v", err)
	}
	return got
}

func testTransfer(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "mover"})
	one := moved(2, 7, `{"title":"<1>"}`)
	one.GUIDs = []string{"00000000-0000-0000-0000-00000000000a"}
	one.Lens = &catalog.StoredLens{Lens: json.RawMessage(`{"ops":[]}`), Rev: 3}
	one.Mark = &catalog.Mark{Imported: true}
	two := moved(5, 9, `{"$ref":"b"}`, catalog.Reference{Name: "b", Subject: "b", Version: 1})
	two.State = catalog.Deleted
	gone := moved(4, 9, two.Schema.Text, two.Schema.References...)
	gone.State = catalog.Gone
	back := moved(1, 3, `{"$ref":"a"}`, catalog.Reference{Name: "a", Subject: "a", Version: 2})
	elsewhere := moved(1, 7, `{"other":"context"}`)
	elsewhere.At, elsewhere.By, elsewhere.Schema.At, elsewhere.Schema.By = time.Time{}, "", time.Time{}, ""
	document := catalog.Document{Kind: "Team", Name: "x", Body: json.RawMessage(`{"kind":"Team","name":"x"}`), At: one.At, By: "ada"}
	batch := catalog.Batch{
		Contexts: []catalog.ContextIDs{{Context: "", ID: 30}},
		Subjects: []catalog.MovedSubject{
			{Name: name("a"), Head: 8, Versions: []catalog.Moved{one, gone, two}},
			{Name: name("b"), Head: 1, Versions: []catalog.Moved{back}},
			{Name: catalog.Name{Context: ".x", Subject: "a"}, Head: 1, Versions: []catalog.Moved{elsewhere}},
		},
		Documents: []catalog.Document{document},
		Rev:       now(t, s),
		Open:      true,
	}
	trial := batch
	trial.Try = true
	done, err := s.Import(ctx, trial)
	if err != nil || done != (catalog.BatchDone{Created: 6}) {
		t.Errorf("Import as a trial = %+v, %v, want 6 created and no revision", done, err)
	}
	if got := take(t, s, catalog.Moving{}); got.Rev != 0 || len(got.Versions) != 0 || len(got.Documents) != 0 {
		t.Errorf("a trial left %+v", got)
	}
	if id := add(t, s, name("z"), version(`{"z":1}`))[0].Schema.ID; id != 1 {
		t.Errorf("a trial raised the ID to %d", id)
	}
	batch.Rev = now(t, s)
	done, err = s.Import(ctx, batch)
	if err != nil || done.Created != 6 || done.Same != 0 || done.Rev != now(t, s) {
		t.Fatalf("Import = %+v, %v, want 6 created at the newest revision", done, err)
	}

	for i, v := range []*catalog.Moved{&one, &gone, &two, &back, &elsewhere} {
		v.Name = [...]catalog.Name{name("a"), name("a"), name("a"), name("b"), {Context: ".x", Subject: "a"}}[i]
		v.Schema.Context = v.Context
	}
	got := take(t, s, catalog.Moving{})
	ignore := cmp.Options{cmpopts.IgnoreFields(catalog.Version{}, "Rev"), cmpopts.EquateEmpty()}
	elsewhere.By, elsewhere.Schema.By = "mover", "mover"
	last := &got.Versions[len(got.Versions)-1]
	if last.At.Before(time.Now().Add(-time.Minute)) || last.Schema.At.Before(time.Now().Add(-time.Minute)) {
		t.Errorf("a version without a time got %v and %v, want now", last.At, last.Schema.At)
	}
	elsewhere.At, elsewhere.Schema.At = last.At, last.Schema.At
	if diff := cmp.Diff([]catalog.Moved{one, gone, two, back, elsewhere}, append(append([]catalog.Moved{}, got.Versions[:4]...), *last), ignore); diff != "" {
		t.Errorf("Versions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[catalog.Name]int{name("a"): 8, name("b"): 1, name("z"): 1, {Context: ".x", Subject: "a"}: 1}, got.Heads); diff != "" {
		t.Errorf("heads (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]catalog.ContextIDs{{Context: "", ID: 30}, {Context: ".x", ID: 7}}, got.Contexts); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][2]catalog.Name{{name("a"), name("b")}, {name("b"), name("a")}}, got.Links, cmpopts.SortSlices(func(x, y [2]catalog.Name) bool { return x[0].Compare(y[0]) < 0 })); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]catalog.Document{document}, got.Documents, cmpopts.IgnoreFields(catalog.Document{}, "Rev")); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	x := ".x"
	for what, q := range map[string]catalog.Moving{"context": {Context: &x}, "names": {Names: []catalog.Name{{Context: ".x", Subject: "a"}}}} {
		if one := take(t, s, q).Versions; len(one) != 1 || one[0].Context != x {
			t.Errorf("Versions by %s = %+v", what, one)
		}
	}
	if some := take(t, s, catalog.Moving{Prefix: "b"}).Versions; len(some) != 1 {
		t.Errorf("Versions by prefix = %+v", some)
	}

	again := batch
	again.Rev, again.Open = now(t, s), false
	if done, err := s.Import(ctx, again); err != nil || done != (catalog.BatchDone{Same: 6}) {
		t.Errorf("Import again, closed = %+v, %v, want 6 the same and no revision", done, err)
	}
	if v := add(t, s, name("a"), version(`{"next":true}`))[0]; v.Number != 9 || v.Schema.ID != 31 {
		t.Errorf("next version = %d with ID %d, want 9 with ID 31", v.Number, v.Schema.ID)
	}
	other := catalog.Key{GUID: one.GUIDs[0]}
	if found, err := s.Schema(ctx, other); err != nil || found.ID != 7 || found.GUID != one.Schema.GUID {
		t.Errorf("Schema by its other GUID = %+v, %v", found.Schema, err)
	}
	if keys, err := s.SchemasByGUID(ctx, other.GUID); err != nil || len(keys) != 1 || keys[0].ID != 7 {
		t.Errorf("SchemasByGUID by the other GUID = %v, %v", keys, err)
	}
}

func testTransferRefusals(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	known := moved(1, 5, `{"known":1}`)
	known.GUIDs = []string{"00000000-0000-0000-0000-00000000000b"}
	batch := func(subject string, versions ...catalog.Moved) catalog.Batch {
		return catalog.Batch{Subjects: []catalog.MovedSubject{{Name: name(subject), Head: 1, Versions: versions}}, Rev: now(t, s), Open: true}
	}
	if _, err := s.Import(ctx, batch("a", known)); err != nil {
		t.Fatal(err)
	}
	deleted, lens, twin, collides := known, known, moved(1, 6, `{"twin":1}`), moved(1, 8, `{"c":1}`)
	deleted.State = catalog.Deleted
	lens.Lens = &catalog.StoredLens{Lens: json.RawMessage(`{}`), Rev: 1}
	collides.GUIDs = known.GUIDs
	own := moved(1, 8, `{"own":1}`)
	own.GUIDs = []string{known.Schema.GUID}
	forged := moved(1, 8, `{"forged":1}`)
	forged.Schema.GUID = known.Schema.GUID
	dangling := moved(1, 8, `{"$ref":"x"}`, catalog.Reference{Name: "x", Subject: "gone", Version: 1})
	closed := batch("b", moved(1, 8, `{"closed":1}`))
	closed.Open = false
	fresh := moved(2, 8, `{"fresh":1}`)
	for what, c := range map[string]struct {
		batch  catalog.Batch
		want   error
		number int
	}{
		"another ID":                  {batch("a", twin), catalog.IDMismatch, 1},
		"an ID that means another":    {batch("b", moved(1, 5, `{"b":1}`)), catalog.IDTaken, 0},
		"another state":               {batch("a", deleted), catalog.VersionTaken, 1},
		"another lens":                {batch("a", lens), catalog.VersionTaken, 1},
		"another's other GUID":        {batch("b", collides), catalog.GUIDCollision, 1},
		"another's own GUID":          {batch("b", own), catalog.GUIDCollision, 1},
		"its own GUID means another":  {batch("b", forged), catalog.GUIDCollision, 1},
		"a reference to nothing":      {batch("b", dangling), catalog.ReferenceNotFound, 1},
		"a scope that is not open":    {closed, catalog.NotImport, 0},
		"the second of two is wrong":  {batch("a", fresh, twin), catalog.IDMismatch, 1},
		"a revision before a change":  {catalog.Batch{Subjects: batch("a", fresh).Subjects, Open: true}, catalog.ErrConflict, 0},
		"a document that is another":  {catalog.Batch{Documents: []catalog.Document{{Kind: "Team", Name: "x", Body: json.RawMessage(`{"v":2}`)}}, Open: true}, catalog.DocumentTaken, 0},
		"a document, where not open":  {catalog.Batch{Documents: []catalog.Document{{Kind: "Team", Name: "y", Body: json.RawMessage(`{}`)}}}, catalog.NotImport, 0},
		"IDs of a context, not open":  {catalog.Batch{Contexts: []catalog.ContextIDs{{ID: 99}}}, catalog.NotImport, 0},
		"IDs of another, not open":    {catalog.Batch{Contexts: []catalog.ContextIDs{{Context: ".new", ID: 1}}}, catalog.NotImport, 0},
		"an assumption without trial": {catalog.Batch{Subjects: batch("b", dangling).Subjects, Rev: now(t, s), Open: true, Assumed: []catalog.SubjectVersion{{Name: name("gone"), Version: 1}}}, catalog.ReferenceNotFound, 1},
	} {
		if c.want == catalog.DocumentTaken {
			if _, err := s.PutDocument(ctx, catalog.Document{Kind: "Team", Name: "x", Body: json.RawMessage(`{"v":1}`)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		c.batch.Rev = max(c.batch.Rev, 0)
		if c.want != catalog.ErrConflict {
			c.batch.Rev = now(t, s)
		}
		before := now(t, s)
		_, err := s.Import(ctx, c.batch)
		wantErr(t, "Import of "+what, err, c.want)
		if e, ok := errors.AsType[*catalog.Error](err); ok && len(c.batch.Subjects) > 0 && (e.Name != c.batch.Subjects[0].Name || e.Version != c.number) {
			t.Errorf("Import of %s names %s version %d, want %s version %d", what, e.Name, e.Version, c.batch.Subjects[0].Name, c.number)
		}
		if after := now(t, s); after != before {
			t.Errorf("Import of %s changed something", what)
		}
	}
	// A schema that is known to be broken may refer to nothing; a trial may assume that something is there.
	trial := batch("b", dangling)
	trial.Try, trial.Assumed = true, []catalog.SubjectVersion{{Name: name("gone"), Version: 1}}
	if done, err := s.Import(ctx, trial); err != nil || done.Created != 1 {
		t.Errorf("trial with an assumption = %+v, %v", done, err)
	}
	dangling.Schema.Broken = "refers to nothing"
	if done, err := s.Import(ctx, batch("b", dangling)); err != nil || done.Created != 1 {
		t.Errorf("Import of a broken schema = %+v, %v", done, err)
	}
	if got, err := s.Schema(ctx, catalog.Key{ID: 8}); err != nil || got.Broken != "refers to nothing" {
		t.Errorf("Schema(8) = %+v, %v", got.Schema, err)
	}
	// A purge takes the other GUIDs along.
	for _, d := range []catalog.Deletion{{Versions: []int{1}}, {Versions: []int{1}, Permanent: true, Whole: true}} {
		if err := remove(t, s, name("a"), d); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Schema(ctx, catalog.Key{GUID: known.GUIDs[0]})
	wantErr(t, "Schema by the other GUID of what was purged", err, catalog.SchemaNotFound)
	collides.Schema.ID = 9
	if done, err := s.Import(ctx, batch("c", collides)); err != nil || done.Created != 1 {
		t.Errorf("Import under a GUID that is free again = %+v, %v", done, err)
	}
}

func testSnapshotEnds(t *testing.T, s catalog.Store) {
	add(t, s, name("a"), version(`true`))
	stop := errors.New("enough")
	err := s.Snapshot(t.Context(), func(view catalog.Snapshot) error {
		add(t, s, name("b"), version(`false`)) // not in the view
		seen := 0
		err := view.Versions(t.Context(), catalog.Moving{}, func(int, catalog.Moved) error { seen++; return nil })
		if err != nil || seen != 1 {
			t.Errorf("a view shows %d versions, %v, want the 1 of its moment", seen, err)
		}
		return view.Versions(t.Context(), catalog.Moving{}, func(int, catalog.Moved) error { return stop })
	})
	if !errors.Is(err, stop) || errors.Is(err, catalog.Unavailable) {
		t.Errorf("Snapshot = %v, want what its function said", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Snapshot(ended, func(catalog.Snapshot) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Snapshot of an ended context = %v", err)
	}
}

func testArchive(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada", Reason: "é", Source: "127.0.0.1"})
	at := time.Date(2020, 1, 2, 3, 4, 5, 6000, time.UTC)
	var rows []catalog.Archived
	before := ""
	for i, c := range []catalog.Change{
		{Op: catalog.OpRegister, Name: name("a"), Version: 1, ID: 7, GUID: "g", After: json.RawMessage(`{"imported":true}`)},
		{Op: catalog.OpConfig, Name: catalog.Name{Context: ".x"}, Before: json.RawMessage(`{ "a": "<" }`), Author: catalog.Author{By: "grace", Commit: "c0ffee"}},
		{Op: catalog.OpDocument, Name: name("Team/x")},
	} {
		c.Rev, c.At = catalog.Rev(2*i+1), at.Add(time.Duration(i)*time.Second)
		c.Hash = c.ChainedHash(before)
		before = c.Hash
		rows = append(rows, catalog.Archived{Change: c})
	}
	for i := range rows {
		rows[i].Chain = rows[0].Hash
	}
	_, err := s.Import(ctx, catalog.Batch{History: rows})
	wantErr(t, "Import of history where not open", err, catalog.NotImport)
	if done, err := s.Import(ctx, catalog.Batch{History: rows, Open: true, Try: true}); err != nil || done.Created != 3 {
		t.Errorf("trial = %+v, %v", done, err)
	}
	if done, err := s.Import(ctx, catalog.Batch{History: rows[:2], Open: true}); err != nil || done != (catalog.BatchDone{Created: 2}) {
		t.Errorf("Import = %+v, %v, want 2 created and no revision", done, err)
	}
	if done, err := s.Import(ctx, catalog.Batch{History: rows, Open: true}); err != nil || done != (catalog.BatchDone{Created: 1, Same: 2}) {
		t.Errorf("Import again = %+v, %v, want 1 created, 2 the same", done, err)
	}
	forged := rows[1]
	forged.Hash = rows[2].Hash
	_, err = s.Import(ctx, catalog.Batch{History: []catalog.Archived{forged}, Open: true})
	wantErr(t, "Import of another row", err, catalog.HistoryTaken)
	got, err := s.Archive(ctx, "", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("Archive (-want +got):\n%s", diff)
	}
	if last, err := catalog.CheckChain("", []catalog.Change{got[0].Change, got[1].Change, got[2].Change}); err != nil || last != before {
		t.Errorf("the chain of the archive = %q, %v, want %q", last, err, before)
	}
	if page, err := s.Archive(ctx, rows[0].Chain, 1, 1); err != nil || len(page) != 1 || page[0].Rev != 3 {
		t.Errorf("Archive after revision 1 = %+v, %v", page, err)
	}
	if changes, err := s.Changes(ctx, 0, 10); err != nil || len(changes) != 0 {
		t.Errorf("Changes = %+v, %v: the history of another store is none of this one", changes, err)
	}
	add(t, s, name("own"), version(`true`))
	own, err := s.Changes(ctx, 0, 10)
	if err != nil || len(own) != 1 {
		t.Fatalf("Changes = %+v, %v", own, err)
	}
	var all []catalog.Archived
	if err := s.Snapshot(ctx, func(view catalog.Snapshot) error {
		return view.History(ctx, func(a catalog.Archived) error { all = append(all, a); return nil })
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(rows, catalog.Archived{Chain: own[0].Hash, Change: own[0]}), all); diff != "" {
		t.Errorf("History (-want +got):\n%s", diff)
	}
}
