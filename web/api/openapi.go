package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Operation is one row of the API reference, in terms of no library. JSON members hold JSON text.
type Operation struct {
	ID, Method, Path string
	Tag              string // group of the reference
	Summary          string
	Description      string // more sentences, may be ""
	Native           bool   // one of accord's own, under /v1 or about the process
	Parameters       []Parameter
	// Body is what the request carries, nil = nothing.
	Body *Content
	// Status is that of success; Answer is its body, nil = nothing.
	Status int
	Answer *Content
	Errors []ErrorCode // by status, then code
	Curl   string      // a line to paste into a shell, on the registry's default address
}

// Parameter is a part of the path or query.
type Parameter struct {
	Name        string
	In          string // path or query
	Type        string // string, integer, boolean or array
	Required    bool
	Description string
	Example     string // "" = none
}

// Content is a body by type, schema and example.
type Content struct {
	Types   []string        // media types, the preferred one first
	Schema  json.RawMessage // JSON Schema with every $ref replaced by what it names
	Example string          // indented JSON, or text
}

// ErrorCode is one way to fail.
type ErrorCode struct {
	Code    int    // as in the body; Status itself where HTTP says it all
	Status  int    // of HTTP
	Meaning string // for people
}

// Tags of the reference, in its order.
const (
	tagSubjects      = "Subjects"
	tagSchemas       = "Schemas"
	tagCompatibility = "Compatibility"
	tagConfig        = "Config"
	tagMode          = "Mode"
	tagContexts      = "Contexts"
	tagNative        = "Catalog"
	tagLenses        = "Lenses"
	tagReports       = "Observations"
	tagTransfer      = "Transfer"
	tagProcess       = "Process"
)

var tags = []*huma.Tag{
	{Name: tagSubjects, Description: "Versions of subjects. Every path may also begin with /contexts/{context}: names that are not qualified are then taken in that context."},
	{Name: tagSchemas, Description: "Schemas by ID and GUID."},
	{Name: tagCompatibility, Description: "Whether a schema may follow, without registering it."},
	{Name: tagConfig, Description: "Compatibility levels of everything, a context or a subject."},
	{Name: tagMode, Description: "What may be written."},
	{Name: tagContexts, Description: "Contexts and the cluster."},
	{Name: tagNative, Description: "The catalog: subjects in bulk, changes, documents, bindings."},
	{Name: tagLenses, Description: "Events from one version to another."},
	{Name: tagReports, Description: "Who writes and reads what, and what was refused, as proxies and decoders report it."},
	{Name: tagTransfer, Description: "Everything at once: backup, restore, and the way to another store."},
	{Name: tagProcess, Description: "Health, metrics and version of the process."},
}

// newDocument is the OpenAPI document before its first operation.
func newDocument(c Config) *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "accord", Version: c.Version,
			Description: "The Confluent Schema Registry API for JSON Schema, and the event catalog under /v1.",
			License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Servers:    []*huma.Server{{URL: "/"}},
		Tags:       tags,
		Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)},
	}
}

// tidy says the truth where huma cannot know it: lists are never null, members that we do not know are ignored, and
// each parameter shows its example.
func tidy(doc *huma.OpenAPI) {
	var walk func(*huma.Schema)
	walk = func(s *huma.Schema) {
		if s == nil {
			return
		}
		if s.Type == huma.TypeArray {
			s.Nullable = false
		}
		if closed, ok := s.AdditionalProperties.(bool); ok && !closed {
			s.AdditionalProperties = nil
		}
		if below, ok := s.AdditionalProperties.(*huma.Schema); ok {
			walk(below)
		}
		walk(s.Items)
		for _, p := range s.Properties {
			walk(p)
		}
	}
	all := doc.Components.Schemas.Map()
	delete(all, "ErrorModel") // huma's own envelope, which no answer of ours has
	delete(all, "ErrorDetail")
	for _, s := range all {
		walk(s)
	}
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			for _, p := range op.Parameters {
				walk(p.Schema)
				if p.Example == nil && p.Schema != nil && len(p.Schema.Examples) > 0 {
					p.Example, p.Schema.Examples = p.Schema.Examples[0], nil
				}
			}
			for _, r := range op.Responses {
				for _, m := range r.Content {
					walk(m.Schema)
				}
			}
		}
	}
}

// templated gives paths that take all that is left the form that OpenAPI knows.
func templated(doc *huma.OpenAPI) {
	for path, item := range doc.Paths {
		if template := strings.ReplaceAll(path, "...}", "}"); template != path {
			delete(doc.Paths, path)
			doc.Paths[template] = item
		}
	}
}

// document is the OpenAPI document as JSON.
func (a *API) document() (json.RawMessage, error) { return a.doc.MarshalJSON() }

// humaConfig is how an API of ours differs from huma's default: it serves no documents of its own (DocsPath loads from
// elsewhere, /schemas is ours), adds no $schema member (CreateHooks), and writes its media type by default.
func humaConfig(doc *huma.OpenAPI, media string) huma.Config {
	format := huma.Format{Marshal: writeValue, Unmarshal: json.Unmarshal}
	return huma.Config{
		OpenAPI:       doc,
		DefaultFormat: media,
		Formats:       map[string]huma.Format{mediaV1: format, mediaRegist: format, mediaJSON: format, mediaProblem: format, mediaLines: format},
	}
}

// documented is what the document says about a route.
func documented(doc *huma.OpenAPI, rt route) *huma.Operation {
	item := doc.Paths[rt.path]
	return map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete}[rt.method]
}

// operationOf reads back what the document says about a route.
func operationOf(doc *huma.OpenAPI, rt route) Operation {
	op := documented(doc, rt)
	o := Operation{
		ID: rt.id, Method: rt.method, Path: rt.path, Tag: rt.tag, Summary: rt.summary, Description: rt.about, Native: rt.native, Status: rt.status,
	}
	for _, p := range op.Parameters {
		one := Parameter{Name: p.Name, In: p.In, Required: p.Required, Description: p.Description}
		if p.Schema != nil {
			one.Type = p.Schema.Type
			if one.Description == "" {
				one.Description = p.Schema.Description
			}
		}
		if p.Example != nil {
			one.Example = fmt.Sprint(p.Example)
		}
		o.Parameters = append(o.Parameters, one)
	}
	if op.RequestBody != nil {
		o.Body = contentOf(doc, op.RequestBody.Content, rt.request)
	}
	if rt.answer != "" {
		o.Answer = contentOf(doc, op.Responses[itoa(rt.status)].Content, rt.answer)
	}
	for _, code := range rt.all() {
		o.Errors = append(o.Errors, ErrorCode{Code: code, Status: statusOf(code, rt.native), Meaning: meaningOf(code)})
	}
	o.Curl = curlOf(o, rt)
	return o
}

func contentOf(doc *huma.OpenAPI, content map[string]*huma.MediaType, example string) *Content {
	c := &Content{Types: slices.SortedFunc(maps.Keys(content), func(a, b string) int { return slices.Index(mediaOut, a) - slices.Index(mediaOut, b) }), Example: example}
	var v any
	if json.Unmarshal([]byte(example), &v) == nil {
		if b, err := json.MarshalIndent(json.RawMessage(example), "", "  "); err == nil {
			c.Example = string(b)
		}
	}
	if b, err := json.Marshal(content[c.Types[0]].Schema); err == nil {
		c.Schema = inline(doc, b, 0)
	}
	return c
}

// maxInline bounds how many references are followed inside each other: no schema of ours nests deeper.
const maxInline = 12

// inline replaces each $ref to a component by the component.
func inline(doc *huma.OpenAPI, schema json.RawMessage, depth int) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(schema, &object) == nil {
		var ref string
		if json.Unmarshal(object["$ref"], &ref) == nil && depth < maxInline {
			if s := doc.Components.Schemas.SchemaFromRef(ref); s != nil {
				if b, err := json.Marshal(s); err == nil {
					return inline(doc, b, depth+1)
				}
			}
		}
		for k, v := range object {
			object[k] = inline(doc, v, depth)
		}
		if b, err := json.Marshal(object); err == nil {
			return b
		}
	}
	var list []json.RawMessage
	if json.Unmarshal(schema, &list) == nil {
		for i, v := range list {
			list[i] = inline(doc, v, depth)
		}
		if b, err := json.Marshal(list); err == nil {
			return b
		}
	}
	return schema
}

// curlOf is the operation by curl, with the examples of its parameters.
func curlOf(o Operation, rt route) string {
	path := o.Path
	for _, p := range o.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(strings.ReplaceAll(path, "{"+p.Name+"}", p.Example), "{"+p.Name+"...}", p.Example)
		}
	}
	var b strings.Builder
	b.WriteString("curl")
	if o.Method != http.MethodGet {
		b.WriteString(" -X " + o.Method)
	}
	b.WriteString(" http://127.0.0.1:8081" + path)
	if rt.request != "" {
		b.WriteString(" -H 'Content-Type: application/json' -d '" + strings.ReplaceAll(rt.request, "'", `'\''`) + "'")
	}
	return b.String()
}
