package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
)

// confluent is a registry that speaks Confluent's API, whoever made it.
type confluent struct{ *remote }

// newConfluent signs in with credentials.
func newConfluent(what, base string, c *credentials) (*confluent, error) {
	at, err := newRemote(what, base)
	if err != nil {
		return nil, err
	}
	at.authorization, err = c.authorization()
	return &confluent{at}, err
}

// Bounds of reading another registry.
const (
	confluentPage    = 1000
	confluentWorkers = 8 // requests at once
)

// confluentVersion is a version as GET /schemas lists it.
type confluentVersion struct {
	Subject    string              `json:"subject"`
	Version    int                 `json:"version"`
	ID         int                 `json:"id"`
	GUID       string              `json:"guid"`
	SchemaType string              `json:"schemaType"`
	Schema     string              `json:"schema"`
	References []catalog.Reference `json:"references"`
	Metadata   *catalog.Metadata   `json:"metadata"`
	RuleSet    *catalog.RuleSet    `json:"ruleSet"`
	Deleted    *bool               `json:"deleted"`
	Timestamp  int64               `json:"ts"`
}

// place is what a version stands under.
type place struct {
	subject string
	version int
}

// read takes everything that the registry tells: versions page by page, configurations, modes.
func (c *confluent) read(ctx context.Context, into *catalog.Foreign) error {
	live := map[place]bool{}
	if err := c.versions(ctx, false, func(v confluentVersion) error { live[place{v.Subject, v.Version}] = true; return nil }); err != nil {
		return err
	}
	scopes := map[string]catalog.Scope{"": {}, ":.__GLOBAL:": {Context: catalog.GlobalContext}}
	err := c.versions(ctx, true, func(v confluentVersion) error {
		name, err := catalog.ParseName(v.Subject)
		if err != nil {
			return err
		}
		scopes[v.Subject] = name
		if name.Context != "" {
			scopes[":"+name.Context+":"] = catalog.Scope{Context: name.Context}
		}
		one := catalog.ForeignVersion{
			Name: name, Number: v.Version, ID: v.ID, Type: v.SchemaType, Text: v.Schema, References: v.References, Metadata: v.Metadata,
			RuleSet: v.RuleSet, GUID: v.GUID, Deleted: !live[place{v.Subject, v.Version}],
		}
		if v.Deleted != nil {
			one.Deleted = *v.Deleted
		}
		if v.Timestamp > 0 {
			one.At = time.UnixMilli(v.Timestamp).UTC()
		}
		into.Put(one)
		return nil
	})
	if err != nil {
		return err
	}
	var contexts []string
	if err := c.call(ctx, http.MethodGet, "/contexts", nil, &contexts); err != nil && !refusedByClientError(err) {
		return err
	}
	for _, name := range contexts {
		if name != "." {
			scopes[":"+name+":"] = catalog.Scope{Context: name}
		}
	}
	return c.policies(ctx, scopes, into)
}

// versions calls f with each version of all contexts, with deleted also the soft-deleted ones. A page may be shorter
// than what was asked for; only an empty one is the end.
func (c *confluent) versions(ctx context.Context, deleted bool, f func(confluentVersion) error) error {
	for offset := 0; ; {
		var page []confluentVersion
		path := fmt.Sprintf("/schemas?subjectPrefix=%s&deleted=%t&latestOnly=false&offset=%d&limit=%d", url.QueryEscape(catalog.AnyContext), deleted, offset, confluentPage)
		if err := c.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		for _, v := range page {
			if err := f(v); err != nil {
				return exit(exitInput, fmt.Errorf("%s version %d: %w", v.Subject, v.Version, err))
			}
		}
		offset += len(page)
	}
}

// policies reads the configuration and mode of each scope.
func (c *confluent) policies(ctx context.Context, scopes map[string]catalog.Scope, into *catalog.Foreign) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	names := make(chan string)
	for range confluentWorkers {
		wg.Go(func() {
			for name := range names {
				config, mode, err := c.policy(ctx, name)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				into.SetConfig(scopes[name], config)
				into.SetMode(scopes[name], mode)
				mu.Unlock()
			}
		})
	}
	for name := range scopes {
		names <- name
	}
	close(names)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	c.inherited(into)
	return nil
}

// policy reads what one scope says itself.
func (c *confluent) policy(ctx context.Context, scope string) (catalog.Config, catalog.Mode, error) {
	path := ""
	if scope != "" {
		path = "/" + url.PathEscape(scope)
	}
	var config catalog.ForeignConfig
	err := c.call(ctx, http.MethodGet, "/config"+path, nil, &config)
	if err != nil && !refusedByClientError(err) {
		return catalog.Config{}, "", err
	}
	var mode struct {
		Mode catalog.Mode `json:"mode"`
	}
	err = c.call(ctx, http.MethodGet, "/mode"+path, nil, &mode)
	if err != nil && !refusedByClientError(err) {
		return catalog.Config{}, "", err
	}
	return config.Own(), catalog.Mode(strings.ToUpper(string(mode.Mode))), nil
}

// inherited drops from contexts and from everything what they say only because it holds: some registries answer what
// holds where a context says nothing itself.
func (c *confluent) inherited(into *catalog.Foreign) {
	policies := into.Policies()
	defaults := catalog.Policy{Config: catalog.Config{Compatibility: catalog.Backward}, Mode: catalog.ReadWrite}
	for scope, p := range policies {
		if scope.Subject != "" {
			continue
		}
		above := []catalog.Policy{defaults}
		if scope.Context != catalog.GlobalContext {
			above = append(above, policies[catalog.Scope{Context: catalog.GlobalContext}])
		}
		for _, a := range above {
			if p.Config == a.Config {
				into.SetConfig(scope, catalog.Config{})
			}
			if p.Mode == a.Mode {
				into.SetMode(scope, "")
			}
		}
	}
}

// refusedByClientError says whether a registry answered that there is nothing, or that it does not know what was asked.
func refusedByClientError(err error) bool {
	fault, ok := errors.AsType[*remoteError](err)
	return ok && fault.Status/100 == 4 && fault.Status != http.StatusUnauthorized && fault.Status != http.StatusForbidden && fault.Status != http.StatusTooManyRequests
}

// inContext is a path within a context.
func inContext(contextName, path string) string {
	if contextName == "" {
		return path
	}
	return "/contexts/" + url.PathEscape(contextName) + path
}

// text reads the text of a schema by ID; "" with false if the registry does not have it.
func (c *confluent) text(ctx context.Context, contextName string, id int) (string, bool, error) {
	var answer struct {
		Schema string `json:"schema"`
	}
	err := c.call(ctx, http.MethodGet, inContext(contextName, "/schemas/ids/"+strconv.Itoa(id)), nil, &answer)
	if notFound(err) {
		return "", false, nil
	}
	return answer.Schema, err == nil, err
}

// idsOf are the IDs of JSON schemas by context, each once, ascending, with a version that carries it.
func idsOf(f *catalog.Foreign) []*catalog.ForeignVersion {
	seen := map[catalog.Key]bool{}
	var list []*catalog.ForeignVersion
	for _, name := range f.Subjects() {
		for _, v := range f.Versions(name) {
			key := catalog.Key{Context: v.Context, ID: v.ID}
			if v.Kind() == "JSON" && !seen[key] {
				seen[key] = true
				list = append(list, v)
			}
		}
	}
	slices.SortFunc(list, func(a, b *catalog.ForeignVersion) int {
		if c := strings.Compare(a.Context, b.Context); c != 0 {
			return c
		}
		return a.ID - b.ID
	})
	return list
}
