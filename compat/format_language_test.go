package compat

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// formatWords are strings from which those near a format's edges are made.
var formatWords = map[string]string{
	"date":                  "2024-02-29 1900-02-29 2000-02-29 2023-02-28 2023-04-31 2023-12-31 0000-01-01 9999-10-30 2023-00-10 2023-13-01",
	"time":                  "00:00:00Z 23:59:60Z 23:59:59.5z 12:34:56+01:00 12:34:60+12:35 01:59:60+02:00 15:59:60.5-08:00 23:59:60+00:00 22:59:60Z 24:00:00Z 00:00:60+00:01 00:00:60-23:59 10:00:00+23:59",
	"date-time":             "2024-02-29T23:59:60Z 2023-01-01t00:00:00.123+01:30 1990-12-31T15:59:60-08:00 2023-02-29T00:00:00Z 2023-06-15T12:00:60Z 2023-06-15T00:00:60+00:01",
	"duration":              "P1Y P1Y2M3DT4H5M6S P4W PT1H2M PT36H P1M2D PT0S P1YT1S P1Y2D PT1H1S P1",
	"period":                "2023-01-01T00:00:00Z/P1D P1Y2M/2023-01-01T00:00:00+01:00 2023-01-01T00:00:00Z/2024-01-01T00:00:00Z 2023-01-01T23:59:60Z/P1D P1D/P1D",
	"ipv4":                  "192.0.2.1 255.255.255.255 0.0.0.0 256.1.1.1 01.2.3.4 1.2.3 10.20.199.249",
	"ip-address":            "192.0.2.1 1.2.3.4.5",
	"ipv6":                  "2001:db8::1 :: ::1 1:: 1:2:3:4:5:6:7:8 1::8 ::ffff:192.0.2.1 1:2:3:4:5:6:1.2.3.4 ::1.2.3.4 1:2:3:4:5:6:7:: 1::3:4:5:6:7:8 1::3:4:5:6:7:8:9 ::2:3:4:5:6:7:8 fe80::a:1.2.3.4 ::12345 ::: 1:::2",
	"uuid":                  "6f2b1d0e-4a3c-4c1e-9d2a-1b2c3d4e5f60 6F2B1D0E-4A3C-4C1E-9D2A-1B2C3D4E5F60 00000000-0000-0000-0000-000000000000",
	"hostname":              "example.com a a-b.c a--b.c 1.2 -a.b a-.b a..b " + strings.Repeat("a", 63) + ".b " + strings.Repeat("a", 64) + " " + strings.Repeat("ab.", 84) + "a " + strings.Repeat("ab.", 84) + "abc",
	"email":                 `ann@example.com a.b+c@d.e "a\"b@c"@d.e a@[127.0.0.1] a@[IPv6:::1] "@b a@b@c "a"b@c .a@b ` + strings.Repeat("a", 64) + "@b " + strings.Repeat("a", 65) + "@b a@" + strings.Repeat("ab.", 84) + "a a@" + strings.Repeat("ab.", 84) + "abc",
	"json-pointer":          "/a~0b/~1 /a/ / /~ /~2 a",
	"relative-json-pointer": "0 0# 10/a 01 1/~0 0##",
	"uri":                   "http://a.b/c?d=e#f urn:a:b a: http://u:p@[::1]:80/ http://[v1.a:b]/x file:///x a:b%20c a:/b a://b a:// http://a:b:c/ a:/?# //a a://[::1]a a:%4 a:b#c#d a:[]",
	"uri-reference":         "//a/b a/b?c ?a #b ../x a%41 1:2 a@b/c:d /a:b //a:b //a:1/ :a /// a//b //@ //[::1]",
	"uriref":                "//a/b a:b 1:2",
	"iri":                   "http://é.b/中 é a:é http://[é]/ a:%é",
	"iri-reference":         "é/中 //é:1 é:b ?é",
	"uri-template":          "a{b} {+a,b*} {a:3} {?a.b} {%41} a'b {a:0} {a:10000} {a..b} {a:3*} {} {,a} {a b} a%4 {a",
}

// TestFormatLanguages holds the patterns and tables of every format to the validator's own check, on strings near the
// edges, and strings with some characters changed.
func TestFormatLanguages(t *testing.T) {
	rounds := 60_000
	if testing.Short() {
		rounds = 6_000
	}
	g := &graph{nodes: []node{{kind: kTrue}}}
	g.summarise()
	st, _ := newStore(g)
	if len(formatWords) != len(formatLanguages()) {
		t.Errorf("%d formats have words, %d have languages", len(formatWords), len(formatLanguages()))
	}
	for name, f := range formatLanguages() {
		t.Run(name, func(t *testing.T) {
			check := st.stringCheck(&node{kind: kFormat, name: name})
			patterns := []string{f.outer, f.inner}
			if f.table != "" {
				patterns = append(patterns, tableMark+f.table)
			}
			automaton, ok := newLanguage(patterns, MaxRegexStates, nil)
			if !ok {
				t.Fatalf("the automata of %s need more than %d states", name, MaxRegexStates)
			}
			words := strings.Fields(formatWords[name])
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			alphabet := []rune(strings.Join(words, "") + "aZ09-:./ %é\n\u0000😀")
			members := 0
			try := func(s string) {
				if !utf8.ValidString(s) {
					return
				}
				state := int32(0)
				for _, r := range s {
					state = automaton.read(state, r)
				}
				outer, inner := automaton.vector[state]&1 != 0, automaton.vector[state]&2 != 0
				length := int64(utf8.RuneCountInString(s))
				want := check(s)
				if want {
					members++
				}
				within := length >= f.shortest && (f.longest < 0 || length <= f.longest)
				upper := outer && within
				lower := inner && (!f.capped || length <= f.longest)
				if want && !upper || lower && !want || f.exact() && upper != want {
					t.Errorf("%q: the check says %v, outer %v, inner %v, length within %v", s, want, outer, inner, within)
				}
				if f.table != "" && automaton.vector[state]&4 != 0 != want {
					t.Errorf("%q: the check says %v, the table %v", s, want, !want)
				}
			}
			for _, w := range words {
				try(w)
			}
			for range rounds {
				s := []rune(words[random.IntN(len(words))])
				for range 1 + random.IntN(3) {
					at := random.IntN(len(s) + 1)
					c := alphabet[random.IntN(len(alphabet))]
					switch {
					case at == len(s) || random.IntN(3) == 0:
						s = append(s[:at:at], append([]rune{c}, s[at:]...)...)
					case random.IntN(2) == 0:
						s = append(s[:at:at], s[at+1:]...)
					default:
						s[at] = c
					}
				}
				try(string(s))
			}
			if members < rounds/200 {
				t.Errorf("only %d of %d strings were of the format", members, rounds)
			}
			shortest, _ := automaton.strings(nil, func(v uint64) bool { return v&2 != 0 }, window{0, -1}, 40)
			for _, s := range shortest {
				try(s)
			}
		})
	}
}

// TestFormatsExhaustively compares the small alphabets completely: each string up to a length.
func TestFormatsExhaustively(t *testing.T) {
	g := &graph{nodes: []node{{kind: kTrue}}}
	g.summarise()
	st, _ := newStore(g)
	for _, c := range []struct {
		name, alphabet string
		length         int
	}{
		{"duration", "P1YMDTHSW", 5},
		{"ipv4", "1250.", 7},
		{"ipv6", "1:.", 10},
		{"hostname", "a-.", 9},
		{"json-pointer", "/~01a", 7},
		{"relative-json-pointer", "01#/~", 7},
		{"uri", "a:/?#@[]%1", 5},
		{"uri-reference", "a:/?#@[]%1", 5},
		{"uri-template", "a{},*:0%.", 5},
		{"email", `a@".\[]`, 6},
	} {
		f := formatLanguages()[c.name]
		check := st.stringCheck(&node{kind: kFormat, name: c.name})
		automaton, ok := newLanguage([]string{f.outer, f.inner}, MaxRegexStates, nil)
		if !ok {
			t.Fatal(c.name)
		}
		wrong, members := 0, 0
		var walk func(s string, state int32)
		walk = func(s string, state int32) {
			want := check(s)
			outer, inner := automaton.vector[state]&1 != 0, automaton.vector[state]&2 != 0
			if want {
				members++
			}
			if (want && !outer || inner && !want || f.exact() && outer != want) && wrong < 10 {
				wrong++
				t.Errorf("%s: %q: the check says %v, outer %v, inner %v", c.name, s, want, outer, inner)
			}
			if len(s) < c.length {
				for _, r := range c.alphabet {
					walk(s+string(r), automaton.read(state, r))
				}
			}
		}
		walk("", 0)
		if members == 0 {
			t.Errorf("%s: no string of the alphabet belongs", c.name)
		}
	}
	// Every minute of the day with a leap second, under every offset of whole hours and a few others.
	check := st.stringCheck(&node{kind: kFormat, name: "time"})
	clock := tables()["time"]
	for minute := range day {
		for _, offset := range []string{"Z", "+00:00", "-00:00", "+01:00", "-08:00", "+05:30", "-23:59", "+23:59", "+00:01"} {
			s := fmt.Sprintf("%02d:%02d:60%s", minute/60, minute%60, offset)
			state := int32(0)
			for _, r := range s {
				state = clock.step(state, r)
			}
			if got, want := state >= 0 && clock.accept[state], check(s); got != want {
				t.Errorf("%q: the check says %v, the table %v", s, want, got)
			}
		}
	}
	t.Logf("the table of date-time has %d states", len(tables()["date-time"].next))
}
