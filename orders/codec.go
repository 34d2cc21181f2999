package orders

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

// bindings ties every message to the struct and the version that the services are built for.
func bindings() map[string]client.Binding {
	all := map[string]client.Binding{}
	for _, b := range []struct {
		data    any
		binding func(subject string, version int) client.Binding
	}{
		{event.PlaceOrder{}, bind[event.PlaceOrder]},
		{event.CancelOrder{}, bind[event.CancelOrder]},
		{event.OrderPlaced{}, bind[event.OrderPlaced]},
		{event.OrderStatusChanged{}, bind[event.OrderStatusChanged]},
		{event.OrderCancelled{}, bind[event.OrderCancelled]},
		{event.OrderCompleted{}, bind[event.OrderCompleted]},
		{event.PaymentProcessed{}, bind[event.PaymentProcessed]},
		{event.PaymentFailed{}, bind[event.PaymentFailed]},
		{event.PaymentRefunded{}, bind[event.PaymentRefunded]},
		{event.RefundFailed{}, bind[event.RefundFailed]},
		{event.InventoryReserved{}, bind[event.InventoryReserved]},
		{event.InventoryReleased{}, bind[event.InventoryReleased]},
		{event.InventoryUpdated{}, bind[event.InventoryUpdated]},
		{event.ProductOutOfStock{}, bind[event.ProductOutOfStock]},
		{event.OrderShipped{}, bind[event.OrderShipped]},
		{event.ShipmentDelivered{}, bind[event.ShipmentDelivered]},
		{event.ShipmentFailed{}, bind[event.ShipmentFailed]},
		{event.NotificationSent{}, bind[event.NotificationSent]},
		{event.NotificationFailed{}, bind[event.NotificationFailed]},
		{event.CustomerRegistered{}, bind[event.CustomerRegistered]},
	} {
		k, _ := event.KindOf(b.data)
		all[k.Subject] = b.binding(k.Subject, k.Version)
	}
	return all
}

func bind[T any](subject string, version int) client.Binding { return client.For[T](subject, version) }

// A codec is the services' way to package client: records there and back, errors sorted.
type codec struct {
	registry *client.Registry
	bindings map[string]client.Binding
	all      *client.Decoder // reads every message: commands from HTTP, and the orders service's own streams
}

func newCodec(c Config) (*codec, error) {
	var options []client.Option
	if c.Lock != nil {
		options = append(options, client.WithLock(c.Lock))
	}
	if c.Token != nil {
		options = append(options, client.WithTokenFrom(c.Token))
	}
	registry, err := client.Open(c.Registry, options...)
	if err != nil {
		return nil, err
	}
	out := &codec{registry: registry, bindings: bindings()}
	var every []client.DecoderOption
	for _, b := range out.bindings {
		every = append(every, b)
	}
	out.all, err = client.NewDecoder(registry, every...)
	return out, errors.Join(err)
}

func (c *codec) close() error { return c.registry.Close() }

// encoder makes the encoder of one service, for the messages of its own domain; nil for a service that sends none.
func (c *codec) encoder(service string) (journal.Encoder, error) {
	options := []client.EncoderOption{client.Source("/services/" + service), client.TypePrefix(strings.TrimSuffix(event.TypePrefix, "."))}
	for subject, b := range c.bindings {
		if strings.HasPrefix(subject, service+".") {
			options = append(options, b)
		}
	}
	if len(options) == 2 {
		return nil, nil
	}
	e, err := client.NewEncoder(c.registry, options...)
	return &encoder{e, "/services/" + service}, err
}

// An encoder writes one service's messages.
type encoder struct {
	client *client.Encoder
	source string
}

// Encode implements journal.Encoder.
func (e *encoder) Encode(ctx context.Context, data any, subject string, cause event.Meta) (journal.Record, event.Meta, error) {
	kind, _ := event.KindOf(data)
	m := event.Meta{ID: client.NewID(), Type: kind.Type(), Source: e.source, Subject: subject, Time: time.Now().UTC(), Causation: cause.ID}
	m.Correlation = m.ID
	ev := client.Event{Data: data, Subject: subject, ID: m.ID, Time: m.Time}
	if cause.ID != "" {
		ev.Cause = &client.Event{Meta: client.Meta{ID: cause.ID, CorrelationID: cause.Correlation}}
		if m.Correlation = cause.Correlation; m.Correlation == "" {
			m.Correlation = cause.ID
		}
	}
	rec, err := e.client.Encode(ctx, ev)
	if err != nil {
		return journal.Record{}, event.Meta{}, err
	}
	return fromClient(rec), m, nil
}

// decoder makes the decoder of one service, for what it reads; group is its consumer group, which the registry is told.
func (c *codec) decoder(group string, routes []consume.Route) (consume.Decoder, error) {
	options := []client.DecoderOption{client.OnUnknown(client.Skip), client.WithGroup(group)}
	for _, r := range routes {
		options = append(options, c.bindings[r.Kind.Subject])
	}
	d, err := client.NewDecoder(c.registry, options...)
	return &decoder{d}, err
}

// A decoder reads one service's messages.
type decoder struct{ client *client.Decoder }

// Decode implements consume.Decoder.
func (d *decoder) Decode(ctx context.Context, r journal.Record) (any, event.Meta, error) {
	ev, err := d.client.Decode(ctx, toClient(r))
	if err != nil {
		return nil, event.Meta{}, err
	}
	m := event.Meta{
		ID: ev.Meta.ID, Type: ev.Meta.Type, Source: ev.Meta.Source, Subject: ev.Meta.Subject, Time: ev.Meta.Time,
		Correlation: ev.Meta.CorrelationID, Causation: ev.Meta.CausationID, Replay: r.Header("accord-replay") != "",
	}
	if m.Type == "" { // a record that says its schema and is no CloudEvent
		m.Type = event.TypePrefix + ev.Name
	}
	m.Version, _ = strconv.ParseInt(ev.Meta.Extensions["aggregateversion"], 10, 64) // 0 = not said
	return ev.Data, m, nil
}

// Class implements consume.Decoder.
func (d *decoder) Class(err error) consume.Class {
	switch client.Class(err) {
	case client.Retry:
		return consume.Retry
	case client.Poison:
		return consume.Poison
	case client.Skip:
		return consume.Skip
	}
	return consume.Other
}

// DeadLetter implements consume.Decoder.
func (d *decoder) DeadLetter(r journal.Record, group string, tries int, err error) journal.Record {
	return fromClient(client.DeadLetter(toClient(r), group, tries, err))
}

// command judges a request body as a registered message and reads it. The body's own faults come back as a problem with
// JSON Pointers.
func command[T any](ctx context.Context, c *codec, body []byte) (*T, error) {
	kind, _ := event.KindOf(new(T))
	rec := client.Record{Value: body, Headers: client.Headers{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: []byte(client.NewID())},
		{Key: "ce_source", Value: []byte("/http")},
		{Key: "ce_type", Value: []byte(kind.Type())},
		{Key: "content-type", Value: []byte("application/json")},
		{Key: "ce_dataschema", Value: []byte("/subjects/" + kind.Subject + "/versions/" + strconv.Itoa(kind.Version))},
	}}
	ev, err := c.all.Decode(ctx, rec)
	if err != nil {
		if errors.Is(err, client.ErrMalformed) {
			return nil, fault(http.StatusBadRequest, "the body is not JSON, or has a name twice")
		}
		return nil, err
	}
	return ev.Data.(*T), nil
}

func toClient(r journal.Record) client.Record {
	out := client.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, client.Header(h))
	}
	return out
}

func fromClient(r client.Record) journal.Record {
	out := journal.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, journal.Header(h))
	}
	return out
}
