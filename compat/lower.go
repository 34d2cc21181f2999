package compat

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Limits of one side. Over one of them Compile returns a LimitError.
const (
	MaxNodes      = 100_000 // assertions after lowering
	MaxEnumValues = 10_000  // values of one enum
)

// Limits of what lowering unfolds. Over one of them the schema at that place stays undecided.
const (
	MaxCaseSplits    = 64 // cases of one unevaluatedProperties or unevaluatedItems
	MaxDynamicScopes = 64 // dynamic scopes of one schema
)

// LimitError says which limit of this package a schema exceeds, and where.
type LimitError struct {
	Limit   string // the constant's name
	Value   int    // what the schema has; at least this much
	Max     int
	Pointer string // JSON Pointer into the schema document
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("schema at %q is over %s: %d, at most %d", e.Pointer, e.Limit, e.Value, e.Max)
}

// lowering turns a validator's tree into a graph of atoms: references are followed, dynamic ones by their scope,
// unevaluated* is unfolded into cases, dependencies become alternatives, annotations vanish.
type lowering struct {
	graph   graph
	keys    map[string]int32
	memo    map[string]int32
	ids     map[*validator.Node]int
	dynamic map[string]bool // anchor names that some reachable dynamic reference asks for
	scopes  map[string]bool
	err     error
}

// place is a schema in a dynamic scope: for each anchor that is asked for, the outermost resource's schema.
type place struct {
	node  *validator.Node
	scope map[string]*validator.Node
}

func lower(root *validator.Node) (*graph, error) {
	l := &lowering{keys: map[string]int32{}, memo: map[string]int32{}, ids: map[*validator.Node]int{}, dynamic: map[string]bool{}, scopes: map[string]bool{}}
	l.findDynamic(root, map[*validator.Node]bool{})
	l.graph.root = l.schema(place{node: root})
	if l.err != nil {
		return nil, l.err
	}
	g := &l.graph
	for i := range g.nodes {
		for j, k := range g.nodes[i].kids {
			for g.nodes[k].kind == kRef {
				k = g.nodes[k].kids[0]
			}
			g.nodes[i].kids[j] = k
		}
	}
	for g.nodes[g.root].kind == kRef {
		g.root = g.nodes[g.root].kids[0]
	}
	return g.reachable(), nil
}

// reachable drops what the root does not reach, references above all, and keeps the order.
func (g *graph) reachable() *graph {
	seen := make([]bool, len(g.nodes))
	stack := []int32{g.root}
	seen[g.root] = true
	count := 1
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, k := range g.nodes[i].kids {
			if !seen[k] {
				seen[k] = true
				count++
				stack = append(stack, k)
			}
		}
	}
	moved := make([]int32, len(g.nodes))
	out := &graph{nodes: make([]node, 0, count)}
	for i, n := range g.nodes {
		if seen[i] {
			moved[i] = int32(len(out.nodes))
			out.nodes = append(out.nodes, n)
		}
	}
	for i := range out.nodes {
		for j, k := range out.nodes[i].kids {
			out.nodes[i].kids[j] = moved[k]
		}
	}
	out.root = moved[g.root]
	out.summarise()
	return out
}

// children yields every schema that v mentions, in place or below, except through dynamic scopes.
func children(v *validator.Node, yield func(*validator.Node)) {
	one := func(n *validator.Node) {
		if n != nil {
			yield(n)
		}
	}
	for _, n := range []*validator.Node{v.Ref, v.DynamicRef, v.Not, v.If, v.Then, v.Else, v.ContentSchema, v.Items, v.Contains, v.UnevaluatedItems, v.AdditionalProperties, v.PropertyNames, v.UnevaluatedProperties} {
		one(n)
	}
	for _, list := range [][]*validator.Node{v.AllOf, v.AnyOf, v.OneOf, v.PrefixItems} {
		for _, n := range list {
			one(n)
		}
	}
	for _, list := range [][]validator.Property{v.Properties, v.PatternProperties, v.DependentSchemas, v.DynamicAnchors} {
		for _, p := range list {
			one(p.Schema)
		}
	}
}

func (l *lowering) findDynamic(v *validator.Node, seen map[*validator.Node]bool) {
	if seen[v] {
		return
	}
	seen[v] = true
	if v.DynamicRef != nil && v.DynamicName != nil {
		l.dynamic[*v.DynamicName] = true
	}
	if v.Resource != nil {
		l.findDynamic(v.Resource, seen)
	}
	children(v, func(n *validator.Node) { l.findDynamic(n, seen) })
}

// enter adds the anchors of the node's resource that no outer resource has.
func (l *lowering) enter(p place) place {
	r := p.node.Resource
	if r == nil || len(l.dynamic) == 0 {
		return p
	}
	copied := false
	for _, a := range r.DynamicAnchors {
		if !l.dynamic[a.Name] {
			continue
		}
		if _, ok := p.scope[a.Name]; ok {
			continue
		}
		if !copied {
			scope := make(map[string]*validator.Node, len(p.scope)+1)
			maps.Copy(scope, p.scope)
			p.scope, copied = scope, true
		}
		p.scope[a.Name] = a.Schema
	}
	return p
}

func (l *lowering) id(v *validator.Node) int {
	id, ok := l.ids[v]
	if !ok {
		id = len(l.ids) + 1
		l.ids[v] = id
	}
	return id
}

func (l *lowering) scopeKey(scope map[string]*validator.Node) string {
	var b strings.Builder
	for _, k := range sortedKeys(scope) {
		fmt.Fprintf(&b, "%q=%d ", k, l.id(scope[k]))
	}
	return b.String()
}

// add makes a node or finds its equal; kids must be final, but references are equal to themselves.
func (l *lowering) add(n node) int32 {
	k := key(&n)
	if id, ok := l.keys[k]; ok {
		return id
	}
	if len(l.graph.nodes) >= MaxNodes {
		if l.err == nil {
			l.err = &LimitError{Limit: "MaxNodes", Value: len(l.graph.nodes) + 1, Max: MaxNodes, Pointer: n.pointer}
		}
		return 0
	}
	n.kids = slices.Clone(n.kids) // each node owns its links: they are renumbered in place
	id := int32(len(l.graph.nodes))
	l.graph.nodes = append(l.graph.nodes, n)
	l.keys[k] = id
	return id
}

// schema lowers one schema in its scope. A schema met again while it is being lowered is a reference, which always
// stands below an atom.
func (l *lowering) schema(p place) int32 {
	p = l.enter(p)
	scope := l.scopeKey(p.scope)
	memo := strconv.Itoa(l.id(p.node)) + " " + scope
	if id, ok := l.memo[memo]; ok {
		return id
	}
	if !l.scopes[scope] {
		if len(l.scopes) >= MaxDynamicScopes {
			id := l.opaque(p, "$dynamicRef", ReasonDynamicRef, fmt.Sprintf("more than %d dynamic scopes", MaxDynamicScopes))
			l.memo[memo] = id
			return id
		}
		l.scopes[scope] = true
	}
	ref := int32(len(l.graph.nodes))
	l.graph.nodes = append(l.graph.nodes, node{kind: kRef, kids: []int32{ref}, pointer: p.node.Pointer})
	l.memo[memo] = ref
	if len(l.graph.nodes) > 2*MaxNodes && l.err == nil {
		l.err = &LimitError{Limit: "MaxNodes", Value: MaxNodes + 1, Max: MaxNodes, Pointer: p.node.Pointer}
	}
	if l.err != nil {
		return ref
	}
	id := l.formula(p, true)
	l.graph.nodes[ref].kids[0] = id
	l.memo[memo] = id
	return id
}

// opaque is a schema that stays undecided. It equals only what has the same text, with the same texts behind every
// link, in the same scope.
func (l *lowering) opaque(p place, keyword string, reason Reason, detail string) int32 {
	h := sha256.New()
	ids := map[*validator.Node]int{}
	var queue []*validator.Node
	link := func(n *validator.Node) {
		if n == nil {
			fmt.Fprint(h, "- ")
			return
		}
		if _, ok := ids[n]; !ok {
			ids[n] = len(ids)
			queue = append(queue, n)
		}
		fmt.Fprintf(h, "%d ", ids[n])
	}
	link(p.node)
	for _, name := range sortedKeys(p.scope) {
		fmt.Fprintf(h, "%q ", name)
		link(p.scope[name])
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		fmt.Fprintf(h, "%d %d %s ", n.Draft, len(n.Raw), n.Raw)
		link(n.Resource)
		children(n, link)
	}
	return l.add(node{kind: kOpaque, name: string(reason), names: []string{keyword, string(h.Sum(nil)), detail}, pointer: p.node.Pointer})
}

func (l *lowering) child(p place, n *validator.Node) int32 {
	return l.schema(place{node: n, scope: p.scope})
}

// formula lowers the schema object itself; with unevaluated false, without its unevaluated keywords.
func (l *lowering) formula(p place, unevaluated bool) int32 {
	v := p.node
	at := v.Pointer
	if v.Always != nil {
		if *v.Always {
			return l.add(node{kind: kTrue})
		}
		return l.add(node{kind: kFalse})
	}
	var all []int32
	atom := func(n node) {
		n.pointer = at
		all = append(all, l.add(n))
	}
	kid := func(n *validator.Node) []int32 { return []int32{l.child(p, n)} }
	if v.Ref != nil {
		all = append(all, l.child(p, v.Ref))
	}
	if t := l.dynamicTarget(p); t != nil {
		all = append(all, l.child(p, t))
	}
	all = append(all, l.general(p)...)
	l.numbers(v, atom)
	l.strings(p, atom)
	l.arrays(p, atom, kid)
	l.objects(p, atom, kid)
	if unevaluated {
		if v.UnevaluatedItems != nil {
			all = append(all, l.unevaluated(p, false))
		}
		if v.UnevaluatedProperties != nil {
			all = append(all, l.unevaluated(p, true))
		}
	}
	return l.all(at, all)
}

func (l *lowering) dynamicTarget(p place) *validator.Node {
	v := p.node
	if v.DynamicRef == nil {
		return nil
	}
	if v.DynamicName != nil {
		if t, ok := p.scope[*v.DynamicName]; ok {
			return t
		}
	}
	return v.DynamicRef
}

// general lowers the keywords that are about every type.
func (l *lowering) general(p place) (all []int32) {
	v, at := p.node, p.node.Pointer
	kids := func(list []*validator.Node) []int32 {
		out := make([]int32, len(list))
		for i, n := range list {
			out[i] = l.child(p, n)
		}
		return out
	}
	if v.Types != 0 {
		all = append(all, l.typeSet(at, v.Types)...)
	}
	if v.Const != nil {
		all = append(all, l.values(at, [][]byte{v.Const}))
	}
	if v.Enum != nil {
		all = append(all, l.values(at, v.Enum))
	}
	all = append(all, kids(v.AllOf)...)
	if v.AnyOf != nil {
		all = append(all, l.any(at, kids(v.AnyOf)))
	}
	if v.OneOf != nil {
		all = append(all, l.one(at, kids(v.OneOf)))
	}
	if v.Not != nil {
		all = append(all, l.not(at, l.child(p, v.Not)))
	}
	if v.If != nil && (v.Then != nil || v.Else != nil) {
		yes := l.add(node{kind: kTrue})
		then, other := yes, yes
		if v.Then != nil {
			then = l.child(p, v.Then)
		}
		if v.Else != nil {
			other = l.child(p, v.Else)
		}
		if then != other {
			all = append(all, l.add(node{kind: kIf, kids: []int32{l.child(p, v.If), then, other}, pointer: at}))
		} else {
			all = append(all, then)
		}
	}
	return all
}

func (l *lowering) typeSet(at string, t validator.TypeSet) []int32 {
	var m typeMask
	for bit, own := range map[validator.TypeSet]typeMask{validator.TypeNull: isNull, validator.TypeBoolean: isBoolean, validator.TypeInteger: isNumber, validator.TypeNumber: isNumber, validator.TypeString: isString, validator.TypeArray: isArray, validator.TypeObject: isObject} {
		if t&bit != 0 {
			m |= own
		}
	}
	out := []int32{l.types(at, m)}
	if t&validator.TypeInteger != 0 && t&validator.TypeNumber == 0 {
		out = append(out, l.add(node{kind: kMult, rat: big.NewRat(1, 1), pointer: at}))
	}
	return out
}

func (l *lowering) types(at string, m typeMask) int32 {
	switch m {
	case 0:
		return l.add(node{kind: kFalse})
	case anyType:
		return l.add(node{kind: kTrue})
	}
	return l.add(node{kind: kTypes, types: m, pointer: at})
}

func (l *lowering) values(at string, raw [][]byte) int32 {
	if len(raw) > MaxEnumValues && l.err == nil {
		l.err = &LimitError{Limit: "MaxEnumValues", Value: len(raw), Max: MaxEnumValues, Pointer: at}
		return 0
	}
	vals := make([]any, 0, len(raw))
	for _, r := range raw {
		v, err := parseValue(r)
		if err != nil {
			if l.err == nil {
				l.err = fmt.Errorf("schema at %q: value %.64s: %w", at, r, err)
			}
			return 0
		}
		vals = append(vals, v)
	}
	return l.add(valueSet(at, vals))
}

// valueSet is the node of a set of values, each once, in the order of their texts.
func valueSet(at string, vals []any) node {
	byText := make(map[string]any, len(vals))
	for _, v := range vals {
		byText[canonical(v)] = v
	}
	texts := sortedKeys(byText)
	if len(texts) == 0 {
		return node{kind: kFalse}
	}
	n := node{kind: kValues, texts: texts, pointer: at}
	for _, t := range texts {
		n.vals = append(n.vals, byText[t])
	}
	return n
}

func (l *lowering) numbers(v *validator.Node, atom func(node)) {
	if v.Minimum != nil {
		atom(node{kind: kMin, rat: v.Minimum})
	}
	if v.ExclusiveMinimum != nil {
		atom(node{kind: kMin, rat: v.ExclusiveMinimum, open: true})
	}
	if v.Maximum != nil {
		atom(node{kind: kMax, rat: v.Maximum})
	}
	if v.ExclusiveMaximum != nil {
		atom(node{kind: kMax, rat: v.ExclusiveMaximum, open: true})
	}
	if v.MultipleOf != nil {
		atom(node{kind: kMult, rat: v.MultipleOf})
	}
}

func (l *lowering) strings(p place, atom func(node)) {
	v := p.node
	if v.MinLength > 0 {
		atom(node{kind: kMinLen, count: v.MinLength})
	}
	if v.MaxLength >= 0 {
		atom(node{kind: kMaxLen, count: v.MaxLength})
	}
	if v.Pattern != nil {
		atom(node{kind: kPattern, name: *v.Pattern})
	}
	if v.Format != "" && v.FormatAsserted {
		atom(node{kind: kFormat, name: v.Format})
	}
	if v.ContentEncoding == "" && v.ContentMediaType == "" {
		return
	}
	if v.ContentSchema != nil && v.ContentMediaType != "" {
		atom(node{kind: kOpaque, name: string(ReasonContent), names: []string{v.ContentEncoding, v.ContentMediaType}, kids: []int32{l.child(p, v.ContentSchema)}})
		return
	}
	atom(node{kind: kContent, names: []string{v.ContentEncoding, v.ContentMediaType}})
}

func (l *lowering) isTrue(id int32) bool { return l.graph.nodes[id].kind == kTrue }

func (l *lowering) arrays(p place, atom func(node), kid func(*validator.Node) []int32) {
	v := p.node
	if v.MinItems > 0 {
		atom(node{kind: kMinItems, count: v.MinItems})
	}
	if v.MaxItems >= 0 {
		atom(node{kind: kMaxItems, count: v.MaxItems})
	}
	if v.UniqueItems {
		atom(node{kind: kUnique})
	}
	for i, n := range v.PrefixItems {
		if k := kid(n); !l.isTrue(k[0]) {
			atom(node{kind: kItem, count: int64(i), kids: k})
		}
	}
	if v.Items != nil {
		if k := kid(v.Items); !l.isTrue(k[0]) {
			atom(node{kind: kItems, count: int64(len(v.PrefixItems)), kids: k})
		}
	}
	if v.Contains != nil {
		k := kid(v.Contains)
		if v.MinContains > 0 {
			if l.isTrue(k[0]) {
				atom(node{kind: kMinItems, count: v.MinContains})
			} else {
				atom(node{kind: kContainsMin, count: v.MinContains, kids: k})
			}
		}
		if v.MaxContains >= 0 {
			atom(node{kind: kContainsMax, count: v.MaxContains, kids: k})
		}
	}
}

func (l *lowering) objects(p place, atom func(node), kid func(*validator.Node) []int32) {
	v := p.node
	if v.MinProperties > 0 {
		atom(node{kind: kMinProps, count: v.MinProperties})
	}
	if v.MaxProperties >= 0 {
		atom(node{kind: kMaxProps, count: v.MaxProperties})
	}
	for _, name := range v.Required {
		atom(node{kind: kRequired, name: name})
	}
	var names, patterns []string
	for _, m := range v.Properties {
		names = append(names, m.Name)
		if k := kid(m.Schema); !l.isTrue(k[0]) {
			atom(node{kind: kProp, name: m.Name, kids: k})
		}
	}
	for _, m := range v.PatternProperties {
		patterns = append(patterns, m.Name)
		if k := kid(m.Schema); !l.isTrue(k[0]) {
			atom(node{kind: kPatProp, name: m.Name, kids: k})
		}
	}
	if v.AdditionalProperties != nil {
		if k := kid(v.AdditionalProperties); !l.isTrue(k[0]) {
			atom(addl(names, patterns, k[0]))
		}
	}
	if v.PropertyNames != nil {
		if k := kid(v.PropertyNames); !l.isTrue(k[0]) {
			atom(node{kind: kNames, kids: k})
		}
	}
	for _, d := range v.DependentRequired {
		for _, r := range d.Required {
			if r != d.Name {
				atom(*l.implies(p.node.Pointer, d.Name, l.add(node{kind: kRequired, name: r, pointer: p.node.Pointer})))
			}
		}
	}
	for _, d := range v.DependentSchemas {
		if k := kid(d.Schema); !l.isTrue(k[0]) {
			atom(*l.implies(p.node.Pointer, d.Name, k[0]))
		}
	}
}

// implies says: if the value is an object with the member, then the schema holds.
func (l *lowering) implies(at, member string, then int32) *node {
	absent := l.add(node{kind: kProp, name: member, kids: []int32{l.add(node{kind: kFalse})}, pointer: at})
	return &node{kind: kAny, kids: []int32{absent, then}}
}

// addl is the atom of additionalProperties; the lists are sets.
func addl(names, patterns []string, kid int32) node {
	names, patterns = slices.Clone(names), slices.Clone(patterns)
	slices.Sort(names)
	slices.Sort(patterns)
	return node{kind: kAddl, names: slices.Compact(names), patterns: slices.Compact(patterns), kids: []int32{kid}}
}
