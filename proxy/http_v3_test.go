package proxy_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/proxy"
)

// reportV3 is what the tests look at in a report.
type reportV3 struct {
	ID        string `json:"id"`
	ErrorCode int    `json:"error_code"`
	Message   string `json:"message"`
	ClusterID string `json:"cluster_id"`
	TopicName string `json:"topic_name"`
	Partition *int   `json:"partition_id"`
	Offset    *int   `json:"offset"`
	Timestamp string `json:"timestamp"`
	Value     *struct {
		Type          string `json:"type"`
		Subject       string `json:"subject"`
		SchemaVersion int    `json:"schema_version"`
		Size          int    `json:"size"`
	} `json:"value"`
}

// reportsV3 reads reports one after the other.
func reportsV3(t testing.TB, body string) []reportV3 {
	t.Helper()
	var reports []reportV3
	for dec := json.NewDecoder(strings.NewReader(body)); ; {
		var r reportV3
		err := dec.Decode(&r)
		if err == io.EOF {
			return reports
		}
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		reports = append(reports, r)
	}
}

func TestConfluentV3(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "v3", 2)
		s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		url := front(t, s) + "/v3/clusters/main/topics/" + topic + "/records"
		binary := base64.StdEncoding.EncodeToString([]byte(goodV2))
		body := `{"partition_id":1,"headers":[{"name":"h","value":"aGk="},{"name":"n","value":null}],"key":{"type":"STRING","data":"k"},
			"value":{"type":"JSON","data":` + goodV2 + `},"timestamp":"2021-02-05T19:14:42Z"}` + // concatenated, as its documentation shows
			`{"partition_id":1,"value":{"data":` + badLines + `}}
			{"partition_id":1,"value":{"type":"BINARY","data":"` + binary + `"}}
			{"partition_id":1,"value":{"type":"JSONSCHEMA","subject":"orders.OrderPlaced","schema_version":1,"data":` + goodV1 + `}}
			{"partition_id":1,"value":{"schema_id":1,"data":` + goodV1 + `}}
			{"partition_id":7,"value":{"type":"JSON","data":` + goodV2 + `}}
			{"value":{"type":"AVRO","data":{}}}
			{"value":{"type":"BINARY","data":"*"}}
			{"value":{"schema_version":0,"data":` + goodV2 + `}}
			{"value":{"schema":"{}","data":` + goodV2 + `}}
			{"partition_id":"x","value":{"data":` + goodV2 + `}}
			{"headers":[{"name":"h","value":5}],"value":{"data":` + goodV2 + `}}
			{"value":null}
			{"value":{"data":` + goodV2 + `}} oops {"value":{"data":` + goodV2 + `}}`
		status, header, answer := post(t, url, "application/json", body)
		if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
			t.Fatalf("%d %s %s", status, header, answer)
		}
		var got []string
		reports := reportsV3(t, answer)
		for _, r := range reports {
			text := fmt.Sprint(r.ErrorCode)
			if r.ErrorCode == 200 {
				text += fmt.Sprintf(" %s/%s/%d@%v %s %s v%d %d", r.ClusterID, strings.TrimSuffix(r.TopicName, topic[2:]), *r.Partition, *r.Offset >= 0, r.Value.Type, r.Value.Subject, r.Value.SchemaVersion, r.Value.Size)
			} else {
				text += " " + strings.ReplaceAll(r.Message, topic, "T")
			}
			got = append(got, text)
		}
		want := []string{
			fmt.Sprintf("200 main/v3/1@true JSON orders.OrderPlaced v2 %d", len(goodV2)),
			"422 orders.OrderPlaced v2: /lines/0/quantity: minimum: must be at least 1 (rejection 285ed60faf5c)",
			fmt.Sprintf("200 main/v3/1@true BINARY orders.OrderPlaced v2 %d", len(goodV2)),
			fmt.Sprintf("200 main/v3/1@true JSONSCHEMA orders.OrderPlaced v1 %d", len(goodV1)),
			fmt.Sprintf("200 main/v3/1@true JSONSCHEMA orders.OrderPlaced v1 %d", len(goodV1)),
			"404 unknown partition of topic T",
			`400 record 6: value: type "AVRO": must be JSON, JSONSCHEMA, STRING or BINARY`,
			"400 record 7: value: data: must be base64 text",
			"400 record 8: value: schema_version: must be a number from 1, or latest",
			"400 record 9: value: schema: none is registered by producing: register it first, then give schema_id, or subject and schema_version",
			"400 record 10: partition_id is string",
			"400 record 11: headers[0].value: must be base64 text or null",
			"422 null value: this topic takes no tombstones",
			"200",
			"400 record 14 is not JSON at byte",
		}
		got[12] = strings.Split(got[12], " (rejection")[0]
		got[13] = got[13][:3]
		got[14] = strings.Split(got[14], " byte ")[0] + " byte"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
		if reports[0].Timestamp != "2021-02-05T19:14:42Z" {
			t.Errorf("timestamp %s, want the one that was sent", reports[0].Timestamp)
		}
		first := b.consume(t, topic, 5)
		for _, r := range first {
			if h := headersOf(r); h["h"] == "hi" {
				if string(r.Key) != "k" || string(r.Value) != goodV2 || !r.Timestamp.Equal(time.Date(2021, 2, 5, 19, 14, 42, 0, time.UTC)) {
					t.Errorf("record = %s %s %v", r.Key, r.Value, r.Timestamp)
				}
				return
			}
		}
		t.Error("the first record did not arrive")
	})
}

func TestConfluentV3Batch(t *testing.T) {
	b := embedded(t)
	topic := b.topic(t, "v3batch", 1)
	s, _ := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
	base := front(t, s)
	url := base + "/v3/clusters/main/topics/" + topic + "/records:batch"
	status, _, text := post(t, url, "application/json", `{"entries":[{"id":"a","value":{"type":"JSON","data":`+goodV2+`}},{"id":"b","value":{"type":"JSON","data":`+badLines+`}}]}`)
	var answer struct{ Successes, Failures []reportV3 }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusMultiStatus {
		t.Fatalf("%d %s, %v", status, text, err)
	}
	if len(answer.Successes) != 1 || answer.Successes[0].ID != "a" || answer.Successes[0].ErrorCode != 0 || answer.Successes[0].Offset == nil {
		t.Errorf("successes = %+v", answer.Successes)
	}
	if len(answer.Failures) != 1 || answer.Failures[0].ID != "b" || answer.Failures[0].ErrorCode != 422 || !strings.Contains(answer.Failures[0].Message, "/lines/0/quantity") {
		t.Errorf("failures = %+v", answer.Failures)
	}
	var many strings.Builder
	for i := range proxy.MaxBatchEvents + 1 {
		fmt.Fprintf(&many, `,{"id":"%d"}`, i)
	}
	for body, want := range map[string]string{
		`{}`:                                  `400 {"error_code":400,"message":"entries: there are none"}`,
		`[]`:                                  `400 {"error_code":400,"message":"body is not a batch: `,
		`{"entries":[{}]}`:                    `400 {"error_code":400,"message":"entries[0].id: must have 1 to 80 characters"}`,
		`{"entries":[{"id":"a"},{"id":"a"}]}`: `400 {"error_code":400,"message":"entries[1].id: \"a\" is there twice"}`,
		`{"entries":[` + many.String()[1:] + `]}`:                `413 {"error_code":413,"message":"entries: 1001 of them, at most 1000"}`,
		`{"entries":[{"id":"` + strings.Repeat("ä", 81) + `"}]}`: `400 {"error_code":400,"message":"entries[0].id: must have 1 to 80 characters"}`,
	} {
		status, _, text := post(t, url, "application/json", body)
		if got := fmt.Sprintf("%d %s", status, text); !strings.HasPrefix(got, want) {
			t.Errorf("%.80s: %s, want %s", body, got, want)
		}
	}
	for _, path := range []string{"/records", "/records:batch"} {
		status, _, text := post(t, base+"/v3/clusters/main/topics/"+topic+path, "application/avro", `{}`)
		if status != http.StatusUnsupportedMediaType || !strings.Contains(text, `"error_code":415`) {
			t.Errorf("%s: %d %s, want 415", path, status, text)
		}
	}
	// What is too large ends a stream after its report; what came before is in the topic.
	huge := `{"value":{"data":` + goodV2 + `}}{"value":{"data":"` + strings.Repeat("x", 3<<20) + `"}}{"value":{"data":` + goodV2 + `}}`
	_, _, text = post(t, base+"/v3/clusters/main/topics/"+topic+"/records", "application/json", huge)
	if reports := reportsV3(t, text); len(reports) != 2 || reports[0].ErrorCode != 200 || reports[1].ErrorCode != http.StatusRequestEntityTooLarge {
		t.Errorf("reports = %+v, want 200 and 413", reports)
	}
}
