package validator

// run is one judging of one event: a recursive descent over bytes that the scanner has passed. A walk returns the end
// of the value, or -1 if it is no instance. It is used by one goroutine and kept for the next event.
type run struct {
	program *program
	text    []byte
	steps   int    // left
	fault   string // sticky: faultBudget when the steps are used up
	nodeAt  int    // position of the value that is being judged
	chain   int    // nodes entered in a row at that position
	entered []*scope
	bits    []uint64
	spans   []span
	buf     []byte
	scanner scanner
}

// span is a part of a buffer.
type span struct{ start, end, index int }

// begin makes r ready for an event that the scanner passed, and allows so many times the usual steps.
func (r *run) begin(p *program, text []byte, times int) {
	r.program, r.text, r.fault = p, text, ""
	r.steps = times * (StepBase + len(text)*p.stepsPerByte)
	r.nodeAt, r.chain = -1, 0
	r.entered, r.bits, r.spans, r.buf = r.entered[:0], r.bits[:0], r.spans[:0], r.buf[:0]
}

// judge reports whether the event is an instance. If fault is set, that is why it is not.
func (r *run) judge() bool {
	end := r.value(r.program.root, skipSpace(r.text, 0), noMarks)
	return end >= 0 && r.fault == ""
}

// spend takes steps: one for a node entered, one for 8 bytes passed over.
func (r *run) spend(steps int) bool {
	if r.steps -= steps; r.steps < 0 {
		r.fault = faultBudget
	}
	return r.fault == ""
}

// skip passes over a value that no schema looks at.
func (r *run) skip(i int) int {
	end := valueEnd(r.text, i)
	if !r.spend((end - i) / 8) {
		return -1
	}
	return end
}

// value judges the value at i by n and returns its end, or -1. What n evaluates is noted in seen.
func (r *run) value(n *node, i int, seen marks) int {
	if !r.spend(1) || n.never {
		return -1
	}
	leave, ok := r.enter(n, i)
	if !ok {
		return -1
	}
	end := r.judgeValue(n, i, seen)
	r.leave(leave)
	return end
}

// standing is what enter saves and leave restores: a failed walk leaves nothing behind.
type standing struct{ nodeAt, chain, entered, bits, buf int }

// enter notes the dynamic scope, and that the same position is judged by one more schema: a chain longer than the
// program has nodes comes back to a node without having moved.
func (r *run) enter(n *node, i int) (standing, bool) {
	saved := standing{r.nodeAt, r.chain, len(r.entered), len(r.bits), len(r.buf)}
	if i == r.nodeAt {
		r.chain++
	} else {
		r.nodeAt, r.chain = i, 0
	}
	if r.chain > r.program.nodes {
		r.fault = faultBudget
		return saved, false
	}
	if n.scope != nil {
		r.entered = append(r.entered, n.scope)
	}
	return saved, true
}

func (r *run) leave(saved standing) {
	r.nodeAt, r.chain, r.entered = saved.nodeAt, saved.chain, r.entered[:saved.entered]
	r.bits, r.buf = r.bits[:saved.bits], r.buf[:saved.buf]
}

func (r *run) judgeValue(n *node, i int, seen marks) int {
	switch r.text[i] {
	case '{':
		return r.object(n, i, seen)
	case '[':
		return r.array(n, i, seen)
	}
	end := r.scalar(n, i)
	if end < 0 || !r.asValue(n, i, end) || !r.inPlace(n, i, noMarks) {
		return -1
	}
	return end
}

// scalar judges everything but an object or array by type and by the rules of its type.
func (r *run) scalar(n *node, i int) int {
	switch r.text[i] {
	case '"':
		end, escaped := stringEnd(r.text, i)
		if !r.spend((end-i)/8) || n.types&TypeString == 0 || n.text != nil && !r.string(n.text, i, end, escaped) {
			return -1
		}
		return end
	case 't', 'f':
		if n.types&TypeBoolean == 0 {
			return -1
		}
		return scalarEnd(r.text, i)
	case 'n':
		if n.types&TypeNull == 0 {
			return -1
		}
		return i + len("null")
	}
	end := scalarEnd(r.text, i)
	if !r.spend((end-i)/8) || n.types&(TypeNumber|TypeInteger) == 0 {
		return -1
	}
	if n.types&TypeNumber == 0 || n.number != nil {
		var digits [32]byte // on the stack: nearly every number fits
		d := readDecimal(digits[:0], r.text[i:end])
		if n.types&TypeNumber == 0 && !d.isInteger() || n.number != nil && !n.number.hold(d) {
			return -1
		}
	}
	return end
}

// asValue judges const and enum.
func (r *run) asValue(n *node, i, end int) bool {
	v := n.values
	if v == nil {
		return true
	}
	first := r.text[i]
	if first >= '0' && first <= '9' || first == '-' {
		if !v.numbers() {
			return false
		}
	} else if !v.kinds[first] {
		return false
	}
	if !r.spend((end - i) / 8) {
		return false
	}
	from := len(r.buf)
	r.buf, _ = appendCanonical(r.buf, r.text, i)
	ok := v.has(r.buf[from:])
	r.buf = r.buf[:from]
	return ok
}

// numbers reports whether any of the values is a number.
func (v *valueSet) numbers() bool {
	if v.kinds['-'] {
		return true
	}
	for c := '0'; c <= '9'; c++ {
		if v.kinds[c] {
			return true
		}
	}
	return false
}

// has reports whether a canonical value is the constant and in the enum.
func (v *valueSet) has(canonical []byte) bool {
	return (v.constant == nil || string(v.constant) == string(canonical)) && (!v.hasEnum || v.enum[string(canonical)])
}

// hold judges a number by its bounds.
func (n *numberRules) hold(d decimal) bool {
	return (n.minimum == nil || d.compare(*n.minimum) >= 0) &&
		(n.maximum == nil || d.compare(*n.maximum) <= 0) &&
		(n.above == nil || d.compare(*n.above) > 0) &&
		(n.below == nil || d.compare(*n.below) < 0) &&
		(n.multipleOf == nil || d.isMultipleOf(*n.multipleOf))
}
