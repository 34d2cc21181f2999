package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/orders/consume"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/journal"
)

const (
	// Partitions is how many each topic of events gets, LetterPartitions each dead-letter topic.
	Partitions       = 12
	LetterPartitions = 3
	// Retention is how long topics keep events, LetterRetention dead letters.
	Retention       = 7 * 24 * time.Hour
	LetterRetention = 14 * 24 * time.Hour
	// DefaultReplicas is on how many brokers each topic is kept.
	DefaultReplicas = 3

	deliveryTimeout = 30 * time.Second
)

func newKafka(brokers []string, id string, dial consume.Dialer, more ...kgo.Opt) (*kgo.Client, error) {
	options := append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.ClientID(id)}, more...)
	if dial != nil {
		options = append(options, kgo.Dialer(dial))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("kafka client %s: %w", id, err)
	}
	return client, nil
}

// A producer sends one service's events, acknowledged by all replicas, each once per session of the connection.
type producer struct{ client *kgo.Client }

func newProducer(proxy []string, service string, dial consume.Dialer) (*producer, error) {
	client, err := newKafka(proxy, service, dial,
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordDeliveryTimeout(deliveryTimeout), kgo.ProducerLinger(time.Millisecond))
	if err != nil {
		return nil, err
	}
	return &producer{client}, nil
}

// Produce implements journal.Producer.
func (p *producer) Produce(ctx context.Context, records []journal.Record) []error {
	return produce(ctx, p.client, records)
}

// letters writes dead letters.
type letters struct{ client *kgo.Client }

// Produce implements journal.Producer.
func (l letters) Produce(ctx context.Context, records []journal.Record) []error {
	return produce(ctx, l.client, records)
}

func produce(ctx context.Context, client *kgo.Client, records []journal.Record) []error {
	errs := make([]error, len(records))
	var wg sync.WaitGroup
	for i, r := range records {
		out := &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		wg.Add(1)
		client.Produce(ctx, out, func(_ *kgo.Record, err error) {
			errs[i] = err
			wg.Done()
		})
	}
	wg.Wait()
	return errs
}

// letterTopic is where a consumer's dead letters go.
func letterTopic(group string) string { return group + ".dlq" }

// createTopics makes what is missing, each topic on wanted brokers if there are so many. Topics that exist stay as they
// are.
func createTopics(ctx context.Context, client *kgo.Client, wanted int, log *slog.Logger) error {
	admin := kadm.NewClient(client)
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	replicas := int16(min(len(brokers), wanted))
	if len(brokers) < wanted {
		log.Warn("fewer brokers than replicas wanted", "brokers", len(brokers), "replicas", wanted)
	}
	create := func(partitions int32, configs map[string]*string, topics ...string) error {
		answers, err := admin.CreateTopics(ctx, partitions, replicas, configs, topics...)
		if err != nil {
			return err
		}
		var errs []error
		for _, a := range answers.Sorted() {
			if a.Err != nil && !errors.Is(a.Err, kerr.TopicAlreadyExists) {
				errs = append(errs, fmt.Errorf("%s: %w", a.Topic, a.Err))
			}
		}
		return errors.Join(errs...)
	}
	kept, compacted := eventTopics()
	var dead []string
	for _, name := range Services() {
		dead = append(dead, letterTopic(name), consume.RedriveTopic(name))
	}
	err = errors.Join(
		create(Partitions, map[string]*string{"retention.ms": millis(Retention)}, kept...),
		create(Partitions, map[string]*string{"cleanup.policy": new("compact")}, compacted...),
		create(LetterPartitions, map[string]*string{"retention.ms": millis(LetterRetention)}, dead...))
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}

func millis(d time.Duration) *string { return new(fmt.Sprint(d.Milliseconds())) }

// eventTopics returns every topic that a service sends to, each once.
func eventTopics() (kept, compacted []string) {
	seen := map[string]bool{}
	for _, k := range event.Kinds() {
		switch {
		case seen[k.Topic]:
		case event.Compacted(k.Topic):
			compacted = append(compacted, k.Topic)
		default:
			kept = append(kept, k.Topic)
		}
		seen[k.Topic] = true
	}
	return kept, compacted
}
