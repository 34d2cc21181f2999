package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/jackc/pgx/v5"
)

// TestMigrations: tables that are behind are left alone when asked, a program that the tables have left behind is
// refused with both numbers, and one that is only older goes on.
func TestMigrations(t *testing.T) {
	url := database(t)
	exec := func(query string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	keep := postgres.Options{KeepTables: true}
	if _, err := keep.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), "has 0 migrations and this program needs") {
		t.Errorf("Open that keeps no tables = %v, want both numbers", err)
	}
	from, to, err := postgres.Migrate(t.Context(), url)
	if err != nil || from != 0 || to == 0 {
		t.Fatalf("Migrate = %d, %d, %v", from, to, err)
	}
	if again, same, err := postgres.Migrate(t.Context(), url); err != nil || again != to || same != to {
		t.Errorf("Migrate again = %d, %d, %v, want %d twice", again, same, err, to)
	}
	s, err := keep.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	exec("INSERT INTO accord.migrations (n, name, least) VALUES (1000, 'of the next release', 1)")
	if s, err = postgres.Open(t.Context(), url); err != nil {
		t.Errorf("Open of tables that the next release made = %v: it must go on while that is rolled out", err)
	} else {
		s.Close()
	}
	exec("INSERT INTO accord.migrations (n, name, least) VALUES (2000, 'of a later one', 1000)")
	_, err = postgres.Open(t.Context(), url)
	if err == nil || !strings.Contains(err.Error(), "has 2000 migrations and serves programs that know at least 1000; this one knows") {
		t.Errorf("Open of tables that have left this program behind = %v, want the numbers", err)
	}
}

// pooler stands before the server and gives out process IDs of its own, as poolers do.
func pooler(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	to := u.Host
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { io.Copy(server, client); server.Close() }()
				for {
					head := make([]byte, 5) // type and length. Source: PostgreSQL, "Message Formats"
					if _, err := io.ReadFull(server, head); err != nil {
						return
					}
					body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
					if _, err := io.ReadFull(server, body); err != nil {
						return
					}
					if head[0] == 'K' { // BackendKeyData
						body[0] ^= 0x40
					}
					if _, err := client.Write(append(head, body...)); err != nil {
						return
					}
				}
			}()
		}
	}()
	u.Host = l.Addr().String()
	return u.String()
}

// TestPooler: a pooler that lends a connection for the whole session is no obstacle to hearing, and neither is one that is
// passed by. What lends by the transaction is tested with PgBouncer itself.
func TestPooler(t *testing.T) {
	direct := database(t)
	pooled := pooler(t, direct)
	for name, o := range map[string]postgres.Options{"through": {}, "past": {Direct: direct}} {
		s, err := o.Open(t.Context(), pooled)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Revision(t.Context()); err != nil {
			t.Errorf("reading through a pooler = %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Watch(ctx, func(catalog.Rev, time.Time) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Errorf("Watch %s a pooler = %v, want a bell", name, err)
		}
		cancel()
	}
}
