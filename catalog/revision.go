package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/accordhq/accord/upcast"
)

// Kinds of document that stand beside the versions of a subject.
const (
	KindDraft   = "Draft"   // next.json and its lens; named by the subject
	KindAdapter = "Adapter" // a lens from a foreign shape; named <subject>/<adapter>
	KindDoc     = "Doc"     // a version with other annotations; named <subject>@<n>
)

// Draft is a version to be: shown, never registered.
type Draft struct {
	Header
	Schema     json.RawMessage `json:"schema"`
	References []Reference     `json:"references,omitempty"`
	Lens       json.RawMessage `json:"lens,omitempty"` // the step from the last version
}

// Adapter is a lens from a shape that has no version.
type Adapter struct {
	Header
	Source json.RawMessage `json:"source"` // a JSON Schema of the foreign body
	// Match are the pointers that must be there for the adapter to be taken, with the constant that each must hold; null
	// stands for any value.
	Match    map[string]json.RawMessage `json:"match,omitempty"`
	Envelope map[string]string          `json:"envelope,omitempty"` // CloudEvents attribute to the pointer that gives it
	Body     string                     `json:"body,omitempty"`     // pointer to the data
	To       int                        `json:"to"`                 // the version that comes out
	Ops      json.RawMessage            `json:"ops"`
}

// Doc is an annotation-only revision of a version: the text with other words, which promises the same.
type Doc struct {
	Header
	Schema json.RawMessage `json:"schema"`
}

// Of splits the name of a Doc into subject and number.
func (d *Doc) Of() (subject string, number int, err error) {
	subject, n, ok := strings.Cut(d.Name, "@")
	if number, err = strconv.Atoi(n); !ok || err != nil || number < 1 || subject == "" {
		return "", 0, &memberError{"/name", fmt.Sprintf("name is %q: want <subject>@<number>", d.Name)}
	}
	return subject, number, nil
}

// Of splits the name of an Adapter into subject and adapter.
func (a *Adapter) Of() (subject, adapter string, err error) {
	i := strings.LastIndexByte(a.Name, '/')
	if i < 1 || i == len(a.Name)-1 {
		return "", "", &memberError{"/name", fmt.Sprintf("name is %q: want <subject>/<adapter>", a.Name)}
	}
	return a.Name[:i], a.Name[i+1:], nil
}

func (d *Draft) check() error { return errors.Join(named(d.Header), isSchema("/schema", d.Schema)) }

func (a *Adapter) check() error {
	if _, _, err := a.Of(); err != nil {
		return err
	}
	if a.To < 1 {
		return &memberError{"/to", "to is not a version"}
	}
	if _, err := a.Lens(); err != nil {
		return &memberError{"/ops", err.Error()}
	}
	return isSchema("/source", a.Source)
}

func (d *Doc) check() error {
	_, _, err := d.Of()
	return errors.Join(err, isSchema("/schema", d.Schema))
}

// Lens is what the adapter does to a body.
func (a *Adapter) Lens() (*upcast.Lens, error) {
	text, err := json.Marshal(map[string]any{"apiVersion": APIVersion, "kind": "Lens", "ops": a.Ops})
	if err != nil {
		return nil, err
	}
	return upcast.Parse(text)
}

// isSchema demands the form of a schema.
func isSchema(pointer string, text json.RawMessage) error {
	switch text := bytes.TrimSpace(text); {
	case len(text) == 0 || string(text) == "null":
		return &memberError{pointer, strings.TrimPrefix(pointer, "/") + " is missing"}
	case text[0] != '{' && text[0] != 't' && text[0] != 'f':
		return &memberError{pointer, strings.TrimPrefix(pointer, "/") + " is not a JSON Schema: an object or a boolean"}
	}
	return nil
}

// Where schemas stand in a schema: under these keywords themselves, and in objects and lists below those.
var (
	schemaKeywords = words("additionalItems additionalProperties contains contentSchema else if items not propertyNames then unevaluatedItems unevaluatedProperties")
	schemaLists    = words("allOf anyOf items oneOf prefixItems")
	schemaMembers  = words("$defs definitions dependencies dependentSchemas patternProperties properties")
	annotations    = words("$comment deprecated description examples title")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// ContractFingerprint is the SHA-256, in hexadecimal, of a schema text without what promises nothing: title,
// description, examples, $comment, deprecated and x-… (but x-accord-extensible, which readers rely on), left out where
// they are keywords, and kept where they are names of properties or stand inside const, enum or default. White space
// and the order of members do not count; numbers count as they are written.
func ContractFingerprint(text []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var schema any
	if err := dec.Decode(&schema); err != nil {
		return "", err
	}
	printed, err := json.Marshal(promised(schema))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(printed)
	return hex.EncodeToString(sum[:]), nil
}

// promised is a schema without its annotations.
func promised(schema any) any {
	object, ok := schema.(map[string]any)
	if !ok {
		return schema
	}
	out := map[string]any{}
	for k, v := range object {
		if annotations[k] || strings.HasPrefix(k, "x-") && k != "x-accord-extensible" {
			continue
		}
		switch below := v.(type) {
		case map[string]any:
			if schemaKeywords[k] {
				v = promised(below)
			}
			if schemaMembers[k] {
				members := map[string]any{}
				for name, s := range below {
					members[name] = promised(s)
				}
				v = members
			}
		case []any:
			if schemaLists[k] {
				list := make([]any, len(below))
				for i, s := range below {
					list[i] = promised(s)
				}
				v = list
			}
		}
		out[k] = v
	}
	return out
}
