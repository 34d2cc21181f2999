package consume

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/work"
)

// A fault is what went wrong with one record, as opposed to with the store.
type fault struct {
	err    error
	decode bool // else the handler
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// Process takes records of one partition, in offset order, through the pipeline. expired says that the partition no
// longer begins at offset 0, so that an aggregate may be met in the middle of its life. It returns when every record is
// handled, parked or dead, or with ctx's error; whatever else fails is tried again for as long as it takes.
func (c *Consumer) Process(ctx context.Context, records []journal.Record, expired bool) error {
	for len(records) > 0 {
		n := min(len(records), Batch)
		if err := c.together(ctx, records[:n], expired); err != nil {
			for _, r := range records[:n] {
				if err := c.alone(ctx, r, expired); err != nil {
					return err
				}
			}
		}
		records = records[n:]
	}
	return nil
}

// together runs records in one transaction; after an error nothing of it is stored.
func (c *Consumer) together(ctx context.Context, records []journal.Record, expired bool) error {
	return c.Store.Update(ctx, func(tx *journal.Tx) error {
		next, err := c.offset(ctx, tx, records[0])
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Offset < next { // another instance was here before us
				continue
			}
			if err := c.step(ctx, tx, r, expired); err != nil {
				return err
			}
			next = r.Offset + 1
		}
		return c.setOffset(ctx, tx, records[0], next)
	})
}

// alone runs one record until it is handled, parked or dead.
func (c *Consumer) alone(ctx context.Context, r journal.Record, expired bool) error {
	var wait time.Duration
	for {
		err := c.together(ctx, []journal.Record{r}, expired)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f, ok := errors.AsType[*fault](err); ok {
			err = c.settle(ctx, r, f)
			if err == nil {
				return nil
			}
		}
		c.Log.Warn("partition waits", "group", c.Group, "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "err", err)
		if !pause(ctx, &wait) {
			return ctx.Err()
		}
	}
}

// settle parks or buries a record that failed by itself, and moves the offset. An error means: try again later.
func (c *Consumer) settle(ctx context.Context, r journal.Record, f *fault) error {
	switch class := c.Decoder.Class(f.err); {
	case class == Retry:
		return f.err
	case class == Poison && f.decode:
		if err := c.bury(ctx, r, 1, f.err); err != nil {
			return err
		}
		return c.Store.Update(ctx, func(tx *journal.Tx) error { return c.setOffset(ctx, tx, r, r.Offset+1) })
	}
	return c.Store.Update(ctx, func(tx *journal.Tx) error {
		if err := c.park(ctx, tx, r, streamOf(r), 1, time.Now().Add(work.Delay(1)), f.err.Error()); err != nil {
			return err
		}
		return c.setOffset(ctx, tx, r, r.Offset+1)
	})
}

// step is the pipeline for one record. Errors of type *fault are the record's own.
func (c *Consumer) step(ctx context.Context, tx *journal.Tx, r journal.Record, expired bool) error {
	s := streamOf(r)
	if r.Topic == RedriveTopic(c.Group) { // its turn has been, or nobody waits for it: its id alone decides
		if err := c.deliver(ctx, tx, r); err != nil {
			return err
		}
		return c.catchUp(ctx, tx, s)
	}
	verdict, err := c.gate(ctx, tx, s, event.Compacted(r.Topic), expired)
	if err != nil {
		return err
	}
	switch verdict {
	case seen:
		tx.AfterCommit(func() { c.stats.Duplicates.Add(1) })
		return nil
	case gap:
		return c.park(ctx, tx, r, s, 0, never, reasonGap)
	}
	if err := c.deliver(ctx, tx, r); err != nil {
		return err
	}
	return c.pass(ctx, tx, s)
}

// deliver is inbox, decoder and handler.
func (c *Consumer) deliver(ctx context.Context, tx *journal.Tx, r journal.Record) error {
	typ := r.Header("ce_type")
	if _, known := c.route(typ); typ != "" && !known {
		tx.AfterCommit(func() { c.stats.Skipped.Add(1) })
		return nil
	}
	id := r.Header("ce_id")
	if id == "" {
		id = r.Topic + "/" + strconv.Itoa(int(r.Partition)) + "/" + strconv.FormatInt(r.Offset, 10)
	}
	result, err := tx.ExecContext(ctx, `INSERT INTO inbox(consumer, id, at) VALUES($1, $2, $3) ON CONFLICT DO NOTHING`, c.Group, id, time.Now().UnixMicro())
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		tx.AfterCommit(func() { c.stats.Duplicates.Add(1) })
		return err
	}
	data, meta, err := c.Decoder.Decode(ctx, r)
	if err != nil {
		if c.Decoder.Class(err) == Skip {
			tx.AfterCommit(func() { c.stats.Skipped.Add(1) })
			return nil
		}
		return &fault{err, true}
	}
	route, known := c.route(meta.Type)
	if !known || (route.React && meta.Replay) {
		tx.AfterCommit(func() { c.stats.Skipped.Add(1) })
		return nil
	}
	err = guarded(func() error { return route.handle(ctx, tx, data, meta) })
	if err != nil {
		return &fault{fmt.Errorf("handle %s: %w", route.Kind.Subject, err), false}
	}
	tx.AfterCommit(func() { c.stats.Handled.Add(1) })
	return nil
}

// guarded turns a panic into an error.
func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// offset reads where the partition's effects end, and keeps others from going on there until commit.
func (c *Consumer) offset(ctx context.Context, tx *journal.Tx, r journal.Record) (int64, error) {
	_, err := tx.ExecContext(ctx, `INSERT INTO offsets(consumer, topic, part, next) VALUES($1, $2, $3, 0) ON CONFLICT DO NOTHING`,
		c.Group, r.Topic, r.Partition)
	if err != nil {
		return 0, fmt.Errorf("offset: %w", err)
	}
	var next int64
	err = tx.QueryRowContext(ctx, `SELECT next FROM offsets WHERE consumer = $1 AND topic = $2 AND part = $3`+tx.ForUpdate(),
		c.Group, r.Topic, r.Partition).Scan(&next)
	return next, err
}

// setOffset moves the partition forward, never back.
func (c *Consumer) setOffset(ctx context.Context, tx *journal.Tx, r journal.Record, next int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE offsets SET next = $1 WHERE consumer = $2 AND topic = $3 AND part = $4 AND next < $1`,
		next, c.Group, r.Topic, r.Partition)
	return err
}

// Offsets returns where each partition's effects end, by topic and partition; a partition never read is not in it.
func (c *Consumer) Offsets(ctx context.Context) (map[string]map[int32]int64, error) {
	rows, err := c.Store.View().QueryContext(ctx, `SELECT topic, part, next FROM offsets WHERE consumer = $1`, c.Group)
	if err != nil {
		return nil, fmt.Errorf("offsets of %s: %w", c.Group, err)
	}
	defer rows.Close()
	out := map[string]map[int32]int64{}
	for rows.Next() {
		var topic string
		var part int32
		var next int64
		if err := rows.Scan(&topic, &part, &next); err != nil {
			return nil, err
		}
		if out[topic] == nil {
			out[topic] = map[int32]int64{}
		}
		out[topic][part] = next
	}
	return out, rows.Err()
}

// forget removes inbox rows older than DedupWindow.
func (c *Consumer) forget(ctx context.Context) error {
	return c.Store.Update(ctx, func(tx *journal.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM inbox WHERE consumer = $1 AND at < $2`, c.Group, time.Now().Add(-DedupWindow).UnixMicro())
		return err
	})
}
