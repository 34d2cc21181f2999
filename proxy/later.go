package proxy

import (
	"bytes"
	"context"
)

const (
	// ObserveQueue is how many bytes of batches wait to be judged after they went on; what finds no room is counted as
	// unobserved.
	ObserveQueue = 64 << 20
	maxLater     = 10_000 // batches that wait
)

// A lateBatch is judged after it went on. Its records are a copy.
type lateBatch struct {
	part  producePartition
	who   producer
	plan  *plan
	plans *plans
}

// later judges batches that have gone on already.
type later struct {
	room  *room // of ObserveQueue
	queue chan lateBatch
}

func newLater() *later {
	return &later{room: newRoom(ObserveQueue), queue: make(chan lateBatch, maxLater)}
}

// observe has a batch judged afterwards, if there is room for it.
func (j *judge) observe(p *plan, part *producePartition, who producer, records int) {
	l, size := j.srv.later, int64(len(part.records))
	if l.room.tryTake(size) {
		late := lateBatch{*part, who, p, j.plans}
		late.part.records = bytes.Clone(part.records)
		select {
		case l.queue <- late:
			return
		default:
			l.room.give(size)
		}
	}
	j.srv.unobserved(part.topic, who, records, size)
}

// judgeLater judges what waits until ctx ends.
func (s *Server) judgeLater(ctx context.Context) {
	for {
		select {
		case late := <-s.later.queue:
			s.judgeLate(ctx, &late)
			s.later.room.give(int64(len(late.part.records)))
		case <-ctx.Done():
			return
		}
	}
}

// judgeLate counts and reports what a batch held.
func (s *Server) judgeLate(ctx context.Context, late *lateBatch) {
	j := s.judge(ctx, late.who.principal, 1)
	j.plans = late.plans
	b, err := parseBatch(late.part.records)
	var t tally
	if err == nil {
		var data []byte
		var done func()
		if data, done, err = j.unpack(&b); err == nil {
			defer done()
			err = j.walk(late.plan, &b, data, &t)
		}
	}
	if err != nil { // the broker says what is wrong with it
		s.unobserved(late.part.topic, late.who, max(int(b.records), 1), int64(len(late.part.records)))
		return
	}
	s.judged(late.who, late.part.topic, &t, int(b.records), wasObserved)
}
