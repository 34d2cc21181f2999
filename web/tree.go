package web

import (
	"cmp"
	"html/template"
	"net/url"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// Limits of a drawn tree.
const (
	CollapseAbove = 2_000 // places; a larger tree opens to depth 2 only
	shownValues   = 20    // enum values; the others are folded
)

// treeNode is a place as the tree template draws it.
type treeNode struct {
	*catalog.Node
	version int
	label   string // of a variant
	parent  *catalog.Node
	prefix  string // of ids and fragments, where a page has several trees
	top     string // what the root is called, "" = event
}

// ID is the element's id, Link the fragment that leads to it.
func (n treeNode) ID() string { return n.prefix + n.AnchorID() }

// Link leads to the place itself.
func (n treeNode) Link() template.URL { return n.linkTo(n.Address) }

func (n treeNode) linkTo(address string) template.URL {
	return template.URL("#" + (&url.URL{Fragment: n.prefix + catalog.AnchorID(address)}).EscapedFragment()) // escaped
}

// Top is what the root is called.
func (n treeNode) Top() string { return cmp.Or(n.top, "event") }

// note is one remark under a line: words, a code, or a link to another place.
type note struct {
	Text, Code string
	Href       template.URL // "" = no link
}

// Display is the name on the line.
func (n treeNode) Display() string {
	switch {
	case n.label != "":
		return n.label
	case n.Name == "*" && strings.HasSuffix(n.Address, "/*"):
		return "each element"
	case n.parent != nil && strings.HasPrefix(n.Address[len(n.parent.Address):], "/~re:"):
		return "any field that matches " + n.Name
	}
	return cmp.Or(n.Name, "this")
}

// Odd says that the name is words of the site, not a name in the event.
func (n treeNode) Odd() bool {
	last := n.Address[strings.LastIndexByte(n.Address, '/')+1:]
	return last == "*" || len(last) > 1 && last[0] == '~' && last[1] >= 'a' && !strings.HasPrefix(last, "~name:")
}

// NewHere says that the version on the page is the first that has the place, and that this is not said of the place
// above already. In version 1 everything is new.
func (n treeNode) NewHere() bool {
	return n.Since == n.version && n.version > 1 && (n.parent == nil || n.parent.Since < n.version)
}

// GoneLater says that a later version has the place no more, unless it is said of the place above already.
func (n treeNode) GoneLater() bool { return n.Gone > 0 && (n.parent == nil || n.parent.Gone != n.Gone) }

// Notes are the words under the line.
func (n treeNode) Notes() []note {
	var notes []note
	if n.RefName != "" && !n.Linked {
		notes = append(notes, note{Text: "defined as", Code: n.RefName})
	}
	if n.Linked {
		to, words := n.SameAs, "the same "+n.RefName+" as above"
		if n.SameAs == "" {
			to, words = n.RecursiveTo, "recursive: "+n.RefName
		}
		notes = append(notes, note{Text: words + " (see " + cmp.Or(to, "the event") + ")", Href: n.linkTo(to)})
	}
	return append(notes, facts(n.Node)...)
}

// facts are the remarks that do not depend on where the place stands.
func facts(n *catalog.Node) []note {
	var notes []note
	if n.Const != nil {
		notes = append(notes, note{Text: "always", Code: *n.Const})
	}
	if len(n.Enum) == 0 && n.Enum != nil {
		notes = append(notes, note{Text: "no value is allowed"})
	}
	if n.Extensible {
		notes = append(notes, note{Text: "more values will come"})
	}
	for _, f := range n.Facts {
		if f.Keyword == "pattern" {
			notes = append(notes, note{Text: "matches", Code: strings.TrimPrefix(f.Words, "matches ")})
			continue
		}
		notes = append(notes, note{Text: f.Words})
	}
	if n.Closed {
		notes = append(notes, note{Text: "closed: no other fields"})
	}
	if n.Default != nil {
		notes = append(notes, note{Text: "default", Code: *n.Default})
	}
	if n.Unit != "" {
		notes = append(notes, note{Text: "in " + n.Unit})
	}
	if n.Redact != "" {
		notes = append(notes, note{Text: "redacted by " + n.Redact})
	}
	if n.Owner != "" {
		notes = append(notes, note{Text: "owned by " + n.Owner})
	}
	for _, e := range n.Examples {
		notes = append(notes, note{Text: "for example", Code: e})
	}
	for _, f := range n.Other {
		notes = append(notes, note{Text: f.Keyword, Code: f.Words})
	}
	return notes
}

// Values are the first enum values, MoreValues the others.
func (n treeNode) Values() []string { return n.Enum[:min(len(n.Enum), shownValues)] }

// MoreValues are the enum values that are folded.
func (n treeNode) MoreValues() []string { return n.Enum[min(len(n.Enum), shownValues):] }

// element is the array's element where the tree draws both as one place: "array of object", its fields below.
func (n treeNode) element() *catalog.Node {
	e := n.Element()
	if e == nil || len(n.Children) != 1 || len(n.Variants) > 0 || e.Linked {
		return nil
	}
	return e
}

// ElementNotes are the remarks on each element of an array that is drawn with its element as one place.
func (n treeNode) ElementNotes() []note {
	e := n.element()
	if e == nil {
		return nil
	}
	var notes []note
	if e.RefName != "" {
		notes = append(notes, note{Text: "defined as", Code: e.RefName})
	}
	notes = append(notes, facts(e)...)
	for _, v := range e.Enum {
		notes = append(notes, note{Code: v})
	}
	if e.PII != "" {
		notes = append(notes, note{Text: "personal: " + e.PII})
	}
	if e.Description != "" {
		notes = append(notes, note{Text: e.Description})
	}
	return notes
}

// ElementID is the id of an element that is drawn with its array, so that links to it arrive; "" if there is none.
func (n treeNode) ElementID() string {
	if e := n.element(); e != nil {
		return n.prefix + e.AnchorID()
	}
	return ""
}

// branch is what stands below a place.
type branch struct {
	Children []treeNode
	Groups   []group
}

// group is the variants of one keyword.
type group struct {
	Words    string
	Variants []treeNode
}

// Below says whether anything stands below.
func (n treeNode) Below() bool { return n.Flat() != nil }

// Flat is what stands below, an array's element skipped where it is drawn with the array.
func (n treeNode) Flat() *branch {
	from := n.Node
	if e := n.element(); e != nil {
		from = e
	}
	if len(from.Children)+len(from.Variants) == 0 {
		return nil
	}
	b := &branch{}
	for _, c := range from.Children {
		b.Children = append(b.Children, treeNode{Node: c, version: n.version, parent: from, prefix: n.prefix})
	}
	set := -1
	for _, v := range from.Variants {
		if v.Set != set {
			b.Groups, set = append(b.Groups, group{Words: v.Group}), v.Set
		}
		g := &b.Groups[len(b.Groups)-1]
		g.Variants = append(g.Variants, treeNode{Node: v.Node, version: n.version, parent: from, prefix: n.prefix, label: cmp.Or(v.Label, "then")})
	}
	return b
}

// tree is what the tree template takes.
type tree struct {
	Root treeNode
	Open bool
}

func newTree(v *catalog.View) tree {
	return tree{Root: treeNode{Node: v.Root, version: v.Version}, Open: v.Nodes <= CollapseAbove}
}
