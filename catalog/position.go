package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Place is a position in a text: 1-based line and column, the column in code points. The zero value is no place.
type Place struct {
	Line, Column int
}

// placeAt counts lines and columns up to a byte offset. CRLF counts once, a byte-order mark not at all.
func placeAt(text []byte, offset int) Place {
	offset = min(max(offset, 0), len(text))
	before := bytes.TrimPrefix(text[:offset], []byte("\ufeff"))
	line := bytes.LastIndexByte(before, '\n')
	return Place{Line: 1 + bytes.Count(before, []byte("\n")), Column: 1 + utf8.RuneCount(before[line+1:])}
}

// Places finds where the members of a JSON text stand, by JSON Pointer.
type Places struct {
	text  []byte
	spans map[string]int // pointer -> offset of the member's name, or of the element
}

// A SyntaxError says where a text stops being what it should be.
type SyntaxError struct {
	Place
	Err error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d column %d: %v", e.Line, e.Column, e.Err)
}

// Unwrap returns what the parser said.
func (e *SyntaxError) Unwrap() error { return e.Err }

// FindPlaces reads a JSON text. A text that is not JSON gives a *SyntaxError.
func FindPlaces(text []byte) (*Places, error) {
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		at := len(text)
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = int(syntax.Offset) - 1 // Offset counts the bytes read, the wrong one included
		}
		return nil, &SyntaxError{placeAt(text, at), err}
	}
	p := &Places{text: text, spans: map[string]int{}}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := p.value(dec, "", p.next(0)); err != nil {
		return nil, &SyntaxError{placeAt(text, int(dec.InputOffset())), err}
	}
	return p, nil
}

// Of returns the place of a pointer, or of its nearest ancestor that is there: what was removed points at its parent.
func (p *Places) Of(pointer string) Place {
	for {
		if at, ok := p.spans[pointer]; ok {
			return placeAt(p.text, at)
		}
		cut := strings.LastIndexByte(pointer, '/')
		if cut < 0 {
			return Place{Line: 1, Column: 1}
		}
		pointer = pointer[:cut]
	}
}

// next skips what stands between two tokens.
func (p *Places) next(at int64) int {
	for at < int64(len(p.text)) && strings.IndexByte(" \t\r\n,:", p.text[at]) >= 0 {
		at++
	}
	return int(at)
}

func (p *Places) value(dec *json.Decoder, pointer string, at int) error {
	p.spans[pointer] = at
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		for dec.More() {
			at := p.next(dec.InputOffset())
			name, err := dec.Token()
			if err != nil {
				return err
			}
			if err := p.value(dec, pointer+"/"+escapePointer(name.(string)), at); err != nil {
				return err
			}
		}
	case json.Delim('['):
		for i := 0; dec.More(); i++ {
			if err := p.value(dec, pointer+"/"+strconv.Itoa(i), p.next(dec.InputOffset())); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = dec.Token()
	return err
}

// escapePointer escapes one reference token (RFC 6901 section 3).
func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// MaxAliases bounds how often a YAML file may repeat an anchor: a bomb is an error.
const MaxAliases = 100

// yamlJSON turns one YAML document into JSON, members in the order of the file. places finds the line of a member by
// name for error messages.
func yamlJSON(text []byte) (body []byte, root *yaml.Node, err error) {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err != nil {
		return nil, nil, err
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		return nil, nil, errors.New("more than one document in the file")
	}
	c := yamlConverter{}
	if err := c.value(doc.Content[0], 0); err != nil {
		return nil, nil, err
	}
	return c.out.Bytes(), doc.Content[0], nil
}

type yamlConverter struct {
	out     bytes.Buffer
	aliases int
}

// maxYAMLDepth bounds nesting, and with it the stack.
const maxYAMLDepth = 64

func (c *yamlConverter) value(n *yaml.Node, depth int) error {
	if depth > maxYAMLDepth {
		return fmt.Errorf("line %d: nested deeper than %d", n.Line, maxYAMLDepth)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if c.aliases++; c.aliases > MaxAliases {
			return fmt.Errorf("line %d: more than %d aliases", n.Line, MaxAliases)
		}
		return c.value(n.Alias, depth+1)
	case yaml.MappingNode:
		return c.mapping(n, depth)
	case yaml.SequenceNode:
		c.out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				c.out.WriteByte(',')
			}
			if err := c.value(item, depth+1); err != nil {
				return err
			}
		}
		c.out.WriteByte(']')
		return nil
	}
	return c.scalar(n)
}

func (c *yamlConverter) mapping(n *yaml.Node, depth int) error {
	seen := map[string]bool{}
	c.out.WriteByte('{')
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a name must be plain text", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: %q appears twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if i > 0 {
			c.out.WriteByte(',')
		}
		c.text(key.Value)
		c.out.WriteByte(':')
		if err := c.value(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	c.out.WriteByte('}')
	return nil
}

func (c *yamlConverter) scalar(n *yaml.Node) error {
	switch n.Tag {
	case "!!null":
		c.out.WriteString("null")
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return err
		}
		c.out.WriteString(strconv.FormatBool(b))
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) { // 0x10, .5, 1_000: say it the JSON way
			return fmt.Errorf("line %d: the number %s is not written as in JSON", n.Line, n.Value)
		}
		c.out.WriteString(n.Value)
	case "!!str", "!!timestamp": // dates stay text
		c.text(n.Value)
	default:
		return fmt.Errorf("line %d: values of type %s are not used here", n.Line, n.Tag)
	}
	return nil
}

func (c *yamlConverter) text(s string) {
	enc := json.NewEncoder(&c.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	c.out.Truncate(c.out.Len() - 1)
}

// yamlLine finds the first member of that name, depth first; 0 if there is none.
func yamlLine(n *yaml.Node, name string) int {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				return n.Content[i].Line
			}
		}
	}
	for _, child := range n.Content {
		if line := yamlLine(child, name); line > 0 {
			return line
		}
	}
	return 0
}
