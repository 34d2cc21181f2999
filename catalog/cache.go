package catalog

import (
	"container/list"
	"context"
	"sync"
)

// Bounds of what a Registry keeps in memory, in bytes where they do not say otherwise.
const (
	// AnswerCacheBytes is for everything that was read: half of it for finished answers, of which a quarter are pages of
	// subjects, a quarter for schemas and their GUIDs, an eighth each for subjects and for lists.
	AnswerCacheBytes = 256 << 20
	MaxCompiledBytes = 64 << 20 // for schemas compiled for judging, as the validator counts
	MaxCachedTokens  = 10_000   // tokens, counted
)

// overhead is about what one entry of a cache takes beside its value.
const overhead = 256

// lru keeps the most recently used values within a budget; a value that is larger than all of it is not kept. Safe for
// concurrent use.
type lru[K comparable, V any] struct {
	mu     sync.Mutex
	budget int // guarded by mu, as all below
	used   int
	order  list.List // of *lruEntry, most recent first
	at     map[K]*list.Element
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
	cost  int
}

func newLRU[K comparable, V any](budget int) *lru[K, V] {
	return &lru[K, V]{budget: budget, at: map[K]*list.Element{}}
}

func (c *lru[K, V]) get(k K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.at[k]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).value, true
}

func (c *lru[K, V]) put(k K, v V, cost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(k)
	if cost > c.budget {
		return
	}
	c.at[k] = c.order.PushFront(&lruEntry[K, V]{k, v, cost})
	c.used += cost
	for c.used > c.budget {
		c.remove(c.order.Back().Value.(*lruEntry[K, V]).key)
	}
}

// remove forgets a key; mu is held.
func (c *lru[K, V]) remove(k K) {
	if e, ok := c.at[k]; ok {
		c.used -= c.order.Remove(e).(*lruEntry[K, V]).cost
		delete(c.at, k)
	}
}

func (c *lru[K, V]) drop(k K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(k)
}

// clear forgets everything.
func (c *lru[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order.Init()
	clear(c.at)
	c.used = 0
}

// dropIf forgets every entry that a function names.
func (c *lru[K, V]) dropIf(gone func(K, V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.at {
		if gone(k, e.Value.(*lruEntry[K, V]).value) {
			c.remove(k)
		}
	}
}

// flight lets one caller load a key while the others wait for its answer.
type flight[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V] // guarded by mu
}

type call[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// do runs load, once for all who ask for the key at the same time. A caller's ctx ends its own wait; the load goes on
// under the ctx of whoever began it, and when that ends early the next one loads again. Who came while a load was under
// way that fails loads once more: what it did not find may have come before the asking, and after the load began.
func (f *flight[K, V]) do(ctx context.Context, k K, load func(context.Context) (V, error)) (V, error) {
	for again := false; ; again = true {
		f.mu.Lock()
		if f.calls == nil {
			f.calls = map[K]*call[V]{}
		}
		c, loading := f.calls[k]
		if !loading {
			c = &call[V]{done: make(chan struct{})}
			f.calls[k] = c
			f.mu.Unlock()
			c.value, c.err = load(ctx)
			f.mu.Lock()
			delete(f.calls, k)
			f.mu.Unlock()
			close(c.done)
			return c.value, c.err
		}
		f.mu.Unlock()
		select {
		case <-c.done:
			if c.err != nil && ctx.Err() == nil && (!again || isEnded(c.err)) {
				continue
			}
			return c.value, c.err
		case <-ctx.Done():
			var zero V
			return zero, context.Cause(ctx)
		}
	}
}
