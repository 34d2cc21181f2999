package api_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// What compiles schemas chooses the words; here is what they must hold, and must not tell.
func TestSchemasThatDoNotCompileAreToldWhere(t *testing.T) {
	h, _ := open(t)
	for _, c := range []struct{ schema, where string }{
		{`{"type":"strin"}`, "/type"},
		{`{"properties":{"a":{"minLength":"3"}}}`, "/properties/a/minLength"},
		{`{"type":"object","type":"string"}`, "/type"},
		{`{"properties":{"a":{"pattern":"("}}}`, "/properties/a/pattern"},
		{`{"type":`, "offset 8"},
		{`{"$ref":"file:///etc/passwd"}`, "file:///etc/passwd is not among the references"},
		{`{"$ref":"file:///etc/no-such-file"}`, "file:///etc/no-such-file is not among the references"},
		{`{"$ref":"http://127.0.0.1:1/x.json"}`, "http://127.0.0.1:1/x.json is not among the references"},
		{`{"$schema":"http://example.com/draft"}`, "(at /$schema)"},
	} {
		body, err := json.Marshal(map[string]string{"schemaType": "JSON", "schema": c.schema})
		if err != nil {
			t.Fatal(err)
		}
		status, answer, _ := ask(h, "POST", "/subjects/a/versions", string(body))
		var said struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(answer), &said); err != nil || status != 422 || said.Code != 42201 || !strings.Contains(said.Message, c.where) {
			t.Errorf("register %s = %d %s, want 42201 with %q", c.schema, status, answer, c.where)
		}
		for _, secret := range []string{"no such file", "connection refused", "root:", "/web/api"} {
			if strings.Contains(said.Message, secret) {
				t.Errorf("register %s tells %q: %s", c.schema, secret, said.Message)
			}
		}
	}
}

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
