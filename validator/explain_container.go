package validator

import (
	"fmt"
	"strconv"
)

func (x *explainer) string(n *node, i int) (end int) {
	t := n.text
	if t == nil {
		return 0
	}
	end, escaped := stringEnd(x.text, i)
	if !x.spend((end - i) / 8) {
		return end
	}
	s := x.text[i+1 : end-1]
	if escaped {
		s = appendUnescaped(nil, s)
	}
	x.bounds(n, i, "Length", "character", int64(codePoints(s)), t.minLength, t.maxLength)
	if t.pattern != nil && !t.pattern.matches(s, &x.counts) {
		x.fail(n, i, "pattern", words{"must match ", cut(t.pattern.source), "", "string", ""})
	}
	if t.format != nil && !t.format(s) {
		x.fail(n, i, "format", words{"must be ", formatWords[t.formatName], "", "string", t.formatName})
	}
	switch keyword := x.content(t, s); keyword {
	case "":
	case "contentEncoding":
		x.fail(n, i, keyword, words{"must be ", encodingBase64, "", "string", ""})
	case "contentMediaType":
		x.fail(n, i, keyword, words{"must hold ", "JSON", "", "string", mediaJSON})
	default:
		x.fail(n, i, keyword, words{before: "must hold JSON of this form", actual: "string"})
	}
	return end
}

func (x *explainer) array(n *node, i int) (end int) {
	a := n.array
	if a == nil {
		return 0
	}
	size, matches := 0, int64(0)
	item, ok := firstItem(x.text, i)
	for ok && x.fault == "" {
		address := "*"
		if size < len(a.prefix) {
			address = strconv.Itoa(size)
		}
		x.path = append(x.path, step{index: size, address: address, plain: true})
		end = 0
		switch {
		case size < len(a.prefix):
			end = x.value(a.prefix[size], item, "false")
		case a.items != nil:
			keyword := "false"
			if len(a.prefix) > 0 {
				keyword = lastToken(a.items.pointer)
			}
			end = x.value(a.items, item, keyword)
		}
		x.path = x.path[:len(x.path)-1]
		if a.contains != nil && x.try(a.contains, item, noMarks) >= 0 {
			matches++
		}
		size++
		item, ok = nextItem(x.text, x.skipTo(item, end))
	}
	if x.fault != "" {
		return 0
	}
	end = item
	x.bounds(n, i, "Items", "item", int64(size), a.minItems, a.maxItems)
	if a.unique {
		if first, second := x.equalItems(i); first >= 0 && x.fault == "" {
			x.fail(n, i, "uniqueItems", words{before: fmt.Sprintf("items %d and %d are equal", first, second)})
		}
	}
	x.contains(n, i, matches)
	return end
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
		x.fail(n, i, keyword, words{"must have at least ", strconv.FormatInt(a.minContains, 10), " " + plural(a.minContains, "matching item") + ", has " + actual, actual, ""})
	}
	if a.maxContains >= 0 && matches > a.maxContains {
		x.fail(n, i, "maxContains", words{"must have at most ", strconv.FormatInt(a.maxContains, 10), " " + plural(a.maxContains, "matching item") + ", has " + actual, actual, ""})
	}
}

// skipTo is the end of the value at i, which may be known; it always moves on, even when the steps are used up.
func (x *explainer) skipTo(i, end int) int {
	if end == 0 {
		end = valueEnd(x.text, i)
		x.spend((end - i) / 8)
	}
	return end
}

func (x *explainer) object(n *node, i int) (end int) {
	o := n.object
	if o == nil {
		return 0
	}
	size := 0
	present := x.newMarks(len(o.known))
	defer func(bits int) { x.bits = x.bits[:bits] }(present.from)
	m, ok := firstMember(x.text, i)
	end = m.name + 1
	for ok && x.fault == "" {
		at := x.member(o, m, present)
		size++
		m, end, ok = nextMember(x.text, x.skipTo(m.value, at))
	}
	if x.fault != "" {
		return 0
	}
	x.bounds(n, i, "Properties", "property", int64(size), o.minProperties, o.maxProperties)
	for _, name := range o.required {
		if !x.marked(present, name) {
			x.fail(n, i, "required", words{before: "must have ", expected: cut(string(appendQuoted(nil, []byte(o.known[name].name))))})
		}
	}
	for _, d := range o.dependentRequired {
		for _, name := range d.required {
			if x.marked(present, d.name) && !x.marked(present, name) {
				expected := cut(string(appendQuoted(nil, []byte(o.known[name].name))))
				has := cut(string(appendQuoted(nil, []byte(o.known[d.name].name))))
				x.add(n, i, d.keyword, true, &o.known[d.name].name, words{before: "must have ", expected: expected, after: " because it has " + has})
			}
		}
	}
	for _, d := range o.dependentSchemas {
		if x.marked(present, d.name) {
			x.value(d.schema, i, "false")
		}
	}
	return end
}

// member explains one member by every schema that applies to it, and its name. It returns the end of its value, or 0.
func (x *explainer) member(o *objectRules, m member, present marks) (end int) {
	name := x.text[m.name+1 : m.nameEnd-1]
	if m.escaped {
		name = appendUnescaped(nil, name)
	}
	at := o.table.find(name)
	known := at >= 0
	if known {
		x.mark(present, at)
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
		end = x.value(o.known[at].schema, m.value, "false")
	}
	first := len(x.matched)
	x.matched = o.matching(x.matched, name, &x.counts)
	for k := first; k < len(x.matched); k++ {
		p := o.patterns[x.matched[k]]
		applied = true
		if s.address == otherName {
			x.path[len(x.path)-1].address = "~re:" + string(appendToken(nil, p.source)[1:])
		}
		end = x.value(p.schema, m.value, "false")
	}
	x.matched = x.matched[:first]
	x.path[len(x.path)-1] = s
	if !applied && o.additional != nil {
		end = x.value(o.additional, m.value, "additionalProperties")
	}
	if o.propertyNames != nil {
		x.name(o.propertyNames, m)
	}
	x.path = x.path[:len(x.path)-1]
	return end
}

// name explains a member's name, which stands in the text as a string like any other.
func (x *explainer) name(n *node, m member) {
	sub := x.fork()
	sub.value(n, m.name, "propertyNames")
	for _, f := range sub.found {
		f.Keyword, f.Offset, f.inner, f.rank, f.Message = "propertyNames", m.value, x.inner, rankOf("propertyNames"), "name "+f.Message
		x.found = append(x.found, f)
	}
}

// fork is an explainer of the same run and place that collects for itself.
func (x *explainer) fork() *explainer {
	return &explainer{run: x.run, limit: x.limit, inner: x.inner + 1, explained: explained{path: x.path}}
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
			m, _, ok = nextMember(x.text, x.skipTo(m.value, 0))
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
			item, ok = nextItem(x.text, x.skipTo(item, 0))
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
