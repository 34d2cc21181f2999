package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Effect is what a change does on its own, in the direction that was judged. The zero value is EffectUnknown.
type Effect uint8

// EffectUnknown: not judged. EffectHarmless: alone it refuses nothing. EffectBreaks: alone it refuses an event.
// EffectTogether: only with others, and this one is needed. EffectUnproven: not decided.
const (
	EffectUnknown Effect = iota
	EffectHarmless
	EffectBreaks
	EffectTogether
	EffectUnproven
)

var effectNames = []string{"", "harmless", "breaks", "together", "unproven"}

// String is the effect's word; "" for EffectUnknown.
func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return fmt.Sprintf("Effect(%d)", uint8(e))
}

// MarshalText is String.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Effect) UnmarshalText(b []byte) error {
	i := slices.Index(effectNames, string(b))
	if i < 0 {
		return fmt.Errorf("effect %q is not one of harmless, breaks, together, unproven", b)
	}
	*e = Effect(i)
	return nil
}

// Change is one difference at one place of the schemas.
type Change struct {
	Rule       string          `json:"rule"`       // id of a Rule
	NewPointer string          `json:"pointer"`    // JSON Pointer into the new document; of something that is gone: where it stood
	OldPointer string          `json:"oldPointer"` // … into the old one
	Addresses  []string        `json:"addresses"`  // places in an event: JSON Pointers with * for any item and segments that begin with ~ and a letter; at most MaxAddresses
	Before     string          `json:"from"`       // JSON of the keyword, "" if it was not there
	After      string          `json:"to"`
	Effect     Effect          `json:"effect"`
	Event      json.RawMessage `json:"event,omitempty"` // of EffectBreaks: what this change alone refuses
}

// Limits of differences.
const (
	MaxAddresses = 20    // addresses of one change that are listed
	MaxChanges   = 1_000 // changes of one pair
	maxText      = 256   // bytes of Before and After
)

// Diff lists the differences of two schemas in document order of the new one, one per place of the schema; what is
// gone comes where its neighbours are. Equal schemas have no difference, whatever their texts. It judges nothing.
func Diff(old, next *Schema) []Change {
	d := compare(old, next)
	if Equal(old, next) {
		return slices.DeleteFunc(d.out, func(c Change) bool { return !annotations[c.Rule] })
	}
	return d.out
}

func compare(old, next *Schema) *differ {
	d := &differ{seen: map[[2]*validator.Node]bool{}}
	d.walk(old.source.Root(), next.source.Root(), "", 0)
	return d
}

// annotations are the rules about what asserts nothing.
var annotations = map[string]bool{"draft-changed": true, "id-changed": true, "title-changed": true, "description-changed": true, "default-changed": true, "annotation-changed": true}

type differ struct {
	seen  map[[2]*validator.Node]bool
	out   []Change
	edits [][]edit // for each change, where it was found
}

// at is one pair of places being compared.
type at struct {
	*differ
	old, new *validator.Node
	place    *validator.Node // old, as it stands in the tree
	address  string
}

func (a *at) add(rule, keyword, before, after string) {
	if len(a.out) >= MaxChanges {
		return
	}
	if _, ok := rulesByID[rule]; !ok {
		panic("no rule " + rule)
	}
	c := Change{Rule: rule, OldPointer: pointer(a.old, keyword), NewPointer: pointer(a.new, keyword), Addresses: []string{a.address}, Before: clipText(before), After: clipText(after)}
	e := edit{rule: rule, keyword: keyword, old: a.place, next: a.new}
	for i := range a.out {
		o := &a.out[i]
		if o.Rule == c.Rule && o.OldPointer == c.OldPointer && o.NewPointer == c.NewPointer && o.Before == c.Before && o.After == c.After {
			if len(o.Addresses) < MaxAddresses && !slices.Contains(o.Addresses, a.address) {
				o.Addresses = append(o.Addresses, a.address)
			}
			a.edits[i] = append(a.edits[i], e)
			return
		}
	}
	a.out, a.edits = append(a.out, c), append(a.edits, []edit{e})
}

// pointer is where a keyword stands in its document, under the name it has there.
func pointer(n *validator.Node, keyword string) string {
	if keyword == "" {
		return n.Pointer
	}
	word, rest, deep := strings.Cut(keyword, "/")
	text := members(n.Raw)
	older := map[string]string{"prefixItems": "items", "dependentRequired": "dependencies", "dependentSchemas": "dependencies"}
	if len(n.PrefixItems) > 0 {
		older["items"] = "additionalItems"
	}
	if w, ok := older[word]; ok && n.Draft < validator.Draft2020 && text[w] != nil && (text[word] == nil || word == "items") {
		word = w
	}
	if deep && word != "required" {
		word += "/" + rest
	}
	return n.Pointer + "/" + word
}

func clipText(s string) string {
	if len(s) <= maxText {
		return s
	}
	cut := maxText
	for cut > 0 && s[cut]&0xc0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}

// maxDiffDepth bounds how deep two trees are compared; beyond it they are the same pair of places again.
const maxDiffDepth = 64

func (d *differ) walk(old, next *validator.Node, address string, depth int) {
	pair := [2]*validator.Node{old, next}
	if d.seen[pair] || depth > maxDiffDepth {
		return
	}
	d.seen[pair] = true
	a := &at{d, old, next, old, address}
	if a.booleans() {
		return
	}
	if old.Always != nil {
		a.old = blank(old)
	}
	a.annotations()
	a.types()
	a.valueSets()
	a.numbers()
	a.texts()
	a.references(depth)
	a.objects(depth)
	a.arrays(depth)
	a.unions(depth)
}

// booleans handles schemas that are true or false; a schema without assertions counts as true.
func (a *at) booleans() bool {
	always := func(n *validator.Node) (is, value bool) {
		if n.Always != nil {
			return true, *n.Always
		}
		return false, false
	}
	ob, ov := always(a.old)
	nb, nv := always(a.new)
	switch {
	case ob && nb:
		if ov && !nv {
			a.add("schema-closed", "", "true", "false")
		} else if !ov && nv {
			a.add("schema-opened", "", "false", "true")
		}
		return true
	case nb && nv:
		a.add("schema-opened", "", string(a.old.Raw), "true")
		return true
	case nb:
		a.add("schema-closed", "", string(a.old.Raw), "false")
		return true
	case ob && !ov:
		a.add("schema-opened", "", "false", string(a.new.Raw))
		return true
	}
	return false // true before: each keyword of the new schema is an addition
}

// assertions are the keywords that other parts of the walk speak of; every other one is an annotation.
var assertions = func() map[string]bool {
	m := map[string]bool{}
	for k := range strings.FieldsSeq(`$ref $dynamicRef $recursiveRef $defs definitions type enum const allOf anyOf oneOf not if then else
		multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern format contentEncoding contentMediaType contentSchema
		items prefixItems additionalItems unevaluatedItems minItems maxItems uniqueItems contains minContains maxContains
		properties patternProperties additionalProperties unevaluatedProperties propertyNames required minProperties maxProperties
		dependencies dependentRequired dependentSchemas $anchor $dynamicAnchor $recursiveAnchor $vocabulary`) {
		m[k] = true
	}
	return m
}()

func (a *at) annotations() {
	named := map[string]string{"$schema": "draft-changed", "$id": "id-changed", "id": "id-changed", "title": "title-changed", "description": "description-changed", "default": "default-changed"}
	before, after := members(a.old.Raw), members(a.new.Raw)
	names := sortedKeys(before)
	for _, k := range sortedKeys(after) {
		if _, ok := before[k]; !ok {
			names = append(names, k)
		}
	}
	for _, k := range names {
		if assertions[k] || sameJSON(before[k], after[k]) {
			continue
		}
		rule, ok := named[k]
		if !ok {
			rule = "annotation-changed"
		}
		a.add(rule, escape(k), string(before[k]), string(after[k]))
	}
}

func members(raw []byte) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &m) != nil {
		return map[string]json.RawMessage{}
	}
	return m
}

func sameJSON(a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	if bytes.Equal(a, b) {
		return true
	}
	x, err1 := parseValue(a)
	y, err2 := parseValue(b)
	return err1 == nil && err2 == nil && canonical(x) == canonical(y)
}

func (a *at) types() {
	o, n := wide(a.old.Types), wide(a.new.Types)
	if o == n {
		return
	}
	rule := "type-changed"
	switch {
	case o == 0:
		rule = "type-added"
	case n == 0:
		rule = "type-removed"
	case o&n == o:
		rule = "type-widened"
	case o&n == n:
		rule = "type-narrowed"
	}
	a.add(rule, "type", typeText(a.old.Types), typeText(a.new.Types))
}

// wide lets number include integer.
func wide(t validator.TypeSet) validator.TypeSet {
	if t&validator.TypeNumber != 0 {
		t |= validator.TypeInteger
	}
	return t
}

func typeText(t validator.TypeSet) string {
	names := []string{"null", "boolean", "integer", "number", "string", "array", "object"}
	var list []string
	for i, name := range names {
		if t&(1<<i) != 0 {
			list = append(list, strconv.Quote(name))
		}
	}
	switch len(list) {
	case 0:
		return ""
	case 1:
		return list[0]
	}
	return "[" + strings.Join(list, ",") + "]"
}

func (a *at) valueSets() {
	oc, nc := a.old.Const, a.new.Const
	switch {
	case oc == nil && nc != nil && a.old.Enum == nil:
		a.add("const-added", "const", "", string(nc))
	case oc != nil && nc == nil && a.new.Enum == nil:
		a.add("const-removed", "const", string(oc), "")
	case oc != nil && nc != nil && !sameJSON(oc, nc):
		a.add("const-changed", "const", string(oc), string(nc))
	}
	oe, ne := a.old.Enum, a.new.Enum
	switch { // a const is an enum of one value
	case oe == nil && oc != nil && ne != nil:
		oe = [][]byte{oc}
	case ne == nil && nc != nil && oe != nil:
		ne = [][]byte{nc}
	}
	switch {
	case oe == nil && ne != nil:
		a.add("enum-added", "enum", "", list(ne))
		return
	case oe != nil && ne == nil:
		a.add("enum-removed", "enum", list(oe), "")
		return
	}
	missing := func(from, in [][]byte) (out [][]byte) {
		have := map[string]bool{}
		for _, v := range in {
			have[string(v)] = true
		}
		for _, v := range from {
			if !have[string(v)] {
				out = append(out, v)
			}
		}
		return out
	}
	if added := missing(ne, oe); len(added) > 0 {
		a.add("enum-value-added", "enum", "", list(added))
	}
	if gone := missing(oe, ne); len(gone) > 0 {
		a.add("enum-value-removed", "enum", list(gone), "")
	}
}

func list(values [][]byte) string { return "[" + string(bytes.Join(values, []byte(","))) + "]" }

func (a *at) numbers() {
	rats := []struct {
		id, keyword string
		old, new    *big.Rat
	}{
		{"maximum", "maximum", a.old.Maximum, a.new.Maximum},
		{"minimum", "minimum", a.old.Minimum, a.new.Minimum},
		{"exclusive-maximum", "exclusiveMaximum", a.old.ExclusiveMaximum, a.new.ExclusiveMaximum},
		{"exclusive-minimum", "exclusiveMinimum", a.old.ExclusiveMinimum, a.new.ExclusiveMinimum},
	}
	for _, r := range rats {
		a.limit(r.id, r.keyword, r.old, r.new)
	}
	o, n := a.old.MultipleOf, a.new.MultipleOf
	if o == nil || n == nil {
		a.comesOrGoes("multiple-of", "multipleOf", ratText(o), ratText(n))
		return
	}
	switch q := new(big.Rat).Quo(n, o); {
	case o.Cmp(n) == 0:
	case q.IsInt():
		a.add("multiple-of-expanded", "multipleOf", ratText(o), ratText(n))
	case new(big.Rat).Inv(q).IsInt():
		a.add("multiple-of-reduced", "multipleOf", ratText(o), ratText(n))
	default:
		a.add("multiple-of-changed", "multipleOf", ratText(o), ratText(n))
	}
}

func ratText(r *big.Rat) string {
	if r == nil {
		return ""
	}
	return decimal(r)
}

func (a *at) limit(id, keyword string, old, next *big.Rat) {
	if old == nil || next == nil {
		a.comesOrGoes(id, keyword, ratText(old), ratText(next))
		return
	}
	switch next.Cmp(old) {
	case 1:
		a.add(id+"-raised", keyword, ratText(old), ratText(next))
	case -1:
		a.add(id+"-lowered", keyword, ratText(old), ratText(next))
	}
}

// comesOrGoes names a keyword that only one side has.
func (a *at) comesOrGoes(id, keyword, before, after string) {
	switch {
	case before == "" && after != "":
		a.add(id+"-added", keyword, "", after)
	case before != "" && after == "":
		a.add(id+"-removed", keyword, before, "")
	}
}

// counted compares a count; none is the value that means the keyword is absent or says nothing.
func (a *at) counted(id, keyword string, old, next int64, says func(int64) bool) {
	rat := func(n int64) *big.Rat {
		if !says(n) {
			return nil
		}
		return big.NewRat(n, 1)
	}
	a.limit(id, keyword, rat(old), rat(next))
}

func positive(n int64) bool { return n > 0 }
func present(n int64) bool  { return n >= 0 }

func (a *at) texts() {
	a.counted("max-length", "maxLength", a.old.MaxLength, a.new.MaxLength, present)
	a.counted("min-length", "minLength", a.old.MinLength, a.new.MinLength, positive)
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return quoted(*p)
	}
	a.named("pattern", "pattern", text(a.old.Pattern), text(a.new.Pattern))
	format := func(n *validator.Node) string {
		if n.Format == "" || !n.FormatAsserted {
			return ""
		}
		return quoted(n.Format)
	}
	a.named("format", "format", format(a.old), format(a.new))
	content := func(n *validator.Node) string {
		switch {
		case n.ContentMediaType == "" && n.ContentEncoding == "":
			return ""
		case n.ContentEncoding == "":
			return quoted(n.ContentMediaType)
		}
		return quoted(strings.TrimSpace(n.ContentMediaType + " " + n.ContentEncoding))
	}
	a.named("content", "contentMediaType", content(a.old), content(a.new))
}

// named compares a keyword of which only equality is known.
func (a *at) named(id, keyword, before, after string) {
	if before != "" && after != "" && before != after {
		a.add(id+"-changed", keyword, before, after)
		return
	}
	a.comesOrGoes(id, keyword, before, after)
}
