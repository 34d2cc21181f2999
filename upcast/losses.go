package upcast

import (
	"slices"
	"strings"
)

// Losses are the addresses that a lens touches in every event in which they stand: what Run's Trace can name, as far as
// the ops alone tell. Up.Lost are addresses of the older version and Up.Inferred of the newer; Down the other way round.
// Each list is sorted, without doubles, nil when empty.
//
// What only some events lose is not here but in their Trace alone: members beside the key of wrapAs, later members
// of coalesce, where the boundary of join lay, the offset of a time.
type Losses struct{ Up, Down Trace }

// Losses derives the losses from the ops.
func (l *Lens) Losses() Losses {
	e := allEffects(l.ops)
	return Losses{
		Up:   Trace{Inferred: tidy(e.inferred), Lost: tidy(e.lostUp)},
		Down: Trace{Inferred: tidy(e.restored), Lost: tidy(e.lostDown)},
	}
}

// allEffects joins the effects of a list of ops: what an op says of the older version is told as it stands before
// the first op, what it says of the newer one as it stands after the last.
func allEffects(ops []op) effects {
	var sum effects
	for _, o := range ops {
		e := o.effects()
		sum.inferred = append(follow(sum.inferred, e.moves), e.inferred...)
		sum.lostDown = append(follow(sum.lostDown, e.moves), e.lostDown...)
		sum.lostUp = append(sum.lostUp, trail(e.lostUp, sum.moves)...)
		sum.restored = append(sum.restored, trail(e.restored, sum.moves)...)
		sum.moves = append(sum.moves, e.moves...)
	}
	return sum
}

// follow tells addresses as they are after some moves.
func follow(addresses []string, moves []moved) []string {
	out := make([]string, 0, len(addresses))
	for _, a := range addresses {
		for _, m := range moves {
			if rest, ok := under(a, m.from); ok {
				a = m.to + rest
				break
			}
		}
		out = append(out, a)
	}
	return out
}

// trail tells addresses as they were before some moves.
func trail(addresses []string, moves []moved) []string {
	out := make([]string, 0, len(addresses))
	for _, a := range addresses {
		for _, m := range slices.Backward(moves) {
			if rest, ok := under(a, m.to); ok {
				a = m.from + rest
			}
		}
		out = append(out, a)
	}
	return out
}

// under cuts a scope off an address at or below it.
func under(address, scope string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(address, scope)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// below puts a scope before every address.
func (e effects) below(scope string) effects {
	for i := range e.moves {
		e.moves[i] = moved{scope + e.moves[i].from, scope + e.moves[i].to}
	}
	for _, list := range [][]string{e.inferred, e.lostUp, e.lostDown, e.restored} {
		for i := range list {
			list[i] = scope + list[i]
		}
	}
	return e
}

func tidy(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
