package sim

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/accordhq/accord/orders/event"
)

// each runs a query of one service's store and gives every row to scan.
func (w *world) each(ctx context.Context, service, query string, scan func(*sql.Rows) error) error {
	rows, err := w.stores[service].View().QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", service, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%s: %w", service, err)
		}
	}
	return rows.Err()
}

// money is I1, I2 and the money of I4, from the provider's ledger.
func (w *world) money(ctx context.Context) error {
	kept := map[string]int64{}
	err := w.each(ctx, "payments", `SELECT key, amount, refunded FROM ledger`, func(rows *sql.Rows) error {
		var key string
		var amount int64
		var refunded bool
		err := rows.Scan(&key, &amount, &refunded)
		if !refunded {
			kept[key] += amount
		}
		return err
	})
	if err != nil {
		return err
	}
	var all, due int64
	for id, o := range w.orders {
		want := int64(0)
		if o.status == event.Completed && o.placed != nil {
			want = o.placed.Total.AmountMinor
		}
		all, due = all+kept[id], due+want
		switch {
		case kept[id] != want && o.status == event.Cancelled:
			w.fault("I4", "%s is cancelled and %d is kept of its money", id, kept[id])
		case kept[id] != want:
			w.fault("I1", "%s is %s: %d is kept, %d is due", id, o.status, kept[id], want)
		}
		if o.paid > 1 {
			w.fault("I2", "%s was charged %d times", id, o.paid)
		}
		delete(kept, id)
	}
	for id, amount := range kept {
		w.fault("I1", "%d is kept for %s, which is no order", amount, id)
	}
	if all != due {
		w.fault("I1", "%d is kept in all, %d is due", all, due)
	}
	return nil
}

// stock is I3 and the stock of I4.
func (w *world) stock(ctx context.Context) error {
	sold := map[string]int64{}
	for _, o := range w.orders {
		if o.status == event.Completed && o.placed != nil {
			for _, l := range o.placed.Lines {
				sold[l.SKU] += l.Quantity
			}
		}
	}
	reserved := map[string]int64{}
	err := w.each(ctx, "inventory", `SELECT order_id, lines FROM reservations WHERE state = 'reserved'`, func(rows *sql.Rows) error {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		var lines []event.Line
		if err := json.Unmarshal([]byte(text), &lines); err != nil {
			return err
		}
		for _, l := range lines {
			reserved[l.SKU] += l.Quantity
		}
		if o := w.orders[id]; o != nil && (o.status == event.Cancelled || o.status == event.Completed) {
			w.fault("I4", "%s is %s and still holds stock", id, o.status)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.each(ctx, "inventory", `SELECT sku, on_hand, reserved, shipped, received FROM stock`, func(rows *sql.Rows) error {
		var sku string
		var hand, held, shipped, received int64
		if err := rows.Scan(&sku, &hand, &held, &shipped, &received); err != nil {
			return err
		}
		if hand+held+shipped != received || hand < 0 || held < 0 || shipped < 0 {
			w.fault("I3", "%s: %d on hand, %d reserved, %d shipped, %d received", sku, hand, held, shipped, received)
		}
		if held != reserved[sku] || shipped != sold[sku] {
			w.fault("I3", "%s: %d reserved for orders that hold %d; %d shipped, completed orders have %d", sku, held, reserved[sku], shipped, sold[sku])
		}
		return nil
	})
}

// messages is I5, from the mailboxes and from what was told of them.
func (w *world) messages(ctx context.Context) error {
	open := map[string]bool{} // called for, and not yet seen
	told := map[string]int{}  // by order, kind and channel
	for _, e := range w.entries {
		call := func(order, kind, about string, channels ...string) {
			for _, c := range channels {
				open[strings.Join([]string{order, kind, c, about}, "/")] = true
			}
		}
		switch d := e.data.(type) {
		case *event.OrderPlaced:
			call(d.OrderID, event.OrderConfirmation, "", event.Email)
		case *event.OrderStatusChanged:
			call(d.OrderID, event.OrderStatus, string(d.To), event.Push)
		case *event.PaymentProcessed:
			call(d.OrderID, event.PaymentConfirmation, "", event.Email)
		case *event.PaymentFailed:
			call(d.OrderID, event.PaymentFailure, "", event.Email, event.SMS)
		case *event.ProductOutOfStock:
			for _, s := range d.Shortages {
				call(d.OrderID, event.InventoryAlert, s.SKU, event.Email)
			}
		case *event.NotificationSent:
			told[d.OrderID+"/"+d.Kind+"/"+strings.Join(d.Channels, "+")]++
		case *event.NotificationFailed:
			told[d.OrderID+"/"+d.Kind+"/"+d.Channel]++
		}
	}
	err := w.each(ctx, "notifications", `SELECT key, order_id, kind, channel, state FROM messages`, func(rows *sql.Rows) error {
		var key, id, kind, channel, state string
		if err := rows.Scan(&key, &id, &kind, &channel, &state); err != nil {
			return err
		}
		if !open[key] {
			w.fault("I5", "nothing calls for the message %s", key)
		}
		if state != "open" {
			delete(open, key)
		}
		told[id+"/"+kind+"/"+channel]--
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(open)) {
		w.fault("I5", "the message %s was not sent", key)
	}
	for key, n := range told {
		if n != 0 {
			w.fault("I5", "%s: told of %+d messages too many", key, n)
		}
	}
	return w.each(ctx, "notifications", `SELECT m.key FROM messages m LEFT JOIN mailbox b ON b.key = m.key WHERE (m.state = 'sent') <> (b.key IS NOT NULL)`, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		w.fault("I5", "the mailbox and the service disagree about %s", key)
		return err
	})
}

// effects is I8: what each consumer noted as handled against what its producers stored.
func (w *world) effects(ctx context.Context) error {
	for reader, routes := range readers() {
		open := map[string]string{}
		for _, e := range w.entries {
			for _, r := range routes {
				if r.Kind.Type() == e.typ {
					open[e.id] = e.typ
				}
			}
		}
		err := w.each(ctx, reader, `SELECT id FROM inbox`, func(rows *sql.Rows) error {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			if _, ok := open[id]; !ok {
				w.fault("I8", "%s handled %s, which nobody stored", reader, id)
			}
			delete(open, id)
			return nil
		})
		if err != nil {
			return err
		}
		for id, typ := range open {
			w.fault("I8", "%s has not handled %s %s", reader, typ, id)
		}
	}
	return nil
}

// views is I9 as far as status and version go.
func (w *world) views(ctx context.Context) error {
	seen := map[string]bool{}
	err := w.each(ctx, "views", `SELECT order_id, status, version FROM orders`, func(rows *sql.Rows) error {
		var id string
		var status event.Status
		var version int64
		if err := rows.Scan(&id, &status, &version); err != nil {
			return err
		}
		seen[id] = true
		if o := w.orders[id]; o == nil || o.status != status || o.events != version {
			w.fault("I9", "the view of %s is %s at %d, its events say %+v", id, status, version, o)
		}
		return nil
	})
	for id := range w.orders {
		if !seen[id] {
			w.fault("I9", "%s has no view", id)
		}
	}
	return err
}
