package proxy_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
)

// event1K is a valid order of about a kilobyte.
var event1K = []byte(`{"orderId":"o-12345","customer":"c-678","lines":[` +
	strings.TrimSuffix(strings.Repeat(`{"sku":"sku-0000-1111-2222","quantity":3},`, 22), ",") + `]}`)

// BenchmarkProduce sends events of a kilobyte with one idempotent franz-go producer, straight to the broker, through a gate
// that does not judge the topic, and through one that does. All of them, broker included, share this machine's
// processors; the embedded broker stores nothing. With ACCORD_TEST_BOOTSTRAP the broker is that Kafka. Compare records/s
// within one run only.
func BenchmarkProduce(b *testing.B) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, codec := range []string{"none", "lz4", "zstd"} {
		for _, way := range []string{"direct", "off", "reject"} {
			b.Run(fmt.Sprintf("%s/%s", way, codec), func(b *testing.B) {
				back := backend{}
				if kafka := os.Getenv("ACCORD_TEST_BOOTSTRAP"); kafka != "" {
					back.brokers = []string{kafka}
				} else {
					cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BlackholeProduce())
					if err != nil {
						b.Fatal(err)
					}
					b.Cleanup(cluster.Close)
					back.brokers = cluster.ListenAddrs()
				}
				topic := back.topic(b, "bench", 4)
				addr := back.brokers[0]
				if way != "direct" {
					enforce := map[string]string{"off": `{"policy":"off"}`, "reject": ""}[way]
					_, addr = back.gate(b, proxy.Config{Schemas: bound(topic, enforce), Log: quiet})
				}
				c := newClient(b, kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(codecs[codec]))
				ctx := context.Background()
				b.SetBytes(int64(len(event1K)))
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					c.Produce(ctx, &kgo.Record{Topic: topic, Value: event1K}, func(_ *kgo.Record, err error) {
						if err != nil {
							b.Error(err)
						}
					})
				}
				if err := c.Flush(ctx); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			})
		}
	}
}

// BenchmarkSingle sends one event at a time and waits for its acknowledgement.
func BenchmarkSingle(b *testing.B) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, way := range []string{"direct", "reject"} {
		b.Run(way, func(b *testing.B) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BlackholeProduce())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(cluster.Close)
			back := backend{brokers: cluster.ListenAddrs()}
			topic := back.topic(b, "bench", 1)
			addr := back.brokers[0]
			if way != "direct" {
				_, addr = back.gate(b, proxy.Config{Schemas: bound(topic, ""), Log: quiet})
			}
			c := newClient(b, kgo.SeedBrokers(addr), kgo.ProducerLinger(0))
			for b.Loop() {
				if err := c.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: event1K}).FirstErr(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
