package proxy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
)

// A desk takes reports.
type desk struct {
	mu      sync.Mutex
	refuse  bool
	reports []proxy.Report
	tries   int
}

func (d *desk) take(_ context.Context, r proxy.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.refuse {
		return errors.New("catalog away")
	}
	d.reports = append(d.reports, r)
	return nil
}

// TestReportsAddUp sends good and bad events from two clients and holds the sum of all reports against what was sent.
func TestReportsAddUp(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.placed")
	createTopic(t, brokers, dial, "free")
	var d desk
	s, addr, stop := runGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Report: d.take})
	ctx := testContext(t)
	sent := map[string]int{}
	for _, id := range []string{"alpha", "beta"} {
		c := newClient(t, kgo.SeedBrokers(addr), kgo.ClientID(id))
		for i := range 10 {
			value := goodV2
			if i%5 == 4 {
				value = badLines
			}
			_ = c.ProduceSync(ctx, &kgo.Record{Topic: "orders.placed", Value: []byte(value)})
			_ = c.ProduceSync(ctx, &kgo.Record{Topic: "free", Value: []byte("anything")})
		}
		sent[id] = 8
	}
	if status, _, text := post(t, front(t, s)+"/v1/topics/orders.placed/events", "application/json", "["+goodV2+","+badLines+"]"); status != 207 {
		t.Fatalf("HTTP: %d %s", status, text)
	}
	if status, _, text := post(t, front(t, s)+"/v1/topics/orders.placed/events?dry_run=true", "application/json", "["+goodV2+","+badLines+"]"); status != 207 {
		t.Fatalf("HTTP dry run: %d %s", status, text)
	}
	sent["accord-http"] = 1
	stop()
	seen, free, rejected, accepted := map[string]int64{}, int64(0), map[string]int64{}, int64(0)
	var id string
	for i, r := range d.reports {
		if r.Usage != nil {
			for _, row := range r.Usage.Seen {
				switch {
				case row.Topic == "free" && row.Subject == "":
					free += row.Records
				case row.Subject == "orders.OrderPlaced" && row.Version == 2 && row.Role == "write":
					seen[row.ClientID] += row.Records
				default:
					t.Errorf("unexpected row %+v", row)
				}
			}
		}
		if r.Rejections != nil {
			for _, row := range r.Rejections.Accepted {
				accepted += row.Records
			}
			for _, row := range r.Rejections.Rejected {
				rejected[row.ClientID] += row.Records
				if id = row.ID; len(id) != 12 || row.Address != "/lines/*/quantity" || row.Keyword != "minimum" || row.Reason != "instance" {
					t.Errorf("rejection = %+v", row)
				}
			}
		}
		if r.Rejections != nil {
			r.Rejections.Samples = nil // they show what is not personal
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"SECRET", "c-9", "anything"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("report %d holds payload: %s", i, text)
			}
		}
	}
	for who, n := range sent {
		if seen[who] != int64(n) {
			t.Errorf("%s: %d records reported, want %d", who, seen[who], n)
		}
		if want := int64(max(n/4, 1)); rejected[who] != want {
			t.Errorf("%s: %d rejections reported, want %d", who, rejected[who], want)
		}
	}
	if free != 20 || accepted != 17 {
		t.Errorf("%d unjudged and %d accepted records reported, want 20 and 17", free, accepted)
	}
}

// TestReportIsSentAgainUnchanged loses the first tries: the number stays, so that the catalog can tell.
func TestReportIsSentAgainUnchanged(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	d := desk{refuse: true}
	_, addr, stop := runGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Report: d.take})
	answer := produceRaw(t, addr, produceRequest(9, 1, map[string][][]byte{"orders.placed": {encodeBatch(t, badLines)}}))
	if code := answer.Topics[0].Partitions[0].ErrorCode; code != 87 {
		t.Fatalf("code %d", code)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		d.mu.Lock()
		tries := d.tries
		d.mu.Unlock()
		if tries > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a new rejection was not reported within 10 s")
		}
	}
	d.mu.Lock()
	d.refuse = false
	d.mu.Unlock()
	stop()
	if len(d.reports) != 1 || d.reports[0].Rejections == nil || d.reports[0].Rejections.Seq != 1 || d.reports[0].Rejections.Rejected[0].Records != 1 {
		t.Errorf("reports = %+v, want the first one, once", d.reports)
	}
}

// TestReportsAreBounded makes more kinds of rejections than a report has rows: the rest is counted beside them.
func TestReportsAreBounded(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	var d desk
	_, addr, stop := runGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Unbound: proxy.Reject, Report: d.take})
	const topics = proxy.TopRejections + 50
	ask := map[string][][]byte{}
	batch := encodeBatch(t, goodV2)
	for i := range topics {
		ask[fmt.Sprintf("nowhere.%d", i)] = [][]byte{batch}
	}
	answer := produceRaw(t, addr, produceRequest(9, 1, ask))
	if len(answer.Topics) != topics {
		t.Fatalf("%d topics answered, want %d", len(answer.Topics), topics)
	}
	stop()
	var rows, records, other int64
	for _, r := range d.reports {
		rows = max(rows, int64(len(r.Rejections.Rejected)))
		other += r.Rejections.Other
		for _, row := range r.Rejections.Rejected {
			records += row.Records
		}
	}
	if rows > proxy.TopRejections || records+other != topics || other != 50 {
		t.Errorf("%d rows, %d records in rows, %d beside: want at most %d rows and a sum of %d", rows, records, other, proxy.TopRejections, topics)
	}
}

// TestReadersAreSeen commits in every version of both requests, and once more further on.
func TestReadersAreSeen(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	var d desk
	_, addr, stop := runGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Report: d.take, Observe: proxy.Observation{GroupPoll: -1}})
	want := map[string]int64{}
	send := func(ask kmsg.Request) {
		t.Helper()
		conn := dialRaw(t, addr)
		if _, err := conn.Write(requestFrame(ask)); err != nil {
			t.Fatal(err)
		}
		readAnswer(t, conn)
	}
	createTopic(t, brokers, dial, "orders.placed")
	meta := kmsg.NewPtrMetadataRequest()
	metaTopic := kmsg.NewMetadataRequestTopic()
	name := "orders.placed"
	metaTopic.Topic = &name
	meta.Topics = append(meta.Topics, metaTopic)
	learned, err := meta.RequestWith(testContext(t), newClient(t, kgo.SeedBrokers(addr)))
	if err != nil || len(learned.Topics) != 1 {
		t.Fatalf("metadata: %v, %+v", err, learned)
	}
	for version := int16(0); version <= 10; version++ {
		group := fmt.Sprintf("g%d", version)
		for _, offset := range []int64{5, 1<<33 + 5, 7} {
			ask := kmsg.NewPtrOffsetCommitRequest()
			ask.SetVersion(version)
			ask.Group, ask.Generation = group, -1
			part := kmsg.NewOffsetCommitRequestTopicPartition()
			part.Partition, part.Offset = 1, offset
			other := part
			other.Partition = 2
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic, topic.TopicID, topic.Partitions = "orders.placed", learned.Topics[0].TopicID, []kmsg.OffsetCommitRequestTopicPartition{part, other}
			ask.Topics = append(ask.Topics, topic)
			send(ask)
		}
		want[group] = 2 << 33
	}
	for version := int16(0); version <= 5; version++ {
		group := fmt.Sprintf("t%d", version)
		for _, offset := range []int64{5, 8} {
			ask := kmsg.NewPtrTxnOffsetCommitRequest()
			ask.SetVersion(version)
			ask.Group, ask.TransactionalID = group, "tx"
			part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			part.Offset = offset
			topic := kmsg.NewTxnOffsetCommitRequestTopic()
			topic.Topic, topic.Partitions = "orders.placed", []kmsg.TxnOffsetCommitRequestTopicPartition{part}
			ask.Topics = append(ask.Topics, topic)
			send(ask)
		}
		want[group] = 3
	}
	stop()
	got := map[string]int64{}
	for _, r := range d.reports {
		for _, row := range r.Usage.Seen {
			if row.Role != "read" || row.Topic != "orders.placed" || row.ClientID != "raw" {
				t.Errorf("row = %+v", row)
			}
			got[row.Group] += row.Records
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records read by group: want (-), got (+):\n%s", diff)
	}
}
