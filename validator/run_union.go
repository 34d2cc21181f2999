package validator

// inPlace judges the value at i by every schema that a keyword applies to it in place. What they evaluate is noted in
// own; a branch that fails notes nothing.
func (r *run) inPlace(n *node, i int, own marks) bool {
	p := n.inPlace
	if p == nil {
		return true
	}
	if p.ref != nil && r.value(p.ref, i, own) < 0 {
		return false
	}
	if p.dynamic != nil && r.value(r.target(p), i, own) < 0 {
		return false
	}
	for _, branch := range p.allOf {
		if r.value(branch, i, own) < 0 {
			return false
		}
	}
	if len(p.anyOf) > 0 && !r.anyOf(p.anyOf, i, own) {
		return false
	}
	if len(p.oneOf) > 0 && !r.oneOf(p.oneOf, i, own) {
		return false
	}
	if p.not != nil && r.branch(p.not, i, noMarks) || r.fault != "" {
		return false
	}
	if p.ifs == nil {
		return true
	}
	next := p.then
	if !r.branch(p.ifs, i, own) {
		next = p.elseDo
	}
	return r.fault == "" && (next == nil || r.value(next, i, own) >= 0)
}

// branch judges by a schema that may fail; only its success leaves marks.
func (r *run) branch(n *node, i int, own marks) bool {
	saved := len(r.bits)
	trial := r.sameMarks(own)
	ok := r.value(n, i, trial) >= 0
	if ok {
		r.merge(own, trial)
	}
	r.bits = r.bits[:saved]
	return ok
}

// anyOf stops at the first success, unless somebody needs to know what the others evaluate.
func (r *run) anyOf(branches []*node, i int, own marks) bool {
	found := false
	for _, b := range branches {
		if r.branch(b, i, own) {
			found = true
			if own.size == 0 {
				break
			}
		}
		if r.fault != "" {
			return false
		}
	}
	return found
}

// oneOf stops at the second success.
func (r *run) oneOf(branches []*node, i int, own marks) bool {
	found := 0
	for _, b := range branches {
		if r.branch(b, i, own) {
			if found++; found > 1 {
				return false
			}
		}
		if r.fault != "" {
			return false
		}
	}
	return found == 1
}

// target is where a dynamic reference leads: the outermost resource entered that has the anchor wins over the static
// target. Source: JSON Schema 2020-12 core, 8.2.3.2; 2019-09 core, 8.2.4.2.
func (r *run) target(p *inPlaceRules) *node {
	if p.dynamicName != nil {
		for _, s := range r.entered {
			if n, ok := s.anchors[*p.dynamicName]; ok {
				return n
			}
		}
	}
	return p.dynamic
}
