package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// maxKept is how many statements a connection keeps ready. There are fewer in the sources, but some are put together.
const maxKept = 200

// pool lends connections that stay open and keep their statements ready: to read a statement takes SQLite longer than to
// run one of ours. Safe for concurrent use.
type pool struct {
	db     *sql.DB
	free   chan *conn // one place for each connection; nil = to be opened
	closed chan struct{}
}

func newPool(db *sql.DB, size int) *pool {
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	p := &pool{db: db, free: make(chan *conn, size), closed: make(chan struct{})}
	for range size {
		p.free <- nil
	}
	return p
}

// take lends a connection; whoever has it is alone with it and gives it back.
func (p *pool) take(ctx context.Context) (*conn, error) {
	var c *conn
	select { // at random where several are ready: the connection below tells that it is closed
	case c = <-p.free:
	case <-p.closed:
		return nil, sql.ErrConnDone
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c != nil {
		return c, nil
	}
	opened, err := p.db.Conn(ctx)
	if err != nil {
		p.free <- nil
		return nil, err
	}
	return &conn{Conn: opened, kept: map[string]*kept{}}, nil
}

// give takes a connection back. One that is still in a transaction, and cannot leave it, is closed.
func (p *pool) give(c *conn) {
	if c.begun && c.end("ROLLBACK") != nil {
		c.forget()
		_ = c.Raw(func(any) error { return driver.ErrBadConn }) // the pool below must not use it either
		_ = c.Close()
		c = nil
	}
	p.free <- c
	select {
	case <-p.closed:
		p.drain()
	default:
	}
}

// close closes the connections that nobody has; those that are lent are closed when they come back. Once is enough.
func (p *pool) close() error {
	select {
	case <-p.closed:
		return nil
	default:
	}
	close(p.closed)
	p.drain()
	return p.db.Close()
}

func (p *pool) drain() {
	for {
		select {
		case c := <-p.free:
			if c != nil {
				c.forget()
				_ = c.Close()
			}
		default:
			return
		}
	}
}

// conn is a connection with its statements. One goroutine uses it at a time.
type conn struct {
	*sql.Conn
	kept  map[string]*kept
	begun bool // a transaction
}

// kept is a statement that is ready.
type kept struct {
	*sql.Stmt
	open bool // its rows are being read: it cannot run again before they are closed
}

// forget ends the statements. SQLite keeps a connection open that has any, and the newest commits then stay in a file of
// their own beside the database.
func (c *conn) forget() {
	for _, k := range c.kept {
		_ = k.Close()
	}
	clear(c.kept)
}

// begin begins a transaction: BEGIN, or BEGIN IMMEDIATE to write.
func (c *conn) begin(how string) error {
	_, err := c.ExecContext(context.Background(), how)
	c.begun = err == nil
	return err
}

// end ends it: COMMIT or ROLLBACK. After an error it is still there.
func (c *conn) end(how string) error {
	_, err := c.ExecContext(context.Background(), how)
	c.begun = err != nil
	return err
}

// ready is the statement of a query; nil if it has to be run without.
func (c *conn) ready(ctx context.Context, query string) *kept {
	if k := c.kept[query]; k != nil {
		if k.open {
			return nil
		}
		return k
	}
	if len(c.kept) >= maxKept {
		return nil
	}
	stmt, err := c.PrepareContext(ctx, query)
	if err != nil { // to run it tells what is wrong
		return nil
	}
	c.kept[query] = &kept{Stmt: stmt}
	return c.kept[query]
}

// ExecContext runs a statement without rows.
func (c *conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if k := c.ready(ctx, query); k != nil {
		return k.ExecContext(ctx, args...)
	}
	return c.Conn.ExecContext(ctx, query, args...)
}

// QueryRowContext reads one row.
func (c *conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if k := c.ready(ctx, query); k != nil {
		return k.QueryRowContext(ctx, args...)
	}
	return c.Conn.QueryRowContext(ctx, query, args...)
}

// query reads rows; done is to be called once they are closed.
func (c *conn) query(ctx context.Context, query string, args ...any) (rows *sql.Rows, done func(), err error) {
	k := c.ready(ctx, query)
	if k == nil {
		rows, err = c.Conn.QueryContext(ctx, query, args...)
		return rows, func() {}, err
	}
	if rows, err = k.QueryContext(ctx, args...); err != nil {
		return nil, nil, err
	}
	k.open = true
	return rows, func() { k.open = false }, nil
}
