package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Changes reads at most limit changes (0 = MaxPage) after a revision, in order, and never misses one.
func (r *Registry) Changes(ctx context.Context, after Rev, limit int) ([]Change, error) {
	changes, err := r.store.Changes(ctx, after, pageLimit(limit))
	if len(changes) > 0 {
		r.hear(changes[len(changes)-1].Rev)
	}
	return changes, err
}

func pageLimit(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

// askEvery is how often Await asks a store that nobody listens to.
const askEvery = time.Second

// Await waits until there is a change after a revision, or ctx ends (its error).
func (r *Registry) Await(ctx context.Context, after Rev) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		heard, changed, listening := r.hearing.news()
		if !listening {
			rev, err := r.store.Revision(ctx)
			if err != nil {
				return err
			}
			heard = max(heard, rev)
		}
		if heard > after {
			return nil
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Document reads a document; DocumentNotFound.
func (r *Registry) Document(ctx context.Context, kind, name string) (Document, error) {
	return r.store.Document(ctx, kind, name)
}

// Documents lists documents of a kind ("" = all) by kind and name, after a position, at most limit (0 = MaxPage).
func (r *Registry) Documents(ctx context.Context, kind string, after DocumentPosition, limit int) ([]Document, error) {
	return r.store.ListDocuments(ctx, kind, after, pageLimit(limit))
}

// MaxDocumentBytes bounds the body of a document.
const MaxDocumentBytes = 4 << 20

// PutDocument writes a document; InvalidDocument, with a pointer, if its body is not of its kind and name, or names what
// is not there; RawReader. expect is nil, or the revision that it must still have (0: it must not be there), else
// PreconditionFailed.
func (r *Registry) PutDocument(ctx context.Context, kind, name string, body json.RawMessage, expect *Rev) (Rev, error) {
	if len(body) > MaxDocumentBytes {
		return 0, &Error{Reason: TooLarge, Detail: kind + " " + name}
	}
	doc, err := checkDocument(kind, name, body)
	if err != nil {
		return 0, &Error{Reason: InvalidDocument, Pointer: pointerOf(err, body), Detail: kind + " " + name, Err: err}
	}
	err = r.dangling(ctx, doc)
	if wrong, ok := errors.AsType[*memberError](err); ok {
		return 0, &Error{Reason: InvalidDocument, Pointer: wrong.pointer, Detail: kind + " " + name, Err: err}
	}
	if err != nil {
		return 0, err
	}
	if service, ok := doc.(*Service); ok {
		if err := r.rawReader(ctx, service); err != nil {
			return 0, err
		}
	}
	rev, err := r.store.PutDocument(ctx, Document{Kind: kind, Name: name, Body: body}, expect)
	return rev, r.wrote(rev, err, kind+" "+name)
}

// checkDocument holds a body against its kind and the name it is kept under.
func checkDocument(kind, name string, body json.RawMessage) (any, error) {
	doc, err := DecodeDocument(body)
	if err != nil {
		return nil, err
	}
	var h Header
	if err := json.Unmarshal(body, &h); err != nil {
		return nil, err
	}
	if h.Kind != kind {
		return nil, &memberError{"/kind", "its kind is " + h.Kind}
	}
	if h.Name != name {
		return nil, &memberError{"/name", "its name is " + h.Name}
	}
	return doc, nil
}

// DeleteDocument removes a document; DocumentNotFound, PreconditionFailed.
func (r *Registry) DeleteDocument(ctx context.Context, kind, name string, expect *Rev) (Rev, error) {
	rev, err := r.store.DeleteDocument(ctx, kind, name, expect)
	return rev, r.wrote(rev, err, kind+" "+name)
}

// wrote notes the revision of a write, or says why there is none.
func (r *Registry) wrote(rev Rev, err error, what string) error {
	switch {
	case errors.Is(err, ErrConflict):
		return &Error{Reason: PreconditionFailed, Detail: what}
	case err == nil:
		r.hear(rev)
	}
	return err
}
