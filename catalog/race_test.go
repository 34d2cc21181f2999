package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/compat"
	"github.com/jackc/pgx/v5"
)

// newDatabase makes a database for one test and returns its URL; the test is left out without a server.
func newDatabase(t *testing.T) string {
	t.Helper()
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	if server == "" {
		const missing = "left out: PostgreSQL (ACCORD_TEST_POSTGRES)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("accord_registry_%d_%d", os.Getpid(), time.Now().UnixNano()%1e6)
	exec := func(query string) {
		t.Helper()
		conn, err := pgx.Connect(context.Background(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), query); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE DATABASE " + name)
	t.Cleanup(func() { exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// newReplica opens a store on a database, as another process would.
func newReplica(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContradictionsNeverLandPostgres(t *testing.T) {
	url := newDatabase(t)
	raceContradictions(t, listening(t, newReplica(t, url)), listening(t, newReplica(t, url)))
}

func TestContradictionsNeverLandSQLite(t *testing.T) {
	raceContradictions(t, newRegistry(t))
}

// raceContradictions lets writers register schemas at once of which each may follow version 1 and none another: the
// member "kind", open so far, becomes a constant that only one of them knows. Exactly one may land in each round.
func raceContradictions(t *testing.T, replicas ...*catalog.Registry) {
	const writers, rounds = 12, 40
	contradiction := func(i int) string {
		return fmt.Sprintf(`{"type":"object","properties":{"id":{"type":"string"},"kind":{"const":"k%d"}},"required":["id"],"additionalProperties":false}`, i)
	}
	began, refused := time.Now(), 0
	for round := range rounds {
		name := subject(fmt.Sprintf("round-%d", round))
		register(t, replicas[0], name, catalog.Registration{Text: `{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}`})
		var wg sync.WaitGroup
		var mu sync.Mutex
		accepted := map[int]int{} // writer to number
		start := make(chan struct{})
		for w := range writers {
			wg.Go(func() {
				<-start
				got, err := replicas[w%len(replicas)].Register(t.Context(), name, catalog.Registration{Text: contradiction(w)})
				mu.Lock()
				defer mu.Unlock()
				_, incompatible := errors.AsType[*catalog.Incompatible](err)
				switch {
				case err == nil:
					accepted[w] = got.Number
				case incompatible:
					refused++
				default:
					t.Errorf("round %d, writer %d: %v", round, w, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if len(accepted) != 1 {
			t.Fatalf("round %d accepted %v, want exactly one", round, accepted)
		}
		for _, r := range replicas {
			holdNeighbours(t, r, name, 2)
		}
	}
	t.Logf("%d replicas, %d rounds, %d writers: %d accepted, %d refused, in %s", len(replicas), rounds, writers, rounds, refused, time.Since(began).Round(time.Millisecond))
}

// holdNeighbours holds every version of a subject against the one before it.
func holdNeighbours(t *testing.T, r *catalog.Registry, name catalog.Name, want int) {
	t.Helper()
	versions, err := r.Versions(t.Context(), name, catalog.LiveOnly)
	if err != nil || len(versions) != want {
		t.Fatalf("%s holds %d versions, %v, want %d", name, len(versions), err, want)
	}
	for i := 1; i < len(versions); i++ {
		next, err := r.Version(t.Context(), name, versions[i].Number, catalog.LiveOnly)
		if err != nil {
			t.Fatal(err)
		}
		j, err := r.Check(t.Context(), name, versions[i-1].Number, catalog.Registration{Text: next.Schema.Text})
		if err != nil || !j.Passes || j.Report.Verdict != compat.Compatible {
			t.Errorf("%s: version %d after %d: %s, %v", name, versions[i].Number, versions[i-1].Number, j.Summary(), err)
		}
	}
}

// TestReplicasSeeEachOther: what one replica wrote, the other reads, at once when asked to, else soon.
func TestReplicasSeeEachOther(t *testing.T) {
	url := newDatabase(t)
	a, b := listening(t, newReplica(t, url)), listening(t, newReplica(t, url))
	awaitListening(t, a, b)
	name := subject("a")
	slowest := time.Duration(0)
	for i := range 50 {
		set(t, a, name, catalog.Config{Compatibility: catalog.None})
		got := register(t, a, name, catalog.Registration{Text: fmt.Sprintf(`{"const":%d}`, i)})
		if v, err := b.Version(catalog.AtLeast(t.Context(), got.Rev), name, catalog.Latest, catalog.LiveOnly); err != nil || v.Number != got.Number {
			t.Fatalf("b at revision %d reads %d, %v, want %d", got.Rev, v.Number, err, got.Number)
		}
		wrote := time.Now()
		for {
			v, err := b.Version(t.Context(), name, catalog.Latest, catalog.LiveOnly)
			if err != nil {
				t.Fatal(err)
			}
			if v.Number == got.Number {
				break
			}
			if time.Since(wrote) > 2*time.Second {
				t.Fatalf("b still reads version %d after 2 s, want %d", v.Number, got.Number)
			}
		}
		slowest = max(slowest, time.Since(wrote))
	}
	t.Logf("50 changes, the slowest seen after %s", slowest)
}

// awaitListening waits until registries serve from memory.
func awaitListening(t *testing.T, registries ...*catalog.Registry) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for _, r := range registries {
		for !r.Status().Listening {
			if time.Now().After(deadline) {
				t.Fatal("a registry does not listen")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// TestDeafReplica: while the listening connection is killed again and again, no read is older than what was written.
func TestDeafReplica(t *testing.T) {
	url := newDatabase(t)
	a, b := listening(t, newReplica(t, url)), listening(t, newReplica(t, url))
	awaitListening(t, a, b)
	killer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(context.Background())
	name := subject("a")
	set(t, a, name, catalog.Config{Compatibility: catalog.None})
	for i := range 20 {
		if _, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND (query = 'LISTEN accord' OR query LIKE 'SELECT coalesce(max(rev)%')`); err != nil {
			t.Fatal(err)
		}
		got, err := a.Register(t.Context(), name, catalog.Registration{Text: fmt.Sprintf(`{"const":%d}`, i)})
		if errors.Is(err, catalog.Unavailable) {
			continue // its own connection was among the killed
		}
		if err != nil {
			t.Fatal(err)
		}
		wrote := time.Now()
		for {
			v, err := b.Version(t.Context(), name, catalog.Latest, catalog.LiveOnly)
			if err == nil && v.Number >= got.Number {
				break
			}
			if time.Since(wrote) > 2*time.Second {
				t.Fatalf("round %d: b reads version %d, %v, 2 s after %d was written", i, v.Number, err, got.Number)
			}
		}
	}
	awaitListening(t, a, b)
}

// TestUnknownOutcome: connections die in the middle of registrations, so that some commits are made whose answer is
// lost. What was answered is there; a retry finds what was not answered, or adds it; nothing is there twice.
func TestUnknownOutcome(t *testing.T) {
	url := newDatabase(t)
	r := listening(t, newReplica(t, url))
	name := subject("a")
	set(t, r, name, catalog.Config{Compatibility: catalog.None})
	ctx, cancel := context.WithCancel(t.Context())
	var killing sync.WaitGroup
	killing.Go(func() {
		killer, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Error(err)
			return
		}
		defer killer.Close(context.Background())
		for ctx.Err() == nil {
			killer.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			select {
			case <-time.After(120 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	const schemas = 200
	retries := 0
	answered := map[int]int{} // schema to number
	for i := range schemas {
		for {
			got, err := r.Register(t.Context(), name, catalog.Registration{Text: fmt.Sprintf(`{"const":%d}`, i)})
			if errors.Is(err, catalog.Unavailable) {
				retries++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			answered[i] = got.Number
			break
		}
	}
	cancel()
	killing.Wait()
	var versions []catalog.Version
	for deadline := time.Now().Add(5 * time.Second); ; {
		var err error
		if versions, err = r.Versions(t.Context(), name, catalog.LiveOnly); err == nil {
			break
		}
		if !errors.Is(err, catalog.Unavailable) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	ids := map[int]bool{}
	for i, v := range versions {
		if v.Number != i+1 || answered[i] != v.Number || ids[v.Schema.ID] {
			t.Errorf("place %d holds number %d with ID %d, answered was %d", i, v.Number, v.Schema.ID, answered[i])
		}
		ids[v.Schema.ID] = true
	}
	if len(versions) != schemas {
		t.Errorf("%d versions, want %d", len(versions), schemas)
	}
	t.Logf("%d registrations, %d answers lost", schemas, retries)
}
