package api

import "github.com/accordhq/accord/catalog"

// CodeOf is the code of a reason, 0 if the map does not know it.
func CodeOf(r catalog.Reason) int { return reasons[r].code }
