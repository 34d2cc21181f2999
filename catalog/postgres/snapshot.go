package postgres

import (
	"context"
	"encoding/json"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// Snapshot calls f with one consistent view. It holds a connection for as long as f runs.
func (s *Store) Snapshot(ctx context.Context, f func(catalog.Snapshot) error) error {
	var failed error // of f: not to be hidden behind Unavailable
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		// The first SELECT is the moment of the view.
		if _, err := tx.Exec(ctx, "SELECT set_config('statement_timeout', '0', true)"); err != nil {
			return err
		}
		failed = f(snapshot{tx})
		return nil
	})
	if failed != nil {
		return failed
	}
	return wrap(ctx, "read everything", err)
}

// snapshot is a view of everything.
type snapshot struct{ tx pgx.Tx }

// each calls f for each row; scan reads the row's columns. Errors of f stay as they are.
func (s snapshot) each(ctx context.Context, query string, args []any, f func(scan func(...any) error) error) error {
	rows, err := s.tx.Query(ctx, query, args...)
	if err != nil {
		return wrap(ctx, "read everything", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return wrap(ctx, "read everything", rows.Err())
}

// Revision is the newest revision in the view.
func (s snapshot) Revision(ctx context.Context) (rev catalog.Rev, err error) {
	err = s.tx.QueryRow(ctx, revisionQuery).Scan(&rev)
	return rev, wrap(ctx, "read the revision", err)
}

// Contexts calls f with each context, by name.
func (s snapshot) Contexts(ctx context.Context, f func(catalog.ContextIDs) error) error {
	return s.each(ctx, "SELECT name, coalesce(pg_sequence_last_value(('accord.id_' || n)::regclass), 0) FROM accord.contexts ORDER BY name", nil, func(scan func(...any) error) error {
		var c catalog.ContextIDs
		if err := scan(&c.Context, &c.ID); err != nil {
			return err
		}
		return f(c)
	})
}

// Links calls f with each pair of subjects of which the first refers to the second.
func (s snapshot) Links(ctx context.Context, f func(from, to catalog.Name) error) error {
	return s.each(ctx, "SELECT DISTINCT v.ctx, v.subject, r.to_ctx, r.to_subject FROM accord.refs r JOIN accord.versions v ON v.ctx = r.ctx AND v.id = r.id", nil, func(scan func(...any) error) error {
		var from, to catalog.Name
		if err := scan(&from.Context, &from.Subject, &to.Context, &to.Subject); err != nil {
			return err
		}
		return f(from, to)
	})
}

// Versions calls f with each version in scope.
func (s snapshot) Versions(ctx context.Context, q catalog.Moving, f func(head int, v catalog.Moved) error) error {
	query := "SELECT h.head, ARRAY(SELECT o.guid FROM accord.other_guids o WHERE o.ctx = s.ctx AND o.id = s.id), " + fullColumns + fromVersions +
		"JOIN accord.subjects h ON h.ctx = v.ctx AND h.name = v.subject WHERE starts_with(v.subject, $1) AND ($2::text IS NULL OR v.ctx = $2)"
	args := []any{q.Prefix, q.Context}
	if q.Names != nil {
		contexts, names := make([]string, len(q.Names)), make([]string, len(q.Names))
		for i, n := range q.Names {
			contexts[i], names[i] = n.Context, n.Subject
		}
		query += " AND (v.ctx, v.subject) IN (SELECT * FROM unnest($3::text[], $4::text[]))"
		args = append(args, contexts, names)
	}
	return s.each(ctx, query+" ORDER BY v.ctx, v.subject, v.number", args, func(scan func(...any) error) error {
		var head int
		var row versionRow
		var m catalog.Moved
		err := scan(&head, &m.GUIDs, &row.Ctx, &row.Subject, &row.Number, &row.State, &row.Lens, &row.Mark, &row.Rev, &row.At, &row.Author, &row.ID, &row.GUID,
			&row.Text, &row.Refs, &row.Metadata, &row.Rules, &row.Broken, &row.SchemaAt, &row.SchemaAuthor)
		if err != nil {
			return err
		}
		if m.Version, err = row.version(); err != nil {
			return err
		}
		return f(head, m)
	})
}

// Policies calls f with each policy that says something.
func (s snapshot) Policies(ctx context.Context, f func(catalog.Scope, catalog.Policy) error) error {
	return s.each(ctx, "SELECT ctx, subject, config::text, mode, rev FROM accord.policies WHERE config <> '{}' OR mode <> '' ORDER BY ctx, subject", nil, func(scan func(...any) error) error {
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
func (s snapshot) Documents(ctx context.Context, f func(catalog.Document) error) error {
	return s.each(ctx, "SELECT kind, name, body, rev, at, author FROM accord.documents ORDER BY kind, name", nil, func(scan func(...any) error) error {
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
func (s snapshot) History(ctx context.Context, f func(catalog.Archived) error) error {
	query := "SELECT chain, " + changeColumns + " FROM accord.archive ORDER BY chain, rev"
	for range 2 {
		err := s.each(ctx, query, nil, func(scan func(...any) error) error {
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
		query = "SELECT (SELECT hash FROM accord.changes ORDER BY rev LIMIT 1), " + changeColumns + " FROM accord.changes ORDER BY rev"
	}
	return nil
}
