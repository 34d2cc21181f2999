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
	var whole, first, second []byte
	if a != nil && a.kind == text {
		first = a.string()
	}
	whole = first
	if b != nil && b.kind == text {
		second = b.string()
	}
	if len(second) > 0 {
		whole = append(append(append(make([]byte, 0, len(first)+len(o.sep)+len(second)), first...), o.sep...), second...)
	}
	if !o.comesBack(whole, a, b, first, second) {
		for _, lost := range []*node{a, b} {
			if lost != nil {
				r.lose(lost)
			}
		}
	}
	origin := a
	if origin == nil || origin.kind == null {
		origin = b
	}
	if origin == nil || origin.kind == null {
		return nil
	}
	return o.from.put(r, scope, r.part(origin, whole))
}

// comesBack says whether the way up makes the same two strings again.
func (o split) comesBack(whole []byte, a, b *node, first, second []byte) bool {
	before, after, found := bytes.Cut(whole, o.sep)
	if a == nil || a.kind == null || !bytes.Equal(before, first) || !bytes.Equal(after, second) {
		return false
	}
	if b == nil {
		return !found && o.absent
	}
	return b.kind == text && (found || !o.absent)
}

// piece takes one of the two values away: a string, null, or nil if there is none.
func (o split) piece(scope *node, at pointer) (*node, *UpcastError) {
	value, err := at.take(scope, false)
	if value == nil || err != nil {
		return nil, err
	}
	if value.kind != text && value.kind != null {
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
