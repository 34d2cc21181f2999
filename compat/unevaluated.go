package compat

import (
	"fmt"
	"slices"

	"github.com/accordhq/accord/validator"
)

// evaluated is what the in-place parts of a schema have evaluated: of an object the names, the patterns or all
// members; of an array the first items, those that match a contains, or all.
type evaluated struct {
	all      bool
	names    []string
	patterns []string
	first    int64
	contains []int32
}

func (e evaluated) join(o evaluated) evaluated {
	return evaluated{
		all:      e.all || o.all,
		names:    append(slices.Clip(e.names), o.names...),
		patterns: append(slices.Clip(e.patterns), o.patterns...),
		first:    max(e.first, o.first),
		contains: append(slices.Clip(e.contains), o.contains...),
	}
}

func (e evaluated) nothing() bool {
	return !e.all && len(e.names) == 0 && len(e.patterns) == 0 && e.first == 0 && len(e.contains) == 0
}

// evaluation is one case: while the guards hold, at least this much is evaluated.
type evaluation struct {
	guards []int32
	evaluated
}

// unevaluated lowers one unevaluated keyword: some case holds, and everything outside of what it evaluates satisfies
// the keyword's schema. Which other branches hold need not be said: fewer evaluated places only ask for more.
func (l *lowering) unevaluated(p place, object bool) int32 {
	v, keyword, sub := p.node, "unevaluatedItems", p.node.UnevaluatedItems
	if object {
		keyword, sub = "unevaluatedProperties", p.node.UnevaluatedProperties
	}
	yes := l.add(node{kind: kTrue})
	u := l.child(p, sub)
	if l.isTrue(u) {
		return yes
	}
	u = l.resolve(u)
	cases, ok := l.evaluations(p, object, true)
	if !ok {
		return l.opaque(p, keyword, ReasonUnevaluated, fmt.Sprintf("more than %d cases", MaxCaseSplits))
	}
	var alternatives []int32
	for _, c := range cases {
		rest := yes
		switch {
		case c.all:
		case object:
			n := addl(c.names, c.patterns, u)
			n.pointer = v.Pointer
			rest = l.add(n)
		default:
			outside := l.any(v.Pointer, append([]int32{u}, c.contains...))
			if !l.isTrue(outside) {
				rest = l.add(node{kind: kItems, count: c.first, kids: []int32{outside}, pointer: v.Pointer})
			}
		}
		alternatives = append(alternatives, l.all(v.Pointer, append(slices.Clone(c.guards), rest)))
	}
	return l.any(v.Pointer, alternatives)
}

// resolve follows references that are already complete.
func (l *lowering) resolve(id int32) int32 {
	for l.graph.nodes[id].kind == kRef && l.graph.nodes[id].kids[0] != id {
		id = l.graph.nodes[id].kids[0]
	}
	return id
}

// evaluations lists the cases of a schema. outer is set for the schema whose own unevaluated keyword is being lowered;
// of any schema inside, that keyword evaluates everything. It reports false over MaxCaseSplits.
func (l *lowering) evaluations(p place, object, outer bool) ([]evaluation, bool) {
	p = l.enter(p)
	v := p.node
	if v.Always != nil {
		return []evaluation{{}}, true
	}
	own := l.ownEvaluated(p, object)
	if !outer && (object && v.UnevaluatedProperties != nil || !object && v.UnevaluatedItems != nil) {
		own.all = true
	}
	cases := []evaluation{{evaluated: own}}
	if own.all {
		return cases, true
	}
	sub := func(n *validator.Node) ([]evaluation, bool) {
		return l.evaluations(place{node: n, scope: p.scope}, object, false)
	}
	static := slices.Clone(v.AllOf)
	if v.Ref != nil {
		static = append(static, v.Ref)
	}
	if t := l.dynamicTarget(p); t != nil {
		static = append(static, t)
	}
	ok := true
	for _, n := range static {
		c, fits := sub(n)
		cases, ok = cross(cases, c, ok && fits)
	}
	for _, n := range v.AnyOf { // each branch counts or not
		c, fits := sub(n)
		cases, ok = cross(cases, options(true, guarded(c, l.child(p, n))), ok && fits)
	}
	if v.OneOf != nil { // exactly one branch counts
		var each []evaluation
		for _, n := range v.OneOf {
			c, fits := sub(n)
			ok = ok && fits
			each = append(each, guarded(c, l.child(p, n))...)
		}
		cases, ok = cross(cases, options(false, each), ok)
	}
	if v.If != nil {
		guard := l.child(p, v.If)
		yes, ok1 := sub(v.If)
		no, ok2, ok3 := []evaluation{{}}, true, true
		if v.Then != nil {
			var then []evaluation
			then, ok2 = sub(v.Then)
			yes, ok2 = cross(yes, then, ok2)
		}
		if v.Else != nil {
			no, ok3 = sub(v.Else)
		}
		each := append(guarded(yes, guard), guarded(no, l.not(v.Pointer, l.resolve(guard)))...)
		cases, ok = cross(cases, options(false, each), ok && ok1 && ok2 && ok3)
	}
	for _, d := range v.DependentSchemas {
		c, fits := sub(d.Schema)
		guard := l.all(v.Pointer, []int32{l.types(v.Pointer, isObject), l.add(node{kind: kRequired, name: d.Name, pointer: v.Pointer})})
		cases, ok = cross(cases, options(true, guarded(c, guard)), ok && fits)
	}
	return cases, ok
}

func (l *lowering) ownEvaluated(p place, object bool) (e evaluated) {
	v := p.node
	if object {
		e.all = v.AdditionalProperties != nil
		for _, m := range v.Properties {
			e.names = append(e.names, m.Name)
		}
		for _, m := range v.PatternProperties {
			e.patterns = append(e.patterns, m.Name)
		}
		return e
	}
	e.all = v.Items != nil
	e.first = int64(len(v.PrefixItems))
	if v.Contains != nil && v.ContainsEvaluates {
		e.contains = append(e.contains, l.child(p, v.Contains))
	}
	return e
}

// guarded adds a guard to each case.
func guarded(cases []evaluation, guard int32) []evaluation {
	out := make([]evaluation, len(cases))
	for i, c := range cases {
		out[i] = evaluation{guards: append(slices.Clone(c.guards), guard), evaluated: c.evaluated}
	}
	return out
}

// options drops the cases that evaluate nothing. One case without a guard stands for them, and for "none" if the
// branches may be skipped.
func options(skip bool, cases []evaluation) []evaluation {
	var out []evaluation
	for _, c := range cases {
		if c.nothing() {
			skip = true
		} else {
			out = append(out, c)
		}
	}
	if skip {
		out = append([]evaluation{{}}, out...)
	}
	return out
}

// cross combines every case of a with every case of b.
func cross(a, b []evaluation, ok bool) ([]evaluation, bool) {
	if !ok || len(a)*len(b) > MaxCaseSplits {
		return a, false
	}
	var out []evaluation
	for _, x := range a {
		for _, y := range b {
			out = append(out, evaluation{guards: append(slices.Clone(x.guards), y.guards...), evaluated: x.join(y.evaluated)})
		}
	}
	return out, true
}
