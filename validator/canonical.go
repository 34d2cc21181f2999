package validator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// Canonical JSON: two values are equal by JSON Schema (core 2020-12, 4.2.2) if and only if their canonical bytes are
// equal. No whitespace; members sorted by name, bytewise; in strings only the quote, the backslash and control
// characters are escaped; a number is its shortest digits, with an exponent only outside 1e-7 to 1e21.

// appendCanonical appends the value at text[i], which the scanner has passed, and returns the value's end.
func appendCanonical(dst, text []byte, i int) ([]byte, int) {
	switch text[i] {
	case '"':
		end, escaped := stringEnd(text, i)
		if !escaped {
			return append(dst, text[i:end]...), end
		}
		return appendQuoted(dst, appendUnescaped(nil, text[i+1:end-1])), end
	case '{':
		return appendCanonicalObject(dst, text, i)
	case '[':
		dst = append(dst, '[')
		item, ok := firstItem(text, i)
		for first := true; ok; first = false {
			if !first {
				dst = append(dst, ',')
			}
			var end int
			dst, end = appendCanonical(dst, text, item)
			item, ok = nextItem(text, end)
		}
		return append(dst, ']'), item
	case 't', 'f', 'n':
		end := scalarEnd(text, i)
		return append(dst, text[i:end]...), end
	}
	end := scalarEnd(text, i)
	var digits [64]byte
	return readDecimal(digits[:0], text[i:end]).appendTo(dst), end
}

func appendCanonicalObject(dst, text []byte, i int) ([]byte, int) {
	type pair struct{ name, value []byte }
	var pairs []pair
	m, ok := firstMember(text, i)
	end := m.name + 1
	for ok {
		var p pair
		p.name, _ = unquote(text[m.name:m.nameEnd])
		var valueAt int
		p.value, valueAt = appendCanonical(nil, text, m.value)
		pairs = append(pairs, p)
		m, end, ok = nextMember(text, valueAt)
	}
	slices.SortFunc(pairs, func(a, b pair) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for n, p := range pairs {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(appendQuoted(dst, p.name), ':'), p.value...)
	}
	return append(dst, '}'), end
}

// appendQuoted appends a string with its quotes.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// canonicalValue is the canonical form of a value that encoding/json decoded with UseNumber.
func canonicalValue(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	out, _ := appendCanonical(nil, text, 0)
	return out
}

// appendTo appends the canonical form of a number.
func (d decimal) appendTo(dst []byte) []byte {
	if len(d.digits) == 0 {
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	n := len(d.digits)
	switch {
	case d.point > 21 || d.point < -6:
		dst = append(dst, d.digits[0])
		if n > 1 {
			dst = append(append(dst, '.'), d.digits[1:]...)
		}
		return strconv.AppendInt(append(dst, 'e'), int64(d.point-1), 10)
	case d.point <= 0:
		dst = append(dst, "0."...)
		dst = appendZeros(dst, -d.point)
		return append(dst, d.digits...)
	case d.point >= n:
		return appendZeros(append(dst, d.digits...), d.point-n)
	}
	dst = append(append(dst, d.digits[:d.point]...), '.')
	return append(dst, d.digits[d.point:]...)
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}
