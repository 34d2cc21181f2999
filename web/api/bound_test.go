package api_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

func TestBoundsOfBodies(t *testing.T) {
	h, _ := open(t)
	for _, c := range []struct {
		method, path string
		most         int
	}{
		{"POST", "/subjects/a/versions", api.MaxBodyBytes},
		{"PUT", "/config/a", api.MaxBodyBytes},
		{"PUT", "/v1/documents/Service/a", api.MaxBodyBytes},
		{"POST", "/v1/subjects/a/delete", api.MaxBodyBytes},
		{"POST", "/v1/check", api.MaxCheckBytes},
		{"POST", "/subjects/a/upcast", api.MaxBatchBytes},
		{"POST", "/subjects/a/downcast", api.MaxBatchBytes},
		{"POST", "/v1/usage", api.MaxReportBytes},
		{"POST", "/v1/rejections", api.MaxReportBytes},
		{"POST", "/v1/readers", api.MaxReportBytes},
	} {
		padded := func(n int) string { return `{"x":"` + strings.Repeat(" ", n-len(`{"x":""}`)) + `"}` }
		if status, body, _ := ask(h, c.method, c.path, padded(c.most)); status == 413 {
			t.Errorf("%s %s with %d bytes = %d %s", c.method, c.path, c.most, status, body)
		}
		if status, body, _ := ask(h, c.method, c.path, padded(c.most+1)); status != 413 {
			t.Errorf("%s %s with %d bytes = %d %.200s, want 413", c.method, c.path, c.most+1, status, body)
		}
	}
	files := strings.TrimSuffix(strings.Repeat(`{},`, api.MaxCheckFiles+1), ",")
	if status, body, _ := ask(h, "POST", "/v1/check", `{"files":[`+files+`]}`); status != 413 {
		t.Errorf("check of more than MaxCheckFiles = %d %.200s, want 413", status, body)
	}
	events := strings.TrimSuffix(strings.Repeat(`1,`, api.MaxBatchEvents+1), ",")
	if status, body, _ := ask(h, "POST", "/subjects/a/upcast", `{"from":1,"events":[`+events+`]}`); status != 413 {
		t.Errorf("upcast of more than MaxBatchEvents = %d %.200s, want 413", status, body)
	}
	pins := strings.TrimSuffix(strings.Repeat(`{},`, catalog.MaxReportRows+1), ",")
	if status, body, _ := ask(h, "POST", "/v1/readers", `{"readers":[`+pins+`]}`); status != 413 {
		t.Errorf("more than MaxReportRows = %d %.200s, want 413", status, body)
	}
}

// TestBoundOfStreams: long polls and streams have places of their own, and all of them taken hurts nobody else.
func TestBoundOfStreams(t *testing.T) {
	_, store := open(t)
	a := api.New(api.Config{Registry: catalog.New(store, catalog.Options{})})
	h := a.Handler()
	var polls sync.WaitGroup
	answers := make(chan int, api.MaxStreams+1)
	for range api.MaxStreams + 1 { // one of them is too many, whichever comes last
		polls.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/v1/changes?since=0&wait=60s", strings.NewReader("")))
			answers <- w.Code
		})
	}
	if status := <-answers; status != 429 {
		t.Errorf("the first long poll to be answered = %d, want 429", status)
	}
	if status, body, _ := ask(h, "GET", "/v1/subjects", ""); status != 200 {
		t.Errorf("GET /v1/subjects beside %d long polls = %d %s", api.MaxStreams, status, body)
	}
	a.Drain()
	polls.Wait()
	close(answers)
	for status := range answers {
		if status != 200 {
			t.Errorf("a long poll = %d, want 200", status)
		}
	}
}

func TestVectorsAreJSONLines(t *testing.T) {
	h, _ := open(t)
	for _, schema := range []string{`{\"type\":\"object\",\"title\":\"one\"}`, `{\"type\":\"object\",\"title\":\"two\"}`} {
		if status, body, _ := ask(h, "POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":"`+schema+`"}`); status != 200 {
			t.Fatalf("register = %d %s", status, body)
		}
	}
	status, body, header := ask(h, "GET", "/subjects/a/versions/2/vectors?from=1", "")
	if got := header.Get("Content-Type"); status != 200 || got != "application/x-ndjson" {
		t.Fatalf("vectors = %d %s", status, got)
	}
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	for _, line := range lines {
		var v catalog.Vector
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.Direction == "up" && v.From != 1 || string(v.In) != string(v.Out) {
			t.Errorf("vector %s: %v", line, err)
		}
	}
	if len(lines) < 2 {
		t.Errorf("%d vectors, want some", len(lines))
	}
	for path, want := range map[string]int{
		"/subjects/a/versions/1/vectors": 404, "/subjects/a/versions/2/vectors?from=2": 422, "/subjects/a/versions/2/vectors?from=x": 400,
		"/subjects/none/versions/1/vectors": 404, "/subjects/a/versions/0/vectors": 422,
	} {
		if status, body, _ := ask(h, "GET", path, ""); status != want {
			t.Errorf("GET %s = %d %s, want %d", path, status, body, want)
		}
	}
}
