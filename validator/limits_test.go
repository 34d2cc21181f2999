package validator_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// TestLimitsOfClosures: documents beside the root are counted, one by one and together.
func TestLimitsOfClosures(t *testing.T) {
	documents := func(n, bytes int) map[string][]byte {
		references := map[string][]byte{}
		for i := range n {
			references[fmt.Sprintf("https://x/%d", i)] = fmt.Appendf(nil, `{"title":"%s"}`, strings.Repeat("x", bytes-len(`{"title":""}`)))
		}
		return references
	}
	for _, c := range []struct {
		references map[string][]byte
		limits     validator.Limits
		want       string
	}{
		{documents(validator.MaxReferences, 20), validator.Limits{}, ""},
		{documents(validator.MaxReferences+1, 20), validator.Limits{}, "MaxReferences"},
		{documents(3, 20), validator.Limits{References: 3}, ""},
		{documents(3, 20), validator.Limits{References: 2}, "MaxReferences"},
		{documents(7, validator.MaxSchemaBytes), validator.Limits{}, ""},
		{documents(8, validator.MaxSchemaBytes), validator.Limits{}, "MaxClosureBytes"}, // and the root
		{documents(1, validator.MaxSchemaBytes+1), validator.Limits{}, "MaxSchemaBytes"},
	} {
		_, err := validator.Compile(validator.Document{Text: []byte(`true`), References: c.references}, c.limits)
		limit := ""
		if refused, ok := errors.AsType[*validator.SchemaError](err); ok {
			limit = refused.Limit
		}
		if limit != c.want || (err != nil) != (c.want != "") {
			t.Errorf("Compile with %d references = %v, want %q", len(c.references), err, c.want)
		}
	}
}

// TestLimitsOfAutomata: a pattern of too many states, and what is over the automata of one schema, is left to regexp.
func TestLimitsOfAutomata(t *testing.T) {
	slow := func(schema string) int { return len(compile(t, schema).Stats().Patterns) }
	states := func(n int) string { return fmt.Sprintf(`^(abcdefghi[0-9]){%d}$`, n/10) } // ten states each time
	if n := slow(fmt.Sprintf(`{"pattern":%q}`, states(validator.MaxPatternStates-20))); n != 0 {
		t.Error("a pattern of fewer states has no automaton")
	}
	if n := slow(fmt.Sprintf(`{"pattern":%q}`, states(validator.MaxPatternStates+20))); n != 1 {
		t.Error("a pattern of more states has an automaton")
	}
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, `,{"pattern":%q}`, states(1900)+fmt.Sprint("|", i))
	}
	if n := slow(`{"allOf":[` + many.String()[1:] + `]}`); n == 0 || n == 100 {
		t.Errorf("%d of 100 large patterns have no automaton", n)
	}
}

// TestLimitsOfTheOracle: an event over MaxOracleBytes or MaxOracleSteps is not given to jsonschema v5, one of as many is.
func TestLimitsOfTheOracle(t *testing.T) {
	s := compile(t, `{"type":"string"}`)
	for size, want := range map[int]bool{validator.MaxOracleBytes: true, validator.MaxOracleBytes + 1: false} {
		if _, asked := s.Oracle([]byte(`"` + strings.Repeat("x", size-2) + `"`)); asked != want {
			t.Errorf("an event of %d bytes is given to the oracle: %v", size, asked)
		}
	}
	thrice := compile(t, `{"items":{"allOf":[{"type":"integer"},{"type":"integer"}]}}`) // it enters the root, and three schemas an item
	most := (validator.MaxOracleSteps - 1) / 3
	for items, want := range map[int]bool{most: true, most + 1: false} {
		if _, asked := thrice.Oracle([]byte(`[` + strings.TrimSuffix(strings.Repeat(`1,`, items), ",") + `]`)); asked != want {
			t.Errorf("an event of %d items is given to the oracle: %v", items, asked)
		}
	}
}

// TestStepsAreBounded: however wide a schema is, an event gets no more than MaxStepsPerByte, and StepBase.
func TestStepsAreBounded(t *testing.T) {
	for width, want := range map[int]int{1: 2 * validator.StepsPerByte, 10: 11 * validator.StepsPerByte, 100: validator.MaxStepsPerByte} {
		s := compile(t, `{"anyOf":[`+strings.TrimSuffix(strings.Repeat(`{"type":"null"},`, width), ",")+`]}`)
		_, few := s.Steps([]byte(`1`))
		_, more := s.Steps([]byte(`111`))
		if few != validator.StepBase+want || more != validator.StepBase+3*want {
			t.Errorf("a union of %d allows %d steps for a byte and %d for three, want %d more for each", width, few, more, want)
		}
	}
}

// TestKeptScratch: what one large event made large is dropped, what ordinary ones need is kept.
func TestKeptScratch(t *testing.T) {
	s := compile(t, `{"uniqueItems":true}`)
	list := func(n int) []byte {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,{"a":%d}`, i)
		}
		return []byte(`[` + b.String()[1:] + `]`)
	}
	for n, want := range map[int]uint64{100: 0, 20_000: 1} {
		s.Valid(list(n))
		if got := s.Stats().Falls["grow"]; got < want || want == 0 && got > 0 {
			t.Errorf("after a list of %d items scratch was dropped %d times", n, got)
		}
		s = compile(t, `{"uniqueItems":true}`)
	}
}

// TestSharedPatterns: names are judged alike by many patterns at once and by each alone.
func TestSharedPatterns(t *testing.T) {
	for _, name := range grammarNames {
		for n := 1; n <= len(grammarPatterns); n++ {
			var members []string
			for k := range n {
				members = append(members, fmt.Sprintf(`%q:{"minimum":%d}`, grammarPatterns[k], k+1))
			}
			s := compile(t, `{"patternProperties":{`+strings.Join(members, ",")+`}}`)
			event := fmt.Appendf(nil, `{%q:0}`, name)
			want, asked := s.Oracle(event)
			if !asked || s.Valid(event) != want {
				t.Errorf("Valid(%s) = %v under %d patterns, jsonschema v5 says %v (asked %v)", event, s.Valid(event), n, want, asked)
			}
			failed := map[string]bool{}
			for _, v := range s.Explain(event, 0) {
				failed[v.Location] = true
			}
			matching := 0
			for k := range n {
				if validator.NewPattern(grammarPatterns[k]).Matches(name) {
					matching++
				}
			}
			if len(failed) != matching {
				t.Errorf("%q breaks %d of %d patterns' schemas, and matches %d", name, len(failed), n, matching)
			}
		}
	}
}
