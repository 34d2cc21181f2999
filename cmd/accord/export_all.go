package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

// exportAllCommand writes a dump of everything.
func exportAllCommand(std streams) *cobra.Command {
	var registry, contextName, prefix string
	cmd := &cobra.Command{
		Use:   "all",
		Short: "Write everything that the registry keeps, as a backup",
		Long: `Writes one consistent view of the registry to standard output, as lines of JSON: every version in
every state with its IDs, GUIDs and lenses, policies, documents and history. The last line says how
many lines there are and their SHA-256: a file that was cut or edited is not imported.`,
		Example: `  accord export all > dump.ndjson
  accord export all --context .team > team.ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := newRemote("registry", registry)
			if err != nil {
				return err
			}
			query := url.Values{}
			for name, value := range map[string]string{"context": contextName, "prefix": prefix} {
				if value != "" {
					query.Set(name, value)
				}
			}
			return exportAll(cmd.Context(), at, query, std.out)
		},
	}
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().StringVar(&contextName, "context", "", "only this context, without documents")
	cmd.Flags().StringVar(&prefix, "prefix", "", "only subjects whose name begins so, without documents")
	return cmd
}

// exportAll copies a dump to out. An error means that what was written is not whole.
func exportAll(ctx context.Context, at *remote, query url.Values, out io.Writer) error {
	path := "/v1/export"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	res, err := at.stream(ctx, "GET", path, "", nil)
	if err != nil {
		return exit(statusOf(err), fmt.Errorf("export: %w", err))
	}
	defer res.Close()
	var last lastLine
	if _, err := io.Copy(out, io.TeeReader(res, &last)); err != nil {
		return exit(exitUnavailable, fmt.Errorf("export: what was written is not whole: %w", err))
	}
	if !bytes.HasPrefix(last.line(), []byte(`{"end":true,`)) {
		return exit(exitUnavailable, errors.New("export: what was written is not whole: the last line is missing"))
	}
	return nil
}

// lastLine keeps the last line that was written to it, if that is not long.
type lastLine struct{ tail []byte }

// maxLastLine is more than the last line of a dump has.
const maxLastLine = 256

func (l *lastLine) Write(b []byte) (int, error) {
	l.tail = append(l.tail, b[max(0, len(b)-maxLastLine):]...)
	l.tail = l.tail[max(0, len(l.tail)-maxLastLine):]
	return len(b), nil
}

func (l *lastLine) line() []byte {
	tail := bytes.TrimSuffix(l.tail, []byte("\n"))
	return tail[bytes.LastIndexByte(tail, '\n')+1:]
}
