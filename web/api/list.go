package api

import (
	"bufio"
	"context"
	"io"
	"iter"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/accordhq/accord/catalog"
)

// queryOf reads a subjectPrefix: empty or :*: is all contexts (or that of a /contexts/{c}/ prefix), else the beginning
// of a name, qualified or in the default context.
func queryOf(ctx context.Context, prefix string) (catalog.Query, error) {
	within := callOf(ctx).context
	if rest, ok := strings.CutPrefix(prefix, catalog.AnyContext); ok || prefix == "" && within == "" {
		_, err := catalog.ParseName(rest)
		return catalog.Query{Prefix: rest}, err
	}
	name, err := nameOf(ctx, prefix)
	if err != nil {
		return catalog.Query{}, err
	}
	return catalog.Query{Context: &name.Context, Prefix: name.Subject}, nil
}

// eachSubject asks for page after page until the caller has enough; it leaves out what the caller may not read.
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
				if mayRead(ctx, s.Name) && !yield(s, nil) {
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

// sequence is a list that is written as it comes, so that its length costs no memory. An error before the first
// element is the answer; one behind it breaks the answer off.
type sequence[T any] struct {
	first *T // nil: the list is empty
	next  func() (T, error, bool)
	stop  func()
}

// sequenceOf reads the first element of a list.
func sequenceOf[T any](list iter.Seq2[T, error]) (sequence[T], error) {
	next, stop := iter.Pull2(list)
	v, err, ok := next()
	if !ok || err != nil {
		stop()
		return sequence[T]{}, err
	}
	return sequence[T]{first: &v, next: next, stop: stop}, nil
}

// Schema says a list of T in the OpenAPI document.
func (sequence[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[[]T](), true, "")
}

// writeTo writes the list as JSON. An error of the list, or of the client's connection, aborts the connection, so that
// nobody takes a part for the whole.
func (s sequence[T]) writeTo(w io.Writer) error {
	if s.first == nil {
		_, err := io.WriteString(w, "[]")
		return err
	}
	defer s.stop()
	out := bufio.NewWriterSize(w, sequenceBuffer)
	for v, ok, between := *s.first, true, byte('['); ok; between = ',' {
		b, err := encode(v)
		if err != nil {
			return err
		}
		_ = out.WriteByte(between) // the next write tells
		if _, err := out.Write(b); err != nil {
			panic(http.ErrAbortHandler)
		}
		if v, err, ok = s.next(); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	_ = out.WriteByte(']')
	return out.Flush()
}

// sequenceBuffer is how much of a list is gathered before it is sent.
const sequenceBuffer = 32 << 10

// paged are the elements of a list that a page shows.
func paged[T any](p page, list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		shown := 0
		for v, err := range list {
			if err == nil && p.offset > 0 {
				p.offset--
				continue
			}
			if shown++; !yield(v, err) || err != nil || shown == p.limit {
				return
			}
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
