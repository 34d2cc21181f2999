package web

import (
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden pictures")

// anyGraph draws a random graph, layered or in columns.
func anyGraph(t *rapid.T) graph {
	kinds := []string{"service", "event", "command", "channel"}
	g := graph{Title: "random <&\">"}
	count := rapid.IntRange(1, 80).Draw(t, "nodes")
	for i := range count {
		label := rapid.StringMatching(`[A-Za-z<&é]{1,40}`).Draw(t, "label")
		g.Nodes = append(g.Nodes, graphNode{ID: fmt.Sprintf("n:%d", i), Kind: kinds[i%len(kinds)], Label: label, Over: "over", Href: "/x"})
	}
	for range rapid.IntRange(0, 3*count).Draw(t, "edges") {
		from, to := rapid.IntRange(0, count-1).Draw(t, "from"), rapid.IntRange(0, count-1).Draw(t, "to")
		g.Edges = append(g.Edges, graphEdge{From: g.Nodes[from].ID, To: g.Nodes[to].ID})
	}
	if rapid.Bool().Draw(t, "columns") {
		g.Columns = map[string]int{}
		for i, n := range g.Nodes {
			g.Columns[n.ID] = i % 4
		}
	}
	return g
}

func TestAnyGraphIsDrawnWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		d := g.lay()
		at := map[string]placedNode{}
		for _, n := range d.nodes {
			at[n.ID] = n
			if n.x < 0 || n.y < 0 || n.x+n.w > d.width || n.y+nodeHeight > d.height {
				t.Fatalf("node %s at %d,%d leaves the picture of %dx%d", n.ID, n.x, n.y, d.width, d.height)
			}
		}
		if want := min(len(g.Nodes), MaxGraphNodes); len(at) != want || d.more != len(g.Nodes)-want {
			t.Fatalf("lay() drew %d of %d nodes and named %d more", len(at), len(g.Nodes), d.more)
		}
		for i, a := range d.nodes {
			for _, b := range d.nodes[i+1:] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+nodeHeight && b.y < a.y+nodeHeight {
					t.Fatalf("nodes %s and %s overlap", a.ID, b.ID)
				}
			}
		}
		heads := map[[2]string]bool{}
		for _, p := range d.paths {
			heads[[2]string{p.edge.From, p.edge.To}] = true
			if p.edge.Both {
				heads[[2]string{p.edge.To, p.edge.From}] = true
			}
			checkEnds(t, p, at)
		}
		for _, e := range g.Edges {
			_, a := at[e.From]
			_, b := at[e.To]
			if a && b && e.From != e.To && !heads[[2]string{e.From, e.To}] {
				t.Fatalf("edge %s to %s is not drawn", e.From, e.To)
			}
		}
		svg := string(g.SVG())
		if svg != string(g.SVG()) {
			t.Fatal("the same graph gives two pictures")
		}
		if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
			t.Fatalf("SVG is not well-formed: %v", err)
		}
		if strings.Contains(svg, "style=") {
			t.Fatal("SVG has an inline style")
		}
	})
}

// checkEnds: an edge begins at its sender and ends at its receiver, whatever way the layout turned it.
func checkEnds(t *rapid.T, p edgePath, at map[string]placedNode) {
	touches := func(n placedNode, q point) bool {
		return (q.x == n.x || q.x == n.x+n.w) && q.y == n.y+nodeHeight/2
	}
	if !touches(at[p.edge.From], p.points[0]) || !touches(at[p.edge.To], p.points[len(p.points)-1]) {
		t.Fatalf("edge %s to %s does not join its nodes: %v", p.edge.From, p.edge.To, p.points)
	}
}

func TestCrossingsAreCountedLikePairByPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left, right := rapid.IntRange(1, 8).Draw(t, "left"), rapid.IntRange(1, 8).Draw(t, "right")
		l := &layered{count: left + right, links: make([][]int, left+right), rank: make([]int, left+right), layers: make([][]int, 2)}
		for i := range left + right {
			l.layers[min(1, i/left)] = append(l.layers[min(1, i/left)], i)
		}
		l.layers = [][]int{l.layers[0][:left], nil}
		for i := range right {
			l.layers[1] = append(l.layers[1], left+i)
		}
		type edge struct{ a, b int }
		var edges []edge
		for range rapid.IntRange(0, 20).Draw(t, "edges") {
			e := edge{rapid.IntRange(0, left-1).Draw(t, "a"), rapid.IntRange(0, right-1).Draw(t, "b")}
			edges = append(edges, e)
			l.links[e.a] = append(l.links[e.a], left+e.b)
		}
		want := 0
		for i, x := range edges {
			for _, y := range edges[i+1:] {
				if (x.a-y.a)*(x.b-y.b) < 0 {
					want++
				}
			}
		}
		if got := l.crossings(); got != want {
			t.Fatalf("crossings(%v) = %d, want %d", edges, got, want)
		}
	})
}

func TestLabelsAreCutInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		label string
		width int
		want  string
	}{
		{"short", 200, "short"},
		{"aVeryLongNameThatDoesNotFitTheBox", 120, "aVery…heBox"},
	} {
		if got := cutMiddle(c.label, c.width); got != c.want {
			t.Errorf("cutMiddle(%q, %d) = %q, want %q", c.label, c.width, got, c.want)
		}
	}
}

// golden compares a picture with testdata/<name>.svg.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name + ".svg"
	if *update {
		if os.Getenv("CI") == "true" {
			t.Fatal("-update is refused under CI")
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "><", ">\n<"), strings.ReplaceAll(got, "><", ">\n<")); diff != "" {
		t.Errorf("picture %s (-want +got):\n%s", name, diff)
	}
}

func TestAPairThatGoesBothWaysIsOneEdge(t *testing.T) {
	g := graph{
		Title: "two ways",
		Nodes: []graphNode{{ID: "service:orders", Kind: "service", Label: "orders", Focus: true}, {ID: "service:shipping", Kind: "service", Label: "shipping"}, {ID: "service:audit", Kind: "service", Label: "audit"}},
		Edges: []graphEdge{{From: "service:orders", To: "service:shipping"}, {From: "service:shipping", To: "service:orders"}, {From: "service:orders", To: "service:audit"}, {From: "service:orders", To: "service:audit"}},
	}
	d := g.lay()
	if len(d.paths) != 2 || !d.paths[0].edge.Both || d.paths[1].edge.Both {
		t.Errorf("lay() = %d edges, want two, the first with two heads", len(d.paths))
	}
	golden(t, "both_ways", string(g.SVG()))
}
