package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// importTimeout bounds one batch: it may be the whole history of a subject.
const importTimeout = 2 * time.Minute

// batch is a batch as accord.import takes it.
type batch struct {
	Rev       catalog.Rev     `json:"rev"`
	Open      bool            `json:"open"`
	Try       bool            `json:"try"`
	Contexts  []batchContext  `json:"contexts"`
	Subjects  []batchSubject  `json:"subjects"`
	Documents []batchDocument `json:"documents"`
	History   []batchChange   `json:"history"`
	Assumed   []target        `json:"assumed"`
}

type batchContext struct {
	Ctx string `json:"ctx"`
	ID  int    `json:"id"`
}

type batchSubject struct {
	Ctx      string         `json:"ctx"`
	Subject  string         `json:"subject"`
	Head     int            `json:"head"`
	Versions []batchVersion `json:"versions"`
}

type batchVersion struct {
	appended
	GUIDs        []string `json:"guids"`
	At           int64    `json:"at"`
	Author       string   `json:"author"`
	SchemaAt     int64    `json:"schema_at"`
	SchemaAuthor string   `json:"schema_author"`
}

type batchDocument struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Body   string `json:"body"`
	At     int64  `json:"at"`
	Author string `json:"author"`
}

// batchChange is named like the columns of accord.archive.
type batchChange struct {
	Chain   string      `json:"chain"`
	Rev     catalog.Rev `json:"rev"`
	At      int64       `json:"at"`
	Author  string      `json:"author"`
	Reason  string      `json:"reason"`
	Commit  string      `json:"repo_commit"`
	Op      catalog.Op  `json:"op"`
	Ctx     string      `json:"ctx"`
	Subject string      `json:"subject"`
	Number  int         `json:"number"`
	ID      int         `json:"id"`
	GUID    string      `json:"guid"`
	Before  string      `json:"before_change"`
	After   string      `json:"after_change"`
	Source  string      `json:"source"`
	Hash    string      `json:"hash"`
}

// outgoingBatch prints a batch for accord.import.
func outgoingBatch(b catalog.Batch) (batch, error) {
	out := batch{Rev: b.Rev, Open: b.Open, Try: b.Try, Contexts: []batchContext{}, Subjects: []batchSubject{}, Documents: []batchDocument{}, History: []batchChange{}, Assumed: []target{}}
	for _, c := range b.Contexts {
		out.Contexts = append(out.Contexts, batchContext{c.Context, c.ID})
	}
	for _, s := range b.Subjects {
		to := batchSubject{Ctx: s.Context, Subject: s.Subject, Head: s.Head, Versions: []batchVersion{}}
		for _, v := range s.Versions {
			a, err := outgoing(s.Name, v.Version)
			if err != nil {
				return out, fmt.Errorf("import %s version %d: %w", s.Name, v.Number, err)
			}
			guids := v.GUIDs
			if guids == nil {
				guids = []string{}
			}
			to.Versions = append(to.Versions, batchVersion{a, guids, micros(v.At), v.By, micros(v.Schema.At), v.Schema.By})
		}
		out.Subjects = append(out.Subjects, to)
	}
	for _, d := range b.Documents {
		out.Documents = append(out.Documents, batchDocument{d.Kind, d.Name, string(d.Body), micros(d.At), d.By})
	}
	for _, a := range b.History {
		out.History = append(out.History, batchChange{
			a.Chain, a.Rev, micros(a.At), a.By, a.Reason, a.Commit, a.Op, a.Context, a.Subject, a.Version, a.ID, a.GUID, string(a.Before), string(a.After), a.Source, a.Hash,
		})
	}
	for _, a := range b.Assumed {
		if !b.Try {
			break
		}
		out.Assumed = append(out.Assumed, target{Ctx: a.Context, Subject: a.Subject, Number: a.Version})
	}
	return out, nil
}

// Import writes one batch, whole or not at all.
func (s *Store) Import(ctx context.Context, b catalog.Batch) (done catalog.BatchDone, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, importTimeout, &catalog.Error{Reason: catalog.Unavailable, Detail: "no answer in time"})
	defer cancel()
	out, err := outgoingBatch(b)
	if err != nil {
		return done, err
	}
	body, err := json.Marshal(out)
	if err != nil {
		return done, err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", importTimeout.Milliseconds())); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT * FROM accord.import($1, $2)", who(ctx), string(body)).Scan(&done.Created, &done.Same, &done.Rev)
	})
	pg, ours := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ours:
		return done, wrap(ctx, "import", err)
	case pg.Code == "AC001":
		return done, fmt.Errorf("import: %s: %w", pg.Detail, catalog.ErrConflict)
	case pg.Code == "AC012":
		return done, json.Unmarshal([]byte(pg.Detail), &done)
	}
	reason, ours := importRefusals[pg.Code]
	if !ours {
		return done, wrap(ctx, "import", err)
	}
	var about struct {
		Ctx, Subject, Name, GUID string
		Number, ID               int
	}
	if err := json.Unmarshal([]byte(pg.Detail), &about); err != nil {
		return done, err
	}
	return done, &catalog.Error{
		Reason: reason, Name: catalog.Name{Context: about.Ctx, Subject: about.Subject}, Version: about.Number, ID: about.ID, GUID: about.GUID, Detail: about.Name,
	}
}

// importRefusals are the SQLSTATEs of accord.import.
var importRefusals = map[string]catalog.Reason{
	"AC004": catalog.VersionTaken, "AC005": catalog.IDTaken, "AC006": catalog.GUIDCollision, "AC007": catalog.ReferenceNotFound,
	"AC009": catalog.IDMismatch, "AC010": catalog.NotImport, "AC011": catalog.DocumentTaken,
	"AC013": catalog.HistoryTaken,
}

// changeColumns are the columns of a row of history.
const changeColumns = "rev, at, author, reason, repo_commit, op, ctx, subject, number, id, guid, before_change, after_change, source, hash"

// scanChange reads a row of history, behind what more says.
func scanChange(scan func(...any) error, more ...any) (c catalog.Change, err error) {
	var at int64
	var before, behind string
	err = scan(append(more, &c.Rev, &at, &c.By, &c.Reason, &c.Commit, &c.Op, &c.Context, &c.Subject, &c.Version, &c.ID, &c.GUID, &before, &behind, &c.Source, &c.Hash)...)
	c.At, c.Before, c.After = moment(at), raw(before), raw(behind)
	return c, err
}

// Archive reads at most limit rows of the history of other stores, by chain and revision, after a place.
func (s *Store) Archive(ctx context.Context, chain string, after catalog.Rev, limit int) ([]catalog.Archived, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	rows, err := s.pool.Query(ctx, "SELECT chain, "+changeColumns+" FROM accord.archive WHERE (chain, rev) > ($1, $2) ORDER BY chain, rev LIMIT $3", chain, int64(after), limit)
	if err != nil {
		return nil, wrap(ctx, "read the archive", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a catalog.Archived, err error) {
		a.Change, err = scanChange(row.Scan, &a.Chain)
		return a, err
	})
	return list, wrap(ctx, "read the archive", err)
}
