package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// MaxReasons is how many records of a rejected batch are explained; the others are named by index.
	MaxReasons = 100
	// MaxReasonText is the length in bytes of one explanation.
	MaxReasonText = 512
)

// errCRC is line noise: not a verdict, the client sends again.
var errCRC = errors.New("record batch has a wrong CRC")

// refusal is why a partition does not go on.
type refusal struct {
	code    int16
	message string
	records []kmsg.ProduceResponseTopicPartitionErrorRecord
}

// produce: 3–12. Each partition's batch is judged. All good: the client's own bytes go on. Some bad: the others go on, and
// the broker's answer is merged with the gate's. All bad: answered here. Versions 0–2 carry batches of old formats; they
// are advertised because librdkafka otherwise stops compressing (KAFKA-18659), and refused.
func (c *conn) produce(req *request) error {
	began := time.Now()
	h, err := req.header(req.version >= 9)
	if err != nil {
		return err
	}
	ask, err := parseProduce(req.frame[h.body:], req.version)
	if err != nil {
		return fmt.Errorf("%w: %w (key %d, version %d)", errFrame, err, req.key, req.version)
	}
	refused := make([]*refusal, len(ask.partitions))
	bad, changed := 0, false
	if req.version < c.srv.table[req.key].min {
		old := &refusal{code: kerr.UnsupportedVersion.Code}
		for i := range refused {
			refused[i] = old
		}
		bad = len(refused)
	} else {
		bad, changed = c.judgeAll(ask, h.clientID, refused)
	}
	c.srv.metrics.validated(time.Since(began))
	if bad == 0 && !changed {
		return c.forward(req.frame, req.pending(c.produceAnswer(req.version, nil, nil)), ask.acks == 0)
	}
	if bad == len(refused) {
		if ask.acks == 0 {
			return c.endUnanswered(refused)
		}
		answer := kmsg.NewPtrProduceResponse()
		merge(answer, ask, refused)
		return c.reply(req, answer, false)
	}
	frame := ask.encode(req, h.body, func(i int) bool { return refused[i] == nil })
	if ask.acks == 0 {
		if err := c.forward(frame, pending{}, true); err != nil {
			return err
		}
		return c.endUnanswered(refused)
	}
	if bad == 0 {
		refused = nil
	}
	return c.forward(frame, req.pending(c.produceAnswer(req.version, ask, refused)), false)
}

// judgeAll fills in what is refused and returns how many that are, and whether a batch that goes on was rewritten.
func (c *conn) judgeAll(ask *produceRequest, clientID string, refused []*refusal) (bad int, changed bool) {
	j := c.srv.judge(c.ctx, *c.principal.Load(), 1)
	for i := range ask.partitions {
		part := &ask.partitions[i]
		p := c.srv.plan(j.plans, part.topic)
		who := producer{clientID: clientID, principal: j.principal}
		records, no := j.partition(p, part, who, ask.transactionalID != nil)
		switch {
		case no != nil:
			refused[i] = no
			bad++
		case records != nil:
			part.records = records
			changed = true
		}
	}
	return bad, changed
}

// errRefusedUnanswered closes a connection whose client asked not to be answered: Kafka's own signal.
var errRefusedUnanswered = errors.New("records refused, and the client asked for no acknowledgement")

// endUnanswered ends a request whose client asked not to be answered: the connection too, if anything was refused.
func (c *conn) endUnanswered(refused []*refusal) error {
	if !slices.ContainsFunc(refused, func(r *refusal) bool { return r != nil && r.code != 0 }) {
		return nil
	}
	c.srv.metrics.acks0Closed.Inc()
	c.finish()
	// What was forwarded must arrive: only this direction is closed, and the broker closes the other when it has read all.
	if half, ok := c.upstream.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		select {
		case <-c.ctx.Done():
		case <-time.After(c.srv.limits.WriteTimeout):
		}
	}
	return errRefusedUnanswered
}

// produceAnswer is the action on the broker's answer: merged with what is refused here; from version 10 on it may name a
// new leader by address.
func (c *conn) produceAnswer(version int16, ask *produceRequest, refused []*refusal) func([]byte) ([]byte, error) {
	if version < 10 && refused == nil {
		return nil
	}
	if refused != nil {
		ask = ask.withoutRecords() // the frame is given back before the answer comes
	}
	return func(body []byte) ([]byte, error) {
		answer := kmsg.NewPtrProduceResponse()
		answer.SetVersion(version)
		if err := answer.ReadFrom(body); err != nil {
			return nil, err
		}
		if refused == nil && len(answer.Brokers) == 0 {
			return body, nil
		}
		for i := range answer.Brokers {
			b := &answer.Brokers[i]
			c.move(b.NodeID, &b.Host, &b.Port)
		}
		if refused != nil {
			merge(answer, ask, refused)
		}
		return answer.AppendTo(nil), nil
	}
}

// withoutRecords is what merge needs of a request, free of its frame.
func (p *produceRequest) withoutRecords() *produceRequest {
	bare := &produceRequest{partitions: slices.Clone(p.partitions)}
	for i := range bare.partitions {
		bare.partitions[i].records = nil
	}
	return bare
}

// merge adds the refused partitions to an answer.
func merge(answer *kmsg.ProduceResponse, ask *produceRequest, refused []*refusal) {
	at := map[string]int{}
	for i := range answer.Topics {
		at[answer.Topics[i].Topic] = i
	}
	for i, r := range refused {
		if r == nil {
			continue
		}
		topic := ask.partitions[i].topic
		n, ok := at[topic]
		if !ok {
			n = len(answer.Topics)
			t := kmsg.NewProduceResponseTopic()
			t.Topic = topic
			answer.Topics = append(answer.Topics, t)
			at[topic] = n
		}
		part := kmsg.NewProduceResponseTopicPartition()
		part.Partition, part.ErrorCode = ask.partitions[i].index, r.code
		part.BaseOffset, part.LogAppendTime, part.LogStartOffset = -1, -1, -1
		part.ErrorRecords = r.records
		if r.message != "" {
			part.ErrorMessage = &r.message
		}
		answer.Topics[n].Partitions = append(answer.Topics[n].Partitions, part)
	}
}

// partition judges what a request brings for one partition. It goes on as it is unless there are other records to send
// instead, or a refusal.
func (j *judge) partition(p *plan, part *producePartition, who producer, transactional bool) (instead []byte, no *refusal) {
	b, err := parseBatch(part.records)
	if p.policy == Off || p.policy == Observe {
		switch { // what is wrong with a batch is the broker's to say
		case err != nil:
		case p.policy == Observe:
			j.observe(p, part, who, int(b.records))
		default:
			j.srv.unjudged(who, part.topic, int(b.records), int64(len(part.records)))
		}
		return nil, nil
	}
	var t tally
	var data []byte
	if err == nil {
		var done func()
		if data, done, err = j.unpack(&b); err == nil {
			defer done()
			err = j.walk(p, &b, data, &t)
		}
	}
	if err == nil && len(t.bad) == 0 {
		j.srv.judged(who, part.topic, &t, int(b.records), wasAccepted)
		return nil, nil
	}
	if len(b.bytes) > 0 && !b.sound() {
		err = errCRC
	}
	whole := transactional || b.transactional() || b.producerID >= 0 // no record can leave the batch: their sequence is counted
	milder := p.policy == Mark || p.policy == Divert && !whole
	if err == nil && milder && !t.undecided() {
		if p.policy == Mark {
			instead, err = j.mark(part, &b, data, who, &t)
		} else {
			instead, no = j.divert(part, &b, data, who, &t)
		}
		if err == nil {
			return instead, no
		}
	}
	if err != nil {
		j.srv.faulty(part.topic, who, err, max(int(b.records), 1))
		no = &refusal{code: faultCode(err), message: "accord: " + err.Error()}
	} else {
		no = j.srv.refuse(who, part.topic, &t, int(b.records))
		if milder { // undecided: nothing here is refused for good
			no.code = Unavailable.code()
		}
		if no.code != Unavailable.code() { // else the producer tries again
			j.keep(p, part, &b, data, who, &t)
		}
	}
	if b.producerID >= 0 && (transactional || b.transactional()) && !kerr.IsRetriable(kerr.ErrorForCode(no.code)) {
		j.srv.poison(b.producerID, b.producerEpoch)
	}
	return nil, no
}

// mark returns the batch with a header on each bad record.
func (j *judge) mark(part *producePartition, b *batch, data []byte, who producer, t *tally) ([]byte, error) {
	bad := t.cursor()
	instead, err := b.rewritten(data, j.srv.limits.MaxRecordHeaders, func(i int, _ *record) (bool, string, string) {
		if r := bad(i); r != nil {
			return true, headerInvalid, r.mark()
		}
		return true, "", ""
	})
	if err != nil {
		return nil, err
	}
	j.srv.judged(who, part.topic, t, int(b.records), wasMarked)
	return instead, nil
}

// divert returns the batch without its bad records, once all of these are in quarantine. Nothing left is a refusal in form:
// answered here, and without an error.
func (j *judge) divert(part *producePartition, b *batch, data []byte, who producer, t *tally) ([]byte, *refusal) {
	captives, err := j.srv.captureAll(part, b, data, who, t)
	if err == nil {
		err = j.srv.confine(j.ctx, part.topic, captives)
	}
	var instead []byte
	if err == nil {
		bad := t.cursor()
		instead, err = b.rewritten(data, j.srv.limits.MaxRecordHeaders, func(i int, _ *record) (bool, string, string) {
			return bad(i) == nil, "", ""
		})
	}
	if err != nil {
		no := &refusal{code: Unavailable.code(), message: "accord: quarantine: " + err.Error()}
		if errors.Is(err, kerr.MessageTooLarge) {
			no.code = kerr.MessageTooLarge.Code
		}
		return nil, no
	}
	j.srv.judged(who, part.topic, t, int(b.records), wasDiverted)
	if instead == nil {
		return nil, &refusal{}
	}
	return instead, nil
}

// keep has a copy of what is refused put into quarantine, where the topic asks for it.
func (j *judge) keep(p *plan, part *producePartition, b *batch, data []byte, who producer, t *tally) {
	if p.policy == Divert {
		j.srv.metrics.divertAsReject.Inc()
		j.srv.quiet.info(part.topic+" divert", "a batch that must stay whole was refused where policy divert removes records",
			"topic", part.topic, "client_id", who.clientID, "principal", who.principal)
	} else if !p.quarantine {
		return
	}
	if captives, err := j.srv.captureAll(part, b, data, who, t); err == nil {
		j.srv.confineLater(part.topic, captives)
	}
}

// unpack returns a batch's content. done gives it back.
func (j *judge) unpack(b *batch) (data []byte, done func(), err error) {
	if int(b.records) > j.srv.limits.MaxBatchRecords {
		return nil, nil, fmt.Errorf("%w: %d records, limit %d", errTooLarge, b.records, j.srv.limits.MaxBatchRecords)
	}
	if b.codec() == codecNone {
		return b.compressedData, func() {}, nil
	}
	limit, over := j.srv.limits.bound(len(b.compressedData))
	room := held(int64(limit))
	if err := j.srv.unpacked.take(j.ctx, room); err != nil {
		return nil, nil, err
	}
	data, pooled, err := decompress(b.codec(), b.compressedData, limit, over)
	if err != nil {
		j.srv.unpacked.give(room)
		return nil, nil, err
	}
	return data, func() { putBuffer(pooled); j.srv.unpacked.give(room) }, nil
}

// walk judges the records of a batch, whose content is data.
func (j *judge) walk(p *plan, b *batch, data []byte, t *tally) error {
	told := j.violations
	defer func() { j.violations = told }()
	explainAll := p.policy != Reject || p.quarantine // each bad record carries its own reason
	return b.walk(data, j.srv.limits.MaxRecordHeaders, func(i int, r *record) error {
		if len(t.bad) == MaxReasons && !explainAll {
			j.violations = 0 // the rest is named by index alone: an explanation costs more than a verdict
		}
		v := j.record(p, r.key, r.value, r)
		if good := t.add(i, &v, len(r.key)+len(r.value)); good != nil {
			j.srv.observer.sample(good, &v)
		}
		return nil
	})
}

// refuse makes the answer about a batch with bad records, and has it counted, logged and reported.
func (s *Server) refuse(who producer, topic string, t *tally, records int) *refusal {
	first := &t.bad[0]
	id := first.id(topic)
	r := &refusal{code: first.reason.code()}
	for _, b := range t.bad {
		if b.reason != Unavailable {
			r.code = b.reason.code() // one definite no is enough: trying again would not help
		}
	}
	r.records = make([]kmsg.ProduceResponseTopicPartitionErrorRecord, 0, len(t.bad))
	for i := range t.bad {
		e := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		e.RelativeOffset = int32(t.bad[i].index)
		if i < MaxReasons {
			text := cut(t.bad[i].String(), MaxReasonText)
			e.ErrorMessage = &text
		}
		r.records = append(r.records, e)
	}
	r.message = fmt.Sprintf("accord: %d of %d records rejected; record %d: %s (rejection %s)",
		len(t.bad), records, first.index, cut(first.String(), MaxReasonText), id)
	s.judged(who, topic, t, records, wasRejected)
	return r
}

// cut shortens a text to n bytes without breaking a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-3], "") + "…"
}

// A tally is what judging a batch brought.
type tally struct {
	good []goodCount
	bad  []badRecord // ascending by index
}

type goodCount struct {
	subject string
	version int32
	records int64
	bytes   int64
	counter *atomic.Int64 // of the version, over all batches; nil: not asked for yet, or not sampled
}

type badRecord struct {
	index int
	verdict
}

// cursor returns a function that finds the bad record of an index; it is asked for ascending indexes.
func (t *tally) cursor() func(i int) *badRecord {
	next := 0
	return func(i int) *badRecord {
		if next == len(t.bad) || t.bad[next].index != i {
			return nil
		}
		next++
		return &t.bad[next-1]
	}
}

// undecided says whether some record's schema could not be asked for.
func (t *tally) undecided() bool {
	return slices.ContainsFunc(t.bad, func(b badRecord) bool { return b.reason == Unavailable })
}

// add notes a verdict and returns the count of its version; nil: the record is bad.
func (t *tally) add(i int, v *verdict, bytes int) *goodCount {
	if !v.accepted() {
		t.bad = append(t.bad, badRecord{i, *v})
		return nil
	}
	for k := range t.good {
		if g := &t.good[k]; g.subject == v.subject && g.version == v.version {
			g.records++
			g.bytes += int64(bytes)
			return g
		}
	}
	t.good = append(t.good, goodCount{subject: v.subject, version: v.version, records: 1, bytes: int64(bytes)})
	return &t.good[len(t.good)-1]
}
