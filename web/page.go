package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/accordhq/accord/catalog"
)

//go:embed template/*.tmpl
var templateFiles embed.FS

// pageTemplate is the layout with one page's "main".
type pageTemplate struct{ *template.Template }

// page is what the layout shows around every page.
type page struct {
	Title   string // of the document, without the site's name
	Nav     string // which entry of the top bar is this page's: its path's first segment
	Crumbs  []crumb
	Theme   string // "" = the browser's
	Path    string // where the theme form comes back to
	CSS, JS template.URL
	Query   string // in the search box
	SignIn  *signedIn
	Rev     catalog.Rev
	Data    any
}

type crumb struct {
	Name string
	Href template.URL
}

// pageLink is an address with its kind, for lists of mixed things.
type pageLink struct{ Kind, Name string }

// loadPages parses each file of template/ that is a page together with the layout and the shared parts.
func loadPages(funcs template.FuncMap) (map[string]*pageTemplate, error) {
	shared, err := template.New("").Funcs(funcs).Funcs(words).ParseFS(templateFiles, "template/layout.tmpl", "template/part_*.tmpl")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(templateFiles, "template/*.tmpl")
	if err != nil {
		return nil, err
	}
	pages := map[string]*pageTemplate{}
	for _, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".tmpl")
		if base == "layout" || strings.HasPrefix(base, "part_") {
			continue
		}
		t, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if _, err := t.ParseFS(templateFiles, name); err != nil {
			return nil, err
		}
		pages[base] = &pageTemplate{t}
	}
	return pages, nil
}

// words are what templates say things with.
var words = template.FuncMap{
	"markdown": renderMarkdown,
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return fmt.Sprintf("%d %s", n, one)
		}
		return fmt.Sprintf("%d %s", n, many)
	},
	"records": recordWords,
	"join":    strings.Join,
	"short":   shortName,
	"lower":   strings.ToLower,
	"title": func(s string) string {
		if s == "" {
			return s
		}
		return strings.ToUpper(s[:1]) + s[1:]
	},
	"add":      func(a, b int) int { return a + b },
	"jsonHTML": jsonHTML,
	// A level may break after each underscore.
	"levelHTML": func(level string) template.HTML {
		return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(level), "_", "_<wbr>")) // escaped
	},
	"day":   func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
	"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"dict": func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i+1 < len(pairs); i += 2 {
			m[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		return m
	},
}

// render writes a page. With a library the answer has a strong ETag of everything it is drawn from, and a reader who
// has it gets 304; fresh says so before the page is drawn (see unchanged).
func (s *Site) render(w http.ResponseWriter, r *http.Request, name string, status int, p page) error {
	p.Theme, p.Path, p.SignIn = theme(r), r.URL.RequestURI(), s.signedIn(r)
	p.CSS, p.JS = s.assets.url(s.links, "app.css"), s.assets.url(s.links, "app.js")
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout", p); err != nil {
		return fmt.Errorf("draw page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "private, no-cache")
	}
	w.Header().Add("Vary", "Accept, Accept-Encoding, Authorization, Cookie")
	return s.write(w, r, status, b.Bytes())
}

// write sends a body, compressed where the client takes it.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, body []byte) error {
	if len(body) > 1024 && acceptsGzip(r) {
		body = compress(body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := w.Write(body); err != nil {
		s.Log.Debug("page not taken", "err", err)
	}
	return nil
}

// unchanged answers 304 where the reader's copy is drawn from the same facts: revision of the catalog, look, theme,
// address, the day (sunset dates are compared with it), and what was observed. It sets the ETag either way.
func (s *Site) unchanged(w http.ResponseWriter, r *http.Request, lib *library, observed ...string) bool {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%s\n%s\n%s\n%q", lib.rev, lib.who.View()+s.signedName(r), s.assets.sum, theme(r), r.URL.RequestURI(), s.Now().UTC().Format(time.DateOnly), observed))
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			w.Header().Set("Cache-Control", "private, no-cache")
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// fail answers an error: a move, or its page in the form that was asked for.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if moved, ok := errors.AsType[*movedError](err); ok {
		http.Redirect(w, r, moved.to, moved.status)
		return
	}
	e := asPageError(err)
	if e.status >= 500 && r.Context().Err() == nil {
		s.Log.Error("page failed", "path", r.URL.Path, "err", err)
	}
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept")
	if !wantsHTML(r) {
		body, _ := json.Marshal(struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}{e.status, e.title + ": " + e.detail})
		w.Header().Set("Content-Type", "application/json")
		_ = s.write(w, r, e.status, body)
		return
	}
	p := page{Title: e.title, Data: struct {
		Status        int
		Title, Detail string
		Nearest       []pageLink
	}{e.status, e.title, e.detail, e.nearest}}
	if err := s.render(w, r, "error", e.status, p); err != nil {
		s.Log.Error("error page failed", "err", err)
		http.Error(w, e.title, e.status)
	}
}

// nowhere answers what no page serves: trailing slashes are sent to the page without, readers get a page, API clients
// the API's words.
func (s *Site) nowhere(w http.ResponseWriter, r *http.Request) error {
	if p := r.URL.EscapedPath(); wantsHTML(r) && strings.HasSuffix(p, "/") && p != "/" && !strings.HasPrefix(p, "//") {
		to := strings.TrimRight(p, "/")
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		return &movedError{to: to, status: http.StatusPermanentRedirect}
	}
	if !wantsHTML(r) && s.NotFound != nil {
		for name := range w.Header() {
			w.Header().Del(name)
		}
		s.NotFound.ServeHTTP(w, r)
		return nil
	}
	return &pageError{status: http.StatusNotFound, title: "Nothing here", detail: "No page has the address " + r.URL.Path + "."}
}

// wantsHTML says whether the request names text/html in Accept, as every browser does; API clients do not.
func wantsHTML(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// wantsJSON says whether the request asks for JSON before anything else.
func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// theme is the reader's choice, "" for the browser's.
func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

const themeCookie = "accord_theme"

// setTheme keeps the choice in a cookie and goes back to where the form was, which must be on this site.
func (s *Site) setTheme(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil {
		return &pageError{status: http.StatusBadRequest, title: "Not a theme", detail: "The form could not be read.", err: err}
	}
	value := r.PostForm.Get("theme")
	if value != "light" && value != "dark" && value != "auto" {
		return &pageError{status: http.StatusBadRequest, title: "Not a theme", detail: "A theme is auto, light or dark."}
	}
	http.SetCookie(w, &http.Cookie{Name: themeCookie, Value: value, Path: s.BasePath + "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return &movedError{to: s.ownAddress(r.PostForm.Get("back")), status: http.StatusSeeOther}
}

// prettyJSON indents a JSON text for people; what is no JSON stays as it is.
func prettyJSON(text any) string {
	var raw []byte
	switch t := text.(type) {
	case string:
		raw = []byte(t)
	case json.RawMessage:
		raw = t
	case []byte:
		raw = t
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
