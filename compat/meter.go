package compat

// meter counts the work of one question. What is counted are the inner loops of every part, in units that each take
// some nanoseconds, so that a budget is exhausted after the same unit on every machine, and none takes long.
type meter struct {
	limit int
	total int
	all   effort // what total is made of
	own   effort // of all, what was not paid for something remembered
}

// effort is units by what they were spent on.
type effort [len(workNames)]int

// unitsPerStep is how many units are one step of a Budget.
const unitsPerStep = 64

// work is what units are spent on.
type work uint8

const (
	onGoals    work = iota // opening, sorting and remembering goals
	onUnions               // literals asserted and alternatives looked at
	onValues               // values tried
	onNumbers              // multiples tried
	onPatterns             // automata, and strings read from them
	onMembers              // names of members
	onItems                // items of arrays
	onExamples             // events made from the schema
)

var workNames = [...]string{
	onGoals:    "goals",
	onUnions:   "alternatives",
	onValues:   "values",
	onNumbers:  "multiples",
	onPatterns: "patterns",
	onMembers:  "member names",
	onItems:    "items",
	onExamples: "examples",
}

// spend counts units; a nil meter counts nothing.
func (m *meter) spend(on work, units int) {
	if m != nil {
		m.own[on] += units
		m.all[on] += units
		m.total += units
	}
}

// pay counts what something remembered has cost to whoever made it.
func (m *meter) pay(e *effort) {
	for on, units := range e {
		m.all[on] += units
		m.total += units
	}
}

// over reports whether the budget is exhausted. It stays so.
func (m *meter) over() bool { return m != nil && m.total > m.limit }

// exhausted says what used up most of the budget.
func (m *meter) exhausted() outcome {
	most := onGoals
	for on, units := range m.all {
		if units > m.all[most] {
			most = work(on)
		}
	}
	reason := ReasonGoals
	switch most {
	case onNumbers:
		reason = ReasonNumber
	case onPatterns:
		reason = ReasonRegex
	}
	return undecided(reason, "step budget exhausted, most of it on "+workNames[most])
}
