package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/inventory"
	"github.com/accordhq/accord/orders/journal"
)

// plain is encoder and decoder without schemas.
type plain struct{ n atomic.Int64 }

func (p *plain) Encode(_ context.Context, data any, subject string, cause event.Meta) (journal.Record, event.Meta, error) {
	value, err := json.Marshal(data)
	k, _ := event.KindOf(data)
	return journal.Record{Value: value}, event.Meta{ID: strconv.FormatInt(p.n.Add(1), 10), Type: k.Type(), Subject: subject, Causation: cause.ID}, err
}

func (p *plain) Decode(_ context.Context, r journal.Record) (any, event.Meta, error) {
	for _, k := range event.Kinds() {
		if k.Type() == r.Header("ce_type") {
			data := k.New()
			return data, event.Meta{ID: r.Header("ce_id"), Type: k.Type()}, json.Unmarshal(r.Value, data)
		}
	}
	return nil, event.Meta{}, fmt.Errorf("no kind for %s", r.Header("ce_type"))
}

func (p *plain) Class(error) consume.Class { return consume.Other }

func (p *plain) DeadLetter(r journal.Record, _ string, _ int, _ error) journal.Record { return r }

type shelf struct {
	consumer *consume.Consumer
	store    *journal.Store
	next     atomic.Int64
}

func newShelf(t *testing.T, stock map[string]int64) *shelf {
	t.Helper()
	codec := &plain{}
	store, err := journal.Open(t.Context(), journal.Config{
		URL: "sqlite:" + t.TempDir(), Service: "inventory", Encoder: codec, Tables: append(consume.Tables(), inventory.Tables()...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	service := &inventory.Service{Store: store}
	if err := service.Fill(t.Context(), stock); err != nil {
		t.Fatal(err)
	}
	return &shelf{store: store, consumer: &consume.Consumer{
		Group: "inventory", Store: store, Decoder: codec, Routes: service.Routes(), Log: slog.New(slog.DiscardHandler),
	}}
}

// handle brings one event on a partition of its own, as if many instances worked.
func (s *shelf) handle(t *testing.T, data any) {
	n := s.next.Add(1)
	value, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := event.KindOf(data)
	err = s.consumer.Process(t.Context(), []journal.Record{{Topic: k.Topic, Partition: int32(n), Value: value, Headers: []journal.Header{
		{Key: "ce_type", Value: []byte(k.Type())}, {Key: "ce_id", Value: strconv.AppendInt(nil, n, 10)},
	}}}, false)
	if err != nil {
		t.Error(err)
	}
}

func (s *shelf) count(t *testing.T, query string) (n int64) {
	t.Helper()
	if err := s.store.View().QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func order(id string, lines ...event.PricedLine) event.OrderPlaced {
	return event.OrderPlaced{OrderID: id, Lines: lines}
}

// B10: twenty orders want the last ten pieces; nobody gets half of what was ordered.
func TestLastPiecesAreReservedOnce(t *testing.T) {
	s := newShelf(t, map[string]int64{"PROD-101": 10, "PROD-102": 100})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			s.handle(t, order(fmt.Sprintf("ORD-%d", i), event.PricedLine{SKU: "PROD-102", Quantity: 1}, event.PricedLine{SKU: "PROD-101", Quantity: 1}))
		})
	}
	wg.Wait()
	if got := s.count(t, `SELECT COUNT(*) FROM reservations WHERE state = 'reserved'`); got != 10 {
		t.Errorf("%d orders reserved, want 10", got)
	}
	if got := s.count(t, `SELECT on_hand FROM stock WHERE sku = 'PROD-102'`); got != 90 {
		t.Errorf("%d of PROD-102 on hand, want 90: a refused order must hold nothing", got)
	}
	if got := s.count(t, `SELECT COUNT(*) FROM events WHERE type LIKE '%ProductOutOfStock'`); got != 10 {
		t.Errorf("%d events of shortage, want 10", got)
	}
}

func TestEveryShortageIsListed(t *testing.T) {
	s := newShelf(t, map[string]int64{"PROD-101": 1})
	s.handle(t, order("ORD-1", event.PricedLine{SKU: "PROD-101", Quantity: 1}, event.PricedLine{SKU: "PROD-101", Quantity: 1}, event.PricedLine{SKU: "PROD-205", Quantity: 3}))
	var text []byte
	if err := s.store.View().QueryRow(`SELECT data FROM events WHERE type LIKE '%ProductOutOfStock'`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	var e event.ProductOutOfStock
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Shortages) != 2 || e.Shortages[0].SKU != "PROD-101" || *e.Shortages[0].Requested != 2 || *e.Shortages[0].Available != 1 || *e.Shortages[1].Available != 0 {
		t.Errorf("shortages = %s, want both products with numbers", text)
	}
}

// A cancellation may come first, and may come twice.
func TestReleaseHappensOnceAndNeverTooEarly(t *testing.T) {
	s := newShelf(t, map[string]int64{"PROD-101": 10})
	s.handle(t, event.OrderCancelled{OrderID: "ORD-1"})
	s.handle(t, order("ORD-1", event.PricedLine{SKU: "PROD-101", Quantity: 4}))
	if got := s.count(t, `SELECT on_hand FROM stock`); got != 10 {
		t.Errorf("%d on hand after an order that was cancelled before, want 10", got)
	}
	s.handle(t, order("ORD-2", event.PricedLine{SKU: "PROD-101", Quantity: 4}))
	for range 2 {
		s.handle(t, event.OrderCancelled{OrderID: "ORD-2"})
		s.handle(t, event.OrderShipped{OrderID: "ORD-2"})
	}
	if got := s.count(t, `SELECT on_hand * 100 + reserved * 10 + shipped FROM stock`); got != 1000 {
		t.Errorf("on hand, reserved, shipped = %d, want 10, 0, 0", got)
	}
}
