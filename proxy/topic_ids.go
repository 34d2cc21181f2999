package proxy

import "sync"

// maxTopicIDs is how many topics are known by their id.
const maxTopicIDs = 20_000

// topicIDs are the names of topics by id, learned from answers about metadata. The zero value knows none.
type topicIDs struct {
	mu    sync.Mutex
	names map[[16]byte]string
}

// learn notes a topic's id.
func (t *topicIDs) learn(id [16]byte, name string) {
	if id == ([16]byte{}) || name == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil || len(t.names) >= maxTopicIDs {
		t.names = map[[16]byte]string{}
	}
	t.names[id] = name
}

// name is the topic of an id, "" if it is not known.
func (t *topicIDs) name(id []byte, whole bool) string {
	if !whole || len(id) != 16 {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.names[[16]byte(id)]
}
