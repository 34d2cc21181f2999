package validator

import (
	"slices"
	"sync/atomic"
)

// fall is a dearer path, where the verdict is the same and only its cost differs.
type fall uint8

const (
	fellRegexp  fall = iota // a text outside ASCII, or a pattern without automaton, went to regexp
	fellBignum              // a number of many digits, or beside a bound of many
	fellRewind              // a union without discriminator tried its branches in turn
	fellMemo                // so often that failures were remembered
	fellLive                // evaluated items or members were noted one by one
	fellDynamic             // a dynamic reference was looked up among the resources entered
	fellBase64              // content was decoded
	fellGrow                // scratch had to grow beyond what is kept
	fallKinds
)

// fallNames are the values of the metric's label, in the order of the constants.
var fallNames = [fallKinds]string{"regexp", "bignum", "rewind", "memo", "live", "dynamic", "base64", "grow"}

// counters count what one run did on dearer paths. They are added up when the run goes back to its Schema.
type counters [fallKinds]uint64

// totals are counters that many runs add to.
type totals [fallKinds]atomic.Uint64

func (t *totals) add(c *counters) {
	for k, n := range c {
		if n > 0 {
			t[k].Add(n)
		}
	}
}

// Stats tell what is dear about a schema. What is known when it is compiled stands in Patterns and Unions; Falls counts
// what happened since.
type Stats struct {
	Nodes    int      // schemas of the program; equal ones count once
	Bytes    int      // as Size
	Patterns []string // expressions without automaton, sorted: regexp judges them
	Unions   []Union  // in the order in which they are reached
	// Falls is how often an event took a dearer path, by kind: regexp, bignum, rewind, memo, live, dynamic, base64, grow.
	// A kind that never happened is absent.
	Falls map[string]uint64
}

// Union is one anyOf or oneOf, but for those whose branches are all nothing but values: these are looked up.
type Union struct {
	Location string // of the keyword, as Violation.Location
	Branches int
	By       string // the member that tells the branches apart; "" = they are tried in turn
}

// Stats returns what is known so far. The result is the caller's.
func (s *Schema) Stats() Stats {
	p := s.program
	stats := Stats{Nodes: p.nodes, Bytes: p.size, Patterns: slices.Clone(p.slowPatterns), Unions: slices.Clone(p.unions), Falls: map[string]uint64{}}
	slices.Sort(stats.Patterns)
	for k := range s.falls {
		if n := s.falls[k].Load(); n > 0 {
			stats.Falls[fallNames[k]] = n
		}
	}
	return stats
}
