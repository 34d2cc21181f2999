package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// api is one Kafka request that is served.
type api struct {
	key           int16
	min, max      int16 // versions that are served; max is what has been read for broker addresses, never more
	advertisedMin int16 // what clients are told; below min the handler answers UNSUPPORTED_VERSION
	// handle deals with a request whose version is at least advertisedMin; nil: bytes go both ways.
	handle func(*conn, *request) error
}

// versions is a range of versions, both ends included.
type versions struct{ min, max int16 }

// apiSet is what a broker serves.
type apiSet map[int16]versions

func (s apiSet) has(key int16) bool {
	_, ok := s[key]
	return ok
}

// errUnserved is a request that is not in the table, or not in this version.
var errUnserved = errors.New("request is not served")

// kafkaAPIs returns the one table of Kafka requests, by key. What is not in it is hidden from clients: requests between brokers and
// controllers, and whatever a newer Kafka adds until someone has read whether it carries broker addresses.
func kafkaAPIs() map[int16]api {
	rows := []api{
		{key: 0, min: 3, max: 12, advertisedMin: 0, handle: (*conn).produce},
		{key: 1, min: 4, max: 15, advertisedMin: 4, handle: (*conn).fetch}, // 16 and later carry broker addresses
		{key: 2, max: 10},
		{key: 3, max: 13, handle: (*conn).metadata},
		{key: 8, max: 10, handle: (*conn).offsetCommit},
		{key: 9, max: 10},
		{key: 10, max: 6, handle: (*conn).findCoordinator},
		{key: 11, max: 9},
		{key: 12, max: 4},
		{key: 13, max: 5},
		{key: 14, max: 5},
		{key: 15, max: 6},
		{key: 16, max: 5},
		{key: 17, min: 1, max: 1, advertisedMin: 0, handle: (*conn).saslHandshake},
		{key: 18, max: 4, handle: (*conn).apiVersions},
		{key: 19, max: 7},
		{key: 20, max: 6},
		{key: 21, max: 2},
		{key: 22, max: 5},
		{key: 23, max: 4},
		{key: 24, max: 5},
		{key: 25, max: 4},
		{key: 26, max: 5, handle: (*conn).endTxn},
		{key: 27, max: 2},
		{key: 28, max: 5, handle: (*conn).txnOffsetCommit},
		{key: 29, max: 3},
		{key: 30, max: 3},
		{key: 31, max: 3},
		{key: 32, max: 4},
		{key: 33, max: 2},
		{key: 34, max: 2},
		{key: 35, max: 4},
		{key: 36, max: 2, handle: (*conn).saslAuthenticate},
		{key: 37, max: 3},
		{key: 38, max: 3},
		{key: 39, max: 2},
		{key: 40, max: 2},
		{key: 41, max: 3},
		{key: 42, max: 2},
		{key: 43, max: 2},
		{key: 44, max: 1},
		{key: 45, max: 1},
		{key: 46, max: 0},
		{key: 47, max: 0},
		{key: 48, max: 1},
		{key: 49, max: 1},
		{key: 50, max: 0},
		{key: 51, max: 0},
		{key: 55, max: 1}, // 2 carries listeners
		{key: 57, max: 2},
		{key: 60, max: 2, handle: (*conn).describeCluster},
		{key: 61, max: 0},
		{key: 65, max: 0},
		{key: 66, max: 1},
		{key: 68, max: 1, handle: (*conn).consumerGroupHeartbeat},
		{key: 69, max: 1},
		{key: 71, max: 0},
		{key: 72, max: 0},
		{key: 74, max: 1},
		{key: 75, max: 0},
		{key: 76, max: 1, handle: (*conn).shareGroupHeartbeat},
		{key: 77, max: 1},
		{key: 78, max: 2, handle: (*conn).shareFetch},
		{key: 79, max: 2, handle: (*conn).shareAcknowledge},
		{key: 88, max: 0},
		{key: 89, max: 0},
		{key: 90, max: 0},
		{key: 91, max: 0},
		{key: 92, max: 0},
	}
	table := make(map[int16]api, len(rows))
	for _, row := range rows {
		table[row.key] = row
	}
	return table
}

// handle gives a request to its row.
func (c *conn) handle(req *request) error {
	row, ok := c.srv.table[req.key]
	if !ok || req.key != 18 && (req.version < row.advertisedMin || req.version > row.max) {
		return fmt.Errorf("%w: %s (key %d), version %d", errUnserved, kmsg.NameForKey(req.key), req.key, req.version)
	}
	if req.key != 18 {
		// An embedded broker may end its process over a key that it does not know: hence the wait for its list.
		select {
		case <-c.srv.asked:
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
		if known := c.srv.apis.Load(); known != nil && !known.has(req.key) {
			return fmt.Errorf("%w by this cluster: %s (key %d), version %d", errUnserved, kmsg.NameForKey(req.key), req.key, req.version)
		}
	}
	if row.handle == nil {
		return c.pass(req)
	}
	return row.handle(c, req)
}

// pass sends a request and its answer on as bytes.
func (c *conn) pass(req *request) error { return c.forward(req.frame, req.pending(nil), false) }

// pending is the request's entry in the queue of unanswered ones.
func (r *request) pending(change func([]byte) ([]byte, error)) pending {
	return pending{key: r.key, version: r.version, correlation: r.correlation, change: change}
}

// header is what comes before the body of a request.
type header struct {
	clientID string
	body     int // offset of the body in the frame
}

// header parses the request header (version 1, or 2 for flexible requests, whose tags are skipped).
func (r *request) header(flexible bool) (header, error) {
	b := r.frame
	const fixed = 4 + minRequest
	if len(b) < fixed+2 {
		return header{}, fmt.Errorf("%w: header is cut (key %d, version %d)", errFrame, r.key, r.version)
	}
	h := header{body: fixed + 2}
	if n := int(int16(binary.BigEndian.Uint16(b[fixed:]))); n > 0 {
		if len(b) < h.body+n {
			return header{}, fmt.Errorf("%w: client id is cut (key %d, version %d)", errFrame, r.key, r.version)
		}
		h.clientID = string(b[h.body : h.body+n])
		h.body += n
	}
	if flexible {
		n, err := skipTags(b[h.body:])
		if err != nil {
			return header{}, fmt.Errorf("%w: %w (key %d, version %d)", errFrame, err, r.key, r.version)
		}
		h.body += n
	}
	return h, nil
}

var errTags = errors.New("tagged fields are cut")

// skipTags returns how long the tagged fields at the start of b are. Source: KIP-482.
func skipTags(b []byte) (int, error) {
	count, at := binary.Uvarint(b)
	if at <= 0 || count > uint64(len(b)) {
		return 0, errTags
	}
	for range count {
		_, n := binary.Uvarint(b[at:])
		if n <= 0 {
			return 0, errTags
		}
		at += n
		size, n := binary.Uvarint(b[at:])
		if n <= 0 || size > uint64(len(b)-at-n) {
			return 0, errTags
		}
		at += n + int(size)
	}
	return at, nil
}

// flexibleAnswer says whether an answer's header ends in tagged fields. That of ApiVersions never does, so that a client
// can read the answer to a version that the broker does not know (KIP-511).
func flexibleAnswer(key, version int16) bool {
	answer := kmsg.ResponseForKey(key)
	if answer == nil || key == 18 {
		return false
	}
	answer.SetVersion(version)
	return answer.IsFlexible()
}

// frame encodes an answer of the gate's own.
func (r *request) answerFrame(answer kmsg.Response) []byte {
	answer.SetVersion(r.version)
	b := binary.BigEndian.AppendUint32(make([]byte, 4, 256), uint32(r.correlation))
	if flexibleAnswer(r.key, r.version) {
		b = append(b, 0)
	}
	b = answer.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// reply answers a request without the broker. With last the connection ends then.
func (c *conn) reply(req *request, answer kmsg.Response, last bool) error {
	p := req.pending(nil)
	p.local, p.last = req.answerFrame(answer), last
	return c.answer(p)
}

// changed returns an action on the broker's answer: decode it as A, let edit see it, encode it again. kmsg keeps tagged
// fields that it does not know, so nothing is lost.
func changed[A kmsg.Response](version int16, answer A, edit func(A)) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) {
		answer.SetVersion(version)
		if err := answer.ReadFrom(body); err != nil {
			return nil, err
		}
		edit(answer)
		return answer.AppendTo(nil), nil
	}
}
