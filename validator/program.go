package validator

// node is one schema of the program: a Node made ready to run. Equal Nodes share one.
type node struct {
	id           int    // its number in the program
	uri, pointer string // where it stands, for locations
	never        bool   // the schema false
	bare         *node  // the node without its links, where a value may be walked more than once or marks are kept: see run.linked
	fused        *node  // bare with what unevaluatedProperties judges, where that is known beforehand
	fusedItems   *node  // the same of unevaluatedItems
	types        TypeSet
	way          stringWay
	values       *valueSet // const and enum
	number       *numberRules
	text         *textRules
	array        *arrayRules
	object       *objectRules
	inPlace      *inPlaceRules
	scope        *scope // its resource, where that has dynamic anchors
}

// valueSet is const and enum. Values are canonical.
type valueSet struct {
	constant []byte // nil if there is none
	enum     map[string]bool
	hasEnum  bool
	listed   [][]byte // the enum in document order, for messages

	allowed map[string]bool // what both of them allow
	kinds   TypeSet         // of what is allowed, TypeNumber for every number
	strings []literal       // the strings among it as they stand in most events, if they are few
}

// textRules is what concerns strings.
type textRules struct {
	minLength, maxLength int64
	pattern              *pattern
	format               func([]byte) bool
	whole                func(text []byte, i int) int // the format on a string's bytes from i on, up to behind its closing quote; -1 says nothing
	formatName           string
	base64, json         bool
	contentSchema        *node

	content bool // base64, json or contentSchema
	more    bool // something beside the pattern
}

type arrayRules struct {
	minItems, maxItems       int64
	unique                   bool
	prefix                   []*node
	items                    *node
	contains                 *node
	minContains, maxContains int64
	containsMarks            bool
	unevaluated              *node
}

// objectRules keeps every name that a keyword mentions in one table, the required ones first.
type objectRules struct {
	minProperties, maxProperties int64
	table                        nameTable
	known                        []known
	quick                        quickNames
	required                     []int  // as the document lists them
	must                         uint64 // the required ones among the first 64 known
	manyMust                     []int  // those beyond
	first                        int    // of this object's places in run.next
	closed                       bool   // a name that is not known is refused
	plain                        bool   // a member needs nothing but the one schema that its name leads to
	patterns                     []patternRule
	set                          *patternSet // of many patterns; else nil
	additional                   *node
	propertyNames                *node
	dependentRequired            []dependentNames
	dependentSchemas             []dependentSchema
	unevaluated                  *node
}

// known is a name that some keyword mentions.
type known struct {
	quoted    literal // "name": as it stands in most events
	name      string
	schema    *node   // of properties, nil where that does not have it
	only      *node   // the schema that judges the member, where it is no more than one; nil for none
	several   []*node // the schemas that judge it, where they are more
	evaluated bool    // some schema judges it
}

type patternRule struct {
	*pattern
	schema *node
}

type dependentNames struct {
	keyword  string // dependentRequired or dependencies
	name     int
	required []int
}

type dependentSchema struct {
	keyword string
	name    int
	schema  *node
}

// inPlaceRules are the schemas that a keyword applies to the very value.
type inPlaceRules struct {
	ref          *node
	dynamic      *node
	dynamicName  *string
	allOf        []*node
	anyOf, oneOf []*node
	anyBy, oneBy *discriminator
	anyAs, oneAs *valueSet // where every branch is but a few values: those that the union allows
	not          *node
	ifs          *node
	ifBy         *discriminator // where if only asks for a member with certain strings
	then, elseDo *node
}

// discriminator is a member that every branch of a union requires with values of its own.
type discriminator struct {
	name   string
	quoted literal        // "name": as it stands in most events
	branch map[string]int // by the string's value
	values []string       // in order of the branches

	table    nameTable // finds a value's place in values
	branches []int     // by that place
}

// scope is a schema resource with its dynamic anchors.
type scope struct {
	id      int // from 1 on
	anchors map[string]*node
}

// program is what a document is compiled to.
type program struct {
	root         *node
	nodes        int
	dynamic      bool
	stepsPerByte int
	declared     map[string]bool // every name that the schema mentions
	next         []int32         // which name follows which in the schema's own order, see run.next
	slowPatterns []string        // without automaton
	unions       []Union
	oracle       bool // no row of the differences with jsonschema v5 is touched
	size         int
}
