package catalog_test

import (
	"encoding/json"
	"testing"

	"github.com/accordhq/accord/catalog"
	"github.com/google/go-cmp/cmp"
)

func TestVectors(t *testing.T) {
	r, ctx, name := newRegistry(t), t.Context(), subject("a")
	set(t, r, name, catalog.Config{Compatibility: catalog.Upcastable})
	closed := func(member, kind string) string {
		return `{"type":"object","properties":{"` + member + `":{"type":"` + kind + `"},"note":{"type":"string","maxLength":3}},"required":["` + member + `"],"additionalProperties":false}`
	}
	register(t, r, name, catalog.Registration{Text: closed("x", "integer")})
	register(t, r, name, catalog.Registration{Text: closed("y", "integer"), Lens: []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/x","to":"/y"}]}`)})
	register(t, r, name, catalog.Registration{Text: closed("z", "integer"), Lens: []byte(`{"apiVersion":"accord/v1","kind":"Lens","ops":[{"op":"rename","from":"/y","to":"/z"}]}`)})

	all, err := r.Vectors(ctx, name, 3, 1)
	if err != nil || len(all) == 0 {
		t.Fatalf("Vectors = %v, %v", all, err)
	}
	count := map[string]int{}
	for _, v := range all {
		count[v.Direction]++
		cast := r.Upcast
		if v.Direction == "down" {
			cast = r.Downcast
		}
		got, err := cast(ctx, name, v.From, v.To, []json.RawMessage{v.In}, []map[string]string{v.Envelope})
		if err != nil || got[0].Err != nil || string(got[0].Event) != string(v.Out) {
			t.Errorf("%s %s gives %+v, %v, want %s", v.Direction, v.In, got, err, v.Out)
		}
	}
	for _, dir := range []string{"up", "down"} {
		if count[dir] < 8 || count[dir] > catalog.MaxVectors {
			t.Errorf("%d vectors %s, want some and at most MaxVectors", count[dir], dir)
		}
	}
	again, err := r.Vectors(ctx, name, catalog.Latest, 1)
	if diff := cmp.Diff(all, again); err != nil || diff != "" {
		t.Errorf("Vectors again = %v (-first +second):\n%s", err, diff)
	}
	if one, err := r.Vectors(ctx, name, 3, 0); err != nil || one[0].From != 2 || one[0].To != 3 {
		t.Errorf("Vectors from the version before = %+v, %v", one, err)
	}

	_, err = r.Vectors(ctx, subject("none"), 1, 0)
	wantErr(t, "Vectors of nothing", err, catalog.SubjectNotFound)
	_, err = r.Vectors(ctx, name, 9, 1)
	wantErr(t, "Vectors of no version", err, catalog.VersionNotFound)
	_, err = r.Vectors(ctx, name, 1, 0)
	wantErr(t, "Vectors of the first version", err, catalog.VersionNotFound)
	_, err = r.Vectors(ctx, name, 2, 3)
	wantErr(t, "Vectors from a newer version", err, catalog.WrongDirection)
	register(t, r, subject("b"), catalog.Registration{Text: closed("x", "integer")})
	register(t, r, subject("b"), catalog.Registration{Text: closed("x", "string"), Force: true})
	_, err = r.Vectors(ctx, subject("b"), 2, 1)
	wantErr(t, "Vectors over a gap", err, catalog.NoLensPath)
}
