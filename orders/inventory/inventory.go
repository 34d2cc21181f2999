// Package inventory keeps the stock. An order's lines are set aside all or none, when OrderPlaced comes; OrderCancelled
// gives them back, OrderShipped takes them off the books. What is short is listed whole, not just the first product.
//
// For every product onHand + reserved + shipped = received, at every commit: the database itself refuses a negative one.
package inventory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

// States of a reservation.
const (
	reserved  = "reserved"
	refused   = "refused"
	released  = "released"
	shipped   = "shipped"
	cancelled = "cancelled" // before anything was reserved: nothing ever will be
)

// MaxRestock bounds one delivery from a supplier, in pieces.
const MaxRestock = 1_000_000

// ErrUnknownProduct means that the stock has no such product.
var ErrUnknownProduct = errors.New("unknown product")

// DemoStock is what a new shop starts with, in pieces.
func DemoStock() map[string]int64 {
	return map[string]int64{"PROD-101": 50, "PROD-102": 100, "PROD-103": 150, "PROD-104": 30, "PROD-105": 25}
}

// A Service is the inventory service.
type Service struct {
	Store *journal.Store
}

// Tables are the service's own.
func Tables() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS stock(sku TEXT PRIMARY KEY, on_hand BIGINT NOT NULL CHECK(on_hand >= 0), reserved BIGINT NOT NULL CHECK(reserved >= 0),
			shipped BIGINT NOT NULL CHECK(shipped >= 0), received BIGINT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS reservations(order_id TEXT PRIMARY KEY, state TEXT NOT NULL, lines TEXT NOT NULL)`,
	}
}

// Routes are the messages that the service reads.
func (s *Service) Routes() []consume.Route {
	return []consume.Route{
		consume.On(false, s.placed),
		consume.On(false, s.cancelled),
		consume.On(false, s.shipped),
	}
}

// Fill puts products on the shelf that are not there yet and says so with events; those it knows stay as they are.
func (s *Service) Fill(ctx context.Context, pieces map[string]int64) error {
	return s.Store.Update(ctx, func(tx *journal.Tx) error {
		for _, sku := range slices.Sorted(maps.Keys(pieces)) {
			result, err := tx.ExecContext(ctx, `INSERT INTO stock(sku, on_hand, reserved, shipped, received) VALUES($1, $2, 0, 0, $2) ON CONFLICT DO NOTHING`, sku, pieces[sku])
			if err != nil {
				return fmt.Errorf("fill %s: %w", sku, err)
			}
			if n, err := result.RowsAffected(); err != nil || n == 0 {
				if err != nil {
					return err
				}
				continue
			}
			if err := tell(ctx, tx, []string{sku}, event.Meta{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Restock adds pieces of a product and returns its new level. It returns ErrUnknownProduct for a product that was never
// filled in.
func (s *Service) Restock(ctx context.Context, sku string, pieces int64) (level event.StockLevel, err error) {
	err = s.Store.Update(ctx, func(tx *journal.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE stock SET on_hand = on_hand + $1, received = received + $1 WHERE sku = $2 RETURNING on_hand, reserved`, pieces, sku).
			Scan(&level.OnHand, &level.Reserved)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("restock %s: %w", sku, ErrUnknownProduct)
		}
		if err != nil {
			return err
		}
		return tell(ctx, tx, []string{sku}, event.Meta{})
	})
	return level, err
}

// placed sets the order's lines aside, all or none. Each line is one conditional update, so two orders can never both
// get the last piece; a savepoint takes back the lines before one that is short.
func (s *Service) placed(ctx context.Context, tx *journal.Tx, e *event.OrderPlaced, m event.Meta) error {
	state, _, err := load(ctx, tx, e.OrderID)
	if err != nil || state != "" {
		return err
	}
	lines := merge(e.Lines)
	if _, err := tx.ExecContext(ctx, `SAVEPOINT lines`); err != nil {
		return err
	}
	var short []event.Shortage
	for _, l := range lines {
		result, err := tx.ExecContext(ctx, `UPDATE stock SET on_hand = on_hand - $1, reserved = reserved + $1 WHERE sku = $2 AND on_hand >= $1`, l.Quantity, l.SKU)
		if err != nil {
			return fmt.Errorf("reserve %s: %w", l.SKU, err)
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 1 {
			continue
		}
		var available int64
		err = tx.QueryRowContext(ctx, `SELECT on_hand FROM stock WHERE sku = $1`, l.SKU).Scan(&available)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		short = append(short, event.Shortage{SKU: l.SKU, Requested: &l.Quantity, Available: &available})
	}
	if len(short) > 0 {
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT lines`); err != nil {
			return err
		}
		if _, err := tx.Append(ctx, e.OrderID, journal.AnyVersion, event.ProductOutOfStock{OrderID: e.OrderID, Shortages: short, NotifiedAt: time.Now().UTC()}, m); err != nil {
			return err
		}
		return insert(ctx, tx, e.OrderID, refused, nil)
	}
	out := event.InventoryReserved{OrderID: e.OrderID, ReservationID: reservation(e.OrderID), ReservedAt: time.Now().UTC()}
	for _, l := range lines {
		out.Lines = append(out.Lines, event.ReservedLine{SKU: l.SKU, Quantity: l.Quantity, Warehouse: event.MainWarehouse})
	}
	if _, err := tx.Append(ctx, e.OrderID, journal.AnyVersion, out, m); err != nil {
		return err
	}
	if err := tell(ctx, tx, skus(lines), m); err != nil {
		return err
	}
	return insert(ctx, tx, e.OrderID, reserved, lines)
}

func (s *Service) cancelled(ctx context.Context, tx *journal.Tx, e *event.OrderCancelled, m event.Meta) error {
	state, lines, err := load(ctx, tx, e.OrderID)
	if err != nil {
		return err
	}
	if state == "" {
		return insert(ctx, tx, e.OrderID, cancelled, nil)
	}
	if state != reserved {
		return nil
	}
	_, err = tx.Append(ctx, e.OrderID, journal.AnyVersion, event.InventoryReleased{
		OrderID: e.OrderID, ReservationID: reservation(e.OrderID), Lines: lines, Reason: event.OrderWasCancelled, ReleasedAt: time.Now().UTC(),
	}, m)
	if err != nil {
		return err
	}
	return s.settle(ctx, tx, e.OrderID, released, lines, `UPDATE stock SET reserved = reserved - $1, on_hand = on_hand + $1 WHERE sku = $2`, m)
}

func (s *Service) shipped(ctx context.Context, tx *journal.Tx, e *event.OrderShipped, m event.Meta) error {
	state, lines, err := load(ctx, tx, e.OrderID)
	if err != nil || state != reserved {
		return err
	}
	return s.settle(ctx, tx, e.OrderID, shipped, lines, `UPDATE stock SET reserved = reserved - $1, shipped = shipped + $1 WHERE sku = $2`, m)
}

// settle ends a reservation: the same update for each line, the new state, and the stock events.
func (s *Service) settle(ctx context.Context, tx *journal.Tx, order, state string, lines []event.Line, update string, m event.Meta) error {
	for _, l := range lines {
		if _, err := tx.ExecContext(ctx, update, l.Quantity, l.SKU); err != nil {
			return fmt.Errorf("%s %s of %s: %w", state, l.SKU, order, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE reservations SET state = $1 WHERE order_id = $2`, state, order); err != nil {
		return err
	}
	return tell(ctx, tx, skus(lines), m)
}

// tell appends one InventoryUpdated for each product.
func tell(ctx context.Context, tx *journal.Tx, skus []string, m event.Meta) error {
	for _, sku := range skus {
		out := event.InventoryUpdated{SKU: sku, UpdatedAt: time.Now().UTC()}
		err := tx.QueryRowContext(ctx, `SELECT on_hand, reserved FROM stock WHERE sku = $1`, sku).Scan(&out.Quantity.OnHand, &out.Quantity.Reserved)
		if err != nil {
			return fmt.Errorf("stock of %s: %w", sku, err)
		}
		if _, err := tx.Append(ctx, sku, journal.AnyVersion, out, m); err != nil {
			return err
		}
	}
	return nil
}

func load(ctx context.Context, tx *journal.Tx, order string) (state string, lines []event.Line, err error) {
	if err := tx.Lock(ctx, order); err != nil {
		return "", nil, err
	}
	var text string
	err = tx.QueryRowContext(ctx, `SELECT state, lines FROM reservations WHERE order_id = $1`+tx.ForUpdate(), order).Scan(&state, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &lines)
	}
	if err != nil {
		return "", nil, fmt.Errorf("reservation of %s: %w", order, err)
	}
	return state, lines, nil
}

func insert(ctx context.Context, tx *journal.Tx, order, state string, lines []event.Line) error {
	text, err := json.Marshal(lines)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO reservations(order_id, state, lines) VALUES($1, $2, $3)`, order, state, string(text))
	return err
}

func reservation(order string) string { return "res-" + order }

// merge adds up lines of the same product and sorts them, so that two orders never wait for each other in a circle.
func merge(lines []event.PricedLine) []event.Line {
	pieces := map[string]int64{}
	for _, l := range lines {
		pieces[l.SKU] += l.Quantity
	}
	var out []event.Line
	for _, sku := range slices.Sorted(maps.Keys(pieces)) {
		out = append(out, event.Line{SKU: sku, Quantity: pieces[sku]})
	}
	return out
}

func skus(lines []event.Line) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.SKU
	}
	return out
}
