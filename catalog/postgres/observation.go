package postgres

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// clean takes out the one character that the database cannot keep; reports are made by anybody's clients.
func clean(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// report runs the statements of a report, once.
func (s *Store) report(ctx context.Context, route string, from catalog.Sender, fill func(*pgx.Batch)) error {
	ctx, cancel := within(ctx)
	defer cancel()
	return wrap(ctx, "add "+route, pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var fresh bool
		if err := tx.QueryRow(ctx, "SELECT accord.fresh($1, $2, $3)", route, clean(from.Instance), from.Seq).Scan(&fresh); err != nil || !fresh {
			return err
		}
		var batch pgx.Batch
		if from.Seq == 1 { // one more process to remember
			batch.Queue("DELETE FROM accord.senders WHERE ctid IN (SELECT ctid FROM accord.senders ORDER BY at DESC OFFSET $1)", catalog.MaxSenders)
		}
		fill(&batch)
		return tx.SendBatch(ctx, &batch).Close()
	}))
}

// AddUsage adds the counts of a report, once.
func (s *Store) AddUsage(ctx context.Context, r catalog.UsageReport) error {
	return s.report(ctx, "usage", r.Sender, func(b *pgx.Batch) {
		for _, u := range r.Seen {
			b.Queue(`INSERT INTO accord.usage AS u (`+usageColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
				ON CONFLICT (ctx, subject, role, service, client, principal, topic, grp, number, id, author) DO UPDATE SET
					records = u.records + excluded.records, bytes = u.bytes + excluded.bytes,
					committed = CASE WHEN excluded.committed > 0 THEN excluded.committed ELSE u.committed END,
					first = least(u.first, excluded.first), last = greatest(u.last, excluded.last)`,
				clean(u.Role), clean(u.Service), clean(u.ClientID), clean(u.Principal), clean(u.Topic), clean(u.Group), clean(u.Context), clean(u.Subject),
				u.Version, u.ID, clean(u.By), u.Records, u.Bytes, micros(u.First), micros(u.Last), u.Committed)
		}
		b.Queue("DELETE FROM accord.usage WHERE ctid IN (SELECT ctid FROM accord.usage ORDER BY last DESC OFFSET $1)", catalog.MaxUsageRows)
	})
}

const usageColumns = `role, service, client, principal, topic, grp, ctx, subject, number, id, author, records, bytes, first, last, committed`

// scanUsage reads the columns above.
func scanUsage(row pgx.CollectableRow) (u catalog.Usage, err error) {
	var first, last int64
	err = row.Scan(&u.Role, &u.Service, &u.ClientID, &u.Principal, &u.Topic, &u.Group, &u.Context, &u.Subject, &u.Version, &u.ID, &u.By, &u.Records, &u.Bytes, &first, &last, &u.Committed)
	u.First, u.Last = moment(first), moment(last)
	return u, err
}

// Usage returns who writes and reads, newest first.
func (s *Store) Usage(ctx context.Context, name catalog.Name, limit int) ([]catalog.Usage, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	if limit <= 0 || limit > catalog.MaxPage {
		limit = catalog.MaxPage
	}
	rows, err := s.pool.Query(ctx, `SELECT `+usageColumns+`
		FROM accord.usage WHERE ($1 = '' AND $2 = '') OR (ctx = $1 AND subject = $2) ORDER BY last DESC, role, service, client, grp, number, id, author LIMIT $3`,
		name.Context, name.Subject, limit)
	if err != nil {
		return nil, wrap(ctx, "read usage", err)
	}
	seen, err := pgx.CollectRows(rows, scanUsage)
	return seen, wrap(ctx, "read usage", err)
}

// AddRejections adds the counts of a report, once.
func (s *Store) AddRejections(ctx context.Context, r catalog.RejectionReport) error {
	return s.report(ctx, "rejections", r.Sender, func(b *pgx.Batch) {
		for _, x := range r.Rejected {
			b.Queue(`INSERT INTO accord.rejections AS x (group_id, client, principal, ctx, subject, number, topic, address, keyword, reason, author, records, collateral, first, last)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
				ON CONFLICT (group_id, topic, client, principal, author) DO UPDATE SET
					records = x.records + excluded.records, collateral = x.collateral + excluded.collateral,
					reason = excluded.reason, first = least(x.first, excluded.first), last = greatest(x.last, excluded.last)`,
				clean(x.ID), clean(x.ClientID), clean(x.Principal), clean(x.Context), clean(x.Subject), x.Version, clean(x.Topic), clean(x.Address),
				clean(x.Keyword), clean(x.Reason), clean(x.By), x.Records, x.Collateral, micros(x.First), micros(x.Last))
		}
		for _, sample := range r.Samples {
			id := clean(sample.ID)
			b.Queue("INSERT INTO accord.samples (group_id, event, at) VALUES ($1, $2, $3)", id, string(sample.Event), micros(sample.At))
			b.Queue("DELETE FROM accord.samples WHERE group_id = $1 AND n NOT IN (SELECT n FROM accord.samples WHERE group_id = $1 ORDER BY n DESC LIMIT $2)", id, catalog.MaxSamples)
		}
		addAccepted(b, r)
		addPresence(b, r)
		b.Queue("DELETE FROM accord.rejections WHERE ctid IN (SELECT ctid FROM accord.rejections ORDER BY last DESC OFFSET $1)", catalog.MaxRejectionGroups)
		b.Queue("DELETE FROM accord.samples WHERE group_id NOT IN (SELECT group_id FROM accord.rejections)")
	})
}

// Rejections returns groups of refused records, newest first.
func (s *Store) Rejections(ctx context.Context, q catalog.RejectionQuery) (groups []catalog.RejectionGroup, err error) {
	if q.Limit <= 0 || q.Limit > catalog.MaxPage {
		q.Limit = catalog.MaxPage
	}
	err = s.view(ctx, "read rejections", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT group_id, client, principal, ctx, subject, number, topic, address, keyword, reason, author, records, collateral, first, last FROM accord.rejections
			WHERE group_id IN (
				SELECT group_id FROM accord.rejections
				WHERE ($1 = '' OR group_id = $1) AND ($2 = '' AND $3 = '' OR ctx = $2 AND subject = $3) AND ($4 = '' OR topic = $4)
				GROUP BY group_id HAVING max(last) >= $5 ORDER BY max(last) DESC, group_id LIMIT $6)
			ORDER BY last DESC, group_id, client, principal, author`,
			q.ID, q.Name.Context, q.Name.Subject, q.Topic, micros(q.Since), q.Limit)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x catalog.Rejection, err error) {
			var first, last int64
			err = row.Scan(&x.ID, &x.ClientID, &x.Principal, &x.Context, &x.Subject, &x.Version, &x.Topic, &x.Address, &x.Keyword, &x.Reason, &x.By, &x.Records, &x.Collateral, &first, &last)
			x.First, x.Last = moment(first), moment(last)
			return x, err
		})
		if err != nil {
			return err
		}
		groups = catalog.GroupRejections(list)
		if !q.Samples {
			return nil
		}
		return samples(ctx, tx, groups)
	})
	return groups, err
}

// samples brings the newest samples along.
func samples(ctx context.Context, tx pgx.Tx, groups []catalog.RejectionGroup) error {
	ids := make([]string, len(groups))
	at := map[string]*catalog.RejectionGroup{}
	for i := range groups {
		ids[i] = groups[i].ID
		at[ids[i]] = &groups[i]
	}
	rows, err := tx.Query(ctx, "SELECT group_id, event FROM accord.samples WHERE group_id = ANY ($1) ORDER BY n DESC", ids)
	if err != nil {
		return err
	}
	var id, event string
	_, err = pgx.ForEachRow(rows, []any{&id, &event}, func() error {
		at[id].Samples = append(at[id].Samples, json.RawMessage(event))
		return nil
	})
	return err
}
