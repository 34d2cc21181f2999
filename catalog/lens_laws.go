package catalog

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// sameEvent compares two events by value, numbers exactly, outside the given addresses (JSON Pointers with * for the
// items of an array); at is the first place where they differ.
func sameEvent(a, b []byte, except []string) (at string, same bool) {
	if bytes.Equal(a, b) {
		return "", true
	}
	x, errX := decodeEvent(a)
	y, errY := decodeEvent(b)
	if errX != nil || errY != nil {
		return "", false
	}
	c := comparison{except: except}
	return c.differ("", x, y)
}

// decodeEvent reads an event with the text of its numbers.
func decodeEvent(event []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	return v, d.Decode(&v)
}

// comparison compares values below an address.
type comparison struct{ except []string }

// missing stands for a member that is not there.
type missing struct{}

// excused says that a place may differ.
func (c comparison) excused(address string) bool { return slices.Contains(c.except, address) }

// differ returns the first address where two values differ.
func (c comparison) differ(address string, a, b any) (string, bool) {
	if c.excused(address) {
		return "", true
	}
	if _, gone := a.(missing); gone {
		a, b = b, a
	}
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if _, gone := b.(missing); gone && len(a) > 0 {
			other, ok = nil, true // an object whose every member is excused may be gone as a whole
		}
		if !ok {
			return address, false
		}
		return c.members(address, a, other)
	case []any:
		other, ok := b.([]any)
		if ok && c.excused(address+"/*") {
			return "", true // items may be dropped: their number says nothing
		}
		if !ok || len(a) != len(other) {
			return address, false
		}
		for i := range a {
			if at, same := c.differ(address+"/*", a[i], other[i]); !same {
				return at, false
			}
		}
		return "", true
	case json.Number:
		other, ok := b.(json.Number)
		return address, ok && sameNumber(a, other)
	}
	return address, a == b
}

// members compares two objects.
func (c comparison) members(address string, a, b map[string]any) (string, bool) {
	names := slices.Sorted(maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	get := func(m map[string]any, name string) any {
		if v, there := m[name]; there {
			return v
		}
		return missing{}
	}
	for _, name := range names {
		if at, same := c.differ(address+"/"+pointerEscape.Replace(name), get(a, name), get(b, name)); !same {
			return at, false
		}
	}
	return "", true
}

// sameNumber compares two numbers exactly.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) == 0
}

// maxShrinks bounds how many smaller events are tried.
const maxShrinks = 2_000

// shrink makes an event smaller while it still fails: it leaves out members and items, empties strings and takes
// numbers to 0, as long as something helps.
func shrink(event []byte, fails func([]byte) bool) []byte {
	root, err := decodeEvent(event)
	if err != nil {
		return event
	}
	s := shrinking{root: root, best: event, left: maxShrinks, fails: fails}
	for s.pass(root, func(v any) { s.root = v }) && s.left > 0 {
		root = s.root
	}
	return s.best
}

// shrinking is a shrink on its way.
type shrinking struct {
	root  any
	best  []byte
	left  int
	fails func([]byte) bool
}

// try keeps a change if the event still fails.
func (s *shrinking) try(change, undo func()) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	change()
	event, err := json.Marshal(s.root)
	if err == nil && len(event) < len(s.best) && s.fails(event) {
		s.best = event
		return true
	}
	undo()
	return false
}

// pass tries every single change below a value; set replaces the value where it stands.
func (s *shrinking) pass(v any, set func(any)) (helped bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			old := v[name]
			if s.try(func() { delete(v, name) }, func() { v[name] = old }) || s.pass(old, func(next any) { v[name] = next }) {
				helped = true
			}
		}
	case []any:
		for i := len(v) - 1; i >= 0; i-- {
			shorter := slices.Delete(slices.Clone(v), i, i+1)
			if s.try(func() { set(shorter) }, func() { set(v) }) {
				return true
			}
			if s.pass(v[i], func(next any) { v[i] = next }) {
				helped = true
			}
		}
	case string:
		for _, shorter := range []string{"", strings.ToValidUTF8(v[:len(v)/2], ""), "a"} {
			if s.try(func() { set(shorter) }, func() { set(v) }) {
				return true
			}
		}
	case json.Number:
		for n := range 2 {
			if s.try(func() { set(json.Number(strconv.Itoa(n))) }, func() { set(v) }) {
				return true
			}
		}
	}
	return helped
}
