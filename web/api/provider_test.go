package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/accordhq/accord/web/api"
)

// provider is an identity provider: it tells its keys and signs tokens.
type provider struct {
	*httptest.Server
	keys  atomic.Pointer[jose.JSONWebKeySet]
	key   *ecdsa.PrivateKey
	kid   string
	asked atomic.Int64 // for keys
	down  atomic.Bool
}

func newProvider(t *testing.T) *provider {
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/keys" {
			p.asked.Add(1)
			_ = json.NewEncoder(w).Encode(p.keys.Load())
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/a", "token_endpoint": p.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	}))
	t.Cleanup(p.Close)
	p.rotate(t, "first")
	return p
}

// rotate takes a new key.
func (p *provider) rotate(t *testing.T, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.key, p.kid = key, kid
	p.keys.Store(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: "ES256", Use: "sig"}}})
}

// token signs claims, with those of a good token where claims do not say otherwise; nil leaves one out.
func (p *provider) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	whole := map[string]any{"iss": p.URL, "aud": "accord", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "groups": []string{"platform", "unknown"}}
	for k, v := range claims {
		if whole[k] = v; v == nil {
			delete(whole, k)
		}
	}
	return sign(t, jose.ES256, p.key, p.kid, whole)
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestIdentityProvider(t *testing.T) {
	p := newProvider(t)
	file := users(t)
	oidc, err := api.NewOIDC(api.OIDCConfig{Issuer: p.URL, Audience: "accord"})
	if err != nil {
		t.Fatal(err)
	}
	address, _ := guarded(t, func(c *api.Config) {
		c.Access.OIDC, c.Access.Users = oidc, func() *api.Users { return file }
	})
	p.down.Store(true)
	if status, answer, _ := signed(t, "GET", address+"/subjects", "Bearer "+p.token(t, nil), ""); status != 500 || !strings.Contains(answer, `"error_code":50001`) {
		t.Errorf("while the provider is away: %d %s", status, answer)
	}
	p.down.Store(false)
	oidc, err = api.NewOIDC(api.OIDCConfig{Issuer: p.URL, Audience: "accord"})
	if err != nil {
		t.Fatal(err)
	}
	address, _ = guarded(t, func(c *api.Config) {
		c.Access.OIDC, c.Access.Users = oidc, func() *api.Users { return file }
	})
	other := newProvider(t)
	now := time.Now()
	for _, c := range []struct {
		what, token string
		want        int
	}{
		{"a good token", p.token(t, nil), 200},
		{"one of several audiences", p.token(t, map[string]any{"aud": []string{"other", "accord"}}), 200},
		{"a group that is not in a list", p.token(t, map[string]any{"groups": "platform"}), 200},
		{"expired within the skew", p.token(t, map[string]any{"exp": now.Add(-30 * time.Second).Unix()}), 200},
		{"early within the skew", p.token(t, map[string]any{"nbf": now.Add(30 * time.Second).Unix()}), 200},
		{"groups that nobody knows", p.token(t, map[string]any{"groups": []string{"unknown"}}), 403},
		{"no groups", p.token(t, map[string]any{"groups": nil}), 403},
		{"expired", p.token(t, map[string]any{"exp": now.Add(-90 * time.Second).Unix()}), 401},
		{"without end", p.token(t, map[string]any{"exp": nil}), 401},
		{"early", p.token(t, map[string]any{"nbf": now.Add(90 * time.Second).Unix()}), 401},
		{"for somebody else", p.token(t, map[string]any{"aud": "other"}), 401},
		{"by somebody else", p.token(t, map[string]any{"iss": "https://evil.example"}), 401},
		{"of nobody", p.token(t, map[string]any{"sub": nil}), 401},
		{"with another's key", sign(t, jose.ES256, other.key, "first", map[string]any{"iss": p.URL, "aud": "accord", "sub": "eve", "exp": now.Add(time.Hour).Unix(), "groups": "platform"}), 401},
		{"with a secret that is public", sign(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), "first", map[string]any{"iss": p.URL, "aud": "accord", "sub": "eve", "exp": now.Add(time.Hour).Unix()}), 401},
		{"without a signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", 401},
		{"cut short", p.token(t, nil)[:100], 401},
		{"too long", p.token(t, map[string]any{"more": strings.Repeat("x", api.MaxJWTBytes)}), 401},
	} {
		if status, answer, _ := signed(t, "GET", address+"/subjects", "Bearer "+c.token, ""); status != c.want {
			t.Errorf("%s = %d %s, want %d", c.what, status, answer, c.want)
		}
	}
	if _, me, _ := signed(t, "GET", address+"/v1/me", "Bearer "+p.token(t, nil), ""); me != `{"user":"ada","grants":[{"role":"operator","context":"*","subjects":"*","topics":""}]}` {
		t.Errorf("me = %s", me)
	}
	before := p.asked.Load()
	for range 50 { // keys that are made up
		signed(t, "GET", address+"/subjects", "Bearer "+sign(t, jose.ES256, other.key, "made-up", map[string]any{"iss": p.URL, "aud": "accord", "sub": "eve", "exp": now.Add(time.Hour).Unix()}), "")
	}
	if asked := p.asked.Load() - before; asked > 3 {
		t.Errorf("50 tokens with made-up keys asked the provider %d times", asked)
	}
	p.rotate(t, "second")
	token := p.token(t, nil)
	for status, until := 0, time.Now().Add(10*time.Second); status != 200; {
		if status, _, _ = signed(t, "GET", address+"/subjects", "Bearer "+token, ""); time.Now().After(until) {
			t.Fatalf("10 s after the provider took a new key: %d", status)
		}
	}
	for _, c := range []api.OIDCConfig{{Issuer: p.URL}, {Audience: "accord"}} {
		if _, err := api.NewOIDC(c); err == nil {
			t.Errorf("NewOIDC(%+v) was taken", c)
		}
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

var serials atomic.Int64

func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(serials.Add(1)), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// client is who has a certificate of the authority, nil for none.
func (a *authority) client(t *testing.T, server *httptest.Server, template *x509.Certificate) *http.Client {
	t.Helper()
	c := server.Client()
	transport := c.Transport.(*http.Transport).Clone()
	if template != nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		cert, key := a.sign(t, template)
		transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestClientCertificates(t *testing.T) {
	file := users(t)
	_, registry := guarded(t)
	a := api.New(api.Config{Registry: registry, Access: api.Access{Certificates: true, Users: func() *api.Users { return file }}})
	ours, others := newAuthority(t), newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	server := httptest.NewUnstartedServer(a.Handler())
	server.TLS = &tls.Config{ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}
	server.StartTLS()
	defer server.Close()
	spiffe, err := url.Parse("spiffe://example.com/x")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		cert   *x509.Certificate
		by     *authority
		status int
		me     string
	}{
		{"no certificate", nil, ours, 401, ""},
		{"common name", &x509.Certificate{Subject: pkix.Name{CommonName: "bob"}}, ours, 200, `"user":"bob","grants":[{"role":"developer"`},
		{"DNS name", &x509.Certificate{Subject: pkix.Name{CommonName: "x"}, DNSNames: []string{"y", "payments.example.com"}}, ours, 200, `"user":"payments.example.com","grants":[{"role":"reader"`},
		{"nobody that is known", &x509.Certificate{Subject: pkix.Name{CommonName: "eve"}, URIs: []*url.URL{spiffe}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ours, 200, `"user":"eve","grants":[]`},
	} {
		res, err := c.by.client(t, server, c.cert).Get(server.URL + "/v1/me")
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(text), c.me) {
			t.Errorf("%s = %d %s, want %d %s", c.what, res.StatusCode, text, c.status, c.me)
		}
	}
	if res, err := others.client(t, server, &x509.Certificate{Subject: pkix.Name{CommonName: "bob"}}).Get(server.URL + "/v1/me"); err == nil {
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Error("a certificate of another authority was taken")
		}
	}
	req, err := http.NewRequest("GET", server.URL+"/v1/me", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer wrong")
	res, err := ours.client(t, server, &x509.Certificate{Subject: pkix.Name{CommonName: "bob"}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 401 {
		t.Errorf("a certificate with a wrong key beside it = %d", res.StatusCode)
	}
}
