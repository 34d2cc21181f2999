package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
)

func testChanges(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada", Reason: "why", Commit: "c0ffee"})
	head := catalog.Head{}
	added, _, err := s.Append(ctx, name("a"), head, version(`true`), version(`false`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.SetPolicy(ctx, name("a"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}}); err != nil {
		t.Fatal(err)
	}
	mode := catalog.ReadOnlyMode
	if _, _, err := s.SetPolicy(ctx, name("a"), catalog.Patch{Mode: &mode}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []catalog.Deletion{{Versions: []int{2}}, {Versions: []int{2}, Undelete: true}, {Versions: []int{2}}, {Versions: []int{2}, Permanent: true}} {
		read := subject(t, s, name("a"))
		if _, _, err := s.Delete(ctx, name("a"), read.Head, d); err != nil {
			t.Fatal(err)
		}
	}
	changes, err := s.Changes(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	by := catalog.Author{By: "ada", Reason: "why", Commit: "c0ffee"}
	guid1, guid2 := added[0].Schema.GUID, added[1].Schema.GUID
	want := []catalog.Change{
		{Author: by, Op: catalog.OpRegister, Name: name("a"), Version: 1, ID: 1, GUID: guid1},
		{Author: by, Op: catalog.OpRegister, Name: name("a"), Version: 2, ID: 2, GUID: guid2},
		{Author: by, Op: catalog.OpConfig, Name: name("a")},
		{Author: by, Op: catalog.OpMode, Name: name("a")},
		{Author: by, Op: catalog.OpDelete, Name: name("a"), Version: 2, ID: 2, GUID: guid2},
		{Author: by, Op: catalog.OpUndelete, Name: name("a"), Version: 2, ID: 2, GUID: guid2},
		{Author: by, Op: catalog.OpDelete, Name: name("a"), Version: 2, ID: 2, GUID: guid2},
		{Author: by, Op: catalog.OpPurge, Name: name("a"), Version: 2, ID: 2, GUID: guid2},
	}
	last := catalog.Rev(0)
	for i, c := range changes {
		if c.Rev <= last || c.At.IsZero() {
			t.Errorf("change %d: revision %d after %d, at %s", i, c.Rev, last, c.At)
		}
		last = c.Rev
		if (c.Op == catalog.OpConfig || c.Op == catalog.OpMode) && !json.Valid(c.After) {
			t.Errorf("%s came without what it left: %s", c.Op, c.After)
		}
		changes[i].Rev, changes[i].Before, changes[i].After, changes[i].Hash = 0, nil, nil, ""
	}
	if diff := cmp.Diff(want, changes, ignoreTimes); diff != "" {
		t.Errorf("Changes (-want +got):\n%s", diff)
	}
	if rev, err := s.Revision(ctx); err != nil || rev != last {
		t.Errorf("Revision = %d, %v, want %d", rev, err, last)
	}
	all, _ := s.Changes(ctx, 0, 100)
	rest, err := s.Changes(ctx, all[1].Rev, 2)
	if err != nil || len(rest) != 2 || rest[0].Op != catalog.OpConfig {
		t.Errorf("Changes after the second, two of them = %+v, %v", rest, err)
	}
	if rest, err := s.Changes(ctx, last, 2); err != nil || len(rest) != 0 {
		t.Errorf("Changes after the last = %+v, %v", rest, err)
	}
}

func testWatch(t *testing.T, s catalog.Store) {
	ctx, cancel := context.WithCancelCause(t.Context())
	bell := make(chan catalog.Rev, 100)
	done := make(chan error, 1)
	go func() { done <- s.Watch(ctx, func(rev catalog.Rev, _ time.Time) { bell <- rev }) }()
	await := func(least catalog.Rev) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			select {
			case rev := <-bell:
				if rev >= least {
					return
				}
			case err := <-done:
				t.Fatalf("Watch = %v", err)
			case <-deadline:
				t.Fatalf("no bell for revision %d", least)
			}
		}
	}
	await(0) // it listens
	for i := range 3 {
		v := add(t, s, name("a"), version(fmt.Sprintf(`{"i":%d}`, i)))
		await(v[0].Rev)
	}
	stop := errors.New("stop")
	cancel(stop)
	select {
	case err := <-done:
		if !errors.Is(err, stop) {
			t.Errorf("Watch = %v, want the end of its context", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Watch did not end with its context")
	}
}

func testDocuments(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada"})
	_, err := s.Document(ctx, "Service", "orders")
	wantErr(t, "Document of nothing", err, catalog.DocumentNotFound)
	_, err = s.DeleteDocument(ctx, "Service", "orders", nil)
	wantErr(t, "DeleteDocument of nothing", err, catalog.DocumentNotFound)
	zero := catalog.Rev(0)
	d := catalog.Document{Kind: "Service", Name: "orders", Body: json.RawMessage(`{"a": 1,  "b":2}`)}
	rev, err := s.PutDocument(ctx, d, &zero)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Document(ctx, "Service", "orders")
	want := d
	want.Rev, want.By = rev, "ada"
	if diff := cmp.Diff(want, got, ignoreTimes); err != nil || diff != "" {
		t.Errorf("Document = %v (-want +got):\n%s", err, diff)
	}
	_, err = s.PutDocument(ctx, d, &zero)
	wantErr(t, "PutDocument over one that is there", err, catalog.ErrConflict)
	for _, more := range []catalog.Document{{Kind: "Service", Name: "billing"}, {Kind: "Channel", Name: "orders"}, {Kind: "Project"}} {
		more.Body = json.RawMessage(`{}`)
		if _, err := s.PutDocument(ctx, more, nil); err != nil {
			t.Fatal(err)
		}
	}
	list := func(kind string, after catalog.DocumentPosition, limit int) (out []string) {
		t.Helper()
		page, err := s.ListDocuments(ctx, kind, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			out = append(out, d.Kind+"/"+d.Name)
		}
		return out
	}
	if diff := cmp.Diff([]string{"Channel/orders", "Project/", "Service/billing", "Service/orders"}, list("", catalog.DocumentPosition{}, 10)); diff != "" {
		t.Errorf("all documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Service/billing"}, list("Service", catalog.DocumentPosition{}, 1)); diff != "" {
		t.Errorf("first service (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Service/orders"}, list("Service", catalog.DocumentPosition{Kind: "Service", Name: "billing"}, 10)); diff != "" {
		t.Errorf("services after the first (-want +got):\n%s", diff)
	}
	_, err = s.DeleteDocument(ctx, "Service", "orders", &zero)
	wantErr(t, "DeleteDocument with an old revision", err, catalog.ErrConflict)
	if _, err = s.DeleteDocument(ctx, "Service", "orders", &rev); err != nil {
		t.Errorf("DeleteDocument = %v", err)
	}
	changes, err := s.Changes(ctx, 0, 10)
	if err != nil || len(changes) != 5 || changes[0].Op != catalog.OpDocument || changes[4].Op != catalog.OpUndocument || changes[4].Subject != "Service/orders" {
		t.Errorf("Changes = %+v, %v", changes, err)
	}
}

func testUsage(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	u := catalog.Usage{Role: catalog.RoleWrite, Service: "orders", ClientID: "c", Topic: "t", Subject: "a", Version: 1, ID: 1, Records: 2, Bytes: 10, First: start, Last: start.Add(time.Minute)}
	read := catalog.Usage{Role: catalog.RoleRead, Group: "g", Subject: "a", Version: 1, Records: 1, Committed: 41, First: start, Last: start}
	other := catalog.Usage{Role: catalog.RoleRead, Group: "g", Context: ".x", Subject: "a", Version: 1, Records: 1, First: start, Last: start}
	told := read // the same by another: counted apart
	told.By, told.Records = "ada", 4
	first := catalog.UsageReport{Sender: catalog.Sender{Instance: "p", Seq: 1}, Seen: []catalog.Usage{u, read, other, told}}
	later := u
	later.Records, later.First, later.Last = 3, start.Add(time.Hour), start.Add(2*time.Hour)
	second := catalog.UsageReport{Sender: catalog.Sender{Instance: "p", Seq: 2}, Seen: []catalog.Usage{later}}
	for _, r := range []catalog.UsageReport{first, first, second, second, first} { // each counts once
		if err := s.AddUsage(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Usage(ctx, name("a"), 0)
	sum := u
	sum.Records, sum.Bytes, sum.Last = 5, 20, later.Last
	if diff := cmp.Diff([]catalog.Usage{sum, read, told}, got); err != nil || diff != "" {
		t.Errorf("Usage = %v (-want +got):\n%s", err, diff)
	}
	if all, err := s.Usage(ctx, catalog.Name{}, 2); err != nil || len(all) != 2 || all[0].Records != 5 {
		t.Errorf("Usage of all, two rows = %+v, %v", all, err)
	}
	if all, err := s.Usage(ctx, catalog.Name{}, 0); err != nil || len(all) != 4 {
		t.Errorf("Usage of all = %+v, %v", all, err)
	}
	if rev, err := s.Revision(ctx); err != nil || rev != 0 {
		t.Errorf("Revision = %d, %v: observations get none", rev, err)
	}
}

func testPresence(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	at := func(address string, version int, seen, of int64, by string) catalog.Presence {
		return catalog.Presence{Subject: "a", Version: version, Address: address, Seen: seen, Of: of, By: by}
	}
	r := catalog.RejectionReport{
		Sender:   catalog.Sender{Instance: "p", Seq: 1},
		Accepted: []catalog.Acceptance{{Subject: "a", Version: 1, Topic: "t", Records: 5}, {Subject: "a", Version: 2, Topic: "t", Records: 7, By: "ada"}, {Context: ".x", Subject: "a", Version: 1, Topic: "t", Records: 1}},
		Presence: []catalog.Presence{at("", 1, 10, 10, ""), at("/id", 1, 10, 10, ""), at("", 1, 4, 4, "ada"), at("/note", 1, 3, 4, "ada"), at("", 2, 1, 1, "")},
	}
	for range 2 { // counts once
		if err := s.AddRejections(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	r.Seq = 2
	r.Presence = r.Presence[:2]
	r.Accepted = r.Accepted[:1]
	if err := s.AddRejections(ctx, r); err != nil {
		t.Fatal(err)
	}
	want := []catalog.Presence{at("", 1, 24, 24, ""), at("/id", 1, 20, 24, ""), at("/note", 1, 3, 24, "")}
	if got, err := s.Presence(ctx, name("a"), 1); err != nil || !cmp.Equal(want, got) {
		t.Errorf("Presence of v1 = %v (-want +got):\n%s", err, cmp.Diff(want, got))
	}
	want = append(want, at("", 2, 1, 1, ""))
	if got, err := s.Presence(ctx, name("a"), 0); err != nil || !cmp.Equal(want, got) {
		t.Errorf("Presence = %v (-want +got):\n%s", err, cmp.Diff(want, got))
	}
	through := []catalog.Acceptance{{Subject: "a", Version: 2, Topic: "t", Records: 7, By: "ada"}, {Subject: "a", Version: 1, Topic: "t", Records: 10}}
	if got, err := s.Accepted(ctx, name("a")); err != nil || !cmp.Equal(through, got) {
		t.Errorf("Accepted = %v (-want +got):\n%s", err, cmp.Diff(through, got))
	}
	if all, err := s.Accepted(ctx, catalog.Name{}); err != nil || len(all) != 3 {
		t.Errorf("Accepted of all = %+v, %v, want three rows", all, err)
	}

	r.Seq, r.Presence = 3, nil
	for i := range catalog.MaxPresence + 10 { // what is there most often stays
		r.Presence = append(r.Presence, at(fmt.Sprintf("/%04d", i), 3, int64(i+1), int64(i+1), ""))
	}
	if err := s.AddRejections(ctx, r); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Presence(ctx, name("a"), 3); err != nil || len(got) != catalog.MaxPresence || got[0].Address != "/0010" {
		t.Errorf("Presence beyond the bound = %d rows, %v, want %d from /0010", len(got), err, catalog.MaxPresence)
	}
}

func testRejections(t *testing.T, s catalog.Store) {
	ctx := t.Context()
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	x := catalog.Rejection{ID: "r1", Subject: "a", Version: 1, Topic: "t", Address: "/lines/*/sku", Keyword: "required", Reason: "missing", ClientID: "c1", Records: 2, Collateral: 5, First: start, Last: start}
	x2 := x
	x2.ClientID, x2.Records, x2.Last = "c2", 1, start.Add(time.Hour)
	y := x
	y.ID, y.Subject, y.Topic, y.Last = "r2", "b", "u", start.Add(time.Minute)
	told := x // the same by another: counted apart
	told.By, told.Records, told.Collateral = "ada", 1, 0
	r := catalog.RejectionReport{Sender: catalog.Sender{Instance: "p", Seq: 1}, Rejected: []catalog.Rejection{x, x2, y, told}}
	for i := range catalog.MaxSamples + 2 {
		r.Samples = append(r.Samples, catalog.Sample{ID: "r1", Event: json.RawMessage(fmt.Sprintf(`{"i":%d}`, i)), At: start})
	}
	for range 2 { // counts once
		if err := s.AddRejections(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Rejections(ctx, catalog.RejectionQuery{Samples: true})
	if err != nil || len(got) != 2 {
		t.Fatalf("Rejections = %+v, %v, want two groups", got, err)
	}
	sum := x2
	sum.Records, sum.Collateral = 4, 10
	want := catalog.RejectionGroup{Rejection: sum, Clients: []catalog.Rejection{x2, x, told}}
	for i := range catalog.MaxSamples {
		want.Samples = append(want.Samples, json.RawMessage(fmt.Sprintf(`{"i":%d}`, catalog.MaxSamples+1-i)))
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("group (-want +got):\n%s", diff)
	}
	for what, q := range map[string]catalog.RejectionQuery{
		"by ID":      {ID: "r2"},
		"by subject": {Name: name("b")},
		"by topic":   {Topic: "u"},
	} {
		if got, err := s.Rejections(ctx, q); err != nil || len(got) != 1 || got[0].ID != "r2" || len(got[0].Samples) != 0 {
			t.Errorf("%s: Rejections = %+v, %v, want r2 without samples", what, got, err)
		}
	}
	if got, err := s.Rejections(ctx, catalog.RejectionQuery{Since: start.Add(30 * time.Minute)}); err != nil || len(got) != 1 || got[0].ID != "r1" {
		t.Errorf("Rejections since = %+v, %v, want r1", got, err)
	}
	if got, err := s.Rejections(ctx, catalog.RejectionQuery{Limit: 1}); err != nil || len(got) != 1 || len(got[0].Clients) != 3 {
		t.Errorf("Rejections, one = %+v, %v, want one group with all its rows", got, err)
	}
}
