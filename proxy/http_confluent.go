package proxy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/validator"
)

// Confluent REST Proxy, API v2: what its clients send and expect. Source: Confluent REST Proxy, "API Reference", v2.
const (
	typeV2       = "application/vnd.kafka.v2+json"
	typeV2JSON   = "application/vnd.kafka.json.v2+json"
	typeV2Schema = "application/vnd.kafka.jsonschema.v2+json"
	typeV2Binary = "application/vnd.kafka.binary.v2+json"
)

// Error codes of that API.
const (
	codeForbidden        = 40301
	codeUnauthorized     = 40101
	codeUnknownTopic     = 40401
	codeUnknownPartition = 40402
	codeMediaType        = 415
	codeNotJSON          = 42203
	codeInvalid          = 42206
	codeNotRetriable     = 50002
	codeRetriable        = 50003
)

// refusalV2 is an error as that API answers it.
type refusalV2 struct {
	status  int
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

func (r *refusalV2) Error() string { return fmt.Sprintf("%d: %s", r.Code, r.Message) }

func refuseV2(status, code int, format string, args ...any) *refusalV2 {
	return &refusalV2{status, code, fmt.Sprintf(format, args...)}
}

// requestV2 is a body of that API.
type requestV2 struct {
	Records       []recordV2      `json:"records"`
	KeySchemaID   *int32          `json:"key_schema_id"`
	ValueSchemaID *int32          `json:"value_schema_id"`
	KeySchema     json.RawMessage `json:"key_schema"`
	ValueSchema   json.RawMessage `json:"value_schema"`
}

type recordV2 struct {
	Key       json.RawMessage `json:"key"`
	Value     json.RawMessage `json:"value"`
	Partition *int32          `json:"partition"`
}

type answerV2 struct {
	Offsets       []offsetV2 `json:"offsets"`
	KeySchemaID   *int32     `json:"key_schema_id"`
	ValueSchemaID *int32     `json:"value_schema_id"`
}

type offsetV2 struct {
	Partition *int32  `json:"partition"`
	Offset    *int64  `json:"offset"`
	ErrorCode *int    `json:"error_code"`
	Error     *string `json:"error"`
}

// postV2 produces all records of a body or, if one of them is invalid, none.
func (s *Server) postV2(w http.ResponseWriter, r *http.Request) error {
	err := s.produceV2(w, r)
	if p, ok := errors.AsType[*problem](err); ok {
		code := map[int]int{
			http.StatusUnauthorized: codeUnauthorized, http.StatusForbidden: codeForbidden, http.StatusNotFound: codeUnknownTopic,
			http.StatusServiceUnavailable: codeRetriable, http.StatusBadRequest: codeNotJSON,
		}[p.Status]
		if code == 0 {
			code = p.Status
		}
		if p.Status == http.StatusBadRequest {
			p.Status = http.StatusUnprocessableEntity
		}
		if p.retry {
			w.Header().Set("Retry-After", retryAfter)
		}
		err = refuseV2(p.Status, code, "%s", p.Detail)
	}
	refused, ok := errors.AsType[*refusalV2](err)
	if !ok {
		return err
	}
	w.Header().Set("Content-Type", typeV2)
	w.WriteHeader(refused.status)
	_ = json.NewEncoder(w).Encode(refused)
	return nil
}

func (s *Server) produceV2(w http.ResponseWriter, r *http.Request) error {
	topic := r.PathValue("topic")
	if !validTopic(topic) {
		return refuseV2(http.StatusNotFound, codeUnknownTopic, "%q is not a topic's name", topic)
	}
	principal, err := s.identify(r, topic)
	if err != nil {
		return err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	supported := []string{typeV2JSON, typeV2Schema, typeV2Binary}
	if err != nil || !slices.Contains(supported, media) {
		return refuseV2(http.StatusUnsupportedMediaType, codeMediaType, "Content-Type %q: must be one of %s", r.Header.Get("Content-Type"), strings.Join(supported, ", "))
	}
	opts := options{partition: -1}
	if text := r.PathValue("partition"); text != "" {
		if opts.partition, err = number(text, 0); err != nil {
			return refuseV2(http.StatusNotFound, codeUnknownPartition, "%q is not a partition", text)
		}
	}
	body, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	defer s.room.give(MaxBodyBytes)
	ask, err := parseV2(body)
	if err != nil {
		return err
	}
	f, err := s.front(r, topic, principal, opts)
	if err != nil {
		return err
	}
	return f.wholeV2(w, r, ask, media)
}

func parseV2(body []byte) (*requestV2, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	ask := &requestV2{}
	if err := dec.Decode(ask); err != nil {
		return nil, notJSON(body, dec, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, notJSON(body, dec, errors.New("text after the value"))
	}
	switch n := len(ask.Records); {
	case n == 0:
		return nil, refuseV2(http.StatusUnprocessableEntity, codeNotJSON, "no records")
	case n > MaxBatchEvents:
		return nil, refuseHTTP(http.StatusRequestEntityTooLarge, "more than %d records", MaxBatchEvents)
	case len(ask.KeySchema) > 0 && string(ask.KeySchema) != "null", len(ask.ValueSchema) > 0 && string(ask.ValueSchema) != "null":
		return nil, refuseV2(http.StatusUnprocessableEntity, codeNotJSON, "schemas are not registered by producing: register first, then give value_schema_id")
	}
	return ask, nil
}

// wholeV2 judges all records and produces them if all are valid.
func (f *front) wholeV2(w http.ResponseWriter, r *http.Request, ask *requestV2, media string) error {
	if !f.srv.events.tryTake(int64(len(ask.Records))) {
		return refuseHTTP(http.StatusTooManyRequests, "too many records in flight")
	}
	defer f.srv.events.give(int64(len(ask.Records)))
	results := make([]result, len(ask.Records))
	records := make([]*kgo.Record, len(ask.Records))
	chosen := f.opts.partition
	for i := range ask.Records {
		e, key, err := ask.event(i, media)
		if err != nil {
			return err
		}
		f.opts.key, f.opts.partition = key, chosen
		if p := ask.Records[i].Partition; p != nil && chosen < 0 {
			f.opts.partition = *p
		}
		records[i], results[i] = f.decide(i, &e)
		switch res := &results[i]; {
		case records[i] != nil:
		case res.Status == http.StatusServiceUnavailable:
			return refuseHTTP(res.Status, "record %d: %s", i, res.Error)
		default:
			return refuseV2(http.StatusUnprocessableEntity, codeInvalid, "record %d: %s (rejection %s)", i, res.Error, res.Rejection)
		}
	}
	f.produce(r, records, results)
	a := answerV2{KeySchemaID: ask.KeySchemaID, ValueSchemaID: ask.ValueSchemaID, Offsets: make([]offsetV2, len(results))}
	for i := range results {
		res := &results[i]
		if res.Status == http.StatusNotFound {
			code := codeUnknownTopic
			if strings.HasPrefix(res.Error, "unknown partition") {
				code = codeUnknownPartition
			}
			return refuseV2(http.StatusNotFound, code, "%s", res.Error)
		}
		a.Offsets[i] = offsetV2{Partition: res.Partition, Offset: res.Offset}
		if res.Status == http.StatusAccepted { // it has no place in the topic
			none, nowhere := int32(-1), int64(-1)
			a.Offsets[i] = offsetV2{Partition: &none, Offset: &nowhere}
			continue
		}
		if res.Status != 0 {
			code := codeNotRetriable
			if res.Status == http.StatusServiceUnavailable || res.Status == http.StatusTooManyRequests {
				code = codeRetriable
			}
			a.Offsets[i].ErrorCode, a.Offsets[i].Error = &code, &res.Error
		}
	}
	w.Header().Set("Content-Type", typeV2)
	w.WriteHeader(http.StatusOK)
	return json.NewEncoder(w).Encode(a)
}

// event is record i of a body: JSON as it was written, or base64.
func (ask *requestV2) event(i int, media string) (e event, key []byte, err error) {
	rec := &ask.Records[i]
	value := []byte(rec.Value)
	key = rec.Key
	if media == typeV2Binary {
		if value, err = fromBase64(rec.Value); err == nil {
			key, err = fromBase64(rec.Key)
		}
		if err != nil {
			return e, nil, refuseV2(http.StatusUnprocessableEntity, codeNotJSON, "record %d: key and value must be base64 text or null", i)
		}
		e = event{value: value}
	} else {
		if string(key) == "null" {
			key = nil
		}
		e = newEvent(value, nil)
	}
	if len(value) > MaxHTTPEventBytes {
		return e, nil, refuseHTTP(http.StatusRequestEntityTooLarge, "record %d is over %d bytes", i, MaxHTTPEventBytes)
	}
	if ask.ValueSchemaID != nil {
		e.headers = append(e.headers, kgo.RecordHeader{Key: validator.HeaderValueSchema, Value: validator.AppendID(nil, *ask.ValueSchemaID)})
	}
	if ask.KeySchemaID != nil && key != nil {
		e.headers = append(e.headers, kgo.RecordHeader{Key: validator.HeaderKeySchema, Value: validator.AppendID(nil, *ask.KeySchemaID)})
	}
	return e, key, nil
}

// fromBase64 decodes a JSON string of base64; absent and null are nil.
func fromBase64(text json.RawMessage) ([]byte, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if b == nil {
		b = []byte{}
	}
	return b, err
}
