package proxy_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/accordhq/accord/proxy"
	"github.com/accordhq/accord/validator"
)

// post sends a body and returns status, headers and answer.
func post(t testing.TB, url, contentType, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(answer)
}

// front serves a gate's HTTP side, once it is ready.
func front(t testing.TB, s *proxy.Server) string {
	t.Helper()
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get(web.URL + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return web.URL
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %s", body)
		}
	}
}

type answer struct {
	Status   int
	Detail   string
	Offset   *int
	Line     int
	Column   int
	Produced int
	Refused  int
	Results  []struct {
		Index     int
		Status    int
		Partition *int
		Offset    *int
		Subject   string
		Version   int
		Reason    string
		Error     string
		Rejection string
		Errors    []struct{ Pointer, Keyword, Message string }
	}
}

func parseAnswer(t testing.TB, text string) (a answer) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("answer %q: %v", text, err)
	}
	return a
}

func TestHTTPProduce(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "http", 3)
		s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		url := front(t, s) + "/v1/topics/" + topic + "/events"

		status, _, text := post(t, url+"?key=k1&partition=2", "application/json", " "+goodV2+"\n")
		if a := parseAnswer(t, text); status != 200 || a.Produced != 1 || *a.Results[0].Partition != 2 || *a.Results[0].Offset != 0 || a.Results[0].Version != 2 {
			t.Errorf("one event = %d %s, want 200, partition 2, offset 0, version 2", status, text)
		}
		status, _, text = post(t, url, "application/json", "["+goodV2+","+badLines+","+goodV2+"]")
		a := parseAnswer(t, text)
		if status != 207 || a.Produced != 2 || a.Refused != 1 || a.Results[1].Status != 422 || a.Results[1].Reason != "instance" ||
			len(a.Results[1].Errors) == 0 || a.Results[1].Errors[0].Pointer != "/lines/0/quantity" || a.Results[1].Errors[0].Keyword != "minimum" {
			t.Errorf("two good and a bad = %d %s, want 207 with the pointer", status, text)
		}
		if strings.Contains(text, "SECRET") {
			t.Errorf("answer holds payload: %s", text)
		}
		status, header, text := post(t, url, "application/json", badLines)
		if a := parseAnswer(t, text); status != 422 || a.Status != 422 || len(a.Results) != 1 || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("a bad event = %d %s, want a problem document 422", status, text)
		}
		status, _, text = post(t, url+"?all_or_nothing=true", "application/json", "["+goodV2+","+badLines+"]")
		if a := parseAnswer(t, text); status != 422 || a.Results[0].Status != 424 || a.Results[0].Offset != nil {
			t.Errorf("all or nothing = %d %s, want 422 and nothing produced", status, text)
		}
		status, _, text = post(t, url+"?dry_run=true", "application/json", goodV2)
		if a := parseAnswer(t, text); status != 200 || a.Produced != 0 || a.Results[0].Offset != nil || a.Results[0].Subject != "orders.OrderPlaced" {
			t.Errorf("dry run = %d %s, want 200 and nothing produced", status, text)
		}
		status, _, text = post(t, url+"?version=1", "application/json", goodV1)
		if a := parseAnswer(t, text); status != 200 || a.Results[0].Version != 1 {
			t.Errorf("version 1 = %d %s, want 200", status, text)
		}

		got := map[string]*kgo.Record{}
		for _, r := range b.consume(t, topic, 4) {
			got[string(r.Key)+" "+string(r.Value)] = r
		}
		first := got["k1 "+goodV2]
		if first == nil {
			t.Fatalf("topic holds %v, want the first event under key k1", got)
		}
		if h := first.Headers; len(h) != 1 || h[0].Key != validator.HeaderValueSchema || len(h[0].Value) != 17 || h[0].Value[0] != 1 {
			t.Errorf("headers = %v, want the GUID of the schema", h)
		}
		if got["o-1 "+goodV1] == nil {
			t.Errorf("topic holds %v, want version 1 under the key that the event declares", got)
		}
	})
}

func TestHTTPRefusals(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	denied := errors.New("who are you?")
	s, _ := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop(""), Authenticate: func(r *http.Request) (proxy.Identity, error) {
		if r.Header.Get("X-User") == "" {
			return proxy.Identity{}, denied
		}
		return proxy.Identity{Principal: "User:" + r.Header.Get("X-User"), MayProduce: func(topic string) bool { return topic != "orders.events" }}, nil
	}})
	url := front(t, s) + "/v1/topics/"
	long := `{"orderId":"` + strings.Repeat("x", proxy.MaxHTTPEventBytes) + `"}`
	many := "[" + strings.Repeat("1,", proxy.MaxBatchEvents) + "1]"
	for _, c := range []struct {
		name, path, contentType, body string
		status                        int
		want                          string
	}{
		{"not JSON", "orders.placed/events", "application/json", "{\"a\":\n  nope}", 400, `"offset":9,"line":2,"column":4`},
		{"cut", "orders.placed/events", "application/json", `{"a":1`, 400, `"offset":6`},
		{"more than one value", "orders.placed/events", "application/json", `{} {}`, 400, "after"},
		{"empty", "orders.placed/events", "application/json", ``, 400, "empty"},
		{"no events", "orders.placed/events", "application/json", `[]`, 400, "no events"},
		{"no type", "orders.placed/events", "", goodV2, 415, "application/x-ndjson"},
		{"avro", "orders.placed/events", "application/vnd.kafka.avro.v2+json", goodV2, 415, "application/cloudevents+json"},
		{"body too large", "orders.placed/events", "application/json", strings.Repeat(" ", proxy.MaxBodyBytes+1), 413, "stream it"},
		{"event too large", "orders.placed/events", "application/json", long, 413, "over 1048576 bytes"},
		{"too many events", "orders.placed/events", "application/json", many, 413, "more than 1000"},
		{"unknown parameter", "orders.placed/events?dryrun=1", "application/json", goodV2, 400, "dryrun"},
		{"bad parameter", "orders.placed/events?partition=-1", "application/json", goodV2, 400, "partition"},
		{"no topic of that name", "nowhere.at.all/events", "application/json", goodV2, 404, "unknown topic nowhere.at.all"},
		{"impossible topic", "a%20b/events", "application/json", goodV2, 404, "not a topic's name"},
		{"unknown partition", "orders.placed/events?partition=99", "application/json", goodV2, 404, "unknown partition"},
		{"no grant", "orders.events/events", "application/json", goodV2, 403, "no grant"},
		{"duplicate member", "orders.placed/events", "application/json", `{"orderId":"a","orderId":"b"}`, 422, "duplicate"},
		{"tombstone", "orders.placed/events", "application/json", `null`, 422, "tombstone"},
		{"CloudEvent without type", "orders.placed/events", "application/cloudevents+json", `{"specversion":"1.0","id":"1","source":"s","data":{}}`, 422, "not_json"},
		{"unknown version", "orders.placed/events?version=9", "application/json", goodV2, 422, "unknown_schema"},
	} {
		headers := []string{"X-User", "orders"}
		if c.path == "orders.placed/events?partition=99" {
			createTopic(t, brokers, dial, "orders.placed")
		}
		status, _, text := post(t, url+c.path, c.contentType, c.body, headers...)
		if status != c.status || !strings.Contains(text, c.want) {
			t.Errorf("%s = %d %.400s, want %d with %q", c.name, status, text, c.status, c.want)
		}
	}
	if status, _, text := post(t, url+"orders.placed/events", "application/json", goodV2); status != 401 || !strings.Contains(text, denied.Error()) {
		t.Errorf("nobody = %d %s, want 401", status, text)
	}
}

func createTopic(t testing.TB, brokers []string, dial dialer, name string) {
	t.Helper()
	b := backend{brokers: brokers, dial: dial}
	if _, err := kadmClient(b.direct(t)).CreateTopic(testContext(t), 3, 1, nil, name); err != nil {
		t.Fatal(err)
	}
}

func TestHTTPCloudEvents(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	b := backend{"embedded", brokers, dial}
	createTopic(t, brokers, dial, "orders.events")
	s, _ := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop("")})
	url := front(t, s) + "/v1/topics/orders.events/events"
	cloudEvent := func(typ, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/s","type":%q,"partitionkey":"pk","data":%s}`, typ, data)
	}
	status, _, text := post(t, url, "application/json", `{"orderId":"x","reason":"stock"}`,
		"ce-specversion", "1.0", "ce-id", "7", "ce-source", "/shop", "ce-type", "com.example.orders.OrderCancelled", "ce-partitionkey", "o%2D1")
	if a := parseAnswer(t, text); status != 200 || a.Results[0].Subject != "orders.OrderCancelled" {
		t.Errorf("binary = %d %s, want 200 under orders.OrderCancelled", status, text)
	}
	structured := cloudEvent("com.example.orders.OrderPlaced", goodV2)
	if status, _, text = post(t, url, "application/cloudevents+json", structured); status != 200 {
		t.Errorf("structured = %d %s, want 200", status, text)
	}
	bad := cloudEvent("com.example.orders.OrderCancelled", `{"orderId":"x","reason":"bored"}`)
	status, _, text = post(t, url, "application/cloudevents-batch+json", "["+structured+","+bad+"]")
	if a := parseAnswer(t, text); status != 207 || a.Results[1].Reason != "instance" || a.Results[1].Errors[0].Pointer != "/reason" {
		t.Errorf("batch = %d %s, want 207 and pointer relative to data", status, text)
	}
	if status, _, text = post(t, url, "application/json", goodV2); status != 422 || !strings.Contains(text, "no_reference") {
		t.Errorf("no reference on a topic of several subjects = %d %s, want 422", status, text)
	}
	if status, _, text = post(t, url+"?subject=orders.OrderPlaced", "application/json", goodV2); status != 200 {
		t.Errorf("?subject= = %d %s, want 200", status, text)
	}
	other := cloudEvent("com.example.payments.PaymentFailed", `{}`)
	if status, _, text = post(t, url, "application/cloudevents+json", other); status != 422 || !strings.Contains(text, "wrong_subject") {
		t.Errorf("an event of another topic = %d %s, want 422", status, text)
	}
	byValue := map[string]*kgo.Record{}
	for _, r := range b.consume(t, "orders.events", 4) {
		byValue[string(r.Value)] = r
	}
	binary := byValue[`{"orderId":"x","reason":"stock"}`]
	if binary == nil || string(binary.Key) != "o-1" {
		t.Fatalf("binary event = %v, want key o-1", binary)
	}
	var names []string
	for _, h := range binary.Headers {
		names = append(names, h.Key)
	}
	if got := strings.Join(names, " "); got != "ce_id ce_partitionkey ce_source ce_specversion ce_type content-type __value_schema_id" {
		t.Errorf("headers = %s", got)
	}
	if r := byValue[structured]; r == nil || string(r.Key) != "pk" {
		t.Errorf("structured event = %v, want key pk", r)
	}
}

// TestHTTPStream reads each answer before it sends the next line: nothing waits for the end of the stream.
func TestHTTPStream(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "stream", 1)
		s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		url := front(t, s) + "/v1/topics/" + topic + "/events"
		body, lines := io.Pipe()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		answers := bufio.NewScanner(res.Body)
		for i, c := range []struct{ line, want string }{
			{goodV2, `{"index":0,"partition":0,"offset":0,"subject":"orders.OrderPlaced","version":2}`},
			{badLines, `"index":1,"status":422`},
			{"nonsense", `"reason":"not_json"`},
			{strings.Repeat("x", proxy.MaxHTTPEventBytes+10), `"index":3,"status":413`},
			{"\n" + goodV2, `{"index":4,"partition":0,"offset":1,`},
		} {
			if _, err := io.WriteString(lines, c.line+"\n"); err != nil {
				t.Fatal(err)
			}
			if !answers.Scan() {
				t.Fatalf("line %d: no answer: %v", i, answers.Err())
			}
			if got := answers.Text(); !strings.Contains(got, c.want) {
				t.Errorf("line %d answered %s, want %s", i, got, c.want)
			}
		}
		_ = lines.Close()
		if answers.Scan() {
			t.Errorf("after the last line: %s", answers.Text())
		}
	})
}

// TestHTTPStreamInOrder sends many lines at once.
func TestHTTPStreamInOrder(t *testing.T) {
	brokers, dial := startBroker(t, t.TempDir())
	createTopic(t, brokers, dial, "orders.placed")
	s, _ := startGate(t, proxy.Config{Brokers: brokers, Dial: dial, Schemas: shop("")})
	var body strings.Builder
	const n = 2000
	for i := range n {
		body.WriteString(map[bool]string{true: badLines, false: goodV2}[i%10 == 3] + "\n")
	}
	_, _, text := post(t, front(t, s)+"/v1/topics/orders.placed/events", "application/x-ndjson", body.String())
	answers := strings.Split(strings.TrimSpace(text), "\n")
	if len(answers) != n {
		t.Fatalf("%d answers, want %d", len(answers), n)
	}
	for i, line := range answers {
		if !strings.HasPrefix(line, fmt.Sprintf(`{"index":%d,`, i)) || strings.Contains(line, `"status":422`) != (i%10 == 3) {
			t.Fatalf("answer %d = %s", i, line)
		}
	}
}

func TestHTTPWhileTheBrokersAreAway(t *testing.T) {
	s, err := proxy.New(proxy.Config{Brokers: []string{"127.0.0.1:1"}, Schemas: shop("")})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	status, header, _ := post(t, web.URL+"/v1/topics/orders.placed/events", "application/json", goodV2)
	if status != 503 || header.Get("Retry-After") == "" {
		t.Errorf("produce before Serve = %d, Retry-After %q, want 503 with one", status, header.Get("Retry-After"))
	}
	res, err := http.Get(web.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 503 {
		t.Errorf("/readyz = %d, want 503", res.StatusCode)
	}
	if res, err = http.Get(web.URL + "/metrics"); err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if !strings.Contains(string(body), "accord_proxy_http_requests_total{code=\"503\"") {
		t.Errorf("/metrics = %.300s, want the request counted", body)
	}
}

func TestConfluentV2(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "v2", 2)
		s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		url := front(t, s) + "/topics/" + topic
		const asJSON, asSchema, asBinary = "application/vnd.kafka.json.v2+json", "application/vnd.kafka.jsonschema.v2+json", "application/vnd.kafka.binary.v2+json"
		base64 := base64.StdEncoding.EncodeToString([]byte(goodV2))
		for _, c := range []struct {
			name, path, contentType, body string
			status                        int
			want                          string
		}{
			{"json", "", asJSON, `{"records":[{"key":"k","value":` + goodV2 + `,"partition":1},{"value":` + goodV2 + `,"partition":1}]}`, 200, `{"offsets":[{"partition":1,"offset":0,"error_code":null,"error":null},{"partition":1,"offset":1,`},
			{"partition", "/partitions/0", asJSON, `{"records":[{"value":` + goodV2 + `}]}`, 200, `{"partition":0,"offset":0,`},
			{"schema id", "/partitions/0", asSchema, `{"value_schema_id":1,"records":[{"value":` + goodV1 + `}]}`, 200, `"value_schema_id":1`},
			{"binary", "/partitions/0", asBinary, `{"records":[{"key":"aw==","value":"` + base64 + `"}]}`, 200, `{"partition":0,"offset":2,`},
			{"one bad: nothing", "", asJSON, `{"records":[{"value":` + goodV2 + `},{"value":` + badLines + `}]}`, 422, `{"error_code":42206,"message":"record 1: orders.OrderPlaced v2: /lines/0/quantity: minimum`},
			{"not JSON", "", asJSON, `{"records":[`, 422, `"error_code":42203`},
			{"no records", "", asJSON, `{}`, 422, `"error_code":42203`},
			{"not base64", "", asBinary, `{"records":[{"value":"%"}]}`, 422, `"error_code":42203`},
			{"inline schema", "", asSchema, `{"value_schema":"{}","records":[{"value":{}}]}`, 422, "register first"},
			{"avro", "", "application/vnd.kafka.avro.v2+json", `{}`, 415, asSchema},
			{"unknown partition", "/partitions/9", asJSON, `{"records":[{"value":` + goodV2 + `}]}`, 404, `"error_code":40402`},
		} {
			status, header, text := post(t, url+c.path, c.contentType, c.body)
			if status != c.status || !strings.Contains(text, c.want) || header.Get("Content-Type") != "application/vnd.kafka.v2+json" {
				t.Errorf("%s = %d %s %s, want %d with %s", c.name, status, header.Get("Content-Type"), text, c.status, c.want)
			}
			if strings.Contains(text, "SECRET") {
				t.Errorf("%s: payload in %s", c.name, text)
			}
		}
		status, _, text := post(t, front(t, s)+"/topics/nowhere.at.all", asJSON, `{"records":[{"value":1}]}`)
		if b.name == "embedded" && (status != 404 || !strings.Contains(text, "40401")) {
			t.Errorf("unknown topic = %d %s, want 404 40401", status, text)
		}
		if n := len(b.consume(t, topic, 5)); n != 5 {
			t.Errorf("topic holds %d records, want 5", n)
		}
	})
}
