package validator

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// automaton decides a regular expression over ASCII one table access a byte. Texts with other characters, expressions
// with word boundaries or lines, and those with too many states are left to regexp.
//
// Source: Rabin and Scott, Finite Automata and Their Decision Problems (1959), the subset construction; regexp/syntax
// gives the nondeterministic program.
type automaton struct {
	class [256]uint8 // of a byte; those from inString on cannot stand in a JSON string as they are
	// inString is the first class of a quote, a backslash or a control character; wideClass is the one of bytes outside
	// ASCII, which no state reads.
	inString  uint8
	width     int      // classes
	next      []uint16 // state × width + class → state × width
	acceptEnd []bool   // by state: a text that ends here matches
	start     uint16
}

// Two states stand for a verdict that no further byte changes. Their numbers are those of rows: 0 and width.
const stateDead = 0

// match is the verdict of an automaton.
type match uint8

const (
	matchNo match = iota
	matchYes
	matchUnknown // a character outside ASCII, or in a JSON string an escape
)

const wideClass = 255

// run judges a text without quotes.
func (a *automaton) run(s []byte) match {
	state := int(a.start)
	for _, c := range s {
		if state <= a.width {
			break
		}
		class := a.class[c]
		if class == wideClass {
			return matchUnknown
		}
		state = int(a.next[state+int(class)])
	}
	return a.verdict(state)
}

// verdict is the one of a text that ends in a state.
func (a *automaton) verdict(state int) match {
	if a.acceptEnd[state/a.width] {
		return matchYes
	}
	return matchNo
}

// runQuoted is pattern.quoted by the automaton.
func (a *automaton) runQuoted(text []byte, i int) (end int, m match) {
	state := int(a.start)
	for ; i < len(text); i++ {
		class := a.class[text[i]]
		if class >= a.inString {
			break
		}
		if state = int(a.next[state+int(class)]); state <= a.width {
			if state == stateDead {
				return i, matchNo
			}
			end, f := scanString(text, i) // whatever follows, it matches
			if end < 0 || f != 0 {
				return 0, matchUnknown
			}
			return end, matchYes
		}
	}
	if i >= len(text) || text[i] != '"' {
		return 0, matchUnknown
	}
	return i + 1, a.verdict(state)
}

// bytes is about what an automaton holds.
func (a *automaton) bytes() int { return 256 + 2*len(a.next) + len(a.acceptEnd) }

// automataBudget is what the automata of one schema may still hold and cost.
type automataBudget struct {
	bytes int
	work  int // instructions looked at
}

// newAutomaton makes the automaton of a parsed expression, or nil if it has none within the budget.
func newAutomaton(parsed *syntax.Regexp, budget *automataBudget) *automaton {
	if budget.work < 0 {
		return nil
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	if !readsBytes(prog) {
		return nil
	}
	b := builder{prog: prog, budget: budget, numbers: map[string]int{}, marked: make([]uint32, len(prog.Inst)), auto: &automaton{}}
	b.classes()
	if !b.build() {
		return nil
	}
	budget.bytes -= b.auto.bytes()
	return b.auto
}

// readsBytes reports whether a program asks for nothing between two characters but where the text begins and ends.
func readsBytes(prog *syntax.Prog) bool {
	return !slices.ContainsFunc(prog.Inst, func(inst syntax.Inst) bool {
		return inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0
	})
}

// builder is the subset construction.
type builder struct {
	prog    *syntax.Prog
	budget  *automataBudget
	auto    *automaton
	samples []byte         // one byte of each class
	numbers map[string]int // states by their set
	sets    [][]uint32
	marked  []uint32 // instructions in the set that is being made, by its round
	round   uint32
}

// classes numbers the bytes that no instruction tells apart; those that JSON strings escape come last, apart.
func (b *builder) classes() {
	var rules []*syntax.Inst
	seen := map[string]bool{}
	for i := range b.prog.Inst {
		inst := &b.prog.Inst[i]
		switch inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if key := string(rune(inst.Op)) + string(rune(inst.Arg)) + string(inst.Rune); !seen[key] {
				seen[key] = true
				rules = append(rules, inst)
			}
		}
	}
	b.budget.work -= 128 * len(rules)
	numbers := map[string]uint8{}
	number := func(c byte) {
		key := make([]byte, len(rules)+1)
		for k, inst := range rules {
			if inst.MatchRune(rune(c)) {
				key[k] = 1
			}
		}
		if c == '"' || c == '\\' || c < ' ' {
			key[len(rules)] = 1
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = uint8(len(numbers))
			numbers[string(key)] = n
			b.samples = append(b.samples, c)
		}
		b.auto.class[c] = n
	}
	for c := byte(' '); c < 0x80; c++ {
		if c != '"' && c != '\\' {
			number(c)
		}
	}
	b.auto.inString = uint8(len(numbers))
	for c := range byte(' ') {
		number(c)
	}
	number('"')
	number('\\')
	b.auto.width = len(numbers)
	for c := 0x80; c < 0x100; c++ {
		b.auto.class[c] = wideClass
	}
}

// build makes all states; false if they are too many.
func (b *builder) build() bool {
	a := b.auto
	a.acceptEnd = []bool{false, true} // dead, matched
	b.sets = [][]uint32{nil, nil}
	a.start = uint16(b.state(b.begin(true), true) * a.width)
	for done := 2; done < len(b.sets); done++ {
		if len(b.sets) > MaxPatternStates || len(b.sets)*a.width > 1<<16-1 || 2*len(b.sets)*a.width > b.budget.bytes || b.budget.work < 0 {
			return false
		}
		for class, sample := range b.samples {
			if class == 0 {
				a.next = append(a.next, make([]uint16, (done+1)*a.width-len(a.next))...)
			}
			set := b.begin(false)
			for _, pc := range b.sets[done] {
				inst := &b.prog.Inst[pc]
				b.budget.work--
				if inst.Op != syntax.InstEmptyWidth && inst.MatchRune(rune(sample)) {
					set = b.follow(set, inst.Out, 0)
				}
			}
			a.next[done*a.width+class] = uint16(b.state(set, false) * a.width)
		}
	}
	a.next = append(a.next, make([]uint16, max(0, 2*a.width-len(a.next)))...)
	for class := range a.width {
		a.next[stateDead+class], a.next[a.width+class] = stateDead, uint16(a.width)
	}
	return true
}

// begin is the set in which a match may begin: at any place of the text, as the search is not anchored.
func (b *builder) begin(atStart bool) []uint32 {
	b.round++
	var holds syntax.EmptyOp
	if atStart {
		holds = syntax.EmptyBeginText
	}
	return b.follow(nil, uint32(b.prog.Start), holds)
}

// follow adds an instruction and all that it leads to without reading. An assertion of the end stays in the set until
// the end.
func (b *builder) follow(set []uint32, pc uint32, holds syntax.EmptyOp) []uint32 {
	if b.marked[pc] == b.round {
		return set
	}
	b.marked[pc] = b.round
	b.budget.work--
	inst := &b.prog.Inst[pc]
	switch inst.Op {
	case syntax.InstFail:
		return set
	case syntax.InstAlt, syntax.InstAltMatch:
		return b.follow(b.follow(set, inst.Out, holds), inst.Arg, holds)
	case syntax.InstNop, syntax.InstCapture:
		return b.follow(set, inst.Out, holds)
	case syntax.InstEmptyWidth:
		switch syntax.EmptyOp(inst.Arg) &^ holds {
		case 0:
			return b.follow(set, inst.Out, holds)
		case syntax.EmptyEndText:
		default:
			return set
		}
	}
	return append(set, pc)
}

// state is the number of a set: 1 if it holds the end of the program, 0 if nothing can be reached from it.
func (b *builder) state(set []uint32, atStart bool) int {
	if slices.ContainsFunc(set, func(pc uint32) bool { return b.prog.Inst[pc].Op == syntax.InstMatch }) {
		return 1
	}
	slices.Sort(set)
	key := make([]byte, 0, 4*len(set)+1)
	if atStart { // its own state: an assertion of the beginning still holds when the text ends at once
		key = append(key, 1)
	}
	for _, pc := range set {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if len(set) == 0 {
		return 0
	}
	n, ok := b.numbers[string(key)]
	if !ok {
		n = len(b.sets)
		b.numbers[string(key)] = n
		b.sets = append(b.sets, set)
		b.auto.acceptEnd = append(b.auto.acceptEnd, b.acceptsEnd(set, atStart))
	}
	return n
}

// acceptsEnd reports whether a text that ends in the set matches.
func (b *builder) acceptsEnd(set []uint32, atStart bool) bool {
	holds := syntax.EmptyEndText
	if atStart {
		holds |= syntax.EmptyBeginText
	}
	b.round++
	var end []uint32
	for _, pc := range set {
		if b.prog.Inst[pc].Op == syntax.InstEmptyWidth {
			end = b.follow(end, pc, holds)
		}
	}
	return slices.ContainsFunc(end, func(pc uint32) bool { return b.prog.Inst[pc].Op == syntax.InstMatch })
}
