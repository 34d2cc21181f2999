package validator

// object judges the object at start: every member, then what concerns the object as a whole.
func (r *run) object(o *objectRules, start int, own marks) int {
	if !r.open() {
		return -1
	}
	m := members{rules: o, own: own, first: len(r.names.list), bits: len(r.bits), next: r.next[o.first : o.first+len(o.known)+2]}
	if len(o.known) > 64 {
		m.more = r.newMarks(len(o.known))
	}
	text := r.text
	i := skipSpace(text, start+1)
	if i < len(text) && text[i] == '}' {
		return r.members(&m, start, i)
	}
	foresee := o.plain && own.size == 0 && len(o.known) <= 64
	trusted := foresee && *m.distrust() <= trustedMisses
	for {
		// The name that followed last time is tried first, then any other: a comparison takes the place of a scan.
		at := -1
		if trusted {
			if at = int(m.next[m.last]); at >= 0 {
				var same bool
				if q := &o.known[at].quoted; i+8*literalWords <= len(text) { // standsAt, but inline
					same = q.differs((*[8 * literalWords]byte)(text[i:])) == 0 && (len(q.text) <= 8*literalWords || q.rest(text, i))
				} else {
					same = q.standsAt(text, i)
				}
				if !same || m.present>>at&1 != 0 {
					at = -1
				}
			}
		}
		if at < 0 && foresee {
			if at = o.quick.find(o.known, text, i); at >= 0 {
				if m.present>>at&1 != 0 {
					return r.malformed()
				}
				m.learn(at)
			}
		}
		if at >= 0 {
			k := &o.known[at]
			m.present |= 1 << at
			m.last = at + 1
			i = skipSpace(text, i+len(k.quoted.text))
			if k.only != nil {
				i = r.value(k.only, i, noMarks)
			} else {
				i = r.skip(i)
			}
		} else {
			i = r.member(&m, i)
		}
		if i < 0 {
			return -1
		}
		m.count++
		if i = skipSpace(text, i); i >= len(text) {
			return r.malformed()
		}
		switch text[i] {
		case ',':
			i = skipSpace(text, i+1)
		case '}':
			return r.members(&m, start, i)
		default:
			return r.malformed()
		}
	}
}

// trustedMisses is how much distrust an order of members may have earned to be tried first: see members.learn.
const trustedMisses = 8

// distrust grows where members do not follow each other as they did last time.
func (m *members) distrust() *int32 { return &m.next[len(m.next)-1] }

// learn notes which known name followed the last one. Where members come in any order, to expect one costs more than it
// saves: a miss counts as many times as it takes hits to be worth it.
func (m *members) learn(at int) {
	d := m.distrust()
	if m.next[m.last] == int32(at) {
		*d = max(*d-1, 0)
		return
	}
	m.next[m.last] = int32(at)
	*d = min(*d+2, 2*trustedMisses)
}

// judgeMember judges a member's value by the one schema that applies to it, if there is one.
func (r *run) judgeMember(n *node, i int) int {
	if n == nil {
		return r.skip(i)
	}
	return r.value(n, i, noMarks)
}

// members is what the judging of one object knows of the members so far.
type members struct {
	rules   *objectRules
	own     marks
	next    []int32 // this object's part of run.next
	count   int
	last    int    // 1 + the known name that came last; 0 = none yet
	present uint64 // the first 64 known names that are there
	more    marks  // the further ones
	first   int    // of the object's unknown names
	bits    int    // where the bit stack stood
}

// note notes a known name; false if it is there already.
func (r *run) note(m *members, at int) bool {
	m.last = at + 1
	if at < 64 {
		bit := uint64(1) << at
		again := m.present&bit != 0
		m.present |= bit
		return !again
	}
	if r.marked(m.more, at) {
		return false
	}
	r.mark(m.more, at)
	return true
}

// has reports whether a known name is there.
func (r *run) has(m *members, at int) bool {
	if at < 64 {
		return m.present&(1<<at) != 0
	}
	return r.marked(m.more, at)
}

// member judges the member whose name is at i and returns the end of its value.
func (r *run) member(m *members, i int) int {
	o := m.rules
	name, colon := r.scanName(i)
	if colon < 0 {
		return -1
	}
	at := o.table.find(plainName(&r.names.one, r.text, name))
	switch {
	case at >= 0:
		m.learn(at)
		if !r.note(m, at) {
			return r.malformed()
		}
	case o.closed || !r.unknown(m.first, name):
		return -1
	}
	i = skipSpace(r.text, colon+1)
	switch {
	case !o.plain || m.own.size > 0:
		return r.anyMember(m, at, name, i)
	case at >= 0:
		return r.judgeMember(o.known[at].only, i)
	}
	return r.judgeMember(o.additional, i)
}

// anyMember judges the member with the known name at, or -1, by every schema that applies to it, and its name.
func (r *run) anyMember(m *members, at int, name scanned, value int) int {
	o := m.rules
	end, evaluated := -1, false
	if o.propertyNames != nil && r.value(o.propertyNames, name.start, noMarks) < 0 {
		return -1
	}
	switch {
	case at >= 0:
		k := &o.known[at]
		evaluated = k.evaluated
		if k.only != nil {
			end = r.value(k.only, value, noMarks)
		}
		for _, n := range k.several {
			if end = r.value(n, value, noMarks); end < 0 {
				break
			}
		}
	case len(o.patterns) > 0:
		if end, evaluated = r.byPattern(o, name, value); evaluated {
			break
		}
		fallthrough
	default:
		if o.additional != nil {
			end, evaluated = r.value(o.additional, value, noMarks), true
		}
	}
	if !evaluated {
		return r.skip(value)
	}
	if end >= 0 {
		r.mark(m.own, m.count)
	}
	return end
}

// byPattern judges a member by the patterns that its name matches; false if there is none.
func (r *run) byPattern(o *objectRules, name scanned, value int) (end int, applied bool) {
	from := len(r.buf)
	plain := r.text[name.start+1 : name.end-1]
	if name.escaped {
		r.buf = appendUnescaped(r.buf, plain)
		plain = r.buf[from:]
	}
	r.steps -= o.steps(len(plain))
	first := len(r.matched)
	r.matched = o.matching(r.matched, plain, &r.counts)
	last := len(r.matched)
	r.buf = r.buf[:from]
	for k := first; k < last; k++ {
		if end = r.value(o.patterns[r.matched[k]].schema, value, noMarks); end < 0 {
			break
		}
	}
	r.matched = r.matched[:first]
	return end, last > first
}

// members judges what concerns an object as a whole, whose brace is at i, and returns its end.
func (r *run) members(m *members, start, i int) int {
	o := m.rules
	if m.present&o.must != o.must || int64(m.count) < o.minProperties || o.maxProperties >= 0 && int64(m.count) > o.maxProperties {
		return -1
	}
	for _, at := range o.manyMust {
		if !r.has(m, at) {
			return -1
		}
	}
	for _, d := range o.dependentRequired {
		for _, at := range d.required {
			if r.has(m, d.name) && !r.has(m, at) {
				return -1
			}
		}
	}
	end := r.closeObject(m.first, i)
	if end < 0 {
		return -1
	}
	for _, d := range o.dependentSchemas {
		if r.has(m, d.name) && r.value(d.schema, start, m.own) < 0 {
			return -1
		}
	}
	r.bits = r.bits[:m.bits]
	return end
}
