// Package api serves the HTTP APIs of the registry: Confluent's, for the clients and tools that people already have,
// and a native one under /v1. It decodes, asks the catalog and encodes; it never judges and never caches.
//
//	request ──► limits ──► raw-path router ──► media types ──► huma operation ──► catalog.Registry
//	                            │                                    │
//	                            └── 404, 405, 406, 415, 413, 429     └── error ──► one map (errors.go) ──► status, code, text
//
// Each operation is declared once, with its parameters, examples and error codes; the OpenAPI document at
// /openapi.json and the list that the site draws its API reference from are made from these declarations.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/accordhq/accord/catalog"
)

// Config is what an API needs.
type Config struct {
	Registry *catalog.Registry // required
	// Version and Commit of the program, as /version and /v1/metadata/version tell them.
	Version, Commit string
	// KafkaCluster is the cluster ID that /v1/metadata/id tells; "" = "accord".
	KafkaCluster string
	// DefaultJSON reads a registration without schemaType as JSON. Off, it is read as AVRO, as every Schema Registry
	// does, and refused: a serializer that means Avro must be told.
	DefaultJSON bool
	// MaxInFlight is how many requests are served at once, 0 = MaxInFlight; beyond it: 429.
	MaxInFlight int
	// Metrics is served at /metrics; nil: that route is not there. The API's own collectors are not in it unless the
	// caller registers Collectors.
	Metrics prometheus.Gatherer
	// Access says how callers sign in; the zero value lets everybody do everything.
	Access Access
	// Insecure makes /readyz warn, while nobody has to sign in, that others than this machine reach the registry.
	Insecure bool
	Log      *slog.Logger // nil = slog.Default()
}

// API serves the routes. It is safe for concurrent use.
type API struct {
	registry   *catalog.Registry
	config     Config
	log        *slog.Logger
	router     *router
	routes     map[string]*route // by pattern
	declared   []*route          // the same, in order
	metrics    *metrics
	slots      chan struct{} // one for each request being served
	waiters    chan struct{} // one for each long poll
	transfers  chan struct{} // one for each export and import
	doc        *huma.OpenAPI
	confluent  huma.API
	native     huma.API
	operations []Operation
	prober     prober
	passwords  *passwords
	carriers   carriers
	origins    *http.CrossOriginProtection
	serving    context.Context // ends when the API drains
	drain      context.CancelFunc
}

// New returns an API on a registry.
func New(c Config) *API {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.MaxInFlight <= 0 {
		c.MaxInFlight = MaxInFlight
	}
	if c.KafkaCluster == "" {
		c.KafkaCluster = "accord"
	}
	a := &API{
		registry: c.Registry,
		config:   c,
		log:      c.Log,
		router:   &router{},
		routes:   map[string]*route{},
		metrics:  newMetrics(),
		slots:    make(chan struct{}, c.MaxInFlight),
		waiters:  make(chan struct{}, MaxStreams),

		transfers: make(chan struct{}, MaxTransfers),
		origins:   http.NewCrossOriginProtection(),
	}
	if c.Access.Users != nil {
		a.passwords = newPasswords()
	}
	a.serving, a.drain = context.WithCancel(context.Background())
	a.doc = newDocument(c)
	a.confluent = huma.NewAPI(humaConfig(a.doc, mediaV1), humago.NewAdapter(a.router, ""))
	a.native = huma.NewAPI(humaConfig(a.doc, mediaJSON), humago.NewAdapter(a.router, ""))
	a.confluentSubjects()
	a.confluentSchemas()
	a.confluentCompatibility()
	a.confluentConfig()
	a.confluentMode()
	a.confluentCluster()
	a.nativeSubjects()
	a.nativeLifecycle()
	a.nativeBindings()
	a.nativeBundle()
	a.nativeCheck()
	a.nativeLenses()
	a.nativeChanges()
	a.nativeAudit()
	a.nativeTokens()
	a.nativeDocuments()
	a.nativeReports()
	a.nativeTransfer()
	a.nativeReaders()
	a.nativeProcess()
	tidy(a.doc)
	for _, rt := range a.declared {
		a.operations = append(a.operations, operationOf(a.doc, *rt))
	}
	templated(a.doc)
	return a
}

// paths are the first segments that the API owns. /openapi.json is one of them.
var paths = []string{
	"subjects", "schemas", "compatibility", "config", "mode", "contexts", "associations", "v1", "openapi.json",
	"healthz", "readyz", "metrics", "version",
}

// Paths returns the prefixes that belong to the API, each with a leading slash: a request whose first segment is one
// of them must go to Handler untouched, above all not through http.ServeMux, which redirects doubled slashes.
func (a *API) Paths() []string {
	all := make([]string, len(paths))
	for i, p := range paths {
		all[i] = "/" + p
	}
	return all
}

// Owns says whether a request belongs to the API: by its first segment, or / without text/html in Accept.
func (a *API) Owns(r *http.Request) bool {
	segments := segmentsOf(r.URL.EscapedPath())
	if len(segments) == 0 {
		return !wantsHTML(r)
	}
	return slices.Contains(paths, segments[0])
}

// Handler serves every route of the API. Requests for other paths get the 404 that Schema Registry clients expect.
func (a *API) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// NotFound answers as the API answers a path that it does not serve.
func (a *API) NotFound() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeFault(w, r, false, unrouted()) })
}

// Operations returns all operations in the order of the reference page: by tag, then as declared. The caller must not
// change what is in it.
func (a *API) Operations() []Operation { return slices.Clone(a.operations) }

// Collectors returns the metrics of this room, to be registered once.
func (a *API) Collectors() []prometheus.Collector { return a.metrics.collectors() }

// wantsHTML says whether a browser asks: Accept names text/html.
func wantsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// commitOf is the commit of the program: the one it was told, else the one Go wrote into the binary.
func (c Config) commit() string {
	if c.Commit != "" {
		return c.Commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return ""
}
