package compat

import "strings"

// row makes a rule whose schemas are short enough to stand on one line.
func row(id, keyword, confluent, meaning, old, next, event string) Rule {
	r := Rule{ID: id, Keyword: keyword, Confluent: confluent, Meaning: meaning, Old: old, New: next, Event: event, Ways: waysNarrow}
	if event == "" {
		r.Ways = waysWiden
	}
	return r
}

// pair makes the two rules of a keyword that comes and goes.
func pair(id, keyword, confluentAdded, confluentRemoved, without, with, event string) []Rule {
	return []Rule{
		row(id+"-added", keyword, confluentAdded, keyword+" is new", without, with, event),
		row(id+"-removed", keyword, confluentRemoved, keyword+" is gone", with, without, ""),
	}
}

// neutral makes a rule about something that asserts nothing.
func neutral(id, keyword, confluent, meaning, old, next string) Rule {
	r := row(id, keyword, confluent, meaning, old, next, "")
	r.Ways = waysNone
	return r
}

func valueRules() []Rule {
	out := []Rule{
		row("multiple-of-added", "multipleOf", "MULTIPLE_OF_ADDED", "multipleOf is new", `{"type":"number"}`, `{"type":"number","multipleOf":2}`, "1"),
		row("multiple-of-removed", "multipleOf", "MULTIPLE_OF_REMOVED", "multipleOf is gone", `{"type":"number","multipleOf":2}`, `{"type":"number"}`, ""),
		row("multiple-of-expanded", "multipleOf", "MULTIPLE_OF_EXPANDED", "multipleOf is a multiple of what it was", `{"type":"number","multipleOf":2}`, `{"type":"number","multipleOf":4}`, "2"),
		row("multiple-of-reduced", "multipleOf", "MULTIPLE_OF_REDUCED", "multipleOf divides what it was", `{"type":"number","multipleOf":4}`, `{"type":"number","multipleOf":2}`, ""),
		row("multiple-of-changed", "multipleOf", "MULTIPLE_OF_CHANGED", "multipleOf is another number, neither a multiple nor a divisor", `{"type":"number","multipleOf":2}`, `{"type":"number","multipleOf":3}`, "2"),
		row("type-added", "type", "TYPE_CHANGED", "type is new", `{}`, `{"type":"string"}`, "null"),
		row("type-removed", "type", "TYPE_CHANGED", "type is gone", `{"type":"string"}`, `{}`, ""),
		row("type-changed", "type", "TYPE_CHANGED", "type neither contains nor is contained in what it was", `{"type":"string"}`, `{"type":"integer"}`, `""`),
		row("type-widened", "type", "TYPE_EXTENDED", "type takes more than before", `{"type":"integer"}`, `{"type":"number"}`, ""),
		row("type-narrowed", "type", "TYPE_NARROWED", "type takes less than before", `{"type":"number"}`, `{"type":"integer"}`, "0.5"),
		row("enum-value-added", "enum", "ENUM_ARRAY_EXTENDED", "enum has a new value", `{"enum":["a"]}`, `{"enum":["a","b"]}`, ""),
		row("enum-value-removed", "enum", "ENUM_ARRAY_NARROWED", "enum has lost a value", `{"enum":["a","b"]}`, `{"enum":["a"]}`, `"b"`),
		row("const-changed", "const", "ENUM_ARRAY_CHANGED", "const is another value", `{"const":"a"}`, `{"const":"b"}`, `"a"`),
	}
	out = append(out, pair("const", "const", "TYPE_CHANGED", "TYPE_CHANGED", `{}`, `{"const":"a"}`, "null")...)
	return append(out, pair("enum", "enum", "TYPE_CHANGED", "TYPE_CHANGED", `{}`, `{"enum":["a"]}`, "null")...)
}

func stringRules() []Rule {
	out := pair("pattern", "pattern", "PATTERN_ADDED", "PATTERN_REMOVED", `{"type":"string"}`, `{"type":"string","pattern":"a"}`, `""`)
	out = append(out, row("pattern-changed", "pattern", "PATTERN_CHANGED", "pattern is another text", `{"type":"string","pattern":"a"}`, `{"type":"string","pattern":"b"}`, `"a"`))
	out = append(out, pair("format", "format", "", "", `{"type":"string"}`, `{"type":"string","format":"date"}`, `""`)...)
	out = append(out, row("format-changed", "format", "", "format is another one", `{"type":"string","format":"date"}`, `{"type":"string","format":"uuid"}`, `"2026-02-03"`))
	content := func(s string) string { return `{"type":"string"` + s + `}` }
	return append(out,
		row("content-added", "contentMediaType", "", "contentEncoding or contentMediaType is new", content(""), content(`,"contentMediaType":"application/json"`), `""`),
		row("content-removed", "contentMediaType", "", "contentEncoding or contentMediaType is gone", content(`,"contentMediaType":"application/json"`), content(""), ""),
		row("content-changed", "contentMediaType", "", "contentEncoding or contentMediaType is another one", content(`,"contentMediaType":"application/json"`), content(`,"contentEncoding":"base64"`), `"0"`))
}

const draft2019, draft2020 = `"$schema":"https://json-schema.org/draft/2019-09/schema",`, `"$schema":"https://json-schema.org/draft/2020-12/schema",`

func objectRules() []Rule {
	object := func(rest string) string { return `{"type":"object"` + rest + `}` }
	closed := func(rest string) string { return object(`,"additionalProperties":false` + rest) }
	out := []Rule{
		row("property-added", "properties", "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "properties has a new name", object(""), object(`,"properties":{"a":{"type":"string"}}`), `{"a":null}`),
		row("property-removed", "properties", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", "properties has lost a name", closed(`,"properties":{"a":{}}`), closed(""), `{"a":null}`),
		row("property-required", "required", "REQUIRED_ATTRIBUTE_ADDED", "a name of properties has become required", object(`,"properties":{"a":{}}`), object(`,"properties":{"a":{}},"required":["a"]`), `{}`),
		row("property-optional", "required", "REQUIRED_ATTRIBUTE_REMOVED", "a name of properties is no longer required", object(`,"properties":{"a":{}},"required":["a"]`), object(`,"properties":{"a":{}}`), ""),
		row("required-name-added", "required", "", "a name that properties does not list has become required", object(""), object(`,"required":["a"]`), `{}`),
		row("required-name-removed", "required", "", "a name that properties does not list is no longer required", object(`,"required":["a"]`), object(""), ""),
	}
	pattern := func(p string) string { return object(`,"patternProperties":{"^a":` + p + `}`) }
	out = append(out,
		row("pattern-property-added", "patternProperties", "", "patternProperties has a new pattern", object(""), pattern(`{"type":"string"}`), `{"a":null}`),
		row("pattern-property-removed", "patternProperties", "", "patternProperties has lost a pattern", pattern(`{"type":"string"}`), object(""), ""))
	out = append(out, pair("property-names", "propertyNames", "", "", object(""), object(`,"propertyNames":{"maxLength":0}`), `{"a":null}`)...)
	for _, d := range []struct{ id, word, schema string }{{"required", "DEPENDENCY_ARRAY", `["b"]`}, {"schema", "DEPENDENCY_SCHEMA", `{"required":["b"]}`}} {
		keyword := "dependentRequired"
		if d.id == "schema" {
			keyword = "dependentSchemas"
		}
		with := object(`,"dependencies":{"a":` + d.schema + `}`)
		out = append(out, pair("dependent-"+d.id, keyword, d.word+"_ADDED", d.word+"_REMOVED", object(""), with, `{"a":null}`)...)
	}
	depends := func(list string) string { return object(`,"dependencies":{"a":` + list + `}`) }
	out = append(out,
		row("dependent-required-extended", "dependentRequired", "DEPENDENCY_ARRAY_EXTENDED", "a name asks for more names", depends(`["b"]`), depends(`["b","c"]`), `{"a":null,"b":null}`),
		row("dependent-required-narrowed", "dependentRequired", "DEPENDENCY_ARRAY_NARROWED", "a name asks for fewer names", depends(`["b","c"]`), depends(`["b"]`), ""),
		row("dependent-required-changed", "dependentRequired", "DEPENDENCY_ARRAY_CHANGED", "a name asks for other names", depends(`["b"]`), depends(`["c"]`), `{"a":null,"b":null}`))
	additional := func(p string) string { return object(`,"additionalProperties":` + p) }
	out = append(out, openness("additional-properties", "additionalProperties", "ADDITIONAL_PROPERTIES", object(""), additional, `{"a":null}`)...)
	unevaluated := func(p string) string { return `{` + draft2020 + `"type":"object","unevaluatedProperties":` + p + `}` }
	return append(out, openness("unevaluated-properties", "unevaluatedProperties", "UNEVALUATED_PROPERTIES", `{`+draft2020+`"type":"object"}`, unevaluated, `{"a":null}`)...)
}

// openness makes the four rules of a keyword that says what else may be there.
func openness(id, keyword, confluent, open string, with func(string) string, event string) []Rule {
	return []Rule{
		row(id+"-closed", keyword, confluent+"_REMOVED", keyword+" has become false", open, with("false"), event),
		row(id+"-opened", keyword, confluent+"_ADDED", keyword+" is no longer false", with("false"), open, ""),
		row(id+"-narrowed", keyword, confluent+"_NARROWED", keyword+" has a new or another schema", open, with(`{"type":"string"}`), event),
		row(id+"-widened", keyword, confluent+"_EXTENDED", keyword+" has lost its schema", with(`{"type":"string"}`), open, ""),
	}
}

func arrayRules() []Rule {
	array := func(rest string) string { return `{"type":"array"` + rest + `}` }
	tuple := func(items, rest string) string { return array(`,"items":[` + items + `]` + rest) }
	out := pair("prefix-item", "prefixItems", "ITEM_ADDED_TO_OPEN_CONTENT_MODEL", "ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL",
		tuple(`{"type":"string"}`, ""), tuple(`{"type":"string"},{"type":"string"}`, ""), `["",null]`)
	out = append(out, pair("items", "items", "SCHEMA_ADDED", "SCHEMA_REMOVED", array(""), array(`,"items":{"type":"string"}`), `[null]`)...)
	out = append(out, pair("contains", "contains", "", "", array(""), array(`,"contains":{"type":"string"}`), `[]`)...)
	out = append(out, pair("unique-items", "uniqueItems", "UNIQUE_ITEMS_ADDED", "UNIQUE_ITEMS_REMOVED", array(""), array(`,"uniqueItems":true`), `[null,null]`)...)
	additional := func(p string) string { return tuple(`{}`, `,"additionalItems":`+p) }
	out = append(out, openness("additional-items", "additionalItems", "ADDITIONAL_ITEMS", tuple(`{}`, ""), additional, `[null,null]`)...)
	unevaluated := func(p string) string {
		return `{` + draft2020 + `"type":"array","prefixItems":[{}],"unevaluatedItems":` + p + `}`
	}
	return append(out, openness("unevaluated-items", "unevaluatedItems", "UNEVALUATED_ITEMS", `{`+draft2020+`"type":"array","prefixItems":[{}]}`, unevaluated, `[null,null]`)...)
}

func unionRules() (out []Rule) {
	for _, u := range []struct{ id, keyword, confluent string }{{"all-of", "allOf", "PRODUCT_TYPE"}, {"any-of", "anyOf", "SUM_TYPE"}, {"one-of", "oneOf", "SUM_TYPE"}} {
		short := `{"` + u.keyword + `":[{"type":"string"},{"type":"string","minLength":0}]}`
		long := `{"` + u.keyword + `":[{"type":"string"},{"type":"string","minLength":0},{"type":"null"}]}`
		added, removed := "", "null"
		switch u.id {
		case "all-of":
			added, removed = `""`, ""
		case "one-of":
			short, long = strings.ReplaceAll(short, `,"minLength":0`, `,"minLength":1`), strings.ReplaceAll(long, `,"minLength":0`, `,"minLength":1`)
		}
		out = append(out,
			row(u.id+"-branch-added", u.keyword, u.confluent+"_EXTENDED", u.keyword+" has a new branch", short, long, added),
			row(u.id+"-branch-removed", u.keyword, u.confluent+"_NARROWED", u.keyword+" has lost a branch", long, short, removed))
	}
	not := func(s string) string { return `{"not":` + s + `}` }
	cond := func(parts string) string { return `{"if":{"type":"string"}` + parts + `}` }
	out = append(out,
		row("combinator-changed", "", "COMBINED_TYPE_CHANGED", "one of allOf, anyOf, oneOf has taken the place of another", `{"anyOf":[{"minimum":1},{"minimum":0}]}`, `{"oneOf":[{"minimum":1},{"minimum":0}]}`, "null"),
		row("combinator-widened", "", "COMBINED_TYPE_EXTENDED", "anyOf has taken the place of allOf or oneOf", `{"oneOf":[{"minimum":1},{"minimum":0}]}`, `{"anyOf":[{"minimum":1},{"minimum":0}]}`, ""),
		row("not-added", "not", "TYPE_CHANGED", "not is new", `{}`, not(`{"type":"null"}`), "null"),
		row("not-removed", "not", "TYPE_CHANGED", "not is gone", not(`{"type":"null"}`), `{}`, ""),
		row("not-widened", "not", "NOT_TYPE_EXTENDED", "the schema under not takes more", not(`{"type":"null"}`), not(`{"type":["null","string"]}`), `""`),
		row("not-narrowed", "not", "NOT_TYPE_NARROWED", "the schema under not takes less", not(`{"type":["null","string"]}`), not(`{"type":"null"}`), ""),
		row("if-added", "if", "", "if is new, with what it leads to", `{}`, cond(`,"then":{"minLength":1}`), `""`),
		row("if-removed", "if", "", "if is gone, with what it led to", cond(`,"then":{"minLength":1}`), `{}`, ""),
		row("if-changed", "if", "", "the condition is another one", `{"if":{"type":"string"},"then":false}`, `{"if":{"type":"null"},"then":false}`, "null"),
		row("then-added", "then", "", "then is new", cond(`,"else":{}`), cond(`,"else":{},"then":{"minLength":1}`), `""`),
		row("then-removed", "then", "", "then is gone", cond(`,"else":{},"then":{"minLength":1}`), cond(`,"else":{}`), ""),
		row("else-added", "else", "", "else is new", cond(`,"then":{}`), cond(`,"then":{},"else":{"type":"null"}`), "false"),
		row("else-removed", "else", "", "else is gone", cond(`,"then":{},"else":{"type":"null"}`), cond(`,"then":{}`), ""),
	)
	return out
}

func documentRules() []Rule {
	return []Rule{
		row("schema-closed", "", "", "a schema has become false", `{"properties":{"a":{}}}`, `{"properties":{"a":false}}`, `{"a":null}`),
		row("schema-opened", "", "", "a schema has become true", `{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":true}}`, ""),
		row("ref-retargeted", "$ref", "", "a reference beside other keywords leads to another definition", `{`+draft2019+`"$defs":{"a":{},"b":{"type":"string"}},"minLength":0,"$ref":"#/$defs/a"}`, `{`+draft2019+`"$defs":{"a":{},"b":{"type":"string"}},"minLength":0,"$ref":"#/$defs/b"}`, "null"),
		neutral("draft-changed", "$schema", "", "the document says another draft", `{"$schema":"http://json-schema.org/draft-06/schema#"}`, `{"$schema":"http://json-schema.org/draft-07/schema#"}`),
		neutral("id-changed", "$id", "ID_CHANGED", "$id is another one", `{"$id":"https://example.com/a"}`, `{"$id":"https://example.com/b"}`),
		neutral("title-changed", "title", "TITLE_CHANGED", "title is another text", `{"title":"a"}`, `{"title":"b"}`),
		neutral("description-changed", "description", "DESCRIPTION_CHANGED", "description is another text", `{"description":"a"}`, `{"description":"b"}`),
		neutral("default-changed", "default", "DEFAULT_CHANGED", "default is another value", `{"default":1}`, `{"default":2}`),
		neutral("annotation-changed", "", "", "an annotation is another one", `{"x-owner":"a"}`, `{"x-owner":"b"}`),
	}
}
