package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/accordhq/accord/catalog"
)

// Policy reads one scope.
func (s *Store) Policy(ctx context.Context, scope catalog.Scope) (p catalog.Policy, err error) {
	err = s.reading(ctx, "read a policy", func(t *tx) error {
		p, err = t.policy(scope)
		return err
	})
	return p, err
}

// policy reads one scope in the transaction's view.
func (t *tx) policy(scope catalog.Scope) (p catalog.Policy, err error) {
	config := "{}"
	if _, err := t.row("SELECT config, mode, rev FROM policies WHERE ctx = ? AND subject = ?", []any{scope.Context, scope.Subject}, &config, &p.Mode, &p.Rev); err != nil {
		return p, err
	}
	return p, json.Unmarshal([]byte(config), &p.Config)
}

// SetPolicy changes the policy of a scope.
func (s *Store) SetPolicy(ctx context.Context, scope catalog.Scope, patch catalog.Patch) (next catalog.Policy, rev catalog.Rev, err error) {
	err = s.writing(ctx, "set a policy", func(t *tx) error {
		old, err := t.policy(scope)
		if err != nil {
			return err
		}
		if patch.Expect != nil && old.Rev != *patch.Expect {
			return fmt.Errorf("policy of %s: %w", scope, catalog.ErrConflict)
		}
		if patch.Empty {
			var full bool
			if _, err := t.row("SELECT EXISTS (SELECT 1 FROM versions WHERE state = 0 AND (ctx = ?1 OR ?1 = ?3) AND (subject = ?2 OR ?2 = ''))",
				[]any{scope.Context, scope.Subject, catalog.GlobalContext}, &full); err != nil {
				return err
			}
			if full {
				return &catalog.Error{Reason: catalog.NotEmpty, Name: scope}
			}
		}
		next = old.Apply(patch)
		op := catalog.OpConfig
		if patch.Mode != nil {
			op = catalog.OpMode
		}
		before, errBefore := json.Marshal(old)
		after, errAfter := json.Marshal(next)
		config, errConfig := json.Marshal(next.Config)
		if err := errors.Join(errBefore, errAfter, errConfig); err != nil {
			return err
		}
		if rev, err = t.change(catalog.Change{Op: op, Name: scope, Before: before, After: after}); err != nil {
			return err
		}
		next.Rev = rev
		return t.exec("INSERT INTO policies (ctx, subject, config, mode, rev) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET config = excluded.config, mode = excluded.mode, rev = excluded.rev",
			scope.Context, scope.Subject, string(config), next.Mode, rev)
	})
	return next, rev, err
}
