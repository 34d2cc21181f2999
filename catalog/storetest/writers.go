package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

// testWriters appends from many goroutines and holds the total order against what each reader saw on the way.
func testWriters(t *testing.T, s catalog.Store) {
	const writers, each, subjects = 32, 8, 5
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var wg, reading sync.WaitGroup
	var stop atomic.Bool
	reading.Go(func() { // revision n is visible only when all below are: what was passed never changes
		var seen []catalog.Rev
		for !stop.Load() {
			after := catalog.Rev(0)
			if len(seen) > 0 {
				after = seen[len(seen)-1]
			}
			changes, err := s.Changes(ctx, after, 1000)
			if err != nil {
				t.Errorf("Changes = %v", err)
				return
			}
			for _, c := range changes {
				if len(seen) > 0 && c.Rev <= seen[len(seen)-1] {
					t.Errorf("revision %d after %d", c.Rev, seen[len(seen)-1])
				}
				seen = append(seen, c.Rev)
			}
		}
		all, err := s.Changes(ctx, 0, writers*each+1)
		if err != nil || len(all) != writers*each {
			t.Errorf("Changes = %d of them, %v, want %d", len(all), err, writers*each)
		}
		for i, rev := range seen {
			if all[i].Rev != rev {
				t.Errorf("change %d is revision %d, and was read as %d: one appeared below what was seen", i, all[i].Rev, rev)
				return
			}
		}
	})
	var conflicts atomic.Int64
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				n := name(fmt.Sprintf("s%d", (w+i)%subjects))
				for {
					read, err := s.Subject(ctx, n)
					if err != nil {
						t.Errorf("Subject = %v", err)
						return
					}
					added, _, err := s.Append(ctx, n, read.Head, version(fmt.Sprintf(`{"w":%d,"i":%d}`, w, i)))
					if errors.Is(err, catalog.ErrConflict) {
						conflicts.Add(1)
						continue
					}
					if err != nil {
						t.Errorf("Append = %v", err)
						return
					}
					if added[0].Number != read.Head.Number+1 {
						t.Errorf("Append after %d gave %d", read.Head.Number, added[0].Number)
					}
					break
				}
			}
		})
	}
	wg.Wait()
	stop.Store(true)
	reading.Wait()
	ids := map[int]bool{}
	total := 0
	for i := range subjects {
		for j, v := range subject(t, s, name(fmt.Sprintf("s%d", i))).Versions {
			if v.Number != j+1 || ids[v.Schema.ID] {
				t.Errorf("s%d holds number %d with ID %d at place %d", i, v.Number, v.Schema.ID, j)
			}
			ids[v.Schema.ID] = true
			total++
		}
	}
	if total != writers*each {
		t.Errorf("%d versions, want %d", total, writers*each)
	}
	t.Logf("%d writers, %d appends, %d lost swaps", writers, writers*each, conflicts.Load())
}

// testBells rings for many writers at once: a commit that rings late, after its successor, must not be told as the
// newest, since a revision that falls means that the store went back in time.
func testBells(t *testing.T, s catalog.Store) {
	const writers, each = 16, 30
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var rung []catalog.Rev
	done := make(chan error, 1)
	began := make(chan struct{}, 1)
	go func() {
		done <- s.Watch(ctx, func(rev catalog.Rev, asOf time.Time) {
			mu.Lock()
			defer mu.Unlock()
			rung = append(rung, rev)
			if len(rung) == 1 {
				began <- struct{}{}
			}
			if time.Since(asOf) > time.Minute && !asOf.IsZero() {
				t.Errorf("bell %d is a proof of %s", rev, asOf)
			}
		})
	}()
	<-began
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, _, err := s.SetPolicy(ctx, name(fmt.Sprintf("s%d", w)), catalog.Patch{Set: catalog.Config{Alias: fmt.Sprint(i)}}); err != nil {
					t.Errorf("SetPolicy = %v", err)
				}
			}
		})
	}
	wg.Wait()
	newest, err := s.Revision(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		last := rung[len(rung)-1]
		mu.Unlock()
		if last == newest {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the last bell is %d, want %d", last, newest)
		}
	}
	cancel()
	<-done
	for i := 1; i < len(rung); i++ {
		if rung[i] < rung[i-1] {
			t.Errorf("bell %d came after %d", rung[i], rung[i-1])
		}
	}
}
