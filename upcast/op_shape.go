package upcast

// wrapAs puts a value into an object of its own, under a key.
type wrapAs struct {
	always
	at  pointer
	key pointer // of one token
}

func (o wrapAs) up(r *run, scope *node) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	inner := r.arena.node()
	*inner = *value
	value.contain(object)
	value.members = []member{{o.key.quoted[0], []byte(o.key.last()), inner}}
	return nil
}

func (o wrapAs) down(r *run, scope *node) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	if value.kind != object {
		return o.at.fault("is of type %s, not object", value.kind)
	}
	at := value.index(o.key.last())
	if at < 0 {
		return o.at.fault("has no member %q", o.key.last())
	}
	for i := range value.members {
		if i != at || value.members[i].value.kind == null { // a bare null is not wrapped again
			r.lose(value.members[i].value)
		}
	}
	value.become(value.members[at].value)
	return nil
}

func (o wrapAs) effects() effects {
	return effects{moves: []moved{{o.at.text, o.at.text + o.key.text}}}
}

// contain turns a node into an empty container that no event held.
func (n *node) contain(k kind) {
	n.kind, n.raw, n.members, n.items = k, nil, nil, nil
	n.origin, n.made = nil, false
}

// wrap puts a value into an array of its own.
type wrap struct {
	always
	at     pointer
	refuse bool // more than one item is an error on the way down, not a loss
}

func (o wrap) up(r *run, scope *node) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	inner := r.arena.node()
	*inner = *value
	value.contain(array)
	value.items = []*node{inner}
	return nil
}

func (o wrap) down(r *run, scope *node) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	switch {
	case value.kind != array:
		return o.at.fault("is of type %s, not array", value.kind)
	case len(value.items) == 0:
		if _, err := o.at.take(scope, false); err != nil {
			return err
		}
		r.lose(value)
		return nil
	case len(value.items) > 1 && o.refuse:
		return o.at.fault("has more than one item")
	}
	for i, item := range value.items {
		if i > 0 || item.kind == null {
			r.lose(item)
		}
	}
	value.become(value.items[0])
	return nil
}

func (o wrap) effects() effects {
	e := effects{moves: []moved{{o.at.text, o.at.text + "/*"}}}
	if !o.refuse {
		e.lostDown = []string{o.at.text + "/*"}
	}
	return e
}
