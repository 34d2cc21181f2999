package upcast

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fields reads the members of one object of a lens document. A member that nobody asked for is a fault, so that a
// misspelt one never passes for an absent one.
type fields struct {
	r        *reader
	position string
	members  []member
	asked    map[string]bool
	nesting  int
}

func (r *reader) object(position string, n *node) *fields {
	o := &fields{r: r, position: position, asked: map[string]bool{}}
	if n.kind != object {
		r.fail(position, "is of type %s, not object", n.kind)
		return o
	}
	o.members = n.members
	return o
}

// at gives the position of a member.
func (o *fields) at(name string) string {
	if o.position == "" {
		return name
	}
	return o.position + "." + name
}

func (o *fields) get(name string) *node {
	o.asked[name] = true
	for i := range o.members {
		if string(o.members[i].name) == name {
			return o.members[i].value
		}
	}
	return nil
}

// done reports a member that nobody asked for.
func (o *fields) done() {
	for _, m := range o.members {
		if !o.asked[string(m.name)] {
			o.r.fail(o.position, "unknown member %.40q; known here: %s", m.name, strings.Join(sortedKeys(o.asked), ", "))
		}
	}
}

func (o *fields) text(name, absent string) string {
	n := o.get(name)
	if n == nil {
		return absent
	}
	if n.kind != text {
		o.r.fail(o.at(name), "is of type %s, not string", n.kind)
		return absent
	}
	return string(n.string())
}

// word reads a string that must be one of a few; absent counts too, for a member that may be left out.
func (o *fields) word(name, absent string, known ...string) string {
	s := o.text(name, absent)
	if absent != "" && s == absent || slices.Contains(known, s) {
		return s
	}
	o.r.fail(o.at(name), "%.40q is not one of %s", s, strings.Join(known, ", "))
	return s
}

func (o *fields) boolean(name string) bool {
	n := o.get(name)
	if n != nil && n.kind != boolean {
		o.r.fail(o.at(name), "is of type %s, not boolean", n.kind)
		return false
	}
	return n != nil && n.raw[0] == 't'
}

func (o *fields) integer(name string, absent, low, high int) int {
	n := o.get(name)
	if n == nil {
		return absent
	}
	i, err := strconv.Atoi(string(n.raw))
	if n.kind != number || err != nil || i < low || i > high {
		o.r.fail(o.at(name), "is not an integer of %d to %d", low, high)
		return absent
	}
	return i
}

func (o *fields) list(name string, required bool) []*node {
	n := o.get(name)
	switch {
	case n == nil && required:
		o.r.fail(o.at(name), "is missing")
	case n == nil:
	case n.kind != array:
		o.r.fail(o.at(name), "is of type %s, not array", n.kind)
	default:
		return n.items
	}
	return nil
}

// address reads a JSON Pointer in which * stands for items.
func (o *fields) address(position string, n *node) string {
	return o.parsePointer(position, n).text
}

func (o *fields) parsePointer(position string, n *node) pointer {
	if n.kind != text {
		o.r.fail(position, "is of type %s, not string", n.kind)
		return pointer{}
	}
	p, err := parsePointer(string(n.string()))
	if err != nil {
		o.r.fail(position, "%s", err)
	}
	return p
}

// pointer reads a required JSON Pointer that does not mean the scope itself.
func (o *fields) pointer(name string) pointer {
	p := o.scope(name)
	if o.r.fault == nil && len(p.tokens) == 0 {
		o.r.fail(o.at(name), "means the scope itself; a member is needed")
	}
	return p
}

// scope reads a required JSON Pointer; "" is the scope itself.
func (o *fields) scope(name string) pointer {
	n := o.get(name)
	if n == nil {
		o.r.fail(o.at(name), "is missing")
		return pointer{}
	}
	return o.parsePointer(o.at(name), n)
}

// pointers reads a list of JSON Pointers, low to high of them.
func (o *fields) pointers(name string, low, high int) []pointer {
	items := o.list(name, true)
	if o.r.fault == nil && (len(items) < low || len(items) > high) {
		o.r.fail(o.at(name), "has %d items, not %d to %d", len(items), low, high)
	}
	list := make([]pointer, max(len(items), low)) // as many as the caller counts on, also after a fault
	for i, n := range items {
		list[i] = o.parsePointer(fmt.Sprintf("%s[%d]", o.at(name), i), n)
		if o.r.fault == nil && len(list[i].tokens) == 0 {
			o.r.fail(fmt.Sprintf("%s[%d]", o.at(name), i), "means the scope itself; a member is needed")
		}
	}
	return list
}

// name reads a required member name, as a pointer of one token.
func (o *fields) name(name string) pointer {
	s := o.text(name, "")
	if s == "" {
		o.r.fail(o.at(name), "is missing")
	}
	return namePointer(s)
}

func namePointer(name string) pointer {
	return pointer{text: "/" + escapeToken(name), tokens: []string{name}, quoted: [][]byte{quote(nil, []byte(name))}}
}

// constant reads any value; nil if it is absent.
func (o *fields) constant(name string) *node {
	n := o.get(name)
	if n != nil {
		o.bound(o.at(name), n)
	}
	return n
}

// bound holds MaxConstant.
func (o *fields) bound(position string, n *node) {
	if raw, ok := n.print(nil, 0); !ok || len(raw) > MaxConstant {
		o.r.fail(position, "longer than MaxConstant (%d)", MaxConstant)
	}
}

// supply reads value or from, at most one of them.
func (o *fields) supply() supply {
	s := supply{constant: o.constant("value")}
	if o.get("from") == nil {
		return s
	}
	if s.constant != nil {
		o.r.fail(o.at("from"), "stands beside value; one of the two is enough")
	}
	if attribute, ok := isAttribute(o.text("from", "")); ok {
		if attribute == "" {
			o.r.fail(o.at("from"), "names no attribute")
		}
		s.attribute, o.r.asks = attribute, true
		return s
	}
	from := o.pointer("from")
	s.from = &from
	return s
}

// table reads a function from scalars to constants: an object, whose names are strings, or a list of [from, to] for
// other scalars.
func (o *fields) table(name string, n *node) table {
	t := table{values: map[string]*node{}}
	position := o.at(name)
	put := func(from, to *node) {
		o.bound(position, to)
		key, ok := from.key(nil)
		switch {
		case !ok:
			o.r.fail(position, "an array or object cannot be looked up")
		case t.values[string(key)] != nil:
			o.r.fail(position, "the same value is looked up twice")
		case len(t.keys) == MaxTable:
			o.r.fail(position, "more than MaxTable (%d) entries", MaxTable)
		default:
			t.keys, t.from = append(t.keys, string(key)), append(t.from, from)
			t.values[string(key)] = to
		}
	}
	switch n.kind {
	case object:
		for _, m := range n.members {
			put(&node{kind: text, raw: bytes.Clone(m.raw)}, m.value)
		}
	case array:
		for i, pair := range n.items {
			if pair.kind != array || len(pair.items) != 2 {
				o.r.fail(fmt.Sprintf("%s[%d]", position, i), "is not a pair [from, to]")
				return t
			}
			put(pair.items[0], pair.items[1])
		}
	default:
		o.r.fail(position, "is of type %s, not object or array of pairs", n.kind)
	}
	return t
}
