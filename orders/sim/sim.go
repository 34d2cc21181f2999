// Package sim checks a reference system that has come to rest: it reads every service's store and says which of the
// promises do not hold. It knows nothing of how the services work, only what they have written down.
//
//	I1   money: what was charged and not given back is the totals of the completed orders, together and one by one
//	I2   at most one charge for an order stands
//	I3   stock: on hand + reserved + shipped = received, nothing below zero; shipped is what completed orders ordered
//	I4   every order has ended exactly once; a cancelled one holds neither money nor stock
//	I5   every message that an event calls for was sent once, or is known to have failed, and there are no others
//	I6   every accepted command gave exactly one order
//	I8   each consumer has handled exactly the events that it reads, none is missing and none is a stranger
//	I9   the view of an order is where the order's own events are (status and version)
//	I12  every chain of causes ends at a command, and all of it carries that command's correlation id
//
// The numbers leave out what stores alone cannot show: what is on the topics (I7, I10), dead letters (I11), offsets (I13).
package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/inventory"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/notifications"
	"github.com/accordhq/accord/orders/ordering"
	"github.com/accordhq/accord/orders/payments"
	"github.com/accordhq/accord/orders/shipping"
	"github.com/accordhq/accord/orders/views"
)

// MaxEvents bounds how many events of one service are checked.
const MaxEvents = 1_000_000

// readers are the services that read topics, with what they read.
func readers() map[string][]consume.Route {
	return map[string][]consume.Route{
		"orders":        (&ordering.Service{}).Routes(),
		"inventory":     (&inventory.Service{}).Routes(),
		"payments":      (&payments.Service{}).Routes(),
		"shipping":      (&shipping.Service{}).Routes(),
		"notifications": (&notifications.Service{}).Routes(),
		"views":         (&views.Service{}).Routes(),
	}
}

var services = []string{"orders", "inventory", "payments", "shipping", "notifications", "customers", "views"}

// An entry is one event as some service stored it.
type entry struct {
	service, stream, id, typ string
	version                  int64
	cause, correlation       string
	data                     any // of the newest version
}

// A world is all that the stores say.
type world struct {
	stores   map[string]*journal.Store
	entries  []entry
	byID     map[string]entry
	orders   map[string]*order
	faults   []string
	commands int
}

// An order as its own events tell it.
type order struct {
	placed             *event.OrderPlaced
	events             int64
	status             event.Status
	completed, refused int
	paid               int // PaymentProcessed events
}

func (w *world) fault(invariant, format string, args ...any) {
	w.faults = append(w.faults, invariant+": "+fmt.Sprintf(format, args...))
}

// Check reads the stores of all services at a URL as orders.Config has it, and returns what does not hold, each text
// beginning with the invariant's number; nil = all hold. The system should be at rest: an order that is under way is a
// fault of I4.
func Check(ctx context.Context, url string) (faults []string, err error) {
	w := &world{stores: map[string]*journal.Store{}, byID: map[string]entry{}, orders: map[string]*order{}}
	defer func() {
		for _, s := range w.stores {
			err = errors.Join(err, s.Close())
		}
	}()
	for _, service := range services {
		if w.stores[service], err = journal.Open(ctx, journal.Config{URL: url, Service: service}); err != nil {
			delete(w.stores, service)
			return nil, err
		}
		if err := w.read(ctx, service); err != nil {
			return nil, fmt.Errorf("events of %s: %w", service, err)
		}
	}
	w.fold()
	for _, check := range []func(context.Context) error{w.endings, w.money, w.stock, w.messages, w.effects, w.views} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	w.causes()
	slices.Sort(w.faults)
	return w.faults, nil
}

// read decodes a service's journal. The services write the newest versions only, so no lens is needed here.
func (w *world) read(ctx context.Context, service string) error {
	stored, err := journal.After(ctx, w.stores[service].View(), 0, MaxEvents)
	if err != nil {
		return err
	}
	kinds := map[string]event.Kind{}
	for _, k := range event.Kinds() {
		kinds[k.Type()] = k
	}
	for _, s := range stored {
		kind, ok := kinds[s.Type]
		if !ok {
			return fmt.Errorf("%s has the unknown type %s", s.ID, s.Type)
		}
		e := entry{
			service: service, stream: string(s.Record.Key), id: s.ID, typ: s.Type, version: s.Version,
			cause: s.Record.Header("ce_causationid"), correlation: s.Record.Header("ce_correlationid"), data: kind.New(),
		}
		if err := json.Unmarshal(s.Record.Value, e.data); err != nil {
			return fmt.Errorf("%s: %w", s.ID, err)
		}
		w.entries = append(w.entries, e)
		w.byID[e.id] = e
	}
	return nil
}

// fold makes the orders.
func (w *world) fold() {
	for _, e := range w.entries {
		switch d := e.data.(type) {
		case *event.PlaceOrder:
			w.commands++
		case *event.PaymentProcessed:
			w.of(d.OrderID).paid++
		case *event.OrderPlaced:
			o := w.of(d.OrderID)
			o.placed, o.status = d, event.Placed
		case *event.OrderStatusChanged:
			w.of(d.OrderID).status = d.To
		case *event.OrderCompleted:
			o := w.of(d.OrderID)
			o.status, o.completed = event.Completed, o.completed+1
		case *event.OrderCancelled:
			o := w.of(d.OrderID)
			o.status, o.refused = event.Cancelled, o.refused+1
		}
		if e.service == "orders" && e.version > 0 {
			w.of(e.stream).events = max(w.of(e.stream).events, e.version)
		}
	}
}

func (w *world) of(id string) *order {
	if w.orders[id] == nil {
		w.orders[id] = &order{}
	}
	return w.orders[id]
}

// endings are I4 (how an order ended) and I6.
func (w *world) endings(context.Context) error {
	placed := 0
	for id, o := range w.orders {
		if o.placed == nil {
			w.fault("I6", "%s is spoken of but was never placed", id)
			continue
		}
		placed++
		if o.completed+o.refused != 1 {
			w.fault("I4", "%s ended %d times, it is %s", id, o.completed+o.refused, o.status)
		}
	}
	if placed != w.commands {
		w.fault("I6", "%d commands were accepted, %d orders were placed", w.commands, placed)
	}
	return nil
}

// causes is I12. Stock on the shelves and customers begin chains of their own.
func (w *world) causes() {
	for _, e := range w.entries {
		if strings.HasPrefix(e.typ, event.TypePrefix+"orders.PlaceOrder") || strings.HasPrefix(e.typ, event.TypePrefix+"orders.CancelOrder") ||
			strings.HasPrefix(e.typ, event.TypePrefix+"customers.") || (e.cause == "" && strings.HasSuffix(e.typ, ".InventoryUpdated")) {
			continue
		}
		root := e
		for range len(w.entries) {
			next, ok := w.byID[root.cause]
			if !ok {
				break
			}
			root = next
		}
		if _, command := root.data.(*event.PlaceOrder); !command {
			if _, command = root.data.(*event.CancelOrder); !command {
				w.fault("I12", "%s %s goes back to %s %s, which is no command", e.typ, e.id, root.typ, root.id)
				continue
			}
		}
		if e.correlation != root.id {
			w.fault("I12", "%s %s has correlation %q, its command is %s", e.typ, e.id, e.correlation, root.id)
		}
	}
}
