package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/catalog"
)

// exportConfluentCommand moves everything to a Confluent registry.
func exportConfluentCommand(std streams) *cobra.Command {
	var registry, to, contextName, prefix string
	var verify bool
	credentials := &credentials{side: "target"}
	cmd := &cobra.Command{
		Use:   "confluent --to URL",
		Short: "Move everything to a Confluent Schema Registry, IDs kept",
		Long: `Sets mode IMPORT at the target and registers there every version with its ID and number, oldest
first, references before referrers; then deletes softly what is deleted here, sets configurations,
and gives the modes back. What is there already is left alone, so that the same command finishes what
broke off. What the target cannot hold (lenses, levels and policies of ours) is told.`,
		Example: `  accord export confluent --to http://old-registry:8081 --verify`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return exit(exitUsage, errors.New("--to URL names the registry that takes it"))
			}
			at, err := newRemote("registry", registry)
			if err != nil {
				return err
			}
			target, err := newConfluent("target", to, credentials)
			if err != nil {
				return err
			}
			query := url.Values{}
			for name, value := range map[string]string{"context": contextName, "prefix": prefix} {
				if value != "" {
					query.Set(name, value)
				}
			}
			f, err := readOwn(cmd.Context(), at, query)
			if err != nil {
				return err
			}
			e := &confluentExport{target: target, f: f, std: std, modes: map[string]string{}}
			if err := e.run(cmd.Context()); err != nil {
				return exit(statusOf(err), fmt.Errorf("export to %s: %w", target.base, err))
			}
			if verify {
				return verifyForeign(cmd.Context(), nil, target, f, std)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&registry, "registry", defaultRegistry, "URL of the registry to move from")
	cmd.Flags().StringVar(&to, "to", "", "URL of the registry that takes it")
	cmd.Flags().StringVar(&contextName, "context", "", "only this context")
	cmd.Flags().StringVar(&prefix, "prefix", "", "only subjects whose name begins so")
	cmd.Flags().BoolVar(&verify, "verify", false, "read back every ID and compare the bytes")
	credentials.flags(cmd)
	return cmd
}

// readOwn reads what the registry holds from an export.
func readOwn(ctx context.Context, at *remote, query url.Values) (*catalog.Foreign, error) {
	file, err := os.CreateTemp("", "accord-export-*.ndjson")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := exportAll(ctx, at, query, file); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	f := &catalog.Foreign{}
	return f, f.ReadDump(file)
}

// confluentExport is an export under way.
type confluentExport struct {
	target *confluent
	f      *catalog.Foreign
	std    streams
	modes  map[string]string // of contexts at the target, before; "" = none of its own

	posted, same, deleted, configs int
}

func (e *confluentExport) run(ctx context.Context) error {
	order, err := e.order()
	if err != nil {
		return err
	}
	e.tell()
	contexts := map[string]bool{}
	for _, v := range order {
		contexts[v.Context] = true
	}
	for name := range contexts {
		if err := e.open(ctx, name); err != nil {
			return err
		}
	}
	for _, v := range order {
		if err := e.post(ctx, v); err != nil {
			return fmt.Errorf("%s version %d with ID %d: %w", v.Name, v.Number, v.ID, err)
		}
	}
	for _, v := range slices.Backward(order) { // referrers before what they refer to
		if err := e.delete(ctx, v); err != nil {
			return fmt.Errorf("delete %s version %d: %w", v.Name, v.Number, err)
		}
	}
	if err := e.policies(ctx); err != nil {
		return err
	}
	for name := range contexts {
		if err := e.close(ctx, name); err != nil {
			return err
		}
	}
	fmt.Fprintf(e.std.out, "%d versions posted, %d there already, %d soft-deleted, %d configurations set\n", e.posted, e.same, e.deleted, e.configs)
	return nil
}

// order is every version, oldest first, each behind those that it refers to.
func (e *confluentExport) order() ([]*catalog.ForeignVersion, error) {
	var all []*catalog.ForeignVersion
	for _, name := range e.f.Subjects() {
		all = append(all, e.f.Versions(name)...)
	}
	slices.SortFunc(all, func(a, b *catalog.ForeignVersion) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Number, b.Number), a.Name.Compare(b.Name))
	})
	var order []*catalog.ForeignVersion
	begun := map[*catalog.ForeignVersion]bool{}
	var visit func(v *catalog.ForeignVersion) error
	visit = func(v *catalog.ForeignVersion) error {
		if begun[v] {
			return nil
		}
		begun[v] = true
		for _, ref := range v.References {
			to, err := v.Target(ref)
			if err != nil {
				return exit(exitInput, err)
			}
			if target := e.f.Version(to, ref.Version); target != nil {
				if err := visit(target); err != nil {
					return err
				}
			}
		}
		order = append(order, v)
		return nil
	}
	for _, v := range all {
		if err := visit(v); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// tell says what the target cannot hold.
func (e *confluentExport) tell() {
	lenses := 0
	for _, name := range e.f.Subjects() {
		at := map[int]int{}
		for _, v := range e.f.Versions(name) {
			if v.Lens != nil {
				lenses++
			}
			if first := at[v.ID]; first != 0 {
				fmt.Fprintf(e.std.err, "%s version %d has the ID of version %d: a registry of Confluent's keeps one of them\n", name, v.Number, first)
			}
			at[v.ID] = v.Number
		}
	}
	if lenses > 0 {
		fmt.Fprintf(e.std.err, "%d lenses stay here: a registry of Confluent's has none\n", lenses)
	}
}

// scopePath is a context as /mode and /config name it.
func scopePath(scope catalog.Scope) string {
	if scope == (catalog.Scope{}) {
		return ""
	}
	return "/" + url.PathEscape(scope.String())
}

// open sets mode IMPORT on a context, and remembers what was there.
func (e *confluentExport) open(ctx context.Context, name string) error {
	path := "/mode" + scopePath(catalog.Scope{Context: name})
	var was struct {
		Mode string `json:"mode"`
	}
	if err := e.target.call(ctx, http.MethodGet, path, nil, &was); err != nil && !notFound(err) {
		return err
	}
	if was.Mode == "IMPORT" { // of an export that broke off, or of whoever runs the target
		return nil
	}
	e.modes[name] = was.Mode
	err := e.target.call(ctx, http.MethodPut, path, map[string]string{"mode": "IMPORT"}, nil)
	if known, ok := errors.AsType[*remoteError](err); ok && known.Code == 42205 {
		return fmt.Errorf("%w; it is not empty: set mode IMPORT there with PUT %s?force=true and run again", err, path)
	}
	return err
}

// close gives a context the mode that it has here, else the one that it had there.
func (e *confluentExport) close(ctx context.Context, name string) error {
	scope := catalog.Scope{Context: name}
	mode := string(e.f.Policies()[scope].Mode)
	if mode == "" {
		mode = cmp.Or(e.modes[name], "READWRITE")
	}
	return e.target.call(ctx, http.MethodPut, "/mode"+scopePath(scope), map[string]string{"mode": mode}, nil)
}

// versionPath is a version as the target names it.
func versionPath(v *catalog.ForeignVersion) string {
	return "/subjects/" + url.PathEscape(v.Name.String()) + "/versions/" + strconv.Itoa(v.Number)
}

// post registers a version with its ID and number, unless it is there.
func (e *confluentExport) post(ctx context.Context, v *catalog.ForeignVersion) error {
	var there struct {
		ID int `json:"id"`
	}
	err := e.target.call(ctx, http.MethodGet, versionPath(v)+"?deleted=true", nil, &there)
	switch {
	case err == nil && there.ID == v.ID:
		e.same++
		return nil
	case err == nil:
		return exit(exitFindings, fmt.Errorf("it is there with ID %d", there.ID))
	case !notFound(err):
		return err
	}
	body := struct {
		Schema     string              `json:"schema"`
		SchemaType string              `json:"schemaType"`
		References []catalog.Reference `json:"references,omitempty"`
		Metadata   *catalog.Metadata   `json:"metadata,omitempty"`
		RuleSet    *catalog.RuleSet    `json:"ruleSet,omitempty"`
		ID         int                 `json:"id"`
		Version    int                 `json:"version"`
	}{v.Text, "JSON", v.References, v.Metadata, v.RuleSet, v.ID, v.Number}
	if err := e.target.call(ctx, http.MethodPost, "/subjects/"+url.PathEscape(v.Name.String())+"/versions", body, nil); err != nil {
		return err
	}
	e.posted++
	return nil
}

// delete deletes a version softly where it is deleted here and live there.
func (e *confluentExport) delete(ctx context.Context, v *catalog.ForeignVersion) error {
	if !v.Deleted {
		return nil
	}
	err := e.target.call(ctx, http.MethodGet, versionPath(v), nil, nil)
	if notFound(err) {
		return nil // deleted there as well
	}
	if err == nil {
		err = e.target.call(ctx, http.MethodDelete, versionPath(v), nil, nil)
		e.deleted++
	}
	return err
}

// policies sets configurations, in words that the target knows, and the modes of subjects.
func (e *confluentExport) policies(ctx context.Context) error {
	policies := e.f.Policies()
	scopes := make([]catalog.Scope, 0, len(policies))
	for scope := range policies {
		scopes = append(scopes, scope)
	}
	slices.SortFunc(scopes, catalog.Name.Compare)
	for _, scope := range scopes {
		p := policies[scope]
		if p.Config != (catalog.Config{}) {
			if err := e.config(ctx, scope, p.Config); err != nil {
				return err
			}
		}
		if p.Mode == "" || scope.Subject == "" && scope.Context != catalog.GlobalContext {
			continue // close sets those of contexts
		}
		if err := e.target.call(ctx, http.MethodPut, "/mode"+scopePath(scope)+"?force=true", map[string]catalog.Mode{"mode": p.Mode}, nil); err != nil {
			return fmt.Errorf("mode of %s: %w", scope, err)
		}
	}
	return nil
}

func (e *confluentExport) config(ctx context.Context, scope catalog.Scope, c catalog.Config) error {
	level := c.Compatibility
	if plain, ours := strings.CutPrefix(string(level), "UPCASTABLE"); ours {
		c.Compatibility = catalog.Level("BACKWARD" + plain)
		fmt.Fprintf(e.std.err, "%s: level %s becomes %s\n", cmp.Or(scope.String(), "everything"), level, c.Compatibility)
	}
	word := strings.TrimPrefix(c.CompatibilityPolicy, "CONFLUENT_")
	if word != c.CompatibilityPolicy || word == "STRICT" || word == "LENIENT" {
		c.CompatibilityPolicy = word
	} else if word != "" {
		c.CompatibilityPolicy = ""
		fmt.Fprintf(e.std.err, "%s: policy %s is not known there and left out\n", cmp.Or(scope.String(), "everything"), word)
	}
	if c == (catalog.Config{}) {
		return nil
	}
	if err := e.target.call(ctx, http.MethodPut, "/config"+scopePath(scope), c, nil); err != nil {
		return fmt.Errorf("configuration of %s: %w", cmp.Or(scope.String(), "everything"), err)
	}
	e.configs++
	return nil
}
