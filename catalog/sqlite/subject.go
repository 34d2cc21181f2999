package sqlite

import (
	"context"
	"encoding/json"

	"github.com/accordhq/accord/catalog"
)

// Subject reads a subject in one view.
func (s *Store) Subject(ctx context.Context, name catalog.Name) (subject catalog.Subject, err error) {
	err = s.reading(ctx, "read a subject", func(t *tx) error {
		subject, err = t.subject(name)
		return err
	})
	return subject, err
}

// subject reads a subject in the transaction's view.
func (t *tx) subject(name catalog.Name) (catalog.Subject, error) {
	subject := catalog.Subject{Name: name}
	var err error
	if subject.Head.Rev, err = t.revision(); err != nil {
		return subject, err
	}
	if _, err := t.row("SELECT head, rev FROM subjects WHERE ctx = ? AND name = ?", []any{name.Context, name.Subject}, &subject.Head.Number, &subject.Rev); err != nil {
		return subject, err
	}
	err = t.rows("SELECT "+lightColumns+" WHERE v.ctx = ? AND v.subject = ? ORDER BY v.number", []any{name.Context, name.Subject}, func(scan func(...any) error) error {
		v, err := scanVersion(scan, false)
		subject.Versions = append(subject.Versions, v)
		return err
	})
	if err != nil {
		return subject, err
	}
	if subject.Policies.Subject, err = t.policy(name); err != nil {
		return subject, err
	}
	if subject.Policies.Context, err = t.policy(catalog.Name{Context: name.Context}); err != nil {
		return subject, err
	}
	if subject.Policies.Global, err = t.policy(catalog.Name{Context: catalog.GlobalContext}); err != nil {
		return subject, err
	}
	subject.Rev = max(subject.Rev, subject.Policies.Subject.Rev)
	return subject, nil
}

// The columns of a version, without and with its text.
const (
	lightColumns = `v.ctx, v.subject, v.number, v.state, v.lens, v.mark, v.rev, v.at, v.author, v.id, s.guid
		FROM versions v JOIN schemas s ON s.ctx = v.ctx AND s.id = v.id`
	fullColumns = `v.ctx, v.subject, v.number, v.state, v.lens, v.mark, v.rev, v.at, v.author, ` + schemaColumns + `
		FROM versions v JOIN schemas s ON s.ctx = v.ctx AND s.id = v.id`
	schemaColumns = `s.id, s.guid, s.text, s.refs, s.metadata, s.rules, s.broken, s.at, s.author`
)

// knownBy is the condition that a schema s has a GUID, its own or another; the GUID is given twice. It goes by row,
// because SQLite reads the whole table to find pairs in a union.
const knownBy = `s.rowid IN (SELECT rowid FROM schemas WHERE guid = ? UNION ALL
	SELECT k.rowid FROM other_guids o JOIN schemas k ON k.ctx = o.ctx AND k.id = o.id WHERE o.guid = ?)`

// scanVersion reads a version of the columns above.
func scanVersion(scan func(...any) error, full bool) (v catalog.Version, err error) {
	var at int64
	var lens, mark string
	into := []any{&v.Context, &v.Subject, &v.Number, &v.State, &lens, &mark, &v.Rev, &at, &v.By}
	if full {
		finish, columns := schemaScan(&v.Schema)
		if err := scan(append(into, columns...)...); err != nil {
			return v, err
		}
		if err := finish(); err != nil {
			return v, err
		}
	} else if err := scan(append(into, &v.Schema.ID, &v.Schema.GUID)...); err != nil {
		return v, err
	}
	v.Schema.Context = v.Context
	v.At = moment(at)
	if v.Lens, err = value[catalog.StoredLens](lens); err != nil {
		return v, err
	}
	v.Mark, err = value[catalog.Mark](mark)
	return v, err
}

// schemaScan returns where schemaColumns go, and what to call once they are there.
func schemaScan(s *catalog.Schema) (finish func() error, into []any) {
	var at int64
	var refs, metadata, rules string
	finish = func() (err error) {
		s.At = moment(at)
		if refs != "" {
			if err := json.Unmarshal([]byte(refs), &s.References); err != nil {
				return err
			}
		}
		if s.Metadata, err = value[catalog.Metadata](metadata); err != nil {
			return err
		}
		s.RuleSet, err = value[catalog.RuleSet](rules)
		return err
	}
	return finish, []any{&s.ID, &s.GUID, &s.Text, &refs, &metadata, &rules, &s.Broken, &at, &s.By}
}

// Subjects reads one page.
func (s *Store) Subjects(ctx context.Context, q catalog.Query) (page []catalog.Subject, err error) {
	if q.Limit <= 0 || q.Limit > catalog.MaxPage {
		q.Limit = catalog.MaxPage
	}
	err = s.reading(ctx, "list subjects", func(t *tx) error {
		page, err = t.subjects(q)
		return err
	})
	return page, err
}

func (t *tx) subjects(q catalog.Query) ([]catalog.Subject, error) {
	rev, err := t.revision()
	if err != nil {
		return nil, err
	}
	query := "SELECT ctx, name, head, max(rev, coalesce((SELECT rev FROM policies p WHERE p.ctx = s.ctx AND p.subject = s.name), 0)) FROM subjects s WHERE substr(name, 1, length(?)) = ?"
	args := []any{q.Prefix, q.Prefix}
	q.Bound(func(condition string, values ...any) {
		query += " AND " + condition
		args = append(args, values...)
	})
	has := func(state string) string {
		return "EXISTS (SELECT 1 FROM versions v WHERE v.ctx = s.ctx AND v.subject = s.name AND v.state " + state + ")"
	}
	switch q.Include {
	case catalog.LiveOnly:
		query += " AND " + has("= 0")
	case catalog.WithDeleted:
		query += " AND " + has("< 2")
	case catalog.DeletedOnly:
		query += " AND " + has("= 1") + " AND NOT " + has("= 0")
	}
	var page []catalog.Subject
	at := map[catalog.Name]*catalog.Subject{}
	names := [][2]string{}
	err = t.rows(query+" ORDER BY ctx, name LIMIT ?", append(args, q.Limit), func(scan func(...any) error) error {
		subject := catalog.Subject{Head: catalog.Head{Rev: rev}}
		err := scan(&subject.Context, &subject.Subject, &subject.Head.Number, &subject.Rev)
		page = append(page, subject)
		names = append(names, [2]string{subject.Context, subject.Subject})
		return err
	})
	if err != nil || len(page) == 0 {
		return page, err
	}
	for i := range page {
		at[page[i].Name] = &page[i]
	}
	onPage, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	return page, t.expand(q.Expand, at, string(onPage))
}

// expand brings along what was asked, for the subjects whose names stand in onPage as [[context, subject], …].
func (t *tx) expand(e catalog.Expand, at map[catalog.Name]*catalog.Subject, onPage string) error {
	const page = `WITH page AS MATERIALIZED (SELECT value ->> 0 AS c, value ->> 1 AS n FROM json_each(?)) `
	const join = ` JOIN page ON v.ctx = page.c AND v.subject = page.n `
	if e&(catalog.ExpandVersions|catalog.ExpandTexts) != 0 {
		full := e&catalog.ExpandTexts != 0
		columns := lightColumns
		if full {
			columns = fullColumns
		}
		err := t.rows(page+"SELECT "+columns+join+"ORDER BY v.ctx, v.subject, v.number", []any{onPage}, func(scan func(...any) error) error {
			v, err := scanVersion(scan, full)
			if err == nil {
				at[v.Name].Versions = append(at[v.Name].Versions, v)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if e&catalog.ExpandLatest != 0 {
		err := t.rows(page+"SELECT "+fullColumns+join+`WHERE v.state = 0 AND v.number =
			(SELECT max(number) FROM versions m WHERE m.ctx = v.ctx AND m.subject = v.subject AND m.state = 0)`, []any{onPage}, func(scan func(...any) error) error {
			v, err := scanVersion(scan, true)
			if err == nil {
				at[v.Name].Latest = &v
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if e&catalog.ExpandUsage != 0 {
		err := t.rows(page+`SELECT `+usageColumns+` FROM (
				SELECT u.*, row_number() OVER (PARTITION BY ctx, subject ORDER BY last DESC, role, service, client, grp, number, id, author) AS n
				FROM usage u JOIN page ON u.ctx = page.c AND u.subject = page.n
			) WHERE n <= ? ORDER BY ctx, subject, n`, []any{onPage, catalog.MaxSubjectUsage}, func(scan func(...any) error) error {
			u, err := scanUsage(scan)
			if err == nil {
				s := at[catalog.Name{Context: u.Context, Subject: u.Subject}]
				s.Usage = append(s.Usage, u)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if e&catalog.ExpandPolicies == 0 {
		return nil
	}
	policies := map[catalog.Name]catalog.Policy{}
	err := t.rows(page+"SELECT ctx, subject, config, mode, rev FROM policies WHERE subject = '' OR (ctx, subject) IN (SELECT c, n FROM page)", []any{onPage}, func(scan func(...any) error) error {
		var scope catalog.Name
		var p catalog.Policy
		var config string
		if err := scan(&scope.Context, &scope.Subject, &config, &p.Mode, &p.Rev); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(config), &p.Config)
		policies[scope] = p
		return err
	})
	for name, subject := range at {
		subject.Policies = catalog.Policies{
			Subject: policies[name],
			Context: policies[catalog.Name{Context: name.Context}],
			Global:  policies[catalog.Name{Context: catalog.GlobalContext}],
		}
	}
	return err
}

// Contexts returns the contexts that have a version, and the default one.
func (s *Store) Contexts(ctx context.Context) (contexts []string, err error) {
	err = s.reading(ctx, "list contexts", func(t *tx) error {
		return t.rows("SELECT '' UNION SELECT name FROM contexts c WHERE EXISTS (SELECT 1 FROM versions v WHERE v.ctx = c.name) ORDER BY 1", nil, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			contexts = append(contexts, name)
			return err
		})
	})
	return contexts, err
}

// Schema reads a schema and what refers to it.
func (s *Store) Schema(ctx context.Context, k catalog.Key) (found catalog.StoredSchema, err error) {
	err = s.reading(ctx, "read a schema", func(t *tx) error {
		where, args := "s.ctx = ? AND s.id = ?", []any{k.Context, k.ID}
		if k.GUID != "" {
			where, args = knownBy, []any{k.GUID, k.GUID}
		}
		found = catalog.StoredSchema{}
		finish, into := schemaScan(&found.Schema)
		there, err := t.row("SELECT s.ctx, "+schemaColumns+" FROM schemas s WHERE "+where+" ORDER BY s.ctx, s.id LIMIT 1", args, append([]any{&found.Context}, into...)...)
		if err != nil {
			return err
		}
		if !there {
			return &catalog.Error{Reason: catalog.SchemaNotFound, Name: catalog.Name{Context: k.Context}, ID: k.ID, GUID: k.GUID}
		}
		if err := finish(); err != nil {
			return err
		}
		if found.Rev, err = t.revision(); err != nil {
			return err
		}
		return t.places(&found)
	})
	return found, err
}

// places fills in where a schema stands and what refers to it. The index is named, because the order that is asked for
// tempts SQLite into reading the whole context by its primary key.
func (t *tx) places(found *catalog.StoredSchema) error {
	err := t.rows("SELECT ctx, subject, number, state FROM versions INDEXED BY versions_id WHERE ctx = ? AND id = ? AND state < 2 ORDER BY subject, number",
		[]any{found.Context, found.ID}, func(scan func(...any) error) error {
			var v catalog.SubjectVersion
			err := scan(&v.Context, &v.Subject, &v.Version, &v.State)
			found.Versions = append(found.Versions, v)
			return err
		})
	if err != nil {
		return err
	}
	err = t.rows(`SELECT r.ctx, r.id, v.ctx, v.subject, v.number, v.state,
			EXISTS (SELECT 1 FROM versions l INDEXED BY versions_id WHERE l.ctx = r.ctx AND l.id = r.id AND l.state = 0)
		FROM versions v INDEXED BY versions_id JOIN refs r ON r.to_ctx = v.ctx AND r.to_subject = v.subject AND r.to_number = v.number
		WHERE v.ctx = ? AND v.id = ? ORDER BY r.ctx, r.id, v.subject, v.number`,
		[]any{found.Context, found.ID}, func(scan func(...any) error) error {
			var r catalog.Referrer
			err := scan(&r.Context, &r.ID, &r.Target.Context, &r.Target.Subject, &r.Target.Version, &r.Target.State, &r.Live)
			found.Referrers = append(found.Referrers, r)
			return err
		})
	if err != nil {
		return err
	}
	_, err = t.row(`SELECT last_id, (SELECT coalesce(sum(lens ->> 'rev'), 0) FROM versions INDEXED BY versions_id WHERE ctx = contexts.name AND id = ? AND lens <> '')
		FROM contexts WHERE name = ?`, []any{found.ID, found.Context}, &found.MaxID, &found.Lenses)
	return err
}

// SchemasByGUID returns where a GUID is known.
func (s *Store) SchemasByGUID(ctx context.Context, guid string) (keys []catalog.Key, err error) {
	err = s.reading(ctx, "read a GUID", func(t *tx) error {
		return t.rows("SELECT s.ctx, s.id FROM schemas s WHERE "+knownBy+" ORDER BY s.ctx, s.id", []any{guid, guid}, func(scan func(...any) error) error {
			k := catalog.Key{GUID: guid}
			err := scan(&k.Context, &k.ID)
			keys = append(keys, k)
			return err
		})
	})
	return keys, err
}
