package upcast

import "bytes"

// letters writes the ASCII letters of a string small or large.
type letters struct {
	at        pointer
	now, back string // lower, upper; back also none, "" for no way down
}

func (o letters) up(r *run, scope *node) *UpcastError   { return o.run(r, scope, o.now) }
func (o letters) down(r *run, scope *node) *UpcastError { return o.run(r, scope, o.back) }

func (o letters) oneWay() string {
	if o.back == "" {
		return "case has no back"
	}
	return ""
}

func (o letters) run(r *run, scope *node, to string) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if value.kind != text {
		return o.at.fault("is of type %s, not string", value.kind)
	}
	if to == "none" {
		return nil
	}
	before := value.string()
	after := bytes.Clone(before)
	for i, c := range after {
		if letter := c | 0x20; letter >= 'a' && letter <= 'z' {
			after[i] = letter
			if to == "upper" {
				after[i] = letter &^ 0x20
			}
		}
	}
	if !bytes.Equal(before, after) {
		value.set(text, quote(nil, after))
	}
	return nil
}

func (o letters) effects() effects {
	e := effects{lostUp: []string{o.at.text}}
	if o.back == "lower" || o.back == "upper" {
		e.lostDown = e.lostUp
	}
	return e
}

// split cuts a string in two at the first separator.
type split struct {
	always
	from   pointer
	sep    []byte
	a, b   pointer
	absent bool // without a separator there is no b, instead of an empty one
}

func (o split) up(r *run, scope *node) *UpcastError {
	value, err := o.from.take(scope, false)
	if value == nil || err != nil {
		return err
	}
	if value.kind == null {
		return o.from.put(r, scope, value)
	}
	if value.kind != text {
		return o.from.fault("is of type %s, not string", value.kind)
	}
	first, second, found := bytes.Cut(value.string(), o.sep)
	if err := o.a.put(r, scope, r.part(value, first)); err != nil {
		return err
	}
	if !found && o.absent {
		return nil
	}
	return o.b.put(r, scope, r.part(value, second))
}

// part makes a string that stood, with others, where value stood.
func (r *run) part(value *node, s []byte) *node {
	n := r.text(s)
	n.origin, n.made = value.origin, value.made
	return n
}

func (o split) down(r *run, scope *node) *UpcastError {
	a, err := o.piece(scope, o.a)
	if err != nil {
		return err
	}
	b, err := o.piece(scope, o.b)
	if err != nil || a == nil && b == nil {
		return err
	}
	whole := a
	switch {
	case a == nil:
		whole = r.part(b, append(bytes.Clone(o.sep), b.string()...))
	case b != nil && len(b.string()) > 0:
		first := a.string()
		if bytes.Contains(first, o.sep) {
			r.lose(a)
			r.lose(b)
		}
		joined := append(append(append(make([]byte, 0, len(first)+len(o.sep)), first...), o.sep...), b.string()...)
		whole = r.part(a, joined)
	case bytes.Contains(a.string(), o.sep):
		r.lose(a)
	}
	return o.from.put(r, scope, whole)
}

// piece takes one of the two strings away; null counts as absent.
func (o split) piece(scope *node, at pointer) (*node, *UpcastError) {
	value, err := at.take(scope, false)
	if value == nil || err != nil || value.kind == null {
		return nil, err
	}
	if value.kind != text {
		return nil, at.fault("is of type %s, not string", value.kind)
	}
	return value, nil
}

func (o split) effects() effects {
	return effects{moves: []moved{{o.from.text, o.a.text}}}
}

// concat sets a string that is made of others.
type concat struct {
	always
	to    pointer
	parts []part
}

// part is a literal, or a member.
type part struct {
	literal []byte
	at      *pointer
}

func (o concat) up(r *run, scope *node) *UpcastError {
	if open, err := o.to.open(scope); !open || err != nil {
		return err
	}
	s, err := o.build(scope)
	if s == nil || err != nil {
		return err
	}
	return o.to.put(r, scope, r.infer(r.text(s)))
}

// build returns the string, nil if a part is missing.
func (o concat) build(scope *node) ([]byte, *UpcastError) {
	s := []byte{}
	for _, p := range o.parts {
		if p.at == nil {
			s = append(s, p.literal...)
			continue
		}
		value, _, _, err := p.at.find(scope)
		if value == nil || err != nil || value.kind == null {
			return nil, err
		}
		if value.kind != text {
			return nil, p.at.fault("is of type %s, not string", value.kind)
		}
		s = append(s, value.string()...)
	}
	return s, nil
}

func (o concat) down(r *run, scope *node) *UpcastError {
	value, err := o.to.take(scope, false)
	if value == nil || err != nil {
		return err
	}
	s, err := o.build(scope)
	if err != nil {
		return err
	}
	if s == nil || value.kind != text || !bytes.Equal(s, value.string()) {
		r.lose(value)
	}
	return nil
}

func (o concat) effects() effects {
	return effects{inferred: []string{o.to.text}, lostDown: []string{o.to.text}}
}
