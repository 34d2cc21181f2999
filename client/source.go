package client

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/accordhq/accord/validator"
)

// Snapshot returns the bindings as last loaded; before the first load an empty one of revision 0. See validator.Source.
func (r *Registry) Snapshot() *validator.Snapshot { return r.snapshot.Load() }

// Fetch returns a schema, from cache, lock file or registry. See validator.Source for its errors; without a registry
// what is not in the lock file is ErrUnknownSchema.
func (r *Registry) Fetch(ctx context.Context, ref validator.Ref) (*validator.Entry, error) {
	return r.cache.Entry(ctx, ref)
}

// Watch loads the bindings at once and then asks every PollEvery whether they changed, calling ring with each new
// snapshot, the first included. While the registry is away it goes on asking, ever more rarely up to 30 times PollEvery,
// and the last snapshot stands: its At says when it was last known to be true. A question asks for the state, not for changes, so none is
// missed, and ErrDeaf is returned only if there is no registry to ask. Otherwise it ends with ctx's error. One Watch for a
// Registry is enough.
func (r *Registry) Watch(ctx context.Context, ring func(*validator.Snapshot)) error {
	if r.base == nil {
		return validator.ErrDeaf
	}
	wait := PollEvery
	for {
		changed, err := r.Load(ctx)
		switch {
		case err != nil:
			wait = min(wait*2, 30*PollEvery)
		case changed:
			ring(r.Snapshot())
			wait = PollEvery
		default:
			wait = PollEvery
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

const bindingsPath = "/v1/bindings"

// bindingsAnswer is GET /v1/bindings.
type bindingsAnswer struct {
	Revision uint64            `json:"revision"`
	Services map[string]string `json:"services"`
	Topics   []struct {
		Topic     string          `json:"topic"`
		Declared  bool            `json:"declared"`
		Compacted bool            `json:"compacted"`
		Values    []promiseAnswer `json:"values"`
		Keys      []promiseAnswer `json:"keys"`
		Enforce   json.RawMessage `json:"enforce"`
	} `json:"topics"`
}

type promiseAnswer struct {
	Subject  string  `json:"subject"`
	Versions []int32 `json:"versions"`
	Latest   struct {
		Version int32          `json:"version"`
		ID      int32          `json:"id"`
		GUID    validator.GUID `json:"guid"`
	} `json:"latest"`
	State      bool     `json:"state"`
	KeyPointer string   `json:"keyPointer"`
	Senders    []string `json:"senders"`
}

// Load asks the registry for the bindings now, unless they are unchanged, and swaps the snapshot. The newest schema of
// every subject is loaded and compiled before the swap, as far as that succeeds. It says whether there is a new
// snapshot. While the registry is away a first Load takes the bindings of the cache folder, as old as they are.
// Errors: ErrUnavailable, ctx's.
func (r *Registry) Load(ctx context.Context) (changed bool, err error) {
	if r.base == nil {
		return false, ErrUnavailable
	}
	r.swap.Lock()
	defer r.swap.Unlock()
	known := ""
	if p := r.etag.Load(); p != nil {
		known = *p
	}
	var a bindingsAnswer
	etag, unchanged, err := r.ask(ctx, bindingsPath, known, &a)
	now := time.Now()
	if err != nil {
		body, then, at, ok := r.disk.recall(bindingsPath)
		if known != "" || !errors.Is(err, ErrUnavailable) || !ok || json.Unmarshal(body, &a) != nil {
			return false, err
		}
		etag, now = then, at
		ctx = fromDisk(ctx)
	}
	r.asked.Store(time.Now().UnixNano())
	if unchanged {
		still := *r.Snapshot()
		still.At = now
		r.snapshot.Store(&still)
		return false, nil
	}
	bindings := make([]validator.Binding, 0, len(a.Topics))
	latest := map[string]validator.Latest{}
	for _, t := range a.Topics {
		b := validator.Binding{Topic: t.Topic, Declared: t.Declared, Compacted: t.Compacted, Enforce: t.Enforce}
		if string(b.Enforce) == "null" {
			b.Enforce = nil
		}
		b.Values, b.Keys = promises(t.Values, latest), promises(t.Keys, latest)
		bindings = append(bindings, b)
	}
	r.warm(ctx, latest)
	r.snapshot.Store(validator.NewSnapshot(a.Revision, now, bindings, a.Services, latest, r.cache))
	r.etag.Store(&etag)
	return true, nil
}

func promises(list []promiseAnswer, latest map[string]validator.Latest) []validator.Promise {
	var out []validator.Promise
	for _, p := range list {
		out = append(out, validator.Promise{
			Subject: p.Subject, Versions: p.Versions, State: p.State, KeyPointer: p.KeyPointer, Senders: p.Senders,
		})
		if !p.Latest.GUID.IsZero() {
			latest[p.Subject] = validator.Latest{Version: p.Latest.Version, ID: p.Latest.ID, GUID: p.Latest.GUID}
		}
	}
	return out
}

// warmers is how many schemas are loaded at once before a swap.
const warmers = 4

// warm loads what the new snapshot will be asked for first. An entry at hand that does not know the place that the
// bindings now give it was registered there since it was loaded: it is loaded again.
func (r *Registry) warm(ctx context.Context, latest map[string]validator.Latest) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, warmers)
	for subject, l := range latest {
		ref := validator.Ref{GUID: l.GUID}
		if e, ok := r.cache.Peek(ref); ok {
			if e.In(subject) != 0 {
				continue
			}
			r.cache.Drop(ref)
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			_, _ = r.cache.Entry(ctx, ref) // what fails here is fetched, or fails, when a record needs it
		})
	}
	wg.Wait()
}

// binding returns what a topic promises, for records without a reference; the answer is used again for NegativeTTL.
func (r *Registry) binding(ctx context.Context, topic string) (*validator.Binding, error) {
	if r.base == nil {
		return nil, nil
	}
	if time.Since(time.Unix(0, r.asked.Load())) >= r.negative {
		if _, err := r.Load(ctx); err != nil && r.etag.Load() == nil {
			return nil, err
		}
	}
	return r.Snapshot().Binding(topic), nil
}
