package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPullIsTheSameEitherWay: all of a subject at once, or version by version where a registry has no bundles, gives
// the same lock file, byte for byte that of the registry; in a context too, where references lack their context.
func TestPullIsTheSameEitherWay(t *testing.T) {
	server := startRegistry(t)
	server.register(t, basketLock())
	const inContext = ":.other:shop.Total"
	server.send(t, http.MethodPost, "/contexts/.other/subjects/shop.Amount/versions", map[string]any{"schemaType": "JSON", "schema": `{"type":"integer","description":"a < b"}`})
	server.send(t, http.MethodPost, "/contexts/.other/subjects/shop.Total/versions", map[string]any{
		"schemaType": "JSON", "schema": `{"$ref":"amount"}`, "references": []map[string]any{{"name": "amount", "subject": "shop.Amount", "version": 1}},
	})
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/bundle") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error_code":404,"message":"HTTP 404 Not Found"}`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(old.Close)
	pull := func(at string) string {
		t.Helper()
		lock, err := open(t, at).Pull(t.Context(), basket, inContext)
		if err != nil {
			t.Fatal(err)
		}
		return string(lockBytes(t, lock))
	}
	asked := server.count("/v1/bundle")
	whole := pull(server.URL)
	if n := server.count("/v1/bundle") - asked; n != 2 {
		t.Errorf("two subjects were asked for by %d bundles", n)
	}
	if diff := cmp.Diff(pull(old.URL), whole); diff != "" {
		t.Errorf("Pull (-version by version +at once):\n%s", diff)
	}
	res, err := http.Get(server.URL + "/v1/bundle?subject=" + basket + "@3&subject=" + url.QueryEscape(inContext))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, string(text)); diff != "" {
		t.Errorf("GET /v1/bundle (-WriteLock +got):\n%s", diff)
	}
}
