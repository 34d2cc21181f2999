package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/validator"
	"github.com/accordhq/accord/web/api"
)

// aRegistry is the real thing over HTTP: SQLite, catalog, API. asked counts GET requests by path.
type aRegistry struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
}

func startRegistry(t *testing.T) *aRegistry {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	handler := api.New(api.Config{Registry: catalog.New(store, catalog.Options{})}).Handler()
	r := &aRegistry{asked: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			r.mu.Lock()
			r.asked[req.URL.Path]++
			r.mu.Unlock()
		}
		handler.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *aRegistry) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

// send sends one JSON document and fails the test unless the answer is 200.
func (r *aRegistry) send(t *testing.T, method, path string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, r.URL+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(res.Body); err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: HTTP %d %s", method, path, res.StatusCode, &answer)
	}
}

// register registers every version of a lock, with its lens.
func (r *aRegistry) register(t *testing.T, l client.Lock) {
	t.Helper()
	for _, s := range l.Subjects {
		r.send(t, http.MethodPut, "/config/"+s.Subject, map[string]string{"compatibility": "UPCASTABLE_TRANSITIVE"})
		for _, v := range s.Versions {
			r.send(t, http.MethodPost, "/subjects/"+s.Subject+"/versions", map[string]any{
				"schemaType": "JSON", "schema": string(v.Schema), "references": v.References, "lens": v.Lens,
			})
		}
	}
}

const basket = "shop.BasketChanged"

// Basket is version 3 of basket, BasketV1 version 1.
type Basket struct {
	Total Money  `json:"total"`
	State string `json:"state"`
}

type BasketV1 struct {
	Price json.Number `json:"price"`
}

// baskets holds the same event in every version.
var baskets = map[int]string{
	1: `{"price":19.99}`,
	2: `{"total":{"amountMinor":1999,"currency":"EUR"}}`,
	3: `{"total":{"amountMinor":1999,"currency":"EUR"},"state":"OPEN"}`,
}

// basketLock has three versions, a reference and two lenses, small enough to be proved in no time.
func basketLock() client.Lock {
	references := []client.Reference{{Name: "https://shop.example.com/" + money + "/1", Subject: money, Version: 1}}
	closed := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,`
	total := `"total":{"$ref":"https://shop.example.com/` + money + `/1"}`
	return client.Lock{Subjects: []client.LockSubject{
		{Subject: money, Versions: []client.LockVersion{{
			Version: 1, Schema: json.RawMessage(closed + `"required":["amountMinor","currency"],"properties":{"amountMinor":{"type":"integer","minimum":0,"maximum":99999},"currency":{"enum":["EUR","USD"]}}}`),
		}}},
		{Subject: basket, Versions: []client.LockVersion{
			{Version: 1, Schema: json.RawMessage(closed + `"required":["price"],"properties":{"price":{"type":"number","minimum":0,"maximum":999.99,"multipleOf":0.01}}}`)},
			{
				Version: 2, Schema: json.RawMessage(closed + `"required":["total"],"properties":{` + total + `}}`), References: references,
				Lens: json.RawMessage(`{"from":1,"ops":[{"op":"rename","from":"/price","to":"/total"},{"op":"scale","at":"/total","exp10":2},{"op":"wrapAs","at":"/total","key":"amountMinor"},{"op":"add","at":"/total/currency","value":"EUR"}]}`),
			},
			{
				Version: 3, Schema: json.RawMessage(closed + `"required":["total","state"],"properties":{` + total + `,"state":{"enum":["OPEN","PAID"]}}}`), References: references,
				Lens: json.RawMessage(`{"from":2,"ops":[{"op":"add","at":"/state","value":"OPEN"}]}`),
			},
		}},
	}}
}

// The whole way over a real registry: register, pull the lock, decode every version with and without it, go on when the
// registry stops.
func TestAgainstARealRegistry(t *testing.T) {
	server := startRegistry(t)
	server.register(t, basketLock())
	r := open(t, server.URL)
	lock, err := r.Pull(t.Context(), basket)
	if err != nil {
		t.Fatal(err)
	}
	d := decoder(t, r, client.For[Basket](basket, 3))
	for version := 1; version <= 3; version++ {
		guid := guidOf(t, lock, basket, version)
		rec := record(guid, basket, baskets[version])
		before := server.asks(guid, version)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				ev, err := d.Decode(t.Context(), rec)
				if err != nil || ev.Upcast.From != version || *ev.Data.(*Basket) != (Basket{Money{1999, "EUR"}, "OPEN"}) {
					t.Errorf("v%d: Decode = %+v, %v", version, ev, err)
				}
			})
		}
		wg.Wait()
		if n := server.asks(guid, version) - before; n > 1 {
			t.Errorf("v%d: 100 goroutines asked %d times for the schema, want once", version, n)
		}
	}
	_, err = d.Decode(t.Context(), record(validator.GUID{1}, basket, baskets[3]))
	if !errors.Is(err, client.ErrUnknownSchema) {
		t.Errorf("a GUID that the registry does not know: %v, want ErrUnknownSchema", err)
	}
	down := decoder(t, r, client.For[BasketV1](basket, 1))
	if ev, err := down.Decode(t.Context(), record(guidOf(t, lock, basket, 3), basket, baskets[3])); err != nil || ev.Data.(*BasketV1).Price != "19.99" {
		t.Errorf("v3 down to v1: %+v, %v", ev, err)
	}
	server.Close()
	for version := 1; version <= 3; version++ {
		if _, err := d.Decode(t.Context(), record(guidOf(t, lock, basket, version), basket, baskets[version])); err != nil {
			t.Errorf("v%d with the registry stopped: %v", version, err)
		}
	}
	newest := record(guidOf(t, lock, basket, 3), basket, baskets[3])
	if _, err := decoder(t, open(t, server.URL), client.For[Basket](basket, 3)).Decode(t.Context(), newest); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("a new process with the registry stopped: %v, want ErrUnavailable", err)
	}
	locked := open(t, server.URL, client.WithLock(lockBytes(t, lock)))
	if _, err := decoder(t, locked, client.For[Basket](basket, 3)).Decode(t.Context(), newest); err != nil {
		t.Errorf("a new process with the lock file: %v", err)
	}
}

// asks counts what was asked about one version, by either of its names.
func (r *aRegistry) asks(guid validator.GUID, version int) int {
	return r.count("/schemas/guids/"+guid.String()) + r.count(fmt.Sprintf("/subjects/%s/versions/%d", basket, version))
}

// What a proxy needs, from a real registry: bindings, the newest schemas at hand, changes as they come.
func TestWatchARealRegistry(t *testing.T) {
	server := startRegistry(t)
	server.send(t, http.MethodPost, "/subjects/payments-value/versions", map[string]any{"schemaType": "JSON", "schema": `{"required":["amount"]}`})
	r := open(t, server.URL)
	rung := make(chan *validator.Snapshot, 10)
	go r.Watch(t.Context(), func(s *validator.Snapshot) { rung <- s })
	next := func() *validator.Snapshot {
		t.Helper()
		select {
		case s := <-rung:
			return s
		case <-time.After(20 * time.Second):
			t.Fatal("it does not ring")
			return nil
		}
	}
	first := next()
	b := first.Binding("payments")
	if b == nil || len(b.Values) != 1 || b.Values[0].Subject != "payments-value" {
		t.Fatalf("Binding(payments) = %+v", b)
	}
	e, ok := first.Entry(validator.Ref{Subject: "payments-value"})
	if !ok || e.Schema.Valid([]byte(`{}`)) || !e.Schema.Valid([]byte(`{"amount":1}`)) {
		t.Fatalf("Entry = %+v, %v, want the registered schema at hand", e, ok)
	}
	server.send(t, http.MethodPost, "/subjects/payments-value/versions", map[string]any{"schemaType": "JSON", "schema": `{"description":"with a word of explanation","required":["amount"]}`})
	second := next()
	if l, _ := second.Latest("payments-value"); l.Version != 2 || second.Revision <= first.Revision {
		t.Errorf("after version 2: latest %+v at revision %d, before %d", l, second.Revision, first.Revision)
	}
	if e, ok := second.Entry(validator.Ref{Subject: "payments-value"}); !ok || e.In("payments-value") != 2 {
		t.Errorf("Entry = %+v, %v, want version 2 at hand", e, ok)
	}
}
