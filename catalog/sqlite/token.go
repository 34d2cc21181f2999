package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/accordhq/accord/catalog"
)

// AddToken keeps a new token.
func (s *Store) AddToken(ctx context.Context, k catalog.Token) (rev catalog.Rev, err error) {
	err = s.writing(ctx, "add a token", func(t *tx) error {
		var taken bool
		if _, err := t.row("SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ? OR hash = ?)", []any{k.ID, k.Hash}, &taken); err != nil {
			return err
		}
		if taken {
			return fmt.Errorf("token %s: %w", k.ID, catalog.ErrConflict)
		}
		grants, err := json.Marshal(k.Grants)
		if err != nil {
			return err
		}
		if rev, err = t.change(catalog.Change{Op: catalog.OpToken, Name: catalog.Name{Subject: k.ID}, After: catalog.TokenAbout(k)}); err != nil {
			return err
		}
		return t.exec("INSERT INTO tokens (id, hash, user, grants, at, author, expires, revoked, used) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)",
			k.ID, k.Hash, k.User, string(grants), micros(t.now), t.author.By, micros(k.Expires))
	})
	return rev, err
}

// RevokeToken marks a token as revoked.
func (s *Store) RevokeToken(ctx context.Context, id string) (rev catalog.Rev, err error) {
	err = s.writing(ctx, "revoke a token", func(t *tx) error {
		list, err := t.tokens("id = ? AND revoked = 0", id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return &catalog.Error{Reason: catalog.TokenNotFound}
		}
		if rev, err = t.change(catalog.Change{Op: catalog.OpRevoke, Name: catalog.Name{Subject: id}, Before: catalog.TokenAbout(list[0])}); err != nil {
			return err
		}
		return t.exec("UPDATE tokens SET revoked = ? WHERE id = ?", micros(t.now), id)
	})
	return rev, err
}

// Token reads the token of a hash.
func (s *Store) Token(ctx context.Context, hash string) (k catalog.Token, err error) {
	err = s.reading(ctx, "read a token", func(t *tx) error {
		list, err := t.tokens("hash = ?", hash)
		if err == nil && len(list) == 0 {
			err = &catalog.Error{Reason: catalog.TokenNotFound}
		}
		if err == nil {
			k = list[0]
		}
		return err
	})
	return k, err
}

// ListTokens reads tokens by ID.
func (s *Store) ListTokens(ctx context.Context, after string, limit int) (list []catalog.Token, err error) {
	err = s.reading(ctx, "list tokens", func(t *tx) error {
		list, err = t.tokens("id > ? ORDER BY id LIMIT ?", after, limit)
		return err
	})
	return list, err
}

// tokens reads those that a condition names.
func (t *tx) tokens(where string, args ...any) (list []catalog.Token, err error) {
	err = t.rows("SELECT id, hash, user, grants, at, author, expires, revoked, used FROM tokens WHERE "+where, args, func(scan func(...any) error) error {
		var k catalog.Token
		var grants string
		var at, expires, revoked, used int64
		if err := scan(&k.ID, &k.Hash, &k.User, &grants, &at, &k.By, &expires, &revoked, &used); err != nil {
			return err
		}
		k.At, k.Expires, k.Revoked, k.Used = moment(at), moment(expires), moment(revoked), moment(used)
		list = append(list, k)
		return json.Unmarshal([]byte(grants), &list[len(list)-1].Grants)
	})
	return list, err
}

// UseTokens notes when tokens were last used.
func (s *Store) UseTokens(ctx context.Context, used map[string]time.Time) error {
	return s.writing(ctx, "note the use of tokens", func(t *tx) error {
		for id, at := range used {
			if err := t.exec("UPDATE tokens SET used = max(used, ?) WHERE id = ?", micros(at), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Note writes a row of the history that changes nothing else.
func (s *Store) Note(ctx context.Context, op catalog.Op, about json.RawMessage) (rev catalog.Rev, err error) {
	err = s.writing(ctx, "write into the history", func(t *tx) error {
		rev, err = t.change(catalog.Change{Op: op, After: about})
		return err
	})
	return rev, err
}

// chain fills in the hashes of rows that were written before there were any.
func (t *tx) chain() error {
	var rest bool
	if _, err := t.row("SELECT EXISTS (SELECT 1 FROM changes WHERE hash = '')", nil, &rest); err != nil || !rest {
		return err
	}
	hash, after := "", catalog.Rev(0)
	for {
		changes, err := t.changes(after, catalog.MaxPage)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Hash == "" {
				c.Hash = c.ChainedHash(hash)
				if err := t.exec("UPDATE changes SET hash = ? WHERE rev = ?", c.Hash, c.Rev); err != nil {
					return err
				}
			}
			hash, after = c.Hash, c.Rev
		}
		if len(changes) < catalog.MaxPage {
			return nil
		}
	}
}
