// Package compat decides whether every event that an old schema accepts is also accepted by a new one: compatible
// with a proof, incompatible with an event, or an honest undecided. It is pure: no I/O, no goroutine, no clock but the
// caller's context.
//
//	validator.Schema ── lower ──► atoms ┐
//	                                    ├─ goal {old, not new} ── empty ──► Compatible, with the goals that prove it
//	validator.Schema ── lower ──► atoms ┘                     └─ a value ─► validator.Valid on both sides ─► Incompatible
//
// A verdict never rests on a difference between the texts. Incompatible comes only with an event that the validator
// accepts under old and rejects under new. Compatible comes only with a set of goals that is closed: no value can
// satisfy any of them unless a smaller value satisfies another. Everything else is Undecided, with the reason and the
// place, and counts as not compatible wherever something is gated.
//
// Words: a goal is a set of schemas that a value must satisfy and schemas that it must not; an atom is one keyword's
// assertion; a change is a difference of the texts, which explains and never judges.
package compat

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/accordhq/accord/validator"
)

// Algorithm numbers the way verdicts are found. Same inputs, options and Algorithm give the same verdict, event and
// proof.
const Algorithm = 2

// Verdict answers "is every event of old accepted by new?". The zero value is Undecided.
type Verdict uint8

// Undecided comes with a reason, Compatible with a proof, Incompatible with an event.
const (
	Undecided Verdict = iota
	Compatible
	Incompatible
)

// String is undecided, compatible or incompatible.
func (v Verdict) String() string {
	switch v {
	case Compatible:
		return "compatible"
	case Incompatible:
		return "incompatible"
	}
	return "undecided"
}

// MarshalText is String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(b []byte) error {
	for _, w := range []Verdict{Undecided, Compatible, Incompatible} {
		if w.String() == string(b) {
			*v = w
			return nil
		}
	}
	return fmt.Errorf("verdict %q is not one of undecided, compatible, incompatible", b)
}

// Reason says why a question stays undecided.
type Reason string

// The reasons. Detail of the Result names the place, the limit or the format.
const (
	ReasonGoals        Reason = "goals"        // the budget of steps is exhausted
	ReasonDisjuncts    Reason = "disjuncts"    // a union with too many alternatives
	ReasonRegex        Reason = "regex"        // patterns over the budget of states
	ReasonNames        Reason = "names"        // member names over a limit
	ReasonContains     Reason = "contains"     // counted items over a limit
	ReasonUnique       Reason = "unique"       // different items over a limit
	ReasonNumber       Reason = "number"       // multiples over a limit
	ReasonUnevaluated  Reason = "unevaluated"  // too many cases of an unevaluated keyword
	ReasonDynamicRef   Reason = "dynamic-ref"  // too many dynamic scopes
	ReasonFormat       Reason = "format"       // a format against something that is not itself
	ReasonContent      Reason = "content"      // content keywords against something that is not themselves
	ReasonWitnessSize  Reason = "witness-size" // an event would exist, but is too large to be shown
	ReasonUpcastSize   Reason = "upcast-size"  // what is filled in cannot be put as a question: sizes over MaxFillSizes, and keywords that see more than names
	ReasonNotCompiled  Reason = "not-compiled" // a version that does not compile, or is over a limit
	ReasonTimeout      Reason = "timeout"      // the caller's context ended; never cached
	ReasonDisagreement Reason = "disagreement" // an event on which search, validator and oracle differ: a bug
	ReasonInternal     Reason = "internal"     // a recovered panic: a bug
)

// Budget bounds the work of one question in steps, never in time. As Result.Spent it says what was used. A zero field
// is DefaultBudget's.
type Budget struct {
	Goals            int `json:"goals"`            // steps of the search: of every part, some microseconds each
	Disjuncts        int `json:"disjuncts"`        // alternatives of one union
	RegexStates      int `json:"regexStates"`      // states of one product automaton
	RegexStatesTotal int `json:"regexStatesTotal"` // states of all
}

// DefaultBudget is what one question may cost. Deep is a hundred times as much.
var DefaultBudget = Budget{Goals: 200_000, Disjuncts: 4_096, RegexStates: MaxRegexStates, RegexStatesTotal: MaxRegexStatesTotal}

// Deep is the budget for questions that are worth waiting for.
func Deep() Budget {
	d := DefaultBudget
	return Budget{Goals: 100 * d.Goals, Disjuncts: d.Disjuncts, RegexStates: 100 * d.RegexStates, RegexStatesTotal: 100 * d.RegexStatesTotal}
}

// share is the n-th part of a budget, with the limits of single things as they are.
func (b Budget) share(n int) Budget {
	b.Goals, b.RegexStatesTotal = b.Goals/n, b.RegexStatesTotal/n
	return b
}

func (b Budget) orDefault() Budget {
	d := DefaultBudget
	return Budget{
		Goals: cmp.Or(b.Goals, d.Goals), Disjuncts: cmp.Or(b.Disjuncts, d.Disjuncts),
		RegexStates: cmp.Or(b.RegexStates, d.RegexStates), RegexStatesTotal: cmp.Or(b.RegexStatesTotal, d.RegexStatesTotal),
	}
}

// Schema is one side of a question, lowered once. Immutable and safe for concurrent use.
type Schema struct {
	source      *validator.Schema
	graph       *graph
	fingerprint [32]byte
	identity    [32]byte // of text and places too: what results are cached by

	nothing atomic.Pointer[bool] // whether it accepts nothing, once that was asked

	closed   func() (*Schema, error)  // Close
	filling  func() (*filling, error) // what Fill sets, nil if nothing
	unfilled func() (*Schema, error)  // what takes the events that s takes once they are filled
}

// Compile lowers a compiled schema. It keeps s to verify events. The error is a *LimitError naming the limit and the
// pointer.
func Compile(s *validator.Schema) (*Schema, error) {
	root := s.Root()
	g, err := lower(root)
	if err != nil {
		return nil, err
	}
	c := &Schema{source: s, graph: g, fingerprint: g.fingerprint()}
	h := sha256.New()
	h.Write(c.fingerprint[:])
	seen := map[*validator.Node]bool{}
	stack := []*validator.Node{root}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		fmt.Fprintf(h, "%q %q %d %s\n", n.Document, n.Pointer, len(n.Raw), n.Raw)
		children(n, func(k *validator.Node) { stack = append(stack, k) })
	}
	h.Sum(c.identity[:0])
	c.closed = sync.OnceValues(func() (*Schema, error) { return closeSchema(c) })
	c.filling = sync.OnceValues(func() (*filling, error) { return findFillings(c) })
	c.unfilled = sync.OnceValues(func() (*Schema, error) { return unfilled(c) })
	return c, nil
}

// Source is the validator's schema that s was compiled from.
func (s *Schema) Source() *validator.Schema { return s.source }

// Equal reports whether two schemas are the same after lowering: same assertions at the same places, whatever the
// text, the order of members or the way definitions are shared. Equal schemas accept the same events.
func Equal(a, b *Schema) bool { return a.fingerprint == b.fingerprint }

// Options of a question. The zero value is the default.
type Options struct {
	Policy  Policy
	Samples [][]byte // real events, tried first; at most MaxSamples are
	Budget  Budget
	All     bool // Check: go on after the first version that fails
	Also    bool // Check: of the versions whose changes are listed, say what the other policies answer
	Brief   bool // Check: list no changes of versions that pass
}

// Counterexample is an event that the writer's schema accepts and the reader's rejects, confirmed by the validator.
type Counterexample struct {
	Event      json.RawMessage       `json:"event"`
	Direction  Direction             `json:"direction"`
	Violations []validator.Violation `json:"violations"` // of the reader
	Origin     Origin                `json:"origin"`
}

// Origin says where a counterexample comes from.
type Origin string

// The origins, in the order in which they are tried.
const (
	OriginSample  Origin = "sample"  // one of Options.Samples, perhaps with one change
	OriginExample Origin = "example" // examples, defaults and values written in the schemas
	OriginSearch  Origin = "search"  // built by the search
)

// Result answers one question.
type Result struct {
	Verdict        Verdict
	Policy         Policy
	Counterexample *Counterexample // set if and only if Incompatible
	Proof          *Proof          // set if and only if Compatible
	Reason         Reason          // set if and only if Undecided
	Detail         string
	Vacuous        bool // Compatible because old accepts nothing
	Spent          Budget
}

// Checker answers questions and remembers answers, also to parts of questions, in at most MaxMemory bytes. What it
// remembers changes no answer. The zero value works. Safe for concurrent use.
type Checker struct {
	memory memory
}

// resultKey is the identity of both sides and the question.
type resultKey struct {
	left, right [32]byte
	policy      Policy
}

// Contains answers whether every event that old accepts is accepted by next; under SemanticDeclared every event of
// Close(old), under SemanticUpcast every event as Fill makes it. Confluent's policies ask as Semantic does: their rules
// are asked by Check. Without samples and with the default budget the answer is remembered. A context that ends gives
// Undecided with ReasonTimeout.
func (c *Checker) Contains(ctx context.Context, old, next *Schema, o Options) Result {
	return c.contains(ctx, old, next, o, DirectionBackward)
}

func (c *Checker) contains(ctx context.Context, left, right *Schema, o Options, d Direction) Result {
	gate := o.Policy
	o.Policy = o.Policy.question(d)
	if o.Policy == SemanticUpcast {
		if f, err := right.filling(); err == nil && f == nil {
			o.Policy = Semantic // nothing is filled: the same question
		}
	}
	m := c.remembers()
	cacheable := len(o.Samples) == 0 && o.Budget == Budget{}
	k := resultKey{left.identity, right.identity, o.Policy}
	if cacheable {
		if r, ok := m.get(k); ok {
			return r.(*Result).directed(d, gate)
		}
	}
	r := decide(ctx, m, left, right, o)
	if cacheable && r.Reason != ReasonTimeout {
		m.put(k, &r, r.size())
	}
	return r.directed(d, gate)
}

// remembers is what the Checker has in memory; a Checker that is nil remembers nothing.
func (c *Checker) remembers() *memory {
	if c == nil {
		return nil
	}
	return &c.memory
}

// underivable is why a policy's question cannot be put.
func underivable(err error) Result {
	if size, ok := errors.AsType[*fillError](err); ok {
		return Result{Reason: ReasonUpcastSize, Detail: size.detail}
	}
	if errors.Is(err, errDynamic) {
		return Result{Reason: ReasonDynamicRef, Detail: err.Error()}
	}
	return Result{Reason: ReasonNotCompiled, Detail: err.Error()}
}

// directed is the result with its event's direction and the policy of its asker said; the counterexample is the caller's
// own copy.
func (r Result) directed(d Direction, p Policy) Result {
	r.Policy = p
	if r.Counterexample != nil {
		x := *r.Counterexample
		x.Direction = d
		r.Counterexample = &x
	}
	return r
}

// decide answers one question from nothing.
func decide(ctx context.Context, m *memory, old, next *Schema, o Options) (r Result) {
	q := &question{ctx: ctx, memory: m, old: old, next: next, options: o}
	assumption := ""
	switch o.Policy {
	case SemanticDeclared:
		closed, err := Close(old)
		if err != nil {
			return underivable(err)
		}
		if closed != old {
			q.old, assumption = closed, AssumeDeclared
		}
	case SemanticUpcast:
		open, err := next.unfilled()
		if err != nil {
			return underivable(err)
		}
		if open != next {
			q.next, assumption = open, AssumeFilled
		}
	}
	defer func() {
		if p := recover(); p != nil {
			r = Result{Verdict: Undecided, Reason: ReasonInternal, Detail: fmt.Sprintf("%v", p)}
		}
		r.Spent = q.spent
		if r.Proof != nil && assumption != "" {
			r.Proof.Assumptions = append(r.Proof.Assumptions, assumption)
		}
		if r.Counterexample != nil && assumption == AssumeFilled {
			r = confirmFilled(next, r)
		}
	}()
	return q.answer()
}
