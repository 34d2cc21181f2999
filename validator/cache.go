package validator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Cache; CacheConfig may set the first three otherwise.
const (
	CacheBytes       = 256 << 20       // compiled schemas kept; over it the least recently used go
	LoadDeadline     = 5 * time.Second // one load, with compiling; over it: ErrUnavailable
	NegativeTTL      = 2 * time.Second // how long "there is no such schema" is believed
	MaxNegative      = 4096            // answers of that kind kept
	cacheShards      = 64
	cacheEvictsUntil = 7 // eighths of the bytes allowed: evicting a bit more than needed keeps evictions rare
)

// Stored is what a registry holds of one schema: the document to compile and every name that it goes by.
type Stored struct {
	Document
	Ref      Ref              // GUID must be set
	Versions []SubjectVersion // all places where it is registered, not permanently deleted
}

// CacheConfig sets the bounds of a Cache. The zero value of each field means the constant of that name.
type CacheConfig struct {
	Bytes        int           // CacheBytes
	LoadDeadline time.Duration // LoadDeadline
	NegativeTTL  time.Duration // NegativeTTL
	Limits       Limits        // for Compile
}

// A Cache holds compiled schemas by GUID and, beside it, which GUID a (context, ID) and a (subject, version) mean.
// All three never change in a registry, so entries leave only by size, the least recently used first, or by Drop. What
// the latest version of a subject is, is never kept: that belongs to the Snapshot.
//
// Safe for concurrent use. A hit takes no lock, allocates nothing and does not wait for any miss.
type Cache struct {
	load    func(context.Context, Ref) (Stored, error)
	config  CacheConfig
	metrics *cacheMetrics

	byGUID cowMap[GUID, *cached]
	byName cowMap[Ref, *cached] // keys hold either Context and ID, or Subject and Version
	now    atomic.Uint64        // counts misses; what a hit notes as the time of its use
	bytes  atomic.Int64

	mu       sync.Mutex // guards what follows, and every change of the maps; never held while loading
	flights  map[Ref]*flight
	negative map[Ref]time.Time // until when a schema is believed not to exist
}

// cached is one entry with what evicting needs.
type cached struct {
	entry *Entry
	size  int64
	names []Ref // its keys in byName; guarded by Cache.mu
	used  atomic.Uint64
}

// flight is one load that any number of callers wait for.
type flight struct {
	done  chan struct{} // closed when the two below are set
	entry *Entry
	err   error
}

// NewCache makes an empty cache. load asks the store or registry for one schema; the Ref never means "latest without
// a subject", but may mean the latest of a subject, which is loaded again each time. It is called at most once at a time
// for equal Refs, in a goroutine of its own, with a context that ends after LoadDeadline and bears the values of the
// first caller's. It returns ErrUnknownSchema (wrapped or not) if the answer is "there is none"; every other error counts
// as ErrUnavailable and is not remembered.
func NewCache(load func(context.Context, Ref) (Stored, error), c CacheConfig) *Cache {
	if c.Bytes == 0 {
		c.Bytes = CacheBytes
	}
	if c.LoadDeadline == 0 {
		c.LoadDeadline = LoadDeadline
	}
	if c.NegativeTTL == 0 {
		c.NegativeTTL = NegativeTTL
	}
	return &Cache{load: load, config: c, metrics: newCacheMetrics(), flights: map[Ref]*flight{}, negative: map[Ref]time.Time{}}
}

// Peek returns an entry that is already here. It never waits or loads; the latest of a subject is never here.
func (c *Cache) Peek(r Ref) (*Entry, bool) {
	var hit *cached
	if key := cacheKey(r); !key.GUID.IsZero() {
		hit, _ = c.byGUID.get(key.GUID, shardOfGUID(key.GUID))
	} else {
		hit, _ = c.byName.get(key, shardOfName(key))
	}
	if hit == nil {
		return nil, false
	}
	if now := c.now.Load(); hit.used.Load() != now {
		hit.used.Store(now)
	}
	return hit.entry, true
}

// Entry returns an entry, loading and compiling it if it is not here. Whoever asks for the same schema meanwhile
// waits for the same load; ctx ends this caller's wait, not the load. A schema that does not compile is no error: its
// Entry is Broken.
//
// Errors: ErrUnknownSchema, which is believed for NegativeTTL; ErrUnavailable, which is not; both wrapped with the Ref;
// and ctx's own error.
func (c *Cache) Entry(ctx context.Context, r Ref) (*Entry, error) {
	if e, ok := c.Peek(r); ok {
		return e, nil
	}
	key := cacheKey(r)
	if key.IsZero() {
		return nil, fmt.Errorf("%s: %w", r, ErrUnknownSchema)
	}
	c.mu.Lock()
	if until, ok := c.negative[key]; ok && time.Now().Before(until) {
		c.mu.Unlock()
		return nil, fmt.Errorf("%s: %w", key, ErrUnknownSchema)
	}
	f := c.flights[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flights[key] = f
		go c.fly(context.WithoutCancel(ctx), key, f)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.entry, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for %s: %w", key, ctx.Err())
	}
}

// Drop forgets a schema under all its names, and that it does not exist. For permanent deletions, for a new
// registration of a known schema elsewhere, and for a registry that was restored from a backup. A load under way is not
// stopped and may bring the entry back.
func (c *Cache) Drop(r Ref) {
	key := cacheKey(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.negative, key)
	hit, ok := c.byName.get(key, shardOfName(key))
	if !key.GUID.IsZero() {
		hit, ok = c.byGUID.get(key.GUID, shardOfGUID(key.GUID))
	}
	if ok {
		c.remove(hit)
	}
}

// Clear drops everything.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.negative)
	for _, hit := range c.byGUID.all() {
		c.remove(hit)
	}
}

// Size returns how many entries are held and the bytes that they are counted with.
func (c *Cache) Size() (entries int, bytes int64) {
	return c.byGUID.len(), c.bytes.Load()
}

// fly loads, compiles and keeps one schema, and tells all who wait.
func (c *Cache) fly(ctx context.Context, key Ref, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, c.config.LoadDeadline)
	defer cancel()
	stored, err := c.load(ctx, key)
	switch {
	case errors.Is(err, ErrUnknownSchema), errors.Is(err, ErrUnavailable):
		err = fmt.Errorf("%s: %w", key, err)
	case err != nil:
		err = fmt.Errorf("%s: %w: %w", key, ErrUnavailable, err)
	case stored.Ref.GUID.IsZero():
		err = fmt.Errorf("%s: %w: answer without a GUID", key, ErrUnavailable)
	}
	result := "unavailable"
	switch {
	case errors.Is(err, ErrUnknownSchema):
		result = "unknown"
	case err == nil:
		result = "compiled"
		if f.entry = c.compile(key, stored); f.entry.Broken != nil {
			result = "broken"
		}
	}
	c.metrics.loads.WithLabelValues(result).Inc()
	c.mu.Lock()
	if err == nil {
		f.entry = c.keep(key, f.entry)
	} else if errors.Is(err, ErrUnknownSchema) {
		c.keepNegative(key)
	}
	delete(c.flights, key)
	c.mu.Unlock()
	f.err = err
	close(f.done)
}

// compile makes the entry of what was loaded. The place that was asked for is one of its places, whatever load says.
func (c *Cache) compile(asked Ref, s Stored) *Entry {
	e := &Entry{Ref: s.Ref, Versions: s.Versions}
	place := SubjectVersion{Subject: asked.Subject, Version: asked.Version}
	if place.Version != 0 && !slices.Contains(e.Versions, place) {
		e.Versions = append(slices.Clone(e.Versions), place)
	}
	e.Subject, e.Version = "", 0
	if len(e.Versions) == 1 {
		e.Subject, e.Version = e.Versions[0].Subject, e.Versions[0].Version
	}
	begin := time.Now()
	e.Schema, e.Broken = Compile(s.Document, c.config.Limits)
	c.metrics.compile.Observe(time.Since(begin).Seconds())
	if e.Broken != nil {
		e.Schema = nil
	} else {
		e.Schema.metrics = c.metrics
	}
	return e
}

// keep stores an entry under its GUID and under every name that is known for it, and evicts what no longer fits.
// An entry that is already here stays, so that all callers share one. c.mu is held.
func (c *Cache) keep(asked Ref, e *Entry) *Entry {
	hit, ok := c.byGUID.get(e.GUID, shardOfGUID(e.GUID))
	if !ok {
		hit = &cached{entry: e, size: entrySize(e)}
		c.byGUID.set(e.GUID, shardOfGUID(e.GUID), hit)
		c.bytes.Add(hit.size)
	}
	hit.used.Store(c.now.Add(1))
	names := []Ref{asked, {Context: e.Context, ID: e.ID}} // the ID asked for may be a second one of the same text
	for _, v := range e.Versions {
		names = append(names, Ref{Subject: v.Subject, Version: v.Version})
	}
	for _, name := range names {
		if !name.GUID.IsZero() || name.ID == 0 && name.Version == 0 {
			continue // has its own map, or may mean another schema tomorrow
		}
		if _, known := c.byName.get(name, shardOfName(name)); !known {
			c.byName.set(name, shardOfName(name), hit)
			hit.names = append(hit.names, name)
		}
	}
	c.evict(hit)
	return hit.entry
}

// evict removes the least recently used entries, but never newest, while the cache is too big. c.mu is held.
func (c *Cache) evict(newest *cached) {
	limit := int64(c.config.Bytes)
	if c.bytes.Load() <= limit {
		return
	}
	var all []*cached
	for _, hit := range c.byGUID.all() {
		if hit != newest {
			all = append(all, hit)
		}
	}
	slices.SortFunc(all, func(a, b *cached) int { return cmp.Compare(a.used.Load(), b.used.Load()) })
	for _, hit := range all {
		if c.bytes.Load() <= limit/8*cacheEvictsUntil {
			return
		}
		c.remove(hit)
	}
}

// remove takes an entry out of both maps. c.mu is held.
func (c *Cache) remove(hit *cached) {
	c.byGUID.delete(hit.entry.GUID, shardOfGUID(hit.entry.GUID))
	for _, name := range hit.names {
		c.byName.delete(name, shardOfName(name))
	}
	c.bytes.Add(-hit.size)
}

// keepNegative remembers that there is no such schema. When too much of that is remembered, what is out of date goes,
// and if that is not enough, all of it. c.mu is held.
func (c *Cache) keepNegative(key Ref) {
	now := time.Now()
	if len(c.negative) >= MaxNegative {
		maps.DeleteFunc(c.negative, func(_ Ref, until time.Time) bool { return !now.Before(until) })
	}
	if len(c.negative) >= MaxNegative {
		clear(c.negative)
	}
	c.negative[key] = now.Add(c.config.NegativeTTL)
}

// entrySize is what an entry is counted with: the compiled schema, its names, and the maps' own share.
func entrySize(e *Entry) int64 {
	size := int64(512)
	if e.Schema != nil {
		size += int64(e.Schema.Size())
	}
	for _, v := range e.Versions {
		size += 128 + int64(len(v.Subject))
	}
	return size
}

// cacheKey reduces a Ref to the one way that counts.
func cacheKey(r Ref) Ref {
	switch {
	case !r.GUID.IsZero():
		return Ref{GUID: r.GUID}
	case r.ID != 0:
		return Ref{Context: r.Context, ID: r.ID}
	}
	return Ref{Subject: r.Subject, Version: r.Version}
}

func shardOfGUID(g GUID) int { return int(g[15]) % cacheShards }

func shardOfName(r Ref) int {
	return int((maphash.String(shardSeed, r.Subject) + uint64(uint32(r.ID^r.Version))) % cacheShards)
}

var shardSeed = maphash.MakeSeed()

// cowMap is a map that is read without a lock: each shard is an immutable map behind a pointer, copied on writing.
// Writers must keep each other out. The zero value is empty.
type cowMap[K comparable, V any] struct {
	shards [cacheShards]atomic.Pointer[map[K]V]
}

func (m *cowMap[K, V]) get(key K, shard int) (V, bool) {
	if p := m.shards[shard].Load(); p != nil {
		v, ok := (*p)[key]
		return v, ok
	}
	var none V
	return none, false
}

func (m *cowMap[K, V]) set(key K, shard int, value V) {
	m.change(shard, func(next map[K]V) { next[key] = value })
}

func (m *cowMap[K, V]) delete(key K, shard int) {
	m.change(shard, func(next map[K]V) { delete(next, key) })
}

func (m *cowMap[K, V]) change(shard int, do func(map[K]V)) {
	next := map[K]V{}
	if p := m.shards[shard].Load(); p != nil {
		maps.Copy(next, *p)
	}
	do(next)
	m.shards[shard].Store(&next)
}

// all yields every pair; a change meanwhile may or may not be seen.
func (m *cowMap[K, V]) all() func(yield func(K, V) bool) {
	return func(yield func(K, V) bool) {
		for i := range m.shards {
			p := m.shards[i].Load()
			if p == nil {
				continue
			}
			for k, v := range *p {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

func (m *cowMap[K, V]) len() int {
	n := 0
	for range m.all() {
		n++
	}
	return n
}
