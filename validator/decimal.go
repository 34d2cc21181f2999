package validator

import (
	"bytes"
	"cmp"
	"math/big"
	"math/bits"
)

// decimal is an exact number: 0.d1d2d3… × 10^point, without zeros at either end of the digits. No digits: zero.
type decimal struct {
	negative bool
	digits   []byte // '0' to '9'
	point    int
}

// readDecimal reads a JSON number, which the scanner has passed. Its digits are appended to buf.
func readDecimal(buf, number []byte) decimal {
	d := decimal{digits: buf}
	from := len(buf)
	if number[0] == '-' {
		d.negative, number = true, number[1:]
	}
	whole := true
	for i, c := range number {
		if c == '.' {
			whole = false
			continue
		}
		if c == 'e' || c == 'E' {
			d.point += readExponent(number[i+1:])
			break
		}
		if whole {
			d.point++
		}
		if c == '0' && len(d.digits) == from { // a zero in front
			d.point--
			continue
		}
		d.digits = append(d.digits, c)
	}
	d.digits = bytes.TrimRight(d.digits[from:], "0")
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

func readExponent(text []byte) int {
	negative := text[0] == '-'
	n := 0
	for _, c := range text {
		if c >= '0' && c <= '9' {
			n = min(n*10+int(c-'0'), 1<<30)
		}
	}
	if negative {
		return -n
	}
	return n
}

// decimalOf is a bound of a schema, which was written as a decimal; nil stays nil.
func decimalOf(r *big.Rat) *decimal {
	if r == nil {
		return nil
	}
	places, _ := r.FloatPrec()
	d := readDecimal(nil, []byte(r.FloatString(places)))
	return &d
}

func (d decimal) sign() int {
	switch {
	case len(d.digits) == 0:
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compare is -1, 0 or 1: magnitudes first, then digits from the left.
func (d decimal) compare(e decimal) int {
	if s := cmp.Compare(d.sign(), e.sign()); s != 0 || d.sign() == 0 {
		return s
	}
	return d.sign() * cmp.Or(cmp.Compare(d.point, e.point), bytes.Compare(d.digits, e.digits))
}

// isInteger reports whether d has no fractional part.
func (d decimal) isInteger() bool { return len(d.digits) <= max(d.point, 0) }

// isMultipleOf reports whether d / m is an integer; m is not zero. With d = a × 10^i and m = b × 10^j, neither a nor b
// divisible by 10: below zero, i-j would ask for factors of ten that a does not have; else b must divide a × 10^(i-j).
func (d decimal) isMultipleOf(m decimal) bool {
	if len(d.digits) == 0 {
		return true
	}
	shift := (d.point - len(d.digits)) - (m.point - len(m.digits))
	if shift < 0 {
		return false
	}
	if len(m.digits) > 19 {
		return d.isMultipleOfBig(m, shift)
	}
	var divisor uint64
	for _, c := range m.digits {
		divisor = divisor*10 + uint64(c-'0')
	}
	var rest uint64
	for _, c := range d.digits {
		rest = addMod(mulMod(rest, 10, divisor), uint64(c-'0'), divisor)
	}
	for power := 10 % divisor; shift > 0 && rest != 0; shift >>= 1 {
		if shift&1 == 1 {
			rest = mulMod(rest, power, divisor)
		}
		power = mulMod(power, power, divisor)
	}
	return rest == 0
}

func (d decimal) isMultipleOfBig(m decimal, shift int) bool {
	a, _ := new(big.Int).SetString(string(d.digits), 10)
	b, _ := new(big.Int).SetString(string(m.digits), 10)
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(shift)), b)
	return a.Mul(a, power).Mod(a, b).Sign() == 0
}

// mulMod is a × b mod m for a < m.
func mulMod(a, b, m uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return bits.Rem64(high, low, m)
}

// addMod is a + b mod m for a < m and b < 10.
func addMod(a, b, m uint64) uint64 {
	low, carry := bits.Add64(a, b, 0)
	return bits.Rem64(carry, low, m)
}
