package compat

import (
	"encoding/binary"
	"slices"
)

// languageKey names an automaton: its patterns, each with its length.
type languageKey string

// built is an automaton, or none where one of at most so many states would have been over them or over the work allowed;
// and what it cost to find out.
type built struct {
	language *language
	states   int
	meter    meter
}

// language is the product automaton of some patterns, from memory if it can. It costs what it took to make, wherever it
// is from.
func (s *search) language(patterns []string) (*language, bool) {
	var b []byte
	for _, p := range patterns {
		b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
	}
	if l, ok := s.languages[string(b)]; ok {
		return l, l != nil
	}
	k := languageKey(b)
	left := min(s.budget.RegexStates, s.budget.RegexStatesTotal-s.states)
	made := s.build(k, patterns, left)
	s.languages[string(b)] = made.language
	if made.language == nil {
		for on, units := range made.meter.own {
			s.meter.spend(work(on), units)
		}
		s.states += left
		s.failed += left
		return nil, false
	}
	s.use(&charge{key: k, work: made.meter.own, states: len(made.language.next)})
	return made.language, true
}

// build makes an automaton of at most so many states, with at most the work of a whole question.
func (s *search) build(k languageKey, patterns []string, states int) *built {
	limit := s.each.Goals * unitsPerStep
	if v, ok := s.memory.get(k); ok {
		b := v.(*built)
		fits := b.language != nil && len(b.language.next) <= states && b.meter.total <= limit
		if fits || b.language == nil && b.states == states && b.meter.limit == limit {
			return b
		}
	}
	b := &built{states: states, meter: meter{limit: limit}}
	l, ok := newLanguage(patterns, states, &b.meter)
	if !ok {
		s.memory.put(k, b, entrySize+len(k))
		return b
	}
	b.language = l
	s.memory.put(k, b, l.size()+len(k))
	return b
}

// maxStrings is how many strings of a language are offered to the checks of formats.
const maxStrings = 64

// stringGoal gathers the atoms of one string.
type stringGoal struct {
	*state
	window
	patterns []string
	want     uint64 // the patterns that must be found
	excluded map[string]bool
	checked  []lit // formats and contents
}

// text solves strings: patterns by their product, lengths by counting. Where formats or contents are asked for, a few
// strings are shown to the validator's check; if none passes, formats that are regular languages join the product.
func (st *state) text(d *derivation) outcome {
	g := &stringGoal{state: st, window: window{0, -1}, excluded: map[string]bool{}}
	if !g.gather() {
		return undecided(ReasonRegex, "more than 64 patterns for one string")
	}
	if g.empty() {
		return newTally().close(d, ruleLength, "")
	}
	for _, c := range g.checked {
		if v, ok := st.usual(&st.nodes[c.id()]); ok && st.holds(st.trail, v) == yes {
			return found(v, true)
		}
		for _, v := range formatPool {
			if c.holds() && st.holds(st.trail, v) == yes {
				return found(v, true)
			}
		}
	}
	out := g.among(g.patterns, g.want, g.window, d)
	if out.found || out.empty() || len(g.checked) == 0 {
		return out
	}
	for _, tables := range []bool{false, true} {
		if next, ok := g.formats(tables, d); ok {
			return next
		}
	}
	return out
}

func (g *stringGoal) atMost(n int64) {
	if g.hi < 0 || n < g.hi {
		g.hi = n
	}
}

func (g *stringGoal) gather() bool {
	for _, l := range g.trail {
		a := &g.nodes[l.id()]
		switch {
		case a.kind == kMinLen && l.holds():
			g.lo = max(g.lo, a.count)
		case a.kind == kMinLen:
			g.atMost(a.count - 1)
		case a.kind == kMaxLen && l.holds():
			g.atMost(a.count)
		case a.kind == kMaxLen:
			g.lo = max(g.lo, a.count+1)
		case a.kind == kPattern:
			if len(g.patterns) >= maxPatterns {
				return false
			}
			if l.holds() {
				g.want |= 1 << len(g.patterns)
			}
			g.patterns = append(g.patterns, a.name)
		case a.kind == kFormat, a.kind == kContent:
			g.checked = append(g.checked, l)
			if f := formatLanguages()[a.name]; a.kind == kFormat && l.holds() && f != nil {
				g.lo = max(g.lo, f.shortest)
				if f.longest >= 0 {
					g.atMost(f.longest)
				}
			}
		case a.kind == kValues && !l.holds():
			for i, v := range a.vals {
				if _, ok := v.(string); ok {
					g.excluded[a.texts[i]] = true
				}
			}
		}
	}
	return true
}

// among looks for a string of the window that has exactly the wanted ones of some patterns, is not excluded, and passes
// every check. Emptiness is proved when no string is left to be tried.
func (g *stringGoal) among(patterns []string, want uint64, w window, d *derivation) outcome {
	l, ok := g.language(patterns)
	if !ok {
		return g.unread("more than 20000 states")
	}
	number := len(g.excluded) + 1
	if len(g.checked) > 0 {
		number = len(g.excluded) + maxStrings
	}
	list, complete := l.strings(g.meter, func(v uint64) bool { return v == want }, w, number)
	var maybe outcome
	for _, v := range list {
		if g.excluded[canonical(v)] {
			continue
		}
		if !g.step() {
			return g.meter.exhausted()
		}
		switch g.holds(g.checked, v) {
		case yes:
			return found(v, true)
		case unknown:
			if !maybe.found {
				maybe = found(v, false)
				maybe.reason, maybe.detail = ReasonFormat, g.nodes[g.checked[0].id()].name
			}
		}
	}
	switch {
	case maybe.found:
		return maybe
	case complete:
		return newTally().close(d, ruleLanguage, "")
	case len(g.checked) > 0:
		return g.unchecked()
	case w.lo > MaxWitnessBytes:
		return undecided(ReasonWitnessSize, "a string longer than 262144 characters")
	}
	return g.unread("a length window too large to count")
}

// unread is why strings of some patterns are not known: the budget is exhausted, or else a limit.
func (s *search) unread(limit string) outcome {
	if s.meter.over() {
		return s.meter.exhausted()
	}
	return undecided(ReasonRegex, limit)
}

// unchecked is why strings that no pattern describes stay undecided.
func (g *stringGoal) unchecked() outcome {
	n := &g.nodes[g.checked[0].id()]
	for _, c := range g.checked { // what is no language at all first
		if k := &g.nodes[c.id()]; k.kind == kContent || formatLanguages()[k.name] == nil {
			n = k
			break
		}
	}
	if n.kind == kContent {
		return undecided(ReasonContent, n.name+" at "+n.pointer)
	}
	return undecided(ReasonFormat, n.name+" at "+n.pointer)
}

// formats puts the languages of formats into the product: of one that must hold what is around it, of one that must not
// what is inside it. With tables the automata that are the formats themselves. What is then empty is empty; a string
// that is left over still has to pass the checks. ok is false where neither comes out.
func (g *stringGoal) formats(tables bool, d *derivation) (outcome, bool) {
	patterns, want := slices.Clone(g.patterns), g.want
	windows := []window{g.window}
	var without []window // the windows in which a capped format need not be refused by its pattern
	some := false
	for _, l := range g.checked {
		n := &g.nodes[l.id()]
		f := formatLanguages()[n.name]
		if n.kind != kFormat || f == nil {
			continue
		}
		source := f.inner
		if l.holds() {
			source = f.outer
		}
		if tables && f.table != "" {
			source, some = tableMark+f.table, true
		}
		if len(patterns) >= maxPatterns {
			return outcome{}, false
		}
		if l.holds() {
			want |= 1 << len(patterns)
		} else if f.capped {
			without = append(without, window{max(g.lo, f.longest+1), g.hi})
		}
		patterns = append(patterns, source)
	}
	if len(patterns) == len(g.patterns) || tables && !some {
		return outcome{}, false
	}
	t := newTally()
	try := func(patterns []string, want uint64, w window) (outcome, bool) {
		out := g.among(patterns, want, w, &derivation{})
		t.add(out)
		return out, out.found && out.sure
	}
	for _, w := range windows {
		if out, ok := try(patterns, want, w); ok {
			return out, true
		}
	}
	for _, w := range without { // too long for the format, whatever else is asked
		if out, ok := try(g.patterns, g.want, w); ok {
			return out, true
		}
	}
	out := t.close(d, ruleLanguage, "")
	return out, out.found || out.empty()
}
