package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// role is a verb that runs in this process.
type role struct {
	stop   context.CancelFunc
	status chan int
	err    *output
}

// start runs a verb until its end is asked for or the test ends.
func start(t *testing.T, args ...string) *role {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &role{stop: cancel, status: make(chan int, 1), err: &output{}}
	go func() { r.status <- run(ctx, args, streams{strings.NewReader(""), io.Discard, r.err}) }()
	t.Cleanup(func() { r.end(t) })
	return r
}

// end interrupts the verb and demands that it ends cleanly.
func (r *role) end(t *testing.T) {
	t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if status := <-r.status; status != 0 {
		t.Errorf("ended with %d\n%s", status, r.err)
	}
}

// eventually polls until a question is answered as it should be, and fails with the last answer after half a minute.
func eventually(t *testing.T, ask func() (answer string, ok bool)) {
	t.Helper()
	answer, ok := ask()
	for deadline := time.Now().Add(30 * time.Second); !ok; answer, ok = ask() {
		if time.Now().After(deadline) {
			t.Fatal(answer)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestProxyStartsWithoutItsRegistry kills registry and gate; the gate comes back alone, and enforces what it knew.
func TestProxyStartsWithoutItsRegistry(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders.events"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	dir := t.TempDir()
	site := freeRun(t)
	serve := start(t, "serve", "--listen", site, "--store", "sqlite:"+filepath.Join(dir, "accord.db"))
	url := "http://" + site
	eventually(t, func() (string, bool) {
		res, err := http.Get(url + "/readyz")
		if err != nil {
			return err.Error(), false
		}
		defer res.Body.Close()
		return res.Status, res.StatusCode == http.StatusOK
	})
	schema := `{"schemaType":"JSON","schema":"{\"type\":\"object\",\"properties\":{\"orderId\":{\"type\":\"string\"}},\"required\":[\"orderId\"]}"}`
	if status, body := postTo(t, url+"/subjects/orders.events-value/versions", schema); status != http.StatusOK {
		t.Fatalf("register: %d %s", status, body)
	}
	gate := func() (*role, string) {
		kafka, web := freeRun(t), freeRun(t)
		r := start(t, "proxy", "--listen", kafka, "--http", web, "--nodes", "1", "--registry", url,
			"--brokers", strings.Join(broker.ListenAddrs(), ","), "--cache-dir", filepath.Join(dir, "kept"), "--max-stale", "1d")
		eventually(t, func() (string, bool) {
			res, err := http.Get("http://" + web + "/readyz")
			if err != nil {
				return err.Error(), false
			}
			defer res.Body.Close()
			text, _ := io.ReadAll(res.Body)
			return string(text), res.StatusCode == http.StatusOK
		})
		return r, "http://" + web + "/v1/topics/orders.events/events"
	}
	enforces := func(when, events string) {
		t.Helper()
		for body, want := range map[string]int{`{"orderId":"o-1"}`: http.StatusOK, `{"orderId":1}`: http.StatusUnprocessableEntity} {
			if status, answer := postTo(t, events, body); status != want {
				t.Errorf("%s: %s: %d %s, want %d", when, body, status, answer, want)
			}
		}
	}
	first, events := gate()
	enforces("with the registry", events)
	serve.end(t)
	enforces("after the registry went", events)
	first.end(t)
	_, events = gate()
	enforces("started without the registry", events)
}

// postTo sends JSON and returns status and answer.
func postTo(t *testing.T, url, body string) (int, string) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(fmt.Errorf("post %s: %w", url, err))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}
