package schemas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/validator"
)

var update = flag.Bool("update", false, "write schemas.lock anew")

// The registry takes the whole folder, each version under the compatibility that its event asks for, and proves every
// lens on the way. Then each example travels from its version to every other and back. What the registry gave out as
// GUIDs is what schemas.lock must say.
func TestRegistryTakesEveryVersionAndProvesEveryLens(t *testing.T) {
	tree, problems, err := catalog.ReadTree(schemas.FS())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	registry := newRegistry(t)
	folders, err := tree.Order()
	if err != nil {
		t.Fatal(err)
	}
	var lock client.Lock
	for _, folder := range folders {
		name := catalog.Name{Subject: folder.Subject}
		if folder.Event != nil {
			level := catalog.Level(folder.Event.Compatibility)
			if _, err := registry.SetConfig(t.Context(), name, catalog.Patch{Set: catalog.Config{Compatibility: level}}); err != nil {
				t.Errorf("SetConfig(%s, %s) = %v", name, level, err)
			}
		}
		locked := client.LockSubject{Subject: folder.Subject}
		for _, v := range folder.Versions {
			locked.Versions = append(locked.Versions, register(t, registry, tree, folder, v))
		}
		lock.Subjects = append(lock.Subjects, locked)
		if !t.Failed() {
			travel(t, registry, folder)
		}
	}
	var want bytes.Buffer
	if err := client.WriteLock(&want, lock); err != nil {
		t.Fatal(err)
	}
	if *update && os.Getenv("CI") != "true" {
		if err := os.WriteFile("schemas.lock", want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := fs.ReadFile(schemas.FS(), "schemas.lock")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("schemas.lock is not current; go test ./schemas -update writes it (-want +got):\n%.2000s", diff)
	}
}

func newRegistry(t *testing.T) *catalog.Registry {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	registry := catalog.New(store, catalog.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); registry.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; store.Close() })
	return registry
}

// register registers one version, with the examples below it for the lens to carry, and returns its line of the lock.
// IDs stay out of the lock: they depend on what else a registry holds.
func register(t *testing.T, registry *catalog.Registry, tree *catalog.Tree, folder *catalog.Folder, v catalog.SchemaFile) client.LockVersion {
	t.Helper()
	refs, err := tree.References(v.Text)
	if err != nil {
		t.Fatalf("%s: %v", v.Path, err)
	}
	var examples [][]byte
	for _, e := range valid(folder, v.Number-1) {
		examples = append(examples, e)
	}
	got, err := registry.Register(t.Context(), catalog.Name{Subject: folder.Subject}, catalog.Registration{Text: string(v.Text), References: refs, Lens: v.Lens, Examples: examples})
	if err != nil {
		t.Fatalf("Register(%s v%d) = %v", folder.Subject, v.Number, err)
	}
	out := client.LockVersion{Version: v.Number, Schema: json.RawMessage(got.Schema.Text), Lens: v.Lens}
	if v.Lens != nil {
		if got.Lens == nil || !bytes.Contains(got.Lens.Report, []byte(`"verdict"`)) {
			t.Errorf("Register(%s v%d) kept no proof of the lens", folder.Subject, v.Number)
		}
		out.Rev = 1
	}
	if out.GUID, err = validator.ParseGUID(got.Schema.GUID); err != nil {
		t.Fatal(err)
	}
	for _, r := range refs {
		out.References = append(out.References, client.Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return out
}

func valid(folder *catalog.Folder, version int) []json.RawMessage {
	var events []json.RawMessage
	for _, e := range folder.Examples {
		if e.Version == version && !e.Invalid {
			events = append(events, e.Text)
		}
	}
	return events
}

// travel takes every example to every other version. A result is valid there or the registry says otherwise; back home
// it must be valid again.
func travel(t *testing.T, registry *catalog.Registry, folder *catalog.Folder) {
	t.Helper()
	name := catalog.Name{Subject: folder.Subject}
	move := func(from, to int, events []json.RawMessage) []json.RawMessage {
		cast := registry.Upcast
		if to < from {
			cast = registry.Downcast
		}
		envelopes := make([]map[string]string, len(events))
		for i := range envelopes {
			envelopes[i] = map[string]string{"time": "2026-02-10T08:00:00Z"}
		}
		casts, err := cast(t.Context(), name, from, to, events, envelopes)
		if err != nil {
			t.Errorf("%s from v%d to v%d: %v", name, from, to, err)
		}
		var out []json.RawMessage
		for i, c := range casts {
			if c.Err != nil {
				t.Errorf("%s from v%d to v%d: %s: %v", name, from, to, strings.TrimSpace(string(events[i])), c.Err)
				continue
			}
			out = append(out, c.Event)
		}
		return out
	}
	for from := range folder.Versions {
		for to := range folder.Versions {
			if from != to {
				move(to+1, from+1, move(from+1, to+1, valid(folder, from+1)))
			}
		}
	}
}

// A change of a released version would change its GUID; so would a change of what its lens carries.
func TestLockHoldsEveryVersion(t *testing.T) {
	text, err := fs.ReadFile(schemas.FS(), "schemas.lock")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := client.ParseLock(text)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string]int{}
	for _, s := range lock.Subjects {
		versions[s.Subject] = len(s.Versions)
	}
	for _, s := range subjects(t) {
		if versions[s.name] != s.versions {
			t.Errorf("schemas.lock has %d versions of %s, the folder %d", versions[s.name], s.name, s.versions)
		}
	}
	if _, err := client.Open("", client.WithLock(text)); err != nil {
		t.Error(fmt.Errorf("client.Open with schemas.lock: %w", err))
	}
}
