package postgres_test

import (
	"errors"
	"os"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/jackc/pgx/v5"
)

// TestAuditBegins: rows written before there was a chain get their hashes, a program of the release before goes on
// writing it, and what is edited in the database is noticed.
func TestAuditBegins(t *testing.T) {
	url := database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	exec := func(script string) error {
		_, err := conn.Exec(t.Context(), script)
		return err
	}
	must := func(script string) {
		t.Helper()
		if err := exec(script); err != nil {
			t.Fatalf("%.60s: %v", script, err)
		}
	}
	must("CREATE SCHEMA accord; CREATE TABLE accord.migrations (n integer PRIMARY KEY, name text NOT NULL)")
	for n, name := range []string{"0001_start.sql", "0002_write.sql"} {
		script, err := os.ReadFile("migration/" + name)
		if err != nil {
			t.Fatal(err)
		}
		must(string(script))
		if _, err := conn.Exec(t.Context(), "INSERT INTO accord.migrations VALUES ($1, $2)", n+1, name); err != nil {
			t.Fatal(err)
		}
	}
	older := `SELECT accord.put_document(ARRAY['ada', 'why: é', 'c0ffee'], 'K', 'n', '{"a":1}', NULL)`
	must(older)
	s, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	must(older)
	if _, err := s.Note(catalog.WithAuthor(t.Context(), catalog.Author{Source: "127.0.0.1"}), catalog.OpDiscard, nil); err != nil {
		t.Fatal(err)
	}
	registry := catalog.New(s, catalog.Options{})
	if chain, err := registry.CheckAudit(t.Context()); err != nil || chain.Rows != 3 || len(chain.Hash) != 64 {
		t.Fatalf("CheckAudit = %+v, %v", chain, err)
	}
	for _, change := range []string{"UPDATE accord.changes SET author = 'eve'", "DELETE FROM accord.changes", "TRUNCATE accord.changes"} {
		if exec(change) == nil {
			t.Errorf("%s was done", change)
		}
	}
	must("DROP TRIGGER changes_stay ON accord.changes; UPDATE accord.changes SET author = 'eve' WHERE rev = 2")
	_, err = registry.CheckAudit(t.Context())
	if broken, ok := errors.AsType[*catalog.BrokenChain](err); !ok || broken.Rev != 2 {
		t.Errorf("CheckAudit of an edited database = %v, want a break at revision 2", err)
	}
}
