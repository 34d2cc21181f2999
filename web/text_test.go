package web

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"
	"testing"
)

func TestMarkdownIsTamed(t *testing.T) {
	for _, c := range []struct{ in, has, hasNot string }{
		{"a *b*", "<em>b</em>", ""},
		{"# Top", "<h3>Top</h3>", "<h1>"},
		{"<script>alert(1)</script>", "", "<script>"},
		{"[x](javascript:alert(1))", `href="#"`, "javascript:"},
		{"[x](data:text/html,x)", `href="#"`, "data:"},
		{"[x](//evil.example)", `href="#"`, "evil"},
		{"[x](https://example.com)", `rel="noopener nofollow"`, ""},
		{"[x](/events)", `href="/events"`, ""},
		{"![a *picture*](https://evil.example/p.png)", "a picture", "<img"},
		{"![here](/p.png)", `src="/p.png"`, ""},
		{strings.Repeat("é", MaxMarkdown), "cut here", ""},
	} {
		got := string(renderMarkdown(c.in))
		if !strings.Contains(got, c.has) || c.hasNot != "" && strings.Contains(got, c.hasNot) {
			t.Errorf("renderMarkdown(%.60q) = %.200q, want %q in it and not %q", c.in, got, c.has, c.hasNot)
		}
	}
}

var tags = regexp.MustCompile(`</?span[^>]*>`)

// FuzzJSONHTML: the marks change nothing of the text, and nothing of the text becomes a tag.
func FuzzJSONHTML(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":[true,null,-1.5e3,"x\"y"]}`, `"</span><script>"`, `{"a`, `plain text`, "", `"é\\"`, `&lt;`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := html.UnescapeString(tags.ReplaceAllString(string(jsonHTML(text)), ""))
		want := html.UnescapeString(html.EscapeString(prettyJSON(text)))
		if strings.ContainsRune(want, 0) {
			t.Skip("NUL is no HTML")
		}
		if got != want {
			t.Errorf("jsonHTML(%q) reads %q, want %q", text, got, want)
		}
	})
}

// FuzzBadJSON: what it says is no JSON is none, and it never points outside the text.
func FuzzBadJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `{"a": }`, `{} {}`, "", "\n\n x", `"\u12"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := badJSON(text) == "", json.Valid([]byte(text)); got != want {
			t.Errorf("badJSON(%q) = %q, json.Valid = %v", text, badJSON(text), want)
		}
	})
}

func TestLinesAreComparedByTheirLongestCommonPart(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a b c", "a x c", " a -b +x  c"},
		{"a", "a", " a"},
		{"a b", "b", "-a  b"},
		{"b", "a b", "+a  b"},
	} {
		var got []string
		for _, l := range diffLines(strings.Fields(c.a), strings.Fields(c.b)) {
			got = append(got, strings.ReplaceAll(l.Sign, "−", "-")+l.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("diffLines(%q, %q) = %q, want %q", c.a, c.b, strings.Join(got, " "), c.want)
		}
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}
