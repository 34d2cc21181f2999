package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A JSON value is nil, bool, *big.Rat, string, []any or map[string]any. Numbers are exact.

// parseValue reads one JSON text.
func parseValue(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return exact(v)
}

// exact replaces every json.Number by its rational.
func exact(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(string(v))
		if !ok {
			return nil, fmt.Errorf("number %s is out of range", v)
		}
		return r, nil
	case []any:
		for i := range v {
			e, err := exact(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
	case map[string]any:
		for k := range v {
			e, err := exact(v[k])
			if err != nil {
				return nil, err
			}
			v[k] = e
		}
	}
	return v, nil
}

// appendValue writes the canonical text: members sorted by name, numbers in plain decimals, no spaces. Two values are
// equal if and only if their texts are.
func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case *big.Rat:
		return append(dst, decimal(v)...)
	case string:
		return appendString(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, e)
		}
		return append(dst, ']')
	case map[string]any:
		return appendMembers(dst, sortedKeys(v), v)
	case *ordered:
		return appendMembers(dst, v.names, v.values)
	}
	panic(fmt.Sprintf("no JSON value: %T", v))
}

func appendMembers(dst []byte, names []string, values map[string]any) []byte {
	dst = append(dst, '{')
	for i, k := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, k)
		dst = append(dst, ':')
		dst = appendValue(dst, values[k])
	}
	return append(dst, '}')
}

func canonical(v any) string { return string(appendValue(nil, v)) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// decimal is the shortest plain decimal of a rational whose denominator has only the factors 2 and 5; every number of
// a JSON text is one.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	r = new(big.Rat).Set(r) // Rat.Denom writes, and so FloatPrec: values are shared
	if n, exact := r.FloatPrec(); exact {
		return r.FloatString(n)
	}
	return r.RatString()
}

// finite reports whether r has a finite decimal.
func finite(r *big.Rat) bool {
	_, exact := new(big.Rat).Set(r).FloatPrec()
	return exact
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// The six types of JSON values as bits; integers are numbers that are multiples of 1.
type typeMask uint8

const (
	isNull typeMask = 1 << iota
	isBoolean
	isNumber
	isString
	isArray
	isObject
	anyType typeMask = 1<<6 - 1
)

var typeNames = []string{"null", "boolean", "number", "string", "array", "object"}

// split lists the types of a mask one by one, the simplest first.
func (m typeMask) split() []typeMask {
	var out []typeMask
	for t := isNull; t <= isObject; t <<= 1 {
		if m&t != 0 {
			out = append(out, t)
		}
	}
	return out
}

func (m typeMask) String() string {
	var out []byte
	for i, name := range typeNames {
		if m&(1<<i) != 0 {
			if len(out) > 0 {
				out = append(out, '|')
			}
			out = append(out, name...)
		}
	}
	return string(out)
}

func typeOf(v any) typeMask {
	switch v.(type) {
	case nil:
		return isNull
	case bool:
		return isBoolean
	case *big.Rat:
		return isNumber
	case string:
		return isString
	case []any:
		return isArray
	}
	return isObject
}

// size counts the values inside v, itself included; height is its nesting. What the search found shares its parts, so
// that a small value may be endless to read: over MaxWitnessNodes nothing more is counted.
func size(v any) (nodes, height int) {
	nodes, height = 1, 1
	add := func(e any) {
		if nodes > MaxWitnessNodes {
			return
		}
		n, h := size(e)
		nodes += n
		height = max(height, h+1)
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			add(e)
		}
	case map[string]any:
		for _, e := range v {
			add(e)
		}
	}
	return nodes, height
}
