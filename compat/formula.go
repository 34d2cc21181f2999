package compat

import "strings"

// maxFlat is how many parts a conjunction or disjunction may have to be taken into another one: chains of them would be
// copied at every link.
const maxFlat = 256

// all is the conjunction: flat, without repetition, true parts gone, types and value sets met.
func (l *lowering) all(at string, ids []int32) int32 {
	var kids []int32
	types, never := anyType, false
	seen := map[int32]bool{}
	var add func([]int32)
	add = func(ids []int32) {
		for _, id := range ids {
			n := &l.graph.nodes[id]
			switch n.kind {
			case kTrue:
			case kFalse:
				never = true
			case kAll:
				if len(n.kids) <= maxFlat {
					add(n.kids)
				} else if !seen[id] {
					seen[id] = true
					kids = append(kids, id)
				}
			case kTypes:
				types &= n.types
			default:
				if !seen[id] {
					seen[id] = true
					kids = append(kids, id)
				}
			}
		}
	}
	add(ids)
	if never || types == 0 {
		return l.add(node{kind: kFalse})
	}
	if types != anyType {
		kids = append([]int32{l.types(at, types)}, kids...)
	}
	switch len(kids) {
	case 0:
		return l.add(node{kind: kTrue})
	case 1:
		return kids[0]
	}
	return l.add(node{kind: kAll, kids: kids, pointer: at})
}

// any is the disjunction: flat, without repetition, false parts gone, types and value sets joined.
func (l *lowering) any(at string, ids []int32) int32 {
	var kids []int32
	var types typeMask
	var vals []any
	sets, always := 0, false
	seen := map[int32]bool{}
	var last int32
	var add func([]int32)
	add = func(ids []int32) {
		for _, id := range ids {
			n := &l.graph.nodes[id]
			switch n.kind {
			case kFalse:
			case kTrue:
				always = true
			case kAny:
				if len(n.kids) <= maxFlat {
					add(n.kids)
				} else if !seen[id] {
					seen[id] = true
					kids = append(kids, id)
				}
			case kTypes:
				types |= n.types
			case kValues:
				vals = append(vals, n.vals...)
				sets, last = sets+1, id
			default:
				if !seen[id] {
					seen[id] = true
					kids = append(kids, id)
				}
			}
		}
	}
	add(ids)
	if always || types == anyType {
		return l.add(node{kind: kTrue})
	}
	switch {
	case sets == 1:
		kids = append([]int32{last}, kids...)
	case sets > 1:
		kids = append([]int32{l.add(valueSet(at, vals))}, kids...)
	}
	if types != 0 {
		kids = append([]int32{l.types(at, types)}, kids...)
	}
	switch len(kids) {
	case 0:
		return l.add(node{kind: kFalse})
	case 1:
		return kids[0]
	}
	return l.add(node{kind: kAny, kids: kids, pointer: at})
}

// one is "exactly one"; false branches gone, equal branches kept, since they count each.
func (l *lowering) one(at string, ids []int32) int32 {
	var kids []int32
	for _, id := range ids {
		if l.graph.nodes[id].kind != kFalse {
			kids = append(kids, id)
		}
	}
	switch len(kids) {
	case 0:
		return l.add(node{kind: kFalse})
	case 1:
		return kids[0]
	}
	var types typeMask
	for _, id := range kids {
		n := &l.graph.nodes[id]
		if n.kind != kTypes || types&n.types != 0 {
			return l.add(node{kind: kOne, kids: kids, pointer: at})
		}
		types |= n.types
	}
	return l.types(at, types) // disjoint types: the same as any of them
}

func (l *lowering) not(at string, id int32) int32 {
	n := &l.graph.nodes[id]
	switch n.kind {
	case kTrue:
		return l.add(node{kind: kFalse})
	case kFalse:
		return l.add(node{kind: kTrue})
	case kNot:
		return n.kids[0]
	case kTypes:
		return l.types(at, anyType&^n.types)
	}
	return l.add(node{kind: kNot, kids: []int32{id}, pointer: at})
}

// escape writes one token of a JSON Pointer.
func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}
