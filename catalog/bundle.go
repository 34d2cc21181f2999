package catalog

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Bounds of a bundle.
const (
	MaxBundleBytes    = 8 << 20
	MaxBundleSubjects = 500
)

// A Pinned is a subject that a program writes or reads, as the version it was built for.
type Pinned struct {
	Name
	Version int // 0 = none in particular; Latest = there must be a live one
}

// bundled is one version in a bundle: a line of a lock file. The order of its members is part of the format.
type bundled struct {
	Version    int             `json:"version"`
	GUID       string          `json:"guid"`
	ID         int             `json:"id,omitempty"`
	Schema     json.RawMessage `json:"schema"`
	References []Reference     `json:"references,omitempty"` // subjects qualified where they are not in the default context
	Lens       json.RawMessage `json:"lens,omitempty"`
	Rev        int             `json:"rev,omitempty"`
	SHA256     string          `json:"sha256"`
}

// Bundle writes what programs need to work without the registry: a lock file with every version of the subjects, the
// soft-deleted ones too, since lenses lead through them, and every version that their schemas refer to. Each has the
// SHA-256 of subject, line feed and the other members as compact JSON. The same versions and lenses give the same bytes.
// may is asked before a subject is shown, also one that is only referred to.
//
// Errors: may's, SubjectNotFound, VersionNotFound for a version that is not there, TooMany over MaxBundleSubjects or
// MaxBundleBytes.
func (r *Registry) Bundle(ctx context.Context, pins []Pinned, may func(Name) error) ([]byte, error) {
	if len(pins) > MaxBundleSubjects {
		return nil, &Error{Reason: TooMany, Detail: "MaxBundleSubjects"}
	}
	b := bundle{registry: r, may: may, got: map[Name]map[int]bundled{}}
	for _, p := range pins {
		if err := b.subject(ctx, p); err != nil {
			return nil, err
		}
	}
	return b.write()
}

// bundle collects versions once each.
type bundle struct {
	registry *Registry
	may      func(Name) error
	got      map[Name]map[int]bundled
	bytes    int
}

// subject takes all versions of a subject.
func (b *bundle) subject(ctx context.Context, p Pinned) error {
	s, err := b.registry.resolve(ctx, p.Name)
	if err != nil {
		return err
	}
	if err := b.may(s.Name); err != nil {
		return err
	}
	if !s.any(WithDeleted) {
		return &Error{Reason: SubjectNotFound, Name: p.Name}
	}
	if p.Version != 0 && s.at(p.Version, WithDeleted) == nil {
		return &Error{Reason: VersionNotFound, Name: s.Name, Version: p.Version}
	}
	page, err := b.registry.Subjects(ctx, Query{Context: &s.Context, Prefix: s.Subject, Include: WithDeleted, Limit: 1, Expand: ExpandTexts})
	if err != nil {
		return err
	}
	if len(page) == 0 || page[0].Name != s.Name { // purged since; names are sorted, so that the first is the whole one
		return &Error{Reason: SubjectNotFound, Name: p.Name}
	}
	for i := range page[0].Versions {
		if v := &page[0].Versions[i]; WithDeleted.has(*v) {
			if err := b.take(ctx, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// take takes a version with its text, and what it refers to.
func (b *bundle) take(ctx context.Context, v *Version) error {
	if _, ok := b.got[v.Name][v.Number]; ok {
		return nil
	}
	one := bundled{Version: v.Number, GUID: v.Schema.GUID, ID: v.Schema.ID, Schema: json.RawMessage(v.Schema.Text)}
	if v.Lens != nil {
		one.Lens, one.Rev = v.Lens.Lens, v.Lens.Rev
	}
	var targets []Pinned
	for _, ref := range v.Schema.References {
		target, err := ref.Target(v.Name.Context)
		if err != nil {
			return err
		}
		one.References = append(one.References, Reference{Name: ref.Name, Subject: target.String(), Version: ref.Version})
		targets = append(targets, Pinned{target, ref.Version})
	}
	text, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("bundle %s v%d: %w", v.Name, v.Number, err)
	}
	sum := sha256.Sum256(slices.Concat([]byte(v.Name.String()+"\n"), text))
	one.SHA256 = hex.EncodeToString(sum[:])
	if b.bytes += len(text) + len(one.SHA256); b.bytes > MaxBundleBytes {
		return &Error{Reason: TooMany, Detail: "MaxBundleBytes"}
	}
	if b.got[v.Name] == nil {
		b.got[v.Name] = map[int]bundled{}
	}
	b.got[v.Name][v.Number] = one
	for _, t := range targets {
		if err := b.may(t.Name); err != nil {
			return err
		}
		if _, ok := b.got[t.Name][t.Version]; ok {
			continue
		}
		whole, err := b.registry.Version(ctx, t.Name, t.Version, WithDeleted)
		if err != nil {
			return err
		}
		if err := b.take(ctx, &whole); err != nil {
			return err
		}
	}
	return nil
}

// write writes the lock file: one version a line, subjects and versions sorted.
func (b *bundle) write() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("{\n\"apiVersion\": \"accord/v1\",\n\"kind\": \"Lock\",\n\"subjects\": [")
	names := slices.SortedFunc(maps.Keys(b.got), func(x, y Name) int { return cmp.Compare(x.String(), y.String()) })
	for i, name := range names {
		if i > 0 {
			out.WriteString(",")
		}
		text, err := json.Marshal(name.String())
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "\n{\"subject\": %s, \"versions\": [", text)
		for j, number := range slices.Sorted(maps.Keys(b.got[name])) {
			if j > 0 {
				out.WriteString(",")
			}
			line, err := json.Marshal(b.got[name][number])
			if err != nil {
				return nil, err
			}
			out.WriteString("\n  ")
			out.Write(line)
		}
		out.WriteString("\n]}")
	}
	out.WriteString("\n]\n}\n")
	if out.Len() > MaxBundleBytes {
		return nil, &Error{Reason: TooMany, Detail: "MaxBundleBytes"}
	}
	return out.Bytes(), nil
}
