package client

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"
)

// PinEvery is how often the registry is told which versions the program's Decoders read, after the first time at once.
const PinEvery = 5 * time.Minute

// A pin is what a Decoder of a group is built for, as POST /v1/readers takes it.
type pin struct {
	Group   string `json:"group"`
	Subject string `json:"subject"` // qualified
	Version int32  `json:"version"`
}

// pin has the registry told, best effort, which versions a Decoder reads: it answers "who still reads version 1?" also about
// readers whose topics are silent.
func (r *Registry) pin(group string, bindings map[string]*Binding) {
	if r.base == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	for subject, b := range bindings {
		if p := (pin{group, subject, b.version}); !slices.Contains(r.pins, p) {
			r.pins = append(r.pins, p)
		}
	}
	slices.SortFunc(r.pins, func(a, b pin) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	if r.pinned == nil {
		r.pinned = make(chan struct{}, 1)
		r.working.Go(func() { r.tellPins(r.work) })
	}
	select {
	case r.pinned <- struct{}{}:
	default:
	}
}

// tellPins sends all pins whenever there are new ones and every PinEvery, until ctx ends.
func (r *Registry) tellPins(ctx context.Context) {
	tick := time.NewTicker(PinEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.pinned:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		body, err := json.Marshal(map[string]any{"readers": r.pins})
		r.mu.Unlock()
		if err == nil {
			_ = r.post(ctx, "/v1/readers", body) // what does not arrive is said again
		}
	}
}
