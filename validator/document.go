package validator

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
)

// Document is what is compiled: a text, where it stands, and the texts that it refers to.
type Document struct {
	// Text is the schema as registered or as in the file: a JSON object or boolean of at most MaxSchemaBytes that
	// keeps the byte rules of an event. It is retained and must not be modified.
	Text []byte
	// URI is the base URI; "" means accord:///schema, and a path without a scheme is taken below accord:///. A root
	// $id replaces it.
	URI string
	// References holds every text that Text may reach, directly or through another, by the name that $ref says.
	// A name is resolved against the base URI of each document; a text with a root $id is also found by it.
	References map[string][]byte
}

const (
	defaultURI = "accord:///schema"
	houseURI   = "accord:///"
)

// SchemaError says why a document does not compile. It never quotes a whole text.
type SchemaError struct {
	URI     string // of the document at fault
	Pointer string // JSON Pointer into it, as precise as is known
	Keyword string // "" if no single keyword is at fault
	Limit   string // name of the constant that was exceeded, "" if none was
	Message string
}

func (e *SchemaError) Error() string {
	at := e.Pointer
	if at == "" {
		at = "the schema's root"
	}
	return at + ": " + e.Message
}

// closure is the closed world of one Compile: every document that can be reached.
type closure struct {
	limits   Limits
	root     *text
	texts    []*text          // the root first, then by name
	byURI    map[string]*text // every URI that leads to a text
	count    int              // schemas and references so far
	warnings []Warning
}

// text is one document of a closure.
type text struct {
	name      string // as References has it, "" of the root
	uri       string // where it is loaded from
	base      string // its root $id, else uri
	bytes     []byte
	top       *place
	draft     Draft
	schemas   map[string]bool // JSON Pointers of the schemas seen so far
	resources []resourceAt
	anchors   []anchorAt
	links     []linkAt
	refused   error // its draft is not understood; it may be there, but not be reached
}

// resourceAt is a schema with an $id of its own, anchorAt one with a dynamic anchor, linkAt a reference keyword.
type (
	resourceAt struct{ pointer, base string }
	anchorAt   struct{ pointer, name string }
	linkAt     struct{ pointer, keyword, target string }
)

func (t *text) fail(pointer, keyword, format string, args ...any) *SchemaError {
	return &SchemaError{URI: t.base, Pointer: pointer, Keyword: keyword, Message: fmt.Sprintf(format, args...)}
}

func (t *text) over(pointer, keyword, limit string, bound int) *SchemaError {
	e := t.fail(pointer, keyword, "is over %s, which is %d", limit, bound)
	e.Limit = limit
	return e
}

// readClosure applies the byte rules and the limits to every document and finds out which URIs lead where.
func readClosure(d Document, l Limits) (*closure, error) {
	c := &closure{limits: l.filled(), byURI: map[string]*text{}}
	c.root = &text{uri: absolute(d.URI), bytes: d.Text}
	c.root.base = c.root.uri
	if len(d.References) > c.limits.References {
		return nil, c.root.over("", "", "MaxReferences", c.limits.References)
	}
	c.texts = append(c.texts, c.root)
	total := len(d.Text)
	for _, name := range slices.Sorted(maps.Keys(d.References)) {
		t := &text{name: name, bytes: d.References[name]}
		total += len(t.bytes)
		c.texts = append(c.texts, t)
	}
	if total > MaxClosureBytes {
		return nil, c.root.over("", "", "MaxClosureBytes", MaxClosureBytes)
	}
	for _, t := range c.texts {
		if err := c.read(t); err != nil {
			return nil, err
		}
	}
	if err := c.name(); err != nil {
		return nil, err
	}
	for _, t := range c.texts {
		if t.refused = c.findDraft(t, 0); t.refused != nil {
			t.draft = Draft7
		}
	}
	if c.root.refused != nil {
		return nil, c.root.refused
	}
	for _, t := range c.texts {
		if err := c.walk(t, "", t.top, t.base); err != nil {
			return nil, err
		}
	}
	if err := c.follow(); err != nil {
		return nil, err
	}
	return c, c.depth()
}

// absolute gives a base URI a scheme: jsonschema v5 would take a path for a file of the working folder.
func absolute(uri string) string {
	if uri == "" {
		return defaultURI
	}
	uri, _, _ = strings.Cut(uri, "#")
	u, err := url.Parse(uri)
	if err == nil && u.IsAbs() {
		return uri
	}
	return houseURI + url.PathEscape(strings.TrimLeft(uri, "/"))
}

// resolve is a reference against a base (RFC 3986, section 5), in the way that jsonschema v5 does it: a URN is a base for
// fragments only.
func resolve(base, ref string) (string, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return "", err
	}
	switch {
	case ref == "":
		return base, nil
	case u.IsAbs():
		return ref, nil
	case strings.HasPrefix(base, "urn:"):
		base, _, _ = strings.Cut(base, "#")
		return base + ref, nil
	}
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	return b.ResolveReference(u).String(), nil
}

// read applies the byte rules to one text.
func (c *closure) read(t *text) error {
	if t.uri == "" {
		uri, err := resolve(c.root.base, t.name)
		if err != nil {
			return c.root.fail("", "$ref", "the reference name %q is no URI", t.name)
		}
		t.uri, _, _ = strings.Cut(uri, "#")
		t.base = t.uri
	}
	if len(t.bytes) > c.limits.SchemaBytes {
		return t.over("", "", "MaxSchemaBytes", c.limits.SchemaBytes)
	}
	var s scanner
	if !s.check(t.bytes, c.limits.SchemaBytes) {
		line, column := Position(t.bytes, s.offset)
		e := t.fail(s.pointer(), s.fault, "%s at line %d, column %d", faultMessage(s.fault), line, column)
		e.Limit = faultLimit(s.fault)
		return e
	}
	t.top = parsePlaces(t.bytes)
	if kind := t.top.kind(t.bytes); kind != '{' && kind != 't' && kind != 'f' {
		return t.fail("", "", "a schema is an object or a boolean")
	}
	id, err := identity(t.bytes, t.top, true)
	if err == nil && id != "" {
		id, err = resolve(t.base, id)
	}
	if err != nil {
		return t.fail("/$id", "$id", "is no URI")
	}
	if id != "" {
		t.base = id
	}
	return nil
}

// identity is the $id of a schema object without its fragment, "" if it has none. A root's draft is not known yet, so
// both spellings count there; beside $ref an old draft ignores it, which changes no base that matters: such a root has
// nothing but the reference.
func identity(b []byte, p *place, both bool) (string, error) {
	id := p.member("$id").str(b)
	if id == "" && both && namedDraft(p.member("$schema").str(b)) == Draft4 {
		id = p.member("id").str(b)
	}
	id, _, _ = strings.Cut(id, "#")
	_, err := url.Parse(id)
	return id, err
}

// name finds every URI that leads to a text: each name against the base of each document, and each document's own base.
func (c *closure) name() error {
	add := func(uri string, t *text) error {
		uri, _, _ = strings.Cut(uri, "#")
		if other, taken := c.byURI[uri]; taken && !bytes.Equal(other.bytes, t.bytes) {
			return t.fail("", "$id", "%s names two different texts", uri)
		} else if !taken {
			c.byURI[uri] = t
		}
		return nil
	}
	for _, t := range c.texts {
		for _, uri := range []string{t.uri, t.base} {
			if err := add(uri, t); err != nil {
				return err
			}
		}
	}
	for _, from := range c.texts {
		for _, t := range c.texts[1:] {
			uri, err := resolve(from.base, t.name)
			if err != nil {
				continue
			}
			if err := add(uri, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// findDraft applies the one draft rule: what the root $schema says, without one draft-07. A $schema that is itself a
// text of the closure leads on to that text's own.
func (c *closure) findDraft(t *text, hops int) error {
	if t.draft != 0 {
		return nil
	}
	p := t.top.member("$schema")
	if p == nil {
		t.draft = Draft7
		return nil
	}
	says := p.str(t.bytes)
	if t.draft = namedDraft(says); t.draft != 0 {
		return nil
	}
	uri, _, _ := strings.Cut(says, "#")
	meta := c.byURI[uri]
	if meta == nil || meta == t || hops > len(c.texts) {
		return t.fail("/$schema", "$schema", "names no draft that is understood: %s", everyDraft)
	}
	if err := c.findDraft(meta, hops+1); err != nil {
		return err
	}
	t.draft = meta.draft
	return nil
}

// walk visits a schema and all below it, in document order: limits, warnings, resources, anchors, references.
func (c *closure) walk(t *text, pointer string, p *place, base string) error {
	if t.schemas == nil {
		t.schemas = map[string]bool{}
	}
	if t.schemas[pointer] {
		return nil
	}
	t.schemas[pointer] = true
	if c.count++; c.count > c.limits.Subschemas {
		return c.root.over("", "", "MaxSubschemas", c.limits.Subschemas)
	}
	if p.kind(t.bytes) != '{' {
		return nil
	}
	hasRef := p.member("$ref") != nil
	if pointer == "" {
		t.resources = append(t.resources, resourceAt{"", t.base})
	} else if id := c.embeddedID(t, p, hasRef); id != "" {
		if uri, err := resolve(base, id); err == nil {
			base = uri
			if slices.ContainsFunc(t.resources[1:], func(r resourceAt) bool { return r.base == base }) {
				return t.fail(join(pointer, "$id"), "$id", "names a second schema %s", strings.TrimPrefix(base, houseURI))
			}
			t.resources = append(t.resources, resourceAt{pointer, base})
		}
		if t == c.root && p.member("$schema") != nil {
			c.warnings = append(c.warnings, Warning{join(pointer, "$schema"), "$schema", "is ignored inside a document: its root's $schema holds"})
		}
	}
	for _, child := range p.children {
		at := join(pointer, child.name)
		if err := c.keyword(t, at, child, base); err != nil {
			return err
		}
		if why := meaningless(t.draft, child.name, hasRef); why != "" {
			if t == c.root {
				c.warnings = append(c.warnings, Warning{at, child.name, why})
			}
			if !hasRef {
				continue
			}
		}
		if err := c.below(t, at, child, base, keywords[child.name].holds); err != nil {
			return err
		}
	}
	return nil
}

func (c *closure) embeddedID(t *text, p *place, hasRef bool) string {
	keyword := "$id"
	if t.draft == Draft4 {
		keyword = "id"
	}
	if hasRef && t.draft <= Draft7 {
		return ""
	}
	id, _, _ := strings.Cut(p.member(keyword).str(t.bytes), "#")
	return id
}

// below visits the schemas that a keyword holds.
func (c *closure) below(t *text, at string, p *place, base string, holds position) error {
	kind := p.kind(t.bytes)
	switch {
	case holds == 0:
		return nil
	case kind == '{' && holds&holdsMap != 0, kind == '[' && holds&holdsList != 0:
		for i, child := range p.children {
			token := child.name
			if kind == '[' {
				token = fmt.Sprint(i)
			}
			if err := c.walk(t, join(at, token), child, base); err != nil {
				return err
			}
		}
	case holds&holdsOne != 0 && kind != '[':
		return c.walk(t, at, p, base)
	}
	return nil
}

// keyword checks one keyword against the limits and notes what it refers to.
func (c *closure) keyword(t *text, at string, p *place, base string) error {
	switch p.name {
	case "$ref", "$recursiveRef", "$dynamicRef":
		if target, err := resolve(base, p.str(t.bytes)); err == nil && p.kind(t.bytes) == '"' {
			c.count++
			t.links = append(t.links, linkAt{at, p.name, target})
		}
	case "$dynamicAnchor":
		if t.draft >= Draft2020 {
			t.anchors = append(t.anchors, anchorAt{strings.TrimSuffix(at, "/$dynamicAnchor"), p.str(t.bytes)})
		}
	case "$recursiveAnchor":
		if t.draft >= Draft2019 && string(p.raw(t.bytes)) == "true" {
			t.anchors = append(t.anchors, anchorAt{strings.TrimSuffix(at, "/$recursiveAnchor"), ""})
		}
	case "enum", "required", "type":
		// Each value is compared with each when the schema itself is judged.
		if len(p.children) > c.limits.EnumValues {
			return t.over(at, p.name, "MaxEnumValues", c.limits.EnumValues)
		}
	case "dependentRequired", "dependencies":
		for _, child := range p.children {
			if child.kind(t.bytes) == '[' && len(child.children) > c.limits.EnumValues {
				return t.over(join(at, child.name), p.name, "MaxEnumValues", c.limits.EnumValues)
			}
		}
	case "pattern":
		if len(p.str(t.bytes)) > c.limits.RegexBytes {
			return t.over(at, p.name, "MaxRegexBytes", c.limits.RegexBytes)
		}
	case "patternProperties":
		for _, child := range p.children {
			if len(child.name) > c.limits.RegexBytes {
				return t.over(at, p.name, "MaxRegexBytes", c.limits.RegexBytes)
			}
		}
	case "regexProperties":
		return t.fail(at, p.name, "is no keyword")
	case "minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains", "minProperties", "maxProperties":
		if n, ok := new(big.Rat).SetString(string(p.raw(t.bytes))); ok && n.Cmp(maxCount) > 0 {
			return t.over(at, p.name, "MaxCount", MaxCount)
		}
	}
	return nil
}

var maxCount = new(big.Rat).SetInt64(MaxCount)

// follow visits what references lead to at places where no keyword holds a schema, so that limits count there too.
func (c *closure) follow() error {
	for more := true; more; {
		more = false
		for _, t := range slices.Clone(c.texts) {
			for _, l := range slices.Clone(t.links) {
				to, pointer := c.target(l.target)
				if to == nil || to.schemas[pointer] {
					continue
				}
				if p := to.top.lookup(pointer); p != nil {
					more = true
					if err := c.walk(to, pointer, p, to.baseAt(pointer)); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// depth holds how many documents refer to each other in a row, from the root on, the shortest way to each.
func (c *closure) depth() error {
	level := map[*text]int{c.root: 0}
	for queue := []*text{c.root}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		for _, l := range from.links {
			uri, _, _ := strings.Cut(l.target, "#")
			to, _ := c.target(uri)
			if to == nil {
				continue
			}
			if _, seen := level[to]; seen {
				continue
			}
			if level[to] = level[from] + 1; level[to] > MaxReferenceDepth {
				return from.over(l.pointer, l.keyword, "MaxReferenceDepth", MaxReferenceDepth)
			}
			queue = append(queue, to)
		}
	}
	return nil
}

// target is the text and JSON Pointer that a resolved reference leads to; nil where it uses an anchor or leads out of
// the closure.
func (c *closure) target(uri string) (*text, string) {
	uri, fragment, _ := strings.Cut(uri, "#")
	pointer := unescapeFragment(fragment)
	if pointer != "" && pointer[0] != '/' {
		return nil, ""
	}
	for _, t := range c.texts {
		for _, r := range t.resources {
			if r.base == uri {
				return t, r.pointer + pointer
			}
		}
	}
	return c.byURI[uri], pointer
}

// resourceOf is the JSON Pointer of the innermost resource that a place belongs to.
func (t *text) resourceOf(pointer string) resourceAt {
	found := resourceAt{"", t.base}
	for _, r := range t.resources {
		if len(r.pointer) > len(found.pointer) && (r.pointer == pointer || strings.HasPrefix(pointer, r.pointer+"/")) {
			found = r
		}
	}
	return found
}

func (t *text) baseAt(pointer string) string { return t.resourceOf(pointer).base }

// unescapeFragment resolves the percent escapes of a fragment.
func unescapeFragment(fragment string) string {
	if s, err := url.PathUnescape(fragment); err == nil {
		return s
	}
	return fragment
}
