package catalog_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
)

// topic are records of every kind, in the forms that dumps have.
const topic = `{"keytype":"NOOP","magic":0}	null
{"keytype":"CONFIG","subject":null,"magic":0} {"compatibilityLevel":"full","compatibilityPolicy":"strict"}
{"keytype":"MODE","subject":":.x:","magic":0}	{"mode":"readonly"}
{"keytype":"SCHEMA","subject":"a","version":2,"magic":0}	{"id":7,"schemaType":"JSON","schema":"true","ts":1700000000123}
{"keytype":"SCHEMA","subject":"a","version":3,"magic":1}	{"id":8,"schemaType":"JSON","schema":"{\"$ref\":\"n\"}","references":[{"name":"n","subject":":.x:b","version":1}],"guid":"00000000-0000-0000-0000-0000000000AA"}
{"key":{"keytype":"SCHEMA","subject":":.x:b","version":1,"magic":1},"value":{"id":1,"schemaType":"JSON","schema":"{}"}}
{"topic":"_schemas","key":"{\"keytype\":\"SCHEMA\",\"subject\":\"c\",\"version\":1,\"magic\":1}","payload":"{\"id\":99,\"schema\":\"\\\"string\\\"\"}"}
{"keytype":"SCHEMA","subject":"d","version":1,"magic":1}	{"id":100,"schemaType":"JSON","schema":"true","deleted":true}
{"keytype":"SCHEMA","subject":"d","version":1,"magic":1}
{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}	{"subject":"a","version":2}
{"keytype":"CLEAR_SUBJECT","subject":"none","magic":0}	{"subject":"none"}
{"keytype":"CONTEXT","tenant":"default","context":".x","magic":0}	{"context":".x"}
`

func readTopic(t *testing.T, text string) *catalog.Foreign {
	t.Helper()
	f := &catalog.Foreign{}
	if err := f.ReadTopic(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestForeignIsWhatItsRecordsSay(t *testing.T) {
	f := readTopic(t, topic)
	var got []string
	for _, name := range f.Subjects() {
		for _, v := range f.Versions(name) {
			state := "live"
			if v.Deleted {
				state = "deleted"
			}
			got = append(got, strings.Join([]string{name.String(), v.Kind(), v.Text, state}, " "))
		}
	}
	want := []string{"a JSON true deleted", `a JSON {"$ref":"n"} live`, `c AVRO "string" live`, ":.x:b JSON {} live"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	policies := map[catalog.Scope]catalog.Policy{
		{}:              {Config: catalog.Config{Compatibility: catalog.Full, CompatibilityPolicy: "STRICT"}},
		{Context: ".x"}: {Mode: catalog.ReadOnlyMode},
	}
	if diff := cmp.Diff(policies, f.Policies()); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}

	// What is dumped is what an import makes of it, and what is exported again.
	var dump bytes.Buffer
	if err := f.Dump(t.Context(), &dump); err != nil {
		t.Fatal(err)
	}
	r := newRegistry(t)
	openFor(t, r)
	done := imports(t, r, dump.String())
	if done.Created != 5 || len(done.Broken) != 0 {
		t.Errorf("Import = %+v, want 3 versions and 2 policies", done)
	}
	next := register(t, r, subject("new"), catalog.Registration{Text: `{"new":1}`, ID: 101})
	if next.Schema.ID != 101 {
		t.Errorf("ID above all that were there = %d", next.Schema.ID)
	}
	if s, err := r.SchemaByGUID(t.Context(), "00000000-0000-0000-0000-0000000000aa"); err != nil || s.ID != 8 {
		t.Errorf("by the GUID that came along: %+v, %v", s, err)
	}
	if v, err := r.Version(t.Context(), subject("a"), 2, catalog.WithDeleted); err != nil || v.At.UnixMilli() != 1700000000123 {
		t.Errorf("version 2 of a = %+v, %v, want the time of its record", v, err)
	}
	again := &catalog.Foreign{}
	if err := again.ReadDump(strings.NewReader(export(t, r, catalog.ExportQuery{Prefix: "a"}))); err != nil {
		t.Fatal(err)
	}
	if v := again.Version(subject("a"), 3); v == nil || v.Text != `{"$ref":"n"}` || len(again.Versions(subject("a"))) != 2 {
		t.Errorf("read from a dump: %+v", v)
	}
}

func TestForeignGoesIntoAContext(t *testing.T) {
	f := &catalog.Foreign{Into: ".old"}
	if err := f.ReadTopic(strings.NewReader(topic)); err != nil {
		t.Fatal(err)
	}
	old := catalog.Name{Context: ".old", Subject: "a"}
	if f.Version(old, 3) == nil || f.Version(catalog.Name{Context: ".x", Subject: "b"}, 1) == nil || f.Policies()[catalog.Scope{Context: ".old"}].Config.Compatibility != catalog.Full {
		t.Errorf("subjects %v, policies %v", f.Subjects(), f.Policies())
	}
}

func TestForeignRefusesWhatIsNoRecord(t *testing.T) {
	for text, want := range map[string]string{
		"oops":                         "line 1: no key",
		"\n\n[1] null":                 "line 3: no key",
		`{"keytype":"SCHEMA"} oops`:    "line 1: the value is not JSON",
		`{"key":{},"value":null} null`: "line 1: text behind the record",
		`{"keytype":"SCHEMA","subject":"a","version":0} {"id":1}`:  "version 0 with ID 1 is none",
		`{"keytype":"SCHEMA","subject":"a","version":1} {"id":-1}`: "version 1 with ID -1 is none",
		`{"keytype":"SCHEMA","subject":":x","version":1} {"id":1}`: "not a subject name",
		strings.Repeat("x", catalog.MaxLineBytes+1):                "longer than MaxLineBytes",
	} {
		if err := new(catalog.Foreign).ReadTopic(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadTopic(%.60q) = %v, want %q", text, err, want)
		}
	}
}

// FuzzReadTopic: whatever a dump of the topic says, what is made of it is a dump that can be imported, or an error.
func FuzzReadTopic(f *testing.F) {
	for line := range strings.Lines(topic) {
		f.Add(line)
	}
	f.Add(topic)
	f.Fuzz(func(t *testing.T, text string) {
		foreign := &catalog.Foreign{}
		if foreign.ReadTopic(strings.NewReader(text)) != nil {
			return
		}
		var dump bytes.Buffer
		if err := foreign.Dump(t.Context(), &dump); err != nil {
			t.Fatal(err)
		}
		if err := new(catalog.Foreign).ReadDump(bytes.NewReader(dump.Bytes())); err != nil && len(foreign.Subjects()) == 0 && len(foreign.Policies()) == 0 {
			t.Errorf("an empty dump is refused: %v", err)
		}
	})
}

// FuzzReadDump: what is no dump is refused, without panic.
func FuzzReadDump(f *testing.F) {
	f.Add(sealed(dumpHead, `{"subject":{"context":".","name":"good","head":1}}`, `{"schema":{"id":1,"text":"true"}}`, `{"version":{"number":1,"id":1,"state":"live"}}`))
	f.Add(sealed(dumpHead, `{"policy":{"context":".","subject":"s","config":{"compatibility":"FULL"},"mode":"READONLY"}}`))
	f.Add(dumpHead)
	f.Fuzz(func(t *testing.T, text string) {
		read := strings.NewReader(text)
		_ = new(catalog.Foreign).ReadDump(read)
		if body, _, sealedAlready := strings.Cut(text, `{"end":`); sealedAlready {
			_ = new(catalog.Foreign).ReadDump(io.NewSectionReader(strings.NewReader(sealed(strings.Split(strings.TrimSuffix(body, "\n"), "\n")...)), 0, 1<<20))
		}
	})
}
