package compat

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Read is one address that a consumer uses: a JSON Pointer into an event in which * stands for any item of an array or
// any member of an object and a number for an item; "" is the whole event. Optional says that the consumer copes when it
// is absent.
type Read struct {
	Address  string
	Optional bool
}

// MaxReads bounds the addresses of one contract.
const MaxReads = 500

// AddressError names an address that a schema does not have.
type AddressError struct{ Address string }

func (e *AddressError) Error() string {
	return fmt.Sprintf("the schema has no place %q in an event", e.Address)
}

// Contract is the schema of what a consumer relies on: s, restricted to the addresses that it reads. It accepts every
// event that s accepts, and does not look at anything that is not read, so that whatever breaks it breaks the consumer:
// Contains(next, contract) asks that. nil reads are everything, none give a schema that accepts everything. With strict the consumer also
// refuses members that s does not know: closed objects stay closed, and sizes and propertyNames stay; unread names may
// then hold anything.
//
// On the way to a read address a schema keeps its type, what it says of read names and items, required for what is not
// Optional, and combinators branch by branch (oneOf as anyOf, with the value that tells branches apart); below it the
// schema stays whole, but for enums marked x-accord-extensible, which become their types. Errors: *AddressError,
// *LimitError (MaxReads, MaxContractNodes), or one about a dynamic reference with several targets.
func Contract(s *Schema, reads []Read, strict bool) (*Schema, error) {
	if len(reads) > MaxReads {
		return nil, &LimitError{Limit: "MaxReads", Value: len(reads), Max: MaxReads}
	}
	root := s.source.Root()
	want := &reading{here: reads == nil, needed: reads == nil}
	for _, r := range reads {
		path, err := addressPath(r.Address)
		if err != nil {
			return nil, err
		}
		if !reachable(root, path) {
			return nil, &AddressError{r.Address}
		}
		want.add(path, !r.Optional)
	}
	c := &contracting{deriver: newDeriver(root), strict: strict}
	return c.compile(root, c.restrict(root, want), nil)
}

// addressPath splits an address into its names. Segments that begin with ~ and a letter are places that only schemas
// have, and nothing that can be read.
func addressPath(address string) ([]string, error) {
	if address == "" {
		return nil, nil
	}
	if address[0] != '/' {
		return nil, &AddressError{address}
	}
	path := strings.Split(address[1:], "/")
	for i, token := range path {
		for j := range len(token) {
			if token[j] == '~' && (j+1 == len(token) || token[j+1] != '0' && token[j+1] != '1') {
				return nil, &AddressError{address}
			}
		}
		path[i] = unescape(token)
	}
	return path, nil
}

// reading is what is still to be read from a place on: the place itself, or what is below it.
type reading struct {
	here   bool
	needed bool // some read through here is not optional
	any    *reading
	names  map[string]*reading
}

func (r *reading) add(path []string, needed bool) {
	r.needed = r.needed || needed
	if len(path) == 0 {
		r.here = true
		return
	}
	if path[0] == "*" {
		if r.any == nil {
			r.any = &reading{}
		}
		r.any.add(path[1:], needed)
		return
	}
	if r.names == nil {
		r.names = map[string]*reading{}
	}
	if r.names[path[0]] == nil {
		r.names[path[0]] = &reading{}
	}
	r.names[path[0]].add(path[1:], needed)
}

func (r *reading) empty() bool { return r == nil || !r.here && r.any == nil && len(r.names) == 0 }

// of is what is read of a member or an item: by its name, and as any.
func (r *reading) of(name string) *reading {
	return r.names[name].with(r.any)
}

// with is both together.
func (r *reading) with(o *reading) *reading {
	if r == nil {
		return o
	}
	if o == nil {
		return r
	}
	out := &reading{here: r.here || o.here, needed: r.needed || o.needed, any: r.any.with(o.any), names: map[string]*reading{}}
	for _, name := range union(sortedKeys(r.names), sortedKeys(o.names)) {
		out.names[name] = r.names[name].with(o.names[name])
	}
	return out
}

// key is the same for readings of the same.
func (r *reading) key() string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%t%t", r.here, r.needed)
	if r.any != nil {
		b.WriteString("*(" + r.any.key() + ")")
	}
	for _, name := range sortedKeys(r.names) {
		b.WriteString(strconv.Quote(name) + "(" + r.names[name].key() + ")")
	}
	return b.String()
}

type contracting struct {
	*deriver
	strict bool
}

// restrict writes what is left of a node.
func (c *contracting) restrict(n *validator.Node, r *reading) any {
	switch {
	case r.empty():
		return true
	case r.here:
		return c.whole(n, true)
	case n.Always != nil:
		return *n.Always
	}
	return c.define(derivedKey{n, "reads " + r.key()}, func() any { return c.kept(n, r) })
}

// kept writes the keywords that are left of a node on the way to what is read.
func (c *contracting) kept(n *validator.Node, r *reading) any {
	m := map[string]any{}
	for _, target := range []*validator.Node{n.Ref, c.dynamic(n)} {
		if target != nil {
			appendAll(m, []any{c.restrict(target, r)})
		}
	}
	if n.Ref != nil && n.Draft <= validator.Draft7 {
		return m
	}
	if words := typeWords(n.Types); len(words) > 0 {
		m["type"] = words
	}
	c.keepObject(m, n, r)
	c.keepArray(m, n, r)
	for _, b := range n.AllOf {
		appendAll(m, []any{c.restrict(b, r)})
	}
	c.keepUnion(m, n.AnyOf, r)
	c.keepUnion(m, n.OneOf, r)
	if n.If != nil {
		m["if"] = c.whole(n.If, false)
		if n.Then != nil {
			m["then"] = c.restrict(n.Then, r)
		}
		if n.Else != nil {
			m["else"] = c.restrict(n.Else, r)
		}
	}
	if n.Not != nil && covered(n.Not, r, 0) {
		m["not"] = c.whole(n.Not, false)
	}
	return m
}

// keepUnion keeps a union branch by branch, unless one of them takes everything.
func (c *contracting) keepUnion(m map[string]any, branches []*validator.Node, r *reading) {
	if len(branches) == 0 {
		return
	}
	told := r
	if slices.ContainsFunc(branches, func(b *validator.Node) bool { return touched(b, r) }) {
		for _, name := range discriminators(branches) {
			told = told.with(&reading{names: map[string]*reading{name: {here: true, needed: true}}})
		}
	}
	var kept []any
	for _, b := range branches {
		if b.Always != nil && *b.Always && !c.strict { // a strict consumer counts what the others evaluate
			return
		}
		kept = append(kept, c.restrict(b, told))
	}
	appendAll(m, []any{map[string]any{"anyOf": kept}})
}

// touched says whether a branch speaks of anything that is read.
func touched(b *validator.Node, r *reading) bool {
	tokens := sortedKeys(r.names)
	if r.any != nil {
		tokens = append(tokens, "*")
	}
	for _, p := range inPlace(b) {
		for _, token := range tokens {
			if len(below(p, token)) > 0 || slices.Contains(p.Required, token) {
				return true
			}
		}
	}
	return false
}

// discriminators are the names that have one of few values in every branch, and different ones.
func discriminators(branches []*validator.Node) []string {
	if len(branches) < 2 {
		return nil
	}
	values := func(n *validator.Node, name string) [][]byte {
		for _, p := range inPlaceFirm(n) {
			for _, m := range p.Properties {
				if m.Name == name && m.Schema.Const != nil {
					return [][]byte{m.Schema.Const}
				}
				if m.Name == name && m.Schema.Enum != nil && !extensible(m.Schema) {
					return m.Schema.Enum
				}
			}
		}
		return nil
	}
	var names []string
	for _, p := range inPlaceFirm(branches[0]) {
		for _, m := range p.Properties {
			if !slices.Contains(names, m.Name) {
				names = append(names, m.Name)
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		taken := map[string]bool{}
		for _, b := range branches {
			list := values(b, name)
			if len(list) == 0 {
				return true
			}
			for _, v := range list {
				if taken[string(v)] {
					return true
				}
			}
			for _, v := range list {
				taken[string(v)] = true
			}
		}
		return false
	})
}

// covered says whether a schema mentions nothing but what is read.
func covered(n *validator.Node, r *reading, depth int) bool {
	if n.Always != nil || r != nil && r.here {
		return true
	}
	if r.empty() || depth > maxDiffDepth {
		return false
	}
	m := members(n.Raw)
	for k := range m {
		if assertions[k] && !slices.Contains([]string{"type", "properties", "required", "allOf", "anyOf", "oneOf", "not", "$defs", "definitions"}, k) {
			return false
		}
	}
	for _, p := range n.Properties {
		if !covered(p.Schema, r.of(p.Name), depth+1) {
			return false
		}
	}
	for _, name := range n.Required {
		if r.of(name).empty() {
			return false
		}
	}
	return !slices.ContainsFunc(slices.Concat(n.AllOf, n.AnyOf, n.OneOf), func(b *validator.Node) bool { return !covered(b, r, depth+1) }) &&
		(n.Not == nil || covered(n.Not, r, depth+1))
}

// conjunction is true, the one schema, or an allOf.
func conjunction(list []any) any {
	list = slices.DeleteFunc(list, func(s any) bool { return s == true })
	switch len(list) {
	case 0:
		return true
	case 1:
		return list[0]
	}
	return map[string]any{"allOf": list}
}

func (c *contracting) keepObject(m map[string]any, n *validator.Node, r *reading) {
	properties, patterns := map[string]any{}, map[string]any{}
	if r.any != nil || c.strict {
		for _, p := range n.Properties {
			properties[p.Name] = c.restrict(p.Schema, r.of(p.Name))
		}
		for _, p := range n.PatternProperties {
			patterns[p.Name] = c.restrict(p.Schema, r.any)
		}
	}
	for _, name := range sortedKeys(r.names) {
		var all []any
		for _, s := range memberSchemas(n, name) {
			all = append(all, c.restrict(s, r.of(name)))
		}
		if len(all) > 0 {
			properties[name] = conjunction(all)
		}
	}
	for name, s := range properties {
		if s == true && !c.strict && r.any == nil { // beside additionalProperties a name must stay
			delete(properties, name)
		}
	}
	if len(properties) > 0 {
		m["properties"] = properties
	}
	if len(patterns) > 0 {
		m["patternProperties"] = patterns
	}
	var required []string
	for _, name := range n.Required {
		if w := r.names[name]; w != nil && w.needed {
			required = append(required, name)
		}
	}
	if len(required) > 0 {
		m["required"] = required
	}
	dependent, schemas := map[string][]string{}, map[string]any{}
	for _, d := range n.DependentRequired {
		if r.of(d.Name).empty() {
			continue
		}
		for _, name := range d.Required {
			if w := r.names[name]; w != nil && w.needed {
				dependent[d.Name] = append(dependent[d.Name], name)
			}
		}
	}
	for _, d := range n.DependentSchemas {
		if s := c.restrict(d.Schema, r); c.strict || !r.of(d.Name).empty() {
			schemas[d.Name] = s
		}
	}
	setDependencies(m, n, dependent, schemas)
	c.keepClosed(m, n, r)
}

// keepClosed writes what holds for names that are not listed, and what only a strict consumer asks of the object.
func (c *contracting) keepClosed(m map[string]any, n *validator.Node, r *reading) {
	if a := n.AdditionalProperties; a != nil {
		closed := a.Always != nil && !*a.Always
		switch {
		case closed && c.strict:
			m["additionalProperties"] = false
		case closed:
		case r.any != nil:
			m["additionalProperties"] = c.restrict(a, r.any)
		case c.strict:
			m["additionalProperties"] = true // what it evaluates stays evaluated
		}
	}
	if !c.strict {
		return
	}
	if n.MinProperties > 0 {
		m["minProperties"] = n.MinProperties
	}
	if n.MaxProperties >= 0 {
		m["maxProperties"] = n.MaxProperties
	}
	if n.PropertyNames != nil {
		m["propertyNames"] = c.whole(n.PropertyNames, true)
	}
	if u := n.UnevaluatedProperties; u != nil {
		m["unevaluatedProperties"] = u.Always == nil || *u.Always // a schema evaluates whatever it lets in
	}
}

// memberSchemas are the schemas that a node lays on a member: by name, by pattern, else as another one.
func memberSchemas(n *validator.Node, name string) (out []*validator.Node) {
	for _, p := range n.Properties {
		if p.Name == name {
			out = append(out, p.Schema)
		}
	}
	for _, p := range n.PatternProperties {
		if matches(p.Name, name) {
			out = append(out, p.Schema)
		}
	}
	if len(out) == 0 && n.AdditionalProperties != nil {
		out = append(out, n.AdditionalProperties)
	}
	return out
}

func (c *contracting) keepArray(m map[string]any, n *validator.Node, r *reading) {
	last := -1
	for name := range r.names {
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < MaxReads {
			last = max(last, i)
		}
	}
	if r.any == nil && last < 0 {
		return
	}
	if n.MinItems > 0 {
		m["minItems"] = n.MinItems
	}
	if n.MaxItems >= 0 {
		m["maxItems"] = n.MaxItems
	}
	var prefix []any
	for i := range max(len(n.PrefixItems), last+1) {
		if r.any == nil && i > last {
			break
		}
		at := n.Items
		if i < len(n.PrefixItems) {
			at = n.PrefixItems[i]
		}
		item := any(true)
		if at != nil {
			item = c.restrict(at, r.of(strconv.Itoa(i)))
		}
		prefix = append(prefix, item)
	}
	var rest any
	if n.Items != nil && r.any != nil {
		rest = c.restrict(n.Items, r.any)
	}
	setItems(m, n, prefix, rest)
}

// reachable says whether some schema speaks of an address.
func reachable(root *validator.Node, path []string) bool {
	at := inPlace(root)
	for _, token := range path {
		var next []*validator.Node
		seen := map[*validator.Node]bool{}
		for _, n := range at {
			for _, child := range below(n, token) {
				for _, p := range inPlace(child) {
					if !seen[p] {
						seen[p] = true
						next = append(next, p)
					}
				}
			}
		}
		if at = next; len(at) == 0 {
			return false
		}
	}
	return true
}

// below are the schemas that a node lays on what a token of an address leads to; a keyword that lets anything in says
// nothing of it.
func below(n *validator.Node, token string) (out []*validator.Node) {
	add := func(list ...*validator.Node) {
		for _, s := range list {
			if s != nil && s.Always == nil {
				out = append(out, s)
			}
		}
	}
	if token == "*" {
		for _, p := range slices.Concat(n.Properties, n.PatternProperties) {
			out = append(out, p.Schema)
		}
		out = append(out, n.PrefixItems...)
		if n.Items != nil {
			out = append(out, n.Items)
		}
		add(n.AdditionalProperties, n.UnevaluatedProperties, n.Contains, n.UnevaluatedItems)
		return out
	}
	for _, p := range n.Properties {
		if p.Name == token {
			out = append(out, p.Schema)
		}
	}
	for _, p := range n.PatternProperties {
		if matches(p.Name, token) {
			out = append(out, p.Schema)
		}
	}
	switch i, err := strconv.Atoi(token); {
	case err != nil || i < 0 || i >= MaxReads:
	case i < len(n.PrefixItems):
		out = append(out, n.PrefixItems[i])
	default:
		add(n.Items)
	}
	add(n.AdditionalProperties, n.UnevaluatedProperties)
	return out
}

// jsonText is JSON as it is written.
type jsonText = json.RawMessage
