package validator

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// fewPatterns is up to how many patterns of one object are asked one after another.
const fewPatterns = 4

// patternSet is one automaton for many patterns of an object: it tells in one pass over a name which of them match.
//
// Source: as automaton; a state also holds which patterns have matched so far.
type patternSet struct {
	class   [256]uint8
	width   int
	start   uint32
	next    []uint32  // state × width + class → state × width
	matched [][]int32 // by state: the patterns that match if the name ends here
	others  []int32   // the patterns that are not in the automaton
}

// run returns the patterns of the automaton that match a name; false if it has other characters than ASCII.
func (s *patternSet) run(name []byte) (matched []int32, ok bool) {
	state := s.start
	for _, c := range name {
		class := s.class[c]
		if class == wideClass {
			return nil, false
		}
		state = s.next[state+uint32(class)]
	}
	return s.matched[int(state)/s.width], true
}

// matching appends the indexes of the patterns that match a name.
func (o *objectRules) matching(dst []int32, name []byte, c *counters) []int32 {
	if o.set != nil {
		if matched, ok := o.set.run(name); ok {
			dst = append(dst, matched...)
			for _, k := range o.set.others {
				if o.patterns[k].matches(name, c) {
					dst = append(dst, k)
				}
			}
			return dst
		}
	}
	for k := range o.patterns {
		if o.patterns[k].matches(name, c) {
			dst = append(dst, int32(k))
		}
	}
	return dst
}

// steps is what it costs to ask for the patterns that match a name of so many bytes.
func (o *objectRules) steps(bytes int) int {
	if o.set != nil {
		return (1 + len(o.set.others)) * (1 + bytes/8)
	}
	return len(o.patterns) * (1 + bytes/8)
}

// newPatternSet makes the automaton of an object's patterns; nil if they are few, or too much for one.
func newPatternSet(patterns []patternRule, budget *automataBudget) *patternSet {
	b := setBuilder{builder: builder{prog: &syntax.Prog{}, budget: budget, numbers: map[string]int{}, auto: &automaton{}}, set: &patternSet{}}
	if len(patterns) <= fewPatterns {
		return nil
	}
	for k, p := range patterns {
		if !b.add(p.source, int32(k)) {
			b.set.others = append(b.set.others, int32(k))
		}
	}
	b.marked = make([]uint32, len(b.prog.Inst))
	b.classes()
	b.set.class, b.set.width = b.auto.class, b.auto.width
	if !b.build() {
		return nil
	}
	return b.set
}

// bytes is about what a set holds.
func (s *patternSet) bytes() int {
	bytes := 256 + 4*len(s.next) + 24*len(s.matched)
	for _, matched := range s.matched {
		bytes += 4 * len(matched)
	}
	return bytes
}

// setBuilder is the subset construction over the programs of all patterns, one behind the other.
type setBuilder struct {
	builder
	set    *patternSet
	starts []uint32
	owner  []int32 // of an instruction
	loop   []uint32
	states []setState
}

// setState is where a search may stand, and what it has found.
type setState struct {
	threads []uint32
	found   []int32
}

// add adds a pattern's program; false if it has none.
func (b *setBuilder) add(source string, owner int32) bool {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return false
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || !readsBytes(prog) {
		return false
	}
	base := uint32(len(b.prog.Inst))
	for _, inst := range prog.Inst {
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			inst.Out, inst.Arg = inst.Out+base, inst.Arg+base
		case syntax.InstMatch, syntax.InstFail:
		default:
			inst.Out += base
		}
		b.prog.Inst = append(b.prog.Inst, inst)
		b.owner = append(b.owner, owner)
	}
	b.starts = append(b.starts, base+uint32(prog.Start))
	return true
}

// build makes all states; false if they are too many.
func (b *setBuilder) build() bool {
	s := b.set
	b.loop = b.closure(nil, b.starts, 0)
	s.start = b.number(setState{threads: b.closure(nil, b.starts, syntax.EmptyBeginText)}, true)
	for done := 0; done < len(b.states); done++ {
		if 4*len(b.states)*s.width > b.budget.bytes || b.budget.work < 0 {
			return false
		}
		s.next = append(s.next, make([]uint32, s.width)...)
		for class, sample := range b.samples {
			var out []uint32
			for _, pc := range b.states[done].threads {
				inst := &b.prog.Inst[pc]
				b.budget.work--
				if inst.Op != syntax.InstEmptyWidth && inst.MatchRune(rune(sample)) {
					out = append(out, inst.Out)
				}
			}
			threads := b.closure(b.loop, out, 0)
			s.next[done*s.width+class] = b.number(setState{threads, slices.Clone(b.states[done].found)}, false)
		}
	}
	b.budget.bytes -= s.bytes()
	return true
}

// closure is a set of instructions with all that others lead to without reading.
func (b *setBuilder) closure(set, from []uint32, holds syntax.EmptyOp) []uint32 {
	b.round++
	out := slices.Clone(set)
	for _, pc := range set {
		b.marked[pc] = b.round
	}
	for _, pc := range from {
		out = b.follow(out, pc, holds)
	}
	return out
}

// number is the place of a state in the table. A pattern that was found needs no search any more.
func (b *setBuilder) number(state setState, atStart bool) uint32 {
	for _, pc := range state.threads {
		if b.prog.Inst[pc].Op == syntax.InstMatch {
			state.found = append(state.found, b.owner[pc])
		}
	}
	slices.Sort(state.found)
	state.found = slices.Compact(state.found)
	state.threads = slices.DeleteFunc(state.threads, func(pc uint32) bool {
		_, found := slices.BinarySearch(state.found, b.owner[pc])
		return found
	})
	slices.Sort(state.threads)
	key := make([]byte, 1, 1+4*(1+len(state.threads)+len(state.found)))
	if atStart {
		key[0] = 1
	}
	key = binary.LittleEndian.AppendUint32(key, uint32(len(state.found)))
	for _, k := range state.found {
		key = binary.LittleEndian.AppendUint32(key, uint32(k))
	}
	for _, pc := range state.threads {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	n, ok := b.numbers[string(key)]
	if !ok {
		n = len(b.states)
		b.numbers[string(key)] = n
		b.states = append(b.states, state)
		b.set.matched = append(b.set.matched, b.atEnd(state, atStart))
		b.budget.work -= len(key)
	}
	return uint32(n * b.set.width)
}

// atEnd are the patterns that match a name that ends in a state.
func (b *setBuilder) atEnd(state setState, atStart bool) []int32 {
	holds := syntax.EmptyEndText
	if atStart {
		holds |= syntax.EmptyBeginText
	}
	found := slices.Clone(state.found)
	for _, pc := range b.closure(nil, state.threads, holds) {
		if b.prog.Inst[pc].Op == syntax.InstMatch {
			found = append(found, b.owner[pc])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
