package catalog_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

// countingStore counts readings of subjects and of the newest revision, and holds the latter back while it is told to.
type countingStore struct {
	gate
	subjects, revisions atomic.Int64
	held                atomic.Pointer[chan struct{}] // readings of the revision wait until it is closed; nil = they do not
}

func (s *countingStore) Subject(ctx context.Context, name catalog.Name) (catalog.Subject, error) {
	s.subjects.Add(1)
	return s.Store.Subject(ctx, name)
}

func (s *countingStore) Revision(ctx context.Context) (catalog.Rev, error) {
	s.revisions.Add(1)
	rev, err := s.Store.Revision(ctx)
	if held := s.held.Load(); held != nil {
		<-*held
	}
	return rev, err
}

// replicas are two registries on one store; the second hears what its bells say and believes itself current.
func replicas(t *testing.T) (other, b *catalog.Registry, store *countingStore) {
	shared := newStore(t)
	store = &countingStore{gate: gate{Store: shared, bells: make(chan bell, 10)}}
	other, b = listening(t, shared), listening(t, store)
	return other, b, store
}

// TestRegisteredAgainIsConfirmed: what is registered again is found in memory, and still never said where another replica
// has taken it away or changed what holds there, though no bell has rung.
func TestRegisteredAgainIsConfirmed(t *testing.T) {
	other, b, store := replicas(t)
	name, text := subject("a"), catalog.Registration{Text: `{"type":"object"}`}
	first := register(t, other, name, text)
	ring := func(rev catalog.Rev) {
		store.bells <- bell{rev, time.Now().Add(time.Minute)} // nothing newer for as long as the test takes
		awaitRevision(t, b, rev)
		awaitListening(t, b)
	}
	ring(first.Rev)
	register(t, b, name, text) // it is in memory now
	before := store.subjects.Load()
	if again := register(t, b, name, text); again.New || again.Number != 1 || store.subjects.Load() != before {
		t.Fatalf("registered again = %+v, with %d readings of the subject, want version 1 from memory", again, store.subjects.Load()-before)
	}
	if _, err := other.DeleteVersion(t.Context(), name, 1, false); err != nil {
		t.Fatal(err)
	}
	if again := register(t, b, name, text); !again.New || again.Number != 2 || again.Schema.ID != first.Schema.ID {
		t.Fatalf("registered again after another replica deleted it = %+v, want a new version 2 of the same ID", again)
	}
	if err := other.SetMode(t.Context(), name, catalog.ReadOnlyMode, false); err != nil {
		t.Fatal(err)
	}
	_, err := b.Register(t.Context(), name, text)
	wantErr(t, "Register again where another replica set READONLY", err, catalog.ReadOnly)
}

// TestManyRegisterAgain: those who register what is there share readings of the newest revision, and nobody is answered
// by a reading that began before he asked.
func TestManyRegisterAgain(t *testing.T) {
	other, b, store := replicas(t)
	name, text := subject("a"), catalog.Registration{Text: `{"type":"object"}`}
	first := register(t, other, name, text)
	store.bells <- bell{first.Rev, time.Now().Add(time.Minute)}
	awaitListening(t, b)
	register(t, b, name, text)
	subjects, revisions := store.subjects.Load(), store.revisions.Load()
	held := make(chan struct{})
	store.held.Store(&held)
	var wg sync.WaitGroup
	again := func() {
		wg.Go(func() {
			if got, err := b.Register(t.Context(), name, text); err != nil || got.New || got.Number != 1 {
				t.Errorf("Register = %+v, %v, want version 1", got, err)
			}
		})
	}
	again()
	for store.revisions.Load() == revisions { // until the first one reads
		time.Sleep(time.Millisecond)
	}
	for range 99 {
		again()
	}
	time.Sleep(20 * time.Millisecond) // gives them time to come; a few who do not only read once more
	store.held.Store(nil)
	close(held)
	wg.Wait()
	if n := store.revisions.Load() - revisions; n < 2 || n > 50 {
		t.Errorf("100 registrations read the newest revision %d times, want twice: one for the first, one for all who came after it", n)
	}
	if n := store.subjects.Load() - subjects; n != 0 {
		t.Errorf("100 registrations of what is in memory read the subject %d times", n)
	}
}

// TestRegisterAgainAfterALeaderLeft: whoever reads for others and leaves does not take their answer along.
func TestRegisterAgainAfterALeaderLeft(t *testing.T) {
	other, b, store := replicas(t)
	name, text := subject("a"), catalog.Registration{Text: `{"type":"object"}`}
	first := register(t, other, name, text)
	store.bells <- bell{first.Rev, time.Now().Add(time.Minute)}
	awaitListening(t, b)
	register(t, b, name, text)
	held := make(chan struct{})
	store.held.Store(&held)
	var wg sync.WaitGroup
	before := store.revisions.Load()
	wg.Go(func() { _, _ = b.Register(t.Context(), name, text) })
	for store.revisions.Load() == before {
		time.Sleep(time.Millisecond)
	}
	ctx, leave := context.WithCancel(t.Context())
	wg.Go(func() { _, _ = b.Register(ctx, name, text) }) // leads the next reading, and leaves while it waits
	time.Sleep(10 * time.Millisecond)
	wg.Go(func() {
		if got, err := b.Register(t.Context(), name, text); err != nil || got.New {
			t.Errorf("Register = %+v, %v, want what is there", got, err)
		}
	})
	time.Sleep(10 * time.Millisecond)
	leave()
	store.held.Store(nil)
	close(held)
	wg.Wait()
}
