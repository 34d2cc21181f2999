package catalog

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/accordhq/accord/validator"
)

// Foreign is what another registry holds, put together from its own records or answers, on its way into this one. Its
// schemas keep their texts byte for byte. The zero value holds nothing. Not safe for concurrent use.
type Foreign struct {
	// Into is the context that takes what is in the default context there; "" is the default one.
	Into     string
	subjects map[Name]map[int]*ForeignVersion
	policies map[Scope]Policy
	ids      map[string]int // highest ID by context
	left     []Loss         // what was read and is not kept
}

// ForeignVersion is a version of another registry.
type ForeignVersion struct {
	Name
	Number, ID int
	Type       string // "" = AVRO
	Text       string
	References []Reference
	Metadata   *Metadata
	RuleSet    *RuleSet
	GUID       string // as it came along, "" = it did not
	Deleted    bool   // softly
	Lens       *StoredLens
	At         time.Time // zero = unknown
	By         string
}

// Kind is the type of a foreign schema in capitals.
func (v *ForeignVersion) Kind() string {
	if v.Type == "" {
		return "AVRO"
	}
	return strings.ToUpper(v.Type)
}

// place is where a version stands, for people.
func (v *ForeignVersion) place() string {
	return fmt.Sprintf("%s version %d (ID %d)", v.Name, v.Number, v.ID)
}

// moved is the name that a foreign name gets here.
func (f *Foreign) moved(n Name) Name {
	if n.Context == "" {
		n.Context = f.Into
	}
	return n
}

// Put adds a version, or replaces the one with its number.
func (f *Foreign) Put(v ForeignVersion) {
	v.Name = f.moved(v.Name)
	if f.subjects == nil {
		f.subjects, f.ids = map[Name]map[int]*ForeignVersion{}, map[string]int{}
	}
	if f.subjects[v.Name] == nil {
		f.subjects[v.Name] = map[int]*ForeignVersion{}
	}
	f.subjects[v.Name][v.Number] = &v
	f.ids[v.Context] = max(f.ids[v.Context], v.ID)
}

// Remove takes a version away for good; its ID stays taken.
func (f *Foreign) Remove(name Name, number int) {
	name = f.moved(name)
	delete(f.subjects[name], number)
	if len(f.subjects[name]) == 0 {
		delete(f.subjects, name)
	}
}

// DeleteUpTo deletes softly the versions of a subject up to a number.
func (f *Foreign) DeleteUpTo(name Name, number int) {
	for n, v := range f.subjects[f.moved(name)] {
		if n <= number {
			v.Deleted = true
		}
	}
}

// Clear takes away for good what is deleted softly in a scope: of a subject, of a context, or with everything set of all.
func (f *Foreign) Clear(scope Scope, everything bool) {
	scope = f.moved(scope)
	for name, versions := range f.subjects {
		if !everything && (name.Context != scope.Context || scope.Subject != "" && name.Subject != scope.Subject) {
			continue
		}
		maps.DeleteFunc(versions, func(_ int, v *ForeignVersion) bool { return v.Deleted })
		if len(versions) == 0 {
			delete(f.subjects, name)
		}
	}
}

// SetConfig replaces the configuration of a scope; the zero value forgets it.
func (f *Foreign) SetConfig(scope Scope, c Config) {
	f.setPolicy(scope, func(p *Policy) { p.Config = c })
}

// SetMode replaces the mode of a scope; "" forgets it.
func (f *Foreign) SetMode(scope Scope, m Mode) { f.setPolicy(scope, func(p *Policy) { p.Mode = m }) }

func (f *Foreign) setPolicy(scope Scope, change func(*Policy)) {
	if f.policies == nil {
		f.policies = map[Scope]Policy{}
	}
	scope = f.moved(scope)
	p := f.policies[scope]
	change(&p)
	if f.policies[scope] = p; p == (Policy{}) {
		delete(f.policies, scope)
	}
}

// Leave notes something that was read and is not kept.
func (f *Foreign) Leave(where, why string) { f.left = append(f.left, Loss{LossOther, where, why}) }

// Subjects are the names, sorted.
func (f *Foreign) Subjects() []Name { return slices.SortedFunc(maps.Keys(f.subjects), Name.Compare) }

// Versions are the versions of a subject, ascending.
func (f *Foreign) Versions(name Name) []*ForeignVersion {
	var list []*ForeignVersion
	for _, n := range slices.Sorted(maps.Keys(f.subjects[name])) {
		list = append(list, f.subjects[name][n])
	}
	return list
}

// Version is one version, nil if there is none.
func (f *Foreign) Version(name Name, number int) *ForeignVersion { return f.subjects[name][number] }

// Policies are the policies, by scope.
func (f *Foreign) Policies() map[Scope]Policy { return maps.Clone(f.policies) }

// Target is the subject that a reference of a version means.
func (v *ForeignVersion) Target(ref Reference) (Name, error) { return ref.Target(v.Context) }

// Dump writes what an import of this registry reads, see Registry.Import. Versions of other types than JSON are left
// out, but their IDs are not given again.
func (f *Foreign) Dump(ctx context.Context, w io.Writer) error {
	e := &exporter{out: newDumpWriter(w)}
	if err := e.export(ctx, foreignView{f}); err != nil {
		return err
	}
	return e.out.end()
}

// foreignView is a Snapshot of it.
type foreignView struct{ f *Foreign }

func (s foreignView) Revision(context.Context) (Rev, error) { return 0, nil }

func (s foreignView) Contexts(_ context.Context, f func(ContextIDs) error) error {
	for _, name := range slices.Sorted(maps.Keys(s.f.ids)) {
		if err := f(ContextIDs{name, s.f.ids[name]}); err != nil {
			return err
		}
	}
	return nil
}

func (s foreignView) Links(_ context.Context, f func(from, to Name) error) error {
	for _, name := range s.f.Subjects() {
		for _, v := range s.f.Versions(name) {
			for _, ref := range v.References {
				to, err := v.Target(ref)
				if err != nil || s.f.Version(to, ref.Version) == nil {
					continue // the schema is broken
				}
				if err := f(name, to); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s foreignView) Versions(_ context.Context, q Moving, f func(head int, v Moved) error) error {
	for _, name := range s.f.Subjects() {
		if q.Names != nil && !slices.Contains(q.Names, name) {
			continue
		}
		versions := s.f.Versions(name)
		for _, v := range versions {
			if v.Kind() != "JSON" {
				continue
			}
			if err := f(versions[len(versions)-1].Number, s.f.stored(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s foreignView) Policies(_ context.Context, f func(Scope, Policy) error) error {
	for _, scope := range slices.SortedFunc(maps.Keys(s.f.policies), Name.Compare) {
		if err := f(scope, s.f.policies[scope]); err != nil {
			return err
		}
	}
	return nil
}

func (s foreignView) Documents(context.Context, func(Document) error) error { return nil }

func (s foreignView) History(context.Context, func(Archived) error) error { return nil }

// stored is a version as it is to be stored.
func (f *Foreign) stored(v *ForeignVersion) Moved {
	m := Moved{Version: Version{
		Name: v.Name, Number: v.Number, Lens: v.Lens, Mark: &Mark{Imported: true}, At: v.At, By: v.By,
		Schema: Schema{Context: v.Context, ID: v.ID, Text: v.Text, References: v.References, Metadata: v.Metadata, RuleSet: v.RuleSet, At: v.At, By: v.By},
	}}
	if v.Deleted {
		m.State = Deleted
	}
	m.Schema.GUID = m.Schema.GUIDOf()
	if guid, err := validator.ParseGUID(v.GUID); err == nil && guid.String() != m.Schema.GUID {
		m.GUIDs = []string{guid.String()}
	}
	for _, ref := range v.References {
		if to, err := v.Target(ref); err != nil || f.Version(to, ref.Version) == nil || f.Version(to, ref.Version).Kind() != "JSON" {
			m.Schema.Broken = fmt.Sprintf("the reference %q leads to %s version %d, which is not there", ref.Name, ref.Subject, ref.Version)
		}
	}
	return m
}
