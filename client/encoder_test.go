package client_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/validator"
)

func encoder(t *testing.T, r *client.Registry, options ...client.EncoderOption) *client.Encoder {
	t.Helper()
	e, err := client.NewEncoder(r, append([]client.EncoderOption{client.Source("/services/orders"), client.TypePrefix("com.example")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func anOrder(t *testing.T) *OrderPlaced {
	t.Helper()
	var order OrderPlaced
	if err := json.Unmarshal([]byte(placed[3]), &order); err != nil {
		t.Fatal(err)
	}
	return &order
}

func TestEncode(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	r := open(t, "http://user:secret@registry:8081/base/", client.WithLock(lockBytes(t, lock)))
	e := encoder(t, r, client.For[OrderPlaced](orderPlaced, 3))
	guid := guidOf(t, lock, orderPlaced, 3)
	at := time.Date(2026, 3, 4, 6, 6, 7, 890, time.FixedZone("", 3600))
	rec, err := e.Encode(t.Context(), client.Event{
		Data: anOrder(t), Subject: "ORD-1", ID: "e-2", Time: at, Attributes: map[string]string{"sequence": "7", "aggregateversion": "1"},
		Cause: &client.Event{Meta: client.Meta{ID: "e-1", CorrelationID: "c-1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := client.Record{
		Key: []byte("ORD-1"), Value: []byte(placed[3]),
		Headers: client.Headers{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("e-2")},
			{Key: "ce_type", Value: []byte("com.example.orders.OrderPlaced")},
			{Key: "ce_source", Value: []byte("/services/orders")},
			{Key: "ce_time", Value: []byte("2026-03-04T05:06:07.00000089Z")},
			{Key: "ce_subject", Value: []byte("ORD-1")},
			{Key: "ce_partitionkey", Value: []byte("ORD-1")},
			{Key: "ce_dataschema", Value: []byte("http://registry:8081/base/schemas/guids/" + guid.String())},
			{Key: "ce_correlationid", Value: []byte("c-1")},
			{Key: "ce_causationid", Value: []byte("e-1")},
			{Key: "ce_aggregateversion", Value: []byte("1")},
			{Key: "ce_sequence", Value: []byte("7")},
			{Key: "content-type", Value: []byte("application/json")},
			{Key: "__value_schema_id", Value: validator.AppendGUID(nil, guid)},
		},
	}
	if diff := cmp.Diff(want, rec); diff != "" {
		t.Errorf("Encode (-want +got):\n%s", diff)
	}
	ev, err := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3)).Decode(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(anOrder(t), ev.Data); diff != "" {
		t.Errorf("decoded again (-want +got):\n%s", diff)
	}
}

func TestEncodeBeginsAChain(t *testing.T) {
	r := open(t, "", client.WithLock(lockBytes(t, lockOf(t, orderPlaced))))
	e := encoder(t, r, client.For[OrderPlaced](orderPlaced, 3))
	rec, err := e.Encode(t.Context(), client.Event{Data: *anOrder(t)})
	if err != nil {
		t.Fatal(err)
	}
	id := rec.Headers.Get("ce_id")
	guid, err := validator.ParseGUID(id)
	if err != nil || guid[6]>>4 != 7 || guid[8]>>6 != 2 {
		t.Errorf("id %q is no UUID of version 7: %v", id, err)
	}
	if rec.Headers.Get("ce_correlationid") != id || rec.Headers.Get("ce_causationid") != "" || rec.Key != nil {
		t.Errorf("headers %v, key %q, want its own id as correlation, no cause, no key", rec.Headers, rec.Key)
	}
	if at, err := time.Parse(time.RFC3339Nano, rec.Headers.Get("ce_time")); err != nil || time.Since(at) > time.Minute {
		t.Errorf("ce_time %q: %v, want now", rec.Headers.Get("ce_time"), err)
	}
	// the next one takes the chain on
	ev, err := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3)).Decode(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	next, err := e.Encode(t.Context(), client.Event{Data: anOrder(t), Cause: ev})
	if err != nil || next.Headers.Get("ce_correlationid") != id || next.Headers.Get("ce_causationid") != id {
		t.Errorf("next: %v, %v, want correlation and causation %s", next.Headers, err, id)
	}
}

func TestEncodeAtAnOlderVersion(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	r := open(t, "", client.WithLock(lockBytes(t, lock)))
	e := encoder(t, r, client.For[OrderPlaced](orderPlaced, 3, client.At(2)), client.PrefixFraming())
	rec, err := e.Encode(t.Context(), client.Event{Data: anOrder(t)})
	if err != nil {
		t.Fatal(err)
	}
	ref, payload, err := validator.ParseFrame(rec.Value)
	if err != nil || rec.Headers.Get("__value_schema_id") != "" {
		t.Fatalf("ParseFrame = %v, headers %v, want a prefix and no header", err, rec.Headers)
	}
	if ref.ID != lock.Subjects[1].Versions[1].ID || !strings.Contains(string(payload), `"totalAmount":39.98`) || !strings.Contains(string(payload), `"currency":"EUR"`) {
		t.Errorf("Encode = %v %s, want version 2", ref, payload)
	}
}

func TestEncodeRefuses(t *testing.T) {
	r := open(t, "", client.WithLock(lockBytes(t, lockOf(t, orderPlaced))))
	e := encoder(t, r, client.For[OrderPlaced](orderPlaced, 3))
	bad := anOrder(t)
	bad.Lines = bad.Lines[:0]
	_, err := e.Encode(t.Context(), client.Event{Data: bad})
	invalid, ok := errors.AsType[*client.InvalidError](err)
	if !ok || invalid.Subject != orderPlaced || invalid.Version != 3 || invalid.Violations[0].Pointer != "/lines" {
		t.Errorf("no lines: Encode = %v, want an InvalidError at /lines", err)
	}
	if again := e.Check(t.Context(), bad); again == nil || again.Error() != err.Error() {
		t.Errorf("Check = %v, want %v", again, err)
	}
	if err := e.Check(t.Context(), anOrder(t)); err != nil {
		t.Errorf("Check of a good order = %v", err)
	}
	huge := anOrder(t)
	huge.Customer.GivenName = strings.Repeat("A", client.MaxEncodedBytes)
	for _, c := range []struct {
		ev   client.Event
		want error
	}{
		{client.Event{Data: huge}, client.ErrTooLarge},
		{client.Event{Data: OrderPlacedV1{}}, client.ErrUnbound},
		{client.Event{}, client.ErrUnbound},
	} {
		if _, err := e.Encode(t.Context(), c.ev); !errors.Is(err, c.want) {
			t.Errorf("Encode(%T) = %v, want %v", c.ev.Data, err, c.want)
		}
	}
	for _, name := range []string{"", "Sequence", "a_b", "time", "id"} {
		if _, err := e.Encode(t.Context(), client.Event{Data: anOrder(t), Attributes: map[string]string{name: "x"}}); err == nil {
			t.Errorf("Encode accepts the attribute %q", name)
		}
	}
}

func TestNewEncoderRefuses(t *testing.T) {
	r := open(t, "", client.WithLock(lockBytes(t, lockOf(t, orderPlaced))))
	for _, options := range [][]client.EncoderOption{
		{client.Source("/s")},
		{client.For[OrderPlaced](orderPlaced, 3)},
		{client.Source("/s"), client.For[OrderPlaced](orderPlaced, 3), client.For[OrderPlaced](orderPlaced, 2)},
		{client.Source("/s"), client.For[OrderPlaced](orderPlaced, 3, client.At(4))},
	} {
		if e, err := client.NewEncoder(r, options...); err == nil {
			t.Errorf("NewEncoder = %v, want an error", e)
		}
	}
}

func TestDeadLetter(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	d := decoder(t, open(t, "", client.WithLock(lockBytes(t, lock))), client.For[OrderPlaced](orderPlaced, 3))
	rec := record(guidOf(t, lock, orderPlaced, 2), orderPlaced, strings.Replace(placed[2], "19.99", "19.999", 1))
	rec.Time = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	_, err := d.Decode(t.Context(), rec)
	dead := client.DeadLetter(rec, "payments", 1, err)
	if dead.Topic != "payments.dlq" || string(dead.Value) != string(rec.Value) || string(dead.Key) != "ORD-1" {
		t.Errorf("DeadLetter = %+v, want key and value as they were, to payments.dlq", dead)
	}
	if diff := cmp.Diff(rec.Headers, dead.Headers[:len(rec.Headers)]); diff != "" {
		t.Errorf("original headers (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"dlq-group": "payments", "dlq-topic": "orders.events", "dlq-partition": "3", "dlq-offset": "42", "dlq-timestamp": "2026-03-04T05:06:07Z",
		"dlq-service": "payments", "dlq-class": "poison", "dlq-pointer": "/lines/*/unitPrice", "dlq-op": "scale", "dlq-attempts": "1", "dlq-replays": "0",
		"dlq-error": "orders.OrderPlaced v2 to v3: ops[4] scale /lines/*/unitPrice: does not come out whole",
	} {
		if got := dead.Headers.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	first := dead.Headers.Get("dlq-first")
	if _, err := time.Parse(time.RFC3339Nano, first); err != nil || first != dead.Headers.Get("dlq-last") {
		t.Errorf("dlq-first %q, dlq-last %q", first, dead.Headers.Get("dlq-last"))
	}
	// redriven and failed again: where it came from and when stays
	redriven := dead
	redriven.Topic, redriven.Offset = "payments.redrive", 7
	again := client.DeadLetter(redriven, "payments", 5, errors.New("handler: no such customer"))
	if len(again.Headers) != len(dead.Headers)-2 {
		t.Errorf("%d headers after %d, want pointer and op gone and none twice", len(again.Headers), len(dead.Headers))
	}
	for name, want := range map[string]string{
		"dlq-topic": "orders.events", "dlq-offset": "42", "dlq-first": first, "dlq-class": "error", "dlq-attempts": "5", "dlq-replays": "1", "dlq-op": "",
	} {
		if got := again.Headers.Get(name); got != want {
			t.Errorf("redriven: %s = %q, want %q", name, got, want)
		}
	}
	if n := number(t, again.Headers, "dlq-replays"); n != 1 {
		t.Errorf("dlq-replays = %d", n)
	}
}
