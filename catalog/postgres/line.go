package postgres

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// How long a database that may be away is given to answer.
const (
	probePatience = time.Second
	joinPatience  = 50 * time.Millisecond // of those who ask meanwhile
)

// line is a pool of connections that knows whether the other end answers. While it does not, one try at a time is made
// and all callers are refused at once: nobody queues for a database that is away. Safe for concurrent use.
type line struct {
	*pgxpool.Pool
	trying sync.WaitGroup

	mu      sync.Mutex
	away    bool                   // guarded by mu, as all below
	probing chan struct{}          // closed when the try is over; nil = nobody tries
	conns   map[*lineConn]struct{} // all that are open
}

var errAway = &catalog.Error{Reason: catalog.Unavailable, Detail: "the database does not answer"}

func newLine(ctx context.Context, config *pgxpool.Config) (*line, error) {
	l := &line{conns: map[*lineConn]struct{}{}}
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &lineConn{Conn: conn, line: l}
		l.mu.Lock()
		l.conns[c] = struct{}{}
		l.mu.Unlock()
		return c, nil
	}
	config.ConnConfig.Tracer = tracer{l}
	var err error
	l.Pool, err = pgxpool.NewWithConfig(ctx, config)
	return l, err
}

// lineConn is a connection that the line can cut.
type lineConn struct {
	net.Conn
	line *line
}

// Close closes the connection and forgets it.
func (c *lineConn) Close() error {
	c.line.mu.Lock()
	delete(c.line.conns, c)
	c.line.mu.Unlock()
	return c.Conn.Close()
}

// tracer hears of connections that could not be made.
type tracer struct{ line *line }

// TraceConnectStart has nothing to note.
func (tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd notes that nobody answers; that the caller went away says nothing.
func (t tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil && ctx.Err() == nil && unanswered(data.Err) {
		t.line.lost()
	}
}

// TraceQueryStart has nothing to note; pgx wants it of every tracer.
func (tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd has nothing to note.
func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// unanswered says whether an error means that no database is there, rather than one that refuses. Source: PostgreSQL,
// "Error Codes", class 57: shutting down, crashed, starting up.
func unanswered(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(refused.Code, "57P")
	}
	return true
}

// lost notes that the database is away and cuts every connection to it: what waits for an answer fails now.
func (l *line) lost() {
	l.mu.Lock()
	l.away = true
	open := make([]*lineConn, 0, len(l.conns))
	for c := range l.conns {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		c.Conn.Close()
	}
}

// doubt asks whether the database is there, after another connection to it was lost, and lets the pool begin anew.
func (l *line) doubt(ctx context.Context) {
	l.Reset()
	err := l.probe(ctx)
	switch {
	case err == nil:
		l.mu.Lock()
		l.away = false
		l.mu.Unlock()
	case ctx.Err() == nil:
		l.lost()
	}
}

// isAway says whether the database did not answer when it was last asked.
func (l *line) isAway() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away
}

// probe asks for an answer.
func (l *line) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	return l.Pool.Ping(ctx)
}

// admit refuses while the database is away. Whoever comes first has it tried whether it is back; nobody waits longer for
// what is found than a database that is back needs to answer.
func (l *line) admit(ctx context.Context) error {
	l.mu.Lock()
	if !l.away {
		l.mu.Unlock()
		return nil
	}
	if l.probing == nil {
		l.probing = make(chan struct{})
		l.trying.Go(l.try)
	}
	probing := l.probing
	l.mu.Unlock()
	select {
	case <-probing:
	case <-time.After(joinPatience):
	case <-ctx.Done():
	}
	if l.isAway() {
		return errAway
	}
	return nil
}

// try finds out whether the database is back.
func (l *line) try() {
	l.Reset()
	err := l.probe(context.Background())
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.probing)
	l.probing, l.away = nil, err != nil
}

// Close ends all connections; it waits for those in use.
func (l *line) Close() {
	l.trying.Wait()
	l.Pool.Close()
}

// Query is pgxpool's where the database is there.
func (l *line) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := l.admit(ctx); err != nil {
		return nil, err
	}
	return l.Pool.Query(ctx, sql, args...)
}

// QueryRow is pgxpool's where the database is there.
func (l *line) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := l.admit(ctx); err != nil {
		return noRow{err}
	}
	return l.Pool.QueryRow(ctx, sql, args...)
}

// Exec is pgxpool's where the database is there.
func (l *line) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := l.admit(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return l.Pool.Exec(ctx, sql, args...)
}

// Begin is pgxpool's where the database is there.
func (l *line) Begin(ctx context.Context) (pgx.Tx, error) { return l.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx is pgxpool's where the database is there.
func (l *line) BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error) {
	if err := l.admit(ctx); err != nil {
		return nil, err
	}
	return l.Pool.BeginTx(ctx, o)
}

// noRow is a row that could not be asked for.
type noRow struct{ err error }

// Scan returns why.
func (r noRow) Scan(...any) error { return r.err }
