package compat

import (
	"iter"
	"maps"
	"math/big"
	"slices"
	"unicode/utf8"
)

// Limits of an event that is shown.
const (
	MaxWitnessNodes = 10_000
	MaxWitnessBytes = 256 << 10
	MaxShrink       = 2_000   // validations spent on making one event smaller
	maxShrinkBytes  = 1 << 20 // … of that weight together
	maxHeight       = 64      // the validator's depth of events
)

// shrink makes an event that breaks smaller, as long as it still breaks, until no single deletion and no single
// simplification does.
func (q *question) shrink(event []byte) ([]byte, error) {
	v, err := parseValue(event)
	if err != nil {
		return nil, err
	}
	left, size := MaxShrink, maxShrinkBytes
	breaks := func(v any) bool {
		text := appendValue(nil, v)
		if left, size = left-1, size-q.weight(text); size < 0 {
			left = 0
		}
		return left > 0 && q.breaks(text)
	}
	for changed := true; changed && left > 0; {
		changed = false
		for smaller := range simplifications(v) {
			if left <= 0 {
				break
			}
			if breaks(smaller) {
				v, changed = smaller, true
				break
			}
		}
	}
	return appendValue(nil, v), nil
}

// weight is what it costs to validate an event, in bytes of an event: schemas with more in them take longer.
func (q *question) weight(event []byte) int {
	return len(event) + (len(q.old.graph.nodes)+len(q.next.graph.nodes))/nodesPerByte
}

const nodesPerByte = 4

// simplifications yields values that are one step simpler than v: deletions first, then simpler scalars, outside in.
func simplifications(v any) iter.Seq[any] {
	return func(yield func(any) bool) { simplify(v, yield) }
}

// simplest is the order of preference of whole values.
var simplest = []any{nil, false, new(big.Rat), "", []any{}, map[string]any{}}

func simplify(v any, yield func(any) bool) bool {
	for _, s := range simplest { // the simplest value of its own type; other types only for members and items
		if typeOf(s) == typeOf(v) {
			if canonical(s) != canonical(v) && !yield(s) {
				return false
			}
			break
		}
	}
	switch v := v.(type) {
	case bool:
		return !v || yield(false)
	case *big.Rat:
		return simplifyNumber(v, yield)
	case string:
		return simplifyString(v, yield)
	case []any:
		if n := len(v); n > 8 && (!yield(slices.Clone(v[:n/2])) || !yield(slices.Clone(v[n/2:]))) {
			return false
		}
		for i := range v {
			if !yield(slices.Delete(slices.Clone(v), i, i+1)) {
				return false
			}
		}
		for i, e := range v {
			ok := inner(e, func(x any) bool {
				c := slices.Clone(v)
				c[i] = x
				return yield(c)
			})
			if !ok {
				return false
			}
		}
	case map[string]any:
		without := func(names []string) map[string]any {
			c := maps.Clone(v)
			for _, k := range names {
				delete(c, k)
			}
			return c
		}
		names := sortedKeys(v)
		if n := len(names); n > 8 && (!yield(without(names[:n/2])) || !yield(without(names[n/2:]))) {
			return false
		}
		for i := range names {
			if !yield(without(names[i : i+1])) {
				return false
			}
		}
		for _, k := range sortedKeys(v) {
			ok := inner(v[k], func(x any) bool {
				c := make(map[string]any, len(v))
				maps.Copy(c, v)
				c[k] = x
				return yield(c)
			})
			if !ok {
				return false
			}
		}
	}
	return true
}

// inner also replaces a member or item by simpler values of other types.
func inner(v any, yield func(any) bool) bool {
	for _, s := range simplest {
		if typeOf(s) >= typeOf(v) {
			break
		}
		if !yield(s) {
			return false
		}
	}
	return simplify(v, yield)
}

func simplifyNumber(v *big.Rat, yield func(any) bool) bool {
	if v.Sign() < 0 && !yield(new(big.Rat).Neg(v)) {
		return false
	}
	if !v.IsInt() {
		if !yield(new(big.Rat).SetInt(floor(v))) {
			return false
		}
	}
	limit := new(big.Rat).Abs(v)
	for _, i := range []int64{1, 2, 3, 5, 10, 100} {
		r := big.NewRat(i, 1)
		if r.Cmp(limit) < 0 && !yield(r) {
			return false
		}
	}
	return true
}

func simplifyString(v string, yield func(any) bool) bool {
	runes := []rune(v)
	if n := len(runes); n > 8 {
		if !yield(string(runes[:n/2])) || !yield(string(runes[n/2:])) {
			return false
		}
	}
	if utf8.RuneCountInString(v) <= 64 {
		for i := range runes {
			if !yield(string(slices.Delete(slices.Clone(runes), i, i+1))) {
				return false
			}
		}
	}
	return true
}

// mutations yields an event with one change each: a member or item dropped, null or of another type, a number next to
// itself, a string longer, an extra member.
func mutations(event []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		v, err := parseValue(event)
		if err != nil {
			return
		}
		mutate(v, func(m any) bool { return yield(appendValue(nil, m)) })
	}
}

func mutate(v any, yield func(any) bool) bool {
	others := []any{nil, "x", big.NewRat(1, 1), true, []any{}, map[string]any{}}
	for _, o := range others {
		if typeOf(o) != typeOf(v) && !yield(o) {
			return false
		}
	}
	switch v := v.(type) {
	case *big.Rat:
		one := big.NewRat(1, 1)
		for _, r := range []*big.Rat{new(big.Rat).Add(v, one), new(big.Rat).Sub(v, one), new(big.Rat).Neg(v), new(big.Rat).Add(v, big.NewRat(1, 2))} {
			if !yield(r) {
				return false
			}
		}
	case string:
		for _, s := range []string{"", v + "x", v + v} {
			if !yield(s) {
				return false
			}
		}
	case []any:
		if !yield([]any{}) || len(v) > 0 && !yield(append(slices.Clone(v), v[0])) {
			return false
		}
		for i, e := range v {
			ok := mutate(e, func(x any) bool {
				c := slices.Clone(v)
				c[i] = x
				return yield(c)
			})
			if !ok {
				return false
			}
		}
	case map[string]any:
		with := func(k string, x any, keep bool) map[string]any {
			c := make(map[string]any, len(v)+1)
			maps.Copy(c, v)
			if keep {
				c[k] = x
			} else {
				delete(c, k)
			}
			return c
		}
		for _, k := range sortedKeys(v) {
			if !yield(with(k, nil, false)) {
				return false
			}
		}
		if !yield(with("x", true, true)) {
			return false
		}
		for _, k := range sortedKeys(v) {
			if !mutate(v[k], func(x any) bool { return yield(with(k, x, true)) }) {
				return false
			}
		}
	}
	return true
}

func collect(seq iter.Seq[[]byte], n int) (out [][]byte) {
	for b := range seq {
		if len(out) >= n {
			break
		}
		out = append(out, b)
	}
	return out
}
