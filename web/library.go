package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// library is the catalog at one revision, joined for reading: every subject with its description, who sends and who
// reads it, and the documents around. It is built once per revision and not changed after, so that pages share it.
type library struct {
	rev      catalog.Rev
	who      *api.Caller // what may be read is in it, nothing else
	events   []*event    // by subject; events, commands and states
	types    []*event    // subjects without a description that others refer to
	services []*catalog.Service
	channels []*catalog.Channel
	flows    []*catalog.Flow
	domains  []*catalog.Domain
	teams    map[string]catalog.Team

	bySubject map[string]*event
	byAlias   map[string]string

	namesOnce sync.Once
	names     *catalog.Index // set by namesOnce
	mu        sync.Mutex
	whole     *catalog.Index // guarded by mu
}

// event is one subject as the pages show it.
type event struct {
	Subject  string
	Doc      *catalog.Event // nil: registered without a description file
	Versions []catalog.Version
	Level    catalog.Level
	Text     string // of the latest version, "" if none is live
	Refs     []catalog.Reference
	Senders  []sender
	Readers  []reader
	UsedBy   []string // subjects whose latest version refers to it
}

// sender is a service that declares to send an event.
type sender struct {
	Service  *catalog.Service
	Versions []int
}

// reader is a service that declares to read an event.
type reader struct {
	Service *catalog.Service
	catalog.Receive
}

// Kind is event, command, state, or type for a shared type.
func (e *event) Kind() string {
	switch {
	case e.Doc != nil:
		return strings.ToLower(e.Doc.Kind)
	case len(e.UsedBy) > 0:
		return "type"
	}
	return "event"
}

// Title is what people call it, "" if nobody says.
func (e *event) Title() string { return doc(e, func(d *catalog.Event) string { return d.Title }) }

// Summary is one line of Markdown.
func (e *event) Summary() string { return doc(e, func(d *catalog.Event) string { return d.Summary }) }

// Domain is the domain's name, by document or by what stands before the first dot of the subject.
func (e *event) Domain() string {
	if d := doc(e, func(d *catalog.Event) string { return d.Domain }); d != "" {
		return d
	}
	domain, _, dotted := strings.Cut(e.Subject, ".")
	if !dotted || e.Kind() == "type" {
		return ""
	}
	return domain
}

// Owner is a team's name, "" if nobody owns it.
func (e *event) Owner() string { return doc(e, func(d *catalog.Event) string { return d.Owner }) }

// Channel is the name of the channel it travels on.
func (e *event) Channel() string { return doc(e, func(d *catalog.Event) string { return d.Channel }) }

// Lifecycle is draft, active, deprecated or retired; "" if nobody says.
func (e *event) Lifecycle() string {
	return doc(e, func(d *catalog.Event) string { return d.Lifecycle })
}

// Short is the name without its domain.
func (e *event) Short() string { return shortName(e.Subject) }

func shortName(subject string) string {
	if i := strings.LastIndexByte(subject, '.'); i >= 0 && i+1 < len(subject) {
		return subject[i+1:]
	}
	return subject
}

func doc(e *event, member func(*catalog.Event) string) string {
	if e.Doc == nil {
		return ""
	}
	return member(e.Doc)
}

// Live are the versions that are not deleted, ascending.
func (e *event) Live() []catalog.Version {
	return slices.DeleteFunc(slices.Clone(e.Versions), func(v catalog.Version) bool { return v.State != catalog.Live })
}

// Latest is the number of the newest live version, 0 if there is none.
func (e *event) Latest() int {
	live := e.Live()
	if len(live) == 0 {
		return 0
	}
	return live[len(live)-1].Number
}

// version finds a version by number, in any state.
func (e *event) version(number int) (catalog.Version, bool) {
	i := slices.IndexFunc(e.Versions, func(v catalog.Version) bool { return v.Number == number })
	if i < 0 {
		return catalog.Version{}, false
	}
	return e.Versions[i], true
}

// Note is what the description says became of a version.
func (e *event) Note(number int) catalog.VersionNote {
	if e.Doc == nil {
		return catalog.VersionNote{}
	}
	return e.Doc.Versions[fmt.Sprint(number)]
}

// Status is what a version is now: its note's word, or what the registry knows.
func (e *event) Status(number int) string {
	if v, ok := e.version(number); ok && v.State != catalog.Live {
		return "deleted"
	}
	return cmp.Or(e.Note(number).Status, e.Lifecycle(), "active")
}

// SunsetPassed says whether a version's last day is over on the given day.
func (e *event) SunsetPassed(number int, today time.Time) bool {
	sunset := e.Note(number).Sunset
	return sunset != "" && sunset < today.Format(time.DateOnly)
}

// load reads the whole catalog. It is asked once per revision.
func load(ctx context.Context, r *catalog.Registry, rev catalog.Rev, who *api.Caller) (*library, error) {
	l := &library{rev: rev, who: who, teams: map[string]catalog.Team{}, bySubject: map[string]*event{}, byAlias: map[string]string{}}
	if err := l.loadSubjects(ctx, r); err != nil {
		return nil, fmt.Errorf("read subjects: %w", err)
	}
	if err := l.loadDocuments(ctx, r); err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	l.join()
	return l, nil
}

func (l *library) loadSubjects(ctx context.Context, r *catalog.Registry) error {
	home := ""
	q := catalog.Query{Context: &home, Include: catalog.WithDeleted, Expand: catalog.ExpandVersions | catalog.ExpandLatest | catalog.ExpandPolicies}
	for {
		page, err := r.Subjects(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range page {
			if !l.who.MayRead(s.Name) {
				continue
			}
			e := &event{Subject: s.Subject, Level: s.Policies.Config().Compatibility}
			for _, v := range s.Versions {
				if v.State != catalog.Gone {
					e.Versions = append(e.Versions, v)
				}
			}
			if s.Latest != nil {
				e.Text, e.Refs = s.Latest.Schema.Text, s.Latest.Schema.References
			}
			if len(e.Versions) > 0 {
				l.bySubject[e.Subject] = e
				l.events = append(l.events, e)
			}
		}
		if len(page) < catalog.MaxPage {
			return nil
		}
		q.After = page[len(page)-1].Name
	}
}

func (l *library) loadDocuments(ctx context.Context, r *catalog.Registry) error {
	var after catalog.DocumentPosition
	for {
		page, err := r.Documents(ctx, "", after, 0)
		if err != nil {
			return err
		}
		for _, d := range page {
			if l.who.MayReadDocument(d.Kind, d.Name) {
				l.document(d.Body)
			}
		}
		if len(page) < catalog.MaxPage {
			return nil
		}
		last := page[len(page)-1]
		after = catalog.DocumentPosition{Kind: last.Kind, Name: last.Name}
	}
}

// document files one document. The registry refuses what does not decode, so nothing is left out here but a document
// of a kind that a newer accord wrote.
func (l *library) document(body json.RawMessage) {
	decoded, err := catalog.DecodeDocument(body)
	if err != nil {
		return
	}
	switch d := decoded.(type) {
	case *catalog.Event:
		if e := l.bySubject[d.Name]; e != nil {
			e.Doc = d
		}
		for _, alias := range d.Aliases {
			l.byAlias[alias] = d.Name
		}
	case *catalog.Service:
		unread := func(subject string) bool { return !l.who.MayRead(catalog.Name{Subject: subject}) }
		d.Sends = slices.DeleteFunc(d.Sends, func(x catalog.Sends) bool { return unread(x.Event) })
		d.Receives = slices.DeleteFunc(d.Receives, func(x catalog.Receive) bool { return unread(x.Event) })
		l.services = append(l.services, d)
	case *catalog.Channel:
		l.channels = append(l.channels, d)
	case *catalog.Flow:
		l.flows = append(l.flows, d)
	case *catalog.Domain:
		l.domains = append(l.domains, d)
	case *catalog.Teams:
		for _, t := range d.Teams {
			l.teams[t.Name] = t
		}
	}
}

// join connects what stands apart: senders, readers, references; then it sorts and indexes.
func (l *library) join() {
	byName := func(a, b string) int { return strings.Compare(a, b) }
	slices.SortFunc(l.services, func(a, b *catalog.Service) int { return byName(a.Name, b.Name) })
	slices.SortFunc(l.channels, func(a, b *catalog.Channel) int { return byName(a.Name, b.Name) })
	slices.SortFunc(l.flows, func(a, b *catalog.Flow) int { return byName(a.Name, b.Name) })
	slices.SortFunc(l.domains, func(a, b *catalog.Domain) int { return byName(a.Name, b.Name) })
	slices.SortFunc(l.events, func(a, b *event) int { return byName(a.Subject, b.Subject) })
	for _, s := range l.services {
		for _, x := range s.Sends {
			if e := l.bySubject[x.Event]; e != nil {
				e.Senders = append(e.Senders, sender{s, x.Versions})
			}
		}
		for _, x := range s.Receives {
			if e := l.bySubject[x.Event]; e != nil {
				e.Readers = append(e.Readers, reader{s, x})
			}
		}
	}
	for _, e := range l.events {
		for _, r := range e.Refs {
			if to := l.bySubject[r.Subject]; to != nil && !slices.Contains(to.UsedBy, e.Subject) {
				to.UsedBy = append(to.UsedBy, e.Subject)
			}
		}
	}
	all := l.events
	l.events = nil
	for _, e := range all {
		if e.Kind() == "type" {
			l.types = append(l.types, e)
		} else {
			l.events = append(l.events, e)
		}
	}
}

// service finds a service by name, nil if none is declared.
func (l *library) service(name string) *catalog.Service {
	return found(l.services, name, func(s *catalog.Service) string { return s.Name })
}

func (l *library) channel(name string) *catalog.Channel {
	return found(l.channels, name, func(c *catalog.Channel) string { return c.Name })
}

func (l *library) flow(name string) *catalog.Flow {
	return found(l.flows, name, func(f *catalog.Flow) string { return f.Name })
}

func (l *library) domain(name string) *catalog.Domain {
	return found(l.domains, name, func(d *catalog.Domain) string { return d.Name })
}

func found[T any](list []*T, name string, nameOf func(*T) string) *T {
	i, ok := slices.BinarySearchFunc(list, name, func(x *T, name string) int { return strings.Compare(nameOf(x), name) })
	if !ok {
		return nil
	}
	return list[i]
}

// domainNames are all domains that a document or an event names, sorted.
func (l *library) domainNames() []string {
	var names []string
	for _, d := range l.domains {
		names = append(names, d.Name)
	}
	for _, e := range l.events {
		if d := e.Domain(); d != "" {
			names = append(names, d)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// eventsOf are the events of a domain.
func (l *library) eventsOf(domain string) []*event {
	var events []*event
	for _, e := range l.events {
		if e.Domain() == domain {
			events = append(events, e)
		}
	}
	return events
}

// onChannel are the events that travel on a channel.
func (l *library) onChannel(name string) []*event {
	var events []*event
	for _, e := range l.events {
		if e.Channel() == name {
			events = append(events, e)
		}
	}
	return events
}
