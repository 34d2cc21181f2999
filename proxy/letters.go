package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/validator"
)

// Letters are records that wait for a person: what the gate refused and keeps in <topic>.quarantine, and what a consumer
// group gave up on and keeps in <group>.dlq. A letter stays where it is; what was done about it stands in MarksTopic, written in
// one transaction with the record that goes back, so that it goes back once.
const (
	// DeadSuffix makes the name of a group's dead-letter topic, RedriveSuffix of the topic that only that group reads.
	DeadSuffix    = ".dlq"
	RedriveSuffix = ".redrive"

	MaxLetters        = 1_000    // of one page, and of one redrive or discard
	MaxLettersScanned = 20_000   // records read for one answer; past it the page ends early
	maxLetterBytes    = 64 << 20 // of records read for one answer
	maxListedEvent    = 8 << 10  // bytes of a redacted event in a list; a longer one is shown alone
	maxAccepts        = 100      // versions asked whether they accept a letter
	letterTimeout     = 20 * time.Second
)

// Headers that the gate writes on letters, and on what goes back.
const (
	headerOurs    = "accord-"
	headerRedrive = "accord-redrive" // <topic>/<partition>/<offset> of the letter
	headerReplays = "dlq-replays"    // how often a dead letter went back, kept by its consumer
	// MaxReplays is how often a dead letter may go back: a consumer that cannot take it three times will not.
	MaxReplays = 3
)

// letterKind says who put a letter where it is.
type letterKind string

const (
	quarantined letterKind = "quarantine"
	deadLetter  letterKind = "dead"
)

// A letterBox is a topic of letters.
type letterBox struct {
	Topic string     `json:"topic"`
	Kind  letterKind `json:"kind"`
	To    string     `json:"to"` // where its letters go back to
	Group string     `json:"group,omitempty"`
}

// boxOf says what a topic's letters are; false: it holds none.
func boxOf(topic string) (letterBox, bool) {
	if of, ok := strings.CutSuffix(topic, QuarantineSuffix); ok && of != "" {
		return letterBox{Topic: topic, Kind: quarantined, To: of}, true
	}
	if group, ok := strings.CutSuffix(topic, DeadSuffix); ok && group != "" {
		return letterBox{Topic: topic, Kind: deadLetter, To: group + RedriveSuffix, Group: group}, true
	}
	return letterBox{}, false
}

// standing is where a record stands.
type standing struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    *int64    `json:"offset,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// A letter is a record that waits, as everybody may see it.
type letter struct {
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Offset    int64      `json:"offset"`
	At        time.Time  `json:"at"` // when it was put there
	Kind      letterKind `json:"kind"`
	State     string     `json:"state"` // waiting, redriven or discarded
	Settled   *mark      `json:"settled,omitempty"`
	ID        string     `json:"id,omitempty"` // of the CloudEvent
	Type      string     `json:"type,omitempty"`
	Class     string     `json:"class"` // the gate's reason; the class of the consumer's error
	Error     string     `json:"error,omitempty"`
	Address   string     `json:"address,omitempty"`
	Keyword   string     `json:"keyword,omitempty"`
	Subject   string     `json:"subject,omitempty"`
	Version   int32      `json:"version,omitempty"`
	From      *standing  `json:"from,omitempty"` // where the record was, or was to go
	ClientID  string     `json:"client_id,omitempty"`
	Principal string     `json:"principal,omitempty"`
	Group     string     `json:"group,omitempty"`
	Service   string     `json:"service,omitempty"`
	Op        string     `json:"op,omitempty"` // of the lens that refused
	Attempts  int        `json:"attempts,omitempty"`
	Replays   int        `json:"replays,omitempty"`
	First     time.Time  `json:"first,omitzero"` // when it was first given up on
	Bytes     int        `json:"bytes"`          // of its value
	Passes    bool       `json:"passes"`         // the gate would let it through as things are now
	// Event is the value, redacted; null for a tombstone. Where no schema is known, or the event is too long for a list, it
	// is {"bytes":n}.
	Event json.RawMessage `json:"event"`
}

// A letterDetail is one letter with everything that is known of it.
type letterDetail struct {
	letter
	Now     result           `json:"now"`     // what the gate says of it now
	Accepts []subjectVersion `json:"accepts"` // versions that would take it, newest first
	Headers []string         `json:"headers"` // names
	Whole   *wholeRecord     `json:"whole,omitempty"`
}

type subjectVersion struct {
	Subject string `json:"subject"`
	Version int32  `json:"version"`
}

// A wholeRecord is a record as it is, for those who may put it back.
type wholeRecord struct {
	Key     *string       `json:"key"`              // null: none
	Value   *string       `json:"value"`            // null: a tombstone
	Base64  []string      `json:"base64,omitempty"` // which of key and value are in base64, because they are no text
	Headers []wholeHeader `json:"headers"`
}

type wholeHeader struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"`
	Base64 bool    `json:"base64,omitempty"`
}

// A letterReader reads letters of one box and judges them as the gate would now.
type letterReader struct {
	srv   *Server
	ctx   context.Context
	box   letterBox
	plans *plans
}

// opened is a letter with the record and the gate's opinion of it.
type opened struct {
	letter
	record  *kgo.Record
	headers eventHeaders // those that go back with it
	plan    *plan        // of the topic it belongs to; nil: unknown
	verdict verdict
}

// open reads what a letter says of itself and judges it.
func (l *letterReader) open(r *kgo.Record, settled map[int32]map[int64]mark) *opened {
	h := eventHeaders(r.Headers)
	o := &opened{record: r, letter: letter{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, At: r.Timestamp.UTC(), Kind: l.box.Kind, State: stateWaiting,
		ID: h.text("ce_id"), Type: h.text(validator.HeaderType), Bytes: len(r.Value),
	}}
	if m, ok := settled[r.Partition][r.Offset]; ok {
		o.State, o.Settled = m.state(), &m
	}
	o.headers = h.backAgain(l.box.Kind)
	topic := l.box.To
	if l.box.Kind == quarantined {
		o.captive(h)
	} else {
		topic = h.text("dlq-topic")
		o.dead(h, l.box.Group)
	}
	if topic != "" {
		o.plan = l.srv.plan(l.plans, topic)
		l.judge(o)
	}
	o.Passes = o.passes()
	return o
}

// captive reads the headers that the gate's quarantine writes.
func (o *opened) captive(h eventHeaders) {
	o.Class, o.Keyword, o.Address = h.text("accord-reason"), h.text("accord-keyword"), h.text("accord-address")
	o.Subject, o.Version = h.text("accord-subject"), int32(h.number("accord-version"))
	o.ClientID, o.Principal = h.text("accord-client-id"), h.text("accord-principal")
	o.From = &standing{Topic: h.text("accord-topic"), Partition: -1}
	if h.text("accord-partition") != "" {
		o.From.Partition = int32(h.number("accord-partition"))
	}
	if ms := h.number("accord-ts"); ms != 0 {
		o.From.At = time.UnixMilli(ms).UTC()
	}
	if o.Class == "" {
		o.Class = "unknown"
	}
}

// dead reads the headers that a consumer's dead letter has.
func (o *opened) dead(h eventHeaders, group string) {
	o.Class, o.Error, o.Address, o.Op = h.text("dlq-class"), h.text("dlq-error"), h.text("dlq-pointer"), h.text("dlq-op")
	o.Group, o.Service = group, h.text("dlq-service")
	o.Attempts, o.Replays = int(h.number("dlq-attempts")), int(h.number(headerReplays))
	o.First = h.moment("dlq-first")
	if topic := h.text("dlq-topic"); topic != "" {
		offset := h.number("dlq-offset")
		o.From = &standing{Topic: topic, Partition: int32(h.number("dlq-partition")), Offset: &offset, At: h.moment("dlq-timestamp")}
	}
	if o.Class == "" {
		o.Class = "unknown"
	}
}

// judge asks the gate about a letter, as of now and as if its first sender sent it.
func (l *letterReader) judge(o *opened) {
	j := l.srv.judge(l.ctx, o.Principal, maxHTTPViolations)
	j.plans, j.stale = l.plans, l.srv.stale(l.plans.snapshot)
	o.verdict = j.record(o.plan, o.record.Key, o.record.Value, o.headers)
	if o.Subject == "" {
		o.Subject, o.Version = o.verdict.subject, o.verdict.version
	}
	if o.Kind == quarantined && o.Address == "" && o.Keyword == o.verdict.keyword() {
		o.Address = o.verdict.address()
	}
}

// passes says whether the gate would let a letter through: it is valid, or its topic takes what is not.
func (o *opened) passes() bool {
	if o.plan == nil || o.plan.policy == Off || o.plan.policy == Observe {
		return true
	}
	return o.verdict.accepted() || o.plan.policy == Mark && o.verdict.reason != Unavailable
}

// schemaOf is what an event is read by: the schema of its verdict, else that of the version it was refused under.
func (l *letterReader) schemaOf(o *opened) (*validator.Schema, []byte) {
	payload := o.verdict.payload
	ref := validator.Ref{GUID: o.verdict.guid}
	if payload == nil {
		found, err := validator.Find(o.record.Value, o.headers, false)
		if err != nil || o.Subject == "" {
			return nil, nil
		}
		payload, ref = found.Payload, validator.Ref{Subject: o.Subject, Version: o.Version}
	}
	entry, err := l.entry(ref)
	if err != nil || entry.Schema == nil {
		return nil, nil
	}
	return entry.Schema, payload
}

func (l *letterReader) entry(ref validator.Ref) (*validator.Entry, error) {
	j := l.srv.judge(l.ctx, anonymous, 0)
	j.plans = l.plans
	return j.entry(ref)
}

// redact fills in the event as everybody may see it, in at most so many bytes.
func (l *letterReader) redact(o *opened, most int) {
	if o.record.Value == nil {
		o.Event = json.RawMessage("null")
		return
	}
	o.Event = fmt.Appendf(nil, `{"bytes":%d}`, len(o.record.Value))
	schema, payload := l.schemaOf(o)
	if schema == nil {
		return
	}
	if shown := schema.Redact(nil, payload, l.srv.cfg.RedactKey); len(shown) <= most {
		o.Event = shown
	}
}

// accepts lists the versions of the topic's subjects that would take a letter, newest first.
func (l *letterReader) accepts(o *opened) []subjectVersion {
	taking := []subjectVersion{}
	if o.plan == nil || o.plan.binding == nil || o.record.Value == nil {
		return taking
	}
	found, err := validator.Find(o.record.Value, o.headers, false)
	if err != nil {
		return taking
	}
	asked := 0
	for _, promise := range o.plan.binding.Values {
		if o.Subject != "" && promise.Subject != o.Subject {
			continue
		}
		for _, version := range promise.Versions {
			if asked++; asked > maxAccepts {
				return taking
			}
			entry, err := l.entry(validator.Ref{Subject: promise.Subject, Version: version})
			if err == nil && entry.Schema != nil && entry.Schema.Valid(found.Payload) {
				taking = append(taking, subjectVersion{promise.Subject, version})
			}
		}
	}
	return taking
}

// detail is everything about a letter; whole: to somebody who may put it back.
func (l *letterReader) detail(o *opened, whole bool) letterDetail {
	l.redact(o, validator.MaxEventBytes)
	d := letterDetail{letter: o.letter, Accepts: l.accepts(o), Headers: []string{}}
	for _, h := range o.record.Headers {
		d.Headers = append(d.Headers, h.Key)
	}
	switch {
	case o.plan == nil:
		d.Now = result{Error: "the letter does not say where it belongs"}
	case o.verdict.accepted():
		d.Now = result{Subject: o.verdict.subject, Version: o.verdict.version}
	default:
		d.Now = result{
			Subject: o.verdict.subject, Version: o.verdict.version, Reason: o.verdict.reason,
			Error: o.verdict.logged(), Rejection: o.verdict.id(o.plan.topic),
		}
		for _, x := range o.verdict.violations {
			told := violation{Pointer: x.Address, Keyword: x.Keyword, Message: x.Message, Expected: x.Expected, Location: x.Location}
			if whole {
				told.Pointer, told.Actual, told.Offset = x.Pointer, x.Actual, x.Offset
			}
			d.Now.Errors = append(d.Now.Errors, told)
		}
	}
	if whole {
		d.Whole = wholeOf(o.record)
	}
	return d
}

// Last headers as text, number and time; what is missing or no such thing is zero.
func (h eventHeaders) text(name string) string {
	v, _ := h.Last(name)
	return string(v)
}

func (h eventHeaders) number(name string) int64 {
	n, err := strconv.ParseInt(h.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (h eventHeaders) moment(name string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, h.text(name))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// backAgain are the headers that a letter goes back with: the gate's own stay behind. Those of a dead letter tell its
// consumer where it was and how often it came.
func (h eventHeaders) backAgain(kind letterKind) eventHeaders {
	back := make(eventHeaders, 0, len(h)+1)
	for _, x := range h {
		if x.Key == headerRedrive || kind == quarantined && strings.HasPrefix(x.Key, headerOurs) {
			continue
		}
		back = append(back, x)
	}
	return back
}

// letterPosition is where a page of letters begins: a partition, and an offset in it.
type letterPosition struct {
	partition int32
	offset    int64
}

func (p letterPosition) String() string { return fmt.Sprintf("%d/%d", p.partition, p.offset) }

// parsePosition reads what String printed.
func parsePosition(text string) (letterPosition, error) {
	partition, offset, ok := strings.Cut(text, "/")
	p, err := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if !ok || err != nil || err2 != nil || p < 0 || o < 0 {
		return letterPosition{}, fmt.Errorf("%.64q: want PARTITION/OFFSET", text)
	}
	return letterPosition{int32(p), o}, nil
}

// extent is what a partition holds: from the first offset to before the last.
type extent struct {
	partition   int32
	first, next int64
}

// errNoTopic is a topic that the cluster does not have.
var errNoTopic = errors.New("no such topic")

// extents asks what a topic's partitions hold, as far as transactions have ended, by partition. With since, they begin at the
// first record of that time.
func (s *Server) extents(ctx context.Context, topic string, since time.Time) ([]extent, error) {
	own := s.own.Load()
	if own == nil {
		return nil, errNotServing
	}
	admin := kadm.NewClient(own)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) {
		return nil, errNoTopic
	}
	if err != nil {
		return nil, err
	}
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, err
	}
	var later kadm.ListedOffsets
	if !since.IsZero() {
		if later, err = admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), topic); err == nil {
			err = later.Error()
		}
		if err != nil {
			return nil, err
		}
	}
	var all []extent
	for _, end := range ends.Offsets().Sorted() {
		e := extent{partition: end.Partition, next: end.At}
		if start, ok := starts.Lookup(topic, end.Partition); ok {
			e.first = start.Offset
		}
		if from, ok := later.Lookup(topic, end.Partition); ok && from.Offset >= 0 {
			e.first = max(e.first, from.Offset)
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b extent) int { return int(a.partition - b.partition) })
	return all, nil
}

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// scan hands over the records of extents of one topic, partition by partition in offset order, and those that only mark the
// end of a transaction as nil. visit says where it goes on after a record by returning errEnough.
func (s *Server) scan(ctx context.Context, topic string, parts []extent, visit func(r *kgo.Record, control bool) error) error {
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	for _, part := range parts {
		if part.first >= part.next {
			continue
		}
		if err := s.scanPartition(ctx, topic, part, visit); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) scanPartition(ctx context.Context, topic string, part extent, visit func(r *kgo.Record, control bool) error) error {
	reader, err := kgo.NewClient(append(s.clientOptions(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {part.partition: kgo.NewOffset().At(part.first)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(250*time.Millisecond), kgo.FetchMaxBytes(4<<20), kgo.FetchMaxPartitionBytes(1<<20),
		kgo.MaxConcurrentFetches(1), kgo.DisableFetchSessions())...)
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
		for r := range fetches.RecordsAll() {
			if r.Offset >= part.next {
				return nil
			}
			if err := visit(r, r.Attrs.IsControl()); err != nil {
				return err
			}
			if r.Offset+1 >= part.next {
				return nil
			}
		}
	}
}
