package compat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
// steps; none panics, none is wrong. want is empty where undecided is an honest answer.
func TestBlowUp(t *testing.T) {
	deep := strings.Repeat(`{"properties":{"a":`, 30) + `{"type":"string"}` + strings.Repeat(`}}`, 30)
	for _, test := range []struct {
		name, old, next string
		want            string
	}{
		{"circular oneOf, discriminated, same", circular(12, 5, true, `{"type":"string"}`), circular(12, 5, true, `{"type":"string"}`) + " ", "compatible"},
		{"circular oneOf, discriminated, leaf widened", circular(12, 5, true, `{"type":"string"}`), circular(12, 5, true, `{"type":["string","null"]}`), "compatible"},
		{"circular oneOf, discriminated, leaf narrowed", circular(12, 5, true, `{"type":["string","null"]}`), circular(12, 5, true, `{"type":"string"}`), "incompatible"},
		{"circular oneOf, overlapping, leaf widened", circular(12, 5, false, `{"type":"string"}`), circular(12, 5, false, `{"type":["string","null"]}`), ""},
		{"circular oneOf, overlapping, leaf narrowed", circular(12, 5, false, `{"type":["string","null"]}`), circular(12, 5, false, `{"type":"string"}`), ""},
		{"nested oneOf, widened", nestedOneOf(4, `{"type":"string"}`), nestedOneOf(4, `{"type":["string","null"]}`), ""},
		{"nested oneOf, narrowed", nestedOneOf(4, `{"type":["string","null"]}`), nestedOneOf(4, `{"type":"string"}`), ""},
		{"10000 enum values, one more", enum(9_999, "v"), enum(10_000, "v"), "compatible"},
		{"10000 enum values, one less", enum(10_000, "v"), enum(9_999, "v"), "incompatible"},
		{"10000 enum values, all others", enum(10_000, "v"), enum(10_000, "w"), "incompatible"},
		{"many items asked for", `{"type":"array","minItems":1000000000}`, `{"type":"array","minItems":5}`, "compatible"},
		{"many items, another type", `{"type":"array","minItems":1000000000}`, `{"type":"array","minItems":1000000000,"items":{"type":"string"}}`, "undecided"},
		{"many items, impossible", `{"type":"array","minItems":1000000000,"items":false}`, `{"type":"string"}`, "compatible"},
		{"many members", `{"type":"object","minProperties":1000000000}`, `{"type":"object","minProperties":2}`, "compatible"},
		{"long strings", `{"type":"string","minLength":1000000000}`, `{"type":"string","minLength":1000000001}`, "undecided"},
		{"tiny multiples", `{"type":"number","multipleOf":1e-300}`, `{"type":"number","multipleOf":1e-299}`, "incompatible"},
		{"tiny multiples, wider", `{"type":"number","multipleOf":1e-299}`, `{"type":"number","multipleOf":1e-300}`, "compatible"},
		{"30 overlapping patterns, widened", overlapping(30, `{"type":"string"}`), overlapping(30, `{"type":["string","null"]}`), ""},
		{"30 overlapping patterns, narrowed", overlapping(30, `{"type":["string","null"]}`), overlapping(30, `{"type":"string"}`), ""},
		{"pattern with many states", `{"type":"string","pattern":"^(a|b)*a(a|b){12}$"}`, `{"type":"string","pattern":"^(a|b)*a(a|b){12}$","maxLength":12}`, "incompatible"},
		{"pattern with too many states", `{"type":"string","pattern":"^.*a.{18}$"}`, `{"type":"string","pattern":"^.*b.{18}$"}`, ""},
		{"30 levels, leaf widened", deep, strings.Replace(deep, `"string"`, `["string","null"]`, 1), "compatible"},
		{"30 levels, leaf narrowed", strings.Replace(deep, `"string"`, `["string","null"]`, 1), deep, "incompatible"},
		{"20 unevaluated branches", unevaluated(20), unevaluated(20)[:len(unevaluated(20))-1] + `,"maxProperties":3}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, next := compile(t, test.old), compile(t, test.next)
			var c compat.Checker
			r := c.Contains(context.Background(), old, next, compat.Options{})
			t.Logf("%s %s %s, spent %+v", r.Verdict, r.Reason, r.Detail, r.Spent)
			if r.Verdict == compat.Incompatible {
				confirm(t, old, next, r)
			}
			if test.want != "" && r.Verdict.String() != test.want {
				t.Errorf("Contains = %s (%s: %s), want %s", r.Verdict, r.Reason, r.Detail, test.want)
			}
			if r.Reason == compat.ReasonInternal || r.Reason == compat.ReasonDisagreement {
				t.Errorf("undecided (%s): %s", r.Reason, r.Detail)
			}
			if d := compat.DefaultBudget; r.Spent.Goals > d.Goals+1 || r.Spent.RegexStatesTotal > d.RegexStatesTotal+d.RegexStates {
				t.Errorf("spent %+v, over the budget", r.Spent)
			}
		})
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
