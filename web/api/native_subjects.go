package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// subjectList is a page of subjects.
type subjectList struct {
	Subjects []subjectBody `json:"subjects"`
	Next     string        `json:"next,omitempty" doc:"Give it as after to read on; absent: this was the last page."`
	Revision catalog.Rev   `json:"revision" doc:"Newest change that the list may show."`
}

// subjectBody is a subject with what was asked for.
type subjectBody struct {
	Name     string            `json:"name" doc:"Qualified" example:"orders.OrderPlaced"`
	Context  string            `json:"context" example:"."`
	Mode     string            `json:"mode" doc:"What holds there" example:"READWRITE"`
	Level    string            `json:"level" doc:"What holds there" example:"BACKWARD"`
	Head     int               `json:"head" doc:"Highest number ever given" example:"3"`
	Rev      catalog.Rev       `json:"rev" doc:"Newest change of the subject itself: what If-Match of its writes compares" example:"42"`
	Versions []nativeVersion   `json:"versions,omitzero" doc:"With expand=versions, ascending, without texts."`
	Latest   *nativeVersion    `json:"latest,omitempty" doc:"With expand=latest."`
	Config   *nativeConfig     `json:"config,omitempty" doc:"With expand=config: what holds there."`
	Usage    []catalog.Usage   `json:"usage,omitzero" doc:"With expand=usage, the newest 100."`
	Own      map[string]string `json:"own,omitempty" doc:"With expand=config: level and mode that the subject says itself."`
}

// nativeVersion is a version.
type nativeVersion struct {
	Version  int                 `json:"version" example:"3"`
	ID       int                 `json:"id" example:"7"`
	GUID     string              `json:"guid" example:"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"`
	State    string              `json:"state" doc:"live or deleted" example:"live"`
	Schema   string              `json:"schema,omitempty"`
	Refs     []catalog.Reference `json:"references,omitempty"`
	Metadata *catalog.Metadata   `json:"metadata,omitempty"`
	RuleSet  *catalog.RuleSet    `json:"ruleSet,omitempty"`
	Lens     int                 `json:"lens,omitempty" doc:"Revision of the lens that leads here."`
	Mark     *catalog.Mark       `json:"mark,omitempty" doc:"Under what circumstances it was let in; absent: judged and found good."`
	At       string              `json:"at,omitempty" doc:"When the number was given, RFC 3339."`
	By       string              `json:"by,omitempty"`
}

// nativeConfig is a configuration under its own names.
type nativeConfig struct {
	Compatibility      string            `json:"compatibility" example:"BACKWARD"`
	Policy             string            `json:"compatibilityPolicy" example:"SEMANTIC"`
	Group              string            `json:"compatibilityGroup,omitempty"`
	Normalize          bool              `json:"normalize"`
	Alias              string            `json:"alias,omitempty"`
	ValidateFields     *bool             `json:"validateFields,omitempty"`
	ValidateNewSchemas *bool             `json:"validateNewSchemas,omitempty"`
	ValidateRules      *bool             `json:"validateRules,omitempty"`
	DefaultMetadata    *catalog.Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata   *catalog.Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet     *catalog.RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet    *catalog.RuleSet  `json:"overrideRuleSet,omitempty"`
}

func nativeVersionOf(v catalog.Version) nativeVersion {
	n := nativeVersion{
		Version: v.Number, ID: v.Schema.ID, GUID: v.Schema.GUID, State: v.State.String(), Schema: v.Schema.Text,
		Refs: v.Schema.References, Metadata: v.Schema.Metadata, RuleSet: v.Schema.RuleSet, Mark: v.Mark, By: v.By,
	}
	if v.Lens != nil {
		n.Lens = v.Lens.Rev
	}
	if !v.At.IsZero() {
		n.At = timeText(v.At)
	}
	return n
}

type subjectListInput struct {
	Expand  string `query:"expand" doc:"Any of latest, config, versions, usage, with commas" example:"latest,config"`
	Prefix  string `query:"prefix" doc:"Beginning of the names, without context" example:"orders."`
	Context string `query:"context" doc:"Only this context; absent: all" example:"."`
	Deleted flag   `query:"deleted" doc:"Soft-deleted subjects and versions as well"`
	After   string `query:"after" doc:"Read on behind this name: next of the page before" example:"orders.OrderPlaced"`
	Limit   number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

type subjectInput struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Expand  string `query:"expand" doc:"Any of latest, config, versions, usage, with commas" example:"latest,config"`
	Deleted flag   `query:"deleted" doc:"Soft-deleted versions as well"`
}

// expansions are the words of expand.
var expansions = map[string]catalog.Expand{
	"latest": catalog.ExpandLatest, "config": catalog.ExpandPolicies, "versions": catalog.ExpandVersions, "usage": catalog.ExpandUsage,
}

// nativeSubjects serves /v1/subjects.
func (a *API) nativeSubjects() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/subjects", id: "listSubjectsExpanded", needs: somewhere(catalog.Reader), tag: tagNative, summary: "List subjects with what belongs to them",
		about:  "One call and a fixed number of queries, whatever the number of subjects.",
		answer: `{"subjects":[{"name":"orders.OrderPlaced","context":".","mode":"READWRITE","level":"BACKWARD","head":3,"rev":41}],"revision":42}`, codes: []int{42208},
	}, a.listSubjectsExpanded)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/subjects/{subject}", id: "getSubject", needs: on(catalog.Reader), tag: tagNative, summary: "Read a subject with what belongs to it",
		about:  "ETag is the revision of the subject, to be given as If-Match of its writes.",
		answer: `{"name":"orders.OrderPlaced","context":".","mode":"READWRITE","level":"BACKWARD","head":3,"rev":41}`, codes: []int{40401, 42208},
	}, a.getSubject)
}

func (a *API) listSubjectsExpanded(ctx context.Context, in *subjectListInput, _ *none) (finished[subjectList], error) {
	q, config, err := a.subjectQuery(ctx, in)
	if err != nil {
		return finished[subjectList]{}, err
	}
	if CallerOf(ctx).ReadsAll() {
		answer, err := a.registry.SubjectsAnswer(ctx, q, formOfList(config))
		return finished[subjectList]{answer.Body}, err
	}
	var page []catalog.Subject
	rev := a.registry.Status().Revision
	for s, err := range a.eachSubject(ctx, q) {
		if err != nil {
			return finished[subjectList]{}, err
		}
		rev = s.Head.Rev
		if page = append(page, s); len(page) == q.Limit {
			break
		}
	}
	answer, err := formOfList(config).Subjects(page, rev, q)
	return finished[subjectList]{answer.Body}, err
}

// Forms of a page of subjects: without their configurations, and with them.
var (
	formSubjects   = &catalog.Form{Subjects: printSubjects(false)}
	formConfigured = &catalog.Form{Subjects: printSubjects(true)}
)

func formOfList(config bool) *catalog.Form {
	if config {
		return formConfigured
	}
	return formSubjects
}

// printSubjects prints a page of subjects; after a full one there may be another.
func printSubjects(config bool) func([]catalog.Subject, catalog.Rev, catalog.Query) (catalog.Answer, error) {
	return func(page []catalog.Subject, rev catalog.Rev, q catalog.Query) (catalog.Answer, error) {
		list := subjectList{Subjects: make([]subjectBody, len(page)), Revision: rev}
		for i := range page {
			list.Subjects[i] = subjectBodyOf(&page[i], q, config)
		}
		if n := len(page); n > 0 && n == q.Limit {
			list.Next = page[n-1].Name.String()
		}
		body, err := encode(list)
		return catalog.Answer{Body: body}, err
	}
}

func (a *API) getSubject(ctx context.Context, in *subjectInput, _ *none) (subjectBody, error) {
	q, config, err := a.subjectQuery(ctx, &subjectListInput{Expand: in.Expand, Deleted: in.Deleted})
	if err != nil {
		return subjectBody{}, err
	}
	name, err := nameOf(ctx, in.Subject)
	if err != nil {
		return subjectBody{}, err
	}
	s, err := a.registry.Subject(ctx, name)
	if err != nil {
		return subjectBody{}, err
	}
	if q.Expand&catalog.ExpandLatest != 0 {
		latest, err := a.registry.Version(ctx, s.Name, catalog.Latest, catalog.LiveOnly)
		switch {
		case err == nil:
			s.Latest = &latest
		case !errors.Is(err, catalog.SubjectNotFound): // nothing of it is live
			return subjectBody{}, err
		}
	}
	if q.Expand&catalog.ExpandUsage != 0 {
		if s.Usage, err = a.registry.Usage(ctx, s.Name, catalog.MaxSubjectUsage); err != nil {
			return subjectBody{}, err
		}
	}
	callOf(ctx).header.Set("ETag", etagOf(s.Rev))
	return subjectBodyOf(&s, q, config), nil
}

// subjectQuery reads what is asked for; config says whether the configuration is.
func (a *API) subjectQuery(ctx context.Context, in *subjectListInput) (q catalog.Query, config bool, err error) {
	q = catalog.Query{Prefix: in.Prefix, Include: includeOf(in.Deleted), Expand: catalog.ExpandPolicies}
	for word := range strings.SplitSeq(in.Expand, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		expand, ok := expansions[word]
		if !ok {
			return q, false, badRequest("expand is not of latest, config, versions, usage: " + cut(word, 64))
		}
		q.Expand |= expand
		config = config || expand == catalog.ExpandPolicies
	}
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return q, false, err
	}
	q.Limit = p.limit
	if in.Context != "" {
		c, err := contextOf(in.Context)
		if err != nil {
			return q, false, err
		}
		q.Context = &c
	}
	if in.After != "" {
		if q.After, err = nameOf(ctx, in.After); err != nil {
			return q, false, err
		}
	}
	return q, config, nil
}

func subjectBodyOf(s *catalog.Subject, q catalog.Query, showsConfig bool) subjectBody {
	config := s.Policies.Config()
	b := subjectBody{
		Name: s.Name.String(), Context: s.ContextName(), Mode: string(s.Policies.Mode()), Level: string(config.Compatibility), Head: s.Head.Number, Rev: s.Rev,
	}
	if q.Expand&catalog.ExpandVersions != 0 {
		b.Versions = []nativeVersion{}
		for _, v := range s.Versions {
			if v.State == catalog.Live || v.State == catalog.Deleted && q.Include == catalog.WithDeleted {
				b.Versions = append(b.Versions, nativeVersionOf(v))
			}
		}
	}
	if q.Expand&catalog.ExpandUsage != 0 {
		b.Usage = window(page{}, s.Usage)
	}
	if s.Latest != nil {
		latest := nativeVersionOf(*s.Latest)
		b.Latest = &latest
	}
	if showsConfig {
		b.Config = nativeConfigOf(config)
		b.Config.Alias = s.Policies.Subject.Config.Alias
		b.Own = map[string]string{}
		if level := s.Policies.Subject.Config.Compatibility; level != "" {
			b.Own["level"] = string(level)
		}
		if mode := s.Policies.Subject.Mode; mode != "" {
			b.Own["mode"] = string(mode)
		}
	}
	return b
}

func nativeConfigOf(c catalog.Config) *nativeConfig {
	n := &nativeConfig{
		Compatibility: string(c.Compatibility), Policy: c.CompatibilityPolicy, Group: c.CompatibilityGroup, Normalize: c.Normalize != nil && *c.Normalize,
		ValidateFields: c.ValidateFields, ValidateNewSchemas: c.ValidateNewSchemas, ValidateRules: c.ValidateRules,
		DefaultMetadata: c.DefaultMetadata, OverrideMetadata: c.OverrideMetadata, DefaultRuleSet: c.DefaultRuleSet, OverrideRuleSet: c.OverrideRuleSet,
	}
	if n.Policy == "" {
		n.Policy = "SEMANTIC"
	}
	return n
}
