package validator

// ExplainAll explains without asking for the verdict first, so that tests can hold the two walks against each other.
// ok is false where a byte rule or the step budget ended the walk.
func (s *Schema) ExplainAll(event []byte) (found []Violation, ok bool) {
	r := s.take()
	defer s.put(r)
	if !r.scanner.check(event, s.limits.EventBytes) {
		return nil, false
	}
	r.begin(s.program, event, explainStepRatio)
	found = explainAll(r, MaxViolations)
	return found, r.fault == ""
}

// AskV5 is Oracle past its list of differences.
func (s *Schema) AskV5(event []byte) (valid, asked bool) { return s.askV5(event) }

// Steps is how many steps a verdict costs and how many are allowed.
func (s *Schema) Steps(event []byte) (used, allowed int) {
	r := s.take()
	defer s.put(r)
	if !r.scanner.check(event, s.limits.EventBytes) {
		return 0, 0
	}
	r.begin(s.program, event, 1)
	allowed = r.steps
	r.judge()
	return allowed - r.steps, allowed
}

// IsMultipleOf and CompareNumbers are the exact arithmetic of two JSON numbers.
func IsMultipleOf(a, b string) bool {
	return readDecimal(nil, []byte(a)).isMultipleOf(readDecimal(nil, []byte(b)))
}

func CompareNumbers(a, b string) int {
	return readDecimal(nil, []byte(a)).compare(readDecimal(nil, []byte(b)))
}

// Canonical is the canonical form of a text that keeps the byte rules.
func Canonical(text string) string {
	out, _ := appendCanonical(nil, []byte(text), skipSpace([]byte(text), 0))
	return string(out)
}

// HasFormat reports whether s holds a format's own check.
func HasFormat(name, s string) bool { return formats[name]([]byte(s)) }

// Formats are the names of all formats that are asserted.
func Formats() []string {
	var names []string
	for name := range formats {
		names = append(names, name)
	}
	return names
}

// Pattern is one regular expression.
type Pattern struct{ p *pattern }

// NewPattern compiles an expression as a schema's.
func NewPattern(source string) Pattern {
	l := &lowering{program: &program{}, patterns: map[string]*pattern{}, budget: automataBudget{MaxAutomata, automataWork}, maxBytes: MaxProgramBytes}
	p, err := l.pattern(&Node{}, source, "pattern")
	if err == nil {
		err = l.automaton(&Node{}, p)
	}
	if err != nil {
		panic(err)
	}
	return Pattern{p}
}

func (p Pattern) HasAutomaton() bool { return p.p.fast != nil }

func (p Pattern) Matches(s string) bool {
	var c counters
	return p.p.matches([]byte(s), &c)
}

// V5 is the schema as jsonschema v5 compiles it, with our formats: a *jsonschema.Schema.
func (s *Schema) V5() any { return s.oracle() }

// Keywords are the keywords that a violation may name, and Faults the byte rules.
func Keywords() []string { return ranks }
func Faults() []string   { return faultNames[:] }

// Rank is a keyword's place in the order of violations, or -1 of no keyword.
func Rank(keyword string) int { return rankOf(keyword) }

// Tries is how many schemas a verdict tries that may fail.
func (s *Schema) Tries(event []byte) int {
	r := s.take()
	defer s.put(r)
	r.begin(s.program, event, 1)
	r.judge()
	return r.memo.tries
}
