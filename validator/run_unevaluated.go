package validator

// marks says which members or items of one value some schema has evaluated: a bit each, by ordinal, on the bit stack
// of the run. The zero value asks for nothing and takes nothing.
type marks struct{ from, size int }

var noMarks marks

// newMarks puts so many clear bits on the stack.
func (r *run) newMarks(size int) marks {
	m := marks{len(r.bits), size}
	for range (size + 63) / 64 {
		r.bits = append(r.bits, 0)
	}
	return m
}

// sameMarks are clear bits for the same value.
func (r *run) sameMarks(m marks) marks {
	if m.size == 0 {
		return noMarks
	}
	return r.newMarks(m.size)
}

// marksFor are the marks that the schemas of one node share for the container at i: new ones where the node has an
// unevaluated keyword of its own, which looks at nothing that was evaluated outside.
func (r *run) marksFor(i int, seen marks, unevaluated bool) marks {
	if !unevaluated {
		return seen
	}
	return r.newMarks(countChildren(r.text, i))
}

func (r *run) mark(m marks, ordinal int) {
	if m.size > 0 {
		r.bits[m.from+ordinal>>6] |= 1 << (ordinal & 63)
	}
}

func (r *run) marked(m marks, ordinal int) bool {
	return r.bits[m.from+ordinal>>6]&(1<<(ordinal&63)) != 0
}

func (r *run) markAll(m marks) {
	for k := range (m.size + 63) / 64 {
		r.bits[m.from+k] = ^uint64(0)
	}
}

func (r *run) merge(to, from marks) {
	for k := range (to.size + 63) / 64 {
		r.bits[to.from+k] |= r.bits[from.from+k]
	}
}

func (r *run) unevaluatedMembers(n *node, i int, own marks) bool {
	ordinal := 0
	m, ok := firstMember(r.text, i)
	for ok {
		var end int
		if own.size > 0 && r.marked(own, ordinal) {
			end = r.skip(m.value)
		} else {
			end = r.value(n, m.value, noMarks)
		}
		if end < 0 {
			return false
		}
		ordinal++
		m, _, ok = nextMember(r.text, end)
	}
	return true
}

func (r *run) unevaluatedItems(n *node, i int, own marks) bool {
	ordinal := 0
	item, ok := firstItem(r.text, i)
	for ok {
		var end int
		if own.size > 0 && r.marked(own, ordinal) {
			end = r.skip(item)
		} else {
			end = r.value(n, item, noMarks)
		}
		if end < 0 {
			return false
		}
		ordinal++
		item, ok = nextItem(r.text, end)
	}
	return true
}
