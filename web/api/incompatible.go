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
)

// verdictBody is what an answer about compatibility says to clients that take members they do not know: verdict,
// version and what stands between are those of the first version that fails.
type verdictBody struct {
	Verdict        string                 `json:"verdict,omitempty" doc:"compatible, incompatible or undecided" example:"incompatible"`
	Policy         string                 `json:"policy,omitempty" example:"SEMANTIC"`
	Level          string                 `json:"level,omitempty" example:"BACKWARD"`
	Version        int                    `json:"version,omitempty" doc:"The version that stands against it." example:"3"`
	Counterexample *compat.Counterexample `json:"counterexample,omitempty" doc:"An event that one side accepts and the other rejects."`
	Undecided      *undecidedBody         `json:"undecided,omitempty" doc:"What stopped the proof."`
	Changes        []compat.Change        `json:"changes,omitempty"`
	Warnings       []string               `json:"warnings,omitempty"`
}

// undecidedBody is why nobody knows.
type undecidedBody struct {
	Reason string `json:"reason" example:"goals"`
	Detail string `json:"detail"`
}

// failing is the first pairing that stands against the schema, nil if none does.
func failing(j *catalog.Judgement) *compat.Pairing {
	for i, p := range j.Report.Against {
		if p.Result.Verdict != compat.Compatible && !slices.Contains(j.Carried, p.Number) {
			return &j.Report.Against[i]
		}
	}
	return nil
}

// verdictOf is a judgement in full.
func verdictOf(j *catalog.Judgement) verdictBody {
	b := verdictBody{Verdict: j.Report.Verdict.String(), Policy: j.Report.Policy.String(), Level: string(j.Level), Warnings: j.Warnings}
	if j.Passes {
		b.Verdict = compat.Compatible.String()
		return b
	}
	p := failing(j)
	if p == nil {
		return b
	}
	b.Verdict, b.Version, b.Counterexample, b.Changes = p.Result.Verdict.String(), p.Number, p.Result.Counterexample, p.Changes
	if p.Result.Verdict == compat.Undecided {
		b.Undecided = &undecidedBody{string(p.Result.Reason), p.Result.Detail}
	}
	return b
}

// messages tells Confluent's tools why a schema may not follow, in the form that they know; empty if it may. Source:
// Confluent Schema Registry, JsonSchema.isCompatible and AbstractSchemaProvider.
func (a *API) messages(ctx context.Context, name catalog.Name, j *catalog.Judgement) []string {
	p := failing(j)
	if j.Passes || p == nil {
		return []string{}
	}
	list := []string{
		fmt.Sprintf(`{errorType:"%s", description:"%s'}`, errorType(p), strings.ReplaceAll(description(p), `"`, `\"`)),
		fmt.Sprintf(`{oldSchemaVersion: %d}`, p.Number),
	}
	if v, err := a.registry.Version(ctx, name, p.Number, catalog.WithDeleted); err == nil {
		list = append(list, fmt.Sprintf(`{oldSchema: '%s'}`, cut(v.Schema.Text, MaxMessageSchema)))
	}
	return append(list, fmt.Sprintf(`{validateFields: 'false', compatibility: '%s'}`, j.Level))
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

// incompatible is the 409 of a registration.
func (a *API) incompatible(ctx context.Context, e *catalog.Incompatible) *fault {
	f := &fault{code: codeIncompatible, message: fmt.Sprintf(
		`Schema being registered is incompatible with an earlier schema for subject "%s", details: [%s]`, e.Name, strings.Join(a.messages(ctx, e.Name, &e.Report), ", "))}
	if callOf(ctx).unknown {
		f.more = verdictOf(&e.Report)
	}
	return f
}
