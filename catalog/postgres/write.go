package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/accordhq/accord/catalog"
)

// appended is a version as accord.append takes it.
type appended struct {
	Number   int           `json:"number"`
	ID       int           `json:"id"`
	GUID     string        `json:"guid"`
	Text     string        `json:"text"`
	Refs     string        `json:"refs"`
	Metadata string        `json:"metadata"`
	Rules    string        `json:"rules"`
	Broken   string        `json:"broken"`
	State    catalog.State `json:"state"`
	Lens     string        `json:"lens"`
	Mark     string        `json:"mark"`
	Imported bool          `json:"imported"`
	Targets  []target      `json:"targets"`
}

// target is what a reference leads to.
type target struct {
	Ctx     string `json:"ctx"`
	Subject string `json:"subject"`
	Number  int    `json:"number"`
	Name    string `json:"name"`
}

// outgoing prints a version for accord.append.
func outgoing(name catalog.Name, v catalog.Version) (a appended, err error) {
	s := v.Schema
	a = appended{
		Number: v.Number, ID: s.ID, GUID: s.GUID, Text: s.Text, Broken: s.Broken, State: v.State,
		Imported: v.Mark != nil && v.Mark.Imported, Targets: []target{},
	}
	if len(s.References) > 0 {
		a.Refs, err = text(&s.References)
	}
	var errs [4]error
	a.Metadata, errs[0] = text(s.Metadata)
	a.Rules, errs[1] = text(s.RuleSet)
	a.Lens, errs[2] = text(v.Lens)
	a.Mark, errs[3] = text(v.Mark)
	for _, ref := range s.References {
		to, errTo := ref.Target(name.Context)
		err = errors.Join(err, errTo)
		a.Targets = append(a.Targets, target{to.Context, to.Subject, ref.Version, ref.Name})
	}
	return a, errors.Join(append(errs[:], err)...)
}

// call runs a function that returns a revision.
func (s *Store) call(ctx context.Context, what string, name catalog.Name, query string, args ...any) (rev catalog.Rev, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	err = s.pool.QueryRow(ctx, query, args...).Scan(&rev)
	if refusal := refused(name, err); refusal != nil {
		return 0, refusal
	}
	return rev, wrap(ctx, what, err)
}

// Delete deletes, purges or brings back versions, if nothing that head rests on has changed.
func (s *Store) Delete(ctx context.Context, name catalog.Name, head catalog.Head, d catalog.Deletion) ([]int, catalog.Rev, error) {
	if len(d.Versions) == 0 {
		return nil, 0, nil
	}
	act := catalog.OpDelete
	switch {
	case d.Permanent:
		act = catalog.OpPurge
	case d.Undelete:
		act = catalog.OpUndelete
	}
	rev, err := s.call(ctx, "delete versions", name, "SELECT accord.remove($1, $2, $3, $4, $5, $6, $7, $8)",
		who(ctx), name.Context, name.Subject, head.Number, int64(head.Rev), d.Versions, string(act), d.Whole)
	if err != nil {
		return nil, 0, err
	}
	return d.Versions, rev, nil
}

// SetLens replaces the lens of a version.
func (s *Store) SetLens(ctx context.Context, name catalog.Name, number, rev int, lens catalog.StoredLens) (catalog.Rev, error) {
	next, err := text(&lens)
	if err != nil {
		return 0, err
	}
	return s.call(ctx, "set a lens", name, "SELECT accord.set_lens($1, $2, $3, $4, $5, $6)", who(ctx), name.Context, name.Subject, number, rev, next)
}

// SetPolicy changes the policy of a scope.
func (s *Store) SetPolicy(ctx context.Context, scope catalog.Scope, patch catalog.Patch) (p catalog.Policy, rev catalog.Rev, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	set, err := json.Marshal(patch.Set)
	if err != nil {
		return p, 0, err
	}
	clear := patch.Clear
	if clear == nil {
		clear = []string{}
	}
	var config string
	err = s.pool.QueryRow(ctx, "SELECT * FROM accord.set_policy($1, $2, $3, $4, $5, $6, $7, $8)",
		who(ctx), scope.Context, scope.Subject, string(set), clear, (*string)(patch.Mode), (*int64)(signed(patch.Expect)), patch.Empty).Scan(&config, &p.Mode, &p.Rev)
	if refusal := refused(scope, err); refusal != nil {
		return catalog.Policy{}, 0, refusal
	}
	if err != nil {
		return catalog.Policy{}, 0, wrap(ctx, "set a policy", err)
	}
	return p, p.Rev, json.Unmarshal([]byte(config), &p.Config)
}

// signed is a revision as the database counts, nil for none.
func signed(rev *catalog.Rev) *int64 {
	if rev == nil {
		return nil
	}
	n := int64(*rev)
	return &n
}

// PutDocument writes one document.
func (s *Store) PutDocument(ctx context.Context, d catalog.Document, expect *catalog.Rev) (catalog.Rev, error) {
	return s.call(ctx, "write a document", catalog.Name{Subject: d.Kind + "/" + d.Name},
		"SELECT accord.put_document($1, $2, $3, $4, $5)", who(ctx), d.Kind, d.Name, string(d.Body), signed(expect))
}

// DeleteDocument removes one document.
func (s *Store) DeleteDocument(ctx context.Context, kind, name string, expect *catalog.Rev) (catalog.Rev, error) {
	rev, err := s.call(ctx, "delete a document", catalog.Name{Subject: kind + "/" + name},
		"SELECT accord.put_document($1, $2, $3, NULL, $4)", who(ctx), kind, name, signed(expect))
	if errors.Is(err, catalog.VersionNotFound) {
		err = &catalog.Error{Reason: catalog.DocumentNotFound, Detail: kind + " " + name}
	}
	return rev, err
}
