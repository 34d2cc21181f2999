package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
)

// The parsers of bytes from outside, for fuzzing and for properties.

// WalkBatch judges nothing: it decompresses a batch within limit and returns its records' keys, values and the last value
// of header "h".
func WalkBatch(b []byte, limit, maxHeaders int) (records [][3][]byte, err error) {
	v, err := parseBatch(b)
	if err != nil {
		return nil, err
	}
	data, pooled, err := decompress(v.codec(), v.compressedData, limit, errTooLarge)
	if err != nil {
		return nil, err
	}
	defer putBuffer(pooled)
	err = v.walk(data, maxHeaders, func(_ int, r *record) error {
		h, _ := r.Last("h")
		records = append(records, [3][]byte{bytes.Clone(r.key), bytes.Clone(r.value), bytes.Clone(h)})
		return nil
	})
	return records, err
}

// RewriteBatch drops or marks records of a batch: what it says of record i is drop (0), keep (1) or mark (other).
func RewriteBatch(b []byte, limit int, what func(i int) byte) ([]byte, error) {
	v, err := parseBatch(b)
	if err != nil {
		return nil, err
	}
	data, pooled, err := decompress(v.codec(), v.compressedData, limit, errTooLarge)
	if err != nil {
		return nil, err
	}
	defer putBuffer(pooled)
	return v.rewritten(data, 100, func(i int, _ *record) (bool, string, string) {
		switch what(i) {
		case 0:
			return false, "", ""
		case 1:
			return true, "", ""
		}
		return true, "h", "marked"
	})
}

// ParseProduce reads a Produce request's body and returns its partitions as topic, index and records, and the frame that
// encodes them again.
func ParseProduce(body []byte, version int16) (topics []string, indexes []int32, records [][]byte, again []byte, err error) {
	p, err := parseProduce(body, version)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	for _, part := range p.partitions {
		topics, indexes, records = append(topics, part.topic), append(indexes, part.index), append(records, part.records)
	}
	req := &request{version: version, frame: make([]byte, 12)}
	again = p.encode(req, 12, func(int) bool { return true })
	return topics, indexes, records, again[12:], nil
}

// ParseHeader reads a request's header.
func ParseHeader(frame []byte, flexible bool) (clientID string, body int, err error) {
	r := &request{frame: frame}
	h, err := r.header(flexible)
	return h.clientID, h.body, err
}

// SASLUser reads who a SaslAuthenticate body says that it is.
func SASLUser(mechanism string, body []byte, flexible bool) (string, error) {
	token, err := saslToken(body, flexible)
	if err != nil {
		return "", err
	}
	return saslUser(mechanism, token), nil
}

// Routes lists what Handler serves, as METHOD PATH.
func (s *Server) Routes() (all []string) {
	for _, r := range s.routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// ReadExample reads an example of openapi.json as the value that is sent or taken under that name of a schema; no member may be
// unknown to it.
func ReadExample(schema string, text []byte) error {
	into, ok := map[string]any{
		"LetterTopics": new(boxList), "LetterList": new(letterList), "LetterDetail": new(letterDetail),
		"LetterAct": new(actRequest), "LetterActAnswer": new(actAnswer), "EventsAnswer": new(answer),
	}[schema]
	if !ok {
		return errors.New("no value is known for schema " + schema)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
