// Package upcast holds lenses: declared, reversible steps that turn an event of one schema version into an event of
// the next, and back.
//
// A lens is data, not code: a list of small ops. Every op is total over the values it accepts, terminates, and needs
// time and memory linear in the event; arithmetic is exact, on the text of the number. A chain of lenses is fused into
// one program:
//
//	v1 event ── parse once ──► ordered document ── ops of v2.lens ── ops of v3.lens ──► print once ──► v3 event
//	                                            ◄── the same ops, each inverted, in reverse order ──
//
// Words: up is towards the newer version, down towards the older. Inferred is a value that a lens had to invent, lost
// one that it had to drop. An address is a JSON Pointer with * for every item of an array.
//
// The package is pure: it knows no registry, and whether a lens is right for two schemas is proved elsewhere.
package upcast

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Direction says which way a program runs.
type Direction uint8

// The two directions.
const (
	Up   Direction = iota // towards the newer version
	Down                  // towards the older version
)

// String gives "up" or "down".
func (d Direction) String() string {
	if d == Down {
		return "down"
	}
	return "up"
}

// An Envelope holds the CloudEvents attributes of the event by name, without "ce_": what an op's "ce:time" reads. nil
// means none.
type Envelope map[string]string

// A Trace says what a run had to invent and to drop. Both lists are sorted, without doubles, and nil when empty. They
// hold addresses, never values.
type Trace struct {
	Inferred []string // in the event that came out
	Lost     []string // in the event that went in; what an op of the same run had invented is not counted
}

// ErrOneWay says that a lens of the chain has no way down. What wraps it names the lens and why.
var ErrOneWay = errors.New("one-way lens")

// An UpcastError says that a lens refuses this event. It holds no value of the event.
type UpcastError struct {
	Subject string // set by who knows it; "" here
	From    int    // the version that the failing step starts from; in direction Down the newer one
	To      int    // the version that the failing step leads to
	Op      string // name of the failing op; "" if the result itself is at fault
	Index   int    // position of the op in its lens, from 0; of the outermost, for one inside in, each or when
	Pointer string // address in the event as it was when the op ran
	Reason  string // lower case, without full stop
	Err     error  // what errors.Is shall find, set by who runs programs; nil here
}

// Unwrap returns Err.
func (e *UpcastError) Unwrap() error { return e.Err }

// Error names subject, versions, op, address and reason, as far as they are set.
func (e *UpcastError) Error() string {
	s := fmt.Sprintf("v%d to v%d", e.From, e.To)
	if e.Subject != "" {
		s = e.Subject + " " + s
	}
	if e.Op != "" {
		s += fmt.Sprintf(": ops[%d] %s", e.Index, e.Op)
	}
	if e.Pointer != "" {
		s += " " + e.Pointer
	}
	return s + ": " + e.Reason
}

// A Program is a chain of lenses, fused, in one direction. It is immutable and safe for concurrent use.
type Program struct {
	direction Direction
	steps     []step
	asks      bool
	pool      sync.Pool // of *run
}

// step is one lens within a program.
type step struct {
	from, to int
	ops      []op // in the order of running
}

// Compile fuses a chain of lenses. chain is in order of versions, oldest first, in both directions; each lens must
// begin where the one before ends. No lens at all is the identity.
//
// Errors: a gap in the chain, more than MaxChain lenses, and, for Down, ErrOneWay.
func Compile(dir Direction, chain ...*Lens) (*Program, error) {
	if len(chain) > MaxChain {
		return nil, fmt.Errorf("%d lenses are more than MaxChain (%d)", len(chain), MaxChain)
	}
	p := &Program{direction: dir}
	for i, l := range chain {
		if i > 0 && chain[i-1].to() != l.From {
			return nil, fmt.Errorf("gap: a lens from version %d follows one to version %d", l.From, chain[i-1].to())
		}
		s := step{from: l.From, to: l.to(), ops: l.ops}
		if dir == Down {
			if why := l.OneWay(); why != "" {
				return nil, fmt.Errorf("%w from version %d to %d: %s", ErrOneWay, l.From, l.to(), why)
			}
			s.from, s.to, s.ops = s.to, s.from, slices.Clone(l.ops)
			slices.Reverse(s.ops)
		}
		p.steps = append(p.steps, s)
		p.asks = p.asks || l.asks
	}
	if dir == Down {
		slices.Reverse(p.steps)
	}
	p.pool.New = func() any { return new(run) }
	return p, nil
}

// Asks says whether an op reads an attribute of the envelope; if not, Run needs none.
func (p *Program) Asks() bool { return p.asks }

// Identity says whether the program changes nothing: then Run returns its source.
func (p *Program) Identity() bool { return len(p.steps) == 0 }

// Run takes one event, a JSON text, through the program and appends the result to dst, compactly, members in the
// writer's order. src is read during the call only; the result shares nothing with it, except that an identity returns
// src itself when dst is nil. env may be nil if no op asks for an attribute; an attribute that is missing counts as an
// absent member.
//
// Errors: *SyntaxError if src is not JSON, *UpcastError if an op refuses the event or the result is over a limit. dst is
// then returned as it came.
func (p *Program) Run(dst, src []byte, env Envelope) ([]byte, Trace, error) {
	if p.Identity() {
		if dst == nil {
			return src, Trace{}, nil
		}
		return append(dst, src...), Trace{}, nil
	}
	r := p.pool.Get().(*run)
	defer r.release(&p.pool)
	r.env = env
	doc, err := parse(&r.arena, src)
	if err != nil {
		return dst, Trace{}, err
	}
	for i := range p.steps {
		if err := p.steps[i].run(r, doc, p.direction); err != nil {
			return dst, Trace{}, err
		}
	}
	out, ok := doc.print(dst, 0)
	last := p.steps[len(p.steps)-1]
	switch {
	case !ok:
		return dst, Trace{}, &UpcastError{From: last.from, To: last.to, Reason: fmt.Sprintf("the result is deeper than MaxDepth (%d)", MaxDepth)}
	case len(out)-len(dst) > MaxUpcastBytes:
		return dst, Trace{}, &UpcastError{From: last.from, To: last.to, Reason: fmt.Sprintf("the result is longer than MaxUpcastBytes (%d)", MaxUpcastBytes)}
	}
	return out, r.trace(doc), nil
}

func (s *step) run(r *run, doc *node, dir Direction) error {
	for i, o := range s.ops {
		if err := apply(o, r, doc, dir); err != nil {
			err.From, err.To, err.Index = s.from, s.to, i
			if dir == Down {
				err.Index = len(s.ops) - 1 - i
			}
			return err
		}
	}
	return nil
}

// run is the state of one Run.
type run struct {
	arena arena
	env   Envelope
	lost  []string
	made  int // how often an op invented a value
}

// infer marks a value as invented, and returns it.
func (r *run) infer(n *node) *node {
	n.made, n.origin = true, nil
	r.made++
	return n
}

// lose notes that a value is dropped. One that was invented on the way is no loss; of an object that an op made, what
// it holds is lost.
func (r *run) lose(n *node) {
	switch {
	case n.made:
	case n.origin != nil:
		address := string(n.origin.address(nil))
		if !slices.Contains(r.lost, address) {
			r.lost = append(r.lost, address)
		}
	default:
		for i := range n.members {
			r.lose(n.members[i].value)
		}
		for _, item := range n.items {
			r.lose(item)
		}
	}
}

func (r *run) trace(doc *node) Trace {
	var t Trace
	if len(r.lost) > 0 {
		t.Lost = slices.Sorted(slices.Values(r.lost))
	}
	if r.made > 0 {
		addresses := map[string]bool{}
		doc.inferred(addresses, "")
		t.Inferred = sortedKeys(addresses)
	}
	return t
}

func (r *run) release(pool *sync.Pool) {
	r.arena.release()
	r.env, r.lost, r.made = nil, r.lost[:0], 0
	pool.Put(r)
}
