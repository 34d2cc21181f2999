package web

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"

	"github.com/accordhq/accord/catalog"
)

// links makes every address of the site, under its base path; nothing else spells one.
type links struct{ base string }

// to joins segments, each percent-encoded, to an address: to("events", "a/b") is /events/a%2Fb.
func (l links) to(segments ...string) string {
	var b strings.Builder
	b.WriteString(l.base)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	if len(segments) == 0 {
		b.WriteByte('/')
	}
	return b.String()
}

func (l links) home() string                   { return l.to() }
func (l links) event(subject string) string    { return l.to("events", subject) }
func (l links) service(name string) string     { return l.to("services", name) }
func (l links) channel(name string) string     { return l.to("channels", name) }
func (l links) flow(name string) string        { return l.to("flows", name) }
func (l links) domain(name string) string      { return l.to("domains", name) }
func (l links) fieldName(name string) string   { return l.to("fields", name) }
func (l links) version(s string, n int) string { return l.to("events", s, "v", strconv.Itoa(n)) }

func (l links) diff(subject string, a, b int) string {
	return l.to("events", subject, "diff", strconv.Itoa(a)+".."+strconv.Itoa(b))
}

// field is the place of an address on the page of a version.
func (l links) field(subject string, version int, address string) string {
	return l.version(subject, version) + fragment(address)
}

// fragment leads to the element whose id is the address.
func fragment(address string) string {
	return "#" + (&url.URL{Fragment: catalog.AnchorID(address)}).EscapedFragment()
}

// funcs are the links as templates know them.
func (l links) funcs() template.FuncMap {
	return template.FuncMap{
		"to":         func(segments ...string) template.URL { return template.URL(l.to(segments...)) }, // built here
		"eventURL":   func(s string) template.URL { return template.URL(l.event(s)) },
		"serviceURL": func(s string) template.URL { return template.URL(l.service(s)) },
		"channelURL": func(s string) template.URL { return template.URL(l.channel(s)) },
		"flowURL":    func(s string) template.URL { return template.URL(l.flow(s)) },
		"domainURL":  func(s string) template.URL { return template.URL(l.domain(s)) },
		"fieldURL":   func(s string) template.URL { return template.URL(l.fieldName(s)) },
		"versionURL": func(s string, n int) template.URL { return template.URL(l.version(s, n)) },
		"diffURL":    func(s string, a, b int) template.URL { return template.URL(l.diff(s, a, b)) },
		"placeURL":   func(s string, n int, address string) template.URL { return template.URL(l.field(s, n, address)) },
		"fragment":   func(address string) template.URL { return template.URL(fragment(address)) },
	}
}
