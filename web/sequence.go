package web

import (
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// Sizes of a flow's picture in CSS pixels, and its limits: above them the list alone is shown, and it says so.
const (
	laneStep     = 204
	laneHead     = 36
	rowHeight    = 46
	MaxFlowLanes = 12
	MaxFlowRows  = 60
)

// flowRow is one event that a step sends.
type flowRow struct {
	Step        catalog.Step
	Event       string
	Else        bool     // the other outcome of the step
	Actors      []string // services that act on it within the flow, in order of first appearance; may hold the sender
	Compensates string
}

// sequence is a flow laid out in lanes: one per service in order of first appearance, one row per event sent.
type sequence struct {
	Flow  *catalog.Flow
	Lanes []string
	Rows  []flowRow
}

// newSequence orders a flow's lanes and rows.
func newSequence(f *catalog.Flow) sequence {
	s := sequence{Flow: f}
	acts := map[string][]string{}
	for _, step := range f.Steps {
		if !slices.Contains(s.Lanes, step.Service) {
			s.Lanes = append(s.Lanes, step.Service)
		}
		for _, e := range startsBy(step) {
			if !slices.Contains(acts[e], step.Service) {
				acts[e] = append(acts[e], step.Service)
			}
		}
	}
	for _, step := range f.Steps {
		if step.Sends != "" {
			s.Rows = append(s.Rows, flowRow{Step: step, Event: step.Sends, Actors: acts[step.Sends], Compensates: step.Compensates})
		}
		if step.Else != "" {
			s.Rows = append(s.Rows, flowRow{Step: step, Event: step.Else, Else: true, Actors: acts[step.Else], Compensates: step.Compensates})
		}
	}
	return s
}

// startsBy are the events that a step waits for.
func startsBy(step catalog.Step) []string {
	var events []string
	if step.On != "" {
		events = append(events, step.On)
	}
	return append(append(events, step.OnAny...), step.OnAll...)
}

// Drawable says whether the picture fits its limits.
func (s sequence) Drawable() bool {
	return len(s.Lanes) <= MaxFlowLanes && len(s.Rows) <= MaxFlowRows
}

// SVG draws the lanes. label names an event with its version and href is its page; both come from the catalog.
func (s sequence) SVG(label, href func(event string) string, service func(string) string) template.HTML {
	width := 2*graphMargin + len(s.Lanes)*laneStep
	height := 2*graphMargin + laneHead + len(s.Rows)*rowHeight + 12
	lane := map[string]int{}
	for i, name := range s.Lanes {
		lane[name] = graphMargin + i*laneStep + laneStep/2
	}
	last := 0
	if len(s.Lanes) > 1 {
		last = lane[s.Lanes[len(s.Lanes)-1]]
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="graph sequence" role="group" aria-label="Flow %s" width="%d" height="%d" viewBox="0 0 %d %d"><g aria-hidden="true">`,
		html.EscapeString(s.Flow.Name), width, height, width, height)
	for _, name := range s.Lanes {
		fmt.Fprintf(&b, `<path class="lane" d="M%d %dV%d"/>`, lane[name], graphMargin+laneHead, height-graphMargin)
	}
	b.WriteString(`</g>`)
	for _, name := range s.Lanes {
		x := lane[name]
		fmt.Fprintf(&b, `<a class="n service" href="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="6"/><text x="%d" y="%d">%s</text></a>`,
			html.EscapeString(service(name)), x-70, graphMargin, 140, laneHead, x, graphMargin+23, html.EscapeString(cutMiddle(name, 140)))
	}
	for i, row := range s.Rows {
		row.write(&b, lane, graphMargin+laneHead+(i+1)*rowHeight, last, label, href)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // every text in it is escaped above
}

// write draws one row: a dot at the sender, an arrow to each lane that acts, the label over the line.
func (r flowRow) write(b *strings.Builder, lane map[string]int, y int, last int, label, href func(string) string) {
	kind := "m"
	switch {
	case r.Else:
		kind += " else"
	case r.Compensates != "":
		kind += " undo"
	}
	from := lane[r.Step.Service]
	left, right := from, from
	fmt.Fprintf(b, `<g class="%s"><g aria-hidden="true"><circle cx="%d" cy="%d" r="3.5"/>`, kind, from, y)
	for _, actor := range r.Actors {
		to := lane[actor]
		if to == from {
			fmt.Fprintf(b, `<path d="M%d %dh26v12h-22"/><path class="head" d="M%d %dl8 -4v8z"/>`, from, y, from+4, y+12)
			right = max(right, from+26)
			continue
		}
		left, right = min(left, to), max(right, to)
		back := -8
		if to < from {
			back = 8
		}
		fmt.Fprintf(b, `<path d="M%d %dH%d"/><path class="head" d="M%d %dl%d -4v8z"/>`, from, y, to, to, y, back)
	}
	if len(r.Actors) == 0 {
		right = from + 26
		fmt.Fprintf(b, `<path d="M%d %dh22"/><path class="end" d="M%d %dv8"/>`, from, y, from+22, y-4)
	}
	b.WriteString(`</g>`)
	// The label stands over its arrow: to the right of the sender, or to the left where all goes left or nothing is there.
	x, class := from+10, "rightward"
	if right <= from+26 && (left < from || from == last) {
		x, class = from-10, "leftward"
	}
	fmt.Fprintf(b, `<a href="%s"><text class="%s" x="%d" y="%d">%s`, html.EscapeString(href(r.Event)), class, x, y-8, html.EscapeString(label(r.Event)))
	for _, note := range r.Notes() {
		fmt.Fprintf(b, `<tspan class="note"> %s</tspan>`, html.EscapeString(note))
	}
	b.WriteString(`</text></a></g>`)
}

// Notes are the words beside a row's label.
func (r flowRow) Notes() []string {
	var notes []string
	if r.Else {
		notes = append(notes, "else")
	}
	if r.Compensates != "" {
		notes = append(notes, "compensates "+r.Compensates)
	}
	if r.Step.Timeout != "" {
		notes = append(notes, "within "+r.Step.Timeout)
	}
	return notes
}
