package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/compat"
)

// configBody is a configuration as GET and DELETE show it.
type configBody struct {
	Compatibility       string            `json:"compatibilityLevel,omitempty" example:"BACKWARD"`
	CompatibilityPolicy string            `json:"compatibilityPolicy,omitempty" doc:"Only STRICT and LENIENT are shown."`
	CompatibilityGroup  string            `json:"compatibilityGroup,omitempty"`
	Normalize           *bool             `json:"normalize,omitempty"`
	ValidateFields      *bool             `json:"validateFields,omitempty"`
	ValidateNewSchemas  *bool             `json:"validateNewSchemas,omitempty"`
	ValidateRules       *bool             `json:"validateRules,omitempty"`
	Alias               string            `json:"alias,omitempty"`
	DefaultMetadata     *catalog.Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata    *catalog.Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet      *catalog.RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet     *catalog.RuleSet  `json:"overrideRuleSet,omitempty"`
}

// configOf shows a configuration to clients whose list of policies is Confluent's.
func configOf(c catalog.Config) configBody {
	policy := strings.TrimPrefix(c.CompatibilityPolicy, "CONFLUENT_")
	if policy != "STRICT" && policy != "LENIENT" {
		policy = ""
	}
	return configBody{
		string(c.Compatibility), policy, c.CompatibilityGroup, c.Normalize, c.ValidateFields, c.ValidateNewSchemas, c.ValidateRules,
		c.Alias, c.DefaultMetadata, c.OverrideMetadata, c.DefaultRuleSet, c.OverrideRuleSet,
	}
}

// configChange is what PUT takes: absent keeps, null clears.
type configChange struct {
	Compatibility       *string           `json:"compatibility,omitempty" example:"FULL"`
	CompatibilityPolicy *string           `json:"compatibilityPolicy,omitempty" doc:"The question that gates; one that is not judged here is refused" example:"SEMANTIC"`
	CompatibilityGroup  *string           `json:"compatibilityGroup,omitempty" doc:"Compare only versions with the same value of this metadata property"`
	Normalize           *bool             `json:"normalize,omitempty"`
	ValidateFields      *bool             `json:"validateFields,omitempty"`
	ValidateNewSchemas  *bool             `json:"validateNewSchemas,omitempty"`
	ValidateRules       *bool             `json:"validateRules,omitempty"`
	Alias               *string           `json:"alias,omitempty" doc:"Subject that stands for this one"`
	DefaultMetadata     *catalog.Metadata `json:"defaultMetadata,omitempty"`
	OverrideMetadata    *catalog.Metadata `json:"overrideMetadata,omitempty"`
	DefaultRuleSet      *catalog.RuleSet  `json:"defaultRuleSet,omitempty"`
	OverrideRuleSet     *catalog.RuleSet  `json:"overrideRuleSet,omitempty"`

	cleared []string // members that were null
}

// UnmarshalJSON also notes which members are null.
func (c *configChange) UnmarshalJSON(b []byte) error {
	type plain configChange
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	for _, name := range catalog.ConfigNames {
		if string(members[name]) == "null" {
			c.cleared = append(c.cleared, name)
		}
	}
	return nil
}

// patch is the change as the catalog takes it.
func (c *configChange) patch() (catalog.Patch, error) {
	p := catalog.Patch{Clear: c.cleared, Set: catalog.Config{
		Normalize: c.Normalize, ValidateFields: c.ValidateFields, ValidateNewSchemas: c.ValidateNewSchemas, ValidateRules: c.ValidateRules,
		DefaultMetadata: c.DefaultMetadata, OverrideMetadata: c.OverrideMetadata, DefaultRuleSet: c.DefaultRuleSet, OverrideRuleSet: c.OverrideRuleSet,
	}}
	if c.Compatibility != nil {
		level, err := catalog.ParseLevel(*c.Compatibility)
		if err != nil {
			return p, err
		}
		p.Set.Compatibility = level
	}
	if c.CompatibilityPolicy != nil {
		policy, err := compat.ParsePolicy(*c.CompatibilityPolicy)
		if err != nil {
			return p, &fault{code: 42203, message: "C" + strings.TrimPrefix(err.Error(), "c")}
		}
		p.Set.CompatibilityPolicy = policy.String()
	}
	if c.CompatibilityGroup != nil {
		p.Set.CompatibilityGroup = *c.CompatibilityGroup
	}
	if c.Alias != nil {
		p.Set.Alias = *c.Alias
	}
	for name, said := range map[string]*string{"compatibilityGroup": c.CompatibilityGroup, "alias": c.Alias} {
		if said != nil && *said == "" { // no name is no group, and no alias
			p.Clear = append(p.Clear, name)
		}
	}
	return p, nil
}

type scopeInput struct {
	Inherit flag `query:"defaultToGlobal" doc:"What holds there, not only what it says itself"`
}

type subjectScopeInput struct {
	Subject string `path:"subject" doc:"Subject; :.context: is a context as a whole" example:"orders.OrderPlaced"`
	Inherit flag   `query:"defaultToGlobal" doc:"What holds there, not only what the subject says itself"`
}

// scopeOnlyInput names a subject, or a context, and asks nothing else.
type scopeOnlyInput struct {
	Subject string `path:"subject" doc:"Subject; :.context: is a context as a whole" example:"orders.OrderPlaced"`
}

const exampleConfig = `{"compatibilityLevel":"FULL"}`

// confluentConfig serves /config.
func (a *API) confluentConfig() {
	add(a, route{
		method: http.MethodGet, path: "/config", id: "getConfig", needs: across(catalog.Reader), tag: tagConfig, summary: "Read the configuration of the context", answer: exampleConfig,
	}, func(ctx context.Context, _ *scopeInput, _ *none) (configBody, error) {
		return a.getConfig(ctx, "", true)
	})
	add(a, route{
		method: http.MethodGet, path: "/config/{subject}", id: "getSubjectConfig", needs: on(catalog.Reader), tag: tagConfig, summary: "Read the configuration of a subject",
		answer: exampleConfig, codes: []int{40408, 42208},
	}, func(ctx context.Context, in *subjectScopeInput, _ *none) (configBody, error) {
		return a.getConfig(ctx, in.Subject, in.Inherit.on())
	})
	add(a, route{
		method: http.MethodPut, path: "/config", id: "putConfig", needs: across(catalog.Developer), tag: tagConfig, summary: "Change the configuration of the context",
		about:   "Members that are absent stay as they are, null clears.",
		request: `{"compatibility":"FULL"}`, answer: `{"compatibility":"FULL"}`, codes: []int{42203, 42205},
	}, func(ctx context.Context, _ *none, b *configChange) (configChange, error) {
		return a.putConfig(ctx, "", b)
	})
	add(a, route{
		method: http.MethodPut, path: "/config/{subject}", id: "putSubjectConfig", needs: on(catalog.Developer), tag: tagConfig, summary: "Change the configuration of a subject",
		about:   "The subject need not be there yet. Members that are absent stay as they are, null clears.",
		request: `{"compatibility":"FULL"}`, answer: `{"compatibility":"FULL"}`, codes: []int{42203, 42205, 42208},
	}, func(ctx context.Context, in *scopeOnlyInput, b *configChange) (configChange, error) {
		return a.putConfig(ctx, in.Subject, b)
	})
	add(a, route{
		method: http.MethodDelete, path: "/config", id: "deleteConfig", needs: across(catalog.Developer), tag: tagConfig, summary: "Forget the configuration of the context",
		about: "Answers what it was.", answer: exampleConfig, codes: []int{42205},
	}, func(ctx context.Context, _ *none, _ *none) (configBody, error) { return a.deleteConfig(ctx, "") })
	add(a, route{
		method: http.MethodDelete, path: "/config/{subject}", id: "deleteSubjectConfig", needs: on(catalog.Developer), tag: tagConfig, summary: "Forget the configuration of a subject",
		about: "Answers what it was.", answer: exampleConfig, codes: []int{40401, 42205, 42208},
	}, func(ctx context.Context, in *scopeOnlyInput, _ *none) (configBody, error) {
		return a.deleteConfig(ctx, in.Subject)
	})
}

func (a *API) getConfig(ctx context.Context, subject string, inherit bool) (configBody, error) {
	scope, err := nameOf(ctx, subject)
	if err != nil {
		return configBody{}, err
	}
	c, err := a.registry.Config(ctx, scope, inherit || scope.Subject == "")
	return configOf(c), err
}

func (a *API) putConfig(ctx context.Context, subject string, b *configChange) (configChange, error) {
	scope, err := nameOf(ctx, subject)
	if err != nil {
		return configChange{}, err
	}
	p, err := b.patch()
	if err != nil {
		return configChange{}, err
	}
	if _, err := a.registry.SetConfig(ctx, scope, p); err != nil {
		return configChange{}, err
	}
	return *b, nil
}

// deleteConfig forgets a configuration. A context always has one, if only by inheritance: the answer is what held.
func (a *API) deleteConfig(ctx context.Context, subject string) (configBody, error) {
	scope, err := nameOf(ctx, subject)
	if err != nil {
		return configBody{}, err
	}
	if scope.Subject != "" {
		was, err := a.registry.DeleteConfig(ctx, scope)
		return configOf(was), err
	}
	held, err := a.registry.Config(ctx, scope, true)
	if err != nil {
		return configBody{}, err
	}
	_, err = a.registry.DeleteConfig(ctx, scope)
	return configOf(held), err
}
