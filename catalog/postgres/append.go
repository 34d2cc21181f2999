package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// How much shares one commit at most.
const (
	maxBatch      = 64
	maxBatchBytes = 4 << 20 // of arguments; one that is larger goes alone
)

// Appends that wait for the database are sent together: the write lock lets one commit at a time, and each costs a round
// trip and a wait for the disk. While one batch is on its way, those who come line up for the next.
type appends struct {
	working sync.WaitGroup

	mu      sync.Mutex
	waiting []*appending // guarded by mu, as below
	sending bool         // a batch is on its way
}

// appending is one caller's append of one version. It stands alone: if it is refused, the others are not.
type appending struct {
	ctx     context.Context
	name    catalog.Name
	version catalog.Version
	args    []any  // of accord.append
	call    []byte // the same, as accord.append_each takes it

	done  chan struct{} // closed when the members below are set
	added catalog.Version
	err   error
}

// appendCall is an append as accord.append_each takes it.
type appendCall struct {
	Who     []string        `json:"who"`
	Ctx     string          `json:"ctx"`
	Subject string          `json:"subject"`
	Number  int             `json:"number"`
	Rev     int64           `json:"rev"`
	Added   json.RawMessage `json:"added"`
}

// Append adds versions if nothing that head rests on has changed.
func (s *Store) Append(ctx context.Context, name catalog.Name, head catalog.Head, versions ...catalog.Version) ([]catalog.Version, catalog.Rev, error) {
	list := make([]appended, len(versions))
	for i, v := range versions {
		var err error
		if list[i], err = outgoing(name, v); err != nil {
			return nil, 0, err
		}
	}
	body, err := json.Marshal(list)
	if err != nil {
		return nil, 0, err
	}
	author := who(ctx)
	if len(list) > 0 {
		author = append(author, list[0].Mark) // what the history says about a version; of an import all have the same
	}
	args := []any{author, name.Context, name.Subject, head.Number, int64(head.Rev), string(body)}
	if len(versions) != 1 {
		return s.append(ctx, name, args, versions)
	}
	call, err := json.Marshal(appendCall{author, name.Context, name.Subject, head.Number, int64(head.Rev), body})
	if err != nil {
		return nil, 0, err
	}
	a := &appending{ctx: ctx, name: name, version: versions[0], args: args, call: call, done: make(chan struct{})}
	s.appends.mu.Lock()
	s.appends.waiting = append(s.appends.waiting, a)
	if !s.appends.sending {
		s.appends.sending = true
		s.appends.working.Go(s.send)
	}
	s.appends.mu.Unlock()
	select {
	case <-a.done:
	case <-ctx.Done(): // whether it is done, nobody knows
		return nil, 0, wrap(ctx, "append a version", ctx.Err())
	}
	if a.err != nil {
		return nil, 0, a.err
	}
	return []catalog.Version{a.added}, a.added.Rev, nil
}

// send sends batches until nobody waits.
func (s *Store) send() {
	for {
		batch := s.appends.next()
		if batch == nil {
			return
		}
		s.sendBatch(batch)
		for _, a := range batch {
			close(a.done)
		}
	}
}

// next takes those who wait, as many as may go together; nil ends the sending. Who has left is left out.
func (q *appends) next() (batch []*appending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := 0
	for len(q.waiting) > 0 && len(batch) < maxBatch {
		a := q.waiting[0]
		if a.ctx.Err() == nil {
			if size += len(a.call); size > maxBatchBytes && len(batch) > 0 {
				break
			}
			batch = append(batch, a)
		}
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
	}
	q.sending = len(batch) > 0
	return batch
}

// sendBatch sets what became of each.
func (s *Store) sendBatch(batch []*appending) {
	if len(batch) > 1 {
		err := s.appendEach(batch)
		if err == nil {
			return
		}
		if !ofArguments(err) {
			for _, a := range batch {
				a.err = wrap(a.ctx, "append a version", err)
			}
			return
		}
	}
	for _, a := range batch {
		var added []catalog.Version
		if added, _, a.err = s.append(context.WithoutCancel(a.ctx), a.name, a.args, []catalog.Version{a.version}); a.err == nil {
			a.added = added[0]
		}
	}
}

// ofArguments says whether the database, which then has changed nothing, could not do with what it was given: what one
// caller gave must not be the fault of the others, and each goes alone. Source: PostgreSQL, "Error Codes", classes 22, 23
// and 54.
func ofArguments(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(answer.Code, "22") || strings.HasPrefix(answer.Code, "23") || strings.HasPrefix(answer.Code, "54"))
}

// appendEach appends in one transaction, and sets what became of each. An error is that of the whole, which may have
// happened all the same unless it is the database's.
func (s *Store) appendEach(batch []*appending) error {
	ctx, cancel := within(context.Background())
	defer cancel()
	calls := make([][]byte, len(batch))
	for i, a := range batch {
		calls[i] = a.call
	}
	body := "[" + string(bytes.Join(calls, []byte{','})) + "]"
	rows, err := s.pool.Query(ctx, "SELECT * FROM accord.append_each($1)", body)
	if err != nil {
		return err
	}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var call int
		var r appendedRow
		var state, detail string
		if err := row.Scan(append(append([]any{&call}, r.into()...), &state, &detail)...); err != nil {
			return struct{}{}, err
		}
		a := batch[call]
		if state != "" {
			a.err = refused(a.name, &pgconn.PgError{Code: state, Detail: detail})
		} else {
			a.added = r.version(a.ctx, a.name, a.version)
		}
		return struct{}{}, nil
	})
	return err
}

// append appends versions in a transaction of their own.
func (s *Store) append(ctx context.Context, name catalog.Name, args []any, versions []catalog.Version) ([]catalog.Version, catalog.Rev, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	added := make([]catalog.Version, 0, len(versions))
	rev := catalog.Rev(0)
	rows, err := s.pool.Query(ctx, "SELECT * FROM accord.append($1, $2, $3, $4, $5, $6)", args...)
	if err == nil {
		_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
			var r appendedRow
			err := row.Scan(r.into()...)
			added, rev = append(added, r.version(ctx, name, versions[len(added)])), r.rev
			return struct{}{}, err
		})
	}
	if refusal := refused(name, err); refusal != nil {
		return nil, 0, refusal
	}
	if err != nil {
		return nil, 0, wrap(ctx, "append a version", err)
	}
	return added, rev, nil
}

// appendedRow is what the functions say of a version that was added.
type appendedRow struct {
	number, id     int
	rev            catalog.Rev
	at, schemaAt   int64
	author, broken string
}

// into is where the columns go.
func (r *appendedRow) into() []any {
	return []any{&r.number, &r.id, &r.rev, &r.at, &r.schemaAt, &r.author, &r.broken}
}

// version completes a version.
func (r *appendedRow) version(ctx context.Context, name catalog.Name, v catalog.Version) catalog.Version {
	v.Name, v.Schema.Context, v.By = name, name.Context, catalog.AuthorOf(ctx).By
	v.Number, v.Schema.ID, v.Rev, v.At = r.number, r.id, r.rev, moment(r.at)
	v.Schema.At, v.Schema.By, v.Schema.Broken = moment(r.schemaAt), r.author, r.broken
	return v
}
