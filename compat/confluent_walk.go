package compat

import (
	"math/big"
	"slices"
	"strconv"

	"github.com/accordhq/accord/validator"
)

// confluentPair is two schemas that are compared, old first.
type confluentPair [2]*confluentSchema

// confluentDiff is a difference whose path is relative to the pair that it was found in.
type confluentDiff struct{ name, path string }

// confluentFound is what a pair differs in.
type confluentFound struct {
	list    []confluentDiff
	passing int  // how many of them the policy lets pass
	refused bool // it does not let all of them pass
}

// confluentWalk compares two trees of classes. A pair that is met again while it is open is taken for compatible, and
// the whole is repeated with what turned out not to be, until nothing changes: the largest set of pairs that agree.
type confluentWalk struct {
	policy  Policy
	classes *confluentClasses
	pairs   int
	carried int // bytes of paths that were copied, not yet counted as a pair
	memo    map[confluentPair]*confluentFound
	open    map[confluentPair]bool
	bad     map[confluentPair]bool // pairs that are refused, whatever the open ones are
	assumed bool                   // this round took an open pair for compatible
}

func (w *confluentWalk) allowed(name string) bool { return confluentAllows(w.policy, name) }

// fixpoint compares until the assumptions hold.
func (w *confluentWalk) fixpoint(old, next *confluentSchema) *confluentFound {
	for {
		w.memo, w.open, w.assumed = map[confluentPair]*confluentFound{}, map[confluentPair]bool{}, false
		found := w.pair(old, next)
		before := len(w.bad)
		for p, f := range w.memo {
			if f.refused {
				w.bad[p] = true
			}
		}
		if !w.assumed || len(w.bad) == before || w.pairs > MaxConfluentPairs {
			return found
		}
	}
}

// pair is what two schemas differ in, from memory if they were compared in this round.
func (w *confluentWalk) pair(old, next *confluentSchema) *confluentFound {
	p := confluentPair{dereferenced(old), dereferenced(next)}
	if f, ok := w.memo[p]; ok {
		return f
	}
	if w.open[p] {
		w.assumed = true
		return &confluentFound{refused: w.bad[p]}
	}
	if w.pairs++; w.pairs > MaxConfluentPairs {
		f := &confluentFound{}
		w.add(f, "", tooLarge)
		return f
	}
	w.open[p] = true
	f := &confluentFound{}
	w.compare(f, p[0], p[1])
	delete(w.open, p)
	w.memo[p] = f
	return f
}

// add notes a difference. When there are too many, one that passes makes room for one that is refused.
func (w *confluentWalk) add(f *confluentFound, path, name string) {
	refused := !w.allowed(name)
	f.refused = f.refused || refused
	if len(f.list) >= MaxDifferences {
		if !refused || f.passing == 0 {
			return
		}
		i := slices.IndexFunc(f.list, func(d confluentDiff) bool { return w.allowed(d.name) })
		f.list = slices.Delete(f.list, i, i+1)
		f.passing--
	}
	if !refused {
		f.passing++
	}
	f.list = append(f.list, confluentDiff{name, path})
}

// take adds what was found below a path.
func (w *confluentWalk) take(f, below *confluentFound, path string) {
	for _, d := range below.list {
		w.carried += carriedPerPair/4 + len(path) + len(d.path)
		w.add(f, path+d.path, d.name)
	}
	w.pairs += w.carried / carriedPerPair
	w.carried %= carriedPerPair
	f.refused = f.refused || below.refused
}

// sub compares what may be missing on a side.
func (w *confluentWalk) sub(f *confluentFound, path string, old, next *confluentSchema) {
	switch {
	case old == nil && next == nil:
	case old == nil:
		w.add(f, path, "SCHEMA_ADDED")
	case next == nil:
		w.add(f, path, "SCHEMA_REMOVED")
	default:
		w.take(f, w.pair(old, next), path)
	}
}

// dereferenced follows one reference; what it leads to may be another one.
func dereferenced(s *confluentSchema) *confluentSchema {
	if s.class == classReference && s.target != nil {
		return s.target
	}
	return s
}

func (w *confluentWalk) compare(f *confluentFound, old, next *confluentSchema) {
	if w.oneSided(f, old, next) {
		return
	}
	if old.class != next.class {
		bytes := func(s *confluentSchema) bool { return string(w.classes.text(s.node)["connect.type"]) == `"bytes"` }
		if old.class != classFalse && next.class != classEmpty && (!bytes(old) || !bytes(next)) {
			w.add(f, "", "TYPE_CHANGED")
		}
		return
	}
	if old.whole && next.whole && old.class != classReference {
		w.annotations(f, old.node, next.node)
	}
	switch old.class {
	case classString:
		w.strings(f, old.node, next.node)
	case classNumber:
		w.numbers(f, old, next)
	case classObject:
		w.objects(f, old.node, next.node)
	case classArray:
		w.arrays(f, old.node, next.node)
	case classEnum:
		w.enums(f, old.node.Enum, next.node.Enum)
	case classConst:
		if string(old.node.Const) != string(next.node.Const) {
			w.add(f, "/const", "ENUM_ARRAY_CHANGED")
		}
	case classCombined:
		w.combined(f, old, next)
	case classNot:
		inner := w.pair(w.classes.child(next.node, next.node.Not, "not"), w.classes.child(old.node, old.node.Not, "not"))
		if inner.refused {
			w.add(f, "/not", "NOT_TYPE_EXTENDED")
		} else {
			w.add(f, "/not", "NOT_TYPE_NARROWED")
		}
	}
}

// oneSided handles a combinator against something else: one branch that fits is enough.
func (w *confluentWalk) oneSided(f *confluentFound, old, next *confluentSchema) bool {
	oldCombined, nextCombined := old.class == classCombined, next.class == classCombined
	if oldCombined == nextCombined {
		return false
	}
	side, name := next, ""
	switch {
	case oldCombined:
		side = old
		if old.criterion == "allOf" && len(old.branches) > 1 {
			name = "PRODUCT_TYPE_NARROWED"
		}
	case next.criterion != "allOf" && len(next.branches) > 1:
		name = "SUM_TYPE_EXTENDED"
	}
	if name == "" && len(side.branches) != 1 {
		return false
	}
	for _, b := range side.branches {
		x, y := old, b
		if oldCombined {
			x, y = b, next
		}
		if below := w.pair(x, y); !below.refused {
			w.take(f, below, "")
			if name != "" {
				w.add(f, "", name)
			}
			return true
		}
	}
	return false
}

func (w *confluentWalk) annotations(f *confluentFound, old, next *validator.Node) {
	before, after := w.classes.text(old), w.classes.text(next)
	id := func(m map[string]jsonText) jsonText {
		if v, ok := m["$id"]; ok {
			return v
		}
		return m["id"]
	}
	for _, a := range []struct {
		name    string
		old, to jsonText
	}{
		{"ID_CHANGED", id(before), id(after)},
		{"TITLE_CHANGED", before["title"], after["title"]},
		{"DESCRIPTION_CHANGED", before["description"], after["description"]},
		{"DEFAULT_CHANGED", before["default"], after["default"]},
	} {
		if !sameJSON(a.old, a.to) {
			w.add(f, "", a.name)
		}
	}
}

// bound compares a keyword that is a number; nil is absent.
func (w *confluentWalk) bound(f *confluentFound, keyword, name string, old, next *big.Rat) {
	switch {
	case old == nil && next == nil:
	case old == nil:
		w.add(f, "/"+keyword, name+"_ADDED")
	case next == nil:
		w.add(f, "/"+keyword, name+"_REMOVED")
	case old.Cmp(next) < 0:
		w.add(f, "/"+keyword, name+"_INCREASED")
	case old.Cmp(next) > 0:
		w.add(f, "/"+keyword, name+"_DECREASED")
	}
}

// count is bound for a count, of which -1 is absent.
func (w *confluentWalk) count(f *confluentFound, keyword, name string, old, next int64) {
	rat := func(n int64) *big.Rat {
		if n < 0 {
			return nil
		}
		return big.NewRat(n, 1)
	}
	w.bound(f, keyword, name, rat(old), rat(next))
}

func (w *confluentWalk) strings(f *confluentFound, old, next *validator.Node) {
	w.count(f, "maxLength", "MAX_LENGTH", old.MaxLength, next.MaxLength)
	w.count(f, "minLength", "MIN_LENGTH", old.MinLength, next.MinLength)
	switch {
	case old.Pattern == nil && next.Pattern != nil:
		w.add(f, "/pattern", "PATTERN_ADDED")
	case old.Pattern != nil && next.Pattern == nil:
		w.add(f, "/pattern", "PATTERN_REMOVED")
	case old.Pattern != nil && *old.Pattern != *next.Pattern:
		w.add(f, "/pattern", "PATTERN_CHANGED")
	}
}

func (w *confluentWalk) numbers(f *confluentFound, old, next *confluentSchema) {
	o, n := old.node, next.node
	w.bound(f, "maximum", "MAXIMUM", o.Maximum, n.Maximum)
	w.bound(f, "minimum", "MINIMUM", o.Minimum, n.Minimum)
	w.bound(f, "exclusiveMaximum", "EXCLUSIVE_MAXIMUM", o.ExclusiveMaximum, n.ExclusiveMaximum)
	w.bound(f, "exclusiveMinimum", "EXCLUSIVE_MINIMUM", o.ExclusiveMinimum, n.ExclusiveMinimum)
	switch x, y := o.MultipleOf, n.MultipleOf; {
	case x == nil && y == nil || x != nil && y != nil && x.Cmp(y) == 0:
	case x == nil:
		w.add(f, "/multipleOf", "MULTIPLE_OF_ADDED")
	case y == nil:
		w.add(f, "/multipleOf", "MULTIPLE_OF_REMOVED")
	case new(big.Rat).Quo(y, x).IsInt():
		w.add(f, "/multipleOf", "MULTIPLE_OF_EXPANDED")
	case new(big.Rat).Quo(x, y).IsInt():
		w.add(f, "/multipleOf", "MULTIPLE_OF_REDUCED")
	default:
		w.add(f, "/multipleOf", "MULTIPLE_OF_CHANGED")
	}
	switch {
	case old.integer && !next.integer:
		w.add(f, "", "TYPE_EXTENDED")
	case !old.integer && next.integer:
		w.add(f, "", "TYPE_NARROWED")
	}
}

func (w *confluentWalk) enums(f *confluentFound, old, next [][]byte) {
	missing := func(from, in [][]byte) bool {
		have := make(map[string]bool, len(in))
		for _, v := range in {
			have[string(v)] = true
		}
		return slices.ContainsFunc(from, func(v []byte) bool { return !have[string(v)] })
	}
	lost, won := missing(old, next), missing(next, old)
	switch {
	case lost && won:
		w.add(f, "/enum", "ENUM_ARRAY_CHANGED")
	case lost:
		w.add(f, "/enum", "ENUM_ARRAY_NARROWED")
	case won:
		w.add(f, "/enum", "ENUM_ARRAY_EXTENDED")
	}
}

// combined compares two combinators: another one, then the branches, of which as many as possible are paired.
func (w *confluentWalk) combined(f *confluentFound, old, next *confluentSchema) {
	if old.criterion != next.criterion {
		one := func(s *confluentSchema) bool { return len(s.branches) == 1 }
		switch {
		case next.criterion == "anyOf", next.criterion == "oneOf" && one(old), one(old) && one(next), old.criterion == "allOf" && one(next):
			w.add(f, "", "COMBINED_TYPE_EXTENDED")
		default:
			w.add(f, "", "COMBINED_TYPE_CHANGED")
			return
		}
	}
	left, right := w.distinct(old.branches), w.distinct(next.branches)
	kind := "SUM_TYPE"
	if next.criterion == "allOf" {
		kind = "PRODUCT_TYPE"
	}
	switch {
	case len(left) < len(right):
		w.add(f, "", kind+"_EXTENDED")
	case len(left) > len(right):
		w.add(f, "", kind+"_NARROWED")
	}
	edges := make([][]int, len(left))
	for i, o := range left {
		for j, n := range right {
			if w.pairs > MaxConfluentPairs {
				w.add(f, "", tooLarge)
				return
			}
			if !w.pair(o, n).refused {
				edges[i] = append(edges[i], j)
			}
		}
	}
	matched := 0
	for i, j := range matching(edges, len(right)) {
		if j >= 0 {
			matched++
			w.take(f, w.pair(left[i], right[j]), "/"+old.criterion+"/"+strconv.Itoa(i))
		}
	}
	if matched < min(len(left), len(right)) {
		w.add(f, "", "COMBINED_TYPE_SUBSCHEMAS_CHANGED")
	}
}

// distinct drops branches that repeat an earlier one.
func (w *confluentWalk) distinct(branches []*confluentSchema) (out []*confluentSchema) {
	type key struct {
		class   any
		integer bool
		text    string
	}
	seen, texts := map[*confluentSchema]bool{}, map[key]bool{}
	for _, b := range branches {
		if seen[b] {
			continue
		}
		seen[b] = true
		if text := w.classes.canonical(b); text != "" {
			k := key{b.class, b.integer, text}
			if texts[k] {
				continue
			}
			texts[k] = true
		}
		out = append(out, b)
	}
	return out
}

// matching pairs as many left with right places as the edges allow: for each left place its right one, or -1. Source:
// the method of augmenting paths (Kuhn, 1955).
func matching(edges [][]int, right int) []int {
	owner := slices.Repeat([]int{-1}, right)
	var tried []bool
	var place func(i int) bool
	place = func(i int) bool {
		for _, j := range edges[i] {
			if tried[j] {
				continue
			}
			tried[j] = true
			if owner[j] < 0 || place(owner[j]) {
				owner[j] = i
				return true
			}
		}
		return false
	}
	for i := range edges {
		tried = make([]bool, right)
		place(i)
	}
	out := slices.Repeat([]int{-1}, len(edges))
	for j, i := range owner {
		if i >= 0 {
			out[i] = j
		}
	}
	return out
}
