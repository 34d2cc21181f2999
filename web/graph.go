package web

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"
)

// Sizes of a drawing in CSS pixels, and its limits.
const (
	columnGap     = 56 // between columns, which are as wide as their widest box
	nodeHeight    = 44
	nodeGap       = 22
	nodeMinWidth  = 120
	nodeMaxWidth  = 200
	graphMargin   = 16
	letterWidth   = 8.2 // of a label's bold 13 px letter, on average
	MaxGraphNodes = 60  // beyond it the picture says how many more there are; the table beside it always has all
)

// graphNode is one box. Its kind decides the shape, so that it never shows by colour alone: event dashed, service
// solid, command double line, channel rounded.
type graphNode struct {
	ID    string // unique in the graph
	Kind  string // service, event, command, state, channel
	Label string
	Over  string // the small line above the label
	Href  string
	Focus bool // the page's own subject
}

// graphEdge is an arrow; with Both it has two heads, because each side sends to the other.
type graphEdge struct {
	From, To string
	Both     bool
}

// graph is what is drawn. With Columns every node stands in the column given; otherwise the layered layout decides.
type graph struct {
	Title, Description string
	Nodes              []graphNode // in root order: focus, then flow order, then producers before consumers, then name
	Edges              []graphEdge
	Columns            map[string]int // node -> column from the left; nil: layered
}

// point and box are in CSS pixels.
type point struct{ x, y int }

type placedNode struct {
	graphNode
	x, y, w int
}

// drawing is a graph with its places decided.
type drawing struct {
	nodes         []placedNode // column by column, top to bottom
	paths         []edgePath
	width, height int
	more          int // nodes left out
}

type edgePath struct {
	edge   graphEdge
	points []point // from the edge of one box to the edge of the other, true direction
}

// lay decides every place. The same graph gives the same drawing.
func (g graph) lay() drawing {
	g, more := g.capped()
	g.Edges = g.mergedEdges()
	var d drawing
	if g.Columns != nil {
		d = g.layColumns()
	} else {
		d = g.layLayers()
	}
	d.more = more
	return d
}

// capped keeps the first MaxGraphNodes nodes and the edges between them.
func (g graph) capped() (graph, int) {
	more := max(0, len(g.Nodes)-MaxGraphNodes)
	g.Nodes = g.Nodes[:len(g.Nodes)-more]
	kept := map[string]bool{}
	for _, n := range g.Nodes {
		kept[n.ID] = true
	}
	g.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e graphEdge) bool { return !kept[e.From] || !kept[e.To] })
	return g, more
}

// mergedEdges drops repeated edges and makes one edge with two heads of a pair that goes both ways.
func (g graph) mergedEdges() []graphEdge {
	var merged []graphEdge
	at := map[[2]string]int{}
	for _, e := range g.Edges {
		if _, ok := at[[2]string{e.From, e.To}]; ok || e.From == e.To {
			continue
		}
		if i, ok := at[[2]string{e.To, e.From}]; ok {
			merged[i].Both = true
			continue
		}
		at[[2]string{e.From, e.To}] = len(merged)
		merged = append(merged, e)
	}
	return merged
}

// layColumns stacks each column in the order given, centred on the tallest.
func (g graph) layColumns() drawing {
	counts := map[int]int{}
	tallest := 0
	var widths []int
	for _, n := range g.Nodes {
		c := g.Columns[n.ID]
		for len(widths) <= c {
			widths = append(widths, 0)
		}
		counts[c]++
		tallest, widths[c] = max(tallest, counts[c]), max(widths[c], nodeWidth(n))
	}
	d := drawing{height: 2*graphMargin + stackHeight(tallest)}
	lefts, right := columnLefts(widths)
	d.width = right + graphMargin
	used := map[int]int{}
	for _, n := range g.Nodes {
		c := g.Columns[n.ID]
		top := (d.height - stackHeight(counts[c])) / 2
		w := nodeWidth(n)
		d.nodes = append(d.nodes, placedNode{n, lefts[c] + (widths[c]-w)/2, top + used[c]*(nodeHeight+nodeGap), w})
		used[c]++
	}
	slices.SortStableFunc(d.nodes, func(a, b placedNode) int { return cmp.Compare(g.Columns[a.ID], g.Columns[b.ID]) })
	at := map[string]placedNode{}
	for _, n := range d.nodes {
		at[n.ID] = n
	}
	for _, e := range g.Edges {
		a, b := at[e.From], at[e.To]
		d.paths = append(d.paths, edgePath{e, []point{a.side(b), b.side(a)}})
	}
	return d
}

// columnLefts returns where each column begins and where the last one ends.
func columnLefts(widths []int) (lefts []int, right int) {
	right = graphMargin
	for i, w := range widths {
		if i > 0 {
			right += columnGap
		}
		lefts = append(lefts, right)
		right += w
	}
	return lefts, right
}

func stackHeight(n int) int { return n*nodeHeight + max(0, n-1)*nodeGap }

// side is where an edge to or from another node meets the box: the side that faces it.
func (n placedNode) side(other placedNode) point {
	if other.x+other.w/2 >= n.x+n.w/2 {
		return point{n.x + n.w, n.y + nodeHeight/2}
	}
	return point{n.x, n.y + nodeHeight/2}
}

func nodeWidth(n graphNode) int {
	letters := max(float64(utf8.RuneCountInString(n.Label))*letterWidth, float64(utf8.RuneCountInString(n.Over))*6.2)
	return min(nodeMaxWidth, max(nodeMinWidth, int(letters)+28))
}

// cutMiddle shortens a label to what fits the box; the full name is in the box's title.
func cutMiddle(label string, width int) string {
	fits := int(float64(width-24) / letterWidth)
	runes := []rune(label)
	if len(runes) <= fits {
		return label
	}
	head := (fits - 1) / 2
	return string(runes[:head]) + "…" + string(runes[len(runes)-(fits-1-head):])
}

// SVG draws the graph: links in reading order, edges hidden from screen readers (the table beside the picture says
// them), classes only, so that the page's policy against inline styles holds.
func (g graph) SVG() template.HTML {
	d := g.lay()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="graph" role="group" aria-label="%s" width="%d" height="%d" viewBox="0 0 %d %d">`,
		html.EscapeString(g.Title), d.width, d.height, d.width, d.height)
	if g.Description != "" {
		fmt.Fprintf(&b, `<desc>%s</desc>`, html.EscapeString(g.Description))
	}
	b.WriteString(`<g class="edges" aria-hidden="true">`)
	for _, p := range d.paths {
		p.write(&b)
	}
	b.WriteString(`</g>`)
	for _, n := range d.nodes {
		n.write(&b)
	}
	if d.more > 0 {
		fmt.Fprintf(&b, `<text class="more" x="%d" y="%d">%d more, see the table</text>`, graphMargin, d.height-3, d.more)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // every text in it is escaped above
}

func (n placedNode) write(b *strings.Builder) {
	class := "n " + n.Kind
	if n.Focus {
		class += " focus"
	}
	tag := "g"
	if n.Href != "" {
		tag = "a"
		fmt.Fprintf(b, `<a class="%s" href="%s">`, class, html.EscapeString(n.Href))
	} else {
		fmt.Fprintf(b, `<g class="%s">`, class)
	}
	fmt.Fprintf(b, `<title>%s %s</title>`, html.EscapeString(n.Kind), html.EscapeString(n.FullName()))
	radius := 6
	if n.Kind == "channel" {
		radius = nodeHeight / 2
	}
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, n.x, n.y, n.w, nodeHeight, radius)
	if n.Kind == "command" {
		fmt.Fprintf(b, `<rect class="inner" x="%d" y="%d" width="%d" height="%d" rx="%d"/>`, n.x+3, n.y+3, n.w-6, nodeHeight-6, radius-2)
	}
	middle := n.x + n.w/2
	fmt.Fprintf(b, `<text class="over" x="%d" y="%d">%s</text>`, middle, n.y+17, html.EscapeString(n.Over))
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text></%s>`, middle, n.y+33, html.EscapeString(cutMiddle(n.Label, n.w)), tag)
}

// FullName is the name in the catalog, which the box may show cut or without its domain.
func (n graphNode) FullName() string {
	if _, name, ok := strings.Cut(n.ID, ":"); ok {
		return name
	}
	return n.Label
}

func (p edgePath) write(b *strings.Builder) {
	fmt.Fprintf(b, `<path d="M%d %d`, p.points[0].x, p.points[0].y)
	for i := 1; i < len(p.points); i++ {
		from, to := p.points[i-1], p.points[i]
		pull := (to.x - from.x) / 2
		fmt.Fprintf(b, `C%d %d %d %d %d %d`, from.x+pull, from.y, to.x-pull, to.y, to.x, to.y)
	}
	b.WriteString(`"/>`)
	last := len(p.points) - 1
	head(b, p.points[last-1], p.points[last])
	if p.edge.Both {
		head(b, p.points[1], p.points[0])
	}
}

// head draws an arrow head at the end of a curve, which always arrives level.
func head(b *strings.Builder, from, at point) {
	back := -8
	if from.x > at.x {
		back = 8
	}
	fmt.Fprintf(b, `<path class="head" d="M%d %dl%d -4v8z"/>`, at.x, at.y, back)
}
