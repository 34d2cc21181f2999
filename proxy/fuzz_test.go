package proxy_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
)

// FuzzBatch never panics, never decodes more than the bound, and sees in a batch what kmsg sees.
func FuzzBatch(f *testing.F) {
	for _, codec := range []int16{0, 1, 2, 3, 4} {
		f.Add(batchOf{values: []string{goodV1, "", badLines}, producerID: -1, codec: codec}.encode(f))
	}
	f.Add(batchOf{values: []string{"x"}, producerID: 7, codec: 2}.encodeAs(f, xerialSnappy))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 16
		records, err := proxy.WalkBatch(b, limit, 10)
		if err != nil {
			return
		}
		total := 0
		for _, r := range records {
			total += len(r[0]) + len(r[1])
		}
		if total > limit && b[22]&7 != 0 {
			t.Errorf("%d bytes out of a batch that may hold %d", total, limit)
		}
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(b); err != nil {
			t.Fatalf("kmsg cannot read what was accepted: %v", err)
		}
		if b[22]&7 != 0 {
			return
		}
		rest := batch.Records
		for i, got := range records {
			var want kmsg.Record
			if err := want.ReadFrom(rest); err != nil {
				t.Fatalf("record %d: kmsg: %v", i, err)
			}
			if !bytes.Equal(got[0], want.Key) || !bytes.Equal(got[1], want.Value) || (got[1] == nil) != (want.Value == nil) {
				t.Fatalf("record %d = %q %q, kmsg: %q %q", i, got[0], got[1], want.Key, want.Value)
			}
			size := len(want.AppendTo(nil))
			if size > len(rest) {
				return // not the shortest encoding of the same record
			}
			rest = rest[size:]
		}
	})
}

// FuzzRewrite drops and marks records: the others stay as they are, and the batch is one that a broker takes.
func FuzzRewrite(f *testing.F) {
	for _, codec := range []int16{0, 1, 2, 3, 4} {
		f.Add(batchOf{values: []string{goodV1, "", badLines, goodV2}, producerID: -1, codec: codec}.encode(f), []byte{1, 0, 2, 1})
	}
	f.Add(batchOf{values: []string{"a"}, producerID: -1}.encode(f), []byte{0})
	f.Fuzz(func(t *testing.T, b, what []byte) {
		const limit, maxHeaders = 1 << 16, 100
		before, err := proxy.WalkBatch(b, limit, maxHeaders)
		if err != nil {
			return
		}
		of := func(i int) byte {
			if i < len(what) {
				return what[i]
			}
			return 1
		}
		out, err := proxy.RewriteBatch(b, limit, of)
		if err != nil {
			t.Fatalf("a batch that can be read: %v", err)
		}
		var want [][3][]byte
		for i, r := range before {
			switch of(i) {
			case 0:
				continue
			case 1:
			default:
				r[2] = []byte("marked")
			}
			want = append(want, r)
		}
		if len(want) == 0 {
			if out != nil {
				t.Fatal("nothing stayed, and there is a batch")
			}
			return
		}
		got, err := proxy.WalkBatch(out, 2*limit, maxHeaders+1)
		if err != nil {
			t.Fatalf("the rewritten batch: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("records, want (-), got (+):\n%s", diff)
		}
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(out); err != nil || batch.LastOffsetDelta != int32(len(want)-1) || !bytes.Equal(seal(bytes.Clone(out)), out) {
			t.Errorf("last offset delta %d of %d records, CRC or length wrong, or %v", batch.LastOffsetDelta, len(want), err)
		}
	})
}

// FuzzProduceRequest never panics, allocates no more than the frame can hold, and reads what kmsg reads.
func FuzzProduceRequest(f *testing.F) {
	for version := int16(0); version <= 12; version++ {
		ask := produceRequest(version, -1, map[string][][]byte{"a": {[]byte("x"), nil}, "b": {[]byte("yz")}})
		f.Add(ask.AppendTo(nil), version)
	}
	f.Fuzz(func(t *testing.T, body []byte, version int16) {
		if version < 0 || version > 12 {
			return
		}
		topics, indexes, records, again, err := proxy.ParseProduce(body, version)
		if err != nil || len(topics) == 0 {
			return
		}
		ask := kmsg.NewPtrProduceRequest()
		ask.SetVersion(version)
		if err := ask.ReadFrom(body); err != nil {
			t.Fatalf("kmsg cannot read what was accepted: %v", err)
		}
		i := 0
		for _, topic := range ask.Topics {
			for _, p := range topic.Partitions {
				if topics[i] != topic.Topic || indexes[i] != p.Partition || !bytes.Equal(records[i], p.Records) {
					t.Fatalf("partition %d = %s/%d, kmsg: %s/%d", i, topics[i], indexes[i], topic.Topic, p.Partition)
				}
				i++
			}
		}
		if i != len(topics) {
			t.Fatalf("%d partitions, kmsg: %d", len(topics), i)
		}
		t2, i2, r2, _, err := proxy.ParseProduce(again, version)
		if diff := cmp.Diff([]any{topics, indexes, records}, []any{t2, i2, r2}); err != nil || diff != "" {
			t.Fatalf("encoded again: %v\n%s", err, diff)
		}
	})
}

// FuzzHeader never panics and stays inside the frame.
func FuzzHeader(f *testing.F) {
	f.Add(frame(0, 9, 0, 1, 2), true)
	f.Add(frame(3, 1), false)
	f.Add(frame(3, 9, 0xff, 0xff, 0xff, 0xff, 0x0f), true)
	f.Fuzz(func(t *testing.T, b []byte, flexible bool) {
		if _, body, err := proxy.ParseHeader(b, flexible); err == nil && body > len(b) {
			t.Errorf("body begins at %d of %d", body, len(b))
		}
	})
}

func FuzzSASL(f *testing.F) {
	f.Add("PLAIN", []byte("\x00\x00\x00\x12\x00alice\x00secret-word"), false)
	f.Add("SCRAM-SHA-256", []byte("\x1cn,,n=bob=2Cjr,r=0123456789"), true)
	f.Fuzz(func(t *testing.T, mechanism string, b []byte, flexible bool) {
		_, _ = proxy.SASLUser(mechanism, b, flexible)
	})
}

func TestSASLUser(t *testing.T) {
	for _, c := range []struct {
		mechanism, token string
		want             string
	}{
		{"PLAIN", "\x00alice\x00secret", "alice"},
		{"PLAIN", "someone\x00alice\x00sec\x00ret", "alice"},
		{"PLAIN", "alice", ""},
		{"SCRAM-SHA-256", "n,,n=bob,r=fyko+d2lbbFgONRv9qkxdawL", "bob"},
		{"SCRAM-SHA-512", "n,a=x,n=b=2Co=3Db,r=1", "b,o=b"},
		{"SCRAM-SHA-256", "c=biws,r=nonce,p=proof", ""},
		{"OAUTHBEARER", "n,,\x01auth=Bearer x\x01\x01", ""},
	} {
		body := append([]byte{0, 0, 0, byte(len(c.token))}, c.token...)
		if got, err := proxy.SASLUser(c.mechanism, body, false); got != c.want || err != nil {
			t.Errorf("user of %s %q = %q, %v, want %q", c.mechanism, c.token, got, err, c.want)
		}
	}
}
