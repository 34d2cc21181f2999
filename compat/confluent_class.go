package compat

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// confluentClass is what Confluent's rules take a schema for.
type confluentClass uint8

const (
	classEmpty confluentClass = iota
	classFalse
	classString
	classNumber
	classBoolean
	classNull
	classObject
	classArray
	classEnum
	classConst
	classCombined
	classNot
	classConditional
	classReference
)

// confluentSchema is a schema in their classes. Keywords are read from node.
type confluentSchema struct {
	class     confluentClass
	node      *validator.Node
	integer   bool               // of classNumber
	criterion string             // of classCombined: allOf, anyOf, oneOf
	branches  []*confluentSchema // of classCombined
	target    *confluentSchema   // of classReference
	whole     bool               // node as a whole, with its title, description and default; not one of its kinds
}

// confluentClasses turns nodes into their classes, each once, so that recursion is a cycle of pointers.
type confluentClasses struct {
	made  map[*validator.Node]*confluentSchema
	sites map[confluentSite]*confluentSchema
	texts map[confluentText]map[string]json.RawMessage
	plain map[*confluentSchema]string // canonical texts
}

// confluentText is a JSON text by where it is kept: a document is read once, however many references it holds.
type confluentText struct {
	first *byte
	size  int
}

// confluentSite is a place that holds nothing but a reference.
type confluentSite struct {
	target *validator.Node
	chain  bool
}

func newConfluentClasses() *confluentClasses {
	return &confluentClasses{
		made: map[*validator.Node]*confluentSchema{}, sites: map[confluentSite]*confluentSchema{},
		texts: map[confluentText]map[string]json.RawMessage{}, plain: map[*confluentSchema]string{},
	}
}

// text is the members of a schema as written.
func (c *confluentClasses) text(n *validator.Node) map[string]json.RawMessage {
	return c.members(n.Raw)
}

// members is the members of a JSON text, nil if it is no object.
func (c *confluentClasses) members(text []byte) map[string]json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	at := confluentText{&text[0], len(text)}
	m, ok := c.texts[at]
	if !ok {
		m = members(text)
		c.texts[at] = m
	}
	return m
}

// canonical is the text of a schema as a whole, whatever the order of its members; "" of one of its kinds.
func (c *confluentClasses) canonical(s *confluentSchema) string {
	text, ok := c.plain[s]
	if !ok {
		if v, err := parseValue(s.node.Raw); s.whole && s.node.Raw != nil && err == nil {
			text = canonical(v)
		}
		c.plain[s] = text
	}
	return text
}

func (c *confluentClasses) has(n *validator.Node, keywords ...string) bool {
	m := c.text(n)
	return slices.ContainsFunc(keywords, func(k string) bool { _, ok := m[k]; return ok })
}

// The keywords that make a schema without a type one of a kind.
var (
	objectKeywords = []string{
		"properties", "required", "minProperties", "maxProperties", "dependencies", "dependentRequired", "dependentSchemas",
		"patternProperties", "additionalProperties", "propertyNames", "unevaluatedProperties",
	}
	arrayKeywords = []string{
		"items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains",
		"unevaluatedItems",
	}
	numberKeywords = []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
	stringKeywords = []string{"minLength", "maxLength", "pattern", "format"}
)

// class is the class of a schema. A schema with keywords of several kinds is an allOf of its kinds.
func (c *confluentClasses) class(n *validator.Node) *confluentSchema {
	if s, ok := c.made[n]; ok {
		return s
	}
	s := &confluentSchema{node: n, whole: true}
	c.made[n] = s
	if n.Always != nil {
		if !*n.Always {
			s.class = classFalse
		}
		return s
	}
	if n.Ref != nil && n.Draft <= validator.Draft7 { // what stands beside it counts for nothing
		s.class, s.target = classReference, c.class(n.Ref)
		return s
	}
	kinds := c.kinds(n)
	switch len(kinds) {
	case 0:
		s.class = classEmpty
	case 1:
		*s = *kinds[0]
		s.whole = true
	default:
		s.class, s.criterion, s.branches = classCombined, "allOf", kinds
	}
	return s
}

func (c *confluentClasses) kinds(n *validator.Node) (out []*confluentSchema) {
	add := func(k confluentClass) *confluentSchema {
		s := &confluentSchema{class: k, node: n}
		out = append(out, s)
		return s
	}
	if n.Enum != nil {
		add(classEnum)
	}
	for _, list := range []struct {
		keyword string
		nodes   []*validator.Node
	}{{"allOf", n.AllOf}, {"anyOf", n.AnyOf}, {"oneOf", n.OneOf}} {
		if list.nodes != nil {
			s := add(classCombined)
			s.criterion = list.keyword
			for i, b := range list.nodes {
				s.branches = append(s.branches, c.child(n, b, list.keyword+"/"+strconv.Itoa(i)))
			}
		}
	}
	if n.Not != nil {
		add(classNot)
	}
	if n.Const != nil {
		add(classConst)
	}
	c.types(n, &out)
	for _, sniffed := range []struct {
		types    validator.TypeSet
		class    confluentClass
		keywords []string
	}{
		{validator.TypeArray, classArray, arrayKeywords},
		{validator.TypeObject, classObject, objectKeywords},
		{validator.TypeNumber | validator.TypeInteger, classNumber, numberKeywords},
		{validator.TypeString, classString, stringKeywords},
	} {
		if n.Types&sniffed.types == 0 && c.has(n, sniffed.keywords...) {
			add(sniffed.class)
		}
	}
	if n.If != nil || n.Draft >= validator.Draft7 && c.has(n, "if", "then", "else") {
		add(classConditional)
	}
	if n.Ref != nil {
		out = append(out, c.reference(n, n.Ref, "$ref"))
	}
	return out
}

// types adds what the type keyword says; a list of types is an anyOf.
func (c *confluentClasses) types(n *validator.Node, out *[]*confluentSchema) {
	var typed []*confluentSchema
	for _, t := range []struct {
		bit   validator.TypeSet
		class confluentClass
	}{
		{validator.TypeNull, classNull},
		{validator.TypeBoolean, classBoolean},
		{validator.TypeInteger, classNumber},
		{validator.TypeNumber, classNumber},
		{validator.TypeString, classString},
		{validator.TypeArray, classArray},
		{validator.TypeObject, classObject},
	} {
		if n.Types&t.bit != 0 {
			typed = append(typed, &confluentSchema{class: t.class, node: n, integer: t.bit == validator.TypeInteger})
		}
	}
	if len(typed) > 1 || len(typed) == 1 && strings.HasPrefix(string(c.text(n)["type"]), "[") {
		*out = append(*out, &confluentSchema{class: classCombined, node: n, criterion: "anyOf", branches: typed})
		return
	}
	*out = append(*out, typed...)
}

// child is the class of what stands at a keyword of n: a place that holds nothing but a reference is a class of its
// own, which the validator's tree has replaced by the target. keywords are the names that the place may have.
func (c *confluentClasses) child(n, child *validator.Node, keywords ...string) *confluentSchema {
	if child == nil {
		return nil
	}
	for _, k := range keywords {
		if child.Document == n.Document && child.Pointer == n.Pointer+"/"+k {
			return c.class(child)
		}
	}
	for _, k := range keywords {
		if at := c.rawAt(n.Raw, "/"+k); at != nil {
			return c.reference(n, child, k)
		}
	}
	return c.reference(n, child, "")
}

// reference is a place that holds a reference to target. A reference to another one that stands in the same document
// is compared as one, unseen.
func (c *confluentClasses) reference(n, target *validator.Node, keyword string) *confluentSchema {
	var ref string
	if at := c.rawAt(n.Raw, "/"+keyword); keyword == "$ref" {
		_ = json.Unmarshal(at, &ref) // what is no string names nothing here
	} else if at != nil {
		_ = json.Unmarshal(c.members(at)["$ref"], &ref)
	}
	chain := false
	if pointer, local := strings.CutPrefix(ref, "#"); local && n.Resource != nil && (pointer == "" || pointer[0] == '/') {
		if plain, err := url.PathUnescape(pointer); err == nil {
			chain = c.members(c.rawAt(n.Resource.Raw, plain))["$ref"] != nil
		}
	}
	site := confluentSite{target, chain}
	if s, ok := c.sites[site]; ok {
		return s
	}
	s := &confluentSchema{class: classReference, node: target}
	c.sites[site] = s
	s.target = c.class(target)
	if chain {
		s.target = &confluentSchema{class: classReference, node: target}
	}
	return s
}

// rawAt is the JSON text at a pointer of a JSON text, nil if there is none.
func (c *confluentClasses) rawAt(text []byte, pointer string) []byte {
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			return text
		}
		token = unescape(token)
		if next, ok := c.members(text)[token]; ok {
			text = next
			continue
		}
		var list []json.RawMessage
		if json.Unmarshal(text, &list) != nil {
			return nil
		}
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(list) {
			return nil
		}
		text = list[i]
	}
	return text
}
