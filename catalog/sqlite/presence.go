package sqlite

import (
	"context"

	"github.com/accordhq/accord/catalog"
)

// addAccepted adds the counts of what a report let through.
func (t *tx) addAccepted(r catalog.RejectionReport) error {
	for _, x := range r.Accepted {
		if err := t.exec(`INSERT INTO accepted (ctx, subject, number, topic, author, records, last) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET records = records + excluded.records, last = max(last, excluded.last)`,
			x.Context, x.Subject, x.Version, x.Topic, x.By, x.Records, micros(t.now)); err != nil {
			return err
		}
	}
	if len(r.Accepted) == 0 {
		return nil
	}
	return t.exec("DELETE FROM accepted WHERE rowid IN (SELECT rowid FROM accepted ORDER BY last DESC LIMIT -1 OFFSET ?)", catalog.MaxAccepted)
}

// addPresence adds the counts of members; a version keeps those that are there most often.
func (t *tx) addPresence(r catalog.RejectionReport) error {
	type version struct {
		catalog.Name
		number int
	}
	touched := map[version]bool{}
	for _, x := range r.Presence {
		touched[version{catalog.Name{Context: x.Context, Subject: x.Subject}, x.Version}] = true
		if err := t.exec(`INSERT INTO presence (ctx, subject, number, address, author, seen, total, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET seen = seen + excluded.seen, total = total + excluded.total, last = excluded.last`,
			x.Context, x.Subject, x.Version, x.Address, x.By, x.Seen, x.Of, micros(t.now)); err != nil {
			return err
		}
	}
	for v := range touched {
		if err := t.exec(`DELETE FROM presence WHERE rowid IN (SELECT rowid FROM presence WHERE ctx = ? AND subject = ? AND number = ?
			ORDER BY seen DESC, address LIMIT -1 OFFSET ?)`, v.Context, v.Subject, v.number, catalog.MaxPresence); err != nil {
			return err
		}
	}
	return nil
}

// Accepted returns what was let through, newest version first.
func (s *Store) Accepted(ctx context.Context, name catalog.Name) (all []catalog.Acceptance, err error) {
	err = s.reading(ctx, "read what was let through", func(t *tx) error {
		return t.rows(`SELECT ctx, subject, number, topic, author, records FROM accepted
			WHERE (?1 = '' AND ?2 = '') OR (ctx = ?1 AND subject = ?2) ORDER BY ctx, subject, number DESC, topic, author LIMIT ?3`,
			[]any{name.Context, name.Subject, catalog.MaxPage}, func(scan func(...any) error) error {
				var x catalog.Acceptance
				err := scan(&x.Context, &x.Subject, &x.Version, &x.Topic, &x.By, &x.Records)
				all = append(all, x)
				return err
			})
	})
	return all, err
}

// Presence returns how often members are there, by version and address. The events that were looked at are those of the row
// of the version itself: a member's own row begins with the first event that has it.
func (s *Store) Presence(ctx context.Context, name catalog.Name, number int) (all []catalog.Presence, err error) {
	err = s.reading(ctx, "read presence", func(t *tx) error {
		return t.rows(`SELECT p.ctx, p.subject, p.number, p.address, sum(p.seen), max(sum(p.total), coalesce((SELECT sum(r.total) FROM presence r
				WHERE r.ctx = p.ctx AND r.subject = p.subject AND r.number = p.number AND r.address = ''), 0))
			FROM presence p WHERE p.ctx = ?1 AND p.subject = ?2 AND (?3 = 0 OR p.number = ?3)
			GROUP BY p.ctx, p.subject, p.number, p.address ORDER BY p.number, p.address LIMIT ?4`,
			[]any{name.Context, name.Subject, number, maxPresenceRows}, func(scan func(...any) error) error {
				var x catalog.Presence
				err := scan(&x.Context, &x.Subject, &x.Version, &x.Address, &x.Seen, &x.Of)
				all = append(all, x)
				return err
			})
	})
	return all, err
}

// maxPresenceRows bounds one answer.
const maxPresenceRows = 10 * catalog.MaxPresence
