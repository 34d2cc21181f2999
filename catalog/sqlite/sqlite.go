// Package sqlite keeps the catalog in one SQLite file: a Store for one process.
//
// There is one writer (BEGIN IMMEDIATE) and a reader for each core, in WAL mode with full synchronisation. A lock
// file beside the database makes a second process fail at once. The package decides nothing: it compares and swaps.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
	_ "modernc.org/sqlite" // the driver
)

// Store is a catalog.Store in one file.
type Store struct {
	read, write *pool
	line        line // of writes
	unlock      func() error
	// migrations that had run when the file was opened, and that have now
	before, after int

	mu       sync.Mutex
	watchers map[chan struct{}]struct{} // guarded by mu
	newest   catalog.Rev                // guarded by mu: of the commits that rang
	closed   chan struct{}
}

var _ catalog.Store = (*Store)(nil)

// Options are the settings of a Store; the zero value is right for most.
type Options struct {
	// KeepTables leaves the tables as they are: Open fails where a migration is missing.
	KeepTables bool
}

// Open opens or creates the file, takes its lock and brings its tables up to date. It fails at once if another
// process holds the lock, saying which.
func Open(ctx context.Context, file string) (*Store, error) { return Options{}.Open(ctx, file) }

// Open is the package's Open with these settings.
func (o Options) Open(ctx context.Context, file string) (*Store, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(file + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{unlock: unlock, watchers: map[chan struct{}]struct{}{}, closed: make(chan struct{})}
	if err := s.open(ctx, file, o.KeepTables); err != nil {
		s.Close()
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, file string, keep bool) error {
	dsn := func(more string) string {
		pragmas := "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
		return (&url.URL{Scheme: "file", OmitHost: true, Path: file}).String() + pragmas + more
	}
	db, err := sql.Open("sqlite", dsn(""))
	if err != nil {
		return err
	}
	s.write = newPool(db, 1)
	if s.before, s.after, err = s.migrate(ctx, keep); err != nil {
		return err
	}
	if db, err = sql.Open("sqlite", dsn("&_pragma=query_only(1)")); err != nil {
		return err
	}
	s.read = newPool(db, max(4, runtime.GOMAXPROCS(0)))
	s.newest, err = s.Revision(ctx)
	return err
}

// Close ends all watches and releases the file.
func (s *Store) Close() error {
	s.mu.Lock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	s.mu.Unlock()
	var errs []error
	for _, p := range []*pool{s.read, s.write} {
		if p != nil {
			errs = append(errs, p.close())
		}
	}
	return errors.Join(append(errs, s.unlock())...)
}

// reading runs f in one consistent view.
func (s *Store) reading(ctx context.Context, what string, f func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return wrap(ctx, what, err)
	}
	c, err := s.read.take(ctx)
	if err != nil {
		return wrap(ctx, what, err)
	}
	defer s.read.give(c)
	if err := c.begin("BEGIN"); err != nil {
		return wrap(ctx, what, err)
	}
	return wrap(ctx, what, f(&tx{conn: c, ctx: ctx}))
}

// wrap leaves the catalog's own words alone and hides the database's behind Unavailable.
func wrap(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*catalog.Error](err); ours || errors.Is(err, catalog.ErrConflict) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return &catalog.Error{Reason: catalog.Unavailable, Detail: what, Err: err}
}

// tx is a transaction; the members after ctx are set where it writes.
type tx struct {
	*conn
	ctx    context.Context
	author catalog.Author
	now    time.Time
	rev    catalog.Rev // the newest given in this transaction, 0 = none
	hash   string      // of the change with that revision
	purged []int       // IDs whose version was purged
}

// exec runs a statement.
func (t *tx) exec(query string, args ...any) error {
	_, err := t.ExecContext(t.ctx, query, args...)
	return err
}

// row scans one row and says whether there was one.
func (t *tx) row(query string, args []any, into ...any) (bool, error) {
	err := t.QueryRowContext(t.ctx, query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// rows calls f for each row; scan reads the row's columns.
func (t *tx) rows(query string, args []any, f func(scan func(...any) error) error) error {
	rows, done, err := t.query(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer done()
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// micros is a time as it is stored.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is micros, back.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// text prints a value as the JSON that is stored, "" for nil.
func text[T any](v *T) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// value is text, back.
func value[T any](s string) (*T, error) {
	if s == "" {
		return nil, nil
	}
	v := new(T)
	return v, json.Unmarshal([]byte(s), v)
}
