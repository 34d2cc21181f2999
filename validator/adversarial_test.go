package validator_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// TestAdversarial: what a hostile producer would send costs steps within its budget and memory by its bytes, and gets
// its verdict.
func TestAdversarial(t *testing.T) {
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
	members := func(n int, name func(i int) string) string {
		text := list(n, func(i int) string { return strconv.Quote(name(i)) + ":0" })
		return "{" + text[1:len(text)-1] + "}"
	}
	hundred := func(i int) string { return fmt.Sprintf("%0100d", i) }
	same := func(i int) string { return fmt.Sprintf("12345678%08d12345678", i) } // one key for all, see nameKey
	patterns := list(200, func(i int) string { return fmt.Sprintf(`"^(a|b)*%d$":{"type":"integer"}`, i) })
	branches := list(20, func(i int) string {
		return fmt.Sprintf(`{"anyOf":[{"properties":{"a%d":true}},{"properties":{"b%d":true}}]}`, i, i)
	})
	for name, c := range map[string]struct {
		schema, event string
		want          bool
		memory        int // times the event's bytes
	}{
		"unknown names":                {`{"properties":{"a":{}}}`, members(30_000, strconv.Itoa), true, 40},
		"unknown names, one twice":     {`{"properties":{"a":{}}}`, members(30_000, func(i int) string { return strconv.Itoa(i % 29_999) }), false, 40},
		"equal names":                  {`true`, members(30_000, func(int) string { return "n" }), false, 40},
		"names of one key":             {`true`, members(20_000, same), true, 40},
		"long names":                   {`{"additionalProperties":{"type":"integer"}}`, members(5_000, hundred), true, 20},
		"patterns by names":            {`{"patternProperties":{` + patterns[1:len(patterns)-1] + `}}`, members(3_000, strconv.Itoa), true, 40},
		"propertyNames":                {`{"propertyNames":{"pattern":"^[0-9]+$","maxLength":9}}`, members(15_000, strconv.Itoa), true, 40},
		"unique integers":              {`{"uniqueItems":true}`, list(30_000, strconv.Itoa), true, 60},
		"unique strings, long prefix":  {`{"uniqueItems":true}`, list(5_000, func(i int) string { return strconv.Quote(hundred(i)) }), true, 10},
		"unique objects":               {`{"uniqueItems":true}`, list(15_000, func(i int) string { return fmt.Sprintf(`{"b":%d,"a":[%d]}`, i, i) }), true, 20},
		"unique objects, last again":   {`{"uniqueItems":true}`, list(15_000, func(i int) string { return fmt.Sprintf(`{"b":1e%d,"a":[]}`, i%14_999%900) }), false, 40},
		"deep objects as enum":         {`{"enum":[{"a":1}]}`, strings.Repeat(`{"a":[`, 31) + strings.Repeat(`]}`, 31), false, 400},
		"long string":                  {`{"pattern":"^(a|b)*c$","maxLength":5}`, `"` + strings.Repeat("ab", 1<<20) + `"`, false, 4},
		"escapes everywhere":           {`{"pattern":"x$"}`, `"` + strings.Repeat(`\u0061`, 1<<18) + `x"`, true, 4},
		"long numbers":                 {`{"items":{"multipleOf":0.01,"maximum":5e999}}`, list(2_000, func(i int) string { return strings.Repeat("9", 900) + strconv.Itoa(i) }), true, 20},
		"exponents":                    {`{"items":{"multipleOf":7}}`, list(20_000, func(i int) string { return "7e1000" }), true, 20},
		"branches that evaluate":       {`{` + draft2020 + `,"allOf":` + branches + `,"unevaluatedProperties":false}`, members(2_000, func(i int) string { return fmt.Sprintf("a%d", i) }), false, 60},
		"contains in contains":         {`{"contains":{"contains":{"contains":{"const":1}}}}`, list(100, func(int) string { return list(100, func(int) string { return "[2,3,4]" }) }), false, 40},
		"oneOf of many forms":          {`{"items":{"oneOf":` + list(100, func(i int) string { return fmt.Sprintf(`{"const":%d}`, i) }) + `}}`, list(10_000, func(i int) string { return strconv.Itoa(i % 100) }), true, 40},
		"objects in objects, no names": {`{"properties":{"a":{"$ref":"#"}}}`, strings.Repeat(`{"a":`, 63) + `{}` + strings.Repeat(`}`, 63), true, 400},
	} {
		s := compile(t, c.schema)
		event := []byte(c.event)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := s.Valid(event)
		runtime.ReadMemStats(&after)
		if got != c.want {
			t.Errorf("%s: Valid = %v: %v", name, got, s.Check(event))
		}
		if used := int(after.TotalAlloc - before.TotalAlloc); used > c.memory*len(event)+64<<10 {
			t.Errorf("%s: %d bytes of memory for %d of the event", name, used, len(event))
		}
		if used, allowed := s.Steps(event); used > allowed {
			t.Errorf("%s: %d steps of %d", name, used, allowed)
		}
		if c.want {
			continue
		}
		if err, ok := s.Check(event).(*validator.InvalidError); !ok || err.Violations[0].Keyword == "budget" || err.Violations[0].Keyword == "internal" {
			t.Errorf("%s: Check = %v", name, err)
		}
	}
}
