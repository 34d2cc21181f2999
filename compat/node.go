package compat

import (
	"encoding/binary"
	"math/big"
	"slices"
)

// kind is what a node says. Every assertion is an atom of its own that holds for all values of other types, exactly as
// keywords do; so the negation of an atom fixes the type.
type kind uint8

const (
	kFalse kind = iota
	kTrue
	kAll    // every kid holds
	kAny    // some kid holds
	kOne    // exactly one kid holds; equal kids count each
	kNot    // the kid does not hold
	kIf     // kids: if, then, else
	kTypes  // the value has one of the types
	kValues // the value is one of vals

	kMin  // number >= rat (> if open)
	kMax  // number <= rat (< if open)
	kMult // number is a multiple of rat

	kMinLen  // string has at least count code points
	kMaxLen  // … at most
	kPattern // name is found in the string
	kFormat  // string has the format name
	kContent // string has the content encoding names[0] and media type names[1]

	kMinItems
	kMaxItems
	kUnique
	kItem        // item count exists => kid
	kItems       // every item from count on: kid
	kContainsMin // at least count items: kid
	kContainsMax // at most count items: kid

	kMinProps
	kMaxProps
	kRequired // member name exists
	kProp     // member name exists => kid
	kPatProp  // every member whose name has the pattern name: kid
	kAddl     // every member outside names and patterns: kid
	kNames    // every member's name: kid

	kOpaque // not decided here; name is the reason, names what identifies it
	kRef    // only while lowering: stands for kids[0]
)

// atomTypes is the type an atom is about; 0 for the kinds that are about any type.
var atomTypes = [...]typeMask{
	kMin: isNumber, kMax: isNumber, kMult: isNumber,
	kMinLen: isString, kMaxLen: isString, kPattern: isString, kFormat: isString, kContent: isString,
	kMinItems: isArray, kMaxItems: isArray, kUnique: isArray, kItem: isArray, kItems: isArray, kContainsMin: isArray, kContainsMax: isArray,
	kMinProps: isObject, kMaxProps: isObject, kRequired: isObject, kProp: isObject, kPatProp: isObject, kAddl: isObject, kNames: isObject,
	kOpaque: 0, kRef: 0,
}

func (k kind) commutative() bool { return k == kAll || k == kAny || k == kOne }

// node is one schema or one assertion. Kids are indices into the slice that holds the node.
type node struct {
	kind     kind
	open     bool
	types    typeMask
	count    int64
	rat      *big.Rat
	name     string
	names    []string
	patterns []string
	vals     []any // kValues: distinct, sorted by canonical text
	texts    []string
	kids     []int32
	pointer  string // of the schema it was lowered from
}

// scalars writes everything but the kids, so that equal texts mean equal atoms over equal kids.
func (n *node) scalars(dst []byte) []byte {
	dst = append(dst, byte(n.kind), byte(n.types), 0)
	if n.open {
		dst[len(dst)-1] = 1
	}
	dst = binary.AppendVarint(dst, n.count)
	if n.rat != nil {
		dst = append(dst, n.rat.RatString()...)
	}
	dst = append(dst, 0)
	text := func(s string) {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	text(n.name)
	for _, list := range [][]string{n.names, n.patterns, n.texts} {
		dst = binary.AppendUvarint(dst, uint64(len(list)))
		for _, s := range list {
			text(s)
		}
	}
	return binary.AppendUvarint(dst, uint64(len(n.kids)))
}

// graph is one lowered schema: nodes in the order in which they were made, cycles through kids allowed.
type graph struct {
	nodes []node
	sums  []sum // of each node
	root  int32
}

// store holds the nodes of one question, both sides together, each distinct node once. Ids are deterministic: they
// follow the order of the graphs given.
type store struct {
	nodes    []node
	origins  []origin // of the nodes that come from the graphs; those after them were made during the search
	keys     map[string]int32
	pos, neg []typeMask // types of the values that may satisfy, may violate the node
	patterns map[string]*matcher
	checks   map[string]check
	memory   *memory
	part     partKey // the part, or the whole question, that the store is for
	meter    *meter  // of the search at work
}

// newStore merges graphs into one store and returns it with the id of each root.
func newStore(graphs ...*graph) (*store, []int32) {
	size := 0
	for _, g := range graphs {
		size += len(g.nodes)
	}
	all, sums, origins := make([]node, 0, size), make([]sum, 0, size), make([]origin, 0, size)
	roots := make([]int32, len(graphs))
	for i, g := range graphs {
		base := int32(len(all))
		roots[i] = base + g.root
		for i, n := range g.nodes {
			kids := make([]int32, len(n.kids))
			for j, k := range n.kids {
				kids[j] = base + k
			}
			n.kids = kids
			all = append(all, n)
			origins = append(origins, origin{g, int32(i)})
		}
		sums = append(sums, g.sums...)
	}
	colours := colour(all, sums)
	s := &store{keys: map[string]int32{}, patterns: map[string]*matcher{}, checks: map[string]check{}}
	ids := map[int32]int32{}
	var order []int
	for i := range all {
		if _, ok := ids[colours[i]]; !ok {
			ids[colours[i]] = int32(len(order))
			order = append(order, i)
		}
	}
	for _, i := range order {
		n := all[i]
		for j, k := range n.kids {
			n.kids[j] = ids[colours[k]]
		}
		if n.kind.commutative() {
			slices.Sort(n.kids)
			if n.kind != kOne {
				n.kids = slices.Compact(n.kids)
			}
		}
		s.keys[key(&n)] = int32(len(s.nodes))
		s.nodes = append(s.nodes, n)
		s.origins = append(s.origins, origins[i])
	}
	s.masks(0)
	for i := range roots {
		roots[i] = ids[colours[roots[i]]]
	}
	return s, roots
}

func key(n *node) string {
	b := n.scalars(nil)
	for _, k := range n.kids {
		b = binary.AppendVarint(b, int64(k))
	}
	return string(b)
}

// intern adds a node made during the search, or finds its equal.
func (s *store) intern(n node) int32 {
	k := key(&n)
	s.meter.spend(onGoals, 8+len(k)/8)
	if id, ok := s.keys[k]; ok {
		return id
	}
	id := int32(len(s.nodes))
	s.keys[k] = id
	s.nodes = append(s.nodes, n)
	s.masks(int(id))
	return id
}

// masks computes, for the nodes from id on, which types may satisfy and which may violate them. In-place parts form no
// cycle, so the recursion ends; the masks never look below an atom.
func (s *store) masks(from int) {
	for len(s.pos) < len(s.nodes) {
		s.pos, s.neg = append(s.pos, 0), append(s.neg, 0)
	}
	done := make([]bool, len(s.nodes)-from)
	var walk func(id int32)
	walk = func(id int32) {
		if int(id) < from || done[int(id)-from] {
			return
		}
		done[int(id)-from] = true
		n := &s.nodes[id]
		if n.kind >= kMin && n.kind < kOpaque {
			s.pos[id], s.neg[id] = anyType, atomTypes[n.kind]
			if s.isFalse(n) {
				s.pos[id] &^= atomTypes[n.kind]
			}
			return
		}
		for _, k := range n.kids {
			walk(k)
		}
		pos, neg := anyType, anyType
		switch n.kind {
		case kFalse:
			pos = 0
		case kTrue:
			neg = 0
		case kTypes:
			pos, neg = n.types, anyType&^n.types
		case kValues:
			pos = 0
			for _, v := range n.vals {
				pos |= typeOf(v)
			}
			if slices.Contains(n.texts, "null") {
				neg &^= isNull
			}
			if slices.Contains(n.texts, "true") && slices.Contains(n.texts, "false") {
				neg &^= isBoolean
			}
		case kAll:
			neg = 0
			for _, k := range n.kids {
				pos &= s.pos[k]
				neg |= s.neg[k]
			}
		case kAny:
			pos = 0
			for _, k := range n.kids {
				pos |= s.pos[k]
				neg &= s.neg[k]
			}
		case kOne:
			pos = 0
			for _, k := range n.kids {
				pos |= s.pos[k]
			}
		case kNot:
			pos, neg = s.neg[n.kids[0]], s.pos[n.kids[0]]
		case kIf:
			c, t, e := n.kids[0], n.kids[1], n.kids[2]
			pos = s.pos[c]&s.pos[t] | s.neg[c]&s.pos[e]
			neg = s.pos[c]&s.neg[t] | s.neg[c]&s.neg[e]
		}
		s.pos[id], s.neg[id] = pos, neg
	}
	for i := from; i < len(s.nodes); i++ {
		walk(int32(i))
	}
}

// isFalse reports whether an atom can hold for no value of its type.
func (s *store) isFalse(n *node) bool {
	switch n.kind {
	case kMaxLen, kMaxItems, kMaxProps, kContainsMax:
		return n.count < 0
	}
	return false
}
