package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// An operation is one row of the OpenAPI document, as a stranger reads it who wants to do harm.
type operation struct {
	method, path string
	parameters   []parameter
	body         json.RawMessage // example, nil = it takes none
	media        string          // of the body
	answers      map[string]*jsonschema.Schema
}

type parameter struct {
	name, in, example string
}

// operations reads all of them.
func operations(t testing.TB) []operation {
	t.Helper()
	text := document(t)
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	if err := compiler.AddResource("openapi.json", bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace
	var all []operation
	for path, item := range doc.Paths {
		for method, op := range item {
			o := operation{method: strings.ToUpper(method), path: path, answers: map[string]*jsonschema.Schema{}}
			for _, p := range op.Parameters {
				example := ""
				if p.Example != nil {
					example = fmt.Sprint(p.Example)
				}
				o.parameters = append(o.parameters, parameter{p.Name, p.In, example})
			}
			if op.RequestBody != nil {
				for kind, m := range op.RequestBody.Content {
					o.media, o.body = kind, bytes.ReplaceAll(m.Example, []byte(`"version":3`), []byte(`"version":1`)) // which is there
				}
			}
			for status, r := range op.Responses {
				for kind := range r.Content {
					at := "openapi.json#/paths/" + escape(path) + "/" + method + "/responses/" + status + "/content/" + escape(kind) + "/schema"
					schema, err := compiler.Compile(at)
					if err != nil {
						t.Fatal(err)
					}
					o.answers[status] = schema
				}
			}
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// request builds a request of an operation, with its examples where set says nothing. A value is put into the raw path
// or query as it is; a path parameter that is "" leaves its segment empty.
func (o operation) request(set map[string]string, media string, body []byte) *http.Request {
	path, query, header := o.path, []string{}, http.Header{}
	for _, p := range o.parameters {
		value, given := set[p.name]
		switch {
		case p.in == "path" && !given:
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(seeded(p)))
		case p.in == "path":
			path = strings.ReplaceAll(path, "{"+p.name+"}", value)
		case p.in == "header" && given:
			header.Set(p.name, strings.Map(printable, value))
		case p.in == "query" && given:
			query = append(query, p.name+"="+value)
		}
	}
	r := httptest.NewRequest(o.method, "/", bytes.NewReader(body))
	r.URL = &url.URL{Path: path, RawPath: path, RawQuery: strings.Join(query, "&")}
	if decoded, err := url.PathUnescape(path); err == nil {
		r.URL.Path = decoded
	}
	r.Header = header
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return r
}

// printable leaves out what net/http would not let into a header.
func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// seeded is the value of a parameter that names something that is there.
func seeded(p parameter) string {
	switch p.name {
	case "subject":
		return "orders.OrderPlaced"
	case "version", "id":
		return "1"
	case "context":
		return ".team"
	}
	return p.example
}

// values are what nobody in his right mind sends, encoded as a path or query spells them.
var values = []string{
	"", "x", "0", "-1", "-2", "1.5", "1e3", "+1", "%20", "2147483647", "2147483648", "-2147483649", "99999999999999999999999", "NaN", "true", "null", "[]", "%7B%7D",
	"latest", "LATEST%20", "%C3%A9", "%F0%9D%84%9E", "%E2%80%AE", "%00", "a%00b", "%FF", "%C0%AF", "%ED%A0%80", "%0A", "%0D%0AX-Evil:1", "%25", "%2525", "%2F", "..%2F..%2Fetc%2Fpasswd",
	".", "..", "%2e%2e", "a%2Fb", ":", "::", ":x", ":.x", ":.x:", ":.x:y", ":.:y", ":*:", ":*:%00", ":.__GLOBAL:", ":.__GLOBAL:x", "__GLOBAL", "__EMPTY", ".x:y",
	"'%3B--", "%22", "%3Cscript%3E", "$%7Bjndi%7D", "%25s%25n", "2026-01-02T15:04:05Z", "5m", "-5m", "00000000-0000-0000-0000-000000000000",
	strings.Repeat("a", 1024), strings.Repeat("a", 1025), strings.Repeat("%C3%A9", 3000), strings.Repeat("9", 5000),
}

// badBodies are bodies of no operation.
func badBodies() map[string][]byte {
	return map[string][]byte{
		"nothing": nil, "null": []byte("null"), "list": []byte("[]"), "number": []byte("1"), "text": []byte(`"x"`), "cut": []byte(`{"a":`), "words": []byte("hello"),
		"two": []byte("{}{}"), "bytes": {0, 1, 2, 0xff}, "mark": []byte("\xef\xbb\xbf{}"), "utf16": []byte("{\x00}\x00"), "surrogate": []byte(`{"schema":"\ud800"}`), "latin": []byte("{\"schema\":\"\xe9\"}"),
		"deep list": []byte(strings.Repeat("[", 10_000)), "deep object": []byte(strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)),
		"huge": bytes.Repeat([]byte(" "), 5<<20), "huge text": []byte(`{"schema":"` + strings.Repeat("a", 5<<20) + `"}`), "empty": []byte("{}"),
	}
}

// mutants are an example with one member other than it should be, at any depth.
func mutants(example json.RawMessage) map[string][]byte {
	out := map[string][]byte{}
	wrong := map[string]any{
		"null": nil, "true": true, "number": 1, "negative": -1, "large": json.Number("1e999"), "text": "x", "empty": "", "nul": "a\x00b", "name": ":.x:", "list": []any{},
		"list of null": []any{nil}, "list of lists": []any{[]any{}}, "object": map[string]any{}, "object of null": map[string]any{"a": nil}, "long": strings.Repeat("a", 100_000),
		"deep": json.RawMessage(strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000)), "deep text": strings.Repeat("[", 5_000), "schema": `{"$ref":"file:///etc/passwd"}`,
	}
	var root any
	if json.Unmarshal(example, &root) != nil {
		return out
	}
	write := func(name string) {
		if b, err := json.Marshal(root); err == nil {
			out[name] = b
		}
	}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, was := range v {
				delete(v, k)
				write(at + "/" + k + " missing")
				for name, other := range wrong {
					v[k] = other
					write(at + "/" + k + " " + name)
				}
				v[k] = was
				walk(at+"/"+k, was)
			}
		case []any:
			for i, was := range v {
				for name, other := range wrong {
					v[i] = other
					write(fmt.Sprintf("%s/%d %s", at, i, name))
				}
				v[i] = was
				walk(fmt.Sprintf("%s/%d", at, i), was)
			}
		}
	}
	walk("", root)
	return out
}

// A target is an API that is treated badly, and what must hold of it whatever comes.
type target struct {
	handler  http.Handler
	store    catalog.Store
	secrets  []string // what no answer may hold
	revision catalog.Rev
}

func newTarget(t testing.TB, store catalog.Store, secrets ...string) *target {
	t.Helper()
	c := api.Config{Registry: catalog.New(store, catalog.Options{Log: quiet}), Log: quiet, Metrics: prometheus.NewRegistry()}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	x := &target{handler: api.New(c).Handler(), store: store, secrets: append(secrets, here, os.TempDir(), "SQL", "sqlite", "pgx", "goroutine", ".go:", "root:x:")}
	x.seed(t)
	return x
}

// seed puts back what requests may ask about.
func (x *target) seed(t testing.TB) {
	t.Helper()
	schema := `{"schemaType":"JSON","schema":"{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},\"required\":[\"order_id\"]}"}`
	for _, s := range [][3]string{
		{"DELETE", "/mode?recursive=true", ""},
		{"DELETE", "/mode/:.__GLOBAL:?recursive=true", ""},
		{"PUT", "/config/orders.OrderPlaced", `{"compatibility":"NONE","alias":null,"normalize":null,"defaultMetadata":null}`},
		{"PUT", "/config", `{"compatibility":"BACKWARD"}`},
		{"POST", "/subjects/orders.OrderPlaced/versions", schema},
		{"POST", "/contexts/.team/subjects/orders.OrderPlaced/versions", schema},
	} {
		if status, body, _ := ask(x.handler, s[0], s[1], s[2]); status != 200 {
			t.Fatalf("seed %s %s = %d %s", s[0], s[1], status, body)
		}
	}
	var err error
	if x.revision, err = x.store.Revision(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// slowest is how long an answer may take: JudgeBudget for the judgement, and thrice that for a busy machine.
const slowest = 4 * catalog.JudgeBudget

// strike sends a request and demands what must hold. It says whether anything changed.
func (x *target) strike(t *testing.T, what string, o *operation, r *http.Request) (changed bool) {
	t.Helper()
	before, began := x.revision, time.Now()
	w := httptest.NewRecorder()
	x.handler.ServeHTTP(w, r)
	took := time.Since(began)
	after, err := x.store.Revision(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	x.revision = after
	body := w.Body.String()
	shown := body[:min(len(body), 400)]
	complain := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s, %s %.300s: "+format+"\n%d %s", append(append([]any{what, r.Method, r.URL.String()}, args...), w.Code, shown)...)
	}
	if w.Code < 200 || w.Code >= 500 {
		complain("status")
	}
	if took > slowest {
		complain("took %v", took)
	}
	refused := w.Code >= 400
	if before != after && (refused || r.Method == http.MethodGet) {
		complain("changed the store from revision %d to %d", before, after)
	}
	for _, secret := range x.secrets {
		if strings.Contains(body, secret) && !strings.Contains(r.URL.String(), secret) {
			complain("tells %q", secret)
		}
	}
	kind := w.Header().Get("Content-Type")
	if body == "" || !strings.Contains(kind, "json") || strings.Contains(kind, "ndjson") {
		return before != after
	}
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		if o == nil || o.answers["200"] == nil || !strings.HasSuffix(r.URL.Path, "/schema") {
			complain("is no JSON: %v", err)
		}
		return before != after
	}
	if refused {
		x.envelope(complain, w.Code, v)
		return before != after
	}
	if !strings.Contains(r.URL.EscapedPath()+"/", "//") { // what has an empty segment is another route's
		if schema := o.answers[fmt.Sprint(w.Code)]; schema != nil && !strings.HasSuffix(o.path, "/schema") {
			if err := schema.Validate(v); err != nil { // also null where a list is promised
				complain("is not what the document promises: %v", err)
			}
		}
	}
	return before != after
}

// envelope demands one of the two forms of an error.
func (x *target) envelope(complain func(string, ...any), status int, v any) {
	o, _ := v.(map[string]any)
	code, _ := o["error_code"].(float64)
	words, _ := o["message"].(string)
	if detail, ok := o["detail"].(string); ok {
		words = detail
	}
	for code >= 1000 {
		code = float64(int(code) / 10)
	}
	if int(code) != status || words == "" {
		complain("is no envelope of an error")
	}
}

// Each endpoint of the document: each parameter missing, of the wrong type, huge, foreign, oddly encoded; each body
// cut, deep, huge, of the wrong kind, and with each member other than it should be.
func TestBadInput(t *testing.T) {
	all := operations(t)
	// Of all that is thought of, every so many-th is sent in a test: each store gets thousands, make fuzz sends the rest.
	every := map[string]int{"sqlite": 2, "postgres": 3}
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			x := newTarget(t, b.open(t))
			struck, thought := 0, 0
			strike := func(what string, o *operation, r *http.Request) {
				if thought++; thought%every[b.name] != 0 {
					return
				}
				struck++
				if strings.Contains(r.URL.RawQuery, "wait=") { // a long poll waits as long as it is asked to, or until its client goes away
					ctx, cancel := context.WithCancel(r.Context())
					defer cancel()
					defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
					r = r.WithContext(ctx)
				}
				if x.strike(t, what, o, r) {
					x.seed(t)
				}
			}
			for i := range all {
				o := &all[i]
				for _, p := range o.parameters {
					for _, v := range values {
						strike(p.name, o, o.request(map[string]string{p.name: v}, o.media, o.body))
					}
				}
				if o.body == nil {
					strike("a body where none belongs", o, o.request(nil, "application/json", []byte(strings.Repeat("[", 10_000))))
					continue
				}
				for _, bodies := range []map[string][]byte{badBodies(), mutants(o.body)} {
					for _, name := range slices.Sorted(maps.Keys(bodies)) {
						strike(name, o, o.request(nil, o.media, bodies[name]))
					}
				}
				for _, media := range []string{"text/plain", "application/xml", "multipart/form-data", "application/json; charset=\x7f", ";", "application/json, text/csv"} {
					strike("media type", o, o.request(nil, media, o.body))
				}
			}
			t.Logf("%d of %d requests", struck, thought)
			if struck < 4_000 {
				t.Errorf("%d requests, want more", struck)
			}
		})
	}
}

// What a stranger thinks of beyond the tables: any value in any parameter, any body, of any type.
func FuzzOperation(f *testing.F) {
	all := operations(f)
	for i, o := range all {
		f.Add(uint8(i), uint8(0), "", o.media, []byte(o.body))
		f.Add(uint8(i), uint8(1), "%00", "application/json", []byte(`{"schema":"{}","schemaType":"JSON","references":[{}]}`))
	}
	x := newTarget(f, newSQLite(f))
	f.Fuzz(func(t *testing.T, op, parameter uint8, value, media string, body []byte) {
		o := &all[int(op)%len(all)]
		set := map[string]string{}
		if n := len(o.parameters); n > 0 {
			set[o.parameters[int(parameter)%n].name] = value
		}
		if o.path == "/v1/changes" {
			delete(set, "wait")
		}
		if x.strike(t, "fuzz", o, o.request(set, strings.Map(printable, media), body)) {
			x.seed(t)
		}
	})
}
