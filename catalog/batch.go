package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/accordhq/accord/compat"
)

// CheckFile is one schema of a change.
type CheckFile struct {
	Name Name
	Registration
}

// Checked is what would become of a file.
type Checked struct {
	Judgement
	// Same is set if the schema is there already; nothing was judged then.
	Same bool
	// Number is what registering gives: that of Same, or a new one.
	Number int
	// Impact says whom the schema would hurt, Strangers who reads it and declares nothing.
	Impact    Impact
	Strangers []User
	// Err is what is wrong with the file: *Error or *RefutedLens. Nothing else is set then.
	Err error
}

// CheckFiles judges the files of one change together, as if they were registered in an order in which each comes after
// those it refers to, and stores nothing. level, where it is not "", is asked instead of the subjects' own. A file that
// would be refused is still there for those that refer to it. The revision is the newest that the verdicts rest on. The
// error is about the registry, never about a file: Unavailable, Busy, TimedOut, InvalidCompatibility, ctx's.
func (r *Registry) CheckFiles(ctx context.Context, files []CheckFile, level Level) ([]Checked, Rev, error) {
	if level != "" {
		var err error
		if level, err = ParseLevel(string(level)); err != nil {
			return nil, 0, err
		}
	}
	b := &batch{registry: r, level: level, subjects: map[Name]*Subject{}, left: map[Name]int{}}
	ctx = context.WithValue(ctx, batchKey{}, b)
	out := make([]Checked, len(files))
	waiting := make([]int, len(files))
	for i, f := range files {
		waiting[i] = i
		b.left[f.Name]++
	}
	for len(waiting) > 0 {
		var later []int
		for _, i := range waiting {
			ready, err := b.ready(ctx, files, i, later)
			if err == nil && !ready {
				later = append(later, i)
				continue
			}
			if err == nil {
				out[i], err = b.check(ctx, files[i])
			}
			if err != nil && !ofFile(ctx, err) {
				return nil, 0, err
			}
			out[i].Err = err
			b.left[files[i].Name]--
		}
		if len(later) == len(waiting) { // what is left waits for each other
			for _, i := range later {
				out[i].Err = &Error{Reason: InvalidSchema, Name: files[i].Name, Detail: "the files refer to each other in a circle"}
			}
			break
		}
		waiting = later
	}
	return out, b.rev, nil
}

// ofFile says whether an error is about what was sent.
func ofFile(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, Unavailable) || errors.Is(err, Busy) || errors.Is(err, TimedOut) {
		return false
	}
	_, known := errors.AsType[*Error](err)
	_, refuted := errors.AsType[*RefutedLens](err)
	return known || refuted
}

type batchKey struct{}

// batchOf is the change that is being checked, nil if there is none.
func batchOf(ctx context.Context) *batch {
	b, _ := ctx.Value(batchKey{}).(*batch)
	return b
}

// batch is a change in the making: subjects as they were read, once each, and what its files add to them. Its schemas
// have negative IDs, which no store gives. One goroutine uses it.
type batch struct {
	registry *Registry
	level    Level
	subjects map[Name]*Subject
	left     map[Name]int // files not judged yet
	schemas  []*Schema    // ID -1 is the first
	compiled []*compat.Schema
	rev      Rev
}

// subject reads a subject with what the change adds to it.
func (b *batch) subject(ctx context.Context, name Name) (*Subject, error) {
	if s := b.subjects[name]; s != nil {
		return s, nil
	}
	s, err := b.registry.store.Subject(ctx, name)
	if err != nil {
		return nil, err
	}
	b.registry.hear(s.Head.Rev)
	if b.level != "" {
		s.Policies.Subject.Config.Compatibility = b.level
	}
	b.rev = max(b.rev, s.Head.Rev)
	b.subjects[name] = &s
	return &s, nil
}

// ready says whether all files that a file rests on were judged: those of its subject that stand before it, and those
// that give the versions it refers to.
func (b *batch) ready(ctx context.Context, files []CheckFile, i int, later []int) (bool, error) {
	own := files[i].Name
	if slices.ContainsFunc(later, func(k int) bool { return files[k].Name == own }) {
		return false, nil
	}
	for _, ref := range files[i].References {
		to, err := ref.Target(own.Context)
		if err != nil {
			return false, err
		}
		if b.left[to] == 0 || to == own && b.left[own] == 1 {
			continue
		}
		s, err := b.subject(ctx, to)
		if err != nil {
			return false, err
		}
		if to != own && ref.Version == Latest || ref.Version > s.Head.Number {
			return false, nil
		}
	}
	return true, nil
}

// check judges one file and adds it to the change.
func (b *batch) check(ctx context.Context, f CheckFile) (Checked, error) {
	r := b.registry
	same, err := r.Lookup(ctx, f.Name, f.Registration, LiveOnly)
	switch {
	case err == nil:
		return Checked{Same: true, Number: same.Number}, nil
	case !errors.Is(err, SubjectNotFound) && !errors.Is(err, SchemaNotFound):
		return Checked{}, err
	}
	j, p, err := r.check(ctx, f.Name, 0, f.Registration)
	if err != nil {
		return Checked{}, err
	}
	done := Checked{Judgement: j, Number: j.subject.Head.Number + 1}
	if done.Impact, err = r.Impact(ctx, &j); err != nil {
		return Checked{}, err
	}
	if done.Strangers, err = r.Strangers(ctx, j.subject.Name); err != nil {
		return Checked{}, err
	}
	b.add(&j, p, f.Lens)
	return done, nil
}

// add puts a new version into the change.
func (b *batch) add(j *Judgement, p *proposal, lens json.RawMessage) {
	schema := p.schema
	b.schemas = append(b.schemas, &schema)
	b.compiled = append(b.compiled, j.next)
	schema.ID = -len(b.schemas)
	next := *j.subject
	next.Head.Number++
	v := Version{Name: next.Name, Number: next.Head.Number, Schema: Schema{Context: schema.Context, ID: schema.ID, GUID: schema.GUID}}
	if j.Lens != nil {
		v.Lens = &StoredLens{Lens: lens, Rev: 1}
	}
	next.Versions = append(slices.Clip(next.Versions), v)
	b.subjects[next.Name] = &next
}

// schema is one that the change brings.
func (b *batch) schema(k Key) (*Schema, error) {
	if b == nil || -k.ID > len(b.schemas) {
		return nil, &Error{Reason: SchemaNotFound, ID: k.ID, Detail: fmt.Sprintf("context %q", k.Context)}
	}
	return b.schemas[-k.ID-1], nil
}
