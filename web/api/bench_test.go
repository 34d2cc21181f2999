package api_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/accordhq/accord/catalog"
)

// Compare the figures of one run only, and by their ratios: `make bench` prints them.

// readable is how many subjects the benchmarks of reading choose from, each with one version and an ID of its own.
const readable = 1000

// fill registers a first version of so many subjects, s0 and on, and returns the path of each version's ID.
func fill(b testing.TB, r *catalog.Registry, subjects int) (ids []string) {
	b.Helper()
	for n := range subjects {
		done, err := r.Register(context.Background(), catalog.Name{Subject: fmt.Sprintf("s%d", n)}, catalog.Registration{Text: schemaText(n, 0)})
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, fmt.Sprintf("/schemas/ids/%d", done.Schema.ID))
	}
	return ids
}

// requests makes a request of each path.
func requests(paths []string) (all [][]byte) {
	for _, p := range paths {
		all = append(all, get(p))
	}
	return all
}

// latestOf are the paths of the latest versions of s0 and on.
func latestOf(subjects int) (paths []string) {
	for n := range subjects {
		paths = append(paths, fmt.Sprintf("/subjects/s%d/versions/latest", n))
	}
	return paths
}

// anyOf sends one of the requests at random.
func anyOf(all [][]byte) func(client, k int) []byte {
	return func(int, int) []byte { return all[rand.N(len(all))] }
}

// warm asks for each once, so that all are in memory that may be.
func warm(b testing.TB, addr string, all [][]byte) {
	b.Helper()
	w := dial(b, addr)
	for _, r := range all {
		if _, err := w.ask(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads schemas of about a kilobyte over HTTP: from a bare handler that writes the same bytes, by ID and
// by latest from memory, and by ID from a registry that has no room to remember any.
func BenchmarkRead(b *testing.B) {
	store := newPostgres(b)
	s := newSite(b, store, catalog.Options{})
	byID := requests(fill(b, s.registry, readable))
	latest := requests(latestOf(readable))
	warm(b, s.addr, byID)
	warm(b, s.addr, latest)
	body, err := dial(b, s.addr).ask(byID[0])
	if err != nil {
		b.Fatal(err)
	}
	bare := serveOn(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	forgetful := newSite(b, store, catalog.Options{AnswerCacheBytes: 1})
	b.Run("bare", func(b *testing.B) { hammer(b, bare, clients, anyOf(byID)) })
	b.Run("id", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(byID)) })
	b.Run("latest", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(latest)) })
	b.Run("through", func(b *testing.B) { hammer(b, forgetful.addr, clients, anyOf(byID)) })
}

// run numbers what the benchmarks register, and began is when this process began to, so that no text is registered
// twice, nor by the next process on the same database.
var (
	run   atomic.Int64
	began = time.Now().Unix() * 1_000_000_000
)

// newVersions makes requests that register a version that was not there, each a compatible step from the one before
// it; every tenth begins a new subject.
func newVersions() func(client, k int) []byte {
	at := int(began + run.Add(1)*1_000_000)
	return func(client, k int) []byte {
		n := at + client*10_000 + k/10
		return post(fmt.Sprintf("/subjects/new-%d/versions", n), registration(schemaText(n, k%10)))
	}
}

// BenchmarkWhile reads from memory, by ID and latest in turn, alone and while 50 new versions are registered each
// second. Compare p99-us.
func BenchmarkWhile(b *testing.B) {
	s := newSite(b, newPostgres(b), catalog.Options{})
	all := append(requests(fill(b, s.registry, readable)), requests(latestOf(readable))...)
	warm(b, s.addr, all)
	b.Run("calm", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(all)) })
	b.Run("registering", func(b *testing.B) {
		ctx, cancel := context.WithCancel(b.Context())
		writer := dial(b, s.addr)
		next := newVersions()
		var wg sync.WaitGroup
		wg.Go(func() {
			tick := time.NewTicker(time.Second / 50)
			defer tick.Stop()
			for k := 0; ; k++ {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
				if _, err := writer.ask(next(0, k)); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
		hammer(b, s.addr, clients, anyOf(all))
		cancel()
		wg.Wait()
	})
}

// durable is the URL of an empty database on a server that does not pretend to write.
func durable(b *testing.B) string {
	b.Helper()
	url := newDatabase(b)
	if psql(b, url, "SELECT current_setting('fsync')") != "on" {
		b.Skip("this PostgreSQL runs with fsync=off: commits would cost nothing")
	}
	return url
}

// BenchmarkAgain registers what is there already, and reads one row over HTTP.
func BenchmarkAgain(b *testing.B) {
	url := newDatabase(b)
	s := newSite(b, openPostgres(b, url), catalog.Options{})
	fill(b, s.registry, readable)
	var all [][]byte
	for n := range readable {
		all = append(all, post(fmt.Sprintf("/subjects/s%d/versions", n), registration(schemaText(n, 0))))
	}
	pool := newPool(b, url)
	row := serveOn(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		var id int
		if err := pool.QueryRow(r.Context(), "SELECT id FROM accord.schemas WHERE ctx = '' AND id = $1", 1+rand.N(readable)).Scan(&id); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":%d}`, id)
	}))
	warm(b, s.addr, all)
	b.Run("same", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(all)) })
	b.Run("row", func(b *testing.B) { hammer(b, row, clients, anyOf(all)) })
}

// newPool is a pool as large as the store's own.
func newPool(b *testing.B, url string) *pgxpool.Pool {
	b.Helper()
	pool, err := pgxpool.New(context.Background(), url+"&pool_max_conns=16")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}

// BenchmarkNew registers new versions over HTTP, and inserts and commits rows of the same size without it.
func BenchmarkNew(b *testing.B) {
	const table = "CREATE TABLE bare (n integer PRIMARY KEY, text text NOT NULL)"
	const insert = "INSERT INTO bare VALUES ($1, $2)"
	b.Run("postgres", func(b *testing.B) {
		url := durable(b)
		s := newSite(b, openPostgres(b, url), catalog.Options{})
		psql(b, url, table)
		pool := newPool(b, url)
		b.Run("registry", func(b *testing.B) { hammer(b, s.addr, clients, newVersions()) })
		b.Run("insert", func(b *testing.B) {
			at := int(run.Add(1)) * 1_000_000
			together(b, clients, func(i int) error {
				_, err := pool.Exec(context.Background(), insert, at+i, schemaText(i, 5))
				return err
			})
		})
	})
	b.Run("sqlite", func(b *testing.B) {
		s := newSite(b, newSQLite(b), catalog.Options{})
		file := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(b.TempDir(), "bare.db")}).String()
		db, err := sql.Open("sqlite", file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = db.Close() })
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(table); err != nil {
			b.Fatal(err)
		}
		b.Run("registry", func(b *testing.B) { hammer(b, s.addr, clients, newVersions()) })
		b.Run("insert", func(b *testing.B) {
			at := int(run.Add(1)) * 1_000_000
			together(b, clients, func(i int) error {
				_, err := db.ExecContext(context.Background(), insert, at+i, schemaText(i, 5))
				return err
			})
		})
	})
}

// BenchmarkFar registers new versions by 64 writers, with the store beside the registry and 15 ms away: a relay keeps
// every byte for half of that, each way.
func BenchmarkFar(b *testing.B) {
	u, err := url.Parse(durable(b))
	if err != nil {
		b.Fatal(err)
	}
	near := newSite(b, openPostgres(b, u.String()), catalog.Options{})
	u.Host = relay(b, u.Host, 15*time.Millisecond/2)
	far := newSite(b, openPostgres(b, u.String()), catalog.Options{})
	b.Run("beside", func(b *testing.B) { hammer(b, near.addr, 64, newVersions()) })
	b.Run("away", func(b *testing.B) { hammer(b, far.addr, 64, newVersions()) })
}

// relay passes bytes on to an address, each later by delay, in both directions, and returns its own address.
func relay(b *testing.B, to string, delay time.Duration) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go pipe(out, in, delay)
			go pipe(in, out, delay)
		}
	}()
	return l.Addr().String()
}

// pipe copies until one side closes, then closes the other.
func pipe(to, from net.Conn, delay time.Duration) {
	type chunk struct {
		at time.Time
		b  []byte
	}
	way := make(chan chunk, 1024)
	go func() {
		defer to.Close()
		for c := range way {
			time.Sleep(time.Until(c.at))
			if _, err := to.Write(c.b); err != nil {
				_ = from.Close()
			}
		}
	}()
	defer close(way)
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		if err != nil {
			return
		}
		way <- chunk{time.Now().Add(delay), b[:n]}
	}
}

// BenchmarkList reads 5,000 subjects with their latest versions and configurations on one connection, one request after
// the other: through /v1 page by page, and through Confluent's routes as a UI does that knows no others, the names and
// then latest and configuration of each. Of the answers the client knows the length only, either way.
func BenchmarkList(b *testing.B) {
	const subjects = 5000
	s := newSite(b, newPostgres(b), catalog.Options{})
	fill(b, s.registry, subjects)
	b.Run("native", func(b *testing.B) {
		w := dial(b, s.addr)
		if n, _ := readPages(b, w, true); n != subjects {
			b.Fatalf("%d subjects", n)
		}
		_, all := readPages(b, w, false)
		for b.Loop() {
			if _, n := readPages(b, w, false); n != all {
				b.Fatalf("%d bytes, want %d", n, all)
			}
		}
	})
	all := [][]byte{get("/subjects")}
	for n := range subjects {
		all = append(all, get(fmt.Sprintf("/subjects/s%d/versions/latest", n)), get(fmt.Sprintf("/config/s%d?defaultToGlobal=true", n)))
	}
	b.Run("confluent", func(b *testing.B) {
		w := dial(b, s.addr)
		for b.Loop() {
			for _, request := range all {
				if _, err := w.ask(request); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
