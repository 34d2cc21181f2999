package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/accordhq/accord/validator"
)

// Imported is what became of a dump.
type Imported struct {
	Created int // versions, policies, documents and rows of history that were written
	Same    int // that were there already
	// Refused are lines that were left out, with all of their subject; Broken are schemas that were taken although they
	// do not compile here. Both hold MaxRefused at most, LeftOff counts what is beyond.
	Refused, Broken []DumpFault
	LeftOff         int
	Rev             Rev // newest revision of the import, 0 = nothing changed
}

// DumpFault is what is wrong with a line, counted from 1.
type DumpFault struct {
	Line   int
	Reason string
}

// Import reads a dump that Export wrote, whole, and only if it is as it was written (InvalidDump) writes what is not
// there yet: each subject in one step, with its IDs, GUIDs, numbers and states. Nothing is overwritten: a line that
// contradicts what is there is refused with its subject, the rest is taken. So an import that broke off is finished by
// doing it again. New things need mode IMPORT in their scope (NotImport, which ends the import). With try nothing is
// written, whatever the mode: the answer is what would be. Beside the file a step of at most MaxStepBytes is in
// memory, and what the file's references name.
func (r *Registry) Import(ctx context.Context, dump io.ReadSeeker, try bool) (Imported, error) {
	m := &importer{r: r, try: try, targets: map[SubjectVersion]bool{}, chains: map[string]*importedChain{}}
	if err := m.verify(dump); err != nil {
		return Imported{}, err
	}
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return Imported{}, fmt.Errorf("read the dump again: %w", err)
	}
	err := m.write(ctx, dump)
	return m.done, err
}

// importer is an import under way.
type importer struct {
	r    *Registry
	try  bool
	done Imported
	// targets are the versions that references of the file name: true once the file has brought one.
	targets map[SubjectVersion]bool

	group []*arrival // the step under way
	bytes int        // of its lines, or of history
	told  bool       // that it is refused

	history     []Archived
	historyLine int // of the first of them
	chains      map[string]*importedChain
}

// arrival is a subject of the step under way.
type arrival struct {
	MovedSubject
	line    int
	fault   *DumpFault             // the first line of it that is refused
	schemas map[int]*arrivedSchema // by ID
	lines   map[int]int            // of versions, by number
}

type arrivedSchema struct {
	Schema
	guids []string
	line  int
}

// verify holds the file against what its last line says, and notes what its references name. Nothing is written.
func (m *importer) verify(dump io.Reader) error {
	in := newDumpReader(dump)
	sum := sha256.New()
	var subject *Name
	ended := false
	for {
		l, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case ended:
			return in.bad("text after the last line")
		case in.line == 1 && l.Header == nil:
			return in.bad("a dump begins with its header")
		case in.line > 1 && l.Header != nil:
			return in.bad("a second header")
		case l.Header != nil && l.Header.Format != dumpFormat:
			return in.bad("format %d; this program reads format %d", l.Header.Format, dumpFormat)
		case l.End:
			ended = true
			if l.Lines != in.line-1 || l.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
				return in.bad("the lines before it are not those that were exported: the file was cut or edited")
			}
			continue
		case l.Subject != nil:
			context, err := contextOfLine(l.Subject.Context)
			if err != nil {
				return in.bad("%v", err)
			}
			subject = &Name{context, l.Subject.Name}
		case (l.Schema != nil || l.Version != nil) && subject == nil:
			return in.bad("it belongs to no subject")
		case l.Schema != nil:
			for _, ref := range l.Schema.References {
				if to, err := ref.Target(subject.Context); err == nil {
					m.targets[SubjectVersion{Name: to, Version: ref.Version}] = false
				}
			}
		case l.Version == nil:
			subject = nil
			if l.Header == nil && l.Context == nil && l.Policy == nil && l.Doc == nil && l.Audit == nil {
				return in.bad("nothing that this program knows")
			}
		}
		sum.Write(in.raw)
	}
	if !ended {
		return &Error{Reason: InvalidDump, Detail: fmt.Sprintf("the file ends at line %d, before its last line: it was cut", in.line)}
	}
	return nil
}

// write writes the file line by line, step by step.
func (m *importer) write(ctx context.Context, dump io.Reader) error {
	in := newDumpReader(dump)
	for {
		l, err := in.next()
		if err != nil {
			return err // verify saw the last line
		}
		if l.Schema == nil && l.Version == nil && (l.Subject == nil || !l.Subject.Joined) {
			if err := m.flush(ctx); err != nil {
				return err
			}
			m.group, m.told = nil, false
		}
		if l.Audit == nil {
			if err := m.flushHistory(ctx); err != nil {
				return err
			}
		}
		switch {
		case l.End:
			return m.note(ctx)
		case l.Context != nil:
			err = m.context(ctx, in.line, l.Context)
		case l.Subject != nil:
			m.subject(in.line, l.Subject)
		case l.Schema != nil:
			m.schema(in.line, l.Schema)
			err = m.grew(ctx, len(in.raw))
		case l.Version != nil:
			m.version(in.line, l.Version)
			err = m.grew(ctx, len(in.raw))
		case l.Policy != nil:
			err = m.policy(ctx, in.line, l.Policy)
		case l.Doc != nil:
			err = m.document(ctx, in.line, l.Doc)
		case l.Audit != nil:
			err = m.audit(ctx, in.line, l.Audit, len(in.raw))
		}
		if err != nil {
			return err
		}
	}
}

// refuse lists a line.
func (m *importer) refuse(f DumpFault) {
	m.list(&m.done.Refused, f)
}

func (m *importer) list(list *[]DumpFault, f DumpFault) {
	if len(*list) >= MaxRefused {
		m.done.LeftOff++
		return
	}
	*list = append(*list, f)
}

// refusal turns an error that is about one line into a fault; ok is false for errors that end the import.
func refusal(line int, err error) (DumpFault, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason == Unavailable || e.Reason == TimedOut || e.Reason == NotImport {
		return DumpFault{}, false
	}
	return DumpFault{line, e.Error()}, true
}

// context makes sure that no ID up to the highest one of a context is given again.
func (m *importer) context(ctx context.Context, line int, l *dumpContext) error {
	name, err := contextOfLine(l.Name)
	if err != nil || l.IDs < 0 || l.IDs > maxID {
		m.refuse(DumpFault{line, fmt.Sprintf("context %.100q with ID %d is none", l.Name, l.IDs)})
		return nil
	}
	if m.try || l.IDs == 0 {
		return nil
	}
	p, err := m.r.policiesOf(AtLeast(ctx, ^Rev(0)), Name{Context: name})
	if err != nil {
		return err
	}
	_, err = m.r.store.Import(ctx, Batch{Contexts: []ContextIDs{{name, l.IDs}}, Open: p.Mode().imports()})
	return err
}

// subject begins a subject of the step under way.
func (m *importer) subject(line int, l *dumpSubject) {
	context, _ := contextOfLine(l.Context) // verify read it
	name := Name{context, l.Name}
	s := &arrival{MovedSubject: MovedSubject{Name: name, Head: l.Head}, line: line, schemas: map[int]*arrivedSchema{}, lines: map[int]int{}}
	m.group = append(m.group, s)
	_, err := ParseName(name.String())
	if err == nil {
		err = name.checkSubject()
	}
	if err == nil && (l.Head < 0 || l.Head > maxID) {
		err = fmt.Errorf("head %d is no number of a version", l.Head)
	}
	if err != nil {
		s.fault = &DumpFault{line, err.Error()}
	}
}

func (m *importer) schema(line int, l *dumpSchema) {
	s := m.group[len(m.group)-1]
	schema, guids, err := l.moved(s.Name)
	if err != nil && s.fault == nil {
		s.fault = &DumpFault{line, err.Error()}
	}
	s.schemas[l.ID] = &arrivedSchema{schema, guids, line}
}

func (m *importer) version(line int, l *dumpVersion) {
	s := m.group[len(m.group)-1]
	v, err := l.moved(s.Name)
	schema := s.schemas[l.ID]
	switch {
	case err != nil:
	case schema == nil:
		err = fmt.Errorf("no schema line above has ID %d", l.ID)
	case s.lines[l.Number] != 0:
		err = fmt.Errorf("version %d stands twice", l.Number)
	case len(s.lines) >= MaxVersions:
		err = &Error{Reason: TooManyVersions, Name: s.Name}
	}
	if err != nil {
		if s.fault == nil {
			s.fault = &DumpFault{line, err.Error()}
		}
		return
	}
	s.lines[l.Number] = line
	v.Schema = schema.Schema
	s.Head = max(s.Head, v.Number)
	s.Versions = append(s.Versions, Moved{v, schema.guids})
}

// grew writes the step under way when it has become too large to be held; its subject then goes on in the next.
// Subjects that refer to each other cannot be cut.
func (m *importer) grew(ctx context.Context, n int) error {
	if m.bytes += n; m.bytes <= MaxStepBytes {
		return nil
	}
	s := m.group[len(m.group)-1]
	if len(m.group) > 1 {
		if s.fault == nil {
			s.fault = &DumpFault{s.line, fmt.Sprintf("the subjects that refer to each other are longer than MaxStepBytes (%d)", MaxStepBytes)}
		}
		s.Versions, s.schemas = nil, map[int]*arrivedSchema{}
		return nil
	}
	if err := m.flush(ctx); err != nil {
		return err
	}
	s.Versions = nil // schemas stay: versions that follow may carry them
	return nil
}

// flush writes the step under way, or refuses all of it.
func (m *importer) flush(ctx context.Context) error {
	defer func() { m.bytes = 0 }()
	if len(m.group) == 0 {
		return nil
	}
	for _, s := range m.group {
		if s.fault != nil {
			m.refuseGroup(*s.fault)
			return nil
		}
	}
	step, marked, err := m.step(ctx)
	if err == nil {
		err = m.swap(ctx, step)
	}
	if err != nil {
		fault, ok := refusal(m.lineOf(err), err)
		if !ok {
			return err
		}
		m.refuseGroup(fault)
		return nil
	}
	for _, f := range marked {
		m.list(&m.done.Broken, f)
	}
	for _, s := range m.group {
		for _, v := range s.Versions {
			at := SubjectVersion{Name: s.Name, Version: v.Number}
			if _, wanted := m.targets[at]; wanted {
				m.targets[at] = true
			}
		}
	}
	return nil
}

// refuseGroup lists the step under way, once, and refuses what follows of it as well.
func (m *importer) refuseGroup(f DumpFault) {
	if !m.told {
		m.refuse(f)
	}
	m.told = true
	for _, s := range m.group {
		s.fault = &f
	}
}

// lineOf is the line that an error is about.
func (m *importer) lineOf(err error) int {
	e, _ := errors.AsType[*Error](err)
	for _, s := range m.group {
		if e == nil || e.Name != s.Name {
			continue
		}
		if line := s.lines[e.Version]; line != 0 {
			return line
		}
		if schema := s.schemas[e.ID]; schema != nil && e.ID != 0 {
			return schema.line
		}
		return s.line
	}
	return m.group[0].line
}

// step is what is to be written, with a fault for each schema that does not compile.
func (m *importer) step(ctx context.Context) (Batch, []DumpFault, error) {
	step := Batch{Try: m.try}
	var marked []DumpFault
	for _, s := range m.group {
		judged := map[int]string{}
		for i := range s.Versions {
			v := &s.Versions[i]
			broken, seen := judged[v.Schema.ID]
			if !seen {
				var err error
				if broken, err = m.broken(ctx, s, &v.Schema); err != nil {
					return step, nil, err
				}
				judged[v.Schema.ID] = broken
				if broken != "" {
					marked = append(marked, DumpFault{s.schemas[v.Schema.ID].line, broken})
				}
			}
			v.Schema.Broken = broken
			for _, ref := range v.Schema.References {
				to, err := ref.Target(s.Context)
				if err != nil {
					return step, nil, err
				}
				if at := (SubjectVersion{Name: to, Version: ref.Version}); m.try && m.targets[at] {
					step.Assumed = append(step.Assumed, at)
				}
			}
		}
		step.Subjects = append(step.Subjects, s.MovedSubject)
	}
	return step, marked, nil
}

// broken says why a schema does not compile here, "" if it does. A reference to nothing is an error, unless the line
// says itself that the schema is broken.
func (m *importer) broken(ctx context.Context, s *arrival, schema *Schema) (string, error) {
	unknown := false // a text that a real import would have written by now
	c := closure{texts: map[string][]byte{}, means: map[string]SubjectVersion{}, find: func(ctx context.Context, to Name, number int) (*Schema, error) {
		for _, other := range m.group {
			if other.Name == to {
				for i := range other.Versions {
					if other.Versions[i].Number == number {
						return &other.Versions[i].Schema, nil
					}
				}
			}
		}
		found, err := m.r.referred(ctx, to, number)
		if err == nil && found == nil && m.try && m.targets[SubjectVersion{Name: to, Version: number}] {
			unknown = true
			return &Schema{Context: to.Context, Text: `true`}, nil
		}
		return found, err
	}}
	err := c.add(ctx, schema, 1)
	if err == nil && unknown {
		return schema.Broken, nil
	}
	if err == nil {
		_, err = validator.Compile(validator.Document{Text: []byte(schema.Text), References: c.texts}, validator.Limits{})
	}
	if invalid, ok := errors.AsType[*validator.SchemaError](err); ok {
		err = &Error{Reason: InvalidSchema, Pointer: invalid.Pointer, Detail: invalid.Message}
	}
	switch {
	case err == nil:
		if _, err := Canonical(schema.Text, false); err != nil {
			return err.Error(), nil
		}
		return "", nil
	case errors.Is(err, ReferenceNotFound) && schema.Broken != "":
		return schema.Broken, nil
	case errors.Is(err, InvalidSchema):
		return err.Error(), nil
	}
	if missing, ok := errors.AsType[*Error](err); ok && missing.Reason == ReferenceNotFound {
		// The line that refers is what is refused, not the one that is not there.
		return "", &Error{Reason: ReferenceNotFound, Name: s.Name, ID: schema.ID, Detail: fmt.Sprintf("%s version %d (%s)", missing.Name, missing.Version, missing.Detail)}
	}
	return "", err
}

// swap hands the step to the store, again when a policy or subject has changed in between.
func (m *importer) swap(ctx context.Context, step Batch) error {
	for {
		step.Rev, step.Open = ^Rev(0)>>1, true
		for _, s := range step.Subjects {
			there, err := m.r.freshSubject(ctx, s.Name)
			if err != nil {
				return err
			}
			step.Rev = min(step.Rev, there.Head.Rev)
			step.Open = step.Open && (m.try || there.Policies.Mode().imports())
			if len(there.Versions)+len(s.Versions) > 2*MaxVersions {
				return &Error{Reason: TooManyVersions, Name: s.Name}
			}
		}
		done, err := m.r.store.Import(ctx, step)
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue
		}
		if err == nil {
			m.did(done)
		}
		return err
	}
}

// did counts a step.
func (m *importer) did(done BatchDone) {
	m.done.Created += done.Created
	m.done.Same += done.Same
	if done.Rev != 0 {
		m.done.Rev = done.Rev
		m.r.hear(done.Rev)
	}
}
