package catalog_test

import (
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

// TestReportsKeepWhatTheyAreAbout: a row about what was registered before the report counts, also where this replica has
// not heard of that yet; under the name of who sent it, whatever the row says, and whoever sent the same before.
func TestReportsKeepWhatTheyAreAbout(t *testing.T) {
	store := newStore(t)
	quiet := &gate{Store: store, bells: make(chan bell, 10)}
	a, b := catalog.New(store, catalog.Options{}), listening(t, quiet)
	name := subject("a")
	set(t, a, name, catalog.Config{Compatibility: catalog.None})
	first := register(t, a, name, catalog.Registration{Text: `{"const":1}`})
	quiet.bells <- bell{rev: first.Rev, asOf: time.Now()}
	awaitRevision(t, b, first.Rev)
	if _, err := b.Version(t.Context(), name, 1, catalog.LiveOnly); err != nil {
		t.Fatal(err)
	}
	register(t, a, name, catalog.Registration{Text: `{"const":2}`})
	at := time.Now().UTC().Truncate(time.Microsecond)
	row := func(subject string, number int) catalog.Usage {
		return catalog.Usage{Role: catalog.RoleRead, Group: "g", Subject: subject, Version: number, Records: 1, By: "made up", First: at, Last: at}
	}
	report := func(by string, seen ...catalog.Usage) {
		t.Helper()
		ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: by})
		sender := catalog.Sender{Instance: by, Seq: 1}
		if err := b.ReportUsage(ctx, catalog.UsageReport{Sender: sender, Seen: seen}, func(n catalog.Name) bool { return n.Subject != "hidden" }); err != nil {
			t.Fatal(err)
		}
	}
	register(t, a, subject("hidden"), catalog.Registration{Text: `{"const":1}`})
	report("ada", row("a", 2), row("a", 3), row("none", 1), row("hidden", 1), row("", 0))
	report("bob", row("a", 2))
	rows, err := b.Usage(t.Context(), catalog.Name{}, 0)
	got := map[[2]string]int64{}
	for _, u := range rows {
		got[[2]string{u.Subject, u.By}] += u.Records
	}
	if want := map[[2]string]int64{{"a", "ada"}: 1, {"a", "bob"}: 1, {"", "ada"}: 1}; err != nil || len(got) != len(want) || got[[2]string{"a", "ada"}] != 1 || got[[2]string{"a", "bob"}] != 1 {
		t.Errorf("Usage = %v, %v, want %v", got, err, want)
	}
}

// TestRejectionsStandUnderWhatTheySay: a sender cannot put a row, or a sample, under a reason of another subject.
func TestRejectionsStandUnderWhatTheySay(t *testing.T) {
	r := catalog.New(newStore(t), catalog.Options{})
	for _, name := range []string{"a", "b"} {
		register(t, r, subject(name), catalog.Registration{Text: `{"const":1}`})
	}
	report := func(instance string, row catalog.Rejection, event string) catalog.RejectionGroup {
		t.Helper()
		err := r.ReportRejections(t.Context(), catalog.RejectionReport{
			Sender: catalog.Sender{Instance: instance, Seq: 1}, Rejected: []catalog.Rejection{row},
			Samples: []catalog.Sample{{ID: row.ID, Event: []byte(event)}, {ID: "of no row", Event: []byte(`0`)}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		groups, err := r.Rejections(t.Context(), catalog.RejectionQuery{Name: catalog.Name{Subject: row.Subject}, Samples: true})
		if err != nil || len(groups) != 1 {
			t.Fatalf("Rejections of %s = %+v, %v", row.Subject, groups, err)
		}
		return groups[0]
	}
	mine := report("p", catalog.Rejection{ID: "x", Subject: "a", Version: 1, Topic: "t", Address: "/id", Keyword: "const", Records: 1}, `1`)
	report("q", catalog.Rejection{ID: mine.ID, Subject: "b", Version: 1, Topic: "t", Address: "/id", Keyword: "const", Records: 1}, `2`)
	again := report("s", catalog.Rejection{ID: mine.ID, Subject: "a", Version: 1, Topic: "t", Address: "/id", Keyword: "const", Records: 1}, `3`)
	if again.ID != mine.ID || again.Records != 2 || len(again.Samples) != 2 || string(again.Samples[0]) != "3" || string(again.Samples[1]) != "1" {
		t.Errorf("the reason of a = %+v, want two records and the samples of its own", again)
	}
}
