package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/accordhq/accord/catalog"
)

// mediaEvents is a stream of events. Source: HTML Living Standard, "Server-sent events".
const mediaEvents = "text/event-stream"

// StreamPing is how often a stream without changes says that it lives.
const StreamPing = 15 * time.Second

// wantsStream says whether Accept names a stream of events.
func wantsStream(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), mediaEvents)
}

// Drain ends all long polls and streams, which tell their clients how far they came, and makes /readyz say 503. What
// comes afterwards is still served, without waiting. It may be called more than once.
func (a *API) Drain() { a.drain() }

// streamChanges writes each change as an event, whose id is its revision, until the client goes or the API drains.
func (a *API) streamChanges(w http.ResponseWriter, r *http.Request) {
	from := r.Header.Get("Last-Event-ID")
	if from == "" {
		from = r.URL.Query().Get("since")
	}
	after, err := revOf("since", number(from))
	if err != nil {
		f, _ := errors.AsType[*fault](err)
		writeFault(w, r, true, f)
		return
	}
	w.Header().Set("Content-Type", mediaEvents)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	ctx, stop := a.undrained(r.Context())
	defer stop()
	who, asked := CallerOf(ctx), time.Now()
	for out.Flush() == nil {
		if time.Since(asked) >= StreamPing { // a token may have ended, a grant gone
			if now, _, err := a.identify(r); err == nil && (now == nil || !now.has(catalog.Reader)) {
				return
			} else if err == nil {
				who = now
			}
			asked = time.Now()
		}
		changes, err := a.registry.Changes(ctx, after, catalog.MaxPage)
		if err != nil {
			return // the client comes back with the last id it got
		}
		for _, c := range changes {
			if after = c.Rev; !who.MayReadChange(c) {
				continue
			}
			text, err := encode(changeOf(c, false))
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: change\ndata: %s\n\n", c.Rev, text); err != nil {
				return
			}
		}
		if len(changes) > 0 {
			continue
		}
		if err := a.await(ctx, after, StreamPing); err != nil || ctx.Err() != nil {
			return
		}
		if _, err := fmt.Fprint(w, ":\n\n"); err != nil {
			return
		}
	}
}

// undrained is a context that ends when the API drains.
func (a *API) undrained(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(a.serving, cancel)
	return ctx, func() { stop(); cancel() }
}
