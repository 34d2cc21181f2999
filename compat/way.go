package compat

import (
	"context"
	"fmt"
	"strings"
)

// maxWays bounds the ways through a schema for which an example of their own is looked for.
const maxWays = 512

// way is one choice that a schema leaves to its events: a branch, a type, a value, a kind of member. The node says "the
// event takes it".
type way struct {
	node int32
	why  string
}

// wayfinder lists the ways through a schema, outside in, each node once.
type wayfinder struct {
	*store
	seen map[int32]bool
	out  []way
}

// waysThrough lists the ways; every one of them is a node of the store.
func (s *store) waysThrough(root int32) []way {
	w := &wayfinder{store: s, seen: map[int32]bool{}}
	w.walk(root, "", func(x int32) int32 { return x })
	return w.out
}

func (w *wayfinder) both(a, b int32) int32 {
	return w.intern(node{kind: kAll, kids: []int32{min(a, b), max(a, b)}})
}

func (w *wayfinder) not(a int32) int32 { return w.intern(node{kind: kNot, kids: []int32{a}}) }

func (w *wayfinder) add(node int32, format string, args ...any) {
	if len(w.out) < maxWays {
		w.out = append(w.out, way{node, fmt.Sprintf(format, args...)})
	}
}

// walk looks at a node that applies at an address; wrap says of a node that applies there what that asks of the event.
func (w *wayfinder) walk(id int32, address string, wrap func(int32) int32) {
	if w.seen[id] || len(w.out) >= maxWays || strings.Count(address, "/") > maxMadeHeight {
		return
	}
	w.seen[id] = true
	n := w.nodes[id]
	below := func(at string, some func(x int32) int32) {
		w.add(wrap(some(w.intern(node{kind: kTrue}))), "%s: present", at)
		w.walk(n.kids[0], at, func(x int32) int32 { return wrap(some(x)) })
	}
	switch n.kind {
	case kAll:
		for _, k := range n.kids {
			w.walk(k, address, wrap)
		}
	case kAny, kOne:
		for i, k := range n.kids {
			w.add(wrap(k), "%s: branch %d of %s", address, i, n.pointer)
			w.walk(k, address, func(x int32) int32 { return wrap(w.both(k, x)) })
		}
	case kIf:
		for i, cond := range []int32{n.kids[0], w.not(n.kids[0])} {
			w.add(wrap(cond), "%s: condition %v of %s", address, i == 0, n.pointer)
			w.walk(n.kids[i+1], address, func(x int32) int32 { return wrap(w.both(cond, x)) })
		}
	case kTypes:
		for _, t := range n.types.split() {
			w.add(wrap(w.intern(node{kind: kTypes, types: t})), "%s: %s", address, t)
		}
	case kValues:
		for _, v := range n.vals[:min(len(n.vals), maxStrings)] {
			w.add(wrap(w.intern(valueSet("", []any{v}))), "%s: %s", address, clip(canonical(v)))
		}
	case kProp:
		at := address + "/" + escape(n.name)
		w.add(wrap(w.both(w.intern(node{kind: kTypes, types: isObject}), w.not(w.intern(node{kind: kRequired, name: n.name})))), "%s: absent", at)
		below(at, func(x int32) int32 { return w.not(w.intern(node{kind: kProp, name: n.name, kids: []int32{w.not(x)}})) })
	case kPatProp:
		below(address+"/~re:"+n.name, func(x int32) int32 {
			return w.not(w.intern(node{kind: kPatProp, name: n.name, kids: []int32{w.not(x)}}))
		})
	case kAddl:
		below(address+"/~other", func(x int32) int32 { return w.not(w.intern(addl(n.names, n.patterns, w.not(x)))) })
	case kItem, kItems:
		below(address+"/*", func(x int32) int32 {
			return w.not(w.intern(node{kind: n.kind, count: n.count, kids: []int32{w.not(x)}}))
		})
	case kContainsMin:
		w.walk(n.kids[0], address+"/*", func(x int32) int32 {
			return wrap(w.intern(node{kind: kContainsMin, count: 1, kids: []int32{w.both(n.kids[0], x)}}))
		})
	}
}

// detours are events for the ways that none of the given ones takes.
func (m *maker) detours(taken [][]byte, give func(event []byte, ok bool, why string) bool) bool {
	st, roots := newStore(m.schema.graph)
	s := newSearch(st, m.search.budget)
	s.ctx = context.Background()
	var values []any
	for _, event := range taken {
		if v, err := parseValue(event); err == nil {
			values = append(values, v)
		}
	}
	takes := func(w way) bool {
		for _, v := range values {
			if st.eval(w.node, v) == yes {
				return true
			}
		}
		return false
	}
	for _, w := range st.waysThrough(roots[0]) {
		if takes(w) {
			continue
		}
		out := s.solve([]lit{pos(roots[0]), pos(w.node)})
		if nodes, _ := size(out.value); !out.found || nodes > MaxWitnessNodes {
			continue
		}
		event := appendValue(nil, out.value)
		if len(event) > MaxExampleBytes || !m.schema.source.Valid(event) {
			continue
		}
		values = append(values, out.value)
		if !give(event, true, w.why) {
			return false
		}
	}
	return true
}
