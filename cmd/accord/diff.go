package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/compat"
	"github.com/accordhq/accord/validator"
)

// diffCommand shows what changed between two versions of an event, and which change breaks whom.
func diffCommand(std streams) *cobra.Command {
	var from, registry string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff EVENT [A..B]",
		Short: "Show what changed between two versions of an event, and what breaks",
		Long: `Compares two versions of an event, by default the last two: can the newer read every event of the
older, and the older every event of the newer? A no comes with the event that shows it. Then every
change, in words, with its own effect.`,
		Example: `  accord diff orders.OrderPlaced 2..3
  accord diff orders.OrderPlaced --from dir:schemas --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := openVersions(from, registry)
			if err != nil {
				return err
			}
			a, b, err := versionRange(cmd.Context(), source, args)
			if err != nil {
				return err
			}
			d, err := compareVersions(cmd.Context(), source, args[0], a, b)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(std.out, d, nil)
			}
			return d.print(std.out)
		},
	}
	cmd.Flags().StringVar(&from, "from", "registry", "where the versions are: registry or dir:PATH")
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the comparison as JSON")
	return cmd
}

// versions is where `diff` finds schemas.
type versions interface {
	// last is the highest version number of a subject.
	last(ctx context.Context, subject string) (int, error)
	// document is one version with everything that it refers to.
	document(ctx context.Context, subject string, number int) (validator.Document, error)
}

func openVersions(from, registry string) (versions, error) {
	kind, dir, _ := strings.Cut(from, ":")
	switch kind {
	case "registry":
		at, err := newRemote("registry", registry)
		return registryVersions{at}, err
	case "dir":
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() {
			return nil, exit(exitInput, fmt.Errorf("--from %s: there is no such folder", from))
		}
		tree, _, err := catalog.ReadTree(os.DirFS(dir))
		if err != nil {
			return nil, exit(exitInput, err)
		}
		return folderVersions{tree}, nil
	}
	return nil, exit(exitUsage, fmt.Errorf("--from %s: want registry or dir:PATH", from))
}

type registryVersions struct{ at *remote }

func (r registryVersions) last(ctx context.Context, subject string) (int, error) {
	var latest struct {
		Version int `json:"version"`
	}
	err := r.at.call(ctx, "GET", "/subjects/"+url.PathEscape(subject)+"/versions/latest", nil, &latest)
	if err != nil {
		return 0, exit(max(statusOf(err), exitUnavailable), err)
	}
	return latest.Version, nil
}

func (r registryVersions) document(ctx context.Context, subject string, number int) (validator.Document, error) {
	doc := validator.Document{References: map[string][]byte{}}
	text, err := fetchClosure(ctx, r.at, subject, strconv.Itoa(number), doc.References)
	doc.Text = text
	return doc, err
}

type folderVersions struct{ tree *catalog.Tree }

func (f folderVersions) last(_ context.Context, subject string) (int, error) {
	folder := f.tree.Subjects[subject]
	if folder == nil || len(folder.Versions) == 0 {
		return 0, exit(exitInput, fmt.Errorf("the folder has no event %s", subject))
	}
	return len(folder.Versions), nil
}

func (f folderVersions) document(ctx context.Context, subject string, number int) (validator.Document, error) {
	last, err := f.last(ctx, subject)
	if err != nil {
		return validator.Document{}, err
	}
	if number < 1 || number > last {
		return validator.Document{}, exit(exitInput, fmt.Errorf("%s has versions 1 to %d, not %d", subject, last, number))
	}
	doc, err := f.tree.Document(f.tree.Subjects[subject].Versions[number-1].Text)
	if err != nil {
		return validator.Document{}, exit(exitInput, fmt.Errorf("%s version %d: %w", subject, number, err))
	}
	return doc, nil
}

// versionRange reads A..B; without it the last two versions.
func versionRange(ctx context.Context, source versions, args []string) (a, b int, err error) {
	if len(args) < 2 {
		last, err := source.last(ctx, args[0])
		if err != nil {
			return 0, 0, err
		}
		if last < 2 {
			return 0, 0, exit(exitInput, fmt.Errorf("%s has one version only: there is nothing to compare", args[0]))
		}
		return last - 1, last, nil
	}
	left, right, ok := strings.Cut(args[1], "..")
	a, errA := strconv.Atoi(left)
	b, errB := strconv.Atoi(right)
	if !ok || errA != nil || errB != nil || a < 1 || b < 1 {
		return 0, 0, exit(exitUsage, fmt.Errorf("%q is not a range of versions such as 2..3", args[1]))
	}
	return a, b, nil
}

// comparison is what `diff` prints.
type comparison struct {
	Subject  string          `json:"subject"`
	From     int             `json:"from"`
	To       int             `json:"to"`
	Backward compat.Result   `json:"backward"` // To reads events of From
	Forward  compat.Result   `json:"forward"`  // From reads events of To
	Changes  []compat.Change `json:"changes"`  // with the effect on reading events of From with To
}

// compareVersions compiles two versions and asks compat in both directions.
func compareVersions(ctx context.Context, source versions, subject string, a, b int) (*comparison, error) {
	var sides [2]*compat.Schema
	for i, number := range []int{a, b} {
		doc, err := source.document(ctx, subject, number)
		if err != nil {
			return nil, err
		}
		what := fmt.Sprintf("%s version %d", subject, number)
		schema, err := compile(what, doc)
		if err != nil {
			return nil, err
		}
		if sides[i], err = compat.Compile(schema); err != nil {
			return nil, exit(exitInput, fmt.Errorf("%s: %w", what, err))
		}
	}
	var c compat.Checker
	older, newer := sides[0], sides[1]
	d := &comparison{
		Subject: subject, From: a, To: b,
		Backward: c.Contains(ctx, older, newer, compat.Options{}),
		Forward:  c.Contains(ctx, newer, older, compat.Options{}),
	}
	d.Changes = c.Judge(ctx, compat.DirectionBackward, older, newer, compat.Diff(older, newer), compat.Options{})
	return d, ctx.Err()
}

// print is the difference for people.
func (d *comparison) print(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s v%d -> v%d\n\n", d.Subject, d.From, d.To)
	direction := func(name, question string, r compat.Result) {
		fmt.Fprintf(&b, "%-8s  %s  %s\n", name, strings.ToUpper(r.Verdict.String()), question)
		switch {
		case r.Counterexample != nil:
			fmt.Fprintf(&b, "    no: %s\n", clip(string(r.Counterexample.Event), 1024))
			for _, v := range r.Counterexample.Violations {
				fmt.Fprintf(&b, "    %s  %s\n", pointerOrRoot(v.Pointer), v.Message)
			}
		case r.Verdict == compat.Undecided:
			fmt.Fprintf(&b, "    %s: %s\n", r.Reason, r.Detail)
		}
	}
	direction("BACKWARD", fmt.Sprintf("can v%d read every event of v%d?", d.To, d.From), d.Backward)
	direction("FORWARD", fmt.Sprintf("can v%d read every event of v%d?", d.From, d.To), d.Forward)
	fmt.Fprintf(&b, "\n%d changes, with their effect on reading v%d with v%d\n", len(d.Changes), d.From, d.To)
	for _, c := range d.Changes {
		place := c.NewPointer
		if len(c.Addresses) > 0 {
			place = c.Addresses[0]
		}
		fmt.Fprintf(&b, "  %-9s %-28s %s", c.Effect, c.Rule, pointerOrRoot(place))
		if c.Before != "" || c.After != "" {
			fmt.Fprintf(&b, "  %s became %s", orAbsent(clip(c.Before, 60)), orAbsent(clip(c.After, 60)))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
