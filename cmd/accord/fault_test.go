package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watcher asks one replica the same question all the time and keeps the answers.
type watcher struct {
	stop    atomic.Bool
	wg      sync.WaitGroup
	mu      sync.Mutex
	answers []seen // guarded by mu until finish
}

// seen is an answer, and when it was asked for and came.
type seen struct {
	answer
	asked, came time.Time
}

// watch asks until finish is called.
func watch(ask func() answer) *watcher {
	w := &watcher{}
	w.wg.Go(func() {
		for !w.stop.Load() {
			s := seen{asked: time.Now()}
			s.answer = ask()
			s.came = time.Now()
			w.mu.Lock()
			w.answers = append(w.answers, s)
			w.mu.Unlock()
			time.Sleep(2 * time.Millisecond) // leaves the machine to those who are watched
		}
	})
	return w
}

// finish ends the asking and returns the answers.
func (w *watcher) finish() []seen {
	w.stop.Store(true)
	w.wg.Wait()
	return w.answers
}

// slowest is the longest that an answer took.
func slowest(answers []seen) (longest time.Duration) {
	for _, a := range answers {
		longest = max(longest, a.Took)
	}
	return longest
}

// tally counts answers by status and code.
func tally(answers []seen) map[string]int {
	count := map[string]int{}
	for _, a := range answers {
		count[fmt.Sprintf("%d/%d", a.Status, a.Code)]++
	}
	return count
}

// outage is a load on replicas while the database goes away and comes back.
type outage struct {
	claims  []claim
	retries int
	cached  *watcher // a schema that was seen, by ID
	latest  *watcher // what can change
	wait    func()   // until every registration was answered
}

// underLoad starts outageSchemas registrations and two watchers against the replicas.
func underLoad(t *testing.T, done *atomic.Int64, replicas ...*replica) *outage {
	t.Helper()
	mustBe(t, "no level", replicas[0].ask("PUT", "/config", map[string]string{"compatibility": "NONE"}), http.StatusOK)
	first := mustBe(t, "the first schema", replicas[0].register("seen", closed), http.StatusOK)
	byID := func() answer { return replicas[0].ask("GET", fmt.Sprintf("/schemas/ids/%d", first.ID), nil) }
	mustBe(t, "the first schema by ID", byID(), http.StatusOK)
	o := &outage{cached: watch(byID), latest: watch(func() answer { return replicas[0].latest("seen") })}
	var writing sync.WaitGroup
	writing.Go(func() {
		o.claims, o.retries = registerAll(t, outageSubjects, outageSchemas, 6, func(try int) *replica { return replicas[try%len(replicas)] }, done)
	})
	o.wait = writing.Wait
	return o
}

const (
	outageSubjects = 10
	outageSchemas  = 400
)

// hold demands that every cached answer was good, and that the others were good or refused at once.
func (o *outage) hold(t *testing.T, what string) {
	t.Helper()
	cached, latest := o.cached.finish(), o.latest.finish()
	for _, a := range cached {
		if a.Status != http.StatusOK {
			t.Errorf("a schema that was seen, %s = %d %s", what, a.Status, a.Body)
			break
		}
	}
	refused := 0
	for _, a := range latest {
		if a.Status == http.StatusOK {
			continue
		}
		if refused++; a.Code != 50001 {
			t.Errorf("latest, %s = %d %s, want 50001", what, a.Status, a.Body)
			break
		}
	}
	if refused == 0 {
		t.Errorf("%s was not noticed", what)
	}
	t.Logf("%s: by ID %v, slowest %s; latest %v, slowest %s; %d registrations answered, %d tries in vain",
		what, tally(cached), slowest(cached).Round(time.Millisecond), tally(latest), slowest(latest).Round(time.Millisecond), len(o.claims), o.retries)
}

// awaitDone waits until so many registrations were answered.
func awaitDone(t *testing.T, done *atomic.Int64, n int64) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); done.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d registrations were answered, want %d", done.Load(), n)
		}
	}
}

// TestDatabaseRestarts stops and starts PostgreSQL under load, once in order and once as a crash: schemas seen once are
// served throughout, the rest is 50001 at once, and everything goes on without a restart; nothing is lost or doubled.
func TestDatabaseRestarts(t *testing.T) {
	db := newDatabase(t)
	a, b := startReplica(t, db.at(db.address())), startReplica(t, db.at(db.address()))
	var done atomic.Int64
	o := underLoad(t, &done, a, b)
	for i, mode := range []string{"fast", "immediate"} {
		awaitDone(t, &done, int64(outageSchemas*(i+1)/4))
		db.stop(t, mode)
		a.await(t, "readiness to be gone", func() bool { return a.ready().Status == http.StatusServiceUnavailable })
		began := time.Now()
		if refused := b.register("refused", closed); refused.Code != 50001 || refused.Took > 2*time.Second {
			t.Errorf("register without a database = %d %s after %s, want 50001 at once", refused.Status, refused.Body, refused.Took)
		}
		if native := b.ask("GET", "/v1/subjects", nil); native.Status != http.StatusServiceUnavailable || native.Took > 2*time.Second {
			t.Errorf("a native route without a database = %d %s after %s, want 503 at once", native.Status, native.Body, native.Took)
		}
		db.start(t)
		for _, r := range []*replica{a, b} {
			r.await(t, "the cache to be live again", func() bool { s := r.ready(); return s.Status == http.StatusOK && s.Cache == "live" })
		}
		t.Logf("%s: away for about %s", mode, time.Since(began).Round(time.Millisecond))
	}
	o.wait()
	o.hold(t, "PostgreSQL restarted")
	holdClaims(t, a, outageSubjects, o.claims)
}

// TestFailover leads the replicas to a standby that was promoted. It follows synchronously, so that nothing that was
// answered is lost.
func TestFailover(t *testing.T) {
	primary := newDatabase(t)
	standby := primary.standby(t)
	way := newRelay(t, primary.address())
	a, b := startReplica(t, primary.at(way.address())), startReplica(t, primary.at(way.address()))
	primary.do(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	primary.do(t, "SELECT pg_reload_conf()")
	var done atomic.Int64
	o := underLoad(t, &done, a, b)
	awaitDone(t, &done, outageSchemas/3)
	way.lead("", true)
	primary.stop(t, "immediate")
	began := time.Now()
	standby.must(t, "pg_ctl", "-D", standby.dir, "-w", "promote")
	way.lead(standby.address(), false)
	for _, r := range []*replica{a, b} {
		r.await(t, "the cache to be live again", func() bool { s := r.ready(); return s.Status == http.StatusOK && s.Cache == "live" })
	}
	t.Logf("failed over in %s", time.Since(began).Round(time.Millisecond))
	o.wait()
	o.hold(t, "failed over to a standby")
	holdClaims(t, a, outageSubjects, o.claims)
}

// standby makes a server that follows this one, and starts it.
func (d *database) standby(t *testing.T) *database {
	t.Helper()
	dir, err := os.MkdirTemp("", "accord-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &database{bin: d.bin, dir: filepath.Join(dir, "db"), port: freePort(t)}
	s.own(t, dir)
	s.must(t, "pg_basebackup", "-d", fmt.Sprintf("postgres://postgres@%s/?application_name=standby", d.address()), "-D", s.dir, "-R", "-X", "stream", "-c", "fast")
	t.Cleanup(func() { s.run("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop") })
	s.start(t)
	return s
}

// TestSilentDatabase makes the whole path to the database half-open: schemas seen once are served, the rest is refused
// at once as soon as that is known, and all goes on when the path is whole again.
func TestSilentDatabase(t *testing.T) {
	url, err := url.Parse(sharedDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	way := newRelay(t, url.Host)
	url.Host = way.address()
	r := startReplica(t, url.String())
	seen := mustBe(t, "a schema", r.register("seen", closed), http.StatusOK)
	byID := func() answer { return r.ask("GET", fmt.Sprintf("/schemas/ids/%d", seen.ID), nil) }
	mustBe(t, "by ID", byID(), http.StatusOK)
	cached := watch(byID)
	way.swallow(true)
	began := time.Now()
	r.await(t, "latest to be refused", func() bool { return r.latest("seen").Code == 50001 })
	noticed := time.Since(began)
	later := watch(func() answer { return r.latest("seen") })
	time.Sleep(2 * time.Second) // as long as the silence lasts
	refusals := later.finish()
	way.swallow(false)
	r.await(t, "latest to be answered again", func() bool { return r.latest("seen").Status == http.StatusOK })
	for _, a := range cached.finish() {
		if a.Status != http.StatusOK || a.Took > 2*time.Second {
			t.Fatalf("by ID without a database = %d %s after %s", a.Status, a.Body, a.Took)
		}
	}
	for _, a := range refusals {
		if a.Code != 50001 || a.Took > time.Second {
			t.Errorf("latest without a database = %d %s after %s, want 50001 at once", a.Status, a.Body, a.Took)
		}
	}
	t.Logf("noticed after %s; then %v, slowest %s", noticed.Round(time.Millisecond), tally(refusals), slowest(refusals).Round(time.Millisecond))
}

// A stamp says when a version was acknowledged.
type stamp struct {
	version int
	at      time.Time
}

// stale is how old an answer was at most when it came: the time since a newer version than it shows was acknowledged.
// Only answers to questions that were asked after that are counted as stale.
func stale(answers []seen, stamps []stamp) (longest time.Duration) {
	for _, a := range answers {
		if a.Status != http.StatusOK {
			continue
		}
		for _, s := range stamps {
			if s.version > a.Version {
				if s.at.Before(a.asked) {
					longest = max(longest, a.asked.Sub(s.at))
				}
				break
			}
		}
	}
	return longest
}

// writeFor registers version after version on a replica and returns when each was acknowledged.
func writeFor(t *testing.T, r *replica, subject string, d time.Duration) (stamps []stamp) {
	t.Helper()
	for began := time.Now(); time.Since(began) < d; time.Sleep(20 * time.Millisecond) {
		a := mustBe(t, "a version", r.register(subject, fmt.Sprintf(`{"title":"%s","const":%d}`, t.Name(), time.Now().UnixNano())), http.StatusOK)
		stamps = append(stamps, stamp{a.Version, time.Now()})
	}
	return stamps
}

// maxStale is what an answer may be old at most.
const maxStale = 2 * time.Second

// deafReplicas are a replica that writes, and one whose listening connection goes through a relay.
func deafReplicas(t *testing.T, db *database, way *relay) (writer, reader *replica) {
	t.Helper()
	writer = startReplica(t, db.at(db.address()))
	reader = startReplica(t, db.at(db.address()), "--store-direct", db.at(way.address()))
	mustBe(t, "no level", writer.ask("PUT", "/config", map[string]string{"compatibility": "NONE"}), http.StatusOK)
	return writer, reader
}

// TestDeafness takes the ears of a replica in each way there is, while another one writes: no answer is older than two
// seconds, /readyz says so, and afterwards nothing was missed.
func TestDeafness(t *testing.T) {
	db := newDatabase(t)
	way := newRelay(t, db.address())
	writer, reader := deafReplicas(t, db, way)
	live := func() bool { return reader.ready().Cache == "live" }
	for _, fault := range []struct {
		name        string
		begin, end  func()
		passThrough bool // /readyz is to say so before the fault ends
		lasts       time.Duration
	}{
		{"the listening connection is terminated", func() {
			db.do(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'accord' AND query LIKE '%max(rev)%'")
		}, func() {}, false, 500 * time.Millisecond},
		{"the path swallows every byte", func() { way.swallow(true) }, func() { way.swallow(false) }, true, 3500 * time.Millisecond},
		{"the path is cut", func() { way.lead("", true) }, func() { way.lead(db.address(), false) }, true, time.Second},
	} {
		t.Run(fault.name, func(t *testing.T) {
			subject := fmt.Sprintf("deaf-%d", time.Now().UnixNano())
			mustBe(t, "the first version", writer.register(subject, closed), http.StatusOK)
			reader.await(t, "the cache to be live", live)
			w := watch(func() answer { return reader.latest(subject) })
			fault.begin()
			stamps := writeFor(t, writer, subject, fault.lasts)
			if s := reader.ready(); fault.passThrough && (s.Cache != "pass-through" || s.Status != http.StatusOK) {
				t.Errorf("/readyz = %d %s, want pass-through, which is ready", s.Status, s.Body)
			}
			fault.end()
			reader.await(t, "the cache to be live again", live)
			stamps = append(stamps, writeFor(t, writer, subject, 200*time.Millisecond)...)
			answers := w.finish()
			longest := stale(answers, stamps)
			if longest > maxStale {
				t.Errorf("an answer was %s old", longest)
			}
			last := stamps[len(stamps)-1].version
			if got := reader.numbersAt(t, subject, reader.ready().Revision); len(got) < last {
				t.Errorf("after the replay %d versions, want %d", len(got), last)
			}
			t.Logf("%d answers %v, %d versions written; the oldest answer was %s old", len(answers), tally(answers), len(stamps), longest.Round(time.Millisecond))
		})
	}
	metrics := reader.ask("GET", "/metrics", nil).Body
	for _, name := range []string{"accord_catalog_deaf_seconds_total", "accord_catalog_cache_hits_total", "accord_catalog_revision_lag"} {
		var value float64
		if !metricOf(metrics, name, &value) {
			t.Errorf("/metrics has no %s", name)
		}
		switch {
		case name == "accord_catalog_deaf_seconds_total" && (value < 2 || value > 60), name == "accord_catalog_cache_hits_total" && value == 0,
			name == "accord_catalog_revision_lag" && value > 100:
			t.Errorf("%s is %g", name, value)
		}
	}
}

// TestPausedReplica stops a replica's process for longer than an answer may be old, and lets it go on: it notices before
// it answers, also where the bells that rang meanwhile were lost.
func TestPausedReplica(t *testing.T) {
	db := newDatabase(t)
	way := newRelay(t, db.address())
	writer, reader := deafReplicas(t, db, way)
	for _, lost := range []bool{false, true} {
		t.Run(map[bool]string{false: "bells wait", true: "bells are lost"}[lost], func(t *testing.T) {
			subject := fmt.Sprintf("paused-%t", lost)
			mustBe(t, "the first version", writer.register(subject, closed), http.StatusOK)
			reader.await(t, "the cache to be live", func() bool { return reader.ready().Cache == "live" })
			mustBe(t, "latest", reader.latest(subject), http.StatusOK) // and so into memory
			pause(t, reader, true)
			way.swallow(lost)
			stamps := writeFor(t, writer, subject, 300*time.Millisecond)
			time.Sleep(maxStale + 200*time.Millisecond) // the pause is the fault
			var waiting sync.WaitGroup
			var answers [8]seen
			for i := range answers {
				waiting.Go(func() {
					answers[i].asked = time.Now()
					answers[i].answer = reader.latest(subject)
				})
			}
			pause(t, reader, false)
			waiting.Wait()
			longest := stale(answers[:], stamps)
			if longest > maxStale {
				t.Errorf("an answer was %s old", longest)
			}
			t.Logf("answers %v; the oldest was %s old", tally(answers[:]), longest.Round(time.Millisecond))
			way.swallow(false)
		})
	}
}

// TestRevisionCarries: with the revision of an answer in the header the other replica answers nothing older than what
// was acknowledged before, at once.
func TestRevisionCarries(t *testing.T) {
	replicas := fleet(t, "PostgreSQL")
	mustBe(t, "no level", replicas[0].ask("PUT", "/config", map[string]string{"compatibility": "NONE"}), http.StatusOK)
	const rounds = 150
	for i := range rounds {
		writes, reads := replicas[i%len(replicas)], replicas[(i+1)%len(replicas)]
		a := mustBe(t, "a version", writes.register("carried", fmt.Sprintf(`{"const":%d}`, i)), http.StatusOK)
		got := mustBe(t, "latest", reads.latest("carried", "X-Accord-Revision", fmt.Sprint(a.Revision)), http.StatusOK)
		if got.Version != a.Version || got.Revision < a.Revision {
			t.Fatalf("round %d: latest at revision %d is version %d at revision %d, want %d", i, a.Revision, got.Version, got.Revision, a.Version)
		}
	}
}

// TestRestoredBackup puts an older state under a replica that runs: what it held in memory never was, and it says so; once
// with a store that is still below what it knew, once with one that has grown past it again.
func TestRestoredBackup(t *testing.T) {
	for _, grown := range []bool{false, true} {
		t.Run(map[bool]string{false: "below", true: "grown past"}[grown], func(t *testing.T) {
			db := newDatabase(t)
			way := newRelay(t, db.address())
			r := startReplica(t, db.at(way.address()))
			mustBe(t, "kept", r.register("kept", closed), http.StatusOK)
			db.stop(t, "fast")
			if err := os.CopyFS(db.dir+".backup", os.DirFS(db.dir)); err != nil {
				t.Fatal(err)
			}
			db.start(t)
			r.await(t, "the cache to be live", func() bool { return r.ready().Cache == "live" })
			var lost []answer
			for i := range 3 {
				lost = append(lost, mustBe(t, "lost", r.register(fmt.Sprintf("lost-%d", i), fmt.Sprintf(`{"title":"before the backup was restored","const":%d}`, i)), http.StatusOK))
			}
			for _, a := range lost {
				mustBe(t, "by ID", r.ask("GET", fmt.Sprintf("/schemas/ids/%d", a.ID), nil), http.StatusOK)
			}
			way.lead("", true)
			db.stop(t, "fast")
			db.restore(t)
			db.start(t)
			if grown {
				other := startReplica(t, db.at(db.address()))
				for i := range 6 {
					mustBe(t, "other", other.register(fmt.Sprintf("other-%d", i), fmt.Sprintf(`{"title":"after","const":%d}`, i)), http.StatusOK)
				}
			}
			way.lead(db.address(), false)
			r.await(t, "the cache to be live again", func() bool { return r.ready().Cache == "live" })
			for i, a := range lost {
				got := r.ask("GET", fmt.Sprintf("/schemas/ids/%d", a.ID), nil)
				if grown && got.Schema == a.Schema || !grown && got.Status != http.StatusNotFound || got.Schema == fmt.Sprintf(`{"title":"before the backup was restored","const":%d}`, i) {
					t.Errorf("ID %d, which was lost = %d %s", a.ID, got.Status, got.Body)
				}
				mustBe(t, "a lost subject", r.latest(fmt.Sprintf("lost-%d", i)), http.StatusNotFound)
			}
			var subjects []string
			if err := json.Unmarshal([]byte(r.ask("GET", "/subjects", nil).Body), &subjects); err != nil || !slices.Contains(subjects, "kept") {
				t.Errorf("subjects %v, %v", subjects, err)
			}
			if !containsLog(r, "went back in time") {
				t.Errorf("the log does not tell that the store went back in time:\n%s", r.log)
			}
		})
	}
}
