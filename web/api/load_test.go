package api_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/web/api"
)

// clients is how many send at once wherever a benchmark does not say otherwise.
const clients = 16

// A site is a registry that listens, behind its API on a port of loopback.
type site struct {
	addr     string
	store    catalog.Store
	registry *catalog.Registry
	stop     func() // ends listening
}

// newSite serves a store as the program does; change may alter the registry's settings.
func newSite(b testing.TB, store catalog.Store, o catalog.Options) *site {
	b.Helper()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	o.Log = quiet
	s := &site{store: store, registry: catalog.New(store, o)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.registry.Run(ctx) })
	s.stop = func() { cancel(); wg.Wait() }
	b.Cleanup(s.stop)
	s.addr = serveOn(b, api.New(api.Config{Registry: s.registry, Log: quiet}).Handler())
	for !s.registry.Status().Listening {
		runtime.Gosched()
	}
	return s
}

// serveOn serves a handler on a free port and returns its address.
func serveOn(b testing.TB, h http.Handler) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	b.Cleanup(func() { _ = server.Close(); wg.Wait() })
	return l.Addr().String()
}

// newSQLite opens an empty SQLite store.
func newSQLite(b testing.TB) catalog.Store {
	b.Helper()
	s, err := sqlite.Open(context.Background(), filepath.Join(b.TempDir(), "accord.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// newDatabase makes an empty PostgreSQL database and returns its URL; the test is left out without a server.
func newDatabase(b testing.TB) string {
	b.Helper()
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	if server == "" {
		const missing = "left out: PostgreSQL (ACCORD_TEST_POSTGRES)"
		if os.Getenv("CI") == "true" {
			b.Fatal(missing)
		}
		b.Skip(missing)
	}
	u, err := url.Parse(server)
	if err != nil {
		b.Fatal(err)
	}
	name := "accord_api_" + strings.ToLower(rand.Text())
	psql(b, server, "CREATE DATABASE "+name)
	b.Cleanup(func() { psql(b, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// psql runs statements on a server and returns the last one's first column of its first row.
func psql(b testing.TB, url, query string) (first string) {
	b.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(context.Background(), query).ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	if rows := results[len(results)-1].Rows; len(rows) > 0 {
		first = string(rows[0][0])
	}
	return first
}

// newPostgres opens an empty store on PostgreSQL.
func newPostgres(b testing.TB) catalog.Store { return openPostgres(b, newDatabase(b)) }

func openPostgres(b testing.TB, url string) catalog.Store {
	b.Helper()
	s, err := postgres.Open(context.Background(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// get is the request that reads a path, as bytes.
func get(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: accord\r\nAccept: application/vnd.schemaregistry.v1+json, application/json; q=0.9\r\n\r\n")
}

// post is the request that sends a body.
func post(path, body string) []byte {
	return []byte("POST " + path + " HTTP/1.1\r\nHost: accord\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

// hammer sends b.N requests over n connections, each connection one after the other, and reports the rate and the
// 99th percentile of the time to an answer. request is asked for the k-th request of a client. Every answer must be
// 200. The client is lean, so that what is measured is the server: it knows the requests as bytes and of an answer
// only status and length.
func hammer(b *testing.B, addr string, n int, request func(client, k int) []byte) {
	b.Helper()
	var sent atomic.Int64
	times := make([][]time.Duration, n)
	errs := make([]error, n)
	conns := make([]*wire, n)
	for c := range n {
		conns[c] = dial(b, addr)
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range n {
		wg.Go(func() {
			for k := 0; int(sent.Add(1)) <= b.N; k++ {
				began := time.Now()
				if _, errs[c] = conns[c].ask(request(c, k)); errs[c] != nil {
					return
				}
				times[c] = append(times[c], time.Since(began))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
}

// together runs f(i) for i below b.N on n goroutines, and reports the rate.
func together(b *testing.B, n int, f func(i int) error) {
	b.Helper()
	var begun atomic.Int64
	errs := make([]error, n)
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range n {
		wg.Go(func() {
			for i := int(begun.Add(1)) - 1; i < b.N && errs[c] == nil; i = int(begun.Add(1)) - 1 {
				errs[c] = f(i)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// wire is one connection of the lean client.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

func dial(b testing.TB, addr string) *wire {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

// ask sends a request and returns the body of the answer, which is overwritten by the next. Not 200 is an error.
func (w *wire) ask(request []byte) ([]byte, error) {
	if _, err := w.conn.Write(request); err != nil {
		return nil, err
	}
	line, err := w.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	good := bytes.Contains(line, []byte(" 200 "))
	length, chunked := 0, false
	for {
		if line, err = w.in.ReadSlice('\n'); err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(rest)))
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	w.body = w.body[:0]
	for {
		if chunked {
			if line, err = w.in.ReadSlice('\n'); err != nil {
				return nil, err
			}
			n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
			if err != nil {
				return nil, err
			}
			length = int(n)
		}
		at := len(w.body)
		w.body = slices.Grow(w.body, length)[:at+length]
		if _, err := io.ReadFull(w.in, w.body[at:]); err != nil {
			return nil, err
		}
		if chunked {
			if _, err := w.in.Discard(2); err != nil {
				return nil, err
			}
		}
		if !chunked || length == 0 {
			break
		}
	}
	if !good {
		return nil, fmt.Errorf("%.80q: not 200: %.300s", request, w.body)
	}
	return w.body, nil
}

// schemaText is an order of about a kilobyte; each n has contents of its own, and each step is compatible with the
// one before it.
func schemaText(n, step int) string {
	var s strings.Builder
	fmt.Fprintf(&s, `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order %d","type":"object","properties":{`+
		`"order_id":{"type":"string","minLength":1,"maxLength":64},"customer_id":{"type":"string","pattern":"^c-[0-9]+$"},`+
		`"currency":{"type":"string","enum":["EUR","USD","GBP","JPY"]},"total":{"type":"number","minimum":0},`+
		`"placed_at":{"type":"string","format":"date-time"},"lines":{"type":"array","minItems":1,"items":{"type":"object","properties":{`+
		`"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1},"price":{"type":"number","minimum":0}},"required":["sku","quantity"]}},`+
		`"address":{"type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"},"country":{"type":"string","minLength":2,"maxLength":2}},"required":["country"]}`, n)
	for i := range step {
		fmt.Fprintf(&s, `,"note_%d":{"type":"string"}`, i)
	}
	s.WriteString(`},"required":["order_id","customer_id","lines"],"additionalProperties":false}`)
	return s.String()
}

// registration is the body that registers a text.
func registration(text string) string {
	return `{"schemaType":"JSON","schema":` + strconv.Quote(text) + `}`
}

// readPages reads /v1/subjects with all that belongs to them, and says how many bytes that is and, if it is to count
// them, how many subjects.
func readPages(b testing.TB, w *wire, count bool) (subjects, size int) {
	b.Helper()
	after := ""
	for {
		body, err := w.ask(get("/v1/subjects?expand=latest,config&after=" + url.QueryEscape(after)))
		if err != nil {
			b.Fatal(err)
		}
		size += len(body)
		if count {
			subjects += bytes.Count(body, []byte(`"level":`)) // one in each subject
		}
		_, next, more := bytes.Cut(body[max(0, len(body)-2000):], []byte(`"next":"`))
		if !more {
			return subjects, size
		}
		name, _, _ := bytes.Cut(next, []byte(`"`))
		after = string(name)
	}
}

// liveHeap is how many bytes are in use after a collection.
func liveHeap() int {
	runtime.GC()
	runtime.GC() // what the first one found to be finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
