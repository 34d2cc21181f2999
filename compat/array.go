package compat

import (
	"slices"
)

// Limits of arrays.
const (
	MaxContains = 4  // contains of bounded count in one array
	MaxUnique   = 64 // items that are told apart, or placed one by one
)

// occurs is how often items of one array may match a contains schema; hi < 0: any number.
type occurs struct {
	kid    int32
	lo, hi int64
}

// need is something that some item has to satisfy.
type need struct {
	from int // first position allowed
	at   int // the only position allowed, or -1
	lits []lit
	kid  int32 // of a contains, -1 if none: items for the same contains are different items
}

// slot is one item of the array being placed.
type slot struct {
	lits  []lit
	marks []int32 // contains kids it is placed for
	equal int     // index of the earlier slot whose value it repeats, or -1
}

// arrayGoal gathers the atoms of one array.
type arrayGoal struct {
	*state
	lo, hi   int64
	prefix   int
	items    []lit // Item and Items, positive
	needs    []need
	contains []occurs
	unique   bool
	equal    bool // two items must be equal
}

func (st *state) array(d *derivation) outcome {
	a := &arrayGoal{state: st, hi: -1}
	if !a.gather() || a.hi >= 0 && a.lo > a.hi {
		return newTally().close(d, ruleSize, "")
	}
	t := newTally()
	if len(a.needs) > MaxUnique {
		return undecided(ReasonContains, "more than 64 items to place")
	}
	slots := make([]slot, a.prefix)
	for i := range slots {
		slots[i] = slot{lits: a.position(i), equal: -1}
	}
	out := a.place(0, slots, 0, t)
	if out.found {
		return out
	}
	if out.reason != "" {
		t.add(out)
	}
	return t.close(d, ruleArray, "")
}

func (a *arrayGoal) gather() bool {
	ok := true
	atMost := func(n int64) {
		ok = ok && n >= 0
		if a.hi < 0 || n < a.hi {
			a.hi = n
		}
	}
	occur := func(kid int32) *occurs {
		for i := range a.contains {
			if a.contains[i].kid == kid {
				return &a.contains[i]
			}
		}
		a.contains = append(a.contains, occurs{kid: kid, hi: -1})
		return &a.contains[len(a.contains)-1]
	}
	fewer := func(o *occurs, n int64) {
		ok = ok && n >= 0
		if o.hi < 0 || n < o.hi {
			o.hi = n
		}
	}
	for _, l := range a.trail {
		n := &a.nodes[l.id()]
		switch n.kind {
		case kMinItems:
			if l.holds() {
				a.lo = max(a.lo, n.count)
			} else {
				atMost(n.count - 1)
			}
		case kMaxItems:
			if l.holds() {
				atMost(n.count)
			} else {
				a.lo = max(a.lo, n.count+1)
			}
		case kUnique:
			a.unique, a.equal = a.unique || l.holds(), a.equal || !l.holds()
		case kItem, kItems:
			end := int(n.count)
			if n.kind == kItem {
				end++
			}
			a.prefix = max(a.prefix, end)
			switch {
			case l.holds():
				a.items = append(a.items, l)
			case n.kind == kItem:
				a.lo = max(a.lo, n.count+1)
				a.needs = append(a.needs, need{at: int(n.count), lits: []lit{neg(n.kids[0])}, kid: -1})
			default:
				a.needs = append(a.needs, need{from: int(n.count), at: -1, lits: []lit{neg(n.kids[0])}, kid: -1})
			}
		case kContainsMin:
			o := occur(n.kids[0])
			if l.holds() {
				o.lo = max(o.lo, n.count)
			} else {
				fewer(o, n.count-1)
			}
		case kContainsMax:
			o := occur(n.kids[0])
			if l.holds() {
				fewer(o, n.count)
			} else {
				o.lo = max(o.lo, n.count+1)
			}
		}
	}
	for _, o := range a.contains {
		if o.hi >= 0 && o.lo > o.hi {
			return false
		}
		a.lo = max(a.lo, o.lo)
		for range min(o.lo, MaxUnique+1) {
			a.needs = append(a.needs, need{at: -1, lits: []lit{pos(o.kid)}, kid: o.kid})
		}
	}
	return ok
}

// position is what holds for the item at an index; every index from prefix on is alike.
func (a *arrayGoal) position(i int) (lits []lit) {
	for _, l := range a.items {
		n := &a.nodes[l.id()]
		if n.kind == kItem && int(n.count) == i || n.kind == kItems && i >= int(n.count) {
			lits = append(lits, pos(n.kids[0]))
		}
	}
	return lits
}

// scarce reports whether fewer items may succeed where more do not, so that one item should serve two needs.
func (a *arrayGoal) scarce() bool {
	return a.hi >= 0 || a.unique || slices.ContainsFunc(a.contains, func(o occurs) bool { return o.hi >= 0 })
}

// place puts the needs from i on; used is the number of leading slots that must exist.
func (a *arrayGoal) place(i int, slots []slot, used int, t *tally) outcome {
	if !a.step() {
		return a.meter.exhausted()
	}
	if i == len(a.needs) {
		if a.equal {
			return a.repeat(slots, used, t)
		}
		return a.finish(slots, used, t)
	}
	nd := a.needs[i]
	a.meter.spend(onItems, len(slots))
	var maybe outcome
	try := func(slots []slot, at int) (outcome, bool) {
		s := slots[at]
		if nd.kid >= 0 && slices.Contains(s.marks, nd.kid) {
			return outcome{}, false
		}
		changed := slices.Clone(slots)
		changed[at].lits = append(slices.Clone(s.lits), nd.lits...)
		if nd.kid >= 0 {
			changed[at].marks = append(slices.Clone(s.marks), nd.kid)
		}
		out := a.solve(changed[at].lits)
		if out.found {
			out = a.place(i+1, changed, max(used, at+1), t)
		}
		if out.found && out.sure {
			return out, true
		}
		if out.found && !maybe.found {
			maybe = out
		} else if !out.found {
			t.add(out)
		}
		return outcome{}, false
	}
	for at := range slots {
		if nd.at >= 0 && at != nd.at || nd.at < 0 && at < nd.from {
			continue
		}
		if at >= a.prefix && !a.scarce() {
			continue
		}
		if out, ok := try(slots, at); ok {
			return out
		}
	}
	if nd.at < 0 && (a.hi < 0 || int64(len(slots)) < a.hi) {
		more := append(slices.Clone(slots), slot{lits: a.position(len(slots)), equal: -1})
		if out, ok := try(more, len(slots)); ok {
			return out
		}
	}
	if maybe.found {
		return maybe
	}
	return outcome{low: unbounded}
}

// repeat chooses two items that are equal.
func (a *arrayGoal) repeat(slots []slot, used int, t *tally) outcome {
	pool := slices.Clone(slots)
	for range 2 {
		pool = append(pool, slot{lits: a.position(len(pool)), equal: -1})
	}
	var maybe outcome
	for y := 1; y < len(pool); y++ {
		if a.hi >= 0 && int64(y) >= a.hi {
			break
		}
		for x := range y {
			changed := slices.Clone(pool[:max(len(slots), y+1)])
			changed[x].lits = append(slices.Clone(changed[x].lits), changed[y].lits...)
			changed[y].equal = x
			out := a.solve(changed[x].lits)
			if out.found {
				out = a.finish(changed, max(used, y+1), t)
			}
			if out.found && out.sure {
				return out
			}
			if out.found && !maybe.found {
				maybe = out
			} else if !out.found {
				t.add(out)
			}
		}
	}
	if maybe.found {
		return maybe
	}
	return outcome{low: unbounded}
}

// finish fills the array to its least length, decides for each counted contains which items match, and takes values.
func (a *arrayGoal) finish(slots []slot, used int, t *tally) outcome {
	length := max(a.lo, int64(used))
	if len(slots) > a.prefix {
		length = max(length, int64(len(slots)))
	}
	if a.hi >= 0 && length > a.hi {
		return outcome{low: unbounded}
	}
	rest := slot{lits: a.position(max(a.prefix, len(slots))), equal: -1}
	if length > int64(len(slots)) { // items that only have to be there
		if out := a.solve(rest.lits); !out.found {
			t.add(out)
			return outcome{low: unbounded}
		}
		if length > MaxWitnessNodes {
			for _, s := range slots {
				if out := a.solve(s.lits); !out.found {
					t.add(out)
					return outcome{low: unbounded}
				}
			}
			return undecided(ReasonWitnessSize, "an array of more than 10000 items")
		}
	}
	a.meter.spend(onItems, 4*int(length))
	all := slices.Clone(slots[:min(length, int64(len(slots)))])
	for int64(len(all)) < length {
		all = append(all, rest)
	}
	var bounded []occurs
	for _, o := range a.contains {
		if o.hi >= 0 {
			bounded = append(bounded, o)
		}
	}
	if len(bounded) > MaxContains || len(bounded) > 0 && len(all) > MaxUnique {
		return a.uniform(all, bounded, t)
	}
	return a.count(all, bounded, 0, 0, make([]int64, len(bounded)), t)
}

// uniform handles many items with counted contains in the one way that is simple: no item matches but those placed.
func (a *arrayGoal) uniform(all []slot, bounded []occurs, t *tally) outcome {
	if a.equal {
		return undecided(ReasonContains, "counted contains over many items, two of them equal")
	}
	for i, s := range all {
		lits := slices.Clone(s.lits)
		for _, o := range bounded {
			if !slices.Contains(s.marks, o.kid) {
				lits = append(lits, neg(o.kid))
			}
		}
		all[i].lits = lits
		if out := a.solve(lits); !out.found {
			return undecided(ReasonContains, "counted contains over many items")
		}
	}
	out := a.values(all, t)
	if !out.found {
		return undecided(ReasonContains, "counted contains over many items")
	}
	return out
}

// count decides for item i and bounded contains j whether the item matches; items placed for a contains do.
func (a *arrayGoal) count(all []slot, bounded []occurs, i, j int, held []int64, t *tally) outcome {
	if !a.step() {
		return a.meter.exhausted()
	}
	if j == len(bounded) {
		i, j = i+1, 0
	}
	if i >= len(all) || len(bounded) == 0 {
		return a.values(all, t)
	}
	a.meter.spend(onItems, 2*len(all))
	s, o := all[i], bounded[j]
	target := i // literals of a repeated item stand at the item it repeats
	if s.equal >= 0 {
		target = s.equal
	}
	var maybe outcome
	for _, match := range []bool{false, true} {
		if !match && slices.Contains(s.marks, o.kid) {
			continue
		}
		if match && held[j] >= o.hi {
			continue
		}
		changed := slices.Clone(all)
		changed[target].lits = append(slices.Clone(all[target].lits), pos(o.kid).is(match))
		out := a.solve(changed[target].lits)
		if out.found {
			counts := slices.Clone(held)
			if match {
				counts[j]++
			}
			out = a.count(changed, bounded, i, j+1, counts, t)
		}
		if out.found && out.sure {
			return out
		}
		if out.found && !maybe.found {
			maybe = out
		} else if !out.found {
			t.add(out)
		}
	}
	if maybe.found {
		return maybe
	}
	return outcome{low: unbounded}
}

// values takes a value for each item, different ones where items must be unique.
func (a *arrayGoal) values(all []slot, t *tally) outcome {
	if a.unique {
		return a.distinct(all, t)
	}
	a.meter.spend(onItems, len(all))
	value := make([]any, len(all))
	result := found(value, true)
	for i, s := range all {
		if s.equal >= 0 {
			value[i] = value[s.equal]
			continue
		}
		out := a.solve(s.lits)
		if !out.found {
			t.add(out)
			return outcome{low: unbounded}
		}
		value[i] = out.value
		if !out.sure {
			result.sure, result.reason, result.detail = false, out.reason, out.detail
		}
	}
	return result
}

// distinct matches items to different values. An item with at least as many values as there are items never fails, so
// that many are listed; the matching is then complete.
func (a *arrayGoal) distinct(all []slot, t *tally) outcome {
	n := len(all)
	if n > MaxUnique {
		return undecided(ReasonUnique, "more than 64 different items")
	}
	lists := make([][]any, n)
	sure := true
	for i, s := range all {
		lits := slices.Clone(s.lits)
		for len(lists[i]) < n {
			if a.meter.over() {
				return a.meter.exhausted()
			}
			out := a.solve(lits)
			if !out.found {
				t.add(out)
				break
			}
			sure = sure && out.sure
			nodes, _ := size(out.value)
			if a.meter.spend(onItems, nodes*(1+len(lists[i]))); nodes > MaxWitnessNodes {
				return undecided(ReasonWitnessSize, "different items of more than 10000 values each")
			}
			lists[i] = append(lists[i], out.value)
			lits = append(slices.Clone(s.lits), neg(a.intern(valueSet("", lists[i]))))
		}
	}
	owner := map[string]int{} // text of a value to the item that has it
	chosen := make([]any, n)
	var assign func(i int, tried map[string]bool) bool
	assign = func(i int, tried map[string]bool) bool {
		for _, v := range lists[i] {
			text := canonical(v)
			a.meter.spend(onItems, 4+len(text)/8)
			if tried[text] {
				continue
			}
			tried[text] = true
			if j, taken := owner[text]; !taken || assign(j, tried) {
				owner[text], chosen[i] = i, v
				return true
			}
		}
		return false
	}
	for i := range all {
		if !assign(i, map[string]bool{}) {
			if !sure {
				return undecided(ReasonUnique, "different items that only the validator can tell")
			}
			return outcome{low: unbounded}
		}
	}
	return found(chosen, sure)
}
