package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// A lensSlot holds the lens that leads to one version from the one before, once that is known.
type lensSlot struct {
	turn  chan struct{} // one token, taken while asking, so that one question is asked however many wait; guards the rest
	known bool
	lens  *upcast.Lens // nil = there is none
	rev   int          // of the lens
	etag  string
}

// lensAnswer is GET /v1/subjects/{s}/versions/{n}/lens.
type lensAnswer struct {
	Lens json.RawMessage `json:"lens"`
	Rev  int             `json:"rev"`
}

// lens returns the lens to a version from the one before, nil if there is none: from the lock file, else from the
// registry, which is asked once.
func (r *Registry) lens(ctx context.Context, at validator.SubjectVersion) (*upcast.Lens, int, error) {
	made, ok := r.lenses.Load(at)
	if !ok {
		made, _ = r.lenses.LoadOrStore(at, &lensSlot{turn: make(chan struct{}, 1)})
	}
	slot := made.(*lensSlot)
	if err := slot.take(ctx); err != nil {
		return nil, 0, err
	}
	defer slot.give()
	if slot.known {
		return slot.lens, slot.rev, nil
	}
	if r.lock != nil {
		// a number that the lock leaves out below one that it holds was purged
		if v, ok := r.lock.versions[at]; ok || at.Version < r.lock.newest[at.Subject] {
			slot.known, slot.lens, slot.rev = true, r.lock.lenses[at], v.Rev
			return slot.lens, slot.rev, nil
		}
	}
	if r.base == nil {
		return nil, 0, fmt.Errorf("%s v%d is not in the lock file: %w", at.Subject, at.Version, ErrUnknownSchema)
	}
	if err := r.fill(ctx, slot, at); err != nil {
		return nil, 0, err
	}
	slot.known = true
	return slot.lens, slot.rev, nil
}

// take waits for the slot's turn, until ctx ends.
func (s *lensSlot) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *lensSlot) give() { <-s.turn }

// fill gets a lens if it is another than the slot's, whose turn the caller has.
func (r *Registry) fill(ctx context.Context, slot *lensSlot, at validator.SubjectVersion) error {
	var a lensAnswer
	path := fmt.Sprintf("/v1/subjects/%s/versions/%d/lens", url.PathEscape(at.Subject), at.Version)
	etag, unchanged, err := r.get(ctx, path, slot.etag, &a)
	switch {
	case unchanged:
		return nil
	case errors.Is(err, ErrUnknownSchema):
		a = lensAnswer{}
	case err != nil:
		return err
	}
	if slot.known && a.Rev <= slot.rev {
		return nil
	}
	var lens *upcast.Lens
	if len(a.Lens) > 0 && string(a.Lens) != "null" {
		if lens, err = upcast.Parse(a.Lens); err != nil {
			return fmt.Errorf("lens to %s v%d: %w: %w", at.Subject, at.Version, ErrUnavailable, err)
		}
	}
	if slot.known {
		r.generation.Add(1)
	}
	slot.lens, slot.rev, slot.etag = lens, a.Rev, etag
	return nil
}

// refresh asks for all lenses in use again, beside the callers, if that was last done PlanRefresh ago. A registry that
// is away changes nothing.
func (r *Registry) refresh() {
	last := r.refreshed.Load()
	now := time.Now().UnixNano()
	if r.base == nil || r.frozen || now-last < int64(PlanRefresh) || !r.refreshed.CompareAndSwap(last, now) {
		return
	}
	r.background(func(ctx context.Context) {
		r.lenses.Range(func(key, value any) bool {
			slot := value.(*lensSlot)
			if slot.take(ctx) != nil {
				return false
			}
			defer slot.give()
			if !slot.known {
				return true
			}
			return r.fill(ctx, slot, key.(validator.SubjectVersion)) == nil
		})
	})
}

// numbers returns the versions of a subject in the lock, newest first.
func (x *lockIndex) numbers(subject string) []int32 {
	var numbers []int32
	for at := range x.versions {
		if at.Subject == subject {
			numbers = append(numbers, at.Version)
		}
	}
	newestFirst(numbers)
	return numbers
}

func newestFirst(numbers []int32) {
	slices.Sort(numbers)
	slices.Reverse(numbers)
}
