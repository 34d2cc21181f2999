package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/accordhq/accord/validator"
)

// resolveReferences gives each reference the number it means now, and refuses what is not live; an imported history may
// also refer to what is deleted by now.
func (r *Registry) resolveReferences(ctx context.Context, from Name, refs []Reference, imports bool) ([]Reference, error) {
	if len(refs) > MaxReferences {
		return nil, &Error{Reason: InvalidSchema, Name: from, Detail: fmt.Sprintf("%d references are more than MaxReferences (%d)", len(refs), MaxReferences)}
	}
	var resolved []Reference
	for _, ref := range refs {
		to, err := ref.Target(from.Context)
		if err != nil {
			return nil, err
		}
		s, err := r.freshSubject(ctx, to)
		if err != nil {
			return nil, err
		}
		include := LiveOnly
		if imports {
			include = WithDeleted
		}
		v := s.at(ref.Version, include)
		if v == nil || ref.Name == "" || !permitted(ctx, Reader, to) {
			return nil, &Error{Reason: ReferenceNotFound, Name: to, Version: ref.Version, Detail: fmt.Sprintf("the reference named %q", ref.Name)}
		}
		ref.Version = v.Number
		resolved = append(resolved, ref)
	}
	return resolved, nil
}

// closure collects the texts of everything a schema refers to, directly or not, by the name that $ref says. One name
// may mean one version only. InvalidSchema over a limit, or where two meanings meet.
func (r *Registry) closure(ctx context.Context, schema *Schema) (map[string][]byte, error) {
	if len(schema.References) == 0 {
		return nil, nil
	}
	c := closure{find: r.referred, texts: map[string][]byte{}, means: map[string]SubjectVersion{}}
	return c.texts, c.add(ctx, schema, 1)
}

// closure is a closure that grows.
type closure struct {
	find  func(ctx context.Context, to Name, number int) (*Schema, error) // nil if there is no such version
	texts map[string][]byte
	means map[string]SubjectVersion
	bytes int
}

func (c *closure) add(ctx context.Context, schema *Schema, depth int) error {
	refuse := func(format string, args ...any) error {
		return &Error{Reason: InvalidSchema, Detail: fmt.Sprintf(format, args...)}
	}
	for _, ref := range schema.References {
		to, err := ref.Target(schema.Context)
		if err != nil {
			return err
		}
		target := SubjectVersion{Name: to, Version: ref.Version}
		if known, there := c.means[ref.Name]; there {
			if known != target {
				return refuse("the name %q means both %s version %d and %s version %d", ref.Name, known.Name, known.Version, to, ref.Version)
			}
			continue
		}
		if depth > MaxReferenceDeep {
			return refuse("references go deeper than MaxReferenceDeep (%d)", MaxReferenceDeep)
		}
		text, err := c.find(ctx, to, ref.Version)
		if err != nil {
			return err
		}
		if text == nil {
			return &Error{Reason: ReferenceNotFound, Name: to, Version: ref.Version, Detail: fmt.Sprintf("the reference named %q", ref.Name)}
		}
		c.means[ref.Name] = target
		c.texts[ref.Name] = []byte(text.Text)
		if c.bytes += len(text.Text); c.bytes > MaxClosureBytes || len(c.texts) > MaxReferences {
			return refuse("the referenced schemas are more than MaxReferences (%d) or longer than MaxClosureBytes (%d)", MaxReferences, MaxClosureBytes)
		}
		if err := c.add(ctx, text, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// referred reads the schema of a version, whatever became of it; nil if it is not there.
func (r *Registry) referred(ctx context.Context, to Name, number int) (*Schema, error) {
	s, err := r.subject(ctx, to)
	if err != nil {
		return nil, err
	}
	v := s.numbered(number)
	if v == nil {
		return nil, nil
	}
	return r.schema(ctx, Key{Context: v.Schema.Context, ID: v.Schema.ID})
}

// numbered is the version with a number, whatever became of it: a reference never moves.
func (s *Subject) numbered(number int) *Version {
	for i := range s.Versions {
		if s.Versions[i].Number == number {
			return &s.Versions[i]
		}
	}
	return nil
}

// compile compiles a schema with its closure. InvalidSchema, with a pointer, if it does not.
func (r *Registry) compile(ctx context.Context, schema *Schema) (*validator.Schema, error) {
	texts, err := r.closure(ctx, schema)
	if err != nil {
		return nil, err
	}
	compiled, err := validator.Compile(validator.Document{Text: []byte(schema.Text), References: texts}, validator.Limits{})
	if invalid, ok := errors.AsType[*validator.SchemaError](err); ok {
		return nil, &Error{Reason: InvalidSchema, Pointer: invalid.Pointer, Detail: invalid.Message}
	}
	return compiled, err
}
