package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
)

// maxLossesShown bounds how many losses of a kind are listed.
const maxLossesShown = 50

// importConfluentCommand moves a Confluent registry here.
func importConfluentCommand(std streams) *cobra.Command {
	var registry, into string
	var yes, verify, keepMode bool
	from := &credentials{side: "source"}
	cmd := &cobra.Command{
		Use:   "confluent URL|FILE",
		Short: "Move a Confluent Schema Registry here, IDs kept",
		Long: `Reads a Confluent Schema Registry over HTTP, or a dump of its topic _schemas (a record a line, key and
value as JSON), and says what would be lost: schemas of other types, schemas that do not compile, two
IDs for one identity, versions that contradict their predecessors or are judged otherwise here.
Nothing is written without --yes. IDs, numbers, soft deletions, metadata, rules, aliases and modes are
kept; what broke off is finished by running the same command again.`,
		Example: `  accord import confluent http://old-registry:8081
  accord import confluent http://old-registry:8081 --yes --verify
  accord import confluent schemas-topic.txt --context .old --yes`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := newRemote("registry", registry)
			if err != nil {
				return err
			}
			f := &catalog.Foreign{}
			if into != "" && into != "." {
				name, err := catalog.ParseName(":" + into + ":")
				if err != nil || name.Context == catalog.GlobalContext {
					return exit(exitUsage, fmt.Errorf("--context %s is not a context such as .old", into))
				}
				f.Into = name.Context
			}
			ctx := cmd.Context()
			source, err := readForeign(ctx, args[0], from, f)
			if err != nil {
				return err
			}
			if err := printLosses(ctx, f, std.out); err != nil {
				return err
			}
			switch {
			case yes:
				if err := writeForeign(ctx, at, f, keepMode, std); err != nil {
					return err
				}
			case !verify:
				fmt.Fprintln(std.out, "Nothing was written: add --yes to import.")
			}
			if verify {
				return verifyForeign(ctx, source, &confluent{at}, f, std)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry that takes it")
	cmd.Flags().StringVar(&into, "context", "", "context that takes what is in the default context there")
	cmd.Flags().BoolVar(&yes, "yes", false, "import, after the losses were told")
	cmd.Flags().BoolVar(&verify, "verify", false, "read back every ID from both sides and compare the bytes")
	cmd.Flags().BoolVar(&keepMode, "keep-mode", false, "leave mode IMPORT on")
	from.flags(cmd)
	return cmd
}

// readForeign reads a registry or a dump; the registry is nil for a dump.
func readForeign(ctx context.Context, from string, c *credentials, f *catalog.Foreign) (*confluent, error) {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		source, err := newConfluent("source", from, c)
		if err != nil {
			return nil, err
		}
		if err := source.read(ctx, f); err != nil {
			return nil, exit(statusOf(err), fmt.Errorf("read %s: %w", source.base, err))
		}
		return source, nil
	}
	file, err := os.Open(from)
	if err != nil {
		return nil, exit(exitInput, err)
	}
	defer file.Close()
	if err := f.ReadTopic(file); err != nil {
		return nil, exit(exitInput, fmt.Errorf("%s: %w", from, err))
	}
	return nil, nil
}

// printLosses says what there is, and what would be lost.
func printLosses(ctx context.Context, f *catalog.Foreign, out io.Writer) error {
	versions, deleted := 0, 0
	contexts := map[string]bool{}
	for _, name := range f.Subjects() {
		contexts[name.Context] = true
		for _, v := range f.Versions(name) {
			versions++
			if v.Deleted {
				deleted++
			}
		}
	}
	fmt.Fprintf(out, "%d versions (%d of them soft-deleted) of %d subjects in %d contexts, %d policies\n", versions, deleted, len(f.Subjects()), len(contexts), len(f.Policies()))
	losses, err := f.Losses(ctx)
	if err != nil {
		return err
	}
	byKind := map[catalog.LossKind][]catalog.Loss{}
	for _, l := range losses {
		byKind[l.Kind] = append(byKind[l.Kind], l)
	}
	for _, kind := range catalog.LossKinds {
		list := byKind[kind]
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%d %s\n", len(list), kind)
		for _, l := range list[:min(len(list), maxLossesShown)] {
			if l.Why != "" {
				l.Where += ": " + l.Why
			}
			fmt.Fprintf(out, "  %s\n", l.Where)
		}
		if more := len(list) - maxLossesShown; more > 0 {
			fmt.Fprintf(out, "  and %d more\n", more)
		}
	}
	if len(losses) == 0 {
		fmt.Fprintln(out, "Nothing would be lost.")
	}
	fmt.Fprintln(out)
	return nil
}

// writeForeign imports it as a dump.
func writeForeign(ctx context.Context, at *remote, f *catalog.Foreign, keepMode bool, std streams) error {
	file, err := os.CreateTemp("", "accord-import-*.ndjson")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := f.Dump(ctx, file); err != nil {
		return err
	}
	var scopes []string
	for _, name := range f.Subjects() {
		if scope := ":" + name.ContextName() + ":"; !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return importDump(ctx, at, file, scopes, keepMode, std)
}

// verifyForeign reads every ID from both sides and compares the bytes; source is nil where they came from a file. GUIDs
// that came along must lead to the same text.
func verifyForeign(ctx context.Context, source, target *confluent, f *catalog.Foreign, std streams) error {
	compared, different := 0, 0
	differ := func(v *catalog.ForeignVersion, format string, args ...any) {
		different++
		fmt.Fprintf(std.err, "ID %d of context %s: %s\n", v.ID, v.ContextName(), fmt.Sprintf(format, args...))
	}
	for _, v := range idsOf(f) {
		want := v.Text
		if source != nil {
			from := v.Context
			if from == f.Into {
				from = ""
			}
			text, there, err := source.text(ctx, from, v.ID)
			if err == nil && !there && f.Into != "" { // it was in that context there as well
				text, there, err = source.text(ctx, f.Into, v.ID)
			}
			if err != nil {
				return err
			}
			if !there {
				differ(v, "the source does not have it any more")
				continue
			}
			want = text
		}
		got, there, err := target.text(ctx, v.Context, v.ID)
		switch {
		case err != nil:
			return err
		case !there:
			differ(v, "not there")
			continue
		case got != want:
			differ(v, "other bytes")
			continue
		}
		if v.GUID != "" {
			var byGUID struct {
				Schema string `json:"schema"`
			}
			err := target.call(ctx, http.MethodGet, "/schemas/guids/"+v.GUID, nil, &byGUID)
			if _, refused := errors.AsType[*remoteError](err); err != nil && !refused {
				return err
			}
			if byGUID.Schema != want {
				differ(v, "GUID %s does not lead to it", v.GUID)
				continue
			}
		}
		compared++
	}
	fmt.Fprintf(std.out, "%d IDs are the same on both sides, %d are not\n", compared, different)
	if different > 0 {
		return exit(exitFindings, nil)
	}
	return nil
}
