package proxy_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
)

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// startBroker runs the embedded broker the way a development server would: one node, data in a folder, listening on a
// Unix socket that only the gate dials.
func startBroker(t testing.TB, dir string, opts ...kfake.Opt) (brokers []string, dial dialer) {
	t.Helper()
	socket := filepath.Join(dir, "broker.sock")
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
	t.Cleanup(cluster.Close)
	return []string{"broker:0"}, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
}

// startGate serves a gate on a free run of ports until the test ends and returns its bootstrap address.
func startGate(t testing.TB, cfg proxy.Config) (*proxy.Server, string) {
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
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v", err)
		}
	})
	return s, l.Addr().String()
}

// listenRun listens on a port with n free ones above it.
func listenRun(t testing.TB, n int) net.Listener {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
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
	t.Fatal("no run of free ports found")
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
	c, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
