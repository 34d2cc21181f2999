package upcast

import "strings"

// in runs ops inside an object. An object that they leave empty goes, as any parent does.
type in struct {
	at        pointer
	ops       []op
	keepEmpty bool
}

func (o in) up(r *run, scope *node) *UpcastError   { return o.run(r, scope, Up) }
func (o in) down(r *run, scope *node) *UpcastError { return o.run(r, scope, Down) }
func (o in) oneWay() string                        { return oneWay(o.ops) }
func (o in) effects() effects                      { return allEffects(o.ops).below(o.at.text) }

func (o in) run(r *run, scope *node, dir Direction) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if value.kind != object {
		return o.at.fault("is of type %s, not object", value.kind)
	}
	before := len(value.members)
	if err := applyAll(o.ops, r, value, dir); err != nil {
		return err.below(o.at.text)
	}
	if before > 0 && len(value.members) == 0 && !o.keepEmpty {
		_, err = o.at.take(scope, false)
	}
	return err
}

// each runs ops in every item of an array.
type each struct {
	at  pointer
	ops []op
}

func (o each) up(r *run, scope *node) *UpcastError   { return o.run(r, scope, Up) }
func (o each) down(r *run, scope *node) *UpcastError { return o.run(r, scope, Down) }
func (o each) oneWay() string                        { return oneWay(o.ops) }
func (o each) effects() effects                      { return allEffects(o.ops).below(o.at.text + "/*") }

func (o each) run(r *run, scope *node, dir Direction) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if value.kind != array {
		return o.at.fault("is of type %s, not array", value.kind)
	}
	for _, item := range value.items {
		if err := applyAll(o.ops, r, item, dir); err != nil {
			return err.below(o.at.text + "/*")
		}
	}
	return nil
}

// below puts a scope before the address of an error; nil stays nil.
func (e *UpcastError) below(scope string) *UpcastError {
	if e != nil {
		e.Pointer = scope + e.Pointer
	}
	return e
}

// A test looks at one value.
type test struct {
	at      pointer
	is      *node // equal to this
	present *bool // there or not, null counting as there
	typ     string
}

func (t test) holds(scope *node) (bool, *UpcastError) {
	value, _, _, err := t.at.find(scope)
	switch {
	case err != nil:
		return false, err
	case t.present != nil:
		return (value != nil) == *t.present, nil
	case value == nil:
		return false, nil
	case t.is != nil:
		return same(value, t.is), nil
	case t.typ == "integer":
		if value.kind != number {
			return false, nil
		}
		_, exponent, _ := strings.Cut(string(canonicalNumber(nil, value.raw)), "e")
		return !strings.HasPrefix(exponent, "-"), nil
	}
	return value.kind.String() == t.typ, nil
}

// when runs one of two lists of ops.
type when struct {
	cond, back test
	hasBack    bool
	then, els  []op
}

func (o when) up(r *run, scope *node) *UpcastError   { return o.run(r, scope, o.cond, Up) }
func (o when) down(r *run, scope *node) *UpcastError { return o.run(r, scope, o.back, Down) }

func (o when) run(r *run, scope *node, t test, dir Direction) *UpcastError {
	holds, err := t.holds(scope)
	if err != nil {
		return err
	}
	if holds {
		return applyAll(o.then, r, scope, dir)
	}
	return applyAll(o.els, r, scope, dir)
}

func (o when) oneWay() string {
	if !o.hasBack {
		return "when has no back"
	}
	if why := oneWay(o.then); why != "" {
		return why
	}
	return oneWay(o.els)
}

func (o when) effects() effects {
	then, els := allEffects(o.then), allEffects(o.els)
	return effects{
		moves:    append(then.moves, els.moves...),
		inferred: append(then.inferred, els.inferred...),
		lostUp:   append(then.lostUp, els.lostUp...),
		lostDown: append(then.lostDown, els.lostDown...),
		restored: append(then.restored, els.restored...),
	}
}

// oneWay returns the first reason why a list of ops has no way down.
func oneWay(ops []op) string {
	for _, o := range ops {
		if why := o.oneWay(); why != "" {
			return why
		}
	}
	return ""
}
