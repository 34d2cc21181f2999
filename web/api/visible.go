package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/accordhq/accord/catalog"
)

// What callers see: lists leave out what they may not read, and a schema is read by ID or GUID only by those who may
// read a subject that carries it. All of it costs nothing for callers who may read everything.

// aboutSubjects are the kinds of documents that are about the subject of their name; every other kind belongs to the default
// context as a whole.
var aboutSubjects = []string{catalog.KindEvent, catalog.KindCommand, catalog.KindState, "Draft", "Doc"}

// MayReadDocument says whether the caller may read a document: one about a subject needs that subject, any other
// something of the default context.
func (c *Caller) MayReadDocument(kind, name string) bool {
	if !slices.Contains(aboutSubjects, kind) {
		return c.MayRead(catalog.Name{})
	}
	return c.MayRead(subjectOfDocument(name))
}

// subjectOfDocument is the subject that a document is about; Doc is named subject@version.
func subjectOfDocument(name string) catalog.Name {
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		name = name[:i]
	}
	return catalog.Name{Subject: name}
}

// mayWriteDocument refuses unless the caller develops what a document is about: its subject, or, of any other kind, all
// that begins with its name, as orders.* does for the service orders.
func mayWriteDocument(ctx context.Context, kind, name string) error {
	if slices.Contains(aboutSubjects, kind) {
		return demand(ctx, catalog.Developer, subjectOfDocument(name))
	}
	who := CallerOf(ctx)
	if who.May(catalog.Developer, catalog.Name{}) || name != "" && kind != catalog.KindProject && kind != catalog.KindTeams && kind != catalog.KindWaivers &&
		(who.May(catalog.Developer, catalog.Name{Subject: name}) || who.May(catalog.Developer, catalog.Name{Subject: name + "."})) {
		return nil
	}
	return forbidden(catalog.Developer, catalog.Name{})
}

// MayReadChange says whether the caller may see a row of the history.
func (c *Caller) MayReadChange(row catalog.Change) bool {
	switch row.Op {
	case catalog.OpToken, catalog.OpRevoke:
		return c.all || c.has(catalog.Admin)
	case catalog.OpRedrive, catalog.OpDiscard:
		return c.all || c.has(catalog.Operator)
	case catalog.OpDocument, catalog.OpUndocument:
		kind, name, _ := strings.Cut(row.Subject, "/")
		return c.MayReadDocument(kind, name)
	}
	return c.MayRead(row.Name)
}

// mayCheck refuses unless the caller may have a schema judged under a subject: who develops anything in the context may
// check everywhere in it.
func mayCheck(ctx context.Context, name catalog.Name) error {
	who := CallerOf(ctx)
	if who.MayRead(name) || who.touches(catalog.Developer, name.Context) {
		return nil
	}
	return forbidden(catalog.Reader, name)
}

// How long it is believed where a schema stands.
const (
	placesFresh = time.Minute
	MaxPlaces   = 10_000 // schemas of which it is remembered
)

// carriers remembers which subjects carry a schema. That one more does is learned when those known do not suffice; that
// one no longer does, after placesFresh.
type carriers struct {
	mu sync.Mutex
	at map[catalog.Key]carrier // guarded by mu
}

type carrier struct {
	subjects []catalog.Name
	read     time.Time
}

func (c *carriers) get(k catalog.Key) (carrier, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.at[k]
	return known, ok
}

func (c *carriers) put(k catalog.Key, subjects []catalog.Name) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil || len(c.at) >= MaxPlaces {
		c.at = map[catalog.Key]carrier{}
	}
	c.at[k] = carrier{subjects, time.Now()}
}

// maySeeSchema refuses, as if it were not there, a schema that no subject carries which the caller may read. While the
// store is away, what was known before holds.
func (a *API) maySeeSchema(ctx context.Context, k catalog.Key) error {
	who := CallerOf(ctx)
	if who.all {
		return nil
	}
	known, ok := a.carriers.get(k)
	if ok && time.Since(known.read) < placesFresh && slices.ContainsFunc(known.subjects, who.MayRead) {
		return nil
	}
	stored, err := a.registry.Places(ctx, k)
	switch {
	case errors.Is(err, catalog.Unavailable) && ok && slices.ContainsFunc(known.subjects, who.MayRead):
		return nil
	case err != nil:
		return err
	}
	var subjects []catalog.Name
	for _, v := range stored.Versions {
		subjects = append(subjects, v.Name)
	}
	a.carriers.put(k, subjects)
	if slices.ContainsFunc(subjects, who.MayRead) {
		return nil
	}
	return &catalog.Error{Reason: catalog.SchemaNotFound, Name: catalog.Name{Context: k.Context}, ID: k.ID, GUID: k.GUID}
}

// visibleKeys are the IDs of a GUID that the caller may see; SchemaNotFound if that is none.
func (a *API) visibleKeys(ctx context.Context, guid string) ([]catalog.Key, error) {
	keys, err := a.registry.IDsByGUID(ctx, guid)
	if err != nil || CallerOf(ctx).all {
		return keys, err
	}
	var visible []catalog.Key
	for _, k := range keys {
		err := a.maySeeSchema(ctx, catalog.Key{Context: k.Context, ID: k.ID})
		if err == nil {
			visible = append(visible, k)
		} else if !errors.Is(err, catalog.SchemaNotFound) {
			return nil, err
		}
	}
	if len(visible) == 0 {
		return nil, &catalog.Error{Reason: catalog.SchemaNotFound, GUID: guid}
	}
	return visible, nil
}

// visibleIDs leaves out the schemas of a context that the caller may not see.
func (a *API) visibleIDs(ctx context.Context, within string, ids []int) ([]int, error) {
	if CallerOf(ctx).all {
		return ids, nil
	}
	var visible []int
	for _, id := range ids {
		err := a.maySeeSchema(ctx, catalog.Key{Context: within, ID: id})
		if err == nil {
			visible = append(visible, id)
		} else if !errors.Is(err, catalog.SchemaNotFound) {
			return nil, err
		}
	}
	return visible, nil
}

// visible leaves out of a list what is about subjects that the caller may not read.
func visible[T any](ctx context.Context, list []T, about func(T) catalog.Name) []T {
	who := CallerOf(ctx)
	if who.all {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !who.MayRead(about(v)) })
}

// enough is how many rows to ask for so that, when some are left out, a page may still be full.
func enough(ctx context.Context, limit int) int {
	if CallerOf(ctx).all {
		return limit
	}
	return catalog.MaxPage
}

// permit is what the catalog asks where a name leads to another subject than the one that was authorised: through an
// alias, a reference, or a bare name that is found in another context. A change there needs what it needs here.
func (c *call) permit(role catalog.Role, name catalog.Name) bool {
	if role >= catalog.Developer {
		role = max(role, c.role)
	}
	return c.caller.May(role, name)
}
