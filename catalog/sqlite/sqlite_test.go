package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/catalog/storetest"
)

func open(t *testing.T, file string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) catalog.Store { return open(t, filepath.Join(t.TempDir(), "accord.db")) })
}

func TestOneProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a b?#%.db")
	first, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), file); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("Open of an open file = %v, want who holds it", err)
	}
	s := catalog.Schema{Text: `true`}
	s.GUID = s.GUIDOf()
	if _, _, err := first.Append(t.Context(), catalog.Name{Subject: "a"}, catalog.Head{}, catalog.Version{Schema: s}); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file + "-wal"); !os.IsNotExist(err) {
		t.Errorf("a closed store keeps commits outside of its file: %v", err)
	}
	again := open(t, file)
	if got, err := again.Subject(t.Context(), catalog.Name{Subject: "a"}); err != nil || got.Head.Number != 1 {
		t.Errorf("after opening again: %+v, %v", got, err)
	}
}

func TestMigrationNumbers(t *testing.T) { storetest.Migrations(t, os.DirFS("migration")) }
