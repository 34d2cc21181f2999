package validator

import (
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
