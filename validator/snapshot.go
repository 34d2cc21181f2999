package validator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Promise is one subject whose events a topic may carry.
type Promise struct {
	Subject    string   // qualified
	Versions   []int32  // not deleted, newest first
	State      bool     // the subject is a State: a null value is its deletion
	KeyPointer string   // JSON Pointer into the event whose value is the record's key; "" = not declared
	Senders    []string // names of the services that declare sending it, sorted
}

// A Binding is what one topic promises: from its channel file, or from the subjects <topic>-value and <topic>-key.
type Binding struct {
	Topic     string
	Declared  bool      // there is a channel file
	Compacted bool      // the channel file says cleanup: compact
	Values    []Promise // subjects allowed as values; never empty together with Keys
	Keys      []Promise // subjects that keys are checked against; empty = keys are not checked
	Enforce   []byte    // the channel's `enforce` member as JSON, defaults filled in; nil = defaults. The proxy's language
}

// Latest is the newest live version of a subject.
type Latest struct {
	Version int32
	ID      int32
	GUID    GUID
}

// A Snapshot is everything a judge needs to know without asking: which topic promises what, who is which service,
// which version is the latest, and the schemas themselves through the shared cache. It never changes, but for the
// cache growing behind it. Make it with NewSnapshot.
type Snapshot struct {
	Revision uint64    // of the registry; higher is newer; 0 = nothing loaded yet
	At       time.Time // when the registry was known to be at Revision

	bindings map[string]*Binding
	services map[string]string
	latest   map[string]Latest
	cache    *Cache
}

// NewSnapshot makes a snapshot of the bindings, of services (principal such as "User:payments" to the service's
// name), and of the latest version of each subject (qualified name). It keeps all three and the cache: the caller gives
// them away. Of two bindings of one topic the last counts. cache must not be nil.
func NewSnapshot(revision uint64, at time.Time, bindings []Binding, services map[string]string, latest map[string]Latest, cache *Cache) *Snapshot {
	s := &Snapshot{
		Revision: revision, At: at,
		bindings: make(map[string]*Binding, len(bindings)), services: services, latest: latest, cache: cache,
	}
	for i := range bindings {
		s.bindings[bindings[i].Topic] = &bindings[i]
	}
	return s
}

// Collectors are the metrics of the cache behind the snapshot, as Cache.Collectors.
func (s *Snapshot) Collectors() []prometheus.Collector { return s.cache.Collectors() }

// Binding returns what a topic promises; nil = unbound. Shared: read only.
func (s *Snapshot) Binding(topic string) *Binding { return s.bindings[topic] }

// Service returns the declared name of the service behind a principal such as "User:payments"; "" = unknown.
func (s *Snapshot) Service(principal string) string { return s.services[principal] }

// Latest returns the newest version of a subject that the snapshot knows.
func (s *Snapshot) Latest(subject string) (Latest, bool) {
	l, ok := s.latest[subject]
	return l, ok
}

// Entry returns a schema if it is at hand, and takes the latest of a subject as of this snapshot. false means: not
// known here, ask Source.Fetch. It never waits and does not allocate.
func (s *Snapshot) Entry(r Ref) (*Entry, bool) {
	if r.GUID.IsZero() && r.ID == 0 && r.Version == 0 {
		l, ok := s.latest[r.Subject]
		if !ok {
			return nil, false
		}
		r = Ref{GUID: l.GUID}
	}
	return s.cache.Peek(r)
}
