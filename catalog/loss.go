package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// LossKind is what is lost, or found out, on the way from another registry.
type LossKind string

// The kinds, in the order in which they are told.
const (
	LossType       LossKind = "not kept: another type than JSON, its ID stays reserved"
	LossBroken     LossKind = "kept and marked: does not compile here"
	LossTwoIDs     LossKind = "kept: two IDs for one identity, new registrations get the lower"
	LossContradict LossKind = "kept as history: contradicts its predecessor"
	LossOtherwise  LossKind = "judged otherwise from now on, unless its policy is set"
	LossText       LossKind = "kept: the text is not canonical, so the same schema registered again gets a new ID"
	LossOther      LossKind = "not kept"
)

// LossKinds are all kinds, in order.
var LossKinds = [...]LossKind{LossType, LossOther, LossBroken, LossTwoIDs, LossContradict, LossOtherwise, LossText}

// Loss is one thing that an import of a Foreign changes, leaves out, or brings to light.
type Loss struct {
	Kind       LossKind
	Where, Why string
}

// Losses says what would be lost, by kind; nothing is written. Each live version is compiled, and judged against those
// before it under the level it stood under: by SEMANTIC, and by the policy that it had (STRICT where none was set). Each
// judgement has JudgeBudget at most.
func (f *Foreign) Losses(ctx context.Context) ([]Loss, error) {
	l := &lossFinder{f: f}
	for _, name := range f.Subjects() {
		if err := l.subject(ctx, name); err != nil {
			return nil, err
		}
	}
	var out []Loss
	for _, kind := range LossKinds {
		for _, loss := range append(l.found, f.left...) {
			if loss.Kind == kind {
				out = append(out, loss)
			}
		}
	}
	return out, nil
}

// lossFinder is a search under way.
type lossFinder struct {
	f       *Foreign
	checker compat.Checker
	ids     map[identity]int // lowest ID seen of an identity
	told    map[Key]bool     // schemas that were looked at
	found   []Loss
}

type identity struct{ context, guid string }

func (l *lossFinder) add(kind LossKind, v *ForeignVersion, why string) {
	l.found = append(l.found, Loss{kind, v.place(), why})
}

func (l *lossFinder) subject(ctx context.Context, name Name) error {
	policies := Policies{Subject: l.f.policies[name], Context: l.f.policies[Scope{Context: name.Context}], Global: l.f.policies[Scope{Context: GlobalContext}]}
	config := policies.Config()
	var history []compat.Version
	for _, v := range l.f.Versions(name) {
		if v.Kind() != "JSON" {
			l.add(LossType, v, v.Kind())
			continue
		}
		schema, why := l.schema(v)
		if v.Deleted {
			continue
		}
		if schema == nil {
			history = append(history, compat.Version{Number: v.Number, Err: errors.New(why)})
			continue
		}
		if err := l.judge(ctx, v, schema, history, config); err != nil {
			return err
		}
		history = append(history, compat.Version{Number: v.Number, Schema: schema})
	}
	return nil
}

// schema compiles a version; nil if it does not, and why.
func (l *lossFinder) schema(v *ForeignVersion) (*compat.Schema, string) {
	stored := l.f.stored(v)
	key := Key{Context: v.Context, ID: v.ID}
	if l.told == nil {
		l.ids, l.told = map[identity]int{}, map[Key]bool{}
	}
	first := !l.told[key]
	l.told[key] = true
	if same := (identity{v.Context, stored.Schema.GUID}); l.ids[same] != 0 && l.ids[same] != v.ID {
		if first {
			l.add(LossTwoIDs, v, fmt.Sprintf("also ID %d", l.ids[same]))
		}
		l.ids[same] = min(l.ids[same], v.ID)
	} else {
		l.ids[same] = v.ID
	}
	compiled, err := l.compile(&stored.Schema)
	if err == nil {
		var schema *compat.Schema
		if schema, err = compat.Compile(compiled); err == nil {
			if canonical, _ := Canonical(v.Text, false); first && canonical != v.Text {
				l.add(LossText, v, "")
			}
			return schema, ""
		}
		return nil, err.Error() // it compiles, but is too large to be judged
	}
	if first {
		l.add(LossBroken, v, err.Error())
	}
	return nil, err.Error()
}

func (l *lossFinder) compile(s *Schema) (*validator.Schema, error) {
	if s.Broken != "" {
		return nil, errors.New(s.Broken)
	}
	if _, err := Canonical(s.Text, false); err != nil {
		return nil, err
	}
	c := closure{texts: map[string][]byte{}, means: map[string]SubjectVersion{}, find: func(_ context.Context, to Name, number int) (*Schema, error) {
		v := l.f.Version(to, number)
		if v == nil {
			return nil, nil
		}
		return &Schema{Context: v.Context, Text: v.Text, References: v.References}, nil
	}}
	if err := c.add(context.Background(), s, 1); err != nil {
		return nil, err
	}
	return validator.Compile(validator.Document{Text: []byte(s.Text), References: c.texts}, validator.Limits{})
}

// judge compares a version with those before it.
func (l *lossFinder) judge(ctx context.Context, v *ForeignVersion, schema *compat.Schema, history []compat.Version, config Config) error {
	level := config.Compatibility.plain()
	if level == compat.None || len(history) == 0 {
		return nil
	}
	if group := config.CompatibilityGroup; group != "" {
		var same []compat.Version
		for _, h := range history {
			if l.f.Version(v.Name, h.Number).Metadata.property(group) == v.Metadata.property(group) {
				same = append(same, h)
			}
		}
		history = same
	}
	if !level.Transitive() && len(history) > 1 {
		history = history[len(history)-1:]
	}
	had := compat.ConfluentStrict // what a registry without the member judges by
	if config.CompatibilityPolicy != "" {
		var err error
		if had, err = compat.ParsePolicy(config.CompatibilityPolicy); err != nil {
			l.add(LossOther, v, err.Error())
			return nil
		}
	}
	deciding, cancel := context.WithTimeout(ctx, JudgeBudget)
	defer cancel()
	report := l.checker.Check(deciding, level, schema, history, compat.Options{Policy: had, All: true})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, pair := range report.Against {
		semantic := pair.Result.Verdict
		switch {
		case semantic == compat.Incompatible:
			l.add(LossContradict, v, fmt.Sprintf("version %d, %s: %s", pair.Number, level, pair.Result.Counterexample.Event))
		case semantic == compat.Undecided:
			l.add(LossContradict, v, fmt.Sprintf("version %d, %s: undecided: %s", pair.Number, level, pair.Result.Detail))
		}
		if config.CompatibilityPolicy == "" && pair.Passes != (semantic == compat.Compatible) {
			verb := map[bool]string{true: "lets pass", false: "refuses"}[pair.Passes]
			l.add(LossOtherwise, v, fmt.Sprintf("against version %d %s %s what SEMANTIC finds %s", pair.Number, had.Word(), verb, semantic))
		}
	}
	return nil
}
