package catalog_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/postgres"
	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"
)

// deed is one operation of a history: what a client asked for.
type deed struct {
	what    string // a name of deeds
	subject int
	text    int // of kinds
	number  int // of a version
	id      int
	level   catalog.Level
	by      string // its name in the history that the store keeps
}

// saying is what it was answered.
type saying struct {
	reason  catalog.Reason // "" = done; unknown = nobody knows whether it was done
	number  int
	id      int
	text    int
	numbers string
}

const (
	unknown      catalog.Reason = "unknown"
	incompatible catalog.Reason = "incompatible"
)

// The schemas of a history: 0 is closed, 1 is open, every other gives the member "kind" a constant of its own.
const kinds = 6

// accepts says whether schema a reads all that schema b wrote.
func accepts(a, b int) bool { return a == b || b == 0 || a == 1 }

func kindText(history, kind int) string {
	member := map[int]string{0: "", 1: `,"kind":true`}
	if kind > 1 {
		member[kind] = fmt.Sprintf(`,"kind":{"const":%d}`, kind)
	}
	return fmt.Sprintf(`{"title":"%d","type":"object","properties":{"id":{"type":"string"}%s},"required":["id"],"additionalProperties":false}`, history, member[kind])
}

// ledger is the whole registry as one thread would run it: the sequential model. It is a value, compared by ==.
type ledger struct {
	books  [2]book
	ids    [kinds]int // of each schema that a version carries
	lastID int
}

type book struct {
	level catalog.Level
	head  int
	rows  [32]row // the first n
	n     int
}

type row struct {
	number, text int
	state        catalog.State
}

func (b *book) live(r row) bool { return r.state == catalog.Live }

// find is the index of the newest row that is as asked, -1 for none.
func (b *book) find(good func(row) bool) int {
	for i := b.n - 1; i >= 0; i-- {
		if good(b.rows[i]) {
			return i
		}
	}
	return -1
}

// fits says whether a schema may follow others, oldest first, under the level.
func (b *book) fits(text int, history []int) bool {
	if b.level == catalog.None || len(history) == 0 {
		return true
	}
	if !b.level.Transitive() {
		history = history[len(history)-1:]
	}
	return !slices.ContainsFunc(history, func(old int) bool {
		forward := b.level == catalog.Full || b.level == catalog.FullTransitive
		return !accepts(text, old) || forward && !accepts(old, text)
	})
}

// step does a deed, or says why not.
func (l ledger) step(d deed) (ledger, saying) {
	b := &l.books[d.subject]
	there := func(r row) bool { return r.state != catalog.Gone }
	numbered := func(r row) bool { return r.number == d.number && there(r) }
	refuse := func(r catalog.Reason) (ledger, saying) { return l, saying{reason: r} }
	var history []int
	for _, r := range b.rows[:b.n] {
		if b.live(r) {
			history = append(history, r.text)
		}
	}
	switch d.what {
	case "register":
		if i := b.find(func(r row) bool { return b.live(r) && r.text == d.text }); i >= 0 {
			return l, saying{number: b.rows[i].number, id: l.ids[d.text]}
		}
		if !b.fits(d.text, history) {
			return refuse(incompatible)
		}
		if l.ids[d.text] == 0 {
			l.ids[d.text] = -1 // new: the answer says which
		}
		for i := range b.rows[:b.n] {
			if r := &b.rows[i]; r.text == d.text && r.state == catalog.Deleted {
				r.state = catalog.Gone
			}
		}
		b.head++
		b.rows[b.n] = row{b.head, d.text, catalog.Live}
		b.n++
		return l, saying{number: b.head, id: l.ids[d.text]}
	case "latest":
		i := b.find(b.live)
		if i < 0 {
			return refuse(catalog.SubjectNotFound)
		}
		return l, saying{number: b.rows[i].number, text: b.rows[i].text, id: l.ids[b.rows[i].text]}
	case "versions":
		if len(history) == 0 {
			return refuse(catalog.SubjectNotFound)
		}
		var numbers []int
		for _, r := range b.rows[:b.n] {
			if b.live(r) {
				numbers = append(numbers, r.number)
			}
		}
		return l, saying{numbers: fmt.Sprint(numbers)}
	case "schema":
		if text := slices.Index(l.ids[:], d.id); text >= 0 {
			return l, saying{text: text}
		}
		return refuse(catalog.SchemaNotFound)
	case "level":
		b.level = d.level
		return l, saying{}
	}
	// Deletions of one version.
	i := b.find(numbered)
	switch {
	case b.find(there) < 0 && d.what != "undelete":
		return refuse(catalog.SubjectNotFound)
	case i < 0:
		return refuse(catalog.VersionNotFound)
	case d.what == "delete" && !b.live(b.rows[i]):
		return refuse(catalog.VersionDeleted)
	case d.what != "delete" && b.live(b.rows[i]):
		return refuse(catalog.VersionNotDeleted)
	}
	switch d.what {
	case "delete":
		b.rows[i].state = catalog.Deleted
	case "undelete":
		if !b.returns(i) {
			return refuse(incompatible)
		}
		b.rows[i].state = catalog.Live
	case "purge":
		copy(b.rows[i:], b.rows[i+1:b.n])
		b.n--
		b.rows[b.n] = row{}
		if b.find(there) < 0 {
			*b = book{level: catalog.Backward}
		}
		l.sweep()
	}
	return l, saying{number: d.number}
}

// returns says whether a version may come back: it and the one after it must fit what stands below them then.
func (b *book) returns(i int) bool {
	var below []int
	touched := false
	for at, r := range b.rows[:b.n] {
		if at != i && !b.live(r) {
			continue
		}
		if (at == i || touched) && !b.fits(r.text, below) {
			return false
		}
		touched = at == i
		below = append(below, r.text)
	}
	return true
}

// sweep forgets the IDs of schemas that no version carries any more.
func (l *ledger) sweep() {
	for text := range l.ids {
		carried := false
		for _, b := range l.books {
			carried = carried || b.find(func(r row) bool { return r.text == text }) >= 0
		}
		if !carried {
			l.ids[text] = 0
		}
	}
}

// ledgerModel accepts a history that one thread could have made.
var ledgerModel = porcupine.Model{
	Init: func() any {
		return ledger{books: [2]book{{level: catalog.Backward}, {level: catalog.Backward}}}
	},
	Step: func(state, input, output any) (bool, any) {
		d, got := input.(deed), output.(saying)
		next, want := state.(ledger).step(d)
		if got.reason == unknown && want.id != -1 {
			return true, next
		}
		if want.id == -1 { // a new ID is above all that were given
			if got.reason == unknown {
				got = saying{number: want.number, id: next.lastID + 1_000_000}
			}
			if got.id <= next.lastID {
				return false, state
			}
			want.id, next.ids[d.text], next.lastID = got.id, got.id, got.id
		}
		return got == want, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// A recorder writes down who asked what, when, and what was answered.
type recorder struct {
	history    int
	registries []*catalog.Registry
	seen       atomic.Uint64 // newest revision that any answer showed: what X-Accord-Revision carries from client to client
	ids        atomic.Int64  // an ID that was given

	mu  sync.Mutex
	ops []porcupine.Operation // guarded by mu
}

// name is a subject of this history.
func (c *recorder) name(i int) catalog.Name {
	return subject(fmt.Sprintf("history-%d-%d", c.history, i))
}

// do asks one registry and records what it says.
func (c *recorder) do(t *testing.T, client int, d deed) {
	r := c.registries[client%len(c.registries)]
	called := time.Now().UnixNano()
	ctx := catalog.WithAuthor(catalog.AtLeast(t.Context(), catalog.Rev(c.seen.Load())), catalog.Author{By: d.by})
	s, err := c.ask(ctx, r, d)
	for rev := uint64(r.Status().Revision); ; {
		old := c.seen.Load()
		if old >= rev || c.seen.CompareAndSwap(old, rev) {
			break
		}
	}
	refused, _ := errors.AsType[*catalog.Error](err)
	_, contradicts := errors.AsType[*catalog.Incompatible](err)
	switch {
	case contradicts:
		s = saying{reason: incompatible}
	case errors.Is(err, catalog.Unavailable) || errors.Is(err, catalog.TimedOut):
		s = saying{reason: unknown}
	case refused != nil:
		s = saying{reason: refused.Reason}
	case err != nil:
		t.Errorf("%+v = %v", d, err)
	}
	returned := time.Now().UnixNano()
	if s.reason == unknown {
		if d.what == "latest" || d.what == "versions" || d.what == "schema" {
			return // it changed nothing and said nothing
		}
		returned = 1 << 62 // it may still happen
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops = append(c.ops, porcupine.Operation{ClientId: client, Input: d, Call: called, Output: s, Return: returned})
}

// ask does a deed.
func (c *recorder) ask(ctx context.Context, r *catalog.Registry, d deed) (s saying, err error) {
	name := c.name(d.subject)
	switch d.what {
	case "register":
		v, err := r.Register(ctx, name, catalog.Registration{Text: kindText(c.history, d.text)})
		if err == nil {
			c.ids.Store(int64(v.Schema.ID))
		}
		return saying{number: v.Number, id: v.Schema.ID}, err
	case "latest":
		v, err := r.Version(ctx, name, catalog.Latest, catalog.LiveOnly)
		return saying{number: v.Number, id: v.Schema.ID, text: c.kindOf(v.Schema.Text)}, err
	case "versions":
		list, err := r.Versions(ctx, name, catalog.LiveOnly)
		var numbers []int
		for _, v := range list {
			numbers = append(numbers, v.Number)
		}
		return saying{numbers: fmt.Sprint(numbers)}, err
	case "schema":
		schema, err := r.SchemaByID(ctx, "", d.id)
		return saying{text: c.kindOf(schema.Text)}, err
	case "level":
		_, err := r.SetConfig(ctx, name, catalog.Patch{Set: catalog.Config{Compatibility: d.level}})
		return saying{}, err
	case "undelete":
		_, err := r.Undelete(ctx, name, []int{d.number}, nil)
		return saying{number: d.number}, err
	}
	n, err := r.DeleteVersion(ctx, name, d.number, d.what == "purge")
	return saying{number: n}, err
}

// kindOf finds a text among those of the history.
func (c *recorder) kindOf(text string) int {
	for kind := range kinds {
		if kindText(c.history, kind) == text {
			return kind
		}
	}
	return -1
}

// deedOf throws the dice.
func (c *recorder) deedOf(dice *rand.Rand) deed {
	d := deed{subject: dice.IntN(2), text: dice.IntN(kinds)}
	levels := []catalog.Level{catalog.None, catalog.Backward, catalog.BackwardTransitive, catalog.Full}
	switch n := dice.IntN(20); {
	case n < 8:
		d.what = "register"
	case n < 11:
		d.what = "latest"
	case n < 13:
		d.what = "versions"
	case n < 15:
		d.what, d.id = "schema", int(c.ids.Load())
	case n < 16:
		d.what, d.level = "level", levels[dice.IntN(len(levels))]
	default:
		d.what = []string{"delete", "delete", "purge", "undelete"}[n-16]
		d.number = 1 + dice.IntN(3)
	}
	if d.what != "register" { // members that do not matter are zero, so that histories read well
		d.text = 0
	}
	if d.what == "schema" {
		d.subject = 0
		if d.id == 0 {
			d.what = "latest"
		}
	}
	return d
}

var histories atomic.Int64

// record lets clients act at once and returns what was written down.
func record(t *testing.T, clients, each int, registries ...*catalog.Registry) []porcupine.Operation {
	c := &recorder{history: int(histories.Add(1)), registries: registries}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(c.history), uint64(client)))
			for n := range each {
				d := c.deedOf(dice)
				d.by = fmt.Sprintf("deed %d of client %d in history %d", n, client, c.history)
				c.do(t, client, d)
			}
		})
	}
	wg.Wait()
	return c.ops
}

// settle finds out what became of the deeds that nobody was told of: whatever changed something stands in the store's own
// history under its name, and there is no answer that it could have given but that one. The rest did nothing. So the
// checker need not try both, for each of them and at every place. No session may be left that could still do something.
func settle(ops []porcupine.Operation, changes []catalog.Change) (settled []porcupine.Operation, done, undone int) {
	rows := map[string]catalog.Change{}
	for _, c := range changes {
		rows[c.By] = c
	}
	for _, op := range ops {
		d, s := op.Input.(deed), op.Output.(saying)
		if s.reason != unknown {
			settled = append(settled, op)
			continue
		}
		row, there := rows[d.by]
		if !there {
			undone++
			continue
		}
		done++
		switch d.what {
		case "register":
			op.Output = saying{number: row.Version, id: row.ID}
		case "level":
			op.Output = saying{}
		default:
			op.Output = saying{number: row.Version}
		}
		settled = append(settled, op)
	}
	return settled, done, undone
}

// linearizable says whether one thread could have made a history.
func linearizable(t *testing.T, ops []porcupine.Operation) bool {
	t.Helper()
	switch porcupine.CheckOperationsTimeout(ledgerModel, ops, time.Minute) {
	case porcupine.Ok:
		return true
	case porcupine.Illegal:
		return false
	}
	t.Fatalf("the checker did not decide a history of %d operations within a minute", len(ops))
	return false
}

// printHistory shows a history in the order of its calls.
func printHistory(ops []porcupine.Operation) string {
	slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&b, "%12d %12d client %d: %+v -> %+v\n", op.Call-ops[0].Call, op.Return-ops[0].Call, op.ClientId, op.Input, op.Output)
	}
	return b.String()
}

// soak multiplies rounds for a long run: ACCORD_SOAK says by how much.
func soak(rounds int) int {
	times, err := strconv.Atoi(os.Getenv("ACCORD_SOAK"))
	if err != nil || times < 1 {
		return rounds
	}
	return rounds * times
}

// tell says how far a long run is, ten times.
func tell(t *testing.T, round, rounds, deeds int) {
	t.Helper()
	if soak(1) > 1 && round > 0 && round%max(1, rounds/10) == 0 {
		t.Logf("%d of %d histories, %d operations: each has an order of one thread", round, rounds, deeds)
	}
}

// TestHistoriesWhileConnectionsAreCut: what a client was not told has happened or not, as the store's own history says,
// and nothing else is unclear.
func TestHistoriesWhileConnectionsAreCut(t *testing.T) {
	url := newDatabase(t)
	stores := []*postgres.Store{newReplica(t, url), newReplica(t, url)}
	registries := []*catalog.Registry{listening(t, stores[0]), listening(t, stores[1])}
	killer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(context.Background())
	deeds, happened, not := 0, 0, 0
	rounds := soak(25)
	for round := range rounds {
		tell(t, round, rounds, deeds)
		began, err := stores[0].Revision(t.Context())
		for errors.Is(err, catalog.Unavailable) { // its connections were cut as well
			began, err = stores[0].Revision(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var killing sync.WaitGroup
		killing.Go(func() {
			for ctx.Err() == nil { // one of them: the newest query
				cutSessions(t, killer, "AND query NOT LIKE 'LISTEN%' ORDER BY query_start DESC LIMIT 1")
				select {
				case <-time.After(15 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
		ops := record(t, 5, 8, registries...)
		cancel()
		killing.Wait()
		changes := changesAfter(t, killer, began)
		ops, done, undone := settle(ops, changes)
		if !linearizable(t, ops) {
			t.Fatalf("no order of one thread makes this history:\n%s", printHistory(ops))
		}
		deeds, happened, not = deeds+len(ops)+undone, happened+done, not+undone
	}
	if soak(1) == 1 && happened+not == 0 {
		t.Error("no answer was lost: nothing was cut")
	}
	t.Logf("%d histories while connections were cut, %d operations; nobody was told what became of %d: %d had happened, %d had not",
		rounds, deeds, happened+not, happened, not)
}

// cutSessions ends sessions of the database other than the killer's own, and waits until they are gone.
func cutSessions(t *testing.T, killer *pgx.Conn, which string) {
	t.Helper()
	rows, err := killer.Query(context.Background(), `SELECT pid FROM (SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() `+which+` OFFSET 0) p WHERE pg_terminate_backend(pid)`)
	var pids []int32
	if err == nil {
		pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
	}
	for there := len(pids); err == nil && there > 0; {
		err = killer.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)", pids).Scan(&there)
	}
	if err != nil {
		t.Error(err)
	}
}

// changesAfter reads the history of the store, once no session is left that could still add to it for those who have been
// answered, or given up, by now.
func changesAfter(t *testing.T, killer *pgx.Conn, after catalog.Rev) []catalog.Change {
	t.Helper()
	cutSessions(t, killer, "")
	rows, err := killer.Query(t.Context(), "SELECT author, number, id FROM accord.changes WHERE rev > $1 ORDER BY rev", int64(after))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c catalog.Change, err error) {
		return c, row.Scan(&c.By, &c.Version, &c.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// TestHistoriesAreLinearizable records what clients of several replicas ask and are answered, each request carrying the
// newest revision that any answer before it showed, and demands an order in which one thread would have said the same.
func TestHistoriesAreLinearizable(t *testing.T) {
	const clients, each = 8, 12
	rounds := soak(40)
	stores := map[string]func(t *testing.T) []*catalog.Registry{
		"PostgreSQL": func(t *testing.T) []*catalog.Registry {
			url := newDatabase(t)
			return []*catalog.Registry{listening(t, newReplica(t, url)), listening(t, newReplica(t, url)), listening(t, newReplica(t, url))}
		},
		"SQLite": func(t *testing.T) []*catalog.Registry { return []*catalog.Registry{newRegistry(t)} },
	}
	for store, open := range stores {
		t.Run(store, func(t *testing.T) {
			registries := open(t)
			awaitListening(t, registries...)
			began, deeds, said := time.Now(), 0, map[catalog.Reason]int{}
			var checking time.Duration
			for round := range rounds {
				tell(t, round, rounds, deeds)
				ops := record(t, clients, each, registries...)
				checked := time.Now()
				if !linearizable(t, ops) {
					t.Fatalf("no order of one thread makes this history:\n%s", printHistory(ops))
				}
				checking += time.Since(checked)
				deeds += len(ops)
				for _, op := range ops {
					said[cmp.Or(op.Output.(saying).reason, "done")]++
				}
			}
			t.Logf("%d histories of %d clients, %d operations (%v), in %s, of which checking %s",
				rounds, clients, deeds, said, time.Since(began).Round(time.Millisecond), checking.Round(time.Millisecond))
		})
	}
}

// careless is a Store without the comparison: it swaps whatever the head was that the verdict rests on.
type careless struct{ catalog.Store }

func (s careless) Append(ctx context.Context, name catalog.Name, _ catalog.Head, versions ...catalog.Version) ([]catalog.Version, catalog.Rev, error) {
	for {
		now, err := s.Store.Subject(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		added, rev, err := s.Store.Append(ctx, name, now.Head, versions...)
		if !errors.Is(err, catalog.ErrConflict) {
			return added, rev, err
		}
	}
}

// TestCarelessStoreIsNotLinearizable: the test above can fail.
func TestCarelessStoreIsNotLinearizable(t *testing.T) {
	const most = 200
	store := careless{newStore(t)}
	registries := []*catalog.Registry{listening(t, store), listening(t, store), listening(t, store)}
	awaitListening(t, registries...)
	for i := range most {
		if !linearizable(t, record(t, 8, 12, registries...)) {
			t.Logf("history %d has no order of one thread", i+1)
			return
		}
	}
	t.Errorf("%d histories of a store that does not compare were all accepted", most)
}
