package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/accordhq/accord/catalog"
)

// Limits of requests.
const (
	MaxBodyBytes   = 4 << 20   // of a request body; 413
	MaxReportBytes = 256 << 10 // of a usage or rejection report; 413
	MaxBatchBytes  = 8 << 20   // of events to upcast; 413
	MaxInFlight    = 512       // requests served at once; 429
	MaxStreams     = 200       // long polls at once; 429
	MaxReasonBytes = 1 << 10   // of X-Accord-Reason; what is longer is cut
)

// Header names of ours.
const (
	headerRevision = "X-Accord-Revision"
	headerReason   = "X-Accord-Reason"
	headerCommit   = "X-Accord-Commit"
	headerRequest  = "X-Request-Id"
	headerUnknown  = "Confluent-Accept-Unknown-Properties"
)

// A call is what an operation knows about its request beside its parameters.
type call struct {
	id      string // of the request, for the log and the answer to a failure
	unknown bool   // the client takes members it does not know
	context string // of a /contexts/{c}/ prefix, as catalog.Name spells it
	caller  *Caller
	role    catalog.Role // that the request needs
	request *http.Request
	header  http.Header // of the answer
}

type callKey struct{}

// callOf returns the call of a request's context.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// serve puts around each route what all of them share.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	c := &call{id: requestID(r), unknown: isTrue(r.Header.Get(headerUnknown)), request: r, header: w.Header()}
	answer := &answer{ResponseWriter: w, revision: func() catalog.Rev { return a.registry.Status().Revision }}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		answer.match = strings.Join(r.Header.Values("If-None-Match"), ",")
	}
	w.Header().Set(headerRequest, c.id)
	segments := segmentsOf(r.URL.EscapedPath())
	segments, within, misnamed := cutContext(segments)
	c.context = within
	route := a.route(segments, r)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			a.log.Error("a request made the program panic", "request", c.id, "route", route.label(), "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			if answer.status == 0 {
				writeFault(answer, r, route.native(), internal(c.id))
			}
		}
		a.metrics.count(route.label(), answer.status, time.Since(began))
		if !a.log.Enabled(r.Context(), slog.LevelDebug) {
			return
		}
		a.log.Debug("request", "request", c.id, "method", r.Method, "route", route.label(), "status", answer.status, "took", time.Since(began))
	}()
	if fault := a.admit(&route, r); fault != nil {
		writeFault(answer, r, route.native(), fault)
		return
	}
	defer route.leave()
	if misnamed != nil {
		writeFault(answer, r, route.native(), a.faultOf(r.Context(), misnamed))
		return
	}
	if name := route.untold(r); name != "" {
		writeFault(answer, r, route.native(), badRequest(name+" is no text"))
		return
	}
	if fault := a.authorize(&route, r, c); fault != nil {
		writeFault(answer, r, route.native(), fault)
		return
	}
	ctx, fault := a.requestContext(r, c)
	if fault != nil {
		writeFault(answer, r, route.native(), fault)
		return
	}
	if r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(answer, r.Body, route.bodyLimit())
	}
	r.Header.Set("Accept", route.accept)
	route.serve(answer, r.WithContext(ctx))
}

// authorize finds out who asks and whether that is enough for the route.
func (a *API) authorize(to *routing, r *http.Request, c *call) (refused *fault) {
	if to.op == nil {
		c.caller = visitor // what serves no operation knows of nobody's grants
		return nil
	}
	if c.caller, refused = a.admitCaller(r, to.op.needs.reach, c.header); refused != nil {
		return refused
	}
	return to.op.authorize(r, c)
}

// requestContext is the context that operations get: with the call, who asks, and the revision to see at least.
func (a *API) requestContext(r *http.Request, c *call) (context.Context, *fault) {
	ctx := context.WithValue(r.Context(), callKey{}, c)
	ctx = catalog.WithAuthor(ctx, catalog.Author{By: c.caller.User, Reason: cut(r.Header.Get(headerReason), MaxReasonBytes), Commit: cut(r.Header.Get(headerCommit), MaxReasonBytes), Source: sourceOf(r)})
	if c.caller != everyone {
		ctx = catalog.WithPermit(ctx, c.permit)
	}
	if s := r.Header.Get(headerRevision); s != "" {
		rev, err := strconv.ParseUint(strings.TrimSpace(s), 10, 63)
		if err != nil {
			return nil, badRequest(headerRevision + " is not a revision")
		}
		ctx = catalog.AtLeast(ctx, catalog.Rev(rev))
	}
	return ctx, nil
}

// sourceOf is the address that a request came from, without the port.
func sourceOf(r *http.Request) string {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return at.Addr().Unmap().String()
	}
	return ""
}

// A routing is where a request goes.
type routing struct {
	endpoint
	known  bool   // the path is there, though perhaps not for this method
	op     *route // nil: no operation
	accept string // media type of the answer
	leave  func() // gives back what admit took
}

func (t routing) native() bool { return t.op != nil && t.op.native }

// label names the route in metrics; there are as many as routes, and one for the rest.
func (t routing) label() string {
	if t.op == nil {
		return "other"
	}
	return t.op.method + " " + t.op.path
}

func (t routing) bodyLimit() int64 {
	if t.op != nil && t.op.limit > 0 {
		return t.op.limit
	}
	return MaxBodyBytes
}

// untold names a parameter that is no text, and so the name of nothing: one with NUL, which no database takes, or not
// in UTF-8; "" if there is none. Names of subjects have words of their own for that, as Confluent's routes have.
func (t routing) untold(r *http.Request) string {
	if !t.native() {
		return ""
	}
	for segment := range strings.SplitSeq(t.op.path, "/") {
		name, ok := strings.CutPrefix(strings.TrimSuffix(segment, "}"), "{")
		if ok && name != "subject" && !isText(r.PathValue(strings.TrimSuffix(name, "..."))) {
			return name
		}
	}
	if r.URL.RawQuery == "" {
		return ""
	}
	for name, values := range r.URL.Query() {
		if name != "subject" && !isText(strings.Join(values, "")) {
			return cut(strings.ReplaceAll(name, "\x00", ""), 64)
		}
	}
	return ""
}

func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// route finds the operation of a request.
func (a *API) route(segments []string, r *http.Request) routing {
	t := routing{leave: func() {}}
	t.endpoint, t.known = a.router.find(r, segments)
	t.op = a.routes[t.pattern]
	return t
}

// admit refuses what cannot be served: no route, wrong method or media type, too many at once.
func (a *API) admit(t *routing, r *http.Request) *fault {
	switch {
	case !t.known:
		return unrouted()
	case t.serve == nil:
		fault := plain(http.StatusMethodNotAllowed)
		fault.allow = t.allow
		return fault
	}
	if t.op != nil && t.op.always {
		t.accept = mediaJSON
		return nil
	}
	slots := a.slots
	if t.op != nil && t.op.waits {
		slots = a.waiters
	}
	select {
	case slots <- struct{}{}:
		t.leave = func() { <-slots }
	default:
		return busy()
	}
	fault := t.negotiate(r)
	if fault != nil {
		t.leave()
	}
	return fault
}

// cutContext takes /contexts/{c}/ off a path that goes on behind it; InvalidSubject if {c} is no context.
func cutContext(segments []string) (rest []string, context string, err error) {
	if len(segments) < 3 || segments[0] != "contexts" {
		return segments, "", nil
	}
	context, err = contextOf(segments[1])
	return segments[2:], context, err
}

// contextOf reads the name of a context as paths spell it, with or without colons and dot; InvalidSubject if it is none.
func contextOf(s string) (string, error) {
	trimmed := strings.Trim(s, ":")
	if !strings.HasPrefix(trimmed, ".") {
		trimmed = "." + trimmed
	}
	name, err := catalog.ParseName(":" + trimmed + ":")
	if err != nil || name.Subject != "" { // a colon in the midst of it
		return "", &catalog.Error{Reason: catalog.InvalidSubject, Name: catalog.Name{Subject: cut(s, catalog.MaxSubjectBytes)}, Detail: "not a context"}
	}
	return name.Context, nil
}

// requestID is what the client calls its request, or a name of ours.
func requestID(r *http.Request) string {
	if id := r.Header.Get(headerRequest); id != "" && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == "" {
		return id
	}
	return rand.Text()[:16]
}

// cut shortens s to n bytes.
func cut(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }

// An answer stamps the revision on the header, at the last moment, and remembers the status.
type answer struct {
	http.ResponseWriter
	revision func() catalog.Rev
	match    string // If-None-Match of a GET
	status   int    // 0 = nothing was sent yet
}

// WriteHeader sends the header with the newest revision that this replica knows.
func (w *answer) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	if status == http.StatusOK && w.match != "" && matches(w.match, w.Header().Get("ETag")) {
		status = http.StatusNotModified
		w.Header().Del("Content-Type")
		w.Header().Del("Content-Length")
	}
	w.status = status
	if w.Header().Get(headerRevision) == "" {
		w.Header().Set(headerRevision, strconv.FormatUint(uint64(w.revision()), 10))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write sends the header first if nobody did.
func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.status == http.StatusNotModified {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// matches says whether If-None-Match names an ETag. Source: RFC 9110, section 13.1.2.
func matches(match, etag string) bool {
	if etag == "" {
		return false
	}
	for one := range strings.SplitSeq(match, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == etag || one == "*" {
			return true
		}
	}
	return false
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// readBody reads a request body whole; it is bounded already.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(r.Body)
}
