package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
)

func get(t testing.TB, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return string(body)
}

func contains(text, part string) bool { return strings.Contains(text, part) }

// TestThreeNodes produces to and reads from every node of a cluster, and follows leaders that move.
func TestThreeNodes(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for name, nodes := range map[string]proxy.NodeRange{"bound at start": {Count: 3}, "bound when seen": {First: 2, Count: 1}} {
		t.Run(name, func(t *testing.T) {
			s, err := proxy.New(proxy.Config{Brokers: cluster.ListenAddrs()[:1], Schemas: noPromises{}, Nodes: nodes})
			if err != nil {
				t.Fatal(err)
			}
			l := listenRun(t, 3)
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- s.Serve(ctx, l) }()
			defer func() { stop(); <-done }()
			c := newClient(t, kgo.SeedBrokers(l.Addr().String()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			for round := range 3 {
				for p := range int32(6) {
					if err := c.ProduceSync(testContext(t), &kgo.Record{Topic: "t", Partition: p, Value: []byte{1}}).FirstErr(); err != nil {
						t.Fatalf("round %d, partition %d: %v", round, p, err)
					}
				}
				for p := range int32(6) {
					if err := cluster.MoveTopicPartition("t", p, (p+int32(round))%3); err != nil {
						t.Fatal(err)
					}
				}
			}
			meta, err := kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), c)
			if err != nil || len(meta.Brokers) != 3 {
				t.Fatalf("metadata: %v, %+v", err, meta)
			}
			for _, b := range meta.Brokers {
				if want := int32(l.Addr().(*net.TCPAddr).Port) + 1 + b.NodeID; b.Port != want || b.Host != "127.0.0.1" {
					t.Errorf("node %d at %s:%d, want 127.0.0.1:%d", b.NodeID, b.Host, b.Port, want)
				}
			}
		})
	}
}

func TestAdvertise(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}, Advertise: "kafka.example.com"})
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), newClient(t, kgo.SeedBrokers(addr)))
	if err != nil || meta.Brokers[0].Host != "kafka.example.com" {
		t.Errorf("metadata = %+v, %v, want node 0 at kafka.example.com", meta, err)
	}
}

// TestDrain ends Serve while requests are under way: they are answered, and new clients are refused.
func TestDrain(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.placed")
	source := shop("")
	source.delay.Store(int64(300 * time.Millisecond))
	_, addr, stop := runGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: source})
	idle := dialRaw(t, addr)
	busy := dialRaw(t, addr)
	if _, err := busy.Write(requestFrame(produceRequest(9, -1, map[string][][]byte{"orders.placed": {encodeBatch(t, goodV2)}}))); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); source.loads.Load() == 0; time.Sleep(time.Millisecond) { // it is under way now
		if time.Now().After(deadline) {
			t.Fatal("the request did not arrive")
		}
	}
	began := time.Now()
	go stop()
	answer := kmsg.NewPtrProduceResponse()
	answer.SetVersion(9)
	if err := answer.ReadFrom(readAnswer(t, busy)[1:]); err != nil {
		t.Fatal(err)
	}
	if code := answer.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Errorf("what was under way: code %d, want 0", code)
	}
	for _, c := range []net.Conn{idle, busy} {
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d, %v, want the connection closed", n, err)
		}
	}
	stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("draining took %v", took)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Error("a new client was let in")
	}
}

func TestConnectionLimits(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	for name, limits := range map[string]proxy.Limits{"all": {MaxConnections: 3}, "one address": {MaxPerAddress: 3}} {
		t.Run(name, func(t *testing.T) {
			_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}, Limits: limits})
			var open []net.Conn
			for i := range 3 {
				c := dialRaw(t, addr)
				if _, err := c.Write(frame(18, 0)); err != nil {
					t.Fatal(err)
				}
				if len(readAnswer(t, c)) == 0 {
					t.Fatalf("connection %d is not served", i)
				}
				open = append(open, c)
			}
			over := dialRaw(t, addr)
			if n, err := over.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("connection over the limit: read %d, %v, want it closed", n, err)
			}
			_ = open[0].Close()
			for deadline := time.Now().Add(5 * time.Second); ; {
				c := dialRaw(t, addr)
				_, _ = c.Write(frame(18, 0))
				if n, _ := c.Read(make([]byte, 8)); n > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("no room although a connection was closed")
				}
			}
		})
	}
}

// TestSilentClientIsClosed holds HandshakeTimeout.
func TestSilentClientIsClosed(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}, Limits: proxy.Limits{HandshakeTimeout: 50 * time.Millisecond}})
	c := dialRaw(t, addr)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v, want the connection closed", n, err)
	}
}

// TestPipelining sends many requests before it reads an answer: local and forwarded answers keep their order.
func TestPipelining(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.placed")
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop("")})
	conn := dialRaw(t, addr)
	const n = 600 // more than MaxPipelined
	good, bad := encodeBatch(t, goodV2), encodeBatch(t, badLines)
	go func() {
		f := kmsg.NewRequestFormatter()
		for i := range int32(n) {
			batch := good
			if i%3 == 0 {
				batch = bad
			}
			if _, err := conn.Write(f.AppendRequest(nil, produceRequest(9, -1, map[string][][]byte{"orders.placed": {batch}}), i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range n {
		head := make([]byte, 8)
		if _, err := io.ReadFull(conn, head); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, int(head[2])<<8|int(head[3])-4)
		if _, err := io.ReadFull(conn, body); err != nil {
			t.Fatal(err)
		}
		answer := kmsg.NewPtrProduceResponse()
		answer.SetVersion(9)
		if err := answer.ReadFrom(body[1:]); err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(int(head[6])<<8|int(head[7]), answer.Topics[0].Partitions[0].ErrorCode)
		want := fmt.Sprint(i, map[bool]int{true: 87, false: 0}[i%3 == 0])
		if got != want {
			t.Fatalf("answer %d: correlation id and code %s, want %s", i, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for want, cfg := range map[string]proxy.Config{
		"no brokers":     {Schemas: noPromises{}},
		"no source":      {Brokers: []string{"a:1"}},
		"missing port":   {Brokers: []string{"a"}, Schemas: noPromises{}},
		"nodes from -1":  {Brokers: []string{"a:1"}, Schemas: noPromises{}, Nodes: proxy.NodeRange{First: -1}},
		"SASL mechanism": {Brokers: []string{"a:1"}, Schemas: noPromises{}, Own: &proxy.Credentials{Mechanism: "MAGIC"}},
	} {
		if _, err := proxy.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%+v) = %v, want an error with %q", cfg, err, want)
		}
	}
}

// TestTakenNodePort says which port and which node.
func TestTakenNodePort(t *testing.T) {
	l := listenRun(t, 1)
	taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port+1))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s, err := proxy.New(proxy.Config{Brokers: []string{"127.0.0.1:1"}, Schemas: noPromises{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(testContext(t), l); err == nil || !strings.Contains(err.Error(), "port of node 0") || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("Serve = %v, want the port and its node", err)
	}
}
