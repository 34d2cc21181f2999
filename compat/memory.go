package compat

import (
	lru "container/list"
	"sync"
)

// MaxMemory bounds what a Checker remembers, in bytes as they are estimated: answers, answers to parts of questions,
// automata, compiled patterns. What was used least recently goes first.
const MaxMemory = 64 << 20

// memory is what the questions of one Checker have in common. Nothing in it can change a verdict, an event, a proof or
// what a question is said to have spent: an entry is a function of its key, and a question pays for an entry what it
// would have cost to make it. Entries are never written to once they are in. The zero value works, nil remembers
// nothing. Safe for concurrent use; two goroutines that miss the same entry both make it.
type memory struct {
	mu      sync.Mutex
	entries map[any]*lru.Element // of *remembered
	order   lru.List             // the last used first
	bytes   int
}

type remembered struct {
	key, value any
	size       int
}

func (m *memory) get(key any) (any, bool) {
	if m == nil {
		return nil, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok {
		return nil, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*remembered).value, true
}

// put keeps a value of about size bytes. One that would take more than an eighth of the memory is not kept.
func (m *memory) put(key, value any, size int) {
	if m == nil || size > MaxMemory/8 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[any]*lru.Element{}
	}
	if e, ok := m.entries[key]; ok {
		m.drop(e)
	}
	m.entries[key] = m.order.PushFront(&remembered{key, value, size})
	m.bytes += size
	for m.bytes > MaxMemory {
		m.drop(m.order.Back())
	}
}

func (m *memory) drop(e *lru.Element) {
	r := m.order.Remove(e).(*remembered)
	delete(m.entries, r.key)
	m.bytes -= r.size
}

// Estimates of sizes in bytes.
const (
	entrySize      = 256 // of any entry, its place in the list and the map included
	nodeSize       = 320 // of a node without its texts
	derivationSize = 160
	stepSize       = 200
)

func (r *Result) size() int {
	n := entrySize
	if x := r.Counterexample; x != nil {
		n += 4 * len(x.Event)
		for _, v := range x.Violations {
			n += stepSize + len(v.Message)
		}
	}
	if p := r.Proof; p != nil {
		n += nodeSize * len(p.made)
		for i, s := range p.Steps {
			n += stepSize + len(s.Rule) + len(s.Note) + 8*len(s.Premises) + 4*len(p.goals[i])
		}
	}
	return n
}

func (n *node) size() int {
	size := nodeSize + len(n.name)
	for _, list := range [][]string{n.names, n.patterns, n.texts, n.texts} {
		for _, s := range list {
			size += 16 + len(s)
		}
	}
	return size + 4*len(n.kids)
}

func (l *language) size() int {
	size := entrySize
	for _, row := range l.next {
		size += 64 + 4*len(row)
	}
	for _, a := range l.letters {
		size += 24 + 8*len(a)
	}
	return size
}
