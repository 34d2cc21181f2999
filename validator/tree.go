package validator

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"
)

const (
	encodingBase64 = "base64"
	mediaJSON      = "application/json"
)

// tree turns what jsonschema v5 compiled into Nodes. What v5 does not tell (document order, bytes as written, anchors,
// resources) comes from the closure.
type tree struct {
	closure  *closure
	compiler *jsonschema.Compiler
	nodes    map[*jsonschema.Schema]*Node
	all      []*Node // but bare references, in the order of their making
	places   map[string]*Node
	pending  map[*jsonschema.Schema]bool // bare references that are being followed
	looped   bool                        // one of them led back to itself
	refused  error                       // a text was reached whose draft is not understood
	dynamic  bool                        // some dynamic reference was met
}

// buildTree returns the root Node of a compiled schema.
func buildTree(c *closure, compiler *jsonschema.Compiler, compiled *jsonschema.Schema) (*Node, error) {
	t := &tree{
		closure: c, compiler: compiler, nodes: map[*jsonschema.Schema]*Node{}, places: map[string]*Node{},
		pending: map[*jsonschema.Schema]bool{},
	}
	root := t.node(compiled)
	t.resources()
	if t.looped {
		return nil, c.root.fail("", "$ref", "the schema refers to itself without end")
	}
	return root, t.refused
}

func (t *tree) node(s *jsonschema.Schema) *Node {
	if s == nil {
		return nil
	}
	if n, ok := t.nodes[s]; ok {
		return n
	}
	in, uri, pointer := t.closure.place(s.Location)
	var at *place
	if in != nil {
		at = in.top.lookup(pointer)
		t.refused = cmp.Or(t.refused, in.refused)
	}
	if s.Ref != nil && at != nil && len(at.children) == 1 {
		if t.pending[s] {
			t.looped = true
			return newNode(uri, pointer, draftOf(s.Draft))
		}
		t.pending[s] = true
		n := t.node(s.Ref)
		t.nodes[s] = n
		return n
	}
	n := &Node{Document: uri, Pointer: pointer, Draft: draftOf(s.Draft)}
	t.nodes[s] = n
	t.places[s.Location] = n
	t.all = append(t.all, n)
	if in != nil {
		n.Raw = at.raw(in.bytes)
	}
	t.anything(n, s, in, at)
	t.numbersAndStrings(n, s)
	t.arrays(n, s)
	t.objects(n, s, in, at)
	return n
}

func draftOf(d *jsonschema.Draft) Draft {
	if d == nil {
		return Draft7
	}
	return namedDraft(d.URL())
}

// anything fills what concerns every type.
func (t *tree) anything(n *Node, s *jsonschema.Schema, in *text, at *place) {
	n.Always = s.Always
	n.Ref = t.node(s.Ref)
	for _, name := range s.Types {
		n.Types |= typeNames[name]
	}
	if len(s.Constant) > 0 {
		n.Const = canonicalValue(s.Constant[0])
	}
	if s.Enum != nil {
		n.Enum = make([][]byte, 0, len(s.Enum))
		for _, v := range s.Enum {
			n.Enum = append(n.Enum, canonicalValue(v))
		}
	}
	n.Not, n.If, n.Then, n.Else = t.node(s.Not), t.node(s.If), t.node(s.Then), t.node(s.Else)
	n.AllOf, n.AnyOf, n.OneOf = t.list(s.AllOf), t.list(s.AnyOf), t.list(s.OneOf)
	t.dynamicReference(n, s, in, at)
	if in == nil || s.Ref != nil && n.Draft <= Draft7 {
		return
	}
	n.Title, n.Description = at.member("title").str(in.bytes), at.member("description").str(in.bytes)
	n.Default = at.member("default").raw(in.bytes)
	n.Deprecated = n.Draft >= Draft2019 && string(at.member("deprecated").raw(in.bytes)) == "true"
	if examples := at.member("examples"); examples != nil {
		for _, e := range examples.children {
			n.Examples = append(n.Examples, e.raw(in.bytes))
		}
	}
}

var typeNames = map[string]TypeSet{
	"null": TypeNull, "boolean": TypeBoolean, "integer": TypeInteger, "number": TypeNumber,
	"string": TypeString, "array": TypeArray, "object": TypeObject,
}

// dynamicReference fills $recursiveRef and $dynamicRef. Source: JSON Schema 2019-09 core, 8.2.4.2; 2020-12 core, 8.2.3.2.
func (t *tree) dynamicReference(n *Node, s *jsonschema.Schema, in *text, at *place) {
	switch {
	case s.RecursiveRef != nil:
		n.DynamicRef = t.node(s.RecursiveRef)
		if s.RecursiveRef.RecursiveAnchor {
			name := ""
			n.DynamicName = &name
			t.dynamic = true
		}
	case s.DynamicRef != nil:
		n.DynamicRef = t.node(s.DynamicRef)
		name := s.DynamicRef.DynamicAnchor
		asked := name // of a built-in meta-schema: its references all name the anchor
		if in != nil {
			_, asked, _ = strings.Cut(at.member("$dynamicRef").str(in.bytes), "#")
			asked = unescapeFragment(asked)
		}
		if name != "" && asked == name {
			n.DynamicName = &name
			t.dynamic = true
		}
	}
}

// numbersAndStrings fills bounds, lengths, pattern, format and content.
func (t *tree) numbersAndStrings(n *Node, s *jsonschema.Schema) {
	n.Minimum, n.Maximum, n.MultipleOf = s.Minimum, s.Maximum, s.MultipleOf
	n.ExclusiveMinimum, n.ExclusiveMaximum = s.ExclusiveMinimum, s.ExclusiveMaximum
	n.MinLength, n.MaxLength = int64(s.MinLength), int64(s.MaxLength)
	if s.Pattern != nil {
		source := s.Pattern.String()
		n.Pattern = &source
	}
	n.Format = s.Format
	_, n.FormatAsserted = formats[s.Format]
	if n.Draft != Draft7 || s.ContentEncoding != "" && s.ContentEncoding != encodingBase64 {
		return
	}
	n.ContentEncoding = s.ContentEncoding
	if s.ContentMediaType == mediaJSON {
		n.ContentMediaType = mediaJSON
	}
	if n.ContentEncoding != "" || n.ContentMediaType != "" {
		n.ContentSchema = t.node(s.ContentSchema)
	}
}

// arrays fills what concerns arrays.
func (t *tree) arrays(n *Node, s *jsonschema.Schema) {
	n.MinItems, n.MaxItems, n.UniqueItems = int64(s.MinItems), int64(s.MaxItems), s.UniqueItems
	n.Contains, n.UnevaluatedItems = t.node(s.Contains), t.node(s.UnevaluatedItems)
	n.MinContains, n.MaxContains, n.ContainsEvaluates = int64(s.MinContains), int64(s.MaxContains), s.ContainsEval
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		n.Items = t.node(items)
	case []*jsonschema.Schema:
		n.PrefixItems, n.Items = t.list(items), t.schemaOrBool(n, "additionalItems", s.AdditionalItems)
	}
	if s.PrefixItems != nil {
		n.PrefixItems = t.list(s.PrefixItems)
	}
	if s.Items2020 != nil {
		n.Items = t.node(s.Items2020)
	}
}

// objects fills what concerns objects.
func (t *tree) objects(n *Node, s *jsonschema.Schema, in *text, at *place) {
	n.MinProperties, n.MaxProperties = int64(s.MinProperties), int64(s.MaxProperties)
	n.Required = s.Required
	n.Properties = t.named(s.Properties, at.member("properties"))
	patterns := map[string]*jsonschema.Schema{}
	for pattern, schema := range s.PatternProperties {
		patterns[(*regexp.Regexp)(pattern).String()] = schema
	}
	n.PatternProperties = t.named(patterns, at.member("patternProperties"))
	n.AdditionalProperties = t.schemaOrBool(n, "additionalProperties", s.AdditionalProperties)
	n.PropertyNames, n.UnevaluatedProperties = t.node(s.PropertyNames), t.node(s.UnevaluatedProperties)
	if s.RegexProperties { // draft-04's meta-schema only
		n.PropertyNames = newNode(n.Document, n.Pointer, n.Draft)
		n.PropertyNames.Format, n.PropertyNames.FormatAsserted = "regex", true
		t.all = append(t.all, n.PropertyNames)
	}
	for _, name := range inOrder(s.DependentRequired, at.member("dependentRequired")) {
		n.DependentRequired = append(n.DependentRequired, Dependency{name, s.DependentRequired[name]})
	}
	n.DependentSchemas = t.named(s.DependentSchemas, at.member("dependentSchemas"))
	for _, name := range inOrder(s.Dependencies, at.member("dependencies")) {
		switch d := s.Dependencies[name].(type) {
		case []string:
			n.DependentRequired = append(n.DependentRequired, Dependency{name, d})
		case *jsonschema.Schema:
			n.DependentSchemas = append(n.DependentSchemas, Property{name, t.node(d)})
		}
	}
}

func newNode(uri, pointer string, draft Draft) *Node {
	return &Node{
		Document: uri, Pointer: pointer, Draft: draft, MinLength: -1, MaxLength: -1, MinItems: -1, MaxItems: -1,
		MinContains: 1, MaxContains: -1, MinProperties: -1, MaxProperties: -1,
	}
}

func (t *tree) list(in []*jsonschema.Schema) []*Node {
	if in == nil {
		return nil
	}
	out := make([]*Node, len(in))
	for i, s := range in {
		out[i] = t.node(s)
	}
	return out
}

// schemaOrBool is the value of additionalProperties and additionalItems, which v5 keeps as a bool or a schema.
func (t *tree) schemaOrBool(parent *Node, keyword string, v any) *Node {
	switch v := v.(type) {
	case *jsonschema.Schema:
		return t.node(v)
	case bool:
		n := newNode(parent.Document, join(parent.Pointer, keyword), parent.Draft)
		n.Always, n.Raw = &v, []byte("false")
		if v {
			n.Raw = []byte("true")
		}
		t.all = append(t.all, n)
		return n
	}
	return nil
}

func (t *tree) named(in map[string]*jsonschema.Schema, at *place) []Property {
	var out []Property
	for _, name := range inOrder(in, at) {
		out = append(out, Property{name, t.node(in[name])})
	}
	return out
}

// inOrder are the names of a map as the document has them; without a document they are sorted.
func inOrder[V any](in map[string]V, at *place) []string {
	if len(in) == 0 {
		return nil
	}
	names := make([]string, 0, len(in))
	if at != nil {
		for _, child := range at.children {
			if _, ok := in[child.name]; ok {
				names = append(names, child.name)
			}
		}
		return names
	}
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// resources links each node to the root of its resource, and gives each such root its dynamic anchors. A root that no
// reference reaches is a node that asserts nothing: it only holds the anchors.
func (t *tree) resources() {
	for done := 0; done < len(t.all); {
		n := t.all[done]
		done++
		in, _, _ := t.closure.place(n.Document + "#")
		pointer := ""
		if in != nil {
			pointer = in.resourceOf(n.Pointer).pointer
		}
		n.Resource = t.rootAt(n, in, pointer)
	}
}

func (t *tree) rootAt(n *Node, in *text, pointer string) *Node {
	key := "resource " + n.Document + "#" + pointer
	if root, ok := t.places[key]; ok {
		return root
	}
	root, ok := t.places[n.Document+fragment(pointer)]
	if !ok {
		root = newNode(n.Document, pointer, n.Draft)
		root.Resource = root
		if in != nil {
			root.Raw = in.top.lookup(pointer).raw(in.bytes)
		}
	}
	t.places[key] = root
	if !t.dynamic {
		return root
	}
	if in == nil { // a built-in meta-schema: each document has one anchor, at its root
		if s, err := t.compiler.Compile(n.Document); err == nil && (s.DynamicAnchor != "" || s.RecursiveAnchor) {
			root.DynamicAnchors = []Property{{s.DynamicAnchor, t.node(s)}}
		}
		return root
	}
	for _, a := range in.anchors {
		if in.resourceOf(a.pointer).pointer != pointer || a.name == "" && a.pointer != pointer {
			continue
		}
		if s, err := t.compiler.Compile(n.Document + fragment(a.pointer)); err == nil {
			root.DynamicAnchors = append(root.DynamicAnchors, Property{a.name, t.node(s)})
		}
	}
	return root
}

// fragment is a JSON Pointer as jsonschema v5 writes it into its locations.
func fragment(pointer string) string {
	tokens := strings.Split(pointer, "/")
	for i, token := range tokens {
		tokens[i] = url.PathEscape(token)
	}
	return "#" + strings.Join(tokens, "/")
}

// place splits a location of jsonschema v5 into the text, nil of a built-in meta-schema, and the JSON Pointer.
func (c *closure) place(location string) (t *text, uri, pointer string) {
	uri, f, _ := strings.Cut(location, "#")
	return c.byURI[uri], uri, unescapeFragment(f)
}

// decodeBase64 is what contentEncoding: base64 means (RFC 4648, section 4); CR and LF are ignored, as v5 does.
func decodeBase64(s []byte) ([]byte, bool) {
	out, err := base64.StdEncoding.AppendDecode(nil, s)
	return out, err == nil
}
