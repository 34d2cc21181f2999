package upcast

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// kind is the JSON type of a node.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

func (k kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// A node is one value of an ordered document. Scalars keep the text that they were written with, strings with their
// quotes, so that what no op computes on is printed as it came.
type node struct {
	kind    kind
	made    bool   // invented by an op: reported as inferred wherever it ends up
	origin  *place // where it stood in the event that was read; nil = nowhere
	raw     []byte
	members []member
	items   []*node
}

// A place is where a value stood when it was read. Places never change, whatever the ops do with the values.
type place struct {
	parent *place // nil for the root
	name   []byte // nil for an item
}

// A member is a name, as written and unescaped, and its value.
type member struct {
	raw   []byte // with quotes
	name  []byte
	value *node
}

// index returns the position of a member of an object, -1 if it has none.
func (n *node) index(name string) int {
	for i := range n.members {
		if string(n.members[i].name) == name {
			return i
		}
	}
	return -1
}

// become takes over content and origin of another node.
func (n *node) become(other *node) { *n = *other }

// A SyntaxError says that an event is not JSON as the validator's byte rules want it: RFC 8259, UTF-8, no name twice in
// one object, at most MaxDepth deep and MaxUpcastBytes long.
type SyntaxError struct {
	Offset  int // byte offset of the fault
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Message) }

// A parser reads one document into nodes of its arena.
type parser struct {
	arena *arena
	src   []byte
	at    int
}

// parse reads a whole document. Nodes alias src.
func parse(a *arena, src []byte) (*node, error) {
	if len(src) > MaxUpcastBytes {
		return nil, &SyntaxError{Message: fmt.Sprintf("longer than MaxUpcastBytes (%d)", MaxUpcastBytes)}
	}
	p := parser{arena: a, src: src}
	root, err := p.value(nil, nil, 0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at != len(src) {
		return nil, p.fault("text after the value")
	}
	return root, nil
}

func (p *parser) fault(message string) *SyntaxError {
	return &SyntaxError{Offset: p.at, Message: message}
}

func (p *parser) space() {
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\n' || p.src[p.at] == '\r' || p.src[p.at] == '\t') {
		p.at++
	}
}

func (p *parser) value(parent *place, name []byte, depth int) (*node, error) {
	p.space()
	if p.at >= len(p.src) {
		return nil, p.fault("the text ends too early")
	}
	n := p.arena.node()
	n.origin = p.arena.place()
	n.origin.parent, n.origin.name = parent, name
	start := p.at
	var err error
	switch c := p.src[p.at]; c {
	case '{', '[':
		if depth >= MaxDepth {
			return nil, p.fault(fmt.Sprintf("deeper than MaxDepth (%d)", MaxDepth))
		}
		p.at++
		if c == '{' {
			n.kind = object
			return n, p.object(n, depth+1)
		}
		n.kind = array
		return n, p.array(n, depth+1)
	case '"':
		n.kind = text
		err = p.string()
	case 't':
		n.kind = boolean
		err = p.word("true")
	case 'f':
		n.kind = boolean
		err = p.word("false")
	case 'n':
		err = p.word("null")
	default:
		n.kind = number
		err = p.number()
	}
	n.raw = p.src[start:p.at]
	return n, err
}

func (p *parser) object(n *node, depth int) error {
	mark := len(p.arena.memberStack)
	for first := true; ; first = false {
		p.space()
		if first && p.peek('}') {
			break
		}
		start := p.at
		if err := p.string(); err != nil {
			return err
		}
		raw := p.src[start:p.at]
		name, ok := unquote(raw)
		if !ok {
			p.at = start
			return p.fault("a name is not Unicode")
		}
		p.space()
		if !p.peek(':') {
			return p.fault("a colon is missing")
		}
		value, err := p.value(n.origin, name, depth)
		if err != nil {
			return err
		}
		p.arena.memberStack = append(p.arena.memberStack, member{raw, name, value})
		p.space()
		if p.peek('}') {
			break
		}
		if !p.peek(',') {
			return p.fault("a comma or brace is missing")
		}
	}
	n.members = p.arena.members(mark)
	if twice := repeated(n.members); twice >= 0 {
		return p.fault("the same name stands twice in one object")
	}
	return nil
}

// repeated returns the position of a member whose name stands before it already, -1 if there is none.
func repeated(members []member) int {
	if len(members) <= 16 {
		for i := range members {
			for j := range i {
				if bytes.Equal(members[i].name, members[j].name) {
					return i
				}
			}
		}
		return -1
	}
	seen := make(map[string]struct{}, len(members))
	for i := range members {
		if _, ok := seen[string(members[i].name)]; ok {
			return i
		}
		seen[string(members[i].name)] = struct{}{}
	}
	return -1
}

func (p *parser) array(n *node, depth int) error {
	mark := len(p.arena.itemStack)
	for first := true; ; first = false {
		p.space()
		if first && p.peek(']') {
			break
		}
		value, err := p.value(n.origin, nil, depth)
		if err != nil {
			return err
		}
		p.arena.itemStack = append(p.arena.itemStack, value)
		p.space()
		if p.peek(']') {
			break
		}
		if !p.peek(',') {
			return p.fault("a comma or bracket is missing")
		}
	}
	n.items = p.arena.items(mark)
	return nil
}

// peek steps over c if it is next.
func (p *parser) peek(c byte) bool {
	if p.at < len(p.src) && p.src[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) word(word string) error {
	if !bytes.HasPrefix(p.src[p.at:], []byte(word)) {
		return p.fault("not a JSON value")
	}
	p.at += len(word)
	return nil
}

// string steps over a quoted string. Escapes and UTF-8 are judged here, so that unquote of it succeeds.
func (p *parser) string() error {
	start := p.at
	if !p.peek('"') {
		return p.fault("a name or string is missing")
	}
	plain := true
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			if plain {
				return nil
			}
			if _, ok := unquote(p.src[start:p.at]); !ok {
				p.at = start
				return p.fault("a string is not Unicode")
			}
			return nil
		case c < ' ':
			return p.fault("a control character in a string")
		case c == '\\':
			if err := p.escape(); err != nil {
				return err
			}
			plain = false
		default:
			plain = plain && c < utf8.RuneSelf
			p.at++
		}
	}
	return p.fault("a string does not end")
}

// escape steps over a backslash and what it escapes.
func (p *parser) escape() error {
	p.at++
	if p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case strings.IndexByte(`"\/bfnrt`, c) >= 0:
			p.at++
			return nil
		case c == 'u':
			if _, ok := hex4(p.src, p.at+1); ok {
				p.at += 5
				return nil
			}
		}
	}
	return p.fault("not an escape")
}

// number steps over a number. Source: RFC 8259, section 6.
func (p *parser) number() error {
	p.peek('-')
	start := p.at
	if p.digits() == 0 {
		return p.fault("not a JSON value")
	}
	if p.src[start] == '0' && p.at > start+1 {
		p.at = start
		return p.fault("a number begins with zero")
	}
	if p.peek('.') && p.digits() == 0 {
		return p.fault("a digit is missing")
	}
	if p.peek('e') || p.peek('E') {
		if !p.peek('+') {
			p.peek('-')
		}
		if p.digits() == 0 {
			return p.fault("a digit is missing")
		}
	}
	return nil
}

func (p *parser) digits() int {
	start := p.at
	for p.at < len(p.src) && p.src[p.at] >= '0' && p.src[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// hex4 reads four hexadecimal digits at b[at].
func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unquote resolves the escapes of a quoted string whose grammar is right; without escapes the result aliases it.
// false for invalid UTF-8 and lone surrogates.
func unquote(quoted []byte) ([]byte, bool) {
	inner := quoted[1 : len(quoted)-1]
	first := bytes.IndexByte(inner, '\\')
	if first < 0 {
		return inner, utf8.Valid(inner)
	}
	out := append(make([]byte, 0, len(inner)), inner[:first]...)
	for i := first; i < len(inner); i++ {
		if inner[i] != '\\' {
			out = append(out, inner[i])
			continue
		}
		i++
		if inner[i] != 'u' {
			out = append(out, unescaped(inner[i]))
			continue
		}
		r, _ := hex4(inner, i+1)
		i += 4
		if r >= 0xd800 && r < 0xe000 {
			low, ok := rune(0), false
			if r < 0xdc00 && bytes.HasPrefix(inner[i+1:], []byte(`\u`)) {
				low, ok = hex4(inner, i+3)
			}
			if !ok || low < 0xdc00 || low >= 0xe000 {
				return nil, false
			}
			r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return out, utf8.Valid(out)
}

// unescaped returns what the character after a backslash means.
func unescaped(c byte) byte {
	if i := strings.IndexByte("bfnrt", c); i >= 0 {
		return "\b\f\n\r\t"[i]
	}
	return c
}

// quote appends a string as JSON, escaping only what RFC 8259 demands.
func quote(dst []byte, s []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		default:
			if i := strings.IndexByte("\b\f\n\r\t", c); i >= 0 {
				dst = append(dst, '\\', "bfnrt"[i])
			} else {
				dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			}
		}
	}
	return append(dst, '"')
}

// print appends a value compactly, in its own order. false if it is deeper than MaxDepth.
func (n *node) print(dst []byte, depth int) ([]byte, bool) {
	switch n.kind {
	case object:
		dst = append(dst, '{')
		for i := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(dst, n.members[i].raw...), ':')
			var ok bool
			if dst, ok = n.members[i].value.print(dst, depth+1); !ok {
				return dst, false
			}
		}
		return append(dst, '}'), depth < MaxDepth
	case array:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			var ok bool
			if dst, ok = item.print(dst, depth+1); !ok {
				return dst, false
			}
		}
		return append(dst, ']'), depth < MaxDepth
	}
	return append(dst, n.raw...), true
}

// address appends a place as a JSON Pointer, with "*" for an item.
func (p *place) address(dst []byte) []byte {
	if p.parent == nil {
		return dst
	}
	dst = append(p.parent.address(dst), '/')
	if p.name == nil {
		return append(dst, '*')
	}
	return append(dst, escapeToken(string(p.name))...)
}

// inferred appends the addresses of all nodes below n that an op made, n's own being at.
func (n *node) inferred(addresses map[string]bool, at string) {
	if n.made {
		addresses[at] = true
		return
	}
	for i := range n.members {
		n.members[i].value.inferred(addresses, at+"/"+escapeToken(string(n.members[i].name)))
	}
	for _, item := range n.items {
		item.inferred(addresses, at+"/*")
	}
}

// An arena hands out nodes that are all given back at once.
type arena struct {
	nodes       slab[node]
	places      slab[place]
	memberSlab  []member
	itemSlab    []*node
	memberStack []member
	itemStack   []*node
}

const (
	arenaChunk = 128
	arenaKeeps = 64 // chunks kept for the next event; what one unusual event needed beyond goes back to the collector
)

func (a *arena) node() *node   { return a.nodes.next() }
func (a *arena) place() *place { return a.places.next() }

// A slab hands out zero values from chunks that are used again.
type slab[T any] struct {
	chunks [][]T
	chunk  int // in use
	used   int // values of it
}

func (s *slab[T]) next() *T {
	if s.chunk == len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, arenaChunk))
	}
	v := &s.chunks[s.chunk][s.used]
	if s.used++; s.used == arenaChunk {
		s.chunk, s.used = s.chunk+1, 0
	}
	return v
}

func (s *slab[T]) release() {
	for i := range min(s.chunk+1, len(s.chunks)) {
		clear(s.chunks[i])
	}
	if len(s.chunks) > arenaKeeps {
		s.chunks = s.chunks[:arenaKeeps:arenaKeeps]
	}
	s.chunk, s.used = 0, 0
}

// members moves the members above mark from the stack to a slice of their own.
func (a *arena) members(mark int) []member {
	list := a.memberStack[mark:]
	if cap(a.memberSlab)-len(a.memberSlab) < len(list) {
		a.memberSlab = make([]member, 0, max(arenaChunk, len(list)))
	}
	start := len(a.memberSlab)
	a.memberSlab = append(a.memberSlab, list...)
	clear(list)
	a.memberStack = a.memberStack[:mark]
	return a.memberSlab[start:len(a.memberSlab):len(a.memberSlab)]
}

// items does the same for the items of an array.
func (a *arena) items(mark int) []*node {
	list := a.itemStack[mark:]
	if cap(a.itemSlab)-len(a.itemSlab) < len(list) {
		a.itemSlab = make([]*node, 0, max(arenaChunk, len(list)))
	}
	start := len(a.itemSlab)
	a.itemSlab = append(a.itemSlab, list...)
	clear(list)
	a.itemStack = a.itemStack[:mark]
	return a.itemSlab[start:len(a.itemSlab):len(a.itemSlab)]
}

// release gives all nodes back; whoever holds one must have let go of it.
func (a *arena) release() {
	a.nodes.release()
	a.places.release()
	clear(a.memberSlab)
	clear(a.itemSlab)
	a.memberSlab, a.itemSlab = a.memberSlab[:0], a.itemSlab[:0]
	clear(a.memberStack)
	clear(a.itemStack)
	a.memberStack, a.itemStack = a.memberStack[:0], a.itemStack[:0]
}
