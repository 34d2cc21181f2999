package validator

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
)

// automataWork is what all automata of one schema may cost to make, in instructions looked at.
const automataWork = 4 << 20

// lowering turns Nodes into a program.
type lowering struct {
	program  *program
	nodes    map[*Node]*node
	scopes   map[*Node]*scope
	patterns map[string]*pattern
	budget   automataBudget
	maxBytes int
	hides    bool // jsonschema v5 takes dynamic references for others in some place, see Oracle
}

// lower makes the program of a tree; it may hold so many bytes.
func lower(root *Node, maxBytes int) (*program, error) {
	l := &lowering{
		program: &program{stepsPerByte: StepsPerByte, declared: map[string]bool{}, oracle: true},
		nodes:   map[*Node]*node{}, scopes: map[*Node]*scope{},
		patterns: map[string]*pattern{}, budget: automataBudget{MaxAutomata, automataWork}, maxBytes: maxBytes,
	}
	var err error
	l.program.root, err = l.node(root)
	l.program.nodes = len(l.nodes)
	l.program.oracle = l.program.oracle && !(l.program.dynamic && l.hides)
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
	out := &node{id: len(l.nodes), uri: n.Document, pointer: n.Pointer, types: everyType}
	l.nodes[n] = out
	if err := l.hold(n, int(reflect.TypeFor[node]().Size())+len(n.Pointer)); err != nil {
		return nil, err
	}
	if n.Always != nil {
		if !*n.Always {
			out.never, out.types = true, 0
		}
		return out, nil
	}
	if n.Types != 0 {
		out.types = n.Types
		if n.Types&TypeNumber != 0 {
			out.types |= TypeInteger
		}
	}
	out.number = numberRulesOf(n)
	for _, part := range []func(*Node, *node) error{l.values, l.text, l.array, l.object, l.inPlace, l.scope} {
		if err := part(n, out); err != nil {
			return nil, err
		}
	}
	out.way = wayOf(out.text, out.values)
	if out.inPlace != nil || out.scope != nil || out.array.walksAgain() || out.object.walksAgain() {
		bare := *out
		bare.inPlace, bare.scope = nil, nil
		out.bare = &bare
		if err := l.fuse(n, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// walksAgain reports whether an item may be walked more than once.
func (a *arrayRules) walksAgain() bool {
	return a != nil && (a.contains != nil || a.unevaluated != nil)
}

// walksAgain reports whether a member may be walked more than once.
func (o *objectRules) walksAgain() bool {
	return o != nil && (o.unevaluated != nil || len(o.dependentSchemas) > 0 || len(o.patterns) > 1 ||
		slices.ContainsFunc(o.known, func(k known) bool { return len(k.several) > 0 }))
}

// hold counts what a node holds.
func (l *lowering) hold(n *Node, bytes int) error {
	if l.program.size += bytes; l.program.size > l.maxBytes {
		return &SchemaError{
			URI: n.Document, Pointer: n.Pointer, Limit: "MaxProgramBytes",
			Message: fmt.Sprintf("is over MaxProgramBytes, which is %d", l.maxBytes),
		}
	}
	return nil
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

// fewStrings is up to how many strings of a const or enum are compared one after another.
const fewStrings = 8

func (l *lowering) values(n *Node, out *node) error {
	if n.Const == nil && n.Enum == nil {
		return nil
	}
	v := &valueSet{constant: n.Const, hasEnum: n.Enum != nil, enum: make(map[string]bool, len(n.Enum)), listed: n.Enum}
	for _, value := range n.Enum {
		v.enum[string(value)] = true
		if err := l.hold(n, 2*len(value)+64); err != nil {
			return err
		}
	}
	v.allowed = v.enum
	if n.Const != nil {
		v.allowed = map[string]bool{}
		if !v.hasEnum || v.enum[string(n.Const)] {
			v.allowed[string(n.Const)] = true
		}
	}
	v.complete()
	if v.hasEnum && len(n.Enum) == 0 {
		l.program.oracle = false
	}
	out.values = v
	return nil
}

// complete makes what is derived of the allowed values.
func (v *valueSet) complete() {
	for _, value := range slices.Sorted(maps.Keys(v.allowed)) {
		v.kinds |= typeOf(value[0])
		if value[0] == '"' && len(v.strings) < fewStrings {
			v.strings = append(v.strings, newLiteral(value))
		}
	}
}

func (l *lowering) text(n *Node, out *node) (err error) {
	r := &textRules{
		minLength: n.MinLength, maxLength: n.MaxLength, formatName: n.Format,
		base64: n.ContentEncoding == encodingBase64, json: n.ContentMediaType == mediaJSON,
	}
	if n.Pattern != nil {
		if r.pattern, err = l.pattern(n, *n.Pattern, "pattern"); err != nil {
			return err
		}
		if err := l.automaton(n, r.pattern); err != nil {
			return err
		}
	}
	if n.FormatAsserted {
		r.format = formats[n.Format]
	}
	if r.contentSchema, err = l.node(n.ContentSchema); err != nil {
		return err
	}
	r.content = r.base64 || r.json || r.contentSchema != nil
	if r.pattern == nil && r.minLength <= 0 && r.maxLength < 0 && !r.content && n.FormatAsserted {
		r.whole = wholeFormats[n.Format]
	}
	r.more = r.minLength > 0 || r.maxLength >= 0 || r.format != nil || r.content
	if r.more || r.pattern != nil {
		out.text = r
	}
	return nil
}

// pattern compiles an expression; equal ones share one.
func (l *lowering) pattern(n *Node, source, keyword string) (*pattern, error) {
	if p, ok := l.patterns[source]; ok {
		return p, nil
	}
	slow, err := regexp.Compile(source)
	if err != nil {
		return nil, &SchemaError{URI: n.Document, Pointer: join(n.Pointer, keyword), Keyword: keyword, Message: "is no pattern of RE2"}
	}
	p := &pattern{source: source, slow: slow}
	l.patterns[source] = p
	return p, l.hold(n, 64*len(source))
}

// automaton gives a pattern its automaton, where it can have one.
func (l *lowering) automaton(n *Node, p *pattern) error {
	if p.tried {
		return nil
	}
	p.tried = true
	if parsed, err := syntax.Parse(p.source, syntax.Perl); err == nil {
		p.fixed, p.fast = newTemplate(parsed), newAutomaton(parsed, &l.budget)
	}
	if p.fast == nil {
		l.program.slowPatterns = append(l.program.slowPatterns, p.source)
		return nil
	}
	return l.hold(n, p.fast.bytes())
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

// widen raises the steps that an event may cost to the widest fan-out of the schema.
func (l *lowering) widen(branches int) {
	l.program.stepsPerByte = min(max(l.program.stepsPerByte, branches*StepsPerByte), MaxStepsPerByte)
}

// scope links a node to its resource where that has dynamic anchors.
func (l *lowering) scope(n *Node, out *node) error {
	resource := n.Resource
	if resource == nil || len(resource.DynamicAnchors) == 0 {
		return nil
	}
	l.hides = l.hides || resource.Pointer != ""
	s, ok := l.scopes[resource]
	if !ok {
		s = &scope{id: len(l.scopes) + 1, anchors: map[string]*node{}}
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
