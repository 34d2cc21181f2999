package validator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonschema "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/accordhq/accord/validator"
)

// TestExplainAsV5 holds what Explain finds in the official suite's instances against the leaves of jsonschema v5's errors:
// the same keywords do not hold in the same places. TestAgreement does so under random schemas.
func TestExplainAsV5(t *testing.T) {
	files := suiteFiles(t)
	var l leaves
	for _, draft := range suiteDrafts {
		for name, text := range files {
			if !strings.HasPrefix(name, "tests/"+draft.folder+"/") || strings.Contains(name, "/optional/") {
				continue
			}
			var groups []suiteGroup
			if err := json.Unmarshal(text, &groups); err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				schema := withDraft(g.Schema, draft.uri)
				s, err := validator.Compile(validator.Document{Text: schema}, validator.Limits{})
				if err != nil {
					continue // it refers to another document
				}
				for _, test := range g.Tests {
					l.compare(t, s, string(schema), test.Data)
				}
			}
		}
	}
	t.Logf("%+v", l)
	if l.compared < 300 {
		t.Errorf("the comparison says little: %+v", l)
	}
}

// leaves counts what was compared.
type leaves struct{ compared, places, leftOut int }

// compare compares the places and keywords of one event. Left out are events that a union refuses, of which we explain
// the nearest branch and v5 all, those that the oracle is not asked about, those with an empty name, and
// those where something does not hold beside what is left over.
func (l *leaves) compare(t *testing.T, s *validator.Schema, text string, event []byte) {
	t.Helper()
	if valid, asked := s.Oracle(event); valid || !asked || emptyName.Match(event) {
		return
	}
	dec := json.NewDecoder(bytes.NewReader(event))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	refusal, ok := errors.AsType[*jsonschema.ValidationError](s.V5().(*jsonschema.Schema).Validate(v))
	if !ok {
		return
	}
	want := map[string]bool{}
	if !leavesOf(refusal, false, want) {
		l.leftOut++
		return
	}
	got := map[string]bool{}
	found := s.Explain(event, 0)
	for _, violation := range found {
		got[ourPlace(violation)] = true
	}
	l.compared++
	l.places += len(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" && len(found) < validator.MaxViolations {
		t.Errorf("Explain(%s) under %s finds other places than jsonschema v5 (-v5 +Explain):\n%s\n%#v", event, text, diff, refusal)
	}
}

// ofContainer are keywords that v5 notes at the object or array, and we at the member or item.
var ofContainer = []string{"additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems"}

func place(pointer, keyword string) string { return pointer + " " + keyword }

// emptyName is a member whose name v5 forgets in its pointers.
var emptyName = regexp.MustCompile(`""\s*:`)

func ourPlace(v validator.Violation) string {
	pointer, keyword := v.Pointer, v.Keyword
	if slices.Contains(ofContainer, keyword) {
		pointer = pointer[:strings.LastIndexByte(pointer, '/')]
	}
	switch keyword {
	case "items": // false, behind prefixItems
		keyword = "false"
	case "minContains":
		keyword = "contains"
	}
	return place(pointer, keyword)
}

// leavesOf collects the leaves of an error; false if a union is among its nodes. Whatever a name breaks counts for
// propertyNames.
func leavesOf(e *jsonschema.ValidationError, ofName bool, into map[string]bool) bool {
	tokens := strings.Split(e.KeywordLocation, "/")
	last := tokens[len(tokens)-1]
	if last == "anyOf" || last == "oneOf" {
		return false
	}
	ofName = ofName || slices.Contains(tokens, "propertyNames")
	// Why no item matches contains is nobody's fault but the array's.
	if len(e.Causes) == 0 || last == "contains" || last == "minContains" {
		if ofName {
			tokens = []string{"propertyNames"}
		}
		into[leafPlace(e, tokens)] = true
		return true
	}
	leftOver := func(cause *jsonschema.ValidationError) bool {
		return strings.Count(cause.KeywordLocation, "/unevaluated") > strings.Count(e.KeywordLocation, "/unevaluated")
	}
	// What is left over we tell only where everything else holds; where that was, v5 does not say.
	if first := leftOver(e.Causes[0]); slices.ContainsFunc(e.Causes, func(cause *jsonschema.ValidationError) bool { return leftOver(cause) != first }) {
		return false
	}
	for _, cause := range e.Causes {
		if !leavesOf(cause, ofName, into) {
			return false
		}
	}
	return true
}

func leafPlace(e *jsonschema.ValidationError, tokens []string) string {
	pointer, err := url.PathUnescape(e.InstanceLocation)
	if err != nil {
		pointer = e.InstanceLocation
	}
	if e.Message == "not allowed" { // the schema false
		keyword := tokens[len(tokens)-1]
		switch {
		case keyword == "propertyNames":
			return place(pointer, keyword)
		case slices.Contains(ofContainer, keyword):
			return place(pointer[:strings.LastIndexByte(pointer, '/')], keyword)
		}
		return place(pointer, "false")
	}
	for k := len(tokens) - 1; k >= 0; k-- {
		if tokens[k] == "propertyNames" {
			break
		}
		if tokens[k] != "false" && validator.Rank(tokens[k]) >= 0 {
			keyword := tokens[k]
			if keyword == "minContains" {
				keyword = "contains"
			}
			return place(pointer, keyword)
		}
	}
	return place(pointer, "propertyNames")
}
