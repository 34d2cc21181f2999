package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The schemas of these tests. Every kindOf may follow closed, and none may follow another: the member "kind", unknown so
// far, becomes a constant. openKind may follow all of them, and none of them may follow it.
const (
	closed   = `{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}`
	openKind = `{"type":"object","properties":{"id":{"type":"string"},"kind":true},"required":["id"],"additionalProperties":false}`
)

func kindOf(i int) string {
	return fmt.Sprintf(`{"type":"object","properties":{"id":{"type":"string"},"kind":{"const":"k%d"}},"required":["id"],"additionalProperties":false}`, i)
}

// fleet are the processes that a test of several writers runs against: three over one PostgreSQL, or one over SQLite.
func fleet(t *testing.T, store string) []*replica {
	t.Helper()
	if store == "SQLite" {
		return []*replica{startReplica(t, "sqlite:"+filepath.Join(t.TempDir(), "accord.db"))}
	}
	url := sharedDatabase(t)
	return []*replica{startReplica(t, url), startReplica(t, url), startReplica(t, url)}
}

// together runs f for each of n writers at the same moment, each with a replica of its own, and waits for all.
func together(replicas []*replica, n int, f func(writer int, r *replica)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for w := range n {
		wg.Go(func() {
			<-start
			f(w, replicas[w%len(replicas)])
		})
	}
	close(start)
	wg.Wait()
}

// TestContradictionsNeverLand lets writers on several replicas register schemas at once of which each may follow
// version 1 and none another. Exactly one lands in each round.
func TestContradictionsNeverLand(t *testing.T) {
	for _, store := range []string{"PostgreSQL", "SQLite"} {
		t.Run(store, func(t *testing.T) {
			const writers, rounds = 12, 200
			replicas := fleet(t, store)
			began, refused := time.Now(), 0
			for round := range rounds {
				subject := fmt.Sprintf("round-%d", round)
				mustBe(t, "the first version", replicas[0].register(subject, closed), http.StatusOK)
				var mu sync.Mutex
				var accepted []answer
				together(replicas, writers, func(w int, r *replica) {
					a := r.register(subject, kindOf(w))
					mu.Lock()
					defer mu.Unlock()
					switch a.Status {
					case http.StatusOK:
						accepted = append(accepted, a)
					case http.StatusConflict:
						refused++
					default:
						t.Errorf("round %d, writer %d: %d %s", round, w, a.Status, a.Body)
					}
				})
				if len(accepted) != 1 {
					t.Fatalf("round %d accepted %+v, want exactly one", round, accepted)
				}
				seen := replicas[round%len(replicas)]
				if got := seen.numbersAt(t, subject, accepted[0].Revision); !slices.Equal(got, []int{1, 2}) {
					t.Errorf("round %d: versions %v, want 1 and 2", round, got)
				}
				if round%10 == 0 {
					seen.holdNeighbours(t, subject)
				}
			}
			t.Logf("%s: %d processes, %d rounds, %d writers: %d accepted, %d refused, in %s",
				store, len(replicas), rounds, writers, rounds, refused, time.Since(began).Round(time.Millisecond))
		})
	}
}

// numbersAt are the versions of a subject as of a revision or later, on any replica.
func (r *replica) numbersAt(t *testing.T, subject string, rev uint64) (list []int) {
	t.Helper()
	a := mustBe(t, "versions", r.ask("GET", "/subjects/"+subject+"/versions", nil, "X-Accord-Revision", fmt.Sprint(rev)), http.StatusOK)
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestContradictionsNeverLandAmongOtherChanges mixes changes of policy, deletions and undeletions in. Under every level
// that is set here a version must read what the live ones before it wrote.
func TestContradictionsNeverLandAmongOtherChanges(t *testing.T) {
	for _, store := range []string{"PostgreSQL", "SQLite"} {
		t.Run(store, func(t *testing.T) {
			const writers, rounds = 12, 40
			replicas := fleet(t, store)
			var mu sync.Mutex
			outcomes := map[string]int{}
			levels := []string{"BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}
			for round := range rounds {
				subject := fmt.Sprintf("mixed-%d", round)
				mustBe(t, "the first version", replicas[0].register(subject, closed), http.StatusOK)
				mustBe(t, "another version", replicas[0].register(subject, kindOf(99)), http.StatusOK)
				together(replicas, writers, func(w int, r *replica) {
					what, a := "register", answer{}
					switch dice := rand.IntN(10); {
					case dice < 5:
						a = r.register(subject, kindOf(w))
					case dice == 5:
						a = r.register(subject, openKind)
					case dice == 6:
						what, a = "config", r.level(subject, levels[rand.IntN(len(levels))])
					case dice < 9:
						what, a = "delete", r.ask("DELETE", fmt.Sprintf("/subjects/%s/versions/%d", subject, 2+rand.IntN(2)), nil)
					default:
						what, a = "undelete", r.ask("POST", "/v1/subjects/"+subject+"/undelete", map[string]any{"versions": []int{2}})
					}
					mu.Lock()
					defer mu.Unlock()
					outcomes[fmt.Sprintf("%s %d", what, a.Status)]++
					if a.Status == 0 || a.Status >= 500 || a.Status == http.StatusTooManyRequests {
						t.Errorf("round %d: %s = %d %s", round, what, a.Status, a.Body)
					}
				})
				last := replicas[round%len(replicas)]
				mustBe(t, "the level", last.level(subject, "BACKWARD"), http.StatusOK)
				last.holdNeighbours(t, subject)
			}
			if outcomes["register 409"] == 0 || outcomes["register 200"] == 0 {
				t.Errorf("outcomes %v: want registrations accepted and refused", outcomes)
			}
			t.Logf("%s: %d rounds, %d writers: %v", store, rounds, writers, outcomes)
		})
	}
}

// TestIdenticalRegistrations: the same schema registered at once is one version with one ID, and under several subjects
// one ID.
func TestIdenticalRegistrations(t *testing.T) {
	replicas := fleet(t, "PostgreSQL")
	const writers, rounds = 12, 30
	for round := range rounds {
		schema := fmt.Sprintf(`{"title":"round %d"}`, round)
		ids, places := make([]int, writers), make([]string, writers)
		together(replicas, writers, func(w int, r *replica) {
			subject := fmt.Sprintf("same-%d-%d", round, w%2)
			a := r.register(subject, schema)
			if a.Status != http.StatusOK {
				t.Errorf("round %d: %d %s", round, a.Status, a.Body)
			}
			ids[w], places[w] = a.ID, fmt.Sprint(subject, " ", a.Version)
		})
		slices.Sort(ids)
		slices.Sort(places)
		if ids, places := slices.Compact(ids), slices.Compact(places); len(ids) != 1 || len(places) != 2 {
			t.Errorf("round %d: IDs %v at %v, want one ID at two places", round, ids, places)
		}
	}
}

// TestRegisterAgainstDeletion: of a registration that refers to a version, and the deletion of that version, one wins.
func TestRegisterAgainstDeletion(t *testing.T) {
	replicas := fleet(t, "PostgreSQL")
	const rounds = 40
	won := map[string]int{}
	for round := range rounds {
		target, referrer := fmt.Sprintf("target-%d", round), fmt.Sprintf("referrer-%d", round)
		mustBe(t, "the target", replicas[0].register(target, `{"type":"string"}`), http.StatusOK)
		var registered, deleted answer
		together(replicas, 2, func(w int, r *replica) {
			if w == 0 {
				registered = r.ask("POST", "/subjects/"+referrer+"/versions", map[string]any{
					"schemaType": "JSON", "schema": `{"$ref":"t.json"}`,
					"references": []map[string]any{{"name": "t.json", "subject": target, "version": 1}},
				})
				return
			}
			deleted = r.ask("DELETE", "/subjects/"+target+"/versions/1", nil)
		})
		switch {
		case registered.Status == http.StatusOK && deleted.Code == 42206:
			won["register"]++
		case registered.Code == 42201 && deleted.Status == http.StatusOK:
			won["delete"]++
		default:
			t.Errorf("round %d: register = %d %s, delete = %d %s, want one of them", round, registered.Status, registered.Body, deleted.Status, deleted.Body)
		}
	}
	t.Logf("%d rounds, won by: %v", rounds, won)
}

// TestConfigAgainstRegistration: once a level is set, nothing lands that it forbids, in the order of the history.
func TestConfigAgainstRegistration(t *testing.T) {
	replicas := fleet(t, "PostgreSQL")
	const rounds = 40
	won := map[string]int{}
	for round := range rounds {
		subject := fmt.Sprintf("level-%d", round)
		mustBe(t, "the first version", replicas[0].register(subject, closed), http.StatusOK)
		mustBe(t, "another version", replicas[0].register(subject, kindOf(0)), http.StatusOK)
		mustBe(t, "no level", replicas[0].level(subject, "NONE"), http.StatusOK)
		together(replicas, 3, func(w int, r *replica) {
			if w == 0 {
				mustBeOneOf(t, r.level(subject, "BACKWARD"), http.StatusOK)
				return
			}
			mustBeOneOf(t, r.register(subject, kindOf(w)), http.StatusOK, http.StatusConflict)
		})
		bound := false
		for line := range strings.SplitSeq(replicas[0].ask("GET", "/v1/audit?subject="+subject, nil).Body, `{"rev"`) {
			switch {
			case strings.Contains(line, `"op":"config"`):
				bound = strings.Contains(line, `"after":{"compatibility":"BACKWARD"}`)
			case strings.Contains(line, `"op":"register"`) && bound:
				t.Errorf("round %d: a contradiction landed under BACKWARD: %s", round, line)
			}
		}
		if !bound {
			t.Fatalf("round %d: the history of %s does not show the level", round, subject)
		}
		won[fmt.Sprintf("%d of 2 before the level", len(replicas[0].numbers(t, subject))-2)]++
	}
	t.Logf("%d rounds: %v", rounds, won)
}

// mustBeOneOf reports an answer with another status.
func mustBeOneOf(t *testing.T, a answer, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, a.Status) {
		t.Errorf("answer %d %s, want one of %v", a.Status, a.Body, statuses)
	}
}
