package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/accordhq/accord/catalog"
)

const (
	// FillPerSubject is how many versions each subject that Fill makes has, the last one perhaps fewer.
	FillPerSubject = 10

	fillBatch = 50 // subjects in one step
)

// FillSubject is the name of the i-th subject that Fill makes, from 0.
func FillSubject(i int) string { return fmt.Sprintf("s%d", i) }

// Fill brings an empty store to n versions by its own Import, the way that registries come in which were elsewhere
// before: number k (from 1) has ID k and the text that text(k) returns, and stands in subject (k-1)/FillPerSubject.
// The texts must differ and must be canonical.
func Fill(ctx context.Context, s catalog.Store, n int, text func(k int) string) error {
	var b catalog.Batch
	for k := 1; k <= n; {
		subject := catalog.MovedSubject{Name: catalog.Name{Subject: FillSubject((k - 1) / FillPerSubject)}}
		for ; k <= n && len(subject.Versions) < FillPerSubject; k++ {
			v := catalog.Moved{Version: catalog.Version{Name: subject.Name, Number: len(subject.Versions) + 1}}
			v.Schema = catalog.Schema{ID: k, Text: text(k)}
			v.Schema.GUID = v.Schema.GUIDOf()
			subject.Versions = append(subject.Versions, v)
		}
		subject.Head = len(subject.Versions)
		b.Subjects = append(b.Subjects, subject)
		if len(b.Subjects) < fillBatch && k <= n {
			continue
		}
		b.Open = true
		if _, err := s.Import(ctx, b); err != nil {
			return fmt.Errorf("fill up to ID %d: %w", k-1, err)
		}
		b = catalog.Batch{}
	}
	return nil
}

// testLargeSubject brings in one subject with many versions in one step: what a version costs must not grow with the
// batch that it came in, or a store's patience ends.
func testLargeSubject(t *testing.T, s catalog.Store) {
	const versions = 1000
	subject := catalog.MovedSubject{Name: name("a"), Head: versions}
	for k := range versions {
		v := catalog.Moved{Version: version(fmt.Sprintf(`{"title":"%08000d"}`, k))}
		v.Name, v.Number, v.Schema.ID = subject.Name, k+1, k+1
		subject.Versions = append(subject.Versions, v)
	}
	done, err := s.Import(t.Context(), catalog.Batch{Subjects: []catalog.MovedSubject{subject}, Open: true})
	if err != nil || done.Created != versions {
		t.Fatalf("Import of %d versions = %+v, %v", versions, done, err)
	}
	if again, err := s.Import(t.Context(), catalog.Batch{Subjects: []catalog.MovedSubject{subject}, Rev: done.Rev}); err != nil || again.Same != versions {
		t.Errorf("Import again = %+v, %v, want %d the same", again, err, versions)
	}
}
