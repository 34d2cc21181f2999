package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

func TestForward(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: noPromises{}})
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

// noPromises is a source that knows of no topic.
type noPromises struct{}

var emptySnapshot = &validator.Snapshot{At: time.Now()}

func (noPromises) Snapshot() *validator.Snapshot { return emptySnapshot }

func (noPromises) Fetch(context.Context, validator.Ref) (*validator.Entry, error) {
	return nil, validator.ErrUnknownSchema
}

func (noPromises) Watch(ctx context.Context, _ func(*validator.Snapshot)) error {
	<-ctx.Done()
	return ctx.Err()
}
