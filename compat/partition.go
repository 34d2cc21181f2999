package compat

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// classes is the coarsest partition of some nodes in which nodes of one class have equal scalars and kids of equal
// classes, in order or, of a commutative node, as often: bisimilar nodes. Classes are numbered from 0 on.
//
// Source: Hopcroft, "An n log n algorithm for minimizing states in a finite automaton" (1971): a class splits by where
// its nodes have kids in another class, and of the parts of a split all but the largest are looked at once more, so
// that a node is moved a logarithmic number of times, however long the cycles are.
type classes struct {
	of      []int32   // class of each node
	members [][]int32 // nodes of each class
	place   []int32   // index of each node in members
}

// edge is a link to a node, from its parent.
type edge struct{ parent, position int32 }

// partition computes the classes. They are numbered by what the nodes say and how they are linked, never by the order
// in which they are given: graphs that differ in order alone, without two nodes of one class, get the same numbers.
func partition(nodes []node) *classes {
	c := &classes{of: make([]int32, len(nodes)), place: make([]int32, len(nodes))}
	parents := make([][]edge, len(nodes))
	byScalars := map[string][]int32{}
	var buf []byte
	for i := range nodes {
		n := &nodes[i]
		buf = n.scalars(buf[:0])
		byScalars[string(buf)] = append(byScalars[string(buf)], int32(i))
		for j, k := range n.kids {
			if n.kind.commutative() {
				j = 0
			}
			parents[k] = append(parents[k], edge{int32(i), int32(j)})
		}
	}
	for _, k := range sortedKeys(byScalars) {
		c.add(byScalars[k])
	}
	queue := make([]int32, len(c.members))
	for i := range queue {
		queue[i] = int32(i)
	}
	where := make([][]byte, len(nodes)) // positions of a node's kids in the class looked at
	for len(queue) > 0 {
		class := queue[0]
		queue = queue[1:]
		var touched []int32
		var links []edge
		for _, k := range c.members[class] {
			links = append(links, parents[k]...)
		}
		slices.SortFunc(links, func(a, b edge) int { return int(a.position) - int(b.position) })
		for _, e := range links {
			if len(where[e.parent]) == 0 {
				touched = append(touched, e.parent)
			}
			where[e.parent] = binary.AppendUvarint(where[e.parent], uint64(e.position)+1)
		}
		queue = append(queue, c.split(touched, where)...)
		for _, i := range touched {
			where[i] = where[i][:0]
		}
	}
	return c
}

// colour returns a number for each node such that equal numbers mean one class. Without cycles the sums say it.
func colour(all []node, sums []sum) []int32 {
	if slices.ContainsFunc(sums, func(s sum) bool { return s.weight == 0 }) {
		return partition(all).of
	}
	of := make([]int32, len(all))
	table := make(map[[32]byte]int32, len(all))
	for i := range all {
		c, ok := table[sums[i].same]
		if !ok {
			c = int32(len(table))
			table[sums[i].same] = c
		}
		of[i] = c
	}
	return of
}

func (c *classes) add(nodes []int32) int32 {
	id := int32(len(c.members))
	for at, i := range nodes {
		c.of[i], c.place[i] = id, int32(at)
	}
	c.members = append(c.members, nodes)
	return id
}

// remove takes a node out of its class.
func (c *classes) remove(i int32) {
	m := c.members[c.of[i]]
	last := m[len(m)-1]
	m[c.place[i]], c.place[last] = last, c.place[i]
	c.members[c.of[i]] = m[:len(m)-1]
}

// split parts every class with touched nodes by where; the largest part keeps the number. It returns the new classes.
func (c *classes) split(touched []int32, where [][]byte) (fresh []int32) {
	byClass := map[int32][]int32{}
	var affected []int32
	for _, i := range touched {
		if byClass[c.of[i]] == nil {
			affected = append(affected, c.of[i])
		}
		byClass[c.of[i]] = append(byClass[c.of[i]], i)
	}
	slices.Sort(affected)
	for _, class := range affected {
		parts := map[string][]int32{}
		for _, i := range byClass[class] {
			parts[string(where[i])] = append(parts[string(where[i])], i)
		}
		rest := len(c.members[class]) - len(byClass[class])
		if rest == 0 && len(parts) == 1 {
			continue
		}
		keys := sortedKeys(parts)
		keep, most := "", rest
		for _, k := range keys {
			if len(parts[k]) > most {
				keep, most = k, len(parts[k])
			}
		}
		if keep != "" && rest > 0 { // the untouched ones leave
			var others []int32
			for _, i := range byClass[class] {
				c.remove(i)
			}
			others = slices.Clone(c.members[class])
			c.members[class] = nil
			for _, i := range parts[keep] {
				c.place[i] = int32(len(c.members[class]))
				c.members[class] = append(c.members[class], i)
			}
			fresh = append(fresh, c.add(others))
		} else {
			for _, k := range keys {
				if k == keep {
					continue
				}
				for _, i := range parts[k] {
					c.remove(i)
				}
			}
		}
		for _, k := range keys {
			if k != keep {
				fresh = append(fresh, c.add(parts[k]))
			}
		}
	}
	return fresh
}

// quotient has one node for each class.
func (c *classes) quotient(nodes []node) []node {
	out := make([]node, len(c.members))
	for class, m := range c.members {
		n := nodes[m[0]]
		n.kids = make([]int32, len(n.kids))
		for j, k := range nodes[m[0]].kids {
			n.kids[j] = c.of[k]
		}
		out[class] = n
	}
	return out
}

// fingerprint is equal for two graphs only if (up to collisions of the hash) their roots are bisimilar. Of the quotient
// no two nodes are alike, so that its own partition numbers each node, and by nothing but what it says.
func (g *graph) fingerprint() [32]byte {
	if s := &g.sums[g.root]; s.weight > 0 {
		return s.same
	}
	c := partition(g.nodes)
	small := c.quotient(g.nodes)
	root := c.of[g.root]
	numbers := partition(small)
	h := sha256.New()
	buf := binary.AppendUvarint(nil, uint64(numbers.of[root]))
	for _, m := range numbers.members {
		n := &small[m[0]]
		buf = n.scalars(buf)
		kids := make([]int32, len(n.kids))
		for j, k := range n.kids {
			kids[j] = numbers.of[k]
		}
		if n.kind.commutative() {
			slices.Sort(kids)
		}
		for _, k := range kids {
			buf = binary.AppendUvarint(buf, uint64(k))
		}
		h.Write(buf)
		buf = buf[:0]
	}
	return [32]byte(h.Sum(nil))
}
