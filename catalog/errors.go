package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// What a Store says about a lost race and a lost connection.
var (
	// ErrConflict is returned when something changed between reading and writing; nothing was written.
	ErrConflict = errors.New("changed in the meantime")
	// ErrDeaf is returned by Watch when a commit may have been missed.
	ErrDeaf = errors.New("a change may have been missed")
)

// Reason is why something was refused: what callers branch on, by errors.Is(err, catalog.SubjectNotFound).
type Reason string

// Error makes a Reason the target of errors.Is.
func (r Reason) Error() string { return string(r) }

// The reasons. Those that say so come with more in the Error.
const (
	SubjectNotFound      Reason = "subject not found"
	VersionNotFound      Reason = "version not found" // Version
	SchemaNotFound       Reason = "schema not found"  // ID or GUID, or neither: by content
	DocumentNotFound     Reason = "document not found"
	SubjectDeleted       Reason = "subject is soft-deleted already"
	SubjectNotDeleted    Reason = "subject is not soft-deleted"
	VersionDeleted       Reason = "version is soft-deleted already" // Version
	VersionNotDeleted    Reason = "version is not soft-deleted"     // Version
	NoCompatibility      Reason = "no compatibility of its own"
	NoMode               Reason = "no mode of its own"
	InvalidSchema        Reason = "invalid schema" // Pointer, Detail
	EmptySchema          Reason = "empty schema"
	NotNextVersion       Reason = "version is not one more than the previous version"
	InvalidVersion       Reason = "not a version number"
	InvalidCompatibility Reason = "not a compatibility level"
	InvalidPolicy        Reason = "not a compatibility policy"         // Detail
	RawReader            Reason = "a reader does not decode by lenses" // Detail names the service
	InvalidMode          Reason = "not a mode"
	InvalidSubject       Reason = "not a subject name"
	InvalidDocument      Reason = "invalid document" // Pointer, Detail
	InvalidReport        Reason = "invalid report"   // Pointer, Detail
	ReferenceNotFound    Reason = "reference not found"
	ReadOnly             Reason = "mode is read-only"
	NotImport            Reason = "mode is not import"
	NotReadWrite         Reason = "mode is not read-write"
	IDTaken              Reason = "schema ID means another schema"  // ID
	IDMismatch           Reason = "version is there under other ID" // ID, Version
	VersionTaken         Reason = "version is there with other contents"
	GUIDCollision        Reason = "GUID means another schema" // GUID
	NotEmpty             Reason = "subjects are there"
	ContextNotEmpty      Reason = "context is not empty"
	Referenced           Reason = "referenced by another schema" // Version of Name that is referred to
	ChainNeeded          Reason = "needed by a lens chain"       // Version, Detail names the versions cut off
	InUse                Reason = "in use"                       // Version, Detail names who uses it
	TooLarge             Reason = "schema too large"
	TooManyVersions      Reason = "too many versions"
	InvalidRuleSet       Reason = "invalid rule set" // Detail
	InvalidLens          Reason = "invalid lens"     // Pointer: a position such as ops[3].exp10
	LensNotFound         Reason = "no lens"
	NoLensPath           Reason = "no lens path" // Detail names the gap
	WrongDirection       Reason = "wrong direction"
	TooMany              Reason = "too many"  // Detail names the limit
	Busy                 Reason = "too busy"  // a limit of concurrency; try again
	TimedOut             Reason = "timed out" // Register's deadline
	Unavailable          Reason = "store not reachable"
	PreconditionFailed   Reason = "changed since it was read"
	TokenNotFound        Reason = "no such token"
	InvalidToken         Reason = "not a token"                   // Detail
	InvalidDump          Reason = "not a dump as it was exported" // Detail names the line
	PolicyTaken          Reason = "policy is there with other contents"
	HistoryTaken         Reason = "history is there with other contents"  // Detail names the row
	DocumentTaken        Reason = "document is there with other contents" // Detail names it
	NotPermitted         Reason = "not permitted"                         // Name is an alias, Detail the role that is needed where it leads
)

// Error is a refusal. Only the members that its Reason names are set; Name is the subject or scope it is about.
type Error struct {
	Reason  Reason
	Name    Name
	Version int // -1 = latest
	ID      int
	GUID    string
	Pointer string // JSON Pointer into the schema text or document
	Detail  string // more words, for people; never the schema's text, a path or an address
	Err     error  // what lies below
}

// Error says what was refused, on what, and why.
func (e *Error) Error() string {
	var b strings.Builder
	if n := e.Name.String(); n != "" {
		b.WriteString(n)
		if e.Version != 0 {
			fmt.Fprintf(&b, " version %d", e.Version)
		}
		b.WriteString(": ")
	}
	b.WriteString(string(e.Reason))
	if e.ID != 0 {
		fmt.Fprintf(&b, " (ID %d)", e.ID)
	}
	if e.GUID != "" {
		fmt.Fprintf(&b, " (GUID %s)", e.GUID)
	}
	if e.Pointer != "" {
		fmt.Fprintf(&b, " at %s", e.Pointer)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Is matches the Reason.
func (e *Error) Is(target error) bool {
	r, ok := target.(Reason)
	return ok && r == e.Reason
}

// Unwrap returns what lies below.
func (e *Error) Unwrap() error { return e.Err }

// Incompatible refuses a registration: the report says against which version, and by which event.
type Incompatible struct {
	Name   Name
	Report Judgement
}

// Error names the subject and the first sentence of the report.
func (e *Incompatible) Error() string {
	return fmt.Sprintf("%s: incompatible with an earlier schema: %s", e.Name, e.Report.Summary())
}
