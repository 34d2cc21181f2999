package api

import (
	"context"
	"fmt"

	"github.com/accordhq/accord/catalog"
)

// incompatible is the 409 of a registration.
func incompatible(_ context.Context, e *catalog.Incompatible) *fault {
	return &fault{code: codeIncompatible, message: fmt.Sprintf("Schema being registered is incompatible with an earlier schema for subject %q, details: [%s]", e.Name, e.Report.Summary())}
}
