package compat

import "slices"

// RefusedTypes are the names that ConfluentStrict refuses.
func RefusedTypes() []string {
	return slices.Concat(sortedKeys(refusedTypes), sortedKeys(refusedBounds))
}

// Unfilled is the schema that SemanticUpcast asks about.
func (s *Schema) Unfilled() (*Schema, error) { return s.unfilled() }
