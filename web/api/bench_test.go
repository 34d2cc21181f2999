package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkByID is a cached schema by ID beside a bare handler that writes the same bytes: the price of everything
// that stands around a route, without the network.
func BenchmarkByID(b *testing.B) {
	h, _ := open(b)
	if status, body, _ := ask(h, "POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`); status != 200 {
		b.Fatalf("register = %d %s", status, body)
	}
	_, body, _ := ask(h, "GET", "/schemas/ids/1", "")
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	})
	for name, handler := range map[string]http.Handler{"bare": bare, "api": h} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest("GET", "/schemas/ids/1", http.NoBody))
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
