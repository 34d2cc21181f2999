package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/compat"
)

// diffPage is what the difference of two versions shows.
type diffPage struct {
	E        *event
	A, B     int
	Banner   banner
	Backward verdictView // code of B reads events of A
	Forward  verdictView // code of A reads events of B
	Matrix   []matrixRow
	Changes  []changeView
	Readers  []affected
	Chain    []chainStep
	Lines    []textLine
	Broken   string // why there is no verdict, "" = there is one
	Versions []versionRow
}

// banner is the page's answer in one sentence.
type banner struct{ Class, Sign, Words string }

// verdictView is one verdict with its evidence.
type verdictView struct {
	Level    string // BACKWARD or FORWARD
	Question string
	Word     string // compatible, incompatible, undecided
	Event    string // the counterexample
	Faults   []fault
	Reason   string // why undecided
	Steps    int    // of the proof
	Assumes  []string
}

type fault struct{ Pointer, Keyword, Message string }

type matrixRow struct {
	Number                  int
	Here                    bool
	Backward, Forward, Full string
}

// changeView is one change in words.
type changeView struct {
	Sign, Class   string // + add, − del, ± mod
	Places        []changedPlace
	More          int
	Rule          string
	Words         string
	Before, After jsonValue
	Effect        string // harmless, breaks, together, unproven
	Event         string // that this change alone refuses, "" = none
}

// changedPlace is an address and the version whose page shows it: the newer one where both do, 0 where none does.
type changedPlace struct {
	Address string
	Version int
}

// affected is a declared reader and what the newer version means to it.
type affected struct {
	Name  string
	Words string
	Class string // ok, warning, breaks
	Sign  string
}

// chooseDiff turns the two selects of the form into an address.
func (s *Site) chooseDiff(_ http.ResponseWriter, r *http.Request) error {
	_, e, err := s.event(r)
	if err != nil {
		return err
	}
	if r.URL.RawQuery == "" {
		return &movedError{to: s.links.event(e.Subject) + "#versions", status: http.StatusSeeOther}
	}
	a, errA := strconv.Atoi(r.URL.Query().Get("a"))
	b, errB := strconv.Atoi(r.URL.Query().Get("b"))
	if errA != nil || errB != nil {
		return badPair(e, r.URL.RawQuery)
	}
	return &movedError{to: s.links.diff(e.Subject, a, b), status: http.StatusSeeOther}
}

func badPair(e *event, text string) error {
	return &pageError{status: http.StatusBadRequest, title: "Not two versions", detail: fmt.Sprintf("%q are not two version numbers, such as 1..2.", text), nearest: []pageLink{{e.Kind(), e.Subject}}}
}

// diffPage shows what changed from one version to another, either way round, and whom that breaks.
func (s *Site) diffPage(w http.ResponseWriter, r *http.Request) error {
	lib, e, err := s.event(r)
	if err != nil {
		return err
	}
	left, right, ok := strings.Cut(r.PathValue("pair"), "..")
	a, errA := strconv.Atoi(left)
	b, errB := strconv.Atoi(right)
	if !ok || errA != nil || errB != nil || a < 1 || b < 1 {
		return badPair(e, r.PathValue("pair"))
	}
	for _, n := range []int{a, b} {
		if _, ok := e.version(n); !ok {
			return &pageError{status: http.StatusNotFound, title: "No such version", detail: fmt.Sprintf("%s has no version %d.", e.Subject, n), nearest: []pageLink{{e.Kind(), e.Subject}}}
		}
	}
	if s.unchanged(w, r, lib) {
		return nil
	}
	ctx := r.Context()
	p := diffPage{E: e, A: a, B: b, Versions: s.versionRows(ctx, e, b, nil)}
	if c, err := s.compare(ctx, e, a, b); err != nil {
		p.Broken = err.Error()
		p.Banner = banner{"warning", "?", "There is no verdict: " + p.Broken}
	} else {
		views := make([]*catalog.View, 0, 2)
		for _, n := range []int{b, a} {
			view, err := s.view(ctx, e, n)
			if err != nil {
				return err
			}
			views = append(views, view)
		}
		p.judged(e, c, views)
		p.Matrix = s.matrix(ctx, e, a, b)
	}
	for _, step := range chainOf(e) {
		if step.From >= min(a, b) && step.To <= max(a, b) {
			p.Chain = append(p.Chain, step)
		}
	}
	if p.Lines, err = s.textDiff(ctx, e, a, b); err != nil {
		return err
	}
	return s.render(w, r, "diff", http.StatusOK, page{
		Title: fmt.Sprintf("%s v%d to v%d", e.Subject, a, b), Nav: "events", Rev: lib.rev, Crumbs: s.eventCrumbs(e, fmt.Sprintf("v%d to v%d", a, b)), Data: p,
	})
}

// judged fills what follows from the comparison.
func (p *diffPage) judged(e *event, c *catalog.Comparison, views []*catalog.View) {
	p.Backward = newVerdict("BACKWARD", fmt.Sprintf("Can code of v%d read every event of v%d?", p.B, p.A), c.Backward)
	p.Forward = newVerdict("FORWARD", fmt.Sprintf("Can code of v%d read every event of v%d?", p.A, p.B), c.Forward)
	for _, change := range byPlace(c.Changes) {
		p.Changes = append(p.Changes, newChange(change, views))
	}
	broken := 0
	for _, x := range e.Readers {
		row := affected{Name: x.Service.Name, Class: "ok", Sign: "✓", Words: "not affected"}
		built := cmp.Or(x.Version, p.B)
		switch {
		case x.Decode == "lens":
			row.Words = fmt.Sprintf("decodes by lens to v%d", built)
		case built == p.A && c.Forward.Verdict == compat.Incompatible:
			row = affected{Name: row.Name, Class: "breaks", Sign: "✕", Words: fmt.Sprintf("was built for v%d and reads events raw: v%d sends some that it rejects", p.A, p.B)}
			broken++
		case built == p.A && c.Forward.Verdict == compat.Undecided:
			row = affected{Name: row.Name, Class: "warning", Sign: "?", Words: fmt.Sprintf("was built for v%d and reads events raw: nobody could prove that it reads v%d", p.A, p.B)}
		case built == p.B && c.Backward.Verdict == compat.Incompatible:
			row = affected{Name: row.Name, Class: "breaks", Sign: "✕", Words: fmt.Sprintf("was built for v%d and reads events raw: old events of v%d break it", p.B, p.A)}
			broken++
		}
		p.Readers = append(p.Readers, row)
	}
	p.Banner = p.sentence(broken, len(e.Readers))
}

// sentence is the banner: readers first, then the verdicts.
func (p *diffPage) sentence(broken, readers int) banner {
	pair := fmt.Sprintf("v%d", p.B)
	switch {
	case p.A == p.B:
		return banner{"ok", "✓", "Both are the same version."}
	case broken > 0:
		return banner{"breaks", "✕", fmt.Sprintf("%s breaks %d of %d consumers.", pair, broken, readers)}
	case p.Backward.Word == "compatible" && p.Forward.Word == "compatible":
		return banner{"ok", "✓", fmt.Sprintf("v%d and v%d accept the same events.", p.A, p.B)}
	case p.Backward.Word == "compatible":
		return banner{"ok", "✓", fmt.Sprintf("Every event of v%d is valid under v%d.", p.A, p.B)}
	case p.Backward.Word == "undecided":
		return banner{"warning", "?", fmt.Sprintf("Nobody could prove or refute that v%d reads every event of v%d.", p.B, p.A)}
	case p.carried():
		return banner{"warning", "!", fmt.Sprintf("v%d rejects events of v%d; the lens carries them, and every consumer that decodes by lens.", p.B, p.A)}
	}
	return banner{"breaks", "✕", fmt.Sprintf("v%d rejects events that v%d accepts.", p.B, p.A)}
}

// carried says whether a lens stands at every step between the two versions.
func (p *diffPage) carried() bool {
	if p.A >= p.B {
		return false
	}
	have := map[int]bool{}
	for _, v := range p.E.Live() {
		have[v.Number] = v.Lens != nil
	}
	for _, v := range p.E.Live() {
		if v.Number > p.A && v.Number <= p.B && !have[v.Number] {
			return false
		}
	}
	return true
}

func newVerdict(level, question string, r compat.Result) verdictView {
	v := verdictView{Level: level, Question: question, Word: verdictWord(r.Verdict)}
	if c := r.Counterexample; c != nil {
		v.Event = prettyJSON(c.Event)
		for _, x := range c.Violations {
			v.Faults = append(v.Faults, fault{x.Pointer, x.Keyword, x.Message})
		}
	}
	if p := r.Proof; p != nil {
		v.Steps = len(p.Steps)
		v.Assumes = p.Assumptions
	}
	if r.Verdict == compat.Undecided {
		v.Reason = strings.TrimSuffix(fmt.Sprint(r.Reason)+": "+r.Detail, ": ")
	}
	return v
}

func verdictWord(v compat.Verdict) string {
	switch v {
	case compat.Compatible:
		return "compatible"
	case compat.Incompatible:
		return "incompatible"
	}
	return "undecided"
}

// newChange says a change in words. A place is linked to the first of the views that has it.
func newChange(c compat.Change, views []*catalog.View) changeView {
	v := changeView{Rule: c.Rule, Before: newValue(c.Before), After: newValue(c.After), Effect: c.Effect.String(), Sign: "±", Class: "mod"}
	const shown = 4
	for i, address := range c.Addresses {
		if i == shown {
			v.More = len(c.Addresses) - shown
			break
		}
		place := changedPlace{Address: address}
		for _, view := range views {
			if view.Find(address) != nil {
				place.Version = view.Version
				break
			}
		}
		v.Places = append(v.Places, place)
	}
	switch {
	case strings.HasSuffix(v.Rule, "-added"), strings.HasSuffix(v.Rule, "-required"):
		v.Sign, v.Class = "+", "add"
	case strings.HasSuffix(v.Rule, "-removed"), strings.HasSuffix(v.Rule, "-optional"):
		v.Sign, v.Class = "−", "del"
	}
	v.Words = strings.ReplaceAll(v.Rule, "-", " ")
	if strings.HasSuffix(v.Rule, "property-required") || strings.HasSuffix(v.Rule, "property-optional") {
		v.Before, v.After = jsonValue{}, jsonValue{} // the name, which is the place
	}
	if c.Event != nil {
		v.Event = prettyJSON(c.Event)
	}
	return v
}

// jsonValue is a keyword's value: short words, and the whole where it is a schema or long.
type jsonValue struct{ Brief, Rest string }

// maxBrief is how many bytes of a value are shown unfolded.
const maxBrief = 60

func newValue(text string) jsonValue {
	switch {
	case strings.HasPrefix(text, "{"):
		v := jsonValue{Brief: "a schema"}
		if m := typeMember.FindStringSubmatch(text); m != nil {
			v.Brief = m[1]
		}
		if json.Valid([]byte(text)) { // compat cuts what is very long
			v.Rest = text
		}
		return v
	case len(text) > maxBrief:
		runes := []rune(text)
		return jsonValue{Brief: string(runes[:min(len(runes), maxBrief)]) + "…", Rest: text}
	}
	return jsonValue{Brief: text}
}

// typeMember finds the first type that a schema's text names.
var typeMember = regexp.MustCompile(`"type":"([a-z]+)"`)

// byPlace puts changes of the same place beside each other, in the order in which the places come first.
func byPlace(changes []compat.Change) []compat.Change {
	place := func(c compat.Change) string {
		if len(c.Addresses) == 0 {
			return ""
		}
		return c.Addresses[0]
	}
	first := map[string]int{}
	for i, c := range changes {
		if _, ok := first[place(c)]; !ok {
			first[place(c)] = i
		}
	}
	sorted := slices.Clone(changes)
	slices.SortStableFunc(sorted, func(a, b compat.Change) int { return cmp.Compare(first[place(a)], first[place(b)]) })
	return sorted
}

// matrix compares the newer version with each older live one, for the three levels at once.
func (s *Site) matrix(ctx context.Context, e *event, a, b int) []matrixRow {
	var rows []matrixRow
	for _, v := range e.Live() {
		if v.Number >= b && v.Number != a {
			continue
		}
		row := matrixRow{Number: v.Number, Here: v.Number == a, Backward: "undecided", Forward: "undecided"}
		if c, err := s.compare(ctx, e, v.Number, b); err == nil {
			row.Backward, row.Forward = verdictWord(c.Backward.Verdict), verdictWord(c.Forward.Verdict)
		}
		row.Full = worse(row.Backward, row.Forward)
		rows = append(rows, row)
	}
	return rows
}

// worse is the verdict of both together.
func worse(a, b string) string {
	for _, word := range []string{"incompatible", "undecided"} {
		if a == word || b == word {
			return word
		}
	}
	return "compatible"
}

// textDiff compares the two texts line by line.
func (s *Site) textDiff(ctx context.Context, e *event, a, b int) ([]textLine, error) {
	texts := make([]string, 2)
	for i, n := range []int{a, b} {
		v, err := s.Registry.Version(ctx, catalog.Name{Subject: e.Subject}, n, catalog.WithDeleted)
		if err != nil {
			return nil, err
		}
		texts[i] = prettyJSON(v.Schema.Text)
	}
	return diffLines(strings.Split(texts[0], "\n"), strings.Split(texts[1], "\n")), nil
}

// textLine is one line of a text difference.
type textLine struct {
	Class string // add, del, same
	Sign  string
	Text  string
}

// maxDiffCells bounds the table of a line difference; larger texts are shown as one replaced by the other.
const maxDiffCells = 4_000_000

// diffLines finds the longest common subsequence of lines. Source: J. W. Hunt, M. D. McIlroy: An algorithm for
// differential file comparison, 1976 (here with the plain table).
func diffLines(a, b []string) []textLine {
	var out []textLine
	same := func(text string) { out = append(out, textLine{"same", " ", text}) }
	del := func(text string) { out = append(out, textLine{"del", "−", text}) }
	add := func(text string) { out = append(out, textLine{"add", "+", text}) }
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		same(a[0])
		a, b = a[1:], b[1:]
	}
	var tail []string
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, a[len(a)-1])
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a)*len(b) > maxDiffCells {
		for _, l := range a {
			del(l)
		}
		for _, l := range b {
			add(l)
		}
		a, b = nil, nil
	}
	length := make([][]int32, len(a)+1)
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			same(a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			del(a[i])
			i++
		default:
			add(b[j])
			j++
		}
	}
	for i := len(tail) - 1; i >= 0; i-- {
		same(tail[i])
	}
	return out
}
