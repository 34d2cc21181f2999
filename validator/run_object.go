package validator

// object judges the object at i.
func (r *run) object(n *node, i int, seen marks) int {
	if n.types&TypeObject == 0 {
		return -1
	}
	own := r.marksFor(i, seen, n.object != nil && n.object.unevaluated != nil)
	end := r.members(n, i, own)
	if end < 0 || !r.asValue(n, i, end) || !r.inPlace(n, i, own) {
		return -1
	}
	if n.object != nil && n.object.unevaluated != nil {
		if !r.unevaluatedMembers(n.object.unevaluated, i, own) {
			return -1
		}
		r.markAll(seen)
	}
	return end
}

// members judges every member, then what concerns the object as a whole.
func (r *run) members(n *node, i int, own marks) int {
	o := n.object
	if o == nil {
		return r.skip(i)
	}
	present := r.newMarks(len(o.known))
	count := 0
	m, ok := firstMember(r.text, i)
	end := m.name + 1
	for ok {
		from := len(r.buf)
		valueEnd := r.member(o, m, count, own, present)
		r.buf = r.buf[:from]
		if valueEnd < 0 {
			return -1
		}
		count++
		m, end, ok = nextMember(r.text, valueEnd)
	}
	if int64(count) < o.minProperties || o.maxProperties >= 0 && int64(count) > o.maxProperties || !r.namesHold(o, present) {
		return -1
	}
	for _, d := range o.dependentSchemas {
		if r.marked(present, d.name) && r.value(d.schema, i, own) < 0 {
			return -1
		}
	}
	return end
}

// namesHold judges required and dependentRequired.
func (r *run) namesHold(o *objectRules, present marks) bool {
	for _, name := range o.required {
		if !r.marked(present, name) {
			return false
		}
	}
	for _, d := range o.dependentRequired {
		if !r.marked(present, d.name) {
			continue
		}
		for _, name := range d.required {
			if !r.marked(present, name) {
				return false
			}
		}
	}
	return true
}

// member judges one member, the ordinal-th, and returns the end of its value.
func (r *run) member(o *objectRules, m member, ordinal int, own, present marks) int {
	end, applied := -1, false
	apply := func(n *node) bool {
		applied = true
		end = r.value(n, m.value, noMarks)
		return end >= 0
	}
	from := len(r.buf)
	name := r.text[m.name+1 : m.nameEnd-1]
	if m.escaped {
		r.buf = appendUnescaped(r.buf, name)
		name = r.buf[from:]
	}
	if at, ok := o.names[string(name)]; ok {
		r.mark(present, at)
		if schema := o.known[at].schema; schema != nil && !apply(schema) {
			return -1
		}
	}
	for k := range o.patterns {
		if p := &o.patterns[k]; p.match.Match(name) && !apply(p.schema) || !r.spend(len(name)/8) {
			return -1
		}
	}
	if !applied && o.additional != nil && !apply(o.additional) {
		return -1
	}
	if o.propertyNames != nil && r.value(o.propertyNames, m.name, noMarks) < 0 {
		return -1
	}
	if applied {
		r.mark(own, ordinal)
		return end
	}
	return r.skip(m.value)
}
