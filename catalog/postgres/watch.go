package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/jackc/pgx/v5"
)

const (
	// askPatience is how long an answer to the question for the newest revision may take: with ListenPing and goodbye it
	// stays below catalog.MaxStale.
	askPatience = 900 * time.Millisecond
	// listenPatience is how long it may take to connect and to begin to listen.
	listenPatience = 2 * time.Second
	// goodbye is how long a connection that may be dead is given to close: nobody hears of the deafness before.
	goodbye = 50 * time.Millisecond
)

// Watch listens on a connection of its own. Every ListenPing it also asks for the newest revision over that same
// connection, however many bells ring: one that does not answer in time is deafness, and an answer proves that nothing
// was missed.
func (s *Store) Watch(ctx context.Context, ring func(catalog.Rev, time.Time)) error {
	if s.lost.Swap(true) { // a watch ended before this one: are the other connections alive?
		s.pool.doubt(ctx)
	}
	conn, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if s.pool.isAway() { // it is back, and those who ask need not find out
		s.pool.doubt(ctx)
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		conn.Close(ending)
	}()
	heard := catalog.Rev(0)
	for {
		asked := time.Now()
		newest, err := ask(ctx, conn)
		if err != nil {
			return deaf(ctx, err)
		}
		heard = newest // its bell may still be on the way; lower than before: the store went back in time
		ring(heard, asked)
		for next := asked.Add(catalog.ListenPing); ; {
			bell, err := wait(ctx, conn, next)
			if err != nil {
				return deaf(ctx, err)
			}
			if bell == 0 {
				break
			}
			if bell > heard { // else the answer came before the bell
				heard = bell
				ring(heard, time.Time{})
			}
		}
	}
}

// listen opens a connection that listens.
func (s *Store) listen(ctx context.Context) (*pgx.Conn, error) {
	connecting, cancel := context.WithTimeout(ctx, listenPatience)
	defer cancel()
	conn, err := pgx.ConnectConfig(connecting, s.direct.Copy())
	if err != nil {
		return nil, wrap(ctx, "listen", err)
	}
	lent, err := borrowed(connecting, conn)
	if err == nil && lent {
		err = s.hears(connecting, conn)
	}
	if err == nil {
		_, err = conn.Exec(connecting, "LISTEN accord")
	}
	if err != nil {
		conn.Close(connecting)
		return nil, deaf(ctx, err)
	}
	return conn, nil
}

// deaf says why changes are not heard.
func deaf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("listen: %w: %w", err, catalog.ErrDeaf)
}

// wait waits for one bell until a moment; 0 if there was none.
func wait(ctx context.Context, conn *pgx.Conn, until time.Time) (catalog.Rev, error) {
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err != nil {
		if errors.Is(waiting.Err(), context.DeadlineExceeded) && ctx.Err() == nil && !conn.IsClosed() {
			return 0, nil
		}
		return 0, err
	}
	rev, err := strconv.ParseUint(n.Payload, 10, 63)
	return catalog.Rev(rev), err
}

// ask asks for the newest revision over the listening connection.
func ask(ctx context.Context, conn *pgx.Conn) (rev catalog.Rev, err error) {
	asking, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	err = conn.QueryRow(asking, revisionQuery).Scan(&rev)
	return rev, err
}
