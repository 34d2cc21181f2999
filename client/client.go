// Package client is the one door for other Go programs: registry access, encoder and decoder.
//
//	           record ──► find reference ──► writer's schema ──► plan: lenses up or down ──► validate ──► *T
//	Decoder                    │                    │                     │
//	                           └──── Registry: cache ─ schemas.lock ─ HTTP ─ cache folder (in this order)
//	Encoder    *T ──► validate ──► frame and CloudEvents attributes ──► record
//
// A Decoder reads every version of an event as the one version that its program was built for, older ones through lenses
// up, newer ones through lenses down. Once a schema was seen it is never asked for again, and with a lock file
// (schemas.lock) it is not asked for at all: a consumer starts and works while the registry is away.
//
// Words: subject, version, schema ID, GUID and lens as everywhere in accord; the reader version is the one that a
// program is built for, the writer version the one that an event was written with. The package knows no Kafka client:
// a Record is ten lines away from anyone's.
package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accordhq/accord/validator"
)

// Limits and times of the package.
const (
	MaxEncodedBytes = 256 << 10        // an encoded value; Encode refuses more
	MaxAnswerBytes  = 8 << 20          // an answer of the registry
	MaxLockBytes    = 64 << 20         // a lock file
	MaxAny          = 16               // versions tried for a reference without a version, newest first
	NegativeTTL     = 30 * time.Second // how long "there is no such schema" is believed
	PlanRefresh     = 5 * time.Minute  // after this, lenses in use are asked for again, beside the work
	PollEvery       = time.Second      // Watch: between two questions for new bindings
	UnknownGrace    = 2 * time.Minute  // how long a reference may stay unknown before its record is poison
	RequestTimeout  = 10 * time.Second // one HTTP exchange
)

// A Registry is what a program knows of its registry: a cache over a lock file over HTTP. It is a validator.Source.
// Safe for concurrent use. Make it with Open, end it with Close.
type Registry struct {
	base     *url.URL // nil: no registry, the lock alone
	http     *http.Client
	token    func() string // nil: none
	lock     *lockIndex    // nil: no lock
	disk     *disk         // nil: no cache folder
	frozen   bool
	negative time.Duration

	cache    *validator.Cache
	snapshot atomic.Pointer[validator.Snapshot]
	etag     atomic.Pointer[string] // of the bindings in snapshot
	swap     sync.Mutex             // held while a snapshot is fetched and swapped
	asked    atomic.Int64           // when the bindings were last asked for, in Unix nanoseconds

	lenses     sync.Map      // SubjectVersion (of the newer version) to *lensSlot
	generation atomic.Uint64 // counts lenses that changed; a plan of an older generation is made anew
	refreshed  atomic.Int64  // when lenses were last asked for again, in Unix nanoseconds

	mu       sync.Mutex // guards what follows
	versions map[string]versionList
	texts    map[validator.SubjectVersion]answer // of references, which never change; at most maxReferenceTexts
	closed   bool
	usage    usage
	pins     []pin
	pinned   chan struct{}      // rings for new pins; nil: nobody listens yet
	stop     context.CancelFunc // of background
	work     context.Context    // ends with Close
	working  sync.WaitGroup     // background refreshes
}

var _ validator.Source = (*Registry)(nil)

// An Option changes how Open sets up a Registry.
type Option func(*Registry) error

// WithLock gives the content of a lock file: what is in it needs no registry. Open fails if it is not a lock file or
// an entry does not match its SHA-256. The bytes are not kept.
func WithLock(lock []byte) Option {
	return func(r *Registry) error {
		l, err := ParseLock(lock)
		if err != nil {
			return err
		}
		r.lock, err = indexLock(l)
		return err
	}
}

// Frozen keeps to the lenses of the lock file, also when the registry has newer revisions of them.
func Frozen() Option {
	return func(r *Registry) error { r.frozen = true; return nil }
}

// WithToken sends an access token with every request.
func WithToken(token string) Option {
	return WithTokenFrom(func() string { return token })
}

// WithTokenFrom sends the access token that a function returns with every request, none where it returns "": a token
// may change while the program runs. The function must be safe for concurrent use and must not wait.
func WithTokenFrom(token func() string) Option {
	return func(r *Registry) error { r.token = token; return nil }
}

// WithHTTP sets the HTTP client; without it a plain one is used, with RequestTimeout.
func WithHTTP(c *http.Client) Option {
	return func(r *Registry) error { r.http = c; return nil }
}

// WithNegativeTTL sets how long "there is no such schema" is believed; without it NegativeTTL.
func WithNegativeTTL(d time.Duration) Option {
	return func(r *Registry) error { r.negative = d; return nil }
}

// Open prepares access to the registry at base, such as "http://127.0.0.1:8081"; a path before the routes and user
// information are allowed. An empty base means: the lock file alone. Open asks nothing of the registry, so it works
// while that is away.
//
// Errors: a base that is no http or https URL, a faulty lock file, neither base nor lock.
func Open(base string, options ...Option) (*Registry, error) {
	r := &Registry{negative: NegativeTTL, versions: map[string]versionList{}, texts: map[validator.SubjectVersion]answer{}}
	r.work, r.stop = context.WithCancel(context.Background())
	r.refreshed.Store(time.Now().UnixNano())
	for _, option := range options {
		if err := option(r); err != nil {
			return nil, err
		}
	}
	if base != "" {
		u, err := url.Parse(strings.TrimRight(base, "/"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("registry %q: not an http or https URL", base)
		}
		r.base = u
		if r.disk != nil {
			r.disk.base = r.plainBase()
		}
	} else if r.lock == nil {
		return nil, errors.New("open registry: neither a URL nor a lock file")
	}
	if r.http == nil {
		r.http = &http.Client{Timeout: RequestTimeout}
	}
	r.cache = validator.NewCache(r.load, validator.CacheConfig{NegativeTTL: r.negative})
	r.snapshot.Store(validator.NewSnapshot(0, time.Time{}, nil, nil, nil, r.cache))
	return r, nil
}

// Close stops background work and waits for it. Decoders and Encoders go on with what they know. It may be called
// more than once.
func (r *Registry) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.working.Wait()
	return nil
}

// background runs work beside the callers, unless the Registry is closed.
func (r *Registry) background(work func(ctx context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.working.Go(func() { work(r.work) })
	}
}
