package validator

import (
	"bytes"
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
	x := &explainer{run: r, limit: limit, explained: r.explained}
	x.value(r.program.root, skipSpace(r.text, 0), "false")
	x.order()
	out := make([]Violation, len(x.found))
	for i, f := range x.found {
		out[i] = f.Violation
	}
	clear(x.found)
	x.found, x.path = x.found[:0], x.path[:0]
	r.explained = x.explained
	return out
}

// explainer collects violations. It holds more than limit only until the next order.
type explainer struct {
	*run
	explained
	limit int
	inner int              // how many unions stand around
	seen  map[memoKey]bool // what was explained already, once that comes again and again
}

// explained is what an explainer collects, kept as scratch for the next event.
type explained struct {
	path  []step
	found []ranked

	scratch []byte
}

// step is one token of the path: in the event a quoted name or an index, in the schema an address.
type step struct {
	name, nameEnd, index int
	address              string
	plain                bool // the address is a token with a meaning of its own: not to be escaped
}

type ranked struct {
	Violation
	inner, rank int
}

// order sorts what was found, drops what was found twice, and keeps no more than limit.
func (x *explainer) order() {
	compare := func(a, b ranked) int {
		if c := cmp.Or(a.Offset-b.Offset, a.inner-b.inner, a.rank-b.rank); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Location, b.Location), cmp.Compare(a.Message, b.Message))
	}
	if !slices.IsSortedFunc(x.found, compare) {
		slices.SortStableFunc(x.found, compare)
	}
	x.found = slices.CompactFunc(x.found, func(a, b ranked) bool { return a.Violation == b.Violation })
	if len(x.found) > x.limit {
		clear(x.found[x.limit:])
		x.found = x.found[:x.limit]
	}
}

// words say what is wrong: expected, which comes from the schema, stands between two parts of the message, or is put in
// other words there.
type words struct{ before, expected, after, actual, otherwise string }

// fail notes a violation of a keyword by the value that begins at i.
func (x *explainer) fail(n *node, i int, keyword string, w words) { x.add(n, i, keyword, true, nil, w) }

// add is fail where the keyword's location may be another: the schema itself, or a member of the keyword's value. All
// texts of a violation are parts of one, which is made at once.
func (x *explainer) add(n *node, i int, keyword string, inLocation bool, below *string, w words) {
	b := x.appendPointer(x.scratch[:0])
	pointer := len(b)
	b = x.appendAddress(b)
	address := len(b)
	b = append(append(append(b, n.uri...), '#'), n.pointer...)
	if inLocation {
		b = append(append(b, '/'), keyword...)
	}
	if below != nil {
		b = appendToken(b, *below)
	}
	location := len(b)
	b = append(b, w.before...)
	from := len(b)
	b = append(b, w.expected...)
	to := len(b)
	b = append(b, w.after...)
	x.scratch = b
	all := string(b)
	x.found = append(x.found, ranked{Violation{
		Pointer: all[:pointer], Address: all[pointer:address], Offset: i, Keyword: keyword, Location: all[address:location],
		Expected: cmp.Or(w.otherwise, all[from:to]), Actual: w.actual, Message: all[location:],
	}, x.inner, rankOf(keyword)})
	if len(x.found) > 4*x.limit+64 {
		x.order()
	}
}

// appendPointer appends the place in the event.
func (x *explainer) appendPointer(b []byte) []byte {
	for _, s := range x.path {
		if s.nameEnd > 0 {
			name, _ := unquote(x.text[s.name:s.nameEnd])
			b = appendToken(b, name)
		} else {
			b = strconv.AppendInt(append(b, '/'), int64(s.index), 10)
		}
	}
	return b
}

// appendAddress appends the place as the schema names it.
func (x *explainer) appendAddress(b []byte) []byte {
	for _, s := range x.path {
		if s.plain {
			b = append(append(b, '/'), s.address...)
		} else {
			b = appendToken(b, s.address)
		}
	}
	return b
}

// value explains the value at i by n, and returns its end, or 0 where nobody had to look for it. byKeyword is the keyword
// to name if n is the schema false.
func (x *explainer) value(n *node, i int, byKeyword string) (end int) {
	if !x.spend(1) {
		return 0
	}
	if n.bare == nil {
		if x.isOfType(n, i, byKeyword) {
			return x.keywords(n, i)
		}
		return 0
	}
	if x.again(n, i) {
		return 0
	}
	saved, ok := x.enter(n, i)
	if !ok {
		return 0
	}
	if before := len(x.found); x.isOfType(n, i, byKeyword) {
		end = x.keywords(n, i)
		x.inPlace(n, i)
		// What is left over can only be told where everything else holds.
		if len(x.found) == before && x.fault == "" {
			x.unevaluated(n, i)
		}
	}
	x.leave(saved)
	return end
}

// again reports whether n has explained the value at i already. It is asked only once so many steps were taken that the
// same questions must have come again and again.
func (x *explainer) again(n *node, i int) bool {
	if !x.memo.on(x.steps) {
		return false
	}
	scopes, ok := x.scopes()
	if !ok {
		return false
	}
	key := memoKey{int32(n.id), int32(i), scopes}
	if x.seen[key] {
		return true
	}
	if x.seen == nil {
		x.seen = map[memoKey]bool{}
	}
	if len(x.seen) < MaxMemo {
		x.seen[key] = true
	}
	return false
}

// isOfType explains a value that a node allows nothing of its kind.
func (x *explainer) isOfType(n *node, i int, byKeyword string) bool {
	if n.never {
		x.add(n, i, byKeyword, false, nil, words{before: "must not be here"})
		return false
	}
	if kind := typeOf(x.text[i]); n.types&kind != kind { // of a number any part of the type may be missing
		if actual := x.typeAt(i); n.types&actual == 0 {
			is := actual.words()
			x.fail(n, i, "type", words{"must be ", n.types.words(), ", is " + is, is, ""})
			return false
		}
	}
	return true
}

// keywords explains what a node itself says of a value of its types.
func (x *explainer) keywords(n *node, i int) (end int) {
	if n.values != nil {
		x.values(n, i)
	}
	switch x.text[i] {
	case '{':
		return x.object(n, i)
	case '[':
		return x.array(n, i)
	case '"':
		return x.string(n, i)
	case 't', 'f', 'n':
		return 0
	}
	return x.number(n, i)
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
	number := x.text[i:scalarEnd(x.text, i)]
	if !bytes.ContainsAny(number, ".eE") || readDecimal(digits[:0], number).isInteger() {
		return TypeInteger
	}
	return TypeNumber
}

func (x *explainer) values(n *node, i int) {
	v, from := n.values, len(x.buf)
	if among(v.strings, x.text, i) >= 0 {
		return
	}
	x.buf, _ = appendCanonical(x.buf, x.text, i)
	canonical := x.buf[from:]
	x.buf = x.buf[:from]
	if v.allowed[string(canonical)] {
		return
	}
	actual := x.typeAt(i).words()
	if v.constant != nil && string(v.constant) != string(canonical) {
		x.fail(n, i, "const", words{"must be ", cut(string(v.constant)), "", actual, ""})
	}
	if v.hasEnum && !v.enum[string(canonical)] {
		message := "must be one of "
		switch len(v.listed) {
		case 0:
			message = "must be one of no values"
		case 1:
			message = "must be "
		}
		x.fail(n, i, "enum", words{message, oneOfValues(v.listed), "", actual, ""})
	}
}

func (x *explainer) number(n *node, i int) (end int) {
	if n.number == nil {
		return 0
	}
	end = scalarEnd(x.text, i)
	var digits [32]byte
	d := readDecimal(digits[:0], x.text[i:end])
	check := func(keyword string, bound *decimal, relation string, holds func(decimal) bool) {
		if bound != nil && !holds(*bound) {
			var digits [32]byte
			x.fail(n, i, keyword, words{relation, cut(string(bound.appendTo(digits[:0]))), "", x.typeAt(i).words(), ""})
		}
	}
	check("minimum", n.number.minimum, "must be at least ", func(b decimal) bool { return d.compare(b) >= 0 })
	check("maximum", n.number.maximum, "must be at most ", func(b decimal) bool { return d.compare(b) <= 0 })
	check("exclusiveMinimum", n.number.above, "must be more than ", func(b decimal) bool { return d.compare(b) > 0 })
	check("exclusiveMaximum", n.number.below, "must be less than ", func(b decimal) bool { return d.compare(b) < 0 })
	check("multipleOf", n.number.multipleOf, "must be a multiple of ", d.isMultipleOf)
	return end
}

// bounds explains a count by its two bounds; -1 is none.
func (x *explainer) bounds(n *node, i int, what, noun string, has, least, most int64) {
	actual := strconv.FormatInt(has, 10)
	if has < least {
		x.fail(n, i, "min"+what, words{"must have at least ", strconv.FormatInt(least, 10), " " + plural(least, noun) + ", has " + actual, actual, ""})
	}
	if most >= 0 && has > most {
		x.fail(n, i, "max"+what, words{"must have at most ", strconv.FormatInt(most, 10), " " + plural(most, noun) + ", has " + actual, actual, ""})
	}
}
