package ordering

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/accordhq/accord/orders/event"
)

// facts are what can reach an order, by a letter each.
var facts = map[string]func(*Order) []any{
	"reserved":  (*Order).whenReserved,
	"paid":      (*Order).whenPaid,
	"short":     (*Order).whenShort,
	"declined":  (*Order).whenDeclined,
	"shipped":   (*Order).whenShipped,
	"delivered": func(o *Order) []any { return o.whenDelivered(time.Now()) },
	"refused":   func(o *Order) []any { return o.whenNotShipped(event.CarrierRefused) },
	"held":      func(o *Order) []any { return o.whenNotShipped(event.ShipmentCancelled) },
	"cancel": func(o *Order) []any {
		events, _ := o.askToCancel("")
		return events
	},
}

// pointer gives Apply what a decoder would.
func pointer(e any) any {
	switch e := e.(type) {
	case event.OrderStatusChanged:
		return &e
	case event.OrderCancelled:
		return &e
	case event.OrderCompleted:
		return &e
	}
	panic(fmt.Sprintf("%T is no event of an order", e))
}

func newOrder(t interface{ Fatal(...any) }) *Order {
	o := &Order{}
	err := o.Apply(&event.OrderPlaced{
		OrderID: "ORD-1", Total: event.Money{AmountMinor: 5198, Currency: "USD"},
		Lines: []event.PricedLine{{SKU: "PROD-101", Quantity: 2}},
	}, event.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// meet lets the order meet a fact and returns the states that its new events lead to.
func meet(t interface{ Fatal(...any) }, o *Order, fact string) (states []string) {
	for _, e := range facts[fact](o) {
		if err := o.Apply(pointer(e), event.Meta{}); err != nil {
			t.Fatal(err)
		}
		states = append(states, string(o.Status))
	}
	return states
}

func TestOrderMeetsFacts(t *testing.T) {
	for _, c := range []struct{ facts, want string }{
		{"reserved paid shipped delivered", "RESERVED PAID READY_TO_SHIP SHIPPED COMPLETED"},
		{"paid reserved shipped delivered", "PAID RESERVED READY_TO_SHIP SHIPPED COMPLETED"}, // B08
		{"reserved reserved paid paid", "RESERVED PAID READY_TO_SHIP"},
		{"short reserved paid", "CANCELLED"},
		{"reserved declined paid", "RESERVED CANCELLED"}, // B07
		{"paid short", "PAID CANCELLED"},                 // B09: with a refund, see below
		{"reserved cancel paid shipped", "RESERVED CANCELLED"},
		{"reserved paid cancel held", "RESERVED PAID READY_TO_SHIP ON_HOLD CANCELLED"},
		{"reserved paid cancel shipped delivered", "RESERVED PAID READY_TO_SHIP ON_HOLD SHIPPED COMPLETED"},
		{"reserved paid refused", "RESERVED PAID READY_TO_SHIP CANCELLED"},
		{"reserved paid delivered", "RESERVED PAID READY_TO_SHIP SHIPPED COMPLETED"},
		{"reserved paid shipped cancel", "RESERVED PAID READY_TO_SHIP SHIPPED"},
	} {
		o := newOrder(t)
		var got []string
		for fact := range strings.FieldsSeq(c.facts) {
			got = append(got, meet(t, o, fact)...)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("after %s: %s, want %s", c.facts, strings.Join(got, " "), c.want)
		}
	}
}

func TestCancelledOrderNamesItsRefund(t *testing.T) {
	for _, c := range []struct {
		facts  []string
		reason string
		refund bool
	}{
		{[]string{"paid", "short"}, event.OutOfStock, true},
		{[]string{"short"}, event.OutOfStock, false},
		{[]string{"reserved", "declined"}, event.PaymentRefused, false},
		{[]string{"reserved", "paid", "refused"}, event.ShipmentRefused, true},
		{[]string{"reserved", "paid", "cancel", "held"}, event.CustomerRequest, true},
	} {
		o := newOrder(t)
		for _, fact := range c.facts[:len(c.facts)-1] {
			meet(t, o, fact)
		}
		events := facts[c.facts[len(c.facts)-1]](o)
		last, ok := events[len(events)-1].(event.OrderCancelled)
		if !ok || last.Reason != c.reason || (last.Refund != nil) != c.refund || len(last.Lines) != 1 {
			t.Errorf("after %v: %+v, want reason %s, refund %v", c.facts, last, c.reason, c.refund)
		}
	}
}

func TestCancelIsTooLateAfterShipping(t *testing.T) {
	o := newOrder(t)
	for _, fact := range []string{"reserved", "paid", "shipped"} {
		meet(t, o, fact)
	}
	if _, err := o.askToCancel(""); !errors.Is(err, ErrTooLate) {
		t.Errorf("askToCancel of a shipped order = %v, want ErrTooLate", err)
	}
}

// Whatever comes, in whatever order and however often: an order ends at most once and nothing moves it afterwards.
func TestNothingMovesAnOrderThatHasEnded(t *testing.T) {
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range facts {
			if !yield(name) {
				return
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		o := newOrder(t)
		ended := 0
		for _, fact := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 30).Draw(t, "facts") {
			over := o.Over()
			states := meet(t, o, fact)
			if over && len(states) > 0 {
				t.Fatalf("%s moved an ended order to %v", fact, states)
			}
			if !over && o.Over() {
				ended++
			}
		}
		if ended > 1 {
			t.Fatalf("ended %d times", ended)
		}
	})
}

// B11: ids made in the same millisecond differ, and later ones sort behind.
func TestOrderIDs(t *testing.T) {
	now := time.Now()
	seen := map[string]bool{}
	for range 10_000 {
		id := newOrderID(now)
		if len(id) != 30 || !strings.HasPrefix(id, "ORD-") || seen[id] {
			t.Fatalf("newOrderID = %s, want ORD- and 26 characters, each once", id)
		}
		seen[id] = true
	}
	if early, late := newOrderID(now), newOrderID(now.Add(time.Millisecond)); early >= late {
		t.Errorf("%s is not before %s", early, late)
	}
}
