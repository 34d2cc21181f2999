package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// emptyRegistry starts a registry on an empty store and returns its URL.
func emptyRegistry(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	role, err := openRegistry(ctx, registryOptions{store: "sqlite:" + filepath.Join(t.TempDir(), "accord.db"), log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(role.handler)
	done := make(chan struct{})
	go func() { defer close(done); role.registry.Run(ctx) }()
	t.Cleanup(func() { cancel(); server.Close(); <-done; role.close() })
	return server.URL
}

// accord runs a command line and demands an exit status.
func accord(t *testing.T, status int, args ...string) (out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	if got := run(t.Context(), args, streams{strings.NewReader(""), &o, &e}); got != status {
		t.Fatalf("accord %s ends with %d, want %d:\n%s%s", strings.Join(args, " "), got, status, o.String(), e.String())
	}
	return o.String(), e.String()
}

// ask sends a request and decodes its answer, whatever the status.
func ask(t *testing.T, method, at, body string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into == nil {
		if res.StatusCode/100 != 2 {
			t.Fatalf("%s %s: %s: %s", method, at, res.Status, text)
		}
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s %s: %v: %s", method, at, err, text)
	}
}

// listed is what GET /schemas shows of a registry, with the soft-deleted in order.
func listed(t *testing.T, at string) []map[string]any {
	t.Helper()
	var all, live []map[string]any
	ask(t, "GET", at+"/schemas?subjectPrefix=:*:&deleted=true", "", &all)
	ask(t, "GET", at+"/schemas?subjectPrefix=:*:", "", &live)
	for _, v := range all {
		v["live"] = slices.ContainsFunc(live, func(l map[string]any) bool { return l["subject"] == v["subject"] && l["version"] == v["version"] })
	}
	return all
}

func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(file, []byte(fakeLogin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestImportFromConfluentOverHTTP(t *testing.T) {
	fake, source := startFake(t,
		&fakeVersion{Subject: "orders", Version: 1, ID: 7, SchemaType: "JSON", Schema: `{"type":"object"}`, deleted: true},
		&fakeVersion{Subject: "orders", Version: 3, ID: 9, SchemaType: "JSON", Schema: `{"$ref":"a"}`, References: []map[string]any{{"name": "a", "subject": "address", "version": 1}}},
		&fakeVersion{Subject: "address", Version: 1, ID: 12, SchemaType: "JSON", Schema: `{"type":"object","title":"1.10"}`, Metadata: map[string]any{"properties": map[string]any{"owner": "x"}}},
		&fakeVersion{Subject: "avro", Version: 1, ID: 40, Schema: `"string"`},
		&fakeVersion{Subject: ":.team:s", Version: 1, ID: 7, SchemaType: "JSON", Schema: `true`},
	)
	fake.config[""] = map[string]any{"compatibility": "NONE"}
	fake.config["orders"] = map[string]any{"compatibility": "FULL", "compatibilityPolicy": "STRICT"}
	fake.mode["address"] = "READONLY"
	target := emptyRegistry(t)

	_, stderr := accord(t, exitFindings, "import", "confluent", source, "--registry", target)
	if !strings.Contains(stderr, "Unauthorized") {
		t.Errorf("without credentials: %s", stderr)
	}
	out, _ := accord(t, 0, "import", "confluent", source, "--registry", target, "--source-user-file", secretFile(t))
	for _, want := range []string{"5 versions (1 of them soft-deleted) of 4 subjects in 2 contexts", "avro version 1 (ID 40): AVRO", "Nothing was written"} {
		if !strings.Contains(out, want) {
			t.Errorf("losses lack %q:\n%s", want, out)
		}
	}
	if all := listed(t, target); len(all) != 0 {
		t.Errorf("without --yes there is %v", all)
	}
	t.Setenv("ACCORD_SOURCE_USER", fakeLogin)
	out, _ = accord(t, 0, "import", "confluent", source, "--registry", target, "--yes", "--verify")
	if !strings.Contains(out, "4 IDs are the same on both sides, 0 are not") {
		t.Errorf("verified:\n%s", out)
	}
	var got []string
	for _, v := range listed(t, target) {
		got = append(got, fmt.Sprintf("%v %v %v %v %v", v["subject"], v["version"], v["id"], v["live"], v["schema"]))
	}
	want := []string{
		`address 1 12 true {"type":"object","title":"1.10"}`, `orders 1 7 false {"type":"object"}`, `orders 3 9 true {"$ref":"a"}`, `:.team:s 1 7 true true`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("imported (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{
		"/config": "NONE", "/config/orders": "FULL", "/mode/address": "READONLY", "/mode/" + url.PathEscape(":.__GLOBAL:"): "READWRITE", "/config/address": "<nil>",
	} {
		var policy map[string]any
		ask(t, "GET", target+path, "", &policy)
		value := policy["mode"]
		if strings.HasPrefix(path, "/config") {
			value = policy["compatibilityLevel"]
		}
		if fmt.Sprint(value) != want {
			t.Errorf("GET %s = %v, want %s", path, policy, want)
		}
	}
	var registered map[string]any
	ask(t, "POST", target+"/subjects/new/versions", `{"schemaType":"JSON","schema":"{\"new\":1}"}`, &registered)
	if registered["id"] != float64(41) {
		t.Errorf("a new schema got %v, want the ID above Avro's, 41", registered)
	}
	if len(fake.log) != 0 {
		t.Errorf("the source was written to: %v", fake.log)
	}

	// What changes there afterwards is noticed.
	fake.versions[2].Schema = `{"type":"object","title":"1.1"}`
	_, stderr = accord(t, exitFindings, "import", "confluent", source, "--registry", target, "--verify")
	if !strings.Contains(stderr, "ID 12 of context .: other bytes") {
		t.Errorf("verified against another text: %s", stderr)
	}
}

func TestExportToConfluentAndBack(t *testing.T) {
	source := emptyRegistry(t)
	post := func(subject, schema, more string) {
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, "POST", source+"/subjects/"+subject+"/versions", `{"schemaType":"JSON","schema":`+string(text)+more+`}`, nil)
	}
	post("z.address", `{"type":"object","title":"address"}`, "")
	post("a.order", `{"type":"object","properties":{"to":{"$ref":"address"}}}`, `,"references":[{"name":"address","subject":"z.address","version":1}]`)
	post("gone", `{"type":"string"}`, "")
	post("gone", `{"type":["string","null"]}`, "")
	post(":.team:s", `{"const":1}`, "")
	ask(t, "DELETE", source+"/subjects/gone/versions/1", "", nil)
	ask(t, "PUT", source+"/config/a.order", `{"compatibility":"UPCASTABLE","compatibilityPolicy":"STRICT"}`, nil)
	ask(t, "PUT", source+"/config/gone", `{"compatibility":"FULL","compatibilityPolicy":"SEMANTIC"}`, nil)

	fake, target := startFake(t)
	t.Setenv("ACCORD_TARGET_USER", fakeLogin)
	out, stderr := accord(t, 0, "export", "confluent", "--registry", source, "--to", target)
	if !strings.Contains(out, "5 versions posted, 0 there already, 1 soft-deleted, 2 configurations set") {
		t.Errorf("exported:\n%s%s", out, stderr)
	}
	for _, want := range []string{"a.order: level UPCASTABLE becomes BACKWARD", "gone: policy SEMANTIC is not known there and left out"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
	var got []string
	for _, v := range fake.versions {
		got = append(got, fmt.Sprintf("%s %d %d %t", v.Subject, v.Version, v.ID, v.deleted))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{":.team:s 1 1 false", "a.order 1 2 false", "gone 1 3 true", "gone 2 4 false", "z.address 1 1 false"}, got); diff != "" {
		t.Errorf("the target holds (-want +got):\n%s", diff)
	}
	if fake.mode[""] != "READWRITE" || fake.mode[":.team:"] != "READWRITE" {
		t.Errorf("modes afterwards: %v", fake.mode)
	}
	if c := fake.config["a.order"]; c["compatibility"] != "BACKWARD" || c["compatibilityPolicy"] != "STRICT" {
		t.Errorf("configuration of a.order: %v", c)
	}

	// Back again: what left is what comes.
	t.Setenv("ACCORD_SOURCE_USER", fakeLogin)
	back := emptyRegistry(t)
	accord(t, 0, "import", "confluent", target, "--registry", back, "--yes", "--verify")
	if diff := cmp.Diff(listed(t, source), listed(t, back)); diff != "" {
		t.Errorf("there and back (-want +got):\n%s", diff)
	}

	// To another accord it goes the same way; again there is nothing to do once IMPORT is set.
	other := emptyRegistry(t)
	t.Setenv("ACCORD_TARGET_USER", "")
	accord(t, 0, "export", "confluent", "--registry", source, "--to", other, "--verify")
	if diff := cmp.Diff(listed(t, source), listed(t, other)); diff != "" {
		t.Errorf("to another accord (-want +got):\n%s", diff)
	}
	_, stderr = accord(t, exitFindings, "export", "confluent", "--registry", source, "--to", other)
	if !strings.Contains(stderr, "it is not empty: set mode IMPORT there") {
		t.Errorf("over what is there: %s", stderr)
	}
	ask(t, "PUT", other+"/mode?force=true", `{"mode":"IMPORT"}`, nil)
	ask(t, "PUT", other+"/mode/:.team:?force=true", `{"mode":"IMPORT"}`, nil)
	out, _ = accord(t, 0, "export", "confluent", "--registry", source, "--to", other)
	if !strings.Contains(out, "0 versions posted, 5 there already, 0 soft-deleted") {
		t.Errorf("again:\n%s", out)
	}
	accord(t, exitUsage, "export", "confluent", "--registry", source)
}

func TestImportByRegistrationKeepsWhatDoesNotCompile(t *testing.T) {
	at := emptyRegistry(t)
	ask(t, "PUT", at+"/mode", `{"mode":"IMPORT"}`, nil)
	for i, schema := range []string{`{\"type\":7}`, `[ 1 ]`, `{\"$ref\":\"http://127.0.0.1:1/x\"}`, `{\"a\":1,\"a\":2}`} {
		body := fmt.Sprintf(`{"schemaType":"JSON","schema":"%s","id":%d,"version":%d}`, schema, 10+i, 2+i)
		for range 2 { // the same again is the same
			var answer map[string]any
			ask(t, "POST", at+"/subjects/s/versions", body, &answer)
			if answer["id"] != float64(10+i) {
				t.Errorf("POST of %s = %v", schema, answer)
			}
		}
		var got map[string]any
		ask(t, "GET", fmt.Sprintf("%s/subjects/s/versions/%d", at, 2+i), "", &got)
		var want string
		if err := json.Unmarshal([]byte(`"`+schema+`"`), &want); err != nil || got["schema"] != want {
			t.Errorf("version %d is %v, want the text %s", 2+i, got, want)
		}
	}
	var refused map[string]any
	ask(t, "POST", at+"/subjects/s/versions", `{"schemaType":"JSON","schema":"","id":90,"version":90}`, &refused)
	if refused["error_code"] != float64(42201) {
		t.Errorf("POST of nothing = %v", refused)
	}
	// History may refer to what was deleted since.
	ask(t, "POST", at+"/subjects/old/versions", `{"schemaType":"JSON","schema":"true","id":20,"version":1}`, nil)
	ask(t, "DELETE", at+"/subjects/old/versions/1", "", nil)
	ask(t, "POST", at+"/subjects/ref/versions", `{"schemaType":"JSON","schema":"{\"$ref\":\"o\"}","references":[{"name":"o","subject":"old","version":1}],"id":21,"version":1}`, nil)
}

// process is a registry that runs on its own, so that it can be killed.
type process struct {
	url string
	cmd *exec.Cmd
}

func startProcess(t *testing.T, store string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	address := freeRun(t)
	p := &process{url: "http://" + address, cmd: &exec.Cmd{Path: program, Args: []string{"accord", "serve", "--listen", address, "--store", store}, Dir: t.TempDir()}}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	until(t, "the registry is ready", func() bool {
		res, err := http.Get(p.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == 200
	})
	return p
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("after a minute: %s is not so", what)
}

func TestImportKilledHalfWayIsFinishedByDoingItAgain(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { killHalfWay(t, "sqlite:"+filepath.Join(t.TempDir(), "accord.db")) })
	t.Run("PostgreSQL", func(t *testing.T) { killHalfWay(t, sharedDatabase(t)) })
}

// killHalfWay kills the registry in the middle of an import, and demands that the same import, done again, leaves what one
// that went through leaves.
func killHalfWay(t *testing.T, store string) {
	t.Helper()
	const subjects = 600
	var topic strings.Builder
	for i := range subjects {
		for v := 1; v <= 3; v++ {
			fmt.Fprintf(&topic, `{"keytype":"SCHEMA","subject":"s%04d","version":%d,"magic":1}`+"\t"+`{"subject":"s%04d","version":%d,"id":%d,"schemaType":"JSON","schema":"{\"title\":\"%d.%d\"}","deleted":%t,"ts":1700000000000}`+"\n",
				i, v, i, v, 10*i+v, i, v, v == 2)
		}
	}
	file := filepath.Join(t.TempDir(), "topic.txt")
	if err := os.WriteFile(file, []byte(topic.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	first := startProcess(t, store)
	ended := make(chan int, 1)
	go func() {
		ended <- run(context.Background(), []string{"import", "confluent", file, "--registry", first.url, "--yes"}, streams{strings.NewReader(""), io.Discard, io.Discard})
	}()
	until(t, "a part is imported", func() bool {
		var names []string
		ask(t, "GET", first.url+"/subjects", "", &names)
		return len(names) > 20
	})
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.cmd.Wait()
	if status := <-ended; status != exitUnavailable {
		t.Fatalf("an import into a registry that was killed ends with %d, want %d", status, exitUnavailable)
	}

	again := startProcess(t, store)
	var there []string
	ask(t, "GET", again.url+"/subjects", "", &there)
	if len(there) == 0 || len(there) == subjects {
		t.Fatalf("%d subjects are there after the kill: it was not half-way", len(there))
	}
	for _, name := range there { // a subject is there whole or not at all
		var numbers []int
		ask(t, "GET", again.url+"/subjects/"+name+"/versions?deleted=true", "", &numbers)
		if len(numbers) != 3 {
			t.Errorf("%s holds %v after the kill", name, numbers)
		}
	}
	out, _ := accord(t, 0, "import", "confluent", file, "--registry", again.url, "--yes", "--verify")
	if !strings.Contains(out, fmt.Sprintf("%d created, %d there already", 3*(subjects-len(there)), 3*len(there))) || !strings.Contains(out, "1800 IDs are the same on both sides, 0 are not") {
		t.Errorf("after the kill with %d subjects: %s", len(there), out)
	}
	whole := emptyRegistry(t)
	accord(t, 0, "import", "confluent", file, "--registry", whole, "--yes")
	if diff := cmp.Diff(listed(t, whole), listed(t, again.url)); diff != "" {
		t.Errorf("after the kill and doing it again (-want +got):\n%s", diff)
	}
	var mode map[string]string
	if ask(t, "GET", again.url+"/mode", "", &mode); mode["mode"] != "READWRITE" {
		t.Errorf("mode afterwards: %v", mode)
	}
}
