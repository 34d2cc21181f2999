package compat

import (
	"math/big"
	"slices"
)

// leaf solves atoms of one type. A value that an excluded set names is excluded step by step: a different value differs
// from it in one of finitely many ways, each of which is a literal.
func (st *state) leaf(d *derivation) outcome {
	if st.meter.over() { // not every union has been looked at
		return st.meter.exhausted()
	}
	var out outcome
	switch st.mask {
	case isNull:
		out = st.try([]any{nil}, d, ruleFinite)
	case isBoolean:
		out = st.try([]any{false, true}, d, ruleFinite)
	case isNumber:
		out = st.number(d)
	case isString:
		out = st.text(d)
	case isArray:
		out = st.array(d)
	default:
		out = st.object(d)
	}
	if !out.found {
		return out
	}
	if st.mask&(isArray|isObject) != 0 && st.excludes() {
		nodes, _ := size(out.value)
		if st.meter.spend(onValues, nodes); nodes > MaxWitnessNodes {
			return undecided(ReasonWitnessSize, "a value of more than 10000 parts that must differ from others")
		}
		if st.excluded(canonical(out.value)) {
			return st.differ(out.value, d)
		}
	}
	for _, l := range st.trail {
		if n := &st.nodes[l.id()]; n.kind == kOpaque {
			out.sure = false
			out.reason, out.detail = n.opaque()
		}
	}
	return out
}

// excludes reports whether there is any value set that must not hold.
func (st *state) excludes() bool {
	return slices.ContainsFunc(st.trail, func(l lit) bool { return !l.holds() && st.nodes[l.id()].kind == kValues })
}

// excluded reports whether a value set that must not hold has the text.
func (st *state) excluded(text string) bool {
	for _, l := range st.trail {
		if n := &st.nodes[l.id()]; !l.holds() && n.kind == kValues {
			if _, ok := slices.BinarySearch(n.texts, text); ok {
				return true
			}
		}
	}
	return false
}

// differ splits "not this array or object" into the ways to be another one.
func (st *state) differ(v any, d *derivation) outcome {
	var alts [][]lit
	same := func(e any) []int32 { return []int32{st.intern(valueSet("", []any{e}))} }
	switch v := v.(type) {
	case []any:
		n := int64(len(v))
		if n > 0 {
			alts = append(alts, []lit{neg(st.intern(node{kind: kMinItems, count: n}))})
		}
		alts = append(alts, []lit{neg(st.intern(node{kind: kMaxItems, count: n}))})
		for i, e := range v {
			alts = append(alts, []lit{neg(st.intern(node{kind: kItem, count: int64(i), kids: same(e)}))})
		}
	case map[string]any:
		names := sortedKeys(v)
		for _, k := range names {
			required := st.intern(node{kind: kRequired, name: k})
			alts = append(alts, []lit{neg(required)})
			alts = append(alts, []lit{pos(required), neg(st.intern(node{kind: kProp, name: k, kids: same(v[k])}))})
		}
		alts = append(alts, []lit{neg(st.intern(addl(names, nil, st.intern(node{kind: kFalse}))))})
	}
	return st.splitOn(alts, d, ruleDiffer)
}

func (st *state) splitOn(alts [][]lit, d *derivation, rule inference) outcome {
	t := newTally()
	for _, alt := range alts {
		if st.meter.over() {
			return st.meter.exhausted()
		}
		mark := st.mark()
		sub := &derivation{goal: alt}
		var out outcome
		if st.assert(alt) {
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
	return t.close(d, rule, "")
}

func (st *state) number(d *derivation) outcome {
	n := numbers{excluded: map[string]bool{}, meter: st.meter}
	for _, l := range st.trail {
		a := &st.nodes[l.id()]
		switch {
		case a.kind == kMin && l.holds():
			n.atLeast(a.rat, a.open)
		case a.kind == kMin:
			n.atMost(a.rat, !a.open)
		case a.kind == kMax && l.holds():
			n.atMost(a.rat, a.open)
		case a.kind == kMax:
			n.atLeast(a.rat, !a.open)
		case a.kind == kMult && l.holds():
			n.multipleOf(a.rat)
		case a.kind == kMult:
			n.not = append(n.not, a.rat)
		case a.kind == kValues && !l.holds():
			for i, v := range a.vals {
				if _, ok := v.(*big.Rat); ok {
					n.excluded[a.texts[i]] = true
				}
			}
		}
	}
	v, t := n.solve()
	switch t {
	case yes:
		return found(v, true)
	case no:
		return newTally().close(d, ruleNumber, "")
	}
	if st.meter.over() {
		return st.meter.exhausted()
	}
	return undecided(ReasonNumber, "more than 100000 candidates")
}
