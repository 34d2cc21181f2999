package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/accordhq/accord/validator"
)

// Pull makes the content of a lock file from the registry: every version of the subjects, the soft-deleted ones too,
// with lenses, and every version that their schemas refer to. It asks the registry, never the lock file: once a subject
// where that has GET /v1/bundle, else version by version. Errors: ErrUnknownSchema, ErrUnavailable, ctx's.
func (r *Registry) Pull(ctx context.Context, subjects ...string) (Lock, error) {
	if r.base == nil {
		return Lock{}, fmt.Errorf("pull: no registry: %w", ErrUnavailable)
	}
	p := puller{registry: r, got: map[validator.SubjectVersion]bool{}}
	for _, subject := range subjects {
		if p.bundle(ctx, subject) {
			continue
		}
		var numbers []int32
		if _, _, err := r.get(ctx, "/subjects/"+url.PathEscape(subject)+"/versions?deleted=true", "", &numbers); err != nil {
			return Lock{}, fmt.Errorf("pull %s: %w", subject, err)
		}
		for _, n := range numbers {
			if err := p.version(ctx, validator.SubjectVersion{Subject: subject, Version: n}); err != nil {
				return Lock{}, fmt.Errorf("pull %s v%d: %w", subject, n, err)
			}
		}
	}
	return p.lock, nil
}

// puller collects versions once each.
type puller struct {
	registry *Registry
	lock     Lock
	got      map[validator.SubjectVersion]bool
}

// bundle takes all of a subject at once, if the registry gives it so.
func (p *puller) bundle(ctx context.Context, subject string) bool {
	var text json.RawMessage
	if _, _, err := p.registry.ask(ctx, "/v1/bundle?subject="+url.QueryEscape(subject), "", &text); err != nil {
		return false
	}
	lock, err := ParseLock(text)
	if err != nil {
		return false
	}
	for _, s := range lock.Subjects {
		for _, v := range s.Versions {
			if at := (validator.SubjectVersion{Subject: s.Subject, Version: int32(v.Version)}); !p.got[at] {
				p.got[at] = true
				p.add(s.Subject, v)
			}
		}
	}
	return true
}

// add notes a version of a subject.
func (p *puller) add(subject string, v LockVersion) {
	i := slices.IndexFunc(p.lock.Subjects, func(s LockSubject) bool { return s.Subject == subject })
	if i < 0 {
		i = len(p.lock.Subjects)
		p.lock.Subjects = append(p.lock.Subjects, LockSubject{Subject: subject})
	}
	p.lock.Subjects[i].Versions = append(p.lock.Subjects[i].Versions, v)
}

// version takes one version, and what its schema refers to.
func (p *puller) version(ctx context.Context, at validator.SubjectVersion) error {
	if p.got[at] {
		return nil
	}
	p.got[at] = true
	var a answer
	path := fmt.Sprintf("/subjects/%s/versions/%d", url.PathEscape(at.Subject), at.Version)
	if _, _, err := p.registry.get(ctx, path+"?deleted=true", "", &a); err != nil {
		return err
	}
	for i := range a.References { // of the referrer's context, unless they say another
		if ref := &a.References[i]; contextOf(at.Subject) != "" && !strings.HasPrefix(ref.Subject, ":") {
			ref.Subject = ":" + contextOf(at.Subject) + ":" + ref.Subject
		}
	}
	v := LockVersion{
		Version: int(at.Version), GUID: a.GUID, ID: a.ID, Schema: json.RawMessage(a.Schema), References: a.References,
	}
	var l lensAnswer
	_, _, err := p.registry.get(ctx, "/v1"+path+"/lens", "", &l)
	switch {
	case err == nil && len(l.Lens) > 0 && string(l.Lens) != "null":
		v.Lens, v.Rev = l.Lens, l.Rev
	case err != nil && !errors.Is(err, ErrUnknownSchema):
		return err
	}
	p.add(at.Subject, v)
	for _, ref := range a.References {
		if err := p.version(ctx, validator.SubjectVersion{Subject: ref.Subject, Version: int32(ref.Version)}); err != nil {
			return fmt.Errorf("reference %s v%d: %w", ref.Subject, ref.Version, err)
		}
	}
	return nil
}
