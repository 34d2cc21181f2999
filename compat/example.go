package compat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
)

// Limits of examples.
const (
	MaxExampleBytes = 64 << 10
	maxFruitless    = 64     // random attempts in a row without a new valid event, after which a stream ends
	maxRepairs      = 64     // places at which another choice is tried when the canonical event is not valid
	maxVariations   = 2_000  // events that differ from the canonical one in one choice
	maxVariedValues = 50_000 // values in all of them
)

// ErrEmpty says that a schema accepts nothing.
var ErrEmpty = errors.New("the schema accepts no event")

// UndecidedError says why no event could be made.
type UndecidedError struct {
	Reason Reason
	Detail string
}

func (e *UndecidedError) Error() string {
	return fmt.Sprintf("no example: undecided (%s): %s", e.Reason, e.Detail)
}

// Sample is one valid event and why it is shown: canonical, smallest, fullest, random, or the one choice in which it
// differs from the canonical event, as "address: choice".
type Sample struct {
	Event []byte
	Why   string
}

// Example is one valid event of at most MaxExampleBytes, the same for the same schema, seed and Algorithm. Seed 0 is
// the canonical one: written examples, const, default and first enum values where there are any, optional members
// included, arrays with one item, members in the schema's order. The error is ErrEmpty if nothing is accepted, else an
// *UndecidedError.
func Example(s *Schema, seed uint64) ([]byte, error) { return newMaker(s, DefaultBudget).example(seed) }

func (m *maker) example(seed uint64) ([]byte, error) {
	if seed == 0 {
		if event, ok := m.make(canonicalChoice{}, true); ok {
			return event, nil
		}
		record := &recordingChoice{}
		if event, ok := m.make(record, false); ok {
			return event, nil
		}
		for _, s := range record.sites[:min(len(record.sites), maxRepairs)] { // another branch, or a member left out
			for alt := 1; alt < s.n && !m.tired(); alt++ {
				if event, ok := m.make(&oneChoice{s.at, alt}, false); ok {
					return event, nil
				}
			}
		}
		return m.smallest()
	}
	random := &randomChoice{rand.New(rand.NewPCG(seed, Algorithm))}
	for range maxFruitless {
		if event, ok := m.make(random, false); ok {
			return event, nil
		}
	}
	return m.smallest()
}

// Examples streams distinct valid events: the canonical one, the smallest, the fullest, one for each single choice
// (each optional member left out, each enum value, branch, type and length, each bound and its neighbours, unusual
// characters, large and decimal numbers), one for each branch, type, value and kind of member that none of these has
// taken, then random ones by the seed, until a finite schema seems exhausted. The only error is the first and last thing
// of a stream: what Example returns.
func Examples(s *Schema, seed uint64) iter.Seq2[Sample, error] {
	return examples(s, seed, DefaultBudget, true)
}

// examples spends at most the budget: between two events if it is renewed, else on all.
func examples(s *Schema, seed uint64, b Budget, renew bool) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		m := newMaker(s, b)
		seen := map[string]bool{}
		var given [][]byte
		give := func(event []byte, ok bool, why string) bool {
			if !ok || seen[string(event)] {
				return true
			}
			seen[string(event)] = true
			given = append(given, event)
			if renew {
				m.rest()
			}
			return yield(Sample{event, why}, nil)
		}
		first, err := m.example(0)
		if err != nil {
			yield(Sample{}, err)
			return
		}
		if !give(first, true, "canonical") {
			return
		}
		if event, err := m.smallest(); !give(event, err == nil, "smallest") {
			return
		}
		event, ok := m.make(&fullChoice{}, false)
		if !give(event, ok, "fullest") {
			return
		}
		record := &recordingChoice{}
		m.make(record, false)
		tried := 0
		for _, site := range record.sites {
			for alt := 1; alt < site.n; alt++ {
				if tried++; tried > maxVariations || m.spent > maxVariedValues || m.tired() {
					break
				}
				event, ok := m.make(&oneChoice{site.at, alt}, false)
				if !give(event, ok, fmt.Sprintf("%s: %s %d", site.at.address, site.at.what, alt)) {
					return
				}
			}
		}
		if !m.detours(given, give) {
			return
		}
		random := &randomChoice{rand.New(rand.NewPCG(seed, Algorithm))}
		for fruitless := 0; fruitless < maxFruitless && !m.tired(); {
			event, ok := m.make(random, false)
			if !ok || seen[string(event)] {
				fruitless++
				continue
			}
			fruitless = 0
			if !give(event, true, "random") {
				return
			}
		}
	}
}

// smallest is the search's own event.
func (m *maker) smallest() ([]byte, error) {
	if m.least == nil {
		spent := m.search.meter
		s := newSearch(m.search.store, m.search.budget)
		s.ctx = context.Background()
		out := s.solve([]lit{pos(m.root)})
		m.least = &out
		s.meter = spent
	}
	out := m.least
	switch {
	case out.empty():
		return nil, ErrEmpty
	case !out.found:
		return nil, &UndecidedError{out.reason, out.detail}
	}
	if nodes, _ := size(out.value); nodes > MaxWitnessNodes {
		return nil, &UndecidedError{ReasonWitnessSize, fmt.Sprintf("the event found has more than %d values", MaxWitnessNodes)}
	}
	event := appendValue(nil, out.value)
	switch {
	case len(event) > MaxExampleBytes:
		return nil, &UndecidedError{ReasonWitnessSize, fmt.Sprintf("the event found has %d bytes", len(event))}
	case m.schema.source.Valid(event):
		return event, nil
	case out.sure:
		return nil, &UndecidedError{ReasonDisagreement, "search and validator differ on " + clip(string(event))}
	}
	return nil, &UndecidedError{out.reason, out.detail}
}

// site is one choice met while an event is made: where in the event, and about what.
type site struct {
	address, what string
}

// choice picks one of n options at a site; option 0 is the canonical one.
type choice interface {
	pick(at site, n int) int
}

type canonicalChoice struct{}

func (canonicalChoice) pick(site, int) int { return 0 }

// fullChoice takes the second length of arrays and otherwise what is canonical.
type fullChoice struct{}

func (*fullChoice) pick(at site, n int) int {
	if at.what == "length" {
		return min(1, n-1)
	}
	return 0
}

type recordingChoice struct {
	sites []struct {
		at site
		n  int
	}
}

func (r *recordingChoice) pick(at site, n int) int {
	if n > 1 {
		r.sites = append(r.sites, struct {
			at site
			n  int
		}{at, n})
	}
	return 0
}

type oneChoice struct {
	at  site
	alt int
}

func (o *oneChoice) pick(at site, n int) int {
	if at == o.at && o.alt < n {
		return o.alt
	}
	return 0
}

type randomChoice struct{ *rand.Rand }

func (r *randomChoice) pick(_ site, n int) int { return r.IntN(n) }
