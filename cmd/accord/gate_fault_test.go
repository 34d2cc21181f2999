package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// faultTopic is bound by its name.
const faultTopic = "faults"

const faultSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer","minimum":0}},"required":["id","n"]}`

// A claimed record is one that a producer sent, and what it was told.
type claimed struct {
	acknowledged, refused bool
}

// TestEverythingIsKilledUnderLoad produces through two gates while gates, broker and registry are killed, one after the
// other, at random points: what was acknowledged is there once, nothing invalid ever is, and nothing is there twice.
func TestEverythingIsKilledUnderLoad(t *testing.T) {
	for name, run := range map[string]struct {
		broker func(*testing.T) *brokerProcess
		rounds int
		killed []string
	}{
		"embedded": {embeddedBrokerProcess, 6, []string{"gate", "broker", "registry"}},
		"kafka":    {kafkaProcess, 2, []string{"gate", "broker"}},
	} {
		t.Run(name, func(t *testing.T) {
			broker := run.broker(t)
			registry := startReplica(t, "sqlite:"+t.TempDir()+"/accord.db")
			mustBe(t, "the schema", registry.register(faultTopic+"-value", faultSchema), http.StatusOK)
			direct := kafkaClient(t, broker.address)
			admin := kadm.NewClient(direct)
			if answer, err := admin.CreateTopic(soon(t), 2, 1, nil, faultTopic); err != nil && !errors.Is(answer.Err, kerr.TopicAlreadyExists) {
				t.Fatal(err)
			}
			cache := t.TempDir()
			gates := []*gateProcess{startGateProcess(t, broker.address, registry.url, "--cache-dir", cache), startGateProcess(t, broker.address, registry.url, "--cache-dir", cache)}

			claims := sync.Map{} // id to claimed
			var sent atomic.Int64
			loading, stop := context.WithCancel(context.Background())
			var load sync.WaitGroup
			for producer := range 4 {
				client := kafkaClient(t, gates[producer%2].kafka, kgo.SeedBrokers(gates[producer%2].kafka, gates[1-producer%2].kafka),
					kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.UnknownTopicRetries(-1), kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }))
				load.Go(func() {
					for i := 0; loading.Err() == nil; i++ {
						id, n := fmt.Sprintf("%d-%d", producer, i), i
						if i%7 == 3 {
							n = -1
						}
						record := &kgo.Record{Topic: faultTopic, Value: fmt.Appendf(nil, `{"id":%q,"n":%d}`, id, n)}
						err := client.ProduceSync(soon(t), record).FirstErr()
						claims.Store(id, claimed{err == nil, errors.Is(err, kerr.InvalidRecord)})
						sent.Add(1)
						time.Sleep(time.Millisecond)
					}
				})
			}
			kills := map[string]int{}
			for round := range run.rounds {
				// A random point under load, and never before the last one was recovered from.
				before := sent.Load()
				for deadline := time.Now().Add(60 * time.Second); sent.Load() < before+50; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("nothing goes on after %v\n%s", kills, gates[0].log)
					}
				}
				time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
				what := run.killed[round%len(run.killed)]
				kills[what]++
				switch what {
				case "gate":
					g := gates[rand.IntN(2)]
					g.kill()
					g.start(t)
				case "broker":
					broker.kill()
					broker.start(t)
				case "registry":
					registry.kill()
					g := gates[rand.IntN(2)] // starts on what its folder remembers
					g.kill()
					g.start(t)
					registry.start(t)
				}
			}
			before := sent.Load()
			for deadline := time.Now().Add(60 * time.Second); sent.Load() < before+50 && time.Now().Before(deadline); {
				time.Sleep(time.Millisecond)
			}
			stop()
			load.Wait()

			seen := map[string]int{}
			for _, r := range committedOf(t, broker.address, faultTopic) {
				var event struct {
					ID string
					N  int
				}
				if err := json.Unmarshal(r.Value, &event); err != nil || event.N < 0 {
					t.Errorf("the topic holds %s", r.Value)
				}
				seen[event.ID]++
			}
			acknowledged, refused, unknown := 0, 0, 0
			for id, c := range claims.Range {
				switch c := c.(claimed); {
				case c.acknowledged:
					acknowledged++
					if seen[id.(string)] != 1 {
						t.Errorf("%s was acknowledged and is there %d times", id, seen[id.(string)])
					}
				case c.refused:
					refused++
				default:
					unknown++
				}
			}
			for id, n := range seen {
				if n > 1 {
					t.Errorf("%s is there %d times", id, n)
				}
			}
			if acknowledged < 100 || refused == 0 {
				t.Errorf("%d acknowledged, %d refused: too few to prove anything", acknowledged, refused)
			}
			t.Logf("killed %v: %d acknowledged, each there once; %d refused, none there; of %d nobody knows", kills, acknowledged, refused, unknown)
		})
	}
}
