// Package orders is the reference order system: ordering, payments, inventory, shipping, notifications, customers and
// views as services that share nothing but topics. Each writes to a store of its own, produces through the proxy and
// reads with the decoder of package client. People read it to learn how the house's promises are kept.
//
//	POST /orders ── ordering ── OrderPlaced ── inventory ── InventoryReserved ── payments ── PaymentProcessed
//	                   ▲                            └ ProductOutOfStock ┐             └ PaymentFailed ┐
//	                   └── every fact comes back ◄──────────────────────┴─────────────────────────────┘
//	                   └── READY_TO_SHIP ── shipping ── OrderShipped, ShipmentDelivered ── OrderCompleted
//
// The services are choreographed: each reacts to facts, nobody leads, and the order's own aggregate decides how an order
// ends. A cancelled order is made good by those who hold something of it: inventory releases, payments refunds.
//
//	event                                    what is said
//	journal                                  store, outbox and relay
//	consume                                  how a topic is read
//	work                                     things to do outside a store
//	ordering payments inventory shipping notifications customers views    one service each
//	sim                                      load, and the invariants that hold at rest
package orders

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/customers"
	"github.com/accordhq/accord/orders/inventory"
	"github.com/accordhq/accord/orders/journal"
	"github.com/accordhq/accord/orders/notifications"
	"github.com/accordhq/accord/orders/ordering"
	"github.com/accordhq/accord/orders/payments"
	"github.com/accordhq/accord/orders/shipping"
	"github.com/accordhq/accord/orders/views"
	"github.com/accordhq/accord/orders/work"
)

// Services returns the names of all services, in the order in which an order meets them.
func Services() []string {
	return []string{"orders", "inventory", "payments", "shipping", "notifications", "customers", "views"}
}

// Simulators says how the world outside behaves. The zero value never fails and never waits.
type Simulators struct {
	Seed            uint64
	PaymentDeclined float64 // share of cards that are declined
	AnswerLost      float64 // share of charges that are carried out but answered with an error the first time
	PaymentLatency  [2]time.Duration
	CarrierRefused  float64
	Handing         time.Duration      // how long the carrier takes to take a parcel
	Transit         time.Duration      // how long a parcel is under way
	ChannelFailed   map[string]float64 // by channel (email, sms, push): share of messages that cannot be delivered
}

// DemoSimulators behave as the shown code does: one card in five is declined, and the provider thinks for 1 to 3 s.
func DemoSimulators() Simulators {
	return Simulators{
		Seed: 1, PaymentDeclined: 0.2, PaymentLatency: [2]time.Duration{time.Second, 3 * time.Second},
		Handing: 500 * time.Millisecond, Transit: 2 * time.Second,
	}
}

// Config says what runs and where. Store, Brokers and one of Registry and Lock are required.
type Config struct {
	Store    string   // sqlite:FOLDER or postgres://…
	Brokers  []string // where topics are read, and dead letters written
	Proxy    []string // where events are produced; empty = Brokers, events are then validated by the encoder alone
	Registry string   // URL; "" = the lock alone
	// Token signs in at the registry, where it does not return ""; nil: there is none.
	Token        func() string
	Lock         []byte   // schemas.lock, so that the services work while the registry is away; nil = the registry alone
	Services     []string // names from Services; empty = all
	CreateTopics bool     // makes the topics that are missing
	Replicas     int      // brokers that keep each topic made here; 0 = DefaultReplicas
	Simulators   Simulators
	Stock        map[string]int64 // what a new inventory starts with, pieces by product; nil = inventory.DemoStock
	Owner        string           // names this instance in leases; "" = host, process and chance
	Log          *slog.Logger     // nil = discarded
	Dial         consume.Dialer   // how to reach the brokers; nil = the network
}

// A System is the running services. Make one with New, then Run it; Handler serves meanwhile.
type System struct {
	config    Config
	codec     *codec
	units     []*unit // in the order of Services
	kafka     *kgo.Client
	handler   http.Handler
	collector prometheus.Collector

	ordering      *ordering.Service // nil where the service does not run here, as below
	inventory     *inventory.Service
	customers     *customers.Service
	views         *views.Service
	notifications *notifications.Simulator
}

// A unit is one service with what drives it. A service that reads nothing has no consumer.
type unit struct {
	name     string
	store    *journal.Store
	producer *producer
	relay    *journal.Relay
	queue    *work.Queue
	consumer *consume.Consumer
}

// New opens the stores, puts the first stock on the shelves and prepares the services; nothing runs before Run. The caller ends a system that never ran with
// Close.
func New(ctx context.Context, c Config) (s *System, err error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Proxy) == 0 {
		c.Proxy = c.Brokers
	}
	if len(c.Services) == 0 {
		c.Services = Services()
	}
	if c.Stock == nil {
		c.Stock = inventory.DemoStock()
	}
	if c.Owner == "" {
		c.Owner = owner()
	}
	for _, name := range c.Services {
		if !slices.Contains(Services(), name) {
			return nil, fmt.Errorf("no service %q: there are %s", name, strings.Join(Services(), ", "))
		}
	}
	s = &System{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if s.codec, err = newCodec(c); err != nil {
		return s, err
	}
	if s.kafka, err = newKafka(c.Brokers, "accord-orders", c.Dial); err != nil {
		return s, err
	}
	for _, name := range Services() {
		if slices.Contains(c.Services, name) {
			if err := s.build(ctx, name); err != nil {
				return s, err
			}
		}
	}
	if s.inventory != nil { // before the first request can come
		if err := s.inventory.Fill(ctx, c.Stock); err != nil {
			return s, err
		}
	}
	s.collector = &collector{system: s}
	s.handler = s.routes()
	return s, nil
}

// build opens one service's store and puts the service on it.
func (s *System) build(ctx context.Context, name string) error {
	tables := slices.Concat(consume.Tables(), work.Tables())
	switch name {
	case "orders":
		tables = append(tables, ordering.Tables()...)
	case "inventory":
		tables = append(tables, inventory.Tables()...)
	case "payments":
		tables = slices.Concat(tables, payments.Tables(), payments.LedgerTables())
	case "shipping":
		tables = append(tables, shipping.Tables()...)
	case "notifications":
		tables = slices.Concat(tables, notifications.Tables(), notifications.BoxTables())
	case "views":
		tables = append(tables, views.Tables()...)
	}
	encoder, err := s.codec.encoder(name)
	if err != nil {
		return err
	}
	u := &unit{name: name}
	s.units = append(s.units, u)
	if u.store, err = journal.Open(ctx, journal.Config{URL: s.config.Store, Service: name, Encoder: encoder, Tables: tables}); err != nil {
		return err
	}
	if u.producer, err = newProducer(s.config.Proxy, name, s.config.Dial); err != nil {
		return err
	}
	u.relay = &journal.Relay{Store: u.store, Producer: u.producer, Owner: s.config.Owner, Log: s.config.Log}
	u.queue = &work.Queue{Store: u.store, Owner: s.config.Owner, Workers: workers, Log: s.config.Log}
	routes, tasks := s.service(u)
	u.queue.Handlers = tasks
	if routes == nil {
		return nil
	}
	reader, err := s.codec.decoder(name, routes)
	if err != nil {
		return err
	}
	u.consumer = &consume.Consumer{
		Group: name, Store: u.store, Decoder: reader, Letters: letters{s.kafka}, Routes: routes,
		Brokers: s.config.Brokers, ClientID: name, Log: s.config.Log, Dial: s.config.Dial,
	}
	return nil
}

// workers is how many tasks of a service run at the same time.
const workers = 8

// service makes the service of a unit, and returns what it reads and what it does.
func (s *System) service(u *unit) ([]consume.Route, map[string]work.Handler) {
	sims := s.config.Simulators
	switch u.name {
	case "orders":
		s.ordering = &ordering.Service{Store: u.store, Decoder: &decoder{s.codec.all}, Prices: ordering.DemoPrices()}
		return s.ordering.Routes(), nil
	case "inventory":
		s.inventory = &inventory.Service{Store: u.store}
		return s.inventory.Routes(), nil
	case "payments":
		gateway := &payments.Simulator{Ledger: u.store, Seed: sims.Seed, Declined: sims.PaymentDeclined, AnswerLost: sims.AnswerLost, Latency: sims.PaymentLatency}
		service := &payments.Service{Store: u.store, Queue: u.queue, Gateway: gateway, Provider: "simulator"}
		return service.Routes(), service.Tasks()
	case "shipping":
		carrier := &shipping.Simulator{Seed: sims.Seed, Refused: sims.CarrierRefused, Handing: sims.Handing, Days: sims.Transit}
		service := &shipping.Service{Store: u.store, Queue: u.queue, Carrier: carrier}
		return service.Routes(), service.Tasks()
	case "notifications":
		s.notifications = &notifications.Simulator{Boxes: u.store, Seed: sims.Seed, Failed: sims.ChannelFailed}
		service := &notifications.Service{Store: u.store, Queue: u.queue, Provider: s.notifications}
		return service.Routes(), service.Tasks()
	case "customers":
		s.customers = &customers.Service{Store: u.store}
		return nil, nil
	}
	s.views = &views.Service{Store: u.store}
	return s.views.Routes(), nil
}

func owner() string {
	var b [4]byte
	rand.Read(b[:])
	host, _ := os.Hostname() // the rest of the name is unique enough
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), hex.EncodeToString(b[:]))
}

// Run runs the services until ctx ends, which is no error, and then closes everything. It returns an error when a part
// cannot start.
func (s *System) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var err error
	if s.config.CreateTopics {
		if err = createTopics(ctx, s.kafka, cmp.Or(s.config.Replicas, DefaultReplicas), s.config.Log); ctx.Err() != nil {
			err = nil
		}
	}
	if err == nil {
		var wg sync.WaitGroup
		run := func(what string, do func(context.Context) error) {
			wg.Go(func() {
				if err := do(ctx); err != nil {
					cancel(fmt.Errorf("%s: %w", what, err))
				}
			})
		}
		for _, u := range s.units {
			run("relay of "+u.name, u.relay.Run)
			if u.queue.Handlers != nil {
				run("tasks of "+u.name, u.queue.Run)
			}
			if u.consumer != nil {
				run("consumer of "+u.name, u.consumer.Run)
			}
		}
		wg.Wait()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
			err = cause
		}
	}
	return errors.Join(err, s.Close())
}

// Close closes stores and connections. Run does it by itself; a second call does nothing.
func (s *System) Close() error {
	var errs []error
	for _, u := range s.units {
		if u.producer != nil {
			u.producer.client.Close()
		}
		if u.store != nil {
			errs = append(errs, u.store.Close())
		}
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
	if s.codec != nil {
		errs = append(errs, s.codec.close())
	}
	return errors.Join(errs...)
}

// Handler serves the API and the page. It may be used while Run runs.
func (s *System) Handler() http.Handler { return s.handler }

// Collectors returns the system's metrics, named accord_orders_….
func (s *System) Collectors() []prometheus.Collector { return []prometheus.Collector{s.collector} }

// Ready says what is missing before the system can work: stores, brokers. nil = ready.
func (s *System) Ready(ctx context.Context) error {
	var errs []error
	for _, u := range s.units {
		if err := u.store.Ping(ctx); err != nil {
			errs = append(errs, fmt.Errorf("store of %s: %w", u.name, err))
		}
	}
	if err := s.kafka.Ping(ctx); err != nil {
		errs = append(errs, fmt.Errorf("brokers: %w", err))
	}
	return errors.Join(errs...)
}

// Idle says whether nothing is left to do: every event sent, every task done, nothing parked. Events that a consumer has
// not read yet do not count; see package sim for a system at rest.
func (s *System) Idle(ctx context.Context) (bool, error) {
	for _, u := range s.units {
		waiting, _, err := u.store.Backlog(ctx)
		if err != nil || waiting > 0 {
			return false, err
		}
		if open, err := work.Open(ctx, u.store); err != nil || open > 0 {
			return false, err
		}
		if u.consumer != nil {
			if parked, _, err := u.consumer.Waiting(ctx); err != nil || parked > 0 {
				return false, err
			}
		}
	}
	return true, nil
}
