package catalog

import (
	"context"
	"encoding/json"
	"errors"
)

// Promotion asks that the schema of a version be the latest again.
type Promotion struct {
	Version int             // live or soft-deleted; Latest changes nothing
	Lens    json.RawMessage // the step from the version that is the last now, nil = none
	Expect  *Rev            // the revision that the subject must still have, nil = any
}

// Promote appends a new number that carries the schema and ID of an older version, judged like a registration. Nothing
// is deleted; a soft-deleted version that is promoted leaves the lists, as one that is registered again does. The
// latest live version stays what it is, with New false. Errors: SubjectNotFound, VersionNotFound, PreconditionFailed,
// and those of Register after its text was read.
func (r *Registry) Promote(ctx context.Context, name Name, q Promotion) (Registered, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, RegisterDeadline, &Error{Reason: TimedOut, Name: name})
	defer cancel()
	leave, err := r.queues.enter(ctx, name)
	if err != nil {
		return Registered{}, err
	}
	defer leave()
	for purges := 0; ; {
		done, err := r.promote(ctx, name, q)
		if purged(err, &purges) || errors.Is(err, ErrConflict) && ctx.Err() == nil {
			r.metrics.conflicts.Inc()
			continue
		}
		if err != nil && ctx.Err() != nil {
			return Registered{}, context.Cause(ctx)
		}
		return done, err
	}
}

// promote reads, judges and swaps, once.
func (r *Registry) promote(ctx context.Context, name Name, q Promotion) (Registered, error) {
	s, err := r.freshAliased(ctx, name)
	if err != nil {
		return Registered{}, err
	}
	old := s.at(q.Version, WithDeleted)
	switch {
	case !s.any(WithDeleted):
		return Registered{}, &Error{Reason: SubjectNotFound, Name: name}
	case old == nil:
		return Registered{}, &Error{Reason: VersionNotFound, Name: name, Version: q.Version}
	}
	if err := s.expect(q.Expect); err != nil {
		return Registered{}, err
	}
	switch mode := s.Policies.Mode(); {
	case mode.readOnly():
		return Registered{}, &Error{Reason: ReadOnly, Name: s.Name}
	case mode.imports():
		return Registered{}, &Error{Reason: NotReadWrite, Name: s.Name}
	}
	whole, err := r.withText(ctx, *old)
	if err != nil || old == s.latest() {
		return Registered{Version: whole}, err
	}
	if len(s.Versions) >= MaxVersions {
		return Registered{}, &Error{Reason: TooManyVersions, Name: s.Name}
	}
	p := &proposal{schema: whole.Schema}
	if p.compiled, err = r.compile(ctx, &p.schema); err != nil {
		return Registered{}, err
	}
	next := Version{Schema: p.schema}
	if err := r.judgeNew(ctx, s, p, Registration{Lens: q.Lens}, &next); err != nil {
		return Registered{}, err
	}
	added, rev, err := r.store.Append(ctx, s.Name, s.Head, next)
	if errors.Is(err, Unavailable) && ctx.Err() == nil {
		return r.unknownOutcome(ctx, s, p, err)
	}
	if err != nil {
		return Registered{}, err
	}
	r.hear(rev)
	return Registered{Version: added[0], New: true, Warnings: p.warnings, Rev: rev}, nil
}

// expect refuses a change of a subject that is not as the caller read it.
func (s *Subject) expect(rev *Rev) error {
	if rev == nil || *rev == s.Rev {
		return nil
	}
	return &Error{Reason: PreconditionFailed, Name: s.Name}
}
