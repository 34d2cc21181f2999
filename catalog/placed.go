package catalog

import (
	"context"
	"errors"
	"slices"
)

// MaxLocated is of how many questions for a schema by ID and subject it is remembered where that was.
const MaxLocated = 10_000

// locatedKey is a question for a schema by somebody who names a subject.
type locatedKey struct {
	Name
	id int
}

// Locate says which subject, and so which context, a schema ID is meant in by someone who names a subject: an alias
// is followed, and a bare name that is not in the default context means the first other context where a subject of
// that name carries the ID. A name that is nowhere stands for itself. While the store is away it is where it was when it
// was asked for last, since an ID means the same for ever. Source: Confluent Schema Registry, GET
// /schemas/ids/{id}?subject=.
func (r *Registry) Locate(ctx context.Context, name Name, id int) (Name, error) {
	if name.Subject == "" {
		return name, nil
	}
	carries := func(s *Subject) bool { return s.carrier(id) != nil }
	s, err := r.resolveWith(ctx, name, carries)
	if errors.Is(err, Unavailable) {
		if at, ok := r.located.get(locatedKey{name, id}); ok && permitted(ctx, Reader, at) {
			return at, nil
		}
	}
	if err != nil {
		return Name{}, err
	}
	if carries(s) {
		r.located.put(locatedKey{name, id}, s.Name, 1)
	}
	return s.Name, nil
}

// carrier is the newest version that carries a schema, nil if none does.
func (s *Subject) carrier(id int) *Version {
	for i, v := range slices.Backward(s.Versions) {
		if v.Schema.ID == id && v.State != Gone {
			return &s.Versions[i]
		}
	}
	return nil
}

// PlacedAnswer answers about the newest version of a subject, as Locate named it, that carries a schema; false if none does, or
// nobody can tell while the store is away.
func (r *Registry) PlacedAnswer(ctx context.Context, name Name, id int, f *Form) (Answer, bool, error) {
	s, err := r.subject(ctx, name)
	if errors.Is(err, Unavailable) {
		return Answer{}, false, nil
	}
	if err != nil {
		return Answer{}, false, err
	}
	v := s.carrier(id)
	if v == nil {
		return Answer{}, false, nil
	}
	a, err := r.VersionAnswer(ctx, name, v.Number, WithDeleted, f)
	return a, err == nil, err
}
