package validator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"regexp/syntax"
	"slices"
	"strings"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"
)

// errClosed is the loader's answer to whatever is not in the closure.
type errClosed struct{ uri string }

func (e *errClosed) Error() string { return e.uri + " is not among the references" }

// compileV5 gives a closure to jsonschema v5. Nothing is opened: the loader knows the closure's texts and nothing else.
// The library's package globals stay untouched.
func compileV5(c *closure) (compiler *jsonschema.Compiler, compiled *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil {
			compiled, err = nil, c.root.fail("", "", "the schema cannot be read")
		}
	}()
	compiler = jsonschema.NewCompiler()
	compiler.Draft, compiler.AssertFormat = jsonschema.Draft7, true
	for name, check := range formats {
		compiler.Formats[name] = func(v any) bool {
			s, ok := v.(string)
			return !ok || check([]byte(s))
		}
	}
	compiler.MediaTypes[mediaJSON] = func(b []byte) error {
		var s scanner
		if !s.check(b, MaxEventBytes) {
			return errors.New(s.fault)
		}
		return nil
	}
	compiler.LoadURL = func(uri string) (io.ReadCloser, error) {
		if t := c.byURI[uri]; t != nil {
			return io.NopCloser(bytes.NewReader(t.bytes)), nil
		}
		return nil, &errClosed{uri}
	}
	compiled, err = compiler.Compile(c.root.base)
	if err != nil {
		return nil, nil, c.explain(err)
	}
	return compiler, compiled, nil
}

// explain turns an error of jsonschema v5 into ours: with the place, in an order that does not change, without our own
// URIs.
func (c *closure) explain(err error) error {
	if outer, ok := errors.AsType[*jsonschema.SchemaError](err); ok && outer.Err != nil {
		err = outer.Err
	}
	if _, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for _, t := range c.texts {
			if fault := t.metaFault(); fault != nil {
				return fault
			}
		}
	}
	if closed, ok := errors.AsType[*errClosed](err); ok {
		for _, t := range c.texts {
			for _, l := range t.links {
				if uri, _, _ := strings.Cut(l.target, "#"); uri == closed.uri {
					return t.fail(l.pointer, l.keyword, "%s", strings.TrimPrefix(closed.Error(), houseURI))
				}
			}
		}
		return c.root.fail("", "$ref", "%s", strings.TrimPrefix(closed.Error(), houseURI))
	}
	message := strings.TrimPrefix(err.Error(), "jsonschema: ")
	if _, ok := errors.AsType[jsonschema.InfiniteLoopError](err); ok {
		return c.root.fail("", "$ref", "the schema refers to itself without end")
	}
	for _, t := range c.texts {
		for _, l := range t.links {
			if message == l.target+" not found" {
				_, fragment, _ := strings.Cut(l.target, "#")
				return t.fail(l.pointer, l.keyword, "nothing is found at #%s", fragment)
			}
		}
	}
	return c.root.fail("", "", "%s", strings.ReplaceAll(message, c.root.base, "the schema"))
}

// metaFault holds a text against its draft's own meta-schema and returns the first fault in document order.
func (t *text) metaFault() error {
	uri := map[Draft]string{
		Draft4: "http://json-schema.org/draft-04/schema", Draft6: "http://json-schema.org/draft-06/schema",
		Draft7: "http://json-schema.org/draft-07/schema", Draft2019: "https://json-schema.org/draft/2019-09/schema",
		Draft2020: "https://json-schema.org/draft/2020-12/schema",
	}[t.draft]
	meta, err := jsonschema.NewCompiler().Compile(uri)
	if err != nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](meta.Validate(decodeNumbers(t.bytes)))
	if !ok {
		return nil
	}
	type leaf struct {
		offset           int
		byType           int // 1 for a wrong type, which says least where a keyword may have several
		pointer, message string
	}
	var leaves []leaf
	var collect func(e *jsonschema.ValidationError)
	collect = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			collect(cause)
		}
		if len(e.Causes) == 0 {
			l := leaf{pointer: unescapeFragment(e.InstanceLocation), message: e.Message}
			if p := t.top.lookup(l.pointer); p != nil {
				l.offset = p.start
			}
			switch {
			case strings.HasSuffix(e.KeywordLocation, "/propertyNames/format"):
				l.message = formatFault(unescapePointer(lastToken(l.pointer)), l.message)
			case strings.HasSuffix(e.KeywordLocation, "/format"):
				l.message = formatFault(t.top.lookup(l.pointer).str(t.bytes), l.message)
			case strings.HasSuffix(e.KeywordLocation, "/type"):
				l.byType = 1
			}
			leaves = append(leaves, l)
		}
	}
	collect(invalid)
	first := slices.MinFunc(leaves, func(a, b leaf) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.byType, b.byType), cmp.Compare(a.pointer, b.pointer), cmp.Compare(a.message, b.message))
	})
	return t.fail(first.pointer, lastToken(first.pointer), "%s", first.message)
}

// formatFault says what is wrong with a pattern; other formats keep the library's words.
func formatFault(value, otherwise string) string {
	if _, err := syntax.Parse(value, syntax.Perl); err != nil {
		if fault, ok := errors.AsType[*syntax.Error](err); ok {
			return "is no pattern of RE2: " + fault.Code.String()
		}
	}
	return otherwise
}

func decodeNumbers(b []byte) any {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil
	}
	return v
}
