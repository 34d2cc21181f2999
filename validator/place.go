package validator

import (
	"strconv"
	"strings"
)

// place is one value of a schema's text: where it stands and what it holds, in document order. It tells what a decoded
// map forgets: the order of members and their bytes.
type place struct {
	start, end int
	name       string   // of a member
	children   []*place // members or items
	byName     map[string]*place
}

// parsePlaces reads a text that the scanner passed.
func parsePlaces(text []byte) *place {
	p, _ := placeAt(text, skipSpace(text, 0))
	return p
}

func placeAt(text []byte, i int) (*place, int) {
	p := &place{start: i}
	switch text[i] {
	case '{':
		p.byName = map[string]*place{}
		m, ok := firstMember(text, i)
		p.end = m.name + 1
		for ok {
			child, end := placeAt(text, m.value)
			name, _ := unquote(text[m.name:m.nameEnd])
			child.name = string(name)
			p.children = append(p.children, child)
			p.byName[child.name] = child
			m, p.end, ok = nextMember(text, end)
		}
	case '[':
		item, ok := firstItem(text, i)
		for ok {
			child, end := placeAt(text, item)
			p.children = append(p.children, child)
			item, ok = nextItem(text, end)
		}
		p.end = item
	default:
		p.end = valueEnd(text, i)
	}
	return p, p.end
}

// member returns the member of that name, nil if there is none or p is no object.
func (p *place) member(name string) *place {
	if p == nil {
		return nil
	}
	return p.byName[name]
}

// lookup follows a JSON Pointer; nil if it leads nowhere.
func (p *place) lookup(pointer string) *place {
	for pointer != "" && p != nil {
		if pointer[0] != '/' {
			return nil
		}
		var token string
		token, pointer = firstToken(pointer)
		if p.byName != nil {
			p = p.byName[unescapePointer(token)]
			continue
		}
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 || n >= len(p.children) {
			return nil
		}
		p = p.children[n]
	}
	return p
}

// firstToken splits a JSON Pointer that is not empty: its first token, still escaped, and the pointer that is left. What
// is left of "/a/" is "/", whose token is the empty name.
func firstToken(pointer string) (token, rest string) {
	token = pointer[1:]
	if slash := strings.IndexByte(token, '/'); slash >= 0 {
		return token[:slash], token[slash:]
	}
	return token, ""
}

// kind is the first byte of the value: one of { [ " t f n, or of a number.
func (p *place) kind(text []byte) byte {
	if p == nil {
		return 0
	}
	return text[p.start]
}

// raw is the value as written, nil of no place.
func (p *place) raw(text []byte) []byte {
	if p == nil {
		return nil
	}
	return text[p.start:p.end]
}

// str is the value of a string, "" of anything else.
func (p *place) str(text []byte) string {
	if p.kind(text) != '"' {
		return ""
	}
	s, _ := unquote(p.raw(text))
	return string(s)
}

// join appends one token to a JSON Pointer.
func join(pointer, token string) string { return string(appendToken([]byte(pointer), token)) }

// lastToken is the last token of a JSON Pointer, still escaped; "" of the whole document.
func lastToken(pointer string) string { return pointer[strings.LastIndexByte(pointer, '/')+1:] }
