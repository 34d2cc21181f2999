package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/web/api"
)

// quiet logs nowhere.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// missing leaves a test out for want of a part; under CI every part must be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("left out: " + what)
	}
	t.Skip("left out: " + what)
}

// A backend is a kind of store; open gives an empty one, which ends with the test.
type backend struct {
	name string
	open func(testing.TB) catalog.Store
}

// backends are all of them.
var backends = []backend{{"sqlite", openSQLite}, {"postgres", openPostgres}}

func openSQLite(t testing.TB) catalog.Store {
	t.Helper()
	store, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// databases counts those that this process made, so that each has a name of its own.
var databases atomic.Int64

func openPostgres(t testing.TB) catalog.Store {
	t.Helper()
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	if server == "" {
		missing(t, "PostgreSQL (ACCORD_TEST_POSTGRES)")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("accord_api_%d_%d", os.Getpid(), databases.Add(1))
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
	store, err := postgres.Open(context.Background(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// serveOn starts an API on a store and returns its address.
func serveOn(t testing.TB, store catalog.Store, change ...func(*api.Config)) string {
	t.Helper()
	registry := catalog.New(store, catalog.Options{Log: quiet})
	ctx, stop := context.WithCancel(context.Background())
	listening := make(chan struct{})
	go func() { defer close(listening); _ = registry.Run(ctx) }()
	c := api.Config{Registry: registry, Version: "1.2.3", Commit: "abc", Log: quiet, Metrics: prometheus.NewRegistry()}
	for _, f := range change {
		f(&c)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: api.New(c).Handler()}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		stop()
		<-listening
	})
	return l.Addr().String()
}

// serve starts an API on a new SQLite store and returns its address.
func serve(t testing.TB, change ...func(*api.Config)) string {
	t.Helper()
	return serveOn(t, openSQLite(t), change...)
}

// settings read the first lines of a transcript that begin with #: and say how its registry is set.
func settings(t testing.TB, transcript string) (changes []func(*api.Config)) {
	t.Helper()
	for line := range strings.Lines(transcript) {
		switch word, ok := strings.CutPrefix(strings.TrimSpace(line), "#: "); {
		case !ok:
			return changes
		case word == "default-type json":
			changes = append(changes, func(c *api.Config) { c.DefaultJSON = true })
		default:
			t.Fatalf("no such setting: %s", word)
		}
	}
	return changes
}
