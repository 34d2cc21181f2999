package catalog

import (
	"context"
	"time"

	"github.com/accordhq/accord/compat"
)

// CompareBudget bounds one comparison; what is not decided by then is undecided, with compat.ReasonTimeout.
const CompareBudget = 3 * time.Second

// Comparison is what changed from one version of a subject to another, and what that means both ways.
type Comparison struct {
	From, To int
	Backward compat.Result   // does To read every event of From?
	Forward  compat.Result   // does From read every event of To?
	Changes  []compat.Change // in document order of To, each judged for Backward
}

// TimedOut says whether something is undecided only because the time was over; another try may decide it.
func (c *Comparison) TimedOut() bool {
	return c.Backward.Reason == compat.ReasonTimeout || c.Forward.Reason == compat.ReasonTimeout
}

// Compare judges two versions of a subject, deleted or not, in either order, under the semantic policy. Unlike Check
// it gates nothing and asks for no level. SubjectNotFound, VersionNotFound, InvalidSchema; TooMany if a schema is over
// a limit of the r.checker.
func (r *Registry) Compare(ctx context.Context, name Name, from, to int) (*Comparison, error) {
	older, err := r.comparable(ctx, name, from)
	if err != nil {
		return nil, err
	}
	newer, err := r.comparable(ctx, name, to)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, CompareBudget)
	defer cancel()
	c := &Comparison{From: from, To: to}
	c.Backward = r.checker.Contains(ctx, older, newer, compat.Options{})
	c.Forward = r.checker.Contains(ctx, newer, older, compat.Options{})
	c.Changes = r.checker.Judge(ctx, compat.DirectionBackward, older, newer, compat.Diff(older, newer), compat.Options{})
	return c, nil
}

func (r *Registry) comparable(ctx context.Context, name Name, number int) (*compat.Schema, error) {
	v, compiled, err := r.compiledVersion(ctx, name, number)
	if err != nil {
		return nil, err
	}
	lowered, err := compat.Compile(compiled)
	if err != nil {
		return nil, &Error{Reason: TooMany, Name: name, Version: v.Number, Detail: err.Error()}
	}
	return lowered, nil
}
