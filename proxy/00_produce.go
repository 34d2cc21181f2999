package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
	bad := 0
	if req.version < c.srv.table[req.key].min {
		old := &refusal{code: kerr.UnsupportedVersion.Code}
		for i := range refused {
			refused[i] = old
		}
		bad = len(refused)
	} else {
		bad = c.judgeAll(ask, h.clientID, refused)
	}
	c.srv.metrics.validated(time.Since(began))
	if bad == 0 {
		return c.forward(req.frame, req.pending(c.produceAnswer(req.version, nil, nil)), ask.acks == 0)
	}
	if bad == len(refused) {
		if ask.acks == 0 {
			return c.cutOff()
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
		return c.cutOff()
	}
	return c.forward(frame, req.pending(c.produceAnswer(req.version, ask, refused)), false)
}

// judgeAll fills in what is refused and returns how many that are.
func (c *conn) judgeAll(ask *produceRequest, clientID string, refused []*refusal) (bad int) {
	j := c.srv.judge(c.ctx, *c.principal.Load(), 1)
	for i := range ask.partitions {
		part := &ask.partitions[i]
		p := c.srv.plan(j.plans, part.topic)
		who := producer{clientID: clientID, principal: j.principal}
		if refused[i] = j.partition(p, part, who, ask.transactionalID != nil); refused[i] != nil {
			bad++
		}
	}
	return bad
}

// errRefusedUnanswered closes a connection whose client asked not to be answered: Kafka's own signal.
var errRefusedUnanswered = errors.New("records refused, and the client asked for no acknowledgement")

func (c *conn) cutOff() error {
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

// partition judges what a request brings for one partition; nil lets it pass.
func (j *judge) partition(p *plan, part *producePartition, who producer, transactional bool) *refusal {
	b, err := parseBatch(part.records)
	if p.policy == Off {
		if err == nil { // what is wrong is the broker's to say
			j.srv.observer.unjudged(who, part.topic, int64(b.records), int64(len(part.records)))
			j.srv.metrics.records(part.topic, "unjudged", "", int(b.records))
		}
		return nil
	}
	var t tally
	if err == nil {
		err = j.walk(p, &b, &t)
	}
	if err == nil && len(t.bad) == 0 {
		j.srv.accepted(who, part.topic, &t, int(b.records))
		return nil
	}
	if len(b.bytes) > 0 && !b.sound() {
		err = errCRC
	}
	if b.producerID >= 0 && (transactional || b.transactional()) {
		j.srv.poison(b.producerID, b.producerEpoch)
	}
	if err != nil {
		j.srv.faulty(part.topic, who, err, max(int(b.records), 1))
		return &refusal{code: faultCode(err), message: "accord: " + err.Error()}
	}
	return j.srv.refuse(who, part.topic, &t, int(b.records))
}

// walk judges the records of a batch.
func (j *judge) walk(p *plan, b *batch, t *tally) error {
	if int(b.records) > j.srv.limits.MaxBatchRecords {
		return fmt.Errorf("%w: %d records, limit %d", errTooLarge, b.records, j.srv.limits.MaxBatchRecords)
	}
	data := b.compressedData
	if b.codec() != codecNone {
		limit, over := j.srv.limits.bound(len(data))
		if err := j.srv.unpacked.take(j.ctx, int64(limit)); err != nil {
			return err
		}
		defer j.srv.unpacked.give(int64(limit))
		plain, buf, err := decompress(b.codec(), data, limit, over)
		if err != nil {
			return err
		}
		defer putBuffer(buf)
		data = plain
	}
	told := j.violations
	defer func() { j.violations = told }()
	return b.walk(data, j.srv.limits.MaxRecordHeaders, func(i int, r *record) error {
		if len(t.bad) == MaxReasons {
			j.violations = 0 // the rest is named by index alone: an explanation costs more than a verdict
		}
		v := j.record(p, r.key, r.value, r)
		t.add(i, &v, len(r.key)+len(r.value))
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
	s.rejected(who, topic, t, records)
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
}

type badRecord struct {
	index int
	verdict
}

func (t *tally) add(i int, v *verdict, bytes int) {
	if !v.accepted() {
		t.bad = append(t.bad, badRecord{i, *v})
		return
	}
	for k := range t.good {
		if g := &t.good[k]; g.subject == v.subject && g.version == v.version {
			g.records++
			g.bytes += int64(bytes)
			return
		}
	}
	t.good = append(t.good, goodCount{v.subject, v.version, 1, int64(bytes)})
}
