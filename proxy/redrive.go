package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// DefaultRedriveRate and MaxRedriveRate are letters a second.
	DefaultRedriveRate = 100
	MaxRedriveRate     = 1_000
	redriveChunk       = 100      // letters of one transaction
	redriveChunkBytes  = 4 << 20  // of their values; one larger letter is alone
	redriveBytes       = 64 << 20 // of all letters of one call
	maxExpired         = 100      // marks of expired letters that are taken back with one call
)

// A Note is what the gate is about to do to letters, for the audit.
type Note struct {
	Op     string // redrive or discard
	Topic  string // of the letters
	Group  string // consumer group, of dead letters
	Count  int
	Reason string
}

// actRequest is the body of a redrive or discard. Which letters: offsets, or all that wait and match.
type actRequest struct {
	Topic   string        `json:"topic"`
	Offsets []letterPlace `json:"offsets"`
	letterFilter
	After  string `json:"after"`
	Limit  int    `json:"limit"`
	Rate   int    `json:"rate"`
	DryRun bool   `json:"dry_run"`
	Reason string `json:"reason"`
}

type letterPlace struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// letterFilter chooses letters. Zero members choose all.
type letterFilter struct {
	Type    string    `json:"type"`  // of the CloudEvent, or subject
	Class   string    `json:"class"` // the gate's reason, or the class of a consumer's error
	Address string    `json:"address"`
	Since   time.Time `json:"since"`
}

func (f *letterFilter) takes(o *opened) bool {
	return (f.Type == "" || f.Type == o.Type || f.Type == o.Subject) && (f.Class == "" || f.Class == o.Class) &&
		(f.Address == "" || f.Address == o.Address) && !o.At.Before(f.Since)
}

// actAnswer says what became of the letters.
type actAnswer struct {
	Topic   string      `json:"topic"`
	Op      string      `json:"op"`
	DryRun  bool        `json:"dry_run,omitempty"`
	Done    int         `json:"done"`    // redriven or discarded by this call; in a dry run: would be
	Already int         `json:"already"` // that were so before
	Refused int         `json:"refused"` // that may not go back as things are
	Results []actResult `json:"results"`
	Next    string      `json:"next,omitempty"`    // there may be more: ask again with this as after
	Stopped string      `json:"stopped,omitempty"` // why the rest was not tried; ask again
}

// actResult is what became of one letter.
type actResult struct {
	letterPlace
	Status string    `json:"status"` // redriven, discarded, passes (dry run), already, refused, gone, unknown
	To     *standing `json:"to,omitempty"`
	ID     string    `json:"id,omitempty"`
	Error  string    `json:"error,omitempty"`
}

const (
	actPasses  = "passes"
	actAlready = "already"
	actRefused = "refused"
	actGone    = "gone"
	actUnknown = "unknown"
)

// An action is one redrive or discard under way.
type action struct {
	srv    *Server
	op     string
	box    letterBox
	ask    *actRequest
	by     string
	client *kgo.Client // transactional; nil in a dry run
	reader *letterReader
	answer actAnswer
	todo   []*opened // chosen, in order; results of the same index below
	slots  []int     // index in answer.Results of each of todo
}

// act redrives or discards letters. audit is asked first, with how many there are; its error ends it.
func (s *Server) act(ctx context.Context, op string, box letterBox, ask *actRequest, by string, audit func(Note) error) (*actAnswer, error) {
	a := &action{
		srv: s, op: op, box: box, ask: ask, by: by, reader: &letterReader{srv: s, ctx: ctx, box: box, plans: s.current()},
		answer: actAnswer{Topic: box.Topic, Op: op, DryRun: ask.DryRun, Results: []actResult{}},
	}
	if !ask.DryRun {
		if !s.marks.acting.TryLock() {
			return nil, refuseHTTP(http.StatusServiceUnavailable, "other letters are being redriven or discarded: try again")
		}
		defer s.marks.acting.Unlock()
		if err := a.begin(ctx); err != nil {
			return nil, err
		}
		defer a.client.Close()
	}
	if err := a.choose(ctx); err != nil {
		return nil, err
	}
	if ask.DryRun || len(a.todo) == 0 {
		a.answer.Done = len(a.todo)
		return &a.answer, nil
	}
	if err := audit(Note{Op: op, Topic: box.Topic, Group: box.Group, Count: len(a.todo), Reason: ask.Reason}); err != nil {
		return nil, err
	}
	a.run(ctx)
	s.metrics.letters.WithLabelValues(op, "done").Add(float64(a.answer.Done))
	s.metrics.letters.WithLabelValues(op, "refused").Add(float64(a.answer.Refused))
	return &a.answer, nil
}

// begin becomes the one that writes marks: what another left open is aborted, and what was done before is known.
func (a *action) begin(ctx context.Context) error {
	s := a.srv
	own := s.own.Load()
	if own == nil {
		return refuseHTTP(http.StatusServiceUnavailable, "not serving")
	}
	if err := s.makeTopic(ctx, own, MarksTopic, 1, map[string]string{"cleanup.policy": "compact"}); err != nil {
		return refuseHTTP(http.StatusServiceUnavailable, "%s", err)
	}
	if a.op == opRedrive && a.box.Kind == deadLetter {
		retention := fmt.Sprint(quarantineRetention.Milliseconds())
		if err := s.makeTopic(ctx, own, a.box.To, quarantinePartitions, map[string]string{"retention.ms": retention}); err != nil {
			return refuseHTTP(http.StatusServiceUnavailable, "%s", err)
		}
	}
	client, err := kgo.NewClient(append(s.clientOptions(), kgo.TransactionalID(marksID), kgo.TransactionTimeout(marksTimeout))...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	if _, _, err = client.ProducerID(ctx); err != nil {
		client.Close()
		return refuseHTTP(http.StatusServiceUnavailable, "the brokers begin no transaction: %s", err)
	}
	a.client = client
	return nil
}

// choose finds the letters and says of each what would become of it.
func (a *action) choose(ctx context.Context) error {
	s := a.srv
	settled, err := s.marksOf(ctx, a.box.Topic, !a.ask.DryRun)
	if errors.Is(err, errMarksOpen) {
		return refuseHTTP(http.StatusServiceUnavailable, "%s: try again", err)
	}
	if err != nil {
		return unreadable(err)
	}
	if s.marks.full() && !a.ask.DryRun {
		return refuseHTTP(http.StatusServiceUnavailable, "%s", errMarksFull)
	}
	wanted := map[letterPlace]bool{}
	for _, w := range a.ask.Offsets {
		wanted[w] = true
	}
	parts, err := a.extents(ctx)
	if err != nil {
		return unreadable(err)
	}
	scanned, bytes := 0, 0
	err = s.scan(ctx, a.box.Topic, parts, func(r *kgo.Record, control bool) error {
		at := letterPlace{r.Partition, r.Offset}
		scanned++
		if len(a.todo) == a.limit() || scanned > MaxLettersScanned || bytes > redriveBytes {
			a.answer.Next = letterPosition{r.Partition, r.Offset}.String()
			return errEnough
		}
		if control || len(wanted) > 0 && !wanted[at] {
			return nil
		}
		delete(wanted, at)
		o := a.reader.open(r, settled)
		if len(a.ask.Offsets) == 0 && (o.State != stateWaiting || !a.ask.takes(o)) {
			return nil
		}
		bytes += len(r.Value) + len(r.Key)
		a.decide(o)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return unreadable(err)
	}
	if a.answer.Next == "" {
		for at := range wanted {
			a.answer.Results = append(a.answer.Results, actResult{letterPlace: at, Status: actGone, Error: "there is no such letter"})
		}
	}
	return nil
}

// extents are the parts of the topic that hold what is asked for.
func (a *action) extents(ctx context.Context) ([]extent, error) {
	parts, err := a.srv.extents(ctx, a.box.Topic, a.ask.Since)
	if err != nil {
		return nil, err
	}
	if len(a.ask.Offsets) == 0 {
		return after(parts, a.ask.After)
	}
	lowest, highest := map[int32]int64{}, map[int32]int64{}
	for _, w := range a.ask.Offsets {
		if low, ok := lowest[w.Partition]; !ok || w.Offset < low {
			lowest[w.Partition] = w.Offset
		}
		highest[w.Partition] = max(highest[w.Partition], w.Offset)
	}
	parts = slices.DeleteFunc(parts, func(e extent) bool { _, ok := lowest[e.partition]; return !ok })
	for i := range parts {
		parts[i].first = max(parts[i].first, lowest[parts[i].partition])
		parts[i].next = min(parts[i].next, highest[parts[i].partition]+1)
	}
	return after(parts, a.ask.After)
}

// after cuts off what a page before has shown.
func after(parts []extent, position string) ([]extent, error) {
	if position == "" {
		return parts, nil
	}
	p, err := parsePosition(position)
	if err != nil {
		return nil, refuseHTTP(http.StatusBadRequest, "after: %s", err)
	}
	parts = slices.DeleteFunc(parts, func(e extent) bool { return e.partition < p.partition })
	for i := range parts {
		if parts[i].partition == p.partition {
			parts[i].first = max(parts[i].first, p.offset)
		}
	}
	return parts, nil
}

func (a *action) limit() int {
	if a.ask.Limit > 0 {
		return min(a.ask.Limit, MaxLetters)
	}
	return MaxLetters
}

// decide says what is to become of a letter.
func (a *action) decide(o *opened) {
	res := actResult{letterPlace: letterPlace{o.Partition, o.Offset}, ID: o.ID, Status: actPasses}
	switch {
	case o.State != stateWaiting:
		res.Status, res.Error = actAlready, "it is "+o.State
		a.answer.Already++
	case a.op == opDiscard:
	case o.Replays >= MaxReplays:
		res.Status, res.Error = actRefused, fmt.Sprintf("it went back %d times, which is the most", o.Replays)
		a.answer.Refused++
	case !o.Passes:
		res.Status, res.Error = actRefused, o.verdict.logged()
		a.answer.Refused++
	}
	a.answer.Results = append(a.answer.Results, res)
	if res.Status == actPasses {
		a.todo, a.slots = append(a.todo, o), append(a.slots, len(a.answer.Results)-1)
	}
}

// run does what was decided, a transaction for each chunk, at the rate that was asked for.
func (a *action) run(ctx context.Context) {
	rate := min(max(a.ask.Rate, 0), MaxRedriveRate)
	if rate == 0 {
		rate = DefaultRedriveRate
	}
	began := time.Now()
	for at := 0; at < len(a.todo); {
		n := a.chunk(at, min(rate, redriveChunk))
		if err := a.together(ctx, at, at+n); err != nil {
			a.answer.Stopped = err.Error()
			a.srv.quiet.warn("letters", "op", a.op, "topic", a.box.Topic, "err", err)
			break
		}
		at += n
		due := began.Add(time.Duration(at) * time.Second / time.Duration(rate))
		if at == len(a.todo) || a.op == opDiscard {
			continue
		}
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			a.answer.Stopped = "nobody waits for the answer any more"
			return
		}
	}
	a.prune(ctx)
}

// chunk is how many letters from at on share a transaction.
func (a *action) chunk(at, most int) int {
	size := 0
	for n := range min(most, len(a.todo)-at) {
		if size += len(a.todo[at+n].record.Value); size > redriveChunkBytes && n > 0 {
			return n
		}
	}
	return min(most, len(a.todo)-at)
}

// together does the letters from at to before end in one transaction. One that brokers refuse for good is left out, and the
// others are tried again. An error: nothing of these was done, or nobody knows and the results say so.
func (a *action) together(ctx context.Context, at, end int) error {
	left := make([]int, 0, end-at)
	for i := at; i < end; i++ {
		left = append(left, i)
	}
	for len(left) > 0 {
		refused, err := a.transact(ctx, left)
		if err != nil {
			return err
		}
		if len(refused) == 0 {
			break
		}
		left = slices.DeleteFunc(left, func(i int) bool {
			fault, bad := refused[i]
			if bad {
				res := &a.answer.Results[a.slots[i]]
				res.Status, res.Error, res.To = actRefused, fault.Error(), nil
				a.answer.Refused++
			}
			return bad
		})
	}
	for _, i := range left {
		a.answer.Results[a.slots[i]].Status = mark{Op: a.op}.state()
		a.answer.Done++
		a.count(a.todo[i])
	}
	return nil
}

// transact writes records and marks. refused are letters that brokers would not take, with why; then nothing was written.
func (a *action) transact(ctx context.Context, which []int) (refused map[int]error, err error) {
	// What was begun is ended even if nobody waits for the answer any more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letterTimeout)
	defer cancel()
	if err := a.client.BeginTransaction(); err != nil {
		return nil, fmt.Errorf("begin a transaction: %w", err)
	}
	faults := make([]error, len(which))
	done := make(chan int, 2*len(which))
	sent := 0
	var markFault error
	send := func(r *kgo.Record, promise func(*kgo.Record, error)) {
		sent++
		a.client.Produce(ctx, r, func(r *kgo.Record, err error) {
			promise(r, err)
			done <- 1
		})
	}
	markFaults := make([]error, len(which))
	for n, i := range which {
		if a.op == opRedrive {
			send(a.back(a.todo[i]), func(r *kgo.Record, err error) {
				if faults[n] = err; err == nil {
					offset := r.Offset
					a.answer.Results[a.slots[i]].To = &standing{Topic: r.Topic, Partition: r.Partition, Offset: &offset}
				}
			})
		}
		send(a.marked(a.todo[i]), func(_ *kgo.Record, err error) { markFaults[n] = err })
	}
	for range sent {
		<-done
	}
	markFault = errors.Join(markFaults...)
	refused = map[int]error{}
	var first error
	for n, fault := range faults {
		switch {
		case fault == nil:
		case lasting(fault):
			refused[which[n]] = fault
		case first == nil:
			first = fault
		}
	}
	if len(refused) > 0 || first != nil || markFault != nil {
		abort := a.client.EndTransaction(ctx, kgo.TryAbort)
		if len(refused) > 0 && abort == nil {
			return refused, nil
		}
		a.untold(which)
		return nil, fmt.Errorf("nothing of it was written: %w", errors.Join(first, markFault, abort))
	}
	if err := a.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		a.untold(which)
		for _, i := range which {
			a.answer.Results[a.slots[i]].Status = actUnknown
		}
		return nil, fmt.Errorf("whether these went back is not known yet, ask for their states: %w", err)
	}
	return nil, nil
}

// untold takes back what was said about letters that were not written.
func (a *action) untold(which []int) {
	for _, i := range which {
		a.answer.Results[a.slots[i]].To = nil
	}
}

// lasting says whether brokers would refuse a record again.
func lasting(err error) bool {
	for _, code := range []*kerr.Error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.InvalidTopicException, kerr.InvalidTimestamp, kerr.PolicyViolation} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// back is the record that a letter goes back as.
func (a *action) back(o *opened) *kgo.Record {
	r := &kgo.Record{Topic: a.box.To, Key: o.record.Key, Value: o.record.Value, Headers: slices.Clone(o.headers)}
	if o.plan != nil && o.plan.policy == Mark && !o.verdict.accepted() {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headerInvalid, Value: []byte(o.verdict.mark())})
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: headerRedrive, Value: []byte(markKey(o.Topic, o.Partition, o.Offset))})
	if o.Kind == quarantined && o.From.Partition >= 0 {
		r.Context = context.WithValue(context.Background(), choiceKey{}, &choice{partition: int(o.From.Partition)})
	}
	return r
}

// marked is the record that says what was done about a letter.
func (a *action) marked(o *opened) *kgo.Record {
	m := mark{Op: a.op, At: time.Now().UTC(), By: a.by}
	if a.op == opRedrive {
		m.To = a.box.To
	}
	value, _ := json.Marshal(m) // times and strings: cannot fail
	return &kgo.Record{Topic: MarksTopic, Key: []byte(markKey(o.Topic, o.Partition, o.Offset)), Value: value}
}

// count counts a letter that went through the gate.
func (a *action) count(o *opened) {
	if a.op != opRedrive || o.Kind != quarantined || o.plan == nil {
		return
	}
	who, size := producer{redriveClientID, a.by}, int64(len(o.record.Key)+len(o.record.Value))
	if o.plan.policy == Off {
		a.srv.unjudged(who, o.plan.topic, 1, size)
		return
	}
	var t tally
	t.add(0, &o.verdict, int(size))
	fate := wasAccepted
	if !o.verdict.accepted() {
		if fate = wasObserved; o.plan.policy == Mark {
			fate = wasMarked
		}
	}
	a.srv.judged(who, o.plan.topic, &t, 1, fate)
}

// redriveClientID is the client id of redriven letters in reports.
const redriveClientID = "accord-redrive"

// prune takes back marks of letters that have expired. Should it fail, the next call does it.
func (a *action) prune(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letterTimeout)
	defer cancel()
	parts, err := a.srv.extents(ctx, a.box.Topic, time.Time{})
	if err != nil {
		return
	}
	keys := a.srv.marks.expired(a.box.Topic, parts, maxExpired)
	if len(keys) == 0 || a.client.BeginTransaction() != nil {
		return
	}
	end := kgo.TryCommit
	for _, key := range keys {
		a.client.Produce(ctx, &kgo.Record{Topic: MarksTopic, Key: []byte(key)}, nil)
	}
	if a.client.Flush(ctx) != nil {
		end = kgo.TryAbort
	}
	if err := a.client.EndTransaction(ctx, end); err != nil {
		a.srv.quiet.warn("marks of expired letters stay", "topic", MarksTopic, "err", err)
	}
}

// full says whether no more can be remembered.
func (m *marks) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n >= MaxMarks
}

// unreadable is what an error of reading letters is over HTTP.
func unreadable(err error) error {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if errors.Is(err, errNoTopic) {
		return refuseHTTP(http.StatusNotFound, "no such topic of letters")
	}
	return refuseHTTP(http.StatusServiceUnavailable, "letters cannot be read now: %s", err)
}
