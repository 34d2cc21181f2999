package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Usage reports: which versions a consumer group reads.
const (
	UsageEvery   = 10 * time.Second // between two reports; none is sent when nothing was read
	maxUsageRows = 1000             // groups, topics and versions told apart in one report; what is beyond is not counted
	flushTime    = 2 * time.Second  // for the last report, at Close
)

// usageKey is one row of a report.
type usageKey struct {
	group, topic, subject string
	version               int32
}

// usageRow is a row as POST /v1/usage takes it.
type usageRow struct {
	Role    string    `json:"role"`
	Topic   string    `json:"topic,omitempty"`
	Group   string    `json:"group"`
	Subject string    `json:"subject"`
	Version int32     `json:"version"`
	Records int64     `json:"records"`
	Bytes   int64     `json:"bytes"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// usage counts what is read until it is reported. Its zero value is ready; Registry.mu guards it.
type usage struct {
	running  bool
	instance string
	seq      int
	rows     map[usageKey]*usageRow
	from     time.Time
	pending  []byte // a report that the registry did not take yet, sent again as it is: seq keeps it from counting twice
}

// count notes one event that was read, and starts the reports.
func (r *Registry) count(key usageKey, size int) {
	now := time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	u := &r.usage
	if !u.running {
		u.running, u.instance, u.rows, u.from = true, NewID(), map[usageKey]*usageRow{}, now
		r.working.Go(func() { r.report(r.work) })
	}
	row := u.rows[key]
	if row == nil {
		if len(u.rows) >= maxUsageRows {
			return
		}
		row = &usageRow{Role: "read", Topic: key.topic, Group: key.group, Subject: key.subject, Version: key.version, First: now}
		u.rows[key] = row
	}
	row.Records, row.Bytes, row.Last = row.Records+1, row.Bytes+int64(size), now
}

// report sends what was counted every UsageEvery, and once more when ctx ends.
func (r *Registry) report(ctx context.Context) {
	tick := time.NewTicker(UsageEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.sendUsage(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
			defer cancel()
			r.sendUsage(last)
			return
		}
	}
}

// sendUsage sends the report that is pending, or a new one. What the registry does not take stays pending.
func (r *Registry) sendUsage(ctx context.Context) {
	report := r.nextUsage()
	if report == nil || r.post(ctx, "/v1/usage", report) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.usage.pending = nil
}

// nextUsage returns the pending report, or makes one of what was counted; nil if that is nothing.
func (r *Registry) nextUsage() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &r.usage
	if u.pending != nil || len(u.rows) == 0 {
		return u.pending
	}
	now := time.Now().UTC()
	u.seq++
	rows := make([]*usageRow, 0, len(u.rows))
	for _, row := range u.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b *usageRow) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	u.pending, _ = json.Marshal(map[string]any{"instance": u.instance, "seq": u.seq, "from": u.from, "to": now, "seen": rows})
	u.from = now
	clear(u.rows)
	return u.pending
}

// post sends one JSON document; any answer but 2xx is an error.
func (r *Registry) post(ctx context.Context, path string, body []byte) error {
	req, err := r.request(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.http.Do(req)
	if err != nil {
		return fmt.Errorf("post %s: %w: %w", path, ErrUnavailable, transportError(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, MaxAnswerBytes)) // so that the connection is used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("post %s: %w: HTTP %d", path, ErrUnavailable, res.StatusCode)
	}
	return nil
}
