package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accordhq/accord/catalog"
)

// written says how many records of a version were seen to be written, "" if none were observed: unknown is not zero.
func written(usage []catalog.Usage, version int) string {
	var total int64
	seen := false
	for _, u := range usage {
		if u.Role == catalog.RoleWrite && u.Version == version {
			total += u.Records
			seen = true
		}
	}
	if !seen {
		return ""
	}
	return recordWords(total)
}

// grouped prints a number with thin groups of three digits.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func recordWords(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return grouped(n) + " records"
}

// Written is what was seen to be written of this version.
func (p versionPage) Written() string { return written(p.Observed, p.Number) }

// RejectedWords says how many records were refused for this event, "" if nothing of it was observed at all.
func (p versionPage) RejectedWords() string {
	var total int64
	for _, g := range p.Rejected {
		total += g.Records
	}
	if total == 0 {
		if p.Written() == "" {
			return ""
		}
		return "none seen"
	}
	return recordWords(total)
}

// observedState names what was observed, so that a page that shows it is not taken for unchanged.
func observedState(usage []catalog.Usage, rejected []catalog.RejectionGroup) string {
	var b strings.Builder
	for _, u := range usage {
		fmt.Fprintf(&b, "%d %d;", u.Records, u.Last.Unix())
	}
	for _, g := range rejected {
		fmt.Fprintf(&b, "%d %d;", g.Records, g.Last.Unix())
	}
	return b.String()
}

// anonymous is the principal of a client that did not sign in. Source: Apache Kafka, KafkaPrincipal.ANONYMOUS.
const anonymous = "User:ANONYMOUS"

// sameService says whether an observation is of a declared service: by its name, a principal or a consumer group. A
// client that did not sign in is known by its client ID alone.
func sameService(u catalog.Usage, x *catalog.Service) bool {
	if u.Principal == "" || u.Principal == anonymous {
		if u.ClientID == x.Name {
			return true
		}
	}
	return u.Service == x.Name || u.Principal != "" && slices.Contains(x.Principals, u.Principal) ||
		u.Group != "" && slices.Contains(x.ConsumerGroups, u.Group)
}

// SeenWriting and SeenReading say what was observed of a declared partner, "" for nothing.
func (p versionPage) SeenWriting(x *catalog.Service) string { return p.seen(x, catalog.RoleWrite) }

// SeenReading is SeenWriting for readers.
func (p versionPage) SeenReading(x *catalog.Service) string { return p.seen(x, catalog.RoleRead) }

func (p versionPage) seen(x *catalog.Service, role string) string {
	var total int64
	var last time.Time
	versions := map[int]bool{}
	for _, u := range p.Observed {
		if u.Role != role || !sameService(u, x) {
			continue
		}
		total += u.Records
		versions[u.Version] = true
		if u.Last.After(last) {
			last = u.Last
		}
	}
	if len(versions) == 0 {
		return ""
	}
	var numbers []int
	for v := range versions {
		if v > 0 {
			numbers = append(numbers, v)
		}
	}
	slices.Sort(numbers)
	return fmt.Sprintf("%s%s, last %s", recordWords(total), versionWords("", numbers), last.UTC().Format("2006-01-02 15:04 UTC"))
}

// observedRow is one observation in words.
type observedRow struct {
	catalog.Usage
	Did string
	Who string
}

func newObserved(u catalog.Usage) observedRow {
	row := observedRow{Usage: u, Did: "wrote"}
	if u.Role == catalog.RoleRead {
		row.Did = "read"
	}
	for _, who := range []string{u.Service, u.Group, u.Principal, u.ClientID, u.Principal} {
		if who != "" && (who != anonymous || u.ClientID == "") {
			row.Who = who
			break
		}
	}
	return row
}

// stranger is somebody seen with an event who declares nothing of the kind.
type stranger struct{ Who, Words string }

// Strangers are those who were seen to write or read the event without a declaration.
func (p versionPage) Strangers() []stranger {
	var rows []stranger
	for _, u := range p.Observed {
		declared := false
		if u.Role == catalog.RoleWrite {
			declared = slices.ContainsFunc(p.E.Senders, func(x sender) bool { return sameService(u, x.Service) })
		} else {
			declared = slices.ContainsFunc(p.E.Readers, func(x reader) bool { return sameService(u, x.Service) })
		}
		if declared {
			continue
		}
		row := newObserved(u)
		rows = append(rows, stranger{Who: row.Who, Words: fmt.Sprintf("%s %s of v%d", row.Did, recordWords(u.Records), u.Version)})
	}
	return rows
}

// rejections lists why records were refused, newest reason first.
func (s *Site) rejections(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	subject := r.URL.Query().Get("event")
	q := catalog.RejectionQuery{Limit: pageSize, Samples: true}
	if subject != "" {
		q.Name = catalog.Name{Subject: subject}
	}
	groups, err := s.Registry.Rejections(r.Context(), q)
	if err != nil {
		return err
	}
	groups = slices.DeleteFunc(groups, func(g catalog.RejectionGroup) bool {
		return !lib.who.MayRead(catalog.Name{Context: g.Context, Subject: g.Subject})
	})
	return s.render(w, r, "rejections", http.StatusOK, page{Title: "Rejections", Nav: "rejections", Rev: lib.rev, Data: struct {
		Event  string
		Groups []catalog.RejectionGroup
		Events []*event
	}{subject, groups, lib.events}})
}
