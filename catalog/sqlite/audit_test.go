package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
)

// TestAuditBegins: rows written before there was a chain get their hashes, and what is edited in the file afterwards is
// noticed.
func TestAuditBegins(t *testing.T) {
	file := filepath.Join(t.TempDir(), "accord.db")
	edit := func(script ...string) {
		t.Helper()
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range script {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin, err := os.ReadFile("migration/0001_start.sql")
	if err != nil {
		t.Fatal(err)
	}
	edit(string(begin),
		`INSERT INTO changes VALUES (3, 1700000000000001, 'ada', 'why', '', 'config', '', 'a', 0, 0, '', '{}', '{"x":1}'), (5, 1700000000000002, 'bob', '', 'c0ffee', 'register', '.x', 'é', 1, 7, 'g', '', '')`,
		"PRAGMA user_version = 1")
	reopen := func() *sqlite.Store {
		t.Helper()
		s, err := sqlite.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	check := func() (catalog.Chain, error) {
		t.Helper()
		s := reopen()
		defer s.Close()
		return catalog.New(s, catalog.Options{}).CheckAudit(t.Context())
	}
	if chain, err := check(); err != nil || chain.Rows != 2 || chain.Rev != 5 || len(chain.Hash) != 64 {
		t.Fatalf("CheckAudit of an older file = %+v, %v", chain, err)
	}
	s := reopen()
	if _, err := s.Note(t.Context(), catalog.OpDiscard, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if chain, err := check(); err != nil || chain.Rows != 3 {
		t.Fatalf("CheckAudit = %+v, %v", chain, err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{"UPDATE changes SET author = 'eve' WHERE rev = 5", "DELETE FROM changes WHERE rev = 5"} {
		if _, err := db.ExecContext(t.Context(), change); err == nil {
			t.Errorf("%s was done", change)
		}
	}
	db.Close()
	edit("DROP TRIGGER changes_keep", "UPDATE changes SET author = 'eve' WHERE rev = 5")
	_, err = check()
	if broken, ok := errors.AsType[*catalog.BrokenChain](err); !ok || broken.Rev != 5 {
		t.Errorf("CheckAudit of an edited file = %v, want a break at revision 5", err)
	}
}
