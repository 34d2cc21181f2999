package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// output collects what a role prints; safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// house is an `accord dev` that runs.
type house struct {
	site, gate, gateHTTP, shop, broker string // host:port
	stop                               context.CancelFunc
	status                             chan int
	out, err                           *output
}

// startHouse runs `accord dev` on free ports until it has printed its summary.
func startHouse(t *testing.T, data string) *house {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &house{
		site: freeRun(t), gate: freeRun(t), gateHTTP: freeRun(t), shop: freeRun(t), broker: freeRun(t),
		stop: cancel, status: make(chan int, 1), out: &output{}, err: &output{},
	}
	go func() {
		h.status <- run(ctx, []string{
			"dev", "--data-dir", data, "--listen", h.site, "--proxy-listen", h.gate, "--http-listen", h.gateHTTP,
			"--orders-listen", h.shop, "--broker-listen", h.broker,
		}, streams{strings.NewReader(""), h.out, h.err})
	}()
	t.Cleanup(func() { h.close(t) })
	h.await(t, "the summary", func() bool { return strings.Contains(h.out.String(), "Three things to try") })
	return h
}

// freeRun returns an address whose port, and the one above it, nobody listens on.
func freeRun(t *testing.T) string {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		first.Close()
		if err == nil {
			second.Close()
			return first.Addr().String()
		}
	}
	t.Fatal("no two free ports in a row")
	return ""
}

// await polls until a condition holds or a minute and a half are over.
func (h *house) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(90 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case status := <-h.status:
			t.Fatalf("waiting for %s: accord dev ended with %d\n%s%s", what, status, h.out, h.err)
		case <-deadline:
			t.Fatalf("waited too long for %s\n%s%s", what, h.out, h.err)
		case <-tick.C:
		}
	}
}

// close interrupts the house, as Ctrl-C does, and demands that it ends cleanly.
func (h *house) close(t *testing.T) {
	t.Helper()
	if h.stop == nil {
		return
	}
	h.stop()
	h.stop = nil
	select {
	case status := <-h.status:
		if status != 0 {
			t.Errorf("accord dev ended with %d\n%s", status, h.err)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("accord dev did not end\n%s", h.err)
	}
}

// get reads one page or answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html, application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// orders reads the states of all orders by order id.
func (h *house) orders(t *testing.T) map[string]string {
	t.Helper()
	_, body := get(t, "http://"+h.shop+"/orders")
	var all []struct{ OrderID, Status string }
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("GET /orders = %s: %v", body, err)
	}
	states := map[string]string{}
	for _, o := range all {
		states[o.OrderID] = o.Status
	}
	return states
}

// settled says that there are orders and that each has ended.
func (h *house) settled(t *testing.T, atLeast int) bool {
	states := h.orders(t)
	for _, s := range states {
		if s != "COMPLETED" && s != "CANCELLED" {
			return false
		}
	}
	return len(states) >= atLeast
}

func TestDevRunsEveryJourney(t *testing.T) {
	data := t.TempDir()
	h := startHouse(t, data)

	t.Run("the sample orders are settled", func(t *testing.T) {
		h.await(t, "the sample orders", func() bool { return h.settled(t, len(samples)) })
	})
	t.Run("what the documentation shows works", func(t *testing.T) {
		for _, c := range documentedCurls(t) {
			c = strings.NewReplacer("localhost:8081", h.site, "localhost:8082", h.gateHTTP).Replace(c)
			if out, err := exec.CommandContext(t.Context(), "sh", "-c", c).CombinedOutput(); err != nil || len(out) == 0 {
				t.Errorf("%s\n%s%v", c, out, err)
			}
		}
	})
	t.Run("a registration that breaks is refused with the event", func(t *testing.T) {
		status, answer := h.register(t, "dev.Thing", `{"type":"object","properties":{"a":{"type":"string"}}}`)
		if status != 200 {
			t.Fatalf("first registration = %d %s", status, answer)
		}
		status, answer = h.register(t, "dev.Thing", `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`)
		if status != 409 || !strings.Contains(answer, "REQUIRED_ATTRIBUTE_ADDED") || !strings.Contains(answer, "{}") {
			t.Errorf("breaking registration = %d %s, want 409 with the event {}", status, answer)
		}
	})
	t.Run("an invalid event is refused with its place", func(t *testing.T) {
		body := strings.NewReader(`{"orderId":""}`)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.gateHTTP+"/v1/topics/orders.events/events", body)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/me", "ce-type": "com.example.orders.OrderPlaced",
		} {
			req.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answer, _ := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"pointer":"/orderId"`) {
			t.Errorf("produce = %d %s, want 422 that names /orderId", res.StatusCode, answer)
		}
	})
	t.Run("the site shows it", func(t *testing.T) {
		for path, want := range map[string]string{
			"/":                                    "orders.OrderPlaced",
			"/events/orders.OrderPlaced/v/3":       "unitPrice",
			"/events/orders.OrderPlaced/diff/2..3": "BACKWARD",
			"/services/payments":                   "payments.PaymentProcessed",
			"/flows/reserve-first":                 "reserve",
			"/api":                                 "/subjects/{subject}/versions",
			"/search?q=sku":                        "sku",
		} {
			if status, body := get(t, "http://"+h.site+path); status != 200 || !strings.Contains(body, want) {
				t.Errorf("GET %s = %d without %q", path, status, want)
			}
		}
	})
	t.Run("what was produced is observed", func(t *testing.T) {
		h.await(t, "the gate's report", func() bool {
			_, body := get(t, "http://"+h.site+"/v1/usage?subject=orders.OrderPlaced")
			return strings.Contains(body, `"role":"write"`)
		})
	})
	t.Run("verbs ask the registry", func(t *testing.T) {
		registry := "http://" + h.site
		for _, c := range []struct {
			args   []string
			status int
			want   string
		}{
			{[]string{"diff", "orders.OrderPlaced", "2..3", "--registry", registry}, 0, "can v3 read every event of v2?"},
			{[]string{"check", "../../schemas", "--against", "registry", "--registry", registry}, 0, "0 not checked; 0 steps judged"},
			{[]string{"apply", "../../schemas", "--dry-run", "--registry", registry}, 0, "0 to do"},
			{[]string{"validate", "--subject", "orders.OrderPlaced", "--registry", registry, "../../schemas/events/orders.OrderPlaced/examples/v3/invalid/no-lines.json"}, 1, "/lines"},
		} {
			var out output
			status := run(t.Context(), c.args, streams{strings.NewReader(""), &out, &out})
			if status != c.status || !strings.Contains(out.String(), c.want) {
				t.Errorf("accord %s = %d, want %d with %q:\n%s", strings.Join(c.args, " "), status, c.status, c.want, &out)
			}
		}
	})
	t.Run("a taken port is named with its flag", func(t *testing.T) {
		var out output
		status := run(t.Context(), []string{"dev", "--data-dir", t.TempDir(), "--listen", h.site}, streams{strings.NewReader(""), &out, &out})
		if status != exitUnavailable || !strings.Contains(out.String(), h.site+" is taken by another process: choose another address with --listen") {
			t.Errorf("second dev = %d %s", status, &out)
		}
	})

	before := h.orders(t)
	h.close(t)
	h = startHouse(t, data)
	h.await(t, "the same orders after a restart", func() bool { return len(h.orders(t)) == len(before) })
	if states := h.orders(t); fmt.Sprint(states) != fmt.Sprint(before) {
		t.Errorf("after a restart the orders are %v, were %v", states, before)
	}
	if status, _ := get(t, "http://"+h.site+"/subjects/dev.Thing/versions/1"); status != 200 {
		t.Errorf("after a restart GET dev.Thing version 1 = %d", status)
	}
}

func (h *house) register(t *testing.T, subject, schema string) (int, string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"schemaType": "JSON", "schema": schema})
	res, err := http.Post("http://"+h.site+"/subjects/"+subject+"/versions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(answer)
}

// documentedCurls returns the curl commands of the README.
func documentedCurls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^curl (?:.*\\\n)*.*$`).FindAllString(string(text), -1)
	if len(found) == 0 {
		t.Fatal("README shows no curl command")
	}
	return found
}
