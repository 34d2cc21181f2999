package sqlite

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// Snapshot calls f with one consistent view.
func (s *Store) Snapshot(ctx context.Context, f func(catalog.Snapshot) error) error {
	var failed error // of f: not to be hidden behind Unavailable
	err := s.reading(ctx, "read everything", func(t *tx) error {
		if _, err := t.revision(); err != nil { // the first read is the moment of the view
			return err
		}
		failed = f(snapshot{t})
		return nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// snapshot is a view of everything.
type snapshot struct{ t *tx }

// rows is tx.rows with its errors in the catalog's words; those of f stay as they are.
func (s snapshot) rows(query string, args []any, f func(scan func(...any) error) error) error {
	var failed error
	err := s.t.rows(query, args, func(scan func(...any) error) error {
		failed = f(scan)
		return failed
	})
	if failed != nil {
		return failed
	}
	return wrap(s.t.ctx, "read everything", err)
}

// Revision is the newest revision in the view.
func (s snapshot) Revision(context.Context) (catalog.Rev, error) {
	rev, err := s.t.revision()
	return rev, wrap(s.t.ctx, "read the revision", err)
}

// Contexts calls f with each context, by name.
func (s snapshot) Contexts(_ context.Context, f func(catalog.ContextIDs) error) error {
	return s.rows("SELECT name, last_id FROM contexts ORDER BY name", nil, func(scan func(...any) error) error {
		var c catalog.ContextIDs
		if err := scan(&c.Context, &c.ID); err != nil {
			return err
		}
		return f(c)
	})
}

// Links calls f with each pair of subjects of which the first refers to the second.
func (s snapshot) Links(_ context.Context, f func(from, to catalog.Name) error) error {
	return s.rows("SELECT DISTINCT v.ctx, v.subject, r.to_ctx, r.to_subject FROM refs r JOIN versions v ON v.ctx = r.ctx AND v.id = r.id", nil, func(scan func(...any) error) error {
		var from, to catalog.Name
		if err := scan(&from.Context, &from.Subject, &to.Context, &to.Subject); err != nil {
			return err
		}
		return f(from, to)
	})
}

// Versions calls f with each version in scope.
func (s snapshot) Versions(_ context.Context, q catalog.Moving, f func(head int, v catalog.Moved) error) error {
	query := `SELECT h.head, coalesce((SELECT group_concat(o.guid, ' ') FROM other_guids o WHERE o.ctx = s.ctx AND o.id = s.id), ''), ` + fullColumns + `
		JOIN subjects h ON h.ctx = v.ctx AND h.name = v.subject WHERE substr(v.subject, 1, length(?)) = ?`
	args := []any{q.Prefix, q.Prefix}
	if q.Context != nil {
		query += " AND v.ctx = ?"
		args = append(args, *q.Context)
	}
	if q.Names != nil {
		names := make([][2]string, len(q.Names))
		for i, n := range q.Names {
			names[i] = [2]string{n.Context, n.Subject}
		}
		list, err := json.Marshal(names)
		if err != nil {
			return err
		}
		query += " AND (v.ctx, v.subject) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
		args = append(args, string(list))
	}
	return s.rows(query+" ORDER BY v.ctx, v.subject, v.number", args, func(scan func(...any) error) error {
		var head int
		var others string
		v, err := scanVersion(func(into ...any) error { return scan(append([]any{&head, &others}, into...)...) }, true)
		if err != nil {
			return err
		}
		return f(head, catalog.Moved{Version: v, GUIDs: strings.Fields(others)})
	})
}

// Policies calls f with each policy that says something.
func (s snapshot) Policies(_ context.Context, f func(catalog.Scope, catalog.Policy) error) error {
	return s.rows("SELECT ctx, subject, config, mode, rev FROM policies WHERE config <> '{}' OR mode <> '' ORDER BY ctx, subject", nil, func(scan func(...any) error) error {
		var scope catalog.Scope
		var p catalog.Policy
		var config string
		if err := scan(&scope.Context, &scope.Subject, &config, &p.Mode, &p.Rev); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(config), &p.Config); err != nil {
			return err
		}
		return f(scope, p)
	})
}

// Documents calls f with each document.
func (s snapshot) Documents(_ context.Context, f func(catalog.Document) error) error {
	return s.rows("SELECT kind, name, body, rev, at, author FROM documents ORDER BY kind, name", nil, func(scan func(...any) error) error {
		var d catalog.Document
		var at int64
		var body string
		if err := scan(&d.Kind, &d.Name, &body, &d.Rev, &at, &d.By); err != nil {
			return err
		}
		d.Body, d.At = raw(body), moment(at)
		return f(d)
	})
}

// History calls f with each row of the archive, and then of this store's own history.
func (s snapshot) History(_ context.Context, f func(catalog.Archived) error) error {
	var first string
	if _, err := s.t.row("SELECT hash FROM changes ORDER BY rev LIMIT 1", nil, &first); err != nil {
		return wrap(s.t.ctx, "read everything", err)
	}
	err := s.rows("SELECT chain, "+changeColumns+" FROM archive ORDER BY chain, rev", nil, func(scan func(...any) error) error {
		var chain string
		c, err := scanChange(scan, &chain)
		if err != nil {
			return err
		}
		return f(catalog.Archived{Chain: chain, Change: c})
	})
	if err != nil {
		return err
	}
	return s.rows("SELECT "+changeColumns+" FROM changes ORDER BY rev", nil, func(scan func(...any) error) error {
		c, err := scanChange(scan)
		if err != nil {
			return err
		}
		return f(catalog.Archived{Chain: first, Change: c})
	})
}
