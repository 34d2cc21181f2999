package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
)

//go:embed migration/*.sql
var migrations embed.FS

const (
	// migrationLock is taken while tables are made; the write lock of the functions is another.
	migrationLock = 7021786411920094
	// leastKnown is the number of migrations that a program must know at least to work on tables that this one made.
	// Migrations only add, so that the previous release keeps serving while this one is rolled out: it is raised to what
	// that release knew when something it does not need is no longer kept.
	leastKnown = 1
)

// Migrate makes or updates the tables behind a postgres:// URL, one process at a time, and returns how many migrations
// had run before and have run now; 0 = there were no tables.
func Migrate(ctx context.Context, url string) (from, to int, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return 0, 0, errURL
	}
	unprepared(config, url)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, 0, wrap(ctx, "connect", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if from, err = tablesAt(ctx, conn); err != nil || from >= len(scripts()) {
		return from, from, err
	}
	to, err = update(ctx, conn)
	return from, to, err
}

// migrate brings the tables up to date, or with keep only looks whether they are.
func migrate(ctx context.Context, config *pgx.ConnConfig, keep bool) error {
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return wrap(ctx, "connect", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	done, err := tablesAt(ctx, conn)
	known := len(scripts())
	switch {
	case err != nil || done >= known: // a newer database only has more than this program needs
		return err
	case keep:
		return fmt.Errorf("the database has %d migrations and this program needs %d: run 'accord migrate'", done, known)
	}
	_, err = update(ctx, conn)
	return err
}

// scripts are the names of the migrations, in order.
func scripts() []string {
	names, err := fs.Glob(migrations, "migration/*.sql") // sorted
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return names
}

// tablesAt is how many migrations have run. It refuses a database that has left this program behind.
func tablesAt(ctx context.Context, conn *pgx.Conn) (done int, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	var there, bounded bool
	err = conn.QueryRow(ctx, `SELECT to_regclass('accord.migrations') IS NOT NULL,
		EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = 'accord' AND table_name = 'migrations' AND column_name = 'least')`).Scan(&there, &bounded)
	if err != nil || !there {
		return 0, wrap(ctx, "migrate", err)
	}
	query, least := "SELECT coalesce(max(n), 0), 0 FROM accord.migrations", 0
	if bounded {
		query = "SELECT coalesce(max(n), 0), coalesce(max(least), 0) FROM accord.migrations"
	}
	if err := conn.QueryRow(ctx, query).Scan(&done, &least); err != nil {
		return 0, wrap(ctx, "migrate", err)
	}
	if known := len(scripts()); known < least {
		return 0, fmt.Errorf("the database has %d migrations and serves programs that know at least %d; this one knows %d: use a newer one", done, least, known)
	}
	return done, nil
}

// update runs the scripts that the database has not seen, and returns how many have run.
func update(ctx context.Context, conn *pgx.Conn) (done int, err error) {
	names := scripts()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, fmt.Sprintf("SELECT set_config('statement_timeout', '60s', true), pg_advisory_xact_lock(%d)", migrationLock)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS accord;
			CREATE TABLE IF NOT EXISTS accord.migrations (n integer PRIMARY KEY, name text NOT NULL);
			ALTER TABLE accord.migrations ADD COLUMN IF NOT EXISTS least integer NOT NULL DEFAULT 1`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(n), 0) FROM accord.migrations").Scan(&done); err != nil {
			return err
		}
		for ; done < len(names); done++ {
			script, err := migrations.ReadFile(names[done])
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(script)); err != nil {
				return fmt.Errorf("%s: %w", names[done], err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO accord.migrations (n, name, least) VALUES ($1, $2, $3)", done+1, names[done], leastKnown); err != nil {
				return err
			}
		}
		return nil
	})
	return done, wrap(ctx, "migrate", err)
}
