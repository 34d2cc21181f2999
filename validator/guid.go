package validator

import (
	"encoding/hex"
	"fmt"
)

// GUID identifies a schema by its content, the same in every registry: the MD5 of its canonical text, references,
// metadata and rules. The zero value is no GUID.
//
// Source: Confluent Schema Registry, schema GUIDs (8.0).
type GUID [16]byte

// ParseGUID reads the 36 characters of a UUID, in either letter case: 8, 4, 4, 4 and 12 hexadecimal digits with
// dashes between them. No other form (braces, urn:uuid:, bare digits) is accepted. The error quotes at most 40
// characters of s. Source: RFC 9562, section 4.
func ParseGUID(s string) (GUID, error) {
	var g GUID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return GUID{}, fmt.Errorf("GUID %.40q: not 8-4-4-4-12 hexadecimal digits", s)
	}
	var digits [32]byte
	copy(digits[0:], s[0:8])
	copy(digits[8:], s[9:13])
	copy(digits[12:], s[14:18])
	copy(digits[16:], s[19:23])
	copy(digits[20:], s[24:])
	if _, err := hex.Decode(g[:], digits[:]); err != nil {
		return GUID{}, fmt.Errorf("GUID %.40q: not 8-4-4-4-12 hexadecimal digits", s)
	}
	return g, nil
}

// String prints g as a UUID in lower case, 36 characters.
func (g GUID) String() string {
	var b [36]byte
	return string(g.appendTo(b[:0]))
}

// IsZero says whether g is no GUID.
func (g GUID) IsZero() bool { return g == GUID{} }

// MarshalText gives the form of String; JSON shows a GUID as that string. It never fails.
func (g GUID) MarshalText() ([]byte, error) { return g.appendTo(make([]byte, 0, 36)), nil }

// UnmarshalText reads what ParseGUID reads, with its errors.
func (g *GUID) UnmarshalText(text []byte) error {
	parsed, err := ParseGUID(string(text))
	if err != nil {
		return err
	}
	*g = parsed
	return nil
}

func (g GUID) appendTo(dst []byte) []byte {
	for i, part := range [5][]byte{g[0:4], g[4:6], g[6:8], g[8:10], g[10:16]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
