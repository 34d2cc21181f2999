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

// unevaluated judges by n what own leaves clear of the container at i, which a walk has passed.
func (r *run) unevaluated(n *node, i int, own marks) bool {
	if r.text[i] == '[' {
		return r.unevaluatedItems(n, i, own)
	}
	m, ok := firstMember(r.text, i)
	for ordinal := 0; ok; ordinal++ {
		end := r.leftOver(n, m.value, ordinal, own)
		if end < 0 {
			return false
		}
		m, _, ok = nextMember(r.text, end)
	}
	return true
}

func (r *run) unevaluatedItems(n *node, i int, own marks) bool {
	item, ok := firstItem(r.text, i)
	for ordinal := 0; ok; ordinal++ {
		end := r.leftOver(n, item, ordinal, own)
		if end < 0 {
			return false
		}
		item, ok = nextItem(r.text, end)
	}
	return true
}

// leftOver judges one child if it is clear, and returns its end.
func (r *run) leftOver(n *node, i, ordinal int, own marks) int {
	if !r.marked(own, ordinal) {
		return r.value(n, i, noMarks)
	}
	end := valueEnd(r.text, i)
	r.steps -= (end - i) / 8
	return end
}
