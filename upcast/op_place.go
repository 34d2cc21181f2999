package upcast

// rename gives a member another name; it keeps its place among the others.
type rename struct {
	always
	from, to pointer // of the same parent
}

func (o rename) up(_ *run, scope *node) *UpcastError   { return renameMember(scope, o.from, o.to) }
func (o rename) down(_ *run, scope *node) *UpcastError { return renameMember(scope, o.to, o.from) }
func (o rename) effects() effects                      { return effects{moves: []moved{{o.from.text, o.to.text}}} }

func renameMember(scope *node, from, to pointer) *UpcastError {
	value, holder, at, err := from.find(scope)
	if value == nil || err != nil {
		return err
	}
	if holder.index(to.last()) >= 0 {
		return to.fault("the target exists")
	}
	holder.members[at].raw, holder.members[at].name = to.quoted[len(to.quoted)-1], []byte(to.last())
	return nil
}

// move takes a value to another place, where it goes last.
type move struct {
	always
	from, to  pointer
	keepEmpty bool
}

func (o move) up(r *run, scope *node) *UpcastError   { return o.run(r, scope, o.from, o.to) }
func (o move) down(r *run, scope *node) *UpcastError { return o.run(r, scope, o.to, o.from) }
func (o move) effects() effects                      { return effects{moves: []moved{{o.from.text, o.to.text}}} }

func (o move) run(r *run, scope *node, from, to pointer) *UpcastError {
	value, err := from.take(scope, o.keepEmpty)
	if value == nil || err != nil {
		return err
	}
	return to.put(r, scope, value)
}

// nest gathers members of the scope in an object of their own.
type nest struct {
	always
	old, new []pointer // names in the scope, names in the object; one each
	to       pointer
	force    bool // make the object even if it stays empty
}

func (o nest) up(r *run, scope *node) *UpcastError {
	if scope.kind != object {
		return o.to.fault("the scope is of type %s", scope.kind)
	}
	target, _, _, err := o.to.find(scope)
	if err != nil {
		return err
	}
	if target != nil && target.kind != object {
		return o.to.fault("the target exists and is of type %s", target.kind)
	}
	for i, from := range o.old {
		value, err := from.take(scope, true)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if target == nil {
			if target, err = o.make(r, scope); err != nil {
				return err
			}
		}
		if err := o.new[i].put(r, target, value); err != nil {
			err.Pointer = o.to.text + err.Pointer
			return err
		}
	}
	if target == nil && o.force {
		_, err = o.make(r, scope)
	}
	return err
}

func (o nest) make(r *run, scope *node) (*node, *UpcastError) {
	target := r.arena.node()
	target.kind = object
	return target, o.to.put(r, scope, target)
}

func (o nest) down(r *run, scope *node) *UpcastError {
	target, _, _, err := o.to.find(scope)
	if target == nil || err != nil || target.kind == null {
		return err
	}
	if target.kind != object {
		return o.to.fault("is of type %s, not object", target.kind)
	}
	values := make([]*node, len(o.new))
	for i, name := range o.new {
		if values[i], err = name.take(target, true); err != nil {
			return err
		}
	}
	if len(target.members) == 0 {
		if _, err := o.to.take(scope, false); err != nil {
			return err
		}
	}
	for i, value := range values {
		if value == nil {
			continue
		}
		if err := o.old[i].put(r, scope, value); err != nil {
			return err
		}
	}
	return nil
}

func (o nest) effects() effects {
	var e effects
	for i := range o.old {
		e.moves = append(e.moves, moved{o.old[i].text, o.to.text + o.new[i].text})
	}
	return e
}
