package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// entries is the index over everything that has a page, without fields; unknown names are looked up in it.
func (l *library) entries() *catalog.Index {
	l.namesOnce.Do(func() { l.names = catalog.NewIndex(l.named()) })
	return l.names
}

// named are the entries of everything but fields.
func (l *library) named() []catalog.Entry {
	var entries []catalog.Entry
	for _, list := range [][]*event{l.events, l.types} {
		for _, e := range list {
			x := catalog.Entry{Kind: e.Kind(), Name: e.Subject, Title: e.Title(), Text: e.Summary(), Owner: e.Owner(), Version: e.Latest(), Filters: map[string][]string{
				"status": {e.Status(e.Latest())}, "topic": {e.Channel()},
			}}
			if e.Doc != nil {
				x.Aliases = e.Doc.Aliases
			}
			for _, p := range e.Senders {
				x.Filters["service"] = append(x.Filters["service"], p.Service.Name)
			}
			for _, p := range e.Readers {
				x.Filters["service"] = append(x.Filters["service"], p.Service.Name)
			}
			entries = append(entries, x)
		}
	}
	for _, s := range l.services {
		entries = append(entries, catalog.Entry{Kind: "service", Name: s.Name, Title: s.Title, Text: s.Summary, Owner: s.Owner, Aliases: s.ConsumerGroups, Filters: map[string][]string{"service": {s.Name}}})
	}
	for _, c := range l.channels {
		entries = append(entries, catalog.Entry{Kind: "channel", Name: c.Name, Title: c.Title, Text: c.Summary, Owner: c.Owner, Aliases: []string{c.Kafka.Topic}, Filters: map[string][]string{"topic": {c.Kafka.Topic}}})
	}
	for _, f := range l.flows {
		entries = append(entries, catalog.Entry{Kind: "flow", Name: f.Name, Title: f.Title, Text: f.Summary, Owner: f.Owner})
	}
	for _, d := range l.domains {
		entries = append(entries, catalog.Entry{Kind: "domain", Name: d.Name, Title: d.Title, Text: d.Summary, Owner: d.Owner})
	}
	return entries
}

// index is the whole index, fields included, built at the first search of a revision.
func (s *Site) index(ctx context.Context, l *library) *catalog.Index {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whole != nil {
		return l.whole
	}
	entries := l.named()
	for _, e := range l.events {
		if e.Latest() == 0 {
			continue
		}
		view, err := s.view(ctx, e, e.Latest())
		if err != nil {
			continue // its page says why it does not compile
		}
		for n := range view.All {
			if !memberAddress(n) {
				continue
			}
			x := catalog.Entry{Kind: "field", Name: n.Name, Subject: e.Subject, Version: e.Latest(), Address: n.Address, Title: n.Title, Text: n.Description, Values: n.Enum, Owner: n.Owner, Filters: map[string][]string{
				"type": {n.TypeWords()}, "status": {e.Status(e.Latest())}, "topic": {e.Channel()},
			}}
			if n.PII != "" {
				x.Filters["pii"] = []string{n.PII, "1"}
			}
			entries = append(entries, x)
		}
	}
	l.whole = catalog.NewIndex(entries)
	return l.whole
}

// hitRow is a hit with its page.
type hitRow struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Words string `json:"words"`
	Href  string `json:"href"`
	Fuzzy bool   `json:"fuzzy,omitempty"`
}

// search answers a query as a page, or as JSON for the box in the top bar.
func (s *Site) search(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(q) > MaxQuery {
		return tooLong()
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	found := s.index(r.Context(), lib).Search(q)
	rows := make([]hitRow, 0, len(found.Hits))
	for _, h := range found.Hits {
		rows = append(rows, s.hitRow(h))
	}
	if wantsJSON(r) {
		body, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Set("Vary", "Accept, Accept-Encoding")
		return s.write(w, r, http.StatusOK, body)
	}
	return s.render(w, r, "search", http.StatusOK, page{Title: "Search", Query: q, Rev: lib.rev, Data: struct {
		Q       string
		Rows    []hitRow
		More    int
		Unknown []string
	}{q, rows, found.More, found.Unknown}})
}

func (s *Site) hitRow(h catalog.Hit) hitRow {
	row := hitRow{Kind: h.Kind, Name: h.Name, Words: h.Title, Fuzzy: h.Fuzzy}
	switch h.Kind {
	case "field":
		row.Href, row.Words = s.links.field(h.Subject, h.Version, h.Address), fmt.Sprintf("%s in %s", h.Address, h.Subject)
	case "service":
		row.Href = s.links.service(h.Name)
	case "channel":
		row.Href = s.links.channel(h.Name)
	case "flow":
		row.Href = s.links.flow(h.Name)
	case "domain":
		row.Href = s.links.domain(h.Name)
	default:
		row.Href = s.links.event(h.Name)
	}
	return row
}
