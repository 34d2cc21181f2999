package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const modulePath = "github.com/accordhq/accord"

// A room is one row of the floor plan: where a folder stands and what it may import.
type room struct {
	floor   int
	imports []string // rooms of ours
	modules []string // outside modules, as import path prefixes
	pure    bool     // no file, network or database, not even from the standard library
	nested  bool     // folders below belong to the same room
}

const (
	modFranz      = "github.com/twmb/franz-go"
	modPrometheus = "github.com/prometheus/client_golang"
	modYAML       = "go.yaml.in/yaml/v3"
	modSQLite     = "modernc.org/sqlite"
	modPgx        = "github.com/jackc/pgx/v5"
)

// floorPlan is the architecture: a new room is a decision made here.
var floorPlan = map[string]room{
	"cmd/accord": {
		floor:   5,
		imports: []string{"catalog", "catalog/postgres", "catalog/sqlite", "client", "compat", "orders", "proxy", "schemas", "upcast", "validator", "web", "web/api"},
		modules: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", modFranz, modYAML, modPrometheus},
	},
	"web":               {floor: 4, imports: []string{"catalog", "compat", "web/api"}, modules: []string{"github.com/yuin/goldmark", modPrometheus}},
	"web/api":           {floor: 4, imports: []string{"catalog", "compat", "upcast", "validator"}, modules: []string{"github.com/danielgtaylor/huma/v2", "github.com/coreos/go-oidc/v3", "golang.org/x/crypto", modYAML, modPrometheus}},
	"orders":            {floor: 4, imports: []string{"client"}, modules: []string{modFranz, modPgx, modSQLite, modPrometheus}, nested: true},
	"catalog/postgres":  {floor: 3, imports: []string{"catalog"}, modules: []string{modPgx, modPrometheus}},
	"catalog/sqlite":    {floor: 3, imports: []string{"catalog"}, modules: []string{modSQLite, modPrometheus}},
	"catalog/storetest": {floor: 3, imports: []string{"catalog"}, modules: []string{"github.com/google/go-cmp"}},
	"catalog":           {floor: 2, imports: []string{"compat", "validator", "upcast"}, modules: []string{modYAML, modPrometheus}},
	"proxy":             {floor: 2, imports: []string{"validator"}, modules: []string{modFranz, "github.com/klauspost/compress", "github.com/pierrec/lz4/v4", modPrometheus}},
	"client":            {floor: 2, imports: []string{"validator", "upcast"}, modules: []string{modPrometheus}},
	"compat":            {floor: 1, imports: []string{"validator"}, pure: true},
	"upcast":            {floor: 1, imports: []string{"validator"}, pure: true},
	"validator":         {floor: 0, modules: []string{"github.com/santhosh-tekuri/jsonschema/v5", modPrometheus}, pure: true},
	"schemas":           {floor: 0, pure: true},
}

// testModules are open to test files of every room; files of package x_test may import any module.
var testModules = []string{"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "github.com/chromedp", modFranz + "/pkg/sr", "pgregory.net/rapid", "github.com/santhosh-tekuri/jsonschema/v5", modPgx}

// impure are the standard packages that a pure room never sees; what is pure among them is allowed by name.
var (
	impure     = []string{"os", "net", "database/sql", "syscall"}
	pureOfNet  = []string{"net/url", "net/netip", "net/mail"}
	closedRefs = "github.com/santhosh-tekuri/jsonschema/v5/httploader"
)

func TestArchitecture(t *testing.T) {
	for _, fault := range archFaults(os.DirFS("../.."), floorPlan) {
		t.Error(fault)
	}
}

// archFaults parses every Go file of the tree, whatever its build tags, and returns each arrow that is not on the
// plan. It opens the files itself, so that the test cache notices every edit.
func archFaults(tree fs.FS, plan map[string]room) []string {
	var faults []string
	seen := map[string]bool{}
	err := fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name != "." && (name == "testdata" || name[0] == '.' || name[0] == '_' || name == "accord-data") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		home := roomOf(path.Dir(file), plan)
		if home == "" {
			faults = append(faults, fmt.Sprintf("%s stands in no room: add %s to the floor plan or move the file", file, path.Dir(file)))
			return nil
		}
		seen[home] = true
		src, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		faults = append(faults, fileFaults(file, home, parsed, plan)...)
		return nil
	})
	if err != nil {
		faults = append(faults, err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(plan)) {
		if !seen[name] {
			faults = append(faults, fmt.Sprintf("room %s has no Go file", name))
		}
		for _, to := range plan[name].imports {
			if plan[to].floor >= plan[name].floor && (name != "web" || to != "web/api") {
				faults = append(faults, fmt.Sprintf("the plan lets %s import %s, which is not a floor below", name, to))
			}
		}
	}
	return faults
}

// fileFaults judges one file of the room home.
func fileFaults(file, home string, parsed *ast.File, plan map[string]room) []string {
	var faults []string
	r := plan[home]
	test := strings.HasSuffix(file, "_test.go")
	outside := test && strings.HasSuffix(parsed.Name.Name, "_test")
	for _, spec := range parsed.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		first, _, _ := strings.Cut(p, "/")
		switch {
		case p == closedRefs:
			faults = append(faults, fmt.Sprintf("%s imports %s: the $ref world is closed", file, p))
		case p == modulePath || strings.HasPrefix(p, modulePath+"/"):
			to := roomOf(strings.TrimPrefix(p, modulePath+"/"), plan)
			if to != home && !outside && !slices.Contains(r.imports, to) {
				faults = append(faults, fmt.Sprintf("%s imports %s; %s may import only: %s", file, to, home, strings.Join(r.imports, " ")))
			}
		case strings.Contains(first, "."):
			if !outside && !underAny(p, r.modules) && (!test || !underAny(p, testModules)) {
				faults = append(faults, fmt.Sprintf("%s imports %s; %s may import only these modules: %s", file, p, home, strings.Join(r.modules, " ")))
			}
		case p == "testing" && !test && home != "catalog/storetest":
			faults = append(faults, fmt.Sprintf("%s imports testing outside tests", file))
		case r.pure && !test && underAny(p, impure) && !slices.Contains(pureOfNet, p):
			faults = append(faults, fmt.Sprintf("%s imports %s; %s is pure", file, p, home))
		}
	}
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			faults = append(faults, fmt.Sprintf("%s declares init", file))
		}
	}
	return faults
}

// roomOf returns the room that a folder belongs to, "" if none.
func roomOf(dir string, plan map[string]room) string {
	if _, ok := plan[dir]; ok {
		return dir
	}
	for name, r := range plan {
		if r.nested && strings.HasPrefix(dir, name+"/") {
			return name
		}
	}
	return ""
}

// underAny says whether an import path is one of the prefixes or below one.
func underAny(p string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return p == prefix || strings.HasPrefix(p, prefix+"/")
	})
}

func TestArchitectureFaultsAreFound(t *testing.T) {
	plan := map[string]room{
		"top":  {floor: 2, imports: []string{"base"}},
		"base": {floor: 0, pure: true, modules: []string{"example.com/allowed"}},
	}
	good := fstest.MapFS{
		"top/top.go":        {Data: []byte("package top\nimport _ \"" + modulePath + "/base\"\n")},
		"base/base.go":      {Data: []byte("package base\nimport _ \"example.com/allowed/sub\"\n")},
		"base/base_test.go": {Data: []byte("package base_test\nimport _ \"" + modulePath + "/top\"\nimport _ \"os\"\nimport _ \"example.com/any\"\n")},
	}
	if faults := archFaults(good, plan); faults != nil {
		t.Fatalf("archFaults(good) = %q, want none", faults)
	}
	for _, c := range []struct{ name, file, source, want string }{
		{"up the floors", "base/x.go", `import _ "` + modulePath + `/top"`, "base/x.go imports top; base may import only"},
		{"test of the package itself", "base/x_test.go", `import _ "` + modulePath + `/top"`, "base/x_test.go imports top"},
		{"outside module", "base/x.go", `import _ "example.com/other"`, "base/x.go imports example.com/other"},
		{"impure", "base/x.go", `import _ "net/http"`, "base is pure"},
		{"open references", "top/x.go", `import _ "` + closedRefs + `"`, "the $ref world is closed"},
		{"init", "top/x.go", `func init() {}`, "declares init"},
		{"testing", "top/x.go", `import _ "testing"`, "imports testing outside tests"},
		{"new room", "new/x.go", ``, "stands in no room"},
	} {
		tree := maps.Clone(good)
		tree[c.file] = &fstest.MapFile{Data: []byte("package " + path.Dir(c.file) + "\n" + c.source + "\n")}
		faults := archFaults(tree, plan)
		if len(faults) != 1 || !strings.Contains(faults[0], c.want) {
			t.Errorf("%s: archFaults = %q, want one with %q", c.name, faults, c.want)
		}
	}
	wrong := map[string]room{"top": {floor: 0, imports: []string{"base"}}, "base": plan["base"], "empty": {}}
	faults := strings.Join(archFaults(good, wrong), "\n")
	for _, want := range []string{"room empty has no Go file", "not a floor below"} {
		if !strings.Contains(faults, want) {
			t.Errorf("archFaults(wrong plan) = %q, want %q in it", faults, want)
		}
	}
}
