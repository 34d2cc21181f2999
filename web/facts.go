package web

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/accordhq/accord/catalog"
)

// maxViews bounds the views kept; a schema never changes under its GUID, so a kept one is never stale.
const maxViews = 2_000

// viewCache keeps what is expensive to draw: trees and comparisons of versions. When it is full it starts again.
type viewCache struct {
	mu       sync.Mutex
	views    map[viewKey]*catalog.View       // guarded by mu; a View is not traced here, so that it can be shared
	compared map[pairKey]*catalog.Comparison // guarded by mu
}

type viewKey struct {
	subject string
	version int
	guid    string
}

type pairKey struct{ from, to viewKey }

func (s *Site) key(e *event, number int) viewKey {
	v, _ := e.version(number)
	return viewKey{e.Subject, number, v.Schema.GUID}
}

// view draws a version, or takes it from the cache.
func (s *Site) view(ctx context.Context, e *event, number int) (*catalog.View, error) {
	key := s.key(e, number)
	s.views.mu.Lock()
	v, ok := s.views.views[key]
	s.views.mu.Unlock()
	if ok {
		return v, nil
	}
	v, err := s.Registry.View(ctx, catalog.Name{Subject: e.Subject}, number)
	if err != nil {
		return nil, err
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.views.views == nil || len(s.views.views) >= maxViews {
		s.views.views = map[viewKey]*catalog.View{}
	}
	s.views.views[key] = v
	return v, nil
}

// maxTraced bounds the versions that a page compares its fields with, the nearest first.
const maxTraced = 20

// tracedView is a view of its own that says of each place since when and until when it is there.
func (s *Site) tracedView(ctx context.Context, e *event, number int) (*catalog.View, error) {
	v, err := s.Registry.View(ctx, catalog.Name{Subject: e.Subject}, number)
	if err != nil {
		return nil, err
	}
	live := e.Live()
	at := slices.IndexFunc(live, func(x catalog.Version) bool { return x.Number >= number })
	from := max(0, at-maxTraced/2)
	var history []*catalog.View
	for _, x := range live[from:min(len(live), from+maxTraced)] {
		if x.Number == number {
			history = append(history, v)
			continue
		}
		// A version that does not compile says nothing about its fields; its own page says why.
		if h, err := s.view(ctx, e, x.Number); err == nil {
			history = append(history, h)
		}
	}
	v.Trace(history)
	return v, nil
}

// compare judges two versions both ways, or takes the verdict from the cache.
func (s *Site) compare(ctx context.Context, e *event, from, to int) (*catalog.Comparison, error) {
	key := pairKey{s.key(e, from), s.key(e, to)}
	s.views.mu.Lock()
	c, ok := s.views.compared[key]
	s.views.mu.Unlock()
	if ok {
		return c, nil
	}
	c, err := s.Registry.Compare(ctx, catalog.Name{Subject: e.Subject}, from, to)
	if err != nil {
		return nil, err
	}
	if c.TimedOut() {
		return c, nil
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.views.compared == nil || len(s.views.compared) >= maxViews {
		s.views.compared = map[pairKey]*catalog.Comparison{}
	}
	s.views.compared[key] = c
	return c, nil
}

// examples are the examples of a version, each judged now.
func (s *Site) examples(ctx context.Context, e *event, number int) []exampleRow {
	if e.Doc == nil {
		return nil
	}
	var rows []exampleRow
	for _, x := range e.Doc.Examples {
		if x.Version != number {
			continue
		}
		row := exampleRow{Name: x.Name, Text: prettyJSON(x.Event)}
		faults, err := s.Registry.Validate(ctx, catalog.Name{Subject: e.Subject}, number, x.Event, 1)
		switch {
		case err != nil:
			row.Err = "it could not be judged: " + err.Error()
		case len(faults) > 0:
			row.Err, row.At = faults[0].Message, faults[0].Address
		}
		rows = append(rows, row)
	}
	return rows
}

// pairVerdict is what the version before means to a version, in a word.
type pairVerdict struct {
	From, To int
	Word     string // compatible, incompatible, undecided, lens
	Carried  string // proof of the lens that carries it, "" = none
}

// versionRows are the versions of an event, newest first. usage may be nil.
func (s *Site) versionRows(ctx context.Context, e *event, here int, usage []catalog.Usage) []versionRow {
	var rows []versionRow
	before := 0
	for _, v := range e.Versions {
		row := versionRow{Number: v.Number, Status: e.Status(v.Number), Note: e.Note(v.Number), V: v, Here: v.Number == here, Before: before, Written: written(usage, v.Number)}
		if before > 0 && v.State == catalog.Live {
			row.Verdict = s.pairVerdict(ctx, e, before, v)
		}
		if v.State == catalog.Live {
			before = v.Number
		}
		rows = append(rows, row)
	}
	slices.Reverse(rows)
	return rows
}

// pairVerdict judges by the event's own level: backward, forward or both.
func (s *Site) pairVerdict(ctx context.Context, e *event, before int, v catalog.Version) *pairVerdict {
	p := &pairVerdict{From: before, To: v.Number, Word: "undecided"}
	if c, err := s.compare(ctx, e, before, v.Number); err == nil {
		back, forth := verdictWord(c.Backward.Verdict), verdictWord(c.Forward.Verdict)
		level := string(e.Level)
		switch {
		case strings.HasPrefix(level, "FORWARD"):
			p.Word = forth
		case strings.HasPrefix(level, "FULL"):
			p.Word = worse(back, forth)
		default:
			p.Word = back
		}
	}
	if v.Lens != nil && p.Word != "compatible" {
		p.Word, p.Carried = "lens", proofWords(v.Lens.Report)
	}
	return p
}

// proofWords reads from a lens report how sure the way up is, "" if it does not say.
func proofWords(report json.RawMessage) string {
	var r catalog.LensReport
	if json.Unmarshal(report, &r) != nil {
		return ""
	}
	return lensWords(r.Up)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// OldestLive is the number of the oldest live version.
func (p versionPage) OldestLive() int {
	live := p.E.Live()
	if len(live) == 0 {
		return 0
	}
	return live[0].Number
}

// Readme is the text from README.md beside the description, without a first heading that repeats the name.
func (e *event) Readme() string {
	text := strings.TrimSpace(doc(e, func(d *catalog.Event) string { return d.Readme }))
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimSpace(strings.TrimLeft(first, "#")) == e.Subject {
		return rest
	}
	return text
}

// All says that the reader declares no list of fields: it reads everything.
func (r readerRow) All() bool { return r.Reads == nil }
