package api

import (
	"context"

	"github.com/accordhq/accord/catalog"
)

// CodeOf is the code of a reason, 0 if the map does not know it.
func CodeOf(r catalog.Reason) int { return reasons[r].code }

// NeedOf is what an operation declares: the role, over what, and by which parameters it is raised.
func NeedOf(a *API, id string) (role catalog.Role, over string, raises map[string]catalog.Role) {
	for _, rt := range a.declared {
		if rt.id == id {
			return rt.needs.role, [...]string{"", "nothing", "self", "subject", "context", "some"}[rt.needs.reach], rt.raises
		}
	}
	return 0, "", nil
}

// Declare declares a route that does nothing.
func Declare(path string, n int) {
	needs := []need{{}, {catalog.NoRole, reachSome}, on(catalog.Reader)}[n]
	(&API{routes: map[string]*route{}}).declare(route{method: "GET", path: path, needs: needs})
}

// WouldHash says whether a sign-in computes a hash.
func WouldHash(users *Users, name, password string) bool {
	p := newPasswords()
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.verify(ctx, users, name, password)
	return err != nil
}

// MaxHashing is how many hashes are computed at once, and wait.
func MaxHashing() (turns, waiting int) {
	p := newPasswords()
	return cap(p.turns), cap(p.waiting)
}
