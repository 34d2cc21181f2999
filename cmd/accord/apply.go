package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
)

// applyCommand makes a registry hold what a schemas folder says.
func applyCommand(std streams) *cobra.Command {
	var registry string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply [DIR]",
		Short: "Make the registry hold what a schemas folder says",
		Long: `Registers every version, lens, compatibility level and document of a schemas folder (default:
schemas). Everything is judged before anything is written; what is there already stays as it is, so
the same command can be run again at any time. Nothing is ever deleted.`,
		Example: `  accord apply
  accord apply schemas --dry-run --registry http://registry:8081`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tree, err := loadTree(std.err, folderArgument(args))
			if err != nil {
				return err
			}
			at, err := newRemote("registry", registry)
			if err != nil {
				return err
			}
			base, err := registryBaseline(cmd.Context(), at)
			if err != nil {
				return err
			}
			plan, err := makePlan(cmd.Context(), at, tree, base)
			if err != nil {
				return err
			}
			if err := judgePlan(cmd.Context(), std.err, tree, base); err != nil {
				return err
			}
			plan.print(std.out)
			if dryRun {
				return nil
			}
			return plan.apply(cmd.Context(), at)
		},
	}
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan and write nothing")
	return cmd
}

// step is one change that apply makes: a request that is idempotent.
type step struct {
	action, what string // such as "version", "orders.OrderPlaced v3"
	method, path string
	body         any
}

// plan is what has to be done, in an order in which every reference comes before its referrer.
type plan struct {
	steps []step
	same  int // what is there already
}

// registration is the body of a registration.
type registration struct {
	Schema     string              `json:"schema"`
	SchemaType string              `json:"schemaType"`
	References []catalog.Reference `json:"references,omitempty"`
	Lens       json.RawMessage     `json:"lens,omitempty"`
}

// makePlan compares a folder with what a registry holds. It writes nothing. Levels come first, since they decide what
// may follow; documents last, since they speak of versions.
func makePlan(ctx context.Context, at *remote, tree *catalog.Tree, base *baseline) (*plan, error) {
	folders, err := tree.Order()
	if err != nil {
		return nil, exit(exitInput, err)
	}
	p := &plan{}
	for _, f := range folders {
		level := tree.Compatibility(f)
		if there := base.find(f.Subject); level == "" || there != nil && there.level == level {
			p.same++
			continue
		}
		p.steps = append(p.steps, step{"level", f.Subject + " " + level, "PUT", "/config/" + url.PathEscape(f.Subject), map[string]string{"compatibility": level}})
	}
	for _, f := range folders {
		for _, v := range f.Versions {
			if err := p.version(tree, base.find(f.Subject), f, v); err != nil {
				return nil, err
			}
		}
	}
	return p, p.documents(ctx, at, tree)
}

func (p *plan) version(tree *catalog.Tree, base *baseSubject, f *catalog.Folder, v catalog.SchemaFile) error {
	if there := base.version(v.Number); there != nil {
		if !sameSchema(v.Text, there.text) {
			return exit(exitFindings, fmt.Errorf("%s differs from version %d in the registry: v%d is released; put the change in next.json", v.Path, v.Number, v.Number))
		}
		p.same++
		return nil
	}
	refs, err := tree.References(v.Text)
	if err != nil {
		return exit(exitInput, fmt.Errorf("%s: %w", v.Path, err))
	}
	p.steps = append(p.steps, step{
		"version", fmt.Sprintf("%s v%d", f.Subject, v.Number), "POST", "/subjects/" + url.PathEscape(f.Subject) + "/versions",
		registration{Schema: string(v.Text), SchemaType: "JSON", References: refs, Lens: v.Lens},
	})
	return nil
}

func (p *plan) documents(ctx context.Context, at *remote, tree *catalog.Tree) error {
	there, err := listDocuments(ctx, at)
	if err != nil {
		return err
	}
	for _, d := range tree.Documents() {
		if sameJSON(there[documentKey{d.Kind, d.Name}], d.Body) {
			p.same++
			continue
		}
		p.steps = append(p.steps, step{"document", d.Kind + " " + d.Name, "PUT", documentPath(d.Kind, d.Name), d.Body})
	}
	return nil
}

// judgePlan judges the new versions as a whole, so that nothing is written when any of them would be refused.
func judgePlan(ctx context.Context, out io.Writer, tree *catalog.Tree, base *baseline) error {
	result := checkResult{Dir: "."}
	if err := result.check(ctx, tree, base, true); err != nil {
		return err
	}
	if result.status("error") == nil {
		return nil
	}
	result.Subjects = slices.DeleteFunc(result.Subjects, func(s checkedSubject) bool { return s.Passes })
	if err := textReport(out, &result); err != nil {
		return err
	}
	return exit(exitFindings, errors.New("nothing was written"))
}

func (p *plan) print(out io.Writer) {
	for _, s := range p.steps {
		fmt.Fprintf(out, "%-9s %s\n", s.action, s.what)
	}
	fmt.Fprintf(out, "%d to do, %d as they should be\n", len(p.steps), p.same)
}

// apply does the plan. An error leaves a valid prefix; the same command finishes it.
func (p *plan) apply(ctx context.Context, at *remote) error {
	for _, s := range p.steps {
		if err := at.call(ctx, s.method, s.path, s.body, nil); err != nil {
			return exit(statusOf(err), fmt.Errorf("%s %s: %w", s.action, s.what, err))
		}
	}
	return nil
}
