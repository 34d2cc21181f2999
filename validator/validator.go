// Package validator answers one question: is this payload an instance of that schema?
//
// A schema is compiled once, then events go from raw bytes to a verdict. The package also holds what the
// proxy and the decoder must share: framing, references, and the cache of compiled schemas.
//
//	Document ── front end (jsonschema v5: parse, resolve) ──► Node ── lower ──► program
//	                                                            │                 │
//	                                             compat reads ◄─┘    event bytes ─┴─► verdict, violations
//
// It is pure computation: no file, no network, no goroutine left behind. It never fetches a $ref, and no event
// of a producer is ever handed to another library.
package validator
