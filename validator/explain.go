package validator

import (
	"cmp"
	"slices"
	"strconv"
)

// Explain says what is wrong with an event: nil if it is valid, else 1 to limit violations (0 means MaxViolations) in
// document order, within one value by keyword. A breach of the byte rules stands alone. The result depends on nothing
// but schema, event and limit. It walks keyword by keyword, apart from Valid, and may cost explainStepRatio times as much.
func (s *Schema) Explain(event []byte, limit int) []Violation {
	if limit <= 0 {
		limit = MaxViolations
	}
	r := s.take()
	defer s.put(r)
	if !r.scanner.check(event, s.limits.EventBytes) {
		s.noteFault(r.scanner.fault)
		return []Violation{s.faultViolation(&r.scanner)}
	}
	r.begin(s.program, event, 1)
	if r.judge() {
		return nil
	}
	if r.fault == "" {
		r.begin(s.program, event, explainStepRatio)
		if found := explainAll(r, limit); len(found) > 0 {
			return found
		}
	}
	if r.fault == "" {
		r.fault = keywordInternal
	}
	s.noteFault(r.fault)
	return []Violation{{Keyword: r.fault, Message: faultMessage(r.fault)}}
}

// noteFault counts an event that no keyword refused.
func (s *Schema) noteFault(fault string) {
	switch {
	case s.metrics == nil:
	case fault == keywordInternal:
		s.metrics.disagreements.Add(1)
	default:
		s.metrics.fault(fault)
	}
}

// faultViolation is a breach of the byte rules.
func (s *Schema) faultViolation(sc *scanner) Violation {
	v := Violation{Pointer: sc.pointer(), Offset: sc.offset, Keyword: sc.fault, Message: faultMessage(sc.fault)}
	var address []byte
	for i := 1; i <= sc.depth; i++ {
		f := sc.frames[i]
		name := "*"
		if f.end > 0 {
			raw, _ := unquote(sc.text[f.start:f.end])
			if name = string(raw); !s.program.declared[name] {
				name = otherName
			}
		} else if f.index < 0 {
			continue
		}
		if name == otherName {
			address = append(append(address, '/'), name...)
		} else {
			address = appendToken(address, name)
		}
	}
	v.Address = string(address)
	return v
}

const otherName = "~other"

// explainAll walks the event of a run and returns what it finds, in order.
func explainAll(r *run, limit int) []Violation {
	x := &explainer{run: r, limit: limit}
	x.value(r.program.root, skipSpace(r.text, 0), "false")
	x.order()
	out := make([]Violation, len(x.found))
	for i, f := range x.found {
		out[i] = f.Violation
	}
	return out
}

// explainer collects violations. It holds more than limit only until the next order.
type explainer struct {
	*run
	limit int
	inner int // how many unions stand around
	path  []step
	found []ranked
}

// step is one token of the path: in the event a quoted name or an index, in the schema an address.
type step struct {
	name, nameEnd, index int
	address              string
	plain                bool // the address is a token with a meaning of its own: not to be escaped
}

type ranked struct {
	Violation
	inner int
}

// order sorts what was found, drops what was found twice, and keeps no more than limit.
func (x *explainer) order() {
	slices.SortStableFunc(x.found, func(a, b ranked) int {
		return cmp.Or(
			cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.inner, b.inner), cmp.Compare(rankOf(a.Keyword), rankOf(b.Keyword)),
			cmp.Compare(a.Location, b.Location), cmp.Compare(a.Message, b.Message))
	})
	x.found = slices.CompactFunc(x.found, func(a, b ranked) bool { return a.Violation == b.Violation })
	x.found = x.found[:min(len(x.found), x.limit)]
}

// add notes a violation at the value that begins at i.
func (x *explainer) add(n *node, i int, keyword, below string, v Violation) {
	v.Pointer, v.Address = x.places()
	v.Offset, v.Keyword, v.Location = i, keyword, n.uri+"#"+n.pointer+below
	x.found = append(x.found, ranked{v, x.inner})
	if len(x.found) > 4*x.limit+64 {
		x.order()
	}
}

func (x *explainer) places() (pointer, address string) {
	var p, a []byte
	for _, s := range x.path {
		if s.nameEnd > 0 {
			name, _ := unquote(x.text[s.name:s.nameEnd])
			p = appendToken(p, string(name))
		} else {
			p = strconv.AppendInt(append(p, '/'), int64(s.index), 10)
		}
		if s.plain {
			a = append(append(a, '/'), s.address...)
		} else {
			a = appendToken(a, s.address)
		}
	}
	return string(p), string(a)
}

// value explains the value at i by n. byKeyword is the keyword to name if n is the schema false.
func (x *explainer) value(n *node, i int, byKeyword string) {
	if !x.spend(1) {
		return
	}
	saved, ok := x.enter(n, i)
	if !ok {
		return
	}
	defer x.leave(saved)
	if n.never {
		x.add(n, i, byKeyword, "", Violation{Message: "must not be here"})
		return
	}
	before := len(x.found)
	if actual := x.typeAt(i); n.types&actual == 0 {
		expected := n.types.words()
		x.add(n, i, "type", "/type", Violation{Expected: expected, Actual: actual.words(), Message: "must be " + expected + ", is " + actual.words()})
		return
	}
	if n.values != nil {
		x.values(n, i)
	}
	switch x.text[i] {
	case '{':
		x.object(n, i)
	case '[':
		x.array(n, i)
	case '"':
		x.string(n, i)
	case 't', 'f', 'n':
	default:
		x.number(n, i)
	}
	x.inPlace(n, i)
	// What is left over can only be told where everything else holds.
	if len(x.found) == before && x.fault == "" {
		x.unevaluated(n, i)
	}
}

// typeAt is the type of the value at i, integer for a number without fractional part.
func (x *explainer) typeAt(i int) TypeSet {
	switch x.text[i] {
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
	var digits [32]byte // on the stack: nearly every number fits
	if readDecimal(digits[:0], x.text[i:scalarEnd(x.text, i)]).isInteger() {
		return TypeInteger
	}
	return TypeNumber
}

func (x *explainer) values(n *node, i int) {
	v, from := n.values, len(x.buf)
	x.buf, _ = appendCanonical(x.buf, x.text, i)
	canonical := x.buf[from:]
	x.buf = x.buf[:from]
	if v.allowed[string(canonical)] {
		return
	}
	actual := x.typeAt(i).words()
	if v.constant != nil && string(v.constant) != string(canonical) {
		expected := cut(string(v.constant))
		x.add(n, i, "const", "/const", Violation{Expected: expected, Actual: actual, Message: "must be " + expected})
	}
	if v.hasEnum && !v.enum[string(canonical)] {
		listed := make([]string, len(v.listed))
		for k, value := range v.listed {
			listed[k] = string(value)
		}
		expected, message := oneOfValues(listed), "must be one of "
		if len(listed) == 1 {
			message = "must be "
		}
		if len(listed) == 0 {
			message = "must be one of no values"
		}
		x.add(n, i, "enum", "/enum", Violation{Expected: expected, Actual: actual, Message: message + expected})
	}
}

func (x *explainer) number(n *node, i int) {
	if n.number == nil {
		return
	}
	d := readDecimal(nil, x.text[i:scalarEnd(x.text, i)])
	check := func(keyword string, bound *decimal, words string, holds func(decimal) bool) {
		if bound != nil && !holds(*bound) {
			expected := cut(string(bound.appendTo(nil)))
			x.add(n, i, keyword, "/"+keyword, Violation{Expected: expected, Actual: x.typeAt(i).words(), Message: "must be " + words + " " + expected})
		}
	}
	check("minimum", n.number.minimum, "at least", func(b decimal) bool { return d.compare(b) >= 0 })
	check("maximum", n.number.maximum, "at most", func(b decimal) bool { return d.compare(b) <= 0 })
	check("exclusiveMinimum", n.number.above, "more than", func(b decimal) bool { return d.compare(b) > 0 })
	check("exclusiveMaximum", n.number.below, "less than", func(b decimal) bool { return d.compare(b) < 0 })
	check("multipleOf", n.number.multipleOf, "a multiple of", d.isMultipleOf)
}

// bounds explains a count by its two bounds; -1 is none.
func (x *explainer) bounds(n *node, i int, what, noun string, has, least, most int64) {
	actual := strconv.FormatInt(has, 10)
	if has < least {
		x.add(n, i, "min"+what, "/min"+what, Violation{Expected: strconv.FormatInt(least, 10), Actual: actual, Message: "must have at least " + count(least, noun) + ", has " + actual})
	}
	if most >= 0 && has > most {
		x.add(n, i, "max"+what, "/max"+what, Violation{Expected: strconv.FormatInt(most, 10), Actual: actual, Message: "must have at most " + count(most, noun) + ", has " + actual})
	}
}
