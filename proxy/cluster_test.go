package proxy_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
)

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// startBroker runs the embedded broker the way a development server would: one node, data in a folder, listening on a
// Unix socket that only the gate dials.
func startBroker(t testing.TB, dir string, opts ...kfake.Opt) (brokers []string, dial dialer) {
	t.Helper()
	brokers, dial, stop := runBroker(t, dir, opts...)
	t.Cleanup(stop)
	return brokers, dial
}

// runBroker is startBroker for those who stop it themselves.
func runBroker(t testing.TB, dir string, opts ...kfake.Opt) (brokers []string, dial dialer, stop func()) {
	t.Helper()
	run, err := os.MkdirTemp("", "accord")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(run, "kafka")
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return net.Listen("unix", socket) }),
		kfake.DataDir(filepath.Join(dir, "broker")),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(3),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return []string{"broker:0"}, dial, func() {
		cluster.Close()
		_ = os.RemoveAll(run)
	}
}

// startGate serves a gate on a free run of ports until the test ends and returns its bootstrap address.
func startGate(t testing.TB, cfg proxy.Config) (*proxy.Server, string) {
	t.Helper()
	s, addr, stop := runGate(t, cfg)
	t.Cleanup(stop)
	return s, addr
}

// runGate is startGate for those who stop it themselves, as often as they like.
func runGate(t testing.TB, cfg proxy.Config) (s *proxy.Server, addr string, stop func()) {
	t.Helper()
	if cfg.Nodes.Count == 0 {
		cfg.Nodes = proxy.NodeRange{Count: 2}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s, err := proxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := listenRun(t, int(cfg.Nodes.First+cfg.Nodes.Count))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(ctx, l); err != nil {
			t.Errorf("Serve = %v", err)
		}
	}()
	return s, l.Addr().String(), func() {
		cancel()
		<-done
	}
}

// listenRun listens on a port with n free ones above it.
func listenRun(t testing.TB, n int) net.Listener {
	t.Helper()
	l := freeRun(n)
	if l == nil {
		t.Fatal("no run of free ports found")
	}
	return l
}

// freeRun is listenRun without a test; nil if there is none.
func freeRun(n int) net.Listener {
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil
		}
		free := true
		for i := range n {
			next, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port+1+i)))
			if err != nil {
				free = false
				break
			}
			_ = next.Close()
		}
		if free {
			return l
		}
		_ = l.Close()
	}
	return nil
}

// apacheKafka is the bootstrap address of a real Apache Kafka.
func apacheKafka(t testing.TB) string {
	t.Helper()
	b := os.Getenv("ACCORD_TEST_BOOTSTRAP")
	if b == "" {
		leftOut(t, "Apache Kafka (ACCORD_TEST_BOOTSTRAP)")
	}
	return b
}

func leftOut(t testing.TB, part string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("left out: " + part)
	}
	t.Skip("left out: " + part)
}

func newClient(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	// kgo waits five seconds between questions about topics, which is long for topics that are a moment old.
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEmbeddedBrokerKeepsItsData(t *testing.T) {
	dir := t.TempDir()
	run := func(work func(b backend, addr string)) {
		brokers, dial, stop := runBroker(t, dir)
		defer stop()
		b := backend{"embedded", brokers, dial}
		ctx, cancel := context.WithCancel(context.Background())
		l := listenRun(t, 1)
		s, err := proxy.New(proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Nodes: proxy.NodeRange{Count: 1}})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, l) }()
		work(b, l.Addr().String())
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	run(func(b backend, addr string) {
		c := newClient(t, kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation())
		for range 3 {
			if err := c.ProduceSync(testContext(t), &kgo.Record{Topic: "orders.placed", Value: []byte(goodV2)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
	})
	run(func(b backend, addr string) {
		if got := b.consume(t, "orders.placed", 3); string(got[0].Value) != goodV2 {
			t.Errorf("after a restart: %s", got[0].Value)
		}
	})
}
