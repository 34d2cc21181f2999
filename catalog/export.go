package catalog

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// ExportQuery says what to export. The zero value means everything; with Context or Prefix set it is subjects with
// their policies and history alone, without documents.
type ExportQuery struct {
	Context *string // nil = all contexts
	Prefix  string  // of the subject, without context
}

// all says whether nothing is left out.
func (q ExportQuery) all() bool { return q.Context == nil && q.Prefix == "" }

// has says whether a subject, or with an empty subject the context, is asked for.
func (q ExportQuery) has(n Name) bool {
	return (q.Context == nil || *q.Context == n.Context) && strings.HasPrefix(n.Subject, q.Prefix)
}

// Export writes one consistent view of the catalog as lines of JSON: a header, then per subject its schemas and
// versions, each subject behind those that it refers to; documents, history and policies; at last the number of lines
// before the last one and the SHA-256 of their bytes. What it holds in memory does not grow with the number of
// versions, only with the number of subjects that refer to others. An error leaves a dump without its last line, which
// no import takes.
func (r *Registry) Export(ctx context.Context, q ExportQuery, w io.Writer) error {
	return r.store.Snapshot(ctx, func(view Snapshot) error {
		e := &exporter{q: q, out: newDumpWriter(w)}
		if err := e.export(ctx, view); err != nil {
			return err
		}
		return e.out.end()
	})
}

// dumpWriter writes lines and remembers what the last one says of them.
type dumpWriter struct {
	buffered *bufio.Writer
	encoder  *json.Encoder
	hash     hash.Hash
	lines    int
}

func newDumpWriter(w io.Writer) *dumpWriter {
	d := &dumpWriter{buffered: bufio.NewWriterSize(w, 64<<10), hash: sha256.New()}
	d.encoder = json.NewEncoder(io.MultiWriter(d.buffered, d.hash))
	d.encoder.SetEscapeHTML(false)
	return d
}

func (d *dumpWriter) line(l dumpLine) error {
	d.lines++
	return d.encoder.Encode(l)
}

// end writes the last line.
func (d *dumpWriter) end() error {
	last := dumpLine{End: true, Lines: d.lines, SHA256: hex.EncodeToString(d.hash.Sum(nil))}
	if err := d.encoder.Encode(last); err != nil {
		return err
	}
	return d.buffered.Flush()
}

// exporter is an export under way.
type exporter struct {
	q       ExportQuery
	out     *dumpWriter
	subject Name
	begun   bool
	written map[int]bool // IDs of the subject under way
}

func (e *exporter) export(ctx context.Context, view Snapshot) error {
	rev, err := view.Revision(ctx)
	if err != nil {
		return err
	}
	head := dumpHeader{Format: dumpFormat, At: time.Now().UTC().Truncate(time.Second), Revision: rev, Prefix: e.q.Prefix}
	if e.q.Context != nil {
		name := Name{Context: *e.q.Context}.ContextName()
		head.Context = &name
	}
	if err := e.out.line(dumpLine{Header: &head}); err != nil {
		return err
	}
	err = view.Contexts(ctx, func(c ContextIDs) error {
		if e.q.Context != nil && *e.q.Context != c.Context {
			return nil
		}
		return e.out.line(dumpLine{Context: &dumpContext{Name{Context: c.Context}.ContextName(), c.ID}})
	})
	if err != nil {
		return err
	}
	if err := e.subjects(ctx, view); err != nil {
		return err
	}
	if e.q.all() {
		err := view.Documents(ctx, func(d Document) error {
			return e.out.line(dumpLine{Doc: &dumpDoc{d.Kind, d.Name, d.Body, d.At, d.By}})
		})
		if err != nil {
			return err
		}
	}
	err = view.History(ctx, func(a Archived) error {
		if !e.q.all() && (!aboutSubjects[a.Op] || !e.q.has(a.Name)) {
			return nil
		}
		return e.out.line(dumpLine{Audit: dumpChangeOf(a)})
	})
	if err != nil {
		return err
	}
	return e.policies(ctx, view)
}

// aboutSubjects are the changes whose name is that of a subject or context.
var aboutSubjects = map[Op]bool{OpRegister: true, OpDelete: true, OpPurge: true, OpUndelete: true, OpConfig: true, OpMode: true, OpLens: true}

// subjects writes first those that refer to others, behind what they refer to, then the rest.
func (e *exporter) subjects(ctx context.Context, view Snapshot) error {
	links := links{}
	err := view.Links(ctx, func(from, to Name) error {
		if from != to && e.q.has(from) && e.q.has(to) {
			links.add(from, to)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range links.groups() {
		q := Moving{Names: group}
		e.begun = false
		joined := false
		err := view.Versions(ctx, q, func(head int, v Moved) error {
			err := e.version(head, v, joined)
			joined = true
			return err
		})
		if err != nil {
			return err
		}
	}
	e.begun = false
	return view.Versions(ctx, Moving{Context: e.q.Context, Prefix: e.q.Prefix}, func(head int, v Moved) error {
		if _, linked := links[v.Name]; linked {
			return nil
		}
		return e.version(head, v, false)
	})
}

// version writes a version, with its subject and schema where they were not written yet.
func (e *exporter) version(head int, v Moved, joined bool) error {
	if !e.begun || e.subject != v.Name {
		e.begun, e.subject, e.written = true, v.Name, map[int]bool{}
		if err := e.out.line(dumpLine{Subject: &dumpSubject{v.ContextName(), v.Subject, head, joined}}); err != nil {
			return err
		}
	}
	if s := v.Schema; !e.written[s.ID] {
		e.written[s.ID] = true
		line := &dumpSchema{s.ID, s.GUID, v.GUIDs, s.Text, s.References, s.Metadata, s.RuleSet, s.Broken, s.At, s.By}
		if err := e.out.line(dumpLine{Schema: line}); err != nil {
			return err
		}
	}
	return e.out.line(dumpLine{Version: &dumpVersion{v.Number, v.Schema.ID, v.State.String(), v.Lens, v.Mark, v.At, v.By}})
}

// policies writes the policies from near to far: those of subjects, of contexts, of everything. An import follows this
// order, so that a mode that ends it comes after all that it would keep out.
func (e *exporter) policies(ctx context.Context, view Snapshot) error {
	for _, pass := range []func(Scope) bool{
		func(s Scope) bool { return s.Subject != "" },
		func(s Scope) bool { return s.Subject == "" && s.Context != GlobalContext },
		func(s Scope) bool { return s.Context == GlobalContext },
	} {
		err := view.Policies(ctx, func(s Scope, p Policy) error {
			if !pass(s) || !e.q.has(s) {
				return nil
			}
			return e.out.line(dumpLine{Policy: &dumpPolicy{s.ContextName(), s.Subject, p.Config, p.Mode}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// links are subjects and what they refer to; one that is only referred to has none.
type links map[Name][]Name

func (l links) add(from, to Name) {
	l[from] = append(l[from], to)
	if _, there := l[to]; !there {
		l[to] = nil
	}
}

// groups returns the subjects, each behind those that it refers to; subjects that refer to each other are one group,
// sorted. Source: Tarjan, "Depth-first search and linear graph algorithms", 1972.
func (l links) groups() [][]Name {
	var (
		out   [][]Name
		stack []Name
		index = map[Name]int{} // order of discovery, from 1
		low   = map[Name]int{}
		on    = map[Name]bool{}
	)
	var visit func(Name)
	visit = func(n Name) {
		index[n] = len(index) + 1
		low[n] = index[n]
		stack, on[n] = append(stack, n), true
		for _, to := range l[n] {
			if index[to] == 0 {
				visit(to)
				low[n] = min(low[n], low[to])
			} else if on[to] {
				low[n] = min(low[n], index[to])
			}
		}
		if low[n] != index[n] {
			return
		}
		at := slices.Index(stack, n)
		group := slices.Clone(stack[at:])
		for _, m := range group {
			on[m] = false
		}
		stack = stack[:at]
		slices.SortFunc(group, Name.Compare)
		out = append(out, group)
	}
	for _, n := range slices.SortedFunc(maps.Keys(l), Name.Compare) {
		if index[n] == 0 {
			visit(n)
		}
	}
	return out
}
