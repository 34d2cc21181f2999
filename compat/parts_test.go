package compat

import (
	"context"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/accordhq/accord/validator"
)

// TestAutomata compares the product automaton with regexp on every string up to a length over a small alphabet, and
// its list of strings with the strings that regexp accepts.
func TestAutomata(t *testing.T) {
	patterns := []string{
		"", "a", "^a", "a$", "^a$", "^a*$", "ab|ba", "^(ab)+$", `\bab\b`, `\Ba`, "(?i)K", "(?m)^a$", "^.b", "(?s)^.b", "[^a]", "^[^a]*$", "a{2}", "^(a|b){1,2}$", `^\w\W$`,
		"(?i)^straße$", "^a?b?1?$", "\n", "x*", `^\S+$`, "^(a|ab)(1|b1)$", `\z`, `\A`, "é",
	}
	letters := []string{"a", "b", "1", " ", "\n", "K", "\u212a", "é"}
	var all []string
	level := []string{""}
	for range 5 {
		all = append(all, level...)
		var next []string
		for _, s := range level {
			for _, l := range letters {
				next = append(next, s+l)
			}
		}
		level = next
	}
	for i, p := range patterns {
		q := patterns[(i+7)%len(patterns)]
		l, ok := newLanguage([]string{p, q}, MaxRegexStates, nil)
		if !ok {
			t.Fatalf("newLanguage(%q, %q) has too many states", p, q)
		}
		res := []*regexp.Regexp{regexp.MustCompile(p), regexp.MustCompile(q)}
		for _, s := range all {
			state := int32(0)
			for _, r := range s {
				state = l.read(state, r)
			}
			for b, re := range res {
				if got, want := l.vector[state]&(1<<b) != 0, re.MatchString(s); got != want {
					t.Fatalf("automaton of %q, %q on %q: pattern %d = %v, want %v", p, q, s, b, got, want)
				}
			}
		}
		for _, w := range []window{{0, -1}, {2, 3}, {5, 5}, {0, 0}} {
			list, complete := l.strings(nil, func(v uint64) bool { return v == 1 }, w, 40)
			for _, s := range list {
				n := int64(utf8.RuneCountInString(s))
				if !res[0].MatchString(s) || res[1].MatchString(s) || n < w.lo || w.hi >= 0 && n > w.hi {
					t.Errorf("strings of %q without %q in %v: %q does not belong", p, q, w, s)
				}
			}
			if complete && len(list) < 40 {
				for _, s := range all {
					n := int64(utf8.RuneCountInString(s))
					if res[0].MatchString(s) && !res[1].MatchString(s) && n >= w.lo && (w.hi < 0 || n <= w.hi) && !slices.Contains(list, s) {
						t.Errorf("strings of %q without %q in %v: %q is missing in the complete list %q", p, q, w, s, list)
					}
				}
			}
		}
	}
}

// TestNumbers compares the number leaf with a search of all halves, thirds of tenths and so on in a window.
func TestNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...int64) *big.Rat { return big.NewRat(list[random.IntN(len(list))], 4) }
	var grid []*big.Rat
	for i := int64(-120); i <= 120; i++ {
		grid = append(grid, big.NewRat(i, 8))
	}
	for range 4_000 {
		n := numbers{excluded: map[string]bool{}}
		if random.IntN(3) > 0 {
			n.atLeast(pick(-8, -3, 0, 1, 4, 8), random.IntN(2) == 0)
		}
		if random.IntN(3) > 0 {
			n.atMost(pick(-4, 0, 3, 4, 8, 12), random.IntN(2) == 0)
		}
		if random.IntN(2) == 0 {
			n.multipleOf(pick(1, 2, 4, 6, 8))
		}
		for range random.IntN(3) {
			n.not = append(n.not, pick(2, 4, 6, 8, 12))
		}
		for range random.IntN(3) {
			n.excluded[canonical(pick(0, 4, 8, 2))] = true
		}
		v, verdict := n.solve()
		switch verdict {
		case unknown:
			t.Fatalf("solve(%+v) is undecided", n)
		case yes:
			if !n.has(v) || !finite(v) {
				t.Fatalf("solve(%+v) = %s, which does not belong", n, v)
			}
		case no:
			for _, g := range grid {
				if n.has(g) {
					t.Fatalf("solve(%+v) is empty, but %s belongs", n, g)
				}
			}
		}
	}
}

// TestEval compares the lowered schema with the validator, value by value.
func TestEval(t *testing.T) {
	values := []string{
		"null", "true", "0", "1", "2", "0.5", "-1", "10", `""`, `"a"`, `"ab"`, `"bb"`, `"10.0.0.1"`, "[]", "[0]", `["a"]`, "[0,0]", `[0,"a",1]`, "{}", `{"a":0}`,
		`{"a":"a","b":1}`, `{"ab":null}`, `{"a":{"a":{}}}`, `{"x":1,"b":[1]}`, `{"a":1,"b":2,"c":3}`,
	}
	for _, text := range []string{
		`{"type":["integer","string"],"minimum":1,"maxLength":1}`, `{"properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"null"}}`,
		`{"patternProperties":{"^a":{"type":"string"}},"minProperties":1}`, `{"oneOf":[{"type":"integer"},{"minimum":1},{"maxLength":1}]}`,
		`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"maxProperties":1}}`, `{"items":{"type":"integer"},"uniqueItems":true}`,
		`{"items":[{"type":"integer"}],"additionalItems":false}`, `{"contains":{"type":"string"}}`, `{"propertyNames":{"maxLength":1}}`,
		`{"dependencies":{"a":["b"],"x":{"maxProperties":1}}}`, `{"format":"ipv4"}`, `{"not":{"enum":[0,"a",{}]}}`, `{"multipleOf":0.5,"exclusiveMaximum":10}`,
		`{"definitions":{"r":{"type":"object","properties":{"a":{"$ref":"#/definitions/r"}}}},"$ref":"#/definitions/r"}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}}}],"unevaluatedProperties":{"type":"integer"}}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[true],"contains":{"type":"string"},"minContains":0,"unevaluatedItems":false}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/tree","$dynamicAnchor":"node","type":"object","properties":{"a":{"$dynamicRef":"#node"}}}`,
	} {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		s, err := Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		st, roots := newStore(s.graph)
		for _, event := range values {
			x, err := parseValue([]byte(event))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := st.eval(roots[0], x), truthOf(v.Valid([]byte(event))); got != want {
				t.Errorf("%s on %s = %d, validator says %d", text, event, got, want)
			}
		}
	}
}

// TestTaintedGoals: a goal that is empty only while another is open is decided again when that one has a value.
func TestTaintedGoals(t *testing.T) {
	text := `{"definitions":{"a":{"type":"object","properties":{"n":{"anyOf":[{"$ref":"#/definitions/b"},{"type":"null"}]}},"required":["n"]},
		"b":{"type":"object","properties":{"n":{"$ref":"#/definitions/a"}},"required":["n"]}},
		"type":"object","properties":{"x":{"$ref":"#/definitions/a"},"y":{"$ref":"#/definitions/b"}},"required":["x","y"]}`
	v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(v)
	if err != nil {
		t.Fatal(err)
	}
	st, roots := newStore(s.graph)
	search := newSearch(st, DefaultBudget)
	search.ctx = context.Background()
	if out := search.solve([]lit{pos(roots[0])}); !out.found || !v.Valid(appendValue(nil, out.value)) {
		t.Errorf("solve = %+v, want a valid event", out)
	}
}

// TestProofsAreChecked: Verify refuses a proof with a goal taken out, with another question, and no proof at all.
func TestProofsAreChecked(t *testing.T) {
	build := func(text string) *Schema {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := build(`{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer","minimum":3}}},"required":["a"]}`)
	next := build(`{"type":"object","properties":{"a":{"type":"array","items":{"type":"number","minimum":2}}}}`)
	var c Checker
	p := c.Contains(context.Background(), old, next, Options{}).Proof
	if err := Verify(old, next, p); err != nil || len(p.Steps) < 2 {
		t.Fatalf("Verify = %v, %d steps; want nil and several", err, len(p.Steps))
	}
	if err := Verify(next, old, p); err == nil {
		t.Error("Verify of the opposite question = nil, want an error")
	}
	if err := Verify(old, next, nil); err == nil {
		t.Error("Verify of no proof = nil, want an error")
	}
	forged := &Proof{Steps: p.Steps[:1], goals: [][]lit{p.goals[0]}}
	_, roots := newStore(next.graph, old.graph)
	forged.goals[0] = sorted([]lit{pos(roots[0]), neg(roots[1])})
	if err := Verify(next, old, forged); err == nil {
		t.Error("Verify of a claim that has a counterexample = nil, want an error")
	}
}
