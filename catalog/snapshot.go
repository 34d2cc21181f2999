package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accordhq/accord/validator"
)

// A Registry is where judges in the same process get schemas and bindings from.
var _ validator.Source = (*Registry)(nil)

// judged is what a Registry holds for judges of events.
type judged struct {
	cache   *validator.Cache
	current atomic.Pointer[validator.Snapshot]

	mu      sync.Mutex
	view    *bindingView  // guarded by mu, as all below; nil until somebody asks
	swapped chan struct{} // closed and replaced with each snapshot
}

func newJudged(load func(context.Context, validator.Ref) (validator.Stored, error)) *judged {
	j := &judged{cache: validator.NewCache(load, validator.CacheConfig{}), swapped: make(chan struct{})}
	j.current.Store(validator.NewSnapshot(0, time.Time{}, nil, nil, nil, j.cache))
	return j
}

// Snapshot returns what is known now; empty, with revision 0, before the first Refresh or Watch.
func (r *Registry) Snapshot() *validator.Snapshot { return r.judged.current.Load() }

// Fetch returns a schema, compiled; it waits for the store. ErrUnknownSchema, ErrUnavailable.
func (r *Registry) Fetch(ctx context.Context, ref validator.Ref) (*validator.Entry, error) {
	return r.judged.cache.Entry(ctx, ref)
}

// Refresh reads everything that a snapshot holds. From then on Run keeps the snapshot up to date.
func (r *Registry) Refresh(ctx context.Context) error {
	r.judged.mu.Lock()
	defer r.judged.mu.Unlock()
	return r.refresh(ctx)
}

// refresh is Refresh; mu is held.
func (r *Registry) refresh(ctx context.Context) error {
	view, err := r.loadView(ctx)
	if err != nil {
		return err
	}
	r.judged.view = view
	r.judged.swap()
	return nil
}

// swap makes a snapshot of the view; mu is held.
func (j *judged) swap() {
	b := j.view.bindings(time.Now())
	j.current.Store(validator.NewSnapshot(uint64(b.Revision), b.At, b.Topics, b.Services, b.Latest, j.cache))
	j.wake()
}

// wake lets the watchers look; mu is held.
func (j *judged) wake() {
	close(j.swapped)
	j.swapped = make(chan struct{})
}

// forget drops everything; the next one who asks reads it again.
func (j *judged) forget() {
	j.cache.Clear()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.view = nil
	j.wake()
}

// Watch calls ring after each change of the snapshot, beginning with the one of now, until ctx ends. Changes arrive
// while Run listens; Watch misses none.
func (r *Registry) Watch(ctx context.Context, ring func(*validator.Snapshot)) error {
	for seen := (*validator.Snapshot)(nil); ; {
		r.judged.mu.Lock()
		var err error
		if r.judged.view == nil {
			err = r.refresh(ctx)
		}
		swapped, now := r.judged.swapped, r.judged.current.Load()
		r.judged.mu.Unlock()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: %w", validator.ErrDeaf, err)
		}
		if now != seen {
			seen = now
			ring(now)
		}
		select {
		case <-swapped:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Bindings returns what a snapshot holds, for judges in other processes.
func (r *Registry) Bindings(ctx context.Context) (Bindings, error) {
	r.judged.mu.Lock()
	defer r.judged.mu.Unlock()
	if r.judged.view == nil || !r.current(ctx) {
		if err := r.refresh(ctx); err != nil {
			return Bindings{}, err
		}
	}
	return r.judged.view.bindings(time.Now()), nil
}

// followChanges keeps the snapshot up to date. What cannot be read is read as a whole by the next one who asks.
func (r *Registry) followChanges(ctx context.Context, changes []Change) {
	for _, c := range changes {
		if c.Op == OpRegister || c.Op == OpPurge { // another place of a schema, or one less
			if guid, err := validator.ParseGUID(c.GUID); err == nil {
				r.judged.cache.Drop(validator.Ref{GUID: guid})
			}
		}
	}
	j := r.judged
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.view == nil {
		return
	}
	if err := r.follow(ctx, j.view, changes); err != nil {
		r.log.Warn("the snapshot for judges cannot be brought up to date", "err", err)
		j.view = nil
		j.wake() // the watchers load it again
		return
	}
	j.swap()
}

// loadEntry reads a schema for the cache of compiled ones.
func (r *Registry) loadEntry(ctx context.Context, ref validator.Ref) (stored validator.Stored, err error) {
	defer func() {
		for _, reason := range []Reason{SubjectNotFound, VersionNotFound, SchemaNotFound, InvalidSubject} {
			if errors.Is(err, reason) {
				err = fmt.Errorf("%w: %w", validator.ErrUnknownSchema, err)
				return
			}
		}
	}()
	k := Key{Context: ref.Context, ID: int(ref.ID)}
	switch {
	case !ref.GUID.IsZero():
		k = Key{GUID: ref.GUID.String()}
	case ref.ID == 0:
		if k, err = r.keyOf(ctx, ref); err != nil {
			return stored, err
		}
	}
	found, err := r.store.Schema(ctx, k)
	if err != nil {
		return stored, err
	}
	references, err := r.closure(ctx, &found.Schema)
	if err != nil {
		return stored, err
	}
	guid, err := validator.ParseGUID(found.GUID)
	stored = validator.Stored{
		Document: validator.Document{Text: []byte(found.Text), References: references},
		Ref:      validator.Ref{GUID: guid, Context: found.Context, ID: int32(found.ID)},
	}
	for _, v := range found.Versions {
		stored.Versions = append(stored.Versions, validator.SubjectVersion{Subject: v.Name.String(), Version: int32(v.Version)})
	}
	return stored, err
}

// keyOf finds the schema of a version, or of the latest.
func (r *Registry) keyOf(ctx context.Context, ref validator.Ref) (Key, error) {
	name, err := ParseName(ref.Subject)
	if err != nil {
		return Key{}, err
	}
	number := int(ref.Version)
	if number == 0 {
		number = Latest
	}
	s, err := r.resolve(ctx, name)
	if err != nil {
		return Key{}, err
	}
	v := s.at(number, WithDeleted)
	if v == nil {
		return Key{}, &Error{Reason: VersionNotFound, Name: name, Version: number}
	}
	return Key{Context: v.Schema.Context, ID: v.Schema.ID}, nil
}
