// Package postgres keeps the catalog in PostgreSQL 14 or later, in the schema accord: a Store for any number of
// processes.
//
// Every write is one call of a function that the migration made: it takes the advisory write lock, compares, writes,
// gives revisions and notifies. So a write costs one round trip, and revisions appear in their order. The package
// decides nothing: it compares and swaps.
package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is a catalog.Store in one database.
type Store struct {
	pool   *line
	direct *pgx.ConnConfig
	lost   atomic.Bool // a listening connection was there before
	echo   string      // a channel of this process alone

	appends appends
}

var _ catalog.Store = (*Store)(nil)

const (
	connectionsPerCore = 4
	minConnections     = 8
	statementTimeout   = 5 * time.Second
)

// Options are the settings of a Store; the zero value is right where no pooler stands before the database.
type Options struct {
	// Direct is the URL of a connection that is used to listen and to migrate, where the store's own goes through a
	// pooler that lends connections by the transaction; "" = the store's own.
	Direct string
	// KeepTables leaves the tables as they are: Open fails where a migration is missing.
	KeepTables bool
}

// Open connects to a postgres:// URL, and makes or updates the tables, one process at a time.
func Open(ctx context.Context, url string) (*Store, error) { return Options{}.Open(ctx, url) }

// Open is the package's Open with these settings.
func (o Options) Open(ctx context.Context, url string) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errURL
	}
	direct := config.ConnConfig.Copy()
	if o.Direct != "" {
		if direct, err = pgx.ParseConfig(o.Direct); err != nil {
			return nil, errURL
		}
	}
	if config.ConnConfig.RuntimeParams["statement_timeout"] == "" { // not a parameter of ours: poolers refuse it
		limit := fmt.Sprintf("SET statement_timeout = %d", statementTimeout.Milliseconds())
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, limit)
			return err
		}
	}
	for _, c := range []*pgx.ConnConfig{config.ConnConfig, direct} {
		if c.RuntimeParams["application_name"] == "" {
			c.RuntimeParams["application_name"] = "accord"
		}
		if c.ConnectTimeout == 0 {
			c.ConnectTimeout = statementTimeout
		}
	}
	if !strings.Contains(url, "pool_max_conns=") {
		config.MaxConns = int32(max(minConnections, connectionsPerCore*runtime.GOMAXPROCS(0)))
	}
	if !strings.Contains(url, execMode) {
		borrowed, err := pooled(ctx, config.ConnConfig)
		if err != nil {
			return nil, fmt.Errorf("open the store: %w", wrap(ctx, "connect", err))
		}
		if borrowed {
			unprepared(config.ConnConfig, url)
		}
	}
	unprepared(direct, o.Direct)
	if err := migrate(ctx, direct, o.KeepTables); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	config.ConnConfig.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {} // of others who borrowed the connection
	pool, err := newLine(ctx, config)
	if err != nil {
		return nil, wrap(ctx, "connect", err)
	}
	return &Store{pool: pool, direct: direct, echo: "accord_echo_" + strings.ToLower(rand.Text())}, nil
}

var errURL = errors.New("the store's URL cannot be read") // the error below would show the password

// Close ends all connections; it waits for those in use.
func (s *Store) Close() error {
	s.appends.working.Wait()
	s.pool.Close()
	return nil
}

// refusals are the SQLSTATEs of our own functions.
var refusals = map[string]catalog.Reason{
	"AC002": catalog.Referenced, "AC003": catalog.VersionNotFound, "AC004": catalog.VersionTaken, "AC005": catalog.IDTaken,
	"AC006": catalog.GUIDCollision, "AC007": catalog.ReferenceNotFound, "AC008": catalog.NotEmpty,
}

// refused turns a refusal about a subject into the catalog's words; nil if err is none.
func refused(name catalog.Name, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	if pg.Code == "AC001" {
		return fmt.Errorf("%s: %s: %w", name, pg.Detail, catalog.ErrConflict)
	}
	reason, ours := refusals[pg.Code]
	if !ours {
		return nil
	}
	var about struct {
		Ctx, Subject, Name, GUID string
		Number, ID               int
	}
	if err := json.Unmarshal([]byte(pg.Detail), &about); err != nil {
		return err
	}
	e := &catalog.Error{Reason: reason, Name: name, Version: about.Number, ID: about.ID, GUID: about.GUID}
	if reason == catalog.ReferenceNotFound {
		e.Name, e.Detail = catalog.Name{Context: about.Ctx, Subject: about.Subject}, about.Name
	}
	return e
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

// within bounds a statement on this side as well: a connection whose other end is gone never answers.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, statementTimeout+time.Second, &catalog.Error{Reason: catalog.Unavailable, Detail: "no answer in time"})
}

// who is the author of a context as the functions take it.
func who(ctx context.Context) []string {
	a := catalog.AuthorOf(ctx)
	return []string{a.By, a.Reason, a.Commit, a.Source}
}

// view runs f in one consistent view.
func (s *Store) view(ctx context.Context, what string, f func(pgx.Tx) error) error {
	ctx, cancel := within(ctx)
	defer cancel()
	return wrap(ctx, what, pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f))
}

// moment is a stored time.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// micros is moment, back.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
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
