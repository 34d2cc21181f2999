// Package journal is a service's own store: one table that is event store, outbox and audit source at once, beside the
// tables that the service brings along.
//
// A unit of work (Update) changes the service's tables and appends events in one transaction, so a fact is either
// stored together with what it says, or not at all. The relay then follows the table and sends what it finds:
//
//	Update ── rows, then, last before commit: lock shards ── events(shard, pos, stream, version, …) ── commit
//	Relay  ── lease shards ── events after the checkpoint ── produce, all acknowledged ── move the checkpoint
//
// Order. A stream (one order, one product) lives in one shard. The shard's lock is taken after everything else and held
// until commit, so within a shard positions are handed out in commit order, and a follower that reads "pos greater than
// my last" misses nothing. The lock comes last because an order taken earlier (from a sequence or from transaction ids)
// says nothing about who commits first. SQLite has one writer, which gives the same for nothing.
//
// It never interprets what is stored: bytes go out as they came in.
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/accordhq/accord/orders/event"
)

const (
	// DefaultShards is how many shards a new store gets; the number stays with the store.
	DefaultShards = 16
	// MaxTries is how often Update runs a unit of work that lost against another one.
	MaxTries = 20
)

// ErrConflict means that another unit of work appended to the same stream first. Update runs the work again; only who
// loses MaxTries times sees it. Nothing is stored.
var ErrConflict = errors.New("stream was appended to by another unit of work")

// A Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// A Record is a message as it stands on a topic. Partition, Offset and Time are zero until it does.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Header returns the last value under a key, "" if there is none.
func (r *Record) Header(key string) string {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return string(r.Headers[i].Value)
		}
	}
	return ""
}

// An Encoder turns a message into a valid record with its CloudEvents attributes. It says under which Meta the record
// goes out; topic and aggregate version are the journal's work.
type Encoder interface {
	Encode(ctx context.Context, data any, subject string, cause event.Meta) (Record, event.Meta, error)
}

// Config says where a store is and what it writes with.
type Config struct {
	URL     string   // sqlite:FOLDER (one file per service) or postgres://… (one database schema per service)
	Service string   // orders, payments, …; names the file or the schema
	Encoder Encoder  // for Append; a store without one only reads
	Tables  []string // the service's own CREATE TABLE IF NOT EXISTS …, with BYTES and AUTOKEY as types
	Shards  int      // of a new store; 0 = DefaultShards
}

// A Store is one service's database. Safe for concurrent use.
type Store struct {
	service string
	encoder Encoder
	dialect dialect
	shards  int
	write   *sql.DB
	read    *sql.DB
	wake    chan struct{} // holds a token when something was appended since the relay last looked
}

// Open opens or creates a service's store. The caller closes it.
func Open(ctx context.Context, c Config) (*Store, error) {
	s := &Store{service: c.Service, encoder: c.Encoder, wake: make(chan struct{}, 1)}
	var err error
	switch {
	case strings.HasPrefix(c.URL, "sqlite:"):
		s.dialect = sqliteDialect
		s.write, s.read, err = openSQLite(strings.TrimPrefix(c.URL, "sqlite:"), c.Service)
	case strings.HasPrefix(c.URL, "postgres://"), strings.HasPrefix(c.URL, "postgresql://"):
		s.dialect = postgresDialect
		s.write, s.read, err = openPostgres(ctx, c.URL, c.Service)
	default:
		return nil, fmt.Errorf("open store of %s: %q is neither sqlite:FOLDER nor postgres://…", c.Service, c.URL)
	}
	if err != nil {
		return nil, fmt.Errorf("open store of %s: %w", c.Service, err)
	}
	if err := s.prepare(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare store of %s: %w", c.Service, err), s.Close())
	}
	return s, nil
}

// Close closes the store's connections.
func (s *Store) Close() error {
	if s.read == s.write {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}

// Service returns the name of the service that owns the store.
func (s *Store) Service() string { return s.service }

// prepare makes the tables and learns the number of shards. Several instances may start at once.
func (s *Store) prepare(ctx context.Context, c Config) error {
	return s.transact(ctx, func(tx *Tx) error {
		if s.dialect.lock != "" {
			if _, err := tx.ExecContext(ctx, s.dialect.lock, s.lockKey("schema")); err != nil {
				return err
			}
		}
		for _, ddl := range append(tables(), c.Tables...) {
			if _, err := tx.ExecContext(ctx, s.dialect.ddl(ddl)); err != nil {
				return fmt.Errorf("%s: %w", strings.SplitN(ddl, "(", 2)[0], err)
			}
		}
		shards := c.Shards
		if shards == 0 {
			shards = DefaultShards
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO meta(name, value) VALUES('shards', $1) ON CONFLICT DO NOTHING`, strconv.Itoa(shards)); err != nil {
			return err
		}
		var stored string
		if err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'shards'`).Scan(&stored); err != nil {
			return err
		}
		var err error
		if s.shards, err = strconv.Atoi(stored); err != nil || s.shards < 1 {
			return fmt.Errorf("number of shards %q: %w", stored, err)
		}
		for shard := range s.shards {
			if _, err := tx.ExecContext(ctx, `INSERT INTO relay(shard, pos, owner, until) VALUES($1, 0, '', 0) ON CONFLICT DO NOTHING`, shard); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

// View reads outside any unit of work: what it sees is committed, two reads may see different moments.
func (s *Store) View() *sql.DB { return s.read }

// Update runs one unit of work: do's changes and the events it appends are stored together when do returns nil, else
// nothing is. A unit that loses against another one (ErrConflict, a deadlock, a serialization failure) is run again, so
// do must do nothing outside its Tx.
func (s *Store) Update(ctx context.Context, do func(*Tx) error) error {
	var err error
	for try := range MaxTries {
		if try > 0 {
			pause := time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 8)))
			select {
			case <-ctx.Done():
				return errors.Join(err, ctx.Err())
			case <-time.After(pause):
			}
		}
		err = s.transact(ctx, do)
		if !errors.Is(err, ErrConflict) && !s.dialect.again(err) {
			return err
		}
	}
	return err
}

func (s *Store) transact(ctx context.Context, do func(*Tx) error) error {
	raw, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	tx := &Tx{Tx: raw, store: s}
	defer raw.Rollback() // does nothing after Commit
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.flush(ctx); err != nil {
		return err
	}
	if err := raw.Commit(); err != nil {
		return err
	}
	if len(tx.pending) > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	for _, then := range tx.after {
		then()
	}
	return nil
}
