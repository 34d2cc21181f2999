package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
)

func TestForward(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p := newClient(t, kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation())
	for i := range 100 {
		if err := p.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte{byte(i)}}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	c := newClient(t, kgo.SeedBrokers(addr), kgo.ConsumeTopics("t"), kgo.ConsumerGroup("g"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for n := 0; n < 100; {
		fs := c.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		n += fs.NumRecords()
	}
}
