package validator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"
)

// Violation is one thing that is wrong with an event.
type Violation struct {
	Pointer  string `json:"pointer"`            // RFC 6901, into the event; of a missing name: the object
	Address  string `json:"address,omitempty"`  // the place with * for elements
	Offset   int    `json:"offset,omitempty"`   // byte offset of the value
	Keyword  string `json:"keyword,omitempty"`  // or a fault of the byte rules
	Location string `json:"location,omitempty"` // of the keyword in the schema
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Message  string `json:"message,omitempty"`
}

// InvalidError is a refusal with its violations; More says that there are others.
type InvalidError struct {
	Violations []Violation
	More       bool
}

func (e *InvalidError) Error() string {
	v := e.Violations[0]
	return fmt.Sprintf("%s: %s: %s", v.Address, v.Keyword, v.Message)
}

// Malformed says that the bytes are no event at all.
func (e *InvalidError) Malformed() bool { return e.Violations[0].Location == "" }

// Valid is the verdict.
func (s *Schema) Valid(event []byte) bool { return s.Explain(event, 1) == nil }

// Check is nil or an *InvalidError.
func (s *Schema) Check(event []byte) error {
	if found := s.Explain(event, 0); found != nil {
		return &InvalidError{Violations: found}
	}
	return nil
}

// Oracle asks jsonschema v5 alone.
func (s *Schema) Oracle(event []byte) (valid, asked bool) {
	if len(event) > MaxOracleBytes || scan(event, MaxOracleBytes, nil) != nil {
		return false, false
	}
	return s.validate(event) == nil, true
}

func (s *Schema) validate(event []byte) error {
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	return s.compiled.Validate(v)
}

// Explain lists what is wrong, nil = valid.
func (s *Schema) Explain(event []byte, limit int) []Violation {
	if limit <= 0 {
		limit = MaxViolations
	}
	if f := scan(event, MaxEventBytes, nil); f != nil {
		return []Violation{{Pointer: f.pointer, Address: f.pointer, Offset: f.offset, Keyword: f.keyword, Message: "not acceptable JSON: " + f.keyword}}
	}
	err := s.validate(event)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []Violation{{Keyword: "internal", Message: "cannot be judged"}}
	}
	doc, _ := index(event, MaxEventBytes)
	var out []Violation
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 && len(out) < limit {
			keyword := e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:]
			out = append(out, Violation{
				Pointer: e.InstanceLocation, Address: addressOf(e.InstanceLocation), Offset: doc.spans[e.InstanceLocation][0],
				Keyword: keyword, Location: e.AbsoluteKeywordLocation, Message: e.Message,
			})
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(invalid)
	return out
}

func addressOf(pointer string) string {
	parts := strings.Split(pointer, "/")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

// Position is the 1-based line and column, in code points, of a byte offset.
func Position(text []byte, offset int) (line, column int) {
	before := text[:min(max(offset, 0), len(text))]
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}
