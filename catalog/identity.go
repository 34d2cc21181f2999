package catalog

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"hash"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/accordhq/accord/validator"
)

// GUIDOf returns the GUID of what a schema says: MD5, printed as a UUID, over text, references, metadata and rules.
// Type and lens are not in it. Equal to what a Confluent registry computes for the same contents, so that a GUID in
// a record header survives a move. Source: Confluent Schema Registry, Schema.updateHash.
func (s Schema) GUIDOf() string {
	h := md5.New()
	io.WriteString(h, s.Text)
	for _, ref := range s.References {
		io.WriteString(h, ref.Name)
		io.WriteString(h, ref.Subject)
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(ref.Version)))
	}
	if s.Metadata != nil {
		h.Write([]byte{1})
		s.Metadata.hash(h)
	}
	if s.RuleSet != nil {
		h.Write([]byte{1})
		for _, rules := range [][]Rule{s.RuleSet.Migration, s.RuleSet.Domain, s.RuleSet.Encoding} {
			for _, r := range rules {
				r.hash(h)
			}
		}
		io.WriteString(h, s.RuleSet.EnableAt)
	}
	return validator.GUID(h.Sum(nil)).String()
}

func (m *Metadata) hash(h hash.Hash) {
	for _, name := range sortedKeys(m.Tags) {
		io.WriteString(h, name)
		for _, value := range sortedSet(m.Tags[name]) {
			io.WriteString(h, value)
		}
	}
	hashMap(h, m.Properties)
	for _, name := range sortedSet(m.Sensitive) {
		io.WriteString(h, name)
	}
}

func (r Rule) hash(h hash.Hash) {
	for _, s := range []string{r.Name, r.Doc, r.Kind, r.Mode, r.Type} {
		io.WriteString(h, s)
	}
	for _, tag := range sortedSet(r.Tags) {
		io.WriteString(h, tag)
	}
	hashMap(h, r.Params)
	for _, s := range []string{r.Expr, r.OnSuccess, r.OnFailure} {
		io.WriteString(h, s)
	}
	if r.Disabled {
		h.Write([]byte{1})
	}
}

func hashMap(h hash.Hash, m map[string]string) {
	for _, name := range sortedKeys(m) {
		io.WriteString(h, name)
		io.WriteString(h, m[name])
	}
}

// sortedKeys returns the keys as a Java SortedMap orders them.
func sortedKeys[T any](m map[string]T) []string {
	return slices.SortedFunc(maps.Keys(m), compareUTF16)
}

// sortedSet returns the distinct values as a Java SortedSet orders them.
func sortedSet(values []string) []string {
	return slices.Compact(slices.SortedFunc(slices.Values(values), compareUTF16))
}

// normalReferences sorts resolved references by subject, as Java does, and version, and drops doubles.
func normalReferences(refs []Reference) []Reference {
	sorted := slices.SortedStableFunc(slices.Values(refs), func(a, b Reference) int {
		if c := compareUTF16(a.Subject, b.Subject); c != 0 {
			return c
		}
		return a.Version - b.Version
	})
	return slices.Compact(sorted)
}

// SameContents says whether two schemas are the same to whoever reads them: equal text, references, metadata and
// rules. Equal GUIDs alone do not say so: MD5 can be made to collide.
func (s Schema) SameContents(o Schema) bool {
	return s.Text == o.Text && slices.Equal(s.References, o.References) &&
		sameJSON(s.Metadata, o.Metadata) && sameJSON(s.RuleSet, o.RuleSet)
}

// sameJSON compares two values as they are stored, where nil and empty members are one.
func sameJSON(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// versionProperty is the metadata property by which Confluent's clients ask for a new number.
const versionProperty = "confluent:version"

// withProperty returns metadata with one more property; the receiver is not changed.
func (m *Metadata) withProperty(name, value string) *Metadata {
	next := Metadata{}
	if m != nil {
		next = *m
	}
	next.Properties = maps.Clone(next.Properties)
	if next.Properties == nil {
		next.Properties = map[string]string{}
	}
	next.Properties[name] = value
	return &next
}

// withoutProperty returns metadata without a property, nil if nothing is left.
func (m *Metadata) withoutProperty(name string) *Metadata {
	if m == nil {
		return nil
	}
	if _, there := m.Properties[name]; !there {
		return m
	}
	next := *m
	next.Properties = maps.Clone(m.Properties)
	delete(next.Properties, name)
	if len(next.Properties) == 0 {
		next.Properties = nil
		if len(next.Tags) == 0 && len(next.Sensitive) == 0 {
			return nil
		}
	}
	return &next
}

// unnumbered is metadata without the property that asks for a number, nil if it says nothing else.
func (m *Metadata) unnumbered() *Metadata {
	if m = m.withoutProperty(versionProperty); m != nil && len(m.Tags)+len(m.Properties)+len(m.Sensitive) == 0 {
		return nil
	}
	return m
}

// mergeMetadata lays next over m: its properties and tags win.
func mergeMetadata(m, next *Metadata) *Metadata {
	switch {
	case m == nil:
		return next
	case next == nil:
		return m
	}
	merged := &Metadata{
		Tags:       maps.Clone(m.Tags),
		Properties: maps.Clone(m.Properties),
		Sensitive:  sortedSet(slices.Concat(m.Sensitive, next.Sensitive)),
	}
	for name, values := range next.Tags {
		if merged.Tags == nil {
			merged.Tags = map[string][]string{}
		}
		merged.Tags[name] = sortedSet(slices.Concat(merged.Tags[name], values))
	}
	for name, value := range next.Properties {
		if merged.Properties == nil {
			merged.Properties = map[string]string{}
		}
		merged.Properties[name] = value
	}
	return merged
}

// mergeRules lays next over s: a rule of the same name is replaced, others are added behind.
func mergeRules(s, next *RuleSet) *RuleSet {
	switch {
	case s == nil:
		return next
	case next == nil:
		return s
	}
	merge := func(a, b []Rule) []Rule {
		kept := slices.DeleteFunc(slices.Clone(a), func(r Rule) bool {
			return slices.ContainsFunc(b, func(n Rule) bool { return n.Name == r.Name })
		})
		return append(kept, b...)
	}
	merged := &RuleSet{
		Migration: merge(s.Migration, next.Migration),
		Domain:    merge(s.Domain, next.Domain),
		Encoding:  merge(s.Encoding, next.Encoding),
		EnableAt:  next.EnableAt,
	}
	pick(&merged.EnableAt, s.EnableAt)
	return merged
}
