package web

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"github.com/accordhq/accord/catalog"
)

// MaxAttention and recentChanges bound the two lists of the home page.
const (
	MaxAttention  = 12
	recentChanges = 8
)

type homePage struct {
	Counts    []count
	Attention []attention
	Changes   []changeRow
	Domains   []domainCard
}

type count struct {
	Name string
	N    int
	Href template.URL
}

// attention is something that somebody should look at.
type attention struct {
	Class, Sign, What string // breaks or warning, its glyph, the word
	Name              string
	Href              template.URL
	Words             string
}

type domainCard struct {
	Name, Title, Owner, Summary string
	Events                      []*event
}

// home is the first page. A client that does not ask for HTML gets {}, as Schema Registry clients expect of /.
func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Vary", "Accept")
	if !wantsHTML(r) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		return s.write(w, r, http.StatusOK, []byte("{}"))
	}
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	changes, _, err := s.newestChanges(r.Context(), lib, recentChanges)
	if err != nil {
		return err
	}
	p := homePage{Changes: changes, Attention: s.attention(r.Context(), lib)}
	versions := 0
	for _, e := range lib.events {
		versions += len(e.Live())
	}
	p.Counts = []count{
		{Name: "Events", N: len(lib.events), Href: template.URL(s.to("events"))},
		{Name: "Versions", N: versions, Href: template.URL(s.to("events"))},
		{Name: "Services", N: len(lib.services), Href: template.URL(s.to("services"))},
		{Name: "Channels", N: len(lib.channels), Href: template.URL(s.to("channels"))},
		{Name: "Flows", N: len(lib.flows), Href: template.URL(s.to("flows"))},
	}
	p.Domains = lib.domainCards()
	return s.render(w, r, "home", http.StatusOK, page{Rev: lib.rev, Data: p})
}

func (l *library) domainCards() []domainCard {
	var cards []domainCard
	for _, name := range l.domainNames() {
		card := domainCard{Name: name, Title: name, Events: l.eventsOf(name)}
		if d := l.domain(name); d != nil {
			card.Title, card.Owner, card.Summary = cmp.Or(d.Title, name), d.Owner, d.Summary
		}
		cards = append(cards, card)
	}
	return cards
}

// attention lists what is wrong by the facts at hand, worst first.
func (s *Site) attention(ctx context.Context, l *library) []attention {
	var breaks, warnings []attention
	warn := func(list *[]attention, what string, e *event, words string) {
		a := attention{Class: "warning", Sign: "!", What: what, Name: e.Subject, Href: template.URL(s.links.event(e.Subject)), Words: words}
		if list == &breaks {
			a.Class, a.Sign = "breaks", "✕"
		}
		*list = append(*list, a)
	}
	now := s.Now()
	for _, e := range l.events {
		if e.Latest() == 0 {
			continue
		}
		for _, x := range s.examples(ctx, e, e.Latest()) {
			if x.Err != "" {
				warn(&breaks, "failing example", e, x.Name)
			}
		}
		for _, v := range e.Live() {
			if e.SunsetPassed(v.Number, now) {
				warn(&breaks, "sunset passed", e, fmt.Sprintf("v%d was to end on %s", v.Number, e.Note(v.Number).Sunset))
			}
		}
		if e.Doc == nil {
			warn(&warnings, "no description", e, "registered without a description file")
			continue
		}
		if e.Owner() == "" {
			warn(&warnings, "no owner", e, "")
		}
		if len(e.Senders) == 0 && e.Kind() != "command" {
			warn(&warnings, "no sender", e, "no service declares to send it")
		}
		for _, reader := range e.Readers {
			if reader.Version != 0 && reader.Decode != "lens" && reader.Version < e.Latest() {
				warn(&warnings, "behind", e, fmt.Sprintf("%s reads v%d, the latest is v%d", reader.Service.Name, reader.Version, e.Latest()))
			}
		}
	}
	all := slices.Concat(breaks, warnings)
	return all[:min(len(all), MaxAttention)]
}

// known says how a change of a subject or document reads.
func (s *Site) changeRow(l *library, c catalog.Change) changeRow {
	row := changeRow{At: c.At, By: c.By, Reason: c.Reason, Commit: c.Commit, Rev: c.Rev, Op: string(c.Op), Name: c.Name.String()}
	e := l.bySubject[c.Subject]
	switch c.Op {
	case catalog.OpRegister:
		row.Words = fmt.Sprintf("v%d registered", c.Version)
		if e != nil && c.Version > 0 {
			row.Href = template.URL(s.links.version(c.Subject, c.Version))
		}
		return row
	case catalog.OpDelete:
		row.Words = "deleted"
	case catalog.OpPurge:
		row.Words = "deleted for ever"
	case catalog.OpUndelete:
		row.Words = "brought back"
	case catalog.OpConfig:
		row.Words = "compatibility set"
	case catalog.OpMode:
		row.Words = "mode set"
	case catalog.OpLens:
		row.Words = fmt.Sprintf("lens of v%d", c.Version)
	case catalog.OpDocument, catalog.OpUndocument:
		return s.documentRow(row, c)
	}
	if c.Version > 0 && c.Op != catalog.OpLens {
		row.Words = fmt.Sprintf("v%d %s", c.Version, row.Words)
	}
	if c.Subject == "" {
		row.Name = "every subject"
	} else if e != nil {
		row.Href = template.URL(s.links.event(c.Subject))
	}
	return row
}
