package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"
)

// importAllCommand reads a dump of everything.
func importAllCommand(std streams) *cobra.Command {
	var registry string
	var dryRun, keepMode bool
	cmd := &cobra.Command{
		Use:   "all FILE",
		Short: "Read what export all wrote",
		Long: `Reads a file that export all wrote, into this or another store: IDs, GUIDs, versions and their
states, policies, documents and history are kept. Nothing is overwritten, and a file that was cut or
edited is refused whole. What broke off is finished by running the same command again.

New versions need mode IMPORT. On an empty registry it is set for the import and ended after it;
elsewhere, set it first on the contexts that the file is for.`,
		Example: `  accord import all dump.ndjson --dry-run
  accord import all dump.ndjson --registry http://new:8081`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := newRemote("registry", registry)
			if err != nil {
				return err
			}
			file, err := os.Open(args[0])
			if err != nil {
				return exit(exitInput, err)
			}
			defer file.Close()
			if dryRun {
				_, err := sendDump(cmd.Context(), at, file, true, std)
				return err
			}
			return importDump(cmd.Context(), at, file, keepMode, std)
		},
	}
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be written, and write nothing")
	cmd.Flags().BoolVar(&keepMode, "keep-mode", false, "leave mode IMPORT on")
	return cmd
}

// importAnswer is what the registry says about a dump.
type importAnswer struct {
	Created  int         `json:"created"`
	Same     int         `json:"same"`
	Refused  []dumpFault `json:"refused"`
	Broken   []dumpFault `json:"broken"`
	LeftOff  int         `json:"left_off"`
	Revision uint64      `json:"revision"`
}

type dumpFault struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// globalMode is the path of the mode of everything.
var globalMode = "/mode/" + url.PathEscape(":.__GLOBAL:")

// importDump imports under mode IMPORT, which it sets where nothing is yet, and ends.
func importDump(ctx context.Context, at *remote, dump io.ReadSeeker, keepMode bool, std streams) error {
	open, err := openForImport(ctx, at)
	if err != nil {
		return err
	}
	if keepMode = keepMode || !open; !keepMode {
		if keepMode, err = endsInImport(dump); err != nil {
			return err
		}
	}
	answer, err := sendDump(ctx, at, dump, false, std)
	if known, ok := errors.AsType[*remoteError](err); ok && known.Code == 42205 {
		return exit(exitFindings, fmt.Errorf("%w; the registry is not empty: set mode IMPORT on the contexts that the file is for, with PUT /mode/:.context:?force=true", err))
	}
	if answer == nil || keepMode {
		return err
	}
	mode, errMode := modeOfAll(ctx, at)
	if errMode == nil && mode == "IMPORT" {
		errMode = at.call(ctx, http.MethodDelete, globalMode, nil, nil)
	}
	return errors.Join(err, errMode)
}

// openForImport makes sure of mode IMPORT for everything, where nothing is yet or an import was begun; false if it is
// left to whoever runs the registry.
func openForImport(ctx context.Context, at *remote) (bool, error) {
	mode, err := modeOfAll(ctx, at)
	if err != nil || mode == "IMPORT" {
		return err == nil, err
	}
	var there []string
	if err := at.call(ctx, http.MethodGet, "/subjects?deleted=true&limit=1", nil, &there); err != nil || len(there) > 0 {
		return false, err
	}
	return true, at.call(ctx, http.MethodPut, globalMode, map[string]string{"mode": "IMPORT"}, nil)
}

// modeOfAll is the mode that holds where nothing nearer says another.
func modeOfAll(ctx context.Context, at *remote) (string, error) {
	var held struct {
		Mode string `json:"mode"`
	}
	err := at.call(ctx, http.MethodGet, globalMode, nil, &held)
	return held.Mode, err
}

// endsInImport says whether the dump itself leaves everything in mode IMPORT.
func endsInImport(dump io.ReadSeeker) (ends bool, err error) {
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	lines := bufio.NewReader(dump)
	for {
		head, err := lines.ReadSlice('\n') // policies are short; of longer lines the parts are looked at
		if bytes.HasPrefix(head, []byte(`{"policy":{"context":".__GLOBAL",`)) && bytes.Contains(head, []byte(`"mode":"IMPORT"}}`)) {
			ends = true
		}
		if errors.Is(err, io.EOF) {
			return ends, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return false, err
		}
	}
}

// sendDump sends a dump and prints what became of it. The answer is nil if there is none; refused lines are an error
// as well.
func sendDump(ctx context.Context, at *remote, dump io.ReadSeeker, dryRun bool, std streams) (*importAnswer, error) {
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	path := "/v1/import"
	if dryRun {
		path += "?dry_run=true"
	}
	res, err := at.stream(ctx, http.MethodPost, path, "application/x-ndjson", dump)
	if err != nil {
		status := statusOf(err)
		if known, ok := errors.AsType[*remoteError](err); ok && known.Code == 422 {
			status = exitInput
		}
		return nil, exit(status, fmt.Errorf("import: %w", err))
	}
	defer res.Close()
	answer := &importAnswer{}
	if err := json.NewDecoder(res).Decode(answer); err != nil {
		return nil, exit(exitUnavailable, fmt.Errorf("import: the answer broke off: %w", err))
	}
	word := "created"
	if dryRun {
		word = "to create"
	}
	fmt.Fprintf(std.out, "%d %s, %d there already, %d refused\n", answer.Created, word, answer.Same, len(answer.Refused))
	for _, f := range answer.Broken {
		fmt.Fprintf(std.err, "line %d: kept, though it does not compile: %s\n", f.Line, f.Reason)
	}
	for _, f := range answer.Refused {
		fmt.Fprintf(std.err, "line %d: refused: %s\n", f.Line, f.Reason)
	}
	if answer.LeftOff > 0 {
		fmt.Fprintf(std.err, "and %d more lines\n", answer.LeftOff)
	}
	if len(answer.Refused) > 0 {
		return answer, exit(exitFindings, nil)
	}
	return answer, nil
}
