package validator

// Oracle asks jsonschema v5 whether an event is valid, for tests and for the events that a compatibility verdict shows;
// no producer's event is given to it. asked is false where the event breaks a byte rule or is over MaxOracleBytes, where
// v5 would enter more than MaxOracleSteps schemas, where it differs from us on purpose (an enum without values; dynamic
// references in a schema that has if, or anchors in a resource inside another), or where it gave up.
func (s *Schema) Oracle(event []byte) (valid, asked bool) {
	if !s.program.oracle || len(event) > MaxOracleBytes {
		return false, false
	}
	return s.askV5(event)
}

func (s *Schema) askV5(event []byte) (valid, asked bool) {
	r := s.take()
	defer s.put(r)
	if !r.scanner.check(event, s.limits.EventBytes) {
		return false, false
	}
	dry := dryCount{text: event, left: MaxOracleSteps}
	dry.value(s.program.root, skipSpace(event, 0), 0)
	compiled := s.oracle()
	if dry.left < 0 || compiled == nil {
		return false, false
	}
	defer func() {
		if recover() != nil {
			valid, asked = false, false
		}
	}()
	return compiled.Validate(decodeNumbers(event)) == nil, true
}

// dryCount counts how many schemas jsonschema v5 would enter: it has no memo, and it takes every branch.
type dryCount struct {
	text []byte
	left int
}

func (c *dryCount) value(n *node, i, chain int) {
	c.left -= 1 + chain*chain/1024 // it writes the whole way for each of them
	if c.left < 0 || n == nil {
		return
	}
	if chain > MaxOracleSteps/100 { // it goes round
		c.left = -1
		return
	}
	if p := n.inPlace; p != nil {
		for _, b := range []*node{p.ref, p.dynamic, p.not, p.ifs, p.then, p.elseDo} {
			if b != nil {
				c.value(b, i, chain+1)
			}
		}
		for _, list := range [][]*node{p.allOf, p.anyOf, p.oneOf} {
			for _, b := range list {
				c.value(b, i, chain+1)
			}
		}
	}
	switch {
	case c.text[i] == '{' && n.object != nil:
		c.object(n.object, i, chain)
	case c.text[i] == '[' && n.array != nil:
		c.array(n.array, i)
	}
}

func (c *dryCount) object(o *objectRules, i, chain int) {
	for _, d := range o.dependentSchemas {
		c.value(d.schema, i, chain+1)
	}
	m, ok := firstMember(c.text, i)
	for ok && c.left >= 0 {
		name, _ := unquote(c.text[m.name:m.nameEnd])
		if at := o.table.find(name); at >= 0 && o.known[at].schema != nil {
			c.value(o.known[at].schema, m.value, 0)
		}
		for _, p := range o.patterns {
			c.value(p.schema, m.value, 0)
		}
		for _, n := range []*node{o.additional, o.unevaluated, o.propertyNames} {
			if n != nil {
				c.value(n, m.value, 0)
			}
		}
		m, _, ok = nextMember(c.text, valueEnd(c.text, m.value))
	}
}

func (c *dryCount) array(a *arrayRules, i int) {
	size := 0
	item, ok := firstItem(c.text, i)
	for ok && c.left >= 0 {
		if size < len(a.prefix) {
			c.value(a.prefix[size], item, 0)
		}
		for _, n := range []*node{a.items, a.contains, a.unevaluated} {
			if n != nil {
				c.value(n, item, 0)
			}
		}
		size++
		item, ok = nextItem(c.text, valueEnd(c.text, item))
	}
}
