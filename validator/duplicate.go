package validator

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
)

// nameSeed keeps a sender from choosing names whose hashes collide.
var nameSeed = maphash.MakeSeed()

// nameList finds names that stand twice in one object. It holds the names of the objects that are open, but for those
// that a schema's own table counts. The zero value is ready.
type nameList struct {
	list     []scanned
	one, two []byte // scratch for names with escapes
}

// scanned is a name of an open object.
type scanned struct {
	key        uint64
	start, end int // with quotes
	escaped    bool
}

// fewNames is up to how many names of one object are compared each with each.
const fewNames = 16

// add notes a name of the object whose names begin at first; among the few first ones a second equal one is found at
// once: false.
func (l *nameList) add(text []byte, first int, n scanned) bool {
	if len(l.list)-first < fewNames {
		n.key = nameKey(plainName(&l.one, text, n))
		for _, other := range l.list[first:] {
			if other.key == n.key && l.same(text, other, n) {
				return false
			}
		}
	}
	l.list = append(l.list, n)
	return true
}

// close forgets the names of an object that ends. If it had many, it looks for equal ones among them first: sorted by
// a hash that nobody can foresee they are neighbours. again is the second of the pair that ends first.
func (l *nameList) close(text []byte, first int) (again scanned, ok bool) {
	names := l.list[first:]
	l.list = l.list[:first]
	if len(names) <= fewNames {
		return scanned{}, true
	}
	for i := range names {
		names[i].key = maphash.Bytes(nameSeed, plainName(&l.one, text, names[i]))
	}
	slices.SortFunc(names, func(a, b scanned) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.start, b.start))
	})
	ok = true
	for i := range names {
		for j := i + 1; j < len(names) && names[j].key == names[i].key; j++ {
			if !l.same(text, names[i], names[j]) {
				continue // two names, one hash
			}
			if ok || names[j].start < again.start {
				again, ok = names[j], false
			}
			break
		}
	}
	return again, ok
}

// same reports whether two names are equal once their escapes are resolved.
func (l *nameList) same(text []byte, a, b scanned) bool {
	return bytes.Equal(plainName(&l.one, text, a), plainName(&l.two, text, b))
}

// plainName is a name with its escapes resolved, in scratch if it has any.
func plainName(scratch *[]byte, text []byte, n scanned) []byte {
	inner := text[n.start+1 : n.end-1]
	if !n.escaped {
		return inner
	}
	*scratch = appendUnescaped((*scratch)[:0], inner)
	return *scratch
}

// nameKey is a cheap number of a name: its ends and its length. Anybody can make two names of one key, so it is used
// only where few names meet.
func nameKey(name []byte) uint64 {
	n := len(name)
	key := uint64(n) << 56
	switch {
	case n >= 8:
		return key ^ binary.LittleEndian.Uint64(name) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(name[n-8:]), 29)
	case n >= 4:
		return key ^ uint64(binary.LittleEndian.Uint32(name)) ^ uint64(binary.LittleEndian.Uint32(name[n-4:]))<<29
	case n > 0:
		return key ^ uint64(name[0]) ^ uint64(name[n/2])<<16 ^ uint64(name[n-1])<<32
	}
	return key
}
