package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
)

// maxBatch is how many writes share one commit at most.
const maxBatch = 64

// writes waiting for the disk are committed together: while one commit is on its way to the disk, the writes that come
// line up, and whoever is first of them does the next commit for all.
type line struct {
	mu      sync.Mutex
	waiting []*write // guarded by mu, as below
	leading bool     // somebody commits
}

// write is one writer's part of a batch. It stands alone: if it is refused, the others are not.
type write struct {
	ctx  context.Context
	what string
	do   func(*tx) error
	err  error
	rev  catalog.Rev
	turn chan bool // true: you lead; false: it is done
}

// writing runs f alone, commits what it did, and rings. Once f runs, the end of ctx no longer stops it.
func (s *Store) writing(ctx context.Context, what string, f func(*tx) error) error {
	w := &write{ctx: ctx, what: what, do: f, turn: make(chan bool, 1)}
	s.line.mu.Lock()
	s.line.waiting = append(s.line.waiting, w)
	leads := !s.line.leading
	s.line.leading = true
	s.line.mu.Unlock()
	if leads || <-w.turn {
		s.lead()
	}
	return w.err
}

// lead commits the writes in line, of which the caller's is the first, and hands on.
func (s *Store) lead() {
	s.line.mu.Lock()
	batch := s.line.waiting[:min(maxBatch, len(s.line.waiting))]
	s.line.waiting = s.line.waiting[len(batch):]
	s.line.mu.Unlock()
	defer func() {
		s.line.mu.Lock()
		s.line.leading = len(s.line.waiting) > 0
		if s.line.leading {
			s.line.waiting[0].turn <- true
		}
		s.line.mu.Unlock()
		for _, w := range batch[1:] {
			w.turn <- false
		}
	}()
	err := s.commit(batch)
	newest := catalog.Rev(0)
	for _, w := range batch {
		if err != nil && w.err == nil {
			w.err = err
		}
		if w.err != nil {
			w.err = wrap(w.ctx, w.what, w.err)
			continue
		}
		newest = max(newest, w.rev)
	}
	if newest > 0 {
		s.ring(newest)
	}
}

// commit runs each write of a batch behind a savepoint of its own; its error is that of all who have none.
func (s *Store) commit(batch []*write) error {
	c, err := s.write.take(context.Background()) // the line lets one at a time come here
	if err != nil {
		return err
	}
	defer s.write.give(c)
	if err := c.begin("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	done := 0
	for _, w := range batch {
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		if err := w.run(c); err != nil {
			return err
		}
		if w.err == nil {
			done++
		}
	}
	if done == 0 {
		return nil
	}
	return c.end("COMMIT")
}

// run does one write behind a savepoint. What it returns spoils the batch.
func (w *write) run(c *conn) (spoiled error) {
	background := context.WithoutCancel(w.ctx) // a statement that is interrupted would take the whole batch with it
	if _, err := c.ExecContext(background, "SAVEPOINT one"); err != nil {
		return err
	}
	part := &tx{conn: c, ctx: background, author: catalog.AuthorOf(w.ctx), now: time.Now().UTC().Truncate(time.Microsecond)}
	defer func() {
		if p := recover(); p != nil {
			w.err = fmt.Errorf("%s: panic: %v", w.what, p)
			spoiled = w.err
		}
	}()
	w.err = w.do(part)
	if w.err != nil {
		if _, err := c.ExecContext(background, "ROLLBACK TO one"); err != nil {
			return errors.Join(w.err, err)
		}
	}
	w.rev = part.rev
	_, err := c.ExecContext(background, "RELEASE one")
	return err
}
