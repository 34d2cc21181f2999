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
			return importDump(cmd.Context(), at, file, nil, keepMode, std)
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

// globalScope is the scope of everything.
const globalScope = ":.__GLOBAL:"

// importDump imports under mode IMPORT, which it sets where nothing is yet, and ends. scopes are those that the dump is
// for, as :.context:; none means that it is known to be for a registry on its own.
func importDump(ctx context.Context, at *remote, dump io.ReadSeeker, scopes []string, keepMode bool, std streams) error {
	opened, err := openForImport(ctx, at, scopes)
	if err != nil {
		return err
	}
	answer, err := sendDump(ctx, at, dump, false, std)
	if known, ok := errors.AsType[*remoteError](err); ok && known.Code == 42205 {
		return exit(exitFindings, fmt.Errorf("%w; the registry is not empty: set mode IMPORT on the contexts that the file is for, with PUT /mode/:.context:?force=true", err))
	}
	if answer == nil || keepMode {
		return err
	}
	kept, errKept := endsInImport(dump)
	for _, scope := range opened {
		if errKept == nil && !kept[scope] {
			errKept = closeAfterImport(ctx, at, scope)
		}
	}
	return errors.Join(err, errKept)
}

// openForImport makes sure of mode IMPORT where nothing is yet or an import was begun, and returns the scopes that have
// it: everything, or of the scopes given those that are empty. What is left out is left to whoever runs the registry.
func openForImport(ctx context.Context, at *remote, scopes []string) ([]string, error) {
	var opened []string
	for _, scope := range append([]string{globalScope}, scopes...) {
		mode, err := modeOf(ctx, at, scope)
		if err != nil {
			return nil, err
		}
		empty := false
		if mode != "IMPORT" {
			prefix := url.QueryEscape(scope)
			if scope == globalScope {
				prefix = url.QueryEscape(":*:")
			}
			var there []string
			if err := at.call(ctx, http.MethodGet, "/subjects?deleted=true&limit=1&subjectPrefix="+prefix, nil, &there); err != nil {
				return nil, err
			}
			empty = len(there) == 0
		}
		if empty {
			if err := at.call(ctx, http.MethodPut, "/mode/"+url.PathEscape(scope), map[string]string{"mode": "IMPORT"}, nil); err != nil {
				return nil, err
			}
		}
		if empty || mode == "IMPORT" {
			opened = append(opened, scope)
			if scope == globalScope {
				return opened, nil
			}
		}
	}
	return opened, nil
}

// closeAfterImport ends mode IMPORT, unless the import has set another.
func closeAfterImport(ctx context.Context, at *remote, scope string) error {
	mode, err := modeOf(ctx, at, scope)
	if err != nil || mode != "IMPORT" {
		return err
	}
	return at.call(ctx, http.MethodDelete, "/mode/"+url.PathEscape(scope), nil, nil)
}

// modeOf is the mode that holds in a scope.
func modeOf(ctx context.Context, at *remote, scope string) (string, error) {
	var held struct {
		Mode string `json:"mode"`
	}
	err := at.call(ctx, http.MethodGet, "/mode/"+url.PathEscape(scope), nil, &held)
	return held.Mode, err
}

// endsInImport are the scopes that the dump itself leaves in mode IMPORT.
func endsInImport(dump io.ReadSeeker) (map[string]bool, error) {
	if _, err := dump.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	ends := map[string]bool{}
	lines := bufio.NewReader(dump)
	for {
		head, err := lines.ReadSlice('\n') // policies are short; of longer lines the parts are looked at
		var l struct {
			Policy struct{ Context, Subject, Mode string }
		}
		if bytes.HasPrefix(head, []byte(`{"policy":`)) && json.Unmarshal(head, &l) == nil && l.Policy.Subject == "" && l.Policy.Mode == "IMPORT" {
			ends[":"+l.Policy.Context+":"] = true
		}
		if errors.Is(err, io.EOF) {
			return ends, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
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
	res, err := at.stream(ctx, http.MethodPost, path, "application/x-ndjson", struct{ io.Reader }{dump}) // not to be closed: it is read again
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
