package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/client"
)

// kafkaClient connects to brokers until the test ends.
func kafkaClient(t *testing.T, brokers string, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers), kgo.MetadataMinAge(50 * time.Millisecond)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// soon is a context for something that takes seconds at most.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// commandLine runs a command line and returns its exit status and streams.
func commandLine(args ...string) (status int, out, errs string) {
	var stdout, stderr bytes.Buffer
	status = run(context.Background(), args, streams{strings.NewReader(""), &stdout, &stderr})
	return status, stdout.String(), stderr.String()
}

// TestDeadLettersOfTheHouse lists, shows, decodes again, redrives and discards dead letters of the reference system by the
// command line; what goes back is taken by its consumer, and the audit says who did it.
func TestDeadLettersOfTheHouse(t *testing.T) {
	h := startHouse(t, t.TempDir())
	reader := kafkaClient(t, h.broker, kgo.ConsumeTopics("orders.events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var placed *kgo.Record
	for placed == nil {
		fetches := reader.PollFetches(soon(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			for _, x := range r.Headers {
				if x.Key == "ce_type" && strings.HasSuffix(string(x.Value), ".OrderPlaced") {
					placed = r
				}
			}
		}
	}
	rec := client.Record{Topic: placed.Topic, Partition: placed.Partition, Offset: placed.Offset, Time: placed.Timestamp, Key: placed.Key, Value: placed.Value}
	for _, x := range placed.Headers {
		rec.Headers = append(rec.Headers, client.Header{Key: x.Key, Value: x.Value})
	}
	letter := client.DeadLetter(rec, "payments", 5, errors.New("handle orders.OrderPlaced: no such card"))
	var dead []*kgo.Record
	for range 3 {
		r := &kgo.Record{Topic: letter.Topic, Key: letter.Key, Value: letter.Value}
		for _, x := range letter.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: x.Key, Value: x.Value})
		}
		dead = append(dead, r)
	}
	direct := kafkaClient(t, h.broker, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := direct.ProduceSync(soon(t), dead...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	gate := "http://" + h.gateHTTP
	expect := func(status int, want []string, args ...string) {
		t.Helper()
		got, out, errs := commandLine(append(args, "--proxy-http", gate)...)
		if got != status {
			t.Errorf("%v ends with %d, want %d\n%s%s", args, got, status, out, errs)
		}
		for _, part := range want {
			if !strings.Contains(out+errs, part) {
				t.Errorf("%v does not say %q:\n%s%s", args, part, out, errs)
			}
		}
	}
	expect(0, []string{"payments.dlq       3        0        payments.redrive"}, "dlq", "list")
	expect(0, []string{"3        3         orders.OrderPlaced  error"}, "dlq", "list", "payments")
	expect(0, []string{`"error":"handle orders.OrderPlaced: no such card"`}, "dlq", "list", "payments", "--json", "--type", "orders.OrderPlaced")
	expect(0, []string{`"dlq-attempts"`, `"passes": true`, `"whole"`}, "dlq", "show", "payments", "0/1")
	expect(0, []string{"0/2  orders.OrderPlaced v", "passes", "3 would pass, 0 would fail again"}, "dlq", "diff", "payments", "--registry", "http://"+h.site)
	expect(0, []string{"0/0  passes", "2 would be redriven"}, "dlq", "redrive", "payments", "0/0", "0/1", "--dry-run")
	expect(0, []string{"0/0  redriven", "2 redriven, 0 were before"}, "dlq", "redrive", "payments", "0/0", "0/1", "--reason", "cards are back", "--rate", "1000")
	expect(0, []string{"0 redriven, 2 were before"}, "dlq", "redrive", "payments", "0/0", "0/1")
	expect(2, []string{"--reason is missing"}, "dlq", "discard", "payments")
	expect(0, []string{"1 discarded"}, "dlq", "discard", "payments", "--class", "error", "--since", "1h", "--reason", "test data")
	expect(0, []string{"payments.dlq       0        3"}, "dlq", "list")
	expect(1, []string{"no such topic of letters"}, "dlq", "show", "nobody", "0/0")
	expect(2, []string{"want PARTITION/OFFSET"}, "dlq", "show", "payments", "17")

	// Its consumer has read what came back.
	admin := kadm.NewClient(direct)
	h.await(t, "payments to read what came back", func() bool {
		offsets, err := admin.FetchOffsets(soon(t), "payments")
		at, ok := int64(0), false
		for _, p := range offsets["payments.redrive"] {
			at, ok = at+max(p.At, 0), true
		}
		return err == nil && ok && at >= 2
	})
	_, audit := get(t, "http://"+h.site+"/v1/audit")
	for _, want := range []string{`"op":"redrive"`, `"cards are back"`, `"op":"discard"`, `"test data"`} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit does not say %s: %s", want, audit)
		}
	}
}

// maxKills is how often a gate is killed at most: somewhen it must come to an end.
const maxKills = 8

// TestRedriveIsKilled kills the gate at random points of a redrive, until all letters went back: each is there once for who
// reads what is committed, and none is missing.
func TestRedriveIsKilled(t *testing.T) {
	registry := startReplica(t, "sqlite:"+t.TempDir()+"/accord.db")
	brokers := map[string]func(t *testing.T) string{
		"embedded": func(t *testing.T) string {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "unused"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			return cluster.ListenAddrs()[0]
		},
		"kafka": func(t *testing.T) string {
			address := os.Getenv("ACCORD_TEST_BOOTSTRAP")
			if address == "" {
				leaveOut(t, "Apache Kafka (ACCORD_TEST_BOOTSTRAP)")
			}
			return address
		},
	}
	for name, open := range brokers {
		t.Run(name, func(t *testing.T) {
			address := open(t)
			direct := kafkaClient(t, address)
			admin := kadm.NewClient(direct)
			group := fmt.Sprintf("killed-%d", rand.Int64())
			for _, topic := range []string{group + ".dlq", group + ".redrive"} {
				if _, err := admin.CreateTopic(soon(t), 2, 1, nil, topic); err != nil {
					t.Fatal(err)
				}
				defer func() { _, _ = admin.DeleteTopics(context.Background(), topic) }()
			}
			const letters = 250
			var dead []*kgo.Record
			for i := range letters {
				dead = append(dead, &kgo.Record{Topic: group + ".dlq", Key: fmt.Appendf(nil, "%d", i), Value: []byte(`{}`), Headers: []kgo.RecordHeader{{Key: "dlq-class", Value: []byte("error")}}})
			}
			for err := errors.New("not yet"); err != nil; { // the topic's leader is known a moment later
				if err = direct.ProduceSync(soon(t), dead...).FirstErr(); err != nil && soon(t).Err() != nil {
					t.Fatal(err)
				}
			}
			gate := startGateProcess(t, address, registry.url)
			kills, deadline := 0, time.Now().Add(2*time.Minute)
			for done := false; !done; {
				answered := make(chan bool, 1)
				go func() {
					status, text := gate.post("/v1/letters/redrive", `{"topic":"`+group+`.dlq","rate":50,"limit":1000,"reason":"again"}`)
					answered <- status == http.StatusOK
					if status != http.StatusOK && time.Now().After(deadline) {
						t.Errorf("redrive = %d %.500s", status, text)
					}
				}()
				select {
				case done = <-answered:
				case <-time.After(time.Duration(100+rand.IntN(700)) * time.Millisecond): // a random point is what the test is about
					if kills++; kills > maxKills {
						done = <-answered
						break
					}
					gate.kill()
					gate.start(t)
				}
				if !done && time.Now().After(deadline) {
					t.Fatalf("not done in time after %d kills\n%s", kills, gate.log)
				}
			}
			seen := map[string]int{}
			for _, r := range committedOf(t, address, group+".redrive") {
				seen[string(r.Key)]++
			}
			for i := range letters {
				if n := seen[fmt.Sprint(i)]; n != 1 {
					t.Errorf("letter %d went back %d times", i, n)
				}
			}
			if kills < 2 {
				t.Errorf("the gate was killed %d times, which proves nothing", kills)
			}
			t.Logf("%d letters went back once each, over %d kills", len(seen), kills)
		})
	}
}

// committedOf reads all that a topic holds now, as far as transactions have been committed.
func committedOf(t *testing.T, brokers, topic string) (all []*kgo.Record) {
	t.Helper()
	reader := kafkaClient(t, brokers, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	ends, err := kadm.NewClient(reader).ListCommittedOffsets(soon(t), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	left := map[int32]int64{}
	for p, o := range ends[topic] {
		if o.Offset > 0 {
			left[p] = o.Offset
		}
	}
	for ctx := soon(t); len(left) > 0; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s, %v left: %v", topic, left, err)
		}
		for r := range fetches.RecordsAll() {
			if !r.Attrs.IsControl() {
				all = append(all, r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		}
	}
	return all
}
