package catalog

import (
	"context"
	"fmt"
	"strings"
)

// Role is what somebody may do; each role may do what the ones before it may.
type Role uint8

// The roles. NoRole may do nothing.
const (
	NoRole    Role = iota
	Reader         // read, check, validate, report what was observed
	Producer       // produce over HTTP
	Developer      // register, add a lens, soft-delete, undelete, configure
	Operator       // modes, force, import, permanent deletion, rollback; quarantine and dead letters
	Admin          // tokens; deletion of contexts
)

var roleNames = [...]string{"none", "reader", "producer", "developer", "operator", "admin"}

// Roles are all roles that can be granted, the least first.
func Roles() []Role { return []Role{Reader, Producer, Developer, Operator, Admin} }

// String returns the name of the role in lower case.
func (r Role) String() string { return roleNames[min(int(r), len(roleNames)-1)] }

// MarshalText prints the name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a role that can be granted.
func (r *Role) UnmarshalText(text []byte) error {
	for _, known := range Roles() {
		if known.String() == string(text) {
			*r = known
			return nil
		}
	}
	return fmt.Errorf("role is %q: want one of %s", text, strings.Join(roleNames[1:], ", "))
}

// A Grant gives a role over what its patterns cover. In a pattern * stands for any run of characters, everything else
// for itself; "" covers nothing, except that Context "" is the default context.
type Grant struct {
	Role     Role   `json:"role" yaml:"role"`
	Context  string `json:"context,omitempty" yaml:"context"`   // "." = the default context
	Subjects string `json:"subjects,omitempty" yaml:"subjects"` // subjects without context, and documents by name
	Topics   string `json:"topics,omitempty" yaml:"topics"`     // of produce over HTTP
}

// MaxPatternBytes bounds a pattern of a grant.
const MaxPatternBytes = MaxSubjectBytes

// Check says what is wrong with a grant.
func (g Grant) Check() error {
	if g.Role == NoRole || g.Role > Admin {
		return fmt.Errorf("a grant without role: want one of %s", strings.Join(roleNames[1:], ", "))
	}
	if len(g.Context) > MaxPatternBytes || len(g.Subjects) > MaxPatternBytes || len(g.Topics) > MaxPatternBytes {
		return fmt.Errorf("a pattern is longer than MaxPatternBytes (%d)", MaxPatternBytes)
	}
	if c := g.Context; c != "" && !strings.HasPrefix(c, ".") && !strings.HasPrefix(c, "*") {
		return fmt.Errorf("context is %q: want . for the default one, .name, or a pattern such as *", c)
	}
	if g.Subjects == "" && g.Topics == "" {
		return fmt.Errorf("a grant of %s without subjects and topics gives nothing", g.Role)
	}
	return nil
}

// Allows says whether the grant gives a role over a subject. A name without subject is a whole context.
func (g Grant) Allows(role Role, name Name) bool {
	if name.Subject == "" {
		return g.AllowsContext(role, name.Context)
	}
	return g.Role >= role && g.covers(name.Context) && Match(g.Subjects, name.Subject)
}

// AllowsContext says whether the grant gives a role over all subjects of a context; of GlobalContext: over everything.
func (g Grant) AllowsContext(role Role, context string) bool {
	if context == GlobalContext {
		return g.Role >= role && g.Context == "*" && g.Subjects == "*"
	}
	return g.Role >= role && g.Subjects == "*" && g.covers(context)
}

// Touches says whether the grant gives a role over anything in a context.
func (g Grant) Touches(role Role, context string) bool {
	return g.Role >= role && g.Subjects != "" && (context == GlobalContext || g.covers(context))
}

// covers says whether the context is the grant's.
func (g Grant) covers(context string) bool {
	return Match(Name{Context: g.Context}.ContextName(), Name{Context: context}.ContextName())
}

// Includes says whether whoever has this grant may also be given the other: an administrator gives away no more than
// he has. A pattern includes another if it covers the other's text, which itself has no more stars than that.
func (g Grant) Includes(o Grant) bool {
	return g.Role >= o.Role && Match(Name{Context: g.Context}.ContextName(), Name{Context: o.Context}.ContextName()) &&
		(o.Subjects == "" || Match(g.Subjects, o.Subjects)) && (o.Topics == "" || Match(g.Topics, o.Topics))
}

// Match says whether a pattern covers a text, in time linear in one times the other: * stands for any run of
// characters. An empty pattern covers nothing.
func Match(pattern, text string) bool {
	if pattern == "" {
		return false
	}
	star, from := -1, 0 // the last star, and where what it stands for begins to end
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// A Permit says whether whoever asks has a role over a subject.
type Permit func(role Role, name Name) bool

type permitKey struct{}

// WithPermit returns a context in which the registry asks p before a name leads to another subject than the one that
// was asked for: an alias and a reference to what may not be read are refused, a bare name is not looked for where it
// may not be read. Without a permit everything may be.
func WithPermit(ctx context.Context, p Permit) context.Context {
	return context.WithValue(ctx, permitKey{}, p)
}

func permitted(ctx context.Context, role Role, name Name) bool {
	p, ok := ctx.Value(permitKey{}).(Permit)
	return !ok || p(role, name)
}

// permit refuses where an alias leads, unless whoever asks has a role there. It names the alias alone.
func permit(ctx context.Context, role Role, alias, target Name) error {
	if alias == target || permitted(ctx, role, target) {
		return nil
	}
	return &Error{Reason: NotPermitted, Name: alias, Detail: role.String()}
}
