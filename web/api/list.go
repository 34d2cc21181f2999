package api

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// queryOf reads a subjectPrefix: empty or :*: is all contexts (or that of a /contexts/{c}/ prefix), else the beginning
// of a name, qualified or in the default context.
func queryOf(ctx context.Context, prefix string) (catalog.Query, error) {
	within := callOf(ctx).context
	if rest, ok := strings.CutPrefix(prefix, catalog.AnyContext); ok || prefix == "" && within == "" {
		return catalog.Query{Prefix: rest}, nil
	}
	name, err := nameOf(ctx, prefix)
	if err != nil {
		return catalog.Query{}, err
	}
	return catalog.Query{Context: &name.Context, Prefix: name.Subject}, nil
}

// eachSubject asks for page after page until the caller has enough.
func (a *API) eachSubject(ctx context.Context, q catalog.Query) iter.Seq2[catalog.Subject, error] {
	return func(yield func(catalog.Subject, error) bool) {
		size := q.Limit
		if size <= 0 {
			size = catalog.MaxPage
		}
		q.Limit = size
		for {
			subjects, err := a.registry.Subjects(ctx, q)
			if err != nil {
				yield(catalog.Subject{}, err)
				return
			}
			for _, s := range subjects {
				if !yield(s, nil) {
					return
				}
			}
			if len(subjects) < size {
				return
			}
			q.After = subjects[len(subjects)-1].Name
		}
	}
}

// stamp tells the client the revision of its own write.
func stamp(ctx context.Context, rev catalog.Rev) {
	if rev != 0 {
		callOf(ctx).header.Set(headerRevision, strconv.FormatUint(uint64(rev), 10))
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
