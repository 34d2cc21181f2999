package compat

import (
	"context"
	"slices"
)

// MaxJudged is how many changes of one pair are judged; the others keep EffectUnknown.
const MaxJudged = 64

// nodesPerStep is how many nodes of a changed schema count as one step: each judgement lowers it anew.
const nodesPerStep = 4

// Judge says of each change what it does on its own: it is made on old alone, and the direction's question is asked of
// old and the result. If none breaks alone but all together do, the smallest set found by leaving out one after the
// other is EffectTogether. cs comes from Diff for the same schemas; a change that is not found there stays unjudged.
// One budget serves all judgements of a call; what it does not reach is EffectUnproven. The slice returned is a copy
// with Effect and Event filled in.
func (c *Checker) Judge(ctx context.Context, d Direction, old, next *Schema, cs []Change, o Options) []Change {
	out := slices.Clone(cs)
	diff := compare(old, next)
	each := o.Budget.orDefault()
	left := each       // of all judgements together
	var edits [][]edit // of the changes that can be judged
	var index []int
	alone := false
	for i := range out {
		if annotations[out[i].Rule] {
			out[i].Effect = EffectHarmless
			continue
		}
		j := slices.IndexFunc(diff.out, func(x Change) bool { return x.same(&out[i]) })
		if j < 0 || len(index) >= MaxJudged {
			continue
		}
		index, edits = append(index, i), append(edits, diff.edits[j])
		out[i].Effect, out[i].Event = judge(ctx, c.remembers(), d, old, diff.edits[j], each, &left)
		alone = alone || out[i].Effect == EffectBreaks || out[i].Effect == EffectUnproven
	}
	if alone || len(index) < 2 {
		return out
	}
	breaks := func(set []int) bool {
		var all []edit
		for _, k := range set {
			all = append(all, edits[k]...)
		}
		e, _ := judge(ctx, c.remembers(), d, old, all, each, &left)
		return e == EffectBreaks
	}
	set := make([]int, len(index))
	for i := range set {
		set[i] = i
	}
	if !breaks(set) {
		return out
	}
	for i := 0; i < len(set); {
		if fewer := slices.Delete(slices.Clone(set), i, i+1); breaks(fewer) {
			set = fewer
		} else {
			i++
		}
	}
	for _, k := range set {
		out[index[k]].Effect = EffectTogether
	}
	return out
}

func (c *Change) same(o *Change) bool {
	return c.Rule == o.Rule && c.OldPointer == o.OldPointer && c.NewPointer == o.NewPointer && c.Before == o.Before && c.After == o.After
}

// judge asks the direction's question of old and old with the edits. There is no text of the latter, so the validator
// confirms the old side of the event, and the lowered schema itself the other.
func judge(ctx context.Context, m *memory, d Direction, old *Schema, edits []edit, each Budget, left *Budget) (e Effect, event []byte) {
	defer func() {
		if recover() != nil {
			e, event = EffectUnproven, nil
		}
	}()
	if ctx.Err() != nil {
		return EffectUnproven, nil
	}
	if left.Goals <= 0 {
		return EffectUnproven, nil
	}
	g, err := lower(applied(old.source.Root(), edits))
	if err != nil {
		return EffectUnproven, nil
	}
	st, roots := newStore(old.graph, g)
	left.Goals = max(0, left.Goals-len(st.nodes)/nodesPerStep)
	if roots[0] == roots[1] {
		return EffectHarmless, nil
	}
	writer, reader := roots[0], roots[1]
	if d == DirectionForward {
		writer, reader = reader, writer
	}
	s := newSearch(st, *left)
	s.ctx, s.memory, s.each = ctx, m, each
	out := s.solve([]lit{pos(writer), neg(reader)})
	spent := s.used()
	left.Goals = max(0, left.Goals-spent.Goals)
	left.RegexStatesTotal = max(0, left.RegexStatesTotal-spent.RegexStatesTotal)
	nodes, height := size(out.value)
	switch {
	case out.empty():
		return EffectHarmless, nil
	case !out.found || nodes > MaxWitnessNodes || height > maxHeight || st.eval(writer, out.value) != yes || st.eval(reader, out.value) != no:
		return EffectUnproven, nil
	}
	event = appendValue(nil, out.value)
	confirmed := old.source.Valid(event)
	if d == DirectionForward {
		confirmed = rejects(old.source, event)
	}
	if len(event) > MaxWitnessBytes || !confirmed {
		return EffectUnproven, nil
	}
	return EffectBreaks, event
}
