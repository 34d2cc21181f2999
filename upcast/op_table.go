package upcast

// A table is a finite function from scalars to constants.
type table struct {
	keys   []string // node.key of each source, in the order of the lens
	from   []*node  // the sources
	values map[string]*node
	other  *node // for everything else; nil for none
}

// get returns the constant for a value, nil if there is none.
func (t table) get(value *node) *node {
	if key, ok := value.key(nil); ok {
		if to := t.values[string(key)]; to != nil {
			return to
		}
	}
	return t.other
}

// mapped replaces a value by a table.
type mapped struct {
	at     pointer
	table  table
	keep   bool
	back   table           // the inverse, with what the lens says under back
	exact  map[string]bool // targets with just one source: nothing is lost on the way down
	oneway string
}

func (o mapped) oneWay() string { return o.oneway }

func (o mapped) up(r *run, scope *node) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	to := o.table.get(value)
	switch {
	case to == nil && o.keep:
		return nil
	case to == nil:
		return o.at.fault("is not in the table")
	case to == o.table.other, to.kind == null: // null is left alone on the way down
		r.lose(value)
	}
	value.replace(r, to)
	return nil
}

func (o mapped) down(r *run, scope *node) *UpcastError {
	value, _, _, err := o.at.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	key, _ := value.key(nil)
	to := o.back.get(value)
	switch {
	case to == nil && o.keep:
		return nil
	case to == nil:
		return o.at.fault("is not in the table of the way back")
	case !o.exact[string(key)]:
		r.lose(value)
	}
	value.replace(r, to)
	return nil
}

// replace gives a node the content of a constant; where it stood is kept.
func (n *node) replace(r *run, constant *node) {
	c := r.clone(constant)
	n.kind, n.raw, n.members, n.items = c.kind, c.raw, c.members, c.items
}

func (o mapped) effects() effects {
	var e effects
	if o.table.other != nil {
		e.lostUp = []string{o.at.text}
	}
	if o.oneway == "" && o.lossy() {
		e.lostDown = []string{o.at.text}
	}
	return e
}

// lossy says whether the way down knows a target that does not come back as it was.
func (o mapped) lossy() bool {
	for key := range o.back.values {
		if !o.exact[key] {
			return true
		}
	}
	return o.back.other != nil
}

// derive sets a member by a table over another one.
type derive struct {
	always
	from, to pointer
	table    table
}

func (o derive) up(r *run, scope *node) *UpcastError {
	open, err := o.to.open(scope)
	if !open || err != nil {
		return err
	}
	value, _, _, err := o.from.find(scope)
	if value == nil || err != nil || value.kind == null {
		return err
	}
	to := o.table.get(value)
	if to == nil {
		return o.from.fault("is not in the table")
	}
	return o.to.put(r, scope, r.infer(r.clone(to)))
}

func (o derive) down(r *run, scope *node) *UpcastError {
	value, err := o.to.take(scope, false)
	if value == nil || err != nil {
		return err
	}
	from, _, _, err := o.from.find(scope)
	if err != nil {
		return err
	}
	if from == nil || o.table.get(from) == nil || !same(value, o.table.get(from)) {
		r.lose(value)
	}
	return nil
}

func (o derive) effects() effects {
	return effects{inferred: []string{o.to.text}, lostDown: []string{o.to.text}}
}
