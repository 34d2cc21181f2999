package compat

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/accordhq/accord/validator"
)

// Limits of what is filled: what one lens can say.
const (
	MaxFillings    = 200     // defaults of one schema
	MaxFillDepth   = 3       // objects and arrays on the way to a default
	MaxFillDefault = 4 << 10 // bytes of a default
	MaxFillSizes   = 6       // filled members of an object whose size is bounded
)

// Filling is a default that Fill sets.
type Filling struct {
	Address  string          `json:"address"` // JSON Pointer with * for any item
	Default  json.RawMessage `json:"default"`
	Declared bool            `json:"declared"` // the old schema has the member, too
}

// Fills lists what Fill sets in events of next, parents before what is below them, names sorted: members with a default
// that their own schema accepts, listed under properties that apply in place through $ref and allOf alone, at the root,
// in such members and in the items of such arrays. Nothing is filled below a schema that is on its way already
// (recursion), in tuples, by pattern, or beyond MaxFillings, MaxFillDepth and MaxFillDefault.
func Fills(old, next *Schema) ([]Filling, error) {
	f, err := next.filling()
	if err != nil {
		return nil, err
	}
	out := []Filling{}
	var walk func(f *filling, at string)
	walk = func(f *filling, at string) {
		if f == nil {
			return
		}
		for _, name := range sortedKeys(f.members) {
			address := at + "/" + escape(name)
			path, err := addressPath(address)
			out = append(out, Filling{address, f.members[name].raw, err == nil && reachable(old.source.Root(), path)})
		}
		for _, name := range sortedKeys(f.below) {
			walk(f.below[name], at+"/"+escape(name))
		}
		walk(f.items, at+"/*")
	}
	walk(f, "")
	return out, nil
}

// Fill is an event as its reader completes it: the members of Fills that are absent, set. The result is canonical JSON.
// Filling twice changes nothing more. The error is about text that is not JSON, or s.
func Fill(s *Schema, event []byte) ([]byte, error) {
	f, err := s.filling()
	if err != nil {
		return nil, err
	}
	v, err := parseValue(event)
	if err != nil {
		return nil, err
	}
	return appendValue(nil, f.fill(v)), nil
}

// filling is what is set at one place of an event.
type filling struct {
	members map[string]fillDefault // set where absent
	below   map[string]*filling    // members in which something is filled
	items   *filling
}

type fillDefault struct {
	raw   []byte // as written
	value any    // what is there in the end: filled itself
}

func (f *filling) fill(v any) any {
	if f == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v)+len(f.members))
		for name, m := range v {
			out[name] = f.below[name].fill(m)
		}
		for name, d := range f.members {
			if _, ok := v[name]; !ok {
				out[name] = d.value
			}
		}
		return out
	case []any:
		if f.items == nil {
			return v
		}
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = f.items.fill(e)
		}
		return out
	}
	return v
}

// fillings finds what a schema fills.
type fillings struct {
	*deriver
	count int
	open  map[*validator.Node]bool // on the way to the place
}

func findFillings(s *Schema) (*filling, error) {
	root := s.source.Root()
	f := &fillings{deriver: newDeriver(root), open: map[*validator.Node]bool{}}
	out := f.at([]*validator.Node{root}, 0)
	return out, f.err
}

func (f *fillings) at(nodes []*validator.Node, depth int) *filling {
	var firm []*validator.Node
	for _, n := range nodes {
		for _, p := range inPlaceFirm(n) {
			if !slices.Contains(firm, p) {
				firm = append(firm, p)
			}
		}
	}
	if depth > MaxFillDepth || slices.ContainsFunc(firm, func(n *validator.Node) bool { return f.open[n] }) {
		return nil
	}
	for _, n := range firm {
		f.open[n] = true
	}
	defer func() {
		for _, n := range firm {
			delete(f.open, n)
		}
	}()
	out := &filling{members: map[string]fillDefault{}, below: map[string]*filling{}}
	schemas := map[string][]*validator.Node{}
	for _, n := range firm {
		for _, p := range n.Properties {
			schemas[p.Name] = append(schemas[p.Name], p.Schema)
		}
	}
	for _, name := range sortedKeys(schemas) {
		below := f.at(schemas[name], depth+1)
		if below != nil {
			out.below[name] = below
		}
		for _, s := range schemas[name] {
			if len(s.Default) == 0 {
				continue
			}
			value, err := parseValue(s.Default)
			if err == nil && len(s.Default) <= MaxFillDefault && f.count < MaxFillings && f.accepts(s, s.Default) {
				f.count++
				out.members[name] = fillDefault{s.Default, below.fill(value)}
			}
			break
		}
	}
	var items []*validator.Node
	tuple := slices.ContainsFunc(firm, func(n *validator.Node) bool { return len(n.PrefixItems) > 0 })
	for _, n := range firm {
		if n.Items != nil && !tuple {
			items = append(items, n.Items)
		}
	}
	if len(items) > 0 {
		out.items = f.at(items, depth+1)
	}
	if len(out.members)+len(out.below) == 0 && out.items == nil {
		return nil
	}
	return out
}

// accepts asks a schema about a value; a schema that cannot stand alone accepts nothing.
func (d *deriver) accepts(n *validator.Node, value []byte) bool {
	alone := newDeriver(n)
	s, err := alone.compile(n, alone.whole(n, false), nil)
	return err == nil && s.source.Valid(value)
}

// fillError says why a question under SemanticUpcast cannot be put.
type fillError struct{ detail string }

func (e *fillError) Error() string { return e.detail }

// unfilled is a schema that takes exactly the events that next takes once they are filled; next itself if nothing is.
func unfilled(next *Schema) (*Schema, error) {
	f, err := next.filling()
	if err != nil || f == nil {
		return next, err
	}
	root := next.source.Root()
	u := &unfilling{newDeriver(root)}
	return u.compile(root, u.rewrite(root, f, ""), nil)
}

type unfilling struct{ *deriver }

// rewrite writes a schema for a value before it is filled. path names the place of the filling.
func (u *unfilling) rewrite(n *validator.Node, f *filling, path string) any {
	if f == nil {
		return u.whole(n, false)
	}
	if n.Always != nil {
		return *n.Always
	}
	return u.define(derivedKey{n, "unfilled " + path}, func() any { return u.keywords(n, f, path) })
}

func (u *unfilling) refuse(n *validator.Node, format string, args ...any) {
	u.fail(&fillError{fmt.Sprintf("%s: %s", n.Pointer, fmt.Sprintf(format, args...))})
}

func (u *unfilling) keywords(n *validator.Node, f *filling, path string) any {
	m := map[string]any{}
	same := func(list []*validator.Node) []any {
		out := make([]any, 0, len(list))
		for _, b := range list {
			out = append(out, u.rewrite(b, f, path))
		}
		return out
	}
	for _, target := range []*validator.Node{n.Ref, u.dynamic(n)} {
		if target != nil {
			appendAll(m, []any{u.rewrite(target, f, path)})
		}
	}
	if n.Ref != nil && n.Draft <= validator.Draft7 {
		return m
	}
	scalars := *n // what is said of the value itself, children left out
	scalars.Const, scalars.Enum, scalars.UniqueItems = nil, nil, false
	scalars.MinProperties, scalars.MaxProperties = -1, -1
	u.values(m, &scalars, false)
	u.counts(m, &scalars)
	u.scalars(m, n)
	if n.Const != nil {
		appendAll(m, []any{u.before(n, n.Const, f)})
	}
	if n.Enum != nil {
		values := make([]any, 0, len(n.Enum))
		for _, v := range n.Enum {
			values = append(values, u.before(n, v, f))
		}
		if len(values) == 0 {
			values = append(values, false)
		}
		appendAll(m, []any{map[string]any{"anyOf": values}})
	}
	appendAll(m, same(n.AllOf))
	if n.AnyOf != nil {
		m["anyOf"] = same(n.AnyOf)
	}
	if n.OneOf != nil {
		m["oneOf"] = same(n.OneOf)
	}
	for keyword, b := range map[string]*validator.Node{"not": n.Not, "if": n.If, "then": n.Then, "else": n.Else} {
		if b != nil {
			m[keyword] = u.rewrite(b, f, path)
		}
	}
	u.items(m, n, f, path)
	u.members(m, n, f, path)
	return m
}

func (u *unfilling) items(m map[string]any, n *validator.Node, f *filling, path string) {
	at := path + "/*"
	item := func(s *validator.Node) any { return u.rewrite(s, f.items, at) }
	var prefix []any
	for _, s := range n.PrefixItems {
		prefix = append(prefix, item(s))
	}
	var rest any
	if n.Items != nil {
		rest = item(n.Items)
	}
	setItems(m, n, prefix, rest)
	if n.Contains != nil {
		m["contains"] = item(n.Contains)
		if n.MinContains != 1 {
			m["minContains"] = n.MinContains
		}
		if n.MaxContains >= 0 {
			m["maxContains"] = n.MaxContains
		}
	}
	if n.UnevaluatedItems != nil {
		m["unevaluatedItems"] = item(n.UnevaluatedItems)
	}
	if n.UniqueItems {
		if f.items != nil {
			u.refuse(n, "uniqueItems of items that are filled")
		}
		m["uniqueItems"] = true
	}
}

func (u *unfilling) members(m map[string]any, n *validator.Node, f *filling, path string) {
	at := func(name string) string { return path + "/" + escape(name) }
	properties, patterns := map[string]any{}, map[string]any{}
	for _, p := range n.Properties {
		properties[p.Name] = u.rewrite(p.Schema, f.below[p.Name], at(p.Name))
	}
	for _, p := range n.PatternProperties {
		patterns[p.Name] = u.whole(p.Schema, false)
	}
	listed := func(name string) bool { return properties[name] != nil }
	for _, name := range sortedKeys(f.below) {
		matched := slices.ContainsFunc(n.PatternProperties, func(p validator.Property) bool { return matches(p.Name, name) })
		if matched {
			u.refuse(n, "a pattern for %q, in which something is filled", name)
		}
		if n.AdditionalProperties != nil && !matched && !listed(name) {
			properties[name] = u.rewrite(n.AdditionalProperties, f.below[name], at(name))
		}
	}
	var required []string
	for _, name := range n.Required {
		if _, ok := f.members[name]; !ok {
			required = append(required, name)
		}
	}
	for _, name := range sortedKeys(f.members) { // a default that is refused here must not be filled in
		d := appendValue(nil, f.members[name].value)
		bad := slices.ContainsFunc(memberSchemas(n, name), func(s *validator.Node) bool { return !u.accepts(s, d) })
		if bad || n.PropertyNames != nil && !u.accepts(n.PropertyNames, []byte(quoted(name))) {
			required = union(required, []string{name})
		}
	}
	u.unevaluated(m, n, f)
	u.sizes(m, n, f)
	u.dependencies(m, n, f, path, &required)
	if len(properties) > 0 {
		m["properties"] = properties
	}
	if len(patterns) > 0 {
		m["patternProperties"] = patterns
	}
	if n.AdditionalProperties != nil {
		m["additionalProperties"] = u.whole(n.AdditionalProperties, false)
	}
	if n.PropertyNames != nil {
		m["propertyNames"] = u.whole(n.PropertyNames, false)
	}
	if len(required) > 0 {
		m["required"] = required
	}
}

// unevaluated keeps unevaluatedProperties where everything that is filled counts as evaluated in any case.
func (u *unfilling) unevaluated(m map[string]any, n *validator.Node, f *filling) {
	if n.UnevaluatedProperties == nil {
		return
	}
	for _, name := range union(sortedKeys(f.members), sortedKeys(f.below)) {
		if !slices.ContainsFunc(inPlaceFirm(n), func(p *validator.Node) bool { return len(memberSchemas(p, name)) > 0 }) {
			u.refuse(n, "unevaluatedProperties beside %q, which is filled", name)
		}
	}
	m["unevaluatedProperties"] = u.whole(n.UnevaluatedProperties, false)
}

// sizes counts what is filled: one case for each set of absent members.
func (u *unfilling) sizes(m map[string]any, n *validator.Node, f *filling) {
	if n.MinProperties <= 0 && n.MaxProperties < 0 {
		return
	}
	names := sortedKeys(f.members)
	if len(names) > MaxFillSizes {
		u.refuse(n, "the size of an object in which %d members are filled, more than MaxFillSizes (%d)", len(names), MaxFillSizes)
		return
	}
	cases := []any{map[string]any{"not": map[string]any{"type": "object"}}}
	for set := range 1 << len(names) {
		one := map[string]any{"type": "object"}
		absent, present := map[string]any{}, []string{}
		for i, name := range names {
			if set&(1<<i) != 0 {
				absent[name] = false
			} else {
				present = append(present, name)
			}
		}
		if len(absent) > 0 {
			one["properties"] = absent
		}
		if len(present) > 0 {
			one["required"] = present
		}
		if low := n.MinProperties - int64(len(absent)); low > 0 {
			one["minProperties"] = low
		}
		if n.MaxProperties >= 0 {
			high := n.MaxProperties - int64(len(absent))
			if high < 0 {
				continue
			}
			one["maxProperties"] = high
		}
		cases = append(cases, one)
	}
	appendAll(m, []any{map[string]any{"anyOf": cases}})
}

// dependencies hold always if what triggers them is filled.
func (u *unfilling) dependencies(m map[string]any, n *validator.Node, f *filling, path string, required *[]string) {
	needed, schemas := map[string][]string{}, map[string]any{}
	for _, d := range n.DependentRequired {
		var rest []string
		for _, name := range d.Required {
			if _, ok := f.members[name]; !ok {
				rest = append(rest, name)
			}
		}
		if _, always := f.members[d.Name]; always {
			*required = union(*required, rest)
		} else if len(rest) > 0 {
			needed[d.Name] = union(needed[d.Name], rest)
		}
	}
	for _, d := range n.DependentSchemas {
		s := u.rewrite(d.Schema, f, path)
		if _, always := f.members[d.Name]; always {
			appendAll(m, []any{map[string]any{"anyOf": []any{map[string]any{"not": map[string]any{"type": "object"}}, s}}})
			continue
		}
		schemas[d.Name] = s
	}
	setDependencies(m, n, needed, schemas)
}

// before is a schema for the values that become v when they are filled.
func (u *unfilling) before(n *validator.Node, v []byte, f *filling) any {
	value, err := parseValue(v)
	if err != nil {
		u.refuse(n, "a value that cannot be read")
		return false
	}
	return unfilledValue(n, value, f)
}

func unfilledValue(n *validator.Node, v any, f *filling) any {
	exact := func() any { return map[string]any{"enum": []any{json.RawMessage(appendValue(nil, v))}} }
	if f == nil {
		return exact()
	}
	switch v := v.(type) {
	case map[string]any:
		properties, required := map[string]any{}, []string{}
		for name := range f.members {
			if _, ok := v[name]; !ok {
				return false // it would be there
			}
		}
		for _, name := range sortedKeys(v) {
			properties[name] = unfilledValue(n, v[name], f.below[name])
			if d, ok := f.members[name]; !ok || canonical(d.value) != canonical(v[name]) {
				required = append(required, name)
			}
		}
		out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
		if len(required) > 0 {
			out["required"] = required
		}
		return out
	case []any:
		if f.items == nil {
			return exact()
		}
		out := map[string]any{"type": "array", "minItems": len(v), "maxItems": len(v)}
		var prefix []any
		for _, e := range v {
			prefix = append(prefix, unfilledValue(n, e, f.items))
		}
		setItems(out, n, prefix, nil)
		return out
	}
	return exact()
}

// confirmFilled shows what the reader's schema says of a counterexample once it is filled.
func confirmFilled(next *Schema, r Result) Result {
	event, err := Fill(next, r.Counterexample.Event)
	if err != nil || !rejects(next.source, event) {
		return Result{Reason: ReasonDisagreement, Detail: "the filled event is valid: " + clip(string(event)), Spent: r.Spent}
	}
	r.Counterexample.Violations = next.source.Explain(event, 0)
	return r
}
