package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
)

const (
	idleConnections = 10_000
	perIdle         = 40 << 10 // bytes of the gate's memory
)

// memoryOf is what the kernel says of a process's memory, in bytes: now, and at most so far.
func memoryOf(t *testing.T, pid int) (now, most int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("left out: a kernel that tells the memory of processes (/proc)")
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kib << 10
		case "VmHWM":
			most = kib << 10
		}
	}
	return now, most
}

// mayOpen is how many connections this process may open, as far as it can raise that.
func mayOpen(want int) int {
	need := uint64(2*want + 1_000) // the gate has one to each side
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 100
	}
	if limit.Max < need {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: need, Max: need})
	} else {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit.Max, Max: limit.Max})
	}
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return min(want, (int(min(limit.Cur, 1<<20))-1_000)/2)
}

// dialFrom connects from the i-th of many loopback addresses, none of which opens more than it may.
func dialFrom(address string, i int) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/500))}, Timeout: 30 * time.Second}
	return d.Dial("tcp", address)
}

func requestBytes(r kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("attack")).AppendRequest(nil, r, 1)
}

// bomb is a Produce request with a batch that decompresses to far more than a gate allows.
func bomb(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if _, err := io.CopyN(z, zeros{}, 256<<20); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	batch := kmsg.NewRecordBatch()
	batch.Magic, batch.Attributes, batch.NumRecords, batch.ProducerID, batch.Records = 2, 1, 1, -1, packed.Bytes()
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	ask := kmsg.NewPtrProduceRequest()
	ask.SetVersion(9)
	ask.Acks = -1
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = faultTopic
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = raw
	topic.Partitions = append(topic.Partitions, part)
	ask.Topics = append(ask.Topics, topic)
	return requestBytes(ask)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestMemoryUnderAttack holds ten thousand idle connections, and then sends bombs, frames that are too large or never end, and
// requests whose answers nobody reads: the gate stays within twice what it may hold of requests, and serves others meanwhile.
func TestMemoryUnderAttack(t *testing.T) {
	want := mayOpen(idleConnections)
	broker := embeddedBrokerProcess(t)
	registry := startReplica(t, "sqlite:"+t.TempDir()+"/accord.db")
	mustBe(t, "the schema", registry.register(faultTopic+"-value", faultSchema), http.StatusOK)
	gate := startGateProcess(t, broker.address, registry.url)
	pid := gate.cmd.Process.Pid
	before, _ := memoryOf(t, pid)

	began := time.Now()
	idle := make([]net.Conn, want)
	var opening sync.WaitGroup
	var failed sync.Map
	for worker := range 16 {
		opening.Go(func() {
			hello := requestBytes(kmsg.NewPtrApiVersionsRequest())
			for i := worker; i < want; i += 16 {
				c, err := dialFrom(gate.kafka, i)
				if err != nil {
					failed.Store(i, err)
					return
				}
				idle[i] = c
				_ = c.SetDeadline(time.Now().Add(60 * time.Second))
				_, err = c.Write(hello)
				var size [4]byte
				if err == nil {
					_, err = io.ReadFull(c, size[:])
				}
				if err == nil {
					_, err = io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(size[:])))
				}
				if err != nil {
					failed.Store(i, err)
					return
				}
			}
		})
	}
	opening.Wait()
	defer func() {
		for _, c := range idle {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	for i, err := range failed.Range {
		t.Fatalf("idle connection %v: %v", i, err)
	}
	resting, _ := memoryOf(t, pid)
	t.Logf("%d connections opened in %s", want, time.Since(began).Round(time.Millisecond))
	if each := (resting - before) / int64(want); each > perIdle {
		t.Errorf("an idle connection takes %d bytes, at most %d are allowed", each, perIdle)
	}

	// Others are served while all of this goes on.
	client := kafkaClient(t, gate.kafka)
	served := 0
	attack := func(what string, n int, frame []byte, do func(net.Conn)) {
		var wg sync.WaitGroup
		began := time.Now()
		for i := range n {
			wg.Go(func() {
				c, err := dialFrom(gate.kafka, idleConnections+i)
				if err != nil {
					t.Errorf("%s: %v", what, err)
					return
				}
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				if _, err := c.Write(frame); err == nil {
					do(c)
				}
			})
		}
		for range 20 {
			record := &kgo.Record{Topic: faultTopic, Value: fmt.Appendf(nil, `{"id":"%d","n":1}`, served)}
			if err := client.ProduceSync(soon(t), record).FirstErr(); err != nil {
				t.Errorf("during %s: %v", what, err)
			}
			served++
		}
		wg.Wait()
		now, most := memoryOf(t, pid)
		t.Logf("after %s: %d MiB, at most %d MiB; %s", what, now>>20, most>>20, time.Since(began).Round(time.Millisecond))
	}
	answered := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) } // an answer, or the end
	attack("bombs", 24, bomb(t), answered)
	attack("impossible lengths", 100, []byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 9}, answered)
	unfinished := binary.BigEndian.AppendUint32(nil, proxy.MaxFrame)
	unfinished = append(unfinished, make([]byte, 1<<20)...)
	attack("frames that never end", 12, unfinished, func(c net.Conn) { // most of what may be in flight, held
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		answered(c)
	})
	fetches := bytes.Repeat(requestBytes(kmsg.NewPtrMetadataRequest()), 2_000)
	attack("answers that nobody reads", 100, fetches, func(net.Conn) { time.Sleep(time.Second) })

	_, most := memoryOf(t, pid)
	if most > 2*proxy.MaxInFlightBytes {
		t.Errorf("the gate took %d MiB, at most %d are allowed", most>>20, 2*proxy.MaxInFlightBytes>>20)
	}
	t.Logf("%d idle connections took %d bytes each; at most %d MiB in all, %d MiB are allowed; %d events of others went through meanwhile",
		want, (resting-before)/int64(want), most>>20, 2*proxy.MaxInFlightBytes>>20, served)
}
