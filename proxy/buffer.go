package proxy

import (
	"math/bits"
	"sync"
)

// Buffers have a power of two of bytes, from 4 KiB on; those up to 4 MiB are pooled, larger ones are rare, and left to the
// collector rather than kept for the next.
const (
	minBufferBits = 12
	maxBufferBits = 22
)

// held is how many bytes a buffer of length n takes.
func held(n int64) int64 { return 1 << max(bits.Len64(uint64(max(n, 1)-1)), minBufferBits) }

var buffers [maxBufferBits + 1]sync.Pool

// getBuffer returns a buffer of length n. Give it back with putBuffer, at most once.
func getBuffer(n int) *[]byte {
	class := max(bits.Len(uint(max(n, 1)-1)), minBufferBits)
	if class > maxBufferBits {
		b := make([]byte, n, 1<<class)
		return &b
	}
	if b, ok := buffers[class].Get().(*[]byte); ok {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, 1<<class)
	return &b
}

// putBuffer returns a buffer to its pool. nil is fine.
func putBuffer(b *[]byte) {
	if b == nil || cap(*b) == 0 {
		return
	}
	class := bits.Len(uint(cap(*b))) - 1
	if class < minBufferBits || class > maxBufferBits || cap(*b) != 1<<class {
		return
	}
	buffers[class].Put(b)
}
