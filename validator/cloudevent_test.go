package validator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/validator"
)

func TestSplitCloudEvent(t *testing.T) {
	const value = ` {"specversion":"1.0", "id":"a\u0031","source":"/services/orders","type":"com.example.orders.OrderPlaced",
		"dataschema":"http://r/schemas/ids/7","subject":null,"time":"2026-01-02T03:04:05Z","sequence":7,"data": {"a":[1,{"b":2}]} } `
	ce, err := validator.SplitCloudEvent([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"specversion", ce.SpecVersion, "1.0"},
		{"id", ce.ID, "a1"},
		{"source", ce.Source, "/services/orders"},
		{"type", ce.Type, "com.example.orders.OrderPlaced"},
		{"dataschema", ce.DataSchema, "http://r/schemas/ids/7"},
		{"data", ce.Data, `{"a":[1,{"b":2}]}`},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s = %q, want %q", c.name, c.got, c.want)
		}
	}
	if ce.Subject != nil {
		t.Errorf("subject = %q, want nil", ce.Subject)
	}
	if ce.Offset != strings.Index(value, `{"a"`) {
		t.Errorf("Offset = %d, want %d", ce.Offset, strings.Index(value, `{"a"`))
	}
	for name, want := range map[string]string{"time": "2026-01-02T03:04:05Z", "sequence": "7"} {
		if got, ok := ce.Attribute(name); !ok || string(got) != want {
			t.Errorf("Attribute(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
	all := map[string]string{}
	for name, attribute := range ce.Attributes() {
		all[name] = string(attribute)
	}
	want := map[string]string{
		"specversion": "1.0", "id": "a1", "source": "/services/orders", "type": "com.example.orders.OrderPlaced",
		"dataschema": "http://r/schemas/ids/7", "time": "2026-01-02T03:04:05Z", "sequence": "7",
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("Attributes (-want +got):\n%s", diff)
	}
	for _, name := range []string{"data", "nothing"} {
		if got, ok := ce.Attribute(name); ok {
			t.Errorf("Attribute(%q) = %q, want none", name, got)
		}
	}
}

func TestSplitCloudEventBase64(t *testing.T) {
	ce, err := validator.SplitCloudEvent([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data_base64":"eyJhIjoxfQ=="}`))
	if err != nil || string(ce.Data) != `{"a":1}` || ce.Offset != -1 {
		t.Errorf("SplitCloudEvent = %q at %d, %v, want the decoded data, nowhere", ce.Data, ce.Offset, err)
	}
}

func TestSplitCloudEventWithoutData(t *testing.T) {
	ce, err := validator.SplitCloudEvent([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}`))
	if err != nil || ce.Data != nil || ce.Offset != -1 {
		t.Errorf("SplitCloudEvent = %q at %d, %v, want no data", ce.Data, ce.Offset, err)
	}
}

func TestSplitCloudEventFaults(t *testing.T) {
	const good = `{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{}`
	for _, c := range []struct{ value, want string }{
		{``, "no JSON object"},
		{`[` + good + `}]`, "no JSON object"},
		{good, "not JSON"},
		{good + `}x`, "not JSON"},
		{good + `,}`, "not JSON"},
		{good + `,"id":"2"}`, "stands twice"},
		{good + `,"\u0069d":"2"}`, "stands twice"},
		{good + `,"ext":1,"ext":2}`, "stands twice"},
		{good + `,"data_base64":"e30="}`, "exclude each other"},
		{`{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data_base64":"%"}`, "data_base64 is not base64"},
		{`{"specversion":"1.0","id":1,"source":"/s","type":"a.b"}`, "id is not a string"},
		{`{"specversion":"1.0","id":null,"source":"/s","type":"a.b"}`, "id is not a string"},
		{`{"specversion":"1.0","id":"","source":"/s","type":"a.b"}`, "id is missing or empty"},
		{`{"specversion":"1.0","id":"1","source":"/s"}`, "type is missing or empty"},
		{`{"specversion":"1.0","id":"1","source":"/s","type":"a.b","dataschema":7}`, "dataschema is not a string"},
		{`{"id":"1","source":"/s","type":"a.b"}`, "specversion is missing or empty"},
		{`{"specversion":"1.0","id":"` + "\xff" + `","source":"/s","type":"a.b"}`, "id is not a string"},
	} {
		_, err := validator.SplitCloudEvent([]byte(c.value))
		if !errors.Is(err, validator.ErrCloudEvent) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("SplitCloudEvent(%s) = %v, want ErrCloudEvent with %q", c.value, err, c.want)
		}
	}
}
