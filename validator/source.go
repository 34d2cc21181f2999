package validator

import (
	"context"
	"errors"
)

// What can be wrong with finding a schema, as opposed to what is wrong with an event.
var (
	// ErrUnknownSchema says that the registry answered: there is no such schema.
	ErrUnknownSchema = errors.New("unknown schema")
	// ErrUnavailable says that the schema is not at hand and the registry could not be asked, or did not answer
	// in time. Temporary: ask again later.
	ErrUnavailable = errors.New("schema not available")
	// ErrDeaf ends a Watch that may have missed a change. The caller watches again; the snapshot is right
	// whenever it is read.
	ErrDeaf = errors.New("changes may have been missed")
)

// A SubjectVersion is a place where a schema is registered. Subject is qualified (":.ctx:name" outside the default
// context); Version counts from 1.
type SubjectVersion struct {
	Subject string
	Version int32
}

// An Entry is a schema ready for use. It is immutable and shared: treat all of it as read-only.
type Entry struct {
	// Ref names the schema in every way that was known when it was loaded: GUID always; Context and ID if the
	// registry gave them; Subject and Version if Versions holds just one place.
	Ref
	Schema *Schema // nil if and only if Broken is set
	Broken error   // why a schema that is stored (an import) does not compile
	// Versions are all places of the schema, in no order, as of loading. A later registration of the same text
	// elsewhere is missing until the owner of the cache drops the entry.
	Versions []SubjectVersion
}

// In returns the version that the schema has under a subject, the highest if there are several; 0 if it has none.
func (e *Entry) In(subject string) int32 {
	var version int32
	for _, v := range e.Versions {
		if v.Subject == subject {
			version = max(version, v.Version)
		}
	}
	return version
}

// A Source is where the proxy and other judges of events get schemas and bindings from: the registry in the same
// process, or one over HTTP. Safe for concurrent use.
type Source interface {
	// Snapshot returns what is known now. It is never nil and never changes; taking it is one atomic load,
	// without I/O. Whoever judges a batch keeps the snapshot that the batch began with.
	Snapshot() *Snapshot
	// Fetch returns what the snapshot lacks, loading and compiling it; it waits for the registry, until ctx
	// ends. Errors: ErrUnknownSchema, ErrUnavailable (wrapped), ctx's own.
	Fetch(ctx context.Context, r Ref) (*Entry, error)
	// Watch calls ring after each change of the snapshot, with the new one, from one goroutine, until ctx ends
	// (its error is returned) or a change may have been missed (ErrDeaf).
	Watch(ctx context.Context, ring func(*Snapshot)) error
}
