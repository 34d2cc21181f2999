package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Bounds of every HTTP listener.
const (
	maxHeaderBytes    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	drainTimeout      = 10 * time.Second
)

// listen binds an address. A taken port is an error that names the flag to use; an address beyond loopback needs
// insecure, since nobody has to sign in.
func listen(flag, address string, insecure bool) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, exit(exitUsage, fmt.Errorf("--%s %s: want HOST:PORT", flag, address))
	}
	if !isLoopback(address) && !insecure {
		return nil, exit(exitUsage, fmt.Errorf("--%s %s is reachable from other machines and nobody has to sign in: use a loopback address, make a key by accord token or name a --users file, or say --insecure", flag, address))
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, exit(exitUnavailable, fmt.Errorf("%s is taken by another process: choose another address with --%s", address, flag))
	}
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("listen on %s (--%s): %w", address, flag, err))
	}
	return l, nil
}

// isLoopback says whether only this machine reaches an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// serveHTTP serves until ctx ends, then lets requests in flight finish for drainTimeout; drain, if not nil, is called
// at the beginning of that, for requests that would wait longer.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, drain func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: h, MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: readHeaderTimeout}
	if drain != nil {
		server.RegisterOnShutdown(drain)
	}
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		drained <- server.Shutdown(deadline)
	}()
	err := server.Serve(l)
	cancel()
	if failed := <-drained; errors.Is(err, http.ErrServerClosed) {
		return failed
	}
	return err
}
