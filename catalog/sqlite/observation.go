package sqlite

import (
	"context"
	"encoding/json"

	"github.com/accordhq/accord/catalog"
)

// fresh says whether a report is new, and remembers it.
func (t *tx) fresh(route string, r catalog.Sender) (bool, error) {
	var seq int64
	if _, err := t.row("SELECT seq FROM senders WHERE route = ? AND instance = ?", []any{route, r.Instance}, &seq); err != nil {
		return false, err
	}
	if r.Seq <= seq {
		return false, nil
	}
	if seq == 0 { // one more
		if err := t.exec("DELETE FROM senders WHERE (route, instance) IN (SELECT route, instance FROM senders ORDER BY at DESC LIMIT -1 OFFSET ?)", catalog.MaxSenders-1); err != nil {
			return false, err
		}
	}
	return true, t.exec("INSERT INTO senders (route, instance, seq, at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, at = excluded.at",
		route, r.Instance, r.Seq, micros(t.now))
}

// AddUsage adds the counts of a report, once.
func (s *Store) AddUsage(ctx context.Context, r catalog.UsageReport) error {
	return s.writing(ctx, "add usage", func(t *tx) error {
		if fresh, err := t.fresh("usage", r.Sender); err != nil || !fresh {
			return err
		}
		for _, u := range r.Seen {
			if err := t.exec(`INSERT INTO usage (role, service, client, principal, topic, grp, ctx, subject, number, id, author, records, bytes, first, last, committed)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET records = records + excluded.records, bytes = bytes + excluded.bytes,
					committed = CASE WHEN excluded.committed > 0 THEN excluded.committed ELSE committed END,
					first = min(first, excluded.first), last = max(last, excluded.last)`,
				u.Role, u.Service, u.ClientID, u.Principal, u.Topic, u.Group, u.Context, u.Subject, u.Version, u.ID, u.By, u.Records, u.Bytes, micros(u.First), micros(u.Last), u.Committed); err != nil {
				return err
			}
		}
		return t.exec("DELETE FROM usage WHERE rowid IN (SELECT rowid FROM usage ORDER BY last DESC LIMIT -1 OFFSET ?)", catalog.MaxUsageRows)
	})
}

const usageColumns = `role, service, client, principal, topic, grp, ctx, subject, number, id, author, records, bytes, first, last, committed`

// scanUsage reads the columns above.
func scanUsage(scan func(...any) error) (u catalog.Usage, err error) {
	var first, last int64
	err = scan(&u.Role, &u.Service, &u.ClientID, &u.Principal, &u.Topic, &u.Group, &u.Context, &u.Subject, &u.Version, &u.ID, &u.By, &u.Records, &u.Bytes, &first, &last, &u.Committed)
	u.First, u.Last = moment(first), moment(last)
	return u, err
}

// Usage returns who writes and reads, newest first.
func (s *Store) Usage(ctx context.Context, name catalog.Name, limit int) (seen []catalog.Usage, err error) {
	if limit <= 0 || limit > catalog.MaxPage {
		limit = catalog.MaxPage
	}
	err = s.reading(ctx, "read usage", func(t *tx) error {
		return t.rows(`SELECT `+usageColumns+`
			FROM usage WHERE (?1 = '' AND ?2 = '') OR (ctx = ?1 AND subject = ?2) ORDER BY last DESC, role, service, client, grp, number, id, author LIMIT ?3`,
			[]any{name.Context, name.Subject, limit}, func(scan func(...any) error) error {
				u, err := scanUsage(scan)
				seen = append(seen, u)
				return err
			})
	})
	return seen, err
}

// AddRejections adds the counts of a report, once.
func (s *Store) AddRejections(ctx context.Context, r catalog.RejectionReport) error {
	return s.writing(ctx, "add rejections", func(t *tx) error {
		if fresh, err := t.fresh("rejections", r.Sender); err != nil || !fresh {
			return err
		}
		for _, x := range r.Rejected {
			if err := t.exec(`INSERT INTO rejections (group_id, client, principal, ctx, subject, number, topic, address, keyword, reason, author, records, collateral, first, last)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET records = records + excluded.records, collateral = collateral + excluded.collateral,
					reason = excluded.reason, first = min(first, excluded.first), last = max(last, excluded.last)`,
				x.ID, x.ClientID, x.Principal, x.Context, x.Subject, x.Version, x.Topic, x.Address, x.Keyword, x.Reason, x.By, x.Records, x.Collateral, micros(x.First), micros(x.Last)); err != nil {
				return err
			}
		}
		for _, sample := range r.Samples {
			if err := t.exec("INSERT INTO samples (group_id, event, at) VALUES (?, ?, ?)", sample.ID, string(sample.Event), micros(sample.At)); err != nil {
				return err
			}
			if err := t.exec("DELETE FROM samples WHERE group_id = ?1 AND n NOT IN (SELECT n FROM samples WHERE group_id = ?1 ORDER BY n DESC LIMIT ?2)", sample.ID, catalog.MaxSamples); err != nil {
				return err
			}
		}
		if err := t.addAccepted(r); err != nil {
			return err
		}
		if err := t.addPresence(r); err != nil {
			return err
		}
		if err := t.exec("DELETE FROM rejections WHERE rowid IN (SELECT rowid FROM rejections ORDER BY last DESC LIMIT -1 OFFSET ?)", catalog.MaxRejectionGroups); err != nil {
			return err
		}
		return t.exec("DELETE FROM samples WHERE group_id NOT IN (SELECT group_id FROM rejections)")
	})
}

// Rejections returns groups of refused records, newest first.
func (s *Store) Rejections(ctx context.Context, q catalog.RejectionQuery) (groups []catalog.RejectionGroup, err error) {
	if q.Limit <= 0 || q.Limit > catalog.MaxPage {
		q.Limit = catalog.MaxPage
	}
	err = s.reading(ctx, "read rejections", func(t *tx) error {
		rows := []catalog.Rejection{}
		err := t.rows(`SELECT group_id, client, principal, ctx, subject, number, topic, address, keyword, reason, author, records, collateral, first, last FROM rejections
			WHERE group_id IN (
				SELECT group_id FROM rejections
				WHERE (?1 = '' OR group_id = ?1) AND (?2 = '' AND ?3 = '' OR ctx = ?2 AND subject = ?3) AND (?4 = '' OR topic = ?4)
				GROUP BY group_id HAVING max(last) >= ?5 ORDER BY max(last) DESC, group_id LIMIT ?6)
			ORDER BY last DESC, group_id, client, principal, author`,
			[]any{q.ID, q.Name.Context, q.Name.Subject, q.Topic, micros(q.Since), q.Limit}, func(scan func(...any) error) error {
				var x catalog.Rejection
				var first, last int64
				err := scan(&x.ID, &x.ClientID, &x.Principal, &x.Context, &x.Subject, &x.Version, &x.Topic, &x.Address, &x.Keyword, &x.Reason, &x.By, &x.Records, &x.Collateral, &first, &last)
				x.First, x.Last = moment(first), moment(last)
				rows = append(rows, x)
				return err
			})
		if err != nil {
			return err
		}
		groups = catalog.GroupRejections(rows)
		if !q.Samples {
			return nil
		}
		return t.samples(groups)
	})
	return groups, err
}

// samples brings the newest samples along.
func (t *tx) samples(groups []catalog.RejectionGroup) error {
	ids := make([]string, len(groups))
	at := map[string]*catalog.RejectionGroup{}
	for i := range groups {
		ids[i] = groups[i].ID
		at[ids[i]] = &groups[i]
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	return t.rows("SELECT group_id, event FROM samples WHERE group_id IN (SELECT value FROM json_each(?)) ORDER BY n DESC", []any{string(list)}, func(scan func(...any) error) error {
		var id, event string
		err := scan(&id, &event)
		if g := at[id]; err == nil {
			g.Samples = append(g.Samples, json.RawMessage(event))
		}
		return err
	})
}
