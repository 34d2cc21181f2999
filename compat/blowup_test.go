package compat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// circular is a schema of types that refer to each other in a ring, each a oneOf of branches told apart by a member
// that is required, or not at all.
func circular(types, branches int, discriminated bool, leaf string) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/definitions/T0","definitions":{`)
	for i := range types {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"T%d":{"oneOf":[`, i)
		for j := range branches {
			if j > 0 {
				b.WriteByte(',')
			}
			kind := ""
			required := ""
			if discriminated {
				kind, required = fmt.Sprintf(`"kind":{"const":"k%d"},`, j), `"kind",`
			}
			value := `{"type":"string"}`
			if i == types-1 && j == branches-1 {
				value = leaf
			}
			fmt.Fprintf(&b, `{"type":"object","properties":{%s"next%d":{"$ref":"#/definitions/T%d"},"v":%s},"required":[%s"v"]}`, kind, j, (i+j+1)%types, value, required)
		}
		b.WriteString(`]}`)
	}
	b.WriteString(`}}`)
	return b.String()
}

func nestedOneOf(depth int, leaf string) string {
	if depth == 0 {
		return leaf
	}
	inner := nestedOneOf(depth-1, leaf)
	return `{"oneOf":[` + inner + `,{"type":"object","properties":{"a":` + inner + `},"required":["a"]},{"type":"array","items":` + inner + `}]}`
}

func enum(n int, prefix string) string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%q", fmt.Sprintf("%s%05d", prefix, i))
	}
	return `{"enum":[` + strings.Join(values, ",") + `]}`
}

func overlapping(n int, last string) string {
	var b strings.Builder
	b.WriteString(`{"type":"object","patternProperties":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		typ := `{"type":["string","null"]}`
		if i == n-1 {
			typ = last
		}
		fmt.Fprintf(&b, `"^.{%d}a":%s`, i, typ)
	}
	b.WriteString(`}}`)
	return b.String()
}

// TestBlowUp asks questions that are expensive by nature. Each ends in a verdict, or undecided within the budget of
// steps, after the same number of steps on every machine: testdata/blowup.txt says which. None panics, none is wrong.
func TestBlowUp(t *testing.T) {
	const golden = "testdata/blowup.txt"
	text, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, answer, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		want[name] = answer
	}
	var all strings.Builder
	for _, test := range blowUps() {
		got := askBlowUp(t, test)
		fmt.Fprintf(&all, "%s: %s\n", test.name, got)
		if got != want[test.name] && !*update {
			t.Errorf("%s: %s, want %s", test.name, got, want[test.name])
		}
	}
	if *update {
		if os.Getenv("CI") == "true" {
			t.Fatal("-update is not for CI")
		}
		if err := os.WriteFile(golden, []byte(all.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// askBlowUp is the verdict and what it cost, or why there is none.
func askBlowUp(t *testing.T, b blowUp) string {
	var sides [2]*compat.Schema
	for i, text := range []string{b.old, b.next} {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err == nil {
			sides[i], err = compat.Compile(v)
		}
		if err != nil {
			t.Fatalf("%s: %.200s", b.name, err)
		}
	}
	old, next := sides[0], sides[1]
	var c compat.Checker
	r := c.Contains(context.Background(), old, next, compat.Options{})
	confirm(t, old, next, r)
	if d := compat.DefaultBudget; r.Spent.Goals > d.Goals+1 || r.Spent.RegexStatesTotal > d.RegexStatesTotal+d.RegexStates {
		t.Errorf("%s: spent %+v, over the budget", b.name, r.Spent)
	}
	answer := r.Verdict.String()
	if r.Verdict == compat.Undecided {
		answer = fmt.Sprintf("undecided (%s: %s)", r.Reason, r.Detail)
	}
	return fmt.Sprintf("%s, %d steps, %d states", answer, r.Spent.Goals, r.Spent.RegexStatesTotal)
}

// TestBlowUpOfChanges: listing and judging changes, and the rules of Confluent, have an end as well.
func TestBlowUpOfChanges(t *testing.T) {
	str, strn := `{"type":"string"}`, `{"type":["string","null"]}`
	branch := func(limit int) string {
		return `{"anyOf":[` + joined(1_500, func(i int) string {
			return fmt.Sprintf(`{"properties":{"k":{"const":%d},"v":{"maxLength":%d}},"required":["k"]}`, i, i+limit)
		}, ",") + `]}`
	}
	for _, test := range []struct {
		name, old, next string
		changes, rules  int
		large           bool // the rules give up
	}{
		{"ring", ringChain(1_000, strn), ringChain(1_000, str), 0, 1, false},
		{"in place", refChain(1_000, strn), refChain(1_000, str), 0, 1, true},
		{"parts twice", twice(40, strn), twice(40, str), 1, 1, false},
		{"clauses", clauses(30, 100, 2), clauses(30, 100, 3), 0, 1, false},
		{"circular", circular(12, 8, false, strn), circular(12, 8, false, str), 1, 1, false},
		{"wide unions", branch(0), branch(1), compat.MaxChanges, 1, true},
	} {
		old, next := compile(t, test.old), compile(t, test.next)
		changes := compat.Diff(old, next)
		if len(changes) < test.changes {
			t.Errorf("%s: %d changes, want at least %d", test.name, len(changes), test.changes)
		}
		var c compat.Checker
		if judged := c.Judge(context.Background(), compat.DirectionBackward, old, next, changes, compat.Options{}); len(judged) != len(changes) {
			t.Errorf("%s: %d of %d changes judged", test.name, len(judged), len(changes))
		}
		rules := compat.Confluent(old, next, compat.ConfluentStrict)
		large := slices.ContainsFunc(rules, func(d compat.Difference) bool { return d.Type == "TOO_LARGE_TO_COMPARE" })
		if len(rules) < test.rules || large != test.large {
			t.Errorf("%s: %d differences by Confluent's rules, gave up %v; want at least %d, %v", test.name, len(rules), large, test.rules, test.large)
		}
	}
}

func unevaluated(n int) string {
	var b strings.Builder
	b.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema","anyOf":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"properties":{"p%d":{"type":"string"}},"required":["p%d"]}`, i, i)
	}
	b.WriteString(`],"unevaluatedProperties":false}`)
	return b.String()
}

// TestDeterminism: the same question gives the same event, verdict and cost, whatever the order of members.
func TestDeterminism(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	build := func(shuffle bool) string {
		parts := []string{
			`"type":"object"`, `"required":["a","b"]`, `"minProperties":2`,
			`"patternProperties":{"^x":{"type":"integer"},"y$":{"minimum":3}}`,
			`"properties":{"a":{"oneOf":[{"const":1},{"type":"string","pattern":"^[a-z]+$"}]},"b":{"type":"array","items":{"type":"number"}}}`,
		}
		if shuffle {
			random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	next := compile(t, `{"type":"object","patternProperties":{"^x":{"type":"integer","maximum":7}},"maxProperties":5}`)
	var first compat.Result
	for i := range 10 {
		var c compat.Checker
		r := c.Contains(context.Background(), compile(t, build(i > 0)), next, compat.Options{})
		if i == 0 {
			first = r
			confirm(t, compile(t, build(false)), next, r)
			continue
		}
		if r.Verdict != first.Verdict || string(r.Counterexample.Event) != string(first.Counterexample.Event) {
			t.Errorf("round %d: %s %s, first %s %s", i, r.Verdict, r.Counterexample.Event, first.Verdict, first.Counterexample.Event)
		}
	}
}

func wide(n int, typ string) string {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"p%d":{"type":%s,"maxLength":%d}`, i, typ, i+1)
	}
	b.WriteString(`},"required":["p0"]}`)
	return b.String()
}

func TestWideObjects(t *testing.T) {
	narrow, broad := compile(t, wide(1_500, `"string"`)), compile(t, wide(1_500, `["string","null"]`))
	var c compat.Checker
	if r := c.Contains(context.Background(), narrow, broad, compat.Options{}); r.Verdict != compat.Compatible {
		t.Errorf("1500 members widened = %s (%s %s)", r.Verdict, r.Reason, r.Detail)
	}
	r := c.Contains(context.Background(), broad, narrow, compat.Options{})
	confirm(t, broad, narrow, r)
	if r.Verdict != compat.Incompatible {
		t.Errorf("1500 members narrowed = %s (%s %s)", r.Verdict, r.Reason, r.Detail)
	}
}

// TestDeepBudget: what the default budget leaves open a hundredfold one may decide.
func TestDeepBudget(t *testing.T) {
	old, next := compile(t, `{"type":"string","pattern":"^.*a.{14}$"}`), compile(t, `{"type":"string","pattern":"a"}`)
	var c compat.Checker
	r := c.Contains(context.Background(), old, next, compat.Options{})
	if r.Verdict != compat.Undecided || r.Reason != compat.ReasonRegex {
		t.Errorf("Contains = %s (%s), want undecided (regex)", r.Verdict, r.Reason)
	}
	if r = c.Contains(context.Background(), old, next, compat.Options{Budget: compat.Deep()}); r.Verdict != compat.Compatible {
		t.Errorf("Contains with Deep = %s (%s), want compatible", r.Verdict, r.Reason)
	}
}

// TestLimitError: a schema with more assertions than MaxNodes does not compile, and the error says where.
func TestLimitError(t *testing.T) {
	names := make([]string, compat.MaxNodes+1)
	for i := range names {
		names[i] = fmt.Sprintf("%q", strconv.FormatInt(int64(i), 36))
	}
	text := `{"properties":{"a":{"required":[` + strings.Join(names, ",") + `]}}}`
	v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{EnumValues: compat.MaxNodes + 1, ProgramBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	_, err = compat.Compile(v)
	limit, ok := errors.AsType[*compat.LimitError](err)
	if !ok || limit.Limit != "MaxNodes" || limit.Pointer != "/properties/a" || limit.Max != compat.MaxNodes {
		t.Errorf("Compile = %v, want a LimitError about MaxNodes at /properties/a", err)
	}
}
