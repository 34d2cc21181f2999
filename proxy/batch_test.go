package proxy_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchOf describes a record batch to encode: independent of the reader under test, and of kgo.
type batchOf struct {
	values        []string // "" is null
	raw           []byte   // instead of values: the records as they are encoded
	count         int32    // instead of the number of values
	codec         int16
	attributes    int16
	producerID    int64
	producerEpoch int16
	sequence      int32
}

func (b batchOf) encode(t testing.TB) []byte {
	t.Helper()
	return b.encodeAs(t, b.codec)
}

// encodeAs compresses in another way than the batch says, such as in Java's framing.
func (b batchOf) encodeAs(t testing.TB, way int16) []byte {
	t.Helper()
	records := b.raw
	if records == nil {
		for i, v := range b.values {
			r := kmsg.Record{OffsetDelta: int32(i), Value: []byte(v)}
			if v == "" {
				r.Value = nil
			}
			r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
			records = r.AppendTo(records)
		}
	}
	count := b.count
	if count == 0 {
		count = int32(len(b.values))
	}
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: b.attributes | b.codec, LastOffsetDelta: count - 1,
		FirstTimestamp: 1_700_000_000_000, MaxTimestamp: 1_700_000_000_000,
		ProducerID: b.producerID, ProducerEpoch: b.producerEpoch, FirstSequence: b.sequence, NumRecords: count,
		Records: compress(t, way, records),
	}
	if b.producerID < 0 {
		batch.ProducerEpoch, batch.FirstSequence = -1, -1
	}
	return seal(batch.AppendTo(nil))
}

// seal sets length and CRC of an encoded batch.
func seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func compress(t testing.TB, codec int16, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	switch codec {
	case 0:
		return b
	case 1:
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
	case 2:
		return s2.EncodeSnappy(nil, b)
	case 3:
		w := lz4.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
	case 4:
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(b)
		_ = w.Close()
	case xerialSnappy:
		out.WriteString("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
		for len(b) > 0 {
			block := s2.EncodeSnappy(nil, b[:min(len(b), 32<<10)])
			_ = binary.Write(&out, binary.BigEndian, int32(len(block)))
			out.Write(block)
			b = b[min(len(b), 32<<10):]
		}
	}
	return out.Bytes()
}

// xerialSnappy stands for snappy in Java's framing.
const xerialSnappy = 10
