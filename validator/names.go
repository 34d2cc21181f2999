package validator

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// nameTable finds the index of a name among those that a schema mentions for one object: a hash table that is searched,
// when it is built, for a multiplier without collisions. A table that keeps some tries the next slots.
type nameTable struct {
	names      []string
	seeded     bool    // many names: keys that a schema's author cannot foresee
	slots      []int32 // 1 + index; 0 = empty
	multiplier uint64
	shift      int
}

const (
	multipliers = 64  // tried for one size of a table
	manyNames   = 100 // from here on collisions are left in peace
)

func newNameTable(names []string) nameTable {
	t := nameTable{names: names, seeded: len(names) > manyNames}
	if len(names) == 0 {
		return t
	}
	for size := max(4, 1<<bits.Len(uint(2*len(names)-1))); ; size *= 2 {
		last := t.seeded || size >= 16*len(names)
		t.multiplier, t.shift = 0x9e3779b97f4a7c15, 64-bits.Len(uint(size-1))
		for range multipliers {
			t.slots = make([]int32, size)
			if t.fill() == 0 || last {
				return t
			}
			t.multiplier = t.multiplier*0xd1342543de82ef95 + 2
		}
	}
}

// fill enters every name and returns how many found their slot taken.
func (t *nameTable) fill() (collisions int) {
	for i, name := range t.names {
		slot := t.slot([]byte(name))
		for t.slots[slot] != 0 {
			collisions++
			slot = (slot + 1) & (len(t.slots) - 1)
		}
		t.slots[slot] = int32(i + 1)
	}
	return collisions
}

func (t *nameTable) slot(name []byte) int {
	if t.seeded {
		return int(maphash.Bytes(nameSeed, name) >> t.shift)
	}
	return int(nameKey(name) * t.multiplier >> t.shift)
}

// quickNames finds a known name by some bytes of it, as it stands in most events: it neither looks for the end of the
// name nor counts its length, and what it finds is compared as a whole. The zero value finds nothing.
type quickNames struct {
	offset     int    // of the bytes, from the opening quote on; each of the names has them
	mask       uint64 // of those that count
	multiplier uint64
	shift      uint8
	slots      []uint8 // 1 + index of the first name there; 0 = empty
	next       []uint8 // by index: 1 + index of the next name in the same slot
}

const quickChain = 3 // names in one slot at most

// newQuickNames tries all places where the bytes may stand.
func newQuickNames(known []known) (best quickNames) {
	if len(known) == 0 || len(known) > 64 {
		return quickNames{}
	}
	shortest := len(known[0].quoted.text)
	for _, k := range known {
		shortest = min(shortest, len(k.quoted.text))
	}
	size := max(8, 1<<bits.Len(uint(4*len(known)-1)))
	least := quickChain + 1
	for offset := 1; offset == 1 || offset+8 <= shortest; offset++ {
		q := quickNames{offset: offset, mask: ^uint64(0), multiplier: 0x9e3779b97f4a7c15, shift: uint8(64 - bits.Len(uint(size-1)))}
		if n := shortest - offset; n < 8 {
			q.mask = 1<<(8*n) - 1
		}
		for range multipliers {
			if longest := q.fill(known, size); longest < least {
				best, least = q, longest
			}
			if least == 1 {
				return best
			}
			q.multiplier = q.multiplier*0xd1342543de82ef95 + 2
		}
	}
	return best
}

// fill enters every name and returns how many stand in the fullest slot.
func (q *quickNames) fill(known []known, size int) (longest int) {
	q.slots, q.next = make([]uint8, size), make([]uint8, len(known))
	count := make([]int, size)
	for i := range known {
		var padded [16 + 8]byte
		copy(padded[:], known[i].quoted.text[q.offset:])
		slot := (binary.LittleEndian.Uint64(padded[:]) & q.mask) * q.multiplier >> q.shift
		q.next[i], q.slots[slot] = q.slots[slot], uint8(i+1)
		count[slot]++
		longest = max(longest, count[slot])
	}
	return longest
}

// find returns the index of the known name that stands at text[i] with its quotes and its colon, or -1; -1 says nothing.
func (q *quickNames) find(known []known, text []byte, i int) int {
	i += q.offset
	if i+8 > len(text) || len(q.slots) == 0 {
		return -1
	}
	slot := (binary.LittleEndian.Uint64(text[i:]) & q.mask) * q.multiplier >> q.shift
	i -= q.offset
	for at := int(q.slots[slot]); at > 0; at = int(q.next[at-1]) {
		if known[at-1].quoted.standsAt(text, i) {
			return at - 1
		}
	}
	return -1
}

// find returns the index of a name whose escapes are resolved, or -1.
func (t *nameTable) find(name []byte) int {
	if len(t.names) == 0 {
		return -1
	}
	for slot := t.slot(name); ; slot = (slot + 1) & (len(t.slots) - 1) {
		at := int(t.slots[slot]) - 1
		if at < 0 || t.names[at] == string(name) {
			return at
		}
	}
}
