package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Limits of a view. What is left out is said in View.Cut.
const (
	MaxViewNodes   = 20_000 // places drawn of one version
	MaxViewDepth   = 64     // places below one another
	MaxInlineNodes = 8      // a definition up to this size is drawn again at its second use beyond depth 2
	inlineDepth    = 2
)

// View is one version as people read it: the schema as a tree of places in an event. HTML, Markdown, JSON and the
// command line are drawn from it alone; no renderer looks at the schema. A View is built once and not changed after.
type View struct {
	Subject string `json:"subject"`
	GUID    string `json:"guid,omitempty"`
	Version int    `json:"version"`
	Root    *Node  `json:"root,omitempty"`
	Nodes   int    `json:"nodes"`         // places in the tree
	Cut     string `json:"cut,omitempty"` // what was left out, in words; "" = nothing
	// Problems are places that no event can satisfy, and the like, in words with their address.
	Problems []string `json:"problems,omitempty"`

	byAddress map[string]*Node
}

// Node is one place in an event and all that the schema says of it.
//
// Address is the JSON Pointer of the place (RFC 6901), with * for any element of an array. A place that has no
// pointer of its own has a segment that begins with ~ and a letter, which no JSON Pointer has: ~re:<pattern> and
// ~other for members known by pattern or by nothing, ~names, ~contains, ~one:0, ~any:0, ~if, ~then, ~else, ~not,
// ~if-has:<name>, and ~name:<name> for a member that is called *, or like a number beside tuple items. So addresses
// are unique in a view.
type Node struct {
	Address       string `json:"address"`
	SchemaPointer string `json:"schemaPointer"` // of the first schema that speaks of the place, in its own document
	Name          string `json:"name"`          // member name, *, a tuple index, a pattern; "" for the root and variants
	Title         string `json:"title,omitempty"`
	Description   string `json:"description,omitempty"` // Markdown

	Types  []string `json:"types,omitempty"` // JSON Schema words, null last; empty: not restricted
	Format string   `json:"format,omitempty"`
	// Always is "true" or "false" for a boolean schema, else "".
	Always     string `json:"always,omitempty"`
	Required   bool   `json:"required,omitempty"`
	Nullable   bool   `json:"nullable,omitempty"` // null is among Types
	Deprecated bool   `json:"deprecated,omitempty"`
	Closed     bool   `json:"closed,omitempty"`     // no member but those listed
	Extensible bool   `json:"extensible,omitempty"` // x-accord-extensible: the enum will grow

	Facts    []Fact   `json:"facts,omitempty"` // document order of keywords as in factsOf
	Other    []Fact   `json:"other,omitempty"` // keywords that are not known, raw
	Enum     []string `json:"enum,omitempty"`  // JSON texts
	Examples []string `json:"examples,omitempty"`
	Const    *string  `json:"const,omitempty"`
	Default  *string  `json:"default,omitempty"`

	PII    string `json:"pii,omitempty"` // x-accord-pii: class
	Redact string `json:"redact,omitempty"`
	Unit   string `json:"unit,omitempty"`
	Owner  string `json:"owner,omitempty"`

	Since int `json:"since,omitempty"` // first version that has the place; 0: not traced
	Gone  int `json:"gone,omitempty"`  // first later version that has it not; 0: none

	// Presence is the share of observed events that had the place, 0 to 1; nil: not observed.
	Presence *float64 `json:"presence,omitempty"`

	Variants []Variant `json:"variants,omitempty"`
	RefName  string    `json:"refName,omitempty"` // name of the definition drawn here
	// RecursiveTo is the address where the same definition stands above this place; nothing is drawn below.
	RecursiveTo string `json:"recursiveTo,omitempty"`
	// SameAs is the address where the same definition was drawn first; nothing is drawn below.
	SameAs   string  `json:"sameAs,omitempty"`
	Linked   bool    `json:"linked,omitempty"` // RecursiveTo or SameAs holds, which may be the root's ""
	Children []*Node `json:"children,omitempty"`
}

// Fact is one keyword in words: {"minimum", "at least 1"}.
type Fact struct {
	Keyword string `json:"keyword"`
	Words   string `json:"words"`
}

// Variant is a sub-schema that holds in place: an alternative or a condition.
type Variant struct {
	Keyword string `json:"keyword"` // oneOf, anyOf, if, then, else, dependentSchemas, not
	// Group says how it counts, such as "exactly one of"; neighbours with the same Set belong to one group.
	Group string `json:"group"`
	Set   int    `json:"set"`
	Label string `json:"label"` // of this one: a discriminating constant, the title, or "variant 2"
	Node  *Node  `json:"node"`
}

// NewView draws the compiled schema of one version. root may be shared: it is only read. The cost grows with the
// number of places, which MaxViewNodes and MaxViewDepth bound whatever the schema is.
func NewView(subject string, version int, guid string, root *validator.Node) *View {
	v := &View{Subject: subject, Version: version, GUID: guid, byAddress: map[string]*Node{}}
	b := &viewBuilder{view: v, open: map[string]string{}, drawn: map[string]drawnAt{}}
	v.Root = b.place("", "", []*validator.Node{root}, 0)
	return v
}

// Find returns the place at an address, nil if the view has none.
func (v *View) Find(address string) *Node { return v.byAddress[address] }

// All walks the places in the order they are drawn, parents first.
func (v *View) All(yield func(*Node) bool) {
	if v.Root != nil {
		v.Root.walk(yield)
	}
}

func (n *Node) walk(yield func(*Node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, c := range n.Children {
		if !c.walk(yield) {
			return false
		}
	}
	for _, x := range n.Variants {
		if !x.Node.walk(yield) {
			return false
		}
	}
	return true
}

// Trace fills Since and Gone of this view's places from the views of the same subject, in ascending order of
// version; this view is one of them. A nil view is a version that does not compile and says nothing.
func (v *View) Trace(history []*View) {
	for n := range v.All {
		n.Since, n.Gone = v.Version, 0
		for _, h := range history {
			if h == nil {
				continue
			}
			has := h.Find(n.Address) != nil
			if has && h.Version < n.Since {
				n.Since = h.Version
			}
			if !has && h.Version > v.Version && n.Gone == 0 {
				n.Gone = h.Version
			}
		}
	}
}

type drawnAt struct {
	address string
	nodes   int
}

// viewBuilder draws places. A place is a set of schemas: all that apply there through $ref, allOf and members of
// the same name, so that what several schemas say of one place is read at one place.
type viewBuilder struct {
	view  *View
	open  map[string]string  // set of schemas being drawn -> address, for recursion
	drawn map[string]drawnAt // definition -> where it was drawn first
}

// place draws what the schemas say of one place.
func (b *viewBuilder) place(address, name string, given []*validator.Node, depth int) *Node {
	n := &Node{Address: address, Name: name}
	if len(given) > 0 {
		n.SchemaPointer = given[0].Pointer
	}
	b.view.Nodes++
	b.view.byAddress[address] = n
	key := setKey(given)
	if at, target := b.recursion(given); target != nil {
		n.RecursiveTo, n.Linked, n.RefName = at, true, definitionName(target)
		if at == "" {
			n.RefName = b.view.Subject
		}
		return n
	}
	set := inPlace(given)
	b.describe(n, set)
	if depth >= MaxViewDepth || b.view.Nodes >= MaxViewNodes {
		b.cut()
		return n
	}
	before := b.view.Nodes
	b.open[key] = address
	b.members(n, set, depth)
	b.elements(n, set, depth)
	b.variants(n, set, depth)
	delete(b.open, key)
	if _, ok := b.drawn[key]; !ok {
		b.drawn[key] = drawnAt{address, b.view.Nodes - before}
	}
	return n
}

// recursion says whether a place is one that is being drawn already: the same schemas, or one that refers to them. It
// returns that place's address and the schema that stands there, nil if there is none.
func (b *viewBuilder) recursion(given []*validator.Node) (string, *validator.Node) {
	if len(given) == 0 {
		return "", nil
	}
	if at, ok := b.open[setKey(given)]; ok {
		return at, given[0]
	}
	if len(given) > 1 {
		return "", nil
	}
	seen := map[*validator.Node]bool{}
	for s := given[0]; s != nil && !seen[s]; {
		seen[s] = true
		next := s.Ref
		if next == nil {
			next = s.DynamicRef
		}
		if next == nil {
			break
		}
		if at, ok := b.open[setKey([]*validator.Node{next})]; ok {
			return at, next
		}
		s = next
	}
	return "", nil
}

// child draws a place below n, or a link to where its definition stands already.
func (b *viewBuilder) child(n *Node, segment, name string, schemas []*validator.Node, depth int) *Node {
	if b.view.Nodes >= MaxViewNodes {
		b.cut()
		return nil
	}
	address := n.Address + "/" + segment
	if len(schemas) == 1 && depth+1 > inlineDepth {
		if first, ok := b.drawn[setKey(schemas)]; ok && first.nodes > MaxInlineNodes {
			c := &Node{Address: address, Name: name, SchemaPointer: schemas[0].Pointer, RefName: definitionName(schemas[0]), SameAs: first.address, Linked: true}
			b.view.Nodes++
			b.view.byAddress[address] = c
			b.describe(c, inPlace(schemas))
			return c
		}
	}
	return b.place(address, name, schemas, depth+1)
}

func (b *viewBuilder) cut() {
	b.view.Cut = fmt.Sprintf("The tree stops at %d fields or %d levels; the raw schema is whole.", MaxViewNodes, MaxViewDepth)
}

// members draws the members of an object: declared ones in document order, those known by pattern, all others.
func (b *viewBuilder) members(n *Node, set []*validator.Node, depth int) {
	tuple := slices.ContainsFunc(set, func(s *validator.Node) bool { return len(s.PrefixItems) > 0 })
	var names []string
	members := map[string][]*validator.Node{}
	required := map[string]bool{}
	for _, s := range set {
		for _, p := range s.Properties {
			if _, ok := members[p.Name]; !ok {
				names = append(names, p.Name)
			}
			members[p.Name] = append(members[p.Name], p.Schema)
		}
	}
	for _, s := range set {
		for _, r := range s.Required {
			required[r] = true
			if _, ok := members[r]; !ok {
				names, members[r] = append(names, r), nil
			}
		}
	}
	for _, name := range names {
		segment := escapeSegment(name)
		if _, err := strconv.ParseUint(name, 10, 64); name == "*" || err == nil && tuple {
			segment = "~name:" + segment
		}
		if c := b.child(n, segment, name, members[name], depth); c != nil {
			c.Required = required[name]
			n.Children = append(n.Children, c)
		}
	}
	b.group(n, set, depth, func(s *validator.Node) []validator.Property { return s.PatternProperties }, "~re:")
	var others []*validator.Node
	for _, s := range set {
		for _, other := range []*validator.Node{s.AdditionalProperties, s.UnevaluatedProperties} {
			if other == nil {
				continue
			}
			if other.Always == nil {
				others = append(others, other)
			} else if !*other.Always {
				n.Closed = true
			}
		}
	}
	if len(others) > 0 {
		if c := b.child(n, "~other", "any other field", others, depth); c != nil {
			n.Children = append(n.Children, c)
		}
	}
	var memberNames []*validator.Node
	for _, s := range set {
		if s.PropertyNames != nil {
			memberNames = append(memberNames, s.PropertyNames)
		}
	}
	if len(memberNames) > 0 {
		if c := b.child(n, "~names", "every field name", memberNames, depth); c != nil {
			n.Children = append(n.Children, c)
		}
	}
}

// group draws members that are known by pattern, one place per pattern.
func (b *viewBuilder) group(n *Node, set []*validator.Node, depth int, of func(*validator.Node) []validator.Property, prefix string) {
	var names []string
	schemas := map[string][]*validator.Node{}
	for _, s := range set {
		for _, p := range of(s) {
			if _, ok := schemas[p.Name]; !ok {
				names = append(names, p.Name)
			}
			schemas[p.Name] = append(schemas[p.Name], p.Schema)
		}
	}
	for _, name := range names {
		if c := b.child(n, prefix+escapeSegment(name), name, schemas[name], depth); c != nil {
			n.Children = append(n.Children, c)
		}
	}
}

// elements draws the elements of an array: tuple items by index, all others as *, and what one must contain.
func (b *viewBuilder) elements(n *Node, set []*validator.Node, depth int) {
	var rest, contains []*validator.Node
	tuple := 0
	for _, s := range set {
		tuple = max(tuple, len(s.PrefixItems))
		for _, other := range []*validator.Node{s.Items, s.UnevaluatedItems} {
			if other != nil && other.Always == nil {
				rest = append(rest, other)
			}
		}
		if s.Contains != nil {
			contains = append(contains, s.Contains)
		}
	}
	for i := range tuple {
		var schemas []*validator.Node
		for _, s := range set {
			if i < len(s.PrefixItems) {
				schemas = append(schemas, s.PrefixItems[i])
			} else if s.Items != nil && s.Items.Always == nil {
				schemas = append(schemas, s.Items)
			}
		}
		if c := b.child(n, strconv.Itoa(i), strconv.Itoa(i), schemas, depth); c != nil {
			n.Children = append(n.Children, c)
		}
	}
	if len(rest) > 0 {
		if c := b.child(n, "*", "*", rest, depth); c != nil {
			n.Children = append(n.Children, c)
		}
	}
	if len(contains) > 0 {
		if c := b.child(n, "~contains", "contains", contains, depth); c != nil {
			n.Children = append(n.Children, c)
		}
	}
}

// describe fills n with everything the schemas say about the place itself.
func (b *viewBuilder) describe(n *Node, set []*validator.Node) {
	types := validator.TypeSet(0)
	var said []string
	for _, s := range set {
		if s.Always != nil {
			if n.Always != "false" {
				n.Always = strconv.FormatBool(*s.Always)
			}
			continue
		}
		n.Title = cmp.Or(n.Title, s.Title)
		n.Description = cmp.Or(n.Description, s.Description)
		n.Deprecated = n.Deprecated || s.Deprecated
		n.Format = cmp.Or(n.Format, s.Format)
		if s.Types != 0 {
			if words := strings.Join(typeNames(s.Types), " or "); !slices.Contains(said, words) {
				said = append(said, words)
			}
			types = meet(types, s.Types)
			if types == 0 {
				b.never(n, "%s", strings.Join(said, " and "))
				types = s.Types
			}
		}
		n.constrain(b, s)
		n.annotate(s)
	}
	if len(set) > 1 && n.Always == "true" {
		n.Always = ""
	}
	n.Types = typeNames(types)
	n.Nullable = slices.Contains(n.Types, "null")
	if n.Address == "" || len(set) == 0 {
		return
	}
	for s := set[0]; s != nil && n.RefName == ""; s = s.Ref {
		if s.Pointer == "" || isDefinition(s.Pointer) {
			n.RefName = definitionName(s)
		}
	}
}

// never records that no event can satisfy a place.
func (b *viewBuilder) never(n *Node, format string, args ...any) {
	words := "can never be valid: " + fmt.Sprintf(format, args...)
	fact := Fact{Keyword: "contradiction", Words: words}
	if slices.Contains(n.Facts, fact) {
		return
	}
	n.Facts = append(n.Facts, fact)
	b.view.Problems = append(b.view.Problems, cmp.Or(n.Address, "the event")+" "+words)
}

// inPlace returns the schemas that apply wherever the given ones do: themselves and what they reach by $ref,
// $dynamicRef and allOf, each once, outer first.
func inPlace(given []*validator.Node) []*validator.Node {
	var set []*validator.Node
	seen := map[*validator.Node]bool{}
	var add func(s *validator.Node)
	add = func(s *validator.Node) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		set = append(set, s)
		add(s.Ref)
		add(s.DynamicRef)
		for _, branch := range s.AllOf {
			add(branch)
		}
	}
	for _, s := range given {
		add(s)
	}
	return set
}

// setKey names a set of schemas, whatever their order; "" is the empty set.
func setKey(set []*validator.Node) string {
	keys := make([]string, len(set))
	for i, s := range set {
		keys[i] = s.Document + "#" + s.Pointer
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), "\n")
}

// escapeSegment writes a name as one segment of a JSON Pointer (RFC 6901).
func escapeSegment(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// isDefinition says whether a pointer stands for an entry of $defs or definitions.
func isDefinition(pointer string) bool {
	segments := strings.Split(pointer, "/")
	return len(segments) >= 3 && (segments[len(segments)-2] == "$defs" || segments[len(segments)-2] == "definitions")
}

// definitionName is what people call a schema that is referred to: the last segment of its pointer, or of its
// document's URI with a number as version: common.Money v1.
func definitionName(s *validator.Node) string {
	if s.Pointer != "" {
		last := s.Pointer[strings.LastIndexByte(s.Pointer, '/')+1:]
		return strings.NewReplacer("~1", "/", "~0", "~").Replace(last)
	}
	if s.Title != "" && !strings.Contains(s.Document, "/") {
		return s.Title
	}
	rest, last := s.Document, ""
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		rest, last = rest[:i], rest[i+1:]
	} else {
		return rest
	}
	if _, err := strconv.ParseUint(last, 10, 32); err == nil {
		return rest[strings.LastIndexByte(rest, '/')+1:] + " v" + last
	}
	return last
}
