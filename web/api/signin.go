package api

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// anonymous is who asks without signing in.
const anonymous = "anonymous"

// MaxCredentialBytes bounds the Authorization header.
const MaxCredentialBytes = 32 << 10

// Access says how callers sign in. With none of its ways on, nobody has to, and everybody may do everything; with any,
// who does not sign in may do nothing.
type Access struct {
	// Keys accepts the API keys of the store, as bearer tokens and as passwords. This way is on from the moment that the
	// first was made.
	Keys bool
	// Users returns what the users file says now; nil: there is none. It must not wait.
	Users func() *Users
	// OIDC accepts tokens of an identity provider; nil: none. Who may do what is said by the groups of the users file.
	OIDC *OIDC
	// Login lets browsers sign in by the identity provider; nil: they do not.
	Login *Login
	// Certificates accepts verified client certificates: its names are looked up among the users.
	Certificates bool
	// AnonymousRead lets those who do not sign in read everything.
	AnonymousRead bool
}

// Callers without a name.
var (
	everyone = NewCaller(anonymous, []catalog.Grant{{Role: catalog.Admin, Context: "*", Subjects: "*", Topics: "*"}})
	visitor  = NewCaller(anonymous, []catalog.Grant{{Role: catalog.Reader, Context: "*", Subjects: "*"}})
)

// required says whether callers must sign in.
func (a *API) required(ctx context.Context) (bool, error) {
	c := &a.config.Access
	if c.Users != nil || c.OIDC != nil || c.Login != nil || c.Certificates {
		return true, nil
	}
	if !c.Keys {
		return false, nil
	}
	return a.registry.TokensThere(ctx)
}

// identify finds out who asks. nil: nobody that is known; bad says that this is because of what was sent.
func (a *API) identify(r *http.Request) (who *Caller, bad bool, err error) {
	on, err := a.required(r.Context())
	if err != nil {
		return nil, false, err
	}
	if !on {
		return everyone, false, nil
	}
	sent := r.Header["Authorization"]
	switch {
	case len(sent) == 0:
		if who = a.byCertificate(r); who == nil {
			if who, err = a.bySession(r); err != nil {
				return nil, false, err
			}
		}
		if who == nil && a.config.Access.AnonymousRead {
			who = visitor
		}
		return who, false, nil
	case len(sent) > 1 || len(sent[0]) > MaxCredentialBytes:
		return nil, true, nil
	}
	scheme, credentials, _ := strings.Cut(sent[0], " ")
	credentials = strings.TrimLeft(credentials, " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		who, err = a.byPassword(r.Context(), credentials)
	case strings.EqualFold(scheme, "Bearer"):
		who, err = a.byToken(r.Context(), credentials)
	}
	return who, who == nil, err
}

// byPassword reads name:password, where the password may be an API key of that user. Source: RFC 7617.
func (a *API) byPassword(ctx context.Context, credentials string) (*Caller, error) {
	decoded, err := base64.StdEncoding.DecodeString(credentials)
	if err != nil {
		return nil, nil
	}
	name, password, ok := strings.Cut(string(decoded), ":")
	if !ok {
		return nil, nil
	}
	if a.config.Access.Keys && strings.HasPrefix(password, catalog.TokenPrefix) {
		who, err := a.byKey(ctx, password)
		if who != nil && who.User != name {
			who = nil
		}
		return who, err
	}
	if a.config.Access.Users == nil {
		return nil, nil
	}
	return a.passwords.verify(ctx, a.config.Access.Users(), name, password)
}

// byToken reads an API key, or a token of the identity provider. Source: RFC 6750.
func (a *API) byToken(ctx context.Context, credentials string) (*Caller, error) {
	c := &a.config.Access
	if strings.HasPrefix(credentials, catalog.TokenPrefix) {
		if !c.Keys {
			return nil, nil
		}
		return a.byKey(ctx, credentials)
	}
	if c.OIDC == nil {
		return nil, nil
	}
	claims, _, err := c.OIDC.claims(ctx, credentials, c.OIDC.config.Audience)
	return a.byClaims(c.OIDC, claims, err)
}

// byClaims finds the caller that a token speaks of; err is what became of it.
func (a *API) byClaims(o *OIDC, claims map[string]any, err error) (*Caller, error) {
	if errors.Is(err, errIssuer) {
		a.log.Error("tokens cannot be verified", "err", err)
		return nil, &fault{code: codeStore, message: "The identity provider cannot be asked"}
	}
	var user string
	var groups []string
	if err == nil {
		user, groups, err = o.identity(claims)
	}
	if err != nil {
		a.log.Debug("a token was not accepted", "err", err)
		return nil, nil
	}
	var grants []catalog.Grant
	if users := a.config.Access.Users; users != nil {
		grants = users().ofGroups(groups)
	}
	return NewCaller(user, grants), nil
}

// byKey finds the caller of an API key.
func (a *API) byKey(ctx context.Context, secret string) (*Caller, error) {
	t, err := a.registry.TokenOf(ctx, secret)
	if errors.Is(err, catalog.TokenNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return NewCaller(t.User, t.Grants), nil
}

// byCertificate finds the caller of a verified client certificate: the first of its common name, DNS names, mail
// addresses, URIs and whole subject that the users file knows. One that it does not know has a name and no grants.
func (a *API) byCertificate(r *http.Request) *Caller {
	if !a.config.Access.Certificates || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	names := namesOf(r.TLS.PeerCertificates[0])
	if a.config.Access.Users != nil {
		users := a.config.Access.Users()
		for _, name := range names {
			if who := users.named(name); who != nil {
				return who
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return NewCaller(cut(names[0], catalog.MaxUserBytes), nil)
}

func namesOf(cert *x509.Certificate) []string {
	var names []string
	add := func(name string) {
		if name != "" {
			names = append(names, name)
		}
	}
	add(cert.Subject.CommonName)
	for _, list := range [][]string{cert.DNSNames, cert.EmailAddresses} {
		for _, name := range list {
			add(name)
		}
	}
	for _, u := range cert.URIs {
		add(u.String())
	}
	add(cert.Subject.String())
	return names
}

// admitCaller finds out who asks for a route, and refuses who must sign in for it first. Requests that change something
// and come from a page of another origin are refused, unless they carry a token, which no browser adds by itself.
func (a *API) admitCaller(r *http.Request, need reach, header http.Header) (*Caller, *fault) {
	if need == reachNothing {
		return everyone, nil
	}
	if !bearer(r) {
		if err := a.origins.Check(r); err != nil {
			return nil, &fault{code: http.StatusForbidden, message: "Forbidden: the request comes from a page of another origin"}
		}
	}
	who, bad, err := a.identify(r)
	switch {
	case err != nil:
		return nil, a.signInFault(r.Context(), err)
	case who == nil:
		a.challenge(header, bad)
		return nil, &fault{code: http.StatusUnauthorized, message: "Unauthorized"}
	}
	return who, nil
}

// signInFault is what a client reads when nobody could tell who it is.
func (a *API) signInFault(ctx context.Context, err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if ctx.Err() == nil {
		a.log.Error("nobody could tell who asks", "err", err)
	}
	return &fault{code: codeStore, message: "Error in the backend data store"}
}

func bearer(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer")
}

// challenge says how to sign in. Source: RFC 9110, section 11.6.1; RFC 6750, section 3.
func (a *API) challenge(header http.Header, bad bool) {
	c := &a.config.Access
	if c.Users != nil || c.Keys {
		header.Add("WWW-Authenticate", `Basic realm="accord", charset="UTF-8"`)
	}
	if c.Keys || c.OIDC != nil {
		more := ""
		if bad {
			more = `, error="invalid_token"`
		}
		header.Add("WWW-Authenticate", `Bearer realm="accord"`+more)
	}
	header.Set("Cache-Control", "no-store")
}

// Admit is the door of whoever serves pages beside the API: it finds out who asks and returns the context that CallerOf
// reads. A status other than 0 refuses the request, with what to tell; headers of the answer are set, and ctx is nil if nobody
// knows who asks.
func (a *API) Admit(w http.ResponseWriter, r *http.Request) (ctx context.Context, status int, message string) {
	who, f := a.admitCaller(r, reachSome, w.Header())
	if f == nil && !who.has(catalog.Reader) {
		f = &fault{code: http.StatusForbidden, message: "Forbidden: this needs a grant of role " + catalog.Reader.String()}
	}
	if who != nil {
		ctx = context.WithValue(r.Context(), callerKey{}, who)
		if who != everyone {
			ctx = catalog.WithPermit(ctx, who.May)
		}
	}
	if f != nil {
		f.native = true
		return ctx, f.GetStatus(), f.message
	}
	return ctx, 0, ""
}
