package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// RelayBatch is how many events the relay reads at once.
	RelayBatch = 500
	// LeaseTime is how long an instance owns a shard without renewing; another one takes over after that.
	LeaseTime = 10 * time.Second
	// PollInterval is how long the relay sleeps when nothing wakes it.
	PollInterval = time.Second
	// MaxBlocked is the longest pause before a shard whose event was refused is tried again; the first is minBlocked.
	MaxBlocked = 30 * time.Second
	minBlocked = 100 * time.Millisecond
)

// A Producer sends records and waits for every acknowledgement. errs has one entry per record, nil where it was
// acknowledged. Records of one key keep their order.
type Producer interface {
	Produce(ctx context.Context, records []Record) (errs []error)
}

// A Relay sends a store's events, in the order of each shard, at least once. A crash between acknowledgement and
// checkpoint sends an event again with the same id; the order of first appearances still holds.
type Relay struct {
	Store    *Store
	Producer Producer
	Owner    string // names this instance in the leases; must differ between instances
	Log      *slog.Logger

	blocked atomic.Int64
	sent    atomic.Int64
}

// Blocked is how many shards wait because their next event was refused.
func (r *Relay) Blocked() int64 { return r.blocked.Load() }

// Sent is how many events were acknowledged since the start.
func (r *Relay) Sent() int64 { return r.sent.Load() }

// pause is a shard that must not be tried before a moment.
type pause struct {
	until time.Time
	wait  time.Duration
}

// Run follows the store until ctx ends, which is no error. What goes wrong is logged and tried again: nothing is
// skipped by itself. On the way out it gives its shards back.
func (r *Relay) Run(ctx context.Context) error {
	defer r.release(context.WithoutCancel(ctx))
	paused := map[int]pause{}
	renew := time.Time{}
	for ctx.Err() == nil {
		if time.Now().After(renew) {
			if err := r.claim(ctx); err != nil && ctx.Err() == nil {
				r.Log.Warn("relay cannot claim shards", "service", r.Store.service, "err", err)
			}
			renew = time.Now().Add(LeaseTime / 3)
		}
		stopped := len(paused)
		n, err := r.round(ctx, paused)
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("relay round failed", "service", r.Store.service, "err", err)
		}
		if (n == RelayBatch && err == nil) || len(paused) < stopped {
			continue
		}
		wait := PollInterval
		for _, p := range paused {
			wait = min(wait, time.Until(p.until))
		}
		select {
		case <-ctx.Done():
		case <-r.Store.wake:
		case <-time.After(wait):
		}
	}
	return nil
}

// claim renews this instance's leases and takes those that ran out.
func (r *Relay) claim(ctx context.Context) error {
	now := time.Now()
	return r.Store.Update(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE relay SET owner = $1, until = $2 WHERE owner = $1 OR until < $3`,
			r.Owner, now.Add(LeaseTime).UnixMicro(), now.UnixMicro())
		return err
	})
}

func (r *Relay) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, LeaseTime/2)
	defer cancel()
	err := r.Store.Update(ctx, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE relay SET until = 0 WHERE owner = $1`, r.Owner)
		return err
	})
	if err != nil {
		r.Log.Warn("relay cannot give its shards back", "service", r.Store.service, "err", err)
	}
}

// round sends one batch over the shards that go on, then the next event of each shard whose pause is over, alone: an
// event that is refused takes its whole produce request with it, and must not hold up the neighbours for ever. It
// returns how many events the batch had.
func (r *Relay) round(ctx context.Context, paused map[int]pause) (int, error) {
	var skip strings.Builder
	for shard := range paused {
		skip.WriteString(" AND e.shard <> " + strconv.Itoa(shard))
	}
	n, err := r.send(ctx, skip.String(), RelayBatch, paused)
	for shard, p := range paused {
		if time.Now().After(p.until) {
			_, e := r.send(ctx, " AND e.shard = "+strconv.Itoa(shard), 1, paused)
			err = errors.Join(err, e)
		}
	}
	r.blocked.Store(int64(len(paused)))
	return n, err
}

// send reads up to limit events of owned shards, sends them, moves the checkpoints and notes what failed in paused.
func (r *Relay) send(ctx context.Context, which string, limit int, paused map[int]pause) (int, error) {
	rows, err := r.Store.read.QueryContext(ctx, `SELECT e.pos, e.stream, COALESCE(e.version, 0), e.id, e.topic, e.type, e.data, e.headers, e.recorded_at
		FROM events e JOIN relay c ON c.shard = e.shard
		WHERE c.owner = $1 AND c.until > $2 AND e.pos > c.pos`+which+` ORDER BY e.pos LIMIT $3`, r.Owner, time.Now().UnixMicro(), limit)
	if err != nil {
		return 0, err
	}
	events, err := scan(rows)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	records := make([]Record, len(events))
	for i, e := range events {
		records[i] = e.Record
		records[i].Headers = append(records[i].Headers, Header{HeaderSequence, fmt.Appendf(nil, "%020d", e.Pos)})
	}
	errs := r.Producer.Produce(ctx, records)
	checkpoints, failures := map[int]int64{}, map[int]error{}
	for i, e := range events {
		shard := r.Store.shardOf(string(e.Record.Key))
		switch {
		case failures[shard] != nil: // an earlier one of the shard failed: this one is sent again after it
		case errs[i] != nil:
			failures[shard] = fmt.Errorf("%s %s of %s: %w", e.Type, e.ID, e.Record.Key, errs[i])
		default:
			checkpoints[shard] = e.Pos
			r.sent.Add(1)
		}
	}
	for shard := range checkpoints {
		delete(paused, shard)
	}
	for shard := range failures { // twice as long each time
		wait := min(max(2*paused[shard].wait, minBlocked), MaxBlocked)
		paused[shard] = pause{time.Now().Add(wait), wait}
	}
	return len(events), errors.Join(r.checkpoint(ctx, checkpoints), joinFailures(failures))
}

func joinFailures(failures map[int]error) error {
	var errs []error
	for shard, err := range failures {
		errs = append(errs, fmt.Errorf("shard %d stops: %w", shard, err))
	}
	return errors.Join(errs...)
}

// checkpoint moves the shards' positions forward, never back: a late owner must not undo a newer one's work.
func (r *Relay) checkpoint(ctx context.Context, positions map[int]int64) error {
	if len(positions) == 0 {
		return nil
	}
	return r.Store.Update(ctx, func(tx *Tx) error {
		for shard, pos := range positions {
			if _, err := tx.ExecContext(ctx, `UPDATE relay SET pos = $1 WHERE shard = $2 AND pos < $1`, pos, shard); err != nil {
				return err
			}
		}
		return nil
	})
}

// Backlog says how many events wait to be sent, and how old the oldest is.
func (s *Store) Backlog(ctx context.Context) (events int64, oldest time.Duration, err error) {
	var first int64
	err = s.read.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MIN(e.recorded_at), 0) FROM events e JOIN relay c ON c.shard = e.shard WHERE e.pos > c.pos`).
		Scan(&events, &first)
	if events > 0 {
		oldest = time.Since(time.UnixMicro(first))
	}
	return events, oldest, err
}
