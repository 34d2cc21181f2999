package api_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// quiet logs nowhere.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// A backend is a kind of store; open gives an empty one, which ends with the test.
type backend struct {
	name string
	open func(testing.TB) catalog.Store
}

// backends are all of them.
var backends = []backend{{"sqlite", newSQLite}, {"postgres", newPostgres}}

// registryOn starts an API on a store and returns its address.
func registryOn(t testing.TB, store catalog.Store, change ...func(*api.Config)) string {
	t.Helper()
	registry := catalog.New(store, catalog.Options{Log: quiet})
	ctx, stop := context.WithCancel(context.Background())
	listening := make(chan struct{})
	go func() { defer close(listening); _ = registry.Run(ctx) }()
	t.Cleanup(func() { stop(); <-listening })
	c := api.Config{Registry: registry, Version: "1.2.3", Commit: "abc", Log: quiet, Metrics: prometheus.NewRegistry()}
	for _, f := range change {
		f(&c)
	}
	return serveOn(t, api.New(c).Handler())
}

// serve starts an API on a new SQLite store and returns its address.
func serve(t testing.TB, change ...func(*api.Config)) string {
	t.Helper()
	return registryOn(t, newSQLite(t), change...)
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
