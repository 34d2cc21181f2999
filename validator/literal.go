package validator

import (
	"bytes"
	"encoding/binary"
)

// literal is a short text that stands in events again and again, such as a quoted name with its colon. It is compared
// eight bytes at a time.
type literal struct {
	word, mask [literalWords]uint64 // the first bytes, and which of them count
	text       []byte
}

const literalWords = 3

func newLiteral(text string) literal {
	l := literal{text: []byte(text)}
	var padded, mask [8 * literalWords]byte
	for i := range copy(padded[:], text) {
		mask[i] = 0xff
	}
	for k := range l.word {
		l.word[k], l.mask[k] = binary.LittleEndian.Uint64(padded[8*k:]), binary.LittleEndian.Uint64(mask[8*k:])
	}
	return l
}

// begins reports whether the first eight bytes of the literal stand at text[i]; no within the last bytes of a text.
func (l *literal) begins(text []byte, i int) bool {
	return i+8 <= len(text) && (binary.LittleEndian.Uint64(text[i:])^l.word[0])&l.mask[0] == 0
}

// ends reports the same of what follows them.
func (l *literal) ends(text []byte, i int) bool { return len(l.text) <= 8 || l.rest(text, i) }

func (l *literal) rest(text []byte, i int) bool {
	if i+8*literalWords > len(text) {
		return bytes.HasPrefix(text[i:], l.text)
	}
	b := (*[8 * literalWords]byte)(text[i:])
	differs := (binary.LittleEndian.Uint64(b[8:])^l.word[1])&l.mask[1] | (binary.LittleEndian.Uint64(b[16:])^l.word[2])&l.mask[2]
	return differs == 0 && (len(l.text) <= len(b) || bytes.HasPrefix(text[i+len(b):], l.text[len(b):]))
}

// among returns the index of the literal of a set that stands at text[i], or -1.
func among(set []literal, text []byte, i int) int {
	if i+8*literalWords > len(text) {
		for k := range set {
			if bytes.HasPrefix(text[i:], set[k].text) {
				return k
			}
		}
		return -1
	}
	b := (*[8 * literalWords]byte)(text[i:])
	w0, w1, w2 := binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	for k := range set {
		l := &set[k]
		if (w0^l.word[0])&l.mask[0] == 0 && (w1^l.word[1])&l.mask[1]|(w2^l.word[2])&l.mask[2] == 0 &&
			(len(l.text) <= len(b) || bytes.HasPrefix(text[i+len(b):], l.text[len(b):])) {
			return k
		}
	}
	return -1
}
