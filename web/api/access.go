package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// A need is what a route asks of its caller; each route must say it.
type need struct {
	role  catalog.Role
	reach reach
}

// reach says over what the role must be had.
type reach uint8

const (
	reachUnsaid  reach = iota
	reachNothing       // no role is needed, nor to be known
	reachSelf          // no role is needed, but to be known
	reachSubject       // over the {subject} of the path; if that is a scope without subject, over the whole of it
	reachContext       // over the whole context of a /contexts/{context} prefix, or of the path's {context}
	reachSome          // over something; the operation itself shows and touches only what the caller's grants cover
)

// What routes need. anyone and whoever need no role: the one is answered without sign-in, the other to all who have
// signed in. on is a role over the subject of the path, across one over its whole context, and somewhere one over
// anything at all: such an operation must ask mayRead, or demand, about each thing that it shows or touches.
var (
	anyone  = need{reach: reachNothing}
	whoever = need{reach: reachSelf}
)

func on(role catalog.Role) need        { return need{role, reachSubject} }
func across(role catalog.Role) need    { return need{role, reachContext} }
func somewhere(role catalog.Role) need { return need{role, reachSome} }

// String says the need in the words of the reference, after "needs"; "" for none.
func (n need) String() string {
	switch n.reach {
	case reachNothing:
		return ""
	case reachSelf:
		return "to be signed in"
	case reachSubject:
		return "role " + n.role.String() + " on the subject"
	case reachContext:
		return "role " + n.role.String() + " on all subjects of the context"
	default:
		return "role " + n.role.String()
	}
}

// check panics on a declaration that lets everybody in by forgetfulness.
func (rt route) check() {
	at := rt.method + " " + rt.path
	switch {
	case rt.needs.reach == reachUnsaid:
		panic(at + " does not say what its caller needs: see needs of route")
	case rt.needs.reach > reachSelf && rt.needs.role == catalog.NoRole:
		panic(at + " needs no role")
	case rt.needs.reach == reachSubject && !strings.Contains(rt.path, "{subject}"):
		panic(at + " needs a role on a subject that its path does not name")
	}
}

// A Caller is who asks, and what he may do. It is not changed once made.
type Caller struct {
	User   string
	Grants []catalog.Grant
	// all is set if he may read everything, so that nothing has to be left out.
	all  bool
	view string // "" where all
}

// NewCaller returns a caller with grants.
func NewCaller(user string, grants []catalog.Grant) *Caller {
	c := &Caller{User: user, Grants: grants}
	c.all = c.May(catalog.Reader, catalog.Name{Context: catalog.GlobalContext})
	if !c.all {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q", grants))
		c.view = hex.EncodeToString(sum[:8])
	}
	return c
}

// May says whether the caller has a role over a subject; a name without subject is a whole context.
func (c *Caller) May(role catalog.Role, name catalog.Name) bool {
	for _, g := range c.Grants {
		if g.Allows(role, name) {
			return true
		}
	}
	return false
}

// MayRead says whether the caller may read a subject; of a name without subject: something of that context.
func (c *Caller) MayRead(name catalog.Name) bool {
	if c.all {
		return true
	}
	if name.Subject == "" {
		return c.touches(catalog.Reader, name.Context)
	}
	return c.May(catalog.Reader, name)
}

// ReadsAll says whether there is nothing that the caller may not read.
func (c *Caller) ReadsAll() bool { return c.all }

// View names what the caller sees: callers with the same see the same. "" is everything.
func (c *Caller) View() string { return c.view }

// MayTopic says whether the caller has a role over a topic.
func (c *Caller) MayTopic(role catalog.Role, topic string) bool {
	for _, g := range c.Grants {
		if g.Role >= role && catalog.Match(g.Topics, topic) {
			return true
		}
	}
	return false
}

// touches says whether the caller has a role over anything in a context.
func (c *Caller) touches(role catalog.Role, context string) bool {
	for _, g := range c.Grants {
		if g.Touches(role, context) {
			return true
		}
	}
	return false
}

// has says whether the caller has a role over anything at all.
func (c *Caller) has(role catalog.Role) bool {
	for _, g := range c.Grants {
		if g.Role >= role {
			return true
		}
	}
	return false
}

type callerKey struct{}

// CallerOf returns who asks in a request's context. Where nobody was asked to sign in, that is anonymous, who may do
// everything.
func CallerOf(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	if c := callOf(ctx); c != nil {
		return c.caller
	}
	return everyone
}

// mayRead says whether the caller of an operation may read a subject, or something of a context.
func mayRead(ctx context.Context, name catalog.Name) bool { return CallerOf(ctx).MayRead(name) }

// demand refuses unless the caller of an operation has a role over a subject, or over a whole context.
func demand(ctx context.Context, role catalog.Role, name catalog.Name) error {
	if CallerOf(ctx).May(role, name) {
		if c := callOf(ctx); c != nil {
			c.role = max(c.role, role)
		}
		return nil
	}
	return forbidden(role, name)
}

// forbidden says which grant is missing.
func forbidden(role catalog.Role, name catalog.Name) *fault {
	what := "subject '" + name.Subject + "' of context " + name.ContextName()
	switch {
	case name.Context == catalog.GlobalContext:
		what = "all subjects of all contexts"
	case name.Subject == "":
		what = "all subjects of context " + name.ContextName()
	}
	return &fault{code: http.StatusForbidden, message: "Forbidden: this needs a grant of role " + role.String() + " on " + what}
}

// authorize refuses a caller who lacks what the route needs, also by the parameters that ask for more.
func (rt *route) authorize(r *http.Request, c *call) *fault {
	role := rt.needs.role
	if len(rt.raises) > 0 && r.URL.RawQuery != "" {
		query := r.URL.Query()
		for name, raised := range rt.raises {
			if slices.ContainsFunc(query[name], isTrue) {
				role = max(role, raised)
			}
		}
	}
	c.role = role
	switch rt.needs.reach {
	case reachSubject, reachContext:
		name := catalog.Name{Context: c.context}
		if rt.needs.reach == reachSubject {
			var err error
			if name, err = nameIn(c.context, r.PathValue("subject")); err != nil {
				return nil // no operation does anything with a name that is none, but to say so
			}
		} else if in := r.PathValue("context"); in != "" {
			var err error
			if name.Context, err = contextOf(in); err != nil {
				return nil // nor with a context that is none
			}
		}
		// To read the policy of a context it is enough to read something of it.
		if c.caller.May(role, name) || role == catalog.Reader && name.Subject == "" && c.caller.MayRead(name) {
			return nil
		}
		return forbidden(role, name)
	case reachSome:
		if !c.caller.has(role) {
			return &fault{code: http.StatusForbidden, message: "Forbidden: this needs a grant of role " + role.String()}
		}
	}
	return nil
}
