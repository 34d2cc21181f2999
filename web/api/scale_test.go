package api_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/sqlite"
)

// perSubject is how many versions each subject of a large registry has.
const perSubject = 10

// loadPostgres writes so many versions straight into the tables, as if they had been registered.
const loadPostgres = `
	INSERT INTO accord.contexts (name) VALUES ('');
	DO $$ BEGIN EXECUTE format('CREATE SEQUENCE accord.id_%s MAXVALUE 2147483647', (SELECT n FROM accord.contexts WHERE name = '')); END $$;
	SELECT setval(format('accord.id_%s', (SELECT n FROM accord.contexts WHERE name = ''))::regclass, COUNT);
	SELECT setval('accord.revision', COUNT);
	INSERT INTO accord.schemas (ctx, id, guid, text, refs, metadata, rules, broken, at, author)
		SELECT '', n, lpad(to_hex(n), 32, '0'), replace('TEXT', 'Order 0', 'Order ' || n), '', '', '', '', 1, 'load' FROM generate_series(1, COUNT) n;
	INSERT INTO accord.guids SELECT '', guid, id FROM accord.schemas;
	INSERT INTO accord.versions (ctx, subject, number, id, state, lens, mark, rev, at, author)
		SELECT '', 's' || ((n - 1) / 10), (n - 1) % 10 + 1, n, 0, '', '', n, 1, 'load' FROM generate_series(1, COUNT) n;
	INSERT INTO accord.subjects (ctx, name, head, rev) SELECT '', 's' || n, 10, n * 10 + 10 FROM generate_series(0, COUNT / 10 - 1) n;
	INSERT INTO accord.changes (rev, at, author, reason, repo_commit, op, ctx, subject, number, id, guid, before_change, after_change)
		SELECT n, 1, 'load', '', '', 'register', '', 's' || ((n - 1) / 10), (n - 1) % 10 + 1, n, lpad(to_hex(n), 32, '0'), '', '' FROM generate_series(1, COUNT) n;
	ANALYZE accord.schemas, accord.guids, accord.versions, accord.subjects, accord.changes, accord.refs, accord.policies`

// loadSQLite is loadPostgres in the words of SQLite.
const loadSQLite = `
	INSERT INTO contexts (name, last_id) VALUES ('', COUNT);
	CREATE TEMP TABLE series AS WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < COUNT) SELECT n FROM s;
	INSERT INTO schemas (ctx, id, guid, text, refs, metadata, rules, broken, at, author)
		SELECT '', n, printf('%032x', n), replace('TEXT', 'Order 0', 'Order ' || n), '', '', '', '', 1, 'load' FROM series;
	INSERT INTO guids SELECT '', guid, id FROM schemas ORDER BY guid;
	INSERT INTO versions (ctx, subject, number, id, state, lens, mark, rev, at, author)
		SELECT '', 's' || ((n - 1) / 10), (n - 1) % 10 + 1, n, 0, '', '', n, 1, 'load' FROM series;
	INSERT INTO subjects (ctx, name, head, rev) SELECT '', 's' || (n / 10 - 1), 10, n FROM series WHERE n % 10 = 0;
	INSERT INTO changes (rev, at, author, reason, repo_commit, op, ctx, subject, number, id, guid, before_change, after_change)
		SELECT n, 1, 'load', '', '', 'register', '', 's' || ((n - 1) / 10), (n - 1) % 10 + 1, n, printf('%032x', n), '', '' FROM series;
	DROP TABLE series`

func loading(script string, versions int) string {
	return strings.NewReplacer("COUNT", strconv.Itoa(versions), "TEXT", schemaText(0, 0)).Replace(script)
}

// large opens stores that hold so many versions. They are loaded once and stay for the next rounds, if ACCORD_BENCH_DATA
// names a folder for them; else they go when the test ends.
func large(b testing.TB, kind string, versions int) (open func() (catalog.Store, error)) {
	b.Helper()
	ctx := context.Background()
	keep := os.Getenv("ACCORD_BENCH_DATA")
	if kind == "sqlite" {
		if keep == "" {
			keep = b.TempDir()
		}
		file := filepath.Join(keep, fmt.Sprintf("%d.db", versions))
		open = func() (catalog.Store, error) { return sqlite.Open(ctx, file) }
		if _, err := os.Stat(file); err == nil {
			return open
		}
		store, err := open() // makes the tables
		if err != nil {
			b.Fatal(err)
		}
		_ = store.Close()
		db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: file}).String()+"?_pragma=journal_mode(WAL)")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("BEGIN;" + loading(loadSQLite, versions) + ";COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			b.Fatal(err)
		}
		return open
	}
	var at string
	if keep == "" {
		at = newDatabase(b)
	} else {
		u, err := url.Parse(os.Getenv("ACCORD_TEST_POSTGRES"))
		if err != nil || u.Host == "" {
			b.Skip("left out: PostgreSQL (ACCORD_TEST_POSTGRES)")
		}
		name := fmt.Sprintf("accord_bench_%d", versions)
		known := psql(b, u.String(), "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'") != "0"
		if !known {
			psql(b, u.String(), "CREATE DATABASE "+name)
		}
		u.Path = "/" + name
		at = u.String()
		if known {
			return func() (catalog.Store, error) { return postgres.Open(ctx, at) }
		}
	}
	store, err := postgres.Open(ctx, at) // makes the tables
	if err != nil {
		b.Fatal(err)
	}
	_ = store.Close()
	psql(b, at, loading(loadPostgres, versions))
	return func() (catalog.Store, error) { return postgres.Open(ctx, at) }
}

// BenchmarkScale measures small registries and large ones by the same means: a thousand versions, and as many as
// ACCORD_BENCH_VERSIONS says (a million in make bench). Cached reads go round 1,000 IDs and 100 subjects, those through
// the store choose from all that are there and find none of it in memory.
func BenchmarkScale(b *testing.B) {
	most := 100_000
	if n, err := strconv.Atoi(os.Getenv("ACCORD_BENCH_VERSIONS")); err == nil {
		most = n
	}
	for _, kind := range []string{"postgres", "sqlite"} {
		for _, versions := range []int{1000, most} {
			name := "large"
			if versions == 1000 {
				name = "small"
			}
			b.Run(kind+"/"+name, func(b *testing.B) { scale(b, kind, versions) })
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

func scale(b *testing.B, kind string, versions int) {
	open := large(b, kind, versions)
	b.Run("ready", func(b *testing.B) {
		for b.Loop() {
			store, err := open()
			if err != nil {
				b.Fatal(err)
			}
			s := newSite(b, store, catalog.Options{})
			if _, err := dial(b, s.addr).ask(get("/readyz")); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			s.close()
			b.StartTimer()
		}
	})
	store, err := open()
	if err != nil {
		b.Fatal(err)
	}
	s, through := newSite(b, store, catalog.Options{}), newSite(b, store, catalog.Options{AnswerCacheBytes: 1})
	b.Cleanup(func() { s.stop(); through.stop(); _ = store.Close() })
	ids, latest := make([][]byte, 1000), make([][]byte, 100)
	for i := range ids {
		ids[i] = get(fmt.Sprintf("/schemas/ids/%d", 1+rand.N(versions)))
	}
	for i := range latest {
		latest[i] = get(fmt.Sprintf("/subjects/s%d/versions/latest", rand.N(versions/perSubject)))
	}
	warm(b, s.addr, ids)
	warm(b, s.addr, latest)
	b.Run("id", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(ids)) })
	b.Run("latest", func(b *testing.B) { hammer(b, s.addr, clients, anyOf(latest)) })
	b.Run("id-through", func(b *testing.B) {
		hammer(b, through.addr, clients, func(int, int) []byte { return get(fmt.Sprintf("/schemas/ids/%d", 1+rand.N(versions))) })
	})
	b.Run("latest-through", func(b *testing.B) {
		hammer(b, through.addr, clients, func(int, int) []byte {
			return get(fmt.Sprintf("/subjects/s%d/versions/latest", rand.N(versions/perSubject)))
		})
	})
	b.Run("page", func(b *testing.B) {
		hammer(b, through.addr, clients, func(int, int) []byte { return get("/v1/subjects?limit=100&context=." + fullPage(versions/perSubject)) })
	})
	b.Run("register", func(b *testing.B) { hammer(b, s.addr, clients, newVersions()) })
}

// TestMemoryIsBoundedByTheCache reads many more schemas than there is room for, and holds what stays against the limit.
func TestMemoryIsBoundedByTheCache(t *testing.T) {
	const versions, room = 6000, 1 << 20
	store, err := large(t, "sqlite", versions)()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, store, catalog.Options{AnswerCacheBytes: room})
	t.Cleanup(func() { s.stop(); _ = store.Close() })
	w := dial(t, s.addr)
	read := func(from, to int) {
		for n := from; n < to; n++ {
			if _, err := w.ask(get(fmt.Sprintf("/schemas/ids/%d", n))); err != nil {
				t.Fatal(err)
			}
			if n%perSubject == 0 {
				if _, err := w.ask(get(fmt.Sprintf("/subjects/s%d/versions/latest", n/perSubject-1))); err != nil {
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

// TestPlansOfALargeRegistry does what clients do on 10,000 versions, and then asks PostgreSQL whether it read any of the
// large tables from end to end.
func TestPlansOfALargeRegistry(t *testing.T) {
	const versions = 10_000
	at := newDatabase(t)
	store, err := postgres.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	_ = store.Close()
	psql(t, at, loading(loadPostgres, versions))
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
	_ = store.Close() // sessions tell what they did when they end
	deadline := time.Now().Add(10 * time.Second)
	for psql(t, at, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'accord'") != "0" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if psql(t, at, "SELECT coalesce(sum(idx_scan), 0) > 0 FROM pg_stat_user_tables WHERE relname = 'schemas'") != "t" {
		t.Fatal("the statistics tell of nothing")
	}
	if read := psql(t, at, scans); read != "" {
		t.Errorf("tables were read from end to end (rows): %s", read)
	}
}
