package validator_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/accordhq/accord/validator"
)

var (
	agreementRounds = flag.Int("rounds", 500, "random schemas that TestAgreement judges events by")
	agreementSeed   = flag.Uint64("seed", 3, "of TestAgreement")
	casesFile       = flag.String("cases", "", "file to which TestAgreement writes its cases, for other engines: see testdata/engines")
)

// TestAgreement holds random events under random schemas against jsonschema v5 and the byte rules.
func TestAgreement(t *testing.T) {
	random := rand.New(rand.NewPCG(5, *agreementSeed))
	var c comparison
	if *casesFile != "" {
		f, err := os.Create(*casesFile)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.cases = json.NewEncoder(f)
	}
	for range *agreementRounds {
		stream := make([]byte, 8<<10)
		for i := range stream {
			stream[i] = byte(random.Uint32())
		}
		c.schema(t, stream[:512], stream[512:], 40)
	}
	t.Logf("%d schemas, %d refused by the compiler; %d events, %d valid, %d malformed, %d that the oracle was not asked about; of %d refused ones all %d places were compared",
		c.schemas, c.refused, c.events, c.valid, c.malformed, c.unasked, c.leaves.compared, c.leaves.places)
	if c.events == 0 || c.valid*10 < c.events || c.unasked*33 > c.events || c.leaves.compared*10 < c.events {
		t.Errorf("the comparison says little: %+v", c)
	}
}

// FuzzSchema is TestAgreement with a fuzzer's bytes.
func FuzzSchema(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 64 {
		schema, events := make([]byte, 128), make([]byte, 256)
		for i := range schema {
			schema[i] = byte(random.Uint32())
		}
		for i := range events {
			events[i] = byte(random.Uint32())
		}
		f.Add(schema, events)
	}
	f.Fuzz(func(t *testing.T, schema, events []byte) {
		var c comparison
		c.schema(t, schema, events, 4)
	})
}

// comparison counts what was compared.
type comparison struct {
	schemas, refused, events, valid, malformed, unasked int

	leaves leaves
	cases  *json.Encoder // nil: cases are not written
	now    randomCase
}

// randomCase is a schema with events that keep the byte rules, and our verdicts.
type randomCase struct {
	Schema string   `json:"schema"`
	Events []string `json:"events"`
	Valid  []bool   `json:"valid"`
}

// schema makes one schema and several events, and compares all verdicts.
func (c *comparison) schema(t *testing.T, schema, stream []byte, events int) {
	text := (&grammar{bytes: schema}).document()
	c.schemas++
	s, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		c.refused++ // a loop in place, a value twice in an enum
		return
	}
	c.now = randomCase{Schema: text}
	g := &grammar{bytes: stream}
	for range events {
		event := g.event(3)
		if g.choose(8) == 7 {
			event = g.damage(event)
		}
		c.event(t, s, text, []byte(event))
		if keepsByteRules([]byte(event)) {
			c.leaves.compare(t, s, text, []byte(event))
		}
	}
	if c.cases != nil && len(c.now.Events) > 0 {
		if err := c.cases.Encode(c.now); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *comparison) event(t *testing.T, s *validator.Schema, schema string, event []byte) {
	t.Helper()
	got := s.Valid(event)
	c.events++
	if got {
		c.valid++
	}
	if !keepsByteRules(event) {
		c.malformed++
		if got {
			t.Errorf("Valid(%q) = true, but the bytes break a rule, under %s", event, schema)
		}
		return
	}
	if c.cases != nil {
		c.now.Events, c.now.Valid = append(c.now.Events, string(event)), append(c.now.Valid, got)
	}
	want, asked := s.Oracle(event)
	if !asked {
		c.unasked++
	} else if got != want {
		t.Errorf("Valid(%q) = %v, jsonschema v5 says %v, under %s", event, got, want, schema)
	}
	if found, ok := s.ExplainAll(event); ok && (len(found) == 0) != got {
		t.Errorf("Valid(%q) = %v, but Explain = %+v, under %s", event, got, found, schema)
	}
	once, allowed := s.Steps(event)
	if again, _ := s.Steps(event); again != once {
		t.Errorf("%q costs %d steps, and %d the second time, under %s", event, once, again, schema)
	}
	if once > allowed && got {
		t.Errorf("Valid(%q) = true beyond its steps", event)
	}
}

var halfPair = regexp.MustCompile(`(?i)\\u(d[89ab]..)(\\ud[c-f]..)?|(?i)\\u(d[c-f]..)`)

// keepsByteRules is the slow and obvious form of the byte rules, by encoding/json.
func keepsByteRules(event []byte) bool {
	if !json.Valid(event) || !utf8.Valid(event) {
		return false
	}
	plain := strings.ReplaceAll(string(event), `\\`, "  ") // so that every u behind a backslash is an escape
	for _, m := range halfPair.FindAllStringSubmatch(plain, -1) {
		if m[1] == "" || m[2] == "" {
			return false
		}
	}
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	type object struct {
		names map[string]bool // nil of an array
		name  bool            // a name comes next
	}
	var open []object
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return true
		}
		if err != nil {
			return false
		}
		delim, isDelim := token.(json.Delim)
		if isDelim && (delim == '}' || delim == ']') {
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 && open[len(open)-1].names != nil {
			in := &open[len(open)-1]
			if in.name = !in.name; in.name {
				name := token.(string)
				if in.names[name] {
					return false
				}
				in.names[name] = true
				continue
			}
		}
		if number, ok := token.(json.Number); ok && !keepsNumberRules(string(number)) {
			return false
		}
		if isDelim {
			if len(open) == validator.MaxDepth {
				return false
			}
			o := object{}
			if delim == '{' {
				o.names = map[string]bool{}
			}
			open = append(open, o)
		}
	}
}

func keepsNumberRules(number string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	exponent = strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")
	return len(number) <= validator.MaxNumberText && (len(exponent) < 4 || exponent == "1000")
}
