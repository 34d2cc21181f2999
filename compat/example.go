package compat

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// Sample is one valid event and why it is shown.
type Sample struct {
	Event []byte
	Why   string
}

// Example is one valid event, the same for the same schema, seed and Algorithm. Seed 0 is the canonical one. The error
// is ErrEmpty if nothing is accepted, else an *UndecidedError.
func Example(s *Schema, seed uint64) ([]byte, error) {
	for sample, err := range Examples(s, seed) {
		return sample.Event, err
	}
	return nil, ErrEmpty
}

// Examples streams distinct valid events.
func Examples(s *Schema, seed uint64) iter.Seq2[Sample, error] {
	return func(yield func(Sample, error) bool) {
		st, roots := newStore(s.graph)
		c := newSearch(st, DefaultBudget)
		c.ctx = context.Background()
		out := c.solve([]lit{pos(roots[0])})
		switch {
		case out.empty():
			yield(Sample{}, ErrEmpty)
		case !out.found:
			yield(Sample{}, &UndecidedError{out.reason, out.detail})
		default:
			event := appendValue(nil, out.value)
			if s.source.Valid(event) {
				yield(Sample{event, "smallest"}, nil)
			}
		}
	}
}
