package compat

import "fmt"

func (o *objectGoal) pattern(p string) {
	if _, ok := o.bits[p]; ok {
		return
	}
	if len(o.patterns) >= maxPatterns {
		o.opaque = true
		return
	}
	o.bits[p] = len(o.patterns)
	o.patterns = append(o.patterns, p)
}

// lengthPattern is the pattern of all strings with at least n code points.
func lengthPattern(n int64) string { return fmt.Sprintf(`^(?s:.{%d})`, n) }

// maxCountedNames is the largest length of names that a pattern can count: the repeat limit of regexp/syntax.
const maxCountedNames = 1_000

// nameAtoms gathers the patterns, lengths and values that a propertyNames schema speaks of.
func (o *objectGoal) nameAtoms(id int32) {
	if o.meter.spend(onMembers, 1); o.meter.over() {
		return
	}
	n := &o.nodes[id]
	switch n.kind {
	case kAll, kAny, kOne, kNot, kIf:
		for _, k := range n.kids {
			o.nameAtoms(k)
		}
	case kPattern:
		o.pattern(n.name)
	case kMinLen, kMaxLen:
		count := n.count
		if n.kind == kMaxLen {
			count++
		}
		if count <= maxCountedNames {
			o.pattern(lengthPattern(count))
		}
	case kFormat:
		if f := formatLanguages()[n.name]; f != nil {
			o.pattern(f.outer)
			o.pattern(f.inner)
		}
	case kValues:
		for _, v := range n.vals {
			if name, ok := v.(string); ok {
				o.member(name)
			}
		}
	}
}

func (o *objectGoal) has(p string, c nameClass) truth {
	if c.explicit {
		return truthOf(o.match(p, c.name))
	}
	bit, ok := o.bits[p]
	if !ok {
		return unknown
	}
	return truthOf(c.vector&(1<<bit) != 0)
}

func (o *objectGoal) outsideOf(n *node, c nameClass) truth {
	if c.explicit {
		return truthOf(o.outside(n, c.name))
	}
	out := yes
	for _, p := range n.patterns {
		switch o.has(p, c) {
		case yes:
			return no
		case unknown:
			out = unknown
		}
	}
	return out
}

// evalName evaluates a propertyNames schema for every name of a class.
func (o *objectGoal) evalName(id int32, c nameClass) truth {
	if c.explicit {
		return o.eval(id, c.name)
	}
	if o.pos[id]&isString == 0 {
		return no
	} else if o.neg[id]&isString == 0 {
		return yes
	}
	if o.meter.spend(onMembers, 1); o.meter.over() {
		return unknown
	}
	n := &o.nodes[id]
	switch n.kind {
	case kAll, kAny:
		short, out := no, yes
		if n.kind == kAny {
			short, out = yes, no
		}
		for _, k := range n.kids {
			switch o.evalName(k, c) {
			case short:
				return short
			case unknown:
				out = unknown
			}
		}
		return out
	case kNot:
		return o.evalName(n.kids[0], c).not()
	case kIf:
		switch o.evalName(n.kids[0], c) {
		case yes:
			return o.evalName(n.kids[1], c)
		case no:
			return o.evalName(n.kids[2], c)
		}
	case kOne:
		held, open := 0, 0
		for _, k := range n.kids {
			switch o.evalName(k, c) {
			case yes:
				held++
			case unknown:
				open++
			}
		}
		if held > 1 {
			return no
		}
		if open == 0 {
			return truthOf(held == 1)
		}
	case kPattern:
		return o.has(n.name, c)
	case kMinLen:
		return o.has(lengthPattern(n.count), c)
	case kMaxLen:
		return o.has(lengthPattern(n.count+1), c).not()
	case kFormat:
		f := formatLanguages()[n.name]
		switch {
		case f == nil:
		case o.has(f.outer, c) == no:
			return no
		case o.has(f.inner, c) == yes && !f.capped:
			return yes
		}
	case kValues:
		return no // its names are explicit ones
	}
	return unknown
}

// classify adds what the patterns, additional and name atoms say of a class.
func (o *objectGoal) classify(c nameClass) nameClass {
	c.allowed = yes
	o.meter.spend(onMembers, len(o.atoms))
	for _, l := range o.atoms {
		n := &o.nodes[l.id()]
		applies := yes
		switch n.kind {
		case kPatProp:
			applies = o.has(n.name, c)
		case kAddl:
			applies = o.outsideOf(n, c)
		case kNames:
			switch o.evalName(n.kids[0], c) {
			case no:
				c.allowed = no
			case unknown:
				if c.allowed == yes {
					c.allowed = unknown
				}
			}
			continue
		}
		switch applies {
		case yes:
			c.lits = append(c.lits, pos(n.kids[0]))
		case unknown:
			c.allowed = unknown // the literal is left out: the class only grows
		}
	}
	return c
}

// others are the classes of names that are not explicit.
func (o *objectGoal) others() ([]nameClass, bool) {
	if o.restOK {
		return o.rest, true
	}
	if o.opaque {
		return nil, false
	}
	l, ok := o.language(o.patterns)
	if !ok {
		return nil, false
	}
	seen := map[uint64]bool{}
	for _, v := range l.vector {
		if seen[v] {
			continue
		}
		if o.meter.over() {
			return nil, false
		}
		seen[v] = true
		if len(seen) > MaxNameClasses {
			return nil, false
		}
		names, endless := o.names(l, v, 1)
		if len(names) == 0 {
			if endless {
				return nil, false
			}
			continue
		}
		c := o.classify(nameClass{name: names[0], vector: v, count: -1})
		if c.allowed != no {
			o.rest = append(o.rest, c)
		}
	}
	o.restOK = true
	return o.rest, true
}

// names lists up to n names of a vector that are not explicit, readable ones first; endless is false when the list is
// shorter because there are no more.
func (o *objectGoal) names(l *language, vector uint64, n int) (out []string, endless bool) {
	accept := func(v uint64) bool { return v == vector }
	o.meter.spend(onMembers, n+len(o.members))
	list, complete := l.strings(o.meter, accept, window{1, -1}, n+len(o.members))
	fresh := func(list []string) {
		for _, name := range list {
			if _, ok := o.members[name]; !ok && len(out) < n {
				out = append(out, name)
			}
		}
	}
	fresh(list)
	if len(out) < n && complete {
		empty, _ := l.strings(o.meter, accept, window{0, 0}, 1)
		fresh(empty)
	}
	return out, !complete
}
