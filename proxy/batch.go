package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A batch is a Kafka record batch of magic 2, as it stands in a produce request. Source: Kafka protocol, "Record Batch"
// (KIP-98, KIP-101 fields).
type batch struct {
	bytes          []byte // the whole batch; records and compressed data alias it
	attributes     int16
	lastDelta      int32
	baseTimestamp  int64
	maxTimestamp   int64
	producerID     int64 // -1: not idempotent
	producerEpoch  int16
	baseSequence   int32
	records        int32
	compressedData []byte // what follows the header, as the producer compressed it
}

// Batch attributes.
const (
	attrCodec         = 0x07
	attrTransactional = 0x10
	attrControl       = 0x20
)

// Offsets in the header of a batch.
const (
	atLength       = 8
	atMagic        = 16
	atCRC          = 17
	atCRCStart     = 21 // what the CRC covers begins here
	atLastDelta    = 23
	atMaxTimestamp = 35
	atRecords      = 57
	batchHeader    = 61
)

// Compression codecs of a batch.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// codecNames are the codecs by number.
var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// Faults of a batch. All mean that the batch is not judged record by record.
var (
	errMalformed = errors.New("malformed record batch")
	errMagic     = errors.New("record batch is not of magic 2")
	errManyBatch = errors.New("more than one record batch in a partition")
	errControl   = errors.New("producers do not write control batches")
	errCodec     = errors.New("unknown compression codec")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseBatch reads the header of the one batch that b is. Nothing is copied.
func parseBatch(b []byte) (batch, error) {
	if len(b) < batchHeader {
		if len(b) > atMagic && b[atMagic] < 2 {
			return batch{}, errMagic
		}
		return batch{}, fmt.Errorf("%w: %d bytes", errMalformed, len(b))
	}
	if b[atMagic] != 2 {
		return batch{}, errMagic
	}
	length := int64(int32(binary.BigEndian.Uint32(b[atLength:]))) + atLength + 4
	switch {
	case length < batchHeader || length > int64(len(b)):
		return batch{}, fmt.Errorf("%w: length %d in %d bytes", errMalformed, length, len(b))
	case length < int64(len(b)):
		return batch{}, errManyBatch
	}
	v := batch{
		bytes:          b,
		attributes:     int16(binary.BigEndian.Uint16(b[21:])),
		lastDelta:      int32(binary.BigEndian.Uint32(b[23:])),
		baseTimestamp:  int64(binary.BigEndian.Uint64(b[27:])),
		maxTimestamp:   int64(binary.BigEndian.Uint64(b[35:])),
		producerID:     int64(binary.BigEndian.Uint64(b[43:])),
		producerEpoch:  int16(binary.BigEndian.Uint16(b[51:])),
		baseSequence:   int32(binary.BigEndian.Uint32(b[53:])),
		records:        int32(binary.BigEndian.Uint32(b[57:])),
		compressedData: b[batchHeader:],
	}
	switch {
	case v.attributes&attrControl != 0:
		return batch{}, errControl
	case v.codec() > codecZstd:
		return batch{}, errCodec
	case v.records < 1:
		return batch{}, fmt.Errorf("%w: %d records", errMalformed, v.records)
	}
	return v, nil
}

func (b *batch) codec() int { return int(b.attributes & attrCodec) }

func (b *batch) transactional() bool { return b.attributes&attrTransactional != 0 }

// sound says whether the batch's CRC is right.
func (b *batch) sound() bool {
	return binary.BigEndian.Uint32(b.bytes[atCRC:]) == crc32.Checksum(b.bytes[atCRCStart:], castagnoli)
}

// A record is one event in a batch. Its slices alias the decompressed batch. It implements validator.Headers.
type record struct {
	timestampDelta int64
	key, value     []byte // nil is null, which is not the same as empty
	headers        []byte // encoded, without their count
	headerCount    int
	attributes     byte
	keyAndValue    []byte // encoded
}

// walk calls visit with each record, in order; the record is valid during the call only. data is the decompressed
// content of the batch, which must hold exactly the records that its header says.
func (b *batch) walk(data []byte, maxHeaders int, visit func(i int, r *record) error) error {
	var r record
	for i := range int(b.records) {
		size, n := binary.Varint(data)
		if n <= 0 || size < 0 || size > int64(len(data)-n) {
			return fmt.Errorf("%w: length of record %d", errMalformed, i)
		}
		data = data[n:]
		if err := r.parse(data[:size], maxHeaders); err != nil {
			return fmt.Errorf("%w: record %d", err, i)
		}
		data = data[size:]
		if err := visit(i, &r); err != nil {
			return err
		}
	}
	if len(data) != 0 {
		return fmt.Errorf("%w: %d bytes after the last record", errMalformed, len(data))
	}
	return nil
}

// errHeaders is a record with more headers than the gate reads.
var errHeaders = errors.New("too many record headers")

// parse reads one record: attributes, timestamp delta, offset delta, key, value, headers.
func (r *record) parse(b []byte, maxHeaders int) error {
	if len(b) < 1 {
		return errMalformed
	}
	p := varints{b: b[1:]}
	r.attributes, r.timestampDelta = b[0], p.int()
	p.int() // offset delta: the broker's business
	r.keyAndValue = p.b
	r.key = p.bytes()
	r.value = p.bytes()
	r.keyAndValue = r.keyAndValue[:len(r.keyAndValue)-len(p.b)]
	count := p.int()
	if p.bad || count < 0 || count > int64(len(p.b)) {
		return errMalformed
	}
	if count > int64(maxHeaders) {
		return errHeaders
	}
	r.headers, r.headerCount = p.b, int(count)
	for range count {
		if p.bytes() == nil {
			return errMalformed // a header's name is never null
		}
		p.bytes()
	}
	if p.bad || len(p.b) != 0 {
		return errMalformed
	}
	return nil
}

// Last returns the value of the last header of that name; a null value is nil.
func (r *record) Last(name string) ([]byte, bool) {
	var value []byte
	found := false
	p := varints{b: r.headers}
	for range r.headerCount {
		k, v := p.bytes(), p.bytes()
		if string(k) == name {
			value, found = v, true
		}
	}
	return value, found
}

// list returns the headers. Their values alias the record.
func (r *record) list() []kgo.RecordHeader {
	headers := make([]kgo.RecordHeader, 0, r.headerCount)
	p := varints{b: r.headers}
	for range r.headerCount {
		headers = append(headers, kgo.RecordHeader{Key: string(p.bytes()), Value: p.bytes()})
	}
	return headers
}

// varints reads zigzag varints and what they measure. After a fault it yields nothing more.
type varints struct {
	b   []byte
	bad bool
}

func (p *varints) int() int64 {
	v, n := binary.Varint(p.b)
	if n <= 0 {
		p.bad, p.b = true, nil
		return 0
	}
	p.b = p.b[n:]
	return v
}

// bytes returns nil for null, whose length is -1.
func (p *varints) bytes() []byte {
	n := p.int()
	if p.bad || n < -1 || n > int64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	if n == -1 {
		return nil
	}
	v := p.b[:n:n]
	p.b = p.b[n:]
	return v
}
