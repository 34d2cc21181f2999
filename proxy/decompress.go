package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// errTooLarge is a batch that would decompress to more than its bound.
var errTooLarge = errors.New("decompressed batch is too large")

// errRatio is a batch that decompresses to more than MaxRatio times its size, past freeOutput.
var errRatio = errors.New("compression ratio is too high")

const (
	// freeOutput is what any batch may decompress to, whatever its ratio.
	freeOutput = 4 << 20
	// maxZstdWindow is the largest window that a zstd stream may ask the decoder to keep.
	maxZstdWindow = 16 << 20
)

// bound is how many bytes a batch of n compressed bytes may become, and what it means to exceed it.
func (l Limits) bound(n int) (int, error) {
	ratio := max(freeOutput, int64(n)*int64(l.MaxRatio))
	if ratio < l.MaxDecompressed {
		return int(ratio), errRatio
	}
	return int(l.MaxDecompressed), errTooLarge
}

// decompress returns the content of a batch in a pooled buffer, which the caller gives back with putBuffer; for codec
// none, compressed itself and no buffer. The output never grows over limit: over is returned then.
func decompress(codec int, compressed []byte, limit int, over error) (data []byte, pooled *[]byte, err error) {
	switch codec {
	case codecNone:
		return compressed, nil, nil
	case codecSnappy:
		pooled, err = unsnap(compressed, limit, over)
	case codecGzip:
		pooled, err = gzipReaders.read(compressed, limit, over)
	case codecLZ4:
		pooled, err = lz4Readers.read(compressed, limit, over)
	case codecZstd:
		var h zstd.Header
		if err := h.Decode(compressed); err != nil {
			return nil, nil, fmt.Errorf("%w: zstd: %w", errMalformed, err)
		}
		if !h.SingleSegment && h.WindowSize > maxZstdWindow || h.HasFCS && h.FrameContentSize > uint64(limit) {
			return nil, nil, over
		}
		pooled, err = zstdReaders.read(compressed, limit, over)
	default:
		return nil, nil, errCodec
	}
	if err != nil {
		putBuffer(pooled)
		if errors.Is(err, over) {
			return nil, nil, over
		}
		return nil, nil, fmt.Errorf("%w: %s: %w", errMalformed, codecNames[codec], err)
	}
	return *pooled, pooled, nil
}

// decoder is a stream decoder that can be used again.
type decoder interface {
	io.Reader
	// Reset makes it read from r.
	Reset(r io.Reader) error
}

// decoders is a pool of stream decoders of one codec.
type decoders struct {
	pool sync.Pool
	make func() (decoder, error)
}

var (
	gzipReaders = decoders{make: func() (decoder, error) { return new(gzip.Reader), nil }}
	lz4Readers  = decoders{make: func() (decoder, error) { return lz4Decoder{lz4.NewReader(nil)}, nil }}
	zstdReaders = decoders{make: func() (decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(MaxDecompressed))
	}}
)

// lz4Decoder gives lz4's Reset the common shape.
type lz4Decoder struct{ *lz4.Reader }

func (d lz4Decoder) Reset(r io.Reader) error { d.Reader.Reset(r); return nil }

func (d *decoders) read(compressed []byte, limit int, over error) (*[]byte, error) {
	dec, ok := d.pool.Get().(decoder)
	if !ok {
		var err error
		if dec, err = d.make(); err != nil {
			return nil, err
		}
	}
	defer d.pool.Put(dec)
	if err := dec.Reset(bytes.NewReader(compressed)); err != nil {
		return nil, err
	}
	out, err := readBounded(dec, max(4*len(compressed), 1<<minBufferBits), limit, over)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = over
	}
	return out, err
}

// readBounded reads r to its end into a pooled buffer that begins with room for guess bytes and grows to at most limit.
// The buffer returned beside an error is to be given back too.
func readBounded(r io.Reader, guess, limit int, over error) (*[]byte, error) {
	buf := getBuffer(min(guess, limit+1))
	used := 0
	for {
		if used == len(*buf) {
			if used > limit {
				return buf, over
			}
			bigger := getBuffer(min(2*used, limit+1))
			copy(*bigger, *buf)
			putBuffer(buf)
			buf = bigger
		}
		n, err := r.Read((*buf)[used:])
		used += n
		if err == io.EOF {
			if used > limit {
				return buf, over
			}
			*buf = (*buf)[:used]
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// xerial is the framing that Java's snappy streams put around their blocks: magic, two versions of 4 bytes, then blocks
// with their compressed length of 4 bytes.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeader = 16

// unsnap decodes a snappy block, or Java's sequence of them. Lengths are known before anything is decoded.
func unsnap(b []byte, limit int, over error) (*[]byte, error) {
	if !bytes.HasPrefix(b, xerial) {
		n, err := s2.DecodedLen(b)
		if err != nil {
			return nil, err
		}
		if n > limit {
			return nil, over
		}
		buf := getBuffer(n)
		_, err = s2.Decode(*buf, b)
		return buf, err
	}
	blocks, total, err := xerialBlocks(b, limit, over)
	if err != nil {
		return nil, err
	}
	buf := getBuffer(total)
	at := 0
	for _, block := range blocks {
		n, err := s2.DecodedLen(block)
		if err != nil {
			return buf, err
		}
		if _, err := s2.Decode((*buf)[at:at+n], block); err != nil {
			return buf, err
		}
		at += n
	}
	return buf, nil
}

// xerialBlocks splits Java's framing and adds up what it decodes to.
func xerialBlocks(b []byte, limit int, over error) (blocks [][]byte, total int, err error) {
	if len(b) < xerialHeader {
		return nil, 0, io.ErrUnexpectedEOF
	}
	for b = b[xerialHeader:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, 0, io.ErrUnexpectedEOF
		}
		size := int64(int32(binary.BigEndian.Uint32(b)))
		if size < 0 || size > int64(len(b)-4) {
			return nil, 0, io.ErrUnexpectedEOF
		}
		block := b[4 : 4+size]
		n, err := s2.DecodedLen(block)
		if err != nil {
			return nil, 0, err
		}
		if total += n; total > limit {
			return nil, 0, over
		}
		blocks = append(blocks, block)
		b = b[4+size:]
	}
	return blocks, total, nil
}
