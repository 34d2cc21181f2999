package upcast

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Lens leads from one version of a schema to the next and, unless it is one-way, back. It is immutable and safe for
// concurrent use. Make it with Parse; one without ops, as in Lens{From: 1}, is the identity.
type Lens struct {
	From  int      // the older version; 0 if the document does not say
	To    int      // the newer version; 0 = From+1. No document says it: who knows of purged versions sets it on a copy
	Notes string   // prose of the author; "" for none
	Loses []string // addresses that the way up drops, as the document says and the ops confirm; nil for none

	ops    []op
	noDown bool // the author wants no way down
	asks   bool // an op reads an attribute of the envelope
}

// A ParseError says what is wrong with a lens document.
type ParseError struct {
	Position string // "ops[3].exp10"; "" for the document itself
	Message  string
}

func (e *ParseError) Error() string {
	if e.Position == "" {
		return "lens: " + e.Message
	}
	return "lens: " + e.Position + ": " + e.Message
}

// Parse reads a lens as a JSON object: apiVersion "accord/v1", kind "Lens", from, notes, loses, ops and down, of which
// only ops is required. doc is not kept. The order of ops is the order of running upwards.
//
// Every error is a *ParseError with the position of the fault: not JSON, an unknown member or op, a value of the wrong
// type, a limit of this package, or loses that differ from what the ops drop (the message then has the line to write).
func Parse(doc []byte) (*Lens, error) {
	if len(doc) > MaxLensBytes {
		return nil, &ParseError{Message: fmt.Sprintf("longer than MaxLensBytes (%d)", MaxLensBytes)}
	}
	root, err := parse(new(arena), bytes.Clone(doc))
	if err != nil {
		return nil, &ParseError{Message: err.Error()}
	}
	r := &reader{language: language()}
	l := r.lens(root)
	if r.fault != nil {
		return nil, r.fault
	}
	if lost := l.Losses().Up.Lost; !slices.Equal(tidy(l.Loses), lost) {
		line := quoteAll(lost)
		return nil, &ParseError{Position: "loses", Message: "the ops drop other addresses; write loses: [" + line + "]"}
	}
	return l, nil
}

// to is the newer version.
func (l *Lens) to() int {
	if l.To != 0 {
		return l.To
	}
	return l.From + 1
}

// OneWay says why the lens has no way down; "" if it has one.
func (l *Lens) OneWay() string {
	if l.noDown {
		return "its author wants none (down: none)"
	}
	return oneWay(l.ops)
}

// Ops returns the number of ops, those inside others not counted.
func (l *Lens) Ops() int { return len(l.ops) }

func quoteAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}

// A reader turns the nodes of a document into a lens. It keeps the first fault and then reads on with zero values.
type reader struct {
	language map[string]opReader
	fault    *ParseError
	ops      int  // read so far
	asks     bool // an op asked for an attribute
}

func (r *reader) fail(position, format string, args ...any) {
	if r.fault == nil {
		r.fault = &ParseError{Position: position, Message: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) lens(root *node) *Lens {
	l := &Lens{}
	o := r.object("", root)
	if s := o.text("apiVersion", "accord/v1"); s != "accord/v1" {
		r.fail("apiVersion", "%.40q is not a version of the language: it is accord/v1", s)
	}
	if s := o.text("kind", "Lens"); s != "Lens" {
		r.fail("kind", "%.40q is not Lens", s)
	}
	l.From = o.integer("from", 0, 0, 1<<31-2)
	l.Notes = o.text("notes", "")
	if s := o.text("down", ""); s != "" && s != "none" {
		r.fail("down", "%.40q is not none, the only word that may stand here", s)
	} else {
		l.noDown = s == "none"
	}
	for i, n := range o.list("loses", false) {
		l.Loses = append(l.Loses, o.address(fmt.Sprintf("loses[%d]", i), n))
	}
	l.ops = r.list(o, "ops", 0)
	o.done()
	l.asks = r.asks
	return l
}

// list reads a list of ops.
func (r *reader) list(o *fields, name string, nesting int) []op {
	if nesting > MaxOpNesting {
		r.fail(o.at(name), "more than MaxOpNesting (%d) ops inside each other", MaxOpNesting)
		return nil
	}
	var ops []op
	for i, n := range o.list(name, true) {
		if r.ops++; r.ops > MaxOps {
			r.fail(o.at(name), "more than MaxOps (%d) ops", MaxOps)
		}
		if r.fault != nil {
			return nil
		}
		ops = append(ops, r.op(fmt.Sprintf("%s[%d]", o.at(name), i), n, nesting))
	}
	return ops
}

// op reads one op.
func (r *reader) op(position string, n *node, nesting int) op {
	o := r.object(position, n)
	name := o.text("op", "")
	read, ok := r.language[name]
	switch {
	case r.fault != nil:
		return nil
	case name == "":
		r.fail(o.at("op"), "is missing")
		return nil
	case name == "jsonata" || name == "cel":
		r.fail(o.at("op"), "%s is a foreign rule; lenses do not run any", name)
		return nil
	case !ok:
		r.fail(o.at("op"), "there is no op %.40q; did you mean %s?", name, r.nearest(name))
		return nil
	}
	o.nesting = nesting
	made := read(r, o)
	o.done()
	return named{made, name}
}

// nearest returns the op whose name needs the fewest edits to become name.
func (r *reader) nearest(name string) string {
	best, bestCost := "", 1<<30
	for _, candidate := range sortedKeys(r.language) {
		if cost := edits(name[:min(len(name), 40)], candidate); cost < bestCost {
			best, bestCost = candidate, cost
		}
	}
	return best
}

// edits counts insertions, deletions and replacements between two words, letters in either case counting as equal.
func edits(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
