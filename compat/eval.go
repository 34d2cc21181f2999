package compat

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/accordhq/accord/validator"
)

// truth is three-valued: a node that is opaque, or a check that cannot be had, is unknown.
type truth int8

const (
	unknown truth = iota
	yes
	no
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

func (t truth) not() truth {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

// check is the validator's own answer for one asserted format or content of strings; nil if it cannot be had.
type check func(string) bool

// matcher is a compiled pattern; nil regexp if it does not compile, which a compiled schema never has.
type matcher struct{ re *regexp.Regexp }

func (s *store) match(pattern, text string) bool {
	s.meter.spend(onPatterns, 4+len(text))
	m, ok := s.patterns[pattern]
	if !ok {
		m = s.compile(pattern)
		s.patterns[pattern] = m
	}
	return m.re != nil && m.re.MatchString(text)
}

// patternKey names a compiled pattern.
type patternKey string

func (s *store) compile(pattern string) *matcher {
	if v, ok := s.memory.get(patternKey(pattern)); ok {
		return v.(*matcher)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		re = nil
	}
	m := &matcher{re}
	s.memory.put(patternKey(pattern), m, entrySize+64*len(pattern))
	return m
}

// formatChecks are the validator's checks of the formats that are known here.
var formatChecks = sync.OnceValue(func() map[string]check {
	out := map[string]check{}
	for name := range formatExamples {
		out[name] = compileCheck(formatText(name))
	}
	return out
})

func formatText(name string) string {
	return fmt.Sprintf(`{"$schema":"http://json-schema.org/draft-07/schema#","format":%s}`, quoted(name))
}

// compileCheck is the check of a schema text; nil if it does not compile.
func compileCheck(text string) check {
	schema, err := validator.Compile(validator.Document{Text: []byte(text)}, validator.Limits{})
	if err != nil {
		return nil
	}
	return func(v string) bool { return schema.Valid([]byte(quoted(v))) }
}

// checkKey names the check of a schema text.
type checkKey string

// stringCheck compiles the one keyword that a format or content atom stands for, so that no second list of formats
// exists.
func (s *store) stringCheck(n *node) check {
	var text string
	if n.kind == kFormat {
		if c, ok := formatChecks()[n.name]; ok {
			return c
		}
		text = formatText(n.name)
	} else {
		text = `{"$schema":"http://json-schema.org/draft-07/schema#"`
		if n.names[0] != "" {
			text += `,"contentEncoding":` + quoted(n.names[0])
		}
		if n.names[1] != "" {
			text += `,"contentMediaType":` + quoted(n.names[1])
		}
		text += "}"
	}
	if c, ok := s.checks[text]; ok {
		return c
	}
	if v, ok := s.memory.get(checkKey(text)); ok {
		return v.(check)
	}
	c := compileCheck(text)
	s.checks[text] = c
	s.memory.put(checkKey(text), c, 32*entrySize)
	return c
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always has a JSON text
	return string(b)
}

// eval says whether a value satisfies a node.
func (s *store) eval(id int32, v any) truth {
	if s.meter.spend(onValues, 1); s.meter.over() {
		return unknown
	}
	n := &s.nodes[id]
	if t := typeOf(v); s.pos[id]&t == 0 {
		return no
	} else if s.neg[id]&t == 0 {
		return yes
	}
	switch n.kind {
	case kFalse:
		return no
	case kTrue:
		return yes
	case kAll:
		out := yes
		for _, k := range n.kids {
			switch s.eval(k, v) {
			case no:
				return no
			case unknown:
				out = unknown
			}
		}
		return out
	case kAny:
		out := no
		for _, k := range n.kids {
			switch s.eval(k, v) {
			case yes:
				return yes
			case unknown:
				out = unknown
			}
		}
		return out
	case kOne:
		held, open := 0, 0
		for _, k := range n.kids {
			switch s.eval(k, v) {
			case yes:
				held++
			case unknown:
				open++
			}
		}
		if held > 1 {
			return no
		}
		if open > 0 {
			return unknown
		}
		return truthOf(held == 1)
	case kNot:
		return s.eval(n.kids[0], v).not()
	case kIf:
		switch s.eval(n.kids[0], v) {
		case yes:
			return s.eval(n.kids[1], v)
		case no:
			return s.eval(n.kids[2], v)
		}
		return unknown
	case kTypes:
		return truthOf(n.types&typeOf(v) != 0)
	case kValues:
		text := canonical(v)
		s.meter.spend(onValues, len(text)/8)
		_, ok := slices.BinarySearch(n.texts, text)
		return truthOf(ok)
	case kOpaque:
		return unknown
	}
	switch v := v.(type) {
	case *big.Rat:
		return truthOf(evalNumber(n, v))
	case string:
		return s.evalString(n, v)
	case []any:
		return s.evalArray(n, v)
	case map[string]any:
		return s.evalObject(n, v)
	}
	return yes
}

func evalNumber(n *node, v *big.Rat) bool {
	switch c := v.Cmp(n.rat); n.kind {
	case kMin:
		return c > 0 || c == 0 && !n.open
	case kMax:
		return c < 0 || c == 0 && !n.open
	}
	return new(big.Rat).Quo(v, n.rat).IsInt()
}

func (s *store) evalString(n *node, v string) truth {
	switch n.kind {
	case kMinLen:
		return truthOf(int64(utf8.RuneCountInString(v)) >= n.count)
	case kMaxLen:
		return truthOf(int64(utf8.RuneCountInString(v)) <= n.count)
	case kPattern:
		return truthOf(s.match(n.name, v))
	}
	if c := s.stringCheck(n); c != nil {
		return truthOf(c(v))
	}
	return unknown
}

func (s *store) evalArray(n *node, v []any) truth {
	every := func(list []any) truth {
		out := yes
		for _, e := range list {
			switch s.eval(n.kids[0], e) {
			case no:
				return no
			case unknown:
				out = unknown
			}
		}
		return out
	}
	switch n.kind {
	case kMinItems:
		return truthOf(int64(len(v)) >= n.count)
	case kMaxItems:
		return truthOf(int64(len(v)) <= n.count)
	case kUnique:
		seen := map[string]bool{}
		for _, e := range v {
			text := canonical(e)
			s.meter.spend(onValues, len(text)/8)
			if seen[text] {
				return no
			}
			seen[text] = true
		}
		return yes
	case kItem:
		if n.count < int64(len(v)) {
			return s.eval(n.kids[0], v[n.count])
		}
		return yes
	case kItems:
		if n.count < int64(len(v)) {
			return every(v[n.count:])
		}
		return yes
	}
	held, open := int64(0), int64(0)
	for _, e := range v {
		switch s.eval(n.kids[0], e) {
		case yes:
			held++
		case unknown:
			open++
		}
	}
	if n.kind == kContainsMin {
		if held >= n.count {
			return yes
		}
		if held+open >= n.count {
			return unknown
		}
		return no
	}
	if held > n.count {
		return no
	}
	if held+open > n.count {
		return unknown
	}
	return yes
}

func (s *store) evalObject(n *node, v map[string]any) truth {
	switch n.kind {
	case kMinProps:
		return truthOf(int64(len(v)) >= n.count)
	case kMaxProps:
		return truthOf(int64(len(v)) <= n.count)
	case kRequired:
		_, ok := v[n.name]
		return truthOf(ok)
	case kProp:
		if e, ok := v[n.name]; ok {
			return s.eval(n.kids[0], e)
		}
		return yes
	}
	out := yes
	for name, e := range v {
		var any any = e
		switch n.kind {
		case kNames:
			any = name
		case kPatProp:
			if !s.match(n.name, name) {
				continue
			}
		case kAddl:
			if !s.outside(n, name) {
				continue
			}
		}
		switch s.eval(n.kids[0], any) {
		case no:
			return no
		case unknown:
			out = unknown
		}
	}
	return out
}

// outside reports whether a name is one that an additionalProperties atom is about.
func (s *store) outside(n *node, name string) bool {
	s.meter.spend(onMembers, 4)
	if _, listed := slices.BinarySearch(n.names, name); listed {
		return false
	}
	for _, p := range n.patterns {
		if s.match(p, name) {
			return false
		}
	}
	return true
}
