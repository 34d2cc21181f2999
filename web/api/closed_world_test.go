package api_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A schema never makes the registry open a file or a connection: what listens hears nothing, and a file that is there
// is told in the same words as one that is not.
func TestReferencesNeverLeaveTheRegistry(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var heard atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			heard.Add(1)
			_ = conn.Close()
		}
	}()
	defer l.Close()
	there := filepath.Join(t.TempDir(), "there.json")
	if err := os.WriteFile(there, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	h, _ := open(t)
	for _, schema := range []string{
		`{"$ref":"http://` + addr + `/x.json"}`,
		`{"$ref":"https://` + addr + `/x.json#/a"}`,
		`{"$ref":"//` + addr + `/x.json"}`,
		`{"$id":"http://` + addr + `/a.json","$ref":"b.json"}`,
		`{"$schema":"http://` + addr + `/draft"}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicRef":"http://` + addr + `/x.json#a"}`,
		`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveRef":"http://` + addr + `/x.json"}`,
		`{"properties":{"a":{"items":[{"not":{"$ref":"http://` + addr + `/x.json"}}]}}}`,
		`{"$ref":"ftp://` + addr + `/x.json"}`,
		`{"$ref":"file://` + there + `"}`,
		`{"$ref":"FILE://localhost` + there + `"}`,
		`{"$id":"file://` + filepath.Dir(there) + `/a.json","$ref":"there.json"}`,
		`{"$ref":"` + there + `"}`,
		`{"$ref":"../../../../../../etc/passwd"}`,
		`{"$ref":"\\\\` + addr + `\\share\\x.json"}`,
	} {
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		body := `{"schemaType":"JSON","schema":` + string(text) + `}`
		named := `{"schemaType":"JSON","schema":` + string(text) + `,"references":[{"name":"http://` + addr + `/x.json","subject":"http://` + addr + `/x.json","version":1}]}`
		for _, try := range [][2]string{
			{"/subjects/a/versions", body},
			{"/subjects/a/versions?normalize=true&force=true", body},
			{"/subjects/a/versions", named},
			{"/subjects/a", body},
			{"/compatibility/subjects/a/versions/latest?verbose=true", body},
			{"/v1/check", `{"files":[{"subject":"a","schema":` + string(text) + `}]}`},
		} {
			status, answer, _ := ask(h, "POST", try[0], try[1])
			if status != 422 && status != 404 && !strings.Contains(answer, `"is_compatible":false`) && !strings.Contains(answer, `"verdict":"invalid"`) {
				t.Errorf("POST %s %s = %d %s, want it refused", try[0], try[1], status, answer)
			}
		}
		missing := strings.ReplaceAll(schema, "there.json", "not-there.json")
		if missing == schema {
			continue
		}
		if with, without := refusal(t, h, schema), refusal(t, h, missing); strings.ReplaceAll(without, "not-there.json", "there.json") != with {
			t.Errorf("a file that is there is told as %s, one that is not as %s", with, without)
		}
	}
	// An import keeps what does not compile, and opens nothing for it either.
	if status, answer, _ := ask(h, "PUT", "/mode/i", `{"mode":"IMPORT"}`); status != 200 {
		t.Fatalf("PUT /mode/i = %d %s", status, answer)
	}
	if status, answer, _ := ask(h, "POST", "/subjects/i/versions", `{"schemaType":"JSON","id":7,"schema":"{\"$ref\":\"http://`+addr+`/x.json\"}"}`); status != 200 {
		t.Errorf("import = %d %s", status, answer)
	}
	if n := heard.Load(); n != 0 {
		t.Errorf("%d connections were opened", n)
	}
}

// refusal registers a schema and returns the answer.
func refusal(t *testing.T, h http.Handler, schema string) string {
	t.Helper()
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	_, answer, _ := ask(h, "POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":`+string(text)+`}`)
	return answer
}

// What is small on the wire and large in the judging is answered in time, by a refusal or by an honest "undecided".
func TestBombsAreAnsweredInTime(t *testing.T) {
	nest := func(open, middle, close string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(close, n)
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
	for name, schemas := range map[string][2]string{
		"depth":        {`{"type":"object"}`, nest(`{"not":`, `true`, `}`, 60)},
		"deeper":       {`{"type":"object"}`, nest(`{"not":`, `true`, `}`, 100_000)},
		"laughs":       {`{"$ref":"#/definitions/d0","definitions":{` + powers.String() + `"d40":{"type":"string"}}}`, `{"type":"integer"}`},
		"tree":         {`{"type":"object","properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},"c":{"$ref":"#"}},"additionalProperties":false}`, `{"type":"object","properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},"d":{"$ref":"#"}},"additionalProperties":false}`},
		"one of many":  {`{"oneOf":[` + wide(`{"properties":{"p%[1]d":{"const":1}},"required":["p%[1]d"]}`, 80) + `]}`, `{"oneOf":[` + wide(`{"properties":{"p%[1]d":{"const":2}},"required":["p%[1]d"]}`, 80) + `]}`},
		"all of any":   {`{"allOf":[` + wide(`{"anyOf":[{"required":["a%[1]d"]},{"required":["b%[1]d"]}]}`, 40) + `]}`, `{"allOf":[` + wide(`{"anyOf":[{"required":["b%[1]d"]},{"required":["c%[1]d"]}]}`, 40) + `]}`},
		"patterns":     {`{"type":"string","pattern":"^(a|aa|aaa)*$"}`, `{"type":"string","pattern":"^((a+)+)+b?$"}`},
		"repetitions":  {`{"type":"string"}`, `{"type":"string","pattern":"((a{1,100}){1,100}){1,100}"}`},
		"names":        {`{"patternProperties":{` + wide(`"^(x|y){%d}.*z$":{"type":"string"}`, 80) + `}}`, `{"patternProperties":{` + wide(`"^.*(y|z){%d}$":{"type":"integer"}`, 80) + `}}`},
		"large enum":   {`{"enum":[` + wide(`"%d"`, 3_000) + `]}`, `{"enum":[` + wide(`"0%d"`, 3_000) + `]}`},
		"large number": {`{"multipleOf":1e-300}`, `{"multipleOf":7e-300,"maximum":1e300}`},
		"counts":       {`{"type":"array","minItems":9007199254740991}`, `{"type":"array","minItems":9007199254740992,"uniqueItems":true}`},
		"negation":     {nest(`{"not":{"anyOf":[{"type":"string"},`, `true`, `]}}`, 30), nest(`{"not":{"oneOf":[{"type":"integer"},`, `true`, `]}}`, 30)},
		"dependencies": {`{"dependencies":{` + wide(`"k%d":["k1","k2","k3"]`, 200) + `}}`, `{"dependencies":{` + wide(`"k%d":["k4","k5"]`, 200) + `}}`},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := open(t)
			for i, schema := range schemas {
				text, err := json.Marshal(schema)
				if err != nil {
					t.Fatal(err)
				}
				body := `{"schemaType":"JSON","schema":` + string(text) + `}`
				for _, path := range []string{"/compatibility/subjects/a/versions?verbose=true", "/subjects/a/versions", "/subjects/a"} {
					began := time.Now()
					status, answer, _ := ask(h, "POST", path, body)
					if took := time.Since(began); took > slowest {
						t.Errorf("schema %d, POST %s took %v", i+1, path, took)
					}
					if status >= 500 {
						t.Errorf("schema %d, POST %s = %d %.200s", i+1, path, status, answer)
					}
				}
			}
		})
	}
}

// References of references of references: as many as may be, and no more.
func TestReferenceBombs(t *testing.T) {
	h, _ := open(t)
	post := func(subject, schema string, references ...string) (int, string) {
		t.Helper()
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		status, answer, _ := ask(h, "POST", "/subjects/"+subject+"/versions", `{"schemaType":"JSON","schema":`+string(text)+`,"references":[`+strings.Join(references, ",")+`]}`)
		if took := time.Since(began); took > slowest {
			t.Errorf("%s took %v", subject, took)
		}
		return status, answer
	}
	reference := func(name string) string { return fmt.Sprintf(`{"name":%q,"subject":%q,"version":1}`, name, name) }
	if status, answer := post("s0", `{"type":"object"}`); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	deepest := 0
	for i := 1; i <= 20; i++ { // each refers twice to the one before: 2^20 ways, 20 documents
		before := fmt.Sprintf("s%d", i-1)
		status, answer := post(fmt.Sprintf("s%d", i), fmt.Sprintf(`{"allOf":[{"$ref":%q},{"properties":{"p":{"$ref":%q}}}]}`, before, before), reference(before))
		if status == 200 {
			deepest = i
			continue
		}
		if status != 422 || !strings.Contains(answer, "MaxReferenceDeep (16)") {
			t.Errorf("chain of %d = %d %s", i, status, answer)
		}
		break
	}
	if deepest != 16 {
		t.Errorf("a chain of %d references was taken, want 16", deepest)
	}
	var names, refs []string
	for i := range 9 { // nine of a little less than 1 MiB are more than 8 MiB together
		name := fmt.Sprintf("large%d", i)
		if status, answer := post(name, `{"description":"`+strings.Repeat("x", 1_000_000)+`"}`); status != 200 {
			t.Fatalf("%s = %d %.200s", name, status, answer)
		}
		names, refs = append(names, fmt.Sprintf(`{"$ref":%q}`, name)), append(refs, reference(name))
	}
	if status, answer := post("sum", `{"allOf":[`+strings.Join(names, ",")+`]}`, refs...); status != 422 || !strings.Contains(answer, "MaxClosureBytes (8388608)") {
		t.Errorf("a closure of 9 MB = %d %.200s", status, answer)
	}
	if status, answer := post("round", `{"$ref":"round"}`, reference("round")); status != 422 {
		t.Errorf("a schema that refers to itself = %d %s", status, answer)
	}
}
