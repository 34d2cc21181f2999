package validator

import (
	"fmt"
	"strconv"
)

func (x *explainer) string(n *node, i int) {
	t := n.text
	if t == nil {
		return
	}
	end, escaped := stringEnd(x.text, i)
	if !x.spend((end - i) / 8) {
		return
	}
	s := x.text[i+1 : end-1]
	if escaped {
		s = appendUnescaped(nil, s)
	}
	x.bounds(n, i, "Length", "character", int64(codePoints(s)), t.minLength, t.maxLength)
	if t.pattern != nil && !t.pattern.matches(s, &x.counts) {
		expected := cut(t.pattern.source)
		x.add(n, i, "pattern", "/pattern", Violation{Expected: expected, Actual: "string", Message: "must match " + expected})
	}
	if t.format != nil && !t.format(s) {
		x.add(n, i, "format", "/format", Violation{Expected: t.formatName, Actual: "string", Message: "must be " + formatWords[t.formatName]})
	}
	switch keyword := x.content(t, s); keyword {
	case "":
	case "contentEncoding":
		x.add(n, i, keyword, "/"+keyword, Violation{Expected: encodingBase64, Actual: "string", Message: "must be base64"})
	case "contentMediaType":
		x.add(n, i, keyword, "/"+keyword, Violation{Expected: mediaJSON, Actual: "string", Message: "must hold JSON"})
	default:
		x.add(n, i, keyword, "/"+keyword, Violation{Actual: "string", Message: "must hold JSON of this form"})
	}
}

func (x *explainer) array(n *node, i int) {
	a := n.array
	if a == nil {
		x.skip(i)
		return
	}
	size, matches := 0, int64(0)
	item, ok := firstItem(x.text, i)
	for ok && x.fault == "" {
		address := "*"
		if size < len(a.prefix) {
			address = strconv.Itoa(size)
		}
		x.path = append(x.path, step{index: size, address: address, plain: true})
		switch {
		case size < len(a.prefix):
			x.value(a.prefix[size], item, "false")
		case a.items != nil:
			keyword := "false"
			if len(a.prefix) > 0 {
				keyword = lastToken(a.items.pointer)
			}
			x.value(a.items, item, keyword)
		}
		x.path = x.path[:len(x.path)-1]
		if a.contains != nil && x.try(a.contains, item, noMarks) >= 0 {
			matches++
		}
		size++
		item, ok = nextItem(x.text, x.skipTo(item))
	}
	if x.fault != "" {
		return
	}
	x.bounds(n, i, "Items", "item", int64(size), a.minItems, a.maxItems)
	if a.unique {
		if first, second := x.equalItems(i); first >= 0 && x.fault == "" {
			x.add(n, i, "uniqueItems", "/uniqueItems", Violation{Message: fmt.Sprintf("items %d and %d are equal", first, second)})
		}
	}
	x.contains(n, i, matches)
}

// contains explains contains with its two counts; a lower bound of 1 is contains itself.
func (x *explainer) contains(n *node, i int, matches int64) {
	a := n.array
	if a.contains == nil {
		return
	}
	actual := strconv.FormatInt(matches, 10)
	if matches < a.minContains {
		keyword := "contains"
		if a.minContains > 1 {
			keyword = "minContains"
		}
		x.add(n, i, keyword, "/"+keyword, Violation{Expected: strconv.FormatInt(a.minContains, 10), Actual: actual, Message: "must have at least " + count(a.minContains, "matching item") + ", has " + actual})
	}
	if a.maxContains >= 0 && matches > a.maxContains {
		x.add(n, i, "maxContains", "/maxContains", Violation{Expected: strconv.FormatInt(a.maxContains, 10), Actual: actual, Message: "must have at most " + count(a.maxContains, "matching item") + ", has " + actual})
	}
}

// skipTo is the end of the value at i; it always moves on, even when the steps are used up.
func (x *explainer) skipTo(i int) int {
	end := valueEnd(x.text, i)
	x.spend((end - i) / 8)
	return end
}

func (x *explainer) object(n *node, i int) {
	o := n.object
	if o == nil {
		x.skip(i)
		return
	}
	size := 0
	present := make([]bool, len(o.known))
	m, ok := firstMember(x.text, i)
	for ok && x.fault == "" {
		x.member(o, m, present)
		size++
		m, _, ok = nextMember(x.text, x.skipTo(m.value))
	}
	if x.fault != "" {
		return
	}
	x.bounds(n, i, "Properties", "property", int64(size), o.minProperties, o.maxProperties)
	for _, name := range o.required {
		if !present[name] {
			expected := cut(string(appendQuoted(nil, []byte(o.known[name].name))))
			x.add(n, i, "required", "/required", Violation{Expected: expected, Message: "must have " + expected})
		}
	}
	for _, d := range o.dependentRequired {
		for _, name := range d.required {
			if present[d.name] && !present[name] {
				expected := cut(string(appendQuoted(nil, []byte(o.known[name].name))))
				has := cut(string(appendQuoted(nil, []byte(o.known[d.name].name))))
				x.add(n, i, d.keyword, join("/"+d.keyword, o.known[d.name].name), Violation{Expected: expected, Message: "must have " + expected + " because it has " + has})
			}
		}
	}
	for _, d := range o.dependentSchemas {
		if present[d.name] {
			x.value(d.schema, i, "false")
		}
	}
}

// member explains one member by every schema that applies to it, and its name.
func (x *explainer) member(o *objectRules, m member, present []bool) {
	name, _ := unquote(x.text[m.name:m.nameEnd])
	at := o.table.find(name)
	known := at >= 0
	if known {
		present[at] = true
	}
	s := step{name: m.name, nameEnd: m.nameEnd, address: otherName, plain: true}
	switch {
	case known:
		s.address, s.plain = o.known[at].name, false
	case x.program.declared[string(name)]:
		s.address, s.plain = string(name), false
	}
	if s.address == "*" {
		s.address, s.plain = "~name:*", true
	}
	applied := false
	x.path = append(x.path, s)
	if known && o.known[at].schema != nil {
		applied = true
		x.value(o.known[at].schema, m.value, "false")
	}
	for _, k := range o.matching(nil, name, &x.counts) {
		p := o.patterns[k]
		applied = true
		if s.address == otherName {
			x.path[len(x.path)-1].address = "~re:" + string(appendToken(nil, p.source)[1:])
		}
		x.value(p.schema, m.value, "false")
	}
	x.path[len(x.path)-1] = s
	if !applied && o.additional != nil {
		x.value(o.additional, m.value, "additionalProperties")
	}
	if o.propertyNames != nil {
		x.name(o.propertyNames, m)
	}
	x.path = x.path[:len(x.path)-1]
}

// name explains a member's name, which stands in the text as a string like any other.
func (x *explainer) name(n *node, m member) {
	sub := x.fork()
	sub.value(n, m.name, "propertyNames")
	for _, f := range sub.found {
		f.Keyword, f.Offset, f.inner, f.Message = "propertyNames", m.value, x.inner, "name "+f.Message
		x.found = append(x.found, f)
	}
}

// fork is an explainer of the same run and place that collects for itself.
func (x *explainer) fork() *explainer {
	return &explainer{run: x.run, limit: x.limit, inner: x.inner + 1, path: x.path}
}

// unevaluated explains what no schema of the node has evaluated.
func (x *explainer) unevaluated(n *node, i int) {
	switch {
	case x.text[i] == '{' && n.object != nil && n.object.unevaluated != nil:
		own := x.contributions(n, i)
		ordinal := 0
		m, ok := firstMember(x.text, i)
		for ok {
			if !x.marked(own, ordinal) {
				name, _ := unquote(x.text[m.name:m.nameEnd])
				s := step{name: m.name, nameEnd: m.nameEnd, address: otherName, plain: true}
				if x.program.declared[string(name)] {
					s.address, s.plain = string(name), false
				}
				x.path = append(x.path, s)
				x.value(n.object.unevaluated, m.value, "unevaluatedProperties")
				x.path = x.path[:len(x.path)-1]
			}
			ordinal++
			m, _, ok = nextMember(x.text, x.skipTo(m.value))
		}
	case x.text[i] == '[' && n.array != nil && n.array.unevaluated != nil:
		own := x.contributions(n, i)
		ordinal := 0
		item, ok := firstItem(x.text, i)
		for ok {
			if !x.marked(own, ordinal) {
				x.path = append(x.path, step{index: ordinal, address: "*", plain: true})
				x.value(n.array.unevaluated, item, "unevaluatedItems")
				x.path = x.path[:len(x.path)-1]
			}
			ordinal++
			item, ok = nextItem(x.text, x.skipTo(item))
		}
	}
}

// contributions are the marks that a node's other keywords leave, in a value that they all hold for.
func (x *explainer) contributions(n *node, i int) marks {
	own := x.newMarks(countChildren(x.text, i))
	x.run.value(n.bare, i, own)
	x.run.inPlace(n.inPlace, i, i, own)
	return own
}
