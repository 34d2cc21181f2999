package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A claim is a registration and what was answered to it, if anything was.
type claim struct {
	subject, schema string
	answer
}

// registerAll registers schemas from several writers, each until it is answered, and returns what the answers claim.
// pick chooses the replica to ask next; done counts the answers.
func registerAll(t *testing.T, subjects, schemas, writers int, pick func(try int) *replica, done *atomic.Int64) (claims []claim, retries int) {
	t.Helper()
	claims = make([]claim, schemas)
	var next, again atomic.Int64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= schemas {
					return
				}
				c := claim{subject: fmt.Sprintf("s%d", i%subjects), schema: fmt.Sprintf(`{"title":"schema %d","const":%d}`, i, i)}
				deadline := time.Now().Add(60 * time.Second)
				for try := i; ; try++ {
					c.answer = pick(try).register(c.subject, c.schema)
					if c.Status == http.StatusOK {
						break
					}
					if !c.unknown() || time.Now().After(deadline) {
						t.Errorf("register schema %d = %d %s", i, c.Status, c.Body)
						return
					}
					again.Add(1)
					time.Sleep(5 * time.Millisecond) // so that a client does not spin while nobody is there
				}
				claims[i] = c
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return claims, int(again.Load())
}

// holdClaims holds what was answered against what is there: each claim whole, numbers without gaps or doubles, one ID for
// each schema, and the same ID for who asks again.
func holdClaims(t *testing.T, r *replica, subjects int, claims []claim) {
	t.Helper()
	ids := map[int]string{}
	count := map[string]int{}
	for _, c := range claims {
		if other := ids[c.ID]; other != "" {
			t.Errorf("ID %d was given to %s and to %s", c.ID, other, c.schema)
		}
		ids[c.ID] = c.schema
		count[c.subject]++
		got := r.ask("GET", fmt.Sprintf("/subjects/%s/versions/%d", c.subject, c.Version), nil)
		if got.Status != http.StatusOK || got.Schema != c.schema || got.ID != c.ID {
			t.Errorf("%s version %d was answered as ID %d, and is %d %s", c.subject, c.Version, c.ID, got.Status, got.Body)
		}
		if got := r.register(c.subject, c.schema); got.ID != c.ID || got.Version != c.Version {
			t.Errorf("again = ID %d version %d, want %d and %d", got.ID, got.Version, c.ID, c.Version)
		}
	}
	for i := range subjects {
		subject := fmt.Sprintf("s%d", i)
		want := make([]int, count[subject])
		for n := range want {
			want[n] = n + 1
		}
		if got := r.numbers(t, subject); !slices.Equal(got, want) {
			t.Errorf("%s has versions %v, want 1 to %d", subject, got, len(want))
		}
	}
}

// killAtRandom kills and starts replicas, one at a time, until done has reached all.
func killAtRandom(t *testing.T, replicas []*replica, done *atomic.Int64, all int) (kills int) {
	t.Helper()
	for done.Load() < int64(all)*9/10 {
		time.Sleep(time.Duration(30+rand.IntN(250)) * time.Millisecond) // a random point is what the test is about
		r := replicas[rand.IntN(len(replicas))]
		r.kill()
		kills++
		r.start(t)
	}
	return kills
}

// TestKilledReplica kills replicas at random points of 1,000 registrations, as a power cut does. What was answered is
// there, what was not is there whole or not at all, and who asks again gets the same ID.
func TestKilledReplica(t *testing.T) {
	const subjects, schemas, writers = 20, 1000, 8
	for store, open := range map[string]func() []*replica{
		"PostgreSQL": func() []*replica {
			url := sharedDatabase(t)
			return []*replica{startReplica(t, url), startReplica(t, url)}
		},
		"SQLite": func() []*replica {
			return []*replica{startReplica(t, "sqlite:"+filepath.Join(t.TempDir(), "accord.db"))}
		},
	} {
		t.Run(store, func(t *testing.T) {
			replicas := open()
			mustBe(t, "no level", replicas[0].ask("PUT", "/config", map[string]string{"compatibility": "NONE"}), http.StatusOK)
			var done atomic.Int64
			var claims []claim
			var retries int
			var writing sync.WaitGroup
			writing.Go(func() {
				claims, retries = registerAll(t, subjects, schemas, writers, func(try int) *replica { return replicas[try%len(replicas)] }, &done)
			})
			kills := killAtRandom(t, replicas, &done, schemas)
			writing.Wait()
			if t.Failed() {
				return
			}
			holdClaims(t, replicas[0], subjects, claims)
			if store == "SQLite" {
				replicas[0].kill()
				holdFile(t, strings.TrimPrefix(replicas[0].args[1], "sqlite:"))
			}
			t.Logf("%s: %d registrations, %d kills, %d answers that never came", store, schemas, kills, retries)
		})
	}
}

// holdFile demands that SQLite finds nothing wrong with a file.
func holdFile(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check = %s, %v", verdict, err)
	}
}

// smallDisk returns a folder on a disk of its own of a few megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", dir).Run(); err != nil {
		leaveOut(t, "a small disk (mount needs root)")
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	return dir
}

// TestFullDisk fills the disk under SQLite while writers register. What is refused is not there, what was answered is,
// and when there is room again the same process goes on.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	file := filepath.Join(dir, "accord.db")
	r := startReplica(t, "sqlite:"+file)
	mustBe(t, "no level", r.ask("PUT", "/config", map[string]string{"compatibility": "NONE"}), http.StatusOK)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var claims, refused []claim
	together([]*replica{r}, 4, func(w int, r *replica) {
		for i := range 200 {
			c := claim{subject: fmt.Sprintf("s%d", w), schema: fmt.Sprintf(`{"title":"schema %d of %d","description":"%s"}`, i, w, strings.Repeat("x", 8<<10))}
			c.answer = r.register(c.subject, c.schema)
			mu.Lock()
			switch {
			case c.Status == http.StatusOK:
				claims = append(claims, c)
			case c.Code == 50001:
				refused = append(refused, c)
			default:
				t.Errorf("on a full disk: %d %s", c.Status, c.Body)
			}
			enough := len(refused) >= 8
			mu.Unlock()
			if enough {
				return
			}
		}
	})
	if len(refused) == 0 || len(claims) == 0 {
		t.Fatalf("%d registrations were answered and %d refused, want both", len(claims), len(refused))
	}
	for _, c := range refused {
		if a := r.ask("POST", "/subjects/"+c.subject, map[string]string{"schemaType": "JSON", "schema": c.schema}); a.Status != http.StatusNotFound {
			t.Errorf("what was refused is there: %d %s", a.Status, a.Body)
		}
	}
	if a := mustBe(t, "a schema that is there", r.ask("GET", fmt.Sprintf("/schemas/ids/%d", claims[0].ID), nil), http.StatusOK); a.Schema != claims[0].schema {
		t.Errorf("schema %d is %s", claims[0].ID, a.Schema)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for _, c := range refused {
		c.answer = mustBe(t, "with room again", r.register(c.subject, c.schema), http.StatusOK)
		claims = append(claims, c)
	}
	r.kill()
	r.start(t)
	holdClaims(t, r, 4, claims)
	r.kill()
	holdFile(t, file)
	t.Logf("%d registrations answered, %d refused on the full disk", len(claims)-len(refused), len(refused))
}
