package compat

import "slices"

// RefusedTypes are the names that ConfluentStrict refuses.
func RefusedTypes() []string {
	return slices.Concat(sortedKeys(refusedTypes), sortedKeys(refusedBounds))
}
