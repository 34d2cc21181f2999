package proxy

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"time"
)

const (
	ReportEvery = 10 * time.Second // between two reports, ±20 %
	// MaxReportBytes is how long the JSON of a UsageReport or RejectionReport is at most; what is longer is told in several.
	MaxReportBytes = 256 << 10

	reportSoon    = time.Second      // after a rejection that was not seen since the last report
	reportTimeout = 10 * time.Second // for sending one
	reportHeadMax = 1 << 10          // bytes of the JSON of a report without its rows
	// maxUnsent is how many reports wait for a catalog that does not answer: about ten minutes of them.
	maxUnsent = 60
)

// ErrReportRefused is what Config.Report returns, wrapped, where the catalog will never take a report: it is counted as lost
// rather than sent again.
var ErrReportRefused = errors.New("report refused")

// take returns what was counted and starts the next period.
func (o *observer) take(now time.Time) []Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	reports := append(o.takeUsage(now), o.takeRejections(now)...)
	o.clear(now)
	return reports
}

// head begins a report. Other is told once.
func (o *observer) head(now time.Time, seq, other *int64) ReportHead {
	*seq++
	h := ReportHead{Instance: o.instance, Seq: *seq, From: o.from, To: now, Sources: []string{"produce", "fetch", "groups"}, Other: *other}
	if !o.NoSamples {
		h.Sources = append(h.Sources, "samples")
	}
	*other = 0
	return h
}

// takeUsage makes reports of who wrote and read. o.mu is held.
func (o *observer) takeUsage(now time.Time) (reports []Report) {
	var rows []Seen
	for k, c := range o.seen.each {
		space, subject := splitSubject(k.subject)
		rows = append(rows, Seen{
			Role: "write", ClientID: k.clientID, Principal: o.principal(k.principal), Topic: k.topic, Context: space, Subject: subject,
			Version: k.version, Records: c.records, Bytes: c.bytes, First: c.first, Last: c.last,
		})
	}
	o.settleAlone(now)
	for k, c := range o.read.each {
		rows = append(rows, Seen{
			Role: "read", ClientID: k.clientID, Principal: o.principal(k.principal), Topic: k.topic, Group: k.group,
			Records: c.records, Committed: c.committed, First: c.first, Last: c.last,
		})
	}
	slices.SortFunc(rows, func(a, b Seen) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Group, b.Group), cmp.Compare(a.ClientID, b.ClientID))
	})
	var r *UsageReport
	size := 0
	for _, row := range rows {
		if n := sizeOf(row); r == nil || size+n > MaxReportBytes {
			r = &UsageReport{ReportHead: o.head(now, &o.usageSeq, &o.seenOther), Seen: []Seen{}}
			reports, size = append(reports, Report{Usage: r}), reportHeadMax
		}
		size += sizeOf(row)
		r.Seen = append(r.Seen, row)
	}
	if r == nil && o.seenOther > 0 {
		reports = append(reports, Report{Usage: &UsageReport{ReportHead: o.head(now, &o.usageSeq, &o.seenOther), Seen: []Seen{}}})
	}
	return reports
}

// takeRejections makes reports of what was accepted and refused. o.mu is held.
func (o *observer) takeRejections(now time.Time) (reports []Report) {
	var r *RejectionReport
	size := 0
	room := func(row any) *RejectionReport {
		n := sizeOf(row)
		if r == nil || size+n > MaxReportBytes {
			r = &RejectionReport{ReportHead: o.head(now, &o.rejectionSeq, &o.judgedOther), Accepted: []Accepted{}, Rejected: []Rejection{}, Samples: []Sample{}, Presence: []Presence{}}
			reports, size = append(reports, Report{Rejections: r}), reportHeadMax
		}
		size += n
		return r
	}
	for _, row := range o.acceptedRows() {
		to := room(row)
		to.Accepted = append(to.Accepted, row)
	}
	for _, row := range o.rejectedRows() {
		var samples []Sample // in the report of their row
		if event := o.samples[row.ID]; event != nil {
			samples = append(samples, Sample{row.ID, event, row.Last})
			delete(o.samples, row.ID)
		}
		to := room([]any{row, samples})
		to.Rejected, to.Samples = append(to.Rejected, row), append(to.Samples, samples...)
		if len(o.told) < TopRejections {
			o.told[row.ID] = struct{}{}
		}
	}
	for _, row := range o.presenceRows() {
		to := room(row)
		to.Presence = append(to.Presence, row)
	}
	if r == nil && o.judgedOther > 0 {
		room(struct{}{})
	}
	return reports
}

func (o *observer) acceptedRows() (rows []Accepted) {
	for k, n := range o.accepted.each {
		space, subject := splitSubject(k.subject)
		rows = append(rows, Accepted{space, subject, k.version, k.topic, *n})
	}
	slices.SortFunc(rows, func(a, b Accepted) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return rows
}

func (o *observer) rejectedRows() (rows []Rejection) {
	for k, c := range o.rejected.each {
		row := k.row(c)
		row.Principal = o.principal(row.Principal)
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Rejection) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID), cmp.Compare(a.ClientID, b.ClientID))
	})
	return rows
}

func (o *observer) presenceRows() (rows []Presence) {
	for in, seen := range o.presence {
		space, subject := splitSubject(in.subject)
		for address, n := range seen {
			rows = append(rows, Presence{space, subject, in.version, address, n, seen[""]})
		}
	}
	slices.SortFunc(rows, func(a, b Presence) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Address, b.Address))
	})
	return rows
}

func (k rejectedKey) row(c *rejectedCount) Rejection {
	space, subject := splitSubject(k.subject)
	return Rejection{
		ID: k.id, Context: space, Subject: subject, Version: k.version, Topic: k.topic, Address: k.address, Keyword: k.keyword,
		Reason: string(k.reason), ClientID: k.clientID, Principal: k.principal,
		Records: c.records, Collateral: c.collateral, First: c.first, Last: c.last,
	}
}

// principal is a principal as reports name it.
func (o *observer) principal(name string) string {
	if !o.HashPrincipals || name == "" || name == anonymous {
		return name
	}
	h := hmac.New(sha256.New, o.key)
	h.Write([]byte(name))
	return "hash:" + hex.EncodeToString(h.Sum(nil)[:6])
}

// sizeOf is how long the JSON of a row is, with the comma after it.
func sizeOf(row any) int {
	text, err := json.Marshal(row)
	if err != nil {
		return 0
	}
	return len(text) + 1
}

// report sends what was counted until ctx ends, and then once more. A report that did not arrive is sent again, unchanged,
// before a later one: the receiver knows it by its number.
func (s *Server) report(ctx context.Context) {
	var unsent []Report
	send := func(ctx context.Context) {
		unsent = append(unsent, s.observer.take(time.Now())...)
		for len(unsent) > 0 {
			ctx, cancel := context.WithTimeout(ctx, reportTimeout)
			err := s.cfg.Report(ctx, unsent[0])
			cancel()
			if err != nil {
				s.quiet.warn("report not delivered", "err", err)
				if !errors.Is(err, ErrReportRefused) {
					break
				}
				s.metrics.observationsLost.Add(float64(unsent[0].records()))
			}
			unsent = unsent[1:]
		}
		for len(unsent) > maxUnsent {
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
