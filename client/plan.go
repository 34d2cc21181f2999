package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// A plan takes events of one version of a subject to another.
type plan struct {
	subject    string
	from, to   int32
	program    *upcast.Program
	gap        int32  // newer version of the first step without a lens; 0 = none
	rev        int    // newest revision of the lenses used
	generation uint64 // of the registry's lenses when the plan was made
	target     *validator.Schema
}

// plan makes a plan. A step without a lens is taken as it is: where the versions are compatible that is right, and where
// they are not the result does not validate, which run then reports as the gap.
func (r *Registry) plan(ctx context.Context, subject string, from, to int32) (*plan, error) {
	p := &plan{subject: subject, from: from, to: to, generation: r.generation.Load()}
	target, err := r.cache.Entry(ctx, validator.Ref{Subject: subject, Version: to})
	if err != nil {
		return nil, fmt.Errorf("%s v%d: %w", subject, to, err)
	}
	if target.Broken != nil {
		return nil, fmt.Errorf("%s v%d does not compile: %w: %w", subject, to, ErrUnavailable, target.Broken)
	}
	p.target = target.Schema
	dir, low, high := upcast.Up, from, to
	if from > to {
		dir, low, high = upcast.Down, to, from
	}
	if high-low > upcast.MaxChain {
		return nil, p.noPath(fmt.Sprintf("more than MaxChain (%d) versions apart", upcast.MaxChain))
	}
	chain, err := p.chain(ctx, r, low, high)
	if err != nil {
		return nil, err
	}
	p.program, err = upcast.Compile(dir, chain...)
	if errors.Is(err, upcast.ErrOneWay) {
		return nil, p.noPath(err.Error())
	}
	if err != nil {
		return nil, p.noPath("the lenses do not make a chain: " + err.Error())
	}
	return p, nil
}

// chain collects the lenses between two versions. A lens may lead across numbers that were purged.
func (p *plan) chain(ctx context.Context, r *Registry, low, high int32) ([]*upcast.Lens, error) {
	var chain []*upcast.Lens
	var gaps []int32
	for v := low + 1; v <= high; v++ {
		lens, rev, err := r.lens(ctx, validator.SubjectVersion{Subject: p.subject, Version: v})
		if err != nil {
			return nil, fmt.Errorf("lens to %s v%d: %w", p.subject, v, err)
		}
		if lens == nil {
			gaps = append(gaps, v)
			lens = &upcast.Lens{}
		}
		step := *lens
		step.To = int(v)
		if step.From == 0 {
			step.From = int(v) - 1
		}
		for len(chain) > 0 && chain[len(chain)-1].To > step.From {
			chain = chain[:len(chain)-1]
		}
		for len(gaps) > 0 && lens.From != 0 && int(gaps[len(gaps)-1]) > step.From {
			gaps = gaps[:len(gaps)-1]
		}
		chain, p.rev = append(chain, &step), max(p.rev, rev)
	}
	if len(gaps) > 0 {
		p.gap = gaps[0]
	}
	if len(chain) > 0 && chain[0].From != int(low) {
		return nil, p.noPath(fmt.Sprintf("no lens leads from version %d", low))
	}
	return chain, nil
}

// noPath makes the error for events that cannot take this way.
func (p *plan) noPath(reason string) *UpcastError {
	return &UpcastError{Subject: p.subject, From: int(p.from), To: int(p.to), Reason: reason, Err: ErrNoPath}
}

// run takes one event along the plan. envelope is asked for its attributes only if a lens wants one. With validate, the
// result is an instance of the target version.
func (p *plan) run(event []byte, envelope func() map[string]string, validate bool) ([]byte, Upcast, error) {
	var env upcast.Envelope
	if p.program.Asks() {
		env = envelope()
	}
	out, trace, err := p.program.Run(nil, event, env)
	if err != nil {
		if refused, ok := errors.AsType[*upcast.UpcastError](err); ok {
			refused.Subject = p.subject
			return nil, Upcast{}, refused
		}
		return nil, Upcast{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if validate || p.gap != 0 {
		if err := p.check(out); err != nil {
			return nil, Upcast{}, err
		}
	}
	return out, Upcast{From: int(p.from), To: int(p.to), Rev: p.rev, Inferred: trace.Inferred, Lost: trace.Lost}, nil
}

// check validates a result under the target version.
func (p *plan) check(event []byte) error {
	err := p.target.Check(event)
	invalid, ok := errors.AsType[*validator.InvalidError](err)
	switch {
	case err == nil:
		return nil
	case ok && invalid.Malformed():
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	case p.gap != 0:
		refused := p.noPath(fmt.Sprintf("no lens leads from version %d to %d, and the event as it is does not fit", p.gap-1, p.gap))
		if ok {
			refused.Pointer = invalid.Violations[0].Address
		}
		return refused
	case ok:
		return &InvalidError{Subject: p.subject, Version: int(p.to), Violations: invalid.Violations, More: invalid.More}
	}
	return err
}
