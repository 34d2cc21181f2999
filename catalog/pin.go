package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Bounds of what decoders say about themselves.
const (
	MaxPins     = 100_000 // rows kept; the oldest go first
	MaxPinBytes = 256     // of a group or client; what is longer is cut
)

// Pin says which version of a subject a decoder turns events into: who still reads what.
type Pin struct {
	Group   string    `json:"group"`            // consumer group
	Client  string    `json:"client,omitempty"` // what the decoder calls itself
	Context string    `json:"context,omitempty"`
	Subject string    `json:"subject"`
	Version int       `json:"version"`
	By      string    `json:"by,omitempty"` // who reported it
	First   time.Time `json:"first,omitzero"`
	Last    time.Time `json:"last,omitzero"`
}

// ReportPins notes what decoders say about themselves, at the time of now; they say it again while they live. Rows
// about versions that are not there, or that may (nil: every subject) does not cover, are left out and counted. TooMany
// over MaxReportRows.
func (r *Registry) ReportPins(ctx context.Context, pins []Pin, may func(Name) bool) error {
	now := time.Now().UTC().Truncate(time.Microsecond)
	kept, err := reportable(ctx, r, pins, may, func(p *Pin) about {
		p.Group, p.Client, p.First, p.Last = shortened(p.Group), shortened(p.Client), now, now
		return about{reported(&p.Context, &p.Subject), p.Version, p.Subject == "" || p.Version <= 0, &p.By}
	})
	if err != nil || len(kept) == 0 {
		return err
	}
	slices.SortFunc(kept, comparePins) // so that two reports take the database's rows in one order
	return r.store.AddPins(ctx, kept)
}

func comparePins(a, b Pin) int {
	return cmp.Or(cmp.Compare(a.Context, b.Context), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Version, b.Version))
}

func shortened(s string) string { return strings.ToValidUTF8(s[:min(len(s), MaxPinBytes)], "") }

// Pins returns who reads a subject as which version (zero Name = all), newest first, at most limit (0 = MaxPage).
func (r *Registry) Pins(ctx context.Context, name Name, limit int) ([]Pin, error) {
	return r.store.Pins(ctx, name, pageLimit(limit))
}
