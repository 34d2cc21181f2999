package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// Latest stands for the highest live version of a subject.
const Latest = -1

// MaxPage is the most that one page of a list holds, and the default.
const MaxPage = 1000

// Options are the settings of a Registry; each has a working zero.
type Options struct {
	Log *slog.Logger // nil = slog.Default()
	// Judging is how many registrations may be judged at once, 0 = 4 per core; beyond it: Busy.
	Judging int
}

// Registry decides what a Store keeps. It is safe for concurrent use, and any number of Registries may work on one
// store. Reads are cached; what can change is cached only while Run listens.
type Registry struct {
	store Store
	log   *slog.Logger
}

// New returns a Registry on a store, which stays the caller's to close.
func New(store Store, o Options) *Registry {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Registry{store: store, log: o.Log}
}

// Run listens for changes until ctx ends, and returns its error. Without Run everything works, but each mutable read
// goes to the store.
func (r *Registry) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Status says how the registry stands.
type Status struct {
	Listening bool // mutable reads are cached
	Revision  Rev  // newest revision known
}

// Status never waits.
func (r *Registry) Status() Status { return Status{} }

// Ping asks the store for its newest revision; Unavailable if it cannot be reached.
func (r *Registry) Ping(ctx context.Context) (Rev, error) { return r.store.Revision(ctx) }

// AtLeast returns a context whose reads see every change up to rev, also on another replica than the one that wrote it.
func AtLeast(ctx context.Context, rev Rev) context.Context {
	return context.WithValue(ctx, atLeastKey{}, rev)
}

type atLeastKey struct{}

// A Registration asks for a new version.
type Registration struct {
	// Text is the schema as received; empty takes the text of the latest version.
	Text       string
	References []Reference
	Metadata   *Metadata // nil = inherited from the latest version
	RuleSet    *RuleSet  // nil = inherited from the latest version
	ID         int       // 0 = given; else only in mode IMPORT or FORWARD
	Version    int       // 0 or Latest = next; else must be the next, or in mode IMPORT any that is free
	Lens       json.RawMessage
	Examples   [][]byte // events of the version below that the lens must carry
	Normalize  bool
	Force      bool // leave the judgement out; the version keeps the mark
}

// Registered is the answer to a Registration.
type Registered struct {
	Version
	New      bool // false: it was there already
	Warnings []string
	Rev      Rev // of the change, 0 if nothing changed
}

// Register adds a version, or finds it: the same identity live under the subject gives its ID and number. What may
// follow is judged against what was read, and judged again when something changed in between. Errors: *Incompatible;
// *Error with InvalidSubject, TooLarge, InvalidSchema, EmptySchema, NotNextVersion, ReferenceNotFound,
// InvalidRuleSet, InvalidLens, ReadOnly, NotImport, NotReadWrite, IDTaken, IDMismatch, VersionTaken, TooManyVersions,
// TimedOut, Busy, Unavailable. Source: Confluent Schema Registry, POST /subjects/{subject}/versions.
func (r *Registry) Register(ctx context.Context, name Name, reg Registration) (Registered, error) {
	return Registered{}, errors.ErrUnsupported
}

// Lookup finds the version of a subject that has this content. SubjectNotFound, SchemaNotFound (by content); include
// says whether soft-deleted ones count. Source: Confluent Schema Registry, POST /subjects/{subject}.
func (r *Registry) Lookup(ctx context.Context, name Name, reg Registration, include Include) (Version, error) {
	return Version{}, errors.ErrUnsupported
}

// Check judges a schema without storing it: against one version (Latest or a number), or, with number 0, as a
// registration would be. An unknown subject with Latest passes. Errors as Register's before judging, and
// VersionNotFound. Source: Confluent Schema Registry, POST /compatibility/subjects/{subject}/versions/{version}.
func (r *Registry) Check(ctx context.Context, name Name, number int, reg Registration) (Judgement, error) {
	return Judgement{}, errors.ErrUnsupported
}

// Judgement is whether a schema may follow.
type Judgement struct {
	Passes   bool
	Level    Level
	Warnings []string
}

// Summary is the judgement in one sentence.
func (j Judgement) Summary() string { return "" }

// Subjects lists subjects, sorted by context and name; see Query.
func (r *Registry) Subjects(ctx context.Context, q Query) ([]Subject, error) {
	return nil, errors.ErrUnsupported
}

// Subject reads a subject with its versions (no texts) and policies; SubjectNotFound if it never had a version.
func (r *Registry) Subject(ctx context.Context, name Name) (Subject, error) {
	return Subject{}, errors.ErrUnsupported
}

// Version reads one version with its text; number may be Latest. SubjectNotFound, VersionNotFound.
func (r *Registry) Version(ctx context.Context, name Name, number int, include Include) (Version, error) {
	return Version{}, errors.ErrUnsupported
}

// Versions reads the versions of a subject, ascending, without texts. SubjectNotFound if there are none.
func (r *Registry) Versions(ctx context.Context, name Name, include Include) ([]Version, error) {
	return nil, errors.ErrUnsupported
}

// SchemaByID reads a schema of a context; SchemaNotFound. A subject, when given, chooses its context.
func (r *Registry) SchemaByID(ctx context.Context, context string, id int) (Schema, error) {
	return Schema{}, errors.ErrUnsupported
}

// SchemaByGUID reads a schema by GUID from any context; SchemaNotFound.
func (r *Registry) SchemaByGUID(ctx context.Context, guid string) (Schema, error) {
	return Schema{}, errors.ErrUnsupported
}

// IDsByGUID returns where a GUID is known, by context and ID; SchemaNotFound.
func (r *Registry) IDsByGUID(ctx context.Context, guid string) ([]Key, error) {
	return nil, errors.ErrUnsupported
}

// Places reads a schema with where it stands and what refers to it; never cached. SchemaNotFound.
func (r *Registry) Places(ctx context.Context, k Key) (StoredSchema, error) {
	return StoredSchema{}, errors.ErrUnsupported
}

// ReferencedBy returns the IDs of schemas that refer to a version, ascending.
func (r *Registry) ReferencedBy(ctx context.Context, name Name, number int, include Include) ([]int, error) {
	return nil, errors.ErrUnsupported
}

// DeleteSubject deletes all versions of a subject and returns their numbers. Permanent: SubjectNotDeleted unless all
// are soft-deleted. Else SubjectNotFound, SubjectDeleted. Both: Referenced, ReadOnly.
func (r *Registry) DeleteSubject(ctx context.Context, name Name, permanent bool) ([]int, error) {
	return nil, errors.ErrUnsupported
}

// DeleteVersion deletes one version; number may be Latest. VersionNotFound, VersionDeleted, VersionNotDeleted,
// Referenced, ChainNeeded, ReadOnly.
func (r *Registry) DeleteVersion(ctx context.Context, name Name, number int, permanent bool) (int, error) {
	return 0, errors.ErrUnsupported
}

// Config reads the configuration of a scope: what it says itself (NoCompatibility if nothing), or with inherit what
// holds there.
func (r *Registry) Config(ctx context.Context, scope Scope, inherit bool) (Config, error) {
	return Config{}, errors.ErrUnsupported
}

// SetConfig changes the configuration of a scope and returns what it says itself now. Patch.Mode is left out of it.
func (r *Registry) SetConfig(ctx context.Context, scope Scope, p Patch) (Config, error) {
	return Config{}, errors.ErrUnsupported
}

// DeleteConfig forgets the configuration of a scope and returns what it was; SubjectNotFound if it had none.
func (r *Registry) DeleteConfig(ctx context.Context, scope Scope) (Config, error) {
	return Config{}, errors.ErrUnsupported
}

// Mode reads the mode of a scope: its own (NoMode if none), or with inherit the one that holds there.
func (r *Registry) Mode(ctx context.Context, scope Scope, inherit bool) (Mode, error) {
	return "", errors.ErrUnsupported
}

// SetMode sets the mode of a scope. IMPORT needs a scope without live versions (NotEmpty) and purges the soft-deleted
// ones, unless force.
func (r *Registry) SetMode(ctx context.Context, scope Scope, m Mode, force bool) error {
	return errors.ErrUnsupported
}

// DeleteMode forgets the mode of a scope, with recursive also those of the subjects in a context, and returns what it
// was; SubjectNotFound if it had none.
func (r *Registry) DeleteMode(ctx context.Context, scope Scope, recursive bool) (Mode, error) {
	return "", errors.ErrUnsupported
}

// Contexts lists the contexts as Name.Context spells them, sorted; the default one ("") is always there.
func (r *Registry) Contexts(ctx context.Context) ([]string, error) { return r.store.Contexts(ctx) }

// Changes reads at most limit changes (0 = MaxPage) after a revision, in order, and never misses one.
func (r *Registry) Changes(ctx context.Context, after Rev, limit int) ([]Change, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	return r.store.Changes(ctx, after, limit)
}

// Await waits until there is a change after a revision, or ctx ends.
func (r *Registry) Await(ctx context.Context, after Rev) error { return errors.ErrUnsupported }

// Document reads a document; DocumentNotFound.
func (r *Registry) Document(ctx context.Context, kind, name string) (Document, error) {
	return r.store.Document(ctx, kind, name)
}

// Documents lists documents of a kind ("" = all) by kind and name, after a position, at most limit (0 = MaxPage).
func (r *Registry) Documents(ctx context.Context, kind string, after DocumentPosition, limit int) ([]Document, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	return r.store.ListDocuments(ctx, kind, after, limit)
}

// PutDocument writes a document; InvalidDocument if its body is not of its kind. expect is nil, or the revision that
// it must still have (0: it must not be there), else PreconditionFailed.
func (r *Registry) PutDocument(ctx context.Context, kind, name string, body json.RawMessage, expect *Rev) (Rev, error) {
	return 0, errors.ErrUnsupported
}

// DeleteDocument removes a document; DocumentNotFound, PreconditionFailed.
func (r *Registry) DeleteDocument(ctx context.Context, kind, name string, expect *Rev) (Rev, error) {
	return 0, errors.ErrUnsupported
}

// ReportUsage adds the counts of a report, once.
func (r *Registry) ReportUsage(ctx context.Context, u UsageReport) error {
	return r.store.AddUsage(ctx, u)
}

// Usage returns who writes and reads a subject (zero Name = all), newest first, at most limit (0 = MaxPage).
func (r *Registry) Usage(ctx context.Context, name Name, limit int) ([]Usage, error) {
	return r.store.Usage(ctx, name, limit)
}

// ReportRejections adds the counts of a report, once.
func (r *Registry) ReportRejections(ctx context.Context, u RejectionReport) error {
	return r.store.AddRejections(ctx, u)
}

// Rejections returns groups of refused records, newest first.
func (r *Registry) Rejections(ctx context.Context, q RejectionQuery) ([]RejectionGroup, error) {
	return r.store.Rejections(ctx, q)
}

// Upcast turns events of an older version into events of a newer one (to may be Latest). Each event is validated
// under from, each result under to; failures are in the results, in order. NoLensPath, WrongDirection,
// VersionNotFound, TooMany.
func (r *Registry) Upcast(ctx context.Context, name Name, from, to int, events []json.RawMessage) ([]Cast, error) {
	return nil, errors.ErrUnsupported
}

// Downcast is Upcast towards an older version.
func (r *Registry) Downcast(ctx context.Context, name Name, from, to int, events []json.RawMessage) ([]Cast, error) {
	return nil, errors.ErrUnsupported
}

// Cast is what became of one event: Event, or Err.
type Cast struct {
	Event    json.RawMessage
	Inferred []string // addresses of values that the lens had to invent
	Lost     []string // addresses of values that it had to drop
	Err      error
}

// Lens returns the lens that leads to a version; SchemaNotFound if it has none.
func (r *Registry) Lens(ctx context.Context, name Name, number int) (StoredLens, error) {
	return StoredLens{}, errors.ErrUnsupported
}

// limits of a registration.
const (
	MaxSchemaBytes   = 1 << 20  // canonical text
	MaxMetadataBytes = 64 << 10 // metadata as JSON
	MaxRules         = 100      // of a rule set
	MaxRuleName      = 256      // bytes
	MaxRuleExpr      = 64 << 10 // bytes
	MaxVersions      = 10_000   // of a subject
	MaxReferences    = 256      // in the closure
	MaxReferenceDeep = 16       // references of references
	MaxClosureBytes  = 8 << 20  // texts of the closure
	RegisterDeadline = 10 * time.Second
	JudgeBudget      = 5 * time.Second
)
