package postgres

import (
	"context"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// addAccepted adds the counts of what a report let through.
func addAccepted(b *pgx.Batch, r catalog.RejectionReport) {
	now := micros(time.Now())
	for _, x := range r.Accepted {
		b.Queue(`INSERT INTO accord.accepted AS a (ctx, subject, number, topic, author, records, last) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (ctx, subject, number, topic, author) DO UPDATE SET records = a.records + excluded.records, last = greatest(a.last, excluded.last)`,
			clean(x.Context), clean(x.Subject), x.Version, clean(x.Topic), clean(x.By), x.Records, now)
	}
	if len(r.Accepted) > 0 {
		b.Queue("DELETE FROM accord.accepted WHERE ctid IN (SELECT ctid FROM accord.accepted ORDER BY last DESC OFFSET $1)", catalog.MaxAccepted)
	}
}

// addPresence adds the counts of members; a version keeps those that are there most often.
func addPresence(b *pgx.Batch, r catalog.RejectionReport) {
	type version struct {
		catalog.Name
		number int
	}
	now, touched := micros(time.Now()), map[version]bool{}
	for _, x := range r.Presence {
		touched[version{catalog.Name{Context: x.Context, Subject: x.Subject}, x.Version}] = true
		b.Queue(`INSERT INTO accord.presence AS p (ctx, subject, number, address, author, seen, total, last) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (ctx, subject, number, address, author) DO UPDATE SET seen = p.seen + excluded.seen, total = p.total + excluded.total, last = excluded.last`,
			clean(x.Context), clean(x.Subject), x.Version, clean(x.Address), clean(x.By), x.Seen, x.Of, now)
	}
	for v := range touched {
		b.Queue(`DELETE FROM accord.presence WHERE ctid IN (SELECT ctid FROM accord.presence WHERE ctx = $1 AND subject = $2 AND number = $3
			ORDER BY seen DESC, address OFFSET $4)`, clean(v.Context), clean(v.Subject), v.number, catalog.MaxPresence)
	}
}

// Accepted returns what was let through, newest version first.
func (s *Store) Accepted(ctx context.Context, name catalog.Name) ([]catalog.Acceptance, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT ctx, subject, number, topic, author, records FROM accord.accepted
		WHERE ($1 = '' AND $2 = '') OR (ctx = $1 AND subject = $2) ORDER BY ctx, subject, number DESC, topic, author LIMIT $3`,
		name.Context, name.Subject, catalog.MaxPage)
	if err != nil {
		return nil, wrap(ctx, "read what was let through", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (catalog.Acceptance, error) {
		var x catalog.Acceptance
		err := row.Scan(&x.Context, &x.Subject, &x.Version, &x.Topic, &x.By, &x.Records)
		return x, err
	})
	return all, wrap(ctx, "read what was let through", err)
}

// maxPresenceRows bounds one answer.
const maxPresenceRows = 10 * catalog.MaxPresence

// Presence returns how often members are there, by version and address. The events that were looked at are those of the row
// of the version itself: a member's own row begins with the first event that has it.
func (s *Store) Presence(ctx context.Context, name catalog.Name, number int) ([]catalog.Presence, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT p.ctx, p.subject, p.number, p.address, sum(p.seen)::bigint, greatest(sum(p.total), coalesce((SELECT sum(r.total) FROM accord.presence r
			WHERE r.ctx = p.ctx AND r.subject = p.subject AND r.number = p.number AND r.address = ''), 0))::bigint
		FROM accord.presence p WHERE p.ctx = $1 AND p.subject = $2 AND ($3 = 0 OR p.number = $3)
		GROUP BY p.ctx, p.subject, p.number, p.address ORDER BY p.number, p.address LIMIT $4`,
		name.Context, name.Subject, number, maxPresenceRows)
	if err != nil {
		return nil, wrap(ctx, "read presence", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (catalog.Presence, error) {
		var x catalog.Presence
		err := row.Scan(&x.Context, &x.Subject, &x.Version, &x.Address, &x.Seen, &x.Of)
		return x, err
	})
	return all, wrap(ctx, "read presence", err)
}
