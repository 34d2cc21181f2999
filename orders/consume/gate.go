package consume

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/accordhq/accord/orders/journal"
)

// A stream is the life of one aggregate as its producer tells it.
type stream struct {
	name    string // source and subject
	version int64  // of this record; 0 = the record says none and passes every gate
}

func streamOf(r journal.Record) stream {
	version, err := strconv.ParseInt(r.Header(journal.HeaderVersion), 10, 64)
	if err != nil || version < 1 {
		version = 0
	}
	return stream{r.Header("ce_source") + " " + r.Header("ce_subject"), version}
}

// A verdict is the gate's answer.
type verdict int

const (
	pass verdict = iota
	seen
	gap
)

// gate compares a record's version with the last one that passed. A compacted topic may leave versions out. expired
// allows the same for an aggregate that is met for the first time, because its beginning is gone.
func (c *Consumer) gate(ctx context.Context, tx *journal.Tx, s stream, compacted, expired bool) (verdict, error) {
	if s.version == 0 {
		return pass, nil
	}
	last, err := c.last(ctx, tx, s)
	switch {
	case err != nil:
		return pass, err
	case s.version <= last:
		return seen, nil
	case s.version == last+1, compacted, expired && last == 0:
		return pass, nil
	}
	return gap, nil
}

func (c *Consumer) last(ctx context.Context, tx *journal.Tx, s stream) (int64, error) {
	var last int64
	err := tx.QueryRowContext(ctx, `SELECT version FROM gate WHERE consumer = $1 AND stream = $2`+tx.ForUpdate(), c.Group, s.name).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("gate: %w", err)
	}
	return last, nil
}

// catchUp notes that a record went through whose turn may be long over.
func (c *Consumer) catchUp(ctx context.Context, tx *journal.Tx, s stream) error {
	last, err := c.last(ctx, tx, s)
	if err != nil || s.version <= last {
		return err
	}
	return c.pass(ctx, tx, s)
}

// pass notes that a record went through.
func (c *Consumer) pass(ctx context.Context, tx *journal.Tx, s stream) error {
	if s.version == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO gate(consumer, stream, version) VALUES($1, $2, $3)
		ON CONFLICT(consumer, stream) DO UPDATE SET version = $3`, c.Group, s.name, s.version)
	if err != nil {
		return fmt.Errorf("gate: %w", err)
	}
	return nil
}
