package proxy

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// What comes from outside is bounded by these; Limits has a field for each that a user may change.
const (
	MaxFrame         = 16 << 20  // bytes of one Kafka request; beyond it the connection is closed
	MaxResponse      = 128 << 20 // bytes of a broker's answer that has to be decoded; beyond it the connection is closed
	MaxInFlightBytes = 512 << 20 // bytes held at once over all connections, half for requests, half for what they decompress to; beyond it nobody is read from
	MaxDecompressed  = 64 << 20  // bytes of one batch without its compression
	MaxRatio         = 256       // decompressed to compressed bytes of a batch, past 4 MiB
	MaxBatchRecords  = 100_000   // records of one batch
	MaxRecordHeaders = 1_000     // headers of one record
	MaxPartitions    = 10_000    // partitions of one produce request; beyond it the connection is closed
	MaxPipelined     = 256       // unanswered requests of one connection; beyond it the connection is not read from
	MaxConnections   = 20_000    // client connections; beyond it a new one is closed
	MaxPerAddress    = 1_000     // client connections from one address; beyond it a new one is closed
	MaxNodePorts     = 1_000     // node ports bound at start
	MaxNodes         = 10_000    // nodes of a cluster that are remembered

	DialTimeout      = 5 * time.Second  // for a connection to a broker
	HandshakeTimeout = 10 * time.Second // for TLS and for the first request of a connection
	WriteTimeout     = 30 * time.Second // for one write to either side
	DrainTimeout     = 10 * time.Second // for what is in flight when Serve ends

	slowestFrame = 64 << 10 // bytes a second that a started request must arrive with, after WriteTimeout
)

// Limits are the bounds that a Config may change. A zero field is the constant of the same name.
type Limits struct {
	MaxFrame         int64
	MaxDecompressed  int64
	MaxRatio         int
	MaxBatchRecords  int
	MaxRecordHeaders int
	MaxInFlightBytes int64
	MaxConnections   int
	MaxPerAddress    int
	HandshakeTimeout time.Duration
	WriteTimeout     time.Duration
	DrainTimeout     time.Duration
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.MaxFrame, MaxFrame)
	orDefault(&l.MaxDecompressed, MaxDecompressed)
	orDefault(&l.MaxRatio, MaxRatio)
	orDefault(&l.MaxBatchRecords, MaxBatchRecords)
	orDefault(&l.MaxRecordHeaders, MaxRecordHeaders)
	orDefault(&l.MaxInFlightBytes, MaxInFlightBytes)
	orDefault(&l.MaxConnections, MaxConnections)
	orDefault(&l.MaxPerAddress, MaxPerAddress)
	orDefault(&l.HandshakeTimeout, HandshakeTimeout)
	orDefault(&l.WriteTimeout, WriteTimeout)
	orDefault(&l.DrainTimeout, DrainTimeout)
	return l
}

func orDefault[T comparable](v *T, d T) {
	if *v == *new(T) {
		*v = d
	}
}

// room is a counting lock over bytes: who finds no room waits in line. A request larger than the whole is let in
// alone, so that no limit can make a request wait for ever.
type room struct {
	size int64

	mu      sync.Mutex
	used    int64
	waiting []*ticket // first come, first served
}

type ticket struct {
	n    int64
	open chan struct{}
}

func newRoom(size int64) *room { return &room{size: size} }

// take waits until n bytes are free or ctx ends.
func (r *room) take(ctx context.Context, n int64) error {
	n = min(n, r.size)
	r.mu.Lock()
	if len(r.waiting) == 0 && r.used+n <= r.size {
		r.used += n
		r.mu.Unlock()
		return nil
	}
	t := &ticket{n: n, open: make(chan struct{})}
	r.waiting = append(r.waiting, t)
	r.mu.Unlock()
	select {
	case <-t.open:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range r.waiting {
		if w == t {
			r.waiting = append(r.waiting[:i], r.waiting[i+1:]...)
			r.admit()
			return ctx.Err()
		}
	}
	r.used -= n // it was let in at the same moment
	r.admit()
	return ctx.Err()
}

// tryTake takes n bytes if nobody has to wait for them.
func (r *room) tryTake(n int64) bool {
	n = min(n, r.size)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) > 0 || r.used+n > r.size {
		return false
	}
	r.used += n
	return true
}

// give returns n bytes that take was asked for.
func (r *room) give(n int64) {
	n = min(n, r.size)
	r.mu.Lock()
	r.used -= n
	r.admit()
	r.mu.Unlock()
}

// admit lets in who is next in line while there is room. r.mu is held.
func (r *room) admit() {
	for len(r.waiting) > 0 && r.used+r.waiting[0].n <= r.size {
		r.used += r.waiting[0].n
		close(r.waiting[0].open)
		r.waiting = r.waiting[1:]
	}
}

func (r *room) inUse() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// quietFor is how long a repeated warning is held back.
const quietFor = time.Minute

// quieter logs what the outside brings about at most once a minute for each key, so that a peer cannot fill the disk;
// between times it is logged at debug level.
type quieter struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[string]time.Time
}

func newQuieter(log *slog.Logger) *quieter {
	return &quieter{log: log, last: map[string]time.Time{}}
}

// maxQuiet is how many different messages are kept apart; past it all of them are at debug level until the oldest minute
// is over.
const maxQuiet = 1_000

func (q *quieter) warn(msg string, args ...any) { q.once(slog.LevelWarn, msg, msg, args) }

// info logs a message once a minute for each key.
func (q *quieter) info(key, msg string, args ...any) { q.once(slog.LevelInfo, key, msg, args) }

func (q *quieter) once(level slog.Level, key, msg string, args []any) {
	q.mu.Lock()
	now := time.Now()
	if last, ok := q.last[key]; ok && now.Sub(last) < quietFor {
		level = slog.LevelDebug
	} else {
		if len(q.last) >= maxQuiet {
			maps.DeleteFunc(q.last, func(_ string, last time.Time) bool { return now.Sub(last) >= quietFor })
		}
		if len(q.last) < maxQuiet {
			q.last[key] = now
		} else {
			level = slog.LevelDebug
		}
	}
	q.mu.Unlock()
	q.log.Log(context.Background(), level, msg, args...)
}
