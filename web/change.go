package web

import (
	"cmp"
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/accordhq/accord/catalog"
)

// changesPerPage is how many changes one page shows, maxChangeScan how many revisions back it looks for them.
const (
	changesPerPage = 100
	maxChangeScan  = 20_000
)

// changeRow is one line of the audit.
type changeRow struct {
	At                 time.Time
	Op, Name, Words    string
	Href               template.URL
	By, Reason, Commit string
	Rev                catalog.Rev
}

// documentRow finishes the row of a document: its kind and name stand in the document itself.
func (s *Site) documentRow(row changeRow, c catalog.Change) changeRow {
	var h catalog.Header
	body := c.After
	if body == nil {
		body = c.Before
	}
	_ = json.Unmarshal(body, &h) // stays zero where there is no body
	row.Name = cmp.Or(h.Name, row.Name)
	row.Words = "described"
	if c.Op == catalog.OpUndocument {
		row.Words = "no longer described"
	}
	switch h.Kind {
	case catalog.KindService:
		row.Href, row.Words = template.URL(s.links.service(h.Name)), "service "+row.Words
	case catalog.KindChannel:
		row.Href, row.Words = template.URL(s.links.channel(h.Name)), "channel "+row.Words
	case catalog.KindFlow:
		row.Href, row.Words = template.URL(s.links.flow(h.Name)), "flow "+row.Words
	case catalog.KindDomain:
		row.Href, row.Words = template.URL(s.links.domain(h.Name)), "domain "+row.Words
	case catalog.KindEvent, catalog.KindCommand, catalog.KindState:
		row.Href = template.URL(s.links.event(h.Name))
	default:
		row.Name = cmp.Or(h.Name, h.Kind)
	}
	if c.Op == catalog.OpUndocument {
		row.Href = ""
	}
	return row
}

// newestChanges returns the newest changes up to the library's revision, newest first, and the revision that the next
// older page begins below; 0 if there is none.
func (s *Site) newestChanges(ctx context.Context, l *library, limit int) ([]changeRow, catalog.Rev, error) {
	return s.changesBelow(ctx, l, l.rev+1, limit)
}

// changesBelow reads the changes below a revision, newest first. The store counts upwards, so it is asked for growing
// windows until enough is found.
func (s *Site) changesBelow(ctx context.Context, l *library, below catalog.Rev, limit int) ([]changeRow, catalog.Rev, error) {
	var found []catalog.Change
	top := below
	for window := catalog.Rev(limit) * 2; ; window *= 2 {
		from := catalog.Rev(0)
		if below > window {
			from = below - window
		}
		found = found[:0]
		for after := from; ; {
			page, err := s.Registry.Changes(ctx, after, 0)
			if err != nil {
				return nil, 0, err
			}
			for _, c := range page {
				if c.Rev < top && l.who.MayReadChange(c) {
					found = append(found, c)
				}
			}
			if len(page) < catalog.MaxPage || page[len(page)-1].Rev >= top {
				break
			}
			after = page[len(page)-1].Rev
		}
		if len(found) > limit || from == 0 || window >= maxChangeScan {
			break
		}
	}
	slices.Reverse(found)
	var next catalog.Rev
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].Rev
	}
	rows := make([]changeRow, 0, len(found))
	for _, c := range found {
		rows = append(rows, s.changeRow(l, c))
	}
	return rows, next, nil
}

// changes is the audit: who did what, when, from which commit.
func (s *Site) changes(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	below := lib.rev + 1
	if text := r.URL.Query().Get("below"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return &pageError{status: http.StatusBadRequest, title: "Not a revision", detail: "below is a number."}
		}
		below = catalog.Rev(n)
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	rows, next, err := s.changesBelow(r.Context(), lib, below, changesPerPage)
	if err != nil {
		return err
	}
	return s.render(w, r, "changes", http.StatusOK, page{Title: "Changes", Nav: "changes", Rev: lib.rev, Data: struct {
		Rows  []changeRow
		Next  catalog.Rev
		Newer bool
	}{rows, next, below <= lib.rev}})
}
