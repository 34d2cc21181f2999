package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/accordhq/accord/catalog"
)

// finished is an answer of type T that is bytes already: what an operation of reading gives, so that one who asks for
// what was asked before costs no printing.
type finished[T any] struct{ text []byte }

// Schema says T in the OpenAPI document.
func (finished[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

func (f finished[T]) bytes() []byte { return f.text }

// Forms of answers. The client either takes members that it does not know, or does not; a text is the same to both.
var (
	formPlain   = &catalog.Form{Schema: printSchema(false), Version: printVersion(false)}
	formUnknown = &catalog.Form{Schema: printSchema(true), Version: printVersion(true)}
	formText    = &catalog.Form{
		Schema: func(s *catalog.Schema, _ int) (catalog.Answer, error) {
			return catalog.Answer{Body: []byte(s.Text), Tag: `"` + s.GUID + `"`}, nil
		},
		Version: func(v *catalog.Version) (catalog.Answer, error) {
			return catalog.Answer{Body: []byte(v.Schema.Text)}, nil
		},
	}
)

// Forms of a schema by ID for those who name a subject: they also read which version of it that is.
var (
	placedPlain   = &catalog.Form{Version: printPlaced(false)}
	placedUnknown = &catalog.Form{Version: printPlaced(true)}
)

func printPlaced(unknown bool) func(*catalog.Version) (catalog.Answer, error) {
	return func(v *catalog.Version) (catalog.Answer, error) {
		answer := schemaBodyOf(unknown, &v.Schema)
		answer.Subject, answer.Version = v.Name.String(), v.Number
		body, err := encode(answer)
		return catalog.Answer{Body: body, Tag: placeTag(v)}, err
	}
}

// placeTag names an answer about a version by what it is printed from: GUID, revision of the lens, and number, which is another
// once the schema is registered again.
func placeTag(v *catalog.Version) string {
	rev := 0
	if v.Lens != nil {
		rev = v.Lens.Rev
	}
	return `"` + v.Schema.GUID + "." + strconv.Itoa(rev) + "-" + strconv.Itoa(v.Number) + `"`
}

// formOf is the form that this client takes.
func formOf(ctx context.Context) *catalog.Form {
	if callOf(ctx).unknown {
		return formUnknown
	}
	return formPlain
}

// printSchema prints a schema by ID or GUID. Its text never changes, what lenses make of it may: both are in its tag.
func printSchema(unknown bool) func(*catalog.Schema, int) (catalog.Answer, error) {
	return func(s *catalog.Schema, lenses int) (catalog.Answer, error) {
		body, err := encode(schemaBodyOf(unknown, s))
		return catalog.Answer{Body: body, Tag: `"` + s.GUID + "." + strconv.Itoa(lenses) + `"`}, err
	}
}

func printVersion(unknown bool) func(*catalog.Version) (catalog.Answer, error) {
	return func(v *catalog.Version) (catalog.Answer, error) {
		body, err := encode(versionBodyOf(unknown, v))
		return catalog.Answer{Body: body}, err
	}
}

// Values of headers that many answers share; nobody changes them.
var (
	keepAWhile  = []string{"private, max-age=300"}
	keepForGood = []string{"private, max-age=31536000, immutable"} // texts, which never change
	varying     = []string{headerUnknown + ", Accept"}
	mediaValues = map[string][]string{mediaV1: {mediaV1}, mediaRegist: {mediaRegist}, mediaJSON: {mediaJSON}}
)

// cacheable lets clients keep an answer that has a tag.
func cacheable(ctx context.Context, tag string, keep []string) {
	if tag == "" {
		return
	}
	h := callOf(ctx).header
	h["Etag"] = []string{tag}
	h["Cache-Control"] = keep
	h["Vary"] = varying
}

// direct serves an operation that reads, and whose answer is finished, without huma, whose part in such a request
// costs more than all the rest: parameters are set as they were declared, and the bytes go out as they are.
func direct[I, B, O any](a *API, rt *route, serve func(context.Context, *I, *B) (O, error)) {
	from := originsOf(reflect.TypeFor[I]())
	a.router.HandleFunc(rt.method+" "+rt.path, func(w http.ResponseWriter, r *http.Request) {
		in := new(I)
		from.fill(reflect.ValueOf(in).Elem(), r)
		var body B
		out, err := serve(r.Context(), in, &body)
		if err != nil {
			writeFault(w, r, rt.native, a.faultOf(r.Context(), err))
			return
		}
		text := any(out).(interface{ bytes() []byte }).bytes()
		h := w.Header()
		h["Content-Type"] = mediaValues[r.Header.Get("Accept")] // what was negotiated
		h["Content-Length"] = []string{strconv.Itoa(len(text))}
		_, _ = w.Write(text)
	})
}

// origin is where a field of an input comes from.
type origin struct {
	field int
	path  bool // else the query
	name  string
}

type origins []origin

// originsOf reads the tags of an input, whose fields must all be strings.
func originsOf(t reflect.Type) (all origins) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type.Kind() != reflect.String {
			panic(t.String() + "." + f.Name + " is not a string: such an input cannot be read directly")
		}
		if name := f.Tag.Get("path"); name != "" {
			all = append(all, origin{i, true, name})
		} else if name, _, _ := strings.Cut(f.Tag.Get("query"), ","); name != "" {
			all = append(all, origin{i, false, name})
		}
	}
	return all
}

// fill sets the fields of an input.
func (all origins) fill(in reflect.Value, r *http.Request) {
	for _, p := range all {
		if p.path {
			in.Field(p.field).SetString(r.PathValue(p.name))
		}
	}
	if r.URL.RawQuery == "" {
		return
	}
	query := r.URL.Query()
	for _, p := range all {
		if !p.path {
			in.Field(p.field).SetString(query.Get(p.name))
		}
	}
}
