package compat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// naive colours nodes by what they say and refines by the colours of their kids until nothing changes.
func naive(nodes []node) []string {
	colours := make([]string, len(nodes))
	for range len(nodes) + 1 {
		next := make([]string, len(nodes))
		numbers := map[string]int{}
		for i := range nodes {
			kids := make([]string, len(nodes[i].kids))
			for j, k := range nodes[i].kids {
				kids[j] = colours[k]
			}
			if nodes[i].kind.commutative() {
				slices.Sort(kids)
			}
			text := string(nodes[i].scalars(nil)) + strings.Join(kids, " ")
			if _, ok := numbers[text]; !ok {
				numbers[text] = len(numbers)
			}
			next[i] = fmt.Sprint(numbers[text])
		}
		colours = next
	}
	return colours
}

// shuffled is the graph with its nodes in another order, some of them twice.
func shuffled(g *graph, r *rand.Rand) *graph {
	var copies [][]int32
	total := int32(0)
	for range g.nodes {
		n := 1 + r.IntN(2)
		list := make([]int32, n)
		for j := range list {
			list[j] = total
			total++
		}
		copies = append(copies, list)
	}
	order := r.Perm(int(total))
	out := &graph{nodes: make([]node, total)}
	for i := range g.nodes {
		for _, c := range copies[i] {
			n := g.nodes[i]
			n.kids = make([]int32, len(n.kids))
			for j, k := range g.nodes[i].kids {
				n.kids[j] = int32(order[copies[k][r.IntN(len(copies[k]))]])
			}
			if n.kind.commutative() {
				r.Shuffle(len(n.kids), func(a, b int) { n.kids[a], n.kids[b] = n.kids[b], n.kids[a] })
			}
			out.nodes[order[c]] = n
		}
	}
	out.root = int32(order[copies[g.root][0]])
	return out
}

// TestPartition compares the classes with those of the plain method on random graphs with cycles, and the fingerprint
// of a graph with those of the same graph in another order and with nodes that stand there twice, and of others.
func TestPartition(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	kinds := []kind{kAll, kAny, kOne, kNot, kIf, kProp}
	for range 2_000 {
		g := &graph{nodes: make([]node, 1+r.IntN(14))}
		for i := range g.nodes {
			n := &g.nodes[i]
			n.kind = kinds[r.IntN(len(kinds))]
			if r.IntN(4) == 0 {
				*n = node{kind: kMinLen, count: int64(r.IntN(2))}
				continue
			}
			for range 1 + r.IntN(3) {
				n.kids = append(n.kids, int32(r.IntN(len(g.nodes))))
			}
		}
		g = g.reachable()
		want, got := naive(g.nodes), partition(g.nodes)
		for i := range g.nodes {
			for j := range i {
				if (want[i] == want[j]) != (got.of[i] == got.of[j]) {
					t.Fatalf("%+v: nodes %d and %d: one class %v, want %v", g.nodes, i, j, got.of[i] == got.of[j], want[i] == want[j])
				}
			}
			if m := got.members[got.of[i]]; m[got.place[i]] != int32(i) {
				t.Fatalf("%+v: node %d is not at its place", g.nodes, i)
			}
		}
		print := g.fingerprint()
		other := shuffled(g, r).reachable()
		if other.fingerprint() != print {
			t.Fatalf("%+v and %+v have different fingerprints", g.nodes, other.nodes)
		}
		both := []node{}
		changed := shuffled(g, r)
		changed.nodes[r.IntN(len(changed.nodes))].count++
		changed = changed.reachable()
		for _, x := range []*graph{g, changed} {
			base := int32(len(both))
			for _, n := range x.nodes {
				n.kids = slices.Clone(n.kids)
				for j := range n.kids {
					n.kids[j] += base
				}
				both = append(both, n)
			}
		}
		classes := naive(both)
		equal := classes[g.root] == classes[int32(len(g.nodes))+changed.root]
		if (changed.fingerprint() == print) != equal {
			t.Fatalf("%+v and %+v: equal fingerprints %v, want %v", g.nodes, changed.nodes, !equal, equal)
		}
	}
}

// TestLongCycles: a ring of thousands of definitions that only its last one tells apart takes as many rounds as it has
// members when every round looks at every node.
func TestLongCycles(t *testing.T) {
	ring := func(n, unrolled int) *Schema {
		var b strings.Builder
		b.WriteString(`{"$ref":"#/definitions/T0","definitions":{`)
		for i := range n * unrolled {
			value := `{"type":"string"}`
			if i%n == n-1 {
				value = `{"type":"null"}`
			}
			fmt.Fprintf(&b, `"T%d":{"properties":{"n":{"$ref":"#/definitions/T%d"},"v":%s}},`, i, (i+1)%(n*unrolled), value)
		}
		v, err := validator.Compile(validator.Document{Text: []byte(b.String() + `"end":true}}`)}, validator.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Compile(v)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if !Equal(ring(1_000, 1), ring(1_000, 2)) {
		t.Error("a ring is not equal to itself unrolled")
	}
	if Equal(ring(1_000, 1), ring(999, 1)) {
		t.Error("a ring equals a shorter one")
	}
}
