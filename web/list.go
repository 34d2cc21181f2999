package web

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// pageSize is how many rows of a list one page shows.
const pageSize = 100

type eventsPage struct {
	Rows                        []*event
	Total                       int
	Q, Domain, Owner, Status    string
	Domains, Owners, Lifecycles []string
	Next                        template.URL // "" at the end
	After                       string
	Types                       []*event
}

// events lists all events, filtered by the form, sorted by name and paged by the last name seen.
func (s *Site) events(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	query := r.URL.Query()
	p := eventsPage{Q: query.Get("q"), Domain: query.Get("domain"), Owner: query.Get("owner"), Status: query.Get("status"), After: query.Get("after")}
	if len(p.Q) > MaxQuery {
		return tooLong()
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	for _, e := range lib.events {
		p.Owners, p.Lifecycles = append(p.Owners, e.Owner()), append(p.Lifecycles, e.Status(e.Latest()))
	}
	p.Domains, p.Owners, p.Lifecycles = lib.domainNames(), distinct(p.Owners), distinct(p.Lifecycles)
	if p.Q+p.Domain+p.Owner+p.Status == "" && p.After == "" {
		p.Types = lib.types
	}
	for _, e := range lib.events {
		if !p.matches(e) {
			continue
		}
		p.Total++
		if e.Subject <= p.After {
			continue
		}
		if len(p.Rows) == pageSize {
			query.Set("after", p.Rows[pageSize-1].Subject)
			p.Next = template.URL(s.to("events") + "?" + query.Encode()) // encoded
			continue
		}
		p.Rows = append(p.Rows, e)
	}
	return s.render(w, r, "events", http.StatusOK, page{Title: "Events", Nav: "events", Rev: lib.rev, Data: p})
}

func (p *eventsPage) matches(e *event) bool {
	q := strings.ToLower(p.Q)
	return (q == "" || strings.Contains(strings.ToLower(e.Subject+" "+e.Title()+" "+e.Summary()), q)) &&
		(p.Domain == "" || e.Domain() == p.Domain) && (p.Owner == "" || e.Owner() == p.Owner) &&
		(p.Status == "" || e.Status(e.Latest()) == p.Status)
}

func distinct(words []string) []string {
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	slices.Sort(words)
	return slices.Compact(words)
}

func tooLong() error {
	return &pageError{status: http.StatusRequestURITooLong, title: "The query is too long", detail: fmt.Sprintf("At most %d bytes are searched for.", MaxQuery)}
}

// domainList and domainPage group events.
func (s *Site) domainList(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	return s.render(w, r, "domains", http.StatusOK, page{Title: "Domains", Nav: "events", Rev: lib.rev, Data: lib.domainCards()})
}

func (s *Site) domainPage(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	name := r.PathValue("domain")
	cards := lib.domainCards()
	i := slices.IndexFunc(cards, func(c domainCard) bool { return c.Name == name })
	if i < 0 {
		return lib.unknown("domain", name)
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	return s.render(w, r, "domain", http.StatusOK, page{
		Title: cards[i].Title, Nav: "events", Rev: lib.rev, Crumbs: []crumb{{"Events", template.URL(s.to("events"))}, {cards[i].Title, ""}},
		Data: struct {
			domainCard
			Team catalog.Team
		}{cards[i], lib.teams[cards[i].Owner]},
	})
}

type channelRow struct {
	*catalog.Channel
	Events []*event
	Groups []string // consumer groups of the declared readers
}

func (l *library) channelRow(c *catalog.Channel) channelRow {
	row := channelRow{Channel: c, Events: l.onChannel(c.Name)}
	for _, e := range row.Events {
		for _, reader := range e.Readers {
			row.Groups = append(row.Groups, reader.Service.ConsumerGroups...)
		}
	}
	row.Groups = distinct(row.Groups)
	return row
}

// Policy is what the channel does with a bad record, by default rejecting it.
func (c channelRow) Policy() string {
	return c.enforced(func(e *catalog.Enforce) string { return e.Policy }, "reject")
}

// Unknown is what it does with a record of no known schema.
func (c channelRow) Unknown() string {
	return c.enforced(func(e *catalog.Enforce) string { return e.Unknown }, "retry")
}

// Tombstones says whether records without a value pass.
func (c channelRow) Tombstones() string {
	return c.enforced(func(e *catalog.Enforce) string { return e.Tombstones }, "auto")
}

// Quarantine says whether a copy of what is refused is kept.
func (c channelRow) Quarantine() bool { return c.Enforce != nil && c.Enforce.Quarantine }

func (c channelRow) enforced(member func(*catalog.Enforce) string, otherwise string) string {
	if c.Enforce == nil {
		return otherwise
	}
	return cmp.Or(member(c.Enforce), otherwise)
}

// channelList and channelPage show topics.
func (s *Site) channelList(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	var rows []channelRow
	for _, c := range lib.channels {
		rows = append(rows, lib.channelRow(c))
	}
	return s.render(w, r, "channels", http.StatusOK, page{Title: "Channels", Nav: "channels", Rev: lib.rev, Data: rows})
}

func (s *Site) channelPage(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	c := lib.channel(r.PathValue("channel"))
	if c == nil {
		return lib.unknown("channel", r.PathValue("channel"))
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	row := lib.channelRow(c)
	return s.render(w, r, "channel", http.StatusOK, page{
		Title: c.Name, Nav: "channels", Rev: lib.rev, Crumbs: []crumb{{"Channels", template.URL(s.to("channels"))}, {c.Name, ""}},
		Data: struct {
			channelRow
			Team  catalog.Team
			Graph template.HTML
		}{row, lib.teams[c.Owner], s.channelGraph(lib, row).SVG()},
	})
}

// channelGraph is the hourglass of a channel: senders, events, the channel, readers.
func (s *Site) channelGraph(lib *library, c channelRow) graph {
	g := graph{Title: "What travels on " + c.Name, Columns: map[string]int{}}
	add := func(n graphNode, column int) {
		if _, ok := g.Columns[n.ID]; !ok {
			g.Nodes = append(g.Nodes, n)
			g.Columns[n.ID] = column
		}
	}
	me := "channel:" + c.Name
	add(graphNode{ID: me, Kind: "channel", Label: c.Name, Over: "channel", Href: s.links.channel(c.Name), Focus: true}, 2)
	for _, e := range c.Events {
		id := "event:" + e.Subject
		add(s.eventNode(id, lib, e.Subject, e.Kind()), 1)
		g.Edges = append(g.Edges, graphEdge{From: id, To: me})
		for _, x := range e.Senders {
			add(s.serviceNode("sender:"+x.Service.Name, x.Service, "sends"), 0)
			g.Edges = append(g.Edges, graphEdge{From: "sender:" + x.Service.Name, To: id})
		}
		for _, x := range e.Readers {
			add(s.serviceNode("reader:"+x.Service.Name, x.Service, "reads"), 3)
			g.Edges = append(g.Edges, graphEdge{From: me, To: "reader:" + x.Service.Name})
		}
	}
	g.trimColumns()
	return g
}

// flowList and flowPage show business processes.
func (s *Site) flowList(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	var rows []sequence
	for _, f := range lib.flows {
		rows = append(rows, newSequence(f))
	}
	return s.render(w, r, "flows", http.StatusOK, page{Title: "Flows", Nav: "flows", Rev: lib.rev, Data: rows})
}

func (s *Site) flowPage(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	f := lib.flow(r.PathValue("flow"))
	if f == nil {
		return lib.unknown("flow", r.PathValue("flow"))
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	seq := newSequence(f)
	var drawn template.HTML
	if seq.Drawable() {
		drawn = seq.SVG(func(subject string) string {
			if e := lib.bySubject[subject]; e != nil && e.Latest() > 0 {
				return fmt.Sprintf("%s v%d", shortName(subject), e.Latest())
			}
			return shortName(subject)
		}, s.links.event, s.links.service)
	}
	return s.render(w, r, "flow", http.StatusOK, page{
		Title: cmp.Or(f.Title, f.Name), Nav: "flows", Rev: lib.rev, Crumbs: []crumb{{"Flows", template.URL(s.to("flows"))}, {cmp.Or(f.Title, f.Name), ""}},
		Data: struct {
			sequence
			Drawn             template.HTML
			MaxLanes, MaxRows int
			Team              catalog.Team
			Heading           string
		}{seq, drawn, MaxFlowLanes, MaxFlowRows, lib.teams[f.Owner], cmp.Or(f.Title, f.Name)},
	})
}

// eventGraph is the wider picture of an event: everything within one or two hops, by the layered layout.
func (s *Site) eventGraph(w http.ResponseWriter, r *http.Request) error {
	lib, e, err := s.event(r)
	if err != nil {
		return err
	}
	hops := 1
	switch r.URL.Query().Get("hops") {
	case "", "1":
	case "2":
		hops = 2
	default:
		return &pageError{status: http.StatusBadRequest, title: "Not a number of hops", detail: "hops is 1 or 2."}
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	g := s.neighbours(lib, e, hops)
	type row struct{ From, To graphNode }
	var rows []row
	byID := map[string]graphNode{}
	for _, n := range g.Nodes {
		byID[n.ID] = n
	}
	for _, x := range g.Edges {
		rows = append(rows, row{byID[x.From], byID[x.To]})
	}
	return s.render(w, r, "graph", http.StatusOK, page{
		Title: "Around " + e.Subject, Nav: "events", Rev: lib.rev, Crumbs: s.eventCrumbs(e, "around it"),
		Data: struct {
			E     *event
			Hops  int
			Graph template.HTML
			Rows  []row
		}{e, hops, g.SVG(), rows},
	})
}

// neighbours are the services of an event, the events they send and read, and with two hops the services of those.
func (s *Site) neighbours(lib *library, e *event, hops int) graph {
	g := graph{Title: "Around " + e.Subject}
	seen := map[string]bool{}
	drawn := map[graphEdge]bool{}
	node := func(n graphNode) {
		if !seen[n.ID] {
			seen[n.ID] = true
			g.Nodes = append(g.Nodes, n)
		}
	}
	edge := func(from, to string) {
		if x := (graphEdge{From: from, To: to}); !drawn[x] {
			drawn[x] = true
			g.Edges = append(g.Edges, x)
		}
	}
	around := func(e *event) []*catalog.Service {
		id := "event:" + e.Subject
		var services []*catalog.Service
		for _, x := range e.Senders {
			node(s.serviceNode("service:"+x.Service.Name, x.Service, "service"))
			edge("service:"+x.Service.Name, id)
			services = append(services, x.Service)
		}
		for _, x := range e.Readers {
			node(s.serviceNode("service:"+x.Service.Name, x.Service, "service"))
			edge(id, "service:"+x.Service.Name)
			services = append(services, x.Service)
		}
		return services
	}
	focus := s.eventNode("event:"+e.Subject, lib, e.Subject, e.Kind())
	focus.Focus = true
	node(focus)
	for _, x := range around(e) {
		for _, sends := range x.Sends {
			node(s.eventNode("event:"+sends.Event, lib, sends.Event, "event"))
			edge("service:"+x.Name, "event:"+sends.Event)
			if next := lib.bySubject[sends.Event]; next != nil && hops > 1 {
				around(next)
			}
		}
		for _, reads := range x.Receives {
			node(s.eventNode("event:"+reads.Event, lib, reads.Event, "event"))
			edge("event:"+reads.Event, "service:"+x.Name)
			if next := lib.bySubject[reads.Event]; next != nil && hops > 1 {
				around(next)
			}
		}
	}
	return g
}
