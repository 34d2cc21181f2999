package proxy

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ErrUnknownCaller is what Authenticate returns, wrapped, where nobody can tell who asks: the client is to come again.
var ErrUnknownCaller = errors.New("try again")

// ErrForbidden is what Config.Audit returns, wrapped, where the caller may not do it.
var ErrForbidden = errors.New("not allowed")

// Identity is who sends an HTTP request.
type Identity struct {
	// Principal is the name in reports and for sender enforcement, such as User:orders; "" = User:ANONYMOUS.
	Principal string
	// MayProduce says whether a topic may be written; nil: every topic.
	MayProduce func(topic string) bool
	// MayRead says whether letters of a topic may be seen, redacted; MayOperate whether they may be seen whole, redriven and
	// discarded. nil: of every topic.
	MayRead, MayOperate func(topic string) bool
}

const (
	MaxBodyBytes      = 4 << 20          // of a request that is not a stream
	MaxHTTPEventBytes = 1 << 20          // of one event over HTTP
	MaxBatchEvents    = 1_000            // of one request that is not a stream
	MaxStreamInFlight = 8_192            // events of one stream that are not answered yet; beyond it the stream is not read
	MaxHTTPInFlight   = 20_000           // events of all HTTP requests that are not answered yet
	StreamIdle        = time.Minute      // without an event, after which a stream ends
	produceTimeout    = 10 * time.Second // for one event to reach its topic
	retryAfter        = "1"              // seconds, with 429 and 503
	staleWarning      = 5 * time.Minute  // age of the bindings from which /readyz warns
)

// openAPI is the document of everything that Handler serves.
//
//go:embed openapi.json
var openAPI []byte

// A httpRoute is one thing that Handler serves.
type httpRoute struct {
	method, path string
	handle       http.HandlerFunc
}

// routes is the one table of what is served over HTTP; a test holds it to openapi.json.
func (s *Server) routes() []httpRoute {
	registry := prometheus.NewRegistry()
	registry.MustRegister(s.Collectors()...)
	var all []httpRoute
	plain := func(method, path string, handle http.HandlerFunc) { all = append(all, httpRoute{method, path, handle}) }
	counted := func(method, path string, handle func(http.ResponseWriter, *http.Request) error) {
		plain(method, path, s.counted(path, handle))
	}
	counted("POST", "/v1/topics/{topic}/events", s.postEvents)
	counted("POST", "/topics/{topic}", s.postV2)
	counted("POST", "/topics/{topic}/partitions/{partition}", s.postV2)
	counted("POST", "/v3/clusters/{cluster}/topics/{topic}/records", s.postV3)
	counted("POST", "/v3/clusters/{cluster}/topics/{topic}/records:batch", s.postV3Batch)
	counted("GET", "/v1/letters", s.getLetters)
	counted("GET", "/v1/letters/{topic}/{partition}/{offset}", s.getLetter)
	counted("POST", "/v1/letters/redrive", s.postLetters(opRedrive))
	counted("POST", "/v1/letters/discard", s.postLetters(opDiscard))
	plain("GET", "/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	plain("GET", "/readyz", s.readyz)
	plain("GET", "/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP)
	plain("GET", "/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	return all
}

// Handler serves HTTP producing, letters, /healthz, /readyz, /metrics and /openapi.json, which describes it. Producing answers
// 503 while Serve is not running.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.method+" "+r.path, r.handle)
	}
	return mux
}

// statusWriter remembers the status for the metrics. Unwrap gives http.ResponseController the connection.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// counted counts a route's answers and turns its error into a problem document.
func (s *Server) counted(route string, handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w}
		if err := handle(sw, r); err != nil {
			s.writeProblem(sw, err)
		}
		s.metrics.httpRequests.WithLabelValues(route, strconv.Itoa(sw.status)).Inc()
	}
}

// problem is an RFC 9457 problem document.
type problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail,omitempty"`
	Offset   *int64   `json:"offset,omitempty"` // bytes into the body, of what is not JSON
	Line     int      `json:"line,omitempty"`
	Column   int      `json:"column,omitempty"`
	Results  []result `json:"results,omitempty"` // one for each event, in order
	retry    bool
	answered bool // the status line is gone: say nothing more
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// refuseHTTP makes a problem of a status.
func refuseHTTP(status int, format string, args ...any) *problem {
	return &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...),
		retry: status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable,
	}
}

func (s *Server) writeProblem(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		s.log.Error("HTTP request", "err", err)
		p = refuseHTTP(http.StatusInternalServerError, "internal error")
	}
	if p.answered {
		return
	}
	if p.retry {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// readyz says whether the gate can do its work, and what it warns of.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	state := struct {
		Status   string   `json:"status"` // ready, or what is missing
		Revision uint64   `json:"revision"`
		Age      float64  `json:"bindings_age_seconds,omitempty"`
		Warnings []string `json:"warnings,omitempty"`
	}{Status: "ready"}
	snapshot := s.cfg.Schemas.Snapshot()
	state.Revision = snapshot.Revision
	status := http.StatusServiceUnavailable
	switch {
	case snapshot.At.IsZero():
		state.Status = "bindings are not loaded yet"
	case s.own.Load() == nil:
		state.Status = "not serving"
	case s.apis.Load() == nil:
		state.Status = "no broker has answered yet"
	default:
		status = http.StatusOK
	}
	if !snapshot.At.IsZero() {
		age := time.Since(snapshot.At)
		state.Age = age.Seconds()
		switch {
		case s.stale(snapshot):
			state.Status, status = fmt.Sprintf("the bindings are %s old, at most %s are allowed: the registry does not confirm them", age.Round(time.Second), s.cfg.MaxStale), http.StatusServiceUnavailable
		case age > staleWarning:
			state.Warnings = append(state.Warnings, fmt.Sprintf("the bindings are %s old: the registry does not confirm them", age.Round(time.Second)))
		}
	}
	state.Warnings = append(state.Warnings, slices.Concat(s.planFaults(), s.quarantine.faults())...)
	writeJSON(w, status, state)
}

// caller asks who sends a request.
func (s *Server) caller(r *http.Request) (Identity, error) {
	if s.cfg.Authenticate == nil {
		return Identity{}, nil
	}
	id, err := s.cfg.Authenticate(r)
	if errors.Is(err, ErrUnknownCaller) {
		return id, refuseHTTP(http.StatusServiceUnavailable, "%s", err)
	}
	if err != nil {
		return id, refuseHTTP(http.StatusUnauthorized, "%s", err)
	}
	return id, nil
}

// identify asks who sends a request and whether it may write the topic.
func (s *Server) identify(r *http.Request, topic string) (string, error) {
	id, err := s.caller(r)
	if err != nil {
		return "", err
	}
	if id.MayProduce != nil && !id.MayProduce(topic) {
		return "", refuseHTTP(http.StatusForbidden, "no grant to produce to topic %s", topic)
	}
	if id.Principal == "" {
		return anonymous, nil
	}
	return id.Principal, nil
}
