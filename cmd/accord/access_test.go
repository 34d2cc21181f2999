package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// registryWithKey starts a registry and site on a new store, with an administrator's key.
func registryWithKey(t *testing.T, access api.Access) (address, secret string, r *catalog.Registry) {
	t.Helper()
	access.Keys = true
	role, err := openRegistry(t.Context(), registryOptions{store: "sqlite:" + filepath.Join(t.TempDir(), "accord.db"), log: slog.New(slog.DiscardHandler), access: access})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(role.handler)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = role.registry.Run(ctx) }()
	t.Cleanup(func() { server.Close(); stop(); <-done; role.close() })
	secret, _, err = role.registry.CreateToken(t.Context(), "root", []catalog.Grant{{Role: catalog.Admin, Context: "*", Subjects: "*", Topics: "*"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return server.URL, secret, role.registry
}

// TestToolsSignIn: a tool sends the token of a file, of the environment, or the user of the URL, and tells none of them.
func TestToolsSignIn(t *testing.T) {
	address, secret, _ := registryWithKey(t, api.Access{})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	export := func(args ...string) (int, string) {
		var out, err bytes.Buffer
		status := run(t.Context(), append([]string{"export", "all"}, args...), streams{strings.NewReader(""), &out, &err})
		return status, err.String()
	}
	if status, said := export("--registry", address); status == 0 || !strings.Contains(said, "Unauthorized") {
		t.Errorf("without a token: %d %s", status, said)
	}
	if status, said := export("--registry", address, "--token-file", file); status != 0 {
		t.Errorf("with --token-file: %d %s", status, said)
	}
	if status, said := export("--registry", strings.Replace(address, "http://", "http://root:"+secret+"@", 1)); status != 0 {
		t.Errorf("with the user in the URL: %d %s", status, said)
	}
	if status, said := export("--registry", "http://root:"+secret+"@127.0.0.1:1"); status != exitUnavailable || strings.Contains(said, secret) {
		t.Errorf("nobody there: %d %s", status, said)
	}
	t.Setenv("ACCORD_TOKEN_FILE", file)
	if status, said := export("--registry", address); status != 0 {
		t.Errorf("with ACCORD_TOKEN_FILE: %d %s", status, said)
	}
	t.Setenv("ACCORD_TOKEN_FILE", "")
	t.Setenv(tokenVariable, secret)
	if status, said := export("--registry", address); status != 0 {
		t.Errorf("with %s: %d %s", tokenVariable, status, said)
	}
	t.Setenv(tokenVariable, "wrong"+secret)
	if status, said := export("--registry", address); status == 0 || strings.Contains(said, secret) {
		t.Errorf("with a wrong token: %d %s", status, said)
	}
}

// TestPagesAskForSignIn: the site is closed where the API is, and shows what the caller may read.
func TestPagesAskForSignIn(t *testing.T) {
	address, secret, r := registryWithKey(t, api.Access{})
	for _, subject := range []string{"orders.OrderPlaced", "payments.Charged"} {
		if _, err := r.Register(t.Context(), catalog.Name{Subject: subject}, catalog.Registration{Text: `{"type":"object","title":"of ` + subject + `"}`}); err != nil {
			t.Fatal(err)
		}
	}
	team, _, err := r.CreateToken(t.Context(), "team", []catalog.Grant{{Role: catalog.Reader, Context: ".", Subjects: "orders.*"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	page := func(path, user, password string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text), res.Header
	}
	for _, path := range []string{"/", "/events", "/events/orders.OrderPlaced", "/changes", "/search?q=orders", "/nowhere"} {
		status, text, header := page(path, "", "")
		if status != 401 || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Basic ") || strings.Contains(text, "of orders") {
			t.Errorf("%s without sign-in = %d %q", path, status, header.Get("WWW-Authenticate"))
		}
	}
	for _, path := range []string{"/", "/events", "/changes", "/search?q=charged", "/fields", "/rejections", "/services"} {
		if status, text, _ := page(path, "team", team); status != 200 || strings.Contains(text, "payments.Charged") {
			t.Errorf("%s as the team of orders = %d, shows payments: %t", path, status, strings.Contains(text, "payments.Charged"))
		}
		if status, _, _ := page(path, "root", secret); status != 200 {
			t.Errorf("%s as root = %d", path, status)
		}
	}
	if status, _, _ := page("/events/payments.Charged", "team", team); status != 404 {
		t.Errorf("an event of another team = %d", status)
	}
	if _, text, _ := page("/events", "root", secret); !strings.Contains(text, "payments.Charged") || !strings.Contains(text, "orders.OrderPlaced") {
		t.Error("root does not see everything")
	}
}

// TestGateAsksTheRegistry: who may produce over HTTP is the registry's to say, and is kept for a while.
func TestGateAsksTheRegistry(t *testing.T) {
	address, _, r := registryWithKey(t, api.Access{})
	producer, _, err := r.CreateToken(t.Context(), "shop", []catalog.Grant{{Role: catalog.Producer, Context: ".", Subjects: "orders.*", Topics: "orders*"}, {Role: catalog.Reader, Context: ".", Subjects: "*", Topics: "payments"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Add(1)
		out, err := http.NewRequestWithContext(req.Context(), http.MethodGet, address+req.URL.Path, http.NoBody)
		if err != nil {
			return
		}
		out.Header = req.Header.Clone()
		res, err := http.DefaultClient.Do(out)
		if err != nil {
			return
		}
		defer res.Body.Close()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	who, err := newCallers(counting.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/v1/events", http.NoBody)
	if _, err := who.identify(request); err == nil || !who.required(t.Context()) {
		t.Errorf("without sign-in: %v, required: %t", err, who.required(t.Context()))
	}
	request.Header.Set("Authorization", "Bearer "+producer)
	before := asked.Load()
	for range 5 {
		id, err := who.identify(request)
		if err != nil || id.Principal != "User:shop" || !id.MayProduce("orders") || !id.MayProduce("orders.eu") || id.MayProduce("payments") {
			t.Fatalf("identify = %+v, %v", id, err)
		}
	}
	if n := asked.Load() - before; n != 1 {
		t.Errorf("the registry was asked %d times for one caller", n)
	}
	counting.Close()
	request.Header.Set("Authorization", "Bearer another")
	if _, err := who.identify(request); err == nil || !strings.Contains(err.Error(), "cannot be asked") {
		t.Errorf("while the registry is away: %v", err)
	}
	open, err := newCallers(httptestRegistry(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if id, err := open.identify(httptest.NewRequest(http.MethodPost, "/", http.NoBody)); err != nil || id.Principal != "" || !id.MayProduce("anything") || open.required(t.Context()) {
		t.Errorf("where nobody signs in: %+v, %v", id, err)
	}
}

// httptestRegistry is a registry where nobody signs in.
func httptestRegistry(t *testing.T) string {
	t.Helper()
	role, err := openRegistry(t.Context(), registryOptions{store: "sqlite:" + filepath.Join(t.TempDir(), "accord.db"), log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(role.handler)
	t.Cleanup(func() { server.Close(); role.close() })
	return server.URL
}

// TestFilesAreReadAgain: a users file that changes is taken, one that breaks is told of and not taken.
func TestFilesAreReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const whole = "users: {ada: {grants: [{role: admin, context: '*', subjects: '*'}]}}"
	write(whole)
	var log bytes.Buffer
	users, err := reload(slog.New(slog.NewTextHandler(&log, nil)), func(texts [][]byte) (*api.Users, error) { return api.ParseUsers(texts[0]) }, file)
	if err != nil {
		t.Fatal(err)
	}
	first := users.get()
	again := func() *api.Users { users.next = time.Time{}; return users.get() }
	write("users: {ada: {password: broken-secret}}")
	if again() != first || !strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "broken-secret") {
		t.Errorf("a broken file: log %s", log.String())
	}
	if log.Reset(); again() != first || log.Len() > 0 {
		t.Errorf("told of twice: %s", log.String())
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if again() != first {
		t.Error("a file that is gone was taken")
	}
	write(whole + "\n# more")
	if again() == first {
		t.Error("a changed file was not taken")
	}
	write("")
	if _, err := reload(slog.New(slog.DiscardHandler), func(texts [][]byte) (*api.Users, error) { return api.ParseUsers(texts[0]) }, file); err == nil {
		t.Error("an empty file was taken at start")
	}
}

// certificate writes a certificate that signs itself for 127.0.0.1, and its key.
func certificate(t *testing.T, serial int64, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "accord"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCertificatesAreReadAgain: new connections get the new certificate, without restart.
func TestCertificatesAreReadAgain(t *testing.T) {
	folder := t.TempDir()
	f := tlsFlags{cert: filepath.Join(folder, "c.pem"), key: filepath.Join(folder, "k.pem"), clientCA: filepath.Join(folder, "c.pem")}
	certificate(t, 1, f.cert, f.key)
	material, err := reload(slog.New(slog.DiscardHandler), parseTLS, f.cert, f.key, f.clientCA)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := f.config(slog.New(slog.DiscardHandler))
	if err != nil || config.MinVersion < tls.VersionTLS12 {
		t.Fatalf("config = %+v, %v", config, err)
	}
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return material.get(), nil }
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- serveHTTP(ctx, secured(l, config), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil)
	}()
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("certificate %d", got)
	}
	certificate(t, 2, f.cert, f.key)
	material.mu.Lock()
	material.next = time.Time{}
	material.mu.Unlock()
	if got := serial(); got != 2 {
		t.Errorf("after the change certificate %d", got)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, wrong := range []tlsFlags{{cert: f.cert}, {key: f.key}, {clientCA: f.cert}, {cert: f.key, key: f.cert}, {cert: f.cert, key: f.key, clientCA: f.key}} {
		if _, err := wrong.config(slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}

// TestBindingBeyondLoopback needs a sign-in, or --insecure.
func TestBindingBeyondLoopback(t *testing.T) {
	folder := t.TempDir()
	store := "sqlite:" + filepath.Join(folder, "accord.db")
	serve := func(args ...string) (int, string) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var said syncedBuffer
		said.until, said.stop = `"msg":"serving"`, stop
		status := run(ctx, append([]string{"serve", "--listen", "0.0.0.0:0", "--store", store}, args...), streams{strings.NewReader(""), io.Discard, &said})
		return status, said.String()
	}
	if status, said := serve(); status != exitUsage || !strings.Contains(said, "reachable from other machines") {
		t.Errorf("without sign-in: %d %s", status, said)
	}
	if _, said := serve("--insecure"); !strings.Contains(said, "serving") || !strings.Contains(said, "nobody has to sign in") {
		t.Errorf("--insecure: %s", said)
	}
	var out, errs bytes.Buffer
	if status := run(t.Context(), []string{"token", "create", "--role", "admin", "--store", store}, streams{strings.NewReader(""), &out, &errs}); status != 0 {
		t.Fatalf("token create: %d %s", status, errs.String())
	}
	if _, said := serve(); !strings.Contains(said, "serving") || strings.Contains(said, "nobody has to sign in") {
		t.Errorf("with a key in the store: %s", said)
	}
	if status, said := serve("--users", filepath.Join(folder, "nothing")); status != exitInput || !strings.Contains(said, "--users") {
		t.Errorf("with a users file that is not there: %d %s", status, said)
	}
	if status, said := serve("--oidc-issuer", "http://127.0.0.1:1", "--oidc-audience", "a"); status != exitUsage || !strings.Contains(said, "--users") {
		t.Errorf("with a provider and no groups: %d %s", status, said)
	}
}

// syncedBuffer keeps what is written, and calls stop when a text was.
type syncedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer // guarded by mu
	until string
	stop  func()
}

func (b *syncedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Write(p)
	if strings.Contains(b.b.String(), b.until) {
		b.stop()
	}
	return len(p), nil
}

func (b *syncedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
