package web

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

type serviceListPage struct {
	Services []serviceCard
	Graph    template.HTML
	Edges    int
}

type serviceCard struct {
	*catalog.Service
	SendsN, ReadsN int
}

// serviceList is every service with the picture of all that flows between them.
func (s *Site) serviceList(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	var p serviceListPage
	for _, x := range lib.services {
		p.Services = append(p.Services, serviceCard{x, len(x.Sends), len(x.Receives)})
	}
	g := s.systemGraph(lib)
	p.Graph, p.Edges = g.SVG(), len(g.Edges)
	return s.render(w, r, "services", http.StatusOK, page{Title: "Services", Nav: "services", Rev: lib.rev, Data: p})
}

// systemGraph draws services and, between two of them, how many kinds of event go that way. It is the services' own
// picture: events as nodes would be the whole catalog.
func (s *Site) systemGraph(lib *library) graph {
	g := graph{Title: "Which service sends events to which"}
	names := flowOrder(lib)
	for _, name := range names {
		x := lib.service(name)
		g.Nodes = append(g.Nodes, s.serviceNode("service:"+name, x, fmt.Sprintf("sends %d, reads %d", len(x.Sends), len(x.Receives))))
	}
	for _, name := range names {
		for _, sends := range lib.service(name).Sends {
			e := lib.bySubject[sends.Event]
			if e == nil {
				continue
			}
			for _, to := range e.Readers {
				g.Edges = append(g.Edges, graphEdge{From: "service:" + name, To: "service:" + to.Service.Name})
			}
		}
	}
	return g
}

// flowOrder are the services in the order in which the flows name them, the others after them by name.
func flowOrder(lib *library) []string {
	var names []string
	add := func(name string) {
		if lib.service(name) != nil && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, f := range lib.flows {
		for _, step := range f.Steps {
			add(step.Service)
		}
	}
	for _, x := range lib.services {
		add(x.Name)
	}
	return names
}

type servicePage struct {
	*catalog.Service
	Team     catalog.Team
	Graph    template.HTML
	Sent     []traffic
	Received []traffic
	All      []*catalog.Service
	Observed []observedRow
}

// traffic is one event that a service sends or reads, with the other side.
type traffic struct {
	E        *event // nil: nothing of that name is registered
	Event    string
	Versions []int
	Receive  catalog.Receive
	Fields   []readField
	Others   []string // services on the other side
}

// Everything says that no list of fields is declared.
func (t traffic) Everything() bool { return t.Receive.Reads == nil }

func (s *Site) servicePage(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	x := lib.service(r.PathValue("service"))
	if x == nil {
		return lib.unknown("service", r.PathValue("service"))
	}
	usage, err := s.Registry.Usage(r.Context(), catalog.Name{}, 0)
	if err != nil {
		return err
	}
	usage = slices.DeleteFunc(usage, func(u catalog.Usage) bool {
		return !sameService(u, x) || !lib.who.MayRead(catalog.Name{Context: u.Context, Subject: u.Subject})
	})
	if s.unchanged(w, r, lib, observedState(usage, nil)) {
		return nil
	}
	p := servicePage{Service: x, Team: lib.teams[x.Owner], Graph: s.serviceGraph(lib, x).SVG(), All: lib.services}
	for _, sends := range x.Sends {
		t := traffic{E: lib.bySubject[sends.Event], Event: sends.Event, Versions: sends.Versions}
		if t.E != nil {
			for _, reader := range t.E.Readers {
				t.Others = append(t.Others, reader.Service.Name)
			}
		}
		p.Sent = append(p.Sent, t)
	}
	for _, receive := range x.Receives {
		t := traffic{E: lib.bySubject[receive.Event], Event: receive.Event, Receive: receive}
		if t.E != nil {
			t.Fields = s.readFields(r.Context(), t.E, receive)
			for _, sender := range t.E.Senders {
				t.Others = append(t.Others, sender.Service.Name)
			}
		}
		p.Received = append(p.Received, t)
	}
	for _, u := range usage {
		p.Observed = append(p.Observed, newObserved(u))
	}
	return s.render(w, r, "service", http.StatusOK, page{
		Title: x.Name, Nav: "services", Rev: lib.rev, Crumbs: []crumb{{"Services", template.URL(s.to("services"))}, {x.Name, ""}}, Data: p,
	})
}

// serviceGraph draws one service in the middle: senders, the events it reads, itself, the events it sends, readers.
func (s *Site) serviceGraph(lib *library, x *catalog.Service) graph {
	g := graph{Title: "What " + x.Name + " reads and sends", Columns: map[string]int{}}
	add := func(n graphNode, column int) {
		if _, ok := g.Columns[n.ID]; !ok {
			g.Nodes = append(g.Nodes, n)
			g.Columns[n.ID] = column
		}
	}
	me := "service:" + x.Name
	focus := s.serviceNode(me, x, "service")
	focus.Focus = true
	add(focus, 2)
	for _, receive := range x.Receives {
		id := "read:" + receive.Event
		over := "reads"
		if receive.Version > 0 {
			over = fmt.Sprintf("reads v%d", receive.Version)
		}
		add(s.eventNode(id, lib, receive.Event, over), 1)
		g.Edges = append(g.Edges, graphEdge{From: id, To: me})
		if e := lib.bySubject[receive.Event]; e != nil {
			for _, from := range e.Senders {
				add(s.serviceNode("sender:"+from.Service.Name, from.Service, "sends"), 0)
				g.Edges = append(g.Edges, graphEdge{From: "sender:" + from.Service.Name, To: id})
			}
		}
	}
	for _, sends := range x.Sends {
		id := "sent:" + sends.Event
		add(s.eventNode(id, lib, sends.Event, versionWords("sends", sends.Versions)), 3)
		g.Edges = append(g.Edges, graphEdge{From: me, To: id})
		if e := lib.bySubject[sends.Event]; e != nil {
			for _, to := range e.Readers {
				add(s.serviceNode("reader:"+to.Service.Name, to.Service, "reads"), 4)
				g.Edges = append(g.Edges, graphEdge{From: id, To: "reader:" + to.Service.Name})
			}
		}
	}
	g.trimColumns()
	return g
}

// trimColumns closes columns that nothing stands in.
func (g *graph) trimColumns() {
	used := map[int]bool{}
	for _, c := range g.Columns {
		used[c] = true
	}
	for id, c := range g.Columns {
		left := 0
		for i := range c {
			if used[i] {
				left++
			}
		}
		g.Columns[id] = left
	}
}

func (s *Site) eventNode(id string, lib *library, subject, over string) graphNode {
	n := graphNode{ID: id, Kind: "event", Label: shortName(subject), Over: over}
	if domain, _, ok := strings.Cut(subject, "."); ok {
		n.Over = domain + " · " + over
	}
	if e := lib.bySubject[subject]; e != nil {
		n.Kind, n.Href = e.drawnAs(), s.links.event(subject)
	}
	return n
}
