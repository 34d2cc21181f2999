package upcast

import (
	"fmt"
	"slices"
	"strings"
)

// A pointer is a JSON Pointer (RFC 6901) relative to the scope of its op. It passes through objects only.
type pointer struct {
	text   string
	tokens []string
	quoted [][]byte // tokens as member names
}

// parsePointer reads a JSON Pointer; "" is the scope itself.
func parsePointer(s string) (pointer, error) {
	p := pointer{text: s}
	if s == "" {
		return p, nil
	}
	if s[0] != '/' {
		return p, fmt.Errorf("%.60q is not a JSON Pointer: it begins without /", s)
	}
	for token := range strings.SplitSeq(s[1:], "/") {
		plain := strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if escapeToken(plain) != token {
			return p, fmt.Errorf("%.60q is not a JSON Pointer: ~ must be ~0 or ~1", s)
		}
		p.tokens = append(p.tokens, plain)
		p.quoted = append(p.quoted, quote(nil, []byte(plain)))
	}
	return p, nil
}

// escapeToken is the reverse of what parsePointer does with a token.
func escapeToken(token string) string {
	if !strings.ContainsAny(token, "~/") {
		return token
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

func (p pointer) parent() string { return p.text[:max(0, strings.LastIndexByte(p.text, '/'))] }
func (p pointer) last() string   { return p.tokens[len(p.tokens)-1] }

// find returns the value that p leads to, with the object that holds it and its place there; nil if there is none,
// null on the way counting as none.
func (p pointer) find(scope *node) (value, holder *node, at int, err *UpcastError) {
	value = scope
	for _, token := range p.tokens {
		if value.kind == null {
			return nil, nil, 0, nil
		}
		if value.kind != object {
			return nil, nil, 0, p.fault("passes through a value of type %s", value.kind)
		}
		holder = value
		if at = holder.index(token); at < 0 {
			return nil, nil, 0, nil
		}
		value = holder.members[at].value
	}
	return value, holder, at, nil
}

// take removes the value that p leads to and returns it, nil if there is none. An object on the way that this leaves
// empty goes too, unless keepEmpty is set.
func (p pointer) take(scope *node, keepEmpty bool) (*node, *UpcastError) {
	value, holder, at, err := p.find(scope)
	if value == nil || err != nil {
		return nil, err
	}
	if holder == nil {
		return nil, p.fault("the scope itself cannot be taken away")
	}
	holder.members = slices.Delete(holder.members, at, at+1)
	for n := len(p.tokens) - 1; n > 0 && !keepEmpty && len(holder.members) == 0; n-- {
		up := pointer{text: p.text, tokens: p.tokens[:n]}
		_, holder, at, _ = up.find(scope)
		holder.members = slices.Delete(holder.members, at, at+1)
	}
	return value, nil
}

// put sets a member that must not be there yet, making the objects on the way.
func (p pointer) put(r *run, scope, value *node) *UpcastError {
	if len(p.tokens) == 0 {
		return p.fault("the target exists")
	}
	holder := scope
	for i, token := range p.tokens {
		if holder.kind != object {
			return p.fault("passes through a value of type %s", holder.kind)
		}
		at := holder.index(token)
		last := i == len(p.tokens)-1
		switch {
		case last && at >= 0:
			return p.fault("the target exists")
		case last:
			holder.members = append(holder.members, member{p.quoted[i], []byte(token), value})
		case at >= 0:
			holder = holder.members[at].value
		default:
			next := r.arena.node()
			next.kind = object
			holder.members = append(holder.members, member{p.quoted[i], []byte(token), next})
			holder = next
		}
	}
	return nil
}

// open says whether p's target may be set by an op that sets only what is absent: it does not exist, and nothing but
// objects stands on the way.
func (p pointer) open(scope *node) (bool, *UpcastError) {
	value := scope
	for _, token := range p.tokens {
		if value.kind == null {
			return false, nil
		}
		if value.kind != object {
			return false, p.fault("passes through a value of type %s", value.kind)
		}
		at := value.index(token)
		if at < 0 {
			return true, nil
		}
		value = value.members[at].value
	}
	return false, nil
}

// fault begins an error at p; who runs the op adds the rest.
func (p pointer) fault(format string, args ...any) *UpcastError {
	return &UpcastError{Pointer: p.text, Reason: fmt.Sprintf(format, args...)}
}
