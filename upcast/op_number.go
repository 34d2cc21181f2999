package upcast

import (
	"bytes"
)

// scale multiplies by a power of ten, exactly.
type scale struct {
	always
	at    pointer
	exp10 int
	round bool // half to even; else what does not come out whole is refused
}

func (o scale) up(r *run, scope *node) *UpcastError {
	return o.run(r, scope, o.exp10, o.exp10 > 0)
}
func (o scale) down(r *run, scope *node) *UpcastError { return o.run(r, scope, -o.exp10, false) }

func (o scale) run(r *run, scope *node, exp10 int, whole bool) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if value.kind != number {
		return o.at.fault("is of type %s, not number", value.kind)
	}
	d, over := parseDecimal(value.raw)
	if over != "" {
		return o.at.fault("%s", over)
	}
	if len(d.digits) > 0 {
		d.exp += exp10
	}
	if whole && !d.whole() {
		if !o.round {
			return o.at.fault("does not come out whole")
		}
		r.lose(value)
		d = d.round()
	}
	raw, ok := d.print()
	if !ok {
		return o.at.fault("%s", tooManyDigits)
	}
	value.set(number, raw)
	return nil
}

func (o scale) effects() effects {
	if o.round && o.exp10 > 0 {
		return effects{lostUp: []string{o.at.text}}
	}
	return effects{}
}

// cast writes a scalar as another type.
type cast struct {
	always
	at       pointer
	was, now string // integer, number, string, boolean
}

func (o cast) up(_ *run, scope *node) *UpcastError   { return o.run(scope, o.was, o.now) }
func (o cast) down(_ *run, scope *node) *UpcastError { return o.run(scope, o.now, o.was) }
func (o cast) effects() effects                      { return effects{} }

func (o cast) run(scope *node, was, now string) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if k := castKinds[was]; value.kind != k {
		return o.at.fault("is of type %s, not %s", value.kind, was)
	}
	literal := value.raw
	if was == "string" {
		literal = value.string()
	}
	switch now {
	case "string":
		value.set(text, quote(nil, literal))
		return nil
	case "boolean":
		if s := string(literal); s != "true" && s != "false" {
			return o.at.fault("does not read as a boolean")
		}
		value.set(boolean, bytes.Clone(literal))
		return nil
	}
	p := parser{src: literal}
	if len(literal) == 0 || p.number() != nil || p.at != len(literal) {
		return o.at.fault("does not read as a number")
	}
	if now == "number" {
		value.set(number, bytes.Clone(literal))
		return nil
	}
	d, over := parseDecimal(literal)
	if over != "" {
		return o.at.fault("%s", over)
	}
	raw, ok := d.print()
	if !ok || !d.whole() {
		return o.at.fault("does not read as an integer")
	}
	value.set(number, raw)
	return nil
}

// castKinds are the types that cast knows.
var castKinds = map[string]kind{"integer": number, "number": number, "string": text, "boolean": boolean}

// castPairs are the casts that have an inverse.
var castPairs = map[[2]string]bool{
	{"integer", "number"}: true, {"number", "integer"}: true,
	{"integer", "string"}: true, {"string", "integer"}: true,
	{"number", "string"}: true, {"string", "number"}: true,
	{"boolean", "string"}: true, {"string", "boolean"}: true,
}
