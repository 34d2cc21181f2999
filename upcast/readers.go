package upcast

import "maps"

import "fmt"

// An opReader makes an op of its members; it reports faults to the reader and then returns anything.
type opReader func(*reader, *fields) op

// language holds every op by its name.
func language() map[string]opReader {
	return map[string]opReader{
		"rename":    readRename,
		"move":      readMove,
		"add":       func(_ *reader, o *fields) op { return add{at: o.pointer("at"), supply: o.supply()} },
		"fill":      readFill,
		"remove":    func(_ *reader, o *fields) op { return remove{at: o.pointer("at"), value: o.constant("value")} },
		"dropConst": readDropConst,
		"nest":      func(_ *reader, o *fields) op { return readNest(o, "to") },
		"unnest":    func(_ *reader, o *fields) op { return mirror{readNest(o, "from").swapped()} },
		"wrapAs":    func(_ *reader, o *fields) op { return wrapAs{at: o.scope("at"), key: o.name("key")} },
		"unwrapAs":  func(_ *reader, o *fields) op { return mirror{wrapAs{at: o.scope("at"), key: o.name("key")}} },
		"wrap":      func(_ *reader, o *fields) op { return readWrap(o) },
		"head":      func(_ *reader, o *fields) op { return mirror{readWrap(o)} },
		"in": func(r *reader, o *fields) op {
			return in{at: o.pointer("at"), ops: r.list(o, "ops", o.nesting+1), keepEmpty: o.boolean("keepEmpty")}
		},
		"each":     func(r *reader, o *fields) op { return each{at: o.scope("at"), ops: r.list(o, "ops", o.nesting+1)} },
		"when":     readWhen,
		"map":      func(_ *reader, o *fields) op { return readMap(o) },
		"derive":   readDerive,
		"scale":    readScale,
		"cast":     readCast,
		"time":     readMoment,
		"case":     readLetters,
		"split":    func(_ *reader, o *fields) op { return readSplit(o, "from", "to") },
		"join":     func(_ *reader, o *fields) op { return mirror{readSplit(o, "to", "from")} },
		"inherit":  readInherit,
		"coalesce": readCoalesce,
		"concat":   readConcat,
	}
}

// Ops returns the names of all ops of the language, sorted. The slice is the caller's.
func Ops() []string { return sortedKeys(language()) }

func readRename(r *reader, o *fields) op {
	made := rename{from: o.pointer("from"), to: o.pointer("to")}
	if r.fault == nil && made.from.parent() != made.to.parent() {
		r.fail(o.at("to"), "has another parent than from; use move")
	}
	return made
}

func readMove(r *reader, o *fields) op {
	made := move{from: o.pointer("from"), to: o.pointer("to"), keepEmpty: o.boolean("keepEmpty")}
	if _, inside := under(made.to.text, made.from.text); r.fault == nil && inside {
		r.fail(o.at("to"), "is below from; use wrapAs")
	}
	return made
}

func readFill(r *reader, o *fields) op {
	made := fill{at: o.pointer("at"), supply: o.supply()}
	if r.fault == nil && !made.sets() {
		r.fail(o.at("value"), "is missing; fill needs value or from")
	}
	return made
}

func readDropConst(r *reader, o *fields) op {
	made := dropConst{at: o.pointer("at"), value: o.constant("value")}
	if made.value == nil {
		r.fail(o.at("value"), "is missing")
	}
	return made
}

// swapped makes the nest whose mirror an unnest is: there the old names are those in the object.
func (o nest) swapped() nest {
	o.old, o.new = o.new, o.old
	return o
}

// readNest reads members, a list of names or old: new, and the place of the object.
func readNest(o *fields, place string) nest {
	made := nest{to: o.pointer(place), force: o.boolean("always")}
	n := o.get("members")
	switch {
	case n == nil:
		o.r.fail(o.at("members"), "is missing")
	case n.kind == object:
		for _, m := range n.members {
			if m.value.kind != text {
				o.r.fail(o.at("members"), "a new name is of type %s, not string", m.value.kind)
				return made
			}
			made.old = append(made.old, namePointer(string(m.name)))
			made.new = append(made.new, namePointer(string(m.value.string())))
		}
	case n.kind == array:
		for _, name := range n.items {
			if name.kind != text {
				o.r.fail(o.at("members"), "a name is of type %s, not string", name.kind)
				return made
			}
			made.old = append(made.old, namePointer(string(name.string())))
		}
		made.new = made.old
	default:
		o.r.fail(o.at("members"), "is of type %s, not object or array", n.kind)
	}
	if o.r.fault == nil && len(made.old) == 0 {
		o.r.fail(o.at("members"), "is empty")
	}
	return made
}

func readWrap(o *fields) wrap {
	made := wrap{at: o.scope("at")}
	made.refuse = o.word("many", "lose", "error") == "error"
	return made
}

func readWhen(r *reader, o *fields) op {
	made := when{}
	if n := o.get("if"); n == nil {
		r.fail(o.at("if"), "is missing")
	} else {
		made.cond = readTest(r, o.at("if"), n)
	}
	if n := o.get("back"); n != nil {
		made.back, made.hasBack = readTest(r, o.at("back"), n), true
	}
	made.then = r.list(o, "then", o.nesting+1)
	if o.get("else") != nil {
		made.els = r.list(o, "else", o.nesting+1)
	}
	return made
}

func readTest(r *reader, position string, n *node) test {
	o := r.object(position, n)
	t := test{at: o.scope("at"), is: o.constant("is")}
	kinds := 0
	if t.is != nil {
		kinds++
	}
	if o.get("present") != nil {
		present := o.boolean("present")
		t.present = &present
		kinds++
	}
	if o.get("type") != nil {
		t.typ = o.word("type", "", "null", "boolean", "integer", "number", "string", "array", "object")
		kinds++
	}
	if kinds != 1 {
		r.fail(position, "needs one of is, present and type")
	}
	o.done()
	return t
}

func readMap(o *fields) op {
	made := mapped{at: o.scope("at"), keep: o.boolean("keep")}
	if n := o.get("table"); n == nil {
		o.r.fail(o.at("table"), "is missing")
	} else {
		made.table = o.table("table", n)
	}
	made.table.other = o.constant("default")
	if made.keep && made.table.other != nil {
		o.r.fail(o.at("keep"), "stands beside default; one of the two is enough")
	}
	if o.r.fault == nil {
		made.invert(o)
	}
	return made
}

// invert makes the way back of a map: targets with one source go there, the others as back says.
func (m *mapped) invert(o *fields) {
	m.back, m.exact = table{values: map[string]*node{}}, map[string]bool{}
	sources := map[string]int{}
	target := func(to *node) string {
		key, ok := to.key(nil)
		if !ok {
			m.oneway = "map has a target that is an array or object"
		}
		sources[string(key)]++
		return string(key)
	}
	for i, key := range m.table.keys {
		m.back.values[target(m.table.values[key])] = m.table.from[i]
	}
	if m.table.other != nil {
		sources[target(m.table.other)] += 2 // whatever it was
	}
	back := o.get("back")
	var chosen table
	if back != nil && (back.kind == object || back.kind == array) {
		chosen = o.table("back", back)
	} else if back != nil {
		o.bound(o.at("back"), back)
		m.back.other = back
	}
	for key, n := range sources {
		switch to := chosen.values[key]; {
		case n == 1 && to != nil:
			o.r.fail(o.at("back"), "has an entry for a target that just one value leads to")
		case n == 1:
			m.exact[key] = true
		case to != nil || m.back.other != nil:
			delete(m.back.values, key)
		case m.oneway == "":
			m.oneway = "map has a target that several values lead to, and no back for it"
		}
	}
	maps.Copy(m.back.values, chosen.values)
}

func readDerive(r *reader, o *fields) op {
	made := derive{from: o.pointer("from"), to: o.pointer("to")}
	if n := o.get("table"); n == nil {
		r.fail(o.at("table"), "is missing")
	} else {
		made.table = o.table("table", n)
	}
	made.table.other = o.constant("default")
	return made
}

func readScale(r *reader, o *fields) op {
	made := scale{at: o.scope("at"), exp10: o.integer("exp10", 0, -MaxScale, MaxScale)}
	made.round = o.word("rounding", "exact", "exact", "halfEven") == "halfEven"
	if r.fault == nil && made.exp10 == 0 {
		r.fail(o.at("exp10"), "is missing or 0; it is -%d to %d", MaxScale, MaxScale)
	}
	return made
}

func readCast(r *reader, o *fields) op {
	made := cast{at: o.scope("at"), was: o.text("was", ""), now: o.text("now", "")}
	if r.fault == nil && !castPairs[[2]string{made.was, made.now}] {
		r.fail(o.at("was"), "there is no cast from %.20q to %.20q", made.was, made.now)
	}
	return made
}

func readMoment(r *reader, o *fields) op {
	made := moment{
		at:  o.scope("at"),
		was: o.word("was", "", epochMillis, epochSeconds, rfc3339),
		now: o.word("now", "", epochMillis, epochSeconds, rfc3339),
	}
	if r.fault == nil && made.was == made.now {
		r.fail(o.at("now"), "is what was is")
	}
	return made
}

func readLetters(_ *reader, o *fields) op {
	made := letters{at: o.scope("at"), now: o.word("now", "", "lower", "upper")}
	if o.get("back") != nil {
		made.back = o.word("back", "", "lower", "upper", "none")
	}
	return made
}

// readSplit reads split, and join, which is split with the two places swapped.
func readSplit(o *fields, whole, parts string) split {
	two := o.pointers(parts, 2, 2)
	made := split{from: o.pointer(whole), sep: []byte(o.text("sep", "")), a: two[0], b: two[1], absent: o.boolean("absent")}
	if o.r.fault == nil && len(made.sep) == 0 {
		o.r.fail(o.at("sep"), "is missing or empty")
	}
	if o.r.fault == nil && made.a.text == made.b.text {
		o.r.fail(o.at(parts), "names one place twice")
	}
	return made
}

func readInherit(_ *reader, o *fields) op {
	made := inherit{from: o.pointer("from"), each: o.pointer("each"), to: o.pointer("to")}
	made.refuse = o.word("differs", "lose", "error") == "error"
	return made
}

func readCoalesce(_ *reader, o *fields) op {
	return coalesce{from: o.pointers("from", 1, MaxTable), to: o.pointer("to")}
}

func readConcat(r *reader, o *fields) op {
	made := concat{to: o.pointer("to")}
	for i, n := range o.list("parts", true) {
		position := fmt.Sprintf("%s[%d]", o.at("parts"), i)
		switch n.kind {
		case text:
			o.bound(position, n)
			made.parts = append(made.parts, part{literal: n.string()})
		case object:
			p := r.object(position, n)
			at := p.pointer("at")
			p.done()
			made.parts = append(made.parts, part{at: &at})
		default:
			r.fail(position, "is of type %s, not string or object", n.kind)
		}
	}
	if r.fault == nil && len(made.parts) == 0 {
		r.fail(o.at("parts"), "is empty")
	}
	return made
}
