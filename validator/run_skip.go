package validator

import "encoding/binary"

// skip passes over a value that no schema looks at, and holds the byte rules for it.
func (r *run) skip(i int) int {
	end := r.skipValue(i)
	if end >= 0 {
		r.steps -= (end - i) / 8
	}
	return end
}

func (r *run) skipValue(i int) int {
	if i >= len(r.text) {
		return r.malformed()
	}
	switch r.text[i] {
	case '"':
		end, f := scanString(r.text, i)
		if end < 0 {
			return r.malformed()
		}
		r.escapes += int(f & formEscaped)
		return end
	case '{':
		return r.skipObject(i)
	case '[':
		return r.skipArray(i)
	case 't', 'f', 'n':
		return r.word(i)
	}
	end, _ := scanNumber(r.text, i)
	if end < 0 {
		return r.malformed()
	}
	return end
}

// word passes over true, false or null.
func (r *run) word(i int) int {
	const (
		wordTrue = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
		wordNull = 'n' | 'u'<<8 | 'l'<<16 | 'l'<<24
		wordAlse = 'a' | 'l'<<8 | 's'<<16 | 'e'<<24
	)
	if i+4 <= len(r.text) {
		switch binary.LittleEndian.Uint32(r.text[i:]) {
		case wordTrue, wordNull:
			return i + 4
		}
		if r.text[i] == 'f' && i+5 <= len(r.text) && binary.LittleEndian.Uint32(r.text[i+1:]) == wordAlse {
			return i + 5
		}
	}
	return r.malformed()
}

// open counts one more container; false if they are nested too deep.
func (r *run) open() bool {
	if r.depth == MaxDepth {
		r.malformed()
		return false
	}
	r.depth++
	return true
}

func (r *run) skipArray(i int) int {
	if !r.open() {
		return -1
	}
	text := r.text
	i = skipSpace(text, i+1)
	if i < len(text) && text[i] == ']' {
		r.depth--
		return i + 1
	}
	for {
		if i = r.skipValue(i); i < 0 {
			return -1
		}
		if i = skipSpace(text, i); i >= len(text) {
			return r.malformed()
		}
		switch text[i] {
		case ',':
			i = skipSpace(text, i+1)
		case ']':
			r.depth--
			return i + 1
		default:
			return r.malformed()
		}
	}
}

func (r *run) skipObject(i int) int {
	if !r.open() {
		return -1
	}
	text, first := r.text, len(r.names.list)
	i = skipSpace(text, i+1)
	if i < len(text) && text[i] == '}' {
		r.depth--
		return i + 1
	}
	for {
		n, colon := r.scanName(i)
		if colon < 0 || !r.unknown(first, n) {
			return -1
		}
		if i = r.skipValue(skipSpace(text, colon+1)); i < 0 {
			return -1
		}
		if i = skipSpace(text, i); i >= len(text) {
			return r.malformed()
		}
		switch text[i] {
		case ',':
			i = skipSpace(text, i+1)
		case '}':
			return r.closeObject(first, i)
		default:
			return r.malformed()
		}
	}
}

// scanName passes over the name at i and returns the position of its colon, or -1.
func (r *run) scanName(i int) (n scanned, colon int) {
	text := r.text
	if i >= len(text) || text[i] != '"' {
		return n, r.malformed()
	}
	end, f := scanString(text, i)
	if end < 0 {
		return n, r.malformed()
	}
	if colon = skipSpace(text, end); colon >= len(text) || text[colon] != ':' {
		return n, r.malformed()
	}
	return scanned{start: i, end: end, escaped: f&formEscaped != 0}, colon
}

// unknown notes a name that the object's schema does not know; false if the object has it already.
func (r *run) unknown(first int, n scanned) bool {
	if r.names.add(r.text, first, n) {
		return true
	}
	r.malformed()
	return false
}

// closeObject passes over the brace at i, which ends an object whose unknown names begin at first.
func (r *run) closeObject(first, i int) int {
	if len(r.names.list) > first {
		if _, ok := r.names.close(r.text, first); !ok {
			return r.malformed()
		}
	}
	r.depth--
	return i + 1
}
