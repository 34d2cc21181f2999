package upcast_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/accordhq/accord/upcast"
)

// jsonNumbers draws texts of numbers in every shape that JSON allows, small enough for big.Rat.
func jsonNumbers() *rapid.Generator[string] {
	return rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?`)
}

func rat(t interface{ Fatalf(string, ...any) }, s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("big.Rat cannot read %q", s)
	}
	return r
}

func TestScaleAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := jsonNumbers().Draw(t, "number")
		exp10 := rapid.IntRange(-upcast.MaxScale, upcast.MaxScale).Draw(t, "exp10")
		whole := rapid.Bool().Draw(t, "whole")
		round := rapid.Bool().Draw(t, "round")
		got := upcast.Scale(text, exp10, whole, round)
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp10, -exp10))), nil))
		want := rat(t, text)
		if exp10 < 0 {
			want.Quo(want, power)
		} else {
			want.Mul(want, power)
		}
		if whole && !want.IsInt() {
			if !round {
				if got != "" {
					t.Fatalf("Scale(%s, %d) = %s, want a refusal: %s is not whole", text, exp10, got, want.FloatString(30))
				}
				return
			}
			want = halfEven(want)
		}
		if got == "" {
			if plain := strings.Trim(want.FloatString(120), "0"); len(plain) <= upcast.MaxNumberDigits/2 {
				t.Fatalf("Scale(%s, %d) refuses %s", text, exp10, plain)
			}
			return
		}
		if strings.ContainsAny(got, "eE") || rat(t, got).Cmp(want) != 0 {
			t.Fatalf("Scale(%s, %d, %v, %v) = %s, want %s", text, exp10, whole, round, got, want.FloatString(40))
		}
		if strings.Contains(got, ".") && strings.HasSuffix(got, "0") {
			t.Fatalf("Scale(%s, %d) = %s ends in a zero", text, exp10, got)
		}
	})
}

// halfEven rounds by rational arithmetic.
func halfEven(r *big.Rat) *big.Rat {
	floor := new(big.Int).Div(r.Num(), r.Denom()) // Euclidean: towards minus infinity for a positive denominator
	rest := new(big.Rat).Sub(r, new(big.Rat).SetInt(floor))
	switch rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		floor.Add(floor, big.NewInt(1))
	case 0:
		if floor.Bit(0) == 1 {
			floor.Add(floor, big.NewInt(1))
		}
	}
	return new(big.Rat).SetInt(floor)
}

func TestSameNumberAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := jsonNumbers().Draw(t, "a")
		b := rapid.OneOf(jsonNumbers(), rapid.Just(a+"0"), rapid.Just(a+"e0"), rapid.Just(a+".0"), rapid.Just("-"+a)).Draw(t, "b")
		x, ok := new(big.Rat).SetString(a)
		y, ok2 := new(big.Rat).SetString(b)
		if !ok || !ok2 || strings.HasPrefix(b, "--") || strings.Count(b, ".") > 1 || strings.Count(strings.ToLower(b), "e") > 1 {
			return
		}
		if got := upcast.SameNumber(a, b); got != (x.Cmp(y) == 0) {
			t.Fatalf("SameNumber(%s, %s) = %v", a, b, got)
		}
	})
}

func TestNumbersBeyondRationals(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1e999999999", "10e999999998", true},
		{"1e99999999999", "1e99999999999", true},
		{"1e99999999999", "1E99999999999", false}, // too large to compare by value: equal only to itself
		{"-0", "0.000e77", true},
	} {
		if got := upcast.SameNumber(c.a, c.b); got != c.want {
			t.Errorf("SameNumber(%s, %s) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
