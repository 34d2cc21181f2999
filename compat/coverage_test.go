package compat

import (
	"fmt"
	"testing"
)

// coverage walks values through a lowered schema and marks which kids of unions some value has satisfied, and which
// optional members were there and were not.
type coverage struct {
	*store
	hit  map[[2]int32]bool // union and index of a kid
	seen map[int32]bool
}

// walk marks the unions that apply to v in place and below.
func (c *coverage) walk(id int32, v any) {
	n := &c.nodes[id]
	switch n.kind {
	case kAll:
		for _, k := range n.kids {
			c.walk(k, v)
		}
	case kAny, kOne:
		for i, k := range n.kids {
			if c.eval(k, v) == yes {
				c.hit[[2]int32{id, int32(i)}] = true
				c.walk(k, v)
			}
		}
	case kIf:
		branch := int32(2)
		if c.eval(n.kids[0], v) == yes {
			branch = 1
		}
		c.hit[[2]int32{id, branch}] = true
		c.walk(n.kids[branch], v)
	case kValues:
		for i, text := range n.texts {
			if canonical(v) == text {
				c.hit[[2]int32{id, int32(i)}] = true
			}
		}
	case kTypes:
		for i, t := range n.types.split() {
			if t == typeOf(v) {
				c.hit[[2]int32{id, int32(i)}] = true
			}
		}
	}
	switch v := v.(type) {
	case map[string]any:
		if n.kind == kProp {
			e, ok := v[n.name]
			if c.hit[[2]int32{id, 1}] = c.hit[[2]int32{id, 1}] || !ok; ok {
				c.hit[[2]int32{id, 0}] = true
				c.walk(n.kids[0], e)
			}
		}
		for name, e := range v {
			if n.kind == kPatProp && c.match(n.name, name) || n.kind == kAddl && c.outside(n, name) {
				c.hit[[2]int32{id, 0}] = true
				c.walk(n.kids[0], e)
			}
		}
	case []any:
		for i, e := range v {
			if n.kind == kItem && int(n.count) == i || n.kind == kItems && int(n.count) <= i {
				c.hit[[2]int32{id, 0}] = true
				c.walk(n.kids[0], e)
			}
		}
	}
}

// choices lists what there is to be covered: for each node that applies somewhere, its ways that some event takes. A way
// counts if the goal {root, this way} has a value, which is known for the nodes that apply to the root in place; below,
// if the way itself has a value.
func (c *coverage) choices(s *search, id int32, in []lit, mask typeMask, out map[[2]int32]bool) {
	if c.seen[id] {
		return
	}
	c.seen[id] = true
	n := &c.nodes[id]
	open := func(more ...lit) bool {
		o := s.solve(append(append([]lit{}, in...), more...))
		return o.found && o.sure
	}
	switch n.kind {
	case kAll:
		for _, k := range n.kids {
			c.choices(s, k, in, mask, out)
		}
	case kAny, kOne:
		for i, k := range n.kids {
			if open(pos(k)) {
				out[[2]int32{id, int32(i)}] = true
				c.choices(s, k, append(append([]lit{}, in...), pos(k)), mask, out)
			}
		}
	case kIf:
		for i, cond := range []lit{pos(n.kids[0]), neg(n.kids[0])} {
			if open(cond) {
				out[[2]int32{id, int32(i + 1)}] = true
				c.choices(s, n.kids[i+1], append(append([]lit{}, in...), cond), mask, out)
			}
		}
	case kValues:
		for i, v := range n.vals {
			if s.holds(in, v) == yes {
				out[[2]int32{id, int32(i)}] = true
			}
		}
	case kTypes:
		for i, t := range n.types.split() {
			if open(pos(c.intern(node{kind: kTypes, types: t}))) {
				out[[2]int32{id, int32(i)}] = true
			}
		}
	case kProp:
		req := c.intern(node{kind: kRequired, name: n.name})
		object := pos(c.intern(node{kind: kTypes, types: isObject}))
		if open(object, pos(req)) {
			out[[2]int32{id, 0}] = true
		}
		if open(object, neg(req)) {
			out[[2]int32{id, 1}] = true
		}
	case kItem:
		if open(neg(c.intern(node{kind: kMaxItems, count: n.count}))) {
			out[[2]int32{id, 0}] = true
		}
	case kItems:
		if open(neg(c.intern(node{kind: kMaxItems, count: n.count}))) {
			out[[2]int32{id, 0}] = true
		}
	case kPatProp:
		no := c.intern(node{kind: kPatProp, name: n.name, kids: []int32{c.intern(node{kind: kFalse})}})
		if open(neg(no)) {
			out[[2]int32{id, 0}] = true
		}
	case kAddl:
		no := addl(n.names, n.patterns, c.intern(node{kind: kFalse}))
		if open(neg(c.intern(no))) {
			out[[2]int32{id, 0}] = true
		}
	}
}

// Covered says how many of the ways through a schema's root the first n examples take, of those that there are.
func Covered(t testing.TB, s *Schema, n int, seed uint64) (covered, all int, missed []string) {
	st, roots := newStore(s.graph)
	search := newSearch(st, DefaultBudget)
	search.ctx = t.Context()
	c := &coverage{store: st, hit: map[[2]int32]bool{}, seen: map[int32]bool{}}
	out := map[[2]int32]bool{}
	c.choices(search, roots[0], []lit{pos(roots[0])}, anyType, out)
	for sample, err := range Examples(s, seed) {
		if err != nil {
			return 0, 0, nil
		}
		if !s.source.Valid(sample.Event) {
			t.Errorf("example %s (%s) is not valid", sample.Event, sample.Why)
		}
		v, err := parseValue(sample.Event)
		if err != nil {
			t.Fatal(err)
		}
		c.walk(roots[0], v)
		if n--; n == 0 {
			break
		}
	}
	for k := range out {
		if all++; c.hit[k] {
			covered++
		} else {
			missed = append(missed, fmt.Sprintf("%d of kind %d at %s", k[1], st.nodes[k[0]].kind, st.nodes[k[0]].pointer))
		}
	}
	return covered, all, missed
}
