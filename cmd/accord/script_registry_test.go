package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// startRegistry starts a registry on an empty store, which ends with the script: `registry NAME` sets NAME to its URL.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: registry NAME")
	}
	ctx, cancel := context.WithCancel(context.Background())
	role, err := openRegistry(ctx, registryOptions{store: "sqlite:" + filepath.Join(ts.MkAbs("."), args[0]+".db"), log: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	g := newGroup(ctx)
	g.run(role.registry.Run)
	g.run(func(ctx context.Context) error { return serveHTTP(ctx, l, role.handler, role.drain) })
	ts.Defer(func() { cancel(); g.wait(); role.close() })
	ts.Setenv(args[0], "http://"+l.Addr().String())
}

// request sends a JSON request: `request POST URL BODY`. The body of the answer is its stdout; with ! an answer other
// than 2xx is demanded.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: request METHOD URL [BODY]")
	}
	req, err := http.NewRequest(args[0], args[1], strings.NewReader(strings.Join(args[2:], "")))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(append(text, '\n'))
	ts.Check(err)
	if good := res.StatusCode/100 == 2; good == neg {
		ts.Fatalf("%s %s: %s: %s", args[0], args[1], res.Status, text)
	}
}
