package upcast_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/accordhq/accord/upcast"
)

// Each file of testdata/ops shows one op: the lens (ops in YAML), then cases. A case goes up from "before" to "after" and
// down again to "back" (left out: the same as before), or begins at "newer" and goes down only. "error" stands for
// the failing way's result; "up" and "down" say what the trace of that way must hold; "env" is the time attribute.
func TestOps(t *testing.T) {
	files, err := filepath.Glob("testdata/ops/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		shown = append(shown, name)
		t.Run(name, func(t *testing.T) { testOp(t, file) })
	}
	if diff := cmp.Diff(upcast.Ops(), shown); diff != "" {
		t.Errorf("ops and files of testdata/ops (-ops +files):\n%s", diff)
	}
}

func testOp(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]map[string]string{}
	var order []string
	var lens []byte
	for _, f := range txtar.Parse(data).Files {
		section, name, _ := strings.Cut(f.Name, ": ")
		if section == "lens" {
			lens = []byte("ops:\n" + string(f.Data))
			continue
		}
		if cases[name] == nil {
			cases[name] = map[string]string{}
			order = append(order, name)
		}
		cases[name][section] = strings.TrimSpace(string(f.Data))
	}
	if lens == nil || len(order) == 0 {
		t.Fatalf("%s has no lens or no case", file)
	}
	doc := strings.TrimSuffix(string(fromYAML(t, lens)), "}")
	l, err := upcast.Parse([]byte(doc + "}"))
	var wrong *upcast.ParseError
	if errors.As(err, &wrong) && wrong.Position == "loses" {
		_, line, _ := strings.Cut(wrong.Message, "loses: ")
		l, err = upcast.Parse([]byte(doc + `,"loses":` + line + "}"))
	}
	if err != nil {
		t.Fatal(err)
	}
	up := compile(t, upcast.Up, l)
	down, downErr := upcast.Compile(upcast.Down, l)
	for _, name := range order {
		t.Run(name, func(t *testing.T) { testOpCase(t, cases[name], up, down, downErr) })
	}
}

func testOpCase(t *testing.T, c map[string]string, up, down *upcast.Program, downErr error) {
	for key := range maps.Keys(c) {
		if !slices.Contains([]string{"before", "after", "back", "newer", "error", "up", "down", "env"}, key) {
			t.Fatalf("unknown section %q", key)
		}
	}
	var env upcast.Envelope
	if at := c["env"]; at != "" {
		env = upcast.Envelope{"time": at}
	}
	newer, isDown := c["newer"]
	if !isDown {
		want, ok := c["after"]
		newer = runOp(t, up, env, c["before"], want, !ok, c["error"], c["up"])
		if !ok {
			return
		}
	}
	if downErr != nil {
		if !errors.Is(downErr, upcast.ErrOneWay) || !strings.Contains(downErr.Error(), c["error"]) || c["error"] == "" {
			t.Errorf("Compile(Down) = %v, want ErrOneWay with %q", downErr, c["error"])
		}
		return
	}
	back, ok := c["back"]
	if !ok && !isDown {
		back = compact(t, c["before"])
	}
	runOp(t, down, env, newer, back, c["error"] != "", c["error"], c["down"])
}

// runOp runs one way, checks the result or the error, and returns the result.
func runOp(t *testing.T, p *upcast.Program, env upcast.Envelope, in, want string, fails bool, reason, trace string) string {
	t.Helper()
	out, got, err := p.Run(nil, []byte(in), env)
	if fails {
		var refused *upcast.UpcastError
		if !errors.As(err, &refused) || reason == "" || !strings.HasSuffix(err.Error(), reason) {
			t.Errorf("Run(%s) = %s, %v, want an UpcastError that ends in %q", in, out, err, reason)
		}
		return ""
	}
	if err != nil {
		t.Fatalf("Run(%s) = %v", in, err)
	}
	if string(out) != want {
		t.Errorf("Run(%s)\n got %s\nwant %s", in, out, want)
	}
	if s := strings.TrimSpace(strings.Join(got.Inferred, " ") + " lost " + strings.Join(got.Lost, " ")); trace != "" && s != trace {
		t.Errorf("Run(%s): trace %q, want %q", in, s, trace)
	}
	return string(out)
}

// Every op leaves an absent and a null member, and a null scope, as they are, and refuses a scope of another type.
func TestOpsOnAbsentAndNull(t *testing.T) {
	for _, ops := range []string{
		`{"op":"rename","from":"/a","to":"/b"}`,
		`{"op":"move","from":"/a","to":"/b/c"}`,
		`{"op":"remove","at":"/a"}`,
		`{"op":"dropConst","at":"/a","value":1}`,
		`{"op":"nest","members":["a"],"to":"/n"}`,
		`{"op":"unnest","members":["a"],"from":"/n"}`,
		`{"op":"wrapAs","at":"/a","key":"k"}`,
		`{"op":"unwrapAs","at":"/a","key":"k"}`,
		`{"op":"wrap","at":"/a"}`,
		`{"op":"head","at":"/a"}`,
		`{"op":"in","at":"/a","ops":[{"op":"remove","at":"/b"}]}`,
		`{"op":"each","at":"/a","ops":[{"op":"remove","at":"/b"}]}`,
		`{"op":"map","at":"/a","table":{"x":"y"}}`,
		`{"op":"derive","from":"/a","to":"/b","table":{"x":"y"}}`,
		`{"op":"scale","at":"/a","exp10":1}`,
		`{"op":"cast","at":"/a","was":"number","now":"string"}`,
		`{"op":"time","at":"/a","was":"epochMillis","now":"rfc3339"}`,
		`{"op":"case","at":"/a","now":"lower"}`,
		`{"op":"split","from":"/a","sep":" ","to":["/b","/c"]}`,
		`{"op":"join","from":["/a","/b"],"sep":" ","to":"/c"}`,
		`{"op":"inherit","from":"/a","each":"/b","to":"/c"}`,
		`{"op":"coalesce","from":["/a"],"to":"/c"}`,
		`{"op":"concat","to":"/c","parts":[{"at":"/a"}]}`,
		`{"op":"add","at":"/b","from":"/a"}`,
		`{"op":"fill","at":"/b","from":"/a"}`,
		`{"op":"add","at":"/b","from":"ce:time"}`,
	} {
		for _, loses := range []string{`[]`, `["/a"]`, `["/a/b"]`, `["/a/*/b"]`, `["/a/*"]`} {
			l, err := upcast.Parse(fmt.Appendf(nil, `{"loses":%s,"ops":[%s]}`, loses, ops))
			if err != nil {
				continue
			}
			testAbsent(t, ops, compile(t, upcast.Up, l))
			if down, err := upcast.Compile(upcast.Down, l); err == nil && !strings.Contains(ops, "dropConst") {
				testAbsent(t, ops, down)
			}
			if _, _, err := compile(t, upcast.Up, l).Run(nil, []byte(`"text"`), nil); err == nil && !strings.Contains(ops, "ce:") {
				t.Errorf("%s: Run on a string succeeded", ops)
			}
			break
		}
	}
}

func testAbsent(t *testing.T, ops string, p *upcast.Program) {
	t.Helper()
	for _, event := range []string{`{}`, `{"z":1}`, `null`} {
		if out, trace, err := p.Run(nil, []byte(event), nil); err != nil || string(out) != event || trace.Inferred != nil || trace.Lost != nil {
			t.Errorf("%s: Run(%s) = %s, %v, %v, want no change", ops, event, out, trace, err)
		}
	}
}
