package validator_test

import (
	"fmt"
	"strconv"
	"strings"
)

// grammar makes schemas and events of bytes, so that a random stream and a fuzzer can both drive it. Where the bytes
// end, every choice is the first one, which is the simplest.
type grammar struct {
	bytes []byte
	draft int // index into suiteDrafts
	names int // of definitions that are being made
}

func (g *grammar) choose(n int) int {
	if len(g.bytes) == 0 {
		return 0
	}
	b := int(g.bytes[0])
	g.bytes = g.bytes[1:]
	return b % n
}

func (g *grammar) one(options ...string) string { return options[g.choose(len(options))] }

// Few words, so that schemas and events meet: short and long names, names whose ends are alike, characters that are
// escaped, strings that formats like.
var (
	grammarNames   = []string{"a", "b", "kind", "x1", "id", "é", "a_name_that_is_longer_than_24_bytes", "a_name_that_is_longer_than_24_bitts", "q\"\\", ""}
	grammarStrings = []string{
		"a", "b", "ab", "abc", "é", "x\ny", "2026-01-02", "2026-01-02T03:04:05Z", "a@b.c", "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "http://a/b", "😀", "1", "AB-12", "e30=", "a long text of more than thirty-two bytes", "",
	}
	grammarNumbers  = []string{"0", "1", "2", "-1", "1.0", "0.5", "1e1", "10", "12.34", "-0", "100000000000000000000", "0.1", "3", "999999999999999999", "1.5e-3", "-7.25"}
	grammarPatterns = []string{"^a", "b$", "^[a-z]+$", "^[A-Z]{2}-[0-9]+$", "é", ".", "^$", "a|b", `\d{2,}`, `^x[0-9]?$`, `\bab\b`, "(?i)^AB", `^\w+@\w+$`, `["\\]`}
	grammarFormats  = []string{"date", "date-time", "email", "uuid", "uri", "ipv4", "hostname", "regex", "time", "json-pointer", "uri-reference", "duration"}
)

func quoted(s string) string { return strconv.Quote(s) }

// document is a whole schema with definitions to refer to.
func (g *grammar) document() string {
	g.draft = g.choose(len(suiteDrafts))
	g.names = 3
	root := g.object(3)
	var defs []string
	for k := range 3 {
		g.names = k // refer to earlier definitions only, or to the root from inside
		defs = append(defs, fmt.Sprintf(`"d%d":%s`, k, g.schema(2)))
	}
	members := fmt.Sprintf(`"$schema":%q,"definitions":{%s}`, suiteDrafts[g.draft].uri, strings.Join(defs, ","))
	switch g.draft {
	case 3:
		members += `,"$recursiveAnchor":true`
	case 4:
		members += `,"$dynamicAnchor":"n"`
	}
	if root == "{}" {
		return "{" + members + "}"
	}
	return "{" + members + "," + root[1:]
}

func (g *grammar) schema(depth int) string {
	if g.draft > 0 {
		switch g.choose(12) {
		case 1:
			return "true"
		case 2:
			return "false"
		}
	}
	return g.object(depth)
}

func (g *grammar) object(depth int) string {
	keywords := map[string]string{}
	var order []string
	for range 1 + g.choose(4) {
		name, value := g.keyword(depth)
		if name != "" && keywords[name] == "" {
			keywords[name] = value
			order = append(order, name)
		}
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%q:%s", name, keywords[name])
	}
	return "{" + strings.Join(order, ",") + "}"
}

func (g *grammar) keyword(depth int) (name, value string) {
	if depth > 0 && g.choose(3) > 0 {
		return g.applicator(depth - 1)
	}
	switch g.choose(20) {
	case 0, 1:
		return "type", g.types()
	case 2:
		if g.draft == 0 {
			return "enum", g.list(1, g.value)
		}
		return "const", g.value()
	case 3:
		return "enum", g.list(1, g.value)
	case 4:
		return g.one("minimum", "maximum"), g.one(grammarNumbers...)
	case 5:
		if g.draft == 0 {
			return "maximum", g.one(grammarNumbers...)
		}
		return g.one("exclusiveMinimum", "exclusiveMaximum"), g.one(grammarNumbers...)
	case 6:
		return "multipleOf", g.one("1", "2", "0.5", "0.01", "3", "1e-3", "7")
	case 7:
		return g.one("minLength", "maxLength"), g.count()
	case 8, 9:
		return "pattern", quoted(g.one(grammarPatterns...))
	case 10, 11:
		return "format", quoted(g.one(grammarFormats...))
	case 12:
		return g.one("minItems", "maxItems"), g.count()
	case 13:
		return "uniqueItems", "true"
	case 14:
		return g.one("minProperties", "maxProperties"), g.count()
	case 15, 16, 17:
		return "required", g.nameList()
	case 18:
		if g.draft >= 3 {
			return "dependentRequired", fmt.Sprintf("{%s:%s}", g.name(), g.nameList())
		}
		return "dependencies", fmt.Sprintf("{%s:%s}", g.name(), g.nameList())
	}
	if g.draft == 2 {
		return g.one("contentEncoding", "contentMediaType"), g.one(`"base64"`, `"application/json"`)
	}
	return "", ""
}

func (g *grammar) applicator(depth int) (name, value string) {
	schema := func() string { return g.schema(depth) }
	switch g.choose(23) {
	case 0, 1, 2, 3:
		return "properties", g.properties(depth)
	case 4, 5:
		return "additionalProperties", g.one("false", schema(), "false")
	case 6:
		return "patternProperties", g.patterns(schema)
	case 7, 8:
		return "items", schema()
	case 9:
		if g.draft == 4 {
			return "prefixItems", g.list(1, schema)
		}
		return "items", g.list(1, schema)
	case 10:
		return g.one("allOf", "anyOf", "oneOf"), g.list(1, schema)
	case 11:
		if g.choose(3) == 2 {
			return g.one("anyOf", "oneOf"), g.list(2, func() string { return fmt.Sprintf(`{"enum":%s}`, g.list(1, g.value)) })
		}
		return g.one("allOf", "anyOf", "oneOf"), g.list(1, schema)
	case 12, 13:
		return g.one("oneOf", "anyOf"), g.variants(depth)
	case 14:
		return "not", schema()
	case 15:
		if g.names > 0 {
			return "$ref", fmt.Sprintf(`"#/definitions/d%d"`, g.choose(g.names))
		}
	case 16:
		again := `"$ref":"#"`
		switch {
		case g.draft == 3 && g.choose(2) == 1:
			again = `"$recursiveRef":"#"`
		case g.draft == 4 && g.choose(2) == 1:
			again = `"$dynamicRef":"#n"`
		}
		return "properties", fmt.Sprintf(`{%s:{%s}}`, g.name(), again)
	case 22:
		if g.draft >= 3 && g.names > 0 {
			return "allOf", fmt.Sprintf(`[{"$ref":"#/definitions/d%d"},{"properties":%s}]`, g.choose(g.names), g.properties(depth))
		}
	case 17:
		if g.draft >= 1 {
			return g.one("contains", "propertyNames"), schema()
		}
	case 18:
		if g.draft < 2 {
			break
		}
		if g.choose(4) == 1 { // the form that many schemas have
			return "if", fmt.Sprintf(`{"properties":{"kind":{%s}},"required":["kind"]},"then":%s,"else":%s`, g.one(`"const":"a"`, `"enum":["a","b"]`, `"const":1`), schema(), schema())
		}
		return g.one("if", "then", "else"), schema()
	case 19:
		if g.draft < 3 {
			break
		}
		if g.choose(3) == 1 {
			return "allOf", fmt.Sprintf(`[{%q:%s},{%q:%s}],"unevaluatedItems":%s`, g.prefixItems(), g.list(1, schema), g.one("items", "contains", g.prefixItems()), schema(), g.one("false", schema()))
		}
		return g.one("unevaluatedProperties", "unevaluatedItems"), g.one("false", schema())
	case 20:
		if g.draft >= 3 {
			return "dependentSchemas", fmt.Sprintf("{%s:%s}", g.name(), schema())
		}
		return "dependencies", fmt.Sprintf("{%s:%s}", g.name(), g.object(depth))
	case 21:
		if g.draft >= 3 {
			return g.one("minContains", "maxContains"), g.count()
		}
	}
	return "", ""
}

// variants are forms that a member tells apart, as events have them.
func (g *grammar) variants(depth int) string {
	var forms []string
	for k := range 2 + g.choose(2) {
		forms = append(forms, fmt.Sprintf(`{"properties":{"kind":{"enum":[%q]},%s:%s},"required":["kind"]}`,
			grammarStrings[k], g.nameBut("kind"), g.schema(depth)))
	}
	return "[" + strings.Join(forms, ",") + "]"
}

func (g *grammar) properties(depth int) string {
	taken := map[string]bool{}
	var members []string
	for range 1 + g.choose(4) {
		if name := g.name(); !taken[name] {
			taken[name] = true
			members = append(members, name+":"+g.schema(depth))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// prefixItems is what the draft calls the keyword.
func (g *grammar) prefixItems() string {
	if g.draft == 4 {
		return "prefixItems"
	}
	return "items"
}

// patterns are one pattern, or as many as get an automaton together.
func (g *grammar) patterns(schema func() string) string {
	first, n := g.choose(len(grammarPatterns)), 1
	if g.choose(3) == 2 {
		n = 2 + g.choose(7)
	}
	var members []string
	for k := range n {
		members = append(members, quoted(grammarPatterns[(first+k)%len(grammarPatterns)])+":"+schema())
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g *grammar) types() string {
	types := []string{`"object"`, `"string"`, `"integer"`, `"array"`, `"number"`, `"null"`, `"boolean"`}
	first := g.choose(len(types))
	if g.choose(3) > 0 {
		return types[first]
	}
	return "[" + types[first] + "," + types[(first+1+g.choose(len(types)-1))%len(types)] + "]"
}

func (g *grammar) name() string { return quoted(g.one(grammarNames...)) }

// nameBut is a name other than one.
func (g *grammar) nameBut(name string) string {
	if n := g.one(grammarNames...); n != name {
		return quoted(n)
	}
	return `"other"`
}

func (g *grammar) count() string { return strconv.Itoa(g.choose(4)) }

func (g *grammar) nameList() string {
	first := g.choose(len(grammarNames))
	if g.choose(2) == 0 {
		return "[" + quoted(grammarNames[first]) + "]"
	}
	second := (first + 1 + g.choose(len(grammarNames)-1)) % len(grammarNames)
	return "[" + quoted(grammarNames[first]) + "," + quoted(grammarNames[second]) + "]"
}

func (g *grammar) list(least int, item func() string) string {
	var items []string
	for range least + g.choose(3) {
		items = append(items, item())
	}
	return "[" + strings.Join(items, ",") + "]"
}

// value is a small value of a schema.
func (g *grammar) value() string {
	switch g.choose(8) {
	case 0, 1, 2:
		return quoted(g.one(grammarStrings...))
	case 3, 4:
		return g.one(grammarNumbers...)
	case 5:
		return g.one("true", "false", "null")
	case 6:
		return "[" + g.one(grammarNumbers...) + "]"
	}
	return "{" + g.name() + ":" + g.one(grammarNumbers...) + "}"
}

// event is a value of any form, written in any way: spaces, escapes, members in any order, now and then a name twice.
func (g *grammar) event(depth int) string {
	kind := g.choose(12)
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0, 1:
		return g.one(grammarNumbers...)
	case 2, 3, 4:
		return g.text(g.one(grammarStrings...))
	case 5:
		return g.one("null", "true", "false")
	case 6, 7:
		return "[" + g.space() + g.join(func() string { return g.event(depth - 1) }) + g.space() + "]"
	}
	taken := map[string]bool{}
	return "{" + g.space() + g.join(func() string {
		name := g.one(grammarNames...)
		if taken[name] && g.choose(12) > 0 {
			name += strconv.Itoa(len(taken))
		}
		taken[name] = true
		value := g.event(depth - 1)
		if name == "kind" && g.choose(4) > 0 {
			value = g.text(grammarStrings[g.choose(3)])
		}
		return g.text(name) + g.space() + ":" + g.space() + value
	}) + "}"
}

func (g *grammar) space() string {
	if g.choose(4) > 0 {
		return ""
	}
	return g.one(" ", "\n\t", "  ", "\r")
}

func (g *grammar) join(item func() string) string {
	var b strings.Builder
	for i := range g.choose(6) {
		if i > 0 {
			b.WriteString(g.space() + "," + g.space())
		}
		b.WriteString(item())
	}
	return b.String()
}

// text is a string with its quotes, perhaps with more escapes than it needs.
func (g *grammar) text(s string) string {
	more := g.choose(6) == 5
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || more && c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		case more:
			fmt.Fprintf(&b, `\u%04X\u%04X`, 0xd800+(c-0x10000)>>10, 0xdc00+(c-0x10000)&0x3ff)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// damage changes a few bytes of a text: cut, doubled, swapped, replaced.
func (g *grammar) damage(text string) string {
	b := []byte(text)
	for range 1 + g.choose(2) {
		if len(b) < 2 {
			break
		}
		at, size := (g.choose(256)*7+g.choose(256))%(len(b)-1), 1+g.choose(4)
		end := min(at+size, len(b))
		switch g.choose(5) {
		case 0:
			b[at] = g.one(`"`, `\`, "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", " ", "\x00", "\xff", "é", "a")[0]
		case 1:
			b = append(b[:at:at], b[end:]...)
		case 2:
			b = append(append(b[:end:end], b[at:end]...), b[end:]...)
		case 3:
			b[at], b[end-1] = b[end-1], b[at]
		case 4:
			b = b[:at]
		}
	}
	return string(b)
}
