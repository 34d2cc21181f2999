package validator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"
)

// Document is what is compiled: a text, where it stands, and the texts it refers to.
type Document struct {
	Text       []byte            // retained, never modified
	URI        string            // base URI; "" = accord:///schema. A root $id replaces it
	References map[string][]byte // name, as $ref says it, to text; the whole closure, flat
}

// SchemaError says why a document does not compile.
type SchemaError struct {
	URI     string // of the document that is at fault
	Pointer string // JSON Pointer into it
	Keyword string
	Limit   string // name of the constant that was exceeded, "" = none
	Message string
}

func (e *SchemaError) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the schema's root"
	}
	return at + ": " + e.Message
}

const defaultURI = "accord:///schema"

// Schema is a compiled document. It is immutable and safe for concurrent use.
type Schema struct {
	compiled *jsonschema.Schema
	root     *Node
	warnings []Warning
	size     int
}

// Warning is a keyword that means nothing in its document's draft.
type Warning struct{ Pointer, Keyword, Message string }

// Root is the resolved tree.
func (s *Schema) Root() *Node { return s.root }

// Warnings lists keywords that mean nothing here.
func (s *Schema) Warnings() []Warning { return s.warnings }

// Size is how many bytes the schema holds.
func (s *Schema) Size() int { return s.size }

// Compile compiles a document in a closed $ref world; *SchemaError if it cannot.
func Compile(d Document, l Limits) (schema *Schema, err error) {
	if d.URI == "" {
		d.URI = defaultURI
	}
	maxBytes := MaxSchemaBytes
	if l.SchemaBytes > 0 {
		maxBytes = l.SchemaBytes
	}
	texts := map[string][]byte{d.URI: d.Text}
	for name, text := range d.References {
		u, err := url.Parse(d.URI)
		if err != nil {
			return nil, &SchemaError{URI: d.URI, Message: "its URI is malformed"}
		}
		ref, err := u.Parse(name)
		if err != nil {
			return nil, &SchemaError{URI: d.URI, Message: fmt.Sprintf("the reference name %q is malformed", name)}
		}
		texts[ref.String()] = text
	}
	f := front{docs: map[string]*indexed{}, nodes: map[*jsonschema.Schema]*Node{}}
	c := jsonschema.NewCompiler()
	c.Draft, c.AssertFormat, c.ExtractAnnotations = jsonschema.Draft7, true, true
	c.LoadURL = func(u string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("%s is not among the references", u)
	}
	for uri, text := range texts {
		doc, fault := index(text, maxBytes)
		if fault != nil {
			return nil, &SchemaError{URI: uri, Pointer: fault.pointer, Keyword: fault.keyword, Message: fmt.Sprintf("not acceptable JSON: %s at byte %d", fault.keyword, fault.offset)}
		}
		if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && !slices.Contains([]string{"true", "false"}, string(bytes.TrimSpace(text))) {
			return nil, &SchemaError{URI: uri, Message: "a schema is an object or a boolean"}
		}
		f.docs[uri] = doc
		var head struct {
			ID string `json:"$id"`
		}
		if json.Unmarshal(text, &head) == nil && head.ID != "" {
			f.docs[strings.TrimSuffix(head.ID, "#")] = doc
			if uri != head.ID {
				if err := c.AddResource(head.ID, bytes.NewReader(text)); err != nil {
					return nil, &SchemaError{URI: uri, Message: err.Error()}
				}
			}
		}
		if err := c.AddResource(uri, bytes.NewReader(text)); err != nil {
			return nil, &SchemaError{URI: uri, Message: err.Error()}
		}
	}
	defer func() {
		if r := recover(); r != nil {
			schema, err = nil, &SchemaError{URI: d.URI, Message: "the schema cannot be read"}
		}
	}()
	compiled, err := c.Compile(d.URI)
	if err != nil {
		return nil, schemaError(d.URI, err)
	}
	s := &Schema{compiled: compiled, size: 8 * len(d.Text)}
	s.root = f.node(compiled)
	return s, nil
}

func schemaError(uri string, err error) error {
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for len(invalid.Causes) > 0 {
			invalid = invalid.Causes[0]
		}
		keyword := invalid.KeywordLocation[strings.LastIndexByte(invalid.KeywordLocation, '/')+1:]
		return &SchemaError{URI: uri, Pointer: invalid.InstanceLocation, Keyword: keyword, Message: invalid.Message}
	}
	if outer, ok := errors.AsType[*jsonschema.SchemaError](err); ok && outer.Err != nil {
		err = outer.Err
	}
	return &SchemaError{URI: uri, Message: strings.TrimPrefix(err.Error(), "jsonschema: ")}
}

// indexed is a text with the spans of its values.
type indexed struct {
	text  []byte
	spans map[string][2]int
	keys  map[string][]string
}

func index(text []byte, maxBytes int) (*indexed, *fault) {
	d := &indexed{text: text, spans: map[string][2]int{}, keys: map[string][]string{}}
	fault := scan(text, maxBytes, func(pointer string, start, end int, keys []string) {
		d.spans[pointer] = [2]int{start, end}
		d.keys[pointer] = keys
	})
	return d, fault
}

func (d *indexed) raw(pointer string) []byte {
	if d == nil {
		return nil
	}
	span, ok := d.spans[pointer]
	if !ok {
		return nil
	}
	return d.text[span[0]:span[1]]
}
