package validator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
)

// Redact appends event to dst as it may be shown to people who must not see personal data, in compact JSON. A scalar
// stays only where the schema declares its place (a member by name or pattern, an item) and where no schema that can apply
// there, in any branch, bears x-accord-pii. Other scalars become "<string>", "<number>", "<boolean>" or "<null>", names
// that properties does not have become "<name 1>" and so on within their object. Personal data is treated as
// x-accord-redact of the same schema says: mask, the default; hash, which is mask with twelve digits of the HMAC-SHA-256
// of the canonical value under key, mask without a key; or drop, which leaves the member out and masks an item. What stands
// inside personal data is personal. Of several treatments the strictest holds.
//
// Bytes that break a byte rule become {"malformed":true,"bytes":n,"offset":k}. The event need not be an instance.
func (s *Schema) Redact(dst, event, key []byte) []byte {
	r := s.take()
	defer s.put(r)
	if !r.scanner.check(event, s.limits.EventBytes) {
		dst = strconv.AppendInt(append(dst, `{"malformed":true,"bytes":`...), int64(len(event)), 10)
		return append(strconv.AppendInt(append(dst, `,"offset":`...), int64(r.scanner.offset), 10), '}')
	}
	x := redactor{privacy: s.privacy(), text: event, key: key, out: dst, left: redactSteps}
	at := skipSpace(event, 0)
	root := applied{schemas: []voice{{Node: x.root}}}
	root.declared = x.root != nil && x.root.Types&typeOf(event[at]) != 0
	x.value(root, keep, at)
	return x.out
}

// redactSteps is how many schemas are looked at for one event; beyond it everything is masked.
const redactSteps = 1 << 20

// treatment is what is done with a scalar; the later the stricter.
type treatment uint8

const (
	keep treatment = iota
	hash
	mask
	drop
)

// privacy is what the schemas of a document say about personal data.
type privacy struct {
	root     *Node
	personal map[*Node]treatment // those that bear x-accord-pii
	anchors  map[string][]*Node  // dynamic anchors by name, of every resource
	patterns map[string]*regexp.Regexp
}

func newPrivacy(root *Node) *privacy {
	p := &privacy{root: root, personal: map[*Node]treatment{}, anchors: map[string][]*Node{}, patterns: map[string]*regexp.Regexp{}}
	seen := map[*Node]bool{nil: true}
	for queue := []*Node{root}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if seen[n] {
			continue
		}
		seen[n] = true
		if t := treatmentOf(n); t > keep {
			p.personal[n] = t
		}
		for _, pattern := range n.PatternProperties {
			if re, err := regexp.Compile(pattern.Name); err == nil {
				p.patterns[pattern.Name] = re
			}
		}
		for _, a := range n.DynamicAnchors {
			p.anchors[a.Name] = append(p.anchors[a.Name], a.Schema)
		}
		queue = append(queue, n.Resource, n.Not)
		queue = append(queue, n.inPlace()...)
		queue = append(queue, n.below()...)
	}
	return p
}

// treatmentOf is what a schema's own annotations ask for.
func treatmentOf(n *Node) treatment {
	if len(n.Raw) == 0 || n.Raw[0] != '{' {
		return keep
	}
	top := parsePlaces(n.Raw)
	switch string(top.member("x-accord-pii").raw(n.Raw)) {
	case "", "false", "null", `""`:
		return keep
	}
	switch top.member("x-accord-redact").str(n.Raw) {
	case "hash":
		return hash
	case "drop":
		return drop
	}
	return mask
}

// inPlace are the schemas that may apply to the same value as n, but for not.
func (n *Node) inPlace() []*Node {
	out := []*Node{n.Ref, n.DynamicRef, n.If, n.Then, n.Else}
	out = append(append(append(out, n.AllOf...), n.AnyOf...), n.OneOf...)
	for _, d := range n.DependentSchemas {
		out = append(out, d.Schema)
	}
	return out
}

// below are the schemas that may apply to what n's value holds.
func (n *Node) below() []*Node {
	out := []*Node{n.Items, n.Contains, n.UnevaluatedItems, n.AdditionalProperties, n.PropertyNames, n.UnevaluatedProperties}
	out = append(out, n.PrefixItems...)
	for _, list := range [][]Property{n.Properties, n.PatternProperties} {
		for _, p := range list {
			out = append(out, p.Schema)
		}
	}
	return out
}

// applied are the schemas that may apply to one value, and whether any of them declares its place.
type applied struct {
	schemas  []voice
	declared bool
}

// voice is a schema that may apply; a silent one stands below not: it declares nothing, but what is personal there is so.
type voice struct {
	*Node
	silent bool
}

func (a *applied) add(n *Node, by voice, declares bool) {
	if n != nil {
		a.schemas = append(a.schemas, voice{n, by.silent})
		a.declared = a.declared || declares && !by.silent
	}
}

type redactor struct {
	*privacy
	text, key, out []byte
	left           int
}

// value appends the value at i and returns its end. around is how the value that holds it is treated.
func (x *redactor) value(a applied, around treatment, i int) int {
	a, how := x.reach(a, around)
	return x.reached(a, how, i)
}

// reached is value once every schema is known.
func (x *redactor) reached(a applied, how treatment, i int) int {
	switch x.text[i] {
	case '{':
		return x.object(a, how, i)
	case '[':
		return x.array(a, how, i)
	}
	end := valueEnd(x.text, i)
	if how == keep && a.declared {
		x.out = append(x.out, x.text[i:end]...)
	} else {
		x.scalar(how == hash, i)
	}
	return end
}

// scalar appends what stands for the scalar at i.
func (x *redactor) scalar(hashed bool, i int) {
	kind := "number"
	switch x.text[i] {
	case '"':
		kind = "string"
	case 't', 'f':
		kind = "boolean"
	case 'n':
		kind = "null"
	}
	x.out = append(append(x.out, `"<`...), kind...)
	if hashed && len(x.key) > 0 {
		canonical, _ := appendCanonical(nil, x.text, i)
		h := hmac.New(sha256.New, x.key)
		h.Write(canonical)
		x.out = hex.AppendEncode(append(x.out, ' '), h.Sum(nil)[:6])
	}
	x.out = append(x.out, `>"`...)
}

// reach adds every schema that the given ones apply in place, and finds the strictest treatment.
func (x *redactor) reach(a applied, around treatment) (applied, treatment) {
	how := around
	seen := map[voice]bool{}
	out := applied{declared: a.declared}
	for queue := a.schemas; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if n.Node == nil || seen[n] {
			continue
		}
		seen[n] = true
		if x.left--; x.left < 0 {
			return applied{}, max(how, mask)
		}
		how = max(how, x.personal[n.Node])
		out.schemas = append(out.schemas, n)
		for _, next := range n.inPlace() {
			queue = append(queue, voice{next, n.silent})
		}
		queue = append(queue, voice{n.Not, true})
		if n.DynamicName != nil {
			for _, next := range x.anchors[*n.DynamicName] {
				queue = append(queue, voice{next, n.silent})
			}
		}
	}
	return out, how
}

func (x *redactor) object(a applied, how treatment, i int) int {
	x.out = append(x.out, '{')
	unknown, first := 0, true
	m, ok := firstMember(x.text, i)
	end := m.name + 1
	for ok {
		name, _ := unquote(x.text[m.name:m.nameEnd])
		child, named := x.member(a, string(name))
		after := valueEnd(x.text, m.value)
		reached, treated := x.reach(child, how)
		if treated != drop {
			if !first {
				x.out = append(x.out, ',')
			}
			first = false
			if named {
				x.out = append(x.out, x.text[m.name:m.nameEnd]...)
			} else {
				unknown++
				x.out = append(strconv.AppendInt(append(x.out, `"<name `...), int64(unknown), 10), `>"`...)
			}
			x.out = append(x.out, ':')
			x.reached(reached, treated, m.value)
		}
		m, end, ok = nextMember(x.text, after)
	}
	x.out = append(x.out, '}')
	return end
}

// member is what may apply to a member, and whether properties has its name.
func (x *redactor) member(a applied, name string) (child applied, named bool) {
	for _, n := range a.schemas {
		x.left -= len(n.Properties) / 8
		matched := false
		for _, p := range n.Properties {
			if p.Name == name {
				child.add(p.Schema, n, true)
				matched, named = true, named || !n.silent
			}
		}
		for _, p := range n.PatternProperties {
			x.left--
			if re := x.patterns[p.Name]; re != nil && re.MatchString(name) {
				child.add(p.Schema, n, true)
				matched = true
			}
		}
		if !matched {
			child.add(n.AdditionalProperties, n, false)
		}
		child.add(n.UnevaluatedProperties, n, false)
	}
	return child, named
}

func (x *redactor) array(a applied, how treatment, i int) int {
	x.out = append(x.out, '[')
	item, ok := firstItem(x.text, i)
	for index := 0; ok; index++ {
		var child applied
		for _, n := range a.schemas {
			if index < len(n.PrefixItems) {
				child.add(n.PrefixItems[index], n, true)
			} else {
				child.add(n.Items, n, true)
			}
			child.add(n.Contains, n, false)
			child.add(n.UnevaluatedItems, n, false)
		}
		if index > 0 {
			x.out = append(x.out, ',')
		}
		end := x.value(child, how, item)
		item, ok = nextItem(x.text, end)
	}
	x.out = append(x.out, ']')
	return item
}
