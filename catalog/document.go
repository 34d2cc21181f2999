package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kinds of document: the files of a schemas folder that are not versions of a schema. Each is kept as JSON under
// (kind, name); the kinds that have one document only keep it under their own name in lower case.
const (
	KindProject = "Project"
	KindTeams   = "Teams"
	KindWaivers = "Waivers"
	KindDomain  = "Domain"
	KindService = "Service"
	KindChannel = "Channel"
	KindFlow    = "Flow"
	KindEvent   = "Event"
	KindCommand = "Command"
	KindState   = "State"
)

// APIVersion is what every file of a schemas folder begins with.
const APIVersion = "accord/v1"

// Header is the beginning of every document: what it is and what it is called.
type Header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name,omitempty"`
}

// Project is the project file, accord.yaml. A nil member means its default.
type Project struct {
	Header
	SchemaBase string          `json:"schemaBase,omitempty"` // $id = base + subject + "/" + version
	Defaults   ProjectDefaults `json:"defaults,omitzero"`
	Naming     Naming          `json:"naming,omitzero"`
	Envelope   Envelope        `json:"envelope,omitzero"`
	Gate       Gate            `json:"gate,omitzero"`
	Enforce    *Enforce        `json:"enforce,omitempty"`
}

// ProjectDefaults holds for every event that does not say otherwise.
type ProjectDefaults struct {
	Compatibility string `json:"compatibility,omitempty"` // level; "" = BACKWARD
	Draft         string `json:"draft,omitempty"`         // the $schema that lint asks for: "7", "2019-09", "2020-12"; "" = none
	UnknownFields string `json:"unknownFields,omitempty"` // "decide": every object says additionalProperties; "" = no opinion
}

// Naming is what subjects must look like.
type Naming struct {
	Subject   string `json:"subject,omitempty"`   // RE2 pattern, "" = any
	PastTense bool   `json:"pastTense,omitempty"` // events are named in the past tense
}

// Envelope is how events travel.
type Envelope struct {
	Kind       string `json:"kind,omitempty"`       // "cloudevents-binary"
	TypePrefix string `json:"typePrefix,omitempty"` // before the subject in ce_type, without the last dot
}

// Gate is how strict the gate is. "" means the default in brackets.
type Gate struct {
	FailOn    string `json:"failOn,omitempty"`    // error [error], warning, never
	Undecided string `json:"undecided,omitempty"` // severity of an undecided verdict [error]
	Consumers string `json:"consumers,omitempty"` // severity of a broken consumer [error]
	Lens      string `json:"lens,omitempty"`      // least proof of a lens: tested [tested] or proved
	Against   string `json:"against,omitempty"`   // default baseline
}

// Teams is the list of owners.
type Teams struct {
	Header
	Teams []Team `json:"teams"`
}

// Team owns things.
type Team struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Contact string `json:"contact,omitempty"`
}

// Waivers is the list of accepted findings.
type Waivers struct {
	Header
	Waivers []Waiver `json:"waivers"`
}

// Waiver accepts one finding, by its fingerprint, for a reason and for a time.
type Waiver struct {
	Fingerprint    string   `json:"fingerprint"`
	Subject        string   `json:"subject,omitempty"`
	Rule           string   `json:"rule,omitempty"`
	Pointer        string   `json:"pointer,omitempty"`
	From           int      `json:"from,omitempty"`
	To             int      `json:"to,omitempty"`
	Reason         string   `json:"reason"`
	Owner          string   `json:"owner"`
	AcknowledgedBy []string `json:"acknowledgedBy,omitempty"`
	Expires        string   `json:"expires"` // date, YYYY-MM-DD
}

// Domain groups events.
type Domain struct {
	Header
	Title   string `json:"title,omitempty"`
	Summary string `json:"summary,omitempty"`
	Owner   string `json:"owner,omitempty"`
}

// Event describes one subject: an event, a command or a state.
type Event struct {
	Header
	Title         string   `json:"title,omitempty"`
	Summary       string   `json:"summary,omitempty"`
	Aliases       []string `json:"aliases,omitempty"`
	Domain        string   `json:"domain,omitempty"`
	Owner         string   `json:"owner,omitempty"`
	Audience      string   `json:"audience,omitempty"`  // domain, integration or public
	Lifecycle     string   `json:"lifecycle,omitempty"` // draft, active, deprecated or retired
	Profile       string   `json:"profile,omitempty"`   // "thin": carries an id only
	Channel       string   `json:"channel,omitempty"`   // name of a channel document
	Key           string   `json:"key,omitempty"`       // JSON Pointer of the Kafka key
	Compatibility string   `json:"compatibility,omitempty"`
	Policy        string   `json:"compatibilityPolicy,omitempty"`
	// Versions says what became of each version, by number in decimals.
	Versions map[string]VersionNote `json:"versions,omitempty"`
	// Readme and Examples are filled from the files beside the document.
	Readme   string    `json:"readme,omitempty"`
	Examples []Example `json:"examples,omitempty"`
}

// VersionNote is the life of one version.
type VersionNote struct {
	Status string `json:"status,omitempty"` // active, deprecated or retired
	Since  string `json:"since,omitempty"`  // date
	Sunset string `json:"sunset,omitempty"` // date
	Note   string `json:"note,omitempty"`
}

// Example is an event shown to readers: valid under its version.
type Example struct {
	Version int             `json:"version"`
	Name    string          `json:"name"`
	Event   json.RawMessage `json:"event"`
}

// Service is something that sends or receives events.
type Service struct {
	Header
	Title          string    `json:"title,omitempty"`
	Summary        string    `json:"summary,omitempty"`
	Owner          string    `json:"owner,omitempty"`
	Repository     string    `json:"repository,omitempty"`
	Principals     []string  `json:"principals,omitempty"`     // "User:payments"
	ConsumerGroups []string  `json:"consumerGroups,omitempty"` // Kafka groups
	Sends          []Sends   `json:"sends,omitempty"`
	Receives       []Receive `json:"receives,omitempty"`
}

// Sends declares that a service sends an event.
type Sends struct {
	Event    string `json:"event"`
	Versions []int  `json:"versions,omitempty"`
}

// Receive declares that a service reads an event.
type Receive struct {
	Event   string `json:"event"`
	Version int    `json:"version,omitempty"` // the version its code was built for
	// Reads are the addresses it uses; nil means everything, empty means nothing but the envelope.
	Reads     []Read `json:"reads"`
	Strict    bool   `json:"strict,omitempty"`
	Decode    string `json:"decode,omitempty"`    // lens, or raw [raw]
	OnInvalid string `json:"onInvalid,omitempty"` // dlq, skip or stop
}

// Read is one address that a consumer uses. In files it is the address alone, or { at, optional }.
type Read struct {
	At       string
	Optional bool
}

// MarshalJSON prints the short form where it says the same.
func (r Read) MarshalJSON() ([]byte, error) {
	if !r.Optional {
		return json.Marshal(r.At)
	}
	return json.Marshal(map[string]any{"at": r.At, "optional": true})
}

// UnmarshalJSON takes both forms.
func (r *Read) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &r.At)
	}
	var long struct {
		At       string `json:"at"`
		Optional bool   `json:"optional"`
	}
	if err := strictJSON(b, &long); err != nil {
		return err
	}
	r.At, r.Optional = long.At, long.Optional
	return nil
}

// Channel is a topic and what it enforces.
type Channel struct {
	Header
	Title   string   `json:"title,omitempty"`
	Summary string   `json:"summary,omitempty"`
	Owner   string   `json:"owner,omitempty"`
	Kafka   Kafka    `json:"kafka"`
	Enforce *Enforce `json:"enforce,omitempty"`
}

// Kafka is how the topic is created.
type Kafka struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions,omitempty"`
	Replicas   int    `json:"replicas,omitempty"`
	Cleanup    string `json:"cleanup,omitempty"`   // delete [delete] or compact
	Retention  string `json:"retention,omitempty"` // a duration: Go's, plus d for 24 h
}

// Enforce is what the proxy does with a topic's records. A nil or empty member means the default in brackets.
type Enforce struct {
	Policy        string         `json:"policy,omitempty"`     // off, observe, mark, reject, divert [reject]
	Quarantine    bool           `json:"quarantine,omitempty"` // keep a copy of what is refused
	Choose        Choose         `json:"choose,omitzero"`
	Tombstones    string         `json:"tombstones,omitempty"` // auto, allow, deny [auto]
	Unknown       string         `json:"unknown,omitempty"`    // retry, open, closed [retry]
	Senders       bool           `json:"senders,omitempty"`    // only declared senders
	Discriminator *Discriminator `json:"discriminator,omitempty"`
}

// Choose says which version judges a record that names none: latest (the zero value), any, or a pinned number.
type Choose struct {
	Any    bool
	Pinned int // 0 = not pinned
}

// MarshalJSON prints "latest", "any" or {"pinned": n}.
func (c Choose) MarshalJSON() ([]byte, error) {
	switch {
	case c.Pinned > 0:
		return []byte(`{"pinned":` + strconv.Itoa(c.Pinned) + `}`), nil
	case c.Any:
		return []byte(`"any"`), nil
	}
	return []byte(`"latest"`), nil
}

// UnmarshalJSON takes the three forms.
func (c *Choose) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"latest"`:
		*c = Choose{}
		return nil
	case `"any"`:
		*c = Choose{Any: true}
		return nil
	}
	var pinned struct {
		Pinned int `json:"pinned"`
	}
	if err := strictJSON(b, &pinned); err != nil || pinned.Pinned < 1 {
		return fmt.Errorf("choose is %s: want latest, any or { pinned: n }", b)
	}
	c.Pinned = pinned.Pinned
	return nil
}

// Discriminator says where a record names its event: a header, or pointers into the value.
type Discriminator struct {
	Header  string `json:"header,omitempty"`
	Type    string `json:"type,omitempty"`
	Version string `json:"version,omitempty"`
}

// Flow is a business process as steps, in order.
type Flow struct {
	Header
	Title   string `json:"title,omitempty"`
	Summary string `json:"summary,omitempty"`
	Owner   string `json:"owner,omitempty"`
	Steps   []Step `json:"steps"`
}

// Step is one step of a flow: it starts by On, OnAny or OnAll (none: it begins the flow) and may send an event.
type Step struct {
	ID          string   `json:"id"`
	Service     string   `json:"service"`
	On          string   `json:"on,omitempty"`
	OnAny       []string `json:"onAny,omitempty"`
	OnAll       []string `json:"onAll,omitempty"`
	Sends       string   `json:"sends,omitempty"`
	Else        string   `json:"else,omitempty"`
	Timeout     string   `json:"timeout,omitempty"`
	Compensates string   `json:"compensates,omitempty"`
}

// DecodeDocument decodes the JSON of one document into the type of its kind (*Event for the three kinds of
// message). Unknown members, a wrong kind or apiVersion, and values outside their enumerations are errors that name
// the member.
func DecodeDocument(body []byte) (any, error) {
	var h Header
	if err := json.Unmarshal(body, &h); err != nil {
		return nil, err
	}
	if h.APIVersion != APIVersion {
		return nil, &memberError{"/apiVersion", fmt.Sprintf("apiVersion is %q: want %s", h.APIVersion, APIVersion)}
	}
	doc, ok := map[string]func() document{
		KindProject: func() document { return new(Project) },
		KindTeams:   func() document { return new(Teams) },
		KindWaivers: func() document { return new(Waivers) },
		KindDomain:  func() document { return new(Domain) },
		KindService: func() document { return new(Service) },
		KindChannel: func() document { return new(Channel) },
		KindFlow:    func() document { return new(Flow) },
		KindEvent:   func() document { return new(Event) },
		KindCommand: func() document { return new(Event) },
		KindState:   func() document { return new(Event) },
		KindDraft:   func() document { return new(Draft) },
		KindAdapter: func() document { return new(Adapter) },
		KindDoc:     func() document { return new(Doc) },
	}[h.Kind]
	if !ok {
		return nil, &memberError{"/kind", fmt.Sprintf("kind is %q: want one of Project, Teams, Waivers, Domain, Service, Channel, Flow, Event, Command, State, Draft, Adapter, Doc", h.Kind)}
	}
	d := doc()
	if err := strictJSON(body, d); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// document is what DecodeDocument can check by itself, without the rest of the folder.
type document interface{ check() error }

func (p *Project) check() error {
	return errors.Join(
		oneOf("gate.failOn", p.Gate.FailOn, "error", "warning", "never"),
		oneOf("gate.undecided", p.Gate.Undecided, "error", "warning", "never"),
		oneOf("gate.consumers", p.Gate.Consumers, "error", "warning", "never"),
		oneOf("gate.lens", p.Gate.Lens, "tested", "proved"),
		oneOf("defaults.draft", p.Defaults.Draft, "4", "6", "7", "2019-09", "2020-12"),
		oneOf("defaults.unknownFields", p.Defaults.UnknownFields, "decide"),
		p.Enforce.check())
}

func (*Teams) check() error { return nil }

func (w *Waivers) check() error {
	for i, v := range w.Waivers {
		if v.Fingerprint == "" || v.Reason == "" || v.Owner == "" || v.Expires == "" {
			return &memberError{fmt.Sprintf("/waivers/%d", i), fmt.Sprintf("waiver %q needs fingerprint, reason, owner and expires", v.Fingerprint)}
		}
	}
	return nil
}

func (d *Domain) check() error { return named(d.Header) }

func (s *Service) check() error {
	for i, r := range s.Receives {
		at := "receives." + strconv.Itoa(i)
		if err := errors.Join(oneOf(at+".decode", r.Decode, "lens", "raw"), oneOf(at+".onInvalid", r.OnInvalid, "dlq", "skip", "stop")); err != nil {
			return err
		}
	}
	return named(s.Header)
}

func (c *Channel) check() error {
	if c.Kafka.Topic == "" {
		return &memberError{"/kafka/topic", "kafka.topic is missing"}
	}
	return errors.Join(named(c.Header), oneOf("kafka.cleanup", c.Kafka.Cleanup, "delete", "compact"), c.Enforce.check())
}

func (f *Flow) check() error {
	for i, s := range f.Steps {
		if s.ID == "" || s.Service == "" {
			return &memberError{fmt.Sprintf("/steps/%d", i), fmt.Sprintf("steps[%d] needs id and service", i)}
		}
	}
	return named(f.Header)
}

func (e *Event) check() error {
	for n, v := range e.Versions {
		if _, err := strconv.Atoi(n); err != nil {
			return &memberError{"/versions/" + escapePointer(n), fmt.Sprintf("versions: %q is not a number", n)}
		}
		if err := oneOf("versions."+n+".status", v.Status, "draft", "active", "deprecated", "retired"); err != nil {
			return err
		}
	}
	return errors.Join(named(e.Header),
		oneOf("audience", e.Audience, "domain", "integration", "public"),
		oneOf("lifecycle", e.Lifecycle, "draft", "active", "deprecated", "retired"),
		oneOf("profile", e.Profile, "thin"))
}

func (e *Enforce) check() error {
	if e == nil {
		return nil
	}
	return errors.Join(
		oneOf("enforce.policy", e.Policy, "off", "observe", "mark", "reject", "divert"),
		oneOf("enforce.tombstones", e.Tombstones, "auto", "allow", "deny"),
		oneOf("enforce.unknown", e.Unknown, "retry", "open", "closed"))
}

// named demands a name.
func named(h Header) error {
	if h.Name == "" {
		return &memberError{"/name", "name is missing"}
	}
	return nil
}

// oneOf demands that a member is absent or one of the words.
func oneOf(member, value string, words ...string) error {
	if value == "" || slices.Contains(words, value) {
		return nil
	}
	return &memberError{"/" + strings.ReplaceAll(member, ".", "/"), fmt.Sprintf("%s is %q: want one of %s", member, value, strings.Join(words, ", "))}
}

// strictJSON decodes one JSON value and refuses members that the type does not have.
func strictJSON(b []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
