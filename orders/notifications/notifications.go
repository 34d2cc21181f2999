// Package notifications writes to customers and to the shop's administrator, by mail, SMS and push. A message is unique
// by order, kind, channel and what it is about, and the provider gets the same key: neither an event that comes twice
// nor a crash between sending and noting makes a second message. A channel that fails holds up no other.
package notifications

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/work"
)

// Admin gets the alerts about stock.
const Admin = "admin@store.com"

// DefaultPhone is used for customers whose number nobody knows.
const DefaultPhone = "+1234567890"

// A Message is what a provider is asked to send.
type Message struct {
	Key       string    `json:"key"` // order, kind, channel, discriminator; a second one with the same key is not sent
	OrderID   string    `json:"orderId"`
	Kind      string    `json:"kind"`
	Channel   string    `json:"channel"`
	Recipient string    `json:"recipient"`
	ProductID string    `json:"productId,omitempty"`
	Subject   string    `json:"subject"`
	Body      string    `json:"body"`
	SentAt    time.Time `json:"sentAt"`
}

// A Provider sends messages on one or more channels. Send may be repeated with the same key and then sends nothing.
type Provider interface {
	Send(ctx context.Context, m Message) error
}

// A Service is the notifications service.
type Service struct {
	Store    *journal.Store
	Queue    *work.Queue
	Provider Provider
}

// Tables are the service's own.
func Tables() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS customers(id TEXT PRIMARY KEY, given_name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS addressees(order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, given_name TEXT NOT NULL, email TEXT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS messages(key TEXT PRIMARY KEY, order_id TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL,
			product_id TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, cause_id TEXT NOT NULL, correlation TEXT NOT NULL)`,
	}
}

// Routes are the messages that the service reads.
func (s *Service) Routes() []consume.Route {
	return []consume.Route{
		consume.On(true, s.placed), consume.On(true, s.moved),
		consume.On(true, s.paid), consume.On(true, s.declined),
		consume.On(true, s.short), consume.On(false, s.registered),
	}
}

// Tasks are what the service does outside its store.
func (s *Service) Tasks() map[string]work.Handler { return map[string]work.Handler{"send": s.send} }

func (s *Service) registered(ctx context.Context, tx *journal.Tx, e *event.CustomerRegistered, _ event.Meta) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO customers(id, given_name, email, phone) VALUES($1, $2, $3, $4)
		ON CONFLICT(id) DO UPDATE SET given_name = $2, email = $3, phone = $4`, e.ID, e.GivenName, e.Contacts[0].Email, e.Contacts[0].Phone)
	return err
}

func (s *Service) placed(ctx context.Context, tx *journal.Tx, e *event.OrderPlaced, m event.Meta) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO addressees(order_id, customer_id, given_name, email) VALUES($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		e.OrderID, e.Customer.ID, e.Customer.GivenName, e.Customer.Email)
	if err != nil {
		return err
	}
	return s.write(ctx, tx, m, e.OrderID, e.Customer.ID, event.OrderConfirmation, "", confirmation(e), event.Email)
}

func (s *Service) paid(ctx context.Context, tx *journal.Tx, e *event.PaymentProcessed, m event.Meta) error {
	return s.write(ctx, tx, m, e.OrderID, e.CustomerID, event.PaymentConfirmation, "", receipt(e), event.Email)
}

func (s *Service) declined(ctx context.Context, tx *journal.Tx, e *event.PaymentFailed, m event.Meta) error {
	return s.write(ctx, tx, m, e.OrderID, e.CustomerID, event.PaymentFailure, "", declinedText(e), event.Email, event.SMS)
}

func (s *Service) moved(ctx context.Context, tx *journal.Tx, e *event.OrderStatusChanged, m event.Meta) error {
	return s.write(ctx, tx, m, e.OrderID, "", event.OrderStatus, string(e.To), statusText(e), event.Push)
}

func (s *Service) short(ctx context.Context, tx *journal.Tx, e *event.ProductOutOfStock, m event.Meta) error {
	for _, shortage := range e.Shortages {
		if err := s.write(ctx, tx, m, e.OrderID, "", event.InventoryAlert, shortage.SKU, alert(e.OrderID, shortage), event.Email); err != nil {
			return err
		}
	}
	return nil
}

// write puts one message per channel on the list. about tells apart messages of one kind; for alerts it is the product.
func (s *Service) write(ctx context.Context, tx *journal.Tx, m event.Meta, order, customer, kind, about string, t text, channels ...string) error {
	a, err := s.addressee(ctx, tx, order, customer)
	if err != nil {
		return err
	}
	for _, channel := range channels {
		recipient, product := a.on(channel), ""
		if kind == event.InventoryAlert {
			recipient, product = Admin, about
		}
		key := strings.Join([]string{order, kind, channel, about}, "/")
		result, err := tx.ExecContext(ctx, `INSERT INTO messages(key, order_id, kind, channel, recipient, product_id, subject, body, state, cause_id, correlation)
			VALUES($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $10) ON CONFLICT DO NOTHING`,
			key, order, kind, channel, recipient, product, t.subject, t.body, m.ID, m.Correlation)
		if err != nil {
			return fmt.Errorf("message %s: %w", key, err)
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			continue
		}
		if err := s.Queue.Add(ctx, tx, work.Task{Key: key, Kind: "send", Data: []byte(key)}, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// addressee is where a customer can be reached.
type addressee struct{ customer, email, phone string }

func (a addressee) on(channel string) string {
	switch channel {
	case event.Email:
		return a.email
	case event.SMS:
		return a.phone
	}
	return "device of " + a.customer
}

// addressee looks into the order, then into the address book, and makes up the rest as the demo does.
func (s *Service) addressee(ctx context.Context, tx *journal.Tx, order, customer string) (addressee, error) {
	a := addressee{customer: customer}
	err := tx.QueryRowContext(ctx, `SELECT customer_id, email FROM addressees WHERE order_id = $1`, order).Scan(&a.customer, &a.email)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return a, err
	}
	var email string
	err = tx.QueryRowContext(ctx, `SELECT email, phone FROM customers WHERE id = $1`, a.customer).Scan(&email, &a.phone)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return a, err
	}
	if a.email == "" {
		a.email = email
	}
	if a.email == "" {
		a.email = "customer-" + a.customer + "@example.com"
	}
	if a.phone == "" {
		a.phone = DefaultPhone
	}
	return a, nil
}

// send hands one message to the provider; after the last try the failure is a fact of its own.
func (s *Service) send(ctx context.Context, t work.Task) (func(*journal.Tx) error, error) {
	m := Message{Key: string(t.Data)}
	var cause event.Meta
	err := s.Store.View().QueryRowContext(ctx, `SELECT order_id, kind, channel, recipient, product_id, subject, body, cause_id, correlation FROM messages WHERE key = $1`, m.Key).
		Scan(&m.OrderID, &m.Kind, &m.Channel, &m.Recipient, &m.ProductID, &m.Subject, &m.Body, &cause.ID, &cause.Correlation)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", m.Key, err)
	}
	m.SentAt = time.Now().UTC()
	failure := s.Provider.Send(ctx, m)
	if failure != nil && t.Tries < work.MaxDeliveries {
		return nil, failure
	}
	return func(tx *journal.Tx) error {
		state := "sent"
		var fact any = event.NotificationSent{
			Kind: m.Kind, RecipientHash: hash(m.Recipient), OrderID: m.OrderID, ProductID: m.ProductID, Channels: []string{m.Channel}, SentAt: m.SentAt,
		}
		if failure != nil {
			state = "failed"
			fact = event.NotificationFailed{
				Kind: m.Kind, OrderID: m.OrderID, Channel: m.Channel, FailedAt: time.Now().UTC(),
				Error: event.Fault{Code: event.ProviderError, Message: failure.Error()},
			}
		}
		if _, err := tx.ExecContext(ctx, `UPDATE messages SET state = $1 WHERE key = $2`, state, m.Key); err != nil {
			return err
		}
		_, err := tx.Append(ctx, m.OrderID, journal.AnyVersion, fact, cause)
		return err
	}, nil
}

func hash(address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(address)))
	return hex.EncodeToString(sum[:])
}
