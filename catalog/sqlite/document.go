package sqlite

import (
	"context"
	"fmt"

	"github.com/accordhq/accord/catalog"
)

// Document reads one document.
func (s *Store) Document(ctx context.Context, kind, name string) (d catalog.Document, err error) {
	err = s.reading(ctx, "read a document", func(t *tx) error {
		var there bool
		if d, there, err = t.document(kind, name); err == nil && !there {
			err = &catalog.Error{Reason: catalog.DocumentNotFound, Detail: kind + " " + name}
		}
		return err
	})
	return d, err
}

// document reads one in the transaction's view.
func (t *tx) document(kind, name string) (d catalog.Document, there bool, err error) {
	d.Kind, d.Name = kind, name
	var at int64
	var body string
	there, err = t.row("SELECT body, rev, at, author FROM documents WHERE kind = ? AND name = ?", []any{kind, name}, &body, &d.Rev, &at, &d.By)
	d.Body, d.At = raw(body), moment(at)
	return d, there, err
}

// ListDocuments reads documents in order.
func (s *Store) ListDocuments(ctx context.Context, kind string, after catalog.DocumentPosition, limit int) (list []catalog.Document, err error) {
	err = s.reading(ctx, "list documents", func(t *tx) error {
		return t.rows("SELECT kind, name, body, rev, at, author FROM documents WHERE (kind = ?1 OR ?1 = '') AND (kind, name) > (?2, ?3) ORDER BY kind, name LIMIT ?4",
			[]any{kind, after.Kind, after.Name, limit}, func(scan func(...any) error) error {
				var d catalog.Document
				var at int64
				var body string
				err := scan(&d.Kind, &d.Name, &body, &d.Rev, &at, &d.By)
				d.Body, d.At = raw(body), moment(at)
				list = append(list, d)
				return err
			})
	})
	return list, err
}

// PutDocument writes one document.
func (s *Store) PutDocument(ctx context.Context, d catalog.Document, expect *catalog.Rev) (rev catalog.Rev, err error) {
	err = s.writing(ctx, "write a document", func(t *tx) error {
		old, _, err := t.document(d.Kind, d.Name)
		if err != nil {
			return err
		}
		if expect != nil && old.Rev != *expect {
			return fmt.Errorf("%s %s: %w", d.Kind, d.Name, catalog.ErrConflict)
		}
		if rev, err = t.change(catalog.Change{Op: catalog.OpDocument, Name: catalog.Name{Subject: d.Kind + "/" + d.Name}, Before: old.Body, After: d.Body}); err != nil {
			return err
		}
		return t.exec("INSERT INTO documents (kind, name, body, rev, at, author) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body, rev = excluded.rev, at = excluded.at, author = excluded.author",
			d.Kind, d.Name, string(d.Body), rev, micros(t.now), t.author.By)
	})
	return rev, err
}

// DeleteDocument removes one document.
func (s *Store) DeleteDocument(ctx context.Context, kind, name string, expect *catalog.Rev) (rev catalog.Rev, err error) {
	err = s.writing(ctx, "delete a document", func(t *tx) error {
		old, there, err := t.document(kind, name)
		if err != nil {
			return err
		}
		if !there {
			return &catalog.Error{Reason: catalog.DocumentNotFound, Detail: kind + " " + name}
		}
		if expect != nil && old.Rev != *expect {
			return fmt.Errorf("%s %s: %w", kind, name, catalog.ErrConflict)
		}
		if rev, err = t.change(catalog.Change{Op: catalog.OpUndocument, Name: catalog.Name{Subject: kind + "/" + name}, Before: old.Body}); err != nil {
			return err
		}
		return t.exec("DELETE FROM documents WHERE kind = ? AND name = ?", kind, name)
	})
	return rev, err
}
