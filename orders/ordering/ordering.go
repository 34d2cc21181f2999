// Package ordering is the orders service: it takes commands, keeps each order as the list of its events, and decides
// what facts from other services mean for it. Questions are answered elsewhere, from the topics.
package ordering

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

const (
	// KeepKeys is how long an Idempotency-Key is remembered.
	KeepKeys = consume.DedupWindow
	// MaxPieces bounds one product in one order, over all its lines.
	MaxPieces = 100_000
	// MaxTotal bounds an order, in minor units.
	MaxTotal = 99_999_999_999
)

// Errors that a client can do something about.
var (
	ErrNotFound   = errors.New("no such order")
	ErrKeyReused  = errors.New("idempotency key was used with another body")
	ErrUnknownSKU = errors.New("unknown product")
	ErrTooMuch    = errors.New("order is too large")
)

// A TotalError says that the customer was shown another total than the server computes.
type TotalError struct{ Shown, Computed event.Money }

func (e *TotalError) Error() string {
	return fmt.Sprintf("total is %d %s, not %d %s", e.Computed.AmountMinor, e.Computed.Currency, e.Shown.AmountMinor, e.Shown.Currency)
}

// DemoPrices is the shop's price list in US cents. PROD-205 is sold but was never delivered to the warehouse.
func DemoPrices() map[string]int64 {
	return map[string]int64{"PROD-101": 2599, "PROD-102": 1499, "PROD-103": 999, "PROD-104": 4599, "PROD-105": 12900, "PROD-205": 5999}
}

// Currency is the one that the shop sells in.
const Currency = "USD"

// A Service is the orders service.
type Service struct {
	Store   *journal.Store
	Decoder consume.Decoder
	Prices  map[string]int64 // minor units of Currency by product; not changed after start
}

// Tables are the service's own.
func Tables() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS requests(key TEXT PRIMARY KEY, hash TEXT NOT NULL, answer TEXT NOT NULL, at BIGINT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS requests_by_age ON requests(at)`,
	}
}

// Routes are the messages that the service reads.
func (s *Service) Routes() []consume.Route {
	return []consume.Route{
		fact(s, func(e *event.InventoryReserved) string { return e.OrderID }, func(o *Order, _ *event.InventoryReserved) []any { return o.whenReserved() }),
		fact(s, func(e *event.ProductOutOfStock) string { return e.OrderID }, func(o *Order, _ *event.ProductOutOfStock) []any { return o.whenShort() }),
		fact(s, func(e *event.PaymentProcessed) string { return e.OrderID }, func(o *Order, _ *event.PaymentProcessed) []any { return o.whenPaid() }),
		fact(s, func(e *event.PaymentFailed) string { return e.OrderID }, func(o *Order, _ *event.PaymentFailed) []any { return o.whenDeclined() }),
		fact(s, func(e *event.OrderShipped) string { return e.OrderID }, func(o *Order, _ *event.OrderShipped) []any { return o.whenShipped() }),
		fact(s, func(e *event.ShipmentDelivered) string { return e.OrderID }, func(o *Order, e *event.ShipmentDelivered) []any { return o.whenDelivered(e.DeliveredAt) }),
		fact(s, func(e *event.ShipmentFailed) string { return e.OrderID }, func(o *Order, e *event.ShipmentFailed) []any { return o.whenNotShipped(e.Error.Code) }),
	}
}

// fact makes the route of one fact: load the order, decide, append.
func fact[T any](s *Service, of func(*T) string, decide func(*Order, *T) []any) consume.Route {
	return consume.On(false, func(ctx context.Context, tx *journal.Tx, e *T, m event.Meta) error {
		o, err := s.load(ctx, tx, of(e), 0)
		if err != nil {
			return err
		}
		return add(ctx, tx, o, decide(&o, e), m)
	})
}

// add appends what was decided, right behind what the decision was made from.
func add(ctx context.Context, tx *journal.Tx, o Order, events []any, cause event.Meta) error {
	for i, e := range events {
		if _, err := tx.Append(ctx, o.ID, o.Version+int64(i), e, cause); err != nil {
			return err
		}
	}
	return nil
}

// load folds an order's events up to a version (0 = all), or returns ErrNotFound.
func (s *Service) load(ctx context.Context, q journal.Querier, id string, upTo int64) (Order, error) {
	stored, err := journal.Stream(ctx, q, id, upTo)
	if err != nil {
		return Order{}, err
	}
	var o Order
	for _, e := range stored {
		data, m, err := s.Decoder.Decode(ctx, e.Record)
		if err == nil {
			err = o.Apply(data, m)
		}
		if err != nil {
			return o, fmt.Errorf("event %d of %s: %w", e.Version, id, err)
		}
	}
	if o.Version == 0 {
		return o, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	return o, nil
}

// A Receipt is the answer to PlaceOrder.
type Receipt struct {
	OrderID string       `json:"orderId"`
	Status  event.Status `json:"status"`
	Total   event.Money  `json:"total"`
}

// Place accepts an order. key, if not empty, makes a second call with the same body return the first one's receipt; the
// same key with another body is ErrKeyReused. It returns ErrUnknownSKU, ErrTooMuch or *TotalError for orders that the
// shop cannot take. After an error nothing is stored.
func (s *Service) Place(ctx context.Context, key string, cmd event.PlaceOrder) (r Receipt, err error) {
	placed, err := s.price(cmd)
	if err != nil {
		return r, err
	}
	body, err := json.Marshal(cmd)
	if err != nil {
		return r, err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	err = s.Store.Update(ctx, func(tx *journal.Tx) error {
		r = Receipt{OrderID: placed.OrderID, Status: event.Placed, Total: placed.Total}
		if key != "" {
			known, err := remember(ctx, tx, key, hash, &r)
			if err != nil || known {
				return err
			}
		}
		command, err := tx.Append(ctx, cmd.Customer.ID, journal.NoVersion, cmd, event.Meta{})
		if err != nil {
			return err
		}
		_, err = tx.Append(ctx, placed.OrderID, 0, placed, command)
		return err
	})
	return r, err
}

// remember stores the answer under a key, or finds the one that is stored and puts it into r.
func remember(ctx context.Context, tx *journal.Tx, key, hash string, r *Receipt) (known bool, err error) {
	now := time.Now()
	if _, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE at < $1`, now.Add(-KeepKeys).UnixMicro()); err != nil {
		return false, err
	}
	answer, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO requests(key, hash, answer, at) VALUES($1, $2, $3, $4) ON CONFLICT DO NOTHING`, key, hash, string(answer), now.UnixMicro())
	if err != nil {
		return false, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return false, err
	}
	var first, stored string
	if err := tx.QueryRowContext(ctx, `SELECT hash, answer FROM requests WHERE key = $1`, key).Scan(&first, &stored); err != nil {
		return false, err
	}
	if first != hash {
		return false, ErrKeyReused
	}
	return true, json.Unmarshal([]byte(stored), r)
}

// price makes the fact from the command: the server's prices, the server's total.
func (s *Service) price(cmd event.PlaceOrder) (event.OrderPlaced, error) {
	out := event.OrderPlaced{
		OrderID: newOrderID(time.Now()), Customer: cmd.Customer, Channel: cmd.Channel, ShippingAddress: cmd.ShippingAddress,
		Total: event.Money{Currency: Currency}, PlacedAt: time.Now().UTC(),
	}
	pieces := map[string]int64{}
	for _, l := range cmd.Lines {
		unit, ok := s.Prices[l.SKU]
		if !ok {
			return out, fmt.Errorf("%s: %w", l.SKU, ErrUnknownSKU)
		}
		out.Lines = append(out.Lines, event.PricedLine{SKU: l.SKU, Quantity: l.Quantity, UnitPrice: event.Money{AmountMinor: unit, Currency: Currency}})
		out.Total.AmountMinor += unit * l.Quantity
		if pieces[l.SKU] += l.Quantity; pieces[l.SKU] > MaxPieces || out.Total.AmountMinor > MaxTotal {
			return out, fmt.Errorf("%d pieces of %s: %w", pieces[l.SKU], l.SKU, ErrTooMuch)
		}
	}
	if cmd.Total != nil && *cmd.Total != out.Total {
		return out, &TotalError{Shown: *cmd.Total, Computed: out.Total}
	}
	return out, nil
}

// Cancel asks for an order to end. It returns ErrNotFound or ErrTooLate; asking again is no error and changes nothing.
func (s *Service) Cancel(ctx context.Context, id, why string) error {
	return s.Store.Update(ctx, func(tx *journal.Tx) error {
		o, err := s.load(ctx, tx, id, 0)
		if err != nil {
			return err
		}
		events, err := o.askToCancel(why)
		if err != nil || len(events) == 0 {
			return err
		}
		command, err := tx.Append(ctx, id, journal.NoVersion, event.CancelOrder{OrderID: id, Reason: why}, event.Meta{})
		if err != nil {
			return err
		}
		return add(ctx, tx, o, events, command)
	})
}

// A Step is one event of an order's history.
type Step struct {
	Version int64           `json:"version"`
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"` // as it was stored, at its writer's version
}

// History returns an order as it was at a version (0 = now) with the events that made it, the oldest first, or
// ErrNotFound.
func (s *Service) History(ctx context.Context, id string, at int64) (Order, []Step, error) {
	o, err := s.load(ctx, s.Store.View(), id, at)
	if err != nil {
		return o, nil, err
	}
	stored, err := journal.Stream(ctx, s.Store.View(), id, o.Version)
	steps := make([]Step, len(stored))
	for i, e := range stored {
		steps[i] = Step{Version: e.Version, ID: e.ID, Type: e.Type, Time: e.RecordedAt, Data: e.Record.Value}
	}
	return o, steps, err
}

// VersionAt returns how many events an order had at a moment, or ErrNotFound if there was none yet.
func (s *Service) VersionAt(ctx context.Context, id string, at time.Time) (int64, error) {
	var version sql.NullInt64
	err := s.Store.View().QueryRowContext(ctx, `SELECT MAX(version) FROM events WHERE stream = $1 AND recorded_at <= $2`, id, at.UnixMicro()).Scan(&version)
	if err == nil && !version.Valid {
		err = fmt.Errorf("%s at %s: %w", id, at.Format(time.RFC3339), ErrNotFound)
	}
	return version.Int64, err
}

// crockford leaves out I, L, O and U, so that an id can be read over the phone.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newOrderID makes ORD- and 26 characters: 48 bits of milliseconds, then 80 bits of chance. Ids sort by time, and two in
// the same millisecond differ.
func newOrderID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:])
	return "ORD-" + crockford.EncodeToString(b[:])
}
