package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/upcast"
)

// givenLens is a lens on its way in: from the subject's last version to a new one.
type givenLens struct {
	doc      json.RawMessage
	lens     *upcast.Lens
	examples [][]byte // events of the version it starts from
}

// lensError is a malformed lens in the catalog's words.
func lensError(name Name, err error) error {
	e := &Error{Reason: InvalidLens, Name: name, Detail: err.Error()}
	if parse, ok := errors.AsType[*upcast.ParseError](err); ok {
		e.Pointer, e.Detail = parse.Position, parse.Message
	}
	return e
}

// givenLens parses a lens that leads from the last version of a subject; nil if there is none.
func (r *Registry) givenLens(ctx context.Context, s *Subject, doc json.RawMessage, examples [][]byte) (*givenLens, error) {
	if len(bytes.TrimSpace(doc)) == 0 || string(bytes.TrimSpace(doc)) == "null" {
		return nil, nil
	}
	lens, err := upcast.Parse(doc)
	if err != nil {
		return nil, lensError(s.Name, err)
	}
	if len(s.Versions) == 0 {
		return nil, &Error{Reason: InvalidLens, Name: s.Name, Detail: "there is no version that it could lead from"}
	}
	last := s.Versions[len(s.Versions)-1]
	if lens.From != 0 && lens.From != last.Number {
		return nil, &Error{Reason: InvalidLens, Name: s.Name, Pointer: "from", Detail: fmt.Sprintf("the version before is %d, not %d", last.Number, lens.From)}
	}
	more, err := r.examples(ctx, s.Name, last.Number)
	return &givenLens{doc: bytes.Clone(doc), lens: lens, examples: slices.Concat(examples, more)}, err
}

// examples are the events of a version that its document shows.
func (r *Registry) examples(ctx context.Context, name Name, number int) (events [][]byte, err error) {
	for _, kind := range []string{KindEvent, KindCommand, KindState} {
		d, err := r.store.Document(ctx, kind, name.Subject)
		if errors.Is(err, DocumentNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		doc, err := DecodeDocument(d.Body)
		if err != nil {
			return nil, nil // a document of another release: its examples do not matter
		}
		for _, example := range doc.(*Event).Examples {
			if example.Version == number {
				events = append(events, example.Event)
			}
		}
		return events, nil
	}
	return nil, nil
}

// storedStep is the lens of a stored version, nil if it has none.
func storedStep(v *Version) (*givenLens, error) {
	if v.Lens == nil {
		return nil, nil
	}
	lens, err := upcast.Parse(v.Lens.Lens)
	if err != nil {
		return nil, lensError(v.Name, err)
	}
	return &givenLens{doc: v.Lens.Lens, lens: lens}, nil
}

// gap says between which versions there is no way.
type gap struct{ from, to int }

// step is the lens from one version to the next one that is kept: the stored one, or the identity where compat decides
// that no event is hurt. nil is a gap.
func (r *Registry) step(ctx context.Context, dir upcast.Direction, older, newer *Version) (*upcast.Lens, error) {
	stored, err := storedStep(newer)
	if err != nil {
		return nil, err
	}
	if stored != nil {
		return stored.lens, nil
	}
	a, errA := r.compiledSchema(ctx, older)
	b, errB := r.compiledSchema(ctx, newer)
	if err := errors.Join(errA, errB); err != nil {
		if errors.Is(err, InvalidSchema) {
			return nil, nil // nobody can say what its events are
		}
		return nil, err
	}
	return r.identity(ctx, dir, a, b), nil
}

// identity is the empty lens where every event of one side is one of the other, else nil.
func (r *Registry) identity(ctx context.Context, dir upcast.Direction, older, newer *compat.Schema) *upcast.Lens {
	left, right := older, newer
	if dir == upcast.Down {
		left, right = newer, older
	}
	if r.checker.Contains(ctx, left, right, compat.Options{}).Verdict != compat.Compatible {
		return nil
	}
	return &upcast.Lens{}
}

// chain is a way from one version to another, fused.
type chain struct {
	program *upcast.Program
	numbers []int // the versions on the way, oldest first
}

// fuse compiles lenses, oldest first, that lead through these versions. The lenses are numbered by their place, since
// versions may have been purged in between; run puts the versions' own numbers into errors.
func fuse(dir upcast.Direction, lenses []*upcast.Lens, numbers []int) (*chain, error) {
	steps := make([]*upcast.Lens, len(lenses))
	for i, l := range lenses {
		at := *l
		at.From = i + 1
		steps[i] = &at
	}
	program, err := upcast.Compile(dir, steps...)
	return &chain{program, numbers}, err
}

// run takes an event along the chain.
func (c *chain) run(event []byte, env upcast.Envelope) ([]byte, upcast.Trace, error) {
	out, trace, err := c.program.Run(nil, event, env)
	if failed, ok := errors.AsType[*upcast.UpcastError](err); ok {
		own := *failed
		own.From, own.To = c.numbers[failed.From-1], c.numbers[failed.To-1]
		err = &own
	}
	return out, trace, err
}

// path finds the way between two versions of a subject; from is older than to. A *gap is where it breaks off.
func (r *Registry) path(ctx context.Context, dir upcast.Direction, versions []Version, from, to int) (*chain, *gap, error) {
	var lenses []*upcast.Lens
	numbers := []int{from}
	var last *Version
	for i := range versions {
		v := &versions[i]
		if v.Number < from || v.Number > to {
			continue
		}
		if last != nil {
			lens, err := r.step(ctx, dir, last, v)
			if err != nil {
				return nil, nil, err
			}
			if lens == nil || dir == upcast.Down && lens.OneWay() != "" {
				return nil, &gap{last.Number, v.Number}, nil
			}
			lenses = append(lenses, lens)
			numbers = append(numbers, v.Number)
		}
		last = v
	}
	c, err := fuse(dir, lenses, numbers)
	return c, nil, err
}

// carry asks, for each version that the plain check refuses, whether a lens path leads from it to the new schema.
func (r *Registry) carry(ctx context.Context, s *Subject, next *compat.Schema, lens *givenLens, j *Judgement) error {
	if len(s.Versions) == 0 {
		return nil
	}
	last := &s.Versions[len(s.Versions)-1]
	reachable := lens != nil
	if !reachable {
		old, err := r.compiledSchema(ctx, last)
		if err != nil && !errors.Is(err, InvalidSchema) {
			return err
		}
		reachable = err == nil && r.identity(ctx, upcast.Up, old, next) != nil
	}
	passes := true
	for _, pair := range j.Report.Against {
		if pair.Passes {
			continue
		}
		if !reachable {
			passes = false
			continue
		}
		_, broken, err := r.path(ctx, upcast.Up, s.Versions, pair.Number, last.Number)
		if err != nil && !errors.Is(err, InvalidSchema) {
			return err
		}
		if err != nil || broken != nil {
			passes = false
			if broken != nil {
				j.Warnings = append(j.Warnings, fmt.Sprintf("version %d has no way up: nothing leads from version %d to %d", pair.Number, broken.from, broken.to))
			}
			continue
		}
		j.Carried = append(j.Carried, pair.Number)
	}
	j.Passes = passes
	return nil
}

// Limits of a batch of events.
const (
	MaxBatchEvents = 1_000
	MaxBatchBytes  = 8 << 20
)

// Cast is what became of one event: Event, or Err.
type Cast struct {
	Event    json.RawMessage
	Inferred []string // addresses of values that the lens had to invent
	Lost     []string // addresses of values that it had to drop
	Err      error    // *upcast.UpcastError or *validator.InvalidError
}

// Upcast turns events of an older version into events of a newer one (to may be Latest). Each event is validated
// under from, each result under to; failures are in the results, in order. envelopes are the CloudEvents attributes of
// the events, nil if there are none. SubjectNotFound, VersionNotFound, NoLensPath, WrongDirection, TooMany.
func (r *Registry) Upcast(ctx context.Context, name Name, from, to int, events []json.RawMessage, envelopes []map[string]string) ([]Cast, error) {
	return r.cast(ctx, upcast.Up, name, from, to, events, envelopes)
}

// Downcast is Upcast towards an older version.
func (r *Registry) Downcast(ctx context.Context, name Name, from, to int, events []json.RawMessage, envelopes []map[string]string) ([]Cast, error) {
	return r.cast(ctx, upcast.Down, name, from, to, events, envelopes)
}

func (r *Registry) cast(ctx context.Context, dir upcast.Direction, name Name, from, to int, events []json.RawMessage, envelopes []map[string]string) ([]Cast, error) {
	size := 0
	for _, e := range events {
		size += len(e)
	}
	if len(events) > MaxBatchEvents || size > MaxBatchBytes || len(envelopes) > len(events) {
		return nil, &Error{Reason: TooMany, Name: name, Detail: fmt.Sprintf("at most MaxBatchEvents (%d) events and MaxBatchBytes (%d), and no more envelopes than events", MaxBatchEvents, MaxBatchBytes)}
	}
	s, err := r.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if !s.any(WithDeleted) {
		return nil, &Error{Reason: SubjectNotFound, Name: name}
	}
	var ends [2]*Version
	for i, number := range []int{from, to} {
		if ends[i] = s.at(number, WithDeleted); ends[i] == nil {
			return nil, &Error{Reason: VersionNotFound, Name: name, Version: number}
		}
	}
	a, b := ends[0], ends[1]
	if a.Number > b.Number && dir == upcast.Up || a.Number < b.Number && dir == upcast.Down {
		return nil, &Error{Reason: WrongDirection, Name: name, Detail: fmt.Sprintf("%d to %d is not %s", a.Number, b.Number, dir)}
	}
	way, broken, err := r.path(ctx, dir, s.Versions, min(a.Number, b.Number), max(a.Number, b.Number))
	if err != nil {
		return nil, err
	}
	if broken != nil {
		return nil, &Error{Reason: NoLensPath, Name: name, Version: broken.to, Detail: fmt.Sprintf("nothing leads between version %d and %d", broken.from, broken.to)}
	}
	reads, err := r.compiledSchema(ctx, a)
	if err != nil {
		return nil, err
	}
	writes, err := r.compiledSchema(ctx, b)
	if err != nil {
		return nil, err
	}
	casts := make([]Cast, len(events))
	for i, event := range events {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var env upcast.Envelope
		if i < len(envelopes) {
			env = envelopes[i]
		}
		casts[i] = way.cast(name, reads, writes, event, env)
	}
	return casts, nil
}

// cast takes one event along, and holds it against the schemas at both ends.
func (c *chain) cast(name Name, reads, writes *compat.Schema, event []byte, env upcast.Envelope) Cast {
	if err := reads.Source().Check(event); err != nil {
		return Cast{Err: err}
	}
	out, trace, err := c.run(event, env)
	if failed, ok := errors.AsType[*upcast.UpcastError](err); ok {
		failed.Subject = name.String()
	}
	if err == nil {
		err = writes.Source().Check(out)
	}
	if err != nil {
		return Cast{Err: err}
	}
	return Cast{Event: out, Inferred: trace.Inferred, Lost: trace.Lost}
}

// Lens returns the lens that leads to a version (Latest for the newest), with its report. SubjectNotFound,
// VersionNotFound, LensNotFound.
func (r *Registry) Lens(ctx context.Context, name Name, number int) (StoredLens, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return StoredLens{}, err
	}
	if !s.any(WithDeleted) {
		return StoredLens{}, &Error{Reason: SubjectNotFound, Name: name}
	}
	v := s.at(number, WithDeleted)
	switch {
	case v == nil:
		return StoredLens{}, &Error{Reason: VersionNotFound, Name: name, Version: number}
	case v.Lens == nil:
		return StoredLens{}, &Error{Reason: LensNotFound, Name: name, Version: v.Number}
	}
	return *v.Lens, nil
}

// CheckLens proves a lens that would lead to a stored version, without storing it. InvalidLens, *RefutedLens,
// SubjectNotFound, VersionNotFound.
func (r *Registry) CheckLens(ctx context.Context, name Name, number int, doc json.RawMessage, examples [][]byte) (LensReport, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return LensReport{}, err
	}
	report, _, err := r.proveStored(ctx, s, number, doc, examples)
	return report, err
}

// proveStored proves a lens to a version that is there already.
func (r *Registry) proveStored(ctx context.Context, s *Subject, number int, doc json.RawMessage, examples [][]byte) (LensReport, *Version, error) {
	if !s.any(WithDeleted) {
		return LensReport{}, nil, &Error{Reason: SubjectNotFound, Name: s.Name}
	}
	v := s.at(number, WithDeleted)
	if v == nil {
		return LensReport{}, nil, &Error{Reason: VersionNotFound, Name: s.Name, Version: number}
	}
	below := *s
	below.Versions = slices.DeleteFunc(slices.Clone(s.Versions), func(o Version) bool { return o.Number >= v.Number })
	lens, err := r.givenLens(ctx, &below, doc, examples)
	if err != nil {
		return LensReport{}, nil, err
	}
	if lens == nil {
		return LensReport{}, nil, &Error{Reason: InvalidLens, Name: s.Name, Detail: "empty"}
	}
	next, err := r.compiledSchema(ctx, v)
	if err != nil {
		return LensReport{}, nil, err
	}
	done, err := r.turn(ctx)
	if err != nil {
		return LensReport{}, nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, RegisterDeadline)
	defer cancel()
	report, err := r.proveLens(ctx, &below, next, lens)
	if err != nil {
		return LensReport{}, nil, err
	}
	return *report, v, nil
}

// SetLens gives a stored version a lens, or replaces the one whose revision is rev (0 = none). It is proved first.
// Errors as CheckLens's, PreconditionFailed, ReadOnly.
func (r *Registry) SetLens(ctx context.Context, name Name, number, rev int, doc json.RawMessage, examples [][]byte) (StoredLens, error) {
	s, err := r.freshAliased(ctx, name)
	if err != nil {
		return StoredLens{}, err
	}
	if s.Policies.Mode().readOnly() {
		return StoredLens{}, &Error{Reason: ReadOnly, Name: s.Name}
	}
	report, v, err := r.proveStored(ctx, s, number, doc, examples)
	if err != nil {
		return StoredLens{}, err
	}
	report.Rev = rev + 1
	printed, err := json.Marshal(report)
	if err != nil {
		return StoredLens{}, err
	}
	next := StoredLens{Lens: bytes.Clone(doc), Rev: rev + 1, Report: printed}
	at, err := r.store.SetLens(ctx, s.Name, v.Number, rev, next)
	return next, r.wrote(at, err, fmt.Sprintf("the lens of %s version %d", s.Name, v.Number))
}
