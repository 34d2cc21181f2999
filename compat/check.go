package compat

import (
	"context"
	"encoding/json"
	"fmt"
)

// Version is one version of a history.
type Version struct {
	Number int
	Schema *Schema
	Err    error // why it does not compile; Schema is then nil
}

// Report is what a level says of a new schema. Against lists the versions that were compared, newest first.
type Report struct {
	Passes  bool      `json:"passes"`  // what gates: every version passes
	Verdict Verdict   `json:"verdict"` // under a Confluent policy it is Semantic's and does not gate
	Policy  Policy    `json:"policy"`
	Level   Level     `json:"level"`
	Against []Pairing `json:"against"`
}

// Failing is the first pairing that does not pass, or nil.
func (r *Report) Failing() *Pairing {
	for i := range r.Against {
		if !r.Against[i].Passes {
			return &r.Against[i]
		}
	}
	return nil
}

// Pairing is one version compared with the new schema. Under FULL the result is the first direction's that does not
// pass; Both holds one result for each direction of the level.
type Pairing struct {
	Number    int
	Passes    bool // what gates: the verdict, or under a Confluent policy that no rule refuses
	Result    Result
	Both      []Result
	Rules     []Difference       // under a Confluent policy: what its rules find, of each direction
	Changes   []Change           // from the version to the new schema, judged; of a version that passes only if it is the latest
	AlsoUnder map[Policy]Verdict // with Options.Also, of versions whose Changes are listed: the other policies; Incompatible also stands for a refused rule
}

// undecidedJSON is how a reason is shown.
type undecidedJSON struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
	Spent  Budget `json:"spent"`
}

// resultJSON holds the members that every answer shows, in their order.
type resultJSON struct {
	Version        *int               `json:"version,omitempty"`
	Passes         bool               `json:"passes"`
	Verdict        Verdict            `json:"verdict"`
	Policy         Policy             `json:"policy"`
	Proof          *Proof             `json:"proof,omitempty"`
	Counterexample *Counterexample    `json:"counterexample,omitempty"`
	Undecided      *undecidedJSON     `json:"undecided,omitempty"`
	Rules          []Difference       `json:"rules,omitempty"`
	Changes        []Change           `json:"changes,omitempty"`
	AlsoUnder      map[Policy]Verdict `json:"alsoUnder,omitempty"`
	Warnings       []string           `json:"warnings,omitempty"`
}

func (r *Result) members() resultJSON {
	out := resultJSON{Passes: r.Verdict == Compatible, Verdict: r.Verdict, Policy: r.Policy, Proof: r.Proof, Counterexample: r.Counterexample}
	if r.Verdict == Undecided {
		out.Undecided = &undecidedJSON{r.Reason, r.Detail, r.Spent}
	}
	if r.Vacuous {
		out.Warnings = []string{WarningVacuous}
	}
	return out
}

// WarningVacuous warns of a writer's schema that accepts nothing: everything may follow it.
const WarningVacuous = "schema-unsatisfiable"

// MarshalJSON writes passes, verdict, policy, and one of proof, counterexample and undecided.
func (r Result) MarshalJSON() ([]byte, error) { return json.Marshal(r.members()) }

// MarshalJSON writes the members of the result with version before them and rules, changes, alsoUnder and warnings after
// them.
func (p Pairing) MarshalJSON() ([]byte, error) {
	out := p.Result.members()
	out.Version, out.Passes, out.Rules, out.Changes, out.AlsoUnder, out.Warnings = &p.Number, p.Passes, p.Rules, p.Changes, p.AlsoUnder, p.Warnings()
	return json.Marshal(out)
}

// Warnings are sentences about a pairing that do not gate: a version that accepts nothing, and under a Confluent policy
// where the verdict is another than what the rules let pass.
func (p *Pairing) Warnings() (out []string) {
	if p.Result.Vacuous {
		out = append(out, WarningVacuous)
	}
	if !p.Result.Policy.Confluent() || p.Passes == (p.Result.Verdict == Compatible) {
		return out
	}
	switch x := p.Result.Counterexample; {
	case x != nil:
		out = append(out, fmt.Sprintf("%s lets pass what SEMANTIC refuses against version %d (%s): the reader rejects %s", p.Result.Policy, p.Number, x.Direction, clip(string(x.Event))))
	case p.Passes:
		out = append(out, fmt.Sprintf("%s lets pass what SEMANTIC leaves undecided against version %d (%s): %s", p.Result.Policy, p.Number, p.Result.Reason, p.Result.Detail))
	default:
		out = append(out, fmt.Sprintf("%s refuses what SEMANTIC proves compatible with version %d: no event breaks", p.Result.Policy, p.Number))
	}
	return out
}

// Check compares next with the versions that the level asks for, newest first. history is ascending by number, without
// deleted versions. It stops at the first version that is refused, unless Options.All; changes are listed for the
// versions that do not pass and for the latest. NONE and an empty history are Compatible. Together: any Incompatible
// makes the report Incompatible, else any Undecided makes it Undecided. A version with Err is Undecided, and passes under
// no policy. Under a Confluent policy only a refused rule stands against a version; the verdict is Semantic's.
func (c *Checker) Check(ctx context.Context, l Level, next *Schema, history []Version, o Options) Report {
	r := Report{Passes: true, Verdict: Compatible, Policy: o.Policy, Level: l, Against: []Pairing{}}
	directions := l.Directions()
	if len(directions) == 0 {
		return r
	}
	for i := len(history) - 1; i >= 0; i-- {
		p := c.pair(ctx, directions, next, history[i], i == len(history)-1, o)
		r.Against = append(r.Against, p)
		r.Passes = r.Passes && p.Passes
		if rank(p.Result.Verdict) > rank(r.Verdict) {
			r.Verdict = p.Result.Verdict
		}
		refused := p.Result.Verdict == Incompatible
		if o.Policy.Confluent() {
			refused = !p.Passes
		}
		if !l.Transitive() || refused && !o.All {
			break
		}
	}
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
	p.Passes = p.Result.Verdict == Compatible
	if o.Policy.Confluent() {
		p.Rules = confluentRules(directions, v.Schema, next, o.Policy)
		p.Passes = len(Refused(p.Rules)) == 0
	}
	if (!latest || o.Brief) && p.Passes && p.Result.Verdict == Compatible {
		return p
	}
	if o.Also {
		p.AlsoUnder = c.alsoUnder(ctx, directions, next, v, o, p.Result.Verdict == Compatible)
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

// confluentRules are the differences of each direction of a level.
func confluentRules(directions []Direction, old, next *Schema, p Policy) (out []Difference) {
	for _, d := range directions {
		left, right := sides(d, old, next)
		for _, x := range Confluent(left, right, p) {
			x.Direction = d
			out = append(out, x)
		}
	}
	return out
}

// alsoUnder is what the policies that do not gate would say of one version, in all directions of the level together;
// both says that the one that gates finds each direction compatible.
func (c *Checker) alsoUnder(ctx context.Context, directions []Direction, next *Schema, v Version, o Options, both bool) map[Policy]Verdict {
	out := map[Policy]Verdict{}
	for _, policy := range Policies() {
		if policy == o.Policy || ctx.Err() != nil { // what decides comes first
			continue
		}
		all := Compatible
		if policy.Confluent() {
			if len(Refused(confluentRules(directions, v.Schema, next, policy))) > 0 {
				all = Incompatible
			}
			out[policy] = all
			continue
		}
		if policy == SemanticDeclared && both && o.Policy != SemanticUpcast {
			out[policy] = Compatible // what takes every event takes those
			continue
		}
		asked := o
		asked.Policy = policy
		for _, d := range directions {
			left, right := sides(d, v.Schema, next)
			if r := c.contains(ctx, left, right, asked, d); rank(r.Verdict) > rank(all) {
				all = r.Verdict
			}
		}
		out[policy] = all
	}
	return out
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
