package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
)

// testAudit: rows are a chain, and one that is edited, removed or put in between is noticed.
func testAudit(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada", Reason: "why: é\x01", Commit: "c0ffee", Source: "127.0.0.1"})
	forced := version(`true`)
	forced.Mark = &catalog.Mark{Forced: true}
	if _, _, err := s.Append(ctx, name("a"), catalog.Head{}, forced); err != nil {
		t.Fatal(err)
	}
	add(t, s, catalog.Name{Context: ".x", Subject: "b"}, version(`{"title":"é"}`), version(`false`))
	if _, _, err := s.SetPolicy(ctx, name("a"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetLens(ctx, name("a"), 1, 0, catalog.StoredLens{Lens: json.RawMessage(`{"ops":[]}`), Rev: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutDocument(ctx, catalog.Document{Kind: "K", Name: "n", Body: json.RawMessage(`{"a":1}`)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := remove(t, s, name("a"), catalog.Deletion{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if rev, err := s.Note(ctx, catalog.OpRedrive, json.RawMessage(`{"topic":"orders","count":3}`)); err != nil || rev == 0 {
		t.Fatalf("Note = %d, %v", rev, err)
	}
	rows, err := s.Changes(ctx, 0, 100)
	if err != nil || len(rows) != 8 {
		t.Fatalf("Changes = %d rows, %v, want 8", len(rows), err)
	}
	last, err := catalog.CheckChain("", rows)
	if err != nil || last != rows[7].Hash || last == "" {
		t.Fatalf("CheckChain = %q, %v", last, err)
	}
	if half, err := catalog.CheckChain(rows[3].Hash, rows[4:]); err != nil || half != last {
		t.Errorf("CheckChain from the middle = %q, %v", half, err)
	}
	first, noted := rows[0], rows[7]
	if first.Author != catalog.AuthorOf(ctx) || !json.Valid(first.After) {
		t.Errorf("first row: %+v, with %s", first.Author, first.After)
	}
	if noted.Op != catalog.OpRedrive || string(noted.After) != `{"topic":"orders","count":3}` || noted.Name != (catalog.Name{}) {
		t.Errorf("noted: %+v", noted)
	}
	for what, edit := range map[string]func([]catalog.Change) []catalog.Change{
		"author":  func(c []catalog.Change) []catalog.Change { c[3].By = "eve"; return c },
		"source":  func(c []catalog.Change) []catalog.Change { c[3].Source = "10.0.0.1"; return c },
		"reason":  func(c []catalog.Change) []catalog.Change { c[3].Reason = ""; return c },
		"time":    func(c []catalog.Change) []catalog.Change { c[3].At = c[3].At.Add(time.Microsecond); return c },
		"before":  func(c []catalog.Change) []catalog.Change { c[3].Before = nil; return c },
		"after":   func(c []catalog.Change) []catalog.Change { c[3].After = json.RawMessage(`{}`); return c },
		"border":  func(c []catalog.Change) []catalog.Change { c[3].Subject, c[3].Context = "", "a"; return c },
		"hash":    func(c []catalog.Change) []catalog.Change { c[3].Hash = c[2].Hash; return c },
		"removed": func(c []catalog.Change) []catalog.Change { return append(c[:3], c[4:]...) },
		"doubled": func(c []catalog.Change) []catalog.Change { return append(c[:4], c[3:]...) },
		"swapped": func(c []catalog.Change) []catalog.Change { c[3], c[4] = c[4], c[3]; return c },
		"beheaded": func(c []catalog.Change) []catalog.Change {
			return c[1:]
		},
	} {
		again, err := s.Changes(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		_, err = catalog.CheckChain("", edit(again))
		if broken, ok := errors.AsType[*catalog.BrokenChain](err); !ok || broken.Rev == 0 {
			t.Errorf("CheckChain with %s edited = %v", what, err)
		}
	}
}

func testTokens(t *testing.T, s catalog.Store) {
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "root"})
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	grants := []catalog.Grant{{Role: catalog.Developer, Context: ".", Subjects: "orders.*", Topics: "orders"}}
	token := catalog.Token{ID: "b", Hash: catalog.HashToken("secret"), User: "ada", Grants: grants, Expires: expires}
	rev, err := s.AddToken(ctx, token)
	if err != nil || rev == 0 {
		t.Fatalf("AddToken = %d, %v", rev, err)
	}
	for _, taken := range []catalog.Token{{ID: "b", Hash: "x", User: "u", Grants: grants}, {ID: "c", Hash: token.Hash, User: "u", Grants: grants}} {
		_, err := s.AddToken(ctx, taken)
		wantErr(t, fmt.Sprintf("AddToken(%s) that is there", taken.ID), err, catalog.ErrConflict)
	}
	if _, err := s.AddToken(ctx, catalog.Token{ID: "a", Hash: catalog.HashToken("other"), User: "eve", Grants: grants}); err != nil {
		t.Fatal(err)
	}
	read, err := s.Token(ctx, token.Hash)
	if read.At.IsZero() || read.By != "root" {
		t.Errorf("Token = %+v", read)
	}
	token.By = "root"
	if diff := cmp.Diff(token, read, ignoreTimes); err != nil || diff != "" || !read.Expires.Equal(expires) {
		t.Errorf("Token = %v (-want +got):\n%s", err, diff)
	}
	_, err = s.Token(ctx, "nothing")
	wantErr(t, "Token of nothing", err, catalog.TokenNotFound)
	list, err := s.ListTokens(ctx, "", 10)
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Errorf("ListTokens = %+v, %v", list, err)
	}
	if rest, err := s.ListTokens(ctx, "a", 1); err != nil || len(rest) != 1 || rest[0].ID != "b" {
		t.Errorf("ListTokens after a = %+v, %v", rest, err)
	}
	used := time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{used, used.Add(-time.Hour)} {
		if err := s.UseTokens(ctx, map[string]time.Time{"b": at, "gone": at}); err != nil {
			t.Fatal(err)
		}
	}
	if read, _ := s.Token(ctx, token.Hash); !read.Used.Equal(used) {
		t.Errorf("last used %s, want %s", read.Used, used)
	}
	if _, err := s.RevokeToken(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	_, err = s.RevokeToken(ctx, "b")
	wantErr(t, "RevokeToken again", err, catalog.TokenNotFound)
	if read, err := s.Token(ctx, token.Hash); err != nil || read.Revoked.IsZero() || read.Valid(used) {
		t.Errorf("after its revocation: %+v, %v", read, err)
	}
	rows, err := s.Changes(ctx, 0, 10)
	if err != nil || len(rows) != 3 || rows[0].Op != catalog.OpToken || rows[0].Subject != "b" || rows[2].Op != catalog.OpRevoke || string(rows[2].Before) != string(rows[0].After) {
		t.Errorf("Changes = %+v, %v", rows, err)
	}
	if _, err := catalog.CheckChain("", rows); err != nil {
		t.Error(err)
	}
}
