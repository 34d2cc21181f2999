package compat

import (
	"context"
	"encoding/json"
)

// Version is one version of a history.
type Version struct {
	Number int
	Schema *Schema
	Err    error // why it does not compile; Schema is then nil
}

// Report is what a level says of a new schema. Against lists the versions that were compared, newest first.
type Report struct {
	Passes  bool      `json:"passes"` // what gates: true only if the verdict is Compatible
	Verdict Verdict   `json:"verdict"`
	Policy  Policy    `json:"policy"`
	Level   Level     `json:"level"`
	Against []Pairing `json:"against"`
}

// Failing is the first pairing that does not pass, or nil.
func (r *Report) Failing() *Pairing {
	for i := range r.Against {
		if r.Against[i].Result.Verdict != Compatible {
			return &r.Against[i]
		}
	}
	return nil
}

// Pairing is one version compared with the new schema. Under FULL the result is the first direction's that does not
// pass; Both holds one result for each direction of the level.
type Pairing struct {
	Number  int
	Result  Result
	Both    []Result
	Changes []Change // from the version to the new schema, judged; of a version that passes only if it is the latest
}

// undecidedJSON is how a reason is shown.
type undecidedJSON struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
	Spent  Budget `json:"spent"`
}

// resultJSON holds the members that every answer shows, in their order.
type resultJSON struct {
	Version        *int            `json:"version,omitempty"`
	Passes         bool            `json:"passes"`
	Verdict        Verdict         `json:"verdict"`
	Policy         Policy          `json:"policy"`
	Proof          *Proof          `json:"proof,omitempty"`
	Counterexample *Counterexample `json:"counterexample,omitempty"`
	Undecided      *undecidedJSON  `json:"undecided,omitempty"`
	Changes        []Change        `json:"changes,omitempty"`
	Warnings       []string        `json:"warnings,omitempty"`
}

func (r *Result) members() resultJSON {
	out := resultJSON{Passes: r.Verdict == Compatible, Verdict: r.Verdict, Policy: r.Policy, Proof: r.Proof, Counterexample: r.Counterexample}
	if r.Verdict == Undecided {
		out.Undecided = &undecidedJSON{r.Reason, r.Detail, r.Spent}
	}
	if r.Vacuous {
		out.Warnings = []string{"schema-unsatisfiable"}
	}
	return out
}

// MarshalJSON writes passes, verdict, policy, and one of proof, counterexample and undecided.
func (r Result) MarshalJSON() ([]byte, error) { return json.Marshal(r.members()) }

// MarshalJSON writes the members of the result with version before them and changes after them.
func (p Pairing) MarshalJSON() ([]byte, error) {
	out := p.Result.members()
	out.Version, out.Changes = &p.Number, p.Changes
	return json.Marshal(out)
}

// Check compares next with the versions that the level asks for, newest first. history is ascending by number, without
// deleted versions. It stops at the first version that does not pass, unless Options.All; changes are listed for the
// versions that do not pass and for the latest. NONE and an empty history are Compatible. Together: any Incompatible
// makes the report Incompatible, else any Undecided makes it Undecided. A version with Err is Undecided.
func (c *Checker) Check(ctx context.Context, l Level, next *Schema, history []Version, o Options) Report {
	r := Report{Verdict: Compatible, Policy: o.Policy, Level: l, Against: []Pairing{}}
	directions := l.Directions()
	if len(directions) > 0 {
		for i := len(history) - 1; i >= 0; i-- {
			p := c.pair(ctx, directions, next, history[i], i == len(history)-1, o)
			r.Against = append(r.Against, p)
			switch p.Result.Verdict {
			case Incompatible:
				r.Verdict = Incompatible
			case Undecided:
				if r.Verdict == Compatible {
					r.Verdict = Undecided
				}
			}
			if !l.Transitive() || p.Result.Verdict == Incompatible && !o.All {
				break
			}
		}
	}
	r.Passes = r.Verdict == Compatible
	return r
}

// pair compares next with one version in each direction of the level.
func (c *Checker) pair(ctx context.Context, directions []Direction, next *Schema, v Version, latest bool, o Options) Pairing {
	p := Pairing{Number: v.Number}
	if v.Schema == nil {
		detail := "the version has no schema"
		if v.Err != nil {
			detail = v.Err.Error()
		}
		p.Result = Result{Policy: o.Policy, Reason: ReasonNotCompiled, Detail: detail}
		p.Both = []Result{p.Result}
		return p
	}
	worst := 0
	for i, d := range directions {
		left, right := sides(d, v.Schema, next)
		r := c.contains(ctx, left, right, o, d)
		p.Both = append(p.Both, r)
		if rank(r.Verdict) > rank(p.Both[worst].Verdict) {
			worst = i
		}
	}
	p.Result = p.Both[worst]
	if !latest && p.Result.Verdict == Compatible {
		return p
	}
	p.Changes = Diff(v.Schema, next)
	if p.Result.Verdict != Compatible {
		p.Changes = c.Judge(ctx, directions[worst], v.Schema, next, p.Changes, o)
		return p
	}
	for i := range p.Changes { // the new schema as a whole refuses nothing
		p.Changes[i].Effect = EffectHarmless
	}
	return p
}

// sides says who writes and who reads.
func sides(d Direction, old, next *Schema) (left, right *Schema) {
	if d == DirectionForward {
		return next, old
	}
	return old, next
}

func rank(v Verdict) int {
	switch v {
	case Incompatible:
		return 2
	case Undecided:
		return 1
	}
	return 0
}
