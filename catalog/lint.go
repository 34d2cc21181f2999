package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// Rules of Lint; ReadTree adds "file-form".
const (
	ruleSchema    = "schema-invalid"
	ruleReference = "reference-dangling"
	ruleExample   = "example-invalid"
	ruleAccepted  = "example-accepted"
	ruleLens      = "lens-invalid"
	ruleName      = "name-form"
	ruleTense     = "name-tense"
	ruleOwner     = "owner-missing"
	ruleNoExample = "example-missing"
	ruleDraft     = "draft-other"
	ruleWarning   = "keyword-without-effect"
	ruleExpired   = "waiver-expired"
)

// Lint judges a folder as a whole, without a registry: schemas compile in a closed $ref world, examples behave as
// they say, lenses parse, and what documents name is there. today decides which waivers have expired. The problems
// are sorted by place.
func (t *Tree) Lint(today time.Time) []Problem {
	l := linter{tree: t}
	for _, name := range slices.Sorted(maps.Keys(t.Subjects)) {
		l.subject(t.Subjects[name])
	}
	l.services()
	l.flows()
	l.owners()
	for _, w := range t.Waivers {
		if expires, err := time.Parse(time.DateOnly, w.Expires); err != nil || today.After(expires) {
			l.add("waivers.yaml", 1, ruleExpired, SeverityError, "the waiver %s of %s expired on %s", w.Fingerprint, w.Subject, w.Expires)
		}
	}
	slices.SortFunc(l.problems, compareProblems)
	return l.problems
}

type linter struct {
	tree     *Tree
	problems []Problem
}

func (l *linter) add(path string, line int, rule, severity, format string, args ...any) {
	l.problems = append(l.problems, Problem{Path: path, Line: line, Column: min(line, 1), Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...)})
}

// at adds a problem at a JSON Pointer of a text.
func (l *linter) at(path string, text []byte, pointer, rule, severity, format string, args ...any) {
	place := Place{1, 1}
	if places, err := FindPlaces(text); err == nil {
		place = places.Of(pointer)
	}
	l.problems = append(l.problems, Problem{Path: path, Line: place.Line, Column: place.Column, Rule: rule, Severity: severity, Message: fmt.Sprintf(format, args...)})
}

func (l *linter) subject(f *Folder) {
	l.name(f)
	compiled := map[int]*validator.Schema{}
	versions := f.Versions
	if f.Next != nil && f.Next.Text != nil {
		versions = append(slices.Clip(versions), *f.Next)
	}
	for i := range versions {
		v := &versions[i]
		if schema := l.schema(v); schema != nil {
			compiled[v.Number] = schema
		}
		if v.Lens != nil {
			if _, err := upcast.Parse(v.Lens); err != nil {
				l.add(v.LensPath, 1, ruleLens, SeverityError, "%v", err)
			}
		}
	}
	shown := map[int]bool{}
	for _, e := range f.Examples {
		shown[e.Version] = shown[e.Version] || !e.Invalid
		l.example(f, e, compiled)
	}
	if n := len(f.Versions); n > 0 && !f.Shared && !shown[n] {
		l.add(f.Versions[n-1].Path, 1, ruleNoExample, SeverityWarning, "%s v%d has no example: add %s/examples/v%d/minimal.json", f.Subject, n, f.Dir, n)
	}
}

func (l *linter) name(f *Folder) {
	if f.Event == nil {
		return
	}
	if pattern := l.tree.Project.Naming.Subject; pattern != "" {
		re, err := regexp.Compile(pattern)
		switch {
		case err != nil:
			l.add("accord.yaml", 1, ruleName, SeverityError, "naming.subject: %v", err)
		case !re.MatchString(f.Subject):
			l.add(f.Path, 1, ruleName, SeverityError, "%s does not match naming.subject, %s", f.Subject, pattern)
		}
	}
	if l.tree.Project.Naming.PastTense && f.Event.Kind == KindEvent && !pastTense(f.Subject) {
		l.add(f.Path, 1, ruleTense, SeverityWarning, "%s is not in the past tense: an event says what happened", f.Subject)
	}
	if f.Event.Owner == "" {
		l.add(f.Path, 1, ruleOwner, SeverityWarning, "%s has no owner", f.Subject)
	}
	if c := f.Event.Channel; c != "" && l.tree.Channels[c].Doc == nil {
		l.add(f.Path, 1, ruleReference, SeverityError, "channel %s is not in channels/", c)
	}
	if d := f.Event.Domain; d != "" && l.tree.Domains[d].Doc == nil {
		l.add(f.Path, 1, ruleReference, SeverityError, "domain %s is not in domains/", d)
	}
	for n := range f.Event.Versions {
		if number, err := strconv.Atoi(n); err == nil && l.tree.version(f.Subject, number) == nil {
			l.add(f.Path, 1, ruleReference, SeverityError, "versions: there is no v%d.json", number)
		}
	}
}

// irregular past participles that event names use and that do not end in -ed.
var irregular = []string{"Sent", "Paid", "Sold", "Bought", "Shipped", "Held", "Lost", "Found", "Made", "Begun", "Chosen", "Given", "Taken", "Withdrawn", "Written", "Read", "Won", "Met", "Split", "Put", "Set", "Cut", "Left", "OutOfStock"}

// pastTense says whether the last word of an event's name is a past participle, as far as its ending tells.
func pastTense(subject string) bool {
	return strings.HasSuffix(subject, "ed") || slices.ContainsFunc(irregular, func(word string) bool { return strings.HasSuffix(subject, word) })
}

func (l *linter) schema(v *SchemaFile) *validator.Schema {
	schema, err := l.tree.Compile(v)
	if err != nil {
		pointer := ""
		if fault, ok := errors.AsType[*validator.SchemaError](err); ok {
			pointer = fault.Pointer
		}
		if fault, ok := errors.AsType[*danglingError](err); ok {
			var doc any
			if json.Unmarshal(v.Text, &doc) == nil {
				pointer = refPointer(doc, fault.Name, "")
			}
		}
		l.at(v.Path, v.Text, pointer, ruleSchema, SeverityError, "%v", err)
		return nil
	}
	for _, w := range schema.Warnings() {
		l.at(v.Path, v.Text, w.Pointer, ruleWarning, SeverityWarning, "%s: %s", w.Keyword, w.Message)
	}
	if want := l.tree.Project.Defaults.Draft; want != "" {
		var head struct {
			Schema string `json:"$schema"`
		}
		if err := json.Unmarshal(v.Text, &head); err == nil && !strings.Contains(head.Schema, "/"+want+"/") && !strings.Contains(head.Schema, "draft-0"+want) {
			l.at(v.Path, v.Text, "/$schema", ruleDraft, SeverityWarning, "$schema is %q: this project writes draft %s", head.Schema, want)
		}
	}
	return schema
}

func (l *linter) example(f *Folder, e ExampleFile, compiled map[int]*validator.Schema) {
	schema := compiled[e.Version]
	if schema == nil {
		if l.tree.version(f.Subject, e.Version) == nil && (f.Next == nil || f.Next.Number != e.Version) {
			l.add(e.Path, 1, ruleReference, SeverityError, "an example of version %d, which is not there", e.Version)
		}
		return
	}
	found := schema.Explain(e.Text, 0)
	switch {
	case !e.Invalid && len(found) > 0:
		l.at(e.Path, e.Text, found[0].Pointer, ruleExample, SeverityError, "not valid under v%d: %s: %s", e.Version, address(found[0].Pointer), found[0].Message)
	case e.Invalid && len(found) == 0:
		l.add(e.Path, 1, ruleAccepted, SeverityError, "v%d accepts it, although it stands in invalid/", e.Version)
	case e.Invalid && e.Expect != "" && !slices.ContainsFunc(found, func(v validator.Violation) bool { return v.Pointer == e.Expect || v.Address == e.Expect }):
		l.at(e.Path, e.Text, found[0].Pointer, ruleAccepted, SeverityError, "fails at %s, not at %s", address(found[0].Pointer), e.Expect)
	}
}

// address prints a pointer for people: the whole event has an empty one.
func address(pointer string) string {
	if pointer == "" {
		return "the event"
	}
	return pointer
}

func (l *linter) services() {
	for _, name := range slices.Sorted(maps.Keys(l.tree.Services)) {
		s := l.tree.Services[name]
		for _, sends := range s.Doc.Sends {
			for _, n := range append(slices.Clone(sends.Versions), 0) {
				l.event(s.Path, s.Doc.Name+" sends", sends.Event, n)
			}
		}
		for _, r := range s.Doc.Receives {
			l.event(s.Path, s.Doc.Name+" receives", r.Event, r.Version)
		}
	}
}

// event demands that an event, and, where number is not 0, that version of it, is there.
func (l *linter) event(path, what, subject string, number int) {
	f := l.tree.Subjects[subject]
	switch {
	case f == nil:
		l.add(path, 1, ruleReference, SeverityError, "%s %s, which is not in events/", what, subject)
	case number != 0 && l.tree.version(subject, number) == nil:
		l.add(path, 1, ruleReference, SeverityError, "%s %s v%d, which has no v%d.json", what, subject, number, number)
	}
}

func (l *linter) flows() {
	for _, name := range slices.Sorted(maps.Keys(l.tree.Flows)) {
		flow := l.tree.Flows[name]
		ids := map[string]bool{}
		for _, step := range flow.Doc.Steps {
			ids[step.ID] = true
			what := "step " + step.ID + " names"
			if l.tree.Services[step.Service].Doc == nil {
				l.add(flow.Path, 1, ruleReference, SeverityError, "%s service %s, which is not in services/", what, step.Service)
			}
			for _, event := range slices.Concat(step.OnAny, step.OnAll, []string{step.On, step.Sends, step.Else}) {
				if event != "" {
					l.event(flow.Path, what, event, 0)
				}
			}
			if step.Compensates != "" && !ids[step.Compensates] {
				l.add(flow.Path, 1, ruleReference, SeverityError, "step %s compensates %s, which is not a step before it", step.ID, step.Compensates)
			}
		}
	}
}

// owners demands that every owner named is a team.
func (l *linter) owners() {
	teams := map[string]bool{"": true}
	for _, team := range l.tree.Teams {
		teams[team.Name] = true
	}
	check := func(path, owner string) {
		if !teams[owner] {
			l.add(path, 1, ruleReference, SeverityError, "owner %s is not in teams.yaml", owner)
		}
	}
	for _, f := range l.tree.Subjects {
		if f.Event != nil {
			check(f.Path, f.Event.Owner)
		}
	}
	for _, s := range l.tree.Services {
		check(s.Path, s.Doc.Owner)
	}
	for _, c := range l.tree.Channels {
		check(c.Path, c.Doc.Owner)
	}
	for _, d := range l.tree.Domains {
		check(d.Path, d.Doc.Owner)
	}
}
