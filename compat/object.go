package compat

import (
	"fmt"
	"slices"
)

// Limits of objects.
const (
	MaxNameClasses  = 1_024 // classes of names that no pattern tells apart
	MaxExistentials = 6     // demands for "some member" in one object
	maxNames        = 64    // names made for one class
)

// member is what a goal says of one explicit name.
type member struct {
	name      string
	lits      []lit
	required  bool
	forbidden bool
	unsure    bool // a name check that only the validator can do
}

// demand is "some member whose name the test accepts has a value for which the literals hold".
type demand struct {
	accepts func(nameClass) truth
	lits    []lit
}

// nameClass is one explicit name, or all other names with one vector over the patterns.
type nameClass struct {
	explicit bool
	name     string // of an explicit name, or a sample
	vector   uint64
	lits     []lit
	allowed  truth
	count    int64 // how many names; -1 without end
}

// objectGoal gathers the atoms of one object.
type objectGoal struct {
	*state
	members  map[string]*member
	lo, hi   int64 // sizes; hi < 0: none
	atoms    []lit // PatProp, Addl and Names, positive
	demands  []demand
	patterns []string
	bits     map[string]int
	opaque   bool // more patterns than one product holds
	rest     []nameClass
	restOK   bool
}

func (st *state) object(d *derivation) outcome {
	o := &objectGoal{state: st, members: map[string]*member{}, hi: -1, bits: map[string]int{}}
	if out, ok := o.hopeless(); ok {
		t := newTally()
		t.add(out)
		return t.close(d, ruleMember, "")
	}
	o.gather()
	if o.hi >= 0 && o.lo > o.hi || o.hi < -1 {
		return newTally().close(d, ruleSize, "")
	}
	// A required member without a value is the usual end of a proof: negated ones first, they hold the difference.
	names := sortedKeys(o.members)
	slices.SortStableFunc(names, func(a, b string) int { return o.members[b].weight() - o.members[a].weight() })
	for _, name := range names {
		m := o.members[name]
		if !m.required {
			continue
		}
		if m.forbidden {
			return newTally().close(d, ruleMember, name)
		}
		out := o.solve(m.lits)
		if out.empty() {
			t := newTally()
			t.add(out)
			return t.close(d, ruleMember, name)
		}
	}
	if len(o.demands) > MaxExistentials {
		return undecided(ReasonNames, "more than 6 demands on some member")
	}
	t := newTally()
	out := o.place(0, nil, t)
	if out.found {
		return out
	}
	if out.reason != "" {
		t.add(out)
	}
	return t.close(d, ruleObject, "")
}

// hopeless finds a member that must exist and that nothing can be, because of what holds for it or, where its name is
// open, for every member that it could be. This looks at few atoms, needs no automaton, and is all that most changes
// of an object need.
func (o *objectGoal) hopeless() (outcome, bool) {
	within := func(list, in []string) bool {
		return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(in, s) })
	}
	for _, l := range o.trail {
		if o.meter.over() {
			return outcome{}, false
		}
		n := &o.nodes[l.id()]
		if l.holds() || n.kind != kProp && n.kind != kPatProp && n.kind != kAddl {
			continue
		}
		lits := []lit{neg(n.kids[0])}
		o.meter.spend(onMembers, len(o.trail)/2)
		for _, a := range o.trail {
			b := &o.nodes[a.id()]
			if !a.holds() || b.kind != kProp && b.kind != kPatProp && b.kind != kAddl {
				continue
			}
			applies := false
			switch {
			case n.kind == kProp && b.kind == kProp, n.kind == kPatProp && b.kind == kPatProp:
				applies = b.name == n.name
			case n.kind == kProp && b.kind == kPatProp:
				applies = o.match(b.name, n.name)
			case n.kind == kProp && b.kind == kAddl:
				applies = o.outside(b, n.name)
			case n.kind == kAddl && b.kind == kAddl:
				applies = within(b.names, n.names) && within(b.patterns, n.patterns)
			}
			if applies {
				lits = append(lits, pos(b.kids[0]))
			}
		}
		if len(lits) > 1 {
			if out := o.solve(lits); out.empty() {
				return out, true
			}
		}
	}
	return outcome{}, false
}

func (m *member) weight() (w int) {
	for _, l := range m.lits {
		if !l.holds() {
			w++
		}
	}
	return w
}

func (o *objectGoal) member(name string) *member {
	m, ok := o.members[name]
	if !ok {
		m = &member{name: name}
		o.members[name] = m
	}
	return m
}

func (o *objectGoal) gather() {
	atMost := func(n int64) {
		if o.hi == -1 || n < o.hi {
			o.hi = n
			if n < 0 {
				o.hi = -2
			}
		}
	}
	var some []lit
	for _, l := range o.trail {
		n := &o.nodes[l.id()]
		o.meter.spend(onMembers, 2+2*len(n.names))
		switch n.kind {
		case kMinProps:
			if l.holds() {
				o.lo = max(o.lo, n.count)
			} else {
				atMost(n.count - 1)
			}
		case kMaxProps:
			if l.holds() {
				atMost(n.count)
			} else {
				o.lo = max(o.lo, n.count+1)
			}
		case kRequired:
			m := o.member(n.name)
			if l.holds() {
				m.required = true
			} else {
				m.forbidden = true
			}
		case kProp:
			m := o.member(n.name)
			m.lits = append(m.lits, pos(n.kids[0]).is(l.holds()))
			m.required = m.required || !l.holds()
		case kPatProp, kAddl, kNames:
			if l.holds() {
				o.atoms = append(o.atoms, l)
			} else {
				some = append(some, l)
			}
			for _, name := range n.names {
				o.member(name)
			}
			if n.kind == kNames {
				o.nameAtoms(n.kids[0])
			}
			if n.kind == kPatProp {
				o.pattern(n.name)
			}
			for _, p := range n.patterns {
				o.pattern(p)
			}
		}
	}
	for name, m := range o.members {
		c := o.classify(nameClass{explicit: true, name: name})
		m.lits = append(m.lits, c.lits...)
		m.forbidden = m.forbidden || c.allowed == no
		m.unsure = c.allowed == unknown
	}
	for _, l := range some {
		n := &o.nodes[l.id()]
		dm := demand{lits: []lit{neg(n.kids[0])}}
		switch n.kind {
		case kPatProp:
			dm.accepts = func(c nameClass) truth { return o.has(n.name, c) }
		case kAddl:
			dm.accepts = func(c nameClass) truth { return o.outsideOf(n, c) }
		case kNames:
			dm.lits = nil
			dm.accepts = func(c nameClass) truth { return o.evalName(n.kids[0], c).not() }
		}
		o.demands = append(o.demands, dm)
	}
}

// put is a demand placed on an explicit name, or on a new member of another class.
type put struct {
	class nameClass
	lits  []lit
}

// place puts the demands from i on and then assembles the object.
func (o *objectGoal) place(i int, puts []put, t *tally) outcome {
	if !o.step() {
		return o.meter.exhausted()
	}
	if i == len(o.demands) {
		return o.assemble(puts, t)
	}
	o.meter.spend(onMembers, 4*len(o.members))
	dm := o.demands[i]
	try := func(puts []put, lits []lit) outcome {
		out := o.solve(lits)
		if !out.found {
			return out
		}
		return o.place(i+1, puts, t)
	}
	var maybe outcome
	accept := func(out outcome) bool {
		if out.found && out.sure {
			return true
		}
		if out.found && !maybe.found {
			maybe = out
		}
		if !out.found {
			t.add(out)
		}
		return false
	}
	rest, ok := o.others()
	if !ok {
		t.add(undecided(ReasonNames, "names and patterns over a limit"))
	}
	for _, c := range rest {
		if dm.accepts(c) == no {
			continue
		}
		lits := append(slices.Clone(c.lits), dm.lits...)
		if out := try(append(slices.Clip(puts), put{class: c, lits: lits}), lits); accept(out) {
			return out
		}
		for j, p := range puts { // one member may serve two demands where members are scarce
			if p.class.explicit || p.class.vector != c.vector {
				continue
			}
			shared := slices.Clone(puts)
			shared[j].lits = append(slices.Clone(p.lits), dm.lits...)
			if out := try(shared, shared[j].lits); accept(out) {
				return out
			}
		}
	}
	for _, name := range sortedKeys(o.members) {
		m := o.members[name]
		if m.forbidden || dm.accepts(nameClass{explicit: true, name: name}) == no {
			continue
		}
		saved := *m
		m.lits, m.required = append(slices.Clone(m.lits), dm.lits...), true
		out := try(puts, m.lits)
		*m = saved
		if accept(out) {
			return out
		}
	}
	if maybe.found {
		return maybe
	}
	return outcome{low: unbounded}
}

// assemble builds the smallest object that has every required member and every put.
func (o *objectGoal) assemble(puts []put, t *tally) outcome {
	o.meter.spend(onMembers, 8*len(o.members))
	value := map[string]any{}
	sure := true
	var unsure outcome
	take := func(name string, out outcome) {
		value[name] = out.value
		if !out.sure {
			sure, unsure = false, out
		}
	}
	names := sortedKeys(o.members)
	for _, name := range names {
		m := o.members[name]
		if !m.required {
			continue
		}
		if m.forbidden {
			return outcome{low: unbounded}
		}
		out := o.solve(m.lits)
		if !out.found {
			t.add(out)
			return outcome{low: unbounded}
		}
		take(name, out)
		sure = sure && !m.unsure
	}
	if o.hi >= 0 && int64(len(value)+len(puts)) > o.hi {
		return outcome{low: unbounded}
	}
	perClass := map[uint64]int{}
	for _, p := range puts {
		name, out := o.fresh(p.class, perClass[p.class.vector])
		if out.reason != "" || name == nil {
			return out
		}
		perClass[p.class.vector]++
		out = o.solve(p.lits)
		if !out.found {
			t.add(out)
			return outcome{low: unbounded}
		}
		take(*name, out)
		sure = sure && p.class.allowed == yes
	}
	if int64(len(value)) < o.lo {
		if out := o.fill(value, names, perClass, take, t); out.reason != "" || !out.found {
			return out
		}
	}
	out := found(value, sure)
	out.reason, out.detail = unsure.reason, unsure.detail
	return out
}

// fresh is the i-th new name of a class: nil if the class has no more.
func (o *objectGoal) fresh(c nameClass, i int) (*string, outcome) {
	l, ok := o.language(o.patterns)
	if !ok {
		return nil, undecided(ReasonNames, "names and patterns over a limit")
	}
	if i >= maxNames {
		return nil, undecided(ReasonNames, "more than 64 names of one class")
	}
	names, endless := o.names(l, c.vector, i+1)
	if c.allowed == unknown {
		names = o.checkedNames(l, c, i+1)
	}
	if len(names) > i {
		return &names[i], outcome{low: unbounded}
	}
	if endless || c.allowed == unknown {
		return nil, undecided(ReasonNames, "not enough names of one class")
	}
	return nil, outcome{low: unbounded}
}

// checkedNames are names of a class that the name schemas really accept.
func (o *objectGoal) checkedNames(l *language, c nameClass, n int) (out []string) {
	list, _ := o.names(l, c.vector, maxNames)
	for _, name := range append(list, formatPool...) {
		if o.classify(nameClass{explicit: true, name: name}).allowed == yes && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out[:min(n, len(out))]
}

// fill adds members until the least size is reached. found means that it is; empty, that it cannot be.
func (o *objectGoal) fill(value map[string]any, names []string, perClass map[uint64]int, take func(string, outcome), t *tally) outcome {
	if o.lo > MaxWitnessNodes {
		// Only emptiness can be said: are there enough members at all?
		if rest, ok := o.others(); ok && len(rest) == 0 && o.lo > int64(len(names)) {
			return outcome{low: unbounded}
		}
		return undecided(ReasonWitnessSize, "an object of more than 10000 members")
	}
	for _, name := range names {
		if int64(len(value)) >= o.lo {
			return outcome{found: true, low: unbounded}
		}
		m := o.members[name]
		if _, ok := value[name]; ok || m.forbidden {
			continue
		}
		if out := o.solve(m.lits); out.found {
			take(name, out)
		} else {
			t.add(out)
		}
	}
	rest, ok := o.others()
	if !ok {
		return undecided(ReasonNames, "names and patterns over a limit")
	}
	for _, c := range rest {
		if int64(len(value)) >= o.lo {
			break
		}
		out := o.solve(c.lits)
		if !out.found {
			t.add(out)
			continue
		}
		if len(o.patterns) == 0 { // every other name will do
			o.meter.spend(onMembers, 8*int(o.lo))
			for i := 0; int64(len(value)) < o.lo; i++ {
				name := fmt.Sprintf("m%d", i)
				if _, explicit := o.members[name]; !explicit {
					if _, used := value[name]; !used {
						take(name, out)
					}
				}
			}
			break
		}
		for int64(len(value)) < o.lo {
			name, end := o.fresh(c, perClass[c.vector])
			if end.reason != "" {
				return end
			}
			if name == nil {
				break
			}
			perClass[c.vector]++
			take(*name, out)
		}
	}
	return outcome{found: int64(len(value)) >= o.lo, low: unbounded}
}
