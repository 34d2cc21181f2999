package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/upcast"
)

// question is what compat is asked under a configuration, and whether a lens path may carry what it refuses. A lens that
// is given is judged as under an UPCASTABLE level: it takes the place of the defaults.
func (c Config) question(given bool) (p compat.Policy, carries bool, err error) {
	p, err = compat.ParsePolicy(c.CompatibilityPolicy)
	if err != nil {
		return p, false, &Error{Reason: InvalidPolicy, Detail: err.Error()}
	}
	if p == compat.SemanticUpcast && given {
		return compat.Semantic, true, nil
	}
	return p, c.Compatibility.upcastable(), nil
}

// fillIn makes the assumption of SEMANTIC_UPCAST true: where events of the last version are not events of the new one as
// they are, it writes the lens that fills in the defaults, and proves it. Versions before the last one that need it must
// have a way to the last one.
func (r *Registry) fillIn(ctx context.Context, s *Subject, next *compat.Schema, j *Judgement) error {
	if len(j.Report.Against) == 0 || !slices.Contains(j.Level.plain().Directions(), compat.DirectionBackward) {
		return nil
	}
	last := &s.Versions[len(s.Versions)-1]
	old, err := r.compiledSchema(ctx, last)
	if err != nil {
		return err
	}
	if r.identity(ctx, upcast.Up, old, next) != nil {
		return nil
	}
	if err := r.noRawReader(ctx, s.Name); err != nil { // declared at the moment when the policy was set
		return err
	}
	fillings, err := compat.Fills(old, next)
	if err != nil {
		return err
	}
	doc, err := defaultLens(last.Number, fillings)
	if err != nil {
		return err
	}
	if j.written, err = r.givenLens(ctx, s, doc, nil); err != nil {
		return err
	}
	if j.Lens, err = r.proveLens(ctx, s, next, j.written); err != nil {
		return err
	}
	for _, pair := range j.Report.Against {
		if pair.Number == last.Number {
			continue
		}
		older, err := r.compiledSchema(ctx, s.at(pair.Number, LiveOnly))
		if err != nil {
			return err
		}
		if r.identity(ctx, upcast.Up, older, next) != nil {
			continue
		}
		_, broken, err := r.path(ctx, upcast.Up, s.Versions, pair.Number, last.Number)
		if err != nil && !errors.Is(err, InvalidSchema) {
			return err
		}
		if err != nil || broken != nil {
			j.Passes = false
			j.Warnings = append(j.Warnings, fmt.Sprintf("version %d has no way up to version %d, so nothing fills in its events", pair.Number, last.Number))
		}
	}
	return nil
}

// fillPlace is a place of an event with what is filled in there and below.
type fillPlace struct {
	set   []compat.Filling
	below map[string]*fillPlace
}

// defaultLens writes the lens that sets defaults: add where the older version does not have the member, fill where it
// does. What is filled below another member is filled only where that is an object or an array.
func defaultLens(from int, fillings []compat.Filling) (json.RawMessage, error) {
	root := &fillPlace{}
	for _, f := range fillings {
		at := root
		path := strings.Split(f.Address[1:], "/")
		for _, token := range path[:len(path)-1] {
			if at.below == nil {
				at.below = map[string]*fillPlace{}
			}
			if at.below[token] == nil {
				at.below[token] = &fillPlace{}
			}
			at = at.below[token]
		}
		at.set = append(at.set, f)
	}
	return json.Marshal(map[string]any{
		"apiVersion": "accord/v1", "kind": "Lens", "from": from, "notes": "written from the defaults of the schema",
		"ops": root.ops(""),
	})
}

// ops are the steps at a place; at leads to it from the scope.
func (p *fillPlace) ops(at string) []any {
	guarded := func(kind string, ops []any) []any {
		test := map[string]any{"at": at, "type": kind}
		return []any{map[string]any{"op": "when", "if": test, "back": test, "then": ops}}
	}
	items, isArray := p.below["*"]
	var object []any
	for _, f := range p.set {
		op := "add"
		if f.Declared {
			op = "fill"
		}
		object = append(object, map[string]any{"op": op, "at": f.Address[strings.LastIndex(f.Address, "/"):], "value": f.Default})
	}
	for _, name := range slices.Sorted(maps.Keys(p.below)) {
		if name != "*" {
			object = append(object, p.below[name].ops("/"+name)...)
		}
	}
	var out []any
	if len(object) > 0 {
		if at != "" {
			object = []any{map[string]any{"op": "in", "at": at, "ops": object}}
		}
		out = append(out, guarded("object", object)...)
	}
	if isArray {
		out = append(out, guarded("array", []any{map[string]any{"op": "each", "at": at, "ops": items.ops("")}})...)
	}
	return out
}
