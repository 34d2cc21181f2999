package sqlite

import (
	"context"

	"github.com/accordhq/accord/catalog"
)

// Probe reads the revision and writes the time.
func (s *Store) Probe(ctx context.Context) (h catalog.Health, err error) {
	err = s.writing(ctx, "probe", func(t *tx) error {
		h.Known = len(scripts())
		if _, err := t.row("PRAGMA user_version", nil, &h.Applied); err != nil {
			return err
		}
		if h.Revision, err = t.revision(); err != nil {
			return err
		}
		return t.exec("INSERT INTO probes (one, at) VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at", micros(t.now))
	})
	return h, err
}
