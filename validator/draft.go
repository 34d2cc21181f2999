package validator

import (
	"slices"
	"strings"
)

// String is the draft's usual name, "draft-07" or "2020-12".
func (d Draft) String() string {
	switch d {
	case Draft4:
		return "draft-04"
	case Draft6:
		return "draft-06"
	case Draft7:
		return "draft-07"
	case Draft2019:
		return "2019-09"
	case Draft2020:
		return "2020-12"
	}
	return "no draft"
}

// Warning is a keyword that means nothing where it stands, so that an author who wrote it is mistaken.
type Warning struct {
	Pointer string // JSON Pointer of the keyword, into the root document
	Keyword string
	Message string
}

// everyDraft names the values of $schema that are understood, for messages.
const everyDraft = "draft-04, draft-06, draft-07, 2019-09 and 2020-12"

// namedDraft returns the draft that a value of $schema names, 0 if it names none of the five.
func namedDraft(uri string) Draft {
	uri = strings.TrimSuffix(uri, "#")
	uri = strings.TrimPrefix(strings.TrimPrefix(uri, "https://"), "http://")
	switch uri {
	case "json-schema.org/draft-04/schema":
		return Draft4
	case "json-schema.org/draft-06/schema":
		return Draft6
	case "json-schema.org/draft-07/schema":
		return Draft7
	case "json-schema.org/draft/2019-09/schema":
		return Draft2019
	case "json-schema.org/draft/2020-12/schema":
		return Draft2020
	}
	return 0
}

// position says where a keyword holds schemas.
type position uint8

const (
	holdsOne  position = 1 << iota // the value is a schema
	holdsList                      // an array of schemas
	holdsMap                       // an object whose members are schemas
)

// meaning is what a keyword means: from the first to the last draft, and where it holds schemas.
type meaning struct {
	from, to Draft
	holds    position
}

// keywords holds every keyword that asserts something, applies a schema or identifies one. Three stay alive longer than
// their specification says, as jsonschema v5 has them: dependencies, definitions, $recursiveRef.
var keywords = map[string]meaning{
	"$ref":                  {Draft4, Draft2020, 0},
	"id":                    {Draft4, Draft4, 0},
	"$id":                   {Draft6, Draft2020, 0},
	"$anchor":               {Draft2019, Draft2020, 0},
	"$recursiveRef":         {Draft2019, Draft2020, 0},
	"$recursiveAnchor":      {Draft2019, Draft2020, 0},
	"$dynamicRef":           {Draft2020, Draft2020, 0},
	"$dynamicAnchor":        {Draft2020, Draft2020, 0},
	"definitions":           {Draft4, Draft2020, holdsMap},
	"$defs":                 {Draft4, Draft2020, holdsMap},
	"type":                  {Draft4, Draft2020, 0},
	"enum":                  {Draft4, Draft2020, 0},
	"const":                 {Draft6, Draft2020, 0},
	"not":                   {Draft4, Draft2020, holdsOne},
	"allOf":                 {Draft4, Draft2020, holdsList},
	"anyOf":                 {Draft4, Draft2020, holdsList},
	"oneOf":                 {Draft4, Draft2020, holdsList},
	"if":                    {Draft7, Draft2020, holdsOne},
	"then":                  {Draft7, Draft2020, holdsOne},
	"else":                  {Draft7, Draft2020, holdsOne},
	"minimum":               {Draft4, Draft2020, 0},
	"maximum":               {Draft4, Draft2020, 0},
	"exclusiveMinimum":      {Draft4, Draft2020, 0},
	"exclusiveMaximum":      {Draft4, Draft2020, 0},
	"multipleOf":            {Draft4, Draft2020, 0},
	"minLength":             {Draft4, Draft2020, 0},
	"maxLength":             {Draft4, Draft2020, 0},
	"pattern":               {Draft4, Draft2020, 0},
	"format":                {Draft4, Draft2020, 0},
	"contentEncoding":       {Draft7, Draft2020, 0},
	"contentMediaType":      {Draft7, Draft2020, 0},
	"contentSchema":         {Draft7, Draft2020, holdsOne},
	"items":                 {Draft4, Draft2020, holdsOne | holdsList},
	"additionalItems":       {Draft4, Draft2019, holdsOne},
	"prefixItems":           {Draft2020, Draft2020, holdsList},
	"minItems":              {Draft4, Draft2020, 0},
	"maxItems":              {Draft4, Draft2020, 0},
	"uniqueItems":           {Draft4, Draft2020, 0},
	"contains":              {Draft6, Draft2020, holdsOne},
	"minContains":           {Draft2019, Draft2020, 0},
	"maxContains":           {Draft2019, Draft2020, 0},
	"unevaluatedItems":      {Draft2019, Draft2020, holdsOne},
	"properties":            {Draft4, Draft2020, holdsMap},
	"patternProperties":     {Draft4, Draft2020, holdsMap},
	"additionalProperties":  {Draft4, Draft2020, holdsOne},
	"propertyNames":         {Draft6, Draft2020, holdsOne},
	"minProperties":         {Draft4, Draft2020, 0},
	"maxProperties":         {Draft4, Draft2020, 0},
	"required":              {Draft4, Draft2020, 0},
	"dependencies":          {Draft4, Draft2020, holdsMap},
	"dependentRequired":     {Draft2019, Draft2020, 0},
	"dependentSchemas":      {Draft2019, Draft2020, holdsMap},
	"unevaluatedProperties": {Draft2019, Draft2020, holdsOne},
}

// besideRef are the keywords that keep their use beside a $ref of the drafts up to 7, where all others are ignored.
var besideRef = []string{"$ref", "$defs", "definitions"}

// meaningless returns why a keyword of a schema object means nothing there, "" if it does.
func meaningless(d Draft, keyword string, hasRef bool) string {
	m, known := keywords[keyword]
	switch {
	case !known:
		return ""
	case d <= Draft7 && hasRef && !slices.Contains(besideRef, keyword):
		return "is ignored beside $ref in " + d.String()
	case d < m.from:
		return "means nothing in " + d.String() + ", it came with " + m.from.String()
	case d > m.to:
		return "means nothing in " + d.String() + ", it went after " + m.to.String()
	}
	return ""
}
