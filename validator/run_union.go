package validator

import "slices"

// linked judges the value at i by a node that links to other schemas for the same value, or that asks what they
// have evaluated.
func (r *run) linked(n *node, i int, seen marks) int {
	// A string is never remembered: who judges it counts escapes on the way.
	if !r.memo.on(r.steps) || seen.size > 0 || typeOf(r.text[i])&(TypeObject|TypeArray) == 0 {
		return r.linkedAnew(n, i, seen)
	}
	scopes, ok := r.scopes()
	if !ok {
		return r.linkedAnew(n, i, seen)
	}
	key := memoKey{int32(n.id), int32(i), scopes}
	if end, ok := r.memo.answers[key]; ok {
		return int(end)
	}
	r.counts[fellMemo]++
	end := r.linkedAnew(n, i, seen)
	if r.fault == "" {
		r.memo.keep(key, end)
	}
	return end
}

// scopes is the dynamic scope as a number; false if it is too deep for one.
func (r *run) scopes() (number uint64, ok bool) {
	for _, s := range r.entered {
		number = number<<16 | uint64(s.id)
	}
	return number, len(r.entered) <= 4
}

func (r *run) linkedAnew(n *node, i int, seen marks) int {
	saved, ok := r.enter(n, i)
	if !ok {
		return -1
	}
	kind := typeOf(r.text[i])
	if n.types&kind == 0 {
		return -1
	}
	own, left, bare := noMarks, n.unevaluated(kind), n.bare
	switch {
	case kind == TypeObject && n.fused != nil:
		left, bare = nil, n.fused
	case kind == TypeArray && n.fusedItems != nil:
		left, bare = nil, n.fusedItems
	}
	switch {
	case left != nil: // what is inside must be counted, so it must be JSON first
		if r.skip(i) < 0 {
			return -1
		}
		r.counts[fellLive]++
		own = r.newMarks(countChildren(r.text, i))
	case kind&(TypeObject|TypeArray) != 0:
		own = seen
	}
	end := -1
	if n.judges(kind) {
		if end = r.value(bare, i, own); end < 0 {
			return -1
		}
	}
	if end = r.inPlace(n.inPlace, i, end, own); end < 0 {
		return -1
	}
	if left != nil {
		if !r.unevaluated(left, i, own) {
			return -1
		}
		r.markAll(seen)
	}
	r.leave(saved)
	return end
}

// judges reports whether a node itself has something to say about a value of a type, beyond the type.
func (n *node) judges(kind TypeSet) bool {
	if n.values != nil {
		return true
	}
	switch kind {
	case TypeObject:
		return n.object != nil
	case TypeArray:
		return n.array != nil
	case TypeString:
		return n.text != nil
	case TypeNumber | TypeInteger:
		return n.number != nil || n.types&TypeNumber == 0
	}
	return false
}

// unevaluated is the schema for what nobody else has evaluated in a container; nil if there is none.
func (n *node) unevaluated(kind TypeSet) *node {
	switch {
	case kind == TypeObject && n.object != nil:
		return n.object.unevaluated
	case kind == TypeArray && n.array != nil:
		return n.array.unevaluated
	}
	return nil
}

// standing is what a walk changes and must restore.
type standing struct{ nodeAt, chain, entered, bits, buf, spans, names, depth int }

func (r *run) standing() standing {
	return standing{r.nodeAt, r.chain, len(r.entered), len(r.bits), len(r.buf), len(r.spans), len(r.names.list), r.depth}
}

// enter notes the dynamic scope, and that the same position is judged by one more schema: a chain longer than the
// program has nodes comes back to a node without having moved.
func (r *run) enter(n *node, i int) (standing, bool) {
	saved := r.standing()
	if i == r.nodeAt {
		r.chain++
	} else {
		r.nodeAt, r.chain = i, 0
	}
	if r.chain > r.program.nodes {
		r.fault = faultBudget
		return saved, false
	}
	if n.scope != nil && r.widens(n.scope) {
		r.entered = append(r.entered, n.scope)
	}
	return saved, true
}

// widens reports whether a resource has an anchor that none of those entered has: only then a dynamic reference may lead
// to it.
func (r *run) widens(s *scope) bool {
	for name := range s.anchors {
		if !slices.ContainsFunc(r.entered, func(e *scope) bool { return e.anchors[name] != nil }) {
			return true
		}
	}
	return false
}

func (r *run) leave(saved standing) {
	r.nodeAt, r.chain, r.depth = saved.nodeAt, saved.chain, saved.depth
	r.entered, r.bits, r.buf, r.spans = r.entered[:saved.entered], r.bits[:saved.bits], r.buf[:saved.buf], r.spans[:saved.spans]
	r.names.list = r.names.list[:saved.names]
}

// inPlace judges the value at i by every schema that a keyword applies to it in place. What they evaluate is noted in
// own; a branch that fails notes nothing. end is the value's end if some walk has accepted it already, else -1.
func (r *run) inPlace(p *inPlaceRules, i, end int, own marks) int {
	if p == nil {
		p = &noRules
	}
	if p.ref != nil {
		if end = r.value(p.ref, i, own); end < 0 {
			return -1
		}
	}
	if p.dynamic != nil {
		if end = r.value(r.target(p), i, own); end < 0 {
			return -1
		}
	}
	for _, branch := range p.allOf {
		if end = r.value(branch, i, own); end < 0 {
			return -1
		}
	}
	if len(p.anyOf) > 0 {
		if end = r.anyOf(p, i, own); end < 0 {
			return -1
		}
	}
	if len(p.oneOf) > 0 {
		if end = r.oneOf(p, i, own); end < 0 {
			return -1
		}
	}
	if p.not != nil && r.try(p.not, i, noMarks) >= 0 || r.fault != "" {
		return -1
	}
	if p.ifs != nil {
		next := p.then
		if !r.condition(p, i, own) {
			next = p.elseDo
		}
		if next != nil {
			if end = r.value(next, i, own); end < 0 {
				return -1
			}
		}
	}
	switch {
	case r.fault != "":
		return -1
	case end < 0:
		return r.skip(i)
	}
	return end
}

var noRules inPlaceRules

// condition reports whether the schema of if holds for the value at i.
func (r *run) condition(p *inPlaceRules, i int, own marks) bool {
	if p.ifBy != nil && own.size == 0 && r.text[i] == '{' {
		return r.choice(p.ifBy, i) >= 0
	}
	return r.try(p.ifs, i, own) >= 0
}

// try judges by a schema that may fail: whatever a failed walk changed is restored, and only its success leaves marks.
func (r *run) try(n *node, i int, own marks) int {
	r.memo.tries++
	saved := r.standing()
	trial := r.sameMarks(own)
	end := r.value(n, i, trial)
	if end >= 0 {
		r.merge(own, trial)
	}
	r.leave(saved)
	return end
}

// anyOf stops at the first success, unless somebody needs to know what the others evaluate.
func (r *run) anyOf(p *inPlaceRules, i int, own marks) int {
	if p.anyAs != nil {
		return r.oneOfValues(p.anyAs, i)
	}
	if p.anyBy != nil && r.text[i] == '{' {
		return r.chosen(p.anyBy, p.anyOf, i, own)
	}
	r.counts[fellRewind]++
	end := -1
	for _, b := range p.anyOf {
		if e := r.try(b, i, own); e >= 0 {
			if end = e; own.size == 0 {
				break
			}
		} else if r.fault != "" {
			return -1
		}
	}
	return end
}

// oneOf stops at the second success.
func (r *run) oneOf(p *inPlaceRules, i int, own marks) int {
	if p.oneAs != nil {
		return r.oneOfValues(p.oneAs, i)
	}
	if p.oneBy != nil && r.text[i] == '{' {
		return r.chosen(p.oneBy, p.oneOf, i, own)
	}
	r.counts[fellRewind]++
	end := -1
	for _, b := range p.oneOf {
		if e := r.try(b, i, own); e >= 0 {
			if end >= 0 {
				return -1
			}
			end = e
		} else if r.fault != "" {
			return -1
		}
	}
	return end
}

// oneOfValues judges the value at i by a set, and passes over it.
func (r *run) oneOfValues(v *valueSet, i int) int {
	if k := among(v.strings, r.text, i); k >= 0 {
		return i + len(v.strings[k].text)
	}
	end := r.skip(i)
	if end < 0 || !r.asValue(v, i, end) {
		return -1
	}
	return end
}

// chosen judges the object at i by the one branch that a member's value allows.
func (r *run) chosen(d *discriminator, branches []*node, i int, own marks) int {
	k := r.choice(d, i)
	if k < 0 {
		return -1
	}
	return r.value(branches[k], i, own)
}

// choice reads the member that tells the branches apart, and returns the branch, or -1 if none can hold.
func (r *run) choice(d *discriminator, i int) int {
	if !r.open() {
		return -1
	}
	defer func() { r.depth-- }()
	text := r.text
	i = skipSpace(text, i+1)
	for {
		if d.quoted.standsAt(text, i) {
			return r.branchAt(d, skipSpace(text, i+len(d.quoted.text)))
		}
		if i < len(text) && text[i] == '}' {
			return -1
		}
		n, colon := r.scanName(i)
		if colon < 0 {
			return -1
		}
		i = skipSpace(text, colon+1)
		if string(plainName(&r.names.one, text, n)) == d.name {
			return r.branchAt(d, i)
		}
		if i = r.skip(i); i < 0 {
			return -1
		}
		i = skipSpace(text, i)
		if i >= len(text) || text[i] != ',' {
			return -1 // it ends without the member, or is no JSON
		}
		i = skipSpace(text, i+1)
	}
}

// branchAt is the branch of the discriminator's value at i, or -1.
func (r *run) branchAt(d *discriminator, i int) int {
	if i >= len(r.text) || r.text[i] != '"' {
		return -1
	}
	end, f := scanString(r.text, i)
	if end < 0 {
		return r.malformed()
	}
	at := d.table.find(plainName(&r.names.one, r.text, scanned{start: i, end: end, escaped: f&formEscaped != 0}))
	if at < 0 {
		return -1
	}
	return d.branches[at]
}

// target is where a dynamic reference leads: the outermost resource entered that has the anchor wins over the static
// target. Source: JSON Schema 2020-12 core, 8.2.3.2; 2019-09 core, 8.2.4.2.
func (r *run) target(p *inPlaceRules) *node {
	if p.dynamicName != nil {
		r.counts[fellDynamic]++
		for _, s := range r.entered {
			if n, ok := s.anchors[*p.dynamicName]; ok {
				return n
			}
		}
	}
	return p.dynamic
}
