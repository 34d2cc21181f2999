package orders

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/accordhq/accord/client"
	"github.com/accordhq/accord/orders/event"
	"github.com/accordhq/accord/orders/inventory"
	"github.com/accordhq/accord/orders/ordering"
	"github.com/accordhq/accord/orders/views"
)

// A problem is an error as clients see it. Source: RFC 9457, with members of our own after detail.
type problem struct {
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail,omitempty"`
	Errors   []pointedFault `json:"errors,omitempty"` // what is wrong in the body, and where
	Shown    *event.Money   `json:"shown,omitempty"`
	Computed *event.Money   `json:"computed,omitempty"`
}

// A pointedFault is one fault of a body. Source: the example extension of RFC 9457 section 3.
type pointedFault struct {
	Pointer string `json:"pointer"` // JSON Pointer from the root of the body
	Detail  string `json:"detail"`
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func fault(status int, detail string) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: detail}
}

// problemOf is the one place that turns errors into answers.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if t, ok := errors.AsType[*ordering.TotalError](err); ok {
		p := fault(http.StatusUnprocessableEntity, t.Error())
		p.Shown, p.Computed = &t.Shown, &t.Computed
		return p
	}
	if invalid, ok := errors.AsType[*client.InvalidError](err); ok {
		p := fault(http.StatusBadRequest, "the body is not a valid "+invalid.Subject)
		for _, v := range invalid.Violations {
			p.Errors = append(p.Errors, pointedFault{Pointer: v.Pointer, Detail: v.Message})
		}
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault(http.StatusRequestEntityTooLarge, "the body is larger than 256 KiB")
	}
	for _, known := range []struct {
		err    error
		status int
	}{
		{ordering.ErrNotFound, http.StatusNotFound},
		{views.ErrNotFound, http.StatusNotFound},
		{inventory.ErrUnknownProduct, http.StatusNotFound},
		{ordering.ErrTooLate, http.StatusConflict},
		{ordering.ErrKeyReused, http.StatusUnprocessableEntity},
		{ordering.ErrUnknownSKU, http.StatusUnprocessableEntity},
		{ordering.ErrTooMuch, http.StatusUnprocessableEntity},
	} {
		if errors.Is(err, known.err) {
			return fault(known.status, err.Error())
		}
	}
	return fault(http.StatusServiceUnavailable, "nothing was stored; try again")
}

// An answer is a handler that returns its error instead of writing it.
type answer func(w http.ResponseWriter, r *http.Request) error

func (s *System) answering(do answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := do(w, r)
		if err == nil {
			return
		}
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
			s.config.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "err", err)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		if p.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "1")
		}
		writeJSON(w, p.Status, p)
	}
}

// writeJSON answers with a document; a content type that is already set stays.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only our own types come here
		panic(err)
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // a client that went away is no fault of ours
}
