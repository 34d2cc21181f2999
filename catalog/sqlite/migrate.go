package sqlite

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrate makes or updates the tables of a file that no process has open, and returns how many migrations had run before
// and have run now.
func Migrate(ctx context.Context, file string) (from, to int, err error) {
	s, err := Open(ctx, file)
	if err != nil {
		return 0, 0, err
	}
	return s.before, s.after, s.Close()
}

// migrate runs the scripts that the file has not seen, or with keep refuses to; user_version counts them.
func (s *Store) migrate(ctx context.Context, keep bool) (before, after int, err error) {
	scripts := scripts()
	c, err := s.write.take(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer s.write.give(c)
	if err := c.begin("BEGIN IMMEDIATE"); err != nil {
		return 0, 0, err
	}
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&before); err != nil {
		return 0, 0, err
	}
	switch known := len(scripts); {
	case before > known:
		return 0, 0, fmt.Errorf("the file has %d migrations, this program knows %d: use a newer one", before, known)
	case before < known && keep:
		return 0, 0, fmt.Errorf("the file has %d migrations and this program needs %d: run 'accord migrate'", before, known)
	case before == known:
		return before, before, nil
	}
	for _, name := range scripts[before:] {
		script, err := migrations.ReadFile(name)
		if err != nil {
			return 0, 0, err
		}
		if _, err := c.Conn.ExecContext(ctx, string(script)); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := (&tx{conn: c, ctx: ctx}).chain(); err != nil {
		return 0, 0, err
	}
	if _, err := c.Conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(scripts))); err != nil {
		return 0, 0, err
	}
	return before, len(scripts), c.end("COMMIT")
}

// scripts are the names of the migrations, in their order.
func scripts() []string {
	names, _ := fs.Glob(migrations, "migration/*.sql") // the pattern is good
	return names
}
