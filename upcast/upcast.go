// Package upcast holds lenses: declared, reversible steps that turn an event of one schema version into an event of
// the next, and back. It is pure.
package upcast
