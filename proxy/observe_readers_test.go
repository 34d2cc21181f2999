package proxy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// rows are all read rows that a desk has got.
func (d *desk) rows(role string) (rows []proxy.Seen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.reports {
		if r.Usage != nil {
			for _, row := range r.Usage.Seen {
				if row.Role == role {
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

// TestGroupsAreSeen reads with a classic group and one of KIP-848 through the gate, and with a group past the gate: all
// three are reported, the last by asking the cluster.
func TestGroupsAreSeen(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "groups", 1)
		var d desk
		_, addr, stop := runGate(t, proxy.Config{Brokers: b.brokers, Dial: b.dial, Schemas: bound(topic, ""), Report: d.take, Observe: proxy.Observation{GroupPoll: 100 * time.Millisecond}})
		stopped := false
		defer func() {
			if !stopped {
				stop()
			}
		}()
		direct := b.direct(t)
		for range 5 {
			if err := direct.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(goodV2)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		read := func(group string, opts ...kgo.Opt) {
			t.Helper()
			c := newClient(t, append([]kgo.Opt{
				kgo.ConsumerGroup(topic + group), kgo.ConsumeTopics(topic), kgo.ClientID(group), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			}, opts...)...)
			for n := 0; n < 5; {
				fetches := c.PollRecords(testContext(t), 1)
				if err := fetches.Err(); err != nil {
					t.Fatalf("%s: %v", group, err)
				}
				n += fetches.NumRecords()
				if err := c.CommitUncommittedOffsets(testContext(t)); err != nil {
					t.Fatalf("%s commits: %v", group, err)
				}
			}
		}
		read("classic", kgo.SeedBrokers(addr))
		read("next", kgo.SeedBrokers(addr), kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))
		past := []kgo.Opt{kgo.SeedBrokers(b.brokers...)}
		if b.dial != nil {
			past = append(past, kgo.Dialer(b.dial))
		}
		read("past", past...)
		sees := func(group, client string) string {
			for _, row := range d.rows("read") {
				if row.Topic == topic && row.Group == topic+group && row.ClientID == client {
					return fmt.Sprint(row.Committed)
				}
			}
			return "nothing"
		}
		time.Sleep(300 * time.Millisecond) // a poll after the last commit
		stop()
		stopped = true
		for _, want := range []struct{ group, client, committed string }{{"classic", "classic", "0"}, {"next", "next", "0"}, {"past", "", "5"}} {
			if got := sees(want.group, want.client); got != want.committed {
				t.Errorf("group %s: committed %s, want %s; rows %+v", want.group, got, want.committed, d.rows("read"))
			}
		}
	})
}

// TestHeartbeatsNameReaders: members of both new kinds of groups name their topics once; what they named is remembered
// until they name others.
func TestHeartbeatsNameReaders(t *testing.T) {
	b := embedded(t)
	var d desk
	_, addr, stop := runGate(t, proxy.Config{Brokers: b.brokers, Dial: b.dial, Schemas: shop(""), Report: d.take, Observe: proxy.Observation{GroupPoll: -1}})
	for version := int16(0); version <= 1; version++ {
		next := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		next.SetVersion(version)
		next.Group, next.MemberID, next.RebalanceTimeoutMillis, next.SubscribedTopicNames = fmt.Sprintf("next-%d", version), "m", 1000, []string{"b", "a", "b"}
		share := kmsg.NewPtrShareGroupHeartbeatRequest()
		share.SetVersion(version)
		share.GroupID, share.MemberID, share.SubscribedTopicNames = fmt.Sprintf("share-%d", version), "m", []string{"c"}
		for _, ask := range []kmsg.Request{next, share} {
			conn := dialRaw(t, addr)
			if _, err := conn.Write(requestFrame(ask)); err != nil {
				t.Fatal(err)
			}
			readAnswer(t, conn)
		}
	}
	stop()
	var got []string
	for _, row := range d.rows("read") {
		got = append(got, row.Group+" "+row.Topic)
	}
	slices.Sort(got)
	if want := "next-0 a,next-0 b,next-1 a,next-1 b,share-0 c,share-1 c"; strings.Join(got, ",") != want {
		t.Errorf("read by %v, want %s", got, want)
	}
}

// TestSamplesAndPresence: a refused event is shown without what is personal, unknown or not JSON; of accepted ones one in
// PresenceSample is looked at, and only for members that the schema names.
func TestSamplesAndPresence(t *testing.T) {
	personal := storedSchema{1, "orders.OrderPlaced", 1, `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
		"orderId":{"type":"string"},"note":{"type":"string"},"email":{"type":"string","x-accord-pii":true},
		"lines":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"},"quantity":{"type":"integer","minimum":1}}}}},"required":["orderId"]}`}
	binding := []validator.Binding{{Topic: "orders.placed", Declared: true, Values: []validator.Promise{promise("orders.OrderPlaced", personal)}}}
	for name, test := range map[string]struct {
		observe proxy.Observation
		samples int
	}{"all": {proxy.Observation{GroupPoll: -1}, 3}, "no samples": {proxy.Observation{NoSamples: true, GroupPoll: -1}, 0}} {
		t.Run(name, func(t *testing.T) {
			b := embedded(t)
			createTopic(t, b.brokers, b.dial, "orders.placed")
			var d desk
			var book logBook
			_, addr, stop := runGate(t, proxy.Config{Brokers: b.brokers, Dial: b.dial, Schemas: newMemory(binding, personal), Report: d.take, Observe: test.observe, Log: book.logger()})
			produce := func(values ...string) {
				produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{"orders.placed": {encodeBatch(t, values...)}}))
			}
			many := make([]string, 2*proxy.PresenceSample)
			for i := range many {
				many[i] = `{"orderId":"o","email":"CANARY@example.com","lines":[{"sku":"s"},{"quantity":2}],"CANARY":{"orderId":"x"}}`
			}
			many[proxy.PresenceSample] = `{"orderId":"o","note":"n"}`
			produce(many...)
			produce(`{"orderId":"o-1","email":"CANARY","lines":[{"sku":"known","quantity":0,"CANARY":1}]}`)
			produce(`{"orderId":CANARY}`)
			produce(`{"email":"CANARY","note":"kept"}`)
			stop()
			var presence []string
			samples := map[string]string{}
			for _, r := range d.reports {
				if r.Rejections == nil {
					continue
				}
				for _, p := range r.Rejections.Presence {
					presence = append(presence, fmt.Sprintf("%s %d/%d", p.Address, p.Seen, p.Of))
				}
				for _, s := range r.Rejections.Samples {
					samples[s.ID] = string(s.Event)
				}
			}
			if want := " 2/2,/email 1/2,/lines 1/2,/lines/*/quantity 1/2,/lines/*/sku 1/2,/note 1/2,/orderId 2/2"; strings.Join(presence, ",") != want {
				t.Errorf("presence = %v, want %s", presence, want)
			}
			if len(samples) != test.samples {
				t.Errorf("samples = %v, want %d", samples, test.samples)
			}
			shown := fmt.Sprint(samples)
			for _, want := range []string{`"sku":"known"`, `"email":"<string>"`, `"malformed":true`, `"note":"kept"`} {
				if test.samples > 0 && !strings.Contains(shown, want) {
					t.Errorf("samples %s do not show %s", shown, want)
				}
			}
			text, err := json.Marshal(d.reports)
			if err != nil || strings.Contains(string(text), "CANARY") || strings.Contains(book.String(), "CANARY") {
				t.Errorf("payload is in a report or log: %v %s\n%s", err, text, book.String())
			}
		})
	}
}

// TestPrincipalsAreHashed leaves no name of a principal in a report.
func TestPrincipalsAreHashed(t *testing.T) {
	b := embedded(t)
	var d desk
	s, _, stop := runGate(t, proxy.Config{
		Brokers: b.brokers, Dial: b.dial, Schemas: shop(""), Report: d.take, RedactKey: []byte("key"), Observe: proxy.Observation{HashPrincipals: true, GroupPoll: -1},
		Authenticate: func(r *http.Request) (proxy.Identity, error) { return proxy.Identity{Principal: "User:ada"}, nil },
	})
	createTopic(t, b.brokers, b.dial, "orders.placed")
	if status, _, text := post(t, front(t, s)+"/v1/topics/orders.placed/events", "application/json", "["+goodV2+","+badLines+"]"); status != 207 {
		t.Fatalf("HTTP: %d %s", status, text)
	}
	stop()
	text, err := json.Marshal(d.reports)
	if err != nil || strings.Contains(string(text), "ada") || !strings.Contains(string(text), `"hash:`) {
		t.Errorf("reports = %v %s", err, text)
	}
}

// TestReportsFitTheirDoor tells more than one report holds: each stays below MaxReportBytes, and nothing is missing.
func TestReportsFitTheirDoor(t *testing.T) {
	b := embedded(t)
	var d desk
	_, addr, stop := runGate(t, proxy.Config{Brokers: b.brokers, Dial: b.dial, Schemas: shop(""), Unbound: proxy.Reject, Report: d.take, Observe: proxy.Observation{GroupPoll: -1}})
	const topics = 900
	long := strings.Repeat("x", 230)
	ask := map[string][][]byte{}
	for i := range topics {
		ask[fmt.Sprintf("%s.%d", long, i)] = [][]byte{encodeBatch(t, goodV2)}
	}
	produceRaw(t, addr, produceRequest(9, 1, ask))
	stop()
	var records int64
	last := int64(0)
	for _, r := range d.reports {
		text, err := json.Marshal(r.Rejections)
		if err != nil || len(text) > proxy.MaxReportBytes {
			t.Errorf("a report of %d bytes: %v", len(text), err)
		}
		if r.Rejections.Seq != last+1 {
			t.Errorf("report %d after %d", r.Rejections.Seq, last)
		}
		last = r.Rejections.Seq
		for _, row := range r.Rejections.Rejected {
			records += row.Records
		}
	}
	if records != topics || len(d.reports) < 2 {
		t.Errorf("%d reports tell of %d records, want %d in several", len(d.reports), records, topics)
	}
}
