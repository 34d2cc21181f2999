package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accordhq/accord/catalog"
)

const (
	// bombMemory is how much memory a process may take at most, in MB, whatever a few clients send it at once.
	bombMemory = 512
	// bombTime is how long an answer may take: JudgeBudget for the judgement, and thrice that for a busy machine.
	bombTime = 4 * catalog.JudgeBudget
)

// bombs are small on the wire and large in the reading, compiling or judging: pairs of which the second would follow
// the first.
func bombs() map[string][2]string {
	nest := func(open, middle, end string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	wide := func(each string, n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(each, i)
		}
		return strings.Join(parts, ",")
	}
	var powers strings.Builder // each definition is two of the next
	for i := range 40 {
		fmt.Fprintf(&powers, `"d%d":{"allOf":[{"$ref":"#/definitions/d%d"},{"$ref":"#/definitions/d%d"}]},`, i, i+1, i+1)
	}
	return map[string][2]string{
		"depth":       {`{"type":"object"}`, nest(`{"not":`, `true`, `}`, 60)},
		"deeper":      {`{"type":"object"}`, nest(`{"not":`, `true`, `}`, 150_000)},
		"brackets":    {`{"type":"object"}`, `{"enum":` + nest(`[`, ``, `]`, 500_000) + `}`},
		"members":     {`{"type":"object"}`, `{"properties":{` + wide(`"p%d":true`, 60_000) + `}}`},
		"laughs":      {`{"$ref":"#/definitions/d0","definitions":{` + powers.String() + `"d40":{"type":"string"}}}`, `{"type":"integer"}`},
		"one of many": {`{"oneOf":[` + wide(`{"properties":{"p%[1]d":{"const":1}},"required":["p%[1]d"]}`, 80) + `]}`, `{"oneOf":[` + wide(`{"properties":{"p%[1]d":{"const":2}},"required":["p%[1]d"]}`, 80) + `]}`},
		"all of any":  {`{"allOf":[` + wide(`{"anyOf":[{"required":["a%[1]d"]},{"required":["b%[1]d"]}]}`, 40) + `]}`, `{"allOf":[` + wide(`{"anyOf":[{"required":["b%[1]d"]},{"required":["c%[1]d"]}]}`, 40) + `]}`},
		"patterns":    {`{"type":"string","pattern":"^(a|aa|aaa)*$"}`, `{"type":"string","pattern":"^((a+)+)+b?$"}`},
		"repetitions": {`{"type":"string"}`, `{"type":"string","pattern":"((a{1,100}){1,100}){1,100}"}`},
		"names":       {`{"patternProperties":{` + wide(`"^(x|y){%d}.*z$":{"type":"string"}`, 80) + `}}`, `{"patternProperties":{` + wide(`"^.*(y|z){%d}$":{"type":"integer"}`, 80) + `}}`},
		"numbers":     {`{"multipleOf":1e-300}`, `{"maximum":1` + strings.Repeat("0", 900_000) + `}`},
		"exponent":    {`{"type":"number"}`, `{"maximum":1e999999999}`},
	}
}

// TestBombs sends a process what is small on the wire and large in the reading, by several clients at once. Every answer
// comes in time and is no failure of the server, tells nothing of where the process works, and its memory stays bounded.
func TestBombs(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "where-it-is-kept")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	r := startReplica(t, "sqlite:"+filepath.Join(folder, "accord.db"))
	secrets := []string{folder, "where-it-is-kept", r.cmd.Dir, os.TempDir(), "goroutine ", ".go:"}
	hold := func(what string, a answer) {
		t.Helper()
		if a.Status == 0 || a.Status >= 500 {
			t.Errorf("%s = %d %.200s", what, a.Status, a.Body)
		}
		if a.Took > bombTime {
			t.Errorf("%s took %s", what, a.Took)
		}
		for _, secret := range secrets {
			if strings.Contains(a.Body, secret) {
				t.Errorf("%s tells %q: %.300s", what, secret, a.Body)
			}
		}
	}
	const clients = 3
	slow := time.Duration(0)
	for name, pair := range bombs() {
		var all sync.WaitGroup
		var mu sync.Mutex
		for c := range clients {
			all.Go(func() {
				subject := fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), c)
				for i, schema := range pair {
					body := map[string]string{"schemaType": "JSON", "schema": schema}
					for _, path := range []string{"/compatibility/subjects/" + subject + "/versions?verbose=true", "/subjects/" + subject + "/versions?normalize=true", "/subjects/" + subject} {
						a := r.ask("POST", path, body)
						mu.Lock()
						slow = max(slow, a.Took)
						hold(fmt.Sprintf("%s, schema %d, POST %s", name, i+1, path), a)
						mu.Unlock()
					}
				}
			})
		}
		all.Wait()
	}
	// References of references, each twice: a number of ways that doubles with each step.
	for i := range 20 {
		schema, refs := `{"type":"object"}`, []map[string]any{}
		if before := fmt.Sprintf("ref%d", i-1); i > 0 {
			schema = fmt.Sprintf(`{"allOf":[{"$ref":%q},{"properties":{"p":{"$ref":%q}}}]}`, before, before)
			refs = append(refs, map[string]any{"name": before, "subject": before, "version": 1})
		}
		hold("references", r.ask("POST", fmt.Sprintf("/subjects/ref%d/versions", i), map[string]any{"schemaType": "JSON", "schema": schema, "references": refs}))
	}
	// What is no schema at all.
	for what, ask := range map[string]func() (int, string){
		"a body above MaxBodyBytes": func() (int, string) {
			a := r.ask("POST", "/subjects/a/versions", strings.Repeat("x", 5<<20))
			return a.Status, a.Body
		},
		"a header above MaxHeaderBytes": func() (int, string) {
			a := r.ask("GET", "/subjects", nil, "X-Large", strings.Repeat("x", 80<<10))
			return a.Status, a.Body
		},
		"a subject above MaxSubjectBytes": func() (int, string) {
			a := r.register(strings.Repeat("s", 2000), closed)
			return a.Status, a.Body
		},
		"a path above MaxHeaderBytes": func() (int, string) {
			a := r.ask("GET", "/subjects/"+strings.Repeat("s", 100<<10)+"/versions", nil)
			return a.Status, a.Body
		},
	} {
		want := map[string]int{
			"a body above MaxBodyBytes": http.StatusRequestEntityTooLarge, "a header above MaxHeaderBytes": http.StatusRequestHeaderFieldsTooLarge,
			"a subject above MaxSubjectBytes": http.StatusUnprocessableEntity, "a path above MaxHeaderBytes": http.StatusRequestHeaderFieldsTooLarge,
		}[what]
		if status, body := ask(); status != want {
			t.Errorf("%s = %d %.200s, want %d", what, status, body, want)
		}
	}
	if s := r.ready(); s.Status != http.StatusOK {
		t.Errorf("/readyz afterwards = %d %s", s.Status, s.Body)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		t.Skipf("left out: the memory of a process (/proc): %v", err)
	}
	_, peak, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kb int
	if _, err := fmt.Sscanf(string(peak), "%d kB", &kb); err != nil {
		t.Fatal(err)
	}
	if kb > bombMemory<<10 {
		t.Errorf("the process took %d MB at its highest, want at most %d", kb>>10, bombMemory)
	}
	t.Logf("%d pairs by %d clients: the slowest answer after %s, memory at its highest %d MB", len(bombs()), clients, slow.Round(time.Millisecond), kb>>10)
}
