package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/validator"
)

// routes answers as a registry does, from a lock: the routes that client asks for, and no others. It counts requests by
// path and can be away.
type routes struct {
	mu       sync.Mutex
	lock     client.Lock
	away     bool
	asked    map[string]int
	bindings string
	revision int
	reports  []string
	pins     []string
}

func newRoutes(lock client.Lock) *routes { return &routes{lock: lock, asked: map[string]int{}} }

// serve makes a client of the routes without a network, so that time can be tested.
func (s *routes) client() *http.Client { return &http.Client{Transport: s} }

func (s *routes) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[req.URL.Path]++
	if s.away {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	s.handle(w, req)
	return w.Result(), nil
}

func (s *routes) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

func (s *routes) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.asked {
		n += c
	}
	return n
}

func (s *routes) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *routes) handle(w http.ResponseWriter, req *http.Request) {
	p := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	is := func(pattern string) bool {
		want := strings.Split(pattern, "/")
		if len(want) != len(p) {
			return false
		}
		for i := range want {
			if want[i] != "*" && want[i] != p[i] {
				return false
			}
		}
		return true
	}
	switch {
	case is("v1/usage"):
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(err)
		}
		s.reports = append(s.reports, string(body))
		w.WriteHeader(http.StatusNoContent)
	case is("v1/readers"):
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(err)
		}
		s.pins = append(s.pins, string(body))
		w.WriteHeader(http.StatusNoContent)
	case is("v1/bindings"):
		s.answerETag(w, req, strconv.Itoa(s.revision), json.RawMessage(s.bindings))
	case is("schemas/guids/*"):
		s.each(w, func(_ string, v client.LockVersion) any {
			return when(v.GUID.String() == p[2], map[string]any{"schemaType": "JSON", "schema": string(v.Schema), "references": v.References, "guid": v.GUID})
		})
	case is("schemas/guids/*/ids"):
		s.each(w, func(_ string, v client.LockVersion) any {
			return when(v.GUID.String() == p[2], []any{map[string]any{"context": ".", "id": v.ID}})
		})
	case is("schemas/ids/*"):
		s.each(w, func(_ string, v client.LockVersion) any {
			return when(strconv.Itoa(int(v.ID)) == p[2], map[string]any{"schemaType": "JSON", "schema": string(v.Schema), "references": v.References, "guid": v.GUID})
		})
	case is("schemas/ids/*/versions"):
		s.each(w, func(subject string, v client.LockVersion) any {
			return when(strconv.Itoa(int(v.ID)) == p[2], []any{map[string]any{"subject": subject, "version": v.Version}})
		})
	case is("subjects/*/versions"):
		numbers := []int{}
		for _, l := range s.lock.Subjects {
			for _, v := range l.Versions {
				if l.Subject == p[1] {
					numbers = append(numbers, v.Version)
				}
			}
		}
		write(w, numbers)
	case is("subjects/*/versions/*"):
		s.each(w, func(subject string, v client.LockVersion) any {
			return when(subject == p[1] && strconv.Itoa(v.Version) == p[3], map[string]any{
				"subject": subject, "version": v.Version, "id": v.ID, "guid": v.GUID, "schemaType": "JSON", "schema": string(v.Schema), "references": v.References,
			})
		})
	case is("v1/subjects/*/versions/*/lens"):
		for _, l := range s.lock.Subjects {
			for _, v := range l.Versions {
				if l.Subject == p[2] && strconv.Itoa(v.Version) == p[4] && v.Lens != nil {
					s.answerETag(w, req, strconv.Itoa(v.Rev), map[string]any{"lens": v.Lens, "rev": v.Rev})
					return
				}
			}
		}
		notFound(w, 40402)
	default:
		w.WriteHeader(http.StatusTeapot)
	}
}

func (s *routes) answerETag(w http.ResponseWriter, req *http.Request, etag string, body any) {
	etag = `"` + etag + `"`
	w.Header().Set("ETag", etag)
	if req.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, body)
}

// each writes the first answer that is not nil, else 404.
func (s *routes) each(w http.ResponseWriter, answer func(subject string, v client.LockVersion) any) {
	for _, l := range s.lock.Subjects {
		for _, v := range l.Versions {
			if a := answer(l.Subject, v); a != nil {
				write(w, a)
				return
			}
		}
	}
	notFound(w, 40403)
}

func when(condition bool, a any) any {
	if condition {
		return a
	}
	return nil
}

func write(w http.ResponseWriter, body any) {
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func notFound(w http.ResponseWriter, code int) {
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, `{"error_code":%d,"message":"not found"}`, code)
}

func TestDecodeOverHTTP(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	s := newRoutes(lock)
	r := open(t, "http://registry", client.WithHTTP(s.client()))
	d := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3))
	for version := 1; version <= 3; version++ {
		guid := guidOf(t, lock, orderPlaced, version)
		rec := record(guid, orderPlaced, placed[version])
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				ev, err := d.Decode(t.Context(), rec)
				if err != nil {
					t.Errorf("v%d: %v", version, err)
				} else if ev.Upcast.From != version || ev.Data.(*OrderPlaced).Total.AmountMinor != 3998 {
					t.Errorf("v%d: decoded %+v, %+v", version, ev.Data, ev.Upcast)
				}
			})
		}
		wg.Wait()
		n := s.count("/schemas/guids/"+guid.String()) + s.count(fmt.Sprintf("/subjects/%s/versions/%d", orderPlaced, version))
		if n != 1 {
			t.Errorf("v%d: 100 goroutines asked %d times for the schema, want once", version, n)
		}
	}
	for _, path := range []string{"/v1/subjects/orders.OrderPlaced/versions/2/lens", "/v1/subjects/orders.OrderPlaced/versions/3/lens", "/subjects/common.Money/versions/1"} {
		if n := s.count(path); n != 1 {
			t.Errorf("%s was asked for %d times, want once", path, n)
		}
	}
	// after the first sight the registry may go
	before := s.total()
	s.set(func() { s.away = true })
	for version := 1; version <= 3; version++ {
		if _, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, version), orderPlaced, placed[version])); err != nil {
			t.Errorf("v%d with the registry away: %v", version, err)
		}
	}
	if after := s.total(); after != before {
		t.Errorf("%d requests after the first sight, want none", after-before)
	}
	_, err := d.Decode(t.Context(), record(validator.GUID{1}, orderPlaced, placed[3]))
	if !errors.Is(err, client.ErrUnavailable) || client.Class(err) != client.Retry {
		t.Errorf("a new schema with the registry away: %v, want ErrUnavailable", err)
	}
	s.set(func() { s.away = false })
	_, err = d.Decode(t.Context(), record(validator.GUID{1}, orderPlaced, placed[3]))
	if !errors.Is(err, client.ErrUnknownSchema) || client.Class(err) != client.Retry {
		t.Errorf("a schema that the registry does not know: %v, want ErrUnknownSchema", err)
	}
}

func TestTheLockComesBeforeTheRegistry(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	s := newRoutes(lock)
	d := decoder(t, open(t, "http://registry", client.WithHTTP(s.client()), client.WithLock(lockBytes(t, lock))), client.For[OrderPlaced](orderPlaced, 3))
	if _, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 1), orderPlaced, placed[1])); err != nil {
		t.Fatal(err)
	}
	if n := s.total(); n != 0 {
		t.Errorf("%d requests, want none for what the lock file holds", n)
	}
}

func TestANewLensRevisionIsTakenOver(t *testing.T) {
	for _, frozen := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			lock := lockOf(t, orderPlaced)
			s := newRoutes(lockOf(t, orderPlaced))
			options := []client.Option{client.WithHTTP(s.client()), client.WithLock(lockBytes(t, lock))}
			if frozen {
				options = append(options, client.Frozen())
			}
			d := decoder(t, open(t, "http://registry", options...), client.For[OrderPlaced](orderPlaced, 3))
			decode := func() *client.Event {
				t.Helper()
				ev, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 1), orderPlaced, placed[1]))
				if err != nil {
					t.Fatal(err)
				}
				return ev
			}
			decode()
			s.set(func() {
				v := &s.lock.Subjects[1].Versions[1]
				v.Lens, v.Rev = json.RawMessage(strings.Replace(string(v.Lens), "USD", "EUR", 1)), 2
			})
			decode()
			time.Sleep(client.PlanRefresh)
			decode() // sets off the question
			synctest.Wait()
			ev := decode()
			currency, rev := "EUR", 2
			if frozen {
				currency, rev = "USD", 1
			}
			if got := ev.Data.(*OrderPlaced).Total.Currency; got != currency || ev.Upcast.Rev != rev {
				t.Errorf("frozen %v: currency %s, rev %d, want %s, %d", frozen, got, ev.Upcast.Rev, currency, rev)
			}
			if n := s.total(); frozen != (n == 0) {
				t.Errorf("frozen %v: %d requests", frozen, n)
			}
		})
	}
}

func TestPull(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	s := newRoutes(lock)
	pulled, err := open(t, "http://registry", client.WithHTTP(s.client())).Pull(t.Context(), orderPlaced)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(lockBytes(t, lock)), string(lockBytes(t, pulled))); diff != "" {
		t.Errorf("Pull (-want +got):\n%s", diff)
	}
	s.set(func() { s.away = true })
	if _, err := open(t, "http://registry", client.WithHTTP(s.client())).Pull(t.Context(), orderPlaced); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("Pull with the registry away = %v, want ErrUnavailable", err)
	}
}

func TestUsageIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := lockOf(t, orderPlaced)
		s := newRoutes(lock)
		r := open(t, "http://registry", client.WithHTTP(s.client()), client.WithLock(lockBytes(t, lock)))
		d := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3), client.WithGroup("payments"))
		read := func(versions ...int) {
			t.Helper()
			for _, v := range versions {
				if _, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, v), orderPlaced, placed[v])); err != nil {
					t.Fatal(err)
				}
			}
		}
		sent := func() (seqs []int, seen map[int]int64) {
			seen = map[int]int64{}
			for _, report := range s.reports {
				var u catalog.UsageReport // what the registry reads it as
				if err := json.Unmarshal([]byte(report), &u); err != nil || u.Instance == "" || u.To.IsZero() {
					t.Fatalf("report %s: %v", report, err)
				}
				seqs = append(seqs, int(u.Seq))
				for _, row := range u.Seen {
					if row.Role != catalog.RoleRead || row.Group != "payments" || row.Topic != "orders.events" || row.Subject != orderPlaced || row.Bytes == 0 || row.First.IsZero() {
						t.Errorf("row %+v", row)
					}
					seen[row.Version] += row.Records
				}
			}
			return seqs, seen
		}
		read(1, 3, 3)
		time.Sleep(client.UsageEvery)
		synctest.Wait()
		time.Sleep(10 * client.UsageEvery) // nothing read, nothing told
		s.set(func() { s.away = true })
		read(1)
		time.Sleep(3 * client.UsageEvery)
		s.set(func() { s.away = false })
		time.Sleep(client.UsageEvery)
		synctest.Wait()
		read(2)
		r.Close()
		seqs, seen := sent()
		if diff := cmp.Diff([]int{1, 2, 3}, seqs); diff != "" {
			t.Errorf("seq of the reports taken (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[int]int64{1: 2, 2: 1, 3: 2}, seen); diff != "" {
			t.Errorf("records by version (-want +got):\n%s", diff)
		}
	})
}

func TestPinsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := lockOf(t, orderPlaced)
		s := newRoutes(lock)
		s.away = true
		r := open(t, "http://registry", client.WithHTTP(s.client()), client.WithLock(lockBytes(t, lock)))
		decoder(t, r, client.For[OrderPlaced](orderPlaced, 3), client.WithGroup("payments"))
		synctest.Wait()
		s.set(func() { s.away = false })
		decoder(t, r, client.For[OrderPlaced](orderPlaced, 2), client.WithGroup("audit"))
		decoder(t, r, client.For[OrderPlaced](orderPlaced, 1)) // of no group: nobody's
		synctest.Wait()
		time.Sleep(client.PinEvery + time.Second)
		synctest.Wait()
		want := `{"readers":[{"group":"audit","subject":"orders.OrderPlaced","version":2},{"group":"payments","subject":"orders.OrderPlaced","version":3}]}`
		if diff := cmp.Diff([]string{want, want}, s.pins); diff != "" {
			t.Errorf("pins told (-want +got):\n%s", diff)
		}
		r.Close()
		decoder(t, r, client.For[OrderPlaced](orderPlaced, 1), client.WithGroup("late"))
		time.Sleep(client.PinEvery)
		if len(s.pins) != 2 {
			t.Errorf("told after Close: %v", s.pins[2:])
		}
	})
}

const someBindings = `{"revision":%d,"services":{"User:payments":"payments"},"topics":[
	{"topic":"orders.events","declared":true,"compacted":false,"enforce":{"policy":"reject","discriminator":%s},
	 "values":[{"subject":"orders.OrderPlaced","versions":[3,2,1],"latest":{"version":3,"id":4,"guid":"%s"},"state":false,"keyPointer":"/orderId","senders":["orders"]}],
	 "keys":[]}]}`

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := lockOf(t, orderPlaced)
		guid := guidOf(t, lock, orderPlaced, 3)
		s := newRoutes(lock)
		bind := func(revision int) {
			s.set(func() { s.revision, s.bindings = revision, fmt.Sprintf(someBindings, revision, "null", guid) })
		}
		bind(7)
		r := open(t, "http://registry", client.WithHTTP(s.client()))
		if snapshot := r.Snapshot(); snapshot == nil || snapshot.Revision != 0 || snapshot.Binding("orders.events") != nil {
			t.Errorf("before Watch: %+v", snapshot)
		}
		rung := make(chan *validator.Snapshot, 10)
		go r.Watch(t.Context(), func(s *validator.Snapshot) { rung <- s })
		first := <-rung
		want := &validator.Binding{
			Topic: "orders.events", Declared: true, Enforce: []byte(`{"policy":"reject","discriminator":null}`),
			Values: []validator.Promise{{Subject: orderPlaced, Versions: []int32{3, 2, 1}, KeyPointer: "/orderId", Senders: []string{"orders"}}},
		}
		if diff := cmp.Diff(want, first.Binding("orders.events")); diff != "" || first.Revision != 7 || first.Service("User:payments") != "payments" {
			t.Errorf("snapshot %d (-want +got):\n%s", first.Revision, diff)
		}
		for _, ref := range []validator.Ref{{Subject: orderPlaced}, {GUID: guid}} {
			if e, ok := first.Entry(ref); !ok || e.In(orderPlaced) != 3 {
				t.Errorf("Entry(%s) = %+v, %v, want the latest at hand", ref, e, ok)
			}
		}
		time.Sleep(10 * client.PollEvery)
		if len(rung) != 0 {
			t.Error("it rang without a change")
		}
		if at := r.Snapshot().At; time.Since(at) > client.PollEvery || !at.After(first.At) {
			t.Errorf("At is %s ago, want the last answer's time", time.Since(at))
		}
		s.set(func() { s.away = true })
		time.Sleep(time.Minute)
		bind(8)
		s.set(func() { s.away = false })
		if second := <-rung; second.Revision != 8 || r.Snapshot() != second {
			t.Errorf("after the registry came back: revision %d", second.Revision)
		}
	})
}

func TestDecodeByWhatTheTopicIsBoundTo(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	for _, discriminator := range []string{"null", `{"header":"kind"}`, `{"type":"/orderId"}`} {
		s := newRoutes(lock)
		s.bindings = fmt.Sprintf(someBindings, 1, discriminator, guidOf(t, lock, orderPlaced, 3))
		d := decoder(t, open(t, "http://registry", client.WithHTTP(s.client())), client.For[OrderPlaced](orderPlaced, 3))
		rec := client.Record{Topic: "orders.events", Value: []byte(strings.Replace(placed[2], "ORD-1", "x.orders.OrderPlaced", 1)), Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
		rec.Headers = client.Headers{{Key: "kind", Value: []byte("x.orders.OrderPlaced")}}
		for range 2 {
			ev, err := d.Decode(t.Context(), rec)
			if err != nil || ev.Upcast.From != 2 || ev.Data.(*OrderPlaced).PlacedAt != "2026-03-04T05:06:07Z" {
				t.Errorf("discriminator %s: Decode = %+v, %v, want version 2, and the record's time", discriminator, ev, err)
			}
		}
		if n := s.count("/v1/bindings"); n != 1 {
			t.Errorf("bindings asked for %d times, want once", n)
		}
		rec.Topic = "other"
		if _, err := d.Decode(t.Context(), rec); !errors.Is(err, client.ErrUnknownSchema) {
			t.Errorf("unbound topic: %v, want ErrUnknownSchema", err)
		}
	}
}

// A caller's ctx ends its own wait for a lens, not that of others.
func TestWaitForALensEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := lockOf(t, orderPlaced)
		s := newRoutes(lock)
		slow := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/lens") {
				time.Sleep(5 * time.Second)
			}
			return s.RoundTrip(req)
		})}
		d := decoder(t, open(t, "http://registry", client.WithHTTP(slow)), client.For[OrderPlaced](orderPlaced, 3))
		rec := record(guidOf(t, lock, orderPlaced, 2), orderPlaced, placed[2])
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := d.Decode(t.Context(), rec); err != nil {
				t.Errorf("the patient caller: %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := d.Decode(ctx, rec); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("the impatient caller: %v after %s, want its own deadline after 1s", err, time.Since(start))
		}
		wg.Wait()
		if n := s.count("/v1/subjects/orders.OrderPlaced/versions/3/lens"); n != 1 {
			t.Errorf("the lens was asked for %d times, want once", n)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestNegativeTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := lockOf(t, orderPlaced)
		guid := guidOf(t, lock, orderPlaced, 3)
		s := newRoutes(client.Lock{})
		r := open(t, "http://registry", client.WithHTTP(s.client()), client.WithNegativeTTL(validator.NegativeTTL))
		fetch := func() error {
			_, err := r.Fetch(t.Context(), validator.Ref{GUID: guid})
			return err
		}
		if err := fetch(); !errors.Is(err, client.ErrUnknownSchema) {
			t.Errorf("Fetch = %v, want ErrUnknownSchema", err)
		}
		s.set(func() { s.lock = lock })
		time.Sleep(validator.NegativeTTL - time.Millisecond)
		if err := fetch(); !errors.Is(err, client.ErrUnknownSchema) {
			t.Errorf("Fetch within NegativeTTL = %v, want ErrUnknownSchema", err)
		}
		time.Sleep(time.Millisecond)
		if err := fetch(); err != nil {
			t.Errorf("Fetch after NegativeTTL = %v", err)
		}
	})
}

func TestToken(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = req.Header.Get("Authorization")
		notFound(w, 40403)
	}))
	defer server.Close()
	r := open(t, server.URL, client.WithToken("t-1"))
	if _, err := r.Fetch(t.Context(), validator.Ref{ID: 7}); !errors.Is(err, client.ErrUnknownSchema) || got != "Bearer t-1" {
		t.Errorf("Fetch = %v with Authorization %q, want Bearer t-1", err, got)
	}
}

// Whatever a server answers, the error is one of the two that a consumer can act on, and never holds a password.
func TestOddAnswers(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		want       error
	}{
		{"a 404 of something else", "<html>nginx</html>", 404, client.ErrUnavailable},
		{"a 404 in its own words", `{"error_code":40403,"message":"Schema not found"}`, 404, client.ErrUnknownSchema},
		{"a problem document", `{"status":404,"title":"Not Found"}`, 404, client.ErrUnknownSchema},
		{"route not there", `{"error_code":404,"message":"HTTP 404 Not Found"}`, 404, client.ErrUnavailable},
		{"refused", `{"error_code":40101}`, 401, client.ErrUnavailable},
		{"overloaded", ``, 429, client.ErrUnavailable},
		{"broken", ``, 500, client.ErrUnavailable},
		{"not JSON", `<html>`, 200, client.ErrUnavailable},
		{"empty object", `{}`, 200, client.ErrUnavailable},
		{"too long", `"` + strings.Repeat("x", client.MaxAnswerBytes), 200, client.ErrUnavailable},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if user, password, _ := req.BasicAuth(); user != "u" || password != "s3cret" {
				t.Errorf("%s: credentials %s:%s", c.name, user, password)
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		r := open(t, strings.Replace(server.URL, "http://", "http://u:s3cret@", 1))
		_, err := r.Fetch(t.Context(), validator.Ref{ID: 7})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: Fetch = %v, want %v", c.name, err, c.want)
		}
		server.Close()
		_, err = r.Fetch(t.Context(), validator.Ref{ID: 8})
		if !errors.Is(err, client.ErrUnavailable) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: Fetch from a stopped server = %v, want ErrUnavailable without the password", c.name, err)
		}
	}
}
