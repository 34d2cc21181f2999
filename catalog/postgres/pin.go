package postgres

import (
	"context"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// AddPins notes who reads what.
func (s *Store) AddPins(ctx context.Context, pins []catalog.Pin) error {
	ctx, cancel := within(ctx)
	defer cancel()
	return wrap(ctx, "add pins", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, p := range pins {
			batch.Queue(`INSERT INTO accord.pins AS p VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (ctx, subject, grp, client, number, author) DO UPDATE SET last = greatest(p.last, excluded.last)`,
				clean(p.Context), clean(p.Subject), clean(p.Group), clean(p.Client), p.Version, clean(p.By), micros(p.First), micros(p.Last))
		}
		batch.Queue("DELETE FROM accord.pins WHERE ctid IN (SELECT ctid FROM accord.pins ORDER BY last DESC OFFSET $1)", catalog.MaxPins)
		return tx.SendBatch(ctx, &batch).Close()
	}))
}

// Pins returns who reads a subject, newest first.
func (s *Store) Pins(ctx context.Context, name catalog.Name, limit int) ([]catalog.Pin, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	if limit <= 0 || limit > catalog.MaxPage {
		limit = catalog.MaxPage
	}
	rows, err := s.pool.Query(ctx, `SELECT ctx, subject, grp, client, number, author, first, last FROM accord.pins
		WHERE ($1 = '' AND $2 = '') OR (ctx = $1 AND subject = $2) ORDER BY last DESC, ctx, subject, grp COLLATE "C", client COLLATE "C", number, author COLLATE "C" LIMIT $3`,
		name.Context, name.Subject, limit)
	if err != nil {
		return nil, wrap(ctx, "read pins", err)
	}
	pins, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p catalog.Pin, err error) {
		var first, last int64
		err = row.Scan(&p.Context, &p.Subject, &p.Group, &p.Client, &p.Version, &p.By, &first, &last)
		p.First, p.Last = moment(first), moment(last)
		return p, err
	})
	return pins, wrap(ctx, "read pins", err)
}
