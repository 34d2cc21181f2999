package catalog_test

import (
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
)

func TestBoundsOfAPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"":              "",
		"orders.":       "orders/",
		"z":             "{",
		"é":             "ê",
		"a\uD7FF":       "a\uE000",
		"a\U0010FFFF":   "b",
		"\U0010FFFF":    "",
		"a\x7f":         "a\u0080",
		"a\xff":         "", // no text: nothing is said
		"b\U0010FFFE":   "b\U0010FFFF",
		"orders.\u0000": "orders.\u0001",
	} {
		from, to := catalog.Query{Prefix: prefix}.Bounds()
		if from != prefix || to != want {
			t.Errorf("Bounds of prefix %q = %q, %q, want %q, %q", prefix, from, to, prefix, want)
		}
		for _, name := range []string{prefix, prefix + "a", prefix + "\U0010FFFF", prefix + strings.Repeat("\U0010FFFF", 3)} {
			if name < from || to != "" && name >= to {
				t.Errorf("%q begins with %q and is not between its bounds %q and %q", name, prefix, from, to)
			}
		}
	}
}
