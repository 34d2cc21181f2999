package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// TestAppendsThatWaitTogether lets appends line up behind a transaction that has the write lock: those that go together
// stand alone, whether one is refused or one is more than the database can read.
func TestAppendsThatWaitTogether(t *testing.T) {
	url := database(t)
	s := open(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, unreadable := range []bool{false, true} {
		t.Run(fmt.Sprintf("unreadable=%t", unreadable), func(t *testing.T) {
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), "SELECT accord.lock()"); err != nil {
				t.Fatal(err)
			}
			waits := func(n int) {
				t.Helper()
				for deadline := time.Now().Add(4 * time.Second); ; time.Sleep(5 * time.Millisecond) {
					var waiting int
					if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiting); err != nil {
						t.Fatal(err)
					}
					if waiting == n {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("%d appends wait for the lock, want %d", waiting, n)
					}
				}
			}
			name := func(i int) catalog.Name { return catalog.Name{Subject: fmt.Sprintf("%t-%d", unreadable, i)} }
			const n = 8
			errs, got := make([]error, n), make([]catalog.Version, n)
			var wg sync.WaitGroup
			add := func(i int, head catalog.Head, broken string) {
				schema := catalog.Schema{Text: fmt.Sprintf(`{"title":"%t %d"}`, unreadable, i), Broken: broken}
				schema.GUID = schema.GUIDOf()
				wg.Go(func() {
					added, rev, err := s.Append(t.Context(), name(i), head, catalog.Version{Schema: schema})
					if errs[i] = err; err == nil {
						got[i] = added[0]
						if rev != got[i].Rev || rev == 0 {
							t.Errorf("append %d: revision %d, its version says %d", i, rev, got[i].Rev)
						}
					}
				})
			}
			add(0, catalog.Head{}, "")
			waits(1) // it is alone, and the others line up behind it
			for i := 1; i < n; i++ {
				head, broken := catalog.Head{}, ""
				switch {
				case i == 3:
					head.Number = 7 // another highest number
				case i == 5 && unreadable:
					broken = "\x00" // no text for PostgreSQL
				}
				add(i, head, broken)
			}
			time.Sleep(100 * time.Millisecond) // gives them time to line up; those who do not go in a later batch
			waits(1)
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			seen := map[catalog.Rev]bool{}
			for i := range n {
				switch {
				case i == 3:
					if !errors.Is(errs[i], catalog.ErrConflict) {
						t.Errorf("append %d = %v, want ErrConflict", i, errs[i])
					}
				case i == 5 && unreadable:
					if !errors.Is(errs[i], catalog.Unavailable) {
						t.Errorf("append %d = %v, want Unavailable", i, errs[i])
					}
				case errs[i] != nil || got[i].Number != 1 || got[i].Name != name(i) || seen[got[i].Rev]:
					t.Errorf("append %d = %+v, %v", i, got[i], errs[i])
				default:
					seen[got[i].Rev] = true
					if there, err := s.Subject(t.Context(), name(i)); err != nil || len(there.Versions) != 1 || there.Versions[0].Schema.ID != got[i].Schema.ID || there.Rev != got[i].Rev {
						t.Errorf("Subject(%v) = %+v, %v, want what was appended: %+v", name(i), there, err, got[i])
					}
				}
			}
		})
	}
}
