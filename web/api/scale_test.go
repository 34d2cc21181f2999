package api_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/catalog/storetest"
)

const (
	// keptFrom is the size from which on the stores of BenchmarkScale are filled once and kept for the next rounds; a
	// small one would grow by what is registered in it.
	keptFrom = 100_000
	// scaleCache is what the process may keep in memory whose size is measured, and scaleReads how many schemas it is
	// asked for before.
	scaleCache, scaleReads = 32 << 20, 50_000
)

// scaleText is the text of version k of a filled store.
func scaleText(k int) string { return schemaText(k, 0) }

// filledStore makes a store of so many versions and returns its --store, and f, which fills it unless it was kept.
func filledStore(b *testing.B, kind string, versions int) (store string) {
	b.Helper()
	ctx := context.Background()
	keep := os.Getenv("ACCORD_BENCH_DATA")
	if versions < keptFrom {
		keep = ""
	}
	began := time.Now()
	tell := func(k int) string {
		if k%keptFrom == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d of %d versions after %s\n", kind, k, versions, time.Since(began).Round(time.Second))
		}
		return scaleText(k)
	}
	fill := func(open func() (catalog.Store, error)) {
		b.Helper()
		s, err := open()
		if err != nil {
			b.Fatal(err)
		}
		if err := storetest.Fill(ctx, s, versions, tell); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	if kind == "sqlite" {
		if keep == "" {
			keep = b.TempDir()
		}
		file := filepath.Join(keep, fmt.Sprintf("%d.db", versions))
		if _, err := os.Stat(file); err != nil {
			fill(func() (catalog.Store, error) { return sqlite.Open(ctx, file+".part") })
			if err := os.Rename(file+".part", file); err != nil {
				b.Fatal(err)
			}
		}
		return "sqlite:" + file
	}
	if keep == "" {
		at := newDatabase(b)
		fill(func() (catalog.Store, error) { return postgres.Open(ctx, at) })
		psql(b, at, "VACUUM ANALYZE")
		return at
	}
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		b.Skip("left out: PostgreSQL (ACCORD_TEST_POSTGRES)")
	}
	name := fmt.Sprintf("accord_bench_%d", versions)
	u.Path = "/" + name
	if psql(b, server, "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'") == "0" {
		part := *u
		part.Path += "_part"
		psql(b, server, "DROP DATABASE IF EXISTS "+name+"_part")
		psql(b, server, "CREATE DATABASE "+name+"_part")
		fill(func() (catalog.Store, error) { return postgres.Open(ctx, part.String()) })
		psql(b, part.String(), "VACUUM ANALYZE") // as the server does by itself in time
		psql(b, server, "ALTER DATABASE "+name+"_part RENAME TO "+name)
	}
	return u.String()
}

// A served registry is `accord serve` as a process of its own.
type served struct {
	addr string
	cmd  *exec.Cmd
	ends func() // ends it; once
}

var servingAt = regexp.MustCompile(`serving.*?(127\.0\.0\.1:[0-9]+)`)

// serveProgram starts the program on a store and waits until it is ready.
func serveProgram(b *testing.B, program, store string, cacheBytes int) *served {
	b.Helper()
	s := &served{cmd: exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--store", store, "--cache-bytes", strconv.Itoa(cacheBytes))}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	said, told := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(told)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if m := servingAt.FindStringSubmatch(lines.Text()); m != nil {
				said <- m[1]
			}
		}
	}()
	s.ends = sync.OnceFunc(func() {
		_ = s.cmd.Process.Signal(os.Interrupt)
		<-told
		_ = s.cmd.Wait()
	})
	b.Cleanup(s.ends)
	select {
	case s.addr = <-said:
	case <-told:
		b.Fatalf("accord serve --store %s ended", store)
	}
	if _, err := dial(b, s.addr).ask(get("/readyz")); err != nil {
		b.Fatal(err)
	}
	return s
}

// resident is how much memory the process has, in MB.
func (s *served) resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		b.Skip("left out: the memory of a process (/proc)")
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	var kb float64
	if _, err := fmt.Sscanf(after, "%g kB", &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}

// BenchmarkScale measures registries of several sizes by the same means: `accord serve` over stores of as many versions
// as ACCORD_BENCH_VERSIONS lists. Cached reads go round 1,000 IDs and 100 subjects; those through the store choose from
// all that are there, and the process has no room to remember any.
func BenchmarkScale(b *testing.B) {
	sizes := []int{1000, 10_000}
	if list := os.Getenv("ACCORD_BENCH_VERSIONS"); list != "" {
		sizes = nil
		for word := range strings.FieldsSeq(list) {
			n, err := strconv.Atoi(word)
			if err != nil || n < storetest.FillPerSubject {
				b.Fatalf("ACCORD_BENCH_VERSIONS=%q: want numbers from %d on, with spaces between", list, storetest.FillPerSubject)
			}
			sizes = append(sizes, n)
		}
	}
	program := filepath.Join(b.TempDir(), "accord")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", program, "../../cmd/accord").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, versions := range sizes {
			b.Run(fmt.Sprintf("%s/%d", kind, versions), func(b *testing.B) { scale(b, program, filledStore(b, kind, versions), versions) })
		}
	}
}

// fullPage is where a page of 100 of so many subjects may begin and still be full: anywhere before those whose number
// begins with 9, or, where they are few, behind a name that is before them all, another each time, since those who ask
// for the same page at once share one reading.
func fullPage(subjects int) (after string) {
	if subjects < 1000 {
		return "&after=r" + strconv.Itoa(rand.N(1_000_000))
	}
	for {
		if number := strconv.Itoa(rand.N(subjects)); number[0] != '9' {
			return "&after=s" + number
		}
	}
}

func scale(b *testing.B, program, store string, versions int) {
	subjects := versions / storetest.FillPerSubject
	id := func(int, int) []byte { return get(fmt.Sprintf("/schemas/ids/%d", 1+rand.N(versions))) }
	latest := func(int, int) []byte {
		return get(fmt.Sprintf("/subjects/%s/versions/latest", storetest.FillSubject(rand.N(subjects))))
	}
	b.Run("ready", func(b *testing.B) {
		for b.Loop() {
			s := serveProgram(b, program, store, catalog.AnswerCacheBytes)
			b.StopTimer()
			s.ends()
			b.StartTimer()
		}
	})
	through := serveProgram(b, program, store, 1)
	b.Run("id-through", func(b *testing.B) { hammer(b, through.addr, clients, id) })
	b.Run("latest-through", func(b *testing.B) { hammer(b, through.addr, clients, latest) })
	b.Run("first-page", func(b *testing.B) {
		hammer(b, through.addr, clients, func(int, int) []byte { return get("/subjects?limit=100") })
	})
	b.Run("page", func(b *testing.B) {
		hammer(b, through.addr, clients, func(int, int) []byte {
			return get("/v1/subjects?limit=100&context=." + fullPage(subjects))
		})
	})
	through.ends()
	s := serveProgram(b, program, store, scaleCache)
	b.Run("memory", func(b *testing.B) {
		started := s.resident(b)
		var wg sync.WaitGroup
		for range clients {
			w := dial(b, s.addr)
			wg.Go(func() {
				for range scaleReads / clients {
					if _, err := w.ask(id(0, 0)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		b.ReportMetric(started, "started-MB")
		b.ReportMetric(s.resident(b), "read-MB")
	})
	s.ends()
	s = serveProgram(b, program, store, catalog.AnswerCacheBytes)
	some := func(n int, request func(int, int) []byte) (all [][]byte) {
		for range n {
			all = append(all, request(0, 0))
		}
		warm(b, s.addr, all)
		return all
	}
	ids, newest := some(1000, id), some(100, latest)
	b.Run("id", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(ids)) })
	b.Run("latest", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(newest)) })
	b.Run("register", func(b *testing.B) { hammer(b, s.addr, clients, newVersions()) })
}

// TestMemoryIsBoundedByTheCache reads many more schemas than there is room for, and holds what stays against the limit.
func TestMemoryIsBoundedByTheCache(t *testing.T) {
	const versions, room = 6000, 1 << 20
	store := newSQLite(t)
	if err := storetest.Fill(t.Context(), store, versions, scaleText); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, store, catalog.Options{AnswerCacheBytes: room})
	t.Cleanup(s.stop)
	w := dial(t, s.addr)
	read := func(from, to int) {
		for n := from; n < to; n++ {
			if _, err := w.ask(get(fmt.Sprintf("/schemas/ids/%d", n))); err != nil {
				t.Fatal(err)
			}
			if n%storetest.FillPerSubject == 0 {
				if _, err := w.ask(get(fmt.Sprintf("/subjects/s%d/versions/latest", n/storetest.FillPerSubject-1))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	read(1, versions/4)
	before := liveHeap()
	read(versions/4, versions)
	if grown := liveHeap() - before; grown > room {
		t.Errorf("reading %d schemas more left %d bytes more on the heap, with AnswerCacheBytes = %d", versions*3/4, grown, room)
	}
}

// TestPlansOfALargeRegistry does what clients do on a few thousand versions, and then asks PostgreSQL whether it read
// any of the large tables from end to end.
func TestPlansOfALargeRegistry(t *testing.T) {
	const versions = 6000
	at := newDatabase(t)
	store, err := postgres.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if err := storetest.Fill(t.Context(), store, versions, scaleText); err != nil {
		t.Fatal(err)
	}
	_ = store.Close()
	awaitNoSessions(t, at)
	psql(t, at, "ANALYZE")
	if store, err = postgres.Open(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	const scans = `SELECT coalesce(string_agg(relname || ' ' || seq_tup_read, ', ' ORDER BY relname), '') FROM pg_stat_user_tables
		WHERE schemaname = 'accord' AND relname IN ('schemas', 'guids', 'versions', 'subjects', 'changes') AND seq_tup_read > 1000`
	psql(t, at, "SELECT pg_stat_reset()")
	s := newSite(t, store, catalog.Options{})
	w := dial(t, s.addr)
	for _, request := range [][]byte{
		get("/schemas/ids/5000"),
		get("/schemas/ids/5001?subject=s500"),
		get("/schemas/ids/5002/versions"),
		get("/schemas/guids/00000000-0000-0000-0000-000000000fff"),
		get("/subjects/s77/versions/latest"),
		get("/subjects/s78/versions/3"),
		get("/subjects/s79/versions"),
		get("/config/s80?defaultToGlobal=true"),
		get("/contexts"),
		get("/v1/subjects?limit=20&context=.&after=s900&expand=latest,config"),
		get("/v1/subjects?limit=20&after=s900"),
		get("/v1/subjects?limit=20&context=.&prefix=s99"),
		get("/v1/changes?since=9990"),
		post("/subjects/s81/versions", registration(schemaText(9_999_999, 0))),
		post("/subjects/new/versions", registration(schemaText(9_999_998, 0))),
	} {
		if _, err := w.ask(request); err != nil && !strings.Contains(err.Error(), "40403") { // the GUID is of no schema
			t.Error(err)
		}
	}
	s.stop()
	_ = store.Close()
	awaitNoSessions(t, at)
	if psql(t, at, "SELECT coalesce(sum(idx_scan), 0) > 0 FROM pg_stat_user_tables WHERE relname = 'schemas'") != "t" {
		t.Fatal("the statistics tell of nothing")
	}
	if read := psql(t, at, scans); read != "" {
		t.Errorf("tables were read from end to end (rows): %s", read)
	}
}

// awaitNoSessions waits until the sessions of a closed store have ended: they tell then what they did.
func awaitNoSessions(t *testing.T, at string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for psql(t, at, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'accord'") != "0" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
}
