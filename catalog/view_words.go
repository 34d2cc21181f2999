package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// typeWords are the seven types in the order they are read out; null comes last.
var typeWords = []struct {
	bit  validator.TypeSet
	word string
}{
	{validator.TypeObject, "object"},
	{validator.TypeArray, "array"},
	{validator.TypeString, "string"},
	{validator.TypeNumber, "number"},
	{validator.TypeInteger, "integer"},
	{validator.TypeBoolean, "boolean"},
	{validator.TypeNull, "null"},
}

// typeNames spells a set of types; integer beside number is silent, since every integer is a number.
func typeNames(t validator.TypeSet) []string {
	if t&validator.TypeNumber != 0 {
		t &^= validator.TypeInteger
	}
	var names []string
	for _, w := range typeWords {
		if t&w.bit != 0 {
			names = append(names, w.word)
		}
	}
	return names
}

// meet returns the types that both sets allow; 0 as an argument means all, as a result none.
func meet(a, b validator.TypeSet) validator.TypeSet {
	if a == 0 {
		return b
	}
	both := a & b
	if a&validator.TypeNumber != 0 && b&validator.TypeInteger != 0 || b&validator.TypeNumber != 0 && a&validator.TypeInteger != 0 {
		both |= validator.TypeInteger
	}
	return both
}

// TypeWords says what kind of value stands at the place: "array of object", "string <uuid>", "string or null".
func (n *Node) TypeWords() string {
	switch n.Always {
	case "true":
		return "anything"
	case "false":
		return "never present"
	}
	types := n.Types
	if len(types) == 0 {
		types = n.typesOfValues()
	}
	if len(types) == 0 {
		if n.Format != "" {
			return "any type <" + n.Format + ">"
		}
		return "any type"
	}
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = t
		switch {
		case t == "string" && n.Format != "":
			words[i] = "string <" + n.Format + ">"
		case t == "array":
			if e := n.Element(); e != nil && e.Always == "" && len(e.Types)+len(e.typesOfValues()) > 0 {
				words[i] = "array of " + e.TypeWords()
			}
		}
	}
	return strings.Join(words, " or ")
}

// typesOfValues are the types of const or enum, for a place that does not say its type.
func (n *Node) typesOfValues() []string {
	values := n.Enum
	if n.Const != nil {
		values = []string{*n.Const}
	}
	var types []string
	for _, v := range values {
		if t := typeOfValue(v); !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types
}

func typeOfValue(text string) string {
	switch text[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// Element is the place of any element of an array, nil if the schema says nothing of it or has tuple items too.
func (n *Node) Element() *Node {
	for _, c := range n.Children {
		if c.Name == "*" && c.Address == n.Address+"/*" {
			return c
		}
	}
	return nil
}

// constrain adds the facts of one schema. Words come in one order whatever the order in the document, so that two
// versions read alike.
func (n *Node) constrain(b *viewBuilder, s *validator.Node) {
	fact := func(keyword, format string, args ...any) {
		f := Fact{Keyword: keyword, Words: fmt.Sprintf(format, args...)}
		if !slices.Contains(n.Facts, f) {
			n.Facts = append(n.Facts, f)
		}
	}
	if s.Const != nil {
		text := string(s.Const)
		if n.Const != nil && *n.Const != text {
			b.never(n, "%s and %s", *n.Const, text)
		}
		n.Const = &text
	}
	if s.Enum != nil {
		n.enumerate(b, s.Enum)
	}
	for _, bound := range []struct {
		keyword, words string
		value          *big.Rat
	}{
		{"minimum", "at least %s", s.Minimum},
		{"exclusiveMinimum", "more than %s", s.ExclusiveMinimum},
		{"maximum", "at most %s", s.Maximum},
		{"exclusiveMaximum", "less than %s", s.ExclusiveMaximum},
	} {
		if bound.value != nil {
			fact(bound.keyword, bound.words, ratWords(bound.value))
		}
	}
	if s.MultipleOf != nil {
		fact("multipleOf", "%s", multipleWords(s.MultipleOf))
	}
	rangeFact(fact, "Length", s.MinLength, s.MaxLength, "character", "characters")
	if s.Pattern != nil {
		fact("pattern", "matches %s", *s.Pattern)
	}
	if s.Format != "" && !s.FormatAsserted {
		fact("format", "format %s is not checked", s.Format)
	}
	rangeFact(fact, "Items", s.MinItems, s.MaxItems, "item", "items")
	if s.Items != nil && s.Items.Always != nil && !*s.Items.Always {
		fact("items", "no further items")
	}
	if s.UnevaluatedItems != nil && s.UnevaluatedItems.Always != nil && !*s.UnevaluatedItems.Always {
		fact("unevaluatedItems", "no other items")
	}
	if s.UniqueItems {
		fact("uniqueItems", "no item twice")
	}
	if s.Contains != nil {
		fact("contains", "%s", containsWords(s.MinContains, s.MaxContains))
	}
	rangeFact(fact, "Properties", s.MinProperties, s.MaxProperties, "field", "fields")
	for _, d := range s.DependentRequired {
		if len(d.Required) == 0 {
			continue
		}
		be := "is"
		if len(d.Required) > 1 {
			be = "are"
		}
		fact("dependentRequired", "when %s is present, %s %s required", d.Name, inWords(d.Required, "and"), be)
	}
	if s.Not != nil {
		if words := notWords(s.Not); words != "" {
			fact("not", "%s", words)
		}
	}
}

// enumerate takes another enum of the place; with several only their common values are left.
func (n *Node) enumerate(b *viewBuilder, enum [][]byte) {
	values := make([]string, 0, len(enum))
	for _, v := range enum {
		values = append(values, string(v))
	}
	if n.Enum == nil {
		n.Enum = values
		return
	}
	common := slices.DeleteFunc(slices.Clone(n.Enum), func(v string) bool { return !slices.Contains(values, v) })
	if len(common) == 0 {
		b.never(n, "no value of one enum is in the other")
		return
	}
	n.Enum = common
}

// rangeFact says a least and a greatest count in one sentence; -1 means there is none, and a least of 0 says nothing.
func rangeFact(fact func(string, string, ...any), what string, least, most int64, one, many string) {
	unit := func(n int64) string {
		if n == 1 {
			return one
		}
		return many
	}
	switch {
	case least > 0 && most == least:
		fact("min"+what, "exactly %d %s", least, unit(least))
	case least > 0 && most >= 0:
		fact("min"+what, "%d to %d %s", least, most, many)
	case least > 0:
		fact("min"+what, "at least %d %s", least, unit(least))
	case most >= 0:
		fact("max"+what, "at most %d %s", most, unit(most))
	}
}

func containsWords(least, most int64) string {
	switch {
	case most >= 0 && least == most:
		return fmt.Sprintf("exactly %d items match what it contains", least)
	case most >= 0:
		return fmt.Sprintf("%d to %d items match what it contains", least, most)
	case least == 1:
		return "at least one item matches what it contains"
	}
	return fmt.Sprintf("at least %d items match what it contains", least)
}

// ratWords prints an exact number: as a decimal where it has one, else as a fraction.
func ratWords(r *big.Rat) string {
	if places, exact := r.FloatPrec(); exact {
		return r.FloatString(places)
	}
	return r.RatString()
}

// multipleWords says 1 as a whole number and powers of ten as decimals.
func multipleWords(r *big.Rat) string {
	if r.IsInt() && r.Num().IsInt64() && r.Num().Int64() == 1 {
		return "whole number"
	}
	if r.Num().IsInt64() && r.Num().Int64() == 1 {
		switch r.Denom().String() {
		case "10":
			return "one decimal"
		case "100":
			return "two decimals"
		case "1000":
			return "three decimals"
		}
	}
	return "multiple of " + ratWords(r)
}

// notWords says in words what must not be, "" if it takes a sub-schema to say it.
func notWords(s *validator.Node) string {
	switch {
	case s.Always != nil && *s.Always:
		return "never present"
	case s.Always != nil:
		return "" // not false says nothing
	case s.Const != nil && keywords(s) == 1:
		return "must not be " + string(s.Const)
	case s.Enum != nil && keywords(s) == 1:
		return "must not be " + inWords(texts(s.Enum), "or")
	case s.Types != 0 && keywords(s) == 1:
		return "must not be " + inWords(typeNames(s.Types), "or")
	case len(s.Required) == 1 && keywords(s) == 1:
		return "must not have " + s.Required[0]
	}
	return ""
}

// keywords counts the keywords of a schema as written, annotations aside.
func keywords(s *validator.Node) int {
	count := 0
	for _, m := range rawMembers(s.Raw) {
		switch m.name {
		case "title", "description", "$comment", "$id", "$schema", "default", "examples", "deprecated":
		default:
			count++
		}
	}
	return count
}

func texts(values [][]byte) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// inWords joins words as people do: a, b and c.
func inWords(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

// knownKeywords are the keywords that a view says in its own way, any other is listed raw: those of drafts 4 to 2020-12 and accord's annotations.
const knownKeywords = `$schema $id id $ref $defs definitions $anchor $dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $vocabulary
$comment title description default examples deprecated type const enum allOf anyOf oneOf not if then else
minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format
prefixItems items additionalItems minItems maxItems uniqueItems contains minContains maxContains unevaluatedItems
minProperties maxProperties required properties patternProperties additionalProperties propertyNames dependentRequired
dependentSchemas dependencies unevaluatedProperties readOnly writeOnly contentEncoding contentMediaType contentSchema
x-accord-pii x-accord-redact x-accord-unit x-accord-owner x-accord-extensible`

// annotate adds what a schema says to people: examples, default, x-accord-… and the keywords nobody knows.
func (n *Node) annotate(s *validator.Node) {
	for _, e := range s.Examples {
		if text := compact(e); !slices.Contains(n.Examples, text) {
			n.Examples = append(n.Examples, text)
		}
	}
	if s.Default != nil && n.Default == nil {
		text := compact(s.Default)
		n.Default = &text
	}
	known := strings.Fields(knownKeywords)
	for _, m := range rawMembers(s.Raw) {
		var text string
		_ = json.Unmarshal(m.value, &text) // stays "" where it is no string
		truth := string(m.value) == "true"
		switch m.name {
		case "x-accord-pii":
			n.PII = cmp.Or(n.PII, text)
		case "x-accord-redact":
			n.Redact = cmp.Or(n.Redact, text)
		case "x-accord-unit":
			n.Unit = cmp.Or(n.Unit, text)
		case "x-accord-owner":
			n.Owner = cmp.Or(n.Owner, text)
		case "x-accord-extensible":
			n.Extensible = n.Extensible || truth
		case "readOnly":
			if truth {
				n.Facts = append(n.Facts, Fact{m.name, "read only"})
			}
		case "writeOnly":
			if truth {
				n.Facts = append(n.Facts, Fact{m.name, "write only"})
			}
		case "contentEncoding":
			n.Facts = append(n.Facts, Fact{m.name, "written in " + text})
		case "contentMediaType":
			n.Facts = append(n.Facts, Fact{m.name, "holds " + text})
		default:
			if !slices.Contains(known, m.name) {
				n.Other = append(n.Other, Fact{m.name, compact(m.value)})
			}
		}
	}
}

type rawMember struct {
	name  string
	value json.RawMessage
}

// rawMembers reads the members of an object in document order; anything else has none.
func rawMembers(raw []byte) []rawMember {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var members []rawMember
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return members
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return members
		}
		members = append(members, rawMember{name, value})
	}
	return members
}

func compact(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// AnchorID is the address as an HTML id or fragment: white space and % are percent-encoded, the root is "event".
func (n *Node) AnchorID() string { return AnchorID(n.Address) }

// AnchorID is an address as an HTML id: white space and % are percent-encoded (HTML allows anything else), the root
// is "event".
func AnchorID(address string) string {
	if address == "" {
		return "event"
	}
	var b strings.Builder
	for _, r := range address {
		if r == '%' || r == ' ' || r == '\t' || r == '\n' || r == '\f' || r == '\r' || r == 0 {
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// index of a numbered variant segment, such as ~one:1.
func numbered(prefix string, i int) string { return prefix + ":" + strconv.Itoa(i) }
