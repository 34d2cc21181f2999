package proxy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// letterPage is GET /v1/letters?topic=.
type letterPage struct {
	Kind, To, Group string
	Letters         []letterSeen
	Next            string
}

type letterSeen struct {
	Topic                            string
	Partition                        int32
	Offset                           int64
	State, ID, Type, Class           string
	Address, Keyword, Subject, Error string
	Version                          int32
	Passes                           bool
	Replays                          int
	Event                            json.RawMessage
	Accepts                          []struct {
		Subject string
		Version int32
	}
	Now   struct{ Reason, Error string }
	Whole *struct {
		Key, Value *string
		Headers    []struct {
			Name  string
			Value *string
		}
	}
}

// acted is the answer to a redrive or discard.
type acted struct {
	Detail                 string
	Done, Already, Refused int
	Next, Stopped          string
	Results                []struct {
		Partition     int32
		Offset        int64
		Status, Error string
		To            *struct {
			Topic  string
			Offset int64
		}
	}
}

// read decodes the answer to a GET.
func read[T any](t testing.TB, url string, headers ...string) (status int, v T) {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, v
}

// act posts a redrive or discard.
func act(t testing.TB, url, op, body string, headers ...string) (int, acted) {
	t.Helper()
	status, _, text := post(t, url+"/v1/letters/"+op, "application/json", body, headers...)
	var a acted
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return status, a
}

// lenient is OrderPlaced with a rule less: quantity may be nothing.
var lenient = storedSchema{7, "orders.OrderPlaced", 3, strings.ReplaceAll(placedV2.text, `"minimum":1`, `"minimum":0`)}

// mend registers the version under which badLines is valid.
func mend(m *memory, topic, enforce string) {
	all := append(slices.Clone(*m.stored.Load()), lenient)
	m.set(m.Snapshot().Revision+1, []validator.Binding{{
		Topic: topic, Declared: true, Enforce: []byte(enforce), Values: []validator.Promise{promise("orders.OrderPlaced", all...)},
	}}, all...)
}

// confined has n bad records refused and waits until all of them are in quarantine.
func confined(t testing.TB, b backend, addr, topic string, n int) {
	t.Helper()
	client := plainProducer(t, addr, kgo.ClientID("shop"))
	for i := range n {
		client.Produce(testContext(t), &kgo.Record{
			Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(badLines),
			Headers: []kgo.RecordHeader{{Key: "ce_id", Value: fmt.Appendf(nil, "e%d", i)}, {Key: "ce_source", Value: []byte("/shop")}, {Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_type", Value: []byte("com.example.orders.OrderPlaced")}},
		}, nil)
	}
	if err := client.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	b.consume(t, topic+proxy.QuarantineSuffix, n)
}

// notes is an audit that remembers.
type notes struct {
	mu   sync.Mutex
	all  []proxy.Note
	fail error
}

func (n *notes) take(_ *http.Request, note proxy.Note) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail == nil {
		n.all = append(n.all, note)
	}
	return n.fail
}

// TestQuarantineGoesBackAfterAFix: what was refused is listed without what is personal, refused again while nothing changed,
// goes back once the schema is mended, and never twice.
func TestQuarantineGoesBackAfterAFix(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		const enforce = `{"policy":"reject","quarantine":true}`
		topic := b.topic(t, "letters", 2)
		box := topic + proxy.QuarantineSuffix
		source := bound(topic, enforce)
		var audit notes
		s, addr := b.gate(t, proxy.Config{Schemas: source, Audit: audit.take})
		url := front(t, s)
		confined(t, b, addr, topic, 5)

		_, page := read[letterPage](t, url+"/v1/letters?topic="+box)
		if len(page.Letters) != 5 || page.Kind != "quarantine" || page.To != topic || page.Next != "" {
			t.Fatalf("list = %+v, want 5 letters of a quarantine", page)
		}
		one := page.Letters[0]
		if one.Class != "instance" || one.Address != "/lines/*/quantity" || one.Keyword != "minimum" || one.Subject != "orders.OrderPlaced" || one.Version != 2 || one.State != "waiting" || one.Passes {
			t.Errorf("letter = %+v", one)
		}
		if got := string(one.Event); !strings.Contains(got, "SECRET-SKU") { // the schema knows the place, and says nothing of personal data
			t.Errorf("event = %s", got)
		}
		_, boxes := read[struct {
			Topics []struct {
				Topic                     string
				Letters, Settled, Waiting int64
			}
		}](t, url+"/v1/letters")
		if i := slices.IndexFunc(boxes.Topics, func(x struct {
			Topic                     string
			Letters, Settled, Waiting int64
		},
		) bool {
			return x.Topic == box
		}); i < 0 || boxes.Topics[i].Waiting != 5 {
			t.Errorf("boxes = %+v, want %s with 5", boxes, box)
		}

		status, tried := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q}`, box))
		if status != http.StatusMultiStatus || tried.Done != 0 || tried.Refused != 5 || !strings.Contains(tried.Results[0].Error, "/lines/*/quantity: minimum") {
			t.Fatalf("redrive of what is still invalid: %d %+v", status, tried)
		}
		if len(audit.all) != 0 {
			t.Errorf("audit = %+v although nothing was done", audit.all)
		}

		mend(source, topic, enforce)
		status, dry := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q,"dry_run":true}`, box))
		if status != http.StatusOK || dry.Done != 5 || dry.Results[0].Status != "passes" {
			t.Fatalf("dry run = %d %+v", status, dry)
		}
		_, detail := read[letterSeen](t, fmt.Sprintf("%s/v1/letters/%s/%d/%d", url, box, one.Partition, one.Offset))
		if !detail.Passes || len(detail.Accepts) != 1 || detail.Accepts[0].Version != 3 || detail.Whole == nil || *detail.Whole.Value != badLines {
			t.Errorf("detail = %+v", detail)
		}

		audit.fail = errors.New("no answer")
		if status, none := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q}`, box)); status != http.StatusServiceUnavailable || none.Done != 0 {
			t.Fatalf("redrive without an audit: %d %+v", status, none)
		}
		audit.fail = fmt.Errorf("role operator is missing: %w", proxy.ErrForbidden)
		if status, none := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q}`, box)); status != http.StatusForbidden || none.Done != 0 {
			t.Fatalf("redrive that the audit forbids: %d %+v", status, none)
		}
		audit.fail = nil

		status, some := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q,"limit":2,"reason":"mended"}`, box))
		if status != http.StatusOK || some.Done != 2 || some.Next == "" || some.Results[0].Status != "redriven" || some.Results[0].To.Topic != topic {
			t.Fatalf("redrive of two: %d %+v", status, some)
		}
		again := fmt.Sprintf(`{"topic":%q,"offsets":[{"partition":%d,"offset":%d}]}`, box, some.Results[0].Partition, some.Results[0].Offset)
		if status, twice := act(t, url, "redrive", again); status != http.StatusOK || twice.Done != 0 || twice.Already != 1 {
			t.Fatalf("redrive of one that went back: %d %+v", status, twice)
		}
		if status, rest := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q}`, box)); status != http.StatusOK || rest.Done != 3 {
			t.Fatalf("redrive of the rest: %d %+v", status, rest)
		}
		if diff := cmp.Diff([]proxy.Note{{Op: "redrive", Topic: box, Count: 2, Reason: "mended"}, {Op: "redrive", Topic: box, Count: 3}}, audit.all); diff != "" {
			t.Errorf("audit: want (-), got (+):\n%s", diff)
		}
		seen := map[string]int{}
		for _, r := range b.committed(t, topic) {
			h := headersOf(r)
			seen[h["ce_id"]]++
			if string(r.Value) != badLines || !strings.HasPrefix(h["accord-redrive"], box+"/") || h["accord-reason"] != "" || h["ce_type"] == "" {
				t.Errorf("went back as %s %v", r.Value, h)
			}
		}
		if want := map[string]int{"e0": 1, "e1": 1, "e2": 1, "e3": 1, "e4": 1}; !cmp.Equal(want, seen) {
			t.Errorf("topic holds %v, want each once", seen)
		}
		if _, left := read[letterPage](t, url+"/v1/letters?topic="+box); len(left.Letters) != 0 {
			t.Errorf("still waiting: %+v", left.Letters)
		}
		if _, done := read[letterPage](t, url+"/v1/letters?state=redriven&topic="+box); len(done.Letters) != 5 {
			t.Errorf("redriven: %+v", done.Letters)
		}
		if got := metric(t, url, `accord_proxy_letters_total{op="redrive",result="done"}`); got != "5" {
			t.Errorf("counted %s redriven", got)
		}
	})
}

// committed reads all that a topic holds now, as far as transactions have been committed.
func (b backend) committed(t testing.TB, topic string) []*kgo.Record {
	t.Helper()
	admin := kadmClient(b.direct(t))
	ends, err := admin.ListCommittedOffsets(testContext(t), topic)
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
	c := b.direct(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	var all []*kgo.Record
	for len(left) > 0 {
		fetches := c.PollFetches(testContext(t))
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

// dead writes dead letters as consumers do.
func (b backend) dead(t testing.TB, group, origin string, n, replays int) {
	t.Helper()
	var records []*kgo.Record
	for i := range n {
		h := func(name, value string) kgo.RecordHeader { return kgo.RecordHeader{Key: name, Value: []byte(value)} }
		records = append(records, &kgo.Record{Topic: group + ".dlq", Key: []byte("k"), Value: []byte(goodV2), Headers: []kgo.RecordHeader{
			h("ce_id", fmt.Sprintf("e%d", i)), h("ce_source", "/shop"), h("ce_specversion", "1.0"), h("ce_type", "com.example.orders.OrderPlaced"),
			h("dlq-group", group), h("dlq-topic", origin), h("dlq-partition", "1"), h("dlq-offset", fmt.Sprint(40+i)), h("dlq-timestamp", "2026-01-02T03:04:05Z"),
			h("dlq-service", group), h("dlq-class", []string{"poison", "error"}[i%2]), h("dlq-error", "handler: no stock"), h("dlq-attempts", "5"),
			h("dlq-first", "2026-01-02T03:04:06Z"), h("dlq-replays", fmt.Sprint(replays)),
		}})
	}
	if err := b.direct(t).ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestDeadLettersGoBackToTheirGroup: dead letters are chosen by class, go to the topic of their group with all that they
// say of themselves, at most MaxReplays times; what is discarded is out of sight.
func TestDeadLettersGoBackToTheirGroup(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "source", 1)
		box := b.topicNamed(t, "payments", ".dlq", 1)
		group := strings.TrimSuffix(box, ".dlq")
		s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		url := front(t, s)
		b.dead(t, group, topic, 6, 0)
		b.dead(t, group, topic, 1, proxy.MaxReplays)

		_, page := read[letterPage](t, url+"/v1/letters?class=error&topic="+box)
		if len(page.Letters) != 3 || page.Kind != "dead" || page.Group != group || page.To != group+".redrive" {
			t.Fatalf("list = %+v, want three of class error", page)
		}
		if l := page.Letters[0]; l.Error != "handler: no stock" || l.Subject != "orders.OrderPlaced" || !l.Passes || l.ID != "e1" {
			t.Errorf("letter = %+v", l)
		}
		status, a := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q,"class":"poison","type":"orders.OrderPlaced"}`, box))
		if status != http.StatusMultiStatus || a.Done != 3 || a.Refused != 1 || !strings.Contains(a.Results[len(a.Results)-1].Error, "3 times") {
			t.Fatalf("redrive = %d %+v, want 3 done, and one that went back too often", status, a)
		}
		for i, r := range b.committed(t, group+".redrive") {
			h := headersOf(r)
			if h["ce_id"] != fmt.Sprintf("e%d", 2*i) || h["dlq-topic"] != topic || h["dlq-replays"] != "0" || h["accord-redrive"] == "" || string(r.Value) != goodV2 {
				t.Errorf("went back as %v", h)
			}
		}
		if status, a := act(t, url, "discard", fmt.Sprintf(`{"topic":%q,"class":"error"}`, box)); status != http.StatusUnprocessableEntity || a.Done != 0 {
			t.Errorf("discard without a reason: %d %+v", status, a)
		}
		if status, a := act(t, url, "discard", fmt.Sprintf(`{"topic":%q,"class":"error","reason":"test data"}`, box)); status != http.StatusOK || a.Done != 3 || a.Results[0].Status != "discarded" {
			t.Errorf("discard: %d %+v", status, a)
		}
		if status, a := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q,"offsets":[{"partition":0,"offset":1},{"partition":0,"offset":99}]}`, box)); status != http.StatusOK || a.Already != 1 || a.Results[1].Status != "gone" {
			t.Errorf("redrive of what was discarded and of what is not there: %d %+v", status, a)
		}
	})
}

// topicNamed makes a topic of a fresh name with a suffix.
func (b backend) topicNamed(t testing.TB, prefix, suffix string, partitions int32) string {
	t.Helper()
	base := b.topic(t, prefix, 1)
	admin := kadmClient(b.direct(t))
	if _, err := admin.CreateTopic(testContext(t), partitions, 1, nil, base+suffix); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = admin.DeleteTopics(context.Background(), base+suffix) })
	return base + suffix
}

// TestLetterPages walks pages of one, by filters, and meets every bound of the request.
func TestLetterPages(t *testing.T) {
	b := embedded(t)
	topic := b.topic(t, "pages", 1)
	box := b.topicNamed(t, "pages", ".dlq", 3)
	s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
	url := front(t, s)
	if _, none := read[letterPage](t, url+"/v1/letters?topic="+box); len(none.Letters) != 0 || none.Next != "" {
		t.Errorf("an empty topic = %+v", none)
	}
	client := b.direct(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 7 {
		if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: box, Partition: int32(i % 3), Value: fmt.Appendf(nil, "%d", i), Headers: []kgo.RecordHeader{{Key: "dlq-class", Value: []byte("poison")}}}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	after := ""
	for range 20 {
		_, page := read[letterPage](t, url+"/v1/letters?limit=1&topic="+box+"&after="+after)
		for _, l := range page.Letters {
			got = append(got, fmt.Sprintf("%d/%d", l.Partition, l.Offset))
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if want := "0/0 0/1 0/2 1/0 1/1 2/0 2/1"; strings.Join(got, " ") != want {
		t.Errorf("pages of one: %v, want %s", got, want)
	}
	_, none := read[letterPage](t, url+"/v1/letters?topic="+box+"&since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	if len(none.Letters) != 0 {
		t.Errorf("since tomorrow: %+v", none)
	}
	for query, want := range map[string]int{
		"topic=orders":                       404,
		"topic=nothing.dlq":                  404,
		"topic=a/b.dlq":                      404,
		"topic=" + box + "&limit=0":          400,
		"topic=" + box + "&limit=1001":       400,
		"topic=" + box + "&after=x":          400,
		"topic=" + box + "&since=yesterday":  400,
		"topic=" + box + "&state=unknown":    400,
		"topic=" + box + "&colour=red":       400,
		"topic=" + box + "&after=9/0":        200,
		"topic=" + box + "&limit=1000":       200,
		"topic=" + box + "&address=/nowhere": 200,
	} {
		if status, _ := read[letterPage](t, url+"/v1/letters?"+query); status != want {
			t.Errorf("GET ?%s = %d, want %d", query, status, want)
		}
	}
	for path, want := range map[string]int{"/0/0": 200, "/0/9": 404, "/9/0": 404, "/x/0": 404, "/0/-1": 404} {
		if status, _ := read[letterSeen](t, url+"/v1/letters/"+box+path); status != want {
			t.Errorf("GET %s = %d, want %d", path, status, want)
		}
	}
	many := strings.Repeat(`{"partition":0,"offset":0},`, proxy.MaxLetters)
	for body, want := range map[string]int{
		`{`:                                    400,
		`{"topic":"x"} more`:                   400,
		`{"colour":"red"}`:                     400,
		`{"topic":"orders"}`:                   404,
		`{"topic":"no.dlq"}`:                   404,
		`{"topic":"` + box + `","rate":1001}`:  422,
		`{"topic":"` + box + `","limit":1001}`: 422,
		`{"topic":"` + box + `","offsets":[` + many + `{"partition":0,"offset":0}]}`:      422,
		`{"topic":"` + box + `","offsets":[{"partition":0,"offset":0}],"class":"poison"}`: 422,
		`{"topic":"` + box + `","reason":"` + strings.Repeat("x", 1001) + `"}`:            422,
		`{"topic":"` + box + `","reason":"` + strings.Repeat("x", 300<<10) + `"}`:         413,
	} {
		if status, _ := act(t, url, "redrive", body); status != want {
			t.Errorf("POST %.80s = %d, want %d", body, status, want)
		}
	}
	if status, _, _ := post(t, url+"/v1/letters/redrive", "text/plain", `{}`); status != 415 {
		t.Errorf("POST of text/plain = %d, want 415", status)
	}
}

// TestLettersAreShownByRole: readers see nothing that a schema does not know or calls personal, and change nothing.
func TestLettersAreShownByRole(t *testing.T) {
	b := embedded(t)
	const enforce = `{"quarantine":true}`
	topic := b.topic(t, "roles", 1)
	source := bound(topic, enforce)
	personal := storedSchema{2, "orders.OrderPlaced", 2, strings.Replace(placedV2.text, `"sku":{"type":"string"}`, `"sku":{"type":"string","x-accord-pii":true}`, 1)}
	source.set(3, []validator.Binding{{Topic: topic, Declared: true, Enforce: []byte(enforce), Values: []validator.Promise{promise("orders.OrderPlaced", personal)}}}, personal)
	nobody := func(string) bool { return false }
	s, addr := b.gate(t, proxy.Config{Schemas: source, Authenticate: func(r *http.Request) (proxy.Identity, error) {
		switch r.Header.Get("Authorization") {
		case "operator":
			return proxy.Identity{Principal: "User:op"}, nil
		case "reader":
			return proxy.Identity{Principal: "User:ada", MayOperate: nobody, MayProduce: nobody}, nil
		case "stranger":
			return proxy.Identity{Principal: "User:eve", MayOperate: nobody, MayProduce: nobody, MayRead: nobody}, nil
		}
		return proxy.Identity{}, errors.New("sign in")
	}})
	url := front(t, s)
	confined(t, b, addr, topic, 1)
	box := topic + proxy.QuarantineSuffix
	one := "/v1/letters/" + box + "/"
	_, page := read[letterPage](t, url+"/v1/letters?topic="+box, "Authorization", "reader")
	if len(page.Letters) != 1 {
		t.Fatalf("list = %+v", page)
	}
	one += fmt.Sprintf("%d/%d", page.Letters[0].Partition, page.Letters[0].Offset)
	for who, want := range map[string][3]int{"": {401, 401, 401}, "stranger": {403, 403, 403}, "reader": {200, 200, 403}, "operator": {200, 200, 207}} {
		list, _ := read[letterPage](t, url+"/v1/letters?topic="+box, "Authorization", who)
		shown, detail := read[json.RawMessage](t, url+one, "Authorization", who)
		status, _ := act(t, url, "redrive", `{"topic":"`+box+`"}`, "Authorization", who)
		if got := [3]int{list, shown, status}; got != want {
			t.Errorf("%q lists, shows, redrives: %v, want %v", who, got, want)
		}
		if leaks := strings.Contains(string(detail), "SECRET"); leaks != (who == "operator") {
			t.Errorf("%q sees %s", who, detail)
		}
	}
	_, boxes := read[struct{ Topics []struct{} }](t, url+"/v1/letters", "Authorization", "stranger")
	if len(boxes.Topics) != 0 {
		t.Errorf("a stranger sees %d topics", len(boxes.Topics))
	}
}

// TestTwoGatesRedriveOnce: whoever redrives, and however many at a time, each letter goes back once.
func TestTwoGatesRedriveOnce(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "twice", 1)
		box := b.topicNamed(t, "twice", ".dlq", 2)
		group := strings.TrimSuffix(box, ".dlq")
		var urls []string
		for range 2 {
			s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
			urls = append(urls, front(t, s))
		}
		const n = 120
		b.dead(t, group, topic, n, 0)
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for _, url := range urls {
			for range 2 {
				wg.Go(func() {
					for range 20 {
						status, a := act(t, url, "redrive", fmt.Sprintf(`{"topic":%q,"rate":1000,"limit":30}`, box))
						mu.Lock()
						done += a.Done
						all := done >= n
						mu.Unlock()
						if all || status == http.StatusOK && a.Done == 0 && a.Stopped == "" {
							return
						}
						time.Sleep(20 * time.Millisecond)
					}
				})
			}
		}
		wg.Wait()
		for range 20 { // whoever was pushed aside may have left some
			if _, a := act(t, urls[0], "redrive", fmt.Sprintf(`{"topic":%q,"rate":1000}`, box)); a.Done == 0 && a.Stopped == "" && a.Detail == "" {
				break
			}
		}
		checkOnce(t, b, group+".redrive", n)
	})
}

// checkOnce holds a topic to the dead letters e0 … each once.
func checkOnce(t testing.TB, b backend, topic string, n int) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range b.committed(t, topic) {
		seen[headersOf(r)["ce_id"]]++
	}
	for i := range n {
		if times := seen[fmt.Sprintf("e%d", i)]; times != 1 {
			t.Errorf("e%d is there %d times", i, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d different letters went back, want %d", len(seen), n)
	}
}
