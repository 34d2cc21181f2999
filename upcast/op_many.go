package upcast

// inherit copies a value of the scope into every item that lacks it.
type inherit struct {
	always
	from, each, to pointer
	refuse         bool // a copy that differs is an error on the way down, not a loss
}

func (o inherit) up(r *run, scope *node) *UpcastError {
	value, _, _, err := o.from.find(scope)
	if value == nil || err != nil {
		return err
	}
	return o.items(scope, func(item *node) *UpcastError {
		if open, err := o.to.open(item); !open || err != nil {
			return err
		}
		return o.to.put(r, item, r.infer(r.clone(value)))
	})
}

func (o inherit) down(r *run, scope *node) *UpcastError {
	value, _, _, err := o.from.find(scope)
	if err != nil {
		return err
	}
	return o.items(scope, func(item *node) *UpcastError {
		copied, err := o.to.take(item, false)
		switch {
		case copied == nil || err != nil:
			return err
		case value != nil && same(value, copied):
			return nil
		case o.refuse:
			return o.to.fault("differs from %s", o.from.text)
		}
		r.lose(copied)
		return nil
	})
}

// items calls do with every item that is not null.
func (o inherit) items(scope *node, do func(*node) *UpcastError) *UpcastError {
	list, _, _, err := o.each.find(scope)
	if list == nil || err != nil || list.kind == null {
		return err
	}
	if list.kind != array {
		return o.each.fault("is of type %s, not array", list.kind)
	}
	for _, item := range list.items {
		if item.kind == null {
			continue
		}
		if err := do(item); err != nil {
			return err.below(o.each.text + "/*")
		}
	}
	return nil
}

func (o inherit) effects() effects {
	at := o.each.text + "/*" + o.to.text
	e := effects{inferred: []string{at}}
	if !o.refuse {
		e.lostDown = []string{at}
	}
	return e
}

// coalesce keeps the first of several members that is present.
type coalesce struct {
	always
	from []pointer
	to   pointer
}

func (o coalesce) up(r *run, scope *node) *UpcastError {
	var first *node
	for i, from := range o.from {
		value, err := from.take(scope, false)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if i > 0 {
			r.lose(value) // dropped, or kept but without a way back to where it stood
		}
		if first == nil {
			first = value
		}
	}
	if first == nil {
		return nil
	}
	return o.to.put(r, scope, first)
}

func (o coalesce) down(r *run, scope *node) *UpcastError {
	value, err := o.to.take(scope, false)
	if value == nil || err != nil {
		return err
	}
	return o.from[0].put(r, scope, value)
}

func (o coalesce) effects() effects {
	var e effects
	for _, from := range o.from {
		e.moves = append(e.moves, moved{from.text, o.to.text})
	}
	return e
}
