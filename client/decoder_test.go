package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/validator"
)

func TestDecodeEveryVersionAsTheNewest(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	d := decoder(t, open(t, "", client.WithLock(lockBytes(t, lock))), client.For[OrderPlaced](orderPlaced, 3))
	invented := []string{"/lines/*/unitPrice/currency", "/placedAt"}
	for version, inferred := range map[int][]string{1: append(invented, "/total/currency"), 2: invented, 3: nil} {
		rec := record(guidOf(t, lock, orderPlaced, version), orderPlaced, placed[version])
		ev, err := d.Decode(t.Context(), rec)
		if err != nil {
			t.Errorf("v%d: %v", version, err)
			continue
		}
		order := ev.Data.(*OrderPlaced)
		currency := "EUR"
		if version == 1 {
			currency = "USD"
		}
		if order.Customer.GivenName != "Ada" || order.Total != (Money{3998, currency}) || order.Lines[0].UnitPrice != (Money{1999, currency}) ||
			order.Channel != "MOBILE_APP" || order.PlacedAt != "2026-03-04T05:06:07Z" {
			t.Errorf("v%d: decoded %+v", version, order)
		}
		want := client.Upcast{From: version, To: 3, Inferred: inferred}
		if version != 3 {
			want.Rev = 1
		}
		if diff := cmp.Diff(want, ev.Upcast); diff != "" {
			t.Errorf("v%d: Upcast (-want +got):\n%s", version, diff)
		}
		meta := client.Meta{
			ID: "e-1", Type: "com.example.orders.OrderPlaced", Source: "/services/orders", Subject: "ORD-1", CorrelationID: "c-1",
			Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Extensions: map[string]string{"aggregateversion": "1"},
		}
		if diff := cmp.Diff(meta, ev.Meta); diff != "" {
			t.Errorf("v%d: Meta (-want +got):\n%s", version, diff)
		}
		if ev.Name != orderPlaced || ev.Subject != "ORD-1" || string(ev.Raw.Value) != placed[version] {
			t.Errorf("v%d: Name %q, Subject %q, Raw %s", version, ev.Name, ev.Subject, ev.Raw.Value)
		}
	}
}

func TestDecodeNewerThanPinGoesDown(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	d := decoder(t, open(t, "", client.WithLock(lockBytes(t, lock))), client.For[OrderPlacedV1](orderPlaced, 1))
	ev, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 3), orderPlaced, placed[3]))
	if err != nil {
		t.Fatal(err)
	}
	order := ev.Data.(*OrderPlacedV1)
	if order.CustomerName != "Ada Lovelace" || order.Items[0].Price != "19.99" || order.TotalAmount != "39.98" {
		t.Errorf("decoded %+v", order)
	}
	// the amounts' currency cannot be said in version 1; that is lost, and placedAt is the envelope's
	if diff := cmp.Diff(client.Upcast{From: 3, To: 1, Rev: 1, Lost: []string{"/total/currency"}}, ev.Upcast); diff != "" {
		t.Errorf("Upcast (-want +got):\n%s", diff)
	}
}

func TestDecodeFindsTheSchemaInEveryForm(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	d := decoder(t, open(t, "", client.WithLock(lockBytes(t, lock))), client.For[OrderPlaced](orderPlaced, 3))
	guid := guidOf(t, lock, orderPlaced, 2)
	var id int32
	for _, v := range lock.Subjects[1].Versions {
		if v.Version == 2 {
			id = v.ID
		}
	}
	value := []byte(placed[2])
	structured := []byte(`{"specversion":"1.0","id":"e-1","source":"/s","type":"com.example.orders.OrderPlaced","time":"2026-03-04T05:06:07Z","data":` + placed[2] + `}`)
	h := func(pairs ...string) (out client.Headers) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, client.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return append(out, client.Header{Key: "ce_time", Value: []byte("2026-03-04T05:06:07Z")})
	}
	for _, c := range []struct {
		name string
		rec  client.Record
	}{
		{"guid header", client.Record{Value: value, Headers: h("__value_schema_id", string(validator.AppendGUID(nil, guid)))}},
		{"id header", client.Record{Value: value, Headers: h("__value_schema_id", string(validator.AppendID(nil, id)))}},
		{"guid prefix", client.Record{Value: append(validator.AppendGUID(nil, guid), value...), Headers: h()}},
		{"id prefix", client.Record{Value: append(validator.AppendID(nil, id), value...), Headers: h()}},
		{"dataschema", client.Record{Value: value, Headers: h("ce_dataschema", "https://schemas.example.com/orders.OrderPlaced/2")}},
		{"type alone", client.Record{Value: value, Headers: h("ce_type", "com.example.orders.OrderPlaced")}},
		{"structured", client.Record{Value: structured, Headers: h("content-type", "application/cloudevents+json")}},
	} {
		ev, err := d.Decode(t.Context(), c.rec)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if ev.Upcast.From != 2 || ev.Data.(*OrderPlaced).Total != (Money{3998, "EUR"}) {
			t.Errorf("%s: decoded %+v, %+v", c.name, ev.Data, ev.Upcast)
		}
	}
}

func TestDecodeErrorsHaveAClass(t *testing.T) {
	const completed = "orders.OrderCompleted"
	lock := lockOf(t, orderPlaced, completed)
	guid := guidOf(t, lock, orderPlaced, 3)
	r := open(t, "", client.WithLock(lockBytes(t, lock)))
	fails := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3))
	skips := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3), client.OnUnknown(client.Skip))
	old := guidOf(t, lock, orderPlaced, 2)
	null := record(guid, orderPlaced, "")
	null.Value = nil
	for _, c := range []struct {
		name  string
		d     *client.Decoder
		rec   client.Record
		is    error
		class client.Classification
		text  string
	}{
		{"not JSON", fails, record(guid, orderPlaced, `{"orderId":`), client.ErrMalformed, client.Poison, ""},
		{"not JSON on the way up", fails, record(old, orderPlaced, `{"orderId":`), client.ErrMalformed, client.Poison, ""},
		{"a name twice", fails, record(guid, orderPlaced, `{"a":1,"a":1}`), client.ErrMalformed, client.Poison, ""},
		{"empty", fails, record(guid, orderPlaced, ``), client.ErrMalformed, client.Poison, ""},
		{"null", fails, null, client.ErrMalformed, client.Poison, "null"},
		{"broken frame", fails, record(guid, orderPlaced, "\x00\x00"), client.ErrMalformed, client.Poison, ""},
		{"type and schema disagree", fails, record(guidOf(t, lock, completed, 1), orderPlaced, `{}`), client.ErrMalformed, client.Poison, "not one of its versions"},
		{"unknown schema", fails, record(validator.GUID{1}, orderPlaced, placed[3]), client.ErrUnknownSchema, client.Retry, ""},
		{"no reference", fails, client.Record{Topic: "orders.events", Value: []byte(placed[3])}, client.ErrUnknownSchema, client.Retry, "topic orders.events"},
		{"another subject", fails, record(guidOf(t, lock, completed, 1), completed, `{}`), client.ErrUnbound, client.Poison, completed},
		{"another subject, skipped", skips, record(guidOf(t, lock, completed, 1), completed, `{}`), client.ErrSkipped, client.Skip, completed},
		{"another subject, unknown, skipped", skips, record(validator.GUID{1}, completed, `{}`), client.ErrSkipped, client.Skip, completed},
	} {
		ev, err := c.d.Decode(t.Context(), c.rec)
		if !errors.Is(err, c.is) || client.Class(err) != c.class || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: Decode = %+v, %v (class %q), want %v, class %q", c.name, ev, err, client.Class(err), c.is, c.class)
		}
	}
	_, err := fails.Decode(t.Context(), record(guid, orderPlaced, strings.Replace(placed[3], `"EUR"}}]`, `"euro"}}]`, 1)))
	invalid, ok := errors.AsType[*client.InvalidError](err)
	if !ok || invalid.Version != 3 || invalid.Subject != orderPlaced || client.Class(err) != client.Poison || strings.Contains(err.Error(), "euro\"") {
		t.Errorf("invalid: Decode = %v, want an InvalidError of v3 without values", err)
	}
	_, err = fails.Decode(t.Context(), record(old, orderPlaced, strings.Replace(placed[2], "19.99", "19.999", 1)))
	refused, ok := errors.AsType[*client.UpcastError](err)
	if !ok || client.Class(err) != client.Poison {
		t.Fatalf("lens refuses: Decode = %v, want an UpcastError", err)
	}
	want := client.UpcastError{
		Subject: orderPlaced, From: 2, To: 3, Op: "scale", Index: 4, Pointer: "/lines/*/unitPrice", Reason: "does not come out whole",
	}
	if diff := cmp.Diff(want, *refused); diff != "" {
		t.Errorf("UpcastError (-want +got):\n%s", diff)
	}
}

func TestDecodeAcrossAGap(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	lock.Subjects[1].Versions[1].Lens = nil
	d := decoder(t, open(t, "", client.WithLock(lockBytes(t, lock))), client.For[OrderPlaced](orderPlaced, 3))
	_, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 1), orderPlaced, placed[1]))
	if !errors.Is(err, client.ErrNoPath) || client.Class(err) != client.Poison || !strings.Contains(err.Error(), "from version 1 to 2") {
		t.Errorf("Decode = %v, want ErrNoPath that names the gap", err)
	}
}

func TestDecodeAStepWithoutLensThatFits(t *testing.T) {
	l := client.Lock{Subjects: []client.LockSubject{{Subject: "a.B", Versions: []client.LockVersion{
		{Version: 1, GUID: validator.GUID{1}, Schema: []byte(`{"properties":{"n":{"type":"integer"}}}`)},
		{Version: 2, GUID: validator.GUID{2}, Schema: []byte(`{"properties":{"n":{"type":"number"}}}`)},
	}}}}
	d := decoder(t, open(t, "", client.WithLock(lockBytes(t, l))), client.For[struct{ N float64 }]("a.B", 2))
	ev, err := d.Decode(t.Context(), record(validator.GUID{1}, "a.B", `{"n":1}`))
	if err != nil || ev.Upcast.From != 1 || ev.Upcast.To != 2 {
		t.Errorf("Decode = %+v, %v, want the event as it is", ev, err)
	}
}

// Version 2 was purged before version 3 came; the lens to 3 then leads from 1.
func TestDecodeAcrossAPurgedVersion(t *testing.T) {
	l := client.Lock{Subjects: []client.LockSubject{{Subject: "a.B", Versions: []client.LockVersion{
		{Version: 1, ID: 1, GUID: validator.GUID{1}, Schema: []byte(`{"required":["n"]}`)},
		{Version: 3, ID: 3, GUID: validator.GUID{3}, Schema: []byte(`{"required":["m"]}`), Lens: []byte(`{"from":1,"ops":[{"op":"rename","from":"/n","to":"/m"}]}`), Rev: 4},
		{Version: 4, ID: 4, GUID: validator.GUID{4}, Schema: []byte(`{"required":["k"]}`), Lens: []byte(`{"ops":[{"op":"rename","from":"/m","to":"/k"}]}`), Rev: 1},
	}}}}
	s := newRoutes(l)
	for _, r := range []*client.Registry{open(t, "", client.WithLock(lockBytes(t, l))), open(t, "http://registry", client.WithHTTP(s.client()))} {
		d := decoder(t, r, client.For[struct{ K int }]("a.B", 4))
		ev, err := d.Decode(t.Context(), record(validator.GUID{1}, "a.B", `{"n":1}`))
		if err != nil || ev.Data.(*struct{ K int }).K != 1 {
			t.Fatalf("Decode = %+v, %v, want n as k", ev, err)
		}
		if diff := cmp.Diff(client.Upcast{From: 1, To: 4, Rev: 4}, ev.Upcast); diff != "" {
			t.Errorf("Upcast (-want +got):\n%s", diff)
		}
	}
}

func TestUnknownSchemaTurnsPoisonAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := decoder(t, open(t, "", client.WithLock(lockBytes(t, lockOf(t, orderPlaced)))), client.For[OrderPlaced](orderPlaced, 3))
		class := func() client.Classification {
			_, err := d.Decode(t.Context(), record(validator.GUID{1}, orderPlaced, placed[3]))
			return client.Class(fmt.Errorf("wrapped: %w", err))
		}
		if c := class(); c != client.Retry {
			t.Errorf("at once: class %q, want retry", c)
		}
		time.Sleep(client.UnknownGrace - time.Second)
		if c := class(); c != client.Retry {
			t.Errorf("before the grace is over: class %q, want retry", c)
		}
		time.Sleep(time.Second)
		if c := class(); c != client.Poison {
			t.Errorf("after the grace: class %q, want poison", c)
		}
	})
}

func TestTrustProducers(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	r := open(t, "", client.WithLock(lockBytes(t, lock)))
	d := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3), client.TrustProducers())
	odd := strings.Replace(placed[3], `"EUR"}}]`, `"euro"}}]`, 1)
	if ev, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 3), orderPlaced, odd)); err != nil || ev.Data.(*OrderPlaced).Lines[0].UnitPrice.Currency != "euro" {
		t.Errorf("its own version: %+v, %v, want the event unseen", ev, err)
	}
	_, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 2), orderPlaced, strings.Replace(placed[2], `"EUR"`, `"euro"`, 1)))
	if _, ok := errors.AsType[*client.InvalidError](err); !ok {
		t.Errorf("what a lens made: %v, want an InvalidError all the same", err)
	}
}

func TestNewDecoderRefuses(t *testing.T) {
	r := open(t, "", client.WithLock(lockBytes(t, lockOf(t, orderPlaced))))
	for _, options := range [][]client.DecoderOption{
		nil,
		{client.OnUnknown(client.Skip)},
		{client.For[OrderPlaced]("", 3)},
		{client.For[OrderPlaced](orderPlaced, 0)},
		{client.For[OrderPlaced](orderPlaced, 3), client.For[OrderPlacedV1](orderPlaced, 1)},
		{client.For[OrderPlaced](orderPlaced, 3), client.OnUnknown(client.Retry)},
		{client.Binding{}},
	} {
		if d, err := client.NewDecoder(r, options...); err == nil {
			t.Errorf("NewDecoder(%v) = %v, want an error", options, d)
		}
	}
}

func TestClassOfOtherErrors(t *testing.T) {
	if c := client.Class(nil); c != "" {
		t.Errorf("Class(nil) = %q", c)
	}
	if c := client.Class(context.Canceled); c != "" {
		t.Errorf("Class(canceled) = %q, want none", c)
	}
	if c := client.Class(fmt.Errorf("x: %w", client.ErrUnavailable)); c != client.Retry {
		t.Errorf("Class(unavailable) = %q, want retry", c)
	}
}
