package compat

import (
	"encoding/binary"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// Limits of regular languages.
const (
	MaxRegexStates      = 20_000  // states of one product
	MaxRegexStatesTotal = 500_000 // states of all products of one question
	maxPatterns         = 64      // patterns in one product: one bit each
	maxTable            = 1 << 24 // states × lengths looked at
	workPerUnit         = 8       // instructions looked at that cost one unit of work
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

// factor is one pattern of a product, as a program or as a table.
type factor struct {
	prog  *syntax.Prog
	table *table
}

// newLanguage builds the product, or reports false when it needs more than max states, or more work than the meter has
// left. A pattern that begins with tableMark is the name of a table.
func newLanguage(patterns []string, max int, m *meter) (*language, bool) {
	if len(patterns) > maxPatterns {
		return nil, false
	}
	factors := make([]factor, len(patterns))
	for i, p := range patterns {
		if name, ok := strings.CutPrefix(p, tableMark); ok {
			factors[i].table = tables()[name]
		} else if factors[i].prog = program(p); factors[i].prog == nil {
			return nil, false
		}
	}
	return product(factors, max, m)
}

// program is a compiled pattern; nil if it does not compile, which a compiled schema never has.
func program(pattern string) *syntax.Prog {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	p, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil
	}
	return p
}

// product reads all factors side by side.
func product(factors []factor, max int, m *meter) (*language, bool) {
	var cuts []rune
	cuts = append(cuts, boundaries...)
	words, lines := false, false
	for _, f := range factors {
		if f.table != nil {
			for _, r := range f.table.alphabet {
				cuts = append(cuts, r, r+1)
			}
			continue
		}
		for _, in := range f.prog.Inst {
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
	instructions := 0
	for _, f := range factors {
		if f.prog != nil {
			instructions += len(f.prog.Inst)
		}
	}
	if m.spend(onPatterns, len(cuts)*(len(factors)+instructions)/(8*workPerUnit)); m.over() {
		return nil, false
	}
	l := &language{letters: alphabet(cuts, factors)}
	d := newDeterminiser(factors, l.letters, words, lines)
	start := make([][]uint32, len(factors))
	for i, f := range factors {
		if f.table != nil {
			start[i] = []uint32{0}
		}
	}
	d.state(start, make([]bool, len(factors)), -1)
	for i := 0; i < len(d.states); i++ {
		if m.spend(onPatterns, 1+d.work/workPerUnit); len(d.states) > max || m.over() {
			return nil, false
		}
		d.work = 0
		l.vector = append(l.vector, d.accepts(i))
		row := make([]int32, len(l.letters))
		for j := range l.letters {
			row[j] = d.step(i, j)
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

// alphabet groups the ranges between cuts by what every rune instruction, table, \b and $ say of them; readable ones
// first.
func alphabet(cuts []rune, factors []factor) []letter {
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
		for _, f := range factors {
			if f.table != nil {
				look = append(look, byte(strings.IndexRune(f.table.alphabet, lo)+1))
				continue
			}
			for j := range f.prog.Inst {
				switch in := &f.prog.Inst[j]; in.Op {
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

// determiniser is the subset construction. A state is, for each program, the instructions to go on with (before empty
// transitions, which depend on the next rune) or "found", for each table its state or nothing, and what matters of the
// rune before.
type determiniser struct {
	factors      []factor
	letters      []letter
	reads        [][][]bool // by factor, instruction and letter
	words, lines bool
	ids          map[string]int32
	states       []dstate
	at           int                        // the state that reached is about
	reached      map[syntax.EmptyOp][]ahead // by what stands between the rune before and the next one
	seen         []int                      // by instruction: the last closure that met it
	round        int
	work         int // since it was last asked
	stack        []uint32
	key          []byte
}

// ahead is what one factor of a state can do next: it is found, or it reads.
type ahead struct {
	found bool
	runes []uint32
}

type dstate struct {
	pcs   [][]uint32
	found []bool
	prev  rune // -1 at the start of the text
}

func newDeterminiser(factors []factor, letters []letter, words, lines bool) *determiniser {
	d := &determiniser{factors: factors, letters: letters, words: words, lines: lines, ids: map[string]int32{}, at: -1, reads: make([][][]bool, len(factors))}
	longest := 0
	for i, f := range factors {
		if f.prog == nil {
			continue
		}
		longest = max(longest, len(f.prog.Inst))
		d.reads[i] = make([][]bool, len(f.prog.Inst))
		for pc := range f.prog.Inst {
			in := &f.prog.Inst[pc]
			switch in.Op {
			case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
				row := make([]bool, len(letters))
				for j, a := range letters {
					row[j] = matchRune(in, a[0][0])
				}
				d.reads[i][pc] = row
			}
		}
	}
	d.seen = make([]int, longest)
	return d
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
	k := binary.AppendVarint(d.key[:0], int64(prev))
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
	d.key = k
	id, ok := d.ids[string(k)]
	if !ok {
		id = int32(len(d.states))
		d.ids[string(k)] = id
		d.states = append(d.states, dstate{pcs, found, prev})
	}
	return id
}

// closure follows empty transitions from the pending instructions and, since a pattern may be found anywhere, from its
// start.
func (d *determiniser) closure(i int, pcs []uint32, flags syntax.EmptyOp) (out ahead) {
	p := d.factors[i].prog
	d.round++
	stack := append(append(d.stack[:0], pcs...), uint32(p.Start))
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		d.work++
		if d.seen[pc] == d.round {
			continue
		}
		d.seen[pc] = d.round
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
			out.found = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			out.runes = append(out.runes, pc)
		}
	}
	d.stack = stack
	return out
}

// ahead closes every program of a state before one rune; most runes have the same before them.
func (d *determiniser) ahead(at int, r rune) []ahead {
	s := &d.states[at]
	flags := syntax.EmptyOpContext(s.prev, r)
	if d.at != at {
		d.at, d.reached = at, map[syntax.EmptyOp][]ahead{}
	}
	if out, ok := d.reached[flags]; ok {
		return out
	}
	out := make([]ahead, len(d.factors))
	for i, f := range d.factors {
		switch {
		case f.table != nil:
		case s.found[i]:
			out[i].found = true
		default:
			out[i] = d.closure(i, s.pcs[i], flags)
		}
	}
	d.reached[flags] = out
	return out
}

func (d *determiniser) step(from, letter int) int32 {
	r := d.letters[letter][0][0]
	next := d.ahead(from, r)
	s := d.states[from]
	pcs := make([][]uint32, len(d.factors))
	found := make([]bool, len(d.factors))
	for i, f := range d.factors {
		if f.table != nil {
			if len(s.pcs[i]) > 0 {
				if to := f.table.step(int32(s.pcs[i][0]), r); to >= 0 {
					pcs[i] = []uint32{uint32(to)}
				}
			}
			continue
		}
		if found[i] = next[i].found; found[i] {
			continue
		}
		d.work += 1 + len(next[i].runes)
		for _, pc := range next[i].runes {
			if d.reads[i][pc][letter] {
				pcs[i] = append(pcs[i], f.prog.Inst[pc].Out)
			}
		}
		slices.Sort(pcs[i])
		pcs[i] = slices.Compact(pcs[i])
		d.work += 2 * len(pcs[i])
	}
	to := d.state(pcs, found, r)
	d.work += workPerUnit*(4+len(d.factors)) + len(d.key)
	return to
}

// accepts is the vector of a state if the text ends there.
func (d *determiniser) accepts(at int) (vector uint64) {
	s := &d.states[at]
	for i, a := range d.ahead(at, -1) {
		if f := d.factors[i]; a.found || f.table != nil && len(s.pcs[i]) > 0 && f.table.accept[s.pcs[i][0]] {
			vector |= 1 << i
		}
	}
	return vector
}

// read is the state after one more rune.
func (l *language) read(state int32, r rune) int32 {
	for j, a := range l.letters {
		for _, b := range a {
			if b[0] <= r && r <= b[1] {
				return l.next[state][j]
			}
		}
	}
	return state // no scalar value
}

// window is the set of lengths asked for; hi < 0 means no upper bound.
type window struct{ lo, hi int64 }

func (w window) empty() bool { return w.hi >= 0 && w.lo > w.hi }

// strings lists up to want strings of the window whose vector is accepted, the shortest first. complete is set when
// there are no others; then an empty list proves emptiness. A table over maxTable gives an incomplete empty list.
func (l *language) strings(m *meter, accept func(uint64) bool, w window, want int) (out []string, complete bool) {
	if w.empty() {
		return nil, true
	}
	n := len(l.next)
	m.spend(onPatterns, n)
	good := make([]bool, n)
	some := false
	for i, v := range l.vector {
		good[i] = accept(v)
		some = some || good[i]
	}
	if !some {
		return nil, true
	}
	first, ok, feasible := l.shortest(m, good, w)
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
			if m.spend(onPatterns, n); m.over() {
				return out, false
			}
			prev := exact[len(exact)-1]
			row := make([]bool, n)
			for i := range row {
				row[i] = slices.ContainsFunc(l.next[i], func(t int32) bool { return prev[t] })
			}
			exact = append(exact, row)
			if !slices.Contains(row, true) {
				return out, true // so is every later row
			}
		}
		if !exact[length][0] {
			if misses++; misses > n {
				return out, true // no length in n consecutive ones: pumping down says there is none beyond
			}
			continue
		}
		misses = 0
		out = l.walk(m, exact, 0, int(length), nil, out, want)
		if len(out) >= want {
			return out, false
		}
	}
	return out, true
}

// walk appends the strings of exactly length more letters, letter classes in order, then the runes of each class.
func (l *language) walk(m *meter, exact [][]bool, state int32, length int, prefix []rune, out []string, want int) []string {
	if length == 0 {
		m.spend(onPatterns, 8+len(prefix))
		return append(out, string(prefix))
	}
	for j, t := range l.next[state] {
		if !exact[length-1][t] {
			continue
		}
		for _, r := range l.letters[j] {
			for c := r[0]; c <= r[1]; c++ {
				out = l.walk(m, exact, t, length-1, append(prefix, c), out, want)
				if len(out) >= want {
					return out
				}
			}
		}
	}
	return out
}

// shortest is the least length of the window at which a good state can be reached.
func (l *language) shortest(m *meter, good []bool, w window) (length int64, ok, feasible bool) {
	n := len(l.next)
	if w.lo*int64(n) > maxTable {
		return 0, false, false
	}
	at := make([]bool, n)
	at[0] = true
	for range w.lo {
		if m.spend(onPatterns, n); m.over() {
			return 0, false, false
		}
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
		if m.spend(onPatterns, n/8); m.over() {
			return 0, false, false
		}
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
