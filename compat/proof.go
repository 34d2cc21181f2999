package compat

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// inference names the rule that closes a goal.
type inference string

const (
	ruleEqual         inference = "equal"         // both sides are the same schema
	ruleContradiction inference = "contradiction" // what must hold excludes itself
	ruleTypes         inference = "types"         // each type on its own
	ruleSplit         inference = "split"         // each alternative of a union on its own
	ruleFinite        inference = "values"        // each of finitely many values was tried
	ruleNumber        inference = "number"        // bounds and multiples leave no number
	ruleLength        inference = "length"        // no length fits
	ruleLanguage      inference = "language"      // the product of the patterns accepts no string of a length that fits
	ruleMember        inference = "member"        // a member that must exist has no value
	ruleObject        inference = "object"        // every way to place the members fails
	ruleArray         inference = "array"         // every way to place the items fails
	ruleSize          inference = "size"          // no number of members or items fits
	ruleDiffer        inference = "differ"        // every way to differ from an excluded value fails
)

// Proof is a set of goals that no value satisfies, the first of them {old, not new}. It is closed: whoever wants to
// satisfy one needs a strictly smaller value for another. Since values are finite, none of them can be satisfied.
type Proof struct {
	Steps       []Step
	Assumptions []string // what the proof takes for granted; empty under SEMANTIC
	goals       [][]lit
	made        []node // assertions that the search made, which goals may name: numbered after those of both sides
}

// Step is one goal of a proof.
type Step struct {
	Rule     string `json:"rule"`     // how the goal is closed, from the outside in
	Old      string `json:"old"`      // JSON Pointer of the first schema that has to hold, in its document
	New      string `json:"new"`      // … that must not hold
	Premises []int  `json:"premises"` // steps about members and items that it rests on; may point back
	Note     string `json:"note,omitempty"`
}

// MarshalJSON writes the algorithm's number, the count of steps, the assumptions and a hash of the steps.
func (p *Proof) MarshalJSON() ([]byte, error) {
	steps, err := json.Marshal(p.Steps)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Algorithm   int      `json:"algorithm"`
		Steps       int      `json:"steps"`
		Assumptions []string `json:"assumptions"`
		Hash        string   `json:"hash"`
	}{Algorithm, len(p.Steps), append([]string{}, p.Assumptions...), fmt.Sprintf("%x", sha256.Sum256(steps))})
}

// compatible is the result of a goal that closed.
func (q *question) compatible(d *derivation) Result {
	r := Result{Verdict: Compatible, Proof: q.search.proof(d)}
	r.Vacuous = q.old.vacuous(q.ctx)
	return r
}

// vacuous reports whether a schema is known to accept nothing. It is asked once, apart from any question, and changes no
// verdict.
func (s *Schema) vacuous(ctx context.Context) bool {
	if known := s.nothing.Load(); known != nil {
		return *known
	}
	st, roots := newStore(s.graph)
	search := newSearch(st, DefaultBudget.share(vacuousShare))
	search.ctx = ctx
	nothing := search.solve([]lit{pos(roots[0])}).empty()
	if !search.ended {
		s.nothing.Store(&nothing)
	}
	return nothing
}

// vacuousShare is the part of a budget that may be spent, apart, on whether old accepts anything: it changes no verdict.
const vacuousShare = 10

// proof lists the goals that a derivation rests on, each once, in the order in which they are met.
func (s *search) proof(root *derivation) *Proof {
	p := &Proof{}
	type place struct {
		part partKey
		goal string
	}
	index := map[place]int{} // a part may have been asked twice, in different goroutines or after it was forgotten
	var order []*derivation
	adopted := map[*store]map[int32]int32{}
	visit := func(d *derivation) int {
		at := place{goal: goalKey(d.goal)}
		if d.in != nil {
			at.part = d.in.part
		}
		i, ok := index[at]
		if !ok {
			i = len(order)
			index[at] = i
			order = append(order, d)
		}
		return i
	}
	visit(root)
	for i := 0; i < len(order); i++ {
		d := order[i]
		step := Step{Rule: string(d.rule), Note: d.note, Premises: []int{}}
		in := d.in
		if in == nil {
			in = s.store
		}
		for _, l := range d.goal {
			if n := &in.nodes[l.id()]; l.holds() && step.Old == "" {
				step.Old = n.pointer
			} else if !l.holds() && step.New == "" {
				step.New = n.pointer
			}
		}
		rules := map[inference]bool{}
		seen := map[int]bool{}
		var inside func(d *derivation)
		inside = func(d *derivation) {
			for _, k := range d.premises {
				if k.entry {
					if j := visit(k); !seen[j] {
						seen[j] = true
						step.Premises = append(step.Premises, j)
					}
					continue
				}
				if !rules[k.rule] {
					rules[k.rule] = true
					step.Rule += " " + string(k.rule)
				}
				inside(k)
			}
		}
		inside(d)
		p.Steps = append(p.Steps, step)
		goal := slices.Clone(d.goal)
		if in != s.store {
			if adopted[in] == nil {
				adopted[in] = map[int32]int32{}
			}
			for i, l := range goal {
				goal[i] = pos(s.adopt(in, l.id(), adopted[in])).is(l.holds())
			}
		}
		p.goals = append(p.goals, sorted(goal))
	}
	p.made = slices.Clone(s.nodes[len(s.origins):])
	return p
}

// Verify checks a proof again, goal by goal. Each goal is taken apart once more, without memory of the search and
// without its assumptions: where a member or item is asked for, only another goal of the proof may be claimed empty.
// The error names the first step that does not hold. A proof must come from a Result for the same two schemas; what it
// assumes of them is assumed again.
func Verify(old, next *Schema, p *Proof) error {
	if p == nil || len(p.goals) == 0 || len(p.goals) != len(p.Steps) {
		return errors.New("verify: no proof")
	}
	if slices.Contains(p.Assumptions, AssumeDeclared) {
		closed, err := Close(old)
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		old = closed
	}
	if slices.Contains(p.Assumptions, AssumeFilled) {
		open, err := next.unfilled()
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		next = open
	}
	st, roots := newStore(old.graph, next.graph)
	if len(p.Steps) == 1 && p.Steps[0].Rule == string(ruleEqual) {
		if roots[0] != roots[1] {
			return errors.New("verify: step 0: the schemas are not equal")
		}
		return nil
	}
	if first := sorted([]lit{pos(roots[0]), neg(roots[1])}); !slices.Equal(p.goals[0], first) {
		return errors.New("verify: step 0 is not the question")
	}
	for i, n := range p.made {
		if int(st.intern(n)) != len(st.origins)+i {
			return errors.New("verify: the proof's own assertions are not in order")
		}
	}
	c := &claims{known: map[string]bool{}, values: newSearch(st, DefaultBudget)}
	c.values.ctx = context.Background()
	for _, g := range p.goals {
		c.add(g)
	}
	for i := 0; i < len(c.goals); i++ {
		v := newSearch(st, DefaultBudget)
		v.ctx, v.claims = context.Background(), c
		out := v.expand(c.goals[i], &derivation{})
		if out.empty() {
			continue
		}
		what := "a value satisfies it"
		if !out.found {
			what = strings.TrimSpace(string(out.reason) + " " + out.detail)
		}
		step := p.Steps[min(i, len(p.Steps)-1)]
		return fmt.Errorf("verify: step %d (%s, old %q, new %q) does not hold: %s", i, step.Rule, step.Old, step.New, what)
	}
	return nil
}

// claims are the goals of a proof being checked. A goal outside of them is satisfied by a value, which is looked for;
// should it have none, the goals that say so become claims themselves and are checked like the others.
type claims struct {
	known  map[string]bool
	goals  [][]lit
	values *search
}

func (c *claims) add(g []lit) {
	if k := goalKey(g); !c.known[k] {
		c.known[k] = true
		c.goals = append(c.goals, g)
	}
}

func (c *claims) solve(k string, lits []lit) outcome {
	if c.known[k] {
		return outcome{low: unbounded}
	}
	out := c.values.solve(lits)
	if out.empty() {
		for _, g := range c.values.proof(out.proof).goals { // in the numbers of the same store
			c.add(g)
		}
	}
	out.proof = nil
	return out
}
