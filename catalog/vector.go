package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/accordhq/accord/upcast"
)

// Limits of the vectors of a pair of versions.
const (
	MaxVectors     = 64        // of each direction
	MaxVectorBytes = 256 << 10 // of all, as they are printed
)

// Vector is an event and what the lenses between two versions make of it: programs in other languages try their own
// migrations on it.
type Vector struct {
	From      int               `json:"from"`
	To        int               `json:"to"`
	Direction string            `json:"dir"` // up or down
	Envelope  map[string]string `json:"envelope"`
	In        json.RawMessage   `json:"in"`
	Out       json.RawMessage   `json:"out"`
	Inferred  []string          `json:"inferred"` // addresses of values that a lens had to invent
	Lost      []string          `json:"lost"`     // addresses of values that it had to drop
}

// Vectors makes the vectors between a version and an older one (from 0 = the one before it): events of the older one
// up, then events of the newer one down, unless the way down is barred. They are made of the schemas alone, and the
// same at every call: the edges of the schemas come first. SubjectNotFound, VersionNotFound, WrongDirection,
// NoLensPath, InvalidSchema, Busy.
func (r *Registry) Vectors(ctx context.Context, name Name, number, from int) ([]Vector, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if !s.any(WithDeleted) {
		return nil, &Error{Reason: SubjectNotFound, Name: name}
	}
	newer := s.at(number, WithDeleted)
	if newer == nil {
		return nil, &Error{Reason: VersionNotFound, Name: name, Version: number}
	}
	if from == 0 {
		for _, v := range s.Versions {
			if v.State != Gone && v.Number < newer.Number {
				from = v.Number
			}
		}
	}
	older := s.at(from, WithDeleted)
	switch {
	case older == nil:
		return nil, &Error{Reason: VersionNotFound, Name: name, Version: from}
	case older.Number >= newer.Number:
		return nil, &Error{Reason: WrongDirection, Name: name, Detail: fmt.Sprintf("%d is not older than %d", older.Number, newer.Number)}
	}
	done, err := r.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, RegisterDeadline)
	defer cancel()
	var all []Vector
	for _, dir := range []upcast.Direction{upcast.Up, upcast.Down} {
		way, broken, err := r.path(ctx, dir, s.Versions, older.Number, newer.Number)
		switch {
		case err != nil:
			return nil, err
		case broken != nil && dir == upcast.Down:
			continue
		case broken != nil:
			return nil, &Error{Reason: NoLensPath, Name: name, Version: broken.to, Detail: fmt.Sprintf("nothing leads between version %d and %d", broken.from, broken.to)}
		}
		a, b := older, newer
		if dir == upcast.Down {
			a, b = newer, older
		}
		if all, err = r.vectors(ctx, all, name, dir, way, a, b); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// vectors adds those of one direction.
func (r *Registry) vectors(ctx context.Context, all []Vector, name Name, dir upcast.Direction, way *chain, a, b *Version) ([]Vector, error) {
	reads, err := r.compiledSchema(ctx, a)
	if err != nil {
		return nil, err
	}
	writes, err := r.compiledSchema(ctx, b)
	if err != nil {
		return nil, err
	}
	examples, err := r.examples(ctx, name, a.Number)
	if err != nil {
		return nil, err
	}
	p := proof{ctx: ctx, name: name}
	events, err := p.samples(reads, MaxVectors, examples)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, event := range events[:min(len(events), MaxVectors)] {
		cast := way.cast(name, reads, writes, event, sampleEnvelope)
		if cast.Err != nil {
			continue // a stored lens that was proved by another release
		}
		if size += len(event) + len(cast.Event); size > MaxVectorBytes/2 {
			break
		}
		all = append(all, Vector{
			From: a.Number, To: b.Number, Direction: dir.String(), Envelope: sampleEnvelope, In: event, Out: cast.Event,
			Inferred: orEmpty(cast.Inferred), Lost: orEmpty(cast.Lost),
		})
	}
	return all, nil
}
