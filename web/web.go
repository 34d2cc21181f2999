// Package web is the catalog site: pages drawn by the server from the catalog's own facts. It never decides anything,
// loads nothing from elsewhere, and works without its script.
//
//	GET ──► route table ──► handler: library (catalog at one revision) ──► page struct ──► template ──► bytes, ETag
//	                            │
//	                            └─ error ──► one wrapper ──► error page with the right status (HTML, JSON or Markdown)
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// Limits of a request.
const (
	MaxQuery    = 200     // bytes of a search or filter word
	MaxPlayBody = 1 << 20 // bytes of an event or schema in the playground
	PageTimeout = 5 * time.Second
)

// Config is what a Site needs.
type Config struct {
	Registry *catalog.Registry // required
	// Operations are drawn as the API reference, in this order; nil: the page says that there are none.
	Operations []api.Operation
	// BasePath is put before every address, such as /catalog; "" = none. No slash at its end.
	BasePath string
	// NotFound answers requests that no page serves and that do not ask for HTML, so that API clients get the API's own
	// words; nil: a JSON answer of the same form.
	NotFound http.Handler
	// Admit finds out who asks for a page and returns the context that api.CallerOf reads; a status other than 0 refuses
	// the request, with what to tell. nil: everybody sees everything.
	Admit func(http.ResponseWriter, *http.Request) (ctx context.Context, status int, message string)
	// Login lets browsers sign in by an identity provider; nil: they do not. Passwords says that name and password are a way
	// in as well.
	Login     *api.Login
	Passwords bool
	Log       *slog.Logger     // nil = slog.Default()
	Now       func() time.Time // nil = time.Now
}

// Site serves the pages. It is safe for concurrent use.
type Site struct {
	Config
	links
	assets *assets
	pages  map[string]*pageTemplate
	views  viewCache

	mu   sync.Mutex
	libs map[string]*library // by what the caller sees; guarded by mu; each replaced whole
}

// New returns a Site. The only errors are faults of the templates built into the program.
func New(c Config) (*Site, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.BasePath = strings.TrimSuffix(c.BasePath, "/")
	s := &Site{Config: c, links: links{c.BasePath}, libs: map[string]*library{}}
	var err error
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if s.pages, err = loadPages(s.funcs()); err != nil {
		return nil, err
	}
	return s, nil
}

// route is one row of the route table.
type route struct {
	pattern string // method and path as http.ServeMux takes them, below the base path
	serve   func(*Site, http.ResponseWriter, *http.Request) error
	open    bool // served without asking who is there
}

// routes is every address of the site. Paths below the API's names are the API's.
var routes = []route{
	{"GET /{$}", (*Site).home, false},
	{"GET /events", (*Site).events, false},
	{"GET /events/{event}", (*Site).latest, false},
	{"GET /events/{event}/v/{version}", (*Site).version, false},
	{"GET /events/{event}/diff", (*Site).chooseDiff, false},
	{"GET /events/{event}/diff/{pair}", (*Site).diffPage, false},
	{"GET /events/{event}/graph", (*Site).eventGraph, false},
	{"GET /domains", (*Site).domainList, false},
	{"GET /domains/{domain}", (*Site).domainPage, false},
	{"GET /services", (*Site).serviceList, false},
	{"GET /services/{service}", (*Site).servicePage, false},
	{"GET /channels", (*Site).channelList, false},
	{"GET /channels/{channel}", (*Site).channelPage, false},
	{"GET /flows", (*Site).flowList, false},
	{"GET /flows/{flow}", (*Site).flowPage, false},
	{"GET /fields", (*Site).fieldList, false},
	{"GET /fields/{field}", (*Site).fieldPage, false},
	{"GET /changes", (*Site).changes, false},
	{"GET /rejections", (*Site).rejections, false},
	{"GET /play/validate", (*Site).playForm, false},
	{"POST /play/validate", (*Site).playValidate, false},
	{"GET /search", (*Site).search, false},
	{"GET /api", (*Site).reference, false},
	{"GET /api/{operation}", (*Site).operation, false},
	{"GET /-/assets/{sum}/{file}", (*Site).asset, true},
	{"POST /-/theme", (*Site).setTheme, true},
	{"GET /-/login", (*Site).logInPage, true},
	{"GET /-/login-start", (*Site).logIn, true},
	{"GET /-/callback", (*Site).loggedIn, true},
	{"POST /-/logout", (*Site).logOut, true},
	{"GET /-password", (*Site).password, true},
}

// Install adds the site's routes to mux: those of the table, and / for all that nobody serves. State changes are
// refused across origins.
func (s *Site) Install(mux *http.ServeMux) {
	guard := http.NewCrossOriginProtection()
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		mux.Handle(method+" "+s.BasePath+path, guard.Handler(s.wrap(r.serve, r.open)))
	}
	mux.Handle("/", s.wrap((*Site).nowhere, false))
}

// wrap gives a handler its time limit, the headers of every page and, unless it is open to everybody, who asks; and turns
// its error into a page.
func (s *Site) wrap(serve func(*Site, http.ResponseWriter, *http.Request) error, open bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), PageTimeout)
		defer cancel()
		setHeaders(w.Header())
		if s.Admit != nil && !open {
			admitted, status, message := s.Admit(w, r)
			if status != 0 && s.mayLogIn(w, r, status) {
				return
			}
			if status != 0 {
				if admitted != nil { // refused by name
					r = r.WithContext(admitted)
				}
				s.fail(w, r, &pageError{status: status, title: http.StatusText(status), detail: message})
				return
			}
			if deadline, ok := ctx.Deadline(); ok {
				var stop context.CancelFunc
				ctx, stop = context.WithDeadline(admitted, deadline)
				defer stop()
			}
		}
		if err := serve(s, w, r.WithContext(ctx)); err != nil {
			s.fail(w, r, err)
		}
	})
}

// setHeaders are SITE-wide: nothing inline, nothing from elsewhere, no frame, no sniffing.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "")
}

// library returns the catalog at its newest revision, building it when the revision has moved.
func (s *Site) library(ctx context.Context) (*library, error) {
	rev, err := s.revision(ctx)
	if err != nil {
		return nil, err
	}
	who := api.CallerOf(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if lib := s.libs[who.View()]; lib != nil && lib.rev >= rev {
		return lib, nil
	}
	lib, err := load(ctx, s.Registry, rev, who)
	if err != nil {
		return nil, err
	}
	if len(s.libs) >= maxLibraries {
		clear(s.libs)
	}
	s.libs[who.View()] = lib
	return lib, nil
}

// maxLibraries bounds how many views of the catalog are kept: callers with the same grants see the same.
const maxLibraries = 16

// revision asks the registry how new its facts are; while it listens, without asking the store.
func (s *Site) revision(ctx context.Context) (catalog.Rev, error) {
	if status := s.Registry.Status(); status.Listening {
		return status.Revision, nil
	}
	return s.Registry.Ping(ctx)
}

// event finds a subject by name, with the library it stands in. An alias gives a moved error, an unknown name one with
// the nearest names.
func (s *Site) event(r *http.Request) (*library, *event, error) {
	lib, err := s.library(r.Context())
	if err != nil {
		return nil, nil, err
	}
	name := r.PathValue("event")
	if e := lib.bySubject[name]; e != nil {
		return lib, e, nil
	}
	if subject, ok := lib.byAlias[name]; ok && lib.bySubject[subject] != nil {
		return nil, nil, &movedError{to: s.links.event(subject), status: http.StatusMovedPermanently}
	}
	return nil, nil, lib.unknown("event", name)
}

// pageError is an error with its page: status, heading, words, and where else to look.
type pageError struct {
	status  int
	title   string
	detail  string
	nearest []pageLink
	err     error // what lies below, for the log
}

func (e *pageError) Error() string {
	if e.err != nil {
		return fmt.Sprintf("%s: %s: %v", e.title, e.detail, e.err)
	}
	return e.title + ": " + e.detail
}

func (e *pageError) Unwrap() error { return e.err }

// movedError sends the reader to another address.
type movedError struct {
	to     string
	status int
}

func (e *movedError) Error() string { return "moved to " + e.to }

// unknown is the 404 of a name, with up to five names that are spelt like it.
func (l *library) unknown(kind, name string) error {
	e := &pageError{status: http.StatusNotFound, title: "No such " + kind, detail: fmt.Sprintf("There is no %s called %q.", kind, name)}
	for _, hit := range l.entries().Search(name).Hits {
		if len(e.nearest) == 5 {
			break
		}
		if hit.Kind != "field" {
			e.nearest = append(e.nearest, pageLink{Kind: hit.Kind, Name: hit.Name})
		}
	}
	return e
}

// asPageError finds the page of any error.
func asPageError(err error) *pageError {
	if e, ok := errors.AsType[*pageError](err); ok {
		return e
	}
	switch {
	case errors.Is(err, catalog.SubjectNotFound), errors.Is(err, catalog.VersionNotFound), errors.Is(err, catalog.DocumentNotFound), errors.Is(err, catalog.SchemaNotFound):
		return &pageError{status: http.StatusNotFound, title: "Not found", detail: err.Error(), err: err}
	case errors.Is(err, catalog.Unavailable), errors.Is(err, context.DeadlineExceeded):
		return &pageError{status: http.StatusServiceUnavailable, title: "The catalog cannot be read now", detail: "Its store does not answer. Nothing is lost; try again in a moment.", err: err}
	}
	return &pageError{status: http.StatusInternalServerError, title: "Internal error", detail: "The page could not be drawn. The server's log says why.", err: err}
}
