package catalog

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/accordhq/accord/compat"
)

// Latest stands for the highest live version of a subject.
const Latest = -1

// MaxPage is the most that one page of a list holds, and the default.
const MaxPage = 1000

// Options are the settings of a Registry; each has a working zero.
type Options struct {
	Log *slog.Logger // nil = slog.Default()
	// Judging is how many registrations may be judged at once, 0 = 4 per core; beyond it: Busy.
	Judging int
}

// Registry decides what a Store keeps. It is safe for concurrent use, and any number of Registries may work on one
// store. Schemas never change and are kept in memory; subjects and policies are kept only while Run listens.
type Registry struct {
	store   Store
	log     *slog.Logger
	judging chan struct{} // a token for each registration that is judged

	schemas  *lru[Key, *Schema]
	guids    *lru[string, Key]
	subjects *lru[Name, *Subject] // only while listening
	compiled *lru[Key, *compat.Schema]
	tokens   *lru[string, *heldToken] // by hash
	keys     keys
	used     uses // of tokens
	checker  compat.Checker
	loading  flight[Key, *Schema]
	reading  flight[Name, *Subject]
	queues   queues
	judged   *judged
	metrics  *metrics

	mu        sync.Mutex
	listening bool          // guarded by mu, as all below
	heard     Rev           // newest revision known
	applied   Rev           // the caches hold nothing older than this
	suspect   bool          // Run is to ask whether the store went back in time
	changed   chan struct{} // closed and replaced whenever heard grows
	bell      chan struct{} // asks Run to apply what was heard; one place
}

// New returns a Registry on a store, which stays the caller's to close.
func New(store Store, o Options) *Registry {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Judging <= 0 {
		o.Judging = 4 * runtime.GOMAXPROCS(0)
	}
	r := &Registry{
		store: store, log: o.Log,
		judging:  make(chan struct{}, o.Judging),
		schemas:  newLRU[Key, *Schema](MaxCachedBytes),
		guids:    newLRU[string, Key](MaxCachedSubjects),
		subjects: newLRU[Name, *Subject](MaxCachedSubjects),
		compiled: newLRU[Key, *compat.Schema](MaxCompiledBytes),
		tokens:   newLRU[string, *heldToken](MaxCachedTokens),
		changed:  make(chan struct{}),
		bell:     make(chan struct{}, 1),
	}
	r.judged, r.metrics = newJudged(r.loadEntry), newMetrics(r)
	return r
}

// How long Run waits before it listens again.
const (
	relistenFirst = 100 * time.Millisecond
	relistenMost  = 5 * time.Second
)

// Run listens for changes until ctx ends, and returns its error. Without Run everything works, but each read of what
// can change goes to the store.
func (r *Registry) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { r.apply(ctx) })
	wg.Go(func() { r.keepUses(ctx) })
	wait := relistenFirst
	heard := r.metrics.silence()
	for {
		err := r.store.Watch(ctx, func(rev Rev) {
			if heard != nil {
				heard()
				heard = nil
			}
			wait = relistenFirst
			r.hear(rev, true)
		})
		r.deaf()
		if heard == nil {
			heard = r.metrics.silence()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.log.Warn("not listening for changes; reads pass through to the store", "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wait = min(2*wait, relistenMost)
	}
}

// hear notes a revision. A bell comes from the store; else it is a write of our own.
func (r *Registry) hear(rev Rev, bell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bell && !r.listening {
		r.listening = true
		if r.applied == 0 { // nothing was ever cached
			r.applied = rev
		}
	}
	if bell && rev < r.applied { // late, or of a restored backup: Run asks
		r.suspect = true
	}
	if rev > r.heard {
		r.heard = rev
		close(r.changed)
		r.changed = make(chan struct{})
	}
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// forget drops all caches.
func (r *Registry) forget() {
	r.schemas.dropIf(func(Key) bool { return true })
	r.guids.dropIf(func(string) bool { return true })
	r.compiled.dropIf(func(Key) bool { return true })
	r.subjects.dropIf(func(Name) bool { return true })
	r.tokensChanged()
}

// deaf drops what can change: nobody would tell.
func (r *Registry) deaf() {
	r.mu.Lock()
	r.listening = false
	r.mu.Unlock()
	r.subjects.dropIf(func(Name) bool { return true })
}

// apply reads the changes that were heard of and drops what they touch, so that caches may be used again.
func (r *Registry) apply(ctx context.Context) {
	for {
		select {
		case <-r.bell:
		case <-ctx.Done():
			return
		}
		for {
			r.mu.Lock()
			from, to, listening, suspect := r.applied, r.heard, r.listening, r.suspect
			r.suspect = false
			r.mu.Unlock()
			if suspect {
				r.checkTime(ctx, from)
				continue
			}
			if !listening || from >= to {
				break
			}
			changes, err := r.store.Changes(ctx, from, MaxPage)
			if err != nil {
				if ctx.Err() != nil {
					return
				}
				r.log.Warn("changes cannot be read", "err", err)
				select { // the next bell comes with the next listening
				case <-time.After(relistenFirst):
					continue
				case <-ctx.Done():
					return
				}
			}
			for _, c := range changes {
				r.drop(c)
				to = max(to, c.Rev)
			}
			if len(changes) == MaxPage {
				to = changes[MaxPage-1].Rev
			}
			r.mu.Lock()
			r.applied = max(r.applied, to)
			r.mu.Unlock()
			// A subject read before the changes and cached after them would be stale: drop again now that
			// nothing older than applied is taken in.
			for _, c := range changes {
				r.drop(c)
			}
			r.followChanges(ctx, changes)
		}
	}
}

// checkTime drops everything if the store no longer has a revision that it had: after a restored backup, or a failover
// that lost commits, what is in memory may never have been.
func (r *Registry) checkTime(ctx context.Context, known Rev) {
	rev, err := r.store.Revision(ctx)
	if err != nil || rev >= known { // a store that does not answer is deaf soon
		return
	}
	r.log.Error("the store went back in time; everything in memory is dropped", "revision", uint64(rev), "known", uint64(known))
	r.mu.Lock()
	r.heard, r.applied = rev, rev
	r.mu.Unlock()
	r.forget()
	r.judged.forget()
}

// drop forgets what a change touches.
func (r *Registry) drop(c Change) {
	switch c.Op {
	case OpConfig, OpMode:
		switch {
		case c.Context == GlobalContext:
			r.subjects.dropIf(func(Name) bool { return true })
		case c.Subject == "":
			r.subjects.dropIf(func(n Name) bool { return n.Context == c.Context })
		default:
			r.subjects.drop(c.Name)
		}
	case OpPurge:
		r.schemas.drop(Key{Context: c.Context, ID: c.ID})
		r.guids.drop(c.GUID)
		r.compiled.drop(Key{Context: c.Context, ID: c.ID})
		r.subjects.drop(c.Name)
	case OpRegister, OpDelete, OpUndelete, OpLens:
		r.subjects.drop(c.Name)
	case OpToken, OpRevoke:
		r.tokensChanged()
	}
}

// Status says how the registry stands.
type Status struct {
	Listening bool // what can change is served from memory
	Revision  Rev  // newest revision known
}

// Status never waits.
func (r *Registry) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Status{Listening: r.listening && r.applied >= r.heard, Revision: r.heard}
}

// Ping asks the store for its newest revision; Unavailable if it cannot be reached.
func (r *Registry) Ping(ctx context.Context) (Rev, error) { return r.store.Revision(ctx) }

type atLeastKey struct{}

// AtLeast returns a context whose reads see every change up to rev, also on another replica than the one that wrote
// it.
func AtLeast(ctx context.Context, rev Rev) context.Context {
	return context.WithValue(ctx, atLeastKey{}, rev)
}

// current says whether caches may answer a read.
func (r *Registry) current(ctx context.Context) bool {
	want, _ := ctx.Value(atLeastKey{}).(Rev)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listening && r.applied >= r.heard && r.applied >= want
}

// subject reads a subject, from memory where that is as good. The result is shared: it must not be changed.
func (r *Registry) subject(ctx context.Context, name Name) (*Subject, error) {
	if !r.current(ctx) {
		return r.freshSubject(ctx, name)
	}
	if s, ok := r.subjects.get(name); ok {
		r.metrics.hits.Inc()
		return s, nil
	}
	s, err := r.reading.do(ctx, name, func(ctx context.Context) (*Subject, error) { return r.freshSubject(ctx, name) })
	if err != nil {
		return nil, err
	}
	if len(s.Versions) > 0 { // that something does not exist is never kept
		r.mu.Lock()
		if r.listening && s.Head.Rev >= r.applied {
			r.subjects.put(name, s, 1)
		}
		r.mu.Unlock()
	}
	return s, nil
}

// freshSubject reads a subject from the store.
func (r *Registry) freshSubject(ctx context.Context, name Name) (*Subject, error) {
	r.metrics.misses.Inc()
	s, err := r.store.Subject(ctx, name)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// schema reads a schema's text, from memory if it was seen before. The result is shared.
func (r *Registry) schema(ctx context.Context, k Key) (*Schema, error) {
	if k.GUID != "" {
		if known, ok := r.guids.get(k.GUID); ok {
			k = known
		}
	}
	if s, ok := r.schemas.get(Key{Context: k.Context, ID: k.ID}); ok && k.ID != 0 {
		r.metrics.hits.Inc()
		return s, nil
	}
	return r.loading.do(ctx, k, func(ctx context.Context) (*Schema, error) {
		r.metrics.misses.Inc()
		stored, err := r.store.Schema(ctx, k)
		if err != nil {
			return nil, err
		}
		r.keep(&stored.Schema)
		return &stored.Schema, nil
	})
}

// keep remembers a schema.
func (r *Registry) keep(s *Schema) {
	k := Key{Context: s.Context, ID: s.ID}
	r.schemas.put(k, s, len(s.Text)+512)
	r.guids.put(s.GUID, k, 1)
}

// isEnded says that an error is the end of some context.
func isEnded(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// queues makes callers with the same name wait for each other.
type queues struct {
	mu sync.Mutex
	at map[Name]*queue // guarded by mu
}

type queue struct {
	turn    chan struct{} // one place
	waiting int           // guarded by queues.mu
}

// enter waits for the caller's turn and returns how to leave.
func (q *queues) enter(ctx context.Context, name Name) (leave func(), err error) {
	q.mu.Lock()
	if q.at == nil {
		q.at = map[Name]*queue{}
	}
	mine := q.at[name]
	if mine == nil {
		mine = &queue{turn: make(chan struct{}, 1)}
		q.at[name] = mine
	}
	mine.waiting++
	q.mu.Unlock()
	gone := func() {
		q.mu.Lock()
		if mine.waiting--; mine.waiting == 0 {
			delete(q.at, name)
		}
		q.mu.Unlock()
	}
	select {
	case mine.turn <- struct{}{}:
		return func() { <-mine.turn; gone() }, nil
	case <-ctx.Done():
		gone()
		return nil, context.Cause(ctx)
	}
}
