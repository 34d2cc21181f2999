package consume

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/orders/journal"
)

const (
	maxPoll     = 2000
	forgetEvery = time.Hour
	partitions  = 4 // of one poll, worked on at the same time
)

// A Dialer opens a connection to a broker.
type Dialer func(ctx context.Context, network, host string) (net.Conn, error)

// Run reads until ctx ends, which is no error. It returns an error only when the consumer cannot be set up.
func (c *Consumer) Run(ctx context.Context) error {
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.ClientID(c.ClientID),
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topics()...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AdjustFetchOffsetsFn(c.seek),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(time.Second),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.UnknownTopicRetries(-1),
	}
	if c.Dial != nil {
		options = append(options, kgo.Dialer(c.Dial))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return fmt.Errorf("consumer %s: %w", c.Group, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer client.Close()
	wg.Go(func() { c.retry(ctx) })
	wg.Go(func() { c.clean(ctx) })
	for {
		fetches := client.PollRecords(ctx, maxPoll)
		if ctx.Err() != nil {
			return nil
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			c.Log.Warn("fetch failed", "group", c.Group, "topic", topic, "partition", partition, "err", err)
		})
		c.work(ctx, client, fetches)
	}
}

// work runs the partitions of a poll side by side, each in its own order, and waits for all.
func (c *Consumer) work(ctx context.Context, client *kgo.Client, fetches kgo.Fetches) {
	var wg sync.WaitGroup
	free := make(chan struct{}, partitions)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			err := c.Process(ctx, fromKafka(p.Records), p.LogStartOffset > 0)
			if err == nil {
				client.MarkCommitRecords(p.Records[len(p.Records)-1])
			} else if !errors.Is(err, context.Canceled) {
				c.Log.Error("partition given up", "group", c.Group, "topic", p.Topic, "partition", p.Partition, "err", err)
			}
		})
	})
	wg.Wait()
}

// seek replaces the group's offsets by those of the store, where the effects are.
func (c *Consumer) seek(ctx context.Context, assigned map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	stored, err := c.Offsets(ctx)
	if err != nil {
		return nil, err
	}
	for topic, parts := range assigned {
		for part := range parts {
			parts[part] = kgo.NewOffset().AtStart()
			if next, ok := stored[topic][part]; ok {
				parts[part] = kgo.NewOffset().At(next)
			}
		}
	}
	return assigned, nil
}

// clean forgets old ids from time to time.
func (c *Consumer) clean(ctx context.Context) {
	for {
		if err := c.forget(ctx); err != nil && ctx.Err() == nil {
			c.Log.Warn("cannot forget old ids", "group", c.Group, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(forgetEvery):
		}
	}
}

func fromKafka(records []*kgo.Record) []journal.Record {
	out := make([]journal.Record, len(records))
	for i, r := range records {
		out[i] = journal.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			out[i].Headers = append(out[i].Headers, journal.Header{Key: h.Key, Value: h.Value})
		}
	}
	return out
}
