package compat

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Assumptions of proofs.
const (
	AssumeDeclared = "declared-only" // producers send declared members only: the left side is Close of itself
	AssumeFilled   = "fill"          // the reader fills in defaults before it validates: the right side takes what Fill makes valid
)

// Close is s for producers that send declared members only: s, and at every place in an event no other names than those
// that properties and patternProperties of the schemas that apply there list, whether or not their branch holds. A place
// where no name is declared is left as it is, and so is one whose schemas say additionalProperties or
// unevaluatedProperties themselves. A schema in which every place is left as it is, is returned itself. Patterns that may
// match the same name share what they declare below it. The error is a *LimitError, or about a dynamic reference with
// several targets.
func Close(s *Schema) (*Schema, error) { return s.closed() }

func closeSchema(s *Schema) (*Schema, error) {
	root := s.source.Root()
	c := &closing{deriver: newDeriver(root), ids: map[*validator.Node]int{}}
	skeleton := c.write(c.place([]*validator.Node{root}))
	if c.err != nil {
		return nil, c.err
	}
	if !c.closes {
		return s, nil
	}
	return c.compile(root, map[string]any{"allOf": []any{c.whole(root, false), skeleton}}, nil)
}

// closing writes the skeleton of a closed schema.
type closing struct {
	*deriver
	ids    map[*validator.Node]int
	closes bool
}

// openPlace is a place in an event: the schemas that apply there, and what they declare.
type openPlace struct {
	nodes    []*validator.Node
	names    []string       // explicit ones, sorted
	classes  []patternClass // of patterns that may match the same name
	open     bool           // left as it is
	elements int            // items that have schemas of their own
}

// patternClass is patterns that may match the same name, with what is declared below it.
type patternClass struct {
	patterns []string
	below    []*validator.Node
}

// place collects what applies beside and below the given schemas.
func (d *deriver) place(nodes []*validator.Node) openPlace {
	var p openPlace
	seen := map[*validator.Node]bool{}
	for _, n := range nodes {
		for _, beside := range d.inPlace(n) {
			if !seen[beside] {
				seen[beside] = true
				p.nodes = append(p.nodes, beside)
			}
		}
	}
	var patterns []string
	for _, n := range p.nodes {
		for _, m := range n.Properties {
			p.names = append(p.names, m.Name)
		}
		for _, m := range n.PatternProperties {
			patterns = append(patterns, m.Name)
		}
		p.open = p.open || n.AdditionalProperties != nil || n.UnevaluatedProperties != nil
		p.elements = max(p.elements, len(n.PrefixItems))
	}
	slices.Sort(p.names)
	p.names = slices.Compact(p.names)
	slices.Sort(patterns)
	patterns = slices.Compact(patterns)
	p.open = p.open || len(p.names)+len(patterns) == 0
	for _, group := range overlapping(patterns) {
		p.classes = append(p.classes, patternClass{group, p.underPatterns(group)})
	}
	return p
}

// inPlace is inPlace with every target that a dynamic reference may have.
func (d *deriver) inPlace(n *validator.Node) (out []*validator.Node) {
	seen := map[*validator.Node]bool{}
	queue := []*validator.Node{n}
	for len(queue) > 0 {
		for _, p := range inPlace(queue[0]) {
			if seen[p] {
				continue
			}
			seen[p] = true
			out = append(out, p)
			if p.DynamicName != nil {
				queue = append(queue, d.anchors[*p.DynamicName]...)
			}
		}
		queue = queue[1:]
	}
	return out
}

// overlapping groups patterns so that two of different groups never match the same name: each begins with a literal, and
// neither literal begins with the other.
func overlapping(patterns []string) (groups [][]string) {
	prefix := func(p string) (string, bool) {
		rest, anchored := strings.CutPrefix(p, "^")
		re, err := regexp.Compile(rest)
		if !anchored || err != nil {
			return "", false
		}
		literal, _ := re.LiteralPrefix()
		return literal, literal != ""
	}
	apart := func(a, b string) bool {
		x, okX := prefix(a)
		y, okY := prefix(b)
		return okX && okY && !strings.HasPrefix(x, y) && !strings.HasPrefix(y, x)
	}
	for _, p := range patterns {
		group := []string{p}
		groups = slices.DeleteFunc(groups, func(g []string) bool {
			if !slices.ContainsFunc(g, func(q string) bool { return !apart(p, q) }) {
				return false
			}
			group = append(group, g...)
			return true
		})
		groups = append(groups, group)
	}
	return groups
}

// underPatterns are the schemas of members whose names match one of some patterns.
func (p *openPlace) underPatterns(patterns []string) (out []*validator.Node) {
	for _, n := range p.nodes {
		for _, m := range n.PatternProperties {
			if slices.Contains(patterns, m.Name) {
				out = append(out, m.Schema)
			}
		}
		for _, m := range n.Properties {
			if slices.ContainsFunc(patterns, func(q string) bool { return matches(q, m.Name) }) {
				out = append(out, m.Schema)
			}
		}
	}
	return append(out, p.others()...)
}

// others are the schemas of members that are not listed.
func (p *openPlace) others() (out []*validator.Node) {
	for _, n := range p.nodes {
		for _, rest := range []*validator.Node{n.AdditionalProperties, n.UnevaluatedProperties} {
			if rest != nil {
				out = append(out, rest)
			}
		}
	}
	return out
}

// under are the schemas of a member, and whether its name is declared.
func (p *openPlace) under(name string) (below []*validator.Node, declared bool) {
	if _, ok := slices.BinarySearch(p.names, name); ok {
		for _, n := range p.nodes {
			below = append(below, memberSchemas(n, name)...)
			if n.UnevaluatedProperties != nil {
				below = append(below, n.UnevaluatedProperties)
			}
		}
		return below, true
	}
	for _, c := range p.classes {
		if slices.ContainsFunc(c.patterns, func(q string) bool { return matches(q, name) }) {
			return c.below, true
		}
	}
	return p.others(), false
}

// item are the schemas of an item; beyond elements they are the same.
func (p *openPlace) item(i int) (below []*validator.Node) {
	for _, n := range p.nodes {
		list := []*validator.Node{n.Items, n.Contains, n.UnevaluatedItems}
		if i < len(n.PrefixItems) {
			list = []*validator.Node{n.PrefixItems[i], n.Contains}
		}
		for _, s := range list {
			if s != nil {
				below = append(below, s)
			}
		}
	}
	return below
}

func matches(pattern, name string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(name)
}

// write gives a place its part of the skeleton.
func (c *closing) write(p openPlace) any {
	if len(p.nodes) == 0 {
		return true
	}
	way := []byte("closed")
	ids := make([]int, 0, len(p.nodes))
	for _, n := range p.nodes {
		if _, ok := c.ids[n]; !ok {
			c.ids[n] = len(c.ids)
		}
		ids = append(ids, c.ids[n])
	}
	slices.Sort(ids)
	for _, id := range ids {
		way = strconv.AppendInt(append(way, ' '), int64(id), 10)
	}
	first := slices.MinFunc(p.nodes, func(a, b *validator.Node) int { return c.ids[a] - c.ids[b] })
	return c.define(derivedKey{first, string(way)}, func() any {
		m := map[string]any{}
		properties, patterns := map[string]any{}, map[string]any{}
		for _, name := range p.names {
			below, _ := p.under(name)
			properties[name] = c.write(c.place(below))
		}
		for _, class := range p.classes {
			for _, q := range class.patterns {
				patterns[q] = c.write(c.place(class.below))
			}
		}
		if len(properties) > 0 {
			m["properties"] = properties
		}
		if len(patterns) > 0 {
			m["patternProperties"] = patterns
		}
		if others := p.others(); !p.open {
			m["additionalProperties"] = false
			c.closes = true
		} else if len(others) > 0 {
			m["additionalProperties"] = c.write(c.place(others))
		}
		var prefix []any
		for i := range p.elements {
			prefix = append(prefix, c.write(c.place(p.item(i))))
		}
		var rest any
		if below := p.item(p.elements); len(below) > 0 {
			rest = c.write(c.place(below))
		}
		setItems(m, first, prefix, rest)
		return m
	})
}

// Undeclared lists the members of an event that Close(s) forbids, as JSON Pointers, sorted within each object; the event
// need not be valid. It is empty for what is not JSON.
func Undeclared(s *Schema, event []byte) []string {
	v, err := parseValue(event)
	if err != nil {
		return nil
	}
	root := s.source.Root()
	d := newDeriver(root)
	var out []string
	var walk func(p openPlace, v any, at string)
	walk = func(p openPlace, v any, at string) {
		if len(p.nodes) == 0 {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range sortedKeys(v) {
				below, declared := p.under(name)
				if !declared && !p.open {
					out = append(out, at+"/"+escape(name))
					continue
				}
				walk(d.place(below), v[name], at+"/"+escape(name))
			}
		case []any:
			for i, e := range v {
				walk(d.place(p.item(i)), e, fmt.Sprintf("%s/%d", at, i))
			}
		}
	}
	walk(d.place([]*validator.Node{root}), v, "")
	return out
}
