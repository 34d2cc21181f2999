package upcast

import (
	"maps"
	"slices"
)

// An op is one step of a lens. Both ways read and change the object (or any value, for an op at "") that is its
// scope; a scope of null is left alone before they are asked.
type op interface {
	up(r *run, scope *node) *UpcastError
	down(r *run, scope *node) *UpcastError
	// effects says what the op does to every event, for the lists that stand beside a lens.
	effects() effects
	// oneWay says why there is no way down, "" if there is one.
	oneWay() string
}

// effects are the addresses, relative to the scope, that an op touches on its way up.
type effects struct {
	moves    []moved  // where values go
	inferred []string // invented on the way up, in the newer version
	lostUp   []string // dropped on the way up, in the older version
	lostDown []string // dropped on the way down, in the newer version
	restored []string // invented on the way down, in the older version
}

// moved says that what stood at from, and below it, stands at to.
type moved struct{ from, to string }

// named gives an op the name that its errors bear.
type named struct {
	op
	name string
}

// mirror is an op run the other way round.
type mirror struct{ op }

func (m mirror) up(r *run, scope *node) *UpcastError   { return m.op.down(r, scope) }
func (m mirror) down(r *run, scope *node) *UpcastError { return m.op.up(r, scope) }

func (m mirror) effects() effects {
	e := m.op.effects()
	out := effects{inferred: e.restored, lostUp: e.lostDown, lostDown: e.lostUp, restored: e.inferred}
	for _, v := range slices.Backward(e.moves) {
		out.moves = append(out.moves, moved{v.to, v.from})
	}
	return out
}

// always is embedded by ops that have a way down.
type always struct{}

func (always) oneWay() string { return "" }

// apply runs one op on a scope and puts its name into the error.
func apply(o op, r *run, scope *node, dir Direction) *UpcastError {
	if scope.kind == null {
		return nil
	}
	var err *UpcastError
	if dir == Up {
		err = o.up(r, scope)
	} else {
		err = o.down(r, scope)
	}
	if n, ok := o.(named); ok && err != nil && err.Op == "" {
		err.Op = n.name
	}
	return err
}

// applyAll runs a list of ops on a scope: in order upwards, in reverse downwards.
func applyAll(ops []op, r *run, scope *node, dir Direction) *UpcastError {
	for i := range ops {
		o := ops[i]
		if dir == Down {
			o = ops[len(ops)-1-i]
		}
		if err := apply(o, r, scope, dir); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
