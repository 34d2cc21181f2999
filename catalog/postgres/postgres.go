// Package postgres keeps the catalog in PostgreSQL 14 or later, in the schema accord: a Store for any number of
// processes.
//
// Every write is one call of a function that the migration made: it takes the advisory write lock, compares, writes,
// gives revisions and notifies. So a write costs one round trip, and revisions appear in their order. The package
// decides nothing: it compares and swaps.
package postgres

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migration/*.sql
var migrations embed.FS

// Store is a catalog.Store in one database.
type Store struct {
	pool   *pgxpool.Pool
	listen *pgx.ConnConfig
	ping   time.Duration
}

var _ catalog.Store = (*Store)(nil)

// ListenPing is how often a listening connection asks for the newest revision, and how long it waits for the answer.
const ListenPing = time.Second

const (
	connectionsPerCore = 4
	minConnections     = 8
	statementTimeout   = 5 * time.Second
	// migrationLock is taken while tables are made; the write lock of the functions is another.
	migrationLock = 7021786411920094
)

// Open connects to a postgres:// URL, and makes or updates the tables, one process at a time.
func Open(ctx context.Context, url string) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the store's URL cannot be read") // the error below would show the password
	}
	if config.ConnConfig.RuntimeParams["statement_timeout"] == "" {
		config.ConnConfig.RuntimeParams["statement_timeout"] = strconv.FormatInt(statementTimeout.Milliseconds(), 10)
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "accord"
	}
	config.MaxConns = int32(max(minConnections, connectionsPerCore*runtime.GOMAXPROCS(0)))
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = statementTimeout
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap(ctx, "connect", err)
	}
	s := &Store{pool: pool, listen: config.ConnConfig.Copy(), ping: ListenPing}
	if err := s.migrate(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return s, nil
}

// Close ends all connections; it waits for those in use.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// migrate runs the scripts that the database has not seen.
func (s *Store) migrate(ctx context.Context) error {
	scripts, err := fs.Glob(migrations, "migration/*.sql") // sorted
	if err != nil {
		return err
	}
	return wrap(ctx, "migrate", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("SELECT set_config('statement_timeout', '60s', true), pg_advisory_xact_lock(%d)", migrationLock)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS accord; CREATE TABLE IF NOT EXISTS accord.migrations (n integer PRIMARY KEY, name text NOT NULL)"); err != nil {
			return err
		}
		var done int
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(n), 0) FROM accord.migrations").Scan(&done); err != nil {
			return err
		}
		for i, name := range scripts {
			if i < done {
				continue
			}
			script, err := migrations.ReadFile(name)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(script)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO accord.migrations VALUES ($1, $2)", i+1, name); err != nil {
				return err
			}
		}
		return nil // a newer database only has more than this program knows
	}))
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
