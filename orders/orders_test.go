package orders_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/orders"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/sim"
	"github.com/accordhq/accord/orders/views"
	"github.com/accordhq/accord/schemas"
)

// A shop is the whole system and its client.
type shop struct {
	t      *testing.T
	config orders.Config
	system *orders.System
	stop   func()
}

// newShop prepares a system with the schemas' lock file and a log that shows errors, with -v warnings too.
func newShop(t *testing.T, c orders.Config) *shop {
	t.Helper()
	var err error
	if c.Lock, err = fs.ReadFile(schemas.FS(), "schemas.lock"); err != nil {
		t.Fatal(err)
	}
	level := slog.LevelError
	if testing.Verbose() {
		level = slog.LevelWarn
	}
	c.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	return &shop{t: t, config: c}
}

// inShop runs a test in a bubble, with a system that is up.
func inShop(t *testing.T, sims orders.Simulators, stock map[string]int64, test func(s *shop)) {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		t.Setenv("TMPDIR", "/dev/shm") // what a disk takes to be sure is not what is tested here
	}
	synctest.Test(t, func(t *testing.T) {
		network := &kfake.VirtualNetwork{}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(network.Listen))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		s := newShop(t, orders.Config{
			Store: "sqlite:" + t.TempDir(), Brokers: cluster.ListenAddrs(), CreateTopics: true,
			Simulators: sims, Stock: stock, Dial: network.DialContext,
		})
		s.start()
		test(s)
		s.stop()
	})
}

func (s *shop) start() {
	s.t.Helper()
	var err error
	if s.system, err = orders.New(s.t.Context(), s.config); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.system.Run(ctx) }()
	s.stop = func() {
		s.t.Helper()
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run = %v, want nil", err)
		}
	}
}

func (s *shop) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.system.Handler().ServeHTTP(w, r)
	return w
}

// place orders some lines and returns the order's id.
func (s *shop) place(lines string) string {
	s.t.Helper()
	w := s.do("POST", "/orders", `{"customer":{"id":"CUST-6789","givenName":"Ada","familyName":"Lovelace"},"lines":[`+lines+`]}`)
	if w.Code != http.StatusCreated {
		s.t.Fatalf("POST /orders = %d %s, want 201", w.Code, w.Body)
	}
	var receipt struct{ OrderID string }
	s.read(w, &receipt)
	return receipt.OrderID
}

func (s *shop) read(w *httptest.ResponseRecorder, into any) {
	s.t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		s.t.Fatalf("%s: %v", w.Body, err)
	}
}

// await waits until an order has a state.
func (s *shop) await(id string, want event.Status) views.Order {
	s.t.Helper()
	var o views.Order
	for range 1800 {
		w := s.do("GET", "/orders/"+id, "")
		if w.Code == http.StatusOK {
			s.read(w, &o)
			if o.Status == want {
				return o
			}
		}
		time.Sleep(100 * time.Millisecond) // virtual
	}
	s.t.Fatalf("%s is %s (%s) after three minutes, want %s", id, o.Status, o.Reason, want)
	return o
}

// rest waits until nothing is left to do and every invariant holds, or shows those that do not.
func (s *shop) rest(patience, look time.Duration) {
	s.t.Helper()
	var faults []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(look) {
		idle, err := s.system.Idle(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if !idle {
			continue
		}
		if faults, err = sim.Check(s.t.Context(), s.config.Store); err != nil {
			s.t.Fatal(err)
		}
		if faults == nil {
			return
		}
	}
	s.t.Fatalf("not at rest after %s:\n%s", patience, strings.Join(faults[:min(len(faults), 20)], "\n"))
}

func TestOrderIsPlacedPaidShippedAndCompleted(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		id := s.place(`{"sku":"PROD-101","quantity":2},{"sku":"PROD-103","quantity":1}`)
		o := s.await(id, event.Completed)
		if o.Total != (event.Money{AmountMinor: 2*2599 + 999, Currency: "USD"}) {
			t.Errorf("total = %+v, want 61.97 USD, from the shop's own prices", o.Total)
		}
		s.rest(time.Minute, time.Second)
		var history struct {
			Events []struct{ Type string }
		}
		s.read(s.do("GET", "/orders/"+id+"/history", ""), &history)
		var types []string
		for _, e := range history.Events {
			types = append(types, strings.TrimPrefix(e.Type, "com.example.orders."))
		}
		want := "OrderPlaced OrderStatusChanged OrderStatusChanged OrderStatusChanged OrderStatusChanged OrderCompleted"
		if got := strings.Join(types, " "); got != want {
			t.Errorf("history = %s, want %s", got, want)
		}
	})
}

// The sample order of the sources: two headphones, and a product that the warehouse never had.
func TestSampleOrderEndsCancelledWithItsShortage(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		id := s.place(`{"sku":"PROD-101","quantity":2},{"sku":"PROD-205","quantity":1}`)
		o := s.await(id, event.Cancelled)
		if o.Total.AmountMinor != 11197 || o.Reason != event.OutOfStock || o.Refund != nil {
			t.Errorf("order = %+v, want 111.97, OUT_OF_STOCK and no refund", o)
		}
		s.rest(time.Minute, time.Second)
		box := s.do("GET", "/notifications?order="+id, "").Body.String()
		if !strings.Contains(box, "Out of stock: PROD-205") || !strings.Contains(box, "admin@store.com") {
			t.Errorf("notifications = %s, want an alert about PROD-205 to the administrator", box)
		}
	})
}

func TestDeclinedCardReleasesTheStock(t *testing.T) {
	inShop(t, orders.Simulators{PaymentDeclined: 1}, nil, func(s *shop) {
		id := s.place(`{"sku":"PROD-101","quantity":50}`)
		o := s.await(id, event.Cancelled)
		if o.Reason != event.PaymentRefused {
			t.Errorf("reason = %s, want %s", o.Reason, event.PaymentRefused)
		}
		s.rest(time.Minute, time.Second)
		if stock := s.do("GET", "/stock", "").Body.String(); !strings.Contains(stock, `"sku":"PROD-101","onHand":50,"reserved":0`) {
			t.Errorf("stock = %s, want all 50 back", stock)
		}
	})
}

// A mix of everything that can go wrong by itself, from a seed: short stock, declined cards, lost answers of the
// provider, refused parcels, a dead SMS channel and customers who change their minds. In the middle the whole system
// stops and starts again.
func TestManyOrdersComeToRest(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			sims := orders.Simulators{
				Seed: seed, PaymentDeclined: 0.2, AnswerLost: 0.2, PaymentLatency: [2]time.Duration{0, 3 * time.Second},
				CarrierRefused: 0.1, Handing: 300 * time.Millisecond, Transit: 2 * time.Second, ChannelFailed: map[string]float64{"sms": 0.5},
			}
			inShop(t, sims, map[string]int64{"PROD-101": 30, "PROD-102": 12, "PROD-103": 40}, func(s *shop) {
				random := rand.New(rand.NewPCG(seed, 7))
				var ids []string
				for i := range 40 {
					ids = append(ids, s.place(fmt.Sprintf(`{"sku":"PROD-10%d","quantity":%d},{"sku":"PROD-10%d","quantity":1}`,
						1+random.IntN(3), 1+random.IntN(3), 1+random.IntN(3))))
					if random.IntN(5) == 0 {
						s.cancel(ids[random.IntN(len(ids))])
					}
					if i == 20 {
						s.stop()
						s.start()
					}
					time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // virtual
				}
				s.duplicate()
				s.rest(15*time.Minute, 2*time.Second)
			})
		})
	}
}

// I11, B02: what nobody can read ends as a dead letter of each consumer that would have had to read it, with its
// original bytes, and holds up nothing. I7, I10: what the topics hold is what was stored, valid for a decoder.
func TestPoisonEndsAsADeadLetterAndHoldsUpNothing(t *testing.T) {
	inShop(t, orders.Simulators{}, nil, func(s *shop) {
		s.await(s.place(`{"sku":"PROD-101","quantity":1}`), event.Completed)
		client, err := kgo.NewClient(kgo.SeedBrokers(s.config.Brokers...), kgo.Dialer(s.config.Dial))
		if err != nil {
			s.t.Fatal(err)
		}
		poison := &kgo.Record{Topic: event.OrderEvents, Key: []byte("ORD-X"), Value: []byte(`{"orderId": 7}`), Headers: []kgo.RecordHeader{
			{Key: "ce_specversion", Value: []byte("1.0")},
			{Key: "ce_id", Value: []byte("poison-1")},
			{Key: "ce_source", Value: []byte("/elsewhere")},
			{Key: "ce_type", Value: []byte("com.example.orders.OrderPlaced")},
			{Key: "ce_dataschema", Value: []byte("/subjects/orders.OrderPlaced/versions/3")},
		}}
		if err := client.ProduceSync(s.t.Context(), poison).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
		client.Close()
		s.await(s.place(`{"sku":"PROD-102","quantity":1}`), event.Completed)
		time.Sleep(time.Minute)
		s.rest(time.Minute, time.Second)
		letters := s.consume(6, "orders.dlq", "inventory.dlq", "payments.dlq", "shipping.dlq", "notifications.dlq", "views.dlq")
		groups := map[string]bool{}
		for _, r := range letters {
			rec := headers(r)
			if string(r.Value) != string(poison.Value) || rec["ce_id"] != "poison-1" || rec["dlq-class"] != "poison" || !strings.Contains(rec["dlq-error"], "customer") {
				s.t.Errorf("dead letter %s with %v, want the original bytes and the reason", r.Value, rec)
			}
			groups[rec["dlq-group"]] = true
		}
		// Orders reads other topics, shipping other types of this one.
		if len(letters) != 4 || !groups["inventory"] || !groups["payments"] || !groups["notifications"] || !groups["views"] {
			s.t.Errorf("%d dead letters of %v, want one each of inventory, payments, notifications and views", len(letters), groups)
		}
	})
}

// consume reads topics until they have been silent for a while.
func (s *shop) consume(silent int, topics ...string) (records []*kgo.Record) {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.config.Brokers...), kgo.Dialer(s.config.Dial), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	for quiet := 0; quiet < silent; quiet++ {
		ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		if found := fetches.Records(); len(found) > 0 {
			records, quiet = append(records, found...), 0
		}
	}
	return records
}

func headers(r *kgo.Record) map[string]string {
	all := map[string]string{}
	for _, h := range r.Headers {
		all[h.Key] = string(h.Value)
	}
	return all
}

// cancel asks for an order to end; after shipping the answer is no.
func (s *shop) cancel(id string) {
	s.t.Helper()
	if w := s.do("POST", "/orders/"+id+"/cancel", ""); w.Code != http.StatusAccepted && w.Code != http.StatusConflict {
		s.t.Errorf("POST /orders/%s/cancel = %d %s, want 202 or 409", id, w.Code, w.Body)
	}
}

// duplicate sends everything that any service ever stored a second time, as relays do that lost their checkpoints.
func (s *shop) duplicate() {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.config.Brokers...), kgo.Dialer(s.config.Dial))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	n := 0
	for _, service := range orders.Services() {
		store, err := journal.Open(s.t.Context(), journal.Config{URL: s.config.Store, Service: service})
		if err != nil {
			s.t.Fatal(err)
		}
		stored, err := journal.After(s.t.Context(), store.View(), 0, sim.MaxEvents)
		if err := errors.Join(err, store.Close()); err != nil {
			s.t.Fatal(err)
		}
		var again []*kgo.Record
		for _, e := range stored {
			r := &kgo.Record{Topic: e.Record.Topic, Key: e.Record.Key, Value: e.Record.Value}
			for _, h := range e.Record.Headers {
				r.Headers = append(r.Headers, kgo.RecordHeader(h))
			}
			again = append(again, r)
		}
		n += len(again)
		if err := client.ProduceSync(s.t.Context(), again...).FirstErr(); len(again) > 0 && err != nil {
			s.t.Fatal(err)
		}
	}
	if n == 0 {
		s.t.Error("there was nothing to send again")
	}
}
