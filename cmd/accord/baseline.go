package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// baseline is what a schemas folder is compared with: the promises given so far.
type baseline struct {
	name     string        // as on the command line
	whole    bool          // a folder: what it has and the new one has not was removed. A registry may hold more
	subjects []baseSubject // each after those that it refers to
}

// baseSubject is one subject of a baseline.
type baseSubject struct {
	name, level string
	versions    []baseVersion // ascending
}

// baseVersion is one released version.
type baseVersion struct {
	number     int
	text       []byte
	references []catalog.Reference
	lens       []byte // nil = none
}

// find returns a subject, nil if the baseline has none of that name.
func (b *baseline) find(name string) *baseSubject {
	for i := range b.subjects {
		if b.subjects[i].name == name {
			return &b.subjects[i]
		}
	}
	return nil
}

// version returns a released version, nil if there is none of that number. A nil subject has none.
func (s *baseSubject) version(number int) *baseVersion {
	if s == nil {
		return nil
	}
	for i := range s.versions {
		if s.versions[i].number == number {
			return &s.versions[i]
		}
	}
	return nil
}

// loadBaseline reads what --against names: registry, git:REF or dir:PATH. dir is the folder that is checked. What
// cannot be read is an error with exit status 3; what can be read but is not valid, 4.
func loadBaseline(ctx context.Context, against, dir, registry string) (*baseline, error) {
	kind, rest, _ := strings.Cut(against, ":")
	switch kind {
	case "registry":
		at, err := newRemote("registry", registry)
		if err != nil {
			return nil, err
		}
		return registryBaseline(ctx, at)
	case "dir":
		info, err := os.Stat(rest)
		if err != nil || !info.IsDir() {
			return nil, exit(exitUnavailable, fmt.Errorf("--against %s: there is no such folder", against))
		}
		return treeBaseline(against, os.DirFS(rest))
	case "git":
		files, err := gitFolder(ctx, rest, dir)
		if err != nil {
			return nil, err
		}
		if files == nil {
			return &baseline{name: against}, nil
		}
		return treeBaseline(against, files)
	}
	return nil, exit(exitUsage, fmt.Errorf("--against %s: want registry, git:REF or dir:PATH", against))
}

// treeBaseline reads a schemas folder as a baseline: its versions, not its drafts.
func treeBaseline(name string, files fs.FS) (*baseline, error) {
	tree, problems, err := catalog.ReadTree(files)
	if err != nil {
		return nil, exit(exitInput, fmt.Errorf("baseline %s: %w", name, err))
	}
	for _, p := range problems {
		if p.Severity == catalog.SeverityError {
			return nil, exit(exitInput, fmt.Errorf("baseline %s: %s", name, p))
		}
	}
	folders, err := tree.Order()
	if err != nil {
		return nil, exit(exitInput, fmt.Errorf("baseline %s: %w", name, err))
	}
	b := &baseline{name: name, whole: true}
	for _, f := range folders {
		s := baseSubject{name: f.Subject, level: tree.Compatibility(f)}
		for _, v := range f.Versions {
			refs, err := tree.References(v.Text)
			if err != nil {
				return nil, exit(exitInput, fmt.Errorf("baseline %s: %s: %w", name, v.Path, err))
			}
			s.versions = append(s.versions, baseVersion{v.Number, v.Text, refs, v.Lens})
		}
		b.subjects = append(b.subjects, s)
	}
	return b, nil
}

// gitFolder reads a folder as it was at a commit, through one git process; nil if it was not there yet. A commit that is not here (a shallow
// clone) is an error with the command that fetches it.
func gitFolder(ctx context.Context, ref, dir string) (fs.FS, error) {
	if ref == "" || strings.HasPrefix(ref, "-") {
		return nil, exit(exitUsage, fmt.Errorf("--against git:%s: want a commit, such as git:HEAD or git:main", ref))
	}
	where, err := git(ctx, dir, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("%s is not in a git repository: %w", dir, err))
	}
	top, prefix, _ := strings.Cut(strings.TrimSuffix(string(where), "\n"), "\n")
	commit, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("git does not have %s here: fetch it first (git fetch --unshallow origin, or git fetch origin %s)", ref, ref))
	}
	object := strings.TrimSpace(string(commit)) + ":" + strings.TrimSuffix(prefix, "/")
	if _, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", object); err != nil {
		return nil, nil // the folder is new: nothing was promised
	}
	archive, err := git(ctx, top, "archive", "--format=zip", object)
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("git archive %s: %w", object, err))
	}
	files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("git archive %s: %w", object, err))
	}
	return files, nil
}

// git runs one git command in a folder.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	var fault bytes.Buffer
	cmd.Stderr = &fault
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New(cmp.Or(strings.TrimSpace(fault.String()), err.Error()))
	}
	return out, nil
}

// registryBaseline reads everything that a registry holds.
func registryBaseline(ctx context.Context, at *remote) (*baseline, error) {
	subjects, err := listSubjects(ctx, at)
	if err != nil {
		return nil, err
	}
	found := map[string]*baseSubject{}
	for _, listed := range subjects {
		s := &baseSubject{name: listed.Name, level: listed.Level}
		var numbers []int
		path := "/subjects/" + url.PathEscape(listed.Name) + "/versions"
		if err := at.call(ctx, "GET", path, nil, &numbers); err != nil {
			return nil, exit(exitUnavailable, fmt.Errorf("%s: %w", listed.Name, err))
		}
		for _, n := range numbers {
			v, err := fetchVersion(ctx, at, listed.Name, n)
			if err != nil {
				return nil, exit(exitUnavailable, fmt.Errorf("%s version %d: %w", listed.Name, n, err))
			}
			s.versions = append(s.versions, v)
		}
		found[s.name] = s
	}
	b := &baseline{name: "registry " + at.base}
	done := map[string]bool{}
	var visit func(s *baseSubject)
	visit = func(s *baseSubject) {
		if s == nil || done[s.name] {
			return
		}
		done[s.name] = true // a registry accepts no circle between versions
		for _, v := range s.versions {
			for _, ref := range v.references {
				visit(found[ref.Subject])
			}
		}
		b.subjects = append(b.subjects, *s)
	}
	for _, listed := range subjects {
		visit(found[listed.Name])
	}
	return b, nil
}

// fetchVersion reads one version with its lens.
func fetchVersion(ctx context.Context, at *remote, subject string, number int) (baseVersion, error) {
	var stored struct {
		Schema     string              `json:"schema"`
		References []catalog.Reference `json:"references"`
	}
	base := path.Join("/subjects", url.PathEscape(subject), "versions", fmt.Sprint(number))
	if err := at.call(ctx, "GET", base, nil, &stored); err != nil {
		return baseVersion{}, err
	}
	var lens struct {
		Lens json.RawMessage `json:"lens"`
	}
	if err := at.call(ctx, "GET", "/v1"+base+"/lens", nil, &lens); err != nil && !notFound(err) {
		return baseVersion{}, err
	}
	return baseVersion{number, []byte(stored.Schema), stored.References, lens.Lens}, nil
}

// listedSubject is a row of the registry's list.
type listedSubject struct {
	Name  string `json:"name"`
	Level string `json:"level"`
}

// listSubjects reads the names and levels of all subjects of the default context, page by page.
func listSubjects(ctx context.Context, at *remote) ([]listedSubject, error) {
	var all []listedSubject
	for after := ""; ; {
		var page struct {
			Subjects []listedSubject `json:"subjects"`
			Next     string          `json:"next"`
		}
		query := url.Values{"expand": {"config"}, "context": {"."}}
		if after != "" {
			query.Set("after", after)
		}
		if err := at.call(ctx, "GET", "/v1/subjects?"+query.Encode(), nil, &page); err != nil {
			return nil, exit(exitUnavailable, fmt.Errorf("list subjects: %w", err))
		}
		all = append(all, page.Subjects...)
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}

// documentKey is what a document is kept under.
type documentKey struct{ kind, name string }

func documentPath(kind, name string) string {
	return "/v1/documents/" + kind + "/" + url.PathEscape(name)
}

// listDocuments reads the bodies of all documents, page by page.
func listDocuments(ctx context.Context, at *remote) (map[documentKey]json.RawMessage, error) {
	all := map[documentKey]json.RawMessage{}
	for after := ""; ; {
		var page struct {
			Documents []struct {
				Kind, Name string
				Body       json.RawMessage
			} `json:"documents"`
			Next string `json:"next"`
		}
		if err := at.call(ctx, "GET", "/v1/documents?after="+url.QueryEscape(after), nil, &page); err != nil {
			return nil, exit(exitUnavailable, fmt.Errorf("list documents: %w", err))
		}
		for _, d := range page.Documents {
			all[documentKey{d.Kind, d.Name}] = d.Body
		}
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}

// sameJSON compares two JSON values, whatever the order of members.
func sameJSON(a, b []byte) bool { return sameCanonical(a, b, true) }

// sameCanonical compares canonical texts; what has none equals nothing.
func sameCanonical(a, b []byte, normalize bool) bool {
	ca, errA := catalog.Canonical(string(a), normalize)
	cb, errB := catalog.Canonical(string(b), normalize)
	return errA == nil && errB == nil && ca == cb
}
