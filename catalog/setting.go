package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/accordhq/accord/compat"
)

// policiesOf reads what holds in a scope: as near a subject as the scope is.
func (r *Registry) policiesOf(ctx context.Context, scope Scope) (Policies, error) {
	s, err := r.subject(ctx, scope)
	if err != nil {
		return Policies{}, err
	}
	if scope.Context == GlobalContext {
		return Policies{Global: s.Policies.Subject}, nil
	}
	return s.Policies, nil
}

// own is the policy that the scope itself says.
func (p Policies) own(scope Scope) Policy {
	if scope.Context == GlobalContext {
		return p.Global
	}
	return p.Subject
}

// Config reads the configuration of a scope: what it says itself (NoCompatibility if nothing), or with inherit what
// holds there. The default context, Name{}, always answers what holds.
func (r *Registry) Config(ctx context.Context, scope Scope, inherit bool) (Config, error) {
	p, err := r.policiesOf(ctx, scope)
	if err != nil {
		return Config{}, err
	}
	own := p.own(scope).Config
	switch {
	case inherit || scope == Name{}:
		c := p.Config()
		c.Alias = own.Alias
		return c, nil
	case own == Config{}:
		return Config{}, &Error{Reason: NoCompatibility, Name: scope}
	}
	return own, nil
}

// SetConfig changes the configuration of a scope, which need not be there yet, and returns what it says itself now.
// InvalidCompatibility, RawReader, InvalidSubject (the alias), InvalidRuleSet, ReadOnly, PreconditionFailed. Source: Confluent Schema Registry, PUT /config/{subject}.
func (r *Registry) SetConfig(ctx context.Context, scope Scope, patch Patch) (Config, error) {
	var err error
	if patch.Set.Compatibility != "" {
		if patch.Set.Compatibility, err = ParseLevel(string(patch.Set.Compatibility)); err != nil {
			return Config{}, err
		}
	}
	if patch.Set.CompatibilityPolicy != "" {
		policy, err := compat.ParsePolicy(patch.Set.CompatibilityPolicy)
		if err != nil {
			return Config{}, &Error{Reason: InvalidPolicy, Name: scope, Detail: err.Error()}
		}
		if policy == compat.SemanticUpcast {
			if err := r.noRawReader(ctx, scope); err != nil {
				return Config{}, err
			}
		}
		patch.Set.CompatibilityPolicy = policy.String()
	}
	if err := patch.Set.check(scope); err != nil {
		return Config{}, err
	}
	patch.Mode, patch.Empty = nil, false
	p, err := r.setPolicy(ctx, scope, patch)
	return p.Config, err
}

// setPolicy changes a policy where the mode allows it.
func (r *Registry) setPolicy(ctx context.Context, scope Scope, patch Patch) (Policy, error) {
	if patch.Mode == nil {
		p, err := r.policiesOf(AtLeast(ctx, ^Rev(0)), scope)
		if err != nil {
			return Policy{}, err
		}
		if p.Mode().readOnly() {
			return Policy{}, &Error{Reason: ReadOnly, Name: scope}
		}
	}
	p, rev, err := r.store.SetPolicy(ctx, scope, patch)
	if errors.Is(err, ErrConflict) {
		return p, &Error{Reason: PreconditionFailed, Name: scope}
	}
	if err == nil {
		r.hear(rev)
	}
	return p, err
}

// DeleteConfig forgets the configuration of a scope and returns what it was; SubjectNotFound if a subject had none.
func (r *Registry) DeleteConfig(ctx context.Context, scope Scope) (Config, error) {
	for {
		old, err := r.store.Policy(ctx, scope)
		if err != nil {
			return Config{}, err
		}
		if (old.Config == Config{}) && scope.Subject != "" {
			return Config{}, &Error{Reason: SubjectNotFound, Name: scope}
		}
		_, err = r.setPolicy(ctx, scope, Patch{Clear: ConfigNames[:], Expect: &old.Rev})
		if !errors.Is(err, PreconditionFailed) { // else it was changed in between, and something else is forgotten
			return old.Config, err
		}
	}
}

// Mode reads the mode of a scope: its own (NoMode if none), or with inherit the one that holds there. The default
// context, Name{}, always answers what holds, and READONLY_OVERRIDE of a wider scope is the answer of all inside it.
func (r *Registry) Mode(ctx context.Context, scope Scope, inherit bool) (Mode, error) {
	p, err := r.policiesOf(ctx, scope)
	if err != nil {
		return "", err
	}
	own := p.own(scope).Mode
	switch {
	case inherit || scope == Name{}:
		return p.Mode(), nil
	case p.Mode() == ReadOnlyOverride:
		return ReadOnlyOverride, nil
	case own == "":
		return "", &Error{Reason: NoMode, Name: scope}
	}
	return own, nil
}

// SetMode sets the mode of a scope. IMPORT needs a scope without live versions (NotEmpty) and purges the soft-deleted
// ones (Referenced), unless force. FORWARD is for GlobalContext alone (InvalidMode). Source: Confluent Schema
// Registry, PUT /mode/{subject}.
func (r *Registry) SetMode(ctx context.Context, scope Scope, m Mode, force bool) error {
	m, err := ParseMode(string(m))
	if err != nil {
		return err
	}
	if m == ForwardMode && scope != (Name{Context: GlobalContext}) {
		return &Error{Reason: InvalidMode, Name: scope, Detail: "FORWARD is for " + GlobalContext}
	}
	patch := Patch{Mode: &m}
	if m == Import && !force {
		patch.Empty = true
		if err := r.purgeDeleted(ctx, scope); err != nil {
			return err
		}
	}
	_, err = r.setPolicy(ctx, scope, patch)
	return err
}

// purgeDeleted removes for good what is soft-deleted in a scope, once nothing in it is live.
func (r *Registry) purgeDeleted(ctx context.Context, scope Scope) error {
	q := Query{Prefix: scope.Subject, Include: WithDeleted, Expand: ExpandVersions, Limit: MaxPage}
	if scope.Context != GlobalContext {
		q.Context = &scope.Context
	}
	var doomed []Subject
	for {
		page, err := r.store.Subjects(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range page {
			if scope.Subject != "" && s.Subject != scope.Subject {
				continue
			}
			if s.any(LiveOnly) {
				return &Error{Reason: NotEmpty, Name: scope}
			}
			doomed = append(doomed, s)
		}
		if len(page) < MaxPage {
			break
		}
		q.After = page[len(page)-1].Name
	}
	for _, s := range doomed {
		if _, err := r.DeleteSubject(ctx, s.Name, true); err != nil && !errors.Is(err, SubjectNotFound) {
			return err
		}
	}
	return nil
}

// DeleteMode forgets the mode of a scope, with recursive also those of the subjects in a context, and returns what it
// was; SubjectNotFound if a subject had none.
func (r *Registry) DeleteMode(ctx context.Context, scope Scope, recursive bool) (Mode, error) {
	none := Mode("")
	var old Policy
	for {
		var err error
		if old, err = r.store.Policy(ctx, scope); err != nil {
			return "", err
		}
		if old.Mode == "" && scope.Subject != "" {
			return "", &Error{Reason: SubjectNotFound, Name: scope}
		}
		_, err = r.setPolicy(ctx, scope, Patch{Mode: &none, Expect: &old.Rev})
		if err == nil {
			break
		}
		if !errors.Is(err, PreconditionFailed) { // else it was changed in between, and something else is forgotten
			return "", err
		}
	}
	if !recursive || scope.Subject != "" {
		return old.Mode, nil
	}
	q := Query{Include: WithDeleted, Expand: ExpandPolicies, Limit: MaxPage}
	if scope.Context != GlobalContext {
		q.Context = &scope.Context
	}
	for {
		page, err := r.store.Subjects(ctx, q)
		if err != nil {
			return "", err
		}
		for _, s := range page {
			if s.Policies.Subject.Mode == "" {
				continue
			}
			if _, err := r.setPolicy(ctx, s.Name, Patch{Mode: &none}); err != nil {
				return "", err
			}
		}
		if len(page) < MaxPage {
			return old.Mode, nil
		}
		q.After = page[len(page)-1].Name
	}
}

// check refuses what cannot be kept or would mean nothing: an alias that is no name, metadata and rules that no
// registration could bring, and texts with NUL.
func (c Config) check(scope Scope) error {
	if _, err := (Reference{Subject: c.Alias}).Target(scope.Context); err != nil {
		return err
	}
	err := errors.Join(c.DefaultMetadata.check(scope), c.OverrideMetadata.check(scope), c.DefaultRuleSet.check(scope), c.OverrideRuleSet.check(scope))
	if err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	for in := json.NewDecoder(bytes.NewReader(b)); ; {
		token, err := in.Token()
		if err != nil { // the end
			return nil
		}
		if s, ok := token.(string); ok && strings.ContainsRune(s, 0) {
			return &Error{Reason: InvalidRuleSet, Name: scope, Detail: "a text with the character NUL"}
		}
	}
}

// check refuses rules that are malformed or over a limit.
func (s *RuleSet) check(name Name) error {
	if s == nil {
		return nil
	}
	bad := func(format string, args ...any) error {
		return &Error{Reason: InvalidRuleSet, Name: name, Detail: fmt.Sprintf(format, args...)}
	}
	if n := len(s.Migration) + len(s.Domain) + len(s.Encoding); n > MaxRules {
		return bad("%d rules are more than MaxRules (%d)", n, MaxRules)
	}
	for kind, rules := range map[string][]Rule{"migrationRules": s.Migration, "domainRules": s.Domain, "encodingRules": s.Encoding} {
		seen := map[string]bool{}
		for i, r := range rules {
			migrates := r.Mode == "UPGRADE" || r.Mode == "DOWNGRADE" || r.Mode == "UPDOWN"
			switch {
			case r.Name == "" || len(r.Name) > MaxRuleName:
				return bad("%s[%d]: a name has 1 to MaxRuleName (%d) bytes", kind, i, MaxRuleName)
			case seen[r.Name]:
				return bad("%s[%d]: the name %q stands twice", kind, i, r.Name)
			case len(r.Expr) > MaxRuleExpr:
				return bad("rule %q: expr is longer than MaxRuleExpr (%d)", r.Name, MaxRuleExpr)
			case r.Kind != "" && r.Kind != "TRANSFORM" && r.Kind != "CONDITION":
				return bad("rule %q: kind is TRANSFORM or CONDITION", r.Name)
			case r.Mode != "" && migrates != (kind == "migrationRules"):
				return bad("rule %q: mode %.20s does not belong in %s", r.Name, r.Mode, kind)
			}
			seen[r.Name] = true
		}
	}
	return nil
}

// check refuses metadata over the limit.
func (m *Metadata) check(name Name) error {
	if m == nil {
		return nil
	}
	b, err := json.Marshal(m)
	if err == nil && len(b) > MaxMetadataBytes {
		return &Error{Reason: InvalidRuleSet, Name: name, Detail: fmt.Sprintf("metadata longer than MaxMetadataBytes (%d)", MaxMetadataBytes)}
	}
	for property := range m.Properties {
		if strings.TrimSpace(property) == "" {
			return &Error{Reason: InvalidRuleSet, Name: name, Detail: "a metadata property without a name"}
		}
	}
	return err
}
