package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/accordhq/accord/validator"
)

// Limits of a dump.
const (
	// MaxLineBytes bounds one line of a dump: a schema or document, escaped at its worst, with what belongs to it.
	MaxLineBytes = 32 << 20
	// MaxStepBytes bounds the lines that an import holds in memory at once; a subject whose lines are longer is
	// written in several steps.
	MaxStepBytes = 48 << 20
	// MaxRefused bounds the list of refused lines; what is beyond it is counted.
	MaxRefused = 1000
	// MaxOtherGUIDs bounds the GUIDs that a schema brought along beside its own.
	MaxOtherGUIDs = 16
)

// Transfers is the part of a Store that moves everything at once: out in one consistent view, in by steps.
type Transfers interface {
	// Snapshot calls f with one consistent view of everything. The view ends when f returns.
	Snapshot(ctx context.Context, f func(Snapshot) error) error
	// Import writes one batch, whole or not at all. Errors, when nothing has changed: ErrConflict, and *Error with
	// IDTaken, IDMismatch, VersionTaken, GUIDCollision, ReferenceNotFound, NotImport, DocumentTaken and HistoryTaken,
	// which name the version, document or row.
	Import(ctx context.Context, b Batch) (BatchDone, error)
	// Archive reads at most limit rows of the history that imports brought, by chain and revision, after a place.
	Archive(ctx context.Context, chain string, after Rev, limit int) ([]Archived, error)
}

// Snapshot is a consistent view of a store, for the goroutine that got it. Its lists come row by row, in the order
// that each names, and are never held in memory whole.
type Snapshot interface {
	// Revision is the newest revision in the view.
	Revision(ctx context.Context) (Rev, error)
	// Contexts calls f with each context, by name, and the highest ID ever given in it.
	Contexts(ctx context.Context, f func(ContextIDs) error) error
	// Links calls f with each pair of subjects of which a version of the first refers to one of the second.
	Links(ctx context.Context, f func(from, to Name) error) error
	// Versions calls f with each version in scope, in every state, with its text and the highest number ever given to
	// its subject; by context, subject and number.
	Versions(ctx context.Context, q Moving, f func(head int, v Moved) error) error
	// Policies calls f with each policy that says something, by context and subject.
	Policies(ctx context.Context, f func(Scope, Policy) error) error
	// Documents calls f with each document, by kind and name.
	Documents(ctx context.Context, f func(Document) error) error
	// History calls f with each row that imports brought, by chain and revision, and then with each change of this store.
	History(ctx context.Context, f func(Archived) error) error
}

// Archived is a row of a store's history, on its way or in the archive of another store.
type Archived struct {
	Chain string // the hash of the first row of that history: its name
	Change
}

// ContextIDs is a context and the highest ID that was ever given in it, or is not to be given there.
type ContextIDs struct {
	Context string
	ID      int
}

// Moving says which versions are on their way. The zero value means all.
type Moving struct {
	Context *string // nil = all
	Prefix  string  // of the subject, without context
	Names   []Name  // these alone; nil = all
}

// Moved is a version on its way from one store to another.
type Moved struct {
	Version
	GUIDs []string // by which its schema is known beside its own GUID
}

// MovedSubject is a subject, or a part of one, on its way.
type MovedSubject struct {
	Name
	Head     int // highest number ever given to it
	Versions []Moved
}

// A Batch is what an import writes in one transaction. IDs, numbers, states, times and authors are taken as they are;
// a time that is zero becomes now, with the author of ctx.
type Batch struct {
	Contexts  []ContextIDs
	Subjects  []MovedSubject
	Documents []Document
	History   []Archived // kept apart: they are no changes of this store
	// Rev is the newest revision that the decision rests on: ErrConflict if one of Subjects, or a policy in its scope,
	// has changed since.
	Rev Rev
	// Open lets new versions in; else what is not there yet gives NotImport.
	Open bool
	// Try changes nothing and answers what would be; what Assumed names then counts as there.
	Try     bool
	Assumed []SubjectVersion
}

// BatchDone is what became of a batch.
type BatchDone struct {
	Created int // versions, documents and rows of history
	Same    int // that were there already
	Rev     Rev // newest revision of the batch, 0 = nothing changed
}

// DocumentKey is how refusals name a document.
func (d Document) key() string { return d.Kind + " " + d.Name }

// The lines of a dump: objects with one member, which says what the line is, but for the first and the last.
type (
	dumpLine struct {
		Header  *dumpHeader  `json:"accord,omitempty"`
		Context *dumpContext `json:"context,omitempty"`
		Subject *dumpSubject `json:"subject,omitempty"`
		Schema  *dumpSchema  `json:"schema,omitempty"`
		Version *dumpVersion `json:"version,omitempty"`
		Policy  *dumpPolicy  `json:"policy,omitempty"`
		Doc     *dumpDoc     `json:"document,omitempty"`
		Audit   *dumpChange  `json:"audit,omitempty"`

		End    bool   `json:"end,omitempty"`
		Lines  int    `json:"lines,omitempty"`
		SHA256 string `json:"sha256,omitempty"`
	}

	// dumpHeader is the first line.
	dumpHeader struct {
		Format   int       `json:"format"`
		At       time.Time `json:"at"`
		Revision Rev       `json:"revision"`
		Context  *string   `json:"context,omitempty"` // absent: all
		Prefix   string    `json:"prefix,omitempty"`
	}

	dumpContext struct {
		Name string `json:"name"`
		IDs  int    `json:"ids"`
	}

	// dumpSubject begins a subject: its schemas and versions follow.
	dumpSubject struct {
		Context string `json:"context"`
		Name    string `json:"name"`
		Head    int    `json:"head"`
		Joined  bool   `json:"joined,omitempty"` // written in one step with the subject before it: they refer to each other
	}

	// dumpSchema comes before the first version of the subject that carries it.
	dumpSchema struct {
		ID         int         `json:"id"`
		GUID       string      `json:"guid,omitempty"`
		GUIDs      []string    `json:"guids,omitempty"`
		Text       string      `json:"text"`
		References []Reference `json:"references,omitempty"`
		Metadata   *Metadata   `json:"metadata,omitempty"`
		RuleSet    *RuleSet    `json:"ruleSet,omitempty"`
		Broken     string      `json:"broken,omitempty"`
		At         time.Time   `json:"at,omitzero"`
		By         string      `json:"by,omitempty"`
	}

	dumpVersion struct {
		Number int         `json:"number"`
		ID     int         `json:"id"`
		State  string      `json:"state"`
		Lens   *StoredLens `json:"lens,omitempty"`
		Mark   *Mark       `json:"mark,omitempty"`
		At     time.Time   `json:"at,omitzero"`
		By     string      `json:"by,omitempty"`
	}

	dumpPolicy struct {
		Context string `json:"context"`
		Subject string `json:"subject,omitempty"`
		Config  Config `json:"config,omitzero"`
		Mode    Mode   `json:"mode,omitempty"`
	}

	dumpDoc struct {
		Kind string          `json:"kind"`
		Name string          `json:"name"`
		Body json.RawMessage `json:"body"`
		At   time.Time       `json:"at,omitzero"`
		By   string          `json:"by,omitempty"`
	}

	// dumpChange is a row of history. What its hash covers stands as it is: the context is "" for the default one, what
	// was before and after is text.
	dumpChange struct {
		Chain   string    `json:"chain"`
		Rev     Rev       `json:"rev"`
		At      time.Time `json:"at"`
		By      string    `json:"by,omitempty"`
		Source  string    `json:"source,omitempty"`
		Reason  string    `json:"reason,omitempty"`
		Commit  string    `json:"commit,omitempty"`
		Op      Op        `json:"op"`
		Context string    `json:"context,omitempty"`
		Subject string    `json:"subject,omitempty"`
		Version int       `json:"version,omitempty"`
		ID      int       `json:"id,omitempty"`
		GUID    string    `json:"guid,omitempty"`
		Before  string    `json:"before,omitempty"`
		After   string    `json:"after,omitempty"`
		Hash    string    `json:"hash"`
	}
)

// dumpFormat numbers the form of the lines.
const dumpFormat = 1

// contextOfLine reads a context as lines spell it, "." for the default one.
func contextOfLine(s string) (string, error) {
	if s == "." {
		return "", nil
	}
	n, err := ParseName(":" + s + ":")
	return n.Context, err
}

// stateOf reads what State.String wrote.
func stateOf(s string) (State, error) {
	for _, state := range []State{Live, Deleted, Gone} {
		if state.String() == s {
			return state, nil
		}
	}
	return 0, fmt.Errorf("state %.20q is not live, deleted or gone", s)
}

// maxID is the highest ID and number there is.
const maxID = 1<<31 - 1

// moved checks a schema line and makes of it what a store keeps; the GUID is computed, and one that the line brought
// and that is another stays as one more name.
func (l *dumpSchema) moved(name Name) (Schema, []string, error) {
	s := Schema{
		Context: name.Context, ID: l.ID, Text: l.Text, References: l.References, Metadata: l.Metadata, RuleSet: l.RuleSet,
		Broken: l.Broken, At: l.At.UTC(), By: l.By,
	}
	switch {
	case l.ID < 1 || l.ID > maxID:
		return s, nil, fmt.Errorf("ID %d is not in 1 to 2^31-1", l.ID)
	case strings.Contains(l.Text+l.By, "\x00"): // no store keeps it, and no JSON holds it
		return s, nil, &Error{Reason: InvalidSchema, Name: name, ID: l.ID, Detail: "a NUL character"}
	case len(l.Text) > MaxSchemaBytes:
		return s, nil, &Error{Reason: TooLarge, Name: name, ID: l.ID}
	case len(l.References) > MaxReferences:
		return s, nil, &Error{Reason: InvalidSchema, Name: name, ID: l.ID, Detail: "more references than MaxReferences"}
	}
	if len(l.References) == 0 {
		s.References = nil
	}
	for _, ref := range s.References {
		if _, err := ref.Target(name.Context); err != nil || ref.Version < 1 || ref.Name == "" {
			return s, nil, &Error{Reason: InvalidSchema, Name: name, ID: l.ID, Detail: fmt.Sprintf("the reference %.200q names no version", ref.Name)}
		}
	}
	if err := l.Metadata.check(name); err != nil {
		return s, nil, err
	}
	if err := l.RuleSet.check(name); err != nil {
		return s, nil, err
	}
	s.GUID = s.GUIDOf()
	var others []string
	if len(l.GUIDs) >= MaxOtherGUIDs {
		return s, nil, fmt.Errorf("ID %d has more GUIDs than MaxOtherGUIDs (%d)", l.ID, MaxOtherGUIDs)
	}
	for _, other := range append([]string{l.GUID}, l.GUIDs...) {
		other = strings.ToLower(other)
		if other == "" || other == s.GUID {
			continue
		}
		if _, err := validator.ParseGUID(other); err != nil {
			return s, nil, fmt.Errorf("ID %d: %.64q is not a GUID", l.ID, other)
		}
		others = append(others, other)
	}
	return s, sortedSet(others), nil
}

// moved checks a version line.
func (l *dumpVersion) moved(name Name) (Version, error) {
	v := Version{Name: name, Number: l.Number, Lens: l.Lens, Mark: l.Mark, At: l.At.UTC(), By: l.By}
	var err error
	if v.State, err = stateOf(l.State); err != nil {
		return v, err
	}
	if l.Number < 1 || l.Number > maxID || strings.Contains(l.By, "\x00") {
		return v, fmt.Errorf("version %d is not in 1 to 2^31-1", l.Number)
	}
	if l.Lens != nil && (l.Lens.Rev < 1 || len(l.Lens.Lens) == 0) {
		return v, &Error{Reason: InvalidLens, Name: name, Version: l.Number, Detail: "no document or revision"}
	}
	return v, nil
}

// dumpChangeOf is the line of a row of history.
func dumpChangeOf(a Archived) *dumpChange {
	return &dumpChange{
		a.Chain, a.Rev, a.At, a.By, a.Source, a.Reason, a.Commit, a.Op, a.Context, a.Subject, a.Version, a.ID, a.GUID, string(a.Before), string(a.After), a.Hash,
	}
}

// archived checks a line of history: its chain and hash are hashes, and it is text that every store keeps.
func (l *dumpChange) archived() (Archived, error) {
	a := Archived{Chain: l.Chain, Change: Change{
		Rev: l.Rev, At: l.At.UTC(), Author: Author{By: l.By, Reason: l.Reason, Commit: l.Commit, Source: l.Source}, Op: l.Op,
		Name: Name{l.Context, l.Subject}, Version: l.Version, ID: l.ID, GUID: l.GUID, Before: rawText(l.Before), After: rawText(l.After), Hash: l.Hash,
	}}
	for _, h := range []string{l.Chain, l.Hash} {
		if b, err := hex.DecodeString(h); err != nil || len(b) != sha256.Size {
			return a, fmt.Errorf("%.80q is not a hash of history", h)
		}
	}
	if l.Rev == 0 || l.Rev > maxRev || l.Version < 0 || l.Version > maxID || l.ID < 0 || l.ID > maxID {
		return a, fmt.Errorf("revision %d, version %d or ID %d is none", l.Rev, l.Version, l.ID)
	}
	for _, s := range []string{l.By, l.Source, l.Reason, l.Commit, string(l.Op), l.Context, l.Subject, l.GUID, l.Before, l.After} {
		if strings.Contains(s, "\x00") {
			return a, fmt.Errorf("a NUL character in revision %d", l.Rev)
		}
	}
	return a, nil
}

// maxRev is the highest revision there is.
const maxRev = 1<<63 - 1

// rawText is stored JSON, nil if there is none.
func rawText(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}
