package compat

import (
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// edit is one change at one place: what to take from the new schema so that the old one has this change and no other.
type edit struct {
	rule, keyword string
	old, next     *validator.Node
}

// applied copies the tree of a schema with some edits made. Children that an edit brings along are the new schema's.
func applied(root *validator.Node, edits []edit) *validator.Node {
	at := map[*validator.Node][]edit{}
	for _, e := range edits {
		at[e.old] = append(at[e.old], e)
	}
	copies := map[*validator.Node]*validator.Node{}
	var clone func(n *validator.Node) *validator.Node
	clone = func(n *validator.Node) *validator.Node {
		if n == nil {
			return nil
		}
		if c, ok := copies[n]; ok {
			return c
		}
		c := new(validator.Node)
		copies[n] = c
		*c = *n
		relink(c, clone)
		for _, e := range at[n] {
			e.apply(c)
		}
		return c
	}
	return clone(root)
}

// relink replaces every link of a node.
func relink(n *validator.Node, to func(*validator.Node) *validator.Node) {
	for _, f := range []**validator.Node{
		&n.Ref, &n.Resource, &n.DynamicRef, &n.Not, &n.If, &n.Then, &n.Else, &n.ContentSchema, &n.Items, &n.Contains, &n.UnevaluatedItems,
		&n.AdditionalProperties, &n.PropertyNames, &n.UnevaluatedProperties,
	} {
		*f = to(*f)
	}
	for _, f := range []*[]*validator.Node{&n.AllOf, &n.AnyOf, &n.OneOf, &n.PrefixItems} {
		*f = slices.Clone(*f)
		for i := range *f {
			(*f)[i] = to((*f)[i])
		}
	}
	for _, f := range []*[]validator.Property{&n.DynamicAnchors, &n.Properties, &n.PatternProperties, &n.DependentSchemas} {
		*f = slices.Clone(*f)
		for i := range *f {
			(*f)[i].Schema = to((*f)[i].Schema)
		}
	}
}

// apply makes the change on a copy of the old node.
func (e edit) apply(n *validator.Node) {
	if n.Always != nil && e.keyword != "" { // true becomes an object without assertions
		b := blank(n)
		b.Resource = n.Resource
		*n = *b
	}
	from := e.next
	keyword, name, _ := strings.Cut(e.keyword, "/")
	name = unescape(name)
	switch keyword {
	case "":
		*n = *from
	case "type":
		n.Types = from.Types
	case "const":
		n.Const = from.Const
	case "enum":
		e.enum(n)
	case "maximum":
		n.Maximum = from.Maximum
	case "minimum":
		n.Minimum = from.Minimum
	case "exclusiveMaximum":
		n.ExclusiveMaximum = from.ExclusiveMaximum
	case "exclusiveMinimum":
		n.ExclusiveMinimum = from.ExclusiveMinimum
	case "multipleOf":
		n.MultipleOf = from.MultipleOf
	case "maxLength":
		n.MaxLength = from.MaxLength
	case "minLength":
		n.MinLength = from.MinLength
	case "pattern":
		n.Pattern = from.Pattern
	case "format":
		n.Format, n.FormatAsserted = from.Format, from.FormatAsserted
	case "contentMediaType":
		n.ContentEncoding, n.ContentMediaType, n.ContentSchema = from.ContentEncoding, from.ContentMediaType, from.ContentSchema
	case "$ref":
		n.Ref = from.Ref
	case "maxProperties":
		n.MaxProperties = from.MaxProperties
	case "minProperties":
		n.MinProperties = from.MinProperties
	case "required":
		e.required(n)
	case "properties":
		if strings.HasSuffix(e.rule, "-required") || strings.HasSuffix(e.rule, "-optional") {
			e.keyword = "required/" + escape(name)
			e.required(n)
			return
		}
		n.Properties = replaceMember(n.Properties, from.Properties, name)
	case "patternProperties":
		n.PatternProperties = replaceMember(n.PatternProperties, from.PatternProperties, name)
	case "dependentSchemas":
		n.DependentSchemas = replaceMember(n.DependentSchemas, from.DependentSchemas, name)
	case "dependentRequired":
		n.DependentRequired = slices.DeleteFunc(slices.Clone(n.DependentRequired), func(d validator.Dependency) bool { return d.Name == name })
		for _, d := range from.DependentRequired {
			if d.Name == name {
				n.DependentRequired = append(n.DependentRequired, d)
			}
		}
	case "additionalProperties":
		n.AdditionalProperties = from.AdditionalProperties
	case "unevaluatedProperties":
		n.UnevaluatedProperties = from.UnevaluatedProperties
	case "propertyNames":
		n.PropertyNames = from.PropertyNames
	default:
		e.applyRest(n, keyword, name)
	}
}

func (e edit) applyRest(n *validator.Node, keyword, name string) {
	from := e.next
	switch keyword {
	case "maxItems":
		n.MaxItems = from.MaxItems
	case "minItems":
		n.MinItems = from.MinItems
	case "uniqueItems":
		n.UniqueItems = from.UniqueItems
	case "prefixItems":
		i, _ := strconv.Atoi(name) // written by us
		if i < len(from.PrefixItems) {
			n.PrefixItems = append(slices.Clone(n.PrefixItems[:min(i, len(n.PrefixItems))]), from.PrefixItems[i])
		} else {
			n.PrefixItems = n.PrefixItems[:min(i, len(n.PrefixItems))]
		}
	case "items":
		n.Items = from.Items
	case "unevaluatedItems":
		n.UnevaluatedItems = from.UnevaluatedItems
	case "contains":
		n.Contains, n.MinContains, n.MaxContains, n.ContainsEvaluates = from.Contains, from.MinContains, from.MaxContains, from.ContainsEvaluates
	case "maxContains":
		n.MaxContains = from.MaxContains
	case "minContains":
		n.MinContains = from.MinContains
	case "allOf", "anyOf", "oneOf":
		e.branch(n, keyword, name)
	case "not":
		n.Not = from.Not
	case "if":
		n.If, n.Then, n.Else = from.If, from.Then, from.Else
	case "then":
		n.Then = from.Then
	case "else":
		n.Else = from.Else
	}
}

// enum takes one change of a value set: values that came, values that went, or the whole set.
func (e edit) enum(n *validator.Node) {
	set := func(n *validator.Node) [][]byte {
		if n.Enum == nil && n.Const != nil {
			return [][]byte{n.Const}
		}
		return n.Enum
	}
	has := func(list [][]byte, v []byte) bool {
		return slices.ContainsFunc(list, func(w []byte) bool { return string(v) == string(w) })
	}
	old, next := set(e.old), set(e.next)
	switch e.rule {
	case "enum-value-added":
		list := slices.Clone(set(n))
		for _, v := range next {
			if !has(old, v) {
				list = append(list, v)
			}
		}
		n.Enum, n.Const = list, nil
	case "enum-value-removed":
		n.Enum = slices.DeleteFunc(slices.Clone(set(n)), func(v []byte) bool { return has(old, v) && !has(next, v) })
		n.Const = nil
	default:
		n.Enum = e.next.Enum
	}
}

// required takes one name in or out.
func (e edit) required(n *validator.Node) {
	_, name, _ := strings.Cut(e.keyword, "/")
	name = unescape(name)
	n.Required = slices.DeleteFunc(slices.Clone(n.Required), func(r string) bool { return r == name })
	if slices.Contains(e.next.Required, name) {
		n.Required = append(n.Required, name)
	}
}

func replaceMember(to, from []validator.Property, name string) []validator.Property {
	to = slices.DeleteFunc(slices.Clone(to), func(p validator.Property) bool { return p.Name == name })
	for _, p := range from {
		if p.Name == name {
			to = append(to, p)
		}
	}
	return to
}

func (e edit) branch(n *validator.Node, keyword, name string) {
	lists := func(n *validator.Node) map[string]*[]*validator.Node {
		return map[string]*[]*validator.Node{"allOf": &n.AllOf, "anyOf": &n.AnyOf, "oneOf": &n.OneOf}
	}
	to, from := lists(n)[keyword], *lists(e.next)[keyword]
	i, err := strconv.Atoi(name)
	switch {
	case err != nil: // another combinator, with the branches it had
		for _, l := range lists(n) {
			if l != to && len(*l) > 0 {
				*to, *l = *l, nil
				break
			}
		}
	case strings.HasSuffix(e.rule, "-added"):
		*to = append(slices.Clone(*to), from[i])
	default:
		gone := *lists(e.old)[keyword]
		// The copy's branches stand in the old order until one is taken out; count from the old list.
		for j := range *to {
			if (*to)[j].Pointer == gone[i].Pointer && raw((*to)[j]) == raw(gone[i]) {
				*to = slices.Delete(slices.Clone(*to), j, j+1)
				break
			}
		}
		if len(*to) == 0 {
			*to = nil
		}
	}
}

// unescape reads one token of a JSON Pointer.
func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
