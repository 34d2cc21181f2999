// Package payments charges cards. It learns the amount from OrderPlaced and charges when InventoryReserved has come too,
// in whichever order; OrderCancelled gives back what was charged, also when the charge succeeds only afterwards.
//
// Everything about one order is one row, so each handler can decide from the row alone:
//
//	waiting ── placed and reserved ── charging ── charged ── refunding ── refunded
//	   └─ cancelled: never charged          └─ failed
package payments

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
	"github.com/accordhq/accord/orders/work"
)

// States of a payment.
const (
	waiting   = "waiting"
	charging  = "charging"
	charged   = "charged"
	failed    = "failed"
	refunding = "refunding"
	refunded  = "refunded"
)

// ErrDeclined is the provider's final no to a charge.
var ErrDeclined = errors.New("card declined")

// A Gateway is the payment provider. Both calls may be repeated with the same key and then have no further effect; an
// error other than ErrDeclined says nothing about whether the call was carried out.
type Gateway interface {
	Charge(ctx context.Context, key string, amount event.Money) (paymentID string, err error)
	// Refund gives back what was charged under the key; nothing charged is no error, and paymentID is "" then.
	Refund(ctx context.Context, key string) (paymentID string, err error)
}

// A Service is the payments service.
type Service struct {
	Store    *journal.Store
	Queue    *work.Queue
	Gateway  Gateway
	Provider string // named in PaymentProcessed
}

// Tables are the service's own.
func Tables() []string {
	return []string{`CREATE TABLE IF NOT EXISTS payments(order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, amount BIGINT NOT NULL,
		currency TEXT NOT NULL, reserved INT NOT NULL, cancelled INT NOT NULL, state TEXT NOT NULL, payment_id TEXT NOT NULL, cause TEXT NOT NULL)`}
}

// Routes are the messages that the service reads.
func (s *Service) Routes() []consume.Route {
	return []consume.Route{
		consume.On(true, s.placed),
		consume.On(true, s.reserved),
		consume.On(true, s.cancelled),
	}
}

// Tasks are what the service does outside its store.
func (s *Service) Tasks() map[string]work.Handler {
	return map[string]work.Handler{"charge": s.charge, "refund": s.refund, "void": s.void}
}

// payment is one row.
type payment struct {
	order, customer     string
	amount              event.Money
	reserved, cancelled bool
	state, paymentID    string
	cause               event.Meta // of the message that the next event answers
}

// load reads an order's row, for change; an unknown order is a waiting row with nothing in it.
func load(ctx context.Context, tx *journal.Tx, order string) (payment, error) {
	p := payment{order: order, state: waiting}
	if err := tx.Lock(ctx, order); err != nil {
		return p, err
	}
	var cause string
	err := tx.QueryRowContext(ctx, `SELECT customer_id, amount, currency, reserved, cancelled, state, payment_id, cause FROM payments WHERE order_id = $1`+tx.ForUpdate(), order).
		Scan(&p.customer, &p.amount.AmountMinor, &p.amount.Currency, &p.reserved, &p.cancelled, &p.state, &p.paymentID, &cause)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(cause), &p.cause)
	}
	if err != nil {
		return p, fmt.Errorf("payment of %s: %w", order, err)
	}
	return p, nil
}

func save(ctx context.Context, tx *journal.Tx, p payment) error {
	cause, err := json.Marshal(p.cause)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO payments(order_id, customer_id, amount, currency, reserved, cancelled, state, payment_id, cause)
		VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT(order_id) DO UPDATE SET customer_id = $2, amount = $3, currency = $4,
		reserved = $5, cancelled = $6, state = $7, payment_id = $8, cause = $9`,
		p.order, p.customer, p.amount.AmountMinor, p.amount.Currency, flag(p.reserved), flag(p.cancelled), p.state, p.paymentID, string(cause))
	if err != nil {
		return fmt.Errorf("payment of %s: %w", p.order, err)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *Service) placed(ctx context.Context, tx *journal.Tx, e *event.OrderPlaced, m event.Meta) error {
	return s.change(ctx, tx, e.OrderID, m, func(p *payment) { p.customer, p.amount = e.Customer.ID, e.Total })
}

func (s *Service) reserved(ctx context.Context, tx *journal.Tx, e *event.InventoryReserved, m event.Meta) error {
	return s.change(ctx, tx, e.OrderID, m, func(p *payment) { p.reserved = true })
}

func (s *Service) cancelled(ctx context.Context, tx *journal.Tx, e *event.OrderCancelled, m event.Meta) error {
	return s.change(ctx, tx, e.OrderID, m, func(p *payment) { p.cancelled = true })
}

// change notes a fact and starts what now has to be done.
func (s *Service) change(ctx context.Context, tx *journal.Tx, order string, m event.Meta, note func(*payment)) error {
	p, err := load(ctx, tx, order)
	if err != nil {
		return err
	}
	note(&p)
	switch {
	case p.state == waiting && p.amount.Currency != "" && p.reserved && !p.cancelled:
		p.state, p.cause = charging, m
		err = s.Queue.Add(ctx, tx, work.Task{Key: "charge/" + order, Kind: "charge", Data: []byte(order)}, time.Now())
	case p.state == charged && p.cancelled:
		p.state, p.cause = refunding, m
		err = s.Queue.Add(ctx, tx, work.Task{Key: "refund/" + order, Kind: "refund", Data: []byte(order)}, time.Now())
	}
	if err != nil {
		return err
	}
	return save(ctx, tx, p)
}

// charge asks the provider. When it stays silent, the order fails, and a second task sees to it that a charge that was
// carried out without our knowing is given back.
func (s *Service) charge(ctx context.Context, t work.Task) (func(*journal.Tx) error, error) {
	order := string(t.Data)
	amount, err := s.amount(ctx, order)
	if err != nil {
		return nil, err
	}
	id, err := s.Gateway.Charge(ctx, order, amount)
	if err != nil && !errors.Is(err, ErrDeclined) && t.Tries < work.MaxDeliveries {
		return nil, err
	}
	return func(tx *journal.Tx) error {
		p, e := load(ctx, tx, order)
		if e != nil {
			return e
		}
		if err != nil {
			return s.fail(ctx, tx, p, err)
		}
		p.state, p.paymentID = charged, id
		processed, e := tx.Append(ctx, order, journal.AnyVersion, event.PaymentProcessed{
			OrderID: order, CustomerID: p.customer, Amount: p.amount,
			Payment: event.Payment{ID: id, Provider: s.Provider, Method: "card"}, ProcessedAt: time.Now().UTC(),
		}, p.cause)
		if e != nil {
			return e
		}
		if p.cancelled { // the order ended while the card was being charged
			p.state, p.cause = refunding, processed
			if e := s.Queue.Add(ctx, tx, work.Task{Key: "refund/" + order, Kind: "refund", Data: []byte(order)}, time.Now()); e != nil {
				return e
			}
		}
		return save(ctx, tx, p)
	}, nil
}

// amount reads what an order costs.
func (s *Service) amount(ctx context.Context, order string) (m event.Money, err error) {
	err = s.Store.View().QueryRowContext(ctx, `SELECT amount, currency FROM payments WHERE order_id = $1`, order).Scan(&m.AmountMinor, &m.Currency)
	if err != nil {
		return m, fmt.Errorf("amount of %s: %w", order, err)
	}
	return m, nil
}

func (s *Service) fail(ctx context.Context, tx *journal.Tx, p payment, why error) error {
	p.state = failed
	e := event.PaymentFailed{OrderID: p.order, CustomerID: p.customer, Amount: &p.amount, Reason: event.Declined, ProcessedAt: time.Now().UTC()}
	if !errors.Is(why, ErrDeclined) {
		e.Reason, e.Retryable, e.Error = event.ProviderError, true, "the provider did not answer"
		if err := s.Queue.Add(ctx, tx, work.Task{Key: "void/" + p.order, Kind: "void", Data: []byte(p.order)}, time.Now()); err != nil {
			return err
		}
	}
	if _, err := tx.Append(ctx, p.order, journal.AnyVersion, e, p.cause); err != nil {
		return err
	}
	return save(ctx, tx, p)
}

// refund gives the money back, however long it takes; people are told when it takes long.
func (s *Service) refund(ctx context.Context, t work.Task) (func(*journal.Tx) error, error) {
	order := string(t.Data)
	id, err := s.Gateway.Refund(ctx, order)
	if err != nil {
		if t.Tries == work.MaxDeliveries {
			err = errors.Join(err, s.Store.Update(ctx, func(tx *journal.Tx) error {
				p, err := load(ctx, tx, order)
				if err == nil {
					_, err = tx.Append(ctx, order, journal.AnyVersion, event.RefundFailed{OrderID: order, PaymentID: p.paymentID, Amount: p.amount, Reason: event.ProviderError}, p.cause)
				}
				return err
			}))
		}
		return nil, err
	}
	return func(tx *journal.Tx) error {
		p, err := load(ctx, tx, order)
		if err != nil {
			return err
		}
		p.state = refunded
		reason := event.OrderWasCancelled
		if p.cause.Type == event.TypePrefix+"payments.PaymentProcessed" {
			reason = event.LatePayment
		}
		_, err = tx.Append(ctx, order, journal.AnyVersion, event.PaymentRefunded{OrderID: order, PaymentID: id, Amount: p.amount, Reason: reason}, p.cause)
		if err != nil {
			return err
		}
		return save(ctx, tx, p)
	}, nil
}

// void gives back a charge that we never heard of. Nobody was told of it, so nobody is told now.
func (s *Service) void(ctx context.Context, t work.Task) (func(*journal.Tx) error, error) {
	_, err := s.Gateway.Refund(ctx, string(t.Data))
	return func(*journal.Tx) error { return nil }, err
}
