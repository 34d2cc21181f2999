package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// memberError is what is wrong with one member of a document.
type memberError struct {
	pointer string
	message string
}

func (e *memberError) Error() string { return e.message }

// pointerOf is where a document is wrong, as far as the error or the body tells; "" for the document itself.
func pointerOf(err error, body []byte) string {
	if e, ok := errors.AsType[*memberError](err); ok {
		return e.pointer
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return "/" + strings.ReplaceAll(e.Field, ".", "/")
	}
	if _, member, found := strings.Cut(err.Error(), `unknown field "`); found {
		var doc any
		if json.Unmarshal(body, &doc) == nil {
			return memberPointer(doc, strings.TrimSuffix(member, `"`), "")
		}
	}
	return ""
}

// memberPointer finds a member by its name, the shallowest first.
func memberPointer(v any, name, at string) string {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[name]; ok {
			return at + "/" + escapePointer(name)
		}
		for k, below := range v {
			if found := memberPointer(below, name, at+"/"+escapePointer(k)); found != "" {
				return found
			}
		}
	case []any:
		for i, below := range v {
			if found := memberPointer(below, name, fmt.Sprintf("%s/%d", at, i)); found != "" {
				return found
			}
		}
	}
	return ""
}

// dangling refuses a document that names what is not there. The error is a *memberError, or the store's.
func (r *Registry) dangling(ctx context.Context, doc any) error {
	switch d := doc.(type) {
	case *Event:
		if err := r.owned(ctx, d.Owner); err != nil {
			return err
		}
		if err := r.declared(ctx, "/domain", KindDomain, d.Domain); err != nil {
			return err
		}
		return r.declared(ctx, "/channel", KindChannel, d.Channel)
	case *Domain:
		return r.owned(ctx, d.Owner)
	case *Channel:
		return r.owned(ctx, d.Owner)
	case *Service:
		return r.danglingService(ctx, d)
	case *Flow:
		return r.danglingFlow(ctx, d)
	case *Draft:
		return r.danglingDraft(ctx, d)
	case *Adapter:
		return r.danglingAdapter(ctx, d)
	case *Doc:
		return r.danglingDoc(ctx, d)
	}
	return nil
}

// owned demands that an owner is one of the teams, where there are teams.
func (r *Registry) owned(ctx context.Context, owner string) error {
	if owner == "" {
		return nil
	}
	d, err := r.store.Document(ctx, KindTeams, strings.ToLower(KindTeams))
	if errors.Is(err, DocumentNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	doc, err := DecodeDocument(d.Body)
	if err != nil {
		return nil // of another release
	}
	if !slices.ContainsFunc(doc.(*Teams).Teams, func(t Team) bool { return t.Name == owner }) {
		return &memberError{"/owner", fmt.Sprintf("there is no team %s", owner)}
	}
	return nil
}

// declared demands that there is a document of a kind.
func (r *Registry) declared(ctx context.Context, pointer, kind, name string) error {
	if name == "" {
		return nil
	}
	_, err := r.store.Document(ctx, kind, name)
	if errors.Is(err, DocumentNotFound) {
		return &memberError{pointer, fmt.Sprintf("there is no %s %s", strings.ToLower(kind), name)}
	}
	return err
}

// event demands that there is a subject, or a document that describes one.
func (r *Registry) event(ctx context.Context, pointer, name string) error {
	if name == "" {
		return nil
	}
	parsed, err := ParseName(name)
	if err != nil {
		return &memberError{pointer, err.Error()}
	}
	s, err := r.subject(ctx, parsed)
	if err != nil || s.any(WithDeleted) {
		return err
	}
	for _, kind := range []string{KindEvent, KindCommand, KindState} {
		if _, err := r.store.Document(ctx, kind, name); !errors.Is(err, DocumentNotFound) {
			return err
		}
	}
	return &memberError{pointer, fmt.Sprintf("there is no event %s", name)}
}

func (r *Registry) danglingService(ctx context.Context, d *Service) error {
	if err := r.owned(ctx, d.Owner); err != nil {
		return err
	}
	for i, s := range d.Sends {
		if err := r.event(ctx, fmt.Sprintf("/sends/%d/event", i), s.Event); err != nil {
			return err
		}
	}
	for i, s := range d.Receives {
		if err := r.event(ctx, fmt.Sprintf("/receives/%d/event", i), s.Event); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) danglingFlow(ctx context.Context, d *Flow) error {
	before := map[string]bool{"": true}
	for i, s := range d.Steps {
		at := fmt.Sprintf("/steps/%d/", i)
		if err := r.declared(ctx, at+"service", KindService, s.Service); err != nil {
			return err
		}
		names := map[string]string{"on": s.On, "sends": s.Sends, "else": s.Else}
		for k, name := range s.OnAny {
			names[fmt.Sprintf("onAny/%d", k)] = name
		}
		for k, name := range s.OnAll {
			names[fmt.Sprintf("onAll/%d", k)] = name
		}
		for member, name := range names {
			if err := r.event(ctx, at+member, name); err != nil {
				return err
			}
		}
		if !before[s.Compensates] {
			return &memberError{at + "compensates", fmt.Sprintf("there is no step %s before it", s.Compensates)}
		}
		before[s.ID] = true
	}
	return r.owned(ctx, d.Owner)
}

func (r *Registry) danglingDraft(ctx context.Context, d *Draft) error {
	name, err := ParseName(d.Name)
	if err != nil {
		return &memberError{"/name", err.Error()}
	}
	refs, err := r.resolveReferences(ctx, name, d.References, false)
	if errors.Is(err, ReferenceNotFound) {
		return &memberError{"/references", err.Error()}
	}
	if err != nil {
		return err
	}
	if _, err := r.compile(ctx, &Schema{Context: name.Context, Text: string(d.Schema), References: refs}); err != nil {
		return below("/schema", err)
	}
	if lens := bytes.TrimSpace(d.Lens); len(lens) == 0 || string(lens) == "null" {
		return nil
	}
	if _, err := upcast.Parse(d.Lens); err != nil {
		return &memberError{"/lens", err.Error()}
	}
	return r.event(ctx, "/name", d.Name)
}

func (r *Registry) danglingAdapter(ctx context.Context, d *Adapter) error {
	subject, _, err := d.Of()
	if err != nil {
		return err
	}
	if _, err := r.carrier(ctx, "/to", subject, d.To); err != nil {
		return err
	}
	_, err = validator.Compile(validator.Document{Text: d.Source}, validator.Limits{})
	return below("/source", err)
}

func (r *Registry) danglingDoc(ctx context.Context, d *Doc) error {
	subject, number, err := d.Of()
	if err != nil {
		return err
	}
	v, err := r.carrier(ctx, "/name", subject, number)
	if err != nil {
		return err
	}
	was, err := ContractFingerprint([]byte(v.Schema.Text))
	if err != nil {
		return err
	}
	is, err := ContractFingerprint(d.Schema)
	if err != nil {
		return &memberError{"/schema", err.Error()}
	}
	if was != is {
		return &memberError{"/schema", fmt.Sprintf("it promises something else than version %d of %s: only annotations may differ", number, subject)}
	}
	return nil
}

// carrier is the version that a document belongs to.
func (r *Registry) carrier(ctx context.Context, pointer, subject string, number int) (Version, error) {
	name, err := ParseName(subject)
	if err != nil {
		return Version{}, &memberError{"/name", err.Error()}
	}
	v, err := r.Version(ctx, name, number, WithDeleted)
	if errors.Is(err, SubjectNotFound) || errors.Is(err, VersionNotFound) {
		return v, &memberError{pointer, fmt.Sprintf("there is no version %d of %s", number, subject)}
	}
	return v, err
}

// below puts what is wrong with a schema inside a document under its member.
func below(pointer string, err error) error {
	if e, ok := errors.AsType[*validator.SchemaError](err); ok {
		return &memberError{pointer + e.Pointer, e.Message}
	}
	if e, ok := errors.AsType[*Error](err); ok && (e.Reason == InvalidSchema || e.Reason == ReferenceNotFound) {
		return &memberError{pointer + e.Pointer, e.Detail}
	}
	return err
}
