package notifications

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/accordhq/accord/orders/journal"
)

// ErrChannelDown is what a simulated channel answers when it fails.
var ErrChannelDown = errors.New("channel does not answer")

// A Simulator is a provider whose messages go into a table instead of out of the house.
type Simulator struct {
	Boxes  *journal.Store
	Seed   uint64
	Failed map[string]float64 // by channel: share of messages that can never be delivered
}

// BoxTables are the simulator's own.
func BoxTables() []string {
	return []string{`CREATE TABLE IF NOT EXISTS mailbox(key TEXT PRIMARY KEY, order_id TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL, recipient TEXT NOT NULL,
		product_id TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, sent_at BIGINT NOT NULL)`}
}

// Send implements Provider.
func (s *Simulator) Send(ctx context.Context, m Message) error {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", s.Seed, m.Key)
	if float64(h.Sum64()%10_000)/10_000 < s.Failed[m.Channel] {
		return fmt.Errorf("%s: %w", m.Channel, ErrChannelDown)
	}
	return s.Boxes.Update(ctx, func(tx *journal.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO mailbox(key, order_id, kind, channel, recipient, product_id, subject, body, sent_at)
			VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			m.Key, m.OrderID, m.Kind, m.Channel, m.Recipient, m.ProductID, m.Subject, m.Body, m.SentAt.UnixMicro())
		return err
	})
}

// MaxBox bounds what Box returns.
const MaxBox = 1000

// Box returns what was sent, the newest first, for one order or for all ("").
func (s *Simulator) Box(ctx context.Context, order string) ([]Message, error) {
	rows, err := s.Boxes.View().QueryContext(ctx, `SELECT key, order_id, kind, channel, recipient, product_id, subject, body, sent_at FROM mailbox
		WHERE $1 = '' OR order_id = $1 ORDER BY sent_at DESC, key LIMIT $2`, order, MaxBox)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Message{}
	for rows.Next() {
		var m Message
		var sent int64
		if err := rows.Scan(&m.Key, &m.OrderID, &m.Kind, &m.Channel, &m.Recipient, &m.ProductID, &m.Subject, &m.Body, &sent); err != nil {
			return nil, err
		}
		m.SentAt = time.UnixMicro(sent).UTC()
		out = append(out, m)
	}
	return out, rows.Err()
}
