package catalog_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/accordhq/accord/catalog"
)

func TestBoundsOfAPage(t *testing.T) {
	x := ".x"
	in := func(context, subject string) catalog.Name { return catalog.Name{Context: context, Subject: subject} }
	for _, c := range []struct {
		q    catalog.Query
		want []string
	}{
		{catalog.Query{}, []string{"(ctx, name) > (?, ?) [ ]"}},
		{catalog.Query{After: in(x, "a"), Prefix: "b"}, []string{"(ctx, name) > (?, ?) [.x a]"}},
		{catalog.Query{Context: &x}, []string{"ctx = ? [.x]", "name >= ? []"}},
		{catalog.Query{Context: &x, After: in("", "z")}, []string{"ctx = ? [.x]", "name >= ? []"}},
		{catalog.Query{Context: &x, After: in(".y", "a")}, []string{"ctx = ? [.x]", "name < ? []"}},
		{catalog.Query{Context: &x, After: in(x, "a"), Prefix: "orders."}, []string{"ctx = ? [.x]", "name >= ? [orders.]", "name < ? [orders/]"}},
		{catalog.Query{Context: &x, After: in(x, "orders.b"), Prefix: "orders."}, []string{"ctx = ? [.x]", "name > ? [orders.b]", "name < ? [orders/]"}},
		{catalog.Query{Context: &x, Prefix: "a\uD7FF"}, []string{"ctx = ? [.x]", "name >= ? [a\uD7FF]", "name < ? [a\uE000]"}},
		{catalog.Query{Context: &x, Prefix: "a\U0010FFFF"}, []string{"ctx = ? [.x]", "name >= ? [a\U0010FFFF]", "name < ? [b]"}},
		{catalog.Query{Context: &x, Prefix: "\U0010FFFF"}, []string{"ctx = ? [.x]", "name >= ? [\U0010FFFF]"}},
		{catalog.Query{Context: &x, Prefix: "a\xff"}, []string{"ctx = ? [.x]", "name >= ? [a\xff]"}},
	} {
		var got []string
		c.q.Bound(func(condition string, values ...any) { got = append(got, fmt.Sprint(condition, " ", values)) })
		if !slices.Equal(got, c.want) {
			t.Errorf("Bound of %+v = %q, want %q", c.q, got, c.want)
		}
	}
}
