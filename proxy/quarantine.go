package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Beside a topic stands its quarantine: the records that were refused there, as they came, with the reason in headers.
const (
	// QuarantineSuffix makes the name of a topic's quarantine.
	QuarantineSuffix = ".quarantine"
	// MaxQuarantineRate is how many records a second go into the quarantine of one topic.
	MaxQuarantineRate = 1_000
	// QuarantineQueue is how many bytes of copies nobody waits for: under Reject the producer was told already.
	QuarantineQueue = 64 << 20
	// MaxQuarantineHashes is how many records are remembered, for QuarantineMemory, so that a producer that sends again what
	// was refused fills nothing.
	MaxQuarantineHashes = 100_000
	QuarantineMemory    = 10 * time.Minute

	quarantinePartitions = 3
	quarantineRetention  = 14 * 24 * time.Hour
	quarantineCreate     = 5 * time.Second // for making the topic
	quarantineAgain      = time.Minute     // after a failure to make it
)

var (
	errQuarantineRate = fmt.Errorf("quarantine takes at most %d records a second", MaxQuarantineRate)
	errNotServing     = errors.New("the gate is not serving")
)

// contentHash identifies a record to the quarantine.
type contentHash [sha256.Size]byte

// quarantine knows what was written where. Its zero value is ready but for queue.
type quarantine struct {
	queue   *room
	pending sync.WaitGroup // copies that nobody waits for

	mu      sync.Mutex
	topics  map[string]*quarantineTopic
	written map[contentHash]time.Time
}

// quarantineTopic is what is known of one quarantine.
type quarantineTopic struct {
	making sync.Mutex // one asks, the others wait

	// the rest under quarantine.mu
	ready  bool
	tried  time.Time
	fault  error
	tokens float64 // of MaxQuarantineRate
	filled time.Time
}

// topic returns what is known of a topic's quarantine.
func (q *quarantine) topic(name string) *quarantineTopic {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.topics[name]
	if t == nil {
		t = &quarantineTopic{tokens: MaxQuarantineRate, filled: time.Now()}
		if q.topics == nil {
			q.topics = map[string]*quarantineTopic{}
		}
		if len(q.topics) < maxPlans {
			q.topics[name] = t
		}
	}
	return t
}

// admit takes n records off the rate of a topic.
func (q *quarantine) admit(t *quarantineTopic, n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	t.tokens = min(MaxQuarantineRate, t.tokens+now.Sub(t.filled).Seconds()*MaxQuarantineRate)
	t.filled = now
	// A batch larger than a second's worth is let in when a whole second is free, and paid for afterwards.
	if t.tokens < min(float64(n), MaxQuarantineRate) {
		return errQuarantineRate
	}
	t.tokens -= float64(n)
	return nil
}

// known says whether a record is in quarantine already.
func (q *quarantine) known(h contentHash) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, ok := q.written[h]
	return ok && time.Since(at) < QuarantineMemory
}

// remember notes that a record is in quarantine.
func (q *quarantine) remember(h contentHash) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.written == nil {
		q.written = map[contentHash]time.Time{}
	}
	if len(q.written) >= MaxQuarantineHashes {
		maps.DeleteFunc(q.written, func(_ contentHash, at time.Time) bool { return now.Sub(at) >= QuarantineMemory })
	}
	if len(q.written) < MaxQuarantineHashes {
		q.written[h] = now
	}
}

// faults lists the quarantines that could not be made or written, sorted.
func (q *quarantine) faults() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var faults []string
	for name, t := range q.topics {
		if t.fault != nil {
			faults = append(faults, fmt.Sprintf("topic %s: %s", name+QuarantineSuffix, t.fault))
		}
	}
	slices.Sort(faults)
	return faults
}

// settle notes how the last attempt on a topic's quarantine ended.
func (q *quarantine) settle(t *quarantineTopic, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.fault = err
	if err == nil {
		t.ready = true
	}
}

// make creates the quarantine of a topic unless it is there. A failure is noted and not returned: the topic may be there all
// the same, without a right to ask for it; writing will tell.
func (q *quarantine) make(ctx context.Context, own *kgo.Client, topic string) {
	t := q.topic(topic)
	t.making.Lock()
	defer t.making.Unlock()
	q.mu.Lock()
	done := t.ready || time.Since(t.tried) < quarantineAgain
	t.tried = time.Now()
	q.mu.Unlock()
	if done {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, quarantineCreate)
	defer cancel()
	retention := strconv.FormatInt(quarantineRetention.Milliseconds(), 10)
	answer, err := kadm.NewClient(own).CreateTopic(ctx, quarantinePartitions, -1, map[string]*string{"retention.ms": &retention}, topic+QuarantineSuffix)
	if err == nil {
		err = answer.Err
	}
	switch {
	case err == nil: // made is not yet known to all brokers
		err = awaitTopic(ctx, own, topic+QuarantineSuffix)
	case errors.Is(err, kerr.TopicAlreadyExists):
		err = nil
	default:
		err = fmt.Errorf("not created: %w", err)
	}
	q.settle(t, err)
}

// awaitTopic waits until brokers lead a new topic.
func awaitTopic(ctx context.Context, own *kgo.Client, topic string) error {
	for {
		offsets, err := kadm.NewClient(own).ListEndOffsets(ctx, topic)
		if err == nil && offsets.Error() == nil {
			return nil
		}
		select {
		case <-time.After(ownMetadataAge):
		case <-ctx.Done():
			return fmt.Errorf("created, but nobody leads it: %w", ctx.Err())
		}
	}
}

// A captive is a record on its way into quarantine.
type captive struct {
	record *kgo.Record
	hash   contentHash
}

// size is what a captive takes of the queue.
func (c *captive) size() int64 {
	n := len(c.record.Key) + len(c.record.Value) + 512
	for _, h := range c.record.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// capture copies a refused record and says why in headers. partition is -1 where none was chosen yet; at is the producer's own
// timestamp. The copy's is the moment of its writing, because a broker keeps records by their age.
func capture(topic string, partition int32, who producer, bad *badRecord, key, value []byte, headers []kgo.RecordHeader, at time.Time) captive {
	h := sha256.New()
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part([]byte(topic))
	part(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli())))
	part(binary.BigEndian.AppendUint32(nil, uint32(bad.index)))
	part(key)
	part(value)
	kept := make([]kgo.RecordHeader, 0, len(headers)+12)
	for _, x := range headers {
		part([]byte(x.Key))
		part(x.Value)
		kept = append(kept, kgo.RecordHeader{Key: x.Key, Value: bytes.Clone(x.Value)})
	}
	c := captive{record: &kgo.Record{Topic: topic + QuarantineSuffix, Key: bytes.Clone(key), Value: bytes.Clone(value)}}
	h.Sum(c.hash[:0])
	say := func(name, text string) {
		if text != "" {
			kept = append(kept, kgo.RecordHeader{Key: "accord-" + name, Value: []byte(text)})
		}
	}
	say("reason", string(bad.reason))
	if len(bad.violations) > 0 { // the root's pointer is empty
		kept = append(kept, kgo.RecordHeader{Key: "accord-pointer", Value: []byte(bad.pointer())})
	}
	say("address", bad.address())
	say("keyword", bad.keyword())
	say("subject", bad.subject)
	if bad.version != 0 {
		say("version", strconv.Itoa(int(bad.version)))
	}
	say("topic", topic)
	if partition >= 0 {
		say("partition", strconv.Itoa(int(partition)))
		say("batch-index", strconv.Itoa(bad.index))
	}
	say("client-id", who.clientID)
	say("principal", who.principal)
	say("ts", strconv.FormatInt(at.UnixMilli(), 10))
	say("content-sha256", hex.EncodeToString(c.hash[:]))
	c.record.Headers = kept
	return c
}

// captureAll copies the bad records of a batch; data is its decompressed content.
func (s *Server) captureAll(part *producePartition, b *batch, data []byte, who producer, t *tally) ([]captive, error) {
	captives, bad := make([]captive, 0, len(t.bad)), t.cursor()
	err := b.walk(data, s.limits.MaxRecordHeaders, func(i int, r *record) error {
		if refused := bad(i); refused != nil {
			at := time.UnixMilli(b.baseTimestamp + r.timestampDelta)
			captives = append(captives, capture(part.topic, part.index, who, refused, r.key, r.value, r.list(), at))
		}
		return nil
	})
	return captives, err
}

// confine writes captives of one topic and returns when all of them are in quarantine; an error means that some may be missing.
func (s *Server) confine(ctx context.Context, topic string, captives []captive) error {
	own := s.own.Load()
	if own == nil {
		return errNotServing
	}
	q := &s.quarantine
	fresh := slices.DeleteFunc(slices.Clone(captives), func(c captive) bool { return q.known(c.hash) })
	s.metrics.quarantined("duplicate", len(captives)-len(fresh))
	if len(fresh) == 0 {
		return nil
	}
	t := q.topic(topic)
	if err := q.admit(t, len(fresh)); err != nil {
		s.metrics.quarantined("dropped", len(fresh))
		return err
	}
	q.make(ctx, own, topic)
	ctx, cancel := context.WithTimeout(ctx, produceTimeout)
	defer cancel()
	var writing sync.WaitGroup
	errs := make([]error, len(fresh))
	for i, c := range fresh {
		writing.Add(1)
		own.TryProduce(ctx, c.record, func(_ *kgo.Record, err error) {
			defer writing.Done()
			if errs[i] = err; err == nil {
				q.remember(c.hash)
			}
		})
	}
	writing.Wait()
	failed := 0
	var first error
	for _, err := range errs {
		if err != nil {
			failed++
			first = err
		}
	}
	s.metrics.quarantined("written", len(fresh)-failed)
	s.metrics.quarantined("failed", failed)
	if first != nil {
		first = fmt.Errorf("not written: %w", first)
		s.quiet.warn("quarantine", "topic", topic+QuarantineSuffix, "records", failed, "err", first)
	}
	q.settle(t, first)
	return first
}

// confineLater has captives written without waiting; what finds no room is counted and forgotten.
func (s *Server) confineLater(topic string, captives []captive) {
	var size int64
	for i := range captives {
		size += captives[i].size()
	}
	if !s.quarantine.queue.tryTake(size) {
		s.metrics.quarantined("dropped", len(captives))
		return
	}
	s.quarantine.pending.Go(func() {
		defer s.quarantine.queue.give(size)
		_ = s.confine(context.Background(), topic, captives) // counted, logged and on /readyz; the producer was told before
	})
}
