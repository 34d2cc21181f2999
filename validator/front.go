package validator

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strings"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"
)

// front turns the compiled tree into Nodes.
type front struct {
	docs  map[string]*indexed
	nodes map[*jsonschema.Schema]*Node
}

func (f *front) node(s *jsonschema.Schema) *Node {
	if s == nil {
		return nil
	}
	if n, ok := f.nodes[s]; ok {
		return n
	}
	uri, fragment, _ := strings.Cut(s.Location, "#")
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		pointer = fragment
	}
	doc := f.docs[uri]
	raw := doc.raw(pointer)
	if s.Ref != nil && onlyRef(raw, s.Draft) {
		n := &Node{}
		f.nodes[s] = n
		target := f.node(s.Ref)
		f.nodes[s] = target
		return target
	}
	n := &Node{
		Document: uri, Pointer: pointer, Draft: draftOf(s.Draft), Raw: raw, Format: s.Format,
		MinLength: int64(s.MinLength), MaxLength: int64(s.MaxLength), MinItems: int64(s.MinItems), MaxItems: int64(s.MaxItems),
		MinProperties: int64(s.MinProperties), MaxProperties: int64(s.MaxProperties),
		MinContains: int64(s.MinContains), MaxContains: int64(s.MaxContains), ContainsEvaluates: s.ContainsEval,
		UniqueItems: s.UniqueItems, Required: s.Required,
		Minimum: s.Minimum, Maximum: s.Maximum, ExclusiveMinimum: s.ExclusiveMinimum, ExclusiveMaximum: s.ExclusiveMaximum, MultipleOf: s.MultipleOf,
		Title: s.Title, Description: s.Description, Deprecated: s.Deprecated,
	}
	f.nodes[s] = n
	n.Resource = n
	if s.Always != nil {
		n.Always = s.Always
		return n
	}
	_, n.FormatAsserted = jsonschema.Formats[s.Format]
	for _, t := range s.Types {
		n.Types |= typeNames[t]
	}
	n.Ref, n.Not, n.If, n.Then, n.Else = f.node(s.Ref), f.node(s.Not), f.node(s.If), f.node(s.Then), f.node(s.Else)
	n.AllOf, n.AnyOf, n.OneOf = f.list(s.AllOf), f.list(s.AnyOf), f.list(s.OneOf)
	if s.Constant != nil {
		n.Const = canonical(s.Constant[0])
	}
	if s.Enum != nil {
		n.Enum = [][]byte{}
		for _, v := range s.Enum {
			n.Enum = append(n.Enum, canonical(v))
		}
	}
	if s.Pattern != nil {
		p := s.Pattern.String()
		n.Pattern = &p
	}
	n.Properties = f.named(doc, pointer+"/properties", s.Properties)
	patterns := map[string]*jsonschema.Schema{}
	for re, p := range s.PatternProperties {
		patterns[(*regexp.Regexp)(re).String()] = p
	}
	n.PatternProperties = f.named(doc, pointer+"/patternProperties", patterns)
	n.AdditionalProperties = f.any(s.AdditionalProperties, n)
	n.PropertyNames, n.UnevaluatedProperties = f.node(s.PropertyNames), f.node(s.UnevaluatedProperties)
	for name, required := range s.DependentRequired {
		n.DependentRequired = append(n.DependentRequired, Dependency{name, required})
	}
	n.DependentSchemas = f.named(doc, pointer+"/dependentSchemas", s.DependentSchemas)
	for name, d := range s.Dependencies {
		switch d := d.(type) {
		case []string:
			n.DependentRequired = append(n.DependentRequired, Dependency{name, d})
		case *jsonschema.Schema:
			n.DependentSchemas = append(n.DependentSchemas, Property{name, f.node(d)})
		}
	}
	sort.Slice(n.DependentRequired, func(i, j int) bool { return n.DependentRequired[i].Name < n.DependentRequired[j].Name })
	n.Contains, n.UnevaluatedItems = f.node(s.Contains), f.node(s.UnevaluatedItems)
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		n.Items = f.node(items)
	case []*jsonschema.Schema:
		n.PrefixItems, n.Items = f.list(items), f.any(s.AdditionalItems, n)
	}
	if s.PrefixItems != nil {
		n.PrefixItems = f.list(s.PrefixItems)
	}
	if s.Items2020 != nil {
		n.Items = f.node(s.Items2020)
	}
	n.Default = doc.raw(pointer + "/default")
	var examples []json.RawMessage
	if json.Unmarshal(doc.raw(pointer+"/examples"), &examples) == nil {
		for _, e := range examples {
			n.Examples = append(n.Examples, e)
		}
	}
	return n
}

func (f *front) list(in []*jsonschema.Schema) []*Node {
	var out []*Node
	for _, s := range in {
		out = append(out, f.node(s))
	}
	return out
}

func (f *front) any(v any, parent *Node) *Node {
	switch v := v.(type) {
	case bool:
		return &Node{Document: parent.Document, Pointer: parent.Pointer, Draft: parent.Draft, Resource: parent.Resource, Always: &v}
	case *jsonschema.Schema:
		return f.node(v)
	}
	return nil
}

func (f *front) named(doc *indexed, pointer string, in map[string]*jsonschema.Schema) []Property {
	var out []Property
	for name, s := range in {
		out = append(out, Property{name, f.node(s)})
	}
	var order []string
	if doc != nil {
		order = doc.keys[pointer]
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := slices.Index(order, out[i].Name), slices.Index(order, out[j].Name)
		if a != b {
			return a < b
		}
		return out[i].Name < out[j].Name
	})
	return out
}

var typeNames = map[string]TypeSet{"null": TypeNull, "boolean": TypeBoolean, "integer": TypeInteger, "number": TypeNumber, "string": TypeString, "array": TypeArray, "object": TypeObject}

func draftOf(d *jsonschema.Draft) Draft {
	switch d {
	case jsonschema.Draft4:
		return Draft4
	case jsonschema.Draft6:
		return Draft6
	case jsonschema.Draft2019:
		return Draft2019
	case jsonschema.Draft2020:
		return Draft2020
	}
	return Draft7
}

func onlyRef(raw []byte, d *jsonschema.Draft) bool {
	if draftOf(d) <= Draft7 {
		return true
	}
	var m map[string]json.RawMessage
	return json.Unmarshal(raw, &m) == nil && len(m) == 1
}

func canonical(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
