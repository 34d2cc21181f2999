package compat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// grammar makes random schemas over all keywords, small enough that their events collide often.
type grammar struct {
	*rand.Rand
}

func (g *grammar) one(options ...string) string { return options[g.IntN(len(options))] }

func (g *grammar) value() string {
	return g.one("null", "true", "false", "0", "1", "2", "1.5", "-1", `""`, `"a"`, `"b"`, `"ab"`, "[]", "[0]", `[0,"a"]`, "{}", `{"a":0}`, `{"a":0,"b":"a"}`)
}

func (g *grammar) name() string { return g.one("a", "b", "c", "ab") }

func (g *grammar) schema(depth int) string {
	if depth <= 0 || g.IntN(8) == 0 {
		return g.one("true", "false", "{}", `{"type":"string"}`, `{"type":"integer"}`, `{"type":["null","number"]}`, `{"const":`+g.value()+`}`, `{"type":"object"}`, `{"$ref":"#/$defs/d"}`)
	}
	parts := map[string]string{}
	for range 1 + g.IntN(3) {
		k, v := g.keyword(depth - 1)
		parts[k] = v
		if k == "if" {
			parts["then"], parts["else"] = g.schema(depth-1), g.schema(depth-1)
		}
		if k == "contains" && g.IntN(2) == 0 {
			parts["minContains"], parts["maxContains"] = g.one("0", "1", "2"), g.one("1", "2", "3")
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	first := true
	for _, k := range sortedNames(parts) {
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&b, "%q:%s", k, parts[k])
	}
	return b.String() + "}"
}

// event is a random small value that the grammar's schemas speak of.
func (g *grammar) event(depth int) string {
	if depth == 0 || g.IntN(3) == 0 {
		return g.one(g.value(), g.value(), `"2026-02-03"`, `"10.0.0.1"`, `"bb"`, `"aab"`, "3", "0.5")
	}
	n := g.IntN(4)
	parts := make([]string, n)
	if g.IntN(3) == 0 {
		for i := range parts {
			parts[i] = g.event(depth - 1)
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	seen := map[string]bool{}
	parts = parts[:0]
	for range n {
		if name := g.one("a", "b", "c", "ab", "d"); !seen[name] {
			seen[name] = true
			parts = append(parts, fmt.Sprintf("%q:%s", name, g.event(depth-1)))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (g *grammar) list(depth int) string {
	n := 1 + g.IntN(3)
	items := make([]string, n)
	for i := range items {
		items[i] = g.schema(depth)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (g *grammar) keyword(d int) (string, string) {
	switch g.IntN(36) {
	case 0, 1, 2:
		return "type", g.one(`"string"`, `"integer"`, `"number"`, `"object"`, `"object"`, `"array"`, `["string","null"]`, `["object","array"]`, `["integer","string"]`)
	case 3:
		return "const", g.value()
	case 4:
		return "enum", "[" + g.value() + "," + `"zz"` + "]"
	case 5:
		return "allOf", g.list(d)
	case 6:
		return "anyOf", g.list(d)
	case 7:
		return "oneOf", g.list(d)
	case 8:
		return "not", g.schema(d)
	case 9:
		return "if", g.schema(d)
	case 10:
		return "minimum", g.one("0", "1", "1.5")
	case 11:
		return "maximum", g.one("0", "1", "2", "10")
	case 12:
		return "exclusiveMinimum", g.one("0", "1")
	case 13:
		return "exclusiveMaximum", g.one("1", "2")
	case 14:
		return "multipleOf", g.one("1", "2", "0.5", "3")
	case 15:
		return "minLength", g.one("1", "2")
	case 16:
		return "maxLength", g.one("0", "1", "2")
	case 17:
		return "pattern", g.one(`"^a"`, `"b$"`, `"^[ab]*$"`, `"a|b"`, `"^.b"`, `"\\bab"`)
	case 18:
		return "format", g.one(`"date"`, `"ipv4"`, `"uuid"`, `"json-pointer"`)
	case 19:
		return "minItems", g.one("1", "2")
	case 20:
		return "maxItems", g.one("0", "1", "2", "3")
	case 21:
		return "uniqueItems", "true"
	case 22:
		return "items", g.schema(d)
	case 23:
		return "prefixItems", g.list(d)
	case 24:
		return "contains", g.schema(d)
	case 25:
		return "minProperties", g.one("1", "2")
	case 26:
		return "maxProperties", g.one("0", "1", "2")
	case 27, 28:
		return "required", g.one(`["a"]`, `["b"]`, `["a","b"]`)
	case 29, 30:
		return "properties", fmt.Sprintf(`{%q:%s}`, g.name(), g.schema(d))
	case 31:
		return "patternProperties", fmt.Sprintf(`{%s:%s}`, g.one(`"^a"`, `"b$"`, `"."`), g.schema(d))
	case 32:
		return "additionalProperties", g.schema(d)
	case 33:
		return "propertyNames", g.one(`{"maxLength":1}`, `{"pattern":"^a"}`, `{"enum":["a","b"]}`, g.schema(d))
	case 34:
		return "dependentRequired", `{"a":["b"]}`
	}
	return g.one("unevaluatedProperties", "unevaluatedItems"), g.one("false", g.schema(d))
}

func sortedNames(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	for i := range out {
		for j := range i {
			if out[i] < out[j] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

// document closes a schema with a recursive definition that it may refer to.
func (g *grammar) document(schema string) string {
	d := g.one(`{"type":["object","null"],"properties":{"a":{"$ref":"#/$defs/d"}}}`, `{"type":"array","items":{"$ref":"#/$defs/d"}}`,
		`{"anyOf":[{"type":"integer"},{"type":"object","additionalProperties":{"$ref":"#/$defs/d"}}]}`, `{"required":["a"],"properties":{"a":{"$ref":"#/$defs/d"}}}`)
	return `{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"d":` + d + `},"allOf":[` + schema + `]}`
}

// mutate changes one small thing in the text, or wraps it.
func (g *grammar) mutate(schema string) string {
	switch g.IntN(5) {
	case 0:
		return g.schema(3)
	case 1:
		return `{"anyOf":[` + schema + `,` + g.schema(1) + `]}`
	case 2:
		return `{"allOf":[` + schema + `,` + g.schema(1) + `]}`
	case 3:
		return `{"oneOf":[` + g.schema(1) + `,` + schema + `]}`
	}
	pairs := [][2]string{{"1", "2"}, {`"string"`, `"integer"`}, {`"a"`, `"b"`}, {"true", "{}"}, {"anyOf", "oneOf"}, {"2", "1"}, {`"integer"`, `"number"`}, {"minimum", "maximum"}}
	p := pairs[g.IntN(len(pairs))]
	return strings.Replace(schema, p[0], p[1], 1)
}

// direct asks jsonschema v5 itself, without anything of ours between.
func direct(t testing.TB, schema string, event []byte) (bool, error) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	if err := c.AddResource("accord:///schema", strings.NewReader(schema)); err != nil {
		return false, err
	}
	s, err := c.Compile("accord:///schema")
	if err != nil {
		return false, err
	}
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return false, err
	}
	return s.Validate(v) == nil, nil
}

// randomPair holds one random question to every promise.
func randomPair(t testing.TB, seed uint64, events int) compat.Verdict {
	g := &grammar{Rand: rand.New(rand.NewPCG(seed, 42))}
	first := g.schema(3)
	second := g.mutate(first)
	defs := rand.New(rand.NewPCG(seed, 43))
	texts := [2]string{(&grammar{Rand: defs}).document(first), ""}
	if g.IntN(4) > 0 {
		defs = rand.New(rand.NewPCG(seed, 43))
	}
	texts[1] = (&grammar{Rand: defs}).document(second)
	var sides [2]*compat.Schema
	for i, text := range texts {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			return compat.Undecided // a loop in place
		}
		if sides[i], err = compat.Compile(v); err != nil {
			t.Fatalf("seed %d: Compile(%s): %v", seed, text, err)
		}
	}
	old, next := sides[0], sides[1]
	var c compat.Checker
	r := c.Contains(context.Background(), old, next, compat.Options{})
	fail := func(format string, args ...any) {
		t.Errorf("seed %d: Contains(\n%s,\n%s) = %s: %s", seed, texts[0], texts[1], r.Verdict, fmt.Sprintf(format, args...))
	}
	switch r.Verdict {
	case compat.Undecided:
		t.Logf("undecided: %s %s", r.Reason, r.Detail)
		if r.Reason == compat.ReasonInternal || r.Reason == compat.ReasonDisagreement || r.Reason == "" {
			fail("%s: %s", r.Reason, r.Detail)
		}
	case compat.Incompatible:
		for i, want := range []bool{true, false} {
			if got, err := direct(t, texts[i], r.Counterexample.Event); err != nil || got != want {
				fail("side %d: jsonschema says %v (%v) of %s", i, got, err, r.Counterexample.Event)
			}
		}
	case compat.Compatible:
		if err := compat.Verify(old, next, r.Proof); err != nil {
			fail("%v", err)
		}
		for range 4 * events { // small values from the same words, whatever the schemas are
			if e := []byte(g.event(3)); old.Source().Valid(e) && !next.Source().Valid(e) {
				fail("%s is valid under old and not under new", e)
			}
		}
		n := 0
		for sample, err := range compat.Examples(old, seed) {
			if err != nil {
				if r.Vacuous != (err == compat.ErrEmpty) {
					fail("vacuous %v, but Examples: %v", r.Vacuous, err)
				}
				break
			}
			if !next.Source().Valid(sample.Event) {
				fail("%s (%s) is valid under old and not under new", sample.Event, sample.Why)
			}
			if n++; n >= events {
				break
			}
		}
	}
	return r.Verdict
}

var rounds = flag.Int("rounds", 300, "random pairs to try")

// TestRandomPairs asks about random schemas. Every Compatible survives events made from the old side, every
// Incompatible is confirmed by jsonschema itself.
func TestRandomPairs(t *testing.T) {
	count := map[compat.Verdict]int{}
	for seed := range uint64(*rounds) {
		count[randomPair(t, seed, 30)]++
	}
	t.Logf("%d pairs: %v", *rounds, count)
}

// TestMetamorphic: schemas built wider together with an event that only the wider side takes, and schemas written in
// another way.
func TestMetamorphic(t *testing.T) {
	var c compat.Checker
	contains := func(old, next *compat.Schema) compat.Verdict {
		r := c.Contains(context.Background(), old, next, compat.Options{})
		confirm(t, old, next, r)
		return r.Verdict
	}
	try := func(text string) *compat.Schema {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			return nil
		}
		s, err := compat.Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	asked, open := 0, 0
	for seed := range uint64(150) {
		g := &grammar{Rand: rand.New(rand.NewPCG(seed, 7))}
		inner := g.schema(3)
		def := `{"type":["object","null"],"properties":{"a":{"$ref":"#/$defs/d"}}}`
		doc := func(schema string) *compat.Schema {
			return try(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"d":` + def + `},"allOf":[` + schema + `]}`)
		}
		s := doc(inner)
		if s == nil {
			continue
		}
		for _, same := range []string{
			`{"not":{"not":` + inner + `}}`, `{"allOf":[` + inner + `,` + inner + `]}`, `{"anyOf":[` + inner + `,false]}`, `{"oneOf":[` + inner + `]}`,
			`{"if":true,"then":` + inner + `,"else":false}`, `{"anyOf":[{"allOf":[` + inner + `,{"type":"object"}]},{"allOf":[` + inner + `,{"not":{"type":"object"}}]}]}`,
		} {
			o := doc(same)
			asked++
			if a, b := contains(s, o), contains(o, s); a == compat.Incompatible || b == compat.Incompatible {
				t.Errorf("seed %d: %s and %s: %s, %s", seed, inner, same, a, b)
			} else if a == compat.Undecided || b == compat.Undecided {
				open++
			}
		}
		event := g.event(2)
		wider := doc(`{"anyOf":[` + inner + `,{"const":` + event + `}]}`)
		back, forth := contains(s, wider), contains(wider, s)
		asked++
		want := compat.Compatible
		if !s.Source().Valid([]byte(event)) {
			want = compat.Incompatible
		}
		if back == compat.Undecided || forth == compat.Undecided {
			open++
		} else if back != compat.Compatible || forth != want {
			t.Errorf("seed %d: %s widened by %s: %s, %s; want compatible, %s", seed, inner, event, back, forth, want)
		}
	}
	t.Logf("%d asked, %d undecided", asked, open)
}

func FuzzPairs(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { randomPair(t, seed, 30) })
}
