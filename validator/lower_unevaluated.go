package validator

import "slices"

// fuse turns unevaluatedProperties into additionalProperties where it is known beforehand which members the schemas
// beside it evaluate: properties and patterns that are reached by $ref and allOf alone. What is left is judged in the
// same walk as the node's own members, and nothing is noted one by one.
func (l *lowering) fuse(n *Node, out *node) error {
	if n.UnevaluatedProperties == nil && n.UnevaluatedItems == nil {
		return nil
	}
	e := evaluated{names: map[string]bool{}, patterns: map[string]bool{}, taken: map[*Node]bool{}}
	if !e.take(n) {
		return nil
	}
	anything := true
	yes := &Node{Document: n.Document, Pointer: n.Pointer, Draft: n.Draft, Always: &anything}
	if err := l.fuseItems(n, out, &e, yes); err != nil || n.UnevaluatedProperties == nil {
		return err
	}
	with := *n
	with.UnevaluatedProperties = nil
	if !e.all {
		with.AdditionalProperties = n.UnevaluatedProperties
	}
	with.Properties = addTo(n.Properties, e.listed, e.names, yes)
	with.PatternProperties = addTo(n.PatternProperties, e.expressions, e.patterns, yes)
	fused := *out.bare
	fused.object = nil
	if err := l.object(&with, &fused); err != nil {
		return err
	}
	out.fused = &fused
	return nil
}

// fuseItems does the same for unevaluatedItems: what prefixItems and items evaluate is known, what contains does is not.
func (l *lowering) fuseItems(n *Node, out *node, e *evaluated, yes *Node) error {
	if n.UnevaluatedItems == nil || e.contains {
		return nil
	}
	with := *n
	with.UnevaluatedItems = nil
	if n.Items == nil {
		with.PrefixItems = slices.Clone(n.PrefixItems)
		for len(with.PrefixItems) < e.prefix {
			with.PrefixItems = append(with.PrefixItems, yes)
		}
		if !e.items {
			with.Items = n.UnevaluatedItems
		}
	}
	fused := *out.bare
	fused.array = nil
	if err := l.array(&with, &fused); err != nil {
		return err
	}
	out.fusedItems = &fused
	return nil
}

// addTo adds to a node's own properties those names of a list that it lacks.
func addTo(own []Property, names []string, wanted map[string]bool, schema *Node) []Property {
	out := append([]Property(nil), own...)
	for _, p := range own {
		wanted[p.Name] = false
	}
	for _, name := range names {
		if wanted[name] {
			out = append(out, Property{name, schema})
		}
	}
	return out
}

// evaluated is what the schemas beside an unevaluatedProperties or unevaluatedItems evaluate, whatever the event.
type evaluated struct {
	listed, expressions []string // in the order in which they are reached
	names, patterns     map[string]bool
	taken               map[*Node]bool
	all                 bool
	prefix              int  // items from the first on
	items               bool // all items
	contains            bool // and those that match contains
}

// take adds what n evaluates, and what it refers to; false if that depends on the event.
func (e *evaluated) take(n *Node) bool {
	if e.taken[n] {
		return true
	}
	first := len(e.taken) == 0
	e.taken[n] = true
	if len(n.AnyOf)+len(n.OneOf)+len(n.DependentSchemas) > 0 || n.If != nil || n.DynamicRef != nil {
		return false
	}
	for _, p := range n.Properties {
		if _, known := e.names[p.Name]; !known {
			e.names[p.Name] = true
			e.listed = append(e.listed, p.Name)
		}
	}
	for _, p := range n.PatternProperties {
		if _, known := e.patterns[p.Name]; !known {
			e.patterns[p.Name] = true
			e.expressions = append(e.expressions, p.Name)
		}
	}
	e.all = e.all || n.AdditionalProperties != nil || !first && n.UnevaluatedProperties != nil
	e.prefix = max(e.prefix, len(n.PrefixItems))
	e.items = e.items || n.Items != nil || !first && n.UnevaluatedItems != nil
	e.contains = e.contains || n.Contains != nil && n.ContainsEvaluates
	if n.Ref != nil && !e.take(n.Ref) {
		return false
	}
	for _, branch := range n.AllOf {
		if !e.take(branch) {
			return false
		}
	}
	return true
}
