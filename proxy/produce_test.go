package proxy_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// direct connects to a backend itself.
func (b backend) direct(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(b.brokers...))
	if b.dial != nil {
		opts = append(opts, kgo.Dialer(b.dial))
	}
	return newClient(t, opts...)
}

// gate starts a gate in front of a backend.
func (b backend) gate(t testing.TB, cfg proxy.Config) (*proxy.Server, string) {
	t.Helper()
	cfg.Brokers, cfg.Dial = b.brokers, b.dial
	return startGate(t, cfg)
}

// topic makes a fresh topic whose name begins with prefix: a real broker keeps what other tests wrote.
func (b backend) topic(t testing.TB, prefix string, partitions int32) string {
	t.Helper()
	name := prefix + "." + strings.ToLower(rand.Text()[:8])
	admin := kadmClient(b.direct(t))
	if _, err := admin.CreateTopic(testContext(t), partitions, 1, nil, name); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the log exists a moment later
		offsets, err := admin.ListEndOffsets(testContext(t), name)
		if err == nil && offsets.Error() == nil && len(offsets[name]) == int(partitions) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("topic %s does not appear: %v, %v", name, err, offsets.Error())
		}
	}
	t.Cleanup(func() { _, _ = admin.DeleteTopics(context.Background(), name) })
	return name
}

func kadmClient(c *kgo.Client) *kadm.Client { return kadm.NewClient(c) }

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// bound is the shop with one more topic.
func bound(topic, enforce string) *memory {
	m := shop("")
	all := *m.stored.Load()
	m.set(2, []validator.Binding{{
		Topic: topic, Declared: true, Enforce: []byte(enforce),
		Values: []validator.Promise{promise("orders.OrderPlaced", all...)},
	}}, all...)
	return m
}

// consume reads n records of a topic straight from the broker.
func (b backend) consume(t testing.TB, topic string, n int) []*kgo.Record {
	t.Helper()
	c := b.direct(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var records []*kgo.Record
	ctx := testContext(t)
	for len(records) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("consumed %d of %d records of %s: %v", len(records), n, topic, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func TestValidEventsArriveUnchanged(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		for name, codec := range codecs {
			t.Run(name, func(t *testing.T) {
				topic := b.topic(t, "valid", 1)
				_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
				client := newClient(t, kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(codec))
				var sent []*kgo.Record
				for i := range 200 {
					sent = append(sent, &kgo.Record{
						Topic: topic, Key: fmt.Appendf(nil, "k%d", i),
						Value:   fmt.Appendf(nil, ` {"orderId":"o-%d",  "customer":"ü","lines":[{"sku":"a","quantity":%d}]}`, i, i+1),
						Headers: []kgo.RecordHeader{{Key: "h", Value: nil}, {Key: "h", Value: []byte{0, 1, 2}}},
					})
				}
				if err := client.ProduceSync(testContext(t), sent...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				for i, got := range b.consume(t, topic, len(sent)) {
					want := sent[i]
					if diff := cmp.Diff([]any{want.Key, want.Value, want.Headers, want.Timestamp.UnixMilli()}, []any{got.Key, got.Value, got.Headers, got.Timestamp.UnixMilli()}); diff != "" {
						t.Fatalf("record %d: sent (-), read (+):\n%s", i, diff)
					}
				}
			})
		}
	})
}

func TestInvalidEventIsRefused(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		for name, codec := range codecs {
			t.Run(name, func(t *testing.T) {
				topic := b.topic(t, "invalid", 1)
				var book logBook
				_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, ""), Log: book.logger()})
				client := newClient(t, kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(codec))
				err := client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(badLines)}).FirstErr()
				if !errors.Is(err, kerr.InvalidRecord) {
					t.Fatalf("produce an invalid event: %v, want INVALID_RECORD", err)
				}
				if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(goodV2)}).FirstErr(); err != nil {
					t.Fatalf("produce a valid event after it: %v", err)
				}
				if got := b.consume(t, topic, 1); string(got[0].Value) != goodV2 {
					t.Errorf("topic holds %s, want only the valid event", got[0].Value)
				}
				for _, want := range []string{"event rejected", "/lines/*/quantity", "minimum", "orders.OrderPlaced v2", topic} {
					if !strings.Contains(book.String(), want) {
						t.Errorf("log does not name %q:\n%s", want, book.String())
					}
				}
				if strings.Contains(book.String(), "SECRET") {
					t.Errorf("log holds payload:\n%s", book.String())
				}
			})
		}
	})
}

// TestOnlyTheBadPartitionIsRefused sends one request for three partitions of two topics and reads the merged answer.
func TestOnlyTheBadPartitionIsRefused(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		for version := int16(3); version <= 12; version++ {
			t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
				topic, free := b.topic(t, "mixed", 2), b.topic(t, "free", 1)
				_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
				good, bad := encodeBatch(t, goodV2, goodV2), encodeBatch(t, goodV2, badLines, goodV2, `{"orderId":1}`)
				ask := produceRequest(version, -1, map[string][][]byte{topic: {bad, good}, free: {good}})
				answer := produceRaw(t, addr, ask)
				got := map[string]kmsg.ProduceResponseTopicPartition{}
				for _, rt := range answer.Topics {
					for _, rp := range rt.Partitions {
						got[fmt.Sprintf("%s/%d", rt.Topic, rp.Partition)] = rp
					}
				}
				if len(got) != 3 {
					t.Fatalf("answer has %d partitions, want 3: %+v", len(got), answer)
				}
				for _, ok := range []string{topic + "/1", free + "/0"} {
					if p := got[ok]; p.ErrorCode != 0 || p.BaseOffset != 0 {
						t.Errorf("%s: code %d, base offset %d, want 0 and 0", ok, p.ErrorCode, p.BaseOffset)
					}
				}
				p := got[topic+"/0"]
				if p.ErrorCode != kerr.InvalidRecord.Code || p.BaseOffset != -1 {
					t.Errorf("bad partition: code %d, base offset %d, want 87 and -1", p.ErrorCode, p.BaseOffset)
				}
				if version >= 8 {
					checkReasons(t, p)
				}
				if n := len(b.consume(t, topic, 2)); n != 2 {
					t.Errorf("topic holds %d records, want the 2 of the good partition", n)
				}
			})
		}
	})
}

// checkReasons holds the refusal of encodeBatch(good, badLines, good, {"orderId":1}).
func checkReasons(t *testing.T, p kmsg.ProduceResponseTopicPartition) {
	t.Helper()
	if len(p.ErrorRecords) != 2 || p.ErrorRecords[0].RelativeOffset != 1 || p.ErrorRecords[1].RelativeOffset != 3 {
		t.Fatalf("record errors = %+v, want records 1 and 3", p.ErrorRecords)
	}
	if p.ErrorMessage == nil || p.ErrorRecords[0].ErrorMessage == nil {
		t.Fatalf("no text in %+v", p)
	}
	first := *p.ErrorRecords[0].ErrorMessage
	if !strings.HasPrefix(first, "orders.OrderPlaced v2: /lines/0/quantity: minimum: ") {
		t.Errorf("record 1: %q, want subject, version, pointer and keyword", first)
	}
	want := "accord: 2 of 4 records rejected; record 1: " + first + " (rejection "
	if !strings.HasPrefix(*p.ErrorMessage, want) {
		t.Errorf("message = %q, want %q…", *p.ErrorMessage, want)
	}
	for _, r := range p.ErrorRecords {
		if strings.Contains(*r.ErrorMessage, "SECRET") {
			t.Errorf("message holds payload: %q", *r.ErrorMessage)
		}
	}
}

// encodeBatch makes an uncompressed record batch of values; "" is null.
func encodeBatch(t testing.TB, values ...string) []byte {
	t.Helper()
	return batchOf{values: values, producerID: -1}.encode(t)
}

func produceRequest(version, acks int16, topics map[string][][]byte) *kmsg.ProduceRequest {
	ask := kmsg.NewPtrProduceRequest()
	ask.SetVersion(version)
	ask.Acks, ask.TimeoutMillis = acks, 5000
	for name, parts := range topics {
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = name
		for i, records := range parts {
			part := kmsg.NewProduceRequestTopicPartition()
			part.Partition, part.Records = int32(i), records
			topic.Partitions = append(topic.Partitions, part)
		}
		ask.Topics = append(ask.Topics, topic)
	}
	return ask
}

// produceRaw sends a produce request over a connection of its own, as it stands.
func produceRaw(t testing.TB, addr string, ask *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	t.Helper()
	conn := dialRaw(t, addr)
	if _, err := conn.Write(requestFrame(ask)); err != nil {
		t.Fatal(err)
	}
	body := readAnswer(t, conn)
	if ask.IsFlexible() {
		body = body[1:]
	}
	answer := kmsg.NewPtrProduceResponse()
	answer.SetVersion(ask.Version)
	if err := answer.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	return answer
}
