package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/accordhq/accord/compat"
)

// Judgement is whether a schema may follow, and why.
type Judgement struct {
	Passes bool
	Level  Level
	// Report is compat's answer, under the level or, for an UPCASTABLE one, under its plain counterpart.
	Report compat.Report
	// Carried are the versions that the plain check refuses and a lens path carries to the new schema.
	Carried []int
	// Lens is the proof of the lens that came with the schema, nil if none came.
	Lens     *LensReport
	Warnings []string
	// Fields says that validateFields is on, and Reserved what stands against the schema by it.
	Fields   bool
	Reserved []ReservedFault

	subject *Subject       // as it was judged
	next    *compat.Schema // what was judged
	written *givenLens     // the lens that SEMANTIC_UPCAST stores, nil if none is needed
}

// Summary is the judgement in one sentence, for logs and errors.
func (j Judgement) Summary() string {
	if j.Passes {
		return "compatible"
	}
	if len(j.Reserved) > 0 {
		return j.Reserved[0].String()
	}
	for _, p := range j.Report.Against {
		if slices.Contains(j.Carried, p.Number) || p.Passes {
			continue
		}
		if refused := compat.Refused(p.Rules); len(refused) > 0 {
			return fmt.Sprintf("version %d, %s: %s at %s is refused by %s", p.Number, refused[0].Direction, refused[0].Type, refused[0].Path, j.Report.Policy)
		}
		if p.Result.Verdict == compat.Undecided {
			return fmt.Sprintf("undecided against version %d: %s", p.Number, p.Result.Detail)
		}
		if x := p.Result.Counterexample; x != nil && len(x.Violations) > 0 {
			return fmt.Sprintf("version %d, %s: at %q: %s", p.Number, x.Direction, x.Violations[0].Pointer, x.Violations[0].Message)
		}
	}
	return "incompatible"
}

// mark is what a version keeps when Confluent's rules let it in where SEMANTIC does not; nil if they agree.
func (j *Judgement) mark() *Mark {
	if !j.Report.Policy.Confluent() {
		return nil
	}
	var m *Mark
	for _, p := range j.Report.Against {
		if p.Result.Verdict == compat.Compatible || slices.Contains(j.Carried, p.Number) {
			continue
		}
		if m == nil {
			m = &Mark{Policy: j.Report.Policy.String(), Verdict: p.Result.Verdict.String()}
		}
		if p.Result.Verdict == compat.Incompatible {
			m.Verdict = p.Result.Verdict.String()
		}
		m.Against = append(m.Against, p.Number)
	}
	return m
}

// plain is the level as compat knows it.
func (l Level) plain() compat.Level {
	switch l {
	case Upcastable:
		return compat.Backward
	case UpcastableTransitive:
		return compat.BackwardTransitive
	}
	level, err := compat.ParseLevel(string(l))
	if err != nil {
		return compat.FullTransitive // levels are parsed before they are stored; what is not known is judged hardest
	}
	return level
}

// upcastable says whether a lens may carry what the plain check refuses.
func (l Level) upcastable() bool { return l == Upcastable || l == UpcastableTransitive }

// busyAfter is how long a registration waits for its turn to be judged.
const busyAfter = 2 * time.Second

// turn takes a token for judging, or Busy.
func (r *Registry) turn(ctx context.Context) (done func(), err error) {
	wait := time.NewTimer(busyAfter)
	defer wait.Stop()
	select {
	case r.judging <- struct{}{}:
		return func() { <-r.judging }, nil
	case <-wait.C:
		return nil, &Error{Reason: Busy}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// compiledSchema compiles the schema of a version for judging, from memory if it was judged before.
func (r *Registry) compiledSchema(ctx context.Context, v *Version) (*compat.Schema, error) {
	k := Key{Context: v.Schema.Context, ID: v.Schema.ID}
	if b := batchOf(ctx); b != nil && k.ID < 0 {
		return b.compiled[-k.ID-1], nil
	}
	if c, ok := r.compiled.get(k); ok {
		return c, nil
	}
	era := r.hearing.now()
	schema, err := r.schema(ctx, k)
	if err != nil {
		return nil, err
	}
	valid, err := r.compile(ctx, schema)
	if err != nil {
		return nil, err
	}
	c, err := compat.Compile(valid)
	if err != nil {
		return nil, limitError(err)
	}
	r.hearing.keepForever(era, func() { r.compiled.put(k, c, valid.Size()+len(schema.Text)) })
	return c, nil
}

// limitError turns a schema that is too large to be judged into InvalidSchema.
func limitError(err error) error {
	if limit, ok := errors.AsType[*compat.LimitError](err); ok {
		return &Error{Reason: InvalidSchema, Pointer: limit.Pointer, Detail: limit.Error()}
	}
	return err
}

// history are the live versions that a new schema is compared with, ascending: those of its compatibility group.
func (r *Registry) history(ctx context.Context, s *Subject, next *Schema) ([]*Version, error) {
	group := s.Policies.Config().CompatibilityGroup
	var out []*Version
	for i := range s.Versions {
		v := &s.Versions[i]
		if v.State != Live {
			continue
		}
		if group != "" {
			schema, err := r.schema(ctx, Key{Context: v.Schema.Context, ID: v.Schema.ID})
			if err != nil {
				return nil, err
			}
			if schema.Metadata.property(group) != next.Metadata.property(group) {
				continue
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// property is a metadata property, "" if there is none.
func (m *Metadata) property(name string) string {
	if m == nil {
		return ""
	}
	return m.Properties[name]
}

// compare asks compat about a schema and a history; all does not stop at the first version that is refused. Of what passes
// nothing more is said if it is to be brief.
func (r *Registry) compare(ctx context.Context, level Level, p compat.Policy, all bool, next *compat.Schema, history []*Version, brief bool) (compat.Report, error) {
	plain := level.plain()
	if !plain.Transitive() && len(history) > 1 {
		history = history[len(history)-1:]
	}
	if plain == compat.None {
		history = nil
	}
	var versions []compat.Version
	for _, v := range history {
		old, err := r.compiledSchema(ctx, v)
		if err != nil && !errors.Is(err, InvalidSchema) {
			return compat.Report{}, err
		}
		versions = append(versions, compat.Version{Number: v.Number, Schema: old, Err: err})
	}
	return r.checker.Check(ctx, plain, next, versions, compat.Options{Policy: p, All: all, Also: true, Brief: brief}), nil
}

// judge judges a proposal against versions of its subject. lens is the step from the subject's last version, nil if
// none is given.
func (r *Registry) judge(ctx context.Context, s *Subject, p *proposal, history []*Version, lens *givenLens) (Judgement, error) {
	done, err := r.turn(ctx)
	if err != nil {
		return Judgement{}, err
	}
	defer done()
	began := time.Now()
	defer func() { r.metrics.judging.Observe(time.Since(began).Seconds()) }()

	config := s.Policies.Config()
	if p.judged == nil {
		if p.judged, err = compat.Compile(p.compiled); err != nil {
			return Judgement{}, limitError(err)
		}
	}
	next := p.judged
	j := Judgement{Level: config.Compatibility, Fields: deref(config.ValidateFields), subject: s, next: next}
	deciding, cancel := context.WithTimeout(ctx, JudgeBudget)
	defer cancel()
	policy, carries, err := config.question(lens != nil)
	if err != nil {
		return Judgement{}, err
	}
	if j.Report, err = r.compare(deciding, j.Level, policy, carries, next, history, p.brief); err != nil {
		return Judgement{}, err
	}
	j.Passes = j.Report.Passes
	if lens != nil {
		if j.Lens, err = r.proveLens(ctx, s, next, lens); err != nil {
			return Judgement{}, err
		}
	}
	if !j.Passes && carries {
		if err := r.carry(ctx, s, next, lens, &j); err != nil {
			return Judgement{}, err
		}
	}
	if j.Passes && policy == compat.SemanticUpcast {
		if err := r.fillIn(ctx, s, next, &j); err != nil {
			return Judgement{}, err
		}
	}
	if j.Fields {
		if j.Reserved, err = r.reservedFaults(ctx, &p.schema, history); err != nil {
			return Judgement{}, err
		}
		j.Passes = j.Passes && len(j.Reserved) == 0
	}
	for _, pair := range j.Report.Against {
		for _, warning := range pair.Warnings() {
			if warning == compat.WarningVacuous {
				warning = fmt.Sprintf("version %d accepts no event at all", pair.Number)
			}
			j.Warnings = append(j.Warnings, warning)
		}
	}
	return j, nil
}

// judgeNew judges a version on its way in and completes it with its lens and mark.
func (r *Registry) judgeNew(ctx context.Context, s *Subject, p *proposal, reg Registration, v *Version) error {
	lens, err := r.givenLens(ctx, s, reg.Lens, reg.Examples)
	if err != nil {
		return err
	}
	history, err := r.history(ctx, s, &p.schema)
	if err != nil {
		return err
	}
	if reg.Force {
		v.Mark = &Mark{Forced: true}
		history = nil
	}
	p.brief = true
	j, err := r.judge(ctx, s, p, history, lens)
	if err != nil {
		return err
	}
	if !j.Passes && !reg.Force {
		return &Incompatible{Name: s.Name, Report: j}
	}
	p.warnings = append(p.warnings, j.Warnings...)
	if v.Mark == nil {
		v.Mark = j.mark()
	}
	if lens == nil {
		lens = j.written
	}
	if lens != nil {
		report, err := json.Marshal(j.Lens)
		if err != nil {
			return err
		}
		v.Lens = &StoredLens{Lens: lens.doc, Rev: 1, Report: report}
	}
	return nil
}

// Check judges a schema without storing it: against one version (Latest or a number), or, with number 0, as a
// registration would be. A subject that is not there passes with Latest and 0. Errors as Register's before judging,
// VersionNotFound, also where there is no subject. Source: Confluent Schema Registry, POST
// /compatibility/subjects/{subject}/versions/{version}.
func (r *Registry) Check(ctx context.Context, name Name, number int, reg Registration) (Judgement, error) {
	j, _, err := r.check(ctx, name, number, reg)
	return j, err
}

// check is Check, with what would be stored.
func (r *Registry) check(ctx context.Context, name Name, number int, reg Registration) (Judgement, *proposal, error) {
	if err := name.checkSubject(); err != nil {
		return Judgement{}, nil, err
	}
	s, err := r.aliased(ctx, name)
	if err != nil {
		return Judgement{}, nil, err
	}
	if number > 0 && s.at(number, LiveOnly) == nil {
		return Judgement{}, nil, &Error{Reason: VersionNotFound, Name: name, Version: number}
	}
	p, err := r.propose(ctx, s, reg, false)
	if err != nil {
		return Judgement{}, nil, err
	}
	if err := r.complete(ctx, p, false); err != nil {
		return Judgement{}, nil, err
	}
	history, err := r.history(ctx, s, &p.schema)
	if err != nil {
		return Judgement{}, nil, err
	}
	switch {
	case number > 0:
		history = []*Version{s.at(number, LiveOnly)}
	case number == Latest && len(history) > 1:
		history = history[len(history)-1:]
	}
	lens, err := r.givenLens(ctx, s, reg.Lens, reg.Examples)
	if err != nil {
		return Judgement{}, nil, err
	}
	j, err := r.judge(ctx, s, p, history, lens)
	j.Warnings = append(p.warnings, j.Warnings...)
	return j, p, err
}

// judgeReturn judges versions that come back: each, and the one after it, must fit what stands below them then.
func (r *Registry) judgeReturn(ctx context.Context, s *Subject, numbers []int) error {
	var sequence []*Version
	for i := range s.Versions {
		if v := &s.Versions[i]; v.State == Live || slices.Contains(numbers, v.Number) {
			sequence = append(sequence, v)
		}
	}
	config := s.Policies.Config()
	for i, v := range sequence {
		touched := slices.Contains(numbers, v.Number) || i > 0 && slices.Contains(numbers, sequence[i-1].Number)
		if !touched || v.Mark != nil && (v.Mark.Forced || v.Mark.Imported) {
			continue
		}
		next, err := r.compiledSchema(ctx, v)
		if err != nil {
			return err
		}
		lens, err := storedStep(v)
		if err != nil {
			return err
		}
		policy, carries, err := config.question(lens != nil)
		if err != nil {
			return err
		}
		j := Judgement{Level: config.Compatibility}
		if j.Report, err = r.compare(ctx, j.Level, policy, carries, next, sequence[:i], true); err != nil {
			return err
		}
		j.Passes = j.Report.Passes
		if !j.Passes && carries {
			whole := *s
			whole.Versions = slices.DeleteFunc(slices.Clone(s.Versions), func(o Version) bool { return o.Number >= v.Number })
			if err := r.carry(ctx, &whole, next, lens, &j); err != nil {
				return err
			}
		}
		if !j.Passes {
			return &Incompatible{Name: s.Name, Report: j}
		}
	}
	return nil
}
