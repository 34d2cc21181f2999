package catalog

import (
	"encoding/json"
	"maps"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Bounds of the variations that a proof makes of events.
const (
	varyTries    = 24    // tries for each event wanted
	varyDepth    = 12    // how deep a value is made up
	varyMaxItems = 4     // items of an array that is made up
	varyMaxBytes = 4_096 // of one event
)

// vary makes of valid events more valid events, up to n in all: it leaves out members, adds declared ones, and takes
// other values at the edges of what the schema allows. The same events and seed give the same result.
func vary(schema *validator.Schema, events [][]byte, n int, seed uint64) [][]byte {
	v := variation{rng: rand.New(rand.NewPCG(seed, 0)), root: schema.Root()}
	seen := map[string]bool{}
	var pool []any
	for _, event := range events {
		if value, err := decodeEvent(event); err == nil && !seen[string(event)] {
			seen[string(event)] = true
			pool = append(pool, value)
		}
	}
	for tries := varyTries * n; tries > 0 && len(events) < n && len(pool) > 0; tries-- {
		value := v.change(v.root, pool[v.rng.IntN(len(pool))], 0)
		event, err := json.Marshal(value)
		if err != nil || len(event) > varyMaxBytes || seen[string(event)] || !schema.Valid(event) {
			continue
		}
		seen[string(event)] = true
		events = append(events, event)
		pool = append(pool, value)
	}
	return events
}

// variation makes values up.
type variation struct {
	rng  *rand.Rand
	root *validator.Node
}

// facets are the schemas that apply to a value at its own place, one branch of each choice.
func (v *variation) facets(n *validator.Node, depth int) []*validator.Node {
	if n == nil || depth > varyDepth {
		return nil
	}
	out := []*validator.Node{n}
	add := func(n *validator.Node) { out = append(out, v.facets(n, depth+1)...) }
	add(n.Ref)
	add(n.DynamicRef)
	for _, all := range n.AllOf {
		add(all)
	}
	for _, choice := range [][]*validator.Node{n.AnyOf, n.OneOf} {
		if len(choice) > 0 {
			add(choice[v.rng.IntN(len(choice))])
		}
	}
	for _, then := range []*validator.Node{n.Then, n.Else} {
		if then != nil && v.coin() {
			add(then)
		}
	}
	return out
}

func (v *variation) coin() bool { return v.rng.IntN(2) == 0 }

// pick chooses one of a list.
func choose[T any](v *variation, list []T) T { return list[v.rng.IntN(len(list))] }

// change returns a value with one or two changes; the value given stays as it is.
func (v *variation) change(n *validator.Node, value any, depth int) any {
	switch value := value.(type) {
	case map[string]any:
		return v.changeObject(n, value, depth)
	case []any:
		return v.changeArray(n, value, depth)
	}
	return v.make(n, depth)
}

// property is the schema that declares a member, nil if none does.
func property(facets []*validator.Node, name string) *validator.Node {
	for _, f := range facets {
		for _, p := range f.Properties {
			if p.Name == name {
				return p.Schema
			}
		}
	}
	return nil
}

// declared are all members that facets declare, in their order.
func declared(facets []*validator.Node) (names []validator.Property) {
	for _, f := range facets {
		names = append(names, f.Properties...)
	}
	return names
}

func (v *variation) changeObject(n *validator.Node, old map[string]any, depth int) any {
	facets := v.facets(n, 0)
	next := make(map[string]any, len(old))
	maps.Copy(next, old)
	names := sortedKeys(next)
	for range 1 + v.rng.IntN(2) {
		known := declared(facets)
		switch v.rng.IntN(4) {
		case 0:
			if len(names) > 0 {
				delete(next, choose(v, names))
			}
		case 1:
			if len(known) > 0 {
				p := choose(v, known)
				next[p.Name] = v.make(p.Schema, depth+1)
			}
		default:
			if len(names) > 0 {
				name := choose(v, names)
				if value, there := next[name]; there {
					next[name] = v.change(property(facets, name), value, depth+1)
				}
			}
		}
	}
	return next
}

// item is the schema of the item at a place.
func item(facets []*validator.Node, i int) *validator.Node {
	for _, f := range facets {
		if i < len(f.PrefixItems) {
			return f.PrefixItems[i]
		}
		if f.Items != nil {
			return f.Items
		}
	}
	return nil
}

func (v *variation) changeArray(n *validator.Node, old []any, depth int) any {
	facets := v.facets(n, 0)
	next := slices.Clone(old)
	switch v.rng.IntN(3) {
	case 0:
		if len(next) > 0 {
			i := v.rng.IntN(len(next))
			return slices.Delete(next, i, i+1)
		}
	case 1:
		if len(next) > 0 {
			i := v.rng.IntN(len(next))
			next[i] = v.change(item(facets, i), next[i], depth+1)
			return next
		}
	}
	return append(next, v.make(item(facets, len(next)), depth+1))
}

// make makes a value up for a schema; whoever asked holds it against the schema.
func (v *variation) make(n *validator.Node, depth int) any {
	facets := v.facets(n, 0)
	types := validator.TypeSet(0)
	for _, f := range facets {
		if value, ok := v.given(f); ok {
			return value
		}
		if types == 0 {
			types = f.Types
		}
	}
	if types == 0 {
		types = guessTypes(facets)
	}
	var kinds []validator.TypeSet
	for _, kind := range []validator.TypeSet{validator.TypeString, validator.TypeInteger, validator.TypeNumber, validator.TypeBoolean, validator.TypeNull, validator.TypeArray, validator.TypeObject} {
		if types&kind != 0 {
			kinds = append(kinds, kind)
		}
	}
	switch choose(v, kinds) {
	case validator.TypeNull:
		return nil
	case validator.TypeBoolean:
		return v.coin()
	case validator.TypeInteger:
		return v.number(facets, true)
	case validator.TypeNumber:
		return v.number(facets, false)
	case validator.TypeString:
		return v.text(facets)
	case validator.TypeArray:
		return v.array(facets, depth)
	}
	return v.object(facets, depth)
}

// given is a value that the schema itself names.
func (v *variation) given(n *validator.Node) (value any, ok bool) {
	var texts [][]byte
	switch {
	case n.Const != nil:
		texts = [][]byte{n.Const}
	case len(n.Enum) > 0:
		texts = n.Enum
	case len(n.Examples) > 0 && v.rng.IntN(4) == 0:
		texts = n.Examples
	case n.Default != nil && v.rng.IntN(4) == 0:
		texts = [][]byte{n.Default}
	default:
		return nil, false
	}
	value, err := decodeEvent(choose(v, texts))
	return value, err == nil
}

// guessTypes says what a schema without types is about.
func guessTypes(facets []*validator.Node) validator.TypeSet {
	for _, f := range facets {
		switch {
		case len(f.Properties) > 0 || len(f.Required) > 0:
			return validator.TypeObject
		case f.Items != nil || len(f.PrefixItems) > 0:
			return validator.TypeArray
		case f.Pattern != nil || f.Format != "" || f.MinLength > 0:
			return validator.TypeString
		case f.Minimum != nil || f.Maximum != nil || f.MultipleOf != nil:
			return validator.TypeNumber
		}
	}
	return validator.TypeString | validator.TypeInteger | validator.TypeNumber | validator.TypeBoolean | validator.TypeNull | validator.TypeObject
}

func (v *variation) object(facets []*validator.Node, depth int) any {
	out := map[string]any{}
	if depth > varyDepth {
		return out
	}
	for _, f := range facets {
		for _, name := range f.Required {
			if _, there := out[name]; !there {
				out[name] = v.make(property(facets, name), depth+1)
			}
		}
	}
	for _, p := range declared(facets) {
		if _, there := out[p.Name]; !there && v.rng.IntN(3) == 0 {
			out[p.Name] = v.make(p.Schema, depth+1)
		}
	}
	return out
}

func (v *variation) array(facets []*validator.Node, depth int) any {
	least := int64(0)
	for _, f := range facets {
		least = max(least, f.MinItems)
	}
	out := []any{}
	if depth > varyDepth || least > varyMaxItems {
		return out
	}
	for i := range int(least) + v.rng.IntN(3) {
		out = append(out, v.make(item(facets, i), depth+1))
	}
	return out
}

// number takes an edge of what is allowed, or something in between: far beyond 2^53 where nothing forbids it.
func (v *variation) number(facets []*validator.Node, whole bool) any {
	low, high, step := big.NewRat(-1<<60-1, 1), big.NewRat(1<<60+1, 1), big.NewRat(1, 1)
	if !whole {
		step = choose(v, []*big.Rat{big.NewRat(1, 1), big.NewRat(1, 2), big.NewRat(1, 1000)})
	}
	for _, f := range facets {
		if f.MultipleOf != nil {
			step = f.MultipleOf
		}
		for _, bound := range []*big.Rat{f.Minimum, f.ExclusiveMinimum} {
			if bound != nil && bound.Cmp(low) > 0 {
				low = bound
			}
		}
		for _, bound := range []*big.Rat{f.Maximum, f.ExclusiveMaximum} {
			if bound != nil && bound.Cmp(high) < 0 {
				high = bound
			}
		}
	}
	first, last := steps(low, step, true), steps(high, step, false)
	span := new(big.Int).Sub(last, first)
	if span.Sign() < 0 {
		return json.Number("0")
	}
	at := new(big.Int)
	switch v.rng.IntN(5) {
	case 0:
		at.Set(first)
	case 1:
		at.Set(last)
	case 2:
		at.Add(first, big.NewInt(v.rng.Int64N(4)))
	case 3:
		at.SetInt64(v.rng.Int64N(2_000))
	default:
		at.SetUint64(v.rng.Uint64()).Mod(at, new(big.Int).Add(span, big.NewInt(1))).Add(at, first)
	}
	r := new(big.Rat).Mul(new(big.Rat).SetInt(at), step)
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	digits, exact := r.FloatPrec()
	if !exact {
		digits = min(digits+6, 12)
	}
	return json.Number(r.FloatString(digits))
}

// steps is how many steps a bound is from zero, rounded inwards.
func steps(bound, step *big.Rat, up bool) *big.Int {
	q := new(big.Rat).Quo(bound, step)
	n := new(big.Int).Div(q.Num(), q.Denom()) // rounds down
	if up && !q.IsInt() {
		n.Add(n, big.NewInt(1))
	}
	return n
}

// formatted are values of the formats that events use.
var formatted = map[string][]string{
	"date-time": {"2026-02-03T04:05:06Z", "2026-12-31T23:59:59.123456789+02:00", "1999-01-01T00:00:00-05:30"},
	"date":      {"2026-02-28", "2000-02-29"},
	"time":      {"04:05:06Z", "23:59:59.5+01:00"},
	"email":     {"ada@example.com", "a.b+c@example.org"},
	"uuid":      {"123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"},
	"uri":       {"https://example.com/a?b=c#d", "urn:x:y"},
	"hostname":  {"example.com", "a"},
	"ipv4":      {"192.0.2.1"},
	"ipv6":      {"2001:db8::1"},
	"duration":  {"P3D", "PT1H30M"},
}

// plainTexts are tried for every string; patterns take what fits.
var plainTexts = []string{
	"", "a", "Ada", "Ada Lovelace", "A B C", " ", "0", "12345", "é", "e\u0301", "😀", "日本語", "a\"b\\c", "x/y~z", "\n", "null",
	"USD", "EUR", "JPY", "US", "DE", "web", "ord_1", "o-1", "A-1", "a1b2", "AAA-000", "1.10", "-0", "true",
}

// text takes a string that the schema's own words suggest.
func (v *variation) text(facets []*validator.Node) any {
	candidates := plainTexts
	shortest, longest := int64(0), int64(-1)
	for _, f := range facets {
		if known := formatted[f.Format]; len(known) > 0 {
			candidates = known
		}
		if f.Pattern != nil {
			if re, err := regexp.Compile(*f.Pattern); err == nil {
				candidates = slices.DeleteFunc(slices.Clone(candidates), func(s string) bool { return !re.MatchString(s) })
			}
		}
		shortest = max(shortest, f.MinLength)
		if f.MaxLength >= 0 && (longest < 0 || f.MaxLength < longest) {
			longest = f.MaxLength
		}
	}
	if longest > 0 && longest <= 1024 && v.rng.IntN(8) == 0 {
		return strings.Repeat("é", int(longest))
	}
	if len(candidates) == 0 {
		return ""
	}
	s := choose(v, candidates)
	if short := shortest - int64(len([]rune(s))); short > 0 && short <= 1024 {
		s += strings.Repeat("x", int(short))
	}
	return s
}
