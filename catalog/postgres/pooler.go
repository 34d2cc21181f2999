package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// What stands before the database when it is a pooler: PgBouncer, or what does as it does. Connections are borrowed from
// it, by the session or by the transaction; those by the transaction keep no prepared statement and hear no bell.

const (
	// execMode is the parameter of a URL that says how statements are sent.
	execMode = "default_query_exec_mode="
	// echoPatience is how long a call of our own may take to be heard.
	echoPatience = time.Second
)

var errPooled = errors.New("a pooler stands before the database, and changes cannot be heard through it: name a direct connection (--store-direct)")

// unprepared sends statements without a name, unless the URL says how: they are described once, and need nothing that a
// borrowed connection would have to remember.
func unprepared(config *pgx.ConnConfig, url string) {
	if !strings.Contains(url, execMode) {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
}

// pooled says whether a connection is borrowed.
func pooled(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return borrowed(ctx, conn)
}

// borrowed is told by the process that a pooler makes up, which is not the one that answers.
func borrowed(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var pid uint32
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid != conn.PgConn().PID(), err
}

// hears says whether a borrowed connection hears what others call, by calling. By the transaction it hears nothing.
func (s *Store) hears(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "LISTEN "+s.echo); err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, "SELECT pg_notify($1, '')", s.echo); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, echoPatience)
	defer cancel()
	_, err := conn.WaitForNotification(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return errPooled
	}
	if err == nil {
		_, err = conn.Exec(ctx, "UNLISTEN "+s.echo)
	}
	if err != nil {
		return fmt.Errorf("ask a pooler: %w", err)
	}
	return nil
}
