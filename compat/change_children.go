package compat

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// blank is a schema object without assertions at the place of a boolean one.
func blank(n *validator.Node) *validator.Node {
	return &validator.Node{
		Document: n.Document, Pointer: n.Pointer, Draft: n.Draft, MaxLength: -1, MaxItems: -1, MaxProperties: -1,
		MinContains: 1, MaxContains: -1, Raw: []byte("{}"),
	}
}

func (a *at) sub(old, next *validator.Node, segment string, depth int) {
	if old != nil && next != nil {
		a.walk(old, next, a.address+segment, depth+1)
	}
}

// comes names a whole sub-schema that only one side has.
func (a *at) comes(id, keyword string, old, next *validator.Node) {
	a.comesOrGoes(id, keyword, raw(old), raw(next))
}

func raw(n *validator.Node) string {
	switch {
	case n == nil:
		return ""
	case n.Always != nil:
		return strconv.FormatBool(*n.Always)
	case len(n.Raw) == 0:
		return "{}"
	}
	var b bytes.Buffer
	if json.Compact(&b, n.Raw) != nil {
		return string(n.Raw)
	}
	return b.String()
}

func (a *at) references(depth int) {
	o, n := a.old.Ref, a.new.Ref
	if o != nil && n != nil && o.Pointer != n.Pointer {
		before, after := len(a.out), o.Document+"#"+o.Pointer
		a.sub(o, n, "", depth)
		if len(a.out) > before {
			a.add("ref-retargeted", "$ref", after, n.Document+"#"+n.Pointer)
		}
		return
	}
	a.sub(o, n, "", depth)
	if o == nil && n != nil {
		a.sub(blank(n), n, "", depth)
	}
	if o != nil && n == nil {
		a.sub(o, blank(o), "", depth)
	}
	a.sub(a.old.DynamicRef, a.new.DynamicRef, "", depth)
}

// openness compares a keyword that says what else may be there.
func (a *at) openness(id, keyword, segment string, old, next *validator.Node, depth int) {
	is := func(n *validator.Node, v bool) bool { return n != nil && n.Always != nil && *n.Always == v }
	free := func(n *validator.Node) bool { return n == nil || is(n, true) }
	switch {
	case free(old) && free(next) || is(old, false) && is(next, false):
	case is(next, false):
		a.add(id+"-closed", keyword, raw(old), raw(next))
	case is(old, false):
		a.add(id+"-opened", keyword, raw(old), raw(next))
	case free(old):
		a.add(id+"-narrowed", keyword, raw(old), raw(next))
	case free(next):
		a.add(id+"-widened", keyword, raw(old), raw(next))
	default:
		a.sub(old, next, segment, depth)
	}
}

func (a *at) objects(depth int) {
	a.counted("max-properties", "maxProperties", a.old.MaxProperties, a.new.MaxProperties, present)
	a.counted("min-properties", "minProperties", a.old.MinProperties, a.new.MinProperties, positive)
	a.required()
	named := func(list []validator.Property) map[string]*validator.Node {
		m := make(map[string]*validator.Node, len(list))
		for _, p := range list {
			m[p.Name] = p.Schema
		}
		return m
	}
	both := func(old, next []validator.Property, each func(name string, o, n *validator.Node)) {
		om, nm := named(old), named(next)
		for _, p := range next {
			each(p.Name, om[p.Name], p.Schema)
		}
		for _, p := range old {
			if nm[p.Name] == nil {
				each(p.Name, p.Schema, nil)
			}
		}
	}
	both(a.old.Properties, a.new.Properties, func(name string, o, n *validator.Node) {
		if o != nil && n != nil {
			a.sub(o, n, "/"+escape(name), depth)
			return
		}
		outer := a.address
		a.address += "/" + escape(name)
		a.comes("property", "properties/"+escape(name), o, n)
		a.address = outer
	})
	both(a.old.PatternProperties, a.new.PatternProperties, func(name string, o, n *validator.Node) {
		if o != nil && n != nil {
			a.sub(o, n, "/~re:"+escape(name), depth)
			return
		}
		a.comes("pattern-property", "patternProperties/"+escape(name), o, n)
	})
	a.openness("additional-properties", "additionalProperties", "/~other", a.old.AdditionalProperties, a.new.AdditionalProperties, depth)
	a.openness("unevaluated-properties", "unevaluatedProperties", "/~other", a.old.UnevaluatedProperties, a.new.UnevaluatedProperties, depth)
	if a.old.PropertyNames != nil && a.new.PropertyNames != nil {
		a.sub(a.old.PropertyNames, a.new.PropertyNames, "/~names", depth)
	} else {
		a.comes("property-names", "propertyNames", a.old.PropertyNames, a.new.PropertyNames)
	}
	a.dependencies()
	both(a.old.DependentSchemas, a.new.DependentSchemas, func(name string, o, n *validator.Node) {
		if o != nil && n != nil {
			a.sub(o, n, "/~if-has:"+escape(name), depth)
			return
		}
		a.comes("dependent-schema", "dependentSchemas/"+escape(name), o, n)
	})
}

func (a *at) required() {
	lists := func(n *validator.Node, name string) bool {
		return slices.ContainsFunc(n.Properties, func(p validator.Property) bool { return p.Name == name })
	}
	for _, name := range a.new.Required {
		if !slices.Contains(a.old.Required, name) {
			rule := "required-name-added"
			if lists(a.new, name) {
				rule = "property-required"
			}
			a.name(rule, name, "", quoted(name))
		}
	}
	for _, name := range a.old.Required {
		if !slices.Contains(a.new.Required, name) {
			rule := "required-name-removed"
			if lists(a.old, name) {
				rule = "property-optional"
			}
			a.name(rule, name, quoted(name), "")
		}
	}
}

// name is a change about one member; its pointer is the member's own schema where there is one.
func (a *at) name(rule, name, before, after string) {
	outer := a.address
	a.address += "/" + escape(name)
	keyword := "required/" + escape(name)
	if strings.HasPrefix(rule, "property-") {
		keyword = "properties/" + escape(name)
	}
	a.add(rule, keyword, before, after)
	a.address = outer
}

func (a *at) dependencies() {
	grouped := func(list []validator.Dependency) map[string][]string {
		m := map[string][]string{}
		for _, d := range list {
			m[d.Name] = append(m[d.Name], d.Required...)
			slices.Sort(m[d.Name])
		}
		return m
	}
	old, next := grouped(a.old.DependentRequired), grouped(a.new.DependentRequired)
	names := sortedKeys(next)
	for _, k := range sortedKeys(old) {
		if _, ok := next[k]; !ok {
			names = append(names, k)
		}
	}
	contains := func(list, in []string) bool {
		return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(in, s) })
	}
	for _, k := range names {
		o, n := old[k], next[k]
		keyword := "dependentRequired/" + escape(k)
		switch _, had := old[k]; {
		case slices.Equal(o, n) && had:
		case len(o) == 0 || len(n) == 0:
			a.comesOrGoes("dependent-required", keyword, nameList(o), nameList(n))
		case contains(o, n):
			a.add("dependent-required-extended", keyword, nameList(o), nameList(n))
		case contains(n, o):
			a.add("dependent-required-narrowed", keyword, nameList(o), nameList(n))
		default:
			a.add("dependent-required-changed", keyword, nameList(o), nameList(n))
		}
	}
}

func nameList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	b, _ := json.Marshal(list) // strings always have a JSON text
	return string(b)
}

func (a *at) arrays(depth int) {
	a.counted("max-items", "maxItems", a.old.MaxItems, a.new.MaxItems, present)
	a.counted("min-items", "minItems", a.old.MinItems, a.new.MinItems, positive)
	flag := func(b bool) string {
		if b {
			return "true"
		}
		return ""
	}
	a.comesOrGoes("unique-items", "uniqueItems", flag(a.old.UniqueItems), flag(a.new.UniqueItems))
	o, n := a.old.PrefixItems, a.new.PrefixItems
	for i := range max(len(o), len(n)) {
		segment := "/" + strconv.Itoa(i)
		switch {
		case i >= len(o):
			a.comes("prefix-item", "prefixItems"+segment, nil, n[i])
		case i >= len(n):
			a.comes("prefix-item", "prefixItems"+segment, o[i], nil)
		default:
			a.sub(o[i], n[i], segment, depth)
		}
	}
	switch {
	case len(o) > 0 && len(n) > 0:
		a.openness("additional-items", "items", "/*", a.old.Items, a.new.Items, depth)
	case a.old.Items != nil && a.new.Items != nil:
		a.sub(a.old.Items, a.new.Items, "/*", depth)
	default:
		a.comes("items", "items", a.old.Items, a.new.Items)
	}
	a.openness("unevaluated-items", "unevaluatedItems", "/*", a.old.UnevaluatedItems, a.new.UnevaluatedItems, depth)
	oc, nc := a.old.Contains, a.new.Contains
	if oc == nil || nc == nil {
		a.comes("contains", "contains", oc, nc)
		return
	}
	a.sub(oc, nc, "/~contains", depth)
	a.counted("max-contains", "maxContains", a.old.MaxContains, a.new.MaxContains, present)
	notOne := func(n int64) bool { return n != 1 }
	if notOne(a.old.MinContains) || notOne(a.new.MinContains) {
		a.counted("min-contains", "minContains", a.old.MinContains, a.new.MinContains, notOne)
	}
}

func (a *at) unions(depth int) {
	lists := func(n *validator.Node) [3][]*validator.Node { return [3][]*validator.Node{n.AllOf, n.AnyOf, n.OneOf} }
	keywords := [3]string{"allOf", "anyOf", "oneOf"}
	ids := [3]string{"all-of", "any-of", "one-of"}
	only := func(n *validator.Node) int {
		at := -1
		for i, l := range lists(n) {
			if len(l) > 0 {
				if at >= 0 {
					return -1
				}
				at = i
			}
		}
		return at
	}
	o, n := lists(a.old), lists(a.new)
	if x, y := only(a.old), only(a.new); x >= 0 && y >= 0 && x != y {
		rule := "combinator-changed"
		if y == 1 {
			rule = "combinator-widened"
		}
		a.add(rule, keywords[y], quoted(keywords[x]), quoted(keywords[y]))
		a.branches(ids[y], keywords[y], o[x], n[y], depth)
	} else {
		for i := range keywords {
			a.branches(ids[i], keywords[i], o[i], n[i], depth)
		}
	}
	a.negation(depth)
	a.conditions(depth)
}

// branches pairs equal branches first, then those with the same discriminator, reference or title, then by position.
func (a *at) branches(id, keyword string, old, next []*validator.Node, depth int) {
	partner := make([]int, len(next))
	used := make([]bool, len(old))
	for i := range partner {
		partner[i] = -1
	}
	match := func(key func(*validator.Node) string) {
		free := map[string][]int{}
		for j, b := range old {
			if !used[j] {
				free[key(b)] = append(free[key(b)], j)
			}
		}
		for i, b := range next {
			if partner[i] >= 0 {
				continue
			}
			if k := key(b); k != "" && len(free[k]) > 0 {
				partner[i], free[k] = free[k][0], free[k][1:]
				used[partner[i]] = true
			}
		}
	}
	match(raw)
	match(discriminator)
	match(func(n *validator.Node) string { return n.Title })
	match(func(n *validator.Node) string {
		if strings.Contains(n.Pointer, "/"+keyword+"/") {
			return ""
		}
		return "at " + n.Pointer
	})
	if len(old) == len(next) {
		for i := range next {
			if partner[i] < 0 && !used[i] {
				partner[i], used[i] = i, true
			}
		}
		match(func(*validator.Node) string { return "any" })
	}
	segment := map[string]string{"any-of": "/~any:", "one-of": "/~one:"}[id]
	for i, b := range next {
		switch j := partner[i]; {
		case j < 0:
			a.add(id+"-branch-added", keyword+"/"+strconv.Itoa(i), "", raw(b))
		case segment == "":
			a.sub(old[j], b, "", depth)
		default:
			a.sub(old[j], b, segment+strconv.Itoa(i), depth)
		}
	}
	for j, b := range old {
		if !used[j] {
			a.add(id+"-branch-removed", keyword+"/"+strconv.Itoa(j), raw(b), "")
		}
	}
}

// discriminator is the members of a branch that have one value, as text.
func discriminator(n *validator.Node) string {
	var b strings.Builder
	for _, p := range n.Properties {
		if p.Schema.Const != nil {
			b.WriteString(quoted(p.Name) + string(p.Schema.Const))
		} else if len(p.Schema.Enum) == 1 {
			b.WriteString(quoted(p.Name) + string(p.Schema.Enum[0]))
		}
	}
	return b.String()
}

func (a *at) negation(depth int) {
	o, n := a.old.Not, a.new.Not
	if o == nil || n == nil {
		a.comes("not", "not", o, n)
		return
	}
	// What is under not turns round: a narrower schema there refuses less.
	inner := &differ{seen: map[[2]*validator.Node]bool{}}
	inner.walk(o, n, a.address, depth+1)
	for _, c := range inner.out {
		if annotations[c.Rule] {
			continue
		}
		rule := "not-widened"
		if narrows(c.Rule) {
			rule = "not-narrowed"
		}
		a.add(rule, "not", raw(o), raw(n))
		return
	}
}

// narrows reports whether a rule's own example refuses an event.
func narrows(rule string) bool { return rulesByID[rule].Event != "" && rule != "enum-value-added" }

func (a *at) conditions(depth int) {
	o, n := a.old, a.new
	asserts := func(n *validator.Node) bool { return n.If != nil && (n.Then != nil || n.Else != nil) }
	if !asserts(o) || !asserts(n) {
		if asserts(o) != asserts(n) {
			before, after := "", ""
			if asserts(o) {
				before = raw(o.If)
			} else {
				after = raw(n.If)
			}
			a.comesOrGoes("if", "if", before, after)
		}
		return
	}
	if raw(o.If) != raw(n.If) {
		a.add("if-changed", "if", raw(o.If), raw(n.If))
	}
	for _, p := range []struct {
		id       string
		old, new *validator.Node
	}{{"then", o.Then, n.Then}, {"else", o.Else, n.Else}} {
		if p.old != nil && p.new != nil {
			a.sub(p.old, p.new, "/~"+p.id, depth)
			continue
		}
		a.comes(p.id, p.id, p.old, p.new)
	}
}
