package compat

import (
	"encoding/binary"
	"math"
	"regexp/syntax"
	"slices"
	"unicode"
)

// Limits of regular languages.
const (
	MaxRegexStates      = 20_000  // states of one product
	MaxRegexStatesTotal = 500_000 // states of all products of one question
	maxPatterns         = 64      // patterns in one product: one bit each
	maxTable            = 1 << 24 // states × lengths looked at
)

// language is the deterministic product of some patterns: reading a string leads from state 0 to a state whose vector
// says, one bit a pattern, which of them are found in the string. Strings are sequences of Unicode scalar values.
type language struct {
	next    [][]int32 // by state, then letter
	vector  []uint64
	letters []letter
}

// letter is a class of runes that no pattern tells apart, as ranges; the first range begins with a readable rune.
type letter [][2]rune

// boundaries are what the languages of regexp/syntax can tell apart besides the ranges of a pattern itself.
var boundaries = []rune{0, '\n', '\n' + 1, ' ', '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, 0x7f, 0xd800, 0xe000, 0x3000, unicode.MaxRune + 1}

// newLanguage builds the product, or reports false when it needs more than max states.
func newLanguage(patterns []string, max int) (*language, bool) {
	if len(patterns) > maxPatterns {
		return nil, false
	}
	progs := make([]*syntax.Prog, len(patterns))
	var cuts []rune
	cuts = append(cuts, boundaries...)
	words, lines := false, false
	for i, p := range patterns {
		re, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			return nil, false
		}
		if progs[i], err = syntax.Compile(re.Simplify()); err != nil {
			return nil, false
		}
		for _, in := range progs[i].Inst {
			switch in.Op {
			case syntax.InstRune, syntax.InstRune1:
				cuts = appendCuts(cuts, &in)
			case syntax.InstEmptyWidth:
				op := syntax.EmptyOp(in.Arg)
				words = words || op&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
				lines = lines || op&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0
			}
		}
	}
	l := &language{letters: alphabet(cuts, progs)}
	d := &determiniser{progs: progs, words: words, lines: lines, ids: map[string]int32{}}
	d.state(make([][]uint32, len(progs)), make([]bool, len(progs)), -1)
	for i := 0; i < len(d.states); i++ {
		if len(d.states) > max {
			return nil, false
		}
		l.vector = append(l.vector, d.accepts(i))
		row := make([]int32, len(l.letters))
		for j, a := range l.letters {
			row[j] = d.step(i, a[0][0])
		}
		l.next = append(l.next, row)
	}
	return l, true
}

func appendCuts(cuts []rune, in *syntax.Inst) []rune {
	if len(in.Rune) == 1 {
		r := in.Rune[0]
		cuts = append(cuts, r, r+1)
		if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				cuts = append(cuts, f, f+1)
			}
		}
		return cuts
	}
	for i := 0; i+1 < len(in.Rune); i += 2 {
		cuts = append(cuts, in.Rune[i], in.Rune[i+1]+1)
	}
	return cuts
}

// alphabet groups the ranges between cuts by what every rune instruction, \b and $ say of them; readable ones first.
func alphabet(cuts []rune, progs []*syntax.Prog) []letter {
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	type group struct {
		letter
		rank int
	}
	byLook := map[string]*group{}
	var order []string
	for i := 0; i+1 < len(cuts); i++ {
		lo, hi := cuts[i], cuts[i+1]-1
		if lo >= 0xd800 && hi < 0xe000 || lo > unicode.MaxRune {
			continue
		}
		look := []byte{0}
		if lo == '\n' {
			look[0] |= 1
		}
		if syntax.IsWordChar(lo) {
			look[0] |= 2
		}
		for _, p := range progs {
			for j := range p.Inst {
				switch in := &p.Inst[j]; in.Op {
				case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
					b := byte(0)
					if matchRune(in, lo) {
						b = 1
					}
					look = append(look, b)
				}
			}
		}
		g, ok := byLook[string(look)]
		if !ok {
			g = &group{rank: math.MaxInt}
			byLook[string(look)] = g
			order = append(order, string(look))
		}
		if r := readable(lo); r < g.rank {
			g.rank = r
			g.letter = append(letter{{lo, hi}}, g.letter...)
		} else {
			g.letter = append(g.letter, [2]rune{lo, hi})
		}
	}
	groups := make([]*group, len(order))
	for i, k := range order {
		groups[i] = byLook[k]
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return a.rank - b.rank })
	out := make([]letter, len(groups))
	for i, g := range groups {
		out[i] = g.letter
	}
	return out
}

func readable(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return 0
	case r >= 'A' && r <= 'Z':
		return 1
	case r >= '0' && r <= '9':
		return 2
	case r == '_':
		return 3
	case r > ' ' && r < 0x7f:
		return 4
	case r == ' ':
		return 5
	case r >= 0x3000:
		return 6
	case r >= 0x80:
		return 7
	}
	return 8
}

func matchRune(in *syntax.Inst, r rune) bool {
	switch in.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	}
	return in.MatchRune(r)
}

// determiniser is the subset construction. A state is, for each pattern, the instructions to go on with (before empty
// transitions, which depend on the next rune) or "found", and what matters of the rune before.
type determiniser struct {
	progs        []*syntax.Prog
	words, lines bool
	ids          map[string]int32
	states       []dstate
}

type dstate struct {
	pcs   [][]uint32
	found []bool
	prev  rune // -1 at the start of the text
}

func (d *determiniser) state(pcs [][]uint32, found []bool, prev rune) int32 {
	switch {
	case prev == -1:
	case d.lines && prev == '\n':
	case d.words && syntax.IsWordChar(prev):
		prev = 'a'
	default:
		prev = ' '
	}
	var k []byte
	k = binary.AppendVarint(k, int64(prev))
	for i := range pcs {
		if found[i] {
			k = append(k, 1)
			continue
		}
		k = append(k, 0)
		k = binary.AppendUvarint(k, uint64(len(pcs[i])))
		for _, pc := range pcs[i] {
			k = binary.AppendUvarint(k, uint64(pc))
		}
	}
	id, ok := d.ids[string(k)]
	if !ok {
		id = int32(len(d.states))
		d.ids[string(k)] = id
		d.states = append(d.states, dstate{pcs, found, prev})
	}
	return id
}

// closure follows empty transitions from the pending instructions and, since a pattern may be found anywhere, from its
// start; it reports whether the pattern is found here.
func (d *determiniser) closure(i int, pcs []uint32, flags syntax.EmptyOp, runes *[]uint32) bool {
	p := d.progs[i]
	seen := make([]bool, len(p.Inst))
	stack := append(slices.Clone(pcs), uint32(p.Start))
	found := false
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch in := &p.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				stack = append(stack, in.Out)
			}
		case syntax.InstMatch:
			found = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			*runes = append(*runes, pc)
		}
	}
	return found
}

func (d *determiniser) step(from int, r rune) int32 {
	s := d.states[from]
	flags := syntax.EmptyOpContext(s.prev, r)
	pcs := make([][]uint32, len(d.progs))
	found := make([]bool, len(d.progs))
	for i, p := range d.progs {
		if s.found[i] {
			found[i] = true
			continue
		}
		var runes []uint32
		if d.closure(i, s.pcs[i], flags, &runes) {
			found[i] = true
			continue
		}
		for _, pc := range runes {
			if in := &p.Inst[pc]; matchRune(in, r) {
				pcs[i] = append(pcs[i], in.Out)
			}
		}
		slices.Sort(pcs[i])
		pcs[i] = slices.Compact(pcs[i])
	}
	return d.state(pcs, found, r)
}

// accepts is the vector of a state if the text ends there.
func (d *determiniser) accepts(at int) (vector uint64) {
	s := d.states[at]
	flags := syntax.EmptyOpContext(s.prev, -1)
	var runes []uint32
	for i := range d.progs {
		if s.found[i] || d.closure(i, s.pcs[i], flags, &runes) {
			vector |= 1 << i
		}
	}
	return vector
}

// window is the set of lengths asked for; hi < 0 means no upper bound.
type window struct{ lo, hi int64 }

func (w window) empty() bool { return w.hi >= 0 && w.lo > w.hi }

// strings lists up to want strings of the window whose vector is accepted, the shortest first. complete is set when
// there are no others; then an empty list proves emptiness. A table over maxTable gives an incomplete empty list.
func (l *language) strings(accept func(uint64) bool, w window, want int) (out []string, complete bool) {
	if w.empty() {
		return nil, true
	}
	n := len(l.next)
	good := make([]bool, n)
	some := false
	for i, v := range l.vector {
		good[i] = accept(v)
		some = some || good[i]
	}
	if !some {
		return nil, true
	}
	first, ok, feasible := l.shortest(good, w)
	if !feasible {
		return nil, false
	}
	if !ok {
		return nil, true
	}
	// exact[k] holds the states from which exactly k more letters can lead to a good state.
	exact := [][]bool{good}
	misses := 0
	for length := first; w.hi < 0 || length <= w.hi; length++ {
		if int64(n)*length > maxTable {
			return out, false
		}
		for int64(len(exact)) <= length {
			prev := exact[len(exact)-1]
			row := make([]bool, n)
			for i := range row {
				row[i] = slices.ContainsFunc(l.next[i], func(t int32) bool { return prev[t] })
			}
			exact = append(exact, row)
		}
		if !exact[length][0] {
			if misses++; misses > n {
				return out, true // no length in n consecutive ones: pumping down says there is none beyond
			}
			continue
		}
		misses = 0
		out = l.walk(exact, 0, int(length), nil, out, want)
		if len(out) >= want {
			return out, false
		}
	}
	return out, true
}

// walk appends the strings of exactly length more letters, letter classes in order, then the runes of each class.
func (l *language) walk(exact [][]bool, state int32, length int, prefix []rune, out []string, want int) []string {
	if length == 0 {
		return append(out, string(prefix))
	}
	for j, t := range l.next[state] {
		if !exact[length-1][t] {
			continue
		}
		for _, r := range l.letters[j] {
			for c := r[0]; c <= r[1]; c++ {
				out = l.walk(exact, t, length-1, append(prefix, c), out, want)
				if len(out) >= want {
					return out
				}
			}
		}
	}
	return out
}

// shortest is the least length of the window at which a good state can be reached.
func (l *language) shortest(good []bool, w window) (length int64, ok, feasible bool) {
	n := len(l.next)
	if w.lo*int64(n) > maxTable {
		return 0, false, false
	}
	at := make([]bool, n)
	at[0] = true
	for range w.lo {
		next := make([]bool, n)
		for i, in := range at {
			if in {
				for _, t := range l.next[i] {
					next[t] = true
				}
			}
		}
		if slices.Equal(at, next) {
			break
		}
		at = next
	}
	seen := slices.Clone(at)
	for d := w.lo; w.hi < 0 || d <= w.hi; d++ {
		var next []int32
		for i, in := range at {
			if !in {
				continue
			}
			if good[i] {
				return d, true, true
			}
			for _, t := range l.next[i] {
				if !seen[t] {
					seen[t] = true
					next = append(next, t)
				}
			}
		}
		if len(next) == 0 {
			return 0, false, true
		}
		at = make([]bool, n)
		for _, t := range next {
			at[t] = true
		}
	}
	return 0, false, true
}
