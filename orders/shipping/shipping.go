// Package shipping sends parcels. It starts when an order is READY_TO_SHIP and says when the parcels left and when they
// arrived. ON_HOLD asks for a shipment to stay: that works until the parcels are being handed over, and is answered by
// ShipmentFailed; after that the answer is OrderShipped.
//
//	ready ── handing over ── shipped ── delivered
//	  └─ cancelled     └─ refused
package shipping

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/work"
)

// States of a shipment.
const (
	ready     = "ready"
	handing   = "handing over"
	shipped   = "shipped"
	delivered = "delivered"
	cancelled = "cancelled"
	refused   = "refused"
)

// ErrRefused is the carrier's final no to a parcel.
var ErrRefused = errors.New("carrier refused the parcel")

// A Carrier takes parcels. Take may be repeated with the same key and then names the same parcel again; an error other
// than ErrRefused says nothing about whether the parcel was taken.
type Carrier interface {
	Take(ctx context.Context, key string) (event.Parcel, error)
	// Transit is how long a parcel is under way.
	Transit(key string) time.Duration
}

// A Service is the shipping service.
type Service struct {
	Store   *journal.Store
	Queue   *work.Queue
	Carrier Carrier
}

// Tables are the service's own.
func Tables() []string {
	return []string{`CREATE TABLE IF NOT EXISTS shipments(order_id TEXT PRIMARY KEY, state TEXT NOT NULL, cause_id TEXT NOT NULL, correlation TEXT NOT NULL)`}
}

// Routes are the messages that the service reads.
func (s *Service) Routes() []consume.Route { return []consume.Route{consume.On(true, s.moved)} }

// Tasks are what the service does outside its store.
func (s *Service) Tasks() map[string]work.Handler {
	return map[string]work.Handler{"ship": s.ship, "deliver": s.deliver}
}

// moved looks at an order's new state; only two of them matter here.
func (s *Service) moved(ctx context.Context, tx *journal.Tx, e *event.OrderStatusChanged, m event.Meta) error {
	state, _, err := load(ctx, tx, e.OrderID)
	if err != nil {
		return err
	}
	switch {
	case e.To == event.ReadyToShip && state == "":
		_, err := tx.ExecContext(ctx, `INSERT INTO shipments(order_id, state, cause_id, correlation) VALUES($1, $2, $3, $4)`, e.OrderID, ready, m.ID, m.Correlation)
		if err != nil {
			return err
		}
		return s.Queue.Add(ctx, tx, work.Task{Key: "ship/" + e.OrderID, Kind: "ship", Data: []byte(e.OrderID)}, time.Now())
	case e.To == event.OnHold && state == ready:
		if err := set(ctx, tx, e.OrderID, cancelled, m); err != nil {
			return err
		}
		_, err := tx.Append(ctx, e.OrderID, journal.AnyVersion, event.ShipmentFailed{
			OrderID: e.OrderID, Error: event.Fault{Code: event.ShipmentCancelled, Message: "the order was put on hold before it was shipped"},
		}, m)
		return err
	}
	return nil
}

func load(ctx context.Context, tx *journal.Tx, order string) (state string, cause event.Meta, err error) {
	if err := tx.Lock(ctx, order); err != nil {
		return "", cause, err
	}
	err = tx.QueryRowContext(ctx, `SELECT state, cause_id, correlation FROM shipments WHERE order_id = $1`+tx.ForUpdate(), order).
		Scan(&state, &cause.ID, &cause.Correlation)
	if errors.Is(err, sql.ErrNoRows) {
		return "", cause, nil
	}
	if err != nil {
		return "", cause, fmt.Errorf("shipment of %s: %w", order, err)
	}
	return state, cause, nil
}

func set(ctx context.Context, tx *journal.Tx, order, state string, cause event.Meta) error {
	_, err := tx.ExecContext(ctx, `UPDATE shipments SET state = $1, cause_id = $2, correlation = $3 WHERE order_id = $4`, state, cause.ID, cause.Correlation, order)
	if err != nil {
		return fmt.Errorf("shipment of %s: %w", order, err)
	}
	return nil
}

// ship hands the parcels over. The state says so first, in a commit of its own: from there on nobody can hold them.
func (s *Service) ship(ctx context.Context, t work.Task) (func(*journal.Tx) error, error) {
	order := string(t.Data)
	held := false
	err := s.Store.Update(ctx, func(tx *journal.Tx) error {
		state, cause, err := load(ctx, tx, order)
		if err != nil {
			return err
		}
		if held = state != ready && state != handing; held {
			return nil
		}
		return set(ctx, tx, order, handing, cause)
	})
	if err != nil || held {
		return func(*journal.Tx) error { return nil }, err
	}
	parcel, err := s.Carrier.Take(ctx, order)
	if err != nil && !errors.Is(err, ErrRefused) {
		return nil, err
	}
	return func(tx *journal.Tx) error {
		_, cause, e := load(ctx, tx, order)
		if e != nil {
			return e
		}
		if err != nil {
			m, e := tx.Append(ctx, order, journal.AnyVersion, event.ShipmentFailed{
				OrderID: order, Error: event.Fault{Code: event.CarrierRefused, Message: err.Error()},
			}, cause)
			return errors.Join(e, set(ctx, tx, order, refused, m))
		}
		m, e := tx.Append(ctx, order, journal.AnyVersion, event.OrderShipped{OrderID: order, Parcels: []event.Parcel{parcel}}, cause)
		if e != nil {
			return e
		}
		if e := set(ctx, tx, order, shipped, m); e != nil {
			return e
		}
		return s.Queue.Add(ctx, tx, work.Task{Key: "deliver/" + order, Kind: "deliver", Data: t.Data}, time.Now().Add(s.Carrier.Transit(order)))
	}, nil
}

// deliver notes that the parcels have arrived.
func (s *Service) deliver(ctx context.Context, t work.Task) (func(*journal.Tx) error, error) {
	order := string(t.Data)
	return func(tx *journal.Tx) error {
		_, cause, err := load(ctx, tx, order)
		if err != nil {
			return err
		}
		m, err := tx.Append(ctx, order, journal.AnyVersion, event.ShipmentDelivered{OrderID: order, DeliveredAt: time.Now().UTC()}, cause)
		if err != nil {
			return err
		}
		return set(ctx, tx, order, delivered, m)
	}, nil
}
