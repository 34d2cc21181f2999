package web

import (
	"bytes"
	"html/template"
	"net/url"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// MaxMarkdown bounds one description, in bytes; a longer one is cut and says so.
const MaxMarkdown = 64 << 10

// markdown renders descriptions that people wrote in schemas and documents. Raw HTML stays off, links lead to http,
// https, mailto or this site, and images come from this site alone.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.Table, extension.Strikethrough),
	goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(safeLinks{}, 500))),
)

// renderMarkdown never fails: what goldmark cannot render is shown as text.
func renderMarkdown(source string) template.HTML {
	if source == "" {
		return ""
	}
	cut := len(source) > MaxMarkdown
	if cut {
		source = source[:MaxMarkdown]
		for !utf8.ValidString(source) && source != "" {
			source = source[:len(source)-1]
		}
	}
	var b bytes.Buffer
	if err := markdown.Convert([]byte(source), &b); err != nil {
		return template.HTML("<p>" + template.HTMLEscapeString(source) + "</p>") // escaped
	}
	if cut {
		b.WriteString("<p>The text goes on; it is cut here.</p>")
	}
	return template.HTML(b.String()) // goldmark with raw HTML off
}

// safeLinks takes away destinations that this site does not lead to, and headings that would compete with the page's.
type safeLinks struct{}

// Transform implements parser.ASTTransformer.
func (safeLinks) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	var images []*ast.Image
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(6, n.Level+2)
		case *ast.Link:
			if !linkAllowed(string(n.Destination)) {
				n.Destination = []byte("#")
			}
			n.SetAttributeString("rel", []byte("noopener nofollow"))
		case *ast.AutoLink:
			n.SetAttributeString("rel", []byte("noopener nofollow"))
		case *ast.Image:
			if u, err := url.Parse(string(n.Destination)); err != nil || u.Scheme != "" || u.Host != "" {
				images = append(images, n)
			}
		}
		return ast.WalkContinue, nil
	})
	for _, image := range images {
		words := ast.NewString(wordsIn(image, reader.Source()))
		image.Parent().ReplaceChild(image.Parent(), image, words)
	}
}

// wordsIn gathers the plain text below a node.
func wordsIn(n ast.Node, source []byte) []byte {
	var words []byte
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			words = append(words, t.Segment.Value(source)...)
		}
		return ast.WalkContinue, nil
	})
	return words
}

func linkAllowed(destination string) bool {
	u, err := url.Parse(destination)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https", "mailto":
		return true
	}
	return u.Scheme == "" && u.Host == ""
}
