package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of a schemas folder; beyond them reading stops with an error that names the file and the constant.
const (
	MaxFileBytes   = 1 << 20
	MaxFiles       = 20_000
	MaxTreeNumbers = 1_000 // versions of one subject
)

// Tree is a schemas folder in memory: what the gate checks and apply registers. Reading it judges the form of each
// file alone; Lint judges the folder.
type Tree struct {
	Project Project
	Teams   []Team
	Waivers []Waiver

	Domains  map[string]Located[*Domain]
	Services map[string]Located[*Service]
	Channels map[string]Located[*Channel]
	Flows    map[string]Located[*Flow]

	// Subjects are the folders below events/ and shared/, by name.
	Subjects map[string]*Folder
}

// Located is something and the file that it came from.
type Located[T any] struct {
	Doc  T
	Path string
	Body []byte // the document as JSON
}

// Folder is one subject: its description, its versions, ascending, and what stands beside them.
type Folder struct {
	Subject  string
	Dir      string
	Shared   bool // a shared type: below shared/, no event.yaml needed
	Event    *Event
	Path     string // of event.yaml, "" if there is none
	Body     []byte // the event document as JSON, with readme and examples filled in; nil if there is none
	Versions []SchemaFile
	Next     *SchemaFile // the draft, number one above the last version
	Examples []ExampleFile
}

// SchemaFile is one version as a file.
type SchemaFile struct {
	Number   int
	Path     string
	Text     []byte
	LensPath string
	Lens     []byte // the lens as JSON, nil if there is none
}

// ExampleFile is an event that must be valid under its version, or, where Invalid, must not.
type ExampleFile struct {
	Version int
	Name    string
	Path    string
	Text    []byte
	Invalid bool
	Expect  string // the address where an invalid example must fail, "" = anywhere
}

// Problem is what is wrong with a folder, and where.
type Problem struct {
	Path     string `json:"path"`
	Line     int    `json:"line,omitempty"`   // 1-based, 0 = the file
	Column   int    `json:"column,omitempty"` // 1-based, in code points
	Rule     string `json:"rule"`
	Severity string `json:"severity"` // error or warning
	Message  string `json:"message"`
}

func (p Problem) String() string {
	at := p.Path
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", p.Path, p.Line, max(p.Column, 1))
	}
	return fmt.Sprintf("%s  %s  %s  %s", at, p.Severity, p.Rule, p.Message)
}

// Severities of a Problem.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

var (
	versionFile = regexp.MustCompile(`^v([1-9][0-9]*)(\.lens\.ya?ml|\.json)$`)
	exampleFile = regexp.MustCompile(`^examples/v([1-9][0-9]*)/(invalid/)?([^/]+)\.(json|expect)$`)
)

// ReadTree reads the layout of a schemas folder from any file system: a disk, an embedded folder, a git tree. It
// returns what it could read together with every file that it could not; err is set only when the folder itself
// cannot be read or is over a limit.
func ReadTree(files fs.FS) (*Tree, []Problem, error) {
	r := treeReader{files: files, tree: &Tree{
		Domains: map[string]Located[*Domain]{}, Services: map[string]Located[*Service]{},
		Channels: map[string]Located[*Channel]{}, Flows: map[string]Located[*Flow]{},
		Subjects: map[string]*Folder{},
	}}
	count := 0
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if count++; count > MaxFiles {
			return fmt.Errorf("%s: more than MaxFiles = %d files", name, MaxFiles)
		}
		return r.file(name, d)
	})
	if err != nil {
		return nil, nil, err
	}
	r.finish()
	slices.SortFunc(r.problems, compareProblems)
	return r.tree, r.problems, nil
}

func compareProblems(a, b Problem) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
}

type treeReader struct {
	files    fs.FS
	tree     *Tree
	problems []Problem
	expects  map[string]string // path of an invalid example without its extension -> address
}

func (r *treeReader) fail(name string, line int, format string, args ...any) {
	r.problems = append(r.problems, Problem{Path: name, Line: line, Column: min(line, 1), Rule: "file-form", Severity: SeverityError, Message: fmt.Sprintf(format, args...)})
}

// file sorts one file into the tree.
func (r *treeReader) file(name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	if info.Size() > MaxFileBytes {
		return fmt.Errorf("%s: %d bytes, MaxFileBytes is %d", name, info.Size(), MaxFileBytes)
	}
	top, rest, nested := strings.Cut(name, "/")
	switch {
	case nested && (top == "events" || top == "shared"):
		return r.subjectFile(name, rest, top == "shared")
	case isYAML(name):
		text, err := fs.ReadFile(r.files, name)
		if err != nil {
			return err
		}
		r.document(name, text)
	}
	return nil
}

func isYAML(name string) bool { return path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" }

// document reads a YAML document outside the subjects' folders.
func (r *treeReader) document(name string, text []byte) {
	doc, body, ok := r.decode(name, text)
	if !ok {
		return
	}
	switch d := doc.(type) {
	case *Project:
		r.tree.Project = *d
	case *Teams:
		r.tree.Teams = append(r.tree.Teams, d.Teams...)
	case *Waivers:
		r.tree.Waivers = append(r.tree.Waivers, d.Waivers...)
	case *Domain:
		keep(r, r.tree.Domains, d.Name, Located[*Domain]{d, name, body})
	case *Service:
		keep(r, r.tree.Services, d.Name, Located[*Service]{d, name, body})
	case *Channel:
		keep(r, r.tree.Channels, d.Name, Located[*Channel]{d, name, body})
	case *Flow:
		keep(r, r.tree.Flows, d.Name, Located[*Flow]{d, name, body})
	case *Event:
		r.fail(name, 1, "an %s stands in events/<subject>/event.yaml", d.Kind)
	}
}

func keep[T any](r *treeReader, into map[string]Located[T], name string, doc Located[T]) {
	if first, ok := into[name]; ok {
		r.fail(doc.Path, 1, "%s is described in %s already", name, first.Path)
		return
	}
	into[name] = doc
}

// decode turns YAML into a typed document and its JSON.
func (r *treeReader) decode(name string, text []byte) (doc any, body []byte, ok bool) {
	body, root, err := yamlJSON(text)
	if err != nil {
		r.fail(name, lineOf(err), "%v", err)
		return nil, nil, false
	}
	doc, err = DecodeDocument(body)
	if err != nil {
		line := 1
		if _, member, found := strings.Cut(err.Error(), `unknown field "`); found {
			line = max(1, yamlLine(root, strings.TrimSuffix(member, `"`)))
		}
		r.fail(name, line, "%v", err)
		return nil, nil, false
	}
	return doc, body, true
}

// lineOf finds the line of a parser's error: of ours as a value, of the YAML library's in its text; 1 if it names none.
func lineOf(err error) int {
	if fault, ok := errors.AsType[*SyntaxError](err); ok {
		return fault.Line
	}
	_, rest, found := strings.Cut(err.Error(), "line ")
	if !found {
		return 1
	}
	digits, _, _ := strings.Cut(rest, ":")
	line, err := strconv.Atoi(digits)
	if err != nil {
		return 1
	}
	return line
}

// subjectFile sorts a file below events/<subject>/ or shared/<subject>/.
func (r *treeReader) subjectFile(name, rest string, shared bool) error {
	subject, file, nested := strings.Cut(rest, "/")
	if !nested {
		r.fail(name, 0, "a file stands where only folders do, one for each subject")
		return nil
	}
	folder := r.tree.Subjects[subject]
	if folder == nil {
		folder = &Folder{Subject: subject, Dir: path.Dir(strings.TrimSuffix(name, "/"+file) + "/x"), Shared: shared}
		r.tree.Subjects[subject] = folder
	} else if folder.Shared != shared {
		r.fail(name, 0, "%s stands below events/ and below shared/", subject)
		return nil
	}
	text, err := fs.ReadFile(r.files, name)
	if err != nil {
		return err
	}
	switch match := versionFile.FindStringSubmatch(file); {
	case file == "event.yaml":
		r.event(folder, name, text)
	case match != nil:
		number, err := strconv.Atoi(match[1])
		if err != nil || number > MaxTreeNumbers {
			return fmt.Errorf("%s: version above MaxTreeNumbers = %d", name, MaxTreeNumbers)
		}
		r.version(folder.file(number), name, text)
	case file == "next.json" || file == "next.lens.yaml":
		if folder.Next == nil {
			folder.Next = &SchemaFile{}
		}
		r.version(folder.Next, name, text)
	case file == "README.md":
		if folder.Event == nil {
			folder.Event = &Event{} // event.yaml sorts after it and takes it over
		}
		folder.Event.Readme = string(text)
	default:
		r.example(folder, name, file, text)
	}
	return nil
}

// file returns the version of that number, made if needed.
func (f *Folder) file(number int) *SchemaFile {
	i, found := slices.BinarySearchFunc(f.Versions, number, func(v SchemaFile, n int) int { return v.Number - n })
	if !found {
		f.Versions = slices.Insert(f.Versions, i, SchemaFile{Number: number})
	}
	return &f.Versions[i]
}

func (r *treeReader) version(v *SchemaFile, name string, text []byte) {
	if path.Ext(name) == ".json" {
		if _, err := FindPlaces(text); err != nil {
			r.fail(name, lineOf(err), "not JSON: %v", err)
		}
		v.Path, v.Text = name, text
		return
	}
	body, _, err := yamlJSON(text)
	if err != nil {
		r.fail(name, lineOf(err), "%v", err)
		return
	}
	v.LensPath, v.Lens = name, body
}

func (r *treeReader) event(folder *Folder, name string, text []byte) {
	doc, _, ok := r.decode(name, text)
	if !ok {
		return
	}
	event, ok := doc.(*Event)
	if !ok {
		r.fail(name, 1, "event.yaml holds a %T: want kind Event, Command or State", doc)
		return
	}
	if event.Name != folder.Subject {
		r.fail(name, 1, "name is %q: it must equal the folder's name, %q", event.Name, folder.Subject)
	}
	if folder.Event != nil {
		event.Readme = folder.Event.Readme
	}
	folder.Event, folder.Path = event, name
}

func (r *treeReader) example(folder *Folder, name, file string, text []byte) {
	match := exampleFile.FindStringSubmatch(file)
	if match == nil {
		return // adapters and whatever people keep beside their schemas
	}
	number, _ := strconv.Atoi(match[1])
	if match[4] == "expect" {
		if r.expects == nil {
			r.expects = map[string]string{}
		}
		r.expects[strings.TrimSuffix(name, ".expect")] = strings.TrimSpace(string(text))
		return
	}
	folder.Examples = append(folder.Examples, ExampleFile{Version: number, Name: match[3], Path: name, Text: text, Invalid: match[2] != ""})
}

// finish ties together what came in the order of file names.
func (r *treeReader) finish() {
	for _, subject := range slices.Sorted(maps.Keys(r.tree.Subjects)) {
		f := r.tree.Subjects[subject]
		for i := range f.Examples {
			e := &f.Examples[i]
			e.Expect = r.expects[strings.TrimSuffix(e.Path, ".json")]
		}
		for i, v := range f.Versions {
			if v.Text == nil {
				r.fail(v.LensPath, 0, "a lens without its schema v%d.json", v.Number)
			}
			if v.Number != i+1 {
				r.fail(f.Dir, 0, "version %d is missing: numbers run from 1 without a gap", i+1)
				break
			}
		}
		f.Versions = slices.DeleteFunc(f.Versions, func(v SchemaFile) bool { return v.Text == nil })
		if f.Next != nil {
			f.Next.Number = len(f.Versions) + 1
		}
		if f.Path == "" {
			f.Event = nil
			if !f.Shared {
				r.fail(f.Dir, 0, "event.yaml is missing")
			}
			continue
		}
		for _, e := range f.Examples {
			if !e.Invalid && json.Valid(e.Text) {
				f.Event.Examples = append(f.Event.Examples, Example{Version: e.Version, Name: e.Name, Event: compactJSON(e.Text)})
			}
		}
		body, err := json.Marshal(f.Event)
		if err != nil {
			r.fail(f.Path, 1, "%v", err)
			continue
		}
		f.Body = body
	}
}

// compactJSON removes the white space of a text that is known to be JSON.
func compactJSON(text []byte) []byte {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return text
	}
	return out.Bytes()
}

// Documents lists the folder's documents as they are stored, each after those that it names: project, teams, waivers,
// domains, channels, events, services, flows, each by name.
func (t *Tree) Documents() []Document {
	var docs []Document
	add := func(kind, name string, body []byte) {
		docs = append(docs, Document{Kind: kind, Name: name, Body: body})
	}
	single := func(h Header, doc any) {
		if body, err := json.Marshal(doc); err == nil {
			add(h.Kind, h.Name, body)
		}
	}
	if t.Project.Kind != "" {
		project := t.Project
		project.Header = onlyOne(KindProject)
		single(project.Header, project)
	}
	if t.Teams != nil {
		single(onlyOne(KindTeams), Teams{onlyOne(KindTeams), t.Teams})
	}
	if t.Waivers != nil {
		single(onlyOne(KindWaivers), Waivers{onlyOne(KindWaivers), t.Waivers})
	}
	for _, name := range slices.Sorted(maps.Keys(t.Domains)) {
		add(KindDomain, name, t.Domains[name].Body)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Channels)) {
		add(KindChannel, name, t.Channels[name].Body)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Subjects)) {
		if f := t.Subjects[name]; f.Body != nil {
			add(f.Event.Kind, name, f.Body)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Services)) {
		add(KindService, name, t.Services[name].Body)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Flows)) {
		add(KindFlow, name, t.Flows[name].Body)
	}
	return docs
}

// onlyOne is the header of a kind that has one document.
func onlyOne(kind string) Header {
	return Header{APIVersion: APIVersion, Kind: kind, Name: strings.ToLower(kind)}
}

// ErrCycle means that subjects refer to each other in a circle.
var ErrCycle = errors.New("subjects refer to each other in a circle")

// References lists what a schema text of this folder refers to: every $ref below the project's schemaBase, as
// Confluent references, sorted by name.
func (t *Tree) References(text []byte) ([]Reference, error) {
	if t.Project.SchemaBase == "" {
		return nil, nil
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	found := map[string]Reference{}
	if err := t.collect(doc, found); err != nil {
		return nil, err
	}
	refs := slices.Collect(maps.Values(found))
	slices.SortFunc(refs, func(a, b Reference) int { return cmp.Compare(a.Name, b.Name) })
	return refs, nil
}

func (t *Tree) collect(v any, found map[string]Reference) error {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && strings.HasPrefix(ref, t.Project.SchemaBase) {
			name, _, _ := strings.Cut(ref, "#")
			subject, number, ok := strings.Cut(strings.TrimPrefix(name, t.Project.SchemaBase), "/")
			n, err := strconv.Atoi(number)
			if !ok || err != nil || n < 1 {
				return fmt.Errorf("$ref %q: want %s<subject>/<version>", ref, t.Project.SchemaBase)
			}
			found[name] = Reference{Name: name, Subject: subject, Version: n}
		}
		for _, child := range v {
			if err := t.collect(child, found); err != nil {
				return err
			}
		}
	case []any:
		for _, child := range v {
			if err := t.collect(child, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// Order returns the subjects so that each comes after those it refers to; shared types first, then by name.
// ErrCycle if that cannot be.
func (t *Tree) Order() ([]*Folder, error) {
	var out []*Folder
	state := map[string]int{} // 1 = being visited, 2 = done
	var visit func(subject string) error
	visit = func(subject string) error {
		f := t.Subjects[subject]
		if f == nil || state[subject] == 2 {
			return nil
		}
		if state[subject] == 1 {
			return fmt.Errorf("%s: %w", subject, ErrCycle)
		}
		state[subject] = 1
		for _, v := range f.Versions {
			refs, err := t.References(v.Text)
			if err != nil {
				return fmt.Errorf("%s: %w", v.Path, err)
			}
			for _, ref := range refs {
				if ref.Subject == subject {
					continue
				}
				if err := visit(ref.Subject); err != nil {
					return err
				}
			}
		}
		state[subject] = 2
		out = append(out, f)
		return nil
	}
	names := slices.SortedFunc(maps.Keys(t.Subjects), func(a, b string) int {
		fa, fb := t.Subjects[a], t.Subjects[b]
		if fa.Shared != fb.Shared {
			if fa.Shared {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Compatibility returns the level that the folder asks for one subject, "" if it says nothing.
func (t *Tree) Compatibility(f *Folder) string {
	if f.Event != nil && f.Event.Compatibility != "" {
		return f.Event.Compatibility
	}
	return t.Project.Defaults.Compatibility
}
