package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/accordhq/accord/catalog"
)

// Limits of a users file and of the work that passwords make.
const (
	MaxUsersBytes    = 4 << 20
	MaxUsers         = 10_000
	MaxBcryptCost    = 16
	MaxArgon2KiB     = 256 << 10 // memory of one hash
	MaxArgon2Passes  = 16
	MaxArgon2Lanes   = 16
	MaxHashWaiting   = 32   // sign-ins that wait for a hash to be computed; beyond it: 429
	MaxVerifiedUsers = 4096 // sign-ins that are remembered, so that they need no hash again
)

// Users is what a users file says: who signs in with which password, and who may do what.
//
//	users:
//	  ada:
//	    password: $2y$12$…            # bcrypt or argon2id; absent: signs in by certificate alone
//	    grants:
//	      - {role: developer, context: ., subjects: "orders.*", topics: "orders.*"}
//	groups:                           # of the identity provider
//	  platform:
//	    - {role: admin, context: "*", subjects: "*", topics: "*"}
//
// It is not changed once read. Safe for concurrent use.
type Users struct {
	users  map[string]*user
	groups map[string][]catalog.Grant
	hashes []passwordHash // of all users, by name: what is compared for a name that nobody has
}

type user struct {
	Password string          `yaml:"password"`
	Grants   []catalog.Grant `yaml:"grants"`

	hash   passwordHash // nil: no password
	caller *Caller
}

// ParseUsers reads a users file. The error names the user, and no part of a hash.
func ParseUsers(text []byte) (*Users, error) {
	if len(text) > MaxUsersBytes {
		return nil, fmt.Errorf("larger than MaxUsersBytes (%d)", MaxUsersBytes)
	}
	var file struct {
		Users  map[string]*user           `yaml:"users"`
		Groups map[string][]catalog.Grant `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.New("not the YAML of a users file: " + placesOf(err))
	}
	if len(file.Users)+len(file.Groups) == 0 {
		return nil, errors.New("neither users nor groups")
	}
	if len(file.Users)+len(file.Groups) > MaxUsers {
		return nil, fmt.Errorf("more than MaxUsers (%d)", MaxUsers)
	}
	all := &Users{users: file.Users, groups: file.Groups}
	for _, name := range slices.Sorted(maps.Keys(file.Users)) {
		u := file.Users[name]
		if u == nil {
			u = &user{}
			file.Users[name] = u
		}
		if name == "" || name == anonymous || len(name) > catalog.MaxUserBytes || strings.Contains(name, ":") {
			return nil, fmt.Errorf("user %q: not a name that somebody can sign in with", cut(name, 64))
		}
		if err := checkGrants(u.Grants); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		u.caller = NewCaller(name, u.Grants)
		if u.Password == "" {
			continue
		}
		var err error
		if u.hash, err = parseHash(u.Password); err != nil {
			return nil, fmt.Errorf("user %s: password: %w", name, err)
		}
		all.hashes = append(all.hashes, u.hash)
	}
	for name, grants := range file.Groups {
		if err := checkGrants(grants); err != nil {
			return nil, fmt.Errorf("group %s: %w", name, err)
		}
	}
	return all, nil
}

// placesOf says where a file is faulty without repeating what stands there, which may be a secret.
func placesOf(err error) string {
	var lines []string
	for word := range strings.FieldsSeq(err.Error()) {
		if n := strings.TrimSuffix(word, ":"); n != word && strings.Trim(n, "0123456789") == "" && !slices.Contains(lines, n) {
			lines = append(lines, n)
		}
	}
	if len(lines) == 0 {
		return "it cannot be read"
	}
	return "line " + strings.Join(lines, ", ")
}

func checkGrants(grants []catalog.Grant) error {
	if len(grants) > catalog.MaxTokenGrants {
		return fmt.Errorf("more than %d grants", catalog.MaxTokenGrants)
	}
	for _, g := range grants {
		if err := g.Check(); err != nil {
			return err
		}
	}
	return nil
}

// named returns the caller of a user by name, nil if there is none.
func (u *Users) named(name string) *Caller {
	if found := u.users[name]; found != nil {
		return found.caller
	}
	return nil
}

// ofGroups are the grants of all groups that a user is in.
func (u *Users) ofGroups(groups []string) []catalog.Grant {
	var grants []catalog.Grant
	for _, g := range groups {
		grants = append(grants, u.groups[g]...)
	}
	return grants
}

// passwordHash is a hash that passwords are compared with.
type passwordHash interface {
	matches(password string) bool
	text() string
}

type bcryptHash string

func (h bcryptHash) text() string { return string(h) }

func (h bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), []byte(password)) == nil
}

// argon2Hash is $argon2id$v=19$m=65536,t=3,p=4$salt$hash. Source: RFC 9106; PHC string format.
type argon2Hash struct {
	whole          string
	memory, passes uint32 // KiB; passes
	lanes          uint8
	salt, hash     []byte
}

func (h *argon2Hash) text() string { return h.whole }

func (h *argon2Hash) matches(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.hash)))
	return subtle.ConstantTimeCompare(got, h.hash) == 1
}

func parseHash(s string) (passwordHash, error) {
	switch {
	case strings.HasPrefix(s, "$2"):
		cost, err := bcrypt.Cost([]byte(s))
		if err != nil || len(s) != 60 {
			return nil, errors.New("not a bcrypt hash")
		}
		if cost > MaxBcryptCost {
			return nil, fmt.Errorf("bcrypt cost %d is above MaxBcryptCost (%d)", cost, MaxBcryptCost)
		}
		return bcryptHash(s), nil
	case strings.HasPrefix(s, "$argon2id$"):
		return parseArgon2(s)
	}
	return nil, errors.New("neither a bcrypt hash ($2…) nor an argon2id one ($argon2id$…)")
}

func parseArgon2(s string) (*argon2Hash, error) {
	parts := strings.Split(s, "$")
	h := &argon2Hash{whole: s}
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, errors.New("not an argon2id hash of version 19")
	}
	var lanes uint32
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &lanes); err != nil || n != 3 || parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, lanes) {
		return nil, errors.New("not the parameters of an argon2id hash, m=…,t=…,p=…")
	}
	if h.memory < 8 || h.memory > MaxArgon2KiB || h.passes < 1 || h.passes > MaxArgon2Passes || lanes < 1 || lanes > MaxArgon2Lanes {
		return nil, fmt.Errorf("argon2id asks for more than MaxArgon2KiB (%d), MaxArgon2Passes (%d) or MaxArgon2Lanes (%d)", MaxArgon2KiB, MaxArgon2Passes, MaxArgon2Lanes)
	}
	h.lanes = uint8(lanes)
	var errSalt, errHash error
	h.salt, errSalt = base64.RawStdEncoding.DecodeString(parts[4])
	h.hash, errHash = base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errHash != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.hash) < 16 || len(h.hash) > 64 {
		return nil, errors.New("not the salt and hash of an argon2id hash")
	}
	return h, nil
}

// passwords compares passwords, and remembers which matched, so that a client that signs in with each request costs one
// hash. What is remembered is a keyed digest of name, password and hash: it is worth nothing outside the process, and
// nothing once the hash is another.
type passwords struct {
	key     [32]byte
	turns   chan struct{} // one for each hash being computed
	waiting chan struct{} // one for each sign-in that waits or computes

	mu       sync.Mutex
	verified map[[sha256.Size]byte]struct{} // guarded by mu
}

func newPasswords() *passwords {
	p := &passwords{
		turns:    make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		waiting:  make(chan struct{}, MaxHashWaiting),
		verified: map[[sha256.Size]byte]struct{}{},
	}
	rand.Read(p.key[:])
	return p
}

// digest is what is remembered of parts that belong together.
func (p *passwords) digest(parts ...string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, p.key[:])
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	h.Sum(sum[:0])
	return sum
}

func (p *passwords) remembers(sum [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.verified[sum]
	return ok
}

// verify returns the user of a name and password, nil if there is none. A name that nobody has, or that has no
// password, costs the same as one that somebody has: the hash of another user, always the same one for that name, is
// compared in vain. The error is a *fault: too many sign-ins at once, or the context's end.
func (p *passwords) verify(ctx context.Context, users *Users, name, password string) (*Caller, error) {
	u := users.users[name]
	var hash passwordHash
	switch {
	case u != nil && u.hash != nil:
		hash = u.hash
	case len(users.hashes) > 0:
		u = nil
		sum := p.digest(name)
		hash = users.hashes[binary.BigEndian.Uint64(sum[:8])%uint64(len(users.hashes))]
	default:
		return nil, nil
	}
	sum := p.digest(name, password, hash.text())
	if u != nil && p.remembers(sum) {
		return u.caller, nil
	}
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, busy()
	}
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if u != nil && p.remembers(sum) { // whoever was before us asked the same
		return u.caller, nil
	}
	if !hash.matches(password) || u == nil {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.verified) >= MaxVerifiedUsers {
		clear(p.verified)
	}
	p.verified[sum] = struct{}{}
	return u.caller, nil
}
