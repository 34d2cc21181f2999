package consume

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/work"
)

const (
	reasonGap = "gap" // an earlier version of the aggregate has not come yet
	maxReason = 500

	retryEvery = 50 * time.Millisecond // while something is parked
	idleEvery  = 5 * time.Second       // while nothing is, but another instance may park something
)

// never is the next try of what waits for something else than time.
var never = time.UnixMicro(math.MaxInt64 / 2)

// park keeps a record in the store until it can go on.
func (c *Consumer) park(ctx context.Context, tx *journal.Tx, r journal.Record, s stream, tries int, next time.Time, reason string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO parked(consumer, stream, version, record, tries, next_at, since, reason) VALUES($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.Group, s.name, s.version, string(text), tries, next.UnixMicro(), time.Now().UnixMicro(), reason[:min(len(reason), maxReason)])
	if err != nil {
		return fmt.Errorf("park: %w", err)
	}
	tx.AfterCommit(func() {
		c.stats.Parked.Add(1)
		select {
		case c.parked() <- struct{}{}:
		default:
		}
	})
	return nil
}

// parked is the bell that is rung when a record was parked.
func (c *Consumer) parked() chan struct{} {
	c.bellOnce.Do(func() { c.bell = make(chan struct{}, 1) })
	return c.bell
}

// retry takes parked records whose time or whose turn has come, one after the other, until ctx ends.
func (c *Consumer) retry(ctx context.Context) {
	var wait time.Duration
	for {
		found, err := c.RetryOne(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.Log.Warn("parked record waits", "group", c.Group, "err", err)
			if !pause(ctx, &wait) {
				return
			}
			continue
		}
		wait = 0
		if found {
			continue
		}
		next := retryEvery
		if n, _, err := c.Waiting(ctx); err == nil && n == 0 {
			next = idleEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-c.parked():
		case <-time.After(next):
		}
	}
}

// RetryOne takes the first parked record that is due or whose gap is closed, and runs it. It says whether there was
// one. A record that fails again is put back or buried.
func (c *Consumer) RetryOne(ctx context.Context) (found bool, err error) {
	now := time.Now().UnixMicro()
	const due = ` FROM parked p LEFT JOIN gate g ON g.consumer = p.consumer AND g.stream = p.stream
		WHERE p.consumer = $1 AND (p.next_at <= $2 OR (p.reason = '` + reasonGap + `' AND p.version <= COALESCE(g.version, 0) + 1)) ORDER BY p.seq LIMIT 1`
	var seq int64
	err = c.Store.View().QueryRowContext(ctx, `SELECT p.seq`+due, c.Group, now).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	var r journal.Record
	var tries int
	err = c.Store.Update(ctx, func(tx *journal.Tx) error {
		var text, reason string
		err := tx.QueryRowContext(ctx, `SELECT record, tries, reason FROM parked WHERE seq = $1`+tx.SkipLocked(), seq).Scan(&text, &tries, &reason)
		if err != nil {
			return err
		}
		if r, err = unpark(text); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE seq = $1`, seq); err != nil {
			return err
		}
		return c.step(ctx, tx, r, reason != reasonGap) // what was parked for another reason had passed the gate
	})
	if errors.Is(err, sql.ErrNoRows) { // another instance has it
		return false, nil
	}
	c.stats.Retries.Add(1)
	f, ok := errors.AsType[*fault](err)
	if !ok {
		return true, err
	}
	return true, c.again(ctx, seq, r, tries, f)
}

// again counts a failed try of a parked record: another pause, or the dead letter.
func (c *Consumer) again(ctx context.Context, seq int64, r journal.Record, tries int, f *fault) error {
	class := c.Decoder.Class(f.err)
	if class != Retry {
		tries++
	}
	if (class == Poison && f.decode) || tries >= work.MaxDeliveries {
		if err := c.bury(ctx, r, tries, f.err); err != nil {
			return err
		}
		return c.Store.Update(ctx, func(tx *journal.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM parked WHERE seq = $1`, seq)
			return err
		})
	}
	reason := f.err.Error()
	return c.Store.Update(ctx, func(tx *journal.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE parked SET tries = $1, next_at = $2, reason = $3 WHERE seq = $4`,
			tries, time.Now().Add(work.Delay(tries)).UnixMicro(), reason[:min(len(reason), maxReason)], seq)
		return err
	})
}

// bury writes the dead letter and waits for its acknowledgement.
func (c *Consumer) bury(ctx context.Context, r journal.Record, tries int, why error) error {
	letter := c.Decoder.DeadLetter(r, c.Group, tries, why)
	if err := errors.Join(c.Letters.Produce(ctx, []journal.Record{letter})...); err != nil {
		return fmt.Errorf("dead letter to %s: %w", letter.Topic, err)
	}
	c.stats.DeadLetters.Add(1)
	c.Log.Warn("dead letter", "group", c.Group, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "tries", tries, "err", why)
	return nil
}

func unpark(text string) (r journal.Record, err error) {
	err = json.Unmarshal([]byte(text), &r)
	return r, err
}

// Waiting says how many records are parked, and how long the oldest has been.
func (c *Consumer) Waiting(ctx context.Context) (n int64, oldest time.Duration, err error) {
	var since int64
	err = c.Store.View().QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MIN(since), 0) FROM parked WHERE consumer = $1`, c.Group).Scan(&n, &since)
	if n > 0 {
		oldest = time.Since(time.UnixMicro(since))
	}
	return n, oldest, err
}

// A Parked is one record that waits.
type Parked struct {
	Stream  string // source and subject
	Version int64
	Type    string
	Tries   int
	Since   time.Time
	Reason  string
}

// MaxParkedShown bounds what Parked returns.
const MaxParkedShown = 100

// Parked lists what waits, the oldest first.
func (c *Consumer) Parked(ctx context.Context) ([]Parked, error) {
	rows, err := c.Store.View().QueryContext(ctx, `SELECT stream, version, record, tries, since, reason FROM parked WHERE consumer = $1 ORDER BY seq LIMIT $2`, c.Group, MaxParkedShown)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Parked{}
	for rows.Next() {
		var p Parked
		var text string
		var since int64
		if err := rows.Scan(&p.Stream, &p.Version, &text, &p.Tries, &since, &p.Reason); err != nil {
			return nil, err
		}
		r, err := unpark(text)
		if err != nil {
			return nil, err
		}
		p.Type, p.Since = r.Header("ce_type"), time.UnixMicro(since).UTC()
		out = append(out, p)
	}
	return out, rows.Err()
}

// Release lets an aggregate go on whose next event is a dead letter or will never come: its first parked record becomes
// the next one. It says whether anything was parked.
func (c *Consumer) Release(ctx context.Context, name string) (bool, error) {
	released := false
	err := c.Store.Update(ctx, func(tx *journal.Tx) error {
		var first int64
		err := tx.QueryRowContext(ctx, `SELECT COALESCE(MIN(version), 0) FROM parked WHERE consumer = $1 AND stream = $2`, c.Group, name).Scan(&first)
		if err != nil || first == 0 {
			return err
		}
		released = true
		last, err := c.last(ctx, tx, stream{name: name})
		if err != nil || first <= last+1 {
			return err
		}
		return c.pass(ctx, tx, stream{name, first - 1})
	})
	return released, err
}
