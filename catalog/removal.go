package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RecentUse is how long somebody who wrote or read a version is taken to do so still.
const RecentUse = 24 * time.Hour

// Removal asks that versions of a subject be deleted.
type Removal struct {
	// Versions are numbers, never empty, none twice; Latest stands for the highest live one. All that a subject has are
	// the subject as a whole: references inside it do not count then.
	Versions  []int
	Permanent bool // remove for good what is soft-deleted already
	DryRun    bool // find out what would happen, and change nothing
	Expect    *Rev // the revision that the subject must still have, nil = any
}

// Rollback asks that every version above one be soft-deleted.
type Rollback struct {
	To     int  // the live version that is to be the latest
	Force  bool // also while somebody writes one of the versions
	DryRun bool
	Expect *Rev
}

// Removed is what became of a Removal or Rollback, or, of a dry run, what would become of it.
type Removed struct {
	Deleted   []int     // ascending; empty while something stands against it
	BlockedBy []Blocker // what stands against it, nil = nothing
	UsedBy    []User    // who is known to use these versions, nil = nobody
}

// Why something stands against a deletion.
const (
	BlockedByReference = "reference" // a schema refers to the version
	BlockedByLens      = "lens"      // an older version has its way up through it
	BlockedByWriter    = "writer"    // somebody wrote it within RecentUse
)

// Blocker is one thing that stands against a deletion.
type Blocker struct {
	Why     string         // one of the words above
	Version int            // the version that cannot go
	By      SubjectVersion // the referrer, or the version that would be cut off; zero for a writer
	User    *User          // the writer
}

// String says it in a few words.
func (b Blocker) String() string {
	switch b.Why {
	case BlockedByWriter:
		return fmt.Sprintf("%s wrote version %d at %s", b.User.Name, b.Version, b.User.Last.UTC().Format(time.RFC3339))
	case BlockedByLens:
		return fmt.Sprintf("version %d needs version %d on its way up", b.By.Version, b.Version)
	}
	return fmt.Sprintf("%s version %d refers to version %d", b.By.Name, b.By.Version, b.Version)
}

// Held refuses a deletion and names everything that stands against it. It wraps an *Error with Referenced, ChainNeeded
// or InUse.
type Held struct {
	Removed
	Err *Error
}

// Error is that of the reason.
func (e *Held) Error() string { return e.Err.Error() }

// Unwrap returns the *Error.
func (e *Held) Unwrap() error { return e.Err }

// held is the refusal that blockers are, nil if there are none.
func held(name Name, done Removed) error {
	if len(done.BlockedBy) == 0 {
		return nil
	}
	first := done.BlockedBy[0]
	words := make([]string, len(done.BlockedBy))
	for i, b := range done.BlockedBy {
		words[i] = b.String()
	}
	reason := map[string]Reason{BlockedByReference: Referenced, BlockedByLens: ChainNeeded, BlockedByWriter: InUse}[first.Why]
	return &Held{Removed: done, Err: &Error{Reason: reason, Name: name, Version: first.Version, Detail: strings.Join(words, ", ")}}
}

// Remove deletes versions, softly or for good, all or none, and says what stands against it and who uses them.
// SubjectNotFound, VersionNotFound, VersionDeleted, VersionNotDeleted, PreconditionFailed, ReadOnly, *Held.
func (r *Registry) Remove(ctx context.Context, name Name, q Removal) (Removed, error) {
	return r.remove(ctx, name, q.Expect, q.DryRun, func(s *Subject) (Deletion, error) {
		d := Deletion{Permanent: q.Permanent}
		if !s.any(WithDeleted) {
			return d, &Error{Reason: SubjectNotFound, Name: name}
		}
		for _, number := range q.Versions {
			v := s.at(number, WithDeleted)
			switch {
			case v == nil:
				return d, &Error{Reason: VersionNotFound, Name: name, Version: number}
			case q.Permanent && v.State == Live:
				return d, &Error{Reason: VersionNotDeleted, Name: name, Version: v.Number}
			case !q.Permanent && v.State == Deleted:
				return d, &Error{Reason: VersionDeleted, Name: name, Version: v.Number}
			}
			d.Versions = append(d.Versions, v.Number)
		}
		slices.Sort(d.Versions)
		d.Versions = slices.Compact(d.Versions)
		d.Whole = !slices.ContainsFunc(s.Versions, func(v Version) bool {
			stays := v.State == Live || q.Permanent && v.State == Deleted
			return stays && !slices.Contains(d.Versions, v.Number)
		})
		return d, nil
	}, nil)
}

// RollBack soft-deletes every live version above one, so that it is the latest. Unless forced it is refused while
// somebody wrote one of them within RecentUse. SubjectNotFound, VersionNotFound, PreconditionFailed, ReadOnly, *Held.
func (r *Registry) RollBack(ctx context.Context, name Name, q Rollback) (Removed, error) {
	return r.remove(ctx, name, q.Expect, q.DryRun, func(s *Subject) (d Deletion, err error) {
		switch {
		case !s.any(LiveOnly):
			return d, &Error{Reason: SubjectNotFound, Name: name}
		case s.at(q.To, LiveOnly) == nil:
			return d, &Error{Reason: VersionNotFound, Name: name, Version: q.To}
		}
		to := s.at(q.To, LiveOnly).Number
		for _, v := range s.Versions {
			if v.State == Live && v.Number > to {
				d.Versions = append(d.Versions, v.Number)
			}
		}
		return d, nil
	}, func(u User) bool {
		return !q.Force && u.Role == RoleWrite && u.Source == UserObserved && time.Since(u.Last) < RecentUse
	})
}

// remove deletes what choose picks, or says why not. writes says which users stand against it, nil = none does.
func (r *Registry) remove(ctx context.Context, name Name, expect *Rev, dry bool, choose func(*Subject) (Deletion, error), writes func(User) bool) (Removed, error) {
	var done Removed
	_, err := r.delete(ctx, name, expect, func(s *Subject) (Deletion, error) {
		d, err := choose(s)
		if err != nil || len(d.Versions) == 0 {
			return d, err
		}
		done = Removed{}
		if done.BlockedBy, err = r.blockers(ctx, s, d); err != nil {
			return d, err
		}
		if done.UsedBy, err = r.users(ctx, s, d.Versions); err != nil {
			return d, err
		}
		for i, u := range done.UsedBy {
			if writes != nil && writes(u) {
				done.BlockedBy = append(done.BlockedBy, Blocker{Why: BlockedByWriter, Version: u.Version, User: &done.UsedBy[i]})
			}
		}
		if len(done.BlockedBy) == 0 {
			done.Deleted = d.Versions
		}
		if dry {
			return Deletion{}, nil
		}
		return d, held(s.Name, done)
	})
	if err != nil {
		return Removed{}, err
	}
	return done, nil
}

// blockers finds what the store would refuse a deletion for, and the lens chains that it would cut.
func (r *Registry) blockers(ctx context.Context, s *Subject, d Deletion) (found []Blocker, err error) {
	for _, number := range d.Versions {
		v := s.at(number, WithDeleted)
		stored, err := r.store.Schema(ctx, Key{Context: v.Schema.Context, ID: v.Schema.ID})
		if err != nil {
			return nil, err
		}
		for _, ref := range stored.Referrers {
			if ref.Target.Name != s.Name || ref.Target.Version != number || !ref.Live && !d.Permanent {
				continue
			}
			by, err := r.carriers(ctx, ref, d.Permanent)
			if err != nil {
				return nil, err
			}
			for _, place := range by {
				if !d.Whole || place.Name != s.Name {
					found = append(found, Blocker{Why: BlockedByReference, Version: number, By: place})
				}
			}
		}
	}
	if d.Permanent {
		for _, c := range s.cut(d.Versions) {
			found = append(found, Blocker{Why: BlockedByLens, Version: c.to, By: SubjectVersion{Name: s.Name, Version: c.from, State: s.at(c.from, WithDeleted).State}})
		}
	}
	return found, nil
}

// carriers are the versions that carry a referring schema, with deleted ones if they count.
func (r *Registry) carriers(ctx context.Context, ref Referrer, deleted bool) ([]SubjectVersion, error) {
	stored, err := r.store.Schema(ctx, Key{Context: ref.Context, ID: ref.ID})
	if errors.Is(err, SchemaNotFound) { // purged in between
		return nil, nil
	}
	return slices.DeleteFunc(stored.Versions, func(v SubjectVersion) bool { return v.State != Live && !deleted }), err
}

// cut names the versions that would lose their way up if others were purged: each with the one that it needs.
func (s *Subject) cut(doomed []int) (lost []gap) {
	going := func(v *Version) bool { return v.State == Gone || slices.Contains(doomed, v.Number) }
	for _, number := range doomed {
		var below []int
		carried, above := false, false
		for i := range s.Versions {
			v := &s.Versions[i]
			switch {
			case v.Number < number && !going(v):
				below, carried = append(below, v.Number), false
			case !going(v) && v.Number > number:
				above, carried = true, carried || v.Lens != nil
			default:
				carried = carried || v.Lens != nil
			}
			if above {
				break
			}
		}
		for _, b := range below {
			if above && carried {
				lost = append(lost, gap{b, number})
			}
		}
	}
	slices.SortFunc(lost, func(a, b gap) int { return cmp.Or(cmp.Compare(a.to, b.to), cmp.Compare(a.from, b.from)) })
	return lost
}
