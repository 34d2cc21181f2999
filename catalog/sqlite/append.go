package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/accordhq/accord/catalog"
)

// Append adds versions if nothing that head rests on has changed.
func (s *Store) Append(ctx context.Context, name catalog.Name, head catalog.Head, versions ...catalog.Version) (added []catalog.Version, rev catalog.Rev, err error) {
	err = s.writing(ctx, "append a version", func(t *tx) error {
		if err := t.compare(name, head); err != nil {
			return err
		}
		if err := t.exec("INSERT INTO contexts (name) VALUES (?) ON CONFLICT DO NOTHING", name.Context); err != nil {
			return err
		}
		highest := head.Number
		for _, v := range versions {
			v.Name, v.Schema.Context = name, name.Context
			if v.Number == 0 {
				v.Number = highest + 1
			}
			highest = max(highest, v.Number)
			if err := t.append(&v, head); err != nil {
				return err
			}
			added = append(added, v)
		}
		rev = t.rev
		return t.exec("INSERT INTO subjects (ctx, name, head, rev) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET head = excluded.head, rev = excluded.rev",
			name.Context, name.Subject, highest, rev)
	})
	if err != nil {
		return nil, 0, err
	}
	return added, rev, nil
}

// compare is the comparison of compare-and-swap.
func (t *tx) compare(name catalog.Name, head catalog.Head) error {
	var number int
	var rev catalog.Rev
	if _, err := t.row("SELECT head, rev FROM subjects WHERE ctx = ? AND name = ?", []any{name.Context, name.Subject}, &number, &rev); err != nil {
		return err
	}
	if number != head.Number || rev > head.Rev {
		return fmt.Errorf("%s: %w", name, catalog.ErrConflict)
	}
	var policy catalog.Rev
	if _, err := t.row("SELECT coalesce(max(rev), 0) FROM policies WHERE ctx = ? AND subject IN (?, '') OR ctx = ? AND subject = ''",
		[]any{name.Context, name.Subject, catalog.GlobalContext}, &policy); err != nil {
		return err
	}
	if policy > head.Rev {
		return fmt.Errorf("%s: policy: %w", name, catalog.ErrConflict)
	}
	return nil
}

// append adds one version, whose number is set, and fills in its ID, revision and time.
func (t *tx) append(v *catalog.Version, head catalog.Head) error {
	if err := t.references(v, head); err != nil {
		return err
	}
	var there bool
	if _, err := t.row("SELECT EXISTS (SELECT 1 FROM versions WHERE ctx = ? AND subject = ? AND number = ?)", []any{v.Context, v.Subject, v.Number}, &there); err != nil {
		return err
	}
	if there {
		return &catalog.Error{Reason: catalog.VersionTaken, Name: v.Name, Version: v.Number}
	}
	v.At, v.By = t.now, t.author.By
	if err := t.schema(v); err != nil {
		return err
	}
	mark, err := text(v.Mark)
	if err != nil {
		return err
	}
	rev, err := t.change(catalog.Change{Op: catalog.OpRegister, Name: v.Name, Version: v.Number, ID: v.Schema.ID, GUID: v.Schema.GUID, After: raw(mark)})
	if err != nil {
		return err
	}
	v.Rev = rev
	// What stood deleted with the same ID has come back under a new number.
	if err := t.exec(`UPDATE versions AS v SET state = 2, rev = ? WHERE ctx = ? AND subject = ? AND id = ? AND state = 1 AND NOT EXISTS (
			SELECT 1 FROM refs r JOIN versions u INDEXED BY versions_id ON u.ctx = r.ctx AND u.id = r.id AND u.state < 2
			WHERE r.to_ctx = v.ctx AND r.to_subject = v.subject AND r.to_number = v.number)`,
		rev, v.Context, v.Subject, v.Schema.ID); err != nil {
		return err
	}
	lens, err := text(v.Lens)
	if err != nil {
		return err
	}
	return t.exec("INSERT INTO versions (ctx, subject, number, id, state, lens, mark, rev, at, author) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		v.Context, v.Subject, v.Number, v.Schema.ID, v.State, lens, mark, rev, micros(v.At), v.By)
}

// references refuses a version that refers to what is not live, and reports a conflict where what it refers to has
// changed since head was read. An imported history may also refer to what is deleted.
func (t *tx) references(v *catalog.Version, head catalog.Head) error {
	for _, ref := range v.Schema.References {
		to, err := ref.Target(v.Context)
		if err != nil {
			return err
		}
		var state catalog.State
		var rev catalog.Rev
		there, err := t.row("SELECT state, rev FROM versions WHERE ctx = ? AND subject = ? AND number = ?", []any{to.Context, to.Subject, ref.Version}, &state, &rev)
		if err != nil {
			return err
		}
		imported := v.Mark != nil && v.Mark.Imported
		if !there || state == catalog.Gone || state == catalog.Deleted && !imported {
			return &catalog.Error{Reason: catalog.ReferenceNotFound, Name: to, Version: ref.Version, Detail: ref.Name}
		}
		if rev > head.Rev {
			return fmt.Errorf("%s: reference %s: %w", v.Name, ref.Name, catalog.ErrConflict)
		}
	}
	return nil
}

// schema finds or adds the schema of a version and sets its ID.
func (t *tx) schema(v *catalog.Version) error {
	s := &v.Schema
	if s.ID == 0 {
		if _, err := t.row("SELECT id FROM guids WHERE ctx = ? AND guid = ?", []any{s.Context, s.GUID}, &s.ID); err != nil {
			return err
		}
	}
	if s.ID == 0 {
		if _, err := t.row("UPDATE contexts SET last_id = last_id + 1 WHERE name = ? RETURNING last_id", []any{s.Context}, &s.ID); err != nil {
			return err
		}
		return t.addSchema(v)
	}
	var known catalog.Schema
	finish, into := schemaScan(&known)
	there, err := t.row("SELECT "+schemaColumns+" FROM schemas s WHERE s.ctx = ? AND s.id = ?", []any{s.Context, s.ID}, into...)
	if err != nil {
		return err
	}
	if !there {
		if err := t.exec("UPDATE contexts SET last_id = max(last_id, ?) WHERE name = ?", s.ID, s.Context); err != nil {
			return err
		}
		return t.addSchema(v)
	}
	if err := finish(); err != nil {
		return err
	}
	switch {
	case known.GUID != s.GUID:
		return &catalog.Error{Reason: catalog.IDTaken, Name: v.Name, ID: s.ID}
	case !known.SameContents(*s):
		return &catalog.Error{Reason: catalog.GUIDCollision, Name: v.Name, GUID: s.GUID}
	}
	s.At, s.By, s.Broken = known.At, known.By, known.Broken
	return nil
}

// addSchema writes a schema under its new ID, with what it refers to.
func (t *tx) addSchema(v *catalog.Version) error {
	s := &v.Schema
	if s.At.IsZero() {
		s.At, s.By = t.now, t.author.By
	}
	refs := ""
	if len(s.References) > 0 {
		b, err := json.Marshal(s.References)
		if err != nil {
			return err
		}
		refs = string(b)
	}
	metadata, errMetadata := text(s.Metadata)
	rules, errRules := text(s.RuleSet)
	if err := errors.Join(errMetadata, errRules); err != nil {
		return err
	}
	if err := t.exec("INSERT INTO schemas (ctx, id, guid, text, refs, metadata, rules, broken, at, author) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.Context, s.ID, s.GUID, s.Text, refs, metadata, rules, s.Broken, micros(s.At), s.By); err != nil {
		return err
	}
	if err := t.exec("INSERT INTO guids (ctx, guid, id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET id = min(id, excluded.id)", s.Context, s.GUID, s.ID); err != nil {
		return err
	}
	for _, ref := range s.References {
		to, err := ref.Target(s.Context)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT INTO refs (ctx, id, to_ctx, to_subject, to_number) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			s.Context, s.ID, to.Context, to.Subject, ref.Version); err != nil {
			return err
		}
	}
	return nil
}

// SetLens replaces the lens of a version.
func (s *Store) SetLens(ctx context.Context, name catalog.Name, number, rev int, lens catalog.StoredLens) (at catalog.Rev, err error) {
	err = s.writing(ctx, "set a lens", func(t *tx) error {
		var stored string
		var id int
		there, err := t.row("SELECT lens, id FROM versions WHERE ctx = ? AND subject = ? AND number = ? AND state < 2", []any{name.Context, name.Subject, number}, &stored, &id)
		if err != nil {
			return err
		}
		if !there {
			return &catalog.Error{Reason: catalog.VersionNotFound, Name: name, Version: number}
		}
		old, err := value[catalog.StoredLens](stored)
		if err != nil {
			return err
		}
		if old == nil && rev != 0 || old != nil && old.Rev != rev {
			return fmt.Errorf("%s version %d: lens: %w", name, number, catalog.ErrConflict)
		}
		next, err := text(&lens)
		if err != nil {
			return err
		}
		if at, err = t.change(catalog.Change{Op: catalog.OpLens, Name: name, Version: number, ID: id, Before: []byte(stored), After: []byte(next)}); err != nil {
			return err
		}
		if err := t.exec("UPDATE versions SET lens = ?, rev = ? WHERE ctx = ? AND subject = ? AND number = ?", next, at, name.Context, name.Subject, number); err != nil {
			return err
		}
		return t.exec("UPDATE subjects SET rev = ? WHERE ctx = ? AND name = ?", at, name.Context, name.Subject)
	})
	return at, err
}
