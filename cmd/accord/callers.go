package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/proxy"
)

// How long the registry's word about a caller is kept, and of how many.
const (
	callerKept    = time.Minute
	callerRefused = 5 * time.Second // where it said no
	maxCallers    = 10_000
	callerTimeout = 5 * time.Second
	maxCallerSize = 1 << 20
)

// callers asks the registry who sends a request over HTTP and which topics that user may produce to: the gate keeps no
// users. Where nobody signs in at the registry, everybody may. Safe for concurrent use.
type callers struct {
	registry *remote

	mu    sync.Mutex
	known map[[sha256.Size]byte]*caller // by the Authorization header; guarded by mu
}

// caller is what the registry said.
type caller struct {
	proxy.Identity
	err   error // nil: the registry knows who it is
	until time.Time
}

func newCallers(registry string) (*callers, error) {
	at, err := newRemote("registry", registry)
	if err != nil {
		return nil, err
	}
	at.http.Timeout = callerTimeout
	return &callers{registry: at, known: map[[sha256.Size]byte]*caller{}}, nil
}

// identify is proxy.Config.Authenticate.
func (c *callers) identify(r *http.Request) (proxy.Identity, error) {
	sent := strings.Join(r.Header.Values("Authorization"), "\n")
	sum := sha256.Sum256([]byte(sent))
	c.mu.Lock()
	who := c.known[sum]
	c.mu.Unlock()
	if who == nil || time.Now().After(who.until) {
		var err error
		if who, err = c.ask(r.Context(), r.Header.Values("Authorization")); err != nil {
			return proxy.Identity{}, err
		}
		c.mu.Lock()
		if len(c.known) >= maxCallers {
			clear(c.known)
		}
		c.known[sum] = who
		c.mu.Unlock()
	}
	return who.Identity, who.err
}

// ask asks the registry with the caller's own header. The error says that it could not be asked.
func (c *callers) ask(ctx context.Context, authorization []string) (*caller, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.registry.base+"/v1/me", http.NoBody)
	if err != nil {
		return nil, err
	}
	if len(authorization) > 0 {
		req.Header["Authorization"] = authorization
	}
	res, err := c.registry.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the registry cannot be asked who you are: %w", proxy.ErrUnknownCaller)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxCallerSize))
	if res.StatusCode == http.StatusUnauthorized {
		return &caller{err: errors.New("sign in as at the registry"), until: time.Now().Add(callerRefused)}, nil
	}
	var me struct {
		User   string `json:"user"`
		Grants []struct {
			Role, Topics string
		} `json:"grants"`
	}
	if err != nil || res.StatusCode != http.StatusOK || json.Unmarshal(text, &me) != nil {
		return nil, fmt.Errorf("the registry does not say who you are: %w", proxy.ErrUnknownCaller)
	}
	who := &caller{until: time.Now().Add(callerKept)}
	if me.User != "anonymous" {
		who.Principal = "User:" + me.User
	}
	var patterns []string
	for _, g := range me.Grants {
		var role catalog.Role
		if role.UnmarshalText([]byte(g.Role)) == nil && role >= catalog.Producer {
			patterns = append(patterns, g.Topics)
		}
	}
	who.MayProduce = func(topic string) bool {
		for _, p := range patterns {
			if catalog.Match(p, topic) {
				return true
			}
		}
		return false
	}
	return who, nil
}

// required says whether the registry asks those who do not sign in to do so.
func (c *callers) required(ctx context.Context) bool {
	who, err := c.ask(ctx, nil)
	return err == nil && who.err != nil
}
