package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// Limits of a registration.
const (
	MaxSchemaBytes   = 1 << 20  // canonical text
	MaxMetadataBytes = 64 << 10 // metadata as JSON
	MaxRules         = 100      // of a rule set
	MaxRuleName      = 256      // bytes
	MaxRuleExpr      = 64 << 10 // bytes
	MaxVersions      = 10_000   // of a subject
	MaxReferences    = 256      // documents in the closure
	MaxReferenceDeep = 16       // references of references
	MaxClosureBytes  = 8 << 20  // texts of the closure
	RegisterDeadline = 10 * time.Second
	JudgeBudget      = 5 * time.Second
)

// A Registration asks for a new version.
type Registration struct {
	// Text is the schema as received; empty takes the text of the latest version.
	Text       string
	References []Reference
	Metadata   *Metadata // nil = inherited from the latest version
	RuleSet    *RuleSet  // nil = inherited from the latest version
	ID         int       // 0 = given; else only in mode IMPORT or FORWARD
	Version    int       // 0 or Latest = next; else must be the next, or in mode IMPORT any that is free
	Lens       json.RawMessage
	Examples   [][]byte // events of the version below that the lens must carry
	Normalize  bool
	Force      bool // leave the judgement out; the version keeps the mark
}

// Registered is the answer to a Registration.
type Registered struct {
	Version
	New      bool // false: it was there already
	Warnings []string
	Rev      Rev // of the change, 0 if nothing changed
}

// Register adds a version, or finds it: the same identity live under the subject gives its ID and number. What may
// follow is judged against what was read, and judged again when something changed in between. Errors: *Incompatible;
// *Error with InvalidSubject, TooLarge, InvalidSchema, EmptySchema, NotNextVersion, ReferenceNotFound,
// InvalidRuleSet, InvalidLens (also *RefutedLens), ReadOnly, NotImport, NotReadWrite, IDTaken, IDMismatch, VersionTaken, TooManyVersions,
// TimedOut, Busy, Unavailable. Source: Confluent Schema Registry, POST /subjects/{subject}/versions.
func (r *Registry) Register(ctx context.Context, name Name, reg Registration) (Registered, error) {
	if err := errors.Join(name.checkSubject(), reg.Metadata.check(name), reg.RuleSet.check(name)); err != nil {
		return Registered{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, RegisterDeadline, &Error{Reason: TimedOut, Name: name})
	defer cancel()
	a := &attempt{Registration: reg, name: name}
	if v := r.again(ctx, a); v != nil {
		return Registered{Version: *v}, nil
	}
	leave, err := r.queues.enter(ctx, name)
	if err != nil {
		return Registered{}, err
	}
	defer leave()
	s := r.remembered(a)
	for purges := 0; ; {
		done, err := r.registerOn(ctx, s, a)
		s = nil
		if purged(err, &purges) || errors.Is(err, ErrConflict) && ctx.Err() == nil {
			r.metrics.conflicts.Inc()
			continue
		}
		if err != nil && ctx.Err() != nil {
			return Registered{}, context.Cause(ctx)
		}
		return done, err
	}
}

// attempt is a registration under way, with what was made of it so far.
type attempt struct {
	Registration
	name Name
	on   *Subject  // the reading of its subject that p rests on
	p    *proposal // nil = none was made yet
}

// proposal makes of the registration what would be stored after a reading of its subject. What was compiled for the
// same text before is good for it, too.
func (a *attempt) proposal(ctx context.Context, r *Registry, s *Subject) (*proposal, error) {
	if a.p != nil && a.on == s {
		return a.p, nil
	}
	p, err := r.propose(ctx, s, a.Registration, s.Policies.Mode().imports())
	if err != nil {
		return nil, err
	}
	if old := a.p; old != nil && old.schema.Context == p.schema.Context && old.schema.Text == p.schema.Text && slices.Equal(old.schema.References, p.schema.References) {
		p.compiled, p.judged = old.compiled, old.judged
	}
	a.on, a.p = s, p
	return p, nil
}

// remembered is a subject in memory that a registration may begin with, nil if there is none: where nothing but the
// subject is asked for, the comparison when it is appended finds every change since.
func (r *Registry) remembered(a *attempt) *Subject {
	if len(a.References) > 0 || a.ID != 0 {
		return nil
	}
	s, ok := r.subjects.get(a.name)
	if !ok || s.Policies.Subject.Config.Alias != "" {
		return nil
	}
	r.metrics.hits.Inc()
	return s
}

// again finds in memory what is registered once more, and has the store confirm that nothing has changed since: the
// newest revision says so, and many who ask at once share one reading of it. Nil means that it is to be looked for in
// the store, or added. It waits for no other registration of the subject.
func (r *Registry) again(ctx context.Context, a *attempt) *Version {
	at, ok := r.hearing.current(ctx)
	if !ok || a.Version != 0 {
		return nil
	}
	s := r.remembered(a)
	if s == nil {
		return nil
	}
	if mode := s.Policies.Mode(); mode.readOnly() || mode.imports() {
		return nil
	}
	p, err := a.proposal(ctx, r, s)
	if err != nil {
		return nil
	}
	found, err := r.alreadyThere(ctx, s, a.Registration, p)
	if err != nil || found == nil || found.sameLens(a.Lens) != nil || !r.still(ctx, s, at) {
		return nil
	}
	return found
}

// registerOn registers on what is remembered of a subject, or, with nil, on what is read now. What was remembered is
// good for an addition, which compares; anything else is said only if the subject is still the same.
func (r *Registry) registerOn(ctx context.Context, remembered *Subject, a *attempt) (Registered, error) {
	if remembered == nil {
		era := r.hearing.now()
		s, err := r.freshAliased(ctx, a.name)
		if err != nil {
			return Registered{}, err
		}
		r.keepSubject(ctx, era, s)
		return r.register(ctx, s, a)
	}
	done, err := r.register(ctx, remembered, a)
	if done.New || errors.Is(err, ErrConflict) {
		return done, err
	}
	now, errNow := r.freshAliased(ctx, a.name)
	if errNow != nil {
		return Registered{}, errNow
	}
	if now.unchangedSince(remembered) {
		return done, err
	}
	return r.register(ctx, now, a)
}

// unchangedSince says whether an earlier reading of the subject says the same.
func (s *Subject) unchangedSince(old *Subject) bool {
	return s.Name == old.Name && s.Head.Number == old.Head.Number && s.Rev == old.Rev &&
		s.Policies.Context.Rev == old.Policies.Context.Rev && s.Policies.Global.Rev == old.Policies.Global.Rev
}

// with is the subject after a version was added at a revision; nil if more than that may have changed.
func (s *Subject) with(added Version, rev Rev) *Subject {
	for i := range s.Versions {
		if s.Versions[i].State == Deleted && s.Versions[i].Schema.ID == added.Schema.ID {
			return nil // it has become Gone, unless something refers to it
		}
	}
	added.Schema = Schema{Context: added.Schema.Context, ID: added.Schema.ID, GUID: added.Schema.GUID}
	next := *s
	next.Versions = append(slices.Clip(s.Versions), added)
	next.Head, next.Rev = Head{Number: max(s.Head.Number, added.Number), Rev: rev}, rev
	return &next
}

// register judges and swaps, once.
func (r *Registry) register(ctx context.Context, s *Subject, a *attempt) (Registered, error) {
	reg, mode := a.Registration, s.Policies.Mode()
	switch {
	case mode.readOnly():
		return Registered{}, &Error{Reason: ReadOnly, Name: s.Name}
	case reg.ID > 0 && !mode.imports():
		return Registered{}, &Error{Reason: NotImport, Name: s.Name}
	case reg.ID <= 0 && mode.imports():
		return Registered{}, &Error{Reason: NotReadWrite, Name: s.Name}
	case reg.Version < Latest:
		return Registered{}, &Error{Reason: NotNextVersion, Name: s.Name, Version: reg.Version}
	}
	p, err := a.proposal(ctx, r, s)
	if err != nil {
		return Registered{}, err
	}
	found, err := r.alreadyThere(ctx, s, reg, p)
	if err == nil && found != nil {
		err = found.sameLens(reg.Lens)
	}
	if err != nil || found != nil {
		return Registered{Version: deref(found)}, err
	}
	if err := r.complete(ctx, p, mode.imports()); err != nil {
		return Registered{}, err
	}
	if len(s.Versions) >= MaxVersions {
		return Registered{}, &Error{Reason: TooManyVersions, Name: s.Name}
	}
	v := Version{Number: max(reg.Version, 0), Schema: p.schema}
	switch {
	case mode.imports():
		v.Mark = &Mark{Imported: true}
		v.Schema.ID = reg.ID
	case v.Number != 0 && v.Number != s.Head.Number+1:
		return Registered{}, &Error{Reason: NotNextVersion, Name: s.Name, Version: v.Number}
	default:
		if err := r.judgeNew(ctx, s, p, reg, &v); err != nil {
			return Registered{}, err
		}
	}
	era := r.hearing.now()
	added, rev, err := r.store.Append(ctx, s.Name, s.Head, v)
	if errors.Is(err, Unavailable) && ctx.Err() == nil {
		return r.unknownOutcome(ctx, s, p, err)
	}
	if err != nil {
		return Registered{}, err
	}
	r.keep(era, &added[0].Schema)
	p.keep(r, era, &added[0].Schema)
	if next := s.with(added[0], rev); next != nil {
		r.hearing.keepOwn(era, rev, func() { r.subjects.put(s.Name, next, next.size()) })
	}
	r.hear(rev)
	return Registered{Version: added[0], New: true, Warnings: p.warnings, Rev: rev}, nil
}

// freshAliased reads the subject that a name stands for from the store.
func (r *Registry) freshAliased(ctx context.Context, name Name) (*Subject, error) {
	s, err := r.freshSubject(ctx, name)
	if err != nil || s.Policies.Subject.Config.Alias == "" {
		return s, err
	}
	target, err := Reference{Subject: s.Policies.Subject.Config.Alias}.Target(name.Context)
	if err != nil {
		return nil, err
	}
	if err := permit(ctx, Developer, name, target); err != nil {
		return nil, err
	}
	return r.freshSubject(ctx, target)
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// unknownOutcome reads again after a commit that may or may not have happened.
func (r *Registry) unknownOutcome(ctx context.Context, before *Subject, p *proposal, cause error) (Registered, error) {
	now, err := r.freshSubject(ctx, before.Name)
	if err != nil {
		return Registered{}, cause
	}
	v := now.match(&p.schema, LiveOnly)
	if v == nil || v.Number <= before.Head.Number {
		return Registered{}, cause
	}
	whole, err := r.same(ctx, v, &p.schema)
	return Registered{Version: whole, New: true, Warnings: p.warnings, Rev: v.Rev}, err
}

// proposal is a schema on its way in.
type proposal struct {
	schema   Schema            // text, references, metadata and rules as they will be stored, and their GUID
	compiled *validator.Schema // set by complete; nil if Broken
	judged   *compat.Schema    // set by judge
	brief    bool              // the judgement need not tell of what passes
	warnings []string
}

// keep remembers what a proposal was judged by, now that it has an ID: the next version is judged against it.
func (p *proposal) keep(r *Registry, era uint64, stored *Schema) {
	if p.judged != nil {
		r.hearing.keepForever(era, func() {
			r.compiled.put(Key{Context: stored.Context, ID: stored.ID}, p.judged, p.compiled.Size()+len(stored.Text))
		})
	}
}

// propose makes of a registration what would be stored. It is not compiled yet: what is there already has been.
func (r *Registry) propose(ctx context.Context, s *Subject, reg Registration, imports bool) (*proposal, error) {
	config := s.Policies.Config()
	p := &proposal{schema: Schema{Context: s.Context, Metadata: reg.Metadata, RuleSet: reg.RuleSet}}
	text := reg.Text
	if !imports {
		var err error
		if text, err = r.inherit(ctx, s, reg, &p.schema); err != nil {
			return nil, err
		}
		p.schema.Metadata = mergeMetadata(mergeMetadata(config.DefaultMetadata, p.schema.Metadata), config.OverrideMetadata)
		p.schema.RuleSet = mergeRules(mergeRules(config.DefaultRuleSet, p.schema.RuleSet), config.OverrideRuleSet)
	}
	if reg.Version != 0 && !imports {
		number := reg.Version
		if number == Latest {
			number = s.Head.Number + 1
		}
		p.schema.Metadata = p.schema.Metadata.withProperty(versionProperty, strconv.Itoa(number))
	}
	normalize := reg.Normalize || config.Normalize != nil && *config.Normalize
	if imports && strings.TrimSpace(text) == "" {
		return nil, &Error{Reason: EmptySchema, Name: s.Name}
	}
	if err := r.fill(ctx, s.Name, p, text, reg.References, normalize, imports); err != nil {
		return nil, err
	}
	return p, nil
}

// inherit takes over from the latest version what the registration leaves out, and returns the text.
func (r *Registry) inherit(ctx context.Context, s *Subject, reg Registration, into *Schema) (string, error) {
	latest := s.latest()
	if latest == nil {
		if strings.TrimSpace(reg.Text) == "" {
			return "", &Error{Reason: EmptySchema, Name: s.Name}
		}
		return reg.Text, nil
	}
	if strings.TrimSpace(reg.Text) != "" && into.Metadata != nil && into.RuleSet != nil {
		return reg.Text, nil
	}
	old, err := r.schema(ctx, Key{Context: latest.Schema.Context, ID: latest.Schema.ID})
	if err != nil {
		return "", err
	}
	if into.Metadata == nil {
		into.Metadata = old.Metadata.withoutProperty(versionProperty)
	}
	if into.RuleSet == nil {
		into.RuleSet = old.RuleSet
	}
	if strings.TrimSpace(reg.Text) == "" {
		return old.Text, nil
	}
	return reg.Text, nil
}

// fill resolves references, makes the text canonical, and computes the GUID.
func (r *Registry) fill(ctx context.Context, name Name, p *proposal, text string, refs []Reference, normalize, imports bool) error {
	canonical, err := Canonical(text, normalize)
	if err != nil && imports && json.Valid([]byte(text)) { // such as a member that stands twice
		p.schema.Broken = err.Error()
		canonical, err = text, nil
	}
	if err != nil {
		return err
	}
	if len(canonical) > MaxSchemaBytes {
		return &Error{Reason: TooLarge, Name: name, Detail: fmt.Sprintf("longer than MaxSchemaBytes (%d)", MaxSchemaBytes)}
	}
	p.schema.Text = canonical
	if p.schema.References, err = r.resolveReferences(ctx, name, refs, imports); err != nil {
		return err
	}
	if normalize {
		p.schema.References = normalReferences(p.schema.References)
	}
	p.schema.GUID = p.schema.GUIDOf()
	return nil
}

// complete compiles a proposal. In an import, what does not compile is kept and marked.
func (r *Registry) complete(ctx context.Context, p *proposal, imports bool) (err error) {
	if p.compiled == nil {
		p.compiled, err = r.compile(ctx, &p.schema)
	}
	switch {
	case err == nil:
		for _, w := range p.compiled.Warnings() {
			p.warnings = append(p.warnings, fmt.Sprintf("%s: %s", w.Pointer, w.Message))
		}
	case imports && errors.Is(err, InvalidSchema):
		p.schema.Broken = err.Error()
	default:
		return err
	}
	return nil
}

// alreadyThere finds the live version that has the proposed identity. What was asked for by number is not looked for,
// except in an import, where the number must then hold the same.
func (r *Registry) alreadyThere(ctx context.Context, s *Subject, reg Registration, p *proposal) (*Version, error) {
	var v *Version
	switch {
	case reg.ID > 0 && reg.Version > 0:
		if v = s.at(reg.Version, WithDeleted); v == nil {
			return nil, nil
		}
		if v.Schema.GUID != p.schema.GUID {
			return nil, &Error{Reason: VersionTaken, Name: s.Name, Version: v.Number, ID: reg.ID}
		}
	case reg.Version != 0:
		return nil, nil
	default:
		if v = s.match(&p.schema, LiveOnly); v == nil {
			return nil, nil
		}
	}
	if reg.ID > 0 && v.Schema.ID != reg.ID {
		return nil, &Error{Reason: IDMismatch, Name: s.Name, Version: v.Number, ID: v.Schema.ID}
	}
	whole, err := r.same(ctx, v, &p.schema)
	return &whole, err
}

// same fills in the text of a version that was found by GUID, and refuses what only hashes alike: what goes into a
// GUID has no separators, and MD5 can be made to collide.
func (r *Registry) same(ctx context.Context, v *Version, asked *Schema) (Version, error) {
	whole, err := r.withText(ctx, *v)
	if err != nil {
		return Version{}, err
	}
	stored, given := whole.Schema, *asked
	stored.Metadata, given.Metadata = stored.Metadata.unnumbered(), given.Metadata.unnumbered()
	if !stored.SameContents(given) {
		return Version{}, &Error{Reason: GUIDCollision, Name: v.Name, GUID: v.Schema.GUID}
	}
	return whole, nil
}

// sameLens refuses a lens for a version that is there already, unless it is the one that the version has.
func (v *Version) sameLens(doc json.RawMessage) error {
	var given, stored bytes.Buffer
	if len(doc) == 0 || string(doc) == "null" {
		return nil
	}
	if v.Lens != nil && json.Compact(&given, doc) == nil && json.Compact(&stored, v.Lens.Lens) == nil && given.String() == stored.String() {
		return nil
	}
	return &Error{Reason: InvalidLens, Name: v.Name, Version: v.Number, Detail: "the schema is there already; a lens is added or replaced by PUT …/versions/" + strconv.Itoa(v.Number) + "/lens"}
}

// match finds the newest version with this content; the property that asks for a number does not matter.
func (s *Subject) match(schema *Schema, include Include) *Version {
	plain := *schema
	plain.Metadata = plain.Metadata.withoutProperty(versionProperty)
	guids := []string{schema.GUIDOf(), plain.GUIDOf()}
	bare := plain
	for _, v := range slices.Backward(s.Versions) {
		if !include.has(v) {
			continue
		}
		bare.Metadata = plain.Metadata.withProperty(versionProperty, strconv.Itoa(v.Number))
		if slices.Contains(guids, v.Schema.GUID) || bare.GUIDOf() == v.Schema.GUID {
			return &v
		}
	}
	return nil
}

// Lookup finds the newest version of a subject that has this content: as given, else with the metadata and rules of
// the latest version. SubjectNotFound, SchemaNotFound (by content), InvalidSchema; include says whether soft-deleted
// ones count. Source: Confluent Schema Registry, POST /subjects/{subject}.
func (r *Registry) Lookup(ctx context.Context, name Name, reg Registration, include Include) (Version, error) {
	s, err := r.resolve(ctx, name)
	if err != nil {
		return Version{}, err
	}
	if !s.any(include) {
		return Version{}, &Error{Reason: SubjectNotFound, Name: name}
	}
	config := s.Policies.Config()
	p := &proposal{schema: Schema{Context: s.Context, Metadata: reg.Metadata, RuleSet: reg.RuleSet}}
	text := reg.Text
	if strings.TrimSpace(text) == "" {
		if text, err = r.inherit(ctx, s, reg, &Schema{}); err != nil {
			return Version{}, err
		}
	}
	normalize := reg.Normalize || config.Normalize != nil && *config.Normalize
	if err := r.fill(ctx, s.Name, p, text, reg.References, normalize, false); err != nil {
		return Version{}, err
	}
	v, asked := s.match(&p.schema, include), p.schema
	if latest := s.latest(); v == nil && latest != nil {
		old, err := r.schema(ctx, Key{Context: latest.Schema.Context, ID: latest.Schema.ID})
		if err != nil {
			return Version{}, err
		}
		asked.Metadata = mergeMetadata(old.Metadata, p.schema.Metadata)
		asked.RuleSet = mergeRules(old.RuleSet, p.schema.RuleSet)
		v = s.match(&asked, include)
	}
	if v == nil {
		if err := r.complete(ctx, p, false); err != nil {
			return Version{}, err
		}
		return Version{}, &Error{Reason: SchemaNotFound, Name: name}
	}
	whole, err := r.same(ctx, v, &asked)
	if errors.Is(err, GUIDCollision) { // what hashes alike is another schema
		return Version{}, &Error{Reason: SchemaNotFound, Name: name}
	}
	return whole, err
}
