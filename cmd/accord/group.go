package main

import (
	"context"
	"errors"
	"sync"
)

// group runs the parts of a role side by side. The first that fails ends all others; wait returns when every one has
// ended.
type group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	errs   []error // guarded by mu
}

func newGroup(ctx context.Context) *group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{ctx: ctx, cancel: cancel}
}

// run starts one part. It ends by itself only by failing; nil and the reason why the group ended are no failure.
func (g *group) run(part func(context.Context) error) {
	g.wg.Go(func() {
		err := part(g.ctx)
		if ended := context.Cause(g.ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ended) {
			g.mu.Lock()
			g.errs = append(g.errs, err)
			g.mu.Unlock()
		}
		g.cancel(err)
	})
}

// stop ends every part and waits for them.
func (g *group) stop() error {
	g.cancel(nil)
	return g.wait()
}

// wait waits for every part and joins what went wrong.
func (g *group) wait() error {
	g.wg.Wait()
	g.cancel(nil)
	return errors.Join(g.errs...)
}
