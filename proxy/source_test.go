package proxy_test

import (
	"context"
	"crypto/md5"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accordhq/accord/validator"
)

// A memory is a validator.Source over schemas in memory, with an answer time and an outage that tests can set.
type memory struct {
	cache    *validator.Cache
	snapshot atomic.Pointer[validator.Snapshot]
	loads    atomic.Int64
	down     atomic.Bool
	delay    atomic.Int64 // time.Duration
	stored   atomic.Pointer[[]storedSchema]

	// what the snapshot was made of; used by the test's own goroutine
	bindings []validator.Binding
	latest   map[string]validator.Latest
	services map[string]string
}

type storedSchema struct {
	id      int32
	subject string
	version int32
	text    string
}

// guid is some GUID of a text; registries have their own way of computing it.
func (s storedSchema) guid() validator.GUID { return validator.GUID(md5.Sum([]byte(s.text))) }

var errDown = errors.New("connection refused")

// newMemory makes a source of these schemas and bindings. Services: User:orders is orders, User:payments is payments.
func newMemory(bindings []validator.Binding, stored ...storedSchema) *memory {
	m := &memory{}
	m.cache = validator.NewCache(m.load, validator.CacheConfig{NegativeTTL: 50 * time.Millisecond})
	m.set(1, bindings, stored...)
	return m
}

func (m *memory) set(revision uint64, bindings []validator.Binding, stored ...storedSchema) {
	m.stored.Store(&stored)
	latest := map[string]validator.Latest{}
	for _, s := range stored {
		if s.version > latest[s.subject].Version {
			latest[s.subject] = validator.Latest{Version: s.version, ID: s.id, GUID: s.guid()}
		}
	}
	m.bindings, m.latest, m.services = bindings, latest, map[string]string{"User:orders": "orders", "User:payments": "payments"}
	m.snapshot.Store(validator.NewSnapshot(revision, time.Now(), bindings, m.services, latest, m.cache))
}

// serviceOf declares that a principal is a service.
func (m *memory) serviceOf(principal, service string) {
	services := maps.Clone(m.services)
	services[principal] = service
	m.services = services
	m.snapshot.Store(validator.NewSnapshot(m.Snapshot().Revision+1, time.Now(), slices.Clone(m.bindings), services, m.latest, m.cache))
}

func (m *memory) load(ctx context.Context, r validator.Ref) (validator.Stored, error) {
	m.loads.Add(1)
	select {
	case <-time.After(time.Duration(m.delay.Load())):
	case <-ctx.Done():
		return validator.Stored{}, ctx.Err()
	}
	if m.down.Load() {
		return validator.Stored{}, errDown
	}
	all := *m.stored.Load()
	i := slices.IndexFunc(all, func(s storedSchema) bool {
		switch {
		case !r.GUID.IsZero():
			return s.guid() == r.GUID
		case r.ID != 0:
			return s.id == r.ID
		}
		return s.subject == r.Subject && s.version == r.Version
	})
	if i < 0 {
		return validator.Stored{}, validator.ErrUnknownSchema
	}
	out := validator.Stored{
		Document: validator.Document{Text: []byte(all[i].text)},
		Ref:      validator.Ref{GUID: all[i].guid(), ID: all[i].id},
	}
	for _, s := range all {
		if s.text == all[i].text {
			out.Versions = append(out.Versions, validator.SubjectVersion{Subject: s.subject, Version: s.version})
		}
	}
	return out, nil
}

func (m *memory) Snapshot() *validator.Snapshot { return m.snapshot.Load() }

func (m *memory) Fetch(ctx context.Context, r validator.Ref) (*validator.Entry, error) {
	if r.Subject != "" && r.Version == 0 {
		latest, ok := m.Snapshot().Latest(r.Subject)
		if !ok {
			return nil, validator.ErrUnknownSchema
		}
		r = validator.Ref{GUID: latest.GUID}
	}
	return m.cache.Entry(ctx, r)
}

func (m *memory) Watch(ctx context.Context, _ func(*validator.Snapshot)) error {
	<-ctx.Done()
	return ctx.Err()
}

// The shop: two events, of which one has two versions.
var (
	placedV1 = storedSchema{1, "orders.OrderPlaced", 1, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
		"properties":{"orderId":{"type":"string","minLength":1},"lines":{"type":"array","minItems":1,"items":{"type":"object",
		"properties":{"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1}},"required":["sku","quantity"]}}},"required":["orderId","lines"]}`}
	placedV2 = storedSchema{2, "orders.OrderPlaced", 2, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
		"properties":{"orderId":{"type":"string","minLength":1},"customer":{"type":"string"},"lines":{"type":"array","minItems":1,"items":{"type":"object",
		"properties":{"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1}},"required":["sku","quantity"]}}},"required":["orderId","lines","customer"]}`}
	cancelled = storedSchema{3, "orders.OrderCancelled", 1, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
		"properties":{"orderId":{"type":"string"},"reason":{"enum":["customer","stock","payment"]}},"required":["orderId","reason"]}`}
	broken  = storedSchema{4, "orders.Broken", 1, `{"type":"strin"}`}
	foreign = storedSchema{5, "payments.PaymentFailed", 1, `{"type":"object"}`}
	keyed   = storedSchema{6, "orders.OrderId", 1, `{"type":"string","minLength":3}`}
)

const (
	goodV1   = `{"orderId":"o-1","lines":[{"sku":"a","quantity":2}]}`
	goodV2   = `{"orderId":"o-1","customer":"c-9","lines":[{"sku":"a","quantity":2}]}`
	badLines = `{"orderId":"o-1","customer":"c-9","lines":[{"sku":"SECRET-SKU","quantity":0}]}`
)

// promise lists all versions of the subjects of the stored schemas that have this name.
func promise(subject string, stored ...storedSchema) validator.Promise {
	p := validator.Promise{Subject: subject, Senders: []string{"orders"}, KeyPointer: "/orderId"}
	for _, s := range stored {
		if s.subject == subject {
			p.Versions = append(p.Versions, s.version)
		}
	}
	slices.Sort(p.Versions)
	slices.Reverse(p.Versions)
	return p
}

// shop is the source most tests use: topic orders.placed carries OrderPlaced, orders.events carries both events,
// orders-state is compacted.
func shop(enforce string) *memory {
	all := []storedSchema{placedV1, placedV2, cancelled, broken, foreign, keyed}
	placed := promise("orders.OrderPlaced", all...)
	return newMemory([]validator.Binding{
		{Topic: "orders.placed", Declared: true, Values: []validator.Promise{placed}, Enforce: []byte(enforce)},
		{Topic: "orders.events", Declared: true, Values: []validator.Promise{placed, promise("orders.OrderCancelled", all...), promise("orders.Broken", all...)}, Enforce: []byte(enforce)},
		{Topic: "orders.state", Declared: true, Compacted: true, Values: []validator.Promise{placed}, Enforce: []byte(enforce)},
		{Topic: "by-name", Values: []validator.Promise{placed}, Keys: []validator.Promise{promise("orders.OrderId", all...)}},
	}, all...)
}

// backend is a broker that tests run against.
type backend struct {
	name    string
	brokers []string
	dial    dialer
}

// embedded starts the embedded broker.
func embedded(t testing.TB) backend {
	brokers, dial := startBroker(t, t.TempDir())
	return backend{"embedded", brokers, dial}
}

// eachBackend runs a test against the embedded broker and, where there is one, Apache Kafka.
func eachBackend(t *testing.T, test func(*testing.T, backend)) {
	t.Run("embedded", func(t *testing.T) {
		test(t, embedded(t))
	})
	t.Run("kafka", func(t *testing.T) {
		test(t, backend{"kafka", []string{apacheKafka(t)}, nil})
	})
}
