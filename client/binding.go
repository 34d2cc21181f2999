package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// A Binding ties a subject at one version to a Go type. Make it with For; it is an option of NewDecoder and of
// NewEncoder.
type Binding struct {
	subject string
	version int32
	writes  int32 // version that an Encoder writes; 0 = version
	typ     reflect.Type
	decode  func(event []byte) (any, error)
}

// For binds a Go type to one version of a subject: the version that the program is built for. A Decoder brings every
// event of the subject to that version and unmarshals it into a new T; an Encoder takes a T or *T for an event of that
// version. T is any type that encoding/json reads and writes as the schema says.
func For[T any](subject string, version int, options ...BindingOption) Binding {
	b := Binding{
		subject: subject,
		version: int32(version),
		typ:     reflect.TypeFor[T](),
		decode: func(event []byte) (any, error) {
			data := new(T)
			return data, json.Unmarshal(event, data)
		},
	}
	for _, option := range options {
		option(&b)
	}
	return b
}

// A BindingOption changes a Binding.
type BindingOption func(*Binding)

// At makes an Encoder write an older version: it takes today's type, goes down through the lenses to version n and
// validates there. It is the way to keep producing the old version while readers move. A Decoder ignores it.
func At(n int) BindingOption {
	return func(b *Binding) { b.writes = int32(n) }
}

// check is what both NewDecoder and NewEncoder ask of a Binding.
func (b *Binding) check() error {
	switch {
	case b.decode == nil:
		return fmt.Errorf("a Binding that For did not make")
	case b.subject == "" || b.version < 1:
		return fmt.Errorf("binding of %s: subject %q, version %d", b.typ, b.subject, b.version)
	case b.writes < 0 || b.writes > b.version:
		return fmt.Errorf("binding of %s: At(%d) is not an older version than %d", b.typ, b.writes, b.version)
	}
	return nil
}

// marshal writes an event as JSON, without the escapes that only HTML needs.
func marshal(data any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
