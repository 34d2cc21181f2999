package catalog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/accordhq/accord/catalog"
)

func receives(t *testing.T, r *catalog.Registry, service, receive string) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"accord/v1","kind":"Service","name":%q,"owner":"team","receives":[%s]}`, service, receive)
	if _, err := r.PutDocument(t.Context(), catalog.KindService, service, json.RawMessage(body), nil); err != nil {
		t.Fatalf("PutDocument(%s): %v", service, err)
	}
}

// effects is who is affected how.
func effects(i catalog.Impact) map[string]string {
	out := map[string]string{}
	for _, c := range i.Consumers {
		out[c.Service] = string(c.Effect)
		if c.Address != "" {
			out[c.Service] += " " + c.Address
		}
		if c.Upgrade != nil {
			out[c.Service] += fmt.Sprintf("; upgrade %s from %d", c.Upgrade.Effect, c.Upgrade.From)
		}
	}
	return out
}

// TestImpact: one member goes and one becomes something else; each consumer is told what that means to it.
func TestImpact(t *testing.T) {
	r := newRegistry(t)
	name := subject("orders.Placed")
	v1 := `{"type":"object","required":["id","name","total"],"properties":{"id":{"type":"string"},"name":{"type":"string"},"total":{"type":"integer"},"note":{"type":"string"}},"additionalProperties":false}`
	v2 := `{"type":"object","required":["id","total"],"properties":{"id":{"type":"string"},"total":{"type":["integer","string"]},"note":{"type":"string"}},"additionalProperties":false}`
	register(t, r, name, catalog.Registration{Text: v1})
	receives(t, r, "mailer", `{"event":"orders.Placed","version":1,"reads":["/id","/name"]}`)
	receives(t, r, "ledger", `{"event":"orders.Placed","version":1,"reads":[{"at":"/total","optional":true}]}`)
	receives(t, r, "search", `{"event":"orders.Placed","version":1,"reads":["/id",{"at":"/note","optional":true}]}`)
	receives(t, r, "mirror", `{"event":"orders.Placed","version":1}`)
	receives(t, r, "audit", `{"event":"orders.Placed","version":1,"reads":[]}`)
	receives(t, r, "lost", `{"event":"orders.Placed","version":7,"reads":["/id"]}`)
	register(t, r, subject("orders.Paid"), catalog.Registration{Text: `true`})
	receives(t, r, "other", `{"event":"orders.Paid","version":1}`)

	j, err := r.Check(t.Context(), name, 0, catalog.Registration{Text: v2})
	if err != nil {
		t.Fatal(err)
	}
	impact, err := r.Impact(t.Context(), &j)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"mailer": "breaks /name; upgrade breaks from 2",
		"ledger": "breaks /total",
		"search": "not affected",
		"mirror": "breaks; upgrade breaks from 1",
		"audit":  "envelope only",
		"lost":   "undecided",
	}
	if d := cmp.Diff(want, effects(impact)); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
	if got, want := impact.Sentence(), "v2 breaks 3 of 5 consumers, 1 undecided"; got != want {
		t.Errorf("Sentence = %q, want %q", got, want)
	}
	for _, c := range impact.Consumers {
		if (c.Effect == catalog.Breaks) != (c.Event != nil) || c.Because == "" {
			t.Errorf("%s: %s because %q with event %s", c.Service, c.Effect, c.Because, c.Event)
		}
	}

	// The refusal of the registration knows the same.
	_, err = r.Register(t.Context(), name, catalog.Registration{Text: v2})
	refused, ok := errors.AsType[*catalog.Incompatible](err)
	if !ok {
		t.Fatalf("Register = %v, want *Incompatible", err)
	}
	again, err := r.Impact(t.Context(), &refused.Report)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(impact, again); d != "" {
		t.Errorf("impact of the refused registration (-check +refused):\n%s", d)
	}

	// And a stored version, once it is in.
	register(t, r, name, catalog.Registration{Text: v2, Force: true})
	stored, err := r.ImpactOf(t.Context(), name, catalog.Latest)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, effects(stored)); d != "" {
		t.Errorf("effects of the stored version (-want +got):\n%s", d)
	}
	first, err := r.ImpactOf(t.Context(), name, 1)
	if err != nil {
		t.Fatal(err)
	}
	if first.Breaks != 0 || first.Of != 5 {
		t.Errorf("the first version breaks %d of %d, want 0 of 5", first.Breaks, first.Of)
	}
	if _, err := r.ImpactOf(t.Context(), name, 9); !errors.Is(err, catalog.VersionNotFound) {
		t.Errorf("ImpactOf(9) = %v, want VersionNotFound", err)
	}
}

// TestImpactCarried: a decoder with a way down is not hurt by what the plain contract refuses.
func TestImpactCarried(t *testing.T) {
	r := newRegistry(t)
	name := subject("orders.Placed")
	set(t, r, name, catalog.Config{Compatibility: catalog.Upcastable})
	register(t, r, name, catalog.Registration{Text: `{"type":"object","required":["name"],"properties":{"name":{"type":"string"}},"additionalProperties":false}`})
	receives(t, r, "raw", `{"event":"orders.Placed","version":1,"reads":["/name"]}`)
	receives(t, r, "decoding", `{"event":"orders.Placed","version":1,"reads":["/name"],"decode":"lens"}`)
	next := catalog.Registration{
		Text: `{"type":"object","required":["title"],"properties":{"title":{"type":"string"}},"additionalProperties":false}`,
		Lens: json.RawMessage(`{"apiVersion":"accord/v1","kind":"Lens","from":1,"ops":[{"op":"rename","from":"/name","to":"/title"}]}`),
	}
	j, err := r.Check(t.Context(), name, 0, next)
	if err != nil || !j.Passes {
		t.Fatalf("Check = %+v, %v, want that the lens carries", j, err)
	}
	impact, err := r.Impact(t.Context(), &j)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"raw": "breaks /name; upgrade breaks from 2", "decoding": "carried /name; upgrade breaks from 2"}
	if d := cmp.Diff(want, effects(impact)); d != "" {
		t.Errorf("effects (-want +got):\n%s", d)
	}
	register(t, r, name, next)
	stored, err := r.ImpactOf(t.Context(), name, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, effects(stored)); d != "" {
		t.Errorf("effects of the stored version (-want +got):\n%s", d)
	}
	if s := stored.Sentence(); !strings.Contains(s, "breaks 1 of 2") {
		t.Errorf("Sentence = %q", s)
	}
}
