package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// A reason that the map does not know would be told as an internal error.
func TestEveryReasonOfTheCatalogHasACode(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../catalog/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if api.CodeOf(catalog.Reason(text)) == 0 {
			t.Errorf("catalog.%s has no code", spec.Names[0].Name)
		}
		return true
	})
	if seen < 30 {
		t.Errorf("found %d reasons in catalog/errors.go, want the whole list", seen)
	}
}
