package compat

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// stepsOf splits a JSON Pointer; false if it is none.
func stepsOf(at string) ([]string, bool) {
	if at == "" {
		return nil, true
	}
	if !strings.HasPrefix(at, "/") {
		return nil, false
	}
	steps := strings.Split(at[1:], "/")
	for i, s := range steps {
		steps[i] = unescape(s)
	}
	return steps, true
}

// reading is what is read below a place: the place itself, or the places that its steps lead to.
type reading struct {
	here bool
	need bool // some address that passes here is not optional
	next map[string]*reading
}

func (r *reading) add(steps []string, need bool) {
	r.need = r.need || need
	if len(steps) == 0 {
		r.here = true
		return
	}
	if r.next == nil {
		r.next = map[string]*reading{}
	}
	below := r.next[steps[0]]
	if below == nil {
		below = &reading{}
		r.next[steps[0]] = below
	}
	below.add(steps[1:], need)
}

func (r *reading) nothing() bool { return r == nil || !r.here && len(r.next) == 0 }

// placeKey is a question that hasPlace is busy with.
type placeKey struct {
	node *validator.Node
	left int
}

// hasPlace says whether a schema speaks of an address.
func hasPlace(n *validator.Node, steps []string, asked map[placeKey]bool) bool {
	if n == nil {
		return false
	}
	if n.Always != nil {
		return *n.Always && len(steps) == 0
	}
	if len(steps) == 0 {
		return true
	}
	k := placeKey{n, len(steps)}
	if asked[k] {
		return false
	}
	asked[k] = true
	for _, below := range membersOf(n, steps[0]) {
		if hasPlace(below, steps[1:], asked) {
			return true
		}
	}
	for _, beside := range besides(n) {
		if hasPlace(beside, steps, asked) {
			return true
		}
	}
	return false
}

// besides are the schemas that apply to the same value.
func besides(n *validator.Node) []*validator.Node {
	list := slices.Concat([]*validator.Node{n.Ref, n.DynamicRef, n.Then, n.Else}, n.AllOf, n.AnyOf, n.OneOf)
	for _, d := range n.DependentSchemas {
		list = append(list, d.Schema)
	}
	return slices.DeleteFunc(list, func(n *validator.Node) bool { return n == nil })
}

// membersOf are the schemas that speak of the places behind a step.
func membersOf(n *validator.Node, step string) (list []*validator.Node) {
	for _, p := range n.Properties {
		if step == "*" || p.Name == step {
			list = append(list, p.Schema)
		}
	}
	for _, p := range n.PatternProperties {
		if step == "*" || matches(p.Name, step) {
			list = append(list, p.Schema)
		}
	}
	if len(list) == 0 && n.AdditionalProperties != nil || step == "*" && n.AdditionalProperties != nil {
		list = append(list, n.AdditionalProperties)
	}
	i, err := strconv.Atoi(step)
	for k, p := range n.PrefixItems {
		if step == "*" || err == nil && k == i {
			list = append(list, p)
		}
	}
	if n.Items != nil && (step == "*" || err == nil && i >= len(n.PrefixItems)) {
		list = append(list, n.Items)
	}
	return list
}

func matches(pattern, name string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(name)
}

// telling adds to what is read the members whose constants tell branches apart.
func (c *contract) telling(branches []*validator.Node, read *reading) *reading {
	seen := map[string]int{}
	var names []string
	for _, b := range branches {
		for b != nil && b.Ref != nil && len(b.Properties) == 0 {
			b = b.Ref
		}
		if b == nil {
			continue
		}
		for _, p := range b.Properties {
			if p.Schema.Const == nil && p.Schema.Enum == nil {
				continue
			}
			if seen[p.Name]++; seen[p.Name] == 2 {
				names = append(names, p.Name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if read.next[name] == nil || !read.next[name].here {
			read = c.union(read, c.only(name))
		}
	}
	return read
}

// only reads one member whole; the same for each call.
func (c *contract) only(name string) *reading {
	if c.alone[name] == nil {
		c.alone[name] = &reading{need: true, next: map[string]*reading{name: everything}}
	}
	return c.alone[name]
}

// union reads what either reads; the same for each call.
func (c *contract) union(a, b *reading) *reading {
	switch {
	case a.nothing():
		return b
	case b.nothing() || a == b:
		return a
	}
	k := [2]*reading{a, b}
	if u := c.unions[k]; u != nil {
		return u
	}
	u := &reading{here: a.here || b.here, need: a.need || b.need, next: map[string]*reading{}}
	c.unions[k] = u
	for _, side := range []*reading{a, b} {
		for step := range side.next {
			u.next[step] = c.union(a.next[step], b.next[step])
		}
	}
	return u
}
