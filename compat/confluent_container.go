package compat

import (
	"slices"
	"strconv"

	"github.com/accordhq/accord/validator"
)

func (w *confluentWalk) objects(f *confluentFound, old, next *validator.Node) {
	w.required(f, old, next)
	w.properties(f, old, next)
	w.dependencies(f, old, next)
	o, n := w.classes.rest(old, "additionalProperties", old.AdditionalProperties), w.classes.rest(next, "additionalProperties", next.AdditionalProperties)
	w.openness(f, "additionalProperties", "ADDITIONAL_PROPERTIES", o, n)
	w.unevaluated(f, "unevaluatedProperties", "UNEVALUATED_PROPERTIES",
		w.classes.child(old, old.UnevaluatedProperties, "unevaluatedProperties"), w.classes.child(next, next.UnevaluatedProperties, "unevaluatedProperties"))
	w.count(f, "maxProperties", "MAX_PROPERTIES", old.MaxProperties, next.MaxProperties)
	w.count(f, "minProperties", "MIN_PROPERTIES", old.MinProperties, next.MinProperties)
}

// confluentRest is what a keyword says about everything else: allowed as it is, under a schema, or not at all.
type confluentRest struct {
	closed bool
	schema *confluentSchema
}

func (c *confluentClasses) rest(parent *validator.Node, keyword string, n *validator.Node, older ...string) confluentRest {
	switch {
	case n == nil || n.Always != nil && *n.Always:
		return confluentRest{}
	case n.Always != nil:
		return confluentRest{closed: true}
	}
	return confluentRest{schema: c.child(parent, n, append([]string{keyword}, older...)...)}
}

// openness compares additionalProperties and additionalItems.
func (w *confluentWalk) openness(f *confluentFound, keyword, name string, old, next confluentRest) {
	path := "/" + keyword
	switch {
	case old.closed != next.closed && next.closed:
		w.add(f, path, name+"_REMOVED")
	case old.closed != next.closed:
		w.add(f, path, name+"_ADDED")
	case old.schema == nil && next.schema != nil:
		w.add(f, path, name+"_NARROWED")
	case old.schema != nil && next.schema == nil:
		w.add(f, path, name+"_EXTENDED")
	default:
		w.sub(f, path, old.schema, next.schema)
	}
}

// unevaluated compares unevaluatedProperties and unevaluatedItems.
func (w *confluentWalk) unevaluated(f *confluentFound, keyword, name string, old, next *confluentSchema) {
	is := func(s *confluentSchema, c confluentClass) bool { return s != nil && s.class == c }
	free := func(s *confluentSchema) bool { return s == nil || is(s, classEmpty) }
	path := "/" + keyword
	switch {
	case old == nil && next == nil:
	case is(old, classFalse) != is(next, classFalse) && is(next, classFalse):
		w.add(f, path, name+"_REMOVED")
	case is(old, classFalse) != is(next, classFalse):
		w.add(f, path, name+"_ADDED")
	case old == nil || free(old) && !free(next):
		w.add(f, path, name+"_NARROWED")
	case next == nil || !free(old) && free(next):
		w.add(f, path, name+"_EXTENDED")
	default:
		w.sub(f, path, old, next)
	}
}

// confluentMember is a property of an object.
type confluentMember struct {
	name       string
	schema     *confluentSchema
	hasDefault bool
}

func (c *confluentClasses) properties(n *validator.Node) []confluentMember {
	out := make([]confluentMember, 0, len(n.Properties))
	for _, p := range n.Properties {
		s := c.child(n, p.Schema, "properties/"+escape(p.Name))
		own := p.Schema.Document == n.Document && p.Schema.Pointer == n.Pointer+"/properties/"+escape(p.Name)
		out = append(out, confluentMember{p.Name, s, own && c.has(p.Schema, "default")})
	}
	return out
}

func find(list []confluentMember, name string) *confluentMember {
	i := slices.IndexFunc(list, func(m confluentMember) bool { return m.name == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// required compares the names that both sides list under properties; others are not looked at.
func (w *confluentWalk) required(f *confluentFound, old, next *validator.Node) {
	after := w.classes.properties(next)
	for _, p := range old.Properties {
		m := find(after, p.Name)
		if m == nil {
			continue
		}
		was, is := slices.Contains(old.Required, p.Name), slices.Contains(next.Required, p.Name)
		path := "/required/" + p.Name
		switch {
		case was && !is:
			w.add(f, path, "REQUIRED_ATTRIBUTE_REMOVED")
		case !was && is && m.hasDefault:
			w.add(f, path, "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED")
		case !was && is:
			w.add(f, path, "REQUIRED_ATTRIBUTE_ADDED")
		}
	}
}

func (w *confluentWalk) properties(f *confluentFound, old, next *validator.Node) {
	before, after := w.classes.properties(old), w.classes.properties(next)
	for _, o := range before {
		path := "/properties/" + o.name
		if n := find(after, o.name); n != nil {
			w.sub(f, path, o.schema, n.schema)
			continue
		}
		w.removed(f, path, "PROPERTY", o.schema, w.classes.objectModel(next, o.name))
	}
	for _, n := range after {
		if find(before, n.name) != nil {
			continue
		}
		path := "/properties/" + n.name
		required := slices.Contains(next.Required, n.name)
		m := w.classes.objectModel(old, n.name)
		if m.open {
			switch {
			case n.schema.class == classEmpty:
				w.add(f, path, "PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL")
			case required && n.hasDefault:
				w.add(f, path, "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL")
			case required:
				w.add(f, path, "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL")
			default:
				w.add(f, path, "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL")
			}
			continue
		}
		w.covered(f, path, "PROPERTY_ADDED", m.schema, n.schema)
		switch {
		case required && n.hasDefault:
			w.add(f, path, "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL")
		case required:
			w.add(f, path, "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL")
		default:
			w.add(f, path, "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL")
		}
	}
}

// contentModel is what a schema says about a member or an item that it does not list: anything goes, a schema holds, or
// (zero) nothing goes.
type contentModel struct {
	open   bool
	schema *confluentSchema
}

// objectModel is open only without patterns, whatever they match; else the first pattern that matches the name, then
// what holds for other names.
func (c *confluentClasses) objectModel(n *validator.Node, name string) contentModel {
	for _, p := range n.PatternProperties {
		if matches(p.Name, name) {
			return contentModel{schema: c.child(n, p.Schema, "patternProperties/"+escape(p.Name))}
		}
	}
	m := c.model(n, n.AdditionalProperties, n.UnevaluatedProperties, []string{"additionalProperties"}, "unevaluatedProperties")
	m.open = m.open && len(n.PatternProperties) == 0
	return m
}

func (c *confluentClasses) arrayModel(n *validator.Node) contentModel {
	rest := n.Items
	if len(n.PrefixItems) == 0 {
		rest = nil // it holds for all items, and has been compared
	}
	return c.model(n, rest, n.UnevaluatedItems, []string{"additionalItems", "items"}, "unevaluatedItems")
}

func (c *confluentClasses) model(n, rest, unevaluated *validator.Node, keywords []string, last string) contentModel {
	r := c.rest(n, keywords[0], rest, keywords[1:]...)
	if rest == nil {
		r = c.rest(n, last, unevaluated)
	}
	if r.closed {
		return contentModel{}
	}
	if r.schema != nil && rest == nil && r.schema.class == classEmpty {
		return contentModel{open: true}
	}
	return contentModel{open: r.schema == nil, schema: r.schema}
}

// covered names what is added or removed where another schema holds for what is not listed.
func (w *confluentWalk) covered(f *confluentFound, path, name string, old, next *confluentSchema) bool {
	if old == nil || next == nil {
		return false
	}
	below := w.pair(old, next)
	w.take(f, below, path)
	if below.refused {
		w.add(f, path, name+"_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
	} else {
		w.add(f, path, name+"_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
	}
	return true
}

// removed names a property or an item that only old lists, by what next says of those that it does not list.
func (w *confluentWalk) removed(f *confluentFound, path, kind string, old *confluentSchema, m contentModel) {
	switch {
	case m.open:
		w.add(f, path, kind+"_REMOVED_FROM_OPEN_CONTENT_MODEL")
	case w.covered(f, path, kind+"_REMOVED", old, m.schema):
	case old.class == classFalse:
		w.add(f, path, kind+"_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	default:
		w.add(f, path, kind+"_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	}
}

func (w *confluentWalk) dependencies(f *confluentFound, old, next *validator.Node) {
	names := func(list []validator.Dependency) map[string][]string {
		m := map[string][]string{}
		for _, d := range list {
			m[d.Name] = slices.Compact(slices.Sorted(slices.Values(d.Required)))
		}
		return m
	}
	all := func(list, in []string) bool {
		return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(in, s) })
	}
	before, after := names(old.DependentRequired), names(next.DependentRequired)
	for _, k := range union(sortedKeys(before), sortedKeys(after)) {
		o, had := before[k]
		n, has := after[k]
		path := "/dependencies/" + k
		switch {
		case !has:
			w.add(f, path, "DEPENDENCY_ARRAY_REMOVED")
		case !had:
			w.add(f, path, "DEPENDENCY_ARRAY_ADDED")
		case slices.Equal(o, n):
		case all(o, n):
			w.add(f, path, "DEPENDENCY_ARRAY_EXTENDED")
		case all(n, o):
			w.add(f, path, "DEPENDENCY_ARRAY_NARROWED")
		default:
			w.add(f, path, "DEPENDENCY_ARRAY_CHANGED")
		}
	}
	schemas := func(n *validator.Node) map[string]*confluentSchema {
		m := map[string]*confluentSchema{}
		for _, p := range n.DependentSchemas {
			m[p.Name] = w.classes.child(n, p.Schema, "dependentSchemas/"+escape(p.Name), "dependencies/"+escape(p.Name))
		}
		return m
	}
	os, ns := schemas(old), schemas(next)
	for _, k := range union(sortedKeys(os), sortedKeys(ns)) {
		path := "/dependencies/" + k
		switch {
		case ns[k] == nil:
			w.add(f, path, "DEPENDENCY_SCHEMA_REMOVED")
		case os[k] == nil:
			w.add(f, path, "DEPENDENCY_SCHEMA_ADDED")
		default:
			w.sub(f, path, os[k], ns[k])
		}
	}
}

// union is the first list and what only the second has.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(a, s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *confluentWalk) arrays(f *confluentFound, old, next *validator.Node) {
	c := w.classes
	all := func(n *validator.Node) *confluentSchema {
		if len(n.PrefixItems) > 0 {
			return nil
		}
		return c.child(n, n.Items, "items")
	}
	w.sub(f, "/items", all(old), all(next))
	item := func(n *validator.Node, i int) *confluentSchema {
		return c.child(n, n.PrefixItems[i], "prefixItems/"+strconv.Itoa(i), "items/"+strconv.Itoa(i))
	}
	for i := range max(len(old.PrefixItems), len(next.PrefixItems)) {
		path := "/items/" + strconv.Itoa(i)
		switch {
		case i >= len(next.PrefixItems):
			w.removed(f, path, "ITEM", item(old, i), w.classes.arrayModel(next))
		case i >= len(old.PrefixItems):
			w.itemAdded(f, path, w.classes.arrayModel(old), item(next, i))
		default:
			w.sub(f, path, item(old, i), item(next, i))
		}
	}
	rest := func(n *validator.Node) confluentRest {
		if len(n.PrefixItems) == 0 {
			return confluentRest{}
		}
		return c.rest(n, "additionalItems", n.Items, "items")
	}
	w.openness(f, "additionalItems", "ADDITIONAL_ITEMS", rest(old), rest(next))
	w.unevaluated(f, "unevaluatedItems", "UNEVALUATED_ITEMS",
		w.classes.child(old, old.UnevaluatedItems, "unevaluatedItems"), w.classes.child(next, next.UnevaluatedItems, "unevaluatedItems"))
	w.count(f, "maxItems", "MAX_ITEMS", old.MaxItems, next.MaxItems)
	w.count(f, "minItems", "MIN_ITEMS", old.MinItems, next.MinItems)
	switch {
	case old.UniqueItems && !next.UniqueItems:
		w.add(f, "/uniqueItems", "UNIQUE_ITEMS_REMOVED")
	case !old.UniqueItems && next.UniqueItems:
		w.add(f, "/uniqueItems", "UNIQUE_ITEMS_ADDED")
	}
	w.count(f, "maxContains", "MAX_CONTAINS", w.classes.counted(old, "maxContains", old.MaxContains), w.classes.counted(next, "maxContains", next.MaxContains))
	w.count(f, "minContains", "MIN_CONTAINS", w.classes.counted(old, "minContains", old.MinContains), w.classes.counted(next, "minContains", next.MinContains))
}

// contains is a count beside contains, -1 where it is not written.
func (c *confluentClasses) counted(n *validator.Node, keyword string, count int64) int64 {
	if n.Contains == nil || !c.has(n, keyword) {
		return -1
	}
	return count
}

func (w *confluentWalk) itemAdded(f *confluentFound, path string, m contentModel, next *confluentSchema) {
	switch {
	case m.open && next.class == classEmpty:
		w.add(f, path, "ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL")
	case m.open:
		w.add(f, path, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL")
	case w.covered(f, path, "ITEM_ADDED", m.schema, next):
	default:
		w.add(f, path, "ITEM_ADDED_TO_CLOSED_CONTENT_MODEL")
	}
}
