package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/accordhq/accord/catalog"
)

// bundleBody is a lock file, for the reference.
type bundleBody struct {
	APIVersion string          `json:"apiVersion" example:"accord/v1"`
	Kind       string          `json:"kind" example:"Lock"`
	Subjects   []bundleSubject `json:"subjects" doc:"By name."`
}

// bundleSubject is one subject of a lock file.
type bundleSubject struct {
	Subject  string          `json:"subject" doc:"Qualified outside the default context." example:"orders.OrderPlaced"`
	Versions []bundleVersion `json:"versions" doc:"Ascending; soft-deleted ones too, since lenses lead through them."`
}

// bundleVersion is one version of a lock file.
type bundleVersion struct {
	Version    int                 `json:"version" example:"3"`
	GUID       string              `json:"guid" example:"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55"`
	ID         int                 `json:"id,omitempty" example:"7"`
	Schema     json.RawMessage     `json:"schema" doc:"The schema itself."`
	References []catalog.Reference `json:"references,omitempty" doc:"What they name is in the same bundle."`
	Lens       json.RawMessage     `json:"lens,omitempty" doc:"From the version before; absent: none."`
	Rev        int                 `json:"rev,omitempty" doc:"Of the lens." example:"1"`
	SHA256     string              `json:"sha256" doc:"Over subject, line feed and the other members as compact JSON."`
}

// bundleText is a bundle as it is written.
type bundleText []byte

// Schema says bundleBody in the OpenAPI document.
func (bundleText) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[bundleBody](), true, "")
}

func (b bundleText) writeTo(w io.Writer) error {
	_, err := w.Write(b)
	return err
}

type bundleInput struct {
	Subject []string `query:"subject,explode" doc:"A subject, or subject@version to ask also whether that version is there; repeated for several, 500 at most" example:"orders.OrderPlaced@3"`
}

// nativeBundle serves /v1/bundle.
func (a *API) nativeBundle() {
	add(a, route{
		native: true, method: http.MethodGet, path: "/v1/bundle", id: "getBundle", needs: somewhere(catalog.Reader), tag: tagNative, summary: "Read all that a program needs to start without the registry",
		about: "A lock file: every version of the subjects with schema, GUID, ID and lens, and every version that their schemas refer to. The same versions and lenses give the same bytes, whose SHA-256 is the ETag. " +
			"At most 8 MiB: ask for fewer subjects at once.",
		answer: `{"apiVersion":"accord/v1","kind":"Lock","subjects":[{"subject":"orders.OrderPlaced","versions":[{"version":1,"guid":"2a3f2b0e-6a57-3f4e-9c0b-0d8f6f0c1a55","id":7,"schema":{"type":"object"},"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}]}]}`,
		codes:  []int{40401, 40402, 413, 42202, 42208},
	}, a.getBundle)
}

func (a *API) getBundle(ctx context.Context, in *bundleInput, _ *none) (bundleText, error) {
	var pins []catalog.Pinned
	for _, s := range in.Subject {
		pin, err := pinnedOf(ctx, s)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	if len(pins) == 0 {
		return nil, badRequest("subject is missing: say for which subjects, as subject or subject@version")
	}
	text, err := a.registry.Bundle(ctx, pins, func(name catalog.Name) error { return demand(ctx, catalog.Reader, name) })
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	callOf(ctx).header.Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	return text, nil
}

// pinnedOf reads subject or subject@version.
func pinnedOf(ctx context.Context, s string) (catalog.Pinned, error) {
	subject, number := s, 0
	if i := strings.LastIndexByte(s, '@'); i > 0 {
		var version string
		subject, version = s[:i], s[i+1:]
		var err error
		if number, err = versionOf(version); err != nil {
			return catalog.Pinned{}, err
		}
	}
	name, err := nameOf(ctx, subject)
	if err == nil && name.Subject == "" {
		err = &catalog.Error{Reason: catalog.InvalidSubject, Name: catalog.Name{Subject: s}}
	}
	return catalog.Pinned{Name: name, Version: number}, err
}
