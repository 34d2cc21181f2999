package catalog_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/accordhq/accord/catalog"
)

// away is a Store whose database can be taken away.
type away struct {
	catalog.Store
	gone atomic.Bool
}

func (a *away) err() error {
	if a.gone.Load() {
		return &catalog.Error{Reason: catalog.Unavailable}
	}
	return nil
}

func (a *away) Subject(ctx context.Context, name catalog.Name) (catalog.Subject, error) {
	if err := a.err(); err != nil {
		return catalog.Subject{}, err
	}
	return a.Store.Subject(ctx, name)
}

func (a *away) Schema(ctx context.Context, k catalog.Key) (catalog.StoredSchema, error) {
	if err := a.err(); err != nil {
		return catalog.StoredSchema{}, err
	}
	return a.Store.Schema(ctx, k)
}

func (a *away) Contexts(ctx context.Context) ([]string, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Store.Contexts(ctx)
}

// TestReadersWhoNameASubjectKeepReading: most clients ask for a schema by ID and subject. Who asked so before reads on
// while the store is away, also where the name stands for a subject of another context; who did not is refused.
func TestReadersWhoNameASubjectKeepReading(t *testing.T) {
	store := &away{Store: newStore(t)}
	r := catalog.New(store, catalog.Options{})
	there := catalog.Name{Context: ".other", Subject: "a"}
	set(t, r, there, catalog.Config{Compatibility: catalog.None})
	register(t, r, catalog.Name{Subject: "b"}, catalog.Registration{Text: `{"const":"of the default context"}`})
	v := register(t, r, there, catalog.Registration{Text: `{"const":1}`})
	form := &catalog.Form{
		Schema: func(s *catalog.Schema, _ int) (catalog.Answer, error) {
			return catalog.Answer{Body: []byte(s.Text)}, nil
		},
		Version: func(v *catalog.Version) (catalog.Answer, error) {
			return catalog.Answer{Body: []byte(v.Schema.Text + " v" + strconv.Itoa(v.Number))}, nil
		},
	}
	bare := catalog.Name{Subject: "a"}
	ask := func() (string, error) {
		name, err := r.Locate(t.Context(), bare, v.Schema.ID)
		if err != nil {
			return "", err
		}
		a, ok, err := r.PlacedAnswer(t.Context(), name, v.Schema.ID, form)
		if err == nil && !ok {
			a, err = r.SchemaAnswer(t.Context(), catalog.Key{Context: name.Context, ID: v.Schema.ID}, form)
		}
		return string(a.Body), err
	}
	if got, err := ask(); err != nil || got != `{"const":1} v1` {
		t.Errorf("with the store = %s, %v", got, err)
	}
	store.gone.Store(true)
	if got, err := ask(); err != nil || got != `{"const":1}` {
		t.Errorf("without the store = %s, %v, want the schema of the context where it was", got, err)
	}
	if _, err := r.Locate(t.Context(), catalog.Name{Subject: "never asked"}, v.Schema.ID); !errors.Is(err, catalog.Unavailable) {
		t.Errorf("another name without the store = %v, want Unavailable", err)
	}
	store.gone.Store(false)
	register(t, r, there, catalog.Registration{Text: `{"const":2}`})
	remove := func(permanent bool) {
		t.Helper()
		if _, err := r.DeleteVersion(t.Context(), there, 1, permanent); err != nil {
			t.Fatal(err)
		}
	}
	remove(false)
	register(t, r, there, catalog.Registration{Text: `{"const":1}`})
	if got, err := ask(); err != nil || got != `{"const":1} v3` {
		t.Errorf("after it was registered again = %s, %v, want its new number", got, err)
	}
}
