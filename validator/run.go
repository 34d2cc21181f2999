package validator

// run is one judging of one event: a recursive descent over its raw bytes. A walk holds the byte rules for what it passes
// over and judges it at the same time; it returns the end of the value, or -1 if the value is no instance or no JSON.
// A walk that fails may leave bytes unseen, so an event is valid only where every byte was passed by a walk that
// accepted it. A run is used by one goroutine and kept for the next event.
type run struct {
	program *program
	text    []byte
	steps   int    // left
	fault   string // sticky: faultBudget when the steps are used up, faultSyntax for any breach of the byte rules
	depth   int    // containers that are open
	nodeAt  int    // position of the value that is being judged
	chain   int    // nodes entered in a row at that position
	entered []*scope
	bits    []uint64
	spans   []span
	buf     []byte
	matched []int32  // patterns that the names of open objects match
	escapes int      // strings with escapes seen so far
	names   nameList // of the objects that are open, but for known ones
	// next learns the order of members: after a name of an object, which one followed last time. Each object rule
	// has its own part, from objectRules.first on: at 0 the name that came first, at 1 + k the one after known name k, and
	// last how little this can be trusted.
	next    []int32
	counts  counters
	memo    memo
	scanner scanner // where a fault must be told apart and placed

	explained explained // scratch of Explain
}

// span is a part of a buffer.
type span struct{ start, end, index int }

func newRun(p *program) *run { return &run{next: append([]int32(nil), p.next...)} }

// begin makes r ready for an event, and allows so many times the usual steps.
func (r *run) begin(p *program, text []byte, times int) {
	r.program, r.text, r.fault, r.depth = p, text, "", 0
	r.steps = times * (StepBase + len(text)*p.stepsPerByte)
	r.nodeAt, r.chain = -1, 0
	r.entered, r.bits, r.spans, r.buf = r.entered[:0], r.bits[:0], r.spans[:0], r.buf[:0]
	r.matched = r.matched[:0]
	r.names.list = r.names.list[:0]
	r.memo.begin(r.steps, len(text))
}

// judge reports whether the event is an instance. If fault is set, that is why it is not.
func (r *run) judge() bool {
	end := r.value(r.program.root, skipSpace(r.text, 0), noMarks)
	if r.steps < 0 && r.fault == "" {
		r.fault = faultBudget
	}
	return end >= 0 && r.fault == "" && skipSpace(r.text, end) == len(r.text)
}

// malformed notes a breach of the byte rules. Which one and where is the scanner's to say, when somebody asks.
func (r *run) malformed() int {
	if r.fault == "" {
		r.fault = faultSyntax
	}
	return -1
}

// spend takes steps: one for a node entered, one for 8 bytes passed over. False if they are used up.
func (r *run) spend(steps int) bool {
	if r.steps -= steps; r.steps < 0 {
		r.fault = faultBudget
	}
	return r.fault == ""
}

// value judges the value at i by n and returns its end, or -1. What n evaluates is noted in seen.
func (r *run) value(n *node, i int, seen marks) int {
	if r.steps--; r.steps < 0 {
		r.fault = faultBudget
		return -1
	}
	if i >= len(r.text) {
		return r.malformed()
	}
	if n.bare != nil {
		return r.linked(n, i, seen)
	}
	end := -1
	switch c := r.text[i]; c {
	case '"':
		if n.types&TypeString == 0 {
			return -1
		}
		return r.str(n, i)
	case '{':
		switch {
		case n.types&TypeObject == 0:
			return -1
		case n.object != nil:
			end = r.object(n.object, i, seen)
		default:
			end = r.skip(i)
		}
	case '[':
		switch {
		case n.types&TypeArray == 0:
			return -1
		case n.array != nil:
			end = r.array(n.array, i, seen)
		default:
			end = r.skip(i)
		}
	case 't', 'f', 'n':
		if c == 'n' && n.types&TypeNull == 0 || c != 'n' && n.types&TypeBoolean == 0 {
			return -1
		}
		end = r.word(i)
	default:
		if n.types&(TypeNumber|TypeInteger) == 0 {
			return -1
		}
		end = r.number(n, i)
	}
	if end >= 0 && n.values != nil && !r.asValue(n.values, i, end) {
		return -1
	}
	return end
}

// typeOf is the type that a value with this first byte has; for numbers both bits.
func typeOf(first byte) TypeSet {
	switch first {
	case '{':
		return TypeObject
	case '[':
		return TypeArray
	case '"':
		return TypeString
	case 't', 'f':
		return TypeBoolean
	case 'n':
		return TypeNull
	}
	return TypeNumber | TypeInteger
}

// asValue judges const and enum for the value from i to end, which a walk has passed.
func (r *run) asValue(v *valueSet, i, end int) bool {
	if v.kinds&typeOf(r.text[i]) == 0 {
		return false
	}
	r.steps -= (end - i) / 8
	from := len(r.buf)
	r.buf, _ = appendCanonical(r.buf, r.text[:end], i) // nobody has looked at what follows
	ok := v.allowed[string(r.buf[from:])]
	r.buf = r.buf[:from]
	return ok
}
