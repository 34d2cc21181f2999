package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accordhq/accord/validator"
)

const (
	maxPlans   = 10_000 // plans kept by one Decoder
	maxUnknown = 1_000  // unknown references whose age one Decoder keeps
)

// A Decoder turns records into events of the versions that its program is built for. Safe for concurrent use. Make it
// with NewDecoder; it needs no closing.
type Decoder struct {
	registry *Registry
	bindings map[string]*Binding // by subject
	skip     bool
	trust    bool
	group    string

	plans   sync.Map // planKey to *plan
	planned atomic.Int32

	mu      sync.Mutex
	unknown map[string]time.Time // since when a reference on a topic is unknown; guarded by mu
}

// planKey is one writer's schema as one subject.
type planKey struct {
	subject string
	version int32
}

// A DecoderOption is a Binding (made by For), or one of OnUnknown, TrustProducers and WithGroup.
type DecoderOption interface{ decoder(*Decoder) error }

type decoderOption func(*Decoder) error

func (o decoderOption) decoder(d *Decoder) error { return o(d) }

func (b Binding) decoder(d *Decoder) error {
	if err := b.check(); err != nil {
		return err
	}
	if d.bindings[b.subject] != nil {
		return fmt.Errorf("%s is bound twice", b.subject)
	}
	d.bindings[b.subject] = &b
	return nil
}

// OnUnknown says what an event of a subject without a Binding means: Skip gives ErrSkipped, Poison, the default, gives
// ErrUnbound. Any other value is an error of NewDecoder.
func OnUnknown(c Classification) DecoderOption {
	return decoderOption(func(d *Decoder) error {
		if c != Skip && c != Poison {
			return fmt.Errorf("OnUnknown(%s): only Skip and Poison", c)
		}
		d.skip = c == Skip
		return nil
	})
}

// TrustProducers leaves out the validation of events that no lens changed. What lenses made of an event is validated
// still.
func TrustProducers() DecoderOption {
	return decoderOption(func(d *Decoder) error { d.trust = true; return nil })
}

// WithGroup names the consumer group of the program. The registry is told which versions the group is built for, at once and
// every PinEvery, and every UsageEvery which ones it read on which topic and how many, so that it can say who still reads
// an old version. Without it nothing is told. The reports are best effort: one that the registry did not take is sent again,
// and Close sends the last.
func WithGroup(name string) DecoderOption {
	return decoderOption(func(d *Decoder) error { d.group = name; return nil })
}

// NewDecoder makes a Decoder for any number of subjects, each bound once. It asks nothing of the registry. Errors:
// no binding, a faulty one, a subject bound twice.
func NewDecoder(r *Registry, options ...DecoderOption) (*Decoder, error) {
	d := &Decoder{registry: r, bindings: map[string]*Binding{}, unknown: map[string]time.Time{}}
	for _, option := range options {
		if err := option.decoder(d); err != nil {
			return nil, fmt.Errorf("new decoder: %w", err)
		}
	}
	if len(d.bindings) == 0 {
		return nil, errors.New("new decoder: no subject is bound")
	}
	if d.group != "" {
		r.pin(d.group, d.bindings)
	}
	return d, nil
}

// Decode reads one record: it finds the writer's schema, in the order of validator.Find and then by what the topic is
// bound to, takes the event through lenses to the reader version, validates it there and unmarshals it. The first event
// of a schema may wait for the registry, until ctx ends; later ones do not. rec is kept in the Event, its bytes are
// neither copied nor changed. Lenses that ask for the attribute time get the record's if the event has none.
//
// Errors are those of this package, each with a Class.
func (d *Decoder) Decode(ctx context.Context, rec Record) (*Event, error) {
	if rec.Value == nil {
		return nil, fmt.Errorf("%w: the value is null", ErrMalformed)
	}
	found, err := validator.Find(rec.Value, rec.Headers, false)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	b, p, err := d.way(ctx, rec, found)
	if errors.Is(err, ErrUnknownSchema) {
		return nil, d.aged(err, rec.Topic+" "+found.Ref.String())
	}
	if err != nil {
		return nil, err
	}
	ev := &Event{Name: b.subject, Meta: metaOf(rec, found.Event), Raw: rec}
	ev.ID, ev.Time, ev.Subject = ev.Meta.ID, ev.Meta.Time, ev.Meta.Subject
	event, how, err := p.run(found.Payload, func() map[string]string { return ev.Meta.envelope(rec) }, !d.trust || p.from != p.to)
	if err != nil {
		return nil, err
	}
	ev.Upcast = how
	if ev.Data, err = b.decode(event); err != nil {
		return nil, fmt.Errorf("%s v%d into %s: %w: %w", b.subject, b.version, b.typ, ErrMalformed, unmarshalError(err))
	}
	if d.group != "" && d.registry.base != nil {
		d.registry.count(usageKey{d.group, rec.Topic, b.subject, p.from}, len(rec.Value))
	}
	return ev, nil
}

// way finds out what a record is bound to and how its event gets to the bound version.
func (d *Decoder) way(ctx context.Context, rec Record, found validator.Found) (*Binding, *plan, error) {
	b, version, err := d.writer(ctx, rec, found)
	if err != nil {
		return nil, nil, err
	}
	p, err := d.plan(ctx, b, version)
	return b, p, err
}

// unmarshalError takes values out of an error of encoding/json.
func unmarshalError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("member %q is not a %s", e.Field, e.Type)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at offset %d", e.Offset)
	}
	return errors.New("a member's own UnmarshalJSON refuses it")
}

// writer finds out which subject and version an event was written with.
func (d *Decoder) writer(ctx context.Context, rec Record, found validator.Found) (*Binding, int32, error) {
	subject := string(validator.TypeSubject(found.Type))
	if subject != "" && d.bindings[subject] == nil && found.How != validator.ByType {
		// the schema may go by another name than the type's; but if neither is bound there is no need to ask
		if !d.mayBind(found.Ref) {
			return nil, 0, d.unbound(subject)
		}
	}
	ref := found.Ref
	if found.How == validator.NoReference {
		var err error
		if ref, err = d.byTopic(ctx, rec, found.Payload); err != nil {
			return nil, 0, err
		}
	}
	if ref.GUID.IsZero() && ref.ID == 0 && ref.Version == 0 {
		return d.newest(ctx, ref.Subject, found.Payload)
	}
	entry, err := d.registry.cache.Entry(ctx, ref)
	if err != nil {
		return nil, 0, err
	}
	return d.bound(entry, ref, subject)
}

// mayBind says whether a reference can lead to a bound subject although the event's type names none.
func (d *Decoder) mayBind(ref validator.Ref) bool {
	return ref.Subject != "" && d.bindings[ref.Subject] != nil
}

// bound chooses the subject of an event among the places of its schema: the one that the type names, else the one
// that the reference names, else the first that is bound.
func (d *Decoder) bound(entry *validator.Entry, ref validator.Ref, subject string) (*Binding, int32, error) {
	if subject != "" {
		version := entry.In(subject)
		switch {
		case version == 0:
			return nil, 0, fmt.Errorf("%w: the type names %s, but the schema (%s) is not one of its versions", ErrMalformed, subject, ref)
		case d.bindings[subject] == nil:
			return nil, 0, d.unbound(subject)
		}
		return d.bindings[subject], version, nil
	}
	if ref.Subject != "" {
		if b := d.bindings[ref.Subject]; b != nil {
			return b, ref.Version, nil
		}
		return nil, 0, d.unbound(ref.Subject)
	}
	for _, v := range entry.Versions {
		if b := d.bindings[v.Subject]; b != nil {
			return b, entry.In(v.Subject), nil
		}
	}
	return nil, 0, d.unbound(ref.String())
}

func (d *Decoder) unbound(name string) error {
	if d.skip {
		return fmt.Errorf("%w: %s", ErrSkipped, name)
	}
	return fmt.Errorf("%w: %s", ErrUnbound, name)
}

// byTopic finds the reference of a record that carries none: by the discriminator of its topic's binding, else by the
// only subject of that.
func (d *Decoder) byTopic(ctx context.Context, rec Record, event []byte) (validator.Ref, error) {
	topic := rec.Topic
	if from := rec.Headers.Get(HeaderDLQTopic); from != "" && strings.HasSuffix(topic, redriveSuffix) {
		topic = from // a dead letter that came back is what it was
	}
	b, err := d.registry.binding(ctx, topic)
	if err != nil {
		return validator.Ref{}, err
	}
	if b != nil {
		if ref, ok := discriminate(b.Enforce, rec.Headers, event); ok {
			return ref, nil
		}
		if len(b.Values) == 1 {
			return validator.Ref{Subject: b.Values[0].Subject}, nil
		}
	}
	return validator.Ref{}, fmt.Errorf("topic %s: the record has no schema reference: %w", rec.Topic, ErrUnknownSchema)
}

// discriminate reads a subject, and perhaps a version, from where the topic's binding says they stand: a header, or
// members of the event.
func discriminate(enforce []byte, h Headers, event []byte) (validator.Ref, bool) {
	var e struct {
		Discriminator struct {
			Header  string `json:"header"`
			Type    string `json:"type"`
			Version string `json:"version"`
		} `json:"discriminator"`
	}
	if len(enforce) == 0 || json.Unmarshal(enforce, &e) != nil {
		return validator.Ref{}, false
	}
	var name []byte
	switch {
	case e.Discriminator.Header != "":
		name, _ = h.Last(e.Discriminator.Header)
	case e.Discriminator.Type != "":
		name, _ = validator.Member(event, e.Discriminator.Type)
	}
	subject := validator.TypeSubject(name)
	if subject == nil {
		return validator.Ref{}, false
	}
	ref := validator.Ref{Subject: string(subject)}
	if e.Discriminator.Version != "" {
		number, _ := validator.Member(event, e.Discriminator.Version)
		if err := json.Unmarshal(number, &ref.Version); err != nil || ref.Version < 1 {
			ref.Version = 0
		}
	}
	return ref, true
}

// newest finds the version of an event whose reference names a subject only: the newest of at most MaxAny under which
// it is valid, so that what was once let in as the latest stays readable.
func (d *Decoder) newest(ctx context.Context, subject string, event []byte) (*Binding, int32, error) {
	b := d.bindings[subject]
	if b == nil {
		return nil, 0, d.unbound(subject)
	}
	numbers, err := d.registry.subjectVersions(ctx, subject)
	if err != nil {
		return nil, 0, err
	}
	var first error
	for _, version := range numbers[:min(len(numbers), MaxAny)] {
		entry, err := d.registry.cache.Entry(ctx, validator.Ref{Subject: subject, Version: version})
		if err != nil {
			return nil, 0, err
		}
		if entry.Broken != nil {
			continue
		}
		p := plan{subject: subject, to: version, target: entry.Schema}
		err = p.check(event)
		if err == nil {
			return b, version, nil
		}
		if errors.Is(err, ErrMalformed) {
			return nil, 0, err
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return nil, 0, fmt.Errorf("%s: %w", subject, ErrUnknownSchema)
	}
	return nil, 0, first
}

// plan returns the plan from a writer's version to the bound one.
func (d *Decoder) plan(ctx context.Context, b *Binding, version int32) (*plan, error) {
	d.registry.refresh()
	key := planKey{b.subject, version}
	if known, ok := d.plans.Load(key); ok {
		if p := known.(*plan); p.generation == d.registry.generation.Load() {
			return p, nil
		}
	}
	p, err := d.registry.plan(ctx, b.subject, version, b.version)
	if err != nil {
		return nil, err
	}
	if d.planned.Add(1) > maxPlans {
		d.plans.Clear()
		d.planned.Store(1)
	}
	d.plans.Store(key, p)
	return p, nil
}

// aged gives an unknown reference its age since this Decoder first met it. One that stays unknown begins anew after
// twice the grace, so that a reference met again a day later is given time again.
func (d *Decoder) aged(err error, key string) error {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	since, ok := d.unknown[key]
	if !ok || now.Sub(since) > 2*UnknownGrace {
		if len(d.unknown) >= maxUnknown {
			clear(d.unknown)
		}
		since = now
		d.unknown[key] = since
	}
	return &unknownError{err: err, age: now.Sub(since)}
}
