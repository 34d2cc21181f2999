package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"go.yaml.in/yaml/v3"

	"github.com/accordhq/accord/schemas"
)

const base = "https://schemas.example.com/"

// A subject is one folder under events or shared.
type subject struct {
	name, dir string
	versions  int
}

// subjects lists every folder that holds versions, events first.
func subjects(t *testing.T) []subject {
	t.Helper()
	var all []subject
	for _, root := range []string{"events", "shared"} {
		entries, err := fs.ReadDir(schemas.FS(), root)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			s := subject{name: e.Name(), dir: path.Join(root, e.Name())}
			texts, err := fs.Glob(schemas.FS(), s.dir+"/v*.json")
			if err != nil {
				t.Fatal(err)
			}
			s.versions = len(texts)
			all = append(all, s)
		}
	}
	return all
}

// compiled returns every version of every subject under "subject/version", compiled in a closed world.
func compiled(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	c.LoadURL = func(u string) (io.ReadCloser, error) { return nil, fmt.Errorf("%s is outside the folder", u) }
	urls := map[string]string{}
	for _, s := range subjects(t) {
		for v := 1; v <= s.versions; v++ {
			url := base + s.name + "/" + strconv.Itoa(v)
			text := file(t, fmt.Sprintf("%s/v%d.json", s.dir, v))
			if err := c.AddResource(url, bytes.NewReader(text)); err != nil {
				t.Fatalf("AddResource(%s): %v", url, err)
			}
			urls[s.name+"/"+strconv.Itoa(v)] = url
		}
	}
	out := map[string]*jsonschema.Schema{}
	for key, url := range urls {
		schema, err := c.Compile(url)
		if err != nil {
			t.Fatalf("Compile(%s): %v", url, err)
		}
		out[key] = schema
	}
	return out
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(schemas.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t *testing.T, name string, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func TestVersionsAreNumberedWithoutGapAndNameThemselves(t *testing.T) {
	for _, s := range subjects(t) {
		if s.versions == 0 {
			t.Errorf("%s has no version", s.dir)
		}
		for v := 1; v <= s.versions; v++ {
			name := fmt.Sprintf("%s/v%d.json", s.dir, v)
			doc := decode(t, name, file(t, name)).(map[string]any)
			if want := base + s.name + "/" + strconv.Itoa(v); doc["$id"] != want {
				t.Errorf("%s: $id = %v, want %s", name, doc["$id"], want)
			}
			if doc["title"] != s.name {
				t.Errorf("%s: title = %v, want %s", name, doc["title"], s.name)
			}
			if doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
				t.Errorf("%s: $schema = %v, want draft 2020-12", name, doc["$schema"])
			}
			_, err := fs.Stat(schemas.FS(), fmt.Sprintf("%s/v%d.lens.yaml", s.dir, v))
			if (v > 1) != (err == nil) {
				t.Errorf("%s: a lens stands beside every version but the first; Stat says %v", name, err)
			}
		}
	}
}

// An open object lets a misspelt member through in silence.
func TestEveryObjectSaysWhetherItIsClosed(t *testing.T) {
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if _, closed := v["additionalProperties"]; v["type"] == "object" && !closed {
				t.Errorf("%s: object without additionalProperties", where)
			}
			for k, x := range v {
				walk(where+"/"+k, x)
			}
		case []any:
			for i, x := range v {
				walk(where+"/"+strconv.Itoa(i), x)
			}
		}
	}
	for _, s := range subjects(t) {
		for v := 1; v <= s.versions; v++ {
			name := fmt.Sprintf("%s/v%d.json", s.dir, v)
			walk(name, decode(t, name, file(t, name)))
		}
	}
}

func TestExamplesBehaveAsTheyAreNamed(t *testing.T) {
	compiledSchemas := compiled(t)
	for _, s := range subjects(t) {
		if strings.HasPrefix(s.dir, "shared/") {
			continue
		}
		for v := 1; v <= s.versions; v++ {
			schema := compiledSchemas[s.name+"/"+strconv.Itoa(v)]
			good, _ := fs.Glob(schemas.FS(), fmt.Sprintf("%s/examples/v%d/*.json", s.dir, v))
			if len(good) == 0 {
				t.Errorf("%s version %d has no example", s.name, v)
			}
			for _, name := range good {
				if err := schema.Validate(decode(t, name, file(t, name))); err != nil {
					t.Errorf("%s: %#v", name, err)
				}
			}
			bad, _ := fs.Glob(schemas.FS(), fmt.Sprintf("%s/examples/v%d/invalid/*.json", s.dir, v))
			for _, name := range bad {
				want := strings.TrimSpace(string(file(t, strings.TrimSuffix(name, ".json")+".expect")))
				got := places(schema.Validate(decode(t, name, file(t, name))))
				// Of an undeclared member this library names the object, our own validator the member.
				if !slices.Contains(got, want) && !slices.Contains(got, path.Dir(want)) {
					t.Errorf("%s fails at %q, want %q", name, got, want)
				}
			}
		}
	}
}

// places lists the JSON Pointers at which an instance failed.
func places(err error) []string {
	if err == nil {
		return nil
	}
	ve, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return []string{err.Error()}
	}
	var all []string
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			all = append(all, e.InstanceLocation)
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(ve)
	return all
}

type eventFile struct {
	APIVersion, Kind, Name, Title, Summary, Domain, Owner, Audience, Lifecycle, Channel, Key, Compatibility string
	Aliases                                                                                                 []string
	Versions                                                                                                map[int]struct{ Status, Since, Sunset, Note string }
}

type serviceFile struct {
	APIVersion, Kind, Name, Owner, Repository string
	Principals                                []string
	ConsumerGroups                            []string `yaml:"consumerGroups"`
	Sends                                     []struct {
		Event    string
		Versions []int
	}
	Receives []struct {
		Event             string
		Version           int
		Reads             []string
		Decode, OnInvalid string
	}
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(file(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func exists(name string) bool {
	_, err := fs.Stat(schemas.FS(), name)
	return err == nil
}

func TestEventFilesPointAtWhatExists(t *testing.T) {
	for _, s := range subjects(t) {
		if strings.HasPrefix(s.dir, "shared/") {
			continue
		}
		var e eventFile
		load(t, s.dir+"/event.yaml", &e)
		if e.Name != s.name || e.Title == "" || e.Summary == "" {
			t.Errorf("%s/event.yaml: name %q, title %q, summary %q", s.dir, e.Name, e.Title, e.Summary)
		}
		if !exists("domains/"+e.Domain+".yaml") || !exists("channels/"+e.Channel+".yaml") {
			t.Errorf("%s/event.yaml: domain %q or channel %q has no file", s.dir, e.Domain, e.Channel)
		}
		if len(e.Versions) != s.versions {
			t.Errorf("%s/event.yaml lists %d versions, the folder has %d", s.dir, len(e.Versions), s.versions)
		}
		if want := "UPCASTABLE_TRANSITIVE"; e.Kind == "Event" && e.Compatibility != want {
			t.Errorf("%s/event.yaml: compatibility = %q, want %q", s.dir, e.Compatibility, want)
		}
	}
}

func TestServicesReadAndSendTheNewestVersions(t *testing.T) {
	newest := map[string]int{}
	for _, s := range subjects(t) {
		newest[s.name] = s.versions
	}
	files, err := fs.Glob(schemas.FS(), "services/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob(services/*.yaml) = %v, %v", files, err)
	}
	for _, name := range files {
		var s serviceFile
		load(t, name, &s)
		if s.Name+".yaml" != path.Base(name) {
			t.Errorf("%s: name = %q", name, s.Name)
		}
		for _, send := range s.Sends {
			if want := newest[send.Event]; want == 0 || !slices.Equal(send.Versions, []int{want}) {
				t.Errorf("%s sends %s %v, newest is %d", name, send.Event, send.Versions, want)
			}
		}
		for _, r := range s.Receives {
			want := newest[r.Event]
			if want == 0 || r.Version != want {
				t.Errorf("%s receives %s version %d, newest is %d", name, r.Event, r.Version, want)
				continue
			}
			doc := decode(t, r.Event, file(t, fmt.Sprintf("events/%s/v%d.json", r.Event, want))).(map[string]any)
			for _, pointer := range r.Reads {
				if !declared(doc, pointer) {
					t.Errorf("%s reads %s of %s, which version %d does not have", name, pointer, r.Event, want)
				}
			}
		}
	}
}

// declared says whether a schema names the member that the pointer leads to.
func declared(schema map[string]any, pointer string) bool {
	for _, part := range strings.Split(pointer, "/")[1:] {
		props, _ := schema["properties"].(map[string]any)
		next, ok := props[part].(map[string]any)
		if !ok {
			return false
		}
		schema = next
	}
	return true
}

func TestFlowsNameStepsThatExist(t *testing.T) {
	files, _ := fs.Glob(schemas.FS(), "flows/*.yaml")
	if len(files) == 0 {
		t.Fatal("no flow")
	}
	for _, name := range files {
		var flow struct {
			Name  string
			Steps []struct {
				ID, Service, On, Sends, Else, Compensates string
				OnAny                                     []string `yaml:"onAny"`
			}
		}
		load(t, name, &flow)
		steps := map[string]bool{}
		for _, s := range flow.Steps {
			steps[s.ID] = true
			if !exists("services/" + s.Service + ".yaml") {
				t.Errorf("%s: step %s: no service %s", name, s.ID, s.Service)
			}
			for _, e := range append([]string{s.On, s.Sends, s.Else}, s.OnAny...) {
				if e != "" && !exists("events/"+e) {
					t.Errorf("%s: step %s: no event %s", name, s.ID, e)
				}
			}
			if s.Compensates != "" && !steps[s.Compensates] {
				t.Errorf("%s: step %s compensates %s, which is no earlier step", name, s.ID, s.Compensates)
			}
		}
	}
}

func TestProjectFileNamesTheSubjects(t *testing.T) {
	var project struct {
		SchemaBase string `yaml:"schemaBase"`
		Naming     struct{ Subject string }
	}
	load(t, "accord.yaml", &project)
	if project.SchemaBase != base {
		t.Errorf("accord.yaml: schemaBase = %q, want %q", project.SchemaBase, base)
	}
	pattern := regexp.MustCompile(project.Naming.Subject)
	for _, s := range subjects(t) {
		if !pattern.MatchString(s.name) {
			t.Errorf("%s does not match %s", s.name, pattern)
		}
	}
}
