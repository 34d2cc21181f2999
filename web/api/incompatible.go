package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/compat"
)

// How much of an event and a schema a message carries.
const (
	MaxMessageEvent  = 1 << 10  // bytes; the whole event is in counterexample
	MaxMessageSchema = 10 << 10 // bytes
	MaxMessageRules  = 50       // refused rules under a Confluent policy; all are in rules
)

// verdictBody is what an answer about compatibility says to clients that take members they do not know: verdict,
// version and what stands between are those of the first version that fails. The verdict is SEMANTIC's under Confluent's
// policies, whose rules alone decide whether the schema may follow.
type verdictBody struct {
	Verdict        string                 `json:"verdict,omitempty" doc:"compatible, incompatible or undecided" example:"incompatible"`
	Policy         string                 `json:"policy,omitempty" example:"SEMANTIC"`
	Level          string                 `json:"level,omitempty" example:"BACKWARD"`
	Version        int                    `json:"version,omitempty" doc:"The version that stands against it." example:"3"`
	Counterexample *compat.Counterexample `json:"counterexample,omitempty" doc:"An event that one side accepts and the other rejects."`
	Undecided      *undecidedBody         `json:"undecided,omitempty" doc:"What stopped the proof."`
	Rules          []compat.Difference    `json:"rules,omitempty" doc:"Under STRICT and LENIENT: what Confluent's rules find."`
	Changes        []compat.Change        `json:"changes,omitempty"`
	Reserved       []reservedBody         `json:"reserved,omitempty" doc:"Where validateFields is on: members that confluent:reserved names in the metadata, and that stand against it."`
	AlsoUnder      map[string]string      `json:"alsoUnder,omitempty" doc:"What the other policies would say."`
	Warnings       []string               `json:"warnings,omitempty" doc:"What does not gate: where STRICT or LENIENT and the verdict differ, with the event."`
}

// reservedBody is a member that is reserved by the metadata.
type reservedBody struct {
	Type    string `json:"type" example:"RESERVED_PROPERTY_REMOVED"`
	Field   string `json:"field" example:"email"`
	Version int    `json:"version,omitempty" doc:"Where it is removed: the version whose metadata reserve it." example:"3"`
}

// undecidedBody is why nobody knows.
type undecidedBody struct {
	Reason string `json:"reason" example:"goals"`
	Detail string `json:"detail"`
}

// failing is the first pairing that stands against the schema, nil if none does.
func failing(j *catalog.Judgement) *compat.Pairing {
	for i, p := range j.Report.Against {
		if !p.Passes && !slices.Contains(j.Carried, p.Number) {
			return &j.Report.Against[i]
		}
	}
	return nil
}

// verdictOf is a judgement in full.
func verdictOf(j *catalog.Judgement) verdictBody {
	b := verdictBody{Verdict: j.Report.Verdict.String(), Policy: j.Report.Policy.String(), Level: string(j.Level), Warnings: j.Warnings}
	if j.Passes {
		if !j.Report.Policy.Confluent() {
			b.Verdict = compat.Compatible.String()
		}
		if len(j.Report.Against) > 0 {
			b.AlsoUnder = alsoUnder(&j.Report.Against[0])
		}
		return b
	}
	for _, f := range j.Reserved {
		b.Verdict = compat.Incompatible.String()
		b.Reserved = append(b.Reserved, reservedBody{f.Type(), f.Field, f.Number})
	}
	p := failing(j)
	if p == nil {
		return b
	}
	b.Verdict, b.Version, b.Counterexample, b.Changes = p.Result.Verdict.String(), p.Number, p.Result.Counterexample, p.Changes
	b.Rules, b.AlsoUnder = p.Rules, alsoUnder(p)
	if p.Result.Verdict == compat.Undecided {
		b.Undecided = &undecidedBody{string(p.Result.Reason), p.Result.Detail}
	}
	return b
}

func alsoUnder(p *compat.Pairing) map[string]string {
	out := make(map[string]string, len(p.AlsoUnder))
	for policy, verdict := range p.AlsoUnder {
		out[policy.String()] = verdict.String()
	}
	return out
}

// messages tells Confluent's tools why a schema may not follow, in the form that they know; empty if it may. Source:
// Confluent Schema Registry, JsonSchema.isCompatible and AbstractSchemaProvider.
func (a *API) messages(ctx context.Context, name catalog.Name, j *catalog.Judgement) []string {
	p := failing(j)
	if j.Passes || p == nil && len(j.Reserved) == 0 {
		return []string{}
	}
	finding := func(errorType, description string) string {
		return fmt.Sprintf(`{errorType:"%s", description:"%s'}`, errorType, strings.ReplaceAll(description, `"`, `\"`))
	}
	list := []string{}
	if p != nil {
		list = a.refusals(ctx, name, p, finding)
	}
	for _, f := range j.Reserved[:min(len(j.Reserved), MaxMessageRules)] {
		list = append(list, finding(f.Type(), f.String()))
	}
	return append(list, fmt.Sprintf(`{validateFields: '%v', compatibility: '%s'}`, j.Fields, j.Level))
}

// refusals are the messages about the first version that stands against a schema.
func (a *API) refusals(ctx context.Context, name catalog.Name, p *compat.Pairing, finding func(errorType, description string) string) (list []string) {
	if refused := compat.Refused(p.Rules); len(refused) > 0 {
		for i, d := range refused[:min(len(refused), MaxMessageRules)] {
			if i == 0 {
				list = append(list, finding(d.Type, firstRule(p, d)))
				continue
			}
			list = append(list, finding(d.Type, ruleSentence(p, d)))
		}
	} else {
		list = append(list, finding(errorType(p), description(p)))
	}
	list = append(list, fmt.Sprintf(`{oldSchemaVersion: %d}`, p.Number))
	if v, err := a.registry.Version(ctx, name, p.Number, catalog.WithDeleted); err == nil && mayRead(ctx, v.Name) {
		list = append(list, fmt.Sprintf(`{oldSchema: '%s'}`, cut(v.Schema.Text, MaxMessageSchema)))
	}
	return list
}

// firstRule is the sentence with the event, if the schemas differ in one; else what the first rule says, and that no
// event is known.
func firstRule(p *compat.Pairing, d compat.Difference) string {
	switch p.Result.Verdict {
	case compat.Incompatible:
		return description(p)
	case compat.Undecided:
		return ruleSentence(p, d) + ". Whether an event breaks is undecided (" + string(p.Result.Reason) + ")"
	}
	return ruleSentence(p, d) + ". No event breaks: SEMANTIC proves the schemas compatible"
}

// ruleSentence says what a rule of Confluent's refuses.
func ruleSentence(p *compat.Pairing, d compat.Difference) string {
	what := strings.ToLower(strings.ReplaceAll(d.Type, "_", " "))
	for _, r := range compat.Rules() {
		if r.Confluent == d.Type && (r.ID == strings.ReplaceAll(what, " ", "-") || r.Keyword != "type") {
			what = r.Meaning
			break
		}
	}
	sides := fmt.Sprintf("from version %d to the new schema", p.Number)
	if d.Direction == compat.DirectionForward {
		sides = fmt.Sprintf("from the new schema to version %d", p.Number)
	}
	return fmt.Sprintf("%s refuses at '%s': %s (%s)", p.Result.Policy, d.Path, what, sides)
}

// errorType is Confluent's name of the first change that breaks, else the rule's in capitals.
func errorType(p *compat.Pairing) string {
	if p.Result.Verdict == compat.Undecided {
		return "UNDECIDED"
	}
	for _, c := range p.Changes {
		if c.Effect != compat.EffectBreaks && c.Effect != compat.EffectTogether {
			continue
		}
		for _, r := range compat.Rules() {
			if r.ID == c.Rule && r.Confluent != "" {
				return r.Confluent
			}
		}
		return strings.ToUpper(strings.ReplaceAll(c.Rule, "-", "_"))
	}
	return "COUNTEREXAMPLE"
}

// description is the sentence with the event.
func description(p *compat.Pairing) string {
	x := p.Result.Counterexample
	if x == nil {
		return fmt.Sprintf("UNDECIDED: nobody can tell whether version %d and the new schema agree (%s): %s", p.Number, p.Result.Reason, p.Result.Detail)
	}
	writer, reader := fmt.Sprintf("version %d", p.Number), "the new schema"
	if x.Direction == compat.DirectionForward {
		writer, reader = reader, writer
	}
	var b strings.Builder
	fmt.Fprintf(&b, "This event is valid under %s and is rejected by %s", writer, reader)
	if len(x.Violations) > 0 {
		fmt.Fprintf(&b, " at '%s': %s", x.Violations[0].Pointer, x.Violations[0].Message)
	}
	b.WriteString(". ")
	event := bytes.TrimSpace(x.Event)
	b.WriteString(cut(string(event), MaxMessageEvent))
	if len(event) > MaxMessageEvent {
		b.WriteString("…")
	}
	return b.String()
}

// refutedBody is the event that a lens does not carry.
type refutedBody struct {
	From   int             `json:"from"`
	To     int             `json:"to"`
	Law    string          `json:"law"`
	Event  json.RawMessage `json:"event,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// refuted is the 409 of a lens: only our own clients send one, and they read members that they do not know.
func refuted(e *catalog.RefutedLens) *fault {
	return &fault{
		code:    codeIncompatible,
		message: fmt.Sprintf("The lens from version %d to %d of subject '%s' does not hold (%s): %s. %s", e.From, e.To, e.Name, e.Law, e.Detail, cut(string(e.Event), MaxMessageEvent)),
		more:    refutedBody{e.From, e.To, e.Law, e.Event, e.Result},
	}
}

// refusalBody is what the 409 of a registration says to clients that take members they do not know.
type refusalBody struct {
	verdictBody
	impactBody
}

// incompatible is the 409 of a registration.
func (a *API) incompatible(ctx context.Context, e *catalog.Incompatible) *fault {
	f := &fault{code: codeIncompatible, message: fmt.Sprintf(
		`Schema being registered is incompatible with an earlier schema for subject "%s", details: [%s]`, e.Name, strings.Join(a.messages(ctx, e.Name, &e.Report), ", "))}
	if callOf(ctx).unknown {
		f.more = refusalBody{verdictOf(&e.Report), a.impact(ctx, e)}
	}
	return f
}
