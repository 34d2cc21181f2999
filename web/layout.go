package web

import (
	"cmp"
	"slices"
)

// Rounds of the layered layout (K. Sugiyama, S. Tagawa, M. Toda: Methods for visual understanding of hierarchical
// system structures, 1981).
const (
	sweepRounds = 12
	pullRounds  = 24
	dummyHeight = 10
)

// layered is the state of one layout. Vertices are the graph's nodes first, then the dummies of long edges.
type layered struct {
	count  int     // nodes that are drawn
	rank   []int   // of each vertex
	links  [][]int // layer edges by vertex: to the next rank
	backs  [][]int // the same, from the rank before
	layers [][]int // vertices of each rank, top to bottom
	chains [][]int // vertices that each edge passes, from the lower rank to the higher
}

// layLayers places nodes by the layered method: break cycles by depth-first search from the nodes in the order
// given, rank by longest path, order by barycentre sweeps (the best kept), then pull each node to its neighbours.
func (g graph) layLayers() drawing {
	index := map[string]int{}
	for i, n := range g.Nodes {
		index[n.ID] = i
	}
	l := &layered{count: len(g.Nodes)}
	from, to := make([]int, len(g.Edges)), make([]int, len(g.Edges))
	for i, e := range g.Edges {
		from[i], to[i] = index[e.From], index[e.To]
	}
	reversed := breakCycles(l.count, from, to)
	for i, r := range reversed {
		if r {
			from[i], to[i] = to[i], from[i]
		}
	}
	l.rankLongest(from, to)
	l.addDummies(from, to)
	l.order()
	ys := l.pull()
	return g.drawLayers(l, ys, reversed)
}

// breakCycles marks the edges that close a cycle: those to a node that is still open in the search.
func breakCycles(count int, from, to []int) []bool {
	out := make([][]int, count)
	for i := range from {
		out[from[i]] = append(out[from[i]], i)
	}
	reversed := make([]bool, len(from))
	state := make([]byte, count) // 0 not seen, 1 open, 2 done
	var visit func(n int)
	visit = func(n int) {
		state[n] = 1
		for _, e := range out[n] {
			switch state[to[e]] {
			case 0:
				visit(to[e])
			case 1:
				reversed[e] = true
			}
		}
		state[n] = 2
	}
	for n := range count {
		if state[n] == 0 {
			visit(n)
		}
	}
	return reversed
}

func (l *layered) rankLongest(from, to []int) {
	l.rank = make([]int, l.count)
	for range l.count { // at most as many rounds as the longest path has nodes
		changed := false
		for i := range from {
			if l.rank[to[i]] <= l.rank[from[i]] {
				l.rank[to[i]] = l.rank[from[i]] + 1
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	// A node that nothing leads to stands beside its first reader, not at the far left.
	lead := make([]bool, l.count)
	for i := range to {
		lead[to[i]] = true
	}
	for n := range l.count {
		nearest := -1
		for i := range from {
			if from[i] == n && (nearest < 0 || l.rank[to[i]] < nearest) {
				nearest = l.rank[to[i]]
			}
		}
		if !lead[n] && nearest > 0 {
			l.rank[n] = nearest - 1
		}
	}
}

func (l *layered) addDummies(from, to []int) {
	l.links, l.backs = make([][]int, l.count), make([][]int, l.count)
	link := func(a, b int) {
		l.links[a] = append(l.links[a], b)
		l.backs[b] = append(l.backs[b], a)
	}
	for i := range from {
		chain := []int{from[i]}
		for r := l.rank[from[i]] + 1; r < l.rank[to[i]]; r++ {
			d := len(l.rank)
			l.rank = append(l.rank, r)
			l.links, l.backs = append(l.links, nil), append(l.backs, nil)
			chain = append(chain, d)
		}
		chain = append(chain, to[i])
		for j := 1; j < len(chain); j++ {
			link(chain[j-1], chain[j])
		}
		l.chains = append(l.chains, chain)
	}
	for v, r := range l.rank {
		for len(l.layers) <= r {
			l.layers = append(l.layers, nil)
		}
		l.layers[r] = append(l.layers[r], v)
	}
}

// order sorts each layer by the mean place of the neighbours in the layer before, then after, and keeps the order
// with the fewest crossings.
func (l *layered) order() {
	place := make([]float64, len(l.rank))
	number := func(layer []int) {
		for i, v := range layer {
			place[v] = float64(i)
		}
	}
	for _, layer := range l.layers {
		number(layer)
	}
	best, fewest := cloneLayers(l.layers), l.crossings()
	for round := range sweepRounds {
		near := l.backs
		for i := range l.layers {
			r := i
			if round%2 == 1 {
				near, r = l.links, len(l.layers)-1-i
			}
			sortByMean(l.layers[r], near, place)
			number(l.layers[r])
		}
		if n := l.crossings(); n < fewest {
			best, fewest = cloneLayers(l.layers), n
		}
	}
	l.layers = best
}

func cloneLayers(layers [][]int) [][]int {
	out := make([][]int, len(layers))
	for i, layer := range layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

func sortByMean(layer []int, near [][]int, place []float64) {
	mean := map[int]float64{}
	for _, v := range layer {
		mean[v] = place[v]
		if len(near[v]) > 0 {
			sum := 0.0
			for _, n := range near[v] {
				sum += place[n]
			}
			mean[v] = sum / float64(len(near[v]))
		}
	}
	slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
}

// crossings counts crossing edges of all neighbouring layers with an accumulator tree (W. Barth, P. Mutzel, M.
// Jünger: Simple and efficient bilayer cross counting, 2004).
func (l *layered) crossings() int {
	place := make([]int, len(l.rank))
	for _, layer := range l.layers {
		for i, v := range layer {
			place[v] = i
		}
	}
	total := 0
	for r := 0; r+1 < len(l.layers); r++ {
		width := len(l.layers[r+1])
		tree := make([]int, width+1)
		seen := 0
		for _, v := range l.layers[r] {
			ends := make([]int, 0, len(l.links[v]))
			for _, w := range l.links[v] {
				ends = append(ends, place[w])
			}
			slices.Sort(ends)
			for _, e := range ends {
				upTo := 0
				for i := e + 1; i > 0; i -= i & -i {
					upTo += tree[i]
				}
				total += seen - upTo
			}
			for _, e := range ends {
				for i := e + 1; i <= width; i += i & -i {
					tree[i]++
				}
				seen++
			}
		}
	}
	return total
}

func (l *layered) height(v int) int {
	if v >= l.count {
		return dummyHeight
	}
	return nodeHeight
}

// pull gives every vertex its top: stacked at first, then drawn to the mean centre of its neighbours, round by
// round, without changing the order or closing a gap.
func (l *layered) pull() []float64 {
	ys := make([]float64, len(l.rank))
	for _, layer := range l.layers {
		y := 0.0
		for _, v := range layer {
			ys[v] = y
			y += float64(l.height(v) + nodeGap)
		}
	}
	for round := range pullRounds {
		for i := range l.layers {
			if round%2 == 1 {
				i = len(l.layers) - 1 - i
			}
			l.pullLayer(l.layers[i], ys)
		}
	}
	top := 0.0
	for i, y := range ys {
		if i == 0 || y < top {
			top = y
		}
	}
	for i := range ys {
		ys[i] -= top
	}
	return ys
}

func (l *layered) pullLayer(layer []int, ys []float64) {
	want := make([]float64, len(layer))
	for i, v := range layer {
		want[i] = ys[v]
		sum, n := 0.0, 0
		for _, near := range [][]int{l.backs[v], l.links[v]} {
			for _, w := range near {
				sum += ys[w] + float64(l.height(w))/2
				n++
			}
		}
		if n > 0 {
			want[i] = sum/float64(n) - float64(l.height(v))/2
		}
	}
	// Pushed down from the top and pushed up from the bottom both keep the gaps, and so does their mean.
	down, up := slices.Clone(want), slices.Clone(want)
	for i := 1; i < len(layer); i++ {
		down[i] = max(down[i], down[i-1]+float64(l.height(layer[i-1])+nodeGap))
	}
	for i := len(layer) - 2; i >= 0; i-- {
		up[i] = min(up[i], up[i+1]-float64(l.height(layer[i])+nodeGap))
	}
	for i, v := range layer {
		ys[v] = (down[i] + up[i]) / 2
	}
}

func (g graph) drawLayers(l *layered, ys []float64, reversed []bool) drawing {
	widths := make([]int, len(l.layers))
	for r, layer := range l.layers {
		for _, v := range layer {
			if v < l.count {
				widths[r] = max(widths[r], nodeWidth(g.Nodes[v]))
			}
		}
	}
	lefts, right := columnLefts(widths)
	d := drawing{width: right + graphMargin, height: 2 * graphMargin}
	at := make([]placedNode, l.count)
	for r, layer := range l.layers {
		for _, v := range layer {
			y := graphMargin + int(ys[v])
			d.height = max(d.height, y+l.height(v)+graphMargin)
			if v >= l.count {
				continue
			}
			w := nodeWidth(g.Nodes[v])
			at[v] = placedNode{g.Nodes[v], lefts[r] + (widths[r]-w)/2, y, w}
			d.nodes = append(d.nodes, at[v])
		}
	}
	for i, e := range g.Edges {
		chain := l.chains[i]
		var points []point
		first, last := at[chain[0]], at[chain[len(chain)-1]]
		points = append(points, point{first.x + first.w, first.y + nodeHeight/2})
		for _, v := range chain[1 : len(chain)-1] {
			left, y := lefts[l.rank[v]], graphMargin+int(ys[v])+dummyHeight/2
			points = append(points, point{left, y}, point{left + widths[l.rank[v]], y})
		}
		points = append(points, point{last.x, last.y + nodeHeight/2})
		if reversed[i] {
			slices.Reverse(points)
		}
		d.paths = append(d.paths, edgePath{e, points})
	}
	return d
}
