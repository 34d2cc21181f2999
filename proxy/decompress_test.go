package proxy_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/accordhq/accord/proxy"
)

// TestBombs sends batches that decompress to far more than a proxy may hold, in every codec.
func TestBombs(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	for _, c := range []struct {
		name   string
		limits proxy.Limits
		size   int
		want   int16
	}{
		{"over MaxRatio", proxy.Limits{}, 24 << 20, kerr.InvalidRecord.Code},
		{"over MaxDecompressed", proxy.Limits{MaxDecompressed: 8 << 20, MaxRatio: 1 << 20}, 24 << 20, kerr.MessageTooLarge.Code},
		{"just inside", proxy.Limits{MaxDecompressed: 48<<20 + 1024, MaxRatio: 1 << 20}, 24 << 20, kerr.InvalidRecord.Code}, // read, and not an event
	} {
		t.Run(c.name, func(t *testing.T) {
			_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Limits: c.limits})
			for codec, name := range map[int16]string{1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd", xerialSnappy: "snappy in Java's framing"} {
				bomb := batchOf{values: []string{strings.Repeat(" ", c.size)}, producerID: -1, codec: codec & 7, raw: nil}
				if codec == xerialSnappy {
					bomb.codec = 2
				}
				records := bomb.encodeAs(t, codec)
				if c.name == "over MaxRatio" && len(records)*256 > c.size {
					continue // snappy and lz4 cannot compress so far
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				answer := produceRaw(t, addr, produceRequest(9, 1, map[string][][]byte{"orders.placed": {records}}))
				runtime.ReadMemStats(&after)
				p := answer.Topics[0].Partitions[0]
				if p.ErrorCode != c.want {
					t.Errorf("%s: code %d (%s), want %d", name, p.ErrorCode, *p.ErrorMessage, c.want)
				}
				if grown := after.TotalAlloc - before.TotalAlloc; c.name != "just inside" && grown > 48<<20 {
					t.Errorf("%s: %d bytes allocated for a batch of %d", name, grown, len(records))
				}
			}
			good := produceRaw(t, addr, produceRequest(9, 1, map[string][][]byte{"free": {encodeBatch(t, goodV2)}}))
			if code := good.Topics[0].Partitions[0].ErrorCode; code != 0 && code != kerr.UnknownTopicOrPartition.Code {
				t.Errorf("the next request: code %d", code)
			}
		})
	}
}

// TestBrokenBatches holds what each fault of a batch is answered with, and that line noise is no verdict.
func TestBrokenBatches(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Limits: proxy.Limits{MaxBatchRecords: 10, MaxRecordHeaders: 2}})
	good := encodeBatch(t, goodV2)
	change := func(at int, b ...byte) []byte {
		return seal(append(append(bytes.Clone(good[:at]), b...), good[at+len(b):]...))
	}
	noise := encodeBatch(t, badLines)
	noise[70] ^= 0x20
	many := batchOf{producerID: -1, count: 11, raw: bytes.Repeat([]byte{12, 0, 0, 0, 1, 0, 0}, 11)}
	headers := batchOf{producerID: -1, count: 1, raw: []byte{28, 0, 0, 0, 1, 1, 6, 2, 'a', 0, 2, 'b', 0, 2, 'c'}}
	for _, c := range []struct {
		name  string
		batch []byte
		want  *kerr.Error
		text  string
	}{
		{"line noise", noise, kerr.CorruptMessage, "wrong CRC"},
		{"old magic", change(16, 1), kerr.InvalidRecord, "magic"},
		{"control batch", change(22, 0x20), kerr.InvalidRecord, "control"},
		{"unknown codec", change(22, 7), kerr.UnsupportedCompressionType, "codec"},
		{"garbage as gzip", change(22, 1), kerr.InvalidRecord, "gzip"},
		{"garbage as snappy", change(22, 2), kerr.InvalidRecord, "snappy"},
		{"garbage as lz4", change(22, 3), kerr.InvalidRecord, "lz4"},
		{"garbage as zstd", change(22, 4), kerr.InvalidRecord, "zstd"},
		{"two batches", append(bytes.Clone(good), good...), kerr.InvalidRecord, "more than one"},
		{"more records claimed than there are", change(57, 0, 0, 0, 2), kerr.InvalidRecord, "malformed"},
		{"no records", change(57, 0, 0, 0, 0), kerr.InvalidRecord, "malformed"},
		{"cut", good[:len(good)-3], kerr.InvalidRecord, "malformed"},
		{"cut in the header", good[:30], kerr.InvalidRecord, "malformed"},
		{"nothing", []byte{}, kerr.InvalidRecord, "malformed"},
		{"too many records", many.encode(t), kerr.MessageTooLarge, "limit 10"},
		{"too many headers", headers.encode(t), kerr.InvalidRecord, "headers"},
	} {
		answer := produceRaw(t, addr, produceRequest(9, 1, map[string][][]byte{"orders.placed": {c.batch}}))
		p := answer.Topics[0].Partitions[0]
		if p.ErrorCode != c.want.Code || p.ErrorMessage == nil || !strings.Contains(*p.ErrorMessage, c.text) {
			text := "no text"
			if p.ErrorMessage != nil {
				text = *p.ErrorMessage
			}
			t.Errorf("%s: code %d, %s; want %d with %q", c.name, p.ErrorCode, text, c.want.Code, c.text)
		}
	}
}

// TestEveryPositionAndCodec puts one bad record at each place of a batch.
func TestEveryPositionAndCodec(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop("")})
	for _, codec := range []int16{0, 1, 2, 3, 4, xerialSnappy} {
		for bad := range 5 {
			values := []string{goodV2, goodV2, goodV2, goodV2, goodV2}
			values[bad] = badLines
			b := batchOf{values: values, producerID: -1, codec: codec & 7}
			if codec == xerialSnappy {
				b.codec = 2
			}
			answer := produceRaw(t, addr, produceRequest(10, -1, map[string][][]byte{"orders.placed": {b.encodeAs(t, codec)}}))
			p := answer.Topics[0].Partitions[0]
			got := fmt.Sprint(p.ErrorCode, " ", len(p.ErrorRecords))
			if got != "87 1" || p.ErrorRecords[0].RelativeOffset != int32(bad) {
				t.Errorf("codec %d, record %d bad: code and count %s, want 87 1 at its place: %+v", codec, bad, got, p.ErrorRecords)
			}
		}
	}
}
