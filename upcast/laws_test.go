package upcast_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/accordhq/accord/upcast"
)

// events draws events with members a to e: scalars, strings with and without blanks, money, lists and objects. No object
// is empty: one that a value is moved into and out of again goes with it.
func events() *rapid.Generator[string] {
	scalar := rapid.SampledFrom([]string{`1`, `19.99`, `-0.5`, `1e2`, `"x"`, `"x y"`, `"x y z"`, `""`, `true`, `null`, `"web"`, `"app"`})
	object := rapid.Map(rapid.SliceOfN(scalar, 1, 3), func(values []string) string {
		var members []string
		for i, v := range values {
			members = append(members, fmt.Sprintf("%q:%s", string(rune('p'+i)), v))
		}
		return "{" + strings.Join(members, ",") + "}"
	})
	list := rapid.Map(rapid.SliceOfN(rapid.OneOf(scalar, object), 0, 3), func(items []string) string { return "[" + strings.Join(items, ",") + "]" })
	return rapid.Custom(func(t *rapid.T) string {
		var members []string
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			if rapid.IntRange(0, 4).Draw(t, "present") > 0 {
				members = append(members, fmt.Sprintf("%q:%s", name, rapid.OneOf(scalar, object, list).Draw(t, name)))
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

// lenses draws chains of ops. Sources are members of events and what earlier ops made; a target is always new, as
// registration sees to it by the schemas: an older event that holds a newer one's member cannot come back as it was.
func lenses() *rapid.Generator[*upcast.Lens] {
	return rapid.Custom(func(t *rapid.T) *upcast.Lens {
		sources, made := []string{"/a", "/b", "/c", "/d", "/e", "/a/p", "/b/q"}, 0
		from := func() string { return rapid.SampledFrom(sources).Draw(t, "from") }
		fresh := func() string {
			made++
			target := fmt.Sprintf(rapid.SampledFrom([]string{"/n%d", "/n%d/k"}).Draw(t, "target"), made)
			sources = append(sources, target)
			return target
		}
		var ops []string
		for range rapid.IntRange(1, 4).Draw(t, "ops") {
			var op string
			switch rapid.IntRange(0, 21).Draw(t, "op") {
			case 0:
				op = fmt.Sprintf(`{"op":"move","from":%q,"to":%q}`, from(), fresh())
			case 1:
				op = fmt.Sprintf(`{"op":"add","at":%q,"value":{"n":[1,"x"]}}`, fresh())
			case 2:
				op = fmt.Sprintf(`{"op":"add","at":%q,"from":%q}`, fresh(), from())
			case 3:
				op = fmt.Sprintf(`{"op":"fill","at":%q,"value":1}`, from())
			case 4:
				op = fmt.Sprintf(`{"op":"nest","members":["a","b"],"to":%q}`, fresh())
			case 5:
				op = fmt.Sprintf(`{"op":"unnest","members":{"p":"h%d","q":"i%d"},"from":%q}`, made, made, from())
				made++
			case 6:
				op = fmt.Sprintf(`{"op":"wrapAs","at":%q,"key":"k"}`, from())
			case 7:
				op = fmt.Sprintf(`{"op":"unwrapAs","at":%q,"key":"p"}`, from())
			case 8:
				op = fmt.Sprintf(`{"op":"wrap","at":%q}`, from())
			case 9:
				op = fmt.Sprintf(`{"op":"head","at":%q}`, from())
			case 10:
				op = fmt.Sprintf(`{"op":"scale","at":%q,"exp10":2}`, from())
			case 11:
				op = fmt.Sprintf(`{"op":"scale","at":%q,"exp10":-3}`, from())
			case 12:
				op = fmt.Sprintf(`{"op":"cast","at":%q,"was":"number","now":"string"}`, from())
			case 13:
				op = fmt.Sprintf(`{"op":"map","at":%q,"table":{"web":"WEB","app":"APP"},"keep":true}`, from())
			case 14:
				op = fmt.Sprintf(`{"op":"case","at":%q,"now":"upper","back":"lower"}`, from())
			case 15:
				op = fmt.Sprintf(`{"op":"split","from":%q,"sep":" ","to":[%q,%q]}`, from(), fresh(), fresh())
			case 16:
				op = fmt.Sprintf(`{"op":"join","from":[%q,%q],"sep":" ","to":%q}`, from(), from(), fresh())
			case 17:
				op = fmt.Sprintf(`{"op":"derive","from":%q,"to":%q,"table":{"web":1},"default":2}`, from(), fresh())
			case 18:
				op = fmt.Sprintf(`{"op":"inherit","from":%q,"each":%q,"to":"/new"}`, from(), from())
			case 19:
				op = fmt.Sprintf(`{"op":"coalesce","from":[%q,%q],"to":%q}`, from(), from(), fresh())
			case 20:
				op = fmt.Sprintf(`{"op":"concat","to":%q,"parts":["n-",{"at":%q}]}`, fresh(), from())
			default:
				op = fmt.Sprintf(`{"op":"remove","at":%q}`, from())
			}
			switch rapid.IntRange(0, 7).Draw(t, "scope") {
			case 0:
				op = fmt.Sprintf(`{"op":"in","at":%q,"ops":[%s]}`, from(), op)
			case 1:
				op = fmt.Sprintf(`{"op":"each","at":%q,"ops":[%s]}`, from(), op)
			}
			ops = append(ops, op)
		}
		doc := `{"ops":[` + strings.Join(ops, ",") + `]`
		l, err := upcast.Parse([]byte(doc + `}`))
		if wrong, ok := errors.AsType[*upcast.ParseError](err); ok && wrong.Position == "loses" {
			_, line, _ := strings.Cut(wrong.Message, "loses: ")
			l, err = upcast.Parse([]byte(doc + `,"loses":` + line + `}`))
		}
		if err != nil {
			t.Skip(err)
		}
		l.Notes = doc + "}" // shown when a law fails
		return l
	})
}

// What goes up without loss comes back as it was, unless the way down invents something; and what a lens did not touch
// it says nothing about.
func TestWhatIsNotLostComesBack(t *testing.T) {
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		event := events().Draw(t, "event")
		l := lenses().Draw(t, "lens")
		up, err := upcast.Compile(upcast.Up, l)
		if err != nil {
			t.Fatal(err)
		}
		newer, there, err := up.Run(nil, []byte(event), nil)
		if err != nil {
			return // the lens refuses the event
		}
		if !json.Valid(newer) {
			t.Fatalf("up makes %s of %s", newer, event)
		}
		down, err := upcast.Compile(upcast.Down, l)
		if err != nil {
			t.Fatal(err)
		}
		older, back, err := down.Run(nil, newer, nil)
		if err != nil || len(there.Lost) > 0 || len(back.Lost) > 0 || len(back.Inferred) > 0 || len(there.Inferred) > 0 {
			return
		}
		compared++
		if !equalJSON(t, []byte(event), older) {
			t.Fatalf("%s\n%s goes up as %s and comes back as %s, and nothing is told as lost", l.Notes, event, newer, older)
		}
	})
	if compared == 0 {
		t.Error("not a single event came back without loss")
	}
}

// equalJSON compares two events by value, numbers exactly.
func equalJSON(t *rapid.T, a, b []byte) bool {
	var values [2]any
	for i, doc := range [][]byte{a, b} {
		d := json.NewDecoder(strings.NewReader(string(doc)))
		d.UseNumber()
		if err := d.Decode(&values[i]); err != nil {
			t.Fatal(err)
		}
	}
	return equalValues(values[0], values[1])
}

func equalValues(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name := range a {
			if _, there := b[name]; !there || !equalValues(a[name], b[name]) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equalValues(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && upcast.SameNumber(string(a), string(b))
	}
	return a == b
}
