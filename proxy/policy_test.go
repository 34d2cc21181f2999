package proxy_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
)

// plainProducer is a client whose batches carry no sequence.
func plainProducer(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return newClient(t, append(opts, kgo.SeedBrokers(addr), kgo.DisableIdempotentWrite(), kgo.ProducerLinger(50*time.Millisecond))...)
}

// mixed are events of which each third is bad.
func mixed(topic string, n int) []*kgo.Record {
	var records []*kgo.Record
	for i := range n {
		value := goodV2
		if i%3 == 1 {
			value = badLines
		}
		records = append(records, &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(value),
			Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Appendf(nil, "%d", i)}, {Key: "null"}},
		})
	}
	return records
}

// headersOf are a record's headers; the last of a name counts.
func headersOf(r *kgo.Record) map[string]string {
	m := map[string]string{}
	for _, h := range r.Headers {
		m[h.Key] = string(h.Value)
	}
	return m
}

// metric reads one line of /metrics.
func metric(t testing.TB, url, line string) string {
	t.Helper()
	for l := range strings.Lines(get(t, url+"/metrics")) {
		if rest, ok := strings.CutPrefix(l, line+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "0"
}

// eventually asks until want is answered.
func eventually(t testing.TB, want string, ask func() string) {
	t.Helper()
	got := ask()
	for deadline := time.Now().Add(10 * time.Second); got != want; got = ask() {
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %q", got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestMark lets everything through: what is bad with a header that says so, all else as it was.
func TestMark(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		for name, codec := range codecs {
			t.Run(name, func(t *testing.T) {
				topic := b.topic(t, "mark", 1)
				s, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"policy":"mark"}`)})
				client := newClient(t, kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(50*time.Millisecond))
				sent := mixed(topic, 90)
				if err := client.ProduceSync(testContext(t), sent...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				got := b.consume(t, topic, len(sent))
				for i, r := range got {
					want := headersOf(sent[i])
					if i%3 == 1 {
						want["accord-invalid"] = "orders.OrderPlaced;v2;/lines/0/quantity;minimum"
					}
					if diff := cmp.Diff(want, headersOf(r)); diff != "" {
						t.Fatalf("headers of record %d: want (-), read (+):\n%s", i, diff)
					}
					if string(r.Value) != string(sent[i].Value) || string(r.Key) != string(sent[i].Key) || r.Timestamp.UnixMilli() != sent[i].Timestamp.UnixMilli() {
						t.Fatalf("record %d is not as it was sent", i)
					}
				}
				if used := got[1].Attrs.CompressionType(); used != uint8(map[string]int{"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[name]) {
					t.Errorf("stored with codec %d, sent with %s", used, name)
				}
				url := front(t, s)
				for verdict, want := range map[string]string{`verdict="accepted"`: "60", `verdict="marked"`: "30"} {
					reason := ""
					if verdict == `verdict="marked"` {
						reason = "instance"
					}
					line := fmt.Sprintf(`accord_proxy_records_total{reason="%s",topic="%s",%s}`, reason, topic, verdict)
					if got := metric(t, url, line); got != want {
						t.Errorf("%s = %s, want %s", line, got, want)
					}
				}
			})
		}
	})
}

// TestDivert takes the bad records out of a batch; the rest goes on, in order, and the quarantine holds what was taken out.
func TestDivert(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		for name, codec := range codecs {
			t.Run(name, func(t *testing.T) {
				topic := b.topic(t, "divert", 1)
				_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"policy":"divert"}`)})
				client := plainProducer(t, addr, kgo.ProducerBatchCompression(codec), kgo.ClientID("shop"))
				sent := mixed(topic, 30)
				if err := client.ProduceSync(testContext(t), sent...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				var order []string
				for _, r := range b.consume(t, topic, 20) {
					order = append(order, headersOf(r)["n"])
				}
				if want := "0 2 3 5 6 8 9 11 12 14 15 17 18 20 21 23 24 26 27 29"; strings.Join(order, " ") != want {
					t.Errorf("topic holds %v, want %s", order, want)
				}
				seen := map[string]bool{}
				for _, r := range b.consume(t, topic+proxy.QuarantineSuffix, 10) {
					checkCaptive(t, r, topic)
					seen[headersOf(r)["n"]] = true
				}
				if len(seen) != 10 {
					t.Errorf("quarantine holds %v, want 10 different records", seen)
				}
			})
		}
	})
}

// checkCaptive holds a record in quarantine to what it was.
func checkCaptive(t *testing.T, r *kgo.Record, topic string) {
	t.Helper()
	got := headersOf(r)
	if ms, err := strconv.ParseInt(got["accord-ts"], 10, 64); err != nil || time.Since(time.UnixMilli(ms)).Abs() > time.Minute {
		t.Errorf("accord-ts is %q, want the producer's timestamp", got["accord-ts"])
	}
	for _, name := range []string{"accord-ts", "accord-content-sha256", "accord-batch-index"} {
		if got[name] == "" {
			t.Errorf("no header %s", name)
		}
		delete(got, name)
	}
	n := got["n"]
	want := map[string]string{
		"n": n, "null": "", "accord-reason": "instance", "accord-pointer": "/lines/0/quantity", "accord-address": "/lines/*/quantity", "accord-keyword": "minimum", "accord-subject": "orders.OrderPlaced",
		"accord-version": "2", "accord-topic": topic, "accord-partition": "0", "accord-client-id": "shop", "accord-principal": "User:ANONYMOUS",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers: want (-), read (+):\n%s", diff)
	}
	if string(r.Value) != badLines || string(r.Key) != "k"+n {
		t.Errorf("record %s is not as it was sent: %s %s", n, r.Key, r.Value)
	}
}

// TestDivertAll answers a batch of which nothing is left: success, at no offset.
func TestDivertAll(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "divert-all", 1)
		_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"policy":"divert"}`)})
		batch := encodeBatch(t, badLines, badLines)
		part := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {batch}})).Topics[0].Partitions[0]
		if part.ErrorCode != 0 || part.BaseOffset != -1 {
			t.Errorf("code %d, offset %d, want 0 and -1", part.ErrorCode, part.BaseOffset)
		}
		b.consume(t, topic+proxy.QuarantineSuffix, 2)
		// Sent again, as a client does that missed the answer: nothing more is written.
		produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {batch}}))
		offsets, err := kadmClient(b.direct(t)).ListEndOffsets(testContext(t), topic+proxy.QuarantineSuffix)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for _, o := range maps.All(offsets[topic+proxy.QuarantineSuffix]) {
			n += o.Offset
		}
		if n != 2 {
			t.Errorf("quarantine holds %d records, want the two of the batch that was sent twice", n)
		}
	})
}

// TestDivertKeepsSequences refuses where a removed record would break the next batch.
func TestDivertKeepsSequences(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "divert-idem", 1)
		s, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"policy":"divert"}`)})
		client := newClient(t, kgo.SeedBrokers(addr))
		if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(badLines)}).FirstErr(); !errors.Is(err, kerr.InvalidRecord) {
			t.Fatalf("idempotent: %v, want INVALID_RECORD", err)
		}
		if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte(goodV2)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if r := b.consume(t, topic+proxy.QuarantineSuffix, 1)[0]; string(r.Value) != badLines {
			t.Errorf("quarantine holds %s", r.Value)
		}
		if got := metric(t, front(t, s), "accord_proxy_divert_as_reject_total"); got != "1" {
			t.Errorf("divert_as_reject_total = %s, want 1", got)
		}
	})
}

// TestQuarantineBesideReject keeps a copy of what is refused.
func TestQuarantineBesideReject(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "kept", 1)
		s, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"quarantine":true}`)})
		batch := encodeBatch(t, goodV2, badLines, `{"orderId":1}`, goodV2)
		part := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {batch}})).Topics[0].Partitions[0]
		if part.ErrorCode != kerr.InvalidRecord.Code || len(part.ErrorRecords) != 2 {
			t.Fatalf("answer %+v, want INVALID_RECORD for two records", part)
		}
		indexes := map[string]string{}
		for _, r := range b.consume(t, topic+proxy.QuarantineSuffix, 2) {
			indexes[headersOf(r)["accord-batch-index"]] = headersOf(r)["accord-keyword"]
		}
		if diff := cmp.Diff(map[string]string{"1": "minimum", "2": "required"}, indexes); diff != "" {
			t.Errorf("quarantine by index and keyword (-want +got):\n%s", diff)
		}
		url := front(t, s)
		eventually(t, "2", func() string { return metric(t, url, `accord_proxy_quarantine_total{result="written"}`) }) // readers may be faster than the answer
		// The client sends the very same batch again: it is refused again, and nothing is added.
		produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {batch}}))
		eventually(t, "2", func() string { return metric(t, url, `accord_proxy_quarantine_total{result="duplicate"}`) })
		if got := metric(t, url, `accord_proxy_quarantine_total{result="written"}`); got != "2" {
			t.Errorf("written = %s, want 2", got)
		}
	})
}

// TestQuarantineAway acknowledges nothing that it could not put away.
func TestQuarantineAway(t *testing.T) {
	b := embedded(t)
	topic := strings.Repeat("q", 245) // with the suffix it is longer than a topic's name may be
	createTopic(t, b.brokers, b.dial, topic)
	s, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"policy":"divert"}`)})
	part := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {encodeBatch(t, goodV2, badLines)}})).Topics[0].Partitions[0]
	if part.ErrorCode != kerr.NotEnoughReplicas.Code {
		t.Errorf("code %d, want NOT_ENOUGH_REPLICAS", part.ErrorCode)
	}
	if state := get(t, front(t, s)+"/readyz"); !strings.Contains(state, topic+proxy.QuarantineSuffix) {
		t.Errorf("/readyz does not name the quarantine: %s", state)
	}
}

// TestUndecidedIsAskedAgain refuses nothing for good while one schema of a batch cannot be asked for.
func TestUndecidedIsAskedAgain(t *testing.T) {
	b := embedded(t)
	for policy, want := range map[string]int16{"mark": kerr.NotEnoughReplicas.Code, "divert": kerr.NotEnoughReplicas.Code, "reject": kerr.InvalidRecord.Code} {
		topic := b.topic(t, "undecided", 1)
		source := bound(topic, `{"policy":"`+policy+`"}`)
		_, addr := b.gate(t, proxy.Config{Schemas: source})
		produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {encodeBatch(t, goodV2)}})) // the latest is at hand now
		source.down.Store(true)
		unknown := "\x00\x00\x00\x00\x01" + goodV1 // names version 1, which was not asked for yet
		answer := produceRaw(t, addr, produceRequest(9, -1, map[string][][]byte{topic: {encodeBatch(t, badLines, unknown)}}))
		if got := answer.Topics[0].Partitions[0].ErrorCode; got != want {
			t.Errorf("%s: code %d, want %d", policy, got, want)
		}
	}
}

// TestObserve forwards at once and judges afterwards.
func TestObserve(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "observe", 1)
		var book logBook
		s, addr := b.gate(t, proxy.Config{Schemas: bound(topic, `{"policy":"observe"}`), Log: book.logger()})
		sent := mixed(topic, 30)
		if err := newClient(t, kgo.SeedBrokers(addr)).ProduceSync(testContext(t), sent...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for i, r := range b.consume(t, topic, len(sent)) {
			if diff := cmp.Diff(headersOf(sent[i]), headersOf(r)); diff != "" {
				t.Fatalf("record %d was changed:\n%s", i, diff)
			}
		}
		url := front(t, s)
		line := fmt.Sprintf(`accord_proxy_records_total{reason="instance",topic="%s",verdict="observed"}`, topic)
		eventually(t, "10", func() string { return metric(t, url, line) })
		if !strings.Contains(book.String(), "event observed") {
			t.Errorf("the log does not tell of it:\n%s", book.String())
		}
	})
}

// TestPoliciesOverHTTP sends good and bad events under each policy.
func TestPoliciesOverHTTP(t *testing.T) {
	b := embedded(t)
	for _, tc := range []struct {
		enforce    string
		status     int
		topic      int // records that arrive there
		quarantine int
		says       string
	}{
		{`{"policy":"observe"}`, http.StatusOK, 2, 0, `"produced":2`},
		{`{"policy":"mark"}`, http.StatusOK, 2, 0, `"marked":true`},
		{`{"policy":"reject","quarantine":true}`, http.StatusMultiStatus, 1, 1, `"refused":1`},
		{`{"policy":"divert"}`, http.StatusAccepted, 1, 1, `"status":202`},
	} {
		t.Run(tc.enforce, func(t *testing.T) {
			topic := b.topic(t, "http", 1)
			s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, tc.enforce)})
			url := front(t, s) + "/v1/topics/" + topic + "/events"
			body := "[" + goodV2 + "," + badLines + "]"
			if status, _, dry := post(t, url+"?dry_run=true", "application/json", body); status != tc.status || strings.Contains(dry, `"partition"`) {
				t.Errorf("dry run: %d %s", status, dry)
			}
			status, _, answer := post(t, url, "application/json", body)
			if status != tc.status || !strings.Contains(answer, tc.says) {
				t.Errorf("%d %s, want %d and %s", status, answer, tc.status, tc.says)
			}
			got := b.consume(t, topic, tc.topic)
			if len(got) != tc.topic {
				t.Errorf("topic holds %d records, want %d", len(got), tc.topic)
			}
			if tc.quarantine > 0 {
				r := b.consume(t, topic+proxy.QuarantineSuffix, tc.quarantine)[0]
				if h := headersOf(r); string(r.Value) != badLines || h["accord-client-id"] != "accord-http" || h["accord-pointer"] != "/lines/0/quantity" || string(r.Key) != "o-1" {
					t.Errorf("quarantine holds %s %s %v", r.Key, r.Value, h)
				}
			}
			if mark := headersOf(got[len(got)-1])["accord-invalid"]; (mark != "") != strings.Contains(tc.enforce, "mark") {
				t.Errorf("header accord-invalid is %q under %s", mark, tc.enforce)
			}
		})
	}
}
