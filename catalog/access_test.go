package catalog_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true},
		{"*", "orders.OrderPlaced", true},
		{"orders.*", "orders.OrderPlaced", true},
		{"orders.*", "orders", false},
		{"orders.*", "orders.", true},
		{"orders.*", "xorders.A", false},
		{"a", "a", true},
		{"a", "ab", false},
		{"", "", false},
		{"", "a", false},
		{"*-value", "t-value", true},
		{"*-value", "t-key", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXcYb", false},
		{"a**", "a", true},
		{"[a]", "a", false},
		{"a.c", "abc", false},
		{"A", "a", false},
	} {
		if got := catalog.Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%q, %q) = %t, want %t", c.pattern, c.text, got, c.want)
		}
	}
	if catalog.Match(strings.Repeat("*a", 500), strings.Repeat("a", 100_000)+"b") {
		t.Error("a pattern that ends in a matched what ends in b")
	}
}

func TestGrantAllows(t *testing.T) {
	team := catalog.Grant{Role: catalog.Developer, Context: ".", Subjects: "orders.*"}
	all := catalog.Grant{Role: catalog.Operator, Context: "*", Subjects: "*"}
	for _, c := range []struct {
		grant catalog.Grant
		role  catalog.Role
		name  catalog.Name
		want  bool
	}{
		{team, catalog.Reader, catalog.Name{Subject: "orders.A"}, true},
		{team, catalog.Developer, catalog.Name{Subject: "orders.A"}, true},
		{team, catalog.Operator, catalog.Name{Subject: "orders.A"}, false},
		{team, catalog.Reader, catalog.Name{Subject: "payments.A"}, false},
		{team, catalog.Reader, catalog.Name{Context: ".x", Subject: "orders.A"}, false},
		{team, catalog.Reader, catalog.Name{}, false},
		{all, catalog.Operator, catalog.Name{Context: ".x", Subject: "A"}, true},
		{all, catalog.Operator, catalog.Name{}, true},
		{all, catalog.Operator, catalog.Name{Context: catalog.GlobalContext}, true},
		{all, catalog.Admin, catalog.Name{}, false},
		{catalog.Grant{Role: catalog.Admin, Context: ".", Subjects: "*"}, catalog.Reader, catalog.Name{Context: catalog.GlobalContext}, false},
		{catalog.Grant{Role: catalog.Admin, Subjects: "*"}, catalog.Reader, catalog.Name{Subject: "a"}, true},
		{catalog.Grant{Role: catalog.Producer, Context: ".", Topics: "*"}, catalog.Reader, catalog.Name{Subject: "a"}, false},
		{catalog.Grant{}, catalog.NoRole, catalog.Name{Subject: "a"}, false},
	} {
		if got := c.grant.Allows(c.role, c.name); got != c.want {
			t.Errorf("%+v.Allows(%s, %q) = %t, want %t", c.grant, c.role, c.name, got, c.want)
		}
	}
}

func TestGrantIncludes(t *testing.T) {
	admin := catalog.Grant{Role: catalog.Admin, Context: ".", Subjects: "orders.*", Topics: "orders"}
	for _, c := range []struct {
		grant catalog.Grant
		want  bool
	}{
		{admin, true},
		{catalog.Grant{Role: catalog.Reader, Subjects: "orders.A"}, true},
		{catalog.Grant{Role: catalog.Reader, Subjects: "*"}, false},
		{catalog.Grant{Role: catalog.Reader, Context: "*", Subjects: "orders.A"}, false},
		{catalog.Grant{Role: catalog.Producer, Subjects: "orders.A", Topics: "orders*"}, false},
		{catalog.Grant{Role: catalog.Producer, Subjects: "orders.*", Topics: "orders"}, true},
	} {
		if got := admin.Includes(c.grant); got != c.want {
			t.Errorf("Includes(%+v) = %t, want %t", c.grant, got, c.want)
		}
	}
}

// TestTokens follows one key from its making to its end, with and without a registry that listens.
func TestTokens(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "accord.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, listens := range []bool{false, true} {
		r := catalog.New(store, catalog.Options{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		if listens {
			go func() { defer close(done); _ = r.Run(ctx) }()
			for !r.Status().Listening {
				runtime.Gosched()
			}
		} else {
			if there, err := r.TokensThere(ctx); err != nil || there {
				t.Fatalf("TokensThere before the first = %t, %v", there, err)
			}
			close(done)
		}
		grants := []catalog.Grant{{Role: catalog.Admin, Context: "*", Subjects: "*", Topics: "*"}}
		secret, token, err := r.CreateToken(ctx, "ada", grants, time.Time{})
		if err != nil || !strings.HasPrefix(secret, catalog.TokenPrefix) || len(secret) < 30 || strings.Contains(token.ID, secret) {
			t.Fatalf("CreateToken = %q, %+v, %v", secret, token, err)
		}
		if there, err := r.TokensThere(ctx); err != nil || !there {
			t.Errorf("TokensThere = %t, %v", there, err)
		}
		for range 3 {
			if got, err := r.TokenOf(ctx, secret); err != nil || got.ID != token.ID || got.User != "ada" {
				t.Fatalf("TokenOf = %+v, %v", got, err)
			}
		}
		if _, err := r.TokenOf(ctx, secret+"x"); !errors.Is(err, catalog.TokenNotFound) {
			t.Errorf("TokenOf another secret = %v", err)
		}
		late, _, err := r.CreateToken(ctx, "bob", grants, time.Now().Add(-time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.TokenOf(ctx, late); !errors.Is(err, catalog.TokenNotFound) {
			t.Errorf("TokenOf an expired one = %v", err)
		}
		if err := r.RevokeToken(ctx, token.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.TokenOf(ctx, secret); !errors.Is(err, catalog.TokenNotFound) {
			t.Errorf("TokenOf after revocation = %v", err)
		}
		if there, _ := r.TokensThere(ctx); !there {
			t.Error("with the last token revoked, nobody has to sign in")
		}
		for _, bad := range [][]catalog.Grant{nil, {{}}, {{Role: catalog.Reader}}, {{Role: catalog.Reader, Context: "x", Subjects: "*"}}} {
			if _, _, err := r.CreateToken(ctx, "ada", bad, time.Time{}); !errors.Is(err, catalog.InvalidToken) {
				t.Errorf("CreateToken(%+v) = %v", bad, err)
			}
		}
		stop()
		<-done
		if listens { // the last use is written when Run ends
			list, err := r.Tokens(t.Context(), "", 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range list {
				if k.ID == token.ID && k.Used.IsZero() {
					t.Error("the last use was not kept")
				}
			}
		}
	}
}
