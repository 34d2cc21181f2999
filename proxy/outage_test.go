package proxy_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// TestRegistryAway holds what an unknown schema means while nobody can be asked about it, and that an idempotent producer
// loses nothing over such a time.
func TestRegistryAway(t *testing.T) {
	for enforce, want := range map[string]int16{
		``:                     kerr.NotEnoughReplicas.Code,
		`{"unknown":"retry"}`:  kerr.NotEnoughReplicas.Code,
		`{"unknown":"open"}`:   0,
		`{"unknown":"closed"}`: kerr.InvalidRecord.Code,
	} {
		t.Run(enforce, func(t *testing.T) {
			brokers, dial := startBroker(t, t.TempDir())
			createTopic(t, brokers, dial, "orders.placed")
			source := shop(enforce)
			source.down.Store(true)
			_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: source})
			batch := encodeBatch(t, string(validator.AppendID(nil, 1))+goodV1)
			p := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {batch}})).Topics[0].Partitions[0]
			if p.ErrorCode != want {
				t.Errorf("registry away: code %d, want %d", p.ErrorCode, want)
			}
			source.down.Store(false)
			p = produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {batch}})).Topics[0].Partitions[0]
			if p.ErrorCode != 0 {
				t.Errorf("registry back: code %d, want 0", p.ErrorCode)
			}
			source.down.Store(true)
			p = produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {batch}})).Topics[0].Partitions[0]
			if p.ErrorCode != 0 {
				t.Errorf("registry away again, schema known: code %d, want 0", p.ErrorCode)
			}
		})
	}
}

func TestOutageLosesNothing(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "outage", 1)
		source := bound(topic, "")
		source.down.Store(true)
		_, addr := b.gate(t, proxy.Config{Schemas: source})
		c := newClient(t, kgo.SeedBrokers(addr), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
		ctx := testContext(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Add(1)
			c.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte(goodV2)}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
				wg.Done()
			})
		}
		time.AfterFunc(700*time.Millisecond, func() { source.down.Store(false) })
		wg.Wait()
		if n := len(b.consume(t, topic, 100)); n != 100 {
			t.Errorf("topic holds %d records, want 100", n)
		}
	})
}

// TestUnknownSchemaIsAskedForOnce lets many connections meet the same new schema at once.
func TestUnknownSchemaIsAskedForOnce(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.placed")
	source := shop("")
	source.delay.Store(int64(100 * time.Millisecond))
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: source})
	batch := encodeBatch(t, string(validator.AppendID(nil, 1))+goodV1)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if p := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {batch}})).Topics[0].Partitions[0]; p.ErrorCode != 0 {
				t.Errorf("code %d, want 0: a schema registered a moment ago works at once", p.ErrorCode)
			}
		})
	}
	wg.Wait()
	if n := source.loads.Load(); n != 1 {
		t.Errorf("the registry was asked %d times, want once", n)
	}
}

// TestSlowRegistryIsNotWaitedForLong has a batch full of unknown schemas cost one wait, not one each.
func TestSlowRegistryIsNotWaitedForLong(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	source := shop("")
	source.delay.Store(int64(time.Minute))
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: source})
	var values []string
	for id := range int32(20) {
		values = append(values, string(validator.AppendID(nil, id+1))+goodV1)
	}
	began := time.Now()
	p := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {encodeBatch(t, values...)}})).Topics[0].Partitions[0]
	if took := time.Since(began); p.ErrorCode != kerr.NotEnoughReplicas.Code || took > 8*proxy.UnknownWait {
		t.Errorf("code %d after %v, want 19 after about %v", p.ErrorCode, took, proxy.UnknownWait)
	}
}

// TestBindingsChange swaps the promises while events come in: each is judged by the old or by the new ones.
func TestBindingsChange(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.placed")
	all := []storedSchema{placedV1, placedV2}
	source := newMemory(nil, all...)
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: source})
	c := newClient(t, kgo.SeedBrokers(addr))
	ctx := testContext(t)
	produce := func() error {
		return c.ProduceSync(ctx, &kgo.Record{Topic: "orders.placed", Value: []byte("{}")}).FirstErr()
	}
	for i := range uint64(100) {
		if err := produce(); err != nil {
			t.Fatalf("unbound: %v", err)
		}
		source.set(2*i+2, []validator.Binding{{Topic: "orders.placed", Declared: true, Values: []validator.Promise{promise("orders.OrderPlaced", all...)}}}, all...)
		if err := produce(); !errors.Is(err, kerr.InvalidRecord) {
			t.Fatalf("bound: %v, want INVALID_RECORD", err)
		}
		source.set(2*i+3, nil, all...)
	}
}

// TestNobodyIsAcceptedWithoutBindings starts before the source has anything.
func TestNobodyIsAcceptedWithoutBindings(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	source := shop("")
	ready := source.Snapshot()
	source.snapshot.Store(validator.NewSnapshot(0, time.Time{}, nil, nil, nil, source.cache))
	s, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: source})
	c := dialRaw(t, addr)
	if _, err := c.Write(frame(18, 0)); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v: a client was served before the bindings were there", n, err)
	}
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	if status, _, text := post(t, web.URL+"/v1/topics/orders.placed/events", "application/json", "{}"); status != 503 {
		t.Errorf("HTTP without bindings = %d %s, want 503", status, text)
	}
	source.snapshot.Store(ready)
	front(t, s)
	if err := newClient(t, kgo.SeedBrokers(addr)).Ping(testContext(t)); err != nil {
		t.Errorf("after the bindings came: %v", err)
	}
}

// TestMaxStale stops enforcing bindings that nobody confirmed for too long; what is not bound goes on.
func TestMaxStale(t *testing.T) {
	b := embedded(t)
	for _, tc := range []struct {
		age  time.Duration
		max  time.Duration
		code int16
		says string
	}{
		{time.Minute, time.Hour, 0, `"status":"ready"`},
		{10 * time.Minute, time.Hour, 0, "the bindings are 10m0s old: the registry does not confirm them"},
		{10 * time.Minute, 0, 0, "the bindings are 10m0s old"},
		{2 * time.Hour, time.Hour, kerr.NotEnoughReplicas.Code, "at most 1h0m0s are allowed"},
	} {
		topic, free := b.topic(t, "stale", 1), b.topic(t, "free", 1)
		source := bound(topic, "")
		old := *source.Snapshot()
		old.At = time.Now().Add(-tc.age)
		source.snapshot.Store(&old)
		s, addr := b.gate(t, proxy.Config{Schemas: source, MaxStale: tc.max})
		answer := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {encodeBatch(t, goodV2)}, free: {encodeBatch(t, badLines)}}))
		for _, rt := range answer.Topics {
			want := tc.code
			if rt.Topic == free {
				want = 0
			}
			if got := rt.Partitions[0].ErrorCode; got != want {
				t.Errorf("bindings %v old, at most %v: topic %s has code %d, want %d", tc.age, tc.max, rt.Topic, got, want)
			}
		}
		web := httptest.NewServer(s.Handler())
		if text := get(t, web.URL+"/readyz"); !contains(text, tc.says) {
			t.Errorf("/readyz = %s, want %q", text, tc.says)
		}
		web.Close()
	}
}

// TestPolicyThatIsNone holds a topic to reject, and says so.
func TestPolicyThatIsNone(t *testing.T) {
	for _, enforce := range []string{`{"policy":"lax"}`, `{"quarantine":"yes"}`, `{"polcy":"off"}`, `{"choose":"newest"}`} {
		brokers, dial := startBroker(t, t.TempDir())
		s, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(enforce)})
		p := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {encodeBatch(t, badLines)}})).Topics[0].Partitions[0]
		if p.ErrorCode != kerr.InvalidRecord.Code {
			t.Errorf("%s: code %d, want 87", enforce, p.ErrorCode)
		}
		if text := get(t, front(t, s)+"/readyz"); !contains(text, "topic orders.placed is held to policy reject") {
			t.Errorf("%s: /readyz = %s, want a warning", enforce, text)
		}
	}
}

func TestPolicies(t *testing.T) {
	for enforce, c := range map[string]struct {
		value string
		want  int16
	}{
		`{"policy":"off"}`:                 {badLines, 0},
		`{"policy":"reject"}`:              {badLines, 87},
		`{"choose":{"pinned":1}}`:          {goodV1, 0},
		`{"choose":"any"}`:                 {goodV1, 0},
		`{"choose":"any" }`:                {`{}`, 87},
		`{"tombstones":"allow"}`:           {"", 0},
		`{"tombstones":"deny"}`:            {"", 87},
		`{"senders":true}`:                 {goodV2, 87},
		`{"discriminator":{"header":"x"}}`: {goodV2, 0},
	} {
		brokers, dial := startBroker(t, t.TempDir())
		createTopic(t, brokers, dial, "orders.placed")
		_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(enforce)})
		if p := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {encodeBatch(t, c.value)}})).Topics[0].Partitions[0]; p.ErrorCode != c.want {
			t.Errorf("%s, %q: code %d, want %d", enforce, c.value, p.ErrorCode, c.want)
		}
	}
}

func TestDiscriminator(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.events")
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(`{"discriminator":{"type":"/eventType","version":"/v"}}`)})
	for value, want := range map[string]int16{
		`{"eventType":"orders.OrderCancelled","orderId":"x","reason":"stock"}`:                      0,
		`{"eventType":"orders.OrderCancelled","orderId":"x","reason":"?"}`:                          87,
		`{"eventType":"orders.OrderPlaced","v":1,"orderId":"x","lines":[{"sku":"a","quantity":1}]}`: 0,
		`{"eventType":"orders.OrderPlaced","v":2,"orderId":"x","lines":[{"sku":"a","quantity":1}]}`: 87,
		`{"orderId":"x","reason":"stock"}`:                                                          87,
	} {
		if p := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.events": {encodeBatch(t, value)}})).Topics[0].Partitions[0]; p.ErrorCode != want {
			t.Errorf("%s: code %d, want %d", value, p.ErrorCode, want)
		}
	}
}
