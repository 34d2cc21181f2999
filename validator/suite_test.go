package validator_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/accordhq/accord/validator"
)

// suiteModule is the last release of the library whose archive still holds the official JSON Schema test suite.
const suiteModule = "github.com/santhosh-tekuri/jsonschema/v5@v5.2.0"

// suiteFiles are the official suite's files by their path inside it.
func suiteFiles(t *testing.T) map[string][]byte {
	t.Helper()
	return moduleFiles(t, suiteModule, "/testdata/JSON-Schema-Test-Suite/")
}

// moduleFiles fetches a module's archive by the go command, outside any module, and returns the JSON files of a folder by
// their path inside it.
func moduleFiles(t *testing.T, name, folder string) map[string][]byte {
	t.Helper()
	leftOut := func(why string) {
		text := "left out: the JSON Schema test suite (go mod download " + name + "): " + why
		if os.Getenv("CI") == "true" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	cmd := exec.Command("go", "mod", "download", "-json", name)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	var module struct{ Zip, Error string }
	if json.Unmarshal(out, &module) != nil || err != nil || module.Zip == "" {
		leftOut(module.Error)
	}
	archive, err := zip.OpenReader(module.Zip)
	if err != nil {
		leftOut(err.Error())
	}
	defer archive.Close()
	files := map[string][]byte{}
	for _, f := range archive.File {
		_, name, ok := strings.Cut(f.Name, folder)
		if !ok || !strings.HasSuffix(name, ".json") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		files[name] = b.Bytes()
	}
	return files
}

var suiteDrafts = []struct{ folder, uri string }{
	{"draft4", "http://json-schema.org/draft-04/schema#"},
	{"draft6", "http://json-schema.org/draft-06/schema#"},
	{"draft7", "http://json-schema.org/draft-07/schema#"},
	{"draft2019-09", "https://json-schema.org/draft/2019-09/schema"},
	{"draft2020-12", "https://json-schema.org/draft/2020-12/schema"},
}

// withDraft writes $schema into an object that has none.
func withDraft(text []byte, uri string) []byte {
	var head map[string]json.RawMessage
	if json.Unmarshal(text, &head) != nil || head["$schema"] != nil {
		return text
	}
	text = bytes.TrimSpace(text)
	comma := ","
	if len(head) == 0 {
		comma = ""
	}
	return append([]byte(`{"$schema":"`+uri+`"`+comma), text[1:]...)
}

type suiteGroup struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

// otherwise are the groups of the suite that we judge otherwise on purpose, by file and description ("" = the whole
// file), with the reason.
var otherwise = map[string]string{
	"draft2019-09/format.json": "format is asserted in every draft",
	"draft2020-12/format.json": "format is asserted in every draft",
}

// later are optional files whose format asserts nothing yet.
var later = []string{"/optional/format/idn-hostname.json", "/optional/format/idn-email.json"}

func TestOfficialSuite(t *testing.T) {
	files := suiteFiles(t)
	required, optional, skipped := 0, 0, 0
	for _, draft := range suiteDrafts {
		references := map[string][]byte{}
		for name, text := range files {
			remote, ok := strings.CutPrefix(name, "remotes/")
			if !ok {
				continue
			}
			uri := draft.uri
			for _, d := range suiteDrafts {
				if strings.HasPrefix(remote, d.folder+"/") {
					uri = d.uri
				}
			}
			references["http://localhost:1234/"+remote] = withDraft(text, uri)
		}
		for name, text := range files {
			folder, file := path.Split(name)
			if folder != "tests/"+draft.folder+"/" && folder != "tests/"+draft.folder+"/optional/format/" {
				continue
			}
			var groups []suiteGroup
			if err := json.Unmarshal(text, &groups); err != nil {
				t.Fatal(err)
			}
			file = strings.TrimPrefix(name, "tests/")
			if slices.ContainsFunc(later, func(end string) bool { return strings.HasSuffix(file, end) }) {
				continue
			}
			for _, g := range groups {
				if otherwise[file] != "" || otherwise[file+" "+g.Description] != "" {
					skipped += len(g.Tests)
					continue
				}
				d := validator.Document{Text: withDraft(g.Schema, draft.uri)}
				if bytes.Contains(g.Schema, []byte("localhost:1234")) {
					d.References = references
				}
				s, err := validator.Compile(d, validator.Limits{})
				if err != nil {
					t.Errorf("%s: %s: Compile: %v", file, g.Description, err)
					continue
				}
				for _, test := range g.Tests {
					if strings.Contains(file, "/optional/") {
						optional++
					} else {
						required++
					}
					if got := s.Valid(test.Data); got != test.Valid {
						t.Errorf("%s: %s: %s: Valid = %v, want %v", file, g.Description, test.Description, got, test.Valid)
					}
					if found := s.Explain(test.Data, 0); (len(found) == 0) != test.Valid || len(found) > 0 && found[0].Keyword == "internal" {
						t.Errorf("%s: %s: %s: Explain = %+v, want valid = %v", file, g.Description, test.Description, found, test.Valid)
					}
				}
			}
		}
	}
	t.Logf("%d required and %d optional format tests judged as the suite does, %d left to our own rule", required, optional, skipped)
}

// libraryOtherwise are the groups of the libraries' own suites that we judge otherwise, by file and description, with the
// reason.
var libraryOtherwise = map[string]string{
	"tests/draft2019/format.json":                                                  "format is asserted in every draft",
	"tests/draft2020/optional/content.json":                                        "content is asserted in draft-07 only",
	"tests/draft2020-12/optional/contentSchema.json":                               "content is asserted in draft-07 only",
	"tests/draft2020/vocabulary.json":                                              "its meta-schemas are not in the archive",
	"tests/draft4/mixed-dialects.json":                                             "$schema inside a document does nothing",
	"tests/draft2020-12/mixed-dialects.json":                                       "$schema inside a document does nothing",
	"tests/draft2020-12/vocabulary.json":                                           "a keyword has its form whatever vocabulary a meta-schema leaves out",
	"tests/draft7/if-then-else.json skip then when if is false":                    "references are closed, also where nothing would follow them",
	"tests/draft7/if-then-else.json skip else when if is true":                     "references are closed, also where nothing would follow them",
	"tests/draft7/optional/format/semver.json":                                     "an unknown format asserts nothing",
	"tests/draft2020-12/infinite-loop-detection.json":                              "a schema that refers to itself in place does not compile",
	"tests/draft2020-12/optional/format/email.json validation of duration strings": "RFC 5321, 4.1.2: no tab in a quoted local part, but a backslash before any character",
}

// TestLibrarySuites runs the tests that jsonschema v5 and v6 keep beside the official suite.
func TestLibrarySuites(t *testing.T) {
	judged := 0
	for _, library := range []struct{ module, folder string }{
		{"github.com/santhosh-tekuri/jsonschema/v5@v5.3.1", "/testdata/"},
		{"github.com/santhosh-tekuri/jsonschema/v6@v6.0.3", "/testdata/Extra-Test-Suite/"},
	} {
		files := moduleFiles(t, library.module, library.folder)
		for _, draft := range suiteDrafts {
			references := map[string][]byte{}
			for name, text := range files {
				if remote, ok := strings.CutPrefix(name, "remotes/"); ok {
					references["http://localhost:1234/"+remote] = withDraft(text, draft.uri)
				}
			}
			for name, text := range files {
				if folder := strings.Split(name, "/"); len(folder) < 3 || folder[0] != "tests" || !strings.HasPrefix(draft.folder, folder[1]) {
					continue
				}
				var groups []suiteGroup
				if err := json.Unmarshal(text, &groups); err != nil {
					t.Fatal(err)
				}
				for _, g := range groups {
					if libraryOtherwise[name+" "+g.Description] != "" || libraryOtherwise[name] != "" {
						continue
					}
					d := validator.Document{Text: withDraft(g.Schema, draft.uri)}
					if bytes.Contains(g.Schema, []byte("localhost:1234")) {
						d.References = references
					}
					s, err := validator.Compile(d, validator.Limits{})
					if err != nil {
						t.Errorf("%s: %s: Compile: %v", name, g.Description, err)
						continue
					}
					for _, test := range g.Tests {
						judged++
						if got := s.Valid(test.Data); got != test.Valid {
							t.Errorf("%s: %s: %s: Valid(%.200s) = %v, want %v", name, g.Description, test.Description, test.Data, got, test.Valid)
						}
					}
				}
			}
		}
	}
	t.Logf("%d tests judged as the libraries do", judged)
	if judged < 40 {
		t.Errorf("only %d tests were found", judged)
	}
}
