package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/accordhq/accord/validator"
)

// Limits of a contract.
const (
	MaxReads         = 500    // addresses
	MaxContractNodes = 10_000 // schemas of the document that a contract is
)

// Read is one address that a consumer uses: a JSON Pointer into the event in which * stands for every element of an
// array or every member of an object. Optional: the consumer copes when it is absent.
type Read struct {
	At       string
	Optional bool
}

// AddressError says that a schema has no place at an address.
type AddressError struct{ Address string }

func (e *AddressError) Error() string {
	return fmt.Sprintf("address %q: the schema has no such place", e.Address)
}

// Contract is what a consumer relies on: the schema of the version it was built for, weakened to the addresses that it
// reads. Every event of s is one of the contract. nil reads means everything, without addresses it is the schema true.
// strict: names that the schema does not have are still refused. An enum marked x-accord-extensible becomes its type.
// The errors are *AddressError, *LimitError, and the validator's if the result is over a limit of its own.
func Contract(s *validator.Schema, reads []Read, strict bool) (*Schema, error) {
	if len(reads) > MaxReads {
		return nil, &LimitError{Limit: "MaxReads", Value: len(reads), Max: MaxReads}
	}
	c := &contract{strict: strict, names: map[contractKey]string{}, defs: map[string]any{}, unions: map[[2]*reading]*reading{}, alone: map[string]*reading{}}
	c.moving = moves(s.Root(), map[*validator.Node]bool{})
	root := &reading{}
	if reads == nil {
		root.here, root.need = true, true
	}
	for _, r := range reads {
		steps, ok := stepsOf(r.At)
		if !ok || !hasPlace(s.Root(), steps, map[placeKey]bool{}) {
			return nil, &AddressError{r.At}
		}
		root.add(steps, !r.Optional)
	}
	body := c.at(s.Root(), root)
	if c.err != nil {
		return nil, c.err
	}
	doc := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": []any{body}}
	if len(c.defs) > 0 {
		doc["$defs"] = c.defs
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	compiled, err := validator.Compile(validator.Document{Text: text}, validator.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the contract: %w", err)
	}
	return Compile(compiled)
}

// contractKey is a schema restricted to what is read below it; fixed: enums stay closed, because a weaker schema there
// would make a stronger one above.
type contractKey struct {
	node  *validator.Node
	read  *reading
	fixed bool
}

// contract writes the document.
type contract struct {
	strict bool
	names  map[contractKey]string
	defs   map[string]any
	unions map[[2]*reading]*reading
	alone  map[string]*reading
	// moving is set if a dynamic reference was left out somewhere: what unevaluated… of any node above it would refuse
	// is not known then, and it is left out too.
	moving bool
	err    error
}

// everything reads a place whole.
var everything = &reading{here: true, need: true}

// at is the schema for a node restricted to what is read, as JSON: true, false, or a $ref to a definition.
func (c *contract) at(n *validator.Node, read *reading) any {
	switch {
	case n == nil || read.nothing():
		return true
	case read.here:
		read = everything
	}
	return c.define(contractKey{n, read, false})
}

// whole is the schema for a node as it stands, enums included.
func (c *contract) whole(n *validator.Node) any { return c.define(contractKey{n, everything, true}) }

func (c *contract) define(k contractKey) any {
	if k.node.Always != nil {
		return *k.node.Always
	}
	name, known := c.names[k]
	if !known {
		if len(c.names) >= MaxContractNodes {
			c.err = &LimitError{Limit: "MaxContractNodes", Value: len(c.names) + 1, Max: MaxContractNodes, Pointer: k.node.Pointer}
			return true
		}
		name = "d" + strconv.Itoa(len(c.names))
		c.names[k] = name
		var body any
		if k.read.here {
			body = c.keep(k.node, k.fixed)
		} else {
			body = c.restrict(k.node, k.read)
		}
		if m, ok := body.(map[string]any); ok && len(m) == 0 {
			body = true
		}
		c.defs[name] = body
	}
	if always, ok := c.defs[name].(bool); ok { // not yet there while it is being made: a recursion
		return always
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// keep writes a node with all that it asserts.
func (c *contract) keep(n *validator.Node, fixed bool) map[string]any {
	out := map[string]any{}
	sub := func(n *validator.Node) any {
		if fixed {
			return c.whole(n)
		}
		return c.at(n, everything)
	}
	list := func(nodes []*validator.Node, sub func(*validator.Node) any) []any {
		all := make([]any, len(nodes))
		for i, n := range nodes {
			all[i] = sub(n)
		}
		return all
	}
	one := func(keyword string, n *validator.Node, sub func(*validator.Node) any) {
		if n != nil {
			out[keyword] = sub(n)
		}
	}
	keepTypes(out, n.Types)
	switch {
	case n.Enum != nil && !fixed && extensible(n):
		if t := typesOf(n.Enum); n.Types == 0 && t != 0 {
			keepTypes(out, t)
		}
	case n.Enum != nil:
		all := make([]json.RawMessage, len(n.Enum))
		for i, v := range n.Enum {
			all[i] = v
		}
		if len(all) == 0 {
			out["not"] = true // no value is one of none
			return out
		}
		out["enum"] = all
	}
	if n.Const != nil {
		out["const"] = json.RawMessage(n.Const)
	}
	keepNumbers(out, n)
	keepStrings(out, n)
	if len(n.AllOf) > 0 {
		out["allOf"] = list(n.AllOf, sub)
	}
	refs := []any{}
	for _, ref := range []*validator.Node{n.Ref, n.DynamicRef} {
		if ref != nil && (ref != n.DynamicRef || n.DynamicName == nil) {
			refs = append(refs, sub(ref))
		}
	}
	if len(refs) > 0 {
		all, _ := out["allOf"].([]any)
		out["allOf"] = append(all, refs...)
	}
	if len(n.AnyOf) > 0 {
		out["anyOf"] = list(n.AnyOf, sub)
	}
	switch {
	case len(n.OneOf) > 0 && !fixed && slices.ContainsFunc(n.OneOf, func(b *validator.Node) bool { return opens(b, map[*validator.Node]bool{}) }):
		addAnyOf(out, list(n.OneOf, sub)) // weaker branches may overlap
	case len(n.OneOf) > 0:
		out["oneOf"] = list(n.OneOf, c.whole)
	}
	one("if", n.If, c.whole)
	one("then", n.Then, sub)
	one("else", n.Else, sub)
	one("not", n.Not, c.whole)
	if len(n.PrefixItems) > 0 {
		out["prefixItems"] = list(n.PrefixItems, sub)
	}
	one("items", n.Items, sub)
	keepCount(out, "minItems", n.MinItems)
	keepCount(out, "maxItems", n.MaxItems)
	if n.UniqueItems {
		out["uniqueItems"] = true
	}
	if n.Contains != nil {
		out["contains"] = c.whole(n.Contains)
		out["minContains"] = n.MinContains
		keepCount(out, "maxContains", n.MaxContains)
	}
	properties := func(keyword string, list []validator.Property) {
		if len(list) == 0 {
			return
		}
		all := map[string]any{}
		for _, p := range list {
			all[p.Name] = sub(p.Schema)
		}
		out[keyword] = all
	}
	properties("properties", n.Properties)
	properties("patternProperties", n.PatternProperties)
	properties("dependentSchemas", n.DependentSchemas)
	one("additionalProperties", n.AdditionalProperties, sub)
	one("propertyNames", n.PropertyNames, c.whole)
	keepCount(out, "minProperties", n.MinProperties)
	keepCount(out, "maxProperties", n.MaxProperties)
	if len(n.Required) > 0 {
		out["required"] = n.Required
	}
	if len(n.DependentRequired) > 0 {
		all := map[string]any{}
		for _, d := range n.DependentRequired {
			all[d.Name] = d.Required
		}
		out["dependentRequired"] = all
	}
	if !c.moving {
		one("unevaluatedItems", n.UnevaluatedItems, sub)
		one("unevaluatedProperties", n.UnevaluatedProperties, sub)
	}
	return out
}

// restrict writes of a node what is about the places that are read.
func (c *contract) restrict(n *validator.Node, read *reading) map[string]any {
	out := map[string]any{}
	keepTypes(out, n.Types)
	c.members(out, n, read)
	c.elements(out, n, read)
	all := []any{}
	for _, b := range append(slices.Clone(n.AllOf), n.Ref) {
		if s := c.at(b, read); s != true {
			all = append(all, s)
		}
	}
	if n.DynamicRef != nil && n.DynamicName == nil {
		all = append(all, c.at(n.DynamicRef, read))
	}
	if len(all) > 0 {
		out["allOf"] = all
	}
	for _, branches := range [][]*validator.Node{n.AnyOf, n.OneOf} {
		if len(branches) == 0 {
			continue
		}
		below := c.telling(branches, read)
		list := make([]any, len(branches))
		for i, b := range branches {
			list[i] = c.at(b, below)
		}
		if !slices.Contains(list, any(true)) {
			addAnyOf(out, list)
		}
	}
	if n.If != nil {
		then, otherwise := c.at(n.Then, read), c.at(n.Else, read)
		if then != true || otherwise != true {
			out["if"], out["then"], out["else"] = c.whole(n.If), then, otherwise
		}
	}
	if n.Not != nil && mentions(n.Not, read) {
		out["not"] = c.whole(n.Not)
	}
	return out
}

// members writes what an object's members that are read must be.
func (c *contract) members(out map[string]any, n *validator.Node, read *reading) {
	properties, patterns := map[string]any{}, map[string]any{}
	each := read.next["*"]
	for _, name := range sortedKeys(read.next) {
		if name == "*" {
			continue
		}
		all := []any{}
		for _, m := range memberSchemas(n, name) {
			if s := c.at(m, c.union(read.next[name], each)); s != true {
				all = append(all, s)
			}
		}
		if len(all) > 0 {
			properties[name] = map[string]any{"allOf": all}
		}
	}
	if c.strict || each != nil {
		for _, p := range n.Properties {
			if properties[p.Name] == nil {
				properties[p.Name] = c.at(p.Schema, each)
			}
		}
		for _, p := range n.PatternProperties {
			patterns[p.Name] = c.at(p.Schema, each)
		}
		if more := n.AdditionalProperties; more != nil {
			closed := more.Always != nil && !*more.Always
			if s := c.at(more, each); closed && c.strict {
				out["additionalProperties"] = false
			} else if !closed && s != true {
				out["additionalProperties"] = s
			}
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(patterns) > 0 {
		out["patternProperties"] = patterns
	}
	isRead := func(name string) bool { return read.next[name] != nil && read.next[name].need }
	if required := slices.DeleteFunc(slices.Clone(n.Required), func(name string) bool { return !isRead(name) }); len(required) > 0 {
		out["required"] = required
	}
	dependent := map[string]any{}
	for _, d := range n.DependentRequired {
		if required := slices.DeleteFunc(slices.Clone(d.Required), func(name string) bool { return !isRead(name) }); read.next[d.Name] != nil && len(required) > 0 {
			dependent[d.Name] = required
		}
	}
	if len(dependent) > 0 {
		out["dependentRequired"] = dependent
	}
	schemas := map[string]any{}
	for _, d := range n.DependentSchemas {
		if s := c.at(d.Schema, read); read.next[d.Name] != nil && s != true {
			schemas[d.Name] = s
		}
	}
	if len(schemas) > 0 {
		out["dependentSchemas"] = schemas
	}
	if c.strict {
		if n.PropertyNames != nil {
			out["propertyNames"] = c.whole(n.PropertyNames)
		}
		keepCount(out, "minProperties", n.MinProperties)
		keepCount(out, "maxProperties", n.MaxProperties)
		if closed := n.UnevaluatedProperties; closed != nil && closed.Always != nil && !*closed.Always && len(besides(n)) == 0 && n.AdditionalProperties == nil {
			out["additionalProperties"] = false // nothing beside it evaluates anything
		}
	}
}

// memberSchemas are the schemas that apply to a member with a name.
func memberSchemas(n *validator.Node, name string) (list []*validator.Node) {
	for _, p := range n.Properties {
		if p.Name == name {
			list = append(list, p.Schema)
		}
	}
	for _, p := range n.PatternProperties {
		if matches(p.Name, name) {
			list = append(list, p.Schema)
		}
	}
	if len(list) == 0 && n.AdditionalProperties != nil {
		list = append(list, n.AdditionalProperties)
	}
	return list
}

// elements writes what an array's elements that are read must be.
func (c *contract) elements(out map[string]any, n *validator.Node, read *reading) {
	each := read.next["*"]
	highest := -1
	for step := range read.next {
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < MaxReads {
			highest = max(highest, i)
		}
	}
	if each == nil && highest < 0 {
		return
	}
	prefix := []any{}
	for i := range max(len(n.PrefixItems), highest+1) {
		at := n.Items
		if i < len(n.PrefixItems) {
			at = n.PrefixItems[i]
		}
		prefix = append(prefix, c.at(at, c.union(read.next[strconv.Itoa(i)], each)))
	}
	if len(prefix) > 0 {
		out["prefixItems"] = prefix
	}
	if s := c.at(n.Items, each); s != true {
		out["items"] = s
	}
	keepCount(out, "minItems", n.MinItems)
	keepCount(out, "maxItems", n.MaxItems)
}

// mentions says whether a schema under not speaks only of members that are read whole.
func mentions(n *validator.Node, read *reading) bool {
	if n.Always != nil || len(besides(n)) > 0 || n.Not != nil || n.If != nil || n.Items != nil || n.Contains != nil || len(n.PrefixItems) > 0 ||
		n.Enum != nil || n.Const != nil || n.AdditionalProperties != nil || n.PropertyNames != nil || len(n.PatternProperties) > 0 ||
		len(n.DependentRequired) > 0 || n.MinProperties >= 0 || n.MaxProperties >= 0 || n.UnevaluatedProperties != nil || n.UnevaluatedItems != nil {
		return false
	}
	isRead := func(name string) bool { return read.next[name] != nil && read.next[name].here }
	return !slices.ContainsFunc(n.Required, func(name string) bool { return !isRead(name) }) &&
		!slices.ContainsFunc(n.Properties, func(p validator.Property) bool { return !isRead(p.Name) })
}
