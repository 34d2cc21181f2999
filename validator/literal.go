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

// at reports whether the literal stands at text[i].
func (l *literal) at(text []byte, i int) bool {
	if i+8*literalWords > len(text) {
		return bytes.HasPrefix(text[i:], l.text)
	}
	b := (*[8 * literalWords]byte)(text[i:])
	differs := (binary.LittleEndian.Uint64(b[:])^l.word[0])&l.mask[0] |
		(binary.LittleEndian.Uint64(b[8:])^l.word[1])&l.mask[1] |
		(binary.LittleEndian.Uint64(b[16:])^l.word[2])&l.mask[2]
	return differs == 0 && (len(l.text) <= len(b) || bytes.HasPrefix(text[i+len(b):], l.text[len(b):]))
}
