package compat_test

import (
	"context"
	"strings"
	"testing"

	"github.com/accordhq/accord/compat"
)

// TestFormats asks about formats against each other, patterns, lengths, names and values. Each question has one answer:
// "" is compatible, else the event or a word of the reason.
func TestFormats(t *testing.T) {
	format := func(name, more string) string { return `{"type":"string","format":"` + name + `"` + more + `}` }
	const dated = `^\\d{4}-\\d{2}-\\d{2}`
	for _, c := range []struct{ old, next, want string }{
		{format("date", ""), format("date", `,"minLength":10,"maxLength":10`), "fits"},
		{format("date", ""), format("date", `,"pattern":"`+dated+`$"`), "fits"},
		{`{"type":"string","pattern":"` + dated + `$"}`, format("date", ""), "breaks"},
		{`{"type":"string","pattern":"^2024-0[1-9]-[01][1-9]$"}`, format("date", ""), "fits"},
		{format("date", ""), format("date-time", ""), "breaks"},
		{format("date", ""), `{"type":"string","not":{"format":"time"}}`, "fits"},
		{format("date-time", ""), format("date-time", `,"pattern":"`+dated+`"`), "fits"},
		{format("date-time", ""), `{"type":"string","pattern":"` + dated + `[Tt]"}`, "fits"},
		{format("date-time", ""), `{"type":"string","minLength":20}`, "fits"},
		{format("date-time", ""), `{"type":"string","minLength":21}`, "breaks"},
		{format("date-time", ""), `{"type":"string","maxLength":35}`, "breaks"},
		{format("date-time", `,"pattern":":60"`), `{"type":"string","pattern":"[zZ]$|[+-]"}`, "fits"},
		{format("time", `,"pattern":"^23:59:60.*[zZ]$"`), `{"type":"string","pattern":"^23"}`, "fits"},
		{format("time", `,"pattern":":60[zZ]$"`), `{"type":"string","pattern":"^23:59"}`, "fits"},
		{format("time", `,"pattern":":60[zZ]$"`), `{"type":"string","pattern":"^23:59:60Z"}`, "breaks"},
		{format("date-time", `,"pattern":"T22:59:60"`), `{"type":"string","pattern":"-01:00$|[+]23:00$"}`, "fits"},
		{format("date-time", `,"pattern":"T22:59:60"`), `{"type":"string","pattern":"-01:00$"}`, "breaks"},
		{format("uuid", ""), `{"type":"string","minLength":36,"maxLength":36,"pattern":"^[0-9a-fA-F-]+$"}`, "fits"},
		{format("uuid", ""), `{"type":"string","pattern":"^[0-9a-f-]+$"}`, "breaks"},
		{`{"type":"string","pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}`, format("uuid", ""), "fits"},
		{format("uuid", ""), format("hostname", ""), "fits"},
		{format("ipv4", ""), format("hostname", ""), "fits"},
		{format("ipv4", ""), format("ipv6", ""), "breaks"},
		{format("ipv4", ""), `{"type":"string","not":{"format":"ipv6"}}`, "fits"},
		{format("ipv4", ""), `{"type":"string","maxLength":15}`, "fits"},
		{format("ipv4", ""), `{"type":"string","maxLength":14}`, "breaks"},
		{format("ipv6", ""), `{"type":"string","minLength":2,"maxLength":45}`, "fits"},
		{format("ipv6", ""), `{"type":"string","pattern":":"}`, "fits"},
		{format("hostname", ""), `{"type":"string","minLength":1,"maxLength":253}`, "fits"},
		{format("hostname", ""), `{"type":"string","maxLength":252}`, "breaks"},
		{`{"type":"string","pattern":"^[a-z]{1,63}(\\.[a-z]{1,63})?$"}`, format("hostname", ""), "fits"},
		{`{"type":"string","pattern":"^[a-z]{1,64}$"}`, format("hostname", ""), "breaks"},
		{`{"type":"string","pattern":"^([a-z]\\.)*[a-z]$"}`, format("hostname", ""), "breaks"},
		{`{"type":"string","pattern":"^([a-z]\\.)*[a-z]$","maxLength":253}`, format("hostname", ""), "fits"},
		{format("hostname", ""), format("email", ""), "breaks"},
		{format("email", ""), `{"type":"string","pattern":"@"}`, "fits"},
		{format("email", ""), `{"type":"string","minLength":3,"maxLength":318}`, "fits"},
		{`{"type":"string","pattern":"^[a-z]{1,20}@[a-z]{1,20}\\.(com|org)$"}`, format("email", ""), "fits"},
		{format("email", ""), format("idn-email", ""), "fits"},
		{format("email", ""), `{"type":"string","pattern":"^[^\"]*$"}`, "breaks"},
		// Many strings of the format come first, what is outside of it but near comes late.
		{`{"type":"string","pattern":"^(23:5[89]:[0-5][0-9]Z|10:00:60\\.1Z)$"}`, format("time", ""), "breaks"},
		{`{"type":"string","pattern":"^([a-z]{2}@b|a@([a-z]{60}\\.){5}com)$"}`, format("email", ""), "breaks"},
		{format("json-pointer", ""), `{"type":"string","pattern":"^(/|$)"}`, "fits"},
		{format("uri", ""), format("uri-reference", ""), "fits"},
		{format("uri", ""), format("iri", ""), "fits"},
		{format("uri-reference", ""), format("iri-reference", ""), "fits"},
		{format("iri", ""), format("uri", ""), "breaks"},
		{format("uri", ""), `{"type":"string","pattern":":"}`, "fits"},
		{format("uri", `,"pattern":"^https?://"`), format("uri", ""), "fits"},
		{`{"type":"string","pattern":"^https://example\\.com/[a-z0-9/-]*$"}`, format("uri", ""), "fits"},
		{format("uuid", ""), format("uri-reference", ""), "fits"},
		{format("duration", ""), `{"type":"string","pattern":"^P"}`, "fits"},
		{format("duration", ""), format("date", ""), "breaks"},
		{format("uri-template", ""), `{"type":"string","pattern":"^[^ ]*$"}`, "fits"},
		{format("regex", ""), format("regex", `,"minLength":0`), "fits"},
		{format("regex", ""), `{"type":"string","pattern":"^[^(]*$"}`, "breaks"},
		{format("regex", ""), `{"type":"string","not":{"const":"("}}`, "fits"},
		{`{"type":"string","pattern":"^a*$"}`, format("regex", ""), "format"},
		{`{"type":"object","propertyNames":{"format":"date"}}`, `{"type":"object","patternProperties":{"^[0-9-]{10}$":{}},"additionalProperties":false}`, "fits"},
		{`{"type":"object","propertyNames":{"format":"date-time"}}`, `{"type":"object","patternProperties":{"T|t":{}},"additionalProperties":false}`, "fits"},
		{`{"type":"object","patternProperties":{"^20\\d\\d-01-01$":{}},"additionalProperties":false}`, `{"type":"object","propertyNames":{"format":"date"}}`, "fits"},
		{`{"type":"object","propertyNames":{"format":"date"}}`, `{"type":"object","propertyNames":{"pattern":"^2"}}`, "breaks"},
		{format("date", ""), `{"anyOf":[{"pattern":"^[01]"},{"pattern":"^[2-9]"}]}`, "fits"},
		{`{"type":"string","enum":["2024-01-01"]}`, format("date", ""), "fits"},
		{`{"type":"array","uniqueItems":true,"minItems":2,"items":{"format":"date","pattern":"^2024-02-2[89]$"}}`, `{"type":"array","maxItems":2,"items":{}}`, "breaks"},
		{`{"type":"array","uniqueItems":true,"minItems":2,"items":{"type":"string","format":"date","pattern":"^2024-02-2[89]$"}}`, `{"type":"array","maxItems":2}`, "fits"},
	} {
		old, next := compile(t, c.old), compile(t, c.next)
		var checker compat.Checker
		r := checker.Contains(context.Background(), old, next, compat.Options{})
		confirm(t, old, next, r)
		ok := false
		switch c.want {
		case "fits":
			ok = r.Verdict == compat.Compatible
		case "breaks":
			ok = r.Verdict == compat.Incompatible
		default:
			ok = r.Verdict == compat.Undecided && strings.Contains(string(r.Reason), c.want)
		}
		if !ok {
			event := ""
			if r.Counterexample != nil {
				event = string(r.Counterexample.Event)
			}
			t.Errorf("Contains(%s, %s) = %s %s %s %s, want %s", c.old, c.next, r.Verdict, r.Reason, r.Detail, event, c.want)
		}
		t.Logf("%-12s spent %+v  %s ⊆ %s", r.Verdict, r.Spent, c.old, c.next)
	}
}
