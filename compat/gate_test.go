package compat_test

import (
	"context"
	"testing"

	"github.com/accordhq/accord/compat"
)

// TestGateCases are changes that people make and that rule-based checkers get wrong, each at the level at which it is
// asked in practice.
func TestGateCases(t *testing.T) {
	const open, closed = `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"additionalProperties":false}`
	list := func(items string) string {
		return `{"type":"object","properties":{"lines":{"type":"array","items":` + items + `}}}`
	}
	ref := func(typ string) string {
		return `{"definitions":{"m":{"type":"object","properties":{"v":{"type":"` + typ + `"}}}},"type":"object","properties":{"m":{"$ref":"#/definitions/m"}}}`
	}
	property := func(schema string) string { return `{"type":"object","properties":{"a":` + schema + `}}` }
	for _, test := range []struct {
		name      string
		level     compat.Level
		old, next string
		fits      bool
		direction compat.Direction // of the event
		rule      string           // judged to break; "" if none
	}{
		{"enum value removed", compat.Backward, property(`{"enum":["x","y"]}`), property(`{"enum":["x"]}`), false, compat.DirectionBackward, "enum-value-removed"},
		{"enum value added", compat.Forward, property(`{"enum":["x"]}`), property(`{"enum":["x","y"]}`), false, compat.DirectionForward, "enum-value-added"},
		{"maximum lowered", compat.Backward, property(`{"type":"number","maximum":10}`), property(`{"type":"number","maximum":5}`), false, compat.DirectionBackward, "maximum-lowered"},
		{"type of items changed", compat.Full, list(`{"type":"string"}`), list(`{"type":"integer"}`), false, compat.DirectionBackward, "type-changed"},
		{"item gains a required member", compat.Backward, list(`{"type":"object","properties":{"sku":{"type":"string"}}}`), list(`{"type":"object","properties":{"sku":{"type":"string"}},"required":["sku"]}`), false, compat.DirectionBackward, "property-required"},
		{"type behind a reference changed", compat.Full, ref("string"), ref("integer"), false, compat.DirectionBackward, "type-changed"},
		{"open object closed", compat.Backward, open, closed, false, compat.DirectionBackward, "additional-properties-closed"},
		{"optional member removed from a closed object", compat.Backward, closed, `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`, false, compat.DirectionBackward, "property-removed"},
		{"required made optional", compat.Forward, property(`{}`)[:len(property(`{}`))-1] + `,"required":["a"]}`, property(`{}`), false, compat.DirectionForward, "property-optional"},
		{"string becomes nullable", compat.Backward, property(`{"type":"string"}`), property(`{"type":["string","null"]}`), true, 0, ""},
		{"integer becomes number", compat.Backward, property(`{"type":"integer"}`), property(`{"type":"number"}`), true, 0, ""},
		{"required member added to an open object", compat.Forward, property(`{"type":"string"}`), `{"type":"object","properties":{"a":{"type":"string"},"n":{"type":"string"}},"required":["n"]}`, true, 0, ""},
		{"same type lists", compat.Full, property(`{"type":["string","null"]}`), property(`{"type":["null","string"]}`), true, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, next := compile(t, test.old), compile(t, test.next)
			var c compat.Checker
			r := c.Check(context.Background(), test.level, next, []compat.Version{{Number: 1, Schema: old}}, compat.Options{})
			if r.Passes != test.fits || r.Verdict == compat.Undecided {
				t.Fatalf("Check(%s) = %s, want fits %v", test.level, r.Verdict, test.fits)
			}
			p := r.Against[0]
			if test.fits {
				for _, one := range p.Both {
					if one.Proof == nil {
						t.Error("no proof")
					}
				}
				return
			}
			x := p.Result.Counterexample
			left, right := old, next
			if test.direction == compat.DirectionForward {
				left, right = next, old
			}
			if x.Direction != test.direction || !left.Source().Valid(x.Event) || right.Source().Valid(x.Event) {
				t.Errorf("event %s, direction %s, does not break that way", x.Event, x.Direction)
			}
			found := false
			for _, change := range p.Changes {
				found = found || change.Rule == test.rule && change.Effect == compat.EffectBreaks
			}
			if !found {
				t.Errorf("changes %+v, want %s judged to break", p.Changes, test.rule)
			}
		})
	}
	if d := compat.Diff(compile(t, property(`{"type":["string","null"]}`)), compile(t, property(`{"type":["null","string"]}`))); len(d) > 0 {
		t.Errorf("Diff of equal type lists = %+v, want none", d)
	}
}
