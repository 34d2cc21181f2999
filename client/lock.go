package client

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/accordhq/accord/upcast"
	"github.com/accordhq/accord/validator"
)

// A Lock is the content of a lock file (schemas.lock): for each subject every version with its schema and its lens. With
// it a Decoder or Encoder works without a registry.
type Lock struct {
	Subjects []LockSubject `json:"subjects"`
}

// A LockSubject is one subject of a lock file.
type LockSubject struct {
	Subject  string        `json:"subject"`  // qualified
	Versions []LockVersion `json:"versions"` // deleted ones too, if a chain of lenses leads through them
}

// A LockVersion is one version of a subject.
type LockVersion struct {
	Version    int             `json:"version"`
	GUID       validator.GUID  `json:"guid"`
	ID         int32           `json:"id,omitempty"` // in the subject's context; 0 = not known
	Schema     json.RawMessage `json:"schema"`
	References []Reference     `json:"references,omitempty"` // their targets stand in the same lock file
	Lens       json.RawMessage `json:"lens,omitempty"`       // from the version before; nil = none
	Rev        int             `json:"rev,omitempty"`        // of the lens
	SHA256     string          `json:"sha256"`               // over all the above; set by WriteLock
}

// A Reference is what a schema's $ref named Name means.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// sum is the SHA-256 of a version's members but the sum itself, as compact JSON, after the subject and a line feed.
func (v LockVersion) sum(subject string) (string, error) {
	v.SHA256 = ""
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	io.WriteString(h, subject+"\n")
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// WriteLock writes a lock file: JSON, one version a line, subjects and versions sorted, each with its SHA-256. Equal
// locks give equal bytes, whatever their order. l is not changed. Errors: w's, and JSON that is none.
func WriteLock(w io.Writer, l Lock) error {
	subjects := slices.Clone(l.Subjects)
	slices.SortFunc(subjects, func(a, b LockSubject) int { return cmp.Compare(a.Subject, b.Subject) })
	var out bytes.Buffer
	out.WriteString("{\n\"apiVersion\": \"accord/v1\",\n\"kind\": \"Lock\",\n\"subjects\": [")
	for i, s := range subjects {
		if i > 0 {
			out.WriteString(",")
		}
		name, err := json.Marshal(s.Subject)
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "\n{\"subject\": %s, \"versions\": [", name)
		versions := slices.Clone(s.Versions)
		slices.SortFunc(versions, func(a, b LockVersion) int { return cmp.Compare(a.Version, b.Version) })
		for j, v := range versions {
			if j > 0 {
				out.WriteString(",")
			}
			if v.SHA256, err = v.sum(s.Subject); err != nil {
				return fmt.Errorf("lock %s v%d: %w", s.Subject, v.Version, err)
			}
			line, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("lock %s v%d: %w", s.Subject, v.Version, err)
			}
			out.WriteString("\n  ")
			out.Write(line)
		}
		out.WriteString("\n]}")
	}
	out.WriteString("\n]\n}\n")
	_, err := w.Write(out.Bytes())
	return err
}

// ParseLock reads a lock file and checks every SHA-256. Errors: over MaxLockBytes, not a lock file, a subject or version
// twice, or a sum that does not match, with subject and version.
func ParseLock(text []byte) (Lock, error) {
	if len(text) > MaxLockBytes {
		return Lock{}, fmt.Errorf("lock file: longer than MaxLockBytes (%d)", MaxLockBytes)
	}
	var file struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Lock
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return Lock{}, fmt.Errorf("lock file: %w", err)
	}
	if file.APIVersion != "accord/v1" || file.Kind != "Lock" {
		return Lock{}, fmt.Errorf("lock file: apiVersion %.40q, kind %.40q, not accord/v1, Lock", file.APIVersion, file.Kind)
	}
	seen := map[validator.SubjectVersion]bool{}
	for _, s := range file.Subjects {
		for _, v := range s.Versions {
			at := validator.SubjectVersion{Subject: s.Subject, Version: int32(v.Version)}
			sum, err := v.sum(s.Subject)
			switch {
			case err != nil:
				return Lock{}, fmt.Errorf("lock file: %s v%d: %w", s.Subject, v.Version, err)
			case sum != v.SHA256:
				return Lock{}, fmt.Errorf("lock file: %s v%d does not match its sha256", s.Subject, v.Version)
			case seen[at]:
				return Lock{}, fmt.Errorf("lock file: %s v%d stands twice", s.Subject, v.Version)
			case v.Version < 1 || v.GUID.IsZero():
				return Lock{}, fmt.Errorf("lock file: %s v%d has no version or GUID", s.Subject, v.Version)
			}
			seen[at] = true
		}
	}
	return file.Lock, nil
}

// lockIndex finds what a lock file holds.
type lockIndex struct {
	versions map[validator.SubjectVersion]LockVersion
	places   map[validator.GUID][]validator.SubjectVersion
	ids      map[validator.Ref]validator.GUID // Context and ID
	lenses   map[validator.SubjectVersion]*upcast.Lens
	newest   map[string]int32
}

func indexLock(l Lock) (*lockIndex, error) {
	x := &lockIndex{
		versions: map[validator.SubjectVersion]LockVersion{},
		places:   map[validator.GUID][]validator.SubjectVersion{},
		ids:      map[validator.Ref]validator.GUID{},
		lenses:   map[validator.SubjectVersion]*upcast.Lens{},
		newest:   map[string]int32{},
	}
	for _, s := range l.Subjects {
		for _, v := range s.Versions {
			at := validator.SubjectVersion{Subject: s.Subject, Version: int32(v.Version)}
			x.versions[at] = v
			x.places[v.GUID] = append(x.places[v.GUID], at)
			x.newest[s.Subject] = max(x.newest[s.Subject], at.Version)
			if v.ID != 0 {
				x.ids[validator.Ref{Context: contextOf(s.Subject), ID: v.ID}] = v.GUID
			}
			if v.Lens == nil {
				continue
			}
			lens, err := upcast.Parse(v.Lens)
			if err != nil {
				return nil, fmt.Errorf("lock file: %s v%d: %w", s.Subject, v.Version, err)
			}
			x.lenses[at] = lens
		}
	}
	return x, nil
}

// find returns the place of a schema in the lock.
func (x *lockIndex) find(ref validator.Ref) (validator.SubjectVersion, bool) {
	if x == nil {
		return validator.SubjectVersion{}, false
	}
	guid := ref.GUID
	if guid.IsZero() && ref.ID != 0 {
		guid = x.ids[validator.Ref{Context: ref.Context, ID: ref.ID}]
	}
	if !guid.IsZero() {
		if places := x.places[guid]; len(places) > 0 {
			return places[0], true
		}
		return validator.SubjectVersion{}, false
	}
	at := validator.SubjectVersion{Subject: ref.Subject, Version: ref.Version}
	if at.Version == 0 {
		at.Version = x.newest[at.Subject]
	}
	_, ok := x.versions[at]
	return at, ok
}

// stored makes what the cache wants of a schema in the lock; false if a reference is missing there.
func (x *lockIndex) stored(at validator.SubjectVersion) (validator.Stored, bool) {
	v := x.versions[at]
	s := validator.Stored{
		Document: validator.Document{Text: v.Schema, References: map[string][]byte{}},
		Ref:      validator.Ref{GUID: v.GUID, Context: contextOf(at.Subject), ID: v.ID},
		Versions: x.places[v.GUID],
	}
	return s, x.gather(s.References, v.References, 0)
}

// gather collects the closure of references by name.
func (x *lockIndex) gather(into map[string][]byte, references []Reference, depth int) bool {
	for _, ref := range references {
		target, ok := x.versions[validator.SubjectVersion{Subject: ref.Subject, Version: int32(ref.Version)}]
		if !ok || depth > maxReferenceDepth || len(into) >= validator.MaxReferences {
			return false
		}
		if _, known := into[ref.Name]; known {
			continue
		}
		into[ref.Name] = target.Schema
		if !x.gather(into, target.References, depth+1) {
			return false
		}
	}
	return true
}

// contextOf returns the context that a qualified subject names, "" for the default one.
func contextOf(subject string) string {
	if len(subject) > 0 && subject[0] == ':' {
		if name, _, ok := bytes.Cut([]byte(subject[1:]), []byte(":")); ok && string(name) != "." {
			return string(name)
		}
	}
	return ""
}
