package validator

// memo remembers what a schema said about the container at a position, once so many branches were tried in one event
// that the same questions come again: it makes recursive unions linear. Only answers that depend on nothing but schema
// and position are kept. The zero value is ready.
type memo struct {
	tries   int // branches tried in this event
	answers map[memoKey]int32
}

type memoKey struct {
	node     int32
	position int32
}

func (m *memo) begin() {
	m.tries = 0
	clear(m.answers)
}

// keptAnswers is how large a table may be to be used for the next event.
const keptAnswers = 1024

// on reports whether answers are worth keeping.
func (m *memo) on() bool { return m.tries > MemoAfter }

// recall returns the end of the value at i as n judged it before, or -1.
func (m *memo) recall(n *node, i int) (end int, ok bool) {
	answer, ok := m.answers[memoKey{int32(n.id), int32(i)}]
	return int(answer), ok
}

func (m *memo) keep(n *node, i, end int) {
	if m.answers == nil {
		m.answers = map[memoKey]int32{}
	}
	if len(m.answers) < MaxMemo {
		m.answers[memoKey{int32(n.id), int32(i)}] = int32(end)
	}
}
