package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/web"
	"github.com/accordhq/accord/web/api"
)

// identityProvider lets everybody in as ada, and holds the site to the protocol: each code counts once, for the client and
// address it was asked for, and for who has the verifier of its challenge.
type identityProvider struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu     sync.Mutex
	codes  map[string]url.Values // by code: what was asked for; guarded by mu, as all below
	claims map[string]any        // beside the usual ones; nil leaves one out
	refuse string                // error that it sends browsers back with
}

func newIdentityProvider(t *testing.T) *identityProvider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &identityProvider{key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize?tenant=x", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"end_session_endpoint": p.URL + "/end", "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for name, want := range map[string]string{"response_type": "code", "client_id": "site", "code_challenge_method": "S256", "scope": "openid groups", "tenant": "x"} {
			if q.Get(name) != want {
				http.Error(w, name+" is "+q.Get(name), http.StatusBadRequest)
				return
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		back := url.Values{"state": {q.Get("state")}}
		if p.refuse != "" {
			back.Set("error", p.refuse)
		} else {
			code := rand.Text()
			p.codes[code] = q
			back.Set("code", code)
		}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		p.mu.Lock()
		defer p.mu.Unlock()
		asked := p.codes[r.PostFormValue("code")]
		delete(p.codes, r.PostFormValue("code"))
		challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if id != "site" || secret != "s3cret" || asked == nil || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != asked.Get("redirect_uri") ||
			base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{
			"iss": p.URL, "aud": "site", "sub": "ada", "groups": []string{"platform"}, "nonce": asked.Get("nonce"),
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		}
		for name, value := range p.claims {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		answer(w, map[string]string{"token_type": "Bearer", "access_token": "unused", "id_token": p.sign(claims)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *identityProvider) sign(claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil)
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// say changes what the provider does from now on.
func (p *identityProvider) say(claims map[string]any, refuse string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims, p.refuse = claims, refuse
}

// guardedSite is registry and site where browsers sign in at a provider.
func guardedSite(t *testing.T, p *identityProvider, secure, anonymous bool) *httptest.Server {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	users, err := api.ParseUsers([]byte("groups:\n  platform: [{role: operator, context: \"*\", subjects: \"*\"}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	oidc, err := api.NewOIDC(api.OIDCConfig{Issuer: p.URL, Audience: "accord"})
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	at := "http://" + server.Listener.Addr().String()
	if secure {
		at = "https://" + server.Listener.Addr().String()
	}
	login, err := api.NewLogin(oidc, api.LoginConfig{ClientID: "site", Secret: func() string { return "s3cret" }, Site: at, Scopes: []string{"groups"}})
	if err != nil {
		t.Fatal(err)
	}
	registry := catalog.New(store, catalog.Options{})
	apis := api.New(api.Config{Registry: registry, Access: api.Access{Keys: true, Users: func() *api.Users { return users }, OIDC: oidc, Login: login, AnonymousRead: anonymous}})
	site, err := web.New(web.Config{Registry: registry, NotFound: apis.NotFound(), Admit: apis.Admit, Login: login, Passwords: true})
	if err != nil {
		t.Fatal(err)
	}
	pages := http.NewServeMux()
	site.Install(pages)
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if apis.Owns(r) {
			apis.Handler().ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// visitor is a client that keeps cookies and says what browsers say.
type visitor struct {
	*http.Client
	t   *testing.T
	url string
}

func newVisitor(t *testing.T, server *httptest.Server) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{&http.Client{Jar: jar, Transport: server.Client().Transport}, t, server.URL}
}

// ask sends a request to an address of the site, or to a whole one, and follows where it leads.
func (b *visitor) ask(method, path string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.url + path
	}
	req, err := http.NewRequest(method, path, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res, string(text)
}

// step sends a GET and does not follow.
func (b *visitor) step(path string) *http.Response {
	b.t.Helper()
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { b.CheckRedirect = nil }()
	res, _ := b.ask("GET", path)
	return res
}

var startLink = regexp.MustCompile(`href="([^"]*login-start[^"]*)"`)

func TestSigningInByBrowser(t *testing.T) {
	p := newIdentityProvider(t)
	for _, secure := range []bool{false, true} {
		b := newVisitor(t, guardedSite(t, p, secure, false))
		if res, _ := b.ask("GET", "/events", "Accept", "application/json"); res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("a program without sign-in = %d, want 401 with a challenge", res.StatusCode)
		}
		res, text := b.ask("GET", "/events?q=a%20b")
		link := startLink.FindStringSubmatch(text)
		if res.StatusCode != 200 || res.Request.URL.Path != "/-/login" || link == nil {
			t.Fatalf("a reader without sign-in = %d at %s, want the page that says how:\n%s", res.StatusCode, res.Request.URL, text)
		}
		if res, _ := b.ask("GET", regexp.MustCompile(`href="(/-/assets[^"]*)"`).FindStringSubmatch(text)[1]); res.StatusCode != 200 {
			t.Errorf("its style sheet = %d", res.StatusCode)
		}
		res, text = b.ask("GET", strings.ReplaceAll(link[1], "&amp;", "&"))
		if res.StatusCode != 200 || res.Request.URL.RequestURI() != "/events?q=a%20b" || !strings.Contains(text, "Sign out") || !strings.Contains(text, "ada") {
			t.Fatalf("signed in = %d at %s:\n%.2000s", res.StatusCode, res.Request.URL, text)
		}
		if res, text := b.ask("GET", "/v1/me", "Accept", "application/json"); res.StatusCode != 200 || !strings.Contains(text, `"user":"ada","grants":[{"role":"operator"`) {
			t.Errorf("/v1/me with the session = %d %s", res.StatusCode, text)
		}
		if res, _ := b.ask("PUT", "/v1/documents/Domain/x", "Accept", "application/json", "Sec-Fetch-Site", "cross-site"); res.StatusCode != 403 {
			t.Errorf("a change from a page of another site = %d, want 403", res.StatusCode)
		}
		if res, _ := b.ask("DELETE", "/subjects/none", "Accept", "application/json", "Origin", "https://evil.example"); res.StatusCode != 403 {
			t.Errorf("a change with another origin = %d, want 403", res.StatusCode)
		}
		if res, _ := b.ask("DELETE", "/subjects/none", "Accept", "application/json", "Sec-Fetch-Site", "same-origin"); res.StatusCode != 404 {
			t.Errorf("a change from a page of this site = %d, want the registry's 404", res.StatusCode)
		}
		if res, _ := b.ask("POST", "/-/logout", "Sec-Fetch-Site", "cross-site"); res.StatusCode != 403 {
			t.Errorf("signing out from another site = %d, want 403", res.StatusCode)
		}
		res, text = b.ask("POST", "/-/logout", "Sec-Fetch-Site", "same-origin")
		if res.StatusCode != 200 || !strings.Contains(text, "Signed out") || !strings.Contains(text, p.URL+"/end?client_id=site") {
			t.Errorf("signing out = %d:\n%s", res.StatusCode, text)
		}
		if res, _ := b.ask("GET", "/events"); res.Request.URL.Path != "/-/login" {
			t.Errorf("after signing out a page is served at %s", res.Request.URL)
		}
	}
}

// TestSessionCookies: no script reads them, no other site sends them with its forms, and over https no host beside this
// one can have set them. A long token takes several, and a short one after it none of its rest.
func TestSessionCookies(t *testing.T) {
	p := newIdentityProvider(t)
	p.say(map[string]any{"more": strings.Repeat("x", 2*api.MaxCookieBytes)}, "")
	b := newVisitor(t, guardedSite(t, p, true, false))
	begun := b.step("/-/login-start?back=/events")
	login := begun.Cookies()
	provided := b.step(begun.Header.Get("Location"))
	done := b.step(provided.Header.Get("Location"))
	if len(login) != 1 || done.StatusCode != http.StatusSeeOther || done.Header.Get("Location") != "/events" {
		t.Fatalf("cookies %v, then %d to %s", login, done.StatusCode, done.Header.Get("Location"))
	}
	parts := 0
	for _, c := range append(login, done.Cookies()...) {
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-accord_") || len(c.Value) > api.MaxCookieBytes {
			t.Errorf("cookie %s", c)
		}
		if strings.HasPrefix(c.Name, "__Host-accord_session") {
			parts++
			if c.MaxAge > 3600 || c.MaxAge < 3500 {
				t.Errorf("cookie %s lasts %d s, the token an hour", c.Name, c.MaxAge)
			}
		} else if c.Value == "" && c.MaxAge >= 0 {
			t.Errorf("cookie %s is not removed", c)
		}
	}
	if parts != 3 {
		t.Errorf("a long session takes %d cookies", parts)
	}
	if res, _ := b.ask("GET", "/v1/me", "Accept", "application/json"); res.StatusCode != 200 {
		t.Errorf("with a long session = %d", res.StatusCode)
	}
	p.say(nil, "")
	if res, _ := b.ask("GET", "/-/login-start?back=/events"); res.Request.URL.Path != "/events" {
		t.Errorf("signing in again ends at %s", res.Request.URL)
	}
	if res, _ := b.ask("GET", "/v1/me", "Accept", "application/json"); res.StatusCode != 200 {
		t.Errorf("with a short session after a long one = %d", res.StatusCode)
	}
	if again := b.step(provided.Header.Get("Location")); again.StatusCode != http.StatusBadRequest {
		t.Errorf("the same answer of the provider again = %d, want 400", again.StatusCode)
	}
}

// TestSignInsThatFail: whoever comes back with an answer that is not his, or that does not hold, is not signed in.
func TestSignInsThatFail(t *testing.T) {
	p := newIdentityProvider(t)
	server := guardedSite(t, p, false, false)
	other := newIdentityProvider(t)
	for _, c := range []struct {
		what   string
		claims map[string]any
		refuse string
		change func(callback *url.URL, b *visitor)
		want   int
	}{
		{what: "another state", change: func(u *url.URL, _ *visitor) { set(u, "state", "x") }, want: 400},
		{what: "no state", change: func(u *url.URL, _ *visitor) { set(u, "state", "") }, want: 400},
		{what: "in another browser", change: func(_ *url.URL, b *visitor) { b.Jar, _ = cookiejar.New(nil) }, want: 400},
		{what: "a code of another sign-in", change: func(u *url.URL, b *visitor) {
			stranger := newVisitor(b.t, server)
			theirs, _ := url.Parse(stranger.step(stranger.step("/-/login-start").Header.Get("Location")).Header.Get("Location"))
			set(u, "code", theirs.Query().Get("code"))
		}, want: 502},
		{what: "a code that is none", change: func(u *url.URL, _ *visitor) { set(u, "code", "x") }, want: 502},
		{what: "no code", change: func(u *url.URL, _ *visitor) { set(u, "code", "") }, want: 400},
		{what: "a code too long", change: func(u *url.URL, _ *visitor) { set(u, "code", strings.Repeat("x", 5000)) }, want: 400},
		{what: "refused there", refuse: "access_denied", want: 403},
		{what: "a token with another nonce", claims: map[string]any{"nonce": "x"}, want: 502},
		{what: "a token without nonce", claims: map[string]any{"nonce": nil}, want: 502},
		{what: "a token for another site", claims: map[string]any{"aud": "accord"}, want: 502},
		{what: "a token that has ended", claims: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, want: 502},
		{what: "a token of another provider", claims: map[string]any{"iss": other.URL}, want: 502},
		{what: "a token of nobody", claims: map[string]any{"sub": nil}, want: 502},
	} {
		p.say(c.claims, c.refuse)
		b := newVisitor(t, server)
		callback, err := url.Parse(b.step(b.step("/-/login-start?back=/events").Header.Get("Location")).Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if c.change != nil {
			c.change(callback, b)
		}
		if res, text := b.ask("GET", callback.String()); res.StatusCode != c.want || !strings.Contains(text, "Not signed in") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%s = %d, want %d:\n%s", c.what, res.StatusCode, c.want, text)
		}
		if res, _ := b.ask("GET", "/v1/me", "Accept", "application/json"); res.StatusCode != 401 {
			t.Errorf("%s: afterwards /v1/me = %d, want 401", c.what, res.StatusCode)
		}
	}
	p.say(nil, "")
	b := newVisitor(t, server)
	at, _ := url.Parse(server.URL)
	for _, token := range []string{"x", other.sign(map[string]any{"iss": p.URL, "aud": "site", "sub": "eve", "exp": time.Now().Add(time.Hour).Unix()}), strings.Repeat("y", 9000)} {
		b.Jar.SetCookies(at, []*http.Cookie{{Name: "accord_session", Value: token, Path: "/"}})
		if res, _ := b.ask("GET", "/v1/me", "Accept", "application/json"); res.StatusCode != 401 {
			t.Errorf("a made-up session %.20s = %d, want 401", token, res.StatusCode)
		}
	}
}

func set(u *url.URL, name, value string) {
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
}

// TestSigningInLeadsNowhereElse: neither an address to come back to nor one to sign out at is believed.
func TestSigningInLeadsNowhereElse(t *testing.T) {
	p := newIdentityProvider(t)
	server := guardedSite(t, p, false, true)
	for back, want := range map[string]string{
		"//evil.example/": "/", "https://evil.example/": "/", "/\\evil.example": "/", "": "/", "/events": "/events", "/" + strings.Repeat("x", 5000): "/",
	} {
		b := newVisitor(t, server)
		res, _ := b.ask("GET", "/-/login-start?back="+url.QueryEscape(back))
		if res.Request.URL.Host != strings.TrimPrefix(server.URL, "http://") || res.Request.URL.Path != want {
			t.Errorf("back to %.40q ends at %s, want %s", back, res.Request.URL, want)
		}
	}
	b := newVisitor(t, server)
	for _, end := range []string{"https://evil.example/end", "javascript:alert(1)", p.URL + "/other"} {
		if _, text := b.ask("GET", "/-/login?out="+url.QueryEscape(end)); strings.Contains(text, `href="`+end) || strings.Contains(text, "there too") {
			t.Errorf("the page after signing out leads to %s", end)
		}
	}
	if _, text := b.ask("GET", "/events"); !strings.Contains(text, "Sign in") || strings.Contains(text, "Sign out") {
		t.Error("who reads without sign-in is not told where to sign in")
	}
	res, _ := b.ask("GET", "/-password?back=/events")
	if res.StatusCode != 401 || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic") {
		t.Errorf("a name and a password = %d %s, want a challenge", res.StatusCode, res.Header.Get("WWW-Authenticate"))
	}
	p.say(map[string]any{"groups": []string{"unknown"}}, "")
	if res, text := newVisitor(t, guardedSite(t, p, false, false)).ask("GET", "/-/login-start?back=/events"); res.StatusCode != 403 || !strings.Contains(text, "Sign out") {
		t.Errorf("signed in without grants = %d, want 403 with a way out", res.StatusCode)
	}
}

func TestLoginSettings(t *testing.T) {
	oidc, err := api.NewOIDC(api.OIDCConfig{Issuer: "https://id.example.com", Audience: "accord"})
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range []string{"", "accord.example.com", "http://accord.example.com", "ftp://localhost", "https://a.example/?x=1", "https://u:p@a.example/", "https://"} {
		if _, err := api.NewLogin(oidc, api.LoginConfig{ClientID: "site", Site: site}); err == nil {
			t.Errorf("NewLogin at %q was taken", site)
		}
	}
	if _, err := api.NewLogin(oidc, api.LoginConfig{Site: "https://a.example"}); err == nil {
		t.Error("NewLogin without ID was taken")
	}
}
