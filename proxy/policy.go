package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/accordhq/accord/validator"
)

// Policy is what happens to invalid records of a topic.
type Policy uint8

// The policies, in the order of a careful adoption. Over HTTP, where every event stands alone, a refusal is one event's.
const (
	Off     Policy = iota // not judged, still counted
	Observe               // forwarded at once and judged afterwards, as far as ObserveQueue reaches
	Mark                  // forwarded with the header accord-invalid
	Reject                // a batch with an invalid record is refused, other partitions go on
	Divert                // moved to the quarantine topic, the rest of the batch goes on; Reject where a batch must stay whole
)

// policyWords are the policies' words in channel files.
var policyWords = [...]string{Off: "off", Observe: "observe", Mark: "mark", Reject: "reject", Divert: "divert"}

// String is the policy's word in channel files.
func (p Policy) String() string { return policyWords[p] }

// ParsePolicy reads a policy's word. Beside an error the policy is Reject.
func ParsePolicy(word string) (Policy, error) {
	if i := slices.Index(policyWords[:], word); i >= 0 {
		return Policy(i), nil
	}
	return Reject, fmt.Errorf("policy %q: must be one of %s", word, strings.Join(policyWords[:], ", "))
}

// enforcement is a topic's enforce member. Zero: the defaults.
type enforcement struct {
	policy        Policy
	quarantine    bool   // what is refused is copied to the quarantine topic; Divert implies it
	any           bool   // choose: any
	pinned        int32  // choose: { pinned: n }; 0 if not
	tombstones    string // auto, allow, deny
	unknown       string // retry, open, closed
	senders       bool
	discriminator *discriminator
}

// discriminator says where a record names its own subject.
type discriminator struct {
	Header  string `json:"header"`  // a record header
	Type    string `json:"type"`    // or a JSON Pointer into the payload
	Version string `json:"version"` // beside Type, optional
}

// enforceFile is the JSON form of enforce.
type enforceFile struct {
	Policy        string          `json:"policy"`
	Quarantine    bool            `json:"quarantine"`
	Choose        json.RawMessage `json:"choose"`
	Tombstones    string          `json:"tombstones"`
	Unknown       string          `json:"unknown"`
	Senders       bool            `json:"senders"`
	Discriminator *discriminator  `json:"discriminator"`
}

// parseEnforcement reads a channel's enforce member; none is the defaults. Beside an error the strictest reading of the
// rest is returned.
func parseEnforcement(text []byte) (enforcement, error) {
	e := enforcement{policy: Reject, tombstones: "auto", unknown: "retry"}
	if len(bytes.TrimSpace(text)) == 0 {
		return e, nil
	}
	var f enforceFile
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return e, fmt.Errorf("enforce: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return e, errors.New("enforce: text after the object")
	}
	var errs []error
	if f.Policy != "" {
		var err error
		e.policy, err = ParsePolicy(f.Policy)
		errs = append(errs, err)
	}
	errs = append(errs,
		e.choose(f.Choose),
		oneOf("tombstones", f.Tombstones, &e.tombstones, "auto", "allow", "deny"),
		oneOf("unknown", f.Unknown, &e.unknown, "retry", "open", "closed"))
	e.senders, e.quarantine = f.Senders, f.Quarantine
	if d := f.Discriminator; d != nil {
		if (d.Header == "") == (d.Type == "") || d.Header != "" && d.Version != "" {
			errs = append(errs, errors.New("discriminator: must have header, or type and perhaps version"))
		} else {
			e.discriminator = d
		}
	}
	return e, errors.Join(errs...)
}

func (e *enforcement) choose(text json.RawMessage) error {
	switch strings.TrimSpace(string(text)) {
	case "", "null", `"latest"`:
		return nil
	case `"any"`:
		e.any = true
		return nil
	}
	var f struct {
		Pinned int32 `json:"pinned"`
	}
	if err := json.Unmarshal(text, &f); err != nil || f.Pinned < 1 {
		return errors.New("choose: must be latest, any or { pinned: n }")
	}
	e.pinned = f.Pinned
	return nil
}

func oneOf(name, word string, into *string, words ...string) error {
	if word == "" {
		return nil
	}
	if slices.Contains(words, word) {
		*into = word
		return nil
	}
	return fmt.Errorf("%s %q: must be one of %s", name, word, strings.Join(words, ", "))
}

// A plan is everything about one topic that judging its records needs, made once per snapshot.
type plan struct {
	enforcement
	topic   string
	binding *validator.Binding // nil: nobody promised anything about this topic
	fault   error              // why the enforce member was not taken as it stands
}

// plans are the plans of one snapshot, made as topics are seen.
type plans struct {
	snapshot *validator.Snapshot
	byTopic  sync.Map // topic to *plan
	count    atomic.Int64
}

// maxPlans is how many topics are remembered; others are planned each time.
const maxPlans = 20_000

// current returns the plans of the source's snapshot of now. A request keeps what it began with.
func (s *Server) current() *plans {
	snapshot := s.cfg.Schemas.Snapshot()
	p := s.plans.Load()
	if p != nil && p.snapshot == snapshot {
		return p
	}
	fresh := &plans{snapshot: snapshot}
	s.plans.CompareAndSwap(p, fresh) // losing this race costs a few plans made twice, nothing else
	return fresh
}

// plan returns the plan of a topic.
func (s *Server) plan(p *plans, topic string) *plan {
	if v, ok := p.byTopic.Load(topic); ok {
		return v.(*plan)
	}
	made := s.makePlan(p.snapshot, topic)
	if p.count.Add(1) <= maxPlans {
		p.byTopic.Store(topic, made)
	}
	return made
}

// planFaults lists what is wrong with the enforcement of topics seen so far, sorted.
func (s *Server) planFaults() []string {
	var faults []string
	for _, v := range s.current().byTopic.Range {
		if p := v.(*plan); p.fault != nil {
			faults = append(faults, fmt.Sprintf("topic %s is held to policy %s: %s", p.topic, p.policy, p.fault))
		}
	}
	slices.Sort(faults)
	return faults
}

// heldBack are topics that hold what is invalid on purpose, unless a channel file says otherwise.
var heldBack = []string{"*.quarantine", "*.dlq", "*.retry.*", "*.redrive"}

func (s *Server) makePlan(snapshot *validator.Snapshot, topic string) *plan {
	p := &plan{topic: topic, enforcement: enforcement{policy: s.cfg.Unbound, tombstones: "allow", unknown: "retry"}}
	if strings.HasPrefix(topic, "__") {
		p.policy = Off
		return p
	}
	p.binding = snapshot.Binding(topic)
	if p.binding != nil {
		p.enforcement, p.fault = parseEnforcement(p.binding.Enforce)
		if p.fault != nil {
			s.quiet.warn("enforcement of a topic", "topic", topic, "policy", p.policy.String(), "err", p.fault)
		}
	}
	if (p.binding == nil || !p.binding.Declared) && matchesAny(heldBack, topic) {
		p.policy = Off
	}
	if policy, ok := s.override(topic); ok {
		p.policy = policy
	}
	return p
}

// override is the operator's switch for a topic: an exact name wins, then the longest pattern.
func (s *Server) override(topic string) (Policy, bool) {
	if policy, ok := s.cfg.Override[topic]; ok {
		return policy, true
	}
	best, found := "", false
	for pattern := range s.cfg.Override {
		if ok, _ := path.Match(pattern, topic); ok && (!found || len(pattern) > len(best) || len(pattern) == len(best) && pattern < best) {
			best, found = pattern, true
		}
	}
	return s.cfg.Override[best], found
}

func matchesAny(patterns []string, topic string) bool {
	for _, pattern := range patterns {
		if ok, _ := path.Match(pattern, topic); ok {
			return true
		}
	}
	return false
}

// promiseOf returns the promise about a subject on this topic.
func promiseOf(promises []validator.Promise, subject string) *validator.Promise {
	for i := range promises {
		if promises[i].Subject == subject {
			return &promises[i]
		}
	}
	return nil
}

// tombstone says whether a null value is allowed: auto is yes for a compacted topic, a State, or a topic that is bound
// by its name alone.
func (p *plan) tombstone() bool {
	switch {
	case p.tombstones == "allow" || p.binding == nil:
		return true
	case p.tombstones == "deny":
		return false
	case p.binding.Compacted || !p.binding.Declared:
		return true
	}
	for _, promise := range p.binding.Values {
		if promise.State {
			return true
		}
	}
	return false
}
