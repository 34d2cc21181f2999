package catalog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

// wrote reports that a client wrote a version.
func wrote(t *testing.T, r *catalog.Registry, seq int64, client string, name catalog.Name, version int, at time.Time) {
	t.Helper()
	err := r.ReportUsage(t.Context(), catalog.UsageReport{
		Sender: catalog.Sender{Instance: "test", Seq: seq},
		Seen:   []catalog.Usage{{Role: catalog.RoleWrite, ClientID: client, Topic: "t", Context: name.Context, Subject: name.Subject, Version: version, Records: 1, First: at, Last: at}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func TestPromote(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	_, err := r.Promote(ctx, name, catalog.Promotion{Version: 1})
	wantErr(t, "Promote in nothing", err, catalog.SubjectNotFound)
	v1 := register(t, r, name, catalog.Registration{Text: object(1, "id")})
	register(t, r, name, catalog.Registration{Text: object(0, "id")})
	_, err = r.Promote(ctx, name, catalog.Promotion{Version: 7})
	wantErr(t, "Promote of nothing", err, catalog.VersionNotFound)
	set(t, r, name, catalog.Config{Compatibility: catalog.Forward})

	got, err := r.Promote(ctx, name, catalog.Promotion{Version: 1})
	if err != nil || got.Number != 3 || got.Schema.ID != v1.Schema.ID || got.Schema.GUID != v1.Schema.GUID || !got.New {
		t.Fatalf("Promote(1) = %+v, %v, want number 3 with ID %d", got, err, v1.Schema.ID)
	}
	if v, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != 3 || v.Schema.Text != object(1, "id") {
		t.Errorf("latest = %+v, %v, want version 1's text as number 3", v, err)
	}
	if all, err := r.Versions(ctx, name, catalog.LiveOnly); err != nil || len(all) != 3 {
		t.Errorf("Versions = %+v, %v, want all three live", all, err)
	}
	if again, err := r.Promote(ctx, name, catalog.Promotion{Version: 3}); err != nil || again.New || again.Number != 3 {
		t.Errorf("Promote of the latest = %+v, %v, want it as it is", again, err)
	}
	s, err := r.Subject(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	stale := s.Rev - 1
	set(t, r, name, catalog.Config{Compatibility: catalog.None})
	if s, err = r.Subject(ctx, name); err != nil {
		t.Fatal(err)
	}
	_, err = r.Promote(ctx, name, catalog.Promotion{Version: 2, Expect: &stale})
	wantErr(t, "Promote with an old revision", err, catalog.PreconditionFailed)
	if _, err = r.Promote(ctx, name, catalog.Promotion{Version: 2, Expect: &s.Rev}); err != nil {
		t.Errorf("Promote with the revision = %v", err)
	}
	if err := r.SetMode(ctx, name, catalog.ReadOnlyMode, false); err != nil {
		t.Fatal(err)
	}
	_, err = r.Promote(ctx, name, catalog.Promotion{Version: 1})
	wantErr(t, "Promote in a read-only subject", err, catalog.ReadOnly)
}

// TestPromoteIsJudged: a version that the live ones contradict does not become the latest.
func TestPromoteIsJudged(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	register(t, r, name, catalog.Registration{Text: object(2, "id", "email")})
	register(t, r, name, catalog.Registration{Text: object(1, "id", "email")})
	_, err := r.Promote(ctx, name, catalog.Promotion{Version: 1})
	refused, ok := errors.AsType[*catalog.Incompatible](err)
	if !ok || refused.Report.Report.Against[0].Number != 2 {
		t.Fatalf("Promote(1) = %v, want Incompatible with version 2, whose events need no email", err)
	}
	if _, err := r.DeleteVersion(ctx, name, 2, false); err != nil {
		t.Fatal(err)
	}
	// A soft-deleted one is promoted as it is registered again: it leaves the lists under its old number.
	if _, err := r.DeleteSubject(ctx, name, false); err != nil {
		t.Fatal(err)
	}
	got, err := r.Promote(ctx, name, catalog.Promotion{Version: 1})
	if err != nil || got.Number != 3 {
		t.Fatalf("Promote of a deleted version = %+v, %v", got, err)
	}
	if all, err := r.Versions(ctx, name, catalog.WithDeleted); err != nil || len(all) != 2 || all[0].Number != 2 || all[1].Number != 3 {
		t.Errorf("Versions with deleted = %+v, %v, want 2 and 3", all, err)
	}
}

func TestRollBack(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	_, err := r.RollBack(ctx, name, catalog.Rollback{To: 1})
	wantErr(t, "RollBack of nothing", err, catalog.SubjectNotFound)
	for _, text := range []string{`true`, `{}`, `{"title":"three"}`} {
		register(t, r, name, catalog.Registration{Text: text})
	}
	_, err = r.RollBack(ctx, name, catalog.Rollback{To: 4})
	wantErr(t, "RollBack to nothing", err, catalog.VersionNotFound)
	if _, err := r.PutDocument(ctx, catalog.KindService, "payments", []byte(`{"apiVersion":"accord/v1","kind":"Service","name":"payments","consumerGroups":["pay"],"receives":[{"event":"a","version":3}]}`), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.ReportPins(ctx, []catalog.Pin{{Group: "pay", Subject: "a", Version: 2}, {Group: "pay", Subject: "a", Version: 9}, {Group: "x", Subject: "none", Version: 1}}, nil); err != nil {
		t.Fatal(err)
	}
	if pins, err := r.Pins(ctx, catalog.Name{}, 0); err != nil || len(pins) != 1 || pins[0].Version != 2 || pins[0].First.IsZero() {
		t.Errorf("Pins = %+v, %v, want the one about a version that is there", pins, err)
	}
	wrote(t, r, 1, "old", name, 3, time.Now().Add(-catalog.RecentUse-time.Minute))
	wrote(t, r, 2, "now", name, 2, time.Now().Add(-time.Minute))

	dry, err := r.RollBack(ctx, name, catalog.Rollback{To: 1, DryRun: true})
	if err != nil || len(dry.Deleted) != 0 || len(dry.BlockedBy) != 1 || dry.BlockedBy[0].Why != catalog.BlockedByWriter || dry.BlockedBy[0].User.Name != "now" {
		t.Errorf("dry run = %+v, %v, want one writer against it", dry, err)
	}
	var users []string
	for _, u := range dry.UsedBy {
		users = append(users, u.Source+" "+u.Name)
	}
	if want := []string{"declared payments", "pinned payments", "observed now", "observed old"}; !slices.Equal(users, want) {
		t.Errorf("used by %q, want %q", users, want)
	}
	_, err = r.RollBack(ctx, name, catalog.Rollback{To: 1})
	wantErr(t, "RollBack while somebody writes", err, catalog.InUse)
	if held, ok := errors.AsType[*catalog.Held](err); !ok || len(held.BlockedBy) != 1 || !strings.Contains(err.Error(), "now wrote version 2") {
		t.Errorf("RollBack while somebody writes = %v, want a name", err)
	}
	if got, err := r.RollBack(ctx, name, catalog.Rollback{To: 2}); err != nil || !slices.Equal(got.Deleted, []int{3}) {
		t.Errorf("RollBack(2) = %+v, %v: version 3 was written longer ago", got, err)
	}
	if got, err := r.RollBack(ctx, name, catalog.Rollback{To: 1, Force: true}); err != nil || !slices.Equal(got.Deleted, []int{2}) {
		t.Errorf("RollBack(1) by force = %+v, %v", got, err)
	}
	if got, err := r.RollBack(ctx, name, catalog.Rollback{To: 1}); err != nil || len(got.Deleted) != 0 {
		t.Errorf("RollBack to the latest = %+v, %v, want nothing to do", got, err)
	}
	if v, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != 1 {
		t.Errorf("latest = %+v, %v, want 1", v, err)
	}
}

func TestRemove(t *testing.T) {
	r, ctx := newRegistry(t), t.Context()
	money, order := subject("money"), subject("order")
	register(t, r, money, catalog.Registration{Text: `{"type":"object"}`})
	register(t, r, money, catalog.Registration{Text: `{"type":"object","title":"two"}`})
	register(t, r, order, catalog.Registration{Text: `{"$ref":"money.json"}`, References: []catalog.Reference{{Name: "money.json", Subject: "money", Version: 1}}})

	dry, err := r.Remove(ctx, money, catalog.Removal{Versions: []int{2, 1}, DryRun: true})
	if err != nil || len(dry.Deleted) != 0 || len(dry.BlockedBy) != 1 || dry.BlockedBy[0].By.Name != order || dry.BlockedBy[0].Version != 1 {
		t.Errorf("dry run = %+v, %v, want the order against it", dry, err)
	}
	_, err = r.Remove(ctx, money, catalog.Removal{Versions: []int{1}})
	wantErr(t, "Remove of what is referred to", err, catalog.Referenced)
	if got, err := r.Remove(ctx, money, catalog.Removal{Versions: []int{catalog.Latest}, DryRun: true}); err != nil || !slices.Equal(got.Deleted, []int{2}) {
		t.Errorf("dry run of the latest = %+v, %v", got, err)
	}
	if all, err := r.Versions(ctx, money, catalog.LiveOnly); err != nil || len(all) != 2 {
		t.Errorf("after dry runs: %+v, %v", all, err)
	}
	_, err = r.Remove(ctx, money, catalog.Removal{Versions: []int{2}, Permanent: true})
	wantErr(t, "permanent before soft", err, catalog.VersionNotDeleted)
	if got, err := r.Remove(ctx, money, catalog.Removal{Versions: []int{2, 2}}); err != nil || !slices.Equal(got.Deleted, []int{2}) {
		t.Errorf("Remove(2) = %+v, %v", got, err)
	}
	_, err = r.Remove(ctx, money, catalog.Removal{Versions: []int{2}})
	wantErr(t, "soft twice", err, catalog.VersionDeleted)
	zero := catalog.Rev(0)
	_, err = r.Remove(ctx, money, catalog.Removal{Versions: []int{2}, Permanent: true, Expect: &zero})
	wantErr(t, "Remove with an old revision", err, catalog.PreconditionFailed)

	// The referrer goes softly: soft deletion of the target is free then, purging is not.
	if _, err := r.Remove(ctx, order, catalog.Removal{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Remove(ctx, money, catalog.Removal{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Remove(ctx, money, catalog.Removal{Versions: []int{1}, Permanent: true})
	wantErr(t, "purge while something deleted refers to it", err, catalog.Referenced)

	// References inside a subject do not count when all of it goes.
	self := subject("self")
	register(t, r, self, catalog.Registration{Text: `{"type":"object"}`})
	register(t, r, self, catalog.Registration{Text: `{"$ref":"one"}`, References: []catalog.Reference{{Name: "one", Subject: "self", Version: 1}}})
	_, err = r.Remove(ctx, self, catalog.Removal{Versions: []int{1}})
	wantErr(t, "Remove of one that the other refers to", err, catalog.Referenced)
	for _, permanent := range []bool{false, true} {
		if _, err := r.Remove(ctx, self, catalog.Removal{Versions: []int{1, 2}, Permanent: permanent}); err != nil {
			t.Errorf("Remove of the whole, permanent %t = %v", permanent, err)
		}
	}
	_, err = r.Remove(ctx, self, catalog.Removal{Versions: []int{1}})
	wantErr(t, "Remove of what is gone", err, catalog.SubjectNotFound)
}

// TestRemoveKeepsChains: what older versions need on their way up is not purged, however many go at once.
func TestRemoveKeepsChains(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	set(t, r, name, catalog.Config{Compatibility: catalog.Upcastable})
	step := func(from, to string) catalog.Registration {
		return catalog.Registration{
			Text: `{"type":"object","properties":{"` + to + `":{"type":"string"}},"required":["` + to + `"],"additionalProperties":false}`,
			Lens: []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/` + from + `","to":"/` + to + `"}]}`),
		}
	}
	first := step("", "a")
	first.Lens = nil
	register(t, r, name, first)
	for _, s := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "d"}} {
		register(t, r, name, step(s[0], s[1]))
	}
	if _, err := r.Remove(ctx, name, catalog.Removal{Versions: []int{2, 3}}); err != nil {
		t.Fatal(err)
	}
	dry, err := r.Remove(ctx, name, catalog.Removal{Versions: []int{2, 3}, Permanent: true, DryRun: true})
	if err != nil || len(dry.BlockedBy) != 2 || dry.BlockedBy[0].Why != catalog.BlockedByLens || dry.BlockedBy[0].By.Version != 1 {
		t.Errorf("dry run = %+v, %v, want version 1 cut off from above 2 and 3", dry, err)
	}
	_, err = r.Remove(ctx, name, catalog.Removal{Versions: []int{2, 3}, Permanent: true})
	wantErr(t, "purge of a chain's middle", err, catalog.ChainNeeded)
	if _, err := r.Remove(ctx, name, catalog.Removal{Versions: []int{1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Remove(ctx, name, catalog.Removal{Versions: []int{1, 2, 3}, Permanent: true}); err != nil {
		t.Errorf("purge of all that is below = %v", err)
	}
}

func TestUndeleteExpects(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	register(t, r, name, catalog.Registration{Text: `true`})
	if _, err := r.DeleteVersion(ctx, name, 1, false); err != nil {
		t.Fatal(err)
	}
	zero := catalog.Rev(0)
	_, err := r.Undelete(ctx, name, []int{1}, &zero)
	wantErr(t, "Undelete with an old revision", err, catalog.PreconditionFailed)
}
