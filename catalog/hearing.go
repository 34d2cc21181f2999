package catalog

import (
	"context"
	"sync"
	"time"
)

// How a Registry hears of what others change.
const (
	// ListenPing is how often a Store proves to those who watch it that they miss nothing.
	ListenPing = time.Second
	// MaxStale is how old an answer from memory may be: without a proof that young, reads pass through to the store,
	// also when the process was stopped and goes on.
	MaxStale = 2 * time.Second

	relistenFirst = 100 * time.Millisecond // how long Run waits before it listens again, doubled each time
	relistenMost  = 5 * time.Second
)

// hearing is what a Registry knows of the store's changes, and so what its memory is worth:
//
//	heard ≥ applied          caches may be older than what is known: reads pass through
//	heard = applied          caches answer, while a proof of at most MaxStale says that nothing else was committed
//
// Changes are taken in by one goroutine: it drops what they touch, and only then raises applied. Nothing is put into
// the caches in between.
type hearing struct {
	mu        sync.Mutex
	listening bool      // guarded by mu, as all below
	asOf      time.Time // nothing newer than heard had been committed then
	heard     Rev       // newest revision known, of bells, of own writes, of what reads showed
	applied   Rev       // the caches hold nothing older than this
	touched   Rev       // the newest change applied that lists of subjects show
	rung      Rev       // what the last bell said
	suspected uint64    // counts the reasons to ask whether the store went back in time
	cleared   uint64    // how many of them were looked into
	era       uint64    // counts what makes schemas that are on their way unfit to be kept: purges, going back in time

	lenses uint64 // counts what makes answers that tell of lenses, and are on their way, unfit to be kept

	silentSince time.Time     // zero while listening or not running
	silence     time.Duration // the sum of the silences that ended

	changed chan struct{} // closed and replaced whenever heard grows
	wake    chan struct{} // asks apply to look; one place
}

func newHearing() hearing {
	return hearing{changed: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// Run listens for changes until ctx ends, and returns its error. Without Run everything works, but each read of what
// can change goes to the store.
func (r *Registry) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { r.apply(ctx) })
	wg.Go(func() { r.keepUses(ctx) })
	r.hearing.silent(true)
	defer r.hearing.silent(false)
	wait := relistenFirst
	for {
		err := r.store.Watch(ctx, func(rev Rev, asOf time.Time) {
			wait = relistenFirst
			r.hearing.ring(rev, asOf)
		})
		r.deaf()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.log.Warn("not listening for changes; reads pass through to the store", "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wait = min(2*wait, relistenMost)
	}
}

// ring takes a bell of the store's.
func (h *hearing) ring(rev Rev, asOf time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.listening:
		if rev < h.rung {
			h.suspected++
		}
	case h.applied == 0: // nothing was ever kept
		h.listening, h.applied = true, rev
	default: // it may be another store than the one that was lost
		h.listening = true
		h.suspected++
	}
	h.silentNow(false)
	h.rung = rev
	if asOf.After(h.asOf) {
		h.asOf = asOf
	}
	h.raise(rev)
	h.nudge()
}

// raise notes the newest revision known; mu is held.
func (h *hearing) raise(rev Rev) {
	if rev > h.heard {
		h.heard = rev
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

// nudge lets apply look.
func (h *hearing) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// hear notes a revision that a write of our own got, or that a read showed.
func (r *Registry) hear(rev Rev) {
	h := &r.hearing
	h.mu.Lock()
	defer h.mu.Unlock()
	if rev > h.heard {
		h.raise(rev)
		h.nudge()
	}
}

// deaf drops what can change: nobody would tell.
func (r *Registry) deaf() {
	h := &r.hearing
	h.mu.Lock()
	h.listening, h.asOf = false, time.Time{}
	h.silentNow(true)
	h.mu.Unlock()
	r.subjects.clear()
	r.lists.clear()
	r.pages.clear()
}

// settled says whether the caches follow all that was heard; mu is held.
func (h *hearing) settled() bool {
	return h.listening && h.applied >= h.heard && h.cleared == h.suspected
}

// current says whether caches may answer a question about what can change, and the revision that they follow.
func (h *hearing) current(ctx context.Context) (at Rev, ok bool) {
	want, _ := ctx.Value(atLeastKey{}).(Rev)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.applied, h.settled() && h.applied >= want && time.Since(h.asOf) < MaxStale
}

// current says whether caches may answer a question about what can change.
func (r *Registry) current(ctx context.Context) bool {
	_, ok := r.hearing.current(ctx)
	return ok
}

// follows says whether the caches follow the revision that a question wants to see at least.
func (h *hearing) follows(ctx context.Context) bool {
	want, _ := ctx.Value(atLeastKey{}).(Rev)
	if want == 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.applied >= want
}

// now is the era in which a reading begins.
func (h *hearing) now() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.era
}

// keep puts what was read at a revision into the caches of what can change, if it is as new as they are.
func (h *hearing) keep(era uint64, rev Rev, put func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.era == era && h.settled() && rev >= h.applied {
		put()
	}
}

// keepOwn puts what a write of our own left at a revision into the caches of what can change: all that came before is
// in it, and what comes after will drop it, whether or not the caches may answer just now.
func (h *hearing) keepOwn(era uint64, rev Rev, put func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.era == era && h.listening && rev >= h.applied {
		put()
	}
}

// keepForever puts what was read in an era into the caches of what never changes, if it is still there.
func (h *hearing) keepForever(era uint64, put func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.era == era {
		put()
	}
}

// turn begins a new era: what is on its way from the store is not kept.
func (h *hearing) turn() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.era++
}

// lens notes that lenses may have changed: answers that tell of them and are on their way are not kept.
func (h *hearing) lens() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lenses++
}

// lensed is how often lenses may have changed so far.
func (h *hearing) lensed() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lenses
}

// silent counts the time from now until a bell rings, or stops counting.
func (h *hearing) silent(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.silentNow(on)
}

// silentNow is silent; mu is held.
func (h *hearing) silentNow(on bool) {
	switch {
	case on && h.silentSince.IsZero():
		h.silentSince = time.Now()
	case !on && !h.silentSince.IsZero():
		h.silence += time.Since(h.silentSince)
		h.silentSince = time.Time{}
	}
}

// news is the newest revision known, what is closed when there is a newer one, and whether somebody would tell.
func (h *hearing) news() (heard Rev, changed <-chan struct{}, listening bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard, h.changed, h.listening
}

// lag is how many revisions were heard of that the caches do not follow yet.
func (h *hearing) lag() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(h.heard) - float64(min(h.applied, h.heard))
}

// deafness is the sum of all silences, that of now included.
func (h *hearing) deafness() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.silentSince.IsZero() {
		return h.silence
	}
	return h.silence + time.Since(h.silentSince)
}

// apply reads the changes that were heard of and drops what they touch, so that caches may be used again.
func (r *Registry) apply(ctx context.Context) {
	var anchor Change // the newest change that was applied; Rev 0 = not read yet
	for ctx.Err() == nil {
		select {
		case <-r.hearing.wake:
		case <-ctx.Done():
			return
		}
		for ctx.Err() == nil {
			more, err := r.applySome(ctx, &anchor)
			if err != nil && ctx.Err() == nil {
				r.log.Warn("changes cannot be read", "err", err)
				select { // a store that is gone will not be listened to for long
				case <-time.After(relistenFirst):
				case <-ctx.Done():
				}
				continue
			}
			if !more {
				break
			}
		}
	}
}

// applySome takes one step, and says whether there is another one.
func (r *Registry) applySome(ctx context.Context, anchor *Change) (more bool, err error) {
	h := &r.hearing
	h.mu.Lock()
	from, to, listening, suspected, cleared := h.applied, h.heard, h.listening, h.suspected, h.cleared
	h.mu.Unlock()
	if !listening {
		return false, nil
	}
	if cleared != suspected {
		return true, r.checkTime(ctx, anchor, suspected)
	}
	if from > 0 && anchor.Rev != from {
		if *anchor, err = r.changeAt(ctx, from); err != nil {
			return true, err
		}
	}
	if from >= to {
		return false, nil
	}
	changes, err := r.store.Changes(ctx, from, MaxPage)
	if err != nil {
		return true, err
	}
	if len(changes) == 0 { // heard of what is not there
		h.mu.Lock()
		h.suspected++
		h.mu.Unlock()
		return true, nil
	}
	last := changes[len(changes)-1]
	touched := Rev(0)
	for _, c := range changes {
		r.drop(c)
		if c.Op.ofSubjects() {
			touched = c.Rev
		}
	}
	h.mu.Lock()
	h.raise(last.Rev)
	h.applied, h.touched = last.Rev, max(h.touched, touched)
	h.mu.Unlock()
	*anchor = last
	r.followChanges(ctx, changes)
	return true, nil
}

// changeAt reads the change with a revision; zero if the store has none.
func (r *Registry) changeAt(ctx context.Context, rev Rev) (Change, error) {
	changes, err := r.store.Changes(ctx, rev-1, 1)
	if err != nil || len(changes) == 0 || changes[0].Rev != rev {
		return Change{}, err
	}
	return changes[0], nil
}

// checkTime drops everything if the store no longer has the newest change that was applied: after a restored backup,
// or a failover that lost commits, what is in memory may never have been. That is so also when the store has grown
// past that revision again.
func (r *Registry) checkTime(ctx context.Context, anchor *Change, suspected uint64) error {
	h := &r.hearing
	h.mu.Lock()
	applied, heard := h.applied, h.heard
	h.mu.Unlock()
	now, err := r.changeAt(ctx, applied)
	if err != nil {
		return err
	}
	rev, err := r.store.Revision(ctx)
	if err != nil {
		return err
	}
	same := anchor.Rev != applied || anchor.Hash == now.Hash // an anchor that was never read tells nothing
	if now.Rev == applied && same && rev >= heard {
		h.mu.Lock()
		h.cleared = max(h.cleared, suspected)
		h.mu.Unlock()
		return nil
	}
	r.log.Error("the store went back in time; everything in memory is dropped", "revision", uint64(rev), "known", uint64(heard))
	h.mu.Lock()
	h.heard, h.applied, h.touched = rev, rev, rev
	h.era++
	h.mu.Unlock()
	r.forget()
	r.judged.forget()
	*anchor = Change{}
	if rev, err = r.store.Revision(ctx); err != nil { // what was written meanwhile is heard of as well
		return err
	}
	h.mu.Lock()
	h.raise(rev)
	h.cleared = max(h.cleared, suspected)
	h.mu.Unlock()
	return nil
}

// forget drops all caches.
func (r *Registry) forget() {
	r.answers.clear()
	r.schemas.clear()
	r.guids.clear()
	r.located.clear()
	r.compiled.clear()
	r.subjects.clear()
	r.lists.clear()
	r.pages.clear()
	r.tokensChanged()
}

// ofSubjects says whether a change is of a subject or of the policies over it.
func (o Op) ofSubjects() bool {
	switch o {
	case OpRegister, OpDelete, OpPurge, OpUndelete, OpLens, OpConfig, OpMode:
		return true
	}
	return false
}

// drop forgets what a change touches, but for subjects that show it already.
func (r *Registry) drop(c Change) {
	switch c.Op {
	case OpConfig, OpMode:
		r.subjects.dropIf(func(n Name, s *Subject) bool {
			under := c.Context == GlobalContext || n.Context == c.Context && (c.Subject == "" || n.Subject == c.Subject)
			return under && s.Head.Rev < c.Rev
		})
		return
	case OpPurge:
		r.purged(Key{Context: c.Context, ID: c.ID, GUID: c.GUID})
	case OpRegister, OpLens: // perhaps a lens more, or another
		r.hearing.lens()
		r.answers.drop(answerOf(Key{Context: c.Context, ID: c.ID}))
	case OpToken, OpRevoke:
		r.tokensChanged()
	}
	if s, ok := r.subjects.get(c.Name); ok && c.Op.ofSubjects() && s.Head.Rev < c.Rev {
		r.subjects.drop(c.Name)
	}
}

// purged forgets a schema of which a version was purged, also one that is on its way; other versions may still carry
// it: then it is read again.
func (r *Registry) purged(k Key) {
	r.hearing.turn()
	r.schemas.drop(Key{Context: k.Context, ID: k.ID})
	r.guids.drop(k.GUID)
	r.compiled.drop(Key{Context: k.Context, ID: k.ID})
	r.answers.drop(answerOf(Key{Context: k.Context, ID: k.ID}))
}

// Status says how the registry stands.
type Status struct {
	Listening bool          // what can change is served from memory
	Revision  Rev           // newest revision known
	Deaf      time.Duration // how long nobody has told of changes; 0 = somebody does
}

// Status never waits.
func (r *Registry) Status() Status {
	h := &r.hearing
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Listening: h.settled() && time.Since(h.asOf) < MaxStale, Revision: h.heard}
	if !h.silentSince.IsZero() {
		s.Deaf = time.Since(h.silentSince)
	}
	return s
}

// Ping asks the store for its newest revision; Unavailable if it cannot be reached.
func (r *Registry) Ping(ctx context.Context) (Rev, error) { return r.store.Revision(ctx) }

// Probe reads and writes the store, to find out whether it can be used; Unavailable if not.
func (r *Registry) Probe(ctx context.Context) (Health, error) { return r.store.Probe(ctx) }

type atLeastKey struct{}

// AtLeast returns a context whose reads see every change up to rev, also on another replica than the one that wrote
// it.
func AtLeast(ctx context.Context, rev Rev) context.Context {
	return context.WithValue(ctx, atLeastKey{}, rev)
}
