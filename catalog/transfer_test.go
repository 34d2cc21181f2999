package catalog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
)

// shut is an object that allows no other members, so that a version may add one.
func shut(required int, members ...string) string {
	return strings.TrimSuffix(object(required, members...), "}") + `,"additionalProperties":false}`
}

// filled registers something of everything: contexts, references within and between subjects, every state, metadata,
// rules, a lens, marks, policies of every scope, documents.
func filled(t *testing.T, r *catalog.Registry) {
	t.Helper()
	ctx := catalog.WithAuthor(t.Context(), catalog.Author{By: "ada", Reason: "first <&>"})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	reg := func(name catalog.Name, reg catalog.Registration) catalog.Registered {
		t.Helper()
		got, err := r.Register(ctx, name, reg)
		must(err)
		return got
	}
	inX := func(s string) catalog.Name { return catalog.Name{Context: ".x", Subject: s} }
	reg(subject("z.address"), catalog.Registration{Text: shut(0, "street")})
	reg(subject("a.order"), catalog.Registration{
		Text:       `{"type":"object","properties":{"to":{"$ref":"address"}}}`,
		References: []catalog.Reference{{Name: "address", Subject: "z.address", Version: 1}},
		Metadata:   &catalog.Metadata{Properties: map[string]string{"owner": "a<b"}, Tags: map[string][]string{"/to": {"PII"}}},
		RuleSet:    &catalog.RuleSet{Domain: []catalog.Rule{{Name: "r", Kind: "CONDITION", Expr: "true"}}},
	})
	// The two refer to each other.
	reg(subject("z.address"), catalog.Registration{
		Text:       `{"type":"object","properties":{"street":{"type":"string"},"of":{"$ref":"order"}}}`,
		References: []catalog.Reference{{Name: "order", Subject: "a.order", Version: 1}}, Force: true,
	})
	reg(inX("b"), catalog.Registration{Text: shut(1, "id")})
	reg(inX("b"), catalog.Registration{Text: shut(1, "id", "name")})
	reg(inX("b"), catalog.Registration{Text: shut(0, "id", "name", "more")})
	for _, delete := range []struct {
		n         int
		permanent bool
	}{{1, false}, {3, false}, {3, true}} {
		_, err := r.DeleteVersion(ctx, inX("b"), delete.n, delete.permanent)
		must(err)
	}
	reg(subject("c"), catalog.Registration{Text: `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`})
	_, err := r.DeleteVersion(ctx, subject("c"), 1, false)
	must(err)
	reg(subject("c"), catalog.Registration{Text: `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`}) // 1 is gone
	_, err = r.SetConfig(ctx, subject("u"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Upcastable}})
	must(err)
	reg(subject("u"), catalog.Registration{Text: `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}`})
	reg(subject("u"), catalog.Registration{
		Text: `{"type":"object","properties":{"m":{"type":"integer"}},"required":["m"],"additionalProperties":false}`,
		Lens: json.RawMessage(`{"ops":[{"op":"rename","from":"/n","to":"/m"}]}`),
	})
	yes := true
	_, err = r.SetConfig(ctx, catalog.Name{}, catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full, Normalize: &yes}})
	must(err)
	_, err = r.SetConfig(ctx, catalog.Name{Context: catalog.GlobalContext}, catalog.Patch{Set: catalog.Config{CompatibilityGroup: "g"}})
	must(err)
	must(r.SetMode(ctx, inX(""), catalog.ReadOnlyMode, false))
	_, err = r.SetConfig(ctx, subject("alias"), catalog.Patch{Set: catalog.Config{Alias: "c"}})
	must(err)
	_, err = r.PutDocument(ctx, "Service", "core", json.RawMessage(`{"apiVersion":"accord/v1", "kind":"Service","name":"core"}`), nil)
	must(err)
}

// openFor sets mode IMPORT for everything.
func openFor(t *testing.T, r *catalog.Registry) {
	t.Helper()
	if err := r.SetMode(t.Context(), catalog.Name{Context: catalog.GlobalContext}, catalog.Import, true); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, r *catalog.Registry, q catalog.ExportQuery) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Export(t.Context(), q, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// imports imports and demands that nothing is refused.
func imports(t *testing.T, r *catalog.Registry, dump string) catalog.Imported {
	t.Helper()
	done, err := r.Import(t.Context(), strings.NewReader(dump), false)
	if err != nil || len(done.Refused) > 0 {
		t.Fatalf("Import = %+v, %v", done, err)
	}
	return done
}

// content is what a dump says beside the history, which grows with each import, and the mode that let it in.
func content(dump string) []string {
	var lines []string
	for line := range strings.Lines(dump) {
		switch {
		case strings.HasPrefix(line, `{"accord":`), strings.HasPrefix(line, `{"audit":`), strings.HasPrefix(line, `{"end":`):
		default:
			lines = append(lines, strings.Replace(line, `,"mode":"IMPORT"`, "", 1))
		}
	}
	return lines
}

// sealed gives lines the last line of a dump.
func sealed(lines ...string) string {
	body := strings.Join(lines, "\n") + "\n"
	sum := sha256.Sum256([]byte(body))
	return body + fmt.Sprintf(`{"end":true,"lines":%d,"sha256":"%s"}`+"\n", len(lines), hex.EncodeToString(sum[:]))
}

const dumpHead = `{"accord":{"format":1,"at":"2026-01-02T03:04:05Z","revision":9}}`

func TestExportAndImportAreOneAcrossStores(t *testing.T) {
	stores := map[string]func(*testing.T) catalog.Store{
		"sqlite":   func(t *testing.T) catalog.Store { return newStore(t) },
		"postgres": func(t *testing.T) catalog.Store { return newReplica(t, newDatabase(t)) },
	}
	for from, openFrom := range stores {
		for to, openTo := range stores {
			t.Run(from+" to "+to, func(t *testing.T) {
				source, target := listening(t, openFrom(t)), listening(t, openTo(t))
				filled(t, source)
				dump := export(t, source, catalog.ExportQuery{})
				trial, err := target.Import(t.Context(), strings.NewReader(dump), true)
				if err != nil || len(trial.Refused) > 0 || trial.Rev != 0 {
					t.Fatalf("trial = %+v, %v", trial, err)
				}
				if left := export(t, target, catalog.ExportQuery{}); len(content(left)) > 0 {
					t.Errorf("a trial left %s", left)
				}
				if _, err := target.Import(t.Context(), strings.NewReader(dump), false); !errors.Is(err, catalog.NotImport) {
					t.Errorf("Import in mode READWRITE = %v, want %v", err, catalog.NotImport)
				}
				openFor(t, target)
				done := imports(t, target, dump)
				if done.Created != trial.Created || done.Same != 0 || done.Rev == 0 {
					t.Errorf("Import = %+v, the trial said %d", done, trial.Created)
				}
				if diff := cmp.Diff(content(dump), content(export(t, target, catalog.ExportQuery{}))); diff != "" {
					t.Errorf("exported again (-want +got):\n%s", diff)
				}
				again := imports(t, target, dump)
				if again.Created != 0 || again.Same != done.Created || again.Rev != 0 {
					t.Errorf("Import again = %+v, want all %d the same", again, done.Created)
				}
				sameToReaders(t, source, target)
				sameHistory(t, source, target)
			})
		}
	}
}

// sameToReaders asks both registries what clients ask.
func sameToReaders(t *testing.T, source, target *catalog.Registry) {
	t.Helper()
	ctx := t.Context()
	subjects, err := source.Subjects(ctx, catalog.Query{Include: catalog.WithDeleted, Expand: catalog.ExpandVersions})
	if err != nil || len(subjects) != 5 {
		t.Fatalf("Subjects = %d, %v", len(subjects), err)
	}
	for _, s := range subjects {
		for _, v := range s.Versions {
			want, err := source.SchemaByID(ctx, v.Context, v.Schema.ID)
			if err != nil {
				t.Fatal(err)
			}
			byGUID, errGUID := target.SchemaByGUID(ctx, want.GUID)
			if got, err := target.SchemaByID(ctx, v.Context, v.Schema.ID); err != nil || !cmp.Equal(want, got) {
				t.Errorf("SchemaByID(%q, %d) = %+v, %v, want %+v", v.Context, v.Schema.ID, got, err, want)
			}
			if errGUID != nil || byGUID.Text != want.Text {
				t.Errorf("SchemaByGUID(%s) = %+v, %v", want.GUID, byGUID, errGUID)
			}
		}
	}
	// Numbers and IDs go on where they stood, also where the highest were purged.
	if err := target.SetMode(ctx, catalog.Name{Context: ".x"}, catalog.ReadWrite, false); err != nil {
		t.Fatal(err)
	}
	if err := target.SetMode(ctx, catalog.Name{Context: catalog.GlobalContext}, catalog.ReadWrite, false); err != nil {
		t.Fatal(err)
	}
	next := register(t, target, catalog.Name{Context: ".x", Subject: "b"}, catalog.Registration{Text: shut(0, "id", "name", "else")})
	if next.Number != 4 || next.Schema.ID != 4 {
		t.Errorf("the next version is %d with ID %d, want 4 with ID 4", next.Number, next.Schema.ID)
	}
	old := register(t, target, catalog.Name{Context: ".x", Subject: "new"}, catalog.Registration{Text: shut(1, "id")})
	if old.Schema.ID != 1 {
		t.Errorf("a known identity got ID %d, want 1", old.Schema.ID)
	}
}

// sameHistory demands that the audit of the source is in the archive of the target, and as it was written.
func sameHistory(t *testing.T, source, target *catalog.Registry) {
	t.Helper()
	want, err := source.Changes(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := target.Archive(t.Context(), "", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []catalog.Change
	for _, a := range rows {
		got = append(got, a.Change)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	chain, err := target.CheckArchive(t.Context(), want[0].Hash)
	if err != nil || chain.Rows != len(want) || chain.Hash != want[len(want)-1].Hash {
		t.Errorf("CheckArchive = %+v, %v", chain, err)
	}
	if _, err := target.CheckAudit(t.Context()); err != nil {
		t.Errorf("CheckAudit = %v", err)
	}
	own, err := target.Changes(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	noted := ""
	for _, c := range own {
		if c.Op == catalog.OpImport {
			noted = string(c.After)
		}
	}
	if !strings.Contains(noted, chain.Hash) || !strings.Contains(noted, `"whole":true`) {
		t.Errorf("the import is noted as %s, want the end of the history it brought, %s", noted, chain.Hash)
	}
}

func TestExportOfAPart(t *testing.T) {
	r := newRegistry(t)
	filled(t, r)
	x, none := ".x", ""
	for what, c := range map[string]struct {
		q    catalog.ExportQuery
		has  []string
		hasn []string
	}{
		"context": {catalog.ExportQuery{Context: &x}, []string{`"context":".x","name":"b"`, `{"policy":{"context":".x","mode":"READONLY"}}`}, []string{`a.order`, `"document"`, catalog.GlobalContext}},
		"prefix":  {catalog.ExportQuery{Prefix: "u"}, []string{`"name":"u"`, `"subject":"u","config"`}, []string{`a.order`, `"name":"c"`, `"mode":"READONLY"`}},
		"both":    {catalog.ExportQuery{Context: &none, Prefix: "a"}, []string{`"name":"a.order"`, `"alias":"c"`}, []string{`"name":"z.address"`, `".x"`}},
	} {
		dump := export(t, r, c.q)
		for _, s := range c.has {
			if !strings.Contains(dump, s) {
				t.Errorf("export by %s lacks %s:\n%s", what, s, dump)
			}
		}
		for _, s := range c.hasn {
			if strings.Contains(dump, s) {
				t.Errorf("export by %s has %s:\n%s", what, s, dump)
			}
		}
	}
	// What a part refers to outside is missing elsewhere, and said.
	target := newRegistry(t)
	openFor(t, target)
	part := export(t, r, catalog.ExportQuery{Context: &none, Prefix: "a.order"})
	done, err := target.Import(t.Context(), strings.NewReader(part), false)
	if err != nil || len(done.Refused) != 1 || !strings.Contains(done.Refused[0].Reason, "z.address version 1") {
		t.Errorf("Import of a part = %+v, %v, want its reference refused", done, err)
	}
}

func TestImportRefusesWhatIsNotAsItWasExported(t *testing.T) {
	source := newRegistry(t)
	filled(t, source)
	dump := export(t, source, catalog.ExportQuery{})
	lines := strings.SplitAfter(strings.TrimSuffix(dump, "\n"), "\n")
	for what, c := range map[string]struct{ dump, want string }{
		"nothing":          {"", "before its last line: it was cut"},
		"cut in a line":    {dump[:len(dump)/2], "line "},
		"cut between":      {strings.Join(lines[:len(lines)/2], ""), "before its last line: it was cut"},
		"without its end":  {strings.Join(lines[:len(lines)-1], ""), "before its last line: it was cut"},
		"a line less":      {strings.Join(append(append([]string{}, lines[:4]...), lines[5:]...), ""), "cut or edited"},
		"a line twice":     {strings.Join(append(append([]string{}, lines[:4]...), lines[3:]...), ""), "cut or edited"},
		"edited":           {strings.Replace(dump, "street", "avenue", 1), "cut or edited"},
		"a line behind":    {dump + "{}\n", "text after the last line"},
		"another format":   {sealed(`{"accord":{"format":2,"at":"2026-01-02T03:04:05Z","revision":9}}`), "format 2; this program reads format 1"},
		"no header":        {sealed(`{"document":{"kind":"Team","name":"x","body":{}}}`), "line 1: a dump begins with its header"},
		"two headers":      {sealed(dumpHead, dumpHead), "line 2: a second header"},
		"something new":    {sealed(dumpHead, `{"schemata":{}}`), `line 2: json: unknown field "schemata"`},
		"an empty line":    {sealed(dumpHead, `{}`), "line 2: nothing that this program knows"},
		"a version alone":  {sealed(dumpHead, `{"version":{"number":1,"id":1,"state":"live"}}`), "line 2: it belongs to no subject"},
		"a line too long":  {sealed(dumpHead, `{"document":{"kind":"`+strings.Repeat("x", catalog.MaxLineBytes)+`"}}`), "longer than MaxLineBytes"},
		"a wrong context":  {sealed(dumpHead, `{"subject":{"context":"x","name":"a","head":1}}`), "line 2: "},
		"two in one line":  {sealed(dumpHead, `{"context":{"name":".","ids":1}} {"context":{"name":".","ids":2}}`), "more than one value"},
		"an empty archive": {"\n\n", "line 1: "},
	} {
		target := newRegistry(t)
		openFor(t, target)
		done, err := target.Import(t.Context(), strings.NewReader(c.dump), false)
		if !errors.Is(err, catalog.InvalidDump) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Import of a dump with %s = %+v, %.300v, want %q", what, done, err, c.want)
		}
		if left := content(export(t, target, catalog.ExportQuery{})); len(left) != 1 { // the mode
			t.Errorf("a dump with %s left %v", what, left)
		}
	}
}

func TestImportRefusesLinesAndTakesTheRest(t *testing.T) {
	const good = `{"subject":{"context":".","name":"good","head":1}}
{"schema":{"id":1,"text":"{\"type\":\"string\"}"}}
{"version":{"number":1,"id":1,"state":"live"}}`
	subject := `{"subject":{"context":".","name":"bad","head":1}}`
	schema := `{"schema":{"id":2,"text":"true"}}`
	version := `{"version":{"number":1,"id":2,"state":"live"}}`
	for what, c := range map[string]struct {
		lines string
		line  int
		want  string
	}{
		"a subject without name":      {`{"subject":{"context":".","name":"","head":1}}` + "\n" + schema + "\n" + version, 5, "not a subject name"},
		"a reserved subject":          {`{"subject":{"context":".","name":"__GLOBAL","head":1}}` + "\n" + schema + "\n" + version, 5, "reserved"},
		"a number of 0":               {subject + "\n" + schema + "\n" + strings.Replace(version, "1", "0", 1), 7, "version 0 is not in"},
		"an ID of 0":                  {subject + "\n" + strings.Replace(schema, "2", "0", 1), 6, "ID 0 is not in"},
		"a version without schema":    {subject + "\n" + version, 6, "no schema line above has ID 2"},
		"a version twice":             {subject + "\n" + schema + "\n" + version + "\n" + version, 8, "version 1 stands twice"},
		"a state":                     {subject + "\n" + schema + "\n" + strings.Replace(version, "live", "dead", 1), 7, `state "dead"`},
		"an ID that is taken":         {subject + "\n" + strings.Replace(schema, "2", "1", 1) + "\n" + strings.Replace(version, `"id":2`, `"id":1`, 1), 6, "means another schema"},
		"a GUID of another":           {subject + "\n" + strings.Replace(schema, "{\"id", "{\"guid\":\"f1fe7b67-2a38-5d50-83ec-6a3a5ab2a8b2\",\"id", 1) + "\n" + version, 0, ""},
		"a GUID that is none":         {subject + "\n" + strings.Replace(schema, "{\"id", "{\"guid\":\"x\",\"id", 1) + "\n" + version, 6, "not a GUID"},
		"a reference to nothing":      {subject + "\n" + strings.Replace(schema, "}}", `,"references":[{"name":"n","subject":"none","version":3}]}}`, 1) + "\n" + version, 6, "none version 3"},
		"a reference without version": {subject + "\n" + strings.Replace(schema, "}}", `,"references":[{"name":"n","subject":"none","version":-1}]}}`, 1) + "\n" + version, 6, "names no version"},
		"a policy's level":            {`{"policy":{"context":".","subject":"s","config":{"compatibility":"SIDEWAYS"}}}`, 5, "SIDEWAYS"},
		"a policy's mode":             {`{"policy":{"context":".","subject":"s","mode":"SIDEWAYS"}}`, 5, "not a mode"},
		"a document":                  {`{"document":{"kind":"Service","name":"x","body":{"kind":"Other"}}}`, 5, "Service x"},
		"a row of history":            {`{"audit":{"chain":"c","rev":1,"at":"2026-01-02T03:04:05Z","op":"register","hash":"h"}}`, 5, "not a hash of history"},
		"a NUL character":             {subject + "\n" + strings.Replace(schema, "true", `\"\\u0000\u0000\"`, 1) + "\n" + version, 6, "NUL"},
		"IDs of a context":            {`{"context":{"name":".","ids":-1}}`, 5, "is none"},
	} {
		r := newRegistry(t)
		openFor(t, r)
		dump := sealed(append([]string{dumpHead}, strings.Split(good+"\n"+c.lines, "\n")...)...)
		for _, try := range []bool{true, false} {
			done, err := r.Import(t.Context(), strings.NewReader(dump), try)
			switch {
			case err != nil:
				t.Errorf("Import with %s = %v", what, err)
			case c.want == "" && len(done.Refused) == 0:
			case len(done.Refused) != 1 || done.Refused[0].Line != c.line || !strings.Contains(done.Refused[0].Reason, c.want) || done.Created != 1 && what != "an ID that is taken" && !try:
				if try && what == "an ID that is taken" { // of two lines of one dump a trial sees nothing
					continue
				}
				t.Errorf("Import with %s (trial: %t) = %+v, want line %d refused: %s", what, try, done, c.line, c.want)
			}
		}
	}
}

func TestImportKeepsWhatDoesNotCompile(t *testing.T) {
	r := newRegistry(t)
	openFor(t, r)
	dump := sealed(dumpHead,
		`{"subject":{"context":".","name":"s","head":3}}`,
		`{"schema":{"id":1,"text":"{\"type\": 7}"}}`, `{"version":{"number":1,"id":1,"state":"live"}}`,
		`{"schema":{"id":2,"text":"not JSON"}}`, `{"version":{"number":2,"id":2,"state":"live"}}`,
		`{"schema":{"id":3,"text":"{\"$ref\":\"x\"}","broken":"x was purged","references":[{"name":"x","subject":"gone","version":1}]}}`, `{"version":{"number":3,"id":3,"state":"live"}}`,
		`{"schema":{"id":4,"text":"{\"$ref\":\"http://127.0.0.1:1/x\"}","broken":""}}`, `{"version":{"number":4,"id":4,"state":"live"}}`,
		`{"schema":{"id":5,"text":"{\"type\":\"object\"}","broken":"elsewhere"}}`, `{"version":{"number":5,"id":5,"state":"live"}}`,
	)
	done := imports(t, r, dump)
	var lines []int
	for _, b := range done.Broken {
		lines = append(lines, b.Line)
	}
	if diff := cmp.Diff([]int{3, 5, 7, 9}, lines); diff != "" || done.Created != 5 {
		t.Errorf("%d created, broken lines (-want +got):\n%s", done.Created, diff)
	}
	for id, want := range map[int]string{1: `{"type": 7}`, 2: `not JSON`, 3: `{"$ref":"x"}`, 5: `{"type":"object"}`} {
		s, err := r.SchemaByID(t.Context(), "", id)
		if err != nil || s.Text != want || (s.Broken == "") != (id == 5) {
			t.Errorf("SchemaByID(%d) = %+v, %v, want the text %s as it was", id, s, err, want)
		}
	}
}

func TestImportWhereSomethingIs(t *testing.T) {
	source := newRegistry(t)
	register(t, source, subject("s"), catalog.Registration{Text: shut(0, "a")})
	register(t, source, subject("s"), catalog.Registration{Text: shut(0, "a", "b")})
	if _, err := source.SetConfig(t.Context(), subject("s"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Full}}); err != nil {
		t.Fatal(err)
	}
	dump := export(t, source, catalog.ExportQuery{})
	target := newRegistry(t)
	register(t, target, subject("s"), catalog.Registration{Text: shut(0, "a")}) // the same under the same ID
	if _, err := target.SetConfig(t.Context(), subject("s"), catalog.Patch{Set: catalog.Config{Compatibility: catalog.Forward}}); err != nil {
		t.Fatal(err)
	}
	openFor(t, target)
	done, err := target.Import(t.Context(), strings.NewReader(dump), false)
	if err != nil || len(done.Refused) != 1 || !strings.Contains(done.Refused[0].Reason, string(catalog.PolicyTaken)) || done.Same != 1 {
		t.Errorf("Import = %+v, %v, want one version the same and the policy refused", done, err)
	}
	if v, err := target.Version(t.Context(), subject("s"), 2, catalog.LiveOnly); err != nil || v.Schema.ID != 2 {
		t.Errorf("version 2 = %+v, %v", v, err)
	}
	other := newRegistry(t)
	register(t, other, subject("s"), catalog.Registration{Text: shut(0, "z")})
	openFor(t, other)
	done, err = other.Import(t.Context(), strings.NewReader(dump), false)
	if err != nil || len(done.Refused) != 1 {
		t.Errorf("Import over another history = %+v, %v, want the subject refused", done, err)
	}
	if _, err := other.Version(t.Context(), subject("s"), 2, catalog.LiveOnly); !errors.Is(err, catalog.VersionNotFound) {
		t.Errorf("a part of a refused subject is there: %v", err)
	}
}

// countingWriter counts, and looks at the memory in use while an export is under way.
type countingWriter struct {
	bytes int64
	most  uint64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	if w.bytes += int64(len(b)); w.bytes/(1<<20) != (w.bytes-int64(len(b)))/(1<<20) {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(b), nil
}

func TestExportAndImportHoldLittleInMemory(t *testing.T) {
	store := newStore(t)
	ctx := context.Background()
	const subjects, versions = 50, 100
	filler := strings.Repeat("x", 4000)
	for i := range subjects {
		var batch []catalog.Version
		for j := range versions {
			s := catalog.Schema{Text: fmt.Sprintf(`{"title":"%d.%d","description":"%s"}`, i, j, filler)}
			s.GUID = s.GUIDOf()
			batch = append(batch, catalog.Version{Schema: s})
		}
		if _, _, err := store.Append(ctx, subject(fmt.Sprintf("s%03d", i)), catalog.Head{Rev: ^catalog.Rev(0) >> 1}, batch...); err != nil {
			t.Fatal(err)
		}
	}
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var w countingWriter
	if err := newRegistryOn(store).Export(ctx, catalog.ExportQuery{}, &w); err != nil {
		t.Fatal(err)
	}
	grown := int64(w.most) - int64(before.HeapAlloc)
	t.Logf("%d versions, %d MiB of dump, at most %d KiB more in memory", subjects*versions, w.bytes>>20, grown>>10)
	if w.bytes < 20<<20 || grown > 4<<20 {
		t.Errorf("an export of %d bytes held %d bytes more than before", w.bytes, grown)
	}
}

// newRegistryOn returns a registry that does not listen.
func newRegistryOn(s catalog.Store) *catalog.Registry { return catalog.New(s, catalog.Options{}) }

// failingWriter breaks after some bytes.
type failingWriter struct{ left int }

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

func TestExportTellsThatItCouldNotBeWritten(t *testing.T) {
	r := newRegistry(t)
	filled(t, r)
	if err := r.Export(t.Context(), catalog.ExportQuery{}, &failingWriter{left: 100}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Export to a broken pipe = %v", err)
	}
}
