package compat

import "slices"

// state is a goal being taken apart in place: literals asserted so far, types still possible, unions not yet split.
type state struct {
	*search
	goal    []lit
	known   map[int32]bool
	trail   []lit
	pending []lit
	mask    typeMask
}

type mark struct {
	trail, pending int
	mask           typeMask
}

func (st *state) mark() mark { return mark{len(st.trail), len(st.pending), st.mask} }

func (st *state) undo(m mark) {
	for _, l := range st.trail[m.trail:] {
		delete(st.known, l.id())
	}
	st.trail, st.pending, st.mask = st.trail[:m.trail], st.pending[:m.pending], m.mask
}

// truth is what the asserted literals and the remaining types say of a node.
func (st *state) truth(id int32) truth {
	if st.meter.spend(onUnions, 1); st.meter.over() {
		return unknown // parts in place may be shared: looking into them is not always quick
	}
	if v, ok := st.known[id]; ok {
		return truthOf(v)
	}
	if st.pos[id]&st.mask == 0 {
		return no
	}
	if st.neg[id]&st.mask == 0 {
		return yes
	}
	n := &st.nodes[id]
	switch n.kind {
	case kAll, kAny:
		short, out := no, yes
		if n.kind == kAny {
			short, out = yes, no
		}
		for _, k := range n.kids {
			switch st.truth(k) {
			case short:
				return short
			case unknown:
				out = unknown
			}
		}
		return out
	case kOne:
		held, open := 0, 0
		for _, k := range n.kids {
			switch st.truth(k) {
			case yes:
				held++
			case unknown:
				open++
			}
		}
		if held > 1 {
			return no
		}
		if open > 0 {
			return unknown
		}
		return truthOf(held == 1)
	case kNot:
		return st.truth(n.kids[0]).not()
	case kIf:
		switch st.truth(n.kids[0]) {
		case yes:
			return st.truth(n.kids[1])
		case no:
			return st.truth(n.kids[2])
		}
	}
	return unknown
}

// assert adds literals and what follows from them at once. It reports false on a contradiction.
func (st *state) assert(lits []lit) bool { return st.take(lits) && st.propagate() }

func (st *state) take(lits []lit) bool {
	st.meter.spend(onUnions, len(lits))
	for _, l := range lits {
		switch st.truth(l.id()) {
		case truthOf(l.holds()):
			continue
		case truthOf(!l.holds()):
			return false
		}
		st.known[l.id()] = l.holds()
		st.trail = append(st.trail, l)
		if l.holds() {
			st.mask &= st.pos[l.id()]
		} else {
			st.mask &= st.neg[l.id()]
		}
		if st.mask == 0 {
			return false
		}
		n := &st.nodes[l.id()]
		switch {
		case n.kind == kAll && l.holds() || n.kind == kAny && !l.holds() || n.kind == kNot:
			for _, k := range n.kids {
				if !st.take([]lit{pos(k).is(l.holds() == (n.kind != kNot))}) {
					return false
				}
			}
		case n.kind >= kAll && n.kind <= kIf:
			st.pending = append(st.pending, l)
		}
	}
	return true
}

// propagate asserts the only alternative of each union until nothing changes, then looks at members that must exist.
func (st *state) propagate() bool {
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(st.pending); i++ {
			if st.meter.over() {
				return true // the next step ends the search
			}
			if st.pending[i] == settled {
				continue
			}
			alts, done := st.alternatives(st.pending[i])
			switch {
			case done:
			case len(alts) == 0:
				return false
			case len(alts) == 1:
				before := len(st.trail)
				if !st.take(alts[0]) {
					return false
				}
				changed = changed || len(st.trail) > before
			}
		}
	}
	return len(st.pending) == 0 || st.members()
}

// members finds a required member whose value sets have nothing in common: the discriminator of two branches.
func (st *state) members() bool {
	st.meter.spend(onUnions, 2*len(st.trail))
	var sets map[string][]*node
	required := map[string]bool{}
	for _, l := range st.trail {
		n := &st.nodes[l.id()]
		switch {
		case n.kind == kRequired && l.holds():
			required[n.name] = true
		case n.kind == kProp && l.holds() && st.nodes[n.kids[0]].kind == kValues:
			if sets == nil {
				sets = map[string][]*node{}
			}
			sets[n.name] = append(sets[n.name], &st.nodes[n.kids[0]])
		}
	}
	if st.mask != isObject {
		return true
	}
	for name, list := range sets {
		if !required[name] || len(list) < 2 {
			continue
		}
		if !slices.ContainsFunc(list[0].texts, func(t string) bool {
			return !slices.ContainsFunc(list[1:], func(n *node) bool {
				_, ok := slices.BinarySearch(n.texts, t)
				return !ok
			})
		}) {
			return false
		}
	}
	return true
}

// alternatives of a union that must hold, or must not: lists of literals of which one has to be asserted. done means
// that what is known already settles it.
func (st *state) alternatives(l lit) (alts [][]lit, done bool) {
	n := &st.nodes[l.id()]
	st.meter.spend(onUnions, 2*len(n.kids))
	switch n.kind {
	case kAny, kAll:
		// Some kid holds; or, of a conjunction, some kid does not.
		for _, k := range n.kids {
			switch st.truth(k) {
			case truthOf(l.holds()):
				return nil, true
			case unknown:
				alts = append(alts, []lit{pos(k).is(l.holds())})
			}
		}
		return alts, false
	case kIf:
		c := n.kids[0]
		for i, k := range n.kids[1:] {
			cond := pos(c).is(i == 0)
			switch st.truth(c) {
			case truthOf(!cond.holds()):
				continue
			case truthOf(cond.holds()):
				if st.truth(k) == truthOf(l.holds()) {
					return nil, true
				}
			}
			if st.truth(k) != truthOf(!l.holds()) {
				alts = append(alts, []lit{cond, pos(k).is(l.holds())})
			}
		}
		return alts, false
	}
	return st.oneAlternatives(n, l.holds())
}

func (st *state) oneAlternatives(n *node, holds bool) (alts [][]lit, done bool) {
	held := 0
	var open []int32
	for _, k := range n.kids {
		switch st.truth(k) {
		case yes:
			held++
		case unknown:
			open = append(open, k)
		}
	}
	twice := func(k int32) bool {
		i, _ := slices.BinarySearch(open, k)
		return i+1 < len(open) && open[i+1] == k
	}
	slices.Sort(open)
	distinct := slices.Compact(slices.Clone(open))
	st.meter.spend(onUnions, len(open)*len(open)/8)
	none := make([]lit, len(distinct))
	for i, k := range distinct {
		none[i] = neg(k)
	}
	if holds {
		switch {
		case held > 1:
			return nil, false
		case held == 1:
			return [][]lit{none}, len(none) == 0
		}
		for i, k := range distinct {
			if !twice(k) {
				alt := slices.Clone(none)
				alt[i] = pos(k)
				alts = append(alts, alt)
			}
		}
		return alts, false
	}
	switch {
	case held > 1:
		return nil, true
	case held == 1:
		for _, k := range distinct {
			alts = append(alts, []lit{pos(k)})
		}
		return alts, false
	case len(open) == 0:
		return nil, true
	case len(distinct) == 1:
		if twice(distinct[0]) {
			return nil, true // none or both: never exactly one
		}
		return [][]lit{none}, false
	}
	return [][]lit{none[:1], {pos(distinct[0])}}, false
}
