package validator

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// The functions of this file pass over one token of bytes that nobody has looked at yet, and hold the byte rules for it.
// They return the token's end; of a fault they return ^offset, which is negative, and the form says which fault it is.

// form is what the scan of a token learned: of a string whether it takes more than comparing bytes, or a fault.
type form uint8

const (
	formEscaped form = 1 << iota // has escapes
	formWide                     // has characters outside ASCII
	formNotJSON
	formNotUTF8
	formHalfPair
	formTooLong // a number over MaxNumberText or MaxExponent
)

// fault is the byte rule that a form breaks.
func (f form) fault() string {
	switch {
	case f&formNotUTF8 != 0:
		return faultUTF8
	case f&formHalfPair != 0:
		return faultSurrogate
	case f&formTooLong != 0:
		return faultNumber
	}
	return faultSyntax
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

// scanString scans the string whose opening quote is at i, eight bytes at a time while they are plain.
func scanString(text []byte, i int) (end int, f form) {
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
			return ^begin, formNotJSON
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, f
		case c == '\\':
			f |= formEscaped
			var bad form
			if i, bad = scanEscape(text, i); i < 0 {
				return i, bad
			}
		case c < ' ':
			return ^i, formNotJSON
		case c < utf8.RuneSelf:
			i++
		default:
			f |= formWide
			if i = scanWide(text, i); i < 0 {
				return i, formNotUTF8
			}
		}
	}
}

// scanWide passes over characters outside ASCII, as many as follow each other.
func scanWide(text []byte, i int) int {
	for i < len(text) && text[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return ^i
		}
		i += size
	}
	return i
}

// scanEscape scans the escape whose backslash is at i (RFC 8259, section 7).
func scanEscape(text []byte, i int) (end int, f form) {
	if i+1 >= len(text) {
		return ^i, formNotJSON
	}
	switch text[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, 0
	case 'u':
	default:
		return ^i, formNotJSON
	}
	r, ok := hex4(text, i+2)
	switch {
	case !ok:
		return ^i, formNotJSON
	case r < 0xd800 || r > 0xdfff:
		return i + 6, 0
	case r > 0xdbff:
		return ^i, formHalfPair
	}
	if i+8 > len(text) || text[i+6] != '\\' || text[i+7] != 'u' {
		return ^i, formHalfPair
	}
	low, ok := hex4(text, i+8)
	if !ok {
		return ^(i + 6), formNotJSON
	}
	if low < 0xdc00 || low > 0xdfff {
		return ^i, formHalfPair
	}
	return i + 12, 0
}

// scanNumber scans the number at i (RFC 8259, section 6).
func scanNumber(text []byte, i int) (end int, f form) {
	begin := i
	if text[i] == '-' {
		i++
	}
	switch {
	case i >= len(text):
		return ^i, formNotJSON
	case text[i] == '0':
		i++
	case text[i] >= '1' && text[i] <= '9':
		i = skipDigits(text, i)
	default:
		return ^i, formNotJSON
	}
	if i < len(text) && text[i] == '.' {
		from := i + 1
		if i = skipDigits(text, from); i == from {
			return ^i, formNotJSON
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		from := i
		if i = skipDigits(text, from); i == from {
			return ^i, formNotJSON
		}
		exponent := 0
		for _, c := range text[from:i] {
			exponent = min(exponent*10+int(c-'0'), MaxExponent+1)
		}
		if exponent > MaxExponent {
			return ^begin, formTooLong
		}
	}
	if i-begin > MaxNumberText {
		return ^begin, formTooLong
	}
	return i, 0
}
