package api

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// router finds routes on the raw path: each segment is decoded once, so that a%2Fb is one subject, and empty segments
// are left out, so that trailing and doubled slashes mean nothing. It satisfies humago.Mux. Literal segments win over
// parameters. It must not be changed once it serves.
type router struct{ root branch }

// branch is one segment of the patterns.
type branch struct {
	literal map[string]*branch
	param   *branch
	name    string // of the parameter that leads here
	rest    bool   // the parameter takes all segments that are left
	methods map[string]endpoint
}

// endpoint is what stands behind a pattern.
type endpoint struct {
	pattern string
	serve   http.HandlerFunc // nil: the path is there, but not for this method
	allow   string           // then the methods that are, as the Allow header lists them
}

// HandleFunc adds a route; pattern is a method, a space and a path with {name} for one segment or, last, {name...} for
// all that are left.
func (t *router) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	method, path, _ := strings.Cut(pattern, " ")
	at := &t.root
	for _, s := range segmentsOf(path) {
		at = at.grow(s)
	}
	if at.methods == nil {
		at.methods = map[string]endpoint{}
	}
	at.methods[method] = endpoint{pattern: pattern, serve: h}
}

// grow returns the branch behind a segment of a pattern, made if need be.
func (b *branch) grow(segment string) *branch {
	if name, ok := strings.CutPrefix(segment, "{"); ok {
		name = strings.TrimSuffix(name, "}")
		name, rest := strings.CutSuffix(name, "...")
		if b.param == nil {
			b.param = &branch{name: name, rest: rest}
		}
		return b.param
	}
	if b.literal == nil {
		b.literal = map[string]*branch{}
	}
	if b.literal[segment] == nil {
		b.literal[segment] = &branch{}
	}
	return b.literal[segment]
}

// match walks the segments; values are the decoded parameters, by name in turn.
func (b *branch) match(segments, values []string) (*branch, []string) {
	if len(segments) == 0 {
		if b.methods != nil {
			return b, values
		}
		if b.param != nil && b.param.rest {
			return b.param, append(values, b.param.name, "")
		}
		return nil, nil
	}
	if next := b.literal[segments[0]]; next != nil {
		if found, v := next.match(segments[1:], values); found != nil {
			return found, v
		}
	}
	switch {
	case b.param == nil:
		return nil, nil
	case b.param.rest:
		return b.param, append(values, b.param.name, strings.Join(segments, "/"))
	default:
		return b.param.match(segments[1:], append(values, b.param.name, segments[0]))
	}
}

// find returns what serves a request, and sets the request's path values; false if no route has the path. A path
// that is there for other methods only has an endpoint that serves nothing, but one that is there only because a
// pattern takes whatever comes is not there for other methods.
func (t *router) find(r *http.Request, segments []string) (endpoint, bool) {
	found, values := t.root.match(segments, nil)
	if found == nil {
		return endpoint{}, false
	}
	for pair := range slices.Chunk(values, 2) {
		r.SetPathValue(pair[0], pair[1])
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if to, ok := found.methods[method]; ok {
		return to, true
	}
	return endpoint{allow: found.allow()}, !found.rest
}

// allow lists the methods of a branch; HEAD is wherever GET is.
func (b *branch) allow() string {
	methods := slices.Sorted(maps.Keys(b.methods))
	if at := slices.Index(methods, http.MethodGet); at >= 0 {
		methods = slices.Insert(methods, at+1, http.MethodHead)
	}
	return strings.Join(methods, ", ")
}

// ServeHTTP serves without what API.serve puts around a route; huma's adapter asks for the method.
func (t *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	to, _ := t.find(r, segmentsOf(r.URL.EscapedPath()))
	if to.serve == nil {
		writeFault(w, r, false, unrouted())
		return
	}
	to.serve(w, r)
}

// segmentsOf splits a raw path into decoded segments. One that does not decode stays as it is.
func segmentsOf(raw string) []string {
	var segments []string
	for s := range strings.SplitSeq(raw, "/") {
		if s == "" {
			continue
		}
		if decoded, err := url.PathUnescape(s); err == nil {
			s = decoded
		}
		segments = append(segments, s)
	}
	return segments
}
