package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Addresses that tools ask when no flag says otherwise.
const (
	defaultRegistry  = "http://127.0.0.1:8081"
	defaultProxyHTTP = "http://127.0.0.1:8082"
)

// Bounds of a tool's requests.
const (
	remoteTimeout   = 30 * time.Second
	maxRemoteAnswer = 64 << 20
)

// remote asks one of accord's HTTP listeners on behalf of a tool.
type remote struct {
	base string
	what string // "registry" or "proxy", for messages
	http *http.Client
	// What signs requests in: authorization, the header's value; else the user of the URL; else, at our own listeners
	// alone, token, and where that is nil the token of the verb's context.
	authorization string
	user          *url.Userinfo
	token         func() string
}

func newRemote(what, base string) (*remote, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, exit(exitUsage, fmt.Errorf("%s %q is not a URL such as %s", what, masked(base), defaultRegistry))
	}
	user := u.User
	u.User = nil // no message tells it
	return &remote{base: strings.TrimSuffix(u.String(), "/"), what: what, http: &http.Client{}, user: user}, nil
}

// remoteError is an answer other than 2xx.
type remoteError struct {
	Status  int
	Code    int // Confluent error code, the status where the answer has none
	Message string
	Body    []byte
}

func (e *remoteError) Error() string { return fmt.Sprintf("%s (error code %d)", e.Message, e.Code) }

// call sends one request and decodes a 2xx answer into out, unless that is nil. A server that cannot be reached is an
// error with exit status 3; an answer other than 2xx is a *remoteError.
func (r *remote) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	answer, err := r.send(ctx, method, path, "application/json", body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return exit(exitUnavailable, fmt.Errorf("%s %s at %s answered something else than this program knows: %w", method, path, r.base, err))
	}
	return nil
}

// send is call with the bytes as they are.
func (r *remote) send(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	res, err := r.stream(ctx, method, path, contentType, body)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	text, err := io.ReadAll(io.LimitReader(res, maxRemoteAnswer))
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("%s %s at %s broke off: %w", method, path, r.base, err))
	}
	return text, nil
}

// stream sends one request and returns the body of a 2xx answer, which the caller closes. It takes as long as ctx lets
// it.
func (r *remote) stream(ctx context.Context, method, path, contentType string, body io.Reader) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	r.sign(ctx, req)
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("Confluent-Accept-Unknown-Properties", "true")
	res, err := r.http.Do(req)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		return nil, exit(exitUnavailable, fmt.Errorf("the %s at %s cannot be reached: %w", r.what, r.base, errors.Unwrap(err)))
	}
	if res.StatusCode/100 == 2 {
		return res.Body, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxRemoteAnswer))
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("%s %s at %s broke off: %w", method, path, r.base, err))
	}
	fault := &remoteError{Status: res.StatusCode, Code: res.StatusCode, Message: res.Status, Body: text}
	var said struct {
		ErrorCode int    `json:"error_code"`
		Message   string `json:"message"`
		Detail    string `json:"detail"`
		Title     string `json:"title"`
	}
	if json.Unmarshal(text, &said) == nil {
		fault.Code = cmp.Or(said.ErrorCode, fault.Code)
		fault.Message = cmp.Or(said.Message, said.Detail, said.Title, fault.Message)
	}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		return nil, exit(exitUnavailable, fmt.Errorf("%s %s at %s: %w", method, path, r.base, fault))
	}
	return nil, fault
}

// sign says who asks.
func (r *remote) sign(ctx context.Context, req *http.Request) {
	token := r.token
	if token == nil {
		token = tokenOf(ctx)
	}
	switch {
	case r.authorization != "":
		req.Header.Set("Authorization", r.authorization)
	case r.user != nil:
		password, _ := r.user.Password()
		req.SetBasicAuth(r.user.Username(), password)
	case r.what == "registry" || r.what == "proxy": // nobody else is told who we are at these
		if secret := token(); secret != "" {
			req.Header.Set("Authorization", "Bearer "+secret)
		}
	}
}

// notFound says whether an error is the answer 404.
func notFound(err error) bool {
	fault, ok := errors.AsType[*remoteError](err)
	return ok && fault.Status == http.StatusNotFound
}

// statusOf is the exit status that an error carries, exitFindings without one: the server was there and said no.
func statusOf(err error) int {
	if known, ok := errors.AsType[*exitError](err); ok {
		return known.status
	}
	return exitFindings
}
