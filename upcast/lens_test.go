package upcast_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/accordhq/accord/upcast"
)

func TestParseRefuses(t *testing.T) {
	deep := `{"op":"remove","at":"/x"}`
	for range upcast.MaxOpNesting + 1 {
		deep = `{"op":"in","at":"/a","ops":[` + deep + `]}`
	}
	var entries []string
	for i := range upcast.MaxTable + 1 {
		entries = append(entries, fmt.Sprintf(`"%d":1`, i))
	}
	many := strings.Repeat(`{"op":"add","at":"/x"},`, upcast.MaxOps) + `{"op":"add","at":"/x"}`
	for _, c := range []struct{ doc, position, message string }{
		{``, "", "ends too early"},
		{`[]`, "", "is of type array, not object"},
		{`{"ops":[],"ops":[]}`, "", "twice"},
		{strings.Repeat(" ", upcast.MaxLensBytes+1), "", "MaxLensBytes"},
		{`{}`, "ops", "is missing"},
		{`{"ops":{}}`, "ops", "is of type object, not array"},
		{`{"ops":[],"notice":""}`, "", `unknown member "notice"`},
		{`{"ops":[],"apiVersion":"accord/v2"}`, "apiVersion", "accord/v1"},
		{`{"ops":[],"kind":"Adapter"}`, "kind", "is not Lens"},
		{`{"ops":[],"from":-1}`, "from", "not an integer"},
		{`{"ops":[],"from":1.5}`, "from", "not an integer"},
		{`{"ops":[],"down":"some"}`, "down", "none"},
		{`{"ops":[7]}`, "ops[0]", "is of type number, not object"},
		{`{"ops":[{}]}`, "ops[0].op", "is missing"},
		{`{"ops":[{"op":"renam"}]}`, "ops[0].op", "did you mean rename?"},
		{`{"ops":[{"op":"jsonata","up":"$"}]}`, "ops[0].op", "foreign rule"},
		{`{"ops":[{"op":"rename","from":"/a"}]}`, "ops[0].to", "is missing"},
		{`{"ops":[{"op":"rename","from":"a","to":"/b"}]}`, "ops[0].from", "not a JSON Pointer"},
		{`{"ops":[{"op":"rename","from":"/a~2","to":"/b"}]}`, "ops[0].from", "not a JSON Pointer"},
		{`{"ops":[{"op":"rename","from":"","to":"/b"}]}`, "ops[0].from", "the scope itself"},
		{`{"ops":[{"op":"rename","from":"/a","to":"/b/c"}]}`, "ops[0].to", "use move"},
		{`{"ops":[{"op":"rename","from":"/a","to":"/b","keep":1}]}`, "ops[0]", `unknown member "keep"`},
		{`{"ops":[{"op":"move","from":"/a","to":"/a/b"}]}`, "ops[0].to", "below from"},
		{`{"ops":[{"op":"add","at":"/a","value":1,"from":"/b"}]}`, "ops[0].from", "beside value"},
		{`{"ops":[{"op":"add","at":"/a","from":"ce:"}]}`, "ops[0].from", "names no attribute"},
		{`{"ops":[{"op":"fill","at":"/a"}]}`, "ops[0].value", "is missing"},
		{`{"ops":[{"op":"dropConst","at":"/a"}]}`, "ops[0].value", "is missing"},
		{`{"ops":[{"op":"nest","members":[],"to":"/a"}]}`, "ops[0].members", "is empty"},
		{`{"ops":[{"op":"nest","members":{"a":1},"to":"/a"}]}`, "ops[0].members", "not string"},
		{`{"ops":[{"op":"wrapAs","at":"/a"}]}`, "ops[0].key", "is missing"},
		{`{"ops":[{"op":"wrap","at":"/a","many":"some"}]}`, "ops[0].many", "not one of"},
		{`{"ops":[{"op":"scale","at":"/a"}]}`, "ops[0].exp10", "is missing or 0"},
		{`{"ops":[{"op":"scale","at":"/a","exp10":19}]}`, "ops[0].exp10", "-18 to 18"},
		{`{"ops":[{"op":"cast","at":"/a","was":"boolean","now":"number"}]}`, "ops[0].was", "no cast"},
		{`{"ops":[{"op":"time","at":"/a","was":"rfc3339","now":"rfc3339"}]}`, "ops[0].now", "is what was is"},
		{`{"ops":[{"op":"time","at":"/a","was":"rfc3339","now":"iso"}]}`, "ops[0].now", "not one of"},
		{`{"ops":[{"op":"split","from":"/a","sep":"","to":["/b","/c"]}]}`, "ops[0].sep", "empty"},
		{`{"ops":[{"op":"split","from":"/a","sep":" ","to":["/b"]}]}`, "ops[0].to", "1 items"},
		{`{"ops":[{"op":"split","from":"/a","sep":" ","to":["/b","/b"]}]}`, "ops[0].to", "one place twice"},
		{`{"ops":[{"op":"concat","to":"/a","parts":[1]}]}`, "ops[0].parts[0]", "not string or object"},
		{`{"ops":[{"op":"map","at":"/a"}]}`, "ops[0].table", "is missing"},
		{`{"ops":[{"op":"map","at":"/a","table":[[1]]}]}`, "ops[0].table[0]", "not a pair"},
		{`{"ops":[{"op":"map","at":"/a","table":[[1,2],[1.0,3]]}]}`, "ops[0].table", "twice"},
		{`{"ops":[{"op":"map","at":"/a","table":[[{},2]]}]}`, "ops[0].table", "cannot be looked up"},
		{`{"ops":[{"op":"map","at":"/a","table":{"a":"b"},"back":{"b":"c"}}]}`, "ops[0].back", "just one value"},
		{`{"ops":[{"op":"map","at":"/a","table":{"a":"b"},"keep":true,"default":1}]}`, "ops[0].keep", "beside default"},
		{`{"ops":[{"op":"map","at":"/a","table":{` + strings.Join(entries, ",") + `}}]}`, "ops[0].table", "MaxTable"},
		{`{"ops":[{"op":"when","if":{"at":"/a"},"then":[]}]}`, "ops[0].if", "needs one of"},
		{`{"ops":[{"op":"when","if":{"at":"/a","is":1,"present":true},"then":[]}]}`, "ops[0].if", "needs one of"},
		{`{"ops":[{"op":"in","at":"/a","ops":[{"op":"scale","at":"/b","exp10":"2"}]}]}`, "ops[0].ops[0].exp10", "not an integer"},
		{`{"ops":[{"op":"add","at":"/a","value":"` + strings.Repeat("x", upcast.MaxConstant) + `"}]}`, "ops[0].value", "MaxConstant"},
		{`{"ops":[` + deep + `]}`, "", "MaxOpNesting"},
		{`{"ops":[` + many + `]}`, "ops", "MaxOps"},
		{`{"ops":[{"op":"remove","at":"/a/b"}]}`, "loses", `write loses: ["/a/b"]`},
		{`{"ops":[{"op":"add","at":"/a"}],"loses":["/a"]}`, "loses", `write loses: []`},
		{`{"ops":[{"op":"rename","from":"/a","to":"/b"},{"op":"remove","at":"/b"}]}`, "loses", `write loses: ["/a"]`},
		{`{"ops":[{"op":"each","at":"/l","ops":[{"op":"remove","at":"/b"}]}]}`, "loses", `write loses: ["/l/*/b"]`},
	} {
		_, err := upcast.Parse([]byte(c.doc))
		wrong, ok := errors.AsType[*upcast.ParseError](err)
		if !ok || c.position != "" && wrong.Position != c.position || !strings.Contains(wrong.Message, c.message) {
			t.Errorf("Parse(%.100s) = %v, want a ParseError at %q with %q", c.doc, err, c.position, c.message)
		}
	}
}

func TestOneWay(t *testing.T) {
	for _, c := range []struct{ doc, why string }{
		{`{"ops":[],"down":"none"}`, "down: none"},
		{`{"ops":[{"op":"map","at":"/a","table":{"a":"x","b":"x"}}]}`, "several values"},
		{`{"ops":[{"op":"map","at":"/a","table":{"a":"x"},"default":"y"}],"loses":["/a"]}`, "several values"},
		{`{"ops":[{"op":"in","at":"/o","ops":[{"op":"map","at":"/a","table":{"a":[]}}]}]}`, "array or object"},
		{`{"ops":[{"op":"each","at":"/o","ops":[{"op":"case","at":"/a","now":"lower"}]}],"loses":["/o/*/a"]}`, "case has no back"},
		{`{"ops":[{"op":"when","if":{"at":"/a","present":true},"then":[]}]}`, "when has no back"},
		{`{"ops":[{"op":"map","at":"/a","table":{"a":"x","b":"x"},"back":"a"}]}`, ""},
		{`{"ops":[{"op":"map","at":"/a","table":{"a":"x","b":"x"},"back":{"x":"b"}}]}`, ""},
	} {
		l, err := upcast.Parse([]byte(c.doc))
		if err != nil {
			t.Errorf("Parse(%s) = %v", c.doc, err)
			continue
		}
		if why := l.OneWay(); (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: OneWay = %q, want %q", c.doc, why, c.why)
		}
		if _, err := upcast.Compile(upcast.Down, l); errors.Is(err, upcast.ErrOneWay) != (c.why != "") {
			t.Errorf("%s: Compile(Down) = %v", c.doc, err)
		}
		if _, err := upcast.Compile(upcast.Up, l); err != nil {
			t.Errorf("%s: Compile(Up) = %v", c.doc, err)
		}
	}
}

func TestCompileChains(t *testing.T) {
	one, two, five := &upcast.Lens{From: 1}, &upcast.Lens{From: 2, To: 5}, &upcast.Lens{From: 5}
	if _, err := upcast.Compile(upcast.Up, one, two, five); err != nil {
		t.Errorf("1 to 2 to 5 to 6: %v", err)
	}
	if _, err := upcast.Compile(upcast.Up, one, five); err == nil || !strings.Contains(err.Error(), "gap") {
		t.Errorf("1 to 2, 5 to 6: %v, want a gap", err)
	}
	if _, err := upcast.Compile(upcast.Up, slices.Repeat([]*upcast.Lens{one}, upcast.MaxChain+1)...); err == nil || !strings.Contains(err.Error(), "MaxChain") {
		t.Errorf("over MaxChain: %v", err)
	}
	p := compile(t, upcast.Up)
	in := []byte(`  {"not even JSON`)
	if out, _, err := p.Run(nil, in, nil); err != nil || &out[0] != &in[0] {
		t.Errorf("identity: %s, %v, want the bytes themselves", out, err)
	}
	if out, _, err := p.Run([]byte("x"), in, nil); err != nil || string(out) != "x"+string(in) {
		t.Errorf("identity after x: %s, %v", out, err)
	}
}

func TestRunRefusesWhatIsNotJSON(t *testing.T) {
	p := compile(t, upcast.Up, &upcast.Lens{})
	for _, event := range []string{
		``, ` `, `{`, `{"a"`, `{"a":1,}`, `{"a":1}x`, `[1,]`, `[1 2]`, `{"a" 1}`, `tru`, `nul`, `01`, `1.`, `1e`, `+1`, `.5`, `-`, `NaN`,
		"\"\x01\"", `"\x"`, `"\u12"`, `"\ud800"`, `"\ud800\u0041"`, "\"\xff\"", `"abc`, `{"a":1,"\u0061":2}`, "\xef\xbb\xbf{}",
		strings.Repeat("[", upcast.MaxDepth+1) + strings.Repeat("]", upcast.MaxDepth+1), strings.Repeat(`{"a":`, 100_000),
	} {
		out, _, err := p.Run([]byte("kept"), []byte(event), nil)
		if _, ok := errors.AsType[*upcast.SyntaxError](err); !ok || string(out) != "kept" {
			t.Errorf("Run(%.40q) = %q, %v, want a SyntaxError", event, out, err)
		}
	}
	for _, event := range []string{`"\ud83d\ude00"`, ` [ 1.0e+5 , -0 ] `, strings.Repeat("[", upcast.MaxDepth) + strings.Repeat("]", upcast.MaxDepth), `{"":{"":0}}`} {
		if _, _, err := p.Run(nil, []byte(event), nil); err != nil {
			t.Errorf("Run(%.40q) = %v", event, err)
		}
	}
}

func TestResultOverALimit(t *testing.T) {
	deeper := lensOf(t, []byte("ops: [ { op: wrapAs, at: /a, key: k } ]"))
	p := compile(t, upcast.Up, deeper)
	event := `{"a":` + strings.Repeat("[", upcast.MaxDepth-1) + strings.Repeat("]", upcast.MaxDepth-1) + `}`
	if _, _, err := p.Run(nil, []byte(event), nil); err == nil || !strings.Contains(err.Error(), "MaxDepth") {
		t.Errorf("Run = %v, want an error that names MaxDepth", err)
	}
	huge := lensOf(t, []byte("ops: [ { op: each, at: /a, ops: [ { op: add, at: /b, value: "+strings.Repeat("x", 4000)+" } ] } ]"))
	event = `{"a":[` + strings.Repeat("{},", 5000) + `{}]}`
	if _, _, err := compile(t, upcast.Up, huge).Run(nil, []byte(event), nil); err == nil || !strings.Contains(err.Error(), "MaxUpcastBytes") {
		t.Errorf("Run = %v, want an error that names MaxUpcastBytes", err)
	}
}

// Members that no op names pass through as they were written, but for white space.
func FuzzRun(f *testing.F) {
	up, err := upcast.Parse([]byte(`{"ops":[{"op":"rename","from":"/a","to":"/b"},{"op":"wrapAs","at":"/c","key":"k"},{"op":"add","at":"/d","value":1}]}`))
	if err != nil {
		f.Fatal(err)
	}
	there, err := upcast.Compile(upcast.Up, up)
	if err != nil {
		f.Fatal(err)
	}
	back, err := upcast.Compile(upcast.Down, up)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `{"a":1,"c":[1,2,{"x":null}],"z":"\u00e9\n"}`, ` {"c" : 1e5 }`, `{"b":1,"a":2}`, `{"d":1.0}`, `null`, `[]`, `{"a":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		newer, _, err := there.Run(nil, event, nil)
		if err != nil {
			return
		}
		if !json.Valid(event) || !json.Valid(newer) || !utf8.Valid(newer) {
			t.Fatalf("Run(%q) = %q: not JSON", event, newer)
		}
		older, trace, err := back.Run(nil, newer, nil)
		if err != nil {
			t.Fatalf("%q does not come back: %v", newer, err)
		}
		again, _, err := there.Run(nil, older, nil)
		if err != nil || len(trace.Lost) == 0 && !sameMembers(t, newer, again) {
			t.Fatalf("%q comes back as %q and goes up as %q, %v", newer, older, again, err)
		}
	})
}

// sameMembers compares two JSON texts by value, numbers as float64: enough to see a member that went astray.
func sameMembers(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return true // a number beyond float64
	}
	return reflect.DeepEqual(x, y)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"from":1,"ops":[{"op":"rename","from":"/a","to":"/b"},{"op":"map","at":"/c","table":{"a":"b"},"back":"a"}]}`))
	f.Add([]byte(`{"loses":["/a"],"ops":[{"op":"remove","at":"/a","value":{"x":[1]}},{"op":"when","if":{"at":"/x","is":null},"then":[],"else":[]}]}`))
	f.Add([]byte(`{"ops":[{"op":"each","at":"","ops":[{"op":"nest","members":["a"],"to":"/b"},{"op":"unnest","from":"/b","members":{"a":"c"}}]}]}`))
	f.Add([]byte(`{"ops":[{"op":"split","from":"/a","sep":" ","to":["/b","/c"]},{"op":"concat","to":"/d","parts":["x",{"at":"/b"}]}]}`))
	f.Add([]byte(`{"ops":[{"op":"time","at":"/a","was":"epochMillis","now":"rfc3339"},{"op":"scale","at":"/b","exp10":-2},{"op":"cast","at":"/c","was":"string","now":"integer"}]}`))
	events := []string{`{}`, `{"a":{"b":[1,"x",null]},"b":"c d","c":true}`, `[{"a":1}]`, `null`, `{"a":1767323045000,"b":19.99,"c":"12"}`}
	f.Fuzz(func(t *testing.T, doc []byte) {
		l, err := upcast.Parse(doc)
		if err != nil {
			if _, ok := errors.AsType[*upcast.ParseError](err); !ok {
				t.Fatalf("Parse(%q) = %v, want a ParseError", doc, err)
			}
			return
		}
		for _, dir := range []upcast.Direction{upcast.Up, upcast.Down} {
			p, err := upcast.Compile(dir, l)
			if err != nil {
				continue
			}
			for _, event := range events {
				out, _, err := p.Run(nil, []byte(event), upcast.Envelope{"time": "2026-01-02T03:04:05Z"})
				if err == nil && !json.Valid(out) {
					t.Fatalf("lens %q makes %q of %s", doc, out, event)
				}
			}
		}
	})
}
