package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of reports.
const (
	MaxReportRows    = 10_000  // of one report
	MaxSenders       = 100_000 // processes whose last report is remembered; those silent for longest are forgotten first
	MaxInstanceBytes = 128     // of the name of a process
	MaxAddressBytes  = 4 << 10 // of a member whose presence is counted
)

// Why a row of a report was left out.
const (
	droppedMissing   = "missing"   // its subject or version is not there
	droppedForbidden = "forbidden" // the sender may not read its subject
	droppedMalformed = "malformed" // its counts are below zero, or its role is none
)

// reported is what a row is about, written into it as the registry knows it: the context beside the subject may be "."
// and lack its dot, or be within the subject.
func reported(context, subject *string) Name {
	if *context != "" {
		*context = "." + strings.TrimPrefix(*context, ".")
	}
	if *context == "." {
		*context = ""
	}
	if *context == "" {
		if n, err := ParseName(*subject); err == nil {
			*context, *subject = n.Context, n.Subject
		}
	}
	return Name{Context: *context, Subject: *subject}
}

// about says what a row of a report is about, and where its sender is noted.
type about struct {
	Name           // without subject: about a topic alone
	number    int  // 0 = any version
	malformed bool // cannot be counted
	by        *string
}

// reportable are the rows of a report that count, each with its sender noted: those about versions that are there, and
// subjects that may (nil: every one) covers. The others are counted. TooMany over MaxReportRows.
//
// Something that memory does not know is asked of the store before it is dropped: what was registered anywhere before
// the report was sent is there.
func reportable[T any](ctx context.Context, r *Registry, rows []T, may func(Name) bool, of func(*T) about) ([]T, error) {
	if len(rows) > MaxReportRows {
		return nil, &Error{Reason: TooMany, Detail: "MaxReportRows"}
	}
	var kept []T
	by := AuthorOf(ctx).By
	drop := func(why string) { r.metrics.dropped.WithLabelValues(why).Inc() }
	subjects := map[Name]*Subject{}
	fresh := map[Name]bool{}
	for _, row := range rows {
		at := of(&row)
		*at.by = by
		switch name := at.Name; {
		case at.malformed:
			drop(droppedMalformed)
			continue
		case may != nil && !may(name):
			drop(droppedForbidden)
			continue
		case name.Subject == "":
			kept = append(kept, row)
			continue
		case strings.ContainsRune(name.Subject, 0) || strings.ContainsRune(name.Context, 0): // no store has such a name
			drop(droppedMissing)
			continue
		}
		name, number := at.Name, at.number
		s, err := subjects[name], error(nil)
		if s == nil {
			s, err = r.subject(ctx, name)
		}
		if err == nil && !s.carries(number) && !fresh[name] {
			fresh[name] = true
			s, err = r.freshSubject(ctx, name)
		}
		if err != nil {
			return nil, err
		}
		subjects[name] = s
		if !s.carries(number) {
			drop(droppedMissing)
			continue
		}
		kept = append(kept, row)
	}
	return kept, nil
}

// carries says whether a version is there, also a deleted one; 0 = any.
func (s *Subject) carries(number int) bool {
	return slices.ContainsFunc(s.Versions, func(v Version) bool { return number == 0 || v.Number == number })
}

// check says whether a report can be told from others of its sender: InvalidReport if not.
func (s Sender) check() error {
	if s.Instance == "" || len(s.Instance) > MaxInstanceBytes {
		return &Error{Reason: InvalidReport, Pointer: "/instance", Detail: "want 1 to MaxInstanceBytes (128) bytes that are random for each process"}
	}
	if s.Seq < 1 {
		return &Error{Reason: InvalidReport, Pointer: "/seq", Detail: "want the number of the report, from 1"}
	}
	return nil
}

// ReportUsage adds the counts of a report, once, under the author of ctx. Rows about versions that are not there, or
// subjects that may (nil: every one) does not cover, are left out and counted. TooMany over MaxReportRows; InvalidReport.
func (r *Registry) ReportUsage(ctx context.Context, u UsageReport, may func(Name) bool) (err error) {
	if err := u.check(); err != nil {
		return err
	}
	u.Seen, err = reportable(ctx, r, u.Seen, may, func(x *Usage) about {
		return about{reported(&x.Context, &x.Subject), x.Version, x.Records < 0 || x.Bytes < 0 || x.ID < 0 || x.Role != RoleRead && x.Role != RoleWrite, &x.By}
	})
	if err != nil {
		return err
	}
	return r.store.AddUsage(ctx, u)
}

// Usage returns who writes and reads a subject (zero Name = all), newest first, at most limit (0 = MaxPage).
func (r *Registry) Usage(ctx context.Context, name Name, limit int) ([]Usage, error) {
	return r.store.Usage(ctx, name, limit)
}

// ReportRejections adds the counts of a report, once, under the author of ctx. Rows are left out as by ReportUsage; so are
// samples over MaxSampleBytes, that are not JSON, or that belong to no row of the report. The ID of a row serves to find
// its samples; it is kept under the one that follows from what it says. TooMany over MaxReportRows; InvalidReport.
func (r *Registry) ReportRejections(ctx context.Context, u RejectionReport, may func(Name) bool) (err error) {
	if err := u.check(); err != nil {
		return err
	}
	if len(u.Samples) > MaxReportRows {
		return &Error{Reason: TooMany, Detail: "MaxReportRows"}
	}
	u.Rejected, err = reportable(ctx, r, u.Rejected, may, func(x *Rejection) about {
		return about{reported(&x.Context, &x.Subject), x.Version, x.Records < 0 || x.Collateral < 0, &x.By}
	})
	if err != nil {
		return err
	}
	u.Accepted, err = reportable(ctx, r, u.Accepted, may, func(x *Acceptance) about {
		return about{reported(&x.Context, &x.Subject), x.Version, x.Records < 0 || x.Subject == "", &x.By}
	})
	if err != nil {
		return err
	}
	u.Presence, err = reportable(ctx, r, u.Presence, may, func(x *Presence) about {
		return about{reported(&x.Context, &x.Subject), x.Version, x.Seen < 0 || x.Of < x.Seen || x.Subject == "" || x.Version < 1 || len(x.Address) > MaxAddressBytes, &x.By}
	})
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for i := range u.Rejected {
		x := &u.Rejected[i]
		id := x.identity()
		ids[x.ID], x.ID = id, id
	}
	var samples []Sample
	for _, s := range u.Samples {
		if id := ids[s.ID]; id != "" && len(s.Event) <= MaxSampleBytes && json.Valid(s.Event) {
			s.ID = id
			samples = append(samples, s)
		}
	}
	u.Samples = samples
	return r.store.AddRejections(ctx, u)
}

// Accepted returns how many records of a subject's versions (zero Name = all) were let through, newest version first.
func (r *Registry) Accepted(ctx context.Context, name Name) ([]Acceptance, error) {
	return r.store.Accepted(ctx, name)
}

// Presence returns how often the members of a subject's version are there (0 = of all), by version and address, added up over
// those who reported.
func (r *Registry) Presence(ctx context.Context, name Name, number int) ([]Presence, error) {
	return r.store.Presence(ctx, name, number)
}

// identity is the ID of a rejection: the first 12 hex digits of SHA-256 over qualified subject (the topic where none is
// known), version, address and keyword (the reason where there is none), each ended by a zero byte. It is computed here
// too, so that nobody puts what he reports under what is about another subject.
func (x *Rejection) identity() string {
	h := sha256.New()
	subject := x.Topic
	if x.Subject != "" {
		subject = Name{Context: x.Context, Subject: x.Subject}.String()
	}
	for _, part := range []string{subject, strconv.Itoa(x.Version), x.Address, cmp.Or(x.Keyword, x.Reason)} {
		_, _ = io.WriteString(h, part+"\x00")
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Rejections returns groups of refused records, newest first.
func (r *Registry) Rejections(ctx context.Context, q RejectionQuery) ([]RejectionGroup, error) {
	return r.store.Rejections(ctx, q)
}
