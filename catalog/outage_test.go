package catalog_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

// relay stands between a store and its database, and can be cut.
type relay struct {
	address string // of the database
	at      string // where it listens

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

func (r *relay) open(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", r.at)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.listener, r.at, r.conns = l, l.Addr().String(), map[net.Conn]bool{}
	r.mu.Unlock()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", r.address)
			if err != nil {
				client.Close()
				continue
			}
			r.mu.Lock()
			r.conns[client], r.conns[server] = true, true
			r.mu.Unlock()
			go func() { io.Copy(server, client); server.Close() }()
			go func() { io.Copy(client, server); client.Close() }()
		}
	}()
}

// cut closes everything, as a database that stops does.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listener.Close()
	for c := range r.conns {
		c.Close()
	}
}

// TestOutage: while the database is away, a schema seen once is served, all else is refused at once, and afterwards
// everything works again without a restart.
func TestOutage(t *testing.T) {
	direct, err := url.Parse(newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	way := &relay{address: direct.Host, at: "127.0.0.1:0"}
	way.open(t)
	t.Cleanup(way.cut)
	through := *direct
	through.Host = way.at
	r := listening(t, newReplica(t, through.String()))
	awaitListening(t, r)
	ctx, name := t.Context(), subject("a")
	v := register(t, r, name, catalog.Registration{Text: `{"type":"object"}`})
	if _, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); err != nil {
		t.Fatal(err)
	}

	way.cut()
	for deadline := time.Now().Add(2 * time.Second); r.Status().Listening; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("2 s after the cut the registry believes that it listens")
		}
	}
	for what, read := range map[string]func() error{
		"SchemaByID":   func() error { _, err := r.SchemaByID(ctx, "", v.Schema.ID); return err },
		"SchemaByGUID": func() error { _, err := r.SchemaByGUID(ctx, v.Schema.GUID); return err },
	} {
		if err := read(); err != nil {
			t.Errorf("%s of what was seen, without the database = %v", what, err)
		}
	}
	for what, ask := range map[string]func() error{
		"latest": func() error { _, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly); return err },
		"Register": func() error {
			_, err := r.Register(ctx, name, catalog.Registration{Text: `{"type":"object","title":"t"}`})
			return err
		},
		"Ping": func() error { _, err := r.Ping(ctx); return err },
	} {
		began := time.Now()
		err := ask()
		if took := time.Since(began); !errors.Is(err, catalog.Unavailable) || took > 2*time.Second {
			t.Errorf("%s without the database = %v after %s, want Unavailable at once", what, err, took)
		}
	}

	way.open(t)
	awaitListening(t, r)
	if next := register(t, r, name, catalog.Registration{Text: `{"type":"object","title":"t"}`}); next.Number != 2 {
		t.Errorf("after the outage = %+v, want version 2", next)
	}
}
