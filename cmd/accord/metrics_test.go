package main

import (
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/web/api"
)

// TestMetricsAreDocumented holds the table in OPERATING.md to the collectors of all rooms, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	registry := catalog.New(nil, catalog.Options{})
	collectors := slices.Concat(registry.Collectors(), api.New(api.Config{Registry: registry}).Collectors())
	lock, err := fs.ReadFile(schemas.FS(), lockFile)
	if err != nil {
		t.Fatal(err)
	}
	remote, err := client.Open("http://127.0.0.1:1", client.WithLock(lock))
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	gate, err := proxy.New(proxy.Config{Brokers: []string{"127.0.0.1:1"}, Schemas: remote})
	if err != nil {
		t.Fatal(err)
	}
	system, err := orders.New(t.Context(), orders.Config{
		Store: "sqlite:" + filepath.Join(t.TempDir(), "orders"), Brokers: []string{"127.0.0.1:1"}, Lock: lock,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	collectors = slices.Concat(collectors, gate.Collectors(), system.Collectors())

	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		for _, c := range collectors {
			c.Describe(described)
		}
	}()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	code := map[string]bool{}
	for d := range described {
		code[name.FindStringSubmatch(d.String())[1]] = true
	}
	row := regexp.MustCompile("(?m)^\\| `(accord_[a-z0-9_]+)(?:\\{[a-z,]+\\})?` \\|")
	docs := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(readDocument(t, "OPERATING.md"), -1) {
		docs[m[1]] = true
	}
	for _, n := range slices.Sorted(maps.Keys(code)) {
		if !docs[n] {
			t.Errorf("OPERATING.md does not have %s", n)
		}
		if !strings.HasPrefix(n, "accord_") {
			t.Errorf("metric %s is not named accord_<room>_<what>", n)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(docs)) {
		if !code[n] {
			t.Errorf("OPERATING.md has %s, which no room counts", n)
		}
	}
}
