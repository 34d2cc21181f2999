package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// DeleteSubject deletes all versions of a subject and returns their numbers. Permanent: SubjectNotDeleted unless all
// are soft-deleted. Else SubjectNotFound, SubjectDeleted. Both: Referenced, ReadOnly. Source: Confluent Schema
// Registry, DELETE /subjects/{subject}.
func (r *Registry) DeleteSubject(ctx context.Context, name Name, permanent bool) ([]int, error) {
	return r.delete(ctx, name, nil, func(s *Subject) (Deletion, error) {
		d := Deletion{Permanent: permanent, Whole: true}
		live, deleted := s.any(LiveOnly), s.any(DeletedOnly)
		switch {
		case !live && !deleted:
			return d, &Error{Reason: SubjectNotFound, Name: name}
		case permanent && live:
			return d, &Error{Reason: SubjectNotDeleted, Name: name}
		case !permanent && !live:
			return d, &Error{Reason: SubjectDeleted, Name: name}
		}
		for _, v := range s.Versions {
			if permanent && v.State == Deleted || !permanent && v.State == Live {
				d.Versions = append(d.Versions, v.Number)
			}
		}
		return d, nil
	})
}

// DeleteVersion deletes one version and returns its number; number may be Latest. SubjectNotFound, VersionNotFound,
// VersionDeleted, VersionNotDeleted, Referenced, ChainNeeded, ReadOnly. Source: Confluent Schema Registry, DELETE
// /subjects/{subject}/versions/{version}.
func (r *Registry) DeleteVersion(ctx context.Context, name Name, number int, permanent bool) (int, error) {
	numbers, err := r.delete(ctx, name, nil, func(s *Subject) (Deletion, error) {
		if !s.any(WithDeleted) {
			return Deletion{}, &Error{Reason: SubjectNotFound, Name: name}
		}
		v := s.at(number, WithDeleted)
		switch {
		case v == nil:
			return Deletion{}, &Error{Reason: VersionNotFound, Name: name, Version: number}
		case permanent && v.State == Live:
			return Deletion{}, &Error{Reason: VersionNotDeleted, Name: name, Version: v.Number}
		case !permanent && v.State == Deleted:
			return Deletion{}, &Error{Reason: VersionDeleted, Name: name, Version: v.Number}
		}
		if permanent {
			if err := s.chainHolds(v.Number); err != nil {
				return Deletion{}, err
			}
		}
		return Deletion{Versions: []int{v.Number}, Permanent: permanent}, nil
	})
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// Undelete brings soft-deleted versions back, judged like a registration against the versions that are live now.
// expect is nil, or the revision that the subject must still have. VersionNotFound, VersionNotDeleted,
// ReferenceNotFound, PreconditionFailed, ReadOnly, *Incompatible.
func (r *Registry) Undelete(ctx context.Context, name Name, numbers []int, expect *Rev) ([]int, error) {
	return r.delete(ctx, name, expect, func(s *Subject) (Deletion, error) {
		for _, number := range numbers {
			v := s.at(number, WithDeleted)
			if v == nil {
				return Deletion{}, &Error{Reason: VersionNotFound, Name: name, Version: number}
			}
			if v.State != Deleted {
				return Deletion{}, &Error{Reason: VersionNotDeleted, Name: name, Version: number}
			}
		}
		if err := r.judgeReturn(ctx, s, numbers); err != nil {
			return Deletion{}, err
		}
		return Deletion{Versions: numbers, Undelete: true}, nil
	})
}

// delete reads a subject, asks what to delete, and does it; again when the subject changed in between.
func (r *Registry) delete(ctx context.Context, name Name, expect *Rev, choose func(*Subject) (Deletion, error)) ([]int, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, RegisterDeadline, &Error{Reason: TimedOut, Name: name})
	defer cancel()
	for purges := 0; ; {
		named, err := r.freshAliased(ctx, name)
		if err != nil {
			return nil, err
		}
		if named.Policies.Mode().readOnly() {
			return nil, &Error{Reason: ReadOnly, Name: named.Name}
		}
		if err := named.expect(expect); err != nil {
			return nil, err
		}
		d, err := choose(named)
		if purged(err, &purges) {
			continue
		}
		if err != nil || len(d.Versions) == 0 {
			return nil, err
		}
		numbers, rev, err := r.store.Delete(ctx, named.Name, named.Head, d)
		if errors.Is(err, ErrConflict) {
			continue
		}
		if err == nil {
			for _, v := range named.Versions {
				if d.Permanent {
					r.purged(Key{Context: v.Schema.Context, ID: v.Schema.ID, GUID: v.Schema.GUID})
				}
			}
			r.hear(rev)
		}
		return numbers, err
	}
}

// chainHolds refuses to purge a version that older ones need on their way to newer ones.
func (s *Subject) chainHolds(number int) error {
	var below []string
	for _, c := range s.cut([]int{number}) {
		below = append(below, fmt.Sprint(c.from))
	}
	if len(below) == 0 {
		return nil
	}
	return &Error{Reason: ChainNeeded, Name: s.Name, Version: number, Detail: "cut off would be versions " + strings.Join(below, ", ")}
}
