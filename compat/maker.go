package compat

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/accordhq/accord/validator"
)

// maker assembles events the way a reader of the schema would: place by place, from all schemas that apply there in
// place. It knows nothing of conditions and negations; whatever it makes is shown to the validator before it is used.
type maker struct {
	schema    *Schema
	root      int32
	search    *search // automata and checks; its budget is what may be spent without an event
	pick      func(at site, n int) int
	annotated bool     // take examples and defaults
	least     *outcome // what the search itself finds, once it was asked
	nodes     int
	spent     int // values of all events so far
	numbers   map[numberKey][]any
	open      map[*validator.Node]int // schemas of the places that are being made, how often
}

func newMaker(s *Schema, b Budget) *maker {
	st, roots := newStore(s.graph)
	return &maker{schema: s, root: roots[0], search: newSearch(st, b), open: map[*validator.Node]int{}, numbers: map[numberKey][]any{}}
}

// tired reports whether the budget is exhausted; whoever gives an event away begins anew.
func (m *maker) tired() bool { return m.search.meter.over() }

func (m *maker) rest() { m.search.meter = &meter{limit: m.search.meter.limit} }

// maxMade bounds the values of one event being made, maxMadeHeight its nesting before optional parts are left out.
const (
	maxMade       = 1_000
	maxMadeHeight = 8
)

func (m *maker) make(c choice, annotated bool) (event []byte, ok bool) {
	m.pick, m.annotated, m.nodes = c.pick, annotated, 0
	v, ok := m.value([]*validator.Node{m.schema.source.Root()}, "", 0)
	if !ok {
		return nil, false
	}
	m.spent += m.nodes
	event = appendValue(nil, v)
	m.search.meter.spend(onExamples, len(event)/4)
	return event, len(event) <= MaxExampleBytes && m.schema.source.Valid(event)
}

// ordered is an object whose members keep the schema's order.
type ordered struct {
	names  []string
	values map[string]any
}

// layers are all schemas that apply to one place: the given ones, and what they hold in place. Of a union one branch is
// taken.
func (m *maker) layers(in []*validator.Node, address string) (out []*validator.Node) {
	seen := map[*validator.Node]bool{}
	var add func(n *validator.Node)
	branch := func(list []*validator.Node, what string) {
		if len(list) > 0 {
			add(list[m.pick(site{address, what}, len(list))])
		}
	}
	add = func(n *validator.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		out = append(out, n)
		add(n.Ref)
		add(n.DynamicRef)
		for _, k := range n.AllOf {
			add(k)
		}
		branch(n.OneOf, "branch of oneOf")
		branch(n.AnyOf, "branch of anyOf")
		if n.If != nil && (n.Then != nil || n.Else != nil) {
			if m.pick(site{address, "condition"}, 2) == 0 {
				add(n.If)
				add(n.Then)
			} else {
				add(n.Else)
			}
		}
	}
	for _, n := range in {
		add(n)
	}
	return out
}

// value makes one value for a place. ok is false where nothing can be there.
func (m *maker) value(in []*validator.Node, address string, height int) (v any, ok bool) {
	if m.nodes++; m.nodes > maxMade || height > 4*maxMadeHeight || m.tired() {
		return nil, false
	}
	layers := m.layers(in, address)
	m.search.meter.spend(onExamples, unitsPerStep+8*len(layers))
	types := validator.TypeSet(0xff)
	for _, n := range layers {
		if n.Always != nil && !*n.Always {
			return nil, false
		}
		if n.Types != 0 {
			types &= wide(n.Types)
		}
	}
	if v, ok := m.written(layers, address); ok {
		return v, true
	}
	again := false
	for _, n := range layers {
		again = again || m.open[n] > 0 && n.Always == nil
		m.open[n]++
	}
	defer func() {
		for _, n := range layers {
			m.open[n]--
		}
	}()
	if again && m.pick(site{address, "recursion"}, 2) == 0 { // enough is seen of what repeats itself
		height = max(height, maxMadeHeight)
	}
	switch m.choose(layers, types, address) {
	case validator.TypeObject:
		return m.object(layers, address, height)
	case validator.TypeArray:
		return m.array(layers, address, height)
	case validator.TypeString:
		return m.text(layers, address)
	case validator.TypeInteger:
		return m.number(layers, address, true)
	case validator.TypeNumber:
		return m.number(layers, address, false)
	case validator.TypeBoolean:
		return m.pick(site{address, "boolean"}, 2) == 0, true
	case validator.TypeNull:
		return nil, true
	}
	return nil, false
}

// written takes const and enum values, and where annotations count the first example or the default.
func (m *maker) written(layers []*validator.Node, address string) (any, bool) {
	var texts [][]byte
	for _, n := range layers {
		if m.annotated {
			texts = append(texts, n.Examples...)
		}
	}
	if len(texts) == 0 {
		for _, n := range layers {
			if n.Const != nil {
				texts = [][]byte{n.Const}
				break
			}
			if m.annotated && n.Default != nil {
				texts = [][]byte{n.Default}
				break
			}
			if len(n.Enum) > 0 && texts == nil {
				texts = n.Enum
			}
		}
	}
	if len(texts) == 0 {
		return nil, false
	}
	v, err := parseValue(texts[m.pick(site{address, "value"}, len(texts))])
	return v, err == nil
}

// choose takes a type: what the schema says, else what its keywords are about, else a string.
func (m *maker) choose(layers []*validator.Node, types validator.TypeSet, address string) validator.TypeSet {
	var about validator.TypeSet
	for _, n := range layers {
		switch {
		case n.Always != nil:
		case len(n.Properties) > 0 || len(n.Required) > 0 || len(n.PatternProperties) > 0 || n.AdditionalProperties != nil || n.MinProperties > 0:
			about |= validator.TypeObject
		case len(n.PrefixItems) > 0 || n.Items != nil || n.Contains != nil || n.MinItems > 0:
			about |= validator.TypeArray
		case n.Pattern != nil || n.Format != "" || n.MinLength > 0 || n.MaxLength >= 0:
			about |= validator.TypeString
		case n.Minimum != nil || n.Maximum != nil || n.ExclusiveMinimum != nil || n.ExclusiveMaximum != nil || n.MultipleOf != nil:
			about |= validator.TypeNumber
		}
	}
	order := []validator.TypeSet{
		validator.TypeObject, validator.TypeArray, validator.TypeString, validator.TypeNumber, validator.TypeInteger,
		validator.TypeBoolean, validator.TypeNull,
	}
	var options []validator.TypeSet
	take := func(set validator.TypeSet) {
		for _, t := range order {
			if set&t != 0 && types&t != 0 && !slices.Contains(options, t) {
				options = append(options, t)
			}
		}
	}
	take(about)
	if types == 0xff {
		take(validator.TypeString)
	}
	take(types)
	if i := slices.Index(options, validator.TypeNumber); i >= 0 {
		options = slices.DeleteFunc(options, func(t validator.TypeSet) bool { return t == validator.TypeInteger })
	}
	if len(options) == 0 {
		return 0
	}
	return options[m.pick(site{address, "type"}, len(options))]
}

func (m *maker) object(layers []*validator.Node, address string, height int) (any, bool) {
	o := &ordered{values: map[string]any{}}
	var names []string
	listed, required := map[string]bool{}, map[string]bool{}
	list := func(name string) {
		if !listed[name] {
			listed[name], names = true, append(names, name)
		}
	}
	least, most := int64(0), int64(math.MaxInt64)
	for _, n := range layers {
		for _, p := range n.Properties {
			list(p.Name)
		}
		least = max(least, n.MinProperties)
		if n.Always == nil && n.MaxProperties >= 0 {
			most = min(most, n.MaxProperties)
		}
	}
	for _, n := range layers {
		for _, r := range n.Required {
			required[r] = true
			list(r)
		}
	}
	open := int64(len(required))
	for _, name := range names {
		at := address + "/" + escape(name)
		if !required[name] {
			if height >= maxMadeHeight || open >= most || m.pick(site{at, "presence"}, 2) == 1 {
				continue
			}
		}
		v, ok := m.value(m.members(layers, name), at, height+1)
		if !ok {
			if required[name] {
				return nil, false
			}
			continue
		}
		if !required[name] {
			open++
		}
		o.names = append(o.names, name)
		o.values[name] = v
	}
	for i := 0; int64(len(o.names)) < min(least, maxMade); i++ {
		name := "m" + strconv.Itoa(i)
		if _, ok := o.values[name]; ok {
			continue
		}
		v, ok := m.value(m.members(layers, name), address+"/"+name, height+1)
		if !ok {
			return nil, false
		}
		o.names = append(o.names, name)
		o.values[name] = v
	}
	return o, true
}

// members are the schemas of one member: by name, by pattern, or as an additional one.
func (m *maker) members(layers []*validator.Node, name string) (out []*validator.Node) {
	for _, n := range layers {
		m.search.meter.spend(onExamples, len(n.Properties)/4)
		declared := false
		for _, p := range n.Properties {
			if p.Name == name {
				out, declared = append(out, p.Schema), true
			}
		}
		for _, p := range n.PatternProperties {
			if m.search.match(p.Name, name) {
				out, declared = append(out, p.Schema), true
			}
		}
		if !declared && n.AdditionalProperties != nil {
			out = append(out, n.AdditionalProperties)
		}
	}
	return out
}

func (m *maker) array(layers []*validator.Node, address string, height int) (any, bool) {
	least, most := int64(0), int64(math.MaxInt64)
	var contains []*validator.Node
	prefix := 0
	for _, n := range layers {
		if n.Always != nil {
			continue
		}
		least = max(least, n.MinItems)
		if n.MaxItems >= 0 {
			most = min(most, n.MaxItems)
		}
		if n.Contains != nil {
			contains = append(contains, n.Contains)
			least = max(least, n.MinContains)
		}
		prefix = max(prefix, len(n.PrefixItems))
	}
	normal := max(1, least, min(int64(prefix), 16))
	lengths := []int64{normal, normal + 1, least, 0, most, least + 1, normal + 3}
	lengths = slices.DeleteFunc(lengths, func(n int64) bool { return n < least || n > most || n > 16 && n > least })
	if height >= maxMadeHeight {
		lengths = []int64{least}
	}
	if len(lengths) == 0 || least > most || least > maxMade {
		return nil, false
	}
	list := []any{}
	for i := range lengths[m.pick(site{address, "length"}, len(lengths))] {
		var item []*validator.Node
		at := address + "/*"
		for _, n := range layers {
			switch {
			case i < int64(len(n.PrefixItems)):
				item = append(item, n.PrefixItems[i])
				at = address + "/" + strconv.FormatInt(i, 10)
			case n.Items != nil:
				item = append(item, n.Items)
			}
		}
		if int(i) >= prefix {
			item = append(item, contains...)
		}
		v, ok := m.value(item, at, height+1)
		if !ok {
			if i >= least {
				break
			}
			return nil, false
		}
		list = append(list, m.differing(v, list, layers))
	}
	return list, true
}

// differing makes a value unlike those before it where items must be unique.
func (m *maker) differing(v any, list []any, layers []*validator.Node) any {
	if !slices.ContainsFunc(layers, func(n *validator.Node) bool { return n.UniqueItems }) {
		return v
	}
	has := func(v any) bool {
		m.search.meter.spend(onExamples, 8*len(list))
		return slices.ContainsFunc(list, func(w any) bool { return canonical(w) == canonical(v) })
	}
	for i := 1; has(v) && i < 20; i++ {
		switch w := v.(type) {
		case string:
			v = w + strconv.Itoa(i)
		case *big.Rat:
			v = new(big.Rat).Add(w, big.NewRat(1, 1))
		default:
			return v
		}
	}
	return v
}

// numberKey names the numbers of one place: the schemas that apply there.
type numberKey struct {
	layers  [4]*validator.Node
	integer bool
}

func (m *maker) number(layers []*validator.Node, address string, integer bool) (any, bool) {
	k := numberKey{integer: integer}
	few := copy(k.layers[:], layers) == len(layers)
	options, known := m.numbers[k]
	if !few || !known {
		options = numberOptions(layers, integer)
	}
	if few {
		m.numbers[k] = options
	}
	if len(options) == 0 {
		return nil, false
	}
	return options[m.pick(site{address, "number"}, len(options))], true
}

// numberOptions are the numbers that examples show, the plainest first.
func numberOptions(layers []*validator.Node, integer bool) (options []any) {
	set := numbers{}
	for _, n := range layers {
		if n.Always != nil {
			continue
		}
		for _, b := range []struct {
			r     *big.Rat
			open  bool
			upper bool
		}{{n.Minimum, false, false}, {n.ExclusiveMinimum, true, false}, {n.Maximum, false, true}, {n.ExclusiveMaximum, true, true}} {
			switch {
			case b.r == nil:
			case b.upper:
				set.atMost(b.r, b.open)
			default:
				set.atLeast(b.r, b.open)
			}
		}
		if n.MultipleOf != nil {
			set.multipleOf(n.MultipleOf)
		}
	}
	if integer {
		set.multipleOf(big.NewRat(1, 1))
	}
	add := func(r *big.Rat) {
		if set.has(r) && finite(r) && !slices.ContainsFunc(options, func(o any) bool { return o.(*big.Rat).Cmp(r) == 0 }) {
			options = append(options, r)
		}
	}
	add(big.NewRat(1, 1))
	if v, t := set.solve(); t == yes {
		add(v)
	}
	for _, v := range set.simple() {
		add(v)
	}
	add(new(big.Rat).SetInt64(1<<53 + 1))
	add(big.NewRat(12345, 1000))
	return options
}

// unusual are strings that programs stumble over: combining characters, beyond the basic plane, quotes and controls.
var unusual = []string{"", "e\u0301", "\U0001F4E6", `"\`, "\u0000", "ß", "日本"}

func (m *maker) text(layers []*validator.Node, address string) (any, bool) {
	w := window{0, -1}
	var patterns []string
	var format *node
	for _, n := range layers {
		if n.Always != nil {
			continue
		}
		w.lo = max(w.lo, n.MinLength)
		if n.MaxLength >= 0 && (w.hi < 0 || n.MaxLength < w.hi) {
			w.hi = n.MaxLength
		}
		if n.Pattern != nil && len(patterns) < maxPatterns {
			patterns = append(patterns, *n.Pattern)
		}
		if n.Format != "" && n.FormatAsserted {
			format = &node{kind: kFormat, name: n.Format}
		}
	}
	if w.empty() || w.lo > MaxExampleBytes {
		return nil, false
	}
	fits := func(s string) bool {
		n := int64(utf8.RuneCountInString(s))
		return n >= w.lo && (w.hi < 0 || n <= w.hi) && !slices.ContainsFunc(patterns, func(p string) bool { return !m.search.match(p, s) })
	}
	var options []string
	add := func(s string) {
		if fits(s) && !slices.Contains(options, s) {
			options = append(options, s)
		}
	}
	if format != nil {
		if v, ok := m.search.usual(format); ok {
			add(v)
		}
		if check := m.search.stringCheck(format); check != nil {
			for _, v := range formatPool {
				if check(v) {
					add(v)
				}
			}
		}
	} else {
		add("text")
		if len(patterns) > 0 {
			if l, ok := m.search.language(patterns); ok {
				all := uint64(1)<<len(patterns) - 1
				list, _ := l.strings(m.search.meter, func(v uint64) bool { return v == all }, w, 8)
				for _, s := range list {
					add(s)
				}
			}
		} else {
			const text = "text"
			add(strings.Repeat(text, int(w.lo)/len(text)+1)[:max(w.lo, 1)])
			add(strings.Repeat("a", int(w.lo)))
			if w.hi >= 0 && w.hi <= 1024 {
				add(strings.Repeat("z", int(w.hi)))
			}
			for _, u := range unusual {
				add(u)
			}
		}
	}
	if len(options) == 0 {
		return nil, false
	}
	return options[m.pick(site{address, "text"}, len(options))], true
}
