package ordering

import (
	"errors"
	"fmt"
	"time"

	"github.com/accordhq/accord/orders/event"
)

// ErrTooLate means that an order has left the warehouse and cannot be cancelled any more.
var ErrTooLate = errors.New("the order has been shipped")

// An Order is the aggregate: what its own events say, and nothing else. Facts from other services lead to new events by
// the decide methods; they may come in any order and more than once, and after the end nothing moves.
//
//	PLACED ── reserved ── RESERVED ─┐ (or PAID first)
//	   │                            ├── both ── READY_TO_SHIP ── SHIPPED ── completed
//	   └────── paid ────── PAID ────┘                 │ cancellation asked for
//	short, declined, cancelled by the customer        └─ ON_HOLD ── shipping says yes ── cancelled
//	   └─ cancelled                                        └────── too late ── SHIPPED
type Order struct {
	ID        string         `json:"orderId"`
	Version   int64          `json:"version"` // how many events; 0 = there is no such order
	Status    event.Status   `json:"status"`
	Lines     []event.Line   `json:"lines"`
	Total     event.Money    `json:"total"`
	Customer  event.Customer `json:"customer"`
	Reason    string         `json:"reason,omitempty"`
	UpdatedAt time.Time      `json:"updatedAt"`

	reserved, paid bool
}

// Apply moves the order over one of its own events.
func (o *Order) Apply(data any, m event.Meta) error {
	switch e := data.(type) {
	case *event.OrderPlaced:
		o.ID, o.Status, o.Total, o.Customer = e.OrderID, event.Placed, e.Total, e.Customer
		for _, l := range e.Lines {
			o.Lines = append(o.Lines, event.Line{SKU: l.SKU, Quantity: l.Quantity})
		}
	case *event.OrderStatusChanged:
		o.Status, o.Reason = e.To, e.Reason
		o.reserved = o.reserved || e.To == event.Reserved
		o.paid = o.paid || e.To == event.Paid
	case *event.OrderCancelled:
		o.Status, o.Reason = event.Cancelled, e.Reason
	case *event.OrderCompleted:
		o.Status = event.Completed
	default:
		return fmt.Errorf("order %s has no place for %T", o.ID, data)
	}
	o.Version++
	o.UpdatedAt = m.Time
	return nil
}

// Over says whether the order has ended.
func (o *Order) Over() bool { return o.Status == event.Completed || o.Status == event.Cancelled }

func (o *Order) moved(from, to event.Status, why string) any {
	return event.OrderStatusChanged{OrderID: o.ID, From: from, To: to, Reason: why, UpdatedAt: time.Now().UTC()}
}

func (o *Order) cancel(reason string) []any {
	out := event.OrderCancelled{OrderID: o.ID, Lines: o.Lines, Reason: reason}
	if o.paid {
		out.Refund = &o.Total
	}
	return []any{out}
}

// whenReserved answers InventoryReserved.
func (o *Order) whenReserved() []any {
	if o.Over() || o.reserved {
		return nil
	}
	return o.half(event.Reserved, o.paid)
}

// whenPaid answers PaymentProcessed. After a cancellation it is silent: payments gives the money back by itself.
func (o *Order) whenPaid() []any {
	if o.Over() || o.paid {
		return nil
	}
	return o.half(event.Paid, o.reserved)
}

// half notes one of the two conditions for shipping; with the other one already there the order is ready.
func (o *Order) half(to event.Status, other bool) []any {
	out := []any{o.moved(o.Status, to, "")}
	if other {
		out = append(out, o.moved(to, event.ReadyToShip, ""))
	}
	return out
}

// whenShort answers ProductOutOfStock.
func (o *Order) whenShort() []any {
	if o.Over() {
		return nil
	}
	return o.cancel(event.OutOfStock)
}

// whenDeclined answers PaymentFailed.
func (o *Order) whenDeclined() []any {
	if o.Over() {
		return nil
	}
	return o.cancel(event.PaymentRefused)
}

// whenShipped answers OrderShipped.
func (o *Order) whenShipped() []any {
	if o.Over() || o.Status == event.Shipped {
		return nil
	}
	return []any{o.moved(o.Status, event.Shipped, "")}
}

// whenDelivered answers ShipmentDelivered.
func (o *Order) whenDelivered(at time.Time) []any {
	if o.Over() {
		return nil
	}
	return append(o.whenShipped(), event.OrderCompleted{OrderID: o.ID, Total: o.Total, CompletedAt: at})
}

// whenNotShipped answers ShipmentFailed.
func (o *Order) whenNotShipped(code string) []any {
	switch {
	case o.Over():
		return nil
	case code == event.ShipmentCancelled:
		return o.cancel(event.CustomerRequest)
	}
	return o.cancel(event.ShipmentRefused)
}

// askToCancel is the customer's wish. Before shipping has been asked the order ends at once; then shipping decides.
func (o *Order) askToCancel(why string) ([]any, error) {
	switch o.Status {
	case event.Shipped, event.Completed:
		return nil, fmt.Errorf("cancel %s: %w", o.ID, ErrTooLate)
	case event.Cancelled, event.OnHold:
		return nil, nil
	case event.ReadyToShip:
		if why == "" {
			why = "cancellation asked for"
		}
		return []any{o.moved(o.Status, event.OnHold, why)}, nil
	}
	return o.cancel(event.CustomerRequest), nil
}
