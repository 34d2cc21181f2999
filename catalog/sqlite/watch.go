package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/accordhq/accord/catalog"
)

// Watch listens to the commits of this process, which are all there are. It misses none.
func (s *Store) Watch(ctx context.Context, ring func(catalog.Rev, time.Time)) error {
	bell := make(chan struct{}, 1)
	s.mu.Lock()
	s.watchers[bell] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.watchers, bell)
		s.mu.Unlock()
	}()
	ping := time.NewTicker(catalog.ListenPing)
	defer ping.Stop()
	for {
		s.mu.Lock()
		rev, now := s.newest, time.Now()
		s.mu.Unlock()
		ring(rev, now)
		select {
		case <-bell:
		case <-ping.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.closed:
			return fmt.Errorf("store closed: %w", catalog.ErrDeaf)
		}
	}
}

// ring tells every watcher about a commit. The commit before it may ring later, since the next writer does not wait for
// the bell: what is told is the newest revision, which never falls.
func (s *Store) ring(rev catalog.Rev) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = max(s.newest, rev)
	for bell := range s.watchers {
		select {
		case bell <- struct{}{}:
		default: // it rings already
		}
	}
}

// Revision returns the newest revision.
func (s *Store) Revision(ctx context.Context) (rev catalog.Rev, err error) {
	err = s.reading(ctx, "read the revision", func(t *tx) error {
		rev, err = t.revision()
		return err
	})
	return rev, err
}

// revision is the newest revision in the transaction's view.
func (t *tx) revision() (rev catalog.Rev, err error) {
	_, err = t.row("SELECT coalesce(max(rev), 0) FROM changes", nil, &rev)
	return rev, err
}

// change writes one row of the history and gives it the next revision.
func (t *tx) change(c catalog.Change) (catalog.Rev, error) {
	if t.rev == 0 {
		if _, err := t.row("SELECT rev, hash FROM changes ORDER BY rev DESC LIMIT 1", nil, &t.rev, &t.hash); err != nil {
			return 0, err
		}
	}
	t.rev++
	c.Rev, c.At, c.Author = t.rev, t.now, t.author
	t.hash = c.ChainedHash(t.hash)
	return t.rev, t.exec(`INSERT INTO changes (rev, at, author, reason, repo_commit, op, ctx, subject, number, id, guid, before_change, after_change, source, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.rev, micros(t.now), c.By, c.Reason, c.Commit, c.Op, c.Context, c.Subject, c.Version, c.ID, c.GUID, string(c.Before), string(c.After), c.Source, t.hash)
}

// Changes reads at most limit changes after a revision.
func (s *Store) Changes(ctx context.Context, after catalog.Rev, limit int) (changes []catalog.Change, err error) {
	err = s.reading(ctx, "read changes", func(t *tx) error {
		changes, err = t.changes(after, limit)
		return err
	})
	return changes, err
}

// changes reads them in the transaction's view.
func (t *tx) changes(after catalog.Rev, limit int) (changes []catalog.Change, err error) {
	err = t.rows("SELECT "+changeColumns+" FROM changes WHERE rev > ? ORDER BY rev LIMIT ?", []any{after, limit}, func(scan func(...any) error) error {
		c, err := scanChange(scan)
		changes = append(changes, c)
		return err
	})
	return changes, err
}

// raw is stored JSON, nil if there is none.
func raw(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}
