package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/web/api"
)

// guarded starts an API that accepts keys, and more where change says so, and returns its address and registry.
func guarded(t testing.TB, change ...func(*api.Config)) (string, *catalog.Registry) {
	t.Helper()
	var registry *catalog.Registry
	address := serve(t, append([]func(*api.Config){func(c *api.Config) {
		registry = c.Registry
		c.Access.Keys = true
	}}, change...)...)
	return "http://" + address, registry
}

// key makes an API key.
func key(t testing.TB, r *catalog.Registry, user string, grants ...catalog.Grant) string {
	t.Helper()
	secret, _, err := r.CreateToken(t.Context(), user, grants, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// all is a grant over everything.
func all(role catalog.Role) catalog.Grant {
	return catalog.Grant{Role: role, Context: "*", Subjects: "*", Topics: "*"}
}

// signed sends a request with an Authorization header, "" for none.
func signed(t testing.TB, method, address, authorization, body string, header ...string) (status int, answer string, h http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// example is the address and body of an operation by its examples.
func example(o api.Operation) (path, body string) {
	path = o.Path
	for _, p := range o.Parameters {
		if p.In == "path" {
			path = strings.NewReplacer("{"+p.Name+"}", url.PathEscape(p.Example), "{"+p.Name+"...}", p.Example).Replace(path)
		}
	}
	if o.Body != nil {
		body = o.Body.Example
	}
	return path, body
}

// TestEveryRouteAsksForItsRole plays each declared operation as each role, with grants over everything, over the
// subject of the examples, and over another, and holds the door against the declaration.
func TestEveryRouteAsksForItsRole(t *testing.T) {
	_, registry := guarded(t)
	scopes := map[string]catalog.Grant{
		"everything": all(catalog.NoRole),
		"subject":    {Context: ".", Subjects: "orders.*"},
		"other":      {Context: ".", Subjects: "payments.*"},
	}
	keys := map[string]string{}
	for scope, grant := range scopes {
		for _, role := range catalog.Roles() {
			grant.Role = role
			keys[scope+role.String()] = "Bearer " + key(t, registry, scope+"-"+role.String(), grant)
		}
	}
	a := api.New(api.Config{Registry: registry, Access: api.Access{Keys: true}})
	door := httptest.NewServer(a.Handler())
	defer door.Close()
	address := door.URL
	played := 0
	for _, o := range a.Operations() {
		role, over, raises := api.NeedOf(a, o.ID)
		path, body := example(o)
		status, answer, h := signed(t, o.Method, address+path, "", body)
		if over == "nothing" {
			if status == 401 || status == 403 {
				t.Errorf("%s %s without sign-in = %d", o.Method, path, status)
			}
			continue
		}
		want := `{"error_code":401,"message":"Unauthorized"}`
		if o.Native {
			want = `{"title":"Unauthorized","status":401,"detail":"Unauthorized","error_code":401}`
		}
		if status != 401 || answer != want || len(h.Values("WWW-Authenticate")) != 2 {
			t.Errorf("%s %s without sign-in = %d %s %q, want %s", o.Method, path, status, answer, h.Values("WWW-Authenticate"), want)
		}
		questions := map[string]catalog.Role{"": role}
		for name, raised := range raises {
			questions["?"+name+"=True"] = raised
			questions["?"+name+"=false"] = role
		}
		for question, needed := range questions {
			for scope := range scopes {
				for _, has := range catalog.Roles() {
					status, answer, _ := signed(t, o.Method, address+path+question, keys[scope+has.String()], body)
					played++
					allowed, sure := has >= needed, true
					switch {
					case !allowed:
					case over == "subject":
						allowed = scope != "other"
					case over == "context":
						allowed = scope == "everything" || needed == catalog.Reader
					case over == "some" && scope != "everything":
						sure = false // the operation itself decides
					}
					if status == 401 || sure && (status != 403) != allowed {
						t.Errorf("%s %s as %s on %s = %d %.200s, want allowed: %t", o.Method, path+question, has, scope, status, answer, allowed)
					}
					if status == 403 && !strings.Contains(answer, "Forbidden: this needs a grant of role "+max(needed, catalog.Reader).String()) {
						t.Errorf("%s %s as %s on %s does not say what is missing: %s", o.Method, path+question, has, scope, answer)
					}
				}
			}
		}
	}
	if played < 900 {
		t.Errorf("%d requests were played", played)
	}
}

func TestDeclarationsMustSayWhatTheyNeed(t *testing.T) {
	for n, path := range []string{"/a", "/a", "/a/{other}"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("declaration %d was taken", n)
				}
			}()
			api.Declare(path, n)
		}()
	}
}

func bcryptOf(t testing.TB, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func argon2Of(password string) string {
	salt := []byte("saltsaltsalt")
	hash := argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(hash))
}

// users is a users file of two, one of each hash, and one who has none.
func users(t testing.TB) *api.Users {
	t.Helper()
	parsed, err := api.ParseUsers(fmt.Appendf(nil, `
users:
  ada:
    password: %q
    grants: [{role: admin, context: "*", subjects: "*", topics: "*"}]
  bob:
    password: %q
    grants:
      - {role: developer, context: ., subjects: "orders.*"}
      - {role: reader, context: ., subjects: "payments.*"}
  payments.example.com:
    grants: [{role: reader, context: ., subjects: "payments.*", topics: payments}]
groups:
  platform: [{role: operator, context: "*", subjects: "*"}]
`, bcryptOf(t, "pässword:1"), argon2Of("hunter2")))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// syncBuffer is a buffer for a log.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestSignIn: who is let in by what, that everybody else is told the same, and that no secret is told to anybody.
func TestSignIn(t *testing.T) {
	file := users(t)
	var log syncBuffer
	address, registry := guarded(t, func(c *api.Config) {
		c.Access.Users = func() *api.Users { return file }
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	good := key(t, registry, "ci", all(catalog.Reader))
	late, _, err := registry.CreateToken(t.Context(), "late", []catalog.Grant{all(catalog.Reader)}, time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	gone, token, err := registry.CreateToken(t.Context(), "gone", []catalog.Grant{all(catalog.Reader)}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := signed(t, "GET", address+"/subjects", "Bearer "+gone, ""); status != 200 {
		t.Fatalf("with a key that is to be revoked: %d", status)
	}
	if err := registry.RevokeToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, authorization, user string }{
		{"bcrypt", basic("ada", "pässword:1"), "ada"},
		{"bcrypt again", basic("ada", "pässword:1"), "ada"},
		{"argon2id", basic("bob", "hunter2"), "bob"},
		{"scheme in another case", strings.Replace(basic("bob", "hunter2"), "Basic", "bAsIc", 1), "bob"},
		{"key", "Bearer " + good, "ci"},
		{"key as password", basic("ci", good), "ci"},
		{"key as another's password", basic("ada", good), ""},
		{"wrong password", basic("ada", "hunter2"), ""},
		{"wrong password again", basic("ada", "hunter2"), ""},
		{"longer password", basic("bob", "hunter22"), ""},
		{"empty password", basic("ada", ""), ""},
		{"nobody's name", basic("eve", "hunter2"), ""},
		{"no name", basic("", ""), ""},
		{"no password in the file", basic("payments.example.com", ""), ""},
		{"the hash itself", basic("bob", argon2Of("hunter2")), ""},
		{"anonymous", basic("anonymous", ""), ""},
		{"expired key", "Bearer " + late, ""},
		{"revoked key", "Bearer " + gone, ""},
		{"revoked key as password", basic("gone", gone), ""},
		{"made-up key", "Bearer accord_aaaaaaaaaaaaaaaaaaaaaaaaaa", ""},
		{"shortened key", "Bearer " + good[:len(good)-1], ""},
		{"key without its scheme", good, ""},
		{"hash of a key", "Bearer " + catalog.HashToken(good), ""},
		{"a JWT, of nobody", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", ""},
		{"not base64", "Basic %%%", ""},
		{"no colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("ada")), ""},
		{"nothing behind the scheme", "Basic", ""},
		{"another scheme", "Digest username=ada", ""},
		{"too long", "Bearer " + strings.Repeat("a", api.MaxCredentialBytes), ""},
	} {
		status, answer, h := signed(t, "GET", address+"/v1/me", c.authorization, "")
		var me struct{ User string }
		_ = json.Unmarshal([]byte(answer), &me)
		switch {
		case c.user != "" && (status != 200 || me.User != c.user):
			t.Errorf("%s = %d %s, want user %s", c.what, status, answer, c.user)
		case c.user == "" && (status != 401 || answer != `{"title":"Unauthorized","status":401,"detail":"Unauthorized","error_code":401}` || h.Get("WWW-Authenticate") != `Basic realm="accord", charset="UTF-8"`):
			t.Errorf("%s = %d %s %q", c.what, status, answer, h)
		}
	}
	status, _, h := signed(t, "GET", address+"/subjects", "Bearer "+gone, "")
	if want := `Bearer realm="accord", error="invalid_token"`; status != 401 || h.Values("WWW-Authenticate")[1] != want {
		t.Errorf("a revoked key on a Confluent route = %d %q, want %s", status, h.Values("WWW-Authenticate"), want)
	}
	_, audit, _ := signed(t, "GET", address+"/v1/audit", basic("ada", "pässword:1"), "")
	_, listed, _ := signed(t, "GET", address+"/v1/tokens", basic("ada", "pässword:1"), "")
	for _, secret := range []string{"pässword", "hunter2", good[8:], gone[8:], late[8:], catalog.HashToken(good), "argon2id", base64.StdEncoding.EncodeToString([]byte("bob:hunter2"))} {
		for where, text := range map[string]string{"log": log.String(), "audit": audit, "list of tokens": listed} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is told by the %s", secret, where)
			}
		}
	}
	if !strings.Contains(listed, `"revoked":`) || !strings.Contains(audit, `"op":"revoke"`) {
		t.Errorf("tokens: %s\naudit: %s", listed, audit)
	}
}

// TestNobodySignsInYet: without any way in, everybody is anonymous, and what clients send is not looked at.
func TestNobodySignsInYet(t *testing.T) {
	address, registry := guarded(t)
	for _, authorization := range []string{"", basic("ada", "x"), "Bearer nonsense"} {
		if status, answer, _ := signed(t, "GET", address+"/v1/me", authorization, ""); status != 200 || !strings.Contains(answer, `"user":"anonymous","grants":[{"role":"admin"`) {
			t.Errorf("%q = %d %s", authorization, status, answer)
		}
	}
	if status, answer, _ := signed(t, "POST", address+"/v1/tokens", "", `{"user":"eve","grants":[{"role":"admin","context":"*","subjects":"*","topics":"*"}]}`); status != 403 {
		t.Errorf("the first key over HTTP = %d %s", status, answer)
	}
	admin := "Bearer " + key(t, registry, "root", all(catalog.Admin))
	if status, _, _ := signed(t, "GET", address+"/subjects", "", ""); status != 401 {
		t.Errorf("after the first key: %d without sign-in", status)
	}
	status, answer, _ := signed(t, "POST", address+"/v1/tokens", admin, `{"user":"ci","grants":[{"role":"reader","context":".","subjects":"orders.*"}]}`)
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(answer), &made); err != nil || status != 200 {
		t.Fatalf("POST /v1/tokens = %d %s", status, answer)
	}
	if status, answer, _ := signed(t, "GET", address+"/v1/me", "Bearer "+made.Secret, ""); status != 200 || answer != `{"user":"ci","grants":[{"role":"reader","context":".","subjects":"orders.*","topics":""}]}` {
		t.Errorf("with the new key: %d %s", status, answer)
	}
	if status, answer, _ := signed(t, "DELETE", address+"/v1/tokens/"+made.ID, admin, ""); status != 204 {
		t.Errorf("DELETE = %d %s", status, answer)
	}
	if status, _, _ := signed(t, "GET", address+"/v1/me", "Bearer "+made.Secret, ""); status != 401 {
		t.Errorf("with the revoked key: %d", status)
	}
	if status, _, _ := signed(t, "DELETE", address+"/v1/tokens/"+made.ID, admin, ""); status != 404 {
		t.Errorf("DELETE again = %d", status)
	}
}

// TestAdminsGiveNoMoreThanTheyHave holds for tokens made, seen and revoked.
func TestAdminsGiveNoMoreThanTheyHave(t *testing.T) {
	address, registry := guarded(t)
	_, root, err := registry.CreateToken(t.Context(), "root", []catalog.Grant{all(catalog.Admin)}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	team := "Bearer " + key(t, registry, "team", catalog.Grant{Role: catalog.Admin, Context: ".", Subjects: "orders.*"})
	for grants, want := range map[string]int{
		`[{"role":"admin","context":".","subjects":"orders.*"}]`:                                                  200,
		`[{"role":"reader","context":".","subjects":"orders.A"}]`:                                                 200,
		`[{"role":"reader","context":".","subjects":"*"}]`:                                                        403,
		`[{"role":"reader","context":".","subjects":"orders.A"},{"role":"reader","context":".x","subjects":"A"}]`: 403,
		`[{"role":"producer","context":".","subjects":"orders.A","topics":"orders"}]`:                             403,
	} {
		if status, answer, _ := signed(t, "POST", address+"/v1/tokens", team, `{"user":"x","grants":`+grants+`}`); status != want {
			t.Errorf("granting %s = %d %s, want %d", grants, status, answer, want)
		}
	}
	if _, list, _ := signed(t, "GET", address+"/v1/tokens", team, ""); strings.Contains(list, root.ID) || !strings.Contains(list, `"user":"team"`) {
		t.Errorf("the team sees %s", list)
	}
	if status, answer, _ := signed(t, "DELETE", address+"/v1/tokens/"+root.ID, team, ""); status != 404 {
		t.Errorf("the team revokes root's key: %d %s", status, answer)
	}
}

func TestAnonymousRead(t *testing.T) {
	address, registry := guarded(t, func(c *api.Config) { c.Access.AnonymousRead = true })
	key(t, registry, "root", all(catalog.Admin))
	for path, want := range map[string]int{"/subjects": 200, "/v1/audit": 200, "/v1/changes": 200, "/v1/tokens": 403, "/v1/audit/valid": 403} {
		if status, answer, _ := signed(t, "GET", address+path, "", ""); status != want {
			t.Errorf("GET %s = %d %s, want %d", path, status, answer, want)
		}
	}
	if status, _, _ := signed(t, "PUT", address+"/config", "", `{"compatibility":"NONE"}`); status != 403 {
		t.Errorf("PUT /config = %d", status)
	}
	if status, _, _ := signed(t, "GET", address+"/subjects", "Bearer wrong", ""); status != 401 {
		t.Errorf("with a wrong key = %d", status)
	}
}

// TestOtherOrigins: what a browser sends by itself is not enough to change something from a page of elsewhere.
func TestOtherOrigins(t *testing.T) {
	file := users(t)
	address, registry := guarded(t, func(c *api.Config) { c.Access.Users = func() *api.Users { return file } })
	bearer := "Bearer " + key(t, registry, "ci", all(catalog.Admin))
	ada := basic("ada", "pässword:1")
	for _, c := range []struct {
		method, authorization, header, value string
		want                                 int
	}{
		{"PUT", ada, "Sec-Fetch-Site", "cross-site", 403},
		{"PUT", ada, "Origin", "https://evil.example", 403},
		{"PUT", ada, "Sec-Fetch-Site", "same-origin", 200},
		{"PUT", ada, "Accept", "application/json", 200},
		{"PUT", bearer, "Sec-Fetch-Site", "cross-site", 200},
		{"GET", ada, "Sec-Fetch-Site", "cross-site", 200},
	} {
		if status, answer, _ := signed(t, c.method, address+"/config", c.authorization, `{"compatibility":"FULL"}`, c.header, c.value); status != c.want {
			t.Errorf("%s with %s: %s = %d %s, want %d", c.method, c.header, c.value, status, answer, c.want)
		}
	}
	open := "http://" + serve(t)
	if status, _, _ := signed(t, "PUT", open+"/config", "", `{"compatibility":"FULL"}`, "Origin", "https://evil.example"); status != 403 {
		t.Errorf("a page of elsewhere changes a registry that nobody signs in to: %d", status)
	}
}

// TestHashingIsBounded: names that nobody has cost a hash as well, what was verified costs none, and beyond the bound
// sign-ins are told to come again.
func TestHashingIsBounded(t *testing.T) {
	file := users(t)
	for name, want := range map[string]bool{"ada": true, "bob": true, "eve": true, "": true, "payments.example.com": true} {
		if got := api.WouldHash(file, name, "wrong"); got != want {
			t.Errorf("a hash for %q: %t, want %t", name, got, want)
		}
	}
	if turns, waiting := api.MaxHashing(); turns < 1 || waiting != api.MaxHashWaiting {
		t.Errorf("%d hashes at once, %d sign-ins waiting", turns, waiting)
	}
}

func TestParseUsers(t *testing.T) {
	hash := bcryptOf(t, "x")
	for text, want := range map[string]string{
		"":                                       "neither users nor groups",
		"users: {}":                              "neither users nor groups",
		"users: {ada: {password: plain-secret}}": "user ada: password: neither a bcrypt hash",
		"users: {ada: {password: $2y$10$short-secret}}":                                                      "user ada: password: not a bcrypt hash",
		"users: {ada: {password: '" + strings.Replace(hash, "$04$", "$31$", 1) + "'}}":                       "above MaxBcryptCost",
		"users: {ada: {password: '$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'}}":    "MaxArgon2KiB",
		"users: {ada: {password: '$argon2id$v=19$m=64,t=1,p=1,x=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'}}":     "parameters",
		"users: {ada: {password: '$argon2id$v=16$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'}}":         "version 19",
		"users: {ada: {grants: [{role: king, subjects: '*'}]}}":                                              "not the YAML of a users file",
		"users: {ada: {grants: [{role: reader}]}}":                                                           "gives nothing",
		"users: {ada: {grants: [{role: reader, subjects: '*', context: orders}]}}":                           "context is",
		"users: {ada: {secret: plain-secret}}":                                                               "not the YAML of a users file",
		"users: {'a:b': {}}":                                                                                 "not a name",
		"users: {anonymous: {}}":                                                                             "not a name",
		"groups: {g: [{subjects: '*'}]}":                                                                     "group g: a grant without role",
		"users: [":                                                                                           "line 1",
		"users: {ada: {password: '" + hash + "', grants: [{role: reader, subjects: '*'}]}}\nmore: 1":         "not the YAML of a users file",
		"users: {ada: {password: '" + hash + "', grants: [{role: reader, subjects: '*', topics: '*'}]}}":     "",
		"users: {ada: {password: '" + strings.Replace(hash, "$2a$", "$2y$", 1) + "'}}":                       "",
		"groups: {g: [{role: admin, context: '*', subjects: '*', topics: '*'}]}":                             "",
		"users: {a: {grants: [{role: reader, context: '" + strings.Repeat("*", 2000) + "', subjects: a}]}}}": "not the YAML",
	} {
		_, err := api.ParseUsers([]byte(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("ParseUsers(%.60s) = %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("ParseUsers(%.60s) = %v, want %q", text, err, want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("ParseUsers(%.60s) tells a secret: %v", text, err)
		}
	}
}

// FuzzAuthorization: whatever stands in the header, nobody gets in by it, and nothing breaks.
func FuzzAuthorization(f *testing.F) {
	file := users(f)
	address, registry := guarded(f, func(c *api.Config) { c.Access.Users = func() *api.Users { return file } })
	key(f, registry, "root", all(catalog.Admin))
	for _, seed := range []string{
		"Basic", "Basic ", "Basic YWRhOg==", "Bearer", "Bearer accord_", "Bearer a.b.c", "bearer  x", "Basic Og==", "Basic " + strings.Repeat("A", 4000),
		"Basic \xff", "Bearer eyJhbGciOiJub25lIn0.e30.", "Negotiate x", ",", "Basic YWRh,Bearer accord_x", "Basic\tYWRhOng=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		req, err := http.NewRequest("GET", address+"/subjects", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", value)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return // not the value of a header
		}
		res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("Authorization: %q = %d", value, res.StatusCode)
		}
	})
}
