package proxy

import (
	"math/bits"
	"sync"
)

// Buffers are pooled by power of two, from 4 KiB to 64 MiB; anything larger is left to the collector.
const (
	minBufferBits = 12
	maxBufferBits = 26
)

var buffers [maxBufferBits + 1]sync.Pool

// getBuffer returns a buffer of length n. Give it back with putBuffer, at most once.
func getBuffer(n int) *[]byte {
	class := max(bits.Len(uint(max(n, 1)-1)), minBufferBits)
	if class > maxBufferBits {
		b := make([]byte, n)
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
