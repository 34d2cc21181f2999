package validator

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Member returns one scalar of an event by JSON Pointer (RFC 6901): of a string the text with its escapes
// resolved, of a number, a boolean or null the literal as it stands. It serves discriminators such as /eventType,
// before any schema is known, so the event need not be valid: only what lies on the way is read, and of two equal
// names the first counts. "" means the event itself.
//
// false if the pointer leads nowhere, to an object or to an array, or the bytes on the way are not JSON, or the way is
// deeper than MaxDepth. The result aliases event unless a string has escapes.
func Member(event []byte, pointer string) ([]byte, bool) {
	if pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	at := skipSpace(event, 0)
	for depth := 0; pointer != ""; depth++ {
		if at >= len(event) || depth >= MaxDepth {
			return nil, false
		}
		var token string
		token, pointer = firstToken(pointer)
		switch event[at] {
		case '{':
			at = findMember(event, at, unescapePointer(token))
		case '[':
			at = findItem(event, at, token)
		default:
			return nil, false
		}
		if at < 0 {
			return nil, false
		}
	}
	end := skipValue(event, at, 0)
	if end < 0 || event[at] == '{' || event[at] == '[' {
		return nil, false
	}
	if event[at] == '"' {
		return unquote(event[at:end])
	}
	return event[at:end], true
}

// unescapePointer resolves ~1 and ~0 of one reference token.
func unescapePointer(token string) string {
	if !strings.Contains(token, "~") {
		return token
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// findMember returns the position of the value of a member of the object at b[at], or -1.
func findMember(b []byte, at int, name string) int {
	found := -1
	eachMember(b, at, func(raw []byte, start, _ int) bool {
		if n, ok := unquote(raw); ok && string(n) == name {
			found = start
		}
		return found < 0
	})
	return found
}

// eachMember calls yield with each member of the object at b[at], its name still quoted, until yield says no. It
// returns the position behind the object, or -1 if that is not JSON or yield said no.
func eachMember(b []byte, at int, yield func(name []byte, start, end int) bool) int {
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == '}' {
		return at + 1
	}
	for {
		nameEnd := skipString(b, at)
		if nameEnd < 0 {
			return -1
		}
		colon := skipSpace(b, nameEnd)
		if colon >= len(b) || b[colon] != ':' {
			return -1
		}
		start := skipSpace(b, colon+1)
		end := skipValue(b, start, 1)
		if end < 0 || !yield(b[at:nameEnd], start, end) {
			return -1
		}
		at = skipSpace(b, end)
		switch {
		case at >= len(b):
			return -1
		case b[at] == '}':
			return at + 1
		case b[at] != ',':
			return -1
		}
		at = skipSpace(b, at+1)
	}
}

// findItem returns the position of an item of the array at b[at], or -1.
func findItem(b []byte, at int, token string) int {
	want, err := strconv.ParseUint(token, 10, 31)
	if err != nil || len(token) > 1 && token[0] == '0' {
		return -1
	}
	at = skipSpace(b, at+1)
	for ; want > 0; want-- {
		end := skipValue(b, at, 1)
		if end < 0 {
			return -1
		}
		end = skipSpace(b, end)
		if end >= len(b) || b[end] != ',' {
			return -1
		}
		at = skipSpace(b, end+1)
	}
	return at
}

// skipSpace returns the first position from at on that holds no JSON whitespace.
func skipSpace(b []byte, at int) int {
	for at < len(b) && b[at] <= ' ' && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns the position behind the JSON value that begins at b[at], or -1 if none does or it is deeper
// than MaxDepth, depth being how many objects and arrays are already open.
func skipValue(b []byte, at, depth int) int {
	if at >= len(b) || depth > MaxDepth {
		return -1
	}
	switch b[at] {
	case '"':
		return skipString(b, at)
	case '{', '[':
		if depth >= MaxDepth {
			return -1
		}
		return skipContainer(b, at, depth+1)
	case 't':
		return skipWord(b, at, "true")
	case 'f':
		return skipWord(b, at, "false")
	case 'n':
		return skipWord(b, at, "null")
	}
	return skipNumber(b, at)
}

// skipContainer is skipValue for an object or array; depth counts it already.
func skipContainer(b []byte, at, depth int) int {
	closer := b[at] + 2 // '[' and ']' as well as '{' and '}' are two apart
	object := closer == '}'
	at = skipSpace(b, at+1)
	if at < len(b) && b[at] == closer {
		return at + 1
	}
	for {
		if object {
			if at = skipString(b, at); at < 0 {
				return -1
			}
			at = skipSpace(b, at)
			if at >= len(b) || b[at] != ':' {
				return -1
			}
			at = skipSpace(b, at+1)
		}
		if at = skipValue(b, at, depth); at < 0 {
			return -1
		}
		at = skipSpace(b, at)
		switch {
		case at >= len(b):
			return -1
		case b[at] == closer:
			return at + 1
		case b[at] != ',':
			return -1
		}
		at = skipSpace(b, at+1)
	}
}

func skipWord(b []byte, at int, word string) int {
	if !bytes.HasPrefix(b[at:], []byte(word)) {
		return -1
	}
	return at + len(word)
}

// skipString returns the position behind the string that begins at b[at], or -1. Bytes of 0x80 and above are
// passed over; unquote and the validator's own scanner judge them.
func skipString(b []byte, at int) int {
	if at >= len(b) || b[at] != '"' {
		return -1
	}
	for at++; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			at++
			if at >= len(b) {
				return -1
			}
			if b[at] == 'u' {
				if _, ok := hex4(b, at+1); !ok {
					return -1
				}
				at += 4
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), b[at]) < 0 {
				return -1
			}
		}
	}
	return -1
}

// skipNumber returns the position behind the number that begins at b[at], or -1. Source: RFC 8259, section 6.
func skipNumber(b []byte, at int) int {
	if at < len(b) && b[at] == '-' {
		at++
	}
	start := at
	at = skipDigits(b, at)
	if at == start || b[start] == '0' && at > start+1 {
		return -1
	}
	if at < len(b) && b[at] == '.' {
		start = at + 1
		if at = skipDigits(b, start); at == start {
			return -1
		}
	}
	if at < len(b) && (b[at] == 'e' || b[at] == 'E') {
		at++
		if at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		start = at
		if at = skipDigits(b, start); at == start {
			return -1
		}
	}
	return at
}

func skipDigits(b []byte, at int) int {
	for at < len(b) && b[at] >= '0' && b[at] <= '9' {
		at++
	}
	return at
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unquote resolves the escapes of a quoted string that skipString passed. It returns a part of quoted where there are
// none. false for invalid UTF-8 and lone surrogates.
func unquote(quoted []byte) ([]byte, bool) {
	inner := quoted[1 : len(quoted)-1]
	first := bytes.IndexByte(inner, '\\')
	if first < 0 {
		if !utf8.Valid(inner) {
			return nil, false
		}
		return inner, true
	}
	out := append(make([]byte, 0, len(inner)), inner[:first]...)
	for i := first; i < len(inner); i++ {
		if inner[i] != '\\' {
			out = append(out, inner[i])
			continue
		}
		i++
		switch c := inner[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(inner, i+1)
			i += 4
			if r >= 0xd800 && r < 0xe000 {
				var ok bool
				if r, ok = surrogates(inner, i+1, r); !ok {
					return nil, false
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	if !utf8.Valid(out) {
		return nil, false
	}
	return out, true
}

// surrogates joins a high surrogate with the escaped low one that must stand at b[at]. Source: RFC 8259, section 7.
func surrogates(b []byte, at int, high rune) (rune, bool) {
	if high >= 0xdc00 || at+6 > len(b) || b[at] != '\\' || b[at+1] != 'u' {
		return 0, false
	}
	low, ok := hex4(b, at+2)
	if !ok || low < 0xdc00 || low >= 0xe000 {
		return 0, false
	}
	return (high-0xd800)<<10 | (low - 0xdc00) + 0x10000, true
}
