package web

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// fieldPlace is one place where a field of a name stands, in the latest version of an event.
type fieldPlace struct {
	E       *event
	Version int
	Node    *catalog.Node
	Readers []string // services that declare to read it
}

// fieldRow is a field name with all its places.
type fieldRow struct {
	Name   string
	Places []fieldPlace
	Types  []string
	PII    []string
	Clash  bool // the places differ in type
}

// fields collects every named field of every latest version, sorted by name.
func (s *Site) fields(ctx context.Context, l *library) []fieldRow {
	byName := map[string]*fieldRow{}
	for _, e := range slices.Concat(l.events, l.types) {
		if e.Latest() == 0 {
			continue
		}
		view, err := s.view(ctx, e, e.Latest())
		if err != nil {
			continue // its page says why it does not compile
		}
		for n := range view.All {
			if !memberAddress(n) {
				continue
			}
			row := byName[n.Name]
			if row == nil {
				row = &fieldRow{Name: n.Name}
				byName[n.Name] = row
			}
			row.Places = append(row.Places, fieldPlace{E: e, Version: e.Latest(), Node: n, Readers: declaredReaders(e, n.Address)})
			if words := n.TypeWords(); !slices.Contains(row.Types, words) {
				row.Types = append(row.Types, words)
			}
			if n.PII != "" && !slices.Contains(row.PII, n.PII) {
				row.PII = append(row.PII, n.PII)
			}
		}
	}
	var rows []fieldRow
	for _, name := range sortedKeys(byName) {
		row := byName[name]
		row.Clash = len(row.Types) > 1
		rows = append(rows, *row)
	}
	return rows
}

// memberAddress says whether a place is a member with a name of its own.
func memberAddress(n *catalog.Node) bool {
	last := n.Address[strings.LastIndexByte(n.Address, '/')+1:]
	return n.Address != "" && n.Name != "" && last != "*" && (last == "" || last[0] != '~' || strings.HasPrefix(last, "~0") || strings.HasPrefix(last, "~1"))
}

// declaredReaders are the services whose declared addresses are at, above or below a place, or that read everything.
func declaredReaders(e *event, address string) []string {
	var names []string
	for _, x := range e.Readers {
		reads := x.Reads == nil
		for _, r := range x.Reads {
			reads = reads || r.At == address || strings.HasPrefix(address, r.At+"/") || strings.HasPrefix(r.At, address+"/")
		}
		if reads {
			names = append(names, x.Service.Name)
		}
	}
	return names
}

// fieldList is every field name, filtered by a word or by personal data.
func (s *Site) fieldList(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	q, pii := r.URL.Query().Get("q"), r.URL.Query().Get("pii") != ""
	if len(q) > MaxQuery {
		return tooLong()
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	rows := slices.DeleteFunc(s.fields(r.Context(), lib), func(f fieldRow) bool {
		return q != "" && !strings.Contains(strings.ToLower(f.Name), strings.ToLower(q)) || pii && len(f.PII) == 0
	})
	total, after := len(rows), r.URL.Query().Get("after")
	rows = slices.DeleteFunc(rows, func(f fieldRow) bool { return f.Name <= after && after != "" })
	var next template.URL
	if len(rows) > pageSize {
		rows = rows[:pageSize]
		query := r.URL.Query()
		query.Set("after", rows[pageSize-1].Name)
		next = template.URL(s.to("fields") + "?" + query.Encode()) // encoded
	}
	return s.render(w, r, "fields", http.StatusOK, page{Title: "Fields", Nav: "fields", Rev: lib.rev, Data: struct {
		Q     string
		PII   bool
		Rows  []fieldRow
		Total int
		Next  template.URL
	}{q, pii, rows, total, next}})
}

// fieldPage is every place of one field name.
func (s *Site) fieldPage(w http.ResponseWriter, r *http.Request) error {
	lib, err := s.library(r.Context())
	if err != nil {
		return err
	}
	name := r.PathValue("field")
	rows := s.fields(r.Context(), lib)
	i := slices.IndexFunc(rows, func(f fieldRow) bool { return f.Name == name })
	if i < 0 {
		return lib.unknown("field", name)
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	return s.render(w, r, "field", http.StatusOK, page{
		Title: name, Nav: "fields", Rev: lib.rev, Crumbs: []crumb{{"Fields", template.URL(s.to("fields"))}, {name, ""}}, Data: rows[i],
	})
}
