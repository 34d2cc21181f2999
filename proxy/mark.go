package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// MarksTopic says what was done about letters: one record for each, its key <topic>/<partition>/<offset>, its value a mark. It
// is compacted, and made with the first redrive or discard. It has one partition and all that is written there is written by
// one transactional producer: whoever begins anew ends what another left open, and then sees all that was done before.
const (
	MarksTopic = "accord.letters"
	// MaxMarks is how many letters are remembered; beyond it nothing is redriven until older ones have expired.
	MaxMarks = 200_000

	marksID      = "accord-letters" // transactional id
	marksTimeout = 30 * time.Second // after which brokers abort what nobody ends
	maxMarkBytes = 4 << 10
)

// States of a letter.
const (
	stateWaiting   = "waiting"
	stateRedriven  = "redriven"
	stateDiscarded = "discarded"
)

// Operations on letters.
const (
	opRedrive = "redrive"
	opDiscard = "discard"
)

// A mark is what was done about one letter.
type mark struct {
	Op string    `json:"op"`
	At time.Time `json:"at"`
	By string    `json:"by"`           // principal
	To string    `json:"to,omitempty"` // topic it went back to
}

func (m mark) state() string {
	if m.Op == opDiscard {
		return stateDiscarded
	}
	return stateRedriven
}

// markKey is the key of a letter's mark.
func markKey(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d/%d", topic, partition, offset)
}

// parseMarkKey reads what markKey made. A topic has no slash in its name.
func parseMarkKey(key string) (topic string, partition int32, offset int64, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 {
		return "", 0, 0, false
	}
	p, err := strconv.ParseInt(parts[1], 10, 32)
	o, err2 := strconv.ParseInt(parts[2], 10, 64)
	return parts[0], int32(p), o, err == nil && err2 == nil
}

// marks is what is known of MarksTopic, read on as it grows. Its zero value is ready.
type marks struct {
	acting sync.Mutex // held while letters are redriven or discarded

	mu   sync.Mutex
	next int64 // offset up to which it was read
	by   map[string]map[int32]map[int64]mark
	n    int
}

var (
	errMarksFull = fmt.Errorf("%s remembers %d letters, which is the most: wait until letters expire", MarksTopic, MaxMarks)
	errMarksOpen = errors.New("a transaction on " + MarksTopic + " has not ended")
)

// marksOf brings the marks up to date and returns a copy of those of one topic. With settled, an open transaction is an error.
func (s *Server) marksOf(ctx context.Context, topic string, settled bool) (map[int32]map[int64]mark, error) {
	m := &s.marks
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.readMarks(ctx, settled); err != nil {
		return nil, err
	}
	own := map[int32]map[int64]mark{}
	for partition, at := range m.by[topic] {
		own[partition] = maps.Clone(at)
	}
	return own, nil
}

// readMarks reads on. marks.mu is held.
func (s *Server) readMarks(ctx context.Context, settled bool) error {
	m := &s.marks
	parts, err := s.extents(ctx, MarksTopic, time.Time{})
	if errors.Is(err, errNoTopic) || err == nil && len(parts) == 0 {
		m.forget()
		return nil
	}
	if err != nil {
		return err
	}
	if settled {
		own := s.own.Load()
		ends, err := kadm.NewClient(own).ListEndOffsets(ctx, MarksTopic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			return err
		}
		if end, ok := ends.Lookup(MarksTopic, 0); ok && end.Offset > parts[0].next {
			return errMarksOpen
		}
	}
	part := parts[0]
	if part.next < m.next { // made anew
		m.forget()
	}
	part.first = max(part.first, m.next)
	err = s.scan(ctx, MarksTopic, []extent{part}, func(r *kgo.Record, control bool) error {
		if !control {
			m.take(r)
		}
		m.next = r.Offset + 1
		return nil
	})
	if err == nil {
		m.next = part.next
	}
	return err
}

func (m *marks) forget() { m.next, m.by, m.n = 0, nil, 0 }

// take notes one record of MarksTopic.
func (m *marks) take(r *kgo.Record) {
	topic, partition, offset, ok := parseMarkKey(string(r.Key))
	if !ok {
		return
	}
	at := m.by[topic][partition]
	if _, known := at[offset]; known {
		m.n--
		delete(at, offset)
	}
	var x mark
	if len(r.Value) == 0 || len(r.Value) > maxMarkBytes || json.Unmarshal(r.Value, &x) != nil {
		return
	}
	if m.by == nil {
		m.by = map[string]map[int32]map[int64]mark{}
	}
	if m.by[topic] == nil {
		m.by[topic] = map[int32]map[int64]mark{}
	}
	if m.by[topic][partition] == nil {
		m.by[topic][partition] = map[int64]mark{}
	}
	m.by[topic][partition][offset] = x
	m.n++
}

// expired lists keys of marks whose letters are gone. marks.mu is not held.
func (m *marks) expired(topic string, parts []extent, most int) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, part := range parts {
		for offset := range m.by[topic][part.partition] {
			if offset < part.first && len(keys) < most {
				keys = append(keys, markKey(topic, part.partition, offset))
			}
		}
	}
	return keys
}

// makeTopic creates a topic unless it is there, and waits until it can be written.
func (s *Server) makeTopic(ctx context.Context, own *kgo.Client, topic string, partitions int32, config map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, quarantineCreate)
	defer cancel()
	settings := map[string]*string{}
	for k, v := range config {
		settings[k] = &v
	}
	answer, err := kadm.NewClient(own).CreateTopic(ctx, partitions, -1, settings, topic)
	if err == nil {
		err = answer.Err
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	if err == nil {
		err = awaitTopic(ctx, own, topic)
	}
	if err != nil {
		return fmt.Errorf("topic %s is not there and was not created: %w", topic, err)
	}
	return nil
}
