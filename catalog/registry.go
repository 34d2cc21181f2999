package catalog

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"

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
	// AnswerCacheBytes bounds what is kept in memory of what was read, 0 = AnswerCacheBytes.
	AnswerCacheBytes int
}

// Registry decides what a Store keeps. It is safe for concurrent use, and any number of Registries may work on one
// store. Schemas never change and are kept in memory; subjects and policies are kept only while Run listens.
type Registry struct {
	store   Store
	log     *slog.Logger
	judging chan struct{} // a token for each registration that is judged

	answers  *lru[answerKey, []printed]
	schemas  *lru[Key, *Schema]
	guids    *lru[string, Key]
	subjects *lru[Name, *Subject]        // only while listening
	lists    *lru[listKey, *listed]      // only while listening
	pages    *lru[pageKey, *printedPage] // only while listening
	compiled *lru[Key, *compat.Schema]
	tokens   *lru[string, *heldToken] // by hash
	located  *lru[locatedKey, Name]
	keys     keys
	used     uses // of tokens
	checker  compat.Checker
	loading  flight[loadKey, *StoredSchema]
	reading  flight[Name, *Subject]
	listing  flight[listKey, *listed]
	queues   queues
	rounds   *rounds
	judged   *judged
	metrics  *metrics
	hearing  hearing
}

// loadKey is a schema on its way from the store. Whoever asks after a purge does not join a reading from before it.
type loadKey struct {
	Key
	era uint64
}

// New returns a Registry on a store, which stays the caller's to close.
func New(store Store, o Options) *Registry {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Judging <= 0 {
		o.Judging = 4 * runtime.GOMAXPROCS(0)
	}
	if o.AnswerCacheBytes <= 0 {
		o.AnswerCacheBytes = AnswerCacheBytes
	}
	r := &Registry{
		store: store, log: o.Log,
		judging:  make(chan struct{}, o.Judging),
		answers:  newLRU[answerKey, []printed](o.AnswerCacheBytes * 3 / 8),
		schemas:  newLRU[Key, *Schema](o.AnswerCacheBytes * 3 / 16),
		guids:    newLRU[string, Key](o.AnswerCacheBytes / 16),
		subjects: newLRU[Name, *Subject](o.AnswerCacheBytes / 8),
		lists:    newLRU[listKey, *listed](o.AnswerCacheBytes / 8),
		pages:    newLRU[pageKey, *printedPage](o.AnswerCacheBytes / 8),
		compiled: newLRU[Key, *compat.Schema](MaxCompiledBytes),
		tokens:   newLRU[string, *heldToken](MaxCachedTokens),
		located:  newLRU[locatedKey, Name](MaxLocated),
		hearing:  newHearing(),
		rounds:   newRounds(),
	}
	r.judged, r.metrics = newJudged(r.loadEntry), newMetrics(r)
	return r
}

// subject reads a subject, from memory where that is as good. The result is shared: it must not be changed.
func (r *Registry) subject(ctx context.Context, name Name) (*Subject, error) {
	at, ok := r.hearing.current(ctx)
	if !ok || batchOf(ctx) != nil {
		return r.freshSubject(ctx, name)
	}
	if s, ok := r.subjects.get(name); ok {
		r.metrics.hits.Inc()
		return s, nil
	}
	era := r.hearing.now()
	s, err := r.reading.do(ctx, name, func(ctx context.Context) (*Subject, error) { return r.freshSubject(ctx, name) })
	if err == nil && s.Head.Rev < at { // it joined a reading that began before what this question must see
		s, err = r.freshSubject(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	r.keepSubject(ctx, era, s)
	return s, nil
}

// keepSubject remembers a subject that was read in an era. That something does not exist is never kept; a scope always
// is.
func (r *Registry) keepSubject(ctx context.Context, era uint64, s *Subject) {
	if batchOf(ctx) == nil && (len(s.Versions) > 0 || s.Name.Subject == "") {
		r.hearing.keep(era, s.Head.Rev, func() { r.subjects.put(s.Name, s, s.size()) })
	}
}

// freshSubject reads a subject from the store. What it shows was heard of from then on: no later answer is older.
func (r *Registry) freshSubject(ctx context.Context, name Name) (*Subject, error) {
	if b := batchOf(ctx); b != nil {
		return b.subject(ctx, name)
	}
	r.metrics.misses.Inc()
	s, err := r.store.Subject(ctx, name)
	if err != nil {
		return nil, err
	}
	r.hear(s.Head.Rev)
	return &s, nil
}

// freshSchema reads a schema from the store, and hears what it shows. That it is not there shows that somebody may have
// purged it.
func (r *Registry) freshSchema(ctx context.Context, k Key) (StoredSchema, error) {
	s, err := r.store.Schema(ctx, k)
	switch {
	case err == nil:
		r.hear(s.Rev)
	case errors.Is(err, SchemaNotFound):
		rev, err := r.store.Revision(ctx)
		if err != nil {
			return s, err
		}
		r.hear(rev)
	}
	return s, err
}

// schema reads a schema's text, from memory if it was seen before. The result is shared. Whoever asks for a revision
// that the caches do not follow yet reads through, since a purge may be among what they miss; while the store cannot
// be reached, what was seen is served, because the text of an ID never changes.
func (r *Registry) schema(ctx context.Context, k Key) (*Schema, error) {
	if k.ID < 0 {
		return batchOf(ctx).schema(k)
	}
	k = r.known(k)
	seen, ok := r.schemas.get(k)
	if ok && r.hearing.follows(ctx) {
		r.metrics.hits.Inc()
		return seen, nil
	}
	s, err := r.find(ctx, k, !ok)
	if ok && errors.Is(err, Unavailable) {
		r.metrics.hits.Inc()
		return seen, nil
	}
	if err != nil {
		return nil, err
	}
	return &s.Schema, nil
}

// known turns a GUID that was seen before into context and ID.
func (r *Registry) known(k Key) Key {
	if k.GUID != "" {
		if known, ok := r.guids.get(k.GUID); ok {
			return known
		}
	}
	return k
}

// find reads a schema from the store and keeps it; with join, as one with all who ask at the same time, unless the caller
// wants to see what the caches do not follow yet: another reading may have begun before that.
func (r *Registry) find(ctx context.Context, k Key, join bool) (*StoredSchema, error) {
	era := r.hearing.now()
	load := func(ctx context.Context) (*StoredSchema, error) {
		r.metrics.misses.Inc()
		stored, err := r.freshSchema(ctx, k)
		if err != nil {
			return nil, err
		}
		r.keep(era, &stored.Schema)
		return &stored, nil
	}
	if join && r.hearing.follows(ctx) {
		return r.loading.do(ctx, loadKey{k, era}, load)
	}
	return load(ctx)
}

// keep remembers a schema that was read in an era.
func (r *Registry) keep(era uint64, s *Schema) {
	k := Key{Context: s.Context, ID: s.ID}
	r.hearing.keepForever(era, func() {
		r.schemas.put(k, s, s.size())
		r.guids.put(s.GUID, k, overhead)
	})
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
