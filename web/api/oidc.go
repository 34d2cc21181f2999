package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Limits of sign-in by an identity provider.
const (
	MaxJWTBytes      = 16 << 10
	MaxIssuerAnswer  = 1 << 20
	ClockSkew        = 60 * time.Second // between the provider's clock and ours
	IssuerTimeout    = 5 * time.Second
	IssuerRefresh    = time.Second      // the provider is asked for its keys at most so often
	IssuerRediscover = 10 * time.Second // and for its description, while that cannot be read
)

// OIDCConfig names an identity provider whose tokens are accepted. Source: OpenID Connect Discovery 1.0.
type OIDCConfig struct {
	Issuer     string // URL; required
	Audience   string // that tokens must be for; required
	UserClaim  string // "" = sub
	GroupClaim string // "" = groups; its values are looked up among the groups of the users file
	// Transport is how the provider is reached; nil = http.DefaultTransport.
	Transport http.RoundTripper
	Now       func() time.Time // nil = time.Now
}

// OIDC verifies the tokens of an identity provider. It learns the provider's keys when it first needs them, and anew
// when a token is signed with a key that it does not know. Safe for concurrent use.
type OIDC struct {
	config OIDCConfig
	client *http.Client

	mu       sync.Mutex
	provider *oidc.Provider // guarded by mu; nil: not discovered yet
	tried    time.Time      // guarded by mu
	fault    error          // of the last try; guarded by mu
}

// NewOIDC checks the settings; the provider is not asked yet.
func NewOIDC(c OIDCConfig) (*OIDC, error) {
	if c.Issuer == "" || c.Audience == "" {
		return nil, errors.New("sign-in by an identity provider needs its issuer and the audience that tokens are for")
	}
	if c.UserClaim == "" {
		c.UserClaim = "sub"
	}
	if c.GroupClaim == "" {
		c.GroupClaim = "groups"
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &OIDC{config: c, client: &http.Client{Timeout: IssuerTimeout, Transport: &calm{next: c.Transport, answers: map[string]calmAnswer{}}}}, nil
}

// errIssuer says that the identity provider could not be asked: nobody can tell whether the token is good.
var errIssuer = errors.New("the identity provider cannot be reached")

// discoveredProvider returns what the provider says about itself, for which it is asked if need be.
func (o *OIDC) discoveredProvider() (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	if o.fault != nil && time.Since(o.tried) < IssuerRediscover {
		return nil, o.fault
	}
	o.tried = time.Now()
	// The provider keeps this context for as long as it fetches keys.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), o.client), o.config.Issuer)
	if err != nil {
		o.fault = fmt.Errorf("%w: %w", errIssuer, err)
		return nil, o.fault
	}
	o.fault, o.provider = nil, provider
	return o.provider, nil
}

// claims returns what a token for an audience says, and until when. The error says
// why not, for the log; it is errIssuer where nobody can tell.
func (o *OIDC) claims(ctx context.Context, raw, audience string) (claims map[string]any, until time.Time, err error) {
	if len(raw) > MaxJWTBytes {
		return nil, until, errors.New("longer than MaxJWTBytes")
	}
	provider, err := o.discoveredProvider()
	if err != nil {
		return nil, until, err
	}
	// We allow for ClockSkew ourselves.
	token, err := provider.Verifier(&oidc.Config{ClientID: audience, SkipExpiryCheck: true}).Verify(ctx, raw)
	if err != nil {
		return nil, until, err
	}
	if err := token.Claims(&claims); err != nil {
		return nil, until, err
	}
	now := o.config.Now()
	if !now.Before(token.Expiry.Add(ClockSkew)) {
		return nil, until, errors.New("expired")
	}
	if from, ok := claims["nbf"].(float64); ok && now.Add(ClockSkew).Before(time.Unix(int64(from), 0)) {
		return nil, until, errors.New("not valid yet")
	}
	return claims, token.Expiry, nil
}

// identity is who a token speaks of.
func (o *OIDC) identity(claims map[string]any) (user string, groups []string, err error) {
	if user, _ = claims[o.config.UserClaim].(string); user == "" {
		return "", nil, fmt.Errorf("no claim %q", o.config.UserClaim)
	}
	switch of := claims[o.config.GroupClaim].(type) {
	case string:
		groups = []string{of}
	case []any:
		for _, g := range of {
			if name, ok := g.(string); ok {
				groups = append(groups, name)
			}
		}
	}
	return user, groups, nil
}

// calm asks for the same address at most once in IssuerRefresh, and gives everybody else the answer it has: tokens with
// made-up keys must not become requests to the provider.
type calm struct {
	next http.RoundTripper

	mu      sync.Mutex
	answers map[string]calmAnswer // by URL, of which there are two; guarded by mu
}

type calmAnswer struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
	err    error
}

// RoundTrip satisfies http.RoundTripper.
func (c *calm) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	address := r.URL.String()
	known, ok := c.answers[address]
	if !ok || time.Since(known.at) >= IssuerRefresh {
		known = c.ask(r)
		if len(c.answers) > 16 { // a provider that moves about
			clear(c.answers)
		}
		c.answers[address] = known
	}
	if known.err != nil {
		return nil, known.err
	}
	return &http.Response{
		Status: http.StatusText(known.status), StatusCode: known.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: known.header.Clone(), Body: io.NopCloser(bytes.NewReader(known.body)), ContentLength: int64(len(known.body)), Request: r,
	}, nil
}

func (c *calm) ask(r *http.Request) calmAnswer {
	a := calmAnswer{}
	res, err := c.next.RoundTrip(r)
	a.at = time.Now()
	if err != nil {
		a.err = err
		return a
	}
	defer res.Body.Close()
	a.status, a.header = res.StatusCode, res.Header
	a.body, a.err = io.ReadAll(io.LimitReader(res.Body, MaxIssuerAnswer))
	return a
}
