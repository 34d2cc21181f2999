package compat

import (
	"context"
	"fmt"

	"github.com/accordhq/accord/validator"
)

// Limits of what is tried before and beside the search.
const (
	MaxSamples    = 200     // events of Options.Samples that are tried
	MaxCheap      = 400     // events tried before the search, mutations included
	MaxGuesses    = 10_000  // events tried when the search did not end
	maxTriedBytes = 4 << 20 // weight of all events together, each time
	guessShare    = 4       // the part of a budget that making them may take
)

// question is one containment being decided.
type question struct {
	ctx       context.Context
	memory    *memory
	old, next *Schema
	options   Options
	search    *search
	spent     Budget // by the search; what is tried beside it has limits of its own
	roots     []int32
}

// answer goes from cheap to dear and stops at the first answer.
func (q *question) answer() Result {
	b := q.options.Budget.orDefault()
	st, roots := newStore(q.old.graph, q.next.graph)
	q.search, q.roots = newSearch(st, b), roots
	q.search.ctx, q.search.memory = q.ctx, q.memory
	q.search.part = partKey{q.old.graph.sums[q.old.graph.root].exact, q.next.graph.sums[q.next.graph.root].exact}
	if roots[0] == roots[1] {
		return q.compatible(&derivation{rule: ruleEqual, goal: []lit{pos(roots[0]), neg(roots[1])}})
	}
	if r, ok := q.cheap(); ok {
		return r
	}
	out := q.search.solve([]lit{pos(roots[0]), neg(roots[1])})
	q.spent = q.search.used()
	switch {
	case q.search.ended || q.ctx.Err() != nil:
		return Result{Reason: ReasonTimeout, Detail: q.ctx.Err().Error()}
	case out.empty():
		return q.compatible(out.proof)
	case out.found:
		return q.refuted(out)
	}
	if r, ok := q.guess(); ok {
		return r
	}
	return Result{Reason: out.reason, Detail: out.detail}
}

// refuted confirms a value that the search found.
func (q *question) refuted(out outcome) Result {
	nodes, height := size(out.value)
	switch {
	case height > maxHeight:
		return Result{Reason: ReasonWitnessSize, Detail: fmt.Sprintf("an event more than %d deep", maxHeight)}
	case nodes > MaxWitnessNodes:
		return Result{Reason: ReasonWitnessSize, Detail: fmt.Sprintf("an event of more than %d values", MaxWitnessNodes)}
	}
	event := appendValue(nil, out.value)
	if len(event) > MaxWitnessBytes {
		return Result{Reason: ReasonWitnessSize, Detail: fmt.Sprintf("an event of %d bytes", len(event))}
	}
	if r, ok := q.try(event, OriginSearch); ok {
		return r
	}
	if out.sure {
		return Result{Reason: ReasonDisagreement, Detail: "search and validator differ on " + clip(string(event))}
	}
	if r, ok := q.guess(); ok {
		return r
	}
	if out.reason == "" {
		out.reason = ReasonFormat
	}
	return Result{Reason: out.reason, Detail: out.detail}
}

func clip(s string) string {
	if len(s) > 1024 {
		return s[:1024] + "…"
	}
	return s
}

// breaks reports whether the validator accepts an event under old and rejects it under next.
func (q *question) breaks(event []byte) bool {
	return q.old.source.Valid(event) && rejects(q.next.source, event)
}

// rejects reports whether an event violates the schema itself. A breach of the byte rules, or too much work to decide,
// says nothing about the schema; such a violation has no location in it.
func rejects(s *validator.Schema, event []byte) bool {
	violations := s.Explain(event, 1)
	return len(violations) > 0 && violations[0].Location != ""
}

// try makes a counterexample of an event that breaks: shrunk, and confirmed by the oracle on both sides.
func (q *question) try(event []byte, origin Origin) (Result, bool) {
	if !q.breaks(event) {
		return Result{}, false
	}
	if small, err := q.shrink(event); err == nil {
		event = small
	}
	for _, side := range []struct {
		schema *validator.Schema
		want   bool
	}{{q.old.source, true}, {q.next.source, false}} {
		if valid, asked := side.schema.Oracle(event); asked && valid != side.want {
			return Result{Reason: ReasonDisagreement, Detail: "validator and oracle differ on " + clip(string(event))}, true
		}
	}
	return Result{Verdict: Incompatible, Counterexample: &Counterexample{
		Event: event, Violations: q.next.source.Explain(event, 0), Origin: origin,
	}}, true
}

// cheap tries events that people recognise: samples and small changes of them, then what the schemas themselves show.
func (q *question) cheap() (Result, bool) {
	left, size := MaxCheap, maxTriedBytes
	attempt := func(event []byte, o Origin) (Result, bool) {
		left--
		w := q.weight(event)
		if w > size {
			return Result{}, false
		}
		size -= w
		return q.try(event, o)
	}
	samples := q.options.Samples[:min(len(q.options.Samples), MaxSamples)]
	for _, s := range samples {
		if r, ok := attempt(s, OriginSample); ok {
			return r, true
		}
	}
	for _, s := range samples {
		if len(s) > size {
			continue
		}
		for m := range mutations(s) {
			if left <= 0 {
				return Result{}, false
			}
			if r, ok := attempt(m, OriginSample); ok {
				return r, true
			}
		}
	}
	for _, side := range []*Schema{q.old, q.next} {
		root := side.source.Root()
		for _, list := range [][][]byte{root.Examples, {root.Default}, {root.Const}, root.Enum[:min(len(root.Enum), 64)]} {
			for _, event := range list {
				if event == nil || left <= 0 {
					continue
				}
				if r, ok := attempt(event, OriginExample); ok {
					return r, true
				}
			}
		}
	}
	return Result{}, false
}

// guess is the last resort of a search that did not end: usual strings, valid events of old, small changes of them.
func (q *question) guess() (Result, bool) {
	for _, v := range formatPool {
		if r, ok := q.try(appendString(nil, v), OriginSearch); ok {
			return r, true
		}
	}
	left, size := MaxGuesses, maxTriedBytes
	for s, err := range examples(q.old, 0, q.search.budget.share(guessShare), false) {
		if err != nil || q.ctx.Err() != nil {
			break
		}
		for _, event := range append([][]byte{s.Event}, collect(mutations(s.Event), 20)...) {
			if left, size = left-1, size-q.weight(event); left < 0 || size < 0 {
				return Result{}, false
			}
			if r, ok := q.try(event, OriginSearch); ok {
				return r, true
			}
		}
	}
	return Result{}, false
}
