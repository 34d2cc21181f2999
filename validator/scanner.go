package validator

import "strconv"

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

// A scanner holds the byte rules: RFC 8259, UTF-8, no half surrogate, no duplicate name at any depth, numbers, nesting
// and size within bounds. It looks at every byte once and keeps nothing but the names of the objects that are open.
// The zero value is ready; a scanner may be used again.
type scanner struct {
	text   []byte
	fault  string // "" = none so far
	offset int    // of the fault
	depth  int
	frames [MaxDepth + 1]frame // of the containers that are open, outermost first
	names  nameList
}

// frame is the place in one open container: a member's quoted name, or (end = 0) an item's index.
type frame struct{ start, end, index int }

// check reports whether a whole text keeps the byte rules. If not, fault and offset say why and where.
func (s *scanner) check(text []byte, maxBytes int) bool {
	s.text, s.fault, s.offset, s.depth = text, "", 0, 0
	s.names.list = s.names.list[:0]
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
	first := len(s.names.list)
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
		if !s.names.add(s.text, first, scanned{start: i, end: end, escaped: escaped}) {
			return s.fail(faultDuplicate, i)
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
			if again, ok := s.names.close(s.text, first); !ok {
				s.frames[s.depth] = frame{start: again.start, end: again.end}
				return s.fail(faultDuplicate, again.start)
			}
			s.depth--
			return i + 1
		default:
			return s.fail(faultSyntax, i)
		}
	}
}

// str scans the string at i. It returns its end, or -1, and whether it has escapes.
func (s *scanner) str(i int) (end int, escaped bool) {
	end, form := scanString(s.text, i)
	if end < 0 {
		return s.fail(form.fault(), ^end), false
	}
	return end, form&formEscaped != 0
}

// number scans the number at i and returns its end, or -1.
func (s *scanner) number(i int) int {
	end, form := scanNumber(s.text, i)
	if end < 0 {
		return s.fail(form.fault(), ^end)
	}
	return end
}
