package validator_test

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestSharedSchema: one Schema judges for many goroutines, each of which writes members in an order of its own, and no
// event is written to.
func TestSharedSchema(t *testing.T) {
	for _, kind := range benchKinds {
		s, events := compile(t, benchSchema(t, kind)), benchEvents(kind, 16)
		var wait sync.WaitGroup
		for worker := range 16 {
			wait.Go(func() {
				m := maker{rand.New(rand.NewPCG(7, uint64(worker)))}
				for _, event := range events {
					valid := m.shuffled(event)
					for _, e := range append(spoiled(kind, [][]byte{valid, valid, valid}), valid) {
						before := bytes.Clone(e)
						if want := bytes.Equal(e, valid); s.Valid(e) != want || (s.Check(e) == nil) != want {
							t.Errorf("%s: Valid and Check are not both %v: %s", kind, want, e)
						}
						if !bytes.Equal(before, e) {
							t.Errorf("%s: the event was written to", kind)
						}
					}
				}
			})
		}
		wait.Wait()
	}
}
