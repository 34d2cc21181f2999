package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
	"github.com/accordhq/accord/validator"
)

// validateCommand judges events under a schema.
func validateCommand(std streams) *cobra.Command {
	var subject, version, schemaFile, registry string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate (--subject S [--version N] | --schema FILE) [FILE... | -]",
		Short: "Judge events under a schema, with the proxy's own decision",
		Long: `Judges events as the proxy would. Files hold one JSON value, or JSON lines; - is standard input.
Each fault is one line: place, pointer, keyword, message. Exit status 1 if any event is invalid.`,
		Example: `  accord validate --subject orders.OrderPlaced order.json
  accord validate --schema schemas/events/orders.OrderPlaced/v3.json - < events.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (subject == "") == (schemaFile == "") {
				return exit(exitUsage, errors.New("name the schema: either --subject or --schema"))
			}
			var schema *validator.Schema
			var err error
			if subject != "" {
				schema, err = registeredSchema(cmd.Context(), registry, subject, version)
			} else {
				schema, err = schemaOfFile(schemaFile)
			}
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{"-"}
			}
			v := eventJudge{schema: schema, out: std.out, asJSON: asJSON}
			for _, name := range args {
				if err := v.file(name, std.in); err != nil {
					return err
				}
			}
			return v.close()
		},
	}
	cmd.Flags().StringVar(&subject, "subject", "", "subject of the schema in the registry")
	cmd.Flags().StringVar(&version, "version", "latest", "its version, or latest")
	cmd.Flags().StringVar(&schemaFile, "schema", "", "schema as a file; a file of a schemas folder may refer to others of it")
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each fault as JSON")
	return cmd
}

// registeredSchema fetches a schema with everything it refers to.
func registeredSchema(ctx context.Context, registry, subject, version string) (*validator.Schema, error) {
	at, err := newRemote("registry", registry)
	if err != nil {
		return nil, err
	}
	doc := validator.Document{References: map[string][]byte{}}
	text, err := fetchClosure(ctx, at, subject, version, doc.References)
	if err != nil {
		return nil, err
	}
	doc.Text = text
	return compile(subject, doc)
}

// fetchClosure fetches one version and, into refs, all that it refers to.
func fetchClosure(ctx context.Context, at *remote, subject, version string, refs map[string][]byte) ([]byte, error) {
	var stored struct {
		Schema     string              `json:"schema"`
		References []catalog.Reference `json:"references"`
	}
	err := at.call(ctx, "GET", "/subjects/"+url.PathEscape(subject)+"/versions/"+url.PathEscape(version), nil, &stored)
	if err != nil {
		return nil, exit(max(statusOf(err), exitUnavailable), err)
	}
	for _, ref := range stored.References {
		if _, ok := refs[ref.Name]; ok {
			continue
		}
		refs[ref.Name] = nil // before descending: a closure is finite
		if refs[ref.Name], err = fetchClosure(ctx, at, ref.Subject, fmt.Sprint(ref.Version), refs); err != nil {
			return nil, err
		}
	}
	return []byte(stored.Schema), nil
}

// schemaOfFile compiles a schema file. If it stands in a schemas folder, references lead to that folder.
func schemaOfFile(name string) (*validator.Schema, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, exit(exitInput, err)
	}
	doc := validator.Document{Text: text}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if _, err := os.Stat(path.Join(dir, "accord.yaml")); err == nil {
			tree, _, err := catalog.ReadTree(os.DirFS(dir))
			if err != nil {
				return nil, exit(exitInput, err)
			}
			if doc, err = tree.Document(text); err != nil {
				return nil, exit(exitInput, fmt.Errorf("%s: %w", name, err))
			}
			break
		}
		if dir == path.Dir(dir) {
			break
		}
	}
	return compile(name, doc)
}

func compile(what string, doc validator.Document) (*validator.Schema, error) {
	schema, err := validator.Compile(doc, validator.Limits{})
	if err != nil {
		return nil, exit(exitInput, fmt.Errorf("%s: %w", what, err))
	}
	return schema, nil
}

// eventJudge judges files of events and counts.
type eventJudge struct {
	schema         *validator.Schema
	out            io.Writer
	asJSON         bool
	events, faulty int
}

// maxEventLine bounds one line of JSON lines, and a file that holds one value.
const maxEventLine = validator.MaxEventBytes

func (j *eventJudge) file(name string, in io.Reader) error {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return exit(exitInput, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, 64*maxEventLine))
	if err != nil {
		return exit(exitInput, fmt.Errorf("%s: %w", name, err))
	}
	if !jsonLines(text) {
		j.event(name, 1, text)
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxEventLine)
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) > 0 {
			j.event(name, number, lines.Bytes())
		}
	}
	if err := lines.Err(); err != nil {
		return exit(exitInput, fmt.Errorf("%s: a line over %d bytes: %w", name, maxEventLine, err))
	}
	return nil
}

// jsonLines says whether a text is several JSON values, a line each: its first line is a value by itself and is not
// all there is.
func jsonLines(text []byte) bool {
	text = bytes.TrimSpace(text)
	first, rest, found := bytes.Cut(text, []byte("\n"))
	return found && len(bytes.TrimSpace(rest)) > 0 && json.Valid(first)
}

func (j *eventJudge) event(name string, firstLine int, event []byte) {
	j.events++
	found := j.schema.Explain(event, 0)
	if len(found) > 0 {
		j.faulty++
	}
	for _, v := range found {
		if j.asJSON {
			text, _ := json.Marshal(struct {
				File string `json:"file"`
				Line int    `json:"line"`
				validator.Violation
			}{name, firstLine, v})
			fmt.Fprintf(j.out, "%s\n", text)
			continue
		}
		line, column := validator.Position(event, v.Offset)
		fmt.Fprintf(j.out, "%s:%d:%d  %s  %s  %s\n", name, firstLine+line-1, column, pointerOrRoot(v.Pointer), v.Keyword, v.Message)
	}
}

func pointerOrRoot(pointer string) string {
	if pointer == "" {
		return "(the event)"
	}
	return pointer
}

func (j *eventJudge) close() error {
	if j.faulty > 0 {
		return exit(exitFindings, fmt.Errorf("%d of %d events are invalid", j.faulty, j.events))
	}
	if !j.asJSON {
		fmt.Fprintf(j.out, "%d valid\n", j.events)
	}
	return nil
}
