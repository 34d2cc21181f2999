package validator_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/accordhq/accord/validator"
)

// registry is a store of schemas that counts how often it is asked.
type registry struct {
	asked  atomic.Int32
	delay  time.Duration
	stored map[validator.Ref]validator.Stored
	err    error
}

func (r *registry) load(ctx context.Context, ref validator.Ref) (validator.Stored, error) {
	r.asked.Add(1)
	select {
	case <-time.After(r.delay):
	case <-ctx.Done():
		return validator.Stored{}, ctx.Err()
	}
	if r.err != nil {
		return validator.Stored{}, r.err
	}
	s, ok := r.stored[ref]
	if !ok {
		return validator.Stored{}, validator.ErrUnknownSchema
	}
	return s, nil
}

// guidOf makes a GUID of a number.
func guidOf(n int) validator.GUID { return validator.GUID{1, byte(n >> 8), 15: byte(n)} }

// put stores one schema under subject s, version n, id 100+n.
func (r *registry) put(n int, text string) validator.Stored {
	s := validator.Stored{
		Document: validator.Document{Text: []byte(text)},
		Ref:      validator.Ref{GUID: guidOf(n), ID: int32(100 + n)},
		Versions: []validator.SubjectVersion{{Subject: "s", Version: int32(n)}},
	}
	if r.stored == nil {
		r.stored = map[validator.Ref]validator.Stored{}
	}
	r.stored[validator.Ref{GUID: s.Ref.GUID}] = s
	r.stored[validator.Ref{ID: s.Ref.ID}] = s
	r.stored[validator.Ref{Subject: "s", Version: int32(n)}] = s
	return s
}

func TestCacheKeepsOneEntryUnderAllNames(t *testing.T) {
	r := &registry{}
	r.put(1, `{"type":"object"}`)
	c := validator.NewCache(r.load, validator.CacheConfig{})
	e, err := c.Entry(t.Context(), validator.Ref{ID: 101})
	if err != nil {
		t.Fatal(err)
	}
	if !e.Schema.Valid([]byte(`{}`)) || e.Schema.Valid([]byte(`1`)) {
		t.Error("the entry's schema is not the stored one")
	}
	want := validator.Ref{GUID: guidOf(1), ID: 101, Subject: "s", Version: 1}
	if e.Ref != want || e.In("s") != 1 || e.In("other") != 0 {
		t.Errorf("entry is %+v, want %+v", e.Ref, want)
	}
	for _, ref := range []validator.Ref{{ID: 101}, {GUID: guidOf(1)}, {Subject: "s", Version: 1}} {
		if again, ok := c.Peek(ref); !ok || again != e {
			t.Errorf("Peek(%s) = %p, %v, want the same entry", ref, again, ok)
		}
	}
	if _, ok := c.Peek(validator.Ref{Context: ".other", ID: 101}); ok {
		t.Error("an ID of another context was found")
	}
	c.Drop(validator.Ref{GUID: guidOf(1)})
	for _, ref := range []validator.Ref{{ID: 101}, {GUID: guidOf(1)}, {Subject: "s", Version: 1}} {
		if _, ok := c.Peek(ref); ok {
			t.Errorf("Peek(%s) finds a dropped entry", ref)
		}
	}
	if n, bytes := c.Size(); n != 0 || bytes != 0 {
		t.Errorf("Size = %d, %d after the only entry was dropped", n, bytes)
	}
}

func TestCacheNeverKeepsLatest(t *testing.T) {
	r := &registry{}
	latest := validator.Ref{Subject: "s"}
	r.put(1, `true`)
	r.stored[latest] = r.stored[validator.Ref{GUID: guidOf(1)}]
	c := validator.NewCache(r.load, validator.CacheConfig{})
	for n := 1; n <= 2; n++ {
		e, err := c.Entry(t.Context(), latest)
		if err != nil || e.GUID != guidOf(n) {
			t.Fatalf("Entry(latest) = %v, %v, want version %d", e, err, n)
		}
		r.put(2, `false`)
		r.stored[latest] = r.stored[validator.Ref{GUID: guidOf(2)}]
	}
}

func TestCacheKeepsABrokenSchemaAsBroken(t *testing.T) {
	r := &registry{}
	r.put(1, `{"type":"no such type"}`)
	c := validator.NewCache(r.load, validator.CacheConfig{})
	for range 2 {
		e, err := c.Entry(t.Context(), validator.Ref{ID: 101})
		if err != nil || e.Schema != nil || e.Broken == nil {
			t.Fatalf("Entry = %+v, %v, want a broken entry", e, err)
		}
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("loaded %d times, want once", n)
	}
}

func TestCacheLoadsOnceHoweverManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{delay: time.Second}
		r.put(1, `{"type":"object"}`)
		c := validator.NewCache(r.load, validator.CacheConfig{})
		var wg sync.WaitGroup
		var entries sync.Map
		for range 100 {
			wg.Go(func() {
				e, err := c.Entry(t.Context(), validator.Ref{GUID: guidOf(1)})
				if err != nil {
					t.Error(err)
				}
				entries.Store(e, true)
			})
		}
		wg.Wait()
		distinct := 0
		entries.Range(func(any, any) bool { distinct++; return true })
		if n := r.asked.Load(); n != 1 || distinct != 1 {
			t.Errorf("100 callers: %d loads, %d entries, want one of each", n, distinct)
		}
	})
}

func TestCacheContextEndsOneWaitNotTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{delay: 2 * time.Second}
		r.put(1, `true`)
		c := validator.NewCache(r.load, validator.CacheConfig{})
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Entry(impatient, validator.Ref{ID: 101}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Entry = %v, want the caller's deadline", err)
		}
		if _, err := c.Entry(t.Context(), validator.Ref{ID: 101}); err != nil {
			t.Errorf("Entry = %v, want the load to go on", err)
		}
		if n := r.asked.Load(); n != 1 {
			t.Errorf("loaded %d times, want once", n)
		}
	})
}

func TestCacheLoadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{delay: time.Hour}
		c := validator.NewCache(r.load, validator.CacheConfig{LoadDeadline: 3 * time.Second})
		start := time.Now()
		_, err := c.Entry(t.Context(), validator.Ref{ID: 101})
		if !errors.Is(err, validator.ErrUnavailable) || time.Since(start) != 3*time.Second {
			t.Errorf("Entry = %v after %s, want ErrUnavailable after 3s", err, time.Since(start))
		}
	})
}

func TestCacheBelievesNoForAWhileAndUnavailableNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{}
		c := validator.NewCache(r.load, validator.CacheConfig{NegativeTTL: 30 * time.Second})
		ask := func(want error, loads int32) {
			t.Helper()
			if _, err := c.Entry(t.Context(), validator.Ref{ID: 101}); !errors.Is(err, want) {
				t.Errorf("Entry = %v, want %v", err, want)
			}
			if n := r.asked.Swap(0); n != loads {
				t.Errorf("loaded %d times, want %d", n, loads)
			}
		}
		ask(validator.ErrUnknownSchema, 1)
		r.put(1, `true`)
		ask(validator.ErrUnknownSchema, 0)
		time.Sleep(29 * time.Second)
		ask(validator.ErrUnknownSchema, 0)
		time.Sleep(time.Second)
		r.err = errors.New("connection refused")
		ask(validator.ErrUnavailable, 1)
		ask(validator.ErrUnavailable, 1)
		r.err = nil
		ask(nil, 1)
		ask(nil, 0)
	})
}

func TestCacheEvictsTheLeastRecentlyUsed(t *testing.T) {
	r := &registry{}
	for n := range 64 {
		r.put(n+1, fmt.Sprintf(`{"const":%d}`, n))
	}
	c := validator.NewCache(r.load, validator.CacheConfig{})
	entry := func(n int) {
		t.Helper()
		if _, err := c.Entry(t.Context(), validator.Ref{ID: int32(100 + n)}); err != nil {
			t.Fatal(err)
		}
	}
	entry(1)
	_, one := c.Size()
	c = validator.NewCache(r.load, validator.CacheConfig{Bytes: int(one)*16 + 1})
	for n := 1; n <= 64; n++ {
		entry(n)
		if _, ok := c.Peek(validator.Ref{GUID: guidOf(1)}); !ok {
			t.Fatalf("the entry in use was evicted at the %d. entry", n)
		}
	}
	if n, bytes := c.Size(); n < 8 || n > 17 || bytes > one*16+one {
		t.Errorf("Size = %d entries, %d bytes, want 8 to 17 entries", n, bytes)
	}
	if _, ok := c.Peek(validator.Ref{ID: 102}); ok {
		t.Error("an entry that nobody used since is still there")
	}
	if _, ok := c.Peek(validator.Ref{ID: 164}); !ok {
		t.Error("the newest entry is not there")
	}
}

func TestCacheHitDoesNotAllocate(t *testing.T) {
	r := &registry{}
	r.put(1, `true`)
	c := validator.NewCache(r.load, validator.CacheConfig{})
	for _, ref := range []validator.Ref{{ID: 101}, {GUID: guidOf(1)}, {Subject: "s", Version: 1}} {
		if _, err := c.Entry(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { c.Peek(ref) }); n != 0 {
			t.Errorf("Peek(%s) allocates %v times, want 0", ref, n)
		}
	}
}

func TestSnapshot(t *testing.T) {
	r := &registry{}
	r.put(1, `true`)
	r.put(2, `false`)
	c := validator.NewCache(r.load, validator.CacheConfig{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := validator.NewSnapshot(7, at,
		[]validator.Binding{{Topic: "orders", Declared: true, Values: []validator.Promise{{Subject: "s", Versions: []int32{2, 1}}}}},
		map[string]string{"User:payments": "payments"},
		map[string]validator.Latest{"s": {Version: 2, ID: 102, GUID: guidOf(2)}},
		c)
	if b := s.Binding("orders"); b == nil || b.Values[0].Subject != "s" {
		t.Errorf("Binding(orders) = %+v", b)
	}
	if b := s.Binding("other"); b != nil {
		t.Errorf("Binding(other) = %+v, want nil", b)
	}
	if got := s.Service("User:payments") + s.Service("User:nobody"); got != "payments" {
		t.Errorf("Service = %q, want payments and nothing", got)
	}
	if _, ok := s.Entry(validator.Ref{Subject: "s"}); ok {
		t.Error("the latest is there before it was loaded")
	}
	for _, ref := range []validator.Ref{{GUID: guidOf(2)}, {ID: 101}} {
		if _, err := c.Entry(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	for ref, want := range map[validator.Ref]validator.GUID{
		{Subject: "s"}:             guidOf(2),
		{Subject: "s", Version: 1}: guidOf(1),
		{ID: 102}:                  guidOf(2),
	} {
		if e, ok := s.Entry(ref); !ok || e.GUID != want {
			t.Errorf("Entry(%s) = %v, %v, want %s", ref, e, ok, want)
		}
	}
	if l, ok := s.Latest("s"); !ok || l.Version != 2 {
		t.Errorf("Latest = %+v, %v", l, ok)
	}
	if _, ok := s.Entry(validator.Ref{Subject: "unknown"}); ok {
		t.Error("the latest of an unknown subject was found")
	}
}
