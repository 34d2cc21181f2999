package catalog

import (
	"fmt"

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
			return fmt.Errorf("$ref %q: there is no version %d of %s in this folder", ref.Name, ref.Version, ref.Subject)
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
