package validator_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// hostileCase is what somebody would send to make the validator work, and what it may cost.
type hostileCase struct {
	name, schema, event string

	want   bool
	memory int  // times the event's bytes
	fixed  bool // its size does not follow the scale
}

// hostileCases are hostile events of a size: at scale 10 hundreds of kilobytes each.
func hostileCases(scale int) []hostileCase {
	list := func(n int, item func(i int) string) string {
		var b strings.Builder
		b.WriteByte('[')
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(item(i))
		}
		b.WriteByte(']')
		return b.String()
	}
	items := func(n int, item func(i int) string) string { return list(n*scale/10, item) }
	braces := func(text string) string { return "{" + text[1:len(text)-1] + "}" }
	members := func(n int, name func(i int) string) string {
		return braces(items(n, func(i int) string { return strconv.Quote(name(i)) + ":0" }))
	}
	text := func(n int, piece string) string { return `"` + strings.Repeat(piece, n*scale/10) + `"` }
	nested := func(before, inside, after string) string {
		return strings.Repeat(before, 60) + inside + strings.Repeat(after, 60)
	}
	hundred := func(i int) string { return fmt.Sprintf("%0100d", i) }
	same := func(i int) string { return fmt.Sprintf("12345678%08d12345678", i) } // one key for all, see nameKey
	known := func(i int) string { return fmt.Sprintf("property%d", i) }
	patterns := func(n int, format string) string {
		return braces(list(n, func(i int) string { return fmt.Sprintf(`"`+format+`":{"type":"integer"}`, i) }))
	}
	branches := list(20, func(i int) string {
		return fmt.Sprintf(`{"anyOf":[{"properties":{"a%d":true}},{"properties":{"b%d":true}}]}`, i, i)
	})
	hundredForms := list(100, func(i int) string { return fmt.Sprintf(`{"const":%d}`, i) })
	properties := braces(list(3_000, func(i int) string { return fmt.Sprintf(`"property%d":{"type":"integer"}`, i) }))
	return []hostileCase{
		{"unknown names", `{"properties":{"a":{}}}`, members(30_000, strconv.Itoa), true, 40, false},
		{"unknown names, one twice", `{"properties":{"a":{}}}`, members(30_000, func(i int) string { return strconv.Itoa(i % (3000*scale - 1)) }), false, 40, false},
		{"equal names", `true`, members(30_000, func(int) string { return "n" }), false, 40, true},
		{"names of one key", `true`, members(20_000, same), true, 40, false},
		{"long names", `{"additionalProperties":{"type":"integer"}}`, members(5_000, hundred), true, 20, false},
		{"thousands of properties", `{"properties":` + properties + `,"additionalProperties":false}`, members(3_000, known), true, 20, false},
		{"200 patterns by names", `{"patternProperties":` + patterns(200, "^(a|b)*%d$") + `}`, members(3_000, strconv.Itoa), true, 40, false},
		{"5,000 patterns by names", `{"patternProperties":` + patterns(5_000, "^x%d-") + `,"additionalProperties":{"type":"integer"}}`, members(3_000, known), true, 40, false},
		{"propertyNames", `{"propertyNames":{"pattern":"^[0-9]+$","maxLength":9}}`, members(15_000, strconv.Itoa), true, 40, false},
		{"unique integers", `{"uniqueItems":true}`, items(30_000, strconv.Itoa), true, 60, false},
		{"unique strings, long prefix", `{"uniqueItems":true}`, items(5_000, func(i int) string { return strconv.Quote(hundred(i)) }), true, 10, false},
		{"unique objects", `{"uniqueItems":true}`, items(15_000, func(i int) string { return fmt.Sprintf(`{"b":%d,"a":[%d]}`, i, i) }), true, 20, false},
		{"unique objects, last again", `{"uniqueItems":true}`, items(15_000, func(i int) string { return fmt.Sprintf(`{"b":1e%d,"a":[]}`, i%(1500*scale-1)%900) }), false, 40, false},
		{"unique at every level", `{"uniqueItems":true,"items":{"$ref":"#"}}`, nested("[0,", text(10_000, "ab"), "]"), true, 80, false},
		{"deep objects as enum", `{"enum":[{"a":1}]}`, strings.Repeat(`{"a":[`, 31) + strings.Repeat(`]}`, 31), false, 400, true},
		{"nested without end", `true`, strings.Repeat("[", 100_000*scale), false, 1, true},
		{"long string", `{"pattern":"^(a|b)*c$","maxLength":5}`, text(1<<20, "ab"), false, 4, false},
		{"escapes everywhere", `{"pattern":"a$"}`, text(1<<18, `\u0061`), true, 4, false},
		{"no ASCII anywhere", `{"pattern":"(é|ü)*$","minLength":5}`, text(1<<17, `éü`), true, 4, false},
		{"long numbers", `{"items":{"multipleOf":0.01,"maximum":5e999}}`, items(2_000, func(i int) string { return strings.Repeat("9", 900) + strconv.Itoa(i) }), true, 20, false},
		{"exponents", `{"items":{"multipleOf":7}}`, items(20_000, func(i int) string { return "7e1000" }), true, 20, false},
		{"branches that evaluate", `{` + draft2020 + `,"allOf":` + branches + `,"unevaluatedProperties":false}`, members(2_000, func(i int) string { return fmt.Sprintf("a%d", i) }), false, 60, false},
		{"contains in contains", `{"contains":{"contains":{"contains":{"const":1}}}}`, items(100, func(int) string { return list(100, func(int) string { return "[2,3,4]" }) }), false, 40, false},
		{"oneOf of many forms", `{"items":{"oneOf":` + hundredForms + `}}`, items(10_000, func(i int) string { return strconv.Itoa(i % 100) }), true, 40, false},
		{"objects in objects, no names", `{"properties":{"a":{"$ref":"#"}}}`, nested(`{"a":`, `{}`, `}`), true, 400, true},
		{"oneOf in oneOf", `{"oneOf":[{"type":"integer"},{"items":{"$ref":"#"},"type":"array","minItems":1},{"type":"array","minItems":2,"items":{"$ref":"#"}}]}`, nested("[", "1", "]"), true, 4000, true},
		{"anyOf in anyOf", `{"anyOf":[{"items":{"$ref":"#"},"maxItems":0},{"items":{"$ref":"#"},"type":"array"},{"type":"integer"}]}`, nested("[", "1", "]"), true, 4000, true},
		{"not in not", `{"anyOf":[{"type":"integer"},{"not":{"items":{"not":{"$ref":"#"}}}},{"type":"array","items":{"$ref":"#"}}]}`, nested("[", "1", "]"), true, 4000, true},
		{"contains in itself", `{"items":{"$ref":"#"},"contains":{"$ref":"#"}}`, nested("[", "1", "]"), true, 4000, true},
		{"two patterns for a name", `{"patternProperties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}`, nested(`{"ab":`, "1", "}"), true, 4000, true},
		{"pattern and property", `{"properties":{"ab":{"$ref":"#"}},"patternProperties":{"b":{"$ref":"#"}}}`, nested(`{"ab":`, "1", "}"), true, 4000, true},
		{"allOf twice the same", `{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}`, nested(`{"a":`, "1", "}"), true, 4000, true},
		{"dependencies on itself", `{"properties":{"a":{"$ref":"#"}},"dependencies":{"a":{"properties":{"a":{"$ref":"#"}}}}}`, nested(`{"a":`, "1", "}"), true, 4000, true},
		{"if in if", `{"if":{"properties":{"a":{"$ref":"#"}}},"then":{"properties":{"a":{"$ref":"#"}}}}`, nested(`{"a":`, "1", "}"), true, 4000, true},
	}
}

// TestAdversarial: what a hostile producer would send costs steps within its budget and memory by its bytes, and gets
// its verdict.
func TestAdversarial(t *testing.T) {
	for _, c := range hostileCases(10) {
		s := compile(t, c.schema)
		event := []byte(c.event)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := s.Valid(event)
		runtime.ReadMemStats(&after)
		if got != c.want {
			t.Errorf("%s: Valid = %v: %v", c.name, got, s.Check(event))
		}
		if used := int(after.TotalAlloc - before.TotalAlloc); used > c.memory*len(event)+64<<10 {
			t.Errorf("%s: %d bytes of memory for %d of the event", c.name, used, len(event))
		}
		if used, allowed := s.Steps(event); used > allowed {
			t.Errorf("%s: %d steps of %d", c.name, used, allowed)
		}
		if c.want {
			continue
		}
		if err, ok := s.Check(event).(*validator.InvalidError); !ok || err.Violations[0].Keyword == "budget" || err.Violations[0].Keyword == "internal" {
			t.Errorf("%s: Check = %v", c.name, err)
		}
	}
}

// TestStepsAreLinear: twice the event costs twice the steps.
func TestStepsAreLinear(t *testing.T) {
	whole := hostileCases(4)
	for k, half := range hostileCases(2) {
		if half.fixed {
			continue
		}
		few, _ := compile(t, half.schema).Steps([]byte(half.event))
		many, _ := compile(t, whole[k].schema).Steps([]byte(whole[k].event))
		if many > 2*few+few/4+100 {
			t.Errorf("%s: %d steps for %d bytes, %d for %d", half.name, few, len(half.event), many, len(whole[k].event))
		}
	}
}
