// Package validator answers one question: is this payload an instance of that schema?
//
// A schema is compiled once, then events go from raw bytes to a verdict. The package also holds what the
// proxy and the decoder must share: framing, references, and the cache of compiled schemas.
//
//	Document ── front end (jsonschema v5: parse, resolve) ──► Node ── lower ──► program
//	                                                            │                 │
//	                                             compat reads ◄─┘    event bytes ─┴─► verdict, violations
//
// An event is first held against the byte rules (RFC 8259, UTF-8, no duplicate names, bounds), whatever the schema says;
// then the program walks its bytes by recursive descent. A schema's draft is what its own root $schema says, without one
// draft-07; format is asserted in every draft.
//
// It is pure computation: no file, no network, no goroutine left behind. It never fetches a $ref, and no event
// of a producer is ever handed to another library.
package validator

import (
	"sync"
	"weak"

	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"
)

// Schema is a compiled document. It is immutable; every method is safe for concurrent use. An event is read during a
// call only, never kept and never written.
type Schema struct {
	document Document
	limits   Limits
	program  *program
	warnings []Warning
	runs     sync.Pool // of *run
	falls    totals
	metrics  *cacheMetrics // of the Cache that compiled it; nil without one
	root     func() *Node
	privacy  func() *privacy
	oracle   func() *jsonschema.Schema
}

// Compile compiles a document in a closed world: only d.References and the meta-schemas of the five drafts can be
// referred to, nothing is opened. The error is always a *SchemaError. Only what the root reaches is compiled; the byte
// rules and limits hold for every text. Text and References belong to the Schema from then on.
func Compile(d Document, l Limits) (*Schema, error) {
	c, compiler, compiled, err := d.front(l)
	if err != nil {
		return nil, err
	}
	root, err := buildTree(c, compiler, compiled)
	if err != nil {
		return nil, err
	}
	p, err := lower(root, c.limits.ProgramBytes)
	if err != nil {
		return nil, err
	}
	s := &Schema{document: d, limits: c.limits, program: p, warnings: c.warnings}
	for _, t := range c.texts {
		p.size += len(t.bytes)
	}
	// The library's tree is not kept: a process with a thousand schemas holds programs only. Who compiles a schema to
	// judge it asks for the tree at once, and finds it while the collector has not come by.
	built := weak.Make(root)
	s.root = sync.OnceValue(func() *Node {
		if root := built.Value(); root != nil {
			return root
		}
		c, compiler, compiled, err := d.front(l)
		if err != nil {
			return nil
		}
		root, _ := buildTree(c, compiler, compiled)
		return root
	})
	s.privacy = sync.OnceValue(func() *privacy { return newPrivacy(s.root()) })
	s.oracle = sync.OnceValue(func() *jsonschema.Schema {
		_, _, compiled, _ := d.front(l)
		return compiled
	})
	return s, nil
}

// front reads the closure and gives it to jsonschema v5.
func (d Document) front(l Limits) (*closure, *jsonschema.Compiler, *jsonschema.Schema, error) {
	c, err := readClosure(d, l)
	if err != nil {
		return nil, nil, nil, err
	}
	compiler, compiled, err := compileV5(c)
	return c, compiler, compiled, err
}

// Root returns the resolved, draft-neutral tree. It is built on the first call and then kept; callers must not change it.
func (s *Schema) Root() *Node { return s.root() }

// Warnings lists the keywords of the root document that mean nothing where they stand, in document order.
func (s *Schema) Warnings() []Warning { return s.warnings }

// Size is about how many bytes the schema holds, its texts included, what Root and Oracle build on demand not.
func (s *Schema) Size() int { return s.program.size }

// Valid reports whether event is JSON that keeps the byte rules and is an instance of the schema.
func (s *Schema) Valid(event []byte) bool {
	if len(event) > s.limits.EventBytes {
		return false
	}
	r := s.take()
	r.begin(s.program, event, 1)
	valid := r.judge()
	s.put(r)
	return valid
}

// Check is nil for a valid event, else an *InvalidError with up to MaxViolations violations.
func (s *Schema) Check(event []byte) error {
	if s.Valid(event) {
		return nil
	}
	found := s.Explain(event, MaxViolations+1)
	if len(found) > MaxViolations {
		return &InvalidError{Violations: found[:MaxViolations], More: true}
	}
	return &InvalidError{Violations: found}
}

func (s *Schema) take() *run {
	if r, ok := s.runs.Get().(*run); ok {
		return r
	}
	return newRun(s.program)
}

// put keeps a run for the next event, but for scratch that one big event made large.
func (s *Schema) put(r *run) {
	r.text, r.scanner.text = nil, nil
	kept := cap(r.buf)+8*cap(r.bits)+24*cap(r.spans)+4*cap(r.matched)+32*(cap(r.names.list)+cap(r.scanner.names.list)) <= MaxKeptScratch &&
		len(r.memo.answers) <= keptAnswers
	if !kept {
		r.counts[fellGrow]++
	}
	if r.counts != (counters{}) {
		s.falls.add(&r.counts)
		if s.metrics != nil {
			s.metrics.falls.add(&r.counts)
		}
		r.counts = counters{}
	}
	if kept {
		s.runs.Put(r)
	}
}
