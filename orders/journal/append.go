package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/accordhq/accord/orders/event"
)

// Expectations of Append other than a number.
const (
	AnyVersion = -1 // after whatever is the stream's last version
	NoVersion  = -2 // a command: it belongs to no aggregate
)

// HeaderVersion carries the aggregate's version, HeaderSequence the journal's position (20 digits, so that text order is
// number order). Source: CloudEvents, "Sequence" extension; the version is an extension of our own.
const (
	HeaderVersion  = "ce_aggregateversion"
	HeaderSequence = "ce_sequence"
)

// A Tx is a unit of work. It belongs to the function that Update calls.
type Tx struct {
	*sql.Tx
	store   *Store
	pending []pending
	after   []func()
}

// AfterCommit calls do once the unit of work is stored; it is not called otherwise. do must not wait.
func (tx *Tx) AfterCommit(do func()) { tx.after = append(tx.after, do) }

type pending struct {
	stream  string
	shard   int
	expect  int64
	meta    event.Meta
	record  Record
	headers []Header
}

// Append adds a message to a stream. It is encoded at once and stored with the unit's commit. after is the version that
// the stream must have now (0: it must be new), AnyVersion, or NoVersion. cause is the message that led to this one; the
// zero Meta begins a chain. It returns the Meta under which the message will go out, without its aggregate version.
//
// A stream has one topic and one kind of aggregate. If after does not hold, the unit of work ends in ErrConflict.
func (tx *Tx) Append(ctx context.Context, stream string, after int64, data any, cause event.Meta) (event.Meta, error) {
	kind, ok := event.KindOf(data)
	if !ok {
		return event.Meta{}, fmt.Errorf("append to %s: no topic for %T", stream, data)
	}
	record, meta, err := tx.store.encoder.Encode(ctx, data, stream, cause)
	if err != nil {
		return event.Meta{}, fmt.Errorf("append %s to %s: %w", kind.Subject, stream, err)
	}
	record.Topic = kind.Topic
	record.Key = []byte(stream)
	tx.pending = append(tx.pending, pending{
		stream: stream, shard: tx.store.shardOf(stream), expect: after, meta: meta, record: record, headers: record.Headers,
	})
	return meta, nil
}

func (s *Store) shardOf(stream string) int {
	h := fnv.New32a()
	h.Write([]byte(stream))
	return int(h.Sum32() % uint32(s.shards))
}

// lockKey names a lock; the whole database shares one space of locks, so the service is part of it.
func (s *Store) lockKey(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte("accord orders " + s.service + " " + name))
	return int64(h.Sum64())
}

// Lock has other units of work that lock the same name wait until this one has ended. A row that may not be there yet
// needs it: SELECT … FOR UPDATE locks nothing then, and two first facts about one order, from two topics, would each
// write a row without the other's.
func (tx *Tx) Lock(ctx context.Context, name string) error {
	if tx.store.dialect.lock == "" { // one writer at a time
		return nil
	}
	if _, err := tx.ExecContext(ctx, tx.store.dialect.lock, tx.store.lockKey("of "+name)); err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	return nil
}

// flush stores the pending messages. It is the last thing before commit: see the package's word on order.
func (tx *Tx) flush(ctx context.Context) error {
	if len(tx.pending) == 0 {
		return nil
	}
	if tx.store.dialect.lock != "" {
		var shards []int
		for _, p := range tx.pending {
			shards = append(shards, p.shard)
		}
		slices.Sort(shards) // ascending, so that two units cannot wait for each other
		for _, shard := range slices.Compact(shards) {
			if _, err := tx.ExecContext(ctx, tx.store.dialect.lock, tx.store.lockKey(strconv.Itoa(shard))); err != nil {
				return fmt.Errorf("lock shard %d: %w", shard, err)
			}
		}
	}
	last := map[string]int64{}
	for _, p := range tx.pending {
		if err := tx.insert(ctx, p, last); err != nil {
			return fmt.Errorf("store %s of %s: %w", p.meta.Type, p.stream, err)
		}
	}
	return nil
}

func (tx *Tx) insert(ctx context.Context, p pending, last map[string]int64) error {
	var version sql.NullInt64
	headers := p.headers
	if p.expect != NoVersion {
		now, known := last[p.stream]
		if !known {
			err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM events WHERE stream = $1`, p.stream).Scan(&now)
			if err != nil {
				return err
			}
		}
		if p.expect != AnyVersion && p.expect != now {
			return fmt.Errorf("version %d, expected %d: %w", now, p.expect, ErrConflict)
		}
		version = sql.NullInt64{Int64: now + 1, Valid: true}
		last[p.stream] = now + 1
		headers = append(slices.Clip(headers), Header{HeaderVersion, []byte(strconv.FormatInt(now+1, 10))})
	}
	text, err := json.Marshal(headers)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO events(shard, stream, version, id, topic, type, data, headers, recorded_at)
		VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		p.shard, p.stream, version, p.meta.ID, p.record.Topic, p.meta.Type, p.record.Value, string(text), time.Now().UnixMicro())
	if tx.store.dialect.duplicate(err) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	return err
}
