package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/accordhq/accord/catalog"
)

// tokenBody is an API key without its secret.
type tokenBody struct {
	ID      string      `json:"id" example:"k3jd82mfa1"`
	User    string      `json:"user" example:"ci"`
	Grants  []grantBody `json:"grants"`
	At      string      `json:"at" doc:"RFC 3339" example:"2026-01-02T15:04:05Z"`
	By      string      `json:"by,omitempty"`
	Expires string      `json:"expires,omitempty" doc:"Absent: never."`
	Revoked string      `json:"revoked,omitempty" doc:"Absent: it is not."`
	Used    string      `json:"used,omitempty" doc:"Last, to within a minute or so; absent: never."`
}

func tokenOf(t catalog.Token) tokenBody {
	b := tokenBody{ID: t.ID, User: t.User, Grants: grantsOf(t.Grants), At: timeText(t.At), By: t.By}
	for _, m := range []struct {
		at   time.Time
		into *string
	}{{t.Expires, &b.Expires}, {t.Revoked, &b.Revoked}, {t.Used, &b.Used}} {
		if !m.at.IsZero() {
			*m.into = timeText(m.at)
		}
	}
	return b
}

// newToken is a token with its secret, which is shown here and never again.
type newToken struct {
	tokenBody
	Secret string `json:"secret" doc:"Shown once; the registry keeps its SHA-256 alone." example:"accord_…"`
}

// tokenRequest asks for a token.
type tokenRequest struct {
	User    string          `json:"user" doc:"Whom it stands for, in the audit." example:"ci"`
	Grants  []catalog.Grant `json:"grants" doc:"No more than the caller's own as admin."`
	Expires string          `json:"expires,omitempty" doc:"RFC 3339; absent: never."`
}

// tokenList is a page of tokens.
type tokenList struct {
	Tokens []tokenBody `json:"tokens"`
	Next   string      `json:"next,omitempty" doc:"Give it as after to read on; absent: this was the last page."`
}

type tokensInput struct {
	After string `query:"after" doc:"Read on behind this ID: next of the page before" example:"k3jd82mfa1"`
	Limit number `query:"limit" doc:"At most so many, 1000 at most and if absent" example:"100"`
}

type tokenInput struct {
	ID string `path:"id" doc:"ID of the token" example:"k3jd82mfa1"`
}

const exampleToken = `{"id":"k3jd82mfa1","user":"ci","grants":[{"role":"developer","context":".","subjects":"orders.*","topics":""}],"at":"2026-01-02T15:04:05Z","by":"ada"`

// nativeTokens serves /v1/tokens.
func (a *API) nativeTokens() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/tokens", id: "listTokens", needs: somewhere(catalog.Admin), tag: tagProcess, summary: "List API keys",
		about: "Those whose grants are the caller's to give, whatever became of them.", answer: `{"tokens":[` + exampleToken + `}]}`,
	}, a.listTokens)
	add(a, route{
		native: true, method: http.MethodPost, path: "/v1/tokens", id: "createToken", needs: somewhere(catalog.Admin), tag: tagProcess, summary: "Make an API key",
		about:   "The secret is in the answer and cannot be had again. The first key is made by accord token create, on the store itself; from then on everybody must sign in.",
		request: `{"user":"ci","grants":[{"role":"developer","context":".","subjects":"orders.*","topics":""}],"expires":"2027-01-02T15:04:05Z"}`,
		answer:  exampleToken + `,"secret":"accord_…"}`, codes: []int{422},
	}, a.createToken)
	add(a, route{
		native: true, method: http.MethodDelete, path: "/v1/tokens/{id}", id: "revokeToken", needs: somewhere(catalog.Admin), tag: tagProcess, summary: "Revoke an API key",
		codes: []int{404},
	}, a.revokeToken)
}

// mayGive says whether the caller, as admin, has all of what is given away.
func (c *Caller) mayGive(grants []catalog.Grant) bool {
	for _, g := range grants {
		if !slices.ContainsFunc(c.Grants, func(mine catalog.Grant) bool { return mine.Role == catalog.Admin && mine.Includes(g) }) {
			return false
		}
	}
	return true
}

func (a *API) listTokens(ctx context.Context, in *tokensInput, _ *none) (tokenList, error) {
	p, err := pageOf("", in.Limit, catalog.MaxPage)
	if err != nil {
		return tokenList{}, err
	}
	list := tokenList{Tokens: []tokenBody{}}
	for after := in.After; ; {
		tokens, err := a.registry.Tokens(ctx, after, 0)
		if err != nil {
			return tokenList{}, err
		}
		for _, t := range tokens {
			if after = t.ID; !CallerOf(ctx).mayGive(t.Grants) {
				continue
			}
			if list.Tokens = append(list.Tokens, tokenOf(t)); len(list.Tokens) == p.limit {
				list.Next = t.ID
				return list, nil
			}
		}
		if len(tokens) < catalog.MaxPage {
			return list, nil
		}
	}
}

func (a *API) createToken(ctx context.Context, _ *none, b *tokenRequest) (newToken, error) {
	var expires time.Time
	if b.Expires != "" {
		var err error
		if expires, err = time.Parse(time.RFC3339, b.Expires); err != nil {
			return newToken{}, &fault{code: 422, message: "expires is not a time as RFC 3339 writes it: " + cut(b.Expires, 64), pointer: "/expires"}
		}
	}
	if CallerOf(ctx) == everyone { // else anybody could lock everybody out
		return newToken{}, &fault{code: http.StatusForbidden, message: "Forbidden: nobody signs in here yet; make the first key with accord token create, on the store itself"}
	}
	if !CallerOf(ctx).mayGive(b.Grants) {
		return newToken{}, &fault{code: http.StatusForbidden, message: "Forbidden: this needs a grant of role admin on all that is granted"}
	}
	secret, t, err := a.registry.CreateToken(ctx, b.User, b.Grants, expires)
	if err != nil {
		return newToken{}, err
	}
	callOf(ctx).header.Set("Cache-Control", "no-store")
	return newToken{tokenOf(t), secret}, nil
}

func (a *API) revokeToken(ctx context.Context, in *tokenInput, _ *none) (none, error) {
	if who := CallerOf(ctx); !who.all || !who.May(catalog.Admin, catalog.Name{Context: catalog.GlobalContext}) {
		t, err := a.registry.Tokens(ctx, before(in.ID), 1)
		if err != nil {
			return none{}, err
		}
		if len(t) == 0 || t[0].ID != in.ID || !who.mayGive(t[0].Grants) {
			return none{}, &catalog.Error{Reason: catalog.TokenNotFound}
		}
	}
	return none{}, a.registry.RevokeToken(ctx, in.ID)
}

// before is a text that sorts right before another, as far as IDs go.
func before(id string) string {
	if id == "" {
		return ""
	}
	return id[:len(id)-1] + string(id[len(id)-1]-1) + "~"
}
