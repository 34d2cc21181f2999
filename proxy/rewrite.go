package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// rewritten builds a batch anew from the records of another: keep says of each record whether it stays, and which header
// it gets ("" = none). Everything else, the codec too, is as it was; offset deltas have no gaps, because a broker asks so
// of producers. nil: no record stayed. data is the decompressed content, which walk has been through before.
func (b *batch) rewritten(data []byte, maxHeaders int, keep func(i int, r *record) (stays bool, header, value string)) ([]byte, error) {
	content := make([]byte, 0, len(data)+64)
	var scratch []byte
	kept, latest := 0, int64(0)
	err := b.walk(data, maxHeaders, func(i int, r *record) error {
		stays, header, value := keep(i, r)
		if !stays {
			return nil
		}
		scratch = r.appendTo(scratch[:0], kept, header, value)
		content = append(binary.AppendVarint(content, int64(len(scratch))), scratch...)
		if kept == 0 || r.timestampDelta > latest {
			latest = r.timestampDelta
		}
		kept++
		return nil
	})
	if err != nil || kept == 0 {
		return nil, err
	}
	out := append(make([]byte, 0, batchHeader+len(content)), b.bytes[:batchHeader]...)
	if out, err = compress(out, b.codec(), content); err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-atLength-4))
	binary.BigEndian.PutUint32(out[atLastDelta:], uint32(kept-1))
	if kept < int(b.records) {
		binary.BigEndian.PutUint64(out[atMaxTimestamp:], uint64(b.baseTimestamp+latest))
	}
	binary.BigEndian.PutUint32(out[atRecords:], uint32(kept))
	binary.BigEndian.PutUint32(out[atCRC:], crc32.Checksum(out[atCRCStart:], castagnoli))
	return out, nil
}

// appendTo encodes a record, without its length, at another offset and with one more header ("" = none).
func (r *record) appendTo(dst []byte, offsetDelta int, header, value string) []byte {
	dst = append(dst, r.attributes)
	dst = binary.AppendVarint(dst, r.timestampDelta)
	dst = binary.AppendVarint(dst, int64(offsetDelta))
	dst = append(dst, r.keyAndValue...)
	count := r.headerCount
	if header != "" {
		count++
	}
	dst = binary.AppendVarint(dst, int64(count))
	dst = append(dst, r.headers...)
	if header != "" {
		dst = append(binary.AppendVarint(dst, int64(len(header))), header...)
		dst = append(binary.AppendVarint(dst, int64(len(value))), value...)
	}
	return dst
}

// compressors are the client library's, one a codec, made when first needed.
var compressors = [...]func() (kgo.Compressor, error){
	codecGzip:   sync.OnceValues(func() (kgo.Compressor, error) { return kgo.DefaultCompressor(kgo.GzipCompression()) }),
	codecSnappy: sync.OnceValues(func() (kgo.Compressor, error) { return kgo.DefaultCompressor(kgo.SnappyCompression()) }),
	codecLZ4:    sync.OnceValues(func() (kgo.Compressor, error) { return kgo.DefaultCompressor(kgo.Lz4Compression()) }),
	codecZstd:   sync.OnceValues(func() (kgo.Compressor, error) { return kgo.DefaultCompressor(kgo.ZstdCompression()) }),
}

// compress appends data, compressed, to dst.
func compress(dst []byte, codec int, data []byte) ([]byte, error) {
	if codec == codecNone {
		return append(dst, data...), nil
	}
	c, err := compressors[codec]()
	if err != nil {
		return nil, err
	}
	packed, used := c.Compress(new(bytes.Buffer), data)
	if int(used) != codec {
		return nil, fmt.Errorf("batch was not compressed by %s", codecNames[codec])
	}
	return append(dst, packed...), nil
}
