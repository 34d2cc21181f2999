package validator

import "slices"

// inPlace lowers the keywords that apply schemas to the very value.
func (l *lowering) inPlace(n *Node, out *node) (err error) {
	r := &inPlaceRules{dynamicName: n.DynamicName}
	if n.DynamicName != nil {
		l.program.dynamic = true
	}
	l.hides = l.hides || n.If != nil
	if err := l.several(&r.ref, n.Ref, &r.dynamic, n.DynamicRef, &r.not, n.Not, &r.ifs, n.If, &r.then, n.Then, &r.elseDo, n.Else); err != nil {
		return err
	}
	for _, list := range []struct {
		to *[]*node
		of []*Node
	}{{&r.allOf, n.AllOf}, {&r.anyOf, n.AnyOf}, {&r.oneOf, n.OneOf}} {
		if *list.to, err = l.list(list.of); err != nil {
			return err
		}
	}
	if r.anyAs, r.oneAs = valuesOf(r.anyOf, len(r.anyOf)), valuesOf(r.oneOf, 1); r.anyAs == nil {
		r.anyBy = l.union(n, "anyOf", n.AnyOf)
	}
	if r.oneAs == nil {
		r.oneBy = l.union(n, "oneOf", n.OneOf)
	}
	if n.If != nil {
		r.ifBy = conditionOf(n.If)
	}
	l.widen(1 + len(r.allOf) + len(r.anyOf) + len(r.oneOf))
	if r.ref != nil || r.dynamic != nil || r.not != nil || r.ifs != nil || len(r.allOf)+len(r.anyOf)+len(r.oneOf) > 0 {
		out.inPlace = r
	}
	return nil
}

// valuesOf are the values that so many branches of a union allow at most, where each branch is nothing but const or enum;
// else nil. Many schemas list values so, to give each a title.
func valuesOf(branches []*node, most int) *valueSet {
	times := map[string]int{}
	for _, b := range branches {
		if b.values == nil || b.bare != nil || b.number != nil || b.text != nil || b.array != nil || b.object != nil ||
			b.types != everyType && (b.types&TypeString == 0 || b.values.kinds&^TypeString != 0) {
			return nil
		}
		for value := range b.values.allowed {
			times[value]++
		}
	}
	if len(branches) == 0 {
		return nil
	}
	v := &valueSet{allowed: map[string]bool{}}
	for value, n := range times {
		if n <= most {
			v.allowed[value] = true
		}
	}
	v.complete()
	return v
}

// union notes a union and returns what tells its branches apart.
func (l *lowering) union(n *Node, keyword string, branches []*Node) *discriminator {
	if len(branches) == 0 {
		return nil
	}
	u := Union{Location: n.Document + "#" + join(n.Pointer, keyword), Branches: len(branches)}
	d := discriminate(branches)
	if d != nil {
		u.By = d.name
	}
	l.program.unions = append(l.program.unions, u)
	return d
}

// discriminate finds the first member that every branch requires with strings of its own; nil if there is none.
func discriminate(branches []*Node) *discriminator {
	if len(branches) < 2 {
		return nil
	}
	for _, p := range objectOf(branches[0]).Properties {
		d := &discriminator{name: p.Name, branch: map[string]int{}}
		if d.take(branches) {
			d.complete()
			return d
		}
	}
	return nil
}

// conditionOf is what a schema of if asks for, where that is nothing but a member with certain strings; else nil.
func conditionOf(n *Node) *discriminator {
	n = objectOf(n)
	if len(n.Properties) != 1 || len(n.Required) != 1 || n.Required[0] != n.Properties[0].Name || n.Types&^TypeObject != 0 ||
		n.Const != nil || n.Enum != nil || len(n.PatternProperties)+len(n.DependentRequired)+len(n.DependentSchemas) > 0 ||
		n.AdditionalProperties != nil || n.PropertyNames != nil || n.UnevaluatedProperties != nil ||
		n.MinProperties > 0 || n.MaxProperties >= 0 || n.linksInPlace() {
		return nil
	}
	value := objectOf(n.Properties[0].Schema)
	if value.linksInPlace() || value.Types != 0 && value.Types&TypeString == 0 || value.Const != nil && value.Enum != nil ||
		value.MinLength > 0 || value.MaxLength >= 0 || value.Pattern != nil || value.FormatAsserted || value.ContentEncoding != "" || value.ContentMediaType != "" {
		return nil
	}
	d := &discriminator{name: n.Properties[0].Name, branch: map[string]int{}}
	if !d.take([]*Node{n}) {
		return nil
	}
	d.complete()
	return d
}

// linksInPlace reports whether other schemas judge the same value.
func (n *Node) linksInPlace() bool {
	return n.Ref != nil || n.DynamicRef != nil || len(n.AllOf)+len(n.AnyOf)+len(n.OneOf) > 0 || n.Not != nil || n.If != nil
}

// complete makes what finds the member and its value.
func (d *discriminator) complete() {
	d.quoted, d.table = newLiteral(quotedName(d.name)), newNameTable(d.values)
	for _, value := range d.values {
		d.branches = append(d.branches, d.branch[value])
	}
}

// objectOf follows references that stand alone or beside annotations.
func objectOf(n *Node) *Node {
	for range MaxDepth {
		if n.Ref == nil || len(n.Properties) > 0 {
			break
		}
		n = n.Ref
	}
	return n
}

func (d *discriminator) take(branches []*Node) bool {
	for i, b := range branches {
		b = objectOf(b)
		at := slices.IndexFunc(b.Properties, func(p Property) bool { return p.Name == d.name })
		if at < 0 || !slices.Contains(b.Required, d.name) {
			return false
		}
		value := objectOf(b.Properties[at].Schema)
		values := value.Enum
		if value.Const != nil {
			values = [][]byte{value.Const}
		}
		if len(values) == 0 {
			return false
		}
		for _, v := range values {
			if v[0] != '"' {
				return false
			}
			s, _ := unquote(v)
			if _, taken := d.branch[string(s)]; taken {
				return false
			}
			d.branch[string(s)] = i
			d.values = append(d.values, string(s))
		}
	}
	return true
}
