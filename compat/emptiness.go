package compat

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
)

// The core decides whether some value satisfies a goal: a set of nodes that must hold and nodes that must not. "Is
// every event of old accepted by new?" is the goal {old, not new}: a value is a counterexample, emptiness is a proof.
//
//	goal ─ assert ─► literals ─ split types, unions ─► atoms of one type ─ leaf ─► goals of members and items
//
// Values are finite, so inhabitation is a least fixpoint: a goal met again below itself offers no value that way, and
// what rests on that is kept only when the goal above closes empty.

// lit is a node id with a sign: id<<1 must hold, id<<1|1 must not.
type lit int32

// settled stands in the place of a union while its alternatives are tried.
const settled lit = -1

func pos(id int32) lit { return lit(id << 1) }
func neg(id int32) lit { return lit(id<<1 | 1) }

func (l lit) id() int32   { return int32(l >> 1) }
func (l lit) holds() bool { return l&1 == 0 }
func (l lit) is(t bool) lit { // the literal of the same node that holds if t
	if t {
		return l &^ 1
	}
	return l | 1
}

// outcome of a goal: a value, or empty (no value, no reason), or undecided with the reason.
type outcome struct {
	found  bool
	value  any
	sure   bool // the value satisfies everything that was asked; else only the validator can say
	reason Reason
	detail string
	low    int // depth of the outermost open goal that emptiness rests on; unbounded if none
	proof  *derivation
}

func (o outcome) empty() bool { return !o.found && o.reason == "" }

const unbounded = math.MaxInt

func found(v any, sure bool) outcome {
	return outcome{found: true, value: v, sure: sure, low: unbounded}
}

func undecided(r Reason, detail string) outcome {
	return outcome{reason: r, detail: detail, low: unbounded}
}

// derivation is one step of a proof of emptiness.
type derivation struct {
	entry    bool   // of a goal of its own, not of an alternative inside one
	in       *store // of an entry: what its literals are numbers of
	rule     inference
	goal     []lit
	note     string
	premises []*derivation
}

// goalState is what is known of a goal.
type goalState struct {
	open  bool
	depth int
	proof *derivation
	out   outcome
}

// frame is an open goal with the goals below it whose emptiness is provisional.
type frame struct{ provisional []string }

type search struct {
	*store
	budget    Budget
	states    int // of automata, paid ones included
	memo      map[string]*goalState
	frames    []frame
	languages map[string]*language
	ctx       context.Context
	ended     bool    // ctx has ended
	claims    *claims // set while a proof is checked

	each   Budget            // of one part
	parts  map[partKey]*part // of the whole question
	failed int               // of states, those of automata that were over a limit
	inside []*charge         // parts and automata used
	paid   map[any]bool      // by key of a charge
}

func newSearch(s *store, b Budget) *search {
	s.meter = &meter{limit: b.Goals * unitsPerStep}
	return &search{
		store: s, budget: b, memo: map[string]*goalState{}, languages: map[string]*language{}, each: b,
		parts: map[partKey]*part{}, paid: map[any]bool{},
	}
}

func goalKey(lits []lit) string {
	b := make([]byte, 0, 4*len(lits))
	for _, l := range lits {
		b = binary.BigEndian.AppendUint32(b, uint32(l))
	}
	return string(b)
}

// sorted is a goal's own order: each literal once.
func sorted(lits []lit) []lit {
	lits = slices.Clone(lits)
	slices.Sort(lits)
	return slices.Compact(lits)
}

// maxGoalDepth bounds the nesting of open goals, and with it the stack.
const maxGoalDepth = 1_000

// solve decides a goal, from memory if it can.
func (s *search) solve(lits []lit) outcome {
	s.meter.spend(onGoals, len(lits))
	lits = sorted(lits)
	k := goalKey(lits)
	if s.claims != nil {
		return s.claims.solve(k, lits)
	}
	if g, ok := s.memo[k]; ok {
		if g.open {
			return outcome{low: g.depth, proof: g.proof}
		}
		return g.out
	}
	if out, ok := s.asPart(lits); ok {
		if out.reason != ReasonTimeout {
			s.memo[k] = &goalState{proof: out.proof, out: out}
		}
		return out
	}
	if len(s.frames) >= maxGoalDepth {
		return undecided(ReasonGoals, "goals nested too deep")
	}
	depth := len(s.frames)
	g := &goalState{open: true, depth: depth, proof: &derivation{entry: true, in: s.store, goal: lits}}
	s.memo[k] = g
	s.frames = append(s.frames, frame{})
	out := s.expand(lits, g.proof)
	f := s.frames[depth]
	s.frames = s.frames[:depth]
	g.open = false
	if out.low >= depth {
		out.low = unbounded
	}
	if out.empty() {
		out.proof = g.proof
	}
	g.out = out
	s.settle(k, f, depth, out)
	return out
}

// settle decides what becomes of the provisional goals below a goal that closes, and of the goal itself.
func (s *search) settle(k string, f frame, depth int, out outcome) {
	if !out.empty() {
		for _, p := range f.provisional {
			delete(s.memo, p)
		}
		return
	}
	var keep []string
	for _, p := range f.provisional {
		g, ok := s.memo[p]
		if !ok {
			continue
		}
		if g.out.low >= depth {
			g.out.low = out.low
		} else {
			g.out.low = min(g.out.low, out.low)
		}
		if g.out.low != unbounded {
			keep = append(keep, p)
		}
	}
	if out.low != unbounded {
		keep = append(keep, k)
	}
	if depth > 0 {
		up := &s.frames[depth-1]
		up.provisional = append(up.provisional, keep...)
	}
}

// used is what has been spent.
func (s *search) used() Budget {
	return Budget{Goals: min(s.meter.total/unitsPerStep, s.budget.Goals+1), RegexStatesTotal: s.states}
}

// step counts one step of work; false means that the budget is exhausted, or that the caller's context has ended.
func (s *search) step() bool {
	s.meter.spend(onGoals, unitsPerStep)
	if s.ctx.Err() != nil {
		s.ended = true
	}
	return !s.meter.over() && !s.ended
}

// tally gathers alternatives that all have to fail before a goal is empty.
type tally struct {
	low      int
	maybe    outcome // the first value that is not sure
	open     outcome // the first undecided alternative
	premises []*derivation
}

func newTally() *tally { return &tally{low: unbounded} }

// add records an alternative that gave no value, or one that is not sure.
func (t *tally) add(o outcome) {
	if o.found {
		if !t.maybe.found {
			t.maybe = o
		}
		return
	}
	if o.reason != "" {
		if t.open.reason == "" {
			t.open = o
		}
		return
	}
	t.low = min(t.low, o.low)
	if o.proof != nil {
		t.premises = append(t.premises, o.proof)
	}
}

// close is the outcome when every alternative has been recorded.
func (t *tally) close(d *derivation, rule inference, note string) outcome {
	if t.maybe.found {
		return t.maybe
	}
	if t.open.reason != "" {
		return t.open
	}
	d.rule, d.note, d.premises = rule, note, t.premises
	return outcome{low: t.low, proof: d}
}

func (s *search) expand(goal []lit, d *derivation) outcome {
	if !s.step() {
		return s.meter.exhausted()
	}
	st := &state{search: s, goal: goal, known: map[int32]bool{}, mask: anyType}
	if !st.assert(goal) {
		return st.contradiction(d)
	}
	if out, ok := st.finite(d); ok {
		return out
	}
	t := newTally()
	types := st.mask.split()
	for _, m := range types {
		sub := &derivation{}
		mark := st.mark()
		st.mask = m
		sub.goal = append(slices.Clone(goal), pos(s.intern(node{kind: kTypes, types: m})))
		var out outcome
		if st.propagate() {
			out = st.branch(sub)
		} else {
			out = st.contradiction(sub)
		}
		st.undo(mark)
		if out.found && out.sure {
			return out
		}
		t.add(out)
	}
	return t.close(d, ruleTypes, st.mask.String())
}

func (st *state) contradiction(d *derivation) outcome {
	d.rule = ruleContradiction
	return outcome{low: unbounded, proof: d}
}

// finite decides a goal with a value set among its literals by trying each value.
func (st *state) finite(d *derivation) (outcome, bool) {
	best := int32(-1)
	for _, l := range st.trail {
		if l.holds() && st.nodes[l.id()].kind == kValues && (best < 0 || len(st.nodes[l.id()].vals) < len(st.nodes[best].vals)) {
			best = l.id()
		}
	}
	if best < 0 {
		return outcome{}, false
	}
	return st.try(st.nodes[best].vals, d, ruleFinite), true
}

// try is complete for a goal that only the given values can satisfy.
func (st *state) try(vals []any, d *derivation, rule inference) outcome {
	t := newTally()
	for _, v := range vals {
		if !st.step() {
			return st.meter.exhausted()
		}
		switch st.holds(st.goal, v) {
		case yes:
			return found(v, true)
		case unknown:
			t.add(st.perhaps(v))
		}
	}
	return t.close(d, rule, "")
}

// perhaps is a value that only the validator can judge, with the reason for which it may remain so.
func (s *search) perhaps(v any) outcome {
	out := found(v, false)
	out.reason = ReasonFormat
	s.meter.spend(onValues, len(s.nodes)/8)
	for i := range s.nodes {
		if n := &s.nodes[i]; n.kind == kOpaque {
			out.reason, out.detail = n.opaque()
			break
		}
	}
	return out
}

// opaque is why a node is not decided.
func (n *node) opaque() (Reason, string) {
	detail := n.names[0] + " at " + n.pointer
	if n.kind == kOpaque && len(n.names) > 2 && n.names[2] != "" {
		detail += ": " + n.names[2]
	}
	return Reason(n.name), detail
}

// holds evaluates all literals on a value.
func (s *store) holds(lits []lit, v any) truth {
	out := yes
	for _, l := range lits {
		t := s.eval(l.id(), v)
		if !l.holds() {
			t = t.not()
		}
		switch t {
		case no:
			return no
		case unknown:
			out = unknown
		}
	}
	return out
}

// branch splits the union with the fewest alternatives, and solves the atoms when none is left.
func (st *state) branch(d *derivation) outcome {
	st.meter.spend(onUnions, len(st.trail)/2)
	if !st.step() {
		return st.meter.exhausted()
	}
	if out, ok := st.finite(d); ok {
		return out
	}
	var best [][]lit
	chosen := -1
	for i, l := range st.pending {
		if l == settled {
			continue
		}
		alts, done := st.alternatives(l)
		if !done && (best == nil || len(alts) < len(best)) {
			best, chosen = alts, i
		}
	}
	if best == nil {
		return st.leaf(d)
	}
	if len(best) > st.budget.Disjuncts {
		return undecided(ReasonDisjuncts, "a union with too many alternatives")
	}
	l := st.pending[chosen]
	if l.holds() || st.nodes[l.id()].kind != kOne { // "not exactly one" is decided kid by kid
		st.pending[chosen] = settled // by each of the alternatives
	}
	out := st.splitOn(best, d, ruleSplit)
	st.pending[chosen] = l
	return out
}
