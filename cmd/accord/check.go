package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/catalog/sqlite"
)

// checkCommand fails a change that would break someone.
func checkCommand(std streams) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Fail a change that would break someone, and show the event that breaks",
		Long: `Compares a schemas folder (default: schemas) with what was promised: a registry, a commit, or
another folder. Every new version and draft is judged under its compatibility level against the
history, lenses included; released files must not change. What could not be judged is listed as
NOT CHECKED and is never green.

Exit status: 0 nothing found, 1 findings, 2 wrong usage, 3 could not check, 4 input not valid.`,
		Example: `  accord check --against git:HEAD
  accord check schemas --against registry --registry http://registry:8081 --out github --out json=check.json
  accord check --against dir:../released/schemas`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = folderArgument(args)
			return runCheck(cmd.Context(), std, o)
		},
	}
	cmd.Flags().StringArrayVar(&o.against, "against", []string{"registry"}, "baseline: registry, git:REF or dir:PATH; may be repeated")
	cmd.Flags().StringVar(&o.registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().StringArrayVar(&o.out, "out", []string{"text"}, "report: text, json or github, each with =FILE if it shall not go to standard output; may be repeated")
	cmd.Flags().StringVar(&o.failOn, "fail-on", "", "least severity that fails: error, warning or never (default: the project file's gate.failOn, else error)")
	cmd.Flags().BoolVar(&o.allowEmpty, "allow-empty", false, "an empty folder or baseline is no fault")
	return cmd
}

type checkOptions struct {
	dir, registry, failOn string
	against, out          []string
	allowEmpty            bool
}

// runCheck checks a folder against each baseline and prints every report that was asked for.
func runCheck(ctx context.Context, std streams, o checkOptions) error {
	reports, err := parseReports(o.out)
	if err != nil {
		return err
	}
	tree, err := loadTree(std.err, o.dir)
	if err != nil {
		return err
	}
	failOn, err := severityToFailOn(o.failOn, tree.Project.Gate.FailOn)
	if err != nil {
		return err
	}
	result := checkResult{Dir: o.dir, Findings: []finding{}, Subjects: []checkedSubject{}, NotChecked: []notChecked{}}
	for _, against := range o.against {
		base, err := loadBaseline(ctx, against, o.dir, o.registry)
		if err == nil {
			err = result.check(ctx, tree, base, o.allowEmpty)
		}
		known, ok := errors.AsType[*exitError](err)
		switch {
		case err == nil:
		case ok && known.status == exitUnavailable: // a baseline that is away is a gap in the report, not its end
			result.NotChecked = append(result.NotChecked, notChecked{Against: against, Subject: "*", Reason: known.Error()})
		default:
			return err
		}
	}
	if err := reports.write(std.out, &result); err != nil {
		return err
	}
	return result.status(failOn)
}

func severityToFailOn(flag, project string) (string, error) {
	for _, s := range []string{flag, project} {
		switch s {
		case "":
		case "error", "warning", "never":
			return s, nil
		default:
			return "", exit(exitUsage, fmt.Errorf("--fail-on %s: want error, warning or never", s))
		}
	}
	return "error", nil
}

// checkResult is what a check found; every report prints this one value.
type checkResult struct {
	Dir        string           `json:"dir"`
	Subjects   []checkedSubject `json:"subjects"`
	Findings   []finding        `json:"findings"`
	NotChecked []notChecked     `json:"notChecked"`
}

// checkedSubject is one judged step of a subject.
type checkedSubject struct {
	Against  string `json:"against"`
	Subject  string `json:"subject"`
	From     int    `json:"from,omitempty"` // latest version of the baseline's history, 0 = none
	To       int    `json:"to"`
	Draft    bool   `json:"draft,omitempty"`
	Level    string `json:"level"`
	Passes   bool   `json:"passes"`
	Sentence string `json:"sentence"`
}

// notChecked is a gap: something that could not be judged.
type notChecked struct {
	Against string `json:"against"`
	Subject string `json:"subject"` // "*" = everything
	Reason  string `json:"reason"`
}

// finding is one thing that is held against the change.
type finding struct {
	Rule           string          `json:"rule"`
	Severity       string          `json:"severity"`
	Against        string          `json:"against"`
	Subject        string          `json:"subject"`
	Address        string          `json:"address,omitempty"` // the place in an event
	Pointer        string          `json:"pointer,omitempty"` // the place in the schema file
	From           int             `json:"from,omitempty"`
	To             int             `json:"to,omitempty"`
	Level          string          `json:"level,omitempty"`
	Message        string          `json:"message"`
	Counterexample json.RawMessage `json:"counterexample,omitempty"` // an event that one side accepts and the other rejects
	Fingerprint    string          `json:"fingerprint"`
	Path           string          `json:"path,omitempty"`
	Line           int             `json:"line,omitempty"`
	Column         int             `json:"column,omitempty"`
	Waived         string          `json:"waived,omitempty"` // the reason of the waiver that lets it pass
}

// sign computes the fingerprint: stable against formatting, moved lines and new wording.
func (f *finding) sign() {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%d", f.Rule, f.Subject, f.Address, f.From, f.To))
	f.Fingerprint = hex.EncodeToString(sum[:6])
}

// status maps the result to an exit status; what was not checked is stronger than findings.
func (r *checkResult) status(failOn string) error {
	if len(r.NotChecked) > 0 {
		return exit(exitUnavailable, nil)
	}
	for _, f := range r.Findings {
		if f.Waived == "" && failOn != "never" && (f.Severity == catalog.SeverityError || failOn == "warning") {
			return exit(exitFindings, nil)
		}
	}
	return nil
}

// check judges one folder against one baseline. Both go through a registry of their own on a scratch store, so that
// the gate decides with the very code that a registration would meet.
func (r *checkResult) check(ctx context.Context, tree *catalog.Tree, base *baseline, allowEmpty bool) error {
	if !allowEmpty && (len(tree.Subjects) == 0 || len(base.subjects) == 0) {
		what := "the baseline has no subject"
		if len(tree.Subjects) == 0 {
			what = "the folder has no subject"
		}
		r.NotChecked = append(r.NotChecked, notChecked{base.name, "*", what + " (--allow-empty if that is meant)"})
		return nil
	}
	dir, err := os.MkdirTemp("", "accord-check-")
	if err != nil {
		return exit(exitUnavailable, err)
	}
	defer os.RemoveAll(dir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, "scratch.db"))
	if err != nil {
		return exit(exitUnavailable, fmt.Errorf("scratch store: %w", err))
	}
	defer store.Close()
	c := checker{result: r, tree: tree, base: base, registry: catalog.New(store, catalog.Options{})}
	folders, err := tree.Order()
	if err != nil {
		return exit(exitInput, err)
	}
	if err := c.loadBaseline(ctx, c.needed(folders)); err != nil {
		return err
	}
	for _, f := range folders {
		c.released(f)
		if err := c.versions(ctx, f); err != nil {
			return err
		}
	}
	for _, s := range base.subjects {
		if base.whole && tree.Subjects[s.name] == nil {
			c.find(finding{Rule: "subject-removed", Severity: catalog.SeverityError, Subject: s.name, Message: "the folder of a released subject is gone"}, "", nil)
		}
	}
	c.waive()
	return nil
}

type checker struct {
	result   *checkResult
	tree     *catalog.Tree
	base     *baseline
	registry *catalog.Registry
}

// find adds a finding, at a pointer of a file if it has one.
func (c *checker) find(f finding, path string, text []byte) {
	f.Against = c.base.name
	if path != "" {
		f.Path, f.Line, f.Column = c.result.Dir+"/"+path, 1, 1
		if places, err := catalog.FindPlaces(text); err == nil {
			place := places.Of(f.Pointer)
			f.Line, f.Column = place.Line, place.Column
		}
	}
	f.sign()
	if !slices.ContainsFunc(c.result.Findings, func(other finding) bool {
		return other.Fingerprint == f.Fingerprint && other.Message == f.Message && other.Against == f.Against
	}) {
		c.result.Findings = append(c.result.Findings, f)
	}
}

// news are the versions that the folder adds to the history, the draft last.
func (c *checker) news(f *catalog.Folder) []catalog.SchemaFile {
	released := 0
	if base := c.base.find(f.Subject); base != nil {
		released = len(base.versions)
	}
	news := slices.Clone(f.Versions[min(released, len(f.Versions)):])
	if f.Next != nil && f.Next.Text != nil {
		news = append(news, *f.Next)
	}
	return news
}

// needed are the subjects whose history has to be known: those that something is added to, and all they refer to.
func (c *checker) needed(folders []*catalog.Folder) map[string]bool {
	needed := map[string]bool{}
	var need func(subject string, refs []catalog.Reference)
	need = func(subject string, refs []catalog.Reference) {
		if subject != "" && !needed[subject] {
			needed[subject] = true
			if base := c.base.find(subject); base != nil {
				for _, v := range base.versions {
					need("", v.references)
				}
			}
		}
		for _, ref := range refs {
			need(ref.Subject, nil)
		}
	}
	for _, f := range folders {
		for _, v := range c.news(f) {
			refs, _ := c.tree.References(v.Text) // what cannot be read is told when it is judged
			need(f.Subject, refs)
		}
	}
	return needed
}

// loadBaseline gives the scratch registry the history, as it is: it was judged when it was made.
func (c *checker) loadBaseline(ctx context.Context, needed map[string]bool) error {
	for _, s := range c.base.subjects {
		if !needed[s.name] {
			continue
		}
		for _, v := range s.versions {
			_, err := c.registry.Register(ctx, catalog.Name{Subject: s.name}, catalog.Registration{Text: string(v.text), References: v.references, Lens: v.lens, Force: true})
			if err != nil {
				return exit(exitInput, fmt.Errorf("baseline %s: %s version %d: %w", c.base.name, s.name, v.number, err))
			}
		}
	}
	return nil
}

// released demands that released files are as they were and that the level did not loosen.
func (c *checker) released(f *catalog.Folder) {
	base := c.base.find(f.Subject)
	if base == nil {
		return
	}
	for i, v := range base.versions {
		if i >= len(f.Versions) {
			c.find(finding{Rule: "version-removed", Severity: catalog.SeverityError, Subject: f.Subject, To: v.number, Message: fmt.Sprintf("v%d.json was released and is gone", v.number)}, "", nil)
			continue
		}
		file := f.Versions[i]
		if !sameSchema(file.Text, v.text) {
			c.find(finding{Rule: "version-changed", Severity: catalog.SeverityError, Subject: f.Subject, To: v.number, Message: fmt.Sprintf("v%d is released and must not change: put the change in next.json", v.number)}, file.Path, file.Text)
		}
	}
	if level := c.tree.Compatibility(f); base.level != "" && level != "" && looser(level, base.level) {
		c.find(finding{Rule: "level-loosened", Severity: catalog.SeverityWarning, Subject: f.Subject, Level: level, Message: fmt.Sprintf("the compatibility level was %s and is %s", base.level, level)}, f.Path, nil)
	}
}

// sameSchema compares canonical texts: white space is no change.
func sameSchema(a, b []byte) bool {
	return sameCanonical(a, b, false)
}

// looser says whether a level promises less than another: fewer directions, or only the latest version.
func looser(now, before string) bool {
	rank := func(level string) (directions int, transitive bool) {
		level, transitive = strings.CutSuffix(level, "_TRANSITIVE")
		return map[string]int{"NONE": 0, "UPCASTABLE": 1, "BACKWARD": 2, "FORWARD": 2, "FULL": 3}[level], transitive
	}
	a, aAll := rank(now)
	b, bAll := rank(before)
	return a < b || a == b && bAll && !aAll
}

// versions judges what the folder adds to the history: new versions, then the draft.
func (c *checker) versions(ctx context.Context, f *catalog.Folder) error {
	news := c.news(f)
	if len(news) == 0 {
		return nil
	}
	name := catalog.Name{Subject: f.Subject}
	if level := c.tree.Compatibility(f); level != "" {
		parsed, err := catalog.ParseLevel(level)
		if err != nil {
			return exit(exitInput, fmt.Errorf("%s: %w", f.Path, err))
		}
		if _, err := c.registry.SetConfig(ctx, name, catalog.Patch{Set: catalog.Config{Compatibility: parsed}}); err != nil {
			return err
		}
	}
	draft := f.Next != nil && f.Next.Text != nil
	for i, v := range news {
		refs, err := c.tree.References(v.Text)
		if err != nil {
			return exit(exitInput, fmt.Errorf("%s: %w", v.Path, err))
		}
		reg := catalog.Registration{Text: string(v.Text), References: refs, Lens: v.Lens, Examples: examplesOf(f, v.Number-1)}
		lensStands, err := c.judge(ctx, f, v, reg, draft && i == len(news)-1)
		if err != nil {
			return err
		}
		reg.Force = true // what was found is in the report; the versions after it are judged all the same
		if !lensStands {
			reg.Lens = nil
		}
		if _, err := c.registry.Register(ctx, name, reg); err != nil {
			return exit(exitInput, fmt.Errorf("%s: %w", v.Path, err))
		}
	}
	return nil
}

// examplesOf returns the valid examples of one version.
func examplesOf(f *catalog.Folder, version int) [][]byte {
	var out [][]byte
	for _, e := range f.Examples {
		if e.Version == version && !e.Invalid {
			out = append(out, e.Text)
		}
	}
	return out
}

// waive marks the findings that a waiver accepts, and reports waivers that accept nothing.
func (c *checker) waive() {
	used := map[string]bool{}
	for i := range c.result.Findings {
		f := &c.result.Findings[i]
		for _, w := range c.tree.Waivers {
			expires, err := time.Parse(time.DateOnly, w.Expires)
			if w.Fingerprint == f.Fingerprint && err == nil && !time.Now().After(expires) {
				f.Waived, used[w.Fingerprint] = w.Reason, true
			}
		}
	}
	for _, w := range c.tree.Waivers {
		if !used[w.Fingerprint] {
			c.find(finding{Rule: "waiver-unused", Severity: catalog.SeverityWarning, Subject: w.Subject, Message: "the waiver " + w.Fingerprint + " accepts nothing that was found"}, "waivers.yaml", nil)
		}
	}
}
