package proxy

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// produceRequest is what the gate reads of a Produce request, versions 0–12. It is walked by hand rather than decoded: a
// decoder would make the arrays that a short request claims to have. Everything aliases the frame.
type produceRequest struct {
	transactionalID *string
	acks            int16
	timeoutMillis   int32
	partitions      []producePartition // in the order of the request
}

// producePartition is what a request brings for one partition.
type producePartition struct {
	topic   string
	index   int32
	records []byte
}

var (
	errProduce    = errors.New("produce request is cut or malformed")
	errPartitions = errors.New("too many partitions in a produce request")
)

// parseProduce reads the body of a Produce request.
func parseProduce(b []byte, version int16) (*produceRequest, error) {
	r := wire{b: b, flexible: version >= 9}
	p := &produceRequest{}
	if version >= 3 {
		if id, ok := r.nullable(); ok {
			s := string(id)
			p.transactionalID = &s
		}
	}
	p.acks, p.timeoutMillis = int16(r.uint(2)), int32(r.uint(4))
	for range r.array() {
		name, ok := r.nullable()
		if !ok {
			return nil, errProduce // a topic has a name
		}
		topic := string(name)
		for range r.array() {
			index := int32(r.uint(4))
			records, _ := r.nullableBytes()
			r.tags()
			if r.bad {
				return nil, errProduce
			}
			if len(p.partitions) == MaxPartitions {
				return nil, errPartitions
			}
			p.partitions = append(p.partitions, producePartition{topic, index, records})
		}
		r.tags()
		if r.bad {
			return nil, errProduce
		}
	}
	r.tags()
	if r.bad || len(r.b) != 0 {
		return nil, errProduce
	}
	return p, nil
}

// encode returns the frame of a request with the same header and only the partitions for which keep says so.
func (p *produceRequest) encode(req *request, body int, keep func(i int) bool) []byte {
	ask := kmsg.NewPtrProduceRequest()
	ask.SetVersion(req.version)
	ask.TransactionID, ask.Acks, ask.TimeoutMillis = p.transactionalID, p.acks, p.timeoutMillis
	for i, part := range p.partitions {
		if !keep(i) {
			continue
		}
		if n := len(ask.Topics); n == 0 || ask.Topics[n-1].Topic != part.topic {
			t := kmsg.NewProduceRequestTopic()
			t.Topic = part.topic
			ask.Topics = append(ask.Topics, t)
		}
		t := &ask.Topics[len(ask.Topics)-1]
		kept := kmsg.NewProduceRequestTopicPartition()
		kept.Partition, kept.Records = part.index, part.records
		t.Partitions = append(t.Partitions, kept)
	}
	out := append(make([]byte, 0, len(req.frame)), req.frame[:body]...)
	out = ask.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// wire reads Kafka's primitive types. After a fault it yields zero values, and no array has elements.
type wire struct {
	b        []byte
	flexible bool // compact lengths and tagged fields (KIP-482)
	bad      bool
}

func (r *wire) fail() {
	r.bad, r.b = true, nil
}

// uint reads n big-endian bytes.
func (r *wire) uint(n int) (v uint32) {
	if len(r.b) < n {
		r.fail()
		return 0
	}
	for _, c := range r.b[:n] {
		v = v<<8 | uint32(c)
	}
	r.b = r.b[n:]
	return v
}

// length reads a length of up to 4 bytes, or a compact one; -1 is null.
func (r *wire) length(n int) int64 {
	if r.flexible {
		v, k := binary.Uvarint(r.b)
		if k <= 0 || v > 1<<31 {
			r.fail()
			return -1
		}
		r.b = r.b[k:]
		return int64(v) - 1
	}
	if n == 2 {
		return int64(int16(r.uint(2)))
	}
	return int64(int32(r.uint(4)))
}

// array reads how many elements follow. Each takes at least a byte.
func (r *wire) array() int64 {
	n := r.length(4)
	if r.bad || n <= 0 {
		return 0
	}
	if n > int64(len(r.b)) {
		r.fail()
		return 0
	}
	return n
}

func (r *wire) take(n int64) ([]byte, bool) {
	if r.bad || n < 0 {
		return nil, false
	}
	if n > int64(len(r.b)) {
		r.fail()
		return nil, false
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v, true
}

// nullable reads a string; false is null.
func (r *wire) nullable() ([]byte, bool) { return r.take(r.length(2)) }

// nullableBytes reads bytes; false is null.
func (r *wire) nullableBytes() ([]byte, bool) { return r.take(r.length(4)) }

func (r *wire) tags() {
	if !r.flexible || r.bad {
		return
	}
	n, err := skipTags(r.b)
	if err != nil {
		r.fail()
		return
	}
	r.b = r.b[n:]
}
