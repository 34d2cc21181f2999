package sqlite

import (
	"context"
	"fmt"

	"github.com/accordhq/accord/catalog"
)

// Delete deletes, purges or brings back versions, if nothing that head rests on has changed.
func (s *Store) Delete(ctx context.Context, name catalog.Name, head catalog.Head, d catalog.Deletion) (numbers []int, rev catalog.Rev, err error) {
	if len(d.Versions) == 0 {
		return nil, 0, nil
	}
	err = s.writing(ctx, "delete versions", func(t *tx) error {
		if err := t.compare(name, head); err != nil {
			return err
		}
		act := t.softDelete
		switch {
		case d.Permanent:
			act = t.purge
		case d.Undelete:
			act = t.undelete
		}
		for _, number := range d.Versions {
			if err := act(name, number, d.Whole); err != nil {
				return err
			}
		}
		if d.Permanent {
			if err := t.sweep(name); err != nil {
				return err
			}
		}
		numbers, rev = d.Versions, t.rev
		return t.exec("UPDATE subjects SET rev = ? WHERE ctx = ? AND name = ?", rev, name.Context, name.Subject)
	})
	if err != nil {
		return nil, 0, err
	}
	return numbers, rev, nil
}

// stored reads ID and GUID of a version that must be in a state.
func (t *tx) stored(name catalog.Name, number int, want catalog.State) (id int, guid string, err error) {
	var state catalog.State
	there, err := t.row("SELECT v.state, v.id, s.guid FROM versions v JOIN schemas s ON s.ctx = v.ctx AND s.id = v.id WHERE v.ctx = ? AND v.subject = ? AND v.number = ?",
		[]any{name.Context, name.Subject, number}, &state, &id, &guid)
	if err == nil && (!there || state != want) {
		err = fmt.Errorf("%s version %d is not %s: %w", name, number, want, catalog.ErrConflict)
	}
	return id, guid, err
}

// unreferenced refuses while versions up to a state refer to a version; with whole, those of the subject itself do
// not count.
func (t *tx) unreferenced(name catalog.Name, number int, upTo catalog.State, whole bool) error {
	var referenced bool
	_, err := t.row(`SELECT EXISTS (SELECT 1 FROM refs r JOIN versions u INDEXED BY versions_id ON u.ctx = r.ctx AND u.id = r.id AND u.state <= ?
		WHERE r.to_ctx = ? AND r.to_subject = ? AND r.to_number = ? AND NOT (? AND u.ctx = r.to_ctx AND u.subject = r.to_subject))`,
		[]any{upTo, name.Context, name.Subject, number, whole}, &referenced)
	if err == nil && referenced {
		err = &catalog.Error{Reason: catalog.Referenced, Name: name, Version: number}
	}
	return err
}

func (t *tx) softDelete(name catalog.Name, number int, whole bool) error {
	id, guid, err := t.stored(name, number, catalog.Live)
	if err != nil {
		return err
	}
	if err := t.unreferenced(name, number, catalog.Live, whole); err != nil {
		return err
	}
	return t.setState(catalog.OpDelete, name, number, id, guid, catalog.Deleted)
}

func (t *tx) undelete(name catalog.Name, number int, _ bool) error {
	id, guid, err := t.stored(name, number, catalog.Deleted)
	if err != nil {
		return err
	}
	var ctx, subject string
	var target int
	dangling, err := t.row(`SELECT r.to_ctx, r.to_subject, r.to_number FROM refs r WHERE r.ctx = ? AND r.id = ? AND NOT EXISTS (
		SELECT 1 FROM versions v WHERE v.ctx = r.to_ctx AND v.subject = r.to_subject AND v.number = r.to_number AND v.state = 0) LIMIT 1`,
		[]any{name.Context, id}, &ctx, &subject, &target)
	if err != nil {
		return err
	}
	if dangling {
		return &catalog.Error{Reason: catalog.ReferenceNotFound, Name: catalog.Name{Context: ctx, Subject: subject}, Version: target}
	}
	return t.setState(catalog.OpUndelete, name, number, id, guid, catalog.Live)
}

// setState changes a version and writes the change.
func (t *tx) setState(op catalog.Op, name catalog.Name, number, id int, guid string, state catalog.State) error {
	rev, err := t.change(catalog.Change{Op: op, Name: name, Version: number, ID: id, GUID: guid})
	if err != nil {
		return err
	}
	return t.exec("UPDATE versions SET state = ?, rev = ? WHERE ctx = ? AND subject = ? AND number = ?", state, rev, name.Context, name.Subject, number)
}

func (t *tx) purge(name catalog.Name, number int, whole bool) error {
	id, guid, err := t.stored(name, number, catalog.Deleted)
	if err != nil {
		return err
	}
	if err := t.unreferenced(name, number, catalog.Deleted, whole); err != nil {
		return err
	}
	if _, err := t.change(catalog.Change{Op: catalog.OpPurge, Name: name, Version: number, ID: id, GUID: guid}); err != nil {
		return err
	}
	t.purged = append(t.purged, id)
	return t.exec("DELETE FROM versions WHERE ctx = ? AND subject = ? AND number = ?", name.Context, name.Subject, number)
}

// sweep removes what a purge left without purpose: gone versions and the policy of a subject with nothing else, and
// schemas without a version.
func (t *tx) sweep(name catalog.Name) error {
	var left bool
	if _, err := t.row("SELECT EXISTS (SELECT 1 FROM versions WHERE ctx = ? AND subject = ? AND state < 2)", []any{name.Context, name.Subject}, &left); err != nil {
		return err
	}
	if !left {
		if err := t.rows("DELETE FROM versions WHERE ctx = ? AND subject = ? RETURNING id", []any{name.Context, name.Subject}, func(scan func(...any) error) error {
			var id int
			err := scan(&id)
			t.purged = append(t.purged, id)
			return err
		}); err != nil {
			return err
		}
		if err := t.exec("UPDATE subjects SET head = 0 WHERE ctx = ? AND name = ?", name.Context, name.Subject); err != nil {
			return err
		}
		if err := t.exec("UPDATE policies SET config = '{}', mode = '', rev = ? WHERE ctx = ? AND subject = ?", t.rev, name.Context, name.Subject); err != nil {
			return err
		}
	}
	for _, id := range t.purged {
		if err := t.sweepSchema(name.Context, id); err != nil {
			return err
		}
	}
	return nil
}

// sweepSchema removes a schema if no version carries it.
func (t *tx) sweepSchema(ctx string, id int) error {
	var guid string
	orphan, err := t.row("DELETE FROM schemas AS s WHERE ctx = ? AND id = ? AND NOT EXISTS (SELECT 1 FROM versions v INDEXED BY versions_id WHERE v.ctx = s.ctx AND v.id = s.id) RETURNING guid", []any{ctx, id}, &guid)
	if err != nil || !orphan {
		return err
	}
	if err := t.exec("DELETE FROM refs WHERE ctx = ? AND id = ?", ctx, id); err != nil {
		return err
	}
	if err := t.exec("DELETE FROM guids WHERE ctx = ? AND id = ?", ctx, id); err != nil {
		return err
	}
	// Another ID of the same identity, from an import, takes the place of the one that went.
	return t.exec("INSERT INTO guids (ctx, guid, id) SELECT ctx, guid, min(id) FROM schemas WHERE ctx = ? AND guid = ? GROUP BY ctx, guid ON CONFLICT DO NOTHING", ctx, guid)
}
