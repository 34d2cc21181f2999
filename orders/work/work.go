// Package work is a service's list of things to do outside its own store: charge a card, hand a parcel to a carrier,
// send a mail. A handler of an event must not do them itself, because its transaction may be rolled back and run again;
// it puts a task on the list, in the same transaction. A worker then does the task and stores what came of it, together
// with the task's end:
//
//	Add (in a unit of work) ── lease ── do it, outside any transaction ── commit: result, events, task removed
//
// A crash after doing and before committing does the task again. The other side must therefore be asked with a key that
// makes a second time harmless; the task's Key is meant for that.
package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/accordhq/accord/orders/journal"
)

const (
	// Deadline is how long a task may take, and how long its lease lasts.
	Deadline = 30 * time.Second
	// MaxDeliveries is how often something is tried before people are asked: by a worker that gives up, and by a
	// consumer before the dead letter.
	MaxDeliveries = 5
	// MaxDelay is the longest pause between two tries of a task that is never given up.
	MaxDelay = time.Hour

	pollInterval = time.Second // for what another instance added, or left behind
	maxError     = 500
)

// delays are the pauses after the first, second, … failed try.
var delays = []time.Duration{100 * time.Millisecond, 5 * time.Second, 30 * time.Second, 5 * time.Minute}

// Delay is how long to wait after so many failed tries (from 1), give or take a tenth. Beyond the fifth it doubles up to
// MaxDelay.
func Delay(tries int) time.Duration {
	d := MaxDelay
	if tries <= len(delays) {
		d = delays[max(tries, 1)-1]
	} else if extra := tries - len(delays); extra < 8 {
		d = min(delays[len(delays)-1]<<extra, MaxDelay)
	}
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}

// A Task is one thing to do.
type Task struct {
	Key   string // unique among tasks that are still open
	Kind  string // chooses the handler
	Data  []byte
	Tries int // including the one that runs; 1 = the first
}

// A Handler does a task. done stores the result; it runs in the unit of work that removes the task, perhaps more than
// once. An error puts the task back for Delay.
type Handler func(ctx context.Context, t Task) (done func(*journal.Tx) error, err error)

// A Queue runs the tasks of one service. Set the fields before Run.
type Queue struct {
	Store    *journal.Store
	Handlers map[string]Handler
	Workers  int    // tasks at the same time; 0 = 1
	Owner    string // names this instance in the leases
	Log      *slog.Logger

	wakeOnce sync.Once
	wake     chan struct{}
}

// Tables are the statements that a store needs for a queue.
func Tables() []string {
	return []string{`CREATE TABLE IF NOT EXISTS tasks(key TEXT PRIMARY KEY, kind TEXT NOT NULL, data BYTES NOT NULL, tries INT NOT NULL,
		next_at BIGINT NOT NULL, lease BIGINT NOT NULL, owner TEXT NOT NULL, error TEXT NOT NULL)`}
}

func (q *Queue) bell() chan struct{} {
	q.wakeOnce.Do(func() { q.wake = make(chan struct{}, 1) })
	return q.wake
}

// Add puts a task on the list, to be done at a moment or later. An open task with the same key stays as it is.
func (q *Queue) Add(ctx context.Context, tx *journal.Tx, t Task, at time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO tasks(key, kind, data, tries, next_at, lease, owner, error)
		VALUES($1, $2, $3, 0, $4, 0, '', '') ON CONFLICT DO NOTHING`, t.Key, t.Kind, t.Data, at.UnixMicro())
	if err != nil {
		return fmt.Errorf("add task %s: %w", t.Key, err)
	}
	tx.AfterCommit(q.ring)
	return nil
}

func (q *Queue) ring() {
	select {
	case q.bell() <- struct{}{}:
	default:
	}
}

// Run does tasks until ctx ends, which is no error, and waits for those that are being done.
func (q *Queue) Run(ctx context.Context) error {
	free := make(chan struct{}, max(q.Workers, 1))
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case free <- struct{}{}:
		}
		task, found, err := q.claim(ctx)
		if err != nil && ctx.Err() == nil {
			q.Log.Warn("cannot claim a task", "service", q.Store.Service(), "err", err)
		}
		if found {
			wg.Go(func() {
				defer func() { <-free; q.ring() }()
				q.do(ctx, task)
			})
			continue
		}
		<-free
		select {
		case <-ctx.Done():
			return nil
		case <-q.bell():
		case <-time.After(q.nextDue(ctx)):
		}
	}
}

// nextDue is how long nothing will be due, at most pollInterval.
func (q *Queue) nextDue(ctx context.Context) time.Duration {
	var next sql.NullInt64
	err := q.Store.View().QueryRowContext(ctx, `SELECT MIN(next_at) FROM tasks WHERE lease <= $1`, time.Now().UnixMicro()).Scan(&next)
	if err != nil || !next.Valid {
		return pollInterval
	}
	return min(max(time.Until(time.UnixMicro(next.Int64)), time.Millisecond), pollInterval)
}

// claim leases the task that has been due longest.
func (q *Queue) claim(ctx context.Context) (t Task, found bool, err error) {
	now := time.Now()
	var one int
	err = q.Store.View().QueryRowContext(ctx, `SELECT 1 FROM tasks WHERE next_at <= $1 AND lease <= $1 LIMIT 1`, now.UnixMicro()).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return t, false, nil
	} else if err != nil {
		return t, false, err
	}
	err = q.Store.Update(ctx, func(tx *journal.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE tasks SET lease = $1, owner = $2, tries = tries + 1 WHERE key =
			(SELECT key FROM tasks WHERE next_at <= $3 AND lease <= $3 ORDER BY next_at LIMIT 1`+tx.SkipLocked()+`)
			RETURNING key, kind, data, tries`, now.Add(Deadline).UnixMicro(), q.Owner, now.UnixMicro()).Scan(&t.Key, &t.Kind, &t.Data, &t.Tries)
	})
	if errors.Is(err, sql.ErrNoRows) { // another worker was faster
		return t, false, nil
	}
	return t, err == nil, err
}

// do runs one task and stores its end, or puts it back.
func (q *Queue) do(ctx context.Context, t Task) {
	err := q.try(ctx, t)
	if err == nil {
		return
	}
	if ctx.Err() == nil {
		q.Log.Warn("task failed", "service", q.Store.Service(), "task", t.Kind, "tries", t.Tries, "err", err)
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), Deadline/2)
	defer cancel()
	text := err.Error()
	err = q.Store.Update(late, func(tx *journal.Tx) error {
		_, err := tx.ExecContext(late, `UPDATE tasks SET lease = 0, next_at = $1, error = $2 WHERE key = $3 AND owner = $4`,
			time.Now().Add(Delay(t.Tries)).UnixMicro(), text[:min(len(text), maxError)], t.Key, q.Owner)
		return err
	})
	if err != nil { // the lease runs out by itself
		q.Log.Warn("cannot put a task back", "service", q.Store.Service(), "task", t.Kind, "err", err)
	}
}

func (q *Queue) try(ctx context.Context, t Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	handle := q.Handlers[t.Kind]
	if handle == nil {
		return fmt.Errorf("no handler for task %s", t.Kind)
	}
	limited, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	done, err := handle(limited, t)
	if err != nil {
		return err
	}
	return q.Store.Update(limited, func(tx *journal.Tx) error {
		result, err := tx.ExecContext(limited, `DELETE FROM tasks WHERE key = $1 AND owner = $2 AND tries = $3`, t.Key, q.Owner, t.Tries)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(fmt.Errorf("task %s is another worker's by now", t.Key), err)
		}
		return done(tx)
	})
}

// Open says how many tasks are on a store's list.
func Open(ctx context.Context, s *journal.Store) (int64, error) {
	var n int64
	err := s.View().QueryRowContext(ctx, `SELECT COUNT(*) FROM tasks`).Scan(&n)
	return n, err
}
