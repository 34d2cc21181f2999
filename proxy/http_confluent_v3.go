package proxy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/validator"
)

// Confluent REST Proxy, API v3: JSON records one after the other, one report each; or a batch of entries by id. Source:
// Confluent REST Proxy, "API Reference", v3, "Records" and "Batch produce".

const (
	// MaxEntryID is the length in characters of the id of an entry of a batch.
	MaxEntryID = 80
	// maxRecordV3 is how many bytes the JSON of one record takes: base64 and the members around the event.
	maxRecordV3 = 2 * MaxHTTPEventBytes
)

// recordV3 is one record as that API sends it.
type recordV3 struct {
	ID          string     `json:"id"` // of an entry of a batch
	PartitionID *int32     `json:"partition_id"`
	Headers     []headerV3 `json:"headers"`
	Key         *dataV3    `json:"key"`
	Value       *dataV3    `json:"value"`
	Timestamp   *time.Time `json:"timestamp"`
}

type headerV3 struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"` // base64
}

type dataV3 struct {
	Type                string          `json:"type"`
	Subject             string          `json:"subject"`
	SubjectNameStrategy string          `json:"subject_name_strategy"`
	SchemaID            *int32          `json:"schema_id"`
	SchemaVersion       json.RawMessage `json:"schema_version"` // a number or "latest"
	Schema              json.RawMessage `json:"schema"`
	Data                json.RawMessage `json:"data"`
}

// reportV3 is what became of one record.
type reportV3 struct {
	ID          string      `json:"id,omitempty"`
	ErrorCode   int         `json:"error_code,omitempty"`
	Message     string      `json:"message,omitempty"`
	ClusterID   string      `json:"cluster_id,omitempty"`
	TopicName   string      `json:"topic_name,omitempty"`
	PartitionID *int32      `json:"partition_id,omitempty"`
	Offset      *int64      `json:"offset,omitempty"`
	Timestamp   *time.Time  `json:"timestamp,omitempty"`
	Key         *dataSizeV3 `json:"key,omitempty"`
	Value       *dataSizeV3 `json:"value,omitempty"`
}

type dataSizeV3 struct {
	Type          string `json:"type"`
	Subject       string `json:"subject,omitempty"`
	SchemaID      *int32 `json:"schema_id,omitempty"`
	SchemaVersion int32  `json:"schema_version,omitempty"`
	Size          int    `json:"size"`
}

// failed says whether nothing of the record is in its topic.
func (r *reportV3) failed() bool { return r.ErrorCode != http.StatusOK }

// openV3 does what both routes begin with.
func (s *Server) openV3(r *http.Request) (*front, error) {
	topic := r.PathValue("topic")
	if !validTopic(topic) {
		return nil, refuseHTTP(http.StatusNotFound, "%q is not a topic's name", topic)
	}
	principal, err := s.identify(r, topic)
	if err != nil {
		return nil, err
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeJSON {
		return nil, refuseHTTP(http.StatusUnsupportedMediaType, "Content-Type %q: must be %s", r.Header.Get("Content-Type"), typeJSON)
	}
	return s.front(r, topic, principal, options{partition: -1})
}

// errorV3 answers an error of a whole request as that API does.
func errorV3(w http.ResponseWriter, err error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok || p.answered {
		return err
	}
	if p.retry {
		w.Header().Set("Retry-After", retryAfter)
	}
	writeJSON(w, p.Status, refusalV2{Code: p.Status, Message: p.Detail})
	return nil
}

// postV3 takes records for as long as they come and reports on each, in order; the status is always 200.
func (s *Server) postV3(w http.ResponseWriter, r *http.Request) error {
	f, err := s.openV3(r)
	if err != nil {
		return errorV3(w, err)
	}
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil && r.ProtoMajor == 1 {
		return err
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(http.StatusOK)
	if err := control.Flush(); err != nil {
		return &problem{answered: true}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	converse(w, control, cancel, func(lines chan<- chan reportV3) { f.readV3(ctx, control, r, lines) })
	return nil
}

// allowance lets a reader give so many bytes until it is renewed.
type allowance struct {
	r    io.Reader
	left int
}

var errAllowance = errors.New("too large")

// Read reads at most what is left.
func (a *allowance) Read(b []byte) (int, error) {
	if a.left == 0 {
		return 0, errAllowance
	}
	n, err := a.r.Read(b[:min(len(b), a.left)])
	a.left -= n
	return n, err
}

// readV3 judges and produces record by record until the body, the client or its patience ends. What is not JSON ends it too:
// nobody knows where the next record begins.
func (f *front) readV3(ctx context.Context, control *http.ResponseController, r *http.Request, lines chan<- chan reportV3) {
	body := &allowance{r: r.Body}
	dec := json.NewDecoder(body)
	for i := 0; ; i++ {
		_ = control.SetReadDeadline(time.Now().Add(StreamIdle))
		body.left = maxRecordV3
		var record recordV3
		err := dec.Decode(&record)
		if errors.Is(err, io.EOF) {
			return
		}
		slot := make(chan reportV3, 1)
		select {
		case lines <- slot:
		case <-ctx.Done():
			return
		}
		var mistyped *json.UnmarshalTypeError
		switch {
		case errors.As(err, &mistyped): // the value itself was JSON, and is read
			slot <- reportV3{ErrorCode: http.StatusBadRequest, Message: fmt.Sprintf("record %d: %s is %s", i, mistyped.Field, mistyped.Value)}
		case errors.Is(err, errAllowance):
			slot <- reportV3{ErrorCode: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("record %d is over %d bytes; nothing after it is read", i, maxRecordV3)}
			return
		case err != nil:
			slot <- reportV3{ErrorCode: http.StatusBadRequest, Message: fmt.Sprintf("record %d is not JSON at byte %d; nothing after it is read", i, dec.InputOffset())}
			return
		default:
			f.renew()
			f.oneV3(ctx, r.PathValue("cluster"), i, &record, slot)
		}
	}
}

// postV3Batch takes entries by id and answers 207 with what became of each.
func (s *Server) postV3Batch(w http.ResponseWriter, r *http.Request) error {
	f, err := s.openV3(r)
	if err != nil {
		return errorV3(w, err)
	}
	body, err := s.readBody(w, r)
	if err != nil {
		return errorV3(w, err)
	}
	defer s.room.give(MaxBodyBytes)
	var ask struct {
		Entries []recordV3 `json:"entries"`
	}
	if err := json.Unmarshal(body, &ask); err != nil {
		return errorV3(w, refuseHTTP(http.StatusBadRequest, "body is not a batch: %s", err))
	}
	if err := checkEntries(ask.Entries); err != nil {
		return errorV3(w, err)
	}
	slots := make([]chan reportV3, len(ask.Entries))
	for i := range ask.Entries {
		slots[i] = make(chan reportV3, 1)
		f.oneV3(r.Context(), r.PathValue("cluster"), i, &ask.Entries[i], slots[i])
	}
	answer := struct {
		Successes []reportV3 `json:"successes"`
		Failures  []reportV3 `json:"failures"`
	}{[]reportV3{}, []reportV3{}}
	for i, slot := range slots {
		report := <-slot
		report.ID = ask.Entries[i].ID
		if report.failed() {
			answer.Failures = append(answer.Failures, report)
			continue
		}
		report.ErrorCode = 0
		answer.Successes = append(answer.Successes, report)
	}
	writeJSON(w, http.StatusMultiStatus, answer)
	return nil
}

// checkEntries holds a batch to its bounds and its ids to be different.
func checkEntries(entries []recordV3) error {
	if len(entries) == 0 {
		return refuseHTTP(http.StatusBadRequest, "entries: there are none")
	}
	if len(entries) > MaxBatchEvents {
		return refuseHTTP(http.StatusRequestEntityTooLarge, "entries: %d of them, at most %d", len(entries), MaxBatchEvents)
	}
	seen := make(map[string]struct{}, len(entries))
	for i := range entries {
		id := entries[i].ID
		if n := utf8.RuneCountInString(id); n == 0 || n > MaxEntryID {
			return refuseHTTP(http.StatusBadRequest, "entries[%d].id: must have 1 to %d characters", i, MaxEntryID)
		}
		if _, ok := seen[id]; ok {
			return refuseHTTP(http.StatusBadRequest, "entries[%d].id: %q is there twice", i, id)
		}
		seen[id] = struct{}{}
	}
	return nil
}

// oneV3 judges and produces one record; its report goes to slot.
func (f *front) oneV3(ctx context.Context, cluster string, i int, ask *recordV3, slot chan<- reportV3) {
	e, err := f.eventV3(ask)
	if err != nil {
		slot <- reportV3{ErrorCode: http.StatusBadRequest, Message: fmt.Sprintf("record %d: %s", i, err)}
		return
	}
	record, res := f.decide(i, &e)
	if record == nil {
		slot <- failedV3(&res)
		return
	}
	if err := f.srv.events.take(ctx, 1); err != nil {
		slot <- reportV3{ErrorCode: http.StatusServiceUnavailable, Message: "not produced: the request ended"}
		return
	}
	sending, cancel := f.bounded(context.WithoutCancel(ctx), record)
	f.own.Produce(sending, record, func(record *kgo.Record, err error) {
		cancel()
		f.srv.events.give(1)
		f.produced(&res, record, err)
		if res.Status != 0 {
			slot <- failedV3(&res)
			return
		}
		at := record.Timestamp.UTC()
		slot <- reportV3{
			ErrorCode: http.StatusOK, ClusterID: cluster, TopicName: f.plan.topic, PartitionID: res.Partition, Offset: res.Offset, Timestamp: &at,
			Key: ask.Key.size(len(record.Key), "", 0), Value: ask.Value.size(len(record.Value), res.Subject, res.Version),
		}
	})
}

// failedV3 is the report on an event that is not in its topic; 202: it is in quarantine.
func failedV3(res *result) reportV3 {
	r := reportV3{ErrorCode: res.Status, Message: res.Error}
	switch {
	case res.Quarantined != "":
		r.Message = fmt.Sprintf("kept in %s: %s (rejection %s)", res.Quarantined, res.Error, res.Rejection)
	case res.Rejection != "":
		r.Message = fmt.Sprintf("%s (rejection %s)", res.Error, res.Rejection)
	}
	return r
}

// size is how a key or value is told of in a report; nil for none.
func (d *dataV3) size(n int, subject string, version int32) *dataSizeV3 {
	if d == nil {
		return nil
	}
	s := &dataSizeV3{Type: d.Type, Subject: subject, SchemaID: d.SchemaID, SchemaVersion: version, Size: n}
	if s.Type == "" {
		s.Type = "JSONSCHEMA"
	}
	return s
}

// eventV3 makes an event of a record, and the options that go with it.
func (f *front) eventV3(ask *recordV3) (event, error) {
	f.opts = options{partition: -1}
	f.judge.subject, f.judge.version = "", 0
	if ask.PartitionID != nil {
		if f.opts.partition = *ask.PartitionID; f.opts.partition < 0 {
			return event{}, errors.New("partition_id must not be negative")
		}
	}
	e := event{}
	if ask.Timestamp != nil {
		e.at = *ask.Timestamp
	}
	var err error
	if e.value, err = ask.Value.bytes(); err != nil {
		return e, fmt.Errorf("value: %w", err)
	}
	if f.opts.key, err = ask.Key.bytes(); err != nil {
		return e, fmt.Errorf("key: %w", err)
	}
	if len(e.value) > MaxHTTPEventBytes || len(f.opts.key) > MaxHTTPEventBytes {
		return event{fault: tooLarge()}, nil
	}
	for i, h := range ask.Headers {
		value, err := fromBase64(h.Value)
		if err != nil {
			return e, fmt.Errorf("headers[%d].value: must be base64 text or null", i)
		}
		e.headers = append(e.headers, kgo.RecordHeader{Key: h.Name, Value: value})
	}
	if v := ask.Value; v != nil {
		if v.SchemaID != nil {
			e.headers = append(e.headers, kgo.RecordHeader{Key: validator.HeaderValueSchema, Value: validator.AppendID(nil, *v.SchemaID)})
		}
		if f.judge.version, err = v.version(); err != nil {
			return e, fmt.Errorf("value: %w", err)
		}
		f.judge.subject = v.Subject
	}
	if k := ask.Key; k != nil && k.SchemaID != nil && f.opts.key != nil {
		e.headers = append(e.headers, kgo.RecordHeader{Key: validator.HeaderKeySchema, Value: validator.AppendID(nil, *k.SchemaID)})
	}
	return e, nil
}

// typesV3 are the types that are taken.
var typesV3 = []string{"", "JSON", "JSONSCHEMA", "STRING", "BINARY"}

// bytes are a key or value as they stand in a record; nil is null.
func (d *dataV3) bytes() ([]byte, error) {
	switch {
	case d == nil || len(d.Data) == 0 || string(d.Data) == "null":
		return nil, nil
	case !slices.Contains(typesV3, d.Type):
		return nil, fmt.Errorf("type %q: must be JSON, JSONSCHEMA, STRING or BINARY", d.Type)
	case len(d.Schema) > 0 && string(d.Schema) != "null":
		return nil, errors.New("schema: none is registered by producing: register it first, then give schema_id, or subject and schema_version")
	case d.SubjectNameStrategy != "" && d.SubjectNameStrategy != "TOPIC_NAME":
		return nil, fmt.Errorf("subject_name_strategy %q: must be TOPIC_NAME; or give subject", d.SubjectNameStrategy)
	}
	var text string
	switch d.Type {
	case "STRING":
		err := json.Unmarshal(d.Data, &text)
		if err != nil {
			err = errors.New("data: must be a string")
		}
		return []byte(text), err
	case "BINARY":
		if json.Unmarshal(d.Data, &text) != nil {
			return nil, errors.New("data: must be base64 text")
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("data: must be base64 text")
		}
		return b, nil
	}
	return d.Data, nil
}

// version reads schema_version; 0 is the topic's choice.
func (d *dataV3) version() (int32, error) {
	switch string(d.SchemaVersion) {
	case "", "null", `"latest"`:
		return 0, nil
	}
	n, err := strconv.ParseInt(string(d.SchemaVersion), 10, 32)
	if err != nil || n < 1 {
		return 0, errors.New("schema_version: must be a number from 1, or latest")
	}
	return int32(n), nil
}
