package validator

import (
	"reflect"
	"regexp"
	"slices"
)

// lowering turns Nodes into a program.
type lowering struct {
	program *program
	nodes   map[*Node]*node
	scopes  map[*Node]*scope
}

func lower(root *Node) (*program, error) {
	l := &lowering{
		program: &program{stepsPerByte: StepsPerByte, declared: map[string]bool{}, oracle: true},
		nodes:   map[*Node]*node{}, scopes: map[*Node]*scope{},
	}
	var err error
	l.program.root, err = l.node(root)
	l.program.nodes = len(l.nodes)
	return l.program, err
}

// everyType is what a schema without type allows.
const everyType = TypeNull | TypeBoolean | TypeInteger | TypeNumber | TypeString | TypeArray | TypeObject

func (l *lowering) node(n *Node) (*node, error) {
	if n == nil {
		return nil, nil
	}
	if out, ok := l.nodes[n]; ok {
		return out, nil
	}
	out := &node{uri: n.Document, pointer: n.Pointer, types: everyType}
	l.nodes[n] = out
	l.program.size += int(reflect.TypeFor[node]().Size())
	if n.Always != nil {
		out.never = !*n.Always
		return out, nil
	}
	if n.Types != 0 {
		out.types = n.Types
		if n.Types&TypeNumber != 0 {
			out.types |= TypeInteger
		}
	}
	out.values = l.values(n)
	out.number = numberRulesOf(n)
	for _, part := range []func(*Node, *node) error{l.text, l.array, l.object, l.inPlace, l.scope} {
		if err := part(n, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *lowering) list(in []*Node) ([]*node, error) {
	out := make([]*node, len(in))
	for i, n := range in {
		var err error
		if out[i], err = l.node(n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// several lowers one Node after another into the places given.
func (l *lowering) several(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		var err error
		if *pairs[i].(**node), err = l.node(pairs[i+1].(*Node)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lowering) values(n *Node) *valueSet {
	if n.Const == nil && n.Enum == nil {
		return nil
	}
	v := &valueSet{constant: n.Const, hasEnum: n.Enum != nil, enum: make(map[string]bool, len(n.Enum)), listed: n.Enum}
	for _, value := range n.Enum {
		v.enum[string(value)] = true
		l.program.size += len(value)
		v.kinds[value[0]] = true
	}
	if n.Const != nil {
		v.kinds[n.Const[0]] = true
	}
	if v.hasEnum && len(n.Enum) == 0 {
		l.program.oracle = false
	}
	return v
}

func numberRulesOf(n *Node) *numberRules {
	r := numberRules{decimalOf(n.Minimum), decimalOf(n.Maximum), decimalOf(n.ExclusiveMinimum), decimalOf(n.ExclusiveMaximum), decimalOf(n.MultipleOf)}
	if r == (numberRules{}) {
		return nil
	}
	return &r
}

func (l *lowering) text(n *Node, out *node) (err error) {
	r := &textRules{
		minLength: n.MinLength, maxLength: n.MaxLength, formatName: n.Format,
		base64: n.ContentEncoding == encodingBase64, json: n.ContentMediaType == mediaJSON,
	}
	if n.Pattern != nil {
		if r.pattern, err = compilePattern(n, *n.Pattern, "pattern"); err != nil {
			return err
		}
		l.program.size += 64 * len(*n.Pattern)
	}
	if n.FormatAsserted {
		r.format = formats[n.Format]
	}
	if r.contentSchema, err = l.node(n.ContentSchema); err != nil {
		return err
	}
	if r.minLength > 0 || r.maxLength >= 0 || r.pattern != nil || r.format != nil || r.base64 || r.json {
		out.text = r
	}
	return nil
}

func compilePattern(n *Node, source, keyword string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, &SchemaError{URI: n.Document, Pointer: join(n.Pointer, keyword), Keyword: keyword, Message: "is no pattern of RE2"}
	}
	return re, nil
}

func (l *lowering) array(n *Node, out *node) (err error) {
	r := &arrayRules{
		minItems: n.MinItems, maxItems: n.MaxItems, unique: n.UniqueItems,
		minContains: n.MinContains, maxContains: n.MaxContains, containsMarks: n.ContainsEvaluates,
	}
	if r.prefix, err = l.list(n.PrefixItems); err != nil {
		return err
	}
	if err := l.several(&r.items, n.Items, &r.contains, n.Contains, &r.unevaluated, n.UnevaluatedItems); err != nil {
		return err
	}
	if r.minItems > 0 || r.maxItems >= 0 || r.unique || len(r.prefix) > 0 || r.items != nil || r.contains != nil || r.unevaluated != nil {
		out.array = r
	}
	return nil
}

func (l *lowering) object(n *Node, out *node) (err error) {
	r := &objectRules{minProperties: n.MinProperties, maxProperties: n.MaxProperties, names: map[string]int{}}
	for _, p := range n.Properties {
		at := l.name(r, p.Name)
		if r.known[at].schema, err = l.node(p.Schema); err != nil {
			return err
		}
	}
	for _, name := range n.Required {
		if at := l.name(r, name); !slices.Contains(r.required, at) {
			r.required = append(r.required, at)
		}
	}
	for _, d := range n.DependentRequired {
		rule := dependentNames{keyword: keywordOfDependency(n, "dependentRequired"), name: l.name(r, d.Name)}
		for _, name := range d.Required {
			rule.required = append(rule.required, l.name(r, name))
		}
		r.dependentRequired = append(r.dependentRequired, rule)
	}
	for _, d := range n.DependentSchemas {
		rule := dependentSchema{keyword: keywordOfDependency(n, "dependentSchemas"), name: l.name(r, d.Name)}
		if rule.schema, err = l.node(d.Schema); err != nil {
			return err
		}
		r.dependentSchemas = append(r.dependentSchemas, rule)
	}
	for _, p := range n.PatternProperties {
		rule := patternRule{source: p.Name}
		if rule.match, err = compilePattern(n, p.Name, "patternProperties"); err != nil {
			return err
		}
		if rule.schema, err = l.node(p.Schema); err != nil {
			return err
		}
		r.patterns = append(r.patterns, rule)
		l.program.size += 64 * len(p.Name)
	}
	if err := l.several(&r.additional, n.AdditionalProperties, &r.propertyNames, n.PropertyNames, &r.unevaluated, n.UnevaluatedProperties); err != nil {
		return err
	}
	l.widen(1 + len(r.patterns) + len(r.dependentSchemas))
	if r.minProperties > 0 || r.maxProperties >= 0 || len(r.known) > 0 || len(r.patterns) > 0 || r.additional != nil || r.propertyNames != nil || r.unevaluated != nil {
		out.object = r
	}
	return nil
}

// keywordOfDependency is the spelling that a node uses, for locations: dependencies came before the other two.
func keywordOfDependency(n *Node, modern string) string {
	var at *place
	if len(n.Raw) > 0 {
		at = parsePlaces(n.Raw)
	}
	if at.member(modern) == nil && at.member("dependencies") != nil {
		return "dependencies"
	}
	return modern
}

// name returns the index of a name that some keyword mentions.
func (l *lowering) name(r *objectRules, name string) int {
	at, ok := r.names[name]
	if !ok {
		at = len(r.known)
		r.names[name] = at
		r.known = append(r.known, known{name: name})
		l.program.declared[name] = true
		l.program.size += 3*len(name) + 64
	}
	return at
}

// widen raises the steps that an event may cost to the widest fan-out of the schema.
func (l *lowering) widen(branches int) {
	l.program.stepsPerByte = min(max(l.program.stepsPerByte, branches*StepsPerByte), MaxStepsPerByte)
}

func (l *lowering) inPlace(n *Node, out *node) (err error) {
	r := &inPlaceRules{refKeyword: "$ref", dynamicName: n.DynamicName, dynamicByName: "$dynamicRef"}
	if n.DynamicName != nil && *n.DynamicName == "" || n.Draft == Draft2019 {
		r.dynamicByName = "$recursiveRef"
	}
	if n.DynamicName != nil {
		l.program.dynamic, l.program.oracle = true, false
	}
	if err := l.several(&r.ref, n.Ref, &r.dynamic, n.DynamicRef, &r.not, n.Not, &r.ifs, n.If, &r.then, n.Then, &r.elseDo, n.Else); err != nil {
		return err
	}
	for _, list := range []struct {
		to *[]*node
		of []*Node
	}{{&r.allOf, n.AllOf}, {&r.anyOf, n.AnyOf}, {&r.oneOf, n.OneOf}} {
		if *list.to, err = l.list(list.of); err != nil {
			return err
		}
	}
	r.anyBy, r.oneBy = discriminate(n.AnyOf), discriminate(n.OneOf)
	l.widen(1 + len(r.allOf) + len(r.anyOf) + len(r.oneOf))
	if r.ref != nil || r.dynamic != nil || r.not != nil || r.ifs != nil || len(r.allOf)+len(r.anyOf)+len(r.oneOf) > 0 {
		out.inPlace = r
	}
	return nil
}

// scope links a node to its resource where that has dynamic anchors.
func (l *lowering) scope(n *Node, out *node) error {
	resource := n.Resource
	if resource == nil || len(resource.DynamicAnchors) == 0 {
		return nil
	}
	s, ok := l.scopes[resource]
	if !ok {
		s = &scope{anchors: map[string]*node{}}
		l.scopes[resource] = s
		for _, a := range resource.DynamicAnchors {
			target, err := l.node(a.Schema)
			if err != nil {
				return err
			}
			s.anchors[a.Name] = target
		}
	}
	out.scope = s
	return nil
}

// discriminate finds the first member that every branch requires with strings of its own; nil if there is none.
func discriminate(branches []*Node) *discriminator {
	if len(branches) < 2 {
		return nil
	}
	for _, p := range objectOf(branches[0]).Properties {
		d := &discriminator{name: p.Name, branch: map[string]int{}}
		if d.take(branches) {
			return d
		}
	}
	return nil
}

// objectOf follows references that stand alone or beside annotations.
func objectOf(n *Node) *Node {
	for range MaxDepth {
		if n.Ref == nil || len(n.Properties) > 0 {
			break
		}
		n = n.Ref
	}
	return n
}

func (d *discriminator) take(branches []*Node) bool {
	for i, b := range branches {
		b = objectOf(b)
		at := slices.IndexFunc(b.Properties, func(p Property) bool { return p.Name == d.name })
		if at < 0 || !slices.Contains(b.Required, d.name) {
			return false
		}
		value := objectOf(b.Properties[at].Schema)
		values := value.Enum
		if value.Const != nil {
			values = [][]byte{value.Const}
		}
		if len(values) == 0 {
			return false
		}
		for _, v := range values {
			if v[0] != '"' {
				return false
			}
			s, _ := unquote(v)
			if _, taken := d.branch[string(s)]; taken {
				return false
			}
			d.branch[string(s)] = i
			d.values = append(d.values, string(s))
		}
	}
	return true
}
