package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// schemaAnswer is a schema by ID or GUID.
type schemaAnswer struct {
	Subject    string              `json:"subject,omitempty" doc:"Only where a subject was asked for."`
	Version    int                 `json:"version,omitempty" doc:"Only where a subject was asked for."`
	GUID       string              `json:"guid,omitempty" doc:"With Confluent-Accept-Unknown-Properties: true."`
	SchemaType string              `json:"schemaType" example:"JSON"`
	Schema     string              `json:"schema" doc:"Canonical text."`
	References []catalog.Reference `json:"references,omitempty"`
	Metadata   *catalog.Metadata   `json:"metadata,omitempty"`
	RuleSet    *catalog.RuleSet    `json:"ruleSet,omitempty"`
	Timestamp  int64               `json:"ts,omitempty" doc:"Milliseconds since 1970; with Confluent-Accept-Unknown-Properties: true."`
	MaxID      int                 `json:"maxId,omitempty" doc:"Highest ID ever given, with fetchMaxId."`
}

const exampleSchema = `{"schemaType":"JSON","schema":"{\"type\":\"object\",\"properties\":{\"order_id\":{\"type\":\"string\"}},\"required\":[\"order_id\"]}"}`

func schemaBodyOf(unknown bool, s *catalog.Schema) schemaAnswer {
	b := schemaAnswer{SchemaType: "JSON", Schema: s.Text, References: s.References, Metadata: s.Metadata, RuleSet: s.RuleSet}
	if unknown {
		b.GUID, b.Timestamp = s.GUID, s.At.UnixMilli()
	}
	return b
}

// subjectVersion is where a schema stands.
type subjectVersion struct {
	Subject string `json:"subject" example:"orders.OrderPlaced"`
	Version int    `json:"version" example:"3"`
}

// contextID is what a GUID is called in a context.
type contextID struct {
	Context string `json:"context" example:"."`
	ID      int    `json:"id" example:"7"`
}

type schemaInput struct {
	ID              string `path:"id" doc:"Schema ID" example:"7"`
	Subject         string `query:"subject" doc:"Subject that uses the schema; says in which context the ID is meant" example:"orders.OrderPlaced"`
	Format          string `query:"format" doc:"Changes nothing for JSON"`
	ReferenceFormat string `query:"referenceFormat" doc:"Changes nothing for JSON"`
	FindTags        flag   `query:"findTags" doc:"There are no tags to be found"`
	FetchMaxID      flag   `query:"fetchMaxId" doc:"Answer also the highest ID ever given"`
}

type placesInput struct {
	ID      string `path:"id" doc:"Schema ID" example:"7"`
	Subject string `query:"subject" doc:"Only this subject; says in which context the ID is meant" example:"orders.OrderPlaced"`
	Deleted flag   `query:"deleted" doc:"Soft-deleted versions as well"`
	Offset  number `query:"offset" doc:"Skip so many" example:"0"`
	Limit   number `query:"limit" doc:"At most so many; absent or below 1: all" example:"100"`
}

type guidInput struct {
	GUID   string `path:"guid" doc:"GUID" example:"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"`
	Format string `query:"format" doc:"Changes nothing for JSON"`
}

type guidOnlyInput struct {
	GUID string `path:"guid" doc:"GUID" example:"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"`
}

type schemasInput struct {
	Prefix      string `query:"subjectPrefix" doc:"Beginning of the subjects; :*: means all contexts and is the default" example:"orders."`
	Deleted     flag   `query:"deleted" doc:"Soft-deleted versions as well"`
	LatestOnly  flag   `query:"latestOnly" doc:"Only the newest version of each subject"`
	Aliases     flag   `query:"aliases" doc:"Say of each version which other names stand for its subject"`
	RuleType    string `query:"ruleType" doc:"Only versions with a rule of this type"`
	Resource    string `query:"resourceType" doc:"There are no associations: a filter on them finds nothing"`
	Association string `query:"associationType" doc:"There are no associations: a filter on them finds nothing"`
	Lifecycle   string `query:"lifecycle" doc:"There are no associations: NONE finds all, anything else nothing"`
	Offset      number `query:"offset" doc:"Skip so many" example:"0"`
	Limit       number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

// confluentSchemas serves /schemas.
func (a *API) confluentSchemas() {
	add(a, route{
		method: http.MethodGet, path: "/schemas/ids/{id}", id: "getSchema", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "Read a schema by ID",
		answer: exampleSchema, codes: []int{40403},
	}, a.getSchema)
	add(a, route{
		method: http.MethodGet, path: "/schemas/ids/{id}/schema", id: "getSchemaText", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "Read a schema by ID, the text alone",
		answer: `{"type":"object","properties":{"order_id":{"type":"string"}},"required":["order_id"]}`, codes: []int{40403},
	}, a.getSchemaText)
	add(a, route{
		method: http.MethodGet, path: "/schemas/ids/{id}/subjects", id: "getSchemaSubjects", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "List the subjects that use a schema",
		answer: `["orders.OrderPlaced"]`, codes: []int{40403},
	}, a.getSchemaSubjects)
	add(a, route{
		method: http.MethodGet, path: "/schemas/ids/{id}/versions", id: "getSchemaVersions", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "List the versions that carry a schema",
		answer: `[{"subject":"orders.OrderPlaced","version":3}]`, codes: []int{40403},
	}, a.getSchemaVersions)
	add(a, route{
		method: http.MethodGet, path: "/schemas/guids/{guid}", id: "getSchemaByGUID", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "Read a schema by GUID",
		answer: exampleSchema, codes: []int{40403},
	}, a.getSchemaByGUID)
	add(a, route{
		method: http.MethodGet, path: "/schemas/guids/{guid}/ids", id: "getIDsByGUID", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "List the IDs of a GUID",
		answer: `[{"context":".","id":7}]`, codes: []int{40403},
	}, a.getIDsByGUID)
	add(a, route{
		method: http.MethodGet, path: "/schemas/types", id: "getSchemaTypes", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "List the types of schema that are kept",
		answer: `["JSON"]`,
	}, func(context.Context, *none, *none) ([]string, error) { return []string{"JSON"}, nil })
	add(a, route{
		method: http.MethodGet, path: "/schemas", id: "listSchemas", needs: somewhere(catalog.Reader), tag: tagSchemas, summary: "List versions of all subjects",
		answer: "[" + exampleVersion + "]", codes: []int{42208},
	}, a.listSchemas)
}

// key reads an ID that the caller may see, and the subject that says in which context it is meant. A word that is no subject, such as
// undefined, never hides a known ID: it is of the default context.
func (a *API) key(ctx context.Context, id, subject string) (catalog.Key, catalog.Name, error) {
	n, err := number(id).parse("id", 0)
	if err != nil {
		return catalog.Key{}, catalog.Name{}, err
	}
	name, err := nameOf(ctx, subject)
	if err != nil {
		return catalog.Key{}, catalog.Name{}, err
	}
	if name, err = a.registry.Locate(ctx, name, n); err != nil {
		return catalog.Key{}, name, err
	}
	key := catalog.Key{Context: name.Context, ID: n}
	return key, name, a.maySeeSchema(ctx, key)
}

func (a *API) getSchema(ctx context.Context, in *schemaInput, _ *none) (finished[schemaAnswer], error) {
	key, name, err := a.key(ctx, in.ID, in.Subject)
	if err != nil {
		return finished[schemaAnswer]{}, err
	}
	if !in.FetchMaxID.on() {
		return a.placedAnswer(ctx, key, name)
	}
	stored, err := a.registry.Places(ctx, key)
	if err != nil {
		return finished[schemaAnswer]{}, err
	}
	answer := schemaBodyOf(callOf(ctx).unknown, &stored.Schema)
	for _, at := range stored.Versions {
		if name.Subject != "" && at.Name == name && at.State != catalog.Gone && mayRead(ctx, at.Name) {
			answer.Subject, answer.Version = at.Name.String(), at.Version
		}
	}
	if in.FetchMaxID.on() {
		answer.MaxID = stored.MaxID
	}
	text, err := encode(answer)
	return finished[schemaAnswer]{text}, err
}

// placedAnswer answers about a schema, and about which version of a subject it is, where the caller names one that carries it.
func (a *API) placedAnswer(ctx context.Context, k catalog.Key, name catalog.Name) (finished[schemaAnswer], error) {
	if name.Subject == "" || !mayRead(ctx, name) {
		return a.schemaAnswer(ctx, k)
	}
	form := placedPlain
	if callOf(ctx).unknown {
		form = placedUnknown
	}
	answer, ok, err := a.registry.PlacedAnswer(ctx, name, k.ID, form)
	if err != nil {
		return finished[schemaAnswer]{}, err
	}
	if !ok {
		return a.schemaAnswer(ctx, k)
	}
	cacheable(ctx, answer.Tag, keepAWhile)
	return finished[schemaAnswer]{answer.Body}, nil
}

// schemaAnswer answers about a schema in the form that the client takes.
func (a *API) schemaAnswer(ctx context.Context, k catalog.Key) (finished[schemaAnswer], error) {
	answer, err := a.registry.SchemaAnswer(ctx, k, formOf(ctx))
	if err == nil {
		cacheable(ctx, answer.Tag, keepAWhile)
	}
	return finished[schemaAnswer]{answer.Body}, err
}

func (a *API) getSchemaText(ctx context.Context, in *schemaInput, _ *none) (finished[raw], error) {
	key, _, err := a.key(ctx, in.ID, in.Subject)
	if err != nil {
		return finished[raw]{}, err
	}
	answer, err := a.registry.SchemaAnswer(ctx, key, formText)
	if err == nil {
		cacheable(ctx, answer.Tag, keepForGood)
	}
	return finished[raw]{answer.Body}, err
}

// places lists where a schema stands, as far as the question goes.
func (a *API) places(ctx context.Context, in *placesInput) ([]catalog.SubjectVersion, error) {
	key, name, err := a.key(ctx, in.ID, in.Subject)
	if err != nil {
		return nil, err
	}
	stored, err := a.registry.Places(ctx, key)
	if err != nil {
		return nil, err
	}
	var at []catalog.SubjectVersion
	for _, v := range stored.Versions {
		if v.State == catalog.Gone || v.State == catalog.Deleted && !in.Deleted.on() || name.Subject != "" && v.Name != name {
			continue
		}
		at = append(at, v)
	}
	return visible(ctx, at, func(v catalog.SubjectVersion) catalog.Name { return v.Name }), nil
}

func (a *API) getSchemaSubjects(ctx context.Context, in *placesInput, _ *none) ([]string, error) {
	p, err := pageOf(in.Offset, in.Limit, 0)
	if err != nil {
		return nil, err
	}
	at, err := a.places(ctx, in)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range at {
		if n := v.Name.String(); len(names) == 0 || names[len(names)-1] != n {
			names = append(names, n)
		}
	}
	return window(p, names), nil
}

func (a *API) getSchemaVersions(ctx context.Context, in *placesInput, _ *none) ([]subjectVersion, error) {
	p, err := pageOf(in.Offset, in.Limit, 0)
	if err != nil {
		return nil, err
	}
	at, err := a.places(ctx, in)
	if err != nil {
		return nil, err
	}
	var versions []subjectVersion
	for _, v := range at {
		versions = append(versions, subjectVersion{v.Name.String(), v.Version})
	}
	return window(p, versions), nil
}

// guidOf reads a GUID in any letter case; what is none is the name of no schema.
func guidOf(s string) (string, error) {
	guid := strings.ToLower(s)
	if len(guid) != len("00000000-0000-0000-0000-000000000000") || strings.Trim(guid, "0123456789abcdef-") != "" {
		return "", &catalog.Error{Reason: catalog.SchemaNotFound, GUID: cut(s, 64)}
	}
	return guid, nil
}

func (a *API) getSchemaByGUID(ctx context.Context, in *guidInput, _ *none) (finished[schemaAnswer], error) {
	guid, err := guidOf(in.GUID)
	if err != nil {
		return finished[schemaAnswer]{}, err
	}
	if !CallerOf(ctx).all {
		if _, err := a.visibleKeys(ctx, guid); err != nil {
			return finished[schemaAnswer]{}, err
		}
	}
	return a.schemaAnswer(ctx, catalog.Key{GUID: guid})
}

func (a *API) getIDsByGUID(ctx context.Context, in *guidOnlyInput, _ *none) ([]contextID, error) {
	guid, err := guidOf(in.GUID)
	if err != nil {
		return nil, err
	}
	keys, err := a.visibleKeys(ctx, guid)
	if err != nil {
		return nil, err
	}
	ids := []contextID{}
	for _, k := range keys {
		ids = append(ids, contextID{catalog.Name{Context: k.Context}.ContextName(), k.ID})
	}
	return ids, nil
}

// schemasAtOnce is how many subjects are read, with all texts, for a part of GET /schemas.
const schemasAtOnce = 50

func (a *API) listSchemas(ctx context.Context, in *schemasInput, _ *none) (sequence[versionBody], error) {
	p, err := pageOf(in.Offset, in.Limit, catalog.MaxPage)
	if err != nil {
		return sequence[versionBody]{}, err
	}
	q, err := queryOf(ctx, in.Prefix)
	if err != nil || in.Resource != "" || in.Association != "" || in.Lifecycle != "" && !strings.EqualFold(in.Lifecycle, "NONE") {
		return sequence[versionBody]{}, err
	}
	var aliases map[catalog.Name][]catalog.Name
	if in.Aliases.on() {
		if aliases, err = a.registry.Aliases(ctx); err != nil {
			return sequence[versionBody]{}, err
		}
	}
	q.Include, q.Expand, q.Limit = includeOf(in.Deleted), catalog.ExpandTexts, schemasAtOnce
	return sequenceOf(paged(p, func(yield func(versionBody, error) bool) {
		for s, err := range a.eachSubject(ctx, q) {
			if err != nil {
				yield(versionBody{}, err)
				return
			}
			for _, v := range listed(s.Versions, in) {
				answer := versionAnswer(ctx, v)
				for _, alias := range aliases[s.Name] {
					if mayRead(ctx, alias) {
						answer.Aliases = append(answer.Aliases, alias.String())
					}
				}
				if !yield(answer, nil) {
					return
				}
			}
		}
	}))
}

// listed are the versions of a subject that a question is about.
func listed(versions []catalog.Version, in *schemasInput) []catalog.Version {
	var kept []catalog.Version
	for _, v := range versions {
		if v.State == catalog.Live || v.State == catalog.Deleted && in.Deleted.on() {
			kept = append(kept, v)
		}
	}
	if in.LatestOnly.on() && len(kept) > 0 {
		kept = kept[len(kept)-1:]
	}
	if in.RuleType == "" {
		return kept
	}
	var ruled []catalog.Version
	for _, v := range kept {
		if hasRule(v.Schema.RuleSet, in.RuleType) {
			ruled = append(ruled, v)
		}
	}
	return ruled
}

// hasRule says whether a rule set has a rule of a type.
func hasRule(set *catalog.RuleSet, kind string) bool {
	if set == nil {
		return false
	}
	for _, rules := range [][]catalog.Rule{set.Migration, set.Domain, set.Encoding} {
		for _, r := range rules {
			if strings.EqualFold(r.Type, kind) {
				return true
			}
		}
	}
	return false
}
