package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// ask sends one request to a handler and returns status, body and header.
func ask(h http.Handler, method, target, body string, header ...string) (int, string, http.Header) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

// open returns a handler on a new SQLite store, and the store.
func open(t testing.TB, change ...func(*api.Config)) (http.Handler, catalog.Store) {
	t.Helper()
	store := newSQLite(t)
	c := api.Config{Registry: catalog.New(store, catalog.Options{Log: quiet}), Log: quiet}
	for _, f := range change {
		f(&c)
	}
	return api.New(c).Handler(), store
}

func TestMoreRequestsThanAreServedAtOnce(t *testing.T) {
	h, _ := open(t, func(c *api.Config) { c.MaxInFlight = 1 })
	held, let := make(chan struct{}), make(chan struct{})
	done := make(chan int)
	go func() {
		r := httptest.NewRequest("POST", "/subjects/a/versions", slowBody{held, let})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		done <- w.Code
	}()
	<-held
	for path, want := range map[string]string{
		"/subjects":    `{"error_code":429,"message":"Too many requests at once: try again"}`,
		"/v1/subjects": `{"title":"Too Many Requests","status":429,"detail":"Too many requests at once: try again","error_code":429}`,
	} {
		status, body, header := ask(h, "GET", path, "")
		if status != 429 || body != want || header.Get("Retry-After") != "1" {
			t.Errorf("GET %s = %d %s, Retry-After %q, want 429 %s", path, status, body, header.Get("Retry-After"), want)
		}
	}
	if status, body, _ := ask(h, "GET", "/healthz", ""); status != 200 {
		t.Errorf("GET /healthz under load = %d %s", status, body)
	}
	close(let)
	if status := <-done; status != 400 {
		t.Errorf("the request in flight = %d, want 400", status)
	}
	if status, body, _ := ask(h, "GET", "/subjects", ""); status != 200 || body != "[]" {
		t.Errorf("GET /subjects afterwards = %d %s", status, body)
	}
}

// slowBody tells when it is read, and ends when it is let.
type slowBody struct{ held, let chan struct{} }

func (b slowBody) Read([]byte) (int, error) {
	close(b.held)
	<-b.let
	return 0, io.EOF
}

func TestLongPollEndsWithAChange(t *testing.T) {
	h, _ := open(t)
	got := make(chan string)
	go func() {
		_, body, _ := ask(h, "GET", "/v1/changes?since=0&wait=30s", "")
		got <- body
	}()
	if status, body, _ := ask(h, "POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":"{}"}`); status != 200 {
		t.Fatalf("register = %d %s", status, body)
	}
	select {
	case body := <-got:
		if !strings.Contains(body, `"subject":"a"`) {
			t.Errorf("long poll = %s, want the registration", body)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the long poll sleeps through a change")
	}
}

func TestStreamOfChangesResumesAndDrains(t *testing.T) {
	store := newSQLite(t)
	a := api.New(api.Config{Registry: catalog.New(store, catalog.Options{})})
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	for _, subject := range []string{"a", "b"} {
		if status, body, _ := ask(a.Handler(), "POST", "/subjects/"+subject+"/versions", `{"schemaType":"JSON","schema":"{}"}`); status != 200 {
			t.Fatalf("register = %d %s", status, body)
		}
	}
	req, err := http.NewRequest("GET", server.URL+"/v1/changes", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Last-Event-ID", "1")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("stream = %d %s", res.StatusCode, got)
	}
	in := bufio.NewReader(res.Body)
	next := func() string {
		for {
			line, err := in.ReadString('\n')
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				return strings.TrimSpace(id)
			}
			if err != nil {
				return err.Error()
			}
		}
	}
	if got := next(); got != "2" {
		t.Errorf("first event after 1 = %s, want 2", got)
	}
	if status, body, _ := ask(a.Handler(), "DELETE", "/subjects/a", ""); status != 200 {
		t.Fatalf("delete = %d %s", status, body)
	}
	if got := next(); got != "3" {
		t.Errorf("event of a change while streaming = %s, want 3", got)
	}
	a.Drain()
	if got := next(); got != "EOF" {
		t.Errorf("stream after Drain = %s, want its end", got)
	}
	if status, body, _ := ask(a.Handler(), "GET", "/v1/changes?since=3&wait=30s", ""); status != 200 || !strings.Contains(body, `"changes":[]`) {
		t.Errorf("long poll after Drain = %d %s", status, body)
	}
	if status, _, _ := ask(a.Handler(), "GET", "/readyz", ""); status != 503 {
		t.Errorf("GET /readyz after Drain = %d, want 503", status)
	}
	status, body, _ := ask(a.Handler(), "GET", "/v1/changes?since=x", "", "Accept", "text/event-stream")
	if want := `{"title":"Bad Request","status":400,"detail":"since is not a revision: x","error_code":400}`; status != 400 || body != want {
		t.Errorf("stream since x = %d %s, want 400 %s", status, body, want)
	}
}

func TestStoreAway(t *testing.T) {
	h, store := open(t)
	if status, body, _ := ask(h, "GET", "/readyz", ""); status != 200 || !strings.Contains(body, `"store":"ok"`) {
		t.Errorf("GET /readyz = %d %s", status, body)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // the answer before is good for ReadyEvery
		if status, _, _ := ask(h, "GET", "/readyz", ""); status == 503 || time.Now().After(deadline) {
			break
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/subjects", "", 500, `{"error_code":50001,"message":"Error in the backend data store: list subjects"}`},
		{"POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":"{}"}`, 500, `{"error_code":50001,"message":"Error in the backend data store: read a subject"}`},
		{"GET", "/v1/subjects", "", 503, `{"title":"Service Unavailable","status":503,"detail":"Error in the backend data store: list subjects","error_code":50001}`},
		{"GET", "/readyz", "", 503, `{"store":"unreachable","migrations":"unknown","cache":"pass-through","revision":0}`},
		{"GET", "/healthz", "", 200, `{"status":"ok"}`},
	} {
		if status, body, _ := ask(h, c.method, c.path, c.body); status != c.status || body != c.want {
			t.Errorf("%s %s = %d %s, want %d %s", c.method, c.path, status, body, c.status, c.want)
		}
	}
}

// stuckStore is a store that never gets the swap done.
type stuckStore struct{ catalog.Store }

func (stuckStore) Append(ctx context.Context, _ catalog.Name, _ catalog.Head, _ ...catalog.Version) ([]catalog.Version, catalog.Rev, error) {
	<-ctx.Done()
	return nil, 0, fmt.Errorf("append: %w", context.Cause(ctx))
}

func TestRegisterDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := api.New(api.Config{Registry: catalog.New(stuckStore{newSQLite(t)}, catalog.Options{Log: quiet}), Log: quiet}).Handler()
		began := time.Now()
		status, body, _ := ask(h, "POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":"{}"}`)
		if want := `{"error_code":50002,"message":"Register operation timed out"}`; status != 500 || body != want || time.Since(began) != catalog.RegisterDeadline {
			t.Errorf("register into a store that does not answer = %d %s after %s, want 500 %s after %s", status, body, time.Since(began), want, catalog.RegisterDeadline)
		}
	})
}

func TestPathsThatTheAPIOwns(t *testing.T) {
	a := api.New(api.Config{Registry: catalog.New(nil, catalog.Options{})})
	for _, c := range []struct {
		path, accept string
		want         bool
	}{
		{"/", "", true},
		{"/", "text/html,application/xhtml+xml", false},
		{"/subjects", "text/html", true},
		{"//subjects//a", "", true},
		{"/subjects%2Fa", "", false},
		{"/openapi.json", "", true},
		{"/events", "", false},
		{"/associations/x/y", "", true},
	} {
		r := httptest.NewRequest("GET", c.path, http.NoBody)
		r.Header.Set("Accept", c.accept)
		if got := a.Owns(r); got != c.want {
			t.Errorf("Owns(%s, Accept %q) = %v, want %v", c.path, c.accept, got, c.want)
		}
	}
	for _, p := range a.Paths() {
		if !a.Owns(httptest.NewRequest("GET", p, http.NoBody)) {
			t.Errorf("Paths has %s, which Owns denies", p)
		}
	}
}

func TestRequestIDIsToldAndTaken(t *testing.T) {
	h, _ := open(t)
	_, _, header := ask(h, "GET", "/subjects", "", "X-Request-Id", "mine-1")
	if got := header.Get("X-Request-Id"); got != "mine-1" {
		t.Errorf("X-Request-Id = %q, want mine-1", got)
	}
	_, _, header = ask(h, "GET", "/subjects", "", "X-Request-Id", "no <script>")
	if got := header.Get("X-Request-Id"); got == "" || strings.Contains(got, "script") {
		t.Errorf("X-Request-Id = %q, want one of ours", got)
	}
}

// No request may hurt the server: whatever is sent is answered, and never by 5xx.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ method, path, body string }{
		{"GET", "/subjects/a%2Fb/versions/latest", ""},
		{"POST", "/subjects/a/versions?normalize=true", `{"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`},
		{"POST", "/contexts/.x/subjects/a/versions", `{"schemaType":"JSON","schema":"{\"$ref\":\"b\"}","references":[{"name":"b","subject":"b","version":-1}]}`},
		{"PUT", "/config/a", `{"compatibility":"FULL","alias":"b","defaultMetadata":null}`},
		{"PUT", "/mode/:.x:", `{"mode":"IMPORT"}`},
		{"POST", "/compatibility/subjects/a/versions/-1?verbose=true", `{"schemaType":"JSON","schema":"true"}`},
		{"POST", "/v1/check", `{"files":[{"subject":"a","schema":"{}"}]}`},
		{"POST", "/subjects/a/upcast", `{"from":-1,"to":0,"events":[null]}`},
		{"PUT", "/v1/documents/Service/a", `{"apiVersion":"accord/v1","kind":"Service","name":"a"}`},
		{"POST", "/v1/usage", `{"instance":"","seq":-1,"seen":[{"role":"","records":-5}]}`},
		{"POST", "/v1/rejections", `{"instance":"a","seq":1,"rejected":[{"id":"","subject":"a"}],"samples":[{"id":"x","event":null}]}`},
		{"DELETE", "/subjects/a?permanent=true", ""},
		{"GET", "/schemas/ids/-1?subject=:x", ""},
		{"GET", "/schemas?offset=2147483647&limit=-5", ""},
		{"PUT", "/v1/subjects/a/versions/1/lens", `{"lens":null}`},
		{"POST", "/v1/subjects/a/undelete", `{"versions":[0,-1,2147483647]}`},
	} {
		f.Add(seed.method, seed.path, seed.body)
	}
	h, _ := open(f)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequest(method, "http://accord/", strings.NewReader(body))
		if err != nil {
			return
		}
		path = "/" + strings.TrimLeft(path, "/")
		if r.URL, err = r.URL.Parse(path); err != nil || strings.Contains(path, "wait=") {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("%s", fmt.Sprintf("%s %q %q = %d %s", method, path, body, w.Code, w.Body))
		}
	})
}
