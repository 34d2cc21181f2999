package shipping

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/accordhq/accord/orders/event"
)

// A Simulator is a carrier. What happens to a parcel depends on seed and key alone, so a run can be repeated and a
// second call with the same key gives the same parcel.
type Simulator struct {
	Seed    uint64
	Refused float64       // share of parcels that are refused
	Handing time.Duration // how long handing over takes
	Days    time.Duration // how long a parcel is under way
}

// Take implements Carrier.
func (s *Simulator) Take(ctx context.Context, key string) (event.Parcel, error) {
	select {
	case <-ctx.Done():
		return event.Parcel{}, ctx.Err()
	case <-time.After(s.Handing):
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", s.Seed, key)
	x := h.Sum64()
	if float64(x%10_000)/10_000 < s.Refused {
		return event.Parcel{}, ErrRefused
	}
	return event.Parcel{TrackingNumber: fmt.Sprintf("TRK-%016X", x), Carrier: "Parcel Post"}, nil
}

// Transit implements Carrier.
func (s *Simulator) Transit(string) time.Duration { return s.Days }
