package storetest

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// Migrations holds the scripts of a store to their numbers: 0001, 0002, … without gap or double, so that two changes
// made at once cannot change places in databases that ran only one of them.
func Migrations(t *testing.T, folder fs.FS) {
	t.Helper()
	names, err := fs.Glob(folder, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("migrations: %q, %v", names, err)
	}
	for i, name := range names {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(name, want) {
			t.Errorf("migration %s: want its number to be %s", name, strings.TrimSuffix(want, "_"))
		}
	}
}
