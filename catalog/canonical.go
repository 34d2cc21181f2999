package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxTextDepth is how deep a schema text may nest: the validator's limit.
const maxTextDepth = 64

// Canonical returns the canonical text of a schema: compact, members in the order of writing (or, with normalize,
// sorted by UTF-16 code units), strings escaped only where JSON demands it, integers as written, other numbers as
// Java's BigDecimal prints them. InvalidSchema, with a JSON Pointer where there is a place, for what is not JSON
// (RFC 8259), duplicate members, lone surrogates, more than 64 levels, and a root that is neither object nor boolean.
// Source: Confluent Schema Registry, JsonSchema.canonicalString.
func Canonical(text string, normalize bool) (string, error) {
	p := textParser{in: text, normalize: normalize}
	p.out = make([]byte, 0, len(text))
	p.space()
	if c := p.peek(); c != '{' && c != 't' && c != 'f' {
		if c == 0 {
			return "", p.bad("nothing there")
		}
		if err := p.value(0); err != nil { // the syntax is the first thing to be wrong
			return "", err
		}
		p.path = nil
		return "", p.bad("a schema is an object or a boolean")
	}
	if err := p.value(0); err != nil {
		return "", err
	}
	p.space()
	if p.at < len(p.in) {
		return "", p.bad(fmt.Sprintf("text after the document at offset %d", p.at))
	}
	return string(p.out), nil
}

// textParser reads JSON and prints it canonically in one pass.
type textParser struct {
	in        string
	at        int
	out       []byte
	path      []string // names and indices down to the current place
	normalize bool
}

// bad is an error at the current place.
func (p *textParser) bad(detail string) error {
	var pointer strings.Builder
	for _, name := range p.path {
		pointer.WriteByte('/')
		pointer.WriteString(pointerEscape.Replace(name))
	}
	return &Error{Reason: InvalidSchema, Pointer: pointer.String(), Detail: detail}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// syntax is a syntax error at the current offset.
func (p *textParser) syntax() error {
	if p.at >= len(p.in) {
		return p.bad(fmt.Sprintf("the text ends at offset %d", p.at))
	}
	return p.bad(fmt.Sprintf("not JSON at offset %d", p.at))
}

func (p *textParser) space() {
	for p.at < len(p.in) && strings.IndexByte(" \t\r\n", p.in[p.at]) >= 0 {
		p.at++
	}
}

// peek returns the next byte, 0 at the end.
func (p *textParser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

// value copies one value.
func (p *textParser) value(depth int) error {
	if depth > maxTextDepth {
		return p.bad("deeper than " + strconv.Itoa(maxTextDepth) + " levels")
	}
	switch c := p.peek(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		s, err := p.string()
		if err != nil {
			return err
		}
		p.out = appendString(p.out, s)
		return nil
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(p.in[p.at:], word) {
			p.at += len(word)
			p.out = append(p.out, word...)
			return nil
		}
	}
	return p.syntax()
}

// manyMembers is from how many members on a map finds a name faster than going through them.
const manyMembers = 16

// object copies an object, member by member, and sorts what it copied if asked.
func (p *textParser) object(depth int) error {
	type span struct {
		name       string
		begin, end int // in out: the member with its name
	}
	p.at++
	p.out = append(p.out, '{')
	first := len(p.out)
	var members []span
	var seen map[string]bool // made where there are many
	twice := func(name string) bool {
		if seen == nil && len(members) < manyMembers {
			return slices.ContainsFunc(members, func(m span) bool { return m.name == name })
		}
		if seen == nil {
			seen = map[string]bool{}
			for _, m := range members {
				seen[m.name] = true
			}
		}
		if seen[name] {
			return true
		}
		seen[name] = true
		return false
	}
	p.space()
	for p.peek() != '}' {
		if len(members) > 0 {
			if p.peek() != ',' {
				return p.syntax()
			}
			p.at++
			p.out = append(p.out, ',')
			p.space()
		}
		if p.peek() != '"' {
			return p.syntax()
		}
		name, err := p.string()
		if err != nil {
			return err
		}
		p.path = append(p.path, name)
		if twice(name) {
			return p.bad("the name stands twice in one object")
		}
		p.space()
		if p.peek() != ':' {
			return p.syntax()
		}
		p.at++
		begin := len(p.out)
		p.out = append(appendString(p.out, name), ':')
		p.space()
		if err := p.value(depth + 1); err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		members = append(members, span{name, begin, len(p.out)})
		p.space()
	}
	p.at++
	if p.normalize && len(members) > 1 {
		slices.SortFunc(members, func(a, b span) int { return compareUTF16(a.name, b.name) })
		sorted := make([]byte, 0, len(p.out)-first)
		for i, m := range members {
			if i > 0 {
				sorted = append(sorted, ',')
			}
			sorted = append(sorted, p.out[m.begin:m.end]...)
		}
		p.out = append(p.out[:first], sorted...)
	}
	p.out = append(p.out, '}')
	return nil
}

// array copies an array.
func (p *textParser) array(depth int) error {
	p.at++
	p.out = append(p.out, '[')
	p.space()
	for i := 0; p.peek() != ']'; i++ {
		if i > 0 {
			if p.peek() != ',' {
				return p.syntax()
			}
			p.at++
			p.out = append(p.out, ',')
			p.space()
		}
		p.path = append(p.path, strconv.Itoa(i))
		if err := p.value(depth + 1); err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		p.space()
	}
	p.at++
	p.out = append(p.out, ']')
	return nil
}

// string reads a string and returns what it means.
func (p *textParser) string() (string, error) {
	p.at++
	begin := p.at
	for p.at < len(p.in) { // the common case has no escapes
		switch c := p.in[p.at]; {
		case c == '"':
			s := p.in[begin:p.at]
			if !utf8.ValidString(s) {
				return "", p.bad("not UTF-8")
			}
			p.at++
			return s, nil
		case c == '\\':
			return p.escaped(begin)
		case c < 0x20:
			return "", p.syntax()
		}
		p.at++
	}
	return "", p.syntax()
}

// escaped goes on with a string at its first escape.
func (p *textParser) escaped(begin int) (string, error) {
	b := []byte(p.in[begin:p.at])
	for p.at < len(p.in) {
		c := p.in[p.at]
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return "", p.bad("not UTF-8")
			}
			p.at++
			return string(b), nil
		case c < 0x20:
			return "", p.syntax()
		case c != '\\':
			b = append(b, c)
			p.at++
			continue
		}
		p.at++
		if i := strings.IndexByte(`"\/bfnrt`, p.peek()); i >= 0 && p.peek() != 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[i])
			p.at++
			continue
		}
		r, err := p.unicode()
		if err != nil {
			return "", err
		}
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if strings.HasPrefix(p.in[p.at:], `\u`) {
				p.at++
				if low, err = p.unicode(); err != nil {
					return "", err
				}
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return "", p.bad("half of a surrogate pair")
			}
		}
		b = utf8.AppendRune(b, r)
	}
	return "", p.syntax()
}

// unicode reads uXXXX.
func (p *textParser) unicode() (rune, error) {
	if p.peek() != 'u' || p.at+5 > len(p.in) {
		return 0, p.syntax()
	}
	n, err := strconv.ParseUint(p.in[p.at+1:p.at+5], 16, 16)
	if err != nil || strings.ContainsAny(p.in[p.at+1:p.at+5], "+-_") {
		return 0, p.syntax()
	}
	p.at += 5
	return rune(n), nil
}

// number reads a number and prints it as Java does.
func (p *textParser) number() error {
	begin := p.at
	digits := func() bool {
		from := p.at
		for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
			p.at++
		}
		return p.at > from
	}
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !digits() {
		return p.syntax()
	}
	if c := p.peek(); '0' <= c && c <= '9' {
		return p.syntax()
	}
	decimal := false
	if p.peek() == '.' {
		p.at++
		decimal = true
		if !digits() {
			return p.syntax()
		}
	}
	if p.peek()|0x20 == 'e' {
		p.at++
		decimal = true
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !digits() {
			return p.syntax()
		}
	}
	token := p.in[begin:p.at]
	switch {
	case token == "-0":
		p.out = append(p.out, '0')
	case !decimal:
		p.out = append(p.out, token...)
	default:
		text, ok := bigDecimal(token)
		if !ok {
			return p.bad("an exponent beyond every limit")
		}
		p.out = append(p.out, text...)
	}
	return nil
}

// maxExponentDigits bounds the exponent of a number before it is counted with; what is left for the validator to
// refuse is far smaller.
const maxExponentDigits = 9

// bigDecimal prints a number with a fraction or an exponent as new java.math.BigDecimal(token).toString() does:
// plain while the scale is not negative and the adjusted exponent at least -6, else with one digit before the point.
func bigDecimal(token string) (string, bool) {
	sign := ""
	if rest, negative := strings.CutPrefix(token, "-"); negative {
		sign, token = "-", rest
	}
	mantissa, exponent := token, 0
	if i := strings.IndexAny(token, "eE"); i >= 0 {
		mantissa = token[:i]
		if len(strings.TrimLeft(token[i+1:], "+-0")) > maxExponentDigits {
			return "", false
		}
		exponent, _ = strconv.Atoi(token[i+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	unscaled := strings.TrimLeft(whole+fraction, "0")
	if unscaled == "" {
		unscaled, sign = "0", "" // there is no negative zero
	}
	scale := len(fraction) - exponent
	adjusted := len(unscaled) - 1 - scale
	if scale == 0 {
		return sign + unscaled, true
	}
	if scale > 0 && adjusted >= -6 {
		if pad := scale - len(unscaled) + 1; pad > 0 {
			unscaled = strings.Repeat("0", pad) + unscaled
		}
		point := len(unscaled) - scale
		return sign + unscaled[:point] + "." + unscaled[point:], true
	}
	text := sign + unscaled[:1]
	if len(unscaled) > 1 {
		text += "." + unscaled[1:]
	}
	if adjusted != 0 {
		text += fmt.Sprintf("E%+d", adjusted)
	}
	return text, true
}

// appendString appends a JSON string that escapes only what must be.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20:
			b = append(b, c)
		default:
			if j := strings.IndexByte("\b\t\n\f\r", c); j >= 0 {
				b = append(b, '\\', "btnfr"[j])
			} else {
				b = fmt.Appendf(b, `\u%04X`, c)
			}
		}
	}
	return append(b, '"')
}

// compareUTF16 orders strings as Java does, by UTF-16 code units: beyond the BMP that differs from byte order.
func compareUTF16(a, b string) int {
	for {
		if a == "" || b == "" {
			return len(a) - len(b)
		}
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb {
			if (ra > 0xFFFF) == (rb > 0xFFFF) {
				return int(ra) - int(rb)
			}
			return int(firstUnit(ra)) - int(firstUnit(rb))
		}
		a, b = a[na:], b[nb:]
	}
}

// firstUnit is the first UTF-16 code unit of a rune.
func firstUnit(r rune) rune {
	if r > 0xFFFF {
		high, _ := utf16.EncodeRune(r)
		return high
	}
	return r
}
