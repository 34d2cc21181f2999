package journal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

// plain encodes without a registry: ids count up, the type stands in a header.
type plain struct{ n atomic.Int64 }

func (p *plain) Encode(_ context.Context, data any, subject string, cause event.Meta) (journal.Record, event.Meta, error) {
	value, err := json.Marshal(data)
	k, _ := event.KindOf(data)
	meta := event.Meta{ID: fmt.Sprintf("id-%d", p.n.Add(1)), Type: k.Type(), Subject: subject, Causation: cause.ID}
	return journal.Record{Value: value, Headers: []journal.Header{{Key: "ce_id", Value: []byte(meta.ID)}}}, meta, err
}

// topic keeps what was produced, in order; refuse says which values are refused.
type topic struct {
	mu      sync.Mutex
	records []journal.Record
	refuse  func(journal.Record) error
}

func (t *topic) Produce(_ context.Context, records []journal.Record) []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	errs := make([]error, len(records))
	for i, r := range records {
		if t.refuse != nil {
			errs[i] = t.refuse(r)
		}
	}
	if err := errors.Join(errs...); err != nil { // a broker refuses the request's records together
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	t.records = append(t.records, records...)
	return errs
}

func (t *topic) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.records)
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+t.TempDir()) })
	t.Run("postgres", func(t *testing.T) { test(t, postgres(t)) })
}

// postgres makes a database of its own for the test.
func postgres(t *testing.T) string {
	t.Helper()
	base := os.Getenv("ACCORD_TEST_POSTGRES")
	if base == "" {
		const left = "left out: PostgreSQL (ACCORD_TEST_POSTGRES)"
		if os.Getenv("CI") == "true" {
			t.Fatal(left)
		}
		t.Skip(left)
	}
	db, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("journal_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	cut := strings.LastIndex(base, "/")
	return base[:cut+1] + name
}

func open(t *testing.T, url string, tables ...string) *journal.Store {
	t.Helper()
	s, err := journal.Open(t.Context(), journal.Config{URL: url, Service: "orders", Encoder: &plain{}, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func completed(order string, n int) event.OrderCompleted {
	return event.OrderCompleted{OrderID: order, Total: event.Money{AmountMinor: int64(n), Currency: "USD"}}
}

// relay runs a relay until stop is called.
func relay(t *testing.T, s *journal.Store, p journal.Producer, owner string) (r *journal.Relay, stop func()) {
	t.Helper()
	r = &journal.Relay{Store: s, Producer: p, Owner: owner, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // polling a real database
	}
}

// Eight writers, each with a statement before its append, so that transaction ids are handed out early. A follower must
// see every event, and each stream in version order.
func TestFollowerMissesNothingWithConcurrentWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		const writers, each, streams = 8, 60, 10
		s := open(t, url, `CREATE TABLE IF NOT EXISTS seen(id TEXT PRIMARY KEY)`)
		sink := &topic{}
		_, stop := relay(t, s, sink, "one")
		defer stop()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := s.Update(t.Context(), func(tx *journal.Tx) error {
						if _, err := tx.ExecContext(t.Context(), `INSERT INTO seen(id) VALUES($1)`, fmt.Sprintf("%d-%d", w, i)); err != nil {
							return err
						}
						order := "ORD-" + strconv.Itoa((w*each+i)%streams)
						_, err := tx.Append(t.Context(), order, journal.AnyVersion, completed(order, i), event.Meta{})
						return err
					})
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		eventually(t, "all events sent", func() bool { return sink.len() >= writers*each })
		last := map[string]int{}
		ids := map[string]bool{}
		for _, r := range sink.records {
			version, err := strconv.Atoi(r.Header(journal.HeaderVersion))
			if err != nil {
				t.Fatal(err)
			}
			if key := string(r.Key); version == last[key]+1 {
				last[key] = version
			} else if version > last[key] {
				t.Errorf("%s: version %d after %d", key, version, last[key])
			}
			ids[r.Header("ce_id")] = true
		}
		if len(ids) != writers*each {
			t.Errorf("%d different events sent, want %d", len(ids), writers*each)
		}
	})
}

// B04: what is stored and what is sent can never part, because both are one commit.
func TestNothingIsStoredOrSentOfAUnitThatFails(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url, `CREATE TABLE IF NOT EXISTS seen(id TEXT PRIMARY KEY)`)
		boom := errors.New("boom")
		err := s.Update(t.Context(), func(tx *journal.Tx) error {
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO seen(id) VALUES('x')`); err != nil {
				return err
			}
			if _, err := tx.Append(t.Context(), "ORD-1", 0, completed("ORD-1", 1), event.Meta{}); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("Update = %v, want boom", err)
		}
		var rows int
		if err := s.View().QueryRow(`SELECT (SELECT COUNT(*) FROM seen) + (SELECT COUNT(*) FROM events)`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows stored (%v), want none", rows, err)
		}
	})
}

func TestStaleVersionIsRunAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		runs := 0
		err := s.Update(t.Context(), func(tx *journal.Tx) error {
			runs++
			after := int64(3) // wrong: the stream is new
			if runs > 1 {
				after = 0
			}
			_, err := tx.Append(t.Context(), "ORD-1", after, completed("ORD-1", 1), event.Meta{})
			return err
		})
		if err != nil || runs != 2 {
			t.Errorf("Update = %v after %d runs, want nil after 2", err, runs)
		}
		err = s.Update(t.Context(), func(tx *journal.Tx) error {
			_, err := tx.Append(t.Context(), "ORD-1", 0, completed("ORD-1", 1), event.Meta{})
			return err
		})
		if !errors.Is(err, journal.ErrConflict) {
			t.Errorf("Update with a version that never holds = %v, want ErrConflict", err)
		}
	})
}

func TestStreamReadsInVersionOrderUpToAVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		err := s.Update(t.Context(), func(tx *journal.Tx) error {
			cause, err := tx.Append(t.Context(), "ORD-1", journal.NoVersion, event.CancelOrder{OrderID: "ORD-1"}, event.Meta{})
			for i := range 3 {
				if err == nil {
					_, err = tx.Append(t.Context(), "ORD-1", int64(i), completed("ORD-1", i), cause)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for upTo, want := range map[int64]string{0: "[1 2 3]", 2: "[1 2]", 9: "[1 2 3]"} {
			stored, err := journal.Stream(t.Context(), s.View(), "ORD-1", upTo)
			var versions []int64
			for _, e := range stored {
				versions = append(versions, e.Version)
			}
			if got := fmt.Sprint(versions); err != nil || got != want {
				t.Errorf("Stream(ORD-1, up to %d) = versions %s, %v, want %s", upTo, got, err, want)
			}
		}
		all, err := journal.After(t.Context(), s.View(), 0, 10)
		if err != nil || len(all) != 4 || all[0].Version != 0 || all[0].Record.Topic != event.OrderCommands {
			t.Errorf("After(0) = %d events, %v, want the command first and three events", len(all), err)
		}
	})
}

// A refused event stops its own shard, with everything behind it, and nobody else's.
func TestRefusedEventStopsItsShardOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		var mended atomic.Bool
		sink := &topic{refuse: func(r journal.Record) error {
			if string(r.Key) == "ORD-bad" && r.Header(journal.HeaderVersion) == "1" && !mended.Load() {
				return errors.New("INVALID_RECORD")
			}
			return nil
		}}
		for _, order := range []string{"ORD-bad", "ORD-bad", "ORD-1", "ORD-2", "ORD-3"} {
			err := s.Update(t.Context(), func(tx *journal.Tx) error {
				_, err := tx.Append(t.Context(), order, journal.AnyVersion, completed(order, 1), event.Meta{})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r, stop := relay(t, s, sink, "one")
		defer stop()
		eventually(t, "the other shards' events", func() bool { return sink.len() == 3 && r.Blocked() == 1 })
		mended.Store(true)
		eventually(t, "the stopped shard's events", func() bool { return sink.len() == 5 && r.Blocked() == 0 })
		if last := sink.records[4]; string(last.Key) != "ORD-bad" || last.Header(journal.HeaderVersion) != "2" {
			t.Errorf("last sent = %s version %s, want ORD-bad version 2", last.Key, last.Header(journal.HeaderVersion))
		}
		eventually(t, "an empty backlog", func() bool {
			n, _, err := s.Backlog(t.Context())
			return n == 0 && err == nil
		})
	})
}

func TestAnotherInstanceTakesOverWhenTheFirstStops(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		first, second := &topic{}, &topic{}
		add := func(order string) {
			t.Helper()
			err := s.Update(t.Context(), func(tx *journal.Tx) error {
				_, err := tx.Append(t.Context(), order, journal.AnyVersion, completed(order, 1), event.Meta{})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		add("ORD-1")
		_, stopFirst := relay(t, s, first, "first")
		eventually(t, "the first sends, and says so", func() bool { // before its checkpoint, the second would send it again
			waiting, _, err := s.Backlog(t.Context())
			return err == nil && waiting == 0 && first.len() == 1
		})
		stopFirst()
		add("ORD-2")
		_, stopSecond := relay(t, s, second, "second")
		defer stopSecond()
		eventually(t, "the second sends", func() bool { return second.len() == 1 })
		if string(second.records[0].Key) != "ORD-2" {
			t.Errorf("second sent %s, want ORD-2 only", second.records[0].Key)
		}
	})
}

func TestOpenRefusesAnUnknownURL(t *testing.T) {
	if _, err := journal.Open(t.Context(), journal.Config{URL: "mysql://x", Service: "orders"}); err == nil || !strings.Contains(err.Error(), "mysql") {
		t.Errorf("Open(mysql://x) = %v, want an error that shows the URL", err)
	}
}

// Two first facts about one order come from two topics; each finds no row yet, and neither may overwrite the other's.
func TestLockHoldsRowsThatAreNotThereYet(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		s := open(t, url)
		const units = 20
		fact := func(i int) error {
			return s.Update(t.Context(), func(tx *journal.Tx) error {
				if err := tx.Lock(t.Context(), "ORD-1"); err != nil {
					return err
				}
				var value string
				err := tx.QueryRowContext(t.Context(), `SELECT value FROM meta WHERE name = 'facts'`).Scan(&value)
				if err != nil && !errors.Is(err, sql.ErrNoRows) {
					return err
				}
				_, err = tx.ExecContext(t.Context(), `INSERT INTO meta(name, value) VALUES('facts', $1) ON CONFLICT(name) DO UPDATE SET value = $1`, value+string(rune('a'+i)))
				return err
			})
		}
		var wg sync.WaitGroup
		for i := range units {
			wg.Go(func() {
				if err := fact(i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var value string
		if err := s.View().QueryRowContext(t.Context(), `SELECT value FROM meta WHERE name = 'facts'`).Scan(&value); err != nil {
			t.Fatal(err)
		}
		if len(value) != units {
			t.Errorf("%d of %d facts are kept: %q", len(value), units, value)
		}
	})
}
