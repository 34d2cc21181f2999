package proxy_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
)

// A logBook keeps what was logged.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// frame builds a request: length, key, version, correlation id 7, client id "raw", then rest.
func frame(key, version int16, rest ...byte) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 7, 0, 3, 'r', 'a', 'w')
	b = append(b, rest...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// requestFrame encodes a request of kmsg with client id "raw" and correlation id 7.
func requestFrame(r kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, r, 7)
}

func dialRaw(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// readAnswer reads one answer and returns what follows the correlation id.
func readAnswer(t testing.TB, c net.Conn) []byte {
	t.Helper()
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if id := binary.BigEndian.Uint32(head[4:]); id != 7 {
		t.Fatalf("answer to request %d, want 7", id)
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:])-4)
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestBadFramesCloseTheConnectionAndNothingElse(t *testing.T) {
	var book logBook
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}, Log: book.logger()})
	manyTopics := frame(0, 3, 0xff, 0xff, 0, 1, 0, 0, 0x10, 0, 0x7f, 0xff, 0xff, 0xff)
	for _, c := range []struct {
		name  string
		bytes []byte
		half  bool // the client closes its side after the bytes
		want  string
	}{
		{name: "cut inside the length", bytes: []byte{0, 0}, half: true, want: "cut inside the length"},
		{name: "cut inside the frame", bytes: frame(3, 9, make([]byte, 100)...)[:40], half: true, want: "(key 3, version 9)"},
		{name: "no header", bytes: []byte{0, 0, 0, 2, 0, 3}, want: "length 2"},
		{name: "negative length", bytes: []byte{0xff, 0xff, 0xff, 0xff, 0, 3, 0, 9}, want: "length -1"},
		{name: "giant", bytes: []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 9}, want: "length 2147483647, limit 16777216 (key 0, version 9)"},
		{name: "TLS", bytes: []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}, want: "TLS handshake"},
		{name: "HTTP", bytes: []byte("GET / HTTP/1.1\r\n\r\n"), want: "this is HTTP"},
		{name: "unknown key", bytes: frame(999, 1), want: "(key 999), version 1"},
		{name: "negative key", bytes: frame(-5, 1), want: "(key -5), version 1"},
		{name: "request between brokers", bytes: frame(4, 0), want: "LeaderAndISR (key 4), version 0"},
		{name: "version of tomorrow", bytes: frame(0, 13), want: "Produce (key 0), version 13"},
		{name: "negative version", bytes: frame(3, -1), want: "(key 3), version -1"},
		{name: "not in this cluster", bytes: frame(38, 2), want: "by this cluster: CreateDelegationToken (key 38), version 2"},
		{name: "produce without a body", bytes: frame(0, 9, 0), want: "(key 0, version 9)"},
		{name: "produce that claims two billion topics", bytes: manyTopics, want: "produce request is cut"},
		{name: "end of transaction in pieces", bytes: frame(26, 3, 0, 9), want: "(key 26, version 3)"},
		{name: "commit in pieces", bytes: frame(8, 5, 0, 1, 'g', 0, 0), want: "commit is cut (key 8, version 5)"},
		{name: "client id longer than the frame", bytes: append([]byte{0, 0, 0, 10, 0, 0, 0, 9, 0, 0, 0, 7}, 0x7f, 0xff), want: "client id is cut"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(book.String())
			conn := dialRaw(t, addr)
			if _, err := conn.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if c.half {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			if n, err := io.Copy(io.Discard, conn); n != 0 || err != nil && !isReset(err) {
				t.Errorf("read %d bytes, %v; want the connection closed", n, err)
			}
			deadline := time.Now().Add(2 * time.Second)
			for !strings.Contains(book.String()[before:], c.want) {
				if time.Now().After(deadline) {
					t.Fatalf("log = %q, want %q in it", book.String()[before:], c.want)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := newClient(t, kgo.SeedBrokers(addr)).Ping(ctx); err != nil {
		t.Fatalf("after all that: %v", err)
	}
}

// isReset says whether the peer closed with bytes of ours unread, which is an end as good as any.
func isReset(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok && !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "timeout")
}

func TestApiVersionsOfTomorrowIsAnsweredInVersion0(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}})
	conn := dialRaw(t, addr)
	if _, err := conn.Write(frame(18, 9, 0xde, 0xad)); err != nil {
		t.Fatal(err)
	}
	answer := kmsg.NewPtrApiVersionsResponse()
	if err := answer.ReadFrom(readAnswer(t, conn)); err != nil {
		t.Fatal(err)
	}
	if answer.ErrorCode != kerr.UnsupportedVersion.Code || len(answer.ApiKeys) != 1 || answer.ApiKeys[0].ApiKey != 18 || answer.ApiKeys[0].MaxVersion != 4 {
		t.Errorf("answer = %+v, want code 35 and the range of key 18", answer)
	}
}

func TestOldProduceIsAdvertisedAndRefused(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}})
	conn := dialRaw(t, addr)
	ask := kmsg.NewPtrProduceRequest()
	ask.SetVersion(2)
	ask.Acks, ask.TimeoutMillis = 1, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "old"
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = 1, []byte("message set")
	topic.Partitions = append(topic.Partitions, part)
	ask.Topics = append(ask.Topics, topic)
	if _, err := conn.Write(requestFrame(ask)); err != nil {
		t.Fatal(err)
	}
	answer := kmsg.NewPtrProduceResponse()
	answer.SetVersion(2)
	if err := answer.ReadFrom(readAnswer(t, conn)); err != nil {
		t.Fatal(err)
	}
	if got := answer.Topics[0].Partitions[0]; got.Partition != 1 || got.ErrorCode != kerr.UnsupportedVersion.Code {
		t.Errorf("partition answer = %+v, want partition 1 with code 35", got)
	}
}

func TestSaslHandshakeVersion0IsRefused(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}})
	conn := dialRaw(t, addr)
	if _, err := conn.Write(frame(17, 0, 0, 5, 'P', 'L', 'A', 'I', 'N')); err != nil {
		t.Fatal(err)
	}
	if got := int16(binary.BigEndian.Uint16(readAnswer(t, conn))); got != kerr.UnsupportedVersion.Code {
		t.Errorf("error code = %d, want 35", got)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("then Read = %d, %v, want EOF: raw tokens must not reach the broker", n, err)
	}
}

// TestApiVersions holds the answer against what the broker says: never more, and nothing with addresses that are not
// rewritten.
func TestApiVersions(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	t.Run("embedded", func(t *testing.T) { testAPIVersions(t, brokers, dial) })
	t.Run("kafka", func(t *testing.T) { testAPIVersions(t, []string{apacheKafka(t)}, nil) })
}

func testAPIVersions(t *testing.T, brokers []string, dial func(context.Context, string, string) (net.Conn, error)) {
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ask := func(opts ...kgo.Opt) map[int16][2]int16 {
		answer, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, newClient(t, opts...))
		if err != nil {
			t.Fatal(err)
		}
		m := map[int16][2]int16{}
		for _, k := range answer.ApiKeys {
			m[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
		}
		return m
	}
	opts := []kgo.Opt{kgo.SeedBrokers(brokers...)}
	if dial != nil {
		opts = append(opts, kgo.Dialer(dial))
	}
	broker, gate := ask(opts...), ask(kgo.SeedBrokers(addr))
	if len(gate) < 40 {
		t.Errorf("%d requests served, want most of the broker's %d", len(gate), len(broker))
	}
	for key, got := range gate {
		have, ok := broker[key]
		if !ok || got[1] > have[1] {
			t.Errorf("%s: %v advertised, the broker has %v", kmsg.NameForKey(key), got, have)
		}
	}
	for key, want := range map[int16][2]int16{0: {0, 12}, 1: {4, 15}, 3: {0, 13}, 17: {0, 1}, 18: {0, 4}} {
		if gate[key] != want {
			t.Errorf("%s advertised as %v, want %v", kmsg.NameForKey(key), gate[key], want)
		}
	}
}

func TestEveryAddressIsTheGates(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}})
	host, _, _ := net.SplitHostPort(addr)
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	want := int32(tcp.Port + 1) // of node 0
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client := newClient(t, kgo.SeedBrokers(addr))
	check := func(what, gotHost string, gotPort int32) {
		t.Helper()
		if gotHost != host || gotPort != want {
			t.Errorf("%s: node 0 at %s:%d, want %s:%d", what, gotHost, gotPort, host, want)
		}
	}
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err != nil || len(meta.Brokers) != 1 {
		t.Fatalf("metadata: %v, %+v", err, meta)
	}
	check("Metadata", meta.Brokers[0].Host, meta.Brokers[0].Port)
	cluster, err := kmsg.NewPtrDescribeClusterRequest().RequestWith(ctx, client)
	if err != nil || len(cluster.Brokers) != 1 {
		t.Fatalf("describe cluster: %v, %+v", err, cluster)
	}
	check("DescribeCluster", cluster.Brokers[0].Host, cluster.Brokers[0].Port)
	for version := int16(0); version <= 6; version++ {
		ask := kmsg.NewPtrFindCoordinatorRequest()
		ask.SetVersion(version)
		ask.CoordinatorKey, ask.CoordinatorKeys = "g", []string{"g"}
		conn := dialRaw(t, addr)
		if _, err := conn.Write(requestFrame(ask)); err != nil {
			t.Fatal(err)
		}
		body := readAnswer(t, conn)
		if ask.IsFlexible() {
			body = body[1:]
		}
		answer := kmsg.NewPtrFindCoordinatorResponse()
		answer.SetVersion(version)
		if err := answer.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		if version >= 4 {
			answer.Host, answer.Port = answer.Coordinators[0].Host, answer.Coordinators[0].Port
		}
		check("FindCoordinator", answer.Host, answer.Port)
	}
	controllers := kmsg.NewPtrDescribeClusterRequest()
	controllers.EndpointType = 2
	if cluster, err = controllers.RequestWith(ctx, client); err != nil || cluster.ErrorCode != kerr.UnsupportedEndpointType.Code {
		t.Errorf("DescribeCluster of controllers = %+v, %v; want code 115", cluster, err)
	}
}
