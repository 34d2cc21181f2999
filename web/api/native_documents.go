package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// documentBody is a document of the catalog.
type documentBody struct {
	Kind string          `json:"kind" example:"Service"`
	Name string          `json:"name" example:"orders"`
	Rev  catalog.Rev     `json:"rev" example:"42"`
	At   string          `json:"at" doc:"RFC 3339" example:"2026-01-02T15:04:05Z"`
	By   string          `json:"by,omitempty"`
	Body json.RawMessage `json:"body" doc:"The document as it stands in its file, as JSON."`
}

func documentOf(d catalog.Document) documentBody {
	return documentBody{Kind: d.Kind, Name: d.Name, Rev: d.Rev, At: timeText(d.At), By: d.By, Body: d.Body}
}

// documentList is a page of documents.
type documentList struct {
	Documents []documentBody `json:"documents"`
	Next      string         `json:"next,omitempty" doc:"Give it as after to read on; absent: this was the last page."`
}

// written is the revision of a write.
type written struct {
	Rev catalog.Rev `json:"rev" example:"42"`
}

type documentsInput struct {
	Kind  string `query:"kind" doc:"Only this kind; absent: all" example:"Service"`
	After string `query:"after" doc:"Read on behind this document: next of the page before" example:"Service/orders"`
	Limit number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

type documentInput struct {
	Kind    string `path:"kind" doc:"Kind" example:"Service"`
	Name    string `path:"name" doc:"Name" example:"orders"`
	IfMatch string `header:"If-Match" doc:"Revision that the document must still have; a write with another is refused" example:"42"`
}

const exampleDocument = `{"kind":"Service","name":"orders","rev":42,"at":"2026-01-02T15:04:05Z","body":{"kind":"Service","name":"orders"}}`

// nativeDocuments serves /v1/documents.
func (a *API) nativeDocuments() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/documents", id: "listDocuments", needs: somewhere(catalog.Reader), tag: tagNative, summary: "List the documents of the catalog",
		about:  "What the schemas folder says beside the schemas: teams, domains, services, channels, flows and the words about events.",
		answer: `{"documents":[` + exampleDocument + `]}`,
	}, a.listDocuments)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/documents/{kind}/{name}", id: "getDocument", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read a document",
		answer: exampleDocument, codes: []int{404},
	}, func(ctx context.Context, in *documentInput, _ *none) (documentBody, error) {
		if !CallerOf(ctx).MayReadDocument(in.Kind, in.Name) {
			return documentBody{}, &catalog.Error{Reason: catalog.DocumentNotFound, Detail: in.Kind + " " + in.Name}
		}
		d, err := a.registry.Document(ctx, in.Kind, in.Name)
		if err != nil {
			return documentBody{}, err
		}
		callOf(ctx).header.Set("ETag", etagOf(d.Rev))
		return documentOf(d), nil
	})
	add(a, route{
		native: true, method: http.MethodPut, path: "/v1/documents/{kind}/{name}", id: "putDocument", needs: somewhere(catalog.Developer), tag: tagNative, summary: "Write a document",
		request: `{"kind":"Service","name":"orders","domain":"orders","owner":"team-orders"}`, answer: `{"rev":42}`, codes: []int{412, 422, 42203, 42209},
	}, func(ctx context.Context, in *documentInput, body *json.RawMessage) (written, error) {
		expect, err := expectOf(in.IfMatch)
		if err != nil {
			return written{}, err
		}
		if err := mayWriteDocument(ctx, in.Kind, in.Name); err != nil {
			return written{}, err
		}
		rev, err := a.registry.PutDocument(ctx, in.Kind, in.Name, *body, expect)
		stamp(ctx, rev)
		return written{rev}, err
	})
	add(a, route{
		native: true, method: http.MethodDelete, path: "/v1/documents/{kind}/{name}", id: "deleteDocument", needs: somewhere(catalog.Developer), tag: tagNative, summary: "Delete a document",
		answer: `{"rev":42}`, codes: []int{404, 412},
	}, func(ctx context.Context, in *documentInput, _ *none) (written, error) {
		expect, err := expectOf(in.IfMatch)
		if err != nil {
			return written{}, err
		}
		if err := mayWriteDocument(ctx, in.Kind, in.Name); err != nil {
			return written{}, err
		}
		rev, err := a.registry.DeleteDocument(ctx, in.Kind, in.Name, expect)
		stamp(ctx, rev)
		return written{rev}, err
	})
}

func (a *API) listDocuments(ctx context.Context, in *documentsInput, _ *none) (documentList, error) {
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return documentList{}, err
	}
	var after catalog.DocumentPosition
	if in.After != "" {
		var ok bool
		if after.Kind, after.Name, ok = strings.Cut(in.After, "/"); !ok {
			return documentList{}, badRequest("after is not kind/name: " + cut(in.After, 64))
		}
	}
	list := documentList{Documents: []documentBody{}}
	for {
		documents, err := a.registry.Documents(ctx, in.Kind, after, p.limit)
		if err != nil {
			return documentList{}, err
		}
		for _, d := range documents {
			after = catalog.DocumentPosition{Kind: d.Kind, Name: d.Name}
			if !CallerOf(ctx).MayReadDocument(d.Kind, d.Name) {
				continue
			}
			if list.Documents = append(list.Documents, documentOf(d)); len(list.Documents) == p.limit {
				list.Next = d.Kind + "/" + d.Name
				return list, nil
			}
		}
		if len(documents) < p.limit {
			return list, nil
		}
	}
}

func etagOf(rev catalog.Rev) string { return `"` + strconv.FormatUint(uint64(rev), 10) + `"` }

// expectOf reads If-Match: nil without one, and * for any.
func expectOf(s string) (*catalog.Rev, error) {
	if s == "" || s == "*" {
		return nil, nil
	}
	v, err := strconv.ParseUint(strings.Trim(s, `"`), 10, 63)
	if err != nil {
		return nil, badRequest("If-Match is not a revision: " + cut(s, 64))
	}
	rev := catalog.Rev(v)
	return &rev, nil
}
