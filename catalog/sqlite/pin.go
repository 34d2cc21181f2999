package sqlite

import (
	"context"

	"github.com/accordhq/accord/catalog"
)

// AddPins notes who reads what.
func (s *Store) AddPins(ctx context.Context, pins []catalog.Pin) error {
	return s.writing(ctx, "add pins", func(t *tx) error {
		for _, p := range pins {
			if err := t.exec(`INSERT INTO pins (ctx, subject, grp, client, number, author, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET last = max(last, excluded.last)`,
				p.Context, p.Subject, p.Group, p.Client, p.Version, p.By, micros(p.First), micros(p.Last)); err != nil {
				return err
			}
		}
		return t.exec("DELETE FROM pins WHERE rowid IN (SELECT rowid FROM pins ORDER BY last DESC LIMIT -1 OFFSET ?)", catalog.MaxPins)
	})
}

// Pins returns who reads a subject, newest first.
func (s *Store) Pins(ctx context.Context, name catalog.Name, limit int) (pins []catalog.Pin, err error) {
	if limit <= 0 || limit > catalog.MaxPage {
		limit = catalog.MaxPage
	}
	err = s.reading(ctx, "read pins", func(t *tx) error {
		return t.rows(`SELECT ctx, subject, grp, client, number, author, first, last FROM pins
			WHERE (?1 = '' AND ?2 = '') OR (ctx = ?1 AND subject = ?2) ORDER BY last DESC, ctx, subject, grp, client, number, author LIMIT ?3`,
			[]any{name.Context, name.Subject, limit}, func(scan func(...any) error) error {
				var p catalog.Pin
				var first, last int64
				err := scan(&p.Context, &p.Subject, &p.Group, &p.Client, &p.Version, &p.By, &first, &last)
				p.First, p.Last = moment(first), moment(last)
				pins = append(pins, p)
				return err
			})
	})
	return pins, err
}
