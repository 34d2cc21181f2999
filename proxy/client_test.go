package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// kcat runs kcat (librdkafka) against a gate and returns what it printed.
func kcat(t testing.TB, input string, args ...string) (output string, err error) {
	t.Helper()
	path, err := exec.LookPath("kcat")
	if err != nil {
		leftOut(t, "kcat")
	}
	cmd := exec.CommandContext(testContext(t), path, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	t.Logf("$ echo '%s' | kcat %s\n%s(%v)", strings.TrimSpace(input), strings.Join(args, " "), out, err)
	return string(out), err
}

func TestKcat(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		for codec := range codecs {
			t.Run(codec, func(t *testing.T) {
				topic := b.topic(t, "kcat", 1)
				_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
				produce := []string{"-P", "-b", addr, "-t", topic, "-z", codec, "-k", "o-1", "-H", "source=kcat"}
				if out, err := kcat(t, goodV2+"\n", produce...); err != nil || strings.Contains(out, "ERROR") {
					t.Fatalf("a valid event: %v\n%s", err, out)
				}
				out, _ := kcat(t, badLines+"\n", produce...)
				if !strings.Contains(out, "failed to validate record") {
					t.Fatalf("an invalid event: %s\nwant INVALID_RECORD", out)
				}
				if out, err := kcat(t, goodV2+"\n", append(produce, "-X", "enable.idempotence=true")...); err != nil || strings.Contains(out, "ERROR") {
					t.Fatalf("idempotent: %v\n%s", err, out)
				}
				got, err := kcat(t, "", "-C", "-b", addr, "-t", topic, "-e", "-q", "-f", "%k %h %s\\n")
				want := "o-1 source=kcat " + goodV2 + "\n"
				if err != nil || got != want+want {
					t.Errorf("consumed %q, %v, want the two valid events", got, err)
				}
			})
		}
		t.Run("group", func(t *testing.T) {
			topic := b.topic(t, "kcat-group", 2)
			_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
			if _, err := kcat(t, goodV2+"\n"+goodV2+"\n", "-P", "-b", addr, "-t", topic); err != nil {
				t.Fatal(err)
			}
			got, err := kcat(t, "", "-b", addr, "-X", "auto.offset.reset=earliest", "-e", "-q", "-G", topic+".readers", topic)
			if n := strings.Count(got, goodV2); err != nil || n != 2 {
				t.Errorf("group consumed %d events, %v:\n%s", n, err, got)
			}
		})
		t.Run("metadata", func(t *testing.T) {
			_, addr := b.gate(t, proxy.Config{Schemas: shop("")})
			out, err := kcat(t, "", "-L", "-b", addr)
			host := strings.Split(addr, ":")[0]
			if err != nil || !strings.Contains(out, "1 brokers") || !strings.Contains(out, " at "+host+":") {
				t.Errorf("kcat -L: %v\n%s", err, out)
			}
		})
	})
}

func TestConsumerGroup(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "group", 4)
		_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		ctx := testContext(t)
		p := newClient(t, kgo.SeedBrokers(addr))
		const n = 200
		for i := range n {
			p.Produce(ctx, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "%d", i), Value: []byte(goodV2)}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		}
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		group := topic + ".readers"
		read := func(want int) {
			c := newClient(t, kgo.SeedBrokers(addr), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			for got := 0; got < want; {
				fetches := c.PollFetches(ctx)
				if err := fetches.Err(); err != nil {
					t.Fatalf("after %d records: %v", got, err)
				}
				got += fetches.NumRecords()
			}
			if err := c.CommitUncommittedOffsets(ctx); err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		read(n)
		if err := p.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(goodV2)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		read(1)
	})
}

// TestIdempotentProducerGoesOn mixes bad records into the stream of an idempotent producer, one batch each: what is valid
// arrives once and in order.
func TestIdempotentProducerGoesOn(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "idempotent", 1)
		_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		ctx := testContext(t)
		p := newClient(t, kgo.SeedBrokers(addr))
		var want []string
		for i := range 40 {
			value := fmt.Sprintf(`{"orderId":"o-%d","customer":"c","lines":[{"sku":"a","quantity":%d}]}`, i, i%4)
			err := p.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr()
			switch bad := i%4 == 0; {
			case bad && !errors.Is(err, kerr.InvalidRecord):
				t.Fatalf("record %d: %v, want INVALID_RECORD", i, err)
			case !bad && err != nil:
				t.Fatalf("record %d: %v", i, err)
			case !bad:
				want = append(want, value)
			}
		}
		got := b.consume(t, topic, len(want))
		for i, r := range got {
			if string(r.Value) != want[i] {
				t.Fatalf("record %d = %s, want %s", i, r.Value, want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d records, want %d", len(got), len(want))
		}
	})
}

// TestPoisonedTransaction ignores a refusal and commits: the gate does not let it.
func TestPoisonedTransaction(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "txn", 1)
		_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		ctx := testContext(t)
		p := newClient(t, kgo.SeedBrokers(addr), kgo.TransactionalID(topic))
		send := func(value string) error {
			return p.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr()
		}
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := send(goodV2); err != nil {
			t.Fatal(err)
		}
		if err := send(badLines); !errors.Is(err, kerr.InvalidRecord) {
			t.Fatalf("invalid event in a transaction: %v, want INVALID_RECORD", err)
		}
		if err := p.EndTransaction(ctx, kgo.TryCommit); err == nil {
			t.Fatal("the transaction was committed without the event that was refused")
		}
		if err := p.EndTransaction(ctx, kgo.TryAbort); err != nil {
			t.Fatalf("abort: %v", err)
		}
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := send(goodV1[:len(goodV1)-1] + `,"customer":"second"}`); err != nil {
			t.Fatal(err)
		}
		if err := p.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatalf("commit of the next transaction: %v", err)
		}
		c := b.direct(t, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		fetches := c.PollFetches(ctx)
		if records := fetches.Records(); len(records) != 1 || !strings.Contains(string(records[0].Value), "second") {
			t.Errorf("committed records = %v, want the second transaction's alone", records)
		}
	})
}

// TestPoisonedCommitRaw holds the answer to a commit by version, with the ids that it came with.
func TestPoisonedCommitRaw(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop("")})
	batch := batchOf{values: []string{badLines}, producerID: 77, producerEpoch: 3, attributes: 0x10}
	ask := produceRequest(9, -1, map[string][][]byte{"orders.placed": {batch.encode(t)}})
	id := "tx"
	ask.TransactionID = &id
	if code := produceRaw(t, addr, ask).Topics[0].Partitions[0].ErrorCode; code != kerr.InvalidRecord.Code {
		t.Fatalf("code %d, want 87", code)
	}
	for version, want := range map[int16]int16{0: kerr.InvalidTxnState.Code, 4: kerr.InvalidTxnState.Code, 5: kerr.TransactionAbortable.Code} {
		end := kmsg.NewPtrEndTxnRequest()
		end.SetVersion(version)
		end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = id, 77, 3, true
		conn := dialRaw(t, addr)
		if _, err := conn.Write(requestFrame(end)); err != nil {
			t.Fatal(err)
		}
		body := readAnswer(t, conn)
		if end.IsFlexible() {
			body = body[1:]
		}
		answer := kmsg.NewPtrEndTxnResponse()
		answer.SetVersion(version)
		if err := answer.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		if answer.ErrorCode != want || version >= 5 && (answer.ProducerID != 77 || answer.ProducerEpoch != 3) {
			t.Errorf("commit v%d = %+v, want code %d", version, answer, want)
		}
	}
}

// TestOutagePoisonsNothing asks for a batch again that could not be judged: its transaction may be committed.
func TestOutagePoisonsNothing(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "txn-outage", 1)
		source := bound(topic, "")
		source.down.Store(true)
		s, addr := b.gate(t, proxy.Config{Schemas: source})
		ctx := testContext(t)
		p := newClient(t, kgo.SeedBrokers(addr), kgo.TransactionalID(topic))
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		p.Produce(ctx, &kgo.Record{Topic: topic, Value: []byte(goodV2)}, func(_ *kgo.Record, err error) { done <- err })
		url := front(t, s)
		refused := fmt.Sprintf(`accord_proxy_records_total{reason="unavailable",topic="%s",verdict="rejected"}`, topic)
		for deadline := time.Now().Add(10 * time.Second); metric(t, url, refused) == "0"; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing was refused for want of its schema")
			}
		}
		source.down.Store(false)
		if err := <-done; err != nil {
			t.Fatalf("after the outage: %v", err)
		}
		if err := p.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Errorf("commit: %v", err)
		}
	})
}

// TestNoAcknowledgement holds Kafka's own signal for acks=0: the connection ends, and what was good is there.
func TestNoAcknowledgement(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "acks0", 2)
		_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		conn := dialRaw(t, addr)
		good, bad := encodeBatch(t, goodV2), encodeBatch(t, badLines)
		for _, parts := range [][][]byte{{good, good}, {bad, good}} {
			if _, err := conn.Write(requestFrame(produceRequest(9, 0, map[string][][]byte{topic: parts}))); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d, %v, want the connection closed without an answer", n, err)
		}
		if n := len(b.consume(t, topic, 3)); n != 3 {
			t.Errorf("topic holds %d records, want the 3 good ones", n)
		}
	})
}

func TestSASL(t *testing.T) {
	bootstrap := apacheKafka(t)
	host, port, _ := strings.Cut(bootstrap, ":")
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil {
		t.Fatal(err)
	}
	b := backend{brokers: []string{bootstrap}}
	topic := b.topic(t, "sasl", 1)
	source := bound(topic, `{"policy":"reject","senders":true}`)
	_, addr := startGate(t, proxy.Config{Brokers: []string{fmt.Sprintf("%s:%d", host, n+1)}, Schemas: source})
	ctx := testContext(t)
	for name, opt := range map[string]kgo.Opt{
		"plain": kgo.SASL(plain.Auth{User: "plain", Pass: "plain-secret"}.AsMechanism()),
		"scram": kgo.SASL(scram.Auth{User: "scram", Pass: "scram-secret"}.AsSha256Mechanism()),
	} {
		c := newClient(t, kgo.SeedBrokers(addr), opt)
		err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(goodV2)}).FirstErr()
		if !errors.Is(err, kerr.InvalidRecord) {
			t.Errorf("%s, which is no declared sender: %v, want INVALID_RECORD", name, err)
		}
	}
	source.serviceOf("User:plain", "orders")
	c := newClient(t, kgo.SeedBrokers(addr), kgo.SASL(plain.Auth{User: "plain", Pass: "plain-secret"}.AsMechanism()))
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(goodV2)}).FirstErr(); err != nil {
		t.Errorf("the declared sender: %v", err)
	}
	wrong := newClient(t, kgo.SeedBrokers(addr), kgo.SASL(plain.Auth{User: "plain", Pass: "wrong"}.AsMechanism()))
	short, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := wrong.Ping(short); err == nil {
		t.Error("a wrong password was let in")
	}
}

// TestVerdicts holds every row of what can be seen in a record and what is said about it.
func TestVerdicts(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	_, addr := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Unbound: proxy.Reject})
	guid := func(s storedSchema) kgo.RecordHeader {
		return kgo.RecordHeader{Key: validator.HeaderValueSchema, Value: validator.AppendGUID(nil, s.guid())}
	}
	header := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	framed := func(id int32, payload string) string { return string(validator.AppendID(nil, id)) + payload }
	for _, c := range []struct {
		name, topic string
		key, value  string // "" is null
		empty       bool   // value of length 0
		headers     []kgo.RecordHeader
		want        string // "" accepts
	}{
		{name: "only subject, latest", topic: "orders.placed", value: goodV2},
		{name: "only subject, not valid under latest", topic: "orders.placed", value: goodV1, want: "orders.OrderPlaced v2: (root): required: "},
		{name: "GUID header of version 1", topic: "orders.placed", value: goodV1, headers: []kgo.RecordHeader{guid(placedV1)}},
		{name: "schema ID before the value", topic: "orders.placed", value: framed(1, goodV1)},
		{name: "dataschema", topic: "orders.placed", value: goodV1, headers: []kgo.RecordHeader{header("ce_dataschema", "https://x/subjects/orders.OrderPlaced/versions/1")}},
		{name: "type", topic: "orders.events", value: goodV2, headers: []kgo.RecordHeader{header("ce_type", "com.example.orders.OrderPlaced")}},
		{name: "type, other subject", topic: "orders.events", value: `{"orderId":"x","reason":"stock"}`, headers: []kgo.RecordHeader{header("ce_type", "orders.OrderCancelled")}},
		{name: "pointer and keyword", topic: "orders.events", value: `{"orderId":"x","reason":"SECRET"}`, headers: []kgo.RecordHeader{header("ce_type", "orders.OrderCancelled")}, want: "orders.OrderCancelled v1: /reason: enum: "},
		{name: "nothing says which", topic: "orders.events", value: goodV2, want: "carries 3 subjects"},
		{name: "type of another topic", topic: "orders.events", value: `{}`, headers: []kgo.RecordHeader{header("ce_type", "payments.PaymentFailed")}, want: "payments.PaymentFailed: is not sent on this topic"},
		{name: "schema of another topic", topic: "orders.placed", value: framed(5, `{}`), want: "is not a schema of this topic"},
		{name: "type against schema", topic: "orders.events", value: framed(1, goodV1), headers: []kgo.RecordHeader{header("ce_type", "orders.OrderCancelled")}, want: "is not what the event's type says"},
		{name: "unknown ID", topic: "orders.placed", value: framed(99, goodV2), want: "id 99: the registry knows no such schema"},
		{name: "broken frame", topic: "orders.placed", value: "\x00\x00", want: "frame"},
		{name: "broken header", topic: "orders.placed", value: goodV2, headers: []kgo.RecordHeader{header(validator.HeaderValueSchema, "nonsense")}, want: "frame"},
		{name: "broken schema", topic: "orders.events", value: `{}`, headers: []kgo.RecordHeader{header("ce_type", "orders.Broken")}, want: "orders.Broken v1: the stored schema does not compile"},
		{name: "not JSON", topic: "orders.placed", value: `{"orderId":`, want: "syntax"},
		{name: "duplicate member", topic: "orders.placed", value: `{"x":1,"x":2}`, want: "duplicate"},
		{name: "bytes that are no text", topic: "orders.placed", value: "{\"x\":\"\xff\"}", want: "utf8"},
		{name: "number that nobody can read", topic: "orders.placed", value: `{"x":1e1000001}`, want: "number"},
		{name: "nested too deep", topic: "orders.placed", value: strings.Repeat("[", 100) + strings.Repeat("]", 100), want: "depth"},
		{name: "null value", topic: "orders.placed", want: "tombstone"},
		{name: "null value, compacted", topic: "orders.state"},
		{name: "null value, bound by name", topic: "by-name"},
		{name: "empty value", topic: "orders.placed", empty: true, want: "empty value"},
		{name: "frame and nothing after it", topic: "orders.placed", value: framed(1, ""), want: "nothing after"},
		{name: "key", topic: "by-name", key: `"o-1"`, value: goodV2},
		{name: "bad key", topic: "by-name", key: `"o"`, value: goodV2, want: "key: orders.OrderId v1: (root): minLength: "},
		{name: "bound by name, type says nothing", topic: "by-name", value: goodV2, headers: []kgo.RecordHeader{header("ce_type", "com.acme.thing")}},
		{name: "unbound, named schema", topic: "nowhere", value: framed(1, goodV1)},
		{name: "unbound, not valid", topic: "nowhere", value: framed(1, `{}`), want: "orders.OrderPlaced v1: (root): required: "},
		{name: "unbound, no schema", topic: "nowhere", value: goodV2, want: "the record names no schema"},
		{name: "held back on purpose", topic: "orders.placed.dlq", value: "\x00"},
		{name: "Kafka's own topic", topic: "__consumer_offsets_not", value: "\x00"},
	} {
		r := kmsg.Record{Value: []byte(c.value)}
		if c.value == "" && !c.empty {
			r.Value = nil
		}
		if c.key != "" {
			r.Key = []byte(c.key)
		}
		for _, h := range c.headers {
			r.Headers = append(r.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		batch := batchOf{raw: r.AppendTo(nil), count: 1, producerID: -1}
		p := produceRaw(t, addr, produceRequest(9, 1, map[string][][]byte{c.topic: {batch.encode(t)}})).Topics[0].Partitions[0]
		passed := p.ErrorCode == 0 || p.ErrorCode == kerr.UnknownTopicOrPartition.Code
		switch {
		case c.want == "" && !passed:
			t.Errorf("%s: code %d, %s; want it accepted", c.name, p.ErrorCode, *p.ErrorMessage)
		case c.want != "" && (p.ErrorCode != kerr.InvalidRecord.Code || !strings.Contains(*p.ErrorMessage, c.want)):
			text := ""
			if p.ErrorMessage != nil {
				text = *p.ErrorMessage
			}
			t.Errorf("%s: code %d, %q; want 87 with %q", c.name, p.ErrorCode, text, c.want)
		case p.ErrorMessage != nil && strings.Contains(*p.ErrorMessage, "SECRET"):
			t.Errorf("%s: payload in %q", c.name, *p.ErrorMessage)
		}
	}
}
