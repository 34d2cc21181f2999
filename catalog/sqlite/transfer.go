package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/accordhq/accord/catalog"
)

// errTried ends a transaction that was only to be tried.
var errTried = &catalog.Error{Reason: "tried"}

// Import writes one batch, whole or not at all.
func (s *Store) Import(ctx context.Context, b catalog.Batch) (done catalog.BatchDone, err error) {
	err = s.writing(ctx, "import", func(t *tx) error {
		done = catalog.BatchDone{}
		m := &importing{tx: t, b: &b, done: &done}
		if err := m.write(); err != nil {
			return err
		}
		done.Rev = t.rev
		if b.Try {
			return errTried
		}
		return nil
	})
	if errors.Is(err, errTried.Reason) {
		done.Rev, err = 0, nil
	}
	if err != nil {
		return catalog.BatchDone{}, err
	}
	return done, nil
}

// importing is a batch under way.
type importing struct {
	*tx
	b    *catalog.Batch
	done *catalog.BatchDone
}

func (m *importing) write() error {
	for _, c := range m.b.Contexts {
		if err := m.context(c); err != nil {
			return err
		}
	}
	for _, subject := range m.b.Subjects {
		if err := m.subject(subject); err != nil {
			return fmt.Errorf("import %s: %w", subject.Name, err)
		}
	}
	// References are looked at last: subjects of one batch may refer to each other.
	for _, subject := range m.b.Subjects {
		for i := range subject.Versions {
			if err := m.referenced(subject.Name, &subject.Versions[i]); err != nil {
				return err
			}
		}
	}
	for _, d := range m.b.Documents {
		if err := m.document(d); err != nil {
			return err
		}
	}
	for _, a := range m.b.History {
		if err := m.history(a); err != nil {
			return err
		}
	}
	return nil
}

// context raises the highest ID that was given.
func (m *importing) context(c catalog.ContextIDs) error {
	last := 0
	if _, err := m.row("SELECT last_id FROM contexts WHERE name = ?", []any{c.Context}, &last); err != nil || last >= c.ID {
		return err
	}
	if !m.b.Open {
		return &catalog.Error{Reason: catalog.NotImport, Name: catalog.Name{Context: c.Context}}
	}
	return m.exec("INSERT INTO contexts (name, last_id) VALUES (?, ?) ON CONFLICT DO UPDATE SET last_id = excluded.last_id", c.Context, c.ID)
}

// subject adds what is not there of a subject.
func (m *importing) subject(s catalog.MovedSubject) error {
	var head int
	var rev catalog.Rev
	if _, err := m.row("SELECT head, rev FROM subjects WHERE ctx = ? AND name = ?", []any{s.Context, s.Subject}, &head, &rev); err != nil {
		return err
	}
	if err := m.compare(s.Name, catalog.Head{Number: head, Rev: m.b.Rev}); err != nil {
		return err
	}
	if err := m.exec("INSERT INTO contexts (name) VALUES (?) ON CONFLICT DO NOTHING", s.Context); err != nil {
		return err
	}
	before := m.rev
	for _, v := range s.Versions {
		if err := m.version(s.Name, &v); err != nil {
			return err
		}
	}
	if m.rev == before && head >= s.Head {
		return nil
	}
	if m.rev > before {
		rev = m.rev
	}
	return m.exec("INSERT INTO subjects (ctx, name, head, rev) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET head = max(head, excluded.head), rev = excluded.rev",
		s.Context, s.Subject, s.Head, rev)
}

// version adds a version, or finds it as it is.
func (m *importing) version(name catalog.Name, v *catalog.Moved) error {
	var id int
	var state catalog.State
	var lens string
	there, err := m.row("SELECT id, state, lens FROM versions WHERE ctx = ? AND subject = ? AND number = ?", []any{name.Context, name.Subject, v.Number}, &id, &state, &lens)
	if err != nil {
		return err
	}
	if there && id != v.Schema.ID {
		return &catalog.Error{Reason: catalog.IDMismatch, Name: name, Version: v.Number, ID: id}
	}
	given, err := text(v.Lens)
	if err != nil {
		return err
	}
	if err := m.schema(name, v); err != nil {
		return err
	}
	switch {
	case there && state != v.State:
		return &catalog.Error{Reason: catalog.VersionTaken, Name: name, Version: v.Number, Detail: fmt.Sprintf("%s here, %s there", state, v.State)}
	case there && lens != given:
		return &catalog.Error{Reason: catalog.VersionTaken, Name: name, Version: v.Number, Detail: "the lens is another"}
	case there:
		m.done.Same++
		return nil
	case !m.b.Open:
		return &catalog.Error{Reason: catalog.NotImport, Name: name}
	}
	m.done.Created++
	if v.At.IsZero() {
		v.At, v.By = m.now, m.author.By
	}
	mark, err := text(v.Mark)
	if err != nil {
		return err
	}
	change := catalog.Change{Op: catalog.OpRegister, Name: name, Version: v.Number, ID: v.Schema.ID, GUID: v.Schema.GUID, After: raw(mark)}
	rev, err := m.change(change)
	if err == nil && v.State != catalog.Live {
		change.Op, change.After = catalog.OpDelete, nil
		rev, err = m.change(change)
	}
	if err != nil {
		return err
	}
	return m.exec("INSERT INTO versions (ctx, subject, number, id, state, lens, mark, rev, at, author) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		name.Context, name.Subject, v.Number, v.Schema.ID, v.State, given, mark, rev, micros(v.At), v.By)
}

// schema adds the schema of a version, or finds it as it is, and the GUIDs that it is also known by.
func (m *importing) schema(name catalog.Name, v *catalog.Moved) error {
	s := v.Schema
	var known catalog.Schema
	finish, into := schemaScan(&known)
	there, err := m.row("SELECT "+schemaColumns+" FROM schemas s WHERE s.ctx = ? AND s.id = ?", []any{name.Context, s.ID}, into...)
	if err != nil {
		return err
	}
	if there {
		if err := finish(); err != nil {
			return err
		}
		if known.GUID != s.GUID {
			return &catalog.Error{Reason: catalog.IDTaken, Name: name, ID: s.ID}
		}
	}
	if err := m.collisions(name, v); err != nil {
		return err
	}
	if !there {
		if !m.b.Open {
			return &catalog.Error{Reason: catalog.NotImport, Name: name}
		}
		if s.At.IsZero() {
			s.At, s.By = m.now, m.author.By
		}
		if err := m.exec("UPDATE contexts SET last_id = max(last_id, ?) WHERE name = ?", s.ID, name.Context); err != nil {
			return err
		}
		added := v.Version
		added.Schema = s
		added.Schema.Context = name.Context
		if err := m.addSchema(&added); err != nil {
			return err
		}
	}
	for _, guid := range v.GUIDs {
		if err := m.exec("INSERT INTO other_guids (guid, ctx, id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", guid, name.Context, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// collisions refuses a schema one of whose GUIDs means other contents, in whatever context.
func (m *importing) collisions(name catalog.Name, v *catalog.Moved) error {
	for _, guid := range append([]string{v.Schema.GUID}, v.GUIDs...) {
		err := m.rows("SELECT "+schemaColumns+" FROM schemas s WHERE "+knownBy, []any{guid, guid}, func(scan func(...any) error) error {
			var known catalog.Schema
			finish, into := schemaScan(&known)
			if err := errors.Join(scan(into...), finish()); err != nil {
				return err
			}
			if !known.SameContents(v.Schema) {
				return &catalog.Error{Reason: catalog.GUIDCollision, Name: name, Version: v.Number, GUID: guid}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// referenced refuses a version that refers to nothing, unless it is known to be broken.
func (m *importing) referenced(name catalog.Name, v *catalog.Moved) error {
	for _, ref := range v.Schema.References {
		to, err := ref.Target(name.Context)
		if err != nil {
			return err
		}
		if v.Schema.Broken != "" || m.b.Try && slices.ContainsFunc(m.b.Assumed, func(a catalog.SubjectVersion) bool { return a.Name == to && a.Version == ref.Version }) {
			continue
		}
		var there bool
		if _, err := m.row("SELECT EXISTS (SELECT 1 FROM versions WHERE ctx = ? AND subject = ? AND number = ?)", []any{to.Context, to.Subject, ref.Version}, &there); err != nil {
			return err
		}
		if !there {
			return &catalog.Error{Reason: catalog.ReferenceNotFound, Name: name, Version: v.Number, ID: v.Schema.ID, Detail: fmt.Sprintf("%s version %d", to, ref.Version)}
		}
	}
	return nil
}

// document adds a document.
func (m *importing) document(d catalog.Document) error {
	old, there, err := m.tx.document(d.Kind, d.Name)
	if err != nil {
		return err
	}
	switch {
	case there && string(old.Body) == string(d.Body):
		m.done.Same++
		return nil
	case there:
		return &catalog.Error{Reason: catalog.DocumentTaken, Detail: d.Kind + " " + d.Name}
	case !m.b.Open:
		return &catalog.Error{Reason: catalog.NotImport}
	}
	m.done.Created++
	rev, err := m.change(catalog.Change{Op: catalog.OpDocument, Name: catalog.Name{Subject: d.Kind + "/" + d.Name}, After: json.RawMessage(d.Body)})
	if err != nil {
		return err
	}
	if d.At.IsZero() {
		d.At, d.By = m.now, m.author.By
	}
	return m.exec("INSERT INTO documents (kind, name, body, rev, at, author) VALUES (?, ?, ?, ?, ?, ?)", d.Kind, d.Name, string(d.Body), rev, micros(d.At), d.By)
}

// history adds a row of another store's history, which is no change of this one.
func (m *importing) history(a catalog.Archived) error {
	var known string
	there, err := m.row("SELECT hash FROM archive WHERE chain = ? AND rev = ?", []any{a.Chain, a.Rev}, &known)
	switch {
	case err != nil:
		return err
	case there && known == a.Hash:
		m.done.Same++
		return nil
	case there:
		return &catalog.Error{Reason: catalog.HistoryTaken, Detail: fmt.Sprintf("revision %d of chain %s", a.Rev, a.Chain)}
	case !m.b.Open:
		return &catalog.Error{Reason: catalog.NotImport}
	}
	m.done.Created++
	return m.exec("INSERT INTO archive (chain, "+changeColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.Chain, a.Rev, micros(a.At), a.By, a.Reason, a.Commit, a.Op, a.Context, a.Subject, a.Version, a.ID, a.GUID, string(a.Before), string(a.After), a.Source, a.Hash)
}

// changeColumns are the columns of a row of history.
const changeColumns = "rev, at, author, reason, repo_commit, op, ctx, subject, number, id, guid, before_change, after_change, source, hash"

// scanChange reads a row of history, behind what more says.
func scanChange(scan func(...any) error, more ...any) (c catalog.Change, err error) {
	var at int64
	var before, behind string
	err = scan(append(more, &c.Rev, &at, &c.By, &c.Reason, &c.Commit, &c.Op, &c.Context, &c.Subject, &c.Version, &c.ID, &c.GUID, &before, &behind, &c.Source, &c.Hash)...)
	c.At, c.Before, c.After = moment(at), raw(before), raw(behind)
	return c, err
}

// Archive reads at most limit rows of the history of other stores, by chain and revision, after a place.
func (s *Store) Archive(ctx context.Context, chain string, after catalog.Rev, limit int) (list []catalog.Archived, err error) {
	err = s.reading(ctx, "read the archive", func(t *tx) error {
		return t.rows("SELECT chain, "+changeColumns+" FROM archive WHERE (chain, rev) > (?, ?) ORDER BY chain, rev LIMIT ?", []any{chain, after, limit}, func(scan func(...any) error) error {
			var a catalog.Archived
			a.Change, err = scanChange(scan, &a.Chain)
			list = append(list, a)
			return err
		})
	})
	return list, err
}
