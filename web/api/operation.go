package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/accordhq/accord/catalog"
)

// A route declares one operation: what it is called, what it takes and gives by example, and how it may fail.
type route struct {
	method, path string
	id, tag      string
	summary      string
	about        string                  // more sentences, "" = the summary says it all
	request      string                  // example of the body as JSON, "" = there is no body
	answer       string                  // example of the answer as JSON or text, "" = there is no body
	codes        []int                   // error codes beyond those of every route
	status       int                     // of success, 0 = 200, or 204 without an example of the answer
	produces     string                  // media type of the answer, "" = the usual ones
	reads        string                  // media type of the body beside the usual ones, "" = none
	limit        int64                   // bytes of the body, 0 = MaxBodyBytes
	native       bool                    // problem details, application/json
	waits        bool                    // a long poll, counted apart
	stream       http.HandlerFunc        // serves requests for text/event-stream, nil = there is no stream
	lines        http.HandlerFunc        // serves requests for application/x-ndjson, nil = there are no lines
	always       bool                    // answered whatever the load
	needs        need                    // what the caller needs; every route must say it
	raises       map[string]catalog.Role // by query parameter: the role that is needed instead where it is true
}

// none is the body of operations without one.
type none struct{}

// raw is an answer that is text already.
type raw string

// Schema says string in the OpenAPI document.
func (raw) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: "The text itself"}
}

// output is an answer as huma wants it.
type output[O any] struct {
	Status int
	Body   O
}

// declare keeps what a route says about itself.
func (a *API) declare(rt route) *route {
	rt.check()
	a.declared = append(a.declared, &rt)
	a.routes[rt.method+" "+rt.path] = &rt
	return &rt
}

// add serves an operation: I are the parameters, B is the body, O the answer.
func add[I, B, O any](a *API, rt route, serve func(context.Context, *I, *B) (O, error)) {
	if rt.status == 0 {
		rt.status = http.StatusOK
		if rt.answer == "" {
			rt.status = http.StatusNoContent
		}
	}
	host := a.confluent
	if rt.native {
		host = a.native
	}
	kept := a.declare(rt)
	op := a.describe(rt, reflect.TypeFor[O]())
	huma.Register(host, op, func(ctx context.Context, in *I) (*output[O], error) {
		var body B
		out := &output[O]{Status: kept.status}
		err := kept.decode(callOf(ctx).request, &body)
		if err == nil {
			out.Body, err = serve(ctx, in, &body)
		}
		if s, ok := any(out.Body).(interface{ status() int }); ok {
			out.Status = s.status()
		}
		if err != nil {
			told := *a.faultOf(ctx, err)
			told.native = kept.native
			return nil, &told
		}
		return out, nil
	})
	var answer O
	if _, ready := any(answer).(interface{ bytes() []byte }); ready {
		direct(a, kept, serve)
	}
	if rt.request != "" {
		// Told to the document alone, and so late: huma would read a body that it knows of, and complain in its own words.
		schema := a.doc.Components.Schemas.Schema(reflect.TypeFor[B](), true, rt.id+"Request")
		documented(a.doc, rt).RequestBody = &huma.RequestBody{Required: true, Content: contents(rt.mediaTypes(), schema, example(rt.request))}
	}
}

// mount serves an operation by a handler of someone else, who takes no parameters.
func (a *API) mount(rt route, h http.Handler) {
	a.declare(rt)
	op := a.describe(rt, reflect.TypeFor[raw]())
	a.doc.AddOperation(&op)
	a.router.HandleFunc(rt.method+" "+rt.path, h.ServeHTTP)
}

// decode reads the body as JSON; unknown members are ignored.
func (rt *route) decode(r *http.Request, into any) error {
	if rt.request == "" {
		return nil
	}
	b, err := readBody(r)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &fault{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("The body is larger than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return badRequest("The body could not be read")
	}
	return decodeJSON(b, into)
}

// decodeJSON reads one JSON value; the error says at which byte it went wrong.
func decodeJSON(b []byte, into any) error {
	err := json.Unmarshal(b, into)
	if err == nil {
		if at := noText(b); at >= 0 {
			return badRequest(fmt.Sprintf("Malformed JSON at offset %d: neither UTF-8 nor a whole escape", at))
		}
		return nil
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return badRequest(fmt.Sprintf("Malformed JSON at offset %d: %s", e.Offset, e))
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return badRequest(fmt.Sprintf("Malformed JSON at offset %d: %s must be of type %s, not %s", e.Offset, memberName(e.Field), kindName(e.Type), e.Value))
	}
	return badRequest("Malformed JSON: " + err.Error())
}

// noText finds what encoding/json would replace without a word, and so change the meaning of a text: the offset of the
// first byte that is not UTF-8, or of an escaped half of a surrogate pair; -1 if there is neither. b is valid JSON
// otherwise.
func noText(b []byte) int {
	for i := 0; i < len(b); {
		if b[i] == '\\' {
			if b[i+1] != 'u' {
				i += 2
				continue
			}
			r := escaped(b[i:])
			if !utf16.IsSurrogate(r) {
				i += escapeSize
				continue
			}
			if utf16.DecodeRune(r, escaped(b[i+escapeSize:])) == utf8.RuneError {
				return i
			}
			i += 2 * escapeSize
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

const escapeSize = len(`\u0000`)

// escaped is the code unit of the \uXXXX that b begins with, 0 if it does not.
func escaped(b []byte) rune {
	if len(b) < escapeSize || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:escapeSize]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

func memberName(field string) string {
	if field == "" {
		return "the body"
	}
	return strconv.Quote(field)
}

// kindName is what JSON calls a Go type.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	default:
		return "integer"
	}
}

// mediaTypes are those of bodies and answers.
func (rt route) mediaTypes() []string {
	if rt.native {
		return []string{mediaJSON}
	}
	return mediaOut
}

// describe makes huma's description of a route, but for its body.
func (a *API) describe(rt route, answer reflect.Type) huma.Operation {
	schemas := a.doc.Components.Schemas
	op := huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: rt.id, Tags: []string{rt.tag}, Summary: rt.summary, Description: rt.description(),
		DefaultStatus: rt.status, SkipValidateParams: true, Responses: map[string]*huma.Response{},
	}
	good := &huma.Response{Description: http.StatusText(rt.status), Headers: map[string]*huma.Param{headerRevision: {
		Description: "Newest change that this answer may show", Schema: &huma.Schema{Type: huma.TypeInteger, Format: "int64"},
	}}}
	if rt.answer != "" {
		types := rt.mediaTypes()
		if rt.produces != "" {
			types = []string{rt.produces}
		}
		good.Content = contents(types, schemas.Schema(answer, true, rt.id+"Answer"), example(rt.answer))
	}
	op.Responses[strconv.Itoa(rt.status)] = good
	for status, text := range rt.failures() {
		envelope, media := reflect.TypeFor[errorBody](), mediaV1
		if rt.native {
			envelope, media = reflect.TypeFor[problem](), mediaProblem
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: text, Content: contents([]string{media}, schemas.Schema(envelope, true, ""), nil)}
	}
	return op
}

// description is what there is to say beyond the summary, and who may ask.
func (rt route) description() string {
	needs := rt.needs.String()
	if needs == "" {
		return rt.about
	}
	return strings.TrimSpace(rt.about + " Where sign-in is on, it needs " + needs + ".")
}

// contents is the same schema and example under each media type.
func contents(types []string, schema *huma.Schema, example any) map[string]*huma.MediaType {
	m := map[string]*huma.MediaType{}
	for _, t := range types {
		m[t] = &huma.MediaType{Schema: schema, Example: example}
	}
	return m
}

// example reads an example as JSON where it is, else as the text it is.
func example(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	return v
}

// common are the codes that any operation may give; bodied those of operations that take a body.
var (
	common = []int{400, 401, 403, 406, 429, 500, codeStore}
	bodied = []int{413, 415}
)

// all are the codes of a route, ascending by status.
func (rt route) all() []int {
	if rt.always {
		return append([]int{http.StatusInternalServerError}, rt.codes...)
	}
	codes := slices.Concat(common, rt.codes)
	if rt.request != "" {
		codes = append(codes, bodied...)
	}
	slices.SortFunc(codes, func(a, b int) int { return statusOf(a, rt.native)*100_000 + a - statusOf(b, rt.native)*100_000 - b })
	return slices.Compact(codes)
}

// failures are the statuses of a route with what they mean.
func (rt route) failures() map[int]string {
	texts := map[int]string{}
	for _, code := range rt.all() {
		status := statusOf(code, rt.native)
		if texts[status] != "" {
			texts[status] += "; "
		}
		texts[status] += fmt.Sprintf("%d: %s", code, meaningOf(code))
	}
	return texts
}

func statusOf(code int, native bool) int { return (&fault{code: code, native: native}).GetStatus() }

// meanings are what a code means, for the reference.
var meanings = map[int]string{
	400: "malformed JSON or parameter", 401: "sign-in is needed, or was not accepted", 403: "a grant is missing", 404: "not found", 406: "no media type of Accept is served", 409: "incompatible with an earlier schema",
	412: "changed since it was read", 413: "larger than the limit", 415: "not a media type that is read", 422: "not valid", 429: "too many requests at once, try again",
	500:   "internal error",
	40401: "subject not found", 40402: "version not found", 40403: "schema not found", 40404: "subject is soft-deleted already",
	40405: "subject is not soft-deleted yet", 40406: "version is soft-deleted already", 40407: "version is not soft-deleted yet",
	40408: "no compatibility level of its own", 40409: "no mode of its own", 42201: "invalid schema", 42202: "invalid version",
	42203: "invalid compatibility level or policy", 42204: "invalid mode", 42205: "not permitted in this mode", 42206: "referenced by another schema",
	42207: "ID does not match", 42208: "invalid subject name", 42209: "schema too large", 42210: "invalid rule set or lens", 42211: "context is not empty",
	codeStore: "store not reachable", codeTimeout: "timed out",
}

// meaningOf panics on a code that nobody explained: a mistake in a declaration.
func meaningOf(code int) string {
	text, ok := meanings[code]
	if !ok {
		panic("no meaning for code " + strconv.Itoa(code))
	}
	return text
}

// document.go's formats write answers with this: no HTML escapes, no newline, and text as it is.
func writeValue(w io.Writer, v any) error {
	if list, ok := v.(interface{ writeTo(io.Writer) error }); ok {
		return list.writeTo(w)
	}
	if text, ok := v.(raw); ok {
		_, err := io.WriteString(w, string(text))
		return err
	}
	b, err := encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
