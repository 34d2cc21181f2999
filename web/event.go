package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// latest is the page of an event without a version: that of the newest one, whose address it names as canonical.
func (s *Site) latest(w http.ResponseWriter, r *http.Request) error {
	lib, e, err := s.event(r)
	if err != nil {
		return err
	}
	number := e.Latest()
	if number == 0 {
		number = e.Versions[len(e.Versions)-1].Number
	}
	return s.versionPage(w, r, lib, e, number)
}

// version is one version: as a page, as {n}.json (the schema as registered) or {n}.md (Markdown twin). The form of the
// version switcher arrives here as ?to=n.
func (s *Site) version(w http.ResponseWriter, r *http.Request) error {
	lib, e, err := s.event(r)
	if err != nil {
		return err
	}
	text := r.PathValue("version")
	if text == "switch" {
		to := s.links.event(e.Subject)
		if n, err := strconv.Atoi(r.URL.Query().Get("to")); err == nil {
			to = s.links.version(e.Subject, n)
		}
		return &movedError{to: to, status: http.StatusSeeOther}
	}
	bare, form := text, ""
	if i := strings.LastIndexByte(text, '.'); i >= 0 {
		bare, form = text[:i], text[i+1:]
	}
	if bare == "latest" && e.Latest() > 0 {
		to := s.to("events", e.Subject, "v", strconv.Itoa(e.Latest())+strings.TrimPrefix(text, "latest"))
		return &movedError{to: to, status: http.StatusFound}
	}
	number, err := strconv.Atoi(bare)
	if err != nil || number < 1 || form != "" && form != "json" && form != "md" {
		return &pageError{status: http.StatusBadRequest, title: "Not a version", detail: fmt.Sprintf("%q is no version number; versions count from 1, with .json or .md behind for the other forms.", text)}
	}
	if _, ok := e.version(number); !ok {
		return &pageError{status: http.StatusNotFound, title: "No such version", detail: fmt.Sprintf("%s has no version %d.", e.Subject, number), nearest: []pageLink{{e.Kind(), e.Subject}}}
	}
	switch form {
	case "json":
		return s.rawSchema(w, r, e, number)
	case "md":
		return s.versionMarkdown(w, r, lib, e, number)
	}
	return s.versionPage(w, r, lib, e, number)
}

// rawSchema is the canonical text of a version; it never changes.
func (s *Site) rawSchema(w http.ResponseWriter, r *http.Request, e *event, number int) error {
	v, err := s.Registry.Version(r.Context(), catalog.Name{Subject: e.Subject}, number, catalog.WithDeleted)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("ETag", `"`+v.Schema.GUID+`"`)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", "application/schema+json")
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == `"`+v.Schema.GUID+`"` {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return s.write(w, r, http.StatusOK, []byte(v.Schema.Text))
}

// versionMarkdown is the view of a version as Markdown.
func (s *Site) versionMarkdown(w http.ResponseWriter, r *http.Request, lib *library, e *event, number int) error {
	if s.unchanged(w, r, lib) {
		return nil
	}
	view, err := s.view(r.Context(), e, number)
	if err != nil {
		return &pageError{status: http.StatusUnprocessableEntity, title: "The schema does not compile", detail: err.Error(), err: err}
	}
	var b strings.Builder
	if err := view.WriteMarkdown(&b); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("Vary", "Accept-Encoding")
	return s.write(w, r, http.StatusOK, []byte(b.String()))
}

// versionPage is what the page of one version shows.
type versionPage struct {
	E        *event
	Number   int
	Current  bool // the newest live version
	Deleted  *catalog.Version
	Mark     string // how it was let in without a good judgement, as a sentence; "" if it was judged and found good
	Note     catalog.VersionNote
	Status   string
	Level    string
	Channel  *catalog.Channel
	Tree     *tree
	View     *catalog.View
	Text     string // the schema as registered, "" if it is over maxInlineText
	Bytes    string // its length
	Broken   string // why it does not compile, "" = it does
	Examples []exampleRow
	Graph    template.HTML
	Readers  []readerRow
	Senders  []senderRow
	Observed []catalog.Usage
	Rejected []catalog.RejectionGroup
	Versions []versionRow
	Chain    []chainStep
	Siblings []*event
	Owner    catalog.Team
	Verdict  *pairVerdict // against the version before; nil for the first
}

// KeyHere says that this version has the field that is declared as key.
func (p versionPage) KeyHere() bool {
	return p.View != nil && p.E.Doc != nil && p.E.Doc.Key != "" && p.View.Find(p.E.Doc.Key) != nil
}

type exampleRow struct {
	Name string
	Text string
	Err  string // "" = valid
	At   string // address of the first fault
}

type senderRow struct {
	sender
	Here bool // sends this version
}

type readerRow struct {
	reader
	Gap    string // words on how it reads this version, "" if it was built for it
	Fields []readField
}

// readField is one address that a reader declares to use.
type readField struct {
	catalog.Read
	Version int // whose page shows it, 0 = the version that the reader was built for has it not
}

// readFields looks the declared addresses up in the version that the reader was built for.
func (s *Site) readFields(ctx context.Context, e *event, r catalog.Receive) []readField {
	number := r.Version
	if number == 0 {
		number = e.Latest()
	}
	var fields []readField
	for _, read := range r.Reads {
		f := readField{Read: read}
		if view, err := s.view(ctx, e, number); err == nil && view.Find(read.At) != nil {
			f.Version = number
		}
		fields = append(fields, f)
	}
	return fields
}

type versionRow struct {
	Number  int
	Status  string
	Note    catalog.VersionNote
	V       catalog.Version
	Here    bool
	Before  int // the live version before, 0 for the first
	Verdict *pairVerdict
	Written string // records observed in words
}

// chainStep is one lens: from a version to the next.
type chainStep struct {
	From, To int
	Notes    string
	Ops      []op
	Proof    string
	Back     string   // what is known of the way back
	Inferred []string // addresses that the way up invents
	Lost     []string // addresses that the way up drops
	LostBack []string // addresses that the way back drops
}

func (s *Site) versionPage(w http.ResponseWriter, r *http.Request, lib *library, e *event, number int) error {
	ctx := r.Context()
	name := catalog.Name{Subject: e.Subject}
	usage, err := s.Registry.Usage(ctx, name, observedRows)
	if err != nil {
		return err
	}
	rejected, err := s.Registry.Rejections(ctx, catalog.RejectionQuery{Name: name, Limit: observedRows})
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib, observedState(usage, rejected)) {
		return nil
	}
	stored, err := s.Registry.Version(ctx, name, number, catalog.WithDeleted)
	if err != nil {
		return err
	}
	p := versionPage{
		E: e, Observed: usage, Rejected: rejected, Number: number, Current: number == e.Latest(), Note: e.Note(number), Status: e.Status(number),
		Level: string(e.Level), Channel: lib.channel(e.Channel()), Bytes: grouped(int64(len(stored.Schema.Text))), Owner: lib.teams[e.Owner()],
		Examples: s.examples(ctx, e, number), Siblings: lib.eventsOf(e.Domain()),
	}
	if stored.State != catalog.Live {
		p.Deleted = &stored
	}
	p.Mark = stored.Mark.Sentence()
	if len(stored.Schema.Text) <= maxInlineText {
		p.Text = stored.Schema.Text
	}
	if view, err := s.tracedView(ctx, e, number); err != nil {
		p.Broken = cmp.Or(stored.Schema.Broken, err.Error())
	} else {
		t := newTree(view)
		p.View, p.Tree = view, &t
	}
	p.Graph = s.hourglass(lib, e).SVG()
	s.partners(ctx, &p, e, number)
	p.Versions = s.versionRows(ctx, e, number, p.Observed)
	for _, row := range p.Versions {
		if row.Here {
			p.Verdict = row.Verdict
		}
	}
	p.Chain = chainOf(e)
	status := http.StatusOK
	if p.Deleted != nil {
		status = http.StatusGone
	}
	return s.render(w, r, "event", status, page{
		Title: fmt.Sprintf("%s v%d", e.Subject, number), Nav: "events", Rev: lib.rev, Crumbs: s.eventCrumbs(e, fmt.Sprintf("v%d", number)), Data: p,
	})
}

// maxInlineText is the longest schema text that a page holds beside its tree, in bytes; a longer one has its own page.
const maxInlineText = 16 << 10

// observedRows bounds what a page lists of observations.
const observedRows = 50

func (s *Site) eventCrumbs(e *event, last string) []crumb {
	crumbs := []crumb{{"Events", template.URL(s.to("events"))}}
	if d := e.Domain(); d != "" {
		crumbs = append(crumbs, crumb{d, template.URL(s.links.domain(d))})
	}
	return append(crumbs, crumb{e.Subject, template.URL(s.links.event(e.Subject))}, crumb{last, ""})
}

// partners fills senders and readers, with how each reader gets along with this version.
func (s *Site) partners(ctx context.Context, p *versionPage, e *event, number int) {
	for _, x := range e.Senders {
		p.Senders = append(p.Senders, senderRow{x, slices.Contains(x.Versions, number) || len(x.Versions) == 0})
	}
	for _, x := range e.Readers {
		row := readerRow{reader: x, Fields: s.readFields(ctx, e, x.Receive)}
		switch {
		case x.Version == 0 || x.Version == number:
		case x.Decode == "lens" && x.Version > number:
			row.Gap = fmt.Sprintf("lifted from v%d by lens", number)
		case x.Decode == "lens":
			row.Gap = fmt.Sprintf("brought down to v%d by lens", x.Version)
		default:
			row.Gap = fmt.Sprintf("built for v%d, reads it raw", x.Version)
		}
		p.Readers = append(p.Readers, row)
	}
}

// hourglass is the default picture of an event: who sends it, the event, its channel, who reads it.
func (s *Site) hourglass(lib *library, e *event) graph {
	g := graph{
		Title:       "Who sends and reads " + e.Subject,
		Description: fmt.Sprintf("%d senders and %d readers are declared.", len(e.Senders), len(e.Readers)),
		Columns:     map[string]int{},
	}
	add := func(n graphNode, column int) {
		g.Nodes = append(g.Nodes, n)
		g.Columns[n.ID] = column
	}
	middle := graphNode{ID: "event:" + e.Subject, Kind: e.drawnAs(), Label: e.Short(), Over: e.Kind(), Href: s.links.event(e.Subject), Focus: true}
	if d := e.Domain(); d != "" {
		middle.Over += " · " + d
	}
	add(middle, 1)
	last := middle.ID
	if c := e.Channel(); c != "" {
		n := graphNode{ID: "channel:" + c, Kind: "channel", Label: c, Over: "channel"}
		if lib.channel(c) != nil {
			n.Href = s.links.channel(c)
		}
		add(n, 2)
		g.Edges = append(g.Edges, graphEdge{From: middle.ID, To: n.ID})
		last = n.ID
	}
	for _, x := range e.Senders {
		id := "sender:" + x.Service.Name
		add(s.serviceNode(id, x.Service, versionWords("sends", x.Versions)), 0)
		g.Edges = append(g.Edges, graphEdge{From: id, To: middle.ID})
	}
	for _, x := range e.Readers {
		id := "reader:" + x.Service.Name
		over := "reads"
		if x.Version > 0 {
			over = fmt.Sprintf("reads v%d", x.Version)
		}
		add(s.serviceNode(id, x.Service, over), 3)
		g.Edges = append(g.Edges, graphEdge{From: last, To: id})
	}
	return g
}

func (s *Site) serviceNode(id string, service *catalog.Service, over string) graphNode {
	return graphNode{ID: id, Kind: "service", Label: service.Name, Over: over, Href: s.links.service(service.Name)}
}

// drawnAs is the kind whose shape a picture uses.
func (e *event) drawnAs() string {
	if k := e.Kind(); k != "type" {
		return k
	}
	return "event"
}

func versionWords(verb string, versions []int) string {
	if len(versions) == 0 {
		return verb
	}
	words := make([]string, len(versions))
	for i, v := range versions {
		words[i] = "v" + strconv.Itoa(v)
	}
	return verb + " " + strings.Join(words, ", ")
}

// chainOf are the lenses of an event, oldest first.
func chainOf(e *event) []chainStep {
	var chain []chainStep
	for _, v := range e.Live() {
		if v.Lens == nil {
			continue
		}
		var lens struct {
			From  int               `json:"from"`
			Notes string            `json:"notes"`
			Ops   []json.RawMessage `json:"ops"`
		}
		if json.Unmarshal(v.Lens.Lens, &lens) != nil {
			continue
		}
		step := chainStep{From: lens.From, To: v.Number, Notes: lens.Notes}
		step.proved(v.Lens.Report)
		if step.From == 0 {
			step.From = v.Number - 1
		}
		for _, o := range lens.Ops {
			step.Ops = append(step.Ops, newOp(o))
		}
		chain = append(chain, step)
	}
	return chain
}

// proved fills what the proof of the lens found.
func (c *chainStep) proved(report json.RawMessage) {
	var r catalog.LensReport
	if json.Unmarshal(report, &r) != nil {
		return
	}
	c.Proof = proofWords(report)
	c.Back = lensWords(r.Down)
	c.Inferred, c.Lost, c.LostBack = r.Inferred, r.Lost.Up, r.Lost.Down
}

// lensWords says how sure one direction of a lens is, "" if nothing is known.
func lensWords(v catalog.LensVerdict) string {
	switch {
	case v.Verdict == catalog.LensTested && v.Samples > 0:
		if v.Samples == 1 {
			return "tested on 1 event"
		}
		return fmt.Sprintf("tested on %d events", v.Samples)
	case v.Verdict == catalog.LensOneWay:
		return "not possible"
	}
	return v.Verdict
}

// op is one step of a lens in words: its name, its members as written, and the steps inside.
type op struct {
	Name  string
	Words string
	Ops   []op
}

// newOp reads an op by its form alone: every op has a name and members, and ops hold further ones.
func newOp(raw json.RawMessage) op {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return op{Words: string(raw)}
	}
	var o op
	_ = json.Unmarshal(members["op"], &o.Name)
	var inner []json.RawMessage
	_ = json.Unmarshal(members["ops"], &inner)
	for _, x := range inner {
		o.Ops = append(o.Ops, newOp(x))
	}
	delete(members, "op")
	delete(members, "ops")
	var words []string
	for _, name := range []string{"at", "from", "to"} {
		if value, ok := members[name]; ok {
			words = append(words, name+" "+plain(value))
			delete(members, name)
		}
	}
	for _, name := range sortedKeys(members) {
		words = append(words, name+" "+plain(members[name]))
	}
	o.Words = strings.Join(words, ", ")
	return o
}

// plain is a JSON value as people write it: a string without its quotes where it reads well, a list by commas, a table
// by arrows.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && text != "" && strings.TrimSpace(text) == text {
		return text
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil && len(list) > 0 {
		words := make([]string, len(list))
		for i, x := range list {
			words[i] = plain(x)
		}
		return strings.Join(words, " and ")
	}
	var table map[string]json.RawMessage
	if json.Unmarshal(value, &table) == nil && len(table) > 0 {
		var words []string
		for _, name := range sortedKeys(table) {
			words = append(words, name+" → "+plain(table[name]))
		}
		return strings.Join(words, ", ")
	}
	return string(value)
}
