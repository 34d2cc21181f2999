package compat

import "github.com/accordhq/accord/validator"

// inPlace are a node and the schemas that it applies to the same value, whether or not what leads to them holds: through
// references, allOf, anyOf, oneOf, if, then, else and dependentSchemas. Each comes once, outer ones first; what is under
// not is none of them. Source: JSON Schema core 2020-12, section 10.2.
func inPlace(n *validator.Node) []*validator.Node { return applying(n, false) }

// inPlaceFirm are those that hold whenever the node does: through references and allOf.
func inPlaceFirm(n *validator.Node) []*validator.Node { return applying(n, true) }

func applying(root *validator.Node, firm bool) (out []*validator.Node) {
	seen := map[*validator.Node]bool{}
	var walk func(n *validator.Node)
	walk = func(n *validator.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		out = append(out, n)
		walk(n.Ref)
		walk(n.DynamicRef)
		for _, b := range n.AllOf {
			walk(b)
		}
		if firm {
			return
		}
		for _, list := range [][]*validator.Node{n.AnyOf, n.OneOf, {n.If, n.Then, n.Else}} {
			for _, b := range list {
				walk(b)
			}
		}
		for _, p := range n.DependentSchemas {
			walk(p.Schema)
		}
	}
	walk(root)
	return out
}
