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

// goodbye is how long a connection that may be dead is given to close: nobody hears of the deafness before.
const goodbye = 50 * time.Millisecond

// Watch listens on a connection of its own. Every ListenPing it also asks for the newest revision over that same
// connection: a connection that does not answer in time, or a bell that did not ring for what the answer shows, is
// deafness.
func (s *Store) Watch(ctx context.Context, ring func(catalog.Rev)) error {
	conn, err := pgx.ConnectConfig(ctx, s.listen.Copy())
	if err != nil {
		return wrap(ctx, "listen", err)
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		conn.Close(ending)
	}()
	if _, err := conn.Exec(ctx, "LISTEN accord"); err != nil {
		return wrap(ctx, "listen", err)
	}
	heard, err := s.ask(ctx, conn)
	if err != nil {
		return err
	}
	ring(heard)
	for {
		n, err := s.wait(ctx, conn)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("listen: %w: %w", err, catalog.ErrDeaf)
		case n > 0:
			heard = max(heard, n)
			ring(n)
			continue
		}
		newest, err := s.ask(ctx, conn)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("listen: %w: %w", err, catalog.ErrDeaf)
		}
		if newest != heard { // its bell may still be on the way; ringing twice does no harm, and going back must be told
			heard = newest
			ring(newest)
		}
	}
}

// wait waits for one bell, at most ListenPing; 0 if there was none.
func (s *Store) wait(ctx context.Context, conn *pgx.Conn) (catalog.Rev, error) {
	waiting, cancel := context.WithTimeout(ctx, s.ping)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err != nil {
		if errors.Is(waiting.Err(), context.DeadlineExceeded) && !conn.IsClosed() {
			return 0, nil
		}
		return 0, err
	}
	rev, err := strconv.ParseUint(n.Payload, 10, 63)
	return catalog.Rev(rev), err
}

// ask asks for the newest revision over the listening connection.
func (s *Store) ask(ctx context.Context, conn *pgx.Conn) (rev catalog.Rev, err error) {
	asking, cancel := context.WithTimeout(ctx, max(s.ping, time.Second))
	defer cancel()
	err = conn.QueryRow(asking, revisionQuery).Scan(&rev)
	return rev, err
}
