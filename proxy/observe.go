package proxy

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accordhq/accord/validator"
)

// Bounds of what is kept between two reports; past them the smallest counts go to Other, so that sums stay true.
const (
	TopProducers  = 2_000 // write rows of a UsageReport
	TopAccepted   = 2_000 // accepted rows of a RejectionReport
	TopRejections = 1_000 // rejected rows of a RejectionReport
	// PresenceSample is how many accepted records of a version there are to one whose members are noted.
	PresenceSample      = 256
	MaxPresencePointers = 2_000 // presence rows of a RejectionReport
	MaxSamples          = 64    // refused events in a RejectionReport, one for each rejection
	MaxSampleBytes      = 8 << 10

	maxPresenceMembers = 10_000 // of one event that are looked at
	maxSampled         = 20_000 // versions whose records are counted for sampling
	maxClientID        = 255    // bytes of a client id or principal in a report
)

// Observation says what of the gate's observations is reported. The zero value reports everything.
type Observation struct {
	// Nothing leaves everything out: no report is made.
	Nothing bool
	// NoSamples leaves out refused events, which are redacted otherwise.
	NoSamples bool
	// HashPrincipals reports digests in place of principals' names, keyed by Config.RedactKey.
	HashPrincipals bool
	// GroupPoll is how often the cluster is asked for groups that do not read through the gate; 0 = GroupPoll, negative: never.
	GroupPoll time.Duration
}

// producer is who sent a batch.
type producer struct {
	clientID, principal string
}

// bounded is a producer as reports name it.
func (p producer) bounded() producer {
	return producer{cut(p.clientID, maxClientID), cut(p.principal, maxClientID)}
}

type seenKey struct {
	producer
	topic, subject string
	version        int32
}

type acceptedKey struct {
	topic, subject string
	version        int32
}

type rejectedKey struct {
	producer
	id, topic, subject string
	version            int32
	address, keyword   string
	reason             Reason
}

// presentIn is a version of a subject.
type presentIn struct {
	subject string
	version int32
}

type seenCount struct {
	records, bytes int64
	first, last    time.Time
	committed      int64
}

type rejectedCount struct {
	records, collateral int64
	first, last         time.Time
}

// An observer counts what goes through the gate until a report takes the counts away. Producing never waits for a report.
type observer struct {
	Observation
	instance string
	key      []byte
	soon     chan struct{} // a rejection that the catalog does not know yet

	sampling sync.Map // presentIn to *atomic.Int64: accepted records, to sample by
	sampled  atomic.Int64

	mu           sync.Mutex
	from         time.Time
	seen         *topK[seenKey, seenCount]
	read         *topK[readKey, seenCount]
	positions    map[position]int64 // last commits; outlive the periods
	grouped      map[clientTopic]struct{}
	alone        map[readKey]seenCount // reads that no group is known of yet
	accepted     *topK[acceptedKey, int64]
	rejected     *topK[rejectedKey, rejectedCount]
	presence     map[presentIn]map[string]int64 // "" counts the sampled events
	pointers     int                            // rows of presence
	samples      map[string]json.RawMessage     // by rejection; nil: on its way
	seenOther    int64
	judgedOther  int64
	told         map[string]struct{} // rejection ids that were reported, at most TopRejections
	usageSeq     int64
	rejectionSeq int64
}

func newObserver(what Observation, key []byte) *observer {
	o := &observer{
		Observation: what, instance: rand.Text(), key: key, soon: make(chan struct{}, 1), told: map[string]struct{}{}, positions: map[position]int64{},
		grouped: map[clientTopic]struct{}{}, alone: map[readKey]seenCount{},
	}
	o.clear(time.Now())
	return o
}

// clear starts the next period. o.mu is held, or nobody else knows o.
func (o *observer) clear(now time.Time) {
	o.from = now
	o.seen, o.read = newTopK[seenKey, seenCount](TopProducers), newTopK[readKey, seenCount](TopReaders)
	o.accepted, o.rejected = newTopK[acceptedKey, int64](TopAccepted), newTopK[rejectedKey, rejectedCount](TopRejections)
	o.presence, o.pointers, o.samples = map[presentIn]map[string]int64{}, 0, map[string]json.RawMessage{}
	o.seenOther, o.judgedOther = 0, 0
}

// unjudged counts records that nobody looked at.
func (o *observer) unjudged(who producer, topic string, records, bytes int64) {
	if o.Nothing {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.see(seenKey{producer: who.bounded(), topic: topic}, records, bytes, time.Now())
}

// see adds to a row of usage. o.mu is held.
func (o *observer) see(k seenKey, records, bytes int64, now time.Time) {
	c, fresh, gone := o.seen.add(k, records)
	if gone != nil {
		o.seenOther += gone.records
	}
	if fresh {
		c.first = now
	}
	c.records += records
	c.bytes += bytes
	c.last = now
}

// accept counts a batch that went on.
func (o *observer) accept(who producer, topic string, good []goodCount) {
	if o.Nothing {
		return
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, g := range good {
		o.see(seenKey{who.bounded(), topic, g.subject, g.version}, g.records, g.bytes, now)
		if g.subject == "" {
			continue
		}
		n, _, gone := o.accepted.add(acceptedKey{topic, g.subject, g.version}, g.records)
		if gone != nil {
			o.judgedOther += *gone
		}
		*n += g.records
	}
}

// reject counts a batch that was refused: its bad records each under its own reason, the good ones beside the first. The
// records' bytes must be there still.
func (o *observer) reject(who producer, topic string, bad []badRecord, collateral int64, redactKey []byte) {
	if o.Nothing {
		return
	}
	now := time.Now()
	fresh := false
	var samples []*badRecord
	o.mu.Lock()
	for i := range bad {
		b := &bad[i]
		k := rejectedKey{who.bounded(), b.id(topic), topic, b.subject, b.version, b.address(), b.keyword(), b.reason}
		c, begins, gone := o.rejected.add(k, 1)
		if gone != nil {
			o.judgedOther += gone.records
		}
		if begins {
			c.first = now
			if _, ok := o.told[k.id]; !ok {
				fresh = true
			}
		}
		c.records++
		c.last = now
		c.collateral, collateral = c.collateral+collateral, 0
		if _, has := o.samples[k.id]; !has && !o.NoSamples && b.schema != nil && len(o.samples) < MaxSamples {
			o.samples[k.id] = nil
			samples = append(samples, b)
		}
	}
	o.mu.Unlock()
	for _, b := range samples {
		event := b.schema.Redact(nil, b.payload, redactKey)
		if len(event) > MaxSampleBytes {
			event = nil
		}
		o.mu.Lock()
		o.samples[b.id(topic)] = event
		o.mu.Unlock()
	}
	if fresh {
		select {
		case o.soon <- struct{}{}:
		default:
		}
	}
}

// counter counts the accepted records of a version, to sample by; nil: they are not sampled.
func (o *observer) counter(in presentIn) *atomic.Int64 {
	if o.Nothing {
		return nil
	}
	if c, ok := o.sampling.Load(in); ok {
		return c.(*atomic.Int64)
	}
	if o.sampled.Add(1) > maxSampled {
		return nil
	}
	c, _ := o.sampling.LoadOrStore(in, new(atomic.Int64))
	return c.(*atomic.Int64)
}

// sample has one accepted record in PresenceSample of a version noted.
func (o *observer) sample(g *goodCount, v *verdict) {
	if v.schema == nil || v.subject == "" {
		return
	}
	if g.counter == nil {
		if g.records > 1 {
			return // asked for with the first, and not sampled
		}
		if g.counter = o.counter(presentIn{v.subject, v.version}); g.counter == nil {
			return
		}
	}
	if g.counter.Add(1)%PresenceSample == 1 {
		o.present(presentIn{v.subject, v.version}, v.schema, v.payload)
	}
}

// present notes which members an accepted record has.
func (o *observer) present(in presentIn, schema *validator.Schema, payload []byte) {
	addresses := append(schema.Present(payload, maxPresenceMembers), "")
	o.mu.Lock()
	defer o.mu.Unlock()
	rows := o.presence[in]
	if rows == nil {
		if o.pointers+len(addresses) > MaxPresencePointers {
			return // a version is counted whole or not at all
		}
		rows = map[string]int64{}
		o.presence[in] = rows
	}
	for _, address := range addresses {
		if _, ok := rows[address]; !ok {
			if o.pointers >= MaxPresencePointers {
				continue
			}
			o.pointers++
		}
		rows[address]++
	}
}

// splitSubject splits a qualified subject, ":.context:name", into context and name.
func splitSubject(s string) (space, subject string) {
	if rest, ok := strings.CutPrefix(s, ":"); ok {
		if space, subject, ok = strings.Cut(rest, ":"); ok {
			return space, subject
		}
	}
	return "", s
}

// unjudged counts a batch that nobody looks at.
func (s *Server) unjudged(who producer, topic string, records int, bytes int64) {
	s.observer.unjudged(who, topic, int64(records), bytes)
	s.metrics.records(topic, "unjudged", "", records)
}

// unobserved counts a batch that could not be judged after it went on.
func (s *Server) unobserved(topic string, who producer, records int, bytes int64) {
	s.observer.unjudged(who, topic, int64(records), bytes)
	s.metrics.records(topic, "unobserved", "", records)
}

// faulty counts and logs a batch that could not be judged.
func (s *Server) faulty(topic string, who producer, err error, records int) {
	s.metrics.records(topic, "rejected", Malformed, records)
	s.metrics.batchesRejected.Inc()
	s.quiet.warn("batch rejected", "topic", topic, "client_id", who.clientID, "principal", who.principal, "err", err)
}

// A fate is what a topic's policy made of a batch's bad records; metrics and logs use these words.
type fate string

const (
	wasAccepted fate = "accepted" // there were none
	wasObserved fate = "observed"
	wasMarked   fate = "marked"
	wasRejected fate = "rejected"
	wasDiverted fate = "diverted"
)

// judged counts, logs and reports what judging a batch brought, while the batch is there still. Only a rejection takes the good records along.
func (s *Server) judged(who producer, topic string, t *tally, records int, fate fate) {
	good, collateral := records-len(t.bad), 0
	if fate == wasRejected {
		good, collateral = 0, good
		s.metrics.records(topic, "collateral", "", collateral)
		s.metrics.collateral.Add(float64(collateral))
		s.metrics.batchesRejected.Inc()
	} else {
		s.observer.accept(who, topic, t.good)
		s.metrics.records(topic, string(wasAccepted), "", good)
	}
	if len(t.bad) == 0 {
		return
	}
	byReason := map[Reason]int{}
	for i := range t.bad {
		byReason[t.bad[i].reason]++
	}
	for reason, n := range maps.All(byReason) {
		s.metrics.records(topic, string(fate), reason, n)
	}
	s.observer.reject(who, topic, t.bad, int64(collateral), s.cfg.RedactKey)
	first := &t.bad[0]
	s.quiet.info(topic+" "+first.id(topic), "event "+string(fate), "topic", topic, "rejection", first.id(topic), "reason", string(first.reason),
		"why", first.logged(), "record", first.index, string(fate), len(t.bad), "of", records, "client_id", who.clientID, "principal", who.principal)
}
