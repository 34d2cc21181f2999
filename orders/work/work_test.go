package work_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/work"
)

const results = `CREATE TABLE IF NOT EXISTS results(key TEXT NOT NULL, tries BIGINT NOT NULL)`

// inBubble runs a test with a store, in virtual time.
func inBubble(t *testing.T, test func(t *testing.T, s *journal.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := journal.Open(t.Context(), journal.Config{URL: "sqlite:" + t.TempDir(), Service: "payments", Tables: append(work.Tables(), results)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		test(t, s)
	})
}

func queue(s *journal.Store, owner string, handle work.Handler) *work.Queue {
	return &work.Queue{Store: s, Owner: owner, Log: slog.New(slog.DiscardHandler), Handlers: map[string]work.Handler{"do": handle}}
}

func add(t *testing.T, q *work.Queue, key string) {
	t.Helper()
	err := q.Store.Update(t.Context(), func(tx *journal.Tx) error {
		return q.Add(t.Context(), tx, work.Task{Key: key, Kind: "do", Data: []byte("data")}, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// note stores that a task was done.
func note(ctx context.Context, task work.Task) func(*journal.Tx) error {
	return func(tx *journal.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO results(key, tries) VALUES($1, $2)`, task.Key, task.Tries)
		return err
	}
}

func count(t *testing.T, s *journal.Store, query string) (n int64) {
	t.Helper()
	if err := s.View().QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func run(t *testing.T, q *work.Queue) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	}
}

func TestTaskIsTriedAgainUntilItIsDone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *journal.Store) {
		q := queue(s, "one", func(ctx context.Context, task work.Task) (func(*journal.Tx) error, error) {
			switch task.Tries {
			case 1:
				return nil, errors.New("no answer")
			case 2:
				panic("bug")
			}
			return note(ctx, task), nil
		})
		stop := run(t, q)
		defer stop()
		start := time.Now()
		add(t, q, "a")
		add(t, q, "a") // open already: stays one
		for count(t, s, `SELECT COUNT(*) FROM results`) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(start); took < 4*time.Second || took > 8*time.Second {
			t.Errorf("took %s, want the pauses of 100 ms and 5 s", took)
		}
		if tries, open := count(t, s, `SELECT MAX(tries) FROM results`), count(t, s, `SELECT COUNT(*) FROM tasks`); tries != 3 || open != 0 {
			t.Errorf("%d tries, %d tasks open, want 3 and 0", tries, open)
		}
	})
}

// A worker that hangs loses its lease; when it comes back its result must not count a second time.
func TestLateWorkerChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, s *journal.Store) {
		var slow atomic.Bool
		slow.Store(true)
		handle := func(ctx context.Context, task work.Task) (func(*journal.Tx) error, error) {
			if slow.Swap(false) {
				time.Sleep(2 * work.Deadline) // deaf to ctx, as a bad driver is
			}
			return note(context.WithoutCancel(ctx), task), nil
		}
		first, second := queue(s, "one", handle), queue(s, "two", handle)
		stopFirst := run(t, first)
		add(t, first, "a")
		time.Sleep(time.Second)
		stopSecond := run(t, second)
		time.Sleep(3 * work.Deadline)
		stopFirst()
		stopSecond()
		if n := count(t, s, `SELECT COUNT(*) FROM results`); n != 1 {
			t.Errorf("%d results, want 1", n)
		}
	})
}

func TestDelays(t *testing.T) {
	last := time.Duration(0)
	for tries := 1; tries < 12; tries++ {
		d := work.Delay(tries)
		if d < last*8/10 || d > work.MaxDelay*11/10 {
			t.Errorf("Delay(%d) = %s after %s, want longer pauses up to %s", tries, d, last, work.MaxDelay)
		}
		last = d
	}
}
