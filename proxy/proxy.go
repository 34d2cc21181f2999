// Package proxy is the gate in front of Kafka: an invalid event never reaches a topic.
//
// Any Kafka producer, unchanged, points at the gate instead of the brokers; the same gate takes events over HTTP. One
// decision core judges both.
//
//	Kafka client ─ conn ─ api table ┬ 00_produce ─ batch ─ decide ─ policy ┬ all valid: original bytes ──► broker
//	                                │                                      └ some bad: answered here, the rest ─► broker
//	                                ├ 03 10 60 …: node addresses rewritten   decide ◄ validator.Source (known schemas: no I/O)
//	                                └ everything else: bytes                 decide ► observe (counters) ► Report
//	HTTP client ── http ─ decide ─ own producer ─────────────────────────────────────────────────────────► broker
//
// A batch with an invalid record is refused as a whole, because Kafka acknowledges batches; other partitions of the same
// request go on. That is policy Reject; a topic may choose a milder one (Policy), and a quarantine for what is refused. The gate never says success before the broker did, never retries a client's request, and keeps no state
// that a restart could lose, except which running transactions were poisoned by a refusal.
//
// Nodes have fixed doors: node n of the cluster answers on the bootstrap port + 1 + n, on every replica of the gate; or,
// behind TLS, on the one port by the name broker-<n>.<domain>.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/validator"
)

// Config says where a Server stands. Brokers and Schemas are required.
type Config struct {
	// Brokers are the bootstrap brokers, host:port. They are tried in order, beginning with the last that answered.
	Brokers []string
	// Schemas is where schemas and topics' promises come from. Required.
	Schemas validator.Source
	// Override is the operator's switch: policy by topic or pattern (path.Match). It beats the channel files; an exact
	// name beats a pattern, a longer pattern a shorter one. An override "*": Off makes a gate that judges nothing.
	Override map[string]Policy
	// Unbound is the policy of topics about which nobody promised anything; zero: Off. Under Reject a record there must
	// name its schema.
	Unbound Policy
	// EnforceSenders refuses, on every bound topic, events from principals whose service does not declare sending them.
	EnforceSenders bool
	// MaxStale is how old bindings may grow while the registry does not confirm them; past it the records of bound topics are
	// treated as if their schema could not be asked for. Zero: however old.
	MaxStale time.Duration
	// Report receives what was seen, every ReportEvery and soon after a new rejection; an error has the same report
	// sent again later. It is called by one goroutine, the last time while Serve ends. nil: nobody wants to know.
	Report func(context.Context, Report) error
	// Authenticate says who sends an HTTP request; an error is answered 401 with its text. nil: everybody may produce.
	Authenticate func(*http.Request) (Identity, error)
	// Audit writes down that letters are about to be redriven or discarded, under the credentials of the request that asks for
	// it; an error has nothing done: 403 where it is ErrForbidden, else 503. nil: nobody keeps an audit.
	Audit func(*http.Request, Note) error
	// RedactKey keys the digests that stand for personal data where a schema asks for them (x-accord-redact: hash); nil: it is
	// masked.
	RedactKey []byte
	// Observe says what is reported.
	Observe Observation
	// Advertise is the host that clients are told to connect to; "" = the address on which a client's own connection
	// arrived, which is right unless something translates addresses between client and gate.
	Advertise string
	// Nodes are the node ids whose ports are bound at start; the zero value is 0–9. A node id outside of it gets its
	// port when it is first seen in the cluster.
	Nodes NodeRange
	// SNI is a domain: clients find the cluster as bootstrap.<domain> and node n as broker-<n>.<domain>, all on the port of
	// the listener, by the name in their TLS greeting. It needs TLS, whose certificate must be good for those names; then there
	// are no node ports, and Nodes and Advertise mean nothing. "" = node ports.
	SNI string
	// Dial opens connections to brokers; nil = net.Dialer. It may ignore the address (an embedded broker behind a
	// Unix socket reports none).
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Listen opens the node ports beside the listener given to Serve; nil = net.ListenConfig.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	// TLS is what the gate shows its clients; nil = plain text. Who shows a certificate that it verifies, and does not sign in
	// by SASL, is that certificate's user: its common name, else its first alternative name.
	TLS *tls.Config
	// UpstreamTLS is used towards the brokers; nil = plain text. An empty ServerName is filled from the address.
	UpstreamTLS *tls.Config
	// Own is how the gate itself speaks to the cluster, for its metadata and for HTTP producing; nil = anonymous.
	Own *Credentials
	// Limits bounds what comes from outside; each zero field is the constant of the same name.
	Limits Limits
	// Log receives the room's log; nil = slog.Default(). It never holds a payload.
	Log *slog.Logger
}

// Credentials are a SASL user of the gate itself.
type Credentials struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}

var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

// NodeRange is Count node ids from First on. The zero value stands for the ten ids 0–9.
type NodeRange struct {
	First, Count int32
}

// DefaultNodes is how many node ports are bound when Config.Nodes is zero.
const DefaultNodes = 10

// Server is a running or startable gate. Make one with New.
type Server struct {
	cfg    Config
	limits Limits
	log    *slog.Logger
	quiet  *quieter
	nodes  *nodes
	room   *room // of requests
	// unpacked is the room of what requests decompress to; each of the two has half of MaxInFlightBytes. Who holds some never waits for room of the other kind, or
	// two requests could wait for each other.
	unpacked   *room
	table      map[int16]api
	asked      chan struct{} // closed once the cluster was asked for the first time
	plans      atomic.Pointer[plans]
	poisoned   poisoned
	events     *room                      // events over HTTP that are not answered yet
	own        atomic.Pointer[kgo.Client] // the gate's own connection to the cluster, while Serve runs
	later      *later                     // batches that are judged after they went on
	quarantine quarantine
	marks      marks // what was done about letters
	topicIDs   topicIDs
	observer   *observer
	metrics    *metrics
	apis       atomic.Pointer[apiSet] // what a broker of the cluster said it serves; nil: nobody was asked yet

	mu        sync.Mutex
	conns     map[*conn]struct{} // open client connections
	perHost   map[string]int     // open client connections by remote address
	listeners []net.Listener     // all that Serve accepts on
	serving   bool
	closing   bool
	wg        sync.WaitGroup // accept loops and connections
}

// New checks the configuration. It opens nothing: brokers are first asked by Serve.
func New(cfg Config) (*Server, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("proxy: no brokers given")
	}
	if cfg.Schemas == nil {
		return nil, errors.New("proxy: no source of schemas given")
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil && cfg.Dial == nil {
			return nil, fmt.Errorf("proxy: broker %q: %w", b, err)
		}
	}
	if cfg.Nodes.First < 0 || cfg.Nodes.Count < 0 || cfg.Nodes.Count > MaxNodePorts {
		return nil, fmt.Errorf("proxy: nodes from %d, %d of them: must not be negative nor more than %d", cfg.Nodes.First, cfg.Nodes.Count, MaxNodePorts)
	}
	if cfg.SNI != "" && cfg.TLS == nil {
		return nil, errors.New("proxy: SNI names need TLS")
	}
	if cfg.Nodes.Count == 0 {
		cfg.Nodes = NodeRange{Count: DefaultNodes}
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Listen == nil {
		cfg.Listen = (&net.ListenConfig{}).Listen
	}
	if own := cfg.Own; own != nil && !slices.Contains(mechanisms, own.Mechanism) {
		return nil, fmt.Errorf("proxy: SASL mechanism %q: must be one of %q", own.Mechanism, mechanisms)
	}
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	limits := cfg.Limits.withDefaults()
	s := &Server{
		cfg:        cfg,
		limits:     limits,
		log:        log,
		quiet:      newQuieter(log),
		nodes:      newNodes(cfg.Brokers, cfg.SNI != ""),
		room:       newRoom(limits.MaxInFlightBytes / 2),
		table:      kafkaAPIs(),
		asked:      make(chan struct{}),
		conns:      map[*conn]struct{}{},
		perHost:    map[string]int{},
		events:     newRoom(MaxHTTPInFlight),
		unpacked:   newRoom(limits.MaxInFlightBytes / 2),
		observer:   newObserver(cfg.Observe, cfg.RedactKey),
		later:      newLater(),
		quarantine: quarantine{queue: newRoom(QuarantineQueue)},
	}
	s.metrics = newMetrics(s)
	return s, nil
}

// Serve accepts Kafka clients on l and on the ports of the nodes, which are l's port + 1 + node id on l's host (with SNI on
// l alone), as soon as the source has bindings. It
// returns when ctx ends and all its connections have: what is in flight then has DrainTimeout to be answered. The
// listeners are closed by then. A node port of Config.Nodes that cannot be bound is an error at once. Serve may be
// called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.mu.Lock()
	if s.serving {
		s.mu.Unlock()
		return errors.New("proxy: Serve called twice")
	}
	s.serving = true
	s.mu.Unlock()
	if s.cfg.Report != nil && !s.cfg.Observe.Nothing {
		var reports sync.WaitGroup
		reporting, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer reports.Wait()
		defer stop()
		reports.Go(func() { s.report(reporting) })
	}
	doors, err := s.bind(ctx, l)
	if err != nil {
		s.closeListeners()
		return err
	}
	own, err := kgo.NewClient(s.clientOptions()...)
	if err != nil {
		s.closeListeners()
		return fmt.Errorf("proxy: own client: %w", err)
	}
	defer own.Close()
	s.own.Store(own)
	defer s.own.Store(nil)
	defer s.quarantine.pending.Wait()
	s.wg.Go(func() { s.learn(ctx, own) })
	s.wg.Go(func() { s.watch(ctx) })
	s.wg.Go(func() { s.judgeLater(ctx) })
	if s.cfg.Report != nil && !s.cfg.Observe.Nothing && s.cfg.Observe.GroupPoll >= 0 {
		s.wg.Go(func() { s.pollGroups(ctx, own) })
	}
	if s.awaitBindings(ctx) {
		for _, d := range doors {
			s.wg.Go(func() { s.accept(ctx, d.id, d.l) })
		}
	}
	<-ctx.Done()
	s.drain()
	return nil
}

// bindingsPoll is how often the source is looked at until it has bindings.
const bindingsPoll = 50 * time.Millisecond

// awaitBindings waits until the source's snapshot is more than the empty one; false: ctx ended before.
func (s *Server) awaitBindings(ctx context.Context) bool {
	ticker := time.NewTicker(bindingsPoll)
	defer ticker.Stop()
	for s.cfg.Schemas.Snapshot().At.IsZero() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// watchPause is how long a source that went deaf is left alone.
const watchPause = time.Second

// watch keeps the source awake: one that asks a distant registry does so only while somebody watches. The snapshot is read
// where it is needed, so the bell itself has nothing to do.
func (s *Server) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.cfg.Schemas.Watch(ctx, func(*validator.Snapshot) {})
		if ctx.Err() != nil {
			return
		}
		s.quiet.warn("source of schemas is not watched", "err", err)
		select {
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
	}
}

// drain stops accepting, waits for what is in flight, then closes what is left.
func (s *Server) drain() {
	s.mu.Lock()
	s.closing = true
	for c := range s.conns {
		c.drain()
	}
	s.mu.Unlock()
	s.closeListeners()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-time.After(s.limits.DrainTimeout):
	}
	s.mu.Lock()
	for c := range s.conns {
		c.close()
	}
	s.mu.Unlock()
	<-done
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		_ = l.Close()
	}
}
