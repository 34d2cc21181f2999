package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// startPooler starts PgBouncer before the database of a store, and returns the URL through it. By the transaction it lends
// so few connections that all who ask share them.
func startPooler(t *testing.T, store, mode string) string {
	t.Helper()
	file, err := exec.LookPath("pgbouncer")
	if err != nil {
		file = "/usr/sbin/pgbouncer" // where Debian puts it, outside the path of most users
		if _, err := os.Stat(file); err != nil {
			leaveOut(t, "PgBouncer (Debian package pgbouncer)")
		}
	}
	u, err := url.Parse(store)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "accord-pooler-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	password, _ := u.User.Password()
	size := 4
	if mode == "session" {
		size = 40
	}
	address := net.JoinHostPort("127.0.0.1", fmt.Sprint(freePort(t)))
	_, port, _ := net.SplitHostPort(address)
	settings, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users.txt")
	if err := os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", u.User.Username(), password), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(settings, fmt.Appendf(nil, `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 200
`, u.Hostname(), u.Port(), port, users, mode, size), 0o644); err != nil {
		t.Fatal(err)
	}
	var user database
	user.own(t, dir) // PgBouncer refuses root, as PostgreSQL does
	log := &output{}
	cmd := exec.Command(file, settings)
	cmd.Dir, cmd.Stderr, cmd.SysProcAttr = dir, log, user.as
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("PgBouncer does not listen: %v\n%s", err, log)
		}
	}
	u.Host, u.User = address, url.User(u.User.Username())
	return u.String()
}

// TestPooler puts PgBouncer before the database of two replicas. Connections that are lent by the transaction cannot
// listen: the replicas say so and pass through, unless they are told a way past it. Lent by the session they listen.
// In each case nothing is lost, contradictions do not land, and a replica answers no older than two seconds.
func TestPooler(t *testing.T) {
	for _, c := range []struct {
		name, mode string
		direct     bool
		cache      string
	}{
		{"by the transaction", "transaction", false, "pass-through"},
		{"by the transaction, with a way past it", "transaction", true, "live"},
		{"by the session", "session", false, "live"},
	} {
		t.Run(c.name, func(t *testing.T) {
			straight := sharedDatabase(t)
			through := startPooler(t, straight, c.mode)
			var args []string
			if c.direct {
				args = []string{"--store-direct", straight}
			}
			a, b := startReplica(t, through, args...), startReplica(t, through, args...)
			replicas := []*replica{a, b}
			for _, r := range replicas {
				if c.cache == "live" {
					r.await(t, "the cache to be live", func() bool { return r.ready().Cache == "live" })
					continue
				}
				r.await(t, "the log to name --store-direct", func() bool { return containsLog(r, "--store-direct") })
				if s := r.ready(); s.Status != http.StatusOK || s.Cache != c.cache {
					t.Errorf("/readyz = %d %s, want %s, which is ready", s.Status, s.Body, c.cache)
				}
			}
			const rounds, writers = 15, 8
			for round := range rounds {
				subject := fmt.Sprintf("round-%d", round)
				mustBe(t, "the first version", a.register(subject, closed), http.StatusOK)
				mustBe(t, "latest on the other", b.latest(subject), http.StatusOK)
				var mu sync.Mutex
				var accepted []answer
				together(replicas, writers, func(w int, r *replica) {
					got := r.register(subject, kindOf(w))
					mu.Lock()
					defer mu.Unlock()
					if got.Status == http.StatusOK {
						accepted = append(accepted, got)
					} else if got.Status != http.StatusConflict {
						t.Errorf("round %d, writer %d: %d %s", round, w, got.Status, got.Body)
					}
				})
				acknowledged := time.Now()
				if len(accepted) != 1 {
					t.Fatalf("round %d accepted %+v, want exactly one", round, accepted)
				}
				for _, r := range replicas {
					r.await(t, "the version that was accepted", func() bool { return mustBe(t, "latest", r.latest(subject), http.StatusOK).Version == 2 })
					if took := time.Since(acknowledged); took > maxStale {
						t.Errorf("round %d: latest was old for %s", round, took)
					}
					if got := r.numbersAt(t, subject, accepted[0].Revision); !slices.Equal(got, []int{1, 2}) {
						t.Errorf("round %d: versions %v, want 1 and 2", round, got)
					}
				}
			}
			for _, r := range replicas { // whatever the API asks the database must be fit for borrowed connections
				for _, path := range []string{
					"/subjects", "/schemas?latestOnly=true", "/config/round-1?defaultToGlobal=true", "/schemas/ids/1/versions", "/v1/subjects?expand=latest,config,usage",
					"/v1/changes?limit=5", "/v1/audit?subject=round-1", "/v1/export", "/v1/bindings", "/contexts",
				} {
					mustBe(t, path, r.ask("GET", path, nil), http.StatusOK)
				}
				mustBe(t, "soft deletion", r.ask("DELETE", "/subjects/round-1/versions/2", nil), http.StatusOK)
				mustBe(t, "undeletion", r.ask("POST", "/v1/subjects/round-1/undelete", map[string]any{"versions": []int{2}}), http.StatusOK)
				r.await(t, "the cache to be "+c.cache, func() bool { return r.ready().Cache == c.cache })
				if log := r.log.String(); strings.Contains(log, "prepared statement") {
					t.Errorf("the log tells of prepared statements:\n%s", log)
				}
			}
		})
	}
}
