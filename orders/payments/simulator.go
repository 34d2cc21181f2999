package payments

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

// A Simulator is a payment provider with a ledger of its own: a table that the service never looks at. What happens to
// an order depends on seed and key alone, so a run can be repeated.
type Simulator struct {
	Ledger     *journal.Store
	Seed       uint64
	Declined   float64 // share of cards that are declined; the source's figure is 0.2
	AnswerLost float64 // share of first charges that are carried out but answered with an error
	Latency    [2]time.Duration

	mu    sync.Mutex
	tried map[string]bool // keys whose answer was lost once; guarded by mu
}

// LedgerTables are the simulator's own.
func LedgerTables() []string {
	return []string{`CREATE TABLE IF NOT EXISTS ledger(key TEXT PRIMARY KEY, amount BIGINT NOT NULL, currency TEXT NOT NULL, refunded INT NOT NULL)`}
}

// chance maps seed, key and a word to [0, 1).
func (s *Simulator) chance(key, word string) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %s", s.Seed, key, word)
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd // spreads FNV's weak high bits
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

func (s *Simulator) wait(ctx context.Context, key string) error {
	d := s.Latency[0] + time.Duration(s.chance(key, "latency")*float64(s.Latency[1]-s.Latency[0]))
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Charge implements Gateway.
func (s *Simulator) Charge(ctx context.Context, key string, amount event.Money) (string, error) {
	if err := s.wait(ctx, key); err != nil {
		return "", err
	}
	if s.chance(key, "declined") < s.Declined {
		return "", ErrDeclined
	}
	err := s.Ledger.Update(ctx, func(tx *journal.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO ledger(key, amount, currency, refunded) VALUES($1, $2, $3, 0) ON CONFLICT DO NOTHING`, key, amount.AmountMinor, amount.Currency)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("charge %s: %w", key, err)
	}
	if s.chance(key, "lost") < s.AnswerLost && s.first(key) {
		return "", fmt.Errorf("charge %s: connection reset", key)
	}
	return "TXN-" + key, nil
}

// first says whether this is the first time that it is asked about a key.
func (s *Simulator) first(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tried == nil {
		s.tried = map[string]bool{}
	}
	again := s.tried[key]
	s.tried[key] = true
	return !again
}

// Refund implements Gateway.
func (s *Simulator) Refund(ctx context.Context, key string) (string, error) {
	if err := s.wait(ctx, key); err != nil {
		return "", err
	}
	id := ""
	err := s.Ledger.Update(ctx, func(tx *journal.Tx) error {
		var amount int64
		err := tx.QueryRowContext(ctx, `UPDATE ledger SET refunded = 1 WHERE key = $1 RETURNING amount`, key).Scan(&amount)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		id = "TXN-" + key
		return err
	})
	if err != nil {
		return "", fmt.Errorf("refund %s: %w", key, err)
	}
	return id, nil
}

// A Charge is one line of the ledger.
type Charge struct {
	Key      string
	Amount   event.Money
	Refunded bool
}

// Charges returns the whole ledger, ordered by key.
func (s *Simulator) Charges(ctx context.Context) ([]Charge, error) {
	rows, err := s.Ledger.View().QueryContext(ctx, `SELECT key, amount, currency, refunded FROM ledger ORDER BY key`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Charge
	for rows.Next() {
		var c Charge
		if err := rows.Scan(&c.Key, &c.Amount.AmountMinor, &c.Amount.Currency, &c.Refunded); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}
