package storetest

import (
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
)

func testPins(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	pin := func(group, client string, version int, at time.Time) catalog.Pin {
		return catalog.Pin{Group: group, Client: client, Subject: "a", Version: version, By: "ada", First: at, Last: at}
	}
	elsewhere := pin("g", "c", 1, start)
	elsewhere.Context = ".x"
	told := pin("g", "d", 2, start) // the same by another: a row of its own
	told.By = "bob"
	later := pin("g", "c", 1, start.Add(time.Hour))
	for _, pins := range [][]catalog.Pin{{pin("g", "c", 1, start), pin("g", "d", 2, start.Add(time.Minute)), elsewhere, told}, {later}, {pin("g", "c", 1, start)}, nil} {
		if err := s.AddPins(ctx, pins); err != nil {
			t.Fatal(err)
		}
	}
	first := later
	first.First = start
	got, err := s.Pins(ctx, name("a"), 0)
	if diff := cmp.Diff([]catalog.Pin{first, pin("g", "d", 2, start.Add(time.Minute)), told}, got); err != nil || diff != "" {
		t.Errorf("Pins = %v (-want +got):\n%s", err, diff)
	}
	if all, err := s.Pins(ctx, catalog.Name{}, 0); err != nil || len(all) != 4 {
		t.Errorf("Pins of all = %+v, %v", all, err)
	}
	if all, err := s.Pins(ctx, catalog.Name{}, 1); err != nil || len(all) != 1 || all[0] != first {
		t.Errorf("Pins of all, one row = %+v, %v", all, err)
	}
	if rev, err := s.Revision(ctx); err != nil || rev != 0 {
		t.Errorf("Revision = %d, %v: observations get none", rev, err)
	}
}

func testProbe(t *testing.T, s catalog.Store) {
	add(t, s, name("a"), version(`true`))
	for range 2 {
		h, err := s.Probe(t.Context())
		if err != nil || h.Revision != 1 || h.Known == 0 || h.Applied != h.Known {
			t.Errorf("Probe = %+v, %v, want revision 1 and all migrations", h, err)
		}
	}
	if rev, err := s.Revision(t.Context()); err != nil || rev != 1 {
		t.Errorf("Revision after Probe = %d, %v: a probe is no change", rev, err)
	}
}

// testSubjectRevision: a subject's own revision grows with each change of it, and with nothing else.
func testSubjectRevision(t *testing.T, s catalog.Store) {
	ctx, a := t.Context(), name("a")
	last := catalog.Rev(0)
	rev := func() catalog.Rev {
		t.Helper()
		read := subject(t, s, a)
		page, err := s.Subjects(ctx, catalog.Query{Include: catalog.WithDeleted, Prefix: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 1 && page[0].Rev != read.Rev {
			t.Errorf("Subjects says revision %d, Subject %d", page[0].Rev, read.Rev)
		}
		return read.Rev
	}
	if got := rev(); got != 0 {
		t.Errorf("revision of nothing = %d", got)
	}
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"append", func() error { add(t, s, a, version(`true`), version(`false`)); return nil }},
		{"policy", func() error {
			_, _, err := s.SetPolicy(ctx, a, catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}})
			return err
		}},
		{"lens", func() error {
			_, err := s.SetLens(ctx, a, 2, 0, catalog.StoredLens{Lens: []byte(`{}`), Rev: 1})
			return err
		}},
		{"delete", func() error { return remove(t, s, a, catalog.Deletion{Versions: []int{1}}) }},
		{"undelete", func() error { return remove(t, s, a, catalog.Deletion{Versions: []int{1}, Undelete: true}) }},
		{"delete again", func() error { return remove(t, s, a, catalog.Deletion{Versions: []int{1}}) }},
		{"purge", func() error { return remove(t, s, a, catalog.Deletion{Versions: []int{1}, Permanent: true}) }},
	} {
		if err := change.do(); err != nil {
			t.Fatalf("%s: %v", change.what, err)
		}
		if got := rev(); got <= last {
			t.Errorf("revision after %s = %d, want above %d", change.what, got, last)
		} else {
			last = got
		}
	}
	add(t, s, name("b"), version(`true`))
	if _, _, err := s.SetPolicy(ctx, catalog.Name{}, catalog.Patch{Set: catalog.Config{Compatibility: catalog.None}}); err != nil {
		t.Fatal(err)
	}
	if got := rev(); got != last {
		t.Errorf("revision after changes elsewhere = %d, want %d", got, last)
	}
}
