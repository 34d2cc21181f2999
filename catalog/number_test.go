package catalog_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/accordhq/accord/catalog"
)

// The table is Java's own: testdata/numbers/Numbers.java writes it.
func TestNumbersAreWrittenAsJavaWritesThem(t *testing.T) {
	file, err := os.Open("testdata/numbers/numbers.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); rows++ {
		token, java, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			t.Fatalf("row %d: %q", rows+1, lines.Text())
		}
		got, err := catalog.Canonical(`{"a":`+token+`}`, false)
		if want := `{"a":` + java + `}`; err != nil || got != want {
			t.Errorf("Canonical of %s = %s, %v, want %s", token, got, err, want)
		}
	}
	if rows < 2300 {
		t.Errorf("%d rows, want the whole table", rows)
	}
}

// Whatever JSON a schema is: its canonical text is a fixed point, says the same, has no white space outside of
// strings, and is the same for all ways of writing it; in normal order, also for all orders of its members.
func TestCanonicalTextOfAnything(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		value := map[string]any{"type": "object", "x": anything(random, 5)}
		tidy, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		one, other := sprawl(random, value), sprawl(random, value)
		text, err := catalog.Canonical(one, false)
		if err != nil {
			t.Fatalf("Canonical(%s): %v", one, err)
		}
		if again, err := catalog.Canonical(text, false); err != nil || again != text {
			t.Fatalf("Canonical(%s) = %s, %v, want the same", text, again, err)
		}
		var got, want any
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal(tidy, &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("Canonical(%s) = %s, which says something else", one, text)
		}
		if at := blank(text); at >= 0 {
			t.Fatalf("Canonical(%s) = %s, which has white space at %d", one, text, at)
		}
		first, errFirst := catalog.Canonical(one, true)
		second, errSecond := catalog.Canonical(other, true)
		if errFirst != nil || errSecond != nil || first != second {
			t.Fatalf("in normal order %s (%v) and %s (%v) are two", first, errFirst, second, errSecond)
		}
	}
}

// anything is a JSON value, its numbers integers so that encoding/json compares them exactly.
func anything(random *rand.Rand, depth int) any {
	names := []string{"", "a", "b", "é", "\U0001F600", "ﬁ", "a/b", "\"", "\\", "\n", "\x01", "\u2028", "\x7f"}
	switch n := random.IntN(8); {
	case depth == 0 || n < 3:
		return []any{nil, true, false, float64(random.IntN(1_000_000)), names[random.IntN(len(names))]}[random.IntN(5)]
	case n < 5:
		list := make([]any, random.IntN(4))
		for i := range list {
			list[i] = anything(random, depth-1)
		}
		return list
	default:
		object := map[string]any{}
		for range random.IntN(5) {
			object[names[random.IntN(len(names))]] = anything(random, depth-1)
		}
		return object
	}
}

// sprawl writes a value in one of the many ways there are: white space, order of members, escapes.
func sprawl(random *rand.Rand, v any) string {
	space := func() string { return []string{"", "", " ", "\n", "\t\r\n "}[random.IntN(5)] }
	var b strings.Builder
	var write func(any)
	text := func(s string) {
		b.WriteByte('"')
		for _, r := range s {
			switch {
			case r < 0x10000 && random.IntN(3) == 0 || r < ' ':
				fmt.Fprintf(&b, `\u%04x`, r)
			case r == '"' || r == '\\':
				b.WriteString(`\` + string(r))
			case r == '/' && random.IntN(2) == 0:
				b.WriteString(`\/`)
			default:
				b.WriteRune(r)
			}
		}
		b.WriteByte('"')
	}
	write = func(v any) {
		b.WriteString(space())
		switch v := v.(type) {
		case map[string]any:
			b.WriteByte('{')
			between := ""
			for name, member := range v { // in any order
				b.WriteString(between + space())
				text(name)
				b.WriteString(space() + ":")
				write(member)
				between = ","
			}
			b.WriteString(space() + "}")
		case []any:
			b.WriteByte('[')
			for i, element := range v {
				if i > 0 {
					b.WriteByte(',')
				}
				write(element)
			}
			b.WriteString(space() + "]")
		case string:
			text(v)
		case float64:
			fmt.Fprintf(&b, "%d", int(v))
		default:
			fmt.Fprint(&b, map[any]string{nil: "null", true: "true", false: "false"}[v])
		}
		b.WriteString(space())
	}
	write(v)
	return b.String()
}

// blank finds white space outside of strings, -1 if there is none.
func blank(text string) int {
	inside := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case !inside && strings.IndexByte(" \t\r\n", c) >= 0:
			return i
		}
	}
	return -1
}
