package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// schemaBody is what registers, finds and checks a schema.
type schemaBody struct {
	Schema     string              `json:"schema" doc:"The JSON Schema, as text. Empty takes the text of the latest version." example:"{\"type\":\"object\"}"`
	SchemaType string              `json:"schemaType,omitempty" doc:"JSON. Absent means AVRO, which is refused." example:"JSON"`
	References []catalog.Reference `json:"references,omitempty" doc:"What each $ref names."`
	Metadata   *catalog.Metadata   `json:"metadata,omitempty" doc:"Part of the identity; absent: that of the latest version."`
	RuleSet    *catalog.RuleSet    `json:"ruleSet,omitempty" doc:"Kept and returned, never run; absent: that of the latest version."`
	ID         int                 `json:"id,omitempty" doc:"Only in mode IMPORT or FORWARD."`
	Version    int                 `json:"version,omitempty" doc:"Must be the next, or -1."`
	Lens       json.RawMessage     `json:"lens,omitempty" doc:"The step from the version below to this one."`

	TagsToAdd     []json.RawMessage `json:"schemaTagsToAdd,omitempty" doc:"Not supported: refused with 42205."`
	TagsToRemove  []json.RawMessage `json:"schemaTagsToRemove,omitempty" doc:"Not supported: refused with 42205."`
	PropagateTags bool              `json:"propagateSchemaTags,omitempty" doc:"Not supported: refused with 42205."`
}

const exampleSchemaBody = `{"schemaType":"JSON","schema":"{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},\"required\":[\"order_id\"]}"}`

// registration is what the catalog is asked.
func (a *API) registration(b *schemaBody, normalize flag) (catalog.Registration, error) {
	kind := strings.TrimSpace(b.SchemaType)
	if kind == "" {
		kind = "AVRO"
		if a.config.DefaultJSON {
			kind = "JSON"
		}
	}
	if kind != "JSON" {
		return catalog.Registration{}, &fault{code: 42201, message: "Invalid schema type " + cut(kind, 64) + `. This registry keeps JSON Schema: send "schemaType":"JSON"`}
	}
	if len(b.TagsToAdd) > 0 || len(b.TagsToRemove) > 0 || b.PropagateTags {
		return catalog.Registration{}, &fault{code: 42205, message: "Schema tags are not supported"}
	}
	lens := b.Lens
	if string(lens) == "null" {
		lens = nil
	}
	return catalog.Registration{
		Text: b.Schema, References: b.References, Metadata: b.Metadata, RuleSet: b.RuleSet, ID: b.ID, Version: b.Version,
		Lens: lens, Normalize: normalize.on(),
	}, nil
}

// registered is the answer to a registration.
type registered struct {
	ID       int      `json:"id" example:"7"`
	Version  int      `json:"version" example:"3"`
	GUID     string   `json:"guid,omitempty" doc:"With Confluent-Accept-Unknown-Properties: true."`
	Warnings []string `json:"warnings,omitempty" doc:"With Confluent-Accept-Unknown-Properties: true."`
}

// versionBody is a version of a subject.
type versionBody struct {
	Subject    string              `json:"subject" example:"orders.OrderPlaced"`
	ID         int                 `json:"id" example:"7"`
	Version    int                 `json:"version" example:"3"`
	GUID       string              `json:"guid,omitempty" doc:"With Confluent-Accept-Unknown-Properties: true."`
	SchemaType string              `json:"schemaType" example:"JSON"`
	Schema     string              `json:"schema" doc:"Canonical text."`
	References []catalog.Reference `json:"references,omitempty"`
	Metadata   *catalog.Metadata   `json:"metadata,omitempty"`
	RuleSet    *catalog.RuleSet    `json:"ruleSet,omitempty"`
	Timestamp  int64               `json:"ts,omitempty" doc:"Milliseconds since 1970; with Confluent-Accept-Unknown-Properties: true."`
	Deleted    bool                `json:"deleted,omitempty" doc:"With Confluent-Accept-Unknown-Properties: true."`
	Aliases    []string            `json:"aliases,omitempty" doc:"Names that stand for the subject; in GET /schemas, with aliases."`
}

const exampleVersion = `{"subject":"orders.OrderPlaced","id":7,"version":3,"schemaType":"JSON","schema":"{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},\"required\":[\"order_id\"]}"}`

// versionAnswer shows a version as this client takes it.
func versionAnswer(ctx context.Context, v catalog.Version) versionBody {
	return versionBodyOf(callOf(ctx).unknown, &v)
}

func versionBodyOf(unknown bool, v *catalog.Version) versionBody {
	b := versionBody{
		Subject: v.Name.String(), ID: v.Schema.ID, Version: v.Number, SchemaType: "JSON", Schema: v.Schema.Text,
		References: v.Schema.References, Metadata: v.Schema.Metadata, RuleSet: v.Schema.RuleSet,
	}
	if unknown {
		b.GUID, b.Timestamp, b.Deleted = v.Schema.GUID, v.At.UnixMilli(), v.State != catalog.Live
	}
	return b
}

type registerInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Normalize flag   `query:"normalize" doc:"Sort members and references before identity is computed"`
	Format    string `query:"format" doc:"Changes nothing for JSON"`
	Force     flag   `query:"force" doc:"Leave the judgement out; the version keeps the mark"`
}

type lookupInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Normalize flag   `query:"normalize" doc:"Sort members and references before identity is computed"`
	Format    string `query:"format" doc:"Changes nothing for JSON"`
	Deleted   flag   `query:"deleted" doc:"Find soft-deleted versions as well"`
}

type subjectsInput struct {
	Prefix      string `query:"subjectPrefix" doc:"Beginning of the names; :*: means all contexts and is the default" example:"orders."`
	Deleted     flag   `query:"deleted" doc:"Soft-deleted subjects as well"`
	DeletedOnly flag   `query:"deletedOnly" doc:"Only soft-deleted subjects"`
	Offset      number `query:"offset" doc:"Skip so many" example:"0"`
	Limit       number `query:"limit" doc:"At most so many; absent or below 1: all" example:"100"`
}

type deleteSubjectInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Permanent flag   `query:"permanent" doc:"Remove what is soft-deleted already"`
}

type versionsInput struct {
	Subject           string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Deleted           flag   `query:"deleted" doc:"Soft-deleted versions as well"`
	DeletedOnly       flag   `query:"deletedOnly" doc:"Only soft-deleted versions; wins over deleted"`
	DeletedAsNegative flag   `query:"deletedAsNegative" doc:"Soft-deleted versions as negative numbers; wins over the two before"`
	Offset            number `query:"offset" doc:"Skip so many" example:"0"`
	Limit             number `query:"limit" doc:"At most so many; absent or below 1: all" example:"100"`
}

type versionInput struct {
	Subject         string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version         string `path:"version" doc:"Number, latest or -1" example:"latest"`
	Format          string `query:"format" doc:"Changes nothing for JSON"`
	ReferenceFormat string `query:"referenceFormat" doc:"Changes nothing for JSON"`
	FindTags        flag   `query:"findTags" doc:"There are no tags to be found"`
	Deleted         flag   `query:"deleted" doc:"Soft-deleted versions as well"`
}

type referencedByInput struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version string `path:"version" doc:"Number, latest or -1" example:"1"`
	Deleted flag   `query:"deleted" doc:"Soft-deleted referrers as well"`
	Offset  number `query:"offset" doc:"Skip so many" example:"0"`
	Limit   number `query:"limit" doc:"At most so many; absent or below 1: all" example:"100"`
}

type deleteVersionInput struct {
	Subject   string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version   string `path:"version" doc:"Number, latest or -1" example:"3"`
	Permanent flag   `query:"permanent" doc:"Remove what is soft-deleted already"`
}

type metadataInput struct {
	Subject string   `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Key     []string `query:"key,explode" doc:"Property of the metadata; repeated in pairs with value" example:"owner"`
	Value   []string `query:"value,explode" doc:"Value of the property" example:"orders"`
	Format  string   `query:"format" doc:"Changes nothing for JSON"`
	Deleted flag     `query:"deleted" doc:"Soft-deleted versions as well"`
}

// confluentSubjects serves /subjects.
func (a *API) confluentSubjects() {
	add(a, route{
		method: http.MethodPost, path: "/subjects/{subject}/versions", id: "register", needs: on(catalog.Developer), raises: map[string]catalog.Role{"force": catalog.Operator}, tag: tagSubjects, summary: "Register a schema",
		about:   "A schema that is there already gives its ID and number. Any other is judged by the subject's compatibility level, and refused with an event that would break a reader.",
		request: exampleSchemaBody, answer: `{"id":7,"version":3}`,
		codes: []int{409, 42201, 42205, 42207, 42208, 42209, 42210, codeTimeout},
	}, a.register)
	add(a, route{
		method: http.MethodPost, path: "/subjects/{subject}", id: "lookup", needs: on(catalog.Reader), tag: tagSubjects, summary: "Find a schema by its content",
		request: exampleSchemaBody, answer: exampleVersion, codes: []int{40401, 40403, 42201, 42208},
	}, a.lookup)
	add(a, route{
		method: http.MethodGet, path: "/subjects", id: "listSubjects", needs: somewhere(catalog.Reader), tag: tagSubjects, summary: "List subjects",
		answer: `["orders.OrderCancelled","orders.OrderPlaced"]`, codes: []int{42208},
	}, a.listSubjects)
	add(a, route{
		method: http.MethodDelete, path: "/subjects/{subject}", id: "deleteSubject", needs: on(catalog.Developer), raises: map[string]catalog.Role{"permanent": catalog.Operator}, tag: tagSubjects, summary: "Delete a subject",
		about:  "Soft: its versions stay readable by ID. With permanent, what was soft-deleted goes for good.",
		answer: `[1,2,3]`, codes: []int{40401, 40404, 40405, 42205, 42206},
	}, a.deleteSubject)
	add(a, route{
		method: http.MethodGet, path: "/subjects/{subject}/versions", id: "listVersions", needs: on(catalog.Reader), tag: tagSubjects, summary: "List the versions of a subject",
		answer: `[1,2,3]`, codes: []int{40401},
	}, a.listVersions)
	add(a, route{
		method: http.MethodGet, path: "/subjects/{subject}/versions/{version}", id: "getVersion", needs: on(catalog.Reader), tag: tagSubjects, summary: "Read a version",
		answer: exampleVersion, codes: []int{40401, 40402, 42202},
	}, a.getVersion)
	add(a, route{
		method: http.MethodGet, path: "/subjects/{subject}/versions/{version}/schema", id: "getVersionSchema", needs: on(catalog.Reader), tag: tagSubjects, summary: "Read a version's schema alone",
		answer: `{"type":"object","properties":{"order_id":{"type":"string"}},"required":["order_id"]}`, codes: []int{40401, 40402, 42202},
	}, a.getVersionSchema)
	add(a, route{
		method: http.MethodGet, path: "/subjects/{subject}/versions/{version}/referencedby", id: "getReferencedBy", needs: on(catalog.Reader), tag: tagSubjects, summary: "List the IDs of schemas that refer to a version",
		answer: `[9,12]`, codes: []int{40401, 40402, 42202},
	}, a.getReferencedBy)
	add(a, route{
		method: http.MethodDelete, path: "/subjects/{subject}/versions/{version}", id: "deleteVersion", needs: on(catalog.Developer), raises: map[string]catalog.Role{"permanent": catalog.Operator}, tag: tagSubjects, summary: "Delete a version",
		about:  "Soft: it stays readable by ID. With permanent, what was soft-deleted goes for good.",
		answer: `3`, codes: []int{40401, 40402, 40406, 40407, 42202, 42205, 42206},
	}, a.deleteVersion)
	add(a, route{
		method: http.MethodGet, path: "/subjects/{subject}/metadata", id: "getByMetadata", needs: on(catalog.Reader), tag: tagSubjects, summary: "Read the newest version with given metadata",
		answer: exampleVersion, codes: []int{40401, 40403},
	}, a.getByMetadata)
}

func (a *API) register(ctx context.Context, in *registerInput, b *schemaBody) (registered, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return registered{}, err
	}
	reg, err := a.registration(b, in.Normalize)
	if err != nil {
		return registered{}, err
	}
	if reg.Force = in.Force.on(); reg.ID > 0 { // an import
		if err := demand(ctx, catalog.Operator, name); err != nil {
			return registered{}, err
		}
	}
	done, err := a.registry.Register(ctx, name, reg)
	if err != nil {
		return registered{}, err
	}
	stamp(ctx, done.Rev)
	answer := registered{ID: done.Schema.ID, Version: done.Number}
	if callOf(ctx).unknown {
		answer.GUID, answer.Warnings = done.Schema.GUID, done.Warnings
	}
	return answer, nil
}

func (a *API) lookup(ctx context.Context, in *lookupInput, b *schemaBody) (versionBody, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return versionBody{}, err
	}
	reg, err := a.registration(b, in.Normalize)
	if err != nil {
		return versionBody{}, err
	}
	v, err := a.registry.Lookup(ctx, name, reg, includeOf(in.Deleted))
	if err != nil {
		return versionBody{}, err
	}
	return versionAnswer(ctx, v), nil
}

// subjectsAtOnce is how many subjects are read at least for a part of GET /subjects: the caller may not see them all.
const subjectsAtOnce = 100

func (a *API) listSubjects(ctx context.Context, in *subjectsInput, _ *none) (sequence[string], error) {
	p, err := pageOf(in.Offset, in.Limit, 0)
	if err != nil {
		return sequence[string]{}, err
	}
	q, err := queryOf(ctx, in.Prefix)
	if err != nil {
		return sequence[string]{}, err
	}
	q.Include = includeOnly(in.Deleted, in.DeletedOnly)
	if p.limit > 0 {
		q.Limit = min(max(p.offset+p.limit, subjectsAtOnce), catalog.MaxPage)
	}
	return sequenceOf(paged(p, func(yield func(string, error) bool) {
		for s, err := range a.eachSubject(ctx, q) {
			if !yield(s.Name.String(), err) {
				return
			}
		}
	}))
}

func (a *API) deleteSubject(ctx context.Context, in *deleteSubjectInput, _ *none) ([]int, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return nil, err
	}
	numbers, err := a.registry.DeleteSubject(ctx, name, in.Permanent.on())
	if err != nil {
		return nil, err
	}
	return window(page{}, numbers), nil
}

func (a *API) listVersions(ctx context.Context, in *versionsInput, _ *none) ([]int, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(in.Offset, in.Limit, 0)
	if err != nil {
		return nil, err
	}
	include := includeOnly(in.Deleted, in.DeletedOnly)
	if in.DeletedAsNegative.on() {
		include = catalog.WithDeleted
	}
	versions, err := a.registry.Versions(ctx, name, include)
	if err != nil {
		return nil, err
	}
	numbers := make([]int, len(versions))
	for i, v := range versions {
		numbers[i] = v.Number
		if in.DeletedAsNegative.on() && v.State != catalog.Live {
			numbers[i] = -v.Number
		}
	}
	return window(p, numbers), nil
}

// versionIn answers about the version that a path names.
func (a *API) versionIn(ctx context.Context, in *versionInput, form *catalog.Form) (catalog.Answer, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return catalog.Answer{}, err
	}
	n, err := versionOf(in.Version)
	if err != nil {
		return catalog.Answer{}, err
	}
	return a.registry.VersionAnswer(ctx, name, n, includeOf(in.Deleted), form)
}

func (a *API) getVersion(ctx context.Context, in *versionInput, _ *none) (finished[versionBody], error) {
	answer, err := a.versionIn(ctx, in, formOf(ctx))
	return finished[versionBody]{answer.Body}, err
}

func (a *API) getVersionSchema(ctx context.Context, in *versionInput, _ *none) (finished[raw], error) {
	answer, err := a.versionIn(ctx, in, formText)
	return finished[raw]{answer.Body}, err
}

func (a *API) getReferencedBy(ctx context.Context, in *referencedByInput, _ *none) ([]int, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return nil, err
	}
	n, err := versionOf(in.Version)
	if err != nil {
		return nil, err
	}
	p, err := pageOf(in.Offset, in.Limit, 0)
	if err != nil {
		return nil, err
	}
	ids, err := a.registry.ReferencedBy(ctx, name, n, includeOf(in.Deleted))
	if err != nil {
		return nil, err
	}
	if ids, err = a.visibleIDs(ctx, name.Context, ids); err != nil {
		return nil, err
	}
	return window(p, ids), nil
}

func (a *API) deleteVersion(ctx context.Context, in *deleteVersionInput, _ *none) (int, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return 0, err
	}
	n, err := versionOf(in.Version)
	if err != nil {
		return 0, err
	}
	return a.registry.DeleteVersion(ctx, name, n, in.Permanent.on())
}

func (a *API) getByMetadata(ctx context.Context, in *metadataInput, _ *none) (versionBody, error) {
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return versionBody{}, err
	}
	versions, err := a.registry.Versions(ctx, name, includeOf(in.Deleted))
	if err != nil {
		return versionBody{}, err
	}
	for _, listed := range slices.Backward(versions) {
		v, err := a.registry.Version(ctx, name, listed.Number, catalog.WithDeleted)
		if err != nil {
			return versionBody{}, err
		}
		if hasProperties(v.Schema.Metadata, in.Key, in.Value) {
			return versionAnswer(ctx, v), nil
		}
	}
	return versionBody{}, &catalog.Error{Reason: catalog.SchemaNotFound, Name: name}
}

// hasProperties says whether the metadata holds all pairs; a key without a value is no pair.
func hasProperties(m *catalog.Metadata, keys, values []string) bool {
	for i := range min(len(keys), len(values)) {
		if m == nil {
			return false
		}
		if v, ok := m.Properties[keys[i]]; !ok || v != values[i] {
			return false
		}
	}
	return true
}
