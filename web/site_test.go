package web_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/web"
	"github.com/accordhq/accord/web/api"
)

// now is when the pages of the tests are drawn: versions 1 and 2 are deprecated then, none is over.
var now = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// newSite serves an empty catalog from a SQLite file.
func newSite(t testing.TB) (*httptest.Server, *catalog.Registry) {
	t.Helper()
	ctx := t.Context()
	store, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	registry := catalog.New(store, catalog.Options{})
	listening, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- registry.Run(listening) }()
	site, err := web.New(web.Config{Registry: registry, Operations: api.New(api.Config{Registry: registry}).Operations(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	site.Install(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		stop()
		<-done
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, registry
}

// fill registers the embedded schemas folder, lenses and documents included. It takes seconds: every lens is proved.
func fill(t testing.TB, registry *catalog.Registry) {
	t.Helper()
	tree, problems, err := catalog.ReadTree(schemas.FS())
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	folders, err := tree.Order()
	if err != nil {
		t.Fatal(err)
	}
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada", Commit: "4be07d1"})
	for _, f := range folders {
		name := catalog.Name{Subject: f.Subject}
		level, err := catalog.ParseLevel(tree.Compatibility(f))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := registry.SetConfig(ctx, name, catalog.Patch{Set: catalog.Config{Compatibility: level}}); err != nil {
			t.Fatalf("SetConfig(%s, %s) = %v", name, level, err)
		}
		for _, v := range f.Versions {
			refs, err := tree.References(v.Text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := registry.Register(ctx, name, catalog.Registration{Text: string(v.Text), References: refs, Lens: v.Lens}); err != nil {
				t.Fatalf("Register(%s v%d) = %v", name, v.Number, err)
			}
		}
	}
	for _, d := range tree.Documents() {
		if _, err := registry.PutDocument(ctx, d.Kind, d.Name, d.Body, nil); err != nil {
			t.Fatalf("PutDocument(%s %s) = %v", d.Kind, d.Name, err)
		}
	}
}

// shared is one site for all tests that only read.
var shared struct {
	once sync.Once
	url  string
	stop []func()
}

type keeper struct {
	testing.TB
	ctx context.Context
}

// Context and Cleanup let the shared site outlive the test that made it.
func (k keeper) Context() context.Context { return k.ctx }
func (k keeper) Cleanup(f func())         { shared.stop = append(shared.stop, f) }
func (k keeper) TempDir() string          { return sharedDir }

var sharedDir string

func siteURL(t *testing.T) string {
	t.Helper()
	shared.once.Do(func() {
		server, registry := newSite(keeper{t, context.Background()})
		fill(t, registry)
		observe(t, registry)
		shared.url = server.URL
	})
	if shared.url == "" {
		t.Skip("the shared site could not be made; another test says why")
	}
	return shared.url
}

// observe reports what a proxy would: some records of the newest version, one stranger, one reason for refusals.
func observe(t testing.TB, registry *catalog.Registry) {
	t.Helper()
	ctx := context.Background()
	if err := registry.ReportUsage(ctx, catalog.UsageReport{Sender: catalog.Sender{Instance: "test", Seq: 1}, Seen: []catalog.Usage{
		{Role: catalog.RoleWrite, Principal: "User:orders", Topic: "orders.events", Subject: "orders.OrderPlaced", Version: 3, Records: 1234, First: now, Last: now},
		{Role: catalog.RoleRead, Group: "etl-old", Topic: "orders.events", Subject: "orders.OrderPlaced", Version: 1, Records: 7, First: now, Last: now},
	}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := registry.ReportRejections(ctx, catalog.RejectionReport{Sender: catalog.Sender{Instance: "test", Seq: 1}, Rejected: []catalog.Rejection{
		{ID: "r1", Subject: "orders.OrderPlaced", Version: 3, Topic: "orders.events", Address: "/lines/*/sku", Keyword: "minLength", Reason: "length must be >= 1, but got 0", ClientID: "legacy", Records: 5, First: now, Last: now},
	}, Samples: []catalog.Sample{{ID: "r1", Event: json.RawMessage(`{"lines":[{"sku":""}]}`), At: now}}}, nil); err != nil {
		t.Fatal(err)
	}
}

// client does not follow moves, so that each answer is seen.
var client = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4},
}

type answer struct {
	*http.Response
	text   string
	weight int // bytes on the wire
}

// get asks as a browser does, unless headers (name, value, …) say otherwise.
func get(t testing.TB, address string, headers ...string) answer {
	t.Helper()
	return do(t, http.MethodGet, address, "", append([]string{"Accept", "text/html,*/*;q=0.8", "Accept-Encoding", "gzip"}, headers...)...)
}

func do(t testing.TB, method, address, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Response: w, text: string(raw), weight: len(raw)}
	if w.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(strings.NewReader(a.text))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		a.text = string(plain)
	}
	return a
}

// pages is one address of every kind of page.
var pages = []string{
	"/", "/events", "/events/orders.OrderPlaced", "/events/orders.OrderPlaced/v/1", "/events/common.Money/v/1",
	"/events/orders.OrderPlaced/diff/2..3", "/events/orders.OrderPlaced/graph?hops=2", "/domains", "/domains/orders",
	"/services", "/services/orders", "/channels", "/channels/orders.events", "/flows", "/flows/reserve-first",
	"/fields", "/fields/orderId", "/changes", "/rejections", "/play/validate", "/search?q=order", "/api", "/api/register",
}

func TestMain(m *testing.M) { run(m) }

var (
	linkPattern = regexp.MustCompile(` (?:href|src|action)="([^"]*)"`)
	idPattern   = regexp.MustCompile(` id="([^"]*)"`)
)

// TestEveryInternalLinkLeadsSomewhere crawls from the home page: each link answers 200 or moves, each fragment is
// there, and no page repeats an id.
func TestEveryInternalLinkLeadsSomewhere(t *testing.T) {
	base := siteURL(t)
	queue := []string{"/"}
	seen := map[string]bool{"/": true}
	ids := map[string]map[string]bool{}
	type fragment struct{ from, page, id string }
	var fragments []fragment
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		a := get(t, base+path)
		if a.StatusCode >= 400 {
			t.Errorf("GET %s = %d", path, a.StatusCode)
			continue
		}
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			continue
		}
		ids[path] = map[string]bool{}
		for _, m := range idPattern.FindAllStringSubmatch(a.text, -1) {
			id := unescape(m[1])
			if ids[path][id] {
				t.Errorf("%s has the id %q twice", path, id)
			}
			ids[path][id] = true
		}
		for _, m := range linkPattern.FindAllStringSubmatch(a.text, -1) {
			u, err := url.Parse(unescape(m[1]))
			if err != nil {
				t.Errorf("%s has the link %q: %v", path, m[1], err)
				continue
			}
			if u.Scheme == "data" || u.Host == "git.example.com" || strings.HasPrefix(u.Path, "/openapi.json") {
				continue // pictures in place, the example repositories, the API's own
			}
			if u.IsAbs() {
				t.Errorf("%s leads to %s, which is not of this site", path, u)
				continue
			}
			here, err := url.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			to := here.ResolveReference(u)
			target := to.RequestURI()
			if u.Fragment != "" {
				fragments = append(fragments, fragment{path, target, u.Fragment})
			}
			if strings.HasPrefix(target, "/-/theme") || seen[target] {
				continue
			}
			seen[target] = true
			queue = append(queue, target)
		}
	}
	for _, f := range fragments {
		if ids[f.page] != nil && !ids[f.page][f.id] {
			t.Errorf("%s leads to %s#%s, which is not there", f.from, f.page, f.id)
		}
	}
	if len(seen) < 200 {
		t.Errorf("the crawl found %d addresses, want at least 200", len(seen))
	}
}

func unescape(attribute string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+").Replace(attribute)
}

func TestEveryPageIsSafeAndLight(t *testing.T) {
	base := siteURL(t)
	for _, path := range pages {
		a := get(t, base+path)
		if a.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %d: %.200s", path, a.StatusCode, a.text)
			continue
		}
		h := a.Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %q", path, csp, want)
			}
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "private, no-cache"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		if a.weight > 25<<10 {
			t.Errorf("%s weighs %d bytes compressed, want at most %d", path, a.weight, 25<<10)
		}
		if strings.Contains(a.text, " style=") || strings.Contains(a.text, "<script>") || strings.Contains(a.text, " onclick") {
			t.Errorf("%s has something inline", path)
		}
		if n := strings.Count(a.text, "<h1"); n != 1 {
			t.Errorf("%s has %d h1", path, n)
		}
		if strings.Contains(a.text, "ZgotmplZ") {
			t.Errorf("%s has a link that the template refused", path)
		}
	}
	home := get(t, base+"/").text
	for _, c := range []struct {
		file  string
		limit int
	}{{"app.css", 12 << 10}, {"app.js", 8 << 10}} {
		m := regexp.MustCompile(`"([^"]*/` + regexp.QuoteMeta(c.file) + `)"`).FindStringSubmatch(home)
		if m == nil {
			t.Fatalf("home does not load %s", c.file)
		}
		a := get(t, base+m[1])
		if a.weight > c.limit || a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s weighs %d (limit %d), Cache-Control %q", c.file, a.weight, c.limit, a.Header.Get("Cache-Control"))
		}
	}
}

func TestAnUnchangedPageIsNotSentAgain(t *testing.T) {
	base := siteURL(t)
	for _, path := range []string{"/", "/events", "/events/orders.OrderPlaced", "/events/orders.OrderPlaced/diff/2..3", "/services"} {
		tag := get(t, base+path).Header.Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", path)
			continue
		}
		if a := get(t, base+path, "If-None-Match", tag); a.StatusCode != http.StatusNotModified || a.weight != 0 {
			t.Errorf("%s again = %d, %d bytes, want 304", path, a.StatusCode, a.weight)
		}
		if a := get(t, base+path, "If-None-Match", tag, "Cookie", "accord_theme=dark"); a.StatusCode != http.StatusOK || a.Header.Get("ETag") == tag {
			t.Errorf("%s in another theme = %d with the same ETag", path, a.StatusCode)
		}
	}
}

func TestAddresses(t *testing.T) {
	base := siteURL(t)
	for _, c := range []struct {
		path, accept string
		status       int
		location     string
		contains     string
	}{
		{path: "/", accept: "application/json", status: 200, contains: "{}"},
		{path: "/events/OrderCreated", status: 301, location: "/events/orders.OrderPlaced"},
		{path: "/events/order.created", status: 301, location: "/events/orders.OrderPlaced"},
		{path: "/events/", status: 308, location: "/events"},
		{path: "/events/orders.OrderPlaced/v/latest", status: 302, location: "/events/orders.OrderPlaced/v/3"},
		{path: "/events/orders.OrderPlaced/v/latest.json", status: 302, location: "/events/orders.OrderPlaced/v/3.json"},
		{path: "/events/orders.OrderPlaced/v/switch?to=2", status: 303, location: "/events/orders.OrderPlaced/v/2"},
		{path: "/events/orders.OrderPlaced/v/x", status: 400, contains: "Not a version"},
		{path: "/events/orders.OrderPlaced/v/0", status: 400},
		{path: "/events/orders.OrderPlaced/v/3.xml", status: 400},
		{path: "/events/orders.OrderPlaced/v/9", status: 404, contains: "has no version 9"},
		{path: "/events/orders.OrderPlaced/v/3.json", status: 200, contains: `"$id":"https://schemas.example.com/orders.OrderPlaced/3"`},
		{path: "/events/orders.OrderPlaced/v/3.md", status: 200, contains: "`sku` string; required"},
		{path: "/events/orders.OrderPlaced/diff/3..9", status: 404},
		{path: "/events/orders.OrderPlaced/diff/a..b", status: 400},
		{path: "/events/orders.OrderPlaced/diff?a=1&b=3", status: 303, location: "/events/orders.OrderPlaced/diff/1..3"},
		{path: "/events/orders.OrderPlased", status: 404, contains: "orders.OrderPlaced"},
		{path: "/events/orders.OrderPlased", accept: "application/json", status: 404, contains: `"error_code":404`},
		{path: "/events/%3Cscript%3E", status: 404, contains: "&lt;script&gt;"},
		{path: "/services/nobody", status: 404},
		{path: "/channels/nothing", status: 404},
		{path: "/flows/none", status: 404},
		{path: "/domains/none", status: 404},
		{path: "/fields/none", status: 404},
		{path: "/api/none", status: 404},
		{path: "/nowhere", status: 404, contains: "Nothing here"},
		{path: "/exporters", accept: "application/json", status: 404, contains: "error_code"},
		{path: "/search?q=" + strings.Repeat("x", 201), status: 414},
		{path: "/search?q=oderplaced", status: 200, contains: "similar spelling"},
		{path: "/search?q=owner:team-orders+type:command", status: 200, contains: "orders.CancelOrder"},
		{path: "/search?q=colour:red", status: 200, contains: "is no filter"},
		{path: "/search?q=sku", accept: "application/json", status: 200, contains: `"kind":"field"`},
		{path: "/fields?pii=1", status: 200, contains: "familyName"},
		{path: "/changes?below=x", status: 400},
		{path: "/events/orders.OrderPlaced/graph?hops=9", status: 400},
		{path: "/-/assets/old/app.css", status: 200},
		{path: "/-/assets/old/nothing.css", status: 404},
	} {
		headers := []string{}
		if c.accept != "" {
			headers = []string{"Accept", c.accept}
		}
		a := get(t, base+c.path, headers...)
		if a.StatusCode != c.status || a.Header.Get("Location") != c.location || !strings.Contains(a.text, c.contains) {
			t.Errorf("GET %s = %d, Location %q, contains %q: %v; want %d, %q", c.path, a.StatusCode, a.Header.Get("Location"), c.contains, strings.Contains(a.text, c.contains), c.status, c.location)
		}
	}
}

func TestUnknownIsNotZero(t *testing.T) {
	base := siteURL(t)
	for _, c := range []struct{ path, has, hasNot string }{
		{"/events/orders.OrderPlaced", "1,234 records", ""},
		{"/events/orders.OrderPlaced", "etl-old", ""},
		{"/events/orders.OrderPlaced", "5 records", ""},
		{"/events/orders.OrderCompleted", "not observed", "0 records"},
		{"/services/shipping", "Not observed", "0 records"},
		{"/rejections?event=orders.OrderCompleted", "Not observed", ""},
		{"/rejections", "legacy", "Not observed"},
	} {
		text := get(t, base+c.path).text
		if !strings.Contains(text, c.has) || c.hasNot != "" && strings.Contains(text, c.hasNot) {
			t.Errorf("%s: has %q: %v, has %q: %v", c.path, c.has, strings.Contains(text, c.has), c.hasNot, strings.Contains(text, c.hasNot))
		}
	}
}

func TestEventPageShowsTheFacts(t *testing.T) {
	text := get(t, siteURL(t)+"/events/orders.OrderPlaced").text
	for _, want := range []string{
		`id="/lines/*/sku"`, `personal: contact`, `valid, checked against v3`, `BY LENS`, `team-orders`, `UPCASTABLE_<wbr>TRANSITIVE`,
		`/events/orders.OrderPlaced/diff/2..3`, `defined as <code>common.Money v1</code>`, `new in v3`, `tested on`,
	} {
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "team-orders", "Orders")) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestDiffShowsAnEventThatBreaks(t *testing.T) {
	text := get(t, siteURL(t)+"/events/orders.OrderPlaced/diff/2..3").text
	for _, want := range []string{"BACKWARD", "BREAKS", `aria-label="Counterexample"`, "property added", "The lens between", "decodes by lens"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	same := get(t, siteURL(t)+"/events/orders.OrderPlaced/diff/3..3").text
	if !strings.Contains(same, "the same version") {
		t.Error("3..3 does not say that both are the same version")
	}
}

// TestANewVersionIsSeenAtOnce: pages follow the registry without a restart, and subjects of other clients get a page.
func TestANewVersionIsSeenAtOnce(t *testing.T) {
	server, registry := newSite(t)
	name := catalog.Name{Subject: "a/b weird%20name"}
	if _, err := registry.Register(t.Context(), name, catalog.Registration{Text: `{"type":"object","properties":{"<b>":{"type":"string","description":"[x](javascript:alert(1)) <i>raw</i>"}}}`}); err != nil {
		t.Fatal(err)
	}
	a := get(t, server.URL+"/events/"+url.PathEscape(name.Subject))
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text, "without a description file") {
		t.Fatalf("GET its page = %d", a.StatusCode)
	}
	for _, bad := range []string{`href="javascript:`, "<i>raw", "<b>"} {
		if strings.Contains(a.text, bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	if _, err := registry.DeleteVersion(t.Context(), name, 1, false); err != nil {
		t.Fatal(err)
	}
	if a := get(t, server.URL+"/events/"+url.PathEscape(name.Subject)+"/v/1"); a.StatusCode != http.StatusGone || !strings.Contains(a.text, "deleted") {
		t.Errorf("GET the deleted version = %d, want 410 with its schema", a.StatusCode)
	}
}

// TestAnObservationIsSeenAtOnce: what is observed has no revision, and still no reader is told that nothing changed.
func TestAnObservationIsSeenAtOnce(t *testing.T) {
	server, registry := newSite(t)
	if _, err := registry.Register(t.Context(), catalog.Name{Subject: "seen.Event"}, catalog.Registration{Text: `{"type":"object"}`}); err != nil {
		t.Fatal(err)
	}
	page := server.URL + "/events/seen.Event"
	tag := get(t, page).Header.Get("ETag")
	if a := get(t, page, "If-None-Match", tag); a.StatusCode != http.StatusNotModified {
		t.Fatalf("the same page again = %d, want 304", a.StatusCode)
	}
	if err := registry.ReportUsage(t.Context(), catalog.UsageReport{Sender: catalog.Sender{Instance: "test", Seq: 1}, Seen: []catalog.Usage{
		{Role: catalog.RoleWrite, Principal: "User:ANONYMOUS", ClientID: "legacy-shop", Subject: "seen.Event", Version: 1, Records: 1, First: now, Last: now},
	}}, nil); err != nil {
		t.Fatal(err)
	}
	a := get(t, page, "If-None-Match", tag)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text, "legacy-shop") || !strings.Contains(a.text, "wrote 1 record of v1") {
		t.Errorf("after an observation = %d, who wrote: %v", a.StatusCode, strings.Contains(a.text, "legacy-shop"))
	}
}

// TestALargeSchemaStaysLight: 1,500 fields weigh little, and an enum of hundreds is folded.
func TestALargeSchemaStaysLight(t *testing.T) {
	server, registry := newSite(t)
	var b strings.Builder
	b.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"kind":{"enum":[`)
	for i := range 300 {
		fmt.Fprintf(&b, `"value%d",`, i)
	}
	b.WriteString(`"last"]}`)
	for g := range 100 {
		fmt.Fprintf(&b, `,"group%d":{"type":"object","required":["field0"],"properties":{`, g)
		for i := range 14 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"field%d":{"type":"string","minLength":1,"maxLength":%d,"description":"The field %d of group %d."}`, i, 10+i, i, g)
		}
		b.WriteString(`}}`)
	}
	b.WriteString(`}}`)
	name := catalog.Name{Subject: "large.Event"}
	if _, err := registry.Register(t.Context(), name, catalog.Registration{Text: b.String()}); err != nil {
		t.Fatal(err)
	}
	a := get(t, server.URL+"/events/large.Event")
	if a.StatusCode != http.StatusOK || !strings.Contains(a.text, `id="/group99/field13"`) || !strings.Contains(a.text, "and 281 more") {
		t.Fatalf("GET = %d, with all fields: %v", a.StatusCode, strings.Contains(a.text, `id="/group99/field13"`))
	}
	t.Logf("1,502 places weigh %d bytes compressed", a.weight)
	if a.weight > 25<<10 {
		t.Errorf("1,502 places weigh %d bytes compressed", a.weight)
	}
}

func Example() {
	// The parts of a catalog site: a store, a registry on it, and the route table on a mux.
	store, err := sqlite.Open(context.Background(), filepath.Join(sharedDir, "example.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	site, err := web.New(web.Config{Registry: catalog.New(store, catalog.Options{})})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	site.Install(mux)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Accept", "text/html")
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}

// TestMarkIsShown: a version that rules let in against the verdict says so, and so does one that nobody judged.
func TestMarkIsShown(t *testing.T) {
	server, registry := newSite(t)
	name := catalog.Name{Subject: "a.Event"}
	if _, err := registry.SetConfig(t.Context(), name, catalog.Patch{Set: catalog.Config{CompatibilityPolicy: "LENIENT"}}); err != nil {
		t.Fatal(err)
	}
	for _, reg := range []catalog.Registration{
		{Text: `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`},
		{Text: `{"type":"object","properties":{},"additionalProperties":false}`},
		{Text: `{"type":"string"}`, Force: true},
	} {
		if _, err := registry.Register(t.Context(), name, reg); err != nil {
			t.Fatal(err)
		}
	}
	for version, want := range map[int]string{2: "The rules of CONFLUENT_LENIENT let this version in; SEMANTIC says incompatible against v1.", 3: "let in by force"} {
		resp, err := http.Get(fmt.Sprintf("%s/events/a.Event/v/%d", server.URL, version))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("version %d: %d, %v; want a page with %q", version, resp.StatusCode, err, want)
		}
	}
}
