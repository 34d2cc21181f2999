package validator

import "math/big"

// Draft is a JSON Schema draft. The zero value is no draft.
type Draft uint8

// The drafts that are understood, oldest first, so that drafts compare with < and >.
const (
	Draft4 Draft = iota + 1
	Draft6
	Draft7
	Draft2019
	Draft2020
)

// TypeSet is a set of JSON Schema types as bits. The zero value means that the schema has no type keyword; every
// type is then allowed.
type TypeSet uint8

// The seven types. TypeNumber covers every number; TypeInteger only those without a fractional part (1.0 and 1e0
// are integers in every draft).
const (
	TypeNull TypeSet = 1 << iota
	TypeBoolean
	TypeInteger
	TypeNumber
	TypeString
	TypeArray
	TypeObject
)

// Property is a named child: a member of properties, patternProperties (Name is then the pattern's source) or
// dependentSchemas.
type Property struct {
	Name   string
	Schema *Node
}

// Dependency lists the names that must be present when Name is (dependentRequired, and the array form of
// dependencies).
type Dependency struct {
	Name     string
	Required []string
}

// Node is one schema of a compiled document, resolved and neutral to its draft: what a keyword means here is
// already decided, so a reader never asks for the draft to know whether a keyword counts. A keyword that means
// nothing in the node's draft is absent.
//
// Nodes form a graph: references are links, and a recursive schema is a cycle that always passes through a child
// location. A schema object that holds nothing but $ref is replaced by its target. Nodes are immutable and safe
// for concurrent use. Source: JSON Schema drafts 4, 6, 7, 2019-09 and 2020-12.
type Node struct {
	Document string // URI of the document it stands in
	Pointer  string // JSON Pointer into that document; "" is its root
	Draft    Draft  // of the document, never 0

	// Always is set for a boolean schema, true or false; everything below is then empty.
	Always *bool

	// Ref is a $ref that has something beside it, nil if none. In the drafts up to 7 what stands beside counts for
	// nothing and is absent here; Raw still has it, for annotations.
	Ref *Node

	// Resource is the root of the schema resource ($id) that the node belongs to; the root points to itself.
	Resource *Node
	// DynamicAnchors are the $dynamicAnchor names of a resource's own schemas (2020-12), on the resource's root
	// only; in 2019-09 a root with $recursiveAnchor: true has the one name "".
	DynamicAnchors []Property
	// DynamicRef is the statically resolved target of $dynamicRef or $recursiveRef. When DynamicName is not nil the
	// outermost resource entered that has that anchor in DynamicAnchors wins over it.
	DynamicRef  *Node
	DynamicName *string

	Types TypeSet
	Const []byte   // canonical JSON, nil if there is no const
	Enum  [][]byte // canonical JSON of each value in document order; nil: no enum, empty: nothing is valid

	AllOf, AnyOf, OneOf []*Node
	Not, If, Then, Else *Node // Then and Else are nil when If is

	// Numbers. Bounds are exact; nil means none. Draft-4's boolean exclusive flags are folded in.
	Minimum, Maximum, ExclusiveMinimum, ExclusiveMaximum, MultipleOf *big.Rat

	// Strings. Lengths count code points; -1 means none.
	MinLength, MaxLength int64
	Pattern              *string // RE2 source, unanchored
	Format               string  // "" if none; asserted in every draft when Asserted says so
	FormatAsserted       bool    // false for an unknown format, which asserts nothing
	// ContentEncoding and ContentMediaType are set only where they are asserted (draft-07); ContentSchema likewise.
	ContentEncoding, ContentMediaType string
	ContentSchema                     *Node

	// Arrays. Counts are -1 if none. PrefixItems is also the array form of items in older drafts; Items is what
	// holds for every element after them (items, or additionalItems of older drafts).
	PrefixItems           []*Node
	Items                 *Node
	MinItems, MaxItems    int64
	UniqueItems           bool
	Contains              *Node
	MinContains           int64 // 1 unless said otherwise; meaningful only with Contains
	MaxContains           int64 // -1 if none
	ContainsEvaluates     bool  // 2020-12: a matching element counts as evaluated
	UnevaluatedItems      *Node
	MinProperties         int64
	MaxProperties         int64
	Required              []string
	Properties            []Property // document order
	PatternProperties     []Property // document order
	AdditionalProperties  *Node      // nil if absent
	PropertyNames         *Node
	DependentRequired     []Dependency
	DependentSchemas      []Property
	UnevaluatedProperties *Node

	// Annotations. Raw JSON as written, nil if absent; Title and Description decoded.
	Title, Description string
	Default            []byte
	Examples           [][]byte
	Deprecated         bool
	Raw                []byte // the whole schema object or boolean as written; nil inside a draft's own meta-schema
}
