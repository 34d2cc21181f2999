package catalog

import (
	"context"
	"errors"
	"slices"
)

// maxContextsTried is how many contexts a bare name is looked for in.
const maxContextsTried = 100

// resolve follows an alias, one step, and looks for a bare name that is not in the default context in the others.
// The subject may have no versions.
func (r *Registry) resolve(ctx context.Context, name Name) (*Subject, error) {
	return r.resolveWith(ctx, name, func(s *Subject) bool { return len(s.Versions) > 0 })
}

// resolveWith is resolve that takes of the other contexts the first whose subject will do.
func (r *Registry) resolveWith(ctx context.Context, name Name, will func(*Subject) bool) (*Subject, error) {
	s, err := r.aliased(ctx, name)
	if err != nil || len(s.Versions) > 0 || s.Context != "" || s.Subject == "" {
		return s, err
	}
	contexts, err := r.store.Contexts(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range contexts[:min(len(contexts), maxContextsTried)] {
		if c == "" || !permitted(ctx, Reader, Name{Context: c, Subject: s.Subject}) {
			continue
		}
		elsewhere, err := r.subject(ctx, Name{Context: c, Subject: s.Subject})
		if err != nil {
			return nil, err
		}
		if will(elsewhere) {
			return elsewhere, nil
		}
	}
	return s, nil
}

// aliased reads the subject that a name stands for: itself, or the one its alias names.
func (r *Registry) aliased(ctx context.Context, name Name) (*Subject, error) {
	s, err := r.subject(ctx, name)
	if err != nil || s.Policies.Subject.Config.Alias == "" {
		return s, err
	}
	target, err := Reference{Subject: s.Policies.Subject.Config.Alias}.Target(name.Context)
	if err != nil {
		return nil, err
	}
	if err := permit(ctx, Reader, name, target); err != nil {
		return nil, err
	}
	return r.subject(ctx, target)
}

// has says whether a question about this many kinds of version includes v.
func (i Include) has(v Version) bool {
	switch i {
	case WithDeleted:
		return v.State != Gone
	case DeletedOnly:
		return v.State == Deleted
	}
	return v.State == Live
}

// any says whether the subject has a version that counts.
func (s *Subject) any(include Include) bool {
	return slices.ContainsFunc(s.Versions, include.has)
}

// latest is the highest live version, nil if there is none.
func (s *Subject) latest() *Version {
	for i := len(s.Versions) - 1; i >= 0; i-- {
		if s.Versions[i].State == Live {
			return &s.Versions[i]
		}
	}
	return nil
}

// at is the version with a number, or the latest; nil if it does not count.
func (s *Subject) at(number int, include Include) *Version {
	if number == Latest {
		return s.latest()
	}
	for i := range s.Versions {
		if v := &s.Versions[i]; v.Number == number && include.has(*v) {
			return v
		}
	}
	return nil
}

// Subject reads a subject with its versions (no texts) and policies; SubjectNotFound if it has no version.
func (r *Registry) Subject(ctx context.Context, name Name) (Subject, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return Subject{}, err
	}
	if !s.any(WithDeleted) {
		return Subject{}, &Error{Reason: SubjectNotFound, Name: name}
	}
	out := *s
	out.Versions = slices.Clone(s.Versions)
	return out, nil
}

// Version reads one version with its text; number may be Latest. SubjectNotFound, VersionNotFound.
func (r *Registry) Version(ctx context.Context, name Name, number int, include Include) (Version, error) {
	for purges := 0; ; ctx = AtLeast(ctx, ^Rev(0)) {
		v, err := r.version(ctx, name, number, include)
		if err != nil {
			return Version{}, err
		}
		whole, err := r.withText(ctx, *v)
		if !purged(err, &purges) {
			return whole, err
		}
	}
}

// mostPurges is how often something is read again because what it led to was purged meanwhile.
const mostPurges = 10

// purged says that the schema of a version was purged after the version was read, so that all is to be read again. times
// counts: a schema that is never there is an error.
func purged(err error, times *int) bool {
	if !errors.Is(err, SchemaNotFound) || *times == mostPurges {
		return false
	}
	*times++
	return true
}

// version reads one version without its text. The result is shared.
func (r *Registry) version(ctx context.Context, name Name, number int, include Include) (*Version, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if !s.any(include) {
		return nil, &Error{Reason: SubjectNotFound, Name: name}
	}
	v := s.at(number, include)
	if v == nil {
		return nil, &Error{Reason: VersionNotFound, Name: name, Version: number}
	}
	return v, nil
}

// withText fills in the text of a version.
func (r *Registry) withText(ctx context.Context, v Version) (Version, error) {
	schema, err := r.schema(ctx, Key{Context: v.Schema.Context, ID: v.Schema.ID})
	if err != nil {
		return Version{}, err
	}
	v.Schema = *schema
	return v, nil
}

// Versions reads the versions of a subject, ascending, without texts. SubjectNotFound if there are none.
func (r *Registry) Versions(ctx context.Context, name Name, include Include) ([]Version, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if need := min(include, WithDeleted); !s.any(need) { // DeletedOnly of a subject that has only live ones is an empty list
		return nil, &Error{Reason: SubjectNotFound, Name: name}
	}
	return slices.DeleteFunc(slices.Clone(s.Versions), func(v Version) bool { return !include.has(v) }), nil
}

// SchemaByID reads a schema of a context ("" = default); SchemaNotFound.
func (r *Registry) SchemaByID(ctx context.Context, context string, id int) (Schema, error) {
	s, err := r.schema(ctx, Key{Context: context, ID: id})
	if err != nil {
		return Schema{}, err
	}
	return *s, nil
}

// SchemaByGUID reads a schema by GUID from any context; SchemaNotFound.
func (r *Registry) SchemaByGUID(ctx context.Context, guid string) (Schema, error) {
	s, err := r.schema(ctx, Key{GUID: guid})
	if err != nil {
		return Schema{}, err
	}
	return *s, nil
}

// IDsByGUID returns where a GUID is known, by context and ID; SchemaNotFound.
func (r *Registry) IDsByGUID(ctx context.Context, guid string) ([]Key, error) {
	keys, err := r.store.SchemasByGUID(ctx, guid)
	if err == nil && len(keys) == 0 {
		return nil, &Error{Reason: SchemaNotFound, GUID: guid}
	}
	return keys, err
}

// Places reads a schema with where it stands and what refers to it; never from memory. SchemaNotFound.
func (r *Registry) Places(ctx context.Context, k Key) (StoredSchema, error) {
	return r.freshSchema(ctx, k)
}

// ReferencedBy returns the IDs of schemas that refer to a version, ascending; number may be Latest. LiveOnly: those
// that a live version carries. SubjectNotFound, VersionNotFound.
func (r *Registry) ReferencedBy(ctx context.Context, name Name, number int, include Include) ([]int, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if !s.any(WithDeleted) {
		return nil, &Error{Reason: SubjectNotFound, Name: name}
	}
	v := s.at(number, WithDeleted)
	if v == nil {
		return nil, &Error{Reason: VersionNotFound, Name: name, Version: number}
	}
	stored, err := r.freshSchema(ctx, Key{Context: v.Schema.Context, ID: v.Schema.ID})
	if err != nil {
		return nil, err
	}
	ids := []int{}
	for _, ref := range stored.Referrers {
		if ref.Target.Name == v.Name && ref.Target.Version == v.Number && (ref.Live || include != LiveOnly) {
			ids = append(ids, ref.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Aliases reads which names stand for which subjects: for each subject its aliases, sorted. An alias may lead nowhere.
func (r *Registry) Aliases(ctx context.Context) (map[Name][]Name, error) {
	aliases := map[Name][]Name{}
	err := r.store.Snapshot(ctx, func(view Snapshot) error {
		return view.Policies(ctx, func(scope Scope, p Policy) error {
			if p.Config.Alias == "" || scope.Subject == "" {
				return nil
			}
			target, err := Reference{Subject: p.Config.Alias}.Target(scope.Context)
			aliases[target] = append(aliases[target], scope)
			return err
		})
	})
	return aliases, err
}

// Contexts lists the contexts as Name.Context spells them, sorted; the default one ("") is always there.
func (r *Registry) Contexts(ctx context.Context) ([]string, error) { return r.store.Contexts(ctx) }

// DeleteContext forgets a context without subjects, its policy included. ContextNotEmpty while a version, also a
// soft-deleted one, is in it.
func (r *Registry) DeleteContext(ctx context.Context, context string) error {
	page, err := r.store.Subjects(ctx, Query{Context: &context, Include: WithDeleted, Limit: 1})
	if err != nil {
		return err
	}
	scope := Name{Context: context}
	if len(page) > 0 {
		return &Error{Reason: ContextNotEmpty, Name: scope}
	}
	none := Mode("")
	_, rev, err := r.store.SetPolicy(ctx, scope, Patch{Clear: ConfigNames[:], Mode: &none, Empty: true})
	if errors.Is(err, NotEmpty) {
		return &Error{Reason: ContextNotEmpty, Name: scope}
	}
	if err == nil {
		r.hear(rev)
	}
	return err
}
