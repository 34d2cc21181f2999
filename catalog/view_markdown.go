package catalog

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the view as Markdown (CommonMark): one nested list, a line per place. It is the twin of the
// HTML page for readers that are programs. It returns the writer's first error.
func (v *View) WriteMarkdown(w io.Writer) error {
	m := &markdown{w: w}
	m.line("# %s v%d", v.Subject, v.Version)
	if v.Root == nil {
		return m.err
	}
	if v.Root.Title != "" && v.Root.Title != v.Subject {
		m.line("\n**%s**", v.Root.Title)
	}
	if v.Root.Description != "" {
		m.line("\n%s", v.Root.Description)
	}
	if v.Cut != "" {
		m.line("\n> %s", v.Cut)
	}
	m.line("\n## Fields\n")
	m.node(v.Root, 0)
	if len(v.Problems) > 0 {
		m.line("\n## Problems\n")
		for _, p := range v.Problems {
			m.line("- %s", p)
		}
	}
	return m.err
}

type markdown struct {
	w   io.Writer
	err error
}

func (m *markdown) line(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format+"\n", args...)
	}
}

func (m *markdown) node(n *Node, depth int) {
	indent := strings.Repeat("  ", depth)
	name := n.Name
	if name == "" {
		name = "event"
	}
	words := append([]string{n.TypeWords()}, n.Words()...)
	m.line("%s- %s %s", indent, codeSpan(name), strings.Join(words, "; "))
	if n.Description != "" && depth > 0 {
		m.line("%s  %s", indent, strings.ReplaceAll(strings.TrimSpace(n.Description), "\n", "\n"+indent+"  "))
	}
	m.below(n, depth+1)
}

func (m *markdown) below(n *Node, depth int) {
	indent := strings.Repeat("  ", depth)
	for _, c := range n.Children {
		m.node(c, depth)
	}
	set := -1
	for _, x := range n.Variants {
		if x.Set != set {
			m.line("%s- %s:", indent, x.Group)
			set = x.Set
		}
		words := append([]string{x.Node.TypeWords()}, x.Node.Words()...)
		label := x.Label
		if label == "" {
			label = "this"
		}
		m.line("%s  - *%s* %s", indent, label, strings.Join(words, "; "))
		m.below(x.Node, depth+2)
	}
}

// codeSpan quotes text that may hold backticks.
func codeSpan(text string) string {
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// Words says everything about the place but its name, type and description, one item each, in the order of a line
// on the page.
func (n *Node) Words() []string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if n.Required {
		add("required")
	}
	if n.Deprecated {
		add("deprecated")
	}
	if n.RefName != "" && !n.Linked {
		add("defined as %s", n.RefName)
	}
	if n.RecursiveTo != "" || n.Linked && n.SameAs == "" {
		add("recursive: %s (see %s)", n.RefName, place(n.RecursiveTo))
	}
	if n.SameAs != "" {
		add("%s (see %s)", n.RefName, n.SameAs)
	}
	if n.Const != nil {
		add("always %s", *n.Const)
	}
	if len(n.Enum) > 0 {
		add("one of %s", strings.Join(n.Enum, ", "))
	}
	if n.Extensible {
		add("more values will come")
	}
	for _, f := range n.Facts {
		words = append(words, f.Words)
	}
	if n.Closed {
		add("closed: no other fields")
	}
	if n.Default != nil {
		add("default %s", *n.Default)
	}
	if n.Unit != "" {
		add("in %s", n.Unit)
	}
	if n.PII != "" {
		add("personal data: %s", n.PII)
	}
	if n.Redact != "" {
		add("redacted by %s", n.Redact)
	}
	if n.Owner != "" {
		add("owned by %s", n.Owner)
	}
	for _, e := range n.Examples {
		add("for example %s", e)
	}
	for _, f := range n.Other {
		add("%s: %s", f.Keyword, f.Words)
	}
	return words
}

// place names an address; the root's is "the event".
func place(address string) string {
	if address == "" {
		return "the event"
	}
	return address
}
