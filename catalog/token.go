package catalog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// TokenPrefix is what every API key begins with, so that scanners for leaked secrets find it.
const TokenPrefix = "accord_"

// Limits of tokens.
const (
	MaxTokenGrants = 100
	MaxUserBytes   = 256
)

// A Token is an API key as it is kept: without the secret, of which only the SHA-256 is known.
type Token struct {
	ID      string    `json:"id"` // names it, tells nothing
	Hash    string    `json:"-"`  // of the secret: hex of SHA-256
	User    string    `json:"user"`
	Grants  []Grant   `json:"grants"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
	Expires time.Time `json:"expires,omitzero"` // zero = never
	Revoked time.Time `json:"revoked,omitzero"` // zero = not
	Used    time.Time `json:"used,omitzero"`    // last, to within a minute or so; zero = never
}

// Valid says whether the token is accepted at a time.
func (t Token) Valid(now time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
}

// Tokens keeps API keys. A revoked token is kept: that it was there is part of the history.
type Tokens interface {
	// AddToken keeps a new token under its ID and Hash, with the time and author of the change; ErrConflict if either
	// is there.
	AddToken(ctx context.Context, t Token) (Rev, error)
	// RevokeToken marks a token as revoked; TokenNotFound if none has the ID or it is revoked already.
	RevokeToken(ctx context.Context, id string) (Rev, error)
	// Token reads the token of a hash, in whatever state; TokenNotFound.
	Token(ctx context.Context, hash string) (Token, error)
	// ListTokens reads at most limit tokens with an ID after another, by ID, in whatever state.
	ListTokens(ctx context.Context, after string, limit int) ([]Token, error)
	// UseTokens notes when tokens were last used, by ID. It is no change and moves no time backwards.
	UseTokens(ctx context.Context, used map[string]time.Time) error
}

// HashToken is what is kept of a secret.
func HashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// CreateToken makes a token for a user with grants and returns it with its secret, which is not kept and cannot be
// had again. expires is zero for never.
func (r *Registry) CreateToken(ctx context.Context, user string, grants []Grant, expires time.Time) (secret string, t Token, err error) {
	if err := checkToken(user, grants); err != nil {
		return "", t, &Error{Reason: InvalidToken, Detail: err.Error()}
	}
	secret = TokenPrefix + strings.ToLower(rand.Text())
	t = Token{ID: strings.ToLower(rand.Text()[:10]), Hash: HashToken(secret), User: user, Grants: grants, Expires: expires.UTC().Truncate(time.Second)}
	if expires.IsZero() {
		t.Expires = time.Time{}
	}
	rev, err := r.store.AddToken(ctx, t)
	if err != nil {
		return "", t, err
	}
	t.At, t.By = time.Now().UTC(), AuthorOf(ctx).By
	r.hear(rev)
	r.tokensChanged()
	return secret, t, nil
}

func checkToken(user string, grants []Grant) error {
	switch {
	case user == "" || len(user) > MaxUserBytes:
		return fmt.Errorf("a user has a name of at most %d bytes", MaxUserBytes)
	case len(grants) == 0 || len(grants) > MaxTokenGrants:
		return fmt.Errorf("a token has 1 to %d grants", MaxTokenGrants)
	}
	for _, g := range grants {
		if err := g.Check(); err != nil {
			return err
		}
	}
	return nil
}

// RevokeToken makes a token worthless, at once here and wherever changes are heard. TokenNotFound.
func (r *Registry) RevokeToken(ctx context.Context, id string) error {
	rev, err := r.store.RevokeToken(ctx, id)
	if err == nil {
		r.hear(rev)
		r.tokensChanged()
	}
	return err
}

// Tokens lists tokens by ID, at most limit (0 = MaxPage), after an ID.
func (r *Registry) Tokens(ctx context.Context, after string, limit int) ([]Token, error) {
	return r.store.ListTokens(ctx, after, pageLimit(limit))
}

// How long what is known of a token holds while the store cannot be asked: a database that restarts keeps nobody from
// reading, and a revocation is late by no more than that.
const tokenGrace = 5 * time.Minute

// heldToken is a token in memory.
type heldToken struct {
	Token
	confirmed time.Time // it was as it stands in the store
	asked     time.Time // the store was asked, be it in vain
}

// TokenOf finds the valid token of a secret; TokenNotFound if there is none, or it has expired or was revoked. While
// the registry listens a token is read from the store once; else every askEvery, and while the store does not answer
// what was known before holds for tokenGrace.
func (r *Registry) TokenOf(ctx context.Context, secret string) (Token, error) {
	hash, now := HashToken(secret), time.Now()
	held, known := r.tokens.get(hash)
	switch listening := r.current(ctx); {
	case known && listening:
		if now.Sub(held.confirmed) > noteEvery {
			r.tokens.put(hash, &heldToken{held.Token, now, now}, 1)
			if !r.current(ctx) {
				r.tokens.drop(hash)
			}
		}
	case known && now.Sub(held.asked) < askEvery && now.Sub(held.confirmed) < tokenGrace:
	default:
		var err error
		if held, err = r.askToken(ctx, hash, held); err != nil {
			return Token{}, err
		}
	}
	if !held.Valid(now) {
		return Token{}, &Error{Reason: TokenNotFound}
	}
	r.used.note(held.ID, now)
	return held.Token, nil
}

// askToken reads a token from the store and keeps it; was is what was known of it, nil for nothing.
func (r *Registry) askToken(ctx context.Context, hash string, was *heldToken) (*heldToken, error) {
	asking, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	now, applied := time.Now(), r.appliedRev()
	t, err := r.store.Token(asking, hash)
	switch {
	case err == nil:
		held := &heldToken{t, now, now}
		r.tokens.put(hash, held, 1)
		if r.appliedRev() != applied { // what was applied since may be its revocation
			r.tokens.drop(hash)
		}
		return held, nil
	case errors.Is(err, TokenNotFound):
		r.tokens.drop(hash)
	case was != nil && ctx.Err() == nil && now.Sub(was.confirmed) < tokenGrace:
		held := &heldToken{was.Token, was.confirmed, time.Now()}
		r.tokens.put(hash, held, 1)
		return held, nil
	}
	return nil, err
}

// appliedRev is the revision that the caches have taken in.
func (r *Registry) appliedRev() Rev {
	r.hearing.mu.Lock()
	defer r.hearing.mu.Unlock()
	return r.hearing.applied
}

// keys is what is known of whether a token was ever made.
type keys struct {
	there   atomic.Bool   // once true it stays
	none    atomic.Bool   // there was none, and no change that was heard of may have made one since
	changes atomic.Uint64 // that may have made one

	mu     sync.Mutex
	asking chan struct{} // guarded by mu, as all below: closed when the store has been asked; nil = nobody asks
	asked  time.Time     // when last, be it in vain
	known  bool          // the store has answered once
	err    error         // of the last time
}

// tokensPatience is how long a caller waits for a store that is slow to say whether there are tokens, when there were none.
const tokensPatience = 250 * time.Millisecond

// TokensThere says whether a token was ever made, be it revoked or expired since: from then on somebody who does not
// sign in is nobody. While the store does not answer, what was known before holds, and nobody waits for longer than
// tokensPatience; the error says that nothing was known.
func (r *Registry) TokensThere(ctx context.Context) (bool, error) {
	k := &r.keys
	if k.there.Load() || k.none.Load() && r.current(ctx) {
		return k.there.Load(), nil
	}
	k.mu.Lock()
	known, asking := k.known, k.asking
	if asking == nil {
		if known && time.Since(k.asked) < askEvery && (k.none.Load() || k.err != nil) {
			k.mu.Unlock()
			return k.there.Load(), nil
		}
		asking = make(chan struct{})
		k.asking = asking
		go r.askForTokens(context.WithoutCancel(ctx))
	}
	k.mu.Unlock()
	var patience <-chan time.Time
	if known {
		patience = time.After(tokensPatience)
	}
	select {
	case <-asking:
	case <-patience:
	case <-ctx.Done():
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.known:
		return k.there.Load(), nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	default:
		return false, k.err
	}
}

// askForTokens asks the store whether there is a token.
func (r *Registry) askForTokens(ctx context.Context) {
	k := &r.keys
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	changes := k.changes.Load()
	some, err := r.store.ListTokens(ctx, "", 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil: // what was known holds
	case len(some) > 0:
		k.known = true
		k.there.Store(true)
	default:
		k.known = true
		k.none.Store(true)
		if k.changes.Load() != changes {
			k.none.Store(false)
		}
	}
	k.err, k.asked = err, time.Now()
	close(k.asking)
	k.asking = nil
}

// tokensChanged forgets what may have changed.
func (r *Registry) tokensChanged() {
	r.tokens.clear()
	r.keys.changes.Add(1)
	r.keys.none.Store(false)
}

// uses collects when tokens were used.
type uses struct {
	mu sync.Mutex
	at map[string]time.Time // by ID; guarded by mu
}

func (u *uses) note(id string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at == nil {
		u.at = map[string]time.Time{}
	}
	u.at[id] = now
}

// take hands over what was collected.
func (u *uses) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	at := u.at
	u.at = nil
	return at
}

// TokenAbout is what a row of the history says about a token.
func TokenAbout(t Token) json.RawMessage {
	about := struct {
		User    string    `json:"user"`
		Grants  []Grant   `json:"grants"`
		Expires time.Time `json:"expires,omitzero"`
	}{t.User, t.Grants, t.Expires}
	b, err := json.Marshal(about)
	if err != nil { // of strings and times
		panic(err)
	}
	return b
}

// noteEvery is how often the last use of tokens is written.
const noteEvery = time.Minute

// keepUses writes when tokens were last used, now and then and when ctx ends.
func (r *Registry) keepUses(ctx context.Context) {
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.writeUses(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			r.writeUses(last)
			return
		}
	}
}

func (r *Registry) writeUses(ctx context.Context) {
	used := r.used.take()
	if len(used) == 0 {
		return
	}
	if err := r.store.UseTokens(ctx, used); err != nil && !errors.Is(err, context.Canceled) {
		r.log.Warn("the last use of tokens was not written", "err", err)
	}
}
