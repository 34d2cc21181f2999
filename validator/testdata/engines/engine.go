package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/bytedance/sonic"
	google "github.com/google/jsonschema-go/jsonschema"
	kaptinlin "github.com/kaptinlin/jsonschema"
	v5 "github.com/santhosh-tekuri/jsonschema/v5"
	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/accordhq/accord/validator"
)

// engine judges raw bytes by a compiled schema. Formats are asserted where the engine can.
type engine struct {
	name    string
	schema  bool // it looks at the schema
	compile func(schema []byte) (func([]byte) bool, error)
}

const ownName = "accord"

// goEngines are all engines in this process, ours first.
func goEngines() []engine {
	return []engine{
		{ownName, true, compileAccord},
		{"jsonschema v5 5.3.1, encoding/json", true, compileV5(decode)},
		{"jsonschema v5 5.3.1, sonic 1.15.5", true, compileV5(decodeSonic)},
		{"jsonschema v6 6.0.3, encoding/json", true, compileV6},
		{"kaptinlin/jsonschema 0.9.5", true, compileKaptinlin},
		{"google/jsonschema-go 0.4.3 (ignores format)", true, compileGoogle},
		{"parse only: encoding/json Valid", false, always(json.Valid)},
		{"parse only: sonic 1.15.5 Valid", false, always(sonic.Valid)},
		{"byte rules only: accord, schema true", false, func([]byte) (func([]byte) bool, error) { return compileAccord([]byte(`true`)) }},
		{"limit: structural scan, one table access a byte", false, always(structural)},
		{"limit: utf8.Valid", false, always(utf8.Valid)},
	}
}

func always(valid func([]byte) bool) func([]byte) (func([]byte) bool, error) {
	return func([]byte) (func([]byte) bool, error) { return valid, nil }
}

func compileAccord(schema []byte) (func([]byte) bool, error) {
	s, err := validator.Compile(validator.Document{Text: schema}, validator.Limits{})
	if err != nil {
		return nil, err
	}
	return s.Valid, nil
}

func decodeSonic(event []byte) (any, error) {
	var v any
	err := sonicNumbers.Unmarshal(event, &v)
	return v, err
}

var sonicNumbers = sonic.Config{UseNumber: true}.Froze()

func compileV5(decode func([]byte) (any, error)) func([]byte) (func([]byte) bool, error) {
	return func(schema []byte) (func([]byte) bool, error) {
		c := v5.NewCompiler()
		c.AssertFormat = true
		if err := c.AddResource("x:///schema", bytes.NewReader(schema)); err != nil {
			return nil, err
		}
		s, err := c.Compile("x:///schema")
		if err != nil {
			return nil, err
		}
		return func(event []byte) bool {
			v, err := decode(event)
			return err == nil && s.Validate(v) == nil
		}, nil
	}
}

func compileV6(schema []byte) (func([]byte) bool, error) {
	doc, err := v6.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := v6.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("x:///schema", doc); err != nil {
		return nil, err
	}
	s, err := c.Compile("x:///schema")
	if err != nil {
		return nil, err
	}
	return func(event []byte) bool {
		v, err := v6.UnmarshalJSON(bytes.NewReader(event))
		return err == nil && s.Validate(v) == nil
	}, nil
}

func compileKaptinlin(schema []byte) (func([]byte) bool, error) {
	c := kaptinlin.NewCompiler()
	c.SetAssertFormat(true)
	s, err := c.Compile(schema)
	if err != nil {
		return nil, err
	}
	return func(event []byte) bool { return s.ValidateJSON(event).IsValid() }, nil
}

func compileGoogle(schema []byte) (func([]byte) bool, error) {
	var s google.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return nil, err
	}
	if resolved == nil {
		return nil, errors.New("nothing resolved")
	}
	return func(event []byte) bool {
		var v any
		return json.Unmarshal(event, &v) == nil && resolved.Validate(v) == nil
	}, nil
}

// structural is the floor of any scan by bytes: one table access each, counting what opens and closes.
func structural(event []byte) bool {
	depth := 0
	for _, c := range event {
		depth += int(depths[c])
	}
	return depth == 0
}

var depths = [256]int8{'{': 1, '[': 1, '}': -1, ']': -1}

// decode reads a value as most programs do that hand it to an engine, numbers exactly.
func decode(event []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
