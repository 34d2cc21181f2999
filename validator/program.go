package validator

import (
	"regexp"
)

// node is one schema of the program: a Node made ready to run. Equal Nodes share one.
type node struct {
	uri, pointer string // where it stands, for locations
	never        bool   // the schema false
	types        TypeSet
	values       *valueSet // const and enum
	number       *numberRules
	text         *textRules
	array        *arrayRules
	object       *objectRules
	inPlace      *inPlaceRules
	scope        *scope // its resource, where that has dynamic anchors
}

// valueSet is const and enum. Values are canonical; kinds has the first bytes that any of them begins with.
type valueSet struct {
	constant []byte // nil if there is none
	enum     map[string]bool
	hasEnum  bool
	listed   [][]byte // the enum in document order, for messages
	kinds    [256]bool
}

type numberRules struct {
	minimum, maximum, above, below, multipleOf *decimal
}

type textRules struct {
	minLength, maxLength int64
	pattern              *regexp.Regexp
	format               func([]byte) bool
	formatName           string
	base64, json         bool
	contentSchema        *node
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

// objectRules keeps every name that a keyword mentions in one table: names gives its index into known.
type objectRules struct {
	minProperties, maxProperties int64
	names                        map[string]int
	known                        []known
	required                     []int
	patterns                     []patternRule
	additional                   *node
	propertyNames                *node
	dependentRequired            []dependentNames
	dependentSchemas             []dependentSchema
	unevaluated                  *node
}

type known struct {
	name   string
	schema *node // nil where properties does not have it
}

type patternRule struct {
	source string
	match  *regexp.Regexp
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
	ref           *node
	refKeyword    string
	dynamic       *node
	dynamicName   *string
	allOf         []*node
	anyOf, oneOf  []*node
	anyBy, oneBy  *discriminator
	not           *node
	ifs           *node
	then, elseDo  *node
	dynamicByName string // the keyword of dynamic
}

// discriminator is a member that every branch of a union requires with values of its own.
type discriminator struct {
	name   string
	branch map[string]int // by the string's value
	values []string       // in order of the branches
}

// scope is a schema resource with its dynamic anchors.
type scope struct {
	anchors map[string]*node
}

// program is what a document is compiled to.
type program struct {
	root         *node
	nodes        int
	dynamic      bool
	stepsPerByte int
	declared     map[string]bool // every name that the schema mentions
	oracle       bool            // no row of the differences with jsonschema v5 is touched
	size         int
}
