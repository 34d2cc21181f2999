package validator

import "slices"

// objectLowering makes the rules of one object.
type objectLowering struct {
	*lowering
	node  *Node
	rules *objectRules
	names map[string]int
}

func (l *lowering) object(n *Node, out *node) error {
	o := &objectLowering{l, n, &objectRules{minProperties: n.MinProperties, maxProperties: n.MaxProperties}, map[string]int{}}
	for _, part := range []func() error{o.namesOf, o.properties, o.patternsOf, o.rest, o.dependencies} {
		if err := part(); err != nil {
			return err
		}
	}
	r := o.rules
	l.widen(r.steps(0) + 1 + len(r.dependentSchemas))
	if r.minProperties > 0 || r.maxProperties >= 0 || len(r.known) > 0 || len(r.patterns) > 0 || r.additional != nil || r.propertyNames != nil || r.unevaluated != nil {
		o.apply()
		o.order()
		out.object = r
	}
	return nil
}

// name returns the index of a name that some keyword mentions.
func (o *objectLowering) name(name string) int {
	at, ok := o.names[name]
	if !ok {
		at = len(o.rules.known)
		o.names[name] = at
		o.rules.known = append(o.rules.known, known{name: name, quoted: newLiteral(quotedName(name))})
		o.program.declared[name] = true
	}
	return at
}

// nameBytes is about what a known name holds, beside its own bytes.
const nameBytes = 200

// quotedName is a name as it stands in most events.
func quotedName(name string) string { return string(appendQuoted(nil, []byte(name))) + ":" }

// namesOf numbers every name that a keyword mentions, the required ones first: one mask then tells whether all are there.
func (o *objectLowering) namesOf() error {
	r, n := o.rules, o.node
	total := len(n.Required) + len(n.Properties) + len(n.DependentSchemas)
	for _, d := range n.DependentRequired {
		total += 1 + len(d.Required)
	}
	if err := o.hold(n, nameBytes*total); err != nil { // before they are made
		return err
	}
	for _, name := range n.Required {
		if at := o.name(name); at == len(r.required) {
			r.required = append(r.required, at)
		}
	}
	for _, at := range r.required {
		if at < 64 {
			r.must |= 1 << at
		} else {
			r.manyMust = append(r.manyMust, at)
		}
	}
	for _, p := range o.node.Properties {
		o.name(p.Name)
	}
	for _, d := range o.node.DependentRequired {
		o.name(d.Name)
		for _, name := range d.Required {
			o.name(name)
		}
	}
	for _, d := range o.node.DependentSchemas {
		o.name(d.Name)
	}
	names := make([]string, len(r.known))
	for i, k := range r.known {
		names[i] = k.name
	}
	r.table = newNameTable(names)
	return nil
}

func (o *objectLowering) properties() (err error) {
	for _, p := range o.node.Properties {
		if o.rules.known[o.names[p.Name]].schema, err = o.lowering.node(p.Schema); err != nil {
			return err
		}
	}
	return nil
}

func (o *objectLowering) patternsOf() (err error) {
	for _, p := range o.node.PatternProperties {
		var rule patternRule
		if rule.pattern, err = o.pattern(o.node, p.Name, "patternProperties"); err != nil {
			return err
		}
		if rule.schema, err = o.lowering.node(p.Schema); err != nil {
			return err
		}
		o.rules.patterns = append(o.rules.patterns, rule)
	}
	set := newPatternSet(o.rules.patterns, &o.budget)
	for k, p := range o.rules.patterns {
		if set == nil || slices.Contains(set.others, int32(k)) {
			if err := o.automaton(o.node, p.pattern); err != nil {
				return err
			}
		}
	}
	if o.rules.set = set; set == nil {
		return nil
	}
	return o.hold(o.node, set.bytes())
}

func (o *objectLowering) rest() error {
	n, r := o.node, o.rules
	return o.several(&r.additional, n.AdditionalProperties, &r.propertyNames, n.PropertyNames, &r.unevaluated, n.UnevaluatedProperties)
}

func (o *objectLowering) dependencies() (err error) {
	n, r := o.node, o.rules
	if len(n.DependentRequired)+len(n.DependentSchemas) == 0 {
		return nil
	}
	required, schemas := "dependentRequired", "dependentSchemas"
	if len(n.Raw) > 0 {
		if top := parsePlaces(n.Raw); top.member("dependencies") != nil { // the older spelling of both, for locations
			if top.member(required) == nil {
				required = "dependencies"
			}
			if top.member(schemas) == nil {
				schemas = "dependencies"
			}
		}
	}
	for _, d := range n.DependentRequired {
		rule := dependentNames{keyword: required, name: o.name(d.Name)}
		for _, name := range d.Required {
			rule.required = append(rule.required, o.name(name))
		}
		r.dependentRequired = append(r.dependentRequired, rule)
	}
	for _, d := range n.DependentSchemas {
		rule := dependentSchema{keyword: schemas, name: o.name(d.Name)}
		if rule.schema, err = o.lowering.node(d.Schema); err != nil {
			return err
		}
		r.dependentSchemas = append(r.dependentSchemas, rule)
	}
	return nil
}

// apply decides for every known name which schemas judge its member.
func (o *objectLowering) apply() {
	r := o.rules
	r.closed = r.additional != nil && r.additional.never && len(r.patterns) == 0
	r.quick = newQuickNames(r.known)
	r.plain = len(r.patterns) == 0 && r.propertyNames == nil
	var unused counters
	for i := range r.known {
		k := &r.known[i]
		if k.schema != nil {
			k.several = append(k.several, k.schema)
		}
		for _, p := range r.matching(nil, []byte(k.name), &unused) {
			k.several = append(k.several, r.patterns[p].schema)
		}
		if len(k.several) == 0 && r.additional != nil {
			k.several = append(k.several, r.additional)
		}
		k.evaluated = len(k.several) > 0
		if len(k.several) == 1 {
			k.only, k.several = k.several[0], nil
		}
	}
}

// order foresees members in the order in which the schema has them.
func (o *objectLowering) order() {
	r, p := o.rules, o.program
	r.first = len(p.next)
	p.next = append(append(p.next, slices.Repeat([]int32{-1}, len(r.known)+1)...), 0)
	next, last := p.next[r.first:], 0
	for _, property := range o.node.Properties {
		at := o.names[property.Name]
		next[last], last = int32(at), at+1
	}
}
