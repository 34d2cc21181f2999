package compat

import (
	"math/big"
)

// MaxNumberCandidates bounds the multiples that are looked at one by one.
const MaxNumberCandidates = 100_000

// numbers is the set of numbers that a goal asks for.
type numbers struct {
	lo, hi         *big.Rat // nil: unbounded
	loOpen, hiOpen bool
	multiple       *big.Rat   // nil: any
	not            []*big.Rat // not a multiple of any of these
	excluded       map[string]bool
	meter          *meter
}

func (n *numbers) atLeast(r *big.Rat, open bool) {
	if n.lo == nil || r.Cmp(n.lo) > 0 || r.Cmp(n.lo) == 0 && open {
		n.lo, n.loOpen = r, open
	}
}

func (n *numbers) atMost(r *big.Rat, open bool) {
	if n.hi == nil || r.Cmp(n.hi) < 0 || r.Cmp(n.hi) == 0 && open {
		n.hi, n.hiOpen = r, open
	}
}

// multipleOf meets the lattice with another: the least common multiple of the two rationals.
func (n *numbers) multipleOf(r *big.Rat) {
	r = new(big.Rat).Abs(r)
	if n.multiple == nil {
		n.multiple = r
		return
	}
	n.multiple = lcm(n.multiple, r)
}

// lcm of a/b and c/d in lowest terms is lcm(a, c) / gcd(b, d).
func lcm(x, y *big.Rat) *big.Rat {
	a, b, c, d := x.Num(), x.Denom(), y.Num(), y.Denom()
	g := new(big.Int).GCD(nil, nil, a, c)
	num := new(big.Int).Mul(new(big.Int).Quo(a, g), c)
	return new(big.Rat).SetFrac(num, new(big.Int).GCD(nil, nil, b, d))
}

func (n *numbers) has(v *big.Rat) bool {
	n.meter.spend(onNumbers, (1+len(n.not))*(4+v.Num().BitLen()/64))
	if n.lo != nil {
		if c := v.Cmp(n.lo); c < 0 || c == 0 && n.loOpen {
			return false
		}
	}
	if n.hi != nil {
		if c := v.Cmp(n.hi); c > 0 || c == 0 && n.hiOpen {
			return false
		}
	}
	if n.multiple != nil && !new(big.Rat).Quo(v, n.multiple).IsInt() {
		return false
	}
	for _, d := range n.not {
		if new(big.Rat).Quo(v, d).IsInt() {
			return false
		}
	}
	return len(n.excluded) == 0 || !n.excluded[canonical(v)]
}

// solve returns a number of the set, or none; the verdict is unknown over MaxNumberCandidates.
func (n *numbers) solve() (*big.Rat, truth) {
	if n.lo != nil && n.hi != nil {
		if c := n.lo.Cmp(n.hi); c > 0 || c == 0 && (n.loOpen || n.hiOpen) {
			return nil, no
		} else if c == 0 {
			if n.has(n.lo) {
				return n.lo, yes
			}
			return nil, no
		}
	}
	for _, v := range n.simple() {
		if n.has(v) {
			return v, yes
		}
	}
	if n.multiple != nil {
		return n.lattice()
	}
	return n.dense()
}

// simple lists numbers that people would choose: small ones, and those next to the bounds.
func (n *numbers) simple() []*big.Rat {
	var out []*big.Rat
	for _, i := range []int64{0, 1, -1, 2, -2, 3, 5, 7, 10, 42, 100} {
		out = append(out, big.NewRat(i, 1))
	}
	step := big.NewRat(1, 1)
	if n.multiple != nil {
		step = n.multiple
	}
	for _, b := range []*big.Rat{n.lo, n.hi} {
		if b == nil {
			continue
		}
		q := floor(new(big.Rat).Quo(b, step))
		for i := int64(-2); i <= 3; i++ {
			k := new(big.Rat).SetInt(new(big.Int).Add(q, big.NewInt(i)))
			out = append(out, k.Mul(k, step))
		}
		out = append(out, b)
	}
	half := big.NewRat(1, 2)
	out = append(out, half, big.NewRat(-1, 2), big.NewRat(3, 2))
	if n.lo != nil && n.hi != nil {
		mid := new(big.Rat).Add(n.lo, n.hi)
		out = append(out, mid.Mul(mid, half))
	}
	return out
}

func floor(r *big.Rat) *big.Int {
	return new(big.Int).Div(r.Num(), r.Denom()) // Euclidean; the denominator is positive, so this is the floor
}

// lattice looks at k·m for k from the smallest magnitude allowed. With d/m = a/b in lowest terms, k·m/d = k·b/a, so k·m
// is a multiple of d if and only if a divides k.
func (n *numbers) lattice() (*big.Rat, truth) {
	var factors []*big.Int
	for _, d := range n.not {
		a := new(big.Int).Abs(new(big.Rat).Quo(d, n.multiple).Num())
		if a.IsInt64() && a.Int64() == 1 {
			return nil, no
		}
		factors = append(factors, a)
	}
	var lo, hi *big.Int
	if n.lo != nil {
		q := new(big.Rat).Quo(n.lo, n.multiple)
		lo = floor(q)
		if !q.IsInt() || n.loOpen {
			lo.Add(lo, big.NewInt(1))
		}
	}
	if n.hi != nil {
		q := new(big.Rat).Quo(n.hi, n.multiple)
		hi = floor(q)
		if q.IsInt() && n.hiOpen {
			hi.Sub(hi, big.NewInt(1))
		}
	}
	if lo != nil && hi != nil && lo.Cmp(hi) > 0 {
		return nil, no
	}
	// Among any (e+1)·2^len(factors) consecutive k one survives the factors and e exclusions (Jacobsthal's bound).
	enough := int64(MaxNumberCandidates)
	complete := false
	if len(factors) <= 16 {
		if w := int64(len(n.excluded)+1) << len(factors); w <= MaxNumberCandidates {
			enough, complete = w, true
		}
	}
	if lo != nil && hi != nil {
		if width := new(big.Int).Sub(hi, lo); width.IsInt64() && width.Int64()+1 <= enough {
			enough, complete = width.Int64()+1, true
		}
	}
	start, dir := big.NewInt(0), int64(1)
	switch {
	case lo != nil && (lo.Sign() > 0 || hi != nil):
		start = lo
	case hi != nil && (hi.Sign() < 0 || lo == nil):
		start, dir = hi, -1
	case lo != nil:
		start = lo
	}
	k := new(big.Int).Set(start)
	step := big.NewInt(dir)
	for range enough {
		if n.meter.over() {
			return nil, unknown
		}
		if lo != nil && k.Cmp(lo) < 0 || hi != nil && k.Cmp(hi) > 0 {
			break
		}
		v := new(big.Rat).SetInt(k)
		v.Mul(v, n.multiple)
		if n.has(v) {
			return v, yes
		}
		k.Add(k, step)
	}
	if complete {
		return nil, no
	}
	return nil, unknown
}

// dense finds a finite decimal in a proper interval without a lattice: only countably many points are forbidden, and
// decimals k/10^n + a bit that no divisor hits exist for n large enough.
func (n *numbers) dense() (*big.Rat, truth) {
	lo, hi := n.lo, n.hi
	switch {
	case lo == nil && hi == nil:
		lo, hi = big.NewRat(0, 1), big.NewRat(1, 1)
	case lo == nil:
		lo = new(big.Rat).Sub(hi, big.NewRat(1, 1))
	case hi == nil:
		hi = new(big.Rat).Add(lo, big.NewRat(1, 1))
	}
	scale := big.NewInt(1)
	for range 400 {
		scale.Mul(scale, big.NewInt(10))
		s := new(big.Rat).SetInt(scale)
		first := floor(new(big.Rat).Mul(lo, s))
		last := floor(new(big.Rat).Mul(hi, s))
		k := new(big.Int).Set(first)
		for range 50 {
			if k.Cmp(last) > 0 {
				break
			}
			v := new(big.Rat).SetFrac(new(big.Int).Set(k), scale)
			if n.has(v) {
				return v, yes
			}
			k.Add(k, big.NewInt(1))
		}
	}
	return nil, unknown
}
