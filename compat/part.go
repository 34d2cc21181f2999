package compat

import (
	"crypto/sha256"
	"slices"
)

// A part is a question inside a question: is everything that one schema takes, somewhere inside of old, taken by another
// inside of new? Versions of a schema differ in few places, so that most parts of one comparison are parts of the next.
// A part of two schemas that reach no cycle is therefore asked apart: in a store of its own, from nothing, with a whole
// budget of its own. What comes out is a function of the two schemas alone, whatever else was asked before, and so may
// be remembered. What it cost is written down beside it, part by part, and every question that uses it pays each part
// once: so much is spent, and a budget ends at the same step, whether the memory was empty or full.

// maxPartHeight is how high a part may be. Parts are copied into each other: a tower of them would cost its square.
const maxPartHeight = 256

// unitsPerNode is what it costs to bring a node into a part's own store.
const unitsPerNode = 16

// minPart is the least number of assertions, both sides together, that make a part worth to be remembered.
const minPart = 16

// maxWeight is where assertions are no longer counted.
const maxWeight = 1 << 20

// sum says of a node that reaches no cycle what it is. Two nodes with equal meaning are the same if the order of
// commutative kids does not count; exact also counts the order and the places in the document, so that whatever is
// derived from two nodes of equal exact sums is equal to the byte.
type sum struct {
	same, exact [32]byte
	height      int32 // links below the node
	weight      int32 // assertions below and at the node, each as often as it is reached; 0 for a node that reaches a cycle
}

// origin is where a store has a node from.
type origin struct {
	graph *graph
	index int32
}

// summarise computes the sums of a graph, kids before parents.
func (g *graph) summarise() {
	g.sums = make([]sum, len(g.nodes))
	parents := make([][]int32, len(g.nodes))
	open := make([]int, len(g.nodes))
	var ready []int32
	for i := range g.nodes {
		open[i] = len(g.nodes[i].kids)
		for _, k := range g.nodes[i].kids {
			parents[k] = append(parents[k], int32(i))
		}
		if open[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	var text, same []byte
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		n, s := &g.nodes[i], &g.sums[i]
		text = n.scalars(text[:0])
		same = append(same[:0], text...)
		s.weight = 1
		kids := make([][32]byte, len(n.kids))
		text = append(append(text, n.pointer...), 0)
		for j, k := range n.kids {
			kids[j] = g.sums[k].same
			text = append(text, g.sums[k].exact[:]...)
			s.weight = min(s.weight+g.sums[k].weight, maxWeight)
			s.height = max(s.height, g.sums[k].height+1)
		}
		if n.kind.commutative() {
			slices.SortFunc(kids, compareSums)
		}
		for _, k := range kids {
			same = append(same, k[:]...)
		}
		s.same, s.exact = sha256.Sum256(same), sha256.Sum256(text)
		for _, p := range parents[i] {
			if open[p]--; open[p] == 0 {
				ready = append(ready, p)
			}
		}
	}
}

func compareSums(a, b [32]byte) int { return slices.Compare(a[:], b[:]) }

// below is the part of a graph that a node reaches, the node first.
func (g *graph) below(root int32) *graph {
	out := &graph{}
	moved := map[int32]int32{}
	var walk func(i int32) int32
	walk = func(i int32) int32 {
		if to, ok := moved[i]; ok {
			return to
		}
		to := int32(len(out.nodes))
		moved[i] = to
		out.nodes = append(out.nodes, g.nodes[i])
		out.sums = append(out.sums, g.sums[i])
		kids := make([]int32, len(g.nodes[i].kids))
		for j, k := range g.nodes[i].kids {
			kids[j] = walk(k)
		}
		out.nodes[to].kids = kids
		return to
	}
	walk(root)
	return out
}

// partKey names a part, or an automaton that a search has built.
type partKey struct{ old, next [32]byte }

// charge is what a part costs: its own steps, and the parts and automata that it used, each to be paid once.
type charge struct {
	key    any // partKey or languageKey
	work   effort
	states int // of automata that came to nothing, or of the one that it is
	inside []*charge
}

// part is what is known of a part.
type part struct {
	*charge
	out outcome // empty, with the proof's steps; a value; or undecided with the reason
}

// pay spends what a charge costs, but nothing twice.
func (s *search) pay(c *charge) {
	if s.paid[c.key] {
		return
	}
	s.paid[c.key] = true
	s.meter.pay(&c.work)
	s.states += c.states
	for _, k := range c.inside {
		s.pay(k)
	}
}

// use pays a charge and notes it for whoever uses the result of this search.
func (s *search) use(c *charge) {
	if !slices.Contains(s.inside, c) {
		s.inside = append(s.inside, c)
	}
	s.pay(c)
}

// asPart answers a goal that is a part. ok is false where it is none.
func (s *search) asPart(lits []lit) (out outcome, ok bool) {
	if len(lits) != 2 || s.claims != nil {
		return outcome{}, false
	}
	a, b := lits[0], lits[1]
	if !a.holds() {
		a, b = b, a
	}
	if !a.holds() || b.holds() || int(a.id()) >= len(s.origins) || int(b.id()) >= len(s.origins) {
		return outcome{}, false
	}
	from, to := s.origins[a.id()], s.origins[b.id()]
	x, y := &from.graph.sums[from.index], &to.graph.sums[to.index]
	if x.weight == 0 || y.weight == 0 || x.weight+y.weight < minPart || max(x.height, y.height) > maxPartHeight || s.part == (partKey{x.exact, y.exact}) {
		return outcome{}, false
	}
	k := partKey{x.exact, y.exact}
	p, ok := s.parts[k]
	if !ok {
		if p = s.ask(k, from, to); p == nil {
			return undecided(ReasonTimeout, ""), true
		}
		s.parts[k] = p
	}
	s.use(p.charge)
	if s.meter.over() {
		return s.meter.exhausted(), true
	}
	return p.out, true
}

// ask finds a part's answer: in memory, or by a search of its own. nil if the caller's context ended.
func (s *search) ask(k partKey, from, to origin) *part {
	if s.each == DefaultBudget {
		if p, ok := s.memory.get(k); ok {
			return p.(*part)
		}
	}
	st, roots := newStore(from.graph.below(from.index), to.graph.below(to.index))
	own := newSearch(st, s.each)
	own.ctx, own.memory, own.each, own.parts, own.part = s.ctx, s.memory, s.each, s.parts, k
	own.meter.spend(onGoals, unitsPerNode*len(st.nodes))
	out := own.solve([]lit{pos(roots[0]), neg(roots[1])})
	if own.ended {
		s.ended = true
		return nil
	}
	n := own.size(out)
	p := &part{&charge{key: k, work: own.meter.own, states: own.failed, inside: own.inside}, out}
	*st = store{nodes: st.nodes, part: k} // what a proof reads
	if s.each == DefaultBudget {
		s.memory.put(k, p, n)
	}
	return p
}

// size is about how much a part's answer holds on to.
func (s *search) size(out outcome) int {
	n := entrySize + 48*len(s.inside)
	if out.found {
		if nodes, _ := size(out.value); nodes > MaxWitnessNodes {
			return MaxMemory // too large to be kept
		}
		return n + 8*len(appendValue(nil, out.value))
	}
	for i := range s.nodes {
		n += s.nodes[i].size()
	}
	for _, g := range s.memo {
		if g.proof != nil {
			n += derivationSize + 8*len(g.proof.goal)
		}
	}
	return n
}

// adopt makes the nodes of another store known here, in this store's own numbers. What it is asked for reaches no cycle.
func (s *store) adopt(from *store, id int32, done map[int32]int32) int32 {
	if to, ok := done[id]; ok {
		return to
	}
	n := from.nodes[id]
	kids := make([]int32, len(n.kids))
	for i, k := range n.kids {
		kids[i] = s.adopt(from, k, done)
	}
	if n.kids = kids; n.kind.commutative() {
		slices.Sort(n.kids)
		if n.kind != kOne {
			n.kids = slices.Compact(n.kids)
		}
	}
	done[id] = s.intern(n)
	return done[id]
}
