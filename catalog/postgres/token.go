package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// AddToken keeps a new token.
func (s *Store) AddToken(ctx context.Context, k catalog.Token) (catalog.Rev, error) {
	grants, err := json.Marshal(k.Grants)
	if err != nil {
		return 0, err
	}
	return s.call(ctx, "add a token", catalog.Name{}, "SELECT accord.add_token($1, $2, $3, $4, $5, $6, $7)",
		who(ctx), k.ID, k.Hash, k.User, string(grants), micros(k.Expires), string(catalog.TokenAbout(k)))
}

// RevokeToken marks a token as revoked. What the history says of it never changes, so it may be read before.
func (s *Store) RevokeToken(ctx context.Context, id string) (catalog.Rev, error) {
	list, err := s.tokens(ctx, "id = $1 AND revoked = 0", id)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, &catalog.Error{Reason: catalog.TokenNotFound}
	}
	within, cancel := within(ctx)
	defer cancel()
	var rev *int64
	err = s.pool.QueryRow(within, "SELECT accord.revoke_token($1, $2, $3)", who(ctx), id, string(catalog.TokenAbout(list[0]))).Scan(&rev)
	if err == nil && rev == nil {
		return 0, &catalog.Error{Reason: catalog.TokenNotFound}
	}
	if err != nil {
		return 0, wrap(ctx, "revoke a token", err)
	}
	return catalog.Rev(*rev), nil
}

// Token reads the token of a hash.
func (s *Store) Token(ctx context.Context, hash string) (catalog.Token, error) {
	list, err := s.tokens(ctx, "hash = $1", hash)
	if err == nil && len(list) == 0 {
		err = &catalog.Error{Reason: catalog.TokenNotFound}
	}
	if err != nil {
		return catalog.Token{}, err
	}
	return list[0], nil
}

// ListTokens reads tokens by ID.
func (s *Store) ListTokens(ctx context.Context, after string, limit int) ([]catalog.Token, error) {
	return s.tokens(ctx, "id > $1 ORDER BY id LIMIT $2", after, limit)
}

// tokens reads those that a condition names.
func (s *Store) tokens(ctx context.Context, where string, args ...any) ([]catalog.Token, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, "SELECT id, hash, username, grants, at, author, expires, revoked, used FROM accord.tokens WHERE "+where, args...)
	if err != nil {
		return nil, wrap(ctx, "read tokens", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k catalog.Token, err error) {
		var grants string
		var at, expires, revoked, used int64
		if err := row.Scan(&k.ID, &k.Hash, &k.User, &grants, &at, &k.By, &expires, &revoked, &used); err != nil {
			return k, err
		}
		k.At, k.Expires, k.Revoked, k.Used = moment(at), moment(expires), moment(revoked), moment(used)
		return k, json.Unmarshal([]byte(grants), &k.Grants)
	})
	return list, wrap(ctx, "read tokens", err)
}

// UseTokens notes when tokens were last used.
func (s *Store) UseTokens(ctx context.Context, used map[string]time.Time) error {
	ctx, cancel := within(ctx)
	defer cancel()
	var b pgx.Batch
	for id, at := range used {
		b.Queue("UPDATE accord.tokens SET used = greatest(used, $1) WHERE id = $2", micros(at), id)
	}
	return wrap(ctx, "note the use of tokens", s.pool.SendBatch(ctx, &b).Close())
}

// Note writes a row of the history that changes nothing else.
func (s *Store) Note(ctx context.Context, op catalog.Op, about json.RawMessage) (catalog.Rev, error) {
	return s.call(ctx, "write into the history", catalog.Name{}, "SELECT accord.note($1, $2, $3)", who(ctx), string(op), string(about))
}
