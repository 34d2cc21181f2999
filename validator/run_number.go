package validator

import (
	"math/big"
	"math/bits"
)

// numberRules is what concerns numbers. Most numbers have few digits, and then machine integers decide, exactly.
type numberRules struct {
	minimum, maximum, above, below, multipleOf *decimal

	low, high int64   // between which an integer of up to smallDigits digits must lie, both included
	ends      []bound // the same of a number with a point
	step      *small  // multipleOf
	small     bool    // ends and step say all
}

// small is ± digits ÷ 10^places.
type small struct {
	negative bool
	digits   uint64
	places   int // up to smallDigits
}

type bound struct {
	at       small
	atMost   bool // else at least
	excluded bool
}

// smallDigits is how many digits a small number has at most: any such number fits in 63 bits.
const smallDigits = 18

var powersOfTen = func() (powers [smallDigits + 2]uint64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1] * 10
	}
	return powers
}()

func numberRulesOf(n *Node) *numberRules {
	r := &numberRules{minimum: decimalOf(n.Minimum), maximum: decimalOf(n.Maximum), above: decimalOf(n.ExclusiveMinimum), below: decimalOf(n.ExclusiveMaximum), multipleOf: decimalOf(n.MultipleOf)}
	r.low, r.high, r.small = -1<<63, 1<<63-1, true
	none := true
	for _, b := range []struct {
		at               *decimal
		exact            *big.Rat
		atMost, excluded bool
	}{{r.minimum, n.Minimum, false, false}, {r.maximum, n.Maximum, true, false}, {r.above, n.ExclusiveMinimum, false, true}, {r.below, n.ExclusiveMaximum, true, true}} {
		if b.at == nil {
			continue
		}
		none = false
		if b.atMost {
			r.high = min(r.high, integerBelow(b.exact, b.excluded))
		} else {
			r.low = max(r.low, -integerBelow(new(big.Rat).Neg(b.exact), b.excluded))
		}
		at, ok := b.at.small()
		r.small = r.small && ok
		r.ends = append(r.ends, bound{at, b.atMost, b.excluded})
	}
	if r.multipleOf != nil {
		none = false
		step, ok := r.multipleOf.small()
		r.step, r.small = &step, r.small && ok
	}
	if none {
		return nil
	}
	return r
}

// integerBelow is the greatest integer that is at most a bound, or below it, within the range of small numbers.
func integerBelow(bound *big.Rat, excluded bool) int64 {
	floor, rest := new(big.Int).DivMod(bound.Num(), bound.Denom(), new(big.Int))
	if excluded && rest.Sign() == 0 {
		floor.Sub(floor, big.NewInt(1))
	}
	limit := int64(powersOfTen[smallDigits])
	switch {
	case !floor.IsInt64():
		return limit * int64(floor.Sign())
	default:
		return max(-limit, min(limit, floor.Int64()))
	}
}

// small turns a decimal into a small number; false if it has too many digits or places.
func (d decimal) small() (small, bool) {
	s := small{negative: d.negative, places: max(0, len(d.digits)-d.point)}
	zeros := max(0, d.point-len(d.digits))
	if s.places > smallDigits || len(d.digits)+zeros > smallDigits {
		return small{}, false
	}
	for _, c := range d.digits {
		s.digits = s.digits*10 + uint64(c-'0')
	}
	s.digits *= powersOfTen[zeros]
	return s, true
}

// number judges the number at i.
func (r *run) number(n *node, i int) int {
	text, at, v := r.text, i, small{}
	if text[at] == '-' {
		v.negative = true
		at++
	}
	from := at
	for at < len(text) {
		digit := text[at] - '0'
		if digit > 9 {
			break
		}
		v.digits = v.digits*10 + uint64(digit)
		at++
	}
	whole := at - from
	if whole == 0 || whole > smallDigits || whole > 1 && text[from] == '0' {
		return r.anyNumber(n, i)
	}
	if at < len(text) && text[at] == '.' {
		at++
		from = at
		for at < len(text) {
			digit := text[at] - '0'
			if digit > 9 {
				break
			}
			v.digits = v.digits*10 + uint64(digit)
			at++
		}
		if v.places = at - from; v.places == 0 || whole+v.places > smallDigits {
			return r.anyNumber(n, i)
		}
	}
	if at < len(text) && text[at]|0x20 == 'e' || n.number != nil && !n.number.small {
		return r.anyNumber(n, i)
	}
	if n.types&TypeNumber == 0 && v.places > 0 && v.digits%powersOfTen[v.places] != 0 || n.number != nil && !n.number.holdSmall(v) {
		return -1
	}
	return at
}

// anyNumber judges a number of any length or form.
func (r *run) anyNumber(n *node, i int) int {
	end, _ := scanNumber(r.text, i)
	if end < 0 {
		return r.malformed()
	}
	r.steps -= (end - i) / 8
	if n.types&TypeNumber == 0 || n.number != nil {
		r.counts[fellBignum]++
		var digits [32]byte // on the stack: nearly every number fits
		d := readDecimal(digits[:0], r.text[i:end])
		if n.types&TypeNumber == 0 && !d.isInteger() || n.number != nil && !n.number.hold(d) {
			return -1
		}
	}
	return end
}

// hold judges a number by its bounds.
func (n *numberRules) hold(d decimal) bool {
	return (n.minimum == nil || d.compare(*n.minimum) >= 0) &&
		(n.maximum == nil || d.compare(*n.maximum) <= 0) &&
		(n.above == nil || d.compare(*n.above) > 0) &&
		(n.below == nil || d.compare(*n.below) < 0) &&
		(n.multipleOf == nil || d.isMultipleOf(*n.multipleOf))
}

// holdSmall is hold where number and bounds are small.
func (n *numberRules) holdSmall(v small) bool {
	if v.places == 0 {
		whole := int64(v.digits)
		if v.negative {
			whole = -whole
		}
		if whole < n.low || whole > n.high {
			return false
		}
	} else {
		for k := range n.ends {
			b := &n.ends[k]
			c := v.compare(b.at)
			if b.atMost {
				c = -c
			}
			if c < 0 || c == 0 && b.excluded {
				return false
			}
		}
	}
	return n.step == nil || v.isMultipleOf(*n.step)
}

// compare is -1, 0 or 1. Both sides are brought to the same places, in 128 bits.
func (v small) compare(w small) int {
	if v.digits == 0 || w.digits == 0 || v.negative != w.negative {
		return v.sign() - w.sign()
	}
	vHigh, vLow := bits.Mul64(v.digits, powersOfTen[max(0, w.places-v.places)])
	wHigh, wLow := bits.Mul64(w.digits, powersOfTen[max(0, v.places-w.places)])
	c := 0
	switch {
	case vHigh < wHigh || vHigh == wHigh && vLow < wLow:
		c = -1
	case vHigh != wHigh || vLow != wLow:
		c = 1
	}
	return c * v.sign()
}

func (v small) sign() int {
	switch {
	case v.digits == 0:
		return 0
	case v.negative:
		return -1
	}
	return 1
}

// isMultipleOf reports whether v ÷ step is an integer; step is not zero.
func (v small) isMultipleOf(step small) bool {
	if v.places <= step.places {
		high, low := bits.Mul64(v.digits, powersOfTen[step.places-v.places])
		return bits.Rem64(high, low, step.digits) == 0
	}
	high, low := bits.Mul64(step.digits, powersOfTen[v.places-step.places])
	if high > 0 { // more than v has
		return v.digits == 0
	}
	return v.digits%low == 0
}
