package catalog

import (
	"context"
	"encoding/json"
	"time"
)

// Store keeps subjects and asks its database for compare-and-swap, nothing more. Every method is safe for concurrent
// use, ends its wait with ctx, and returns Unavailable (wrapped in *Error) when the database cannot be reached. An
// implementation is proved by package catalog/storetest.
type Store interface {
	// Subject reads a subject in one consistent view: all versions without texts, the policies in scope, the head. A
	// subject that is not there has Head.Number 0 and no versions; it is not an error, since its policies and its
	// revision matter to whoever creates it.
	Subject(ctx context.Context, name Name) (Subject, error)
	// Subjects reads one page. The number of queries does not depend on the number of subjects.
	Subjects(ctx context.Context, q Query) ([]Subject, error)
	// Schema reads a schema by context and ID or by GUID (of several contexts: the lowest). SchemaNotFound if nothing
	// carries it any more.
	Schema(ctx context.Context, k Key) (StoredSchema, error)
	// SchemasByGUID returns context and ID of every schema with a GUID, by context and ID.
	SchemasByGUID(ctx context.Context, guid string) ([]Key, error)
	// Contexts returns the contexts that have a version, sorted; the default context ("") is always there.
	Contexts(ctx context.Context) ([]string, error)
	// Append adds versions if the subject's highest number is still head.Number and neither the subject, nor the
	// policies in scope, nor a version referred to has a revision above head.Rev. Else ErrConflict, and nothing has
	// changed. A version referred to that is not live gives ReferenceNotFound.
	//
	// Number 0 becomes the next number. ID 0 becomes the context's ID of that GUID, or a new one; another ID is taken
	// as it is (import) and gives IDTaken if it means something else, VersionTaken if the number is there already.
	// GUIDCollision if a GUID is known with other contents. A deleted version of the subject with the same ID becomes
	// Gone, unless something refers to it.
	Append(ctx context.Context, name Name, head Head, versions ...Version) ([]Version, Rev, error)
	// Delete deletes under the same comparison as Append and returns the numbers. Soft deletion gives Referenced while
	// a live schema refers to one of the versions, permanent deletion while any does. Schemas without a version left
	// are removed; their IDs are not given again. With the last version of a subject its policy goes, and its numbers
	// begin again at 1.
	Delete(ctx context.Context, name Name, head Head, d Deletion) ([]int, Rev, error)
	// SetPolicy changes the policy of a scope and returns it. ErrConflict if Patch.Expect is not its revision,
	// NotEmpty if Patch.Empty asks so and a live version is in scope.
	SetPolicy(ctx context.Context, scope Scope, p Patch) (Policy, Rev, error)
	// Policy reads one scope; zero if it has none.
	Policy(ctx context.Context, scope Scope) (Policy, error)
	// SetLens replaces the lens of a version whose lens has revision rev (0 = none); else ErrConflict.
	SetLens(ctx context.Context, name Name, number, rev int, lens StoredLens) (Rev, error)
	// Note writes a row of the history that changes nothing else.
	Note(ctx context.Context, op Op, about json.RawMessage) (Rev, error)
	// Changes reads at most limit changes after a revision, in order; it never misses one. Their hashes are a chain.
	Changes(ctx context.Context, after Rev, limit int) ([]Change, error)
	// Revision returns the newest revision.
	Revision(ctx context.Context) (Rev, error)
	// Probe reads the newest revision and writes a row that nobody reads: an error says that the store cannot be used.
	Probe(ctx context.Context) (Health, error)
	// Watch calls ring once when it has begun to listen, then after each commit, and at least every ListenPing, with the
	// newest revision known, and blocks until ctx ends (its error) or a commit may have been missed (ErrDeaf, wrapped). A
	// bell that comes late is left out: revisions only fall when the store has gone back in time. asOf, where it is not
	// zero, is a moment at which nothing newer than rev had been committed. ring must not block.
	Watch(ctx context.Context, ring func(rev Rev, asOf time.Time)) error
	// Close releases the database. No method may be called after it.
	Close() error

	Documents
	Observations
	Tokens
	Transfers
}

// Health is how a store stands. Applied above Known is the work of a newer release, which only adds.
type Health struct {
	Revision       Rev // newest one
	Applied, Known int // migrations in the database, and those that this program has
}

// Document is a file of the schemas folder that is not a version, or a document of the same kind that was written
// over HTTP: its type is that of DecodeDocument.
type Document struct {
	Kind, Name string
	Body       json.RawMessage
	Rev        Rev
	At         time.Time
	By         string
}

// Documents keeps documents by kind and name. Each change gets a revision and a Change.
type Documents interface {
	// Document reads one; DocumentNotFound if it is not there.
	Document(ctx context.Context, kind, name string) (Document, error)
	// ListDocuments reads at most limit documents of a kind ("" = all), by kind and name, after a position.
	ListDocuments(ctx context.Context, kind string, after DocumentPosition, limit int) ([]Document, error)
	// PutDocument writes one. expect, when set, is the revision that it must still have (0 = not there); else ErrConflict.
	PutDocument(ctx context.Context, d Document, expect *Rev) (Rev, error)
	// DeleteDocument removes one; DocumentNotFound if it is not there.
	DeleteDocument(ctx context.Context, kind, name string, expect *Rev) (Rev, error)
}

// DocumentPosition is a place in the order of documents; the zero value is before the first.
type DocumentPosition struct{ Kind, Name string }

// Observations counts what is seen to be written, read and refused. They are no promises: they get no revision.
type Observations interface {
	// AddUsage adds the counts of a report, once: a report whose instance and seq were applied before changes nothing.
	AddUsage(ctx context.Context, r UsageReport) error
	// Usage returns who writes and reads a subject (zero Name = all), newest first.
	Usage(ctx context.Context, name Name, limit int) ([]Usage, error)
	// AddPins notes who reads what: of a row that is there already, Last moves on.
	AddPins(ctx context.Context, pins []Pin) error
	// Pins returns who reads a subject as which version (zero Name = all), newest first.
	Pins(ctx context.Context, name Name, limit int) ([]Pin, error)
	// AddRejections adds the counts of a report, once.
	AddRejections(ctx context.Context, r RejectionReport) error
	// Rejections returns groups of refused records, newest first.
	Rejections(ctx context.Context, q RejectionQuery) ([]RejectionGroup, error)
	// Accepted returns how many records of a subject's versions (zero Name = all) were let through, newest version first.
	Accepted(ctx context.Context, name Name) ([]Acceptance, error)
	// Presence returns how often the members of a subject's version are there (0 = of all), by version and address, added
	// up over those who reported.
	Presence(ctx context.Context, name Name, number int) ([]Presence, error)
}
