package catalog

import (
	"cmp"
	"fmt"

	"github.com/accordhq/accord/validator"
)

// variants draws the sub-schemas that hold in place: alternatives, conditions, and what must not be.
func (b *viewBuilder) variants(n *Node, set []*validator.Node, depth int) {
	v := &variantBuilder{viewBuilder: b, node: n, depth: depth}
	for _, s := range set {
		v.alternatives("oneOf", "~one", "exactly one of", s.OneOf)
		v.alternatives("anyOf", "~any", "at least one of", s.AnyOf)
		v.condition(s)
		for _, d := range s.DependentSchemas {
			v.add("dependentSchemas", v.once("~if-has:"+escapeSegment(d.Name)), "when "+d.Name+" is present, also", "", d.Schema)
			v.set++
		}
		if s.Not != nil && notWords(s.Not) == "" && s.Not.Always == nil {
			v.add("not", v.once("~not"), "must not be", "", s.Not)
			v.set++
		}
	}
}

type variantBuilder struct {
	*viewBuilder
	node  *Node
	depth int
	set   int
	one   int // alternatives numbered so far, over all oneOf of the place
	any   int
}

// once makes a segment that the place does not have yet.
func (v *variantBuilder) once(segment string) string {
	for i := 1; ; i++ {
		name := segment
		if i > 1 {
			name = numbered(segment, i)
		}
		if v.view.Find(v.node.Address+"/"+name) == nil {
			return name
		}
	}
}

func (v *variantBuilder) add(keyword, segment, group, label string, s *validator.Node) {
	c := v.child(v.node, segment, "", []*validator.Node{s}, v.depth)
	if c == nil {
		return
	}
	v.node.Variants = append(v.node.Variants, Variant{Keyword: keyword, Group: group, Set: v.set, Label: label, Node: c})
}

func (v *variantBuilder) alternatives(keyword, segment, group string, branches []*validator.Node) {
	if len(branches) == 0 {
		return
	}
	count := &v.one
	if keyword == "anyOf" {
		count = &v.any
	}
	labels := discriminate(branches)
	for i, s := range branches {
		label := labels[i]
		if label == "" {
			label = cmp.Or(s.Title, fmt.Sprintf("variant %d", i+1))
			if s.Title == "" && isDefinition(s.Pointer) {
				label = definitionName(s)
			}
		}
		v.add(keyword, numbered(segment, *count), group, label, s)
		*count++
	}
	v.set++
}

// discriminate names alternatives by the constant of a member that differs in all of them; "" where there is none.
func discriminate(branches []*validator.Node) []string {
	labels := make([]string, len(branches))
	if len(branches) == 0 {
		return labels
	}
	for _, p := range membersInPlace(branches[0]) {
		seen := map[string]bool{}
		for i, s := range branches {
			labels[i] = ""
			for _, q := range membersInPlace(s) {
				if q.Name == p.Name && q.Schema.Const != nil && !seen[string(q.Schema.Const)] {
					seen[string(q.Schema.Const)] = true
					labels[i] = p.Name + " " + bare(string(q.Schema.Const))
				}
			}
		}
		if len(seen) == len(branches) {
			return labels
		}
	}
	clear(labels)
	return labels
}

func membersInPlace(s *validator.Node) []validator.Property {
	var members []validator.Property
	for _, in := range inPlace([]*validator.Node{s}) {
		members = append(members, in.Properties...)
	}
	return members
}

// condition draws if, then and else; a simple if is said in words, any other is drawn.
func (v *variantBuilder) condition(s *validator.Node) {
	if s.If == nil || s.Then == nil && s.Else == nil {
		return
	}
	then, otherwise := "when it is so, also", "otherwise"
	if words := conditionWords(s.If); words != "" {
		then = "when " + words + ", also"
		if s.Then == nil {
			otherwise = "unless " + words
		}
	} else {
		v.add("if", v.once("~if"), "when it would match", "", s.If)
		v.set++
	}
	if s.Then != nil {
		v.add("then", v.once("~then"), then, "", s.Then)
		v.set++
	}
	if s.Else != nil {
		v.add("else", v.once("~else"), otherwise, "", s.Else)
		v.set++
	}
}

// conditionWords says an if of const, enum and required members in words, "" for any other.
func conditionWords(s *validator.Node) string {
	if s.Always != nil {
		return ""
	}
	simple := 0
	if len(s.Properties) > 0 {
		simple++
	}
	if len(s.Required) > 0 {
		simple++
	}
	if s.Types != 0 {
		simple++
	}
	if keywords(s) != simple {
		return ""
	}
	var words []string
	said := map[string]bool{}
	for _, p := range s.Properties {
		switch {
		case p.Schema.Const != nil && keywords(p.Schema) == 1:
			words = append(words, p.Name+" is "+bare(string(p.Schema.Const)))
		case p.Schema.Enum != nil && keywords(p.Schema) == 1:
			var values []string
			for _, e := range p.Schema.Enum {
				values = append(values, bare(string(e)))
			}
			words = append(words, p.Name+" is "+inWords(values, "or"))
		default:
			return ""
		}
		said[p.Name] = true
	}
	required := map[string]bool{}
	for _, r := range s.Required {
		required[r] = true
		if !said[r] {
			words = append(words, r+" is present")
		}
	}
	for i, p := range s.Properties {
		if !required[p.Name] {
			words[i] += " or absent"
		}
	}
	return inWords(words, "and")
}

// bare drops the quotes of a JSON string that reads well without them.
func bare(text string) string {
	if len(text) > 2 && text[0] == '"' {
		inner := text[1 : len(text)-1]
		for _, r := range inner {
			if r == '\\' || r == '"' || r == ' ' {
				return text
			}
		}
		return inner
	}
	return text
}
