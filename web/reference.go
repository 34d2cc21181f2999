package web

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// referenceGroup is the operations of one tag.
type referenceGroup struct {
	Tag        string
	Operations []api.Operation
}

// operationPage is one operation with its bodies drawn as trees.
type operationPage struct {
	api.Operation
	Request, Reply *contentView
	Groups         []referenceGroup
}

// contentView is a body: its example, and its schema as a tree.
type contentView struct {
	Types   []string
	Example string
	Tree    *tree // nil: the schema says nothing beyond the example
}

func (s *Site) groups() []referenceGroup {
	var groups []referenceGroup
	for _, o := range s.Operations {
		i := slices.IndexFunc(groups, func(g referenceGroup) bool { return g.Tag == o.Tag })
		if i < 0 {
			groups, i = append(groups, referenceGroup{Tag: o.Tag}), len(groups)
		}
		groups[i].Operations = append(groups[i].Operations, o)
	}
	return groups
}

// reference lists the operations of the HTTP API.
func (s *Site) reference(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	return s.render(w, r, "reference", http.StatusOK, page{Title: "API", Nav: "api", Rev: lib.rev, Data: s.groups()})
}

// operation is one operation: parameters, body, answer, errors, and a line to paste.
func (s *Site) operation(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(s.Operations, func(o api.Operation) bool { return o.ID == r.PathValue("operation") })
	if i < 0 {
		return &pageError{status: http.StatusNotFound, title: "No such operation", detail: fmt.Sprintf("The API has no operation %q.", r.PathValue("operation"))}
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	o := s.Operations[i]
	p := operationPage{Operation: o, Request: newContent("request", o.Body), Reply: newContent("answer", o.Answer), Groups: s.groups()}
	return s.render(w, r, "operation", http.StatusOK, page{
		Title: o.Method + " " + o.Path, Nav: "api", Rev: lib.rev, Crumbs: []crumb{{"API", template.URL(s.to("api"))}, {o.Tag, template.URL(s.to("api") + "#" + o.Tag)}, {o.Summary, ""}}, Data: p,
	})
}

func newContent(name string, c *api.Content) *contentView {
	if c == nil {
		return nil
	}
	v := &contentView{Types: c.Types, Example: c.Example}
	// A schema that does not compile is one that only huma understands; the example then says it all.
	if view, err := catalog.ViewSchema(name, c.Schema); err == nil && view.Nodes > 1 {
		t := newTree(view)
		t.Root.prefix, t.Root.top = name+":", name
		v.Tree = &t
	}
	return v
}
