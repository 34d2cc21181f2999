package validator

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// The byte rules' faults, as Violation.Keyword says them.
const (
	faultSyntax    = "syntax"    // not RFC 8259
	faultUTF8      = "utf8"      // invalid UTF-8
	faultSurrogate = "surrogate" // half of a surrogate pair, escaped
	faultDuplicate = "duplicate" // the same name twice in one object
	faultNumber    = "number"    // over MaxNumberText or MaxExponent
	faultDepth     = "depth"     // over MaxDepth
	faultSize      = "size"      // over MaxEventBytes
	faultBudget    = "budget"    // too much work to decide
)

// nameSeed keeps a sender from choosing names whose hashes collide.
var nameSeed = maphash.MakeSeed()

// A scanner holds the byte rules: RFC 8259, UTF-8, no half surrogate, no duplicate name at any depth, numbers, nesting
// and size within bounds. It looks at every byte once and keeps nothing but the names of the objects that are open.
// The zero value is ready; a scanner may be used again.
type scanner struct {
	text   []byte
	fault  string // "" = none so far
	offset int    // of the fault
	depth  int
	frames [MaxDepth + 1]frame // of the containers that are open, outermost first
	names  []scanned           // names of the objects that are open
	buf    []byte
}

// frame is the place in one open container: a member's quoted name, or (end = 0) an item's index.
type frame struct{ start, end, index int }

// scanned is a name of an open object.
type scanned struct {
	hash       uint64
	start, end int // with quotes
	escaped    bool
}

// fewNames is up to how many names of one object are compared each with each.
const fewNames = 16

// check reports whether a whole text keeps the byte rules. If not, fault and offset say why and where.
func (s *scanner) check(text []byte, maxBytes int) bool {
	s.text, s.fault, s.offset, s.depth, s.names = text, "", 0, 0, s.names[:0]
	if len(text) > maxBytes {
		s.fail(faultSize, maxBytes)
		return false
	}
	end := s.value(skipSpace(text, 0))
	if end < 0 {
		return false
	}
	if end = skipSpace(text, end); end < len(text) {
		s.fail(faultSyntax, end)
	}
	return s.fault == ""
}

// fail notes the first fault and returns -1.
func (s *scanner) fail(fault string, offset int) int {
	if s.fault == "" {
		s.fault, s.offset = fault, offset
	}
	return -1
}

// pointer is the JSON Pointer of the innermost value that the scan stands in.
func (s *scanner) pointer() string {
	var b []byte
	for i := 1; i <= s.depth; i++ {
		switch f := s.frames[i]; {
		case f.end > 0:
			name, _ := unquote(s.text[f.start:f.end])
			b = appendToken(b, string(name))
		case f.index >= 0:
			b = strconv.AppendInt(append(b, '/'), int64(f.index), 10)
		}
	}
	return string(b)
}

// value scans the value that begins at i and returns its end, or -1.
func (s *scanner) value(i int) int {
	if i >= len(s.text) {
		return s.fail(faultSyntax, i)
	}
	switch c := s.text[i]; {
	case c == '"':
		end, _ := s.str(i)
		return end
	case c == '{':
		return s.object(i)
	case c == '[':
		return s.array(i)
	case c == '-' || c >= '0' && c <= '9':
		return s.number(i)
	case c == 't':
		return s.word(i, "true")
	case c == 'f':
		return s.word(i, "false")
	case c == 'n':
		return s.word(i, "null")
	}
	return s.fail(faultSyntax, i)
}

func (s *scanner) word(i int, word string) int {
	if len(s.text)-i < len(word) || string(s.text[i:i+len(word)]) != word {
		return s.fail(faultSyntax, i)
	}
	return i + len(word)
}

func (s *scanner) open(i int) bool {
	if s.depth == MaxDepth {
		s.fail(faultDepth, i)
		return false
	}
	s.depth++
	s.frames[s.depth] = frame{index: -1}
	return true
}

func (s *scanner) array(i int) int {
	if !s.open(i) {
		return -1
	}
	i = skipSpace(s.text, i+1)
	if i < len(s.text) && s.text[i] == ']' {
		s.depth--
		return i + 1
	}
	for n := 0; ; n++ {
		s.frames[s.depth].index = n
		if i = s.value(i); i < 0 {
			return -1
		}
		s.frames[s.depth].index = -1
		i = skipSpace(s.text, i)
		if i >= len(s.text) {
			return s.fail(faultSyntax, i)
		}
		switch s.text[i] {
		case ',':
			i = skipSpace(s.text, i+1)
		case ']':
			s.depth--
			return i + 1
		default:
			return s.fail(faultSyntax, i)
		}
	}
}

func (s *scanner) object(i int) int {
	if !s.open(i) {
		return -1
	}
	first := len(s.names)
	i = skipSpace(s.text, i+1)
	if i < len(s.text) && s.text[i] == '}' {
		s.depth--
		return i + 1
	}
	for {
		if i >= len(s.text) || s.text[i] != '"' {
			s.frames[s.depth] = frame{index: -1}
			return s.fail(faultSyntax, i)
		}
		end, escaped := s.str(i)
		if end < 0 {
			s.frames[s.depth] = frame{index: -1}
			return -1
		}
		s.frames[s.depth] = frame{start: i, end: end}
		if !s.name(first, i, end, escaped) {
			return -1
		}
		i = skipSpace(s.text, end)
		if i >= len(s.text) || s.text[i] != ':' {
			return s.fail(faultSyntax, i)
		}
		if i = s.value(skipSpace(s.text, i+1)); i < 0 {
			return -1
		}
		s.frames[s.depth] = frame{index: -1}
		i = skipSpace(s.text, i)
		if i >= len(s.text) {
			return s.fail(faultSyntax, i)
		}
		switch s.text[i] {
		case ',':
			i = skipSpace(s.text, i+1)
		case '}':
			if !s.distinct(first) {
				return -1
			}
			s.names = s.names[:first]
			s.depth--
			return i + 1
		default:
			return s.fail(faultSyntax, i)
		}
	}
}

// name notes a name of the object whose names begin at first; among the few first ones a second equal one is found at
// once.
func (s *scanner) name(first, start, end int, escaped bool) bool {
	n := scanned{start: start, end: end, escaped: escaped}
	n.hash = maphash.Bytes(nameSeed, s.plain(n))
	if len(s.names)-first < fewNames {
		for _, other := range s.names[first:] {
			if other.hash == n.hash && s.sameName(other, n) {
				s.fail(faultDuplicate, start)
				return false
			}
		}
	}
	s.names = append(s.names, n)
	return true
}

// plain is a name with its escapes resolved; it is valid until the next call.
func (s *scanner) plain(n scanned) []byte {
	if !n.escaped {
		return s.text[n.start+1 : n.end-1]
	}
	s.buf = appendUnescaped(s.buf[:0], s.text[n.start+1:n.end-1])
	return s.buf
}

func (s *scanner) sameName(a, b scanned) bool {
	if !a.escaped && !b.escaped {
		return bytes.Equal(s.plain(a), s.plain(b))
	}
	one, _ := unquote(s.text[a.start:a.end])
	two, _ := unquote(s.text[b.start:b.end])
	return bytes.Equal(one, two)
}

// distinct looks for equal names in an object that had many: sorted by hash, equal ones are neighbours. The fault is
// at the second of the pair that ends first.
func (s *scanner) distinct(first int) bool {
	names := s.names[first:]
	if len(names) <= fewNames {
		return true
	}
	sortNames(names)
	at := -1
	var again scanned
	for i := range names {
		for j := i + 1; j < len(names) && names[j].hash == names[i].hash; j++ {
			if s.sameName(names[i], names[j]) && (at < 0 || names[j].start < at) {
				at, again = names[j].start, names[j]
			}
		}
	}
	if at < 0 {
		return true
	}
	s.frames[s.depth] = frame{start: again.start, end: again.end}
	s.fail(faultDuplicate, at)
	return false
}

const (
	eachByte = 0x0101010101010101
	highBits = 0x8080808080808080
)

// special has a high bit set in the lowest byte of w that is a quote, a backslash, below 0x20 or not ASCII.
func special(w uint64) uint64 {
	quote, back := w^'"'*eachByte, w^'\\'*eachByte
	return ((w - 0x20*eachByte) | (quote - eachByte) | (back - eachByte) | w) & highBits
}

// str scans the string whose opening quote is at i. It returns the end behind the closing quote, or -1, and whether
// the string has escapes.
func (s *scanner) str(i int) (end int, escaped bool) {
	text := s.text
	begin := i
	i++
	for {
		for i+8 <= len(text) {
			hit := special(binary.LittleEndian.Uint64(text[i:]))
			if hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		if i >= len(text) {
			return s.fail(faultSyntax, begin), false
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			escaped = true
			if i = s.escape(i); i < 0 {
				return -1, true
			}
		case c < ' ':
			return s.fail(faultSyntax, i), false
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				return s.fail(faultUTF8, i), false
			}
			i += size
		}
	}
}

// escape scans the escape at i and returns its end, or -1.
func (s *scanner) escape(i int) int {
	if i+1 >= len(s.text) {
		return s.fail(faultSyntax, i)
	}
	switch s.text[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.fail(faultSyntax, i)
	}
	r, ok := hex4(s.text, i+2)
	switch {
	case !ok:
		return s.fail(faultSyntax, i)
	case r < 0xd800 || r > 0xdfff:
		return i + 6
	case r > 0xdbff:
		return s.fail(faultSurrogate, i)
	}
	if i+8 > len(s.text) || s.text[i+6] != '\\' || s.text[i+7] != 'u' {
		return s.fail(faultSurrogate, i)
	}
	low, ok := hex4(s.text, i+8)
	if !ok {
		return s.fail(faultSyntax, i+6)
	}
	if low < 0xdc00 || low > 0xdfff {
		return s.fail(faultSurrogate, i)
	}
	return i + 12
}

// number scans a number (RFC 8259, section 6) and returns its end, or -1.
func (s *scanner) number(i int) int {
	text, begin := s.text, i
	if text[i] == '-' {
		i++
	}
	switch {
	case i >= len(text):
		return s.fail(faultSyntax, i)
	case text[i] == '0':
		i++
	case text[i] >= '1' && text[i] <= '9':
		i = skipDigits(text, i)
	default:
		return s.fail(faultSyntax, i)
	}
	if i < len(text) && text[i] == '.' {
		from := i + 1
		if i = skipDigits(text, from); i == from {
			return s.fail(faultSyntax, i)
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		from := i
		if i = skipDigits(text, from); i == from {
			return s.fail(faultSyntax, i)
		}
		exponent := 0
		for _, c := range text[from:i] {
			exponent = min(exponent*10+int(c-'0'), MaxExponent+1)
		}
		if exponent > MaxExponent {
			return s.fail(faultNumber, begin)
		}
	}
	if i-begin > MaxNumberText {
		return s.fail(faultNumber, begin)
	}
	return i
}
