package proxy

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of what is kept between two reports; past them counts go to Other, so that sums stay true.
const (
	TopProducers  = 2_000 // rows of a UsageReport
	TopAccepted   = 2_000 // accepted rows of a RejectionReport
	TopRejections = 1_000 // rejected rows of a RejectionReport
)

const (
	ReportEvery   = 10 * time.Second // between two reports, ±20 %
	reportSoon    = time.Second      // after a rejection that was not seen since the last report
	reportTimeout = 10 * time.Second // for sending one
)

// producer is who sent a batch.
type producer struct {
	clientID, principal string
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

type seenCount struct {
	records, bytes int64
	first, last    time.Time
}

type rejectedCount struct {
	records, collateral int64
	first, last         time.Time
}

// An observer counts what goes through the gate until a report takes the counts away. Producing never waits for a report.
type observer struct {
	instance string
	soon     chan struct{} // a rejection that the catalog does not know yet

	mu           sync.Mutex
	from         time.Time
	seen         map[seenKey]*seenCount
	read         map[readKey]*seenCount
	positions    map[position]int64 // last commits; outlive the periods
	accepted     map[acceptedKey]int64
	rejected     map[rejectedKey]*rejectedCount
	seenOther    int64
	judgedOther  int64
	told         map[string]struct{} // rejection ids that were reported, at most TopRejections
	usageSeq     int64
	rejectionSeq int64
}

func newObserver() *observer {
	o := &observer{instance: rand.Text(), soon: make(chan struct{}, 1), told: map[string]struct{}{}, positions: map[position]int64{}}
	o.clear(time.Now())
	return o
}

// clear starts the next period. o.mu is held, or nobody else knows o.
func (o *observer) clear(now time.Time) {
	o.from = now
	o.seen, o.accepted, o.rejected = map[seenKey]*seenCount{}, map[acceptedKey]int64{}, map[rejectedKey]*rejectedCount{}
	o.read = map[readKey]*seenCount{}
	o.seenOther, o.judgedOther = 0, 0
}

// unjudged counts records that nobody looked at.
func (o *observer) unjudged(who producer, topic string, records, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.see(seenKey{producer: who, topic: topic}, records, bytes, time.Now())
}

// see adds to a row of usage. o.mu is held.
func (o *observer) see(k seenKey, records, bytes int64, now time.Time) {
	c := o.seen[k]
	if c == nil {
		if len(o.seen) >= TopProducers {
			o.seenOther += records
			return
		}
		c = &seenCount{first: now}
		o.seen[k] = c
	}
	c.records += records
	c.bytes += bytes
	c.last = now
}

// accept counts a batch that went on.
func (o *observer) accept(who producer, topic string, good []goodCount) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, g := range good {
		o.see(seenKey{who, topic, g.subject, g.version}, g.records, g.bytes, now)
		if g.subject == "" {
			continue
		}
		k := acceptedKey{topic, g.subject, g.version}
		if _, ok := o.accepted[k]; !ok && len(o.accepted) >= TopAccepted {
			o.judgedOther += g.records
			continue
		}
		o.accepted[k] += g.records
	}
}

// reject counts a batch that was refused: its bad records each under its own reason, the good ones beside the first.
func (o *observer) reject(who producer, topic string, bad []badRecord, collateral int64) {
	now := time.Now()
	fresh := false
	o.mu.Lock()
	for i := range bad {
		b := &bad[i]
		k := rejectedKey{who, b.id(topic), topic, b.subject, b.version, b.address(), b.keyword(), b.reason}
		c := o.rejected[k]
		if c == nil {
			if len(o.rejected) >= TopRejections {
				o.judgedOther++
				continue
			}
			c = &rejectedCount{first: now}
			o.rejected[k] = c
			if _, ok := o.told[k.id]; !ok {
				fresh = true
			}
		}
		c.records++
		c.last = now
		c.collateral, collateral = c.collateral+collateral, 0
	}
	o.mu.Unlock()
	if fresh {
		select {
		case o.soon <- struct{}{}:
		default:
		}
	}
}

// take returns what was counted and starts the next period.
func (o *observer) take(now time.Time) Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	head := ReportHead{Instance: o.instance, From: o.from, To: now, Sources: []string{"produce", "groups"}}
	var r Report
	if len(o.seen) > 0 || len(o.read) > 0 || o.seenOther > 0 {
		o.usageSeq++
		u := &UsageReport{ReportHead: head, Seen: []Seen{}}
		u.Seq, u.Other = o.usageSeq, o.seenOther
		for k, c := range o.seen {
			space, subject := splitSubject(k.subject)
			u.Seen = append(u.Seen, Seen{
				Role: "write", ClientID: k.clientID, Principal: k.principal, Topic: k.topic, Context: space, Subject: subject,
				Version: k.version, Records: c.records, Bytes: c.bytes, First: c.first, Last: c.last,
			})
		}
		for k, c := range o.read {
			u.Seen = append(u.Seen, Seen{
				Role: "read", ClientID: k.clientID, Principal: k.principal, Topic: k.topic, Group: k.group,
				Records: c.records, First: c.first, Last: c.last,
			})
		}
		slices.SortFunc(u.Seen, func(a, b Seen) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Group, b.Group), cmp.Compare(a.ClientID, b.ClientID))
		})
		r.Usage = u
	}
	if len(o.accepted) > 0 || len(o.rejected) > 0 || o.judgedOther > 0 {
		o.rejectionSeq++
		j := &RejectionReport{ReportHead: head, Accepted: []Accepted{}, Rejected: []Rejection{}}
		j.Seq, j.Other = o.rejectionSeq, o.judgedOther
		for k, n := range o.accepted {
			space, subject := splitSubject(k.subject)
			j.Accepted = append(j.Accepted, Accepted{space, subject, k.version, k.topic, n})
		}
		for k, c := range o.rejected {
			j.Rejected = append(j.Rejected, k.row(c))
			if len(o.told) < TopRejections {
				o.told[k.id] = struct{}{}
			}
		}
		slices.SortFunc(j.Accepted, func(a, b Accepted) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
		})
		slices.SortFunc(j.Rejected, func(a, b Rejection) int {
			return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID), cmp.Compare(a.ClientID, b.ClientID))
		})
		r.Rejections = j
	}
	o.clear(now)
	return r
}

func (k rejectedKey) row(c *rejectedCount) Rejection {
	space, subject := splitSubject(k.subject)
	return Rejection{
		ID: k.id, Context: space, Subject: subject, Version: k.version, Topic: k.topic, Address: k.address, Keyword: k.keyword,
		Reason: string(k.reason), ClientID: k.clientID, Principal: k.principal,
		Records: c.records, Collateral: c.collateral, First: c.first, Last: c.last,
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

// report sends what was counted until ctx ends, and then once more. A report that did not arrive is sent again, unchanged,
// before a later one: the receiver knows it by its number.
func (s *Server) report(ctx context.Context) {
	var unsent []Report
	send := func(ctx context.Context) {
		if r := s.observer.take(time.Now()); r.Usage != nil || r.Rejections != nil {
			unsent = append(unsent, r)
		}
		for len(unsent) > 0 {
			ctx, cancel := context.WithTimeout(ctx, reportTimeout)
			err := s.cfg.Report(ctx, unsent[0])
			cancel()
			if err != nil {
				s.quiet.warn("report not delivered", "err", err)
				break
			}
			unsent = unsent[1:]
		}
		if len(unsent) > maxUnsent {
			s.metrics.observationsLost.Add(float64(unsent[0].records()))
			unsent = slices.Delete(unsent, 0, 1)
		}
	}
	for {
		timer := time.NewTimer(jitter(ReportEvery))
		select {
		case <-timer.C:
		case <-s.observer.soon:
			timer.Stop()
			select {
			case <-time.After(reportSoon):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			timer.Stop()
		}
		if ctx.Err() != nil {
			send(context.WithoutCancel(ctx))
			return
		}
		send(ctx)
	}
}

// maxUnsent is how many reports wait for a catalog that does not answer: about ten minutes of them.
const maxUnsent = 60

// records is how many records a report speaks about.
func (r *Report) records() (n int64) {
	if r.Usage != nil {
		n += r.Usage.Other
		for i := range r.Usage.Seen {
			n += r.Usage.Seen[i].Records
		}
	}
	if r.Rejections != nil {
		for i := range r.Rejections.Rejected {
			n += r.Rejections.Rejected[i].Records
		}
	}
	return n
}

// jitter is d ±20 %, so that replicas do not report in step.
func jitter(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)*2/5))
	if err != nil {
		return d
	}
	return d - d/5 + time.Duration(n.Int64())
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

// judged counts, logs and reports what judging a batch brought. Only a rejection takes the good records along.
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
	s.observer.reject(who, topic, t.bad, int64(collateral))
	first := &t.bad[0]
	s.quiet.info(topic+" "+first.id(topic), "event "+string(fate), "topic", topic, "rejection", first.id(topic), "reason", string(first.reason),
		"why", first.logged(), "record", first.index, string(fate), len(t.bad), "of", records, "client_id", who.clientID, "principal", who.principal)
}
