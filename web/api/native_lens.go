package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// MaxBatchEvents is how many events one question carries up or down; 413.
const MaxBatchEvents = 1000

// castBody is events to carry from one version to another.
type castBody struct {
	From      int                 `json:"from" doc:"Version that the events were written in." example:"1"`
	To        int                 `json:"to,omitempty" doc:"Version to carry them to; absent: the latest." example:"3"`
	Events    []json.RawMessage   `json:"events"`
	Envelopes []map[string]string `json:"envelopes,omitempty" doc:"CloudEvents attributes of each event, for lenses that read them."`
}

// castAnswer is what became of the events, in their order.
type castAnswer struct {
	Results []castResult `json:"results"`
}

// castResult is one event, or why there is none.
type castResult struct {
	Event    json.RawMessage `json:"event,omitempty"`
	Inferred []string        `json:"inferred,omitempty" doc:"Addresses of values that the lens had to invent."`
	Lost     []string        `json:"lost,omitempty" doc:"Addresses of values that the lens had to drop."`
	Error    *castError      `json:"error,omitempty"`
}

// castError is why an event could not be carried.
type castError struct {
	Op      string `json:"op,omitempty" doc:"The step of the lens that failed; absent: the event is not valid under its version."`
	Pointer string `json:"pointer" doc:"JSON Pointer into the event."`
	Reason  string `json:"reason"`
}

// lensBody is the lens of a version.
type lensBody struct {
	Lens   json.RawMessage `json:"lens" doc:"The lens document."`
	Rev    int             `json:"rev" example:"1"`
	Report json.RawMessage `json:"report,omitempty" doc:"What the proof at registration found."`
}

// lensChange is a lens to store or to try.
type lensChange struct {
	Lens     json.RawMessage   `json:"lens" doc:"The lens document."`
	Examples []json.RawMessage `json:"examples,omitempty" doc:"Events of the version below that it must carry."`
}

func (c *lensChange) examples() [][]byte {
	events := make([][]byte, len(c.Examples))
	for i, e := range c.Examples {
		events[i] = e
	}
	return events
}

type castInput struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
}

type lensInput struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version string `path:"version" doc:"Number, latest or -1" example:"3"`
}

type putLensInput struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version string `path:"version" doc:"Number, latest or -1" example:"3"`
	IfMatch string `header:"If-Match" doc:"Revision of the lens to replace; absent: there is none" example:"1"`
}

const (
	exampleLens   = `{"from":2,"ops":[{"op":"move","from":"/total","to":"/amount"}]}`
	exampleReport = `{"up":{"verdict":"tested","samples":200},"down":{"verdict":"tested","samples":200},"chain":{},"inferred":[],"lost":{"up":[],"down":[]},"seed":"1","rev":1,"took_ms":3}`
)

// nativeLenses serves lenses and what they do to events.
func (a *API) nativeLenses() {
	cast := route{
		native: true, method: http.MethodPost, tag: tagLenses, limit: MaxBatchBytes, needs: on(catalog.Reader),
		request: `{"from":1,"to":3,"events":[{"order_id":"o-1"}]}`, answer: `{"results":[{"event":{"order_id":"o-1","currency":"EUR"},"inferred":["/currency"]}]}`,
		codes: []int{40401, 40402, 422, 42208},
	}
	up, down := cast, cast
	up.path, up.id, up.summary = "/subjects/{subject}/upcast", "upcast", "Carry events up to a newer version"
	down.path, down.id, down.summary = "/subjects/{subject}/downcast", "downcast", "Carry events down to an older version"
	down.request = `{"from":3,"to":1,"events":[{"order_id":"o-1","currency":"EUR"}]}`
	down.answer = `{"results":[{"event":{"order_id":"o-1"},"lost":["/currency"]}]}`
	add(a, up, func(ctx context.Context, in *castInput, b *castBody) (castAnswer, error) {
		return a.cast(ctx, in.Subject, b, a.registry.Upcast)
	})
	add(a, down, func(ctx context.Context, in *castInput, b *castBody) (castAnswer, error) {
		return a.cast(ctx, in.Subject, b, a.registry.Downcast)
	})
	add(a, route{
		native: true, method: http.MethodGet, path: "/subjects/{subject}/versions/{version}/vectors", id: "getVectors", needs: on(catalog.Reader), tag: tagLenses, summary: "Read events with what the lenses make of them",
		about:  "At most 64 up from the older version, and 64 down to it, as JSON lines, the same at every call: programs in other languages try their own migrations on them.",
		answer: `{"from":1,"to":3,"dir":"up","envelope":{"time":"2026-03-01T12:00:00Z"},"in":{"total":1},"out":{"amount":1},"inferred":[],"lost":[]}`, produces: mediaLines,
		codes: []int{40401, 40402, 422, 42201, 42202},
	}, a.vectors)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/subjects/{subject}/versions/{version}/lens", id: "getLens", needs: on(catalog.Reader), tag: tagLenses, summary: "Read the lens that leads to a version",
		answer: `{"lens":` + exampleLens + `,"rev":1,"report":` + exampleReport + `}`, codes: []int{404, 40401, 40402, 42202},
	}, a.getLens)
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/subjects/{subject}/versions/{version}/lens/report", id: "getLensReport", needs: on(catalog.Reader), tag: tagLenses, summary: "Read what the proof of a lens found",
		answer: exampleReport, codes: []int{404, 40401, 40402, 42202},
	}, func(ctx context.Context, in *lensInput, _ *none) (json.RawMessage, error) {
		lens, err := a.getLens(ctx, in, nil)
		if err == nil && len(lens.Report) == 0 {
			return json.RawMessage("null"), nil
		}
		return lens.Report, err
	})
	add(a, route{
		native: true, method: http.MethodPut, path: "/v1/subjects/{subject}/versions/{version}/lens", id: "putLens", needs: on(catalog.Developer), tag: tagLenses, summary: "Add or replace the lens that leads to a version",
		about:   "It is proved as at registration. Replacing one needs its revision in If-Match.",
		request: `{"lens":` + exampleLens + `}`, answer: `{"lens":` + exampleLens + `,"rev":2,"report":` + exampleReport + `}`,
		codes: []int{409, 40401, 40402, 412, 42202, 42205, 42210},
	}, a.putLens)
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/subjects/{subject}/versions/{version}/lens/check", id: "checkLens", needs: on(catalog.Reader), tag: tagLenses, summary: "Prove a lens without storing it",
		request: `{"lens":` + exampleLens + `}`, answer: exampleReport, codes: []int{409, 40401, 40402, 42202, 42210},
	}, func(ctx context.Context, in *lensInput, b *lensChange) (catalog.LensReport, error) {
		name, n, err := versionPath(ctx, in.Subject, in.Version)
		if err != nil {
			return catalog.LensReport{}, err
		}
		return a.registry.CheckLens(ctx, name, n, b.Lens, b.examples())
	})
}

// vectorsInput asks for the vectors of a version.
type vectorsInput struct {
	Subject string `path:"subject" doc:"Subject; :.context:name outside the default context" example:"orders.OrderPlaced"`
	Version string `path:"version" doc:"Number, latest or -1" example:"3"`
	From    number `query:"from" doc:"Older version; absent: the one before" example:"1"`
}

// vectors writes them as JSON lines.
func (a *API) vectors(ctx context.Context, in *vectorsInput, _ *none) (raw, error) {
	name, n, err := versionPath(ctx, in.Subject, in.Version)
	if err != nil {
		return "", err
	}
	from, err := in.From.parse("from", 0)
	if err != nil {
		return "", err
	}
	list, err := a.registry.Vectors(ctx, name, n, from)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, v := range list {
		line, err := encode(v)
		if err != nil {
			return "", err
		}
		b.Write(append(line, '\n'))
	}
	return raw(b.String()), nil
}

// versionPath reads subject and version of a path.
func versionPath(ctx context.Context, subject, version string) (catalog.Name, int, error) {
	name, err := nameOf(ctx, subject)
	if err != nil {
		return name, 0, err
	}
	n, err := versionOf(version)
	return name, n, err
}

func (a *API) getLens(ctx context.Context, in *lensInput, _ *none) (lensBody, error) {
	name, n, err := versionPath(ctx, in.Subject, in.Version)
	if err != nil {
		return lensBody{}, err
	}
	l, err := a.registry.Lens(ctx, name, n)
	if err != nil {
		return lensBody{}, err
	}
	callOf(ctx).header.Set("ETag", `"`+strconv.Itoa(l.Rev)+`"`)
	return lensBody{l.Lens, l.Rev, l.Report}, nil
}

func (a *API) putLens(ctx context.Context, in *putLensInput, b *lensChange) (lensBody, error) {
	name, n, err := versionPath(ctx, in.Subject, in.Version)
	if err != nil {
		return lensBody{}, err
	}
	replaces := 0
	if expect, err := expectOf(in.IfMatch); err != nil {
		return lensBody{}, err
	} else if expect != nil {
		replaces = int(*expect)
	}
	l, err := a.registry.SetLens(ctx, name, n, replaces, b.Lens, b.examples())
	if err != nil {
		return lensBody{}, err
	}
	return lensBody{l.Lens, l.Rev, l.Report}, nil
}

// caster is Upcast or Downcast.
type caster func(ctx context.Context, name catalog.Name, from, to int, events []json.RawMessage, envelopes []map[string]string) ([]catalog.Cast, error)

func (a *API) cast(ctx context.Context, subject string, b *castBody, carry caster) (castAnswer, error) {
	if len(b.Events) > MaxBatchEvents {
		return castAnswer{}, &fault{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("More than %d events", MaxBatchEvents)}
	}
	if len(b.Envelopes) != 0 && len(b.Envelopes) != len(b.Events) {
		return castAnswer{}, badRequest("envelopes are as many as events, or none")
	}
	name, err := nameOf(ctx, subject)
	if err != nil {
		return castAnswer{}, err
	}
	if b.To == 0 {
		b.To = catalog.Latest
	}
	casts, err := carry(ctx, name, b.From, b.To, b.Events, b.Envelopes)
	if err != nil {
		return castAnswer{}, err
	}
	answer := castAnswer{Results: []castResult{}}
	for _, c := range casts {
		r := castResult{Event: c.Event, Inferred: c.Inferred, Lost: c.Lost}
		if c.Err != nil {
			r = castResult{Error: castErrorOf(c.Err)}
		}
		answer.Results = append(answer.Results, r)
	}
	return answer, nil
}

func castErrorOf(err error) *castError {
	if e, ok := errors.AsType[*upcast.UpcastError](err); ok {
		return &castError{Op: e.Op, Pointer: e.Pointer, Reason: e.Reason}
	}
	if e, ok := errors.AsType[*validator.InvalidError](err); ok && len(e.Violations) > 0 {
		return &castError{Pointer: e.Violations[0].Pointer, Reason: e.Violations[0].Message}
	}
	return &castError{Reason: err.Error()}
}
