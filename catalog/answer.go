package catalog

import (
	"context"
	"errors"
	"time"
)

// A Form prints answers for those who ask in it. What it returns is kept as it is and given to everybody else who asks
// in the same Form, so that it must rest on nothing but its arguments. Forms are told apart by address.
type Form struct {
	// Schema prints a schema by ID or GUID. lens counts how often lenses were set on the versions that carry it.
	Schema func(s *Schema, lens int) (Answer, error)
	// Version prints a version with its text.
	Version func(v *Version) (Answer, error)
	// Subjects prints a page of subjects. rev is the newest revision that it may show.
	Subjects func(page []Subject, rev Rev, q Query) (Answer, error)
}

// Answer is a finished answer. Its bytes are shared: they must not be changed.
type Answer struct {
	Body []byte
	Tag  string // names these bytes to those who ask whether they changed; "" = has no name
}

// answerKey is what an answer is about: a schema by context (in Name) and number, or a version as it is since a
// revision. A version changes only together with its revision, so that answers about versions are never wrong.
type answerKey struct {
	Name
	number int
	rev    Rev // 0 = number is a schema ID
}

func answerOf(k Key) answerKey { return answerKey{Name: Name{Context: k.Context}, number: k.ID} }

// printed is an answer in one form.
type printed struct {
	form *Form
	Answer
}

// print returns the answer in a form from memory.
func (r *Registry) print(k answerKey, f *Form) (Answer, bool) {
	all, _ := r.answers.get(k)
	for _, p := range all {
		if p.form == f {
			r.metrics.hits.Inc()
			return p.Answer, true
		}
	}
	return Answer{}, false
}

// keepAnswer remembers an answer beside those in other forms. lensed is what was known of lenses before it was made.
func (r *Registry) keepAnswer(era, lensed uint64, k answerKey, f *Form, a Answer) {
	r.hearing.keepForever(era, func() {
		if k.rev == 0 && r.hearing.lenses != lensed {
			return
		}
		all, _ := r.answers.get(k)
		next := append(all[:len(all):len(all)], printed{f, a})
		cost := overhead
		for _, p := range next {
			cost += len(p.Body) + len(p.Tag) + overhead
		}
		r.answers.put(k, next, cost)
	})
}

// lensPatience is how long a schema that is in memory waits for the store to say how its lenses stand.
const lensPatience = 250 * time.Millisecond

// SchemaAnswer answers about a schema by context and ID or by GUID, from memory if it was asked for before, also while
// the store is away. SchemaNotFound.
func (r *Registry) SchemaAnswer(ctx context.Context, k Key, f *Form) (Answer, error) {
	k = r.known(k)
	seen, ok := Answer{}, false
	if k.GUID == "" {
		seen, ok = r.print(answerOf(k), f)
	}
	if ok && r.hearing.follows(ctx) {
		return seen, nil
	}
	era, lensed := r.hearing.now(), r.hearing.lensed()
	text, known := r.schemas.get(k)
	asking, cancel := ctx, func() {}
	if known && !ok {
		asking, cancel = context.WithTimeout(ctx, lensPatience)
	}
	defer cancel()
	stored, err := r.find(asking, k, !ok)
	switch {
	case err == nil || ctx.Err() != nil:
	case ok && errors.Is(err, Unavailable):
		return seen, nil
	case known && (errors.Is(err, Unavailable) || asking.Err() != nil): // its lenses are not known: an answer for now, without a name
		a, err := f.Schema(text, 0)
		return Answer{Body: a.Body}, err
	}
	if err != nil {
		return Answer{}, err
	}
	a, err := f.Schema(&stored.Schema, stored.Lenses)
	if err == nil {
		r.keepAnswer(era, lensed, answerOf(Key{Context: stored.Context, ID: stored.ID}), f, a)
	}
	return a, err
}

// VersionAnswer answers about a version; number may be Latest. Errors as Version's.
func (r *Registry) VersionAnswer(ctx context.Context, name Name, number int, include Include, f *Form) (Answer, error) {
	era := r.hearing.now()
	v, err := r.version(ctx, name, number, include)
	if err != nil {
		return Answer{}, err
	}
	k := answerKey{v.Name, v.Number, v.Rev}
	if a, ok := r.print(k, f); ok {
		return a, nil
	}
	whole, err := r.withText(ctx, *v)
	if errors.Is(err, SchemaNotFound) { // purged since
		if whole, err = r.Version(AtLeast(ctx, ^Rev(0)), name, number, include); err == nil {
			k = answerKey{whole.Name, whole.Number, whole.Rev}
		}
	}
	if err != nil {
		return Answer{}, err
	}
	a, err := f.Version(&whole)
	if err == nil {
		r.keepAnswer(era, 0, k, f, a)
	}
	return a, err
}
