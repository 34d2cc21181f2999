package upcast

import (
	"bytes"
	"slices"
)

// clone copies a value into the arena of the run. The copy stands nowhere in the event that was read.
func (r *run) clone(n *node) *node {
	c := r.arena.node()
	c.kind, c.raw = n.kind, n.raw
	if n.kind == object {
		c.members = make([]member, len(n.members))
		for i, m := range n.members {
			c.members[i] = member{m.raw, m.name, r.clone(m.value)}
		}
	}
	if n.kind == array {
		c.items = make([]*node, len(n.items))
		for i, item := range n.items {
			c.items[i] = r.clone(item)
		}
	}
	return c
}

// text makes a string node.
func (r *run) text(s []byte) *node {
	n := r.arena.node()
	n.kind, n.raw = text, quote(make([]byte, 0, len(s)+2), s)
	return n
}

// string returns the content of a string node.
func (n *node) string() []byte {
	s, _ := unquote(n.raw)
	return s
}

// same compares two values as JSON: numbers exactly, members in any order.
func same(a, b *node) bool {
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case number:
		return sameNumber(a.raw, b.raw)
	case text:
		return bytes.Equal(a.string(), b.string())
	case array:
		return slices.EqualFunc(a.items, b.items, same)
	case object:
		if len(a.members) != len(b.members) {
			return false
		}
		for _, m := range a.members {
			if at := b.index(string(m.name)); at < 0 || !same(m.value, b.members[at].value) {
				return false
			}
		}
		return true
	}
	return bytes.Equal(a.raw, b.raw)
}

// key returns a text that is equal for equal scalars and null, for tables; false for arrays and objects.
func (n *node) key(dst []byte) ([]byte, bool) {
	switch n.kind {
	case text:
		return append(append(dst, '"'), n.string()...), true
	case number:
		return canonicalNumber(append(dst, '#'), n.raw), true
	case boolean, null:
		return append(dst, n.raw...), true
	}
	return dst, false
}

// set turns a node into a scalar, in its place.
func (n *node) set(k kind, raw []byte) {
	n.kind, n.raw, n.members, n.items = k, raw, nil, nil
}
