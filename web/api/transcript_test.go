package api_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/http")

// An exchange is one request and its answer in a transcript:
//
//	POST /subjects/a/versions
//	Content-Type: application/json
//
//	{"schema": …}
//	< 200
//	< Content-Type: application/vnd.schemaregistry.v1+json
//	<
//	< {"id":1,"version":1}
//
// Headers of the answer are compared where the transcript names them. Lines that begin with # are comments, those that
// begin with #: at the top of a transcript are settings.
type exchange struct {
	comment        []string
	method, target string
	header         []string
	body           string
	status         string
	expect         []string // headers of the answer
	answer         string
}

func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/http/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %v, %v", files, err)
	}
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			for _, file := range files {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
					t.Parallel()
					rewritten := playAll(t, file, b)
					if !*update || b.name != backends[0].name {
						return
					}
					if os.Getenv("CI") == "true" {
						t.Fatal("-update under CI")
					}
					if err := os.WriteFile(file, rewritten, 0o644); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

// playAll plays a transcript on an empty store and compares; it returns the transcript as it would be true.
func playAll(t *testing.T, file string, b backend) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	address := registryOn(t, b.open(t), settings(t, string(text))...)
	var rewritten bytes.Buffer
	for _, want := range parseTranscript(t, string(text)) {
		got := want.play(t, address)
		got.print(&rewritten)
		if diff := cmp.Diff(want.lines(), got.lines()); diff != "" && !*update {
			t.Errorf("%s %s (-want +got):\n%s", want.method, want.target, diff)
		}
	}
	return rewritten.Bytes()
}

// parseTranscript splits a transcript at the empty lines that follow an answer.
func parseTranscript(t *testing.T, text string) []exchange {
	t.Helper()
	var all []exchange
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n\n") {
		var e exchange
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		for len(lines) > 0 && (strings.HasPrefix(lines[0], "#") || lines[0] == "") {
			e.comment, lines = append(e.comment, lines[0]), lines[1:]
		}
		if len(lines) == 0 {
			t.Fatalf("block without a request: %q", block)
		}
		var ok bool
		if e.method, e.target, ok = strings.Cut(lines[0], " "); !ok {
			t.Fatalf("not a request: %q", lines[0])
		}
		inBody, inAnswer := false, false
		var body, answer []string
		for _, line := range lines[1:] {
			told, isAnswer := strings.CutPrefix(line, "<")
			told = strings.TrimPrefix(told, " ")
			switch {
			case isAnswer && e.status == "":
				e.status = told
			case isAnswer && told == "" && !inAnswer:
				inAnswer = true
			case isAnswer && inAnswer:
				answer = append(answer, told)
			case isAnswer:
				e.expect = append(e.expect, told)
			case line == "" && !inBody:
				inBody = true
			case inBody:
				body = append(body, line)
			default:
				e.header = append(e.header, line)
			}
		}
		e.body, e.answer = strings.Join(body, "\n"), strings.Join(answer, "\n")
		all = append(all, e)
	}
	return all
}

// repeated stands for a long text in a transcript: {{1000*ab}}.
var repeated = regexp.MustCompile(`\{\{(\d+)\*(.*?)\}\}`)

// play sends the request byte by byte as it stands, so that no client tidies the path, and reads the answer.
func (e exchange) play(t *testing.T, address string) exchange {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	long := func(text string) string {
		return repeated.ReplaceAllStringFunc(text, func(s string) string {
			var n int
			parts := repeated.FindStringSubmatch(s)
			if _, err := fmt.Sscan(parts[1], &n); err != nil {
				t.Fatal(err)
			}
			return strings.Repeat(parts[2], n)
		})
	}
	body := long(e.body)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: accord\r\nConnection: close\r\n", e.method, long(e.target))
	for _, h := range e.header {
		b.WriteString(long(h) + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	sent := make(chan struct{})
	go func() { defer close(sent); _, _ = io.WriteString(conn, b.String()) }()
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: e.method})
	if err != nil {
		t.Fatalf("%s %s: %v", e.method, e.target, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", e.method, e.target, err)
	}
	conn.Close()
	<-sent
	got := e
	got.status, got.answer, got.expect = fmt.Sprint(res.StatusCode), steady(string(answer), e.answer), nil
	for _, h := range e.expect {
		name, _, _ := strings.Cut(h, ":")
		got.expect = append(got.expect, strings.TrimSpace(name+": "+strings.Join(res.Header.Values(name), ", ")))
	}
	return got
}

// volatile are the parts of answers that are other at each run.
var volatile = []replacement{
	{regexp.MustCompile(`"ts":\d+`), `"ts":0`},
	{regexp.MustCompile(`"(at|first|last)":"20[^"]*"`), `"$1":"NOW"`},
	{regexp.MustCompile(`"hash":"[0-9a-f]{64}"`), `"hash":"HASH"`},
	{regexp.MustCompile(`"took_ms":\d+`), `"took_ms":0`},
	{regexp.MustCompile(`"samples":\d+`), `"samples":0`},
	{regexp.MustCompile(`("violations":)\[[^]]*\]`), `$1[]`},
	{regexp.MustCompile(`("error":\{"pointer":"[^"]*","reason":)"[^"]*"`), `$1"WORDS"`},
	{regexp.MustCompile(`"proof":\{.*?\},"changes"`), `"proof":{},"changes"`},
	{regexp.MustCompile(`"spent":\{[^}]*\}`), `"spent":{}`},
}

// foreign are the words of other rooms. A transcript that says WORDS leaves them to those rooms; one that does not is
// compared to the byte.
var foreign = []replacement{
	{regexp.MustCompile(`(rejected by (?:the new schema|version \d+) at '[^']*'): .*?(\. \{)`), `$1: WORDS$2`},
	{regexp.MustCompile(`(Invalid schema of type JSON, details: )(?:[^"\\]|\\.)*`), `${1}WORDS`},
	{regexp.MustCompile(`( does not hold \([^)]*\): )(?:[^"\\]|\\.)*`), `${1}WORDS`},
}

type replacement struct {
	find *regexp.Regexp
	say  string
}

// steady is an answer without what is volatile and, if the transcript wants it so, foreign.
func steady(s, want string) string {
	for _, v := range volatile {
		s = v.find.ReplaceAllString(s, v.say)
	}
	for _, v := range foreign {
		if want == "" || strings.Contains(want, "WORDS") {
			s = v.find.ReplaceAllString(s, v.say)
		}
	}
	return strings.TrimRight(s, "\n")
}

// lines is the answer as it is compared.
func (e exchange) lines() []string {
	return append(append([]string{e.status}, e.expect...), strings.Split(e.answer, "\n")...)
}

// print writes the exchange as it stands in a transcript.
func (e exchange) print(w io.Writer) {
	for _, c := range e.comment {
		fmt.Fprintln(w, c)
	}
	fmt.Fprintln(w, e.method, e.target)
	for _, h := range e.header {
		fmt.Fprintln(w, h)
	}
	if e.body != "" {
		fmt.Fprintf(w, "\n%s\n", e.body)
	}
	fmt.Fprintf(w, "< %s\n", e.status)
	for _, h := range e.expect {
		fmt.Fprintf(w, "< %s\n", h)
	}
	if e.answer != "" {
		fmt.Fprintln(w, "<")
		for line := range strings.SplitSeq(e.answer, "\n") {
			fmt.Fprintln(w, strings.TrimRight("< "+line, " "))
		}
	}
	fmt.Fprint(w, "\n\n")
}
