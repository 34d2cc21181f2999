package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/compat"
)

// judge asks the scratch registry about one version as a registration would, and turns its answer into findings. It
// says whether the lens that came with the version stands.
func (c *checker) judge(ctx context.Context, f *catalog.Folder, v catalog.SchemaFile, reg catalog.Registration, draft bool) (lensStands bool, err error) {
	step := checkedSubject{Against: c.base.name, Subject: f.Subject, From: v.Number - 1, To: v.Number, Draft: draft}
	j, err := c.registry.Check(ctx, catalog.Name{Subject: f.Subject}, 0, reg)
	refuted, isRefuted := errors.AsType[*catalog.RefutedLens](err)
	fault, isFault := errors.AsType[*catalog.Error](err)
	switch {
	case isRefuted:
		step.Level, step.Sentence = c.tree.Compatibility(f), "the lens does not carry every event"
		c.find(finding{
			Rule: "lens-refuted", Severity: catalog.SeverityError, Subject: f.Subject, From: refuted.From, To: refuted.To,
			Message: refuted.Error(), Counterexample: refuted.Event,
		}, v.LensPath, nil)
	case isFault && fault.Reason == catalog.InvalidLens:
		step.Level, step.Sentence = c.tree.Compatibility(f), "the lens is not valid"
		c.find(finding{Rule: "lens-invalid", Severity: catalog.SeverityError, Subject: f.Subject, To: v.Number, Address: fault.Pointer, Message: fault.Error()}, v.LensPath, nil)
	case err != nil:
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, exit(exitInput, fmt.Errorf("%s: %w", v.Path, err))
	default:
		step.Level, step.Passes, step.Sentence = string(j.Level), j.Passes, j.Summary()
		if j.Passes && len(j.Carried) > 0 {
			step.Sentence = fmt.Sprintf("carried by the lens, %s", j.Lens.Up.Verdict)
		}
		for _, pair := range j.Report.Against {
			if !j.Passes && !slices.Contains(j.Carried, pair.Number) {
				c.pairing(f, v, string(j.Level), pair)
			}
		}
		lensStands = true
	}
	c.result.Subjects = append(c.result.Subjects, step)
	return lensStands, nil
}

// pairing turns one refused comparison into findings: one for each change that breaks by itself, else one for all.
func (c *checker) pairing(f *catalog.Folder, v catalog.SchemaFile, level string, pair compat.Pairing) {
	if pair.Passes {
		return
	}
	base := finding{Severity: catalog.SeverityError, Subject: f.Subject, From: pair.Number, To: v.Number, Level: level}
	if refused := compat.Refused(pair.Rules); len(refused) > 0 {
		for _, d := range refused {
			one := base
			one.Rule, one.Pointer = strings.ToLower(strings.ReplaceAll(d.Type, "_", "-")), strings.TrimPrefix(d.Path, "#")
			one.Message = fmt.Sprintf("%s refuses %s at %s; SEMANTIC says %s", pair.Result.Policy, d.Type, d.Path, pair.Result.Verdict)
			if x := pair.Result.Counterexample; x != nil {
				one.Counterexample = x.Event
			}
			c.find(one, v.Path, v.Text)
		}
		return
	}
	if pair.Result.Verdict == compat.Undecided {
		base.Rule, base.Severity = "undecided", severityOfUndecided(c.tree.Project.Gate.Undecided)
		base.Message = fmt.Sprintf("undecided, which counts as not compatible: %s: %s", pair.Result.Reason, pair.Result.Detail)
		c.find(base, v.Path, v.Text)
		return
	}
	found := false
	for _, change := range pair.Changes {
		if change.Effect != compat.EffectBreaks && change.Effect != compat.EffectTogether {
			continue
		}
		one := base
		one.Rule, one.Pointer, one.Counterexample = change.Rule, change.NewPointer, change.Event
		if len(change.Addresses) > 0 {
			one.Address = change.Addresses[0]
		}
		one.Message = brokenSentence(pair, v.Number, change)
		if one.Counterexample == nil {
			one.Counterexample = pair.Result.Counterexample.Event
		}
		c.find(one, v.Path, v.Text)
		found = true
	}
	if !found {
		base.Rule, base.Message = "incompatible", brokenSentence(pair, v.Number, compat.Change{})
		base.Counterexample = pair.Result.Counterexample.Event
		if violations := pair.Result.Counterexample.Violations; len(violations) > 0 {
			base.Address = violations[0].Address
		}
		c.find(base, v.Path, v.Text)
	}
}

func severityOfUndecided(setting string) string {
	if setting == catalog.SeverityWarning {
		return catalog.SeverityWarning
	}
	return catalog.SeverityError
}

// brokenSentence says in words which side accepts the counterexample and which rejects it, and why.
func brokenSentence(pair compat.Pairing, to int, change compat.Change) string {
	writer, reader := fmt.Sprintf("v%d", pair.Number), fmt.Sprintf("v%d", to)
	if pair.Result.Counterexample.Direction == compat.DirectionForward {
		writer, reader = reader, writer
	}
	sentence := fmt.Sprintf("%s accepts this event, %s rejects it", writer, reader)
	if violations := pair.Result.Counterexample.Violations; len(violations) > 0 && change.Event == nil {
		sentence += fmt.Sprintf(": at %s: %s", pointerOrRoot(violations[0].Pointer), violations[0].Message)
	}
	if change.Before != "" || change.After != "" {
		sentence += fmt.Sprintf(" (%s became %s)", orAbsent(change.Before), orAbsent(change.After))
	}
	return sentence
}

func orAbsent(s string) string {
	if s == "" {
		return "absent"
	}
	return s
}
