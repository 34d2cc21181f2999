package catalog

import (
	"context"
	"sync"
)

// rounds lets callers share readings of the newest revision. A reading answers only those who asked before it began, so
// that what it says was true at a moment after each of them asked: while one is under way, all who come wait for the
// next. Safe for concurrent use.
type rounds struct {
	turn chan struct{} // one place: the reading that is under way

	mu   sync.Mutex
	next *round // guarded by mu: the reading that has not begun, nil if nobody waits for one
}

// round is one reading; its members are set before done is closed.
type round struct {
	done  chan struct{}
	rev   Rev
	err   error
	ended bool // err is the end of the reader's own ctx, and tells the others nothing
}

func newRounds() *rounds { return &rounds{turn: make(chan struct{}, 1)} }

// read returns a revision that was the newest at some moment during the call. The first who waits for a round reads for
// all. A caller's ctx ends its own wait.
func (r *rounds) read(ctx context.Context, newest func(context.Context) (Rev, error)) (Rev, error) {
	for {
		r.mu.Lock()
		mine := r.next
		if mine == nil {
			mine = &round{done: make(chan struct{})}
			r.next = mine
			r.mu.Unlock()
			r.lead(ctx, mine, newest)
			return mine.rev, mine.err
		}
		r.mu.Unlock()
		select {
		case <-mine.done:
			if !mine.ended || ctx.Err() != nil {
				return mine.rev, mine.err
			}
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// lead waits for the reading before it, and reads.
func (r *rounds) lead(ctx context.Context, mine *round, newest func(context.Context) (Rev, error)) {
	defer close(mine.done)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
	}
	r.mu.Lock()
	r.next = nil
	r.mu.Unlock()
	if mine.err = ctx.Err(); mine.err == nil {
		mine.rev, mine.err = newest(ctx)
	}
	if mine.err != nil && ctx.Err() != nil {
		mine.err, mine.ended = context.Cause(ctx), true
	}
}

// still says whether a subject that was in memory when the caches followed a revision is what the store holds: nothing
// that touches it was committed until some moment during the call. False where the store cannot be asked, or memory does
// not follow it yet.
func (r *Registry) still(ctx context.Context, s *Subject, at Rev) bool {
	rev, err := r.rounds.read(ctx, r.store.Revision)
	if err != nil || rev < at { // a store that went back in time
		return false
	}
	r.hear(rev)
	if now, ok := r.hearing.current(ctx); !ok || now < rev {
		return false
	}
	known, ok := r.subjects.get(s.Name)
	return ok && known == s
}
