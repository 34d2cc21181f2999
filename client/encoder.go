package client

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/validator"
)

// An Encoder turns events into records: validated, with CloudEvents attributes and a schema reference. It never
// registers a schema. Safe for concurrent use. Make it with NewEncoder; it needs no closing.
type Encoder struct {
	registry *Registry
	bindings map[reflect.Type]*Binding
	source   string
	prefix   string
	framed   bool

	plans sync.Map // *Binding to *encoding
}

// An encoding is what an Encoder knows of one binding: the way to the version it writes, and that version's names.
type encoding struct {
	own    *plan // validates as the type's own version
	down   *plan // to the version written; nil = the same
	target *validator.Entry
}

// An EncoderOption is a Binding (made by For), or one of Source, TypePrefix and PrefixFraming.
type EncoderOption interface{ encoder(*Encoder) error }

type encoderOption func(*Encoder) error

func (o encoderOption) encoder(e *Encoder) error { return o(e) }

func (b Binding) encoder(e *Encoder) error {
	if err := b.check(); err != nil {
		return err
	}
	if e.bindings[b.typ] != nil {
		return fmt.Errorf("%s is bound twice", b.typ)
	}
	e.bindings[b.typ] = &b
	return nil
}

// Source sets the CloudEvents source of all events, a URI reference such as "/services/payments". Required.
func Source(uri string) EncoderOption {
	return encoderOption(func(e *Encoder) error { e.source = uri; return nil })
}

// TypePrefix sets what stands before the subject in the CloudEvents type: "com.example" makes
// "com.example.orders.OrderPlaced". Without it the type is the subject.
func TypePrefix(prefix string) EncoderOption {
	return encoderOption(func(e *Encoder) error { e.prefix = strings.TrimSuffix(prefix, "."); return nil })
}

// PrefixFraming writes the schema ID before the value, byte 0 and 4 bytes, instead of the GUID in a header, for
// readers that know nothing else. The value is then no pure JSON any more, and the record no CloudEvent by the letter.
func PrefixFraming() EncoderOption {
	return encoderOption(func(e *Encoder) error { e.framed = true; return nil })
}

// NewEncoder makes an Encoder for any number of types, each bound once. It asks nothing of the registry. Errors: no
// Source, no binding, a faulty one, a type bound twice.
func NewEncoder(r *Registry, options ...EncoderOption) (*Encoder, error) {
	e := &Encoder{registry: r, bindings: map[reflect.Type]*Binding{}}
	for _, option := range options {
		if err := option.encoder(e); err != nil {
			return nil, fmt.Errorf("new encoder: %w", err)
		}
	}
	switch {
	case e.source == "":
		return nil, errors.New("new encoder: no Source")
	case len(e.bindings) == 0:
		return nil, errors.New("new encoder: no type is bound")
	}
	return e, nil
}

// Encode makes the record of an event: JSON, validated under the bound version, taken down and validated there if the
// binding says At, with the CloudEvents attributes as headers (binary mode) and the schema's GUID in the header
// __value_schema_id. Key is ev.Subject. Topic, partition, offset and time are left to the caller. The first event of a type may
// wait for the registry, until ctx ends.
//
// Errors: ErrUnbound, *InvalidError, *UpcastError, ErrTooLarge, ErrUnavailable, ErrUnknownSchema, and what
// encoding/json says about the data.
func (e *Encoder) Encode(ctx context.Context, ev Event) (Record, error) {
	b := e.binding(ev.Data)
	if b == nil {
		return Record{}, fmt.Errorf("encode %T: %w", ev.Data, ErrUnbound)
	}
	if err := checkAttributes(ev.Attributes); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", b.subject, err)
	}
	way, err := e.encoding(ctx, b)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", b.subject, err)
	}
	value, err := marshal(ev.Data)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", b.subject, err)
	}
	if err := way.own.check(value); err != nil {
		return Record{}, err
	}
	meta := e.meta(ev, b, way.target)
	if way.down != nil {
		if value, _, err = way.down.run(value, func() map[string]string { return meta.envelope(Record{}) }, true); err != nil {
			return Record{}, err
		}
	}
	if len(value) > MaxEncodedBytes {
		return Record{}, fmt.Errorf("encode %s: %d bytes, over MaxEncodedBytes (%d): %w", b.subject, len(value), MaxEncodedBytes, ErrTooLarge)
	}
	rec := Record{Value: value, Headers: meta.headers()}
	if ev.Subject != "" {
		rec.Key = []byte(ev.Subject)
	}
	if e.framed {
		rec.Value = append(validator.AppendID(make([]byte, 0, len(value)+5), way.target.ID), value...)
	} else {
		rec.Headers = append(rec.Headers, Header{validator.HeaderValueSchema, validator.AppendGUID(nil, way.target.GUID)})
	}
	return rec, nil
}

// Check says what Encode would say about data alone: nil, *InvalidError or one of its other errors.
func (e *Encoder) Check(ctx context.Context, data any) error {
	b := e.binding(data)
	if b == nil {
		return fmt.Errorf("check %T: %w", data, ErrUnbound)
	}
	way, err := e.encoding(ctx, b)
	if err != nil {
		return fmt.Errorf("check %s: %w", b.subject, err)
	}
	value, err := marshal(data)
	if err != nil {
		return fmt.Errorf("check %s: %w", b.subject, err)
	}
	return way.own.check(value)
}

func (e *Encoder) binding(data any) *Binding {
	typ := reflect.TypeOf(data)
	if b := e.bindings[typ]; b != nil || typ == nil || typ.Kind() != reflect.Pointer {
		return b
	}
	return e.bindings[typ.Elem()]
}

// encoding returns what is known of a binding, asking the registry the first time and when a lens on the way changed.
func (e *Encoder) encoding(ctx context.Context, b *Binding) (*encoding, error) {
	e.registry.refresh()
	if known, ok := e.plans.Load(b); ok {
		if way := known.(*encoding); way.own.generation == e.registry.generation.Load() {
			return way, nil
		}
	}
	own, err := e.registry.plan(ctx, b.subject, b.version, b.version)
	if err != nil {
		return nil, err
	}
	way := &encoding{own: own}
	written := b.version
	if b.writes != 0 && b.writes != b.version {
		written = b.writes
		if way.down, err = e.registry.plan(ctx, b.subject, b.version, written); err != nil {
			return nil, err
		}
	}
	if way.target, err = e.registry.cache.Entry(ctx, validator.Ref{Subject: b.subject, Version: written}); err != nil {
		return nil, err
	}
	if e.framed && way.target.ID == 0 {
		return nil, fmt.Errorf("%s v%d has no ID in the lock file: %w", b.subject, written, ErrUnavailable)
	}
	e.plans.Store(b, way)
	return way, nil
}

// meta fills in the attributes of an event.
func (e *Encoder) meta(ev Event, b *Binding, target *validator.Entry) Meta {
	m := Meta{
		ID: ev.ID, Type: b.subject, Source: e.source, Subject: ev.Subject, Time: ev.Time, PartitionKey: ev.Subject,
		DataSchema: e.registry.schemaURL(target.GUID), Extensions: ev.Attributes,
	}
	if e.prefix != "" {
		m.Type = e.prefix + "." + b.subject
	}
	if m.ID == "" {
		m.ID = NewID()
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	m.CorrelationID = m.ID
	if cause := ev.Cause; cause != nil {
		m.CausationID = cause.Meta.ID
		m.CorrelationID = cause.Meta.CorrelationID
		if m.CorrelationID == "" {
			m.CorrelationID = cause.Meta.ID
		}
	}
	return m
}

// schemaURL is where a schema can be read, an absolute URL if there is a registry.
func (r *Registry) schemaURL(g validator.GUID) string {
	path := "/schemas/guids/" + g.String()
	if r.base == nil {
		return path
	}
	plain := *r.base
	plain.User = nil
	return plain.String() + path
}

// headers gives the attributes in binary mode, always in the same order; those that are not set are left out.
// Source: CloudEvents 1.0, Kafka Protocol Binding, section 3.2.
func (m *Meta) headers() Headers {
	h := Headers{{"ce_specversion", []byte("1.0")}}
	add := func(name, value string) {
		if value != "" {
			h = append(h, Header{"ce_" + name, []byte(value)})
		}
	}
	add("id", m.ID)
	add("type", m.Type)
	add("source", m.Source)
	add("time", m.Time.UTC().Format(time.RFC3339Nano))
	add("subject", m.Subject)
	add("partitionkey", m.PartitionKey)
	add("dataschema", m.DataSchema)
	add("correlationid", m.CorrelationID)
	add("causationid", m.CausationID)
	for _, name := range slices.Sorted(maps.Keys(m.Extensions)) {
		add(name, m.Extensions[name])
	}
	return append(h, Header{validator.HeaderContentType, []byte("application/json")})
}

// own are the attributes that Encode sets itself.
var own = []string{
	"specversion", "id", "type", "source", "time", "subject", "partitionkey", "dataschema", "correlationid", "causationid",
	"datacontenttype", "data",
}

// checkAttributes holds the rule of CloudEvents for names, and keeps off those that Encode sets.
func checkAttributes(attributes map[string]string) error {
	for name := range attributes {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || name == "" {
			return fmt.Errorf("attribute %q: only letters a-z and digits", name)
		}
		if slices.Contains(own, name) {
			return fmt.Errorf("attribute %q is set by the encoder", name)
		}
	}
	return nil
}

// NewID makes an id for an event or command: a UUID of version 7, whose first 48 bits are the time in milliseconds.
// Source: RFC 9562, section 5.7.
func NewID() string {
	var u [16]byte
	binary.BigEndian.PutUint64(u[:8], uint64(time.Now().UnixMilli())<<16)
	rand.Read(u[6:]) // never fails since Go 1.24
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return validator.GUID(u).String()
}
