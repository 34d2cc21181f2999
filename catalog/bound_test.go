package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
)

// fullStore says that a subject has as many versions as it may.
type fullStore struct{ catalog.Store }

func (s fullStore) Subject(ctx context.Context, name catalog.Name) (catalog.Subject, error) {
	read, err := s.Store.Subject(ctx, name)
	for n := len(read.Versions); n > 0 && n < catalog.MaxVersions; n++ {
		v := read.Versions[0]
		v.Number, v.State = n+1, catalog.Deleted
		read.Versions = append(read.Versions, v)
		read.Head.Number = v.Number
	}
	return read, err
}

func TestBoundsOfRegistrations(t *testing.T) {
	store := newStore(t)
	r, ctx := catalog.New(store, catalog.Options{}), t.Context()
	refused := func(what string, want catalog.Reason, name string, reg catalog.Registration) {
		t.Helper()
		_, err := r.Register(ctx, subject(name), reg)
		wantErr(t, what, err, want)
	}
	refused("a schema over MaxSchemaBytes", catalog.TooLarge, "large", catalog.Registration{Text: `{"title":"` + strings.Repeat("x", catalog.MaxSchemaBytes) + `"}`})
	refused("metadata over MaxMetadataBytes", catalog.InvalidRuleSet, "metadata", catalog.Registration{
		Text: `true`, Metadata: &catalog.Metadata{Properties: map[string]string{"k": strings.Repeat("x", catalog.MaxMetadataBytes)}},
	})
	refused("more rules than MaxRules", catalog.InvalidRuleSet, "rules", catalog.Registration{Text: `true`, RuleSet: &catalog.RuleSet{Domain: make([]catalog.Rule, catalog.MaxRules+1)}})
	refused("more references than MaxReferences", catalog.InvalidSchema, "references", catalog.Registration{Text: `true`, References: make([]catalog.Reference, catalog.MaxReferences+1)})

	// A chain of references as deep as it may be, and one deeper.
	register(t, r, subject("deep0"), catalog.Registration{Text: `{"type":"object"}`})
	deep := func(i int) catalog.Registration {
		below := fmt.Sprintf("deep%d", i-1)
		return catalog.Registration{Text: `{"$ref":"` + below + `"}`, References: []catalog.Reference{{Name: below, Subject: below, Version: 1}}}
	}
	for i := 1; i <= catalog.MaxReferenceDeep; i++ {
		register(t, r, subject(fmt.Sprintf("deep%d", i)), deep(i))
	}
	refused("references over MaxReferenceDeep", catalog.InvalidSchema, "deeper", deep(catalog.MaxReferenceDeep+1))

	// As much text below a schema as may be, and more.
	var refs []catalog.Reference
	for i := range catalog.MaxClosureBytes/catalog.MaxSchemaBytes + 1 {
		name := fmt.Sprintf("wide%d", i)
		register(t, r, subject(name), catalog.Registration{Text: fmt.Sprintf(`{"title":"%d%s"}`, i, strings.Repeat("x", catalog.MaxSchemaBytes-32))})
		refs = append(refs, catalog.Reference{Name: name, Subject: name, Version: 1})
	}
	refused("references over MaxClosureBytes", catalog.InvalidSchema, "wide", catalog.Registration{Text: `true`, References: refs})

	full := catalog.New(fullStore{store}, catalog.Options{})
	_, err := full.Register(ctx, subject("deep0"), catalog.Registration{Text: `{"type":"object","title":"one too many"}`})
	wantErr(t, "more versions than MaxVersions", err, catalog.TooManyVersions)
	_, err = full.Promote(ctx, subject("deep0"), catalog.Promotion{Version: 2})
	wantErr(t, "a promotion over MaxVersions", err, catalog.TooManyVersions)
}

// slowStore holds whoever reads a schema.
type slowStore struct {
	catalog.Store
	held, let chan struct{}
}

func (s slowStore) Schema(ctx context.Context, k catalog.Key) (catalog.StoredSchema, error) {
	select {
	case s.held <- struct{}{}:
	default:
	}
	<-s.let
	return s.Store.Schema(ctx, k)
}

// TestBoundOfJudging: more registrations than may be judged at once are told to come again, not queued for ever.
func TestBoundOfJudging(t *testing.T) {
	store := newStore(t)
	ctx := t.Context()
	for _, name := range []string{"a", "b"} {
		register(t, catalog.New(store, catalog.Options{}), subject(name), catalog.Registration{Text: `{"type":"object","title":"` + name + `"}`})
	}
	slow := slowStore{store, make(chan struct{}, 1), make(chan struct{})}
	r := catalog.New(slow, catalog.Options{Judging: 1})
	done := make(chan error)
	given := catalog.Registration{Text: `{"type":"object","minProperties":0}`, Metadata: &catalog.Metadata{}, RuleSet: &catalog.RuleSet{}}
	go func() {
		_, err := r.Register(ctx, subject("a"), given)
		done <- err
	}()
	<-slow.held
	_, err := r.Register(ctx, subject("b"), given)
	wantErr(t, "a registration beside one that is judged", err, catalog.Busy)
	close(slow.let)
	if err := <-done; err != nil {
		t.Errorf("the registration that was judged = %v", err)
	}
	if _, err := r.Register(ctx, subject("b"), given); err != nil {
		t.Errorf("afterwards = %v", err)
	}
}
