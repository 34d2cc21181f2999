package catalog

import (
	"context"
	"encoding/json"

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
	schema, err := r.compile(ctx, &v.Schema)
	if err != nil {
		return Version{}, nil, err
	}
	return v, schema, nil
}

// ViewSchema draws a schema that stands in no subject, such as that of an API's body; name heads it. The text is read
// as draft 2020-12 unless it says otherwise, and refers to nothing but itself. The error is the validator's.
func ViewSchema(name string, text []byte) (*View, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) == nil && object["$schema"] == nil {
		object["$schema"] = json.RawMessage(`"https://json-schema.org/draft/2020-12/schema"`)
		var err error
		if text, err = json.Marshal(object); err != nil {
			return nil, err
		}
	}
	schema, err := validator.Compile(validator.Document{Text: text}, validator.Limits{})
	if err != nil {
		return nil, err
	}
	return NewView(name, 0, "", schema.Root()), nil
}
