package postgres

import (
	"context"

	"github.com/accordhq/accord/catalog"
)

// Probe reads the revision and writes the time, in one statement.
func (s *Store) Probe(ctx context.Context) (h catalog.Health, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	h.Known = len(scripts())
	err = s.pool.QueryRow(ctx, `WITH wrote AS (INSERT INTO accord.probes VALUES (1, accord.now()) ON CONFLICT (one) DO UPDATE SET at = excluded.at RETURNING one)
		SELECT (`+revisionQuery+`), (SELECT coalesce(max(n), 0) FROM accord.migrations) FROM wrote`).Scan(&h.Revision, &h.Applied)
	return h, wrap(ctx, "probe", err)
}
