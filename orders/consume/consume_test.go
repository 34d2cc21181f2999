package consume_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

var (
	errAway   = errors.New("registry away")
	errPoison = errors.New("not what the schema says")
)

// plain decodes by type, without schemas: the value decides what goes wrong.
type plain struct{ away bool }

func (p *plain) Decode(_ context.Context, r journal.Record) (any, event.Meta, error) {
	m := event.Meta{ID: r.Header("ce_id"), Type: r.Header("ce_type"), Source: r.Header("ce_source"), Subject: r.Header("ce_subject"), Replay: r.Header("accord-replay") != ""}
	if p.away {
		return nil, m, errAway
	}
	var e event.OrderCompleted
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return nil, m, errPoison
	}
	return &e, m, nil
}

func (p *plain) Class(err error) consume.Class {
	switch {
	case errors.Is(err, errAway):
		return consume.Retry
	case errors.Is(err, errPoison):
		return consume.Poison
	}
	return consume.Other
}

func (p *plain) DeadLetter(r journal.Record, group string, tries int, why error) journal.Record {
	r.Topic = group + ".dlq"
	r.Headers = append(slices.Clip(r.Headers), journal.Header{Key: "dlq-error", Value: []byte(why.Error())}, journal.Header{Key: "dlq-attempts", Value: []byte(strconv.Itoa(tries))})
	return r
}

// Encode lets handlers append.
func (p *plain) Encode(_ context.Context, data any, subject string, cause event.Meta) (journal.Record, event.Meta, error) {
	value, err := json.Marshal(data)
	return journal.Record{Value: value}, event.Meta{ID: "after-" + cause.ID, Subject: subject}, err
}

// letters keeps dead letters; down makes it refuse them.
type letters struct {
	records []journal.Record
	down    error
}

func (l *letters) Produce(_ context.Context, records []journal.Record) []error {
	if l.down == nil {
		l.records = append(l.records, records...)
	}
	return slices.Repeat([]error{l.down}, len(records))
}

// rig is a consumer over a real store, fed by hand.
type rig struct {
	*consume.Consumer
	store   *journal.Store
	decoder *plain
	letters *letters
	fail    map[string]error // by order: what the handler says
	panics  bool
	offset  int64
}

const table = `CREATE TABLE IF NOT EXISTS effects(n AUTOKEY, order_id TEXT NOT NULL, minor BIGINT NOT NULL)`

func newRig(t *testing.T, url string, react bool) *rig {
	t.Helper()
	g := &rig{decoder: &plain{}, letters: &letters{}, fail: map[string]error{}}
	var err error
	g.store, err = journal.Open(t.Context(), journal.Config{URL: url, Service: "payments", Encoder: g.decoder, Tables: append(consume.Tables(), table)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.store.Close() })
	g.Consumer = &consume.Consumer{
		Group: "payments", Store: g.store, Decoder: g.decoder, Letters: g.letters, Log: slog.New(slog.DiscardHandler),
		Routes: []consume.Route{consume.On(react, g.handle)},
	}
	return g
}

// handle writes an effect, appends an event, and then fails if it is told to.
func (g *rig) handle(ctx context.Context, tx *journal.Tx, e *event.OrderCompleted, m event.Meta) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO effects(order_id, minor) VALUES($1, $2)`, e.OrderID, e.Total.AmountMinor); err != nil {
		return err
	}
	if _, err := tx.Append(ctx, e.OrderID, journal.AnyVersion, event.OrderCancelled{OrderID: e.OrderID}, m); err != nil {
		return err
	}
	if g.panics {
		panic("handler bug")
	}
	return g.fail[e.OrderID]
}

// record makes the next record of the partition. version 0 leaves the aggregate's version out.
func (g *rig) record(id, order string, version int64, more ...journal.Header) journal.Record {
	value, _ := json.Marshal(event.OrderCompleted{OrderID: order, Total: event.Money{AmountMinor: version, Currency: "USD"}})
	r := journal.Record{Topic: event.OrderEvents, Offset: g.offset, Key: []byte(order), Value: value, Headers: append([]journal.Header{
		{Key: "ce_id", Value: []byte(id)},
		{Key: "ce_type", Value: []byte("com.example.orders.OrderCompleted")},
		{Key: "ce_source", Value: []byte("/services/orders")},
		{Key: "ce_subject", Value: []byte(order)},
	}, more...)}
	if version > 0 {
		r.Headers = append(r.Headers, journal.Header{Key: journal.HeaderVersion, Value: strconv.AppendInt(nil, version, 10)})
	}
	g.offset++
	return r
}

func (g *rig) process(t *testing.T, records ...journal.Record) {
	t.Helper()
	if err := g.Process(t.Context(), records, false); err != nil {
		t.Fatalf("Process = %v", err)
	}
}

// effects lists what the handler left, "order:minor" in order.
func (g *rig) effects(t *testing.T) string {
	t.Helper()
	rows, err := g.store.View().Query(`SELECT order_id, minor FROM effects ORDER BY n`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var order string
		var minor int64
		if err := rows.Scan(&order, &minor); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s:%d", order, minor))
	}
	return strings.Join(all, " ")
}

func (g *rig) want(t *testing.T, effects string, appended, next int64) {
	t.Helper()
	if got := g.effects(t); got != effects {
		t.Errorf("effects = %q, want %q", got, effects)
	}
	var n int64
	if err := g.store.View().QueryRow(`SELECT COUNT(*) FROM events`).Scan(&n); err != nil || n != appended {
		t.Errorf("%d events appended (%v), want %d", n, err, appended)
	}
	offsets, err := g.Offsets(t.Context())
	if got := offsets[event.OrderEvents][0]; err != nil || got != next {
		t.Errorf("offset = %d (%v), want %d", got, err, next)
	}
}

// retryAll runs what is parked until nothing is due, making every pause end at once.
func (g *rig) retryAll(t *testing.T) {
	t.Helper()
	for range 100 {
		err := g.store.Update(t.Context(), func(tx *journal.Tx) error {
			_, err := tx.ExecContext(t.Context(), `UPDATE parked SET next_at = 0 WHERE reason <> 'gap'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		found, err := g.RetryOne(t.Context())
		if err != nil {
			t.Fatalf("RetryOne = %v", err)
		}
		if !found {
			return
		}
	}
	t.Fatal("still something due after 100 tries")
}

func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+t.TempDir()) })
	t.Run("postgres", func(t *testing.T) {
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
		name := fmt.Sprintf("consume_%d_%d", os.Getpid(), time.Now().UnixNano())
		if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
			db.Close()
		})
		test(t, base[:strings.LastIndex(base, "/")+1]+name)
	})
}

func TestRecordsAreHandledInOrderAndOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		a1, b1, a2 := g.record("1", "A", 1), g.record("2", "B", 1), g.record("3", "A", 2)
		g.process(t, a1, b1, a2)
		g.want(t, "A:1 B:1 A:2", 3, 3)
		g.process(t, a1, b1, a2) // delivered again: the offset says no
		again := g.record("1", "A", 1)
		other := g.record("2", "B", 0) // another copy without a version: the inbox says no
		g.process(t, again, other)
		g.want(t, "A:1 B:1 A:2", 3, 5)
		if n := g.Stats().Duplicates.Load(); n != 2 {
			t.Errorf("Duplicates = %d, want 2", n)
		}
	})
}

// B06: an inbox row without an effect, or an effect without its offset, would show here.
func TestCrashBeforeCommitLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		r := g.record("1", "A", 1)
		ctx, crash := context.WithCancel(t.Context())
		g.Routes = []consume.Route{consume.On(false, func(_ context.Context, tx *journal.Tx, e *event.OrderCompleted, m event.Meta) error {
			err := g.handle(t.Context(), tx, e, m)
			crash() // after the handler's effects, before the commit
			return err
		})}
		if err := g.Process(ctx, []journal.Record{r}, false); !errors.Is(err, context.Canceled) {
			t.Fatalf("Process = %v, want context.Canceled", err)
		}
		g.want(t, "", 0, 0)
		g.Routes = []consume.Route{consume.On(false, g.handle)}
		g.process(t, r) // the same record after the restart
		g.want(t, "A:1", 1, 1)
	})
}

// B02, B16: a failing record is kept and tried again; others go on, and nothing of the failed tries remains.
func TestFailingRecordIsParkedAndOthersGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		g.fail["A"] = errors.New("database of a friend is down")
		g.process(t, g.record("1", "A", 1), g.record("2", "B", 1), g.record("3", "A", 2))
		g.want(t, "B:1", 1, 3)
		parked, err := g.Parked(t.Context())
		if err != nil || len(parked) != 2 || parked[0].Tries != 1 || parked[1].Reason != "gap" {
			t.Fatalf("Parked = %+v, %v, want the failure and its follower", parked, err)
		}
		if found, err := g.RetryOne(t.Context()); found || err != nil {
			t.Errorf("RetryOne before the pause is over = %v, %v, want false", found, err)
		}
		delete(g.fail, "A")
		g.retryAll(t)
		g.want(t, "B:1 A:1 A:2", 3, 3)
		if n, _, err := g.Waiting(t.Context()); n != 0 || err != nil {
			t.Errorf("Waiting = %d, %v, want 0", n, err)
		}
	})
}

func TestFifthFailureIsADeadLetterAndItsFollowersStay(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		g.panics = true
		first := g.record("1", "A", 1)
		g.process(t, first, g.record("2", "A", 2))
		g.letters.down = errors.New("broker away")
		for range 4 {
			if err := g.store.Update(t.Context(), func(tx *journal.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE parked SET next_at = 0 WHERE reason <> 'gap'`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := g.RetryOne(t.Context()); err != nil && !errors.Is(err, g.letters.down) {
				t.Fatal(err)
			}
		}
		if n, _, _ := g.Waiting(t.Context()); n != 2 {
			t.Fatalf("%d parked while the dead letter cannot be written, want 2: nothing may be dropped", n)
		}
		g.letters.down = nil
		g.retryAll(t)
		if len(g.letters.records) != 1 {
			t.Fatalf("%d dead letters, want 1", len(g.letters.records))
		}
		letter := g.letters.records[0]
		if string(letter.Value) != string(first.Value) || letter.Header("ce_id") != "1" || letter.Header("dlq-attempts") != "5" || letter.Topic != "payments.dlq" {
			t.Errorf("dead letter = %s, headers %v, want the original bytes and 5 tries", letter.Value, letter.Headers)
		}
		g.panics = false
		g.retryAll(t)
		g.want(t, "", 0, 2) // the follower must not overtake
		if released, err := g.Release(t.Context(), "/services/orders A"); !released || err != nil {
			t.Fatalf("Release = %v, %v, want true", released, err)
		}
		g.retryAll(t)
		g.want(t, "A:2", 1, 2)
		if released, err := g.Release(t.Context(), "/services/orders A"); released || err != nil {
			t.Errorf("Release of what is not parked = %v, %v, want false", released, err)
		}
	})
}

// B17: the dead letter is written before the offset moves.
func TestPoisonIsADeadLetterAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		bad := g.record("1", "A", 0)
		bad.Value = []byte(`{"orderId": 7`)
		g.process(t, bad, g.record("2", "B", 1))
		g.want(t, "B:1", 1, 2)
		if len(g.letters.records) != 1 || string(g.letters.records[0].Value) != string(bad.Value) {
			t.Errorf("dead letters = %v, want the bad bytes as they were", g.letters.records)
		}
	})
}

func TestPartitionWaitsWhileDeadLettersCannotBeWritten(t *testing.T) {
	g := newRig(t, "sqlite:"+t.TempDir(), false)
	bad := g.record("1", "A", 0)
	bad.Value = []byte(`nonsense`)
	g.letters.down = errors.New("broker away")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := g.Process(ctx, []journal.Record{bad}, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Process = %v, want to wait until the context ends", err)
	}
	g.want(t, "", 0, 0)
}

func TestPartitionWaitsForTheRegistry(t *testing.T) {
	g := newRig(t, "sqlite:"+t.TempDir(), false)
	r := g.record("1", "A", 1)
	g.decoder.away = true
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := g.Process(ctx, []journal.Record{r}, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Process = %v, want to wait until the context ends", err)
	}
	g.want(t, "", 0, 0)
	g.decoder.away = false
	g.process(t, r)
	g.want(t, "A:1", 1, 1)
	if n := len(g.letters.records); n != 0 {
		t.Errorf("%d dead letters, want none", n)
	}
}

func TestGapIsParkedUntilTheMissingOneComes(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		g.process(t, g.record("3", "A", 3), g.record("1", "A", 1), g.record("9", "B", 1))
		g.want(t, "A:1 B:1", 2, 3)
		g.process(t, g.record("2", "A", 2))
		g.retryAll(t)
		g.want(t, "A:1 B:1 A:2 A:3", 4, 4)
	})
}

func TestBaselineWhereTheBeginningHasExpired(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		g.offset = 100
		if err := g.Process(t.Context(), []journal.Record{g.record("7", "A", 7), g.record("8", "A", 8), g.record("10", "A", 10)}, true); err != nil {
			t.Fatal(err)
		}
		g.want(t, "A:7 A:8", 2, 103)
		if n, _, _ := g.Waiting(t.Context()); n != 1 {
			t.Errorf("%d parked, want version 10, which is a gap even there", n)
		}
	})
}

func TestTypesNobodyReadsMoveTheGate(t *testing.T) {
	g := newRig(t, "sqlite:"+t.TempDir(), false)
	stranger := g.record("1", "A", 1)
	for i, h := range stranger.Headers {
		if h.Key == "ce_type" {
			stranger.Headers[i].Value = []byte("com.example.orders.SomethingElse")
		}
	}
	g.process(t, stranger, g.record("2", "A", 2))
	g.want(t, "A:2", 1, 2)
	if n := g.Stats().Skipped.Load(); n != 1 {
		t.Errorf("Skipped = %d, want 1", n)
	}
}

// B14: history that is sent again must not mail again.
func TestReplayedHistoryDoesNotReact(t *testing.T) {
	for _, c := range []struct {
		react bool
		want  string
	}{{true, ""}, {false, "A:1"}} {
		g := newRig(t, "sqlite:"+t.TempDir(), c.react)
		g.process(t, g.record("1", "A", 1, journal.Header{Key: "accord-replay", Value: []byte("1")}))
		if got := g.effects(t); got != c.want {
			t.Errorf("react %v: effects = %q, want %q", c.react, got, c.want)
		}
	}
}

// Two instances hold the same partition for a moment, as after a rebalance.
func TestTwoInstancesWithTheSamePartition(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		g := newRig(t, url, false)
		var records []journal.Record
		var want []string
		for i := range 40 {
			records = append(records, g.record(strconv.Itoa(i), "A", int64(i+1)))
			want = append(want, fmt.Sprintf("A:%d", i+1))
		}
		done := make(chan error, 2)
		for range 2 {
			go func() {
				var err error
				for i := 0; i < len(records) && err == nil; i += 4 {
					err = g.Process(context.Background(), records[i:i+4], false)
				}
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		g.want(t, strings.Join(want, " "), 40, 40)
	})
}
