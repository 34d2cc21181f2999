package compat

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// MaxContractNodes bounds the definitions of a text that is derived from another: a contract, a closed schema.
const MaxContractNodes = 10_000

// maxDerivedSchemas is what the validator may count in such a text: definitions, and the references to them.
const maxDerivedSchemas = 5 * MaxContractNodes

// errDynamic refuses to derive from a schema whose dynamic references have more than one target: a text of its own would
// not be entered through the same resources.
var errDynamic = errors.New("a dynamic reference has several targets")

// deriver writes a schema that is made from the nodes of another one. There is one document for each dialect that the
// nodes come from, each a list of definitions; a node means the same in it, since it says only what its draft asserts.
type deriver struct {
	dialects map[validator.Draft]map[string]any // definitions by dialect
	refs     map[derivedKey]string
	anchors  map[string][]*validator.Node // targets of dynamic anchors
	growing  map[*validator.Node]bool     // whether an extensible enum is below
	count    int
	err      error
}

// derivedKey is what a definition is made of: a node, and in what way.
type derivedKey struct {
	node *validator.Node
	way  string
}

func newDeriver(root *validator.Node) *deriver {
	d := &deriver{
		dialects: map[validator.Draft]map[string]any{}, refs: map[derivedKey]string{}, anchors: map[string][]*validator.Node{},
		growing: map[*validator.Node]bool{},
	}
	seen := map[*validator.Node]bool{}
	var walk func(n *validator.Node)
	walk = func(n *validator.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.Resource == n {
			for _, a := range n.DynamicAnchors {
				if !slices.Contains(d.anchors[a.Name], a.Schema) {
					d.anchors[a.Name] = append(d.anchors[a.Name], a.Schema)
				}
			}
		}
		if n.Resource != nil {
			walk(n.Resource)
		}
		children(n, walk)
	}
	walk(root)
	return d
}

// dialect is the draft that a node's definition is written in: nodes of the drafts up to 7 differ in nothing that is
// left in them.
func dialect(n *validator.Node) validator.Draft {
	return max(n.Draft, validator.Draft7)
}

var dialectNames = map[validator.Draft]struct{ schema, uri, definitions string }{
	validator.Draft7:    {"http://json-schema.org/draft-07/schema#", "accord:///derived/draft-07", "definitions"},
	validator.Draft2019: {"https://json-schema.org/draft/2019-09/schema", "accord:///derived/2019-09", "$defs"},
	validator.Draft2020: {"https://json-schema.org/draft/2020-12/schema", "accord:///derived/2020-12", "$defs"},
}

// define returns a reference to the definition of a key, which it builds when it is met for the first time. The name
// tells where the node stands.
func (d *deriver) define(k derivedKey, build func() any) any {
	ref, ok := d.refs[k]
	if !ok {
		if d.count++; d.count > MaxContractNodes {
			d.fail(&LimitError{Limit: "MaxContractNodes", Value: d.count, Max: MaxContractNodes, Pointer: k.node.Pointer})
			return true
		}
		draft := dialect(k.node)
		if d.dialects[draft] == nil {
			d.dialects[draft] = map[string]any{}
		}
		name := derivedName(k.node.Pointer)
		for i := 2; d.dialects[draft][name] != nil; i++ {
			name = derivedName(k.node.Pointer) + "." + strconv.Itoa(i)
		}
		names := dialectNames[draft]
		ref = names.uri + "#/" + names.definitions + "/" + name
		d.refs[k] = ref
		d.dialects[draft][name] = true // taken, also while it is built
		d.dialects[draft][name] = build()
	}
	return map[string]any{"$ref": ref}
}

// derivedName is a pointer with nothing in it that a URI fragment would escape.
func derivedName(pointer string) string {
	if pointer == "" {
		return "root"
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, pointer[1:])
}

func (d *deriver) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// compile turns the definitions into a schema whose root is top, written in the dialect of root.
func (d *deriver) compile(root *validator.Node, top any, more map[string][]byte) (*Schema, error) {
	if d.err != nil {
		return nil, d.err
	}
	draft := dialect(root)
	document := validator.Document{URI: dialectNames[draft].uri, References: map[string][]byte{}}
	maps.Copy(document.References, more)
	for of, names := range dialectNames {
		if of != draft && d.dialects[of] == nil {
			continue
		}
		body := map[string]any{"$schema": names.schema}
		if defs := d.dialects[of]; len(defs) > 0 {
			body[names.definitions] = defs
		}
		if of == draft {
			body["allOf"] = []any{top}
		}
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("derived schema: %w", err)
		}
		if of == draft {
			document.Text = text
		} else {
			document.References[names.uri] = text
		}
	}
	s, err := validator.Compile(document, validator.Limits{Subschemas: maxDerivedSchemas})
	if err != nil {
		if e, ok := errors.AsType[*validator.SchemaError](err); ok && e.Limit != "" {
			return nil, &LimitError{Limit: e.Limit, Pointer: root.Pointer}
		}
		return nil, fmt.Errorf("derived schema: %w", err)
	}
	return Compile(s)
}

// dynamic is what a dynamic reference leads to, nil if the node has none.
func (d *deriver) dynamic(n *validator.Node) *validator.Node {
	if n.DynamicRef == nil || n.DynamicName == nil {
		return n.DynamicRef
	}
	targets := d.anchors[*n.DynamicName]
	if len(targets) > 1 {
		d.fail(errDynamic)
	}
	if len(targets) == 1 {
		return targets[0]
	}
	return n.DynamicRef
}

// whole writes a node as it is. With grow the enums that are marked as extensible become their types, wherever that
// only lets more events through.
func (d *deriver) whole(n *validator.Node, grow bool) any {
	if n.Always != nil {
		return *n.Always
	}
	grow = grow && d.grows(n)
	way := "whole"
	if grow {
		way = "grown"
	}
	return d.define(derivedKey{n, way}, func() any { return d.keywords(n, grow) })
}

// grows says whether an extensible enum is in a node or below it.
func (d *deriver) grows(n *validator.Node) bool {
	if v, ok := d.growing[n]; ok {
		return v
	}
	seen := map[*validator.Node]bool{}
	found := false
	var walk func(n *validator.Node)
	walk = func(n *validator.Node) {
		if found || seen[n] {
			return
		}
		seen[n] = true
		if extensible(n) {
			found = true
			return
		}
		children(n, walk)
	}
	walk(n)
	d.growing[n] = found
	return found
}

// extensible says whether the readers of an enum were told that it will grow.
func extensible(n *validator.Node) bool {
	return n.Enum != nil && string(members(n.Raw)["x-accord-extensible"]) == "true"
}

func number(r *big.Rat) json.RawMessage { return json.RawMessage(decimal(r)) }

// keywords writes everything that a node asserts.
func (d *deriver) keywords(n *validator.Node, grow bool) any {
	m := map[string]any{}
	d.reference(m, n, grow)
	if n.Ref != nil && n.Draft <= validator.Draft7 {
		return m
	}
	d.values(m, n, grow)
	d.scalars(m, n)
	d.counts(m, n)
	d.combinators(m, n, grow)
	d.arrays(m, n, grow)
	d.objects(m, n, grow)
	return m
}

// scalars writes what is asserted of numbers and strings, lengths left out.
func (d *deriver) scalars(m map[string]any, n *validator.Node) {
	for keyword, r := range map[string]*big.Rat{
		"minimum": n.Minimum, "maximum": n.Maximum, "exclusiveMinimum": n.ExclusiveMinimum, "exclusiveMaximum": n.ExclusiveMaximum, "multipleOf": n.MultipleOf,
	} {
		if r != nil {
			m[keyword] = number(r)
		}
	}
	if n.Pattern != nil {
		m["pattern"] = *n.Pattern
	}
	if n.FormatAsserted {
		m["format"] = n.Format
	}
	if n.ContentEncoding != "" {
		m["contentEncoding"] = n.ContentEncoding
	}
	if n.ContentMediaType != "" {
		m["contentMediaType"] = n.ContentMediaType
	}
	if n.ContentSchema != nil {
		m["contentSchema"] = d.whole(n.ContentSchema, false)
	}
}

// reference writes $ref and dynamic references.
func (d *deriver) reference(m map[string]any, n *validator.Node, grow bool) {
	var all []any
	for _, target := range []*validator.Node{n.Ref, d.dynamic(n)} {
		if target != nil {
			all = append(all, d.whole(target, grow))
		}
	}
	appendAll(m, all)
}

// appendAll adds branches to allOf.
func appendAll(m map[string]any, branches []any) {
	if len(branches) == 0 {
		return
	}
	old, _ := m["allOf"].([]any)
	m["allOf"] = append(old, branches...)
}

// values writes type, const and enum.
func (d *deriver) values(m map[string]any, n *validator.Node, grow bool) {
	if names := typeWords(n.Types); len(names) > 0 {
		m["type"] = names
	}
	if n.Const != nil {
		m["const"] = json.RawMessage(n.Const)
	}
	switch {
	case n.Enum == nil:
	case grow && extensible(n):
		if n.Types == 0 {
			m["type"] = enumTypes(n.Enum)
		}
	default:
		m["enum"] = raws(n.Enum)
	}
}

func raws(values [][]byte) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(values))
	for _, v := range values {
		out = append(out, v)
	}
	return out
}

func typeWords(t validator.TypeSet) (out []string) {
	for i, name := range []string{"null", "boolean", "integer", "number", "string", "array", "object"} {
		if t&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// enumTypes are the types of the values of an enum; a number stands for all numbers.
func enumTypes(values [][]byte) (out []string) {
	for _, v := range values {
		name := map[byte]string{'n': "null", 't': "boolean", 'f': "boolean", '"': "string", '[': "array", '{': "object"}[v[0]]
		if name == "" {
			name = "number"
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (d *deriver) counts(m map[string]any, n *validator.Node) {
	for keyword, count := range map[string]int64{
		"minLength": n.MinLength, "maxLength": n.MaxLength, "minItems": n.MinItems, "maxItems": n.MaxItems,
		"minProperties": n.MinProperties, "maxProperties": n.MaxProperties,
	} {
		if count > 0 || count == 0 && strings.HasPrefix(keyword, "max") {
			m[keyword] = count
		}
	}
	if n.UniqueItems {
		m["uniqueItems"] = true
	}
}

func (d *deriver) list(nodes []*validator.Node, grow bool) []any {
	out := make([]any, 0, len(nodes))
	for _, n := range nodes {
		out = append(out, d.whole(n, grow))
	}
	return out
}

func (d *deriver) combinators(m map[string]any, n *validator.Node, grow bool) {
	appendAll(m, d.list(n.AllOf, grow))
	if n.AnyOf != nil {
		m["anyOf"] = d.list(n.AnyOf, grow)
	}
	if n.OneOf != nil {
		one := "oneOf"
		if grow && slices.ContainsFunc(n.OneOf, d.grows) {
			one = "anyOf" // a branch that takes more could make two of one
		}
		if m[one] != nil {
			appendAll(m, []any{map[string]any{one: d.list(n.OneOf, grow)}})
		} else {
			m[one] = d.list(n.OneOf, grow)
		}
	}
	if n.Not != nil {
		m["not"] = d.whole(n.Not, false)
	}
	if n.If != nil {
		m["if"] = d.whole(n.If, false)
		if n.Then != nil {
			m["then"] = d.whole(n.Then, grow)
		}
		if n.Else != nil {
			m["else"] = d.whole(n.Else, grow)
		}
	}
}

// setItems writes the items of a position and those after them under the names of a dialect.
func setItems(m map[string]any, n *validator.Node, prefix []any, rest any) {
	switch {
	case len(prefix) == 0:
		if rest != nil {
			m["items"] = rest
		}
	case dialect(n) == validator.Draft2020:
		m["prefixItems"] = prefix
		if rest != nil {
			m["items"] = rest
		}
	default:
		m["items"] = prefix
		if rest != nil {
			m["additionalItems"] = rest
		}
	}
}

func (d *deriver) arrays(m map[string]any, n *validator.Node, grow bool) {
	var rest any
	if n.Items != nil {
		rest = d.whole(n.Items, grow)
	}
	setItems(m, n, d.list(n.PrefixItems, grow), rest)
	if n.Contains != nil {
		m["contains"] = d.whole(n.Contains, grow && n.MaxContains < 0)
		if n.MinContains != 1 {
			m["minContains"] = n.MinContains
		}
		if n.MaxContains >= 0 {
			m["maxContains"] = n.MaxContains
		}
	}
	if n.UnevaluatedItems != nil {
		m["unevaluatedItems"] = d.whole(n.UnevaluatedItems, grow)
	}
}

func (d *deriver) named(list []validator.Property, grow bool) map[string]any {
	out := make(map[string]any, len(list))
	for _, p := range list {
		out[p.Name] = d.whole(p.Schema, grow)
	}
	return out
}

func (d *deriver) objects(m map[string]any, n *validator.Node, grow bool) {
	if len(n.Required) > 0 {
		m["required"] = n.Required
	}
	if len(n.Properties) > 0 {
		m["properties"] = d.named(n.Properties, grow)
	}
	if len(n.PatternProperties) > 0 {
		m["patternProperties"] = d.named(n.PatternProperties, grow)
	}
	for keyword, c := range map[string]*validator.Node{
		"additionalProperties": n.AdditionalProperties, "propertyNames": n.PropertyNames, "unevaluatedProperties": n.UnevaluatedProperties,
	} {
		if c != nil {
			m[keyword] = d.whole(c, grow)
		}
	}
	required := map[string][]string{}
	for _, dep := range n.DependentRequired {
		required[dep.Name] = union(required[dep.Name], dep.Required)
	}
	setDependencies(m, n, required, d.named(n.DependentSchemas, grow))
}

// setDependencies writes both kinds of dependencies under the names of a dialect.
func setDependencies(m map[string]any, n *validator.Node, required map[string][]string, schemas map[string]any) {
	if dialect(n) > validator.Draft7 {
		if len(required) > 0 {
			m["dependentRequired"] = required
		}
		if len(schemas) > 0 {
			m["dependentSchemas"] = schemas
		}
		return
	}
	all := map[string]any{}
	for name, list := range required {
		all[name] = list
	}
	for name, s := range schemas {
		if list, ok := required[name]; ok {
			s = map[string]any{"allOf": []any{s, map[string]any{"required": list}}}
		}
		all[name] = s
	}
	if len(all) > 0 {
		m["dependencies"] = all
	}
}
