package validator

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The functions of this file walk text that the scanner has passed: they check nothing and cannot fail.

// stringEnd returns the end behind the closing quote of the string at i, and whether the string has escapes.
func stringEnd(text []byte, i int) (end int, escaped bool) {
	i++
	for {
		for i+8 <= len(text) {
			w := binary.LittleEndian.Uint64(text[i:])
			quote, back := w^'"'*eachByte, w^'\\'*eachByte
			hit := ((quote-eachByte)&^quote | (back-eachByte)&^back) & highBits
			if hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		switch text[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			escaped = true
			i += 2
		default:
			i++
		}
	}
}

// scalarEnd returns the end of the number, true, false or null at i.
func scalarEnd(text []byte, i int) int {
	for i < len(text) {
		switch text[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}

// valueEnd returns the end of the value at i.
func valueEnd(text []byte, i int) int {
	switch text[i] {
	case '"':
		end, _ := stringEnd(text, i)
		return end
	case '{', '[':
	default:
		return scalarEnd(text, i)
	}
	for depth := 0; ; {
		switch text[i] {
		case '"':
			i, _ = stringEnd(text, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

// member is one member of an object, by position.
type member struct {
	name, nameEnd int // with quotes
	escaped       bool
	value         int
}

// firstMember returns the first member of the object at i; false if it has none.
func firstMember(text []byte, i int) (member, bool) {
	return memberAt(text, skipSpace(text, i+1))
}

// nextMember returns the member after a value that ends at i; false, with the object's end, if there is none.
func nextMember(text []byte, i int) (m member, end int, ok bool) {
	i = skipSpace(text, i)
	if text[i] == '}' {
		return member{}, i + 1, false
	}
	m, ok = memberAt(text, skipSpace(text, i+1))
	return m, 0, ok
}

func memberAt(text []byte, i int) (member, bool) {
	if text[i] != '"' {
		return member{name: i}, false
	}
	m := member{name: i}
	m.nameEnd, m.escaped = stringEnd(text, i)
	m.value = skipSpace(text, skipSpace(text, m.nameEnd)+1)
	return m, true
}

// firstItem returns the position of the first item of the array at i; false, with the array's end, if it has none.
func firstItem(text []byte, i int) (item int, ok bool) {
	i = skipSpace(text, i+1)
	if text[i] == ']' {
		return i + 1, false
	}
	return i, true
}

// nextItem returns the position of the item after one that ends at i; false, with the array's end, if there is none.
func nextItem(text []byte, i int) (item int, ok bool) {
	i = skipSpace(text, i)
	if text[i] == ']' {
		return i + 1, false
	}
	return skipSpace(text, i+1), true
}

// countChildren returns how many members or items the container at i has.
func countChildren(text []byte, i int) int {
	n := 0
	if text[i] == '{' {
		m, ok := firstMember(text, i)
		for ok {
			n++
			m, _, ok = nextMember(text, valueEnd(text, m.value))
		}
		return n
	}
	item, ok := firstItem(text, i)
	for ok {
		n++
		item, ok = nextItem(text, valueEnd(text, item))
	}
	return n
}

// appendUnescaped appends the text between the quotes of a string, its escapes resolved.
func appendUnescaped(dst, raw []byte) []byte {
	for len(raw) > 0 {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:at]...)
		c := raw[at+1]
		raw = raw[at+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := hex4(raw, 0)
			raw = raw[4:]
			if r >= 0xd800 && r <= 0xdbff {
				low, _ := hex4(raw, 2)
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				raw = raw[6:]
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// appendToken appends one reference token of a JSON Pointer (RFC 6901).
func appendToken[T string | []byte](dst []byte, token T) []byte {
	dst = append(dst, '/')
	for k := range len(token) {
		switch c := token[k]; c {
		case '~':
			dst = append(dst, "~0"...)
		case '/':
			dst = append(dst, "~1"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
