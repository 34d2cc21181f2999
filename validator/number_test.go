package validator_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/accordhq/accord/validator"
)

// TestNumbersAreExact holds comparison and multipleOf against rational arithmetic.
func TestNumbersAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Custom(func(t *rapid.T) string {
			text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,12})?`).Draw(t, "mantissa")
			if rapid.Bool().Draw(t, "scientific") {
				text += fmt.Sprintf("e%d", rapid.IntRange(-30, 30).Draw(t, "exponent"))
			}
			return text
		})
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		if got, want := validator.CompareNumbers(a, b), x.Cmp(y); got != want {
			t.Errorf("compare(%s, %s) = %d, want %d", a, b, got, want)
		}
		if y.Sign() > 0 {
			if got, want := validator.IsMultipleOf(a, b), new(big.Rat).Quo(x, y).IsInt(); got != want {
				t.Errorf("isMultipleOf(%s, %s) = %v, want %v", a, b, got, want)
			}
		}
		c, _ := new(big.Rat).SetString(validator.Canonical(a))
		if c.Cmp(x) != 0 || (validator.Canonical(a) == validator.Canonical(b)) != (x.Cmp(y) == 0) {
			t.Errorf("Canonical(%s) = %s, Canonical(%s) = %s", a, validator.Canonical(a), b, validator.Canonical(b))
		}
	})
}

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		`-0.0e5`: `0`, `1.0`: `1`, `10e-1`: `1`, `1e20`: `100000000000000000000`, `1e21`: `1e21`, `0.0000001`: `0.0000001`, `0.00000001`: `1e-8`, `-12.50`: `-12.5`, `123e30`: `1.23e32`,
		`{"b" : [ 1.0, null ], "a":"\u0041\u000a\/\"" }`: `{"a":"A\u000a/\"","b":[1,null]}`, `"\ud83d\ude00"`: `"😀"`, `{}`: `{}`, `[ ]`: `[]`, `{"a":{"\u0062":1}}`: `{"a":{"b":1}}`,
	} {
		if got := validator.Canonical(text); got != want {
			t.Errorf("Canonical(%s) = %s, want %s", text, got, want)
		}
	}
}

// TestBounds holds bounds and multipleOf, as events meet them, against rational arithmetic: numbers that machine integers
// decide, and those beside them that take more.
func TestBounds(t *testing.T) {
	numbers := []string{
		"0", "-0", "1", "-1", "7", "0.5", "-0.25", "0.001", "10", "1e1", "12.340", "100.01", "999999999999999999", "-999999999999999999", "1000000000000000000",
		"0.000000000000000001", "0.999999999999999999", "123456789.123456789", "1e-19", "1e300", "99999999999999999999.5", "3", "1.5e3",
	}
	for _, bound := range numbers {
		b, _ := new(big.Rat).SetString(bound)
		tests := map[string]func(x *big.Rat) bool{
			"minimum":          func(x *big.Rat) bool { return x.Cmp(b) >= 0 },
			"maximum":          func(x *big.Rat) bool { return x.Cmp(b) <= 0 },
			"exclusiveMinimum": func(x *big.Rat) bool { return x.Cmp(b) > 0 },
			"exclusiveMaximum": func(x *big.Rat) bool { return x.Cmp(b) < 0 },
		}
		if b.Sign() > 0 {
			tests["multipleOf"] = func(x *big.Rat) bool { return new(big.Rat).Quo(x, b).IsInt() }
		}
		for keyword, holds := range tests {
			s, whole := compile(t, `{"`+keyword+`":`+bound+`}`), compile(t, `{"type":"integer","`+keyword+`":`+bound+`}`)
			for _, number := range numbers {
				x, _ := new(big.Rat).SetString(number)
				if got, want := s.Valid([]byte(number)), holds(x); got != want {
					t.Errorf("%s of %s: Valid(%s) = %v, want %v", keyword, bound, number, got, want)
				}
				if got, want := whole.Valid([]byte(number)), holds(x) && x.IsInt(); got != want {
					t.Errorf("integer, %s of %s: Valid(%s) = %v, want %v", keyword, bound, number, got, want)
				}
			}
		}
	}
}
