// Package catalog keeps subjects, versions, events, services and owners, and decides what may be registered.
//
//	Register ── read head ── canonical text, references ── judge (compat, lens proof) ── Store.Append ──► version
//	               ▲                                                                         │ ErrConflict
//	               └──────────────────────── read again, judge again ◄─────────────────────────┘
//
// The Registry decides; a Store only compares and swaps. Words are Confluent's: a subject holds numbered versions, a
// version carries a schema, a schema has an ID in its context and a GUID everywhere, contexts keep tenants apart.
// The package knows neither HTTP nor SQL nor Confluent's error numbers.
package catalog

import (
	"context"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Rev is a revision: every change gets one, in one total order over the whole store. Revision n is visible only when
// all below it are. Numbers may skip. 0 is before the first change.
type Rev uint64

// Head is what a verdict rests on, and what a write compares before it swaps.
type Head struct {
	Number int // highest version number ever given to the subject, 0 = none
	Rev    Rev // newest revision that was visible when the subject was read
}

// State is what became of a version.
type State uint8

// States of a version. Gone is a soft-deleted version whose schema was registered again under a newer number: no list
// shows it, but lens chains still pass through it.
const (
	Live State = iota
	Deleted
	Gone
)

// String returns live, deleted or gone.
func (s State) String() string { return [...]string{"live", "deleted", "gone"}[min(s, Gone)] }

// Reference binds the name in a $ref to a version of a subject. Subject is in the referrer's context unless
// qualified; Version -1 stands for the latest until the reference is resolved. Source: Confluent Schema Registry,
// SchemaReference.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Metadata is what a registrant says about a schema; it is part of the schema's identity. Source: Confluent Schema
// Registry, Metadata.
type Metadata struct {
	Tags       map[string][]string `json:"tags,omitempty"`
	Properties map[string]string   `json:"properties,omitempty"`
	Sensitive  []string            `json:"sensitive,omitempty"`
}

// RuleSet is Confluent's data contract rules: kept, returned and part of the identity, never run here. Source:
// Confluent Schema Registry, RuleSet.
type RuleSet struct {
	Migration []Rule `json:"migrationRules,omitempty"`
	Domain    []Rule `json:"domainRules,omitempty"`
	Encoding  []Rule `json:"encodingRules,omitempty"`
	EnableAt  string `json:"enableAt,omitempty"`
}

// Rule is one rule of a RuleSet.
type Rule struct {
	Name      string            `json:"name"`
	Doc       string            `json:"doc,omitempty"`
	Kind      string            `json:"kind,omitempty"`
	Mode      string            `json:"mode,omitempty"`
	Type      string            `json:"type,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Expr      string            `json:"expr,omitempty"`
	OnSuccess string            `json:"onSuccess,omitempty"`
	OnFailure string            `json:"onFailure,omitempty"`
	Disabled  bool              `json:"disabled,omitempty"`
}

// Schema is an immutable text with all that belongs to its identity.
type Schema struct {
	Context string // "" = default
	ID      int    // in its context, 1 to 2^31-1
	GUID    string // lower case, with dashes
	// Text is the canonical text.
	Text       string
	References []Reference // resolved: no -1; nil = none
	Metadata   *Metadata
	RuleSet    *RuleSet
	// Broken says why an imported schema does not compile, "" = it does.
	Broken string
	At     time.Time // when the ID was given
	By     string
}

// SubjectVersion is one place where a schema stands.
type SubjectVersion struct {
	Name
	Version int
	State   State
}

// StoredSchema is a schema with what refers to it at the moment of reading.
type StoredSchema struct {
	Schema
	Versions  []SubjectVersion // where it stands, all states but Gone, by name and number
	Referrers []Referrer       // schemas of any context that refer to one of Versions
	MaxID     int              // highest ID ever given in its context
	Lenses    int              // how often lenses were set on the versions that carry it: the sum of their revisions
	Rev       Rev              // newest revision that was visible when it was read
}

// Referrer is a schema that refers to a version.
type Referrer struct {
	Context string
	ID      int
	Target  SubjectVersion // what it refers to; State is the target's
	Live    bool           // a live version carries it
}

// Version is one numbered version of a subject. In a Subject that a Store returns, Schema holds no text unless
// Query.Expand asked for it: only Context, ID and GUID are set.
type Version struct {
	Name
	Number int // 1 to 2^31-1
	State  State
	Schema Schema
	Lens   *StoredLens // nil = none
	Mark   *Mark       // nil = judged and found good
	Rev    Rev         // last change of this version
	At     time.Time   // when the number was given
	By     string
}

// Mark says that a version was let in without a judgement, or by rules where the judgement says otherwise.
type Mark struct {
	Forced   bool `json:"forced,omitempty"`   // it was left out on request
	Imported bool `json:"imported,omitempty"` // it came with its own ID
	// Policy is the one of Confluent's that let it in, Verdict (incompatible or undecided) what SEMANTIC says of the
	// versions Against, newest first. All are empty if they agree.
	Policy  string `json:"policy,omitempty"`
	Verdict string `json:"verdict,omitempty"`
	Against []int  `json:"against,omitempty"`
}

// StoredLens is the step from the version below to the version that carries it.
type StoredLens struct {
	Lens   json.RawMessage `json:"lens"` // the lens document
	Rev    int             `json:"rev"`  // starts at 1
	Report json.RawMessage `json:"report,omitempty"`
}

// Subject is one consistent reading of a subject.
type Subject struct {
	Name
	Head     Head
	Rev      Rev       // newest change of the subject itself: its versions, lenses and policy; 0 = there never was one
	Versions []Version // ascending by number, all states; nil = a name with policy alone, or not expanded
	Policies Policies
	Latest   *Version // newest live version with its schema's text; set only by Query.Expand
	Usage    []Usage  // who writes and reads it, newest first, at most MaxSubjectUsage; set only by Query.Expand
}

// Policies are the policies in scope of a subject, from near to far.
type Policies struct {
	Subject, Context, Global Policy
}

// Scope names where a policy stands: a subject, a context (Subject ""), or everything (GlobalContext).
type Scope = Name

// Policy is what one scope says about judging and writing; unset members are asked of the next scope.
type Policy struct {
	Config Config
	Mode   Mode // "" = not set
	Rev    Rev
}

// Config is the compatibility configuration of a scope. "" and nil mean not set. The JSON names are Confluent's.
type Config struct {
	Compatibility       Level     `json:"compatibility,omitempty"`
	CompatibilityPolicy string    `json:"compatibilityPolicy,omitempty"` // a name of compat.ParsePolicy, in capitals
	CompatibilityGroup  string    `json:"compatibilityGroup,omitempty"`  // a metadata property
	Normalize           *bool     `json:"normalize,omitempty"`
	ValidateFields      *bool     `json:"validateFields,omitempty"`
	ValidateNewSchemas  *bool     `json:"validateNewSchemas,omitempty"`
	ValidateRules       *bool     `json:"validateRules,omitempty"`
	Alias               string    `json:"alias,omitempty"`
	DefaultMetadata     *Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata    *Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet      *RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet     *RuleSet  `json:"overrideRuleSet,omitempty"`
}

// Patch is a change of a policy.
type Patch struct {
	Set   Config   // members that are set replace
	Clear []string // JSON names of members to clear
	Mode  *Mode    // nil = keep, "" = clear
	// Expect, when set, is the revision that the policy must still have; else ErrConflict.
	Expect *Rev
	// Empty asks that no live version is in the scope; else NotEmpty.
	Empty bool
}

// Include says which versions or subjects a question is about.
type Include uint8

// What a question is about: live ones (the zero value), soft-deleted ones as well, or these alone.
const (
	LiveOnly Include = iota
	WithDeleted
	DeletedOnly
)

// Expand is a set of things that a list of subjects brings along.
type Expand uint8

// What a list can bring along, in a fixed number of queries. A list without Expand has names and heads only.
const (
	ExpandVersions Expand = 1 << iota // Versions, without texts
	ExpandTexts                       // Versions, with texts
	ExpandLatest                      // Latest, with its text
	ExpandPolicies                    // Policies
	ExpandUsage                       // Usage
)

// Query asks for subjects, sorted by context and subject. The zero value asks for the first MaxPage live subjects of
// all contexts.
type Query struct {
	Context *string // nil = all contexts
	Prefix  string  // of the subject, without context
	Include Include // DeletedOnly: subjects whose every version is deleted
	After   Name    // begins after this name; zero = at the start
	Limit   int     // 0 = MaxPage, which is also the maximum
	Expand  Expand
}

// Bound tells a Store which conditions lead its index on (ctx, name) straight to where the page begins, and no further
// than it can end. There is one lower bound, since a database takes only one of them for its index. Each ? stands for a
// value. Names compare by bytes.
func (q Query) Bound(where func(condition string, values ...any)) {
	if q.Context == nil {
		where("(ctx, name) > (?, ?)", q.After.Context, q.After.Subject)
		return
	}
	from, to := q.names()
	where("ctx = ?", *q.Context)
	switch {
	case q.After.Context > *q.Context: // behind everything
		where("name < ?", "")
		return
	case q.After.Context == *q.Context && q.After.Subject >= from:
		where("name > ?", q.After.Subject)
	default:
		where("name >= ?", from)
	}
	if to != "" {
		where("name < ?", to)
	}
}

// names are those between which all that begin with Prefix stand, from the first included to the second excluded; to
// is "" where nothing bounds them above.
func (q Query) names() (from, to string) {
	for rest := q.Prefix; rest != ""; {
		last, size := utf8.DecodeLastRuneInString(rest)
		rest = rest[:len(rest)-size]
		switch last {
		case utf8.RuneError: // also what is no text: no bound is always right
			return q.Prefix, ""
		case utf8.MaxRune:
		case 0xD7FF: // surrogates follow
			return q.Prefix, rest + "\uE000"
		default:
			return q.Prefix, rest + string(last+1)
		}
	}
	return q.Prefix, ""
}

// Key asks for a schema: by GUID if that is set, in any context, else by context and ID.
type Key struct {
	Context string
	ID      int
	GUID    string
}

// Deletion says what to delete.
type Deletion struct {
	Versions  []int // numbers; never empty
	Permanent bool  // remove what is soft-deleted already
	Undelete  bool  // bring soft-deleted versions back
	Whole     bool  // the subject as a whole: references inside it do not count, and policy goes with the last version
}

// Op is what a change did.
type Op string

// The changes that get a revision.
const (
	OpRegister   Op = "register"
	OpDelete     Op = "delete"
	OpPurge      Op = "purge"
	OpUndelete   Op = "undelete"
	OpConfig     Op = "config"
	OpMode       Op = "mode"
	OpLens       Op = "lens"
	OpDocument   Op = "document"
	OpUndocument Op = "undocument"
	OpToken      Op = "token"   // made; Subject is its ID
	OpRevoke     Op = "revoke"  // of a token
	OpRedrive    Op = "redrive" // of records; After says which
	OpDiscard    Op = "discard" // of records; After says which
	OpImport     Op = "import"  // of a dump; After says what became of it. Its subjects have rows of their own
)

// Change is one row of the history. Before and After hold as JSON what was there and what is there now, where that is
// not said by the other members: policy, lens, document, the mark of a version, the grants of a token.
type Change struct {
	Rev Rev
	At  time.Time
	Author
	Op Op
	Name
	Version       int
	ID            int
	GUID          string
	Before, After json.RawMessage
	Hash          string // see ChainedHash
}

// Author says who asks for a change, and why.
type Author struct {
	By     string // "" = unknown
	Reason string
	Commit string // of a repository, where the change came from one
	Source string // address that the request came from, or how it came; "" = unknown
}

type authorKey struct{}

// WithAuthor returns a context whose changes are signed by a. Stores write it beside each change.
func WithAuthor(ctx context.Context, a Author) context.Context {
	return context.WithValue(ctx, authorKey{}, a)
}

// AuthorOf returns the author of a context, zero if none.
func AuthorOf(ctx context.Context) Author {
	a, _ := ctx.Value(authorKey{}).(Author)
	return a
}
