// Package views answers questions. It reads topics and keeps what it read in the shape in which it is asked for: orders
// by id and by customer, stock by product. It sends nothing, and it can be thrown away and read again from the topics.
package views

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

// PageSize is how many orders List returns at most.
const PageSize = 100

// ErrNotFound means that no event about the order has arrived yet, or ever will.
var ErrNotFound = errors.New("no such order")

// An Order is the read model of one order.
type Order struct {
	OrderID   string             `json:"orderId"`
	Status    event.Status       `json:"status"`
	Customer  event.Customer     `json:"customer"`
	Lines     []event.PricedLine `json:"lines"`
	Total     event.Money        `json:"total"`
	Reason    string             `json:"reason,omitempty"` // why it was cancelled or is on hold
	Refund    *event.Money       `json:"refund,omitempty"`
	PlacedAt  time.Time          `json:"placedAt"`
	UpdatedAt time.Time          `json:"updatedAt"`
	Version   int64              `json:"version"` // of the aggregate, as far as it has been read
}

// A Product is the stock of one product.
type Product struct {
	SKU       string    `json:"sku"`
	OnHand    int64     `json:"onHand"`
	Reserved  int64     `json:"reserved"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// A Service is the views service.
type Service struct {
	Store *journal.Store
}

// Tables are the service's own. An order is kept as one document beside the columns that it is found by.
func Tables() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS orders(order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, status TEXT NOT NULL, version BIGINT NOT NULL, document TEXT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS orders_by_customer ON orders(customer_id, order_id)`,
		`CREATE TABLE IF NOT EXISTS stock(sku TEXT PRIMARY KEY, on_hand BIGINT NOT NULL, reserved BIGINT NOT NULL, updated_at BIGINT NOT NULL)`,
	}
}

// Routes are the messages that the service reads; all of them can be replayed.
func (s *Service) Routes() []consume.Route {
	return []consume.Route{
		consume.On(false, func(ctx context.Context, tx *journal.Tx, e *event.OrderPlaced, m event.Meta) error {
			return save(ctx, tx, Order{
				OrderID: e.OrderID, Status: event.Placed, Customer: e.Customer, Lines: e.Lines, Total: e.Total,
				PlacedAt: e.PlacedAt, UpdatedAt: e.PlacedAt, Version: m.Version,
			})
		}),
		consume.On(false, func(ctx context.Context, tx *journal.Tx, e *event.OrderStatusChanged, m event.Meta) error {
			return change(ctx, tx, e.OrderID, m, func(o *Order) { o.Status, o.Reason = e.To, e.Reason })
		}),
		consume.On(false, func(ctx context.Context, tx *journal.Tx, e *event.OrderCancelled, m event.Meta) error {
			return change(ctx, tx, e.OrderID, m, func(o *Order) { o.Status, o.Reason, o.Refund = event.Cancelled, e.Reason, e.Refund })
		}),
		consume.On(false, func(ctx context.Context, tx *journal.Tx, e *event.OrderCompleted, m event.Meta) error {
			return change(ctx, tx, e.OrderID, m, func(o *Order) { o.Status = event.Completed })
		}),
		consume.On(false, func(ctx context.Context, tx *journal.Tx, e *event.InventoryUpdated, _ event.Meta) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO stock(sku, on_hand, reserved, updated_at) VALUES($1, $2, $3, $4)
				ON CONFLICT(sku) DO UPDATE SET on_hand = $2, reserved = $3, updated_at = $4`, e.SKU, e.Quantity.OnHand, e.Quantity.Reserved, e.UpdatedAt.UnixMicro())
			return err
		}),
	}
}

func save(ctx context.Context, tx *journal.Tx, o Order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO orders(order_id, customer_id, status, version, document) VALUES($1, $2, $3, $4, $5)
		ON CONFLICT(order_id) DO UPDATE SET status = $3, version = $4, document = $5`, o.OrderID, o.Customer.ID, string(o.Status), o.Version, string(text))
	if err != nil {
		return fmt.Errorf("view of %s: %w", o.OrderID, err)
	}
	return nil
}

// change edits an order's document. An order whose beginning has expired starts empty.
func change(ctx context.Context, tx *journal.Tx, id string, m event.Meta, edit func(*Order)) error {
	o, err := read(tx.QueryRowContext(ctx, `SELECT document FROM orders WHERE order_id = $1`+tx.ForUpdate(), id), id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	o.OrderID, o.Version, o.UpdatedAt = id, m.Version, m.Time
	edit(&o)
	return save(ctx, tx, o)
}

func read(row *sql.Row, id string) (o Order, err error) {
	var text string
	err = row.Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return o, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &o)
	}
	if err != nil {
		return o, fmt.Errorf("view of %s: %w", id, err)
	}
	return o, nil
}

// Order returns one order, or ErrNotFound.
func (s *Service) Order(ctx context.Context, id string) (Order, error) {
	return read(s.Store.View().QueryRowContext(ctx, `SELECT document FROM orders WHERE order_id = $1`, id), id)
}

// A Filter chooses orders; a zero field does not filter. After is the last id of the page before.
type Filter struct{ Customer, Status, After string }

// List returns up to PageSize orders, the newest first.
func (s *Service) List(ctx context.Context, f Filter) ([]Order, error) {
	rows, err := s.Store.View().QueryContext(ctx, `SELECT document FROM orders WHERE ($1 = '' OR customer_id = $1) AND ($2 = '' OR status = $2)
		AND ($3 = '' OR order_id < $3) ORDER BY order_id DESC LIMIT $4`, f.Customer, f.Status, f.After, PageSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Order{}
	for rows.Next() {
		var text string
		var o Order
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// Stock returns every product, ordered by name.
func (s *Service) Stock(ctx context.Context) ([]Product, error) {
	rows, err := s.Store.View().QueryContext(ctx, `SELECT sku, on_hand, reserved, updated_at FROM stock ORDER BY sku`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Product{}
	for rows.Next() {
		var p Product
		var updated int64
		if err := rows.Scan(&p.SKU, &p.OnHand, &p.Reserved, &updated); err != nil {
			return nil, err
		}
		p.UpdatedAt = time.UnixMicro(updated).UTC()
		out = append(out, p)
	}
	return out, rows.Err()
}
