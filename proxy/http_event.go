package proxy

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/validator"
)

// An event is one record that came over HTTP.
type event struct {
	value   []byte // nil is a tombstone
	headers eventHeaders
	at      time.Time // the producer's own timestamp; zero: when it is sent
	fault   *result   // it cannot even be judged: too large
}

// eventHeaders are record headers. They implement validator.Headers.
type eventHeaders []kgo.RecordHeader

// Last returns the value of the last header of that name.
func (h eventHeaders) Last(name string) ([]byte, bool) {
	for _, x := range slices.Backward(h) {
		if x.Key == name {
			return x.Value, true
		}
	}
	return nil, false
}

// result is what became of one event.
type result struct {
	Index       int         `json:"index"`
	Status      int         `json:"status,omitempty"` // HTTP status of this event alone; 0 in a stream: produced
	Partition   *int32      `json:"partition,omitempty"`
	Offset      *int64      `json:"offset,omitempty"`
	Marked      bool        `json:"marked,omitempty"`      // invalid, and produced with a header that says so
	Quarantined string      `json:"quarantined,omitempty"` // invalid, and in this topic, where Partition and Offset are
	Subject     string      `json:"subject,omitempty"`
	Version     int32       `json:"version,omitempty"`
	Reason      Reason      `json:"reason,omitempty"`
	Error       string      `json:"error,omitempty"`
	Rejection   string      `json:"rejection,omitempty"` // id of the page /rejections/{id}
	Errors      []violation `json:"errors,omitempty"`
}

// violation is a validator.Violation on the wire.
type violation struct {
	Pointer  string `json:"pointer"`
	Keyword  string `json:"keyword"`
	Message  string `json:"message"`
	Expected string `json:"expected,omitempty"`
	Actual   string `json:"actual,omitempty"`
	Offset   int    `json:"offset,omitempty"`
	Location string `json:"location,omitempty"`
}

// options are a native request's query.
type options struct {
	key          []byte // nil: from the event
	partition    int32  // -1: by key
	subject      string // for topics with several, where the event does not say itself
	version      int32  // 0: as the topic chooses
	dryRun       bool
	allOrNothing bool
}

// parseOptions reads ?key= &partition= &subject= &version= &dry_run= &all_or_nothing=; another name is an error.
func parseOptions(r *http.Request) (options, error) {
	o := options{partition: -1}
	for name, values := range r.URL.Query() {
		v := values[len(values)-1]
		var err error
		switch name {
		case "key":
			o.key = []byte(v)
		case "partition":
			o.partition, err = number(v, 0)
		case "version":
			if v != "latest" {
				o.version, err = number(v, 1)
			}
		case "subject":
			o.subject = v
		case "dry_run":
			o.dryRun, err = strconv.ParseBool(v)
		case "all_or_nothing":
			o.allOrNothing, err = strconv.ParseBool(v)
		default:
			return o, refuseHTTP(http.StatusBadRequest, "unknown query parameter %q", name)
		}
		if err != nil {
			return o, refuseHTTP(http.StatusBadRequest, "query parameter %s: %q is not a valid value", name, v)
		}
	}
	return o, nil
}

var errNumber = errors.New("not a number in range")

func number(text string, least int64) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < least {
		return 0, errNumber
	}
	return int32(n), nil
}

// httpClientID is the client id of HTTP requests in reports.
const httpClientID = "accord-http"

// A front judges and produces the events of one HTTP request.
type front struct {
	srv   *Server
	judge *judge
	plan  *plan
	opts  options
	who   producer
	own   *kgo.Client
}

// maxHTTPViolations is how many violations of an event are told over HTTP.
const maxHTTPViolations = 20

func (s *Server) front(r *http.Request, topic, principal string, opts options) (*front, error) {
	own := s.own.Load()
	if own == nil {
		return nil, refuseHTTP(http.StatusServiceUnavailable, "not serving")
	}
	j := s.judge(r.Context(), principal, maxHTTPViolations)
	if j.plans.snapshot.At.IsZero() {
		return nil, refuseHTTP(http.StatusServiceUnavailable, "bindings are not loaded yet")
	}
	j.subject, j.version = opts.subject, opts.version
	return &front{srv: s, judge: j, plan: s.plan(j.plans, topic), opts: opts, who: producer{httpClientID, principal}, own: own}, nil
}

// renew takes the bindings of now, and a new allowance of time for unknown schemas: a stream outlives many snapshots.
func (f *front) renew() {
	f.judge.waited, f.judge.fetched = 0, nil
	if now := f.srv.current(); now != f.judge.plans {
		f.judge.plans, f.judge.stale = now, f.srv.stale(now.snapshot)
		f.plan = f.srv.plan(now, f.plan.topic)
	}
}

// decide judges an event and returns the record to produce, which may be one for the quarantine, or the result that
// refuses it. The event is counted, unless this is a dry run.
func (f *front) decide(i int, e *event) (*kgo.Record, result) {
	if e.fault != nil {
		e.fault.Index = i
		return nil, *e.fault
	}
	key := f.key(e)
	var v verdict
	if f.plan.policy != Off {
		v = f.judge.record(f.plan, key, e.value, e.headers)
	}
	if key == nil {
		key = f.promisedKey(&v)
	}
	res := result{Index: i, Subject: v.subject, Version: v.version}
	if !v.accepted() && (v.reason == Unavailable || f.plan.policy == Reject || f.plan.policy == Divert) {
		return f.invalid(i, e, key, &v)
	}
	headers := e.headers
	if v.guid != (validator.GUID{}) && !v.explicit {
		headers = append(slices.Clip(headers), kgo.RecordHeader{Key: validator.HeaderValueSchema, Value: validator.AppendGUID(nil, v.guid)})
	}
	if !v.accepted() && f.plan.policy == Mark {
		res = f.told(i, &v)
		res.Marked = true
		headers = append(slices.Clip(headers), kgo.RecordHeader{Key: headerInvalid, Value: []byte(v.mark())})
	}
	f.count(i, &v, int64(len(key)+len(e.value)))
	record := &kgo.Record{Topic: f.plan.topic, Key: key, Value: e.value, Headers: headers, Timestamp: e.at}
	if f.opts.partition >= 0 {
		record.Context = context.WithValue(context.Background(), choiceKey{}, &choice{partition: int(f.opts.partition)})
	}
	return record, res
}

// count counts an event that is produced.
func (f *front) count(i int, v *verdict, size int64) {
	var t tally
	switch {
	case f.opts.dryRun:
		return
	case f.plan.policy == Off:
		f.srv.unjudged(f.who, f.plan.topic, 1, size)
		return
	}
	if good := t.add(i, v, int(size)); good != nil {
		f.srv.observer.sample(good, v)
	}
	fate := wasAccepted
	switch {
	case v.accepted():
	case f.plan.policy == Mark:
		fate = wasMarked
	default:
		fate = wasObserved
	}
	f.srv.judged(f.who, f.plan.topic, &t, 1, fate)
}

// invalid refuses an event, or returns the record that puts it into quarantine.
func (f *front) invalid(i int, e *event, key []byte, v *verdict) (*kgo.Record, result) {
	res := f.told(i, v)
	diverts := f.plan.policy == Divert && v.reason != Unavailable
	if res.Status = http.StatusUnprocessableEntity; v.reason == Unavailable {
		res.Status = http.StatusServiceUnavailable
	}
	bad := badRecord{i, *v}
	t := &tally{bad: []badRecord{bad}}
	at := e.at
	if at.IsZero() {
		at = time.Now()
	}
	captives := []captive{capture(f.plan.topic, f.opts.partition, f.who, &bad, key, e.value, e.headers, at)}
	switch {
	case !diverts && f.opts.dryRun:
		return nil, res
	case !diverts:
		f.srv.judged(f.who, f.plan.topic, t, 1, wasRejected)
		if f.plan.quarantine && v.reason != Unavailable {
			f.srv.confineLater(f.plan.topic, captives)
		}
		return nil, res
	case !f.opts.dryRun:
		q := &f.srv.quarantine
		if err := q.admit(q.topic(f.plan.topic), 1); err != nil {
			f.srv.metrics.quarantined("dropped", 1)
			return nil, result{Index: i, Status: http.StatusServiceUnavailable, Error: err.Error()}
		}
		q.make(f.judge.ctx, f.own, f.plan.topic)
		f.srv.judged(f.who, f.plan.topic, t, 1, wasDiverted)
	}
	res.Status, res.Quarantined = http.StatusAccepted, f.plan.topic+QuarantineSuffix
	return captives[0].record, res
}

// told is a result that says what is wrong with an event.
func (f *front) told(i int, v *verdict) result {
	res := result{
		Index: i, Subject: v.subject, Version: v.version,
		Reason: v.reason, Error: v.String(), Rejection: v.id(f.plan.topic),
	}
	for _, x := range v.violations {
		res.Errors = append(res.Errors, violation{x.Pointer, x.Keyword, x.Message, x.Expected, x.Actual, x.Offset, x.Location})
	}
	return res
}

// key is ?key=, else the event's partitionkey (CloudEvents partitioning extension).
func (f *front) key(e *event) []byte {
	if f.opts.key != nil {
		return f.opts.key
	}
	if key, ok := e.headers.Last("ce_partitionkey"); ok {
		return key
	}
	if structured, _ := e.headers.Last(validator.HeaderContentType); bytes.HasPrefix(structured, []byte(typeCloudEvent)) {
		if key, ok := validator.Member(e.value, "/partitionkey"); ok {
			return key
		}
	}
	return nil
}

// promisedKey reads the key where the event's declaration says that it is.
func (f *front) promisedKey(v *verdict) []byte {
	if f.plan.binding == nil || v.payload == nil { // without a schema there is no promise
		return nil
	}
	promise := promiseOf(f.plan.binding.Values, v.subject)
	if promise == nil || promise.KeyPointer == "" {
		return nil
	}
	key, _ := validator.Member(v.payload, promise.KeyPointer)
	return slices.Clone(key)
}

// produced turns the broker's answer about a record into its event's result.
func (f *front) produced(res *result, r *kgo.Record, err error) {
	if err == nil {
		res.Partition, res.Offset = &r.Partition, &r.Offset
		if res.Quarantined != "" {
			f.srv.metrics.quarantined("written", 1)
		}
		return
	}
	if res.Quarantined != "" {
		f.srv.metrics.quarantined("failed", 1)
		f.srv.quarantine.settle(f.srv.quarantine.topic(f.plan.topic), err)
		*res = result{Index: res.Index, Status: http.StatusServiceUnavailable, Error: "not written to the quarantine: " + err.Error()}
		return
	}
	res.Marked = false
	res.Status, res.Error = http.StatusServiceUnavailable, "not produced: "+err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		res.Error = "not produced: the brokers did not take it in time"
	case errors.Is(err, kgo.ErrMaxBuffered):
		res.Status = http.StatusTooManyRequests
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		res.Status, res.Error = http.StatusNotFound, "unknown topic "+r.Topic
	case choiceOf(r) != nil && choiceOf(r).absent:
		res.Status, res.Error = http.StatusNotFound, "unknown partition of topic "+r.Topic
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		res.Status = http.StatusRequestEntityTooLarge
	case errors.Is(err, kerr.InvalidRecord):
		res.Status = http.StatusUnprocessableEntity
	}
}

// A choice is the partition that a client chose, carried in the record's context.
type choice struct {
	partition int
	absent    bool // set by the partitioner: the topic has no such partition
}

type choiceKey struct{}

func choiceOf(r *kgo.Record) *choice {
	c, _ := r.Context.Value(choiceKey{}).(*choice)
	return c
}

// partitioner obeys a chosen partition, and otherwise does as Kafka's own producer: by key, else sticky.
type partitioner struct{ kgo.Partitioner }

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.Partitioner.ForTopic(topic)}
}

type topicPartitioner struct{ kgo.TopicPartitioner }

func (p topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return choiceOf(r) != nil || p.TopicPartitioner.RequiresConsistency(r)
}

// Partition lets a choice stand that does not exist: kgo then fails that record.
func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if c := choiceOf(r); c != nil {
		c.absent = c.partition >= n
		return c.partition
	}
	return p.TopicPartitioner.Partition(r, n)
}

// OnNewBatch lets the sticky partitioner move on.
func (p topicPartitioner) OnNewBatch() {
	if b, ok := p.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch); ok {
		b.OnNewBatch()
	}
}

// binaryHeaders turns the ce-* headers of a CloudEvent in binary mode into the record headers of its Kafka binding.
// Values are percent-decoded as that binding's HTTP counterpart says. nil: the request is no such event.
// Source: CloudEvents 1.0, HTTP protocol binding 3.1, Kafka protocol binding 3.2.
func binaryHeaders(h http.Header, contentType string) (eventHeaders, error) {
	if h.Get("ce-specversion") == "" {
		return nil, nil
	}
	var headers eventHeaders
	for name, values := range h {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if !ok {
			continue
		}
		text, err := percentDecode(values[len(values)-1])
		if err != nil {
			return nil, refuseHTTP(http.StatusBadRequest, "header %s: bad percent encoding", strings.ToLower(name))
		}
		headers = append(headers, kgo.RecordHeader{Key: "ce_" + attribute, Value: []byte(text)})
	}
	slices.SortFunc(headers, func(a, b kgo.RecordHeader) int { return strings.Compare(a.Key, b.Key) })
	for _, required := range []string{"ce_id", "ce_source", "ce_type"} {
		if v, ok := headers.Last(required); !ok || len(v) == 0 {
			return nil, refuseHTTP(http.StatusBadRequest, "CloudEvent without %s", strings.Replace(required, "_", "-", 1))
		}
	}
	return append(headers, kgo.RecordHeader{Key: validator.HeaderContentType, Value: []byte(contentType)}), nil
}

// percentDecode decodes %XX and leaves everything else alone.
func percentDecode(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errNumber
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", errNumber
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}
