package web

import (
	"io/fs"
	"testing"

	"github.com/accordhq/accord/catalog"
)

// referenceFlow is the shape of a business process with every kind of row: a first step, another outcome, a fan-in,
// one who acts on its own event, a compensation, a time limit, an event that nobody acts on.
var referenceFlow = &catalog.Flow{
	Header: catalog.Header{Kind: catalog.KindFlow, Name: "reserve-first"},
	Steps: []catalog.Step{
		{ID: "place", Service: "orders", Sends: "orders.OrderPlaced"},
		{ID: "reserve", Service: "inventory", On: "orders.OrderPlaced", Sends: "inventory.InventoryReserved", Else: "inventory.ProductOutOfStock", Timeout: "15m"},
		{ID: "ship", Service: "shipping", On: "inventory.InventoryReserved", Sends: "shipping.OrderShipped"},
		{ID: "deliver", Service: "shipping", On: "shipping.OrderShipped", Sends: "shipping.ShipmentDelivered"},
		{ID: "cancel", Service: "orders", OnAny: []string{"inventory.ProductOutOfStock"}, Sends: "orders.OrderCancelled"},
		{ID: "release", Service: "inventory", On: "orders.OrderCancelled", Sends: "inventory.InventoryReleased", Compensates: "reserve"},
	},
}

func TestFlowIsDrawnInLanes(t *testing.T) {
	seq := newSequence(referenceFlow)
	if got, want := len(seq.Lanes), 3; got != want {
		t.Errorf("lanes = %q, want %d", seq.Lanes, want)
	}
	if got, want := len(seq.Rows), 7; got != want {
		t.Errorf("rows = %d, want %d: one for each event sent and each other outcome", got, want)
	}
	if !seq.Drawable() {
		t.Error("a flow of three lanes is not drawable")
	}
	same := func(s string) string { return s }
	golden(t, "flow", string(seq.SVG(same, func(s string) string { return "/events/" + s }, func(s string) string { return "/services/" + s })))
}

func TestALongFlowIsAListOnly(t *testing.T) {
	f := &catalog.Flow{Header: catalog.Header{Kind: catalog.KindFlow, Name: "long"}}
	for range MaxFlowRows + 1 {
		f.Steps = append(f.Steps, catalog.Step{ID: "x", Service: "orders", Sends: "orders.OrderPlaced"})
	}
	if newSequence(f).Drawable() {
		t.Errorf("a flow of %d rows is drawable", MaxFlowRows+1)
	}
}

func TestHourglass(t *testing.T) {
	orders := &catalog.Service{Header: catalog.Header{Kind: catalog.KindService, Name: "orders"}}
	payments := &catalog.Service{Header: catalog.Header{Kind: catalog.KindService, Name: "payments"}}
	e := &event{
		Subject: "orders.OrderPlaced",
		Doc:     &catalog.Event{Header: catalog.Header{Kind: catalog.KindEvent, Name: "orders.OrderPlaced"}, Channel: "orders.events"},
		Senders: []sender{{orders, []int{3}}},
		Readers: []reader{{payments, catalog.Receive{Event: "orders.OrderPlaced", Version: 3}}, {orders, catalog.Receive{Event: "orders.OrderPlaced"}}},
	}
	s := &Site{}
	golden(t, "hourglass", string(s.hourglass(&library{}, e).SVG()))
}

func TestEveryTemplateIsAPage(t *testing.T) {
	site, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(templateFiles, "template/*.tmpl")
	if err != nil || len(names) < len(site.pages) {
		t.Fatalf("templates: %d, pages: %d, %v", len(names), len(site.pages), err)
	}
	for name, p := range site.pages {
		if p.Lookup("main") == nil || p.Lookup("layout") == nil {
			t.Errorf("page %s lacks main or layout", name)
		}
	}
}
