package catalog

import (
	"context"
	"fmt"

	"github.com/accordhq/accord/validator"
)

// View draws a version, deleted or not, as people read it; number may be Latest. SubjectNotFound, VersionNotFound, or
// InvalidSchema when the stored text does not compile, with where and why.
func (r *Registry) View(ctx context.Context, name Name, number int) (*View, error) {
	v, schema, err := r.compiledVersion(ctx, name, number)
	if err != nil {
		return nil, err
	}
	return NewView(name.String(), v.Number, v.Schema.GUID, schema.Root()), nil
}

// Validate judges an event under a version, deleted or not; number may be Latest. It returns at most limit faults in
// document order, nil if the event is valid. Errors as View's.
func (r *Registry) Validate(ctx context.Context, name Name, number int, event []byte, limit int) ([]validator.Violation, error) {
	_, schema, err := r.compiledVersion(ctx, name, number)
	if err != nil {
		return nil, err
	}
	return schema.Explain(event, limit), nil
}

func (r *Registry) compiledVersion(ctx context.Context, name Name, number int) (Version, *validator.Schema, error) {
	v, err := r.Version(ctx, name, number, WithDeleted)
	if err != nil {
		return Version{}, nil, err
	}
	texts := map[string][]byte{}
	if err := r.collectTexts(ctx, name.Context, v.Schema.References, texts, 0); err != nil {
		return Version{}, nil, err
	}
	schema, err := validator.Compile(validator.Document{Text: []byte(v.Schema.Text), References: texts}, validator.Limits{})
	if err != nil {
		return Version{}, nil, &Error{Reason: InvalidSchema, Name: name, Version: v.Number, Err: err}
	}
	return v, schema, nil
}

// collectTexts gathers the closure of references, by the names that $ref uses.
func (r *Registry) collectTexts(ctx context.Context, home string, refs []Reference, texts map[string][]byte, deep int) error {
	if deep > MaxReferenceDeep {
		return &Error{Reason: TooMany, Detail: "references of references"}
	}
	for _, ref := range refs {
		if _, ok := texts[ref.Name]; ok {
			continue
		}
		target, err := ParseName(ref.Subject)
		if err != nil {
			return err
		}
		if target.Context == "" {
			target.Context = home
		}
		v, err := r.Version(ctx, target, ref.Version, WithDeleted)
		if err != nil {
			return fmt.Errorf("reference %s: %w", ref.Name, err)
		}
		texts[ref.Name] = []byte(v.Schema.Text)
		if err := r.collectTexts(ctx, target.Context, v.Schema.References, texts, deep+1); err != nil {
			return err
		}
	}
	return nil
}
