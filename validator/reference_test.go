package validator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/validator"
)

// headers are a record's headers as name, value pairs in order; "\x00null" stands for a null value.
type headers []string

func (h headers) Last(name string) ([]byte, bool) {
	for i := len(h) - 2; i >= 0; i -= 2 {
		if h[i] == name {
			if h[i+1] == "\x00null" {
				return nil, true
			}
			return []byte(h[i+1]), true
		}
	}
	return nil, false
}

func TestFind(t *testing.T) {
	const structured = `{"specversion":"1.0","id":"1","source":"/s","type":"com.example.orders.OrderPlaced","data":{"a":1}}`
	id7, guid := string(validator.AppendID(nil, 7)), string(validator.AppendGUID(nil, someGUID))
	type want struct {
		Ref     validator.Ref
		How     string
		Payload string
		Offset  int
		Type    string
	}
	for _, c := range []struct {
		name    string
		value   string
		headers headers
		want    want
	}{
		{"nothing", `{}`, nil, want{How: "none", Payload: `{}`}},
		{"empty value", ``, nil, want{How: "none"}},
		{"header with guid", `{}`, headers{"__value_schema_id", guid}, want{Ref: validator.Ref{GUID: someGUID}, How: "header", Payload: `{}`}},
		{"header with id", `{}`, headers{"__value_schema_id", id7}, want{Ref: validator.Ref{ID: 7}, How: "header", Payload: `{}`}},
		{"last header counts", `{}`, headers{"__value_schema_id", guid, "__value_schema_id", id7}, want{Ref: validator.Ref{ID: 7}, How: "header", Payload: `{}`}},
		{"null header is absent", id7 + `{}`, headers{"__value_schema_id", "\x00null"}, want{Ref: validator.Ref{ID: 7}, How: "prefix", Payload: `{}`, Offset: 5}},
		{"key's header is not the value's", `{}`, headers{"__key_schema_id", id7}, want{How: "none", Payload: `{}`}},
		{"prefix with guid", guid + `{}`, nil, want{Ref: validator.Ref{GUID: someGUID}, How: "prefix", Payload: `{}`, Offset: 17}},
		{"header wins, prefix is cut off", id7 + `{}`, headers{"__value_schema_id", guid}, want{Ref: validator.Ref{GUID: someGUID}, How: "header", Payload: `{}`, Offset: 5}},
		{
			"prefix beats dataschema and type", id7 + `{}`,
			headers{"ce_dataschema", "/orders.X/2", "ce_type", "a.b"},
			want{Ref: validator.Ref{ID: 7}, How: "prefix", Payload: `{}`, Offset: 5, Type: "a.b"},
		},
		{
			"dataschema beats type", `{}`,
			headers{"ce_type", "com.example.orders.OrderPlaced", "ce_dataschema", "http://r/schemas/ids/9"},
			want{Ref: validator.Ref{ID: 9}, How: "dataschema", Payload: `{}`, Type: "com.example.orders.OrderPlaced"},
		},
		{
			"a dataschema that is no reference leaves the type", `{}`,
			headers{"ce_type", "com.example.orders.OrderPlaced", "ce_dataschema", "urn:x"},
			want{Ref: validator.Ref{Subject: "orders.OrderPlaced"}, How: "type", Payload: `{}`, Type: "com.example.orders.OrderPlaced"},
		},
		{
			"structured", structured,
			headers{"content-type", "Application/CloudEvents+JSON; charset=utf-8", "ce_type", "not.looked.at"},
			want{Ref: validator.Ref{Subject: "orders.OrderPlaced"}, How: "type", Payload: `{"a":1}`, Offset: 91, Type: "com.example.orders.OrderPlaced"},
		},
		{
			"structured behind a header", structured,
			headers{"content-type", "application/cloudevents+json", "__value_schema_id", id7},
			want{Ref: validator.Ref{ID: 7}, How: "header", Payload: `{"a":1}`, Offset: 91, Type: "com.example.orders.OrderPlaced"},
		},
		{
			"structured behind a prefix", id7 + structured,
			headers{"content-type", "application/cloudevents+json"},
			want{Ref: validator.Ref{ID: 7}, How: "prefix", Payload: `{"a":1}`, Offset: 96, Type: "com.example.orders.OrderPlaced"},
		},
	} {
		f, err := validator.Find([]byte(c.value), c.headers, false)
		if err != nil {
			t.Errorf("%s: Find = %v", c.name, err)
			continue
		}
		got := want{f.Ref, f.How.String(), string(f.Payload), f.Offset, string(f.Type)}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: Find (-want +got):\n%s", c.name, diff)
		}
		if len(f.Payload) > 0 && c.value[f.Offset:f.Offset+len(f.Payload)] != string(f.Payload) {
			t.Errorf("%s: Offset %d is not where the payload stands", c.name, f.Offset)
		}
	}
}

func TestFindKey(t *testing.T) {
	id7 := string(validator.AppendID(nil, 7))
	f, err := validator.Find([]byte(`"k"`), headers{"__key_schema_id", id7, "__value_schema_id", "broken"}, true)
	if err != nil || f.Ref.ID != 7 || f.How != validator.ByHeader {
		t.Errorf("Find(key) = %+v, %v, want id 7 by header", f, err)
	}
	f, err = validator.Find([]byte(`"k"`), headers{"ce_type", "com.example.orders.OrderPlaced", "content-type", "application/cloudevents+json"}, true)
	if err != nil || f.How != validator.NoReference || f.Type != nil {
		t.Errorf("Find(key) = %+v, %v, want no reference: CloudEvents attributes speak of the value", f, err)
	}
}

func TestFindFaults(t *testing.T) {
	for _, c := range []struct {
		name, value string
		headers     headers
		want        error
	}{
		{"header broken", `{}`, headers{"__value_schema_id", "\x00\x00"}, validator.ErrFrame},
		{"header empty", `{}`, headers{"__value_schema_id", ""}, validator.ErrFrame},
		{"header is text", `{}`, headers{"__value_schema_id", "7"}, validator.ErrFrame},
		{"prefix broken", "\x00\x00", nil, validator.ErrFrame},
		{"prefix broken behind a good header", "\x00\x00", headers{"__value_schema_id", "\x00\x00\x00\x00\x07"}, validator.ErrFrame},
		{"structured in name only", `{"a":1}`, headers{"content-type", "application/cloudevents+json"}, validator.ErrCloudEvent},
	} {
		if f, err := validator.Find([]byte(c.value), c.headers, false); !errors.Is(err, c.want) {
			t.Errorf("%s: Find = %+v, %v, want %v", c.name, f, err, c.want)
		}
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	var h validator.Headers = one{name: "__value_schema_id", value: validator.AppendGUID(nil, someGUID)}
	value := []byte(`{"a":1}`)
	if n := testing.AllocsPerRun(100, func() { _, _ = validator.Find(value, h, false) }); n != 0 {
		t.Errorf("Find by header allocates %v times, want 0", n)
	}
	value = append(validator.AppendID(nil, 7), value...)
	h = one{}
	if n := testing.AllocsPerRun(100, func() { _, _ = validator.Find(value, h, false) }); n != 0 {
		t.Errorf("Find by prefix allocates %v times, want 0", n)
	}
}

// one is a record with at most one header.
type one struct {
	name  string
	value []byte
}

func (o one) Last(name string) ([]byte, bool) { return o.value, o.name == name }

func TestParseDataSchema(t *testing.T) {
	for _, c := range []struct {
		uri  string
		want validator.Ref
		ok   bool
	}{
		{"http://registry:8081/schemas/guids/" + someGUID.String(), validator.Ref{GUID: someGUID}, true},
		{"/schemas/ids/7", validator.Ref{ID: 7}, true},
		{"https://r/base/path/schemas/ids/7?x=/a/1#f", validator.Ref{ID: 7}, true},
		{"https://r/contexts/.eu/schemas/ids/7", validator.Ref{Context: ".eu", ID: 7}, true},
		{"https://r/contexts/./schemas/ids/7/", validator.Ref{ID: 7}, true},
		{"https://r/subjects/orders.OrderPlaced/versions/3", validator.Ref{Subject: "orders.OrderPlaced", Version: 3}, true},
		{"https://r/subjects/a%2Fb/versions/latest", validator.Ref{Subject: "a/b"}, true},
		{"https://r/contexts/.eu/subjects/s/versions/3", validator.Ref{Subject: ":.eu:s", Version: 3}, true},
		{"https://schemas.example.com/orders.OrderPlaced/3", validator.Ref{Subject: "orders.OrderPlaced", Version: 3}, true},
		{"orders.OrderPlaced/3", validator.Ref{Subject: "orders.OrderPlaced", Version: 3}, true},
		{"", validator.Ref{}, false},
		{"https://schemas.example.com/3", validator.Ref{}, false},
		{"https://schemas.example.com", validator.Ref{}, false},
		{"https://r/orders.OrderPlaced/0", validator.Ref{}, false},
		{"https://r/orders.OrderPlaced/03", validator.Ref{}, false},
		{"https://r/orders.OrderPlaced/2147483648", validator.Ref{}, false},
		{"https://r/orders.OrderPlaced/v3", validator.Ref{}, false},
		{"https://r/schemas/ids/x", validator.Ref{}, false},
		{"https://r/schemas/guids/7", validator.Ref{}, false},
		{"https://r/subjects/s/versions/newest", validator.Ref{}, false},
		{"https://r/subjects/%zz/versions/3", validator.Ref{}, false},
		{"file:///etc/passwd", validator.Ref{}, false},
		{"/" + strings.Repeat("a", 4096) + "/1", validator.Ref{}, false},
	} {
		if got, ok := validator.ParseDataSchema([]byte(c.uri)); got != c.want || ok != c.ok {
			t.Errorf("ParseDataSchema(%.60q) = %v, %v, want %v, %v", c.uri, got, ok, c.want, c.ok)
		}
	}
}

func TestTypeSubject(t *testing.T) {
	for typ, want := range map[string]string{
		"com.example.orders.OrderPlaced": "orders.OrderPlaced",
		"orders.OrderPlaced":             "orders.OrderPlaced",
		"OrderPlaced":                    "",
		"":                               "",
		".OrderPlaced":                   "",
		"orders.":                        "",
		"a..b":                           "",
	} {
		if got := validator.TypeSubject([]byte(typ)); string(got) != want {
			t.Errorf("TypeSubject(%q) = %q, want %q", typ, got, want)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("{}"), "__value_schema_id", []byte("\x00\x00\x00\x00\x07"))
	f.Add([]byte("\x00\x00\x00\x00\x07{}"), "ce_type", []byte("a.b.c"))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":[1]}`), "content-type", []byte("application/cloudevents+json"))
	f.Add([]byte(`{}`), "ce_dataschema", []byte("http://r/subjects/s/versions/3"))
	f.Fuzz(func(t *testing.T, value []byte, name string, header []byte) {
		found, err := validator.Find(value, one{name, header}, false)
		if err != nil {
			if !errors.Is(err, validator.ErrFrame) && !errors.Is(err, validator.ErrCloudEvent) {
				t.Fatalf("Find(%q) = %v, want ErrFrame or ErrCloudEvent", value, err)
			}
			return
		}
		if (found.How == validator.NoReference) != found.Ref.IsZero() {
			t.Fatalf("Find(%q) = %v by %v", value, found.Ref, found.How)
		}
		if found.Offset >= 0 && string(value[found.Offset:found.Offset+len(found.Payload)]) != string(found.Payload) {
			t.Fatalf("Find(%q): payload %q does not stand at %d", value, found.Payload, found.Offset)
		}
	})
}
