package upcast

import "strings"

// A supply is where add and fill take their value from: a constant, another member, an attribute of the envelope, or
// nothing at all.
type supply struct {
	constant  *node
	from      *pointer
	attribute string
}

// sets says whether the supply can give a value.
func (s supply) sets() bool { return s.constant != nil || s.from != nil || s.attribute != "" }

// get returns a new node with the value, nil if there is none at hand.
func (s supply) get(r *run, scope *node) (*node, *UpcastError) {
	switch {
	case s.constant != nil:
		return r.clone(s.constant), nil
	case s.from != nil:
		value, _, _, err := s.from.find(scope)
		if value == nil || err != nil {
			return nil, err
		}
		return r.clone(value), nil
	case s.attribute != "":
		if value, ok := r.env[s.attribute]; ok {
			return r.text([]byte(value)), nil
		}
	}
	return nil, nil
}

// supplied sets what is absent, inferred.
func (s supply) supply(r *run, scope *node, at pointer) *UpcastError {
	if open, err := at.open(scope); !open || err != nil {
		return err
	}
	value, err := s.get(r, scope)
	if value == nil || err != nil {
		return err
	}
	return at.put(r, scope, r.infer(value))
}

// add is a member that the older version has not.
type add struct {
	always
	at pointer
	supply
}

func (o add) up(r *run, scope *node) *UpcastError { return o.supply.supply(r, scope, o.at) }

func (o add) down(r *run, scope *node) *UpcastError {
	value, err := o.at.take(scope, false)
	if value == nil || err != nil {
		return err
	}
	again, err := o.get(r, scope)
	if again == nil || !same(value, again) {
		r.lose(value)
	}
	return err
}

func (o add) effects() effects {
	e := effects{lostDown: []string{o.at.text}}
	if o.sets() {
		e.inferred = e.lostDown
	}
	return e
}

// fill is a member that was optional and is required now.
type fill struct {
	always
	at pointer
	supply
}

func (o fill) up(r *run, scope *node) *UpcastError   { return o.supply.supply(r, scope, o.at) }
func (o fill) down(_ *run, _ *node) *UpcastError     { return nil }
func (o fill) effects() effects                      { return effects{inferred: []string{o.at.text}} }
func isAttribute(from string) (name string, ok bool) { return strings.CutPrefix(from, "ce:") }

// remove drops a member.
type remove struct {
	always
	at    pointer
	value *node // what the way down puts there; nil for nothing
}

func (o remove) up(r *run, scope *node) *UpcastError {
	value, err := o.at.take(scope, false)
	if value != nil {
		r.lose(value)
	}
	return err
}

func (o remove) down(r *run, scope *node) *UpcastError {
	if o.value == nil {
		return nil
	}
	return o.at.put(r, scope, r.infer(r.clone(o.value)))
}

func (o remove) effects() effects {
	e := effects{lostUp: []string{o.at.text}}
	if o.value != nil {
		e.restored = e.lostUp
	}
	return e
}

// dropConst drops a member that can only be this constant.
type dropConst struct {
	always
	at    pointer
	value *node
}

func (o dropConst) up(_ *run, scope *node) *UpcastError {
	value, err := o.at.take(scope, false)
	if value == nil || err != nil {
		return err
	}
	if !same(value, o.value) {
		return o.at.fault("is not the constant")
	}
	return nil
}

func (o dropConst) down(r *run, scope *node) *UpcastError {
	return o.at.put(r, scope, r.clone(o.value))
}

func (o dropConst) effects() effects { return effects{} }
