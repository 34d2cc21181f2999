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
		return appendCanonicalString(dst, text[i:end], escaped), end
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

// canonicalMember is a member by its place in the bytes that are being made: the quoted name, then all of it.
type canonicalMember struct{ start, nameEnd, end int }

// appendCanonicalObject first appends the members as they come, then in order, and then moves those down.
func appendCanonicalObject(dst, text []byte, i int) ([]byte, int) {
	var few [16]canonicalMember // on the stack: most objects have no more
	members := few[:0]
	dst = append(dst, '{')
	begin := len(dst)
	m, ok := firstMember(text, i)
	end := m.name + 1
	for ok {
		c := canonicalMember{start: len(dst)}
		dst = appendCanonicalString(dst, text[m.name:m.nameEnd], m.escaped)
		c.nameEnd = len(dst)
		var valueEnd int
		dst, valueEnd = appendCanonical(append(dst, ':'), text, m.value)
		c.end = len(dst)
		members = append(members, c)
		m, end, ok = nextMember(text, valueEnd)
	}
	slices.SortFunc(members, func(a, b canonicalMember) int {
		return compareQuoted(dst[a.start:a.nameEnd], dst[b.start:b.nameEnd])
	})
	unsorted := len(dst)
	for k, c := range members {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, dst[c.start:c.end]...)
	}
	n := copy(dst[begin:], dst[unsorted:])
	return append(dst[:begin+n], '}'), end
}

// compareQuoted compares two canonical strings by the bytes that they stand for.
func compareQuoted(a, b []byte) int {
	a, b = a[1:len(a)-1], b[1:len(b)-1]
	if bytes.IndexByte(a, '\\') >= 0 || bytes.IndexByte(b, '\\') >= 0 {
		a, b = appendUnescaped(nil, a), appendUnescaped(nil, b)
	}
	return bytes.Compare(a, b)
}

// appendCanonicalString appends a quoted string.
func appendCanonicalString(dst, quoted []byte, escaped bool) []byte {
	if !escaped {
		return append(dst, quoted...)
	}
	begin := len(dst)
	dst = appendUnescaped(dst, quoted[1:len(quoted)-1])
	plain := len(dst)
	dst = appendQuoted(dst, dst[begin:plain])
	n := copy(dst[begin:], dst[plain:])
	return dst[:begin+n]
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
