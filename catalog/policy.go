package catalog

import (
	"fmt"
	"strings"
)

// Level is a compatibility level in capitals: compat's seven, and the two that a lens can satisfy.
type Level string

// The levels. Source: Confluent Schema Registry, "Schema Evolution and Compatibility"; the UPCASTABLE ones are ours.
const (
	None                 Level = "NONE"
	Backward             Level = "BACKWARD"
	BackwardTransitive   Level = "BACKWARD_TRANSITIVE"
	Forward              Level = "FORWARD"
	ForwardTransitive    Level = "FORWARD_TRANSITIVE"
	Full                 Level = "FULL"
	FullTransitive       Level = "FULL_TRANSITIVE"
	Upcastable           Level = "UPCASTABLE"
	UpcastableTransitive Level = "UPCASTABLE_TRANSITIVE"
)

// ParseLevel reads a level in any letter case; InvalidCompatibility for others.
func ParseLevel(s string) (Level, error) {
	switch l := Level(strings.ToUpper(s)); l {
	case None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive, Upcastable, UpcastableTransitive:
		return l, nil
	}
	return "", &Error{Reason: InvalidCompatibility, Detail: s}
}

// Transitive says whether the level is about every version, not only the latest.
func (l Level) Transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }

// Mode is what may be written in a scope.
type Mode string

// The modes. READONLY_OVERRIDE is READONLY that no scope inside can lift. Source: Confluent Schema Registry, "Mode".
const (
	ReadWrite        Mode = "READWRITE"
	ReadOnlyMode     Mode = "READONLY"
	ReadOnlyOverride Mode = "READONLY_OVERRIDE"
	Import           Mode = "IMPORT"
	ForwardMode      Mode = "FORWARD"
)

// ParseMode reads a mode in any letter case; InvalidMode for others.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(strings.ToUpper(s)); m {
	case ReadWrite, ReadOnlyMode, ReadOnlyOverride, Import, ForwardMode:
		return m, nil
	}
	return "", &Error{Reason: InvalidMode, Detail: s}
}

// readOnly says that nothing may be written.
func (m Mode) readOnly() bool { return m == ReadOnlyMode || m == ReadOnlyOverride }

// imports says that registrations bring their own ID.
func (m Mode) imports() bool { return m == Import || m == ForwardMode }

// Config is what holds for the subject, each member from the nearest scope that sets it; Compatibility is never "".
func (p Policies) Config() Config {
	c := p.Subject.Config.over(p.Context.Config).over(p.Global.Config)
	if c.Compatibility == "" {
		c.Compatibility = Backward
	}
	return c
}

// Mode is the mode that holds for the subject, never "": the nearest, but READONLY_OVERRIDE of a wider scope wins over
// those inside it.
func (p Policies) Mode() Mode {
	if p.Context.Mode == ReadOnlyOverride || p.Global.Mode == ReadOnlyOverride {
		return ReadOnlyOverride
	}
	for _, m := range []Mode{p.Subject.Mode, p.Context.Mode, p.Global.Mode} {
		if m != "" {
			return m
		}
	}
	return ReadWrite
}

// over fills what c leaves open from the next scope. Aliases are a subject's own.
func (c Config) over(next Config) Config {
	pick(&c.Compatibility, next.Compatibility)
	pick(&c.CompatibilityPolicy, next.CompatibilityPolicy)
	pick(&c.CompatibilityGroup, next.CompatibilityGroup)
	pick(&c.Normalize, next.Normalize)
	pick(&c.ValidateFields, next.ValidateFields)
	pick(&c.ValidateNewSchemas, next.ValidateNewSchemas)
	pick(&c.ValidateRules, next.ValidateRules)
	pick(&c.DefaultMetadata, next.DefaultMetadata)
	pick(&c.OverrideMetadata, next.OverrideMetadata)
	pick(&c.DefaultRuleSet, next.DefaultRuleSet)
	pick(&c.OverrideRuleSet, next.OverrideRuleSet)
	return c
}

// pick sets *v to next where it is still zero.
func pick[T comparable](v *T, next T) {
	var zero T
	if *v == zero {
		*v = next
	}
}

// Apply returns the policy as the patch leaves it; Rev stays. Stores that keep a policy as one value use it, so that
// all of them merge alike.
func (p Policy) Apply(patch Patch) Policy {
	for _, name := range patch.Clear {
		p.Config.clear(name)
	}
	alias := p.Config.Alias
	p.Config = patch.Set.over(p.Config)
	pick(&p.Config.Alias, alias)
	if patch.Mode != nil {
		p.Mode = *patch.Mode
	}
	return p
}

// clear unsets a member by its JSON name.
func (c *Config) clear(name string) {
	switch name {
	case "compatibility":
		c.Compatibility = ""
	case "compatibilityPolicy":
		c.CompatibilityPolicy = ""
	case "compatibilityGroup":
		c.CompatibilityGroup = ""
	case "normalize":
		c.Normalize = nil
	case "validateFields":
		c.ValidateFields = nil
	case "validateNewSchemas":
		c.ValidateNewSchemas = nil
	case "validateRules":
		c.ValidateRules = nil
	case "alias":
		c.Alias = ""
	case "defaultMetadata":
		c.DefaultMetadata = nil
	case "overrideMetadata":
		c.OverrideMetadata = nil
	case "defaultRuleSet":
		c.DefaultRuleSet = nil
	case "overrideRuleSet":
		c.OverrideRuleSet = nil
	}
}

// ConfigNames are the JSON names of all members of Config: what Patch.Clear holds to forget everything.
var ConfigNames = [...]string{
	"compatibility", "compatibilityPolicy", "compatibilityGroup", "normalize", "validateFields", "validateNewSchemas",
	"validateRules", "alias", "defaultMetadata", "overrideMetadata", "defaultRuleSet", "overrideRuleSet",
}

// Sentence says how a version was let in, "" if it was judged and found good.
func (m *Mark) Sentence() string {
	switch {
	case m == nil:
		return ""
	case m.Forced:
		return "This version was let in by force: nobody judged whether it fits those before it."
	case m.Imported:
		return "This version was imported with its own ID: nobody judged whether it fits those before it."
	case m.Policy != "":
		numbers := make([]string, 0, len(m.Against))
		for _, n := range m.Against {
			numbers = append(numbers, fmt.Sprintf("v%d", n))
		}
		return fmt.Sprintf("The rules of %s let this version in; SEMANTIC says %s against %s.", m.Policy, m.Verdict, strings.Join(numbers, ", "))
	}
	return ""
}
