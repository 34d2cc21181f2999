package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
	callerGrace   = 5 * time.Minute // how long it holds beyond that while the registry is away
	callerTimeout = 5 * time.Second
	maxCallerSize = 1 << 20
)

// callers asks the registry who sends a request over HTTP and which topics that user may produce to: the gate keeps no
// users. Where nobody signs in at the registry, everybody may; that is remembered in the cache folder, so that a gate that
// starts while such a registry is away does its work. Safe for concurrent use.
type callers struct {
	registry *remote
	open     string // file that is there while nobody has to sign in; "" = nothing is remembered

	mu    sync.Mutex
	known map[[sha256.Size]byte]*caller // by the Authorization header; guarded by mu
}

// caller is what the registry said.
type caller struct {
	proxy.Identity
	err   error // nil: the registry knows who it is
	said  time.Time
	until time.Time
	// everything: nobody has to sign in.
	everything bool
}

func newCallers(registry, cacheDir string) (*callers, error) {
	at, err := newRemote("registry", registry)
	if err != nil {
		return nil, err
	}
	at.http.Timeout = callerTimeout
	c := &callers{registry: at, known: map[[sha256.Size]byte]*caller{}}
	if cacheDir != "" {
		sum := sha256.Sum256([]byte(at.base))
		c.open = filepath.Join(cacheDir, hex.EncodeToString(sum[:8])+".open")
	}
	return c, nil
}

// identify is proxy.Config.Authenticate.
func (c *callers) identify(r *http.Request) (proxy.Identity, error) {
	sent := strings.Join(r.Header.Values("Authorization"), "\n")
	sum := sha256.Sum256([]byte(sent))
	c.mu.Lock()
	who := c.known[sum]
	c.mu.Unlock()
	if who == nil || time.Now().After(who.until) {
		fresh, err := c.ask(r.Context(), r.Header.Values("Authorization"))
		if err != nil {
			if fresh = c.heldOver(who, sent == ""); fresh == nil {
				return proxy.Identity{}, err
			}
		} else if sent == "" {
			c.remember(fresh)
		}
		who = fresh
		c.mu.Lock()
		if len(c.known) >= maxCallers {
			clear(c.known)
		}
		c.known[sum] = who
		c.mu.Unlock()
	}
	return who.Identity, who.err
}

// heldOver is what was known of a caller before the registry went away, for a few seconds until it is asked again; nil if that
// is nothing, or too long ago.
func (c *callers) heldOver(was *caller, anonymous bool) *caller {
	again := time.Now().Add(callerRefused)
	switch {
	case was != nil && (was.everything || time.Since(was.said) < callerGrace):
		held := *was
		held.until = again
		return &held
	case was == nil && anonymous && c.open != "":
		if _, err := os.Stat(c.open); err == nil {
			return &caller{until: again, everything: true}
		}
	}
	return nil
}

// remember keeps whether those who do not sign in may do everything. A folder that cannot be written changes nothing now.
func (c *callers) remember(anonymous *caller) {
	switch {
	case c.open == "":
	case anonymous.everything:
		_ = os.WriteFile(c.open, nil, 0o600)
	default:
		_ = os.Remove(c.open)
	}
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
		return &caller{err: errors.New("sign in as at the registry"), said: time.Now(), until: time.Now().Add(callerRefused)}, nil
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
	who := &caller{said: time.Now(), until: time.Now().Add(callerKept)}
	if me.User != "anonymous" {
		who.Principal = "User:" + me.User
	}
	var granted []topicGrant
	for _, g := range me.Grants {
		var role catalog.Role
		if role.UnmarshalText([]byte(g.Role)) == nil {
			granted = append(granted, topicGrant{role, g.Topics})
			who.everything = who.everything || me.User == "anonymous" && role == catalog.Admin && g.Topics == "*"
		}
	}
	who.MayProduce, who.MayRead, who.MayOperate = over(granted, catalog.Producer), over(granted, catalog.Reader), over(granted, catalog.Operator)
	return who, nil
}

// topicGrant is a role over topics.
type topicGrant struct {
	role   catalog.Role
	topics string
}

// over says over which topics somebody has at least a role.
func over(granted []topicGrant, least catalog.Role) func(topic string) bool {
	return func(topic string) bool {
		return slices.ContainsFunc(granted, func(g topicGrant) bool { return g.role >= least && catalog.Match(g.topics, topic) })
	}
}

// required says whether the registry asks those who do not sign in to do so.
func (c *callers) required(ctx context.Context) bool {
	who, err := c.ask(ctx, nil)
	return err == nil && who.err != nil
}
