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

// standsAt reports whether the literal stands at text[i]. Whatever its length, the way through is the same: members come
// in any order, and a branch by length would be guessed wrongly.
func (l *literal) standsAt(text []byte, i int) bool {
	if i+8*literalWords > len(text) {
		return bytes.HasPrefix(text[i:], l.text)
	}
	return l.differs((*[8 * literalWords]byte)(text[i:])) == 0 && (len(l.text) <= 8*literalWords || l.rest(text, i))
}

func (l *literal) differs(b *[8 * literalWords]byte) uint64 {
	return (binary.LittleEndian.Uint64(b[:])^l.word[0])&l.mask[0] | (binary.LittleEndian.Uint64(b[8:])^l.word[1])&l.mask[1] |
		(binary.LittleEndian.Uint64(b[16:])^l.word[2])&l.mask[2]
}

// rest compares what is longer than the words.
func (l *literal) rest(text []byte, i int) bool {
	return bytes.HasPrefix(text[i+8*literalWords:], l.text[8*literalWords:])
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
	for k := range set {
		if l := &set[k]; l.differs(b) == 0 && (len(l.text) <= len(b) || l.rest(text, i)) {
			return k
		}
	}
	return -1
}
