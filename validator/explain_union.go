package validator

import (
	"fmt"
	"strconv"
)

// inPlace explains what the schemas of a node say that apply to the very value.
func (x *explainer) inPlace(n *node, i int) {
	p := n.inPlace
	if p == nil {
		return
	}
	if p.ref != nil {
		x.value(p.ref, i, "false")
	}
	if p.dynamic != nil {
		x.value(x.target(p), i, "false")
	}
	for _, branch := range p.allOf {
		x.value(branch, i, "false")
	}
	if len(p.anyOf) > 0 {
		x.union(n, i, "anyOf", p.anyOf, p.anyBy)
	}
	if len(p.oneOf) > 0 {
		x.union(n, i, "oneOf", p.oneOf, p.oneBy)
	}
	if p.not != nil && x.try(p.not, i, noMarks) >= 0 {
		x.fail(n, i, "not", words{before: "must not match this form"})
	}
	if p.ifs == nil || x.fault != "" {
		return
	}
	next := p.then
	if x.try(p.ifs, i, noMarks) < 0 {
		next = p.elseDo
	}
	if next != nil && x.fault == "" {
		x.value(next, i, "false")
	}
}

// union explains anyOf and oneOf.
func (x *explainer) union(n *node, i int, keyword string, branches []*node, by *discriminator) {
	var matching []int
	for k, b := range branches {
		if x.try(b, i, noMarks) >= 0 {
			matching = append(matching, k)
		}
		if x.fault != "" {
			return
		}
		if len(matching) == 2 || len(matching) == 1 && keyword == "anyOf" {
			break
		}
	}
	forms := strconv.Itoa(len(branches))
	switch {
	case len(matching) == 1:
		return
	case len(matching) == 2:
		x.fail(n, i, keyword, words{"must match ", "one", fmt.Sprintf(" of %s forms, matches forms %d and %d", forms, matching[0]+1, matching[1]+1), "2", "1"})
		return
	case by != nil && x.text[i] == '{':
		x.discriminated(n, i, keyword, branches, by)
		return
	}
	x.fail(n, i, keyword, words{"must match ", "one", " of " + forms + " forms, matches none", "0", "1"})
	x.found = append(x.found, x.nearest(branches, i)...)
}

// discriminated explains a union whose branches a member tells apart: the branch that the member's value names stands
// alone; of an unknown value, the member.
func (x *explainer) discriminated(n *node, i int, keyword string, branches []*node, by *discriminator) {
	m, ok := firstMember(x.text, i)
	for ok {
		name, _ := unquote(x.text[m.name:m.nameEnd])
		if string(name) == by.name {
			break
		}
		m, _, ok = nextMember(x.text, valueEnd(x.text, m.value))
	}
	if !ok {
		x.fail(n, i, keyword, words{before: "must have ", expected: string(appendQuoted(nil, []byte(by.name)))})
		return
	}
	if x.text[m.value] == '"' {
		value, _ := unquote(x.text[m.value:valueEnd(x.text, m.value)])
		if k, known := by.branch[string(value)]; known {
			x.value(branches[k], i, "false")
			return
		}
	}
	quoted := make([][]byte, len(by.values))
	for k, v := range by.values {
		quoted[k] = appendQuoted(nil, []byte(v))
	}
	x.path = append(x.path, step{name: m.name, nameEnd: m.nameEnd, address: by.name})
	x.fail(n, m.value, keyword, words{"must be one of ", oneOfValues(quoted), "", x.typeAt(m.value).words(), ""})
	x.path = x.path[:len(x.path)-1]
}

// wrongType counts as so many violations: a branch for another type is further away than any of the right type.
const wrongType = 1000

// nearest are the violations of the branch that has fewest, the first of equals.
func (x *explainer) nearest(branches []*node, i int) []ranked {
	var best []ranked
	least := -1
	for _, b := range branches {
		sub := x.fork()
		sub.value(b, i, "false")
		sub.order()
		score := len(sub.found)
		for _, f := range sub.found {
			if f.Offset == i && (f.Keyword == "type" || f.Keyword == "false") {
				score += wrongType
			}
		}
		if x.fault != "" {
			return nil
		}
		if least < 0 || score < least {
			best, least = sub.found, score
		}
	}
	return best
}
