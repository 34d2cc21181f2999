package api

import (
	"context"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/accordhq/accord/catalog"
)

// flag is a boolean parameter: "true" in any letter case, anything else is false.
type flag string

func (f flag) on() bool { return isTrue(string(f)) }

// Schema says boolean in the OpenAPI document.
func (flag) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeBoolean} }

func isTrue(s string) bool { return strings.EqualFold(s, "true") }

// number is an integer parameter.
type number string

// Schema says integer in the OpenAPI document.
func (number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int32"}
}

// parse reads the number, absent when it is empty; 400 names the parameter.
func (n number) parse(name string, absent int) (int, error) {
	if n == "" {
		return absent, nil
	}
	v, err := strconv.ParseInt(string(n), 10, 32)
	if err != nil {
		return 0, badRequest(name + " is not a number: " + cut(string(n), 64))
	}
	return int(v), nil
}

// page is the part of a list that was asked for.
type page struct{ offset, limit int } // limit 0 = all

// pageOf reads offset and limit; a limit of 0 or less, or above most, means most (0 = no bound).
func pageOf(offset, limit number, most int) (page, error) {
	o, err := offset.parse("offset", 0)
	if err != nil {
		return page{}, err
	}
	if o < 0 {
		return page{}, badRequest("offset is negative")
	}
	l, err := limit.parse("limit", most)
	if err != nil {
		return page{}, err
	}
	if l <= 0 || most > 0 && l > most {
		l = most
	}
	return page{o, l}, nil
}

// window returns the part of a list that a page shows, never nil.
func window[T any](p page, list []T) []T {
	list = list[min(p.offset, len(list)):]
	if p.limit > 0 && len(list) > p.limit {
		list = list[:p.limit]
	}
	if list == nil {
		list = []T{}
	}
	return list
}

// versionOf reads a version: latest in any case, -1, or a number. The error says which values are allowed.
func versionOf(s string) (int, error) {
	trimmed := strings.TrimSpace(s)
	if strings.EqualFold(trimmed, "latest") {
		return catalog.Latest, nil
	}
	n, err := strconv.ParseInt(trimmed, 10, 32)
	if err != nil || n == 0 || n < catalog.Latest {
		return 0, &catalog.Error{Reason: catalog.InvalidVersion, Detail: s}
	}
	return int(n), nil
}

// nameOf reads a subject, unqualified ones in the context of a /contexts/{c}/ prefix. An empty subject is a scope.
func nameOf(ctx context.Context, subject string) (catalog.Name, error) {
	within := ""
	if c := callOf(ctx); c != nil {
		within = c.context
	}
	return nameIn(within, subject)
}

// nameIn reads a subject, unqualified ones in a context.
func nameIn(within, subject string) (catalog.Name, error) {
	name, err := catalog.ParseName(subject)
	if err == nil && within != "" && !strings.HasPrefix(subject, ":") {
		name.Context = within
	}
	return name, err
}

// includeOf says which states a question is about.
func includeOf(deleted flag) catalog.Include {
	if deleted.on() {
		return catalog.WithDeleted
	}
	return catalog.LiveOnly
}

// includeOnly is includeOf for routes that can also ask for the deleted alone.
func includeOnly(deleted, only flag) catalog.Include {
	if only.on() {
		return catalog.DeletedOnly
	}
	return includeOf(deleted)
}
