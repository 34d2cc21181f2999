package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/accordhq/accord/web/api"
)

// signedIn is what the top bar says about who looks at a page; nil where browsers do not sign in by a page.
type signedIn struct {
	User string // "" = nobody
	Back string // where to go after signing in
}

// signedIn says who looks at a page.
func (s *Site) signedIn(r *http.Request) *signedIn {
	if s.Login == nil {
		return nil
	}
	who := &signedIn{Back: r.URL.RequestURI()}
	if user := api.CallerOf(r.Context()).User; user != "anonymous" {
		who.User = user
	}
	if strings.HasPrefix(r.URL.Path, s.BasePath+"/-/") {
		who.Back = s.links.home()
	}
	return who
}

// signedName is the name that the top bar shows, "" for none: it is part of what a page is drawn from.
func (s *Site) signedName(r *http.Request) string {
	if who := s.signedIn(r); who != nil && who.User != "" {
		return "\n" + who.User
	}
	return ""
}

// mayLogIn sends a reader who is not signed in to the page that says how; false: the refusal is the answer.
func (s *Site) mayLogIn(w http.ResponseWriter, r *http.Request, status int) bool {
	if s.Login == nil || status != http.StatusUnauthorized || !wantsHTML(r) || r.Header.Get("Authorization") != "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	w.Header().Del("WWW-Authenticate") // a browser would ask for a password at once
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, s.loginHref("login", r.URL.RequestURI()), http.StatusSeeOther)
	return true
}

// loginHref is the address of a step of signing in that goes on at back.
func (s *Site) loginHref(step, back string) string {
	return s.links.to("-", step) + "?back=" + url.QueryEscape(back)
}

// logInPage says how to sign in, or that one has signed out.
func (s *Site) logInPage(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return s.nowhere(w, r)
	}
	query := r.URL.Query()
	w.Header().Set("Cache-Control", "no-store")
	return s.render(w, r, "login", http.StatusOK, page{Title: "Sign in", Data: struct {
		Start, Password, EndAt string
		Out                    bool
	}{
		Start: s.loginHref("login-start", query.Get("back")), Password: s.passwordHref(query.Get("back")),
		Out: query.Has("out"), EndAt: s.endAt(query.Get("out")),
	}})
}

// passwordHref is where a browser asks for a name and a password; "" where there are none. The address stands at the top,
// so that the browser sends what it was told with every page below.
func (s *Site) passwordHref(back string) string {
	if !s.Passwords {
		return ""
	}
	return s.links.to("-password") + "?back=" + url.QueryEscape(back)
}

// endAt is the provider's address that ends its session too, if it is one.
func (s *Site) endAt(to string) string {
	if u, err := url.Parse(to); err != nil || !s.Login.EndsAt(u) {
		return ""
	}
	return to
}

// logIn leads to the identity provider.
func (s *Site) logIn(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return s.nowhere(w, r)
	}
	to, err := s.Login.Begin(w, r.URL.Query().Get("back"))
	if err != nil {
		return s.loginFailed(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	return &movedError{to: to, status: http.StatusSeeOther}
}

// loggedIn is where the identity provider leads back to.
func (s *Site) loggedIn(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return s.nowhere(w, r)
	}
	back, err := s.Login.Finish(w, r)
	if err != nil {
		return s.loginFailed(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	return &movedError{to: back, status: http.StatusSeeOther}
}

// logOut ends the session of this browser.
func (s *Site) logOut(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil {
		return s.nowhere(w, r)
	}
	end := s.Login.End(w, r)
	w.Header().Set("Cache-Control", "no-store")
	return &movedError{to: s.links.to("-", "login") + "?out=" + url.QueryEscape(end), status: http.StatusSeeOther}
}

// password lets the browser ask for name and password: it goes on once they are good.
func (s *Site) password(w http.ResponseWriter, r *http.Request) error {
	if s.Login == nil || !s.Passwords {
		return s.nowhere(w, r)
	}
	if r.Header.Get("Authorization") == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="accord", charset="UTF-8"`)
		return &pageError{status: http.StatusUnauthorized, title: "Unauthorized", detail: "Name and password are needed."}
	}
	if _, status, message := s.Admit(w, r); status != 0 {
		return &pageError{status: status, title: http.StatusText(status), detail: message}
	}
	w.Header().Set("Cache-Control", "no-store")
	return &movedError{to: s.ownAddress(r.URL.Query().Get("back")), status: http.StatusSeeOther}
}

// loginFailed is the page of a sign-in that did not come about.
func (s *Site) loginFailed(err error) error {
	failed, ok := errors.AsType[*api.LoginError](err)
	if !ok {
		return err
	}
	return &pageError{status: failed.Status, title: "Not signed in", detail: failed.Detail, err: errors.Unwrap(failed)}
}

// ownAddress is an address to come back to, which must be on this site.
func (s *Site) ownAddress(back string) string {
	if !api.OwnAddress(back) {
		return s.links.home()
	}
	return back
}
