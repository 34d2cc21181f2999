package proxy

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	learnEvery = time.Minute // how often the gate asks the cluster for its nodes
	// ownMetadataAge is how soon the own client asks again about a topic that it does not know.
	ownMetadataAge = 250 * time.Millisecond
	learnTimeout   = 10 * time.Second // for one such question
)

// learn asks the cluster for its nodes and requests until ctx ends. A cluster that does not talk to strangers is learned
// from clients' traffic instead.
func (s *Server) learn(ctx context.Context, client *kgo.Client) {
	for first := true; ; first = false {
		if err := s.learnOnce(ctx, client); err != nil && ctx.Err() == nil {
			s.quiet.warn("cluster not asked for its nodes", "err", err)
		}
		if first {
			close(s.asked)
		}
		select {
		case <-time.After(learnEvery):
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) learnOnce(serve context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(serve, learnTimeout)
	defer cancel()
	answer, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, client)
	if err != nil {
		return err
	}
	s.noteAPIs(answer)
	ask := kmsg.NewPtrMetadataRequest()
	ask.Topics = []kmsg.MetadataRequestTopic{}
	cluster, err := ask.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, b := range cluster.Brokers {
		s.sawNode(serve, b.NodeID, b.Host, b.Port)
	}
	return nil
}

// clientOptions are the options of a client of the gate's own.
func (s *Server) clientOptions() []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.cfg.Brokers...),
		kgo.Dialer(s.dialAddress),
		kgo.ClientID("accord-proxy"),
		kgo.ProducerLinger(0), // a single event must not wait for company
		kgo.RecordPartitioner(partitioner{kgo.StickyKeyPartitioner(nil)}),
		kgo.UnknownTopicRetries(1),
		kgo.MetadataMinAge(ownMetadataAge),
		kgo.MaxBufferedRecords(MaxHTTPInFlight),
	}
	if own := s.cfg.Own; own != nil {
		opts = append(opts, kgo.SASL(own.mechanism()))
	}
	return opts
}

// mechanism is the SASL mechanism of the credentials; New has checked its name.
func (o *Credentials) mechanism() sasl.Mechanism {
	switch o.Mechanism {
	case "SCRAM-SHA-256":
		return scram.Auth{User: o.User, Pass: o.Password}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return scram.Auth{User: o.User, Pass: o.Password}.AsSha512Mechanism()
	default:
		return plain.Auth{User: o.User, Pass: o.Password}.AsMechanism()
	}
}
