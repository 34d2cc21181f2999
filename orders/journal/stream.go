package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// MaxStream bounds how many events of one stream are read: an order has a dozen.
const MaxStream = 10_000

// A Stored is one event as the journal holds it.
type Stored struct {
	Pos        int64
	Version    int64 // of the stream, from 1; 0 for a command
	ID, Type   string
	RecordedAt time.Time
	Record     Record
}

// A Querier is a Tx or the DB that View returns.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Stream returns a stream's events in version order, commands left out, up to a version (0 = all). An unknown stream is
// empty.
func Stream(ctx context.Context, q Querier, stream string, upTo int64) ([]Stored, error) {
	if upTo == 0 {
		upTo = MaxStream
	}
	rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM events WHERE stream = $1 AND version <= $2 ORDER BY version LIMIT $3`,
		stream, upTo, MaxStream)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", stream, err)
	}
	events, err := scan(rows)
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", stream, err)
	}
	return events, nil
}

// After returns up to limit events of all shards with a position after pos, in position order.
func After(ctx context.Context, q Querier, pos int64, limit int) ([]Stored, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM events WHERE pos > $1 ORDER BY pos LIMIT $2`, pos, limit)
	if err != nil {
		return nil, fmt.Errorf("read events after %d: %w", pos, err)
	}
	return scan(rows)
}

const columns = `pos, stream, COALESCE(version, 0), id, topic, type, data, headers, recorded_at`

func scan(rows *sql.Rows) ([]Stored, error) {
	defer rows.Close()
	var out []Stored
	for rows.Next() {
		var e Stored
		var stream, headers string
		var recorded int64
		err := rows.Scan(&e.Pos, &stream, &e.Version, &e.ID, &e.Record.Topic, &e.Type, &e.Record.Value, &headers, &recorded)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(headers), &e.Record.Headers); err != nil {
			return nil, fmt.Errorf("headers of event %d: %w", e.Pos, err)
		}
		e.RecordedAt = time.UnixMicro(recorded).UTC()
		e.Record.Time = e.RecordedAt
		e.Record.Key = []byte(stream)
		out = append(out, e)
	}
	return out, rows.Err()
}
