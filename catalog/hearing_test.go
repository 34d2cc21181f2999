package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

// gate is a Store whose readings can be held back after the database has answered, and whose bells can be chosen.
type gate struct {
	catalog.Store
	bells chan bell // nil = the store's own

	mu   sync.Mutex
	held chan struct{} // guarded by mu: readings of subjects and schemas wait until it is closed; nil = they do not
	read chan struct{} // told of each reading that is held
}

type bell struct {
	rev  catalog.Rev
	asOf time.Time
}

// hold makes readings wait; the function returned lets them go on.
func (g *gate) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held := make(chan struct{})
	g.held, g.read = held, make(chan struct{}, 100)
	return sync.OnceFunc(func() {
		g.mu.Lock()
		g.held = nil
		g.mu.Unlock()
		close(held)
	})
}

func (g *gate) wait() {
	g.mu.Lock()
	held, read := g.held, g.read
	g.mu.Unlock()
	if held != nil {
		read <- struct{}{}
		<-held
	}
}

func (g *gate) Subject(ctx context.Context, name catalog.Name) (catalog.Subject, error) {
	s, err := g.Store.Subject(ctx, name)
	g.wait()
	return s, err
}

func (g *gate) Schema(ctx context.Context, k catalog.Key) (catalog.StoredSchema, error) {
	s, err := g.Store.Schema(ctx, k)
	g.wait()
	return s, err
}

func (g *gate) Watch(ctx context.Context, ring func(catalog.Rev, time.Time)) error {
	if g.bells == nil {
		return g.Store.Watch(ctx, ring)
	}
	for {
		select {
		case b, ok := <-g.bells:
			if !ok {
				return catalog.ErrDeaf
			}
			ring(b.rev, b.asOf)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// TestQuestionJoinsNoOlderReading: a reading that began before a change is no answer to who asks after it.
func TestQuestionJoinsNoOlderReading(t *testing.T) {
	store := newStore(t)
	slow := &gate{Store: store}
	a, b := listening(t, store), listening(t, slow)
	awaitListening(t, a, b)
	name := subject("a")
	set(t, a, name, catalog.Config{Compatibility: catalog.None})
	register(t, a, name, catalog.Registration{Text: `{"const":1}`})
	awaitRevision(t, b, a.Status().Revision)
	release := slow.hold()
	first := make(chan int, 1)
	go func() {
		v, _ := b.Version(t.Context(), name, catalog.Latest, catalog.LiveOnly)
		first <- v.Number
	}()
	<-slow.read // it has read version 1 and is held
	second := register(t, a, name, catalog.Registration{Text: `{"const":2}`})
	awaitRevision(t, b, second.Rev)
	got := make(chan int, 1)
	go func() {
		v, _ := b.Version(catalog.AtLeast(t.Context(), second.Rev), name, catalog.Latest, catalog.LiveOnly)
		got <- v.Number
	}()
	time.AfterFunc(50*time.Millisecond, release) // gives the question time to join; it must not matter
	if n := <-got; n != 2 {
		t.Errorf("who asks at revision %d reads version %d, want 2", second.Rev, n)
	}
	<-first
	if v, err := b.Version(t.Context(), name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != 2 {
		t.Errorf("afterwards version %d, %v, want 2: the older reading was kept", v.Number, err)
	}
}

// awaitRevision waits until a registry serves a revision from memory.
func awaitRevision(t *testing.T, r *catalog.Registry, rev catalog.Rev) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if s := r.Status(); s.Listening && s.Revision >= rev {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the registry stands at %+v, want revision %d", r.Status(), rev)
		}
	}
}

// TestPurgedSchemaIsNotKept: a schema that was read before it was purged is not put into memory after that, where it
// would stay for ever.
func TestPurgedSchemaIsNotKept(t *testing.T) {
	store := newStore(t)
	slow := &gate{Store: store}
	a, b := listening(t, store), listening(t, slow)
	awaitListening(t, a, b)
	v := register(t, a, subject("a"), catalog.Registration{Text: `{"const":1}`})
	awaitRevision(t, b, v.Rev)
	release := slow.hold()
	done := make(chan error, 1)
	go func() {
		_, err := b.SchemaByID(t.Context(), "", v.Schema.ID)
		done <- err
	}()
	<-slow.read
	for _, permanent := range []bool{false, true} {
		if _, err := a.DeleteSubject(t.Context(), subject("a"), permanent); err != nil {
			t.Fatal(err)
		}
	}
	awaitRevision(t, b, a.Status().Revision)
	release()
	if err := <-done; err != nil {
		t.Errorf("who asked before the purge = %v", err)
	}
	_, err := b.SchemaByID(t.Context(), "", v.Schema.ID)
	wantErr(t, "SchemaByID after the purge", err, catalog.SchemaNotFound)
}

// TestLateBellsAreNoReturn: bells of a store that ring with older revisions than are known, as a replica's own writes
// make them, drop nothing; and without a proof that is young, nothing is served from memory.
func TestLateBellsAreNoReturn(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	store := &gate{Store: newStore(t), bells: make(chan bell)}
	r := catalog.New(store, catalog.Options{Log: slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), nil))})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	defer func() { cancel(); <-done }()
	store.bells <- bell{0, time.Now()}
	var revs []catalog.Rev
	for i := range 4 {
		v := register(t, r, subject(fmt.Sprint("s", i)), catalog.Registration{Text: `{"const":1}`})
		revs = append(revs, v.Rev)
	}
	for _, rev := range []catalog.Rev{revs[1], revs[0], revs[3]} { // the second one is late
		store.bells <- bell{rev, time.Now()}
	}
	awaitRevision(t, r, revs[3])
	mu.Lock()
	if strings.Contains(log.String(), "back in time") {
		t.Errorf("a late bell was taken for a return:\n%s", log.String())
	}
	mu.Unlock()

	store.bells <- bell{revs[3], time.Now().Add(-time.Minute)}
	for deadline := time.Now().Add(10 * time.Second); r.Status().Listening; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing proves the caches for longer than MaxStale, and they are served")
		}
	}
	store.bells <- bell{revs[3], time.Now()}
	awaitRevision(t, r, revs[3])
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestOneLoadPerMiss: however many wait for a schema, it is read once; what is not there is asked for each time.
func TestOneLoadPerMiss(t *testing.T) {
	store := newStore(t)
	slow := &gate{Store: store}
	a, b := listening(t, store), listening(t, slow)
	awaitListening(t, a, b)
	v := register(t, a, subject("a"), catalog.Registration{Text: `{"const":1}`})
	awaitRevision(t, b, v.Rev)
	release := slow.hold()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := b.SchemaByID(t.Context(), "", v.Schema.ID); err != nil {
				t.Error(err)
			}
		})
	}
	<-slow.read
	time.AfterFunc(100*time.Millisecond, release) // gives the others time to come; if they are late they find it in memory
	wg.Wait()
	if n := len(slow.read); n != 0 {
		t.Errorf("%d more readings of one schema, want none", n)
	}
	for range 2 {
		if _, err := b.SchemaByID(t.Context(), "", 99); !errors.Is(err, catalog.SchemaNotFound) {
			t.Errorf("SchemaByID(99) = %v", err)
		}
	}
	register(t, a, subject("b"), catalog.Registration{Text: `{"const":2}`})
	if got, err := b.SchemaByID(t.Context(), "", v.Schema.ID+1); err != nil || got.Text != `{"const":2}` {
		t.Errorf("an ID that was just given = %+v, %v", got, err)
	}
}

// TestPurgeWhileJudging: what a registration is to be judged against, or what latest leads to, may be purged after the
// subject was read: then all is read again.
func TestPurgeWhileJudging(t *testing.T) {
	for what, ask := range map[string]func(*catalog.Registry) (int, error){
		"Register": func(r *catalog.Registry) (int, error) {
			v, err := r.Register(t.Context(), subject("a"), catalog.Registration{Text: `{"const":3}`})
			return v.Number, err
		},
		"Version": func(r *catalog.Registry) (int, error) {
			v, err := r.Version(t.Context(), subject("a"), catalog.Latest, catalog.LiveOnly)
			return v.Number, err
		},
	} {
		store := newStore(t)
		slow := &gate{Store: store}
		a, b := listening(t, store), listening(t, slow)
		awaitListening(t, a, b)
		set(t, a, subject("a"), catalog.Config{Compatibility: catalog.None})
		register(t, a, subject("a"), catalog.Registration{Text: `{"const":1}`})
		register(t, a, subject("a"), catalog.Registration{Text: `{"const":2}`})
		awaitRevision(t, b, a.Status().Revision)
		set(t, a, subject("a"), catalog.Config{Compatibility: catalog.Backward})
		release := slow.hold()
		type outcome struct {
			number int
			err    error
		}
		done := make(chan outcome, 1)
		go func() {
			n, err := ask(b)
			done <- outcome{n, err}
		}()
		<-slow.read // it has read the subject, whose latest version is 2
		for _, permanent := range []bool{false, true} {
			if _, err := a.DeleteVersion(t.Context(), subject("a"), 2, permanent); err != nil {
				t.Fatal(err)
			}
		}
		release()
		got := <-done
		_, contradicts := errors.AsType[*catalog.Incompatible](got.err)
		if what == "Register" && !contradicts || what == "Version" && (got.err != nil || got.number != 1) {
			t.Errorf("%s = %d, %v, want what holds after the purge", what, got.number, got.err)
		}
	}
}
