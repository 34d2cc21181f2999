package client_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/validator"
)

// TestCacheDirStandsIn starts programs while the registry is away: they know what an earlier one was told.
func TestCacheDirStandsIn(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	guid := guidOf(t, lock, orderPlaced, 3)
	dir := filepath.Join(t.TempDir(), "kept")
	s := newRoutes(lock)
	s.revision, s.bindings = 7, fmt.Sprintf(someBindings, 7, "null", guid)
	decode := func() (*client.Event, error) {
		r := open(t, "http://user:secret@registry", client.WithHTTP(s.client()), client.WithCacheDir(dir))
		d := decoder(t, r, client.For[OrderPlaced](orderPlaced, 3))
		return d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 1), orderPlaced, placed[1]))
	}
	first, err := decode()
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, "http://registry", client.WithHTTP(s.client()), client.WithCacheDir(dir))
	if _, err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "secret") {
			t.Errorf("%s holds what signs in", name)
		}
		if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v", name, info.Mode())
		}
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder may be read by others: %v", info.Mode())
	}

	s.set(func() { s.away = true })
	again, err := decode()
	if err != nil {
		t.Fatalf("while the registry is away: %v", err)
	}
	if diff := cmp.Diff(first.Data, again.Data); diff != "" {
		t.Fatalf("while the registry is away (-before +now):\n%s", diff)
	}
	r = open(t, "http://registry", client.WithHTTP(s.client()), client.WithCacheDir(dir))
	if changed, err := r.Load(t.Context()); err != nil || !changed {
		t.Fatalf("bindings of the folder: %v, %v", changed, err)
	}
	snapshot := r.Snapshot()
	if e, ok := snapshot.Entry(validator.Ref{Subject: orderPlaced}); !ok || e.In(orderPlaced) != 3 || snapshot.Revision != 7 {
		t.Errorf("snapshot %d has no latest schema", snapshot.Revision)
	}
	if age := time.Since(snapshot.At); age < time.Hour || age > 2*time.Hour {
		t.Errorf("bindings are %v old, want the hour since they were known to be true", age)
	}
	if _, err := r.Load(t.Context()); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("the second Load: %v, want ErrUnavailable", err)
	}
	s.set(func() { s.away = false })
	if changed, err := r.Load(t.Context()); err != nil || changed || time.Since(r.Snapshot().At) > time.Minute {
		t.Errorf("the registry is back: changed %v, %v, at %v", changed, err, r.Snapshot().At)
	}
	if _, err := open(t, "http://other", client.WithHTTP(s.client()), client.WithCacheDir(dir)).Load(t.Context()); err != nil {
		t.Errorf("the same folder for another registry: %v", err)
	}
}

// TestCacheDirHeals cuts and changes every file: none is believed, and all are written anew.
func TestCacheDirHeals(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	dir := t.TempDir()
	s := newRoutes(lock)
	decode := func() error {
		d := decoder(t, open(t, "http://registry", client.WithHTTP(s.client()), client.WithCacheDir(dir)), client.For[OrderPlaced](orderPlaced, 3))
		_, err := d.Decode(t.Context(), record(guidOf(t, lock, orderPlaced, 1), orderPlaced, placed[1]))
		return err
	}
	if err := decode(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.answer"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing was kept: %v", err)
	}
	for name, spoil := range map[string]func(text []byte) []byte{
		"cut":     func(text []byte) []byte { return text[:len(text)/2] },
		"changed": func(text []byte) []byte { text[len(text)-2] ^= 1; return text },
		"empty":   func([]byte) []byte { return nil },
	} {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, spoil(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.set(func() { s.away = true })
		if err := decode(); !errors.Is(err, client.ErrUnavailable) {
			t.Fatalf("%s: %v, want ErrUnavailable", name, err)
		}
		s.set(func() { s.away = false })
		if err := decode(); err != nil {
			t.Fatalf("%s: with the registry: %v", name, err)
		}
		s.set(func() { s.away = true })
		if err := decode(); err != nil {
			t.Fatalf("%s: it did not heal: %v", name, err)
		}
		s.set(func() { s.away = false })
	}
}

// TestCacheDirForgets what the registry says is not there any more.
func TestCacheDirForgets(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	dir := t.TempDir()
	s := newRoutes(lock)
	ref := validator.Ref{GUID: guidOf(t, lock, orderPlaced, 1)}
	fetch := func() error {
		_, err := open(t, "http://registry", client.WithHTTP(s.client()), client.WithCacheDir(dir)).Fetch(t.Context(), ref)
		return err
	}
	if err := fetch(); err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.lock = client.Lock{} })
	if err := fetch(); !errors.Is(err, client.ErrUnknownSchema) {
		t.Fatalf("a purged schema: %v", err)
	}
	s.set(func() { s.away = true })
	if err := fetch(); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("a purged schema, the registry away: %v, want ErrUnavailable", err)
	}
}

// TestCacheDirIsBounded keeps no more files than it may, and works on.
func TestCacheDirIsBounded(t *testing.T) {
	lock := lockOf(t, orderPlaced)
	dir := t.TempDir()
	r := open(t, "http://registry", client.WithHTTP(newRoutes(lock).client()), client.WithCacheDir(dir), client.LimitCacheFiles(2))
	if _, err := r.Fetch(t.Context(), validator.Ref{GUID: guidOf(t, lock, orderPlaced, 1)}); err != nil {
		t.Fatal(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 2 {
		t.Errorf("%d files, want 2", len(files))
	}
	if _, err := client.Open("http://registry", client.WithCacheDir(filepath.Join(dir, "x\x00"))); err == nil {
		t.Error("a folder that cannot be made is no error")
	}
}
