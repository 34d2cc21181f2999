// Package consume is how a service reads topics. The steps are fixed, so that nobody can put them in a wrong order:
//
//	gate ── filter by type ── inbox ── decode ── handler ── appended events ── offset ── commit
//
// All of it is one transaction of the service's own store. The offset of a partition lives there too: after a crash the
// consumer goes on exactly where its effects end, whatever Kafka believes. Kafka's own offset is committed afterwards
// and is for lag tools only.
//
//	seen before (id, or version not above the last)   skipped
//	version above the next                            parked until what is missing has come
//	handler fails or panics                           parked, tried again after a pause; the fifth failure is a dead letter
//	cannot be decoded, now or ever                    dead letter at once
//	comes back from a dead letter                     handled unless its id was, then what waited for it goes on
//	schema cannot be had just now                     the partition waits
//
// A parked record does not move its aggregate's version, so what follows it is parked as well, and other aggregates go
// on. A dead letter is acknowledged before the offset moves: a crash between leaves two copies with one id, never none.
package consume

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

const (
	// Batch is how many records of a partition share a transaction.
	Batch = 100
	// DedupWindow is how long the inbox remembers an id: longer than a topic keeps it, and than a replay reaches back.
	DedupWindow = 8 * 24 * time.Hour

	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// A Class says what to do about an error of a decoder, or of an encoder inside a handler.
type Class int

// Classes of errors.
const (
	Other  Class = iota // not the schema's fault: parked, tried again
	Retry               // the schema cannot be had just now: the partition waits
	Poison              // cannot be decoded, now or ever: dead letter
	Skip                // a type that nobody here asked for
)

// A Decoder reads records at the versions that the service was built for.
type Decoder interface {
	Decode(ctx context.Context, r journal.Record) (data any, meta event.Meta, err error)
	Class(err error) Class
	// DeadLetter makes the record for the group's dead-letter topic: the original bytes, and headers that say why.
	DeadLetter(r journal.Record, group string, tries int, err error) journal.Record
}

// A Route is what a service does with one kind of message.
type Route struct {
	Kind   event.Kind
	React  bool // touches the world outside: never run on replayed history
	handle func(ctx context.Context, tx *journal.Tx, data any, meta event.Meta) error
}

// On makes the route of T, which must be one of event.Kinds. React says that do has effects beyond the service's own
// tables. do runs inside the unit of work, perhaps more than once, and must do nothing outside it.
func On[T any](react bool, do func(ctx context.Context, tx *journal.Tx, e *T, meta event.Meta) error) Route {
	kind, ok := event.KindOf(new(T))
	if !ok {
		panic(fmt.Sprintf("no kind for %T", new(T)))
	}
	return Route{Kind: kind, React: react, handle: func(ctx context.Context, tx *journal.Tx, data any, meta event.Meta) error {
		e, ok := data.(*T)
		if !ok {
			return fmt.Errorf("decoder gave %T for %s", data, kind.Subject)
		}
		return do(ctx, tx, e, meta)
	}}
}

// A Consumer reads for one service. Set the fields before Run.
type Consumer struct {
	Group    string // consumer group, and the name under which store and dead letters know it
	Store    *journal.Store
	Decoder  Decoder
	Letters  journal.Producer // writes dead letters, straight to the brokers
	Routes   []Route
	Brokers  []string
	ClientID string
	Log      *slog.Logger
	Dial     Dialer // how to reach the brokers; nil = the network

	stats    Stats
	bellOnce sync.Once
	bell     chan struct{}
}

// Stats count what happened since the start. Safe for concurrent use.
type Stats struct {
	Handled, Duplicates, Parked, Retries, DeadLetters, Skipped atomic.Int64
}

// Stats returns the consumer's counters.
func (c *Consumer) Stats() *Stats { return &c.stats }

// RedriveTopic is where dead letters of a group come back to it, and to nobody else.
func RedriveTopic(group string) string { return group + ".redrive" }

// Topics returns the topics that the routes need, each once, and the group's redriven dead letters.
func (c *Consumer) Topics() []string {
	topics := []string{RedriveTopic(c.Group)}
	seen := map[string]bool{}
	for _, r := range c.Routes {
		if !seen[r.Kind.Topic] {
			seen[r.Kind.Topic] = true
			topics = append(topics, r.Kind.Topic)
		}
	}
	return topics
}

func (c *Consumer) route(typ string) (Route, bool) {
	for _, r := range c.Routes {
		if r.Kind.Type() == typ {
			return r, true
		}
	}
	return Route{}, false
}

// Tables are the statements that a store needs for a consumer.
func Tables() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS inbox(consumer TEXT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY(consumer, id))`,
		`CREATE TABLE IF NOT EXISTS gate(consumer TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL, PRIMARY KEY(consumer, stream))`,
		`CREATE TABLE IF NOT EXISTS offsets(consumer TEXT NOT NULL, topic TEXT NOT NULL, part INT NOT NULL, next BIGINT NOT NULL,
			PRIMARY KEY(consumer, topic, part))`,
		`CREATE TABLE IF NOT EXISTS parked(seq AUTOKEY, consumer TEXT NOT NULL, stream TEXT NOT NULL, version BIGINT NOT NULL,
			record TEXT NOT NULL, tries INT NOT NULL, next_at BIGINT NOT NULL, since BIGINT NOT NULL, reason TEXT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS parked_due ON parked(consumer, next_at)`,
	}
}

// pause waits, longer from call to call; false when ctx ended.
func pause(ctx context.Context, wait *time.Duration) bool {
	*wait = min(max(*wait*2, minPause), maxPause)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(*wait):
		return true
	}
}
