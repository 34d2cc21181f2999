package schemas_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/schemas"
	"github.com/accordhq/accord/validator"
)

var update = flag.Bool("update", false, "write schemas.lock anew")

func tree(t *testing.T) *catalog.Tree {
	t.Helper()
	tree, problems, err := catalog.ReadTree(schemas.FS())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	return tree
}

// schemas.lock holds the GUIDs that any registry gives these texts. IDs stay out of it: they depend on what else a
// registry holds.
func TestLockIsCurrent(t *testing.T) {
	tree := tree(t)
	var lock client.Lock
	for _, folder := range tree.Subjects {
		subject := client.LockSubject{Subject: folder.Subject}
		for _, v := range folder.Versions {
			refs, err := tree.References(v.Text)
			if err != nil {
				t.Fatalf("%s: %v", v.Path, err)
			}
			text, err := catalog.Canonical(string(v.Text), false)
			if err != nil {
				t.Fatalf("%s: %v", v.Path, err)
			}
			line := client.LockVersion{Version: v.Number, Schema: json.RawMessage(text), Lens: v.Lens}
			if line.GUID, err = validator.ParseGUID(catalog.Schema{Text: text, References: refs}.GUIDOf()); err != nil {
				t.Fatal(err)
			}
			if v.Lens != nil {
				line.Rev = 1
			}
			for _, r := range refs {
				line.References = append(line.References, client.Reference{Name: r.Name, Subject: r.Subject, Version: r.Version})
			}
			subject.Versions = append(subject.Versions, line)
		}
		lock.Subjects = append(lock.Subjects, subject)
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

// Each example travels from its version to every other one and back, as a consumer meets it: valid where it arrives, and
// valid again at home.
func TestExamplesTravelToEveryVersionAndBack(t *testing.T) {
	text, err := fs.ReadFile(schemas.FS(), "schemas.lock")
	if err != nil {
		t.Fatal(err)
	}
	registry, err := client.Open("", client.WithLock(text))
	if err != nil {
		t.Fatal(err)
	}
	defer registry.Close()
	for _, folder := range tree(t).Subjects {
		for _, e := range folder.Examples {
			if e.Invalid {
				continue
			}
			for to := 1; to <= len(folder.Versions); to++ {
				there, err := read(t, registry, folder.Subject, e.Version, to, e.Text)
				if err != nil {
					t.Errorf("%s to v%d: %v", e.Path, to, err)
					continue
				}
				if _, err := read(t, registry, folder.Subject, to, e.Version, there); err != nil {
					t.Errorf("%s to v%d and back: %v\n%s", e.Path, to, err, there)
				}
			}
		}
	}
}

// read decodes an event of one version as another.
func read(t *testing.T, registry *client.Registry, subject string, from, to int, event []byte) (json.RawMessage, error) {
	t.Helper()
	d, err := client.NewDecoder(registry, client.For[json.RawMessage](subject, to))
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Decode(t.Context(), client.Record{Value: event, Headers: client.Headers{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: []byte("1")},
		{Key: "ce_source", Value: []byte("/test")},
		{Key: "ce_type", Value: []byte("com.example." + subject)},
		{Key: "ce_time", Value: []byte("2026-02-10T08:00:00Z")},
		{Key: "ce_dataschema", Value: fmt.Appendf(nil, "/subjects/%s/versions/%d", subject, from)},
	}})
	if err != nil {
		return nil, err
	}
	return *got.Data.(*json.RawMessage), nil
}
