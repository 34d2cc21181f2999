package compat

import (
	"encoding/json"
	"math/big"

	"github.com/accordhq/accord/validator"
)

// extensible says whether a schema is marked as an enum that will grow.
func extensible(n *validator.Node) bool {
	var marks struct {
		Extensible bool `json:"x-accord-extensible"`
	}
	return len(n.Raw) > 0 && n.Raw[0] == '{' && json.Unmarshal(n.Raw, &marks) == nil && marks.Extensible
}

// opens says whether an enum that will grow stands in a schema.
func opens(n *validator.Node, seen map[*validator.Node]bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	if n.Enum != nil && extensible(n) {
		return true
	}
	found := false
	children(n, func(k *validator.Node) { found = found || opens(k, seen) })
	return found
}

// moves says whether a dynamic reference stands in a schema.
func moves(n *validator.Node, seen map[*validator.Node]bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	found := n.DynamicName != nil
	children(n, func(k *validator.Node) { found = found || moves(k, seen) })
	return found
}

// addAnyOf adds an anyOf beside another that may be there.
func addAnyOf(out map[string]any, branches []any) {
	all, _ := out["allOf"].([]any)
	out["allOf"] = append(all, map[string]any{"anyOf": branches})
}

// The words of types, in the order of their bits.
var typeWords = []string{"null", "boolean", "integer", "number", "string", "array", "object"}

// keepTypes writes the types, if there are any.
func keepTypes(out map[string]any, t validator.TypeSet) {
	var words []string
	for i, w := range typeWords {
		if t&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	if len(words) > 0 {
		out["type"] = words
	}
}

// typesOf are the types of values, 0 if there are none.
func typesOf(values [][]byte) (t validator.TypeSet) {
	for _, v := range values {
		switch v[0] {
		case 'n':
			t |= validator.TypeNull
		case 't', 'f':
			t |= validator.TypeBoolean
		case '"':
			t |= validator.TypeString
		case '[':
			t |= validator.TypeArray
		case '{':
			t |= validator.TypeObject
		default:
			t |= validator.TypeNumber
		}
	}
	return t
}

// keepCount writes a count, if there is one.
func keepCount(out map[string]any, keyword string, n int64) {
	if n >= 0 {
		out[keyword] = n
	}
}

// keepNumbers and keepStrings write the assertions on numbers and strings.
func keepNumbers(out map[string]any, n *validator.Node) {
	for keyword, r := range map[string]*big.Rat{
		"minimum": n.Minimum, "maximum": n.Maximum, "exclusiveMinimum": n.ExclusiveMinimum, "exclusiveMaximum": n.ExclusiveMaximum, "multipleOf": n.MultipleOf,
	} {
		if r != nil {
			out[keyword] = json.RawMessage(decimal(r))
		}
	}
}

func keepStrings(out map[string]any, n *validator.Node) {
	keepCount(out, "minLength", n.MinLength)
	keepCount(out, "maxLength", n.MaxLength)
	if n.Pattern != nil {
		out["pattern"] = *n.Pattern
	}
	if n.FormatAsserted {
		out["format"] = n.Format
	}
}
