package validator

// memo remembers what a schema said about the container at a position, once so many branches were tried in one event, or
// so many steps were taken, that the same questions come again: it makes recursive schemas linear. Only answers that depend on nothing but schema
// and position are kept. The zero value is ready.
type memo struct {
	tries   int // branches tried in this event
	below   int // steps left from which on answers are kept however few branches were tried
	answers map[memoKey]int32
}

type memoKey struct {
	node     int32
	position int32
	scopes   uint64 // see run.scopes
}

// begin makes m ready for an event of so many bytes that may cost so many steps.
func (m *memo) begin(steps, bytes int) {
	m.below = steps - MemoAfter*16 - bytes // an ordinary event takes less than half a step a byte
	m.tries = 0
	if len(m.answers) > 0 {
		clear(m.answers)
	}
}

// keptAnswers is how large a table may be to be used for the next event.
const keptAnswers = 1024

// on reports whether answers are worth keeping.
func (m *memo) on(steps int) bool { return m.tries > MemoAfter || steps < m.below }

func (m *memo) keep(key memoKey, end int) {
	if m.answers == nil {
		m.answers = map[memoKey]int32{}
	}
	if len(m.answers) < MaxMemo {
		m.answers[key] = int32(end)
	}
}
