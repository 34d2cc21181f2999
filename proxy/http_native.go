package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/validator"
)

// Media types of POST /v1/topics/{topic}/events.
const (
	typeJSON            = "application/json"
	typeNDJSON          = "application/x-ndjson"
	typeCloudEvent      = "application/cloudevents+json"
	typeCloudEventBatch = "application/cloudevents-batch+json"
)

var nativeTypes = strings.Join([]string{typeJSON, typeNDJSON, typeCloudEvent, typeCloudEventBatch}, ", ")

// answer is the body of a request that is answered as a whole.
type answer struct {
	Topic       string   `json:"topic"`
	Produced    int      `json:"produced"`
	Refused     int      `json:"refused"`
	Quarantined int      `json:"quarantined,omitempty"`
	DryRun      bool     `json:"dry_run,omitempty"`
	Results     []result `json:"results"` // one for each event, in order
}

// postEvents takes events for a topic: one as JSON, several as an array or as a stream of lines, or CloudEvents.
func (s *Server) postEvents(w http.ResponseWriter, r *http.Request) error {
	topic := r.PathValue("topic")
	if !validTopic(topic) {
		return refuseHTTP(http.StatusNotFound, "%q is not a topic's name", topic)
	}
	principal, err := s.identify(r, topic)
	if err != nil {
		return err
	}
	contentType := r.Header.Get("Content-Type")
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(nativeTypes, media) {
		w.Header().Set("Accept-Post", nativeTypes)
		return refuseHTTP(http.StatusUnsupportedMediaType, "Content-Type %q: must be one of %s", contentType, nativeTypes)
	}
	opts, err := parseOptions(r)
	if err != nil {
		return err
	}
	f, err := s.front(r, topic, principal, opts)
	if err != nil {
		return err
	}
	if media == typeNDJSON {
		if opts.allOrNothing {
			return refuseHTTP(http.StatusBadRequest, "all_or_nothing: a stream is produced as it comes; send an array")
		}
		return f.stream(w, r)
	}
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	defer s.room.give(MaxBodyBytes)
	events, err := split(body, media, contentType, r.Header)
	if err != nil {
		return err
	}
	return f.whole(w, r, events)
}

// validTopic says whether Kafka could have a topic of that name.
func validTopic(name string) bool {
	if name == "" || len(name) > 249 || name == "." || name == ".." {
		return false
	}
	return !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-'
	})
}

// readBody reads a body of at most MaxBodyBytes; the caller gives that much room back unless there is an error.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) (body []byte, err error) {
	if !s.room.tryTake(MaxBodyBytes) {
		return nil, refuseHTTP(http.StatusTooManyRequests, "too many requests in flight")
	}
	defer func() {
		if err != nil {
			s.room.give(MaxBodyBytes)
		}
	}()
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuseHTTP(http.StatusRequestEntityTooLarge, "body is over %d bytes; stream it as %s", MaxBodyBytes, typeNDJSON)
	}
	if err != nil {
		return nil, refuseHTTP(http.StatusBadRequest, "body is cut")
	}
	return body, nil
}

// split takes a body apart into events. Their bytes are the body's own, without the white space around them.
func split(body []byte, media, contentType string, h http.Header) ([]event, error) {
	headers, err := binaryHeaders(h, contentType)
	if err != nil {
		return nil, err
	}
	if media == typeCloudEvent {
		headers = eventHeaders{{Key: validator.HeaderContentType, Value: []byte(contentType)}}
	}
	if media == typeCloudEventBatch {
		headers = eventHeaders{{Key: validator.HeaderContentType, Value: []byte(typeCloudEvent)}}
	}
	text := bytes.TrimLeft(body, " \t\r\n")
	if len(text) == 0 {
		return nil, refuseHTTP(http.StatusBadRequest, "body is empty")
	}
	if text[0] != '[' && media == typeCloudEventBatch {
		return nil, refuseHTTP(http.StatusBadRequest, "%s must be an array", typeCloudEventBatch)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	var events []event
	if text[0] == '[' && (media == typeCloudEventBatch || media == typeJSON && headers == nil) {
		if events, err = splitArray(dec, headers); err != nil {
			return nil, notJSON(body, dec, err)
		}
	} else {
		var one json.RawMessage
		if err := dec.Decode(&one); err != nil {
			return nil, notJSON(body, dec, err)
		}
		events = []event{newEvent(one, headers)}
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, notJSON(body, dec, errors.New("text after the value"))
	}
	if len(events) == 0 {
		return nil, refuseHTTP(http.StatusBadRequest, "no events")
	}
	return events, nil
}

func splitArray(dec *json.Decoder, headers eventHeaders) ([]event, error) {
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var events []event
	for dec.More() {
		if len(events) == MaxBatchEvents {
			return nil, refuseHTTP(http.StatusRequestEntityTooLarge, "more than %d events; stream them as %s", MaxBatchEvents, typeNDJSON)
		}
		var one json.RawMessage
		if err := dec.Decode(&one); err != nil {
			return nil, err
		}
		events = append(events, newEvent(one, headers))
	}
	_, err := dec.Token()
	return events, err
}

// newEvent makes an event of one JSON text. null is a tombstone.
func newEvent(text []byte, headers eventHeaders) event {
	if len(text) > MaxHTTPEventBytes {
		return event{fault: tooLarge()}
	}
	if string(text) == "null" {
		text = nil
	}
	return event{value: text, headers: headers}
}

func tooLarge() *result {
	return &result{Status: http.StatusRequestEntityTooLarge, Reason: OverLimit, Error: fmt.Sprintf("event is over %d bytes", MaxHTTPEventBytes)}
}

// notJSON says where a body stops being JSON.
func notJSON(body []byte, dec *json.Decoder, err error) error {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	offset := dec.InputOffset()
	detail := err.Error()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = max(syntax.Offset-1, 0)
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		offset, detail = int64(len(body)), "unexpected end"
	}
	p := refuseHTTP(http.StatusBadRequest, "body is not JSON: %s", detail)
	p.Offset = &offset
	p.Line, p.Column = validator.Position(body, int(offset))
	return p
}

// whole judges and produces all events of a body and answers once.
func (f *front) whole(w http.ResponseWriter, r *http.Request, events []event) error {
	if !f.srv.events.tryTake(int64(len(events))) {
		return refuseHTTP(http.StatusTooManyRequests, "too many events in flight")
	}
	defer f.srv.events.give(int64(len(events)))
	results := make([]result, len(events))
	records := make([]*kgo.Record, len(events))
	refused := 0
	for i := range events {
		if records[i], results[i] = f.decide(i, &events[i]); records[i] == nil {
			refused++
		}
	}
	if !f.opts.dryRun && (refused == 0 || !f.opts.allOrNothing) {
		f.produce(r, records, results)
	}
	return f.answer(w, results, records)
}

// produce sends the records and waits for the brokers.
func (f *front) produce(r *http.Request, records []*kgo.Record, results []result) {
	var wg sync.WaitGroup
	for i, record := range records {
		if record == nil {
			continue
		}
		wg.Add(1)
		ctx, cancel := f.bounded(r.Context(), record)
		f.own.TryProduce(ctx, record, func(record *kgo.Record, err error) {
			cancel()
			f.produced(&results[i], record, err)
			wg.Done()
		})
	}
	wg.Wait()
}

// answer says what became of the events: 200 all produced, 202 some are in quarantine, 207 some are refused, else the status
// that the refused share, as a problem.
func (f *front) answer(w http.ResponseWriter, results []result, records []*kgo.Record) error {
	a := answer{Topic: f.plan.topic, DryRun: f.opts.dryRun, Results: results}
	worst, same := 0, true
	for i := range results {
		res := &results[i]
		if res.Status == 0 && f.opts.allOrNothing && res.Offset == nil && !f.opts.dryRun {
			res.Status, res.Error = http.StatusFailedDependency, "not produced: another event of this request was refused"
		}
		if res.Status == 0 {
			res.Status = http.StatusOK
			if res.Offset != nil {
				a.Produced++
			}
			continue
		}
		if res.Status == http.StatusAccepted {
			a.Quarantined++
			continue
		}
		a.Refused++
		if res.Status == http.StatusFailedDependency {
			continue
		}
		if worst != 0 && worst != res.Status {
			same = false
		}
		worst = max(worst, res.Status)
	}
	switch {
	case a.Refused == 0 && a.Quarantined > 0:
		writeJSON(w, http.StatusAccepted, a)
		return nil
	case a.Refused == 0:
		writeJSON(w, http.StatusOK, a)
		return nil
	case a.Refused < len(results):
		writeJSON(w, http.StatusMultiStatus, a)
		return nil
	case !same:
		worst = http.StatusUnprocessableEntity
	}
	p := refuseHTTP(worst, "%d of %d events refused; the first: %s", a.Refused, len(results), firstError(results))
	p.Results = results
	return p
}

func firstError(results []result) string {
	for i := range results {
		if results[i].Error != "" && results[i].Status != http.StatusFailedDependency {
			return results[i].Error
		}
	}
	return ""
}
