package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

// versionRow is a version as the queries below print it; what begins with Schema is there only where texts are asked
// for.
type versionRow struct {
	Ctx, Subject string
	Number       int
	State        catalog.State
	Lens, Mark   string
	Rev          catalog.Rev
	At           int64
	Author       string
	ID           int
	GUID         string
	schemaRow
}

// schemaRow is a schema as the queries below print it.
type schemaRow struct {
	Text, Refs, Metadata, Rules, Broken string
	SchemaAt                            int64  `json:"schema_at"`
	SchemaAuthor                        string `json:"schema_author"`
}

const (
	lightColumns  = `v.ctx, v.subject, v.number, v.state, v.lens, v.mark, v.rev, v.at, v.author, v.id, s.guid`
	schemaColumns = `s.text, s.refs, s.metadata, s.rules, s.broken, s.at AS schema_at, s.author AS schema_author`
	fullColumns   = lightColumns + `, ` + schemaColumns
	// knownBy is the condition that a schema s has the GUID $1, its own or another.
	knownBy      = `(s.ctx, s.id) IN (SELECT ctx, id FROM accord.schemas WHERE guid = $1 UNION ALL SELECT ctx, id FROM accord.other_guids WHERE guid = $1)`
	fromVersions = ` FROM accord.versions v JOIN accord.schemas s ON s.ctx = v.ctx AND s.id = v.id `
)

// version turns a row into a version.
func (row versionRow) version() (v catalog.Version, err error) {
	v = catalog.Version{
		Name: catalog.Name{Context: row.Ctx, Subject: row.Subject}, Number: row.Number, State: row.State,
		Rev: row.Rev, At: moment(row.At), By: row.Author,
	}
	if v.Schema, err = row.schema(row.Ctx, row.ID, row.GUID); err != nil {
		return v, err
	}
	if v.Lens, err = value[catalog.StoredLens](row.Lens); err != nil {
		return v, err
	}
	v.Mark, err = value[catalog.Mark](row.Mark)
	return v, err
}

// schema turns a row into a schema.
func (row schemaRow) schema(ctx string, id int, guid string) (s catalog.Schema, err error) {
	s = catalog.Schema{Context: ctx, ID: id, GUID: guid, Text: row.Text, Broken: row.Broken, At: moment(row.SchemaAt), By: row.SchemaAuthor}
	if row.Refs != "" {
		if err := json.Unmarshal([]byte(row.Refs), &s.References); err != nil {
			return s, err
		}
	}
	if s.Metadata, err = value[catalog.Metadata](row.Metadata); err != nil {
		return s, err
	}
	s.RuleSet, err = value[catalog.RuleSet](row.Rules)
	return s, err
}

// policyRow is a policy as the queries below print it.
type policyRow struct {
	Ctx, Subject string
	Config       catalog.Config
	Mode         catalog.Mode
	Rev          catalog.Rev
}

// inScope picks a subject's policies out of rows.
func inScope(name catalog.Name, rows []policyRow) (p catalog.Policies) {
	for _, row := range rows {
		policy := catalog.Policy{Config: row.Config, Mode: row.Mode, Rev: row.Rev}
		if row.Ctx == name.Context && row.Subject == name.Subject {
			p.Subject = policy
		}
		if row.Ctx == name.Context && row.Subject == "" {
			p.Context = policy
		}
		if row.Ctx == catalog.GlobalContext && row.Subject == "" {
			p.Global = policy
		}
	}
	return p
}

// Subject reads a subject in one statement, and so in one view.
func (s *Store) Subject(ctx context.Context, name catalog.Name) (catalog.Subject, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	subject := catalog.Subject{Name: name}
	var versions []versionRow
	var policies []policyRow
	err := s.pool.QueryRow(ctx, `SELECT
		(SELECT coalesce(max(rev), 0) FROM accord.changes),
		coalesce((SELECT head FROM accord.subjects WHERE ctx = $1 AND name = $2), 0),
		coalesce((SELECT rev FROM accord.subjects WHERE ctx = $1 AND name = $2), 0),
		coalesce((SELECT json_agg(x ORDER BY x.number) FROM (SELECT `+lightColumns+fromVersions+` WHERE v.ctx = $1 AND v.subject = $2) x), '[]'),
		coalesce((SELECT json_agg(p) FROM accord.policies p WHERE ctx = $1 AND subject IN ($2, '') OR ctx = $3 AND subject = ''), '[]')`,
		name.Context, name.Subject, catalog.GlobalContext).Scan(&subject.Head.Rev, &subject.Head.Number, &subject.Rev, &versions, &policies)
	if err != nil {
		return catalog.Subject{}, wrap(ctx, "read a subject", err)
	}
	for _, row := range versions {
		v, err := row.version()
		if err != nil {
			return catalog.Subject{}, fmt.Errorf("read %s version %d: %w", name, row.Number, err)
		}
		subject.Versions = append(subject.Versions, v)
	}
	subject.Policies = inScope(name, policies)
	subject.Rev = max(subject.Rev, subject.Policies.Subject.Rev)
	return subject, nil
}

// Subjects reads one page.
func (s *Store) Subjects(ctx context.Context, q catalog.Query) (page []catalog.Subject, err error) {
	if q.Limit <= 0 || q.Limit > catalog.MaxPage {
		q.Limit = catalog.MaxPage
	}
	err = s.view(ctx, "list subjects", func(tx pgx.Tx) error {
		page, err = subjects(ctx, tx, q)
		return err
	})
	return page, err
}

func subjects(ctx context.Context, tx pgx.Tx, q catalog.Query) ([]catalog.Subject, error) {
	query := "SELECT ctx, name, head, greatest(rev, (SELECT p.rev FROM accord.policies p WHERE p.ctx = s.ctx AND p.subject = s.name)), (SELECT coalesce(max(rev), 0) FROM accord.changes) FROM accord.subjects s WHERE starts_with(name, $1)"
	args := []any{q.Prefix, q.Limit}
	bound := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		query += " AND " + condition
	}
	q.Bound(bound)
	has := func(state string) string {
		return "EXISTS (SELECT 1 FROM accord.versions v WHERE v.ctx = s.ctx AND v.subject = s.name AND v.state " + state + ")"
	}
	switch q.Include {
	case catalog.LiveOnly:
		query += " AND " + has("= 0")
	case catalog.WithDeleted:
		query += " AND " + has("< 2")
	case catalog.DeletedOnly:
		query += " AND " + has("= 1") + " AND NOT " + has("= 0")
	}
	rows, err := tx.Query(ctx, query+" ORDER BY ctx, name LIMIT $2", args...)
	if err != nil {
		return nil, err
	}
	page, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s catalog.Subject, err error) {
		return s, row.Scan(&s.Context, &s.Name.Subject, &s.Head.Number, &s.Rev, &s.Head.Rev)
	})
	if err != nil || len(page) == 0 {
		return nil, err
	}
	return page, expand(ctx, tx, q.Expand, page)
}

// expand brings along what was asked.
func expand(ctx context.Context, tx pgx.Tx, e catalog.Expand, page []catalog.Subject) error {
	at := map[catalog.Name]*catalog.Subject{}
	contexts, names := make([]string, len(page)), make([]string, len(page))
	for i := range page {
		at[page[i].Name] = &page[i]
		contexts[i], names[i] = page[i].Context, page[i].Subject
	}
	// OFFSET 0 has each schema looked up by context and ID; without it a planner that has no statistics yet, of a table just
	// filled, reads a whole context for each version.
	const ofPage = ` FROM accord.versions v JOIN unnest($1::text[], $2::text[]) AS page (c, n) ON v.ctx = page.c AND v.subject = page.n
		CROSS JOIN LATERAL (SELECT * FROM accord.schemas WHERE ctx = v.ctx AND id = v.id OFFSET 0) s `
	each := func(columns, where string, f func(*catalog.Subject, catalog.Version)) error {
		rows, err := tx.Query(ctx, "SELECT to_json(x) FROM (SELECT "+columns+ofPage+where+" ORDER BY v.ctx, v.subject, v.number) x", contexts, names)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[versionRow])
		for _, row := range list {
			v, errRow := row.version()
			err = errors.Join(err, errRow)
			f(at[v.Name], v)
		}
		return err
	}
	if e&(catalog.ExpandVersions|catalog.ExpandTexts) != 0 {
		columns := lightColumns
		if e&catalog.ExpandTexts != 0 {
			columns = fullColumns
		}
		if err := each(columns, "", func(s *catalog.Subject, v catalog.Version) { s.Versions = append(s.Versions, v) }); err != nil {
			return err
		}
	}
	if e&catalog.ExpandLatest != 0 {
		err := each(fullColumns, "WHERE v.state = 0 AND v.number = (SELECT max(m.number) FROM accord.versions m WHERE m.ctx = v.ctx AND m.subject = v.subject AND m.state = 0)",
			func(s *catalog.Subject, v catalog.Version) { s.Latest = &v })
		if err != nil {
			return err
		}
	}
	if e&catalog.ExpandUsage != 0 {
		rows, err := tx.Query(ctx, `SELECT `+usageColumns+` FROM (
				SELECT u.*, row_number() OVER (PARTITION BY ctx, subject ORDER BY last DESC, role, service, client, grp, number, id, author) AS n
				FROM accord.usage u JOIN unnest($1::text[], $2::text[]) AS page (c, n) ON u.ctx = page.c AND u.subject = page.n
			) x WHERE n <= $3 ORDER BY ctx, subject, n`, contexts, names, catalog.MaxSubjectUsage)
		if err != nil {
			return err
		}
		seen, err := pgx.CollectRows(rows, scanUsage)
		if err != nil {
			return err
		}
		for _, u := range seen {
			s := at[catalog.Name{Context: u.Context, Subject: u.Subject}]
			s.Usage = append(s.Usage, u)
		}
	}
	if e&catalog.ExpandPolicies == 0 {
		return nil
	}
	var policies []policyRow
	err := tx.QueryRow(ctx, "SELECT coalesce(json_agg(p), '[]') FROM accord.policies p WHERE subject = '' OR (ctx, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))", contexts, names).Scan(&policies)
	for i := range page {
		page[i].Policies = inScope(page[i].Name, policies)
	}
	return err
}

// Contexts returns the contexts that have a version, and the default one.
func (s *Store) Contexts(ctx context.Context) ([]string, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT '' COLLATE "C" UNION SELECT name FROM accord.contexts c WHERE (SELECT true FROM accord.versions v WHERE v.ctx = c.name LIMIT 1) ORDER BY 1`)
	if err != nil {
		return nil, wrap(ctx, "list contexts", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return list, wrap(ctx, "list contexts", err)
}

// Schema reads a schema and what refers to it, in one statement.
func (s *Store) Schema(ctx context.Context, k catalog.Key) (catalog.StoredSchema, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	var row struct {
		Ctx  string
		ID   int
		GUID string
		schemaRow
	}
	var versions []struct {
		Subject string
		Number  int
		State   catalog.State
	}
	var referrers []struct {
		Ctx, Subject string
		ID, Number   int
		State        catalog.State
		Live         bool
	}
	var found catalog.StoredSchema
	where, args := "s.ctx = $1 AND s.id = $2", []any{k.Context, k.ID}
	if k.GUID != "" {
		where, args = knownBy, []any{k.GUID}
	}
	err := s.pool.QueryRow(ctx, `WITH found AS (SELECT s.ctx, s.id, s.guid, `+schemaColumns+` FROM accord.schemas s WHERE `+where+` ORDER BY s.ctx, s.id LIMIT 1)
		SELECT to_json(f),
			coalesce((SELECT json_agg(x) FROM (SELECT subject, number, state FROM accord.versions v WHERE v.ctx = f.ctx AND v.id = f.id AND state < 2 ORDER BY subject, number) x), '[]'),
			coalesce((SELECT json_agg(x) FROM (SELECT r.ctx, r.id, v.subject, v.number, v.state,
					EXISTS (SELECT 1 FROM accord.versions l WHERE l.ctx = r.ctx AND l.id = r.id AND l.state = 0) AS live
				FROM accord.versions v JOIN accord.refs r ON r.to_ctx = v.ctx AND r.to_subject = v.subject AND r.to_number = v.number
				WHERE v.ctx = f.ctx AND v.id = f.id ORDER BY r.ctx, r.id, v.subject, v.number) x), '[]'),
			coalesce((SELECT pg_sequence_last_value(('accord.id_' || c.n)::regclass) FROM accord.contexts c WHERE c.name = f.ctx), 0),
			coalesce((SELECT sum((v.lens::json->>'rev')::integer) FROM accord.versions v WHERE v.ctx = f.ctx AND v.id = f.id AND v.lens <> ''), 0),
			(`+revisionQuery+`)
		FROM found f`, args...).Scan(&row, &versions, &referrers, &found.MaxID, &found.Lenses, &found.Rev)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, &catalog.Error{Reason: catalog.SchemaNotFound, Name: catalog.Name{Context: k.Context}, ID: k.ID, GUID: k.GUID}
	}
	if err != nil {
		return found, wrap(ctx, "read a schema", err)
	}
	if found.Schema, err = row.schema(row.Ctx, row.ID, row.GUID); err != nil {
		return found, err
	}
	for _, v := range versions {
		found.Versions = append(found.Versions, catalog.SubjectVersion{Name: catalog.Name{Context: row.Ctx, Subject: v.Subject}, Version: v.Number, State: v.State})
	}
	for _, r := range referrers {
		target := catalog.SubjectVersion{Name: catalog.Name{Context: row.Ctx, Subject: r.Subject}, Version: r.Number, State: r.State}
		found.Referrers = append(found.Referrers, catalog.Referrer{Context: r.Ctx, ID: r.ID, Target: target, Live: r.Live})
	}
	return found, nil
}

// SchemasByGUID returns where a GUID is known.
func (s *Store) SchemasByGUID(ctx context.Context, guid string) ([]catalog.Key, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, "SELECT s.ctx, s.id FROM accord.schemas s WHERE "+knownBy+" ORDER BY s.ctx, s.id", guid)
	if err != nil {
		return nil, wrap(ctx, "read a GUID", err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (catalog.Key, error) {
		k := catalog.Key{GUID: guid}
		return k, row.Scan(&k.Context, &k.ID)
	})
	return keys, wrap(ctx, "read a GUID", err)
}

// Policy reads one scope.
func (s *Store) Policy(ctx context.Context, scope catalog.Scope) (p catalog.Policy, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	var config string
	err = s.pool.QueryRow(ctx, "SELECT config, mode, rev FROM accord.policies WHERE ctx = $1 AND subject = $2", scope.Context, scope.Subject).Scan(&config, &p.Mode, &p.Rev)
	if errors.Is(err, pgx.ErrNoRows) {
		return catalog.Policy{}, nil
	}
	if err != nil {
		return catalog.Policy{}, wrap(ctx, "read a policy", err)
	}
	return p, json.Unmarshal([]byte(config), &p.Config)
}

// Revision returns the newest revision.
func (s *Store) Revision(ctx context.Context) (rev catalog.Rev, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	err = s.pool.QueryRow(ctx, revisionQuery).Scan(&rev)
	return rev, wrap(ctx, "read the revision", err)
}

const revisionQuery = "SELECT coalesce(max(rev), 0) FROM accord.changes"

// Changes reads at most limit changes after a revision.
func (s *Store) Changes(ctx context.Context, after catalog.Rev, limit int) ([]catalog.Change, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, "SELECT "+changeColumns+" FROM accord.changes WHERE rev > $1 ORDER BY rev LIMIT $2", int64(after), limit)
	if err != nil {
		return nil, wrap(ctx, "read changes", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (catalog.Change, error) { return scanChange(row.Scan) })
	return list, wrap(ctx, "read changes", err)
}

// raw is stored JSON, nil if there is none.
func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

// Document reads one document.
func (s *Store) Document(ctx context.Context, kind, name string) (catalog.Document, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	d := catalog.Document{Kind: kind, Name: name}
	var at int64
	var body string
	err := s.pool.QueryRow(ctx, "SELECT body, rev, at, author FROM accord.documents WHERE kind = $1 AND name = $2", kind, name).Scan(&body, &d.Rev, &at, &d.By)
	if errors.Is(err, pgx.ErrNoRows) {
		return catalog.Document{}, &catalog.Error{Reason: catalog.DocumentNotFound, Detail: kind + " " + name}
	}
	d.Body, d.At = raw(body), moment(at)
	return d, wrap(ctx, "read a document", err)
}

// ListDocuments reads documents in order.
func (s *Store) ListDocuments(ctx context.Context, kind string, after catalog.DocumentPosition, limit int) ([]catalog.Document, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, "SELECT kind, name, body, rev, at, author FROM accord.documents WHERE (kind = $1 OR $1 = '') AND (kind, name) > ($2, $3) ORDER BY kind, name LIMIT $4",
		kind, after.Kind, after.Name, limit)
	if err != nil {
		return nil, wrap(ctx, "list documents", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d catalog.Document, err error) {
		var at int64
		var body string
		err = row.Scan(&d.Kind, &d.Name, &body, &d.Rev, &at, &d.By)
		d.Body, d.At = raw(body), moment(at)
		return d, err
	})
	return list, wrap(ctx, "list documents", err)
}
