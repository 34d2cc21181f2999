package validator

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// fault is a breach of the byte rules: what, and where.
type fault struct {
	keyword string // syntax, utf8, surrogate, duplicate, number, depth, size
	offset  int
	pointer string
}

// scanner walks one JSON text and enforces the byte rules: RFC 8259, UTF-8, no lone surrogate, no duplicate name,
// numbers and nesting within bounds. When span is set it is told every value with its pointer.
type scanner struct {
	text []byte
	at   int
	path []string
	err  *fault
	span func(pointer string, start, end int, keys []string)
}

// scan checks a whole text; nil if it keeps every rule.
func scan(text []byte, maxBytes int, span func(pointer string, start, end int, keys []string)) *fault {
	if len(text) > maxBytes {
		return &fault{keyword: "size", offset: maxBytes}
	}
	s := scanner{text: text, span: span}
	s.space()
	s.value(0)
	s.space()
	if s.err == nil && s.at < len(text) {
		s.fail("syntax", s.at)
	}
	return s.err
}

func (s *scanner) fail(keyword string, at int) {
	if s.err == nil {
		s.err = &fault{keyword, at, s.pointer()}
	}
}

func (s *scanner) pointer() string {
	var b strings.Builder
	for _, token := range s.path {
		b.WriteByte('/')
		b.WriteString(escapeToken(token))
	}
	return b.String()
}

func escapeToken(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n' || s.text[s.at] == '\r') {
		s.at++
	}
}

func (s *scanner) value(depth int) {
	if s.at >= len(s.text) {
		s.fail("syntax", s.at)
		return
	}
	start := s.at
	var keys []string
	switch c := s.text[s.at]; {
	case c == '{':
		keys = s.object(depth + 1)
	case c == '[':
		s.array(depth + 1)
	case c == '"':
		s.str()
	case c == '-' || c >= '0' && c <= '9':
		s.number()
	default:
		s.literal()
	}
	if s.err == nil && s.span != nil {
		s.span(s.pointer(), start, s.at, keys)
	}
}

func (s *scanner) literal() {
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(string(s.text[s.at:min(len(s.text), s.at+5)]), word) {
			s.at += len(word)
			return
		}
	}
	s.fail("syntax", s.at)
}

func (s *scanner) object(depth int) []string {
	if depth > MaxDepth {
		s.fail("depth", s.at)
		return nil
	}
	s.at++
	seen := map[string]bool{}
	keys := []string{}
	for first := true; ; first = false {
		s.space()
		if first && s.at < len(s.text) && s.text[s.at] == '}' {
			s.at++
			return keys
		}
		at := s.at
		if s.at >= len(s.text) || s.text[s.at] != '"' {
			s.fail("syntax", s.at)
			return nil
		}
		name := s.str()
		if s.err != nil {
			return nil
		}
		s.path = append(s.path, name)
		if seen[name] {
			s.fail("duplicate", at)
			return nil
		}
		seen[name] = true
		keys = append(keys, name)
		s.space()
		if s.at >= len(s.text) || s.text[s.at] != ':' {
			s.fail("syntax", s.at)
			return nil
		}
		s.at++
		s.space()
		s.value(depth)
		if s.err != nil {
			return nil
		}
		s.path = s.path[:len(s.path)-1]
		s.space()
		if s.at >= len(s.text) || s.text[s.at] != ',' && s.text[s.at] != '}' {
			s.fail("syntax", s.at)
			return nil
		}
		s.at++
		if s.text[s.at-1] == '}' {
			return keys
		}
	}
}

func (s *scanner) array(depth int) {
	if depth > MaxDepth {
		s.fail("depth", s.at)
		return
	}
	s.at++
	for i := 0; ; i++ {
		s.space()
		if i == 0 && s.at < len(s.text) && s.text[s.at] == ']' {
			s.at++
			return
		}
		s.path = append(s.path, strconv.Itoa(i))
		s.value(depth)
		if s.err != nil {
			return
		}
		s.path = s.path[:len(s.path)-1]
		s.space()
		if s.at >= len(s.text) || s.text[s.at] != ',' && s.text[s.at] != ']' {
			s.fail("syntax", s.at)
			return
		}
		s.at++
		if s.text[s.at-1] == ']' {
			return
		}
	}
}

// str walks a string and returns it unescaped.
func (s *scanner) str() string {
	begin := s.at
	s.at++
	var out []byte
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.at++
			return string(out)
		case c < 0x20:
			s.fail("syntax", s.at)
			return ""
		case c == '\\':
			var ok bool
			if out, ok = s.escape(out); !ok {
				return ""
			}
		case c < utf8.RuneSelf:
			out = append(out, c)
			s.at++
		default:
			r, size := utf8.DecodeRune(s.text[s.at:])
			if r == utf8.RuneError && size == 1 {
				s.fail("utf8", s.at)
				return ""
			}
			out = append(out, s.text[s.at:s.at+size]...)
			s.at += size
		}
	}
	s.fail("syntax", begin)
	return ""
}

func (s *scanner) escape(out []byte) ([]byte, bool) {
	at := s.at
	if at+1 >= len(s.text) {
		s.fail("syntax", at)
		return nil, false
	}
	s.at += 2
	switch c := s.text[at+1]; c {
	case '"', '\\', '/':
		return append(out, c), true
	case 'b':
		return append(out, '\b'), true
	case 'f':
		return append(out, '\f'), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'u':
		r, ok := s.hex4()
		if !ok {
			s.fail("syntax", at)
			return nil, false
		}
		if r >= 0xdc00 && r < 0xe000 {
			s.fail("surrogate", at)
			return nil, false
		}
		if r >= 0xd800 && r < 0xdc00 {
			if s.at+1 >= len(s.text) || s.text[s.at] != '\\' || s.text[s.at+1] != 'u' {
				s.fail("surrogate", at)
				return nil, false
			}
			s.at += 2
			low, ok := s.hex4()
			if !ok || low < 0xdc00 || low >= 0xe000 {
				s.fail("surrogate", at)
				return nil, false
			}
			r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
		}
		return utf8.AppendRune(out, r), true
	}
	s.fail("syntax", at)
	return nil, false
}

func (s *scanner) hex4() (rune, bool) {
	if s.at+4 > len(s.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.text[s.at:s.at+4]), 16, 32)
	s.at += 4
	return rune(n), err == nil
}

// number walks a number (RFC 8259 section 6) and bounds its text and exponent.
func (s *scanner) number() {
	begin := s.at
	digits := func() bool {
		from := s.at
		for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
			s.at++
		}
		return s.at > from
	}
	if s.text[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else if !digits() {
		s.fail("syntax", begin)
		return
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		s.at++
		if !digits() {
			s.fail("syntax", begin)
			return
		}
	}
	if s.at < len(s.text) && (s.text[s.at] == 'e' || s.text[s.at] == 'E') {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		from := s.at
		if !digits() {
			s.fail("syntax", begin)
			return
		}
		if n, err := strconv.Atoi(string(s.text[from:s.at])); err != nil || n > MaxExponent {
			s.fail("number", begin)
			return
		}
	}
	if s.at-begin > MaxNumberText {
		s.fail("number", begin)
	}
}
