package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Document is what a schema text of this folder means: itself and everything it refers to, taken from the folder
// alone. A reference that the folder does not hold is an error.
func (t *Tree) Document(text []byte) (validator.Document, error) {
	doc := validator.Document{Text: text, References: map[string][]byte{}}
	return doc, t.closure(text, doc.References)
}

func (t *Tree) closure(text []byte, into map[string][]byte) error {
	refs, err := t.References(text)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if _, ok := into[ref.Name]; ok {
			continue
		}
		target := t.version(ref.Subject, ref.Version)
		if target == nil {
			return &danglingError{ref}
		}
		into[ref.Name] = target.Text
		if err := t.closure(target.Text, into); err != nil {
			return err
		}
	}
	return nil
}

// version finds a released version of the folder, nil if it is not there.
func (t *Tree) version(subject string, number int) *SchemaFile {
	f := t.Subjects[subject]
	if f == nil || number < 1 || number > len(f.Versions) {
		return nil
	}
	return &f.Versions[number-1]
}

// Compile compiles one version of the folder.
func (t *Tree) Compile(v *SchemaFile) (*validator.Schema, error) {
	doc, err := t.Document(v.Text)
	if err != nil {
		return nil, err
	}
	return validator.Compile(doc, validator.Limits{})
}

// danglingError is a reference that leads to nothing in the folder.
type danglingError struct{ Reference }

func (e *danglingError) Error() string {
	return fmt.Sprintf("$ref %q: there is no version %d of %s in this folder", e.Name, e.Version, e.Subject)
}

// refPointer finds where a schema says $ref: name, as a JSON Pointer; "" if it does not say so itself.
func refPointer(v any, name, pointer string) string {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && (ref == name || strings.HasPrefix(ref, name+"#")) {
			return pointer + "/$ref"
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if found := refPointer(v[key], name, pointer+"/"+escapePointer(key)); found != "" {
				return found
			}
		}
	case []any:
		for i, child := range v {
			if found := refPointer(child, name, pointer+"/"+strconv.Itoa(i)); found != "" {
				return found
			}
		}
	}
	return ""
}
