package validator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Violation is one thing that is wrong with an event. Everything in it is a copy. As JSON its fields have their names in
// lower case; empty ones are left out, but for pointer.
type Violation struct {
	// Pointer is the place in the event (RFC 6901); of a missing name it is the object's. It holds the event's own names.
	Pointer string `json:"pointer"`
	// Address is the place as the schema names it: declared names, "*" for any item, an index where the schema tells items
	// apart, "~re:" and a pattern, "~other" for a name that no schema declares. It holds no text of the event, so it may
	// stand in logs, metrics and groupings.
	Address string `json:"address,omitempty"`
	// Offset is where the value begins, in bytes.
	Offset int `json:"offset,omitempty"`
	// Keyword is what does not hold, or one of the byte rules: syntax, utf8, surrogate, duplicate, number, depth, size,
	// budget. "internal" would be a contradiction between verdict and explanation, that is a bug.
	Keyword string `json:"keyword,omitempty"`
	// Location is the keyword's place, "<document URI>#<JSON Pointer>"; "" where no schema was asked.
	Location string `json:"location,omitempty"`
	// Expected comes from the schema; Actual is a type or a count, never a value of the event. Message is both in words.
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Message  string `json:"message,omitempty"`
}

// InvalidError refuses an event.
type InvalidError struct {
	Violations []Violation // at least one, in document order
	More       bool        // there are others
}

// Error is the first violation, by Address, so that a log which prints it holds no payload.
func (e *InvalidError) Error() string {
	v := e.Violations[0]
	at := v.Address
	if at == "" {
		at = "the event"
	}
	if e.More || len(e.Violations) > 1 {
		return fmt.Sprintf("%s %s (%s), and more", at, v.Message, v.Keyword)
	}
	return fmt.Sprintf("%s %s (%s)", at, v.Message, v.Keyword)
}

// Malformed reports whether the bytes are no event at all: they break a byte rule, so no schema was asked.
func (e *InvalidError) Malformed() bool {
	v := e.Violations[0]
	return v.Location == "" && v.Keyword != faultBudget && v.Keyword != keywordInternal
}

const keywordInternal = "internal"

// faultMessage says what a fault of the byte rules means.
func faultMessage(fault string) string {
	switch fault {
	case faultSyntax:
		return "is not JSON"
	case faultUTF8:
		return "is not UTF-8"
	case faultSurrogate:
		return "has half of a surrogate pair"
	case faultDuplicate:
		return "has this name twice in one object"
	case faultNumber:
		return "has a number of more than " + strconv.Itoa(MaxNumberText) + " characters or with an exponent beyond " + strconv.Itoa(MaxExponent)
	case faultDepth:
		return "is nested deeper than " + strconv.Itoa(MaxDepth)
	case faultSize:
		return "is too large"
	case faultBudget:
		return "is too much work to decide"
	}
	return "cannot be explained"
}

// faultLimit is the constant behind a fault, "" if there is none.
func faultLimit(fault string) string {
	switch fault {
	case faultDepth:
		return "MaxDepth"
	case faultNumber:
		return "MaxNumberText"
	}
	return ""
}

// ranks is the order of violations of one value.
var ranks = []string{
	"type", "const", "enum", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
	"pattern", "format", "contentEncoding", "contentMediaType", "contentSchema", "not", "minItems", "maxItems", "uniqueItems",
	"contains", "minContains", "maxContains", "minProperties", "maxProperties", "required", "dependentRequired", "dependencies",
	"additionalItems", "items", "additionalProperties", "unevaluatedItems", "unevaluatedProperties", "false", "propertyNames", "oneOf", "anyOf",
}

func rankOf(keyword string) int { return slices.Index(ranks, keyword) }

// words names types in the order of their bits: "integer or null".
func (t TypeSet) words() string {
	var names []string
	for _, name := range []struct {
		bit  TypeSet
		name string
	}{
		{TypeObject, "object"},
		{TypeArray, "array"},
		{TypeString, "string"},
		{TypeNumber, "number"},
		{TypeInteger, "integer"},
		{TypeBoolean, "boolean"},
		{TypeNull, "null"},
	} {
		if t&name.bit != 0 && (name.bit != TypeInteger || t&TypeNumber == 0) {
			names = append(names, name.name)
		}
	}
	return strings.Join(names, " or ")
}

const (
	shownValues = 5   // of an enum
	shownBytes  = 128 // of a value of the schema
)

// cut shortens text of the schema for a message, at a character's end.
func cut(s string) string {
	if len(s) <= shownBytes {
		return s
	}
	n := shownBytes
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// oneOfValues lists what is allowed: the first few and how many more.
func oneOfValues(values [][]byte) string {
	shown := make([]string, 0, shownValues)
	for _, v := range values[:min(len(values), shownValues)] {
		shown = append(shown, cut(string(v)))
	}
	text := strings.Join(shown, ", ")
	if more := len(values) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// plural is a noun as it stands behind a number: 1 item, 2 items, 1 property, 3 properties.
func plural(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return stem + "ies"
	}
	return noun + "s"
}
