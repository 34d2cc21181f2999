package proxy

import (
	"math/rand/v2"
	"testing"
)

// TestTopK holds sums and the frequent keys of random streams, whatever is pushed out meanwhile.
func TestTopK(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		most := 1 + r.IntN(40)
		top := newTopK[int, int64](most)
		var sent, other int64
		exact := map[int]int64{}
		const n = 5_000
		for range n {
			key := 1_000 + r.IntN(3_000)
			if r.IntN(3) > 0 {
				key = r.IntN(max(most/4, 1)) // these are far above the rest
			}
			by := int64(1 + r.IntN(3))
			value, fresh, gone := top.add(key, by)
			if fresh != (*value == 0) {
				t.Fatalf("seed %d: fresh = %v with %d counted", seed, fresh, *value)
			}
			if gone != nil {
				other += *gone
			}
			*value += by
			sent += by
			exact[key] += by
		}
		var kept int64
		rows := 0
		for key, value := range top.each {
			rows++
			kept += *value
			if *value > exact[key] {
				t.Errorf("seed %d: key %d counted %d, was seen %d", seed, key, *value, exact[key])
			}
		}
		if rows > most || kept+other != sent {
			t.Errorf("seed %d: %d rows of %d, %d kept + %d pushed out, %d sent", seed, rows, most, kept, other, sent)
		}
		for key := range max(most/4, 1) {
			if most >= 8 && top.rows[key] == nil {
				t.Errorf("seed %d: frequent key %d is not among the %d kept", seed, key, most)
			}
		}
	}
}
