package api_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// document is the OpenAPI document as it is served.
func document(t testing.TB) []byte {
	t.Helper()
	a := api.New(api.Config{Registry: catalog.New(nil, catalog.Options{}), Version: "1.2.3", Metrics: prometheus.NewRegistry()})
	status, text, _ := ask(a.Handler(), "GET", "/openapi.json", "")
	if status != 200 {
		t.Fatalf("GET /openapi.json = %d %s", status, text)
	}
	return []byte(text)
}

// The document is judged by a validator that nobody here wrote.
func TestOpenAPIDocumentIsValid(t *testing.T) {
	t.Parallel()
	python := os.Getenv("ACCORD_TEST_PYTHON")
	if python == "" {
		missing(t, "the OpenAPI validator (ACCORD_TEST_PYTHON)")
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/clients/openapi.py")
	cmd.Stdin = bytes.NewReader(document(t))
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// Every example is what its schema describes.
func TestOpenAPIExamplesAreInstances(t *testing.T) {
	text := document(t)
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	if err := compiler.AddResource("openapi.json", bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace
	checked := 0
	check := func(at string, content map[string]media) {
		for kind, m := range content {
			if len(m.Example) == 0 {
				continue
			}
			checked++
			schema, err := compiler.Compile("openapi.json#/paths/" + at + "/content/" + escape(kind) + "/schema")
			if err != nil {
				t.Fatal(err)
			}
			var example any
			if err := json.Unmarshal(m.Example, &example); err != nil {
				t.Fatal(err)
			}
			if _, isText := example.(string); isText || strings.HasPrefix(kind, "text/") || kind == "application/x-ndjson" {
				continue
			}
			if err := schema.Validate(example); err != nil && !isBareText(m.Schema) {
				t.Errorf("%s %s: %v\n%s", at, kind, err, m.Example)
			}
		}
	}
	for path, item := range doc.Paths {
		for method, op := range item {
			at := escape(path) + "/" + method
			if op.RequestBody != nil {
				check(at+"/requestBody", op.RequestBody.Content)
			}
			for status, r := range op.Responses {
				check(at+"/responses/"+status, r.Content)
			}
		}
	}
	if checked < 150 {
		t.Errorf("%d examples, want those of every operation", checked)
	}
}

// isBareText says whether a schema describes the text of an answer, whose example is shown as what it says.
func isBareText(schema json.RawMessage) bool {
	var s struct{ Type any }
	return json.Unmarshal(schema, &s) == nil && s.Type == "string"
}

// confluentRoutes are those that a client of Confluent's registry may ask for.
const confluentRoutes = `
POST /subjects/{subject}/versions
POST /subjects/{subject}
GET /subjects
DELETE /subjects/{subject}
GET /subjects/{subject}/versions
GET /subjects/{subject}/versions/{version}
GET /subjects/{subject}/versions/{version}/schema
GET /subjects/{subject}/versions/{version}/referencedby
DELETE /subjects/{subject}/versions/{version}
GET /subjects/{subject}/metadata
GET /schemas
GET /schemas/ids/{id}
GET /schemas/ids/{id}/schema
GET /schemas/ids/{id}/subjects
GET /schemas/ids/{id}/versions
GET /schemas/guids/{guid}
GET /schemas/guids/{guid}/ids
GET /schemas/types
POST /compatibility/subjects/{subject}/versions/{version}
POST /compatibility/subjects/{subject}/versions
GET /config
PUT /config
DELETE /config
GET /config/{subject}
PUT /config/{subject}
DELETE /config/{subject}
GET /mode
PUT /mode
DELETE /mode
GET /mode/{subject}
PUT /mode/{subject}
DELETE /mode/{subject}
GET /contexts
DELETE /contexts/{context}
GET /v1/metadata/id
GET /v1/metadata/version
GET /v1/metadata/deployment
GET /associations/{rest}
GET /
`

// confluentParameters are the parameters of those routes, beside those of the path, in the order of their names.
const confluentParameters = `
POST /subjects/{subject}/versions: force format normalize
POST /subjects/{subject}: deleted format normalize
GET /subjects: deleted deletedOnly limit offset subjectPrefix
DELETE /subjects/{subject}: permanent
GET /subjects/{subject}/versions: deleted deletedAsNegative deletedOnly limit offset
GET /subjects/{subject}/versions/{version}: deleted findTags format referenceFormat
GET /subjects/{subject}/versions/{version}/schema: deleted findTags format referenceFormat
GET /subjects/{subject}/versions/{version}/referencedby: deleted limit offset
DELETE /subjects/{subject}/versions/{version}: permanent
GET /subjects/{subject}/metadata: deleted format key value
GET /schemas: aliases associationType deleted latestOnly lifecycle limit offset resourceType ruleType subjectPrefix
GET /schemas/ids/{id}: fetchMaxId findTags format referenceFormat subject
GET /schemas/ids/{id}/schema: fetchMaxId findTags format referenceFormat subject
GET /schemas/ids/{id}/subjects: deleted limit offset subject
GET /schemas/ids/{id}/versions: deleted limit offset subject
GET /schemas/guids/{guid}: format
POST /compatibility/subjects/{subject}/versions/{version}: normalize verbose
POST /compatibility/subjects/{subject}/versions: normalize verbose
GET /config: defaultToGlobal
GET /config/{subject}: defaultToGlobal
GET /mode: defaultToGlobal
GET /mode/{subject}: defaultToGlobal
PUT /mode: force
PUT /mode/{subject}: force
DELETE /mode: recursive
DELETE /mode/{subject}: recursive
GET /contexts: contextPrefix limit offset
`

// The document has every route of Confluent's and every parameter of it, and no other outside of /v1 and the process.
func TestOpenAPIDocumentHasTheRoutesOfConfluent(t *testing.T) {
	var doc openAPI
	if err := json.Unmarshal(document(t), &doc); err != nil {
		t.Fatal(err)
	}
	own := []string{"/v1/", "/healthz", "/readyz", "/metrics", "/version", "/openapi.json", "/subjects/{subject}/upcast", "/subjects/{subject}/downcast", "/subjects/{subject}/versions/{version}/vectors"}
	var routes, parameters []string
	for path, item := range doc.Paths {
		if slices.ContainsFunc(own, func(p string) bool { return strings.HasPrefix(path, p) }) && !strings.HasPrefix(path, "/v1/metadata/") {
			continue
		}
		for method, op := range item {
			at := strings.ToUpper(method) + " " + path
			routes = append(routes, at)
			var names []string
			for _, p := range op.Parameters {
				if p.In == "query" {
					names = append(names, p.Name)
				}
			}
			if slices.Sort(names); len(names) > 0 {
				parameters = append(parameters, at+": "+strings.Join(names, " "))
			}
		}
	}
	for _, c := range []struct {
		want string
		got  []string
	}{{confluentRoutes, routes}, {confluentParameters, parameters}} {
		want := strings.Split(strings.TrimSpace(c.want), "\n")
		slices.Sort(want)
		slices.Sort(c.got)
		if diff := cmp.Diff(want, c.got); diff != "" {
			t.Errorf("routes (-want +got):\n%s", diff)
		}
	}
}
