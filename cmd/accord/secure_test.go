package main

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// TestRequiredCertificates: where a listener knows no other sign-in, authorities of clients keep out whoever has no
// certificate of theirs; elsewhere a certificate is one way in of several.
func TestRequiredCertificates(t *testing.T) {
	folder := t.TempDir()
	f := tlsFlags{cert: filepath.Join(folder, "c.pem"), key: filepath.Join(folder, "k.pem"), clientCA: filepath.Join(folder, "c.pem")}
	certificate(t, 1, f.cert, f.key)
	ours, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	for what, c := range map[string]struct {
		config func(*slog.Logger) (*tls.Config, error)
		with   []tls.Certificate
		comes  bool
	}{
		"none, one is required":  {f.required, nil, false},
		"ours, one is required":  {f.required, []tls.Certificate{ours}, true},
		"none, none is required": {f.config, nil, true},
	} {
		config, err := c.config(log)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- serveHTTP(ctx, secured(l, config), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "in") }), nil)
		}()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: c.with}, DisableKeepAlives: true}}
		res, err := client.Get("https://" + l.Addr().String())
		if err == nil {
			res.Body.Close()
		}
		if (err == nil) != c.comes {
			t.Errorf("%s: %v, want that it comes in: %v", what, err, c.comes)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if c, err := (&tlsFlags{}).required(log); c != nil || err != nil {
		t.Errorf("without flags: %v, %v", c, err)
	}
	if _, err := (&tlsFlags{clientCA: "x"}).required(log); err == nil {
		t.Error("authorities without a certificate to show were taken")
	}
}
