package compat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Rule is one kind of difference between two schemas. It explains a verdict and never makes one.
type Rule struct {
	ID        string    `json:"id"`                  // kebab-case, stable: what Change.Rule says
	Meaning   string    `json:"meaning"`             // one sentence
	Keyword   string    `json:"keyword,omitempty"`   // the keyword it is about; "" if several
	Confluent string    `json:"confluent,omitempty"` // name of the Difference in the Confluent Schema Registry; "" if it has none
	Old       string    `json:"old"`                 // with New the smallest pair of schemas that shows it
	New       string    `json:"new"`
	Event     string    `json:"event,omitempty"` // an event that Old accepts and New rejects; "" if there is none for this pair
	Ways      [3]string `json:"ways"`            // three ways out for whoever meets it as a break
}

// Rules returns the table, in the order of its families. The slice is the caller's own.
func Rules() []Rule { return slices.Clone(rules) }

// rules is the table that Diff names its findings from; rulesByID finds a row.
var (
	rules     = slices.Concat(boundRules(), valueRules(), stringRules(), objectRules(), arrayRules(), unionRules(), documentRules())
	rulesByID = func() map[string]*Rule {
		m := make(map[string]*Rule, len(rules))
		for i := range rules {
			m[rules[i].ID] = &rules[i]
		}
		return m
	}()
)

// The ways out of a narrowing: what used to be accepted no longer is.
var (
	waysNarrow = [3]string{
		"keep the old form accepted beside the new one, and drop it when nobody sends it any more",
		"register the change with a lens that brings old events to the new form",
		"give the new meaning a new member or a new event, and let the old one live on",
	}
	waysWiden = [3]string{
		"let the readers take the wider schema first, then the writers send it",
		"register the change with a lens that brings new events back to the old form",
		"give the wider meaning a new member, so that old readers never see it",
	}
	waysNone = [3]string{
		"nothing to do: the change alone refuses no event",
		"say in the description what changed and why",
		"keep it out of the release if it was not meant",
	}
)

// bound is one keyword that limits a size or a number from one side.
type bound struct {
	id, keyword string
	upper       bool
	typ         string
	low, high   string // two values of the keyword, low first
	between     string // a value of the type that only the wider bound takes
	confluent   string
}

var bounds = []bound{
	{"max-length", "maxLength", true, "string", "1", "2", `"ab"`, "MAX_LENGTH"},
	{"min-length", "minLength", false, "string", "1", "2", `"a"`, "MIN_LENGTH"},
	{"maximum", "maximum", true, "number", "1", "2", "2", "MAXIMUM"},
	{"minimum", "minimum", false, "number", "1", "2", "1", "MINIMUM"},
	{"exclusive-maximum", "exclusiveMaximum", true, "number", "1", "2", "1", "EXCLUSIVE_MAXIMUM"},
	{"exclusive-minimum", "exclusiveMinimum", false, "number", "1", "2", "2", "EXCLUSIVE_MINIMUM"},
	{"max-items", "maxItems", true, "array", "1", "2", "[0,0]", "MAX_ITEMS"},
	{"min-items", "minItems", false, "array", "1", "2", "[0]", "MIN_ITEMS"},
	{"max-properties", "maxProperties", true, "object", "1", "2", `{"a":0,"b":0}`, "MAX_PROPERTIES"},
	{"min-properties", "minProperties", false, "object", "1", "2", `{"a":0}`, "MIN_PROPERTIES"},
	{"max-contains", "maxContains", true, "array", "1", "2", "[0,0]", "MAX_CONTAINS"},
	{"min-contains", "minContains", false, "array", "2", "3", "[0,0]", "MIN_CONTAINS"},
}

func boundRules() (out []Rule) {
	for _, b := range bounds {
		schema := func(value string) string {
			head, tail := `{`, `}`
			if strings.HasSuffix(b.keyword, "Contains") {
				head, tail = `{"$schema":"https://json-schema.org/draft/2020-12/schema",`, `,"contains":{"type":"integer"}}`
			}
			if value == "" {
				return head + `"type":"` + b.typ + `"` + tail
			}
			return head + `"type":"` + b.typ + `","` + b.keyword + `":` + value + tail
		}
		confluent := func(word string) string {
			if b.confluent == "" {
				return ""
			}
			return b.confluent + "_" + word
		}
		refused := b.between
		if b.id == "min-contains" {
			refused = "[0]" // the keyword's absence means 1
		}
		added := refused
		if b.id != "min-contains" && !b.upper {
			added = map[string]string{"string": `""`, "number": "0", "array": "[]", "object": "{}"}[b.typ]
			if b.keyword == "exclusiveMinimum" {
				added = "1"
			}
		}
		first := b.low
		rows := []Rule{
			{ID: b.id + "-added", Meaning: b.keyword + " is new", Confluent: confluent("ADDED"), Old: schema(""), New: schema(first), Event: added, Ways: waysNarrow},
			{ID: b.id + "-removed", Meaning: b.keyword + " is gone", Confluent: confluent("REMOVED"), Old: schema(first), New: schema(""), Ways: waysWiden},
		}
		raised := Rule{ID: b.id + "-raised", Meaning: b.keyword + " is larger", Confluent: confluent("INCREASED"), Old: schema(b.low), New: schema(b.high), Ways: waysWiden}
		lowered := Rule{ID: b.id + "-lowered", Meaning: b.keyword + " is smaller", Confluent: confluent("DECREASED"), Old: schema(b.high), New: schema(b.low), Ways: waysNarrow, Event: b.between}
		if !b.upper {
			raised.Ways, raised.Event = waysNarrow, b.between
			lowered.Ways, lowered.Event = waysWiden, ""
		}
		rows = append(rows, raised, lowered)
		for i := range rows {
			rows[i].Keyword = b.keyword
		}
		out = append(out, rows...)
	}
	return out
}

// Explanation is a rule with what its smallest example shows.
type Explanation struct {
	Rule
	// Breaks are the directions in which the example breaks, each with its event; a change of this kind may be safe all
	// the same where the rest of the schemas makes it so.
	Breaks []Break `json:"breaks"`
	// Refuses are the Confluent policies that refuse the change by its Confluent name, whatever the verdict.
	Refuses []Policy `json:"refuses"`
}

// Break is an event that the reader of a direction rejects.
type Break struct {
	Direction Direction       `json:"direction"`
	Event     json.RawMessage `json:"event"`
}

// Explain finds a rule by its id, or by Confluent's name of the difference, in any letter case, with _ or -, and asks
// the checker about its smallest example. ErrNoRule if there is none.
func Explain(ctx context.Context, name string) (Explanation, error) {
	id := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	rule := rulesByID[id]
	for i := 0; rule == nil && i < len(rules); i++ {
		if rules[i].Confluent != "" && strings.EqualFold(rules[i].Confluent, strings.ReplaceAll(name, "-", "_")) {
			rule = &rules[i]
		}
	}
	if rule == nil {
		return Explanation{}, ErrNoRule
	}
	e := Explanation{Rule: *rule, Breaks: []Break{}, Refuses: []Policy{}}
	var both [2]*Schema
	for i, text := range []string{rule.Old, rule.New} {
		v, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
		if err != nil {
			return e, fmt.Errorf("example of rule %s: %w", rule.ID, err)
		}
		if both[i], err = Compile(v); err != nil {
			return e, fmt.Errorf("example of rule %s: %w", rule.ID, err)
		}
	}
	var c *Checker
	for _, d := range Full.Directions() {
		left, right := sides(d, both[0], both[1])
		if r := c.Contains(ctx, left, right, Options{}); r.Counterexample != nil {
			e.Breaks = append(e.Breaks, Break{d, r.Counterexample.Event})
		}
	}
	for _, p := range []Policy{ConfluentStrict, ConfluentLenient} {
		if rule.Confluent != "" && !confluentAllows(p, rule.Confluent) {
			e.Refuses = append(e.Refuses, p)
		}
	}
	return e, nil
}

// ErrNoRule says that a name is no rule's.
var ErrNoRule = errors.New("no such rule")
