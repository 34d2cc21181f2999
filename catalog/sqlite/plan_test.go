package sqlite

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// TestGUIDsAreLookedUp holds the plan of what finds schemas by GUID: an import asks it for every version.
func TestGUIDsAreLookedUp(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, query := range []string{
		"SELECT " + schemaColumns + " FROM schemas s WHERE " + knownBy,
		"SELECT s.ctx, " + schemaColumns + " FROM schemas s WHERE " + knownBy + " ORDER BY s.ctx, s.id LIMIT 1",
	} {
		rows, err := s.read.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, "a", "a")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused sql.RawBytes
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(step, "SCAN") {
				t.Errorf("%s\nreads a table from end to end: %s", query, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
