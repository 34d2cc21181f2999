package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Limits of signing in by browser.
const (
	LoginTime      = 10 * time.Minute // between leaving for the provider and coming back
	MaxLogins      = 8                // that talk to the provider at once
	MaxCookieBytes = 3800             // of one cookie; a session that is longer takes several
	maxCookies     = MaxJWTBytes/MaxCookieBytes + 1
	maxBackBytes   = 2 << 10 // of the address to come back to
	maxCodeBytes   = 4 << 10 // of what the provider sends back
)

// LoginConfig makes the identity provider a way in for browsers: authorization code with PKCE. Source: OpenID Connect
// Core 1.0, section 3.1; RFC 7636.
type LoginConfig struct {
	ClientID string // of this site at the provider; required
	// Secret is what the client has beside its ID, read each time; nil: it is a public client. It must not wait.
	Secret func() string
	Site   string   // address of the site as browsers see it; required: https, or http on loopback
	Scopes []string // asked for beside openid, such as groups
}

// Login lets browsers sign in by an identity provider. The session is the provider's own ID token, kept by the browser in
// a cookie that no script reads: any replica verifies it, none has to remember it, and it ends when the token does.
// Safe for concurrent use.
type Login struct {
	oidc     *OIDC
	config   LoginConfig
	site     *url.URL
	secure   bool          // cookies are for https alone
	talking  chan struct{} // one token for each who talks to the provider
	exchange *http.Client
}

// NewLogin checks the settings; the provider is not asked yet.
func NewLogin(o *OIDC, c LoginConfig) (*Login, error) {
	site, err := url.Parse(c.Site)
	switch {
	case c.ClientID == "" || c.Site == "":
		return nil, errors.New("signing in by browser needs the site's ID at the identity provider and the site's own address")
	case err != nil || site.Host == "" || site.RawQuery != "" || site.Fragment != "" || site.User != nil:
		return nil, fmt.Errorf("the site's address is %q: want https://HOST[/PATH]", c.Site)
	case site.Scheme == "http" && !loopback(site.Hostname()), site.Scheme != "http" && site.Scheme != "https":
		return nil, fmt.Errorf("the site's address is %q: sessions go over https alone, or over http on loopback", c.Site)
	}
	site.Path = strings.TrimRight(site.Path, "/")
	return &Login{
		oidc: o, config: c, site: site, secure: site.Scheme == "https", talking: make(chan struct{}, MaxLogins),
		exchange: &http.Client{Timeout: IssuerTimeout, Transport: o.config.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// LoginError is why a sign-in did not come about, in words for who tried it.
type LoginError struct {
	Status int // of the answer
	Detail string
	err    error // for the log
}

// Error is what there is to tell.
func (e *LoginError) Error() string { return e.Detail }

// Unwrap returns what lies below.
func (e *LoginError) Unwrap() error { return e.err }

// attempt is what a browser keeps between leaving for the provider and coming back.
type attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Back     string `json:"b"`
}

// Begin returns the provider's address that lets a user sign in and sends the browser to Finish, and sets the cookie that
// knows it again there. back is where to go afterwards. Errors: *LoginError.
func (l *Login) Begin(w http.ResponseWriter, back string) (string, error) {
	p, err := l.oidc.discoveredProvider()
	if err != nil {
		return "", &LoginError{http.StatusServiceUnavailable, "The identity provider cannot be reached. Try again in a moment.", err}
	}
	if !OwnAddress(back) || len(back) > maxBackBytes {
		back = l.site.Path + "/"
	}
	a := attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), Back: back}
	kept, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	l.set(w, "login", base64.RawURLEncoding.EncodeToString(kept), LoginTime)
	to, err := url.Parse(p.Endpoint().AuthURL)
	if err != nil || to.Scheme != "https" && !loopback(to.Hostname()) {
		return "", &LoginError{http.StatusBadGateway, "The identity provider names no address to sign in at.", err}
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	query := to.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": l.config.ClientID, "redirect_uri": l.callback(), "state": a.State, "nonce": a.Nonce,
		"scope":          strings.Join(append([]string{oidc.ScopeOpenID}, l.config.Scopes...), " "),
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		query.Set(name, value)
	}
	to.RawQuery = query.Encode()
	return to.String(), nil
}

// callback is where the provider sends browsers back to.
func (l *Login) callback() string { return l.site.String() + "/-/callback" }

// OwnAddress says whether an address leads nowhere but to this site.
func OwnAddress(to string) bool {
	return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.ContainsAny(to, "\\\r\n\t\x00")
}

// Finish takes what the provider sent a browser back with, and signs the browser in. It returns where Begin said to go.
// Errors: *LoginError; then nobody is signed in who was not before.
func (l *Login) Finish(w http.ResponseWriter, r *http.Request) (back string, err error) {
	cookie, err := r.Cookie(l.name("login"))
	if err != nil {
		return "", &LoginError{http.StatusBadRequest, "The sign-in took too long, or was begun in another browser. Begin again.", nil}
	}
	l.set(w, "login", "", -1) // once
	var a attempt
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	query := r.URL.Query()
	state, code := query.Get("state"), query.Get("code")
	switch {
	case err != nil || a.State == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) != 1:
		return "", &LoginError{http.StatusBadRequest, "This answer of the identity provider belongs to another sign-in. Begin again.", err}
	case query.Get("error") != "":
		return "", &LoginError{http.StatusForbidden, "The identity provider did not let you in: " + cut(query.Get("error"), 64) + ".", nil}
	case code == "" || len(code) > maxCodeBytes:
		return "", &LoginError{http.StatusBadRequest, "The identity provider sent no code.", nil}
	}
	select {
	case l.talking <- struct{}{}:
		defer func() { <-l.talking }()
	default:
		return "", &LoginError{http.StatusTooManyRequests, "Too many sign-ins at once. Begin again.", nil}
	}
	token, err := l.redeem(r.Context(), code, a.Verifier)
	if err != nil {
		return "", &LoginError{http.StatusBadGateway, "The identity provider did not confirm the sign-in. Begin again.", err}
	}
	claims, until, err := l.oidc.claims(r.Context(), token, l.config.ClientID)
	if err == nil {
		nonce, _ := claims["nonce"].(string)
		if subtle.ConstantTimeCompare([]byte(nonce), []byte(a.Nonce)) != 1 {
			err = errors.New("another nonce")
		}
	}
	if err == nil {
		_, _, err = l.oidc.identity(claims)
	}
	if err != nil {
		return "", &LoginError{http.StatusBadGateway, "What the identity provider said about you could not be verified.", err}
	}
	l.keep(w, r, token, time.Until(until))
	if !OwnAddress(a.Back) {
		a.Back = l.site.Path + "/"
	}
	return a.Back, nil
}

// redeem turns a code into an ID token.
func (l *Login) redeem(ctx context.Context, code, verifier string) (string, error) {
	p, err := l.oidc.discoveredProvider()
	if err != nil {
		return "", err
	}
	var about struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := p.Claims(&about); err != nil {
		return "", err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {l.callback()},
		"client_id": {l.config.ClientID}, "code_verifier": {verifier},
	}
	secret := ""
	if l.config.Secret != nil {
		secret = l.config.Secret()
	}
	basic := secret != "" && (len(about.Methods) == 0 || slices.Contains(about.Methods, "client_secret_basic"))
	if secret != "" && !basic {
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Endpoint().TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("token endpoint: not an address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic {
		req.SetBasicAuth(url.QueryEscape(l.config.ClientID), url.QueryEscape(secret))
	}
	res, err := l.exchange.Do(req)
	if err != nil {
		return "", fmt.Errorf("token endpoint: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, MaxIssuerAnswer))
	if err != nil {
		return "", fmt.Errorf("token endpoint: %w", err)
	}
	var answer struct {
		IDToken string `json:"id_token"`
		Error   string `json:"error"`
	}
	err = json.Unmarshal(text, &answer)
	if err != nil || res.StatusCode != http.StatusOK || answer.IDToken == "" {
		return "", fmt.Errorf("token endpoint: HTTP %d, error %.64q", res.StatusCode, answer.Error)
	}
	return answer.IDToken, nil
}

// End signs a browser out here. At the provider it stays signed in; the address returned, if there is one, ends that too.
func (l *Login) End(w http.ResponseWriter, r *http.Request) string {
	l.keep(w, r, "", -1)
	to := l.end()
	if to == nil {
		return ""
	}
	query := to.Query()
	query.Set("client_id", l.config.ClientID)
	query.Set("post_logout_redirect_uri", l.site.String()+"/")
	to.RawQuery = query.Encode()
	return to.String()
}

// EndsAt says whether an address is the provider's for signing out.
func (l *Login) EndsAt(u *url.URL) bool {
	to := l.end()
	return to != nil && u.Scheme == to.Scheme && u.Host == to.Host && u.Path == to.Path && u.User == nil
}

// end is the provider's address for signing out, nil if there is none. Source: OpenID Connect RP-Initiated Logout 1.0.
func (l *Login) end() *url.URL {
	p, err := l.oidc.discoveredProvider()
	if err != nil {
		return nil
	}
	var about struct {
		End string `json:"end_session_endpoint"`
	}
	if p.Claims(&about) != nil || about.End == "" {
		return nil
	}
	to, err := url.Parse(about.End)
	if err != nil || to.Scheme != "https" && !loopback(to.Hostname()) {
		return nil
	}
	return to
}

// name is a cookie's name. Over https its prefix keeps hosts beside this one from setting it.
func (l *Login) name(what string) string {
	if l.secure {
		return "__Host-accord_" + what
	}
	return "accord_" + what
}

// set sets a cookie, or with an age below zero removes it. It goes along when the provider, or a link from elsewhere, leads
// here, but not with forms and requests of other sites.
func (l *Login) set(w http.ResponseWriter, what, value string, age time.Duration) {
	c := &http.Cookie{Name: l.name(what), Value: value, Path: "/", MaxAge: int(age / time.Second), HttpOnly: true, Secure: l.secure, SameSite: http.SameSiteLaxMode}
	if age < time.Second {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// keep sets the session's cookies, or with an age below zero removes them.
func (l *Login) keep(w http.ResponseWriter, r *http.Request, token string, age time.Duration) {
	for i := range maxCookies {
		part := token[:min(len(token), MaxCookieBytes)]
		token = token[len(part):]
		switch _, err := r.Cookie(l.name(sessionPart(i))); {
		case part != "":
			l.set(w, sessionPart(i), part, age)
		case err == nil: // of a longer session before
			l.set(w, sessionPart(i), "", -1)
		}
	}
}

func sessionPart(i int) string {
	if i == 0 {
		return "session"
	}
	return "session." + strconv.Itoa(i)
}

// session is the ID token that a browser brings along, "" for none.
func (l *Login) session(r *http.Request) string {
	var b strings.Builder
	for i := range maxCookies {
		c, err := r.Cookie(l.name(sessionPart(i)))
		if err != nil {
			break
		}
		b.WriteString(c.Value)
	}
	return b.String()
}

// bySession finds the caller of a browser's session; nil without one, or if it has ended.
func (a *API) bySession(r *http.Request) (*Caller, error) {
	l := a.config.Access.Login
	if l == nil {
		return nil, nil
	}
	token := l.session(r)
	if token == "" {
		return nil, nil
	}
	claims, _, err := l.oidc.claims(r.Context(), token, l.config.ClientID)
	return a.byClaims(l.oidc, claims, err)
}
