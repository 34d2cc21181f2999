package upcast

import (
	"bytes"
	"strconv"
)

// A decimal is digits x 10^exp, exactly. digits has neither leading nor trailing zeros; none at all means 0.
type decimal struct {
	neg    bool
	digits []byte
	exp    int
}

// parseDecimal reads the text of a JSON number. The second result says, if it is not "", over which limit the number
// is. The digits are a copy.
func parseDecimal(number []byte) (decimal, string) {
	var d decimal
	if number[0] == '-' {
		d.neg, number = true, number[1:]
	}
	if e := bytes.IndexAny(number, "eE"); e >= 0 {
		exp, err := strconv.Atoi(string(number[e+1:]))
		if err != nil || exp < -MaxOpExponent || exp > MaxOpExponent {
			return decimal{}, "a number's exponent is over MaxOpExponent (" + strconv.Itoa(MaxOpExponent) + ")"
		}
		d.exp, number = exp, number[:e]
	}
	whole, fraction, _ := bytes.Cut(number, []byte("."))
	d.digits = append(append(make([]byte, 0, len(number)), whole...), fraction...)
	d.exp -= len(fraction)
	d.trim()
	if len(d.digits) > MaxNumberDigits {
		return decimal{}, tooManyDigits
	}
	return d, ""
}

var tooManyDigits = "a number has more digits than MaxNumberDigits (" + strconv.Itoa(MaxNumberDigits) + ")"

func (d *decimal) trim() {
	short := bytes.TrimRight(d.digits, "0")
	d.exp += len(d.digits) - len(short)
	d.digits = bytes.TrimLeft(short, "0")
	if len(d.digits) == 0 {
		*d = decimal{}
	}
}

// whole says whether d is an integer.
func (d decimal) whole() bool { return d.exp >= 0 }

// round returns the integer nearest to d, of two the even one.
func (d decimal) round() decimal {
	if d.whole() {
		return d
	}
	keep := len(d.digits) + d.exp // digits before the point; the others go
	if keep < 0 {
		return decimal{}
	}
	rest := d.digits[keep:]
	up := rest[0] > '5' || rest[0] == '5' && (len(rest) > 1 || keep > 0 && (d.digits[keep-1]-'0')%2 == 1)
	out := decimal{neg: d.neg, digits: append([]byte{'0'}, d.digits[:keep]...)}
	for i := len(out.digits) - 1; up; i-- {
		if out.digits[i] < '9' {
			out.digits[i]++
			break
		}
		out.digits[i] = '0'
	}
	out.trim()
	return out
}

// print gives d as a JSON number without exponent; false if that needs more than MaxNumberDigits digits.
func (d decimal) print() ([]byte, bool) {
	if len(d.digits) == 0 {
		return []byte("0"), true
	}
	if max(len(d.digits)+d.exp, -d.exp, len(d.digits)) > MaxNumberDigits {
		return nil, false
	}
	var out []byte
	if d.neg {
		out = append(out, '-')
	}
	switch point := len(d.digits) + d.exp; {
	case d.exp >= 0:
		out = append(out, d.digits...)
		out = append(out, bytes.Repeat([]byte("0"), d.exp)...)
	case point > 0:
		out = append(append(append(out, d.digits[:point]...), '.'), d.digits[point:]...)
	default:
		out = append(append(out, '0', '.'), bytes.Repeat([]byte("0"), -point)...)
		out = append(out, d.digits...)
	}
	return out, true
}

// sameNumber compares two JSON numbers by value, whatever their size.
func sameNumber(a, b []byte) bool {
	return bytes.Equal(a, b) || bytes.Equal(canonicalNumber(nil, a), canonicalNumber(nil, b))
}

// canonicalNumber appends a text that is equal for equal numbers: sign, digits, exponent. Numbers with an exponent of
// more than nine digits are equal only to themselves.
func canonicalNumber(dst, number []byte) []byte {
	mantissa, exponent, _ := bytes.Cut(bytes.ToLower(number), []byte("e"))
	exp := 0
	if len(exponent) > 0 {
		n, err := strconv.Atoi(string(exponent))
		if err != nil || n > 999_999_999 || n < -999_999_999 {
			return append(dst, number...)
		}
		exp = n
	}
	neg := mantissa[0] == '-'
	whole, fraction, _ := bytes.Cut(bytes.TrimPrefix(mantissa, []byte("-")), []byte("."))
	d := decimal{neg: neg, digits: append(bytes.Clone(whole), fraction...), exp: exp - len(fraction)}
	d.trim()
	if d.neg {
		dst = append(dst, '-')
	}
	return strconv.AppendInt(append(append(dst, d.digits...), 'e'), int64(d.exp), 10)
}
